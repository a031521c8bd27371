/*
 * inspect.h: looks at all that a gateway of this configuration will read at its start:
 * papers, keys, certificate, credentials. Nothing is changed, nothing is opened for
 * writing, and what a secret says is compared and forgotten.
 *
 * Who asks is told of each thing, good or bad, in the order in which a person would look.
 */
#ifndef MITHAQ_PROC_INSPECT_H
#define MITHAQ_PROC_INSPECT_H

#include "proc/config.h"

struct inspected {
	const char	   *file;  /* its path */
	enum err	    err;   /* ERR_OK: as it should be */
	const struct fault *fault; /* when it is not: where and what helps */
};

/* `seen` and what it points to live until this returns. */
typedef void inspect_fn(void *arg, const struct inspected *seen);

/* ERR_OK when everything is as it should be, else the first error. `config` was read before. */
enum err inspect_home(const struct config *config, inspect_fn *say, void *arg) must_use;

#endif
