/*
 * alarm.c: `mithaq alarm list | release ID`: the files in data/alarms (gateway/core_alarm.c).
 *
 * While an alarm of ours stands there under its own name, its channel is frozen at every
 * start. Releasing gives the file another name that says when and by whom; nothing is deleted.
 */
#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "cli/home.h"
#include "evidence/alarm.h"
#include "proc/files.h"

#define LISTED_MOST 4096
#define ID_DIGITS   12 /* of the file's SHA-256, in hex */
#define BY_MOST	    32

enum standing { STANDING_FROZEN, STANDING_SAID, STANDING_RELEASED, STANDINGS };

static const struct {
	const char *ending, *word, *en, *ar;
} standings[STANDINGS] = {
	[STANDING_FROZEN] = {".alarm", "frozen", "FROZEN", "مجمّدة"},
	[STANDING_SAID] = {".said", "said", "said by the partner", "قاله الشريك"},
	[STANDING_RELEASED] = {".released", "released", "released", "رُفع"},
};

struct listed {
	char		   name[256], id[ID_DIGITS + 1];
	enum standing	   standing;
	bool		   read; /* else only name, id and standing are known */
	struct alarm	   alarm;
	char		   because[ALARM_TEXT_MOST + 1];
	enum alarm_finding finding;
};

struct listing {
	struct cli     *cli;
	char		folder[CONFIG_PATH_MOST];
	struct listed **at;
	size_t		n;
};

/* ---- the folder ---- */

static int standing_of(const char *name)
{
	size_t n = strlen(name);

	for (int i = 0; i < STANDINGS; i++) {
		size_t m = strlen(standings[i].ending);

		if (n > m && n < 256 && name[0] != '.' && strcmp(name + n - m, standings[i].ending) == 0)
			return i;
	}
	return -1;
}

static void listed_read(struct listed *l, struct bytes file)
{
	static struct alarm_proof proof; /* large */
	struct hash		  hash = hash_bytes(file);
	char			  hex[2 * HASH_SIZE + 1];

	hex_write(hash.b, HASH_SIZE, hex);
	memcpy(l->id, hex, ID_DIGITS);
	l->read = alarm_read(file, &l->alarm, NULL) == ERR_OK;
	if (!l->read)
		return;
	snprintf(l->because, sizeof l->because, "%.*s", (int)l->alarm.because.n, (const char *)l->alarm.because.at);
	l->finding = alarm_verify(&l->alarm, BYTES_NONE, &proof, NULL) == ERR_OK ? proof.finding : ALARM_SIGNATURE_FOUND;
}

static enum err listed_add(struct listing *listing, const char *name, enum standing standing)
{
	char	       path[CONFIG_PATH_MOST + 300];
	struct buffer  file = {.most = ALARM_FILE_MOST};
	struct listed *l = listing->n < LISTED_MOST ? calloc(1, sizeof *l) : NULL;

	if (l == NULL)
		return listing->n < LISTED_MOST ? ERR_MEMORY : ERR_TOO_LONG;
	snprintf(l->name, sizeof l->name, "%s", name);
	snprintf(path, sizeof path, "%s/%s", listing->folder, name);
	l->standing = standing;
	(void)!file_read(path, &file); /* one that cannot be read is listed all the same */
	listed_read(l, buffer_bytes(&file));
	buffer_done(&file);
	listing->at[listing->n++] = l;
	return ERR_OK;
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(struct listed *const *)a)->name, (*(struct listed *const *)b)->name);
}

static enum err listing_read(struct listing *listing)
{
	DIR	      *folder = opendir(listing->folder);
	struct dirent *entry;
	enum err       e = ERR_OK;

	if (folder == NULL)
		return errno == ENOENT ? ERR_OK : ERR_FILE;
	while (e == ERR_OK && (entry = readdir(folder)) != NULL)
		if (standing_of(entry->d_name) >= 0)
			e = listed_add(listing, entry->d_name, (enum standing)standing_of(entry->d_name));
	closedir(folder);
	qsort(listing->at, listing->n, sizeof listing->at[0], by_name); /* names begin with the time */
	return e;
}

/* ---- list ---- */

/* The sentence that came with the alarm stays in the language of the journal. */
static void print_one(const struct cli *cli, const char *folder, const struct listed *l)
{
	char time[25], code[ALARM_CODE_MOST];

	if (!l->read) {
		fprintf(cli->out, "%s  %s  %s: %s\n", l->id, cli_text(cli, standings[l->standing].en, standings[l->standing].ar),
			cli_text(cli, "cannot be read", "تتعذر قراءته"), l->name);
		return;
	}
	time_write(l->alarm.time_ms, time);
	alarm_code_word(l->alarm.code, code);
	fprintf(cli->out, "%s  %s  %-9s %s %s  %s\n", l->id, time, code, l->standing == STANDING_SAID ? l->alarm.said_by : l->alarm.about,
		l->alarm.channel, cli_text(cli, standings[l->standing].en, standings[l->standing].ar));
	fprintf(cli->out, cli_text(cli, "  %s\n", "  السبب كما سُجّل بالإنجليزية: %s\n"), l->because);
	fprintf(cli->out, cli_text(cli, "  %s  `mithaq verify %s/%s`\n", "  %s «mithaq verify %s/%s»\n"),
		l->finding == ALARM_PROVED_FOUND ? cli_text(cli, "a proof:", "دليل تام:") : cli_text(cli, "a record, no proof:", "قيد لا دليل:"),
		folder, l->name);
}

