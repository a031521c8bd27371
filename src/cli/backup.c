/*
 * backup.c: `mithaq backup [FILE|-]`: the ledger, the papers and the configuration in one
 * file (store/archive.h), while the gateway runs; `mithaq backup verify FILE`.
 *
 * The file is written under another name, made durable and only then given its own: a
 * backup that is there is whole. Keys are not in it: who held a copy of them could sign in
 * this party's name, and a restored ledger needs none of the old signatures made again.
 */
#include "cli/backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/random.h"
#include "proc/files.h"

#define BAR_CELLS  40
#define NAMES_MOST 4096 /* of one folder */

/* ---- what both commands tell ---- */

void backup_logs_print(const struct cli *cli, FILE *to, const struct archive_manifest *m)
{
	for (unsigned i = 0; i < m->nheads; i++) {
		const struct archive_head *h = &m->head[i];
		struct origin		   o;

		if (origin_read(bytes_text(h->origin), &o) != ERR_OK)
			continue;
		fprintf(to, "  %-14s %-28s %s %" PRIu64, o.channel, h->own ? o.reader : o.author,
			h->own ? cli_text(cli, "our log:", "سجلنا:") : cli_text(cli, "their log:", "سجلهم:"), h->size);
		fprintf(to, "%s %" PRIu64 "%s %.8s\n",
			h->own ? cli_text(cli, ", receipted by them", "، بإيصال منهم") : cli_text(cli, ", receipted by us", "، بإيصال منا"),
			h->receipted, cli_text(cli, ", epoch", "، الحقبة"), h->origin + strlen(h->origin) - 2 * EPOCH_SIZE);
	}
}

json_t *backup_logs_json(const struct archive_manifest *m)
{
	json_t *logs = json_array();

	for (unsigned i = 0; i < m->nheads; i++) {
		const struct archive_head *h = &m->head[i];
		struct origin		   o;
		char			   hex[2 * HASH_SIZE + 1];

		if (origin_read(bytes_text(h->origin), &o) != ERR_OK)
			continue;
		hex_write(h->root.b, HASH_SIZE, hex);
		json_array_append_new(logs, json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:I}", "partner", h->own ? o.reader : o.author, "channel",
						      o.channel, "side", h->own ? "own" : "peer", "origin", h->origin, "size", (json_int_t)h->size,
						      "root", hex, "receipted", (json_int_t)h->receipted));
	}
	return logs;
}

int backup_exit_of(enum err e)
{
	bool file = err_blame(e) == BLAME_PARTNER || err_blame(e) == BLAME_CALLER || e == ERR_STORE;

	return file ? EXIT_EVIDENCE_BROKEN : (int)cli_exit_of(e);
}

void backup_fault(struct cli *cli, enum err e, struct fault *fault, const char *backup, const char *paper)
{
	char where[2 * CONFIG_PATH_MOST];

	snprintf(where, sizeof where, "%s%s%s", backup, *paper ? ": " : "", paper);
	fault->err = e;
	(void)cli_fault(cli, fault, where);
}

enum err backup_beside(const char *path, const char *ending, char out[CONFIG_PATH_MOST])
{
	uint8_t random[8];
	char	hex[2 * sizeof random + 1];

	random_bytes(random, sizeof random);
	hex_write(random, sizeof random, hex);
	int n = snprintf(out, CONFIG_PATH_MOST, "%s.%s%s", path, hex, ending);
	return n < 0 || n >= CONFIG_PATH_MOST ? ERR_TOO_LONG : ERR_OK;
}

/* ---- one backup being made ---- */

struct making {
	struct cli		*cli;
	struct config		 config;
	struct store		*store;
	struct archive_manifest *manifest;
	char (*source)[CONFIG_PATH_MOST]; /* of each file of the manifest */
	const char *target;		  /* "-": standard output */
	char	    temporary[CONFIG_PATH_MOST], ledger[CONFIG_PATH_MOST];
	uint64_t    size;
};

