/*
 * evidence_keys.c: bundles about parties that changed their keys. What an earlier key signed stays
 * proved, what a revoked one signed beyond its bounds does not, and nobody's card is
 * believed because it says so itself. Both verifiers are asked, and name the same claims.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <unistd.h>

#include "evidence_world.h"

#define CARDS_MOST 8

static struct world world;
static struct {
	unsigned n;
	uint8_t	 note[CARDS_MOST][4096];
	size_t	 note_n[CARDS_MOST];
	bool	 given[CARDS_MOST]; /* to the verifiers, and not put into the file */
} more;				    /* cards besides the two first ones */

static int start(void **state)
{
	(void)state;
	return crypto_start() == ERR_OK ? 0 : -1;
}

static int fresh(void **state)
{
	(void)state;
	memset(&more, 0, sizeof more);
	return world_init(&world, NULL) == ERR_OK ? 0 : -1;
}

/* ---- cards ---- */

static struct bytes last_note(unsigned p)
{
	for (unsigned i = more.n; i-- > 0;) {
		struct card card;

		assert_int_equal(card_read(bytes_of(more.note[i], more.note_n[i]), &card, NULL), ERR_OK);
		if (strcmp(card.party, p == NORTH ? NORTH_NAME : SOUTH_NAME) == 0)
			return bytes_of(more.note[i], more.note_n[i]);
	}
	return bytes_of(world.card[p], world.card_n[p]);
}

/* The card that follows the party's last one, as far as that is right. */
static struct card card_next(unsigned p)
{
	struct card card;

	assert_int_equal(card_read(last_note(p), &card, NULL), ERR_OK);
	card.previous = card.id;
	card.serial++;
	card.nrevoked = 0;
	return card;
}

static void card_put(const struct card *card, const struct sign_key *root)
{
	struct builder b = builder_on(more.note[more.n], sizeof more.note[0]);

	assert_in_range(more.n, 0, CARDS_MOST - 1);
	assert_int_equal(card_sign(card, root, &b), ERR_OK);
	more.note_n[more.n++] = b.n;
}

/* A new key of this kind, and the card that names it. Logs that are signed from here on are signed by it. */
static void log_key_change(unsigned p)
{
	struct card card = card_next(p);

	world_key(&world.log_key[p], p == NORTH ? "north's second log key" : "south's second log key");
	card.log[0].key = world.log_key[p].pub;
	card_put(&card, &world.root[p][0]);
}

static void receipt_key_change(unsigned p)
{
	struct card card = card_next(p);

	world_key(&world.receipt_key[p], p == NORTH ? "north's second receipt key" : "south's second receipt key");
	card.receipt[0].key = world.receipt_key[p].pub;
	card_put(&card, &world.root[p][0]);
}

static void root_change(unsigned p)
{
	struct card card = card_next(p);

	world_key(&world.root[p][0], "a second root");
	card.root[0] = world.root[p][0].pub;
	card_put(&card, &world.root[p][1]);
}

static void key_revoke(unsigned p, const struct public_key *key, const struct log *log, uint64_t size)
{
	struct card card = card_next(p);

	card.nrevoked = 2; /* one line for another epoch, one for this one */
	card.revoked[0] = (struct card_revoked){.key = *key, .epoch = {{0x77}}, .size = 99};
	card.revoked[1] = (struct card_revoked){.key = *key, .epoch = log->origin.epoch, .size = size};
	card_put(&card, &world.root[p][0]);
}

/* ---- what both verifiers say ---- */

static struct buffer bundle_make(const struct record *question)
{
	struct evidence_input in = {.agreement = bytes_of(world.note, world.note_n), .n = world.nitems, .item = world.item};
	struct buffer	      out = {.most = EVIDENCE_MOST};
	unsigned	      n = 0;

	memcpy(in.mid, question->header.mid, MID_SIZE);
	for (unsigned i = more.n; i-- > 0;) /* in any order */
		if (!more.given[i])
			in.card[n++] = bytes_of(more.note[i], more.note_n[i]);
	for (unsigned p = 0; p < 2; p++)
		in.card[n++] = bytes_of(world.card[p], world.card_n[p]);
	assert_int_equal(evidence_build(&in, &out), ERR_OK);
	return out;
}

