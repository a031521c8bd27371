/*
 * yaml.h: the strict part of YAML that lawyers and engineers both read.
 *
 * One document; mappings, sequences and scalars only. Refused, with the line: tags,
 * anchors, aliases, directives, a second document, merge keys, complex keys,
 * duplicate keys, tabs, carriage returns, control and bidirectional characters,
 * text not in NFC, nesting deeper than YAML_DEEP, documents longer than the limit
 * given. Every scalar is text: our schemas give the types, YAML does not.
 * Parsing is libyaml's; nodes live in the arena given.
 */
#ifndef MITHAQ_BASE_YAML_H
#define MITHAQ_BASE_YAML_H

#include "base/arena.h"
#include "base/error.h"

#define YAML_DEEP	  12
#define YAML_NODES_MOST	  65536
#define YAML_MEMBERS_MOST 1024 /* of one mapping or list */

enum yaml_kind { YAML_SCALAR, YAML_MAP, YAML_LIST };

struct yaml {
	enum yaml_kind kind;
	unsigned       line; /* 1-based */
	const char    *text; /* YAML_SCALAR: NUL-ended value */
	const char    *key;  /* the key when this stands in a mapping, else NULL */
	unsigned       key_line;
	unsigned       n;
	struct yaml  **at; /* members of a mapping in written order, or items */
};

enum err yaml_read(struct arena *a, struct bytes text, size_t most, struct yaml **out, struct fault *fault) must_use;

struct yaml *yaml_get(const struct yaml *map, const char *key); /* or NULL; also NULL when not a mapping */

#endif
