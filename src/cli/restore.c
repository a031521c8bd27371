/*
 * restore.c: `mithaq restore FILE [--replace]`: what `mithaq backup` wrote, put in place.
 *
 * Order: the gateway is not running, and cannot start meanwhile; every member is laid out
 * beside its place and checked; then the papers are put down; last of all the ledger takes its name, in
 * one rename. Until that rename the old ledger stands, whole, under its own name; after
 * it the new one does. What was there before is kept under NAME.replaced-TIME, never
 * deleted. A restore that was interrupted is typed again.
 *
 * The old ledger's WAL is settled into its file before anything is moved: a WAL beside
 * another ledger than its own would be played into it.
 */
#include "cli/backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proc/files.h"

#define LEDGER	"ledger.db"
#define STAGING "restoring" /* folder below data: members until all of them are checked */
#define LAID	STAGING "/papers"

struct restoring {
	struct cli		*cli;
	struct config		 config; /* the places only */
	const char		*file;
	bool			 replace;
	struct archive_manifest *manifest;
	int			 fd, lock_fd;
	struct store_lock	 ledger_lock;
	bool			 was_damaged; /* the old ledger could not be read, so its WAL could not be settled */
	char			 aside[40];   /* ".replaced-2026-11-23T06-14-07Z" */
	unsigned		 nreplaced;
};

static int told(struct restoring *r, enum err e, const char *what)
{
	return e == ERR_OK ? EXIT_DONE : cli_err(r->cli, e, what, NULL);
}

static int told_fault(struct restoring *r, enum err e, struct fault *fault)
{
	if (e == ERR_OK)
		return EXIT_DONE;
	fault->err = e;
	(void)cli_fault(r->cli, fault, r->file);
	return backup_exit_of(e);
}

static int refuse(struct restoring *r, const char *what, const char *en, const char *ar, const char *help, const char *help_ar)
{
	return cli_complain(r->cli, EXIT_REFUSED_HERE, what, cli_text(r->cli, en, ar), cli_text(r->cli, help, help_ar));
}

/* ---- places ---- */

static int data_path(struct restoring *r, const char *rest, char out[CONFIG_PATH_MOST])
{
	return told(r, config_data_path(&r->config, rest, out), rest);
}

static int staged_path(struct restoring *r, unsigned i, char out[CONFIG_PATH_MOST])
{
	char rest[64];

	if (r->manifest->file[i].kind == ARCHIVE_LEDGER)
		return data_path(r, LEDGER ".restoring", out); /* in the folder of its place: the last step is one rename */
	snprintf(rest, sizeof rest, STAGING "/%04u", i);
	return data_path(r, rest, out);
}

static bool stands(const char *path)
{
	struct stat s;

	return lstat(path, &s) == 0;
}

static int folder_make(struct restoring *r, const char *path)
{
	if (folder_make_private(path) != 0)
		return errno == EEXIST ? EXIT_DONE : told(r, ERR_FILE, path);
	return told(r, folder_sync(path), path);
}

/* ---- alone in this home ---- */

