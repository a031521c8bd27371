/*
 * world.h: two or three gateways and everything between them, all of it simulated and
 * all of it deterministic. The simulator (sim.c) draws schedules from a seed; the story
 * tests play one step after another and compare the trace.
 *
 * A *gateway* is one machine: one disk, one keeper, one clock, and it crashes as a whole.
 * A *side* is its end of one channel with one partner; two sides and the wire between
 * them are a *link*. The channels are the real ones of src/channel; disk.c, keeper.c
 * and wire.c stand for what the gateway's other processes and the world do, and
 * perform.c performs duties as src/gateway does.
 */
#ifndef MITHAQ_SIM_WORLD_H
#define MITHAQ_SIM_WORLD_H

#include <stdio.h>

#include "channel/state.h"
#include "disk.h"
#include "record.h"

enum { NORTH = 0, SOUTH = 1, EAST = 2 };
#define GATEWAYS_MOST 3
#define LINKS_MOST    3
#define SIDES_MOST    (2 * LINKS_MOST) /* link k has the sides 2k and 2k + 1 */
#define BACKUPS_MOST  4
#define CHANNEL_NAME  "customs"
#define START_MS      UINT64_C(1795420800000) /* 2026-11-23 */

/* Why a run ended badly; the first one stays. */
#define FAULT_MOST 512

struct keeper_log {
	struct epoch	epoch;
	bool		own;
	struct frontier frontier;
};

/* What a keeper or a worker will say. */
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

struct world;
struct gateway;

struct side {
	struct world	 *world;
	struct gateway	 *gateway;
	struct side	 *other;
	int		  number;
	const char	 *name;	     /* "north.example" */
	char		  shown[16]; /* "north", or "north/east" where it has two partners */
	struct sign_key	  root[2], log_key, receipt_key;
	struct keyring	  own, theirs_held; /* its own cards, and those of the other that it has taken; files, so they survive everything */
	struct agreement *agreement;
	bool		  holds_agreement;
	struct channel	 *channel; /* NULL while its gateway is down, or will not serve it */
	struct disk	  disk;
	bool		  damaged; /* the ledger does not agree with its own hashes: not served until it is restored */
	bool		  dirty;   /* something was stored since the last commit */
	bool		  settled; /* GENESIS is durable: a HELLO may be said */

	struct keeper_log *keeper;
	size_t		   nkeeper, room_keeper;
	struct work	  *work;
	size_t		   nwork, room_work;

	struct buffer inbox;		   /* frames under way to this side */
	size_t	      read;		   /* of them read */
	uint64_t      session;		   /* 0: none; frames come only from the same one */
	bool	      greeted, heard;	   /* our HELLO was sent, theirs read */
	bool	      up;		   /* both: the channel was told */
	bool	      ended;		   /* the other has left: what is under way may still be read */
	bool	      deaf;		   /* half-open: nothing arrives any more */
	bool	      closing;		   /* a duty said CLOSE */
	bool	      again;		   /* a duty asked for the unanswered questions */
	uint8_t	      mine_bytes[49152];   /* what this side sent as HELLO */
	uint8_t	      theirs_bytes[49152]; /* what `theirs` points into */
	struct hello  theirs;

	bool	 incomplete; /* its disk was put back, and it has not been quiet since */
	unsigned lookups, reports, finals, refusals, permits, failures, alarms, closes, restarts;

	struct exchange	     last; /* the last report: scalars only */
	char		     last_rule[96], last_reason[64], last_got[96];
	struct held_report   held[HELD_MOST];
	unsigned	     nheld;
	enum refusal	     last_refusal;
	enum channel_failure last_failure;
};

struct backup {
	struct disk disk[GATEWAYS_MOST - 1]; /* of each side */
	uint64_t    at_ms, moment;
};

struct gateway {
	struct world *world;
	int	      number;
	const char   *name, *shown;
	struct side  *side[GATEWAYS_MOST - 1];
	unsigned      nsides;
	bool	      up;
	bool	      committing; /* a transaction is under way: nothing else happens here until it ends */
	bool	      full;	  /* the disk takes nothing more */
	bool	      hostile;	  /* a pen writes for it: pen.c */
	int64_t	      skew_ms;	  /* its clock against the world's */
	struct backup backup[BACKUPS_MOST];
	unsigned      nbackups;
	uint64_t      lives; /* times its disk was put back */
};

