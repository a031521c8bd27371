/*
 * inside.h: what the rooms of store/ share, and nobody else includes.
 *
 * Every SQL statement stands in STATEMENT_TABLE. One is prepared at its first use
 * and kept until the store closes; while a function works with it, it is taken, so
 * a callback that comes back with the same function gets ERR_INTERNAL, never rows
 * of the wrong question. Columns are read and bound in the order written here.
 */
#ifndef MITHAQ_STORE_INSIDE_H
#define MITHAQ_STORE_INSIDE_H

#include <sqlite3.h>

#include "store/store.h"

#define LOG_COLUMNS                                                                                                                                  \
	"SELECT log.id, log.partner, log.channel, log.own, log.epoch, log.frontier, log.tally, log.receipt_frontier,"                                \
	" log.last_time_ms, log.agreed, log.checkpointed, c.root, c.checkpoint, log.receipted, r.root, r.time_s, r.receipt,"                         \
	" log.named, log.named_root, log.said, log.adopted, log.named_by FROM log"                                                                   \
	" LEFT JOIN head AS c ON c.id = (log.id << 40 | log.checkpointed) LEFT JOIN head AS r ON r.id = (log.id << 40 | log.receipted)"

#define ENTRY_COLUMNS "SELECT id, commitment, form, salt, header, body, withheld FROM entry"

/* Ranges of places: from the first, below the second. */
#define CHECKPOINT_COLUMNS "SELECT id, root, checkpoint FROM head WHERE id >= ? AND id < ? AND checkpoint IS NOT NULL ORDER BY id"
#define RECEIPT_COLUMNS	   "SELECT id, root, receipt, time_s FROM head WHERE id >= ? AND id < ? AND receipt <> zeroblob(64) ORDER BY id"

#define EXCHANGE_COLUMNS                                                                                                                             \
	"SELECT id, answer, mid, ours, agreement, clause, day,"                                                                                      \
	" state, status, accepted_ms, delivered_ms, answered_ms, not_after_ms, used FROM exchange"