#define SAID_MOST 2048

static void first_says(struct bytes bundle, char said[SAID_MOST])
{
	static struct report report;
	struct pins	     pins = {.agreement = BYTES_NONE};
	unsigned	     n = 0;
	struct builder	     b = builder_on(said, SAID_MOST - 1);

	for (unsigned i = 0; i < more.n; i++)
		if (more.given[i])
			pins.card[n++] = bytes_of(more.note[i], more.note_n[i]);
	if (evidence_verify(bundle, &pins, &report, NULL) != ERR_OK)
		report.n = 0;
	for (unsigned i = 0; i < report.n; i++)
		if (report.claim[i].kind != CLAIM_INSIDE) /* the second verifier does not judge it */
			build_format(&b, "%s%s ", report.claim[i].verdict == VERDICT_NOT_PROVED ? "-" : "", claim_name(report.claim[i].kind));
	said[b.n] = '\0';
}

static void file_put(char *path, struct bytes content)
{
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content.at, content.n), content.n);
	close(fd);
}

static void second_says(struct bytes bundle, char said[SAID_MOST])
{
	char	       command[4096], line[512], verdict[32], name[64], path[1 + CARDS_MOST][32];
	unsigned       n = 0;
	struct builder c = builder_on(command, sizeof command - 1), b = builder_on(said, SAID_MOST - 1);
	const char    *source = getenv("MITHAQ_SOURCE");

	snprintf(path[n], sizeof path[0], "/tmp/mithaq-keys-XXXXXX");
	file_put(path[n], bundle);
	build_format(&c, "/usr/bin/python3 '%s/tools/verify.py' %s", source != NULL ? source : ".", path[n++]);
	for (unsigned i = 0; i < more.n; i++)
		if (more.given[i]) {
			snprintf(path[n], sizeof path[0], "/tmp/mithaq-keys-XXXXXX");
			file_put(path[n], bytes_of(more.note[i], more.note_n[i]));
			build_format(&c, " --card %s", path[n++]);
		}
	build_text(&c, " 2>/dev/null");
	command[c.n] = '\0';
	FILE *out = popen(command, "r");
	assert_non_null(out);
	while (fgets(line, sizeof line, out) != NULL) {
		bool not_proved = strncmp(line, "NOT PROVED", 10) == 0;

		assert_int_equal(sscanf(line + (not_proved ? 4 : 0), "%31s %63s", verdict, name), 2);
		build_format(&b, "%s%s ", not_proved ? "-" : "", name);
	}
	pclose(out);
	said[b.n] = '\0';
	while (n > 0)
		unlink(path[--n]);
}

/* Both name exactly these claims, `-` before what is not proved; "" when the bundle is broken. */
static void both_say(const struct record *question, const char *expected)
{
	struct buffer bundle = bundle_make(question);
	char	      first[SAID_MOST], second[SAID_MOST];

	first_says(buffer_bytes(&bundle), first);
	second_says(buffer_bytes(&bundle), second);
	buffer_done(&bundle);
	assert_string_equal(first, expected);
	assert_string_equal(second, expected);
}

#define ALL_PROVED "agreed asked received answered answer-received complete "
#define THE_REST   "-limits roots roots "

/* ---- because it was time ---- */

/* The question is signed by the first key, the answer by the second one of its author. */
static const struct record *answered_by_another_key(void)
{
	struct log *north = log_open(&world, NORTH, NULL), *south = log_open(&world, SOUTH, NULL);

	log_ask(&world, north, south, "duty-assessment");
	log_answer(&world, south, north, 2, STATUS_OK);
	log_tally(&world, north, 1, 2);
	log_tally(&world, south, 1, 2);
	items_add_all(&world, north, 1, BY_BOTH);
	log_key_change(SOUTH);
	items_add_all(&world, south, 1, BY_BOTH);
	return &north->record[2];
}

static void a_log_by_a_later_key(void **state)
{
	(void)state;
	both_say(answered_by_another_key(), ALL_PROVED THE_REST);
}

/* Its sibling: the card is missing. With it at hand the verifier can tell. */
static void and_without_its_card(void **state)
{
	const struct record *question = answered_by_another_key();

	(void)state;
	struct buffer bundle = bundle_make(question), without;
	more.given[0] = true;
	without = bundle_make(question);
	assert_true(without.n < bundle.n);
	buffer_done(&bundle);
	buffer_done(&without);
	more.n = 0;
	both_say(question, "");
}

