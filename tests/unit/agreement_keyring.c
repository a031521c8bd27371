/* agreement_keyring.c: which card may follow which, and what each key then counts for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agreement/keyring.h"
#include "agreement_help.h"
#include "base/attrs.h"

static struct sign_key root_a, root_b, root_c, root_d, stranger;

/* A card and its note, made as `mithaq key` makes them. */
struct made {
	struct card  card;
	uint8_t	     memory[CARD_MOST];
	struct bytes note;
};

static struct card blank(uint64_t serial, const struct sign_key *a, const struct sign_key *b)
{
	struct card c = {.serial = serial, .from_day = 20454, .until_day = 20818, .ntls = 1, .nlog = 1, .nreceipt = 1};

	(void)snprintf(c.party, sizeof c.party, "%s", KUWAIT);
	c.root[0] = a->pub;
	c.root[1] = b->pub;
	memset(c.tls[0].b, 1, sizeof c.tls[0].b);
	(void)snprintf(c.log[0].channel, sizeof c.log[0].channel, "*");
	(void)snprintf(c.receipt[0].channel, sizeof c.receipt[0].channel, "*");
	memset(c.log[0].key.b, (int)(0x10 + serial), SIGN_PUBLIC);
	memset(c.receipt[0].key.b, (int)(0x40 + serial), SIGN_PUBLIC);
	return c;
}

static void issue(struct made *m, const struct card *card, const struct sign_key *root)
{
	struct builder b = builder_on(m->memory, sizeof m->memory);

	assert_int_equal(card_sign(card, root, &b), ERR_OK);
	m->note = builder_bytes(&b);
	assert_int_equal(card_read(m->note, &m->card, NULL), ERR_OK);
}

/* The next card after `held`, changed by nobody yet. */
static struct card after(const struct made *held)
{
	struct card c = blank(held->card.serial + 1, &root_a, &root_b);

	c.previous = held->card.id;
	return c;
}

static void a_card_follows_the_one_before_it(void **state)
{
	struct made    first, second;
	struct keyring ring = {0};

	(void)state;
	struct card c = blank(1, &root_a, &root_b);
	issue(&first, &c, &root_a);
	c = after(&first);
	issue(&second, &c, &root_b);
	assert_null(keyring_card(&ring));
	assert_int_equal(keyring_add(&ring, &first.card, first.note), ERR_OK);
	assert_int_equal(keyring_add(&ring, &second.card, second.note), ERR_OK);
	assert_int_equal(ring.n, 2);
	assert_true(keyring_card(&ring)->serial == 2);
	assert_true(bytes_equal(keyring_note(&ring, 0), first.note) && bytes_equal(keyring_note(&ring, 1), second.note));
	keyring_done(&ring);
	keyring_done(&ring);
	assert_int_equal(ring.n, 0);
}

/* Each way in which a card does not follow, and the ring as it was before. */
static void whatever_does_not_follow_is_refused(void **state)
{
	struct made    first, held, next;
	struct keyring ring = {0};

	(void)state;
	struct card c = blank(1, &root_a, &root_b);
	issue(&first, &c, &root_a);
	c = after(&first);
	issue(&held, &c, &root_a);
	assert_int_equal(keyring_add(&ring, &first.card, first.note), ERR_OK);
	assert_int_equal(keyring_add(&ring, &held.card, held.note), ERR_OK);

	c = after(&held);
	c.live = true;
	issue(&next, &c, &root_a);
	assert_int_equal(keyring_add(&ring, &next.card, next.note), ERR_VALUE);
	c = after(&held);
	(void)snprintf(c.party, sizeof c.party, "%s", AMERICA);
	issue(&next, &c, &root_a);
	assert_int_equal(keyring_add(&ring, &next.card, next.note), ERR_VALUE);
	assert_int_equal(keyring_add(&ring, &first.card, first.note), ERR_ORDER);
	assert_int_equal(keyring_add(&ring, &held.card, held.note), ERR_EXISTS);
	c = after(&first);
	c.until_day++;
	issue(&next, &c, &root_a);
	assert_int_equal(keyring_add(&ring, &next.card, next.note), ERR_DUPLICATE);
	c = after(&held);
	c.previous = first.card.id;
	issue(&next, &c, &root_a);
	assert_int_equal(keyring_add(&ring, &next.card, next.note), ERR_PROTOCOL);
	c = after(&held);
	c.root[0] = root_c.pub;
	c.root[1] = root_d.pub;
	issue(&next, &c, &root_c);
	assert_int_equal(keyring_add(&ring, &next.card, next.note), ERR_KEY);
	assert_int_equal(ring.n, 2);
	assert_true(hash_equal(&keyring_card(&ring)->id, &held.card.id));
	keyring_done(&ring);
}

