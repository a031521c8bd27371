/*
 * record.h: what really happened, whatever any disk remembers of it.
 *
 * The record is outside of all simulated machines and survives every crash and
 * restore. By origin it keeps the one sequence of leaves that an honest author ever
 * appended, and everything that was ever signed over it. Whatever a disk holds or a
 * wire carries is compared with it, so that two histories of one origin cannot hide in
 * two copies, and who is told two endings of one exchange is noticed.
 */
#ifndef MITHAQ_SIM_RECORD_H
#define MITHAQ_SIM_RECORD_H

#include "channel/channel.h"

struct record_head {
	bool		 receipt;
	uint64_t	 size, time_s;
	struct signature sig;
};

struct record_log {
	int		    author; /* the number of the side that writes it */
	struct epoch	    epoch;
	struct frontier	    frontier;
	struct hash	   *leaf, *root; /* of entry i; of the first i + 1 entries */
	size_t		    n, room;
	struct record_head *head;
	size_t		    nheads, room_heads;
	uint64_t	    receipted; /* must be in both ledgers whenever all is quiet */
};

/* What an application was told of one exchange, which it never forgets. */
struct record_told {
	int		    side;
	uint8_t		    mid[MID_SIZE];
	bool		    final;
	enum exchange_state state;
	uint16_t	    status;
	char		    got[64];
	uint64_t	    moment;   /* when it was accepted */
	uint64_t	    lives;    /* restores of its side's disk before it was told last */
	bool		    forgiven; /* a disk from before it was put back */
};

struct record {
	struct record_log **log;
	size_t		    nlogs, room_logs;
	struct record_told *told;
	size_t		    ntold, room_told;
};

void record_done(struct record *r);

struct record_log *record_find(const struct record *r, int author, const struct epoch *epoch); /* or NULL */
struct record_log *record_open(struct record *r, int author, const struct epoch *epoch);       /* finds it or begins it */

/* The author's entry `index`; false when the origin has another leaf there already, or lacks the one before. */
bool record_leaf(struct record_log *l, uint64_t index, const struct hash *leaf);
/* The root of the first `size` entries, or NULL. */
const struct hash *record_root(const struct record_log *l, uint64_t size);

void record_head_add(struct record_log *l, const struct record_head *h);
bool record_head_is(const struct record_log *l, const struct record_head *h); /* exactly this was signed */

struct record_told *record_told_find(const struct record *r, int side, const uint8_t mid[MID_SIZE]); /* or NULL */
void		    record_told_add(struct record *r, const struct record_told *t);

/* Room for one more of `size` bytes in an array of n; the simulator ends when there is no memory. */
void *grown(void *at, size_t n, size_t *room, size_t size);

#endif
