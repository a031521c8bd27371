/* lookup.h: WORKER_LOOKUP and WORKER_FOUND as messages.h draws them, written and read side by side. */
#ifndef MITHAQ_GATEWAY_LOOKUP_H
#define MITHAQ_GATEWAY_LOOKUP_H

#include "gateway/messages.h"

#define LOOKUP_CLAUSE_MOST (2 * NAME_MOST + 1) /* "channel/name" */
#define LOOKUP_REASON_MOST 256

struct lookup {
	uint64_t      ticket;
	struct bytes  clause;
	uint64_t      deadline_ms; /* UTC */
	struct fields fields;
	struct bytes  purpose;
	uint8_t	      mid[MID_SIZE];
	char	      from[PARTY_MOST + 1]; /* who asks */
};

struct found {
	uint64_t      ticket;
	enum outcome  outcome;
	struct fields fields; /* OUTCOME_HIT; otherwise none */
	struct bytes  reason; /* OUTCOME_REFUSED: a code of the clause; OUTCOME_ERROR: a code for the journal */
};

/* Views point into the payload read. */
void	 lookup_write(struct builder *b, const struct lookup *l);
enum err lookup_read(struct bytes payload, struct lookup *out) must_use;
void	 found_write(struct builder *b, const struct found *f);
enum err found_read(struct bytes payload, struct found *out) must_use;

#endif
