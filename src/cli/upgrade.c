/*
 * upgrade.c: `mithaq upgrade --check`: can this program take over what an earlier one left?
 *
 * It is asked before the gateway of the version before is stopped, mostly by the package that
 * brings the new one. It reads what the gateway would read at its start and changes nothing: not
 * the ledger, which only `serve` converts, and no time stamp of it.
 *
 *   configuration   every key is known
 *   files           cards, agreements, keys, certificate and credentials read as they should
 *   cards           in their days
 *   ledger          its schema: the one wanted, one that is converted, or neither
 *   disk            room for the conversion
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cli/home.h"
#include "net/json.h"
#include "proc/inspect.h"
#include "store/store.h"

#define FOUND_MOST    1024
#define ROOM_BESIDES  (16u << 20) /* journal of the conversion, papers, the next hours */
#define SOON_DAYS     30
#define BYTES_PER_MIB 1048576.0

enum finding { FINDING_FINE, FINDING_CHANGES, FINDING_ATTENTION, FINDING_FAILS };

static const struct {
	const char *code, *en, *ar;
} finding_words[] = {
	[FINDING_FINE] = {"fine", "fine", "سليم"},
	[FINDING_CHANGES] = {"changes", "changes", "يتغير"},
	[FINDING_ATTENTION] = {"attention", "attention", "تنبيه"},
	[FINDING_FAILS] = {"fails", "FAILS", "لا يصلح"},
};

/* What the start of this program does to a ledger of the schema before. */
static const struct {
	long long   to;
	const char *en, *ar;
} conversions[] = {
	{3, "schema 3 adds tables for events; what stands in the ledger is not touched", "يضيف المخطط 3 جداول للأحداث، ولا يمس ما في السجل"},
};

_Static_assert(STORE_SCHEMA == 3, "a new schema needs its line in conversions");

struct upgrade {
	struct cli	 *cli;
	struct config	  config;
	bool		  configured;
	json_t		 *checks;
	unsigned	  count[COUNT_OF(finding_words)];
	unsigned	  nfiles; /* that read as they should */
	struct store_look ledger;
	bool		  has_ledger;
	uint64_t	  needed, available;
};

/* ---- telling ---- */

static void tell(struct upgrade *u, enum finding finding, const char *check, const char *check_ar, const char *found)
{
	json_t *text = json_string(found); /* NULL where a file's name is no UTF-8 */

	u->count[finding]++;
	json_array_append_new(u->checks, json_pack("{s:s, s:s, s:o}", "check", check, "result", finding_words[finding].code, "found",
						   text != NULL ? text : json_string("")));
	if (!u->cli->json)
		fprintf(u->cli->out, "  %-10s %s: %s\n", cli_text(u->cli, finding_words[finding].en, finding_words[finding].ar),
			cli_text(u->cli, check, check_ar), found);
}

static void tell_fault(struct upgrade *u, const char *check, const char *check_ar, const struct fault *fault, const char *file)
{
	char found[FOUND_MOST];

	fault_print(fault, file, u->cli->lang, found, sizeof found);
	tell(u, FINDING_FAILS, check, check_ar, found);
}

/* ---- configuration ---- */

static void check_configuration(struct upgrade *u)
{
	struct fault fault = {.err = ERR_OK};
	char	     path[CONFIG_PATH_MOST + 16];

	snprintf(path, sizeof path, "%s/mithaq.yaml", u->config.home);
	enum err e = config_read(&u->config, &fault);
	if (e != ERR_OK) {
		fault.err = e;
		tell_fault(u, "configuration", "الإعدادات", &fault, path);
		return;
	}
	u->configured = true;
	tell(u, FINDING_FINE, "configuration", "الإعدادات", cli_text(u->cli, "every key is known", "كل مفتاح فيها معروف"));
}

/* ---- files ---- */

static void file_seen(void *arg, const struct inspected *seen)
{
	struct upgrade *u = arg;

	if (seen->err == ERR_OK)
		u->nfiles++;
	else
		tell_fault(u, "files", "الملفات", seen->fault, seen->file);
}

