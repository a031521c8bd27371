/*
 * desk_schema.c: a clause as JSON Schema 2020-12: what a question under it may be, and
 * what the fields of an answer may be.
 *
 * A schema says what agreement/field.c checks, type by type: whatever one of them takes
 * and the other does not is a fault. What no schema can say stands in a description: a
 * text is in Unicode normal form NFC, and a whole request fits into one entry.
 */
#include <stdio.h>

#include "gateway/desk.h"

#define CASE_CHARACTERS_MOST 120 /* as agreement/decide.c has it */

/* Characters without a shape of their own, as base/text.c refuses them; in a text of several lines the line feed stands between. */
#define UNSEEN	      "\\u007f-\\u009f\\u00ad\\u034f\\u061c\\u180e\\u200b\\u200e\\u200f\\u2028\\u2029\\u202a-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb"
#define LINE_PATTERN  "^[^\\u0000-\\u001f" UNSEEN "]*$"
#define LINES_PATTERN "^[^\\u0000-\\u0009\\u000b-\\u001f" UNSEEN "]*$"

struct type_row {
	const char *pattern, *format; /* NULL: none */
	const char *text[2];	      /* by enum lang */
};

static const struct type_row types[] = {
	[FIELD_TEXT] = {LINES_PATTERN, NULL, {"A text, in NFC.", "نص بصيغة NFC."}},
	[FIELD_CODE] = {NULL, NULL, {"One of the codes.", "أحد الرموز."}},
	[FIELD_DATE] = {"^(?!0000)[0-9]{4}-[0-9]{2}-[0-9]{2}$", "date", {"A date such as 2026-11-20.", "تاريخ مثل 2026-11-20."}},
	[FIELD_TIME] = {"^(19[7-9][0-9]|[2-9][0-9]{3})-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{3})?Z$",
			"date-time",
			{"A time such as 2026-11-20T09:30:00Z.", "وقت مثل 2026-11-20T09:30:00Z."}},
	[FIELD_INTEGER] = {"^(0|-?[1-9][0-9]*)$", NULL, {"A whole number such as 42.", "عدد صحيح مثل 42."}},
	[FIELD_DECIMAL] = {"^-?(0|[1-9][0-9]*)(\\.[0-9]+)?$", NULL, {"A decimal number such as 18450.000.", "عدد عشري مثل 18450.000."}},
	[FIELD_COUNTRY] = {"^[A-Z]{2}$", NULL, {"A country code of two letters such as KW.", "رمز دولة من حرفين مثل KW."}},
	[FIELD_DOCUMENT_NUMBER] = {"^[0-9A-Za-z]([0-9A-Za-z./-]*[0-9A-Za-z])?$",
				   NULL,
				   {"A document number of letters, digits, '-', '/' and '.'.", "رقم وثيقة من حروف لاتينية وأرقام و- و/ و."}},
	[FIELD_UN_LOCODE] = {"^[A-Z]{2}[A-Z2-9]{3}$", NULL, {"A UN/LOCODE such as KWSAA.", "رمز موقع UN/LOCODE مثل KWSAA."}},
	[FIELD_NAME] = {LINE_PATTERN, NULL, {"A name in one line, in NFC.", "اسم في سطر واحد بصيغة NFC."}},
};

/* ---- pieces ---- */

static void clause_name(const struct clause *c, char out[2 * NAME_MOST + 4])
{
	(void)snprintf(out, 2 * NAME_MOST + 4, "%s/%s", c->channel, c->name);
}

static void name_put(struct json_writer *w, const char *name)
{
	char text[NAME_MOST + 1];

	api_name(bytes_text(name), text, sizeof text);
	json_string_put(w, text);
}

static void closed_object(struct json_writer *w)
{
	json_member(w, "type", "object");
	json_key(w, "additionalProperties");
	json_bool(w, false);
}

/* "lodged: lodged; held: held for examination". What does not fit is left out: the list itself is whole. */
static void meanings(struct json_writer *w, const struct code *codes, unsigned n, enum lang lang)
{
	char	       text[2048];
	struct builder b = builder_on(text, sizeof text - 1);

	for (unsigned i = 0; i < n; i++) {
		struct builder before = b;

		build_format(&b, "%s%s: %s", i > 0 ? lang == LANG_AR ? "؛ " : "; " : "", codes[i].name, texts_in(&codes[i].text, lang));
		if (b.err != ERR_OK) {
			b = before;
			break;
		}
	}
	json_member_text(w, "description", builder_bytes(&b));
}

static void code_schema(struct json_writer *w, const struct field_rule *rule, enum lang lang)
{
	meanings(w, rule->code, rule->ncodes, lang);
	json_member_open(w, "enum", '[');
	for (unsigned i = 0; i < rule->ncodes; i++)
		json_string_put(w, rule->code[i].name);
	json_close(w, ']');
}

