/*
 * journal.h: one line per event on standard error, JSON when it is not a terminal
 * (or MITHAQ_LOG=json), with level, process, code and ids; never content.
 */
#ifndef MITHAQ_PROC_JOURNAL_H
#define MITHAQ_PROC_JOURNAL_H

#include "base/attrs.h"
#include "base/error.h"

enum level { LEVEL_ERROR, LEVEL_WARNING, LEVEL_INFO, LEVEL_DEBUG };

void journal_open(const char *process, const char *partner); /* names this process; partner may be NULL */
void journal(enum level level, const char *code, const char *format, ...) prints(3, 4);

/* What a line is about, as keys of its JSON; each may be NULL or empty. Names and ids only: nobody's content. */
struct journal_about {
	const char *id;	     /* of the exchange, as people read it: q_... */
	const char *partner; /* instead of this process's own */
	const char *clause;  /* "channel/name" */
};
void journal_about(enum level level, const char *code, const struct journal_about *about, const char *format, ...) prints(4, 5);

#endif
