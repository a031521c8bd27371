/*
 * log_verify.c: `mithaq log verify`, the scrub. It recomputes everything the ledger claims, with the keys on the
 * parties' cards, tells each thing that is not so, and which command helps.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "cli/log.h"

#define DAMAGE_MOST    100 /* told one by one; beyond it only counted */
#define PROGRESS_CELLS 40
#define PROGRESS_MS    100   /* between two movements of the bar */
#define MARK_ENTRIES   16384 /* the file of progress is not written more often than this, */
#define MARK_MS	       1000  /* nor, after the first time, than this */
#define COMMAND_TEXT   512

struct verifying {
	struct cli	      *cli;
	struct checking	       check;
	struct progress_file  *progress;
	json_t		      *json[2]; /* damage, notices */
	bool		       bar;
	struct found	       rows; /* entries told last, one behind the other, that cannot be read: `nrows` of them wait to be said */
	uint64_t	       nrows;
	const struct held_log *words_of; /* of the last place that was told in words, and they */
	char		       words[160];
	uint64_t	       begun_ms, moved_ms, saved_ms, saved_entries;
};

static uint64_t clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- one thing found ---- */

/* For people in their language; for machines as it is. */
static const char *place_word(const struct cli *cli, enum place_kind kind)
{
	static const char *const words[][2] = {
		[PLACE_WORDS] = {"", ""},
		[PLACE_LOG] = {"", ""},
		[PLACE_ENTRY] = {"entry", "القيد"},
		[PLACE_PART] = {"part", "الجزء"},
		[PLACE_CHECKPOINT] = {"checkpoint", "نقطة التحقق"},
		[PLACE_RECEIPT] = {"receipt", "الإيصال"},
		[PLACE_ROW] = {"log row", "صف السجل"},
		[PLACE_EXCHANGE] = {"", ""},
	};

	return words[kind][!cli->json && cli->lang == LANG_AR];
}

void log_place(const struct cli *cli, const struct found *f, char out[LOG_PLACE_TEXT])
{
	char id[29];

	switch (f->kind) {
	case PLACE_WORDS:
		snprintf(out, LOG_PLACE_TEXT, "%s%s%s", f->origin != NULL ? f->origin : "", f->origin != NULL ? ", " : "", f->words);
		return;
	case PLACE_LOG:
		snprintf(out, LOG_PLACE_TEXT, "%s", f->origin);
		return;
	case PLACE_EXCHANGE:
		exchange_id_write(f->mid, id);
		snprintf(out, LOG_PLACE_TEXT, "%s", id);
		return;
	case PLACE_PART:
		snprintf(out, LOG_PLACE_TEXT, "%s, %s %" PRIu64 ", %s %d", f->origin, place_word(cli, PLACE_ENTRY), f->number,
			 place_word(cli, PLACE_PART), f->part);
		return;
	case PLACE_ENTRY:
	case PLACE_CHECKPOINT:
	case PLACE_RECEIPT:
	case PLACE_ROW:
		snprintf(out, LOG_PLACE_TEXT, "%s, %s %" PRIu64, f->origin, place_word(cli, f->kind), f->number);
		return;
	}
}

static void tell_plain(struct verifying *v, const struct found *f, const char *where)
{
	if (v->bar)
		fputs("\r\033[K", v->cli->complain);
	fprintf(v->cli->complain, "mithaq: %s: %s%s\n", where, damage_is_notice(f->what) ? cli_text(v->cli, "no damage: ", "ليس ضررًا: ") : "",
		damage_text(f->what, v->cli->lang));
}

/* A page of the file that is gone takes several rows with it: they are one line. */
static void rows_say(struct verifying *v)
{
	char where[LOG_PLACE_TEXT];

	if (v->nrows == 1)
		log_place(v->cli, &v->rows, where);
	else
		snprintf(where, sizeof where, cli_text(v->cli, "%s, entries %" PRIu64 " to %" PRIu64, "%s، القيود من %" PRIu64 " إلى %" PRIu64),
			 v->rows.origin, v->rows.number, v->rows.number + v->nrows - 1);
	if (v->nrows > 0)
		tell_plain(v, &v->rows, where);
	v->nrows = 0;
}

