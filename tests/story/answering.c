/* answering.c: what south refuses to a north that signs and sends what it should not: policy, never structure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "story.h"

/* ---- one question, spoiled in one way ---- */

static void spoil_nothing(struct pen *p, struct forged *f)
{
	(void)p;
	(void)f;
}

static void spoil_purpose(struct pen *p, struct forged *f)
{
	(void)p;
	f->body[1] = pen_record("purpose", "marketing", NULL, NULL);
}

static void spoil_no_purpose(struct pen *p, struct forged *f)
{
	(void)p;
	f->body[1] = pen_record(NULL, NULL, NULL, NULL);
}

static void spoil_no_reason(struct pen *p, struct forged *f)
{
	(void)p;
	f->header.nparts = 1;
}

static void spoil_content(struct pen *p, struct forged *f)
{
	(void)p;
	f->body[0] = bytes_text("declaration=2026-1");
}

static void spoil_withheld(struct pen *p, struct forged *f)
{
	(void)p;
	f->header.part[0].placement = PLACED_WITHHELD;
}

static void spoil_case(struct pen *p, struct forged *f)
{
	(void)p;
	f->body[1] = pen_record("purpose", "offence-inquiry", NULL, NULL);
}

static void state_case(struct pen *p, struct forged *f)
{
	(void)p;
	f->body[1] = pen_record("purpose", "offence-inquiry", "case", "12/2026");
}

static void spoil_field(struct pen *p, struct forged *f)
{
	(void)p;
	f->body[0] = pen_record("declaration", "2026-1", "importer", "Sample Trading");
}

static void spoil_required(struct pen *p, struct forged *f)
{
	(void)p;
	f->body[0] = pen_record(NULL, NULL, NULL, NULL);
}

static void spoil_value(struct pen *p, struct forged *f)
{
	(void)p;
	f->body[0] = pen_record("declaration", "no?number", NULL, NULL);
}

static void spoil_clause(struct pen *p, struct forged *f)
{
	(void)p;
	f->header.clause = 8;
}

static void spoil_direction(struct pen *p, struct forged *f)
{
	(void)p;
	f->header.clause = 9;
}

static void spoil_agreement(struct pen *p, struct forged *f)
{
	(void)p;
	f->header.agreement.b[0] ^= 1;
	f->header.aseq = 0;
}

static void spoil_life(struct pen *p, struct forged *f)
{
	f->header.time_ms = p->story.world.now_ms - 70000;
	f->header.not_after_ms = p->story.world.now_ms - 1;
}

static void end_of_life(struct pen *p, struct forged *f)
{
	f->header.time_ms = p->story.world.now_ms - 70000;
	f->header.not_after_ms = p->story.world.now_ms;
}

static void time_of(struct forged *f, uint64_t time_ms)
{
	f->header.time_ms = time_ms;
	f->header.not_after_ms = time_ms + 600000;
}

static void spoil_clock_ahead(struct pen *p, struct forged *f)
{
	time_of(f, p->story.world.now_ms + 300001);
}

static void clock_ahead(struct pen *p, struct forged *f)
{
	time_of(f, p->story.world.now_ms + 300000);
}

static void spoil_clock_behind(struct pen *p, struct forged *f)
{
	time_of(f, p->story.world.now_ms - 300001);
}

static void clock_behind(struct pen *p, struct forged *f)
{
	time_of(f, p->story.world.now_ms - 300000);
}

/* South's AGREE is its entry 1: who has seen one entry only, has not seen it. */
static void spoil_seen(struct pen *p, struct forged *f)
{
	(void)p;
	f->header.seen_size = 1;
}

static void spoil_seen_epoch(struct pen *p, struct forged *f)
{
	(void)p;
	f->header.seen_epoch[0] ^= 1;
}

static void spoil_seen_nothing(struct pen *p, struct forged *f)
{
	(void)p;
	memset(f->header.seen_epoch, 0, EPOCH_SIZE);
	f->header.seen_size = 0;
}

static void spoil_kind(struct pen *p, struct forged *f)
{
	(void)p;
	f->header.kind = KIND_SEND;
}

static void spoil_kind_match(struct pen *p, struct forged *f)
{
	(void)p;
	f->header.kind = KIND_MATCH;
}

static void spoil_kind_unknown(struct pen *p, struct forged *f)
{
	(void)p;
	f->header.kind = 77;
}

