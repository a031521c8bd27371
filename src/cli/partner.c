/*
 * partner.c: `mithaq partner add CARD [ADDRESS]` and `mithaq partner list`. Taking a card in is
 * also the pairing: the six words are shown or compared, and with a root key at hand our half of
 * the connection agreement is signed and waits for the partner's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agreement/connection.h"
#include "agreement/words.h"
#include "cli/home.h"
#include "proc/files.h"

/* ---- the address line in mithaq.yaml ---- */

/* "host:port", "[v6]:port": letters, digits and the punctuation of addresses, and a port of 1..65535. */
static bool address_ok(const char *address)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]";
	const char	 *colon = strrchr(address, ':');
	uint64_t	  port;

	if (colon == NULL || colon == address || strlen(address) >= CONFIG_ADDRESS_MOST || address[strspn(address, allowed)] != '\0')
		return false;
	return decimal_read(bytes_text(colon + 1), &port) == ERR_OK && port >= 1 && port <= 65535;
}

/* Where the line "partners:" ends and whether it says {} behind it; NULL when there is no such line. */
static const char *partners_line(const char *text, bool *empty, const char **line)
{
	static const char word[] = "partners:";

	for (const char *at = text; at != NULL && *at != '\0';) {
		const char *end = strchr(at, '\n');

		if (strncmp(at, word, sizeof word - 1) == 0) {
			const char *rest = at + sizeof word - 1;

			rest += strspn(rest, " ");
			*empty = strncmp(rest, "{}", 2) == 0;
			*line = at;
			if (!*empty && *rest != '\n' && *rest != '\0' && *rest != '#')
				return NULL; /* written in a form we leave to its author */
			return end != NULL ? end + 1 : at + strlen(at);
		}
		at = end != NULL ? end + 1 : NULL;
	}
	return NULL;
}

/* The text with the partner's line in it; ERR_MALFORMED when a person must do it. */
static enum err line_insert(struct bytes before, const char *name, const char *address, struct buffer *after)
{
	char	   *text = strndup((const char *)before.at, before.n);
	const char *line, *behind;
	bool	    empty;

	if (text == NULL)
		return ERR_MEMORY;
	behind = partners_line(text, &empty, &line);
	enum err e = behind != NULL ? ERR_OK : ERR_MALFORMED;
	if (e == ERR_OK)
		e = buffer_format(after, "%.*s", (int)((empty ? line : behind) - text), text);
	if (e == ERR_OK && empty)
		e = buffer_format(after, "partners:\n");
	if (e == ERR_OK)
		e = buffer_format(after, "  %s: %s\n%s", name, address, behind);
	free(text);
	return e;
}

static bool configured(const struct config *config, const char *name)
{
	for (unsigned i = 0; i < config->npartners; i++)
		if (strcmp(config->partner[i].name, name) == 0)
			return true;
	return false;
}

/* Writes the new text, reads it back as the gateway will, and puts the old one back when that fails. */
static enum err config_replace(struct cli *cli, const char *path, struct bytes before, struct bytes after)
{
	struct config again;
	struct fault  fault = {0};

	enum err e = file_write(path, after, 0640);
	if (e != ERR_OK)
		return e;
	config_places(&again, cli->home);
	e = config_read(&again, &fault);
	config_done(&again);
	if (e == ERR_OK)
		return ERR_OK;
	enum err back = file_write(path, before, 0640);
	return back == ERR_OK ? e : back;
}

static int address_keep(struct cli *cli, const struct home *h, const char *name, const char *address)
{
	char				  path[CONFIG_PATH_MOST], line[CONFIG_ADDRESS_MOST + PARTY_MOST + 64];
	scoped(buffer_done) struct buffer before = {.most = CONFIG_FILE_MOST}, after = {.most = CONFIG_FILE_MOST};

	if (configured(&h->config, name))
		return EXIT_DONE;
	int code = home_path(cli, &h->config, "mithaq.yaml", path);
	if (code != EXIT_DONE)
		return code;
	enum err e = file_read(path, &before);
	if (e == ERR_OK)
		e = line_insert(buffer_bytes(&before), name, address, &after);
	if (e == ERR_OK)
		e = config_replace(cli, path, buffer_bytes(&before), buffer_bytes(&after));
	if (e == ERR_OK)
		return EXIT_DONE;
	snprintf(line, sizeof line, "%s  \"%s: %s\"",
		 cli_text(cli, "add this line under `partners:` yourself:", "أضف هذا السطر بنفسك تحت «partners:»:"), name, address);
	return cli_err(cli, e, path, line);
}

