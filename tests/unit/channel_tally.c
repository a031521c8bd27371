/* Counting a log per agreement: without gaps, in order, and alike on both sides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "channel/state.h"
#include "wire_help.h"

#define AGREEMENTS 7

static struct hash agreement_of(unsigned i)
{
	struct hash h = {{0}};

	h.b[0] = (uint8_t)(200 - 13 * i); /* not in the order of the numbers */
	h.b[31] = (uint8_t)i;
	return h;
}

/* Any order of messages gives each agreement its own count from 0, rows that ascend, and a tally that reads back the same. */
static void each_agreement_is_counted(void **state)
{
	struct dice    d = {5};
	struct tally   t = {.epoch = {1}}, back;
	uint64_t       count[AGREEMENTS] = {0}, last[AGREEMENTS] = {0};
	uint8_t	       memory[EPOCH_SIZE + TALLY_ROWS_MOST * 48];
	struct builder b = builder_on(memory, sizeof memory);

	(void)state;
	for (uint64_t index = 1; index < 500; index++) {
		unsigned    i = dice_below(&d, AGREEMENTS);
		struct hash a = agreement_of(i);

		assert_int_equal(tally_next(&t, &a), count[i]);
		assert_int_equal(tally_count(&t, &a, count[i], index), ERR_OK);
		count[i]++;
		last[i] = index;
	}
	for (unsigned i = 0; i < AGREEMENTS; i++) {
		struct hash	  a = agreement_of(i);
		struct tally_row *row = tally_find(&t, &a);

		assert_non_null(row);
		assert_int_equal(row->count, count[i]);
		assert_int_equal(row->last, last[i]);
	}
	tally_write(&b, &t);
	assert_int_equal(b.err, ERR_OK);
	assert_int_equal(tally_read(builder_bytes(&b), &back), ERR_OK);
	assert_true(tally_equal(&t, &back));
}

/* A gap, a repetition, or a first message that is not number 0: refused, and nothing is counted. */
static void a_gap_is_refused(void **state)
{
	struct tally t = {.epoch = {1}}, before;
	struct hash  a = agreement_of(0), other = agreement_of(1);

	(void)state;
	assert_int_equal(tally_count(&t, &a, 1, 1), ERR_ORDER);
	assert_int_equal(t.n, 0);
	assert_int_equal(tally_count(&t, &a, 0, 1), ERR_OK);
	before = t;
	assert_int_equal(tally_count(&t, &a, 0, 2), ERR_ORDER);
	assert_int_equal(tally_count(&t, &a, 2, 2), ERR_ORDER);
	assert_int_equal(tally_count(&t, &other, 1, 2), ERR_ORDER);
	assert_true(tally_equal(&t, &before));
	assert_null(tally_find(&t, &other));
}

static void rows_have_a_limit(void **state)
{
	struct tally t = {.epoch = {1}};
	struct hash  a = {{0}};

	(void)state;
	for (unsigned i = 0; i < TALLY_ROWS_MOST; i++) {
		a.b[0] = (uint8_t)i;
		assert_int_equal(tally_count(&t, &a, 0, i + 1), ERR_OK);
	}
	a.b[0] = TALLY_ROWS_MOST;
	assert_int_equal(tally_count(&t, &a, 0, 100), ERR_TOO_LONG);
	a.b[0] = 3;
	assert_int_equal(tally_count(&t, &a, 1, 101), ERR_OK); /* those that have a row go on */
	assert_int_equal(t.n, TALLY_ROWS_MOST);
}

/* Equal in everything, or not equal. */
static void each_difference_counts(void **state)
{
	struct tally t = {.epoch = {1}}, u;
	struct hash  a = agreement_of(0), other = agreement_of(1);

	(void)state;
	assert_int_equal(tally_count(&t, &a, 0, 1), ERR_OK);
	u = t;
	assert_true(tally_equal(&t, &u));
	u.epoch[15] ^= 1;
	assert_false(tally_equal(&t, &u));
	u = t;
	u.row[0].count++;
	assert_false(tally_equal(&t, &u));
	u = t;
	u.row[0].last++;
	assert_false(tally_equal(&t, &u));
	u = t;
	u.row[0].agreement.b[31] ^= 1;
	assert_false(tally_equal(&t, &u));
	u = t;
	assert_int_equal(tally_count(&u, &other, 0, 2), ERR_OK);
	assert_false(tally_equal(&t, &u));
	assert_false(tally_equal(&u, &t));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_agreement_is_counted),
		cmocka_unit_test(a_gap_is_refused),
		cmocka_unit_test(rows_have_a_limit),
		cmocka_unit_test(each_difference_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
