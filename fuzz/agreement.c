/*
 * agreement.c: texts and signed notes of agreements from anybody. What is accepted
 * can be shown, run and asked in both languages; what is refused says why.
 */
#include <stdlib.h>

#include "agreement/decide.h"

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void show_clause(const struct agreement *a, const struct clause *c)
{
	for (unsigned lang = 0; lang < 2; lang++) {
		struct buffer out = {.most = 8u * 1024 * 1024};

		must(agreement_show(a, c, (enum lang)lang, &out) == ERR_OK);
		must(out.n > 0 && out.at[out.n - 1] == '\n');
		must(text_check(buffer_bytes(&out), TEXT_LINES) == ERR_OK);
		buffer_done(&out);
	}
}

static void tell(const struct agreement *a, const struct decision *d)
{
	for (unsigned lang = 0; lang < 2; lang++) {
		char out[300];

		decision_because(a, d, (enum lang)lang, out, sizeof out);
		must(text_check(bytes_text(out), TEXT_LINE) == ERR_OK);
		decision_remedy(a, d, (enum lang)lang, out, sizeof out);
		must(text_check(bytes_text(out), TEXT_LINE) == ERR_OK);
	}
	must(text_check(bytes_text(d->found), TEXT_LINE) == ERR_OK);
}

/* Each example is asked from both sides; the side that does not ask is always refused. */
static void ask_examples(const struct agreement *a, const struct clause *c)
{
	for (unsigned i = 0; i < 2 * c->nexamples; i++) {
		const struct example *ex = &c->example[i / 2];
		struct request	      r = {.asks = i % 2, .clause = c->number, .fields = ex->ask, .time_ms = 1795420800000};
		struct decision	      d;

		r.purpose = ex->purpose == NULL ? BYTES_NONE : bytes_text(ex->purpose);
		decide_request(a, &r, &d);
		must(r.asks == c->asks || d.refusal == REFUSAL_DIRECTION);
		tell(a, &d);
		decide_answer(a, c, &ex->ask, &d);
		tell(a, &d);
	}
}

static void check_agreement(const struct agreement *a)
{
	unsigned     run = 0;
	struct fault fault = {.err = ERR_OK};

	must(a->nclauses > 0 && a->npurposes > 0 && (a->has_lang[0] || a->has_lang[1]));
	for (unsigned i = 0; i < a->nclauses; i++) {
		must(agreement_clause(a, a->clause[i].number) == &a->clause[i]);
		show_clause(a, &a->clause[i]);
		ask_examples(a, &a->clause[i]);
	}
	must(agreement_examples(a, &run, &fault) == ERR_OK ? run > 0 : fault.line > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct agreement *a = NULL;
	struct fault	  fault = {.err = ERR_OK};
	struct bytes	  v = bytes_of(data, size);

	if (crypto_start() != ERR_OK)
		return 0;
	if (agreement_parse(v, &a, &fault) == ERR_OK)
		check_agreement(a);
	else
		must(a == NULL && fault.err != ERR_OK);
	agreement_free(a);
	if (agreement_open_unpinned(v, &a, &fault) == ERR_OK)
		check_agreement(a);
	agreement_free(a);
	return 0;
}
