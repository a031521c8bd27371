/* examples.c: runs the examples of an agreement through the same decision that both gateways take. */
#include <stdio.h>

#include "agreement/decide.h"
#include "agreement/schema.h"

#define DAY_MS ((uint64_t)24 * 3600 * 1000)

/* The question of an example, asked by the right party on the first day in force, nothing used before. */
static struct request request_of(const struct agreement *a, const struct clause *c, const struct example *ex)
{
	return (struct request){
		.asks = c->asks,
		.clause = c->number,
		.purpose = ex->purpose == NULL ? BYTES_NONE : bytes_text(ex->purpose),
		.reference = ex->reference == NULL ? BYTES_NONE : bytes_text(ex->reference),
		.fields = ex->ask,
		.time_ms = (uint64_t)(a->from_day < 0 ? 0 : a->from_day) * DAY_MS,
	};
}

static bool came_out(const struct agreement *a, const struct clause *c, const struct example *ex, struct decision *d)
{
	struct request r = request_of(a, c, ex);

	decide_request(a, &r, d);
	if (ex->expect == EXPECT_REFUSED)
		return d->refusal != REFUSAL_NONE && strcmp(refusal_rule(d->refusal), ex->because) == 0;
	if (d->refusal == REFUSAL_NONE && ex->expect == EXPECT_ANSWER)
		decide_answer(a, c, &ex->answer, d);
	return d->refusal == REFUSAL_NONE;
}

static enum err example_fault(const struct agreement *a, const struct clause *c, const struct example *ex, const struct decision *d,
			      struct fault *fault)
{
	char place[160], found[96], help[192], help_ar[256];

	(void)snprintf(place, sizeof place, "clauses/%u/%s", c->number, ex->expect == EXPECT_REFUSED ? "must-refuse" : "examples");
	if (d->refusal == REFUSAL_NONE)
		(void)snprintf(found, sizeof found, "permitted");
	else
		(void)snprintf(found, sizeof found, "refused: %s (%.60s)", refusal_rule(d->refusal), d->rule);
	if (ex->expect == EXPECT_REFUSED) {
		(void)snprintf(help, sizeof help, "the example says that it is refused because of: %s", ex->because);
		(void)snprintf(help_ar, sizeof help_ar, "المثال ينص على رفضه بسبب: %s", ex->because);
	} else {
		decision_because(a, d, LANG_EN, help, sizeof help);
		decision_because(a, d, LANG_AR, help_ar, sizeof help_ar);
	}
	return fault_at(fault, ERR_VALUE, ex->line, place, found, help, help_ar);
}

enum err agreement_examples(const struct agreement *a, unsigned *run, struct fault *fault)
{
	unsigned n = 0;

	for (unsigned i = 0; i < a->nclauses; i++) {
		const struct clause *c = &a->clause[i];

		for (unsigned k = 0; k < c->nexamples; k++, n++) {
			struct decision d;

			if (!came_out(a, c, &c->example[k], &d))
				return example_fault(a, c, &c->example[k], &d, fault);
		}
	}
	*run = n;
	return ERR_OK;
}
