#include "cli/home.h"

#include <time.h>

uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
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
