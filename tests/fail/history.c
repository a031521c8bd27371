/* history.c: turns of a ledger with every kind of row, and how a ledger is judged afterwards. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "history.h"
#include "store/inside.h"

#define NOW_MS	   1795420800000ull
#define EPOCH_LIFE 6	 /* turns until a new pair of epochs is opened */
#define LONG_WAL   600	 /* pages above which an idle moment is used */
#define ENDLESS	   60000 /* pages above which even a busy core stops */

/* ---- bytes that differ from each other and stay the same ---- */

static struct hash drawn(const char *what, uint64_t n)
{
	struct bytes pieces[] = {bytes_text(what), bytes_of(&n, sizeof n)};

	return hash_pieces(pieces, 2);
}

static void mid_drawn(uint8_t mid[MID_SIZE], uint64_t n)
{
	struct hash h = drawn("mid", n);

	memcpy(mid, h.b, MID_SIZE);
}

static struct hash agreement(void)
{
	return drawn("agreement", 0);
}

/* ---- one turn ---- */

/* Whether the next row is written too. */
static bool goes_on(const struct history *h, enum err e)
{
	return e == ERR_OK || h->careless;
}

static enum err append(struct history *h, struct log_row *log, size_t size)
{
	static uint8_t	 body[8192];
	uint64_t	 n = (uint64_t)log->id << 32 | log->frontier.size;
	struct hash	 text = drawn("body", n), salt = drawn("salt", n), leaf;
	struct entry_row row = {.index = log->frontier.size, .form = FORM_FULL, .commitment = drawn("commitment", n)};

	for (size_t i = 0; i < size; i++)
		body[i] = text.b[i % HASH_SIZE];
	memcpy(row.salt.b, salt.b, SALT_SIZE);
	row.header = bytes_of(text.b, HASH_SIZE);
	row.body = bytes_of(body, size);
	enum err e = store_entry_add(h->store, log->id, &row);
	leaf = entry_leaf(&row.commitment);
	frontier_add(&log->frontier, &leaf);
	log->last_time_ms = NOW_MS + n;
	return e;
}

static enum err log_open(struct history *h, struct log_row *log, bool own)
{
	struct hash    epoch = drawn(own ? "own" : "peer", h->begun);
	struct log_key key = {.partner = "south.example", .channel = "customs", .own = own};

	*log = (struct log_row){.own = own};
	memcpy(key.epoch.b, epoch.b, EPOCH_SIZE);
	log->epoch = key.epoch;
	memcpy(log->tally.epoch, epoch.b, EPOCH_SIZE);
	frontier_init(&log->frontier);
	frontier_init(&log->receipt_frontier);
	enum err e = store_log_add(h->store, &key, &log->id);
	return e == ERR_OK ? append(h, log, 40) : e;
}

static enum err ask(struct history *h)
{
	struct exchange_row x = {.ours = true,
				 .question_log = h->own.id,
				 .question_index = h->own.frontier.size,
				 .agreement = agreement(),
				 .clause = (uint16_t)(7 + h->asked % 3),
				 .day = 20780 + (int32_t)(h->begun / 3),
				 .state = EXCHANGE_ACCEPTED,
				 .accepted_ms = NOW_MS + h->asked,
				 .used = 1};

	mid_drawn(x.mid, h->asked);
	enum err e = append(h, &h->own, 90 + 700 * (h->asked % 4));
	h->asked++;
	return e == ERR_OK ? store_exchange_add(h->store, &x) : e;
}

/* Who asked is told of the answer in the turn that stores it. */
static enum err tell(struct history *h, const struct exchange_row *x)
{
	struct news_row row = {.type = NEWS_QUERY_ANSWERED, .question_log = x->question_log, .question_index = x->question_index};
	uint64_t	number;

	return store_news_add(h->store, &row, x->answered_ms, &number);
}

/* The oldest question without an answer, by an entry of the partner. */
static enum err answer(struct history *h)
{
	struct exchange_row x;
	uint8_t		    mid[MID_SIZE];

