/* sqlite.c: opening a ledger, its turns, and the statements every room uses. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/inside.h"
#include "store/schema.h"

#define PROGRESS_STEPS	1000 /* virtual machine steps between two looks at the clock */
#define WRITE_CACHE_KIB 8192
#define READ_CACHE_KIB	2048
#define WAL_PIECE	16384 /* bytes of a WAL that are written again at a time */

/* ---- errors ---- */

enum err store_error(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
	case SQLITE_ROW:
		return ERR_OK;
	case SQLITE_CONSTRAINT:
		return rc == SQLITE_CONSTRAINT_PRIMARYKEY || rc == SQLITE_CONSTRAINT_UNIQUE ? ERR_DUPLICATE : ERR_STORE;
	case SQLITE_FULL:
	case SQLITE_IOERR:
		return ERR_DISK;
	case SQLITE_NOMEM:
		return ERR_MEMORY;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_INTERRUPT:
		return ERR_BUSY;
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
	case SQLITE_READONLY:
		return ERR_FILE;
	default:
		return ERR_STORE;
	}
}

enum err store_complain(struct store *s, enum err e, const char *where, int64_t log, uint64_t index)
{
	char at[sizeof s->fault.at];

	if (log == 0)
		snprintf(at, sizeof at, "%s", where);
	else
		snprintf(at, sizeof at, "%s of log %lld, %llu", where, (long long)log, (unsigned long long)index);
	return fault_at(&s->fault, e, 0, at, sqlite3_errmsg(s->db), "", "");
}

const struct fault *store_fault(const struct store *s)
{
	return &s->fault;
}

/* ---- statements ---- */

static const char *const statement_sql[] = {
#define STATEMENT_SQL(name, sql) sql,
	STATEMENT_TABLE(STATEMENT_SQL)
#undef STATEMENT_SQL
};

struct query query_take(struct store *s, enum statement which)
{
	sqlite3_stmt **stmt = &s->statement[which];

	if (*stmt == NULL) {
		int rc = sqlite3_prepare_v3(s->db, statement_sql[which], -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL);
		if (rc != SQLITE_OK)
			return (struct query){.s = s, .rc = rc};
	}
	if (sqlite3_stmt_busy(*stmt))
		return (struct query){.s = s, .rc = SQLITE_MISUSE};
	return (struct query){.s = s, .stmt = *stmt};
}

void query_done(struct query *q)
{
	if (q->stmt == NULL)
		return;
	sqlite3_reset(q->stmt);
	sqlite3_clear_bindings(q->stmt);
	q->stmt = NULL;
}

static bool query_ready(struct query *q)
{
	q->bound++;
	return q->stmt != NULL && q->rc == SQLITE_OK;
}

void query_integer(struct query *q, int64_t v)
{
	if (query_ready(q))
		q->rc = sqlite3_bind_int64(q->stmt, q->bound, v);
}

/* Sizes and indexes stay below 2^63; times of a partner's claim keep their bits either way. */
void query_u64(struct query *q, uint64_t v)
{
	query_integer(q, (int64_t)v);
}

void query_text(struct query *q, const char *text)
{
	if (query_ready(q))
		q->rc = text == NULL ? sqlite3_bind_null(q->stmt, q->bound) : sqlite3_bind_text(q->stmt, q->bound, text, -1, SQLITE_STATIC);
}

void query_bytes(struct query *q, struct bytes v)
{
	if (query_ready(q))
		q->rc = v.n == 0 ? sqlite3_bind_null(q->stmt, q->bound) : sqlite3_bind_blob64(q->stmt, q->bound, v.at, v.n, SQLITE_STATIC);
}

/* The first table that a statement of ours reads. */
static void table_named(struct query *q, char out[48])
{
	static const char word[] = "FROM ";
	const char	 *sql = q->stmt != NULL ? sqlite3_sql(q->stmt) : NULL, *at = sql != NULL ? strstr(sql, word) : NULL;
	size_t		  n = at == NULL ? 0 : strspn(at + sizeof word - 1, "abcdefghijklmnopqrstuvwxyz_");

	if (n == 0)
		snprintf(out, 48, "reading");
	else
		snprintf(out, 48, "reading the table %.*s", n < 24 ? (int)n : 24, at + sizeof word - 1);
}

enum err query_row(struct query *q)
{
	char where[48];

