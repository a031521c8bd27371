/*
 * state.h: what a channel remembers. Private to src/channel.
 *
 * Own epochs stand in `own`, oldest first, the open one last; peer epochs in
 * `peer` likewise. Open questions of each direction have a slot in `asked` (ours)
 * or `asked_of_us` (theirs), found by mid; ours also by place.
 */
#ifndef MITHAQ_CHANNEL_STATE_H
#define MITHAQ_CHANNEL_STATE_H

#include "channel/channel.h"
#include "channel/table.h"

#define NO_NUMBER 0xffffffffu

/* A signed size and its root, so that a receipt can be checked against it. */
struct size_root {
	uint64_t    size;
	struct hash root;
};

#define SIGNED_MOST  (CHANNEL_UNRECEIPTED_MOST + 16)
#define COVERED_MOST 256

struct agreed {
	bool	 known;
	uint64_t index; /* of the AGREE entry */
};

struct own_log {
	struct epoch		epoch;
	char			origin[ORIGIN_MOST];
	struct frontier		frontier; /* over all appended */
	struct frontier		durable;  /* over all on disk */
	struct tally		tally;
	struct agreed		agree[CHANNEL_AGREEMENTS_MOST];
	uint64_t		receipted;
	uint64_t		sent, credit;	 /* in this session */
	uint64_t		checkpoint_sent; /* in this session */
	uint32_t		number;		 /* in our HELLO */
	uint64_t		last_time_ms;
	struct epoch		previous;   /* that its GENESIS names; zero while that is not held */
	struct checkpoint_frame checkpoint; /* the last signed; size 0: none */
	struct naming		naming;
	uint64_t		shown;	 /* what the partner shows to hold of it, in this session */
	bool			barren;	 /* the partner can prove no more of it, as far as is named now */
	bool			lost;	 /* the partner shows less than its own receipts: it is listed and sent again */
	bool			quiet;	 /* nothing stands in it that need ever be delivered ... */
	bool			skipped; /* ... and our newer epochs do not go on from it */
};

/* An entry that no checkpoint covers yet: one heap block with header and parts behind it. */
struct pending {
	struct entry	entry;
	struct hash	commitment, leaf;
	bool		known; /* its mid was held before, or is pending already */
	bool		named; /* its key stands in the channel's table of pending exchanges */
	uint8_t		key[16];
	struct earlier *earlier; /* owned, or NULL */
	size_t		weight;
	uint8_t		memory[];
};

#define PENDING_MOST	  (96u << 20)	       /* bytes of pending entries, all logs of a channel together */
#define PENDING_MIDS_MOST (4 * CHANNEL_WINDOW) /* questions among them */

struct peer_log {
	struct epoch	     epoch;
	bool		     has_key; /* its first checkpoint in this life verified by it */
	struct public_key    key;
	char		     origin[ORIGIN_MOST];
	struct frontier	     frontier;	 /* over all covered */
	struct tally	     tally;	 /* over all covered */
	struct tally	     tally_held; /* over all held, pending ones too */
	struct agreed	     agree[CHANNEL_AGREEMENTS_MOST];
	uint64_t	     durable;
	uint32_t	     number; /* in their HELLO */
	struct naming	     naming;
	uint64_t	     previous_size; /* what its GENESIS names of the epoch before; 0: not seen in this life */
	struct pending	   **pending;
	size_t		     npending, room_pending;
	struct hash	    *leaf; /* covered, not yet asked to be receipted */
	size_t		     nleaf, room_leaf;
	size_t		     nleaf_durable;
	struct size_root     covered_at[COVERED_MOST]; /* ring: at the latest checkpoints */
	unsigned	     ncovered;
	uint64_t	     inline_taken; /* bytes of covered inline parts, in this session */
	bool		     has_receipt;
	struct receipt_frame receipt; /* our last */
	uint64_t	     credit_given;
	uint64_t	     last_time_ms;
};

