/* token.c: `mithaq token new ACCOUNT | list | revoke ACCOUNT-OR-HASH` (proc/tokens.h says what is stored). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/secret.h"
#include "cli/home.h"
#include "crypto/random.h"
#include "proc/files.h"
#include "proc/tokens.h"

/* A comma-separated list of "channel/name". */
static bool clauses_ok(const char *clauses)
{
	if (strcmp(clauses, "*") == 0)
		return true;
	for (const char *at = clauses; *at != '\0';) {
		size_t	    n = strcspn(at, ",");
		const char *slash = memchr(at, '/', n);

		if (slash == NULL || name_check(bytes_of(at, (size_t)(slash - at))) != ERR_OK ||
		    name_check(bytes_of(slash + 1, n - (size_t)(slash - at) - 1)) != ERR_OK)
			return false;
		at += n;
		if (*at == ',' && *++at == '\0')
			return false;
	}
	return clauses[0] != '\0' && strlen(clauses) <= TOKEN_CLAUSES_MOST;
}

static int folder_of(struct cli *cli, const struct config *config, char out[CONFIG_PATH_MOST])
{
	int code = home_path(cli, config, "tokens", out);

	if (code != EXIT_DONE)
		return code;
	if (mkdir(out, 0700) != 0 && errno != EEXIST)
		return cli_err(cli, ERR_FILE, out, NULL);
	return EXIT_DONE;
}

/* For the commands of this machine's operator: query, why and status read it. */
static int keep_for_cli(struct cli *cli, const struct config *config, const char *text)
{
	char path[CONFIG_PATH_MOST];
	int  code = home_path(cli, config, "cli.token", path);

	if (code != EXIT_DONE)
		return code;
	enum err e = file_write(path, bytes_text(text), 0600);
	return e == ERR_OK ? EXIT_DONE : cli_err(cli, e, path, NULL);
}

static int token_make(struct cli *cli, const struct home *h, struct token *token, bool keep)
{
	uint8_t random[TOKEN_RANDOM];
	char	text[TOKEN_TEXT + 1], folder[CONFIG_PATH_MOST];

	int code = folder_of(cli, &h->config, folder);
	if (code != EXIT_DONE)
		return code;
	random_bytes(random, sizeof random);
	token_text(h->papers.card[0]->live, random, text);
	token->hash = hash_bytes(bytes_text(text));
	token->created_ms = now_ms();
	enum err e = token_store(folder, token);
	code = e == ERR_OK ? EXIT_DONE : cli_err(cli, e, folder, NULL);
	if (code == EXIT_DONE && keep)
		code = keep_for_cli(cli, &h->config, text);
	if (code == EXIT_DONE)
		fprintf(cli->out, cli->json ? "{\"token\":\"%s\"}\n" : "%s\n", text);
	if (code == EXIT_DONE && !cli->json)
		fprintf(cli->complain, "%s\n",
			cli_text(cli, "this is shown once; only its hash is kept", "يظهر هذا مرة واحدة، ولا يُحفظ منه سوى بصمته"));
	secret_zero(text, sizeof text);
	secret_zero(random, sizeof random);
	return code;
}

static int token_new(struct cli *cli, const char *account, const char *clauses, bool keep)
{
	struct token token = {0};
	struct home  h;

	if (token_account_check(bytes_text(account)) != ERR_OK)
		return cli_complain(cli, EXIT_USAGE, cli_text(cli, "this is not an account's name", "ليس هذا اسم حساب"), account,
				    cli_text(cli, "letters, digits, '.', '-' and '_'", "حروف لاتينية وأرقام و«.» و«-» و«_»"));
	if (!clauses_ok(clauses))
		return cli_complain(cli, EXIT_USAGE, "--clauses", clauses, "CHANNEL/NAME,CHANNEL/NAME");
	memcpy(token.account, account, strlen(account) + 1);
	memcpy(token.clauses, clauses, strlen(clauses) + 1);
	int code = home_open_cards(cli, &h);
	if (code != EXIT_DONE)
		return code;
	code = token_make(cli, &h, &token, keep);
	home_done(&h);
	return code;
}

/* ---- list and revoke ---- */