	if (q->rc == SQLITE_MISUSE)
		return store_complain(q->s, ERR_INTERNAL, "a statement in use", 0, 0);
	if (q->rc == SQLITE_OK || q->rc == SQLITE_ROW)
		q->rc = sqlite3_step(q->stmt);
	if (q->rc == SQLITE_ROW)
		return ERR_OK;
	if (q->rc == SQLITE_DONE)
		return ERR_NOT_FOUND;
	/* Also a read that fails may have rolled the turn back: what follows would be stored without what came before. */
	if (q->s->begun && q->s->mode == STORE_WRITE)
		q->s->broken = true;
	table_named(q, where);
	return store_complain(q->s, store_error(q->rc), where, 0, 0);
}

/*
 * SQLite itself rolls back on a full disk or a failed write, and what followed would
 * then be committed alone. So such a failure ends the store, not only the statement.
 */
enum err query_run(struct query *q)
{
	enum err e = store_begin(q->s);
	if (e != ERR_OK)
		return e;
	if (q->s->mode == STORE_READ)
		return store_complain(q->s, ERR_INTERNAL, "writing with a read-only store", 0, 0);
	if (q->rc == SQLITE_OK)
		q->rc = sqlite3_step(q->stmt);
	if (q->rc == SQLITE_DONE)
		return ERR_OK;
	e = store_error(q->rc);
	if (e != ERR_DUPLICATE)
		q->s->broken = true;
	return store_complain(q->s, e, "writing", 0, 0);
}

void query_place(struct query *q, int64_t log, uint64_t index)
{
	query_integer(q, place_of(log, index));
}

void query_range(struct query *q, int64_t log, uint64_t from, uint64_t to)
{
	query_place(q, log, from);
	query_place(q, log, to);
}

uint64_t column_u64(const struct query *q, int i)
{
	return (uint64_t)sqlite3_column_int64(q->stmt, i);
}

struct bytes column_bytes(const struct query *q, int i)
{
	const void *at = sqlite3_column_blob(q->stmt, i);

	return at == NULL ? BYTES_NONE : bytes_of(at, (size_t)sqlite3_column_bytes(q->stmt, i));
}

bool column_exact(const struct query *q, int i, void *out, size_t n)
{
	struct bytes v = column_bytes(q, i);

	if (v.n != n)
		return false;
	if (n > 0)
		memcpy(out, v.at, n);
	return true;
}

bool column_name(const struct query *q, int i, char *out, size_t size)
{
	struct bytes v = column_bytes(q, i);

	if (v.n == 0 || v.n >= size || memchr(v.at, 0, v.n) != NULL)
		return false;
	memcpy(out, v.at, v.n);
	out[v.n] = '\0';
	return true;
}

/* ---- a limit on time ---- */

static uint64_t monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int time_is_up(void *arg)
{
	const struct store *s = arg;

	return s->deadline_ms != 0 && monotonic_ms() > s->deadline_ms;
}

void store_limit(struct store *s, unsigned ms)
{
	s->deadline_ms = ms == 0 ? 0 : monotonic_ms() + ms;
	sqlite3_progress_handler(s->db, ms == 0 ? 0 : PROGRESS_STEPS, time_is_up, s);
}

/* ---- opening ---- */

static enum err open_fault(struct fault *fault, enum err e, const char *path, const char *found, const char *help, const char *help_ar)
{
	return fault_at(fault, e, 0, path, found, help, help_ar);
}

static int number_row(void *arg, int n, char **values, char **names unused_arg)
{
	if (n == 1 && values[0] != NULL)
		*(long long *)arg = strtoll(values[0], NULL, 10);
	return 0;
}

static long long number_of(sqlite3 *db, const char *sql)
{
	long long n = -1;

	return sqlite3_exec(db, sql, number_row, &n, NULL) == SQLITE_OK ? n : -1;
}

static int wal_row(void *arg, int n, char **values, char **names unused_arg)
{
	*(bool *)arg = n == 1 && values[0] != NULL && strcmp(values[0], "wal") == 0;
	return 0;
}

/* SQLite answers with the mode it really has; anything but WAL breaks what we promise. */
static bool wal_is_on(sqlite3 *db, const char *sql)
{
	bool wal = false;

	return sqlite3_exec(db, sql, wal_row, &wal, NULL) == SQLITE_OK && wal;
}

/* Disk or memory failed; the file may well be what it should be. */
static bool of_the_machine(sqlite3 *db)
{
	enum err e = store_error(sqlite3_errcode(db));

	return e != ERR_OK && e != ERR_STORE;
}

