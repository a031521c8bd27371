/* The keeper as a struct: what it signs, and all that it refuses to sign. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/keeper.h"
#include "rings.h"

#define NOW 1790000000u

static struct sign_key log_key, receipt_key, other_key;
static uint8_t	       message[64 << 10];
static struct builder  out;

static int start(void **state unused_arg)
{
	static const uint8_t seeds[3][SIGN_SEED] = {{1}, {2}, {3}};

	if (crypto_start())
		return -1;
	sign_key_from_seed(&log_key, seeds[0]);
	sign_key_from_seed(&receipt_key, seeds[1]);
	sign_key_from_seed(&other_key, seeds[2]);
	return 0;
}

static int setup(void **state)
{
	*state = keeper_new("north.example", &log_key, &receipt_key);
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	keeper_free(*state);
	return 0;
}

/* ---- messages ---- */

static void begin(uint32_t handle)
{
	out = builder_on(message, sizeof message);
	build_u32(&out, handle);
}

static struct keeper_reply say_at(struct keeper *k, uint8_t type, uint64_t now_s)
{
	struct keeper_reply r;

	assert_int_equal(out.err, ERR_OK);
	keeper_handle(k, type, builder_bytes(&out), now_s, &r);
	return r;
}

static struct keeper_reply say(struct keeper *k, uint8_t type)
{
	return say_at(k, type, NOW);
}

static void build_leaves(uint64_t from, uint32_t n, uint8_t kind)
{
	build_u32(&out, n);
	for (uint64_t i = from; i < from + n; i++) {
		uint8_t	    entry[] = {kind, (uint8_t)(i >> 8), (uint8_t)i};
		struct hash leaf = leaf_hash(bytes_of(entry, sizeof entry));
		build_copy(&out, leaf.b, sizeof leaf.b);
	}
}

static struct hash root_of(uint64_t n, uint8_t kind)
{
	struct frontier f;

	frontier_init(&f);
	for (uint64_t i = 0; i < n; i++) {
		uint8_t	    entry[] = {kind, (uint8_t)(i >> 8), (uint8_t)i};
		struct hash leaf = leaf_hash(bytes_of(entry, sizeof entry));
		frontier_add(&f, &leaf);
	}
	return frontier_root(&f);
}

static struct keeper_reply say_open(struct keeper *k, uint32_t handle, const char *author, const char *reader, const char *channel)
{
	begin(handle);
	build_bytes16(&out, bytes_text(author));
	build_bytes16(&out, bytes_text(reader));
	build_bytes16(&out, bytes_text(channel));
	return say(k, KEEPER_OPEN);
}

static struct keeper_reply say_sign(struct keeper *k, uint32_t handle, uint64_t from, uint32_t n)
{
	begin(handle);
	build_leaves(from, n, 'e');
	return say(k, KEEPER_SIGN);
}

#define PEER_ORIGIN "south.example/mithaq/north.example/customs/000102030405060708090a0b0c0d0e0f"

static struct keeper_reply say_follow(struct keeper *k, uint32_t handle, const char *origin)
{
	begin(handle);
	build_bytes16(&out, bytes_text(origin));
	build_u8(&out, 0);
	return say(k, KEEPER_FOLLOW);
}

static struct keeper_reply say_cosign_at(struct keeper *k, uint32_t handle, uint64_t from, uint32_t n, uint8_t kind, uint64_t now_s)
{
	begin(handle);
	build_leaves(from, n, kind);
	return say_at(k, KEEPER_COSIGN, now_s);
}

static struct keeper_reply say_cosign(struct keeper *k, uint32_t handle, uint64_t from, uint32_t n)
{
	return say_cosign_at(k, handle, from, n, 'p', NOW);
}

/* ---- answers ---- */

static void assert_refused(struct keeper_reply r, uint32_t handle, enum err e)
{
	struct cursor c = cursor_on(bytes_of(r.payload, r.n));

	assert_int_equal(r.type, KEEPER_REFUSED);
	assert_int_equal(cursor_u32(&c), handle);
	assert_int_equal(cursor_u16(&c), e);
	assert_int_equal(cursor_end(&c), ERR_OK);
}

static struct epoch epoch_of(struct keeper_reply r)
{
	struct cursor c = cursor_on(bytes_of(r.payload, r.n));
	struct epoch  epoch;

