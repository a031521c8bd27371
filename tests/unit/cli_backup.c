/*
 * `mithaq backup` and `mithaq restore`: what comes back is what was there, row by row; what was
 * changed on the way is refused by name; and whenever the power goes, one of the two ledgers stands.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <ftw.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/wait.h>

#include "cli/cli.h"
#include "store/backup.h"
#include "world_home.h"

/* ---- the power goes before the nth step that changes names or makes them durable ---- */

static unsigned steps_until_dark; /* 0: never */

static void step(void)
{
	if (steps_until_dark > 0 && --steps_until_dark == 0)
		_exit(99);
}

#define DARK(name, types, call)                                                                                                                      \
	int name types                                                                                                                               \
	{                                                                                                                                            \
		static int(*real) types;                                                                                                             \
                                                                                                                                                     \
		if (real == NULL)                                                                                                                    \
			*(void **)&real = dlsym(RTLD_NEXT, #name);                                                                                   \
		step();                                                                                                                              \
		return real call;                                                                                                                    \
	}
DARK(rename, (const char *from, const char *to), (from, to))
DARK(link, (const char *from, const char *to), (from, to))
DARK(unlink, (const char *path), (path))
DARK(fsync, (int fd), (fd))
DARK(ftruncate, (int fd, off_t size), (fd, size))

/* ---- commands ---- */

struct ran {
	char  *out, *complain;
	size_t out_n, complain_n;
	int    code;
};

static const struct command rows[] = {{"backup", cmd_backup, "[FILE|-] | verify FILE", "", ""},
				      {"restore", cmd_restore, "FILE [--replace]", "", ""},
				      {"alarm", cmd_alarm, "list", "", ""}};

static struct ran run_in(const char *home, enum lang lang, bool json, const char *a, const char *b, const char *c)
{
	struct ran r = {0};
	char	   words[3][256], *argv[4] = {words[0], words[1], words[2], NULL};
	int	   argc = c != NULL ? 3 : b != NULL ? 2 : 1;
	struct cli cli = {.home = home, .lang = lang, .json = json, .commands = rows, .ncommands = COUNT_OF(rows)};

	snprintf(words[0], sizeof words[0], "%s", a);
	snprintf(words[1], sizeof words[1], "%s", b != NULL ? b : "");
	snprintf(words[2], sizeof words[2], "%s", c != NULL ? c : "");
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (strcmp(rows[i].name, a) == 0)
			cli.command = &rows[i];
	cli.out = open_memstream(&r.out, &r.out_n);
	cli.complain = open_memstream(&r.complain, &r.complain_n);
	r.code = cli.command->run(&cli, argc, argv);
	fclose(cli.out);
	fclose(cli.complain);
	return r;
}

static void ran_done(struct ran *r)
{
	free(r->out);
	free(r->complain);
}

/* The command must end so, and say so. */
static void must_say(const char *home, int code, const char *said, const char *a, const char *b, const char *c)
{
	struct ran r = run_in(home, LANG_EN, false, a, b, c);

	if (r.code != code || (said != NULL && strstr(r.out, said) == NULL && strstr(r.complain, said) == NULL))
		fail_msg("%s %s: code %d, expected %d and \"%s\"\n%s%s", a, b, r.code, code, said ? said : "", r.out, r.complain);
	ran_done(&r);
}

/* ---- a room: north's home, an empty one, and a backup ---- */

struct room {
	struct world_home home;
	char		  other[80], file[96], copy[96];
};

static int remove_one(const char *path, const struct stat *s unused_arg, int type unused_arg, struct FTW *at unused_arg)
{
	return remove(path);
}

static int fresh(void **state)
{
	static struct room r;

	memset(&r, 0, sizeof r);
	home_make(&r.home, STORY_HIT);
	snprintf(r.other, sizeof r.other, "%s-other", r.home.folder);
	snprintf(r.file, sizeof r.file, "%s.backup", r.home.folder);
	snprintf(r.copy, sizeof r.copy, "%s.changed", r.home.folder);
	must_say(r.home.folder, EXIT_DONE, "not in it: keys/", "backup", r.file, NULL);
	*state = &r;
	return 0;
}

static int gone(void **state)
{
	struct room *r = *state;

	nftw(r->home.folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	nftw(r->other, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	remove(r->file);
	remove(r->copy);
	return 0;
}

static void path_in(const char *folder, const char *rest, char out[static 256])
{
	snprintf(out, 256, "%s/%s", folder, rest);
}

/* ---- every row of every table, in words ---- */

static int word_add(void *arg, int n, char **values, char **names unused_arg)
{
	for (int i = 0; i < n; i++) {
		assert_int_equal(buffer_add(arg, bytes_text(values[i] != NULL ? values[i] : "NULL")), ERR_OK);
		assert_int_equal(buffer_add(arg, bytes_text("|")), ERR_OK);
	}
	return 0;
}

static void sql_words(sqlite3 *db, const char *sql, struct buffer *out)
{
	char *why = NULL;

	if (sqlite3_exec(db, sql, word_add, out, &why) != SQLITE_OK)
		fail_msg("%s: %s", sql, why);
}

/* Every table and every column that is stored, as SQL literals, so that types count too. */
static int table_words(void *arg, int n, char **values, char **names unused_arg)
{
	sqlite3 *db = *(sqlite3 **)((void **)arg)[0];

	assert_int_equal(n, 1);
	sql_words(db, values[0], ((void **)arg)[1]);
	return 0;
}

static void ledger_words(const char *path, struct buffer *out)
{
	static const char tables[] = "SELECT 'SELECT ' || group_concat('quote(' || c.name || ')') || ' FROM ' || t.name || ' ORDER BY 1, 2'"
				     " FROM sqlite_schema AS t, pragma_table_info(t.name) AS c WHERE t.type = 'table' GROUP BY t.name";
	sqlite3		 *db;
	void		 *arg[] = {&db, out};

	out->most = 64u << 20;
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	sql_words(db, "SELECT name, sql FROM sqlite_schema ORDER BY name", out);
	assert_int_equal(sqlite3_exec(db, tables, table_words, arg, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static bool ledgers_same(const char *a, const char *b)
{
	struct buffer x = {0}, y = {0};

	ledger_words(a, &x);
	ledger_words(b, &y);
	bool same = x.n > 1000 && bytes_equal(buffer_bytes(&x), buffer_bytes(&y));
	buffer_done(&x);
	buffer_done(&y);
	return same;
}

static void ledger_sql(const char *path, const char *sql)
{
	sqlite3 *db;
	char	*why = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 0);
	if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", sql, why);
	sqlite3_close(db);
}

static void file_same(const char *a, const char *b)
{
	struct buffer x = {.most = 1u << 20}, y = {.most = 1u << 20};

	assert_int_equal(file_read(a, &x), ERR_OK);
	assert_int_equal(file_read(b, &y), ERR_OK);
	assert_true(bytes_equal(buffer_bytes(&x), buffer_bytes(&y)));
	buffer_done(&x);
	buffer_done(&y);
}

/* ---- there and back ---- */

static void what_comes_back_is_what_was_there(void **state)
{
	static const char *const papers[] = {"mithaq.yaml", NORTH_NAME ".card", "partners/" SOUTH_NAME ".card"};
	struct room		*r = *state;
	char			 a[256], b[256];

	must_say(NULL, EXIT_DONE, "whole: " NORTH_NAME, "backup", "verify", r->file);
	must_say(r->other, EXIT_DONE, "restored " NORTH_NAME, "restore", r->file, NULL);
	path_in(r->other, "data/ledger.db", b);
	assert_true(ledgers_same(r->home.ledger, b));
	for (size_t i = 0; i < COUNT_OF(papers); i++) {
		path_in(r->home.folder, papers[i], a);
		path_in(r->other, papers[i], b);
		file_same(a, b);
	}
	path_in(r->other, "data/restoring", b);
	assert_int_equal(access(b, F_OK), -1);
	path_in(r->other, "data/ledger.db.restoring", b);
	assert_int_equal(access(b, F_OK), -1);
}

/* The gateway's own way of opening takes what was restored. */
static void a_restored_ledger_opens_and_is_written(void **state)
{
	struct room  *r = *state;
	struct store *s;
	struct fault  fault = {0};
	char	      path[256];
	int64_t	      id;

	must_say(r->other, EXIT_DONE, "restored", "restore", r->file, NULL);
	path_in(r->other, "data/ledger.db", path);
	assert_int_equal(store_open(path, STORE_WRITE, &s, &fault), ERR_OK);
	assert_int_equal(store_log_add(s, &(struct log_key){SOUTH_NAME, WORLD_CHANNEL, true, {{9}}}, &id), ERR_OK);
	assert_int_equal(store_commit(s), ERR_OK);
	store_close(s);
	assert_false(ledgers_same(r->home.ledger, path));
}

static void it_says_what_is_lost_in_both_languages(void **state)
{
	struct room *r = *state;
	struct ran   said = run_in(r->other, LANG_AR, false, "restore", r->file, NULL);

	assert_int_equal(said.code, EXIT_DONE);
	assert_non_null(strstr(said.out, "تعيد التطبيقات ما سألته منذ"));
	assert_non_null(strstr(said.out, "المجلد keys/ ناقص"));
	ran_done(&said);
	said = run_in(r->other, LANG_EN, true, "restore", r->file, "--replace");
	assert_int_equal(said.code, EXIT_DONE);
	assert_non_null(strstr(said.out, "\"ask-again-from\""));
	assert_non_null(strstr(said.out, "\"keys/log.key\""));
	assert_non_null(strstr(said.out, "\"side\": \"own\""));
	assert_non_null(strstr(said.out, "\"receipted\": 4"));
	ran_done(&said);
}

/* ---- while somebody writes ---- */

struct writing {
	const char *path;
	unsigned    turns, told;
};

/* A whole turn between two steps of the copy; it would fail if the copy stood in its way. */
static void turn_between(void *arg, uint64_t done unused_arg, uint64_t all unused_arg)
{
	struct writing *w = arg;
	char		sql[200];

	w->told++;
	snprintf(sql, sizeof sql,
		 "BEGIN IMMEDIATE; UPDATE log SET agreed = %u; INSERT INTO idempotency VALUES (randomblob(8), x'00', x'01', x'02', %u); COMMIT",
		 1000 + w->turns, 1000 + w->turns);
	w->turns++;
	ledger_sql(w->path, sql);
}

static int64_t number_in(const char *path, const char *sql)
{
	sqlite3	     *db;
	sqlite3_stmt *stmt;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	int64_t n = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return n;
}

static void a_copy_made_while_turns_are_written_is_one_state(void **state)
{
	struct room		*r = *state;
	struct writing		 w = {.path = r->home.ledger};
	struct store		*s;
	struct fault		 fault = {0};
	struct archive_manifest *m = calloc(1, sizeof *m);

	ledger_sql(r->home.ledger, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)"
				   " INSERT INTO idempotency SELECT randomblob(8), x'07', x'01', randomblob(50000), 5 FROM n");
	snprintf(m->party, sizeof m->party, "%s", NORTH_NAME);
	turn_between(&w, 0, 0);
	assert_int_equal(store_open(r->home.ledger, STORE_READ, &s, &fault), ERR_OK);
	assert_int_equal(store_begin(s), ERR_OK);
	assert_int_equal(store_heads(s, NORTH_NAME, m), ERR_OK);
	assert_int_equal(m->nheads, 2);
	turn_between(&w, 0, 0); /* after the snapshot */
	assert_int_equal(file_write_new(r->copy, BYTES_NONE, 0600), ERR_OK);
	assert_int_equal(store_copy(s, r->copy, turn_between, &w), ERR_OK);
	store_close(s);
	assert_true(w.told >= 6);
	assert_int_equal(number_in(r->copy, "SELECT max(agreed) FROM log"), 1000);
	assert_int_equal(number_in(r->copy, "SELECT count(*) FROM idempotency WHERE at_ms >= 1000"), 1);
	assert_int_equal(number_in(r->home.ledger, "SELECT max(agreed) FROM log"), 1000 + w.turns - 1);
	assert_int_equal(store_examine(r->copy, m, &fault), ERR_OK);
	archive_manifest_done(m);
	free(m);
}

/* ---- damage ---- */

static void changed_write(struct room *r, struct bytes file)
{
	assert_int_equal(file_write(r->copy, file, 0600), ERR_OK);
}

static void backup_read(const struct room *r, struct buffer *out)
{
	out->most = 8u << 20;
	assert_int_equal(file_read(r->file, out), ERR_OK);
}

/* Refused by both commands, with the member's name, and nothing is left behind. */
static void refused_by_name(struct room *r, const char *name)
{
	char path[256];

	must_say(NULL, EXIT_EVIDENCE_BROKEN, name, "backup", "verify", r->copy);
	must_say(r->other, EXIT_EVIDENCE_BROKEN, name, "restore", r->copy, NULL);
	path_in(r->other, "data/ledger.db", path);
	assert_int_equal(access(path, F_OK), -1);
	path_in(r->other, "mithaq.yaml", path);
	assert_int_equal(access(path, F_OK), -1);
}

static void a_flipped_byte_in_any_member_is_named(void **state)
{
	struct room    *r = *state;
	struct buffer	file = {0};
	struct tar_file member;
	unsigned	members = 0;

	backup_read(r, &file);
	struct cursor c = cursor_on(buffer_bytes(&file));
	while (tar_next(&c, &member)) {
		size_t body = (size_t)(member.body.at - file.at);
		size_t at[] = {body - 512 + 3,		 body - 512 + 130,	   body - 512 + 400,	body,
			       body + member.body.n / 2, body + member.body.n - 1, body + member.body.n};

		members++;
		for (size_t i = 0; i < COUNT_OF(at); i++) {
			if (i == COUNT_OF(at) - 1 && tar_padding(member.body.n) == 0)
				continue;
			file.at[at[i]] ^= 0x01;
			changed_write(r, buffer_bytes(&file));
			/* In the manifest a changed name or size of another member shows at that member. */
			refused_by_name(r, strcmp(member.name, "manifest") == 0 ? ":" : member.name);
			file.at[at[i]] ^= 0x01;
		}
	}
	assert_int_equal(members, 6);
	buffer_done(&file);
}

static void any_flipped_bit_of_the_manifest_is_seen(void **state)
{
	struct room		*r = *state;
	struct buffer		 file = {0};
	struct tar_file		 manifest;
	struct archive_manifest *m = calloc(1, sizeof *m);

	backup_read(r, &file);
	struct cursor c = cursor_on(buffer_bytes(&file));
	assert_true(tar_next(&c, &manifest));
	assert_int_equal(archive_manifest_read(manifest.body, m, NULL), ERR_OK);
	archive_manifest_done(m);
	for (size_t bit = 0; bit < 8 * manifest.body.n; bit++) {
		uint8_t *at = file.at + (manifest.body.at - file.at) + bit / 8;

		*at ^= (uint8_t)(1u << bit % 8);
		assert_int_not_equal(archive_manifest_read(manifest.body, m, NULL), ERR_OK);
		*at ^= (uint8_t)(1u << bit % 8);
	}
	buffer_done(&file);
	free(m);
}

static void a_shortened_or_lengthened_file_is_refused(void **state)
{
	struct room  *r = *state;
	struct buffer file = {0};

	backup_read(r, &file);
	for (size_t n = 0; n < file.n; n += n < 4096 ? 171 : 7919) {
		changed_write(r, bytes_of(file.at, n));
		must_say(NULL, EXIT_EVIDENCE_BROKEN, NULL, "backup", "verify", r->copy);
	}
	changed_write(r, bytes_of(file.at, file.n - 1));
	must_say(NULL, EXIT_EVIDENCE_BROKEN, "too early", "backup", "verify", r->copy);
	assert_int_equal(buffer_add(&file, bytes_of("", 1)), ERR_OK);
	changed_write(r, buffer_bytes(&file));
	must_say(NULL, EXIT_EVIDENCE_BROKEN, "after the end", "backup", "verify", r->copy);
	buffer_done(&file);
}

/* ---- archives that somebody made by hand ---- */

static void member_add(struct buffer *out, const char *name, struct bytes body, uint64_t size, char type)
{
	static const uint8_t zero[TAR_BLOCK];
	uint8_t		     block[TAR_BLOCK];
	unsigned	     sum = 0;
	char		     digits[8];

	tar_head_write(block, name, size);
	block[156] = (uint8_t)type;
	memset(block + 148, ' ', 8);
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += block[i];
	snprintf(digits, sizeof digits, "%06o", sum);
	memcpy(block + 148, digits, 7);
	assert_int_equal(buffer_add(out, bytes_of(block, sizeof block)), ERR_OK);
	assert_int_equal(buffer_add(out, body), ERR_OK);
	assert_int_equal(buffer_add(out, bytes_of(zero, tar_padding(body.n))), ERR_OK);
}

/* Whoever changes a manifest by hand can make its sum fit again. */
static void sum_again(struct buffer *manifest)
{
	manifest->n -= 69;
	struct hash sum = hash_bytes(buffer_bytes(manifest));
	char	    hex[65];

	hex_write(sum.b, HASH_SIZE, hex);
	assert_int_equal(buffer_format(manifest, "sum %s\n", hex), ERR_OK);
}

/* The true backup with one line of its manifest changed, and its members under the names given there. */
static void made_by_hand(struct room *r, const char *line, const char *instead, const char *member, const char *renamed, char type, uint64_t size)
{
	struct buffer	file = {0}, out = {.most = 8u << 20};
	struct tar_file next;

	backup_read(r, &file);
	struct cursor c = cursor_on(buffer_bytes(&file));
	while (tar_next(&c, &next)) {
		char *text = strndup((const char *)next.body.at, next.body.n), *at = strcmp(next.name, "manifest") ? NULL : strstr(text, line);
		struct buffer changed = {.most = 8u << 20};

		if (at != NULL) {
			assert_int_equal(buffer_add(&changed, bytes_of(text, (size_t)(at - text))), ERR_OK);
			assert_int_equal(buffer_add(&changed, bytes_text(instead)), ERR_OK);
			assert_int_equal(buffer_add(&changed, bytes_text(at + strlen(line))), ERR_OK);
			sum_again(&changed);
			next.body = buffer_bytes(&changed);
		}
		bool it = member != NULL && strcmp(next.name, member) == 0;
		member_add(&out, it ? renamed : next.name, next.body, it && size > 0 ? size : next.body.n, it ? type : '0');
		buffer_done(&changed);
		free(text);
	}
	assert_int_equal(tar_end(&out), ERR_OK);
	changed_write(r, buffer_bytes(&out));
	buffer_done(&file);
	buffer_done(&out);
}

static void names_that_lead_elsewhere_are_refused(void **state)
{
	static const char *const names[] = {"../../evil",
					    "/tmp/evil",
					    "partners/../../evil.card",
					    "partners/1.card",
					    "partners/65.card",
					    "agreements/..",
					    "keys/log.key",
					    "tokens/x",
					    "CARD",
					    "card/",
					    "./card",
					    "ledger.db-wal",
					    "alarms/0001.said",
					    "manifest",
					    "root/root-a.key"};
	struct room		*r = *state;
	char			 line[200];

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		snprintf(line, sizeof line, "file %s ", names[i]);
		made_by_hand(r, "file card ", line, "card", names[i], '0', 0);
		refused_by_name(r, "manifest");
		/* The manifest as it was, and only the member under another name. */
		made_by_hand(r, "file card ", "file card ", "card", names[i], '0', 0);
		refused_by_name(r, "card");
	}
	assert_int_equal(access("/tmp/evil", F_OK), -1);
}

static void links_and_devices_are_refused(void **state)
{
	static const char types[] = {'1', '2', '3', '4', '5', '6', '7', 'x', 'g', '\0'};
	struct room	 *r = *state;

	for (size_t i = 0; i < sizeof types; i++) {
		made_by_hand(r, "file card ", "file card ", "card", "card", types[i], 0);
		refused_by_name(r, "card");
	}
}

static void double_missing_and_strange_lines_are_refused(void **state)
{
	static const char *const instead[][2] = {
		{"file card ", "file mithaq.yaml "},
		{"file card ", "flie card "},
		{"file card ", "file  card "},
		{"file mithaq.yaml ", "file ledger.db "},
		{"mithaq/backup/1", "mithaq/backup/2"},
		{"party customs.north", "party customs.south"},
		{"log own ", "log mine "},
		{"log own ", "log peer "},
		{"version ", "version  "},
		{"made 2", "made 2 "},
		{"made 2", "made x"},
		{"file ledger.db ", "file ledger.db 99999999999999999999999 "},
		{"file ledger.db ", "file ledger.db 18446744073709551615 "},
		{"file ledger.db ", "file ledger.db 9223372036854775807 "},
		{"file card ", "file card 0"},
	};
	struct room *r = *state;

	for (size_t i = 0; i < COUNT_OF(instead); i++) {
		made_by_hand(r, instead[i][0], instead[i][1], NULL, NULL, '0', 0);
		must_say(NULL, EXIT_EVIDENCE_BROKEN, NULL, "backup", "verify", r->copy);
	}
	made_by_hand(r, "file ledger.db ", "file ledger.db ", "ledger.db", "ledger.db", '0', UINT64_C(1) << 40);
	refused_by_name(r, "ledger.db");
}

/* Hashes tell damage, not lies: but a ledger that is none, or holds other logs than the manifest tells, is refused. */
static void a_ledger_that_is_none_is_refused(void **state)
{
	struct room		*r = *state;
	struct fault		 fault = {0};
	struct archive_manifest *m = calloc(1, sizeof *m);

	snprintf(m->party, sizeof m->party, "%s", NORTH_NAME);
	assert_int_equal(file_write(r->copy, bytes_text("SQLite format 3, but not really"), 0600), ERR_OK);
	assert_int_not_equal(store_examine(r->copy, m, &fault), ERR_OK);
	assert_int_equal(remove(r->copy), 0);
	assert_int_equal(file_write_new(r->copy, BYTES_NONE, 0600), ERR_OK);
	assert_int_not_equal(store_examine(r->copy, m, &fault), ERR_OK);
	must_say(r->other, EXIT_DONE, NULL, "restore", r->file, NULL);
	char path[256];
	path_in(r->other, "data/ledger.db", path);
	assert_int_equal(store_examine(path, m, &fault), ERR_ROOT); /* the manifest here tells of no logs */
	ledger_sql(path, "CREATE TRIGGER foreign_word AFTER INSERT ON log BEGIN DELETE FROM entry; END; PRAGMA wal_checkpoint(TRUNCATE)");
	assert_int_equal(store_examine(path, m, &fault), ERR_STORE);
	archive_manifest_done(m);
	free(m);
}

/* ---- in whose place ---- */

static void a_running_gateway_is_not_disturbed(void **state)
{
	struct room  *r = *state;
	struct store *s;
	struct fault  fault = {0};
	char	      path[256];

	path_in(r->home.folder, "data/mithaq.pid", path);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	must_say(r->home.folder, EXIT_REFUSED_HERE, "the gateway is running", "restore", r->file, "--replace");
	close(fd);
	assert_int_equal(store_open(r->home.ledger, STORE_WRITE, &s, &fault), ERR_OK);
	assert_int_equal(store_begin(s), ERR_OK);
	must_say(r->home.folder, EXIT_REFUSED_HERE, "another process has this ledger open", "restore", r->file, "--replace");
	store_close(s);
	must_say(r->home.folder, EXIT_DONE, NULL, "restore", r->file, "--replace");
}

/* Finds the one name in the data folder that begins so. */
static bool replaced_name(const struct room *r, const char *begins, const char *ends, char out[static 300])
{
	char	       folder[256];
	struct dirent *entry;
	bool	       found = false;

	path_in(r->home.folder, "data", folder);
	DIR *dir = opendir(folder);
	while ((entry = readdir(dir)) != NULL) {
		size_t n = strlen(entry->d_name), m = strlen(ends);

		if (strncmp(entry->d_name, begins, strlen(begins)) == 0 && n > m && strcmp(entry->d_name + n - m, ends) == 0) {
			snprintf(out, 300, "%.200s/%.90s", folder, entry->d_name);
			found = true;
		}
	}
	closedir(dir);
	return found;
}

static void what_is_replaced_is_kept(void **state)
{
	struct room *r = *state;
	char	     aside[300], fresh_copy[256];

	/* What came after the backup stands in the WAL when the restore begins. */
	ledger_sql(r->home.ledger, "PRAGMA wal_autocheckpoint = 0; UPDATE log SET agreed = 77");
	must_say(r->home.folder, EXIT_REFUSED_HERE, "a ledger is there", "restore", r->file, NULL);
	assert_int_equal(number_in(r->home.ledger, "SELECT max(agreed) FROM log"), 77);
	must_say(r->home.folder, EXIT_DONE, "is kept under", "restore", r->file, "--replace");
	must_say(r->other, EXIT_DONE, NULL, "restore", r->file, NULL);
	path_in(r->other, "data/ledger.db", fresh_copy);
	assert_true(ledgers_same(r->home.ledger, fresh_copy));
	assert_int_equal(number_in(r->home.ledger, "SELECT max(agreed) FROM log"), 0);
	assert_true(replaced_name(r, "ledger.db.replaced-", "Z", aside));
	assert_int_equal(number_in(aside, "SELECT max(agreed) FROM log"), 77);
}

static void another_partys_home_is_never_written(void **state)
{
	struct room *r = *state;
	char	     path[256];

	assert_int_equal(mkdir(r->other, 0700), 0);
	path_in(r->other, "mithaq.yaml", path);
	assert_int_equal(file_write_new(path, bytes_text("party: " SOUTH_NAME "\npartners: {}\n"), 0600), ERR_OK);
	must_say(r->other, EXIT_REFUSED_HERE, "another party's", "restore", r->file, "--replace");
	path_in(r->other, "data/ledger.db", path);
	assert_int_equal(access(path, F_OK), -1);
}

static void a_paper_that_differs_is_only_replaced_when_asked(void **state)
{
	struct room *r = *state;
	char	     path[256];

	assert_int_equal(mkdir(r->other, 0700), 0);
	path_in(r->other, "mithaq.yaml", path);
	assert_int_equal(file_write_new(path, bytes_text("party: " NORTH_NAME "\npartners: {}\n"), 0600), ERR_OK);
	must_say(r->other, EXIT_REFUSED_HERE, "mithaq.yaml", "restore", r->file, NULL);
	path_in(r->other, "data/ledger.db", path);
	assert_int_equal(access(path, F_OK), -1);
	must_say(r->other, EXIT_DONE, "is kept under", "restore", r->file, "--replace");
	assert_int_equal(access(path, F_OK), 0);
}

/* ---- the power goes ---- */

static int restore_in_the_dark(const struct room *r, unsigned steps)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct ran said;

		steps_until_dark = steps;
		said = run_in(r->home.folder, LANG_EN, false, "restore", r->file, "--replace");
		_exit(said.code);
	}
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Whenever it goes, the ledger is the old one with its last turn or the new one; and typed again, the command ends. */
static void whenever_the_power_goes_one_ledger_stands(void **state)
{
	struct room *r = *state;
	unsigned     steps = 1, before = 0, after = 0;

	for (;; steps++) {
		ledger_sql(r->home.ledger, "PRAGMA wal_autocheckpoint = 0; UPDATE log SET agreed = 77");
		int code = restore_in_the_dark(r, steps);

		if (code != 99) {
			assert_int_equal(code, EXIT_DONE);
			break;
		}
		int64_t agreed = number_in(r->home.ledger, "SELECT max(agreed) FROM log");
		assert_true(agreed == 0 || agreed == 77);
		assert_int_equal(number_in(r->home.ledger, "SELECT count(*) FROM entry"), 8);
		before += agreed == 77;
		after += agreed == 0;
		must_say(r->home.folder, EXIT_DONE, NULL, "restore", r->file, "--replace");
		assert_int_equal(number_in(r->home.ledger, "SELECT max(agreed) FROM log"), 0);
	}
	assert_true(before >= 10 && after >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_comes_back_is_what_was_there, fresh, gone),
		cmocka_unit_test_setup_teardown(a_restored_ledger_opens_and_is_written, fresh, gone),
		cmocka_unit_test_setup_teardown(it_says_what_is_lost_in_both_languages, fresh, gone),
		cmocka_unit_test_setup_teardown(a_copy_made_while_turns_are_written_is_one_state, fresh, gone),
		cmocka_unit_test_setup_teardown(a_flipped_byte_in_any_member_is_named, fresh, gone),
		cmocka_unit_test_setup_teardown(any_flipped_bit_of_the_manifest_is_seen, fresh, gone),
		cmocka_unit_test_setup_teardown(a_shortened_or_lengthened_file_is_refused, fresh, gone),
		cmocka_unit_test_setup_teardown(names_that_lead_elsewhere_are_refused, fresh, gone),
		cmocka_unit_test_setup_teardown(links_and_devices_are_refused, fresh, gone),
		cmocka_unit_test_setup_teardown(double_missing_and_strange_lines_are_refused, fresh, gone),
		cmocka_unit_test_setup_teardown(a_ledger_that_is_none_is_refused, fresh, gone),
		cmocka_unit_test_setup_teardown(a_running_gateway_is_not_disturbed, fresh, gone),
		cmocka_unit_test_setup_teardown(what_is_replaced_is_kept, fresh, gone),
		cmocka_unit_test_setup_teardown(another_partys_home_is_never_written, fresh, gone),
		cmocka_unit_test_setup_teardown(a_paper_that_differs_is_only_replaced_when_asked, fresh, gone),
		cmocka_unit_test_setup_teardown(whenever_the_power_goes_one_ledger_stands, fresh, gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
