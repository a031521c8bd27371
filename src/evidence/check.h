/*
 * check.h: whose signatures stand in a bundle, and whether everything in it belongs
 * together. After case_open nothing in the file is unverified, but what a revoked key
 * signed may stand in it and covers nothing; what the file proves is judge.h's question.
 */
#ifndef MITHAQ_EVIDENCE_CHECK_H
#define MITHAQ_EVIDENCE_CHECK_H

#include "agreement/keyring.h"
#include "evidence/bundle.h"

struct evidence_case {
	struct bundle	   bundle;
	struct agreement  *agreement;
	struct keyring	   ring[2];   /* the cards of each party that count, given ones too; in the order of agreement->party */
	const struct card *anchor[2]; /* the card with the agreement's own roots: all others hang on it */
	bool		   agreement_pinned;
	bool		   card_same[2], card_on[2]; /* one was given: with the anchor's roots; with later or earlier ones of the same party */
	unsigned	   asker;		     /* index into agreement->party; the answerer is the other one */
	const struct item *question;		     /* may stand under a revoked key: then it is not `covered` */
	unsigned	   nanswers, nrevoked;
	const struct item *answer[EVIDENCE_ANSWERS_MOST];
	const struct item *revoked[EVIDENCE_ANSWERS_MOST]; /* answers that are not covered */
};

enum err case_open(struct bytes file, const struct pins *pins, struct evidence_case *out, struct fault *fault) must_use;
void	 case_close(struct evidence_case *c);

/* The first inline part of this type, which is the one that gateways act on; NULL when there is none or it is not disclosed. */
const struct bytes *item_part(const struct item *item, uint8_t type);

#endif
