/* restart.c: either side is killed between any two steps of an exchange, or stops in order, and nothing is lost or done twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "story.h"

/* The smallest steps there are, of both sides in turn. */
static bool one_step(struct world *p, unsigned turn)
{
	struct side *s = &p->side[turn % 2];

	switch (turn / 2 % 3) {
	case 0:
		return side_read(s);
	case 1:
		return side_work(s);
	default:
		return side_commit(s);
	}
}

/* Plays that many steps that did something; false when there were not so many. */
static bool steps_play(struct world *p, unsigned steps)
{
	for (unsigned turn = 0, idle = 0; steps > 0 && idle < 6; turn++) {
		bool did = one_step(p, turn);

		idle = did ? 0 : idle + 1;
		steps -= did;
	}
	return steps == 0;
}

static void start_again(struct world *p, int who)
{
	side_start(&p->side[who]);
	world_connect(p);
	world_settle(p);
}

/* ---- two places, line by line ---- */

/* The question has left and is on disk in the north only. */
static void north_is_killed_after_it_asked(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	side_ask(&s.world.side[NORTH], "duty-assessment", "2026-1", NULL);
	side_commit(&s.world.side[NORTH]);
	side_crash(&s.world.side[NORTH]);
	start_again(&s.world, NORTH);
	story_is(&s, "[   0] north asks about 2026-1 for duty-assessment\n"
		     "[   0] north appends QUERY 2\n"
		     "[   0] north is killed\n"
		     "[   0] north starts\n"
		     "[   0] north appends GENESIS 0\n"
		     "[   0] north appends TALLY 1\n"
		     "[   0] north appends AGREE 2\n"
		     "[   0] north and south connect\n"
		     "[   0] north > receipt 2 of channel customs\n"
		     "[   0] south > receipt 2 of channel customs\n"
		     "[   0] north > entries 2 to 2 from the ledger\n"
		     "[   0] north > entries 0 to 2 from the ledger\n"
		     "[   0] north > checkpoint 3 of channel customs\n"
		     "[   0] south > checkpoint 2 of channel customs\n"
		     "[   0] south takes QUERY 2\n"
		     "[   0] south looks up clause 7\n"
		     "[   0] south takes GENESIS 0\n"
		     "[   0] south takes TALLY 1\n"
		     "[   0] south takes AGREE 2\n"
		     "[   0] south appends REPLY 2: ok\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] south > checkpoint 3 of channel customs\n"
		     "[   0] north takes REPLY 2: ok\n"
		     "[   0] north tells: answered ok, status released\n"
		     "[   0] north > receipt 3 of channel customs\n");
	assert_true(world_check_quiet(&s.world));
	story_end(&s);
}

/* The same, but the question never reached the disk: nobody has ever asked. */
static void north_is_killed_before_its_disk_wrote(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	side_ask(&s.world.side[NORTH], "duty-assessment", "2026-1", NULL);
	side_crash(&s.world.side[NORTH]);
	start_again(&s.world, NORTH);
	story_is(&s, "[   0] north asks about 2026-1 for duty-assessment\n"
		     "[   0] north appends QUERY 2\n"
		     "[   0] north is killed\n"
		     "[   0] north starts\n"
		     "[   0] north appends GENESIS 0\n"
		     "[   0] north appends TALLY 1\n"
		     "[   0] north appends AGREE 2\n"
		     "[   0] north and south connect\n"
		     "[   0] north > receipt 2 of channel customs\n"
		     "[   0] north > entries 0 to 2 from the ledger\n"
		     "[   0] north > checkpoint 3 of channel customs\n"
		     "[   0] south > checkpoint 2 of channel customs\n"
		     "[   0] south takes GENESIS 0\n"
		     "[   0] south takes TALLY 1\n"
		     "[   0] south takes AGREE 2\n"
		     "[   0] south > receipt 3 of channel customs\n");
	assert_int_equal(s.world.side[NORTH].disk.nexchanges + s.world.side[SOUTH].disk.nexchanges, 0);
	assert_true(world_check_quiet(&s.world));
	story_end(&s);
}

