/*
 * pen.h: a gateway whose keys somebody else has. It keeps logs of its own, remembers what its
 * partners send, and at each step writes one thing: the right one, a lie, a breach of the
 * rules, or noise. Whatever it does, its partners keep their invariants, stay within their
 * limits, and go on with everybody else.
 */
#ifndef MITHAQ_SIM_PEN_H
#define MITHAQ_SIM_PEN_H

#include "world.h"

#define PEN_ENTRIES_MOST 96
#define PEN_LOGS_MOST	 12
#define PEN_SEEN_MOST	 400

struct pen_log {
	struct epoch epoch;
	struct hash  leaf[PEN_ENTRIES_MOST];
	unsigned     n;
	uint64_t     aseq;
};

/* What it was sent of the partner's logs. */
struct pen_seen {
	struct epoch		epoch;
	bool			is_entry;
	uint64_t		index;
	struct salt		salt;
	struct bytes		header, body;
	struct hash		commitment;
	struct checkpoint_frame checkpoint; /* when it is no entry */
};

/* One end of one link. */
struct pen_side {
	struct side    *side;
	struct pen_log	log[PEN_LOGS_MOST];
	unsigned	nlogs;
	struct pen_seen seen[PEN_SEEN_MOST];
	unsigned	nseen;
	uint64_t	mids;
	struct epoch	asked; /* of the partner's last GET */
	uint64_t	asked_from, asked_to;
	bool		asks;
};

struct pen {
	struct gateway *gateway; /* NULL: everybody is honest */
	struct pen_side side[GATEWAYS_MOST - 1];
};

void pen_begin(struct pen *p, struct gateway *g); /* NULL: everybody is honest */
void pen_write(struct pen *p, struct side *s);	  /* one step of the hostile side s */

#endif
