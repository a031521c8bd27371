#include "provider/sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include <sqlite3.h>

#define PROGRESS_STEPS	  1000 /* virtual machine steps between two looks at the clock */
#define SOURCE_BUSY_MS	  250  /* how long a writer of the authority's own may hold its lock */
#define SOURCE_CACHE_KIB  8192
#define SOURCE_VALUE_MOST 1048576 /* bytes SQLite may build for one value on the way */
#define ROW_MOST	  65536	  /* names and values of one answer */
#define STATEMENT_MOST	  16384

#define TEXT_OF_(x) #x
#define TEXT_OF(x)  TEXT_OF_(x)

struct sqlite_source {
	sqlite3		    *db;
	sqlite3_stmt	    *begin, *end, *select;
	const struct clause *clause; /* only while it is being opened */
	char		     path[1024], statement[STATEMENT_MOST];
	dev_t		     device; /* which file we opened */
	ino_t		     inode;
	bool		     ours; /* a statement of our own is being prepared */
	bool		     begun;
	uint64_t	     deadline_ms;
	int		     nparameters;
	char		     parameter[SOURCE_PARAMETERS_MOST][NAME_MOST + 1]; /* request field names, by place */
	uint8_t		     row[ROW_MOST];
};

/* ---- what the statement may do ---- */

static const char *const forbidden_functions[] = {"load_extension", "fts3_tokenizer", "randomblob", "zeroblob"};

static int function_allowed(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(forbidden_functions); i++)
		if (name == NULL || sqlite3_stricmp(name, forbidden_functions[i]) == 0)
			return SQLITE_DENY;
	return SQLITE_OK;
}

/* Reading, and what full-text tables ask on the way; nothing else. */
static int authorize(void *arg, int action, const char *first, const char *second, const char *database unused_arg, const char *trigger unused_arg)
{
	const struct sqlite_source *p = arg;

	switch (action) {
	case SQLITE_SELECT:
	case SQLITE_READ:
	case SQLITE_RECURSIVE:
		return SQLITE_OK;
	case SQLITE_FUNCTION:
		return function_allowed(second);
	case SQLITE_PRAGMA:
		return first != NULL && second == NULL && strcmp(first, "data_version") == 0 ? SQLITE_OK : SQLITE_DENY;
	case SQLITE_TRANSACTION:
		return p->ours ? SQLITE_OK : SQLITE_DENY;
	default:
		return SQLITE_DENY;
	}
}

static uint64_t monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int time_is_up(void *arg)
{
	const struct sqlite_source *p = arg;

	return p->deadline_ms != 0 && monotonic_ms() > p->deadline_ms;
}

/* ---- names: SQL's underscore is our hyphen ---- */

static bool name_of_sql(const char *sql, char out[NAME_MOST + 1])
{
	size_t n = strlen(sql);

	if (n == 0 || n > NAME_MOST)
		return false;
	for (size_t i = 0; i <= n; i++)
		out[i] = (char)(sql[i] == '_' ? '-' : sql[i]);
	return name_check(bytes_text(out)) == ERR_OK;
}

static bool rule_named(const struct field_rule *rules, unsigned n, const char *name)
{
	for (unsigned i = 0; i < n; i++)
		if (strcmp(rules[i].name, name) == 0)
			return true;
	return false;
}

/* ---- opening: the database, the statement, its parameters, its columns ---- */

static enum err refuse(struct fault *fault, enum err e, const char *at, const char *found, const char *help, const char *help_ar)
{
	return fault_at(fault, e, 0, at, found, help, help_ar);
}

/* Then what else seems wrong with database or statement is not their fault. */
static bool no_memory(const struct sqlite_source *p)
{
	return (sqlite3_errcode(p->db) & 0xff) == SQLITE_NOMEM;
}

static enum err unreadable(struct sqlite_source *p, struct fault *fault)
{
	int rc = sqlite3_extended_errcode(p->db) & 0xff;