static void value_schema(struct json_writer *w, const struct field_rule *rule, enum lang lang)
{
	const struct type_row *type = &types[rule->type];

	json_member(w, "description", type->text[lang]);
	json_member_number(w, "minLength", 1);
	json_member_number(w, "maxLength", rule->length);
	if (type->pattern != NULL)
		json_member(w, "pattern", type->pattern);
	if (type->format != NULL)
		json_member(w, "format", type->format);
}

static void field_schema(struct json_writer *w, const struct field_rule *rule, enum lang lang)
{
	char name[NAME_MOST + 1];

	api_name(bytes_text(rule->name), name, sizeof name);
	json_member_open(w, name, '{');
	json_member(w, "type", "string");
	json_member(w, "title", texts_in(&rule->label, lang));
	if (rule->type == FIELD_CODE)
		code_schema(w, rule, lang);
	else
		value_schema(w, rule, lang);
	json_close(w, '}');
}

static void properties_schema(struct json_writer *w, const struct field_rule *rules, unsigned n, enum lang lang)
{
	json_member_open(w, "properties", '{');
	for (unsigned i = 0; i < n; i++)
		field_schema(w, &rules[i], lang);
	json_close(w, '}');
}

static void values_json(struct json_writer *w, const struct fields *fields)
{
	char name[NAME_MOST + 1];

	for (unsigned i = 0; i < fields->n; i++) {
		api_name(fields->at[i].name, name, sizeof name);
		json_member_text(w, name, fields->at[i].value);
	}
}

/* ---- a question ---- */

static bool any_required(const struct clause *c)
{
	for (unsigned i = 0; i < c->nrequest; i++)
		if (c->request[i].required)
			return true;
	return false;
}

/* Must a case be stated for this purpose, or, with NULL, for every one? */
static bool case_for(const struct clause *c, const char *purpose)
{
	for (unsigned i = 0; i < c->nmust; i++) {
		const struct must_state *m = &c->must[i];

		if (strcmp(m->what, "case") == 0 && (purpose == NULL ? m->purpose == NULL : m->purpose != NULL && strcmp(m->purpose, purpose) == 0))
			return true;
	}
	return false;
}

static void required_members(struct json_writer *w, const struct clause *c)
{
	json_member_open(w, "required", '[');
	json_string_put(w, "clause");
	json_string_put(w, "purpose");
	if (any_required(c))
		json_string_put(w, "fields");
	if (case_for(c, NULL))
		json_string_put(w, "case");
	json_close(w, ']');
}

static void const_schema(struct json_writer *w, const char *key, const char *value, const char *title)
{
	json_member_open(w, key, '{');
	json_member(w, "type", "string");
	json_member(w, "title", title);
	json_member(w, "const", value);
	json_close(w, '}');
}

static void purpose_schema(struct json_writer *w, const struct clause *c, enum lang lang)
{
	static const char *const title[] = {"Purpose", "الغرض"};
	struct code		 codes[AGREEMENT_PURPOSES_MOST];

	for (unsigned i = 0; i < c->npurposes; i++)
		codes[i] = (struct code){c->purpose[i]->name, c->purpose[i]->text};
	json_member_open(w, "purpose", '{');
	json_member(w, "type", "string");
	json_member(w, "title", title[lang]);
	meanings(w, codes, c->npurposes, lang);
	json_member_open(w, "enum", '[');
	for (unsigned i = 0; i < c->npurposes; i++)
		json_string_put(w, c->purpose[i]->name);
	json_close(w, ']');
	json_close(w, '}');
}

static void line_schema(struct json_writer *w, const char *key, const char *title, unsigned least, unsigned most, const char *description)
{
	json_member_open(w, key, '{');
	json_member(w, "type", "string");
	json_member(w, "title", title);
	json_member(w, "description", description);
	if (least > 0)
		json_member_number(w, "minLength", least);
	json_member_number(w, "maxLength", most);
	json_member(w, "pattern", LINE_PATTERN);
	json_close(w, '}');
}

/* {"if": {"properties": {"purpose": {"const": P}}}, "then": {"required": ["case"], "properties": {"case": {"minLength": 1}}}} */
static void case_rule(struct json_writer *w, const char *purpose)
{
	json_open(w, '{');
	json_member_open(w, "if", '{');
	json_member_open(w, "properties", '{');
	json_member_open(w, "purpose", '{');
	json_member(w, "const", purpose);
	json_close(w, '}');
	json_close(w, '}');
	json_member_open(w, "required", '[');
	json_string_put(w, "purpose");
	json_close(w, ']');
	json_close(w, '}');
	json_member_open(w, "then", '{');
	json_member_open(w, "properties", '{');
	json_member_open(w, "case", '{');
	json_member_number(w, "minLength", 1);
	json_close(w, '}');
	json_close(w, '}');
	json_member_open(w, "required", '[');
	json_string_put(w, "case");
	json_close(w, ']');
	json_close(w, '}');
	json_close(w, '}');
}

