/*
 * words.h: six words that stand for a party's two root keys (spec/card.md, section 4),
 * to be read aloud by one person and heard by another.
 *
 *   h = H("mithaq/words/1\n" || H(root a || root b))
 *
 * The first 66 bits of h, eleven at a time from the front, are six places in a list of
 * 2,048 words. There is a list in English and one in Arabic: the same six numbers, so
 * that each side may read in its own language and both lists show the same keys. New
 * log, receipt or TLS keys leave the words as they are; a new root changes them.
 *
 * The words are static text; nothing here is secret.
 */
#ifndef MITHAQ_AGREEMENT_WORDS_H
#define MITHAQ_AGREEMENT_WORDS_H

#include "agreement/card.h"

#define WORDS_LISTED	2048
#define WORDS_SPOKEN	6
#define WORDS_WORD_MOST 24 /* bytes of one word */
#define WORDS_TEXT_MOST (WORDS_SPOKEN * (WORDS_WORD_MOST + 1))

extern const char *const words_english[WORDS_LISTED], *const words_arabic[WORDS_LISTED];

void words_of_card(const struct card *card, enum lang lang, const char *out[WORDS_SPOKEN]);
/* The same in one line, separated by spaces. */
void words_line(const struct card *card, enum lang lang, char out[WORDS_TEXT_MOST]);

/*
 * Are these the words of the card, in either language? Capital letters, commas, more
 * than one space, vowel marks and the writing of hamza, alif and ta marbuta do not matter.
 * ERR_OK; ERR_MISSING or ERR_TRAILING when there are fewer or more than six; ERR_VALUE when
 * one differs: *place is then the first that does, from 0, and *lang the list it was
 * compared with. Both are untouched otherwise.
 */
enum err words_compare(const struct card *card, struct bytes said, unsigned *place, enum lang *lang) must_use;

#endif
