/* start.c: the libraries are started once, and each shows that it computes what the standards say. */
#include <sodium.h>

#include "crypto/hash.h"
#include "crypto/sign.h"

/* SHA-256 of nothing, FIPS 180-4. */
static const struct hash hash_of_nothing = {{
	0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
	0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
}};

/* A signature that verifies, and the same over another message that does not. */
static bool signatures_work(void)
{
	static const uint8_t seed[SIGN_SEED] = {1};
	struct sign_key	     key;
	struct signature     sig;
	sign_key_from_seed(&key, seed);
	sign_bytes(&key, bytes_text("mithaq"), &sig);
	bool works = sign_verify(&key.pub, bytes_text("mithaq"), &sig) == ERR_OK && sign_verify(&key.pub, bytes_text("mithak"), &sig) != ERR_OK;
	sign_key_done(&key);
	return works;
}

enum err crypto_start(void)
{
	if (sodium_init() < 0)
		return ERR_INTERNAL;
	struct hash nothing = hash_bytes(BYTES_NONE);
	return hash_equal(&nothing, &hash_of_nothing) && signatures_work() ? ERR_OK : ERR_INTERNAL;
}
