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

#endif