/* A root that is new on a card cannot vouch for it; the note must be that card's own. */
static void the_signature_is_of_the_card_held(void **state)
{
	struct made first, good, other;

	(void)state;
	struct card c = blank(1, &root_a, &root_b);
	issue(&first, &c, &root_a);
	c = after(&first);
	c.root[0] = root_c.pub;
	issue(&good, &c, &root_b);
	assert_int_equal(card_succeeds(&first.card, &good.card, good.note), ERR_OK);
	issue(&other, &c, &root_c);
	assert_int_equal(card_succeeds(&first.card, &other.card, other.note), ERR_KEY);
	c.until_day++;
	issue(&other, &c, &root_b);
	assert_int_equal(card_succeeds(&first.card, &good.card, other.note), ERR_VALUE);
	assert_int_equal(card_succeeds(&first.card, &good.card, bytes_of(good.note.at, good.note.n - 1)), ERR_SHORT);
}

static void serials_may_be_skipped(void **state)
{
	struct made first, fifth;

	(void)state;
	struct card c = blank(1, &root_a, &root_b);
	issue(&first, &c, &root_a);
	c = blank(5, &root_a, &root_b);
	memset(c.previous.b, 9, HASH_SIZE);
	issue(&fifth, &c, &root_b);
	assert_int_equal(card_succeeds(&first.card, &fifth.card, fifth.note), ERR_OK);
	c.root[1] = stranger.pub;
	issue(&fifth, &c, &stranger);
	assert_int_equal(card_succeeds(&first.card, &fifth.card, fifth.note), ERR_KEY);
}

/* Root a goes, vouched for by b; then b goes, vouched for by the new a. What the old ones signed stays. */
static void both_roots_are_replaced_one_after_the_other(void **state)
{
	struct made    first, second, third, late;
	struct keyring ring = {0};

	(void)state;
	struct card c = blank(1, &root_a, &root_b);
	issue(&first, &c, &root_a);
	c = after(&first);
	c.root[0] = root_c.pub;
	issue(&second, &c, &root_b);
	c = after(&second);
	c.root[0] = root_c.pub;
	c.root[1] = root_d.pub;
	issue(&third, &c, &root_c);
	assert_int_equal(keyring_add(&ring, &first.card, first.note), ERR_OK);
	assert_int_equal(keyring_add(&ring, &second.card, second.note), ERR_OK);
	assert_int_equal(keyring_add(&ring, &third.card, third.note), ERR_OK);
	assert_true(keyring_root(&ring, &root_a.pub) && keyring_root(&ring, &root_b.pub));
	assert_true(keyring_root(&ring, &root_c.pub) && keyring_root(&ring, &root_d.pub));
	assert_false(keyring_root(&ring, &stranger.pub));
	/* Whoever finds the old root a can make no further card. */
	c = after(&third);
	issue(&late, &c, &root_a);
	assert_int_equal(keyring_add(&ring, &late.card, late.note), ERR_KEY);
	keyring_done(&ring);
}

/* ---- what keys count for ---- */

static const struct epoch epoch_one = {{1}}, epoch_two = {{2}}, epoch_three = {{3}};

static void revoke(struct card *c, const struct public_key *key, const struct epoch *epoch, uint64_t size)
{
	c->revoked[c->nrevoked++] = (struct card_revoked){.key = *key, .epoch = *epoch, .size = size};
}

static void a_revoked_key_counts_up_to_what_the_card_says(void **state)
{
	struct made    first, second, third;
	struct keyring ring = {0};

	(void)state;
	struct card c = blank(1, &root_a, &root_b);
	issue(&first, &c, &root_a);
	const struct public_key stolen = first.card.log[0].key, receipt = first.card.receipt[0].key;
	assert_int_equal(keyring_add(&ring, &first.card, first.note), ERR_OK);
	assert_int_equal(keyring_judge(&ring, &stolen, &epoch_one, 1000), KEY_GOOD);

	c = after(&first);
	revoke(&c, &stolen, &epoch_one, 10);
	revoke(&c, &stolen, &epoch_two, 0);
	issue(&second, &c, &root_a);
	assert_int_equal(keyring_add(&ring, &second.card, second.note), ERR_OK);
	assert_int_equal(keyring_judge(&ring, &stolen, &epoch_one, 10), KEY_GOOD);
	assert_int_equal(keyring_judge(&ring, &stolen, &epoch_one, 11), KEY_REVOKED);
	assert_int_equal(keyring_judge(&ring, &stolen, &epoch_two, 0), KEY_GOOD);
	assert_int_equal(keyring_judge(&ring, &stolen, &epoch_two, 1), KEY_REVOKED);
	assert_int_equal(keyring_judge(&ring, &stolen, &epoch_three, 1), KEY_REVOKED);
	assert_int_equal(keyring_judge(&ring, &receipt, &epoch_one, 11), KEY_GOOD);
	assert_int_equal(keyring_judge(&ring, &stranger.pub, &epoch_one, 1), KEY_UNKNOWN);

	/* A later card that does not name the key leaves it revoked; one that names it speaks for both. */
	c = after(&second);
	issue(&third, &c, &root_a);
	assert_int_equal(keyring_add(&ring, &third.card, third.note), ERR_OK);
	assert_int_equal(keyring_judge(&ring, &stolen, &epoch_one, 11), KEY_REVOKED);
	c = after(&third);
	revoke(&c, &stolen, &epoch_three, 5);
	issue(&second, &c, &root_a);
	assert_int_equal(keyring_add(&ring, &second.card, second.note), ERR_OK);
	assert_int_equal(keyring_judge(&ring, &stolen, &epoch_three, 5), KEY_GOOD);
	assert_int_equal(keyring_judge(&ring, &stolen, &epoch_one, 10), KEY_REVOKED);
	keyring_done(&ring);
}

