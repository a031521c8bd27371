/*
 * papers.h: the signed papers of a party: its own card, its partners' cards, the
 * agreements it activated. Everything is verified on the way in; one paper that does
 * not verify fails the whole load and is named.
 *
 * Where they stand:
 *
 *   <home>/<party>.card                        our own card in use
 *   <home>/partners/<party>.card               a partner's, as a person took it
 *   <home>/cards/<party>.<serial>.card         earlier ones of either, put aside by the commands
 *   <data>/cards/<party>.<serial>.card         later ones of a partner, that came over the link
 *   <home>/agreements/<id>.agreement           activated by a person
 *   <data>/agreements/<id>.agreement           the connection agreement, joined over the link
 *
 * All cards of a party make its keyring: each after the first must succeed the one
 * before it. The same card may stand in two places. Test and live never meet: a card or
 * an agreement of another environment than our own card's fails the load.
 *
 * All memory belongs to the struct and is freed by papers_done.
 */
#ifndef MITHAQ_PROC_PAPERS_H
#define MITHAQ_PROC_PAPERS_H

#include "agreement/agreement.h"
#include "agreement/keyring.h"
#include "proc/config.h"

#define PAPERS_CARDS_MOST      (1 + CONFIG_PARTNERS_MOST)
#define PAPERS_AGREEMENTS_MOST 256
#define PAPERS_ROOTS_MOST      (2 * PAPERS_CARDS_MOST * KEYRING_CARDS_MOST)
#define AGREEMENT_NOTE_MOST    (AGREEMENT_TEXT_MOST + 4096u)

struct papers {
	unsigned	   ncards, nagreements;
	const struct card *card[PAPERS_CARDS_MOST];	      /* in use: the last of each ring; [0] is our own */
	struct keyring	   keyring[PAPERS_CARDS_MOST];	      /* the same parties in the same order; owns the cards */
	struct agreement  *agreement[PAPERS_AGREEMENTS_MOST]; /* ascending by id */
};

/* On failure nothing is left to free, `file` names the paper (empty when it is none of them) and *fault says what is wrong with it. */
enum err papers_load(const struct config *config, struct papers *out, char file[CONFIG_PATH_MOST], struct fault *fault) must_use;
/* The cards alone: for commands that come before any agreement. */
enum err papers_load_cards(const struct config *config, struct papers *out, char file[CONFIG_PATH_MOST], struct fault *fault) must_use;
void	 papers_done(struct papers *p); /* accepts one zeroed or already done */

const struct card      *papers_card(const struct papers *p, const char *party);		 /* in use; or NULL */
const struct keyring   *papers_keyring(const struct papers *p, const char *party);	 /* or NULL */
const struct agreement *papers_agreement(const struct papers *p, const struct hash *id); /* or NULL */

/*
 * A later card of a party that has a ring here: judged by keyring_add and in use from now
 * on. What was in use before stays in the ring. Nothing is written: papers_card_path says where.
 */
enum err papers_card_take(struct papers *p, const struct card *card, struct bytes note) must_use;

/* "cards/<party>.<serial>.card", below the data folder or the home; ERR_TOO_LONG. */
#define PAPERS_CARDS_FOLDER	 "cards"
#define PAPERS_AGREEMENTS_FOLDER "agreements"
enum err papers_card_path(const char *party, uint64_t serial, char out[CONFIG_PATH_MOST]) must_use;
/* "agreements/<id>.agreement", likewise. */
enum err papers_agreement_path(const struct hash *id, char out[CONFIG_PATH_MOST]) must_use;

/* Every root key of every card of every ring, each once per party, for agreement_open; names point into the cards. Returns how many. */
size_t papers_roots(const struct papers *p, struct root_key out[PAPERS_ROOTS_MOST]);

/*
 * The same papers in another process: papers_notes gives each note, cards first, our
 * own before all; papers_note_take builds a zeroed struct from them, verifying each
 * again. After a failure what was built so far is still to be freed.
 */
enum paper { PAPER_CARD, PAPER_AGREEMENT };
typedef void papers_note_fn(void *arg, enum paper kind, struct bytes note);
void	     papers_notes(const struct papers *p, papers_note_fn *take, void *arg);
enum err     papers_note_take(struct papers *p, enum paper kind, struct bytes note) must_use;

/* One card from a file, and its signed note when `note` is not NULL (its `most` is CARD_MOST). */
enum err papers_card_read_note(const char *path, struct card *out, struct buffer *note, struct fault *fault) must_use;
enum err papers_card_read(const char *path, struct card *out, struct fault *fault) must_use;

/*
 * Our log or receipt key, by its file keys/NAME.key; or keys/NAME.next.key when that one stands on
 * our card and the other does not: then a change of keys was cut short between the card and the
 * key (`mithaq key` finishes it). `file` names what *fault is about.
 */
enum err papers_key_read(const struct config *config, const struct card *own, bool receipt, struct sign_key *out, char file[CONFIG_PATH_MOST],
			 struct fault *fault) must_use;

#endif
