#include "provider/template.h"

#include <stdio.h>

#include "base/text.h"

/* ---- reading ---- */

struct reading {
	struct template t;
	const char   *at; /* the next byte */
	struct fault *fault;
	bool	      in_query, in_parameters; /* address: behind the first '?', behind the first {?...} */
	bool	      quoted;		       /* body: inside a JSON string */
};

static enum err refuse(const struct reading *r, enum err e, const char *help, const char *help_ar)
{
	char found[64];

	(void)snprintf(found, sizeof found, "%.60s", r->at);
	return fault_at(r->fault, e, 0, "", found, help, help_ar);
}

static enum err piece_add(struct reading *r, struct template_piece piece)
{
	if (r->t.n == TEMPLATE_PIECES_MOST)
		return refuse(r, ERR_TOO_LONG, "at most 64 pieces", "64 قطعة على الأكثر");
	r->t.at[r->t.n++] = piece;
	return ERR_OK;
}

static enum err literal_add(struct reading *r, const char *from)
{
	if (r->at == from)
		return ERR_OK;
	return piece_add(r, (struct template_piece){.part = PART_LITERAL, .text = bytes_of(from, (size_t)(r->at - from))});
}

/* "name}" at `from`: the field's name, or nothing. */
static struct bytes name_at(const char *from)
{
	size_t	     n = strcspn(from, "{}");
	struct bytes name = bytes_of(from, n);

	return from[n] == '}' && name_check(name) == ERR_OK ? name : BYTES_NONE;
}

/* ---- the address ---- */

static bool is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c != '\0' && strchr("-._~", c) != NULL);
}

/* What the operator writes is sent as it is, so it must be what may stand there. */
static bool is_target(char c)
{
	return is_unreserved(c) || (c != '\0' && strchr("%!$&'()*+,;=:@/?", c) != NULL);
}

static bool parameter_ok(struct bytes name)
{
	for (size_t i = 0; i < name.n; i++)
		if (!is_unreserved((char)name.at[i]))
			return false;
	return name.n > 0;
}

/* "{?field}" or "{?parameter=field}"; r->at stands on the brace. */
static enum err parameter_read(struct reading *r)
{
	const char  *from = r->at + 2, *equals = from + strcspn(from, "={}");
	bool	     named = *equals == '=';
	struct bytes field = name_at(named ? equals + 1 : from);
	struct bytes parameter = named ? bytes_of(from, (size_t)(equals - from)) : field;

	if (field.n == 0 || !parameter_ok(parameter))
		return refuse(r, ERR_VALUE, "write {?field} or {?parameter=field}", "اكتب {?field} أو {?parameter=field}");
	enum err e = piece_add(r, (struct template_piece){PART_PARAMETER, parameter, field});
	r->at = (const char *)field.at + field.n + 1;
	r->in_query = r->in_parameters = true;
	return e;
}

static enum err target_brace(struct reading *r)
{
	struct bytes field;

	if (r->at[1] == '?')
		return parameter_read(r);
	field = name_at(r->at + 1);
	if (field.n == 0 || r->in_parameters)
		return refuse(r, ERR_VALUE, "write {field}, a request field of the clause; {?field} at the end where it may be missing",
			      "اكتب {field} باسم حقل من طلب البند، أو {?field} في الآخر لما قد لا يُذكر");
	enum err e = piece_add(r, (struct template_piece){.part = r->in_query ? PART_QUERY : PART_PATH, .field = field});
	r->at = (const char *)field.at + field.n + 1;
	return e;
}

static enum err target_literal(struct reading *r)
{
	const char *from = r->at;

	if (r->in_parameters)
		return refuse(r, ERR_VALUE, "nothing may follow {?field} but another one", "لا يتبع {?field} إلا مثلها");
	for (; is_target(*r->at); r->at++)
		r->in_query = r->in_query || *r->at == '?';
	if (*r->at != '\0' && *r->at != '{')
		return refuse(r, ERR_VALUE, "write this character as %XX", "اكتب هذا الحرف بصيغة ‎%XX‎");
	return literal_add(r, from);
}

enum err template_target_read(const char *text, struct template *out, struct fault *fault)
{
	struct reading r = {.at = text, .fault = fault};
	enum err       e = text[0] == '/' ? ERR_OK : refuse(&r, ERR_VALUE, "it begins with a slash", "يبدأ بشرطة مائلة");

	while (e == ERR_OK && *r.at != '\0')
		e = *r.at == '{' ? target_brace(&r) : target_literal(&r);
	if (e == ERR_OK)
		*out = r.t;
	return e;
}

/* ---- the body ---- */

static enum err body_literal(struct reading *r)
{
	const char *from = r->at;

