/* tree_commit.c: commitments agree with the vectors, and nothing about a part can change without showing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tree/commit.h"
#include "vectors.h"

#define PART_MOST (4u << 20)

/* Byte i of a vector's part, as commit.txt describes it. */
static void part_fill(uint8_t *at, size_t n)
{
	for (size_t i = 0; i < n; i++)
		at[i] = (uint8_t)(7 * i + i / 256);
}

static void header_line(const struct vectors *v)
{
	struct salt salt;
	struct hash commitment, leaf;
	uint8_t	    header[64];
	vectors_exact(v->word[1], salt.b, SALT_SIZE);
	struct bytes h = vectors_bytes(v->word[2], header, sizeof header);
	vectors_exact(v->word[3], commitment.b, HASH_SIZE);
	vectors_exact(v->word[4], leaf.b, HASH_SIZE);
	struct hash made = header_commit(&salt, h);
	assert_true(hash_equal(&made, &commitment));
	made = entry_leaf(&commitment);
	assert_true(hash_equal(&made, &leaf));
	salt.b[31] ^= 1;
	made = header_commit(&salt, h);
	assert_false(hash_equal(&made, &commitment));
}

static void part_line(const struct vectors *v, uint8_t *part)
{
	struct salt salt;
	struct hash commitment;
	uint64_t    n = vectors_number(v->word[2]);
	assert_true(n < PART_MOST);
	vectors_exact(v->word[1], salt.b, SALT_SIZE);
	vectors_exact(v->word[3], commitment.b, HASH_SIZE);
	part_fill(part, n + 1);
	struct hash made = part_commit(&salt, bytes_of(part, n));
	assert_true(hash_equal(&made, &commitment));

	made = part_commit(&salt, bytes_of(part, n + 1));
	assert_false(hash_equal(&made, &commitment));
	if (n == 0)
		return;
	part[n - 1] ^= 0x80;
	made = part_commit(&salt, bytes_of(part, n));
	assert_false(hash_equal(&made, &commitment));
}

static void commitments_agree_with_the_vectors(void **state)
{
	static struct vectors v;
	unsigned	      headers = 0, parts = 0;
	uint8_t		     *part = malloc(PART_MOST);
	(void)state;
	assert_non_null(part);
	vectors_open(&v, "commit.txt");
	while (vectors_next(&v)) {
		if (vectors_is(&v, "header", 5)) {
			header_line(&v);
			headers++;
		} else {
			assert_true(vectors_is(&v, "part", 4));
			part_line(&v, part);
			parts++;
		}
	}
	free(part);
	assert_int_equal(headers, 1);
	assert_int_equal(parts, 7);
}

/* A part of zeros one block long must not look like a part of another length. */
static void the_length_is_committed(void **state)
{
	static const uint8_t zeros[64];
	struct salt	     salt = {{1}};
	(void)state;
	struct hash before = part_commit(&salt, BYTES_NONE);
	for (size_t n = 1; n <= sizeof zeros; n++) {
		struct hash h = part_commit(&salt, bytes_of(zeros, n));
		assert_false(hash_equal(&h, &before));
		before = h;
	}
}

/* The same bytes as header and as part never give one commitment. */
static void kinds_do_not_mix(void **state)
{
	struct salt salt = {{2}};
	struct hash header = header_commit(&salt, bytes_text("words"));
	struct hash part = part_commit(&salt, bytes_text("words"));
	struct hash leaf = entry_leaf(&header);
	(void)state;
	assert_false(hash_equal(&header, &part));
	assert_false(hash_equal(&header, &leaf));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commitments_agree_with_the_vectors),
		cmocka_unit_test(the_length_is_committed),
		cmocka_unit_test(kinds_do_not_mix),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
