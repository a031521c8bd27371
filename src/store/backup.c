#include "store/backup.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/inside.h"
#include "store/schema.h"

#define COPY_PAGES 1024 /* between two looks at the progress */

/* ---- the copy ---- */

static enum err copy_steps(sqlite3 *to, struct store *s, store_progress_fn *progress, void *arg)
{
	sqlite3_backup *b = sqlite3_backup_init(to, "main", s->db, "main");
	int		rc = SQLITE_OK;

	if (b == NULL)
		return store_error(sqlite3_extended_errcode(to));
	while (rc == SQLITE_OK) {
		rc = sqlite3_backup_step(b, COPY_PAGES);
		if (progress != NULL)
			progress(arg, (uint64_t)(sqlite3_backup_pagecount(b) - sqlite3_backup_remaining(b)), (uint64_t)sqlite3_backup_pagecount(b));
	}
	int end = sqlite3_backup_finish(b);
	return rc == SQLITE_DONE ? store_error(end) : store_error(rc);
}

/* One fsync at the end instead of a journal: a copy that was not finished is thrown away. */
static const char *const copy_pragmas = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA temp_store = MEMORY;";

static enum err file_sync(const char *path)
{
	int	 fd = open(path, O_RDONLY | O_CLOEXEC);
	enum err e = fd >= 0 && fsync(fd) == 0 ? ERR_OK : ERR_DISK;

	if (fd >= 0)
		close(fd);
	return e;
}

enum err store_copy(struct store *s, const char *to, store_progress_fn *progress, void *arg)
{
	sqlite3 *db = NULL;
	int	 rc = sqlite3_open_v2(to, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, copy_pragmas, NULL, NULL, NULL);
	enum err e = rc == SQLITE_OK ? copy_steps(db, s, progress, arg) : store_error(rc);
	sqlite3_close(db);
	return e == ERR_OK ? file_sync(to) : e;
}

/* ---- looking at a copy ---- */

/* "file:PATH?immutable=1" with what an URI reads otherwise in %XX. */
static enum err uri_write(const char *path, char *out, size_t size)
{
	struct builder b = builder_on(out, size - 1);

	build_text(&b, "file:");
	for (const char *at = path; *at != '\0'; at++)
		if (*at == '%' || *at == '?' || *at == '#')
			build_format(&b, "%%%02x", (unsigned)*at);
		else
			build_u8(&b, (uint8_t)*at);
	build_text(&b, "?immutable=1");
	out[b.n] = '\0';
	return b.err;
}

static enum err number_of(struct store *s, const char *sql, int64_t *out)
{
	sqlite3_stmt *stmt = NULL;
	int	      rc = sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		*out = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return rc == SQLITE_ROW ? ERR_OK : store_error(rc == SQLITE_DONE ? SQLITE_CORRUPT : rc);
}

static enum err copy_set_up(struct store *s, struct fault *fault)
{
	static const char pragmas[] =
		"PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON;";
	int64_t application = 0, version = 0;
	char	found[64];

	sqlite3_limit(s->db, SQLITE_LIMIT_ATTACHED, 0);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	enum err e = store_error(sqlite3_exec(s->db, pragmas, NULL, NULL, NULL));
	if (e == ERR_OK)
		e = number_of(s, "PRAGMA application_id", &application);
	if (e == ERR_OK)
		e = number_of(s, "PRAGMA user_version", &version);
	if (e != ERR_OK)
		return fault_at(fault, e, 0, "ledger.db", sqlite3_errmsg(s->db), "", "");
	if (application == STORE_APPLICATION && version >= STORE_SCHEMA_BEFORE && version <= STORE_SCHEMA)
		return ERR_OK; /* one of the schema before is converted by the core that opens it */
	snprintf(found, sizeof found, "application %llx, schema %lld", (unsigned long long)application, (long long)version);
	return fault_at(fault, ERR_VERSION, 0, "ledger.db", found, "restore it with the version of mithaq that made it",
			"استعدها بإصدار ميثاق الذي أنشأها");
}

enum err store_open_copy(const char *path, struct store **out, struct fault *fault)
{
	char	      uri[4096];
	struct store *s = calloc(1, sizeof *s);

	if (s == NULL || uri_write(path, uri, sizeof uri) != ERR_OK) {
		free(s);
		return fault_at(fault, s == NULL ? ERR_MEMORY : ERR_TOO_LONG, 0, path, "", "", "");
	}
	s->mode = STORE_READ;
	int	 rc = sqlite3_open_v2(uri, &s->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
	enum err e = rc == SQLITE_OK ? copy_set_up(s, fault) : fault_at(fault, store_error(rc), 0, "ledger.db", sqlite3_errstr(rc), "", "");
	if (e != ERR_OK) {
		store_close(s);
		return e;
	}
	*out = s;
	return ERR_OK;
}

/* A trigger or a view would be somebody else's words in our ledger. */
static enum err tables_only(struct store *s)
{
	int64_t	 others = 0;
	enum err e = number_of(s, "SELECT count(*) FROM sqlite_schema WHERE type NOT IN ('table', 'index')", &others);

