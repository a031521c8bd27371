/* crypto_hash.c: SHA-256 as published, and the spring that never gives the same twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crypto/hash.h"
#include "crypto/random.h"
#include "crypto/sign.h"
#include "crypto/spring.h"
#include "vectors.h"

static struct hash hash_repeated(uint64_t count, uint8_t byte)
{
	uint8_t *many = malloc(count);
	assert_non_null(many);
	memset(many, byte, count);
	struct hash h = hash_bytes(bytes_of(many, count));
	free(many);
	return h;
}

static void published_digests(void **state)
{
	static struct vectors v;
	uint8_t		      message[256], byte;
	struct hash	      expected;
	unsigned	      seen = 0;
	(void)state;
	vectors_open(&v, "sha256.txt");
	while (vectors_next(&v)) {
		vectors_exact(v.word[v.n - 1], expected.b, HASH_SIZE);
		struct hash h;
		if (vectors_is(&v, "repeat", 4)) {
			vectors_exact(v.word[2], &byte, 1);
			h = hash_repeated(vectors_number(v.word[1]), byte);
		} else {
			assert_true(vectors_is(&v, "sha256", 3));
			h = hash_bytes(vectors_bytes(v.word[1], message, sizeof message));
		}
		assert_true(hash_equal(&h, &expected));
		seen++;
	}
	assert_int_equal(seen, 5);
}

static void pieces_are_one_message(void **state)
{
	const struct bytes pieces[] = {bytes_text("a"), BYTES_NONE, bytes_text("b"), bytes_text("c")};
	struct hash	   whole = hash_bytes(bytes_text("abc"));
	struct hash	   cut = hash_pieces(pieces, 4);
	struct hash	   less = hash_pieces(pieces, 3);
	(void)state;
	assert_true(hash_equal(&whole, &cut));
	assert_true(hash_equal_secret(&whole, &cut));
	assert_false(hash_equal(&whole, &less));
	cut.b[31] ^= 1;
	assert_false(hash_equal(&whole, &cut));
	assert_false(hash_equal_secret(&whole, &cut));
}

static const uint8_t seed[SPRING_SEED] = {1, 2, 3};

static void one_seed_gives_one_run(void **state)
{
	struct spring a, b;
	uint8_t	      from_a[4096], from_b[4096];
	(void)state;
	spring_init(&a, seed);
	spring_init(&b, seed);
	for (size_t n = 1; n <= 4096; n *= 2) {
		spring_draw(&a, from_a, n);
		spring_draw(&b, from_b, n);
		assert_memory_equal(from_a, from_b, n);
	}
	spring_draw(&a, from_a, 32);
	spring_draw(&a, from_b, 32);
	assert_memory_not_equal(from_a, from_b, 32);
	spring_done(&a);
	spring_done(&b);
}

static void a_draw_replaces_the_key_and_mixing_changes_the_run(void **state)
{
	static const uint8_t zero[SPRING_SEED];
	struct spring	     a, b;
	uint8_t		     before[SPRING_SEED], drawn[32], other[32];
	(void)state;
	spring_init(&a, seed);
	memcpy(before, a.key, sizeof before);
	spring_draw(&a, drawn, 16);
	assert_memory_not_equal(before, a.key, SPRING_SEED);
	assert_memory_not_equal(drawn, a.key, 16);
	b = a;
	spring_mix(&b, seed);
	spring_draw(&a, drawn, 32);
	spring_draw(&b, other, 32);
	assert_memory_not_equal(drawn, other, 32);
	spring_draw(&a, drawn, 0);
	spring_done(&a);
	spring_done(&b);
	assert_memory_equal(a.key, zero, SPRING_SEED);
}

static void the_kernel_gives_different_bytes(void **state)
{
	uint8_t a[32] = {0}, b[32] = {0};
	(void)state;
	random_bytes(a, sizeof a);
	random_bytes(b, sizeof b);
	assert_memory_not_equal(a, b, sizeof a);
}

static int start(void **state)
{
	(void)state;
	return crypto_start() == ERR_OK ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_digests),
		cmocka_unit_test(pieces_are_one_message),
		cmocka_unit_test(one_seed_gives_one_run),
		cmocka_unit_test(a_draw_replaces_the_key_and_mixing_changes_the_run),
		cmocka_unit_test(the_kernel_gives_different_bytes),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
