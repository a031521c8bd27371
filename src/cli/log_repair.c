/*
 * log_repair.c: `mithaq log repair`: puts right what a scrub of a channel's logs found, from what the partner's files
 * offer and from what the ledger itself still proves.
 *
 * The rule: a log is written only when, inside the turn that would be committed, it verifies as a whole again: every
 * header, part and leaf, every root that was signed, by signatures that verify with the cards, every count. Otherwise
 * that turn is given up and nothing of the log has changed. `--partly` permits what is less than whole: rows whose
 * commitment is the one stored all along, and heads whose signatures verify, while the rest stays damaged.
 *
 * What came out of the partner's files is chosen, not believed: a row whose commitment is the stored one, else one
 * that fits the stored header and salt, else the only one there is, and then the signed roots decide. Before a commit
 * every row that it replaces stands in `repaired-<time>.jsonl` as it was.
 *
 * What was withheld from the partner (the officer's name) cannot come from it. If it is damaged, the entry is kept
 * without it, and `log verify` tells that as a notice: nothing signed is lost, only what this side alone knew.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "cli/log_repair.h"
#include "proc/files.h"

#define HURT_MOST 1000000 /* places of a channel that one call takes on */
#define KEPT_MOST (1u << 30)
#define TOLD_MOST 100

/* ---- collecting ---- */

struct collecting {
	struct cli   *cli;
	struct hurts *to;
};

static void collect(void *arg, const struct found *f)
{
	struct collecting *c = arg;
	struct hurts	  *to = c->to;

	if (damage_is_notice(f->what))
		return;
	if (to->n == to->room) {
		size_t	     room = to->room == 0 ? 64 : 2 * to->room;
		struct hurt *at = room > HURT_MOST ? NULL : reallocarray(to->at, room, sizeof *at);
		if (at == NULL) {
			to->full = true;
			return;
		}
		to->at = at;
		to->room = room;
	}
	struct hurt *h = &to->at[to->n++];
	*h = (struct hurt){f->what, f->kind, f->log == NULL ? 0 : f->log->row.id, f->number, f->part, ""};
	log_place(c->cli, f, h->where);
}

static void hurts_done(struct hurts *h)
{
	free(h->at);
	*h = (struct hurts){0};
}

/* Walks one log, or with 0 all of the channel, in the turn as it stands. The caller ends with check_done and hurts_done. */
static enum err walk(struct repairing *r, int64_t only, struct checking *c, struct hurts *to)
{
	static struct fault nowhere;
	struct collecting   collecting = {r->cli, to};

	*to = (struct hurts){0};
	*c = (struct checking){.s = r->s,
			       .path = store_open_turn(r->s) ? NULL : r->ledger,
			       .papers = &r->home->papers,
			       .self = r->home->config.party,
			       .partner = r->partner,
			       .channel = r->channel,
			       .only = only,
			       .tell = collect,
			       .arg = &collecting};
	enum err e = check_all(c, &nowhere);
	return e == ERR_OK && to->full ? ERR_TOO_LONG : e;
}

const struct held_log *held(const struct checking *c, int64_t log)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->log[i].row.id == log)
			return &c->log[i];
	return NULL;
}

const struct scrub_log *stretch(const struct checking *c, int64_t log)
{
	const struct held_log *h = held(c, log);

	return h == NULL ? NULL : &c->stretch[h - c->log];
}

/* ---- one log ---- */

typedef enum err mend_fn(struct repairing *r, const struct checking *c, const struct hurts *now);

static enum err after_walk(struct repairing *r, mend_fn *const *mend, size_t n)
{
	struct checking c;
	struct hurts	now;
	enum err	e = walk(r, r->log, &c, &now);

	for (size_t i = 0; i < n && e == ERR_OK; i++)
		e = mend[i](r, &c, &now);
	check_done(&c);
	hurts_done(&now);
	return e;
}

