/*
 * ping.c: `mithaq ping PARTNER` and `mithaq notice outage|incident PARTNER`: what two gateways say
 * of themselves under the connection agreement. The questions go the way of any other, so each
 * stands in both ledgers.
 */
#include <string.h>

#include "agreement/connection.h"
#include "cli/ask.h"
#include "cli/home.h"

#define PING_WAIT_S 10

/* ---- the clause ---- */

static const struct agreement *connection_with(const struct home *h, const char *partner)
{
	for (unsigned i = 0; i < h->papers.nagreements; i++) {
		const struct agreement *a = h->papers.agreement[i];

		if (agreement_party(a, bytes_text(h->config.party)) >= 0 && agreement_party(a, bytes_text(partner)) >= 0 && connection_is(a))
			return a;
	}
	return NULL;
}

static int clause_find(struct cli *cli, const char *partner, enum connection_clause what, char out[2 * NAME_MOST + 4])
{
	struct home h;
	int	    code = home_open(cli, &h);

	if (code != EXIT_DONE)
		return code;
	const struct agreement *a = connection_with(&h, partner);
	int			us = a != NULL ? agreement_party(a, bytes_text(h.config.party)) : -1;
	const struct clause    *c = us >= 0 ? connection_clause(a, (unsigned)us, what) : NULL;
	if (c != NULL)
		snprintf(out, 2 * NAME_MOST + 4, "%s/%s", c->channel, c->name);
	else
		code = cli_complain(cli, EXIT_REFUSED_HERE, cli_text(cli, "no connection agreement is in force with", "لا اتفاق اتصال نافذ مع"),
				    partner,
				    cli_text(cli, "both sides type `mithaq partner add CARD` with a root key at hand; then the gateways meet",
					     "يكتب الطرفان «mithaq partner add CARD» وبيد كل منهما مفتاح جذري، ثم تلتقي البوابتان"));
	home_done(&h);
	return code;
}

/* ---- the question ---- */

struct asking {
	const char *partner, *token;
	uint64_t    wait_s;
	const char *name[4], *value[4]; /* of fields; those without a value are left out */
};

static enum err body_write(const struct asking *q, const char *clause, struct buffer *out)
{
	struct json_writer w = json_writer_on(out);

	json_open(&w, '{');
	json_member(&w, "to", q->partner);
	json_member(&w, "clause", clause);
	json_member(&w, "purpose", "operation");
	json_member_open(&w, "fields", '{');
	for (size_t i = 0; i < COUNT_OF(q->name) && q->name[i] != NULL; i++)
		if (q->value[i] != NULL)
			json_member(&w, q->name[i], q->value[i]);
	json_close(&w, '}');
	json_close(&w, '}');
	return w.err;
}

/* The exchange as it came; no refusal of ours is possible but that of the clause. */
static int question_ask(struct cli *cli, const struct asking *q, enum connection_clause what, struct reply *out)
{
	char				  clause[2 * NAME_MOST + 4];
	scoped(buffer_done) struct buffer body = {.most = JSON_BODY_MOST};
	struct http_question http = {.method = "POST", .target = "/v1/queries", .wait = (unsigned)q->wait_s, .patience_s = (unsigned)q->wait_s + 10};
	int		     code = clause_find(cli, q->partner, what, clause);

	if (code != EXIT_DONE)
		return code;
	enum err e = body_write(q, clause, &body);
	if (e != ERR_OK)
		return cli_err(cli, e, clause, NULL);
	http.body = buffer_bytes(&body);
	code = ask_gateway(cli, &http, q->token, out);
	if (code != EXIT_DONE || out->http.status < 400)
		return code;
	code = ask_problem(cli, out);
	reply_done(out);
	return code;
}

static uint64_t took_ms(const struct reply *r)
{
	const json_t *times = json_object_get(r->json, "times");
	uint64_t      from, to;

	if (time_read(bytes_text(reply_text(times, "accepted")), &from) != ERR_OK ||
	    time_read(bytes_text(reply_text(times, "answered")), &to) != ERR_OK)
		return 0;
	return to > from ? to - from : 0;
}

/* Whatever is no answer of the partner. */
static int unanswered(struct cli *cli, const struct reply *r)
{
	const char *id = reply_text(r->json, "id"), *state = reply_text(r->json, "state");

	fprintf(cli->complain, cli_text(cli, "mithaq: no answer yet: %s  %s; `mithaq why %s`\n", "ميثاق: لا جواب بعد: %s  %s؛ «mithaq why %s»\n"), id,
		state, id);
	return ask_exit_of(r->json, false);
}

