/* partner.c: `mithaq partner add CARD [ADDRESS]` and `mithaq partner list`. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

/* May `fresh` stand in the place of `held`? Serials never go back, and roots never change by themselves. */
static int succession(struct cli *cli, const struct card *held, const struct card *fresh)
{
	char found[96];

	if (held == NULL)
		return EXIT_DONE;
	snprintf(found, sizeof found, "%llu %s %llu", (unsigned long long)fresh->serial, cli_text(cli, "offered, held:", "معروض، والمحفوظ:"),
		 (unsigned long long)held->serial);
	if (fresh->serial < held->serial)
		return cli_complain(cli, EXIT_USAGE, cli_text(cli, "this card is older than the one held", "هذه البطاقة أقدم من المحفوظة"), found,
				    NULL);
	if (fresh->serial == held->serial && !hash_equal(&fresh->id, &held->id))
		return cli_complain(cli, EXIT_USAGE,
				    cli_text(cli, "two different cards have the same serial: ask the partner on another way",
					     "بطاقتان مختلفتان برقم واحد: اسأل الشريك بطريق آخر"),
				    found, NULL);
	if (!public_key_equal(&fresh->root[0], &held->root[0]) || !public_key_equal(&fresh->root[1], &held->root[1]))
		return cli_complain(cli, EXIT_USAGE,
				    cli_text(cli, "the root keys are not those of the card held", "مفاتيح الجذر ليست مفاتيح البطاقة المحفوظة"),
				    fresh->party,
				    cli_text(cli, "compare fingerprints on paper; then remove the old card by hand",
					     "قارن البصمات على ورق، ثم أزل البطاقة القديمة يدويًا"));
	if (fresh->serial == held->serial + 1 && !hash_equal(&fresh->previous, &held->id))
		return cli_complain(cli, EXIT_USAGE, cli_text(cli, "this card does not follow the one held", "هذه البطاقة لا تلي المحفوظة"), found,
				    NULL);
	return EXIT_DONE;
}

static int belongs(struct cli *cli, const struct home *h, const struct card *fresh)
{
	if (strcmp(fresh->party, h->config.party) == 0)
		return cli_complain(cli, EXIT_USAGE, cli_text(cli, "this is our own card", "هذه بطاقتنا نحن"), fresh->party, NULL);
	if (fresh->live != h->papers.card[0]->live)
		return cli_complain(cli, EXIT_USAGE, cli_text(cli, "test and live do not meet", "لا يلتقي الاختبار والتشغيل الفعلي"),
				    fresh->live ? "live" : "test", cli_text(cli, "ask for a card of our environment", "اطلب بطاقة من بيئتنا"));
	return succession(cli, papers_card(&h->papers, fresh->party), fresh);
}

static int card_keep(struct cli *cli, const struct home *h, const struct card *card, struct bytes note)
{
	char path[CONFIG_PATH_MOST], rest[PARTY_MOST + 32];

	int code = home_path(cli, &h->config, "partners", path);
	if (code != EXIT_DONE)
		return code;
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return cli_err(cli, ERR_FILE, path, NULL);
	snprintf(rest, sizeof rest, "partners/%s.card", card->party);
	code = home_path(cli, &h->config, rest, path);
	if (code != EXIT_DONE)
		return code;
	enum err e = file_write(path, note, 0644);
	return e == ERR_OK ? EXIT_DONE : cli_err(cli, e, path, NULL);
}

static void tell(struct cli *cli, const struct card *card)
{
	char print[80];

	card_fingerprint(card, print);
	if (cli->json) {
		fprintf(cli->out, "{\"party\":\"%s\",\"serial\":%llu,\"fingerprint\":\"%s\"}\n", card->party, (unsigned long long)card->serial,
			print);
		return;
	}
	fprintf(cli->out, "%s\n  %s\n", card->party, print);
	fprintf(cli->out, "%s\n",
		cli_text(cli, "compare this fingerprint with what the partner reads to you", "قارن هذه البصمة بما يقرؤه عليك الشريك"));
	fprintf(cli->out, "%s\n", cli_text(cli, "a running gateway takes it up at its next start", "تأخذ بها البوابة العاملة عند بدئها التالي"));
}

static int add_from(struct cli *cli, struct home *h, const char *file, struct bytes note, const char *address)
{
	struct card  card;
	struct fault fault = {0};

	enum err e = card_read(note, &card, &fault);
	if (e != ERR_OK) {
		fault.err = e;
		return cli_fault(cli, &fault, file);
	}
	int code = belongs(cli, h, &card);
	if (code == EXIT_DONE)
		code = card_keep(cli, h, &card, note);
	if (code == EXIT_DONE && address != NULL)
		code = address_keep(cli, h, card.party, address);
	if (code == EXIT_DONE)
		tell(cli, &card);
	return code;
}

static int partner_add(struct cli *cli, const char *file, const char *address)
{
	struct home			  h;
	scoped(buffer_done) struct buffer note = {.most = CARD_MOST};

	if (address != NULL && !address_ok(address))
		return cli_complain(cli, EXIT_USAGE, cli_text(cli, "this is not an address", "ليس هذا عنوانًا"), address, "HOST:PORT");
	enum err e = file_read(file, &note);
	if (e != ERR_OK)
		return cli_err(cli, e, file, NULL);
	int code = home_open_cards(cli, &h);
	if (code != EXIT_DONE)
		return code;
	code = add_from(cli, &h, file, buffer_bytes(&note), address);
	home_done(&h);
	return code;
}

static void list_row(struct cli *cli, const struct card *card, bool first)
{
	char print[80], until[11];

	card_fingerprint(card, print);
	date_write(card->until_day, until);
	if (cli->json)
		fprintf(cli->out, "%s{\"party\":\"%s\",\"serial\":%llu,\"until\":\"%s\",\"fingerprint\":\"%s\"}", first ? "" : ",", card->party,
			(unsigned long long)card->serial, until, print);
	else
		fprintf(cli->out, "%-28s %s %llu  %s %s\n  %s\n", card->party, cli_text(cli, "serial", "الرقم"), (unsigned long long)card->serial,
			cli_text(cli, "until", "حتى"), until, print);
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
	int n = cli_options(cli, argc, argv, NULL, 0);

	if (n < 0)
		return EXIT_USAGE;
	if ((n == 2 || n == 3) && strcmp(argv[1], "add") == 0)
		return partner_add(cli, argv[2], n == 3 ? argv[3] : NULL);
	if (n == 1 && strcmp(argv[1], "list") == 0)
		return partner_list(cli);
	return cli_usage(cli);
}