static bool is_root_damage(const struct hurt *h)
{
	return h->what == DAMAGE_CHECKPOINT_ROOT || h->what == DAMAGE_RECEIPT_ROOT;
}

static bool first_has(const struct repairing *r, const struct hurt *h)
{
	for (size_t i = 0; i < r->first.n; i++)
		if (r->first.at[i].log == h->log && r->first.at[i].what == h->what && r->first.at[i].number == h->number)
			return true;
	return false;
}

/* What is still damaged decides. */
static enum err judge(struct repairing *r, bool *good)
{
	struct checking c;
	struct hurts	now;
	size_t		left = 0, worse = 0;
	enum err	e = walk(r, r->log, &c, &now);

	for (size_t i = 0; e == ERR_OK && i < now.n; i++) {
		if (now.at[i].log != r->log)
			continue;
		left++;
		worse += is_root_damage(&now.at[i]) && !first_has(r, &now.at[i]);
		json_array_append_new(r->left, json_pack("{s:s, s:s}", "where", now.at[i].where, "what", damage_text(now.at[i].what, r->cli->lang)));
	}
	*good = e == ERR_OK && (left == 0 || (r->partly && worse == 0 && json_array_size(r->doing) > 0));
	r->failed = left > 0;
	check_done(&c);
	hurts_done(&now);
	return e;
}

/* What is durable first is the copy of what will be replaced. */
static enum err kept_write(struct repairing *r)
{
	enum err e = buffer_add(&r->kept, buffer_bytes(&r->pending));

	return e == ERR_OK ? file_write(r->kept_path, buffer_bytes(&r->kept), 0600) : e;
}

static enum err log_finish(struct repairing *r, bool good)
{
	enum err e = ERR_OK;

	if (good && !r->dry_run && r->pending.n > 0) {
		e = kept_write(r);
		if (e == ERR_OK)
			e = store_commit(r->s);
	}
	if (good && e == ERR_OK)
		json_array_extend(r->repaired, r->doing);
	r->pending.n = 0;
	json_array_clear(r->doing);
	/* A turn that was not committed is given up by closing; of a dry run, the next log sees what would stand there. */
	if (!r->dry_run || !good) {
		store_close(r->s);
		r->s = NULL;
	}
	return e;
}

static enum err log_mend(struct repairing *r, int64_t log, bool own)
{
	static mend_fn *const heads[] = {mend_heads}, *const row[] = {mend_row, mend_sums};
	struct fault fault = {0};
	bool	     good = false;

	r->log = log;
	r->own = own;
	r->loose = 0;
	enum err e = r->s != NULL ? ERR_OK : store_open(r->ledger, STORE_WRITE, &r->s, &fault);
	if (e == ERR_OK)
		e = store_begin(r->s);
	if (e == ERR_OK)
		e = mend_entries(r);
	if (e == ERR_OK)
		e = mend_exchanges(r);
	if (e == ERR_OK)
		e = after_walk(r, heads, COUNT_OF(heads));
	if (e == ERR_OK)
		e = after_walk(r, row, COUNT_OF(row));
	if (e == ERR_OK)
		e = judge(r, &good);
	enum err finished = r->s == NULL ? ERR_OK : log_finish(r, e == ERR_OK && good);
	return e == ERR_OK ? finished : e;
}

/* ---- what is said ---- */

/* Of a log that stayed damaged: which file offered something that is not what stood there. */
static void offers_doubt(struct repairing *r, const struct checking *c)
{
	for (size_t i = 0, told = 0; i < r->offers.nrows && told < TOLD_MOST; i++) {
		const struct offered_row *o = &r->offers.row[i];
		char			  what[LOG_PLACE_TEXT];
		if (!held(c, o->log)->damaged || mend_vouched(r, o))
			continue;
		snprintf(what, sizeof what, "%.300s, %s %" PRIu64, o->file, cli_text(r->cli, "entry", "القيد"), o->row.index);
		(void)cli_complain(r->cli, EXIT_USAGE, what,
				   cli_text(r->cli, "what the file offers is not what was committed to here", "ما يعرضه الملف ليس ما التُزم به هنا"),
				   NULL);
		told++;
	}
}

