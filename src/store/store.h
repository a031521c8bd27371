/*
 * store.h: the ledger and its bodies behind one interface.
 *
 * SQLite 3 in WAL mode, synchronous=FULL. The core opens it with STORE_WRITE and is
 * the only writer; the reader and offline commands open it with STORE_READ. One turn
 * of the core is one store_begin .. store_commit; store_commit returns only after the
 * rows are durable. After an error from store_commit (ERR_DISK) nothing may be tried
 * again on this store: the caller stops.
 *
 * A `log` is one epoch of one direction of a channel. Only covered entries of a
 * peer's log are stored. Bytes given are copied; bytes handed out live until the
 * callback returns or, where a function takes an arena, as long as that arena.
 */
#ifndef MITHAQ_STORE_STORE_H
#define MITHAQ_STORE_STORE_H

#include "base/arena.h"
#include "channel/exchange.h"
#include "channel/naming.h"
#include "channel/news.h"
#include "tree/commit.h"

#define STORE_SCHEMA  3
#define STORE_BUSY_MS 1000 /* how long an opener or reader waits for another's short lock */

struct store;
enum store_mode { STORE_WRITE, STORE_READ };

/*
 * Creates the schema in a new file (STORE_WRITE). A ledger of the schema before is converted where it stands
 * (STORE_WRITE), in one transaction, or read as it is (STORE_READ); ERR_VERSION for any other, saying which.
 */
enum err store_open(const char *path, enum store_mode mode, struct store **out, struct fault *fault) must_use;
/* What a ledger's file is, without changing it: for those who ask before they start a newer program. ERR_FILE: it is not there. */
struct store_look {
	long long application, schema; /* as the file says */
	uint64_t  bytes;	       /* of it and its WAL */
	bool	  ours;		       /* a ledger of mithaq */
	bool	  converts;	       /* store_open would convert it */
};
enum err store_look(const char *path, struct store_look *out, struct fault *fault) must_use;
void	 store_close(struct store *s); /* rolls back what was not committed; accepts NULL */

/*
 * Functions that write begin the turn when nobody did. When one fails other than with
 * ERR_DUPLICATE, ERR_NOT_FOUND or ERR_FORK, nothing of the turn will be stored: the
 * store is broken and every later call that writes returns ERR_DISK without touching
 * the file. With STORE_READ, begin .. commit holds one snapshot.
 */
enum err store_begin(struct store *s) must_use;	 /* no-op when begun already */
enum err store_commit(struct store *s) must_use; /* no-op when nothing was begun */
bool	 store_open_turn(const struct store *s);
/* Moves pages from the WAL into the database when it pays; called when the core is idle, or by size. */
enum err store_tidy(struct store *s, bool idle) must_use;

/* From now on reading ends with ERR_BUSY after `ms`; 0 takes the limit away. */
void store_limit(struct store *s, unsigned ms);
/* What the store found wrong last: the place (at), and SQLite's own words (found). */
const struct fault *store_fault(const struct store *s);

/* ---- logs ---- */

struct log_key {
	const char  *partner;
	const char  *channel;
	bool	     own;
	struct epoch epoch;
};

struct receipt_head {
	uint64_t	 size; /* 0: none */
	struct hash	 root;
	uint64_t	 time_s;
	struct signature sig;
};

struct checkpoint_head {
	uint64_t	 size; /* 0: none */
	struct hash	 root;
	struct signature sig;
};

struct log_row {
	int64_t		       id; /* row id, ascending in order of opening */
	char		       partner[PARTY_MOST + 1], channel[NAME_MOST + 1];
	bool		       own;
	struct epoch	       epoch;
	struct frontier	       frontier;	 /* over all stored entries; its size is the log's */
	struct tally	       tally;		 /* over the entries of kinds >= 16 */
	struct checkpoint_head checkpoint;	 /* the largest: ours signed, theirs verified */
	struct receipt_head    receipt;		 /* the largest: own log: the partner's; peer log: ours */
	struct frontier	       receipt_frontier; /* peer log: the frontier at receipt.size */
	uint64_t	       last_time_ms;	 /* the latest time_ms of an entry */
	uint64_t	       agreed;		 /* reserved for AGREE bookkeeping of channel/: index + 1 of the last AGREE, 0: none */
	struct naming	       naming;		 /* written by store_naming_save alone */
};

