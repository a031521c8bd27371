/*
 * channel.h: one channel's two logs, as a pure state machine.
 *
 * A channel is told what happened (`struct channel_event`) and says what must be done
 * (`struct duties`); it never asks the time, draws randomness, opens a file or
 * sends a byte. The gateway, the simulator and the story tests perform the duties
 * of the same code.
 *
 * The rules it keeps (spec/wire.md, spec/rules.md; W and R number them there):
 *   - an entry is stored before anything depends on it; a checkpoint is asked for
 *     only after EVENT_DURABLE said that its entries are on disk;
 *   - each start of the writer is a new epoch, whose GENESIS names the last;
 *   - an entry of the peer is acted on only when a signed checkpoint covers it, and
 *     nothing after a GENESIS before the epoch it names is held to its named size;
 *   - structural faults end the session; policy faults are answered `refused`;
 *   - effects happen once per mid, across epochs.
 *
 * Turns: the performer steps any number of events, performs each duty in order,
 * makes everything stored durable at once, then steps EVENT_DURABLE. Duties whose
 * `after` is set are held back until that is done.
 *
 * Memory: a channel owns its state; duties and what they point to live until the
 * next call of channel_step for the same channel.
 */
#ifndef MITHAQ_CHANNEL_CHANNEL_H
#define MITHAQ_CHANNEL_CHANNEL_H

#include "agreement/agreement.h"
#include "agreement/keyring.h"
#include "channel/exchange.h"
#include "channel/naming.h"
#include "crypto/spring.h"
#include "tree/commit.h"
#include "wire/checkpoint.h"
#include "wire/entry.h"
#include "wire/flow.h"
#include "wire/hello.h"
#include "wire/range.h"
#include "wire/receipt.h"
#include "wire/session.h"

#define CHANNEL_WINDOW		  4096	/* entries a partner may send beyond what is durable here */
#define CHANNEL_UNRECEIPTED_MOST  1024	/* own entries without the partner's receipt */
#define CHANNEL_UNRECEIPTED_MS	  60000 /* and for how long, while connected */
#define CHANNEL_LIVE_MOST	  8192	/* unanswered questions per direction */
#define CHANNEL_AGREEMENTS_MOST	  32
#define CHANNEL_EPOCHS_BURST	  64	/* epochs a partner may open at once ... */
#define CHANNEL_EPOCH_MS	  60000 /* ... and one more in this time */
#define CHANNEL_LOGS_MOST	  64	/* epochs of one direction in memory */
#define CHANNEL_SKEW_MS		  300000
#define CHANNEL_ANSWER_LIFE_MS	  LIFE_MOST_MS
#define CHANNEL_QUESTION_SLACK_MS (CHANNEL_SKEW_MS + 60000) /* beyond the answer time of its clause: who is on time is not expired */

struct channel;

/*
 * Both rings outlive the channel, and a card that is added to one counts from then on. Each
 * epoch has one key: of those that ever signed the author's logs, the one by which its first
 * checkpoint here verifies. Receipts may come by any. What a ring's later card revokes
 * counts as far as that card says.
 */
struct channel_setup {
	const char	     *self, *peer, *name;
	const struct keyring *own; /* proves what the partner says to hold of our own log */
	const struct keyring *theirs;
	uint8_t		      seed[SPRING_SEED]; /* of salts and mids */
};

struct channel *channel_new(const struct channel_setup *setup); /* NULL: no memory */
void		channel_free(struct channel *ch);		/* accepts NULL */

/* Mixes fresh randomness into salts and mids to come. */
void channel_mix(struct channel *ch, const uint8_t seed[SPRING_SEED]);

/* An agreement active here; it must outlive the channel. ERR_TOO_LONG above the limit. */
enum err channel_permit(struct channel *ch, const struct agreement *a) must_use;

/* ---- what the ledger remembers, told before the first event, in the order in which its epochs came into it ---- */

struct recalled_agree {
	struct hash agreement;
	uint64_t    index;
};

struct recalled_log {
	struct epoch		     epoch;
	struct frontier		     frontier; /* over all stored entries */
	struct tally		     tally;
	uint64_t		     receipted; /* size of the largest receipt */
	const struct receipt_frame  *receipt;	/* peer logs: ours at that size, or NULL */
	const struct hash	    *leaves;	/* peer logs: leaves receipted <= i < size */
	const struct recalled_agree *agree;	/* the AGREE entries of this epoch */
	unsigned		     nagree;
	uint64_t		     last_time_ms; /* own logs: of its entries; peer logs: of its questions */
	struct epoch		     previous;	   /* own logs: the epoch that its GENESIS names; zero: none */
	struct naming		     naming;
	bool			     quiet; /* own logs: nothing stands in it but GENESIS, TALLY and AGREE */
};

