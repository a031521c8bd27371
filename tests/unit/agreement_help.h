/* agreement_help.h: sample texts, keys and small edits for the tests of agreements. */
#ifndef MITHAQ_TESTS_AGREEMENT_HELP_H
#define MITHAQ_TESTS_AGREEMENT_HELP_H

#include <stdio.h>
#include <stdlib.h>

#include "agreement/agreement.h"
#include "crypto/hash.h"

#define KUWAIT	"customs.kw.example"
#define AMERICA "cbp.us.example"

/* A small agreement in one language; the tests of bad texts edit one piece of it. */
static const char small_text[] = "mithaq: agreement/1\n"
				 "id: small-2026\n"
				 "environment: test\n"
				 "languages: [en]\n"
				 "title: {en: A small agreement}\n"
				 "in-force: {from: 2026-01-01, until: 2026-12-31}\n"
				 "parties:\n"
				 "  north.example:\n"
				 "    name: {en: North}\n"
				 "    working-days: Monday to Friday\n"
				 "    time-zone: UTC\n"
				 "    keys:\n"
				 "      - root-a 360ab11f19c23b70d025a672bc00fed6c690c3a79a67fed07e7ca794cf1d39aa\n"
				 "      - root-b 6e292d5f1388ffe8b9f18e55eb0ef677af9aadd6de139baf837d2ba8620c8a21\n"
				 "  south.example:\n"
				 "    name: {en: South}\n"
				 "    working-days: Sunday to Thursday\n"
				 "    time-zone: Asia/Kuwait\n"
				 "    keys:\n"
				 "      - root-a 9849e48769d30ad422320c94a79437d61b7e5e04c2d759def94fe2326923774d\n"
				 "      - root-b 7cc5269e96e7ceeb652ca619379e5dedb4ea916365631a83dfe2d6bc2441d419\n"
				 "purposes:\n"
				 "  audit: {en: an audit}\n"
				 "  repair: {en: a repair}\n"
				 "clauses:\n"
				 "  - number: 3\n"
				 "    channel: goods\n"
				 "    name: stock\n"
				 "    pattern: query\n"
				 "    title: {en: Stock}\n"
				 "    basis: {en: Article 3}\n"
				 "    asks: north.example\n"
				 "    answers: south.example\n"
				 "    purposes: [audit, repair]\n"
				 "    must-state: {case: when the purpose is audit}\n"
				 "    request:\n"
				 "      item: {type: document-number, length: 12, required: always, en: Item}\n"
				 "    answer:\n"
				 "      state: {type: code, en: State, codes: {in: {en: in}, out: {en: out}}}\n"
				 "    limits: {per-day: 5, answer-within: 2 seconds}\n"
				 "    keep: {question: until answered, answer: 10 days}\n"
				 "    onward: no\n"
				 "    refuse-for: {closed: {en: closed}}\n"
				 "    examples:\n"
				 "      - {ask: {purpose: repair, item: A-1}, answer: {state: in}}\n"
				 "    must-refuse:\n"
				 "      - {ask: {purpose: audit, item: A-1}, because: case}\n";

/* A file below the source folder, NUL-ended; the caller frees it. */
static inline char *source_file(const char *name)
{
	char   path[4096];
	char  *text = calloc(1, 512u * 1024);
	size_t n = 0;

	(void)snprintf(path, sizeof path, "%s/%s", getenv("MITHAQ_SOURCE"), name);
	FILE *f = fopen(path, "rb");
	if (text == NULL || f == NULL)
		abort();
	n = fread(text, 1, 512u * 1024 - 1, f);
	fclose(f);
	text[n] = '\0';
	return text;
}

/* `text` with the first `find` replaced; the caller frees it. */
static inline char *edited(const char *text, const char *find, const char *replace)
{
	const char *at = strstr(text, find);
	size_t	    size = strlen(text) + strlen(replace) + 1;
	char	   *out = calloc(1, size);

	if (at == NULL || out == NULL)
		abort();
	(void)snprintf(out, size, "%.*s%s%s", (int)(at - text), text, replace, at + strlen(find));
	return out;
}

/* The 1-based line of a place in `text`. */
static inline unsigned line_in(const char *text, const char *place)
{
	unsigned line = 1;

	for (; text < place; text++)
		line += *text == '\n';
	return line;
}

/* The 1-based line on which `find` begins. */
static inline unsigned line_of(const char *text, const char *find)
{
	const char *place = strstr(text, find);

	if (place == NULL)
		abort();
	return line_in(text, place);
}

/* The published root keys of the invented sample parties (samples/README.md). */
static inline struct sign_key sample_root(const char *party, char letter)
{
	struct sign_key key;
	char		words[128];

	(void)snprintf(words, sizeof words, "mithaq sample root %c %s", letter, party);
	struct hash seed = hash_bytes(bytes_text(words));
	sign_key_from_seed(&key, seed.b);
	return key;
}

#endif
