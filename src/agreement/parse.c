/* parse.c: the frame of an agreement: what stands outside its parties and clauses. */
#include <stdlib.h>

#include "agreement/parse.h"
#include "crypto/hash.h"

/* Nodes, texts and examples of the largest text permitted fit in here. */
#define AGREEMENT_MEMORY_MOST (64u * 1024 * 1024)

#define FIRST_LINE "mithaq: agreement/1\n"

static const struct schema_unit notice_units[] = {{"day", "days"}, {"month", "months"}, {"year", "years"}};

static void languages_of(struct schema *s, const struct yaml *node, bool out[2])
{
	static const char *const words[] = {"en", "ar", NULL}; /* by enum lang */
	unsigned		 n = schema_count(s, node, YAML_LIST, 1, 2);
	size_t			 before = n == 0 ? 0 : schema_enter(s, node->key);

	for (unsigned i = 0; i < n && schema_ok(s); i++) {
		unsigned lang = schema_word(s, node->at[i], words);

		if (schema_ok(s) && out[lang])
			schema_fail(s, ERR_DUPLICATE, node->at[i], HELP("name each language once", "اذكر كل لغة مرة واحدة"));
		out[lang] = true;
	}
	schema_leave(s, before);
}

/* Every text must exist in each language; those that are not named authentic are translations. */
static void read_languages(struct schema *s, const struct yaml *doc, struct agreement *a)
{
	const struct yaml *authentic = schema_may(s, doc, "authentic");

	languages_of(s, schema_need(s, doc, "languages"), a->has_lang);
	memcpy(s->has_lang, a->has_lang, sizeof s->has_lang);
	if (authentic == NULL)
		memcpy(a->authentic, a->has_lang, sizeof a->authentic);
	else
		languages_of(s, authentic, a->authentic);
	for (unsigned l = 0; l < 2 && schema_ok(s); l++) {
		if (a->authentic[l] && !a->has_lang[l])
			schema_fail(s, ERR_VALUE, authentic,
				    HELP("an authentic language must stand in `languages`", "اللغة المعتمدة يجب أن ترد في languages"));
	}
}

/* "no", or "tacitly for 5 years": then it stays in force until a party ends it in the log. */
static bool renews(struct schema *s, const struct yaml *node)
{
	static const char tacitly[] = "tacitly for ";
	size_t		  unit = 0;

	if (node == NULL)
		return false;
	const char *text = schema_text(s, node);
	if (strcmp(text, "no") == 0)
		return false;
	if (strncmp(text, tacitly, strlen(tacitly)) != 0) {
		schema_fail(s, ERR_VALUE, node, HELP("no, or: tacitly for 5 years", "no أو tacitly for 5 years"));
		return false;
	}
	struct yaml span = *node;
	span.text = text + strlen(tacitly);
	(void)schema_amount(s, &span, notice_units, COUNT_OF(notice_units), &unit);
	return true;
}

static void read_in_force(struct schema *s, const struct yaml *node, struct agreement *a)
{
	static const char *const keys[] = {"from", "until", "renews", "notice", NULL};
	size_t			 before = schema_enter(s, "in-force"), unit = 0;

	schema_closed(s, node, keys);
	const struct yaml *until = schema_may(s, node, "until"), *notice = schema_may(s, node, "notice");
	a->from_day = schema_day(s, schema_need(s, node, "from"));
	a->until_day = until == NULL ? INT32_MAX : schema_day(s, until);
	if (a->until_day < a->from_day)
		schema_fail(s, ERR_VALUE, until, HELP("it ends before it begins", "ينتهي قبل أن يبدأ"));
	if (renews(s, schema_may(s, node, "renews")))
		a->until_day = INT32_MAX;
	if (notice != NULL)
		(void)schema_amount(s, notice, notice_units, COUNT_OF(notice_units), &unit);
	schema_leave(s, before);
}

static void read_purposes(struct schema *s, const struct yaml *node, struct agreement *a)
{
	unsigned n = schema_count(s, node, YAML_MAP, 1, AGREEMENT_PURPOSES_MOST);
	size_t	 before = schema_enter(s, "purposes");

	a->purpose = schema_take(s, n, sizeof *a->purpose);
	for (unsigned i = 0; i < n && schema_ok(s); i++) {
		struct yaml key = {.kind = YAML_SCALAR, .line = node->at[i]->key_line, .text = node->at[i]->key, .key = node->at[i]->key};

		a->purpose[i].name = schema_name(s, &key);
		schema_texts(s, node->at[i], &a->purpose[i].text);
		a->npurposes = i + 1;
	}
	schema_leave(s, before);
}

