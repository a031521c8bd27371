/*
 * json.h: JSON that others wrote, read strictly, and JSON that we write, fast.
 *
 * Reading is jansson's, with what it leaves open closed: at most JSON_BODY_MOST
 * bytes, nesting at most JSON_DEEP, no key twice in one object, no U+0000. Every
 * complaint is a `struct fault` whose place is a JSON pointer (RFC 6901).
 * json_start() must have been called before a process confines itself: the library
 * would otherwise open a random device at its first object.
 *
 * Writing appends to a struct buffer and needs no library. A writer fails once
 * and stays failed, like a builder; text is escaped, and bytes that are not valid
 * text come out as '?', so what we emit is always JSON.
 */
#ifndef MITHAQ_NET_JSON_H
#define MITHAQ_NET_JSON_H

#include <jansson.h>

#include "base/builder.h"
#include "base/error.h"

#define JSON_BODY_MOST 65536
#define JSON_DEEP      8

void json_start(void);

/* The caller frees *out with json_decref. The fault's place is empty: the whole text is at fault. */
enum err json_read(struct bytes text, json_t **out, struct fault *fault) must_use;

/*
 * One member of an object that must be a string passing text_check (TEXT_LINE).
 * Absent members leave *out empty. The view lives as long as `object`.
 * `under` is the pointer of the object itself ("" for the root).
 */
enum err json_text_of(const json_t *object, const char *under, const char *key, size_t most, struct bytes *out, struct fault *fault) must_use;

/* Refuses an object with a member that is not in `known`. */
enum err json_only(const json_t *object, const char *under, const char *const *known, size_t n, struct fault *fault) must_use;

/* Writes `under` "/" key with RFC 6901 escapes, cut to fit. */
void json_pointer(char *out, size_t size, const char *under, struct bytes key);

/* ---- writing ---- */

struct json_writer {
	struct buffer *out;
	bool	       comma; /* one is due before the next value */
	enum err       err;
};

struct json_writer json_writer_on(struct buffer *out);
void		   json_open(struct json_writer *w, char kind);	 /* '{' or '[' */
void		   json_close(struct json_writer *w, char kind); /* '}' or ']' */
void		   json_key(struct json_writer *w, const char *key);
void		   json_key_bytes(struct json_writer *w, struct bytes key);
void		   json_text(struct json_writer *w, struct bytes v);
void		   json_string_put(struct json_writer *w, const char *v); /* NULL becomes null */
void		   json_number(struct json_writer *w, uint64_t v);
void		   json_integer_put(struct json_writer *w, int64_t v);
void		   json_bool(struct json_writer *w, bool v);
void		   json_nothing(struct json_writer *w);		       /* null */
void		   json_raw(struct json_writer *w, struct bytes json); /* a value that is JSON already */

/* Key and value at once. */
void json_member(struct json_writer *w, const char *key, const char *v);
void json_member_text(struct json_writer *w, const char *key, struct bytes v);
void json_member_number(struct json_writer *w, const char *key, uint64_t v);
void json_member_open(struct json_writer *w, const char *key, char kind);

#endif