static void the_newest_key_of_a_channel_comes_first_and_each_once(void **state)
{
	struct made		 made[3];
	struct keyring		 ring = {0};
	const struct public_key *key[KEYRING_KEYS_MOST];

	(void)state;
	struct card c = blank(1, &root_a, &root_b);
	issue(&made[0], &c, &root_a);
	c = after(&made[0]);
	c.log[0].key = made[0].card.log[0].key; /* only the receipt key changed */
	issue(&made[1], &c, &root_a);
	c = after(&made[1]);
	(void)snprintf(c.log[0].channel, sizeof c.log[0].channel, "border");
	issue(&made[2], &c, &root_a);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(keyring_add(&ring, &made[i].card, made[i].note), ERR_OK);
	assert_int_equal(keyring_log_keys(&ring, "border", key), 2);
	assert_true(public_key_equal(key[0], &made[2].card.log[0].key) && public_key_equal(key[1], &made[0].card.log[0].key));
	assert_int_equal(keyring_log_keys(&ring, "customs", key), 1);
	assert_true(public_key_equal(key[0], &made[0].card.log[0].key));
	assert_int_equal(keyring_receipt_keys(&ring, "customs", key), 3);
	assert_true(public_key_equal(key[0], &made[2].card.receipt[0].key));
	keyring_done(&ring);
}

static void a_ring_has_a_limit(void **state)
{
	struct made    now, next;
	struct keyring ring = {0};

	(void)state;
	struct card c = blank(1, &root_a, &root_b);
	issue(&now, &c, &root_a);
	for (unsigned i = 0; i < KEYRING_CARDS_MOST; i++) {
		assert_int_equal(keyring_add(&ring, &now.card, now.note), ERR_OK);
		c = after(&now);
		issue(&next, &c, &root_a);
		now = next;
		now.note.at = now.memory;
	}
	assert_int_equal(keyring_takes(&ring, &now.card, now.note), ERR_TOO_LONG);
	assert_int_equal(keyring_add(&ring, &now.card, now.note), ERR_TOO_LONG);
	assert_int_equal(ring.n, KEYRING_CARDS_MOST);
	keyring_done(&ring);
}

static void each_obstacle_has_its_sentence(void **state)
{
	static const enum err errors[] = {ERR_VALUE, ERR_ORDER, ERR_EXISTS, ERR_DUPLICATE, ERR_PROTOCOL, ERR_KEY};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(errors); i++) {
		assert_string_not_equal(card_succeeds_text(errors[i], LANG_EN), err_text(errors[i], LANG_EN));
		assert_string_not_equal(card_succeeds_text(errors[i], LANG_AR), err_text(errors[i], LANG_AR));
	}
	assert_string_equal(card_succeeds_text(ERR_MEMORY, LANG_EN), err_text(ERR_MEMORY, LANG_EN));
}

static int start(void **state)
{
	(void)state;
	if (crypto_start() != ERR_OK)
		return 1;
	root_a = sample_root(KUWAIT, 'a');
	root_b = sample_root(KUWAIT, 'b');
	root_c = sample_root(AMERICA, 'a');
	root_d = sample_root(AMERICA, 'b');
	stranger = sample_root("north.example", 'a');
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_card_follows_the_one_before_it),
		cmocka_unit_test(whatever_does_not_follow_is_refused),
		cmocka_unit_test(the_signature_is_of_the_card_held),
		cmocka_unit_test(serials_may_be_skipped),
		cmocka_unit_test(both_roots_are_replaced_one_after_the_other),
		cmocka_unit_test(a_revoked_key_counts_up_to_what_the_card_says),
		cmocka_unit_test(the_newest_key_of_a_channel_comes_first_and_each_once),
		cmocka_unit_test(a_ring_has_a_limit),
		cmocka_unit_test(each_obstacle_has_its_sentence),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
