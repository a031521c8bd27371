/* rings.h: keyrings for tests: of one card with one log key and one receipt key, in the test's own memory; of a signed card. */
#ifndef MITHAQ_TESTS_UNIT_RINGS_H
#define MITHAQ_TESTS_UNIT_RINGS_H

#include "agreement/keyring.h"

struct ring_of_one {
	struct card    card;
	struct keyring ring;
};

static inline const struct keyring *ring_make(struct ring_of_one *r, const struct public_key *log, const struct public_key *receipt)
{
	*r = (struct ring_of_one){.card = {.serial = 1, .nlog = 1, .nreceipt = 1}};
	r->card.log[0] = (struct card_key){"*", *log};
	r->card.receipt[0] = (struct card_key){"*", *receipt};
	r->ring.n = 1;
	r->ring.card[0] = &r->card;
	return &r->ring;
}

/* keyring_done() it. */
static inline enum err ring_of_note(struct keyring *ring, struct bytes note)
{
	struct card card;
	enum err    e = card_read(note, &card, NULL);

	return e == ERR_OK ? keyring_add(ring, &card, note) : e;
}

#endif
