/*
 * lying.c: a partner that lies about what was lost, to one whose ledger was put back; and a partner that went on from an
 * older copy, to one that holds more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "story.h"

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
	story_ask(p->reader);
	world_settle(&p->story.world);
	copy_take(p->reader, c);
	gateway_restore(p->reader->gateway, 0);
	side_start(p->reader);
	story_listen_again(&p->story);
	connect_showing(p, c, c->n);
	story_is(&p->story, "[   0] north > GET 2 to 2\n"
			    "[   0] north > receipt 2 of channel customs\n"
			    "[   0] north > entries 0 to 2 from the ledger\n"
			    "[   0] north > checkpoint 3 of channel customs\n");
}

struct lie {
	uint64_t from, n;
	bool	 checkpoint, spoil_row, spoil_body, purge, spoil_signature;
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
		uint8_t body[1024] = {0};
		assert_in_range(e->body.n, 0, sizeof body);
		if (e->body.n > 0)
			memcpy(body, e->body.at, e->body.n);
		body[e->body.n > 0 ? e->body.n - 1 : 0] ^= lie->spoil_body;
		range_row_write(&b, lie->purge ? ROW_PURGED : ROW_FULL, &salt, e->header, bytes_of(body, e->body.n), &e->commitment);
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
	story_is(&p.story, "[   0] north takes in again QUERY 2\n"
			   "[   0] north appends ADOPT 3\n"
			   "[   0] north > entries 3 to 3 from the ledger\n"
			   "[   0] north closes: entries of ours were taken in again: dial again\n");
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
	story_is(&p.story, "[   0] north ALARM root: the partner's copy of a log of ours has another root than we signed\n"
			   "[   0] north closes: the partner's copy of a log of ours has another root than we signed\n");
	nothing_was_taken(&p, true);
	pen_end(&p);
}

/* Our signature covers the header, the header its parts: a question is not put in other words under it. */
static void other_words_under_our_signature(void **state)
{
	static struct pen p;
	struct copy	  c;
	struct lie	  lie = {.from = 2, .n = 1, .checkpoint = true, .spoil_body = true};

	(void)state;
	north_has_lost_its_question(&p, &c);
	range_say(&p, &c, &lie);
	nothing_was_taken(&p, channel_frozen(p.reader->channel));
	pen_end(&p);
}

/* Nor without its words: nothing was ever erased here. */
static void no_words_under_our_signature(void **state)
{
	static struct pen p;
	struct copy	  c;
	struct lie	  lie = {.from = 2, .n = 1, .checkpoint = true, .purge = true};

	(void)state;
	north_has_lost_its_question(&p, &c);
	range_say(&p, &c, &lie);
	nothing_was_taken(&p, channel_frozen(p.reader->channel));
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
	story_is(&p.story, "[   0] north ALARM signature: the partner shows a checkpoint of a log of ours that we did not sign\n"
			   "[   0] north closes: the partner shows a checkpoint of a log of ours that we did not sign\n");
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
	story_is(&p.story, "[   0] north ALARM root: the partner shows more of a log of ours than is held here, and cannot prove it\n"
			   "[   0] north closes: the partner shows more of a log of ours than is held here, and cannot prove it\n");
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
	story_is(&p.story, "[   0] north ALARM root: the partner shows more of a log of ours than is held here, and cannot prove it\n"
			   "[   0] north closes: the partner shows more of a log of ours than is held here, and cannot prove it\n");
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
	story_is(&p.story, "[   0] north closes: a RANGE that was not asked for\n");
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
	story_ask(p.reader);
	story_is(&p.story, "[   0] north asks about 2026-1 for duty-assessment\n"
			   "[   0] north cannot take it now: fetching\n");
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
	story_is(&p->story, "[   0] south ALARM: the partner went on from an older copy of its ledger than is held here: nothing it says is acted on "
			    "before it has taken in the rest\n"
			    "[   0] south takes GENESIS 0\n"
			    "[   0] south takes AGREE 1\n"
			    "[   0] south > receipt 2 of channel customs\n");
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
	story_is(&p.story, "[   0] south takes QUERY 2\n"
			   "[   0] south appends REPLY 3: error\n"
			   "[   0] south answers error: not-adopted\n"
			   "[   0] south > receipt 3 of channel customs\n"
			   "[   0] south > checkpoint 4 of channel customs\n");
	pen_adopt(&p, 3, false);
	assert_false(channel_waiting(p.reader->channel));
	pen_question(&p, &f);
	pen_say(&p, &f);
	story_is(&p.story, "[   0] south takes ADOPT 3\n"
			   "[   0] south > receipt 4 of channel customs\n"
			   "[   0] south takes QUERY 4\n"
			   "[   0] south looks up clause 7\n"
			   "[   0] south appends REPLY 4: ok\n"
			   "[   0] south > receipt 5 of channel customs\n"
			   "[   0] south > checkpoint 5 of channel customs\n");
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
	story_is(&p.story, "[   0] south takes ADOPT 2\n"
			   "[   0] south ALARM root: a GENESIS or ADOPT names another root than the entries have\n"
			   "[   0] south closes: a GENESIS or ADOPT names another root than the entries have\n");
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
	story_is(&p.story, "[   0] south takes ADOPT 2\n"
			   "[   0] south > receipt 3 of channel customs\n"
			   "[   0] south takes QUERY 3\n"
			   "[   0] south appends REPLY 3: error\n"
			   "[   0] south answers error: not-adopted\n"
			   "[   0] south > receipt 4 of channel customs\n"
			   "[   0] south > checkpoint 4 of channel customs\n");
	assert_false(channel_frozen(p.reader->channel));
	pen_end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_truth_is_taken_in),
		cmocka_unit_test(another_row_under_our_signature),
		cmocka_unit_test(other_words_under_our_signature),
		cmocka_unit_test(no_words_under_our_signature),
		cmocka_unit_test(a_signature_that_is_not_ours),
		cmocka_unit_test(rows_without_a_proof),
		cmocka_unit_test(shown_and_not_given),
		cmocka_unit_test(an_answer_about_another_log),
		cmocka_unit_test(nothing_is_asked_meanwhile),
		cmocka_unit_test(a_question_before_and_after_adopt),
		cmocka_unit_test(an_adopt_with_another_root),
		cmocka_unit_test(an_adopt_of_less_than_is_held),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