static void spoil_kind_cancel(struct pen *p, struct forged *f)
{
	f->header.kind = KIND_CANCEL;
	f->header.flags = FLAG_HAS_RE;
	memcpy(f->header.re.epoch, p->log[0].epoch.b, EPOCH_SIZE);
	f->header.re.index = 1;
}

#define TAKES "[   0] south takes QUERY 2\n"
#define LEAVES                                                                                                                                       \
	"[   0] south > receipt 3 of channel customs\n"                                                                                              \
	"[   0] south > checkpoint 3 of channel customs\n"
#define ANSWERED     TAKES "[   0] south looks up clause 7\n[   0] south appends REPLY 2: ok\n" LEAVES
#define REFUSED(why) TAKES "[   0] south appends REPLY 2: refused\n[   0] south answers refused: " why "\n" LEAVES

static const struct {
	const char *name;
	void (*spoil)(struct pen *p, struct forged *f);
	const char *trace;
} questions[] = {
	{"nothing is wrong", spoil_nothing, ANSWERED},
	{"purpose unknown", spoil_purpose, REFUSED("purpose-not-permitted by rule 7/purposes")},
	{"purpose missing", spoil_no_purpose, REFUSED("purpose-not-permitted by rule 7/purposes")},
	{"no reason part", spoil_no_reason, REFUSED("field-not-permitted by rule 7/request")},
	{"content is no record", spoil_content, REFUSED("field-not-permitted by rule 7/request")},
	{"content withheld", spoil_withheld, REFUSED("field-not-permitted by rule 7/request")},
	{"case missing", spoil_case, REFUSED("field-missing by rule 7/must-state/case")},
	{"case stated", state_case, ANSWERED},
	{"field unknown", spoil_field, REFUSED("field-not-permitted by rule 7/request/importer")},
	{"required missing", spoil_required, REFUSED("field-missing by rule 7/request/declaration/required")},
	{"value bad", spoil_value, REFUSED("value-out-of-list by rule 7/request/declaration")},
	{"clause unknown", spoil_clause, REFUSED("clause-not-permitted by rule clauses")},
	{"the other way", spoil_direction, REFUSED("clause-not-permitted by rule 9/asks")},
	{"agreement unknown", spoil_agreement, REFUSED("agreement-unknown by rule agreement")},
	{"life is over", spoil_life, TAKES "[   0] south appends REPLY 2: expired\n[   0] south answers expired: expired\n" LEAVES},
	{"life ends now", end_of_life, ANSWERED},
	{"clock too far ahead", spoil_clock_ahead, REFUSED("clock by rule clock")},
	{"clock ahead", clock_ahead, ANSWERED},
	{"clock too far behind", spoil_clock_behind, REFUSED("clock by rule clock")},
	{"clock behind", clock_behind, ANSWERED},
	{"has not seen our AGREE", spoil_seen, REFUSED("agreement-unknown by rule agreement")},
	{"has seen an epoch that is not ours", spoil_seen_epoch, REFUSED("agreement-unknown by rule agreement")},
	{"has seen nothing", spoil_seen_nothing, REFUSED("agreement-unknown by rule agreement")},
	{"SEND", spoil_kind, "[   0] south takes SEND 2\n[   0] south appends REPLY 2: unsupported\n" LEAVES},
	{"MATCH", spoil_kind_match, "[   0] south takes MATCH 2\n[   0] south appends REPLY 2: unsupported\n" LEAVES},
	{"a kind of later", spoil_kind_unknown, "[   0] south takes unknown 2\n[   0] south appends REPLY 2: unsupported\n" LEAVES},
	{"CANCEL is not answered", spoil_kind_cancel, "[   0] south takes CANCEL 2\n[   0] south > receipt 3 of channel customs\n"},
};

static void each_rule_is_kept(void **state)
{
	static struct pen p;
	struct forged	  f;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(questions); i++) {
		pen_begin(&p, NORTH);
		pen_open(&p);
		pen_question(&p, &f);
		questions[i].spoil(&p, &f);
		pen_say(&p, &f);
		story_is(&p.story, questions[i].trace);
		assert_false(channel_frozen(p.reader->channel));
		assert_int_equal(side_unanswered(p.reader, false), 0);
		pen_end(&p);
	}
}

