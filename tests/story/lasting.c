/*
 * lasting.c: what a channel gets over that runs for years: their ends, many starts, a partner that is away, receipts
 * that do not come, a session that supersedes another. Beside each story stands one that could not end so well.
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

/* ---- a year ends ---- */

#define NEW_YEAR_MS UINT64_C(1798761600000) /* 2027-01-01 */

static void the_clocks_show(struct story *s, uint64_t ms)
{
	s->world.now_ms = ms;
	side_tick(north(s));
	side_tick(south(s));
	world_settle(&s->world);
}

/* A question is under way at midnight: both close their epochs, begin new ones, and it is answered in south's new one. */
static void a_year_ends(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	s.world.now_ms = NEW_YEAR_MS - 1000;
	s.world.silent_worker = true;
	story_exchange(&s);
	s.world.silent_worker = false;
	the_clocks_show(&s, NEW_YEAR_MS);
	story_meet(&s);
	story_is(&s, "[3340799000] north asks about 2026-1 for duty-assessment\n"
		     "[3340799000] north appends QUERY 2\n"
		     "[3340799000] north > checkpoint 3 of channel customs\n"
		     "[3340799000] south takes QUERY 2\n"
		     "[3340799000] south looks up clause 7\n"
		     "[3340799000] south > receipt 3 of channel customs\n"
		     "[3340800000] north appends TALLY 3\n"
		     "[3340800000] south appends TALLY 2\n"
		     "[3340800000] north > checkpoint 4 of channel customs\n"
		     "[3340800000] north appends GENESIS 0\n"
		     "[3340800000] north appends TALLY 1\n"
		     "[3340800000] north appends AGREE 2\n"
		     "[3340800000] north closes: a new epoch begins: dial again\n"
		     "[3340800000] south appends GENESIS 0\n"
		     "[3340800000] south appends TALLY 1\n"
		     "[3340800000] south appends AGREE 2\n"
		     "[3340800000] north and south connect\n"
		     "[3340800000] north > receipt 2 of channel customs\n"
		     "[3340800000] south > receipt 3 of channel customs\n"
		     "[3340800000] south looks up clause 7\n"
		     "[3340800000] north > entries 3 to 3 from the ledger\n"
		     "[3340800000] north > entries 0 to 2 from the ledger\n"
		     "[3340800000] north > checkpoint 3 of channel customs\n"
		     "[3340800000] south > entries 2 to 2 from the ledger\n"
		     "[3340800000] south > entries 0 to 2 from the ledger\n"
		     "[3340800000] south > checkpoint 3 of channel customs\n"
		     "[3340800000] south takes TALLY 3\n"
		     "[3340800000] south takes GENESIS 0\n"
		     "[3340800000] south takes TALLY 1\n"
		     "[3340800000] south takes AGREE 2\n"
		     "[3340800000] south appends REPLY 3: ok\n"
		     "[3340800000] north takes TALLY 2\n"
		     "[3340800000] north takes GENESIS 0\n"
		     "[3340800000] north takes TALLY 1\n"
		     "[3340800000] north takes AGREE 2\n"
		     "[3340800000] south > receipt 4 of channel customs\n"
		     "[3340800000] south > receipt 3 of channel customs\n"
		     "[3340800000] south > checkpoint 4 of channel customs\n"
		     "[3340800000] north takes REPLY 3: ok\n"
		     "[3340800000] north > receipt 3 of channel customs\n"
		     "[3340800000] north > receipt 3 of channel customs\n"
		     "[3340800000] north tells: answered ok, status released\n"
		     "[3340800000] north > receipt 4 of channel customs\n");
	story_is_well(&s, 1);
	for (int who = NORTH; who <= SOUTH; who++) {
		const struct disk     *d = &s.world.side[who].disk;
		const struct disk_log *l = &d->log[d->nlogs - 1];
		struct previous	       named;

		while (!l->own)
			l--;
		const struct attr *a = header_attr(&d->entry[l->place[0]]->header, ATTR_PREVIOUS);
		assert_non_null(a);
		assert_int_equal(previous_read(a->value, &named), ERR_OK);
		assert_int_equal(named.cause, CAUSE_ROLLOVER);
	}
	story_end(&s);
}

