/*
 * keys.c: a party changes the keys that sign its logs and its receipts, because it is time or because a thief has one.
 * What was signed before stays; what a revoked key signs beyond the named sizes counts for nothing.
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

/* ---- because it is time ---- */

/* What north asks last does not arrive, and it comes back with another log key: the old epoch is proved by the old key, the new one by the new. */
static void north_changes_its_log_key(struct story *s, enum world_break broken)
{
	story_begin(s, true);
	story_exchange(s);
	story_ask(north(s));
	while (side_commit(north(s)) || side_work(north(s)))
		;
	world_cut(&s->world);
	story_listen_again(s);
	side_crash(north(s));
	side_rotate(north(s), KEY_LOG, false);
	side_start(north(s));
	s->world.broken = broken;
	world_connect(&s->world);
	world_settle(&s->world);
}

static void the_author_has_a_new_log_key(void **state)
{
	struct story s;

	(void)state;
	north_changes_its_log_key(&s, BREAK_NOTHING);
	story_is(&s, "[   0] north is killed\n"
		     "[   0] north has a new log key: card 2\n"
		     "[   0] north starts\n"
		     "[   0] north appends GENESIS 0\n"
		     "[   0] north appends TALLY 1\n"
		     "[   0] north appends KEYS 2\n"
		     "[   0] north appends AGREE 3\n"
		     "[   0] north and south connect\n"
		     "[   0] north > receipt 3 of channel customs\n"
		     "[   0] south takes card 2 of north\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] north > entries 3 to 3 from the ledger\n"
		     "[   0] north > entries 0 to 3 from the ledger\n"
		     "[   0] north > checkpoint 4 of channel customs\n"
		     "[   0] south > checkpoint 3 of channel customs\n"
		     "[   0] south takes QUERY 3\n"
		     "[   0] south looks up clause 7\n"
		     "[   0] south takes GENESIS 0\n"
		     "[   0] south takes TALLY 1\n"
		     "[   0] south takes KEYS 2\n"
		     "[   0] south takes AGREE 3\n"
		     "[   0] south appends REPLY 3: ok\n"
		     "[   0] south > receipt 4 of channel customs\n"
		     "[   0] south > receipt 4 of channel customs\n"
		     "[   0] south > checkpoint 4 of channel customs\n"
		     "[   0] north takes REPLY 3: ok\n"
		     "[   0] north tells: answered ok, status released\n"
		     "[   0] north > receipt 4 of channel customs\n");
	story_is_well(&s, 2);
	story_exchange(&s);
	story_is_well(&s, 3);
	story_end(&s);
}

/* What was signed between two changes is proved by the card between them, which south never saw in use. */
static void two_changes_while_the_reader_is_away(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	story_exchange(&s);
	world_cut(&s.world);
	for (int i = 0; i < 3; i++) {
		side_crash(north(&s));
		side_rotate(north(&s), KEY_LOG, false);
		side_start(north(&s));
		while (side_commit(north(&s)) || side_work(north(&s)))
			;
	}
	story_meet(&s);
	story_exchange(&s);
	assert_int_equal(south(&s)->theirs_held.n, 4);
	story_is_well(&s, 2);
	story_end(&s);
}

/* Its sibling: south never hears of the card. */
static void a_card_that_is_not_taken_is_found_out(void **state)
{
	struct story s;

	(void)state;
	north_changes_its_log_key(&s, BREAK_CARD);
	story_is(&s, "[   0] north is killed\n"
		     "[   0] north has a new log key: card 2\n"
		     "[   0] north starts\n"
		     "[   0] north appends GENESIS 0\n"
		     "[   0] north appends TALLY 1\n"
		     "[   0] north appends KEYS 2\n"
		     "[   0] north appends AGREE 3\n"
		     "[   0] north and south connect\n"
		     "[   0] north > receipt 3 of channel customs\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] north > entries 3 to 3 from the ledger\n"
		     "[   0] north > entries 0 to 3 from the ledger\n"
		     "[   0] north > checkpoint 4 of channel customs\n"
		     "[   0] south > checkpoint 3 of channel customs\n"
		     "[   0] south takes QUERY 3\n"
		     "[   0] south looks up clause 7\n"
		     "[   0] south ALARM signature: a CHECKPOINT whose signature does not verify\n"
		     "[   0] south closes: a CHECKPOINT whose signature does not verify\n");
	assert_int_equal(south(&s)->alarms, 1);
	assert_true(channel_frozen(south(&s)->channel));
	story_end(&s);
}

