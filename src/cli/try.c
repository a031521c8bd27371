/*
 * try.c: `mithaq try AGREEMENT`: the absent partner, played from the agreement's own
 * examples, so that whoever integrates can begin before the partner does.
 *
 * Both parties run on this machine with test keys (stage.h). Every example and every
 * must-refuse case is asked through both gateways; then they stay up, and the local
 * API is ours to try, until Ctrl-C.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agreement/decide.h"
#include "cli/stage.h"

#define LOOK_EVERY_S 1

struct trial {
	struct cli  *cli;
	struct stage stage;
	bool	     own_provider; /* our answers come from a person's own source: they need not be the examples' */
	unsigned     wrong;
};

/* ---- one example as a question ---- */

static void question_write(const struct trial *t, const struct clause *c, const struct example *x, struct json_writer *w)
{
	char name[2 * NAME_MOST + 2];

	snprintf(name, sizeof name, "%s/%s", c->channel, c->name);
	json_open(w, '{');
	json_member(w, "to", t->stage.agreement->party[c->answers].name);
	json_member(w, "clause", name);
	if (x->purpose != NULL)
		json_member(w, "purpose", x->purpose);
	if (x->reference != NULL)
		json_member(w, "case", x->reference);
	json_member_open(w, "fields", '{');
	for (unsigned i = 0; i < x->ask.n; i++) {
		json_key_bytes(w, x->ask.at[i].name);
		json_text(w, x->ask.at[i].value);
	}
	json_close(w, '}');
	json_close(w, '}');
}

struct came {
	unsigned status;
	json_t	*json; /* or NULL */
};

static enum err example_ask(const struct trial *t, const struct clause *c, const struct example *x, struct came *out)
{
	scoped(buffer_done) struct buffer body = {.most = JSON_BODY_MOST};
	struct json_writer		  w = json_writer_on(&body);
	struct http_question		  q = {.method = "POST", .target = "/v1/queries", .lang = t->cli->lang, .wait = 10};
	struct http_answer		  answer;

	question_write(t, c, x, &w);
	if (w.err != ERR_OK)
		return w.err;
	q.body = buffer_bytes(&body);
	enum err e = stage_ask(&t->stage, c->asks, &q, &answer);
	if (e != ERR_OK)
		return e;
	out->status = answer.status;
	out->json = json_loadb((const char *)answer.body.at, answer.body.n, 0, NULL);
	http_answer_done(&answer);
	return ERR_OK;
}

/* ---- did it come out as it is written? ---- */

static const char *text_of(const json_t *object, const char *key)
{
	const char *v = json_string_value(json_object_get(object, key));

	return v != NULL ? v : "";
}

/* The API writes released_on for released-on. */
static bool fields_equal(const json_t *got, const struct fields *expected)
{
	if (json_object_size(got) != expected->n)
		return false;
	for (unsigned i = 0; i < expected->n; i++) {
		char	     name[NAME_MOST + 1];
		struct bytes key = expected->at[i].name;

		snprintf(name, sizeof name, "%.*s", (int)key.n, (const char *)key.at);
		for (char *at = name; *at != '\0'; at++)
			*at = *at == '-' ? '_' : *at;
		if (!bytes_is(expected->at[i].value, text_of(got, name)))
			return false;
	}
	return true;
}

static bool as_written(const struct trial *t, const struct clause *c, const struct example *x, const struct came *came)
{
	const char *result = text_of(came->json, "result");
	bool	    answered = came->status == 200 && strcmp(text_of(came->json, "state"), "answered") == 0;

	if (x->expect == EXPECT_REFUSED)
		return came->status >= 400 && came->status < 500 && !json_is_true(json_object_get(came->json, "left_the_house"));
	if (t->own_provider && c->answers == t->stage.us)
		return answered;
	if (x->expect == EXPECT_NO_HIT)
		return answered && strcmp(result, "no-hit") == 0;
	return answered && strcmp(result, "hit") == 0 && fields_equal(json_object_get(came->json, "fields"), &x->answer);
}

static void say_otherwise(struct trial *t, const struct example *x, const struct came *came)
{
	const json_t *refusal = json_object_get(came->json, "refusal");
	const char   *said = came->status >= 400	      ? text_of(came->json, "detail")
			     : refusal != NULL		      ? text_of(refusal, "text")
			     : *text_of(came->json, "result") ? text_of(came->json, "result")
							      : text_of(came->json, "state");

	t->wrong++;
	fprintf(t->cli->complain, "  %s %u: %s: %u %s\n", cli_text(t->cli, "line", "السطر"), x->line,
		cli_text(t->cli, "came out otherwise", "جاءت النتيجة مختلفة"), came->status, said);
}

/* ---- a clause ---- */

struct counted {
	unsigned answered, refused;
};

