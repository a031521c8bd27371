/* The ledger as a file: created, opened again, refused when it is another's, stopped by a failed write. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "ledger.h"

static int fresh(void **state)
{
	static struct ledger l;

	memset(&l, 0, sizeof l);
	ledger_open(&l);
	*state = &l;
	return 0;
}

static int gone(void **state)
{
	ledger_close(*state);
	return 0;
}

static void reopen(struct ledger *l, enum store_mode mode)
{
	struct fault fault;

	store_close(l->store);
	l->store = NULL;
	must(store_open(l->path, mode, &l->store, &fault));
}

static void sql(const struct ledger *l, const char *text)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(l->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static long long file_size(const struct ledger *l, const char *end)
{
	char	    path[128];
	struct stat st;

	snprintf(path, sizeof path, "%s%s", l->path, end);
	return stat(path, &st) == 0 ? (long long)st.st_size : -1;
}

static void what_was_committed_is_there_after_opening_again(void **state)
{
	struct ledger *l = *state;
	struct log_row row;

	ledger_fill(l, 3);
	reopen(l, STORE_READ);
	must(store_log_find(l->store, &l->own.row.epoch, true, &row));
	assert_string_equal(row.partner, SOUTH);
	assert_string_equal(row.channel, LEDGER_CHANNEL);
	assert_true(row.own);
	assert_int_equal(row.frontier.size, 5);
	assert_int_equal(row.tally.n, 1);
	assert_int_equal(row.tally.row[0].count, 3);
	assert_int_equal(row.checkpoint.size, 5);
	assert_int_equal(row.receipt.size, 5);
	assert_true(hash_equal(&row.checkpoint.root, &row.receipt.root));
	struct hash root = frontier_root(&row.frontier);
	assert_true(hash_equal(&root, &row.checkpoint.root));
	assert_int_equal(row.receipt_frontier.size, 5);
	assert_int_equal(store_log_find(l->store, &l->own.row.epoch, false, &row), ERR_NOT_FOUND);
}

static void what_was_not_committed_is_gone(void **state)
{
	struct ledger *l = *state;
	struct log_row row;

	ledger_fill(l, 1);
	must(store_begin(l->store));
	ledger_ask(l, 99);
	assert_true(store_open_turn(l->store));
	reopen(l, STORE_READ);
	must(store_log_find(l->store, &l->own.row.epoch, true, &row));
	assert_int_equal(row.frontier.size, 3);
	uint8_t		    mid[MID_SIZE];
	struct exchange_row x;
	ledger_mid(mid, 99);
	assert_int_equal(store_exchange_find(l->store, mid, true, &x), ERR_NOT_FOUND);
}

static void a_turn_begins_with_the_first_write(void **state)
{
	struct ledger *l = *state;

	assert_false(store_open_turn(l->store));
	must(store_commit(l->store));
	writing_open(l, &l->own, true, 0x11);
	assert_true(store_open_turn(l->store));
	must(store_commit(l->store));
	assert_false(store_open_turn(l->store));
}

static void another_schema_is_refused_and_named(void **state)
{
	struct ledger *l = *state;
	struct store  *other = NULL;
	struct fault   fault = {0};

	sql(l, "PRAGMA user_version = 7");
	assert_int_equal(store_open(l->path, STORE_READ, &other, &fault), ERR_VERSION);
	assert_null(other);
	assert_non_null(strstr(fault.found, "schema 7"));
	assert_non_null(strstr(fault.help, "a later mithaq made it"));
	assert_non_null(strstr(fault.help, "schema 3"));
	assert_int_equal(store_open(l->path, STORE_WRITE, &other, &fault), ERR_VERSION);
	sql(l, "PRAGMA user_version = 1");
	assert_int_equal(store_open(l->path, STORE_WRITE, &other, &fault), ERR_VERSION);
	assert_non_null(strstr(fault.help, "a mithaq earlier than any release made it"));
	assert_non_null(strstr(fault.help_ar, "صنعه ميثاق أقدم من كل إصدار"));
}

static void a_strange_database_is_refused_and_left_alone(void **state)
{
	struct ledger *l = *state;
	struct store  *other = NULL;
	struct fault   fault = {0};

	sql(l, "PRAGMA application_id = 0; PRAGMA user_version = 0");
	assert_int_equal(store_open(l->path, STORE_WRITE, &other, &fault), ERR_VERSION);
	assert_null(other);
}

static void what_is_no_database_is_refused(void **state)
{
	struct ledger *l = *state;
	struct store  *other = NULL;
	struct fault   fault = {0};
	char	       path[128];

	snprintf(path, sizeof path, "%s/note.txt", l->folder);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	for (int i = 0; i < 200; i++)
		fputs("this is a letter, not a ledger\n", f);
	fclose(f);
	assert_int_not_equal(store_open(path, STORE_READ, &other, &fault), ERR_OK);
	assert_int_not_equal(store_open(path, STORE_WRITE, &other, &fault), ERR_OK);
	assert_string_equal(fault.at, path);
	unlink(path);
	assert_int_equal(store_open("/nowhere/at/all/ledger.db", STORE_READ, &other, &fault), ERR_FILE);
	assert_null(other);
}

static void a_reader_cannot_write(void **state)
{
	struct ledger *l = *state;

	ledger_fill(l, 1);
	reopen(l, STORE_READ);
	assert_int_equal(store_log_save(l->store, &l->own.row), ERR_INTERNAL);
	must(store_tidy(l->store, true));
}

static void a_reader_sees_one_snapshot_in_a_turn(void **state)
{
	struct ledger *l = *state;
	struct store  *reader = NULL;
	struct fault   fault;
	struct log_row row;

	ledger_fill(l, 1);
	must(store_open(l->path, STORE_READ, &reader, &fault));
	must(store_begin(reader));
	must(store_log_find(reader, &l->own.row.epoch, true, &row));
	uint64_t before = row.frontier.size;
	ledger_ask(l, 50);
	writing_seal(l, &l->own);
	must(store_commit(l->store));
	must(store_log_find(reader, &l->own.row.epoch, true, &row));
	assert_int_equal(row.frontier.size, before);
	must(store_commit(reader));
	must(store_log_find(reader, &l->own.row.epoch, true, &row));
	assert_int_equal(row.frontier.size, before + 1);
	store_close(reader);
}

/* The file may grow no further: the kernel refuses the write, as a full disk would. */
static void a_failed_write_stops_the_store_for_good(void **state)
{
	struct ledger *l = *state;
	struct rlimit  limit, old;
	uint64_t       size;
	struct log_row row;

	ledger_fill(l, 1);
	size = l->own.row.frontier.size;
	getrlimit(RLIMIT_FSIZE, &old);
	signal(SIGXFSZ, SIG_IGN);
	limit = old;
	limit.rlim_cur = (rlim_t)file_size(l, "-wal") + 100;
	setrlimit(RLIMIT_FSIZE, &limit);
	for (uint32_t i = 0; i < 20; i++)
		ledger_ask(l, 100 + i);
	assert_int_equal(store_commit(l->store), ERR_DISK);
	setrlimit(RLIMIT_FSIZE, &old);
	/* There is room again, but nobody may believe what the failed fsync left behind. */
	assert_int_equal(store_begin(l->store), ERR_DISK);
	assert_int_equal(store_commit(l->store), ERR_DISK);
	assert_int_equal(store_tidy(l->store, true), ERR_DISK);
	assert_int_equal(store_log_save(l->store, &l->own.row), ERR_DISK);
	reopen(l, STORE_READ);
	must(store_log_find(l->store, &l->own.row.epoch, true, &row));
	assert_int_equal(row.frontier.size, size);
}

