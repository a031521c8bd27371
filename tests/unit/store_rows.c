/* What the ledger's rows say: entries, heads, exchanges, quotas, keys. */
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

static void entries_come_back_as_they_were(void **state)
{
	struct ledger	*l = *state;
	struct arena	 a;
	struct entry_row row;
	struct header	 h;

	arena_init(&a, 1 << 20);
	must(store_entry_get(l->store, l->own.row.id, 1, &a, &row));
	must(header_read(row.header, &h));
	assert_int_equal(h.kind, KIND_QUERY);
	assert_int_equal(h.index, 1);
	struct hash c = header_commit(&row.salt, row.header);
	assert_true(hash_equal(&c, &row.commitment));
	assert_true(row.body.n > 0 && row.withheld.n > 0);
	assert_int_equal(store_entry_get(l->store, l->own.row.id, 5, &a, &row), ERR_NOT_FOUND);
	arena_done(&a);
}

static void no_place_is_written_twice(void **state)
{
	struct ledger	*l = *state;
	struct entry_row row = {.index = 1, .form = FORM_BARE};

	assert_int_equal(store_entry_add(l->store, l->own.row.id, &row), ERR_DUPLICATE);
	/* A duplicate is an answer, not a failure: the turn goes on. */
	ledger_ask(l, 10);
	must(store_commit(l->store));
}

static void an_entry_needs_a_log(void **state)
{
	struct ledger	*l = *state;
	struct entry_row row = {.form = FORM_BARE};

	assert_int_equal(store_entry_add(l->store, 77, &row), ERR_STORE);
	assert_int_equal(store_commit(l->store), ERR_DISK);
}

static void leaves_make_the_signed_root(void **state)
{
	struct ledger *l = *state;
	struct hash    leaves[5], root;

	must(store_leaves(l->store, l->own.row.id, 0, 5, leaves));
	root = tree_root(leaves, 5);
	struct checkpoint_head head;
	must(store_checkpoint_covering(l->store, l->own.row.id, 4, &head));
	assert_true(hash_equal(&root, &head.root));
	assert_int_equal(store_leaves(l->store, l->own.row.id, 0, 6, leaves), ERR_NOT_FOUND);
}

struct seen {
	unsigned n, stop_after;
	uint64_t last;
};

static bool count_entry(void *arg, const struct entry_row *row)
{
	struct seen *seen = arg;

	seen->last = row->index;
	return ++seen->n != seen->stop_after;
}

static void entries_are_walked_in_order_and_the_walker_may_stop(void **state)
{
	struct ledger *l = *state;
	struct seen    all = {0}, two = {.stop_after = 2};

	must(store_entries(l->store, l->own.row.id, 1, 4, count_entry, &all));
	assert_int_equal(all.n, 3);
	assert_int_equal(all.last, 3);
	must(store_entries(l->store, l->own.row.id, 0, 5, count_entry, &two));
	assert_int_equal(two.n, 2);
	assert_int_equal(two.last, 1);
}

static void the_smallest_covering_head_is_found(void **state)
{
	struct ledger	      *l = *state;
	struct checkpoint_head c;
	struct receipt_head    r;

	must(store_checkpoint_covering(l->store, l->own.row.id, 0, &c));
	assert_int_equal(c.size, 1);
	must(store_receipt_covering(l->store, l->own.row.id, 1, &r));
	assert_int_equal(r.size, 5);
	assert_int_equal(store_receipt_covering(l->store, l->own.row.id, 5, &r), ERR_NOT_FOUND);
}

static void one_size_has_one_root(void **state)
{
	struct ledger	      *l = *state;
	struct checkpoint_head c;
	struct receipt_head    r;

	must(store_checkpoint_covering(l->store, l->own.row.id, 4, &c));
	must(store_checkpoint_add(l->store, l->own.row.id, &c));
	c.root.b[3] ^= 1;
	assert_int_equal(store_checkpoint_add(l->store, l->own.row.id, &c), ERR_FORK);
	must(store_receipt_covering(l->store, l->own.row.id, 4, &r));
	r.time_s += 9;
	must(store_receipt_add(l->store, l->own.row.id, &r));
	r.root.b[3] ^= 1;
	assert_int_equal(store_receipt_add(l->store, l->own.row.id, &r), ERR_FORK);
	must(store_receipt_covering(l->store, l->own.row.id, 4, &r));
	assert_int_equal(r.time_s, LEDGER_NOW_MS / 1000 + 1);
}

