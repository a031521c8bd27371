/*
 * pair.h: two channels, north and south, with a disk, a keeper and a wire each, all
 * of them simulated and all of them deterministic. The simulator draws schedules
 * from a seed; the story tests play one step after another and compare the trace.
 *
 * The disk keeps what was stored since the last commit apart: a crash loses exactly
 * that. The keeper forgets everything in a crash and obeys its own rules. The wire
 * delivers in order until it is cut, and then loses what was under way.
 */
#ifndef MITHAQ_SIM_PAIR_H
#define MITHAQ_SIM_PAIR_H

#include <stdio.h>

#include "channel/state.h"

enum { NORTH = 0, SOUTH = 1 };

/* Why a run ended badly; the first one stays. */
#define PAIR_FAULT_MOST 512

struct disk_entry {
	struct stored_entry at;
	uint8_t		   *memory;
	struct header	    header;
	struct hash	    leaf;
};

/* Where the entries of one epoch stand, so that finding one is not a search. */
struct disk_log {
	struct epoch	epoch;
	bool		own;
	size_t	       *place; /* of entry i in disk.entry */
	struct hash    *root;  /* of the first i + 1 entries */
	uint64_t	n, durable, room;
	uint64_t	checked; /* own: every answer below this was seen to have its question on disk */
	struct frontier frontier;
};

struct disk_head {
	struct epoch	 epoch;
	bool		 own, receipt;
	uint64_t	 size, time_s;
	struct hash	 root;
	struct signature sig;
};

struct disk_exchange {
	uint8_t	     mid[MID_SIZE];
	bool	     ours;
	struct place question;
	struct hash  agreement;
	uint16_t     clause;
	uint64_t     accepted_ms, not_after_ms, used;
	int32_t	     day;
};

struct disk_answer {
	uint8_t		    mid[MID_SIZE];
	bool		    ours;
	enum exchange_state state;
	uint16_t	    status;
};

/* Everything is appended, so that a crash is a cut: n goes back to n_durable. */
struct disk {
	struct disk_entry    *entry;
	struct disk_head     *head;
	struct disk_exchange *exchange;
	struct disk_answer   *answer;
	struct disk_log	     *log;
	size_t		      nlogs, room_logs;
	size_t		      heads_checked; /* their signatures verify */
	size_t		      nentries, entries_durable, room_entries;
	size_t		      nheads, heads_durable, room_heads;
	size_t		      nexchanges, exchanges_durable, room_exchanges;
	size_t		      nanswers, answers_durable, room_answers;
};

struct keeper_log {
	struct epoch	epoch;
	bool		own;
	struct frontier frontier;
};

struct work {
	struct channel_event event;
	struct fields	     fields; /* of FOUND */
};

/* A report that waits until what it tells is on disk. */
struct held_report {
	struct exchange exchange; /* scalars only */
	char		rule[96], reason[64], got[96];
	bool		final;
};
#define HELD_MOST 64

struct pair;

struct side {
	struct pair	    *pair;
	int		     number;
	const char	    *name, *shown; /* "north.example", "north" */
	struct sign_key	     root[2], log_key, receipt_key;
	struct channel	    *channel;
	struct disk	     disk;
	struct keeper_log    keeper[64];
	unsigned	     nkeeper;
	struct work	     work[256]; /* what the keeper and the workers will say */
	unsigned	     nwork;
	struct buffer	     inbox;   /* frames under way to this side */
	size_t		     read;    /* of them read */
	bool		     up;      /* the wire is whole and HELLOs are exchanged */
	bool		     dirty;   /* something was stored since the last commit */
	int64_t		     skew_ms; /* this side's clock against the pair's */
	bool		     holds_agreement;
	uint8_t		     hello_bytes[16384]; /* what this side sent as HELLO */
	struct hello	     theirs;
	unsigned	     lookups, reports, finals, refusals, permits, failures, alarms, closes;
	struct exchange	     last; /* the last report: scalars only */
	char		     last_rule[96], last_reason[64], last_got[96];
	struct held_report   held[HELD_MOST];
	unsigned	     nheld;
	enum refusal	     last_refusal;
	enum channel_failure last_failure;
};

