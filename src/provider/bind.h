/*
 * bind.h: an operator's SELECT with named parameters, made ready for a database that
 * knows only places.
 *
 *   SELECT reg_no, status FROM exporters WHERE reg_no = :registration
 *   SELECT reg_no, status FROM exporters WHERE reg_no = ?              registration
 *
 * Databases disagree about what a text is and where it ends. So this reads only what
 * all of them read alike, and refuses the rest: a backslash, a dollar quote, a bracket,
 * a brace, a `#`. A statement that needs those belongs in a view of the database.
 *
 * Comments are left out of what the database is given. The statement is one, begins with
 * SELECT or WITH, and no word that changes something stands outside of its quotes. That
 * catches mistakes; what the database's account may do decides.
 */
#ifndef MITHAQ_PROVIDER_BIND_H
#define MITHAQ_PROVIDER_BIND_H

#include "base/error.h"
#include "base/text.h"

#define BIND_STATEMENT_MOST  8192
#define BIND_PARAMETERS_MOST 64
#define BIND_NAME_MOST	     48

struct bind {
	char	 statement[BIND_STATEMENT_MOST + 1];
	unsigned n;
	char	 parameter[BIND_PARAMETERS_MOST][BIND_NAME_MOST + 1]; /* fields' names, by place; one may stand at several */
};

/* The fault's `found` is the piece that is not taken. */
enum err bind_read(const char *statement, struct bind *out, struct fault *fault) must_use;

/* "reg_no", as SQL writes it, is the field "reg-no". ERR_VALUE for what is no field's name. */
enum err bind_name(struct bytes sql, char out[BIND_NAME_MOST + 1]) must_use;

#endif
