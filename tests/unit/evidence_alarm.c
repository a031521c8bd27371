/* ALARM files: two contradicting notes prove a fork; anything changed in them proves nothing, or makes the file broken. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "evidence/alarm.h"
#include "evidence_world.h"

struct given {
	struct world	  world;
	struct alarm	  alarm;
	struct checkpoint head[2];
	uint8_t		  note[2][ALARM_NOTE_MOST], card[CARD_MOST];
	struct buffer	  file;
};

/* The note of a checkpoint by this key. */
static struct bytes note_by(uint8_t memory[static ALARM_NOTE_MOST], const struct checkpoint *c, const struct sign_key *key)
{
	struct builder	 b = builder_on(memory, ALARM_NOTE_MOST);
	struct signature sig;

	checkpoint_sign(key, c, &sig);
	checkpoint_write(&b, c);
	build_text(&b, "\n");
	note_line_ed25519(&b, bytes_text(c->origin), &key->pub, &sig);
	assert_int_equal(b.err, ERR_OK);
	return builder_bytes(&b);
}

static void heads_fill(struct given *s, const char *author, const char *reader)
{
	struct origin o = {.epoch = {{7}}};

	snprintf(o.author, sizeof o.author, "%s", author);
	snprintf(o.reader, sizeof o.reader, "%s", reader);
	snprintf(o.channel, sizeof o.channel, "customs");
	for (unsigned i = 0; i < 2; i++) {
		s->head[i].size = 12;
		memset(s->head[i].root.b, 0x10 + (int)i, HASH_SIZE);
		assert_int_equal(origin_write(&o, s->head[i].origin), ERR_OK);
	}
}

static void notes_sign(struct given *s, const struct sign_key *one, const struct sign_key *other)
{
	s->alarm.note[0] = note_by(s->note[0], &s->head[0], one);
	s->alarm.note[1] = note_by(s->note[1], &s->head[1], other);
}

/* South signed two histories, and north kept both. */
static int fresh(void **state)
{
	static struct given s;
	struct fault	    fault = {0};

	memset(&s, 0, sizeof s);
	if (crypto_start() != ERR_OK || world_init(&s.world, &fault) != ERR_OK)
		return -1;
	s.file.most = ALARM_FILE_MOST;
	s.alarm = (struct alarm){.code = ALARM_FORK,
				 .time_ms = QUESTION_MS,
				 .kept_by = NORTH_NAME,
				 .said_by = NORTH_NAME,
				 .about = SOUTH_NAME,
				 .channel = "customs",
				 .because = bytes_text("a signed CHECKPOINT contradicts the entries delivered"),
				 .card = bytes_of(s.world.card[SOUTH], s.world.card_n[SOUTH])};
	heads_fill(&s, SOUTH_NAME, NORTH_NAME);
	notes_sign(&s, &s.world.log_key[SOUTH], &s.world.log_key[SOUTH]);
	*state = &s;
	return 0;
}

static int gone(void **state)
{
	struct given *s = *state;

	buffer_done(&s->file);
	return 0;
}

/* Written, read and judged; an error of reading or verifying fails the test. */
static enum alarm_finding finding(struct given *s, struct alarm_proof *proof)
{
	struct alarm a;
	struct fault fault = {0};

	s->file.n = 0;
	assert_int_equal(alarm_write(&s->alarm, &s->file), ERR_OK);
	assert_true(alarm_is(buffer_bytes(&s->file)));
	assert_int_equal(alarm_read(buffer_bytes(&s->file), &a, &fault), ERR_OK);
	assert_int_equal(alarm_verify(&a, BYTES_NONE, proof, &fault), ERR_OK);
	return proof->finding;
}

static void two_notes_prove_a_fork(void **state)
{
	struct given	  *s = *state;
	struct alarm_proof proof;

	assert_int_equal(finding(s, &proof), ALARM_PROVED_FOUND);
	assert_string_equal(proof.origin, s->head[0].origin);
	assert_int_equal(proof.size, 12);
	assert_true(hash_equal(&proof.root[0], &s->head[0].root));
	assert_true(hash_equal(&proof.root[1], &s->head[1].root));
	assert_int_equal(strlen(proof.fingerprint), 79);
}

