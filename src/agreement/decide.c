/* decide.c: the checks of a question and of an answer, in the order in which people would ask them. */
#include <stdio.h>

#include "agreement/decide.h"
#include "agreement/field.h"
#include "agreement/sentence.h"

#define DAY_MS		     (24ull * 3600 * 1000)
#define CASE_CHARACTERS_MOST 120

struct deciding {
	const struct agreement *a;
	const struct request   *r;
	const struct clause    *c;
	struct decision	       *out;
};

/* ---- writing a decision ---- */

static void say_found(struct decision *out, struct bytes found)
{
	struct sentence s = sentence_on(out->found, sizeof out->found);

	sentence_foreign(&s, found);
}

/* A name as one step of a JSON pointer: '~' and '/' are escaped (RFC 6901). */
static void add_step(struct sentence *s, struct bytes name)
{
	for (size_t from = 0, at = 0; at < name.n; at = from) {
		while (at < name.n && name.at[at] != '~' && name.at[at] != '/')
			at++;
		sentence_foreign(s, bytes_of(name.at + from, at - from));
		if (at < name.n)
			sentence_add(s, name.at[at] == '~' ? "~0" : "~1");
		from = at + 1;
	}
}

/* "7/request/importer" and "/fields/importer". */
static void say_place(struct decision *out, const char *rule, const char *pointer, struct bytes name, const char *end)
{
	struct sentence r = sentence_on(out->rule, sizeof out->rule), p = sentence_on(out->pointer, sizeof out->pointer);

	sentence_number(&r, out->clause);
	sentence_add(&r, rule);
	sentence_foreign(&r, name);
	sentence_add(&r, end);
	sentence_add(&p, pointer);
	add_step(&p, name);
}

static void say_text(char *out, size_t size, const char *text)
{
	struct sentence s = sentence_on(out, size);

	sentence_add(&s, text);
}

/* Adds one permitted value, whole or not at all. */
static void allow(struct decision *out, const char *value)
{
	size_t n = strlen(out->allowed), more = strlen(value) + (n > 0 ? 2 : 0);

	if (n + more < sizeof out->allowed)
		(void)snprintf(out->allowed + n, sizeof out->allowed - n, "%s%s", n > 0 ? ", " : "", value);
}

static bool refuse(struct deciding *d, enum refusal refusal, struct bytes found)
{
	d->out->refusal = refusal;
	say_found(d->out, found);
	return false;
}

/* ---- the checks of a question; each is true when it has nothing against it ---- */

static bool check_clause(struct deciding *d)
{
	char number[8];

	d->c = agreement_clause(d->a, d->r->clause);
	if (d->c != NULL)
		return true;
	(void)snprintf(number, sizeof number, "%u", d->r->clause);
	say_text(d->out->rule, sizeof d->out->rule, "clauses");
	say_text(d->out->pointer, sizeof d->out->pointer, "/clause");
	for (unsigned i = 0; i < d->a->nclauses; i++) {
		char name[2 * NAME_MOST + 2];

		(void)snprintf(name, sizeof name, "%s/%s", d->a->clause[i].channel, d->a->clause[i].name);
		allow(d->out, name);
	}
	return refuse(d, REFUSAL_CLAUSE, bytes_text(number));
}

static bool check_direction(struct deciding *d)
{
	if (d->r->asks == d->c->asks)
		return true;
	say_place(d->out, "/asks", "/clause", BYTES_NONE, "");
	allow(d->out, d->a->party[d->c->asks].name);
	return refuse(d, REFUSAL_DIRECTION, d->r->asks < 2 ? bytes_text(d->a->party[d->r->asks].name) : BYTES_NONE);
}

static bool check_in_force(struct deciding *d)
{
	uint64_t day = d->r->time_ms / DAY_MS;
	char	 date[11] = "";

	if (day <= INT32_MAX && (int32_t)day >= d->a->from_day && (int32_t)day <= d->a->until_day)
		return true;
	if (day < 2932897) /* up to the year 9999 */
		date_write((int32_t)day, date);
	say_text(d->out->rule, sizeof d->out->rule, "in-force");
	return refuse(d, REFUSAL_NOT_IN_FORCE, bytes_text(date));
}

static bool check_purpose(struct deciding *d)
{
	for (unsigned i = 0; i < d->c->npurposes; i++) {
		if (bytes_is(d->r->purpose, d->c->purpose[i]->name))
			return true;
	}
	for (unsigned i = 0; i < d->c->npurposes; i++)
		allow(d->out, d->c->purpose[i]->name);
	say_place(d->out, "/purposes", "/purpose", BYTES_NONE, "");
	return refuse(d, REFUSAL_PURPOSE, d->r->purpose);
}

