/* A statement through unixODBC: what it answers, what it refuses, and what its password never is. The driver is SQLite's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "proc/files.h"
#include "provider/provider.h"

#define SELECT "SELECT status, released_on, weight FROM declaration WHERE number = :declaration"

static const char *const drivers[] = {"/usr/lib/x86_64-linux-gnu/odbc/libsqlite3odbc.so", "/usr/lib/aarch64-linux-gnu/odbc/libsqlite3odbc.so"};

static char		      folder[64], connection[256];
static struct config_provider row;
static struct config	      config;
static struct provider	     *source;
static struct {
	unsigned	      n, lost;
	enum provider_outcome outcome;
	struct fields	      fields;
	uint8_t		      memory[65536];
	char		      code[64], cause[PROVIDER_CAUSE_MOST];
} got;

static struct bytes kept(struct builder *b, struct bytes v)
{
	uint8_t *at = build_reserve(b, v.n);

	assert_non_null(at);
	memcpy(at, v.at, v.n);
	return bytes_of(at, v.n);
}

static void found(void *arg unused_arg, const struct provider_answer *a)
{
	struct builder b = builder_on(got.memory, sizeof got.memory);

	got.n++;
	assert_int_equal(a->ticket, 7);
	got.outcome = a->outcome;
	got.fields.n = 0;
	for (unsigned i = 0; a->outcome == PROVIDER_HIT && i < a->fields->n; i++)
		assert_int_equal(fields_add(&got.fields, kept(&b, a->fields->at[i].name), kept(&b, a->fields->at[i].value)), ERR_OK);
	snprintf(got.code, sizeof got.code, "%s", a->outcome == PROVIDER_FAILED ? a->code : "");
	snprintf(got.cause, sizeof got.cause, "%s", a->outcome == PROVIDER_FAILED && a->cause != NULL ? a->cause : "");
}

static void lost(void *arg unused_arg)
{
	got.lost++;
}

static enum err open_with(const char *odbc, const char *statement, const struct clause *clause, struct fault *fault)
{
	struct provider_setup setup = {.config = &config, .provider = &row, .clause = clause, .found = found, .lost = lost};

	row.source = SOURCE_ODBC;
	row.clause = "customs/declaration-status";
	row.timeout_ms = 2000;
	row.odbc = odbc;
	row.statement = statement;
	return provider_open(&setup, &source, fault);
}

static void opened(const char *statement)
{
	struct fault fault = {0};

	if (open_with(connection, statement, NULL, &fault) != ERR_OK)
		fail_msg("%s: %s; %s", fault.at, fault.found, fault.help);
}

static void refused(const char *odbc, const char *statement, const struct clause *clause, const char *in_found)
{
	struct fault fault = {0};

	source = NULL;
	assert_int_not_equal(open_with(odbc, statement, clause, &fault), ERR_OK);
	assert_null(source);
	assert_true(fault.help[0] != '\0' && fault.help_ar[0] != '\0');
	if (strstr(fault.found, in_found) == NULL)
		fail_msg("%s: found %s, not %s", statement, fault.found, in_found);
}

static void ask(const char *name, const char *value)
{
	static struct fields	 fields;
	struct provider_question q = {.ticket = 7, .id = "q_1", .fields = &fields, .most_ms = 2000};

	fields.n = 0;
	assert_int_equal(fields_add(&fields, bytes_text(name), bytes_text(value)), ERR_OK);
	got.n = 0;
	provider_ask(source, &q);
	assert_int_equal(got.n, 1);
}

static void is_answered(const char *field, const char *value)
{
	const struct field *f = fields_find(&got.fields, field);

	if (got.outcome == PROVIDER_FAILED)
		fail_msg("%s: %s: %s", field, got.code, got.cause);
	assert_int_equal(got.outcome, PROVIDER_HIT);
	if (value == NULL) {
		assert_null(f);
		return;
	}
	assert_non_null(f);
	if (!bytes_is(f->value, value))
		fail_msg("%s is %.*s, not %s", field, (int)f->value.n, (const char *)f->value.at, value);
}

static void has_failed(const char *code)
{
	assert_int_equal(got.outcome, PROVIDER_FAILED);
	assert_string_equal(got.code, code);
}

static void sql(const char *text)
{
	char	 path[128];
	sqlite3 *db;
	char	*why = NULL;

	snprintf(path, sizeof path, "%s/customs.db", folder);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, text, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s", why);
	sqlite3_close(db);
}

static int fresh(void **state unused_arg)
{
	const char *driver = NULL;

	for (size_t i = 0; i < COUNT_OF(drivers); i++)
		driver = access(drivers[i], R_OK) == 0 ? drivers[i] : driver;
	if (driver == NULL)
		return 0;
	snprintf(folder, sizeof folder, "/tmp/mithaq-test-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(connection, sizeof connection, "Driver=%s;Database=%s/customs.db", driver, folder);
	sql("CREATE TABLE declaration(number TEXT, status TEXT, released_on DATE, weight TEXT, pieces INTEGER, photo BLOB, at TIMESTAMP);"
	    "INSERT INTO declaration VALUES ('2026-1', 'released', '2026-11-20', '18450.000', 40, x'00ff', '2026-11-20 09:30:05.25'),"
	    " ('2026-2', 'held', NULL, NULL, 7, NULL, NULL), ('2026-3', 'a', NULL, 1, 1, NULL, NULL), ('2026-3', 'b', NULL, 1, 1, NULL, NULL),"
	    " ('2026-4', '\xd9\x85\xd9\x81\xd8\xb1\xd8\xac', NULL, NULL, 1, NULL, NULL),"
	    " ('\xd8\xb3-5', 'lodged', '2026-02-30', NULL, 1, NULL, NULL), ('2026-6', printf('%.9000c', 'x'), NULL, NULL, 1, NULL, NULL)");
	return 0;
}

static int gone(void **state unused_arg)
{
	char path[128];

	for (size_t i = 0; folder[0] != '\0' && i < 2; i++) {
		snprintf(path, sizeof path, "%s/%s", folder, (const char *const[]){"customs.db", "secret"}[i]);
		unlink(path);
	}
	if (folder[0] != '\0')
		rmdir(folder);
	return 0;
}

static void need_driver(void)
{
	if (folder[0] != '\0')
		return;
	printf("skipped: provider_odbc: libsqliteodbc is not installed\n");
	skip();
}

static void a_row_becomes_an_answer(void **state unused_arg)
{
	need_driver();
	opened(SELECT);
	ask("declaration", "2026-1");
	is_answered("status", "released");
	is_answered("released-on", "2026-11-20");
	is_answered("weight", "18450.000");
	ask("declaration", "2026-2");
	is_answered("status", "held");
	is_answered("released-on", NULL);
	ask("declaration", "2026-9");
	assert_int_equal(got.outcome, PROVIDER_NO_HIT);
	ask("declaration", "2026-3");
	has_failed("provider-ambiguous");
	ask("declaration", "2026-1"); /* and after a failure it answers as before */
	is_answered("status", "released");
	provider_close(source);
}

