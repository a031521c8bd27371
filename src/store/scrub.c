/* scrub.c: what verification reads that nobody else does: names, extents and heads, however damaged their neighbours are. */
#include "store/inside.h"

static bool name_load(const struct query *q, struct log_name *out)
{
	out->id = (int64_t)column_u64(q, 0);
	out->own = column_u64(q, 3) != 0;
	return column_name(q, 1, out->partner, sizeof out->partner) && column_name(q, 2, out->channel, sizeof out->channel) &&
	       column_exact(q, 4, out->epoch.b, EPOCH_SIZE);
}

enum err store_log_names(struct store *s, store_log_name_fn *each, void *arg)
{
	struct log_name name;
	enum err	e = sums_save(s);

	if (e != ERR_OK)
		return e;
	scoped_query q = query_take(s, STATEMENT_LOG_NAMES);
	while ((e = query_row(&q)) == ERR_OK) {
		if (!name_load(&q, &name))
			return store_complain(s, ERR_STORE, "the name", name.id, 0);
		if (!each(arg, &name))
			return ERR_OK;
	}
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err store_log_extent(struct store *s, int64_t log, uint64_t *out)
{
	scoped_query q = query_take(s, STATEMENT_LOG_EXTENT);

	query_range(&q, log, 0, PLACE_MOST);
	enum err e = query_row(&q);
	if (e == ERR_OK)
		*out = column_bytes(&q, 0).n == 0 ? 0 : place_index((int64_t)column_u64(&q, 0)) + 1;
	return e;
}

static void head_load(const struct query *q, struct head_row *out)
{
	static const struct signature none;
	struct bytes		      checkpoint = column_bytes(q, 2);

	*out = (struct head_row){.size = place_index((int64_t)column_u64(q, 0)), .time_s = column_u64(q, 4)};
	out->root_read = column_exact(q, 1, out->root.b, HASH_SIZE);
	out->checkpointed = checkpoint.n > 0;
	out->checkpoint_read = !out->checkpointed || column_exact(q, 2, out->checkpoint.b, SIGN_SIZE);
	out->receipt_read = column_exact(q, 3, out->receipt.b, SIGN_SIZE);
	out->receipted = !out->receipt_read || memcmp(out->receipt.b, none.b, SIGN_SIZE) != 0;
}

enum err store_head_rows(struct store *s, int64_t log, uint64_t from, uint64_t to, store_head_fn *each, void *arg)
{
	struct head_row head;
	enum err	e;
	scoped_query	q = query_take(s, STATEMENT_HEADS);

	query_range(&q, log, from, to);
	while ((e = query_row(&q)) == ERR_OK) {
		head_load(&q, &head);
		if (!each(arg, &head))
			return ERR_OK;
	}
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err store_entry_headers(struct store *s, int64_t log, uint64_t from, uint64_t to, store_header_fn *each, void *arg)
{
	enum err     e;
	scoped_query q = query_take(s, STATEMENT_ENTRY_HEADERS);

	query_range(&q, log, from, to);
	while ((e = query_row(&q)) == ERR_OK)
		if (!each(arg, place_index((int64_t)column_u64(&q, 0)), (uint8_t)column_u64(&q, 1), column_bytes(&q, 2)))
			return ERR_OK;
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static bool exchange_load(const struct query *q, struct exchange_row *out)
{
	int64_t question = (int64_t)column_u64(q, 0), answer = (int64_t)column_u64(q, 1);

	*out = (struct exchange_row){.question_log = place_log(question),
				     .question_index = place_index(question),
				     .answer_log = place_log(answer),
				     .answer_index = place_index(answer),
				     .clause = (uint16_t)column_u64(q, 4),
				     .status = (uint16_t)column_u64(q, 5)};
	return column_exact(q, 2, out->mid, MID_SIZE) && column_exact(q, 3, out->agreement.b, HASH_SIZE);
}

enum err store_exchanges_between(struct store *s, int64_t log, uint64_t index, int64_t to_log, uint64_t to_index, store_exchange_fn *each, void *arg)
{
	struct exchange_row x;
	enum err	    e;
	scoped_query	    q = query_take(s, STATEMENT_EXCHANGES_RANGE);

	query_integer(&q, log == 0 ? 0 : place_of(log, index));
	query_integer(&q, to_log == 0 ? INT64_MAX : place_of(to_log, to_index));
	while ((e = query_row(&q)) == ERR_OK) {
		if (!exchange_load(&q, &x))
			return store_complain(s, ERR_STORE, "exchange", x.question_log, x.question_index);
		if (!each(arg, &x))
			return ERR_OK;
	}
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}