/* ---- the card ---- */

/* What a person can do about it. */
static const struct {
	enum err    err;
	const char *en, *ar;
} remedies[] = {
	{ERR_DUPLICATE, "ask the partner on another way which is theirs", "اسأل الشريك بطريق آخر أيهما بطاقته"},
	{ERR_PROTOCOL, "ask the partner for the cards between", "اطلب من الشريك ما بينهما من بطاقات"},
	{ERR_KEY, "compare words and fingerprint; if the partner began anew, take its cards away by hand (partners/, cards/, data/cards/)",
	 "قارن الكلمات والبصمة؛ فإن كان الشريك قد بدأ من جديد فأزل بطاقاته يدويًا "
	 "(‎partners/‎ "
	 "و‎cards/‎ "
	 "و‎data/cards/‎)"},
};

static int succession(struct cli *cli, const struct card *held, const struct card *fresh, struct bytes note)
{
	enum err    e = held != NULL ? card_succeeds(held, fresh, note) : ERR_OK;
	const char *help = NULL;
	char	    found[96];

	if (e == ERR_OK || e == ERR_EXISTS)
		return EXIT_DONE;
	snprintf(found, sizeof found, "%llu %s %llu", (unsigned long long)fresh->serial, cli_text(cli, "offered, held:", "معروض، والمحفوظ:"),
		 (unsigned long long)held->serial);
	for (size_t i = 0; i < COUNT_OF(remedies); i++)
		if (remedies[i].err == e)
			help = cli_text(cli, remedies[i].en, remedies[i].ar);
	return cli_complain(cli, EXIT_USAGE, card_succeeds_text(e, cli->lang), found, help);
}

static int belongs(struct cli *cli, const struct home *h, const struct card *fresh, struct bytes note)
{
	if (strcmp(fresh->party, h->config.party) == 0)
		return cli_complain(cli, EXIT_USAGE, cli_text(cli, "this is our own card", "هذه بطاقتنا نحن"), fresh->party, NULL);
	if (fresh->live != h->papers.card[0]->live)
		return cli_complain(cli, EXIT_USAGE, cli_text(cli, "test and live do not meet", "لا يلتقي الاختبار والتشغيل الفعلي"),
				    fresh->live ? "live" : "test", cli_text(cli, "ask for a card of our environment", "اطلب بطاقة من بيئتنا"));
	return succession(cli, papers_card(&h->papers, fresh->party), fresh, note);
}

/* The words that somebody heard, against the words of the card. */
static int words_check(struct cli *cli, const struct card *card, const char *said)
{
	const char *word[WORDS_SPOKEN];
	char	    found[64];
	unsigned    place;
	enum lang   lang;

	if (said == NULL)
		return EXIT_DONE;
	enum err e = words_compare(card, bytes_text(said), &place, &lang);
	if (e == ERR_OK)
		return EXIT_DONE;
	if (e != ERR_VALUE)
		return cli_complain(cli, EXIT_USAGE, "--words", said,
				    cli_text(cli, "six words, as the partner read them", "ست كلمات كما قرأها الشريك"));
	words_of_card(card, lang, word);
	snprintf(found, sizeof found, cli_text(cli, "word %u; this card says: %s", "الكلمة %u؛ وتقول هذه البطاقة: %s"), place + 1, word[place]);
	return cli_complain(cli, EXIT_USAGE, cli_text(cli, "the words differ, nothing was changed", "الكلمات مختلفة ولم يتغير شيء"), found,
			    cli_text(cli, "listen again; if they still differ this is not the partner's card",
				     "استمع مرة أخرى؛ فإن بقيت مختلفة فليست هذه بطاقة الشريك"));
}