/* The last day of the year is a day like any other. */
static void a_day_before_a_year_ends(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	story_exchange(&s);
	story_listen_again(&s);
	the_clocks_show(&s, NEW_YEAR_MS - 1);
	story_is(&s, "[3340799999] north appends TALLY 3\n"
		     "[3340799999] south appends TALLY 3\n"
		     "[3340799999] north > checkpoint 4 of channel customs\n"
		     "[3340799999] south takes TALLY 3\n"
		     "[3340799999] south > checkpoint 4 of channel customs\n"
		     "[3340799999] north takes TALLY 3\n"
		     "[3340799999] south > receipt 4 of channel customs\n"
		     "[3340799999] north > receipt 4 of channel customs\n");
	assert_int_equal(north(&s)->disk.nlogs, 2);
	story_is_well(&s, 1);
	story_end(&s);
}

/* A keeper that gives the old epoch for the new year. */
static void a_year_ends_and_the_epoch_does_not(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	s.world.broken = BREAK_EPOCH_AGAIN;
	the_clocks_show(&s, NEW_YEAR_MS);
	story_end_broken(&s, "north stored entry 0 of a log of 3");
}

/* ---- many starts ---- */

static unsigned listed(struct story *s)
{
	static struct hello mine;

	memset(&mine, 0, sizeof mine);
	assert_int_equal(channel_hello(north(s)->channel, &mine), ERR_OK);
	return mine.nown;
}

#define QUIET_MOST 8 /* epochs in a row in which nothing was said and that are delivered all the same: writer.c */

/* The epochs of the partner in a ledger. */
static unsigned disk_logs(const struct side *s)
{
	unsigned n = 0;

	for (size_t i = 0; i < s->disk.nlogs; i++)
		n += !s->disk.log[i].own;
	return n;
}

static struct epoch says_something(struct side *s)
{
	struct draft	   filler = {.kind = KIND_ANCHOR};
	struct channel_log open;

	side_append(s, &filler);
	assert_true(channel_log(s->channel, true, &open));
	return open.epoch;
}

/* A hundred starts while south is away, and nothing is said: a few of those epochs are delivered at most, and no chain of a hundred. */
static void a_hundred_quiet_starts(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	s.world.trace = NULL;
	for (int i = 0; i < 100; i++) {
		side_crash(north(&s));
		side_start(north(&s));
	}
	assert_in_range(listed(&s), 1, QUIET_MOST + 1);
	s.world.trace = s.trace;
	story_meet(&s);
	assert_int_equal(listed(&s), 1); /* all of it is receipted */
	assert_in_range(disk_logs(south(&s)), 2, QUIET_MOST + 2);
	story_is_well(&s, 0);
	story_end(&s);
}

/* In the fiftieth something stands that must arrive: that one is delivered, and the last names it. */
static void a_hundred_starts_and_one_entry(void **state)
{
	struct epoch noted = {0};
	struct story s;

	(void)state;
	story_begin(&s, true);
	s.world.trace = NULL;
	for (int i = 0; i < 100; i++) {
		side_crash(north(&s));
		side_start(north(&s));
		if (i == 50)
			noted = says_something(north(&s));
		side_commit(north(&s));
	}
	assert_in_range(listed(&s), 2, 2 * QUIET_MOST + 2);
	story_meet(&s);
	assert_in_range(disk_logs(south(&s)), 3, 2 * QUIET_MOST + 3);
	assert_non_null(disk_log_find(&south(&s)->disk, false, &noted));
	story_is_well(&s, 0);
	story_end(&s);
}

/* ---- a partner that was away ---- */

#define LIFE_MS (2000 + CHANNEL_QUESTION_SLACK_MS) /* of a question under clause 7 */

/* The question left and never arrived; it arrives so much later. */
static void away_for(uint64_t later, const char *expected)
{
	struct story s;

	story_begin(&s, true);
	story_ask(north(&s));
	side_commit(north(&s));
	world_cut(&s.world);
	world_settle(&s.world);
	s.world.now_ms += later;
	story_listen_again(&s);
	story_meet(&s);
	story_is(&s, expected);
	story_is_well(&s, 1);
	story_end(&s);
}