static void tidying_moves_pages_and_keeps_the_files(void **state)
{
	struct ledger *l = *state;
	uint32_t       n = 0;

	ledger_fill(l, 1);
	long long before = file_size(l, "");
	while (file_size(l, "-wal") < 3 << 20) {
		for (int i = 0; i < 64; i++)
			ledger_ask(l, 1000 + n++);
		must(store_commit(l->store));
		must(store_tidy(l->store, false));
	}
	assert_int_equal(file_size(l, ""), before);
	must(store_tidy(l->store, true));
	assert_true(file_size(l, "") > before);
	ledger_ask(l, 999);
	must(store_commit(l->store));
	store_close(l->store);
	l->store = NULL;
	assert_true(file_size(l, "-wal") >= 0);
	assert_true(file_size(l, "-shm") >= 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_committed_is_there_after_opening_again, fresh, gone),
		cmocka_unit_test_setup_teardown(what_was_not_committed_is_gone, fresh, gone),
		cmocka_unit_test_setup_teardown(a_turn_begins_with_the_first_write, fresh, gone),
		cmocka_unit_test_setup_teardown(another_schema_is_refused_and_named, fresh, gone),
		cmocka_unit_test_setup_teardown(a_strange_database_is_refused_and_left_alone, fresh, gone),
		cmocka_unit_test_setup_teardown(what_is_no_database_is_refused, fresh, gone),
		cmocka_unit_test_setup_teardown(a_reader_cannot_write, fresh, gone),
		cmocka_unit_test_setup_teardown(a_reader_sees_one_snapshot_in_a_turn, fresh, gone),
		cmocka_unit_test_setup_teardown(a_failed_write_stops_the_store_for_good, fresh, gone),
		cmocka_unit_test_setup_teardown(tidying_moves_pages_and_keeps_the_files, fresh, gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
