/*
 * mithaq/verify.h: what a bundle of evidence proves, for programs that are not mithaq.
 *
 * A bundle (`q_....mithaq`) is one file about one question and its answer. It is
 * verified in memory, offline: no file is opened, no clock or network is asked, and
 * nothing but the bundle and what the caller pins decides. The result is a list of
 * claims: what is PROVED, what is NOT PROVED, and what all of it rests on (TRUST).
 *
 *     struct mithaq_evidence *e;
 *     if (mithaq_verify(bytes, n, NULL, &e) == MITHAQ_SOUND)
 *             for (size_t i = 0; i < mithaq_claims(e); i++)
 *                     puts(mithaq_claim_text(e, i, MITHAQ_ENGLISH));
 *     mithaq_evidence_free(e);
 *
 * Call mithaq_start once before anything else; after it, calls from several threads
 * are safe as long as each has its own evidence. This header changes by addition only.
 */
#ifndef MITHAQ_VERIFY_H
#define MITHAQ_VERIFY_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum mithaq_result {
	MITHAQ_SOUND = 0,  /* every byte is accounted for; read the claims */
	MITHAQ_FAILED = 1, /* this machine could not do it (memory) */
	MITHAQ_BROKEN = 7, /* the bundle is not what anybody signed; it proves nothing */
};

enum mithaq_verdict { MITHAQ_PROVED = 0, MITHAQ_NOT_PROVED = 1, MITHAQ_TRUST = 2 };

enum mithaq_language { MITHAQ_ENGLISH = 0, MITHAQ_ARABIC = 1 };

/* What the caller knows from elsewhere. NULL or 0: not known. */
struct mithaq_pins {
	const void *agreement; /* the signed agreement, or its text */
	size_t	    agreement_size;
	const void *card[2]; /* party cards */
	size_t	    card_size[2];
};

struct mithaq_evidence; /* owned by the caller, freed with mithaq_evidence_free */

/* Once per process. 0, or MITHAQ_FAILED when the cryptographic library does not start. */
int mithaq_start(void);

/*
 * Verifies. *out is set for MITHAQ_SOUND and MITHAQ_BROKEN (then it has no claims but
 * says why), NULL for MITHAQ_FAILED. The bundle may be freed afterwards. `pins` may be NULL.
 */
enum mithaq_result mithaq_verify(const void *bundle, size_t size, const struct mithaq_pins *pins, struct mithaq_evidence **out);
void		   mithaq_evidence_free(struct mithaq_evidence *evidence); /* accepts NULL */

/* Why it is broken, one line; "" when it is sound. Lives as long as the evidence, like all texts below. */
const char *mithaq_broken(const struct mithaq_evidence *evidence, enum mithaq_language language);

/* The exchange's id, "q_" and 26 letters; "" when broken. */
const char *mithaq_id(const struct mithaq_evidence *evidence);

size_t		    mithaq_claims(const struct mithaq_evidence *evidence);
enum mithaq_verdict mithaq_claim_verdict(const struct mithaq_evidence *evidence, size_t claim);
/* A stable word such as "asked" or "received" (spec/evidence.md lists them). */
const char *mithaq_claim_name(const struct mithaq_evidence *evidence, size_t claim);
/* The sentence; NULL past the last claim. */
const char *mithaq_claim_text(const struct mithaq_evidence *evidence, size_t claim, enum mithaq_language language);
/* What stands in the sentence, from 0: party names, entry numbers, times. NULL past the last. */
const char *mithaq_claim_value(const struct mithaq_evidence *evidence, size_t claim, size_t value);

#ifdef __cplusplus
}
#endif

#endif
