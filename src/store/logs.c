/* logs.c: one row per log: its tree so far, its tallies, its heads. */
#include "store/inside.h"

/* Stored forms: a frontier as in tree/merkle.h, a tally as the attribute of wire/header.h. */
#define FRONTIER_STORED (8 + FRONTIER_MOST * HASH_SIZE)
#define TALLY_STORED	(EPOCH_SIZE + TALLY_ROWS_MOST * (HASH_SIZE + 16))

struct stored {
	uint8_t	     frontier_room[FRONTIER_STORED], receipt_room[FRONTIER_STORED], tally_room[TALLY_STORED];
	struct bytes frontier, receipt, tally;
};

static enum err frontier_store(const struct frontier *f, uint8_t room[FRONTIER_STORED], struct bytes *out)
{
	struct builder b = builder_on(room, FRONTIER_STORED);

	frontier_write(&b, f);
	*out = builder_bytes(&b);
	return b.err;
}

static enum err row_store(const struct log_row *row, struct stored *out)
{
	struct builder tally = builder_on(out->tally_room, sizeof out->tally_room);

	tally_write(&tally, &row->tally);
	out->tally = builder_bytes(&tally);
	enum err e = frontier_store(&row->frontier, out->frontier_room, &out->frontier);
	if (e == ERR_OK)
		e = frontier_store(&row->receipt_frontier, out->receipt_room, &out->receipt);
	return e == ERR_OK ? tally.err : e;
}

static enum err log_add(struct store *s, const struct log_key *key, const struct stored *stored, struct bytes sums)
{
	scoped_query q = query_take(s, STATEMENT_LOG_ADD);

	query_text(&q, key->partner);
	query_text(&q, key->channel);
	query_integer(&q, key->own);
	query_bytes(&q, bytes_of(key->epoch.b, EPOCH_SIZE));
	query_bytes(&q, stored->frontier);
	query_bytes(&q, stored->tally);
	query_bytes(&q, stored->receipt);
	query_bytes(&q, sums);
	return query_run(&q);
}

enum err store_log_add(struct store *s, const struct log_key *key, int64_t *id)
{
	static const struct sums none;
	struct buffer		 sums = {.most = SUMS_STORED_MOST};
	struct stored		 stored;
	struct log_row		 empty = {0};

	memcpy(empty.tally.epoch, key->epoch.b, EPOCH_SIZE);
	frontier_init(&empty.frontier);
	frontier_init(&empty.receipt_frontier);
	enum err e = row_store(&empty, &stored);
	if (e == ERR_OK)
		e = uncounted(s, sums_write(&none, &sums));
	if (e == ERR_OK)
		e = log_add(s, key, &stored, buffer_bytes(&sums));
	buffer_done(&sums);
	if (e == ERR_OK)
		*id = sqlite3_last_insert_rowid(s->db);
	return e;
}

static enum err log_save(struct store *s, const struct log_row *row, const struct stored *stored, const struct sums *sums, struct bytes sums_stored)
{
	scoped_query q = query_take(s, STATEMENT_LOG_SAVE);

	query_bytes(&q, stored->frontier);
	query_bytes(&q, stored->tally);
	query_bytes(&q, stored->receipt);
	query_u64(&q, row->last_time_ms);
	query_u64(&q, row->agreed);
	query_u64(&q, sums->checkpointed);
	query_u64(&q, sums->receipted);
	query_bytes(&q, sums_stored);
	query_integer(&q, row->id);
	return query_run(&q);
}

/* The sums of the log go with it, so that its row is written once a turn. */
enum err store_log_save(struct store *s, const struct log_row *row)
{
	struct buffer stored_sums = {.most = SUMS_STORED_MOST};
	struct sums  *sums;
	struct stored stored;

	enum err e = row_store(row, &stored);
	if (e == ERR_OK)
		e = sums_take(s, row->id, &sums);
	if (e == ERR_OK)
		e = uncounted(s, sums_write(sums, &stored_sums));
	if (e == ERR_OK)
		e = log_save(s, row, &stored, sums, buffer_bytes(&stored_sums));
	if (e == ERR_OK)
		sums->changed = false;
	buffer_done(&stored_sums);
	return e;
}

static bool frontier_load(struct bytes stored, struct frontier *out)
{
	struct cursor c = cursor_on(stored);

	frontier_read(&c, out);
	return cursor_end(&c) == ERR_OK;
}