#define STATEMENT_TABLE(X)                                                                                                                           \
	X(BEGIN_WRITE, "BEGIN IMMEDIATE")                                                                                                            \
	X(BEGIN_READ, "BEGIN")                                                                                                                       \
	X(COMMIT, "COMMIT")                                                                                                                          \
                                                                                                                                                     \
	X(LOG_ADD, "INSERT INTO log(partner, channel, own, epoch, frontier, tally, receipt_frontier, sums) VALUES (?,?,?,?,?,?,?,?)")                \
	X(LOG_SAVE, "UPDATE log SET frontier = ?, tally = ?, receipt_frontier = ?, last_time_ms = ?, agreed = ?,"                                    \
		    " checkpointed = ?, receipted = ?, sums = ? WHERE id = ?")                                                                       \
	X(LOGS, LOG_COLUMNS " WHERE (?1 IS NULL OR partner = ?1) AND (?2 IS NULL OR channel = ?2) ORDER BY log.id")                                  \
	X(LOG_FIND, LOG_COLUMNS " WHERE epoch = ? AND own = ?")                                                                                      \
	X(LOG_NAMING, "UPDATE log SET named = ?, named_root = ?, said = ?, adopted = ?, named_by = ? WHERE id = ?")                                  \
	X(LOG_PLACE, "SELECT partner, channel, epoch, receipted FROM log WHERE id = ?")                                                              \
                                                                                                                                                     \
	X(SUMS_GET, "SELECT id, own, checkpointed, receipted, sums FROM log WHERE id = ?")                                                           \
	X(SUMS_SAVE, "UPDATE log SET checkpointed = ?, receipted = ?, sums = ? WHERE id = ?")                                                        \
	X(SUMS_OF, "SELECT id, own, checkpointed, receipted, sums FROM log WHERE partner = ? AND channel = ? ORDER BY id")                           \
	X(SUMMANDS, "SELECT state, agreement, clause, day FROM exchange WHERE id >= ? AND id < ? ORDER BY id")                                       \
	X(SUMMAND_HEADS, "SELECT max(id) FILTER (WHERE checkpoint IS NOT NULL), max(id) FILTER (WHERE receipt <> zeroblob(64)) FROM head"            \
			 " WHERE id >= ? AND id < ?")                                                                                                \
                                                                                                                                                     \
	X(ENTRY_ADD, "INSERT INTO entry(id, commitment, form, salt, header, body, withheld) VALUES (?,?,?,?,?,?,?)")                                 \
	X(ENTRY_GET, ENTRY_COLUMNS " WHERE id = ?")                                                                                                  \
	X(ENTRIES, ENTRY_COLUMNS " WHERE id >= ? AND id < ? ORDER BY id")                                                                            \
	X(LEAVES, "SELECT id, commitment FROM entry WHERE id >= ? AND id < ? ORDER BY id")                                                           \
                                                                                                                                                     \
	/* The room of a receipt is taken at once, so that its page does not burst when it comes. What is there already stays. */                    \
	X(CHECKPOINT_ADD,                                                                                                                            \
	  "INSERT INTO head(id, root, checkpoint, receipt) VALUES (?,?,?,zeroblob(64)) ON CONFLICT DO UPDATE SET checkpoint = excluded.checkpoint"   \
	  " WHERE checkpoint IS NULL AND root = excluded.root")                                                                                      \
	X(RECEIPT_ADD, "INSERT INTO head(id, root, receipt, time_s) VALUES (?,?,?,?) ON CONFLICT DO UPDATE SET receipt = excluded.receipt,"          \
		       " time_s = excluded.time_s WHERE receipt = zeroblob(64) AND root = excluded.root")                                            \
	X(HEAD_ROOT, "SELECT root FROM head WHERE id = ?")                                                                                           \
	X(CHECKPOINT_COVERING, CHECKPOINT_COLUMNS " LIMIT 1")                                                                                        \
	X(CHECKPOINT_UPTO, CHECKPOINT_COLUMNS " DESC LIMIT 1")                                                                                       \
	X(CHECKPOINTS, CHECKPOINT_COLUMNS)                                                                                                           \
	X(RECEIPT_COVERING, RECEIPT_COLUMNS " LIMIT 1")                                                                                              \
	X(RECEIPTS, RECEIPT_COLUMNS)                                                                                                                 \
                                                                                                                                                     \
	X(EXCHANGE_ADD, "INSERT INTO exchange(id, answer, mid, ours, agreement, clause, day,"                                                        \
			" state, status, accepted_ms, delivered_ms, answered_ms, not_after_ms, used) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)")          \
	X(EXCHANGE_STATE, "SELECT state FROM exchange WHERE id = ? AND mid = ?")                                                                     \
	X(EXCHANGE_ANSWER, "UPDATE exchange SET answer = ?, state = ?, status = ?, accepted_ms = ?, delivered_ms = ?, answered_ms = ? WHERE id = ?") \
	X(EXCHANGE_FIND, EXCHANGE_COLUMNS " WHERE ours = ? AND mid = ?")                                                                             \
	X(EXCHANGE_KNOWN, "SELECT 1 FROM exchange WHERE ours = ? AND mid = ?")                                                                       \
	X(EXCHANGE_AT, EXCHANGE_COLUMNS " WHERE id = ?")                                                                                             \
	/* As many as the log counts, the newest first: open questions are young, so the walk back is short. */                                      \
	X(EXCHANGES_OPEN, "SELECT * FROM (" EXCHANGE_COLUMNS " WHERE id >= ? AND id < ? AND state <= 2 ORDER BY id DESC LIMIT ?) ORDER BY id")       \
	X(EXCHANGES_ALL, EXCHANGE_COLUMNS " ORDER BY id")                                                                                            \
                                                                                                                                                     \
	/* For verification (scrub.c). */                                                                                                            \
	X(LOG_NAMES, "SELECT id, partner, channel, own, epoch FROM log ORDER BY id")                                                                 \
	X(LOG_EXTENT, "SELECT max(id) FROM entry WHERE id >= ? AND id < ?")                                                                          \
	X(HEADS, "SELECT id, root, checkpoint, receipt, time_s FROM head WHERE id >= ? AND id < ? ORDER BY id")                                      \
	X(ENTRY_HEADERS, "SELECT id, form, header FROM entry WHERE id >= ? AND id < ? ORDER BY id")                                                  \
	X(EXCHANGES_RANGE, "SELECT id, answer, mid, agreement, clause, status FROM exchange WHERE id >= ? AND id < ? ORDER BY id")                   \
	/* For repair (repair.c). */                                                                                                                 \
	X(DUMP_LOG, "SELECT * FROM log WHERE id = ?")                                                                                                \
	X(DUMP_ENTRY, "SELECT * FROM entry WHERE id = ?")                                                                                            \
	X(DUMP_HEAD, "SELECT * FROM head WHERE id = ?")                                                                                              \
	X(DUMP_EXCHANGE, "SELECT * FROM exchange WHERE id = ?")                                                                                      \
	X(ENTRY_PUT, "INSERT OR REPLACE INTO entry(id, commitment, form, salt, header, body, withheld) VALUES (?,?,?,?,?,?,?)")                      \
	X(ENTRY_DROP, "DELETE FROM entry WHERE id = ?")                                                                                              \
	X(HEAD_PUT, "INSERT OR REPLACE INTO head(id, root, checkpoint, receipt, time_s) VALUES (?,?,?,?,?)")                                         \
	X(LOG_PUT, "UPDATE log SET frontier = ?, tally = ?, receipt_frontier = ? WHERE id = ?")                                                      \
	X(EXCHANGE_PUT, "UPDATE exchange SET mid = ?, agreement = ?, clause = ?, status = ? WHERE id = ?")                                           \
                                                                                                                                                     \
	X(ANSWERED_ADD, "INSERT OR REPLACE INTO answered(epoch, idx, answer, status, time_ms) VALUES (?,?,?,?,?)")                                   \
	X(ANSWERED_FIND, "SELECT answer, status, time_ms FROM answered WHERE epoch = ? AND idx = ?")                                                 \
	X(ANSWERED_ANY, "SELECT 1 FROM answered LIMIT 1")                                                                                            \
                                                                                                                                                     \
	X(KEY_ADD, "INSERT INTO idempotency(account, key, mid, body, at_ms) VALUES (?,?,?,?,?)")                                                     \
	X(KEY_FIND, "SELECT mid, body FROM idempotency WHERE account = ? AND key = ?")                                                               \
	/* Rows come in order of time, so the oldest have the smallest row ids and need no index. */                                                 \
	X(KEYS_EXPIRE, "DELETE FROM idempotency WHERE at_ms < ? AND rowid IN (SELECT rowid FROM idempotency ORDER BY rowid LIMIT 1024)")             \
                                                                                                                                                     \
	X(NEWS_ADD, "INSERT INTO event(id, type, exchange, subject) VALUES (?,?,?,?)")                                                               \
	X(NEWS_LAST, "SELECT id FROM event ORDER BY id DESC LIMIT 1")                                                                                \
	X(NEWS_FIRST, "SELECT id, type FROM event ORDER BY id LIMIT 1")                                                                              \
	X(NEWS_COUNT, "SELECT count(*) FROM event")                                                                                                  \
	X(NEWS, "SELECT event.id, event.type, event.subject, x.mid, x.ours, x.agreement, x.clause FROM event"                                        \
		" LEFT JOIN exchange AS x ON x.id = event.exchange WHERE event.id > ? ORDER BY event.id LIMIT ?")                                    \
	/* The last of so many of the oldest that are below a number. */                                                                             \
	X(NEWS_UPTO, "SELECT max(id) FROM (SELECT id FROM event WHERE id < ? ORDER BY id LIMIT ?)")                                                  \
	X(NEWS_FORGET, "DELETE FROM event WHERE id < ?")                                                                                             \
	X(NEWS_STAND, "UPDATE event SET type = 0, exchange = NULL, subject = NULL WHERE id = ?")                                                     \
                                                                                                                                                     \
	X(MARK, "SELECT value FROM mark WHERE name = ?")                                                                                             \
	X(MARK_SET, "INSERT INTO mark(name, value) VALUES (?,?) ON CONFLICT DO UPDATE SET value = excluded.value")