/* Ways in which the harness can be made to misbehave, so that a run must fail. */
enum world_break {
	BREAK_NOTHING,
	BREAK_LOSE,	   /* a crash loses an entry that was reported durable */
	BREAK_EARLY,	   /* the disk says durable before it is */
	BREAK_EPOCH_AGAIN, /* the keeper takes its last epoch again */
	BREAK_EPOCH_NEXT,  /* the keeper takes the next number for an epoch, and no random one */
	BREAK_TWICE,	   /* the wire delivers a frame twice */
	BREAK_DROP,	   /* the wire loses a frame and goes on */
	BREAK_FORGET,	   /* a crash loses which questions were answered */
	BREAK_RANGE,	   /* a RANGE shows another row than was stored */
	BREAK_ANSWERED,	   /* what came back as answered is not remembered */
	BREAK_ADOPT,	   /* ADOPT never leaves */
	BREAK_CARD,	   /* a card of the partner is never taken */
	BREAK_SPOIL,	   /* the wire flips a bit now and then: runs end in alarms, but nothing false is ever kept */
};

struct world {
	struct gateway	    gateway[GATEWAYS_MOST];
	struct side	    side[SIDES_MOST];
	unsigned	    ngateways, nsides;
	struct record	    record;
	struct arena	    memory; /* of the entries on all disks */
	uint64_t	    now_ms, random, sessions;
	uint64_t	    moments;	   /* what was told and what was copied, in their order */
	uint64_t	    duties;	   /* performed so far, all sides */
	uint64_t	    crash_at;	   /* the duty before which its gateway crashes; 0: never */
	FILE		   *trace;	   /* NULL: none */
	bool		    slow;	   /* ends of sessions are noticed later, commits take their time */
	bool		    verify;	   /* every signature made is verified by itself */
	bool		    silent_worker; /* lookups are not answered */
	enum lookup_outcome outcome;
	const char	   *reason; /* of FOUND_REFUSED */
	const char	   *found;  /* the status that workers give; NULL: "released" */
	enum world_break    broken;
	bool		    clocks_wrong;	/* a clock was more than CHANNEL_SKEW_MS off: questions may be refused for it */
	bool		    forward;		/* a disk may be put back to what was copied in a time that another restore undid */
	bool		    parted[LINKS_MOST]; /* both ledgers of the link were put back without a quiet time between */
	unsigned	    kills, restores, commits, flips, failed_commits;
	char		    fault[FAULT_MOST];
};

/* `south_agrees` false: south holds no agreement. */
void world_init(struct world *w, uint64_t seed, unsigned ngateways, FILE *trace, bool south_agrees);
void world_done(struct world *w);

uint64_t world_draw(struct world *w, uint64_t below);
void	 world_draw_bytes(struct world *w, uint8_t *out, size_t n);
void	 world_fault(struct world *w, const char *format, ...) prints(2, 3);
void	 world_trace(struct side *s, const char *format, ...) prints(2, 3);
/* " of " and the first letters of an epoch, for a trace; nothing in a story, which has few. Lives until the next call but three. */
const char *world_epoch(const struct world *w, const struct epoch *epoch);
uint64_t    side_now(const struct side *s);

/* ---- steps; each is one event of the story, of the side or of its whole gateway ---- */
void side_start(struct side *s);  /* core and keeper start: recall, new epochs; in a story the first commit too */
void side_crash(struct side *s);  /* kill -9: what was not committed is lost */
void side_stop(struct side *s);	  /* in order: TALLY, checkpoint */
bool side_commit(struct side *s); /* what was stored becomes durable; false: nothing was */
bool side_work(struct side *s);	  /* one word of the keeper or a worker; false: none waits */
bool side_read(struct side *s);	  /* one frame from the wire; false: none waits */
void side_tick(struct side *s);
/* Asks under clause 7; value NULL: no declaration. */
void side_ask(struct side *s, const char *purpose, const char *declaration, const char *extra_field);

/* What else a question can say; NULL and 0 leave it out, clause 0 is 7. */
struct side_question {
	uint16_t    clause;
	const char *purpose, *reference, *declaration, *extra_field;
	bool	    dry_run;
};
void side_ask_with(struct side *s, const struct side_question *ask);
void side_cancel(struct side *s, const uint8_t mid[MID_SIZE]); /* withdraws a question of this side */

/* How many exchanges of this kind are on disk without their end. */
unsigned side_unanswered(const struct side *s, bool ours);

