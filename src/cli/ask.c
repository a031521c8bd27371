#include "cli/ask.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "channel/exchange.h"
#include "cli/home.h"
#include "proc/files.h"
#include "proc/tokens.h"

#define ASK_DEEP 16 /* of our own gateway's answers */

/* ---- the token ---- */

/* <home>/cli.token must be ours alone, as every secret. ERR_NOT_FOUND when there is none. */
static enum err token_of_file(const char *path, char out[TOKEN_TEXT + 1])
{
	struct stat			  s;
	scoped(buffer_done) struct buffer file = {.most = TOKEN_TEXT + 2};

	if (stat(path, &s) != 0)
		return ERR_NOT_FOUND;
	if ((s.st_mode & 077) != 0)
		return ERR_MODE;
	enum err e = file_read(path, &file);
	if (e != ERR_OK)
		return e;
	size_t n = file.n > 0 && file.at[file.n - 1] == '\n' ? file.n - 1 : file.n;
	if (n != TOKEN_TEXT)
		return ERR_MALFORMED;
	memcpy(out, file.at, n);
	out[n] = '\0';
	return ERR_OK;
}

static int token_find(struct cli *cli, const struct config *config, const char *given, char out[TOKEN_TEXT + 1])
{
	char path[CONFIG_PATH_MOST];

	if (given == NULL)
		given = getenv("MITHAQ_TOKEN");
	if (given != NULL) {
		if (strlen(given) != TOKEN_TEXT)
			return cli_complain(cli, EXIT_USAGE, cli_text(cli, "this is not a token", "ليس هذا رمز دخول"), NULL,
					    "`mithaq token new ACCOUNT`");
		memcpy(out, given, TOKEN_TEXT + 1);
		return EXIT_DONE;
	}
	int code = home_path(cli, config, "cli.token", path);
	if (code != EXIT_DONE)
		return code;
	enum err e = token_of_file(path, out);
	if (e == ERR_OK)
		return EXIT_DONE;
	return cli_err(cli, e == ERR_NOT_FOUND ? ERR_MISSING : e, e == ERR_NOT_FOUND ? cli_text(cli, "token", "رمز الدخول") : path,
		       cli_text(cli, "--token T, MITHAQ_TOKEN, or `mithaq token new ACCOUNT --cli`",
				"‏‎--token T‎ أو MITHAQ_TOKEN أو «mithaq token new ACCOUNT --cli»"));
}

/* ---- asking ---- */

static int answer_parse(struct cli *cli, struct reply *r)
{
	json_error_t error;

	/* Of all we ask for only a bundle of evidence is no JSON: a ustar file, whose first name begins here. */
	if (r->http.status == 200 && r->http.body.n >= 8 && memcmp(r->http.body.at, "manifest", 8) == 0) {
		r->json = NULL;
		return EXIT_DONE;
	}
	r->json = json_loadb((const char *)r->http.body.at, r->http.body.n, JSON_REJECT_DUPLICATES, &error);
	if (r->json != NULL)
		return EXIT_DONE;
	http_answer_done(&r->http);
	return cli_err(cli, ERR_MALFORMED, cli_text(cli, "the gateway's answer", "جواب البوابة"), NULL);
}

/* Nobody at the socket is the everyday case and gets words of its own; whatever else it is, the system says. */
static int away(struct cli *cli, const struct http_question *q, const char *path)
{
	int cause = errno;

	if (cause == EACCES || cause == EPERM)
		return cli_complain(cli, EXIT_UNREACHABLE,
				    cli_text(cli, "this user may not speak to the gateway", "لا يحق لهذا المستخدم مخاطبة البوابة"), path,
				    cli_text(cli, "ask as the user that runs it, or join its group",
					     "خاطبها بالمستخدم الذي يشغّلها أو انضم إلى مجموعته"));
	if (cause != ENOENT && cause != ECONNREFUSED)
		return cli_complain(cli, EXIT_UNREACHABLE, path, strerror(cause),
				    cli_text(cli, "`mithaq status` says whether the gateway is there", "يبيّن «mithaq status» هل البوابة موجودة"));
	bool reads = strcmp(q->method, "GET") == 0;
	return cli_complain(cli, EXIT_UNREACHABLE, cli_text(cli, "the gateway is not running, nobody is at", "البوابة لا تعمل، ولا أحد عند"), path,
			    reads ? cli_text(cli, "`mithaq serve` starts it; `mithaq log show` reads the ledger without it",
					     "يشغّلها «mithaq serve»، ويقرأ «mithaq log show» السجل من دونها")
				  : cli_text(cli, "nothing was sent; `mithaq serve` starts it", "لم يُرسل شيء؛ يشغّلها «mithaq serve»"));
}

static int ask_at(struct cli *cli, struct http_question *q, const struct config *config, struct reply *out)
{
	char	     path[CONFIG_PATH_MOST];
	struct reply r = {0};

	enum err e = config_data_path(config, "api.sock", path);
	if (e == ERR_OK)
		e = http_ask(path, q, &r.http);
	if (e == ERR_NETWORK)
		return away(cli, q, path);
	if (e != ERR_OK)
		return cli_err(cli, e, path, NULL);
	int code = answer_parse(cli, &r);
	if (code == EXIT_DONE)
		*out = r;
	return code;
}

