/*
 * messages.h: what the processes of one gateway say to each other.
 *
 * Each message is a pipe frame (proc/pipe.h): its type from the enum, its payload
 * as drawn here, read and written by the functions below with cursor and builder.
 * A process re-parses whatever another tells it and trusts no length.
 */
#ifndef MITHAQ_GATEWAY_MESSAGES_H
#define MITHAQ_GATEWAY_MESSAGES_H

#include "channel/news.h"

enum role {
	ROLE_PARENT,
	ROLE_LINK,
	ROLE_DESK,
	ROLE_CORE,
	ROLE_KEEPER,
	ROLE_READER,
	ROLE_WORKER,
	ROLE_TRIAL, /* reads new papers and keys before a reload, and ends */
	ROLE_HOOK,
};

enum message_type {
	/* parent <-> everybody: the control pipe */
	CONTROL_PIPE = 1,	/* u8 role at the other end | u16 which (partner or provider number); carries the descriptor */
	CONTROL_READY,		/* child -> parent: nothing */
	CONTROL_STOP,		/* parent -> child: nothing; core closes its epochs with a TALLY first */
	CONTROL_STOPPED,	/* core -> parent: closed in order */
	CONTROL_RELOAD,		/* parent -> desk: nothing; SIGHUP came, read the tokens again */
	CONTROL_LEDGER_STOPPED, /* parent -> desk: nothing; the core ended itself after a failed write and stays down */
	CONTROL_LEAVE,		/* parent -> core, link: nothing; as CONTROL_STOP, but another process follows at once */
	CONTROL_PAPERS,		/* core -> parent: u8 whole; papers were stored: 0 whoever shows or dials by them is told, 1 as at SIGHUP */
	CONTROL_CERTIFICATE,	/* parent -> desk, before CONTROL_RELOAD: u8 enum certificate_part; carries the file's descriptor */
	CONTROL_PING,		/* parent -> child: nothing; is your loop turning? */
	CONTROL_PONG,		/* child -> parent: nothing; it is */

	/* core <-> keeper. The core chooses handles. */
	KEEPER_OPEN = 16, /* u32 handle | u16 len, author | u16 len, reader | u16 len, channel */
	KEEPER_OPENED,	  /* u32 handle | epoch[16] */
	KEEPER_SIGN,	  /* u32 handle | u32 n | n x leaf[32] */
	KEEPER_SIGNED,	  /* u32 handle | u64 size | root[32] | signature[64] */
	KEEPER_FOLLOW,	  /* u32 handle | u16 len, peer origin | u8 has | if has: u64 time_s, signature[64], frontier */
	KEEPER_COSIGN,	  /* u32 handle | u32 n | n x leaf[32] */
	KEEPER_COSIGNED,  /* u32 handle | u64 size | root[32] | u64 time_s | signature[64] */
	KEEPER_REFUSED,	  /* u32 handle | u16 err */

	/* link <-> core; every message begins with the u32 number of the link's session */
	LINK_UP = 32, /* u32 session | u8 dialled */
	LINK_DOWN,    /* u32 session | u16 len, why (text) */
	LINK_FRAMES,  /* u32 session | whole frames, both ways */
	LINK_CLOSE,   /* core -> link: u32 session | u16 len, why: send what is queued, then close */
	LINK_STATE,   /* link -> core, while no session: u16 len, why the last attempt failed */
	LINK_SKEW,    /* link -> core: u32 session | u32 how far the partner's clock is ahead of ours, ms, two's complement */
	LINK_PINS,    /* core -> link: u8 n | n x hash[32]: what the card in use of the partner pins */