/* A question from a clock far ahead is refused and moves nothing: what is asked next, at the right time, is answered. */
static void one_wrong_clock_stops_nothing(void **state)
{
	static struct pen p;
	struct forged	  f;

	(void)state;
	pen_begin(&p, NORTH);
	pen_open(&p);
	story_listen_again(&p.story);
	pen_question(&p, &f);
	spoil_clock_ahead(&p, &f);
	pen_say(&p, &f);
	pen_question(&p, &f);
	pen_say(&p, &f);
	story_is(&p.story, "[   0] south takes QUERY 2\n"
			   "[   0] south appends REPLY 2: refused\n"
			   "[   0] south answers refused: clock by rule clock\n"
			   "[   0] south > receipt 3 of channel customs\n"
			   "[   0] south > checkpoint 3 of channel customs\n"
			   "[   0] south takes QUERY 3\n"
			   "[   0] south looks up clause 7\n"
			   "[   0] south appends REPLY 3: ok\n"
			   "[   0] south > receipt 4 of channel customs\n"
			   "[   0] south > checkpoint 4 of channel customs\n");
	pen_end(&p);
}

/* A question whose time is before that of one acted on earlier. */
static void the_clock_goes_back(void **state)
{
	static struct pen p;
	struct forged	  f;

	(void)state;
	pen_begin(&p, NORTH);
	pen_open(&p);
	pen_question(&p, &f);
	pen_say(&p, &f);
	story_listen_again(&p.story);
	pen_question(&p, &f);
	pen_say(&p, &f);
	pen_question(&p, &f);
	f.header.time_ms -= 1;
	pen_say(&p, &f);
	story_is(&p.story, "[   0] south takes QUERY 3\n"
			   "[   0] south looks up clause 7\n"
			   "[   0] south appends REPLY 3: ok\n"
			   "[   0] south > receipt 4 of channel customs\n"
			   "[   0] south > checkpoint 4 of channel customs\n"
			   "[   0] south takes QUERY 4\n"
			   "[   0] south appends REPLY 4: refused\n"
			   "[   0] south answers refused: clock by rule clock\n"
			   "[   0] south > receipt 5 of channel customs\n"
			   "[   0] south > checkpoint 5 of channel customs\n");
	pen_end(&p);
}

static void the_day_is_used_up(void **state)
{
	static struct pen p;
	struct forged	  f;

	(void)state;
	pen_begin(&p, NORTH);
	pen_open(&p);
	for (int i = 0; i < 40; i++) {
		pen_question(&p, &f);
		if (i % 2)
			spoil_purpose(&p, &f); /* refused questions count as well */
		pen_say(&p, &f);
	}
	assert_int_equal(p.reader->lookups, 20);
	story_listen_again(&p.story);
	pen_question(&p, &f);
	pen_say(&p, &f);
	story_is(&p.story, "[   0] south takes QUERY 42\n"
			   "[   0] south appends REPLY 42: refused\n"
			   "[   0] south answers refused: quota-spent by rule 7/limits/per-day\n"
			   "[   0] south > receipt 43 of channel customs\n"
			   "[   0] south > checkpoint 43 of channel customs\n");
	pen_end(&p);
}

/* ---- agreements ---- */

static void the_agree_stands_behind_the_question(void **state)
{
	static struct pen p;
	struct forged	  f;

	(void)state;
	pen_begin(&p, NORTH);
	pen_connect(&p);
	pen_genesis(&p, 0, &f);
	pen_write(&p, &f);
	story_listen(&p.story);
	pen_question(&p, &f);
	pen_write(&p, &f);
	pen_agree(&p, &f);
	pen_write(&p, &f);
	pen_question(&p, &f);
	pen_say(&p, &f);
	story_is(&p.story, "[   0] south takes GENESIS 0\n"
			   "[   0] south takes QUERY 1\n"
			   "[   0] south appends REPLY 2: refused\n"
			   "[   0] south answers refused: agreement-unknown by rule agreement\n"
			   "[   0] south takes AGREE 2\n"
			   "[   0] south takes QUERY 3\n"
			   "[   0] south looks up clause 7\n"
			   "[   0] south appends REPLY 3: ok\n"
			   "[   0] south > receipt 4 of channel customs\n"
			   "[   0] south > checkpoint 4 of channel customs\n");
	pen_end(&p);
}

