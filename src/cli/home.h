/* home.h: the folder of a party as the commands see it: paths, papers and their complaints. */
#ifndef MITHAQ_CLI_HOME_H
#define MITHAQ_CLI_HOME_H

#include "cli/cli.h"
#include "proc/papers.h"

/* The configuration and the papers together. Each has complained when it returns another code than EXIT_DONE. */
struct home {
	struct config config;
	struct papers papers;
};
int  home_open(struct cli *cli, struct home *h);       /* with the agreements */
int  home_open_cards(struct cli *cli, struct home *h); /* without */
void home_done(struct home *h);

/* Complains about a path below the home that does not fit; EXIT_DONE otherwise. */
int home_path(struct cli *cli, const struct config *config, const char *rest, char out[CONFIG_PATH_MOST]);

/* The wall clock in milliseconds since 1970. */
uint64_t now_ms(void);
/* The day of UTC that it is, since 1970. */
int32_t today(void);

#define CARD_DAYS 730 /* two years, then a card with the next serial */

/*
 * Signs our next card and writes it to `path` after reading it back as everybody else will;
 * *card is then the card as read. Replaces what stands there only when `replace` is set.
 */
enum err home_card_write(const char *path, struct card *card, const struct sign_key *root, bool replace) must_use;

/* Keeps the card that stands in `from` as home/cards/<party>.<serial>.card before another takes its place. Has complained unless EXIT_DONE. */
int home_card_keep(struct cli *cli, const struct config *config, const char *from);

/* "english: ...", "العربية: ...": the six words of a card, the person's own language first. */
void home_words_tell(const struct cli *cli, const struct card *card);

#endif
