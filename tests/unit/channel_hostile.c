/* A partner with valid keys that keeps no rule: what it may not reach. */
#include <stdarg.h>
#include <stddef.h>

#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "hostile.h"

static struct foe *foe_make(void)
{
	struct foe *f = malloc(sizeof *f);

	assert_non_null(f);
	foe_open(f, NULL);
	assert_null(f->fault);
	assert_int_equal(f->receipts, 1);
	return f;
}

static void foe_done(struct foe *f)
{
	if (f->fault != NULL)
		print_error("%s: %s\n", f->fault, f->last_text);
	assert_null(f->fault);
	agreement_free(f->agreement);
	foe_end(f);
	free(f);
}

static const struct foe_draft question = {.kind = KIND_QUERY, .declaration = "2026-1", .flags = FLAG_REPEATABLE};

/* What the other tests spoil does work. */
static void test_a_question_is_answered(void **state)
{
	struct foe *f = foe_make();

	(void)state;
	foe_say(f, 0, 0, &question);
	assert_int_equal(f->lookups, 0);
	foe_checkpoint(f, 0, 0, 3);
	assert_int_equal(f->lookups, 1);
	foe_found(f, f->ticket[0]);
	foe_turn(f);
	assert_int_equal(f->replies, 1);
	assert_int_equal(f->last_status, STATUS_OK);
	assert_int_equal(f->receipts, 2);
	foe_done(f);
}

/* ---- epochs ---- */

static void test_genesis_names_an_empty_epoch(void **state)
{
	struct foe     *f = foe_make();
	struct frontier empty;
	struct previous p = {.cause = CAUSE_RESTART};

	(void)state;
	foe_epoch(f);
	foe_epoch(f);
	foe_hello(f, 0, 3);
	frontier_init(&empty);
	memcpy(p.epoch, f->log[1].epoch.b, EPOCH_SIZE);
	p.root = frontier_root(&empty);
	foe_genesis(f, 2, 2, &p);
	foe_checkpoint(f, 2, 2, 1);
	assert_int_equal(f->covered, 2);
	foe_done(f);
}

static void test_two_epochs_name_each_other(void **state)
{
	struct foe     *f = foe_make();
	struct frontier empty;
	struct previous p = {.cause = CAUSE_RESTART};

	(void)state;
	foe_epoch(f);
	foe_epoch(f);
	foe_hello(f, 0, 3);
	frontier_init(&empty);
	p.root = frontier_root(&empty);
	memcpy(p.epoch, f->log[2].epoch.b, EPOCH_SIZE);
	foe_genesis(f, 1, 1, &p);
	memcpy(p.epoch, f->log[1].epoch.b, EPOCH_SIZE);
	foe_genesis(f, 2, 2, &p);
	foe_checkpoint(f, 2, 2, 1);
	assert_int_equal(f->covered, 2);
	foe_done(f);
}

/* A partner that restarts is welcome; one that does nothing else is not. */
static void test_epochs_without_end(void **state)
{
	struct foe *f = foe_make();
	unsigned    opened = 0;

	(void)state;
	for (unsigned i = 1; i < FOE_LOGS_MOST; i++) {
		struct previous p = foe_previous(f, i - 1);

		foe_epoch(f);
		foe_hello(f, i - 1, i + 1);
		foe_genesis(f, i, 1, &p);
		size_t before = f->covered;
		foe_checkpoint(f, i, 1, 1);
		foe_turn(f);
		opened += f->covered > before;
	}
	assert_true(opened >= 32);
	assert_true(opened <= 128);
	assert_int_equal(f->alarms, 0);
	foe_done(f);
}

/* ---- memory ---- */

static size_t pending_bytes(const struct foe *f)
{
	size_t n = 0;

	for (unsigned i = 0; i < f->channel->npeer; i++)
		n += f->channel->peer[i]->npending * (INLINE_MOST + sizeof(struct pending));
	return n;
}

