/* parse.h: the pieces of the parser of agreements (inside this room only). */
#ifndef MITHAQ_AGREEMENT_PARSE_H
#define MITHAQ_AGREEMENT_PARSE_H

#include "agreement/schema.h"

/* `parties:`, `purposes:` and `clauses:`; each fails through the schema reader. */
void parties_read(struct schema *s, const struct yaml *node, struct agreement *a);
void clauses_read(struct schema *s, const struct yaml *node, struct agreement *a);

/* `request:` or `answer:`; `asked` is true for a request, whose fields say when they are required. */
void fields_read_rules(struct schema *s, const struct yaml *node, bool asked, struct field_rule **out, unsigned *count);
/* Codes of a field and reasons of refusal: name -> texts. */
void codes_read(struct schema *s, const struct yaml *node, struct code **out, unsigned *count);
/* `examples:` and `must-refuse:` of one clause. */
void examples_read(struct schema *s, const struct yaml *map, struct clause *c);

#endif
