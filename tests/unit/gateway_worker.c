/* A provider: what its statement may be, what it answers, and the process around it. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "gateway/gateway.h"
#include "gateway/lookup.h"
#include "ledger.h"
#include "provider/sqlite.h"

#define SELECT "SELECT status, released_on FROM declaration WHERE number = :declaration"

struct authority {
	char folder[64], database[96];
};

static void sql(const struct authority *a, const char *text)
{
	sqlite3 *db;
	char	*why = NULL;

	assert_int_equal(sqlite3_open(a->database, &db), SQLITE_OK);
	if (sqlite3_exec(db, text, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s", why);
	sqlite3_close(db);
}

static int fresh(void **state)
{
	static struct authority a;

	snprintf(a.folder, sizeof a.folder, "/tmp/mithaq-test-XXXXXX");
	assert_non_null(mkdtemp(a.folder));
	snprintf(a.database, sizeof a.database, "%s/customs.db", a.folder);
	sql(&a, "CREATE TABLE declaration(number TEXT, status TEXT, released_on TEXT, weight REAL, pieces INTEGER, photo BLOB);"
		"CREATE INDEX declaration_number ON declaration(number);"
		"INSERT INTO declaration VALUES ('2026-1', 'released', '2026-11-20', 2.5, 40, x'00ff'), ('2026-2', 'held', NULL, 1, 7, NULL),"
		" ('2026-3', 'a', 'b', 1, 1, NULL), ('2026-3', 'c', 'd', 1, 1, NULL),"
		" ('2026-4', 'two' || char(10) || 'lines', 'x' || char(7), 1, 1, NULL)");
	*state = &a;
	return 0;
}

static int gone(void **state)
{
	struct authority *a = *state;
	char		  path[128];

	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof path, "%s%s", a->database, (const char *const[]){"", "-wal", "-shm", ".new"}[i]);
		unlink(path);
	}
	rmdir(a->folder);
	return 0;
}

static struct sqlite_source *provider(const struct authority *a, const char *statement)
{
	struct sqlite_source *p = NULL;
	struct fault	      fault = {0};

	if (sqlite_source_open(a->database, statement, NULL, &p, &fault) != ERR_OK)
		fail_msg("%s: %s; %s", fault.at, fault.found, fault.help);
	return p;
}

static enum err look(struct sqlite_source *p, const char *number, struct fields *out)
{
	static struct fields ask;

	ask.n = 0;
	must(fields_add(&ask, bytes_text("declaration"), bytes_text(number)));
	return sqlite_source_lookup(p, &ask, 2000, out);
}

static void a_row_becomes_an_answer(void **state)
{
	struct sqlite_source *p = provider(*state, SELECT);
	static struct fields  f;

	must(look(p, "2026-1", &f));
	assert_int_equal(f.n, 2);
	assert_true(bytes_is(fields_find(&f, "status")->value, "released"));
	assert_true(bytes_is(fields_find(&f, "released-on")->value, "2026-11-20"));
	must(look(p, "2026-2", &f));
	assert_int_equal(f.n, 1);
	assert_int_equal(look(p, "2026-9", &f), ERR_NOT_FOUND);
	assert_int_equal(look(p, "2026-3", &f), ERR_DUPLICATE);
	sqlite_source_close(p);
}

static void names_may_be_written_with_a_hyphen(void **state)
{
	struct sqlite_source *p = provider(*state, "SELECT released_on AS \"released-on\" FROM declaration WHERE number = :declaration -- done\n;");
	static struct fields  f;

	must(look(p, "2026-1", &f));
	assert_true(bytes_is(fields_find(&f, "released-on")->value, "2026-11-20"));
	sqlite_source_close(p);
}

static void numbers_are_text_and_blobs_are_refused(void **state)
{
	struct sqlite_source *p = provider(*state, "SELECT weight, pieces FROM declaration WHERE number = :declaration");
	static struct fields  f;

	must(look(p, "2026-1", &f));
	assert_true(bytes_is(fields_find(&f, "weight")->value, "2.5"));
	assert_true(bytes_is(fields_find(&f, "pieces")->value, "40"));
	sqlite_source_close(p);
	p = provider(*state, "SELECT photo FROM declaration WHERE number = :declaration");
	assert_int_equal(look(p, "2026-1", &f), ERR_VALUE);
	sqlite_source_close(p);
	p = provider(*state, SELECT);
	assert_int_equal(look(p, "2026-4", &f), ERR_VALUE);
	sqlite_source_close(p);
}

static void a_field_not_given_is_null(void **state)
{
	struct sqlite_source *p =
		provider(*state, "SELECT status FROM declaration WHERE number = :declaration AND (:office IS NULL OR status = :office)");
	static struct fields f;

	must(look(p, "2026-1", &f));
	sqlite_source_close(p);
}

/* Each is refused when it is opened, before anybody asks. */
static void only_one_reading_statement_is_accepted(void **state)
{
	static const char *const bad[] = {
		"",
		"-- nothing",
		"DELETE FROM declaration",
		"UPDATE declaration SET status = 'x' WHERE number = :declaration",
		"INSERT INTO declaration(number) VALUES (:declaration)",
		"INSERT INTO declaration(number) VALUES (:declaration) RETURNING number",
		"CREATE TABLE more(a)",
		"DROP TABLE declaration",
		"ATTACH '/tmp/x.db' AS x",
		"PRAGMA table_info(declaration)",
		"SELECT name FROM pragma_table_info('declaration')",
		"BEGIN",
		"COMMIT",
		"VACUUM",
		"EXPLAIN SELECT status FROM declaration",
		"SELECT load_extension('x') AS status",
		"SELECT fts3_tokenizer('simple') AS status",
		"SELECT zeroblob(1000000000) AS status",
		"SELECT status FROM declaration; SELECT status FROM declaration",
		"SELECT status FROM declaration; DELETE FROM declaration",
		"SELECT status FROM nothing",
		"SELECT status FROM declaration WHERE number = ?",
		"SELECT status FROM declaration WHERE number = @declaration",
		"SELECT status FROM declaration WHERE number = :UPPER",
		"SELECT count(*) FROM declaration",
		"SELECT status AS \"two words\" FROM declaration",
	};

	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct authority     *a = *state;
		struct sqlite_source *p = NULL;
		struct fault	      fault = {0};
		enum err	      e = sqlite_source_open(a->database, bad[i], NULL, &p, &fault);

		if (e == ERR_OK)
			fail_msg("accepted: %s", bad[i]);
		assert_null(p);
		assert_int_equal(fault.err, e);
		assert_true(fault.help[0] != '\0');
	}
}

