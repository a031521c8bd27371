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

struct hash keyed_mac(struct bytes key, const struct bytes *pieces, size_t n)
{
	crypto_auth_hmacsha256_state state;
	struct hash		     out;

	_Static_assert(sizeof out.b == crypto_auth_hmacsha256_BYTES, "the code is a SHA-256");
	crypto_auth_hmacsha256_init(&state, key.at, key.n);
	for (size_t i = 0; i < n; i++)
		crypto_auth_hmacsha256_update(&state, pieces[i].at, pieces[i].n);
	crypto_auth_hmacsha256_final(&state, out.b);
	sodium_memzero(&state, sizeof state);
	return out;
}