static void both_keys_changed(void **state)
{
	struct log *north = log_open(&world, NORTH, NULL), *south = log_open(&world, SOUTH, NULL);

	(void)state;
	log_ask(&world, north, south, "duty-assessment");
	log_answer(&world, south, north, 2, STATUS_OK);
	log_tally(&world, north, 1, 2);
	log_tally(&world, south, 1, 2);
	items_add_all(&world, north, 1, BY_BOTH);
	receipt_key_change(NORTH);
	log_key_change(NORTH);
	receipt_key_change(SOUTH);
	items_add_all(&world, south, 1, BY_BOTH);
	both_say(&north->record[2], ALL_PROVED THE_REST);
}

/* ---- roots ---- */

static void a_root_changed_after_the_agreement(void **state)
{
	const struct record *question = story_tell(&world, STORY_HIT);

	(void)state;
	root_change(SOUTH);
	both_say(question, ALL_PROVED THE_REST);
	more.given[0] = true; /* the file holds the first card alone, the verifier has the second */
	both_say(question, ALL_PROVED "card-goes-on " THE_REST);
}

/* The agreement names the roots of the second card; the log was signed under the first. */
static void a_root_changed_before_the_agreement(void **state)
{
	static struct world before;

	(void)state;
	before = world;
	root_change(SOUTH);
	world_text(&world);
	assert_int_equal(world_agreement(&world, NULL), ERR_OK);
	memcpy(world.card, before.card, sizeof world.card);
	both_say(story_tell(&world, STORY_HIT), ALL_PROVED THE_REST);
}

/* Somebody makes an early card of South, with South's public root on it and a log key of his own. */
static void a_card_that_nobody_vouches_for(void **state)
{
	struct card	card = card_next(SOUTH), forged;
	struct sign_key thief;

	(void)state;
	card.serial = 7;
	card_put(&card, &world.root[SOUTH][0]);
	world_key(&thief, "a thief's root");
	forged = card;
	forged.serial = 3;
	forged.root[1] = thief.pub;
	world_key(&world.log_key[SOUTH], "a thief's log key");
	forged.log[0].key = world.log_key[SOUTH].pub;
	struct builder b = builder_on(world.card[SOUTH], sizeof world.card[SOUTH]);
	assert_int_equal(card_sign(&forged, &thief, &b), ERR_OK);
	world.card_n[SOUTH] = b.n;
	both_say(story_tell(&world, STORY_HIT), "");
}

/* Its sibling: the same two serials, and the earlier card is South's own. */
static void a_card_that_its_successor_vouches_for(void **state)
{
	struct card card = card_next(SOUTH);

	(void)state;
	card.serial = 7; /* the ones between never came here */
	card_put(&card, &world.root[SOUTH][0]);
	both_say(story_tell(&world, STORY_HIT), ALL_PROVED THE_REST);
}

/* A later card by roots that stand on no card before it. */
static void a_card_that_does_not_succeed(void **state)
{
	struct card	card = card_next(SOUTH);
	struct sign_key thief;

	(void)state;
	world_key(&thief, "a thief's root");
	card.root[0] = thief.pub;
	card_put(&card, &thief);
	both_say(story_tell(&world, STORY_HIT), "");
}

/* ---- thieves ---- */

static void a_revoked_key_within_its_bounds(void **state)
{
	const struct record *question = story_tell(&world, STORY_HIT);

	(void)state;
	key_revoke(SOUTH, &world.log_key[SOUTH].pub, &world.log[1], world.log[1].n);
	both_say(question, ALL_PROVED THE_REST);
}

static void an_answer_beyond_them(void **state)
{
	const struct record *question = story_tell(&world, STORY_HIT);

	(void)state;
	key_revoke(SOUTH, &world.log_key[SOUTH].pub, &world.log[1], world.log[1].n - 1);
	both_say(question, "asked received -not-agreed -not-answered -incomplete -key-revoked " THE_REST);
	more.given[0] = true;
	both_say(question, "asked received same-card -not-agreed -not-answered -incomplete -key-revoked " THE_REST);
}