static enum err pragmas(struct store *s, const char *const *sql, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (sqlite3_exec(s->db, sql[i], NULL, NULL, NULL) != SQLITE_OK)
			return store_error(sqlite3_extended_errcode(s->db));
	return ERR_OK;
}

#define TEXT_OF_(x) #x
#define TEXT_OF(x)  TEXT_OF_(x)

static const char *const pragmas_both[] = {"PRAGMA mmap_size = 0", "PRAGMA temp_store = MEMORY", "PRAGMA locking_mode = NORMAL",
					   "PRAGMA foreign_keys = ON", "PRAGMA trusted_schema = OFF"};
static const char *const pragmas_write[] = {("PRAGMA page_size = " TEXT_OF(STORE_PAGE_SIZE)), "PRAGMA synchronous = FULL",
					    "PRAGMA secure_delete = ON", "PRAGMA wal_autocheckpoint = 0",
					    ("PRAGMA cache_size = -" TEXT_OF(WRITE_CACHE_KIB))};
static const char *const pragmas_read[] = {"PRAGMA query_only = ON", ("PRAGMA cache_size = -" TEXT_OF(READ_CACHE_KIB))};

static enum err schema_create(struct store *s)
{
	char version[96];

	snprintf(version, sizeof version, "PRAGMA application_id = %d; PRAGMA user_version = %d", STORE_APPLICATION, STORE_SCHEMA);
	enum err e = pragmas(s, (const char *const[]){"BEGIN IMMEDIATE"}, 1);
	if (e == ERR_OK)
		e = pragmas(s, schema, COUNT_OF(schema));
	if (e == ERR_OK)
		e = pragmas(s, (const char *const[]){version, "COMMIT"}, 2);
	return e;
}

#define OPENS_ONLY    "this one opens schema " TEXT_OF(STORE_SCHEMA)
#define OPENS_ONLY_AR "وهذا البرنامج يفتح المخطط " TEXT_OF(STORE_SCHEMA)

/* Which program opens it. */
static enum err another_version(struct fault *fault, const char *path, long long application, long long version)
{
	char found[64];

	snprintf(found, sizeof found, "application %llx, schema %lld", (unsigned long long)application, version);
	if (application != STORE_APPLICATION)
		return open_fault(fault, ERR_VERSION, path, found, "this file is not a ledger of mithaq", "هذا الملف ليس سجل ميثاق");
	if (version > STORE_SCHEMA)
		return open_fault(fault, ERR_VERSION, path, found, "a later mithaq made it: open it with that one or a newer; " OPENS_ONLY,
				  "صنعه إصدار لاحق من ميثاق فافتحه به أو بأحدث منه؛ " OPENS_ONLY_AR);
	return open_fault(fault, ERR_VERSION, path, found,
			  "a mithaq earlier than any release made it, and nothing converts it: open it with that one; " OPENS_ONLY,
			  "صنعه ميثاق أقدم من كل إصدار ولا شيء يحوّله، فافتحه بذلك؛ " OPENS_ONLY_AR);
}

static bool converts(long long application, long long version)
{
	return application == STORE_APPLICATION && version >= STORE_SCHEMA_BEFORE && version < STORE_SCHEMA;
}

static enum err schema_check(struct store *s, const char *path, struct fault *fault)
{
	long long application = number_of(s->db, "PRAGMA application_id");
	long long version = application < 0 ? -1 : number_of(s->db, "PRAGMA user_version");
	long long tables = version < 0 ? -1 : number_of(s->db, "SELECT count(*) FROM sqlite_schema");

	if (tables < 0 && of_the_machine(s->db))
		return store_error(sqlite3_errcode(s->db));
	if (tables < 0)
		return open_fault(fault, ERR_STORE, path, sqlite3_errmsg(s->db), "this file is not a ledger of mithaq", "هذا الملف ليس سجل ميثاق");
	if (application == STORE_APPLICATION && version == STORE_SCHEMA)
		return ERR_OK;
	if (converts(application, version))
		return ERR_OK; /* schema_convert comes when what the file shows is durable; a reader needs none of the new tables */
	if (s->mode == STORE_WRITE && application == 0 && version == 0 && tables == 0)
		return schema_create(s);
	return another_version(fault, path, application, version);
}

/*
 * The schema before becomes ours in one transaction, its number with it: whoever is killed amid this leaves the ledger
 * as it was, and the next one begins again. Nothing that was there is touched.
 */
