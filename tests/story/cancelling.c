/* cancelling.c: a question is withdrawn: in time, too late, twice, and by one who has no right to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "story.h"

/* North asks, and south is still looking when the trace goes on. */
static void asked_of_a_slow_provider(struct story *s, uint8_t mid[MID_SIZE])
{
	story_begin(s, true);
	s->world.silent_worker = true;
	side_ask(&s->world.side[NORTH], "duty-assessment", "2026-1", NULL);
	world_settle(&s->world);
	assert_int_equal(s->world.side[NORTH].disk.nexchanges, 1);
	memcpy(mid, s->world.side[NORTH].disk.exchange[0].mid, MID_SIZE);
	story_listen_again(s);
}

static void it_is_withdrawn_before_it_is_answered(void **state)
{
	struct story s;
	uint8_t	     mid[MID_SIZE];

	(void)state;
	asked_of_a_slow_provider(&s, mid);
	side_cancel(&s.world.side[NORTH], mid);
	world_settle(&s.world);
	story_is(&s, "[   0] north withdraws a question\n"
		     "[   0] north appends CANCEL 3\n"
		     "[   0] north > checkpoint 4 of channel customs\n"
		     "[   0] south takes CANCEL 3\n"
		     "[   0] south appends REPLY 2: error\n"
		     "[   0] south answers error: cancelled\n"
		     "[   0] south > receipt 4 of channel customs\n"
		     "[   0] south > checkpoint 3 of channel customs\n"
		     "[   0] north takes REPLY 2: error\n"
		     "[   0] north tells: failed: cancelled\n"
		     "[   0] north > receipt 3 of channel customs\n");
	assert_int_equal(s.world.side[NORTH].last.state, EXCHANGE_FAILED);
	assert_int_equal(side_unanswered(&s.world.side[NORTH], true), 0);
	assert_int_equal(side_unanswered(&s.world.side[SOUTH], false), 0);
	assert_true(world_check_quiet(&s.world));
	story_end(&s);
}

/* One withdrawal is written, and after the end none. */
static void it_is_withdrawn_twice(void **state)
{
	struct story s;
	uint8_t	     mid[MID_SIZE];

	(void)state;
	asked_of_a_slow_provider(&s, mid);
	side_cancel(&s.world.side[NORTH], mid);
	side_cancel(&s.world.side[NORTH], mid);
	world_settle(&s.world);
	side_cancel(&s.world.side[NORTH], mid);
	world_settle(&s.world);
	story_is(&s, "[   0] north withdraws a question\n"
		     "[   0] north appends CANCEL 3\n"
		     "[   0] north withdraws a question\n"
		     "[   0] north > checkpoint 4 of channel customs\n"
		     "[   0] south takes CANCEL 3\n"
		     "[   0] south appends REPLY 2: error\n"
		     "[   0] south answers error: cancelled\n"
		     "[   0] south > receipt 4 of channel customs\n"
		     "[   0] south > checkpoint 3 of channel customs\n"
		     "[   0] north takes REPLY 2: error\n"
		     "[   0] north tells: failed: cancelled\n"
		     "[   0] north > receipt 3 of channel customs\n"
		     "[   0] north withdraws a question\n"
		     "[   0] north cannot take it now: it has its end\n");
	assert_int_equal(s.world.side[NORTH].failures, 1);
	assert_int_equal(s.world.side[NORTH].last_failure, CHANNEL_ENDED);
	assert_true(world_check_quiet(&s.world));
	story_end(&s);
}

/* The answer is in the ledger of the south when the withdrawal arrives: it stands, and is told. */
static void it_crosses_the_answer(void **state)
{
	struct story s;
	uint8_t	     mid[MID_SIZE];

	(void)state;
	story_begin(&s, true);
	side_ask(&s.world.side[NORTH], "duty-assessment", "2026-1", NULL);
	memcpy(mid, s.world.side[NORTH].disk.exchange[0].mid, MID_SIZE);
	side_commit(&s.world.side[NORTH]);
	while (side_work(&s.world.side[NORTH]))
		;
	while (side_read(&s.world.side[SOUTH]))
		;
	while (side_work(&s.world.side[SOUTH])) /* the worker has found it */
		;
	side_cancel(&s.world.side[NORTH], mid);
	world_settle(&s.world);
	story_is(&s, "[   0] north asks about 2026-1 for duty-assessment\n"
		     "[   0] north appends QUERY 2\n"
		     "[   0] north > checkpoint 3 of channel customs\n"
		     "[   0] south takes QUERY 2\n"
		     "[   0] south looks up clause 7\n"
		     "[   0] south appends REPLY 2: ok\n"
		     "[   0] north withdraws a question\n"
		     "[   0] north appends CANCEL 3\n"
		     "[   0] north > checkpoint 4 of channel customs\n"
		     "[   0] south takes CANCEL 3\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] south > checkpoint 3 of channel customs\n"
		     "[   0] north takes REPLY 2: ok\n"
		     "[   0] north tells: answered ok, status released\n"
		     "[   0] south > receipt 4 of channel customs\n"
		     "[   0] north > receipt 3 of channel customs\n");
	assert_int_equal(s.world.side[NORTH].last.state, EXCHANGE_ANSWERED);
	assert_true(world_check_quiet(&s.world));
	story_end(&s);
}

