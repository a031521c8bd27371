/*
 * bundle.h: gathers from the ledger what one exchange's evidence needs, and has
 * evidence/ build the bundle.
 *
 * Beside the question and its answer: the AGREE entries both logs hold, the GENESIS
 * that covers what no checkpoint does, and, while the two epochs have at most
 * BUNDLE_COMPLETE_MOST entries under the agreement, all of these with the TALLY, so
 * that completeness is proved too. All cards of both parties go with it. A checkpoint
 * whose key its author has revoked since is left out where a GENESIS covers the same.
 */
#ifndef MITHAQ_STORE_BUNDLE_H
#define MITHAQ_STORE_BUNDLE_H

#include "agreement/keyring.h"
#include "evidence/evidence.h"
#include "store/store.h"

#define BUNDLE_COMPLETE_MOST 200
#define BUNDLE_LEAVES_MOST   (1u << 21) /* leaves of one log held while a proof is made */

/* The signed papers a bundle carries. */
struct bundle_papers {
	const char	     *self;
	struct bytes	      agreement; /* the whole signed note */
	const struct keyring *ring[2];	 /* the partner's cards, and ours */
};

/* Appends to `out` (give it .most = EVIDENCE_MOST). ERR_NOT_FOUND when the entries are no longer held; ERR_TOO_LONG for a log beyond the limit. */
enum err store_bundle(struct store *s, const struct exchange_row *x, const struct bundle_papers *papers, struct buffer *out) must_use;

#endif