/* EXIT_DONE, or complains with the place and the error's own words. */
/* EXIT_DONE for ERR_OK and for nothing else. */
static int told(struct making *m, enum err e, const char *what)
{
	int code = EXIT_INTERNAL;

	if (e == ERR_OK)
		return EXIT_DONE;
	if (e == ERR_ORDER)
		(void)cli_complain(m->cli, EXIT_INTERNAL, what, cli_text(m->cli, "it was changed while it was read", "تغيّر أثناء قراءته"),
				   cli_text(m->cli, "type the command again", "أعد كتابة الأمر"));
	else
		code = cli_err(m->cli, e, what, NULL);
	return code == EXIT_DONE ? EXIT_INTERNAL : code;
}

static int measure(struct making *m, enum archive_kind kind, unsigned number, const char *hex, const char *path)
{
	struct archive_file *file;
	enum err	     e = archive_file_add(m->manifest, kind, number, hex, &file);

	if (e != ERR_OK)
		return told(m, e, path);
	snprintf(m->source[m->manifest->nfiles - 1], CONFIG_PATH_MOST, "%s", path);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	e = fd < 0 ? ERR_FILE : archive_measure(fd, file);
	int code = told(m, e, path);
	if (fd >= 0)
		close(fd);
	return code;
}

static int measure_home(struct making *m, enum archive_kind kind, const char *rest)
{
	char path[CONFIG_PATH_MOST];
	int  code = home_path(m->cli, &m->config, rest, path);

	return code == EXIT_DONE ? measure(m, kind, 1, NULL, path) : code;
}

/* ---- folders of papers, by name ---- */

struct names {
	char  *at[NAMES_MOST];
	size_t n;
	size_t ending; /* characters */
};

static void names_done(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->at[i]);
	names->n = 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Every name of a folder with this ending; a folder that is not there holds nothing. */
static enum err names_read(const char *folder, const char *ending, struct names *out)
{
	DIR	      *dir = opendir(folder);
	struct dirent *entry;
	enum err       e = ERR_OK;

	*out = (struct names){.ending = strlen(ending)};
	if (dir == NULL)
		return errno == ENOENT ? ERR_OK : ERR_FILE;
	while (e == ERR_OK && (entry = readdir(dir)) != NULL) {
		size_t n = strlen(entry->d_name);

		if (entry->d_name[0] == '.' || n <= out->ending || strcmp(entry->d_name + n - out->ending, ending) != 0)
			continue;
		if (out->n == NAMES_MOST)
			e = ERR_TOO_LONG;
		else if ((out->at[out->n] = strdup(entry->d_name)) == NULL)
			e = ERR_MEMORY;
		else
			out->n++;
	}
	closedir(dir);
	if (e != ERR_OK)
		names_done(out);
	qsort(out->at, out->n, sizeof out->at[0], by_name);
	return e;
}

static int measure_folder(struct making *m, enum archive_kind kind, const char *folder, const char *ending)
{
	struct names *names = calloc(1, sizeof *names);
	char	      path[CONFIG_PATH_MOST + 300], stem[256];

	if (names == NULL)
		return told(m, ERR_MEMORY, folder);
	enum err e = names_read(folder, ending, names);
	int	 code = told(m, e, folder);
	for (size_t i = 0; code == EXIT_DONE && i < names->n; i++) {
		snprintf(path, sizeof path, "%s/%s", folder, names->at[i]);
		snprintf(stem, sizeof stem, "%.*s", (int)(strlen(names->at[i]) - names->ending), names->at[i]);
		code = measure(m, kind, (unsigned)i + 1, stem, path);
	}
	if (e == ERR_OK)
		names_done(names);
	free(names);
	return code;
}

/* ---- gathering ---- */

/* The folders of papers, in the order of the archive. */
static const struct paper_folder {
	enum archive_kind kind;
	bool		  data;
	const char	 *folder, *ending;
} paper_folders[] = {
	{ARCHIVE_PARTNER, false, "partners", ".card"},
	{ARCHIVE_CARD_KEPT, false, PAPERS_CARDS_FOLDER, ".card"},
	{ARCHIVE_CARD_TAKEN, true, PAPERS_CARDS_FOLDER, ".card"},
	{ARCHIVE_AGREEMENT, false, PAPERS_AGREEMENTS_FOLDER, ".agreement"},
	{ARCHIVE_JOINED, true, PAPERS_AGREEMENTS_FOLDER, ".agreement"},
	{ARCHIVE_PENDING, false, PAPERS_AGREEMENTS_FOLDER "/pending", ".signed-by-us"},
};

