/* why.c: `mithaq why ID`: what became of one exchange, from either side, years later. */
#include <string.h>

#include "cli/ask.h"

static void print_line(struct cli *cli, const char *what, const char *time)
{
	fprintf(cli->out, "%-10s %s  ", what, time);
}

static void print_asked(struct cli *cli, const json_t *x)
{
	const json_t *clause = json_object_get(x, "clause");
	const json_t *question = json_object_get(json_object_get(x, "proof"), "question");

	print_line(cli, cli_text(cli, "asked", "سُئل"), reply_text(json_object_get(x, "times"), "accepted"));
	fprintf(cli->out, "%s %s  %s %llu (%s)%s %llu\n", cli_text(cli, "by", "من"), reply_text(x, "from"),
		cli_text(cli, "under clause", "بموجب البند"), (unsigned long long)reply_number(clause, "number"), reply_text(clause, "name"),
		cli_text(cli, ", entry", "، القيد"), (unsigned long long)reply_number(question, "index"));
}

static void print_received(struct cli *cli, const json_t *x)
{
	const char *at = reply_text(json_object_get(x, "times"), "delivered");

	if (*at == '\0')
		return;
	print_line(cli, cli_text(cli, "received", "استُلم"), at);
	fprintf(cli->out, "%s%s\n", reply_text(x, "to"),
		strcmp(reply_text(json_object_get(x, "proof"), "receipt"), "held") == 0 ? cli_text(cli, ", receipt", "، بإيصال") : "");
}

static const char *end_word(const struct cli *cli, const char *state)
{
	static const struct {
		const char *state, *en, *ar;
	} words[] = {{"answered", "answered", "أُجيب"}, {"refused", "refused", "رُفض"}, {"expired", "expired", "انقضى"}, {"failed", "failed", "تعذّر"}};

	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (strcmp(words[i].state, state) == 0)
			return cli_text(cli, words[i].en, words[i].ar);
	return NULL;
}

/* The codes of the API, which stay as they are in English. */
static const char *result_word(const struct cli *cli, const char *result)
{
	if (strcmp(result, "hit") == 0)
		return cli_text(cli, "hit", "بنتيجة");
	return strcmp(result, "no-hit") == 0 ? cli_text(cli, "no-hit", "لا نتيجة") : result;
}

static void print_failure(struct cli *cli, const json_t *failure, const char *comma)
{
	const char *text = reply_text(failure, "text"), *rule = reply_text(failure, "rule");

	fprintf(cli->out, "%s %s%s%s", cli_text(cli, "reason", "السبب"), reply_text(failure, "reason"), *text != '\0' ? ": " : "", text);
	if (*rule != '\0')
		fprintf(cli->out, " (%s)", rule);
	fprintf(cli->out, "%s", comma);
}

static void print_end(struct cli *cli, const json_t *x)
{
	const json_t *refusal = json_object_get(x, "refusal");
	const json_t *failure = json_object_get(x, "failure");
	const json_t *answer = json_object_get(json_object_get(x, "proof"), "answer");
	const char   *word = end_word(cli, reply_text(x, "state"));
	const char   *comma = cli_text(cli, ", ", "، ");

	if (word == NULL) {
		fprintf(cli->out, "%s\n", cli_text(cli, "no answer yet", "لا جواب بعد"));
		return;
	}
	print_line(cli, word, reply_text(json_object_get(x, "times"), "answered"));
	if (refusal != NULL)
		fprintf(cli->out, "%s %s: %s (%s)%s", cli_text(cli, "reason", "السبب"), reply_text(refusal, "reason"), reply_text(refusal, "text"),
			reply_text(refusal, "rule"), comma);
	else if (failure != NULL)
		print_failure(cli, failure, comma);
	else if (*reply_text(x, "result") != '\0')
		fprintf(cli->out, "%s%s", result_word(cli, reply_text(x, "result")), comma);
	if (answer != NULL)
		fprintf(cli->out, "%s %llu", cli_text(cli, "entry", "القيد"), (unsigned long long)reply_number(answer, "index"));
	fputc('\n', cli->out);
}

static int show(struct cli *cli, const struct reply *r)
{
	if (r->http.status >= 400)
		return ask_problem(cli, r);
	if (cli->json) {
		ask_print_raw(cli, r);
		return EXIT_DONE;
	}
	print_asked(cli, r->json);
	print_received(cli, r->json);
	print_end(cli, r->json);
	return EXIT_DONE;
}

int cmd_why(struct cli *cli, int argc, char **argv)
{
	const char	       *token = NULL;
	const struct cli_option options[] = {{"--token", &token, NULL}};
	char			target[64], id[29];
	struct reply		r;

	if (cli_options(cli, argc, argv, options, COUNT_OF(options)) != 1)
		return cli_usage(cli);
	int code = ask_id(cli, argv[1], id);
	if (code != EXIT_DONE)
		return code;
	snprintf(target, sizeof target, "/v1/queries/%s", id);
	struct http_question q = {.method = "GET", .target = target};
	code = ask_gateway(cli, &q, token, &r);
	if (code != EXIT_DONE)
		return code;
	code = show(cli, &r);
	reply_done(&r);
	return code;
}