static void what_is_written_is_read_and_written_again_alike(void **state)
{
	struct given *s = *state;
	struct buffer again = {.most = ALARM_FILE_MOST};
	struct alarm  a;

	assert_int_equal(alarm_write(&s->alarm, &s->file), ERR_OK);
	assert_int_equal(alarm_read(buffer_bytes(&s->file), &a, NULL), ERR_OK);
	assert_int_equal(alarm_write(&a, &again), ERR_OK);
	assert_true(bytes_equal(buffer_bytes(&again), buffer_bytes(&s->file)));
	buffer_done(&again);
}

/* Whichever bit is turned: nothing is proved but what was proved before, and that only where the bit is in the recorder's own words. */
static void no_bit_may_flip(void **state)
{
	struct given	  *s = *state;
	struct alarm_proof proof;
	struct alarm	   a;
	unsigned	   still = 0;

	assert_int_equal(alarm_write(&s->alarm, &s->file), ERR_OK);
	for (size_t bit = 0; bit < 8 * s->file.n; bit += bit % 8 == 0 ? 7 : 1) {
		uint8_t *at = s->file.at + bit / 8;

		*at ^= (uint8_t)(1u << bit % 8);
		if (alarm_read(buffer_bytes(&s->file), &a, NULL) == ERR_OK && alarm_verify(&a, BYTES_NONE, &proof, NULL) == ERR_OK &&
		    proof.finding == ALARM_PROVED_FOUND) {
			still++;
			assert_true(bit / 8 < 1024); /* in the member `alarm`: its time, its kept-by, its because */
			assert_string_equal(proof.origin, s->head[0].origin);
		}
		*at ^= (uint8_t)(1u << bit % 8);
	}
	assert_true(still > 0 && still < 200);
}

static void the_same_root_is_no_contradiction(void **state)
{
	struct given	  *s = *state;
	struct alarm_proof proof;

	s->head[1].root = s->head[0].root;
	notes_sign(s, &s->world.log_key[SOUTH], &s->world.log_key[SOUTH]);
	assert_int_equal(finding(s, &proof), ALARM_AGREEING_FOUND);
}

static void two_sizes_are_no_contradiction(void **state)
{
	struct given	  *s = *state;
	struct alarm_proof proof;

	s->head[1].size = 13;
	notes_sign(s, &s->world.log_key[SOUTH], &s->world.log_key[SOUTH]);
	assert_int_equal(finding(s, &proof), ALARM_AGREEING_FOUND);
}

static void another_key_proves_nothing(void **state)
{
	struct given	  *s = *state;
	struct alarm_proof proof;

	notes_sign(s, &s->world.log_key[SOUTH], &s->world.log_key[NORTH]);
	assert_int_equal(finding(s, &proof), ALARM_SIGNATURE_FOUND);
	notes_sign(s, &s->world.receipt_key[SOUTH], &s->world.receipt_key[SOUTH]);
	assert_int_equal(finding(s, &proof), ALARM_SIGNATURE_FOUND);
}

static void another_log_proves_nothing(void **state)
{
	struct given	  *s = *state;
	struct alarm_proof proof;

	s->head[1].origin[strlen(s->head[1].origin) - 1] ^= 1;
	notes_sign(s, &s->world.log_key[SOUTH], &s->world.log_key[SOUTH]);
	assert_int_equal(finding(s, &proof), ALARM_AUTHOR_FOUND);
	heads_fill(s, NORTH_NAME, SOUTH_NAME);
	notes_sign(s, &s->world.log_key[SOUTH], &s->world.log_key[SOUTH]);
	assert_int_equal(finding(s, &proof), ALARM_AUTHOR_FOUND);
}

