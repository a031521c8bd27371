/* refusal.c: the one table of refusals, asked. */
#include "agreement/decide.h"

static const struct refusal_row {
	const char *code;
	unsigned    http;
	const char *rule;
	const char *title[2];
} rows[] = {
#define REFUSAL_ROW(name, code, http, rule, en, ar) [REFUSAL_##name] = {code, http, rule, {[LANG_EN] = en, [LANG_AR] = ar}},
	REFUSAL_TABLE(REFUSAL_ROW)
#undef REFUSAL_ROW
};

const char *refusal_code(enum refusal r)
{
	return rows[r].code;
}

unsigned refusal_http(enum refusal r)
{
	return rows[r].http;
}

const char *refusal_rule(enum refusal r)
{
	return rows[r].rule;
}

const char *refusal_title(enum refusal r, enum lang lang)
{
	return rows[r].title[lang];
}

enum refusal refusal_by_rule(struct bytes rule)
{
	for (unsigned r = 0; r < REFUSAL_COUNT; r++) {
		if (r != REFUSAL_NONE && bytes_is(rule, rows[r].rule))
			return (enum refusal)r;
	}
	return REFUSAL_COUNT;
}
