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
#define CORE_FAILED_TOLD_MOST 100		       /* failed lookups of one source that the journal names in one second */
#define CORE_LOOKUPS_EACH     8192		       /* ... and of one partner among them */
#define CORE_WAITERS_MOST     (1u << CORE_WAITER_BITS) /* applications waiting for an answer */
#define CORE_OUT_MOST	      (48u << 20)
#define CORE_OUT_CHUNK	      (1u << 20)
#define CORE_LOOKUP_WAIT_US   5000  /* received entries wait this long for their answers, to share one fsync */
#define CORE_LAZY_US	      50000 /* checkpoints and receipts alone wait this long for a commit */
#define CORE_STOP_US	      2000000
#define CORE_AWAIT_MS	      5000	  /* a partner that starts again is waited for so long ... */
#define CORE_HELD_MOST	      4096	  /* ... by so many questions ... */
#define CORE_HELD_BYTES_MOST  (16u << 20) /* ... of so many bytes together */
#define CORE_OFFICERS_MOST    2000	  /* bytes of the list */
#define CORE_ALARMS_SAID_MOST 16	  /* ALARM files of one partner's words; what it says beyond is only in the journal */

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
	uint32_t	     requests; /* questions that wait to be fetched */
	bool		     settled;  /* GENESIS is durable, HELLO may name it */
	bool		     resuming; /* what was left unanswered is to be asked for when this step's duties are done */
};

struct core_partner {
	struct core	   *core;
	const char	   *name;
	const struct card  *card;    /* in use; the ones before it are in papers' ring */
	struct hash	    half_id; /* of the connection agreement that we have signed and they have not */
	struct buffer	    half;    /* its text and our signature; empty: there is none */
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
	uint32_t	     lookups;	       /* outstanding */
	uint64_t	     awaited_until_ms; /* until then its questions are held, not failed: core_held.c */
	bool		     skew_known;       /* in this session */
	int32_t		     skew_ms;	       /* its clock is so far ahead of ours */
	unsigned	     papers;	       /* PAPER frames of this session */
	unsigned	     refused;	       /* cards of its log that were not taken in this session */
	char		     cause[160];
};

struct core_lookup {
	struct core_channel *channel; /* NULL: free */
	uint64_t	     ticket;
	uint32_t	     generation;
	unsigned	     provider;
	uint8_t		     mid[MID_SIZE]; /* for the journal */
};

