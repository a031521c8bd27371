/* tree_merkle.c: roots and proofs as published, then every proof of every small tree, whole and tampered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tree/merkle.h"
#include "vectors.h"

#define LEAVES 300
#define SMALL  64

static struct hash leaves[LEAVES];
static struct hash published[16];
static struct hash published_root[16];

static void proof_words(const struct vectors *v, int at, struct proof *out)
{
	out->n = 0;
	for (int i = at; i < v->n && strcmp(v->word[i], "-") != 0; i++)
		vectors_exact(v->word[i], out->at[out->n++].b, HASH_SIZE);
}

static void proof_equal(const struct proof *a, const struct proof *b)
{
	assert_int_equal(a->n, b->n);
	for (unsigned i = 0; i < a->n; i++)
		assert_true(hash_equal(&a->at[i], &b->at[i]));
}

static void leaf_line(const struct vectors *v, unsigned at)
{
	uint8_t	    entry[64];
	struct hash expected;
	assert_true(at < COUNT_OF(published));
	published[at] = leaf_hash(vectors_bytes(v->word[1], entry, sizeof entry));
	vectors_exact(v->word[2], expected.b, HASH_SIZE);
	assert_true(hash_equal(&published[at], &expected));
}

static void root_line(const struct vectors *v)
{
	struct hash expected;
	uint64_t    size = vectors_number(v->word[1]);
	vectors_exact(v->word[2], expected.b, HASH_SIZE);
	published_root[size] = tree_root(published, size);
	assert_true(hash_equal(&published_root[size], &expected));
}

static void inclusion_line(const struct vectors *v)
{
	struct proof expected, made;
	uint64_t     index = vectors_number(v->word[1]), size = vectors_number(v->word[2]);
	proof_words(v, 3, &expected);
	inclusion_prove(published, size, index, &made);
	proof_equal(&made, &expected);
	assert_int_equal(inclusion_verify(&published[index], index, size, &expected, &published_root[size]), ERR_OK);
}

static void consistency_line(const struct vectors *v)
{
	struct proof expected, made;
	uint64_t     first = vectors_number(v->word[1]), second = vectors_number(v->word[2]);
	proof_words(v, 3, &expected);
	consistency_prove(published, second, first, &made);
	proof_equal(&made, &expected);
	assert_int_equal(consistency_verify(first, &published_root[first], second, &published_root[second], &expected), ERR_OK);
}

static void the_published_tree(void **state)
{
	static struct vectors v;
	unsigned	      n = 0, roots = 0, inclusions = 0, consistencies = 0;
	(void)state;
	vectors_open(&v, "rfc6962.txt");
	while (vectors_next(&v)) {
		if (vectors_is(&v, "leaf", 3))
			leaf_line(&v, n++);
		else if (vectors_is(&v, "root", 3))
			root_line(&v), roots++;
		else if (vectors_is(&v, "inclusion", 4))
			inclusion_line(&v), inclusions++;
		else if (vectors_is(&v, "consistency", 4))
			consistency_line(&v), consistencies++;
		else
			fail_msg("unknown line %s", v.word[0]);
	}
	assert_int_equal(n, 8);
	assert_int_equal(roots, 9);
	assert_int_equal(inclusions, 5);
	assert_int_equal(consistencies, 7);
}

static void the_frontier_is_the_tree(void **state)
{
	struct frontier f;
	(void)state;
	frontier_init(&f);
	for (unsigned n = 0;; n++) {
		struct hash a = frontier_root(&f), b = tree_root(leaves, n);
		assert_true(hash_equal(&a, &b));
		assert_int_equal(f.size, n);
		if (n == LEAVES)
			break;
		frontier_add(&f, &leaves[n]);
	}
}

static void a_stored_frontier_goes_on(void **state)
{
	(void)state;
	for (unsigned n = 0; n < SMALL; n++) {
		uint8_t		room[8 + 64 * HASH_SIZE];
		struct frontier f, read;
		frontier_init(&f);
		for (unsigned i = 0; i < n; i++)
			frontier_add(&f, &leaves[i]);
		struct builder b = builder_on(room, sizeof room);
		frontier_write(&b, &f);
		assert_int_equal(b.n, 8 + HASH_SIZE * (unsigned)__builtin_popcount(n));
		struct cursor c = cursor_on(builder_bytes(&b));
		frontier_read(&c, &read);
		assert_int_equal(cursor_end(&c), ERR_OK);
		frontier_add(&read, &leaves[n]);
		struct hash on = frontier_root(&read), whole = tree_root(leaves, n + 1);
		assert_true(hash_equal(&on, &whole));
	}
}

static void a_cut_frontier_is_refused(void **state)
{
	uint8_t		room[8 + 64 * HASH_SIZE];
	struct frontier f, read;
	(void)state;
	frontier_init(&f);
	for (unsigned i = 0; i < 7; i++)
		frontier_add(&f, &leaves[i]);
	struct builder b = builder_on(room, sizeof room);
	frontier_write(&b, &f);
	for (size_t n = 0; n < b.n; n++) {
		struct cursor c = cursor_on(bytes_of(room, n));
		read.size = 4711;
		frontier_read(&c, &read);
		assert_int_equal(cursor_end(&c), ERR_SHORT);
		assert_true(read.size == 4711);
	}
	room[7] = 3; /* fewer hashes than stand there */
	struct cursor c = cursor_on(builder_bytes(&b));
	frontier_read(&c, &read);
	assert_int_equal(cursor_end(&c), ERR_TRAILING);
}