/* South comes back with another receipt key: what it receipted before stays receipted, and is not asked for again. */
static void south_changes_its_receipt_key(struct story *s, enum world_break broken)
{
	story_begin(s, true);
	story_exchange(s);
	story_listen_again(s);
	side_crash(south(s));
	side_rotate(south(s), KEY_RECEIPT, false);
	side_start(south(s));
	s->world.broken = broken;
	world_connect(&s->world);
	world_settle(&s->world);
	story_exchange(s);
}

static void the_reader_has_a_new_receipt_key(void **state)
{
	struct story s;

	(void)state;
	south_changes_its_receipt_key(&s, BREAK_NOTHING);
	story_is(&s, "[   0] south is killed\n"
		     "[   0] south has a new receipt key: card 2\n"
		     "[   0] south starts\n"
		     "[   0] south appends GENESIS 0\n"
		     "[   0] south appends TALLY 1\n"
		     "[   0] south appends KEYS 2\n"
		     "[   0] south appends AGREE 3\n"
		     "[   0] north and south connect\n"
		     "[   0] north takes card 2 of south\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] north > checkpoint 3 of channel customs\n"
		     "[   0] south > entries 0 to 3 from the ledger\n"
		     "[   0] south > checkpoint 4 of channel customs\n"
		     "[   0] north takes GENESIS 0\n"
		     "[   0] north takes TALLY 1\n"
		     "[   0] north takes KEYS 2\n"
		     "[   0] north takes AGREE 3\n"
		     "[   0] north > receipt 4 of channel customs\n"
		     "[   0] north asks about 2026-1 for duty-assessment\n"
		     "[   0] north appends QUERY 3\n"
		     "[   0] north > checkpoint 4 of channel customs\n"
		     "[   0] south takes QUERY 3\n"
		     "[   0] south looks up clause 7\n"
		     "[   0] south appends REPLY 4: ok\n"
		     "[   0] south > receipt 4 of channel customs\n"
		     "[   0] south > checkpoint 5 of channel customs\n"
		     "[   0] north takes REPLY 4: ok\n"
		     "[   0] north tells: answered ok, status released\n"
		     "[   0] north > receipt 5 of channel customs\n");
	story_is_well(&s, 2);
	assert_int_equal(north(&s)->disk.nlogs, 3);
	story_end(&s);
}

static void receipts_by_a_key_that_was_not_shown_are_refused(void **state)
{
	struct story s;

	(void)state;
	south_changes_its_receipt_key(&s, BREAK_CARD);
	story_is(&s, "[   0] south is killed\n"
		     "[   0] south has a new receipt key: card 2\n"
		     "[   0] south starts\n"
		     "[   0] south appends GENESIS 0\n"
		     "[   0] south appends TALLY 1\n"
		     "[   0] south appends KEYS 2\n"
		     "[   0] south appends AGREE 3\n"
		     "[   0] north and south connect\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] north > checkpoint 3 of channel customs\n"
		     "[   0] south > entries 0 to 3 from the ledger\n"
		     "[   0] south > checkpoint 4 of channel customs\n"
		     "[   0] north takes GENESIS 0\n"
		     "[   0] north takes TALLY 1\n"
		     "[   0] north takes KEYS 2\n"
		     "[   0] north takes AGREE 3\n"
		     "[   0] north > receipt 4 of channel customs\n"
		     "[   0] north asks about 2026-1 for duty-assessment\n"
		     "[   0] north appends QUERY 3\n"
		     "[   0] north > checkpoint 4 of channel customs\n"
		     "[   0] south takes QUERY 3\n"
		     "[   0] south looks up clause 7\n"
		     "[   0] south appends REPLY 4: ok\n"
		     "[   0] south > receipt 4 of channel customs\n"
		     "[   0] south > checkpoint 5 of channel customs\n"
		     "[   0] north closes: a RECEIPT whose signature does not verify\n");
	assert_false(channel_connected(north(&s)->channel));
	story_end(&s);
}