/* The rules of must-state that hold for one purpose. */
static void case_rules(struct json_writer *w, const struct clause *c)
{
	bool any = false;

	for (unsigned i = 0; i < c->npurposes; i++) {
		if (!case_for(c, c->purpose[i]->name))
			continue;
		if (!any)
			json_member_open(w, "allOf", '[');
		any = true;
		case_rule(w, c->purpose[i]->name);
	}
	if (any)
		json_close(w, ']');
}

static void fields_schema(struct json_writer *w, const struct clause *c, enum lang lang)
{
	static const char *const title[] = {"Fields of the question", "حقول الاستعلام"};

	json_member_open(w, "fields", '{');
	json_member(w, "title", title[lang]);
	closed_object(w);
	json_member_open(w, "required", '[');
	for (unsigned i = 0; i < c->nrequest; i++)
		if (c->request[i].required)
			name_put(w, c->request[i].name);
	json_close(w, ']');
	properties_schema(w, c->request, c->nrequest, lang);
	json_close(w, '}');
}

void example_json(struct json_writer *w, const struct agreement *a, const struct clause *c, const struct example *e)
{
	char name[2 * NAME_MOST + 4];

	clause_name(c, name);
	json_open(w, '{');
	json_member(w, "to", a->party[c->answers].name);
	json_member(w, "clause", name);
	json_member(w, "purpose", e->purpose);
	if (e->reference != NULL)
		json_member(w, "case", e->reference);
	json_member_open(w, "fields", '{');
	values_json(w, &e->ask);
	json_close(w, '}');
	json_close(w, '}');
}

static void question_examples(struct json_writer *w, const struct agreement *a, const struct clause *c)
{
	json_member_open(w, "examples", '[');
	for (unsigned i = 0; i < c->nexamples; i++)
		if (c->example[i].expect != EXPECT_REFUSED)
			example_json(w, a, c, &c->example[i]);
	json_close(w, ']');
}

static const struct {
	const char *to[2], *clause[2], *of_case[2], *case_text[2], *officer[2], *officer_text[2];
} words = {
	.to = {"Who answers", "الجهة المجيبة"},
	.clause = {"The clause", "البند"},
	.of_case = {"Case reference", "رقم القضية"},
	.case_text = {"The partner receives it.", "يصل إلى الشريك."},
	.officer = {"Officer", "الموظف"},
	.officer_text = {"Stays on this side.", "يبقى في هذا الجانب."},
};

void schema_json(struct json_writer *w, const struct agreement *a, const struct clause *c, enum lang lang)
{
	char name[2 * NAME_MOST + 4];

	clause_name(c, name);
	json_open(w, '{');
	json_member(w, "$schema", "https://json-schema.org/draft/2020-12/schema");
	json_member(w, "title", texts_in(&c->title, lang));
	json_member(w, "description", texts_in(&c->basis, lang));
	closed_object(w);
	required_members(w, c);
	json_member_open(w, "properties", '{');
	const_schema(w, "to", a->party[c->answers].name, words.to[lang]);
	const_schema(w, "clause", name, words.clause[lang]);
	purpose_schema(w, c, lang);
	line_schema(w, "case", words.of_case[lang], case_for(c, NULL), CASE_CHARACTERS_MOST, words.case_text[lang]);
	line_schema(w, "officer", words.officer[lang], 0, OFFICER_CHARACTERS_MOST, words.officer_text[lang]);
	fields_schema(w, c, lang);
	json_close(w, '}');
	case_rules(w, c);
	question_examples(w, a, c);
	json_close(w, '}');
}

/* ---- an answer ---- */

void answer_schema_json(struct json_writer *w, const struct clause *c, enum lang lang)
{
	json_open(w, '{');
	json_member(w, "$schema", "https://json-schema.org/draft/2020-12/schema");
	json_member(w, "title", texts_in(&c->title, lang));
	json_member(w, "description", texts_in(&c->basis, lang));
	closed_object(w);
	properties_schema(w, c->answer, c->nanswer, lang);
	json_member_open(w, "examples", '[');
	for (unsigned i = 0; i < c->nexamples; i++) {
		if (c->example[i].expect != EXPECT_ANSWER)
			continue;
		json_open(w, '{');
		values_json(w, &c->example[i].answer);
		json_close(w, '}');
	}
	json_close(w, ']');
	json_close(w, '}');
}
