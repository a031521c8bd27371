/* parse_clause.c: `clauses:` of an agreement. */
#include <stdio.h>

#include "agreement/parse.h"

#define KEEP_DAYS_MOST 36500

static const struct schema_unit day_units[] = {{"day", "days"}};

/* The units of `answer-within`, with their milliseconds. */
static const struct schema_unit wait_units[] = {
	{"millisecond", "milliseconds"}, {"second", "seconds"}, {"minute", "minutes"}, {"hour", "hours"}, {"day", "days"}};
static const uint64_t wait_ms[] = {1, 1000, 60 * 1000, 3600 * 1000, 24 * 3600 * 1000};
#define WAIT_MOST_MS (30ull * 24 * 3600 * 1000) /* as long as an entry may live */

static void read_pattern(struct schema *s, const struct yaml *node)
{
	if (schema_ok(s) && strcmp(schema_text(s, node), "query") != 0)
		schema_fail(s, ERR_VALUE, node,
			    HELP("only query: other patterns are not in this version", "query وحده: الأنماط الأخرى ليست في هذا الإصدار"));
}

static unsigned read_party(struct schema *s, const struct agreement *a, const struct yaml *node)
{
	const char *const names[] = {a->party[0].name, a->party[1].name, NULL};

	return schema_ok(s) ? schema_word(s, node, names) : 0;
}

static void read_sides(struct schema *s, const struct agreement *a, const struct yaml *map, struct clause *c)
{
	c->asks = read_party(s, a, schema_need(s, map, "asks"));
	c->answers = read_party(s, a, schema_need(s, map, "answers"));
	if (schema_ok(s) && c->asks == c->answers)
		schema_fail(s, ERR_VALUE, yaml_get(map, "answers"), HELP("one party asks, the other answers", "طرف يستعلم والآخر يجيب"));
}

static const struct purpose *read_purpose(struct schema *s, const struct agreement *a, const struct yaml *node)
{
	const struct purpose *p = agreement_purpose(a, schema_name(s, node));

	if (p == NULL)
		schema_fail(s, ERR_VALUE, node, HELP("name a purpose that stands in `purposes`", "اذكر غرضًا واردًا في purposes"));
	return p;
}

static bool clause_has_purpose(const struct clause *c, const struct purpose *p)
{
	for (unsigned i = 0; i < c->npurposes; i++) {
		if (c->purpose[i] == p)
			return true;
	}
	return false;
}

static void read_clause_purposes(struct schema *s, const struct agreement *a, const struct yaml *node, struct clause *c)
{
	unsigned n = schema_count(s, node, YAML_LIST, 1, AGREEMENT_PURPOSES_MOST);
	size_t	 before = schema_enter(s, "purposes");

	c->purpose = schema_take(s, n, sizeof(struct purpose *));
	for (unsigned i = 0; i < n && schema_ok(s); i++) {
		const struct purpose *p = read_purpose(s, a, node->at[i]);

		if (schema_ok(s) && clause_has_purpose(c, p))
			schema_fail(s, ERR_DUPLICATE, node->at[i], HELP("name each purpose once", "اذكر كل غرض مرة واحدة"));
		c->purpose[c->npurposes++] = p;
	}
	schema_leave(s, before);
}

/* "always", or "when the purpose is offence-inquiry". */
static const char *read_condition(struct schema *s, const struct agreement *a, const struct yaml *node, const struct clause *c)
{
	static const char when[] = "when the purpose is ";
	const char	 *text = schema_text(s, node);

	if (strcmp(text, "always") == 0)
		return NULL;
	const struct purpose *p = strncmp(text, when, strlen(when)) == 0 ? agreement_purpose(a, text + strlen(when)) : NULL;
	if (p == NULL || !clause_has_purpose(c, p))
		schema_fail(s, ERR_VALUE, node,
			    HELP("always, or: when the purpose is NAME, with a purpose of this clause",
				 "always أو when the purpose is ثم اسم غرض من هذا البند"));
	return p == NULL ? NULL : p->name;
}

static void read_must_state(struct schema *s, const struct agreement *a, const struct yaml *node, struct clause *c)
{
	static const char *const keys[] = {"case", NULL};

	if (node == NULL)
		return;
	size_t before = schema_enter(s, "must-state");
	schema_closed(s, node, keys);
	c->must = schema_take(s, 1, sizeof *c->must);
	if (c->must != NULL) {
		c->must->what = "case";
		c->must->purpose = read_condition(s, a, schema_need(s, node, "case"), c);
		c->nmust = 1;
	}
	schema_leave(s, before);
}

static void read_limits(struct schema *s, const struct yaml *node, struct clause *c)
{
	static const char *const keys[] = {"per-day", "answer-within", NULL};
	size_t			 before = schema_enter(s, "limits"), unit = 0;

	schema_closed(s, node, keys);
	const struct yaml *per_day = schema_may(s, node, "per-day"), *within = schema_need(s, node, "answer-within");
	c->per_day = per_day == NULL ? 0 : schema_number(s, per_day, 1, 1000000000);
	uint64_t n = schema_amount(s, within, wait_units, COUNT_OF(wait_units), &unit);
	if (n > WAIT_MOST_MS / wait_ms[unit])
		schema_fail(s, ERR_VALUE, within, HELP("at most 30 days", "30 يومًا على الأكثر"));
	else
		c->answer_within_ms = n * wait_ms[unit];
	schema_leave(s, before);
}