static int show(struct cli *cli, struct reply *r, const char *what)
{
	int code = ask_exit_of(r->json, false);

	if (cli->json)
		ask_print_raw(cli, r);
	else if (strcmp(reply_text(r->json, "state"), "answered") == 0)
		fprintf(cli->out,
			cli_text(cli, "%s: %s after %llu ms; it stands in both ledgers\n  %s\n", "%s: %s بعد %llu م.ث، وهو في السجلين\n  %s\n"),
			reply_text(r->json, "to"), what, (unsigned long long)took_ms(r), reply_text(r->json, "id"));
	else
		code = unanswered(cli, r);
	reply_done(r);
	return code;
}

/* ---- ping ---- */

static int wait_read(struct cli *cli, const char *word, uint64_t *out)
{
	*out = PING_WAIT_S;
	if (word == NULL || (decimal_read(bytes_text(word), out) == ERR_OK && *out >= 1 && *out <= HTTP_WAIT_MOST))
		return EXIT_DONE;
	return cli_complain(cli, EXIT_USAGE, "--wait", word, cli_text(cli, "seconds, 1 to 60", "ثوانٍ من 1 إلى 60"));
}

int cmd_ping(struct cli *cli, int argc, char **argv)
{
	const char	       *wait = NULL;
	struct asking		q = {.name = {"at"}};
	struct reply		r = {0};
	char			now[25];
	const struct cli_option options[] = {{"--wait", &wait, NULL}, {"--token", &q.token, NULL}};
	int			n = cli_options(cli, argc, argv, options, COUNT_OF(options));

	if (n != 1)
		return n < 0 ? EXIT_USAGE : cli_usage(cli);
	int code = wait_read(cli, wait, &q.wait_s);
	if (code != EXIT_DONE)
		return code;
	q.partner = argv[1];
	time_write(now_ms(), now);
	q.value[0] = now;
	code = question_ask(cli, &q, CONNECTION_PING, &r);
	return code != EXIT_DONE ? code : show(cli, &r, cli_text(cli, "answered", "أجاب"));
}

/* ---- notice ---- */

/* "2026-12-01T02:00:00Z", with or without seconds: what people type, as the clause wants it. */
static int time_word(struct cli *cli, const char *option, const char *word, char out[25])
{
	char	 full[40];
	uint64_t ms;
	size_t	 n = word != NULL ? strlen(word) : 0;

	if (n == 17 && word[16] == 'Z')
		snprintf(full, sizeof full, "%.16s:00Z", word);
	else
		snprintf(full, sizeof full, "%s", n < sizeof full ? word : "");
	if (time_read(bytes_text(full), &ms) != ERR_OK)
		return cli_complain(cli, EXIT_USAGE, option, word,
				    cli_text(cli, "a time of UTC such as 2026-12-01T02:00Z",
					     "وقت بالتوقيت العالمي مثل ‎2026-12-01T02:00Z‎"));
	time_write(ms, out);
	return EXIT_DONE;
}

static int times_read(struct cli *cli, struct asking *q, char from[25], char until[25])
{
	if (q->value[0] == NULL)
		time_write(now_ms(), from); /* an incident: now */
	else if (time_word(cli, "--from", q->value[0], from) != EXIT_DONE)
		return EXIT_USAGE;
	q->value[0] = from;
	if (q->value[1] == NULL)
		return EXIT_DONE;
	if (time_word(cli, "--until", q->value[1], until) != EXIT_DONE)
		return EXIT_USAGE;
	q->value[1] = until;
	/* Both are written alike, so their order is that of their letters. */
	if (strcmp(until, from) >= 0)
		return EXIT_DONE;
	return cli_complain(cli, EXIT_USAGE, "--until", until, cli_text(cli, "later than --from", "بعد ‎--from‎"));
}

int cmd_notice(struct cli *cli, int argc, char **argv)
{
	const char	       *wait = NULL;
	struct asking		q = {.name = {"from", "until", "text"}};
	struct reply		r = {0};
	char			from[25], until[25];
	const struct cli_option options[] = {{"--from", &q.value[0], NULL},
					     {"--until", &q.value[1], NULL},
					     {"--text", &q.value[2], NULL},
					     {"--wait", &wait, NULL},
					     {"--token", &q.token, NULL}};
	int			n = cli_options(cli, argc, argv, options, COUNT_OF(options));
	bool			outage = n == 2 && strcmp(argv[1], "outage") == 0;

	if (n < 0)
		return EXIT_USAGE;
	if (n != 2 || (!outage && strcmp(argv[1], "incident") != 0) || q.value[2] == NULL || (outage && q.value[0] == NULL))
		return cli_usage(cli);
	int code = wait_read(cli, wait, &q.wait_s);
	if (code == EXIT_DONE)
		code = times_read(cli, &q, from, until);
	if (code != EXIT_DONE)
		return code;
	q.partner = argv[2];
	code = question_ask(cli, &q, outage ? CONNECTION_OUTAGE : CONNECTION_INCIDENT, &r);
	return code != EXIT_DONE ? code : show(cli, &r, cli_text(cli, "took note", "أخذ العلم"));
}