static void a_question_expires_while_the_partner_is_away(void **state)
{
	(void)state;
	away_for(LIFE_MS + 1, "[362001] north and south connect\n"
			      "[362001] north > receipt 2 of channel customs\n"
			      "[362001] south > receipt 2 of channel customs\n"
			      "[362001] north > entries 2 to 2 from the ledger\n"
			      "[362001] north > checkpoint 3 of channel customs\n"
			      "[362001] south > checkpoint 2 of channel customs\n"
			      "[362001] south takes QUERY 2\n"
			      "[362001] south appends REPLY 2: expired\n"
			      "[362001] south answers expired: expired\n"
			      "[362001] south > receipt 3 of channel customs\n"
			      "[362001] south > checkpoint 3 of channel customs\n"
			      "[362001] north takes REPLY 2: expired\n"
			      "[362001] north tells: expired: expired\n"
			      "[362001] north > receipt 3 of channel customs\n");
}

static void a_question_does_not_expire_before_its_time(void **state)
{
	(void)state;
	away_for(CHANNEL_SKEW_MS, "[300000] north and south connect\n"
				  "[300000] north > receipt 2 of channel customs\n"
				  "[300000] south > receipt 2 of channel customs\n"
				  "[300000] north > entries 2 to 2 from the ledger\n"
				  "[300000] north > checkpoint 3 of channel customs\n"
				  "[300000] south > checkpoint 2 of channel customs\n"
				  "[300000] south takes QUERY 2\n"
				  "[300000] south looks up clause 7\n"
				  "[300000] south appends REPLY 2: ok\n"
				  "[300000] south > receipt 3 of channel customs\n"
				  "[300000] south > checkpoint 3 of channel customs\n"
				  "[300000] north takes REPLY 2: ok\n"
				  "[300000] north tells: answered ok, status released\n"
				  "[300000] north > receipt 3 of channel customs\n");
}

/* ---- receipts that do not come ---- */

static void until_the_window_is_full(struct pen *p)
{
	struct draft filler = {.kind = KIND_ANCHOR};

	pen_begin(p, SOUTH);
	pen_open(p);
	while (channel_unreceipted(p->reader->channel) < CHANNEL_UNRECEIPTED_MOST)
		side_append(p->reader, &filler);
	world_settle(&p->story.world);
	story_listen_again(&p->story);
	story_ask(p->reader);
	story_is(&p->story, "[   0] north asks about 2026-1 for duty-assessment\n"
			    "[   0] north cannot take it now: busy\n");
}

static void a_receipt_opens_the_window_again(void **state)
{
	static struct pen    p;
	struct receipt_frame r;

	(void)state;
	until_the_window_is_full(&p);
	pen_receipt(&p, CHANNEL_UNRECEIPTED_MOST, &r);
	pen_receipt_send(&p, &r);
	story_ask(p.reader);
	story_is(&p.story, "[   0] north asks about 2026-1 for duty-assessment\n"
			   "[   0] north appends QUERY 1024\n");
	pen_end(&p);
}

/* One that does not verify opens nothing. */
static void a_false_receipt_opens_nothing(void **state)
{
	static struct pen    p;
	struct receipt_frame r;

	(void)state;
	until_the_window_is_full(&p);
	pen_receipt(&p, CHANNEL_UNRECEIPTED_MOST, &r);
	r.sig.b[7] ^= 1;
	pen_receipt_send(&p, &r);
	pen_connect(&p);
	story_ask(p.reader);
	story_is(&p.story, "[   0] north closes: a RECEIPT whose signature does not verify\n"
			   "[   0] north > receipt 2 of channel customs\n"
			   "[   0] north > entries 0 to 1023 from the ledger\n"
			   "[   0] north > checkpoint 1024 of channel customs\n"
			   "[   0] north asks about 2026-1 for duty-assessment\n"
			   "[   0] north cannot take it now: busy\n");
	pen_end(&p);
}

