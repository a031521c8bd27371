/*
 * recovery.c: ledgers that were put back to an older copy or lost whole, on either side, on both, again and again, and
 * killed while they take in what they lost. Beside the stories stand some in which the harness does not keep its word.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "story.h"

static struct side *north(struct story *s)
{
	return &s->world.side[NORTH];
}

static struct side *south(struct story *s)
{
	return &s->world.side[SOUTH];
}

/* The ledger is put back to its first copy, and the two go on. */
static void put_back(struct story *s, int who)
{
	gateway_restore(&s->world.gateway[who], 0);
	side_start(&s->world.side[who]);
	story_meet(s);
}

/* No copy was kept: the ledger begins anew. */
static void lose_everything(struct gateway *g)
{
	struct backup nothing = {0};

	gateway_crash(g);
	world_trace(g->side[0], "loses its ledger");
	for (unsigned i = 0; i < g->nsides; i++)
		disk_done(&g->side[i]->disk);
	g->lives++;
	check_restored(g, &nothing);
}

static unsigned taken_in(const struct side *s)
{
	unsigned n = 0;

	for (size_t i = 0; i < s->disk.nlogs; i++)
		n += s->disk.log[i].own && s->disk.log[i].n > 0 && !s->disk.log[i].opened;
	return n;
}

/* ---- the author is put back ---- */

/*
 * North loses the end of one epoch and all of the next: its questions come back in them, each epoch is adopted, and what
 * south answered comes as in any session.
 */
static void the_author_takes_its_questions_in_again(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	gateway_backup(&s.world.gateway[NORTH]);
	story_exchange(&s);
	story_starts_again(&s, NORTH);
	story_exchange(&s);
	story_listen_again(&s);
	put_back(&s, NORTH);
	story_is(&s, "[   0] north is killed\n"
		     "[   0] north is put back to backup 0 of 0\n"
		     "[   0] north starts\n"
		     "[   0] north appends GENESIS 0\n"
		     "[   0] north appends TALLY 1\n"
		     "[   0] north appends AGREE 2\n"
		     "[   0] north and south connect\n"
		     "[   0] north > GET 2 to 2\n"
		     "[   0] north > receipt 2 of channel customs\n"
		     "[   0] north > entries 0 to 2 from the ledger\n"
		     "[   0] north > checkpoint 3 of channel customs\n"
		     "[   0] south > RANGE 2 to 3 of the other's log, proved\n"
		     "[   0] south ALARM: the partner went on from an older copy of its ledger than is held here: nothing it says is acted on before "
		     "it has taken in the rest\n"
		     "[   0] south takes GENESIS 0\n"
		     "[   0] south takes TALLY 1\n"
		     "[   0] south takes AGREE 2\n"
		     "[   0] north takes in again QUERY 2\n"
		     "[   0] north > GET 0 to 3\n"
		     "[   0] south > RANGE 0 to 4 of the other's log, proved\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] north takes in again GENESIS 0\n"
		     "[   0] north takes in again TALLY 1\n"
		     "[   0] north takes in again AGREE 2\n"
		     "[   0] north takes in again QUERY 3\n"
		     "[   0] north appends ADOPT 3\n"
		     "[   0] north appends ADOPT 4\n"
		     "[   0] north > entries 3 to 4 from the ledger\n"
		     "[   0] north closes: entries of ours were taken in again: dial again\n"
		     "[   0] north and south connect\n"
		     "[   0] north > receipt 2 of channel customs\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] south > receipt 4 of channel customs\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] north > entries 3 to 4 from the ledger\n"
		     "[   0] north > checkpoint 5 of channel customs\n"
		     "[   0] south > entries 2 to 3 from the ledger\n"
		     "[   0] south > checkpoint 4 of channel customs\n"
		     "[   0] south takes ADOPT 3\n"
		     "[   0] south takes ADOPT 4\n"
		     "[   0] north takes REPLY 2: ok\n"
		     "[   0] north takes REPLY 3: ok\n"
		     "[   0] north tells: answered ok, status released\n"
		     "[   0] north tells: answered ok, status released\n"
		     "[   0] south > receipt 5 of channel customs\n"
		     "[   0] north > receipt 4 of channel customs\n");
	assert_int_equal(taken_in(north(&s)), 1);
	assert_int_equal(south(&s)->lookups, 2);
	story_is_well(&s, 2);
	story_end(&s);
}

