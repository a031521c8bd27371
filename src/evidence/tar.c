#include "evidence/tar.h"

#include <stdio.h>

#define TAR_SUM_AT  148
#define TAR_SUM_LEN 8

static const uint8_t zero_block[TAR_BLOCK];

static size_t padding_of(size_t n)
{
	return (TAR_BLOCK - n % TAR_BLOCK) % TAR_BLOCK;
}

static bool name_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '/';
}

static bool name_good(const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < n; i++)
		if (!name_letter(name[i]))
			return false;
	return n > 0 && n <= TAR_NAME_MOST;
}

/* The sum of all bytes with the checksum's own field read as spaces. */
static unsigned block_sum(const uint8_t block[static TAR_BLOCK])
{
	unsigned sum = 0;

	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += i >= TAR_SUM_AT && i < TAR_SUM_AT + TAR_SUM_LEN ? ' ' : block[i];
	return sum;
}

static void block_write(uint8_t block[static TAR_BLOCK], const char *name, size_t size)
{
	struct builder b = builder_on(block, TAR_BLOCK);
	uint8_t	      *sum;
	char	       digits[16];

	build_text(&b, name);
	build_zero(&b, TAR_NAME_MOST + 1 - strlen(name));
	build_copy(&b, "0000644\0000000000\0000000000", 24);
	snprintf(digits, sizeof digits, "%011o", (unsigned)size);
	build_copy(&b, digits, 12);
	build_copy(&b, "00000000000", 12);
	sum = build_reserve(&b, TAR_SUM_LEN);
	build_u8(&b, '0');
	build_zero(&b, 100);
	build_copy(&b, "ustar\00000", 8);
	build_zero(&b, 64);
	build_copy(&b, "0000000\0000000000", 16);
	build_zero(&b, 167);
	snprintf(digits, sizeof digits, "%06o", block_sum(block));
	memcpy(sum, digits, 7);
	sum[7] = ' ';
}

enum err tar_add(struct buffer *out, const char *name, struct bytes body)
{
	uint8_t	 block[TAR_BLOCK];
	enum err e;

	if (!name_good(name))
		return ERR_MALFORMED;
	block_write(block, name, body.n);
	if ((e = buffer_add(out, bytes_of(block, sizeof block))) != ERR_OK)
		return e;
	if ((e = buffer_add(out, body)) != ERR_OK)
		return e;
	return buffer_add(out, bytes_of(zero_block, padding_of(body.n)));
}

enum err tar_end(struct buffer *out)
{
	enum err e = buffer_add(out, bytes_of(zero_block, TAR_BLOCK));

	return e != ERR_OK ? e : buffer_add(out, bytes_of(zero_block, TAR_BLOCK));
}

static bool block_is_zero(struct bytes block)
{
	return block.n == TAR_BLOCK && memcmp(block.at, zero_block, TAR_BLOCK) == 0;
}

static size_t octal_size(struct bytes digits)
{
	size_t n = 0;

	for (size_t i = 0; i < digits.n; i++) {
		if (digits.at[i] < '0' || digits.at[i] > '7')
			return SIZE_MAX;
		n = n * 8 + (size_t)(digits.at[i] - '0');
	}
	return n;
}

/* Reads name and size; ERR_NOT_CANONICAL unless writing them gives the same block. */
static enum err block_read(struct bytes block, char name[static TAR_NAME_MOST + 1], size_t *size)
{
	uint8_t	      again[TAR_BLOCK];
	struct cursor c = cursor_on(block);

	cursor_copy(&c, name, TAR_NAME_MOST + 1);
	cursor_take(&c, 24);
	*size = octal_size(cursor_take(&c, 11));
	if (cursor_err(&c) != ERR_OK)
		return cursor_err(&c);
	if (name[TAR_NAME_MOST] != '\0' || !name_good(name) || *size == SIZE_MAX)
		return ERR_MALFORMED;
	block_write(again, name, *size);
	return bytes_equal(block, bytes_of(again, sizeof again)) ? ERR_OK : ERR_NOT_CANONICAL;
}

bool tar_next(struct cursor *c, struct tar_file *out)
{
	struct bytes block = cursor_take(c, TAR_BLOCK);
	struct bytes padding;
	size_t	     size = 0;
	enum err     e;

	if (cursor_err(c) != ERR_OK)
		return false;
	if (block_is_zero(block)) {
		if (!block_is_zero(cursor_take(c, TAR_BLOCK)))
			cursor_fail(c, ERR_NOT_CANONICAL);
		return false;
	}
	if ((e = block_read(block, out->name, &size)) != ERR_OK) {
		cursor_fail(c, e);
		return false;
	}
	out->body = cursor_take(c, size);
	padding = cursor_take(c, padding_of(size));
	if (padding.n > 0 && memcmp(padding.at, zero_block, padding.n) != 0)
		cursor_fail(c, ERR_NOT_CANONICAL);
	return cursor_err(c) == ERR_OK;
}