/* One hash more, one less, one swapped, one bit flipped: each is refused. */
static void inclusion_tampered(uint64_t i, uint64_t n, const struct proof *good, const struct hash *root)
{
	struct proof bad = *good;
	struct hash  other = leaves[i];
	unsigned     bit = (unsigned)(i * 37 + n * 11) % 256;
	bad.at[bad.n++] = leaves[0];
	assert_int_equal(inclusion_verify(&leaves[i], i, n, &bad, root), ERR_PROOF);
	if (good->n > 0) {
		bad = *good;
		bad.n--;
		assert_int_equal(inclusion_verify(&leaves[i], i, n, &bad, root), ERR_PROOF);
	}
	for (unsigned k = 0; k < good->n; k++) {
		bad = *good;
		bad.at[k].b[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(inclusion_verify(&leaves[i], i, n, &bad, root), ERR_PROOF);
	}
	other.b[bit / 8] ^= (uint8_t)(1u << bit % 8);
	assert_int_equal(inclusion_verify(&other, i, n, good, root), ERR_PROOF);
	other = *root;
	other.b[bit / 8] ^= (uint8_t)(1u << bit % 8);
	assert_int_equal(inclusion_verify(&leaves[i], i, n, good, &other), ERR_PROOF);
	assert_int_equal(inclusion_verify(&leaves[i], i + n, n, good, root), ERR_PROOF);
	if (n > 1)
		assert_int_equal(inclusion_verify(&leaves[i], (i + 1) % n, n, good, root), ERR_PROOF);
}

static void every_inclusion_of_small_trees(void **state)
{
	(void)state;
	for (uint64_t n = 1; n <= SMALL; n++) {
		struct hash root = tree_root(leaves, n);
		for (uint64_t i = 0; i < n; i++) {
			struct proof p;
			inclusion_prove(leaves, n, i, &p);
			assert_int_equal(inclusion_verify(&leaves[i], i, n, &p, &root), ERR_OK);
			inclusion_tampered(i, n, &p, &root);
		}
	}
}

/* A path says nothing about a place whose path has another length, even where the hashes would lead to the root. */
static void a_path_fits_places_of_its_length_only(void **state)
{
	(void)state;
	for (uint64_t n = 1; n <= 17; n++) {
		struct hash root = tree_root(leaves, n);
		for (uint64_t other = 1; other <= 40; other++) {
			for (uint64_t i = 0; i < n * other; i++) {
				struct proof p, fitting;
				inclusion_prove(leaves, n, i % n, &p);
				inclusion_prove(leaves, other, i % other, &fitting);
				if (p.n != fitting.n)
					assert_int_equal(inclusion_verify(&leaves[i % n], i % other, other, &p, &root), ERR_PROOF);
			}
		}
	}
}

static void consistency_tampered(uint64_t m, const struct hash *first, uint64_t n, const struct hash *second, const struct proof *good)
{
	struct proof bad = *good;
	struct hash  other;
	unsigned     bit = (unsigned)(m * 37 + n * 11) % 256;
	bad.at[bad.n++] = leaves[0];
	assert_int_equal(consistency_verify(m, first, n, second, &bad), ERR_PROOF);
	if (good->n > 0) {
		bad = *good;
		bad.n--;
		assert_int_equal(consistency_verify(m, first, n, second, &bad), ERR_PROOF);
	}
	for (unsigned k = 0; k < good->n; k++) {
		bad = *good;
		bad.at[k].b[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(consistency_verify(m, first, n, second, &bad), ERR_PROOF);
	}
	other = *first;
	other.b[bit / 8] ^= (uint8_t)(1u << bit % 8);
	assert_int_equal(consistency_verify(m, &other, n, second, good), ERR_PROOF);
	other = *second;
	other.b[bit / 8] ^= (uint8_t)(1u << bit % 8);
	assert_int_equal(consistency_verify(m, first, n, &other, good), ERR_PROOF);
	if (m != n)
		assert_int_equal(consistency_verify(n, second, m, first, good), ERR_PROOF);
}

static void every_consistency_of_small_trees(void **state)
{
	(void)state;
	for (uint64_t n = 1; n <= SMALL; n++) {
		struct hash second = tree_root(leaves, n);
		for (uint64_t m = 1; m <= n; m++) {
			struct hash  first = tree_root(leaves, m);
			struct proof p;
			consistency_prove(leaves, n, m, &p);
			assert_int_equal(consistency_verify(m, &first, n, &second, &p), ERR_OK);
			consistency_tampered(m, &first, n, &second, &p);
		}
	}
}

static void every_bit_of_one_proof(void **state)
{
	struct hash  root = tree_root(leaves, 13), first = tree_root(leaves, 11);
	struct proof in, con;
	(void)state;
	inclusion_prove(leaves, 13, 6, &in);
	consistency_prove(leaves, 13, 11, &con);
	for (unsigned bit = 0; bit < in.n * 256; bit++) {
		struct proof bad = in;
		bad.at[bit / 256].b[bit % 256 / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(inclusion_verify(&leaves[6], 6, 13, &bad, &root), ERR_PROOF);
	}
	for (unsigned bit = 0; bit < con.n * 256; bit++) {
		struct proof bad = con;
		bad.at[bit / 256].b[bit % 256 / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(consistency_verify(11, &first, 13, &root, &bad), ERR_PROOF);
	}
}

/* The empty tree is the beginning of every tree: no hash proves it, and only the true empty root is taken. */
static void from_nothing(void **state)
{
	struct hash  empty = tree_root(leaves, 0), root = tree_root(leaves, 5);
	struct proof none = {.n = 0}, some = {.n = 1};
	(void)state;
	assert_int_equal(consistency_verify(0, &empty, 5, &root, &none), ERR_OK);
	assert_int_equal(consistency_verify(0, &empty, 0, &empty, &none), ERR_OK);
	assert_int_equal(consistency_verify(0, &empty, 0, &root, &none), ERR_PROOF);
	assert_int_equal(consistency_verify(0, &root, 5, &root, &none), ERR_PROOF);
	assert_int_equal(consistency_verify(0, &empty, 5, &root, &some), ERR_PROOF);
	assert_int_equal(inclusion_verify(&leaves[0], 0, 0, &none, &empty), ERR_PROOF);
	some.n = PROOF_MOST + 1;
	assert_int_equal(inclusion_verify(&leaves[0], 0, 5, &some, &root), ERR_PROOF);
	assert_int_equal(consistency_verify(1, &leaves[0], 5, &root, &some), ERR_PROOF);
}

/* Sizes as large as numbers go must end, and be refused. */
static void the_largest_sizes(void **state)
{
	struct proof p = {.n = PROOF_MOST};
	struct hash  root = leaves[0];
	(void)state;
	memset(p.at, 0x11, sizeof p.at);
	assert_int_equal(inclusion_verify(&leaves[0], UINT64_MAX - 1, UINT64_MAX, &p, &root), ERR_PROOF);
	assert_int_equal(inclusion_verify(&leaves[0], 0, UINT64_MAX, &p, &root), ERR_PROOF);
	assert_int_equal(consistency_verify(UINT64_MAX - 1, &root, UINT64_MAX, &root, &p), ERR_PROOF);
	assert_int_equal(consistency_verify(UINT64_C(1) << 63, &root, UINT64_MAX, &root, &p), ERR_PROOF);
}

static int plant(void **state)
{
	(void)state;
	for (unsigned i = 0; i < LEAVES; i++) {
		const uint8_t entry[2] = {(uint8_t)(i >> 8), (uint8_t)i};
		leaves[i] = leaf_hash(bytes_of(entry, sizeof entry));
	}
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_published_tree),
		cmocka_unit_test(the_frontier_is_the_tree),
		cmocka_unit_test(a_stored_frontier_goes_on),
		cmocka_unit_test(a_cut_frontier_is_refused),
		cmocka_unit_test(every_inclusion_of_small_trees),
		cmocka_unit_test(a_path_fits_places_of_its_length_only),
		cmocka_unit_test(every_consistency_of_small_trees),
		cmocka_unit_test(every_bit_of_one_proof),
		cmocka_unit_test(from_nothing),
		cmocka_unit_test(the_largest_sizes),
	};
	return cmocka_run_group_tests(tests, plant, NULL);
}
