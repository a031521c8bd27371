/* quota.c: questions per clause and UTC day, counted alike on both sides (spec/rules.md). */
#include "channel/state.h"

static struct quota *quota_of(struct channel *ch, bool ours, int with, uint16_t clause)
{
	struct quota *q = ch->quota;

	for (; q < ch->quota + QUOTAS_MOST && q->used; q++)
		if (q->ours == ours && q->with == with && q->clause == clause)
			return q;
	if (q == ch->quota + QUOTAS_MOST)
		return NULL;
	*q = (struct quota){.used = true, .ours = ours, .with = with, .clause = clause, .day = {INT32_MIN, INT32_MIN}};
	return q;
}

/* The counter of a day; days only go forward, and two are kept because clocks differ by minutes. */
static uint64_t *counter_of(struct quota *q, int32_t day)
{
	if (q->day[0] == day)
		return &q->n[0];
	if (q->day[1] == day)
		return &q->n[1];
	if (day < q->day[0])
		return NULL;
	q->day[1] = q->day[0];
	q->n[1] = q->n[0];
	q->day[0] = day;
	q->n[0] = 0;
	return &q->n[0];
}

uint64_t quota_count(struct channel *ch, bool ours, int with, uint16_t clause, int32_t day)
{
	struct quota *q = quota_of(ch, ours, with, clause);
	uint64_t     *n = q ? counter_of(q, day) : NULL;

	return n ? (*n)++ : UINT64_MAX; /* no counter: nothing more is permitted where a limit is agreed */
}

uint64_t quota_used(const struct channel *ch, bool ours, int with, uint16_t clause, int32_t day)
{
	const struct quota *q = ch->quota;

	for (; q < ch->quota + QUOTAS_MOST && q->used; q++) {
		if (q->ours != ours || q->with != with || q->clause != clause)
			continue;
		return q->day[0] == day ? q->n[0] : q->day[1] == day ? q->n[1] : 0;
	}
	return q < ch->quota + QUOTAS_MOST ? 0 : UINT64_MAX; /* no counter left: as above */
}

void quota_recall(struct channel *ch, bool ours, int with, uint16_t clause, int32_t day, uint64_t n)
{
	struct quota *q = quota_of(ch, ours, with, clause);
	uint64_t     *counter = q ? counter_of(q, day) : NULL;

	if (counter != NULL)
		*counter = n;
}