/* South has the question on disk and its worker is looking. */
static void south_is_killed_while_it_looks(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	s.world.silent_worker = true;
	side_ask(&s.world.side[NORTH], "duty-assessment", "2026-1", NULL);
	world_settle(&s.world);
	s.world.silent_worker = false;
	side_crash(&s.world.side[SOUTH]);
	start_again(&s.world, SOUTH);
	story_is(&s, "[   0] north asks about 2026-1 for duty-assessment\n"
		     "[   0] north appends QUERY 2\n"
		     "[   0] north > checkpoint 3 of channel customs\n"
		     "[   0] south takes QUERY 2\n"
		     "[   0] south looks up clause 7\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] south is killed\n"
		     "[   0] south starts\n"
		     "[   0] south appends GENESIS 0\n"
		     "[   0] south appends TALLY 1\n"
		     "[   0] south appends AGREE 2\n"
		     "[   0] north and south connect\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] south looks up clause 7\n"
		     "[   0] north > checkpoint 3 of channel customs\n"
		     "[   0] south > entries 0 to 2 from the ledger\n"
		     "[   0] south > checkpoint 3 of channel customs\n"
		     "[   0] south appends REPLY 3: ok\n"
		     "[   0] north takes GENESIS 0\n"
		     "[   0] north takes TALLY 1\n"
		     "[   0] north takes AGREE 2\n"
		     "[   0] south > checkpoint 4 of channel customs\n"
		     "[   0] north takes REPLY 3: ok\n"
		     "[   0] north > receipt 3 of channel customs\n"
		     "[   0] north tells: answered ok, status released\n"
		     "[   0] north > receipt 4 of channel customs\n");
	assert_true(world_check_quiet(&s.world));
	story_end(&s);
}

/* ---- every place ---- */

static void outcome_check(const struct world *p)
{
	const struct side *north = &p->side[NORTH], *south = &p->side[SOUTH];

	assert_int_equal(north->disk.nexchanges, north->disk.nanswers);
	assert_int_equal(south->disk.nexchanges, south->disk.nanswers);
	assert_int_equal(north->disk.nexchanges, south->disk.nexchanges);
	assert_true(north->disk.nexchanges <= 1);
	assert_true(north->finals <= north->disk.nexchanges);
	assert_true(south->lookups <= 2); /* a repeatable question may be looked up again */
	assert_int_equal(north->alarms + south->alarms, 0);
}

/* Kills `who` after that many steps of one exchange. False when the exchange was over before. */
static bool killed_after(unsigned steps, int who, enum world_break broken, char *fault)
{
	struct story s;

	story_begin(&s, true);
	side_ask(&s.world.side[NORTH], "duty-assessment", "2026-1", NULL);
	bool more = steps_play(&s.world, steps);
	s.world.broken = broken;
	side_crash(&s.world.side[who]);
	s.world.broken = BREAK_NOTHING;
	start_again(&s.world, who);
	if (broken == BREAK_NOTHING) {
		assert_true(world_check_quiet(&s.world));
		outcome_check(&s.world);
	} else if (world_check_quiet(&s.world) && s.world.side[NORTH].alarms + s.world.side[SOUTH].alarms > 0) {
		snprintf(s.world.fault, sizeof s.world.fault, "alarm");
	}
	snprintf(fault, FAULT_MOST, "%s", s.world.fault);
	s.world.fault[0] = '\0';
	story_end(&s);
	return more;
}

static void either_is_killed_between_any_two_steps(void **state)
{
	char	 fault[FAULT_MOST];
	unsigned places = 0;

	(void)state;
	for (int who = NORTH; who <= SOUTH; who++)
		for (unsigned steps = 0; killed_after(steps, who, BREAK_NOTHING, fault); steps++)
			places++;
	assert_true(places > 20); /* else the exchange was not played step by step */
}

/*
 * Its sibling: a disk that loses an entry it had called durable is found out, unless the partner still has
 * it to deliver: north's last REPLY, for which south holds no receipt that north remembers.
 */
