/*
 * check.h: whose signatures stand in a bundle, and whether everything in it belongs
 * together. After case_open nothing in the file is unverified; what it proves is
 * judge.h's question.
 */
#ifndef MITHAQ_EVIDENCE_CHECK_H
#define MITHAQ_EVIDENCE_CHECK_H

#include "evidence/bundle.h"

struct evidence_case {
	struct bundle	   bundle;
	struct agreement  *agreement;
	struct card	   card[2]; /* in the order of agreement->party */
	bool		   agreement_pinned, card_pinned[2];
	struct card	   card_given[2]; /* where card_pinned: what it revokes counts too */
	unsigned	   asker;	  /* index into agreement->party; the answerer is the other one */
	const struct item *question;
	unsigned	   nanswers;
	const struct item *answer[EVIDENCE_ANSWERS_MOST];
};

enum err case_open(struct bytes file, const struct pins *pins, struct evidence_case *out, struct fault *fault) must_use;
void	 case_close(struct evidence_case *c);

/* The first inline part of this type, which is the one that gateways act on; NULL when there is none or it is not disclosed. */
const struct bytes *item_part(const struct item *item, uint8_t type);

#endif
