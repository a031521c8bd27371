/* asking.c: what the asking side refuses by itself, before anything is written or sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "story.h"

#define PERMITTED .purpose = "duty-assessment", .declaration = "2026-1"

static void ask_and_compare(const struct side_question *ask, const char *expected)
{
	struct story s;

	story_begin(&s, true);
	side_ask_with(&s.world.side[NORTH], ask);
	world_settle(&s.world);
	story_is(&s, expected);
	assert_int_equal(s.world.side[NORTH].disk.nexchanges, 0);
	story_end(&s);
}

static void each_rule_refuses(void **state)
{
	static const struct {
		struct side_question ask;
		const char	    *trace;
	} rows[] = {
		{{.declaration = "2026-1"},
		 "[   0] north asks about 2026-1 for no purpose\n"
		 "[   0] north refuses here, nothing is sent: purpose-not-permitted by rule 7/purposes\n"},
		{{.purpose = "marketing", .declaration = "2026-1"},
		 "[   0] north asks about 2026-1 for marketing\n"
		 "[   0] north refuses here, nothing is sent: purpose-not-permitted by rule 7/purposes\n"},
		{{.purpose = "offence-inquiry", .declaration = "2026-1"},
		 "[   0] north asks about 2026-1 for offence-inquiry\n"
		 "[   0] north refuses here, nothing is sent: field-missing by rule 7/must-state/case\n"},
		{{PERMITTED, .extra_field = "importer"},
		 "[   0] north asks about 2026-1 for duty-assessment\n"
		 "[   0] north refuses here, nothing is sent: field-not-permitted by rule 7/request/importer\n"},
		{{.purpose = "duty-assessment"},
		 "[   0] north asks about nothing for duty-assessment\n"
		 "[   0] north refuses here, nothing is sent: field-missing by rule 7/request/declaration/required\n"},
		{{.purpose = "duty-assessment", .declaration = "no?number"},
		 "[   0] north asks about no?number for duty-assessment\n"
		 "[   0] north refuses here, nothing is sent: value-out-of-list by rule 7/request/declaration\n"},
		{{PERMITTED, .clause = 9},
		 "[   0] north asks about 2026-1 for duty-assessment\n"
		 "[   0] north refuses here, nothing is sent: clause-not-permitted by rule 9/asks\n"},
		{{PERMITTED, .clause = 8},
		 "[   0] north asks about 2026-1 for duty-assessment\n"
		 "[   0] north refuses here, nothing is sent: clause-not-permitted by rule clauses\n"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		ask_and_compare(&rows[i].ask, rows[i].trace);
}

/* The sibling of the case rule: with its case the question goes. */
static void a_case_is_stated(void **state)
{
	struct side_question ask = {.purpose = "offence-inquiry", .declaration = "2026-1", .reference = "12/2026"};
	struct story	     s;

	(void)state;
	story_begin(&s, true);
	side_ask_with(&s.world.side[NORTH], &ask);
	world_settle(&s.world);
	assert_int_equal(s.world.side[NORTH].last.state, EXCHANGE_ANSWERED);
	story_end(&s);
}

static void a_dry_run_writes_nothing(void **state)
{
	struct side_question ask = {PERMITTED, .dry_run = true}, bad = {.purpose = "marketing", .declaration = "2026-1", .dry_run = true};
	struct story	     s;

	(void)state;
	story_begin(&s, true);
	side_ask_with(&s.world.side[NORTH], &ask);
	side_ask_with(&s.world.side[NORTH], &bad);
	world_settle(&s.world);
	story_is(&s, "[   0] north asks about 2026-1 for duty-assessment\n"
		     "[   0] north would permit it: 0 used of this day\n"
		     "[   0] north asks about 2026-1 for marketing\n"
		     "[   0] north refuses here, nothing is sent: purpose-not-permitted by rule 7/purposes\n");
	story_end(&s);
}

static void ask_on_day(uint64_t now_ms, const char *expected)
{
	struct story s;

	story_begin_silent(&s, true);
	s.world.now_ms = now_ms;
	side_start(&s.world.side[NORTH]);
	side_start(&s.world.side[SOUTH]);
	world_connect(&s.world);
	world_settle(&s.world);
	side_ask(&s.world.side[NORTH], "duty-assessment", "2026-1", NULL);
	world_settle(&s.world);
	assert_string_equal(s.world.side[NORTH].last_rule, expected);
	assert_int_equal(s.world.side[NORTH].finals, expected[0] == '\0');
	story_end(&s);
}

/* In force from 2026-01-01 to 2027-12-31, both days of UTC included: asked a millisecond before and after each end. */
static void the_agreement_has_its_days(void **state)
{
	const uint64_t from = UINT64_C(1767225600000), until = UINT64_C(1830297600000);

	(void)state;
	ask_on_day(from - 1, "in-force");
	ask_on_day(from, "");
	ask_on_day(until - 1, "");
	ask_on_day(until, "in-force");
}