static void a_disk_that_loses_is_found_out(void **state)
{
	char	 fault[FAULT_MOST];
	unsigned found = 0, healed = 0;

	(void)state;
	for (int who = NORTH; who <= SOUTH; who++)
		for (unsigned steps = 0; killed_after(steps, who, BREAK_LOSE, fault); steps++) {
			found += fault[0] != '\0';
			healed += fault[0] == '\0';
		}
	assert_true(found > 20);
	assert_int_equal(healed, 2);
}

/* Both are killed, one after the other, at every pair of places. */
static void both_are_killed(void **state)
{
	(void)state;
	for (unsigned first = 0; first < 16; first++)
		for (unsigned second = 0; second < 16; second++) {
			struct story s;

			story_begin(&s, true);
			side_ask(&s.world.side[NORTH], "duty-assessment", "2026-1", NULL);
			steps_play(&s.world, first);
			side_crash(&s.world.side[SOUTH]);
			side_start(&s.world.side[SOUTH]);
			world_connect(&s.world);
			steps_play(&s.world, second);
			side_crash(&s.world.side[NORTH]);
			start_again(&s.world, NORTH);
			assert_true(world_check_quiet(&s.world));
			story_end(&s);
		}
}

/* The wire is cut instead; nobody is killed, so no epoch is new and nothing at all is lost. */
static void the_wire_is_cut_between_any_two_steps(void **state)
{
	bool more = true;

	(void)state;
	for (unsigned steps = 0; more; steps++) {
		struct story s;

		story_begin(&s, true);
		side_ask(&s.world.side[NORTH], "duty-assessment", "2026-1", NULL);
		more = steps_play(&s.world, steps);
		world_cut(&s.world);
		world_connect(&s.world);
		world_settle(&s.world);
		assert_true(world_check_quiet(&s.world));
		assert_int_equal(s.world.side[NORTH].finals, 1);
		assert_int_equal(s.world.side[SOUTH].lookups, 1);
		assert_int_equal(s.world.side[NORTH].disk.nlogs, 2);
		story_end(&s);
	}
}

/* ---- in order ---- */

/* The last entry of the epoch counts it; the next epoch names it and counts it again. */
static void south_stops_in_order_and_comes_back(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	side_ask(&s.world.side[NORTH], "duty-assessment", "2026-1", NULL);
	world_settle(&s.world);
	story_listen_again(&s);
	side_stop(&s.world.side[SOUTH]);
	start_again(&s.world, SOUTH);
	story_is(&s, "[   0] south appends TALLY 3\n"
		     "[   0] south > checkpoint 4 of channel customs\n"
		     "[   0] south stops in order\n"
		     "[   0] south is killed\n"
		     "[   0] south starts\n"
		     "[   0] south appends GENESIS 0\n"
		     "[   0] south appends TALLY 1\n"
		     "[   0] south appends AGREE 2\n"
		     "[   0] north and south connect\n"
		     "[   0] north > receipt 3 of channel customs\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] north > checkpoint 3 of channel customs\n"
		     "[   0] south > entries 3 to 3 from the ledger\n"
		     "[   0] south > entries 0 to 2 from the ledger\n"
		     "[   0] south > checkpoint 3 of channel customs\n"
		     "[   0] north takes TALLY 3\n"
		     "[   0] north takes GENESIS 0\n"
		     "[   0] north takes TALLY 1\n"
		     "[   0] north takes AGREE 2\n"
		     "[   0] north > receipt 4 of channel customs\n"
		     "[   0] north > receipt 3 of channel customs\n");
	assert_true(world_check_quiet(&s.world));
	story_end(&s);
}