/* Own logs that lack something others name, though empty, are recalled too. */
enum err channel_recall(struct channel *ch, bool own, const struct recalled_log *log) must_use;

/* An epoch that is not recalled whole: too old, or never gone on from. */
struct brief {
	struct epoch epoch;
	uint64_t     size;
	uint64_t     said; /* own logs: as in naming */
};
enum err channel_recall_brief(struct channel *ch, bool own, const struct brief *brief) must_use;
void	 channel_recall_quota(struct channel *ch, bool ours, const struct hash *agreement, uint16_t clause, int32_t day, uint64_t used);
/* What was asked on a UTC day under a clause; 0 for what this channel does not know. */
uint64_t channel_quota_used(const struct channel *ch, bool ours, const struct hash *agreement, uint16_t clause, int32_t day);
/* An own question without an answer, so that its REPLY finds it. */
enum err channel_recall_question(struct channel *ch, const struct exchange *x, const struct hash *leaf) must_use;

/* ---- events ---- */

enum event_type {
	EVENT_OPENED,	    /* the keeper drew our epoch */
	EVENT_HELLO,	    /* both HELLOs of a session were sent and read */
	EVENT_DISCONNECTED, /* the session ended */
	EVENT_ENTRY,
	EVENT_CHECKPOINT,
	EVENT_RECEIPT,
	EVENT_CREDIT,
	EVENT_ASK,	  /* an application asks */
	EVENT_CANCEL,	  /* an application withdraws what it asked */
	EVENT_FOUND,	  /* a worker answered a DUTY_LOOKUP */
	EVENT_UNANSWERED, /* after DUTY_UNANSWERED: a question of the peer without our REPLY */
	EVENT_GET,	  /* the partner asks for entries of one of the two logs */
	EVENT_RANGE,	  /* the partner shows entries of a log of ours */
	EVENT_DURABLE,	  /* all that was stored is on disk */
	EVENT_SIGNED,	  /* the keeper signed DUTY_SIGN */
	EVENT_COSIGNED,	  /* the keeper receipted DUTY_COSIGN */
	EVENT_TICK,	  /* about once a second */
	EVENT_CLOSE,	  /* orderly end: TALLY */
};

/*
 * What only the ledger knows of the exchange of an entry: of a QUERY, that a REPLY of ours
 * to it was taken in again from the partner's copy (the answer's place, status and time);
 * of a REPLY, the unanswered question of ours that stands where it points, when the
 * channel has it no longer in memory.
 */
struct earlier {
	struct exchange exchange;
	struct hash	leaf; /* of the question */
};

enum lookup_outcome {
	FOUND_HIT,
	FOUND_NO_HIT,
	FOUND_REFUSED,
	FOUND_ERROR,
	FOUND_EXPIRED, /* nobody answered while the question lived */
};

struct channel_ask {
	uint32_t		ticket; /* the performer's own */
	bool			dry_run;
	const struct agreement *agreement;
	uint16_t		clause;
	struct bytes		purpose, reference, officer;
	const struct fields    *fields;
};

struct channel_event {
	enum event_type type;
	uint64_t	now_ms; /* the performer's clock, UTC */
	union {
		struct epoch	    opened;
		const struct hello *hello; /* theirs */
		struct {
			uint16_t	      log;
			const struct entry   *entry;
			bool		      known;   /* QUERY: the ledger holds this mid already */
			const struct earlier *earlier; /* or NULL */
		} entry;
		const struct get_frame	 *get;
		const struct range_frame *range;
		struct checkpoint_frame	  checkpoint;
		struct receipt_frame	  receipt;
		struct credit_frame	  credit;
		struct channel_ask	  ask;
		struct {
			uint32_t ticket;
			uint8_t	 mid[MID_SIZE];
		} cancel;
		struct {
			uint64_t	     ticket;
			enum lookup_outcome  outcome;
			const struct fields *fields; /* FOUND_HIT */
			struct bytes	     reason; /* FOUND_REFUSED: a code of the clause's refuse-for */
		} found;
		struct {
			const struct entry *entry;
			struct place	    at;
			struct hash	    leaf;
			uint64_t	    used;
		} unanswered;
		struct {
			uint64_t	 size;
			struct hash	 root;
			struct signature sig;
		} signature; /* EVENT_SIGNED */
		struct {
			struct epoch	 epoch;
			uint64_t	 size;
			struct hash	 root;
			uint64_t	 time_s;
			struct signature sig;
		} cosigned;
	};
};

