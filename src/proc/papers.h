/*
 * papers.h: the signed papers that stand in a party's home: its own card, its
 * partners' cards, the agreements it activated. Everything is verified on the way
 * in; one paper that does not verify fails the whole load and is named.
 *
 * All memory belongs to the struct and is freed by papers_done.
 */
#ifndef MITHAQ_PROC_PAPERS_H
#define MITHAQ_PROC_PAPERS_H

#include "agreement/agreement.h"
#include "agreement/card.h"
#include "proc/config.h"

#define PAPERS_CARDS_MOST      (1 + CONFIG_PARTNERS_MOST)
#define PAPERS_AGREEMENTS_MOST 256
#define PAPERS_ROOTS_MOST      (2 * PAPERS_CARDS_MOST)
#define AGREEMENT_NOTE_MOST    (AGREEMENT_TEXT_MOST + 4096u)

struct papers {
	unsigned	  ncards, nagreements;
	struct card	 *card[PAPERS_CARDS_MOST];	     /* [0] is our own */
	struct agreement *agreement[PAPERS_AGREEMENTS_MOST]; /* ascending by id */
};

/* On failure nothing is left to free, `file` names the paper (empty when it is none of them) and *fault says what is wrong with it. */
enum err papers_load(const struct config *config, struct papers *out, char file[CONFIG_PATH_MOST], struct fault *fault) must_use;
/* The cards alone: for commands that come before any agreement. */
enum err papers_load_cards(const struct config *config, struct papers *out, char file[CONFIG_PATH_MOST], struct fault *fault) must_use;
void	 papers_done(struct papers *p); /* accepts one zeroed or already done */

const struct card      *papers_card(const struct papers *p, const char *party);		 /* or NULL */
const struct agreement *papers_agreement(const struct papers *p, const struct hash *id); /* or NULL */

/* Every root key of every card, for agreement_open; names point into the cards. Returns how many. */
size_t papers_roots(const struct papers *p, struct root_key out[PAPERS_ROOTS_MOST]);

/* One card from a file. */
enum err papers_card_read(const char *path, struct card *out, struct fault *fault) must_use;

#endif
