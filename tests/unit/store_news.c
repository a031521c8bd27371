/* What applications are told of: written with what it tells, read by place, forgotten at the other end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ledger.h"

static int fresh(void **state)
{
	static struct ledger l;

	memset(&l, 0, sizeof l);
	ledger_open(&l);
	ledger_fill(&l, 3);
	*state = &l;
	return 0;
}

static int gone(void **state)
{
	ledger_close(*state);
	return 0;
}

#define SEEN_MOST 8192

struct seen {
	unsigned    n, stop_after;
	struct news at[SEEN_MOST];
};
static struct seen seen;

static bool see(void *arg, const struct news *news)
{
	struct seen *s = arg;

	assert_true(s->n < SEEN_MOST);
	if (s->stop_after != 0 && s->n == s->stop_after)
		return false;
	s->at[s->n++] = *news;
	return true;
}

static uint64_t read_after(struct ledger *l, uint64_t after, uint32_t types, bool *more)
{
	uint64_t next = 0;

	seen.n = 0;
	must(store_news(l->store, after, types, see, &seen, &next, more));
	return next;
}

static uint64_t tell(struct ledger *l, const char *subject, uint64_t now_ms)
{
	uint64_t number = 0;

	must(store_news_add(l->store, &(struct news_row){.type = NEWS_PARTNER_UP, .subject = subject}, now_ms, &number));
	return number;
}

static uint64_t tell_answer(struct ledger *l, uint32_t n)
{
	uint8_t		    mid[MID_SIZE];
	struct exchange_row x;
	uint64_t	    number = 0;

	ledger_mid(mid, n);
	must(store_exchange_find(l->store, mid, true, &x));
	struct news_row row = {.type = NEWS_QUERY_ANSWERED, .question_log = x.question_log, .question_index = x.question_index};
	must(store_news_add(l->store, &row, LEDGER_NOW_MS, &number));
	return number;
}

static void news_come_in_order_and_name_what_they_are_of(void **state)
{
	struct ledger *l = *state;
	bool	       more = true;
	uint8_t	       mid[MID_SIZE];
	uint64_t       first = tell_answer(l, 2), second = tell(l, SOUTH, LEDGER_NOW_MS);

	must(store_commit(l->store));
	assert_int_equal(read_after(l, 0, NEWS_ALL, &more), second);
	assert_false(more);
	assert_int_equal(seen.n, 2);
	ledger_mid(mid, 2);
	assert_int_equal(seen.at[0].number, first);
	assert_true(seen.at[0].of_exchange && seen.at[0].ours);
	assert_memory_equal(seen.at[0].mid, mid, MID_SIZE);
	assert_true(hash_equal(&seen.at[0].agreement, &l->agreement));
	assert_int_equal(seen.at[0].clause, 7);
	assert_false(seen.at[1].of_exchange);
	assert_string_equal(seen.at[1].subject, SOUTH);
	assert_int_equal(read_after(l, first, NEWS_ALL, &more), second);
	assert_int_equal(seen.n, 1);
	assert_int_equal(read_after(l, second, NEWS_ALL, &more), second);
	assert_int_equal(seen.n, 0);
}

static void only_types_that_are_wanted_come_and_the_place_moves_all_the_same(void **state)
{
	struct ledger *l = *state;
	bool	       more = false;

	tell_answer(l, 1);
	uint64_t last = tell(l, SOUTH, LEDGER_NOW_MS);
	assert_int_equal(read_after(l, 0, news_bit(NEWS_QUERY_ANSWERED), &more), last);
	assert_int_equal(seen.n, 1);
	assert_int_equal(read_after(l, 0, news_bit(NEWS_ALARM_RAISED), &more), last);
	assert_int_equal(seen.n, 0);
	must(store_commit(l->store));
}

static void who_stops_goes_on_behind_what_it_took(void **state)
{
	struct ledger *l = *state;
	bool	       more = false;

	for (uint32_t i = 1; i <= 3; i++)
		tell_answer(l, i);
	must(store_commit(l->store));
	seen.stop_after = 2;
	uint64_t next = read_after(l, 0, NEWS_ALL, &more);
	assert_true(more);
	assert_int_equal(seen.n, 2);
	assert_int_equal(next, seen.at[1].number);
	seen.stop_after = 0;
	read_after(l, next, NEWS_ALL, &more);
	assert_false(more);
	assert_int_equal(seen.n, 1);
}

/* In the turn of what it tells: both, or neither. */
static void news_of_a_turn_that_was_not_committed_are_not_there(void **state)
{
	struct ledger *l = *state;
	struct fault   fault;
	bool	       more;

	tell(l, SOUTH, LEDGER_NOW_MS);
	store_close(l->store);
	must(store_open(l->path, STORE_WRITE, &l->store, &fault));
	read_after(l, 0, NEWS_ALL, &more);
	assert_int_equal(seen.n, 0);
}

static void numbers_go_on_after_a_start_and_a_clock_set_back(void **state)
{
	struct ledger *l = *state;
	struct fault   fault;
	uint64_t       first = tell(l, SOUTH, LEDGER_NOW_MS), last = 0;

	must(store_commit(l->store));
	store_close(l->store);
	must(store_open(l->path, STORE_WRITE, &l->store, &fault));
	assert_int_equal(tell(l, SOUTH, LEDGER_NOW_MS - 5000), first + 1);
	must(store_commit(l->store));
	must(store_news_last(l->store, &last));
	assert_int_equal(last, first + 1);
}

