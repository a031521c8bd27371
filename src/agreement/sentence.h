/*
 * sentence.h: sentences for people, in memory of fixed size (inside this room only).
 *
 * A sentence is cut at the end of a character, never within one, and is always
 * NUL-ended. Foreign bytes go in through sentence_foreign, which keeps them
 * printable.
 */
#ifndef MITHAQ_AGREEMENT_SENTENCE_H
#define MITHAQ_AGREEMENT_SENTENCE_H

#include "agreement/agreement.h"

struct sentence {
	char  *out;
	size_t size, n;
	bool   full; /* something was cut: nothing more is added */
};

struct sentence sentence_on(char *out, size_t size);
void		sentence_add(struct sentence *s, const char *text);
void		sentence_number(struct sentence *s, uint64_t v);
void		sentence_foreign(struct sentence *s, struct bytes v);

/* A number of things as Arabic counts them: one, two, 3 to 10, 11 to 99, whole hundreds. */
struct arabic_noun {
	const char *one, *two, *few, *many, *hundred;
};
void arabic_count(uint64_t n, const struct arabic_noun *noun, char *out, size_t size);

/* `text` behind the preposition li: "ال" becomes "لل". */
void arabic_for(const char *text, char *out, size_t size);

#endif