/* The lock that the gateway holds while it runs. */
static int gateway_away(struct restoring *r)
{
	char path[CONFIG_PATH_MOST];
	int  code = data_path(r, "mithaq.pid", path);

	if (code != EXIT_DONE)
		return code;
	r->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (r->lock_fd < 0)
		return told(r, ERR_FILE, path);
	owner_give(r->lock_fd, path);
	if (flock(r->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return EXIT_DONE;
	return refuse(r, r->config.data, "the gateway is running", "البوابة تعمل", "stop it first; nothing was changed", "أوقفها أولًا؛ لم يتغير شيء");
}

static const char *const ledger_ends[] = {"", "-wal", "-shm"};

static bool ledger_stands(struct restoring *r)
{
	char rest[32], path[CONFIG_PATH_MOST];
	bool found = false;

	for (size_t i = 0; i < COUNT_OF(ledger_ends); i++) {
		snprintf(rest, sizeof rest, LEDGER "%s", ledger_ends[i]);
		found = found || (config_data_path(&r->config, rest, path) == ERR_OK && stands(path));
	}
	return found;
}

static int ledger_absent(struct restoring *r)
{
	if (r->replace || !ledger_stands(r))
		return EXIT_DONE;
	return refuse(r, r->config.data, "a ledger is there", "يوجد سجل هنا", "nothing was changed; --replace moves it aside and keeps it",
		      "لم يتغير شيء؛ الخيار ‎--replace‎ ينقله جانبًا ويحفظه");
}

/* A home of another party is never overwritten, asked for or not. */
static int party_same(struct restoring *r)
{
	struct config there;
	struct fault  fault;

	config_places(&there, r->cli->home);
	enum err e = config_read(&there, &fault);
	bool	 other = e == ERR_OK && strcmp(there.party, r->manifest->party) != 0;
	config_done(&there);
	if (!other)
		return EXIT_DONE;
	return refuse(r, r->manifest->party, "this home is another party's", "هذا المجلد لطرف آخر", "choose another --home; nothing was changed",
		      "اختر ‎--home‎ آخر؛ لم يتغير شيء");
}

static int ledger_alone(struct restoring *r)
{
	char path[CONFIG_PATH_MOST];
	int  code = data_path(r, LEDGER, path);

	if (code != EXIT_DONE || !stands(path))
		return code;
	enum err e = store_lock_take(path, &r->ledger_lock);
	if (e == ERR_BUSY)
		return refuse(r, path, "another process has this ledger open", "عملية أخرى تفتح هذا السجل", "end it first; nothing was changed",
			      "أنهها أولًا؛ لم يتغير شيء");
	r->was_damaged = e == ERR_STORE;
	return r->was_damaged ? EXIT_DONE : told(r, e, path);
}

/* ---- laying out ---- */

static enum err piece_write(void *arg, struct bytes piece)
{
	int fd = *(const int *)arg;

	while (piece.n > 0) {
		ssize_t n = write(fd, piece.at, piece.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ERR_DISK;
		piece = bytes_of(piece.at + n, piece.n - (size_t)n);
	}
	return ERR_OK;
}

static int stage(struct restoring *r, unsigned i)
{
	char	     path[CONFIG_PATH_MOST];
	struct fault fault = {0};
	int	     code = staged_path(r, i, path);

	if (code != EXIT_DONE)
		return code;
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return told(r, ERR_FILE, path);
	owner_give(fd, path);
	enum err e = archive_get(r->fd, &r->manifest->file[i], piece_write, &fd, &fault);
	if (e == ERR_OK && fsync(fd) != 0)
		e = fault_at(&fault, ERR_DISK, 0, path, strerror(errno), "", "");
	close(fd);
	return told_fault(r, e, &fault);
}

static enum err staged_read(struct restoring *r, unsigned i, struct buffer *out)
{
	char path[CONFIG_PATH_MOST];

	out->most = ARCHIVE_PAPER_MOST;
	return staged_path(r, i, path) == EXIT_DONE ? file_read(path, out) : ERR_FILE;
}

static enum err lay(struct restoring *r, unsigned i, const char *folder, struct fault *fault)
{
	const struct archive_file *f = &r->manifest->file[i];
	struct buffer		   body = {0};
	enum err		   e = staged_read(r, i, &body);

	if (e == ERR_OK)
		e = backup_lay(folder, r->manifest, f, buffer_bytes(&body), fault);
	else
		fault_at(fault, e, 0, f->name, strerror(errno), "", "");
	buffer_done(&body);
	return e;
}

/* The papers by themselves, as a gateway would read them. */
static int lay_all(struct restoring *r)
{
	char	     path[CONFIG_PATH_MOST], file[CONFIG_PATH_MOST] = "";
	struct fault fault = {0};
	int	     code = data_path(r, LAID, path);

	if (code != EXIT_DONE)
		return code;
	enum err e = backup_lay_begin(path);
	if (e != ERR_OK)
		return told(r, e, path);
	for (unsigned i = 0; i < r->manifest->nfiles && e == ERR_OK; i++)
		if (r->manifest->file[i].kind != ARCHIVE_LEDGER)
			e = lay(r, i, path, &fault);
	if (e == ERR_OK)
		e = backup_lay_check(path, r->manifest->party, file, &fault);
	backup_lay_end(path);
	if (e == ERR_OK)
		return EXIT_DONE;
	backup_fault(r->cli, e, &fault, r->file, file);
	return backup_exit_of(e);
}

static int stage_all(struct restoring *r)
{
	char	     path[CONFIG_PATH_MOST];
	struct fault fault = {0};
	int	     code = data_path(r, STAGING, path);

	if (code == EXIT_DONE)
		code = folder_make(r, path);
	for (unsigned i = 0; i < r->manifest->nfiles && code == EXIT_DONE; i++)
		code = stage(r, i);
	if (code == EXIT_DONE)
		code = told_fault(r, archive_get_end(r->fd, &fault), &fault);
	if (code == EXIT_DONE)
		code = lay_all(r);
	if (code == EXIT_DONE && (code = data_path(r, LEDGER ".restoring", path)) == EXIT_DONE)
		code = told_fault(r, store_examine(path, r->manifest, &fault), &fault);
	return code;
}

static bool is_staged_name(const char *name)
{
	return strlen(name) == 4 && strspn(name, "0123456789") == 4;
}

/* Only what this command lays out: numbers in its own folder, also those of a restore that was cut off, and the ledger that did not get its name. */
static void stage_clear(struct restoring *r)
{
	char	       path[CONFIG_PATH_MOST];
	struct dirent *entry;
	DIR	      *folder;

	if (config_data_path(&r->config, LAID, path) == ERR_OK)
		backup_lay_end(path);
	folder = config_data_path(&r->config, STAGING, path) == ERR_OK ? opendir(path) : NULL;
	if (folder != NULL) {
		while ((entry = readdir(folder)) != NULL)
			if (is_staged_name(entry->d_name))
				(void)unlinkat(dirfd(folder), entry->d_name, 0);
		closedir(folder);
		(void)rmdir(path);
	}
	if (config_data_path(&r->config, LEDGER ".restoring", path) == ERR_OK)
		(void)unlink(path);
}

/* ---- papers ---- */

static enum err place_of(struct restoring *r, unsigned i, struct bytes body, struct backup_place *place, char out[CONFIG_PATH_MOST])
{
	enum err e = backup_place(r->manifest, &r->manifest->file[i], body, place);

	return e != ERR_OK ? e : (place->data ? config_data_path : config_path)(&r->config, place->rest, out);
}

static bool same_there(const char *path, struct bytes body)
{
	struct buffer there = {.most = ARCHIVE_PAPER_MOST};
	bool	      same = file_read(path, &there) == ERR_OK && bytes_equal(buffer_bytes(&there), body);

	buffer_done(&there);
	return same;
}

/* A second name for what stands there, so that it is never without one. */
static enum err keep_aside(struct restoring *r, const char *path)
{
	char aside[CONFIG_PATH_MOST + sizeof r->aside];

	snprintf(aside, sizeof aside, "%s%s", path, r->aside);
	if (link(path, aside) != 0)
		return ERR_FILE;
	r->nreplaced++;
	return folder_sync(aside);
}

static enum err paper_put(struct restoring *r, const char *path, unsigned mode, struct bytes body)
{
	enum err e = stands(path) ? keep_aside(r, path) : ERR_OK;

	return e == ERR_OK ? file_write(path, body, mode) : e;
}

/* First with `put` false: nothing is put down before everything is known to be permitted. */
static int paper(struct restoring *r, unsigned i, bool put)
{
	struct buffer	    body = {0};
	struct backup_place place = {0};
	char		    path[CONFIG_PATH_MOST] = "";
	enum err	    e = staged_read(r, i, &body);
	int		    code;

	if (e == ERR_OK)
		e = place_of(r, i, buffer_bytes(&body), &place, path);
	if (e != ERR_OK) {
		struct fault fault = {.err = e};

		code = told_fault(r, fault_at(&fault, e, 0, r->manifest->file[i].name, "", "", ""), &fault);
	} else if (same_there(path, buffer_bytes(&body))) {
		code = EXIT_DONE;
	} else if (stands(path) && !r->replace) {
		code = refuse(r, path, "another one stands there", "يوجد غيره هناك", "nothing was changed; --replace moves it aside and keeps it",
			      "لم يتغير شيء؛ الخيار ‎--replace‎ ينقله جانبًا ويحفظه");
	} else {
		code = put ? told(r, paper_put(r, path, place.mode, buffer_bytes(&body)), path) : EXIT_DONE;
	}
	buffer_done(&body);
	return code;
}

static int papers(struct restoring *r, bool put)
{
	int code = EXIT_DONE;

	for (unsigned i = 0; i < r->manifest->nfiles && code == EXIT_DONE; i++)
		if (r->manifest->file[i].kind != ARCHIVE_LEDGER)
			code = paper(r, i, put);
	return code;
}

/* Those that every home has, and those that a member needs. */
static int folders(struct restoring *r)
{
	static const struct {
		bool	    data;
		unsigned    needed; /* 1 + enum archive_kind; 0: always */
		const char *folder;
	} below[] = {
		{false, 0, "partners"},
		{false, 0, PAPERS_AGREEMENTS_FOLDER},
		{true, 0, "alarms"},
		{false, 1 + ARCHIVE_PENDING, PAPERS_AGREEMENTS_FOLDER "/pending"},
		{false, 1 + ARCHIVE_CARD_KEPT, PAPERS_CARDS_FOLDER},
		{true, 1 + ARCHIVE_CARD_TAKEN, PAPERS_CARDS_FOLDER},
		{true, 1 + ARCHIVE_JOINED, PAPERS_AGREEMENTS_FOLDER},
	};
	char path[CONFIG_PATH_MOST];
	int  code = EXIT_DONE;

	for (size_t i = 0; i < COUNT_OF(below) && code == EXIT_DONE; i++) {
		if (below[i].needed > 0 && r->manifest->nof[below[i].needed - 1] == 0)
			continue;
		code = told(r, (below[i].data ? config_data_path : config_path)(&r->config, below[i].folder, path), below[i].folder);
		if (code == EXIT_DONE)
			code = folder_make(r, path);
	}
	return code;
}

/* ---- the ledger, last ---- */

/* The old WAL and its index, empty now, get the name under which the old ledger will stand. */
static enum err wal_aside(struct restoring *r, const char *end)
{
	char from[CONFIG_PATH_MOST], to[CONFIG_PATH_MOST], rest[96];

	snprintf(rest, sizeof rest, LEDGER "%s", end);
	enum err e = config_data_path(&r->config, rest, from);
	snprintf(rest, sizeof rest, LEDGER "%s%s", r->aside, end);
	if (e == ERR_OK)
		e = config_data_path(&r->config, rest, to);
	if (e != ERR_OK || !stands(from))
		return e;
	return rename(from, to) == 0 ? ERR_OK : ERR_FILE;
}

/* How far `mithaq log verify` had read is true of the old ledger alone. */
static enum err scrub_forget(struct restoring *r)
{
	char	 path[CONFIG_PATH_MOST];
	enum err e = config_data_path(&r->config, "scrub", path);

	return e != ERR_OK ? e : unlink(path) == 0 || errno == ENOENT ? ERR_OK : ERR_FILE;
}

static int ledger_put(struct restoring *r)
{
	char path[CONFIG_PATH_MOST], staged[CONFIG_PATH_MOST];
	int  code = data_path(r, LEDGER, path);

	if (code == EXIT_DONE)
		code = data_path(r, LEDGER ".restoring", staged);
	if (code != EXIT_DONE)
		return code;
	enum err e = stands(path) ? keep_aside(r, path) : ERR_OK;
	if (e == ERR_OK)
		e = wal_aside(r, "-wal");
	if (e == ERR_OK)
		e = wal_aside(r, "-shm");
	if (e == ERR_OK)
		e = scrub_forget(r);
	if (e == ERR_OK)
		e = folder_sync(path);
	if (e == ERR_OK)
		e = rename(staged, path) == 0 ? folder_sync(path) : ERR_FILE;
	return told(r, e, path);
}

/* ---- the words ---- */

static const char *const key_files[] = {"keys/log.key", "keys/receipt.key", "keys/tls.key", "keys/tls.pem"};

static bool keys_missing(const struct restoring *r)
{
	char path[CONFIG_PATH_MOST];
	bool missing = false;

	for (size_t i = 0; i < COUNT_OF(key_files); i++)
		missing = missing || config_path(&r->config, key_files[i], path) != ERR_OK || !stands(path);
	return missing;
}

static void say_json(struct restoring *r, const char *made)
{
	json_t *missing = json_array();
	char	path[CONFIG_PATH_MOST];

	for (size_t i = 0; i < COUNT_OF(key_files); i++)
		if (config_path(&r->config, key_files[i], path) != ERR_OK || !stands(path))
			json_array_append_new(missing, json_string(key_files[i]));
	json_t *o = json_pack("{s:b, s:s, s:s, s:s, s:s?, s:o, s:o}", "restored", 1, "party", r->manifest->party, "made", made, "ask-again-from",
			      made, "replaced", r->nreplaced > 0 ? r->aside : NULL, "keys-missing", missing, "logs", backup_logs_json(r->manifest));
	json_dumpf(o, r->cli->out, JSON_INDENT(2));
	fputc('\n', r->cli->out);
	json_decref(o);
}

static void say_next(struct restoring *r, const char *made)
{
	struct cli *cli = r->cli;

	fprintf(cli->out, "%s\n",
		cli_text(cli, "- the next start opens a new epoch in every channel; nothing of the old ones is signed again.",
			 "- يفتح البدء التالي حقبة جديدة في كل قناة، ولا يوقَّع شيء من الحقب القديمة مرة أخرى."));
	fprintf(cli->out, "%s\n",
		cli_text(cli,
			 "- what partners were shown after that time is fetched back from them, and checked against our own signatures, before "
			 "anything "
			 "is asked or answered.",
			 "- ما أُطلع عليه الشركاء بعد ذلك الوقت يُجلب منهم ويُتحقق من توقيعنا عليه قبل أي سؤال أو جواب."));
	fprintf(cli->out, "%s %s\n",
		cli_text(cli, "- what was accepted here later and delivered to nobody is lost: applications ask again what they asked since",
			 "- ما قُبل هنا بعده ولم يسلَّم إلى أحد مفقود: تعيد التطبيقات ما سألته منذ"),
		made);
}

static void say(struct restoring *r)
{
	struct cli *cli = r->cli;
	char	    made[25];

	time_write(r->manifest->made_ms, made);
	if (cli->json) {
		say_json(r, made);
		return;
	}
	fprintf(cli->out, "%s %s: %s %s\n", cli_text(cli, "restored", "استُعيد"), r->manifest->party,
		cli_text(cli, "the ledger as it was at", "السجل كما كان في"), made);
	backup_logs_print(cli, cli->out, r->manifest);
	say_next(r, made);
	if (r->nreplaced > 0)
		fprintf(cli->out, "%s *%s\n", cli_text(cli, "- what stood there before is kept under", "- ما كان هناك محفوظ باسم"), r->aside);
	if (r->was_damaged)
		fprintf(cli->out, "%s\n",
			cli_text(cli, "- the ledger that stood there could not be read; it was kept as it was.",
				 "- السجل الذي كان هناك تعذرت قراءته، وحُفظ كما هو."));
	if (keys_missing(r))
		fprintf(cli->out, "%s\n",
			cli_text(cli,
				 "- keys/ is missing here: put back the one kept apart from the backup. If it is lost, `mithaq init PARTY --home "
				 "ELSEWHERE` makes new keys and a new card, which every partner must take in (`mithaq partner add`).",
				 "- المجلد keys/ ناقص هنا: أعد المحفوظ بعيدًا عن النسخة. فإن ضاع فالأمر «mithaq init PARTY --home ELSEWHERE» ينشئ "
				 "مفاتيح وبطاقة جديدة يدخلها كل شريك («mithaq partner add»)."));
}

/* ---- the run ---- */

static int put_all(struct restoring *r)
{
	int code = ledger_alone(r);

	if (code == EXIT_DONE)
		code = papers(r, false);
	if (code == EXIT_DONE)
		code = folders(r);
	if (code == EXIT_DONE)
		code = papers(r, true);
	return code == EXIT_DONE ? ledger_put(r) : code;
}

static int restore(struct restoring *r)
{
	struct fault fault = {0};
	int	     code = told_fault(r, archive_get_manifest(r->fd, r->manifest, &fault), &fault);

	if (code == EXIT_DONE)
		code = party_same(r);
	if (code == EXIT_DONE)
		code = folder_make(r, r->config.home);
	if (code == EXIT_DONE)
		code = folder_make(r, r->config.data);
	if (code == EXIT_DONE)
		code = gateway_away(r);
	if (code == EXIT_DONE)
		code = ledger_absent(r);
	if (code != EXIT_DONE)
		return code;
	code = stage_all(r);
	if (code == EXIT_DONE)
		code = put_all(r);
	store_lock_free(&r->ledger_lock);
	stage_clear(r);
	if (code == EXIT_DONE)
		say(r);
	return code;
}

int cmd_restore(struct cli *cli, int argc, char **argv)
{
	bool			replace = false;
	const struct cli_option options[] = {{"--replace", NULL, &replace}};
	struct restoring	r = {.cli = cli, .lock_fd = -1};
	char			time[25];

	if (cli_options(cli, argc, argv, options, COUNT_OF(options)) != 1)
		return cli_usage(cli);
	r.file = argv[1];
	r.replace = replace;
	r.manifest = calloc(1, sizeof *r.manifest);
	if (r.manifest == NULL)
		return cli_err(cli, ERR_MEMORY, r.file, NULL);
	config_places(&r.config, cli->home);
	time_write(now_ms(), time);
	time[13] = time[16] = time[19] = '-';
	snprintf(r.aside, sizeof r.aside, ".replaced-%s", time);
	umask(077);
	r.fd = open(r.file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int code = r.fd < 0 ? cli_complain(cli, EXIT_USAGE, r.file, strerror(errno), NULL) : restore(&r);
	if (r.fd >= 0)
		close(r.fd);
	if (r.lock_fd >= 0)
		close(r.lock_fd);
	archive_manifest_done(r.manifest);
	free(r.manifest);
	config_done(&r.config);
	return code;
}
