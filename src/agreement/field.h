/*
 * field.h: the types of fields, one row each (inside this room only): the word in
 * the agreement, the default and only or greatest length in characters, and what
 * a value looks like, for a person.
 */
#ifndef MITHAQ_AGREEMENT_FIELD_H
#define MITHAQ_AGREEMENT_FIELD_H

#include "agreement/agreement.h"

/* A value is at most FIELD_VALUE_MOST bytes on the wire; a character has up to four. */
#define FIELD_LENGTH_MOST 2000

struct field_kind {
	const char *word;
	unsigned    length;
	bool	    fixed; /* `length:` may not be given */
	const char *form[2];
};

extern const struct field_kind field_kinds[];
extern const char *const       field_words[]; /* the words alone, in the order of enum field_type, then NULL */

/* The rule of a field by its name, or NULL. */
const struct field_rule *field_find(const struct field_rule *rules, unsigned n, struct bytes name);
/* The code by its name, or NULL. */
const struct code *code_find(const struct code *codes, unsigned n, struct bytes name);

#endif