static void the_clause_closes_parameters_and_columns(void **state)
{
	struct field_rule     request[] = {{.name = "declaration"}}, answer[] = {{.name = "status"}};
	struct clause	      clause = {.nrequest = 1, .request = request, .nanswer = 1, .answer = answer};
	struct authority     *a = *state;
	struct sqlite_source *p = NULL;
	struct fault	      fault = {0};

	must(sqlite_source_open(a->database, "SELECT status FROM declaration WHERE number = :declaration", &clause, &p, &fault));
	sqlite_source_close(p);
	p = NULL;
	assert_int_equal(sqlite_source_open(a->database, SELECT, &clause, &p, &fault), ERR_VALUE);
	assert_string_equal(fault.found, "released_on");
	assert_int_equal(sqlite_source_open(a->database, "SELECT status FROM declaration WHERE number = :number", &clause, &p, &fault), ERR_VALUE);
	assert_string_equal(fault.found, ":number");
	assert_null(p);
}

static void no_database_is_said_plainly(void **state)
{
	struct sqlite_source *p = NULL;
	struct fault	      fault = {0};
	char		      path[128];

	snprintf(path, sizeof path, "%s/none.db", ((struct authority *)*state)->folder);
	assert_int_equal(sqlite_source_open(path, SELECT, NULL, &p, &fault), ERR_FILE);
	assert_string_equal(fault.at, path);
	assert_int_equal(access(path, F_OK), -1);
}

static void a_statement_without_end_is_ended(void **state)
{
	struct sqlite_source *p = provider(*state, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) AS status FROM n");
	static struct fields  f, ask;

	assert_int_equal(sqlite_source_lookup(p, &ask, 20, &f), ERR_BUSY);
	assert_int_equal(sqlite_source_lookup(p, &ask, 20, &f), ERR_BUSY);
	sqlite_source_close(p);
}

static void a_new_file_in_the_old_ones_place_is_opened(void **state)
{
	struct authority     *a = *state, other = *a;
	struct sqlite_source *p = provider(a, SELECT);
	static struct fields  f;

	must(look(p, "2026-1", &f));
	snprintf(other.database, sizeof other.database, "%s/customs.db.new", a->folder);
	sql(&other, "CREATE TABLE declaration(number TEXT, status TEXT, released_on TEXT);"
		    "INSERT INTO declaration VALUES ('2026-1', 'seized', NULL)");
	assert_int_equal(rename(other.database, a->database), 0);
	must(look(p, "2026-1", &f));
	assert_true(bytes_is(fields_find(&f, "status")->value, "seized"));
	sqlite_source_close(p);
}

