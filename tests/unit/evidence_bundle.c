/* evidence_bundle.c: stories of two parties as bundles, what each proves, and what breaks it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "evidence/tar.h"
#include "evidence_world.h"
#include "mithaq/verify.h"

static struct world  world;
static struct report report;

static int start(void **state)
{
	(void)state;
	return crypto_start() == ERR_OK ? 0 : -1;
}

static void world_start(void)
{
	struct fault fault = {.err = ERR_OK};
	enum err     e = world_init(&world, &fault);

	if (e != ERR_OK) {
		char line[800];

		fault_print(&fault, "world", LANG_EN, line, sizeof line);
		print_message("%s: %s\n", err_name(e), line);
	}
	assert_int_equal(e, ERR_OK);
}

static struct buffer story_bundle(enum story story)
{
	struct buffer out = {.most = EVIDENCE_MOST};

	world_start();
	assert_int_equal(world_bundle(&world, story_tell(&world, story), &out), ERR_OK);
	return out;
}

static enum err verify(struct bytes bundle, const struct pins *pins)
{
	struct fault fault = {.err = ERR_OK};

	return evidence_verify(bundle, pins, &report, &fault);
}

static void story_verify(enum story story)
{
	struct buffer bundle = story_bundle(story);
	struct fault  fault = {.err = ERR_OK};
	enum err      e = evidence_verify(buffer_bytes(&bundle), NULL, &report, &fault);

	if (e != ERR_OK)
		print_message("%s: %s %s %s\n", story_names[story], err_name(e), fault.at, fault.found);
	assert_int_equal(e, ERR_OK);
	buffer_done(&bundle);
}

/* The report in one line: claim names, with " | " where what is not proved begins and where trust begins. */
static void assert_claims(const char *expected)
{
	char	       line[1024];
	struct builder b = builder_on(line, sizeof line - 1);

	for (unsigned i = 0; i < report.n; i++) {
		bool turn = i > 0 && report.claim[i].verdict != report.claim[i - 1].verdict;

		build_format(&b, "%s%s%s", i > 0 ? " " : "", turn ? "| " : "", claim_name(report.claim[i].kind));
	}
	line[b.n] = '\0';
	assert_string_equal(line, expected);
}

static void assert_sentence(enum claim_kind kind, const char *expected)
{
	char text[1400];

	for (unsigned i = 0; i < report.n; i++)
		if (report.claim[i].kind == kind) {
			claim_text(&report.claim[i], LANG_EN, text, sizeof text);
			assert_string_equal(text, expected);
			return;
		}
	fail_msg("no claim %s", claim_name(kind));
}

/* ---- what each story proves ---- */

static void hit_proves_everything(void **state)
{
	(void)state;
	story_verify(STORY_HIT);
	assert_claims("agreed asked inside received answered answer-received complete | limits | roots roots");
	assert_sentence(CLAIM_ASKED, "customs.north.example asked this (entry 2)");
	assert_sentence(CLAIM_RECEIVED, "customs.south.example received it at the latest at 2026-12-05T09:14:08.000Z by its own clock");
	assert_sentence(CLAIM_ANSWERED, "customs.south.example answered this to that (entry 2)");
	assert_sentence(CLAIM_ANSWER_RECEIVED, "customs.north.example received the answer");
	assert_sentence(CLAIM_COMPLETE, "nothing is missing under this agreement up to entry 2 / 2 in these epochs");
	assert_int_equal(report.nshown, 3);
}

static void no_hit_is_an_answer(void **state)
{
	(void)state;
	story_verify(STORY_NO_HIT);
	assert_claims("agreed asked inside received no-hit answer-received complete | limits | roots roots");
}

static void refusal_names_reason_and_rule(void **state)
{
	(void)state;
	story_verify(STORY_REFUSED);
	assert_claims("agreed asked inside received refused answer-received complete | limits | roots roots");
	assert_sentence(CLAIM_REFUSED, "customs.south.example refused this, for reason inquiry-under-way under rule 7/refuse-for (entry 2)");
}

static void question_outside_its_clause_is_said(void **state)
{
	(void)state;
	story_verify(STORY_OUTSIDE);
	assert_claims("agreed asked outside received refused answer-received complete | limits | roots roots");
	assert_sentence(CLAIM_OUTSIDE, "the question was outside clause 7, by rule 7/purposes");
}

static void erased_content_leaves_the_fact(void **state)
{
	(void)state;
	story_verify(STORY_ERASED);
	assert_claims("agreed asked received answered answer-received complete | unjudged erased erased limits | roots roots");
	assert_sentence(CLAIM_ERASED, "what part 0, 1 of entry 2 of customs.north.example said: the content was erased or withheld; that it existed "
				      "and when stays proved");
	assert_int_equal(report.nshown, 0);
}

