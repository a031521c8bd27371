/*
 * init.c: `mithaq init PARTY`: keys, certificate, card and a configuration of
 * three lines for a new party. Nothing that stands there already is touched: the
 * command looks first, and every file is written whole or not at all. When it cannot
 * go on it takes away what it made itself, so that it can be typed again.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agreement/words.h"
#include "base/secret.h"
#include "cli/home.h"
#include "crypto/random.h"
#include "net/certificate.h"
#include "proc/files.h"

#define SEED_FILE_MOST 256
#define MADE_MOST      16 /* seven folders, five keys, certificate, card, configuration */

struct birth {
	struct cli   *cli;
	struct config config; /* the places only */
	const char   *party;
	bool	      live;
	uint8_t	      root[2][SIGN_SEED], log[SIGN_SEED], receipt[SIGN_SEED], tls[SIGN_SEED];
	struct buffer pem;
	struct card   card;
	unsigned      nmade;
	char	      made[MADE_MOST][CONFIG_PATH_MOST]; /* by this run, in order */
};

static int complain_at(struct birth *b, enum err e, const char *rest, const char *help)
{
	char path[2 * CONFIG_PATH_MOST];

	int saved = errno;
	snprintf(path, sizeof path, "%s/%s", b->config.home, rest);
	errno = saved;
	return cli_err(b->cli, e, path, help);
}

/* ---- what this run made ---- */

static void made_add(struct birth *b, const char *path)
{
	if (b->nmade < MADE_MOST)
		snprintf(b->made[b->nmade++], CONFIG_PATH_MOST, "%s", path);
}

/* The last first, so that a folder is empty when its turn comes; one that holds something of somebody else stays. */
static void made_undo(struct birth *b)
{
	bool left = false;

	while (b->nmade > 0) {
		const char *path = b->made[--b->nmade];

		if (remove(path) == 0 || errno == ENOENT)
			continue;
		left = true;
		(void)cli_err(b->cli, ERR_FILE, path, cli_text(b->cli, "this was made and is still there", "أُنشئ هذا وما زال موجودًا"));
	}
	if (!left)
		fprintf(b->cli->complain, "  %s\n",
			cli_text(b->cli, "nothing that was made is left; mend the cause and type it again",
				 "أُزيل كل ما أُنشئ؛ عالج السبب ثم أعد كتابة الأمر"));
}

/* ---- seeds ---- */

/* 64 hex digits, or the line of a key file. Sample keys are published, so their mode does not matter here. */
static enum err seed_read(const char *path, uint8_t seed[SIGN_SEED])
{
	static const char		  form[] = "mithaq-key/1 ed25519 ";
	uint8_t				  found[SIGN_SEED];
	size_t				  n = SIGN_SEED;
	scoped(buffer_done) struct buffer file = {.most = SEED_FILE_MOST};
	enum err			  e = file_read(path, &file);

	if (e != ERR_OK)
		return e;
	struct bytes line = buffer_bytes(&file);
	if (line.n > 0 && line.at[line.n - 1] == '\n')
		line.n--;
	if (line.n > sizeof form - 1 && memcmp(line.at, form, sizeof form - 1) == 0) {
		e = base64_read(bytes_of(line.at + sizeof form - 1, line.n - (sizeof form - 1)), found, &n);
		e = e == ERR_OK && n != SIGN_SEED ? ERR_MALFORMED : e;
	} else {
		e = hex_read(line, found, SIGN_SEED);
	}
	if (e == ERR_OK)
		memcpy(seed, found, SIGN_SEED);
	secret_zero(found, sizeof found);
	secret_zero(file.at, file.n);
	return e;
}

static int seeds_make(struct birth *b, const char *const given[2])
{
	static const char help[] = "64 hex digits, or a file that `mithaq init` wrote";
	static const char help_ar[] = "64 خانة ست عشرية أو ملف كتبه «mithaq init»";

	random_bytes(b->root, sizeof b->root);
	random_bytes(b->log, sizeof b->log);
	random_bytes(b->receipt, sizeof b->receipt);
	random_bytes(b->tls, sizeof b->tls);
	for (int i = 0; i < 2; i++) {
		if (given[i] == NULL)
			continue;
		enum err e = seed_read(given[i], b->root[i]);
		if (e != ERR_OK)
			return cli_err(b->cli, e, given[i], cli_text(b->cli, help, help_ar));
	}
	return EXIT_DONE;
}

/* ---- the card ---- */

static void public_of(const uint8_t seed[SIGN_SEED], struct public_key *out)
{
	struct sign_key key;

	sign_key_from_seed(&key, seed);
	*out = key.pub;
	sign_key_done(&key);
}