static void an_exchange_is_found_by_id_and_by_place(void **state)
{
	struct ledger	   *l = *state;
	struct exchange_row x, y;
	uint8_t		    mid[MID_SIZE];

	ledger_mid(mid, 2);
	must(store_exchange_find(l->store, mid, true, &x));
	assert_int_equal(x.state, EXCHANGE_ANSWERED);
	assert_int_equal(x.question_index, 2);
	must(store_exchange_at(l->store, l->own.row.id, 2, &y));
	assert_memory_equal(&x, &y, sizeof x);
	assert_int_equal(store_exchange_find(l->store, mid, false, &x), ERR_NOT_FOUND);
	assert_int_equal(store_exchange_at(l->store, l->own.row.id, 0, &x), ERR_NOT_FOUND);
	assert_int_equal(store_exchange_at(l->store, l->peer.row.id, 2, &x), ERR_NOT_FOUND);
	assert_int_equal(store_exchange_add(l->store, &y), ERR_DUPLICATE);
	memset(y.mid, 9, MID_SIZE);
	assert_int_equal(store_exchange_answer(l->store, &y), ERR_NOT_FOUND);
}

static void an_exchange_is_read_with_its_contents(void **state)
{
	struct ledger	      *l = *state;
	static struct exchange x;
	struct exchange_row    row;
	struct arena	       a;
	uint8_t		       mid[MID_SIZE];

	arena_init(&a, 1 << 20);
	ledger_mid(mid, 1);
	must(store_exchange_find(l->store, mid, true, &row));
	must(store_exchange_load(l->store, &row, &a, &x));
	assert_string_equal(x.partner, SOUTH);
	assert_string_equal(x.channel, LEDGER_CHANNEL);
	assert_true(bytes_is(x.purpose, "duty-assessment"));
	assert_true(bytes_is(x.reference, "N-C-1044"));
	assert_true(bytes_is(x.officer, "r.sample"));
	assert_true(bytes_is(fields_find(&x.ask, "declaration")->value, "2026-0048817"));
	assert_true(bytes_is(fields_find(&x.got, "released-on")->value, "2026-11-20"));
	assert_true(x.receipt_held);
	assert_memory_equal(x.question.epoch.b, l->own.row.epoch.b, EPOCH_SIZE);
	assert_memory_equal(x.answer.epoch.b, l->peer.row.epoch.b, EPOCH_SIZE);
	arena_done(&a);
}

static void an_unanswered_exchange_has_no_answer_and_no_receipt(void **state)
{
	struct ledger	      *l = *state;
	static struct exchange x;
	struct exchange_row    row = ledger_ask(l, 20);
	struct arena	       a;

	arena_init(&a, 1 << 20);
	must(store_exchange_load(l->store, &row, &a, &x));
	assert_int_equal(x.got.n, 0);
	assert_false(x.receipt_held);
	assert_int_equal(x.answer.epoch.b[0], 0);
	arena_done(&a);
}

static bool count_exchange(void *arg, const struct exchange_row *x)
{
	struct seen *seen = arg;

	seen->last = x->question_index;
	return ++seen->n != seen->stop_after;
}

static void open_questions_and_counts_follow_the_answers(void **state)
{
	struct ledger	      *l = *state;
	struct seen	       open = {0};
	struct exchange_counts counts;
	struct exchange_row    a = ledger_ask(l, 21), b = ledger_ask(l, 22), c = ledger_ask(l, 23);

	must(store_exchanges_open(l->store, SOUTH, LEDGER_CHANNEL, true, count_exchange, &open));
	assert_int_equal(open.n, 3);
	assert_int_equal(open.last, c.question_index);
	ledger_answer(l, &a);
	b.state = EXCHANGE_REFUSED;
	must(store_exchange_answer(l->store, &b));
	c.state = EXCHANGE_DELIVERED;
	must(store_exchange_answer(l->store, &c));
	open.n = 0;
	must(store_exchanges_open(l->store, SOUTH, LEDGER_CHANNEL, true, count_exchange, &open));
	assert_int_equal(open.n, 1);
	must(store_exchanges_open(l->store, SOUTH, LEDGER_CHANNEL, false, count_exchange, &open));
	must(store_exchanges_open(l->store, SOUTH, "police", true, count_exchange, &open));
	assert_int_equal(open.n, 1);
	must(store_exchange_counts(l->store, SOUTH, LEDGER_CHANNEL, &counts));
	assert_int_equal(counts.asked, 6);
	assert_int_equal(counts.answered, 4);
	assert_int_equal(counts.refused, 1);
	assert_int_equal(counts.unanswered, 1);
	must(store_exchange_counts(l->store, SOUTH, "police", &counts));
	assert_int_equal(counts.asked, 0);
}

