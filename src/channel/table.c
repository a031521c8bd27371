#include "channel/table.h"

#include <stdlib.h>

#include "crypto/keyed.h"

enum err table_init(struct table *t, uint32_t most, const uint8_t seed[16])
{
	uint32_t room = 16;

	while (room < 2 * most)
		room *= 2;
	t->slot = calloc(room, sizeof *t->slot);
	if (t->slot == NULL)
		return ERR_MEMORY;
	t->room = room;
	t->n = 0;
	memcpy(t->seed, seed, sizeof t->seed);
	return ERR_OK;
}

void table_done(struct table *t)
{
	free(t->slot);
	t->slot = NULL;
	t->room = t->n = 0;
}

static uint32_t home_of(const struct table *t, const uint8_t key[16])
{
	return (uint32_t)keyed_hash(t->seed, bytes_of(key, 16)) & (t->room - 1);
}

/* Where the key stands, or the free slot where it would. */
static uint32_t find(const struct table *t, const uint8_t key[16])
{
	uint32_t at = home_of(t, key);

	while (t->slot[at].used && memcmp(t->slot[at].key, key, 16) != 0)
		at = (at + 1) & (t->room - 1);
	return at;
}

enum err table_put(struct table *t, const uint8_t key[16], uint32_t value)
{
	uint32_t at = find(t, key);

	if (t->slot[at].used)
		return ERR_DUPLICATE;
	if (t->n >= t->room / 2)
		return ERR_BUSY;
	memcpy(t->slot[at].key, key, 16);
	t->slot[at].value = value;
	t->slot[at].used = 1;
	t->n++;
	return ERR_OK;
}

bool table_get(const struct table *t, const uint8_t key[16], uint32_t *value)
{
	uint32_t at = find(t, key);

	if (!t->slot[at].used)
		return false;
	*value = t->slot[at].value;
	return true;
}

/* Closes the gap: whoever stands behind it and could not have its home moves up. */
void table_remove(struct table *t, const uint8_t key[16])
{
	uint32_t mask = t->room - 1;
	uint32_t gap = find(t, key);

	if (!t->slot[gap].used)
		return;
	for (uint32_t at = (gap + 1) & mask; t->slot[at].used; at = (at + 1) & mask) {
		uint32_t home = home_of(t, t->slot[at].key);

		if (((at - home) & mask) < ((at - gap) & mask))
			continue;
		t->slot[gap] = t->slot[at];
		gap = at;
	}
	t->slot[gap].used = 0;
	t->n--;
}

void table_clear(struct table *t)
{
	if (t->n == 0)
		return;
	memset(t->slot, 0, t->room * sizeof *t->slot);
	t->n = 0;
}
