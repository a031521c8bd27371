#include "evidence/tar.h"

#include <stdio.h>

#define TAR_SUM_AT    148
#define TAR_SUM_LEN   8
#define TAR_OCTAL_END (UINT64_C(1) << 33) /* the first size that 11 octal digits do not hold */

static const uint8_t zero_block[TAR_BLOCK];

size_t tar_padding(uint64_t n)
{
	return (size_t)((TAR_BLOCK - n % TAR_BLOCK) % TAR_BLOCK);
}

static bool name_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '/';
}

bool tar_name_good(const char *name)
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

static void size_write(struct builder *b, uint64_t size)
{
	char digits[24];

	if (size < TAR_OCTAL_END) {
		snprintf(digits, sizeof digits, "%011llo", (unsigned long long)size);
		build_copy(b, digits, 12);
		return;
	}
	build_u8(b, 0x80);
	build_zero(b, 3);
	build_u64(b, size);
}

void tar_head_write(uint8_t block[static TAR_BLOCK], const char *name, uint64_t size)
{
	struct builder b = builder_on(block, TAR_BLOCK);
	uint8_t	      *sum;
	char	       digits[16];

	build_text(&b, name);
	build_zero(&b, TAR_NAME_MOST + 1 - strlen(name));
	build_copy(&b, "0000644\0000000000\0000000000", 24);
	size_write(&b, size);
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

	if (!tar_name_good(name))
		return ERR_MALFORMED;
	tar_head_write(block, name, body.n);
	if ((e = buffer_add(out, bytes_of(block, sizeof block))) != ERR_OK)
		return e;
	if ((e = buffer_add(out, body)) != ERR_OK)
		return e;
	return buffer_add(out, bytes_of(zero_block, tar_padding(body.n)));
}

enum err tar_end(struct buffer *out)
{
	enum err e = buffer_add(out, bytes_of(zero_block, TAR_BLOCK));

	return e != ERR_OK ? e : buffer_add(out, bytes_of(zero_block, TAR_BLOCK));
}

bool tar_block_is_zero(struct bytes block)
{
	return block.n == TAR_BLOCK && memcmp(block.at, zero_block, TAR_BLOCK) == 0;
}

/* UINT64_MAX for what is no size. */
static uint64_t size_read(struct bytes field)
{
	struct cursor c = cursor_on(field);
	uint64_t      n = 0;

	if (field.n == 12 && field.at[0] == 0x80) {
		cursor_take(&c, 4);
		return cursor_u64(&c);
	}
	for (size_t i = 0; i < 11 && i < field.n; i++) {
		if (field.at[i] < '0' || field.at[i] > '7')
			return UINT64_MAX;
		n = n * 8 + (uint64_t)(field.at[i] - '0');
	}
	return n;
}

enum err tar_head_read(struct bytes block, char name[static TAR_NAME_MOST + 1], uint64_t *size)
{
	uint8_t	      again[TAR_BLOCK];
	struct cursor c = cursor_on(block);

	cursor_copy(&c, name, TAR_NAME_MOST + 1);
	cursor_take(&c, 24);
	*size = size_read(cursor_take(&c, 12));
	if (cursor_err(&c) != ERR_OK)
		return cursor_err(&c);
	if (name[TAR_NAME_MOST] != '\0' || !tar_name_good(name) || *size > INT64_MAX)
		return ERR_MALFORMED;
	tar_head_write(again, name, *size);
	return bytes_equal(block, bytes_of(again, sizeof again)) ? ERR_OK : ERR_NOT_CANONICAL;
}

bool tar_next(struct cursor *c, struct tar_file *out)
{
	struct bytes block = cursor_take(c, TAR_BLOCK);
	struct bytes padding;
	uint64_t     size = 0;
	enum err     e;

	if (cursor_err(c) != ERR_OK)
		return false;
	if (tar_block_is_zero(block)) {
		if (!tar_block_is_zero(cursor_take(c, TAR_BLOCK)))
			cursor_fail(c, ERR_NOT_CANONICAL);
		return false;
	}
	if ((e = tar_head_read(block, out->name, &size)) != ERR_OK) {
		cursor_fail(c, e);
		return false;
	}
	out->body = cursor_take(c, (size_t)size);
	padding = cursor_take(c, tar_padding(size));
	if (padding.n > 0 && memcmp(padding.at, zero_block, padding.n) != 0)
		cursor_fail(c, ERR_NOT_CANONICAL);
	return cursor_err(c) == ERR_OK;
}