static size_t characters(struct bytes v)
{
	size_t n = 0;

	for (size_t i = 0; i < v.n; i++)
		n += (v.at[i] & 0xc0) != 0x80;
	return n;
}

static bool case_is_needed(const struct deciding *d)
{
	for (unsigned i = 0; i < d->c->nmust; i++) {
		const struct must_state *m = &d->c->must[i];

		if (strcmp(m->what, "case") == 0 && (m->purpose == NULL || bytes_is(d->r->purpose, m->purpose)))
			return true;
	}
	return false;
}

static bool check_case(struct deciding *d)
{
	struct bytes stated = d->r->reference;

	if (stated.n == 0 ? !case_is_needed(d) : characters(stated) <= CASE_CHARACTERS_MOST && text_check(stated, TEXT_LINE) == ERR_OK)
		return true;
	say_place(d->out, "/must-state/case", "/case", BYTES_NONE, "");
	return refuse(d, stated.n == 0 ? REFUSAL_CASE : REFUSAL_VALUE, stated);
}

/* The fields of a question or of an answer: which rules, and what they are called. */
struct field_set {
	const struct field_rule *rules;
	unsigned		 n;
	const char		*rule; /* "/request/" or "/answer/" */
};

static bool check_known(struct deciding *d, const struct fields *f, struct field_set set)
{
	for (unsigned i = 0; i < f->n; i++) {
		if (field_find(set.rules, set.n, f->at[i].name) != NULL)
			continue;
		for (unsigned k = 0; k < set.n; k++)
			allow(d->out, set.rules[k].name);
		say_place(d->out, set.rule, "/fields/", f->at[i].name, "");
		return refuse(d, REFUSAL_FIELD, f->at[i].name);
	}
	return true;
}

static bool check_values(struct deciding *d, const struct fields *f, struct field_set set)
{
	for (unsigned i = 0; i < f->n; i++) {
		const struct field_rule *rule = field_find(set.rules, set.n, f->at[i].name);

		if (field_check(rule, f->at[i].value) == ERR_OK)
			continue;
		for (unsigned k = 0; k < rule->ncodes; k++)
			allow(d->out, rule->code[k].name);
		say_place(d->out, set.rule, "/fields/", f->at[i].name, "");
		return refuse(d, REFUSAL_VALUE, f->at[i].value);
	}
	return true;
}

static struct field_set request_set(const struct clause *c)
{
	return (struct field_set){c->request, c->nrequest, "/request/"};
}

static bool check_request_known(struct deciding *d)
{
	return check_known(d, &d->r->fields, request_set(d->c));
}

static bool check_request_values(struct deciding *d)
{
	return check_values(d, &d->r->fields, request_set(d->c));
}

static bool check_required(struct deciding *d)
{
	for (unsigned i = 0; i < d->c->nrequest; i++) {
		const struct field_rule *rule = &d->c->request[i];

		if (!rule->required || fields_find(&d->r->fields, rule->name) != NULL)
			continue;
		say_place(d->out, "/request/", "/fields/", bytes_text(rule->name), "/required");
		return refuse(d, REFUSAL_REQUIRED, BYTES_NONE);
	}
	return true;
}

static bool check_quota(struct deciding *d)
{
	char used[24];

	if (d->c->per_day == 0 || d->r->used < d->c->per_day)
		return true;
	(void)snprintf(used, sizeof used, "%llu", (unsigned long long)d->r->used);
	say_place(d->out, "/limits/per-day", "", BYTES_NONE, "");
	return refuse(d, REFUSAL_QUOTA, bytes_text(used));
}

static bool (*const checks[])(struct deciding *) = {
	check_clause,	     check_direction,	   check_in_force, check_purpose, check_case,
	check_request_known, check_request_values, check_required, check_quota,
};

void decide_request(const struct agreement *a, const struct request *r, struct decision *out)
{
	struct deciding d = {.a = a, .r = r, .out = out};

	*out = (struct decision){.refusal = REFUSAL_NONE, .clause = r->clause};
	for (size_t i = 0; i < COUNT_OF(checks); i++) {
		if (!checks[i](&d))
			return;
	}
}

void decide_answer(const struct agreement *a, const struct clause *c, const struct fields *answer, struct decision *out)
{
	struct deciding	 d = {.a = a, .c = c, .out = out};
	struct field_set set = {c->answer, c->nanswer, "/answer/"};

	*out = (struct decision){.refusal = REFUSAL_NONE, .clause = c->number};
	if (check_known(&d, answer, set))
		(void)check_values(&d, answer, set);
}