static void read_head(struct schema *s, const struct yaml *doc, struct agreement *a)
{
	static const char *const environments[] = {"test", "live", NULL}, *const above[] = {"the treaty", "nothing", NULL};
	const struct yaml *version = schema_may(s, doc, "version"), *sample = schema_may(s, doc, "sample");
	const struct yaml *above_this = schema_may(s, doc, "above-this");

	a->name = schema_name(s, schema_need(s, doc, "id"));
	a->version = version == NULL ? 1 : (unsigned)schema_number(s, version, 1, 1000000);
	a->live = schema_word(s, schema_need(s, doc, "environment"), environments) == 1;
	a->sample = sample == NULL ? NULL : schema_text(s, sample);
	if (above_this != NULL)
		(void)schema_word(s, above_this, above);
	read_languages(s, doc, a);
	schema_texts(s, schema_need(s, doc, "title"), &a->title);
}

static void read_document(struct schema *s, const struct yaml *doc, struct agreement *a)
{
	static const char *const keys[] = {"mithaq",	 "id",	  "version",  "environment", "sample",	 "languages", "authentic",
					   "above-this", "title", "in-force", "parties",     "purposes", "clauses",   NULL};

	schema_closed(s, doc, keys);
	read_head(s, doc, a);
	read_in_force(s, schema_need(s, doc, "in-force"), a);
	parties_read(s, schema_need(s, doc, "parties"), a);
	read_purposes(s, schema_need(s, doc, "purposes"), a);
	clauses_read(s, schema_need(s, doc, "clauses"), a);
}

static enum err check_frame(struct bytes text, struct fault *fault)
{
	size_t n = strlen(FIRST_LINE);

	if (text.n > AGREEMENT_TEXT_MOST)
		return fault_at(fault, ERR_TOO_LONG, 0, NULL, NULL, HELP("an agreement has at most 262144 bytes", "لا يزيد الاتفاق على 262144 بايت"));
	if (text.n < n || memcmp(text.at, FIRST_LINE, n) != 0)
		return fault_at(fault, ERR_VALUE, 1, "mithaq", NULL,
				HELP("the first line is exactly: mithaq: agreement/1", "السطر الأول هو بالضبط: mithaq: agreement/1"));
	if (text.at[text.n - 1] != '\n')
		return fault_at(fault, ERR_NOT_CANONICAL, 0, NULL, NULL,
				HELP("end the last line with a line feed", "أنهِ السطر الأخير بعلامة سطر جديد"));
	return ERR_OK;
}

static enum err parse_into(struct agreement *a, struct bytes text, struct fault *fault)
{
	struct schema s = {.arena = &a->arena, .fault = fault};
	struct yaml  *doc = NULL;
	enum err      e = yaml_read(&a->arena, text, AGREEMENT_TEXT_MOST, &doc, fault);

	if (e != ERR_OK)
		return e;
	a->id = hash_bytes(text);
	a->text = arena_copy(&a->arena, text);
	read_document(&s, doc, a);
	if (s.err == ERR_OK && a->arena.failed)
		return fault_at(fault, ERR_MEMORY, 0, NULL, NULL, NULL, NULL);
	return s.err;
}

enum err agreement_parse(struct bytes text, struct agreement **out, struct fault *fault)
{
	enum err e = check_frame(text, fault);

	*out = NULL;
	if (e != ERR_OK)
		return e;
	struct agreement *a = calloc(1, sizeof *a);
	if (a == NULL)
		return fault_at(fault, ERR_MEMORY, 0, NULL, NULL, NULL, NULL);
	arena_init(&a->arena, AGREEMENT_MEMORY_MOST);
	e = parse_into(a, text, fault);
	if (e == ERR_OK)
		*out = a;
	else
		agreement_free(a);
	return e;
}

void agreement_free(struct agreement *a)
{
	if (a == NULL)
		return;
	arena_done(&a->arena);
	free(a);
}