	if (rc == SQLITE_CANTOPEN || rc == SQLITE_READONLY)
		return refuse(fault, ERR_FILE, p->path, sqlite3_errmsg(p->db),
			      "does it exist, and may we read it? a database in WAL mode also needs its -shm file, writable for us, "
			      "or `PRAGMA journal_mode = DELETE`",
			      "هل هو موجود ويُسمح لنا بقراءته؟ وقاعدة البيانات بنمط WAL "
			      "تحتاج أيضًا إلى ملف ‎-shm‎ قابل للكتابة "
			      "أو إلى إلغاء هذا النمط");
	return refuse(fault, ERR_STORE, p->path, sqlite3_errmsg(p->db), "this file is not a database that SQLite can read",
		      "هذا الملف ليس قاعدة بيانات تستطيع SQLite قراءتها");
}

static void limits_set(sqlite3 *db)
{
	sqlite3_extended_result_codes(db, 1);
	sqlite3_busy_timeout(db, SOURCE_BUSY_MS);
	sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
	sqlite3_limit(db, SQLITE_LIMIT_LENGTH, SOURCE_VALUE_MOST);
	sqlite3_limit(db, SQLITE_LIMIT_VARIABLE_NUMBER, SOURCE_PARAMETERS_MOST);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
}

/* The count reads the schema, and with it opens -wal and -shm where the database has them: before the promise. */
static enum err database_open(struct sqlite_source *p, struct fault *fault)
{
	static const char setup[] = "PRAGMA query_only = ON; PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0;"
				    "PRAGMA cache_size = -" TEXT_OF(SOURCE_CACHE_KIB) "; SELECT count(*) FROM sqlite_schema";
	struct stat	  about;

	if (sqlite3_open_v2(p->path, &p->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK || stat(p->path, &about) != 0)
		return unreadable(p, fault);
	limits_set(p->db);
	if (sqlite3_exec(p->db, setup, NULL, NULL, NULL) != SQLITE_OK)
		return unreadable(p, fault);
	p->device = about.st_dev;
	p->inode = about.st_ino;
	return ERR_OK;
}

/* Only white space and comments may follow: preparing them gives no statement. */
static bool nothing_behind(sqlite3 *db, const char *tail)
{
	sqlite3_stmt *more = NULL;
	bool	      nothing = sqlite3_prepare_v2(db, tail, -1, &more, NULL) == SQLITE_OK && more == NULL;

	sqlite3_finalize(more);
	return nothing;
}

static enum err statement_prepare(struct sqlite_source *p, struct fault *fault)
{
	const char *tail = NULL;

	sqlite3_set_authorizer(p->db, authorize, p);
	p->ours = true;
	bool turns = sqlite3_prepare_v3(p->db, "BEGIN", -1, SQLITE_PREPARE_PERSISTENT, &p->begin, NULL) == SQLITE_OK &&
		     sqlite3_prepare_v3(p->db, "COMMIT", -1, SQLITE_PREPARE_PERSISTENT, &p->end, NULL) == SQLITE_OK;
	p->ours = false;
	if (!turns)
		return unreadable(p, fault);
	if (sqlite3_prepare_v3(p->db, p->statement, -1, SQLITE_PREPARE_PERSISTENT, &p->select, &tail) != SQLITE_OK || p->select == NULL)
		return refuse(fault, ERR_VALUE, "statement", sqlite3_errmsg(p->db), "a provider has one SELECT that only reads",
			      "للمزوّد عبارة SELECT واحدة للقراءة فقط");
	if (!sqlite3_stmt_readonly(p->select) || sqlite3_stmt_isexplain(p->select) != 0 || sqlite3_column_count(p->select) == 0)
		return refuse(fault, ERR_VALUE, "statement", "it does not read rows", "a provider has one SELECT that only reads",
			      "للمزوّد عبارة SELECT واحدة للقراءة فقط");
	if (!nothing_behind(p->db, tail))
		return refuse(fault, ERR_VALUE, "statement", "there is more behind it", "a provider has one SELECT and nothing behind it",
			      "للمزوّد عبارة SELECT واحدة لا يتبعها شيء");
	return ERR_OK;
}

static enum err parameters_read(struct sqlite_source *p, struct fault *fault)
{
	p->nparameters = sqlite3_bind_parameter_count(p->select);
	for (int i = 0; i < p->nparameters; i++) {
		const char *sql = sqlite3_bind_parameter_name(p->select, i + 1);
		if (sql == NULL || sql[0] != ':' || !name_of_sql(sql + 1, p->parameter[i]))
			return refuse(fault, ERR_VALUE, "statement", sql == NULL ? "?" : sql, "a parameter is :name, the name of a request field",
				      "المعامل يُكتب ‎:name‎ باسم حقل من حقول الطلب");
		if (p->clause != NULL && !rule_named(p->clause->request, p->clause->nrequest, p->parameter[i]))
			return refuse(fault, ERR_VALUE, "statement", sql,
				      "the clause has no such request field; a hyphen in a field's name is written _ here",
				      "ليس في البند حقل طلب بهذا الاسم؛ وتُكتب الشرطة في اسم الحقل هنا _");
	}
	return ERR_OK;
}

static enum err columns_check(struct sqlite_source *p, struct fault *fault)
{
	char name[NAME_MOST + 1];