static void the_quota_counts_one_clause_day_side_and_channel(void **state)
{
	struct ledger *l = *state;
	struct hash    other = {{1}};
	uint64_t       used = 99;

	must(store_quota_used(l->store, SOUTH, LEDGER_CHANNEL, true, &l->agreement, 7, 20780, &used));
	assert_int_equal(used, 3);
	must(store_quota_used(l->store, SOUTH, LEDGER_CHANNEL, false, &l->agreement, 7, 20780, &used));
	assert_int_equal(used, 0);
	must(store_quota_used(l->store, SOUTH, LEDGER_CHANNEL, true, &l->agreement, 8, 20780, &used));
	assert_int_equal(used, 0);
	must(store_quota_used(l->store, SOUTH, LEDGER_CHANNEL, true, &l->agreement, 7, 20781, &used));
	assert_int_equal(used, 0);
	must(store_quota_used(l->store, SOUTH, LEDGER_CHANNEL, true, &other, 7, 20780, &used));
	assert_int_equal(used, 0);
	must(store_quota_used(l->store, NORTH, LEDGER_CHANNEL, true, &l->agreement, 7, 20780, &used));
	assert_int_equal(used, 0);
}

static void keys_are_kept_per_account_and_expire(void **state)
{
	struct ledger *l = *state;
	struct bytes   desk = bytes_text("desk-1"), key = bytes_text("bayan-000481");
	uint8_t	       mid[MID_SIZE] = {1}, found[MID_SIZE];
	struct hash    body = {{2}}, found_body;

	must(store_key_add(l->store, desk, key, mid, &body, LEDGER_NOW_MS));
	assert_int_equal(store_key_add(l->store, desk, key, mid, &body, LEDGER_NOW_MS), ERR_DUPLICATE);
	must(store_key_find(l->store, desk, key, found, &found_body));
	assert_memory_equal(found, mid, MID_SIZE);
	assert_true(hash_equal(&body, &found_body));
	assert_int_equal(store_key_find(l->store, bytes_text("desk-2"), key, found, &found_body), ERR_NOT_FOUND);
	must(store_keys_expire(l->store, LEDGER_NOW_MS));
	must(store_key_find(l->store, desk, key, found, &found_body));
	must(store_keys_expire(l->store, LEDGER_NOW_MS + 1));
	assert_int_equal(store_key_find(l->store, desk, key, found, &found_body), ERR_NOT_FOUND);
}

static bool walk_again(void *arg, const struct entry_row *row unused_arg)
{
	struct ledger *l = arg;
	struct seen    seen = {0};
	struct log_row log;

	assert_int_equal(store_entries(l->store, l->own.row.id, 0, 5, count_entry, &seen), ERR_INTERNAL);
	must(store_log_find(l->store, &l->own.row.epoch, true, &log));
	return false;
}

static void a_callback_may_ask_something_else_but_not_the_same(void **state)
{
	struct ledger *l = *state;

	must(store_entries(l->store, l->own.row.id, 0, 5, walk_again, l));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(entries_come_back_as_they_were, fresh, gone),
		cmocka_unit_test_setup_teardown(no_place_is_written_twice, fresh, gone),
		cmocka_unit_test_setup_teardown(an_entry_needs_a_log, fresh, gone),
		cmocka_unit_test_setup_teardown(leaves_make_the_signed_root, fresh, gone),
		cmocka_unit_test_setup_teardown(entries_are_walked_in_order_and_the_walker_may_stop, fresh, gone),
		cmocka_unit_test_setup_teardown(the_smallest_covering_head_is_found, fresh, gone),
		cmocka_unit_test_setup_teardown(one_size_has_one_root, fresh, gone),
		cmocka_unit_test_setup_teardown(an_exchange_is_found_by_id_and_by_place, fresh, gone),
		cmocka_unit_test_setup_teardown(an_exchange_is_read_with_its_contents, fresh, gone),
		cmocka_unit_test_setup_teardown(an_unanswered_exchange_has_no_answer_and_no_receipt, fresh, gone),
		cmocka_unit_test_setup_teardown(open_questions_and_counts_follow_the_answers, fresh, gone),
		cmocka_unit_test_setup_teardown(the_quota_counts_one_clause_day_side_and_channel, fresh, gone),
		cmocka_unit_test_setup_teardown(keys_are_kept_per_account_and_expire, fresh, gone),
		cmocka_unit_test_setup_teardown(a_callback_may_ask_something_else_but_not_the_same, fresh, gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