static bool is_row(const struct found *f)
{
	return f->kind == PLACE_ENTRY && (f->what == DAMAGE_UNREADABLE || f->what == DAMAGE_MISSING);
}

/* One more behind those that wait? */
static bool rows_grow(struct verifying *v, const struct found *f)
{
	if (v->nrows == 0 || !is_row(f) || f->what != v->rows.what || f->log != v->rows.log || f->number != v->rows.number + v->nrows)
		return false;
	v->nrows++;
	return true;
}

/* The same table is read for several reasons: that it cannot be is one line. */
static bool words_again(struct verifying *v, const struct found *f)
{
	if (f->kind != PLACE_WORDS)
		return false;
	if (f->log == v->words_of && strcmp(f->words, v->words) == 0)
		return true;
	v->words_of = f->log;
	snprintf(v->words, sizeof v->words, "%s", f->words);
	return false;
}

/* A root behind a damaged entry: told once for the log, at the end. */
static bool behind_damage(const struct found *f)
{
	return (f->what == DAMAGE_CHECKPOINT_ROOT || f->what == DAMAGE_RECEIPT_ROOT) && f->log->entry_damaged;
}

static void tell(void *arg, const struct found *f)
{
	struct verifying *v = arg;
	bool		  notice = damage_is_notice(f->what);
	char		  where[LOG_PLACE_TEXT];

	if (!v->cli->json && (rows_grow(v, f) || behind_damage(f) || words_again(v, f)))
		return;
	if ((notice ? v->check.notices : v->check.damages) > DAMAGE_MOST)
		return;
	log_place(v->cli, f, where);
	if (v->cli->json) {
		json_array_append_new(v->json[notice], json_pack("{s:s, s:s, s:s}", "where", where, "code", damage_name(f->what), "what",
								 damage_text(f->what, v->cli->lang)));
		return;
	}
	rows_say(v);
	if (!is_row(f)) {
		tell_plain(v, f, where);
		return;
	}
	v->rows = *f;
	v->nrows = 1;
}

static void unvouched_say(struct verifying *v)
{
	for (size_t i = 0; i < v->check.n; i++) {
		const struct held_log *log = &v->check.log[i];
		if (log->unvouched > 0)
			fprintf(v->cli->complain,
				cli_text(v->cli,
					 "mithaq: %s: nothing behind entry %" PRIu64 " can be vouched for; checkpoints and receipts there: %" PRIu64
					 "\n",
					 "mithaq: %s: لا يمكن الجزم بشيء بعد القيد %" PRIu64 "؛ نقاط التحقق والإيصالات هناك: %" PRIu64 "\n"),
				v->check.stretch[i].origin, log->first_damaged, log->unvouched);
	}
}

static json_t *unvouched_json(const struct checking *c)
{
	json_t *list = json_array();

	for (size_t i = 0; i < c->n; i++)
		if (c->log[i].unvouched > 0)
			json_array_append_new(list, json_pack("{s:s, s:I, s:I}", "log", c->stretch[i].origin, "behind",
							      (json_int_t)c->log[i].first_damaged, "heads", (json_int_t)c->log[i].unvouched));
	return list;
}

/* ---- how far ---- */

static void bar_move(struct verifying *v, uint64_t now)
{
	const struct checking *c = &v->check;
	uint64_t	       took = now - v->begun_ms, walked = c->entries - c->resumed;
	uint64_t	       rate = took == 0 ? 0 : walked * 1000 / took, left = rate == 0 ? 0 : (c->entries_all - c->entries) / rate;
	uint64_t	       done = c->entries_all == 0 ? PROGRESS_CELLS : c->entries * PROGRESS_CELLS / c->entries_all;
	char		       cells[PROGRESS_CELLS + 1];

	for (uint64_t i = 0; i < PROGRESS_CELLS; i++)
		cells[i] = i < done ? '#' : '.';
	cells[PROGRESS_CELLS] = '\0';
	fprintf(v->cli->complain, "\r[%s] %" PRIu64 " / %" PRIu64 "  %" PRIu64 " %s  %s %" PRIu64 ":%02" PRIu64 "\033[K", cells, c->entries,
		c->entries_all, rate, cli_text(v->cli, "entries/s", "قيد/ثانية"), cli_text(v->cli, "time left", "الوقت المتبقي"), left / 60,
		left % 60);
	fflush(v->cli->complain);
}