	/* desk <-> core */
	DESK_ASK = 48,	   /* struct ask */
	DESK_STATE,	   /* core -> desk: u32 ticket | u8 final | u8 replayed | exchange. Sent at accepted and when answered (final). */
	DESK_REFUSED,	   /* core -> desk: u32 ticket | decision: nothing left the house */
	DESK_FAILED,	   /* core -> desk: u32 ticket | u8 enum failure | u64 since_ms | u16 len, cause (text) */
	DESK_PERMITTED,	   /* core -> desk: u32 ticket | u16 clause | u64 used: the answer to a dry run */
	DESK_PARTNERS,	   /* desk -> core: u32 ticket */
	DESK_PARTNERS_ARE, /* core -> desk: u32 ticket | u16 n | n x partner state */
	DESK_QUOTAS,	   /* desk -> core: u32 ticket */
	DESK_QUOTAS_ARE,   /* core -> desk: u32 ticket | i32 UTC day | n x quota used, to the end; clauses not named have used none */
	DESK_LEAVING,	   /* core -> desk: nothing; its last word: what has had no answer was not taken, ask my successor */
	DESK_LEFT,	   /* desk -> core: nothing; the last word to this core */
	DESK_CANCEL,	   /* struct withdrawal; answered by one DESK_STATE, not final, when it is written, or by DESK_FAILED */

	DESK_METRICS,	  /* desk -> core: u32 ticket */
	DESK_METRICS_ARE, /* core -> desk: u32 ticket | metric after metric (metrics.h) to the end */

	DESK_EVENTS, /* core -> desk: u64 number of the newest; there is more at the reader */

	/* core <-> worker */
	WORKER_LOOKUP = 64, /* u64 ticket | u16 len, clause "channel/name" | u64 deadline_ms | u16 len, fields record | u16 len, purpose
			       | mid[16] | u16 len, who asks */
	WORKER_FOUND,	    /* u64 ticket | u8 enum outcome | u16 len, fields record | u16 len, reason */

	/* desk <-> reader */
	READER_SHOW = 80,     /* u32 ticket | mid[16] */
	READER_EXCHANGE,      /* u32 ticket | u8 found | exchange */
	READER_EVIDENCE,      /* u32 ticket | mid[16] */
	READER_BUNDLE,	      /* u32 ticket | u16 err | bundle bytes (up to PIPE_MESSAGE_MOST) */
	READER_STATUS,	      /* u32 ticket */
	READER_STATUS_IS,     /* u32 ticket | u16 n | n x channel status */
	READER_PAPER,	      /* reader -> desk: u8 enum paper | signed note: the papers as they are now, one after another ... */
	READER_PAPERS,	      /* ... and nothing: that was the last of them */
	READER_EVENTS,	      /* u32 ticket | u64 after, or all ones: after the newest | u32 types, a bit each; from hook too */
	READER_EVENTS_ARE,    /* u32 ticket | u64 next | bool more | u16 n | n x news */
	READER_EVENTS_FAILED, /* u32 ticket: neither events nor a mark could be read now */
	READER_MARK,	      /* hook -> reader: u32 ticket | name[32] */
	READER_MARK_IS,	      /* u32 ticket | bool found | u64 */
	READER_METRICS,	      /* u32 ticket */
	READER_METRICS_ARE,   /* u32 ticket | metric after metric (metrics.h) to the end */

	/* desk <-> core: questions that a national system takes and answers (fetch.h) */
	FETCH_LIST = 104,   /* desk -> core: struct fetch_list */
	FETCH_OFFERS,	    /* core -> desk: u32 ticket | u16 n | n x offer */
	FETCH_COME,	    /* core -> desk: u16 len, clause: a question under it waits and is nobody's */
	FETCH_ANSWER,	    /* desk -> core: struct fetch_answer; one of the next two, or DESK_FAILED */
	FETCH_ANSWERED,	    /* core -> desk: u32 ticket: it is written */
	FETCH_NOT_ANSWERED, /* core -> desk: u32 ticket | agreement[32] | decision: the clause does not permit it */

	/* core <-> hook */
	HOOK_EVENTS = 112, /* core -> hook: u64 number of the newest */
	HOOK_TOLD,	   /* hook -> core: hook[32] | u64: told up to this number */
};

/* A renewed file has another inode than the one a Landlock rule would name, and its folder holds more: the parent opens it. */
enum certificate_part { CERTIFICATE_CHAIN, CERTIFICATE_KEY };

#define READER_EVENTS_MOST 256 /* in one message */

