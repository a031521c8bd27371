/* parse_fields.c: `request:`, `answer:` and lists of codes. */
#include <assert.h>

#include "agreement/field.h"
#include "agreement/parse.h"

static struct yaml key_of(const struct yaml *member)
{
	return (struct yaml){.kind = YAML_SCALAR, .line = member->key_line, .text = member->key, .key = member->key};
}

void codes_read(struct schema *s, const struct yaml *node, struct code **out, unsigned *count)
{
	if (!schema_ok(s))
		return;
	unsigned     n = schema_count(s, node, YAML_MAP, 1, AGREEMENT_CODES_MOST);
	size_t	     before = schema_enter(s, node == NULL ? "codes" : node->key);
	struct code *codes = schema_take(s, n, sizeof *codes);

	assert(n == 0 || node != NULL); /* schema_count() counts nothing where nothing is */
	for (unsigned i = 0; i < n && schema_ok(s); i++) {
		struct yaml key = key_of(node->at[i]);

		codes[i].name = schema_name(s, &key);
		schema_texts(s, node->at[i], &codes[i].text);
	}
	*out = codes;
	*count = n;
	schema_leave(s, before);
}

static void read_length(struct schema *s, const struct yaml *node, struct field_rule *f)
{
	const struct yaml *length = schema_may(s, node, "length");

	f->length = field_kinds[f->type].length;
	if (length == NULL)
		return;
	if (field_kinds[f->type].fixed)
		schema_fail(s, ERR_UNKNOWN_KEY, length, HELP("this type has its own length", "لهذا النوع طول ثابت"));
	f->length = (unsigned)schema_number(s, length, 1, FIELD_LENGTH_MOST);
}

static void read_codes(struct schema *s, const struct yaml *node, struct field_rule *f)
{
	const struct yaml *codes = schema_may(s, node, "codes");

	if (f->type == FIELD_CODE)
		codes_read(s, schema_need(s, node, "codes"), &f->code, &f->ncodes);
	else if (codes != NULL)
		schema_fail(s, ERR_UNKNOWN_KEY, codes, HELP("only a field of type code has codes", "الرموز للحقل من نوع code وحده"));
}

/* In examples and in the interface these stand beside the fields. */
static void check_not_reserved(struct schema *s, const struct yaml *key)
{
	if (strcmp(key->text, "purpose") == 0 || strcmp(key->text, "case") == 0)
		schema_fail(s, ERR_VALUE, key,
			    HELP("purpose and case are no fields: choose another name", "purpose وcase ليسا حقلين: اختر اسمًا آخر"));
}

static void read_rule(struct schema *s, const struct yaml *node, bool asked, struct field_rule *f)
{
	static const char *const request_keys[] = {"type", "length", "required", "codes", "ar", "en", NULL};
	static const char *const answer_keys[] = {"type", "length", "codes", "ar", "en", NULL};
	static const char *const when[] = {"when known", "always", NULL};
	struct yaml		 key = key_of(node);

	f->name = schema_name(s, &key);
	check_not_reserved(s, &key);
	size_t before = schema_enter(s, node->key);
	schema_closed(s, node, asked ? request_keys : answer_keys);
	const struct yaml *required = schema_may(s, node, "required");
	f->type = (enum field_type)schema_word(s, schema_need(s, node, "type"), field_words);
	f->required = required != NULL && schema_word(s, required, when) == 1;
	read_length(s, node, f);
	schema_texts_among(s, node, &f->label);
	read_codes(s, node, f);
	schema_leave(s, before);
}

void fields_read_rules(struct schema *s, const struct yaml *node, bool asked, struct field_rule **out, unsigned *count)
{
	unsigned	   n = schema_count(s, node, YAML_MAP, 1, AGREEMENT_FIELDS_MOST);
	size_t		   before = schema_enter(s, asked ? "request" : "answer");
	struct field_rule *rules = schema_take(s, n, sizeof *rules);

	for (unsigned i = 0; i < n && schema_ok(s); i++)
		read_rule(s, node->at[i], asked, &rules[i]);
	*out = rules;
	*count = n;
	schema_leave(s, before);
}
