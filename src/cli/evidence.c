/* evidence.c: `mithaq evidence export ID [--out FILE]`: one exchange as one file that anybody can verify. */
#include <string.h>

#include "cli/ask.h"
#include "proc/files.h"

static int write_bundle(struct cli *cli, const char *path, struct bytes bundle)
{
	enum err e = file_write(path, bundle, 0644);

	if (e != ERR_OK)
		return cli_err(cli, e, path, NULL);
	fprintf(cli->out, "%s  %zu %s  `mithaq verify %s`\n", path, bundle.n,
		cli_text(cli, "bytes; anybody can check it:", "بايت؛ يتحقق منه من شاء:"), path);
	return EXIT_DONE;
}

static int export(struct cli *cli, const char *id, const char *out, const char *token)
{
	char		     target[96], path[64];
	struct reply	     r;
	struct http_question q = {.method = "GET", .target = target};
	int		     code;

	snprintf(target, sizeof target, "/v1/queries/%s/evidence", id);
	snprintf(path, sizeof path, "%s.mithaq", id);
	if ((code = ask_gateway(cli, &q, token, &r)) != EXIT_DONE)
		return code;
	code = r.http.status == 200 ? write_bundle(cli, out != NULL ? out : path, r.http.body) : ask_problem(cli, &r);
	reply_done(&r);
	return code;
}

int cmd_evidence(struct cli *cli, int argc, char **argv)
{
	const char	       *out = NULL, *token = NULL;
	const struct cli_option options[] = {{"--out", &out, NULL}, {"--token", &token, NULL}};
	char			id[29];

	if (cli_options(cli, argc, argv, options, COUNT_OF(options)) != 2 || strcmp(argv[1], "export") != 0)
		return cli_usage(cli);
	int code = ask_id(cli, argv[2], id);
	return code == EXIT_DONE ? export(cli, id, out, token) : code;
}
