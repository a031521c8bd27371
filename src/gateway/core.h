/*
 * core.h: the core process: the only writer of the ledger. Private to core*.c.
 *
 * One turn: read every event that came, step the channels, perform their duties
 * into one store transaction; then one commit, one DURABLE step per channel, one
 * order to the keeper per channel, and only then answers to applications. What
 * arrived while the disk was busy is the next turn.
 */
#ifndef MITHAQ_GATEWAY_CORE_H
#define MITHAQ_GATEWAY_CORE_H

#include "channel/channel.h"
#include "gateway/process.h"
#include "proc/papers.h"
#include "store/store.h"

#define CORE_CHANNELS_MOST    64		       /* per partner */
#define CORE_LOOKUPS_MOST     16384		       /* outstanding at workers ... */
#define CORE_LOOKUPS_EACH     8192		       /* ... and of one partner among them */
#define CORE_WAITERS_MOST     (1u << CORE_WAITER_BITS) /* applications waiting for an answer */
#define CORE_OUT_MOST	      (48u << 20)
#define CORE_OUT_CHUNK	      (1u << 20)
#define CORE_LOOKUP_WAIT_US   5000  /* received entries wait this long for their answers, to share one fsync */
#define CORE_LAZY_US	      50000 /* checkpoints and receipts alone wait this long for a commit */
#define CORE_STOP_US	      2000000
#define CORE_ALARMS_SAID_MOST 16 /* ALARM files of one partner's words; what it says beyond is only in the journal */

struct core;
struct core_partner;

/* An epoch of one direction that this process has touched. */
struct core_log {
	struct epoch	    epoch;
	bool		    own;
	int64_t		    id;	     /* in the store */
	bool		    dirty;   /* its row must be saved with the next commit */
	uint32_t	    handle;  /* at the keeper; NO_HANDLE: none yet */
	struct receipt_head receipt; /* peer logs: our last, for the keeper to go on from */
	struct frontier	    receipt_frontier;
	struct frontier	   *asked; /* peer logs: frontiers of receipts asked for and not yet given, oldest first */
	size_t		    nasked, room_asked;
	bool		    refused; /* peer logs: the keeper gives no more receipts in this life */
	bool		    proved;  /* the keeper's first signature for it verified by the key on our own card */
};
#define NO_HANDLE 0xffffffffu

struct core_channel {
	struct core_partner *partner;
	struct channel	    *channel;
	const char	    *name;
	struct core_log	   **log;
	size_t		     nlogs, room_logs;
	struct core_log	    *opened;   /* our open epoch */
	bool		     settled;  /* GENESIS is durable, HELLO may name it */
	bool		     resuming; /* what was left unanswered is to be asked for when this step's duties are done */
};

struct core_partner {
	struct core	   *core;
	const char	   *name;
	const struct card  *card;
	struct buffer	    card_note; /* the same, signed, for ALARM files */
	struct pipe	   *link;
	struct core_channel channel[CORE_CHANNELS_MOST];
	unsigned	    nchannels;
	/* the session */
	uint32_t	     session;
	bool		     up, hello_sent, hello_done, closing;
	struct hello	    *mine, *theirs;
	uint8_t		    *theirs_bytes;
	struct core_channel *by_own[HELLO_LOGS_MOST], *by_peer[HELLO_LOGS_MOST];
	struct buffer	     out; /* frames not yet handed to the link */
	uint64_t	     since_ms;
	uint32_t	     lookups; /* outstanding */
	char		     cause[160];
};

struct core_lookup {
	struct core_channel *channel; /* NULL: free */
	uint64_t	     ticket;
	uint32_t	     generation;
	unsigned	     provider;
};

struct core_worker {
	struct core *core;
	unsigned     which;
	struct pipe *pipe; /* NULL: not there now */
};

struct core_waiter {
	bool	 used;
	uint32_t generation;
	uint32_t ticket; /* the desk's */
	uint32_t desk;	 /* which life of the desk */
	bool	 once;	 /* a withdrawal: told once, that it is written */
	uint64_t since_ms;
};
#define CORE_WAITER_BITS 14 /* a ticket is generation << bits | number, so that a late report meets nobody else */
#define CORE_WAIT_MS	 120000

struct core_handle {
	struct core_channel *channel;
	struct core_log	    *log; /* NULL for the own epoch being opened */
	bool		     own;
};