static void values_are_bound_and_never_pasted(void **state unused_arg)
{
	static const char *const evil[] = {"' OR '1'='1", "2026-1'; DROP TABLE declaration; --", "?", ":declaration", "%", ""};

	need_driver();
	opened(SELECT);
	for (size_t i = 0; i < COUNT_OF(evil); i++) {
		ask("declaration", evil[i]);
		assert_int_equal(got.outcome, PROVIDER_NO_HIT);
	}
	ask("declaration", "2026-1");
	is_answered("status", "released");
	provider_close(source);
}

static void text_is_unicode_both_ways(void **state unused_arg)
{
	need_driver();
	opened("SELECT status FROM declaration WHERE number = :declaration");
	ask("declaration", "2026-4");
	is_answered("status", "\xd9\x85\xd9\x81\xd8\xb1\xd8\xac");
	ask("declaration", "\xd8\xb3-5");
	is_answered("status", "lodged");
	provider_close(source);
	opened("SELECT number AS status FROM declaration WHERE status = '\xd9\x85\xd9\x81\xd8\xb1\xd8\xac' AND :x IS NULL");
	ask("y", "1");
	is_answered("status", "2026-4");
	provider_close(source);
}

static void days_and_times_are_iso(void **state unused_arg)
{
	struct field_rule request[] = {{.name = "declaration"}}, answer[] = {{.name = "at", .type = FIELD_DATE}};
	struct clause	  clause = {.nrequest = 1, .request = request, .nanswer = 1, .answer = answer};
	struct fault	  fault = {0};

	need_driver();
	opened("SELECT at FROM declaration WHERE number = :declaration");
	ask("declaration", "2026-1");
	is_answered("at", "2026-11-20T09:30:05.25");
	provider_close(source);
	assert_int_equal(open_with(connection, "SELECT at FROM declaration WHERE number = :declaration", &clause, &fault), ERR_OK);
	ask("declaration", "2026-1");
	is_answered("at", "2026-11-20");
	provider_close(source);
	answer[0].type = FIELD_TIME;
	refused(connection, "SELECT at FROM declaration WHERE number = :declaration", &clause, "at");
}

