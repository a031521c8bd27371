/* keys.c: whose signature this is, and whether it counts: one key for each log, and what later cards revoke. */
#include "channel/state.h"

/* The key that the card in use names comes first: but for old epochs it is the only one that is tried. */
enum key_word keys_checkpoint(const struct channel *ch, bool own, const struct checkpoint *c, const struct epoch *epoch, const struct signature *sig,
			      struct public_key *by)
{
	const struct public_key *key[KEYRING_KEYS_MOST];
	unsigned		 n = keyring_log_keys(ch->ring[own], ch->name, key);

	for (unsigned i = 0; i < n; i++) {
		if (checkpoint_verify(key[i], c, sig))
			continue;
		if (by != NULL)
			*by = *key[i];
		return keyring_judge(ch->ring[own], key[i], epoch, c->size);
	}
	return KEY_UNKNOWN;
}

/* From the first checkpoint on an epoch has one key, and a signature by another is a false one. */
enum key_word keys_pinned(const struct channel *ch, struct peer_log *l, const struct checkpoint *c, const struct signature *sig)
{
	if (l->has_key)
		return checkpoint_verify(&l->key, c, sig) ? KEY_UNKNOWN : keyring_judge(ch->ring[false], &l->key, &l->epoch, c->size);
	enum key_word word = keys_checkpoint(ch, false, c, &l->epoch, sig, &l->key);
	l->has_key = word == KEY_GOOD;
	return word;
}

/* A reader signs all its receipts with one key at a time, old epochs' too. */
enum key_word keys_receipt(struct channel *ch, const struct epoch *epoch, const struct checkpoint *c, uint64_t time_s, const struct signature *sig)
{
	const struct keyring	*ring = ch->ring[false];
	const struct public_key *key[1 + KEYRING_KEYS_MOST] = {ch->receipt_key};
	unsigned		 first = ch->receipt_key == NULL;
	unsigned		 n = 1 + keyring_receipt_keys(ring, ch->name, key + 1);

	for (unsigned i = first; i < n; i++) {
		if ((i > 0 && key[i] == ch->receipt_key) || receipt_verify(key[i], c, time_s, sig))
			continue;
		ch->receipt_key = key[i];
		return keyring_judge(ring, key[i], epoch, c->size);
	}
	return KEY_UNKNOWN;
}

bool channel_may_show(const struct channel *ch, const struct epoch *epoch, uint64_t size, const struct hash *root, const struct signature *sig)
{
	const struct public_key *key[KEYRING_KEYS_MOST];
	unsigned		 n = keyring_log_keys(ch->ring[true], ch->name, key);
	struct own_log		*log = writer_find(ch, epoch);
	struct checkpoint	 c = {.size = size, .root = *root};
	bool			 all_good = true;

	for (unsigned i = 0; i < n; i++)
		all_good = all_good && keyring_judge(ch->ring[true], key[i], epoch, size) == KEY_GOOD;
	if (all_good || log == NULL)
		return all_good;
	memcpy(c.origin, log->origin, sizeof c.origin);
	return keys_checkpoint(ch, true, &c, epoch, sig, NULL) == KEY_GOOD;
}

/* ---- KEYS entries ---- */

static bool is_held(const struct keyring *ring, struct bytes id)
{
	for (unsigned i = 0; i < ring->n; i++)
		if (bytes_equal(id, bytes_of(ring->card[i]->id.b, HASH_SIZE)))
			return true;
	return false;
}

static enum err card_check(const struct channel *ch, struct bytes note, struct bytes id)
{
	struct card card;
	enum err    e = card_read(note, &card, NULL);

	if (e == ERR_OK && (strcmp(card.party, ch->peer_name) != 0 || !bytes_equal(id, bytes_of(card.id.b, HASH_SIZE))))
		e = ERR_VALUE;
	return e;
}

/* Of a card that is held the text alone is compared: each start of the partner shows it again. */
enum err keys_entry_check(const struct channel *ch, const struct entry *e)
{
	const struct header *h = &e->header;
	const struct attr   *id = header_attr(h, ATTR_KEYS);
	struct note	     note;

	if (id == NULL || h->nparts == 0 || h->part[0].type != PART_AGREEMENT || h->part[0].placement != PLACED_INLINE)
		return ERR_MISSING;
	if (!is_held(ch->ring[false], id->value))
		return card_check(ch, e->part[0].body, id->value);
	enum err err = note_read(e->part[0].body, &note);
	if (err != ERR_OK)
		return err;
	struct hash text = hash_bytes(note.text);
	return bytes_equal(id->value, bytes_of(text.b, HASH_SIZE)) ? ERR_OK : ERR_VALUE;
}

/* Whether it takes the place of the card held is the performer's to judge: card_succeeds(). */
void keys_act(struct channel *ch, const struct entry *e)
{
	struct duty *d = is_held(ch->ring[false], header_attr(&e->header, ATTR_KEYS)->value) ? NULL : duty_add(ch, DUTY_CARD);

	if (d != NULL)
		d->card = step_copy(ch, e->part[0].body);
}
