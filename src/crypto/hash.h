/*
 * hash.h: SHA-256 (FIPS 180-4) under our own name. OpenSSL computes it; the
 * digest method is fetched once, because an implicit fetch triples the cost of
 * a small hash.
 */
#ifndef MITHAQ_CRYPTO_HASH_H
#define MITHAQ_CRYPTO_HASH_H

#include "base/bytes.h"
#include "base/error.h"

#define HASH_SIZE 32

struct hash {
	uint8_t b[HASH_SIZE];
};

/* 32 fresh random bytes in front of what a commitment hides (tree/commit.h). */
#define SALT_SIZE 32

struct salt {
	uint8_t b[SALT_SIZE];
};

#define HASH_PIECES_MOST 8

/* H(piece 1 || piece 2 || ...). Never fails: a machine that cannot hash aborts. */
struct hash hash_bytes(struct bytes v);
struct hash hash_pieces(const struct bytes *pieces, size_t n);

/* The hash of what is too large for memory: begin, add in pieces, end. Owns its context until hashing_done. */
struct hashing {
	void *context; /* NULL: not begun */
};
enum err    hashing_begin(struct hashing *h) must_use; /* ERR_MEMORY; one begun before starts anew */
void	    hashing_add(struct hashing *h, struct bytes piece);
struct hash hashing_end(struct hashing *h);
void	    hashing_done(struct hashing *h); /* accepts one zeroed */

/* Constant time, for digests of secrets such as tokens. */
bool hash_equal_secret(const struct hash *a, const struct hash *b);

static inline bool hash_equal(const struct hash *a, const struct hash *b)
{
	return memcmp(a->b, b->b, HASH_SIZE) == 0;
}

#endif