/* Each epoch needs its own AGREE: the last one's does not count. */
static void an_epoch_without_agree(void **state)
{
	static struct pen p;
	struct forged	  f;

	(void)state;
	pen_begin(&p, NORTH);
	pen_open(&p);
	pen_epoch(&p);
	pen_connect(&p);
	pen_genesis(&p, 1, &f);
	pen_say(&p, &f);
	story_listen_again(&p.story);
	pen_question(&p, &f);
	pen_say(&p, &f);
	pen_agree(&p, &f);
	pen_say(&p, &f);
	pen_question(&p, &f);
	pen_say(&p, &f);
	story_is(&p.story, "[   0] south takes QUERY 1\n"
			   "[   0] south appends REPLY 2: refused\n"
			   "[   0] south answers refused: agreement-unknown by rule agreement\n"
			   "[   0] south > receipt 2 of channel customs\n"
			   "[   0] south > checkpoint 3 of channel customs\n"
			   "[   0] south takes AGREE 2\n"
			   "[   0] south > receipt 3 of channel customs\n"
			   "[   0] south takes QUERY 3\n"
			   "[   0] south looks up clause 7\n"
			   "[   0] south appends REPLY 3: ok\n"
			   "[   0] south > receipt 4 of channel customs\n"
			   "[   0] south > checkpoint 4 of channel customs\n");
	pen_end(&p);
}

/* ---- once per mid ---- */

static void the_same_mid(struct pen *p, struct forged *f)
{
	pen_question(p, f);
	f->header.mid[15] = 1;
}

static void a_mid_comes_twice_in_one_checkpoint(void **state)
{
	static struct pen p;
	struct forged	  f;

	(void)state;
	pen_begin(&p, NORTH);
	pen_open(&p);
	the_same_mid(&p, &f);
	pen_write(&p, &f);
	the_same_mid(&p, &f);
	pen_say(&p, &f);
	story_is(&p.story, "[   0] south takes QUERY 2\n"
			   "[   0] south looks up clause 7\n"
			   "[   0] south takes QUERY 3\n"
			   "[   0] south appends REPLY 2: ok\n"
			   "[   0] south > receipt 4 of channel customs\n"
			   "[   0] south > checkpoint 3 of channel customs\n");
	assert_int_equal(p.reader->disk.exchange[0].used, 1);
	pen_end(&p);
}

/* The first is refused at once, so only the turn remembers it. */
static void a_refused_mid_comes_twice_in_one_checkpoint(void **state)
{
	static struct pen p;
	struct forged	  f;

	(void)state;
	pen_begin(&p, NORTH);
	pen_open(&p);
	the_same_mid(&p, &f);
	spoil_purpose(&p, &f);
	pen_write(&p, &f);
	the_same_mid(&p, &f);
	pen_say(&p, &f);
	story_is(&p.story, "[   0] south takes QUERY 2\n"
			   "[   0] south appends REPLY 2: refused\n"
			   "[   0] south answers refused: purpose-not-permitted by rule 7/purposes\n"
			   "[   0] south takes QUERY 3\n"
			   "[   0] south > receipt 4 of channel customs\n"
			   "[   0] south > checkpoint 3 of channel customs\n");
	pen_end(&p);
}

static void a_mid_comes_again_later(void **state)
{
	static struct pen p;
	struct forged	  f;

	(void)state;
	pen_begin(&p, NORTH);
	pen_open(&p);
	the_same_mid(&p, &f);
	pen_say(&p, &f);
	story_listen_again(&p.story);
	the_same_mid(&p, &f);
	pen_say(&p, &f);
	story_is(&p.story, "[   0] south takes QUERY 3\n"
			   "[   0] south > receipt 4 of channel customs\n");
	pen_question(&p, &f);
	pen_say(&p, &f);
	assert_int_equal(p.reader->disk.nexchanges, 2);
	assert_int_equal(p.reader->disk.exchange[1].used, 2); /* the double was not counted */
	pen_end(&p);
}

static void a_mid_comes_again_in_another_epoch(void **state)
{
	static struct pen p;
	struct forged	  f;

	(void)state;
	pen_begin(&p, NORTH);
	pen_open(&p);
	the_same_mid(&p, &f);
	pen_say(&p, &f);
	side_crash(p.reader); /* and south has only its ledger to remember by */
	side_start(p.reader);
	pen_epoch(&p);
	pen_connect(&p);
	pen_genesis(&p, 1, &f);
	pen_write(&p, &f);
	pen_agree(&p, &f);
	pen_say(&p, &f);
	story_listen_again(&p.story);
	the_same_mid(&p, &f);
	pen_say(&p, &f);
	story_is(&p.story, "[   0] south takes QUERY 2\n"
			   "[   0] south > receipt 3 of channel customs\n");
	assert_int_equal(p.reader->lookups, 1);
	pen_end(&p);
}