struct live {
	bool	     used;
	uint8_t	     mid[MID_SIZE];
	uint32_t     ticket; /* asked: the performer's */
	uint32_t     generation;
	struct place at;
	struct hash  leaf;
	struct hash  agreement;
	uint16_t     clause;
	char	     purpose[NAME_MOST + 1];
	uint64_t     accepted_ms, delivered_ms, not_after_ms, used_quota;
	int	     with;	/* index of the agreement here, or -1 */
	bool	     cancelled; /* asked: it was withdrawn; its end is still the partner's word */
};

struct slot_name {
	uint32_t number, generation;
};

struct live_set {
	struct live *at;
	uint32_t    *free;
	uint32_t     nfree;
	uint32_t     n;
	struct table by_mid;
	struct table by_place; /* ours only */
};

/* Epochs that are in the ledger and not in memory. */
struct briefs {
	struct brief *at;
	size_t	      n, room;
};

/* Entries of ours that are taken in again from the partner's copy (adopt.c). */
struct fetch {
	bool		 going;
	bool		 said;	   /* ADOPT is appended: when it is signed the session begins anew */
	bool		 took;	   /* rows were taken in, in this session */
	struct own_log	*of;	   /* whose entries the partner was asked for, or NULL */
	uint64_t	 asked_at; /* how far it was held then */
	struct pending **row;	   /* behind its frontier, proved by nothing yet */
	size_t		 n, room;
	struct frontier	 frontier; /* over those too */
};

struct quota {
	bool	 used;
	bool	 ours;
	int	 with;
	uint16_t clause;
	int32_t	 day[2]; /* this day and the one before */
	uint64_t n[2];
};
#define QUOTAS_MOST 512

struct channel {
	char			 self[PARTY_MOST + 1], peer_name[PARTY_MOST + 1], name[NAME_MOST + 1];
	const struct keyring	*ring[2];     /* theirs, ours */
	const struct public_key *receipt_key; /* by which their last receipt verified: tried first; NULL: none yet */
	struct spring		 spring;
	const struct agreement	*agreement[CHANNEL_AGREEMENTS_MOST];
	unsigned		 nagreements;

	struct own_log	*own[CHANNEL_LOGS_MOST];
	unsigned	 nown;
	struct peer_log *peer[CHANNEL_LOGS_MOST];
	unsigned	 npeer;
	struct briefs	 brief[2]; /* theirs, ours */
	struct own_log	*tip;	   /* the newest epoch that this ledger opened itself */
	struct fetch	 fetch;
	bool		 open; /* our epoch is drawn */
	bool		 closing;
	bool		 rolling; /* closing, and a new epoch follows */
	bool		 resumed; /* what was left unanswered before this epoch was asked for again */
	unsigned	 gets;	  /* of the partner, since the last tick */
	bool		 connected;
	bool		 frozen;
	bool		 dirty; /* something was appended since EVENT_DURABLE */

	struct hash	*unsigned_leaf; /* appended to the open epoch, not yet asked to be signed */
	size_t		 nunsigned, room_unsigned, nunsigned_durable;
	struct size_root signed_at[SIGNED_MOST]; /* ring */
	unsigned	 nsigned;
	uint64_t	 sign_asked;
	uint64_t	 unreceipted_since_ms;

	struct live_set	  asked, asked_of_us;
	struct slot_name *undelivered; /* ring of asked slots in order of index */
	uint32_t	  undelivered_head, undelivered_n;
	struct table	  turn;	       /* mids acted on since EVENT_DURABLE */
	struct table	  pending_key; /* mids of pending questions, places that pending late answers are for */
	size_t		  pending_bytes;
	uint64_t	  epochs_full_ms; /* when all of CHANNEL_EPOCHS_BURST may be opened again */
	struct quota	  quota[QUOTAS_MOST];
	uint64_t	  their_last_time_ms;
	uint64_t	  our_last_time_ms;
	int32_t		  tally_day;

	/* this step */
	uint64_t     now_ms;
	struct duty *duty;
	size_t	     nduties, room_duties;
	struct arena arena;
	enum err     err;
};