enum statement {
#define STATEMENT_ENUM(name, sql) STATEMENT_##name,
	STATEMENT_TABLE(STATEMENT_ENUM)
#undef STATEMENT_ENUM
		STATEMENT_COUNT
};

/* ---- a place: a log and an index or size in it, as one integer (schema.h) ---- */

#define PLACE_BITS 40
#define PLACE_MOST ((UINT64_C(1) << PLACE_BITS) - 1) /* never written, so ranges may end here */
#define LOG_MOST   ((INT64_C(1) << 22) - 1)	     /* epochs a ledger may open */

/* Whatever is beyond what is written becomes a place that no row has. */
static inline int64_t place_of(int64_t log, uint64_t index)
{
	uint64_t known = log > 0 && log <= LOG_MOST ? (uint64_t)log : 0;

	return (int64_t)(known << PLACE_BITS | (index < PLACE_MOST ? index : PLACE_MOST));
}

static inline int64_t place_log(int64_t place)
{
	return place >> PLACE_BITS;
}

static inline uint64_t place_index(int64_t place)
{
	return (uint64_t)place & PLACE_MOST;
}

/* ---- sums: what the store adds up of a log while it writes (sums.c) ---- */

#define SUMS_STATES	   (EXCHANGE_FAILED + 1)
#define SUMS_STATES_STORED 48
#define SUMS_QUOTA_STORED  46
#define SUMS_QUOTA_MOST	   65536 /* clauses and days of one log */
#define SUMS_STORED_MOST   (SUMS_STATES_STORED + SUMS_QUOTA_MOST * SUMS_QUOTA_STORED)
#define SUMS_DAYS	   3 /* quota days kept: the newest and those before it */

