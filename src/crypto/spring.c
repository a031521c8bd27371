/*
 * spring.c: fast key erasure.
 *
 *   stream = ChaCha20(key, nonce 0)
 *   offset 0   32 bytes   the next key
 *   offset 32  n bytes    what is drawn
 *
 * A key makes one stream and is gone, so the nonce may stay zero.
 */
#include <sodium.h>
#include <stdlib.h>

#include "base/secret.h"
#include "crypto/hash.h"
#include "crypto/spring.h"

#define DRAW_MOST 4096

_Static_assert(SPRING_SEED == crypto_stream_chacha20_ietf_KEYBYTES, "a seed is a key");
_Static_assert(SPRING_SEED == HASH_SIZE, "mixing gives a key");

void spring_init(struct spring *s, const uint8_t seed[SPRING_SEED])
{
	memcpy(s->key, seed, SPRING_SEED);
}

void spring_mix(struct spring *s, const uint8_t seed[SPRING_SEED])
{
	const struct bytes pieces[] = {bytes_of(s->key, SPRING_SEED), bytes_of(seed, SPRING_SEED)};
	struct hash	   mixed = hash_pieces(pieces, 2);
	memcpy(s->key, mixed.b, SPRING_SEED);
	secret_zero(&mixed, sizeof mixed);
}

void spring_draw(struct spring *s, void *out, size_t n)
{
	static const uint8_t nonce[crypto_stream_chacha20_ietf_NONCEBYTES];
	uint8_t		     stream[SPRING_SEED + DRAW_MOST];
	if (n > DRAW_MOST)
		abort();
	if (crypto_stream_chacha20_ietf(stream, SPRING_SEED + n, nonce, s->key) != 0)
		abort();
	memcpy(s->key, stream, SPRING_SEED);
	if (n > 0)
		memcpy(out, stream + SPRING_SEED, n);
	secret_zero(stream, SPRING_SEED + n);
}

void spring_done(struct spring *s)
{
	secret_zero(s, sizeof *s);
}
