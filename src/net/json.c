#include "net/json.h"

#include "base/text.h"
#include "crypto/random.h"

void json_start(void)
{
	size_t seed = 0;

	random_bytes(&seed, sizeof seed);
	json_object_seed(seed | 1);
}

/* ---- reading ---- */

/* Brackets outside strings, so that the library is never asked to recurse deeper than we allow. */
static enum err depth_check(struct bytes text)
{
	unsigned depth = 0;
	bool	 quoted = false;

	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = text.at[i];

		if (quoted) {
			if (c == '\\')
				i++;
			else if (c == '"')
				quoted = false;
			continue;
		}
		quoted = c == '"';
		if ((c == '{' || c == '[') && ++depth > JSON_DEEP)
			return ERR_TOO_DEEP;
		if ((c == '}' || c == ']') && depth > 0)
			depth--;
	}
	return ERR_OK;
}

static enum err err_of_code(enum json_error_code code)
{
	if (code == json_error_duplicate_key)
		return ERR_DUPLICATE;
	if (code == json_error_invalid_utf8)
		return ERR_UTF8;
	if (code == json_error_null_character || code == json_error_null_byte_in_key)
		return ERR_CONTROL;
	if (code == json_error_stack_overflow)
		return ERR_TOO_DEEP;
	return code == json_error_out_of_memory ? ERR_MEMORY : ERR_MALFORMED;
}

enum err json_read(struct bytes text, json_t **out, struct fault *fault)
{
	json_error_t error;

	if (text.n > JSON_BODY_MOST)
		return fault_at(fault, ERR_TOO_LONG, 0, "", "", "at most 64 KiB", "64 كيلوبايت على الأكثر");
	if (depth_check(text) != ERR_OK)
		return fault_at(fault, ERR_TOO_DEEP, 0, "", "", "at most 8 levels", "8 مستويات على الأكثر");
	json_t *found = json_loadb((const char *)text.at, text.n, JSON_REJECT_DUPLICATES, &error);
	if (found == NULL)
		/* The library's own words may quote the body; only the line leaves here. */
		return fault_at(fault, err_of_code(json_error_code(&error)), error.line > 0 ? (unsigned)error.line : 0, "", "",
				"send one JSON object in UTF-8", "أرسل كائن JSON واحدًا بترميز UTF-8");
	*out = found;
	return ERR_OK;
}

void json_pointer(char *out, size_t size, const char *under, struct bytes key)
{
	struct builder b = builder_on(out, size - 1);

	build_text(&b, under);
	build_text(&b, "/");
	for (size_t i = 0; i < key.n && b.err == ERR_OK; i++) {
		if (key.at[i] == '~')
			build_text(&b, "~0");
		else if (key.at[i] == '/')
			build_text(&b, "~1");
		else
			build_u8(&b, key.at[i]);
	}
	out[b.n] = '\0';
}

static enum err fault_in(struct fault *fault, enum err e, const char *under, struct bytes key, const char *found, const char *help,
			 const char *help_ar)
{
	char pointer[sizeof fault->at];

	json_pointer(pointer, sizeof pointer, under, key);
	return fault_at(fault, e, 0, pointer, found, help, help_ar);
}

enum err json_text_of(const json_t *object, const char *under, const char *key, size_t most, struct bytes *out, struct fault *fault)
{
	const json_t *member = json_object_get(object, key);
	struct bytes  name = bytes_text(key);

	if (member == NULL) {
		*out = BYTES_NONE;
		return ERR_OK;
	}
	if (!json_is_string(member))
		return fault_in(fault, ERR_MALFORMED, under, name, "", "a string is needed here", "المطلوب هنا نص");
	struct bytes v = bytes_of(json_string_value(member), json_string_length(member));
	if (v.n > most)
		return fault_in(fault, ERR_TOO_LONG, under, name, "", "a shorter text", "نص أقصر");
	enum err e = text_check(v, TEXT_LINE);
	if (e != ERR_OK)
		return fault_in(fault, e, under, name, "", "plain text on one line", "نص بسيط في سطر واحد");
	*out = v;
	return ERR_OK;
}

static bool among(const char *key, const char *const *known, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(known[i], key) == 0)
			return true;
	return false;
}

enum err json_only(const json_t *object, const char *under, const char *const *known, size_t n, struct fault *fault)
{
	const char *key;
	json_t	   *value;

