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

#endif