static int card_keep(struct cli *cli, const struct home *h, const struct card *card, struct bytes note)
{
	char path[CONFIG_PATH_MOST], rest[PARTY_MOST + 32];

	int code = home_path(cli, &h->config, "partners", path);
	if (code != EXIT_DONE)
		return code;
	if (folder_make_private(path) != 0 && errno != EEXIST)
		return cli_err(cli, ERR_FILE, path, NULL);
	snprintf(rest, sizeof rest, "partners/%s.card", card->party);
	code = home_path(cli, &h->config, rest, path);
	if (code != EXIT_DONE)
		return code;
	if (access(path, F_OK) == 0)
		code = home_card_keep(cli, &h->config, path);
	if (code != EXIT_DONE)
		return code;
	enum err e = file_write(path, note, 0644);
	return e == ERR_OK ? EXIT_DONE : cli_err(cli, e, path, NULL);
}

/* ---- our half of the connection agreement ---- */

/* The root that was named, else the one that `mithaq init` left in the home; *found says whether there is any. */
static int root_read(struct cli *cli, const struct home *h, const char *given, struct sign_key *out, bool *found)
{
	char	     path[CONFIG_PATH_MOST];
	struct fault fault = {0};
	int	     code = home_path(cli, &h->config, "root/root-a.key", path);

	*found = false;
	if (code != EXIT_DONE || (given == NULL && access(path, F_OK) != 0))
		return code;
	enum err e = key_file_read(given != NULL ? given : path, out, &fault);
	if (e != ERR_OK) {
		fault.err = e;
		return cli_fault(cli, &fault, given != NULL ? given : path);
	}
	*found = public_key_equal(&out->pub, &h->papers.card[0]->root[0]) || public_key_equal(&out->pub, &h->papers.card[0]->root[1]);
	if (*found)
		return EXIT_DONE;
	sign_key_done(out);
	return cli_complain(cli, EXIT_USAGE, given != NULL ? given : path,
			    cli_text(cli, "this is not a root key of our card", "ليس هذا مفتاحًا جذريًا في بطاقتنا"), NULL);
}

/* In force already, joined by the gateway or activated by hand? */
static bool connected(const struct home *h, const struct hash *id)
{
	char rest[CONFIG_PATH_MOST], path[CONFIG_PATH_MOST];

	if (papers_agreement_path(id, rest) != ERR_OK)
		return false;
	if (config_path(&h->config, rest, path) == ERR_OK && access(path, F_OK) == 0)
		return true;
	return config_data_path(&h->config, rest, path) == ERR_OK && access(path, F_OK) == 0;
}

static enum err half_write(const struct agreement *a, unsigned us, const struct sign_key *root, struct buffer *note)
{
	uint8_t	       memory[NOTE_NAME_MOST + 256];
	struct builder line = builder_on(memory, sizeof memory);
	enum err       e = agreement_sign(a, us, root, &line);

	if (e == ERR_OK)
		e = line.err;
	if (e == ERR_OK)
		e = buffer_add(note, bytes_text("\n"));
	return e == ERR_OK ? buffer_add(note, builder_bytes(&line)) : e;
}

static int half_store(struct cli *cli, const struct home *h, const struct hash *id, struct bytes note)
{
	static const char *const folders[] = {PAPERS_AGREEMENTS_FOLDER, PAPERS_AGREEMENTS_FOLDER "/pending"};
	char			 hex[2 * HASH_SIZE + 1], rest[CONFIG_PATH_MOST], path[CONFIG_PATH_MOST];

	for (size_t i = 0; i < COUNT_OF(folders); i++) {
		int code = home_path(cli, &h->config, folders[i], path);
		if (code != EXIT_DONE)
			return code;
		if (folder_make_private(path) != 0 && errno != EEXIST)
			return cli_err(cli, ERR_FILE, path, NULL);
	}
	hex_write(id->b, HASH_SIZE, hex);
	snprintf(rest, sizeof rest, "%s/%s.signed-by-us", folders[1], hex);
	int code = home_path(cli, &h->config, rest, path);
	if (code != EXIT_DONE)
		return code;
	enum err e = file_write(path, note, 0644);
	return e == ERR_OK ? EXIT_DONE : cli_err(cli, e, path, NULL);
}

