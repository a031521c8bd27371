/*
 * provider.c: an authority's own database and the statement that an operator wrote.
 * Input: u8 which | bytes: 0, a statement over a sound database; else a file that claims
 * to be a database. Nothing that is asked changes the file.
 */
#include <sqlite3.h>

#include "folder.h"
#include "provider/sqlite.h"

#define DATABASE_MOST (256u * 1024)
#define PATIENCE_MS   200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {"sound.db", "foreign.db", "foreign.db-wal", "foreign.db-shm", "foreign.db-journal", "sound.db-journal"};
static uint8_t		 sound[DATABASE_MOST];
static size_t		 nsound;

static void sound_make(void)
{
	sqlite3 *db = NULL;

	if (nsound > 0)
		return;
	must(sqlite3_open(folder_path("sound.db"), &db) == SQLITE_OK);
	must(sqlite3_exec(db,
			  "CREATE TABLE declarations (number TEXT PRIMARY KEY, status TEXT, released_on TEXT, office INTEGER);"
			  "INSERT INTO declarations VALUES ('2026-1', 'released', '2026-11-20', 3), ('2026-2', 'held', NULL, 4);"
			  "CREATE VIEW held AS SELECT number, status FROM declarations WHERE status = 'held';",
			  NULL, NULL, NULL) == SQLITE_OK);
	must(sqlite3_close(db) == SQLITE_OK);
	int	fd = open(folder_path("sound.db"), O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, sound, sizeof sound);
	must(fd >= 0 && n > 0 && close(fd) == 0);
	nsound = (size_t)n;
}

static void ask(const char *database, const char *statement)
{
	struct sqlite_source *p = NULL;
	struct fault	      fault = {0};
	struct fields	      question = {0}, answer = {0};
	char		      line[1024];

	must(fields_add(&question, bytes_text("declaration"), bytes_text("2026-1")) == ERR_OK);
	if (sqlite_source_open(folder_path(database), statement, NULL, &p, &fault) != ERR_OK) {
		fault_print(&fault, database, LANG_AR, line, sizeof line);
		return;
	}
	if (sqlite_source_begin(p) == ERR_OK) {
		if (sqlite_source_lookup(p, &question, PATIENCE_MS, &answer) == ERR_OK)
			must(answer.n <= FIELDS_MOST);
		sqlite_source_end(p);
	}
	sqlite_source_close(p);
}

static void statement_try(struct bytes text)
{
	char *statement = malloc(text.n + 1);

	must(statement != NULL);
	memcpy(statement, text.at, text.n);
	statement[text.n] = 0;
	ask("sound.db", statement);
	must(folder_has("sound.db", bytes_of(sound, nsound)));
	free(statement);
}

/* A journal that a broken file claims to need is not written: it was opened for reading only. */
static void database_try(struct bytes file)
{
	folder_put("foreign.db", file);
	ask("foreign.db", "SELECT status, released_on FROM declarations WHERE number = :declaration");
	must(folder_has("foreign.db", file));
	for (unsigned i = 2; i < COUNT_OF(names); i++)
		(void)unlink(folder_path(names[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0 || size > DATABASE_MOST)
		return 0;
	folder_open(names, COUNT_OF(names));
	sound_make();
	if (data[0] == 0)
		statement_try(bytes_of(data + 1, size - 1));
	else
		database_try(bytes_of(data + 1, size - 1));
	return 0;
}
