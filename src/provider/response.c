#include "provider/response.h"

#include <strings.h>

#include "base/cursor.h"
#include "base/text.h"

/* ---- lines ---- */

/* The next line without its CR LF, counted as head. ERR_SHORT while it has no end. */
static enum err line_take(struct response *r, const uint8_t *raw, size_t n, struct bytes *line)
{
	const uint8_t *end = n > r->seen ? memchr(raw + r->seen, '\n', n - r->seen) : NULL;
	size_t	       at = end != NULL ? (size_t)(end - raw) : n;

	if (r->head + (at - r->used) > RESPONSE_HEAD_MOST)
		return ERR_TOO_LONG;
	r->seen = at;
	if (end == NULL)
		return ERR_SHORT;
	if (at == r->used || raw[at - 1] != '\r')
		return ERR_MALFORMED;
	*line = bytes_of(raw + r->used, at - 1 - r->used);
	r->head += at - r->used;
	r->used = r->seen = at + 1;
	return ERR_OK;
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/*
 *   0  "HTTP/1."   7  minor version, 0 or 1   8  SP   9  three digits   12  nothing, or SP and a phrase
 */
static enum err status_read(struct response *r, struct bytes line)
{
	struct cursor c = cursor_on(line);
	struct bytes  name = cursor_take(&c, 7);
	uint8_t	      minor = cursor_u8(&c), space = cursor_u8(&c);
	struct bytes  digits = cursor_take(&c, 3);
	uint64_t      status;

	if (cursor_err(&c) != ERR_OK || !bytes_is(name, "HTTP/1.") || (minor != '0' && minor != '1') || space != ' ')
		return ERR_MALFORMED;
	if (decimal_read(digits, &status) != ERR_OK || status < 100 || status > 599 || status == 101)
		return ERR_MALFORMED;
	if (cursor_left(&c) > 0 && cursor_u8(&c) != ' ')
		return ERR_MALFORMED;
	r->status = (unsigned)status;
	r->old = minor == '0';
	r->keeps = !r->old;
	r->state = RESPONSE_HEADERS;
	return ERR_OK;
}

/* Whatever cannot become a status line is known after its first bytes, not when the time is up. */
static enum err status_step(struct response *r, const uint8_t *raw, size_t n)
{
	static const char begins[] = "HTTP/1.";
	size_t		  there = n - r->used < sizeof begins - 1 ? n - r->used : sizeof begins - 1;
	struct bytes	  line;

	if (there > 0 && memcmp(raw + r->used, begins, there) != 0)
		return ERR_MALFORMED;
	enum err e = line_take(r, raw, n, &line);
	return e == ERR_OK ? status_read(r, line) : e;
}

/* ---- header fields ---- */

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static struct bytes trimmed(struct bytes v)
{
	while (v.n > 0 && is_space(v.at[0]))
		v = bytes_of(v.at + 1, v.n - 1);
	while (v.n > 0 && is_space(v.at[v.n - 1]))
		v.n--;
	return v;
}

static bool is_word(struct bytes v, const char *word)
{
	return v.n == strlen(word) && strncasecmp((const char *)v.at, word, v.n) == 0;
}

static enum err length_take(struct response *r, struct bytes v)
{
	uint64_t n;