/* Column by column; the name of the first that cannot be read, or NULL. */
static const char *row_load(const struct query *q, struct log_row *out)
{
	out->id = (int64_t)column_u64(q, 0);
	out->own = column_u64(q, 3) != 0;
	out->last_time_ms = column_u64(q, 8);
	out->agreed = column_u64(q, 9);
	out->checkpoint.size = column_u64(q, 10);
	out->receipt.size = column_u64(q, 13);
	out->receipt.time_s = column_u64(q, 15);
	if (!column_name(q, 1, out->partner, sizeof out->partner))
		return "partner";
	if (!column_name(q, 2, out->channel, sizeof out->channel))
		return "channel";
	if (!column_exact(q, 4, out->epoch.b, EPOCH_SIZE))
		return "epoch";
	if (!frontier_load(column_bytes(q, 5), &out->frontier))
		return "frontier";
	if (tally_read(column_bytes(q, 6), &out->tally) != ERR_OK)
		return "tally";
	if (!frontier_load(column_bytes(q, 7), &out->receipt_frontier))
		return "receipt frontier";
	if (out->checkpoint.size > 0 &&
	    (!column_exact(q, 11, out->checkpoint.root.b, HASH_SIZE) || !column_exact(q, 12, out->checkpoint.sig.b, SIGN_SIZE)))
		return "checkpoint";
	if (out->receipt.size > 0 && (!column_exact(q, 14, out->receipt.root.b, HASH_SIZE) || !column_exact(q, 16, out->receipt.sig.b, SIGN_SIZE)))
		return "receipt";
	out->naming.size = column_u64(q, 17);
	out->naming.said = column_u64(q, 19);
	out->naming.adopted = column_u64(q, 20) != 0;
	if (!column_exact(q, 18, out->naming.root.b, HASH_SIZE))
		return "root named";
	return column_exact(q, 21, out->naming.by.b, EPOCH_SIZE) ? NULL : "epoch that names it";
}

static enum err row_next(struct query *q, struct log_row *out)
{
	struct log_row row = {0};

	enum err e = query_row(q);
	if (e != ERR_OK)
		return e;
	const char *unreadable = row_load(q, &row);
	if (unreadable != NULL)
		return store_complain(q->s, ERR_STORE, unreadable, row.id, 0);
	*out = row;
	return ERR_OK;
}

enum err store_logs(struct store *s, const char *partner, const char *channel, store_log_fn *each, void *arg)
{
	struct log_row row;
	enum err       e = sums_save(s);

	if (e != ERR_OK)
		return e;
	scoped_query q = query_take(s, STATEMENT_LOGS);

	query_text(&q, partner);
	query_text(&q, channel);
	while ((e = row_next(&q, &row)) == ERR_OK)
		if (!each(arg, &row))
			return ERR_OK;
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err store_log_find(struct store *s, const struct epoch *epoch, bool own, struct log_row *out)
{
	enum err e = sums_save(s);

	if (e != ERR_OK)
		return e;
	scoped_query q = query_take(s, STATEMENT_LOG_FIND);
	query_bytes(&q, bytes_of(epoch->b, EPOCH_SIZE));
	query_integer(&q, own);
	return row_next(&q, out);
}

/* ---- both ledgers in one hash ---- */

enum err store_log_origin(const char *self, const struct log_row *row, char out[ORIGIN_MOST])
{
	struct origin o = {.epoch = row->epoch};
	size_t	      n = strlen(self);

	if (n > PARTY_MOST)
		return ERR_TOO_LONG;
	memcpy(row->own ? o.author : o.reader, self, n + 1);
	memcpy(row->own ? o.reader : o.author, row->partner, sizeof row->partner);
	memcpy(o.channel, row->channel, sizeof o.channel);
	return origin_write(&o, out);
}

static enum err head_build(struct builder *b, const char *self, const struct log_row *row)
{
	char	 origin[ORIGIN_MOST];
	enum err e = store_log_origin(self, row, origin);

	if (e != ERR_OK)
		return e;
	build_bytes16(b, bytes_text(origin));
	build_u64(b, row->receipt.size);
	build_copy(b, row->receipt.root.b, HASH_SIZE);
	return ERR_OK;
}

enum err store_ledgers_hash(const char *self, const struct log_row *own, const struct log_row *peer, struct hash *out)
{
	uint8_t	       memory[1024];
	struct builder b = builder_on(memory, sizeof memory);
	bool	       we_first = strcmp(self, own->partner) < 0;

	build_text(&b, "mithaq/ledgers/v1\n");
	enum err e = head_build(&b, self, we_first ? own : peer);
	if (e == ERR_OK)
		e = head_build(&b, self, we_first ? peer : own);
	if (e != ERR_OK || b.err != ERR_OK)
		return e != ERR_OK ? e : b.err;
	*out = hash_bytes(builder_bytes(&b));
	return ERR_OK;
}
