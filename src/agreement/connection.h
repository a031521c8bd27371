/*
 * connection.h: the connection agreement (spec/card.md, section 5): the one agreement that
 * nobody drafts. Both sides compute the same text from the two cards, each signs it when it
 * takes the other's card, and under it the two gateways speak of themselves: ping, notices
 * of outages and incidents, the list of officers. Channel `mithaq`, one purpose, no content
 * of any case.
 *
 * The text depends on the two names, the environment and the four root keys alone, so it
 * stays the same over new log, receipt and TLS keys, and whatever serials the two sides hold.
 * With another root the text is another; the one in force stays in force.
 */
#ifndef MITHAQ_AGREEMENT_CONNECTION_H
#define MITHAQ_AGREEMENT_CONNECTION_H

#include "agreement/agreement.h"
#include "agreement/card.h"

#define CONNECTION_CHANNEL   "mithaq"
#define CONNECTION_TEXT_MOST (16u * 1024)

enum connection_clause {
	CONNECTION_PING,     /* at -> at */
	CONNECTION_OUTAGE,   /* from, until, text -> noted */
	CONNECTION_INCIDENT, /* the same */
	CONNECTION_OFFICERS, /* day -> officers */
};

/* Appends the text. The cards come in either order; ERR_VALUE when they are of one party or of two environments. */
enum err connection_write(const struct card *one, const struct card *other, struct buffer *out) must_use;

/* Is this text, byte for byte, the connection agreement of the parties and roots that it names? */
bool connection_is(const struct agreement *a);

/* The clause under which party `asks` (an index into a->party) asks this; NULL when connection_is() is false. */
const struct clause *connection_clause(const struct agreement *a, unsigned asks, enum connection_clause what);
/* Which of them is this clause? False when it is none. */
bool connection_clause_read(const struct agreement *a, const struct clause *c, enum connection_clause *out);

#endif