	mid_drawn(mid, h->answered++);
	enum err e = store_exchange_find(h->store, mid, true, &x);
	if (e != ERR_OK)
		return e;
	x.answer_log = h->peer.id;
	x.answer_index = h->peer.frontier.size;
	x.state = h->answered % 3 == 0 ? EXCHANGE_REFUSED : EXCHANGE_ANSWERED;
	x.answered_ms = NOW_MS + 1000 + h->answered;
	e = append(h, &h->peer, 60 + 900 * (h->answered % 3));
	if (e == ERR_OK)
		e = store_exchange_answer(h->store, &x);
	return e == ERR_OK ? tell(h, &x) : e;
}

static enum err heads(struct history *h, struct log_row *log, bool receipted)
{
	struct checkpoint_head c = {.size = log->frontier.size, .root = frontier_root(&log->frontier)};
	struct receipt_head    r = {.size = c.size, .root = c.root, .time_s = NOW_MS / 1000 + h->begun};
	enum err	       e = store_checkpoint_add(h->store, log->id, &c);

	memset(r.sig.b, 0x5a, sizeof r.sig.b);
	if (e == ERR_OK && receipted)
		e = store_receipt_add(h->store, log->id, &r);
	if (receipted)
		log->receipt_frontier = log->frontier;
	return e == ERR_OK ? store_log_save(h->store, log) : e;
}

static enum err key_add(struct history *h)
{
	struct hash account = drawn("account", h->begun % 3), key = drawn("key", h->begun), body = drawn("request", h->begun);
	uint8_t	    mid[MID_SIZE];

	mid_drawn(mid, h->begun);
	return store_key_add(h->store, bytes_of(account.b, HASH_SIZE), bytes_of(key.b, HASH_SIZE), mid, &body, NOW_MS + h->begun);
}

static enum err epochs_open(struct history *h)
{
	enum err e = log_open(h, &h->own, true);

	return e == ERR_OK ? log_open(h, &h->peer, false) : e;
}

/* What a step returned, added to what the turn returned so far: the first failure stays. */
static void also(enum err *turn, enum err e)
{
	if (*turn == ERR_OK)
		*turn = e;
}

static enum err rows(struct history *h)
{
	unsigned n = h->begun, questions = 1 + n % 3;
	enum err e = n % EPOCH_LIFE == 1 ? epochs_open(h) : ERR_OK;

	while (goes_on(h, e) && h->answered < h->asked)
		also(&e, answer(h));
	for (unsigned i = 0; goes_on(h, e) && i < questions; i++)
		also(&e, ask(h));
	if (goes_on(h, e))
		also(&e, heads(h, &h->own, n % 2 == 0));
	if (goes_on(h, e))
		also(&e, heads(h, &h->peer, true));
	if (goes_on(h, e))
		also(&e, key_add(h));
	if (goes_on(h, e) && n % 5 == 0)
		also(&e, store_keys_expire(h->store, NOW_MS + n - 3));
	if (goes_on(h, e) && n % 4 == 0)
		also(&e, store_news_forget(h->store, 0, 3));
	return e;
}

enum err history_turn(struct history *h)
{
	h->begun++;
	enum err e = store_begin(h->store);
	if (goes_on(h, e))
		also(&e, rows(h));
	if (!goes_on(h, e))
		return e;
	enum err committed = store_commit(h->store);
	if (committed == ERR_OK)
		h->committed = h->begun;
	also(&e, committed);
	return e;
}

/* ---- between turns ---- */

enum err history_open(struct history *h)
{
	struct fault fault;

	enum err e = store_open(HISTORY_PATH, STORE_WRITE, &h->store, &fault);
	if (e == ERR_OK && h->small_cache)
		sqlite3_exec(h->store->db, "PRAGMA cache_size = 4", NULL, NULL, NULL);
	return e;
}

void history_close(struct history *h)
{
	store_close(h->store);
	h->store = NULL;
}

/* The store is told that its WAL is long, so that it does with a short one what it does with a long one. */
enum err history_tidy(struct history *h, bool restart)
{
	h->store->wal_pages = restart ? ENDLESS : LONG_WAL;
	h->store->wal_tried = 0;
	return store_tidy(h->store, !restart);
}

/* ---- judging ---- */

#define TABLES_MOST 16