enum err store_log_add(struct store *s, const struct log_key *key, int64_t *id) must_use;
/* Writes frontier, tally, receipt_frontier, last_time_ms and agreed; checkpoint and receipt have functions of their own. */
enum err store_log_save(struct store *s, const struct log_row *row) must_use;
enum err store_naming_save(struct store *s, int64_t log, const struct naming *naming) must_use;
/* All logs of a channel side in order of opening, oldest first; `partner`, `channel` NULL: all. The callback returns false to stop. */
typedef bool store_log_fn(void *arg, const struct log_row *row);
enum err     store_logs(struct store *s, const char *partner, const char *channel, store_log_fn *each, void *arg) must_use;
enum err     store_log_find(struct store *s, const struct epoch *epoch, bool own, struct log_row *out) must_use; /* ERR_NOT_FOUND */

/* The log's name in notes; `self` is the party at home here. */
enum err store_log_origin(const char *self, const struct log_row *row, char out[ORIGIN_MOST]) must_use;

/*
 * One hash that is the same on both sides once both ledgers of a channel agree
 * (spec/rules.md). `own` and `peer` are the newest log of each direction.
 *
 *   H("mithaq/ledgers/v1\n" || for the log of the party whose name sorts first, then for the other:
 *     u16 length, origin || u64 receipted size || root[32] at that size, zero for size 0)
 */
enum err store_ledgers_hash(const char *self, const struct log_row *own, const struct log_row *peer, struct hash *out) must_use;

/* ---- entries ---- */

struct entry_row {
	uint64_t     index;
	struct hash  commitment; /* C(header): the 33 bytes without their version */
	uint8_t	     form;	 /* 0 full, 1 purged, 2 bare */
	struct salt  salt;	 /* full and purged */
	struct bytes header;	 /* full and purged */
	struct bytes body;	 /* full: inline parts as in wire/entry.h */
	struct bytes withheld;	 /* own entries: per part not inline salt[32], u16 length, bytes (an attached part: length 0) */
};
enum { FORM_FULL = 0, FORM_PURGED = 1, FORM_BARE = 2 };

enum err     store_entry_add(struct store *s, int64_t log, const struct entry_row *row) must_use;
enum err     store_entry_get(struct store *s, int64_t log, uint64_t index, struct arena *a, struct entry_row *out) must_use;
typedef bool store_entry_fn(void *arg, const struct entry_row *row);
enum err     store_entries(struct store *s, int64_t log, uint64_t from, uint64_t to, store_entry_fn *each, void *arg) must_use;
/* Leaf hashes of entries from <= index < to into `out`; ERR_NOT_FOUND when one is missing (`out` may then be partly written). */
enum err store_leaves(struct store *s, int64_t log, uint64_t from, uint64_t to, struct hash *out) must_use;

/*
 * ---- checkpoints and receipts: every one is kept, so that the earliest time can be shown ----
 * The first of a size stays; the same root again is no error, another root is ERR_FORK.
 */

enum err store_checkpoint_add(struct store *s, int64_t log, const struct checkpoint_head *c) must_use;
enum err store_receipt_add(struct store *s, int64_t log, const struct receipt_head *r) must_use;
/* The smallest of size > index; ERR_NOT_FOUND. */
enum err store_checkpoint_covering(struct store *s, int64_t log, uint64_t index, struct checkpoint_head *out) must_use;
/* The largest of size at most `size`; ERR_NOT_FOUND. */
enum err store_checkpoint_upto(struct store *s, int64_t log, uint64_t size, struct checkpoint_head *out) must_use;
enum err store_receipt_covering(struct store *s, int64_t log, uint64_t index, struct receipt_head *out) must_use;
/* All of a log, ascending. */
typedef bool store_checkpoint_fn(void *arg, const struct checkpoint_head *c);
typedef bool store_receipt_fn(void *arg, const struct receipt_head *r);
enum err     store_checkpoints(struct store *s, int64_t log, store_checkpoint_fn *each, void *arg) must_use;
enum err     store_receipts(struct store *s, int64_t log, store_receipt_fn *each, void *arg) must_use;

/* ---- exchanges: one row per mid and side, also the row that effects are deduplicated by ---- */

#define EXCHANGE_NO_DAY INT32_MIN

