/* log.c: the words of `mithaq log`; and `log show`, which lists entries and never their content. */
#include <inttypes.h>
#include <stdlib.h>

#include <jansson.h>

#include "cli/log.h"

/* ---- the logs of a ledger ---- */

struct rows {
	struct log_row *at;
	size_t		n, room;
	const char     *partner, *channel;
	enum err	err;
};

static bool rows_add(void *arg, const struct log_row *row)
{
	struct rows *rows = arg;

	if (rows->n == LOG_ROWS_MOST) {
		rows->err = ERR_TOO_LONG;
		return false;
	}
	if (rows->n == rows->room) {
		size_t		room = rows->room == 0 ? 16 : 2 * rows->room;
		struct log_row *at = reallocarray(rows->at, room, sizeof *at);
		if (at == NULL) {
			rows->err = ERR_MEMORY;
			return false;
		}
		rows->at = at;
		rows->room = room;
	}
	rows->at[rows->n++] = *row;
	return true;
}

static enum err rows_read(struct store *s, struct rows *rows)
{
	enum err e = store_logs(s, rows->partner, rows->channel, rows_add, rows);

	return e == ERR_OK ? rows->err : e;
}

int log_ledger_open(struct cli *cli, const struct config *config, enum store_mode mode, struct store **out)
{
	char	     path[CONFIG_PATH_MOST];
	struct fault fault = {0};
	int	     code = EXIT_DONE;

	if (config_data_path(config, "ledger.db", path) != ERR_OK)
		return cli_err(cli, ERR_TOO_LONG, config->data, NULL);
	if (store_open(path, mode, out, &fault) != ERR_OK) {
		code = cli_fault(cli, &fault, "ledger");
		return code == EXIT_DONE ? EXIT_INTERNAL : code;
	}
	return EXIT_DONE;
}

/* ---- show ---- */

struct showing {
	struct cli	     *cli;
	const struct log_row *row;
	char		      origin[ORIGIN_MOST];
	bool		      first;
};

struct shown_entry {
	uint64_t    index;
	const char *kind, *status, *form;
	char	    time[25], leaf[17];
	unsigned    clause;
};

static const char *form_name(uint8_t form)
{
	static const char *const names[] = {"full", "purged", "bare"};

	return form < COUNT_OF(names) ? names[form] : "unknown";
}

/* A bare entry has no header any more: only its number and its leaf. */
static void entry_describe(const struct entry_row *row, struct shown_entry *out)
{
	struct header h;
	struct hash   leaf = entry_leaf(&row->commitment);

	*out = (struct shown_entry){.index = row->index, .kind = "-", .status = "", .form = form_name(row->form)};
	hex_write(leaf.b, 8, out->leaf);
	if (row->form == FORM_BARE || header_read(row->header, &h) != ERR_OK)
		return;
	out->kind = kind_name(h.kind);
	out->status = h.kind == KIND_REPLY ? status_name(h.status) : "";
	out->clause = h.clause;
	time_write(h.time_ms, out->time);
}

static void show_plain(struct showing *s, const struct shown_entry *e)
{
	char clause[16] = "";

	if (e->clause != 0)
		snprintf(clause, sizeof clause, "%u", e->clause);
	fprintf(s->cli->out, "%8" PRIu64 "  %-9s  %-24s  %5s  %-11s  %s..  %s\n", e->index, e->kind, e->time, clause, e->status, e->leaf, e->form);
}

static void show_json(struct showing *s, const struct shown_entry *e)
{
	json_t *o = json_pack("{s:s, s:I, s:s, s:s, s:i, s:s, s:s, s:s}", "origin", s->origin, "index", (json_int_t)e->index, "kind", e->kind, "time",
			      e->time, "clause", (int)e->clause, "status", e->status, "leaf", e->leaf, "form", e->form);

	fputs(s->first ? "\n" : ",\n", s->cli->out);
	if (o != NULL)
		json_dumpf(o, s->cli->out, JSON_COMPACT);
	json_decref(o);
	s->first = false;
}

