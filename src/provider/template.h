/*
 * template.h: the address and the body of a question to a service, as the operator
 * wrote them with the clause's request fields in braces. Pure.
 *
 * Address, from the first slash behind host and port:
 *
 *   /api/declarations/{declaration}              the value, percent-encoded (RFC 3986): it must have been given
 *   /api/find?number={declaration}               likewise, in the query
 *   /api/find{?office}{?place=office}            "?office=KWSAA" or "&office=KWSAA", whichever fits; nothing when it was not given
 *
 * A value never changes the path: each byte but letters, digits and "-._~" is
 * written as %XX, and a value that would make an empty, "." or ".." step, even for a
 * server that decodes first and looks for slashes then, is refused.
 *
 * Body, a JSON text:
 *
 *   {"number": {declaration}, "office": {office}}          a JSON string, or null when it was not given
 *   {"filter": "number eq '{declaration}'"}                inside a string: the value with JSON's escapes; it must have been given
 *
 * A template's views point into the text it was read from.
 */
#ifndef MITHAQ_PROVIDER_TEMPLATE_H
#define MITHAQ_PROVIDER_TEMPLATE_H

#include "wire/fields.h"

#define TEMPLATE_PIECES_MOST 64
#define TEMPLATE_TARGET_MOST 8192  /* bytes of one address */
#define TEMPLATE_BODY_MOST   65536 /* bytes of one body */

enum template_part {
	PART_LITERAL,	/* text */
	PART_PATH,	/* address: a value in the path */
	PART_QUERY,	/* address: a value in the query */
	PART_PARAMETER, /* address: text=value, when there is a value */
	PART_QUOTED,	/* body: a value inside a JSON string */
	PART_VALUE,	/* body: a JSON value of its own */
};

struct template_piece {
	enum template_part part;
	struct bytes	   text;  /* the literal, or the parameter's name */
	struct bytes	   field; /* the request field */
};

struct template
{
	unsigned	      n;
	struct template_piece at[TEMPLATE_PIECES_MOST];
};

/* ERR_VALUE, ERR_TOO_LONG; the fault's `found` is where reading stopped. */
enum err template_target_read(const char *text, struct template *out, struct fault *fault) must_use;
enum err template_body_read(const char *text, struct template *out, struct fault *fault) must_use;

/* True when without this piece's field there is nothing to ask. */
bool template_needs(const struct template_piece *piece);

/*
 * Appends the filled template. ERR_MISSING: a field that is needed was not given;
 * ERR_VALUE: a value cannot stand there; ERR_TOO_LONG or the builder's own error. `*field`
 * names the field in the first two.
 */
enum err template_fill(const struct template *t, const struct fields *fields, struct builder *b, struct bytes *field) must_use;

#endif
