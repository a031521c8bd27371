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

#include "channel/channel.h"

enum { NORTH = 0, SOUTH = 1 };

/* Why a run ended badly; the first one stays. */
#define PAIR_FAULT_MOST 512

struct disk_entry {
	struct stored_entry at;
	uint8_t		   *memory;
	struct header	    header;
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

struct pair;

struct side {
	struct pair	    *pair;
	int		     number;
	const char	    *name;
	struct sign_key	     root[2], log_key, receipt_key;
	struct channel	    *channel;
	struct disk	     disk;
	struct keeper_log    keeper[64];
	unsigned	     nkeeper;
	struct work	     work[256]; /* what the keeper and the workers will say */
	unsigned	     nwork;
	struct buffer	     inbox; /* frames under way to this side */
	size_t		     read;  /* of them read */
	bool		     up;    /* the wire is whole and HELLOs are exchanged */
	bool		     dirty; /* something was stored since the last commit */
	bool		     holds_agreement;
	uint8_t		     hello_bytes[16384]; /* what this side sent as HELLO */
	struct hello	     theirs;
	unsigned	     lookups, reports, finals, refusals, permits, failures, alarms, closes;
	struct exchange	     last; /* the last report: scalars only */
	char		     last_rule[96], last_reason[64];
	enum refusal	     last_refusal;
	enum channel_failure last_failure;
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

/* Runs both sides until nothing waits, as whole machines do. */
void pair_settle(struct pair *p);

/* Everything that must always hold; false and p->fault when it does not. */
bool pair_check(struct pair *p);
/* What must hold when all is quiet and the sides are connected. */
bool pair_check_quiet(struct pair *p);

#endif