/* One root of the party is another from now on; the other vouches for it. Nothing in any log changes. */
static void the_author_has_a_new_root(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	for (int i = 0; i < 2; i++) {
		side_crash(north(&s));
		side_rotate(north(&s), KEY_ROOT, false);
		side_rotate(north(&s), KEY_LOG, false);
		side_start(north(&s));
		story_meet(&s);
		story_exchange(&s);
	}
	assert_int_equal(keyring_card(&south(&s)->theirs_held)->serial, 5);
	story_is_well(&s, 2);
	story_end(&s);
}

/* ---- because a thief has it ---- */

/* What north had said and south had not receipted yet is covered by its next epoch, under the new key. */
static void a_stolen_log_key_is_revoked(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	story_exchange(&s);
	story_ask(north(&s));
	while (side_commit(north(&s)) || side_work(north(&s)))
		;
	world_cut(&s.world);
	story_listen_again(&s);
	side_crash(north(&s));
	side_rotate(north(&s), KEY_LOG, true);
	side_start(north(&s));
	story_meet(&s);
	story_is(&s, "[   0] north is killed\n"
		     "[   0] north has a new log key, the old one was stolen: card 2\n"
		     "[   0] north starts\n"
		     "[   0] north appends GENESIS 0\n"
		     "[   0] north appends TALLY 1\n"
		     "[   0] north appends KEYS 2\n"
		     "[   0] north appends AGREE 3\n"
		     "[   0] north and south connect\n"
		     "[   0] north > receipt 3 of channel customs\n"
		     "[   0] south takes card 2 of north\n"
		     "[   0] south > receipt 3 of channel customs\n"
		     "[   0] north > entries 3 to 3 from the ledger\n"
		     "[   0] north > entries 0 to 3 from the ledger\n"
		     "[   0] north > checkpoint 4 of channel customs\n"
		     "[   0] south > checkpoint 3 of channel customs\n"
		     "[   0] south takes QUERY 3\n"
		     "[   0] south looks up clause 7\n"
		     "[   0] south takes GENESIS 0\n"
		     "[   0] south takes TALLY 1\n"
		     "[   0] south takes KEYS 2\n"
		     "[   0] south takes AGREE 3\n"
		     "[   0] south appends REPLY 3: ok\n"
		     "[   0] south > receipt 4 of channel customs\n"
		     "[   0] south > receipt 4 of channel customs\n"
		     "[   0] south > checkpoint 4 of channel customs\n"
		     "[   0] north takes REPLY 3: ok\n"
		     "[   0] north tells: answered ok, status released\n"
		     "[   0] north > receipt 4 of channel customs\n");
	story_is_well(&s, 2);
	story_end(&s);
}

static void a_stolen_receipt_key_is_revoked(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, true);
	story_exchange(&s);
	side_crash(south(&s));
	side_rotate(south(&s), KEY_RECEIPT, true);
	side_start(south(&s));
	story_meet(&s);
	story_exchange(&s);
	story_is_well(&s, 2);
	story_end(&s);
}

/* ---- the thief ---- */

/* The party of the pen revokes its log key but for `size` entries of an epoch; the pen still has that key. */
static void reader_learns(struct pen *p, const struct epoch *named, uint64_t size, bool receipts)
{
	struct card next = *keyring_card(&p->as->own);

	next.nrevoked = 1;
	next.revoked[0] = (struct card_revoked){receipts ? next.receipt[0].key : next.log[0].key, *named, size};
	next.log[0].key.b[0] ^= !receipts; /* nobody needs to sign by the new one here */
	next.receipt[0].key.b[0] ^= receipts;
	side_card_next(p->as, &next);
	side_card_come(p->reader, keyring_note(&p->as->own, p->as->own.n - 1));
}

/* A question stands in the log when the card comes, and its checkpoint after it. */
static void question_under_a_revoked_key(struct pen *p, uint64_t named)
{
	struct forged f;

	pen_begin(p, NORTH);
	pen_open(p);
	reader_learns(p, &p->log[0].epoch, named, false);
	pen_question(p, &f);
	pen_say(p, &f);
}

static void a_revoked_key_counts_up_to_the_named_size(void **state)
{
	static struct pen p;

	(void)state;
	question_under_a_revoked_key(&p, 3);
	story_is(&p.story, "[   0] south takes card 2 of north\n"
			   "[   0] south takes QUERY 2\n"
			   "[   0] south looks up clause 7\n"
			   "[   0] south appends REPLY 2: ok\n"
			   "[   0] south > receipt 3 of channel customs\n"
			   "[   0] south > checkpoint 3 of channel customs\n");
	assert_false(channel_frozen(p.reader->channel));
	pen_end(&p);
}

