/* claims.c: the words of a claim in both languages. */
#include "evidence/evidence.h"

static const struct claim_words {
	const char *name;
	const char *in[2]; /* by enum lang */
} words[CLAIM_COUNT] = {
#define CLAIM_WORDS(name, word, en, ar) [CLAIM_##name] = {word, {en, ar}},
	CLAIM_TABLE(CLAIM_WORDS)
#undef CLAIM_WORDS
};

static const char *const verdicts[3][2] = {
	[VERDICT_PROVED] = {"PROVED", "ثابت"},
	[VERDICT_NOT_PROVED] = {"NOT PROVED", "غير ثابت"},
	[VERDICT_TRUST] = {"TRUST", "الثقة"},
};

const char *claim_name(enum claim_kind kind)
{
	return kind < CLAIM_COUNT ? words[kind].name : "unknown";
}

const char *verdict_word(enum verdict v, enum lang lang)
{
	return verdicts[v][lang];
}

/* "{N}" stands for value N; the table holds no other brace. */
void claim_text(const struct claim *c, enum lang lang, char *out, size_t size)
{
	struct builder b = builder_on(out, size - 1);

	for (const char *p = words[c->kind].in[lang]; *p != '\0'; p++) {
		if (*p != '{') {
			build_u8(&b, (uint8_t)*p);
			continue;
		}
		unsigned n = (unsigned)(p[1] - '0');
		if (n < c->n)
			build_text(&b, c->value[n]);
		p += 2;
	}
	out[b.n] = '\0';
}