static enum err card_make(struct birth *b)
{
	struct card *c = &b->card;

	*c = (struct card){.live = b->live, .serial = 1, .from_day = today(), .until_day = today() + CARD_DAYS, .ntls = 1, .nlog = 1, .nreceipt = 1};
	memcpy(c->party, b->party, strlen(b->party) + 1);
	memcpy(c->log[0].channel, "*", 2);
	memcpy(c->receipt[0].channel, "*", 2);
	public_of(b->root[0], &c->root[0]);
	public_of(b->root[1], &c->root[1]);
	public_of(b->log, &c->log[0].key);
	public_of(b->receipt, &c->receipt[0].key);
	return certificate_make(b->tls, b->party, &b->pem, &c->tls[0]);
}

static enum err card_store(struct birth *b, const char *path)
{
	struct sign_key root;

	sign_key_from_seed(&root, b->root[0]);
	enum err e = home_card_write(path, &b->card, &root, false);
	sign_key_done(&root);
	if (e == ERR_OK)
		made_add(b, path);
	return e;
}

/* ---- files and folders ---- */

static int nothing_there(struct birth *b, const char *card)
{
	const char *const names[] = {"mithaq.yaml", "keys", "root", card};
	char		  path[CONFIG_PATH_MOST];
	struct stat	  s;

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		int code = home_path(b->cli, &b->config, names[i], path);
		if (code != EXIT_DONE)
			return code;
		if (lstat(path, &s) == 0)
			return complain_at(b, ERR_EXISTS, names[i],
					   cli_text(b->cli, "nothing was changed; choose another --home, or move it away",
						    "لم يتغير شيء؛ اختر ‎--home‎ آخر أو انقله"));
	}
	return EXIT_DONE;
}

static enum err folder_make(struct birth *b, const char *path)
{
	struct stat s;

	if (folder_make_private(path) == 0) {
		made_add(b, path);
		return ERR_OK;
	}
	if (errno != EEXIST)
		return ERR_FILE;
	if (stat(path, &s) == 0 && S_ISDIR(s.st_mode))
		return ERR_OK;
	errno = ENOTDIR;
	return ERR_FILE;
}

static int folders_make(struct birth *b)
{
	static const char *const below[] = {"keys", "root", "partners", "agreements", "tokens"};
	char			 path[CONFIG_PATH_MOST];

	if (folder_make(b, b->config.home) != ERR_OK)
		return cli_err(b->cli, ERR_FILE, b->config.home, NULL);
	for (size_t i = 0; i < COUNT_OF(below); i++) {
		int code = home_path(b->cli, &b->config, below[i], path);
		if (code != EXIT_DONE)
			return code;
		if (folder_make(b, path) != ERR_OK)
			return complain_at(b, ERR_FILE, below[i], NULL);
	}
	if (folder_make(b, b->config.data) != ERR_OK)
		return cli_err(b->cli, ERR_FILE, b->config.data, NULL);
	return EXIT_DONE;
}

static int keys_store(struct birth *b)
{
	const struct {
		const char    *rest;
		const uint8_t *seed;
	} keys[] = {{"root/root-a.key", b->root[0]},
		    {"root/root-b.key", b->root[1]},
		    {"keys/log.key", b->log},
		    {"keys/receipt.key", b->receipt},
		    {"keys/tls.key", b->tls}};
	char path[CONFIG_PATH_MOST];

	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		int code = home_path(b->cli, &b->config, keys[i].rest, path);
		if (code != EXIT_DONE)
			return code;
		enum err e = key_file_write_new(path, keys[i].seed);
		if (e != ERR_OK)
			return complain_at(b, e, keys[i].rest, NULL);
		made_add(b, path);
	}
	int code = home_path(b->cli, &b->config, "keys/tls.pem", path);
	if (code != EXIT_DONE)
		return code;
	enum err e = file_write_new(path, buffer_bytes(&b->pem), 0600);
	if (e != ERR_OK)
		return complain_at(b, e, "keys/tls.pem", NULL);
	made_add(b, path);
	return EXIT_DONE;
}

static int config_store(struct birth *b)
{
	char path[CONFIG_PATH_MOST], text[512];

	int n = snprintf(text, sizeof text, "# Where things are. What the parties agreed stands in agreements/.\nparty: %s\npartners: {}\n",
			 b->party);
	int code = home_path(b->cli, &b->config, "mithaq.yaml", path);
	if (code != EXIT_DONE)
		return code;
	enum err e = file_write_new(path, bytes_of(text, (size_t)n), 0640);
	if (e != ERR_OK)
		return complain_at(b, e, "mithaq.yaml", NULL);
	made_add(b, path);
	return EXIT_DONE;
}

