/* keyring.c: the cards of one party in their order, and what each of its keys counts for. */
#include "agreement/keyring.h"

#include <stdio.h>
#include <stdlib.h>

#define ROOT_SUFFIX "/root"

void keyring_done(struct keyring *k)
{
	for (unsigned i = 0; i < k->n; i++) {
		free(k->card[i]);
		free(k->note[i]);
	}
	*k = (struct keyring){0};
}

const struct card *keyring_card(const struct keyring *k)
{
	return k->n > 0 ? k->card[k->n - 1] : NULL;
}

struct bytes keyring_note(const struct keyring *k, unsigned i)
{
	return bytes_of(k->note[i], k->note_size[i]);
}

/* ---- succession ---- */

static bool same_house(const struct card *a, const struct card *b)
{
	return strcmp(a->party, b->party) == 0 && a->live == b->live;
}

static bool has_root(const struct card *card, const struct public_key *root)
{
	return public_key_equal(&card->root[0], root) || public_key_equal(&card->root[1], root);
}

/* Is this note the one of `next`, and is one of its signatures by a root of `held`? */
static enum err held_root_signed(const struct card *held, const struct card *next, struct bytes wire)
{
	char	    name[PARTY_MOST + sizeof ROOT_SUFFIX];
	struct note note;
	enum err    e = note_read(wire, &note);

	if (e != ERR_OK)
		return e;
	struct hash id = hash_bytes(note.text);
	if (!hash_equal(&id, &next->id))
		return ERR_VALUE;
	(void)snprintf(name, sizeof name, "%s" ROOT_SUFFIX, held->party);
	for (unsigned i = 0; i < note.n; i++)
		for (unsigned k = 0; k < 2; k++)
			if (note_signed_by(&note, i, bytes_text(name), &held->root[k]))
				return ERR_OK;
	return ERR_KEY;
}

enum err card_succeeds(const struct card *held, const struct card *next, struct bytes note)
{
	if (!same_house(held, next))
		return ERR_VALUE;
	if (next->serial < held->serial)
		return ERR_ORDER;
	if (next->serial == held->serial)
		return hash_equal(&next->id, &held->id) ? ERR_EXISTS : ERR_DUPLICATE;
	if (next->serial == held->serial + 1 && !hash_equal(&next->previous, &held->id))
		return ERR_PROTOCOL;
	return held_root_signed(held, next, note);
}

static const struct {
	enum err    err;
	const char *text[2]; /* by enum lang */
} obstacles[] = {
	{ERR_VALUE, {"it is of another party or of another environment", "هي لطرف آخر أو لبيئة أخرى"}},
	{ERR_ORDER, {"it is older than the card held", "هي أقدم من البطاقة المحفوظة"}},
	{ERR_EXISTS, {"it is the card held", "هي البطاقة المحفوظة نفسها"}},
	{ERR_DUPLICATE, {"two different cards have the same serial", "بطاقتان مختلفتان برقم واحد"}},
	{ERR_PROTOCOL, {"it does not follow the card held", "لا تلي البطاقة المحفوظة"}},
	{ERR_KEY, {"no root key of the card held signed it", "لم يوقّعها مفتاح جذري من البطاقة المحفوظة"}},
};

const char *card_succeeds_text(enum err e, enum lang lang)
{
	for (size_t i = 0; i < COUNT_OF(obstacles); i++)
		if (obstacles[i].err == e)
			return obstacles[i].text[lang == LANG_AR ? 1 : 0];
	return err_text(e, lang);
}

static enum err ring_put(struct keyring *k, const struct card *card, struct bytes note)
{
	struct card *kept = malloc(sizeof *kept);
	uint8_t	    *copy = malloc(note.n > 0 ? note.n : 1);

	if (kept == NULL || copy == NULL) {
		free(kept);
		free(copy);
		return ERR_MEMORY;
	}
	*kept = *card;
	if (note.n > 0)
		memcpy(copy, note.at, note.n);
	k->card[k->n] = kept;
	k->note[k->n] = copy;
	k->note_size[k->n] = note.n;
	k->n++;
	return ERR_OK;
}

enum err keyring_takes(const struct keyring *k, const struct card *card, struct bytes note)
{
	const struct card *held = keyring_card(k);
	enum err	   e = held != NULL ? card_succeeds(held, card, note) : ERR_OK;

	return e == ERR_OK && k->n == KEYRING_CARDS_MOST ? ERR_TOO_LONG : e;
}

enum err keyring_add(struct keyring *k, const struct card *card, struct bytes note)
{
	enum err e = keyring_takes(k, card, note);

	return e == ERR_OK ? ring_put(k, card, note) : e;
}

/* ---- what a key counts for ---- */

static bool among(const struct card_key *keys, unsigned n, const struct public_key *key)
{
	for (unsigned i = 0; i < n; i++)
		if (public_key_equal(&keys[i].key, key))
			return true;
	return false;
}

static bool stands_on(const struct card *card, const struct public_key *key)
{
	return among(card->log, card->nlog, key) || among(card->receipt, card->nreceipt, key);
}

static bool on_any(const struct keyring *k, const struct public_key *key)
{
	for (unsigned i = 0; i < k->n; i++)
		if (stands_on(k->card[i], key))
			return true;
	return false;
}

/* Who skipped a card judges as who holds them all: of several that revoke the key the latest speaks. */
enum key_word keyring_judge(const struct keyring *k, const struct public_key *key, const struct epoch *epoch, uint64_t size)
{
	if (!on_any(k, key))
		return KEY_UNKNOWN;
	for (unsigned i = k->n; i-- > 0;)
		if (card_names_revoked(k->card[i], key))
			return card_revokes(k->card[i], key, epoch, size) ? KEY_REVOKED : KEY_GOOD;
	return KEY_GOOD;
}

/* ---- lists ---- */

typedef const struct public_key *key_of_card_fn(const struct card *card, const char *channel);

static bool listed(const struct public_key *const *keys, unsigned n, const struct public_key *key)
{
	for (unsigned i = 0; i < n; i++)
		if (public_key_equal(keys[i], key))
			return true;
	return false;
}

static unsigned keys_list(const struct keyring *k, const char *channel, key_of_card_fn *key_of, const struct public_key **out)
{
	unsigned n = 0;

	for (unsigned i = k->n; i-- > 0;) {
		const struct public_key *key = key_of(k->card[i], channel);

		if (key != NULL && !listed(out, n, key))
			out[n++] = key;
	}
	return n;
}

unsigned keyring_log_keys(const struct keyring *k, const char *channel, const struct public_key *out[KEYRING_KEYS_MOST])
{
	return keys_list(k, channel, card_log_key, out);
}

unsigned keyring_receipt_keys(const struct keyring *k, const char *channel, const struct public_key *out[KEYRING_KEYS_MOST])
{
	return keys_list(k, channel, card_receipt_key, out);
}

bool keyring_root(const struct keyring *k, const struct public_key *root)
{
	for (unsigned i = 0; i < k->n; i++)
		if (has_root(k->card[i], root))
			return true;
	return false;
}