static void mix(struct hash *state, const void *at, size_t n)
{
	struct bytes pieces[] = {bytes_of(state->b, HASH_SIZE), bytes_of(at == NULL ? "" : at, at == NULL ? 0 : n)};

	*state = hash_pieces(pieces, 2);
}

static void row_mix(struct hash *state, sqlite3_stmt *row)
{
	static uint8_t memory[65536];
	struct builder b = builder_on(memory, sizeof memory);

	for (int i = 0; i < sqlite3_column_count(row); i++) {
		const void *at = sqlite3_column_blob(row, i);
		size_t	    n = (size_t)sqlite3_column_bytes(row, i);

		build_u8(&b, (uint8_t)sqlite3_column_type(row, i));
		build_bytes32(&b, bytes_of(at == NULL ? "" : at, n));
	}
	if (b.err != ERR_OK)
		abort();
	mix(state, memory, builder_bytes(&b).n);
}

/* The first two columns of every table name its row. */
static bool table_mix(struct hash *state, sqlite3 *db, const char *table)
{
	char	      sql[1200];
	sqlite3_stmt *row = NULL;
	int	      rc;

	snprintf(sql, sizeof sql, "SELECT * FROM \"%s\" ORDER BY 1, 2", table);
	if (sqlite3_prepare_v2(db, sql, -1, &row, NULL) != SQLITE_OK)
		return false;
	mix(state, table, strlen(table));
	while ((rc = sqlite3_step(row)) == SQLITE_ROW)
		row_mix(state, row);
	sqlite3_finalize(row);
	return rc == SQLITE_DONE;
}

enum err history_state(struct store *s, struct hash *out)
{
	char	      table[TABLES_MOST][64];
	int	      n = 0;
	sqlite3_stmt *names = NULL;

	if (sqlite3_prepare_v2(s->db, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name", -1, &names, NULL) != SQLITE_OK)
		return ERR_STORE;
	while (n < TABLES_MOST && sqlite3_step(names) == SQLITE_ROW)
		snprintf(table[n++], sizeof table[0], "%s", (const char *)sqlite3_column_text(names, 0));
	sqlite3_finalize(names);
	*out = drawn("state", 0);
	for (int i = 0; i < n; i++)
		if (!table_mix(out, s->db, table[i]))
			return ERR_STORE;
	return ERR_OK;
}

struct judged {
	struct log_row row[HISTORY_TURNS_MOST];
	unsigned       n;
};

static bool judge_log(void *arg, const struct log_row *row)
{
	struct judged *j = arg;

	j->row[j->n++] = *row;
	return j->n < HISTORY_TURNS_MOST;
}

static const char *log_fault(struct store *s, const struct log_row *log)
{
	static struct hash leaf[4096];
	struct frontier	   again;
	bool		   same = false;

	if (log->frontier.size > 4096 || store_leaves(s, log->id, 0, log->frontier.size, leaf) != ERR_OK)
		return "entries that the frontier counts are missing";
	frontier_init(&again);
	for (uint64_t i = 0; i < log->frontier.size; i++)
		frontier_add(&again, &leaf[i]);
	struct hash held = frontier_root(&log->frontier), counted = frontier_root(&again);
	if (!hash_equal(&held, &counted))
		return "a frontier is not that of its entries";
	if (store_sums_check(s, log->id, &same) != ERR_OK || !same)
		return "sums are not those of the rows";
	return NULL;
}

static int sound_row(void *arg, int n, char **values, char **names unused_arg)
{
	*(bool *)arg = n == 1 && values[0] != NULL && strcmp(values[0], "ok") == 0;
	return 0;
}

const char *history_fault(struct store *s, bool thorough)
{
	static struct judged j;
	bool		     sound = false;

	j.n = 0;
	if (store_logs(s, NULL, NULL, judge_log, &j) != ERR_OK)
		return "the logs cannot be read";
	for (unsigned i = 0; i < j.n; i++) {
		const char *fault = log_fault(s, &j.row[i]);

		if (fault != NULL)
			return fault;
	}
	if (thorough && (sqlite3_exec(s->db, "PRAGMA integrity_check", sound_row, &sound, NULL) != SQLITE_OK || !sound))
		return "the database is not sound";
	return NULL;
}