static void a_batch_sees_one_state(void **state)
{
	struct authority    *a = *state;
	static struct fields f;

	sql(a, "PRAGMA journal_mode = WAL");
	struct sqlite_source *p = provider(a, SELECT);
	must(sqlite_source_begin(p));
	must(look(p, "2026-2", &f));
	sql(a, "UPDATE declaration SET status = 'released' WHERE number = '2026-2'");
	must(look(p, "2026-2", &f));
	assert_true(bytes_is(fields_find(&f, "status")->value, "held"));
	sqlite_source_end(p);
	must(look(p, "2026-2", &f));
	assert_true(bytes_is(fields_find(&f, "status")->value, "released"));
	sqlite_source_close(p);
}

/* ---- the process, confined where the build confines ---- */

struct child {
	pid_t		       pid;
	struct event_base     *base;
	struct pipe	      *control, *core;
	struct config_provider provider;
	struct config	       config;
	unsigned	       answers, most;
	struct found	       last;
	char		       status[64];
	bool		       ready, closed;
};

static void on_control(void *arg, uint8_t type, struct bytes payload unused_arg, int fd unused_arg)
{
	struct child *c = arg;

	c->ready = c->ready || type == CONTROL_READY;
	event_base_loopbreak(c->base);
}

static void on_closed(void *arg, enum err why unused_arg)
{
	struct child *c = arg;

	c->closed = true;
	event_base_loopbreak(c->base);
}

static void on_found(void *arg, uint8_t type, struct bytes payload, int fd unused_arg)
{
	struct child *c = arg;

	assert_int_equal(type, WORKER_FOUND);
	must(found_read(payload, &c->last));
	const struct field *status = fields_find(&c->last.fields, "status");
	snprintf(c->status, sizeof c->status, "%.*s", status == NULL ? 0 : (int)status->value.n,
		 status == NULL ? "" : (const char *)status->value.at);
	if (++c->answers == c->most)
		event_base_loopbreak(c->base);
}

static void quiet(void *arg, enum err why unused_arg)
{
	process_leave(arg, EXIT_ORPHAN);
}

static void child_control(void *arg, uint8_t type, struct bytes payload, int fd)
{
	struct process *p = arg;
	struct cursor	c = cursor_on(payload);

	if (type == CONTROL_STOP) {
		process_leave(p, EXIT_STOPPED);
		return;
	}
	enum role role = (enum role)cursor_u8(&c);
	p->on_peer(p, role, cursor_u16(&c), fd);
}

static void child_run(const struct config *config, int control)
{
	struct process p = {.config = config, .role = ROLE_WORKER, .base = event_base_new()};

	journal_open("worker", NULL);
	p.control = pipe_new(p.base, control, child_control, quiet, &p);
	_exit(worker_main(&p));
}

static void child_start(struct child *c, const struct authority *a, const char *statement)
{
	int control[2], core[2];

	memset(c, 0, sizeof *c);
	c->config.nproviders = 1;
	c->config.party = NORTH;
	c->provider =
		(struct config_provider){.clause = "customs/declaration-status", .sqlite = a->database, .statement = statement, .timeout_ms = 500};
	c->config.provider = &c->provider;
	must(pipe_pair(control));
	must(pipe_pair(core));
	c->pid = fork();
	if (c->pid == 0) {
		close(control[0]);
		close(core[0]);
		close(core[1]);
		child_run(&c->config, control[1]);
	}
	close(control[1]);
	c->base = event_base_new();
	c->control = pipe_new(c->base, control[0], on_control, on_closed, c);
	c->core = pipe_new(c->base, core[0], on_found, on_closed, c);
	uint8_t role[3] = {ROLE_CORE, 0, 0};
	must(pipe_send(c->control, CONTROL_PIPE, bytes_of(role, 3), core[1]));
	event_base_dispatch(c->base);
}

static void child_ask(struct child *c, uint64_t ticket, const char *number)
{
	static struct lookup l;
	uint8_t		     room[1024];
	struct builder	     b = builder_on(room, sizeof room);

	l = (struct lookup){.ticket = ticket, .clause = bytes_text("customs/declaration-status"), .deadline_ms = UINT64_MAX};
	must(fields_add(&l.fields, bytes_text("declaration"), bytes_text(number)));
	lookup_write(&b, &l);
	must(pipe_send(c->core, WORKER_LOOKUP, builder_bytes(&b), -1));
}

static void child_wait(struct child *c, unsigned answers)
{
	c->most = c->answers + answers;
	while (c->answers < c->most && !c->closed)
		event_base_dispatch(c->base);
}

