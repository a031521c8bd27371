/* crypto_sign.c: the one rule for Ed25519, by published vectors and by tampering. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crypto/sign.h"
#include "vectors.h"

#define MESSAGE_MOST 256
#define SMALL_MOST   32

/* The word pair at `at`: message, signature. */
static enum err verify_words(struct vectors *v, int at, const struct public_key *pub)
{
	uint8_t		 message[MESSAGE_MOST];
	struct signature sig;
	struct bytes	 m = vectors_bytes(v->word[at], message, sizeof message);
	vectors_exact(v->word[at + 1], sig.b, SIGN_SIZE);
	return sign_verify(pub, m, &sig);
}

static void sign_words(struct vectors *v)
{
	uint8_t		  seed[SIGN_SEED], message[MESSAGE_MOST];
	struct sign_key	  key;
	struct public_key pub;
	struct signature  expected, sig;
	vectors_exact(v->word[1], seed, SIGN_SEED);
	vectors_exact(v->word[2], pub.b, SIGN_PUBLIC);
	struct bytes m = vectors_bytes(v->word[3], message, sizeof message);
	vectors_exact(v->word[4], expected.b, SIGN_SIZE);
	sign_key_from_seed(&key, seed);
	assert_true(public_key_equal(&key.pub, &pub));
	sign_bytes(&key, m, &sig);
	assert_memory_equal(sig.b, expected.b, SIGN_SIZE);
	assert_int_equal(verify_words(v, 3, &pub), ERR_OK);
	sign_key_done(&key);
}

static void published_signatures(void **state)
{
	static struct vectors v;
	unsigned	      signs = 0, accepts = 0, refusals = 0;
	(void)state;
	vectors_open(&v, "ed25519.txt");
	while (vectors_next(&v)) {
		struct public_key pub;
		if (vectors_is(&v, "sign", 5)) {
			sign_words(&v);
			signs++;
		} else if (!vectors_is(&v, "small", 2)) {
			bool accept = vectors_is(&v, "accept", 4);
			assert_true(accept || vectors_is(&v, "refuse", 4));
			vectors_exact(v.word[1], pub.b, SIGN_PUBLIC);
			assert_int_equal(verify_words(&v, 2, &pub), accept ? ERR_OK : ERR_SIGNATURE);
			accepts += accept;
			refusals += !accept;
		}
	}
	assert_int_equal(signs, 4);
	assert_int_equal(accepts, 1);
	assert_int_equal(refusals, 18);
}

static unsigned small_points(struct public_key *out)
{
	static struct vectors v;
	unsigned	      n = 0;
	vectors_open(&v, "ed25519.txt");
	while (vectors_next(&v)) {
		if (!vectors_is(&v, "small", 2))
			continue;
		assert_true(n < SMALL_MOST);
		vectors_exact(v.word[1], out[n++].b, SIGN_PUBLIC);
	}
	return n;
}

/* With S = 0, R and A of small order, a lax verifier accepts many a message. */
static void points_of_small_order_are_refused(void **state)
{
	struct public_key small[SMALL_MOST];
	struct sign_key	  key;
	unsigned	  n = small_points(small);
	(void)state;
	assert_int_equal(n, 14);
	sign_key_from_seed(&key, (const uint8_t[SIGN_SEED]){7});
	for (unsigned r = 0; r < n; r++) {
		struct signature sig = {{0}};
		memcpy(sig.b, small[r].b, 32);
		assert_int_equal(sign_verify(&key.pub, bytes_text("x"), &sig), ERR_SIGNATURE);
		for (unsigned a = 0; a < n; a++)
			for (unsigned m = 0; m < 8; m++)
				assert_int_equal(sign_verify(&small[a], bytes_of(&m, sizeof m), &sig), ERR_SIGNATURE);
	}
	sign_key_done(&key);
}

/* S + L verifies by the same equation; only S below L counts. L = 2^252 + 27742317777372353535851937790883648493. */
static void s_beyond_the_order_is_refused(void **state)
{
	static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
					  0,	0,    0,    0,	  0,	0,    0,    0,	  0,	0,    0,    0,	  0,	0,    0,    0x10};
	struct sign_key	     key;
	struct signature     sig;
	(void)state;
	for (uint8_t round = 0; round < 20; round++) {
		unsigned carry = 0;
		sign_key_from_seed(&key, (const uint8_t[SIGN_SEED]){round});
		sign_bytes(&key, bytes_text("agreed"), &sig);
		assert_int_equal(sign_verify(&key.pub, bytes_text("agreed"), &sig), ERR_OK);
		for (unsigned i = 0; i < 32; i++) {
			carry += (unsigned)sig.b[32 + i] + order[i];
			sig.b[32 + i] = (uint8_t)carry;
			carry >>= 8;
		}
		assert_int_equal(sign_verify(&key.pub, bytes_text("agreed"), &sig), ERR_SIGNATURE);
	}
	sign_key_done(&key);
}

static void any_flipped_bit_is_refused(void **state)
{
	struct sign_key	  key;
	struct signature  sig, bad;
	struct public_key pub;
	char		  message[] = "checkpoint";
	(void)state;
	sign_key_from_seed(&key, (const uint8_t[SIGN_SEED]){3});
	sign_bytes(&key, bytes_text(message), &sig);
	for (unsigned bit = 0; bit < 8 * SIGN_SIZE; bit++) {
		bad = sig;
		bad.b[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(sign_verify(&key.pub, bytes_text(message), &bad), ERR_SIGNATURE);
	}
	for (unsigned bit = 0; bit < 8 * SIGN_PUBLIC; bit++) {
		pub = key.pub;
		pub.b[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(sign_verify(&pub, bytes_text(message), &sig), ERR_SIGNATURE);
	}
	for (unsigned i = 0; i < sizeof message - 1; i++) {
		message[i] ^= 1;
		assert_int_equal(sign_verify(&key.pub, bytes_text(message), &sig), ERR_SIGNATURE);
		message[i] ^= 1;
	}
	assert_int_equal(sign_verify(&key.pub, BYTES_NONE, &sig), ERR_SIGNATURE);
	sign_key_done(&key);
}

static void a_done_key_is_zero(void **state)
{
	static const struct sign_key zero;
	struct sign_key		     key;
	(void)state;
	sign_key_from_seed(&key, (const uint8_t[SIGN_SEED]){3});
	sign_key_done(&key);
	assert_memory_equal(&key, &zero, sizeof key);
}

static int start(void **state)
{
	(void)state;
	return crypto_start() == ERR_OK ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_signatures),
		cmocka_unit_test(points_of_small_order_are_refused),
		cmocka_unit_test(s_beyond_the_order_is_refused),
		cmocka_unit_test(any_flipped_bit_is_refused),
		cmocka_unit_test(a_done_key_is_zero),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
