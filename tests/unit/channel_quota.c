/* Questions per clause and day: days change once, two days are at hand, and nobody's counter is another's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "channel/state.h"

static int begin(void **state)
{
	*state = calloc(1, sizeof(struct channel));
	return *state == NULL;
}

static int end(void **state)
{
	free(*state);
	return 0;
}

/* Counting says how many there were before, and looking changes nothing. */
static void it_counts(void **state)
{
	struct channel *ch = *state;

	assert_int_equal(quota_used(ch, true, 0, 7, 100), 0);
	for (uint64_t i = 0; i < 5; i++) {
		assert_int_equal(quota_count(ch, true, 0, 7, 100), i);
		assert_int_equal(quota_used(ch, true, 0, 7, 100), i + 1);
		assert_int_equal(quota_used(ch, true, 0, 7, 100), i + 1);
	}
}

/* The direction, the agreement, the clause and the day each have a counter of their own. */
static void counters_are_apart(void **state)
{
	struct channel *ch = *state;

	quota_count(ch, true, 0, 7, 100);
	assert_int_equal(quota_used(ch, false, 0, 7, 100), 0);
	assert_int_equal(quota_used(ch, true, 1, 7, 100), 0);
	assert_int_equal(quota_used(ch, true, 0, 8, 100), 0);
	assert_int_equal(quota_used(ch, true, 0, 7, 101), 0);
	assert_int_equal(quota_used(ch, true, 0, 7, 100), 1);
}

/* Yesterday is still counted while clocks differ by minutes; the day before it is not. */
static void two_days_are_at_hand(void **state)
{
	struct channel *ch = *state;

	for (int i = 0; i < 3; i++)
		quota_count(ch, false, 0, 7, 100);
	assert_int_equal(quota_count(ch, false, 0, 7, 101), 0);
	assert_int_equal(quota_count(ch, false, 0, 7, 100), 3);
	assert_int_equal(quota_used(ch, false, 0, 7, 100), 4);
	assert_int_equal(quota_used(ch, false, 0, 7, 101), 1);
	assert_int_equal(quota_count(ch, false, 0, 7, 102), 0);
	assert_int_equal(quota_used(ch, false, 0, 7, 101), 1);
	/* A day that nobody counts any more is used up. */
	assert_true(quota_count(ch, false, 0, 7, 100) == UINT64_MAX);
	assert_int_equal(quota_used(ch, false, 0, 7, 102), 1);
}

/* What a ledger remembers is what counting would have given, told in any order of days that a start may tell. */
static void recalled_like_counted(void **state)
{
	struct channel *ch = *state;

	quota_recall(ch, true, 0, 7, 100, 12);
	quota_recall(ch, true, 0, 7, 101, 3);
	quota_recall(ch, true, 0, 7, 100, 12);
	assert_int_equal(quota_used(ch, true, 0, 7, 100), 12);
	assert_int_equal(quota_count(ch, true, 0, 7, 101), 3);
	assert_int_equal(quota_used(ch, true, 0, 7, 101), 4);
}

/* More clauses than there is room for: nothing more is permitted where a limit is agreed, and the others go on. */
static void counters_have_a_limit(void **state)
{
	struct channel *ch = *state;

	for (unsigned i = 0; i < QUOTAS_MOST; i++)
		assert_int_equal(quota_count(ch, true, (int)(i / 100), (uint16_t)(i % 100), 100), 0);
	assert_true(quota_count(ch, false, 0, 1, 100) == UINT64_MAX);
	assert_int_equal(quota_count(ch, true, 0, 1, 100), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_counts, begin, end),
		cmocka_unit_test_setup_teardown(counters_are_apart, begin, end),
		cmocka_unit_test_setup_teardown(two_days_are_at_hand, begin, end),
		cmocka_unit_test_setup_teardown(recalled_like_counted, begin, end),
		cmocka_unit_test_setup_teardown(counters_have_a_limit, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