static int child_stop(struct child *c)
{
	int status = 0;

	if (!c->closed) {
		must(pipe_send(c->control, CONTROL_STOP, BYTES_NONE, -1));
		pipe_flush(c->control);
	}
	pipe_free(c->control); /* an orphan leaves by itself, so this cannot wait for ever */
	pipe_free(c->core);
	waitpid(c->pid, &status, 0);
	event_base_free(c->base);
	if (WIFSIGNALED(status))
		fail_msg("the worker was killed by signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

static void a_worker_answers_batches(void **state)
{
	static struct child c;

	child_start(&c, *state, SELECT);
	assert_true(c.ready);
	for (uint64_t i = 0; i < 100; i++)
		child_ask(&c, i, "2026-2");
	child_ask(&c, 100, "2026-1");
	child_wait(&c, 101);
	assert_int_equal(c.last.ticket, 100);
	assert_int_equal(c.last.outcome, OUTCOME_HIT);
	assert_string_equal(c.status, "released");
	child_ask(&c, 101, "2026-7");
	child_wait(&c, 1);
	assert_int_equal(c.last.outcome, OUTCOME_NO_HIT);
	child_ask(&c, 102, "2026-3");
	child_wait(&c, 1);
	assert_int_equal(c.last.outcome, OUTCOME_ERROR);
	assert_true(bytes_is(c.last.reason, "provider-ambiguous") || c.last.reason.n == strlen("provider-ambiguous"));
	assert_int_equal(child_stop(&c), EXIT_STOPPED);
}

/* WAL databases need their -shm, which the promise must leave writable. */
static void a_worker_reads_a_database_that_is_being_written(void **state)
{
	static struct child c;
	struct authority   *a = *state;
	sqlite3		   *db;

	assert_int_equal(sqlite3_open(a->database, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA journal_mode = WAL; UPDATE declaration SET status = 'held'", NULL, NULL, NULL), SQLITE_OK);
	child_start(&c, a, SELECT);
	for (uint64_t i = 0; i < 50; i++) {
		assert_int_equal(sqlite3_exec(db, "UPDATE declaration SET status = status || 'x' WHERE number = '2026-1'", NULL, NULL, NULL),
				 SQLITE_OK);
		child_ask(&c, i, "2026-1");
		child_wait(&c, 1);
		assert_int_equal(c.last.outcome, OUTCOME_HIT);
		assert_int_equal(strlen(c.status), 4 + i + 1);
	}
	assert_int_equal(sqlite3_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL), SQLITE_OK);
	child_ask(&c, 99, "2026-1");
	child_wait(&c, 1);
	assert_int_equal(c.last.outcome, OUTCOME_HIT);
	sqlite3_close(db);
	child_ask(&c, 100, "2026-1");
	child_wait(&c, 1);
	assert_int_equal(c.last.outcome, OUTCOME_HIT);
	assert_int_equal(child_stop(&c), EXIT_STOPPED);
}

static void a_worker_with_a_bad_statement_does_not_start(void **state)
{
	static struct child c;

	child_start(&c, *state, "DELETE FROM declaration");
	assert_false(c.ready);
	assert_int_equal(child_stop(&c), EXIT_SETUP);
}

static void a_worker_leaves_when_the_core_speaks_nonsense(void **state)
{
	static struct child c;

	child_start(&c, *state, SELECT);
	must(pipe_send(c.core, WORKER_LOOKUP, bytes_text("nonsense"), -1));
	child_wait(&c, 1);
	assert_int_equal(c.answers, 0);
	assert_int_equal(child_stop(&c), EXIT_TROUBLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_row_becomes_an_answer, fresh, gone),
		cmocka_unit_test_setup_teardown(names_may_be_written_with_a_hyphen, fresh, gone),
		cmocka_unit_test_setup_teardown(numbers_are_text_and_blobs_are_refused, fresh, gone),
		cmocka_unit_test_setup_teardown(a_field_not_given_is_null, fresh, gone),
		cmocka_unit_test_setup_teardown(only_one_reading_statement_is_accepted, fresh, gone),
		cmocka_unit_test_setup_teardown(the_clause_closes_parameters_and_columns, fresh, gone),
		cmocka_unit_test_setup_teardown(no_database_is_said_plainly, fresh, gone),
		cmocka_unit_test_setup_teardown(a_statement_without_end_is_ended, fresh, gone),
		cmocka_unit_test_setup_teardown(a_new_file_in_the_old_ones_place_is_opened, fresh, gone),
		cmocka_unit_test_setup_teardown(a_batch_sees_one_state, fresh, gone),
		cmocka_unit_test_setup_teardown(a_worker_answers_batches, fresh, gone),
		cmocka_unit_test_setup_teardown(a_worker_reads_a_database_that_is_being_written, fresh, gone),
		cmocka_unit_test_setup_teardown(a_worker_with_a_bad_statement_does_not_start, fresh, gone),
		cmocka_unit_test_setup_teardown(a_worker_leaves_when_the_core_speaks_nonsense, fresh, gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
