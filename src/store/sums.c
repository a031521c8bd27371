/*
 * sums.c: what the store adds up of each log while it writes.
 *
 * Counting in SQL would cost a page of the WAL in every commit. There is one writer, so
 * it keeps the sums of the logs it writes to in memory and puts them into the log's row,
 * which the turn writes anyway; they are as durable as the rows they count. Nothing here
 * is signed: store_sums_check counts again.
 *
 *   column sums of log:
 *     0  u64[6]  questions in this log that are accepted, delivered, answered, refused, expired, failed
 *    48  rows of 46 bytes, one per clause and UTC day that counts against a quota:
 *          agreement[32] | u16 clause | u32 day | u64 questions
 *
 * Of days, the newest and the SUMS_DAYS - 1 before it are kept.
 */
#include <stdlib.h>

#include "store/inside.h"

/* ---- counting ---- */

static struct quota_row *quota_find(const struct sums *sums, const struct quota_row *like)
{
	for (uint32_t i = 0; i < sums->nquota; i++) {
		struct quota_row *q = &sums->quota[i];

		if (q->day == like->day && q->clause == like->clause && hash_equal(&q->agreement, &like->agreement))
			return q;
	}
	return NULL;
}

static int64_t oldest_day(const struct sums *sums, int32_t day)
{
	int32_t newest = day;

	for (uint32_t i = 0; i < sums->nquota; i++)
		if (sums->quota[i].day > newest)
			newest = sums->quota[i].day;
	return (int64_t)newest - SUMS_DAYS + 1;
}

static void quota_forget(struct sums *sums, int64_t oldest)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < sums->nquota; i++)
		if (sums->quota[i].day >= oldest)
			sums->quota[n++] = sums->quota[i];
	sums->nquota = n;
}

/* Room grows by doubling, so it is full exactly when the number is a power of two. */
static enum err quota_append(struct sums *sums, const struct quota_row *row)
{
	if (sums->nquota == SUMS_QUOTA_MOST)
		return ERR_TOO_LONG;
	if ((sums->nquota & (sums->nquota - 1)) == 0) {
		struct quota_row *more = realloc(sums->quota, (sums->nquota ? 2 * (size_t)sums->nquota : 1) * sizeof *more);

		if (more == NULL)
			return ERR_MEMORY;
		sums->quota = more;
	}
	sums->quota[sums->nquota++] = *row;
	return ERR_OK;
}

static enum err quota_count(struct sums *sums, const struct hash *agreement, uint16_t clause, int32_t day)
{
	struct quota_row  row = {*agreement, clause, day, 1};
	struct quota_row *held = quota_find(sums, &row);
	int64_t		  oldest = oldest_day(sums, day);

	if (held != NULL) {
		held->n++;
		return ERR_OK;
	}
	if (day < oldest)
		return ERR_OK;
	quota_forget(sums, oldest);
	return quota_append(sums, &row);
}

static enum err count(struct sums *sums, enum exchange_state state, const struct hash *agreement, uint16_t clause, int32_t day)
{
	if (state < EXCHANGE_ACCEPTED || state > EXCHANGE_FAILED)
		return ERR_STORE;
	sums->state[state]++;
	return day == EXCHANGE_NO_DAY ? ERR_OK : quota_count(sums, agreement, clause, day);
}

/* ---- as stored ---- */

enum err sums_write(const struct sums *sums, struct buffer *out)
{
	size_t	 n = SUMS_STATES_STORED + (size_t)sums->nquota * SUMS_QUOTA_STORED;
	enum err e = buffer_room(out, n);

	if (e != ERR_OK)
		return e;
	struct builder b = builder_on(out->at, n);
	for (int state = EXCHANGE_ACCEPTED; state <= EXCHANGE_FAILED; state++)
		build_u64(&b, sums->state[state]);
	for (uint32_t i = 0; i < sums->nquota; i++) {
		const struct quota_row *q = &sums->quota[i];

		build_copy(&b, q->agreement.b, HASH_SIZE);
		build_u16(&b, q->clause);
		build_u32(&b, (uint32_t)q->day);
		build_u64(&b, q->n);
	}
	out->n = builder_bytes(&b).n;
	return b.err;
}

static enum err sums_read(struct bytes stored, struct sums *out)
{
	struct cursor c = cursor_on(stored);
	enum err      e = ERR_OK;