	assert_int_equal(r.type, KEEPER_OPENED);
	(void)cursor_u32(&c);
	cursor_copy(&c, epoch.b, sizeof epoch.b);
	assert_int_equal(cursor_end(&c), ERR_OK);
	return epoch;
}

static struct checkpoint checkpoint_at(const struct epoch *epoch, uint64_t size)
{
	struct origin	  o = {.author = "north.example", .reader = "south.example", .channel = "customs", .epoch = *epoch};
	struct checkpoint c = {.size = size, .root = root_of(size, 'e')};

	assert_int_equal(origin_write(&o, c.origin), ERR_OK);
	return c;
}

/* The signature is our log key's over exactly this origin, size and root. */
static void assert_signed(struct keeper_reply r, const struct checkpoint *expected)
{
	struct cursor	 c = cursor_on(bytes_of(r.payload, r.n));
	struct hash	 root;
	struct signature signature;

	assert_int_equal(r.type, KEEPER_SIGNED);
	(void)cursor_u32(&c);
	assert_int_equal(cursor_u64(&c), expected->size);
	cursor_copy(&c, root.b, sizeof root.b);
	cursor_copy(&c, signature.b, sizeof signature.b);
	assert_int_equal(cursor_end(&c), ERR_OK);
	assert_true(hash_equal(&root, &expected->root));
	assert_int_equal(checkpoint_verify(&log_key.pub, expected, &signature), ERR_OK);
	assert_int_equal(checkpoint_verify(&receipt_key.pub, expected, &signature), ERR_SIGNATURE);
}

struct receipt {
	struct checkpoint checkpoint;
	uint64_t	  time_s;
	struct signature  signature;
};

static struct receipt receipt_of(struct keeper_reply r, uint64_t size, uint8_t kind)
{
	struct cursor  c = cursor_on(bytes_of(r.payload, r.n));
	struct receipt got = {.checkpoint = {.origin = PEER_ORIGIN, .size = size, .root = root_of(size, kind)}};
	struct hash    root;

	assert_int_equal(r.type, KEEPER_COSIGNED);
	(void)cursor_u32(&c);
	assert_int_equal(cursor_u64(&c), size);
	cursor_copy(&c, root.b, sizeof root.b);
	got.time_s = cursor_u64(&c);
	cursor_copy(&c, got.signature.b, sizeof got.signature.b);
	assert_int_equal(cursor_end(&c), ERR_OK);
	assert_true(hash_equal(&root, &got.checkpoint.root));
	assert_int_equal(receipt_verify(&receipt_key.pub, &got.checkpoint, got.time_s, &got.signature), ERR_OK);
	return got;
}

static void build_follow_from(uint32_t handle, const struct receipt *r, uint8_t kind)
{
	struct frontier f;

	frontier_init(&f);
	for (uint64_t i = 0; i < r->checkpoint.size; i++) {
		uint8_t	    entry[] = {kind, (uint8_t)(i >> 8), (uint8_t)i};
		struct hash leaf = leaf_hash(bytes_of(entry, sizeof entry));
		frontier_add(&f, &leaf);
	}
	begin(handle);
	build_bytes16(&out, bytes_text(r->checkpoint.origin));
	build_u8(&out, 1);
	build_u64(&out, r->time_s);
	build_copy(&out, r->signature.b, sizeof r->signature.b);
	frontier_write(&out, &f);
}

/* ---- our own logs ---- */

static void test_extensions_are_signed(void **state)
{
	struct epoch	  epoch = epoch_of(say_open(*state, 5, "north.example", "south.example", "customs"));
	struct checkpoint three = checkpoint_at(&epoch, 3), eight = checkpoint_at(&epoch, 8);

	assert_signed(say_sign(*state, 5, 0, 3), &three);
	assert_signed(say_sign(*state, 5, 3, 5), &eight);
}

static void test_every_opening_has_an_epoch_of_its_own(void **state)
{
	struct epoch a = epoch_of(say_open(*state, 1, "north.example", "south.example", "customs"));
	struct epoch b = epoch_of(say_open(*state, 2, "north.example", "south.example", "customs"));

	assert_memory_not_equal(a.b, b.b, sizeof a.b);
}

