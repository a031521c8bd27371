/*
 * cursor.h: the only way foreign bytes are read.
 *
 * A cursor fails once and stays failed: after the first read past the end every
 * read gives zero or nothing, and cursor_end() says so. A reader can therefore
 * look like the message it reads and check one result at its end. Integers are
 * big-endian. Nothing is copied or allocated except where a function says so;
 * views returned live as long as the bytes the cursor was put on.
 */
#ifndef MITHAQ_BASE_CURSOR_H
#define MITHAQ_BASE_CURSOR_H

#include "base/bytes.h"
#include "base/error.h"

struct cursor {
	const uint8_t *at;
	size_t	       left;
	enum err       err; /* the first failure, or ERR_OK */
};

struct cursor cursor_on(struct bytes wire);

uint8_t	 cursor_u8(struct cursor *c);
uint16_t cursor_u16(struct cursor *c);
uint32_t cursor_u32(struct cursor *c);
uint64_t cursor_u64(struct cursor *c);

/* Copies n bytes to `out`; on failure `out` is zeroed. */
void cursor_copy(struct cursor *c, void *out, size_t n);

/* The next n bytes as a view; empty on failure. */
struct bytes cursor_take(struct cursor *c, size_t n);

/* A u16 (or u32) length, then that many bytes, as a view; fails with ERR_TOO_LONG above `most`. */
struct bytes cursor_take16(struct cursor *c, size_t most);
struct bytes cursor_take32(struct cursor *c, size_t most);

/* All that is left, as a view. */
struct bytes cursor_rest(struct cursor *c);

/* A text line up to and excluding '\n', which is consumed; ERR_SHORT without one. */
struct bytes cursor_line(struct cursor *c);

size_t cursor_left(const struct cursor *c);

/* Marks the cursor failed with `e` unless it failed before. */
void cursor_fail(struct cursor *c, enum err e);

/* ERR_OK when nothing failed and nothing is left; ERR_TRAILING when bytes are left. */
enum err cursor_end(const struct cursor *c) must_use;

/* The first failure so far; bytes may be left. */
enum err cursor_err(const struct cursor *c) must_use;

#endif