static void check_files(struct upgrade *u)
{
	char	 found[FOUND_MOST];
	enum err e = inspect_home(&u->config, file_seen, u);

	snprintf(found, sizeof found, "%u %s", u->nfiles,
		 cli_text(u->cli, "read as they should: cards, agreements, keys, credentials", "تُقرأ كما ينبغي: بطاقات واتفاقات ومفاتيح وأسرار"));
	if (e == ERR_OK)
		tell(u, FINDING_FINE, "files", "الملفات", found);
}

/* ---- cards ---- */

static void check_card(struct upgrade *u, const struct card *card, int32_t today)
{
	char found[FOUND_MOST], from[11], until[11];

	date_write(card->from_day, from);
	date_write(card->until_day, until);
	snprintf(found, sizeof found, cli_text(u->cli, "%s, serial %" PRIu64 ", from %s until %s", "%s، التسلسل %" PRIu64 "، من %s إلى %s"),
		 card->party, card->serial, from, until);
	bool soon = today + SOON_DAYS > card->until_day || today < card->from_day;
	tell(u, soon ? FINDING_ATTENTION : FINDING_FINE, "card", "بطاقة", found);
}

static void check_cards(struct upgrade *u)
{
	struct papers *papers = calloc(1, sizeof *papers);
	struct fault   fault = {.err = ERR_OK};
	char	       file[CONFIG_PATH_MOST] = "";
	int32_t	       today = (int32_t)(now_ms() / 86400000);

	/* One that does not read was told with the files. */
	if (papers != NULL && papers_load_cards(&u->config, papers, file, &fault) == ERR_OK) {
		for (unsigned i = 0; i < papers->ncards; i++)
			check_card(u, papers->card[i], today);
		papers_done(papers);
	}
	free(papers);
}

/* ---- ledger ---- */

static void tell_schema(struct upgrade *u)
{
	const struct store_look *l = &u->ledger;
	char			 found[FOUND_MOST];

	if (!l->ours) {
		tell(u, FINDING_FAILS, "ledger", "السجل", cli_text(u->cli, "this file is not a ledger of mithaq", "هذا الملف ليس سجل ميثاق"));
		return;
	}
	snprintf(found, sizeof found,
		 cli_text(u->cli, "schema %lld, this program wants %d; %.1f MiB", "المخطط %lld، وهذا البرنامج يريد %d؛ %.1f MiB"), l->schema,
		 STORE_SCHEMA, (double)l->bytes / BYTES_PER_MIB);
	tell(u, l->schema == STORE_SCHEMA ? FINDING_FINE : l->converts ? FINDING_CHANGES : FINDING_FAILS, "ledger", "السجل", found);
}

static void tell_conversions(struct upgrade *u)
{
	if (!u->ledger.converts)
		return;
	for (size_t i = 0; i < COUNT_OF(conversions); i++)
		if (conversions[i].to > u->ledger.schema)
			tell(u, FINDING_CHANGES, "ledger", "السجل", cli_text(u->cli, conversions[i].en, conversions[i].ar));
	tell(u, FINDING_CHANGES, "ledger", "السجل",
	     cli_text(u->cli, "the next start converts it; the version before cannot open it afterwards",
		      "يحوّله التشغيل التالي، ولا يفتحه الإصدار السابق بعد ذلك"));
}

static void check_ledger(struct upgrade *u)
{
	struct fault fault = {.err = ERR_OK};
	char	     path[CONFIG_PATH_MOST];

	if (config_data_path(&u->config, "ledger.db", path) != ERR_OK)
		return;
	if (access(path, F_OK) != 0 && errno == ENOENT) {
		tell(u, FINDING_FINE, "ledger", "السجل", cli_text(u->cli, "there is none yet", "لا سجل بعد"));
		return;
	}
	enum err e = store_look(path, &u->ledger, &fault);
	if (e != ERR_OK) {
		fault.err = e;
		tell_fault(u, "ledger", "السجل", &fault, path);
		return;
	}
	u->has_ledger = true;
	tell_schema(u);
	tell_conversions(u);
}

/* ---- disk ---- */

