/* names.c: the two kinds of names that stand in origins and agreements. Both are plain lower-case ASCII. */
#include "base/text.h"

#define LABELS_MOST 4
#define LABEL_MOST  63
#define PARTY_LONG  128
#define NAME_LONG   48

static bool is_letter(uint8_t c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_name_byte(uint8_t c)
{
	return is_letter(c) || (c >= '0' && c <= '9') || c == '-';
}

/* One label: 1 to 63 letters, digits and inner hyphens (RFC 1123 section 2.1). */
static bool label_ok(struct bytes label)
{
	if (label.n == 0 || label.n > LABEL_MOST || label.at[0] == '-' || label.at[label.n - 1] == '-')
		return false;
	for (size_t i = 0; i < label.n; i++)
		if (!is_name_byte(label.at[i]))
			return false;
	return true;
}

enum err party_name_check(struct bytes v)
{
	if (v.n > PARTY_LONG)
		return ERR_TOO_LONG;
	for (unsigned labels = 1; labels <= LABELS_MOST; labels++) {
		const uint8_t *dot = v.n > 0 ? memchr(v.at, '.', v.n) : NULL;
		size_t	       n = dot != NULL ? (size_t)(dot - v.at) : v.n;
		if (!label_ok(bytes_of(v.at, n)))
			return ERR_MALFORMED;
		if (dot == NULL)
			return ERR_OK;
		v = bytes_of(v.at + n + 1, v.n - n - 1);
	}
	return ERR_MALFORMED;
}

enum err name_check(struct bytes v)
{
	if (v.n > NAME_LONG)
		return ERR_TOO_LONG;
	if (v.n == 0 || !is_letter(v.at[0]) || v.at[v.n - 1] == '-')
		return ERR_MALFORMED;
	for (size_t i = 1; i < v.n; i++)
		if (!is_name_byte(v.at[i]) || (v.at[i] == '-' && v.at[i - 1] == '-'))
			return ERR_MALFORMED;
	return ERR_OK;
}
