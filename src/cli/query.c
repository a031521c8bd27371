/* query.c: `mithaq query CHANNEL/NAME field=value ... --purpose P`: one question to a partner, through the running gateway. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/ask.h"

#define QUERY_PATIENCE_S 10 /* past the wait that the gateway was asked for */

struct words {
	const char *clause, *purpose, *reference, *officer, *to, *wait, *key, *token;
	bool	    dry_run, exit_hit;
	char	  **field; /* "name=value" */
	int	    nfields;
};

/* ---- the body ---- */

static void optional(struct json_writer *w, const char *key, const char *v)
{
	if (v != NULL)
		json_member(w, key, v);
}

static bool field_put(struct json_writer *w, const char *word)
{
	const char *equals = strchr(word, '=');

	if (equals == NULL || equals == word)
		return false;
	json_key_bytes(w, bytes_of(word, (size_t)(equals - word)));
	json_string_put(w, equals + 1);
	return true;
}

static int body_write(struct cli *cli, const struct words *words, struct buffer *out)
{
	struct json_writer w = json_writer_on(out);

	json_open(&w, '{');
	optional(&w, "to", words->to);
	json_member(&w, "clause", words->clause);
	optional(&w, "purpose", words->purpose);
	optional(&w, "case", words->reference);
	optional(&w, "officer", words->officer);
	json_member_open(&w, "fields", '{');
	for (int i = 0; i < words->nfields; i++)
		if (!field_put(&w, words->field[i]))
			return cli_complain(cli, EXIT_USAGE, cli_text(cli, "a field is name=value", "الحقل هو name=value"), words->field[i], NULL);
	json_close(&w, '}');
	json_close(&w, '}');
	return w.err == ERR_OK ? EXIT_DONE : cli_err(cli, w.err, "query", NULL);
}

/* ---- the answer, as people read it ---- */

/* "released_on" is read "released on" in English; in Arabic the clause's own label is shown. */
static void print_label(const struct cli *cli, const json_t *reply, const char *name)
{
	const char *label = reply_text(json_object_get(reply, "labels"), name);
	char	    plain[64];
	size_t	    n = 0;

	if (cli->lang == LANG_AR && *label != '\0') {
		fprintf(cli->out, "%s: ", label);
		return;
	}
	for (; name[n] != '\0' && n < sizeof plain - 1; n++)
		plain[n] = name[n] == '_' || name[n] == '-' ? ' ' : name[n];
	plain[n] = '\0';
	fprintf(cli->out, "%-13s ", plain);
}

static void print_fields(const struct cli *cli, const json_t *reply)
{
	const char *name;
	json_t	   *value;

	json_object_foreach(json_object_get(reply, "fields"), name, value)
	{
		const char *text = reply_text(json_object_get(reply, "texts"), name);

		print_label(cli, reply, name);
		fprintf(cli->out, "%s\n", *text != '\0' ? text : json_string_value(value) != NULL ? json_string_value(value) : "");
	}
}

static uint64_t elapsed_ms(const json_t *times)
{
	uint64_t from, to;

	if (time_read(bytes_text(reply_text(times, "accepted")), &from) != ERR_OK ||
	    time_read(bytes_text(reply_text(times, "answered")), &to) != ERR_OK)
		return 0;
	return to > from ? to - from : 0;
}

static void print_answered(struct cli *cli, const json_t *reply)
{
	if (strcmp(reply_text(reply, "result"), "no-hit") == 0)
		fprintf(cli->out, "%s\n", cli_text(cli, "no hit", "لا نتيجة"));
	print_fields(cli, reply);
	if (*reply_text(reply, "keep_until") != '\0')
		fprintf(cli->out, cli->lang == LANG_AR ? "يُحفظ حتى: %s\n" : "keep until    %s\n", reply_text(reply, "keep_until"));
	bool held = strcmp(reply_text(json_object_get(reply, "proof"), "receipt"), "held") == 0;
	fprintf(cli->out, "%s   %s %llu %s%s%s\n", reply_text(reply, "id"), cli_text(cli, "answered in", "أُجيب خلال"),
		(unsigned long long)elapsed_ms(json_object_get(reply, "times")), cli_text(cli, "ms", "مللي ثانية"), cli_text(cli, ", ", "، "),
		held ? cli_text(cli, "receipt held", "الإيصال محفوظ") : cli_text(cli, "receipt not yet held", "الإيصال لم يصل بعد"));
}