	for (int i = 0; i < sqlite3_column_count(p->select); i++) {
		const char *sql = sqlite3_column_name(p->select, i);
		if (sql == NULL || !name_of_sql(sql, name))
			return refuse(fault, ERR_VALUE, "statement", sql, "a column needs the name of an answer field: add AS \"name\"",
				      "يلزم أن يحمل العمود اسم حقل من حقول الجواب: أضف AS \"name\"");
		if (p->clause != NULL && !rule_named(p->clause->answer, p->clause->nanswer, name))
			return refuse(fault, ERR_VALUE, "statement", sql, "the clause has no such answer field, so this column may not be read",
				      "ليس في البند حقل جواب بهذا الاسم فلا يجوز قراءة هذا العمود");
	}
	return ERR_OK;
}

static void database_close(struct sqlite_source *p)
{
	sqlite3_finalize(p->begin);
	sqlite3_finalize(p->end);
	sqlite3_finalize(p->select);
	sqlite3_close(p->db);
	p->db = NULL;
	p->begin = p->end = p->select = NULL;
	p->begun = false;
}

static enum err provider_connect(struct sqlite_source *p, struct fault *fault)
{
	enum err e = database_open(p, fault);

	if (e == ERR_OK)
		e = statement_prepare(p, fault);
	if (e == ERR_OK)
		e = parameters_read(p, fault);
	if (e == ERR_OK)
		e = columns_check(p, fault);
	if (e == ERR_OK)
		sqlite3_progress_handler(p->db, PROGRESS_STEPS, time_is_up, p);
	else if (no_memory(p))
		e = refuse(fault, ERR_MEMORY, p->path, "", "", "");
	if (e != ERR_OK)
		database_close(p);
	return e;
}

enum err sqlite_source_open(const char *path, const char *statement, const struct clause *clause, struct sqlite_source **out, struct fault *fault)
{
	struct sqlite_source *p = calloc(1, sizeof *p);

	if (p == NULL)
		return refuse(fault, ERR_MEMORY, path, "", "", "");
	p->clause = clause;
	int	 path_n = snprintf(p->path, sizeof p->path, "%s", path);
	int	 statement_n = snprintf(p->statement, sizeof p->statement, "%s", statement);
	enum err e = ERR_TOO_LONG;
	if ((size_t)path_n < sizeof p->path && (size_t)statement_n < sizeof p->statement)
		e = provider_connect(p, fault);
	else
		refuse(fault, e, "statement", "", "a path has at most 1,023 bytes and a statement 16,383",
		       "الحد الأقصى للمسار 1023 بايت وللعبارة 16383");
	p->clause = NULL;
	if (e != ERR_OK) {
		sqlite_source_close(p);
		return e;
	}
	*out = p;
	return ERR_OK;
}

void sqlite_source_close(struct sqlite_source *p)
{
	if (p == NULL)
		return;
	database_close(p);
	free(p);
}

/* ---- lookups ---- */

static enum err run_own(struct sqlite_source *p, sqlite3_stmt *stmt)
{
	p->ours = true; /* SQLite may prepare it again */
	int rc = sqlite3_step(stmt);
	sqlite3_reset(stmt);
	p->ours = false;
	return rc == SQLITE_DONE ? ERR_OK : ERR_STORE;
}

static bool another_file(const struct sqlite_source *p)
{
	struct stat about;

	return stat(p->path, &about) == 0 && (about.st_dev != p->device || about.st_ino != p->inode);
}

enum err sqlite_source_begin(struct sqlite_source *p)
{
	if (p->begun)
		return ERR_OK;
	if (p->db == NULL || another_file(p)) {
		database_close(p);
		enum err e = provider_connect(p, NULL);
		if (e != ERR_OK)
			return e;
	}
	enum err e = run_own(p, p->begin);
	p->begun = e == ERR_OK;
	return e;
}

/* After some errors SQLite has ended the transaction itself; then there is nothing to end. */
void sqlite_source_end(struct sqlite_source *p)
{
	if (p->db == NULL)
		return;
	sqlite3_reset(p->select);
	sqlite3_clear_bindings(p->select);
	if (p->begun && !sqlite3_get_autocommit(p->db) && run_own(p, p->end) != ERR_OK)
		database_close(p);
	p->begun = false;
}

static enum err bind(struct sqlite_source *p, const struct fields *ask)
{
	int rc = SQLITE_OK;

