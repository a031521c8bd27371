/*
 * schema.h: reads a YAML tree by a closed schema (inside this room only).
 *
 * Like a cursor, a schema reader fails once and stays failed: after the first
 * fault every function gives nothing, zero or "", so that a reader of a clause
 * looks like the clause. The fault holds the line, the place ("clauses/7/asks"),
 * what was found and what helps. Texts returned live in the reader's arena.
 */
#ifndef MITHAQ_AGREEMENT_SCHEMA_H
#define MITHAQ_AGREEMENT_SCHEMA_H

#include "agreement/agreement.h"
#include "base/yaml.h"

/* Two texts that always travel together: what helps, in English and in Arabic. */
#define HELP(en, ar) (en), (ar)

#define SCHEMA_TEXT_MOST  2000 /* characters of a title, label, basis ... */
#define SCHEMA_WORDS_MOST 16

struct schema {
	struct arena *arena;
	struct fault *fault;
	enum err      err;
	bool	      has_lang[2];
	char	      place[160]; /* where we are, without a slash at its end */
};

/* A list of known words that ends in NULL. */
typedef const char *const *word_list;

static inline bool schema_ok(const struct schema *s)
{
	return s->err == ERR_OK;
}

/* Descends to and returns from a named place; schema_leave gives back what schema_enter returned. */
size_t schema_enter(struct schema *s, const char *name);
void   schema_leave(struct schema *s, size_t before);

/* Fails at `node` (or, when it is NULL, at the present place); does nothing when failed before. */
void schema_fail(struct schema *s, enum err e, const struct yaml *node, const char *help, const char *help_ar);

/* Zeroed memory for n things of `size` bytes, or NULL and failed. */
void *schema_take(struct schema *s, size_t n, size_t size);

/* `node`, whose place was entered, must be a mapping that has no key outside `keys`. */
void schema_closed(struct schema *s, const struct yaml *node, word_list keys);
/* The member that must be there, or may be (NULL without a fault). */
const struct yaml *schema_need(struct schema *s, const struct yaml *map, const char *key);
const struct yaml *schema_may(struct schema *s, const struct yaml *map, const char *key);
/* The number of members, between least and most, of a mapping or of a list; 0 when failed. */
unsigned schema_count(struct schema *s, const struct yaml *node, enum yaml_kind kind, unsigned least, unsigned most);

const char *schema_text(struct schema *s, const struct yaml *node);		     /* one line, not empty */
const char *schema_name(struct schema *s, const struct yaml *node);		     /* name_check */
unsigned    schema_word(struct schema *s, const struct yaml *node, word_list words); /* its place in `words` */
uint64_t    schema_number(struct schema *s, const struct yaml *node, uint64_t least, uint64_t most);
int32_t	    schema_day(struct schema *s, const struct yaml *node);
void	    schema_texts(struct schema *s, const struct yaml *node, struct texts *out); /* {ar: ..., en: ...} */
/* The same among other keys of `map`, such as the labels of a field. */
void schema_texts_among(struct schema *s, const struct yaml *map, struct texts *out);

/* A number and a unit, "2 seconds": singular with 1, plural otherwise. Gives the number; *unit is its place in `units`. */
struct schema_unit {
	const char *one, *many;
};
uint64_t schema_amount(struct schema *s, const struct yaml *node, const struct schema_unit *units, size_t n, size_t *unit);

/* "en" and "ar", by enum lang. */
extern const char *const schema_lang[2];

#endif