/* ---- duties ---- */

enum duty_type {
	DUTY_STORE_ENTRY,
	DUTY_STORE_CHECKPOINT,
	DUTY_STORE_RECEIPT,
	DUTY_STORE_QUESTION, /* a new exchange */
	DUTY_STORE_ANSWER,   /* its end */
	DUTY_STORE_ANSWERED, /* a REPLY of ours was taken in again: the end of its question if that is here, else kept until it comes
				(EVENT_ENTRY.earlier) */
	DUTY_STORE_NAMING,   /* what is said of a log, which may be new */
	DUTY_REPORT,	     /* tell whoever asked here; `after` is set */
	DUTY_REFUSE,	     /* an ask was not permitted: nothing was written */
	DUTY_PERMIT,	     /* a dry run would be permitted */
	DUTY_FAIL,	     /* an ask could not be taken now */
	DUTY_SIGN,	     /* keeper: extend our epoch by these leaves and sign */
	DUTY_COSIGN,	     /* keeper: extend the peer's epoch by these leaves and receipt */
	DUTY_SEND,	     /* a whole frame */
	DUTY_RESEND,	     /* ENTRY frames from <= index < to of an own epoch, read from the store */
	DUTY_RECALL,	     /* channel_recall an epoch that is in the ledger and not in memory: the partner knows it otherwise */
	DUTY_RECEIPT,	     /* RECEIPT: the stored one of an epoch of the partner that is no longer in memory */
	DUTY_RANGE,	     /* answer a GET from the store: spec/wire.md, GET and RANGE */
	DUTY_UNANSWERED,     /* step EVENT_UNANSWERED for each question of the partner that the ledger has without its end */
	DUTY_OPEN,	     /* keeper: draw a new epoch in place of this one; EVENT_OPENED follows */
	DUTY_LOOKUP,	     /* ask the clause's worker */
	DUTY_CARD,	     /* the partner's card stands in its log: what card_succeeds the one held joins the ring `theirs` */
	DUTY_ALARM,	     /* a person must know; the channel is frozen when `frozen` */
	DUTY_CLOSE,	     /* end the session */
};

enum channel_failure {
	CHANNEL_BUSY,
	CHANNEL_UNREACHABLE,
	CHANNEL_FROZEN,	  /* an alarm stopped it */
	CHANNEL_FETCHING, /* entries that this ledger lost are being taken in again */
	CHANNEL_ENDED,	  /* nothing to withdraw: it has its end */
};

/* What a DUTY_ALARM that freezes nothing tells. */
enum notice {
	NOTICE_PARTNER_RESTORED,	/* it went on from an older copy of its ledger than is held here */
	NOTICE_PROVIDER_OUTSIDE_CLAUSE, /* a provider of ours answered what its clause does not permit: it was not sent */
};

struct stored_entry {
	bool	     own;
	struct epoch epoch;
	uint64_t     index;
	uint8_t	     kind;
	uint8_t	     form; /* ROW_FULL, or as the partner still had it when it came back */
	uint64_t     time_ms;
	struct hash  commitment;
	struct salt  salt;
	struct bytes header, body, withheld;
};

/* With the checkpoint in the ledger this proves that the author signed two histories. */
struct contradiction {
	const char	       *origin;
	struct checkpoint_frame checkpoint;
};