static enum err schema_convert(struct store *s)
{
	static const char number[] = "PRAGMA user_version = " TEXT_OF(STORE_SCHEMA);
	enum err	  e = pragmas(s, (const char *const[]){"BEGIN IMMEDIATE"}, 1);

	if (e != ERR_OK)
		return e;
	long long found = number_of(s->db, "PRAGMA user_version");
	if (found < 0)
		return store_error(sqlite3_extended_errcode(s->db));
	if (found == STORE_SCHEMA)
		return pragmas(s, (const char *const[]){"ROLLBACK"}, 1);
	e = pragmas(s, schema_3, COUNT_OF(schema_3));
	return e == ERR_OK ? pragmas(s, (const char *const[]){number, "COMMIT"}, 2) : e;
}

static int wal_grew(void *arg, sqlite3 *db unused_arg, const char *name unused_arg, int pages)
{
	((struct store *)arg)->wal_pages = (uint64_t)pages;
	return SQLITE_OK;
}

/* The -wal and -shm files stay when the last one closes, so that a reader who may not create files can open them. */
static enum err set_up_files(struct store *s)
{
	int keep = 1;

	sqlite3_extended_result_codes(s->db, 1);
	sqlite3_busy_timeout(s->db, STORE_BUSY_MS);
	sqlite3_limit(s->db, SQLITE_LIMIT_ATTACHED, 0);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	return store_error(sqlite3_file_control(s->db, "main", SQLITE_FCNTL_PERSIST_WAL, &keep));
}

/* Reads all of a file and writes it back where it stood. */
static int file_write_again(sqlite3_file *file)
{
	uint8_t	      room[WAL_PIECE];
	sqlite3_int64 size = 0;
	int	      rc = file->pMethods->xFileSize(file, &size);

	for (sqlite3_int64 at = 0; rc == SQLITE_OK && at < size; at += WAL_PIECE) {
		int n = size - at < WAL_PIECE ? (int)(size - at) : WAL_PIECE;

		rc = file->pMethods->xRead(file, room, n, at);
		if (rc == SQLITE_OK)
			rc = file->pMethods->xWrite(file, room, n, at);
	}
	return rc == SQLITE_OK && size > 0 ? file->pMethods->xSync(file, SQLITE_SYNC_FULL) : rc;
}

/*
 * A sync that failed, in the life before this one, leaves pages of the WAL that every read still shows
 * and that no later sync writes: the kernel counts them as written. What is built on them would fall
 * with them when the power goes. So all that the WAL shows is written again before anything depends on it.
 */
static enum err wal_write_again(struct store *s)
{
	sqlite3_file *wal = NULL;
	enum err      e = pragmas(s, (const char *const[]){"BEGIN IMMEDIATE"}, 1);

	if (e != ERR_OK)
		return e;
	int rc = sqlite3_file_control(s->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);
	if (rc == SQLITE_OK && wal != NULL && wal->pMethods != NULL)
		rc = file_write_again(wal);
	e = pragmas(s, (const char *const[]){"ROLLBACK"}, 1);
	return rc == SQLITE_OK ? e : store_error(rc);
}

static enum err set_up(struct store *s, const char *path, struct fault *fault)
{
	enum err e = set_up_files(s);

	if (e == ERR_OK)
		e = pragmas(s, pragmas_both, COUNT_OF(pragmas_both));
	if (e == ERR_OK)
		e = s->mode == STORE_WRITE ? pragmas(s, pragmas_write, COUNT_OF(pragmas_write)) : pragmas(s, pragmas_read, COUNT_OF(pragmas_read));
	if (e != ERR_OK)
		return open_fault(fault, e, path, sqlite3_errmsg(s->db), "", "");
	bool wal = wal_is_on(s->db, s->mode == STORE_WRITE ? "PRAGMA journal_mode = WAL" : "PRAGMA journal_mode");
	if (!wal && of_the_machine(s->db))
		return open_fault(fault, store_error(sqlite3_errcode(s->db)), path, sqlite3_errmsg(s->db), "", "");
	if (!wal)
		return open_fault(fault, ERR_STORE, path, sqlite3_errmsg(s->db), "the ledger needs SQLite's WAL mode on a local file system",
				  "يحتاج السجل إلى نمط WAL على نظام ملفات محلي");
	e = schema_check(s, path, fault);
	if (e == ERR_OK && s->mode == STORE_WRITE)
		e = wal_write_again(s);
	if (e == ERR_OK && s->mode == STORE_WRITE)
		e = schema_convert(s);
	if (e != ERR_OK)
		return e == ERR_VERSION ? e : open_fault(fault, e, path, sqlite3_errmsg(s->db), "", "");
	s->page_size = (uint64_t)number_of(s->db, "PRAGMA page_size");
	if (s->mode == STORE_WRITE)
		sqlite3_wal_hook(s->db, wal_grew, s);
	return ERR_OK;
}