/* The worker is still busy with the first one. */
static void a_mid_comes_again_while_it_is_looked_up(void **state)
{
	static struct pen p;
	struct forged	  f;

	(void)state;
	pen_begin(&p, NORTH);
	pen_open(&p);
	p.story.world.silent_worker = true;
	the_same_mid(&p, &f);
	pen_say(&p, &f);
	the_same_mid(&p, &f);
	pen_say(&p, &f);
	story_is(&p.story, "[   0] south takes QUERY 2\n"
			   "[   0] south looks up clause 7\n"
			   "[   0] south > receipt 3 of channel customs\n"
			   "[   0] south takes QUERY 3\n"
			   "[   0] south > receipt 4 of channel customs\n");
	pen_end(&p);
}

/* ---- after a restart ---- */

/* Killed while the worker looks: what may be repeated is looked up again, the rest is told as interrupted. */
static void killed_while_it_is_looked_up(void **state)
{
	static struct pen p;
	struct forged	  f;

	(void)state;
	pen_begin(&p, NORTH);
	pen_open(&p);
	p.story.world.silent_worker = true;
	pen_question(&p, &f);
	pen_write(&p, &f);
	pen_question(&p, &f);
	f.header.flags = FLAG_INTERACTIVE;
	pen_say(&p, &f);
	story_listen_again(&p.story);
	p.story.world.silent_worker = false;
	side_crash(p.reader);
	side_start(p.reader);
	pen_connect(&p);
	story_is(&p.story, "[   0] south is killed\n"
			   "[   0] south starts\n"
			   "[   0] south appends GENESIS 0\n"
			   "[   0] south appends TALLY 1\n"
			   "[   0] south appends AGREE 2\n"
			   "[   0] south > receipt 4 of channel customs\n"
			   "[   0] south looks up clause 7\n"
			   "[   0] south appends REPLY 3: error\n"
			   "[   0] south answers error: interrupted\n"
			   "[   0] south > entries 0 to 1 from the ledger\n"
			   "[   0] south > entries 0 to 3 from the ledger\n"
			   "[   0] south > checkpoint 3 of channel customs\n"
			   "[   0] south appends REPLY 4: ok\n"
			   "[   0] south > checkpoint 5 of channel customs\n");
	pen_end(&p);
}

/* What comes while south stops is judged by its next start, with its place in the log and in the quota as they were. */
static void judged_after_a_stop(void **state)
{
	static struct pen    p;
	struct forged	     f;
	struct channel_event end = {.type = EVENT_CLOSE};

	(void)state;
	pen_begin(&p, NORTH);
	pen_connect(&p);
	pen_genesis(&p, 0, &f);
	pen_say(&p, &f);
	pen_question(&p, &f); /* before the AGREE: number 1 of this day */
	pen_say(&p, &f);
	pen_agree(&p, &f);
	pen_say(&p, &f);
	for (int i = 1; i < 40; i++) {
		pen_question(&p, &f);
		pen_say(&p, &f);
	}
	side_step(p.reader, &end);
	pen_question(&p, &f);
	pen_say(&p, &f);
	side_stop(p.reader);
	story_listen(&p.story);
	side_start(p.reader);
	pen_connect(&p);
	story_is(&p.story, "[   0] south starts\n"
			   "[   0] south appends GENESIS 0\n"
			   "[   0] south appends TALLY 1\n"
			   "[   0] south appends AGREE 2\n"
			   "[   0] south > receipt 43 of channel customs\n"
			   "[   0] south appends REPLY 3: refused\n"
			   "[   0] south answers refused: quota-spent by rule 7/limits/per-day\n"
			   "[   0] south > entries 0 to 42 from the ledger\n"
			   "[   0] south > entries 0 to 3 from the ledger\n"
			   "[   0] south > checkpoint 3 of channel customs\n"
			   "[   0] south > checkpoint 4 of channel customs\n");
	pen_end(&p);
}