static enum err example_play(struct trial *t, const struct clause *c, const struct example *x, struct counted *n)
{
	struct came came = {0};
	enum err    e = example_ask(t, c, x, &came);

	if (e != ERR_OK)
		return e;
	if (!as_written(t, c, x, &came))
		say_otherwise(t, x, &came);
	else if (x->expect == EXPECT_REFUSED)
		n->refused++;
	else
		n->answered++;
	json_decref(came.json);
	return ERR_OK;
}

static void say_clause(const struct trial *t, const struct clause *c, const struct counted *n, bool good)
{
	fprintf(t->cli->out,
		cli_text(t->cli, "  clause %u %-24s %u examples answered, %u must-refuse refused  %s\n",
			 "  البند %u %-24s أُجيب عن %u أمثلة ورُفضت %u مما يجب رفضه  %s\n"),
		c->number, c->name, n->answered, n->refused,
		good ? cli_text(t->cli, "ok", "سليم") : cli_text(t->cli, "NOT AS WRITTEN", "ليس كما كُتب"));
}

static int clause_play(struct trial *t, const struct clause *c)
{
	struct counted n = {0};
	unsigned       before = t->wrong;

	for (unsigned i = 0; i < c->nexamples; i++) {
		enum err e = example_play(t, c, &c->example[i], &n);

		if (e != ERR_OK)
			return cli_err(t->cli, e, t->stage.party[c->asks].socket, NULL);
	}
	say_clause(t, c, &n, t->wrong == before);
	return EXIT_DONE;
}

static int clauses_play(struct trial *t)
{
	int code = EXIT_DONE;

	for (unsigned i = 0; i < t->stage.agreement->nclauses && code == EXIT_DONE; i++)
		code = clause_play(t, &t->stage.agreement->clause[i]);
	return code;
}

/* ---- until Ctrl-C ---- */

static volatile sig_atomic_t interrupted;

static void interrupt(int number unused_arg)
{
	interrupted = 1;
}

/* Asked to end while it is set up or plays: the gateways and their folder go all the same. */
static void signals_take(void)
{
	struct sigaction take = {.sa_handler = interrupt};

	(void)sigaction(SIGINT, &take, NULL);
	(void)sigaction(SIGTERM, &take, NULL);
	(void)sigaction(SIGHUP, &take, NULL);
}

static void say_api(const struct trial *t)
{
	const struct stage *s = &t->stage;

	fprintf(t->cli->out, cli_text(t->cli, "  we are %s; %s is played\n", "  نحن %s، و%s يُمثَّل دوره\n"), s->agreement->party[s->us].name,
		s->agreement->party[1 - s->us].name);
	fprintf(t->cli->out, "  %s http://%s/v1   %s %s\n  %s http://%s/docs   %s %s\n", cli_text(t->cli, "local API ", "الواجهة المحلية"), s->api,
		cli_text(t->cli, "token", "الرمز"), s->party[s->us].token, cli_text(t->cli, "docs      ", "الوثائق"), s->api,
		cli_text(t->cli, "home ", "المجلد"), s->party[s->us].home);
	fprintf(t->cli->out, "  %s\n", cli_text(t->cli, "Ctrl-C ends both and takes everything away", "ينهي Ctrl-C البوابتين ويزيل كل شيء"));
	fflush(t->cli->out);
}

static int stay(struct trial *t)
{
	say_api(t);
	while (!interrupted && !stage_broken(&t->stage))
		(void)sleep(LOOK_EVERY_S);
	if (interrupted)
		return EXIT_DONE;
	return cli_complain(t->cli, EXIT_INTERNAL, cli_text(t->cli, "a gateway ended by itself", "انتهت إحدى البوابتين من تلقاء نفسها"),
			    t->stage.folder, NULL);
}

static int try_run(struct trial *t, const struct stage_words *words, bool once)
{
	signals_take();
	int code = stage_open(t->cli, words, &t->stage);
	if (code != EXIT_DONE)
		return code;
	code = clauses_play(t);
	if (code == EXIT_DONE && !once)
		code = stay(t);
	if (code == EXIT_DONE && t->wrong > 0)
		code = EXIT_USAGE;
	stage_close(&t->stage);
	return code;
}

int cmd_try(struct cli *cli, int argc, char **argv)
{
	struct trial		t = {.cli = cli};
	struct stage_words	words = {0};
	bool			once = false;
	const struct cli_option options[] = {{"--as", &words.as, NULL},
					     {"--provide", &words.provide, NULL},
					     {"--api", &words.api, NULL},
					     {"--once", NULL, &once}};

	if (cli_options(cli, argc, argv, options, COUNT_OF(options)) != 1)
		return cli_usage(cli);
	words.file = argv[1];
	t.own_provider = words.provide != NULL;
	return try_run(&t, &words, once);
}
