/*
 * crash.c: the crash points of the protocol, one story each: who is killed, at which moment, and what becomes of what
 * was under way. Under each stands the same with something else broken, so that the story could have ended otherwise.
 * Of the moments one is missing: in the middle of an attached part, which this version does not carry.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "story.h"

#define LIFE_MS (2000 + CHANNEL_QUESTION_SLACK_MS) /* of a question under clause 7 */

static void read_all(struct side *s)
{
	while (side_read(s))
		;
}

static void work_all(struct side *s)
{
	while (side_work(s))
		;
}

/* North has asked, and its checkpoint has left. */
static void north_asks(struct story *s)
{
	story_ask(&s->world.side[NORTH]);
	side_commit(&s->world.side[NORTH]);
	work_all(&s->world.side[NORTH]);
}

static void comes_back(struct story *s, int who)
{
	side_start(&s->world.side[who]);
	story_meet(s);
}

/* ---- the author, before its own disk wrote what is on its way ---- */

/* The entry arrived and no checkpoint ever covers it: the reader drops it, and whoever asked asks again. */
static void the_author_before_its_disk_wrote(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	story_ask(&s.world.side[NORTH]);
	assert_true(side_read(&s.world.side[SOUTH])); /* it has the entry */
	side_crash(&s.world.side[NORTH]);
	assert_int_equal(s.world.side[SOUTH].disk.nexchanges, 0);
	comes_back(&s, NORTH);
	story_ask(&s.world.side[NORTH]);
	world_settle(&s.world);
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
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] north asks about 2026-1 for duty-assessment\n"
		     "[   0] north appends QUERY 3\n"
		     "[   0] north > checkpoint 4 of channel customs\n"
		     "[   0] south takes QUERY 3\n"
		     "[   0] south looks up clause 7\n"
		     "[   0] south appends REPLY 2: ok\n"
		     "[   0] south > receipt 4 of channel customs\n"
		     "[   0] south > checkpoint 3 of channel customs\n"
		     "[   0] north takes REPLY 2: ok\n"
		     "[   0] north tells: answered ok, status released\n"
		     "[   0] north > receipt 3 of channel customs\n");
	story_is_well(&s, 1);
	story_end(&s);
}

/* A checkpoint in the next session does not bring back what was dropped with the last one. */
static void what_was_dropped_is_not_covered_later(void **state)
{
	static struct pen	p;
	struct forged		f;
	struct checkpoint_frame c;

	(void)state;
	pen_begin(&p, NORTH);
	pen_open(&p);
	pen_question(&p, &f);
	pen_write(&p, &f);
	world_settle(&p.story.world);
	pen_connect(&p);
	story_listen_again(&p.story);
	pen_checkpoint(&p, 0, 3, &c);
	pen_checkpoint_send(&p, &c);
	story_is(&p.story, "[   0] south closes: a CHECKPOINT beyond the entries delivered\n");
	assert_int_equal(p.reader->disk.nexchanges, 0);
	pen_end(&p);
}

/* ---- the author, durable, and its checkpoint was lost ---- */