static void question_alone_proves_only_itself(void **state)
{
	(void)state;
	story_verify(STORY_UNANSWERED);
	assert_claims("agreed asked inside | not-received not-answered incomplete limits | roots roots");
}

static void without_receipts_the_answer_still_speaks(void **state)
{
	(void)state;
	story_verify(STORY_NO_RECEIPT);
	assert_claims("agreed asked inside received answered | answer-not-received incomplete limits | roots roots");
	assert_sentence(CLAIM_RECEIVED, "customs.south.example received it at the latest at 2026-12-05T09:14:07.114Z by its own clock");
}

static void gap_is_counted(void **state)
{
	(void)state;
	story_verify(STORY_GAP);
	assert_claims("agreed asked inside received answered answer-received | incomplete limits | roots roots");
	assert_sentence(CLAIM_INCOMPLETE, "that nothing is missing under this agreement: this file holds 1 of at least 2 entries of "
					  "customs.north.example, and 1 of at least 2 of customs.south.example, in these epochs; "
					  "equal numbers prove it once a TALLY that the other party receipted counts them");
}

static void old_tail_stands_on_the_next_genesis(void **state)
{
	(void)state;
	story_verify(STORY_TAIL);
	assert_claims("agreed asked inside received answered answer-received | incomplete limits | roots roots");
	story_verify(STORY_PLACE);
	assert_claims("agreed asked inside received answered answer-received | incomplete limits | roots roots");
	story_verify(STORY_CHAIN);
	assert_claims("agreed asked inside received answered answer-received | incomplete limits | roots roots");
}

/* ---- what breaks it ---- */

/* Tells the story, lets `change` alter its world, builds and expects this error. */
static void changed_story_is(enum story story, void (*change)(void), enum err expected)
{
	struct buffer	     bundle = {.most = EVIDENCE_MOST};
	const struct record *question;

	world_start();
	question = story_tell(&world, story);
	change();
	assert_int_equal(world_bundle(&world, question, &bundle), ERR_OK);
	assert_int_equal(verify(buffer_bytes(&bundle), NULL), expected);
	buffer_done(&bundle);
}

static struct evidence_item *item_of(const char *author, uint8_t kind)
{
	for (size_t i = 0; i < world.nitems; i++)
		if (strcmp(world.item[i].origin.author, author) == 0 && world.item[i].header.at[0] == kind)
			return &world.item[i];
	fail_msg("no such item");
	return NULL;
}

static void drop_item(const char *author, uint8_t kind)
{
	struct evidence_item *item = item_of(author, kind);

	*item = world.item[--world.nitems];
}

static void genesis_gone(void)
{
	drop_item(NORTH_NAME, KIND_GENESIS);
}

static void genesis_unsigned(void)
{
	item_of(NORTH_NAME, KIND_GENESIS)->has_signature = false;
}

static void signature_of_another(void)
{
	struct evidence_item *item = item_of(NORTH_NAME, KIND_QUERY);
	struct checkpoint     c = {.size = item->size, .root = item->root};

	assert_int_equal(origin_write(&item->origin, c.origin), ERR_OK);
	checkpoint_sign(&world.log_key[SOUTH], &c, &item->signature);
}

static void receipt_of_another_time(void)
{
	item_of(NORTH_NAME, KIND_QUERY)->receipt_s++;
}

static void receipt_by_the_author(void)
{
	struct evidence_item *item = item_of(NORTH_NAME, KIND_QUERY);
	struct checkpoint     c = {.size = item->size, .root = item->root};

	assert_int_equal(origin_write(&item->origin, c.origin), ERR_OK);
	receipt_sign(&world.receipt_key[NORTH], &c, RECEIPT_S, &item->receipt);
}

static void body_changed(void)
{
	item_of(NORTH_NAME, KIND_QUERY)->part[1].body = bytes_text("other");
}

static void salt_changed(void)
{
	item_of(NORTH_NAME, KIND_QUERY)->salt.b[0] ^= 1;
}

static void path_changed(void)
{
	item_of(NORTH_NAME, KIND_QUERY)->path.at[0].b[31] ^= 1;
}

static void question_gone(void)
{
	drop_item(NORTH_NAME, KIND_QUERY);
}

static void cards_twice(void)
{
	memcpy(world.card[NORTH], world.card[SOUTH], sizeof world.card[NORTH]);
	world.card_n[NORTH] = world.card_n[SOUTH];
}

