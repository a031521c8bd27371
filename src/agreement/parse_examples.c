/* parse_examples.c: `examples:` and `must-refuse:` of a clause: the signed promise, by example. */
#include <stdio.h>

#include "agreement/parse.h"

/* The rules that a single question can break by itself. */
static const char *const becauses[] = {"purpose", "field", "case", "required", "value", NULL};

static void add_field(struct schema *s, const struct yaml *member, struct fields *out)
{
	if (!schema_ok(s))
		return;
	if (member->kind != YAML_SCALAR) {
		schema_fail(s, ERR_VALUE, member, HELP("a plain text is needed here", "المطلوب هنا نص"));
		return;
	}
	enum err e = fields_add(out, bytes_text(member->key), bytes_text(member->text));
	if (e != ERR_OK)
		schema_fail(s, e, member, HELP("a field has a name of small letters and a text", "للحقل اسم بحروف صغيرة ونص"));
}

static void read_ask(struct schema *s, const struct yaml *node, struct example *ex)
{
	unsigned n = schema_count(s, node, YAML_MAP, 1, AGREEMENT_FIELDS_MOST + 2);
	size_t	 before = schema_enter(s, "ask");

	for (unsigned i = 0; i < n && schema_ok(s); i++) {
		const struct yaml *member = node->at[i];

		if (strcmp(member->key, "purpose") == 0)
			ex->purpose = schema_text(s, member);
		else if (strcmp(member->key, "case") == 0)
			ex->reference = schema_text(s, member);
		else
			add_field(s, member, &ex->ask);
	}
	schema_leave(s, before);
}

static void read_answer(struct schema *s, const struct yaml *node, struct example *ex)
{
	static const char *const no_hit[] = {"no-hit", NULL};

	if (!schema_ok(s))
		return;
	if (node->kind == YAML_SCALAR) {
		(void)schema_word(s, node, no_hit);
		ex->expect = EXPECT_NO_HIT;
		return;
	}
	unsigned n = schema_count(s, node, YAML_MAP, 1, AGREEMENT_FIELDS_MOST);
	size_t	 before = schema_enter(s, "answer");
	for (unsigned i = 0; i < n && schema_ok(s); i++)
		add_field(s, node->at[i], &ex->answer);
	ex->expect = EXPECT_ANSWER;
	schema_leave(s, before);
}

static void read_example(struct schema *s, const struct yaml *node, struct example *ex)
{
	static const char *const keys[] = {"ask", "answer", NULL};

	schema_closed(s, node, keys);
	read_ask(s, schema_need(s, node, "ask"), ex);
	read_answer(s, schema_need(s, node, "answer"), ex);
}

static void read_must_refuse(struct schema *s, const struct yaml *node, struct example *ex)
{
	static const char *const keys[] = {"ask", "because", NULL};

	schema_closed(s, node, keys);
	read_ask(s, schema_need(s, node, "ask"), ex);
	ex->because = becauses[schema_word(s, schema_need(s, node, "because"), becauses)];
	ex->expect = EXPECT_REFUSED;
}

typedef void read_one(struct schema *, const struct yaml *, struct example *);

static void read_list(struct schema *s, const struct yaml *node, unsigned n, read_one *read, struct example *to)
{
	for (unsigned i = 0; i < n && schema_ok(s); i++) {
		char number[16];

		(void)snprintf(number, sizeof number, "%u", i + 1);
		size_t before = schema_enter(s, node->key), inner = schema_enter(s, number);
		to[i].line = node->at[i]->line;
		read(s, node->at[i], &to[i]);
		schema_leave(s, inner);
		schema_leave(s, before);
	}
}

void examples_read(struct schema *s, const struct yaml *map, struct clause *c)
{
	const struct yaml *good = schema_need(s, map, "examples"), *bad = schema_may(s, map, "must-refuse");
	unsigned	   ngood = schema_count(s, good, YAML_LIST, 1, AGREEMENT_EXAMPLES_MOST);
	unsigned	   nbad = bad == NULL ? 0 : schema_count(s, bad, YAML_LIST, 1, AGREEMENT_EXAMPLES_MOST);

	c->example = schema_take(s, ngood + nbad, sizeof *c->example);
	if (!schema_ok(s))
		return;
	read_list(s, good, ngood, read_example, c->example);
	if (bad != NULL)
		read_list(s, bad, nbad, read_must_refuse, c->example + ngood);
	c->nexamples = ngood + nbad;
}
