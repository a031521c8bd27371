/* table.h: a hash table of fixed room from 16-byte keys to numbers, open addressing, no deletion marks. */
#ifndef MITHAQ_CHANNEL_TABLE_H
#define MITHAQ_CHANNEL_TABLE_H

#include "base/bytes.h"
#include "base/error.h"

struct table_slot {
	uint8_t	 key[16];
	uint32_t value;
	uint32_t used;
};

/*
 * Keys that a partner chose (mids) are hashed with a secret seed, so that nobody
 * can aim at one slot.
 */
struct table {
	struct table_slot *slot;
	uint32_t	   room; /* a power of two, at least twice what is stored */
	uint32_t	   n;
	uint8_t		   seed[16];
};

enum err table_init(struct table *t, uint32_t most, const uint8_t seed[16]) must_use;
void	 table_done(struct table *t);
enum err table_put(struct table *t, const uint8_t key[16], uint32_t value) must_use; /* ERR_DUPLICATE, ERR_BUSY when at its limit */
bool	 table_get(const struct table *t, const uint8_t key[16], uint32_t *value);
void	 table_remove(struct table *t, const uint8_t key[16]); /* nothing when absent */
void	 table_clear(struct table *t);

#endif
