/*
 * recovery.c: ledgers that were put back to an older copy or lost, partners that lie about what was lost, and what else
 * a channel must get over: a year's end, many starts, a partner that is away, receipts that do not come, a session that
 * supersedes another. Beside each story stands one in which somebody tampers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "story.h"

static void ask(struct side *s)
{
	side_ask(s, "duty-assessment", "2026-1", NULL);
}

static struct side *north(struct story *s)
{
	return &s->world.side[NORTH];
}

static struct side *south(struct story *s)
{
	return &s->world.side[SOUTH];
}

/* One exchange, from question to receipt. */
static void exchange(struct story *s)
{
	ask(north(s));
	world_settle(&s->world);
}

/* A session that ends by itself is dialled again, as gateways do. */
static void meet(struct story *s)
{
	for (int i = 0; i < 8; i++) {
		if (north(s)->up && south(s)->up)
			return;
		world_connect(&s->world);
		world_settle(&s->world);
	}
	fail_msg("they never agree to talk");
}

static void starts_again(struct story *s, int who)
{
	side_crash(&s->world.side[who]);
	side_start(&s->world.side[who]);
	world_connect(&s->world);
	world_settle(&s->world);
	meet(s);
}

/* The ledger is put back to its first copy, and the two go on. */
static void put_back(struct story *s, int who)
{
	gateway_restore(&s->world.gateway[who], 0);
	side_start(&s->world.side[who]);
	meet(s);
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

/* Every exchange ended alike on both sides, everything is receipted, and no channel is frozen. */
static void all_is_well(struct story *s, unsigned exchanges)
{
	assert_true(world_check_quiet(&s->world));
	assert_int_equal(north(s)->disk.nexchanges, exchanges);
	assert_int_equal(south(s)->disk.nexchanges, exchanges);
	assert_int_equal(side_unanswered(north(s), true) + side_unanswered(south(s), false), 0);
	assert_int_equal(north(s)->alarms + south(s)->alarms, 0);
}

/* ---- the author is put back ---- */

/*
 * North loses two epochs and part of a third: its questions come back in them, newest epoch first, each naming the one
 * before; their answers come as in any session.
 */
static void the_author_takes_its_questions_in_again(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	gateway_backup(&s.world.gateway[NORTH]);
	exchange(&s);
	starts_again(&s, NORTH);
	exchange(&s);
	story_listen_again(&s);
	put_back(&s, NORTH);
	story_is(&s, "");
	assert_int_equal(taken_in(north(&s)), 1);
	assert_int_equal(south(&s)->lookups, 2);
	all_is_well(&s, 2);
	story_end(&s);
}

/* An ADOPT that never arrives: the reader waits, and what should be quiet is not. */
static void an_adopt_that_never_arrives(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	gateway_backup(&s.world.gateway[NORTH]);
	exchange(&s);
	s.world.broken = BREAK_ADOPT;
	gateway_restore(&s.world.gateway[NORTH], 0);
	side_start(north(&s));
	for (int i = 0; i < 3; i++) {
		world_connect(&s.world);
		world_settle(&s.world);
	}
	assert_true(channel_waiting(south(&s)->channel));
	assert_false(world_check_quiet(&s.world));
	story_end_broken(&s, "");
}

/* South has the copy, and one bit of what it shows is another. */
static void a_copy_that_is_spoilt(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	gateway_backup(&s.world.gateway[NORTH]);
	exchange(&s);
	s.world.broken = BREAK_RANGE;
	story_listen_again(&s);
	gateway_restore(&s.world.gateway[NORTH], 0);
	side_start(north(&s));
	world_connect(&s.world);
	world_settle(&s.world);
	story_is(&s, "");
	assert_true(channel_frozen(north(&s)->channel));
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
	exchange(&s);
	starts_again(&s, SOUTH);
	exchange(&s);
	story_listen_again(&s);
	put_back(&s, SOUTH);
	story_is(&s, "");
	assert_int_equal(south(&s)->lookups, 2);
	all_is_well(&s, 2);
	story_end(&s);
}

/* South has the question and no answer in its copy: it waits with it until its own entries are there. */
static void a_question_that_the_copy_holds_unanswered(struct story *s)
{
	story_begin(s, true);
	s->world.silent_worker = true;
	exchange(s);
	gateway_backup(&s->world.gateway[SOUTH]);
	s->world.silent_worker = false;
	starts_again(s, SOUTH);
	assert_int_equal(north(s)->finals, 1);
	story_listen_again(s);
}

static void what_was_answered_since_the_copy_is_not_answered_again(void **state)
{
	struct story s;

	(void)state;
	a_question_that_the_copy_holds_unanswered(&s);
	put_back(&s, SOUTH);
	story_is(&s, "");
	assert_int_equal(south(&s)->lookups, 2); /* as before it was put back */
	all_is_well(&s, 1);
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
	story_end_broken(&s, "");
}

/* Both ways at once: south has asked as well, and everything of both logs that it lost comes back to it. */
static void what_the_reader_had_receipted_is_sent_again(void **state)
{
	struct side_question back = {.clause = 9, .purpose = "duty-assessment", .declaration = "2026-1"};
	struct story	     s;

	(void)state;
	story_begin(&s, true);
	gateway_backup(&s.world.gateway[SOUTH]);
	exchange(&s);
	side_ask_with(south(&s), &back);
	world_settle(&s.world);
	starts_again(&s, NORTH); /* so that what south had receipted is of an older epoch, too */
	starts_again(&s, NORTH);
	story_listen_again(&s);
	put_back(&s, SOUTH);
	story_is(&s, "");
	assert_int_equal(south(&s)->lookups, 1);
	assert_int_equal(north(&s)->lookups, 1);
	all_is_well(&s, 2);
	story_end(&s);
}

/* ---- worse ---- */

/* No copy at all: the first epoch says that it is the first, and everything comes back all the same. */
static void the_ledger_is_lost_whole(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	exchange(&s);
	story_listen_again(&s);
	lose_everything(&s.world.gateway[NORTH]);
	side_start(north(&s));
	meet(&s);
	story_is(&s, "");
	all_is_well(&s, 1);
	exchange(&s);
	all_is_well(&s, 2);
	story_end(&s);
}

static void the_answerers_ledger_is_lost_whole(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	exchange(&s);
	lose_everything(&s.world.gateway[SOUTH]);
	side_start(south(&s));
	meet(&s);
	all_is_well(&s, 1);
	assert_int_equal(south(&s)->lookups, 1);
	exchange(&s);
	all_is_well(&s, 2);
	story_end(&s);
}

/* A second time to the same copy: the epoch that adopted is lost as well, and comes back with what it adopted. */
static void put_back_twice(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	gateway_backup(&s.world.gateway[NORTH]);
	exchange(&s);
	put_back(&s, NORTH);
	exchange(&s);
	story_listen_again(&s);
	put_back(&s, NORTH);
	story_is(&s, "");
	assert_int_equal(taken_in(north(&s)), 1);
	all_is_well(&s, 2);
	story_end(&s);
}

/* Both are put back, each to its own copy: what either has left is had by both again, and the rest is lost. */
static void both_are_put_back(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	gateway_backup(&s.world.gateway[NORTH]);
	exchange(&s);
	gateway_backup(&s.world.gateway[SOUTH]);
	exchange(&s);
	story_listen_again(&s);
	gateway_restore(&s.world.gateway[NORTH], 0);
	gateway_restore(&s.world.gateway[SOUTH], 0);
	side_start(north(&s));
	side_start(south(&s));
	meet(&s);
	story_is(&s, "");
	all_is_well(&s, 1);
	exchange(&s);
	all_is_well(&s, 2);
	story_end(&s);
}

/* ---- killed while it takes in ---- */

/* Three epochs of north are lost; the trace begins when it is put back. */
static void three_epochs_are_lost(struct story *s)
{
	story_begin(s, true);
	gateway_backup(&s->world.gateway[NORTH]);
	for (int i = 0; i < 3; i++) {
		starts_again(s, NORTH);
		exchange(s);
	}
	story_listen_again(s);
	gateway_restore(&s->world.gateway[NORTH], 0);
	side_start(north(s));
	world_connect(&s->world);
}

static bool one_step(struct world *w, unsigned turn)
{
	struct side *s = &w->side[turn % 2];

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
	meet(&s);
	story_is(&s, "");
	all_is_well(&s, 3);
	story_end(&s);
}

/* Either is killed after that many steps; false when nothing happened any more. */
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
	meet(&s);
	all_is_well(&s, 3);
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

/* ---- a partner that lies about what was lost ---- */

/* What north had and has no more, in the hands of whoever has the keys of the south. */
struct copy {
	char			 origin[ORIGIN_MOST];
	const struct disk_entry *row[8];
	uint64_t		 n;
	struct checkpoint_frame	 checkpoint;
};

static void copy_take(const struct side *s, struct copy *out)
{
	const struct disk_log  *l = &s->disk.log[0];
	const struct disk_head *best = disk_head_best(&s->disk, true, false, &l->epoch, UINT64_MAX);

	side_origin(s, &l->epoch, out->origin);
	for (out->n = 0; out->n < l->n; out->n++)
		out->row[out->n] = s->disk.entry[l->place[out->n]];
	assert_non_null(best);
	assert_int_equal(best->size, out->n);
	out->checkpoint = (struct checkpoint_frame){.size = best->size, .root = best->root, .sig = best->sig};
}

/* A session in which the pen shows so many entries of the reader's log. */
static void connect_showing(struct pen *p, const struct copy *c, uint64_t size)
{
	static struct hello mine, theirs;
	static char	    origin[ORIGIN_MOST];

	world_cut(&p->story.world);
	memset(&mine, 0, sizeof mine);
	memset(&theirs, 0, sizeof theirs);
	assert_int_equal(channel_hello(p->reader->channel, &theirs), ERR_OK);
	side_origin(p->as, &p->log[0].epoch, origin);
	mine.own[mine.nown++] = (struct hello_log){.origin = bytes_text(origin)};
	mine.peer[mine.npeer++] = (struct hello_log){.origin = bytes_text(c->origin), .size = size, .root = c->checkpoint.root};
	side_hear(p->reader, &mine);
	for (unsigned i = 0; i < theirs.nown; i++)
		pen_credit(p, i, p->credit);
	world_settle(&p->story.world);
}

/* North asked, was put back to before that, and hears that the pen holds 3 entries. */
static void north_has_lost_its_question(struct pen *p, struct copy *c)
{
	pen_begin(p, SOUTH);
	pen_open(p);
	gateway_backup(p->reader->gateway);
	ask(p->reader);
	world_settle(&p->story.world);
	copy_take(p->reader, c);
	gateway_restore(p->reader->gateway, 0);
	side_start(p->reader);
	story_listen_again(&p->story);
	connect_showing(p, c, c->n);
	story_is(&p->story, "");
}

struct lie {
	uint64_t from, n;
	bool	 checkpoint, spoil_row, spoil_signature;
	bool	 another_origin;
};

static void range_say(struct pen *p, const struct copy *c, const struct lie *lie)
{
	static uint8_t		memory[FRAME_HEAD + FRAME_REST_MOST];
	struct builder		b = builder_on(memory, sizeof memory);
	struct checkpoint_frame proof = c->checkpoint;
	char			origin[ORIGIN_MOST];

	memcpy(origin, c->origin, sizeof origin);
	origin[strlen(origin) - 1] ^= lie->another_origin;
	proof.sig.b[7] ^= lie->spoil_signature;
	size_t begun = range_frame_begin(&b, bytes_text(origin), lie->from);
	for (uint64_t i = lie->from; i < lie->from + lie->n; i++) {
		const struct stored_entry *e = &c->row[i]->at;
		struct salt		   salt = e->salt;

		salt.b[0] ^= lie->spoil_row;
		range_row_write(&b, ROW_FULL, &salt, e->header, e->body, &e->commitment);
	}
	range_frame_end(&b, begun, (uint16_t)lie->n, lie->checkpoint ? &proof : NULL);
	assert_int_equal(b.err, ERR_OK);
	side_deliver(p->reader, builder_bytes(&b));
	world_settle(&p->story.world);
}

static void nothing_was_taken(const struct pen *p, bool frozen)
{
	assert_int_equal(channel_frozen(p->reader->channel), frozen);
	assert_false(channel_connected(p->reader->channel));
	assert_int_equal(p->reader->disk.log[0].n, 2);
	assert_int_equal(p->reader->disk.nexchanges, 0);
}

static void the_truth_is_taken_in(void **state)
{
	static struct pen p;
	struct copy	  c;
	struct lie	  none = {.from = 2, .n = 1, .checkpoint = true};

	(void)state;
	north_has_lost_its_question(&p, &c);
	range_say(&p, &c, &none);
	story_is(&p.story, "");
	assert_int_equal(p.reader->disk.log[0].n, 3);
	assert_int_equal(p.reader->disk.nexchanges, 1);
	pen_end(&p);
}

static void another_row_under_our_signature(void **state)
{
	static struct pen p;
	struct copy	  c;
	struct lie	  lie = {.from = 2, .n = 1, .checkpoint = true, .spoil_row = true};

	(void)state;
	north_has_lost_its_question(&p, &c);
	range_say(&p, &c, &lie);
	story_is(&p.story, "");
	nothing_was_taken(&p, true);
	pen_end(&p);
}

static void a_signature_that_is_not_ours(void **state)
{
	static struct pen p;
	struct copy	  c;
	struct lie	  lie = {.from = 2, .n = 1, .checkpoint = true, .spoil_signature = true};

	(void)state;
	north_has_lost_its_question(&p, &c);
	range_say(&p, &c, &lie);
	story_is(&p.story, "");
	nothing_was_taken(&p, true);
	pen_end(&p);
}

static void rows_without_a_proof(void **state)
{
	static struct pen p;
	struct copy	  c;
	struct lie	  rows = {.from = 2, .n = 1}, end = {.from = 3};

	(void)state;
	north_has_lost_its_question(&p, &c);
	range_say(&p, &c, &rows);
	range_say(&p, &c, &end);
	story_is(&p.story, "");
	nothing_was_taken(&p, true);
	pen_end(&p);
}

static void shown_and_not_given(void **state)
{
	static struct pen p;
	struct copy	  c;
	struct lie	  end = {.from = 2};

	(void)state;
	north_has_lost_its_question(&p, &c);
	range_say(&p, &c, &end);
	story_is(&p.story, "");
	nothing_was_taken(&p, true);
	pen_end(&p);
}

/* Not an alarm: nobody signed anything false. */
static void an_answer_about_another_log(void **state)
{
	static struct pen p;
	struct copy	  c;
	struct lie	  lie = {.from = 2, .n = 1, .checkpoint = true, .another_origin = true};

	(void)state;
	north_has_lost_its_question(&p, &c);
	range_say(&p, &c, &lie);
	story_is(&p.story, "");
	nothing_was_taken(&p, false);
	pen_end(&p);
}

/* Nothing is asked while it is fetched. */
static void nothing_is_asked_meanwhile(void **state)
{
	static struct pen p;
	struct copy	  c;

	(void)state;
	north_has_lost_its_question(&p, &c);
	ask(p.reader);
	world_settle(&p.story.world);
	story_is(&p.story, "");
	pen_end(&p);
}

/* ---- a reader that waits ---- */

/* An epoch that goes on from less than south holds of the one before, whose third entry is a question it answered. */
static void north_went_on_from_an_older_copy(struct pen *p)
{
	struct previous less = {.size = 2, .cause = CAUSE_RESTART};
	struct forged	f;

	pen_begin(p, NORTH);
	pen_open(p);
	pen_question(p, &f);
	pen_say(p, &f);
	pen_epoch(p);
	pen_connect(p);
	story_listen_again(&p->story);
	memcpy(less.epoch, p->log[0].epoch.b, EPOCH_SIZE);
	less.root = tree_root(p->log[0].leaf, 2);
	pen_genesis(p, 1, &f);
	pen_previous(&f, &less);
	pen_write(p, &f);
	pen_agree(p, &f);
	pen_say(p, &f);
	story_is(&p->story, "");
	assert_true(channel_waiting(p->reader->channel));
}

static void pen_adopt(struct pen *p, uint64_t size, bool spoil)
{
	struct previous what = {.size = size, .root = tree_root(p->log[0].leaf, size), .cause = CAUSE_RESTORE};
	struct forged	f;

	what.root.b[0] ^= spoil;
	memcpy(what.epoch, p->log[0].epoch.b, EPOCH_SIZE);
	pen_tally(p, 1, &f); /* any control entry of the open log */
	f.header.kind = KIND_ADOPT;
	pen_previous(&f, &what);
	pen_say(p, &f);
}

static void a_question_before_and_after_adopt(void **state)
{
	static struct pen p;
	struct forged	  f;

	(void)state;
	north_went_on_from_an_older_copy(&p);
	pen_question(&p, &f);
	pen_say(&p, &f);
	story_is(&p.story, "");
	pen_adopt(&p, 3, false);
	assert_false(channel_waiting(p.reader->channel));
	pen_question(&p, &f);
	pen_say(&p, &f);
	story_is(&p.story, "");
	assert_int_equal(p.reader->disk.nexchanges, 3); /* the one that was turned away counts */
	assert_int_equal(side_unanswered(p.reader, false), 0);
	pen_end(&p);
}

static void an_adopt_with_another_root(void **state)
{
	static struct pen p;

	(void)state;
	north_went_on_from_an_older_copy(&p);
	pen_adopt(&p, 3, true);
	story_is(&p.story, "");
	assert_true(channel_frozen(p.reader->channel));
	pen_end(&p);
}

static void an_adopt_of_less_than_is_held(void **state)
{
	static struct pen p;
	struct forged	  f;

	(void)state;
	north_went_on_from_an_older_copy(&p);
	pen_adopt(&p, 2, false);
	assert_true(channel_waiting(p.reader->channel));
	pen_question(&p, &f);
	pen_say(&p, &f);
	story_is(&p.story, "");
	assert_false(channel_frozen(p.reader->channel));
	pen_end(&p);
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
	exchange(&s);
	s.world.silent_worker = false;
	the_clocks_show(&s, NEW_YEAR_MS);
	meet(&s);
	story_is(&s, "");
	all_is_well(&s, 1);
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
	exchange(&s);
	story_listen_again(&s);
	the_clocks_show(&s, NEW_YEAR_MS - 1);
	story_is(&s, "");
	assert_int_equal(north(&s)->disk.nlogs, 2);
	all_is_well(&s, 1);
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
	story_end_broken(&s, "");
}

/* ---- many starts ---- */

static unsigned listed(struct story *s)
{
	static struct hello mine;

	memset(&mine, 0, sizeof mine);
	assert_int_equal(channel_hello(north(s)->channel, &mine), ERR_OK);
	return mine.nown;
}

/* A hundred starts while south is away, and nothing is said: only the last of those epochs is ever delivered. */
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
	assert_int_equal(listed(&s), 1);
	s.world.trace = s.trace;
	meet(&s);
	story_is(&s, "");
	assert_int_equal(listed(&s), 1);
	all_is_well(&s, 0);
	story_end(&s);
}