	if (!json_is_object(object))
		return fault_at(fault, ERR_MALFORMED, 0, under, "", "an object is needed here", "المطلوب هنا كائن");
	json_object_foreach((json_t *)(uintptr_t)object, key, value)
	{
		if (!among(key, known, n))
			return fault_in(fault, ERR_UNKNOWN_KEY, under, bytes_text(key), "", "leave it out", "احذفه");
	}
	return ERR_OK;
}

/* ---- writing ---- */

struct json_writer json_writer_on(struct buffer *out)
{
	return (struct json_writer){.out = out};
}

static void put(struct json_writer *w, struct bytes v)
{
	if (w->err == ERR_OK && v.n > 0)
		w->err = buffer_add(w->out, v);
}

static void put_text(struct json_writer *w, const char *v)
{
	put(w, bytes_text(v));
}

static void value_begin(struct json_writer *w)
{
	if (w->comma)
		put_text(w, ",");
	w->comma = true;
}

void json_open(struct json_writer *w, char kind)
{
	value_begin(w);
	put(w, bytes_of(&kind, 1));
	w->comma = false;
}

void json_close(struct json_writer *w, char kind)
{
	put(w, bytes_of(&kind, 1));
	w->comma = true;
}

static bool plain(uint8_t c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void escape_one(struct json_writer *w, uint8_t c, bool valid)
{
	char text[8];

	if (c == '"' || c == '\\')
		snprintf(text, sizeof text, "\\%c", c);
	else if (c == '\n')
		snprintf(text, sizeof text, "\\n");
	else if (c < 0x20 || c == 0x7f)
		snprintf(text, sizeof text, "\\u%04x", c);
	else
		snprintf(text, sizeof text, "%c", valid ? c : '?');
	put_text(w, text);
}

static void escaped(struct json_writer *w, struct bytes v)
{
	size_t done = 0;
	bool   wide = false;

	for (size_t i = 0; i < v.n && !wide; i++)
		wide = v.at[i] >= 0x80;
	/* Texts were checked where they came in; should one not have been, it must still not break the document. */
	bool valid = wide && text_check(v, TEXT_LINES) == ERR_OK;
	for (size_t i = 0; i < v.n; i++) {
		if (plain(v.at[i]) || (valid && v.at[i] >= 0x80))
			continue;
		put(w, bytes_of(v.at + done, i - done));
		escape_one(w, v.at[i], valid);
		done = i + 1;
	}
	put(w, bytes_of(v.at + done, v.n - done));
}

void json_text(struct json_writer *w, struct bytes v)
{
	value_begin(w);
	put_text(w, "\"");
	escaped(w, v);
	put_text(w, "\"");
}

void json_key_bytes(struct json_writer *w, struct bytes key)
{
	json_text(w, key);
	put_text(w, ":");
	w->comma = false;
}

void json_key(struct json_writer *w, const char *key)
{
	json_key_bytes(w, bytes_text(key));
}

void json_string_put(struct json_writer *w, const char *v)
{
	if (v == NULL)
		json_nothing(w);
	else
		json_text(w, bytes_text(v));
}

void json_number(struct json_writer *w, uint64_t v)
{
	char text[24];

	value_begin(w);
	snprintf(text, sizeof text, "%llu", (unsigned long long)v);
	put_text(w, text);
}

void json_integer_put(struct json_writer *w, int64_t v)
{
	char text[24];

	value_begin(w);
	snprintf(text, sizeof text, "%lld", (long long)v);
	put_text(w, text);
}

void json_bool(struct json_writer *w, bool v)
{
	value_begin(w);
	put_text(w, v ? "true" : "false");
}

void json_nothing(struct json_writer *w)
{
	value_begin(w);
	put_text(w, "null");
}

void json_raw(struct json_writer *w, struct bytes json)
{
	value_begin(w);
	put(w, json);
}

void json_member(struct json_writer *w, const char *key, const char *v)
{
	json_key(w, key);
	json_string_put(w, v);
}

void json_member_text(struct json_writer *w, const char *key, struct bytes v)
{
	json_key(w, key);
	json_text(w, v);
}

void json_member_number(struct json_writer *w, const char *key, uint64_t v)
{
	json_key(w, key);
	json_number(w, v);
}

void json_member_open(struct json_writer *w, const char *key, char kind)
{
	json_key(w, key);
	json_open(w, kind);
}
