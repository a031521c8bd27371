/* base_cursor.c: foreign bytes are read in order, and the first failure stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cursor.h"

static void integers_are_big_endian(void **state)
{
	static const uint8_t wire[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
	struct cursor	     c = cursor_on(bytes_of(wire, sizeof wire));
	(void)state;
	assert_int_equal(cursor_u8(&c), 1);
	assert_int_equal(cursor_u16(&c), 0x0203);
	assert_int_equal(cursor_u32(&c), 0x04050607);
	assert_true(cursor_u64(&c) == UINT64_C(0x08090a0b0c0d0e0f));
	assert_int_equal(cursor_end(&c), ERR_OK);
}

static void what_failed_once_stays_failed(void **state)
{
	static const uint8_t wire[] = {1, 2, 3};
	struct cursor	     c = cursor_on(bytes_of(wire, sizeof wire));
	uint8_t		     copy[2] = {9, 9};
	(void)state;
	assert_int_equal(cursor_u32(&c), 0);
	assert_int_equal(cursor_err(&c), ERR_SHORT);
	/* Three bytes are there, and yet nothing is given out any more. */
	assert_int_equal(cursor_u8(&c), 0);
	assert_int_equal(cursor_take(&c, 1).n, 0);
	assert_int_equal(cursor_rest(&c).n, 0);
	assert_int_equal(cursor_line(&c).n, 0);
	assert_int_equal(cursor_left(&c), 0);
	cursor_copy(&c, copy, 2);
	assert_int_equal(copy[0] + copy[1], 0);
	cursor_fail(&c, ERR_VALUE);
	assert_int_equal(cursor_end(&c), ERR_SHORT);
}

static void the_first_failure_is_the_one_told(void **state)
{
	struct cursor c = cursor_on(bytes_text("ab"));
	(void)state;
	cursor_fail(&c, ERR_VALUE);
	assert_int_equal(cursor_u32(&c), 0);
	cursor_fail(&c, ERR_KEY);
	assert_int_equal(cursor_end(&c), ERR_VALUE);
}

static void bytes_after_the_end_are_told(void **state)
{
	struct cursor c = cursor_on(bytes_text("ab"));
	(void)state;
	assert_int_equal(cursor_u8(&c), 'a');
	assert_int_equal(cursor_end(&c), ERR_TRAILING);
	assert_int_equal(cursor_err(&c), ERR_OK);
	assert_true(bytes_is(cursor_rest(&c), "b"));
	assert_int_equal(cursor_end(&c), ERR_OK);
}

static void a_length_is_held_to_its_limit(void **state)
{
	static const uint8_t wire[] = {0, 3, 'a', 'b', 'c'};
	static const uint8_t wide[] = {0, 0, 0, 1, 'x'};
	struct cursor	     c = cursor_on(bytes_of(wire, sizeof wire));
	(void)state;
	assert_true(bytes_is(cursor_take16(&c, 3), "abc"));
	assert_int_equal(cursor_end(&c), ERR_OK);
	c = cursor_on(bytes_of(wire, sizeof wire));
	assert_int_equal(cursor_take16(&c, 2).n, 0);
	assert_int_equal(cursor_end(&c), ERR_TOO_LONG);
	c = cursor_on(bytes_of(wire, 4));
	assert_int_equal(cursor_take16(&c, 3).n, 0);
	assert_int_equal(cursor_end(&c), ERR_SHORT);
	c = cursor_on(bytes_of(wide, sizeof wide));
	assert_true(bytes_is(cursor_take32(&c, 1), "x"));
	assert_int_equal(cursor_end(&c), ERR_OK);
}

static void lines_need_their_end(void **state)
{
	struct cursor c = cursor_on(bytes_text("one\n\ntail"));
	(void)state;
	assert_true(bytes_is(cursor_line(&c), "one"));
	assert_int_equal(cursor_line(&c).n, 0);
	assert_int_equal(cursor_err(&c), ERR_OK);
	assert_int_equal(cursor_line(&c).n, 0);
	assert_int_equal(cursor_err(&c), ERR_SHORT);
}

static void nothing_can_be_read_from_nothing(void **state)
{
	struct cursor c = cursor_on(BYTES_NONE);
	(void)state;
	assert_int_equal(cursor_take(&c, 0).n, 0);
	assert_int_equal(cursor_rest(&c).n, 0);
	assert_int_equal(cursor_end(&c), ERR_OK);
	assert_int_equal(cursor_u8(&c), 0);
	assert_int_equal(cursor_end(&c), ERR_SHORT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_are_big_endian),	     cmocka_unit_test(what_failed_once_stays_failed),
		cmocka_unit_test(the_first_failure_is_the_one_told), cmocka_unit_test(bytes_after_the_end_are_told),
		cmocka_unit_test(a_length_is_held_to_its_limit),     cmocka_unit_test(lines_need_their_end),
		cmocka_unit_test(nothing_can_be_read_from_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
