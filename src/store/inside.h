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
	" log.last_time_ms, log.agreed, c.size, c.root, c.sig, r.size, r.root, r.time_s, r.sig FROM log"                                             \
	" LEFT JOIN checkpoint AS c ON c.log = log.id AND c.size = (SELECT max(size) FROM checkpoint WHERE checkpoint.log = log.id)"                 \
	" LEFT JOIN receipt AS r ON r.log = log.id AND r.size = (SELECT max(size) FROM receipt WHERE receipt.log = log.id)"

#define ENTRY_COLUMNS "SELECT idx, commitment, form, salt, header, body, withheld FROM entry"

#define EXCHANGE_COLUMNS                                                                                                                             \
	"SELECT x.mid, x.ours, x.question_log, x.question_index, x.answer_log, x.answer_index, x.agreement, x.clause, x.day,"                        \
	" x.state, x.status, x.accepted_ms, x.delivered_ms, x.answered_ms, x.not_after_ms, x.used FROM exchange AS x"

#define STATEMENT_TABLE(X)                                                                                                                           \
	X(BEGIN_WRITE, "BEGIN IMMEDIATE")                                                                                                            \
	X(BEGIN_READ, "BEGIN")                                                                                                                       \
	X(COMMIT, "COMMIT")                                                                                                                          \
                                                                                                                                                     \
	X(LOG_ADD, "INSERT INTO log(partner, channel, own, epoch, frontier, tally, receipt_frontier) VALUES (?,?,?,?,?,?,?)")                        \
	X(LOG_SAVE, "UPDATE log SET frontier = ?, tally = ?, receipt_frontier = ?, last_time_ms = ?, agreed = ? WHERE id = ?")                       \
	X(LOGS, LOG_COLUMNS " WHERE (?1 IS NULL OR partner = ?1) AND (?2 IS NULL OR channel = ?2) ORDER BY log.id")                                  \
	X(LOG_FIND, LOG_COLUMNS " WHERE epoch = ? AND own = ?")                                                                                      \
	X(LOG_PLACE, "SELECT partner, channel, epoch, (SELECT max(size) FROM receipt WHERE receipt.log = log.id) FROM log WHERE id = ?")             \
                                                                                                                                                     \
	X(ENTRY_ADD, "INSERT INTO entry(log, idx, commitment, form, salt, header, body, withheld) VALUES (?,?,?,?,?,?,?,?)")                         \
	X(ENTRY_GET, ENTRY_COLUMNS " WHERE log = ? AND idx = ?")                                                                                     \
	X(ENTRIES, ENTRY_COLUMNS " WHERE log = ? AND idx >= ? AND idx < ? ORDER BY idx")                                                             \
	X(LEAVES, "SELECT idx, commitment FROM entry WHERE log = ? AND idx >= ? AND idx < ? ORDER BY idx")                                           \
                                                                                                                                                     \
	X(CHECKPOINT_ADD, "INSERT INTO checkpoint(log, size, root, sig) VALUES (?,?,?,?) ON CONFLICT DO NOTHING")                                    \
	X(CHECKPOINT_COVERING, "SELECT size, root, sig FROM checkpoint WHERE log = ? AND size >= ? ORDER BY size LIMIT 1")                           \
	X(CHECKPOINTS, "SELECT size, root, sig FROM checkpoint WHERE log = ? ORDER BY size")                                                         \
	X(RECEIPT_ADD, "INSERT INTO receipt(log, size, root, time_s, sig) VALUES (?,?,?,?,?) ON CONFLICT DO NOTHING")                                \
	X(RECEIPT_COVERING, "SELECT size, root, time_s, sig FROM receipt WHERE log = ? AND size >= ? ORDER BY size LIMIT 1")                         \
	X(RECEIPTS, "SELECT size, root, time_s, sig FROM receipt WHERE log = ? ORDER BY size")                                                       \
                                                                                                                                                     \
	X(EXCHANGE_ADD, "INSERT INTO exchange(mid, ours, question_log, question_index, answer_log, answer_index, agreement, clause, day,"            \
			" state, status, accepted_ms, delivered_ms, answered_ms, not_after_ms, used) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)")      \
	X(EXCHANGE_ANSWER, "UPDATE exchange SET answer_log = ?, answer_index = ?, state = ?, status = ?, accepted_ms = ?, delivered_ms = ?,"         \
			   " answered_ms = ? WHERE ours = ? AND mid = ?")                                                                            \
	X(EXCHANGE_FIND, EXCHANGE_COLUMNS " WHERE ours = ? AND mid = ?")                                                                             \
	/* No index of places is needed: the entry at that place names its mid at offset 27 of its header (SQL counts from 1). */                    \
	X(EXCHANGE_AT, EXCHANGE_COLUMNS " WHERE ours = (SELECT own FROM log WHERE id = ?1)"                                                          \
					" AND mid = (SELECT substr(header, 28, 16) FROM entry WHERE log = ?1 AND idx = ?2)"                          \
					" AND question_log = ?1 AND question_index = ?2")                                                            \
	X(EXCHANGES_OPEN, EXCHANGE_COLUMNS " JOIN log ON log.id = x.question_log WHERE log.partner = ? AND log.channel = ? AND x.ours = ?"           \
					   " AND x.state <= 2 ORDER BY x.question_log, x.question_index")                                            \
	X(EXCHANGES_ALL, EXCHANGE_COLUMNS " ORDER BY ours, mid")                                                                                     \
	X(EXCHANGE_COUNTS, "SELECT state, sum(n) FROM counted JOIN log ON log.id = counted.log WHERE partner = ? AND channel = ? GROUP BY state")    \
	X(QUOTA_USED, "SELECT count(*) FROM exchange WHERE agreement = ? AND clause = ? AND day = ? AND ours = ?"                                    \
		      " AND question_log IN (SELECT id FROM log WHERE partner = ? AND channel = ?)")                                                 \
                                                                                                                                                     \
	X(KEY_ADD, "INSERT INTO idempotency(account, key, mid, body, at_ms) VALUES (?,?,?,?,?)")                                                     \
	X(KEY_FIND, "SELECT mid, body FROM idempotency WHERE account = ? AND key = ?")                                                               \
	/* Rows come in order of time, so the oldest have the smallest row ids and need no index. */                                                 \
	X(KEYS_EXPIRE, "DELETE FROM idempotency WHERE at_ms < ? AND rowid IN (SELECT rowid FROM idempotency ORDER BY rowid LIMIT 1024)")

enum statement {
#define STATEMENT_ENUM(name, sql) STATEMENT_##name,
	STATEMENT_TABLE(STATEMENT_ENUM)
#undef STATEMENT_ENUM
		STATEMENT_COUNT
};

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

/* Keeps a complaint for store_fault and returns `e`. */
enum err store_complain(struct store *s, enum err e, const char *where, int64_t log, uint64_t index);
/* What SQLite's code means here. */
enum err store_error(int rc);

#endif
