/* entries.c: the entries of a log, in the form in which each is still held. */
#include <assert.h>

#include "store/inside.h"

enum err store_entry_add(struct store *s, int64_t log, const struct entry_row *row)
{
	scoped_query q = query_take(s, STATEMENT_ENTRY_ADD);

	assert(row->index < PLACE_MOST);
	query_place(&q, log, row->index);
	query_bytes(&q, bytes_of(row->commitment.b, HASH_SIZE));
	query_integer(&q, row->form);
	query_bytes(&q, row->form == FORM_BARE ? BYTES_NONE : bytes_of(row->salt.b, SALT_SIZE));
	query_bytes(&q, row->header);
	query_bytes(&q, row->body);
	query_bytes(&q, row->withheld);
	return query_run(&q);
}

/* Views into the row SQLite stands on. A missing salt reads as zero: verification says so. */
static bool row_load(const struct query *q, struct entry_row *out)
{
	*out = (struct entry_row){.index = place_index((int64_t)column_u64(q, 0)), .form = (uint8_t)column_u64(q, 2)};
	out->header = column_bytes(q, 4);
	out->body = column_bytes(q, 5);
	out->withheld = column_bytes(q, 6);
	if (!column_exact(q, 1, out->commitment.b, HASH_SIZE))
		return false;
	return column_exact(q, 3, out->salt.b, SALT_SIZE) || column_bytes(q, 3).n == 0;
}

static enum err row_next(struct query *q, int64_t log, struct entry_row *out)
{
	struct entry_row row;

	enum err e = query_row(q);
	if (e != ERR_OK)
		return e;
	if (!row_load(q, &row))
		return store_complain(q->s, ERR_STORE, "entry", log, row.index);
	*out = row;
	return ERR_OK;
}

enum err store_entry_get(struct store *s, int64_t log, uint64_t index, struct arena *a, struct entry_row *out)
{
	struct entry_row row = {.index = index};
	scoped_query	 q = query_take(s, STATEMENT_ENTRY_GET);

	query_place(&q, log, index);
	enum err e = row_next(&q, log, &row);
	if (e != ERR_OK)
		return e;
	row.header = arena_copy(a, row.header);
	row.body = arena_copy(a, row.body);
	row.withheld = arena_copy(a, row.withheld);
	if (a->failed)
		return ERR_MEMORY;
	*out = row;
	return ERR_OK;
}

enum err store_entries(struct store *s, int64_t log, uint64_t from, uint64_t to, store_entry_fn *each, void *arg)
{
	struct entry_row row;
	enum err	 e;
	scoped_query	 q = query_take(s, STATEMENT_ENTRIES);

	query_range(&q, log, from, to);
	while ((e = row_next(&q, log, &row)) == ERR_OK)
		if (!each(arg, &row))
			return ERR_OK;
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err store_leaves(struct store *s, int64_t log, uint64_t from, uint64_t to, struct hash *out)
{
	struct hash  commitment;
	scoped_query q = query_take(s, STATEMENT_LEAVES);

	query_range(&q, log, from, to);
	for (uint64_t i = from; i < to; i++) {
		enum err e = query_row(&q);
		if (e != ERR_OK)
			return e;
		if (place_index((int64_t)column_u64(&q, 0)) != i)
			return store_complain(s, ERR_NOT_FOUND, "entry", log, i);
		if (!column_exact(&q, 1, commitment.b, HASH_SIZE))
			return store_complain(s, ERR_STORE, "entry", log, i);
		out[i - from] = entry_leaf(&commitment);
	}
	return ERR_OK;
}
