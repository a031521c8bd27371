/* desk_ask.c: the body of POST /v1/queries, read strictly (spec/api.md). */
#include "gateway/desk.h"

#define STATED_MOST 480 /* a purpose, a case: texts for people, on one line; what the clause permits is shorter */

static const char *const members[] = {"to", "clause", "purpose", "case", "officer", "fields"};

/* JSON says released_on where the clause says released-on; both are taken. ERR_TOO_LONG beyond the longest name a clause can have. */
static enum err name_of(struct bytes key, char out[NAME_MOST + 1])
{
	if (key.n == 0 || key.n > NAME_MOST)
		return ERR_TOO_LONG;
	for (size_t i = 0; i < key.n; i++)
		out[i] = key.at[i] == '_' ? '-' : (char)key.at[i];
	out[key.n] = '\0';
	return ERR_OK;
}

static enum err field_fault(struct fault *fault, enum err e, struct bytes key, const char *help, const char *help_ar)
{
	char pointer[DESK_POINTER_MOST];

	json_pointer(pointer, sizeof pointer, "/fields", key);
	return fault_at(fault, e, 0, pointer, "", help, help_ar);
}

static enum err field_read(struct asked_body *b, const char *key, const json_t *value, struct fault *fault)
{
	struct bytes name = bytes_text(key), text;
	char	    *kept;

	if (b->ask.fields.n == FIELDS_MOST)
		return field_fault(fault, ERR_TOO_LONG, name, "at most 64 fields", "64 حقلًا على الأكثر");
	kept = b->names[b->ask.fields.n];
	if (name_of(name, kept) != ERR_OK || text_check(name, TEXT_LINE) != ERR_OK)
		return field_fault(fault, ERR_MALFORMED, name, "a field's name of at most 48 letters", "اسم حقل لا يتجاوز 48 حرفًا");
	if (!json_is_string(value))
		return field_fault(fault, ERR_MALFORMED, name, "every field is a string", "كل حقل نص");
	text = bytes_of(json_string_value(value), json_string_length(value));
	if (text.n > FIELD_VALUE_MOST)
		return field_fault(fault, ERR_TOO_LONG, name, "a shorter text", "نص أقصر");
	enum err e = text_check(text, TEXT_LINES);
	if (e != ERR_OK)
		return field_fault(fault, e, name, "plain text", "نص بسيط");
	b->dashes = b->dashes || strchr(key, '-') != NULL;
	e = fields_add(&b->ask.fields, bytes_text(kept), text);
	return e == ERR_OK ? ERR_OK : field_fault(fault, e, name, "name each field once", "اذكر كل حقل مرة واحدة");
}

enum err asked_fields_read(struct asked_body *b, struct fault *fault)
{
	json_t	   *object = json_object_get(b->json, "fields"), *value;
	const char *key;
	enum err    e = ERR_OK;

	if (object == NULL)
		return ERR_OK; /* the clause may require none; it is the decision that says */
	if (!json_is_object(object))
		return fault_at(fault, ERR_MALFORMED, 0, "/fields", "", "an object of fields", "كائن من الحقول");
	json_object_foreach(object, key, value)
	{
		e = field_read(b, key, value, fault);
		if (e != ERR_OK)
			break;
	}
	return e;
}

/* An empty name is a variable that nobody set: it must not mean "whoever answers". */
static enum err names_check(const struct asked_body *b, struct fault *fault)
{
	if (b->ask.clause.n == 0)
		return fault_at(fault, ERR_MISSING, 0, "/clause", "", "\"clause\": \"channel/name\", as GET /v1/clauses lists them",
				"‏‎\"clause\": \"channel/name\"‎ كما يسردها GET /v1/clauses");
	if (b->ask.to.n == 0 && json_object_get(b->json, "to") != NULL)
		return fault_at(fault, ERR_VALUE, 0, "/to", "", "name the partner, or leave \"to\" out",
				"سمِّ الشريك أو احذف ‎\"to\"‎");
	return ERR_OK;
}

static enum err officer_check(struct bytes officer, struct fault *fault)
{
	size_t n = 0;

	for (size_t i = 0; i < officer.n; i++)
		n += (officer.at[i] & 0xc0) != 0x80;
	if (n <= OFFICER_CHARACTERS_MOST)
		return ERR_OK;
	return fault_at(fault, ERR_TOO_LONG, 0, "/officer", "", "at most 128 characters", "128 حرفًا على الأكثر");
}

static enum err members_read(struct asked_body *b, struct fault *fault)
{
	const struct {
		const char   *key;
		size_t	      most;
		struct bytes *out;
	} texts[] = {
		{"to", PARTY_MOST, &b->ask.to},		  {"clause", 2 * NAME_MOST + 1, &b->ask.clause}, {"purpose", STATED_MOST, &b->ask.purpose},
		{"case", STATED_MOST, &b->ask.reference}, {"officer", OFFICER_MOST, &b->ask.officer},
	};

	enum err e = json_only(b->json, "", members, COUNT_OF(members), fault);
	for (size_t i = 0; i < COUNT_OF(texts) && e == ERR_OK; i++)
		e = json_text_of(b->json, "", texts[i].key, texts[i].most, texts[i].out, fault);
	if (e == ERR_OK)
		e = names_check(b, fault);
	if (e == ERR_OK)
		e = officer_check(b->ask.officer, fault);
	return e == ERR_OK ? asked_fields_read(b, fault) : e;
}

enum err asked_body_read(struct bytes text, struct asked_body *out, struct fault *fault)
{
	*out = (struct asked_body){.json = NULL};
	enum err e = json_read(text, &out->json, fault);
	if (e != ERR_OK)
		return e;
	e = members_read(out, fault);
	if (e != ERR_OK) {
		asked_body_done(out);
		return e;
	}
	out->ask.body = hash_bytes(text);
	return ERR_OK;
}

void asked_body_done(struct asked_body *b)
{
	json_decref(b->json);
	b->json = NULL;
}