static void step(void *arg)
{
	struct verifying *v = arg;
	uint64_t	  now = v->bar ? clock_ms() : 0;

	if (!v->bar || now - v->moved_ms < PROGRESS_MS)
		return;
	v->moved_ms = now;
	bar_move(v, now);
}

static void marked(void *arg, const struct scrub_log *log, const struct mark *mark, bool last)
{
	struct verifying *v = arg;
	bool		  due = v->check.entries - v->saved_entries >= MARK_ENTRIES;
	uint64_t	  now = due ? clock_ms() : 0;

	due = due && (v->saved_ms == 0 || now - v->saved_ms >= MARK_MS);
	if (due || last)
		progress_put(v->progress, log->origin, mark);
	if (!due)
		return;
	progress_save(v->progress);
	v->saved_ms = now;
	v->saved_entries = v->check.entries;
}

static bool resume(void *arg, const struct scrub_log *log, struct mark *out)
{
	struct verifying *v = arg;

	return progress_find(v->progress, log->origin, out);
}

/* ---- what helps ---- */

/* A log of this channel that is damaged, and none of it before in the table. */
static bool channel_first_damaged(const struct checking *c, size_t at)
{
	const struct log_row *row = &c->log[at].row;

	if (!c->log[at].damaged)
		return false;
	for (size_t i = 0; i < at; i++)
		if (c->log[i].damaged && strcmp(c->log[i].row.partner, row->partner) == 0 && strcmp(c->log[i].row.channel, row->channel) == 0)
			return false;
	return true;
}

static void help_say(struct verifying *v, const struct log_row *row)
{
	fprintf(v->cli->out,
		cli_text(v->cli, "  ask %s for what `mithaq log export %s %s` writes there, then stop the gateway and run here:\n",
			 "  اطلب من %s ما يكتبه عنده الأمر «mithaq log export %s %s»، ثم أوقف البوابة ونفّذ هنا:\n"),
		row->partner, v->check.self, row->channel);
	fprintf(v->cli->out, "    mithaq log repair %s %s FILE\n", row->partner, row->channel);
}

static json_t *help_json(const struct checking *c)
{
	json_t *list = json_array();

	for (size_t i = 0; i < c->n; i++) {
		char text[COMMAND_TEXT];
		if (!channel_first_damaged(c, i))
			continue;
		snprintf(text, sizeof text, "mithaq log repair %s %s FILE", c->log[i].row.partner, c->log[i].row.channel);
		json_array_append_new(list, json_string(text));
	}
	return list;
}

/* ---- the end ---- */

static void say_json(struct verifying *v)
{
	const struct checking *c = &v->check;
	json_t *o = json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:O, s:O, s:o, s:o}", "whole", c->damages == 0, "logs", (json_int_t)c->n,
			      "entries", (json_int_t)c->entries, "resumed", (json_int_t)c->resumed, "heads", (json_int_t)c->heads, "exchanges",
			      (json_int_t)c->exchanges, "found", (json_int_t)c->damages, "damage", v->json[0], "notices", v->json[1], "unvouched",
			      unvouched_json(c), "help", help_json(c));

	if (o != NULL)
		json_dumpf(o, v->cli->out, JSON_INDENT(2));
	fputc('\n', v->cli->out);
	json_decref(o);
}

