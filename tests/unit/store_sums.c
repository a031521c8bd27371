/* What the store adds up while it writes is, at every commit, what a recount finds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "ledger.h"

#define DAY 20780 /* of ledger_ask */

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

static void reopen(struct ledger *l, enum store_mode mode)
{
	struct fault fault;

	store_close(l->store);
	l->store = NULL;
	must(store_open(l->path, mode, &l->store, &fault));
}

static uint64_t used_on(struct ledger *l, int32_t day)
{
	uint64_t used = 99;

	must(store_quota_used(l->store, SOUTH, LEDGER_CHANNEL, true, &l->agreement, 7, day, &used));
	return used;
}

static bool holds(struct ledger *l)
{
	bool own = false, peer = false;

	must(store_sums_check(l->store, l->own.row.id, &own));
	must(store_sums_check(l->store, l->peer.row.id, &peer));
	return own && peer;
}

static void sql(const struct ledger *l, const char *text)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(l->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* A question of another day, at a place behind the log's entries. */
static void ask_on(struct ledger *l, int32_t day, uint64_t place)
{
	struct exchange_row x = {.ours = true,
				 .question_log = l->own.row.id,
				 .question_index = 1000 + place,
				 .agreement = l->agreement,
				 .clause = 7,
				 .day = day,
				 .state = EXCHANGE_ACCEPTED};

	ledger_mid(x.mid, (uint32_t)(1000 + place));
	must(store_exchange_add(l->store, &x));
}

static void a_recount_agrees_in_the_turn_after_it_and_after_opening_again(void **state)
{
	struct ledger	   *l = *state;
	struct exchange_row a = ledger_ask(l, 10), b = ledger_ask(l, 11);

	ledger_answer(l, &a);
	assert_true(holds(l));
	assert_int_equal(used_on(l, DAY), 5);
	b.state = EXCHANGE_EXPIRED;
	must(store_exchange_answer(l->store, &b));
	writing_seal(l, &l->own);
	must(store_commit(l->store));
	assert_true(holds(l));
	reopen(l, STORE_READ);
	assert_true(holds(l));
	assert_int_equal(used_on(l, DAY), 5);
	reopen(l, STORE_WRITE);
	ledger_ask(l, 12);
	must(store_commit(l->store));
	assert_true(holds(l));
	assert_int_equal(used_on(l, DAY), 6);
}

static void a_lost_turn_is_not_counted(void **state)
{
	struct ledger *l = *state;

	ledger_ask(l, 10);
	assert_int_equal(used_on(l, DAY), 4);
	reopen(l, STORE_WRITE);
	assert_true(holds(l));
	assert_int_equal(used_on(l, DAY), 3);
}

static void a_refused_double_is_not_counted(void **state)
{
	struct ledger	   *l = *state;
	struct exchange_row x = ledger_ask(l, 10);

	assert_int_equal(store_exchange_add(l->store, &x), ERR_DUPLICATE);
	must(store_commit(l->store));
	assert_true(holds(l));
	assert_int_equal(used_on(l, DAY), 4);
}

static void three_days_are_kept_and_old_ones_make_room(void **state)
{
	struct ledger *l = *state;

	ask_on(l, DAY + 1, 1);
	ask_on(l, DAY + 2, 2);
	ask_on(l, DAY, 3);
	assert_int_equal(used_on(l, DAY), 4);
	ask_on(l, DAY + 3, 4);
	assert_int_equal(used_on(l, DAY), 0);
	ask_on(l, DAY, 5);
	ask_on(l, DAY + 1, 6);
	must(store_commit(l->store));
	assert_int_equal(used_on(l, DAY), 0);
	assert_int_equal(used_on(l, DAY + 1), 2);
	assert_int_equal(used_on(l, DAY + 2), 1);
	assert_int_equal(used_on(l, DAY + 3), 1);
	assert_true(holds(l));
}

static void a_question_without_a_day_counts_against_no_quota(void **state)
{
	struct ledger	      *l = *state;
	struct exchange_counts counts;

	ask_on(l, EXCHANGE_NO_DAY, 1);
	must(store_commit(l->store));
	assert_int_equal(used_on(l, DAY), 3);
	assert_int_equal(used_on(l, EXCHANGE_NO_DAY), 0);
	must(store_exchange_counts(l->store, SOUTH, LEDGER_CHANNEL, &counts));
	assert_int_equal(counts.asked, 4);
	assert_true(holds(l));
}

static void another_log_of_the_channel_is_counted_with_it(void **state)
{
	static struct writing next;
	struct ledger	     *l = *state;
	struct exchange_row   x = {.ours = true, .agreement = l->agreement, .clause = 7, .day = DAY, .state = EXCHANGE_ACCEPTED};

	writing_open(l, &next, true, 0x33);
	x.question_log = next.row.id;
	ledger_mid(x.mid, 77);
	must(store_exchange_add(l->store, &x));
	assert_int_equal(used_on(l, DAY), 4);
}

static const char *const changes[] = {
	"DELETE FROM exchange WHERE question_index = 1",
	"UPDATE exchange SET state = 4 WHERE question_index = 1",
	"UPDATE exchange SET day = day + 1 WHERE question_index = 1",
	"UPDATE exchange SET clause = 8 WHERE question_index = 1",
	"UPDATE exchange SET agreement = zeroblob(32) WHERE question_index = 1",
	"DELETE FROM head WHERE log = 1 AND size = 5",
	"UPDATE log SET receipted = 4 WHERE id = 1",
};

static void whatever_is_changed_behind_its_back_is_found(void **state)
{
	for (size_t i = 0; i < COUNT_OF(changes); i++) {
		gone(state);
		fresh(state);
		assert_true(holds(*state));
		sql(*state, changes[i]);
		if (holds(*state))
			fail_msg("%s", changes[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_recount_agrees_in_the_turn_after_it_and_after_opening_again, fresh, gone),
		cmocka_unit_test_setup_teardown(a_lost_turn_is_not_counted, fresh, gone),
		cmocka_unit_test_setup_teardown(a_refused_double_is_not_counted, fresh, gone),
		cmocka_unit_test_setup_teardown(three_days_are_kept_and_old_ones_make_room, fresh, gone),
		cmocka_unit_test_setup_teardown(a_question_without_a_day_counts_against_no_quota, fresh, gone),
		cmocka_unit_test_setup_teardown(another_log_of_the_channel_is_counted_with_it, fresh, gone),
		cmocka_unit_test_setup_teardown(whatever_is_changed_behind_its_back_is_found, fresh, gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