static void and_not_beyond_it(void **state)
{
	static struct pen p;

	(void)state;
	question_under_a_revoked_key(&p, 2);
	story_is(&p.story, "[   0] south takes card 2 of north\n"
			   "[   0] south ALARM signature: a CHECKPOINT by a key that its author has revoked, beyond what the card names\n"
			   "[   0] south closes: a CHECKPOINT by a key that its author has revoked, beyond what the card names\n");
	assert_true(channel_frozen(p.reader->channel));
	pen_end(&p);
}

/* What is held stays: the checkpoint that covers it is as good as on its first day. */
static void what_is_held_may_be_shown_again(void **state)
{
	static struct pen	p;
	struct checkpoint_frame c;

	(void)state;
	pen_begin(&p, NORTH);
	pen_open(&p);
	reader_learns(&p, &(struct epoch){.b = {9}}, 1, false);
	pen_checkpoint(&p, 0, 2, &c);
	pen_checkpoint_send(&p, &c);
	world_settle(&p.story.world);
	story_is(&p.story, "[   0] south takes card 2 of north\n");
	assert_false(channel_frozen(p.reader->channel));
	pen_end(&p);
}

/* The thief cannot go on in an epoch of its own. */
static void a_new_epoch_under_a_revoked_key(void **state)
{
	static struct pen p;
	struct forged	  f;

	(void)state;
	pen_begin(&p, NORTH);
	pen_open(&p);
	reader_learns(&p, &p.log[0].epoch, 2, false);
	pen_epoch(&p);
	pen_connect(&p);
	pen_genesis(&p, 1, &f);
	pen_say(&p, &f);
	story_is(&p.story, "[   0] south takes card 2 of north\n"
			   "[   0] south > receipt 2 of channel customs\n"
			   "[   0] south > entries 0 to 1 from the ledger\n"
			   "[   0] south > checkpoint 2 of channel customs\n"
			   "[   0] south ALARM signature: a CHECKPOINT by a key that its author has revoked, beyond what the card names\n"
			   "[   0] south closes: a CHECKPOINT by a key that its author has revoked, beyond what the card names\n");
	assert_true(channel_frozen(p.reader->channel));
	pen_end(&p);
}

/* Nor may an epoch that began under one key go on under another, be that as good as it may. */
static void an_epoch_has_one_key(void **state)
{
	static struct pen p;
	struct card	  next;
	struct forged	  f;

	(void)state;
	pen_begin(&p, NORTH);
	pen_open(&p);
	next = *keyring_card(&p.as->own);
	p.as->log_key = p.as->receipt_key;
	next.log[0].key = p.as->log_key.pub;
	side_card_next(p.as, &next);
	side_card_come(p.reader, keyring_note(&p.as->own, 1));
	pen_question(&p, &f);
	pen_say(&p, &f);
	story_is(&p.story, "[   0] south takes card 2 of north\n"
			   "[   0] south ALARM signature: a CHECKPOINT whose signature does not verify\n"
			   "[   0] south closes: a CHECKPOINT whose signature does not verify\n");
	assert_true(channel_frozen(p.reader->channel));
	pen_end(&p);
}

/* Its sibling: in a new epoch the new key is the right one. */
static void a_new_epoch_has_the_new_key(void **state)
{
	static struct pen p;
	struct card	  next;
	struct forged	  f;

	(void)state;
	pen_begin(&p, NORTH);
	pen_open(&p);
	next = *keyring_card(&p.as->own);
	p.as->log_key = p.as->receipt_key;
	next.log[0].key = p.as->log_key.pub;
	side_card_next(p.as, &next);
	side_card_come(p.reader, keyring_note(&p.as->own, 1));
	pen_epoch(&p);
	pen_connect(&p);
	pen_genesis(&p, 1, &f);
	pen_say(&p, &f);
	story_is(&p.story, "[   0] south takes card 2 of north\n"
			   "[   0] south > receipt 2 of channel customs\n"
			   "[   0] south > entries 0 to 1 from the ledger\n"
			   "[   0] south > checkpoint 2 of channel customs\n"
			   "[   0] south takes GENESIS 0\n"
			   "[   0] south > receipt 1 of channel customs\n");
	assert_false(channel_frozen(p.reader->channel));
	pen_end(&p);
}

