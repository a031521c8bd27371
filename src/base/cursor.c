/* cursor.c: reading foreign bytes; the first failure stays. */
#include "base/cursor.h"

struct cursor cursor_on(struct bytes wire)
{
	return (struct cursor){.at = wire.at, .left = wire.n, .err = ERR_OK};
}

void cursor_fail(struct cursor *c, enum err e)
{
	if (c->err == ERR_OK)
		c->err = e;
}

struct bytes cursor_take(struct cursor *c, size_t n)
{
	if (c->err == ERR_OK && n > c->left)
		c->err = ERR_SHORT;
	if (c->err != ERR_OK)
		return BYTES_NONE;
	struct bytes taken = bytes_of(c->at, n);
	if (n > 0)
		c->at += n;
	c->left -= n;
	return taken;
}

/* A big-endian integer of n bytes, n <= 8; zero on failure. */
static uint64_t cursor_integer(struct cursor *c, size_t n)
{
	struct bytes taken = cursor_take(c, n);
	uint64_t     v = 0;
	for (size_t i = 0; i < taken.n; i++)
		v = v << 8 | taken.at[i];
	return v;
}

uint8_t cursor_u8(struct cursor *c)
{
	return (uint8_t)cursor_integer(c, 1);
}

uint16_t cursor_u16(struct cursor *c)
{
	return (uint16_t)cursor_integer(c, 2);
}

uint32_t cursor_u32(struct cursor *c)
{
	return (uint32_t)cursor_integer(c, 4);
}

uint64_t cursor_u64(struct cursor *c)
{
	return cursor_integer(c, 8);
}

void cursor_copy(struct cursor *c, void *out, size_t n)
{
	struct bytes taken = cursor_take(c, n);
	if (n == 0)
		return;
	if (taken.n == n)
		memcpy(out, taken.at, n);
	else
		memset(out, 0, n);
}

static struct bytes cursor_take_limited(struct cursor *c, size_t n, size_t most)
{
	if (n > most)
		cursor_fail(c, ERR_TOO_LONG);
	return cursor_take(c, n);
}

struct bytes cursor_take16(struct cursor *c, size_t most)
{
	return cursor_take_limited(c, cursor_u16(c), most);
}

struct bytes cursor_take32(struct cursor *c, size_t most)
{
	return cursor_take_limited(c, cursor_u32(c), most);
}

struct bytes cursor_rest(struct cursor *c)
{
	return cursor_take(c, c->left);
}

struct bytes cursor_line(struct cursor *c)
{
	if (c->err != ERR_OK)
		return BYTES_NONE;
	const uint8_t *end = c->left > 0 ? memchr(c->at, '\n', c->left) : NULL;
	if (end == NULL) {
		cursor_fail(c, ERR_SHORT);
		return BYTES_NONE;
	}
	struct bytes line = cursor_take(c, (size_t)(end - c->at));
	(void)cursor_take(c, 1);
	return line;
}

size_t cursor_left(const struct cursor *c)
{
	return c->err == ERR_OK ? c->left : 0;
}

enum err cursor_end(const struct cursor *c)
{
	if (c->err != ERR_OK)
		return c->err;
	return c->left == 0 ? ERR_OK : ERR_TRAILING;
}

enum err cursor_err(const struct cursor *c)
{
	return c->err;
}