/* ---- cards; what signs is changed while the gateway is down ---- */
enum key_kind { KEY_LOG, KEY_RECEIPT, KEY_ROOT };
/* A new key, and a new card that names it. `stolen`: the card revokes the old one behind what is receipted. */
void side_rotate(struct side *s, enum key_kind what, bool stolen);
void side_card_come(struct side *s, struct bytes note); /* by HELLO or in a KEYS entry */
/* The card after the one in use, signed by the root that stays; it joins the side's own ring and may be shown from then on. */
void side_card_next(struct side *s, struct card *next);

/* ---- a gateway ---- */
void gateway_start(struct gateway *g);
void gateway_crash(struct gateway *g);
void gateway_stop(struct gateway *g);
/* A commit that takes its time: begun, and later ended in one of these ways. */
enum commit_end { COMMIT_DONE, COMMIT_FAILED }; /* FAILED: an error, after which the gateway stops (W9) and it may be on disk or not */
bool gateway_commit_begin(struct gateway *g);	/* false: there is nothing to commit */
void gateway_commit_end(struct gateway *g, enum commit_end how);
void gateway_backup(struct gateway *g);			  /* a copy of what is durable; the oldest but the first makes room */
void gateway_restore(struct gateway *g, unsigned backup); /* killed, and its disk put back */
void gateway_flip(struct gateway *g);			  /* a bit of its disk becomes another */

/* ---- the wire (wire.c) ---- */
void world_connect(struct world *w); /* every link of which both gateways are up: a new session, at once */
void world_cut(struct world *w);     /* every link */
void link_connect(struct side *s);   /* this side's link: a new session, both HELLOs at once */
void link_dial(struct side *s);	     /* a new session supersedes; the HELLOs are sent and read later */
void link_cut(struct side *s);	     /* ends on both sides; in a slow world they notice later */
void side_hang_up(struct side *s);   /* this side leaves, and the other may still read what is under way */
bool side_greet(struct side *s);     /* sends our HELLO; false: not now */
bool side_notice(struct side *s);    /* the end of a session is noticed; false: there is none to notice */
void wire_send(struct side *s, struct bytes frame);

/* ---- for a story in which one side does not keep the rules ---- */
void side_step(struct side *s, struct channel_event *event); /* one event, and its duties performed */
void side_append(struct side *s, const struct draft *d);     /* an entry that the writer signs but nobody decided on */
void side_deliver(struct side *to, struct bytes frame);	     /* as if the wire had brought it */
void side_hear(struct side *s, const struct hello *theirs);  /* a session begins with this HELLO */
void side_origin(const struct side *author, const struct epoch *epoch, char out[ORIGIN_MOST]);
void duties_perform(struct side *s, const struct duties *d);		   /* perform.c */
void reports_tell(struct side *s);					   /* those that waited for the disk */
void side_recall(struct side *s);					   /* recall.c */
void log_recall_late(struct side *s, bool own, const struct epoch *epoch); /* recall.c */
void questions_again(struct side *s); /* recall.c: EVENT_UNANSWERED for each question of the partner without its end */
/* recall.c: what only the ledger knows of the exchange of an entry that came; false: nothing. */
bool earlier_find(struct side *s, uint16_t log, const struct header *h, struct earlier *out);
bool side_serves(struct side *s, const struct disk_entry *e, struct entry *out); /* reads it back; false: the channel is closed */

/* ---- the keeper (keeper.c): draws epochs, extends, never goes back ---- */
void	     keeper_open(struct side *s, struct epoch *out); /* a new epoch in place of any before it */
void	     keeper_sign(struct side *s, const struct duty *d);
void	     keeper_cosign(struct side *s, const struct duty *d);
bool	     keeper_holds(const struct side *s, const struct epoch *epoch); /* our open epoch */
void	     keeper_done(struct side *s);
struct work *work_add(struct side *s);

/* Runs all sides until nothing waits, as whole machines do. */
void world_settle(struct world *w);

/*
 * Both ends were put back, and what one of them has left names what neither has: the
 * channel has stopped with an alarm, and a person must decide.
 */
bool link_given_up(const struct side *s);

/* ---- checks.c ---- */
/* Everything that must always hold; false and w->fault when it does not. */
bool world_check(struct world *w);
/* What must hold when all is quiet and the sides are connected. */
bool world_check_quiet(struct world *w);
/* Before what is stored is kept, sent or told. */
void check_entry(struct side *s, struct disk_log *l, const struct disk_entry *e);
void check_commit(struct side *s); /* what becomes durable now */
void check_send(struct side *s, struct bytes frame);
void check_told(struct side *s, const struct held_report *r);
/* The disk of this gateway is put back: from now on less is expected of what came after the backup. */
void check_restored(struct gateway *g, const struct backup *b);

#endif