static void list_say(struct repairing *r, FILE *to, const char *word, const json_t *list)
{
	size_t	i;
	json_t *o;

	json_array_foreach(list, i, o)
	{
		const char *from = json_string_value(json_object_get(o, "from"));
		fprintf(to, "%s: %s: %s%s%s\n", word, json_string_value(json_object_get(o, "where")), json_string_value(json_object_get(o, "what")),
			from != NULL && *from ? cli_text(r->cli, ", from ", "، من ") : "", from != NULL ? from : "");
	}
}

static void say(struct repairing *r)
{
	struct cli *cli = r->cli;

	if (cli->json) {
		json_t *o = json_pack("{s:O, s:O, s:s, s:b}", "repaired", r->repaired, "left", r->left, "kept", r->kept.n > 0 ? r->kept_path : "",
				      "dry_run", r->dry_run);
		json_dumpf(o, cli->out, JSON_INDENT(2));
		fputc('\n', cli->out);
		json_decref(o);
		return;
	}
	list_say(r, cli->out, r->dry_run ? cli_text(cli, "would be repaired", "كان سيُصلح") : cli_text(cli, "repaired", "أُصلح"), r->repaired);
	list_say(r, cli->complain, cli_text(cli, "mithaq: cannot be repaired", "ميثاق: تعذر إصلاحه"), r->left);
	if (r->kept.n > 0)
		fprintf(cli->out, "%s: %s\n", cli_text(cli, "what was replaced stands as it was in", "ما استُبدل محفوظ كما كان في"), r->kept_path);
	if (json_array_size(r->repaired) == 0 && json_array_size(r->left) == 0)
		fprintf(cli->out, "%s\n", cli_text(cli, "nothing is damaged", "لا ضرر"));
}

/* ---- the command ---- */

/* One round over the logs that are still damaged; `*mended`: one of them is not any more. */
static enum err round_mend(struct repairing *r, struct checking *c, bool *mended)
{
	*mended = false;
	json_array_clear(r->left);
	for (size_t i = 0; i < c->n; i++) {
		if (!c->log[i].damaged)
			continue;
		enum err e = log_mend(r, c->log[i].row.id, c->log[i].row.own);
		if (e != ERR_OK)
			return e;
		c->log[i].damaged = r->failed;
		*mended = *mended || !r->failed;
	}
	return ERR_OK;
}

/* What belongs to no log that can be named is nobody's to repair here. */
static void homeless_tell(struct repairing *r)
{
	for (size_t i = 0; i < r->first.n; i++)
		if (r->first.at[i].log == 0)
			json_array_append_new(r->left, json_pack("{s:s, s:s}", "where", r->first.at[i].where, "what",
								 damage_text(r->first.at[i].what, r->cli->lang)));
}

/* An exchange stands in one log and its answer in another, so a log that is mended may make another one whole. */
static int mend_all(struct repairing *r, struct checking *c)
{
	struct fault fault = {0};
	bool	     mended = true;
	enum err     e = ERR_OK;

	while (mended && e == ERR_OK)
		e = round_mend(r, c, &mended);
	if (e == ERR_OK && r->s == NULL)
		e = store_open(r->ledger, STORE_READ, &r->s, &fault);
	if (e != ERR_OK)
		return cli_err(r->cli, e, "log repair", fault.at[0] ? fault.at : NULL);
	homeless_tell(r);
	offers_doubt(r, c);
	say(r);
	return json_array_size(r->left) > 0 || r->refused_file ? EXIT_USAGE : EXIT_DONE;
}