enum err store_open(const char *path, enum store_mode mode, struct store **out, struct fault *fault)
{
	int	      flags = mode == STORE_WRITE ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
	struct store *s = calloc(1, sizeof *s);

	if (s == NULL)
		return open_fault(fault, ERR_MEMORY, path, "", "", "");
	s->mode = mode;
	int	 rc = sqlite3_open_v2(path, &s->db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
	enum err e = rc == SQLITE_OK ? set_up(s, path, fault)
				     : open_fault(fault, store_error(rc), path, sqlite3_errstr(rc), "does the folder exist, and may we write there?",
						  "هل المجلد موجود، وهل يُسمح لنا بالكتابة فيه؟");
	if (e != ERR_OK) {
		store_close(s);
		return e;
	}
	*out = s;
	return ERR_OK;
}

/* ---- looking, without opening ---- */

static uint64_t bytes_of_file(const char *path, const char *ending)
{
	char	    name[1024];
	struct stat about;
	int	    n = snprintf(name, sizeof name, "%s%s", path, ending);

	return n > 0 && (size_t)n < sizeof name && stat(name, &about) == 0 ? (uint64_t)about.st_size : 0;
}

enum err store_look(const char *path, struct store_look *out, struct fault *fault)
{
	struct store_look look = {.bytes = bytes_of_file(path, "") + bytes_of_file(path, "-wal")};
	sqlite3		 *db = NULL;
	int		  rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);

	if (rc == SQLITE_OK) {
		sqlite3_busy_timeout(db, STORE_BUSY_MS);
		look.application = number_of(db, "PRAGMA application_id");
		look.schema = look.application < 0 ? -1 : number_of(db, "PRAGMA user_version");
		rc = look.schema < 0 ? sqlite3_extended_errcode(db) : SQLITE_OK;
	}
	sqlite3_close(db);
	if (rc != SQLITE_OK)
		return open_fault(fault, store_error(rc), path, sqlite3_errstr(rc), "is it there, and may we read it?",
				  "هل هو موجود، وهل يُسمح لنا بقراءته؟");
	look.ours = look.application == STORE_APPLICATION;
	look.converts = converts(look.application, look.schema);
	*out = look;
	return ERR_OK;
}

/* A broken store must not be checkpointed either: its pages may never have reached the disk. */
void store_close(struct store *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < STATEMENT_COUNT; i++)
		sqlite3_finalize(s->statement[i]);
	if (s->broken)
		sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_close(s->db);
	sums_done(s);
	free(s);
}

/* ---- turns ---- */

static enum err run_plain(struct store *s, enum statement which)
{
	scoped_query q = query_take(s, which);

	if (q.rc == SQLITE_OK)
		q.rc = sqlite3_step(q.stmt);
	return q.rc == SQLITE_DONE ? ERR_OK : store_complain(s, store_error(q.rc), "the turn", 0, 0);
}

enum err store_begin(struct store *s)
{
	if (s->broken)
		return ERR_DISK;
	if (s->begun)
		return ERR_OK;
	enum err e = run_plain(s, s->mode == STORE_WRITE ? STATEMENT_BEGIN_WRITE : STATEMENT_BEGIN_READ);
	s->begun = e == ERR_OK;
	s->broken = e != ERR_OK && s->mode == STORE_WRITE; /* or a turn could begin with its second row */
	return e;
}

enum err store_commit(struct store *s)
{
	if (s->broken)
		return ERR_DISK;
	if (!s->begun)
		return ERR_OK;
	if (sums_save(s) != ERR_OK)
		return ERR_DISK;
	s->begun = false;
	if (run_plain(s, STATEMENT_COMMIT) == ERR_OK)
		return ERR_OK;
	s->broken = s->mode == STORE_WRITE;
	return ERR_DISK;
}

bool store_open_turn(const struct store *s)
{
	return s->begun;
}
