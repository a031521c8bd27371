#include "crypto/keyed.h"

#include <sodium.h>

uint64_t keyed_hash(const uint8_t key[static 16], struct bytes v)
{
	uint8_t	 out[crypto_shorthash_BYTES];
	uint64_t h;

	crypto_shorthash(out, v.at, v.n, key);
	memcpy(&h, out, sizeof h);
	return h;
}
