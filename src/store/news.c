/*
 * news.c: what applications are told of, one row each.
 *
 * Rows are added at one end and forgotten at the other. The newest of those forgotten stays
 * as a row of type NEWS_LOST, so that whoever had read less far comes upon it and knows;
 * and because one row always stays, numbers go on where they were.
 */
#include "store/inside.h"

static enum err number_of(struct store *s, enum statement which, uint64_t *out)
{
	scoped_query q = query_take(s, which);
	enum err     e = query_row(&q);

	*out = e == ERR_OK ? column_u64(&q, 0) : 0;
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err store_news_last(struct store *s, uint64_t *out)
{
	return number_of(s, STATEMENT_NEWS_LAST, out);
}

/* There is one writer, so what it once read it can keep up by itself. */
static enum err ends_read(struct store *s)
{
	if (s->news_known)
		return ERR_OK;
	enum err e = number_of(s, STATEMENT_NEWS_LAST, &s->news_last);
	if (e == ERR_OK)
		e = number_of(s, STATEMENT_NEWS_FIRST, &s->news_first);
	if (e == ERR_OK)
		e = number_of(s, STATEMENT_NEWS_COUNT, &s->news_count);
	s->news_known = e == ERR_OK;
	return e;
}

static enum err row_add(struct store *s, const struct news_row *row, uint64_t number)
{
	scoped_query q = query_take(s, STATEMENT_NEWS_ADD);

	query_u64(&q, number);
	query_integer(&q, row->type);
	if (row->question_log != 0)
		query_place(&q, row->question_log, row->question_index);
	else
		query_text(&q, NULL);
	query_text(&q, row->subject);
	return query_run(&q);
}

enum err store_news_add(struct store *s, const struct news_row *row, uint64_t now_ms, uint64_t *number)
{
	enum err e = store_begin(s);

	if (e == ERR_OK)
		e = ends_read(s);
	if (e != ERR_OK)
		return e;
	uint64_t fresh = news_number(s->news_last, now_ms);
	e = row_add(s, row, fresh);
	if (e != ERR_OK)
		return e;
	s->news_first = s->news_count == 0 ? fresh : s->news_first;
	s->news_last = *number = fresh;
	s->news_count++;
	return ERR_OK;
}

/* ---- reading ---- */

/* An exchange that is no longer there leaves news of nothing: it is passed over. */
static bool row_load(const struct query *q, struct news *out)
{
	uint64_t type = column_u64(q, 1);

	if (type >= NEWS_TYPES)
		return false;
	out->number = column_u64(q, 0);
	out->type = (enum news_type)type;
	out->of_exchange = column_exact(q, 3, out->mid, MID_SIZE) && column_exact(q, 5, out->agreement.b, HASH_SIZE);
	out->ours = column_u64(q, 4) != 0;
	out->clause = (uint16_t)column_u64(q, 6);
	return out->of_exchange || out->type == NEWS_LOST || column_name(q, 2, out->subject, sizeof out->subject);
}

enum err store_news(struct store *s, uint64_t after, uint32_t types, store_news_fn *each, void *arg, uint64_t *next, bool *more)
{
	uint64_t     looked = 0, last = after;
	bool	     stopped = false;
	enum err     e = ERR_OK;
	scoped_query q = query_take(s, STATEMENT_NEWS);

	query_u64(&q, after);
	query_u64(&q, STORE_NEWS_SCAN);
	while (!stopped && (e = query_row(&q)) == ERR_OK) {
		struct news news = {0};
		bool	    wanted = row_load(&q, &news) && (types & news_bit(news.type)) != 0;

		stopped = wanted && !each(arg, &news);
		if (!stopped)
			last = column_u64(&q, 0);
		looked++;
	}
	if (e != ERR_OK && e != ERR_NOT_FOUND)
		return e;
	*next = last;
	*more = stopped || looked == STORE_NEWS_SCAN;
	return ERR_OK;
}

/* ---- forgetting ---- */

static enum err upto(struct store *s, uint64_t below, uint64_t most, uint64_t *out)
{
	scoped_query q = query_take(s, STATEMENT_NEWS_UPTO);

	query_u64(&q, below);
	query_u64(&q, most);
	enum err e = query_row(&q);
	if (e == ERR_OK)
		*out = column_u64(&q, 0);
	return e;
}

static enum err run_with(struct store *s, enum statement which, uint64_t number)
{
	scoped_query q = query_take(s, which);

	query_u64(&q, number);
	return query_run(&q);
}

/* All up to this number go; its own row stays in their place. */
static enum err forget_upto(struct store *s, uint64_t number)
{
	if (number <= s->news_first)
		return ERR_OK; /* one row is not made less by forgetting it */
	enum err e = run_with(s, STATEMENT_NEWS_FORGET, number);
	if (e != ERR_OK)
		return e;
	s->news_count -= (uint64_t)sqlite3_changes64(s->db);
	s->news_first = number;
	return run_with(s, STATEMENT_NEWS_STAND, number);
}

enum err store_news_forget(struct store *s, uint64_t before_ms, uint64_t keep)
{
	uint64_t old = news_number_from(before_ms), number = 0;
	enum err e = ends_read(s);

	if (e != ERR_OK || s->news_count < 2 || (s->news_first >= old && s->news_count <= keep))
		return e;
	uint64_t excess = s->news_count > keep ? s->news_count - keep + 1 : 0; /* one more, for the row that stays in their place */
	e = s->news_first < old ? upto(s, old, STORE_NEWS_SCAN, &number) : ERR_OK;
	if (e == ERR_OK && excess > 0) {
		uint64_t more = 0;

		e = upto(s, INT64_MAX, excess < STORE_NEWS_SCAN ? excess : STORE_NEWS_SCAN, &more);
		number = more > number ? more : number;
	}
	return e == ERR_OK ? forget_upto(s, number) : e;
}