/* The next epoch names the last one, covers its tail by that, and the tail is sent first. */
static void the_author_when_its_checkpoint_was_lost(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	north_asks(&s);
	assert_true(side_read(&s.world.side[SOUTH])); /* the entry, and not the checkpoint behind it */
	side_crash(&s.world.side[NORTH]);
	comes_back(&s, NORTH);
	story_is(&s, "[   0] north asks about 2026-1 for duty-assessment\n"
		     "[   0] north appends QUERY 2\n"
		     "[   0] north > checkpoint 3 of channel customs\n"
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
	story_is_well(&s, 1);
	assert_int_equal(s.world.side[SOUTH].lookups, 1);
	story_end(&s);
}

/* The trap: a keeper that took its last epoch up again would put another entry where the question stands. */
static void a_keeper_that_goes_on_in_an_old_epoch(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	north_asks(&s);
	side_commit(&s.world.side[NORTH]);
	side_crash(&s.world.side[NORTH]);
	s.world.broken = BREAK_EPOCH_AGAIN;
	side_start(&s.world.side[NORTH]);
	story_end_broken(&s, "north stored entry 0 of a log of 3");
}

/* ---- the author, between its checkpoint and the receipt ---- */

static void until_the_receipt_is_under_way(struct story *s)
{
	s->world.silent_worker = true;
	north_asks(s);
	read_all(&s->world.side[SOUTH]);
	side_commit(&s->world.side[SOUTH]);
	work_all(&s->world.side[SOUTH]);
}

/* The reader shows what it holds, and gives its receipt again. */
static void the_author_before_the_receipt(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	until_the_receipt_is_under_way(&s);
	side_crash(&s.world.side[NORTH]);
	comes_back(&s, NORTH);
	story_is(&s, "[   0] north asks about 2026-1 for duty-assessment\n"
		     "[   0] north appends QUERY 2\n"
		     "[   0] north > checkpoint 3 of channel customs\n"
		     "[   0] south takes QUERY 2\n"
		     "[   0] south looks up clause 7\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] north is killed\n"
		     "[   0] north starts\n"
		     "[   0] north appends GENESIS 0\n"
		     "[   0] north appends TALLY 1\n"
		     "[   0] north appends AGREE 2\n"
		     "[   0] north and south connect\n"
		     "[   0] north > receipt 2 of channel customs\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] north > entries 0 to 2 from the ledger\n"
		     "[   0] north > checkpoint 3 of channel customs\n"
		     "[   0] south > checkpoint 2 of channel customs\n"
		     "[   0] south takes GENESIS 0\n"
		     "[   0] south takes TALLY 1\n"
		     "[   0] south takes AGREE 2\n"
		     "[   0] south > receipt 3 of channel customs\n");
	assert_int_equal(channel_unreceipted(s.world.side[NORTH].channel), 0);
	assert_int_equal(s.world.side[NORTH].disk.nexchanges, 1);
	assert_true(world_check(&s.world));
	story_end(&s);
}

/* A receipt of the epoch before the open one, by whoever has the keys of the south. */
static void old_receipt(struct pen *p, const struct epoch *epoch, uint64_t size, struct receipt_frame *out)
{
	struct checkpoint text = {.size = size, .root = *disk_root(&p->reader->disk, true, epoch, size)};

	*out = (struct receipt_frame){.size = size, .time_s = p->story.world.now_ms / 1000, .root = text.root};
	side_origin(p->reader, epoch, text.origin);
	receipt_sign(&p->as->receipt_key, &text, out->time_s, &out->sig);
}

/* The receipt that comes again is checked as any other is. */
static void a_receipt_that_comes_again_is_checked(void **state)
{
	static struct pen    p;
	struct receipt_frame r;

	(void)state;
	for (int spoilt = 0; spoilt < 2; spoilt++) {
		pen_begin(&p, SOUTH);
		pen_open(&p);
		story_ask(p.reader);
		world_settle(&p.story.world);
		struct epoch epoch = p.reader->disk.log[0].epoch;
		side_crash(p.reader);
		side_start(p.reader);
		pen_connect(&p);
		story_listen_again(&p.story);
		assert_int_equal(channel_unreceipted(p.reader->channel), 6);
		old_receipt(&p, &epoch, 3, &r);
		r.time_s += (uint64_t)spoilt;
		pen_receipt_send(&p, &r);
		story_is(&p.story, spoilt ? "[   0] north closes: a RECEIPT whose signature does not verify\n" : "");
		assert_int_equal(channel_unreceipted(p.reader->channel), spoilt ? 6 : 3);
		pen_end(&p);
	}
}

/* ---- the author, when it has seen the answer and not stored it ---- */

static void until_the_answer_is_read(struct story *s)
{
	struct side *north = &s->world.side[NORTH], *south = &s->world.side[SOUTH];

	north_asks(s);
	for (int i = 0; i < 4; i++) {
		read_all(south);
		work_all(south);
		side_commit(south);
	}
	read_all(north);
	assert_int_equal(north->disk.nanswers, 1);
	assert_int_equal(north->disk.answers_durable, 0);
}

/* It gave no receipt for it, so the answer comes again, and is told once. */
static void the_author_before_it_stored_the_answer(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	until_the_answer_is_read(&s);
	assert_int_equal(s.world.side[NORTH].finals, 0);
	side_crash(&s.world.side[NORTH]);
	comes_back(&s, NORTH);
	story_is(&s, "[   0] north asks about 2026-1 for duty-assessment\n"
		     "[   0] north appends QUERY 2\n"
		     "[   0] north > checkpoint 3 of channel customs\n"
		     "[   0] south takes QUERY 2\n"
		     "[   0] south looks up clause 7\n"
		     "[   0] south appends REPLY 2: ok\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] south > checkpoint 3 of channel customs\n"
		     "[   0] north takes REPLY 2: ok\n"
		     "[   0] north is killed\n"
		     "[   0] north starts\n"
		     "[   0] north appends GENESIS 0\n"
		     "[   0] north appends TALLY 1\n"
		     "[   0] north appends AGREE 2\n"
		     "[   0] north and south connect\n"
		     "[   0] north > receipt 2 of channel customs\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] north > entries 0 to 2 from the ledger\n"
		     "[   0] north > checkpoint 3 of channel customs\n"
		     "[   0] south > entries 2 to 2 from the ledger\n"
		     "[   0] south > checkpoint 3 of channel customs\n"
		     "[   0] south takes GENESIS 0\n"
		     "[   0] south takes TALLY 1\n"
		     "[   0] south takes AGREE 2\n"
		     "[   0] north takes REPLY 2: ok\n"
		     "[   0] north tells: answered ok, status released\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] north > receipt 3 of channel customs\n");
	assert_int_equal(s.world.side[NORTH].finals, 1);
	story_is_well(&s, 1);
	story_end(&s);
}

/* Had it given the receipt and then forgotten the answer, nobody would ever say it again. */
static void an_answer_that_was_receipted_and_forgotten(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	north_asks(&s);
	world_settle(&s.world);
	s.world.broken = BREAK_FORGET;
	side_crash(&s.world.side[NORTH]);
	s.world.broken = BREAK_NOTHING;
	comes_back(&s, NORTH);
	assert_false(world_check_quiet(&s.world));
	story_end_broken(&s, "north has a question without an answer: 2");
}

/* ---- the reader, before its disk wrote what it took ---- */

static void the_reader_before_its_disk_wrote(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	north_asks(&s);
	read_all(&s.world.side[SOUTH]);
	assert_int_equal(s.world.side[SOUTH].disk.nexchanges, 1);
	side_crash(&s.world.side[SOUTH]);
	assert_int_equal(s.world.side[SOUTH].disk.nexchanges, 0);
	comes_back(&s, SOUTH);
	story_is(&s, "[   0] north asks about 2026-1 for duty-assessment\n"
		     "[   0] north appends QUERY 2\n"
		     "[   0] north > checkpoint 3 of channel customs\n"
		     "[   0] south takes QUERY 2\n"
		     "[   0] south looks up clause 7\n"
		     "[   0] south is killed\n"
		     "[   0] south starts\n"
		     "[   0] south appends GENESIS 0\n"
		     "[   0] south appends TALLY 1\n"
		     "[   0] south appends AGREE 2\n"
		     "[   0] north and south connect\n"
		     "[   0] south > receipt 2 of channel customs\n"
		     "[   0] north > entries 2 to 2 from the ledger\n"
		     "[   0] north > checkpoint 3 of channel customs\n"
		     "[   0] south > entries 0 to 2 from the ledger\n"
		     "[   0] south takes QUERY 2\n"
		     "[   0] south looks up clause 7\n"
		     "[   0] south > checkpoint 3 of channel customs\n"
		     "[   0] south appends REPLY 3: ok\n"
		     "[   0] north takes GENESIS 0\n"
		     "[   0] north takes TALLY 1\n"
		     "[   0] north takes AGREE 2\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] south > checkpoint 4 of channel customs\n"
		     "[   0] north takes REPLY 3: ok\n"
		     "[   0] north > receipt 3 of channel customs\n"
		     "[   0] north tells: answered ok, status released\n"
		     "[   0] north > receipt 4 of channel customs\n");
	story_is_well(&s, 1);
	story_end(&s);
}

/* A disk that had said durable and lost it has signed a receipt for what it does not hold. */
static void a_reader_whose_disk_loses_what_it_receipted(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	until_the_receipt_is_under_way(&s);
	side_commit(&s.world.side[SOUTH]);
	s.world.broken = BREAK_LOSE;
	side_crash(&s.world.side[SOUTH]);
	s.world.broken = BREAK_NOTHING;
	side_start(&s.world.side[SOUTH]);
	story_end_broken(&s, "south could not recall a log");
}

/* ---- the reader, durable, and its answer is not ---- */

static void until_it_looks(struct story *s)
{
	until_the_receipt_is_under_way(s);
	side_commit(&s->world.side[SOUTH]);
	s->world.silent_worker = false;
}

/* After the first HELLO that shows that nothing is missing, what has no answer is judged again. */
static void the_reader_before_it_answered(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	until_it_looks(&s);
	side_crash(&s.world.side[SOUTH]);
	comes_back(&s, SOUTH);
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
	assert_int_equal(s.world.side[SOUTH].lookups, 2); /* it may be repeated */
	story_is_well(&s, 1);
	story_end(&s);
}

/* The same, but it comes back when the life of the question is over. */
static void the_reader_comes_back_too_late(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	until_it_looks(&s);
	side_crash(&s.world.side[SOUTH]);
	s.world.now_ms += LIFE_MS + 1;
	comes_back(&s, SOUTH);
	story_is(&s, "[   0] north asks about 2026-1 for duty-assessment\n"
		     "[   0] north appends QUERY 2\n"
		     "[   0] north > checkpoint 3 of channel customs\n"
		     "[   0] south takes QUERY 2\n"
		     "[   0] south looks up clause 7\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] south is killed\n"
		     "[362001] south starts\n"
		     "[362001] south appends GENESIS 0\n"
		     "[362001] south appends TALLY 1\n"
		     "[362001] south appends AGREE 2\n"
		     "[362001] north and south connect\n"
		     "[362001] south > receipt 3 of channel customs\n"
		     "[362001] south appends REPLY 3: expired\n"
		     "[362001] south answers expired: expired\n"
		     "[362001] north > checkpoint 3 of channel customs\n"
		     "[362001] south > entries 0 to 3 from the ledger\n"
		     "[362001] south > checkpoint 3 of channel customs\n"
		     "[362001] north takes GENESIS 0\n"
		     "[362001] north takes TALLY 1\n"
		     "[362001] north takes AGREE 2\n"
		     "[362001] south > checkpoint 4 of channel customs\n"
		     "[362001] north takes REPLY 3: expired\n"
		     "[362001] north > receipt 3 of channel customs\n"
		     "[362001] north tells: expired: expired\n"
		     "[362001] north > receipt 4 of channel customs\n");
	assert_int_equal(s.world.side[SOUTH].lookups, 1);
	story_is_well(&s, 1);
	story_end(&s);
}

/* ---- the reader, its answer durable, and the checkpoint has not left ---- */

static void the_reader_before_its_answer_left(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	north_asks(&s);
	read_all(&s.world.side[SOUTH]);
	work_all(&s.world.side[SOUTH]); /* the worker has found it */
	side_commit(&s.world.side[SOUTH]);
	assert_int_equal(s.world.side[SOUTH].disk.answers_durable, 1);
	side_crash(&s.world.side[SOUTH]);
	comes_back(&s, SOUTH);
	story_is(&s, "[   0] north asks about 2026-1 for duty-assessment\n"
		     "[   0] north appends QUERY 2\n"
		     "[   0] north > checkpoint 3 of channel customs\n"
		     "[   0] south takes QUERY 2\n"
		     "[   0] south looks up clause 7\n"
		     "[   0] south appends REPLY 2: ok\n"
		     "[   0] south is killed\n"
		     "[   0] south starts\n"
		     "[   0] south appends GENESIS 0\n"
		     "[   0] south appends TALLY 1\n"
		     "[   0] south appends AGREE 2\n"
		     "[   0] north and south connect\n"
		     "[   0] north > receipt 2 of channel customs\n"
		     "[   0] south > receipt 2 of channel customs\n"
		     "[   0] north > checkpoint 3 of channel customs\n"
		     "[   0] south > entries 2 to 2 from the ledger\n"
		     "[   0] south > entries 0 to 2 from the ledger\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] south > checkpoint 3 of channel customs\n"
		     "[   0] north takes REPLY 2: ok\n"
		     "[   0] north takes GENESIS 0\n"
		     "[   0] north takes TALLY 1\n"
		     "[   0] north takes AGREE 2\n"
		     "[   0] north tells: answered ok, status released\n"
		     "[   0] north > receipt 3 of channel customs\n"
		     "[   0] north > receipt 3 of channel customs\n");
	assert_int_equal(s.world.side[SOUTH].lookups, 1);
	story_is_well(&s, 1);
	story_end(&s);
}

/* Who forgets that it answered, answers twice: its own log shows it. */
static void a_reader_that_forgets_that_it_answered(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	north_asks(&s);
	read_all(&s.world.side[SOUTH]);
	work_all(&s.world.side[SOUTH]);
	side_commit(&s.world.side[SOUTH]);
	s.world.broken = BREAK_FORGET;
	side_crash(&s.world.side[SOUTH]);
	s.world.broken = BREAK_NOTHING;
	comes_back(&s, SOUTH);
	assert_false(world_check_quiet(&s.world));
	story_end_broken(&s, "south answered the same question twice");
}

/* ---- put back to an older copy: recovery.c tells it at length ---- */

/*
 * The author: what its partner holds comes back and is adopted. What was never delivered is lost: the second question,
 * of which nobody but the lost disk ever knew.
 */
static void the_author_is_put_back(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	gateway_backup(&s.world.gateway[NORTH]);
	story_ask(&s.world.side[NORTH]);
	world_settle(&s.world);
	story_ask(&s.world.side[NORTH]);
	side_commit(&s.world.side[NORTH]);
	world_cut(&s.world);
	assert_int_equal(s.world.side[NORTH].disk.nexchanges, 2);
	story_listen_again(&s);
	gateway_restore(&s.world.gateway[NORTH], 0);
	comes_back(&s, NORTH);
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
		     "[   0] south > checkpoint 3 of channel customs\n"
		     "[   0] south takes ADOPT 3\n"
		     "[   0] north takes REPLY 2: ok\n"
		     "[   0] north tells: answered ok, status released\n"
		     "[   0] south > receipt 4 of channel customs\n"
		     "[   0] north > receipt 3 of channel customs\n");
	story_is_well(&s, 1);
	story_end(&s);
}

