/* key.c: `mithaq key list | rotate | revoke | retire | sheet`: the keys of this house and the card that names them. */
#include "cli/key.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proc/files.h"

const struct key_name key_names[] = {
	{"log", "keys/log", "signs our logs", "يوقّع سجلاتنا"},
	{"receipt", "keys/receipt", "signs our receipts", "يوقّع إيصالاتنا"},
	{"tls", "keys/tls", "shows partners who we are", "يعرّف الشركاء بنا"},
	{"root-a", "root/root-a", "certifies cards and signs agreements", "يصدّق البطاقات ويوقّع الاتفاقات"},
	{"root-b", "root/root-b", "certifies cards and signs agreements", "يصدّق البطاقات ويوقّع الاتفاقات"},
};

static bool kind_read(const char *word, enum key_kind *out)
{
	for (size_t i = 0; i < COUNT_OF(key_names); i++) {
		if (strcmp(key_names[i].word, word) == 0) {
			*out = (enum key_kind)i;
			return true;
		}
	}
	return false;
}

/* ---- list ---- */

struct listing {
	struct cli  *cli;
	struct home *home;
	bool	     first;
};

/* Where the private half is, as far as this machine knows. */
static const struct {
	const char *word, *en, *ar;
} places[] = {
	{"here", "here", "هنا"},
	{"missing", "its file is missing", "ملفه مفقود"},
	{"other", "another key is in its file", "في ملفه مفتاح آخر"},
	{"away", "not here, as it should be", "ليس هنا، كما ينبغي"},
	{"take-away", "here: take it to a safe", "هنا: انقله إلى خزانة"},
	{"unreadable", "its file cannot be read", "تعذرت قراءة ملفه"},
};
enum place { PLACE_HERE, PLACE_MISSING, PLACE_OTHER, PLACE_AWAY, PLACE_TAKE_AWAY, PLACE_UNREADABLE };

static enum place place_of(const struct listing *l, enum key_kind kind, const char *ending, const struct public_key *key, const struct hash *pin)
{
	char		path[CONFIG_PATH_MOST];
	struct sign_key found;
	bool		root = kind == KEY_ROOT_A || kind == KEY_ROOT_B;

	if (key_path(l->cli, &l->home->config, kind, ending, path) != EXIT_DONE)
		return PLACE_UNREADABLE;
	if (access(path, F_OK) != 0)
		return root ? PLACE_AWAY : PLACE_MISSING;
	if (key_file_read(path, &found, NULL) != ERR_OK)
		return PLACE_UNREADABLE;
	struct hash its = key_pin(&found.pub);
	bool	    same = key != NULL ? public_key_equal(&found.pub, key) : hash_equal(&its, pin);
	sign_key_done(&found);
	if (!same)
		return PLACE_OTHER;
	return root ? PLACE_TAKE_AWAY : PLACE_HERE;
}

static void row(struct listing *l, enum key_kind kind, const char *channel, const uint8_t shown[static 32], enum place place)
{
	char hex[2 * SIGN_PUBLIC + 1];

	hex_write(shown, SIGN_PUBLIC, hex);
	if (l->cli->json)
		fprintf(l->cli->out, "%s{\"key\":\"%s\",\"channel\":\"%s\",\"public\":\"%s\",\"file\":\"%s\"}", l->first ? "" : ",",
			key_names[kind].word, channel, hex, places[place].word);
	else
		fprintf(l->cli->out, "%-8s %-12s %.16s..  %s\n", key_names[kind].word, channel, hex,
			cli_text(l->cli, places[place].en, places[place].ar));
	l->first = false;
}

static void signing_rows(struct listing *l, enum key_kind kind, const struct card_key *keys, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		row(l, kind, keys[i].channel, keys[i].key.b, place_of(l, kind, ".key", &keys[i].key, NULL));
}

/* Of two TLS keys on a card one waits in tls.next, or the card has not lost the old one yet. */
static enum place tls_place(struct listing *l, const struct hash *pin)
{
	static const char *const endings[] = {".key", ".next.key", ".old.key"};
	enum place		 first = place_of(l, KEY_TLS, endings[0], NULL, pin);

	for (size_t i = 1; i < COUNT_OF(endings) && first == PLACE_OTHER; i++)
		if (place_of(l, KEY_TLS, endings[i], NULL, pin) == PLACE_HERE)
			return PLACE_HERE;
	return first;
}

