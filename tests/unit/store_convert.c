/*
 * A ledger that the release before made (tests/data/ledger-schema-2.db: three questions, real heads) becomes one of ours
 * where it stands. What happens when that is interrupted: tests/fail/convert.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/inside.h"
#include "store/schema.h"

#define ROWS_ALL                                                                                                                                     \
	"SELECT group_concat(x, '|') FROM (SELECT hex(frontier) || hex(sums) || epoch || receipted AS x FROM log UNION ALL"                          \
	" SELECT id || hex(commitment) || hex(header) || hex(body) || hex(withheld) FROM entry UNION ALL"                                            \
	" SELECT id || hex(root) || hex(checkpoint) || hex(receipt) FROM head UNION ALL"                                                             \
	" SELECT id || hex(mid) || state || status || answer FROM exchange UNION ALL SELECT hex(key) || hex(mid) FROM idempotency)"

struct old {
	char folder[64], path[96];
};

static void copy(const char *to)
{
	static uint8_t content[1 << 20];
	char	       from[512];

	snprintf(from, sizeof from, "%s/tests/data/ledger-schema-2.db", getenv("MITHAQ_SOURCE"));
	FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
	assert_non_null(in);
	assert_non_null(out);
	size_t n = fread(content, 1, sizeof content, in);
	assert_true(n > 0 && n < sizeof content);
	assert_int_equal(fwrite(content, 1, n, out), n);
	fclose(in);
	fclose(out);
}

static int fresh(void **state)
{
	static struct old o;

	snprintf(o.folder, sizeof o.folder, "/tmp/mithaq-test-XXXXXX");
	assert_non_null(mkdtemp(o.folder));
	snprintf(o.path, sizeof o.path, "%s/ledger.db", o.folder);
	copy(o.path);
	*state = &o;
	return crypto_start() == ERR_OK ? 0 : -1;
}

static int gone(void **state)
{
	static const char *const ends[] = {"", "-wal", "-shm"};
	struct old		*o = *state;
	char			 path[128];

	for (size_t i = 0; i < COUNT_OF(ends); i++) {
		snprintf(path, sizeof path, "%s%s", o->path, ends[i]);
		unlink(path);
	}
	rmdir(o->folder);
	return 0;
}

static struct store *opened(const struct old *o, enum store_mode mode)
{
	struct store *s = NULL;
	struct fault  fault = {0};

	if (store_open(o->path, mode, &s, &fault) != ERR_OK)
		fail_msg("%s: %s", fault.found, fault.help);
	return s;
}

static int text_of(void *arg, int n, char **values, char **names unused_arg)
{
	assert_int_equal(n, 1);
	*(char **)arg = strdup(values[0] != NULL ? values[0] : "");
	return 0;
}

static char *ask(struct store *s, const char *sql)
{
	char *text = NULL;

	assert_int_equal(sqlite3_exec(s->db, sql, text_of, &text, NULL), SQLITE_OK);
	assert_non_null(text);
	return text;
}

static void says(struct store *s, const char *sql, const char *expected)
{
	char *text = ask(s, sql);

	assert_string_equal(text, expected);
	free(text);
}

static bool count_exchange(void *arg, const struct exchange_row *x)
{
	assert_int_equal(x->state, EXCHANGE_ANSWERED);
	(*(unsigned *)arg)++;
	return true;
}

static void it_is_converted_and_nothing_of_it_changes(void **state)
{
	struct old   *o = *state;
	struct store *s = opened(o, STORE_READ);
	char	     *before = ask(s, ROWS_ALL);
	unsigned      n = 0;

	says(s, "PRAGMA user_version", "2");
	store_close(s);
	s = opened(o, STORE_WRITE);
	says(s, "PRAGMA user_version", "3");
	says(s, "PRAGMA integrity_check", "ok");
	says(s, "SELECT count(*) FROM event", "0");
	says(s, "SELECT count(*) FROM mark", "0");
	says(s, ROWS_ALL, before);
	assert_int_equal(store_exchanges(s, count_exchange, &n), ERR_OK);
	assert_int_equal(n, 3);
	store_close(s);
	free(before);
}

static void it_is_then_like_one_that_we_made(void **state)
{
	static const char schema_of[] = "SELECT group_concat(sql, ';') FROM (SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name)";
	struct old	 *o = *state;
	struct store	 *s = opened(o, STORE_WRITE);
	char		 *converted = ask(s, schema_of);
	uint64_t	  number;

	assert_int_equal(store_news_add(s, &(struct news_row){.type = NEWS_PARTNER_UP, .subject = "cbp.us.example"}, 1795420800000, &number), ERR_OK);
	assert_int_equal(store_commit(s), ERR_OK);
	store_close(s);
	unlink(o->path);
	gone(state);
	assert_int_equal(mkdir(o->folder, 0700), 0);
	s = opened(o, STORE_WRITE);
	says(s, schema_of, converted);
	store_close(s);
	free(converted);
}

static void a_second_opening_finds_it_done(void **state)
{
	struct old   *o = *state;
	struct store *s = opened(o, STORE_WRITE);
	uint64_t      number, last = 0;

	assert_int_equal(store_news_add(s, &(struct news_row){.type = NEWS_PARTNER_UP, .subject = "cbp.us.example"}, 1795420800000, &number), ERR_OK);
	assert_int_equal(store_commit(s), ERR_OK);
	store_close(s);
	s = opened(o, STORE_WRITE);
	assert_int_equal(store_news_last(s, &last), ERR_OK);
	assert_int_equal(last, number);
	store_close(s);
}

/* A reader shows what is there and changes nothing; what is not there yet it cannot show. */
static void a_reader_reads_it_as_it_is(void **state)
{
	struct old   *o = *state;
	struct store *s = opened(o, STORE_READ);
	unsigned      n = 0;
	uint64_t      last;

	assert_int_equal(store_exchanges(s, count_exchange, &n), ERR_OK);
	assert_int_equal(n, 3);
	assert_int_not_equal(store_news_last(s, &last), ERR_OK);
	store_close(s);
	s = opened(o, STORE_READ);
	says(s, "PRAGMA user_version", "2");
	store_close(s);
}

