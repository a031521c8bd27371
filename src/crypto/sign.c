/* sign.c: Ed25519 by libsodium, whose strict verification is the rule of spec/signature.md. */
#include <sodium.h>
#include <stdlib.h>

#include "crypto/sign.h"

_Static_assert(SIGN_SEED == crypto_sign_ed25519_SEEDBYTES, "sizes of Ed25519");
_Static_assert(SIGN_PUBLIC == crypto_sign_ed25519_PUBLICKEYBYTES, "sizes of Ed25519");
_Static_assert(SIGN_SIZE == crypto_sign_ed25519_BYTES, "sizes of Ed25519");
_Static_assert(sizeof(((struct sign_key *)NULL)->secret) == crypto_sign_ed25519_SECRETKEYBYTES, "sizes of Ed25519");

void sign_key_from_seed(struct sign_key *key, const uint8_t seed[SIGN_SEED])
{
	if (crypto_sign_ed25519_seed_keypair(key->pub.b, key->secret, seed) != 0)
		abort();
}

void sign_key_done(struct sign_key *key)
{
	sodium_memzero(key, sizeof *key);
}

void sign_bytes(const struct sign_key *key, struct bytes message, struct signature *out)
{
	if (crypto_sign_ed25519_detached(out->b, NULL, message.at, message.n, key->secret) != 0)
		abort();
}

enum err sign_verify(const struct public_key *pub, struct bytes message, const struct signature *sig)
{
	return crypto_sign_ed25519_verify_detached(sig->b, message.at, message.n, pub->b) == 0 ? ERR_OK : ERR_SIGNATURE;
}
