#include "cli/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/json.h"

#define WORDS_MOST 512 /* of one command line */

const char *cli_text(const struct cli *cli, const char *en, const char *ar)
{
	return cli->lang == LANG_AR ? ar : en;
}

int cli_complain(struct cli *cli, enum exit_code code, const char *what, const char *found, const char *help)
{
	fprintf(cli->complain, "mithaq: %s", what);
	if (found != NULL)
		fprintf(cli->complain, ": %s", found);
	if (help != NULL)
		fprintf(cli->complain, "%s%s", cli_text(cli, "; ", "؛ "), help);
	fputc('\n', cli->complain);
	return (int)code;
}

enum exit_code cli_exit_of(enum err e)
{
	switch (err_blame(e)) {
	case BLAME_NONE:
		return EXIT_DONE;
	case BLAME_CALLER:
	case BLAME_PARTNER: /* a file of theirs, given by the person at the keyboard */
		return EXIT_USAGE;
	case BLAME_MACHINE:
	case BLAME_MITHAQ:
		return EXIT_INTERNAL;
	}
	return EXIT_INTERNAL;
}

int cli_err(struct cli *cli, enum err e, const char *what, const char *help)
{
	int  saved = errno;
	char found[320];

	snprintf(found, sizeof found, "%s", err_text(e, cli->lang));
	if (e == ERR_FILE && saved != 0)
		snprintf(found, sizeof found, "%s: %s", err_text(e, cli->lang), strerror(saved));
	return cli_complain(cli, cli_exit_of(e), what, found, help);
}

int cli_fault(struct cli *cli, const struct fault *fault, const char *file)
{
	char line[1024];

	fault_print(fault, file, cli->lang, line, sizeof line);
	fprintf(cli->complain, "mithaq: %s\n", line);
	return (int)cli_exit_of(fault->err);
}

int cli_usage(struct cli *cli)
{
	fprintf(cli->complain, "%s: mithaq %s %s\n", cli_text(cli, "mithaq: usage", "ميثاق: طريقة الاستعمال"), cli->command->name,
		cli->command->words);
	return EXIT_USAGE;
}

int cli_config(struct cli *cli, struct config *config)
{
	struct fault fault = {0};

	config_places(config, cli->home);
	enum err e = config_read(config, &fault);
	if (e == ERR_OK)
		return EXIT_DONE;
	char path[CONFIG_PATH_MOST + 16];
	int  saved = errno;
	snprintf(path, sizeof path, "%s/mithaq.yaml", config->home);
	config_done(config);
	errno = saved;
	if (e == ERR_FILE)
		return cli_err(cli, e, path,
			       cli_text(cli, "`mithaq init PARTY` makes one; --home DIR says where it stands",
					"ينشئه «mithaq init PARTY»، ويحدد ‎--home DIR‎ موضعه"));
	fault.err = e;
	return cli_fault(cli, &fault, path);
}

void cli_json_text(const struct cli *cli, const char *text)
{
	scoped(buffer_done) struct buffer out = {.most = JSON_BODY_MOST};
	struct json_writer		  w = json_writer_on(&out);

	json_string_put(&w, text);
	fwrite(out.at, 1, out.n, cli->out);
}

/* ---- options ---- */

/* The value of the option `name` standing in argv[*at], or NULL when that word is another one. */
static const char *option_value(int argc, char **argv, int *at, const char *name)
{
	size_t n = strlen(name);

	if (strncmp(argv[*at], name, n) != 0)
		return NULL;
	if (argv[*at][n] == '=')
		return argv[*at] + n + 1;
	if (argv[*at][n] != '\0' || *at + 1 >= argc || argv[*at + 1] == NULL)
		return NULL;
	return argv[++*at];
}