static void other_codes_prove_nothing(void **state)
{
	struct given	  *s = *state;
	struct alarm_proof proof;

	for (uint16_t code = ALARM_ROOT; code <= ALARM_TALLY; code++) {
		s->alarm.code = code;
		assert_int_equal(finding(s, &proof), ALARM_CODE_FOUND);
	}
	s->alarm.code = ALARM_FORK;
	s->alarm.note[0] = BYTES_NONE;
	assert_int_equal(finding(s, &proof), ALARM_NOTES_FOUND);
	s->alarm.note[0] = bytes_text("no note\n");
	assert_int_equal(finding(s, &proof), ALARM_NOTES_FOUND);
}

/* A card of the party itself that gives the key up: whoever stole it may have signed. */
static void a_revoked_key_proves_nothing(void **state)
{
	struct given	  *s = *state;
	struct alarm_proof proof;
	struct card	   card;
	struct builder	   b = builder_on(s->card, sizeof s->card);

	assert_int_equal(card_read(s->alarm.card, &card, NULL), ERR_OK);
	card.nrevoked = 1;
	card.revoked[0] = (struct card_revoked){s->world.log_key[SOUTH].pub, {{7}}, 11};
	assert_int_equal(card_sign(&card, &s->world.root[SOUTH][0], &b), ERR_OK);
	s->alarm.card = builder_bytes(&b);
	assert_int_equal(finding(s, &proof), ALARM_REVOKED_FOUND);
	/* The sibling: revoked beyond the size, it still counts there. */
	b = builder_on(s->card, sizeof s->card);
	card.revoked[0].size = 12;
	assert_int_equal(card_sign(&card, &s->world.root[SOUTH][0], &b), ERR_OK);
	s->alarm.card = builder_bytes(&b);
	assert_int_equal(finding(s, &proof), ALARM_PROVED_FOUND);
}

static void the_card_is_the_partys_and_the_readers(void **state)
{
	struct given	  *s = *state;
	struct alarm_proof proof;
	struct fault	   fault;
	struct bytes	   north = bytes_of(s->world.card[NORTH], s->world.card_n[NORTH]), south = s->alarm.card;

	assert_int_equal(alarm_verify(&s->alarm, south, &proof, &fault), ERR_OK);
	assert_int_equal(alarm_verify(&s->alarm, north, &proof, &fault), ERR_KEY);
	s->alarm.card = north;
	assert_int_equal(alarm_verify(&s->alarm, BYTES_NONE, &proof, &fault), ERR_KEY);
}

static void what_does_not_belong_is_not_written(void **state)
{
	struct given *s = *state;
	struct alarm  good = s->alarm;

	s->alarm.code = 9;
	assert_int_equal(alarm_write(&s->alarm, &s->file), ERR_VALUE);
	s->alarm = good;
	snprintf(s->alarm.channel, sizeof s->alarm.channel, "-");
	assert_int_equal(alarm_write(&s->alarm, &s->file), ERR_VALUE);
	snprintf(s->alarm.said_by, sizeof s->alarm.said_by, "%s", SOUTH_NAME);
	assert_int_equal(alarm_write(&s->alarm, &s->file), ERR_OK); /* a partner may say so */
	s->alarm = good;
	s->alarm.card = BYTES_NONE;
	assert_int_equal(alarm_write(&s->alarm, &s->file), ERR_MISSING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(two_notes_prove_a_fork, fresh, gone),
		cmocka_unit_test_setup_teardown(what_is_written_is_read_and_written_again_alike, fresh, gone),
		cmocka_unit_test_setup_teardown(no_bit_may_flip, fresh, gone),
		cmocka_unit_test_setup_teardown(the_same_root_is_no_contradiction, fresh, gone),
		cmocka_unit_test_setup_teardown(two_sizes_are_no_contradiction, fresh, gone),
		cmocka_unit_test_setup_teardown(another_key_proves_nothing, fresh, gone),
		cmocka_unit_test_setup_teardown(another_log_proves_nothing, fresh, gone),
		cmocka_unit_test_setup_teardown(other_codes_prove_nothing, fresh, gone),
		cmocka_unit_test_setup_teardown(a_revoked_key_proves_nothing, fresh, gone),
		cmocka_unit_test_setup_teardown(the_card_is_the_partys_and_the_readers, fresh, gone),
		cmocka_unit_test_setup_teardown(what_does_not_belong_is_not_written, fresh, gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
