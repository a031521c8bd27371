/* marks.c: small numbers by name that outlast a start. */
#include "store/inside.h"

enum err store_mark(struct store *s, const struct hash *name, uint64_t *out)
{
	scoped_query q = query_take(s, STATEMENT_MARK);

	query_bytes(&q, bytes_of(name->b, HASH_SIZE));
	enum err e = query_row(&q);
	if (e == ERR_OK)
		*out = column_u64(&q, 0);
	return e;
}

enum err store_mark_set(struct store *s, const struct hash *name, uint64_t value)
{
	scoped_query q = query_take(s, STATEMENT_MARK_SET);

	query_bytes(&q, bytes_of(name->b, HASH_SIZE));
	query_u64(&q, value);
	return query_run(&q);
}
