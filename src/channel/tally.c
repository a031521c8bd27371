#include "channel/state.h"

/* Rows ascend by agreement: the place of `agreement`, or where it belongs. */
static unsigned place_of(const struct tally *t, const struct hash *agreement)
{
	unsigned i = 0;

	while (i < t->n && memcmp(t->row[i].agreement.b, agreement->b, HASH_SIZE) < 0)
		i++;
	return i;
}

struct tally_row *tally_find(struct tally *t, const struct hash *agreement)
{
	unsigned i = place_of(t, agreement);

	return i < t->n && hash_equal(&t->row[i].agreement, agreement) ? &t->row[i] : NULL;
}

uint64_t tally_next(const struct tally *t, const struct hash *agreement)
{
	unsigned i = place_of(t, agreement);

	return i < t->n && hash_equal(&t->row[i].agreement, agreement) ? t->row[i].count : 0;
}

enum err tally_count(struct tally *t, const struct hash *agreement, uint64_t aseq, uint64_t index)
{
	unsigned i = place_of(t, agreement);

	if (i == t->n || !hash_equal(&t->row[i].agreement, agreement)) {
		if (t->n == TALLY_ROWS_MOST)
			return ERR_TOO_LONG;
		if (aseq != 0)
			return ERR_ORDER;
		memmove(&t->row[i + 1], &t->row[i], (t->n - i) * sizeof t->row[0]);
		t->row[i] = (struct tally_row){.agreement = *agreement};
		t->n++;
	}
	if (t->row[i].count != aseq)
		return ERR_ORDER;
	t->row[i].count++;
	t->row[i].last = index;
	return ERR_OK;
}

bool tally_equal(const struct tally *a, const struct tally *b)
{
	if (memcmp(a->epoch, b->epoch, sizeof a->epoch) != 0 || a->n != b->n)
		return false;
	for (unsigned i = 0; i < a->n; i++) {
		if (!hash_equal(&a->row[i].agreement, &b->row[i].agreement))
			return false;
		if (a->row[i].count != b->row[i].count || a->row[i].last != b->row[i].last)
			return false;
	}
	return true;
}