/* An ADOPT that never arrives: the reader waits, and what should be quiet is not. */
static void an_adopt_that_never_arrives(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	gateway_backup(&s.world.gateway[NORTH]);
	story_exchange(&s);
	s.world.broken = BREAK_ADOPT;
	gateway_restore(&s.world.gateway[NORTH], 0);
	side_start(north(&s));
	for (int i = 0; i < 3; i++) {
		world_connect(&s.world);
		world_settle(&s.world);
	}
	assert_true(channel_waiting(south(&s)->channel));
	assert_false(world_check_quiet(&s.world));
	story_end_broken(&s, "the ledgers differ: north's log is 3 there and 4 here");
}

/* South has the copy, and one bit of what it shows is another: nothing of it is kept. */
static void a_copy_that_is_spoilt(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	gateway_backup(&s.world.gateway[NORTH]);
	story_exchange(&s);
	s.world.broken = BREAK_RANGE;
	gateway_restore(&s.world.gateway[NORTH], 0);
	side_start(north(&s));
	world_connect(&s.world);
	world_settle(&s.world);
	assert_false(channel_connected(north(&s)->channel));
	assert_int_equal(north(&s)->disk.log[0].n, 2);
	assert_int_equal(north(&s)->disk.nexchanges, 0);
	story_end(&s);
}

/* ---- the answerer is put back ---- */

/* South's answer comes back before the question does, which is sent again: it is neither looked up nor answered again. */
static void the_answerer_takes_its_answers_in_again(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	gateway_backup(&s.world.gateway[SOUTH]);
	story_exchange(&s);
	story_starts_again(&s, SOUTH);
	story_exchange(&s);
	story_listen_again(&s);
	put_back(&s, SOUTH);
	story_is(&s, "[   0] south is killed\n"
		     "[   0] south is put back to backup 0 of 0\n"
		     "[   0] south starts\n"
		     "[   0] south appends GENESIS 0\n"
		     "[   0] south appends TALLY 1\n"
		     "[   0] south appends AGREE 2\n"
		     "[   0] north and south connect\n"
		     "[   0] south > GET 2 to 2\n"
		     "[   0] south > receipt 2 of channel customs\n"
		     "[   0] north > RANGE 2 to 3 of the other's log, proved\n"
		     "[   0] south > entries 0 to 2 from the ledger\n"
		     "[   0] south takes in again REPLY 2: ok\n"
		     "[   0] south > GET 0 to 3\n"
		     "[   0] south > checkpoint 3 of channel customs\n"
		     "[   0] north > RANGE 0 to 4 of the other's log, proved\n"
		     "[   0] north ALARM: the partner went on from an older copy of its ledger than is held here: nothing it says is acted on before "
		     "it has taken in the rest\n"
		     "[   0] north takes GENESIS 0\n"
		     "[   0] north takes TALLY 1\n"
		     "[   0] north takes AGREE 2\n"
		     "[   0] south takes in again GENESIS 0\n"
		     "[   0] south takes in again TALLY 1\n"
		     "[   0] south takes in again AGREE 2\n"
		     "[   0] south takes in again REPLY 3: ok\n"
		     "[   0] south appends ADOPT 3\n"
		     "[   0] south appends ADOPT 4\n"
		     "[   0] south > entries 3 to 4 from the ledger\n"
		     "[   0] north > receipt 3 of channel customs\n"
		     "[   0] south closes: entries of ours were taken in again: dial again\n"
		     "[   0] north and south connect\n"
		     "[   0] north > receipt 3 of channel customs\n"
		     "[   0] north > receipt 4 of channel customs\n"
		     "[   0] north > receipt 3 of channel customs\n"
		     "[   0] south > receipt 2 of channel customs\n"
		     "[   0] north > entries 2 to 3 from the ledger\n"
		     "[   0] north > checkpoint 4 of channel customs\n"
		     "[   0] south > entries 3 to 4 from the ledger\n"
		     "[   0] south > checkpoint 5 of channel customs\n"
		     "[   0] south takes QUERY 2\n"
		     "[   0] south takes QUERY 3\n"
		     "[   0] north takes ADOPT 3\n"
		     "[   0] north takes ADOPT 4\n"
		     "[   0] south > receipt 4 of channel customs\n"
		     "[   0] north > receipt 5 of channel customs\n");
	assert_int_equal(south(&s)->lookups, 2);
	story_is_well(&s, 2);
	story_end(&s);
}

