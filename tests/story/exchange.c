/* exchange.c: a question between two sides that keep the rules, and every way in which it is answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "story.h"

static void a_question_is_answered(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	side_ask(&s.world.side[NORTH], "duty-assessment", "2026-1", NULL);
	world_settle(&s.world);
	story_is(&s, "[   0] north asks about 2026-1 for duty-assessment\n"
		     "[   0] north appends QUERY 2\n"
		     "[   0] north > checkpoint 3 of channel customs\n"
		     "[   0] south takes QUERY 2\n"
		     "[   0] south looks up clause 7\n"
		     "[   0] south appends REPLY 2: ok\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] south > checkpoint 3 of channel customs\n"
		     "[   0] north takes REPLY 2: ok\n"
		     "[   0] north tells: answered ok, status released\n"
		     "[   0] north > receipt 3 of channel customs\n");
	assert_int_equal(s.world.side[NORTH].last.state, EXCHANGE_ANSWERED);
	assert_true(s.world.side[NORTH].last.receipt_held);
	assert_true(world_check_quiet(&s.world));
	story_end(&s);
}

/* The two differ in nothing that a listener could count: the same entries, checkpoints and receipts. */
static void nothing_is_found(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	side_ask(&s.world.side[NORTH], "duty-assessment", "0-unknown", NULL);
	world_settle(&s.world);
	story_is(&s, "[   0] north asks about 0-unknown for duty-assessment\n"
		     "[   0] north appends QUERY 2\n"
		     "[   0] north > checkpoint 3 of channel customs\n"
		     "[   0] south takes QUERY 2\n"
		     "[   0] south looks up clause 7\n"
		     "[   0] south appends REPLY 2: no-hit\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] south > checkpoint 3 of channel customs\n"
		     "[   0] north takes REPLY 2: no-hit\n"
		     "[   0] north tells: answered no-hit\n"
		     "[   0] north > receipt 3 of channel customs\n");
	assert_true(world_check_quiet(&s.world));
	story_end(&s);
}

static void two_questions_share_their_checkpoints(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	side_ask(&s.world.side[NORTH], "duty-assessment", "2026-1", NULL);
	side_ask(&s.world.side[NORTH], "duty-assessment", "0-unknown", NULL);
	world_settle(&s.world);
	story_is(&s, "[   0] north asks about 2026-1 for duty-assessment\n"
		     "[   0] north appends QUERY 2\n"
		     "[   0] north asks about 0-unknown for duty-assessment\n"
		     "[   0] north appends QUERY 3\n"
		     "[   0] north > checkpoint 4 of channel customs\n"
		     "[   0] south takes QUERY 2\n"
		     "[   0] south looks up clause 7\n"
		     "[   0] south takes QUERY 3\n"
		     "[   0] south looks up clause 7\n"
		     "[   0] south appends REPLY 2: ok\n"
		     "[   0] south appends REPLY 3: no-hit\n"
		     "[   0] south > receipt 4 of channel customs\n"
		     "[   0] south > checkpoint 4 of channel customs\n"
		     "[   0] north takes REPLY 2: ok\n"
		     "[   0] north takes REPLY 3: no-hit\n"
		     "[   0] north tells: answered ok, status released\n"
		     "[   0] north tells: answered no-hit\n"
		     "[   0] north > receipt 4 of channel customs\n");
	story_end(&s);
}

/* Both sides ask at once, each under its own clause. */
static void questions_cross(void **state)
{
	struct story	     s;
	struct side_question back = {.clause = 9, .purpose = "duty-assessment", .declaration = "2026-9"};

	(void)state;
	story_begin(&s, true);
	side_ask(&s.world.side[NORTH], "duty-assessment", "2026-1", NULL);
	side_ask_with(&s.world.side[SOUTH], &back);
	world_settle(&s.world);
	story_is(&s, "[   0] north asks about 2026-1 for duty-assessment\n"
		     "[   0] north appends QUERY 2\n"
		     "[   0] south asks about 2026-9 for duty-assessment\n"
		     "[   0] south appends QUERY 2\n"
		     "[   0] north > checkpoint 3 of channel customs\n"
		     "[   0] south takes QUERY 2\n"
		     "[   0] south looks up clause 7\n"
		     "[   0] south > checkpoint 3 of channel customs\n"
		     "[   0] south appends REPLY 3: ok\n"
		     "[   0] north takes QUERY 2\n"
		     "[   0] north looks up clause 9\n"
		     "[   0] north appends REPLY 3: ok\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] south > checkpoint 4 of channel customs\n"
		     "[   0] north takes REPLY 3: ok\n"
		     "[   0] north > receipt 3 of channel customs\n"
		     "[   0] north > checkpoint 4 of channel customs\n"
		     "[   0] north tells: answered ok, status released\n"
		     "[   0] south takes REPLY 3: ok\n"
		     "[   0] south tells: answered ok, status released\n"
		     "[   0] north > receipt 4 of channel customs\n"
		     "[   0] south > receipt 4 of channel customs\n");
	assert_true(world_check_quiet(&s.world));
	story_end(&s);
}

static void the_provider_refuses_for_a_reason_of_the_clause(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	s.world.outcome = FOUND_REFUSED;
	side_ask(&s.world.side[NORTH], "duty-assessment", "2026-1", NULL);
	world_settle(&s.world);
	story_is(&s, "[   0] north asks about 2026-1 for duty-assessment\n"
		     "[   0] north appends QUERY 2\n"
		     "[   0] north > checkpoint 3 of channel customs\n"
		     "[   0] south takes QUERY 2\n"
		     "[   0] south looks up clause 7\n"
		     "[   0] south appends REPLY 2: refused\n"
		     "[   0] south answers refused: inquiry-under-way by rule 7/refuse-for\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] south > checkpoint 3 of channel customs\n"
		     "[   0] north takes REPLY 2: refused\n"
		     "[   0] north tells: refused: inquiry-under-way by rule 7/refuse-for\n"
		     "[   0] north > receipt 3 of channel customs\n");
	story_end(&s);
}