	for (int state = EXCHANGE_ACCEPTED; state <= EXCHANGE_FAILED; state++)
		out->state[state] = cursor_u64(&c);
	while (e == ERR_OK && cursor_left(&c) > 0 && cursor_err(&c) == ERR_OK) {
		struct quota_row row;

		cursor_copy(&c, row.agreement.b, HASH_SIZE);
		row.clause = cursor_u16(&c);
		row.day = (int32_t)cursor_u32(&c);
		row.n = cursor_u64(&c);
		e = cursor_err(&c) == ERR_OK ? quota_append(out, &row) : ERR_STORE;
	}
	return e == ERR_OK ? cursor_end(&c) : e;
}

/* Columns: id, own, checkpointed, receipted, sums. */
static enum err row_load(const struct query *q, struct sums *out)
{
	struct sums sums = {.log = (int64_t)column_u64(q, 0),
			    .own = column_u64(q, 1) != 0,
			    .checkpointed = column_u64(q, 2),
			    .receipted = column_u64(q, 3)};

	if (sums_read(column_bytes(q, 4), &sums) != ERR_OK) {
		free(sums.quota);
		return store_complain(q->s, ERR_STORE, "sums", sums.log, 0);
	}
	*out = sums;
	return ERR_OK;
}

static enum err row_get(struct store *s, int64_t log, struct sums *out)
{
	scoped_query q = query_take(s, STATEMENT_SUMS_GET);

	query_integer(&q, log);
	enum err e = query_row(&q);
	return e == ERR_OK ? row_load(&q, out) : e;
}

/* ---- the writer's memory ---- */

enum err uncounted(struct store *s, enum err e)
{
	if (e != ERR_OK && e != ERR_NOT_FOUND)
		s->broken = true;
	return e;
}

static enum err sums_hold(struct store *s, int64_t log, struct sums **out)
{
	struct sums *more = realloc(s->sums, (s->nsums + 1) * sizeof *more);

	if (more == NULL)
		return ERR_MEMORY;
	s->sums = more;
	enum err e = row_get(s, log, &s->sums[s->nsums]);
	if (e == ERR_OK)
		*out = &s->sums[s->nsums++];
	return e;
}

/* The newest logs are the busiest. */
enum err sums_take(struct store *s, int64_t log, struct sums **out)
{
	enum err e = store_begin(s);

	if (e != ERR_OK)
		return e;
	for (size_t i = s->nsums; i > 0; i--) {
		if (s->sums[i - 1].log == log) {
			*out = &s->sums[i - 1];
			return ERR_OK;
		}
	}
	return uncounted(s, sums_hold(s, log, out));
}

enum err sums_add(struct store *s, const struct exchange_row *x)
{
	struct sums *sums;
	enum err     e = sums_take(s, x->question_log, &sums);

	if (e != ERR_OK)
		return e;
	sums->changed = true;
	return uncounted(s, count(sums, x->state, &x->agreement, x->clause, x->day));
}

enum err sums_move(struct store *s, int64_t log, enum exchange_state before, enum exchange_state now)
{
	struct sums *sums;
	enum err     e = sums_take(s, log, &sums);

	if (e != ERR_OK || before == now)
		return e;
	if (before >= SUMS_STATES || now >= SUMS_STATES || sums->state[before] == 0)
		return uncounted(s, store_complain(s, ERR_STORE, "sums", log, 0));
	sums->changed = true;
	sums->state[before]--;
	sums->state[now]++;
	return ERR_OK;
}

static enum err save(struct store *s, struct sums *sums)
{
	struct buffer stored = {.most = SUMS_STORED_MOST};
	enum err      e = sums_write(sums, &stored);

	if (e == ERR_OK) {
		scoped_query q = query_take(s, STATEMENT_SUMS_SAVE);
		query_u64(&q, sums->checkpointed);
		query_u64(&q, sums->receipted);
		query_bytes(&q, buffer_bytes(&stored));
		query_integer(&q, sums->log);
		e = query_run(&q);
	}
	buffer_done(&stored);
	sums->changed = false;
	return uncounted(s, e);
}

enum err sums_save(struct store *s)
{
	enum err e = ERR_OK;

	for (size_t i = s->nsums; i > 0 && e == ERR_OK; i--)
		if (s->sums[i - 1].changed)
			e = save(s, &s->sums[i - 1]);
	return e;
}

void sums_done(struct store *s)
{
	for (size_t i = 0; i < s->nsums; i++)
		free(s->sums[i].quota);
	free(s->sums);
}

/* ---- what was added up, read ---- */

enum err sums_of_channel(struct store *s, const char *partner, const char *channel, sums_fn *each, void *arg)
{
	struct sums sums = {.log = 0};
	enum err    e = sums_save(s);