/* South has the question and no answer in its copy: it waits with it until its own entries are there. */
static void a_question_that_the_copy_holds_unanswered(struct story *s)
{
	story_begin(s, true);
	s->world.silent_worker = true;
	story_exchange(s);
	gateway_backup(&s->world.gateway[SOUTH]);
	s->world.silent_worker = false;
	story_starts_again(s, SOUTH);
	assert_int_equal(north(s)->finals, 1);
	story_listen_again(s);
}

static void what_was_answered_since_the_copy_is_not_answered_again(void **state)
{
	struct story s;

	(void)state;
	a_question_that_the_copy_holds_unanswered(&s);
	put_back(&s, SOUTH);
	story_is(&s, "[   0] south is killed\n"
		     "[   0] south is put back to backup 0 of 0\n"
		     "[   0] south starts\n"
		     "[   0] south appends GENESIS 0\n"
		     "[   0] south appends TALLY 1\n"
		     "[   0] south appends AGREE 2\n"
		     "[   0] north and south connect\n"
		     "[   0] south > GET 0 to 3\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] north > RANGE 0 to 4 of the other's log, proved\n"
		     "[   0] south > entries 0 to 2 from the ledger\n"
		     "[   0] south takes in again GENESIS 0\n"
		     "[   0] south takes in again TALLY 1\n"
		     "[   0] south takes in again AGREE 2\n"
		     "[   0] south takes in again REPLY 3: ok\n"
		     "[   0] south appends ADOPT 3\n"
		     "[   0] south > entries 3 to 3 from the ledger\n"
		     "[   0] south > checkpoint 3 of channel customs\n"
		     "[   0] north ALARM: the partner went on from an older copy of its ledger than is held here: nothing it says is acted on before "
		     "it has taken in the rest\n"
		     "[   0] north takes GENESIS 0\n"
		     "[   0] north takes TALLY 1\n"
		     "[   0] north takes AGREE 2\n"
		     "[   0] south closes: entries of ours were taken in again: dial again\n"
		     "[   0] north and south connect\n"
		     "[   0] north > receipt 4 of channel customs\n"
		     "[   0] north > receipt 3 of channel customs\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] north > checkpoint 3 of channel customs\n"
		     "[   0] south > entries 3 to 3 from the ledger\n"
		     "[   0] south > checkpoint 4 of channel customs\n"
		     "[   0] north takes ADOPT 3\n"
		     "[   0] north > receipt 4 of channel customs\n");
	assert_int_equal(south(&s)->lookups, 2); /* as before it was put back */
	story_is_well(&s, 1);
	story_end(&s);
}

/* Who does not remember what came back answers again, and its log shows it. */
static void an_answer_that_came_back_and_was_forgotten(void **state)
{
	struct story s;

	(void)state;
	a_question_that_the_copy_holds_unanswered(&s);
	s.world.broken = BREAK_ANSWERED;
	put_back(&s, SOUTH);
	assert_false(world_check_quiet(&s.world));
	story_end_broken(&s, "south answered the same question twice");
}