	for (; *r->at != '\0'; r->at++) {
		if (*r->at == '{' && name_at(r->at + 1).n > 0)
			break;
		if (r->quoted && *r->at == '\\' && r->at[1] != '\0')
			r->at++;
		else if (*r->at == '"')
			r->quoted = !r->quoted;
	}
	return literal_add(r, from);
}

static enum err body_brace(struct reading *r)
{
	struct bytes field = name_at(r->at + 1);
	enum err     e = piece_add(r, (struct template_piece){.part = r->quoted ? PART_QUOTED : PART_VALUE, .field = field});

	r->at += field.n + 2; /* and both braces */
	return e;
}

enum err template_body_read(const char *text, struct template *out, struct fault *fault)
{
	struct reading r = {.at = text, .fault = fault};
	enum err       e = ERR_OK;

	while (e == ERR_OK && *r.at != '\0')
		e = *r.at == '{' && name_at(r.at + 1).n > 0 ? body_brace(&r) : body_literal(&r);
	if (e == ERR_OK)
		*out = r.t;
	return e;
}

/* ---- filling ---- */

static const char digits[] = "0123456789ABCDEF";

static void percent_write(struct builder *b, struct bytes v)
{
	for (size_t i = 0; i < v.n; i++) {
		if (is_unreserved((char)v.at[i])) {
			build_u8(b, v.at[i]);
			continue;
		}
		build_u8(b, '%');
		build_u8(b, (uint8_t)digits[v.at[i] >> 4]);
		build_u8(b, (uint8_t)digits[v.at[i] & 15]);
	}
}

static bool is_slash(uint8_t c)
{
	return c == '/' || c == '\\';
}

/* Some servers cut a step at a semicolon before they look at it. */
static bool step_ok(struct bytes step)
{
	const uint8_t *semicolon = step.n > 0 ? memchr(step.at, ';', step.n) : NULL;

	if (semicolon != NULL)
		step.n = (size_t)(semicolon - step.at);
	return step.n > 0 && !bytes_is(step, ".") && !bytes_is(step, "..");
}

/* Steps of the value as one who decodes first would see them: "2026/17" has two. A literal beside it adds no dot to a step of dots. */
static bool steps_ok(struct bytes v)
{
	size_t from = 0;

	for (size_t at = 0; at <= v.n; at++) {
		if (at < v.n && !is_slash(v.at[at]))
			continue;
		if (!step_ok(bytes_of(v.at + from, at - from)))
			return false;
		from = at + 1;
	}
	return true;
}

static void json_write(struct builder *b, struct bytes v)
{
	for (size_t i = 0; i < v.n; i++) {
		uint8_t c = v.at[i];

		if (c == '"' || c == '\\') {
			build_u8(b, '\\');
			build_u8(b, c);
		} else if (c < 0x20 || c == 0x7f) {
			build_format(b, "\\u%04x", c);
		} else {
			build_u8(b, c);
		}
	}
}

static enum err value_fill(const struct template_piece *piece, struct bytes v, struct builder *b, bool *in_query)
{
	switch (piece->part) {
	case PART_PATH:
		if (!steps_ok(v))
			return ERR_VALUE;
		percent_write(b, v);
		break;
	case PART_PARAMETER:
		build_u8(b, *in_query ? '&' : '?');
		build_bytes(b, piece->text);
		build_u8(b, '=');
		*in_query = true;
		percent_write(b, v);
		break;
	case PART_QUERY:
		percent_write(b, v);
		break;
	case PART_QUOTED:
		json_write(b, v);
		break;
	case PART_VALUE:
		build_u8(b, '"');
		json_write(b, v);
		build_u8(b, '"');
		break;
	case PART_LITERAL:
		break;
	}
	return ERR_OK;
}

bool template_needs(const struct template_piece *piece)
{
	return piece->part == PART_PATH || piece->part == PART_QUERY || piece->part == PART_QUOTED;
}

static enum err piece_fill(const struct template_piece *piece, const struct fields *fields, struct builder *b, bool *in_query)
{
	if (piece->part == PART_LITERAL) {
		*in_query = *in_query || memchr(piece->text.at, '?', piece->text.n) != NULL;
		build_bytes(b, piece->text);
		return ERR_OK;
	}
	const struct field *f = fields_find_bytes(fields, piece->field);
	if (f != NULL)
		return value_fill(piece, f->value, b, in_query);
	if (piece->part == PART_VALUE)
		build_text(b, "null");
	return template_needs(piece) ? ERR_MISSING : ERR_OK;
}

enum err template_fill(const struct template *t, const struct fields *fields, struct builder *b, struct bytes *field)
{
	bool in_query = false;

	for (unsigned i = 0; i < t->n; i++) {
		enum err e = piece_fill(&t->at[i], fields, b, &in_query);

		if (e == ERR_OK)
			continue;
		*field = t->at[i].field;
		return e;
	}
	return b->err;
}