/* duties.c */
struct duty *duty_add(struct channel *ch, enum duty_type type); /* NULL: no memory; ch->err set */
void	     duty_close(struct channel *ch, enum close_code code, const char *text);
void	     duty_alarm(struct channel *ch, enum alarm_code code, const char *text); /* freezes, closes */
void	     naming_store(struct channel *ch, bool own, const struct epoch *epoch, const struct naming *naming);
void	    *step_take(struct channel *ch, size_t n);
struct bytes step_copy(struct channel *ch, struct bytes v);

/* live.c */
enum err     live_init(struct live_set *s, const uint8_t seed[16]);
void	     live_done(struct live_set *s);
struct live *live_add(struct live_set *s, const uint8_t mid[MID_SIZE], const struct place *at); /* NULL: full or double */
struct live *live_by_mid(struct live_set *s, const uint8_t mid[MID_SIZE]);
struct live *live_by_place(struct live_set *s, const struct place *at);
void	     place_key(const struct place *at, uint8_t key[16]);
struct live *live_by_number(struct live_set *s, uint32_t number, uint32_t generation);
uint32_t     live_number(const struct live_set *s, const struct live *l);
void	     live_remove(struct live_set *s, struct live *l);

/* tally.c */
struct tally_row *tally_find(struct tally *t, const struct hash *agreement);
enum err	  tally_count(struct tally *t, const struct hash *agreement, uint64_t aseq, uint64_t index); /* ERR_ORDER unless aseq is next */
uint64_t	  tally_next(const struct tally *t, const struct hash *agreement);
bool		  tally_equal(const struct tally *a, const struct tally *b);

/* writer.c */
void		writer_opened(struct channel *ch, const struct epoch *epoch);
void		writer_close(struct channel *ch);
void		writer_tick(struct channel *ch);
void		writer_hello(struct channel *ch, const struct hello *theirs);
void		writer_durable(struct channel *ch);
void		writer_signed(struct channel *ch, uint64_t size, const struct hash *root, const struct signature *sig);
void		writer_receipt(struct channel *ch, const struct receipt_frame *f);
void		writer_credit(struct channel *ch, const struct credit_frame *f);
void		writer_pump(struct channel *ch);
struct own_log *writer_log(const struct channel *ch); /* the open epoch, or NULL */
struct own_log *writer_find(const struct channel *ch, const struct epoch *epoch);
struct own_log *writer_log_new(struct channel *ch, const struct epoch *epoch); /* stands before the open one; NULL: no memory */
void		writer_sort(struct channel *ch);			       /* older epochs: each behind all that it names */
bool		writer_is_left(const struct own_log *log);		       /* nothing was said in it, and no newer epoch names it */
void		writer_said(struct channel *ch, struct own_log *log);	       /* an entry of the open epoch names it as it is held */
void		writer_name(struct channel *ch, enum kind kind, const struct previous *what); /* appends GENESIS or ADOPT */
uint64_t	writer_unreceipted(const struct channel *ch);
bool		writer_behind(const struct channel *ch); /* the window of unreceipted entries is full */

/* What an entry to append says beyond what the writer fills in itself. */
struct draft_part {
	uint8_t	     type, retention, placement;
	struct bytes body; /* what the commitment is over */
};

struct draft {
	uint8_t		  kind;
	uint16_t	  flags;
	uint64_t	  not_after_ms;
	const uint8_t	 *mid; /* NULL: control */
	struct hash	  agreement;
	uint16_t	  clause;
	uint16_t	  status;
	const struct re	 *re;
	unsigned	  nparts;
	struct draft_part part[HEADER_PARTS_MOST];
	unsigned	  nattrs;
	struct attr	  attr[HEADER_ATTRS_MOST];
};

struct appended {
	struct place at;
	struct hash  leaf;
	uint64_t     time_ms;
};
bool writer_append(struct channel *ch, const struct draft *d, struct appended *out);

/* keys.c: whose signature this is, and whether it counts */
enum key_word keys_checkpoint(const struct channel *ch, bool own, const struct checkpoint *c, const struct epoch *epoch, const struct signature *sig,
			      struct public_key *by);