enum failure {
	FAILURE_BUSY = 1,
	FAILURE_UNREACHABLE,
	FAILURE_KEY_REUSED,
	FAILURE_FROZEN,	  /* an alarm stopped the channel */
	FAILURE_FETCHING, /* what this ledger lost is being taken in again */
	FAILURE_INTERNAL,
	FAILURE_NOT_FOUND, /* no question of ours has this id */
	FAILURE_ENDED,	   /* it has its end: nothing to withdraw, nothing to answer */
	FAILURE_LATE,	   /* nobody takes an answer to it any more */
	FAILURE_LEASED,	   /* another account has it until since_ms */
};

enum outcome { OUTCOME_HIT = 0, OUTCOME_NO_HIT = 1, OUTCOME_REFUSED = 2, OUTCOME_ERROR = 4 };

#define ACCOUNT_MOST		64
#define IDEMPOTENCY_MOST	200
#define OFFICER_MOST		(4 * OFFICER_CHARACTERS_MOST)
#define OFFICER_CHARACTERS_MOST 128

struct ask {
	uint32_t      ticket;
	bool	      dry_run;
	struct bytes  account;			   /* who holds the token */
	struct bytes  key;			   /* Idempotency-Key, may be empty */
	struct hash   body;			   /* H(request body): for key-reused */
	struct bytes  to;			   /* party name, may be empty */
	struct bytes  clause;			   /* "channel/name" */
	struct bytes  purpose, reference, officer; /* may be empty */
	struct fields fields;
};
void	 ask_write(struct builder *b, const struct ask *a);
enum err ask_read(struct bytes payload, struct ask *out) must_use;

/* Whoever asks here may withdraw: the desk has seen that the account's token permits the clause. */
struct withdrawal {
	uint32_t     ticket;
	struct bytes account; /* for the journal */
	uint8_t	     mid[MID_SIZE];
};
void	 withdrawal_write(struct builder *b, const struct withdrawal *w);
enum err withdrawal_read(struct bytes payload, struct withdrawal *out) must_use;

void	 decision_write(struct builder *b, const struct decision *d);
enum err decision_read(struct cursor *c, struct decision *out) must_use;

#define CHANNEL_NAMES_MOST (64 * (NAME_MOST + 1)) /* every channel of a partner */

struct partner_state {
	char	 name[PARTY_MOST + 1];
	bool	 connected;
	uint64_t since_ms;
	char	 cause[160]; /* why not, the last cause */
	uint32_t unreceipted;
	uint32_t in_force; /* agreements, on both sides */
	bool	 skew_known;
	int32_t	 skew_ms; /* how far its clock is ahead of ours, as its link measured it in this session */
	/* names of channels, with commas between */
	char frozen[CHANNEL_NAMES_MOST];   /* by an alarm */
	char fetching[CHANNEL_NAMES_MOST]; /* entries of ours that this ledger lost are being taken in again */
	char waiting[CHANNEL_NAMES_MOST];  /* for the partner to take in what its ledger lost */
};
void	 partner_state_write(struct builder *b, const struct partner_state *p);
enum err partner_state_read(struct cursor *c, struct partner_state *out) must_use;

/* What was asked under a clause on one UTC day, by the party that asks there. */
struct quota_used {
	struct hash agreement;
	uint16_t    clause;
	uint64_t    used;
};
void	 quota_used_write(struct builder *b, const struct quota_used *q);
enum err quota_used_read(struct cursor *c, struct quota_used *out) must_use;

/* One channel as the reader sees it in the ledger. */
struct channel_status {
	char	    partner[PARTY_MOST + 1];
	char	    channel[NAME_MOST + 1];
	char	    own_origin[ORIGIN_MOST], peer_origin[ORIGIN_MOST];
	uint64_t    own_size, own_receipted, peer_size;
	struct hash own_root, peer_root; /* at those sizes */
	struct hash ledgers;		 /* one hash over both logs' receipted heads, ordered by author: equal on both sides when the ledgers are */
	uint64_t    asked, answered, refused, unanswered;
};
void	 channel_status_write(struct builder *b, const struct channel_status *s);
enum err channel_status_read(struct cursor *c, struct channel_status *out) must_use;

#endif