int ask_gateway(struct cli *cli, struct http_question *q, const char *token, struct reply *out)
{
	struct config config;
	char	      text[TOKEN_TEXT + 1];
	int	      code = cli_config(cli, &config);

	if (code != EXIT_DONE)
		return code;
	code = token_find(cli, &config, token, text);
	if (code == EXIT_DONE) {
		q->token = text;
		q->lang = cli->lang;
		if (q->patience_s == 0)
			q->patience_s = HTTP_WAIT_MOST + 10;
		code = ask_at(cli, q, &config, out);
		q->token = NULL;
	}
	explicit_bzero(text, sizeof text);
	config_done(&config);
	return code;
}

void reply_done(struct reply *r)
{
	json_decref(r->json);
	http_answer_done(&r->http);
}

/* ---- reading ---- */

const char *reply_text(const json_t *object, const char *key)
{
	const char *v = json_string_value(json_object_get(object, key));

	return v != NULL ? v : "";
}

uint64_t reply_number(const json_t *object, const char *key)
{
	json_int_t v = json_integer_value(json_object_get(object, key));

	return v > 0 ? (uint64_t)v : 0;
}

void ask_print_raw(const struct cli *cli, const struct reply *r)
{
	fwrite(r->http.body.at, 1, r->http.body.n, cli->out);
	fputc('\n', cli->out);
}

int ask_exit_of(const json_t *exchange, bool exit_hit)
{
	const char *state = reply_text(exchange, "state");

	if (strcmp(state, "answered") == 0)
		return exit_hit && strcmp(reply_text(exchange, "result"), "no-hit") == 0 ? EXIT_NO_HIT : EXIT_DONE;
	if (strcmp(state, "refused") == 0)
		return EXIT_REFUSED_BY_PARTNER;
	return strcmp(state, "failed") == 0 ? EXIT_INTERNAL : EXIT_UNREACHABLE;
}

int ask_id(struct cli *cli, const char *word, char id[29])
{
	uint8_t mid[MID_SIZE];

	if (exchange_id_read(bytes_text(word), mid) != ERR_OK)
		return cli_complain(cli, EXIT_USAGE, cli_text(cli, "this is not the id of an exchange", "ليس هذا معرّف تبادل"), word,
				    cli_text(cli, "q_ and 26 letters and digits", "‏q_ ثم 26 حرفًا ورقمًا"));
	exchange_id_write(mid, id);
	return EXIT_DONE;
}

/* ---- problems ---- */

struct meaning {
	const char    *code;
	enum exit_code exit;
};

/* What a problem means for a script; codes not named here follow their HTTP status. */
static const struct meaning meanings[] = {
	{"malformed", EXIT_USAGE},
	{"token-missing", EXIT_USAGE},
	{"token-expired", EXIT_USAGE},
	{"not-found", EXIT_USAGE},
	{"key-reused", EXIT_USAGE},
	{"busy", EXIT_UNREACHABLE},
	{"partner-unreachable", EXIT_UNREACHABLE},
	{"fetching", EXIT_UNREACHABLE},
	{"channel-frozen", EXIT_INTERNAL},
	{"ledger-stopped", EXIT_INTERNAL},
	{"provider-failed", EXIT_INTERNAL},
};

static int exit_of_problem(const struct reply *r)
{
	const char *code = reply_text(r->json, "code");

	for (size_t i = 0; i < COUNT_OF(meanings); i++)
		if (strcmp(meanings[i].code, code) == 0)
			return (int)meanings[i].exit;
	return r->http.status >= 500 ? EXIT_INTERNAL : EXIT_REFUSED_HERE;
}

static void print_allowed(struct cli *cli, const json_t *allowed)
{
	size_t	index;
	json_t *value;

	if (json_array_size(allowed) == 0)
		return;
	fprintf(cli->complain, "  %s", cli_text(cli, "permitted: ", "المسموح به: "));
	json_array_foreach(allowed, index, value) fprintf(cli->complain, "%s%s", index > 0 ? cli_text(cli, ", ", "، ") : "",
							  json_string_value(value) != NULL ? json_string_value(value) : "");
	fputc('\n', cli->complain);
}

int ask_problem(struct cli *cli, const struct reply *r)
{
	int	      exit = exit_of_problem(r);
	const json_t *clause = json_object_get(r->json, "clause");

	if (cli->json) {
		ask_print_raw(cli, r);
		return exit;
	}
	if (exit == EXIT_REFUSED_HERE)
		fprintf(cli->complain, "mithaq: %s\n", cli_text(cli, "refused here, nothing was sent", "رُفض هنا ولم يُرسل شيء"));
	else
		fprintf(cli->complain, "mithaq: %s\n", reply_text(r->json, "title"));
	if (exit == EXIT_REFUSED_HERE || strcmp(reply_text(r->json, "detail"), reply_text(r->json, "title")) != 0)
		fprintf(cli->complain, "  %s\n", reply_text(r->json, "detail"));
	if (*reply_text(r->json, "since") != '\0')
		fprintf(cli->complain, "  %s %s%s%s\n", cli_text(cli, "since", "منذ"), reply_text(r->json, "since"),
			*reply_text(r->json, "cause") != '\0' ? ": " : "", reply_text(r->json, "cause"));
	if (*reply_text(r->json, "pointer") != '\0' && exit == EXIT_USAGE)
		fprintf(cli->complain, "  %s\n", reply_text(r->json, "pointer"));
	print_allowed(cli, json_object_get(r->json, "allowed"));
	if (*reply_text(clause, "rule") != '\0')
		fprintf(cli->complain, "  %s %s\n", cli_text(cli, "rule", "القاعدة"), reply_text(clause, "rule"));
	if (*reply_text(r->json, "remedy") != '\0')
		fprintf(cli->complain, "  %s\n", reply_text(r->json, "remedy"));
	return exit;
}
