/*
 * fields.h: named text values, the content of a question, an answer or a reason
 * (spec/entry.md, "records").
 *
 *   u8 version (1) | u16 count | count x ( u16 length, name | u8 form (1: text) | u16 length, value )
 *
 * Names ascend bytewise and are unique; a value is text (base/text.h TEXT_LINES).
 * One encoding only. Views point into the bytes read.
 */
#ifndef MITHAQ_WIRE_FIELDS_H
#define MITHAQ_WIRE_FIELDS_H

#include "base/builder.h"
#include "base/cursor.h"

#define FIELDS_MOST	 64
#define FIELD_VALUE_MOST 8192

struct field {
	struct bytes name;
	struct bytes value;
};

struct fields {
	unsigned     n;
	struct field at[FIELDS_MOST];
};

/* Adds in any order; fields_write sorts a copy. ERR_DUPLICATE, ERR_TOO_LONG. */
enum err	    fields_add(struct fields *f, struct bytes name, struct bytes value) must_use;
const struct field *fields_find(const struct fields *f, const char *name); /* or NULL */
const struct field *fields_find_bytes(const struct fields *f, struct bytes name);

void	 fields_write(struct builder *b, const struct fields *f);
enum err fields_read(struct bytes wire, struct fields *out) must_use;

#endif
