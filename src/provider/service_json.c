#include "provider/service_json.h"

struct scan {
	struct bytes   text;
	size_t	       at, copied; /* what was looked at, what stands in `out` */
	unsigned       depth;
	struct buffer *out;
};

static uint8_t look(const struct scan *s)
{
	return s->at < s->text.n ? s->text.at[s->at] : 0;
}

static enum err copy_until_here(struct scan *s)
{
	enum err e = s->at > s->copied ? buffer_add(s->out, bytes_of(s->text.at + s->copied, s->at - s->copied)) : ERR_OK;

	s->copied = s->at;
	return e;
}

static enum err quote_put(struct scan *s)
{
	return buffer_add(s->out, bytes_of("\"", 1));
}

/* ---- numbers ---- */

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* At least one. */
static bool digits_skip(struct scan *s)
{
	size_t from = s->at;

	while (is_digit(look(s)))
		s->at++;
	return s->at > from;
}

static bool fraction_skip(struct scan *s)
{
	if (look(s) != '.')
		return true;
	s->at++;
	return digits_skip(s);
}

static bool exponent_skip(struct scan *s)
{
	if (look(s) != 'e' && look(s) != 'E')
		return true;
	s->at++;
	if (look(s) == '+' || look(s) == '-')
		s->at++;
	return digits_skip(s);
}

/* [ minus ] int [ frac ] [ exp ], RFC 8259 section 6; what stands behind it may end a value, and so it is none of a key. */
static bool number_skip(struct scan *s)
{
	if (look(s) == '-')
		s->at++;
	if (look(s) == '0')
		s->at++;
	else if (!digits_skip(s))
		return false;
	if (!fraction_skip(s) || !exponent_skip(s))
		return false;
	size_t behind = s->at;
	while (behind < s->text.n && s->text.at[behind] != 0 && strchr(" \t\r\n", s->text.at[behind]) != NULL)
		behind++;
	return behind == s->text.n || s->text.at[behind] == ',' || s->text.at[behind] == ']' || s->text.at[behind] == '}';
}

static enum err number_quote(struct scan *s)
{
	enum err e = copy_until_here(s);

	if (e == ERR_OK)
		e = quote_put(s);
	if (e == ERR_OK && !number_skip(s))
		e = ERR_MALFORMED;
	if (e == ERR_OK)
		e = copy_until_here(s);
	return e == ERR_OK ? quote_put(s) : e;
}

/* ---- everything else ---- */

/* A string without end runs to the end of the text; the library will say so. */
static void string_skip(struct scan *s)
{
	for (s->at++; s->at < s->text.n && s->text.at[s->at] != '"'; s->at++)
		if (s->text.at[s->at] == '\\')
			s->at++;
	s->at = s->at < s->text.n ? s->at + 1 : s->text.n;
}

static enum err one(struct scan *s)
{
	uint8_t c = look(s);

	if (c == '-' || is_digit(c))
		return number_quote(s);
	if (c == '"') {
		string_skip(s);
		return ERR_OK;
	}
	if ((c == '{' || c == '[') && ++s->depth > SERVICE_DEEP)
		return ERR_TOO_DEEP;
	if ((c == '}' || c == ']') && s->depth > 0)
		s->depth--;
	s->at++;
	return ERR_OK;
}

static enum err numbers_quote(struct bytes text, struct buffer *room)
{
	struct scan s = {.text = text, .out = room};
	enum err    e = ERR_OK;

	room->n = 0;
	while (e == ERR_OK && s.at < text.n)
		e = one(&s);
	return e == ERR_OK ? copy_until_here(&s) : e;
}

enum err service_json_read(struct bytes text, struct buffer *room, json_t **out)
{
	json_error_t error;
	enum err     e = numbers_quote(text, room);

	if (e != ERR_OK)
		return e;
	json_t *found = json_loadb((const char *)room->at, room->n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (found == NULL)
		return json_error_code(&error) == json_error_out_of_memory ? ERR_MEMORY : ERR_MALFORMED;
	*out = found;
	return ERR_OK;
}