/* What arrives while south is stopping is answered by its next epoch. */
static void a_question_meets_a_stop(void **state)
{
	struct story	     s;
	struct channel_event end = {.type = EVENT_CLOSE};

	(void)state;
	story_begin(&s, true);
	side_ask(&s.world.side[NORTH], "duty-assessment", "2026-1", NULL);
	side_commit(&s.world.side[NORTH]);
	side_work(&s.world.side[NORTH]);
	side_step(&s.world.side[SOUTH], &end);
	world_settle(&s.world);
	side_stop(&s.world.side[SOUTH]);
	start_again(&s.world, SOUTH);
	story_is(&s, "[   0] north asks about 2026-1 for duty-assessment\n"
		     "[   0] north appends QUERY 2\n"
		     "[   0] north > checkpoint 3 of channel customs\n"
		     "[   0] south appends TALLY 2\n"
		     "[   0] south takes QUERY 2\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] south > checkpoint 3 of channel customs\n"
		     "[   0] north takes TALLY 2\n"
		     "[   0] north > receipt 3 of channel customs\n"
		     "[   0] south stops in order\n"
		     "[   0] south is killed\n"
		     "[   0] south starts\n"
		     "[   0] south appends GENESIS 0\n"
		     "[   0] south appends TALLY 1\n"
		     "[   0] south appends AGREE 2\n"
		     "[   0] north and south connect\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] south looks up clause 7\n"
		     "[   0] north > checkpoint 3 of channel customs\n"
		     "[   0] south > entries 0 to 2 from the ledger\n"
		     "[   0] south > checkpoint 3 of channel customs\n"
		     "[   0] south appends REPLY 3: ok\n"
		     "[   0] north takes GENESIS 0\n"
		     "[   0] north takes TALLY 1\n"
		     "[   0] north takes AGREE 2\n"
		     "[   0] south > checkpoint 4 of channel customs\n"
		     "[   0] north takes REPLY 3: ok\n"
		     "[   0] north > receipt 3 of channel customs\n"
		     "[   0] north tells: answered ok, status released\n"
		     "[   0] north > receipt 4 of channel customs\n");
	assert_true(world_check_quiet(&s.world));
	story_end(&s);
}

/* The first turn of a new day of UTC counts what was said, once. */
static void a_new_day_begins(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	side_ask(&s.world.side[NORTH], "duty-assessment", "2026-1", NULL);
	world_settle(&s.world);
	story_listen_again(&s);
	s.world.now_ms += 86400000;
	for (int i = 0; i < 2; i++) {
		side_tick(&s.world.side[NORTH]);
		side_tick(&s.world.side[SOUTH]);
	}
	world_settle(&s.world);
	story_is(&s, "[86400000] north appends TALLY 3\n"
		     "[86400000] south appends TALLY 3\n"
		     "[86400000] north > checkpoint 4 of channel customs\n"
		     "[86400000] south takes TALLY 3\n"
		     "[86400000] south > checkpoint 4 of channel customs\n"
		     "[86400000] north takes TALLY 3\n"
		     "[86400000] south > receipt 4 of channel customs\n"
		     "[86400000] north > receipt 4 of channel customs\n");
	assert_true(world_check_quiet(&s.world));
	story_end(&s);
}

/* More entries wait than the partner gives credit for, in the open epoch and in the one before: none is stuck. */
static void more_than_a_window_waits(void **state)
{
	struct story s;
	struct draft filler = {.kind = KIND_ANCHOR};
	struct side *north = &s.world.side[NORTH];

	(void)state;
	story_begin(&s, true);
	world_cut(&s.world);
	for (int epoch = 0; epoch < 2; epoch++) {
		for (int i = 0; i < 2 * CHANNEL_WINDOW; i++) {
			side_append(north, &filler);
			if (i % 500 == 0)
				while (side_commit(north) || side_work(north))
					;
		}
		while (side_commit(north) || side_work(north))
			;
		if (epoch == 0) {
			side_crash(north);
			side_start(north);
		}
	}
	world_connect(&s.world);
	world_settle(&s.world);
	assert_true(world_check_quiet(&s.world));
	story_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(north_is_killed_after_it_asked),
		cmocka_unit_test(north_is_killed_before_its_disk_wrote),
		cmocka_unit_test(south_is_killed_while_it_looks),
		cmocka_unit_test(either_is_killed_between_any_two_steps),
		cmocka_unit_test(a_disk_that_loses_is_found_out),
		cmocka_unit_test(both_are_killed),
		cmocka_unit_test(the_wire_is_cut_between_any_two_steps),
		cmocka_unit_test(south_stops_in_order_and_comes_back),
		cmocka_unit_test(a_question_meets_a_stop),
		cmocka_unit_test(more_than_a_window_waits),
		cmocka_unit_test(a_new_day_begins),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
