/*
 * builder.h: the only way bytes for others are written.
 *
 * A builder writes into memory of its caller and fails once when it is full
 * (ERR_NO_SPACE). It never allocates; the growing kind is `struct buffer`, which
 * owns its heap memory until buffer_done().
 */
#ifndef MITHAQ_BASE_BUILDER_H
#define MITHAQ_BASE_BUILDER_H

#include "base/bytes.h"
#include "base/error.h"

struct builder {
	uint8_t *at;
	size_t	 n;    /* written */
	size_t	 room; /* in all */
	enum err err;
};

struct builder builder_on(void *memory, size_t room);

void build_u8(struct builder *b, uint8_t v);
void build_u16(struct builder *b, uint16_t v);
void build_u32(struct builder *b, uint32_t v);
void build_u64(struct builder *b, uint64_t v);
void build_bytes(struct builder *b, struct bytes v);
void build_copy(struct builder *b, const void *from, size_t n);
void build_zero(struct builder *b, size_t n);
/* A u16 (u32) length, then the bytes; fails with ERR_TOO_LONG when the length does not fit. */
void build_bytes16(struct builder *b, struct bytes v);
void build_bytes32(struct builder *b, struct bytes v);
void build_text(struct builder *b, const char *text); /* without its NUL */
/* Needs room for one byte more than it writes, because the formatter ends its work with a NUL. */
void build_format(struct builder *b, const char *format, ...) prints(2, 3);

/* Marks the builder failed with `e` unless it failed before: for limits that its caller knows. */
static inline void build_fail(struct builder *b, enum err e)
{
	if (b->err == ERR_OK)
		b->err = e;
}

/* Reserves n bytes and returns where they stand, or NULL when full: for lengths known later. */
uint8_t *build_reserve(struct builder *b, size_t n);

struct bytes builder_bytes(const struct builder *b); /* what was written so far */

/* Growing memory with a named limit. Zero-initialise with a limit: {.most = LIMIT}. */
struct buffer {
	uint8_t *at;
	size_t	 n;
	size_t	 room;
	size_t	 most; /* never grows beyond; 0 is refused */
};

/* Appends; ERR_TOO_LONG above `most`, ERR_MEMORY when the heap is empty. */
enum err buffer_add(struct buffer *b, struct bytes v) must_use;
/* Makes room for n more bytes at b->at + b->n, not yet counted in b->n. */
enum err buffer_room(struct buffer *b, size_t n) must_use;
enum err buffer_format(struct buffer *b, const char *format, ...) prints(2, 3) must_use;
/* Forgets the first n bytes (moves the rest down). */
void	     buffer_drop(struct buffer *b, size_t n);
struct bytes buffer_bytes(const struct buffer *b);
void	     buffer_done(struct buffer *b); /* frees; accepts one never used */

#endif
