/*
 * repair.c: putting rows right, and showing them as they are before. Nothing here judges: cli/log_repair.c has
 * verified what it puts, in the turn that it then commits or gives up.
 */
#include "store/inside.h"

static const enum statement dumps[] = {
	[STORE_TABLE_LOG] = STATEMENT_DUMP_LOG,
	[STORE_TABLE_ENTRY] = STATEMENT_DUMP_ENTRY,
	[STORE_TABLE_HEAD] = STATEMENT_DUMP_HEAD,
	[STORE_TABLE_EXCHANGE] = STATEMENT_DUMP_EXCHANGE,
};

static void column_load(const struct query *q, int i, struct store_column *out)
{
	int type = sqlite3_column_type(q->stmt, i);

	*out = (struct store_column){.name = sqlite3_column_name(q->stmt, i)};
	out->kind = type == SQLITE_INTEGER ? COLUMN_INTEGER : type == SQLITE_TEXT ? COLUMN_TEXT : type == SQLITE_NULL ? COLUMN_NULL : COLUMN_BYTES;
	if (type == SQLITE_INTEGER)
		out->integer = (int64_t)column_u64(q, i);
	else
		out->bytes = column_bytes(q, i);
}

enum err store_row_dump(struct store *s, enum store_table table, int64_t log, uint64_t index, store_column_fn *each, void *arg)
{
	struct store_column column;
	scoped_query	    q = query_take(s, dumps[table]);

	if (table == STORE_TABLE_LOG)
		query_integer(&q, log);
	else
		query_place(&q, log, index);
	enum err e = query_row(&q);
	if (e != ERR_OK)
		return e;
	for (int i = 0; i < sqlite3_column_count(q.stmt); i++) {
		column_load(&q, i, &column);
		each(arg, &column);
	}
	return ERR_OK;
}

enum err store_entry_put(struct store *s, int64_t log, const struct entry_row *row)
{
	scoped_query q = query_take(s, STATEMENT_ENTRY_PUT);

	query_place(&q, log, row->index);
	query_bytes(&q, bytes_of(row->commitment.b, HASH_SIZE));
	query_integer(&q, row->form);
	query_bytes(&q, row->form == FORM_BARE ? BYTES_NONE : bytes_of(row->salt.b, SALT_SIZE));
	query_bytes(&q, row->header);
	query_bytes(&q, row->body);
	query_bytes(&q, row->withheld);
	return query_run(&q);
}

enum err store_entry_drop(struct store *s, int64_t log, uint64_t index)
{
	scoped_query q = query_take(s, STATEMENT_ENTRY_DROP);

	query_place(&q, log, index);
	return query_run(&q);
}

enum err store_head_put(struct store *s, int64_t log, const struct head_row *head)
{
	scoped_query q = query_take(s, STATEMENT_HEAD_PUT);

	query_place(&q, log, head->size);
	query_bytes(&q, bytes_of(head->root.b, HASH_SIZE));
	query_bytes(&q, head->checkpointed ? bytes_of(head->checkpoint.b, SIGN_SIZE) : BYTES_NONE);
	query_bytes(&q, bytes_of(head->receipt.b, SIGN_SIZE));
	query_u64(&q, head->time_s);
	return query_run(&q);
}

#define FRONTIER_STORED (8 + FRONTIER_MOST * HASH_SIZE)
#define TALLY_STORED	(EPOCH_SIZE + TALLY_ROWS_MOST * (HASH_SIZE + 16))

enum err store_log_put(struct store *s, int64_t log, const struct frontier *frontier, const struct tally *tally, const struct frontier *receipt)
{
	uint8_t	       room[2 * FRONTIER_STORED + TALLY_STORED];
	struct builder f = builder_on(room, FRONTIER_STORED), r = builder_on(room + FRONTIER_STORED, FRONTIER_STORED);
	struct builder t = builder_on(room + 2 * (size_t)FRONTIER_STORED, TALLY_STORED);
	scoped_query   q = query_take(s, STATEMENT_LOG_PUT);

	frontier_write(&f, frontier);
	frontier_write(&r, receipt);
	tally_write(&t, tally);
	if (f.err != ERR_OK || r.err != ERR_OK || t.err != ERR_OK)
		return ERR_INTERNAL;
	query_bytes(&q, builder_bytes(&f));
	query_bytes(&q, builder_bytes(&t));
	query_bytes(&q, builder_bytes(&r));
	query_integer(&q, log);
	return query_run(&q);
}

enum err store_exchange_put(struct store *s, const struct exchange_row *x)
{
	scoped_query q = query_take(s, STATEMENT_EXCHANGE_PUT);

	query_bytes(&q, bytes_of(x->mid, MID_SIZE));
	query_bytes(&q, bytes_of(x->agreement.b, HASH_SIZE));
	query_integer(&q, x->clause);
	query_integer(&q, x->status);
	query_place(&q, x->question_log, x->question_index);
	return query_run(&q);
}
