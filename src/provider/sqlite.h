/*
 * sqlite.h: one SQLite database of the answering authority and the one
 * statement that a clause may run on it.
 *
 * The database is opened for reading only. The statement must be a single SELECT;
 * an authorizer refuses everything but reading, also in views and functions.
 * Parameters are request fields and columns are answer fields; where a field's name
 * has a hyphen, SQL may write an underscore:
 *
 *   SELECT status, released_on FROM declarations WHERE number = :declaration
 *
 * answers "released-on". Request fields that were not given are NULL, and columns
 * that are NULL are left out. What a row holds never appears in an error.
 */
#ifndef MITHAQ_PROVIDER_SQLITE_H
#define MITHAQ_PROVIDER_SQLITE_H

#include "agreement/agreement.h"
#include "wire/fields.h"

#define SOURCE_PARAMETERS_MOST FIELDS_MOST

struct sqlite_source;

/*
 * With `clause` (or NULL) every parameter must be one of its request fields and every
 * column one of its answer fields; it is not looked at later. The fault says what is wrong with database or statement.
 */
enum err sqlite_source_open(const char *path, const char *statement, const struct clause *clause, struct sqlite_source **out,
			    struct fault *fault) must_use;
void	 sqlite_source_close(struct sqlite_source *p); /* accepts NULL */

/* Lookups between begin and end see one state of the database and lock it once. Opens it again when another file stands at its path. */
enum err sqlite_source_begin(struct sqlite_source *p) must_use;
void	 sqlite_source_end(struct sqlite_source *p);

/*
 * ERR_OK: `out` holds the answer; its views live until the next call. ERR_NOT_FOUND: no row.
 * ERR_DUPLICATE: more than one row. ERR_BUSY: not done after `most_ms`. ERR_VALUE: a column is
 * not text that may be sent. Anything else is the database's trouble.
 */
enum err sqlite_source_lookup(struct sqlite_source *p, const struct fields *ask, unsigned most_ms, struct fields *out) must_use;

#endif
