#include "cli/home.h"

#include <errno.h>
#include <time.h>

#include "agreement/words.h"
#include "proc/files.h"

uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

int32_t today(void)
{
	return (int32_t)(now_ms() / 86400000u);
}

typedef enum err papers_fn(const struct config *config, struct papers *out, char file[CONFIG_PATH_MOST], struct fault *fault);

static int open_with(struct cli *cli, struct home *h, papers_fn *load)
{
	char	     file[CONFIG_PATH_MOST];
	struct fault fault = {0};
	int	     code = cli_config(cli, &h->config);

	if (code != EXIT_DONE)
		return code;
	h->papers = (struct papers){0};
	enum err e = load(&h->config, &h->papers, file, &fault);
	if (e == ERR_OK)
		return EXIT_DONE;
	config_done(&h->config);
	if (e == ERR_FILE)
		return cli_err(cli, e, file, NULL);
	fault.err = e;
	return cli_fault(cli, &fault, file);
}

int home_open(struct cli *cli, struct home *h)
{
	return open_with(cli, h, papers_load);
}

int home_open_cards(struct cli *cli, struct home *h)
{
	return open_with(cli, h, papers_load_cards);
}

void home_done(struct home *h)
{
	papers_done(&h->papers);
	config_done(&h->config);
}

int home_path(struct cli *cli, const struct config *config, const char *rest, char out[CONFIG_PATH_MOST])
{
	enum err e = config_path(config, rest, out);

	return e == ERR_OK ? EXIT_DONE : cli_err(cli, e, rest, NULL);
}

enum err home_card_write(const char *path, struct card *card, const struct sign_key *root, bool replace)
{
	uint8_t	       memory[CARD_MOST];
	struct builder note = builder_on(memory, sizeof memory);
	struct card    read;
	enum err       e = card_sign(card, root, &note);

	if (e == ERR_OK)
		e = card_read(builder_bytes(&note), &read, NULL);
	if (e == ERR_OK)
		e = replace ? file_write(path, builder_bytes(&note), 0644) : file_write_new(path, builder_bytes(&note), 0644);
	if (e == ERR_OK)
		*card = read;
	return e;
}

int home_card_keep(struct cli *cli, const struct config *config, const char *from)
{
	char				  path[CONFIG_PATH_MOST], rest[CONFIG_PATH_MOST];
	scoped(buffer_done) struct buffer note = {.most = CARD_MOST};
	struct card			  card;
	struct fault			  fault = {0};

	enum err e = papers_card_read_note(from, &card, &note, &fault);
	if (e != ERR_OK) {
		fault.err = e;
		return cli_fault(cli, &fault, from);
	}
	int code = home_path(cli, config, PAPERS_CARDS_FOLDER, path);
	if (code != EXIT_DONE)
		return code;
	if (folder_make_private(path) != 0 && errno != EEXIST)
		return cli_err(cli, ERR_FILE, path, NULL);
	e = papers_card_path(card.party, card.serial, rest);
	if (e == ERR_OK)
		e = config_path(config, rest, path);
	if (e == ERR_OK)
		e = file_write_new(path, buffer_bytes(&note), 0644);
	return e == ERR_OK || e == ERR_EXISTS ? EXIT_DONE : cli_err(cli, e, path, NULL);
}

static void words_tell(const struct cli *cli, const struct card *card, enum lang lang)
{
	char line[WORDS_TEXT_MOST];

	words_line(card, lang, line);
	fprintf(cli->out, "  %s %s\n", lang == LANG_AR ? "العربية:" : "English:", line);
}

void home_words_tell(const struct cli *cli, const struct card *card)
{
	words_tell(cli, card, cli->lang);
	words_tell(cli, card, cli->lang == LANG_AR ? LANG_EN : LANG_AR);
}
