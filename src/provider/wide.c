#include "provider/wide.h"

#define HIGH_FIRST 0xd800u
#define LOW_FIRST  0xdc00u
#define LOW_LAST   0xdfffu
#define BEYOND	   0x10000u /* letters from here on are a pair */
#define LAST	   0x10ffffu

/* ---- UTF-8 to UTF-16 ---- */

/* How many bytes follow this first one, and which of its bits count; 4 for one that begins nothing. */
static unsigned follows(uint8_t first, uint32_t *bits, uint32_t *least)
{
	static const struct {
		uint8_t	 mask, value, bits;
		unsigned n;
		uint32_t least;
	} forms[] = {
		{0x80, 0x00, 0x7f, 0, 0},
		{0xe0, 0xc0, 0x1f, 1, 0x80},
		{0xf0, 0xe0, 0x0f, 2, 0x800},
		{0xf8, 0xf0, 0x07, 3, BEYOND},
	};

	for (size_t i = 0; i < COUNT_OF(forms); i++)
		if ((first & forms[i].mask) == forms[i].value) {
			*bits = first & forms[i].bits;
			*least = forms[i].least;
			return forms[i].n;
		}
	return 4;
}

/* The next letter and the bytes it has, or 0. */
static size_t letter_of(struct bytes text, size_t at, uint32_t *out)
{
	uint32_t letter, least;
	unsigned n = follows(text.at[at], &letter, &least);

	if (n > 3 || text.n - at <= n)
		return 0;
	for (unsigned i = 1; i <= n; i++) {
		if ((text.at[at + i] & 0xc0) != 0x80)
			return 0;
		letter = letter << 6 | (text.at[at + i] & 0x3fu);
	}
	if (letter < least || letter > LAST || (letter >= HIGH_FIRST && letter <= LOW_LAST))
		return 0;
	*out = letter;
	return 1 + n;
}

enum err wide_write(struct bytes text, uint16_t *out, size_t *n)
{
	size_t	 done = 0, length;
	uint32_t letter = 0;

	for (size_t at = 0; at < text.n; at += length) {
		length = letter_of(text, at, &letter);
		if (length == 0)
			return ERR_UTF8;
		if (*n - done < (letter >= BEYOND ? 2u : 1u))
			return ERR_NO_SPACE;
		if (letter >= BEYOND)
			out[done++] = (uint16_t)(HIGH_FIRST + ((letter - BEYOND) >> 10));
		out[done++] = (uint16_t)(letter >= BEYOND ? LOW_FIRST + ((letter - BEYOND) & 0x3ff) : letter);
	}
	*n = done;
	return ERR_OK;
}

/* ---- UTF-16 to UTF-8 ---- */

static void letter_write(struct builder *b, uint32_t letter)
{
	unsigned	     more = letter < 0x80 ? 0 : letter < 0x800 ? 1 : letter < BEYOND ? 2 : 3;
	static const uint8_t first[] = {0x00, 0xc0, 0xe0, 0xf0};

	build_u8(b, (uint8_t)(first[more] | letter >> (6 * more)));
	while (more-- > 0)
		build_u8(b, (uint8_t)(0x80 | (letter >> (6 * more) & 0x3f)));
}

enum err wide_read(const uint16_t *units, size_t n, struct builder *out)
{
	struct builder before = *out;

	for (size_t i = 0; i < n; i++) {
		uint32_t letter = units[i];
		bool	 high = letter >= HIGH_FIRST && letter < LOW_FIRST;
		bool	 paired = high && i + 1 < n && units[i + 1] >= LOW_FIRST && units[i + 1] <= LOW_LAST;

		if (letter == 0 || (high && !paired) || (letter >= LOW_FIRST && letter <= LOW_LAST)) {
			*out = before;
			return ERR_UTF8;
		}
		if (paired)
			letter = BEYOND + ((letter - HIGH_FIRST) << 10) + (units[++i] - LOW_FIRST);
		letter_write(out, letter);
	}
	enum err e = out->err;
	if (e != ERR_OK && before.err == ERR_OK)
		*out = before;
	return e;
}