static unsigned read_days(struct schema *s, const struct yaml *node)
{
	size_t	 unit = 0;
	uint64_t n = schema_amount(s, node, day_units, COUNT_OF(day_units), &unit);

	if (n > KEEP_DAYS_MOST)
		schema_fail(s, ERR_VALUE, node, HELP("at most 36500 days", "36500 يوم على الأكثر"));
	return schema_ok(s) ? (unsigned)n : 0;
}

static void read_keep(struct schema *s, const struct yaml *node, struct clause *c)
{
	static const char *const keys[] = {"question", "answer", NULL};
	size_t			 before = schema_enter(s, "keep");

	schema_closed(s, node, keys);
	const struct yaml *question = schema_need(s, node, "question");
	c->keep_question_until_answered = strcmp(schema_text(s, question), "until answered") == 0;
	if (!c->keep_question_until_answered)
		c->keep_question_days = read_days(s, question);
	c->keep_answer_days = read_days(s, schema_need(s, node, "answer"));
	schema_leave(s, before);
}

static void read_refusals(struct schema *s, const struct yaml *node, struct clause *c)
{
	if (node != NULL)
		codes_read(s, node, &c->refusal, &c->nrefusals);
}

static void read_rules(struct schema *s, const struct agreement *a, const struct yaml *map, struct clause *c)
{
	static const char *const onward[] = {"no", "only with prior authorisation", "yes", NULL};

	read_sides(s, a, map, c);
	read_clause_purposes(s, a, schema_need(s, map, "purposes"), c);
	read_must_state(s, a, schema_may(s, map, "must-state"), c);
	fields_read_rules(s, schema_need(s, map, "request"), true, &c->request, &c->nrequest);
	fields_read_rules(s, schema_need(s, map, "answer"), false, &c->answer, &c->nanswer);
	read_limits(s, schema_need(s, map, "limits"), c);
	read_keep(s, schema_need(s, map, "keep"), c);
	c->onward = onward[schema_word(s, schema_need(s, map, "onward"), onward)];
	read_refusals(s, schema_may(s, map, "refuse-for"), c);
	examples_read(s, map, c);
}

static void read_clause(struct schema *s, const struct agreement *a, const struct yaml *node, struct clause *c)
{
	static const char *const keys[] = {"number",  "channel",    "name",	  "pattern",	 "title",  "basis",  "asks",
					   "answers", "purposes",   "must-state", "request",	 "answer", "limits", "keep",
					   "onward",  "refuse-for", "examples",	  "must-refuse", NULL};

	schema_closed(s, node, keys);
	c->line = node->line;
	c->number = (uint16_t)schema_number(s, schema_need(s, node, "number"), 1, UINT16_MAX);
	c->channel = schema_name(s, schema_need(s, node, "channel"));
	c->name = schema_name(s, schema_need(s, node, "name"));
	read_pattern(s, schema_need(s, node, "pattern"));
	schema_texts(s, schema_need(s, node, "title"), &c->title);
	schema_texts(s, schema_need(s, node, "basis"), &c->basis);
	read_rules(s, a, node, c);
}

static void check_apart(struct schema *s, const struct agreement *a, const struct yaml *node)
{
	const struct clause *last = &a->clause[a->nclauses];

	for (unsigned i = 0; i < a->nclauses && schema_ok(s); i++) {
		const struct clause *c = &a->clause[i];

		if (c->number >= last->number)
			schema_fail(s, ERR_ORDER, yaml_get(node, "number"), HELP("clause numbers ascend", "أرقام البنود تصاعدية"));
		if (strcmp(c->channel, last->channel) == 0 && strcmp(c->name, last->name) == 0)
			schema_fail(s, ERR_DUPLICATE, yaml_get(node, "name"),
				    HELP("another clause of this channel has this name", "لبند آخر في هذه القناة الاسم نفسه"));
	}
}

/* A clause's place is its number where it has one: "clauses/7". */
static size_t enter_clause(struct schema *s, const struct yaml *node, unsigned i)
{
	const struct yaml *number = yaml_get(node, "number");
	uint64_t	   v = 0;
	char		   place[24];

	if (number != NULL && number->kind == YAML_SCALAR && decimal_read(bytes_text(number->text), &v) == ERR_OK && v <= UINT16_MAX)
		(void)snprintf(place, sizeof place, "%u", (unsigned)v);
	else
		(void)snprintf(place, sizeof place, "(%u)", i + 1);
	return schema_enter(s, place);
}

void clauses_read(struct schema *s, const struct yaml *node, struct agreement *a)
{
	unsigned n = schema_count(s, node, YAML_LIST, 1, AGREEMENT_CLAUSES_MOST);
	size_t	 before = schema_enter(s, "clauses");

	a->clause = schema_take(s, n, sizeof *a->clause);
	for (unsigned i = 0; i < n && schema_ok(s); i++) {
		size_t inner = enter_clause(s, node->at[i], i);

		read_clause(s, a, node->at[i], &a->clause[i]);
		if (schema_ok(s))
			check_apart(s, a, node->at[i]);
		if (schema_ok(s))
			a->nclauses = i + 1;
		schema_leave(s, inner);
	}
	schema_leave(s, before);
}