/* Both ways at once: south has asked as well, and everything of both logs that it lost comes back to it. */
static void what_the_reader_had_receipted_is_sent_again(void **state)
{
	struct side_question back = {.clause = 9, .purpose = "duty-assessment", .declaration = "2026-1"};
	struct story	     s;

	(void)state;
	story_begin(&s, true);
	gateway_backup(&s.world.gateway[SOUTH]);
	story_exchange(&s);
	side_ask_with(south(&s), &back);
	world_settle(&s.world);
	story_starts_again(&s, NORTH); /* so that what south had receipted is of older epochs */
	story_starts_again(&s, NORTH);
	story_listen_again(&s);
	put_back(&s, SOUTH);
	story_is(&s, "[   0] south is killed\n"
		     "[   0] south is put back to backup 0 of 0\n"
		     "[   0] south starts\n"
		     "[   0] south appends GENESIS 0\n"
		     "[   0] south appends TALLY 1\n"
		     "[   0] south appends AGREE 2\n"
		     "[   0] north and south connect\n"
		     "[   0] north closes: the partner lost what it had receipted: dial again, and it is sent again\n"
		     "[   0] north and south connect\n"
		     "[   0] south > GET 2 to 3\n"
		     "[   0] south > receipt 2 of channel customs\n"
		     "[   0] north > RANGE 2 to 4 of the other's log, proved\n"
		     "[   0] south > entries 0 to 2 from the ledger\n"
		     "[   0] south > checkpoint 3 of channel customs\n"
		     "[   0] south takes in again REPLY 2: ok\n"
		     "[   0] south takes in again QUERY 3\n"
		     "[   0] south appends ADOPT 3\n"
		     "[   0] south > entries 3 to 3 from the ledger\n"
		     "[   0] north ALARM: the partner went on from an older copy of its ledger than is held here: nothing it says is acted on before "
		     "it has taken in the rest\n"
		     "[   0] north takes GENESIS 0\n"
		     "[   0] north takes TALLY 1\n"
		     "[   0] north takes AGREE 2\n"
		     "[   0] south closes: entries of ours were taken in again: dial again\n"
		     "[   0] north and south connect\n"
		     "[   0] north > receipt 4 of channel customs\n"
		     "[   0] north > receipt 3 of channel customs\n"
		     "[   0] south > receipt 2 of channel customs\n"
		     "[   0] north > entries 2 to 3 from the ledger\n"
		     "[   0] north > entries 0 to 2 from the ledger\n"
		     "[   0] north > entries 0 to 2 from the ledger\n"
		     "[   0] north > checkpoint 3 of channel customs\n"
		     "[   0] south > entries 3 to 3 from the ledger\n"
		     "[   0] south > checkpoint 4 of channel customs\n"
		     "[   0] south takes QUERY 2\n"
		     "[   0] south takes REPLY 3: ok\n"
		     "[   0] south takes GENESIS 0\n"
		     "[   0] south takes TALLY 1\n"
		     "[   0] south takes AGREE 2\n"
		     "[   0] south takes GENESIS 0\n"
		     "[   0] south takes TALLY 1\n"
		     "[   0] south takes AGREE 2\n"
		     "[   0] south tells: answered ok, status released\n"
		     "[   0] north takes ADOPT 3\n"
		     "[   0] south > receipt 4 of channel customs\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] north > receipt 4 of channel customs\n");
	assert_int_equal(south(&s)->lookups, 1);
	assert_int_equal(north(&s)->lookups, 1);
	story_is_well(&s, 2);
	story_end(&s);
}

/* ---- worse ---- */

/* No copy at all: the first epoch says that it is the first, and everything comes back all the same. */
static void the_ledger_is_lost_whole(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	story_exchange(&s);
	story_listen_again(&s);
	lose_everything(&s.world.gateway[NORTH]);
	side_start(north(&s));
	story_meet(&s);
	story_is(&s, "[   0] north is killed\n"
		     "[   0] north loses its ledger\n"
		     "[   0] north starts\n"
		     "[   0] north appends GENESIS 0\n"
		     "[   0] north appends AGREE 1\n"
		     "[   0] north and south connect\n"
		     "[   0] north > GET 0 to 2\n"
		     "[   0] north > entries 0 to 1 from the ledger\n"
		     "[   0] north > checkpoint 2 of channel customs\n"
		     "[   0] south > RANGE 0 to 3 of the other's log, proved\n"
		     "[   0] south ALARM: the partner went on from an older copy of its ledger than is held here: nothing it says is acted on before "
		     "it has taken in the rest\n"
		     "[   0] south takes GENESIS 0\n"
		     "[   0] south takes AGREE 1\n"
		     "[   0] north takes in again GENESIS 0\n"
		     "[   0] north takes in again AGREE 1\n"
		     "[   0] north takes in again QUERY 2\n"
		     "[   0] north appends ADOPT 2\n"
		     "[   0] north > entries 2 to 2 from the ledger\n"
		     "[   0] south > receipt 2 of channel customs\n"
		     "[   0] north closes: entries of ours were taken in again: dial again\n"
		     "[   0] north and south connect\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] south > receipt 2 of channel customs\n"
		     "[   0] north > entries 2 to 2 from the ledger\n"
		     "[   0] north > checkpoint 3 of channel customs\n"
		     "[   0] south > entries 0 to 2 from the ledger\n"
		     "[   0] south > checkpoint 3 of channel customs\n"
		     "[   0] south takes ADOPT 2\n"
		     "[   0] north takes GENESIS 0\n"
		     "[   0] north takes AGREE 1\n"
		     "[   0] north takes REPLY 2: ok\n"
		     "[   0] north tells: answered ok, status released\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] north > receipt 3 of channel customs\n");
	story_is_well(&s, 1);
	story_exchange(&s);
	story_is_well(&s, 2);
	story_end(&s);
}