/* South's receipt key is stolen: receipts for more than was named are as if they had not come. */
static void receipt_under_a_revoked_key(struct pen *p, uint64_t named)
{
	struct receipt_frame r;
	struct channel_log   log;

	pen_begin(p, SOUTH);
	pen_open(p);
	assert_true(channel_log(p->reader->channel, true, &log));
	reader_learns(p, &log.epoch, named, true);
	pen_receipt(p, 2, &r);
	pen_receipt_send(p, &r);
	world_settle(&p->story.world);
}

static void receipts_count_up_to_the_named_size(void **state)
{
	static struct pen p;

	(void)state;
	receipt_under_a_revoked_key(&p, 2);
	assert_int_equal(channel_unreceipted(p.reader->channel), 0);
	pen_end(&p);
}

static void receipts_beyond_it_count_for_nothing(void **state)
{
	static struct pen p;

	(void)state;
	receipt_under_a_revoked_key(&p, 1);
	assert_int_equal(channel_unreceipted(p.reader->channel), 2);
	assert_true(channel_connected(p.reader->channel));
	pen_end(&p);
}

/* ---- KEYS entries ---- */

static void keys_said(struct pen *p, bool another_party, bool another_id)
{
	struct card   next;
	struct forged f;
	struct side  *whose;

	pen_begin(p, NORTH);
	pen_open(p);
	whose = another_party ? p->reader : p->as;
	next = *keyring_card(&whose->own);
	side_card_next(whose, &next);
	next.id.b[0] ^= another_id;
	pen_keys(p, keyring_note(&whose->own, 1), &next.id, &f);
	pen_say(p, &f);
}

static void a_card_comes_in_the_log(void **state)
{
	static struct pen p;

	(void)state;
	keys_said(&p, false, false);
	story_is(&p.story, "[   0] south takes KEYS 2\n"
			   "[   0] south takes card 2 of north\n"
			   "[   0] south > receipt 3 of channel customs\n");
	assert_int_equal(keyring_card(&p.reader->theirs_held)->serial, 2);
	pen_end(&p);
}

static void a_card_of_another_party(void **state)
{
	static struct pen p;

	(void)state;
	keys_said(&p, true, false);
	story_is(&p.story, "[   0] south ALARM structure: a KEYS entry without a card of its author\n"
			   "[   0] south closes: a KEYS entry without a card of its author\n");
	assert_int_equal(keyring_card(&p.reader->theirs_held)->serial, 1);
	pen_end(&p);
}

static void a_card_under_another_id(void **state)
{
	static struct pen p;

	(void)state;
	keys_said(&p, false, true);
	story_is(&p.story, "[   0] south ALARM structure: a KEYS entry without a card of its author\n"
			   "[   0] south closes: a KEYS entry without a card of its author\n");
	pen_end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_author_has_a_new_log_key),
		cmocka_unit_test(two_changes_while_the_reader_is_away),
		cmocka_unit_test(a_card_that_is_not_taken_is_found_out),
		cmocka_unit_test(the_reader_has_a_new_receipt_key),
		cmocka_unit_test(receipts_by_a_key_that_was_not_shown_are_refused),
		cmocka_unit_test(the_author_has_a_new_root),
		cmocka_unit_test(a_stolen_log_key_is_revoked),
		cmocka_unit_test(a_stolen_receipt_key_is_revoked),
		cmocka_unit_test(a_revoked_key_counts_up_to_the_named_size),
		cmocka_unit_test(and_not_beyond_it),
		cmocka_unit_test(what_is_held_may_be_shown_again),
		cmocka_unit_test(a_new_epoch_under_a_revoked_key),
		cmocka_unit_test(an_epoch_has_one_key),
		cmocka_unit_test(a_new_epoch_has_the_new_key),
		cmocka_unit_test(receipts_count_up_to_the_named_size),
		cmocka_unit_test(receipts_beyond_it_count_for_nothing),
		cmocka_unit_test(a_card_comes_in_the_log),
		cmocka_unit_test(a_card_of_another_party),
		cmocka_unit_test(a_card_under_another_id),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
