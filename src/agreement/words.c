/* words.c: the six words of a card, and whether somebody read them right. */
#include "agreement/words.h"

#include <stdio.h>

#include "base/cursor.h"

#define WORDS_BITS 11

/* ---- from the card ---- */

static struct hash roots_hash(const struct card *card)
{
	struct bytes roots[2] = {bytes_of(card->root[0].b, SIGN_PUBLIC), bytes_of(card->root[1].b, SIGN_PUBLIC)};
	struct hash  fingerprint = hash_pieces(roots, 2);
	struct bytes pieces[2] = {bytes_text("mithaq/words/1\n"), bytes_of(fingerprint.b, HASH_SIZE)};

	return hash_pieces(pieces, 2);
}

static const char *word_at(enum lang lang, unsigned number)
{
	return lang == LANG_AR ? words_arabic[number] : words_english[number];
}

void words_of_card(const struct card *card, enum lang lang, const char *out[WORDS_SPOKEN])
{
	struct hash h = roots_hash(card);
	unsigned    held = 0, bits = 0, at = 0;

	for (unsigned i = 0; i < WORDS_SPOKEN; i++) {
		for (; bits < WORDS_BITS; bits += 8)
			held = (held << 8 | h.b[at++]) & 0xffffff;
		bits -= WORDS_BITS;
		out[i] = word_at(lang, held >> bits & (WORDS_LISTED - 1));
	}
}

void words_line(const struct card *card, enum lang lang, char out[WORDS_TEXT_MOST])
{
	const char *word[WORDS_SPOKEN];

	words_of_card(card, lang, word);
	(void)snprintf(out, WORDS_TEXT_MOST, "%s %s %s %s %s %s", word[0], word[1], word[2], word[3], word[4], word[5]);
}

/* ---- from a person ---- */

/* Two bytes of UTF-8 that people write in more than one way, and the one that we compare. */
static const struct {
	uint8_t from[2], to[2];
} spellings[] = {
	{{0xd8, 0xa2}, {0xd8, 0xa7}}, /* alif with madda, with hamza above and below: alif */
	{{0xd8, 0xa3}, {0xd8, 0xa7}}, {{0xd8, 0xa5}, {0xd8, 0xa7}},
	{{0xd9, 0xb1}, {0xd8, 0xa7}}, {{0xd8, 0xa4}, {0xd9, 0x88}}, /* hamza on waw: waw */
	{{0xd8, 0xa6}, {0xd9, 0x8a}},				    /* hamza on ya, alif maqsura: ya */
	{{0xd9, 0x89}, {0xd9, 0x8a}}, {{0xd8, 0xa9}, {0xd9, 0x87}}, /* ta marbuta: ha */
};

/* Vowel marks U+064B to U+0652, and the stroke that draws a word out. */
static bool is_mark(const uint8_t pair[2])
{
	return (pair[0] == 0xd9 && pair[1] >= 0x8b && pair[1] <= 0x92) || (pair[0] == 0xd9 && pair[1] == 0x80);
}

static void pair_put(struct builder *b, const uint8_t pair[2])
{
	if (is_mark(pair))
		return;
	for (size_t i = 0; i < COUNT_OF(spellings); i++)
		if (memcmp(spellings[i].from, pair, 2) == 0)
			pair = spellings[i].to;
	build_bytes(b, bytes_of(pair, 2));
}

/* The word as it is compared. What is no text of ours stays as it is and will differ. */
static struct bytes plain(struct bytes word, uint8_t room[WORDS_WORD_MOST])
{
	struct builder b = builder_on(room, WORDS_WORD_MOST);

	for (size_t i = 0; i < word.n; i++) {
		if (word.at[i] >= 0xd8 && word.at[i] <= 0xd9 && i + 1 < word.n) {
			pair_put(&b, word.at + i++);
			continue;
		}
		build_u8(&b, word.at[i] >= 'A' && word.at[i] <= 'Z' ? (uint8_t)(word.at[i] | 0x20) : word.at[i]);
	}
	return b.err == ERR_OK ? builder_bytes(&b) : BYTES_NONE;
}

static bool same_word(struct bytes said, const char *word)
{
	uint8_t	     room[2][WORDS_WORD_MOST];
	struct bytes a = plain(said, room[0]), b = plain(bytes_text(word), room[1]);

	return a.n > 0 && bytes_equal(a, b);
}

/* ' ', ',' and the Arabic comma U+060C. Returns how many bytes stand between words here; 0: a word does. */
static size_t gap_at(struct bytes v)
{
	if (v.n > 0 && (v.at[0] == ' ' || v.at[0] == ','))
		return 1;
	return v.n > 1 && v.at[0] == 0xd8 && v.at[1] == 0x8c ? 2 : 0;
}

/* The next word, or none at the end. */
static struct bytes word_take(struct bytes *said)
{
	size_t gap, n = 0;

	while ((gap = gap_at(*said)) > 0)
		*said = bytes_of(said->at + gap, said->n - gap);
	while (n < said->n && gap_at(bytes_of(said->at + n, said->n - n)) == 0)
		n++;
	struct bytes word = bytes_of(said->at, n);
	*said = bytes_of(said->at + n, said->n - n);
	return word;
}

/* How many of the words agree, and the first that does not (or WORDS_SPOKEN). */
static unsigned agreeing(const struct card *card, enum lang lang, const struct bytes said[WORDS_SPOKEN], unsigned *first)
{
	const char *word[WORDS_SPOKEN];
	unsigned    n = 0;

	*first = WORDS_SPOKEN;
	words_of_card(card, lang, word);
	for (unsigned i = 0; i < WORDS_SPOKEN; i++) {
		if (same_word(said[i], word[i]))
			n++;
		else if (*first == WORDS_SPOKEN)
			*first = i;
	}
	return n;
}

enum err words_compare(const struct card *card, struct bytes said, unsigned *place, enum lang *lang)
{
	struct bytes word[WORDS_SPOKEN];
	unsigned     en = 0, ar = 0;

	for (unsigned i = 0; i < WORDS_SPOKEN; i++)
		if ((word[i] = word_take(&said)).n == 0)
			return ERR_MISSING;
	if (word_take(&said).n > 0)
		return ERR_TRAILING;
	if (agreeing(card, LANG_EN, word, &en) == WORDS_SPOKEN || agreeing(card, LANG_AR, word, &ar) == WORDS_SPOKEN)
		return ERR_OK;
	/* Which list was read from? The first word is not ASCII, or it is. */
	*lang = word[0].at[0] >= 0x80 ? LANG_AR : LANG_EN;
	*place = *lang == LANG_AR ? ar : en;
	return ERR_VALUE;
}
