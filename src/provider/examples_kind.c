/*
 * examples_kind.c: the agreement's own examples as a source, so that a partner can be played, or be
 * rehearsed with, before anybody has connected a national system. In the test environment only.
 *
 * An example names a question when every field that the clause requires is the same in both and no
 * field that both give differs; one with the question's purpose goes before one without. A question
 * that no example names is a no-hit.
 */
#include <stdlib.h>

#include "provider/provider.h"

#define EXAMPLES_MEMORY_MOST (8u << 20)

struct played {
	struct bytes	 purpose;
	struct fields	 ask, answer;
	enum expectation expect;
};

struct examples {
	provider_found_fn *found;
	provider_trace_fn *trace;
	void		  *arg;
	struct arena	   arena;
	unsigned	   n, nrequired;
	struct played	  *at;
	struct bytes	   required[AGREEMENT_FIELDS_MOST];
};

/* ---- opening: the agreement is not looked at later ---- */

static void fields_keep(struct arena *arena, const struct fields *from, struct fields *to)
{
	to->n = from->n;
	for (unsigned i = 0; i < from->n; i++)
		to->at[i] = (struct field){arena_copy(arena, from->at[i].name), arena_copy(arena, from->at[i].value)};
}

static void example_keep(struct arena *arena, const struct example *from, struct played *to)
{
	to->purpose = arena_copy(arena, bytes_text(from->purpose));
	to->expect = from->expect;
	fields_keep(arena, &from->ask, &to->ask);
	fields_keep(arena, &from->answer, &to->answer);
}

/* Those that must be refused never come to a provider. */
static enum err clause_keep(struct examples *x, const struct clause *c)
{
	x->at = arena_take(&x->arena, c->nexamples * sizeof *x->at);
	for (unsigned i = 0; i < c->nexamples && x->at != NULL; i++)
		if (c->example[i].expect != EXPECT_REFUSED)
			example_keep(&x->arena, &c->example[i], &x->at[x->n++]);
	for (unsigned i = 0; i < c->nrequest; i++)
		if (c->request[i].required && x->nrequired < COUNT_OF(x->required))
			x->required[x->nrequired++] = arena_copy(&x->arena, bytes_text(c->request[i].name));
	return x->arena.failed ? ERR_MEMORY : ERR_OK;
}

static enum err setup_check(const struct provider_setup *setup, struct fault *fault)
{
	if (setup->agreement == NULL || setup->clause == NULL)
		return fault_at(fault, ERR_NOT_FOUND, 0, "examples", setup->provider->clause,
				"examples need one agreement, and only one, that has this clause", "تتطلب الأمثلة اتفاقًا واحدًا لا غير فيه هذا البند");
	if (setup->agreement->live)
		return fault_at(fault, ERR_VALUE, 0, "examples", "environment: live", "examples answer in the test environment only",
				"لا تجيب الأمثلة إلا في بيئة الاختبار");
	return ERR_OK;
}

static void examples_close(void *self)
{
	struct examples *x = self;

	arena_done(&x->arena);
	free(x);
}

static enum err examples_open(const struct provider_setup *setup, void **self, struct fault *fault)
{
	enum err e = setup_check(setup, fault);

	if (e != ERR_OK)
		return e;
	struct examples *x = calloc(1, sizeof *x);
	if (x == NULL)
		return fault_at(fault, ERR_MEMORY, 0, "", "", "", "");
	arena_init(&x->arena, EXAMPLES_MEMORY_MOST);
	x->found = setup->found;
	x->trace = setup->trace;
	x->arg = setup->arg;
	e = clause_keep(x, setup->clause);
	if (e != ERR_OK) {
		examples_close(x);
		return fault_at(fault, e, 0, "", "", "", "");
	}
	*self = x;
	return ERR_OK;
}

static void examples_need(const void *self unused_arg, struct provider_needs *out unused_arg)
{
}

/* ---- asking ---- */

static bool required_equal(const struct examples *x, const struct fields *a, const struct fields *b)
{
	for (unsigned i = 0; i < x->nrequired; i++) {
		const struct field *in_a = fields_find_bytes(a, x->required[i]), *in_b = fields_find_bytes(b, x->required[i]);

		if (in_a == NULL || in_b == NULL || !bytes_equal(in_a->value, in_b->value))
			return false;
	}
	return true;
}

static bool differ(const struct fields *a, const struct fields *b)
{
	for (unsigned i = 0; i < a->n; i++) {
		const struct field *other = fields_find_bytes(b, a->at[i].name);

		if (other != NULL && !bytes_equal(a->at[i].value, other->value))
			return true;
	}
	return false;
}

static const struct played *example_of(const struct examples *x, const struct provider_question *q)
{
	const struct played *found = NULL;

	for (unsigned i = 0; i < x->n; i++) {
		const struct played *p = &x->at[i];

		if (!required_equal(x, &p->ask, q->fields) || differ(&p->ask, q->fields))
			continue;
		if (bytes_equal(p->purpose, q->purpose))
			return p;
		if (found == NULL)
			found = p;
	}
	return found;
}

static void tell(const struct examples *x, const struct played *p)
{
	if (x->trace == NULL)
		return;
	x->trace(x->arg, STEP_ASKED, BYTES_NONE, bytes_text("the agreement's examples"),
		 bytes_text(p != NULL ? "one names this question" : "none names it"));
	for (unsigned i = 0; p != NULL && i < p->answer.n; i++)
		x->trace(x->arg, STEP_MAPPED, p->answer.at[i].name, p->answer.at[i].name, p->answer.at[i].value);
}

static void examples_ask(void *self, const struct provider_question *q)
{
	struct examples	      *x = self;
	const struct played   *p = example_of(x, q);
	struct provider_answer a = {.ticket = q->ticket, .outcome = PROVIDER_NO_HIT};

	if (p != NULL && p->expect == EXPECT_ANSWER) {
		a.outcome = PROVIDER_HIT;
		a.fields = &p->answer;
	}
	tell(x, p);
	x->found(x->arg, &a);
}

const struct provider_kind provider_examples = {
	.source = SOURCE_EXAMPLES,
	.open = examples_open,
	.needs = examples_need,
	.ask = examples_ask,
	.close = examples_close,
};
