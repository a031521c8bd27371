/*
 * spring.h: salts and message ids from a seed that came in as an event.
 *
 * A ChaCha20 generator with fast key erasure: each draw replaces the key, so
 * salts that were erased from disk cannot be drawn again from memory. The
 * gateway mixes in fresh kernel randomness every turn (spring_mix); a simulator
 * seeds it once and gets the same run again.
 */
#ifndef MITHAQ_CRYPTO_SPRING_H
#define MITHAQ_CRYPTO_SPRING_H

#include <stddef.h>
#include <stdint.h>

#define SPRING_SEED 32

struct spring {
	uint8_t key[SPRING_SEED];
};

void spring_init(struct spring *s, const uint8_t seed[SPRING_SEED]);
void spring_mix(struct spring *s, const uint8_t seed[SPRING_SEED]); /* key = H(key || seed) */
void spring_draw(struct spring *s, void *out, size_t n);	    /* n <= 4096 */
void spring_done(struct spring *s);				    /* zeroes */

#endif