static void test_an_origin_of_another_life_is_never_signed(void **state)
{
	(void)epoch_of(say_open(*state, 1, "north.example", "south.example", "customs"));
	assert_int_equal(say_sign(*state, 1, 0, 3).type, KEEPER_SIGNED);
	struct keeper *next = keeper_new("north.example", &log_key, &receipt_key);
	assert_refused(say_sign(next, 1, 3, 1), 1, ERR_OLD_ORIGIN);
	keeper_free(next);
}

static void test_a_handle_never_opened_is_refused(void **state)
{
	assert_refused(say_sign(*state, 9, 0, 1), 9, ERR_OLD_ORIGIN);
	assert_refused(say_cosign(*state, 9, 0, 1), 9, ERR_OLD_ORIGIN);
}

static void test_opening_again_forgets_the_old_origin(void **state)
{
	struct epoch first = epoch_of(say_open(*state, 1, "north.example", "south.example", "customs"));

	assert_int_equal(say_sign(*state, 1, 0, 3).type, KEEPER_SIGNED);
	struct epoch second = epoch_of(say_open(*state, 1, "north.example", "south.example", "customs"));
	assert_memory_not_equal(first.b, second.b, sizeof first.b);
	struct checkpoint one = checkpoint_at(&second, 1); /* and not checkpoint 4 of the first */
	assert_signed(say_sign(*state, 1, 0, 1), &one);
}

static void test_no_size_is_signed_twice(void **state)
{
	(void)epoch_of(say_open(*state, 1, "north.example", "south.example", "customs"));
	assert_refused(say_sign(*state, 1, 0, 0), 1, ERR_NOT_EXTENSION);
	assert_int_equal(say_sign(*state, 1, 0, 3).type, KEEPER_SIGNED);
	assert_refused(say_sign(*state, 1, 3, 0), 1, ERR_NOT_EXTENSION);
}

static void test_only_our_own_logs_are_opened(void **state)
{
	assert_refused(say_open(*state, 1, "south.example", "north.example", "customs"), 1, ERR_VALUE);
	assert_refused(say_open(*state, 1, "north.example", "north.example", "customs"), 1, ERR_VALUE);
	assert_refused(say_open(*state, 1, "north.example", "South", "customs"), 1, ERR_VALUE);
	assert_refused(say_open(*state, 1, "north.example", "south.example", "a/b"), 1, ERR_VALUE);
	assert_refused(say_sign(*state, 1, 0, 1), 1, ERR_OLD_ORIGIN);
}

/* ---- partners' logs ---- */

static void test_a_partners_log_is_followed_from_nothing(void **state)
{
	assert_int_equal(say_follow(*state, 7, PEER_ORIGIN).type, 0);
	(void)receipt_of(say_cosign(*state, 7, 0, 4), 4, 'p');
	(void)receipt_of(say_cosign(*state, 7, 4, 3), 7, 'p');
	(void)receipt_of(say_cosign(*state, 7, 7, 0), 7, 'p'); /* the same receipt again is no other root */
}

static void test_a_partners_log_goes_on_from_our_receipt(void **state)
{
	assert_int_equal(say_follow(*state, 7, PEER_ORIGIN).type, 0);
	struct receipt four = receipt_of(say_cosign(*state, 7, 0, 4), 4, 'p');
	struct keeper *next = keeper_new("north.example", &log_key, &receipt_key);

	build_follow_from(7, &four, 'p');
	assert_int_equal(say(next, KEEPER_FOLLOW).type, 0);
	(void)receipt_of(say_cosign(next, 7, 4, 3), 7, 'p');
	keeper_free(next);
}

/* A key that an earlier card of ours named receipted four; another key receipts on. */
static void test_a_new_receipt_key_goes_on_from_a_receipt_by_the_old_one(void **state)
{
	struct ring_of_one ring;

	assert_int_equal(say_follow(*state, 7, PEER_ORIGIN).type, 0);
	struct receipt four = receipt_of(say_cosign(*state, 7, 0, 4), 4, 'p');
	struct keeper *next = keeper_new("north.example", &log_key, &other_key);

	build_follow_from(7, &four, 'p');
	assert_refused(say(next, KEEPER_FOLLOW), 7, ERR_SIGNATURE); /* no card of ours says so */
	keeper_cards(next, ring_make(&ring, &log_key.pub, &log_key.pub));
	assert_refused(say(next, KEEPER_FOLLOW), 7, ERR_SIGNATURE); /* nor this one */
	keeper_cards(next, ring_make(&ring, &log_key.pub, &receipt_key.pub));
	assert_int_equal(say(next, KEEPER_FOLLOW).type, 0);
	assert_int_equal(say_cosign(next, 7, 4, 1).type, KEEPER_COSIGNED);
	keeper_free(next);
}