/* The reader: it shows less than its own receipts, is sent again what it had, and nothing has its effect twice. */
static void the_reader_is_put_back(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	gateway_backup(&s.world.gateway[SOUTH]);
	story_ask(&s.world.side[NORTH]);
	world_settle(&s.world);
	story_listen_again(&s);
	gateway_restore(&s.world.gateway[SOUTH], 0);
	comes_back(&s, SOUTH);
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
		     "[   0] north > receipt 3 of channel customs\n"
		     "[   0] north > receipt 3 of channel customs\n"
		     "[   0] south > receipt 2 of channel customs\n"
		     "[   0] north > entries 2 to 2 from the ledger\n"
		     "[   0] north > checkpoint 3 of channel customs\n"
		     "[   0] south > entries 3 to 3 from the ledger\n"
		     "[   0] south > checkpoint 4 of channel customs\n"
		     "[   0] south takes QUERY 2\n"
		     "[   0] north takes ADOPT 3\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] north > receipt 4 of channel customs\n");
	assert_int_equal(s.world.side[SOUTH].lookups, 1);
	assert_int_equal(s.world.side[NORTH].finals, 1);
	story_is_well(&s, 1);
	story_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_author_before_its_disk_wrote),
		cmocka_unit_test(what_was_dropped_is_not_covered_later),
		cmocka_unit_test(the_author_when_its_checkpoint_was_lost),
		cmocka_unit_test(a_keeper_that_goes_on_in_an_old_epoch),
		cmocka_unit_test(the_author_before_the_receipt),
		cmocka_unit_test(a_receipt_that_comes_again_is_checked),
		cmocka_unit_test(the_author_before_it_stored_the_answer),
		cmocka_unit_test(an_answer_that_was_receipted_and_forgotten),
		cmocka_unit_test(the_reader_before_its_disk_wrote),
		cmocka_unit_test(a_reader_whose_disk_loses_what_it_receipted),
		cmocka_unit_test(the_reader_before_it_answered),
		cmocka_unit_test(the_reader_comes_back_too_late),
		cmocka_unit_test(the_reader_before_its_answer_left),
		cmocka_unit_test(a_reader_that_forgets_that_it_answered),
		cmocka_unit_test(the_author_is_put_back),
		cmocka_unit_test(the_reader_is_put_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