static bool option_take(int argc, char **argv, int *at, const struct cli_option *options, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (options[i].flag != NULL && strcmp(argv[*at], options[i].name) == 0) {
			*options[i].flag = true;
			return true;
		}
		const char *value = options[i].value != NULL ? option_value(argc, argv, at, options[i].name) : NULL;
		if (value != NULL) {
			*options[i].value = value;
			return true;
		}
	}
	return false;
}

int cli_options(struct cli *cli, int argc, char **argv, const struct cli_option *options, size_t n)
{
	int kept = 0;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0) {
			while (++i < argc)
				argv[++kept] = argv[i];
			break;
		}
		if (argv[i][0] != '-' || argv[i][1] == '\0') {
			argv[++kept] = argv[i];
			continue;
		}
		const char *word = argv[i];
		if (!option_take(argc, argv, &i, options, n)) {
			cli_complain(cli, EXIT_USAGE,
				     cli_text(cli, "this option is not known here, or has no value", "هذا الخيار غير معروف هنا أو تنقصه قيمته"), word,
				     NULL);
			cli_usage(cli);
			return -1;
		}
	}
	return kept;
}

/* ---- the whole of main() ---- */

static enum lang lang_of_environment(void)
{
	static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		const char *value = getenv(names[i]);

		if (value != NULL && value[0] != '\0')
			return strncmp(value, "ar", 2) == 0 ? LANG_AR : LANG_EN;
	}
	return LANG_EN;
}

static bool lang_of_word(const char *word, enum lang *out)
{
	if (strcmp(word, "ar") != 0 && strcmp(word, "en") != 0)
		return false;
	*out = strcmp(word, "ar") == 0 ? LANG_AR : LANG_EN;
	return true;
}

/* Takes the options of every command out of argv; what is left keeps its order. Returns how many words are left. */
static int take_common(struct cli *cli, int argc, char **argv, bool *help, const char **lang)
{
	const struct cli_option options[] = {
		{"--home", &cli->home, NULL}, {"--lang", lang, NULL}, {"--json", NULL, &cli->json}, {"--help", NULL, help}, {"-h", NULL, help}};
	int kept = 0;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0) {
			for (; i < argc; i++)
				argv[kept++] = argv[i];
			break;
		}
		if (!option_take(argc, argv, &i, options, COUNT_OF(options)))
			argv[kept++] = argv[i];
	}
	return kept;
}

static const struct command *command_named(const struct cli *cli, const char *name)
{
	for (size_t i = 0; i < cli->ncommands; i++)
		if (strcmp(cli->commands[i].name, name) == 0)
			return &cli->commands[i];
	return NULL;
}

static int run_help(struct cli *cli, char *about)
{
	char  help[] = "help";
	char *words[] = {help, about, NULL};

	return cmd_help(cli, about != NULL ? 2 : 1, words);
}

int cli_main(struct cli *cli, int argc, char **argv)
{
	bool	    help = false;
	const char *lang = NULL;

	cli->lang = lang_of_environment();
	if (argc > WORDS_MOST)
		return cli_complain(cli, EXIT_USAGE, cli_text(cli, "the command line has too many words", "في سطر الأمر كلمات أكثر من اللازم"), NULL,
				    NULL);
	int kept = take_common(cli, argc, argv, &help, &lang);
	if (lang != NULL && !lang_of_word(lang, &cli->lang))
		return cli_complain(cli, EXIT_USAGE, "--lang", lang, "ar | en");
	if (kept == 0) {
		run_help(cli, NULL);
		return help ? EXIT_DONE : EXIT_USAGE;
	}
	if (strcmp(argv[0], "--version") == 0)
		return cmd_version(cli, 1, argv);
	cli->command = command_named(cli, argv[0]);
	if (cli->command == NULL)
		return cli_complain(cli, EXIT_USAGE, cli_text(cli, "no such command", "لا يوجد أمر بهذا الاسم"), argv[0],
				    cli_text(cli, "`mithaq help` lists them", "يسردها «mithaq help»"));
	if (help)
		return run_help(cli, argv[0]);
	return cli->command->run(cli, kept, argv);
}
