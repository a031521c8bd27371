/*
 * provider.h: where the answers to one clause come from, behind one interface.
 *
 * A provider is asked one question after another and answers each once, at once or
 * later, in any order, by the `found` function it was opened with. Each kind of source
 * is one file with one row in provider.c: sqlite (a statement on a database file), odbc (a statement
 * through unixODBC), http (an existing service), examples (the agreement's own).
 *
 * A provider runs in a worker process that holds nothing else. provider_open reads
 * what must be read from the disk (credentials, database, driver) before the process
 * confines itself; provider_needs says what is needed after.
 *
 * What a source answers never appears in a text or a journal: troubles are told by code
 * and cause ("the service answered 500").
 */
#ifndef MITHAQ_PROVIDER_PROVIDER_H
#define MITHAQ_PROVIDER_PROVIDER_H

#include <event2/event.h>

#include "agreement/agreement.h"
#include "proc/config.h"
#include "proc/papers.h"
#include "proc/promise.h"
#include "wire/fields.h"

#define PROVIDER_PATHS_MOST 16 /* with the NULL that ends them */
#define PROVIDER_PORTS_MOST 4  /* with the 0 that ends them */
#define PROVIDER_ID_MOST    40
#define PROVIDER_CAUSE_MOST 160

enum provider_outcome {
	PROVIDER_HIT,
	PROVIDER_NO_HIT,
	PROVIDER_REFUSED, /* the source says no: `reason` is a code of the clause's refuse-for */
	PROVIDER_FAILED,
};

struct provider_question {
	uint64_t	     ticket;
	char		     id[PROVIDER_ID_MOST]; /* of the exchange, "q_..." */
	char		     from[PARTY_MOST + 1]; /* the party that asks */
	struct bytes	     purpose;
	const struct fields *fields;  /* views live until provider_ask returns */
	unsigned	     most_ms; /* an answer later than this is of no use: say provider-timeout */
};

struct provider_answer {
	uint64_t	      ticket;
	enum provider_outcome outcome;
	const struct fields  *fields; /* PROVIDER_HIT */
	struct bytes	      reason; /* PROVIDER_REFUSED */
	const char	     *code;   /* PROVIDER_FAILED: for the journal: "provider-timeout", "provider-status", ... */
	const char	     *cause;  /* PROVIDER_FAILED: one English sentence, never content; NULL: the code's own */
};

/* `a` and what it points to live until this returns. */
typedef void provider_found_fn(void *arg, const struct provider_answer *a);

/*
 * What went over the wire to the source and what became of it, step by step, for
 * `mithaq provider test` alone. It holds content: it is for the eyes of the person who
 * runs that command in this house and goes nowhere else.
 */
enum provider_step {
	STEP_ASKED,   /* name: what was asked ("GET http://..."), value: how it ended ("200 in 12 ms") */
	STEP_MAPPED,  /* from -> name: value: this field would be sent */
	STEP_DROPPED, /* from: not in the clause: never sent; `name` may be empty */
	STEP_WRONG,   /* from -> name: value: why it cannot be sent */
};
typedef void provider_trace_fn(void *arg, enum provider_step step, struct bytes from, struct bytes name, struct bytes value);

/* The source is gone for this process: whoever runs it ends the process and starts it anew. Told once. */
typedef void provider_lost_fn(void *arg);

struct provider_setup {
	const struct config	     *config; /* for places: credentials */
	const struct config_provider *provider;
	const struct agreement	     *agreement; /* the one agreement that has this clause, or NULL: several, or none */
	const struct clause	     *clause;	 /* of it, or NULL */
	struct event_base	     *base;
	provider_found_fn	     *found;
	provider_trace_fn	     *trace; /* or NULL */
	provider_lost_fn	     *lost;  /* or NULL: what is asked of a source that is gone fails */
	void			     *arg;
};

struct provider;

/* What setup points to must outlive the provider, agreement and clause excepted: they are read here. The fault says what is wrong with the source. */
enum err provider_open(const struct provider_setup *setup, struct provider **out, struct fault *fault) must_use;
void	 provider_close(struct provider *p); /* accepts NULL; questions not yet answered are not answered */

/* What the process must still be allowed after opening; paths live as long as the provider. */
struct provider_needs {
	unsigned	    promises; /* beside PROMISE_STDIO */
	struct promise_path paths[PROVIDER_PATHS_MOST];
	uint16_t	    ports[PROVIDER_PORTS_MOST];
};
void provider_needs(const struct provider *p, struct provider_needs *out);

void provider_ask(struct provider *p, const struct provider_question *q);

/* The end of one pass of the loop: what was asked in it saw one state of the source. */
void provider_turn(struct provider *p);

/* For setup: the agreement that has the clause "channel/name", when exactly one does; versions may differ in their fields. */
const struct agreement *provider_agreement(const struct papers *papers, const char *clause);

/* The sentence of a trouble's code. */
const char *provider_trouble(const char *code);

/* ---- for the kinds ---- */

/* One row per kind. `self` is the kind's own. */
struct provider_kind {
	enum provider_source source;
	enum err (*open)(const struct provider_setup *setup, void **self, struct fault *fault);
	void (*needs)(const void *self, struct provider_needs *out);
	void (*ask)(void *self, const struct provider_question *q);
	void (*turn)(void *self); /* or NULL */
	void (*close)(void *self);
};

extern const struct provider_kind provider_sqlite, provider_http, provider_odbc, provider_examples;

#endif
