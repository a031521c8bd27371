/*
 * `mithaq log export` and `log repair`: whatever is damaged comes back from the partner's copy when the signed roots want
 * exactly that, and a file that lies changes nothing. An interrupted scrub goes on where it was.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/wait.h>

#include "cli/log.h"
#include "wire/range.h"
#include "world_home.h"

#define GROWN	   40000 /* entries: the file of progress comes after 16,384 */
#define GROWN_HEAD 1024
#define TRIES	   20

static const struct command log_command = {"log", cmd_log, "", "", ""};

struct ran {
	char  *out, *complain;
	size_t out_n, complain_n;
	int    code;
};

/* "mithaq log WORDS", split at spaces. */
static struct ran run(const struct world_home *h, const char *words)
{
	struct ran r = {0};
	char	   line[1024], *argv[20] = {line}, *rest = NULL;
	int	   n = 1;
	struct cli cli = {.home = h->folder, .commands = &log_command, .command = &log_command, .ncommands = 1};

	snprintf(line, sizeof line, "%s", words);
	for (char *word = strtok_r(line, " ", &rest); word != NULL && n < 19; word = strtok_r(NULL, " ", &rest))
		argv[n++] = word;
	argv[0] = line;
	cli.out = open_memstream(&r.out, &r.out_n);
	cli.complain = open_memstream(&r.complain, &r.complain_n);
	r.code = cmd_log(&cli, n, argv);
	fclose(cli.out);
	fclose(cli.complain);
	return r;
}

static void ran_done(struct ran *r)
{
	free(r->out);
	free(r->complain);
}

static int run_code(const struct world_home *h, const char *words)
{
	struct ran r = run(h, words);
	int	   code = r.code;

	ran_done(&r);
	return code;
}