static int measure_papers(struct making *m)
{
	char folder[CONFIG_PATH_MOST];
	int  code = EXIT_DONE;

	for (size_t i = 0; i < COUNT_OF(paper_folders) && code == EXIT_DONE; i++) {
		const struct paper_folder *p = &paper_folders[i];

		code = told(m, (p->data ? config_data_path : config_path)(&m->config, p->folder, folder), p->folder);
		if (code == EXIT_DONE)
			code = measure_folder(m, p->kind, folder, p->ending);
	}
	return code;
}

static int measure_officers(struct making *m)
{
	char path[CONFIG_PATH_MOST];
	int  code = home_path(m->cli, &m->config, "officers", path);

	if (code == EXIT_DONE && access(path, F_OK) == 0)
		code = measure(m, ARCHIVE_OFFICERS, 1, NULL, path);
	return code;
}

static void progress(void *arg, uint64_t done, uint64_t all)
{
	struct making *m = arg;
	char	       cells[BAR_CELLS + 1];

	if (all == 0 || m->cli->json || !isatty(fileno(m->cli->complain)))
		return;
	for (uint64_t i = 0; i < BAR_CELLS; i++)
		cells[i] = i * all < done * BAR_CELLS ? '#' : '.';
	cells[BAR_CELLS] = '\0';
	fprintf(m->cli->complain, "\r[%s]%s", cells, done == all ? "\r\033[K" : "");
	fflush(m->cli->complain);
}

/* The copy is made beside the target, where there is room for it if there is room for the backup. */
static int ledger_copy(struct making *m)
{
	const char *folder = getenv("TMPDIR");
	char	    at[CONFIG_PATH_MOST];

	snprintf(at, sizeof at, "%s/mithaq-backup", folder != NULL && *folder ? folder : "/tmp");
	enum err e = backup_beside(strcmp(m->target, "-") == 0 ? at : m->target, ".ledger", m->ledger);
	if (e == ERR_OK)
		e = file_write_new(m->ledger, BYTES_NONE, 0600);
	if (e == ERR_OK)
		e = store_copy(m->store, m->ledger, progress, m);
	return told(m, e, m->ledger);
}

static int snapshot(struct making *m)
{
	char	     path[CONFIG_PATH_MOST];
	struct fault fault = {0};
	enum err     e = config_data_path(&m->config, "ledger.db", path);

	if (e == ERR_OK && store_open(path, STORE_READ, &m->store, &fault) != ERR_OK)
		return cli_fault(m->cli, &fault, "ledger");
	m->manifest->made_ms = now_ms(); /* before the snapshot: what was accepted earlier is in it */
	if (e == ERR_OK)
		e = store_begin(m->store);
	if (e == ERR_OK)
		e = store_heads(m->store, m->config.party, m->manifest);
	return told(m, e, path);
}

static int gather(struct making *m)
{
	char folder[CONFIG_PATH_MOST], card[PARTY_MOST + 16];
	int  code = snapshot(m);

	snprintf(m->manifest->party, sizeof m->manifest->party, "%s", m->config.party);
	snprintf(m->manifest->version, sizeof m->manifest->version, "%s", MITHAQ_VERSION);
	snprintf(card, sizeof card, "%s.card", m->config.party);
	if (code == EXIT_DONE)
		code = measure_home(m, ARCHIVE_CONFIG, "mithaq.yaml");
	if (code == EXIT_DONE)
		code = measure_home(m, ARCHIVE_CARD, card);
	if (code == EXIT_DONE)
		code = measure_papers(m);
	if (code == EXIT_DONE)
		code = measure_officers(m);
	if (code == EXIT_DONE)
		code = told(m, config_data_path(&m->config, "alarms", folder), m->config.data);
	if (code == EXIT_DONE)
		code = measure_folder(m, ARCHIVE_ALARM, folder, ".alarm");
	if (code == EXIT_DONE)
		code = ledger_copy(m);
	return code == EXIT_DONE ? measure(m, ARCHIVE_LEDGER, 1, NULL, m->ledger) : code;
}