struct exchange_row {
	uint8_t		    mid[MID_SIZE];
	bool		    ours;
	int64_t		    question_log, answer_log; /* log ids; answer_log 0: none yet */
	uint64_t	    question_index, answer_index;
	struct hash	    agreement;
	uint16_t	    clause;
	int32_t		    day; /* UTC day of the question's time_ms: the quota day; EXCHANGE_NO_DAY: it counts against none */
	enum exchange_state state;
	uint16_t	    status;
	uint64_t	    accepted_ms, delivered_ms, answered_ms, not_after_ms;
	uint64_t	    used;
};

enum err store_exchange_add(struct store *s, const struct exchange_row *x) must_use; /* ERR_DUPLICATE */
enum err store_exchange_answer(struct store		 *s,
			       const struct exchange_row *x) must_use; /* by question's place and mid: state, status, answer_*, times */
enum err store_exchange_find(struct store *s, const uint8_t mid[MID_SIZE], bool ours, struct exchange_row *out) must_use;
/* ERR_OK or ERR_NOT_FOUND, without reading the row. */
enum err store_exchange_known(struct store *s, const uint8_t mid[MID_SIZE], bool ours) must_use;
/* By the question's place: for a REPLY's `re` after a restart. */
enum err store_exchange_at(struct store *s, int64_t question_log, uint64_t index, struct exchange_row *out) must_use;
/* Unanswered ones of one channel's logs, oldest first, for the start. */
typedef bool store_exchange_fn(void *arg, const struct exchange_row *x);
enum err     store_exchanges_open(struct store *s, const char *partner, const char *channel, bool ours, store_exchange_fn *each, void *arg) must_use;
/* Every exchange there is, for verification. */
enum err store_exchanges(struct store *s, store_exchange_fn *each, void *arg) must_use;
/* Questions of (agreement, clause, day) on our or their asking side. Kept for the newest day of a log and the two before it; 0 for older ones. */
enum err store_quota_used(struct store *s, const char *partner, const char *channel, bool ours, const struct hash *agreement, uint16_t clause,
			  int32_t day, uint64_t *out) must_use;
/* The whole exchange with its contents, read from both entries; views live in `a`. */
enum err store_exchange_load(struct store *s, const struct exchange_row *x, struct arena *a, struct exchange *out) must_use;
/* Counts for a channel's status, questions of both sides; expired and failed ones are in `asked` alone. */
struct exchange_counts {
	uint64_t asked, answered, refused, unanswered;
};
enum err store_exchange_counts(struct store *s, const char *partner, const char *channel, struct exchange_counts *out) must_use;

/*
 * Answers of ours that came back from the partner before the questions they answer did.
 * An answer stays here when its question has come: what is told twice is told alike.
 */
struct answered_row {
	struct epoch question_epoch;
	uint64_t     question_index;
	int64_t	     answer_log;
	uint64_t     answer_index;
	uint16_t     status;
	uint64_t     time_ms;
};
enum err store_answered_add(struct store *s, const struct answered_row *a) must_use;
/* ERR_NOT_FOUND, at no cost while there are none. */
enum err store_answered_find(struct store *s, const struct epoch *question_epoch, uint64_t question_index, struct answered_row *out) must_use;

/*
 * Counts, quotas and the sizes of the newest heads are added up while writing, in the turn
 * of what they count. This adds them up again from the rows of a log, for verification.
 */
enum err store_sums_check(struct store *s, int64_t log, bool *same) must_use;

/* ---- for verification (scrub.c): what can be read, beside what cannot ---- */

struct log_name {
	int64_t	     id;
	char	     partner[PARTY_MOST + 1], channel[NAME_MOST + 1];
	bool	     own;
	struct epoch epoch;
};
typedef bool store_log_name_fn(void *arg, const struct log_name *name);
enum err     store_log_names(struct store *s, store_log_name_fn *each, void *arg) must_use;
/* One more than the largest index that has a row; 0: there is none. */
enum err store_log_extent(struct store *s, int64_t log, uint64_t *out) must_use;

struct head_row {
	uint64_t	 size;
	struct hash	 root;
	bool		 root_read, checkpoint_read, receipt_read; /* false: of another length than it may have */
	bool		 checkpointed, receipted;		   /* by the author; by the reader */
	struct signature checkpoint, receipt;
	uint64_t	 time_s;
};
typedef bool store_head_fn(void *arg, const struct head_row *head);
/* Heads of from <= size < to, ascending. */
enum err store_head_rows(struct store *s, int64_t log, uint64_t from, uint64_t to, store_head_fn *each, void *arg) must_use;
/* Only what an exchange is compared with: headers of from <= index < to, as they are; a bare entry has none. */
typedef bool store_header_fn(void *arg, uint64_t index, uint8_t form, struct bytes header);
enum err     store_entry_headers(struct store *s, int64_t log, uint64_t from, uint64_t to, store_header_fn *each, void *arg) must_use;
/*
 * Exchanges whose questions stand from (log, index) up to but not at (to_log, to_index); log 0: from the first, to_log 0:
 * to the last. Only what their entries can be compared with is set: places, mid, agreement, clause, status.
 */