struct core_worker {
	struct core *core;
	unsigned     which;
	struct pipe *pipe;   /* NULL: not there now */
	uint64_t     failed; /* lookups without an answer of the source */
	uint64_t     told_s; /* the second in which the journal was told of ... */
	unsigned     told;   /* ... so many */
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
	struct store	    *store;
	struct core_partner *partner;
	unsigned	     npartners;
	struct pipe	    *keeper, *desk, *hook;
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
	struct buffer	     after;				/* messages to the desk that wait for the commit: u8 type, u32 length, payload */
	struct buffer	     house;				/* questions that the house answers itself: core_house.c */
	uint8_t		     cards[HELLO_CARD_MOST];		/* ours as HELLO shows them */
	struct buffer	     officers;				/* the list of officers, text */
	struct buffer	     failed;				/* lookups to be answered with an error: struct core_lookup */
	const struct ask    *asking;				/* while an ask is stepped: for its Idempotency-Key */
	bool		     asking_again;			/* while questions left from before are stepped */
	struct core_fetch   *fetch;				/* what waits for a national system; NULL: nothing has */
	uint64_t	     news, news_said;			/* the number written last, and announced last */
	struct hash	     news_told[PAPERS_AGREEMENTS_MOST]; /* agreements that were told to be in force */
	unsigned	     nnews_told;
	bool		     must_commit;  /* something that others wait for was stored */
	bool		     has_received; /* entries of partners were stored */
	bool		     active;	   /* since the last tick */
	bool		     untidy;	   /* the ledger is to be tidied when no turn is open */
	bool		     stopping;
	bool		     leaving;	/* stopping, and another core follows: the desk keeps what was not taken */
	bool		     desk_told; /* DESK_LEAVING was sent: nothing follows it */
	bool		     desk_left; /* the desk has read it, and all before it */
	bool		     untold;	/* somebody was not told that its question is written: the desk must not ask again */
	struct core_held    *held;	/* or NULL */
	struct core_counts  *counts;
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

/* core_cards.c */
struct bytes core_hello_cards(struct core *c);	      /* what our HELLO shows: every later card than the first, as far as they go in */
bool	     core_hello_card(struct core_partner *p); /* their HELLO is read; false: its card does not do, and the session ends */
enum err     core_card_come(struct core_partner *p, struct bytes note); /* a later card is taken, or the reason why not */
void	     core_pins_say(struct core_partner *p);			/* to the link */
enum err     core_paper_write(const struct core *c, const char *folder, const char *rest, struct bytes content); /* below the data folder */

/* core_pairing.c */
void	 core_pairing_read(struct core *c);				/* our halves of connection agreements, at the start */
void	 core_pairing_say(struct core_partner *p);			/* both HELLOs are known */
enum err core_paper_come(struct core_partner *p, struct bytes payload); /* PAPER */

/* core_house.c */
void core_house_read(struct core *c);
bool core_house_ask(struct core *c, struct core_channel *ch, const struct duty *d); /* false: a provider answers it */
void core_house_answer(struct core *c);

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

/* core_news.c: what applications are told of goes into the turn that is open, or opens one */
void core_news(struct core *c, enum news_type type, const char *subject); /* a party, an alarm, an agreement: never content */
void core_news_place(struct core *c, enum news_type type, int64_t question_log, uint64_t question_index);
void core_news_mid(struct core *c, enum news_type type, const uint8_t mid[MID_SIZE], bool ours); /* an exchange that is stored */
void core_news_tick(struct core *c);
void core_news_flush(struct core *c); /* after the commit */
void core_hook_peer(struct core *c, int fd);

/* core_session.c */
void core_link_peer(struct core *c, unsigned which, int fd);
void core_hello_try(struct core_partner *p);
void core_session_close(struct core_partner *p, uint16_t code, const char *text);
bool core_connected(const struct core_partner *p); /* a session is up, and both said HELLO */

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
void	 core_desk_peer(struct core *c, int fd);
void	 core_desk_report(struct core *c, const struct duty *d);
void	 core_desk_refuse(struct core *c, const struct duty *d);
void	 core_desk_permit(struct core *c, const struct duty *d);
void	 core_desk_fail(struct core *c, struct core_partner *p, const struct duty *d);
void	 core_desk_flush(struct core *c); /* what waited for the commit */
void	 core_waiters_expire(struct core *c);
void	 core_desk_send(struct core *c, enum message_type type, struct bytes payload);
void	 core_desk_after(struct core *c, enum message_type type, struct bytes payload); /* with the commit */
void	 core_desk_failed(struct core *c, uint32_t ticket, enum failure failure, uint64_t since_ms, const char *cause);
void	 core_desk_ask(struct core *c, struct bytes payload, bool may_wait); /* DESK_ASK */
uint64_t core_quota_used(const struct core *c, const struct core_partner *p, const struct agreement *a, const struct clause *clause, int32_t day);
bool	 core_desk_leave(struct core *c); /* every answer was sent: true when the desk knows that no more comes */

/* core_metrics.c */
enum err core_counts_start(struct core *c) must_use; /* after the papers are read */
void	 core_counts_done(struct core *c);
void	 core_count(struct core *c, const struct exchange *x); /* it is accepted, or has its end */
void	 core_metrics_send(struct core *c, uint32_t ticket);

/* core_held.c */
void core_await(struct core_partner *p); /* its session ended, and will be back */
bool core_hold(struct core *c, const struct core_channel *ch, const struct agreement *a, struct bytes payload); /* true: it waits */
void core_held_try(struct core *c);
void core_held_done(struct core *c);

/* core_fetch.c: questions that a national system takes and answers */
bool core_fetch_ask(struct core *c, struct core_channel *ch, const struct duty *d, unsigned provider); /* false: no room */
void core_fetch_end(struct core *c, const struct core_channel *ch, const uint8_t mid[MID_SIZE]);       /* it has its REPLY */
void core_fetch_turn(struct core *c);
void core_fetch_tick(struct core *c);
void core_fetch_list(struct core *c, struct bytes payload);
void core_fetch_answer(struct core *c, struct bytes payload);
void core_fetch_done(struct core *c);

#endif