/* Signs the text that both sides compute from the two cards. */
static int half_sign(struct cli *cli, const struct home *h, const struct card *theirs, const struct sign_key *root, bool *in_force)
{
	scoped(buffer_done) struct buffer note = {.most = AGREEMENT_NOTE_MOST};
	struct agreement		 *a = NULL;
	int				  code = EXIT_DONE;

	enum err e = connection_write(h->papers.card[0], theirs, &note);
	if (e == ERR_OK)
		e = agreement_parse(buffer_bytes(&note), &a, NULL);
	if (e != ERR_OK)
		return cli_err(cli, e, cli_text(cli, "connection agreement", "اتفاق الاتصال"), NULL);
	*in_force = connected(h, &a->id);
	if (!*in_force)
		e = half_write(a, agreement_party(a, bytes_text(h->config.party)) == 1, root, &note);
	if (e != ERR_OK)
		code = cli_err(cli, e, a->name, NULL);
	else if (!*in_force)
		code = half_store(cli, h, &a->id, buffer_bytes(&note));
	agreement_free(a);
	return code;
}

enum connection { CONNECTION_UNSIGNED, CONNECTION_SIGNED, CONNECTION_IN_FORCE };

static const struct {
	const char *word, *en, *ar;
} connections[] = {
	{"unsigned", "the connection agreement is not signed yet: type this once more with --root KEYFILE",
	 "لم يوقَّع اتفاق الاتصال بعد: أعد كتابة هذا الأمر مع ‎--root KEYFILE‎"},
	{"signed-by-us", "the connection agreement is signed by us; it is in force when the partner has signed it too and both gateways have met",
	 "وقّعنا اتفاق الاتصال، وينفذ بعد أن يوقّعه الشريك وتلتقي البوابتان"},
	{"in-force", "the connection agreement is in force", "اتفاق الاتصال نافذ"},
};

static void tell_json(struct cli *cli, const struct card *card, bool compared, enum connection connection)
{
	char print[80], words[2][WORDS_TEXT_MOST];

	card_fingerprint(card, print);
	words_line(card, LANG_EN, words[0]);
	words_line(card, LANG_AR, words[1]);
	fprintf(cli->out,
		"{\"party\":\"%s\",\"serial\":%llu,\"fingerprint\":\"%s\",\"words\":{\"en\":\"%s\",\"ar\":\"%s\"},\"compared\":%s,\"connection\":\"%"
		"s\"}\n",
		card->party, (unsigned long long)card->serial, print, words[0], words[1], compared ? "true" : "false", connections[connection].word);
}

static void tell(struct cli *cli, const struct card *card, bool compared, enum connection connection)
{
	char print[80];

	if (cli->json) {
		tell_json(cli, card, compared, connection);
		return;
	}
	card_fingerprint(card, print);
	fprintf(cli->out, "%s\n", card->party);
	home_words_tell(cli, card);
	fprintf(cli->out, "  %s\n", print);
	fprintf(cli->out, "%s\n",
		compared ? cli_text(cli, "the words are those that you heard", "هذه هي الكلمات التي سمعتها")
			 : cli_text(cli, "have the partner read its six words to you: they must be these",
				    "ليقرأ الشريك عليك كلماته الست: يجب أن تكون هذه"));
	fprintf(cli->out, "%s\n", cli_text(cli, connections[connection].en, connections[connection].ar));
	fprintf(cli->out, "%s\n",
		cli_text(cli, "a running gateway takes it up when it reads its home again: kill -HUP, or systemctl reload mithaq",
			 "تأخذ بها البوابة العاملة حين تعيد قراءة مجلدها: kill -HUP أو systemctl reload mithaq"));
}

struct adding {
	const char *file, *address, *words, *root;
};