static void the_answerers_ledger_is_lost_whole(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	story_exchange(&s);
	lose_everything(&s.world.gateway[SOUTH]);
	side_start(south(&s));
	story_meet(&s);
	story_is_well(&s, 1);
	assert_int_equal(south(&s)->lookups, 1);
	story_exchange(&s);
	story_is_well(&s, 2);
	story_end(&s);
}

/* A second time to the same copy: the epoch that adopted is lost as well, and comes back with what it adopted. */
static void put_back_twice(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	gateway_backup(&s.world.gateway[NORTH]);
	story_exchange(&s);
	put_back(&s, NORTH);
	story_exchange(&s);
	story_listen_again(&s);
	put_back(&s, NORTH);
	story_is(&s, "[   0] north is killed\n"
		     "[   0] north is put back to backup 0 of 0\n"
		     "[   0] north starts\n"
		     "[   0] north appends GENESIS 0\n"
		     "[   0] north appends TALLY 1\n"
		     "[   0] north appends AGREE 2\n"
		     "[   0] north and south connect\n"
		     "[   0] north > GET 2 to 2\n"
		     "[   0] north > receipt 2 of channel customs\n"
		     "[   0] north > entries 0 to 2 from the ledger\n"
		     "[   0] north > checkpoint 3 of channel customs\n"
		     "[   0] south > RANGE 2 to 3 of the other's log, proved\n"
		     "[   0] south ALARM: the partner went on from an older copy of its ledger than is held here: nothing it says is acted on before "
		     "it has taken in the rest\n"
		     "[   0] south takes GENESIS 0\n"
		     "[   0] south takes TALLY 1\n"
		     "[   0] south takes AGREE 2\n"
		     "[   0] north takes in again QUERY 2\n"
		     "[   0] north > GET 0 to 4\n"
		     "[   0] south > RANGE 0 to 5 of the other's log, proved\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] north takes in again GENESIS 0\n"
		     "[   0] north takes in again TALLY 1\n"
		     "[   0] north takes in again AGREE 2\n"
		     "[   0] north takes in again ADOPT 3\n"
		     "[   0] north takes in again QUERY 4\n"
		     "[   0] north appends ADOPT 3\n"
		     "[   0] north appends ADOPT 4\n"
		     "[   0] north > entries 3 to 4 from the ledger\n"
		     "[   0] north closes: entries of ours were taken in again: dial again\n"
		     "[   0] north and south connect\n"
		     "[   0] north > receipt 2 of channel customs\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] south > receipt 5 of channel customs\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] north > entries 3 to 4 from the ledger\n"
		     "[   0] north > checkpoint 5 of channel customs\n"
		     "[   0] south > entries 2 to 3 from the ledger\n"
		     "[   0] south > checkpoint 4 of channel customs\n"
		     "[   0] south takes ADOPT 3\n"
		     "[   0] south takes ADOPT 4\n"
		     "[   0] north takes REPLY 2: ok\n"
		     "[   0] north takes REPLY 3: ok\n"
		     "[   0] north tells: answered ok, status released\n"
		     "[   0] north tells: answered ok, status released\n"
		     "[   0] south > receipt 5 of channel customs\n"
		     "[   0] north > receipt 4 of channel customs\n");
	assert_int_equal(taken_in(north(&s)), 1);
	story_is_well(&s, 2);
	story_end(&s);
}

