/* buffer.c: memory that grows up to a named limit. One byte more than `room` is allocated, for the NUL that formatting writes. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/builder.h"

#define BUFFER_FIRST 256

/* Doubles until `need` fits, never beyond `most`; need <= most. */
static size_t buffer_next_room(size_t room, size_t need, size_t most)
{
	if (room < BUFFER_FIRST)
		room = BUFFER_FIRST;
	while (room < need && room <= most / 2)
		room *= 2;
	if (room < need || room > most)
		room = most;
	return room;
}

enum err buffer_room(struct buffer *b, size_t n)
{
	if (b->most == 0 || b->most == SIZE_MAX || b->n > b->most || n > b->most - b->n)
		return ERR_TOO_LONG;
	if (b->at != NULL && n <= b->room - b->n)
		return ERR_OK;
	size_t	 room = buffer_next_room(b->room, b->n + n, b->most);
	uint8_t *at = realloc(b->at, room + 1);
	if (at == NULL)
		return ERR_MEMORY;
	b->at = at;
	b->room = room;
	return ERR_OK;
}

enum err buffer_add(struct buffer *b, struct bytes v)
{
	enum err e = buffer_room(b, v.n);
	if (e != ERR_OK)
		return e;
	if (v.n > 0)
		memcpy(b->at + b->n, v.at, v.n);
	b->n += v.n;
	return ERR_OK;
}

static prints(2, 0) int format_length(va_list args, const char *format)
{
	va_list again;
	va_copy(again, args);
	int n = vsnprintf(NULL, 0, format, again);
	va_end(again);
	return n;
}

enum err buffer_format(struct buffer *b, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int	 n = format_length(args, format);
	enum err e = n < 0 ? ERR_INTERNAL : buffer_room(b, (size_t)n);
	if (e == ERR_OK) {
		(void)vsnprintf((char *)b->at + b->n, (size_t)n + 1, format, args);
		b->n += (size_t)n;
	}
	va_end(args);
	return e;
}

void buffer_drop(struct buffer *b, size_t n)
{
	if (n >= b->n) {
		b->n = 0;
		return;
	}
	if (n == 0)
		return;
	memmove(b->at, b->at + n, b->n - n);
	b->n -= n;
}

struct bytes buffer_bytes(const struct buffer *b)
{
	return bytes_of(b->at, b->n);
}

void buffer_done(struct buffer *b)
{
	free(b->at);
	*b = (struct buffer){.most = b->most};
}
