#include "lists/designations.h"

#include <sqlite3.h>
#include <stdlib.h>

#include "base/builder.h"

#define BUSY_MS 5000 /* a provider that reads the same database is waited for this long */

struct designations {
	sqlite3			  *db;
	sqlite3_stmt		  *insert;
	struct designations_report report;
};

static const char INSERT[] = "INSERT OR IGNORE INTO designation VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)";
_Static_assert(UN_FIELDS == 17, "INSERT names one parameter per field");

/* A table made by an earlier version is left alone where its columns are ours; otherwise the INSERT says what is wrong. */
static const char CREATE[] = "CREATE TABLE IF NOT EXISTS designation("
			     "reference TEXT PRIMARY KEY NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, name_original_script TEXT, list_type TEXT,"
			     "listed_on TEXT, updated_on TEXT, gender TEXT, title TEXT, designation TEXT, nationality TEXT, aliases TEXT,"
			     "born TEXT, born_in TEXT, documents TEXT, addresses TEXT, comments TEXT) WITHOUT ROWID;"
			     "CREATE INDEX IF NOT EXISTS designation_name ON designation(name);"
			     "CREATE INDEX IF NOT EXISTS designation_original ON designation(name_original_script);"
			     "CREATE TEMP TABLE earlier AS SELECT reference FROM designation;"
			     "DELETE FROM designation;";

static enum err trouble(const struct designations *d, struct fault *fault)
{
	return fault_at(fault, ERR_STORE, 0, NULL, sqlite3_errmsg(d->db), "nothing was changed", "لم يتغير شيء");
}

static enum err run(struct designations *d, const char *sql, struct fault *fault)
{
	return sqlite3_exec(d->db, sql, NULL, NULL, NULL) == SQLITE_OK ? ERR_OK : trouble(d, fault);
}

static enum err begin(struct designations *d, const char *path, struct fault *fault)
{
	if (sqlite3_open_v2(path, &d->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW, NULL) != SQLITE_OK)
		return trouble(d, fault);
	sqlite3_busy_timeout(d->db, BUSY_MS);
	enum err e = run(d, "BEGIN IMMEDIATE", fault);
	if (e == ERR_OK)
		e = run(d, CREATE, fault);
	if (e == ERR_OK && sqlite3_prepare_v2(d->db, INSERT, -1, &d->insert, NULL) != SQLITE_OK)
		e = trouble(d, fault);
	return e;
}

enum err designations_begin(const char *path, struct designations **out, struct fault *fault)
{
	struct designations *d = calloc(1, sizeof *d);

	if (d == NULL)
		return ERR_MEMORY;
	enum err e = begin(d, path, fault);
	if (e != ERR_OK) {
		designations_close(d);
		return e;
	}
	*out = d;
	return ERR_OK;
}

static void note_duplicate(struct designations_report *r, const struct un_record *record)
{
	unsigned i = r->nduplicates;

	r->duplicates++;
	if (i == DESIGNATIONS_DUPLICATES_MOST)
		return;
	struct bytes   reference = record->field[UN_REFERENCE];
	struct builder b = builder_on(r->duplicate[i], sizeof r->duplicate[i] - 1);
	build_copy(&b, reference.at, reference.n < b.room ? reference.n : b.room);
	r->duplicate_line[i] = record->line;
	r->nduplicates++;
}

/* Empty fields are NULL in the table, but for the name: a record may lack one, and its column may not. */
static int bind_field(sqlite3_stmt *insert, int at, struct bytes v, bool never_null)
{
	if (v.n == 0 && !never_null)
		return sqlite3_bind_null(insert, at);
	return sqlite3_bind_text(insert, at, v.n > 0 ? (const char *)v.at : "", (int)v.n, SQLITE_STATIC);
}

enum err designations_add(void *designations, const struct un_record *record)
{
	struct designations *d = designations;
	int		     bad = 0;

	for (int i = 0; i < (int)UN_FIELDS; i++)
		bad |= bind_field(d->insert, i + 1, record->field[i], i == UN_NAME) != SQLITE_OK;
	bad |= sqlite3_step(d->insert) != SQLITE_DONE;
	sqlite3_reset(d->insert);
	sqlite3_clear_bindings(d->insert);
	if (bad)
		return ERR_STORE;
	if (sqlite3_changes(d->db) == 0)
		note_duplicate(&d->report, record);
	else
		d->report.loaded++;
	return ERR_OK;
}

static enum err count(struct designations *d, const char *sql, unsigned *out, struct fault *fault)
{
	sqlite3_stmt *q = NULL;
	enum err      e = ERR_OK;

	if (sqlite3_prepare_v2(d->db, sql, -1, &q, NULL) == SQLITE_OK && sqlite3_step(q) == SQLITE_ROW)
		*out = (unsigned)sqlite3_column_int(q, 0);
	else
		e = trouble(d, fault);
	sqlite3_finalize(q);
	return e;
}

enum err designations_commit(struct designations *d, struct designations_report *report, struct fault *fault)
{
	enum err e = count(d, "SELECT count(*) FROM designation WHERE reference NOT IN (SELECT reference FROM earlier)", &d->report.fresh, fault);

	if (e == ERR_OK)
		e = count(d, "SELECT count(*) FROM earlier WHERE reference NOT IN (SELECT reference FROM designation)", &d->report.gone, fault);
	if (e == ERR_OK)
		e = run(d, "COMMIT", fault);
	if (e == ERR_OK)
		*report = d->report;
	return e;
}

void designations_close(struct designations *d)
{
	if (d == NULL)
		return;
	sqlite3_finalize(d->insert);
	sqlite3_close(d->db); /* rolls back an open transaction */
	free(d);
}