/* A differing set of agreements is no error: what both do not hold is not in force. */
static void only_one_side_agreed(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, false);
	side_ask(&s.world.side[NORTH], "duty-assessment", "2026-1", NULL);
	world_settle(&s.world);
	story_is(&s, "[   0] north asks about 2026-1 for duty-assessment\n"
		     "[   0] north refuses here, nothing is sent: agreement-unknown by rule agreement\n");
	assert_true(channel_connected(s.world.side[NORTH].channel));
	assert_true(world_check_quiet(&s.world));
	story_end(&s);
}

static void the_day_is_used_up(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	for (int i = 0; i < 40; i++) {
		side_ask(&s.world.side[NORTH], "duty-assessment", "2026-1", NULL);
		world_settle(&s.world);
	}
	assert_int_equal(s.world.side[NORTH].finals, 40);
	story_listen_again(&s);
	side_ask(&s.world.side[NORTH], "duty-assessment", "2026-1", NULL);
	story_is(&s, "[   0] north asks about 2026-1 for duty-assessment\n"
		     "[   0] north refuses here, nothing is sent: quota-spent by rule 7/limits/per-day\n");
	/* Killed and started again, it has not forgotten. */
	side_crash(&s.world.side[NORTH]);
	side_start(&s.world.side[NORTH]);
	world_connect(&s.world);
	world_settle(&s.world);
	story_listen_again(&s);
	side_ask(&s.world.side[NORTH], "duty-assessment", "2026-1", NULL);
	story_is(&s, "[   0] north asks about 2026-1 for duty-assessment\n"
		     "[   0] north refuses here, nothing is sent: quota-spent by rule 7/limits/per-day\n");
	/* The next day of UTC is another day. */
	s.world.now_ms += 86400000;
	side_ask(&s.world.side[NORTH], "duty-assessment", "2026-1", NULL);
	world_settle(&s.world);
	assert_int_equal(s.world.side[NORTH].finals, 41);
	story_end(&s);
}

static void nobody_is_there(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	world_cut(&s.world);
	side_ask(&s.world.side[NORTH], "duty-assessment", "2026-1", NULL);
	story_is(&s, "[   0] north asks about 2026-1 for duty-assessment\n"
		     "[   0] north cannot take it now: unreachable\n");
	story_end(&s);
}

/* Connected, but the partner has given no receipt for more than a minute. */
static void receipts_fail_to_come(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	side_ask(&s.world.side[NORTH], "duty-assessment", "2026-1", NULL);
	side_commit(&s.world.side[NORTH]);
	story_listen_again(&s);
	s.world.now_ms += CHANNEL_UNRECEIPTED_MS;
	side_ask(&s.world.side[NORTH], "duty-assessment", "2026-1", NULL);
	s.world.now_ms += 1;
	side_ask(&s.world.side[NORTH], "duty-assessment", "2026-1", NULL);
	story_is(&s, "[60000] north asks about 2026-1 for duty-assessment\n"
		     "[60000] north appends QUERY 3\n"
		     "[60001] north asks about 2026-1 for duty-assessment\n"
		     "[60001] north cannot take it now: busy\n");
	world_settle(&s.world);
	side_ask(&s.world.side[NORTH], "duty-assessment", "2026-1", NULL);
	world_settle(&s.world);
	assert_int_equal(s.world.side[NORTH].finals, 3);
	story_end(&s);
}

/* The window of entries without a receipt: 1,024, and not one question more. */
static void too_much_is_unreceipted(void **state)
{
	struct story s;
	struct draft filler = {.kind = KIND_ANCHOR};

	(void)state;
	story_begin(&s, true);
	while (channel_unreceipted(s.world.side[NORTH].channel) < CHANNEL_UNRECEIPTED_MOST - 1)
		side_append(&s.world.side[NORTH], &filler);
	story_listen_again(&s);
	side_ask(&s.world.side[NORTH], "duty-assessment", "2026-1", NULL);
	side_ask(&s.world.side[NORTH], "duty-assessment", "2026-1", NULL);
	story_is(&s, "[   0] north asks about 2026-1 for duty-assessment\n"
		     "[   0] north appends QUERY 1025\n"
		     "[   0] north asks about 2026-1 for duty-assessment\n"
		     "[   0] north cannot take it now: busy\n");
	world_settle(&s.world);
	assert_true(world_check_quiet(&s.world));
	story_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_rule_refuses),	    cmocka_unit_test(a_case_is_stated),
		cmocka_unit_test(a_dry_run_writes_nothing), cmocka_unit_test(the_agreement_has_its_days),
		cmocka_unit_test(only_one_side_agreed),	    cmocka_unit_test(the_day_is_used_up),
		cmocka_unit_test(nobody_is_there),	    cmocka_unit_test(receipts_fail_to_come),
		cmocka_unit_test(too_much_is_unreceipted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
