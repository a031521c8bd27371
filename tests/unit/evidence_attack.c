/*
 * evidence_attack.c: bundles that somebody made to have more proved than is true,
 * with the keys of one party or with cards that are real. Both verifiers are shown
 * each of them.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "evidence_world.h"

static struct world world;

static int start(void **state)
{
	(void)state;
	return crypto_start() == ERR_OK ? 0 : -1;
}

static int fresh(void **state)
{
	(void)state;
	return world_init(&world, NULL) == ERR_OK ? 0 : -1;
}

/* ---- what both verifiers say ---- */

/* The exit of tools/verify.py for this bundle: 0 or 7. */
static int second_says(struct bytes bundle)
{
	const char *source = getenv("MITHAQ_SOURCE");
	char	    program[512], path[] = "/tmp/mithaq-attack-XXXXXX";
	char	   *argv[] = {"python3", program, path, NULL}, *envp[] = {"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", NULL};
	int	    fd = mkstemp(path), status = 0;
	pid_t	    pid;

	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", 1, 0);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", 1, 0);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bundle.at, bundle.n), bundle.n);
	close(fd);
	snprintf(program, sizeof program, "%s/tools/verify.py", source != NULL ? source : ".");
	assert_int_equal(posix_spawn(&pid, "/usr/bin/python3", &actions, NULL, argv, envp), 0);
	posix_spawn_file_actions_destroy(&actions);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	unlink(path);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static struct buffer bundle_of(const struct record *question)
{
	struct buffer out = {.most = EVIDENCE_MOST};

	assert_int_equal(world_bundle(&world, question, &out), ERR_OK);
	return out;
}

/* Both find it broken. */
static void broken_for_both(const struct record *question)
{
	struct buffer bundle = bundle_of(question);
	struct report report;

	assert_int_not_equal(evidence_verify(buffer_bytes(&bundle), NULL, &report, NULL), ERR_OK);
	assert_int_equal(second_says(buffer_bytes(&bundle)), 7);
	buffer_done(&bundle);
}

/* Both find it sound; what is in `report` has no use for what it showed. */
static void sound_for_both(const struct record *question, struct report *report)
{
	struct buffer bundle = bundle_of(question);

	assert_int_equal(evidence_verify(buffer_bytes(&bundle), NULL, report, NULL), ERR_OK);
	assert_int_equal(second_says(buffer_bytes(&bundle)), 0);
	report->nshown = 0;
	buffer_done(&bundle);
}

static bool proves(const struct report *r, enum claim_kind kind)
{
	for (unsigned i = 0; i < r->n; i++)
		if (r->claim[i].kind == kind && r->claim[i].verdict == VERDICT_PROVED)
			return true;
	return false;
}

static void not_proved(const struct record *question, enum claim_kind kind)
{
	struct report report;

	sound_for_both(question, &report);
	assert_false(proves(&report, kind));
}

/* ---- cards ---- */

static void card_again(unsigned p, struct card *card, unsigned root)
{
	struct builder b = builder_on(world.card[p], sizeof world.card[p]);

	assert_int_equal(card_sign(card, &world.root[p][root], &b), ERR_OK);
	world.card_n[p] = b.n;
}

static struct card card_now(unsigned p)
{
	struct card card;

	assert_int_equal(card_read(bytes_of(world.card[p], world.card_n[p]), &card, NULL), ERR_OK);
	return card;
}

/*
 * North alone plays both: "South" is a card with North's spare roots, and North signs
 * South's line of the agreement with them. Only the text knows South's real roots.
 */
static void roots_of_the_other_party(void **state)
{
	(void)state;
	struct agreement *a = NULL;
	struct builder	  b = builder_on(world.note, sizeof world.note);
	struct signature  sig;

	assert_int_equal(agreement_parse(bytes_text(world.text), &a, NULL), ERR_OK);
	for (unsigned k = 0; k < 2; k++)
		world.root[SOUTH][k] = world.root[NORTH][k];
	world_key(&world.log_key[SOUTH], "north log for south");
	world_key(&world.receipt_key[SOUTH], "north receipt for south");
	assert_int_equal(world_card(&world, SOUTH), ERR_OK);
	build_bytes(&b, a->text);
	build_text(&b, "\n");
	for (unsigned p = 0; p < 2; p++) {
		note_sign(&world.root[NORTH][0], a->text, &sig);
		note_line_ed25519(&b, bytes_text(p == NORTH ? NORTH_NAME "/root" : SOUTH_NAME "/root"), &world.root[NORTH][0].pub, &sig);
	}
	world.note_n = b.n;
	agreement_free(a);
	broken_for_both(story_tell(&world, STORY_HIT));
}

/* A card's log key is somebody's public key that its party does not hold: the other's receipts do not become signatures. */
static void the_others_receipt_key_as_log_key(void **state)
{
	(void)state;
	struct card card = card_now(NORTH);

	card.log[0].key = world.receipt_key[SOUTH].pub;
	card_again(NORTH, &card, 0);
	broken_for_both(story_tell(&world, STORY_HIT));
}