static void tell(struct birth *b, const char *card)
{
	const struct cli *cli = b->cli;
	char		  print[80];

	card_fingerprint(&b->card, print);
	if (cli->json) {
		char words[2][WORDS_TEXT_MOST];

		words_line(&b->card, LANG_EN, words[0]);
		words_line(&b->card, LANG_AR, words[1]);
		fprintf(cli->out,
			"{\"party\":\"%s\",\"environment\":\"%s\",\"fingerprint\":\"%s\",\"words\":{\"en\":\"%s\",\"ar\":\"%s\"},\"card\":", b->party,
			b->live ? "live" : "test", print, words[0], words[1]);
		cli_json_text(cli, card);
		fputs("}\n", cli->out);
		return;
	}
	fprintf(cli->out, "%s\n  %s\n", cli_text(cli, "party card written:", "كُتبت بطاقة الطرف:"), card);
	fprintf(cli->out, "%s\n", cli_text(cli, "read these six words to your partner:", "اقرأ هذه الكلمات الست لشريكك:"));
	home_words_tell(cli, &b->card);
	fprintf(cli->out, "%s\n  %s\n", cli_text(cli, "the fingerprint, for paper:", "البصمة، للورق:"), print);
	fprintf(cli->out, "%s\n", cli_text(cli, "next:", "ثم:"));
	fprintf(cli->out, "  %s %s/root\n",
		cli_text(cli, "take this folder away to a safe, one key apart from the other:", "انقل هذا المجلد إلى خزانة، كل مفتاح على حدة:"),
		b->config.home);
	fprintf(cli->out, "  mithaq partner add PARTNER.card HOST:PORT\n  mithaq agreement activate AGREEMENT\n  mithaq serve\n");
}

static int all_store(struct birth *b, const char *card, const char *path)
{
	int code = folders_make(b);

	if (code == EXIT_DONE)
		code = keys_store(b);
	if (code != EXIT_DONE)
		return code;
	enum err e = card_store(b, path);
	return e == ERR_OK ? config_store(b) : complain_at(b, e, card, NULL);
}

static int birth_run(struct birth *b, const char *const seeds[2])
{
	char card[PARTY_MOST + 16], path[CONFIG_PATH_MOST];

	snprintf(card, sizeof card, "%s.card", b->party);
	int code = nothing_there(b, card);
	if (code == EXIT_DONE)
		code = seeds_make(b, seeds);
	if (code == EXIT_DONE)
		code = home_path(b->cli, &b->config, card, path);
	if (code != EXIT_DONE)
		return code;
	enum err e = card_make(b);
	if (e != ERR_OK)
		return cli_err(b->cli, e, card, NULL);
	code = all_store(b, card, path);
	if (code == EXIT_DONE)
		tell(b, path);
	else
		made_undo(b);
	return code;
}

int cmd_init(struct cli *cli, int argc, char **argv)
{
	const char	       *environment = "test", *seeds[2] = {NULL, NULL};
	const struct cli_option options[] = {{"--environment", &environment, NULL},
					     {"--root-seed-a", &seeds[0], NULL},
					     {"--root-seed-b", &seeds[1], NULL}};

	if (cli_options(cli, argc, argv, options, COUNT_OF(options)) != 1)
		return cli_usage(cli);
	struct birth b = {.cli = cli, .party = argv[1], .live = strcmp(environment, "live") == 0, .pem = {.most = CERTIFICATE_MOST}};
	if (!b.live && strcmp(environment, "test") != 0)
		return cli_complain(cli, EXIT_USAGE, "--environment", environment, "test | live");
	if (b.live && (seeds[0] != NULL || seeds[1] != NULL))
		return cli_complain(cli, EXIT_USAGE, cli_text(cli, "seeds from files are for tests", "البذور من ملفات للاختبار فقط"),
				    "--environment live", NULL);
	if (party_name_check(bytes_text(b.party)) != ERR_OK)
		return cli_complain(cli, EXIT_USAGE, cli_text(cli, "this is not a party's name", "ليس هذا اسم طرف"), b.party,
				    cli_text(cli, "a name like customs.kw.example", "اسم مثل customs.kw.example"));
	config_places(&b.config, cli->home);
	umask(077);
	int code = birth_run(&b, seeds);
	buffer_done(&b.pem);
	secret_zero(&b.root, sizeof b.root);
	secret_zero(&b.log, sizeof b.log);
	secret_zero(&b.receipt, sizeof b.receipt);
	secret_zero(&b.tls, sizeof b.tls);
	return code;
}
