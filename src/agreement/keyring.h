/*
 * keyring.h: the cards of one party, as one house came to hold them (spec/card.md,
 * section 4): the first by a person's word, each later one by the one before it.
 *
 * A card that succeeds another takes its place for everything new; the earlier ones
 * stay, because what they signed stays. So a log that was opened under an earlier card
 * is proved by that card's key, an agreement by a root that stood on any of them, and
 * a key that a later card revokes counts only up to where that card says.
 *
 * A keyring owns its cards and their notes; both stay where they are until keyring_done.
 * Nothing here is secret.
 */
#ifndef MITHAQ_AGREEMENT_KEYRING_H
#define MITHAQ_AGREEMENT_KEYRING_H

#include "agreement/card.h"

#define KEYRING_CARDS_MOST 32
#define KEYRING_KEYS_MOST  KEYRING_CARDS_MOST

struct keyring {
	unsigned     n;
	struct card *card[KEYRING_CARDS_MOST]; /* ascending by serial; the last one is in use */
	uint8_t	    *note[KEYRING_CARDS_MOST]; /* the signed note of each, as it came: keyring_note() */
	size_t	     note_size[KEYRING_CARDS_MOST];
};

void keyring_done(struct keyring *k); /* accepts one zeroed or already done */

/* The card in use; NULL when the ring is empty. */
const struct card *keyring_card(const struct keyring *k);
/* The signed note of card i, as it came: for HELLO, KEYS entries and evidence. */
struct bytes keyring_note(const struct keyring *k, unsigned i);

/*
 * May `next` stand in the place of `held`? ERR_OK, or ERR_VALUE (another party or another
 * environment), ERR_ORDER (a lower serial), ERR_DUPLICATE (the same serial and another text),
 * ERR_PROTOCOL (it follows directly and names another card as its previous), ERR_KEY (no root
 * of the held card signed it). The same card again is ERR_EXISTS. `note` is the whole signed
 * note of `next`: who signed stands there.
 */
enum err card_succeeds(const struct card *held, const struct card *next, struct bytes note) must_use;

/* What stands in the way, as one sentence for each error of card_succeeds. */
const char *card_succeeds_text(enum err e, enum lang lang);

/* Whether keyring_add would take it: asked before a card is written to the disk, where one too many would stay. */
enum err keyring_takes(const struct keyring *k, const struct card *card, struct bytes note) must_use;

/* Adds a card: the first as it is, a later one as card_succeeds judges it; ERR_TOO_LONG, ERR_MEMORY. *k is untouched on failure. */
enum err keyring_add(struct keyring *k, const struct card *card, struct bytes note) must_use;

/* How far a key is trusted for one log. */
enum key_word {
	KEY_UNKNOWN, /* on no card of the ring */
	KEY_GOOD,
	KEY_REVOKED, /* a later card says that it counts no more at this epoch and size */
};
/* A checkpoint of `size` in `epoch`, signed by `key`. Revoked counts in the epochs named, up to the sizes named. */
enum key_word keyring_judge(const struct keyring *k, const struct public_key *key, const struct epoch *epoch, uint64_t size);

/* Every key that ever signed this channel's logs (or receipts), the one in use first; each once. Returns how many. */
unsigned keyring_log_keys(const struct keyring *k, const char *channel, const struct public_key *out[KEYRING_KEYS_MOST]);
unsigned keyring_receipt_keys(const struct keyring *k, const char *channel, const struct public_key *out[KEYRING_KEYS_MOST]);

/* Whether this root stands on any card of the ring. */
bool keyring_root(const struct keyring *k, const struct public_key *root);

#endif