static void rows(struct listing *l, const struct card *card)
{
	for (unsigned i = 0; i < 2; i++) {
		enum key_kind kind = i == 0 ? KEY_ROOT_A : KEY_ROOT_B;

		row(l, kind, "", card->root[i].b, place_of(l, kind, ".key", &card->root[i], NULL));
	}
	signing_rows(l, KEY_LOG, card->log, card->nlog);
	signing_rows(l, KEY_RECEIPT, card->receipt, card->nreceipt);
	for (unsigned i = 0; i < card->ntls; i++)
		row(l, KEY_TLS, "", card->tls[i].b, tls_place(l, &card->tls[i]));
}

static void list_tell(struct listing *l, const struct card *card)
{
	char from[11], until[11];

	date_write(card->from_day, from);
	date_write(card->until_day, until);
	if (l->cli->json) {
		fprintf(l->cli->out,
			"{\"party\":\"%s\",\"environment\":\"%s\",\"serial\":%llu,\"from\":\"%s\",\"until\":\"%s\",\"revoked\":%u,\"keys\":[",
			card->party, card->live ? "live" : "test", (unsigned long long)card->serial, from, until, card->nrevoked);
		rows(l, card);
		fputs("]}\n", l->cli->out);
		return;
	}
	fprintf(l->cli->out, "%s  %s  %s %llu  %s .. %s\n", card->party, card->live ? "live" : "test", cli_text(l->cli, "serial", "الرقم"),
		(unsigned long long)card->serial, from, until);
	rows(l, card);
}

static int list(struct cli *cli)
{
	struct home    h;
	struct listing l = {.cli = cli, .home = &h, .first = true};
	int	       code = home_open_cards(cli, &h);

	if (code != EXIT_DONE)
		return code;
	list_tell(&l, h.papers.card[0]);
	home_done(&h);
	return EXIT_DONE;
}

/* ---- the command ---- */

/* Without --root: the other root of the home when it has not been taken away yet, as `mithaq init` leaves it. */
static const char *root_default(struct cli *cli, enum key_kind kind, char path[CONFIG_PATH_MOST])
{
	struct config config;

	config_places(&config, cli->home);
	if (key_path(cli, &config, kind == KEY_ROOT_A ? KEY_ROOT_B : KEY_ROOT_A, ".key", path) != EXIT_DONE)
		return NULL;
	return access(path, F_OK) == 0 ? path : NULL;
}

int cmd_key(struct cli *cli, int argc, char **argv)
{
	const char	       *root = NULL;
	bool			html = false;
	const struct cli_option options[] = {{"--root", &root, NULL}, {"--html", NULL, &html}};
	int			n = cli_options(cli, argc, argv, options, COUNT_OF(options));
	char			path[CONFIG_PATH_MOST];
	enum key_kind		kind;

	if (n < 0)
		return EXIT_USAGE;
	if (n == 1 && strcmp(argv[1], "list") == 0)
		return list(cli);
	if (n == 1 && strcmp(argv[1], "sheet") == 0)
		return key_sheet(cli, html);
	if (n != 2)
		return cli_usage(cli);
	if (!kind_read(argv[2], &kind))
		return cli_complain(cli, EXIT_USAGE, cli_text(cli, "no key has this name", "لا مفتاح بهذا الاسم"), argv[2],
				    "log, receipt, tls, root-a, root-b");
	if (root == NULL)
		root = root_default(cli, kind, path);
	if (root == NULL)
		return cli_complain(cli, EXIT_USAGE, cli_text(cli, "a card is signed by a root key", "يوقّع البطاقةَ مفتاح جذري"), NULL,
				    cli_text(cli, "bring it from the safe: --root KEYFILE", "أحضره من الخزانة: ‎--root KEYFILE‎"));
	bool is_root = kind == KEY_ROOT_A || kind == KEY_ROOT_B;
	if (strcmp(argv[1], "rotate") == 0)
		return key_rotate(cli, kind, root);
	if (strcmp(argv[1], "revoke") == 0)
		/* A card without a root says all there is to say of it. */
		return is_root ? key_rotate(cli, kind, root) : key_revoke(cli, kind, root);
	return strcmp(argv[1], "retire") == 0 && kind == KEY_TLS ? key_retire_tls(cli, root) : cli_usage(cli);
}