static void test_pending_entries_are_bounded(void **state)
{
	struct foe     *f = foe_make();
	struct previous p = foe_previous(f, 0);
	size_t		most = 0;

	(void)state;
	for (unsigned i = 1; i < 10; i++)
		foe_epoch(f);
	foe_hello(f, 0, 10);
	for (unsigned i = 1; i < 10; i++) {
		foe_genesis(f, i, (uint16_t)i, &p);
		for (unsigned k = 1; k < CHANNEL_WINDOW && channel_connected(f->channel); k++) {
			foe_say(f, i, (uint16_t)i, &(struct foe_draft){.kind = KIND_SEND, .fat = INLINE_MOST});
			if (pending_bytes(f) > most)
				most = pending_bytes(f);
		}
	}
	assert_true(most < (size_t)128 << 20);
	assert_int_equal(f->closes, 1);
	foe_done(f);
}

/* The largest step: a whole window of the largest entries under one checkpoint. */
static void test_largest_checkpoint(void **state)
{
	struct foe *f = foe_make();

	(void)state;
	for (unsigned k = 2; k < CHANNEL_WINDOW; k++)
		foe_say(f, 0, 0, &(struct foe_draft){.kind = KIND_QUERY, .declaration = "2026-1", .fat = INLINE_MOST - 200});
	assert_int_equal(f->closes, 0);
	foe_checkpoint(f, 0, 0, f->log[0].n);
	foe_turn(f);
	assert_int_equal(f->covered, CHANNEL_WINDOW);
	assert_int_equal(f->questions, CHANNEL_WINDOW - 2);
	foe_done(f);
}

/* ---- once per mid ---- */

static void test_two_pending_with_one_mid(void **state)
{
	struct foe	*f = foe_make();
	struct foe_draft d = question;

	(void)state;
	d.mid = 77;
	foe_say(f, 0, 0, &d);
	foe_say(f, 0, 0, &d);
	foe_checkpoint(f, 0, 0, 3);
	foe_found(f, f->ticket[0]);
	foe_turn(f);
	foe_checkpoint(f, 0, 0, 4);
	foe_turn(f);
	assert_int_equal(f->lookups, 1);
	assert_int_equal(f->replies, 1);
	foe_done(f);
}

/* ---- clauses and quotas ---- */

static void test_clause_of_another_channel(void **state)
{
	struct foe	*f = foe_make();
	struct foe_draft d = question;

	(void)state;
	d.clause = 8;
	foe_say(f, 0, 0, &d);
	foe_checkpoint(f, 0, 0, 3);
	foe_turn(f);
	assert_int_equal(f->lookups, 0);
	assert_int_equal(f->last_status, STATUS_REFUSED);
	foe_done(f);
}

static void test_clause_under_which_we_ask(void **state)
{
	struct foe	*f = foe_make();
	struct foe_draft d = question;

	(void)state;
	d.clause = 9;
	foe_say(f, 0, 0, &d);
	foe_checkpoint(f, 0, 0, 3);
	assert_int_equal(f->lookups, 0);
	assert_int_equal(f->last_status, STATUS_REFUSED);
	foe_done(f);
}

static unsigned questions_asked(struct foe *f)
{
	unsigned before = f->lookups;

	for (unsigned i = 0; i < 45; i++) {
		foe_say(f, 0, 0, &question);
		foe_checkpoint(f, 0, 0, f->log[0].n);
		foe_turn(f);
	}
	return f->lookups - before;
}

static void test_quota_holds(void **state)
{
	struct foe *f = foe_make();

	(void)state;
	assert_int_equal(questions_asked(f), 40);
	foe_done(f);
}