/* In the fiftieth something stands that must arrive: that one is delivered, and the last names it. */
static void a_hundred_starts_and_one_entry(void **state)
{
	struct draft filler = {.kind = KIND_ANCHOR};
	struct story s;

	(void)state;
	story_begin(&s, true);
	s.world.trace = NULL;
	for (int i = 0; i < 100; i++) {
		side_crash(north(&s));
		side_start(north(&s));
		if (i == 50)
			side_append(north(&s), &filler);
		side_commit(north(&s));
	}
	assert_int_equal(listed(&s), 2);
	s.world.trace = s.trace;
	meet(&s);
	story_is(&s, "");
	all_is_well(&s, 0);
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
		starts_again(&s, NORTH);
		if (i % 10 == 0)
			exchange(&s);
		side_append(north(&s), &filler);
		world_settle(&s.world);
	}
	all_is_well(&s, 7);
	put_back(&s, NORTH);
	all_is_well(&s, 7);
	assert_int_equal(taken_in(north(&s)), 70);
	exchange(&s);
	all_is_well(&s, 8);
	starts_again(&s, SOUTH);
	all_is_well(&s, 8);
	assert_int_equal(south(&s)->lookups, 8);
	story_end(&s);
}

/* ---- a partner that was away ---- */

/* The question left and never arrived; it arrives `later` after its life of 62 seconds began. */
static void away_for(uint64_t later, const char *expected)
{
	struct story s;

	story_begin(&s, true);
	ask(north(&s));
	side_commit(north(&s));
	world_cut(&s.world);
	world_settle(&s.world);
	s.world.now_ms += later;
	story_listen_again(&s);
	meet(&s);
	story_is(&s, expected);
	all_is_well(&s, 1);
	story_end(&s);
}

