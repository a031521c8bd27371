/* exchanges.c: questions and their answers, quota days and counts. */
#include "store/inside.h"

enum err store_exchange_add(struct store *s, const struct exchange_row *x)
{
	scoped_query q = query_take(s, STATEMENT_EXCHANGE_ADD);

	query_bytes(&q, bytes_of(x->mid, MID_SIZE));
	query_integer(&q, x->ours);
	query_integer(&q, x->question_log);
	query_u64(&q, x->question_index);
	if (x->answer_log == 0)
		query_text(&q, NULL);
	else
		query_integer(&q, x->answer_log);
	query_u64(&q, x->answer_index);
	query_bytes(&q, bytes_of(x->agreement.b, HASH_SIZE));
	query_integer(&q, x->clause);
	query_integer(&q, x->day);
	query_integer(&q, x->state);
	query_integer(&q, x->status);
	query_u64(&q, x->accepted_ms);
	query_u64(&q, x->delivered_ms);
	query_u64(&q, x->answered_ms);
	query_u64(&q, x->not_after_ms);
	query_u64(&q, x->used);
	return query_run(&q);
}

enum err store_exchange_answer(struct store *s, const struct exchange_row *x)
{
	scoped_query q = query_take(s, STATEMENT_EXCHANGE_ANSWER);

	if (x->answer_log == 0)
		query_text(&q, NULL);
	else
		query_integer(&q, x->answer_log);
	query_u64(&q, x->answer_index);
	query_integer(&q, x->state);
	query_integer(&q, x->status);
	query_u64(&q, x->accepted_ms);
	query_u64(&q, x->delivered_ms);
	query_u64(&q, x->answered_ms);
	query_integer(&q, x->ours);
	query_bytes(&q, bytes_of(x->mid, MID_SIZE));
	enum err e = query_run(&q);
	return e == ERR_OK && sqlite3_changes(s->db) != 1 ? ERR_NOT_FOUND : e;
}

static bool row_load(const struct query *q, struct exchange_row *out)
{
	out->ours = column_u64(q, 1) != 0;
	out->question_log = (int64_t)column_u64(q, 2);
	out->question_index = column_u64(q, 3);
	out->answer_log = (int64_t)column_u64(q, 4);
	out->answer_index = column_u64(q, 5);
	out->clause = (uint16_t)column_u64(q, 7);
	out->day = (int32_t)column_u64(q, 8);
	out->state = (enum exchange_state)column_u64(q, 9);
	out->status = (uint16_t)column_u64(q, 10);
	out->accepted_ms = column_u64(q, 11);
	out->delivered_ms = column_u64(q, 12);
	out->answered_ms = column_u64(q, 13);
	out->not_after_ms = column_u64(q, 14);
	out->used = column_u64(q, 15);
	return column_exact(q, 0, out->mid, MID_SIZE) && column_exact(q, 6, out->agreement.b, HASH_SIZE);
}

static enum err row_next(struct query *q, struct exchange_row *out)
{
	struct exchange_row row = {0};

	enum err e = query_row(q);
	if (e != ERR_OK)
		return e;
	if (!row_load(q, &row))
		return store_complain(q->s, ERR_STORE, "exchange", row.question_log, row.question_index);
	*out = row;
	return ERR_OK;
}

enum err store_exchange_find(struct store *s, const uint8_t mid[MID_SIZE], bool ours, struct exchange_row *out)
{
	scoped_query q = query_take(s, STATEMENT_EXCHANGE_FIND);

	query_integer(&q, ours);
	query_bytes(&q, bytes_of(mid, MID_SIZE));
	return row_next(&q, out);
}

enum err store_exchange_at(struct store *s, int64_t question_log, uint64_t index, struct exchange_row *out)
{
	scoped_query q = query_take(s, STATEMENT_EXCHANGE_AT);

	query_integer(&q, question_log);
	query_u64(&q, index);
	return row_next(&q, out);
}

static enum err each_row(struct query *q, store_exchange_fn *each, void *arg)
{
	struct exchange_row row;
	enum err	    e;

	while ((e = row_next(q, &row)) == ERR_OK)
		if (!each(arg, &row))
			return ERR_OK;
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err store_exchanges_open(struct store *s, const char *partner, const char *channel, bool ours, store_exchange_fn *each, void *arg)
{
	scoped_query q = query_take(s, STATEMENT_EXCHANGES_OPEN);

	query_text(&q, partner);
	query_text(&q, channel);
	query_integer(&q, ours);
	return each_row(&q, each, arg);
}

enum err store_exchanges(struct store *s, store_exchange_fn *each, void *arg)
{
	scoped_query q = query_take(s, STATEMENT_EXCHANGES_ALL);

	return each_row(&q, each, arg);
}

enum err store_quota_used(struct store *s, const char *partner, const char *channel, bool ours, const struct hash *agreement, uint16_t clause,
			  int32_t day, uint64_t *out)
{
	scoped_query q = query_take(s, STATEMENT_QUOTA_USED);

	query_bytes(&q, bytes_of(agreement->b, HASH_SIZE));
	query_integer(&q, clause);
	query_integer(&q, day);
	query_integer(&q, ours);
	query_text(&q, partner);
	query_text(&q, channel);
	enum err e = query_row(&q);
	if (e == ERR_OK)
		*out = column_u64(&q, 0);
	return e;
}

static uint64_t *count_of(struct exchange_counts *counts, enum exchange_state state)
{
	switch (state) {
	case EXCHANGE_ACCEPTED:
	case EXCHANGE_DELIVERED:
		return &counts->unanswered;
	case EXCHANGE_ANSWERED:
		return &counts->answered;
	case EXCHANGE_REFUSED:
		return &counts->refused;
	case EXCHANGE_EXPIRED:
	case EXCHANGE_FAILED:
		break;
	}
	return NULL;
}

enum err store_exchange_counts(struct store *s, const char *partner, const char *channel, struct exchange_counts *out)
{
	struct exchange_counts counts = {0};
	enum err	       e;
	scoped_query	       q = query_take(s, STATEMENT_EXCHANGE_COUNTS);

	query_text(&q, partner);
	query_text(&q, channel);
	while ((e = query_row(&q)) == ERR_OK) {
		uint64_t *count = count_of(&counts, (enum exchange_state)column_u64(&q, 0));
		counts.asked += column_u64(&q, 1);
		if (count != NULL)
			*count += column_u64(&q, 1);
	}
	if (e != ERR_NOT_FOUND)
		return e;
	*out = counts;
	return ERR_OK;
}