/* The AGREE came after the question and before the question was judged: it is still not agreed. */
static void not_agreed_after_a_stop_either(void **state)
{
	static struct pen    p;
	struct forged	     f;
	struct channel_event end = {.type = EVENT_CLOSE};

	(void)state;
	pen_begin(&p, NORTH);
	pen_connect(&p);
	pen_genesis(&p, 0, &f);
	pen_say(&p, &f);
	side_step(p.reader, &end);
	pen_question(&p, &f);
	pen_write(&p, &f);
	pen_agree(&p, &f);
	pen_say(&p, &f);
	side_stop(p.reader);
	story_listen(&p.story);
	side_start(p.reader);
	pen_connect(&p);
	story_is(&p.story, "[   0] south starts\n"
			   "[   0] south appends GENESIS 0\n"
			   "[   0] south appends TALLY 1\n"
			   "[   0] south appends AGREE 2\n"
			   "[   0] south > receipt 3 of channel customs\n"
			   "[   0] south appends REPLY 3: refused\n"
			   "[   0] south answers refused: agreement-unknown by rule agreement\n"
			   "[   0] south > entries 0 to 2 from the ledger\n"
			   "[   0] south > entries 0 to 3 from the ledger\n"
			   "[   0] south > checkpoint 3 of channel customs\n"
			   "[   0] south > checkpoint 4 of channel customs\n");
	pen_end(&p);
}

/* A restarted south still knows the time of the last question. */
static void the_clock_goes_back_over_a_restart(void **state)
{
	static struct pen p;
	struct forged	  f;

	(void)state;
	pen_begin(&p, NORTH);
	pen_open(&p);
	pen_question(&p, &f);
	pen_say(&p, &f);
	side_crash(p.reader);
	side_start(p.reader);
	pen_connect(&p);
	story_listen_again(&p.story);
	pen_question(&p, &f);
	f.header.time_ms -= 1;
	pen_say(&p, &f);
	story_is(&p.story, "[   0] south takes QUERY 3\n"
			   "[   0] south appends REPLY 3: refused\n"
			   "[   0] south answers refused: clock by rule clock\n"
			   "[   0] south > receipt 4 of channel customs\n"
			   "[   0] south > checkpoint 4 of channel customs\n");
	pen_end(&p);
}

/* A message of tomorrow, of a kind that is not served, does not move the clock of questions: not now, not after a restart. */
static void a_message_of_tomorrow(void **state)
{
	static struct pen p;
	struct forged	  f;

	(void)state;
	pen_begin(&p, NORTH);
	pen_open(&p);
	pen_question(&p, &f);
	f.header.kind = KIND_SEND;
	time_of(&f, p.story.world.now_ms + 86400000);
	pen_say(&p, &f);
	struct channel_log held;
	assert_true(channel_log(p.reader->channel, false, &held));
	assert_true(held.last_time_ms <= p.story.world.now_ms); /* what a ledger would remember */
	side_crash(p.reader);
	side_start(p.reader);
	pen_epoch(&p);
	pen_connect(&p);
	pen_genesis(&p, 1, &f);
	pen_write(&p, &f);
	pen_agree(&p, &f);
	pen_say(&p, &f);
	story_listen_again(&p.story);
	pen_question(&p, &f);
	pen_say(&p, &f);
	story_is(&p.story, "[   0] south takes QUERY 2\n"
			   "[   0] south looks up clause 7\n"
			   "[   0] south appends REPLY 3: ok\n"
			   "[   0] south > receipt 3 of channel customs\n"
			   "[   0] south > checkpoint 4 of channel customs\n");
	pen_end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_rule_is_kept),
		cmocka_unit_test(one_wrong_clock_stops_nothing),
		cmocka_unit_test(the_clock_goes_back),
		cmocka_unit_test(the_day_is_used_up),
		cmocka_unit_test(the_agree_stands_behind_the_question),
		cmocka_unit_test(an_epoch_without_agree),
		cmocka_unit_test(a_mid_comes_twice_in_one_checkpoint),
		cmocka_unit_test(a_mid_comes_again_later),
		cmocka_unit_test(a_mid_comes_again_in_another_epoch),
		cmocka_unit_test(a_mid_comes_again_while_it_is_looked_up),
		cmocka_unit_test(killed_while_it_is_looked_up),
		cmocka_unit_test(a_refused_mid_comes_twice_in_one_checkpoint),
		cmocka_unit_test(judged_after_a_stop),
		cmocka_unit_test(not_agreed_after_a_stop_either),
		cmocka_unit_test(the_clock_goes_back_over_a_restart),
		cmocka_unit_test(a_message_of_tomorrow),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