	if (e != ERR_OK)
		return e;
	scoped_query q = query_take(s, STATEMENT_SUMS_OF);
	query_text(&q, partner);
	query_text(&q, channel);
	while ((e = query_row(&q)) == ERR_OK) {
		e = row_load(&q, &sums);
		if (e != ERR_OK)
			return e;
		e = each(arg, &sums);
		free(sums.quota);
		if (e != ERR_OK)
			return e;
	}
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err counts_add(void *arg, const struct sums *sums)
{
	struct exchange_counts *counts = arg;

	for (int state = EXCHANGE_ACCEPTED; state <= EXCHANGE_FAILED; state++)
		counts->asked += sums->state[state];
	counts->answered += sums->state[EXCHANGE_ANSWERED];
	counts->refused += sums->state[EXCHANGE_REFUSED];
	counts->unanswered += sums_open(sums);
	return ERR_OK;
}

enum err store_exchange_counts(struct store *s, const char *partner, const char *channel, struct exchange_counts *out)
{
	struct exchange_counts counts = {0};
	enum err	       e = sums_of_channel(s, partner, channel, counts_add, &counts);

	if (e == ERR_OK)
		*out = counts;
	return e;
}

struct quota_wanted {
	struct quota_row row;
	bool		 ours;
	uint64_t	 used;
};

static enum err quota_add(void *arg, const struct sums *sums)
{
	struct quota_wanted    *w = arg;
	const struct quota_row *q = sums->own == w->ours ? quota_find(sums, &w->row) : NULL;

	if (q != NULL)
		w->used += q->n;
	return ERR_OK;
}

enum err store_quota_used(struct store *s, const char *partner, const char *channel, bool ours, const struct hash *agreement, uint16_t clause,
			  int32_t day, uint64_t *out)
{
	struct quota_wanted w = {.row = {*agreement, clause, day, 0}, .ours = ours};
	enum err	    e = sums_of_channel(s, partner, channel, quota_add, &w);

	if (e == ERR_OK)
		*out = w.used;
	return e;
}

/* ---- counted again ---- */

static enum err exchanges_count(struct store *s, int64_t log, struct sums *out)
{
	struct hash  agreement;
	enum err     e;
	scoped_query q = query_take(s, STATEMENT_SUMMANDS);

	query_range(&q, log, 0, PLACE_MOST);
	while ((e = query_row(&q)) == ERR_OK) {
		if (!column_exact(&q, 1, agreement.b, HASH_SIZE))
			return ERR_STORE;
		e = count(out, (enum exchange_state)column_u64(&q, 0), &agreement, (uint16_t)column_u64(&q, 2), (int32_t)column_u64(&q, 3));
		if (e != ERR_OK)
			return e;
	}
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err heads_count(struct store *s, int64_t log, struct sums *out)
{
	scoped_query q = query_take(s, STATEMENT_SUMMAND_HEADS);

	query_range(&q, log, 0, PLACE_MOST);
	enum err e = query_row(&q);
	if (e != ERR_OK)
		return e;
	out->checkpointed = place_index((int64_t)column_u64(&q, 0));
	out->receipted = place_index((int64_t)column_u64(&q, 1));
	return ERR_OK;
}

static bool sums_same(const struct sums *a, const struct sums *b)
{
	bool same = a->checkpointed == b->checkpointed && a->receipted == b->receipted && a->nquota == b->nquota &&
		    memcmp(a->state, b->state, sizeof a->state) == 0;

	for (uint32_t i = 0; same && i < a->nquota; i++) {
		const struct quota_row *q = quota_find(b, &a->quota[i]);
		same = q != NULL && q->n == a->quota[i].n;
	}
	return same;
}

enum err store_sums_check(struct store *s, int64_t log, bool *same)
{
	struct sums held = {0}, counted = {0};
	enum err    e = sums_save(s);

	if (e == ERR_OK)
		e = row_get(s, log, &held);
	if (e == ERR_OK)
		e = exchanges_count(s, log, &counted);
	if (e == ERR_OK)
		e = heads_count(s, log, &counted);
	if (e == ERR_OK)
		*same = sums_same(&held, &counted);
	free(held.quota);
	free(counted.quota);
	return e;
}

/* What stands in the log's row is not read: it may be what is damaged. */
enum err store_sums_remake(struct store *s, int64_t log)
{
	struct sums counted = {.log = log};
	enum err    e = exchanges_count(s, log, &counted);

	if (e == ERR_OK)
		e = heads_count(s, log, &counted);
	if (e == ERR_OK)
		e = save(s, &counted);
	free(counted.quota);
	return e;
}