static void a_look_tells_and_changes_nothing(void **state)
{
	struct old	 *o = *state;
	struct store_look look = {0};
	struct fault	  fault = {0};

	assert_int_equal(store_look(o->path, &look, &fault), ERR_OK);
	assert_int_equal(look.schema, 2);
	assert_true(look.ours && look.converts && look.bytes > 30000);
	assert_int_equal(store_look(o->path, &look, &fault), ERR_OK);
	assert_int_equal(look.schema, 2);
	store_close(opened(o, STORE_WRITE));
	assert_int_equal(store_look(o->path, &look, &fault), ERR_OK);
	assert_int_equal(look.schema, STORE_SCHEMA);
	assert_true(look.ours && !look.converts);
}

static void a_look_at_nothing_or_at_another_file_says_so(void **state)
{
	struct old	 *o = *state;
	struct store_look look = {.schema = 77};
	struct fault	  fault = {0};

	assert_int_equal(store_look("/nowhere/at/all/ledger.db", &look, &fault), ERR_FILE);
	assert_int_equal(look.schema, 77);
	FILE *f = fopen(o->path, "wb");
	assert_non_null(f);
	for (int i = 0; i < 200; i++)
		fputs("this is a letter, not a ledger\n", f);
	fclose(f);
	assert_int_not_equal(store_look(o->path, &look, &fault), ERR_OK);
}

static void a_later_schema_is_refused_with_words(void **state)
{
	struct old   *o = *state;
	struct store *s = opened(o, STORE_WRITE);
	struct fault  fault = {0};

	assert_int_equal(sqlite3_exec(s->db, "PRAGMA user_version = 4", NULL, NULL, NULL), SQLITE_OK);
	store_close(s);
	s = NULL;
	assert_int_equal(store_open(o->path, STORE_WRITE, &s, &fault), ERR_VERSION);
	assert_null(s);
	assert_non_null(strstr(fault.found, "schema 4"));
	assert_non_null(strstr(fault.help, "a later mithaq made it"));
	assert_non_null(strstr(fault.help_ar, "إصدار لاحق"));
	assert_int_equal(store_open(o->path, STORE_READ, &s, &fault), ERR_VERSION);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_is_converted_and_nothing_of_it_changes, fresh, gone),
		cmocka_unit_test_setup_teardown(it_is_then_like_one_that_we_made, fresh, gone),
		cmocka_unit_test_setup_teardown(a_second_opening_finds_it_done, fresh, gone),
		cmocka_unit_test_setup_teardown(a_reader_reads_it_as_it_is, fresh, gone),
		cmocka_unit_test_setup_teardown(a_look_tells_and_changes_nothing, fresh, gone),
		cmocka_unit_test_setup_teardown(a_look_at_nothing_or_at_another_file_says_so, fresh, gone),
		cmocka_unit_test_setup_teardown(a_later_schema_is_refused_with_words, fresh, gone),
	};
	return cmocka_run_group_tests_name("store/convert", tests, NULL, NULL);
}
