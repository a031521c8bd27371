/* sentence.c: writing for people. */
#include <stdio.h>

#include "agreement/sentence.h"

struct sentence sentence_on(char *out, size_t size)
{
	if (size > 0)
		out[0] = '\0';
	return (struct sentence){.out = out, .size = size, .full = size == 0};
}

/* The length of the longest beginning of `v` that fits in `room` bytes and ends between two characters. */
static size_t fitting(struct bytes v, size_t room)
{
	if (v.n <= room)
		return v.n;
	while (room > 0 && (v.at[room] & 0xc0) == 0x80)
		room--;
	return room;
}

static void add_bytes(struct sentence *s, struct bytes v)
{
	if (s->full || v.n == 0)
		return;
	size_t n = fitting(v, s->size - 1 - s->n);

	s->full = n < v.n;
	memcpy(s->out + s->n, v.at, n);
	s->n += n;
	s->out[s->n] = '\0';
}

void sentence_add(struct sentence *s, const char *text)
{
	add_bytes(s, bytes_text(text));
}

void sentence_number(struct sentence *s, uint64_t v)
{
	char text[24];

	(void)snprintf(text, sizeof text, "%llu", (unsigned long long)v);
	sentence_add(s, text);
}

void sentence_foreign(struct sentence *s, struct bytes v)
{
	if (text_check(v, TEXT_LINE) == ERR_OK) {
		add_bytes(s, v);
		return;
	}
	for (size_t i = 0; i < v.n && !s->full; i++) {
		char c[2] = {v.at[i] >= 0x20 && v.at[i] < 0x7f ? (char)v.at[i] : '?', '\0'};

		sentence_add(s, c);
	}
}

void arabic_count(uint64_t n, const struct arabic_noun *noun, char *out, size_t size)
{
	uint64_t    tens = n % 100;
	const char *word = tens >= 3 && tens <= 10 ? noun->few : tens >= 11 ? noun->many : noun->hundred;

	if (n == 1 || n == 2)
		(void)snprintf(out, size, "%s", n == 1 ? noun->one : noun->two);
	else
		(void)snprintf(out, size, "%llu %s", (unsigned long long)n, word);
}

void arabic_for(const char *text, char *out, size_t size)
{
	static const char al[] = "ال", lam[] = "ل";
	struct sentence	  s = sentence_on(out, size);
	bool		  article = strncmp(text, al, strlen(al)) == 0;
	const char	 *rest = article ? text + strlen(al) : text;
	bool		  begins_lam = strncmp(rest, lam, strlen(lam)) == 0;

	sentence_add(&s, article && !begins_lam ? "لل" : (unsigned char)text[0] < 0x80 ? "لـ" : lam);
	sentence_add(&s, rest);
}