/* Both are put back, each to its own copy: what either has left is had by both again, and the rest is lost. */
static void both_are_put_back(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	gateway_backup(&s.world.gateway[NORTH]);
	story_exchange(&s);
	gateway_backup(&s.world.gateway[SOUTH]);
	story_exchange(&s);
	story_listen_again(&s);
	gateway_restore(&s.world.gateway[NORTH], 0);
	gateway_restore(&s.world.gateway[SOUTH], 0);
	side_start(north(&s));
	side_start(south(&s));
	story_meet(&s);
	story_is(&s, "[   0] north is killed\n"
		     "[   0] north is put back to backup 0 of 0\n"
		     "[   0] south is killed\n"
		     "[   0] south is put back to backup 0 of 0\n"
		     "[   0] north starts\n"
		     "[   0] north appends GENESIS 0\n"
		     "[   0] north appends TALLY 1\n"
		     "[   0] north appends AGREE 2\n"
		     "[   0] south starts\n"
		     "[   0] south appends GENESIS 0\n"
		     "[   0] south appends TALLY 1\n"
		     "[   0] south appends AGREE 2\n"
		     "[   0] north and south connect\n"
		     "[   0] north > GET 2 to 2\n"
		     "[   0] south closes: the partner lost what it had receipted: dial again, and it is sent again\n"
		     "[   0] north and south connect\n"
		     "[   0] north > GET 2 to 2\n"
		     "[   0] north > receipt 2 of channel customs\n"
		     "[   0] north > entries 0 to 2 from the ledger\n"
		     "[   0] north > checkpoint 3 of channel customs\n"
		     "[   0] south > RANGE 2 to 3 of the other's log, proved\n"
		     "[   0] south ALARM: the partner went on from an older copy of its ledger than is held here: nothing it says is acted on before "
		     "it has taken in the rest\n"
		     "[   0] south takes GENESIS 0\n"
		     "[   0] south takes TALLY 1\n"
		     "[   0] south takes AGREE 2\n"
		     "[   0] north takes in again QUERY 2\n"
		     "[   0] north appends ADOPT 3\n"
		     "[   0] north > entries 3 to 3 from the ledger\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] north closes: entries of ours were taken in again: dial again\n"
		     "[   0] north and south connect\n"
		     "[   0] north > receipt 2 of channel customs\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] north > entries 3 to 3 from the ledger\n"
		     "[   0] north > checkpoint 4 of channel customs\n"
		     "[   0] south > entries 2 to 2 from the ledger\n"
		     "[   0] south > entries 0 to 2 from the ledger\n"
		     "[   0] south > checkpoint 3 of channel customs\n"
		     "[   0] south takes ADOPT 3\n"
		     "[   0] north takes REPLY 2: ok\n"
		     "[   0] north takes GENESIS 0\n"
		     "[   0] north takes TALLY 1\n"
		     "[   0] north takes AGREE 2\n"
		     "[   0] north tells: answered ok, status released\n"
		     "[   0] south > receipt 4 of channel customs\n"
		     "[   0] north > receipt 3 of channel customs\n"
		     "[   0] north > receipt 3 of channel customs\n");
	story_is_well(&s, 1);
	story_exchange(&s);
	story_is_well(&s, 2);
	story_end(&s);
}

/* Seventy epochs in which something was said: more than memory holds. Then the ledger is put back to before all of them. */
static void more_epochs_than_memory_holds(void **state)
{
	struct draft filler = {.kind = KIND_ANCHOR};
	struct story s;

	(void)state;
	story_begin(&s, true);
	gateway_backup(&s.world.gateway[NORTH]);
	for (int i = 0; i < 70; i++) {
		s.world.now_ms += CHANNEL_EPOCH_MS;
		story_starts_again(&s, NORTH);
		if (i % 10 == 0)
			story_exchange(&s);
		side_append(north(&s), &filler);
		world_settle(&s.world);
	}
	story_is_well(&s, 7);
	put_back(&s, NORTH);
	story_is_well(&s, 7);
	assert_int_equal(taken_in(north(&s)), 70);
	story_exchange(&s);
	story_is_well(&s, 8);
	story_starts_again(&s, SOUTH);
	story_is_well(&s, 8);
	assert_int_equal(south(&s)->lookups, 8);
	story_end(&s);
}

/* ---- killed while it takes in ---- */

