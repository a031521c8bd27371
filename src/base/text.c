/* text.c: UTF-8, its normal form, and the characters that make text read otherwise than it is. */
#include <stdlib.h>
#include <utf8proc.h>

#include "base/text.h"

struct range {
	utf8proc_int32_t first, last;
	enum err	 err;
};

/*
 * Refused code points, ascending. U+200C and U+200D, the joiners, are not here: Persian, Urdu and other
 * languages in Arabic script are misspelt without them. Everything else without a shape of its own is.
 */
static const struct range refused[] = {
	{0x0000, 0x001F, ERR_CONTROL},	 /* C0; TEXT_LINES permits U+000A */
	{0x007F, 0x009F, ERR_CONTROL},	 /* delete, C1 */
	{0x00AD, 0x00AD, ERR_CONTROL},	 /* soft hyphen */
	{0x034F, 0x034F, ERR_CONTROL},	 /* combining grapheme joiner */
	{0x061C, 0x061C, ERR_BIDI},	 /* Arabic letter mark */
	{0x180E, 0x180E, ERR_CONTROL},	 /* Mongolian vowel separator */
	{0x200B, 0x200B, ERR_CONTROL},	 /* zero-width space */
	{0x200E, 0x200F, ERR_BIDI},	 /* left-to-right, right-to-left mark */
	{0x2028, 0x2029, ERR_CONTROL},	 /* line and paragraph separator */
	{0x202A, 0x202E, ERR_BIDI},	 /* embeddings and overrides */
	{0x2060, 0x2065, ERR_CONTROL},	 /* word joiner, invisible operators */
	{0x2066, 0x2069, ERR_BIDI},	 /* isolates */
	{0x206A, 0x206F, ERR_CONTROL},	 /* deprecated format characters */
	{0xFEFF, 0xFEFF, ERR_CONTROL},	 /* byte order mark */
	{0xFFF9, 0xFFFB, ERR_CONTROL},	 /* interlinear annotation */
	{0xE0000, 0xE007F, ERR_CONTROL}, /* tags */
};

static enum err code_point_check(utf8proc_int32_t point, int lines)
{
	if (point == '\n' && lines == TEXT_LINES)
		return ERR_OK;
	for (size_t i = 0; i < COUNT_OF(refused) && refused[i].first <= point; i++)
		if (point <= refused[i].last)
			return refused[i].err;
	return ERR_OK;
}

/* The common case needs no table: printable ASCII is UTF-8, NFC and harmless. */
static bool ascii_plain(struct bytes v, int lines)
{
	for (size_t i = 0; i < v.n; i++)
		if ((v.at[i] < 0x20 && !(v.at[i] == '\n' && lines == TEXT_LINES)) || v.at[i] > 0x7E)
			return false;
	return true;
}

static enum err code_points_check(struct bytes v, int lines)
{
	enum err first = ERR_OK;
	for (size_t at = 0; at < v.n;) {
		utf8proc_int32_t point = 0;
		utf8proc_ssize_t n = utf8proc_iterate(v.at + at, (utf8proc_ssize_t)(v.n - at), &point);
		if (n < 1)
			return ERR_UTF8;
		if (first == ERR_OK)
			first = code_point_check(point, lines);
		at += (size_t)n;
	}
	return first;
}

static enum err normal_form_check(struct bytes v)
{
	utf8proc_uint8_t *normal = NULL;
	utf8proc_ssize_t  n = utf8proc_map(v.at, (utf8proc_ssize_t)v.n, &normal, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
	if (n < 0)
		return n == UTF8PROC_ERROR_NOMEM ? ERR_MEMORY : ERR_UTF8;
	bool same = bytes_equal(v, bytes_of(normal, (size_t)n));
	free(normal);
	return same ? ERR_OK : ERR_NOT_NFC;
}

enum err text_check(struct bytes v, int lines)
{
	if (ascii_plain(v, lines))
		return ERR_OK;
	if (v.n > INT32_MAX)
		return ERR_TOO_LONG;
	enum err e = code_points_check(v, lines);
	return e != ERR_OK ? e : normal_form_check(v);
}