static void what_cannot_be_sent_fails(void **state unused_arg)
{
	need_driver();
	opened("SELECT status FROM declaration WHERE number = :declaration");
	ask("declaration", "2026-6");
	has_failed("provider-too-much");
	ask("declaration", "2026-1");
	is_answered("status", "released");
	provider_close(source);
	refused(connection, "SELECT photo FROM declaration WHERE number = :declaration", NULL, "photo");
}

static void the_clause_closes_parameters_and_columns(void **state unused_arg)
{
	struct field_rule request[] = {{.name = "declaration"}}, answer[] = {{.name = "status"}};
	struct clause	  clause = {.nrequest = 1, .request = request, .nanswer = 1, .answer = answer};
	struct fault	  fault = {0};

	need_driver();
	assert_int_equal(open_with(connection, "SELECT STATUS FROM declaration WHERE number = :declaration", &clause, &fault), ERR_OK);
	provider_close(source);
	refused(connection, "SELECT status, pieces FROM declaration WHERE number = :declaration", &clause, "pieces");
	refused(connection, "SELECT status FROM declaration WHERE number = :number", &clause, "number");
	refused(connection, "SELECT status, status FROM declaration WHERE number = :declaration", NULL, "status");
	refused(connection, "SELECT count(*) FROM declaration", NULL, "");
}

static void what_does_not_read_is_refused(void **state unused_arg)
{
	need_driver();
	refused(connection, "DELETE FROM declaration", NULL, "DELETE");
	refused(connection, "SELECT status FROM nothing WHERE number = :declaration", NULL, "SQLSTATE");
	refused("DSN=mithaq-has-no-such-source", SELECT, NULL, "SQLSTATE IM002");
	refused("Driver=/nowhere/driver.so", SELECT, NULL, "SQLSTATE");
	sql("SELECT count(*) FROM declaration");
}

static void a_slow_statement_ends_in_time_or_is_told_late(void **state unused_arg)
{
	need_driver();
	opened("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400000) SELECT max(i) AS pieces FROM n");
	static struct fields	 none;
	struct provider_question q = {.ticket = 7, .fields = &none, .most_ms = 1};
	provider_ask(source, &q);
	has_failed("provider-timeout");
	q.most_ms = 0;
	provider_ask(source, &q);
	has_failed("provider-timeout");
	provider_close(source);
}

/* ---- secrets ---- */

static void a_password_stands_in_its_file_alone(void **state unused_arg)
{
	char path[128], with[300];

	need_driver();
	snprintf(with, sizeof with, "%s;PWD=hunter", connection);
	refused(with, SELECT, NULL, "a password");
	snprintf(with, sizeof with, "%s; password = {a;b}", connection);
	refused(with, SELECT, NULL, "a password");
	snprintf(with, sizeof with, "%s;Note={;PWD=}", connection);
	snprintf(path, sizeof path, "%s/secret", folder);
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", folder, 1), 0);
	assert_int_equal(file_write(path, bytes_text("a;b{c\n"), 0600), ERR_OK);
	row.credential = "secret";
	opened(SELECT);
	ask("declaration", "2026-1");
	is_answered("status", "released");
	provider_close(source);
	assert_int_equal(open_with(with, SELECT, NULL, NULL), ERR_OK); /* what is in braces is no key */
	provider_close(source);
	assert_int_equal(file_write(path, bytes_text("a}b"), 0600), ERR_OK);
	refused(connection, SELECT, NULL, "");
	assert_int_equal(unlink(path), 0);
	refused(connection, SELECT, NULL, "No such file");
	assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
	row.credential = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_becomes_an_answer),
		cmocka_unit_test(values_are_bound_and_never_pasted),
		cmocka_unit_test(text_is_unicode_both_ways),
		cmocka_unit_test(days_and_times_are_iso),
		cmocka_unit_test(what_cannot_be_sent_fails),
		cmocka_unit_test(the_clause_closes_parameters_and_columns),
		cmocka_unit_test(what_does_not_read_is_refused),
		cmocka_unit_test(a_slow_statement_ends_in_time_or_is_told_late),
		cmocka_unit_test(a_password_stands_in_its_file_alone),
	};

	return cmocka_run_group_tests(tests, fresh, gone);
}