/* A minute without a receipt while connected closes the window too, and a receipt for any part opens it. */
static void a_minute_without_a_receipt(void **state)
{
	static struct pen    p;
	struct receipt_frame r;

	(void)state;
	pen_begin(&p, SOUTH);
	pen_open(&p);
	story_ask(p.reader);
	world_settle(&p.story.world);
	story_listen_again(&p.story);
	p.story.world.now_ms += CHANNEL_UNRECEIPTED_MS + 1;
	story_ask(p.reader);
	pen_receipt(&p, 2, &r);
	pen_receipt_send(&p, &r);
	story_ask(p.reader);
	story_is(&p.story, "[60001] north asks about 2026-1 for duty-assessment\n"
			   "[60001] north cannot take it now: busy\n"
			   "[60001] north asks about 2026-1 for duty-assessment\n"
			   "[60001] north appends QUERY 3\n");
	pen_end(&p);
}

/* The window is over all epochs: a start does not open it. */
static void a_start_does_not_open_the_window(void **state)
{
	static struct pen p;

	(void)state;
	until_the_window_is_full(&p);
	side_crash(p.reader);
	side_start(p.reader);
	pen_connect(&p);
	story_listen_again(&p.story);
	story_ask(p.reader);
	story_is(&p.story, "[   0] north asks about 2026-1 for duty-assessment\n"
			   "[   0] north cannot take it now: busy\n");
	pen_end(&p);
}

/* ---- a session supersedes another ---- */

/* North dials again while a question of it is under way: the old frames are never read, and it comes in the new session. */
static void the_old_session_is_not_read(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	story_ask(north(&s));
	side_commit(north(&s));
	while (side_work(north(&s)))
		;
	assert_true(south(&s)->inbox.n > 0);
	link_dial(north(&s));
	assert_int_equal(south(&s)->inbox.n, 0);
	world_settle(&s.world);
	story_is(&s, "[   0] north asks about 2026-1 for duty-assessment\n"
		     "[   0] north appends QUERY 2\n"
		     "[   0] north > checkpoint 3 of channel customs\n"
		     "[   0] north dials south\n"
		     "[   0] north > HELLO\n"
		     "[   0] south > HELLO\n"
		     "[   0] south > receipt 2 of channel customs\n"
		     "[   0] north > receipt 2 of channel customs\n"
		     "[   0] north > entries 2 to 2 from the ledger\n"
		     "[   0] north > checkpoint 3 of channel customs\n"
		     "[   0] south > checkpoint 2 of channel customs\n"
		     "[   0] south takes QUERY 2\n"
		     "[   0] south looks up clause 7\n"
		     "[   0] south appends REPLY 2: ok\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] south > checkpoint 3 of channel customs\n"
		     "[   0] north takes REPLY 2: ok\n"
		     "[   0] north tells: answered ok, status released\n"
		     "[   0] north > receipt 3 of channel customs\n");
	story_is_well(&s, 1);
	story_end(&s);
}

/* Were they read all the same, they would stand where others stand. */
static void the_old_session_is_read(void **state)
{
	static uint8_t old[65536];
	struct story   s;
	size_t	       n;

	(void)state;
	story_begin(&s, true);
	story_ask(north(&s));
	n = south(&s)->inbox.n;
	assert_true(n > 0 && n <= sizeof old);
	memcpy(old, south(&s)->inbox.at, n);
	link_dial(north(&s));
	world_settle(&s.world);
	story_listen_again(&s);
	side_deliver(south(&s), bytes_of(old, n));
	world_settle(&s.world);
	story_is(&s, "[   0] south ALARM structure: an entry's index is not the next\n"
		     "[   0] south closes: an entry's index is not the next\n");
	assert_true(channel_frozen(south(&s)->channel));
	story_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_year_ends),
		cmocka_unit_test(a_day_before_a_year_ends),
		cmocka_unit_test(a_year_ends_and_the_epoch_does_not),
		cmocka_unit_test(a_hundred_quiet_starts),
		cmocka_unit_test(a_hundred_starts_and_one_entry),
		cmocka_unit_test(a_question_expires_while_the_partner_is_away),
		cmocka_unit_test(a_question_does_not_expire_before_its_time),
		cmocka_unit_test(a_receipt_opens_the_window_again),
		cmocka_unit_test(a_false_receipt_opens_nothing),
		cmocka_unit_test(a_minute_without_a_receipt),
		cmocka_unit_test(a_start_does_not_open_the_window),
		cmocka_unit_test(the_old_session_is_not_read),
		cmocka_unit_test(the_old_session_is_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