/* How many questions a log has of one clause and day. */
struct quota_row {
	struct hash agreement;
	uint16_t    clause;
	int32_t	    day;
	uint64_t    n;
};

struct sums {
	int64_t		  log;
	bool		  own, changed;		   /* changed: not in the log's row yet */
	uint64_t	  checkpointed, receipted; /* the largest sizes signed */
	uint64_t	  state[SUMS_STATES];	   /* questions in this log, by state */
	struct quota_row *quota;
	uint32_t	  nquota;
};

static inline uint64_t sums_open(const struct sums *sums)
{
	return sums->state[EXCHANGE_ACCEPTED] + sums->state[EXCHANGE_DELIVERED];
}

struct store {
	sqlite3	       *db;
	sqlite3_stmt   *statement[STATEMENT_COUNT];
	enum store_mode mode;
	bool		begun;
	bool		broken; /* a write failed: nothing is tried again */
	uint64_t	wal_pages, wal_tried;
	uint64_t	page_size;
	uint64_t	deadline_ms; /* of the monotonic clock, 0: none */
	struct fault	fault;	     /* the last complaint */
	struct sums    *sums;	     /* of the logs written to since the store was opened */
	size_t		nsums;
	enum { ANSWERED_UNKNOWN, ANSWERED_NONE, ANSWERED_SOME } answered; /* whether the table of that name has rows */
	bool	 news_known;						  /* the next three were read; they are the writer's */
	uint64_t news_first, news_last, news_count;
};

/* ---- a statement, taken and given back ---- */

struct query {
	struct store *s;
	sqlite3_stmt *stmt;
	int	      bound;
	int	      rc; /* of the last bind or step */
};

/* Takes a statement. Failures show in query_row or query_run, which look at them first. */
struct query query_take(struct store *s, enum statement which);
void	     query_done(struct query *q);
#define scoped_query scoped(query_done) struct query

/* Bind the next parameter. Bytes must live until query_done; empty bytes become NULL. */
void query_integer(struct query *q, int64_t v);
void query_u64(struct query *q, uint64_t v);
void query_text(struct query *q, const char *text); /* NULL: SQL NULL */
void query_bytes(struct query *q, struct bytes v);

/* The next row: ERR_OK, or ERR_NOT_FOUND at the end. */
enum err query_row(struct query *q) must_use;
/* Runs a writing statement inside the turn; any failure but ERR_DUPLICATE breaks the store. */
enum err query_run(struct query *q) must_use;

uint64_t     column_u64(const struct query *q, int i);
struct bytes column_bytes(const struct query *q, int i); /* lives until the next row or query_done */
/* Copies exactly n bytes; false when the column has another length. */
bool column_exact(const struct query *q, int i, void *out, size_t n) must_use;
bool column_name(const struct query *q, int i, char *out, size_t size) must_use;

void query_place(struct query *q, int64_t log, uint64_t index);
/* Binds a range: from, and the first place no longer wanted. */
void query_range(struct query *q, int64_t log, uint64_t from, uint64_t to);

/* The sums of a log that is written to, from memory or its row. They live until the next call. */
enum err sums_take(struct store *s, int64_t log, struct sums **out) must_use;
/* One question more in `x->state`; one that moved from `before` to `now`. */
enum err sums_add(struct store *s, const struct exchange_row *x) must_use;
enum err sums_move(struct store *s, int64_t log, enum exchange_state before, enum exchange_state now) must_use;
/* Returns `e`. What was not counted must not be committed: a failure ends the store. */
enum err uncounted(struct store *s, enum err e);
/* As stored in a log's row. */
enum err sums_write(const struct sums *sums, struct buffer *out) must_use;
/* Writes what changed into the logs' rows: before a commit, and before they are read. */
enum err sums_save(struct store *s) must_use;
void	 sums_done(struct store *s);
/* The sums of every log of a channel, oldest first, until one call fails. */
typedef enum err sums_fn(void *arg, const struct sums *sums);
enum err	 sums_of_channel(struct store *s, const char *partner, const char *channel, sums_fn *each, void *arg) must_use;

/* Keeps a complaint for store_fault and returns `e`. */
enum err store_complain(struct store *s, enum err e, const char *where, int64_t log, uint64_t index);
/* What SQLite's code means here. */
enum err store_error(int rc);

#endif