/* Numbers of clauses that do not exist take no counter away, neither theirs nor ours. */
static void test_quota_with_unknown_clauses(void **state)
{
	struct foe	*f = foe_make();
	struct foe_draft d = question;

	(void)state;
	for (uint16_t i = 0; i < QUOTAS_MOST + 8; i++) {
		d.clause = (uint16_t)(1000 + i);
		foe_say(f, 0, 0, &d);
	}
	foe_checkpoint(f, 0, 0, f->log[0].n);
	foe_turn(f);
	foe_receipt(f, f->nown);
	assert_int_equal(questions_asked(f), 40);
	uint64_t before = f->nown;
	for (unsigned i = 0; i < 9; i++)
		foe_asked(f);
	assert_int_equal(f->nown - before, 5);
	foe_done(f);
}

/* A question from the far future moves no day's counter back to nothing. */
static void test_quota_by_another_day(void **state)
{
	struct foe	*f = foe_make();
	struct foe_draft d = question;
	unsigned	 asked = questions_asked(f);

	(void)state;
	for (unsigned day = 1; day < 4; day++) {
		d.time_ms = f->now_ms + day * 86400000ull;
		foe_say(f, 0, 0, &d);
	}
	foe_checkpoint(f, 0, 0, f->log[0].n);
	asked += questions_asked(f);
	assert_int_equal(asked, 40);
	foe_done(f);
}

/* ---- answers without receipts ---- */

/* Questions under a clause without a daily limit, answered at once; the foe gives a receipt after each `every` of them, or never. */
static void questions_without_limit(struct foe *f, unsigned n, unsigned every)
{
	struct foe_draft d = question;

	d.clause = 10;
	for (unsigned i = 0; i < n; i++) {
		foe_say(f, 0, 0, &d);
		if (i % 64 != 63)
			continue;
		foe_checkpoint(f, 0, 0, f->log[0].n);
		for (; f->ntickets > 0; f->ntickets--)
			foe_found(f, f->ticket[f->ntickets - 1]);
		foe_turn(f);
		if (every > 0 && i % every == every - 1)
			foe_receipt(f, f->nown);
	}
}

static void test_answers_to_one_who_receipts_nothing(void **state)
{
	struct foe *f = foe_make();

	(void)state;
	questions_without_limit(f, 12800, 0);
	assert_true(f->lookups <= CHANNEL_UNRECEIPTED_MOST + CHANNEL_LIVE_MOST);
	assert_int_equal(f->last_status, STATUS_ERROR);
	foe_done(f);
}

/* Its sibling: who receipts is served for ever. */
static void test_answers_to_one_who_receipts(void **state)
{
	struct foe *f = foe_make();

	(void)state;
	questions_without_limit(f, 12800, 2048);
	assert_int_equal(f->closes, 0);
	assert_int_equal(f->lookups, 12800);
	assert_int_equal(f->last_status, STATUS_OK);
	foe_done(f);
}

/* ---- withdrawals ---- */

static struct re re_of(const struct foe *f, uint64_t index)
{
	struct re re = {.index = index, .leaf = f->log[0].leaf[index]};

	memcpy(re.epoch, f->log[0].epoch.b, EPOCH_SIZE);
	return re;
}

static void foe_withdraw(struct foe *f, const struct re *re)
{
	foe_say(f, 0, 0, &(struct foe_draft){.kind = KIND_CANCEL, .re = re});
}

/* What was withdrawn has its end, and what the worker finds later goes nowhere. */
static void test_a_question_is_withdrawn(void **state)
{
	struct foe *f = foe_make();

	(void)state;
	foe_say(f, 0, 0, &question);
	foe_checkpoint(f, 0, 0, 3);
	assert_int_equal(f->lookups, 1);
	struct re re = re_of(f, 2);
	foe_withdraw(f, &re);
	assert_int_equal(f->replies, 0); /* no checkpoint covers it yet */
	foe_checkpoint(f, 0, 0, 4);
	foe_turn(f);
	assert_int_equal(f->replies, 1);
	assert_int_equal(f->last_status, STATUS_ERROR);
	foe_found(f, f->ticket[0]);
	foe_turn(f);
	assert_int_equal(f->replies, 1);
	assert_int_equal(f->answers, 1);
	foe_done(f);
}