/* A conversion is one transaction: in the worst case everything is written once more beside what stands. */
static void check_disk(struct upgrade *u)
{
	char	       found[FOUND_MOST];
	struct statvfs disk;

	if (!u->has_ledger)
		return;
	if (statvfs(u->config.data, &disk) != 0) {
		tell(u, FINDING_FAILS, "disk", "القرص", strerror(errno));
		return;
	}
	u->available = (uint64_t)disk.f_bavail * disk.f_frsize;
	u->needed = ROOM_BESIDES + (u->ledger.converts ? u->ledger.bytes : 0);
	snprintf(found, sizeof found, cli_text(u->cli, "%.0f MiB free, %.0f MiB needed", "المتاح %.0f MiB، والمطلوب %.0f MiB"),
		 (double)u->available / BYTES_PER_MIB, (double)u->needed / BYTES_PER_MIB);
	tell(u, u->available < u->needed ? FINDING_FAILS : FINDING_FINE, "disk", "القرص", found);
}

/* ---- the whole ---- */

static void conclude_json(struct upgrade *u)
{
	json_t *o = json_pack("{s:s, s:s, s:s, s:b, s:b, s:O}", "version", MITHAQ_VERSION, "home", u->config.home, "data", u->config.data, "ready",
			      u->count[FINDING_FAILS] == 0, "changes", u->count[FINDING_CHANGES] != 0, "checks", u->checks);

	if (u->has_ledger)
		json_object_set_new(o, "ledger",
				    json_pack("{s:I, s:i, s:b, s:I, s:I, s:I}", "schema", (json_int_t)u->ledger.schema, "wanted", STORE_SCHEMA,
					      "converts", u->ledger.converts, "bytes", (json_int_t)u->ledger.bytes, "needed", (json_int_t)u->needed,
					      "available", (json_int_t)u->available));
	json_dumpf(o, u->cli->out, JSON_INDENT(2));
	fputc('\n', u->cli->out);
	json_decref(o);
}

static void conclude(struct upgrade *u)
{
	struct cli *cli = u->cli;

	if (cli->json)
		conclude_json(u);
	else if (u->count[FINDING_FAILS] > 0)
		fprintf(cli->out, "%s\n",
			cli_text(cli, "this program cannot take over: leave the version before running, and mend what FAILS",
				 "لا يستطيع هذا البرنامج أن يتسلّم العمل: دع الإصدار السابق يعمل وعالج ما لا يصلح"));
	else if (u->count[FINDING_CHANGES] > 0)
		fprintf(cli->out, "%s\n",
			cli_text(cli, "this program can take over; before it does: mithaq backup FILE",
				 "يستطيع هذا البرنامج أن يتسلّم العمل؛ وقبل ذلك: mithaq backup FILE"));
	else
		fprintf(cli->out, "%s\n",
			cli_text(cli, "this program can take over; nothing changes", "يستطيع هذا البرنامج أن يتسلّم العمل ولا يتغير شيء"));
}

static int check(struct upgrade *u)
{
	if (!u->cli->json)
		fprintf(u->cli->out, "mithaq %s, %s, %s\n", MITHAQ_VERSION, u->config.home, u->config.data);
	check_configuration(u);
	if (u->configured) {
		check_files(u);
		check_cards(u);
	}
	check_ledger(u);
	check_disk(u);
	conclude(u);
	return u->count[FINDING_FAILS] == 0 ? EXIT_DONE : EXIT_REFUSED_HERE;
}

int cmd_upgrade(struct cli *cli, int argc, char **argv)
{
	bool			asked = false;
	const struct cli_option options[] = {{"--check", NULL, &asked}};

	/* Converting is what the gateway's start does, when nothing else has the ledger open: there is no other form. */
	if (cli_options(cli, argc, argv, options, COUNT_OF(options)) != 0 || !asked)
		return cli_usage(cli);
	struct upgrade *u = calloc(1, sizeof *u); /* the configuration is large */
	json_t	       *checks = json_array();
	int		code = EXIT_INTERNAL;

	if (u != NULL && checks != NULL) {
		*u = (struct upgrade){.cli = cli, .checks = checks};
		config_places(&u->config, cli->home);
		code = check(u);
		config_done(&u->config);
	} else {
		code = cli_err(cli, ERR_MEMORY, "upgrade", NULL);
	}
	json_decref(checks);
	free(u);
	return code;
}
