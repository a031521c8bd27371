/* cancel.c: `mithaq cancel ID`: withdraws a question that has no answer yet. */
#include <string.h>

#include "base/text.h"
#include "cli/ask.h"

#define CANCEL_PATIENCE_S 15 /* past the wait that the gateway was asked for */

static bool is_open(const json_t *x)
{
	return strcmp(reply_text(x, "state"), "accepted") == 0 || strcmp(reply_text(x, "state"), "delivered") == 0;
}

static bool is_cancelled(const json_t *x)
{
	return strcmp(reply_text(json_object_get(x, "failure"), "reason"), "cancelled") == 0;
}

/* Who waited was to see the end; and an answer that came first is no withdrawal. */
static int exit_of(const json_t *x, bool waited)
{
	if (is_open(x))
		return waited ? EXIT_UNREACHABLE : EXIT_DONE;
	return is_cancelled(x) ? EXIT_DONE : EXIT_REFUSED_HERE;
}

static void print_words(struct cli *cli, const json_t *x)
{
	const char *id = reply_text(x, "id");

	if (is_cancelled(x))
		fprintf(cli->out, "%s  %s\n", id, cli_text(cli, "withdrawn", "سُحب"));
	else if (is_open(x))
		fprintf(cli->out, "%s  %s `mithaq why %s`\n", id,
			cli_text(cli, "the withdrawal is written, the partner has the last word:", "كُتب السحب، والكلمة الأخيرة للشريك:"), id);
	else
		fprintf(cli->complain, "mithaq: %s\n  %s  `mithaq why %s`\n",
			cli_text(cli, "the question had its end before the withdrawal arrived, and the end stands",
				 "انتهى الاستعلام قبل وصول السحب، ونهايته باقية"),
			reply_text(x, "state"), id);
}

static int show(struct cli *cli, const struct reply *r, bool waited)
{
	if (r->http.status >= 400)
		return ask_problem(cli, r);
	if (cli->json)
		ask_print_raw(cli, r);
	else
		print_words(cli, r->json);
	return exit_of(r->json, waited);
}

static int cancel(struct cli *cli, const char *id, unsigned wait, const char *token)
{
	char		     target[64];
	struct http_question q = {.method = "DELETE", .target = target, .wait = wait, .patience_s = wait + CANCEL_PATIENCE_S};
	struct reply	     r;

	snprintf(target, sizeof target, "/v1/queries/%s", id);
	int code = ask_gateway(cli, &q, token, &r);
	if (code != EXIT_DONE)
		return code;
	code = show(cli, &r, wait > 0);
	reply_done(&r);
	return code;
}

int cmd_cancel(struct cli *cli, int argc, char **argv)
{
	const char	       *wait = NULL, *token = NULL;
	const struct cli_option options[] = {{"--wait", &wait, NULL}, {"--token", &token, NULL}};
	uint64_t		seconds = 0;
	char			id[29];

	if (cli_options(cli, argc, argv, options, COUNT_OF(options)) != 1)
		return cli_usage(cli);
	if (wait != NULL && (decimal_read(bytes_text(wait), &seconds) != ERR_OK || seconds < 1 || seconds > HTTP_WAIT_MOST))
		return cli_complain(cli, EXIT_USAGE, "--wait", wait, cli_text(cli, "seconds, 1 to 60", "ثوانٍ من 1 إلى 60"));
	int code = ask_id(cli, argv[1], id);
	return code == EXIT_DONE ? cancel(cli, id, (unsigned)seconds, token) : code;
}