static void every_lie_breaks_it(void **state)
{
	(void)state;
	changed_story_is(STORY_TAIL, genesis_gone, ERR_SIGNATURE);
	changed_story_is(STORY_PLACE, genesis_gone, ERR_SIGNATURE);
	changed_story_is(STORY_CHAIN, genesis_gone, ERR_SIGNATURE);
	changed_story_is(STORY_TAIL, genesis_unsigned, ERR_SIGNATURE);
	changed_story_is(STORY_HIT, signature_of_another, ERR_SIGNATURE);
	changed_story_is(STORY_HIT, receipt_of_another_time, ERR_SIGNATURE);
	changed_story_is(STORY_HIT, receipt_by_the_author, ERR_SIGNATURE);
	changed_story_is(STORY_HIT, body_changed, ERR_COMMITMENT);
	changed_story_is(STORY_HIT, salt_changed, ERR_PROOF);
	changed_story_is(STORY_HIT, path_changed, ERR_PROOF);
	changed_story_is(STORY_HIT, question_gone, ERR_MISSING);
}

static void card_of_a_stranger_breaks_it(void **state)
{
	struct buffer bundle = {.most = EVIDENCE_MOST};

	(void)state;
	world_start();
	const struct record *question = story_tell(&world, STORY_HIT);
	cards_twice();
	assert_int_not_equal(world_bundle(&world, question, &bundle), ERR_OK);
	assert_int_equal(bundle.n, 0);
	buffer_done(&bundle);
}

/* An answer that names another leaf: signed by the right party, and still not an answer to this. */
static void answer_to_another_question_breaks_it(void **state)
{
	struct buffer	     bundle = {.most = EVIDENCE_MOST};
	struct log	    *north, *south;
	const struct record *question;

	(void)state;
	world_start();
	north = log_open(&world, NORTH, NULL);
	south = log_open(&world, SOUTH, NULL);
	question = log_ask(&world, north, south, "duty-assessment");
	struct hash leaf = north->leaf[2];
	north->leaf[2].b[0] ^= 1;
	log_answer(&world, south, north, 2, STATUS_OK);
	north->leaf[2] = leaf;
	items_add_all(&world, north, 1, BY_BOTH);
	items_add_all(&world, south, 1, BY_BOTH);
	assert_int_equal(world_bundle(&world, question, &bundle), ERR_OK);
	assert_int_equal(verify(buffer_bytes(&bundle), NULL), ERR_VALUE);
	buffer_done(&bundle);
}

/* Two signed roots for one size. */
static void fork_breaks_it(void **state)
{
	struct buffer	      bundle = {.most = EVIDENCE_MOST};
	const struct record  *question;
	static struct log     fork;
	struct evidence_item *item;

	(void)state;
	world_start();
	question = story_tell(&world, STORY_HIT);
	fork = world.log[0];
	fork.leaf[3].b[0] ^= 1;
	item = item_of(NORTH_NAME, KIND_AGREE);
	*item = world.item[--world.nitems];
	item_add(&world, &fork, 1, BY_BOTH);
	assert_int_equal(world_bundle(&world, question, &bundle), ERR_OK);
	assert_int_equal(verify(buffer_bytes(&bundle), NULL), ERR_FORK);
	buffer_done(&bundle);
}

/* A TALLY of another agreement only: it proves nothing here, so the builder leaves it out. */
static void tally_of_another_agreement_is_left_out(void **state)
{
	struct buffer	     bundle = {.most = EVIDENCE_MOST};
	const struct record *question;
	struct hash	     agreement;

	(void)state;
	world_start();
	question = story_tell(&world, STORY_HIT);
	agreement = world.agreement;
	memset(world.agreement.b, 7, HASH_SIZE);
	log_tally(&world, &world.log[0], 9, 9);
	world.agreement = agreement;
	item_add(&world, &world.log[0], 4, BY_BOTH);
	assert_int_equal(world_bundle(&world, question, &bundle), ERR_OK);
	assert_int_equal(verify(buffer_bytes(&bundle), NULL), ERR_OK);
	assert_claims("agreed asked inside received answered answer-received complete | limits | roots roots");
	buffer_done(&bundle);
}

/* ---- pins ---- */

static void pins_are_compared(void **state)
{
	struct buffer bundle = story_bundle(STORY_HIT);
	struct bytes  file = buffer_bytes(&bundle);
	struct pins   pins = {.agreement = bytes_text(world.text), .card = {bytes_of(world.card[SOUTH], world.card_n[SOUTH])}};

	(void)state;
	assert_int_equal(verify(file, &pins), ERR_OK);
	assert_claims("agreed asked inside received answered answer-received complete same-agreement same-card | limits | roots roots");
	pins.agreement = bytes_of(world.note, world.note_n);
	assert_int_equal(verify(file, &pins), ERR_OK);
	pins.agreement.n--;
	assert_int_equal(verify(file, &pins), ERR_VALUE);
	buffer_done(&bundle);
}