	return e != ERR_OK ? e : others == 0 ? ERR_OK : ERR_STORE;
}

enum err store_check_copy(struct store *s, struct fault *fault)
{
	sqlite3_stmt *stmt = NULL;
	char	      found[sizeof fault->found] = "";
	int	      rc = sqlite3_prepare_v2(s->db, "PRAGMA quick_check(1)", -1, &stmt, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		snprintf(found, sizeof found, "%s", (const char *)sqlite3_column_text(stmt, 0));
	sqlite3_finalize(stmt);
	enum err e = rc != SQLITE_ROW ? ERR_STORE : strcmp(found, "ok") != 0 ? ERR_STORE : tables_only(s);
	if (e == ERR_OK)
		return ERR_OK;
	return fault_at(fault, e, 0, "ledger.db", found, "SQLite's own check of this ledger fails: take another backup",
			"أخفق فحص SQLite لهذا السجل: خذ نسخة احتياطية أخرى");
}

/* ---- heads ---- */

struct heads {
	const char		*self;
	struct archive_manifest *manifest;
	enum err		 err;
};

/* The same channel and direction: everything before the epoch. */
static bool same_direction(const struct archive_head *a, const struct archive_head *b)
{
	size_t n = strlen(a->origin), epoch = 2 * EPOCH_SIZE;

	return a->own == b->own && n == strlen(b->origin) && n > epoch && memcmp(a->origin, b->origin, n - epoch) == 0;
}

/* Rows come in order of opening, so a later one of the same direction is the newer; an epoch of ours that was taken in again came later than it was.
 */
static bool head_take(void *arg, const struct log_row *row)
{
	struct heads	   *h = arg;
	struct archive_head head = {.own = row->own, .size = row->frontier.size, .receipted = row->receipt.size};

	if (row->own && row->naming.adopted)
		return true;
	head.root = frontier_root(&row->frontier);
	h->err = store_log_origin(h->self, row, head.origin);
	if (h->err != ERR_OK)
		return false;
	for (unsigned i = 0; i < h->manifest->nheads; i++)
		if (same_direction(&h->manifest->head[i], &head)) {
			h->manifest->head[i] = head;
			return true;
		}
	h->err = archive_head_add(h->manifest, &head);
	return h->err == ERR_OK;
}

enum err store_heads(struct store *s, const char *self, struct archive_manifest *m)
{
	struct heads h = {.self = self, .manifest = m};
	enum err     e = store_logs(s, NULL, NULL, head_take, &h);

	return e != ERR_OK ? e : h.err;
}

static bool head_same(const struct archive_head *a, const struct archive_head *b)
{
	return a->own == b->own && strcmp(a->origin, b->origin) == 0 && a->size == b->size && hash_equal(&a->root, &b->root) &&
	       a->receipted == b->receipted;
}

static enum err heads_compare(struct store *s, const struct archive_manifest *m, struct fault *fault)
{
	struct archive_manifest *held = calloc(1, sizeof *held);
	enum err		 e = held == NULL ? ERR_MEMORY : store_heads(s, m->party, held);
	bool			 same = e == ERR_OK && held->nheads == m->nheads;

	for (unsigned i = 0; same && i < m->nheads; i++)
		same = head_same(&held->head[i], &m->head[i]);
	if (held != NULL)
		archive_manifest_done(held);
	free(held);
	if (e != ERR_OK)
		return fault_at(fault, e, 0, "ledger.db", store_fault(s)->found, "", "");
	return same ? ERR_OK
		    : fault_at(fault, ERR_ROOT, 0, "ledger.db", "", "the manifest tells other logs than this ledger holds",
			       "يذكر البيان سجلات غير التي في هذا السجل");
}

enum err store_examine(const char *path, const struct archive_manifest *m, struct fault *fault)
{
	struct store *s = NULL;
	enum err      e = store_open_copy(path, &s, fault);

	if (e == ERR_OK && s != NULL)
		e = store_check_copy(s, fault);
	if (e == ERR_OK)
		e = heads_compare(s, m, fault);
	store_close(s);
	return e;
}

/* ---- alone with a ledger ---- */

/* With exclusive locking the locks of the first write stay until the connection closes. */
static int lock_and_settle(sqlite3 *db)
{
	int rc = sqlite3_exec(db, "PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; COMMIT", NULL, NULL, NULL);

	return rc == SQLITE_OK ? sqlite3_wal_checkpoint_v2(db, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) : rc;
}

enum err store_lock_take(const char *path, struct store_lock *out)
{
	sqlite3 *db = NULL;
	int	 keep = 1;
	int	 rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);

	if (rc == SQLITE_OK) {
		/* What stands under these names when it closes may be another ledger. */
		sqlite3_file_control(db, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
		sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
		rc = lock_and_settle(db);
	}
	if (rc != SQLITE_OK) {
		sqlite3_close(db);
		return store_error(rc);
	}
	out->db = db;
	return ERR_OK;
}

void store_lock_free(struct store_lock *lock)
{
	sqlite3_close(lock->db);
	lock->db = NULL;
}
