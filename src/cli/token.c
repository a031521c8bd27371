/* token.c: `mithaq token new ACCOUNT [--days N] | list | revoke ACCOUNT-OR-HASH` (proc/tokens.h says what is stored). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/secret.h"
#include "cli/home.h"
#include "crypto/random.h"
#include "proc/files.h"
#include "proc/tokens.h"

#define TOKEN_DAY_MS	86400000ull
#define TOKEN_DAYS_MOST 3660

static int folder_of(struct cli *cli, const struct config *config, char out[CONFIG_PATH_MOST])
{
	int code = home_path(cli, config, "tokens", out);

	if (code != EXIT_DONE)
		return code;
	if (folder_make_private(out) != 0 && errno != EEXIST)
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

static int token_make(struct cli *cli, const struct home *h, struct token *token, uint64_t days, bool keep)
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
	token->expires_ms = days == 0 ? 0 : token->created_ms + days * TOKEN_DAY_MS;
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

static int token_new(struct cli *cli, const char *account, const char *clauses, uint64_t days, bool keep)
{
	struct token token = {0};
	struct home  h;

	if (token_account_check(bytes_text(account)) != ERR_OK)
		return cli_complain(cli, EXIT_USAGE, cli_text(cli, "this is not an account's name", "ليس هذا اسم حساب"), account,
				    cli_text(cli, "letters, digits, '.', '-' and '_'", "حروف لاتينية وأرقام و«.» و«-» و«_»"));
	if (scope_check(clauses) != ERR_OK)
		return cli_complain(cli, EXIT_USAGE, "--clauses", clauses, "CHANNEL/NAME,answer:CHANNEL/NAME");
	memcpy(token.account, account, strlen(account) + 1);
	memcpy(token.clauses, clauses, strlen(clauses) + 1);
	int code = home_open_cards(cli, &h);
	if (code != EXIT_DONE)
		return code;
	code = token_make(cli, &h, &token, days, keep);
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
	char hash[2 * HASH_SIZE + 1], created[25], expires[25] = "";
	bool expired = token_expired(t, now_ms());

	hex_write(t->hash.b, HASH_SIZE, hash);
	time_write(t->created_ms, created);
	if (t->expires_ms != 0)
		time_write(t->expires_ms, expires);
	if (cli->json)
		fprintf(cli->out, "%s{\"hash\":\"%s\",\"account\":\"%s\",\"created\":\"%s\",\"expires\":\"%s\",\"expired\":%s,\"clauses\":\"%s\"}",
			first ? "" : ",", hash, t->account, created, expires, expired ? "true" : "false", t->clauses);
	else
		fprintf(cli->out, "%.12s  %-20s %s  %s  %s%s\n", hash, t->account, created, t->clauses,
			t->expires_ms == 0 ? cli_text(cli, "no end", "بلا نهاية")
			: expired	   ? cli_text(cli, "expired ", "انتهى ")
					   : cli_text(cli, "until ", "حتى "),
			expires);
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
	const char	       *clauses = "*", *until = NULL;
	bool			keep = false;
	uint64_t		days = 0;
	const struct cli_option options[] = {{"--clauses", &clauses, NULL}, {"--days", &until, NULL}, {"--cli", NULL, &keep}};
	int			n = cli_options(cli, argc, argv, options, COUNT_OF(options));

	if (n < 0)
		return EXIT_USAGE;
	if (until != NULL && (decimal_read(bytes_text(until), &days) != ERR_OK || days < 1 || days > TOKEN_DAYS_MOST))
		return cli_complain(cli, EXIT_USAGE, "--days", until, cli_text(cli, "1 to 3660", "من 1 إلى 3660"));
	if (n == 2 && strcmp(argv[1], "new") == 0)
		return token_new(cli, argv[2], clauses, days, keep);
	if (n == 1 && strcmp(argv[1], "list") == 0)
		return token_list(cli);
	if (n == 2 && strcmp(argv[1], "revoke") == 0)
		return token_revoke(cli, argv[2]);
	return cli_usage(cli);
}
