/*
 * log_export.c: `mithaq log export`: what this side holds of the logs of a channel, as RANGE frames one behind another,
 * byte for byte as the wire would carry them (spec/wire.md). A frame ends at a stored checkpoint, and carries it, or
 * where it is full. What was withheld from the partner is not in them.
 */
#include <stdlib.h>
#include <unistd.h>

#include "cli/log.h"
#include "wire/range.h"

struct exporting {
	struct cli	     *cli;
	struct store	     *s;
	const struct log_row *row;
	char		      origin[ORIGIN_MOST];
	struct builder	      frame;
	uint64_t	      next; /* index of the row that is wanted */
	uint16_t	      n;
	size_t		      room; /* left for rows */
	uint64_t	      exported;
};

/* Stops where the frame is full, or a row is missing or of no form that can be shown. */
static bool row_add(void *arg, const struct entry_row *row)
{
	struct exporting *x = arg;
	size_t		  size = range_row_size(row->form, row->header, row->body);

	if (row->index != x->next || row->form > FORM_BARE || x->n == RANGE_ROWS_MOST || size > x->room)
		return false;
	range_row_write(&x->frame, row->form, &row->salt, row->header, row->body, &row->commitment);
	if (x->frame.err != ERR_OK)
		return false;
	x->room -= size;
	x->next++;
	x->n++;
	return true;
}

/* The rows from x->next on, at most to `to`; with `head` when they reach its size. */
static enum err frame_put(struct exporting *x, uint64_t to, const struct checkpoint_head *head)
{
	uint8_t		       *memory = x->frame.at;
	struct bytes		origin = bytes_text(x->origin);
	struct checkpoint_frame checkpoint = {0, head->size, head->root, head->sig};

	x->frame = builder_on(memory, FRAME_HEAD + FRAME_REST_MOST);
	x->n = 0;
	x->room = range_rows_room(origin);
	size_t	 begun = range_frame_begin(&x->frame, origin, x->next);
	enum err e = store_entries(x->s, x->row->id, x->next, to, row_add, x);
	if (e != ERR_OK || x->n == 0)
		return e;
	range_frame_end(&x->frame, begun, x->n, head->size == x->next ? &checkpoint : NULL);
	if (x->frame.err != ERR_OK)
		return x->frame.err;
	x->exported += x->n;
	return fwrite(x->frame.at, 1, x->frame.n, x->cli->out) == x->frame.n ? ERR_OK : ERR_FILE;
}

/* Entries that cannot be read or shown are passed over; the partner will say what is missing. */
static enum err log_put(struct exporting *x, uint64_t from, uint64_t to)
{
	uint64_t extent;
	enum err e = store_log_extent(x->s, x->row->id, &extent);

	if (e != ERR_OK)
		return e;
	to = to < extent ? to : extent;
	for (x->next = from; x->next < to;) {
		struct checkpoint_head head = {0};
		e = store_checkpoint_covering(x->s, x->row->id, x->next, &head);
		if (e == ERR_NOT_FOUND || e == ERR_STORE)
			head.size = 0;
		else if (e != ERR_OK)
			return e;
		e = frame_put(x, head.size > 0 && head.size < to ? head.size : to, &head);
		if (e == ERR_FILE || e == ERR_MEMORY)
			return e;
		if (x->n == 0)
			x->next++;
	}
	return ERR_OK;
}

struct wanted {
	const char	*partner, *channel, *origin, *from, *to;
	uint64_t	 first, end;
	struct exporting x;
	const char	*self;
	bool		 met; /* a log was */
	enum err	 err;
};

static bool log_add(void *arg, const struct log_name *name)
{
	struct wanted *w = arg;
	struct log_row row = {.id = name->id, .own = name->own, .epoch = name->epoch};

	if (strcmp(name->partner, w->partner) != 0 || strcmp(name->channel, w->channel) != 0)
		return true;
	memcpy(row.partner, name->partner, sizeof row.partner);
	memcpy(row.channel, name->channel, sizeof row.channel);
	w->err = store_log_origin(w->self, &row, w->x.origin);
	if (w->err != ERR_OK)
		return false;
	if (w->origin != NULL && strcmp(w->origin, w->x.origin) != 0)
		return true;
	w->met = true;
	w->x.row = &row;
	w->err = log_put(&w->x, w->first, w->end);
	return w->err == ERR_OK;
}

static int export(struct cli *cli, struct wanted *w)
{
	enum err e = store_begin(w->x.s);

	w->x.frame.at = malloc(FRAME_HEAD + FRAME_REST_MOST);
	if (e == ERR_OK && w->x.frame.at == NULL)
		e = ERR_MEMORY;
	if (e == ERR_OK)
		e = store_log_names(w->x.s, log_add, w);
	free(w->x.frame.at);
	if (e == ERR_OK)
		e = w->err;
	if (e == ERR_OK && fflush(cli->out) != 0)
		e = ERR_FILE;
	if (e != ERR_OK)
		return cli_err(cli, e, "log export", e == ERR_STORE ? store_fault(w->x.s)->at : NULL);
	if (!w->met)
		return cli_complain(cli, EXIT_USAGE, cli_text(cli, "no such log here", "لا يوجد هنا سجل كهذا"), w->origin ? w->origin : w->channel,
				    cli_text(cli, "`mithaq log show` lists them", "يسردها «mithaq log show»"));
	return EXIT_DONE;
}

static bool number_of(const char *text, uint64_t otherwise, uint64_t *out)
{
	*out = otherwise;
	return text == NULL || decimal_read(bytes_text(text), out) == ERR_OK;
}

int log_export(struct cli *cli, int argc, char **argv)
{
	struct wanted		w = {.x = {.cli = cli}};
	const struct cli_option options[] = {{"--origin", &w.origin, NULL}, {"--from", &w.from, NULL}, {"--to", &w.to, NULL}};
	struct home		home;
	int			n = cli_options(cli, argc, argv, options, COUNT_OF(options));

	if (n != 2 || !number_of(w.from, 0, &w.first) || !number_of(w.to, UINT64_MAX, &w.end))
		return n < 0 ? EXIT_USAGE : cli_usage(cli);
	if (cli->out == stdout && isatty(STDOUT_FILENO))
		return cli_complain(cli, EXIT_USAGE, "log export", cli_text(cli, "these are bytes, not text", "هذه بيانات ثنائية لا نص"),
				    cli_text(cli, "send them to a file: `> FILE`", "أرسلها إلى ملف: ‎`> FILE`"));
	w.partner = argv[1];
	w.channel = argv[2];
	int code = home_open_cards(cli, &home);
	if (code != EXIT_DONE)
		return code;
	w.self = home.config.party;
	code = log_ledger_open(cli, &home.config, STORE_READ, &w.x.s);
	if (code == EXIT_DONE)
		code = export(cli, &w);
	store_close(w.x.s);
	home_done(&home);
	return code;
}