static void sql(const struct world_home *h, const char *text)
{
	sqlite3 *db;
	char	*why = NULL;

	assert_int_equal(sqlite3_open(h->ledger, &db), SQLITE_OK);
	if (sqlite3_exec(db, text, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", text, why);
	sqlite3_close(db);
}

static int dump_row(void *arg, int n, char **values, char **names)
{
	struct buffer *b = arg;

	(void)names;
	for (int i = 0; i < n; i++)
		home_must(buffer_format(b, "%s|", values[i] ? values[i] : "NULL"), "dump");
	return 0;
}

/* Every column of every table, as one text. */
static struct buffer dump(const struct world_home *h)
{
	struct buffer b = {.most = 1u << 24};
	sqlite3	     *db;

	assert_int_equal(sqlite3_open(h->ledger, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db,
				      "SELECT id, partner, channel, own, hex(epoch), hex(frontier), hex(tally), hex(receipt_frontier), hex(sums),"
				      " checkpointed, receipted FROM log;"
				      "SELECT id, hex(commitment), form, hex(salt), hex(header), hex(body), hex(withheld) FROM entry;"
				      "SELECT id, hex(root), hex(checkpoint), hex(receipt), time_s FROM head;"
				      "SELECT id, answer, hex(mid), ours, hex(agreement), clause, day, state, status FROM exchange",
				      dump_row, &b, NULL),
			 SQLITE_OK);
	sqlite3_close(db);
	return b;
}

static bool dump_same(struct buffer *a, struct buffer *b)
{
	bool same = bytes_equal(buffer_bytes(a), buffer_bytes(b));

	buffer_done(a);
	buffer_done(b);
	return same;
}

/* ---- a home, and what the partner's command would write: the same frames, for the same logs ---- */

struct room {
	struct world_home home;
	struct buffer	  file;
	char		  path[160];
};

static void file_put(const struct room *r, struct bytes content)
{
	home_must(file_write(r->path, content, 0600), r->path);
}

static int fresh(void **state)
{
	static struct room room;

	memset(&room, 0, sizeof room);
	home_make(&room.home, STORY_HIT);
	snprintf(room.path, sizeof room.path, "%s/data/partner.export", room.home.folder);
	struct ran r = run(&room.home, "export " SOUTH_NAME " " WORLD_CHANNEL);
	assert_int_equal(r.code, EXIT_DONE);
	room.file.most = 1u << 24;
	home_must(buffer_add(&room.file, bytes_of(r.out, r.out_n)), "file");
	ran_done(&r);
	file_put(&room, buffer_bytes(&room.file));
	*state = &room;
	return 0;
}

static void data_empty(const struct room *r)
{
	char	       path[512];
	struct dirent *entry;
	DIR	      *folder;

	snprintf(path, sizeof path, "%s/data", r->home.folder);
	folder = opendir(path);
	while (folder != NULL && (entry = readdir(folder)) != NULL) {
		snprintf(path, sizeof path, "%s/data/%s", r->home.folder, entry->d_name);
		unlink(path);
	}
	closedir(folder);
}

static int gone(void **state)
{
	struct room *r = *state;

	data_empty(r);
	buffer_done(&r->file);
	home_gone(&r->home);
	return 0;
}

static struct ran repair(const struct room *r, const char *options)
{
	char words[512];

	snprintf(words, sizeof words, "repair " SOUTH_NAME " " WORLD_CHANNEL " %s %s", r->path, options);
	return run(&r->home, words);
}

/* ---- every column ---- */

#define FLIP(column, at)                                                                                                                             \
	column " = CAST(substr(" column ", 1, " at " - 1) || CASE hex(substr(" column ", " at ", 1)) WHEN '00' THEN x'01' ELSE x'00' END"            \
	       " || substr(" column ", " at " + 1) AS BLOB)"
#define QUESTION " WHERE log = 1 AND idx = 2"

static const char *const mended[] = {
	"UPDATE entry SET " FLIP("commitment", "9") QUESTION,
	"UPDATE entry SET commitment = x'00'" QUESTION,
	"UPDATE entry SET " FLIP("salt", "9") QUESTION,
	"UPDATE entry SET salt = NULL" QUESTION,
	"UPDATE entry SET " FLIP("header", "60") QUESTION,
	"UPDATE entry SET " FLIP("body", "60") QUESTION,
	"UPDATE entry SET " FLIP("body", "5") QUESTION,
	"UPDATE entry SET body = NULL" QUESTION,
	"UPDATE entry SET withheld = x'00'" QUESTION,
	"UPDATE entry SET form = 3" QUESTION,
	"DELETE FROM entry" QUESTION,
	"DELETE FROM entry WHERE log = 1",
	"DELETE FROM entry WHERE log = 2 AND idx = 3",
	"UPDATE entry SET id = 1 << 40 | 9" QUESTION,
	"UPDATE entry SET " FLIP("commitment", "9") "; UPDATE entry SET " FLIP("body", "9") " WHERE log = 2",
	"UPDATE entry SET " FLIP("header", "20") " WHERE log = 2 AND idx = 2",
	"DELETE FROM entry WHERE log = 2",
	"DELETE FROM entry",
	"UPDATE head SET " FLIP("root", "7") " WHERE log = 1 AND size = 4",
	"UPDATE head SET " FLIP("root", "7") " WHERE log = 2 AND size = 4",
	"UPDATE head SET " FLIP("checkpoint", "7") " WHERE log = 1 AND size = 4",
	"UPDATE log SET " FLIP("frontier", "20") " WHERE id = 1",
	"UPDATE log SET " FLIP("frontier", "8") " WHERE id = 1",
	"UPDATE log SET " FLIP("tally", "30") " WHERE id = 1",
	"UPDATE log SET tally = x'00' WHERE id = 2",
	"UPDATE log SET " FLIP("receipt_frontier", "20") " WHERE id = 2",
	"UPDATE log SET " FLIP("sums", "24") " WHERE id = 1",
	"UPDATE log SET sums = x'00' WHERE id = 1",
	"UPDATE log SET checkpointed = 0 WHERE id = 1",
	"UPDATE exchange SET " FLIP("mid", "9"),
	"UPDATE exchange SET " FLIP("agreement", "9"),
	"UPDATE exchange SET clause = 8",
	"UPDATE exchange SET status = 1",
};

static void what_is_damaged_comes_back_as_it_was(void **state)
{
	for (size_t i = 0; i < COUNT_OF(mended); i++) {
		gone(state);
		fresh(state);
		struct room  *room = *state;
		struct buffer before = dump(&room->home);
		sql(&room->home, mended[i]);
		if (run_code(&room->home, "verify") != EXIT_EVIDENCE_BROKEN)
			fail_msg("%s: not found", mended[i]);
		struct ran r = repair(room, "--dry-run");
		if (r.code != EXIT_DONE || r.complain_n > 0)
			fail_msg("%s, dry: exit %d\n%s%s", mended[i], r.code, r.out, r.complain);
		ran_done(&r);
		r = repair(room, "");
		if (r.code != EXIT_DONE || strstr(r.out, "repaired: ") == NULL || strstr(r.out, "repaired-") == NULL)
			fail_msg("%s\n-> exit %d\n%s%s", mended[i], r.code, r.out, r.complain);
		ran_done(&r);
		r = run(&room->home, "verify");
		struct buffer after = dump(&room->home);
		if (r.code != EXIT_DONE || !dump_same(&before, &after))
			fail_msg("%s\n-> verify %d\n%s", mended[i], r.code, r.complain);
		ran_done(&r);
	}
}

/* What no file can bring back is told, and nothing is changed. */
static const struct lost {
	const char *sql, *place;
} lost[] = {
	{"UPDATE head SET " FLIP("receipt", "7") " WHERE log = 2 AND size = 4", "receipt 4"},
	{"UPDATE head SET time_s = time_s + 1 WHERE log = 1 AND size = 4", "receipt 4"},
	{"UPDATE log SET " FLIP("epoch", "3") " WHERE id = 1", "checkpoint 4"},
	{"DELETE FROM exchange", "added up"},
	{"UPDATE exchange SET answer = answer - 1", "answer"},
	{"UPDATE exchange SET id = id - 1", "question"},
};

static void what_cannot_come_back_is_told(void **state)
{
	for (size_t i = 0; i < COUNT_OF(lost); i++) {
		gone(state);
		fresh(state);
		struct room *room = *state;
		sql(&room->home, lost[i].sql);
		struct buffer before = dump(&room->home);
		struct ran    r = repair(room, "");
		struct buffer after = dump(&room->home);
		if (r.code != EXIT_USAGE || strstr(r.complain, lost[i].place) == NULL || !dump_same(&before, &after))
			fail_msg("%s\n-> exit %d\n%s%s", lost[i].sql, r.code, r.out, r.complain);
		ran_done(&r);
		assert_int_equal(run_code(&room->home, "verify"), EXIT_EVIDENCE_BROKEN);
	}
}

static void a_dry_run_writes_nothing(void **state)
{
	struct room *room = *state;

	sql(&room->home, mended[4]);
	struct buffer before = dump(&room->home);
	struct ran    r = repair(room, "--dry-run");
	struct buffer after = dump(&room->home);
	assert_int_equal(r.code, EXIT_DONE);
	assert_non_null(strstr(r.out, "would be repaired"));
	assert_null(strstr(r.out, "repaired-"));
	assert_true(dump_same(&before, &after));
	ran_done(&r);
}

static void one_log_is_whole_or_unchanged_unless_partly(void **state)
{
	struct room *room = *state;

	/* The header comes back from the file, the receipt from nowhere. */
	sql(&room->home, mended[4]);
	sql(&room->home, "UPDATE head SET " FLIP("receipt", "7") " WHERE log = 1 AND size = 4");
	struct buffer before = dump(&room->home);
	struct ran    r = repair(room, "");
	struct buffer after = dump(&room->home);
	assert_int_equal(r.code, EXIT_USAGE);
	assert_true(dump_same(&before, &after));
	ran_done(&r);
	r = repair(room, "--partly");
	assert_int_equal(r.code, EXIT_USAGE);
	assert_non_null(strstr(r.out, "entry 2"));
	assert_non_null(strstr(r.complain, "receipt 4"));
	ran_done(&r);
	r = run(&room->home, "verify");
	assert_null(strstr(r.complain, "entry 2"));
	assert_non_null(strstr(r.complain, "receipt 4"));
	assert_non_null(strstr(r.out, "mithaq log repair " SOUTH_NAME " " WORLD_CHANNEL));
	ran_done(&r);
}

static void a_running_gateway_is_not_repaired(void **state)
{
	struct room *room = *state;
	char	     path[256];

	snprintf(path, sizeof path, "%s/data/mithaq.pid", room->home.folder);
	FILE *lock = fopen(path, "w");
	assert_non_null(lock);
	assert_int_equal(flock(fileno(lock), LOCK_EX | LOCK_NB), 0);
	struct ran r = repair(room, "");
	assert_int_equal(r.code, EXIT_REFUSED_HERE);
	assert_non_null(strstr(r.complain, "the gateway is running"));
	ran_done(&r);
	fclose(lock);
}

/* ---- files that lie ---- */

static size_t place_of_bytes(const struct buffer *b, const void *what, size_t n)
{
	const uint8_t *at = memmem(b->at, b->n, what, n);

	assert_non_null(at);
	return (size_t)(at - b->at);
}

static void refused(struct room *room, const char *damage, struct bytes file, const char *word)
{
	sql(&room->home, damage);
	file_put(room, file);
	struct buffer before = dump(&room->home);
	struct ran    r = repair(room, "");
	struct buffer after = dump(&room->home);
	if (r.code != EXIT_USAGE || strstr(r.complain, word) == NULL || !dump_same(&before, &after))
		fail_msg("%s: exit %d\n%s%s", word, r.code, r.out, r.complain);
	ran_done(&r);
}

static void a_file_that_lies_changes_nothing(void **state)
{
	enum { SALT, HEADER, PART, ORIGIN, TRUNCATED, TRAILING, LIES };
	static const char *const words[LIES] = {"not what was committed to",	 "not what was committed to",
						"do not match their commitment", "was not found",
						"partner.export, byte",		 "partner.export, byte"};
	static const char *const damage = "UPDATE entry SET " FLIP("body", "60") QUESTION;

	for (int lie = 0; lie < LIES; lie++) {
		gone(state);
		fresh(state);
		struct room	    *room = *state;
		const struct record *q = &room->home.world.log[0].record[2];
		struct buffer	    *f = &room->file;
		size_t		     salt = place_of_bytes(f, q->salt.b, SALT_SIZE);
		struct bytes	     all;
		if (lie == SALT)
			f->at[salt + 3] ^= 1;
		if (lie == HEADER)
			f->at[salt + SALT_SIZE + 2 + 18] ^= 1; /* the last byte of time_ms */
		if (lie == PART)
			f->at[place_of_bytes(f, q->part[0].body.at, q->part[0].body.n) + 12] ^= 1;
		if (lie == ORIGIN)
			f->at[place_of_bytes(f, "/customs/", 9) + 10] ^= 1;
		if (lie == TRAILING)
			home_must(buffer_add(f, bytes_of("x", 1)), "file");
		all = buffer_bytes(f);
		refused(room, damage, lie == TRUNCATED ? bytes_of(all.at, all.n - 1) : all, words[lie]);
	}
}

/* Without any trace of the row here, only the signed roots know it. */
static void the_roots_know_a_row_of_which_nothing_is_left(void **state)
{
	struct room	    *room = *state;
	const struct record *q = &room->home.world.log[0].record[2];

	room->file.at[place_of_bytes(&room->file, q->salt.b, SALT_SIZE)] ^= 1;
	refused(room, "DELETE FROM entry" QUESTION, buffer_bytes(&room->file), "cannot be repaired");
}

/* ---- the reader of such files ---- */

static enum err frame_sum(void *arg, const struct frame *f)
{
	struct range_frame range;

	*(size_t *)arg += FRAME_HEAD + f->payload.n;
	return range_frame_read(f->payload, &range);
}

static void a_file_is_whole_frames_or_refused(void **state)
{
	struct room *room = *state;
	struct bytes all = buffer_bytes(&room->file);
	unsigned     whole = 0;

	for (size_t n = 0; n <= all.n; n++) {
		size_t	 at = 0, sum = 0;
		enum err e = offer_frames(bytes_of(all.at, n), frame_sum, &sum, &at);
		assert_int_equal(at, sum);
		assert_true(at <= n);
		assert_int_equal(e, at == n ? ERR_OK : ERR_SHORT);
		whole += e == ERR_OK;
	}
	/* Nothing at all, and one frame for each signed size of the two logs. */
	assert_in_range(whole, 3, 8);
}

static void an_export_is_cut_where_it_is_told(void **state)
{
	struct room *room = *state;
	struct ran   r = run(&room->home, "export " SOUTH_NAME " " WORLD_CHANNEL " --from 1 --to 3");
	size_t	     at = 0, sum = 0;

	assert_int_equal(r.code, EXIT_DONE);
	assert_int_equal(offer_frames(bytes_of(r.out, r.out_n), frame_sum, &sum, &at), ERR_OK);
	assert_true(r.out_n < room->file.n);
	ran_done(&r);
	assert_int_equal(run_code(&room->home, "export " SOUTH_NAME " police"), EXIT_USAGE);
	assert_int_equal(run_code(&room->home, "export " SOUTH_NAME " " WORLD_CHANNEL " --from x"), EXIT_USAGE);
}

/* ---- an interrupted scrub ---- */

static void grown_head(struct world_home *h, struct store *s, const struct log_row *row)
{
	struct checkpoint      c = {.size = row->frontier.size, .root = frontier_root(&row->frontier)};
	struct checkpoint_head head = {.size = c.size, .root = c.root};

	home_must(origin_write(&h->world.log[0].origin, c.origin), "origin");
	checkpoint_sign(&h->world.log_key[NORTH], &c, &head.sig);
	home_must(store_checkpoint_add(s, row->id, &head), "checkpoint");
}

/* Control entries without parts, behind what North's log has. */
static void grow(struct world_home *h)
{
	struct store  *s = NULL;
	struct fault   fault;
	struct log_row row;

	home_must(store_open(h->ledger, STORE_WRITE, &s, &fault), "ledger");
	home_must(store_log_find(s, &h->world.log[0].origin.epoch, true, &row), "log");
	while (row.frontier.size < GROWN) {
		uint8_t		 room[512];
		struct builder	 b = builder_on(room, sizeof room);
		struct header	 header = {.kind = KIND_HOLD, .index = row.frontier.size, .time_ms = QUESTION_MS};
		struct entry_row e = {.index = row.frontier.size, .form = FORM_FULL};
		header_write(&b, &header);
		e.header = builder_bytes(&b);
		e.commitment = header_commit(&e.salt, e.header);
		home_must(store_entry_add(s, row.id, &e), "entry");
		struct hash leaf = entry_leaf(&e.commitment);
		frontier_add(&row.frontier, &leaf);
		if (row.frontier.size % GROWN_HEAD == 0 || row.frontier.size == GROWN)
			grown_head(h, s, &row);
	}
	home_must(store_log_save(s, &row), "log");
	home_must(store_commit(s), "commit");
	store_close(s);
}

/* The child is killed as soon as the file of progress stands there. True when it was killed before it was done. */
static bool scrub_killed(const struct room *room)
{
	char  path[256], event[4096] __attribute__((aligned(8)));
	int   watch = inotify_init1(IN_CLOEXEC), status;
	pid_t child;

	snprintf(path, sizeof path, "%s/data", room->home.folder);
	assert_true(inotify_add_watch(watch, path, IN_MOVED_TO) >= 0);
	child = fork();
	if (child == 0)
		_exit(run_code(&room->home, "verify"));
	assert_true(read(watch, event, sizeof event) > 0);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	close(watch);
	return WIFSIGNALED(status);
}

static void an_interrupted_scrub_goes_on_where_it_was(void **state)
{
	struct room *room = *state;
	bool	     killed = false;
	char	     path[256];

	grow(&room->home);
	snprintf(path, sizeof path, "%s/data/scrub", room->home.folder);
	for (int i = 0; i < TRIES && !killed; i++)
		killed = scrub_killed(room);
	assert_true(killed);
	assert_int_equal(access(path, F_OK), 0);

	/* A salt far before the mark is not read again, unless one asks for it. */
	sql(&room->home, "UPDATE entry SET " FLIP("header", "60") " WHERE log = 1 AND idx = 100");
	struct buffer kept = {.most = 1u << 20};
	home_must(file_read(path, &kept), path);
	struct ran r = run(&room->home, "verify");
	if (r.code != EXIT_DONE || strstr(r.out, "were verified until") == NULL)
		fail_msg("%s%s", r.out, r.complain);
	ran_done(&r);
	assert_int_not_equal(access(path, F_OK), 0);
	home_must(file_write(path, buffer_bytes(&kept), 0600), path);
	assert_int_equal(run_code(&room->home, "verify --from-start"), EXIT_EVIDENCE_BROKEN);

	/* A mark with another tree is not believed: then the damage is found. */
	uint8_t *hex = memmem(kept.at, kept.n, "\"frontier\"", 10);
	assert_non_null(hex);
	hex[60] = hex[60] == '0' ? '1' : '0';
	home_must(file_write(path, buffer_bytes(&kept), 0600), path);
	assert_int_equal(run_code(&room->home, "verify"), EXIT_EVIDENCE_BROKEN);
	buffer_done(&kept);
}

/* ---- what the partner never had ---- */

/* An own entry with an officer's name behind the signed ones, as an author has it that was not given a receipt yet. */
static void withheld_add(struct world_home *h)
{
	struct store	 *s = NULL;
	struct fault	  fault;
	struct log_row	  row;
	uint8_t		  room[512], beside[128];
	struct builder	  b = builder_on(room, sizeof room), w = builder_on(beside, sizeof beside);
	const struct salt salt = {{7}};
	struct header	  header = {.kind = KIND_HOLD, .time_ms = QUESTION_MS, .nparts = 1};
	struct entry_row  e = {.form = FORM_FULL};

	home_must(store_open(h->ledger, STORE_WRITE, &s, &fault), "ledger");
	home_must(store_log_find(s, &h->world.log[0].origin.epoch, true, &row), "log");
	e.index = header.index = row.frontier.size;
	header.part[0] = (struct part_entry){PART_ACTOR, 0, PLACED_WITHHELD, part_commit(&salt, bytes_text("r.sample"))};
	header_write(&b, &header);
	build_copy(&w, salt.b, SALT_SIZE);
	build_bytes16(&w, bytes_text("r.sample"));
	e.header = builder_bytes(&b);
	e.withheld = builder_bytes(&w);
	e.commitment = header_commit(&e.salt, e.header);
	home_must(store_entry_add(s, row.id, &e), "entry");
	struct hash leaf = entry_leaf(&e.commitment);
	frontier_add(&row.frontier, &leaf);
	grown_head(h, s, &row);
	home_must(store_log_save(s, &row), "log");
	home_must(store_commit(s), "commit");
	store_close(s);
}

static void what_was_withheld_is_kept_or_given_up_and_told(void **state)
{
	struct room *room = *state;

	withheld_add(&room->home);
	assert_int_equal(run_code(&room->home, "verify"), EXIT_DONE);

	/* The salt comes back from the partner; what it never had stays, because it still matches. */
	struct ran r = run(&room->home, "export " SOUTH_NAME " " WORLD_CHANNEL);
	assert_null(memmem(r.out, r.out_n, "r.sample", 8));
	file_put(room, bytes_of(r.out, r.out_n));
	ran_done(&r);
	struct buffer before = dump(&room->home);
	sql(&room->home, "UPDATE entry SET " FLIP("salt", "9") " WHERE log = 1 AND idx = 4");
	r = repair(room, "");
	assert_int_equal(r.code, EXIT_DONE);
	ran_done(&r);
	struct buffer after = dump(&room->home);
	assert_true(dump_same(&before, &after));

	sql(&room->home, "UPDATE entry SET " FLIP("withheld", "36") " WHERE log = 1 AND idx = 4");
	r = run(&room->home, "verify");
	assert_non_null(strstr(r.complain, "entry 4, part 0: a withheld part does not match"));
	ran_done(&r);
	r = repair(room, "");
	assert_int_equal(r.code, EXIT_DONE);
	ran_done(&r);
	r = run(&room->home, "verify");
	assert_int_equal(r.code, EXIT_DONE);
	assert_non_null(strstr(r.complain, "entry 4: no damage: a withheld part of this entry is kept by nobody"));
	ran_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_damaged_comes_back_as_it_was, fresh, gone),
		cmocka_unit_test_setup_teardown(what_cannot_come_back_is_told, fresh, gone),
		cmocka_unit_test_setup_teardown(a_dry_run_writes_nothing, fresh, gone),
		cmocka_unit_test_setup_teardown(one_log_is_whole_or_unchanged_unless_partly, fresh, gone),
		cmocka_unit_test_setup_teardown(a_running_gateway_is_not_repaired, fresh, gone),
		cmocka_unit_test_setup_teardown(a_file_that_lies_changes_nothing, fresh, gone),
		cmocka_unit_test_setup_teardown(the_roots_know_a_row_of_which_nothing_is_left, fresh, gone),
		cmocka_unit_test_setup_teardown(a_file_is_whole_frames_or_refused, fresh, gone),
		cmocka_unit_test_setup_teardown(an_export_is_cut_where_it_is_told, fresh, gone),
		cmocka_unit_test_setup_teardown(what_was_withheld_is_kept_or_given_up_and_told, fresh, gone),
		cmocka_unit_test_setup_teardown(an_interrupted_scrub_goes_on_where_it_was, fresh, gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