struct core {
	struct process	    *process;
	struct papers	     papers;
	struct buffer	     card_note; /* our own card, signed */
	struct store	    *store;
	struct core_partner *partner;
	unsigned	     npartners;
	struct pipe	    *keeper, *desk;
	uint32_t	     desk_life;
	struct core_worker   worker[CONFIG_PROVIDERS_MOST];
	struct core_handle  *handle;
	uint32_t	     nhandles, room_handles;
	struct core_lookup  *lookup;
	uint32_t	    *lookup_free;
	uint32_t	     nlookup_free;
	struct core_waiter  *waiter;
	uint32_t	    *waiter_free;
	uint32_t	     nwaiter_free;
	struct buffer	     after;	   /* messages to the desk that wait for the commit: u8 type, u32 length, payload */
	struct buffer	     failed;	   /* lookups to be answered with an error: struct core_lookup */
	const struct ask    *asking;	   /* while an ask is stepped: for its Idempotency-Key */
	bool		     must_commit;  /* something that others wait for was stored */
	bool		     has_received; /* entries of partners were stored */
	bool		     active;	   /* since the last tick */
	bool		     stopping;
	bool		     stopped; /* a write failed: W9 */
	struct event	    *tick, *wait, *stop;
	unsigned	     ticks;
	uint64_t	     now_ms;
};

/* core.c */
void core_clock(struct core *c);
void core_step(struct core *c, struct core_channel *ch, struct channel_event *event);
void core_ledger_stopped(struct core *c, enum err e, const char *what);

/* core_start.c */
enum err	 core_papers(struct core *c);
enum err	 core_recall(struct core *c);
void		 core_log_recall(struct core *c, struct core_channel *ch, bool own, const struct epoch *epoch); /* one more, later */
void		 core_unanswered(struct core *c, struct core_channel *ch);
struct core_log *core_log_of(struct core *c, struct core_channel *ch, bool own,
			     const struct epoch *epoch); /* made when new; NULL: the store failed */
void		 core_done(struct core *c);

/* core_perform.c */
void core_perform(struct core *c, struct core_channel *ch, const struct duties *d);
void core_logs_save(struct core *c);
bool core_entry_read(const struct entry_row *row, struct entry *out); /* a stored full entry, parsed */
void core_out_flush(struct core_partner *p);

/* core_alarm.c */
enum err core_alarms_recall(struct core *c); /* after core_papers: freezes the channels that an alarm was kept of and not released */
void	 core_alarm_keep(struct core *c, struct core_channel *ch, const struct duty *d); /* a DUTY_ALARM that froze its channel */
void	 core_alarm_said(struct core_partner *p, const struct alarm_frame *f);		 /* a partner's ALARM frame */

void core_frame_send(struct core_channel *ch, struct bytes frame);

/* core_range.c */
void core_range_answer(struct core *c, struct core_channel *ch, const struct duty *d);
/* What only the ledger knows of the exchange of this entry, in *memory; NULL: nothing, the usual case. */
const struct earlier *core_earlier(struct core *c, struct core_channel *ch, struct bytes origin, const struct header *h, struct earlier *memory);
void		      core_answered_keep(struct core *c, struct core_channel *ch, const struct duty *d);

/* core_session.c */
void core_link_peer(struct core *c, unsigned which, int fd);
void core_hello_try(struct core_partner *p);
void core_session_close(struct core_partner *p, uint16_t code, const char *text);

/* core_keeper.c */
void core_keeper_peer(struct core *c, int fd);
void core_keeper_open(struct core *c, struct core_channel *ch); /* a new epoch in place of the one that is open */
void core_keeper_sign(struct core *c, struct core_log *log, const struct hash *leaves, size_t n);
void core_keeper_cosign(struct core *c, struct core_channel *ch, struct core_log *log, const struct hash *leaves, size_t n);

/* core_worker.c */
void	 core_worker_peer(struct core *c, unsigned which, int fd);
void	 core_worker_ask(struct core *c, struct core_channel *ch, const struct duty *d);
void	 core_worker_failed(struct core *c); /* steps what could not be looked up */
uint32_t core_lookups_out(const struct core *c);

/* core_desk.c */
void core_desk_peer(struct core *c, int fd);
void core_desk_report(struct core *c, const struct duty *d);
void core_desk_refuse(struct core *c, const struct duty *d);
void core_desk_permit(struct core *c, const struct duty *d);
void core_desk_fail(struct core *c, struct core_partner *p, const struct duty *d);
void core_desk_flush(struct core *c); /* what waited for the commit */
void core_waiters_expire(struct core *c);

#endif