enum key_word keys_pinned(const struct channel *ch, struct peer_log *l, const struct checkpoint *c, const struct signature *sig);
enum key_word keys_receipt(struct channel *ch, const struct epoch *epoch, const struct checkpoint *c, uint64_t time_s, const struct signature *sig);
enum err      keys_entry_check(const struct channel *ch, const struct entry *e); /* a KEYS entry of the partner holds a card of the partner */
void	      keys_act(struct channel *ch, const struct entry *e);

/* reader.c */
void		 reader_hello(struct channel *ch, const struct hello *theirs);
void		 reader_entry(struct channel *ch, const struct channel_event *event);
void		 reader_checkpoint(struct channel *ch, const struct checkpoint_frame *f);
void		 reader_durable(struct channel *ch);
void		 reader_cosigned(struct channel *ch, const struct channel_event *event);
void		 reader_disconnected(struct channel *ch);
struct peer_log *reader_log(const struct channel *ch); /* the newest with something durable, or NULL */
struct peer_log *reader_find(const struct channel *ch, const struct epoch *epoch);
bool		 reader_closed(const struct peer_log *l);  /* held to the size that a later entry names: nothing more of it is read */
enum err	 entry_parts_check(const struct entry *e); /* its inline parts are those that its header commits to */
struct pending	*pending_make(const struct entry *e);	   /* NULL: no memory */
void		 pending_free(struct channel *ch, struct pending *p);
struct bytes	 pending_body(struct channel *ch, const struct pending *p); /* its inline parts as they are stored; for this step */
void		 peer_log_free(struct channel *ch, struct peer_log *l);

/* question.c */
void question_ask(struct channel *ch, const struct channel_ask *ask);
void question_cancel(struct channel *ch, const struct channel_event *event);
void question_cancelled(struct channel *ch, const struct pending *p);
void question_found(struct channel *ch, const struct channel_event *event);
void question_act(struct channel *ch, const struct peer_log *log, const struct pending *p);
void question_again(struct channel *ch, const struct channel_event *event);
void question_turn_away(struct channel *ch, const struct peer_log *log, const struct pending *p, const char *reason);
void message_decline(struct channel *ch, const struct peer_log *log, const struct pending *p, enum status status, const char *reason);
void answer_act(struct channel *ch, const struct peer_log *log, const struct pending *p);
void question_taken_in(struct channel *ch, const struct own_log *log, const struct pending *p); /* of ours, come back from the partner */
void answer_taken_in(struct channel *ch, const struct own_log *log, const struct pending *p);
void questions_forget(struct channel *ch); /* those of the partner: they are asked for again */

/* adopt.c */
bool origin_is_ours(const struct channel *ch, struct bytes text, struct origin *o); /* of a log of ours on this channel, to this partner */
bool adopt_hello(struct channel *ch, const struct hello *theirs);		    /* true: entries of ours are to be taken in again */
void adopt_begin(struct channel *ch);
void adopt_range(struct channel *ch, const struct range_frame *range);
void adopt_signed(struct channel *ch);
void adopt_disconnected(struct channel *ch);
void adopt_done(struct channel *ch);
void partner_gets(struct channel *ch, const struct get_frame *f);

/* quota.c */
uint64_t quota_count(struct channel *ch, bool ours, int with, uint16_t clause, int32_t day); /* counts one; the number before */
uint64_t quota_used(const struct channel *ch, bool ours, int with, uint16_t clause, int32_t day);
void	 quota_recall(struct channel *ch, bool ours, int with, uint16_t clause, int32_t day, uint64_t n);

/* channel.c */
int		    agreement_index(const struct channel *ch, const struct hash *id); /* -1: not active here */
int32_t		    day_of(uint64_t ms);
int32_t		    year_of(int32_t day);				   /* from 1970 on */
bool		    time_near(const struct channel *ch, uint64_t time_ms); /* of a partner: within CHANNEL_SKEW_MS of our clock */
enum err	    brief_add(struct channel *ch, bool own, const struct brief *brief);
const struct brief *brief_find(const struct channel *ch, bool own, const struct epoch *epoch); /* or NULL */
void		    brief_recall(struct channel *ch, bool own, const struct epoch *epoch);     /* asks for it to come back into memory */
const char	   *text_of(struct channel *ch, const char *format, ...) prints(2, 3);

#endif