/* Everything that a CANCEL can say wrongly of the question at index 2, which stays unanswered. */
static void withdrawals_without_effect(struct foe *f, unsigned turn)
{
	struct re re = re_of(f, 2);

	switch (turn % 6) {
	case 0: /* another leaf */
		re.leaf.b[turn % HASH_SIZE] ^= 1;
		break;
	case 1: /* another place with the right leaf */
		re.index = 3 + turn;
		break;
	case 2: /* an epoch that nobody has */
		re.epoch[0] ^= 1;
		break;
	case 3: /* the same mixture of epoch and index */
		re.index ^= 1;
		re.epoch[8] ^= 1;
		break;
	case 4: /* a CANCEL */
		re = re_of(f, f->log[0].n - 1);
		break;
	case 5: /* a question of the house */
		memcpy(re.epoch, f->own.b, EPOCH_SIZE);
		re.index = f->nown - 1;
		re.leaf = f->own_leaf[f->nown - 1];
		break;
	default:
		break;
	}
	foe_withdraw(f, &re);
}

static void test_withdrawals_of_what_is_not_theirs(void **state)
{
	struct foe *f = foe_make();

	(void)state;
	foe_asked(f);
	foe_turn(f);
	foe_say(f, 0, 0, &question);
	foe_checkpoint(f, 0, 0, 3);
	uint64_t own = f->nown;
	for (unsigned i = 0; i < 12000; i++) {
		withdrawals_without_effect(f, i);
		if (i % 64 != 63)
			continue;
		foe_checkpoint(f, 0, 0, f->log[0].n);
		foe_turn(f);
	}
	assert_int_equal(f->nown, own);
	assert_int_equal(f->replies + f->answers + f->alarms + f->closes, 0);
	foe_found(f, f->ticket[0]); /* and the question has its answer */
	foe_turn(f);
	assert_int_equal(f->last_status, STATUS_OK);
	foe_done(f);
}

/* One question withdrawn without end is withdrawn once; nobody answers a withdrawal. */
static void test_withdrawals_without_end(void **state)
{
	struct foe *f = foe_make();

	(void)state;
	foe_say(f, 0, 0, &question);
	struct re re = re_of(f, 2);
	for (unsigned i = 0; i < 12000; i++) {
		foe_withdraw(f, &re);
		if (i % 64 != 63)
			continue;
		foe_checkpoint(f, 0, 0, f->log[0].n);
		foe_turn(f);
	}
	assert_int_equal(f->replies, 1);
	assert_int_equal(f->answers, 1);
	assert_int_equal(f->alarms + f->closes, 0);
	foe_done(f);
}

static void test_an_answer_is_not_withdrawn(void **state)
{
	struct foe *f = foe_make();

	(void)state;
	foe_say(f, 0, 0, &question);
	foe_checkpoint(f, 0, 0, 3);
	foe_found(f, f->ticket[0]);
	foe_turn(f);
	struct re re = re_of(f, 2);
	foe_withdraw(f, &re);
	foe_checkpoint(f, 0, 0, 4);
	foe_turn(f);
	assert_int_equal(f->replies, 1);
	assert_int_equal(f->last_status, STATUS_OK);
	foe_done(f);
}

/* Asking and withdrawing in turn is asking: what was withdrawn counts against the day. */
static void test_withdrawn_questions_count(void **state)
{
	struct foe *f = foe_make();

	(void)state;
	for (unsigned i = 0; i < 45; i++) {
		foe_say(f, 0, 0, &question);
		struct re re = re_of(f, f->log[0].n - 1);
		foe_withdraw(f, &re);
		foe_checkpoint(f, 0, 0, f->log[0].n);
		foe_turn(f);
	}
	assert_int_equal(f->lookups, 40);
	assert_int_equal(f->replies, 45);
	foe_done(f);
}

static void house_withdraws(struct foe *f, const uint8_t mid[MID_SIZE])
{
	struct channel_event e = {.type = EVENT_CANCEL};

	memcpy(e.cancel.mid, mid, MID_SIZE);
	foe_step(f, &e);
	foe_turn(f);
}