static void test_a_receipt_that_is_not_ours_is_no_beginning(void **state)
{
	assert_int_equal(say_follow(*state, 7, PEER_ORIGIN).type, 0);
	struct receipt four = receipt_of(say_cosign(*state, 7, 0, 4), 4, 'p'), changed = four;

	build_follow_from(8, &four, 'q'); /* another frontier */
	assert_refused(say(*state, KEEPER_FOLLOW), 8, ERR_SIGNATURE);
	changed.time_s++;
	build_follow_from(8, &changed, 'p');
	assert_refused(say(*state, KEEPER_FOLLOW), 8, ERR_SIGNATURE);
	receipt_sign(&other_key, &four.checkpoint, four.time_s, &changed.signature);
	changed.time_s = four.time_s;
	build_follow_from(8, &changed, 'p');
	assert_refused(say(*state, KEEPER_FOLLOW), 8, ERR_SIGNATURE);
	assert_refused(say_cosign(*state, 8, 4, 1), 8, ERR_OLD_ORIGIN);
	build_follow_from(8, &four, 'p'); /* untouched, it is one */
	assert_int_equal(say(*state, KEEPER_FOLLOW).type, 0);
}

static void test_another_history_of_a_receipted_origin_is_refused(void **state)
{
	assert_int_equal(say_follow(*state, 7, PEER_ORIGIN).type, 0);
	(void)receipt_of(say_cosign(*state, 7, 0, 4), 4, 'p');
	/* The same handle or another, from nothing again: neither less nor other leaves. */
	for (uint32_t handle = 7; handle < 9; handle++) {
		assert_int_equal(say_follow(*state, handle, PEER_ORIGIN).type, 0);
		assert_refused(say_cosign_at(*state, handle, 0, 3, 'p', NOW), handle, ERR_NOT_EXTENSION);
		assert_refused(say_cosign_at(*state, handle, 0, 4, 'x', NOW), handle, ERR_NOT_EXTENSION);
		assert_refused(say_cosign_at(*state, handle, 0, 9, 'x', NOW), handle, ERR_NOT_EXTENSION);
	}
	(void)receipt_of(say_cosign(*state, 8, 0, 9), 9, 'p');
	/* The first handle stands behind now, and passes through 9 only with the root that was receipted. */
	assert_refused(say_cosign_at(*state, 7, 0, 12, 'x', NOW), 7, ERR_NOT_EXTENSION);
	(void)receipt_of(say_cosign(*state, 7, 0, 12), 12, 'p');
}

static void test_a_larger_receipt_of_another_life_cannot_join_a_history(void **state)
{
	struct keeper *earlier = keeper_new("north.example", &log_key, &receipt_key);

	assert_int_equal(say_follow(earlier, 1, PEER_ORIGIN).type, 0);
	struct receipt ten = receipt_of(say_cosign(earlier, 1, 0, 10), 10, 'p');
	keeper_free(earlier);

	assert_int_equal(say_follow(*state, 1, PEER_ORIGIN).type, 0);
	(void)receipt_of(say_cosign_at(*state, 1, 0, 5, 'x', NOW), 5, 'x');
	build_follow_from(2, &ten, 'p');
	assert_refused(say(*state, KEEPER_FOLLOW), 2, ERR_NOT_EXTENSION);
}

static void test_our_own_logs_are_never_cosigned(void **state)
{
	assert_refused(say_follow(*state, 1, "north.example/mithaq/south.example/customs/000102030405060708090a0b0c0d0e0f"), 1, ERR_OLD_ORIGIN);
	assert_refused(say_follow(*state, 1, "south.example/mithaq/east.example/customs/000102030405060708090a0b0c0d0e0f"), 1, ERR_VALUE);
	(void)epoch_of(say_open(*state, 1, "north.example", "south.example", "customs"));
	assert_refused(say_cosign(*state, 1, 0, 1), 1, ERR_OLD_ORIGIN);
	assert_int_equal(say_follow(*state, 2, PEER_ORIGIN).type, 0);
	assert_refused(say_sign(*state, 2, 0, 1), 2, ERR_OLD_ORIGIN); /* nor a partner's log signed */
}