/* The key of the channel counts, not the one for all the others. */
static void the_key_for_all_channels_where_one_is_named(void **state)
{
	(void)state;
	struct card	 card = card_now(NORTH);
	struct sign_key	 own;
	struct report	 report;
	struct card_key *named = &card.log[1];

	world_key(&own, "north log of customs");
	snprintf(named->channel, sizeof named->channel, WORLD_CHANNEL);
	named->key = own.pub;
	card.nlog = 2;
	card_again(NORTH, &card, 1);
	broken_for_both(story_tell(&world, STORY_HIT));
	assert_int_equal(world_init(&world, NULL), ERR_OK);
	card_again(NORTH, &card, 1);
	world.log_key[NORTH] = own;
	sound_for_both(story_tell(&world, STORY_HIT), &report);
	assert_true(proves(&report, CLAIM_COMPLETE));
}

/* A thief of South's log key puts South's old card into the file; the judge has the new one. */
static void the_newer_card_given_revokes(void **state)
{
	(void)state;
	struct buffer	    bundle = bundle_of(story_tell(&world, STORY_HIT));
	struct card	    card = card_now(SOUTH);
	struct report	    report;
	struct pins	    pins = {.agreement = BYTES_NONE};
	const struct epoch *epoch = &world.log[1].origin.epoch;

	card.serial = 2;
	card.nrevoked = 1;
	card.revoked[0] = (struct card_revoked){.key = world.log_key[SOUTH].pub, .epoch = *epoch, .size = world.log[1].n};
	card_again(SOUTH, &card, 0);
	pins.card[0] = bytes_of(world.card[SOUTH], world.card_n[SOUTH]);
	assert_int_equal(evidence_verify(buffer_bytes(&bundle), &pins, &report, NULL), ERR_OK);
	card.revoked[0].size = world.log[1].n - 1;
	card_again(SOUTH, &card, 0);
	pins.card[0] = bytes_of(world.card[SOUTH], world.card_n[SOUTH]);
	assert_int_equal(evidence_verify(buffer_bytes(&bundle), &pins, &report, NULL), ERR_OK);
	assert_false(proves(&report, CLAIM_ANSWERED));
	assert_false(proves(&report, CLAIM_AGREED));
	buffer_done(&bundle);
}

/* ---- parts ---- */

/* A question with two contents: readers act on the first, so the second says nothing about it. */
static void the_second_of_two_contents(void **state)
{
	(void)state;
	struct log    *north = log_open(&world, NORTH, NULL), *south = log_open(&world, SOUTH, NULL);
	struct header  h = world_request(&world, north, KIND_QUERY);
	struct fields  reason = world_fields("purpose", "duty-assessment", NULL, NULL);
	struct fields  ask = world_fields("declaration", DECLARATION_NO, NULL, NULL);
	struct record *q;

	/* Its first content, of which the file holds the commitment alone. */
	h.part[2] = (struct part_entry){.type = PART_CONTENT, .commitment = hash_bytes(bytes_text("another question"))};
	memcpy(h.seen_epoch, south->origin.epoch.b, EPOCH_SIZE);
	h.seen_size = south->n;
	q = log_add(&world, north, h, (const struct fields *const[2]){&reason, &ask});
	/* log_add wrote two parts: write the header again with all three, the unknown content before the known one. */
	struct part_entry known = q->header.part[1];
	h = q->header;
	h.part[1] = (struct part_entry){.type = PART_CONTENT, .commitment = hash_bytes(bytes_text("another question"))};
	h.part[2] = known;
	h.nparts = 3;
	struct builder b = builder_on(q->wire, sizeof q->wire);
	header_write(&b, &h);
	q->header = h;
	q->wire_n = b.n;
	q->part[2] = q->part[1];
	q->part[1].disclosed = false;
	struct hash commitment = header_commit(&q->salt, builder_bytes(&b));
	north->leaf[2] = entry_leaf(&commitment);
	items_add_all(&world, north, 1, BY_BOTH);
	items_add_all(&world, south, 1, BY_BOTH);
	not_proved(q, CLAIM_INSIDE);
}

/* ---- places ---- */

static struct record *asked_and_answered(struct log **north, struct log **south)
{
	*north = log_open(&world, NORTH, NULL);
	*south = log_open(&world, SOUTH, NULL);
	return log_ask(&world, *north, *south, "duty-assessment");
}

/* South's receipt over a shorter checkpoint does not stretch to the question. */
static void a_receipt_from_before_the_question(void **state)
{
	(void)state;
	struct log	     *north, *south;
	struct record	     *q = asked_and_answered(&north, &south);
	struct evidence_item *item;
	struct checkpoint     c = {.size = 2, .root = tree_root(north->leaf, 2)};

	assert_int_equal(origin_write(&north->origin, c.origin), ERR_OK);
	item_add(&world, north, 1, BY_BOTH);
	item = item_add(&world, north, 2, BY_BOTH);
	receipt_sign(&world.receipt_key[SOUTH], &c, RECEIPT_S, &item->receipt);
	broken_for_both(q);
}

/* Its author signs its own receipt. */
static void a_receipt_by_the_author(void **state)
{
	(void)state;
	world.receipt_key[SOUTH] = world.receipt_key[NORTH];
	broken_for_both(story_tell(&world, STORY_HIT));
}

