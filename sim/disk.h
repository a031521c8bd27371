/*
 * disk.h: the part of a gateway's disk that belongs to one channel.
 *
 * A transaction is whole or not there (that is SQLite's promise, and tests/fail proves
 * that we keep to what it promises), so everything is appended and a crash is a cut
 * back to what the last finished commit held. A backup is a copy of that.
 *
 * Rows point to entries that nobody changes and that live as long as the world, so a
 * copy of a disk is a copy of its tables. A bit that flips at rest makes a new entry.
 */
#ifndef MITHAQ_SIM_DISK_H
#define MITHAQ_SIM_DISK_H

#include "record.h"

struct disk_entry {
	struct stored_entry at;
	struct header	    header;
	struct hash	    leaf;
};

/* One epoch: where its entries stand, so that finding one is not a search. */
struct disk_log {
	struct epoch	   epoch;
	bool		   own;
	bool		   opened; /* own: this ledger's keeper drew it; else it was taken in again */
	size_t		  *place;  /* of entry i in disk.entry */
	uint64_t	   n, durable;
	size_t		   room;
	struct record_log *record; /* of an honest author; else NULL */
	struct hash	  *root;   /* of another's: of the first i + 1 entries, as far as computed */
	uint64_t	   nroots;
	size_t		   room_roots;
	struct frontier	   frontier; /* over those */
	uint64_t	   checked;  /* own: every answer below this was seen to have its question on disk */
};

struct disk_head {
	struct epoch	 epoch;
	bool		 own, receipt;
	uint64_t	 size, time_s;
	struct hash	 root;
	struct signature sig;
};

#define DISK_NO_DAY INT32_MIN

struct disk_exchange {
	uint8_t	     mid[MID_SIZE];
	bool	     ours;
	struct place question;
	struct hash  agreement;
	uint16_t     clause;
	uint64_t     accepted_ms, not_after_ms, used;
	int32_t	     day; /* against whose quota it counts; DISK_NO_DAY: none */
};

struct disk_answer {
	uint8_t		    mid[MID_SIZE];
	bool		    ours;
	enum exchange_state state;
	uint16_t	    status;
};

struct disk_naming {
	struct epoch  epoch;
	bool	      own;
	struct naming naming;
};

/* That a REPLY of ours which came back answers this question of the partner. */
struct disk_answered {
	struct place question, answer;
	uint16_t     status;
	uint64_t     time_ms;
};

struct disk {
	struct disk_entry   **entry;
	struct disk_head     *head;
	struct disk_exchange *exchange;
	struct disk_answer   *answer;
	struct disk_naming   *naming;
	struct disk_answered *answered;
	struct disk_log	     *log; /* in the order in which they came into the ledger */
	size_t		      nentries, entries_durable, room_entries;
	size_t		      nheads, heads_durable, room_heads;
	size_t		      nexchanges, exchanges_durable, room_exchanges;
	size_t		      nanswers, answers_durable, room_answers;
	size_t		      nnamings, namings_durable, room_namings;
	size_t		      nanswered, answered_durable, room_answered;
	size_t		      nlogs, logs_durable, room_logs;
	bool		      flipped; /* a bit was flipped somewhere: reading must find it */
};

void disk_done(struct disk *d);
void disk_sync(struct disk *d);				  /* what was stored is durable */
void disk_cut(struct disk *d);				  /* what was not durable is gone */
void disk_copy(struct disk *to, const struct disk *from); /* what is durable there, all of it durable here */

/* The log, begun when it is new. */
struct disk_log	      *disk_log_of(struct disk *d, bool own, const struct epoch *epoch);
struct disk_log	      *disk_log_at(struct disk *d, bool own, const struct epoch *epoch);	 /* or NULL */
const struct disk_log *disk_log_find(const struct disk *d, bool own, const struct epoch *epoch); /* or NULL */
/* Takes an entry as the next of its log; the log must be `disk_log_of` it. */
void			 disk_entry_add(struct disk *d, struct disk_log *l, struct disk_entry *e);
const struct disk_entry *disk_entry_find(const struct disk *d, bool own, const struct epoch *epoch, uint64_t index); /* or NULL */
uint64_t		 disk_durable(const struct disk *d, bool own, const struct epoch *epoch);
/* The root of the first `size` entries on this disk; NULL when it has not so many. */
const struct hash *disk_root(struct disk *d, bool own, const struct epoch *epoch, uint64_t size);

void			disk_head_add(struct disk *d, const struct disk_head *h);
const struct disk_head *disk_head_best(const struct disk *d, bool own, bool receipt, const struct epoch *epoch,
				       uint64_t most);								    /* the largest; or NULL */
const struct disk_head *disk_head_least(const struct disk *d, bool own, const struct epoch *epoch, uint64_t least); /* checkpoint; or NULL */

void			    disk_exchange_add(struct disk *d, const struct disk_exchange *x);
void			    disk_answer_add(struct disk *d, const struct disk_answer *a);
void			    disk_naming_add(struct disk *d, const struct disk_naming *n);
void			    disk_answered_add(struct disk *d, const struct disk_answered *a);
const struct disk_exchange *disk_exchange_find(const struct disk *d, bool ours, const uint8_t mid[MID_SIZE]);
const struct disk_exchange *disk_exchange_at(const struct disk *d, bool ours, const struct place *question);
const struct disk_answer   *disk_answer_find(const struct disk *d, bool ours, const uint8_t mid[MID_SIZE]);
const struct disk_naming   *disk_naming_find(const struct disk *d, bool own, const struct epoch *epoch); /* the last */
const struct disk_answered *disk_answered_find(const struct disk *d, const struct place *question);

/* Nothing stands in it but GENESIS, TALLY and AGREE: such an epoch may be left behind unsaid. */
bool disk_log_quiet(const struct disk *d, const struct disk_log *l);

/* An entry read back: its header against its leaf, its parts against the header. False: the ledger is damaged there. */
bool disk_entry_read(const struct disk_entry *e, struct entry *out);

#endif
