/* encoding.c: bytes as letters and back: hexadecimal, base 64, Crockford base 32. Each has one spelling only. */
#include "base/text.h"

static const char hex_digits[] = "0123456789abcdef";

void hex_write(const void *at, size_t n, char *out)
{
	const uint8_t *from = at;
	for (size_t i = 0; i < n; i++) {
		*out++ = hex_digits[from[i] >> 4];
		*out++ = hex_digits[from[i] & 15];
	}
	*out = '\0';
}

static int hex_value(uint8_t letter)
{
	if (letter >= '0' && letter <= '9')
		return letter - '0';
	return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

enum err hex_read(struct bytes text, void *out, size_t n)
{
	if (n > SIZE_MAX / 2 || text.n != 2 * n)
		return ERR_MALFORMED;
	for (size_t i = 0; i < text.n; i++)
		if (hex_value(text.at[i]) < 0)
			return ERR_MALFORMED;
	uint8_t *to = out;
	for (size_t i = 0; i < n; i++)
		to[i] = (uint8_t)((unsigned)hex_value(text.at[2 * i]) << 4 | (unsigned)hex_value(text.at[2 * i + 1]));
	return ERR_OK;
}

static const char base64_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_write(struct bytes v, char *out)
{
	for (size_t i = 0; i < v.n; i += 3) {
		size_t	 some = v.n - i < 3 ? v.n - i : 3;
		uint32_t group = (uint32_t)v.at[i] << 16;
		group |= some > 1 ? (uint32_t)v.at[i + 1] << 8 : 0;
		group |= some > 2 ? (uint32_t)v.at[i + 2] : 0;
		*out++ = base64_letters[group >> 18];
		*out++ = base64_letters[group >> 12 & 63];
		*out++ = some > 1 ? base64_letters[group >> 6 & 63] : '=';
		*out++ = some > 2 ? base64_letters[group & 63] : '=';
	}
	*out = '\0';
}

static int base64_value(uint8_t letter)
{
	if (letter >= 'A' && letter <= 'Z')
		return letter - 'A';
	if (letter >= 'a' && letter <= 'z')
		return letter - 'a' + 26;
	if (letter >= '0' && letter <= '9')
		return letter - '0' + 52;
	if (letter == '+')
		return 62;
	return letter == '/' ? 63 : -1;
}

static size_t base64_padding(struct bytes text)
{
	if (text.n == 0 || text.at[text.n - 1] != '=')
		return 0;
	return text.at[text.n - 2] == '=' ? 2 : 1;
}

/* Letters only, then the padding; the bits that padding cuts off are zero (RFC 4648 section 3.5). */
static enum err base64_check(struct bytes text, size_t padding)
{
	for (size_t i = 0; i < text.n - padding; i++)
		if (base64_value(text.at[i]) < 0)
			return ERR_MALFORMED;
	if (padding == 0)
		return ERR_OK;
	int last = base64_value(text.at[text.n - padding - 1]);
	return (last & (padding == 1 ? 3 : 15)) == 0 ? ERR_OK : ERR_NOT_CANONICAL;
}

enum err base64_read(struct bytes text, uint8_t *out, size_t *n)
{
	if (text.n % 4 != 0)
		return ERR_MALFORMED;
	size_t	 padding = base64_padding(text);
	enum err e = base64_check(text, padding);
	if (e != ERR_OK)
		return e;
	size_t length = text.n / 4 * 3 - padding;
	if (length > *n)
		return ERR_NO_SPACE;
	uint32_t group = 0;
	for (size_t i = 0, at = 0; at < length; i++) {
		group = group << 6 | (i < text.n - padding ? (uint32_t)base64_value(text.at[i]) : 0);
		if (i % 4 == 3)
			for (unsigned shift = 24; shift > 0 && at < length; shift -= 8)
				out[at++] = (uint8_t)(group >> (shift - 8));
	}
	*n = length;
	return ERR_OK;
}

/* No I, L, O or U: the first three are taken for digits, the last makes words. */
static const char id_letters[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/* The 128 bits stand behind two zero bits, in 26 groups of five. */
void id_write(const uint8_t id[16], char out[27])
{
	for (unsigned i = 0; i < ID_TEXT; i++) {
		unsigned value = 0;
		for (unsigned bit = 5 * i; bit < 5 * i + 5; bit++)
			value = value << 1 | (bit < 2 ? 0u : (unsigned)id[(bit - 2) / 8] >> (7 - (bit - 2) % 8) & 1u);
		out[i] = id_letters[value];
	}
	out[ID_TEXT] = '\0';
}

static int id_value(uint8_t letter)
{
	if (letter >= 'a' && letter <= 'z')
		letter = (uint8_t)(letter - 'a' + 'A');
	if (letter == 'O')
		return 0;
	if (letter == 'I' || letter == 'L')
		return 1;
	const char *at = letter != '\0' ? strchr(id_letters, letter) : NULL;
	return at != NULL ? (int)(at - id_letters) : -1;
}

enum err id_read(struct bytes text, uint8_t id[16])
{
	uint8_t bits[16] = {0};
	if (text.n != ID_TEXT || id_value(text.at[0]) > 7)
		return ERR_MALFORMED;
	for (unsigned i = 0; i < ID_TEXT; i++) {
		int value = id_value(text.at[i]);
		if (value < 0)
			return ERR_MALFORMED;
		for (unsigned k = 0; k < 5; k++)
			if (5 * i + k >= 2 && ((unsigned)value >> (4 - k) & 1u) != 0)
				bits[(5 * i + k - 2) / 8] |= (uint8_t)(0x80u >> (5 * i + k - 2) % 8);
	}
	memcpy(id, bits, sizeof bits);
	return ERR_OK;
}
