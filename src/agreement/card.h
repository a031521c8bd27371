/*
 * card.h: a party's card (spec/card.md), a note `mithaq/keys/1` signed by a root.
 *
 *   mithaq/keys/1
 *   party <name>
 *   environment test|live
 *   serial <n>
 *   previous <base64 H(previous card)>        from serial 2 on
 *   valid <YYYY-MM-DD> <YYYY-MM-DD>
 *   root <base64 key> <base64 key>            a, then b
 *   tls <base64 H(SubjectPublicKeyInfo)>      one to four lines
 *   log <channel or *> <base64 key>           one or more; `*` is every channel not named
 *   receipt <channel or *> <base64 key>
 *   revoked <base64 key> <epoch hex> <size>   none or more
 *
 * in exactly this order. Signed by at least one of the two roots, key name
 * "<party>/root". No secret stands on a card; the fingerprint is H(root a || root b).
 */
#ifndef MITHAQ_AGREEMENT_CARD_H
#define MITHAQ_AGREEMENT_CARD_H

#include "tree/note.h"

#define CARD_MOST      16384
#define CARD_TLS_MOST  4
#define CARD_KEYS_MOST 32

struct card_key {
	char		  channel[NAME_MOST + 1]; /* or "*" */
	struct public_key key;
};

struct card_revoked {
	struct public_key key;
	struct epoch	  epoch;
	uint64_t	  size;
};

struct card {
	char		    party[PARTY_MOST + 1];
	bool		    live;
	uint64_t	    serial;
	struct hash	    previous; /* zero for serial 1 */
	int32_t		    from_day, until_day;
	struct public_key   root[2];
	unsigned	    ntls, nlog, nreceipt, nrevoked;
	struct hash	    tls[CARD_TLS_MOST];
	struct card_key	    log[CARD_KEYS_MOST], receipt[CARD_KEYS_MOST];
	struct card_revoked revoked[CARD_KEYS_MOST];
	struct hash	    id; /* H(note text) */
};

/* Reads and verifies (one signature at least, each by a root on it). `line` of fault says where. */
enum err card_read(struct bytes wire, struct card *out, struct fault *fault) must_use;

/* Writes the text, and the signed note by one root key. */
void	 card_write(struct builder *b, const struct card *card);
enum err card_sign(const struct card *card, const struct sign_key *root, struct builder *b) must_use;

const struct public_key *card_log_key(const struct card *card, const char *channel);	 /* or NULL */
const struct public_key *card_receipt_key(const struct card *card, const char *channel); /* or NULL */

/*
 * Does this card say that `key` counts no more at `size` of `epoch`? A key that any line of it
 * names counts in the epochs that its lines name alone, up to the sizes that stand there.
 */
bool card_names_revoked(const struct card *card, const struct public_key *key);
bool card_revokes(const struct card *card, const struct public_key *key, const struct epoch *epoch, uint64_t size);

/* H(root a || root b) as hex in groups of four: 79 characters and a NUL. */
void card_fingerprint(const struct card *card, char out[80]);

#endif