/* The withdrawal is written while the partner is away, and goes out with the next session. */
static void it_is_withdrawn_while_the_partner_is_away(void **state)
{
	struct story s;
	uint8_t	     mid[MID_SIZE];

	(void)state;
	asked_of_a_slow_provider(&s, mid);
	world_cut(&s.world);
	side_cancel(&s.world.side[NORTH], mid);
	world_settle(&s.world);
	world_connect(&s.world);
	world_settle(&s.world);
	story_is(&s, "[   0] north withdraws a question\n"
		     "[   0] north appends CANCEL 3\n"
		     "[   0] north and south connect\n"
		     "[   0] north > receipt 2 of channel customs\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] north > entries 3 to 3 from the ledger\n"
		     "[   0] north > checkpoint 4 of channel customs\n"
		     "[   0] south > checkpoint 2 of channel customs\n"
		     "[   0] south takes CANCEL 3\n"
		     "[   0] south appends REPLY 2: error\n"
		     "[   0] south answers error: cancelled\n"
		     "[   0] south > receipt 4 of channel customs\n"
		     "[   0] south > checkpoint 3 of channel customs\n"
		     "[   0] north takes REPLY 2: error\n"
		     "[   0] north tells: failed: cancelled\n"
		     "[   0] north > receipt 3 of channel customs\n");
	assert_int_equal(s.world.side[NORTH].last.state, EXCHANGE_FAILED);
	assert_true(world_check_quiet(&s.world));
	story_end(&s);
}

/* Killed before the withdrawal was on disk: it was never told, and the question is answered. */
static void a_withdrawal_that_was_not_told_is_lost(void **state)
{
	struct story s;
	uint8_t	     mid[MID_SIZE];

	(void)state;
	asked_of_a_slow_provider(&s, mid);
	unsigned reports = s.world.side[NORTH].reports;
	side_cancel(&s.world.side[NORTH], mid);
	assert_int_equal(s.world.side[NORTH].reports, reports);
	side_crash(&s.world.side[NORTH]);
	s.world.silent_worker = false;
	side_crash(&s.world.side[SOUTH]);
	side_start(&s.world.side[NORTH]);
	side_start(&s.world.side[SOUTH]);
	world_connect(&s.world);
	world_settle(&s.world);
	assert_int_equal(s.world.side[NORTH].last.state, EXCHANGE_ANSWERED);
	assert_true(world_check_quiet(&s.world));
	story_end(&s);
}

/* ---- who has no right to ---- */

/* The pen's CANCEL of the entry at this index of its own log. */
static void pen_cancel(struct pen *p, uint64_t of, struct forged *out)
{
	pen_question(p, out);
	out->header.kind = KIND_CANCEL;
	out->header.flags = FLAG_HAS_RE;
	out->header.nparts = 0;
	out->header.re.index = of;
	memcpy(out->header.re.epoch, p->log[0].epoch.b, EPOCH_SIZE);
	out->header.re.leaf = p->log[0].leaf[of];
}

static void spoil_nothing(struct pen *p, struct forged *f)
{
	(void)p;
	(void)f;
}

static void spoil_leaf(struct pen *p, struct forged *f)
{
	(void)p;
	f->header.re.leaf.b[31] ^= 1;
}

static void spoil_another_leaf(struct pen *p, struct forged *f)
{
	f->header.re.leaf = p->log[0].leaf[1];
}

static void spoil_index(struct pen *p, struct forged *f)
{
	(void)p;
	f->header.re.index = 1;
}

/* Another place that the channel's table has under the same key. */
static void spoil_mixture(struct pen *p, struct forged *f)
{
	(void)p;
	f->header.re.index ^= 1;
	f->header.re.epoch[8] ^= 1;
}

static void spoil_epoch(struct pen *p, struct forged *f)
{
	(void)p;
	f->header.re.epoch[0] ^= 1;
}