/* The answer names the right leaf at a wrong place, or the right place with a wrong leaf. */
static void an_answer_to_something_else(void **state)
{
	(void)state;
	struct log    *north, *south;
	struct record *q = asked_and_answered(&north, &south);

	log_ask(&world, north, south, "duty-assessment");
	struct record *r = log_answer(&world, south, north, 3, STATUS_OK);
	struct hash    commitment;

	items_add_all(&world, north, 1, BY_AUTHOR);
	items_add_all(&world, south, 1, BY_BOTH);
	not_proved(q, CLAIM_ANSWERED);

	for (int right_leaf = 0; right_leaf < 2; right_leaf++) {
		struct builder b = builder_on(r->wire, sizeof r->wire);

		r->header.re.index = right_leaf ? 3 : 2;
		r->header.re.leaf = north->leaf[right_leaf ? 2 : 3];
		header_write(&b, &r->header);
		commitment = header_commit(&r->salt, builder_bytes(&b));
		south->leaf[2] = entry_leaf(&commitment);
		world.nitems = 0;
		items_add_all(&world, north, 1, BY_AUTHOR);
		items_add_all(&world, south, 1, BY_BOTH);
		if (right_leaf)
			not_proved(q, CLAIM_ANSWERED);
		else
			broken_for_both(q);
	}
}

/* North "answers" itself, in its own log. */
static void an_answer_in_the_askers_log(void **state)
{
	(void)state;
	struct log    *north, *south;
	struct record *q = asked_and_answered(&north, &south);

	log_answer(&world, north, north, 2, STATUS_OK);
	items_add_all(&world, north, 1, BY_BOTH);
	broken_for_both(q);
}

/* Only one party's GENESIS covers an epoch, and only its own. */
static void genesis_of_the_other_party(void **state)
{
	(void)state;
	struct log    *north, *south;
	struct record *q = asked_and_answered(&north, &south);
	struct log    *next = log_open(&world, SOUTH, north);

	items_add_all(&world, north, 1, BY_NOBODY);
	item_add(&world, next, 0, BY_BOTH);
	broken_for_both(q);
}

/* A receipt alone: the reader says so, the author never did. */
static void a_log_that_its_author_never_signed(void **state)
{
	(void)state;
	struct log    *north, *south;
	struct record *q = asked_and_answered(&north, &south);

	items_add_all(&world, north, 1, BY_READER);
	broken_for_both(q);
}

/* The count of another epoch, or one that nobody receipted, completes nothing. */
static void complete_by_a_count_of_ones_own(void **state)
{
	(void)state;
	struct log    *north, *south;
	struct record *q = asked_and_answered(&north, &south);

	log_ask(&world, north, south, "duty-assessment");
	log_answer(&world, south, north, 2, STATUS_OK);
	log_tally(&world, north, 1, 2); /* one too few */
	log_tally(&world, south, 1, 2);
	items_add_all(&world, south, 1, BY_BOTH);
	item_add(&world, north, 1, BY_BOTH);
	item_add(&world, north, 2, BY_BOTH);
	item_add(&world, north, 4, BY_AUTHOR);
	not_proved(q, CLAIM_COMPLETE);
}

static void complete_by_the_count_of_another_epoch(void **state)
{
	(void)state;
	struct log    *north, *south;
	struct record *q = asked_and_answered(&north, &south);

	log_answer(&world, south, north, 2, STATUS_OK);
	log_tally(&world, south, 1, 2);
	struct log *later = log_open(&world, NORTH, north);
	log_ask(&world, later, south, "duty-assessment");
	log_tally(&world, later, 1, 2);
	items_add_all(&world, north, 1, BY_BOTH);
	items_add_all(&world, south, 1, BY_BOTH);
	items_add_all(&world, later, 0, BY_BOTH);
	not_proved(q, CLAIM_COMPLETE);
}

/* ---- what people read ---- */

/* A long question hides no answer. */
static void every_field_of_every_answer_is_shown(void **state)
{
	(void)state;
	assert_true(SHOWN_MOST >= (2 + EVIDENCE_ANSWERS_MOST) * FIELDS_MOST);
}

#define ATTACK(name) cmocka_unit_test_setup(name, fresh)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ATTACK(roots_of_the_other_party),
		ATTACK(the_others_receipt_key_as_log_key),
		ATTACK(the_key_for_all_channels_where_one_is_named),
		ATTACK(the_newer_card_given_revokes),
		ATTACK(the_second_of_two_contents),
		ATTACK(a_receipt_from_before_the_question),
		ATTACK(a_receipt_by_the_author),
		ATTACK(an_answer_to_something_else),
		ATTACK(an_answer_in_the_askers_log),
		ATTACK(genesis_of_the_other_party),
		ATTACK(a_log_that_its_author_never_signed),
		ATTACK(complete_by_a_count_of_ones_own),
		ATTACK(complete_by_the_count_of_another_epoch),
		ATTACK(every_field_of_every_answer_is_shown),
	};

	return cmocka_run_group_tests_name("evidence_attack", tests, start, NULL);
}