/* Ways in which the harness can be made to misbehave, so that a run must fail. */
enum pair_break {
	BREAK_NOTHING,
	BREAK_LOSE,	   /* a crash loses an entry that was reported durable */
	BREAK_EARLY,	   /* the disk says durable before it is */
	BREAK_EPOCH_AGAIN, /* the keeper takes its last epoch again */
	BREAK_TWICE,	   /* the wire delivers a frame twice */
	BREAK_DROP,	   /* the wire loses a frame and goes on */
	BREAK_FORGET,	   /* a crash loses which questions were answered */
	BREAK_SPOIL,	   /* the wire flips a bit now and then: runs end in alarms, but nothing false is ever kept */
};

struct pair {
	struct side	    side[2];
	struct agreement   *agreement;
	uint64_t	    now_ms, random;
	uint64_t	    duties;	   /* performed so far, both sides */
	uint64_t	    crash_at;	   /* the duty before which its side crashes; 0: never */
	int		    crashed_side;  /* -1: none */
	FILE		   *trace;	   /* NULL: none */
	bool		    silent_worker; /* lookups are not answered */
	enum lookup_outcome outcome;
	const char	   *reason; /* of FOUND_REFUSED */
	const char	   *found;  /* the status that workers give; NULL: "released" */
	enum pair_break	    broken;
	char		    fault[PAIR_FAULT_MOST];
};

/* `south_agrees` false: south holds no agreement. */
void pair_init(struct pair *p, uint64_t seed, FILE *trace, bool south_agrees);
void pair_done(struct pair *p);

uint64_t pair_draw(struct pair *p, uint64_t below);

/* ---- steps; each is one event of the story ---- */
void side_start(struct side *s); /* core and keeper start: recall, new epoch */
void side_crash(struct side *s); /* kill -9: what was not committed is lost, the wire is cut */
void side_stop(struct side *s);	 /* in order: TALLY, checkpoint */
void pair_connect(struct pair *p);
void pair_cut(struct pair *p);
bool side_commit(struct side *s); /* what was stored becomes durable; false: nothing was */
bool side_work(struct side *s);	  /* one word of the keeper or a worker; false: none waits */
bool side_read(struct side *s);	  /* one frame from the wire; false: none waits */
void side_tick(struct side *s);
/* Asks under clause 7; value NULL: no declaration. */
void side_ask(struct side *s, const char *purpose, const char *declaration, const char *extra_field);

/* What else a question can say; NULL and 0 leave it out, clause 0 is 7. */
struct pair_ask {
	uint16_t    clause;
	const char *purpose, *reference, *declaration, *extra_field;
	bool	    dry_run;
};
void side_ask_with(struct side *s, const struct pair_ask *ask);

/* ---- for a story in which one side does not keep the rules ---- */
void side_step(struct side *s, struct channel_event *event); /* one event, and its duties performed */
void side_append(struct side *s, const struct draft *d);     /* an entry that the writer signs but nobody decided on */
void side_deliver(struct side *to, struct bytes frame);	     /* as if the wire had brought it */
void side_hear(struct side *s, const struct hello *theirs);  /* a session begins with this HELLO */
void side_origin(const struct side *author, const struct epoch *epoch, char out[ORIGIN_MOST]);

/* A log on disk by its epoch, or NULL. */
const struct disk_log *disk_log_find(const struct disk *d, bool own, const struct epoch *epoch);
/* How many exchanges of this kind are on disk without their end. */
unsigned side_unanswered(const struct side *s, bool ours);

/* Runs both sides until nothing waits, as whole machines do. */
void pair_settle(struct pair *p);

/* Everything that must always hold; false and p->fault when it does not. */
bool pair_check(struct pair *p);
/* What must hold when all is quiet and the sides are connected. */
bool pair_check_quiet(struct pair *p);

#endif