static void test_receipts_never_go_back_in_time(void **state)
{
	assert_int_equal(say_follow(*state, 7, PEER_ORIGIN).type, 0);
	assert_int_equal(receipt_of(say_cosign_at(*state, 7, 0, 1, 'p', NOW), 1, 'p').time_s, NOW);
	assert_int_equal(receipt_of(say_cosign_at(*state, 7, 1, 1, 'p', NOW - 5), 2, 'p').time_s, NOW);
	assert_int_equal(receipt_of(say_cosign_at(*state, 7, 2, 1, 'p', NOW - 86400), 3, 'p').time_s, NOW);
	assert_int_equal(receipt_of(say_cosign_at(*state, 7, 3, 1, 'p', NOW + 9), 4, 'p').time_s, NOW + 9);
}

static void test_an_empty_log_is_not_receipted(void **state)
{
	assert_int_equal(say_follow(*state, 7, PEER_ORIGIN).type, 0);
	assert_refused(say_cosign(*state, 7, 0, 0), 7, ERR_NOT_EXTENSION);
}

/* ---- malformed messages ---- */

static void test_every_cut_message_is_refused_and_changes_nothing(void **state)
{
	static const uint8_t types[] = {KEEPER_OPEN, KEEPER_SIGN, KEEPER_FOLLOW, KEEPER_COSIGN};
	struct keeper_reply  r;

	struct epoch epoch = epoch_of(say_open(*state, 1, "north.example", "south.example", "customs"));
	begin(1);
	build_leaves(0, 3, 'e');
	size_t n = out.n;
	for (size_t cut = 0; cut < n; cut++) {
		for (size_t i = 0; i < sizeof types; i++) {
			keeper_handle(*state, types[i], bytes_of(message, cut), NOW, &r);
			assert_int_equal(r.type, KEEPER_REFUSED);
		}
	}
	keeper_handle(*state, KEEPER_SIGN, bytes_of(message, n + 1), NOW, &r); /* one byte too many */
	assert_int_equal(r.type, KEEPER_REFUSED);
	keeper_handle(*state, 99, bytes_of(message, n), NOW, &r);
	assert_refused(r, 1, ERR_PROTOCOL);
	struct checkpoint three = checkpoint_at(&epoch, 3);
	assert_signed(say_sign(*state, 1, 0, 3), &three);
}

static void test_a_count_that_lies_is_refused(void **state)
{
	(void)epoch_of(say_open(*state, 1, "north.example", "south.example", "customs"));
	begin(1);
	build_u32(&out, UINT32_MAX);
	build_zero(&out, HASH_SIZE);
	assert_refused(say(*state, KEEPER_SIGN), 1, ERR_SHORT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_extensions_are_signed),
		TEST(test_every_opening_has_an_epoch_of_its_own),
		TEST(test_an_origin_of_another_life_is_never_signed),
		TEST(test_a_handle_never_opened_is_refused),
		TEST(test_opening_again_forgets_the_old_origin),
		TEST(test_no_size_is_signed_twice),
		TEST(test_only_our_own_logs_are_opened),
		TEST(test_a_partners_log_is_followed_from_nothing),
		TEST(test_a_partners_log_goes_on_from_our_receipt),
		TEST(test_a_new_receipt_key_goes_on_from_a_receipt_by_the_old_one),
		TEST(test_a_receipt_that_is_not_ours_is_no_beginning),
		TEST(test_another_history_of_a_receipted_origin_is_refused),
		TEST(test_a_larger_receipt_of_another_life_cannot_join_a_history),
		TEST(test_our_own_logs_are_never_cosigned),
		TEST(test_receipts_never_go_back_in_time),
		TEST(test_an_empty_log_is_not_receipted),
		TEST(test_every_cut_message_is_refused_and_changes_nothing),
		TEST(test_a_count_that_lies_is_refused),
	};

	return cmocka_run_group_tests_name("gateway/keeper", tests, start, NULL);
}