static void card_with_other_roots_is_said(void **state)
{
	struct buffer bundle = story_bundle(STORY_HIT);
	struct pins   pins = {.agreement = BYTES_NONE};

	(void)state;
	world_key(&world.root[SOUTH][1], "an impostor");
	assert_int_equal(world_card(&world, SOUTH), ERR_OK);
	pins.card[1] = bytes_of(world.card[SOUTH], world.card_n[SOUTH]);
	assert_int_equal(verify(buffer_bytes(&bundle), &pins), ERR_KEY);
	buffer_done(&bundle);
}

/* ---- form ---- */

static void anything_behind_the_end_breaks_it(void **state)
{
	struct buffer bundle = story_bundle(STORY_HIT);

	(void)state;
	assert_int_equal(buffer_add(&bundle, bytes_text("x")), ERR_OK);
	assert_int_equal(verify(buffer_bytes(&bundle), NULL), ERR_TRAILING);
	for (size_t n = 0; n < bundle.n - 1; n += 97)
		assert_int_not_equal(verify(bytes_of(bundle.at, n), NULL), ERR_OK);
	buffer_done(&bundle);
}

static void file_that_nothing_uses_breaks_it(void **state)
{
	struct buffer bundle = story_bundle(STORY_HIT);

	(void)state;
	bundle.n -= 2 * TAR_BLOCK;
	assert_int_equal(tar_add(&bundle, "items/9999/header", bytes_text("x")), ERR_OK);
	assert_int_equal(tar_end(&bundle), ERR_OK);
	assert_int_equal(verify(buffer_bytes(&bundle), NULL), ERR_TRAILING);
	buffer_done(&bundle);
}

/* ---- the public face ---- */

static void the_public_face_tells_the_same(void **state)
{
	struct buffer		bundle = story_bundle(STORY_HIT);
	struct mithaq_evidence *e;

	(void)state;
	assert_int_equal(mithaq_start(), 0);
	assert_int_equal(mithaq_verify(bundle.at, bundle.n, NULL, &e), MITHAQ_SOUND);
	assert_int_equal(mithaq_claims(e), 10);
	assert_int_equal(mithaq_claim_verdict(e, 1), MITHAQ_PROVED);
	assert_string_equal(mithaq_claim_name(e, 1), "asked");
	assert_string_equal(mithaq_claim_value(e, 1, 0), NORTH_NAME);
	assert_string_equal(mithaq_claim_text(e, 1, MITHAQ_ARABIC), "طلبت customs.north.example هذا الاستعلام (القيد 2)");
	assert_null(mithaq_claim_text(e, 10, MITHAQ_ENGLISH));
	assert_string_equal(mithaq_broken(e, MITHAQ_ENGLISH), "");
	mithaq_evidence_free(e);
	bundle.at[0] ^= 1;
	assert_int_equal(mithaq_verify(bundle.at, bundle.n, NULL, &e), MITHAQ_BROKEN);
	assert_int_equal(mithaq_claims(e), 0);
	assert_string_not_equal(mithaq_broken(e, MITHAQ_ARABIC), "");
	mithaq_evidence_free(e);
	buffer_done(&bundle);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hit_proves_everything),
		cmocka_unit_test(no_hit_is_an_answer),
		cmocka_unit_test(refusal_names_reason_and_rule),
		cmocka_unit_test(question_outside_its_clause_is_said),
		cmocka_unit_test(erased_content_leaves_the_fact),
		cmocka_unit_test(question_alone_proves_only_itself),
		cmocka_unit_test(without_receipts_the_answer_still_speaks),
		cmocka_unit_test(gap_is_counted),
		cmocka_unit_test(old_tail_stands_on_the_next_genesis),
		cmocka_unit_test(every_lie_breaks_it),
		cmocka_unit_test(card_of_a_stranger_breaks_it),
		cmocka_unit_test(answer_to_another_question_breaks_it),
		cmocka_unit_test(fork_breaks_it),
		cmocka_unit_test(tally_of_another_agreement_is_left_out),
		cmocka_unit_test(pins_are_compared),
		cmocka_unit_test(card_with_other_roots_is_said),
		cmocka_unit_test(anything_behind_the_end_breaks_it),
		cmocka_unit_test(file_that_nothing_uses_breaks_it),
		cmocka_unit_test(the_public_face_tells_the_same),
	};

	return cmocka_run_group_tests_name("evidence_bundle", tests, start, NULL);
}