static void a_question_expires_while_the_partner_is_away(void **state)
{
	(void)state;
	away_for(62001, "");
}

static void a_question_does_not_expire_before_its_time(void **state)
{
	(void)state;
	away_for(62000, "");
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
	ask(p->reader);
	story_is(&p->story, "");
}

static void a_receipt_opens_the_window_again(void **state)
{
	static struct pen    p;
	struct receipt_frame r;

	(void)state;
	until_the_window_is_full(&p);
	pen_receipt(&p, CHANNEL_UNRECEIPTED_MOST, &r);
	pen_receipt_send(&p, &r);
	ask(p.reader);
	story_is(&p.story, "");
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
	ask(p.reader);
	story_is(&p.story, "");
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
	ask(p.reader);
	world_settle(&p.story.world);
	story_listen_again(&p.story);
	p.story.world.now_ms += CHANNEL_UNRECEIPTED_MS + 1;
	ask(p.reader);
	pen_receipt(&p, 2, &r);
	pen_receipt_send(&p, &r);
	ask(p.reader);
	story_is(&p.story, "");
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
	ask(p.reader);
	story_is(&p.story, "");
	pen_end(&p);
}

/* ---- a session supersedes another ---- */

/* North dials again while a question of it is under way: the old frames are never read, and it comes in the new session. */
static void the_old_session_is_not_read(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	ask(north(&s));
	side_commit(north(&s));
	while (side_work(north(&s)))
		;
	assert_true(south(&s)->inbox.n > 0);
	link_dial(north(&s));
	assert_int_equal(south(&s)->inbox.n, 0);
	world_settle(&s.world);
	story_is(&s, "");
	all_is_well(&s, 1);
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
	ask(north(&s));
	n = south(&s)->inbox.n;
	assert_true(n > 0 && n <= sizeof old);
	memcpy(old, south(&s)->inbox.at, n);
	link_dial(north(&s));
	world_settle(&s.world);
	story_listen_again(&s);
	side_deliver(south(&s), bytes_of(old, n));
	world_settle(&s.world);
	story_is(&s, "");
	assert_true(channel_frozen(south(&s)->channel));
	story_end(&s);
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
		cmocka_unit_test(killed_after_the_first_range),
		cmocka_unit_test(either_is_killed_at_every_step_of_it),
		cmocka_unit_test(the_truth_is_taken_in),
		cmocka_unit_test(another_row_under_our_signature),
		cmocka_unit_test(a_signature_that_is_not_ours),
		cmocka_unit_test(rows_without_a_proof),
		cmocka_unit_test(shown_and_not_given),
		cmocka_unit_test(an_answer_about_another_log),
		cmocka_unit_test(nothing_is_asked_meanwhile),
		cmocka_unit_test(a_question_before_and_after_adopt),
		cmocka_unit_test(an_adopt_with_another_root),
		cmocka_unit_test(an_adopt_of_less_than_is_held),
		cmocka_unit_test(a_year_ends),
		cmocka_unit_test(a_day_before_a_year_ends),
		cmocka_unit_test(a_year_ends_and_the_epoch_does_not),
		cmocka_unit_test(a_hundred_quiet_starts),
		cmocka_unit_test(a_hundred_starts_and_one_entry),
		cmocka_unit_test(more_epochs_than_memory_holds),
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
