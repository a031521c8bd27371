/* exchanges.c: questions and their answers. */
#include <assert.h>

#include "store/inside.h"

static void bind_answer(struct query *q, const struct exchange_row *x)
{
	if (x->answer_log == 0)
		query_text(q, NULL);
	else
		query_place(q, x->answer_log, x->answer_index);
}

enum err store_exchange_add(struct store *s, const struct exchange_row *x)
{
	scoped_query q = query_take(s, STATEMENT_EXCHANGE_ADD);

	assert(x->question_index < PLACE_MOST && x->answer_index < PLACE_MOST);
	query_place(&q, x->question_log, x->question_index);
	bind_answer(&q, x);
	query_bytes(&q, bytes_of(x->mid, MID_SIZE));
	query_integer(&q, x->ours);
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
	enum err e = query_run(&q);
	return e == ERR_OK ? sums_add(s, x) : e;
}

static enum err state_of(struct store *s, const struct exchange_row *x, enum exchange_state *out)
{
	scoped_query q = query_take(s, STATEMENT_EXCHANGE_STATE);

	query_place(&q, x->question_log, x->question_index);
	query_bytes(&q, bytes_of(x->mid, MID_SIZE));
	enum err e = query_row(&q);
	if (e == ERR_OK)
		*out = (enum exchange_state)column_u64(&q, 0);
	return e;
}

enum err store_exchange_answer(struct store *s, const struct exchange_row *x)
{
	enum exchange_state before;

	assert(x->answer_index < PLACE_MOST);
	enum err e = store_begin(s);
	if (e == ERR_OK)
		e = state_of(s, x, &before);
	if (e != ERR_OK)
		return e;
	scoped_query q = query_take(s, STATEMENT_EXCHANGE_ANSWER);
	bind_answer(&q, x);
	query_integer(&q, x->state);
	query_integer(&q, x->status);
	query_u64(&q, x->accepted_ms);
	query_u64(&q, x->delivered_ms);
	query_u64(&q, x->answered_ms);
	query_place(&q, x->question_log, x->question_index);
	e = query_run(&q);
	return e == ERR_OK ? sums_move(s, x->question_log, before, x->state) : e;
}

static bool row_load(const struct query *q, struct exchange_row *out)
{
	int64_t question = (int64_t)column_u64(q, 0), answer = (int64_t)column_u64(q, 1);

	out->question_log = place_log(question);
	out->question_index = place_index(question);
	out->answer_log = place_log(answer);
	out->answer_index = place_index(answer);
	out->ours = column_u64(q, 3) != 0;
	out->clause = (uint16_t)column_u64(q, 5);
	out->day = (int32_t)column_u64(q, 6);
	out->state = (enum exchange_state)column_u64(q, 7);
	out->status = (uint16_t)column_u64(q, 8);
	out->accepted_ms = column_u64(q, 9);
	out->delivered_ms = column_u64(q, 10);
	out->answered_ms = column_u64(q, 11);
	out->not_after_ms = column_u64(q, 12);
	out->used = column_u64(q, 13);
	return column_exact(q, 2, out->mid, MID_SIZE) && column_exact(q, 4, out->agreement.b, HASH_SIZE);
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

enum err store_exchange_known(struct store *s, const uint8_t mid[MID_SIZE], bool ours)
{
	scoped_query q = query_take(s, STATEMENT_EXCHANGE_KNOWN);

	query_integer(&q, ours);
	query_bytes(&q, bytes_of(mid, MID_SIZE));
	return query_row(&q);
}

enum err store_exchange_at(struct store *s, int64_t question_log, uint64_t index, struct exchange_row *out)
{
	scoped_query q = query_take(s, STATEMENT_EXCHANGE_AT);

	query_place(&q, question_log, index);
	return row_next(&q, out);
}

static enum err each_row(struct query *q, store_exchange_fn *each, void *arg, bool *stopped)
{
	struct exchange_row row;
	enum err	    e;

	while ((e = row_next(q, &row)) == ERR_OK) {
		if (!each(arg, &row)) {
			*stopped = true;
			return ERR_OK;
		}
	}
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* ---- unanswered ones ---- */

struct open_walk {
	struct store	  *s;
	bool		   ours, stopped;
	store_exchange_fn *each;
	void		  *arg;
};

static enum err open_of_log(void *arg, const struct sums *sums)
{
	struct open_walk *w = arg;

	if (sums->own != w->ours || sums_open(sums) == 0 || w->stopped)
		return ERR_OK;
	scoped_query q = query_take(w->s, STATEMENT_EXCHANGES_OPEN);
	query_range(&q, sums->log, 0, PLACE_MOST);
	query_u64(&q, sums_open(sums));
	return each_row(&q, w->each, w->arg, &w->stopped);
}

enum err store_exchanges_open(struct store *s, const char *partner, const char *channel, bool ours, store_exchange_fn *each, void *arg)
{
	struct open_walk w = {s, ours, false, each, arg};

	return sums_of_channel(s, partner, channel, open_of_log, &w);
}

enum err store_exchanges(struct store *s, store_exchange_fn *each, void *arg)
{
	bool	     stopped = false;
	scoped_query q = query_take(s, STATEMENT_EXCHANGES_ALL);

	return each_row(&q, each, arg, &stopped);
}
