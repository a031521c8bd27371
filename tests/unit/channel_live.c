/* Open questions: found by mid, by place and by number, up to the limit; a slot that was used again does not answer to its old name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "channel/state.h"

static const uint8_t seed[16] = {4, 5, 6};

static void mid_of(unsigned i, uint8_t mid[MID_SIZE])
{
	memset(mid, 0, MID_SIZE);
	mid[14] = (uint8_t)(i >> 8);
	mid[15] = (uint8_t)i;
}

static struct live *add(struct live_set *s, unsigned i)
{
	struct place at = {.epoch = {{7}}, .index = i};
	uint8_t	     mid[MID_SIZE];

	mid_of(i, mid);
	return live_add(s, mid, &at);
}

static struct live *by_place(struct live_set *s, unsigned i)
{
	struct place at = {.epoch = {{7}}, .index = i};

	return live_by_place(s, &at);
}

static struct live *by_mid(struct live_set *s, unsigned i)
{
	uint8_t mid[MID_SIZE];

	mid_of(i, mid);
	return live_by_mid(s, mid);
}

static void found_by_every_name(void **state)
{
	struct live_set s = {0};

	(void)state;
	assert_int_equal(live_init(&s, seed), ERR_OK);
	struct live *l = add(&s, 300);
	assert_non_null(l);
	assert_ptr_equal(by_mid(&s, 300), l);
	assert_ptr_equal(by_place(&s, 300), l);
	assert_ptr_equal(live_by_number(&s, live_number(&s, l), l->generation), l);
	assert_null(by_mid(&s, 301));
	assert_null(by_place(&s, 301));
	assert_null(live_by_number(&s, live_number(&s, l), l->generation + 1));
	assert_null(live_by_number(&s, CHANNEL_LIVE_MOST, 0));
	live_done(&s);
}

/* A second one with the same mid, or at the same place, is refused and changes nothing. */
static void a_double_is_refused(void **state)
{
	struct live_set s = {0};
	struct place	elsewhere = {.epoch = {{8}}, .index = 300}, same = {.epoch = {{7}}, .index = 300};
	uint8_t		mid[MID_SIZE], other[MID_SIZE];

	(void)state;
	assert_int_equal(live_init(&s, seed), ERR_OK);
	struct live *l = add(&s, 300);
	mid_of(300, mid);
	mid_of(301, other);
	assert_null(live_add(&s, mid, &elsewhere));
	assert_null(live_add(&s, other, &same));
	assert_int_equal(s.n, 1);
	assert_int_equal(s.nfree, CHANNEL_LIVE_MOST - 1);
	assert_null(by_mid(&s, 301));
	assert_null(live_by_place(&s, &elsewhere));
	assert_ptr_equal(by_place(&s, 300), l);
	live_done(&s);
}

static void an_old_name_is_forgotten(void **state)
{
	struct live_set s = {0};

	(void)state;
	assert_int_equal(live_init(&s, seed), ERR_OK);
	struct live *l = add(&s, 1);
	uint32_t     number = live_number(&s, l), generation = l->generation;
	live_remove(&s, l);
	assert_null(by_mid(&s, 1));
	assert_null(by_place(&s, 1));
	assert_null(live_by_number(&s, number, generation));
	struct live *again = add(&s, 2);
	assert_int_equal(live_number(&s, again), number); /* the same slot */
	assert_null(live_by_number(&s, number, generation));
	assert_ptr_equal(live_by_number(&s, number, again->generation), again);
	live_done(&s);
}

/* Filled to the limit, emptied, and filled again: every slot comes back. */
static void it_fills_to_its_limit(void **state)
{
	struct live_set s = {0};

	(void)state;
	assert_int_equal(live_init(&s, seed), ERR_OK);
	for (int round = 0; round < 2; round++) {
		for (unsigned i = 0; i < CHANNEL_LIVE_MOST; i++)
			assert_non_null(add(&s, i));
		assert_null(add(&s, CHANNEL_LIVE_MOST));
		for (unsigned i = 0; i < CHANNEL_LIVE_MOST; i++)
			live_remove(&s, by_mid(&s, (i * 5) % CHANNEL_LIVE_MOST));
		assert_int_equal(s.n, 0);
		assert_int_equal(s.nfree, CHANNEL_LIVE_MOST);
	}
	live_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(found_by_every_name),
		cmocka_unit_test(a_double_is_refused),
		cmocka_unit_test(an_old_name_is_forgotten),
		cmocka_unit_test(it_fills_to_its_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
