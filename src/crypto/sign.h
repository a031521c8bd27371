/*
 * sign.h: Ed25519 (RFC 8032) by libsodium.
 *
 * One rule for everybody (spec/signature.md): a signature counts when libsodium's
 * strict verification accepts it: canonical S and R, no small-order point.
 * Secret keys are 32-byte seeds outside, expanded inside; sign_key_done zeroes.
 */
#ifndef MITHAQ_CRYPTO_SIGN_H
#define MITHAQ_CRYPTO_SIGN_H

#include "base/bytes.h"
#include "base/error.h"

#define SIGN_SEED   32
#define SIGN_PUBLIC 32
#define SIGN_SIZE   64

struct public_key {
	uint8_t b[SIGN_PUBLIC];
};

struct signature {
	uint8_t b[SIGN_SIZE];
};

struct sign_key {
	struct public_key pub;
	uint8_t		  secret[64]; /* libsodium's expanded form */
};

/* Once per process, before any other call of crypto/; ERR_INTERNAL when the library does not start. */
enum err crypto_start(void) must_use;

void sign_key_from_seed(struct sign_key *key, const uint8_t seed[SIGN_SEED]);
void sign_key_done(struct sign_key *key);

void	 sign_bytes(const struct sign_key *key, struct bytes message, struct signature *out);
enum err sign_verify(const struct public_key *pub, struct bytes message, const struct signature *sig) must_use; /* ERR_SIGNATURE */

static inline bool public_key_equal(const struct public_key *a, const struct public_key *b)
{
	return memcmp(a->b, b->b, SIGN_PUBLIC) == 0;
}

#endif
