/* base_builder.c: builders never write past their room, buffers never grow past their limit, arenas stop at theirs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/builder.h"
#include "base/cursor.h"

static void what_is_built_is_read_back(void **state)
{
	uint8_t	       room[64];
	struct builder b = builder_on(room, sizeof room);
	(void)state;
	build_u8(&b, 1);
	build_u16(&b, 0x0203);
	build_u32(&b, 0x04050607);
	build_u64(&b, UINT64_C(0x08090a0b0c0d0e0f));
	build_bytes16(&b, bytes_text("ab"));
	build_bytes32(&b, bytes_text("c"));
	build_zero(&b, 2);
	build_format(&b, "%d", 42);
	assert_int_equal(b.err, ERR_OK);

	struct cursor c = cursor_on(builder_bytes(&b));
	assert_int_equal(cursor_u8(&c), 1);
	assert_int_equal(cursor_u16(&c), 0x0203);
	assert_int_equal(cursor_u32(&c), 0x04050607);
	assert_true(cursor_u64(&c) == UINT64_C(0x08090a0b0c0d0e0f));
	assert_true(bytes_is(cursor_take16(&c, 2), "ab"));
	assert_true(bytes_is(cursor_take32(&c, 1), "c"));
	assert_int_equal(cursor_u16(&c), 0);
	assert_true(bytes_is(cursor_rest(&c), "42"));
	assert_int_equal(cursor_end(&c), ERR_OK);
}

static void a_full_builder_stays_failed(void **state)
{
	uint8_t	       room[5] = {0, 0, 0, 0, 0xEE};
	struct builder b = builder_on(room, 4);
	(void)state;
	build_u16(&b, 0x1122);
	build_u32(&b, 0x33445566);
	assert_int_equal(b.err, ERR_NO_SPACE);
	build_u8(&b, 0x77); /* would fit, but the message is broken already */
	build_format(&b, "x");
	assert_null(build_reserve(&b, 1));
	assert_int_equal(b.n, 2);
	assert_int_equal(room[2], 0);
	assert_int_equal(room[4], 0xEE);
}

static void a_prefix_is_written_with_its_bytes_or_not_at_all(void **state)
{
	static const uint8_t many[70000];
	static uint8_t	     room[80000];
	struct builder	     b = builder_on(room, sizeof room);
	(void)state;
	build_bytes16(&b, bytes_of(many, sizeof many));
	assert_int_equal(b.err, ERR_TOO_LONG);
	assert_int_equal(b.n, 0);
	b = builder_on(room, 4);
	build_bytes16(&b, bytes_of(many, 3));
	assert_int_equal(b.err, ERR_NO_SPACE);
	assert_int_equal(b.n, 0);
}

static void a_buffer_grows_to_its_limit(void **state)
{
	struct buffer b = {.most = 1000};
	(void)state;
	for (int i = 0; i < 100; i++)
		assert_int_equal(buffer_add(&b, bytes_text("0123456789")), ERR_OK);
	assert_int_equal(b.n, 1000);
	assert_int_equal(buffer_add(&b, bytes_text("x")), ERR_TOO_LONG);
	assert_int_equal(b.n, 1000);
	buffer_drop(&b, 995);
	assert_true(bytes_is(buffer_bytes(&b), "56789"));
	assert_int_equal(buffer_format(&b, "%s-%d", "ab", 7), ERR_OK);
	assert_true(bytes_is(buffer_bytes(&b), "56789ab-7"));
	buffer_drop(&b, 100);
	assert_int_equal(b.n, 0);
	buffer_done(&b);
	buffer_done(&b);
	assert_int_equal(buffer_add(&b, bytes_text("again")), ERR_OK);
	buffer_done(&b);
}

static void a_buffer_without_a_limit_is_refused(void **state)
{
	struct buffer b = {0};
	(void)state;
	assert_int_equal(buffer_add(&b, bytes_text("x")), ERR_TOO_LONG);
	assert_int_equal(buffer_room(&b, 1), ERR_TOO_LONG);
	assert_null(b.at);
	buffer_done(&b);
}

static void a_format_that_fills_the_limit_fits(void **state)
{
	struct buffer b = {.most = 4};
	(void)state;
	assert_int_equal(buffer_format(&b, "%s", "1234"), ERR_OK);
	assert_int_equal(buffer_format(&b, "%s", "5"), ERR_TOO_LONG);
	assert_true(bytes_is(buffer_bytes(&b), "1234"));
	buffer_done(&b);
}

static void arena_memory_is_zeroed_aligned_and_limited(void **state)
{
	struct arena a;
	(void)state;
	arena_init(&a, 20000);
	for (size_t n = 1; n < 100; n++) {
		uint8_t *piece = arena_take(&a, n);
		assert_non_null(piece);
		assert_int_equal((uintptr_t)piece % _Alignof(max_align_t), 0);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(piece[i], 0);
		memset(piece, 0xFF, n);
	}
	assert_non_null(arena_take(&a, 10000));
	assert_false(a.failed);
	assert_null(arena_take(&a, 10000));
	assert_true(a.failed);
	assert_null(arena_take(&a, 1)); /* stays failed, so one check at the end is enough */
	arena_done(&a);
	arena_done(&a);
	assert_null(arena_take(&a, SIZE_MAX));
	arena_done(&a);
}

static void arena_copies_are_copies(void **state)
{
	struct arena a;
	char	     text[] = "word";
	(void)state;
	arena_init(&a, 1000);
	char	    *kept = arena_text(&a, bytes_text(text));
	struct bytes copy = arena_copy(&a, bytes_text(text));
	text[0] = 'W';
	assert_string_equal(kept, "word");
	assert_true(bytes_is(copy, "word"));
	assert_string_equal(arena_text(&a, BYTES_NONE), "");
	assert_int_equal(arena_copy(&a, BYTES_NONE).n, 0);
	assert_false(a.failed);
	arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_built_is_read_back),
		cmocka_unit_test(a_full_builder_stays_failed),
		cmocka_unit_test(a_prefix_is_written_with_its_bytes_or_not_at_all),
		cmocka_unit_test(a_buffer_grows_to_its_limit),
		cmocka_unit_test(a_buffer_without_a_limit_is_refused),
		cmocka_unit_test(a_format_that_fills_the_limit_fits),
		cmocka_unit_test(arena_memory_is_zeroed_aligned_and_limited),
		cmocka_unit_test(arena_copies_are_copies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
