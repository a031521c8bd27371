/*
 * map.h: from what a service said to the fields of a clause, by the `answer:` of mithaq.yaml. Pure.
 *
 *   status: {from: /state, codes: {"04": released}}
 *
 * `from` is a JSON pointer (RFC 6901). Strings, numbers (as they were written) and true or
 * false become text; null, an empty string and what is not there leave the field out; an
 * object or a list cannot be sent. With `codes` a word that is not in the list cannot be
 * sent, with `date` what is no such date. Only what is named here is ever taken.
 *
 * Troubles are told by the field's name, never by its value.
 */
#ifndef MITHAQ_PROVIDER_MAP_H
#define MITHAQ_PROVIDER_MAP_H

#include <jansson.h>

#include "provider/date_form.h"
#include "provider/provider.h"

#define POINTER_MOST	   1024
#define POINTER_STEP_MOST  255
#define POINTER_STEPS_MOST 32

struct map {
	unsigned		    n;
	const struct config_answer *answer;			/* the configuration's */
	bool			    dates[CONFIG_ANSWERS_MOST]; /* has a form */
	struct date_form	    date[CONFIG_ANSWERS_MOST];
};

/* With `clause` (or NULL; not looked at later) every field must be one of its answer, and what is always the same or in a list must fit it. */
enum err map_read(const struct config_provider *p, const struct clause *clause, struct map *out, struct fault *fault) must_use;

enum map_trouble {
	MAP_DONE,
	MAP_TYPE,    /* an object or a list */
	MAP_CODE,    /* a word that is not in the list */
	MAP_DATE,    /* no such date */
	MAP_TEXT,    /* control characters, or not in normal form */
	MAP_LONG,    /* longer than a field may be */
	MAP_NOTHING, /* none of the fields was there: the service answers something else than expected */
};

struct mapped {
	struct fields fields; /* views into the JSON, the configuration and `date` */
	char	      date[CONFIG_ANSWERS_MOST][DATE_TEXT_MOST];
	const char   *field; /* where the trouble is; NULL for MAP_NOTHING */
};

/* All of `out` is written anew. Each step is told to `trace`, which may be NULL. */
enum map_trouble map_answer(const struct map *m, const json_t *root, struct mapped *out, provider_trace_fn *trace, void *arg);
/* What is wrong with the field. */
const char *map_trouble_text(enum map_trouble trouble);

/* ERR_VALUE unless a JSON pointer that does not name the whole. */
enum err pointer_check(const char *pointer) must_use;
/* What it points to, or NULL. */
const json_t *pointer_find(const json_t *root, const char *pointer);

#endif