static bool show_entry(void *arg, const struct entry_row *row)
{
	struct showing	  *s = arg;
	struct shown_entry e;

	entry_describe(row, &e);
	if (s->cli->json)
		show_json(s, &e);
	else
		show_plain(s, &e);
	return true;
}

static void show_log_head(struct showing *s)
{
	if (s->cli->json)
		return;
	fprintf(s->cli->out, "%s\n", s->origin);
	fprintf(s->cli->out, "  %s %" PRIu64 "%s %" PRIu64 "%s %" PRIu64 "\n", cli_text(s->cli, "entries", "القيود"), s->row->frontier.size,
		cli_text(s->cli, ", under checkpoints", "، تحت نقاط تحقق"), s->row->checkpoint.size, cli_text(s->cli, ", receipted", "، بإيصال"),
		s->row->receipt.size);
}

static int show_logs(struct cli *cli, const char *self, struct store *s, const struct rows *rows)
{
	struct showing showing = {.cli = cli, .first = true};
	enum err       e = ERR_OK;

	fputs(cli->json ? "[" : "", cli->out);
	for (size_t i = 0; i < rows->n && e == ERR_OK; i++) {
		showing.row = &rows->at[i];
		e = store_log_origin(self, showing.row, showing.origin);
		if (e != ERR_OK)
			break;
		show_log_head(&showing);
		e = store_entries(s, rows->at[i].id, 0, INT64_MAX, show_entry, &showing);
	}
	fputs(cli->json ? "\n]\n" : "", cli->out);
	return e == ERR_OK ? EXIT_DONE
			   : cli_err(cli, e, store_fault(s)->at, cli_text(cli, "`mithaq log verify` says more", "يفصّل ذلك «mithaq log verify»"));
}

static int show(struct cli *cli, struct home *home, struct store *s, const char *partner, const char *channel)
{
	struct rows rows = {.partner = partner, .channel = channel};
	enum err    e = rows_read(s, &rows);
	int	    code = e == ERR_OK ? show_logs(cli, home->config.party, s, &rows) : cli_err(cli, e, store_fault(s)->at, NULL);

	free(rows.at);
	return code;
}

int log_show(struct cli *cli, int argc, char **argv)
{
	const char	       *partner = NULL, *channel = NULL;
	const struct cli_option options[] = {{"--partner", &partner, NULL}, {"--channel", &channel, NULL}};
	struct home		home;
	struct store	       *s = NULL;
	int			n = cli_options(cli, argc, argv, options, COUNT_OF(options));

	if (n != 0)
		return n < 0 ? EXIT_USAGE : cli_usage(cli);
	int code = home_open_cards(cli, &home);
	if (code != EXIT_DONE)
		return code;
	code = log_ledger_open(cli, &home.config, STORE_READ, &s);
	if (code == EXIT_DONE && store_begin(s) != ERR_OK)
		code = cli_err(cli, ERR_STORE, store_fault(s)->at, NULL);
	if (code == EXIT_DONE)
		code = show(cli, &home, s, partner, channel);
	store_close(s);
	home_done(&home);
	return code;
}

/* ---- the command ---- */

static const struct {
	const char *name;
	command_fn *run;
} words[] = {{"show", log_show}, {"verify", log_verify}, {"export", log_export}, {"repair", log_repair}};

/* The first word that is none of an option's; what is before and behind it goes to the command it names. */
int cmd_log(struct cli *cli, int argc, char **argv)
{
	for (int at = 1; at < argc; at++) {
		for (size_t i = 0; i < COUNT_OF(words); i++) {
			if (strcmp(argv[at], words[i].name) != 0)
				continue;
			memmove(&argv[at], &argv[at + 1], (size_t)(argc - at) * sizeof *argv);
			return words[i].run(cli, argc - 1, argv);
		}
	}
	return cli_usage(cli);
}