static void a_question_beyond_them(void **state)
{
	const struct record *question = story_tell(&world, STORY_HIT);

	(void)state;
	key_revoke(NORTH, &world.log_key[NORTH].pub, &world.log[0], world.log[0].n - 1);
	both_say(question, "answered answer-received -incomplete -key-revoked " THE_REST);
}

static void a_receipt_beyond_them(void **state)
{
	const struct record *question = story_tell(&world, STORY_HIT);

	(void)state;
	key_revoke(SOUTH, &world.receipt_key[SOUTH].pub, &world.log[0], world.log[0].n - 1);
	both_say(question, "agreed asked received answered answer-received -incomplete -receipt-revoked " THE_REST);
}

/* Nobody's signature on the old epoch counts, but the new epoch names it, under the new key. */
static void a_genesis_covers_what_the_revoked_key_signed(void **state)
{
	struct log *first = log_open(&world, NORTH, NULL), *south = log_open(&world, SOUTH, NULL), *next;

	(void)state;
	log_ask(&world, first, south, "duty-assessment");
	log_answer(&world, south, first, 2, STATUS_OK);
	items_add_all(&world, first, 1, BY_BOTH);
	items_add_all(&world, south, 1, BY_BOTH);
	next = log_open(&world, NORTH, first);
	key_revoke(NORTH, &world.log_key[NORTH].pub, first, 1);
	both_say(&first->record[2], "answered answer-received -incomplete -key-revoked " THE_REST);
	log_key_change(NORTH);
	item_add(&world, next, 0, BY_BOTH);
	both_say(&first->record[2], "agreed asked received answered answer-received -incomplete " THE_REST);
}

/* ---- a bundle of before ---- */

static void file_read_whole(const char *name, struct buffer *out)
{
	char	    path[512];
	const char *source = getenv("MITHAQ_SOURCE");
	uint8_t	    piece[4096];
	size_t	    n;

	snprintf(path, sizeof path, "%s/tests/data/%s", source != NULL ? source : ".", name);
	FILE *in = fopen(path, "rb");
	assert_non_null(in);
	while ((n = fread(piece, 1, sizeof piece, in)) > 0)
		assert_int_equal(buffer_add(out, bytes_of(piece, n)), ERR_OK);
	fclose(in);
}

/* Made by the release before keys could change, and never again since. */
static void a_bundle_of_before_is_still_proved(void **state)
{
	struct buffer bundle = {.most = EVIDENCE_MOST}, card = {.most = CARD_MOST};
	char	      said[2][SAID_MOST];

	(void)state;
	file_read_whole("evidence-before-rotation.mithaq", &bundle);
	file_read_whole("evidence-before-rotation.card", &card);
	memcpy(more.note[0], card.at, card.n);
	more.note_n[0] = card.n;
	more.given[0] = true;
	for (more.n = 0; more.n < 2; more.n++) {
		const char *expected = more.n == 0 ? "agreed asked received answered answer-received -incomplete " THE_REST
						   : "agreed asked received answered answer-received same-card -incomplete " THE_REST;

		first_says(buffer_bytes(&bundle), said[0]);
		second_says(buffer_bytes(&bundle), said[1]);
		assert_string_equal(said[0], expected);
		assert_string_equal(said[1], expected);
	}
	bundle.at[bundle.n / 2] ^= 1;
	first_says(buffer_bytes(&bundle), said[0]);
	assert_string_equal(said[0], "");
	buffer_done(&bundle);
	buffer_done(&card);
}

#define TEST(name) cmocka_unit_test_setup(name, fresh)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_log_by_a_later_key),
		TEST(and_without_its_card),
		TEST(both_keys_changed),
		TEST(a_root_changed_after_the_agreement),
		TEST(a_root_changed_before_the_agreement),
		TEST(a_card_that_nobody_vouches_for),
		TEST(a_card_that_its_successor_vouches_for),
		TEST(a_card_that_does_not_succeed),
		TEST(a_revoked_key_within_its_bounds),
		TEST(an_answer_beyond_them),
		TEST(a_question_beyond_them),
		TEST(a_receipt_beyond_them),
		TEST(a_genesis_covers_what_the_revoked_key_signed),
		TEST(a_bundle_of_before_is_still_proved),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
