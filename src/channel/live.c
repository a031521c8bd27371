#include <stdlib.h>

#include "channel/state.h"

enum err live_init(struct live_set *s, const uint8_t seed[16])
{
	s->at = calloc(CHANNEL_LIVE_MOST, sizeof *s->at);
	s->free = calloc(CHANNEL_LIVE_MOST, sizeof *s->free);
	if (s->at == NULL || s->free == NULL)
		return ERR_MEMORY;
	for (uint32_t i = 0; i < CHANNEL_LIVE_MOST; i++)
		s->free[i] = CHANNEL_LIVE_MOST - 1 - i;
	s->nfree = CHANNEL_LIVE_MOST;
	enum err e = table_init(&s->by_mid, CHANNEL_LIVE_MOST, seed);
	return e ? e : table_init(&s->by_place, CHANNEL_LIVE_MOST, seed);
}

void live_done(struct live_set *s)
{
	free(s->at);
	free(s->free);
	table_done(&s->by_mid);
	table_done(&s->by_place);
}

/* An epoch is random and an index is small, so their mixture names a place. */
void place_key(const struct place *at, uint8_t key[16])
{
	memcpy(key, at->epoch.b, 16);
	for (int i = 0; i < 8; i++)
		key[8 + i] ^= (uint8_t)(at->index >> (8 * i));
}

struct live *live_add(struct live_set *s, const uint8_t mid[MID_SIZE], const struct place *at)
{
	uint8_t key[16];

	if (s->nfree == 0)
		return NULL;
	uint32_t number = s->free[s->nfree - 1];
	if (table_put(&s->by_mid, mid, number))
		return NULL;
	place_key(at, key);
	if (table_put(&s->by_place, key, number)) {
		table_remove(&s->by_mid, mid);
		return NULL;
	}
	s->nfree--;
	s->n++;
	struct live *l = &s->at[number];
	uint32_t     generation = l->generation + 1;

	memset(l, 0, sizeof *l);
	l->used = true;
	l->generation = generation;
	memcpy(l->mid, mid, MID_SIZE);
	l->at = *at;
	return l;
}

struct live *live_by_mid(struct live_set *s, const uint8_t mid[MID_SIZE])
{
	uint32_t number;

	return table_get(&s->by_mid, mid, &number) ? &s->at[number] : NULL;
}

struct live *live_by_place(struct live_set *s, const struct place *at)
{
	uint8_t	 key[16];
	uint32_t number;

	place_key(at, key);
	return table_get(&s->by_place, key, &number) ? &s->at[number] : NULL;
}

struct live *live_by_number(struct live_set *s, uint32_t number, uint32_t generation)
{
	if (number >= CHANNEL_LIVE_MOST || !s->at[number].used || s->at[number].generation != generation)
		return NULL;
	return &s->at[number];
}

uint32_t live_number(const struct live_set *s, const struct live *l)
{
	return (uint32_t)(l - s->at);
}

void live_remove(struct live_set *s, struct live *l)
{
	uint8_t key[16];

	place_key(&l->at, key);
	table_remove(&s->by_mid, l->mid);
	table_remove(&s->by_place, key);
	s->free[s->nfree++] = live_number(s, l);
	s->n--;
	l->used = false;
}