static json_t *json_one(const struct listed *l)
{
	char time[25] = "", code[ALARM_CODE_MOST] = "";

	if (l->read) {
		time_write(l->alarm.time_ms, time);
		alarm_code_word(l->alarm.code, code);
	}
	return json_pack("{s:s, s:s, s:s, s:b, s:s, s:s, s:s, s:s, s:s, s:b}", "id", l->id, "file", l->name, "standing", standings[l->standing].word,
			 "readable", l->read, "time", time, "code", code, "about", l->alarm.about, "channel", l->alarm.channel, "because", l->because,
			 "proved", l->read && l->finding == ALARM_PROVED_FOUND);
}

static int list(struct listing *listing)
{
	struct cli *cli = listing->cli;
	json_t	   *all = json_array();

	for (size_t i = 0; i < listing->n; i++) {
		if (cli->json)
			json_array_append_new(all, json_one(listing->at[i]));
		else
			print_one(cli, listing->folder, listing->at[i]);
	}
	if (cli->json) {
		json_dumpf(all, cli->out, JSON_INDENT(2));
		fputc('\n', cli->out);
	} else if (listing->n == 0) {
		fprintf(cli->out, "%s\n", cli_text(cli, "no alarm was ever raised here", "لم يُرفع هنا أي إنذار"));
	} else {
		fprintf(cli->out, "%s %s\n", cli_text(cli, "the files stand in", "الملفات في"), listing->folder);
	}
	json_decref(all);
	return EXIT_DONE;
}

/* ---- release ---- */

/* The account that types, in letters that a file's name may have. */
static void who(char out[static BY_MOST])
{
	const struct passwd *account = getpwuid(getuid());
	size_t		     n = 0;

	for (const char *at = account != NULL ? account->pw_name : ""; *at != '\0' && n < BY_MOST - 1; at++)
		if ((*at >= 'a' && *at <= 'z') || (*at >= '0' && *at <= '9') || *at == '-')
			out[n++] = *at;
	out[n] = '\0';
	if (n == 0)
		snprintf(out, BY_MOST, "uid-%u", (unsigned)getuid());
}

static int release_one(struct listing *listing, const struct listed *l)
{
	struct cli *cli = listing->cli;
	char	    from[CONFIG_PATH_MOST + 300], to[CONFIG_PATH_MOST + 400], time[25], by[BY_MOST];

	time_write(now_ms(), time);
	time[13] = time[16] = time[19] = '-';
	who(by);
	snprintf(from, sizeof from, "%s/%s", listing->folder, l->name);
	snprintf(to, sizeof to, "%s_%s_by-%s%s", from, time, by, standings[STANDING_RELEASED].ending);
	if (link(from, to) != 0 || folder_sync(to) != ERR_OK || unlink(from) != 0 || folder_sync(to) != ERR_OK)
		return cli_err(cli, ERR_FILE, to, NULL);
	if (cli->json) {
		fputs("{\"released\":", cli->out);
		cli_json_text(cli, to);
		fputs("}\n", cli->out);
		return EXIT_DONE;
	}
	fprintf(cli->out, "%s\n  %s\n",
		cli_text(cli, "released; the channel opens at the next start of the gateway:", "رُفع؛ تُفتح القناة عند البدء التالي للبوابة:"), to);
	return EXIT_DONE;
}

static int release(struct listing *listing, const char *id)
{
	struct cli	    *cli = listing->cli;
	const struct listed *found = NULL;
	size_t		     n = strlen(id);
	bool		     several = false;

	for (size_t i = 0; i < listing->n; i++)
		if (n >= 4 && n <= ID_DIGITS && strncmp(listing->at[i]->id, id, n) == 0 && listing->at[i]->standing != STANDING_RELEASED) {
			several = several || found != NULL;
			found = listing->at[i];
		}
	if (found == NULL || several)
		return cli_complain(cli, EXIT_USAGE, cli_text(cli, "this names no single alarm", "لا يدل هذا على إنذار واحد"), id,
				    cli_text(cli, "`mithaq alarm list` shows their ids", "يعرض «mithaq alarm list» معرّفاتها"));
	return release_one(listing, found);
}

int cmd_alarm(struct cli *cli, int argc, char **argv)
{
	struct listing listing = {.cli = cli};
	struct config  config;
	int	       n = cli_options(cli, argc, argv, NULL, 0);

	if (n < 0)
		return EXIT_USAGE;
	bool listed = n == 1 && strcmp(argv[1], "list") == 0, released = n == 2 && strcmp(argv[1], "release") == 0;
	if (!listed && !released)
		return cli_usage(cli);
	int code = cli_config(cli, &config);
	if (code != EXIT_DONE)
		return code;
	listing.at = calloc(LISTED_MOST, sizeof(struct listed *));
	enum err e = listing.at == NULL ? ERR_MEMORY : config_data_path(&config, "alarms", listing.folder);
	if (e == ERR_OK)
		e = listing_read(&listing);
	code = e != ERR_OK ? cli_err(cli, e, "alarms", NULL) : listed ? list(&listing) : release(&listing, argv[2]);
	for (size_t i = 0; i < listing.n; i++)
		free(listing.at[i]);
	free(listing.at);
	config_done(&config);
	return code;
}
