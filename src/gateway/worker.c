/*
 * worker.c: one provider's database, asked by the core and by nobody else.
 *
 * It holds that database alone, opened for reading, and the clause's one statement.
 * All lookups that came in one pass of the loop see one state of the database, and
 * their answers leave together. What a row holds goes to the core and nowhere else:
 * troubles are told by code.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "gateway/gateway.h"
#include "gateway/lookup.h"
#include "proc/papers.h"
#include "store/provider.h"

#define FOUND_MOST	 (UINT16_MAX + LOOKUP_REASON_MOST + 32)
#define JOURNAL_EVERY_MS 60000 /* a database that fails does so a thousand times a second */

struct worker {
	struct process		     *process;
	const struct config_provider *config;
	struct provider		     *provider;
	struct pipe		     *core;
	uint64_t		      journaled_ms;
	struct lookup		      lookup; /* large: kept off the stack */
	struct found		      found;
	uint8_t			      room[FOUND_MOST];
};

static uint64_t clock_ms(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- one lookup ---- */

/* The provider's own limit, or what is left until the question's deadline; 0: too late. */
static unsigned time_left(const struct worker *w, uint64_t deadline_ms)
{
	uint64_t now = clock_ms(CLOCK_REALTIME);

	if (deadline_ms <= now)
		return 0;
	return deadline_ms - now < w->config->timeout_ms ? (unsigned)(deadline_ms - now) : w->config->timeout_ms;
}

struct trouble {
	enum err    err;
	const char *code, *text;
};

static const struct trouble troubles[] = {
	{ERR_BUSY, "provider-timeout", "the database did not answer in time"},
	{ERR_DUPLICATE, "provider-ambiguous", "the statement gave more than one row"},
	{ERR_VALUE, "provider-value", "a column holds what cannot be sent as text"},
	{ERR_STORE, "provider-database", "the database reported an error"},
	{ERR_FILE, "provider-database", "the database cannot be opened"},
};

static const struct trouble *trouble_of(enum err e)
{
	for (size_t i = 0; i < COUNT_OF(troubles); i++)
		if (troubles[i].err == e)
			return &troubles[i];
	return &troubles[3];
}

static void trouble_tell(struct worker *w, enum err e)
{
	uint64_t now = clock_ms(CLOCK_MONOTONIC);

	w->found.outcome = OUTCOME_ERROR;
	w->found.fields.n = 0;
	w->found.reason = bytes_text(trouble_of(e)->code);
	if (w->journaled_ms != 0 && now - w->journaled_ms < JOURNAL_EVERY_MS)
		return;
	w->journaled_ms = now;
	journal(LEVEL_WARNING, trouble_of(e)->code, "%s", trouble_of(e)->text);
}

static void look_up(struct worker *w)
{
	unsigned left = time_left(w, w->lookup.deadline_ms);
	enum err e = left == 0 ? ERR_BUSY : provider_begin(w->provider);

	w->found.ticket = w->lookup.ticket;
	w->found.reason = BYTES_NONE;
	w->found.fields.n = 0;
	if (e == ERR_OK)
		e = provider_lookup(w->provider, &w->lookup.fields, left, &w->found.fields);
	if (e == ERR_OK)
		w->found.outcome = OUTCOME_HIT;
	else if (e == ERR_NOT_FOUND)
		w->found.outcome = OUTCOME_NO_HIT;
	else
		trouble_tell(w, e);
}

static void found_send(struct worker *w)
{
	struct builder b = builder_on(w->room, sizeof w->room);

	found_write(&b, &w->found);
	if (b.err != ERR_OK) {
		trouble_tell(w, ERR_VALUE);
		b = builder_on(w->room, sizeof w->room);
		found_write(&b, &w->found);
	}
	if (pipe_send(w->core, WORKER_FOUND, builder_bytes(&b), -1) != ERR_OK)
		journal(LEVEL_WARNING, "pipe", "an answer could not be given to the core");
}

/* A message of the core that cannot be read is a fault of ours, and the core of a gateway is not talked to twice after one. */
static void core_message(void *arg, uint8_t type, struct bytes payload, int fd)
{
	struct worker *w = arg;

	if (fd >= 0)
		close(fd);
	if (type != WORKER_LOOKUP || lookup_read(payload, &w->lookup) != ERR_OK || !bytes_is(w->lookup.clause, w->config->clause)) {
		journal(LEVEL_ERROR, "message", "the core sent what a worker does not understand");
		process_leave(w->process, EXIT_TROUBLE);
		return;
	}
	look_up(w);
	found_send(w);
}

/* ---- the process ---- */

static void core_closed(void *arg, enum err why unused_arg)
{
	struct worker *w = arg;

	pipe_free(w->core);
	w->core = NULL;
}

static void worker_peer(struct process *p, enum role role, unsigned which unused_arg, int fd)
{
	struct worker *w = p->self;

	if (role != ROLE_CORE) {
		close(fd);
		return;
	}
	pipe_free(w->core);
	w->core = pipe_new(p->base, fd, core_message, core_closed, w);
}

static void worker_turn(struct process *p)
{
	struct worker *w = p->self;

	provider_end(w->provider);
	if (w->core != NULL)
		pipe_flush(w->core);
}

/* The clause as an agreement has it, when exactly one does; versions may differ in their fields. */
static const struct clause *clause_alone(const struct papers *papers, const char *name)
{
	const struct clause *only = NULL;

	for (unsigned i = 0; i < papers->nagreements; i++) {
		const struct clause *c = agreement_clause_named(papers->agreement[i], bytes_text(name));
		if (c != NULL && only != NULL)
			return NULL;
		if (c != NULL)
			only = c;
	}
	return only;
}

static enum err database_open(struct worker *w, struct fault *fault)
{
	struct papers papers = {0};
	char	      file[CONFIG_PATH_MOST];

	/* Papers that do not load are the core's to complain about. */
	bool	 loaded = papers_load(w->process->config, &papers, file, NULL) == ERR_OK;
	enum err e =
		provider_open(w->config->sqlite, w->config->statement, loaded ? clause_alone(&papers, w->config->clause) : NULL, &w->provider, fault);
	papers_done(&papers);
	return e;
}

static int setup_failed(const struct worker *w, const struct fault *fault)
{
	char line[640];

	fault_print(fault, w->config->sqlite, LANG_EN, line, sizeof line);
	journal(LEVEL_ERROR, err_name(fault->err), "mithaq.yaml:%u: %s: %s", w->config->line, w->config->clause, line);
	return EXIT_SETUP;
}

/* The folder for reading: an authority may put a new file in the old one's place. WAL needs its -shm shared for writing. */
static void paths_of(const char *database, char folder[CONFIG_PATH_MOST], char shm[CONFIG_PATH_MOST], struct promise_path paths[3])
{
	snprintf(folder, CONFIG_PATH_MOST, "%s", database);
	char *slash = strrchr(folder, '/');
	if (slash == NULL)
		snprintf(folder, CONFIG_PATH_MOST, ".");
	else
		slash[slash == folder ? 1 : 0] = '\0';
	paths[0] = (struct promise_path){.path = folder};
	int n = snprintf(shm, CONFIG_PATH_MOST, "%s-shm", database);
	if (n < CONFIG_PATH_MOST && access(shm, F_OK) == 0)
		paths[1] = (struct promise_path){.path = shm, .write = 1};
}

static int worker_serve(struct worker *w)
{
	char		    folder[CONFIG_PATH_MOST], shm[CONFIG_PATH_MOST];
	struct promise_path paths[3] = {{0}};

	paths_of(w->config->sqlite, folder, shm, paths);
	unsigned promises = PROMISE_STDIO | PROMISE_READ | (paths[1].path != NULL ? (unsigned)PROMISE_WRITE : 0u);
	return process_run(w->process, promises, paths);
}

int worker_main(struct process *p)
{
	struct worker *w = calloc(1, sizeof *w);
	struct fault   fault = {0};

	if (w == NULL)
		return EXIT_TROUBLE;
	w->process = p;
	w->config = &p->config->provider[p->which];
	p->self = w;
	p->on_peer = worker_peer;
	p->on_turn = worker_turn;
	int code = database_open(w, &fault) == ERR_OK ? worker_serve(w) : setup_failed(w, &fault);
	pipe_free(w->core);
	provider_close(w->provider);
	free(w);
	return code;
}