static int repair(struct repairing *r, char **files, int n)
{
	struct checking c;
	enum err	e = walk(r, 0, &c, &r->first);
	int		code = e == ERR_OK ? EXIT_DONE : cli_err(r->cli, e, "log repair", NULL);

	if (code == EXIT_DONE && c.n == 0)
		code = cli_complain(r->cli, EXIT_USAGE, cli_text(r->cli, "no such log here", "لا يوجد هنا سجل كهذا"), r->channel,
				    cli_text(r->cli, "`mithaq log show` lists them", "يسردها «mithaq log show»"));
	for (int i = 0; i < n && code == EXIT_DONE; i++)
		if (offers_read(r->cli, &r->offers, files[i], c.stretch, c.n) != EXIT_DONE)
			r->refused_file = true;
	if (code == EXIT_DONE)
		code = mend_all(r, &c);
	check_done(&c);
	return code;
}

/* The lock that a running gateway holds (gateway/parent.c); the kernel gives it back when we end. */
static int gateway_stopped(struct cli *cli, const struct config *config, int *fd)
{
	char path[CONFIG_PATH_MOST];

	if (config_data_path(config, "mithaq.pid", path) != ERR_OK)
		return cli_err(cli, ERR_TOO_LONG, config->data, NULL);
	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (*fd < 0)
		return cli_err(cli, ERR_FILE, path, NULL);
	if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
		return EXIT_DONE;
	return cli_complain(cli, EXIT_REFUSED_HERE, cli_text(cli, "the gateway is running", "البوابة تعمل"), config->data,
			    cli_text(cli, "stop it first", "أوقفها أولًا"));
}

static int repair_in(struct repairing *r, char **files, int n)
{
	char at[25], name[64];

	time_write(now_ms(), at);
	snprintf(name, sizeof name, "repaired-%s.jsonl", at);
	if (config_data_path(&r->home->config, "ledger.db", r->ledger) != ERR_OK || config_data_path(&r->home->config, name, r->kept_path) != ERR_OK)
		return cli_err(r->cli, ERR_TOO_LONG, r->home->config.data, NULL);
	int code = log_ledger_open(r->cli, &r->home->config, STORE_WRITE, &r->s);
	if (code == EXIT_DONE)
		code = repair(r, files, n);
	store_close(r->s);
	return code;
}

int log_repair(struct cli *cli, int argc, char **argv)
{
	struct repairing *r = calloc(1, sizeof *r);
	struct home	  home;
	int		  lock = -1, code;

	if (r == NULL)
		return cli_err(cli, ERR_MEMORY, "log repair", NULL);
	const struct cli_option options[] = {{"--dry-run", NULL, &r->dry_run}, {"--partly", NULL, &r->partly}};
	int			n = cli_options(cli, argc, argv, options, COUNT_OF(options));
	if (n < 2) {
		free(r);
		return n < 0 ? EXIT_USAGE : cli_usage(cli);
	}
	code = home_open_cards(cli, &home);
	if (code == EXIT_DONE) {
		*r = (struct repairing){
			.cli = cli, .home = &home, .partner = argv[1], .channel = argv[2], .dry_run = r->dry_run, .partly = r->partly};
		r->kept.most = r->pending.most = KEPT_MOST;
		r->repaired = json_array();
		r->left = json_array();
		r->doing = json_array();
		r->offers.wanted = mend_wanted;
		r->offers.arg = r;
		arena_init(&r->offers.arena, OFFER_MEMORY);
		code = gateway_stopped(cli, &home.config, &lock);
		if (code == EXIT_DONE)
			code = repair_in(r, argv + 3, n - 2);
		json_decref(r->repaired);
		json_decref(r->left);
		json_decref(r->doing);
		offers_done(&r->offers);
		hurts_done(&r->first);
		buffer_done(&r->kept);
		buffer_done(&r->pending);
		home_done(&home);
	}
	if (lock >= 0)
		close(lock);
	free(r);
	return code;
}
