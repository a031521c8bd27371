/*
 * vectors.h: reads the published vectors of spec/vectors for the unit tests.
 *
 * A vector file is lines of words; '#' begins a comment line. Some files carry
 * whole notes, whose lines stand behind "| ". Trouble fails the test at once.
 */
#ifndef MITHAQ_TESTS_VECTORS_H
#define MITHAQ_TESTS_VECTORS_H

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "tree/merkle.h"

#define VECTOR_LINE_MOST  16384
#define VECTOR_WORDS_MOST 80

struct vectors {
	FILE *file;
	char  line[VECTOR_LINE_MOST];
	char *word[VECTOR_WORDS_MOST];
	int   n;
};

static inline void vectors_open(struct vectors *v, const char *name)
{
	char	    path[4096];
	const char *source = getenv("MITHAQ_SOURCE");
	(void)snprintf(path, sizeof path, "%s/spec/vectors/%s", source != NULL ? source : ".", name);
	v->file = fopen(path, "r");
	assert_non_null(v->file);
	v->n = 0;
}

/* The next line that is no comment, cut into words; a line behind '|' is one word, itself. False at the end. */
static inline bool vectors_next(struct vectors *v)
{
	while (fgets(v->line, sizeof v->line, v->file) != NULL) {
		char *rest = NULL;
		v->n = 0;
		if (v->line[0] == '|') {
			v->word[v->n++] = v->line;
			return true;
		}
		for (char *w = strtok_r(v->line, " \n", &rest); w != NULL && w[0] != '#'; w = strtok_r(NULL, " \n", &rest)) {
			assert_true(v->n < VECTOR_WORDS_MOST);
			v->word[v->n++] = w;
		}
		if (v->n > 0)
			return true;
	}
	(void)fclose(v->file);
	return false;
}

static inline bool vectors_is(const struct vectors *v, const char *word, int n)
{
	return v->n >= n && strcmp(v->word[0], word) == 0;
}

/* Adds the line behind "| " to a note; true when this was one. */
static inline bool vectors_note_line(const struct vectors *v, struct builder *note)
{
	if (v->word[0][0] != '|')
		return false;
	build_text(note, v->word[0][1] == ' ' ? v->word[0] + 2 : v->word[0] + 1);
	assert_int_equal(note->err, ERR_OK);
	return true;
}

/* Hexadecimal of any length into `out`; "-" is nothing. */
static inline struct bytes vectors_bytes(const char *word, uint8_t *out, size_t room)
{
	size_t n = strcmp(word, "-") == 0 ? 0 : strlen(word) / 2;
	assert_true(n <= room);
	assert_int_equal(hex_read(bytes_of(word, 2 * n), out, n), ERR_OK);
	return bytes_of(out, n);
}

static inline void vectors_exact(const char *word, uint8_t *out, size_t n)
{
	assert_int_equal(hex_read(bytes_text(word), out, n), ERR_OK);
}

static inline uint64_t vectors_number(const char *word)
{
	uint64_t v = 0;
	assert_int_equal(decimal_read(bytes_text(word), &v), ERR_OK);
	return v;
}

#endif