/* Everything is looked at before anything is written. */
static int add_card(struct cli *cli, struct home *h, const struct adding *a, const struct card *card, struct bytes note)
{
	struct sign_key root;
	bool		has_root, in_force = false;
	int		code = belongs(cli, h, card, note);

	if (code == EXIT_DONE)
		code = words_check(cli, card, a->words);
	if (code == EXIT_DONE)
		code = root_read(cli, h, a->root, &root, &has_root);
	if (code != EXIT_DONE)
		return code;
	code = card_keep(cli, h, card, note);
	if (code == EXIT_DONE && a->address != NULL)
		code = address_keep(cli, h, card->party, a->address);
	if (code == EXIT_DONE && has_root)
		code = half_sign(cli, h, card, &root, &in_force);
	if (has_root)
		sign_key_done(&root);
	if (code == EXIT_DONE)
		tell(cli, card, a->words != NULL, in_force ? CONNECTION_IN_FORCE : has_root ? CONNECTION_SIGNED : CONNECTION_UNSIGNED);
	return code;
}

static int add_from(struct cli *cli, struct home *h, const struct adding *a, struct bytes note)
{
	struct card  card;
	struct fault fault = {0};
	enum err     e = card_read(note, &card, &fault);

	if (e == ERR_OK)
		return add_card(cli, h, a, &card, note);
	fault.err = e;
	return cli_fault(cli, &fault, a->file);
}

static int partner_add(struct cli *cli, const struct adding *a)
{
	struct home			  h;
	scoped(buffer_done) struct buffer note = {.most = CARD_MOST};

	if (a->address != NULL && !address_ok(a->address))
		return cli_complain(cli, EXIT_USAGE, cli_text(cli, "this is not an address", "ليس هذا عنوانًا"), a->address, "HOST:PORT");
	enum err e = file_read(a->file, &note);
	if (e != ERR_OK)
		return cli_err(cli, e, a->file, NULL);
	int code = home_open_cards(cli, &h);
	if (code != EXIT_DONE)
		return code;
	code = add_from(cli, &h, a, buffer_bytes(&note));
	home_done(&h);
	return code;
}

static void list_row(struct cli *cli, const struct card *card, bool first)
{
	char print[80], until[11], words[WORDS_TEXT_MOST];

	card_fingerprint(card, print);
	date_write(card->until_day, until);
	words_line(card, cli->lang, words);
	if (cli->json)
		fprintf(cli->out, "%s{\"party\":\"%s\",\"serial\":%llu,\"until\":\"%s\",\"fingerprint\":\"%s\"}", first ? "" : ",", card->party,
			(unsigned long long)card->serial, until, print);
	else
		fprintf(cli->out, "%-28s %s %llu  %s %s\n  %s\n  %s\n", card->party, cli_text(cli, "serial", "الرقم"),
			(unsigned long long)card->serial, cli_text(cli, "until", "حتى"), until, words, print);
}

static int partner_list(struct cli *cli)
{
	struct home h;
	int	    code = home_open_cards(cli, &h);

	if (code != EXIT_DONE)
		return code;
	if (cli->json)
		fputc('[', cli->out);
	for (unsigned i = 1; i < h.papers.ncards; i++)
		list_row(cli, h.papers.card[i], i == 1);
	if (cli->json)
		fputs("]\n", cli->out);
	home_done(&h);
	return EXIT_DONE;
}

int cmd_partner(struct cli *cli, int argc, char **argv)
{
	struct adding		a = {0};
	const struct cli_option options[] = {{"--words", &a.words, NULL}, {"--root", &a.root, NULL}};
	int			n = cli_options(cli, argc, argv, options, COUNT_OF(options));

	if (n < 0)
		return EXIT_USAGE;
	a.file = n >= 2 ? argv[2] : NULL;
	a.address = n == 3 ? argv[3] : NULL;
	if ((n == 2 || n == 3) && strcmp(argv[1], "add") == 0)
		return partner_add(cli, &a);
	if (n == 1 && strcmp(argv[1], "list") == 0)
		return partner_list(cli);
	return cli_usage(cli);
}