	sqlite3_reset(p->select);
	sqlite3_clear_bindings(p->select);
	for (int i = 0; i < p->nparameters && rc == SQLITE_OK; i++) {
		const struct field *f = fields_find(ask, p->parameter[i]);
		if (f != NULL)
			rc = sqlite3_bind_text64(p->select, i + 1, (const char *)f->value.at, f->value.n, SQLITE_STATIC, SQLITE_UTF8);
	}
	return rc == SQLITE_OK ? ERR_OK : ERR_STORE;
}

static enum err step(struct sqlite_source *p, bool *row)
{
	int rc = sqlite3_step(p->select);

	*row = rc == SQLITE_ROW;
	if (rc == SQLITE_ROW || rc == SQLITE_DONE)
		return ERR_OK;
	return (rc & 0xff) == SQLITE_INTERRUPT || (rc & 0xff) == SQLITE_BUSY ? ERR_BUSY : ERR_STORE;
}

/* Copies one piece into the row's memory, so that it outlives the statement's next step. */
static struct bytes keep(struct builder *b, const void *at, size_t n)
{
	uint8_t *into = build_reserve(b, n);

	if (into == NULL)
		return BYTES_NONE;
	memcpy(into, at, n);
	return bytes_of(into, n);
}

static enum err column_take(struct sqlite_source *p, int i, struct builder *b, struct fields *out)
{
	char name[NAME_MOST + 1];
	int  type = sqlite3_column_type(p->select, i);

	if (type == SQLITE_NULL)
		return ERR_OK;
	const char *sql = sqlite3_column_name(p->select, i);
	const void *text = sqlite3_column_text(p->select, i);
	if (text == NULL && no_memory(p))
		return ERR_STORE;
	if (type == SQLITE_BLOB || sql == NULL || text == NULL || !name_of_sql(sql, name))
		return ERR_VALUE;
	struct bytes key = keep(b, name, strlen(name)), value = keep(b, text, (size_t)sqlite3_column_bytes(p->select, i));
	if (b->err != ERR_OK)
		return ERR_VALUE;
	return fields_add(out, key, value) == ERR_OK ? ERR_OK : ERR_VALUE;
}

static enum err row_take(struct sqlite_source *p, struct fields *out)
{
	struct builder b = builder_on(p->row, sizeof p->row);
	enum err       e = ERR_OK;

	for (int i = 0; i < sqlite3_column_count(p->select) && e == ERR_OK; i++)
		e = column_take(p, i, &b, out);
	return e;
}

static enum err one_row(struct sqlite_source *p, const struct fields *ask, struct fields *out)
{
	struct fields found = {0};
	bool	      row, more;

	enum err e = bind(p, ask);
	if (e == ERR_OK)
		e = step(p, &row);
	if (e != ERR_OK)
		return e;
	if (!row)
		return ERR_NOT_FOUND;
	e = row_take(p, &found);
	if (e == ERR_OK)
		e = step(p, &more);
	if (e != ERR_OK)
		return e;
	if (more)
		return ERR_DUPLICATE;
	*out = found;
	return ERR_OK;
}

enum err sqlite_source_lookup(struct sqlite_source *p, const struct fields *ask, unsigned most_ms, struct fields *out)
{
	bool	 alone = !p->begun;
	enum err e = sqlite_source_begin(p);

	if (e != ERR_OK)
		return e;
	p->deadline_ms = monotonic_ms() + most_ms;
	e = one_row(p, ask, out);
	p->deadline_ms = 0;
	sqlite3_reset(p->select);
	if (alone || e == ERR_STORE)
		sqlite_source_end(p);
	if (e == ERR_STORE) /* the next lookup opens it anew */
		database_close(p);
	return e;
}