static void print_refused(struct cli *cli, const json_t *reply)
{
	const json_t *refusal = json_object_get(reply, "refusal");

	fprintf(cli->complain, "mithaq: %s %s\n", cli_text(cli, "refused by", "رفضه"), reply_text(refusal, "by"));
	fprintf(cli->complain, "  %s: %s\n", reply_text(refusal, "reason"), reply_text(refusal, "text"));
	if (*reply_text(refusal, "rule") != '\0')
		fprintf(cli->complain, "  %s %s\n", cli_text(cli, "rule", "القاعدة"), reply_text(refusal, "rule"));
	fprintf(cli->complain, "  %s\n", reply_text(reply, "id"));
}

/* Who waits may read here that somebody withdrew the question. */
static void print_failed(struct cli *cli, const json_t *reply)
{
	const json_t *failure = json_object_get(reply, "failure");

	fprintf(cli->complain, "mithaq: %s\n", cli_text(cli, "there is no answer", "لا جواب"));
	fprintf(cli->complain, "  %s: %s\n", reply_text(failure, "reason"), reply_text(failure, "text"));
	fprintf(cli->complain, "  %s\n", reply_text(reply, "id"));
}

static const struct {
	const char *state, *en, *ar;
} without_answer[] = {
	{"accepted", "accepted, not with the partner yet; no answer yet", "قُبل ولم يصل إلى الشريك بعد؛ لا جواب بعد"},
	{"delivered", "the partner has it; no answer yet", "هو عند الشريك؛ لا جواب بعد"},
	{"expired", "expired: it reached the partner too late to be answered; ask anew", "انقضى: بلغ الشريك بعد فوات وقت الجواب؛ اسأل من جديد"},
};

static void print_unanswered(struct cli *cli, const json_t *reply)
{
	const char *state = reply_text(reply, "state"), *id = reply_text(reply, "id");

	for (size_t i = 0; i < COUNT_OF(without_answer); i++)
		if (strcmp(without_answer[i].state, state) == 0)
			state = cli_text(cli, without_answer[i].en, without_answer[i].ar);
	fprintf(cli->complain, cli_text(cli, "%s  %s; `mithaq why %s`\n", "%s  %s؛ «mithaq why %s»\n"), id, state, id);
}

static void print_word(const struct cli *cli, const char *en, const char *ar, const char *value)
{
	if (*value == '\0')
		return;
	if (cli->lang == LANG_AR)
		fprintf(cli->out, "  %s: %s\n", ar, value);
	else
		fprintf(cli->out, "  %-13s %s\n", en, value);
}

/* What the partner would receive, what stays here, and what the day has left. */
static void print_sends(const struct cli *cli, const json_t *reply)
{
	const json_t *sends = json_object_get(reply, "sends"), *quota = json_object_get(reply, "quota");
	const char   *name;
	json_t	     *value;
	size_t	      i;

	print_word(cli, "to", "إلى", reply_text(sends, "to"));
	print_word(cli, "clause", "البند", reply_text(sends, "clause"));
	print_word(cli, "purpose", "الغرض", reply_text(sends, "purpose"));
	print_word(cli, "case", "رقم القضية", reply_text(sends, "case"));
	json_object_foreach(json_object_get(sends, "fields"), name, value)
		print_word(cli, name, name, json_string_value(value) != NULL ? json_string_value(value) : "");
	json_array_foreach(json_object_get(reply, "stays"), i, value)
		print_word(cli, "stays here", "يبقى هنا", json_string_value(value) != NULL ? json_string_value(value) : "");
	if (quota != NULL)
		fprintf(cli->out, cli->lang == LANG_AR ? "  بقي اليوم: %llu من %llu\n" : "  left today    %llu of %llu\n",
			(unsigned long long)reply_number(quota, "left"), (unsigned long long)reply_number(quota, "per_day"));
}