	if (r->has_length || decimal_read(v, &n) == ERR_MALFORMED)
		return ERR_MALFORMED;
	if (decimal_read(v, &n) != ERR_OK || n > RESPONSE_BODY_MOST)
		n = RESPONSE_BODY_MOST + 1; /* too much, unless the status says that there is no body at all */
	r->has_length = true;
	r->left = (size_t)n;
	return ERR_OK;
}

static enum err coding_take(struct response *r, struct bytes v)
{
	if (r->chunked || r->old || !is_word(v, "chunked"))
		return ERR_MALFORMED;
	r->chunked = true;
	return ERR_OK;
}

static enum err encoding_take(struct response *r, struct bytes v)
{
	r->packed = r->packed || !is_word(v, "identity");
	return ERR_OK;
}

/* A list of words; the last that says something counts. */
static enum err connection_take(struct response *r, struct bytes v)
{
	while (v.n > 0) {
		const uint8_t *comma = memchr(v.at, ',', v.n);
		size_t	       n = comma != NULL ? (size_t)(comma - v.at) : v.n;
		struct bytes   word = trimmed(bytes_of(v.at, n));

		if (is_word(word, "close"))
			r->keeps = false;
		else if (is_word(word, "keep-alive") && r->old)
			r->keeps = true;
		n += comma != NULL;
		v = bytes_of(v.at + n, v.n - n);
	}
	return ERR_OK;
}

/* The type before its parameters: application/json, or application/anything+json (RFC 6839). */
static bool type_is_json(struct bytes type)
{
	static const char application[] = "application/", suffix[] = "+json";

	if (is_word(type, "application/json"))
		return true;
	return type.n > sizeof application - 1 + sizeof suffix - 1 && strncasecmp((const char *)type.at, application, sizeof application - 1) == 0 &&
	       strncasecmp((const char *)type.at + type.n - (sizeof suffix - 1), suffix, sizeof suffix - 1) == 0;
}

/* JSON is UTF-8 (RFC 8259 section 8.1); who names another character set means something else. */
static bool charset_ok(struct bytes parameters)
{
	static const char name[] = "charset=";

	parameters = trimmed(parameters);
	if (parameters.n < sizeof name - 1 || strncasecmp((const char *)parameters.at, name, sizeof name - 1) != 0)
		return true;
	struct bytes set = bytes_of(parameters.at + sizeof name - 1, parameters.n - (sizeof name - 1));
	return is_word(set, "utf-8") || is_word(set, "\"utf-8\"");
}

static enum err type_take(struct response *r, struct bytes v)
{
	const uint8_t *semicolon = v.n > 0 ? memchr(v.at, ';', v.n) : NULL;
	size_t	       n = semicolon != NULL ? (size_t)(semicolon - v.at) : v.n;
	struct bytes   rest = bytes_of(v.at + n, v.n - n);

	if (rest.n > 0)
		rest = bytes_of(rest.at + 1, rest.n - 1);
	r->json = type_is_json(trimmed(bytes_of(v.at, n))) && charset_ok(rest);
	return ERR_OK;
}

static const struct {
	const char *name;
	enum err (*take)(struct response *r, struct bytes v);
} known[] = {
	{"content-length", length_take}, {"transfer-encoding", coding_take}, {"content-encoding", encoding_take},
	{"connection", connection_take}, {"content-type", type_take},
};

/* A name is a token; its first byte also tells a folded line, which is refused. */
static bool name_ok(struct bytes name)
{
	for (size_t i = 0; i < name.n; i++)
		if (name.at[i] <= 0x20 || name.at[i] >= 0x7f || strchr("()<>@,;:\\\"/[]?={}", name.at[i]) != NULL)
			return false;
	return name.n > 0;
}

static bool value_ok(struct bytes v)
{
	for (size_t i = 0; i < v.n; i++)
		if ((v.at[i] < 0x20 && v.at[i] != '\t') || v.at[i] == 0x7f)
			return false;
	return true;
}

static enum err header_split(struct bytes line, struct bytes *name, struct bytes *value)
{
	const uint8_t *colon = memchr(line.at, ':', line.n);
	size_t	       n = colon != NULL ? (size_t)(colon - line.at) : line.n;

	*name = bytes_of(line.at, n);
	if (colon == NULL || !name_ok(*name))
		return ERR_MALFORMED;
	*value = trimmed(bytes_of(colon + 1, line.n - n - 1));
	return value_ok(*value) ? ERR_OK : ERR_MALFORMED;
}

static enum err header_read(struct response *r, struct bytes line)
{
	struct bytes name, value;
	enum err     e = header_split(line, &name, &value);

	for (size_t i = 0; e == ERR_OK && i < COUNT_OF(known); i++)
		if (is_word(name, known[i].name))
			return known[i].take(r, value);
	return e;
}

/* ---- how the body ends (RFC 9112 section 6.3) ---- */

static enum err interim_end(struct response *r)
{
	struct response fresh = {.used = r->used, .seen = r->seen, .head = r->head, .interim = r->interim + 1};

	if (fresh.interim > RESPONSE_INTERIM_MOST)
		return ERR_MALFORMED;
	*r = fresh;
	return ERR_OK;
}

static enum err head_end(struct response *r)
{
	if (r->status < 200)
		return interim_end(r);
	if (r->chunked && r->has_length)
		return ERR_MALFORMED;
	r->body_at = r->used;
	if (r->status == 204 || r->status == 304)
		r->state = RESPONSE_WHOLE;
	else if (r->chunked)
		r->state = RESPONSE_SIZE;
	else if (r->has_length)
		r->state = RESPONSE_LENGTH;
	else
		r->state = RESPONSE_CLOSE;
	r->keeps = r->keeps && r->state != RESPONSE_CLOSE;
	return r->state == RESPONSE_LENGTH && r->left > RESPONSE_BODY_MOST ? ERR_TOO_LONG : ERR_OK;
}

static enum err headers_step(struct response *r, const uint8_t *raw, size_t n)
{
	struct bytes line;
	enum err     e = line_take(r, raw, n, &line);

