/*
 * cli.h: what every subcommand has in common.
 *
 * A command is one function in one file, `int cmd_NAME(struct cli *, int argc,
 * char **argv)`, with argv[0] its own name; the one table of commands stands in
 * src/main.c. Options that every command knows (--home, --lang, --json, --help)
 * are taken out of argv before it is called. It prints its result on standard
 * output, its complaint on standard error, and returns one of the exit codes
 * below; it never calls exit().
 */
#ifndef MITHAQ_CLI_CLI_H
#define MITHAQ_CLI_CLI_H

#include <stdio.h>

#include "base/error.h"
#include "proc/config.h"

/* The exit codes are part of the interface: scripts stand on them. */
enum exit_code {
	EXIT_DONE = 0,
	EXIT_INTERNAL = 1,
	EXIT_USAGE = 2, /* the words or the input given are off */
	EXIT_REFUSED_HERE = 3,
	EXIT_REFUSED_BY_PARTNER = 4,
	EXIT_UNREACHABLE = 5,
	EXIT_NO_HIT = 6, /* only with --exit-hit */
	EXIT_EVIDENCE_BROKEN = 7,
};

struct command;

struct cli {
	const char	     *home; /* --home, or NULL: config_places() chooses */
	enum lang	      lang;
	bool		      json;
	FILE		     *out;	/* results; standard output */
	FILE		     *complain; /* errors; standard error */
	const struct command *commands; /* the table of main.c, for help */
	const struct command *command;	/* the row being run */
	size_t		      ncommands;
};

typedef int command_fn(struct cli *cli, int argc, char **argv);

struct command {
	const char *name;
	command_fn *run;
	const char *words; /* what follows the name, such as "CHANNEL/NAME [field=value ...] --purpose P" */
	const char *about; /* one line */
	const char *about_ar;
};

command_fn cmd_init, cmd_partner, cmd_token, cmd_agreement, cmd_query, cmd_cancel, cmd_why, cmd_status; /* one file each */
command_fn cmd_log, cmd_evidence, cmd_verify, cmd_import;
command_fn cmd_backup, cmd_restore, cmd_alarm;
command_fn cmd_provider;
command_fn cmd_try, cmd_doctor;
command_fn cmd_config;
command_fn cmd_upgrade;
command_fn cmd_key, cmd_ping, cmd_notice;
command_fn cmd_help, cmd_version;
/* `serve` stands in main.c: it calls the gateway, a room on the same floor as this one. */

/* Finds --home, --lang, --json and --help anywhere in argv, takes them out and runs the command's row. The whole of main(). */
int cli_main(struct cli *cli, int argc, char **argv);

/* `en` or `ar`, as the person asked. Both may be formats of one printf: the compiler looks through. */
const char *cli_text(const struct cli *cli, const char *en, const char *ar) __attribute__((format_arg(2), format_arg(3)));

/*
 * The options of one command. Exactly one of value and flag is set in a row.
 * Moves the words that are not options to argv[1..] in their order and returns
 * how many; -1 after complaining about an unknown option or a missing value.
 * "--" ends the options; "--name=value" is the same as "--name value".
 */
struct cli_option {
	const char  *name; /* "--purpose" */
	const char **value;
	bool	    *flag;
};
int cli_options(struct cli *cli, int argc, char **argv, const struct cli_option *options, size_t n);

/* Each prints one complaint "mithaq: what: found; what helps" (found and help may be NULL) and returns `code`. */
int	       cli_complain(struct cli *cli, enum exit_code code, const char *what, const char *found, const char *help);
int	       cli_err(struct cli *cli, enum err e, const char *what, const char *help); /* the table's sentence as what was found */
int	       cli_fault(struct cli *cli, const struct fault *fault, const char *file);	 /* "mithaq: FILE:LINE: ..." */
int	       cli_usage(struct cli *cli);						 /* the command's own line; EXIT_USAGE */
enum exit_code cli_exit_of(enum err e);							 /* by blame: the caller's is EXIT_USAGE */

/* `text` as a JSON string, with its quotes, on cli->out: for paths and other words that a person chose. */
void cli_json_text(const struct cli *cli, const char *text);

/* Reads <home>/mithaq.yaml. On failure it has complained and returns the exit code; EXIT_DONE otherwise (then config_done it). */
int cli_config(struct cli *cli, struct config *config);

#endif