static int print_dry(struct cli *cli, const json_t *reply)
{
	if (strcmp(reply_text(reply, "would"), "send") == 0) {
		fprintf(cli->out, "%s\n  %s\n", cli_text(cli, "this would be sent; nothing was sent", "هذا كان سيُرسل؛ ولم يُرسل شيء"),
			reply_text(reply, "because"));
		print_sends(cli, reply);
		return EXIT_DONE;
	}
	fprintf(cli->complain, "mithaq: %s\n  %s\n  %s %s\n  %s\n",
		cli_text(cli, "this would be refused here; nothing was sent", "هذا سيُرفض هنا؛ ولم يُرسل شيء"), reply_text(reply, "because"),
		cli_text(cli, "rule", "القاعدة"), reply_text(reply, "rule"), reply_text(reply, "remedy"));
	return EXIT_REFUSED_HERE;
}

static int show(struct cli *cli, const struct words *words, const struct reply *r)
{
	int exit = ask_exit_of(r->json, words->exit_hit);

	if (r->http.status >= 400)
		return ask_problem(cli, r);
	if (words->dry_run && cli->json)
		exit = strcmp(reply_text(r->json, "would"), "send") == 0 ? EXIT_DONE : EXIT_REFUSED_HERE;
	if (cli->json) {
		ask_print_raw(cli, r);
		return exit;
	}
	if (words->dry_run)
		return print_dry(cli, r->json);
	if (strcmp(reply_text(r->json, "state"), "answered") == 0)
		print_answered(cli, r->json);
	else if (exit == EXIT_REFUSED_BY_PARTNER)
		print_refused(cli, r->json);
	else if (strcmp(reply_text(r->json, "state"), "failed") == 0)
		print_failed(cli, r->json);
	else
		print_unanswered(cli, r->json);
	return exit;
}

static int ask(struct cli *cli, const struct words *words, uint64_t wait)
{
	scoped(buffer_done) struct buffer body = {.most = JSON_BODY_MOST};
	struct http_question q = {.method = "POST", .target = words->dry_run ? "/v1/queries?dry_run=true" : "/v1/queries", .key = words->key};
	struct reply	     r;

	int code = body_write(cli, words, &body);
	if (code != EXIT_DONE)
		return code;
	q.body = buffer_bytes(&body);
	q.wait = (unsigned)wait;
	q.patience_s = (unsigned)wait + QUERY_PATIENCE_S;
	code = ask_gateway(cli, &q, words->token, &r);
	if (code != EXIT_DONE)
		return code;
	code = show(cli, words, &r);
	reply_done(&r);
	return code;
}

int cmd_query(struct cli *cli, int argc, char **argv)
{
	struct words		w = {0};
	uint64_t		wait = QUERY_PATIENCE_S;
	const struct cli_option options[] = {
		{"--purpose", &w.purpose, NULL}, {"--case", &w.reference, NULL},  {"--officer", &w.officer, NULL},
		{"--to", &w.to, NULL},		 {"--wait", &w.wait, NULL},	  {"--key", &w.key, NULL},
		{"--token", &w.token, NULL},	 {"--dry-run", NULL, &w.dry_run}, {"--exit-hit", NULL, &w.exit_hit},
	};
	int n = cli_options(cli, argc, argv, options, COUNT_OF(options));

	if (n < 1)
		return n < 0 ? EXIT_USAGE : cli_usage(cli);
	if (w.wait != NULL && (decimal_read(bytes_text(w.wait), &wait) != ERR_OK || wait < 1 || wait > HTTP_WAIT_MOST))
		return cli_complain(cli, EXIT_USAGE, "--wait", w.wait, cli_text(cli, "seconds, 1 to 60", "ثوانٍ من 1 إلى 60"));
	w.clause = argv[1];
	w.field = argv + 2;
	w.nfields = n - 1;
	return ask(cli, &w, wait);
}