/* An entry of the reader's own log, rightly named. */
static void spoil_theirs(struct pen *p, struct forged *f)
{
	struct channel_log theirs;

	assert_true(channel_log(p->reader->channel, true, &theirs));
	memcpy(f->header.re.epoch, theirs.epoch.b, EPOCH_SIZE);
	f->header.re.index = theirs.frontier->size - 1;
	const struct disk_log *l = disk_log_find(&p->reader->disk, true, &theirs.epoch);
	f->header.re.leaf = p->reader->disk.entry[l->place[f->header.re.index]]->leaf;
}

static const struct row {
	const char *what;
	void (*spoil)(struct pen *, struct forged *);
	bool withdraws;
} rows[] = {
	{"its own question", spoil_nothing, true},
	{"a leaf that is nowhere", spoil_leaf, false},
	{"the leaf of another entry", spoil_another_leaf, false},
	{"another index", spoil_index, false},
	{"an index and an epoch that mix to the same", spoil_mixture, false},
	{"another epoch", spoil_epoch, false},
	{"an entry of the reader's log", spoil_theirs, false},
};

static void only_the_question_that_is_named_is_withdrawn(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct pen    p;
		struct forged f;

		pen_begin(&p, NORTH);
		p.story.world.silent_worker = true;
		pen_open(&p);
		pen_question(&p, &f);
		pen_say(&p, &f);
		pen_cancel(&p, 2, &f);
		rows[i].spoil(&p, &f);
		story_listen_again(&p.story);
		pen_say(&p, &f);
		story_is(&p.story, rows[i].withdraws ? "[   0] south takes CANCEL 3\n"
						       "[   0] south appends REPLY 2: error\n"
						       "[   0] south answers error: cancelled\n"
						       "[   0] south > receipt 4 of channel customs\n"
						       "[   0] south > checkpoint 3 of channel customs\n"
						     : "[   0] south takes CANCEL 3\n"
						       "[   0] south > receipt 4 of channel customs\n");
		assert_int_equal(side_unanswered(p.reader, false), !rows[i].withdraws);
		pen_end(&p);
	}
}

/* What has its answer keeps it: the sibling of every story above. */
static void an_answered_question_is_not_withdrawn(void **state)
{
	struct pen    p;
	struct forged f;

	(void)state;
	pen_begin(&p, NORTH);
	pen_open(&p);
	pen_question(&p, &f);
	pen_say(&p, &f);
	assert_int_equal(side_unanswered(p.reader, false), 0);
	pen_cancel(&p, 2, &f);
	story_listen_again(&p.story);
	pen_say(&p, &f);
	story_is(&p.story, "[   0] south takes CANCEL 3\n"
			   "[   0] south > receipt 4 of channel customs\n");
	pen_end(&p);
}

/* South's provider says this; how the question ended. */
static enum exchange_state ended_by(struct story *s, enum lookup_outcome outcome)
{
	static const struct fields nothing = {0};
	struct channel_event	   event = {.type = EVENT_FOUND,
					    .now_ms = s->world.side[NORTH].disk.exchange[0].not_after_ms + 1,
					    .found = {.ticket = 1ull << 32, .outcome = outcome, .fields = &nothing}};
	enum exchange_state	   state = EXCHANGE_DELIVERED;
	struct duties		   d = channel_step(s->world.side[SOUTH].channel, &event);

	for (size_t i = 0; i < d.n; i++)
		if (d.at[i].type == DUTY_STORE_ANSWER)
			state = d.at[i].exchange.exchange->state;
	return state;
}

/* A question that waited for a person until nobody wanted its answer ends `expired`; a provider that failed is an error, however late. */
static void what_nobody_answered_in_time_is_expired(void **state)
{
	static const struct {
		enum lookup_outcome outcome;
		enum exchange_state ends;
	} ends[] = {{FOUND_EXPIRED, EXCHANGE_EXPIRED}, {FOUND_ERROR, EXCHANGE_FAILED}};
	uint8_t mid[MID_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(ends); i++) {
		struct story s;

		asked_of_a_slow_provider(&s, mid);
		assert_int_equal(ended_by(&s, ends[i].outcome), ends[i].ends);
		story_end(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_nobody_answered_in_time_is_expired),
		cmocka_unit_test(it_is_withdrawn_before_it_is_answered),
		cmocka_unit_test(it_is_withdrawn_twice),
		cmocka_unit_test(it_crosses_the_answer),
		cmocka_unit_test(it_is_withdrawn_while_the_partner_is_away),
		cmocka_unit_test(a_withdrawal_that_was_not_told_is_lost),
		cmocka_unit_test(only_the_question_that_is_named_is_withdrawn),
		cmocka_unit_test(an_answered_question_is_not_withdrawn),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