static void say_resumed(struct verifying *v)
{
	if (v->check.resumed == 0)
		return;
	fprintf(v->cli->out,
		cli_text(v->cli, "of these, %" PRIu64 " entries were verified until %s; `--from-start` reads them again\n",
			 "منها %" PRIu64
			 " من القيود جرى التحقق منها حتى %s، ويعيد الخيار ‎--from-start‎ قراءتها\n"),
		v->check.resumed, progress_when(v->progress) ? progress_when(v->progress) : "?");
}

static void say_plain(struct verifying *v)
{
	const struct checking *c = &v->check;

	if (c->damages > 0) {
		fprintf(v->cli->out, "%s: %" PRIu64 "\n", cli_text(v->cli, "damaged, places found", "السجل متضرر، عدد المواضع"), c->damages);
		for (size_t i = 0; i < c->n; i++)
			if (channel_first_damaged(c, i))
				help_say(v, &c->log[i].row);
	} else {
		fprintf(v->cli->out, "%s: %s %zu%s %" PRIu64 "%s %" PRIu64 "%s %" PRIu64 "\n", cli_text(v->cli, "whole", "السجل سليم"),
			cli_text(v->cli, "logs", "السجلات"), c->n, cli_text(v->cli, ", entries", "، القيود"), c->entries,
			cli_text(v->cli, ", checkpoints and receipts", "، نقاط التحقق والإيصالات"), c->heads,
			cli_text(v->cli, ", exchanges", "، التبادلات"), c->exchanges);
	}
	say_resumed(v);
}

static int verify(struct verifying *v)
{
	struct fault fault = {0};
	enum err     e = check_all(&v->check, &fault);

	if (v->bar)
		fputs("\r\033[K", v->cli->complain);
	if (e != ERR_OK)
		return cli_err(v->cli, e, "log verify", fault.at[0] ? fault.at : NULL);
	progress_finish(v->progress);
	if (v->cli->json) {
		say_json(v);
	} else {
		rows_say(v);
		unvouched_say(v);
		say_plain(v);
	}
	return v->check.damages == 0 ? EXIT_DONE : EXIT_EVIDENCE_BROKEN;
}

static int verify_with(struct cli *cli, struct home *home, struct store *s, bool from_start)
{
	struct verifying v = {.cli = cli, .json = {json_array(), json_array()}, .bar = !cli->json && isatty(fileno(cli->complain))};
	char		 ledger[CONFIG_PATH_MOST], progress[CONFIG_PATH_MOST];
	int		 code;

	v.check = (struct checking){.s = s,
				    .path = ledger,
				    .papers = &home->papers,
				    .self = home->config.party,
				    .tell = tell,
				    .step = step,
				    .marked = marked,
				    .resume = resume,
				    .arg = &v};
	v.begun_ms = v.moved_ms = clock_ms();
	if (config_data_path(&home->config, "ledger.db", ledger) != ERR_OK || config_data_path(&home->config, "scrub", progress) != ERR_OK) {
		code = cli_err(cli, ERR_TOO_LONG, home->config.data, NULL);
	} else {
		v.progress = progress_open(progress, from_start);
		code = verify(&v);
	}
	progress_close(v.progress);
	check_done(&v.check);
	json_decref(v.json[0]);
	json_decref(v.json[1]);
	return code;
}

int log_verify(struct cli *cli, int argc, char **argv)
{
	bool			from_start = false;
	const struct cli_option options[] = {{"--from-start", NULL, &from_start}};
	struct home		home;
	struct store	       *s = NULL;
	int			n = cli_options(cli, argc, argv, options, COUNT_OF(options));

	if (n != 0)
		return n < 0 ? EXIT_USAGE : cli_usage(cli);
	int code = home_open_cards(cli, &home);
	if (code != EXIT_DONE)
		return code;
	code = log_ledger_open(cli, &home.config, STORE_READ, &s);
	/* One snapshot for all of it: the gateway may be writing meanwhile. */
	if (code == EXIT_DONE && store_begin(s) != ERR_OK)
		code = cli_err(cli, ERR_STORE, store_fault(s)->at, NULL);
	if (code == EXIT_DONE)
		code = verify_with(cli, &home, s, from_start);
	store_close(s);
	home_done(&home);
	return code;
}
