/*
 * bytes.h: a view of bytes that somebody else owns.
 *
 * A `struct bytes` never owns and never frees. It lives as long as what it
 * points into; each function that returns one says what that is.
 */
#ifndef MITHAQ_BASE_BYTES_H
#define MITHAQ_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
	const uint8_t *at;
	size_t	       n;
};

#define BYTES_NONE ((struct bytes){NULL, 0})

static inline struct bytes bytes_of(const void *at, size_t n)
{
	return (struct bytes){at, n};
}

static inline struct bytes bytes_text(const char *text)
{
	return (struct bytes){(const uint8_t *)text, strlen(text)};
}

/* Equality of public bytes; secrets are compared with secret_equal of crypto/. */
static inline bool bytes_equal(struct bytes a, struct bytes b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.at, b.at, a.n) == 0);
}

static inline bool bytes_is(struct bytes a, const char *text)
{
	return bytes_equal(a, bytes_text(text));
}

#endif