/* The house withdraws, twice; the foe does not care and answers, and that answer stands. */
static void test_a_withdrawal_is_ignored(void **state)
{
	struct foe	*f = foe_make();
	struct re	 re = {0};
	struct foe_draft d = {.kind = KIND_REPLY, .declaration = "released", .re = &re, .clause = 9};
	uint8_t		 mid[MID_SIZE];

	(void)state;
	foe_asked(f);
	foe_turn(f);
	memcpy(re.epoch, f->own.b, EPOCH_SIZE);
	re.index = f->nown - 1;
	re.leaf = f->own_leaf[f->nown - 1];
	struct live *l = live_by_place(&f->channel->asked, &(struct place){.epoch = f->own, .index = re.index});
	assert_non_null(l);
	memcpy(mid, l->mid, MID_SIZE);
	uint64_t own = f->nown;
	house_withdraws(f, mid);
	assert_int_equal(f->nown, own + 1);
	house_withdraws(f, mid);
	assert_int_equal(f->nown, own + 1);
	foe_say(f, 0, 0, &d);
	foe_checkpoint(f, 0, 0, 3);
	assert_int_equal(f->answers, 1);
	foe_turn(f);
	own = f->nown;
	house_withdraws(f, mid);
	assert_int_equal(f->nown, own);
	foe_done(f);
}

/* ---- unknown agreements ---- */

static void test_agreements_that_do_not_exist(void **state)
{
	struct foe	*f = foe_make();
	struct foe_draft d = question;
	struct hash	 agreement = {0};

	(void)state;
	d.agreement = &agreement;
	for (unsigned epoch = 0; epoch < 3; epoch++) {
		uint16_t number = epoch > 0;

		if (epoch > 0) {
			struct previous p = foe_previous(f, epoch - 1);

			foe_epoch(f);
			foe_hello(f, epoch - 1, epoch + 1);
			foe_genesis(f, epoch, number, &p);
		}
		for (unsigned i = 0; i < 40; i++) {
			agreement.b[0]++;
			foe_say(f, epoch, number, &d);
		}
		foe_checkpoint(f, epoch, number, f->log[epoch].n);
		foe_turn(f);
	}
	assert_int_equal(f->lookups, 0);
	assert_true(f->replies <= 64);
	foe_done(f);
}

/* ---- equivocation ---- */

static void test_smaller_checkpoint_with_another_root(void **state)
{
	struct foe *f = foe_make();
	struct hash other = {.b = {1}};

	(void)state;
	foe_say(f, 0, 0, &question);
	foe_checkpoint(f, 0, 0, 3);
	foe_sign_root(f, 0, 0, 2, &other);
	assert_int_equal(f->alarms, 1);
	assert_true(channel_frozen(f->channel));
	foe_done(f);
}

static void test_same_size_with_another_root(void **state)
{
	struct foe *f = foe_make();
	struct hash other = {.b = {1}};

	(void)state;
	foe_sign_root(f, 0, 0, 2, &other);
	assert_int_equal(f->alarms, 1);
	foe_done(f);
}

/* A TALLY that lies stops the acting, and what its checkpoint covers is held all the same. */
static void test_false_tally_in_the_middle(void **state)
{
	struct foe    *f = foe_make();
	uint8_t	       value[256];
	struct builder b = builder_on(value, sizeof value);
	struct tally   t = {.n = 1, .row = {{.agreement = f->agreement->id, .count = 1, .last = 1}}};

	(void)state;
	memcpy(t.epoch, f->log[0].epoch.b, EPOCH_SIZE);
	tally_write(&b, &t);
	foe_say(f, 0, 0, &(struct foe_draft){.kind = KIND_TALLY, .attr = {ATTR_TALLY, builder_bytes(&b)}});
	foe_say(f, 0, 0, &question);
	foe_checkpoint(f, 0, 0, 4);
	assert_int_equal(f->alarms, 1);
	assert_int_equal(f->lookups, 0);
	assert_int_equal(f->covered, 4);
	foe_done(f);
}

