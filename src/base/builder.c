/* builder.c: writing into memory of fixed size; the first failure stays. */
#include <stdarg.h>
#include <stdio.h>

#include "base/builder.h"

struct builder builder_on(void *memory, size_t room)
{
	return (struct builder){.at = memory, .n = 0, .room = room, .err = ERR_OK};
}

uint8_t *build_reserve(struct builder *b, size_t n)
{
	if (b->err == ERR_OK && n > b->room - b->n)
		b->err = ERR_NO_SPACE;
	if (b->err != ERR_OK)
		return NULL;
	uint8_t *at = b->at + b->n;
	b->n += n;
	return at;
}

static void build_integer(struct builder *b, uint64_t v, size_t n)
{
	uint8_t *at = build_reserve(b, n);
	if (at == NULL)
		return;
	for (size_t i = n; i > 0; i--, v >>= 8)
		at[i - 1] = (uint8_t)v;
}

void build_u8(struct builder *b, uint8_t v)
{
	build_integer(b, v, 1);
}

void build_u16(struct builder *b, uint16_t v)
{
	build_integer(b, v, 2);
}

void build_u32(struct builder *b, uint32_t v)
{
	build_integer(b, v, 4);
}

void build_u64(struct builder *b, uint64_t v)
{
	build_integer(b, v, 8);
}

void build_copy(struct builder *b, const void *from, size_t n)
{
	uint8_t *at = n > 0 ? build_reserve(b, n) : NULL;
	if (at != NULL)
		memcpy(at, from, n);
}

void build_bytes(struct builder *b, struct bytes v)
{
	build_copy(b, v.at, v.n);
}

void build_zero(struct builder *b, size_t n)
{
	uint8_t *at = n > 0 ? build_reserve(b, n) : NULL;
	if (at != NULL)
		memset(at, 0, n);
}

/* The length in `width` bytes, then the bytes; nothing is written unless both fit. */
static void build_prefixed(struct builder *b, struct bytes v, size_t width, size_t most)
{
	if (b->err == ERR_OK && v.n > most)
		b->err = ERR_TOO_LONG;
	if (b->err == ERR_OK && (width > b->room - b->n || v.n > b->room - b->n - width))
		b->err = ERR_NO_SPACE;
	build_integer(b, v.n, width);
	build_bytes(b, v);
}

void build_bytes16(struct builder *b, struct bytes v)
{
	build_prefixed(b, v, 2, UINT16_MAX);
}

void build_bytes32(struct builder *b, struct bytes v)
{
	build_prefixed(b, v, 4, UINT32_MAX);
}

void build_text(struct builder *b, const char *text)
{
	build_bytes(b, bytes_text(text));
}

void build_format(struct builder *b, const char *format, ...)
{
	if (b->err != ERR_OK)
		return;
	size_t	left = b->room - b->n;
	va_list args;
	va_start(args, format);
	int n = vsnprintf((char *)b->at + b->n, left, format, args);
	va_end(args);
	if (n < 0)
		b->err = ERR_INTERNAL;
	else if ((size_t)n >= left)
		b->err = ERR_NO_SPACE;
	else
		b->n += (size_t)n;
}

struct bytes builder_bytes(const struct builder *b)
{
	return bytes_of(b->at, b->n);
}