struct duty {
	enum duty_type type;
	bool	       after; /* perform only once all that was stored before is durable */
	union {
		struct stored_entry entry;
		struct {
			struct epoch	 epoch;
			bool		 own;
			uint64_t	 size;
			struct hash	 root;
			struct signature sig;
			uint64_t	 time_s; /* receipts */
		} head;
		struct {
			const struct exchange *exchange;
			uint32_t	       ticket;
			bool		       final;
		} exchange; /* STORE_QUESTION, STORE_ANSWER, REPORT */
		struct {
			uint32_t	       ticket;
			const struct decision *decision; /* REFUSE */
			enum channel_failure   failure;	 /* FAIL */
			uint16_t	       clause;	 /* PERMIT */
			uint64_t	       used;
		} ask;
		struct {
			struct epoch	   epoch;
			const struct hash *leaves;
			size_t		   n;
		} leaves;	    /* SIGN, COSIGN */
		struct bytes frame; /* SEND */
		struct bytes card;  /* CARD: a signed card of the partner */
		struct {
			struct epoch epoch;
			uint16_t     log;
			uint64_t     from, to;
			bool	     covered; /* then the CHECKPOINT of the largest stored size that is at most `to`, if channel_may_show() */
		} resend;
		struct {
			struct place question; /* in the partner's log */
			struct place answer;
			uint16_t     status;
			uint64_t     time_ms;
		} answered;
		struct {
			struct epoch  epoch;
			bool	      own;
			struct naming naming;
		} naming;
		struct {
			struct epoch epoch;
			bool	     own;
		} recall;
		struct {
			struct epoch epoch;
			uint16_t     log;
		} receipt;
		struct {
			struct epoch epoch;
			bool	     own;
			uint64_t     from, to;
		} range;
		struct {
			uint64_t		ticket;
			const struct agreement *agreement;
			uint16_t		clause;
			uint64_t		deadline_ms;
			uint64_t		not_after_ms; /* of the question: past it nobody takes an answer */
			struct bytes		purpose;
			const struct fields    *fields;
			uint8_t			mid[MID_SIZE]; /* of the question */
		} lookup;
		struct {
			uint16_t		    code; /* enum alarm_code or enum close_code */
			bool			    frozen;
			enum notice		    notice;  /* ALARM that does not freeze */
			const char		   *text;    /* English, for the journal and the partner */
			const struct contradiction *against; /* ALARM: what the partner signed against the entries held, or NULL */
		} end;					     /* ALARM, CLOSE */
	};
};

struct duties {
	const struct duty *at;
	size_t		   n;
	enum err	   err; /* ERR_MEMORY: the performer must stop the channel */
};

struct duties channel_step(struct channel *ch, const struct channel_event *event);

/* ---- what a performer may look at ---- */

/* Adds this channel's logs to our HELLO. Only after EVENT_OPENED and its EVENT_DURABLE. */
enum err channel_hello(struct channel *ch, struct hello *mine) must_use;

struct channel_log {
	struct epoch	       epoch;
	const struct frontier *frontier; /* over all stored entries */
	const struct tally    *tally;
	uint64_t	       receipted;
	uint64_t	       durable;
	uint64_t	       last_time_ms;
};

/* How a GET is answered: entries in one answer, and their bytes, after which it ends. */
#define CHANNEL_RANGE_ENTRIES_MOST CHANNEL_WINDOW
#define CHANNEL_RANGE_BYTES_MOST   (4u << 20)

/* The newest own or peer log; false when there is none. And any log in memory by its epoch. */
bool channel_log(const struct channel *ch, bool own, struct channel_log *out);
bool channel_log_find(const struct channel *ch, bool own, const struct epoch *epoch, struct channel_log *out);

/* Nothing stands in the way of a question under this agreement that waiting would take away. */
bool channel_can_ask(const struct channel *ch, const struct agreement *a);
bool channel_connected(const struct channel *ch);
bool channel_settled(const struct channel *ch); /* everything appended is signed */
bool channel_frozen(const struct channel *ch);
/* From before: an alarm of this channel was kept and no person has released it. Told before the first event. */
void	 channel_freeze(struct channel *ch);
bool	 channel_fetching(const struct channel *ch); /* entries of ours are being taken in again from the partner */
bool	 channel_waiting(const struct channel *ch);  /* the partner went on from an older copy and has not yet adopted what is held here */
bool	 channel_asked(const struct channel *ch, const struct place *question); /* a question of ours, in memory and unanswered */
uint64_t channel_unreceipted(const struct channel *ch);
/* All of ours is receipted, all that came of theirs is receipted by us, and nothing is being fetched, waited for or frozen. */
bool channel_equal(const struct channel *ch);
/* A stored checkpoint of ours: not by a key that our card has revoked for it. */
bool channel_may_show(const struct channel *ch, const struct epoch *epoch, uint64_t size, const struct hash *root, const struct signature *sig);
/* Is this agreement agreed in both logs, as far as is durable here? */
bool channel_in_force(const struct channel *ch, const struct agreement *a);

#endif