/* ---- answers to us ---- */

static void test_answers_to_us(void **state)
{
	struct foe	*f = foe_make();
	struct re	 re = {0};
	struct foe_draft d = {.kind = KIND_REPLY, .declaration = "released", .re = &re, .clause = 9};

	(void)state;
	foe_asked(f);
	foe_turn(f);
	memcpy(re.epoch, f->own.b, EPOCH_SIZE);
	re.leaf = f->own_leaf[f->nown - 1];
	/* another place with the same mixture */
	re.index = (f->nown - 1) ^ 1;
	re.epoch[8] ^= 1;
	foe_say(f, 0, 0, &d);
	foe_checkpoint(f, 0, 0, 3);
	assert_int_equal(f->answers, 0);
	re.epoch[8] ^= 1;
	re.index = f->nown - 1;
	d.clause = 7;
	foe_say(f, 0, 0, &d);
	d.clause = 9;
	re.leaf.b[0] ^= 1;
	foe_say(f, 0, 0, &d);
	foe_checkpoint(f, 0, 0, 5);
	assert_int_equal(f->answers, 0);
	re.leaf.b[0] ^= 1;
	foe_say(f, 0, 0, &d);
	foe_say(f, 0, 0, &d);
	foe_checkpoint(f, 0, 0, 7);
	assert_int_equal(f->answers, 1);
	foe_done(f);
}

/* ---- a keeper that signs another root ---- */

static void test_receipt_of_another_root(void **state)
{
	struct foe	    *f = foe_make();
	struct channel_event e = {.type = EVENT_COSIGNED, .cosigned = {.epoch = f->log[0].epoch, .size = 3, .root = {.b = {9}}}};

	(void)state;
	foe_say(f, 0, 0, &question);
	foe_checkpoint(f, 0, 0, 3);
	f->own_durable = f->nown;
	struct channel_event durable = {.type = EVENT_DURABLE};
	foe_step(f, &durable);
	f->nwork = 0;
	unsigned before = f->receipts;
	foe_step(f, &e);
	assert_int_equal(f->receipts, before);
	foe_done(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_question_is_answered),
		cmocka_unit_test(test_genesis_names_an_empty_epoch),
		cmocka_unit_test(test_two_epochs_name_each_other),
		cmocka_unit_test(test_epochs_without_end),
		cmocka_unit_test(test_pending_entries_are_bounded),
		cmocka_unit_test(test_largest_checkpoint),
		cmocka_unit_test(test_two_pending_with_one_mid),
		cmocka_unit_test(test_clause_of_another_channel),
		cmocka_unit_test(test_clause_under_which_we_ask),
		cmocka_unit_test(test_quota_holds),
		cmocka_unit_test(test_quota_with_unknown_clauses),
		cmocka_unit_test(test_quota_by_another_day),
		cmocka_unit_test(test_answers_to_one_who_receipts_nothing),
		cmocka_unit_test(test_answers_to_one_who_receipts),
		cmocka_unit_test(test_a_question_is_withdrawn),
		cmocka_unit_test(test_withdrawals_of_what_is_not_theirs),
		cmocka_unit_test(test_withdrawals_without_end),
		cmocka_unit_test(test_an_answer_is_not_withdrawn),
		cmocka_unit_test(test_withdrawn_questions_count),
		cmocka_unit_test(test_a_withdrawal_is_ignored),
		cmocka_unit_test(test_agreements_that_do_not_exist),
		cmocka_unit_test(test_smaller_checkpoint_with_another_root),
		cmocka_unit_test(test_same_size_with_another_root),
		cmocka_unit_test(test_false_tally_in_the_middle),
		cmocka_unit_test(test_answers_to_us),
		cmocka_unit_test(test_receipt_of_another_root),
	};

	cmocka_set_test_filter(getenv("MITHAQ_TEST"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