/* Three epochs of north are lost; the trace begins when it is put back. */
static void three_epochs_are_lost(struct story *s)
{
	story_begin(s, true);
	gateway_backup(&s->world.gateway[NORTH]);
	gateway_backup(&s->world.gateway[SOUTH]);
	for (int i = 0; i < 3; i++) {
		story_starts_again(s, NORTH);
		story_exchange(s);
	}
	story_listen_again(s);
	gateway_restore(&s->world.gateway[NORTH], 0);
	side_start(north(s));
}

/* The smallest steps there are; a session that ended by itself is dialled again. */
static bool one_step(struct world *w, unsigned turn)
{
	struct side *s = &w->side[turn % 2];

	if (!s->up && !s->other->up)
		world_connect(w);
	switch (turn / 2 % 3) {
	case 0:
		return side_read(s);
	case 1:
		return side_work(s);
	default:
		return side_commit(s);
	}
}

/* The first RANGE is on disk, and it names epochs that are not: that is a debt, and not forgotten. */
static void killed_after_the_first_range(void **state)
{
	struct story s;

	(void)state;
	three_epochs_are_lost(&s);
	for (unsigned turn = 0; taken_in(north(&s)) == 0; turn++) {
		assert_true(turn < 1000);
		one_step(&s.world, turn);
	}
	side_commit(north(&s));
	side_crash(north(&s));
	side_start(north(&s));
	story_meet(&s);
	story_is(&s, "[   0] north is killed\n"
		     "[   0] north is put back to backup 0 of 0\n"
		     "[   0] north starts\n"
		     "[   0] north appends GENESIS 0\n"
		     "[   0] north appends TALLY 1\n"
		     "[   0] north appends AGREE 2\n"
		     "[   0] north and south connect\n"
		     "[   0] north > GET 0 to 3\n"
		     "[   0] north > receipt 2 of channel customs\n"
		     "[   0] north > entries 0 to 2 from the ledger\n"
		     "[   0] south > RANGE 0 to 4 of the other's log, proved\n"
		     "[   0] north > checkpoint 3 of channel customs\n"
		     "[   0] north takes in again GENESIS 0\n"
		     "[   0] north takes in again TALLY 1\n"
		     "[   0] north takes in again AGREE 2\n"
		     "[   0] north takes in again QUERY 3\n"
		     "[   0] north > GET 0 to 3\n"
		     "[   0] north is killed\n"
		     "[   0] north starts\n"
		     "[   0] north appends GENESIS 0\n"
		     "[   0] north appends TALLY 1\n"
		     "[   0] north appends AGREE 2\n"
		     "[   0] north and south connect\n"
		     "[   0] north > GET 0 to 3\n"
		     "[   0] north > receipt 2 of channel customs\n"
		     "[   0] south > receipt 4 of channel customs\n"
		     "[   0] north > entries 0 to 2 from the ledger\n"
		     "[   0] north > entries 0 to 2 from the ledger\n"
		     "[   0] north > checkpoint 3 of channel customs\n"
		     "[   0] south > RANGE 0 to 4 of the other's log, proved\n"
		     "[   0] south ALARM: the partner went on from an older copy of its ledger than is held here: nothing it says is acted on before "
		     "it has taken in the rest\n"
		     "[   0] south takes GENESIS 0\n"
		     "[   0] south takes TALLY 1\n"
		     "[   0] south takes AGREE 2\n"
		     "[   0] south ALARM: the partner went on from an older copy of its ledger than is held here: nothing it says is acted on before "
		     "it has taken in the rest\n"
		     "[   0] south takes GENESIS 0\n"
		     "[   0] south takes TALLY 1\n"
		     "[   0] south takes AGREE 2\n"
		     "[   0] north takes in again GENESIS 0\n"
		     "[   0] north takes in again TALLY 1\n"
		     "[   0] north takes in again AGREE 2\n"
		     "[   0] north takes in again QUERY 3\n"
		     "[   0] north > GET 0 to 3\n"
		     "[   0] south > RANGE 0 to 4 of the other's log, proved\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] north takes in again GENESIS 0\n"
		     "[   0] north takes in again TALLY 1\n"
		     "[   0] north takes in again AGREE 2\n"
		     "[   0] north takes in again QUERY 3\n"
		     "[   0] north appends ADOPT 3\n"
		     "[   0] north appends ADOPT 4\n"
		     "[   0] north appends ADOPT 5\n"
		     "[   0] north > entries 3 to 5 from the ledger\n"
		     "[   0] north closes: entries of ours were taken in again: dial again\n"
		     "[   0] north and south connect\n"
		     "[   0] north > receipt 2 of channel customs\n"
		     "[   0] south > receipt 4 of channel customs\n"
		     "[   0] south > receipt 4 of channel customs\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] north > entries 3 to 5 from the ledger\n"
		     "[   0] north > checkpoint 6 of channel customs\n"
		     "[   0] south > entries 2 to 4 from the ledger\n"
		     "[   0] south > checkpoint 5 of channel customs\n"
		     "[   0] south takes ADOPT 3\n"
		     "[   0] south takes ADOPT 4\n"
		     "[   0] south takes ADOPT 5\n"
		     "[   0] north takes REPLY 2: ok\n"
		     "[   0] north takes REPLY 3: ok\n"
		     "[   0] north takes REPLY 4: ok\n"
		     "[   0] north tells: answered ok, status released\n"
		     "[   0] north tells: answered ok, status released\n"
		     "[   0] north tells: answered ok, status released\n"
		     "[   0] south > receipt 6 of channel customs\n"
		     "[   0] north > receipt 5 of channel customs\n");
	story_is_well(&s, 3);
	story_end(&s);
}