static void what_is_old_is_forgotten_and_one_stands_for_it(void **state)
{
	struct ledger *l = *state;
	uint64_t       numbers[5];
	bool	       more;

	for (unsigned i = 0; i < 5; i++)
		numbers[i] = tell(l, SOUTH, LEDGER_NOW_MS + i * 1000);
	must(store_news_forget(l->store, LEDGER_NOW_MS + 2500, 1000));
	must(store_commit(l->store));
	read_after(l, numbers[0], NEWS_ALL, &more);
	assert_int_equal(seen.n, 3);
	assert_int_equal(seen.at[0].number, numbers[2]);
	assert_int_equal(seen.at[0].type, NEWS_LOST);
	assert_string_equal(seen.at[0].subject, "");
	/* Who had read that far lost nothing and does not hear of it. */
	read_after(l, numbers[2], NEWS_ALL, &more);
	assert_int_equal(seen.n, 2);
	assert_int_equal(seen.at[0].type, NEWS_PARTNER_UP);
}

static void what_is_too_much_is_forgotten_the_oldest_first(void **state)
{
	struct ledger *l = *state;
	uint64_t       numbers[9];
	bool	       more;

	for (unsigned i = 0; i < 9; i++)
		numbers[i] = tell(l, SOUTH, LEDGER_NOW_MS);
	must(store_news_forget(l->store, 0, 4));
	read_after(l, 0, NEWS_ALL, &more);
	assert_int_equal(seen.n, 4);
	assert_int_equal(seen.at[0].type, NEWS_LOST);
	assert_int_equal(seen.at[0].number, numbers[5]);
	assert_int_equal(seen.at[3].number, numbers[8]);
	must(store_commit(l->store));
}

static void the_last_row_is_never_forgotten(void **state)
{
	struct ledger *l = *state;
	uint64_t       number = 0, last = 0;
	bool	       more;

	for (unsigned i = 0; i < 3; i++)
		number = tell(l, SOUTH, LEDGER_NOW_MS);
	must(store_commit(l->store));
	must(store_news_forget(l->store, LEDGER_NOW_MS + 86400000, 1000));
	must(store_commit(l->store));
	must(store_news_last(l->store, &last));
	assert_int_equal(last, number);
	/* And there is nothing more to do: no turn is begun. */
	must(store_news_forget(l->store, LEDGER_NOW_MS + 86400000, 1000));
	assert_false(store_open_turn(l->store));
	read_after(l, 0, NEWS_ALL, &more);
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.at[0].type, NEWS_LOST);
}

static void forgetting_is_done_in_bounded_steps(void **state)
{
	struct ledger *l = *state;
	bool	       more;

	for (unsigned i = 0; i < STORE_NEWS_SCAN + 100; i++)
		tell(l, SOUTH, LEDGER_NOW_MS);
	must(store_news_forget(l->store, LEDGER_NOW_MS + 1000, 10));
	must(store_commit(l->store));
	read_after(l, 0, NEWS_ALL, &more);
	assert_int_equal(seen.n, 101);
	must(store_news_forget(l->store, LEDGER_NOW_MS + 1000, 10));
	must(store_commit(l->store));
	read_after(l, 0, NEWS_ALL, &more);
	assert_int_equal(seen.n, 1);
}

static void marks_are_kept_by_name(void **state)
{
	struct ledger *l = *state;
	struct hash    a = {{1}}, b = {{2}};
	uint64_t       value = 5;

	assert_int_equal(store_mark(l->store, &a, &value), ERR_NOT_FOUND);
	assert_int_equal(value, 5);
	must(store_mark_set(l->store, &a, 7));
	must(store_mark_set(l->store, &a, 8));
	must(store_commit(l->store));
	must(store_mark(l->store, &a, &value));
	assert_int_equal(value, 8);
	assert_int_equal(store_mark(l->store, &b, &value), ERR_NOT_FOUND);
}

static void a_row_that_is_no_news_is_passed_over(void **state)
{
	struct ledger *l = *state;
	uint64_t       number = 0;
	bool	       more;

	/* An exchange that is not there, and news of nobody. */
	must(store_news_add(l->store, &(struct news_row){.type = NEWS_QUERY_ANSWERED, .question_log = 77, .question_index = 1}, LEDGER_NOW_MS,
			    &number));
	must(store_news_add(l->store, &(struct news_row){.type = NEWS_PARTNER_UP}, LEDGER_NOW_MS, &number));
	assert_int_equal(read_after(l, 0, NEWS_ALL, &more), number);
	assert_int_equal(seen.n, 0);
	must(store_commit(l->store));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(news_come_in_order_and_name_what_they_are_of, fresh, gone),
		cmocka_unit_test_setup_teardown(only_types_that_are_wanted_come_and_the_place_moves_all_the_same, fresh, gone),
		cmocka_unit_test_setup_teardown(who_stops_goes_on_behind_what_it_took, fresh, gone),
		cmocka_unit_test_setup_teardown(news_of_a_turn_that_was_not_committed_are_not_there, fresh, gone),
		cmocka_unit_test_setup_teardown(numbers_go_on_after_a_start_and_a_clock_set_back, fresh, gone),
		cmocka_unit_test_setup_teardown(what_is_old_is_forgotten_and_one_stands_for_it, fresh, gone),
		cmocka_unit_test_setup_teardown(what_is_too_much_is_forgotten_the_oldest_first, fresh, gone),
		cmocka_unit_test_setup_teardown(the_last_row_is_never_forgotten, fresh, gone),
		cmocka_unit_test_setup_teardown(forgetting_is_done_in_bounded_steps, fresh, gone),
		cmocka_unit_test_setup_teardown(marks_are_kept_by_name, fresh, gone),
		cmocka_unit_test_setup_teardown(a_row_that_is_no_news_is_passed_over, fresh, gone),
	};
	return cmocka_run_group_tests_name("store/news", tests, NULL, NULL);
}