	if (e != ERR_OK)
		return e;
	return line.n == 0 ? head_end(r) : header_read(r, line);
}

/* ---- the body ---- */

static enum err length_step(struct response *r, size_t n)
{
	if (n - r->used < r->left)
		return ERR_SHORT;
	r->body_n = r->left;
	r->used += r->left;
	r->state = RESPONSE_WHOLE;
	return ERR_OK;
}

static enum err close_step(struct response *r, size_t n)
{
	if (n - r->body_at > RESPONSE_BODY_MOST)
		return ERR_TOO_LONG;
	r->body_n = n - r->body_at;
	r->used = n;
	return ERR_SHORT;
}

static int hex_digit(uint8_t c)
{
	if (is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Digits, and extensions that nobody needs behind a semicolon. */
static enum err size_read(struct response *r, struct bytes line)
{
	size_t size = 0, at = 0;

	for (; at < line.n && hex_digit(line.at[at]) >= 0; at++) {
		size = size * 16 + (size_t)hex_digit(line.at[at]);
		if (size > RESPONSE_BODY_MOST - r->body_n)
			return ERR_TOO_LONG;
	}
	struct bytes behind = trimmed(bytes_of(line.at + at, line.n - at));
	if (at == 0 || (behind.n > 0 && behind.at[0] != ';') || !value_ok(behind))
		return ERR_MALFORMED;
	r->left = size;
	r->state = size > 0 ? RESPONSE_CHUNK : RESPONSE_TRAILER;
	return ERR_OK;
}

static enum err size_step(struct response *r, const uint8_t *raw, size_t n)
{
	struct bytes line;

	r->head = 0;
	enum err e = line_take(r, raw, n, &line);
	return e == ERR_OK ? size_read(r, line) : e;
}

/* Moves the chunk to the end of the body that is there already. */
static enum err chunk_step(struct response *r, uint8_t *raw, size_t n)
{
	if (n - r->used < r->left + 2)
		return ERR_SHORT;
	if (raw[r->used + r->left] != '\r' || raw[r->used + r->left + 1] != '\n')
		return ERR_MALFORMED;
	memmove(raw + r->body_at + r->body_n, raw + r->used, r->left);
	r->body_n += r->left;
	r->used += r->left + 2;
	r->seen = r->used;
	r->state = RESPONSE_SIZE;
	return ERR_OK;
}

static enum err trailer_step(struct response *r, const uint8_t *raw, size_t n)
{
	struct bytes line, name, value;
	enum err     e = line_take(r, raw, n, &line);

	if (e == ERR_OK && line.n > 0)
		return header_split(line, &name, &value);
	if (e == ERR_OK)
		r->state = RESPONSE_WHOLE;
	return e;
}

static enum err step(struct response *r, uint8_t *raw, size_t n)
{
	switch (r->state) {
	case RESPONSE_STATUS:
		return status_step(r, raw, n);
	case RESPONSE_HEADERS:
		return headers_step(r, raw, n);
	case RESPONSE_LENGTH:
		return length_step(r, n);
	case RESPONSE_CLOSE:
		return close_step(r, n);
	case RESPONSE_SIZE:
		return size_step(r, raw, n);
	case RESPONSE_CHUNK:
		return chunk_step(r, raw, n);
	case RESPONSE_TRAILER:
		return trailer_step(r, raw, n);
	case RESPONSE_WHOLE:
		break;
	}
	return ERR_OK;
}

enum err response_read(struct response *r, uint8_t *raw, size_t n)
{
	enum err e = ERR_OK;

	while (e == ERR_OK && r->state != RESPONSE_WHOLE)
		e = step(r, raw, n);
	return e;
}

enum err response_closed(struct response *r)
{
	if (r->state == RESPONSE_CLOSE)
		r->state = RESPONSE_WHOLE;
	return r->state == RESPONSE_WHOLE ? ERR_OK : ERR_SHORT;
}