enum err store_exchanges_between(struct store *s, int64_t log, uint64_t index, int64_t to_log, uint64_t to_index, store_exchange_fn *each,
				 void *arg) must_use;

/* ---- for repair (repair.c): rows as they are, and put in their place ---- */

enum store_table { STORE_TABLE_LOG, STORE_TABLE_ENTRY, STORE_TABLE_HEAD, STORE_TABLE_EXCHANGE };
enum column_kind { COLUMN_NULL, COLUMN_INTEGER, COLUMN_TEXT, COLUMN_BYTES };
struct store_column {
	const char	*name;
	enum column_kind kind;
	int64_t		 integer;
	struct bytes	 bytes; /* text and bytes */
};
typedef void store_column_fn(void *arg, const struct store_column *column);
/* Every column of one row (of a log: `index` says nothing); ERR_NOT_FOUND. */
enum err store_row_dump(struct store *s, enum store_table table, int64_t log, uint64_t index, store_column_fn *each, void *arg) must_use;

/* Each replaces what stands at its place, or adds it. Sums are not touched: store_sums_remake adds them up again. */
enum err store_entry_put(struct store *s, int64_t log, const struct entry_row *row) must_use;
enum err store_entry_drop(struct store *s, int64_t log, uint64_t index) must_use;
enum err store_head_put(struct store *s, int64_t log, const struct head_row *head) must_use;
/* The rows of `tally` ascend. */
enum err store_log_put(struct store *s, int64_t log, const struct frontier *frontier, const struct tally *tally,
		       const struct frontier *receipt) must_use;
enum err store_exchange_put(struct store *s, const struct exchange_row *x) must_use; /* mid, agreement, clause, status */
enum err store_sums_remake(struct store *s, int64_t log) must_use;

/* ---- news: what applications are told of, in the turn of what it tells (news.c) ---- */

#define STORE_NEWS_MOST 1000000 /* rows kept */
#define STORE_NEWS_SCAN 4096	/* rows looked at, and forgotten, at most in one call */

struct news_row {
	enum news_type type;
	int64_t	       question_log; /* of an exchange: the place of its question; 0: of none */
	uint64_t       question_index;
	const char    *subject; /* NULL: none */
};
/* `*number` is what it got. */
enum err store_news_add(struct store *s, const struct news_row *row, uint64_t now_ms, uint64_t *number) must_use;
/*
 * Rows after this number, ascending, whose types are in `types`, until `each` returns false. `*next` is the number of
 * the last one looked at (`after` when there is none); `*more` when there are others behind it.
 */
typedef bool store_news_fn(void *arg, const struct news *news);
enum err     store_news(struct store *s, uint64_t after, uint32_t types, store_news_fn *each, void *arg, uint64_t *next, bool *more) must_use;
/* The largest number; 0: none. */
enum err store_news_last(struct store *s, uint64_t *out) must_use;
/*
 * Forgets what is older than `before_ms` and what is more than `keep`, the oldest first, STORE_NEWS_SCAN a call: one
 * NEWS_LOST stands where they stood. At no cost when there is nothing to forget.
 */
enum err store_news_forget(struct store *s, uint64_t before_ms, uint64_t keep) must_use;

/* ---- marks: small numbers by name ---- */

enum err store_mark(struct store *s, const struct hash *name, uint64_t *out) must_use; /* ERR_NOT_FOUND */
enum err store_mark_set(struct store *s, const struct hash *name, uint64_t value) must_use;

/* ---- Idempotency-Key: stays at home, 7 days ---- */

enum err store_key_find(struct store *s, struct bytes account, struct bytes key, uint8_t mid[MID_SIZE], struct hash *body) must_use;
enum err store_key_add(struct store *s, struct bytes account, struct bytes key, const uint8_t mid[MID_SIZE], const struct hash *body,
		       uint64_t now_ms) must_use;
/* At most 1,024 rows a call, oldest first. */
enum err store_keys_expire(struct store *s, uint64_t before_ms) must_use;

#endif