static int load(struct cli *cli, struct config *config, char folder[CONFIG_PATH_MOST], struct tokens *out)
{
	unsigned skipped = 0;
	int	 code = cli_config(cli, config);

	if (code != EXIT_DONE)
		return code;
	code = home_path(cli, config, "tokens", folder);
	if (code == EXIT_DONE) {
		enum err e = tokens_load(folder, out, &skipped);
		code = e == ERR_OK ? EXIT_DONE : cli_err(cli, e, folder, NULL);
	}
	if (code == EXIT_DONE && skipped > 0)
		fprintf(cli->complain, "mithaq: %s: %u %s\n", folder, skipped,
			cli_text(cli, "files that are no tokens were passed over", "ملفات ليست رموزًا أُهملت"));
	if (code != EXIT_DONE)
		config_done(config);
	return code;
}

static void list_row(struct cli *cli, const struct token *t, bool first)
{
	char hash[2 * HASH_SIZE + 1], created[25];

	hex_write(t->hash.b, HASH_SIZE, hash);
	time_write(t->created_ms, created);
	if (cli->json)
		fprintf(cli->out, "%s{\"hash\":\"%s\",\"account\":\"%s\",\"created\":\"%s\",\"clauses\":\"%s\"}", first ? "" : ",", hash, t->account,
			created, t->clauses);
	else
		fprintf(cli->out, "%.12s  %-20s %s  %s\n", hash, t->account, created, t->clauses);
}

static int token_list(struct cli *cli)
{
	char	      folder[CONFIG_PATH_MOST];
	struct config config;
	struct tokens tokens;
	int	      code = load(cli, &config, folder, &tokens);

	if (code != EXIT_DONE)
		return code;
	if (cli->json)
		fputc('[', cli->out);
	for (unsigned i = 0; i < tokens.n; i++)
		list_row(cli, &tokens.at[i], i == 0);
	if (cli->json)
		fputs("]\n", cli->out);
	tokens_done(&tokens);
	config_done(&config);
	return EXIT_DONE;
}

/* By account, or by the first twelve or more digits of the hash. */
static bool is_named(const struct token *t, const char *name)
{
	char hash[2 * HASH_SIZE + 1];

	hex_write(t->hash.b, HASH_SIZE, hash);
	return strcmp(t->account, name) == 0 || (strlen(name) >= 12 && strncmp(hash, name, strlen(name)) == 0);
}

static int token_revoke(struct cli *cli, const char *name)
{
	char	      folder[CONFIG_PATH_MOST];
	struct config config;
	struct tokens tokens;
	unsigned      gone = 0;
	int	      code = load(cli, &config, folder, &tokens);

	if (code != EXIT_DONE)
		return code;
	for (unsigned i = 0; i < tokens.n && code == EXIT_DONE; i++) {
		if (!is_named(&tokens.at[i], name))
			continue;
		enum err e = token_remove(folder, &tokens.at[i].hash);
		code = e == ERR_OK ? EXIT_DONE : cli_err(cli, e, folder, NULL);
		gone += code == EXIT_DONE;
	}
	tokens_done(&tokens);
	config_done(&config);
	if (code != EXIT_DONE)
		return code;
	if (gone == 0)
		return cli_complain(cli, EXIT_USAGE, cli_text(cli, "no such token", "لا يوجد رمز كهذا"), name,
				    cli_text(cli, "`mithaq token list`", "«mithaq token list»"));
	if (cli->json)
		fprintf(cli->out, "{\"revoked\":%u}\n", gone);
	else
		fprintf(cli->out, "%s: %u\n", cli_text(cli, "revoked", "أُلغي"), gone);
	return EXIT_DONE;
}

int cmd_token(struct cli *cli, int argc, char **argv)
{
	const char	       *clauses = "*";
	bool			keep = false;
	const struct cli_option options[] = {{"--clauses", &clauses, NULL}, {"--cli", NULL, &keep}};
	int			n = cli_options(cli, argc, argv, options, COUNT_OF(options));

	if (n < 0)
		return EXIT_USAGE;
	if (n == 2 && strcmp(argv[1], "new") == 0)
		return token_new(cli, argv[2], clauses, keep);
	if (n == 1 && strcmp(argv[1], "list") == 0)
		return token_list(cli);
	if (n == 2 && strcmp(argv[1], "revoke") == 0)
		return token_revoke(cli, argv[2]);
	return cli_usage(cli);
}