static void the_provider_refuses_for_a_reason_that_nobody_agreed(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	s.world.outcome = FOUND_REFUSED;
	s.world.reason = "bad-weather";
	side_ask(&s.world.side[NORTH], "duty-assessment", "2026-1", NULL);
	world_settle(&s.world);
	story_is(&s, "[   0] north asks about 2026-1 for duty-assessment\n"
		     "[   0] north appends QUERY 2\n"
		     "[   0] north > checkpoint 3 of channel customs\n"
		     "[   0] south takes QUERY 2\n"
		     "[   0] south looks up clause 7\n"
		     "[   0] south appends REPLY 2: error\n"
		     "[   0] south answers error: provider-failed\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] south > checkpoint 3 of channel customs\n"
		     "[   0] north takes REPLY 2: error\n"
		     "[   0] north tells: failed: provider-failed\n"
		     "[   0] north > receipt 3 of channel customs\n");
	story_end(&s);
}

static void the_provider_fails(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	s.world.outcome = FOUND_ERROR;
	side_ask(&s.world.side[NORTH], "duty-assessment", "2026-1", NULL);
	world_settle(&s.world);
	story_is(&s, "[   0] north asks about 2026-1 for duty-assessment\n"
		     "[   0] north appends QUERY 2\n"
		     "[   0] north > checkpoint 3 of channel customs\n"
		     "[   0] south takes QUERY 2\n"
		     "[   0] south looks up clause 7\n"
		     "[   0] south appends REPLY 2: error\n"
		     "[   0] south answers error: provider-failed\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] south > checkpoint 3 of channel customs\n"
		     "[   0] north takes REPLY 2: error\n"
		     "[   0] north tells: failed: provider-failed\n"
		     "[   0] north > receipt 3 of channel customs\n");
	story_end(&s);
}

/* What the clause does not permit does not leave; a person in the south is told. */
static void the_provider_answers_outside_the_clause(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	s.world.found = "confiscated";
	side_ask(&s.world.side[NORTH], "duty-assessment", "2026-1", NULL);
	world_settle(&s.world);
	story_is(&s, "[   0] north asks about 2026-1 for duty-assessment\n"
		     "[   0] north appends QUERY 2\n"
		     "[   0] north > checkpoint 3 of channel customs\n"
		     "[   0] south takes QUERY 2\n"
		     "[   0] south looks up clause 7\n"
		     "[   0] south ALARM: the provider of clause 7 answered outside the clause (7/answer/status): not sent\n"
		     "[   0] south appends REPLY 2: error\n"
		     "[   0] south answers error: provider-failed by rule 7/answer/status\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] south > checkpoint 3 of channel customs\n"
		     "[   0] north takes REPLY 2: error\n"
		     "[   0] north tells: failed: provider-failed by rule 7/answer/status\n"
		     "[   0] north > receipt 3 of channel customs\n");
	assert_int_equal(s.world.side[SOUTH].alarms, 0); /* nobody's breach: the channel goes on */
	s.world.found = NULL;
	side_ask(&s.world.side[NORTH], "duty-assessment", "2026-1", NULL);
	world_settle(&s.world);
	assert_int_equal(s.world.side[NORTH].last.state, EXCHANGE_ANSWERED);
	story_end(&s);
}

/* A worker that never comes back: when the question's life is over the south says so. */
static void the_provider_is_silent(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	s.world.silent_worker = true;
	side_ask(&s.world.side[NORTH], "duty-assessment", "2026-1", NULL);
	world_settle(&s.world);
	s.world.now_ms += 2000 + CHANNEL_QUESTION_SLACK_MS + 1; /* clause 7 is answered within 2 seconds */
	side_tick(&s.world.side[SOUTH]);
	world_settle(&s.world);
	story_is(&s, "[   0] north asks about 2026-1 for duty-assessment\n"
		     "[   0] north appends QUERY 2\n"
		     "[   0] north > checkpoint 3 of channel customs\n"
		     "[   0] south takes QUERY 2\n"
		     "[   0] south looks up clause 7\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[362001] south appends REPLY 2: error\n"
		     "[362001] south answers error: provider-failed\n"
		     "[362001] south > checkpoint 3 of channel customs\n"
		     "[362001] north takes REPLY 2: error\n"
		     "[362001] north tells: failed: provider-failed\n"
		     "[362001] north > receipt 3 of channel customs\n");
	story_end(&s);
}

/* A disk that says durable too early: the keeper is asked for what may be lost, and the harness notices. */
static void a_lying_disk_is_noticed(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	s.world.broken = BREAK_EARLY;
	side_ask(&s.world.side[NORTH], "duty-assessment", "2026-1", NULL);
	world_settle(&s.world);
	story_end_broken(&s, "north asked for a checkpoint over entries that are not durable");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_question_is_answered),
		cmocka_unit_test(nothing_is_found),
		cmocka_unit_test(two_questions_share_their_checkpoints),
		cmocka_unit_test(questions_cross),
		cmocka_unit_test(the_provider_refuses_for_a_reason_of_the_clause),
		cmocka_unit_test(the_provider_refuses_for_a_reason_that_nobody_agreed),
		cmocka_unit_test(the_provider_fails),
		cmocka_unit_test(the_provider_answers_outside_the_clause),
		cmocka_unit_test(the_provider_is_silent),
		cmocka_unit_test(a_lying_disk_is_noticed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