/* ---- writing ---- */

static int put_files(struct making *m, int to)
{
	int code = EXIT_DONE;

	for (unsigned i = 0; i < m->manifest->nfiles && code == EXIT_DONE; i++) {
		int fd = open(m->source[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK);

		code = told(m, fd < 0 ? ERR_FILE : archive_put(to, &m->manifest->file[i], fd), m->source[i]);
		if (fd >= 0)
			close(fd);
	}
	return code;
}

static int put_all(struct making *m, int to)
{
	int code = told(m, archive_put_manifest(to, m->manifest), m->target);

	if (code == EXIT_DONE)
		code = put_files(m, to);
	return code == EXIT_DONE ? told(m, archive_put_end(to), m->target) : code;
}

static int put_durable(struct making *m, int fd)
{
	struct stat about = {0};
	int	    code = put_all(m, fd);

	if (code == EXIT_DONE && (fsync(fd) != 0 || fstat(fd, &about) != 0))
		code = told(m, ERR_DISK, m->target);
	if (code == EXIT_DONE)
		m->size = (uint64_t)about.st_size;
	return code;
}

static int put_named(struct making *m)
{
	enum err e = backup_beside(m->target, ".new", m->temporary);
	int	 fd = e == ERR_OK ? open(m->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
	int	 code = told(m, fd >= 0 ? ERR_OK : e != ERR_OK ? e : ERR_FILE, m->target);

	if (code != EXIT_DONE)
		return code;
	code = put_durable(m, fd);
	close(fd);
	if (code == EXIT_DONE && (rename(m->temporary, m->target) != 0 || folder_sync(m->target) != ERR_OK))
		code = told(m, ERR_FILE, m->target);
	if (code != EXIT_DONE)
		(void)unlink(m->temporary);
	return code;
}

/* ---- the words at the end ---- */

static void say(struct making *m)
{
	struct cli *cli = m->cli;
	bool	    piped = strcmp(m->target, "-") == 0;
	FILE	   *to = piped ? cli->complain : cli->out;
	char	    made[25];

	time_write(m->manifest->made_ms, made);
	if (cli->json) {
		json_t *o = json_pack("{s:s, s:s, s:s, s:I, s:b, s:o}", "file", m->target, "party", m->manifest->party, "made", made, "size",
				      (json_int_t)m->size, "keys", 0, "logs", backup_logs_json(m->manifest));

		json_dumpf(o, to, JSON_INDENT(2));
		fputc('\n', to);
		json_decref(o);
		return;
	}
	fprintf(to, "%s  %" PRIu64 " %s %s\n", m->target, m->size, cli_text(cli, "bytes; the ledger as it was at", "بايت؛ السجل كما كان في"), made);
	backup_logs_print(cli, to, m->manifest);
	fprintf(to, "%s\n",
		cli_text(cli, "not in it: keys/, root/ and tokens/. Keep keys/ apart from this file; who holds both can sign in your name.",
			 "ليست فيه: keys/ وroot/ وtokens/. احفظ keys/ بعيدًا عن هذا الملف، فمن حازهما معًا استطاع التوقيع باسمكم."));
	fprintf(to, "%s  mithaq backup verify %s\n", cli_text(cli, "check it:", "للتحقق منه:"), piped ? "FILE" : m->target);
}

/* Whoever watches the gateway sees how old the last backup is. A backup is good without it. */
static void made_mark(struct making *m)
{
	char	       path[CONFIG_PATH_MOST], text[32];
	struct builder b = builder_on(text, sizeof text);
	char	       made[25];

	time_write(m->manifest->made_ms, made);
	build_format(&b, "%s\n", made);
	if (config_data_path(&m->config, CONFIG_BACKUP_MADE, path) != ERR_OK || file_write(path, builder_bytes(&b), 0600) != ERR_OK)
		fprintf(m->cli->complain, "%s: %s\n", path,
			cli_text(m->cli, "could not be written: mithaq_backup_age_seconds does not know this backup",
				 "تعذرت كتابته: لن يعرف المقياس mithaq_backup_age_seconds هذه النسخة"));
}

static int run_making(struct making *m)
{
	int code = gather(m);

	if (code == EXIT_DONE)
		code = strcmp(m->target, "-") == 0 ? put_all(m, STDOUT_FILENO) : put_named(m);
	if (m->ledger[0] != '\0')
		(void)unlink(m->ledger);
	if (code == EXIT_DONE && strcmp(m->target, "-") != 0)
		made_mark(m); /* where a pipe ends, nobody here knows */
	if (code == EXIT_DONE)
		say(m);
	return code;
}

static int make(struct cli *cli, const char *target)
{
	struct making *m = calloc(1, sizeof *m);
	char	       named[PARTY_MOST + 64], time[25];

	if (strcmp(target, "-") == 0 && isatty(STDOUT_FILENO)) {
		free(m);
		return cli_complain(cli, EXIT_USAGE, "-", cli_text(cli, "a backup is not for a terminal", "النسخة الاحتياطية لا تُعرض على شاشة"),
				    NULL);
	}
	if (m == NULL)
		return cli_err(cli, ERR_MEMORY, "backup", NULL);
	m->cli = cli;
	m->manifest = calloc(1, sizeof *m->manifest);
	m->source = calloc(ARCHIVE_FILES_MOST, sizeof *m->source);
	bool room = m->manifest != NULL && m->source != NULL;
	int  code = room ? cli_config(cli, &m->config) : cli_err(cli, ERR_MEMORY, "backup", NULL);
	if (room && code == EXIT_DONE) {
		time_write(now_ms(), time);
		time[13] = time[16] = '-'; /* a colon is no letter of a file's name everywhere */
		snprintf(named, sizeof named, "%s-%.19s.backup", m->config.party, time);
		m->target = *target ? target : named;
		code = run_making(m);
		store_close(m->store);
		config_done(&m->config);
	}
	if (m->manifest != NULL)
		archive_manifest_done(m->manifest);
	free(m->manifest);
	free(m->source);
	free(m);
	return code;
}

/* ---- verify ---- */

struct checking {
	struct cli		*cli;
	const char		*path;
	struct archive_manifest *manifest;
	char			 ledger[CONFIG_PATH_MOST], papers[CONFIG_PATH_MOST];
	char			 file[CONFIG_PATH_MOST]; /* the paper that is wrong; empty when it is none of them */
	int			 fd, ledger_fd;
};

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

static enum err piece_keep(void *arg, struct bytes piece)
{
	return buffer_add(arg, piece);
}

/* A name beside the backup, or in TMPDIR. */
static enum err beside(const struct checking *c, const char *ending, char out[CONFIG_PATH_MOST])
{
	const char *folder = getenv("TMPDIR");
	char	    at[CONFIG_PATH_MOST];

	snprintf(at, sizeof at, "%s/mithaq-backup", folder != NULL ? folder : "");
	return backup_beside(folder != NULL && *folder ? at : c->path, ending, out);
}

static enum err no_room(enum err e, const char *at, struct fault *fault)
{
	return fault_at(fault, e, 0, at, e == ERR_FILE ? strerror(errno) : "", "set TMPDIR to a folder with room", "اضبط TMPDIR على مجلد فيه متسع");
}

/* SQLite checks a file of its own, so the ledger is laid out. */
static enum err ledger_lay(struct checking *c)
{
	enum err e = beside(c, ".ledger", c->ledger);
	c->ledger_fd = e == ERR_OK ? open(c->ledger, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
	return e != ERR_OK ? e : c->ledger_fd < 0 ? ERR_FILE : ERR_OK;
}

static enum err check_paper(struct checking *c, const struct archive_file *f, struct fault *fault)
{
	struct buffer body = {.most = ARCHIVE_PAPER_MOST};
	enum err      e = archive_get(c->fd, f, piece_keep, &body, fault);

	if (e == ERR_OK)
		e = backup_lay(c->papers, c->manifest, f, buffer_bytes(&body), fault);
	buffer_done(&body);
	return e;
}

static enum err check_ledger(struct checking *c, const struct archive_file *f, struct fault *fault)
{
	enum err e = ledger_lay(c);

	return e == ERR_OK ? archive_get(c->fd, f, piece_write, &c->ledger_fd, fault) : no_room(e, c->ledger, fault);
}

static enum err papers_lay(struct checking *c, struct fault *fault)
{
	enum err e = beside(c, ".papers", c->papers);

	if (e == ERR_OK)
		e = backup_lay_begin(c->papers);
	return e == ERR_OK ? ERR_OK : no_room(e, c->papers, fault);
}

static enum err check_members(struct checking *c, struct fault *fault)
{
	enum err e = archive_get_manifest(c->fd, c->manifest, fault);

	if (e == ERR_OK)
		e = papers_lay(c, fault);
	for (unsigned i = 0; e == ERR_OK && i < c->manifest->nfiles; i++) {
		const struct archive_file *f = &c->manifest->file[i];

		e = (f->kind == ARCHIVE_LEDGER ? check_ledger : check_paper)(c, f, fault);
	}
	if (e == ERR_OK)
		e = archive_get_end(c->fd, fault);
	if (e == ERR_OK)
		e = backup_lay_check(c->papers, c->manifest->party, c->file, fault);
	return e == ERR_OK ? store_examine(c->ledger, c->manifest, fault) : e;
}

static int check_say(struct checking *c)
{
	struct cli *cli = c->cli;
	char	    made[25];

	time_write(c->manifest->made_ms, made);
	if (cli->json) {
		json_t *o = json_pack("{s:b, s:s, s:s, s:s, s:I, s:o}", "whole", 1, "party", c->manifest->party, "made", made, "version",
				      c->manifest->version, "files", (json_int_t)c->manifest->nfiles, "logs", backup_logs_json(c->manifest));

		json_dumpf(o, cli->out, JSON_INDENT(2));
		fputc('\n', cli->out);
		json_decref(o);
		return EXIT_DONE;
	}
	fprintf(cli->out, "%s: %s %s, mithaq %s, %u %s\n", cli_text(cli, "whole", "النسخة سليمة"), c->manifest->party, made, c->manifest->version,
		c->manifest->nfiles, cli_text(cli, "files", "ملفات"));
	backup_logs_print(cli, cli->out, c->manifest);
	return EXIT_DONE;
}

static int check(struct checking *c)
{
	struct fault fault = {0};

	c->fd = open(c->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (c->fd < 0)
		return cli_complain(c->cli, EXIT_USAGE, c->path, strerror(errno), NULL);
	enum err e = check_members(c, &fault);
	close(c->fd);
	if (c->ledger_fd >= 0)
		close(c->ledger_fd);
	if (c->ledger[0] != '\0')
		(void)unlink(c->ledger);
	if (c->papers[0] != '\0')
		backup_lay_end(c->papers);
	if (e == ERR_OK)
		return check_say(c);
	backup_fault(c->cli, e, &fault, c->path, c->file);
	if (c->cli->json)
		fputs("{\"whole\":false}\n", c->cli->out);
	return backup_exit_of(e);
}

static int verify(struct cli *cli, const char *path)
{
	struct checking c = {.cli = cli, .path = path, .ledger_fd = -1, .manifest = calloc(1, sizeof *c.manifest)};
	int		code = c.manifest == NULL ? cli_err(cli, ERR_MEMORY, path, NULL) : check(&c);

	if (c.manifest != NULL)
		archive_manifest_done(c.manifest);
	free(c.manifest);
	return code;
}

int cmd_backup(struct cli *cli, int argc, char **argv)
{
	int n = cli_options(cli, argc, argv, NULL, 0);

	if (n < 0)
		return EXIT_USAGE;
	if (n == 2 && strcmp(argv[1], "verify") == 0)
		return verify(cli, argv[2]);
	return n <= 1 ? make(cli, n == 1 ? argv[1] : "") : cli_usage(cli);
}