/* What came back in two lives is whole: the partner, put back to before all of it, gets it from there. */
static void what_came_back_is_given_on(void **state)
{
	struct story s;

	(void)state;
	three_epochs_are_lost(&s);
	for (unsigned turn = 0; taken_in(north(&s)) == 0; turn++) {
		assert_true(turn < 1000);
		one_step(&s.world, turn);
	}
	side_commit(north(&s));
	side_crash(north(&s));
	side_start(north(&s));
	story_meet(&s);
	story_is_well(&s, 3);
	put_back(&s, SOUTH);
	story_is_well(&s, 3);
	assert_int_equal(south(&s)->lookups, 3);
	story_end(&s);
}

/* Either is killed after that many steps, and south is put back later; false when nothing happened any more. */
static bool killed_after(unsigned steps, int who)
{
	struct story s;
	bool	     more = true;

	three_epochs_are_lost(&s);
	for (unsigned turn = 0, idle = 0; more && steps > 0; turn++) {
		bool did = one_step(&s.world, turn);

		idle = did ? 0 : idle + 1;
		steps -= did;
		more = idle < 6;
	}
	side_crash(&s.world.side[who]);
	side_start(&s.world.side[who]);
	story_meet(&s);
	story_is_well(&s, 3);
	put_back(&s, SOUTH); /* what north took in it can give */
	story_is_well(&s, 3);
	assert_int_equal(south(&s)->lookups, 3);
	story_end(&s);
	return more;
}

static void either_is_killed_at_every_step_of_it(void **state)
{
	unsigned places = 0;

	(void)state;
	for (int who = NORTH; who <= SOUTH; who++)
		for (unsigned steps = 0; killed_after(steps, who); steps++)
			places++;
	assert_true(places > 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_author_takes_its_questions_in_again),
		cmocka_unit_test(an_adopt_that_never_arrives),
		cmocka_unit_test(a_copy_that_is_spoilt),
		cmocka_unit_test(the_answerer_takes_its_answers_in_again),
		cmocka_unit_test(what_was_answered_since_the_copy_is_not_answered_again),
		cmocka_unit_test(an_answer_that_came_back_and_was_forgotten),
		cmocka_unit_test(what_the_reader_had_receipted_is_sent_again),
		cmocka_unit_test(the_ledger_is_lost_whole),
		cmocka_unit_test(the_answerers_ledger_is_lost_whole),
		cmocka_unit_test(put_back_twice),
		cmocka_unit_test(both_are_put_back),
		cmocka_unit_test(more_epochs_than_memory_holds),
		cmocka_unit_test(killed_after_the_first_range),
		cmocka_unit_test(what_came_back_is_given_on),
		cmocka_unit_test(either_is_killed_at_every_step_of_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
