/* provider.c: the table of kinds, and the sentences of their troubles. */
#include "provider/provider.h"

#include <stdlib.h>

struct provider {
	const struct provider_kind *kind;
	void			   *self;
};

static const struct provider_kind *const kinds[] = {&provider_sqlite, &provider_odbc, &provider_http, &provider_examples};

static const struct provider_kind *kind_of(enum provider_source source)
{
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (kinds[i]->source == source)
			return kinds[i];
	return NULL;
}

enum err provider_open(const struct provider_setup *setup, struct provider **out, struct fault *fault)
{
	const struct provider_kind *kind = kind_of(setup->provider->source);
	struct provider		   *p = calloc(1, sizeof *p);

	if (p == NULL || kind == NULL) {
		free(p);
		return fault_at(fault, kind == NULL ? ERR_INTERNAL : ERR_MEMORY, 0, "", "", "", "");
	}
	p->kind = kind;
	enum err e = kind->open(setup, &p->self, fault);
	if (e != ERR_OK) {
		free(p);
		return e;
	}
	*out = p;
	return ERR_OK;
}

void provider_close(struct provider *p)
{
	if (p == NULL)
		return;
	p->kind->close(p->self);
	free(p);
}

void provider_needs(const struct provider *p, struct provider_needs *out)
{
	*out = (struct provider_needs){0};
	p->kind->needs(p->self, out);
}

void provider_ask(struct provider *p, const struct provider_question *q)
{
	p->kind->ask(p->self, q);
}

void provider_turn(struct provider *p)
{
	if (p->kind->turn != NULL)
		p->kind->turn(p->self);
}

const struct agreement *provider_agreement(const struct papers *papers, const char *clause)
{
	const struct agreement *only = NULL;

	for (unsigned i = 0; i < papers->nagreements; i++) {
		if (agreement_clause_named(papers->agreement[i], bytes_text(clause)) == NULL)
			continue;
		if (only != NULL)
			return NULL;
		only = papers->agreement[i];
	}
	return only;
}

static const struct {
	const char *code, *text;
} troubles[] = {
	{"provider-timeout", "the source did not answer in time"},
	{"provider-ambiguous", "the source gave more than one record"},
	{"provider-value", "a value cannot be sent as the clause wants it"},
	{"provider-database", "the database reported an error"},
	{"provider-status", "the service answered with a status that no rule names"},
	{"provider-unreachable", "the service cannot be reached"},
	{"provider-too-much", "the source answered more than its limit"},
	{"provider-malformed", "the source answered what cannot be read"},
};

const char *provider_trouble(const char *code)
{
	for (size_t i = 0; i < COUNT_OF(troubles); i++)
		if (strcmp(troubles[i].code, code) == 0)
			return troubles[i].text;
	return "the source failed";
}
