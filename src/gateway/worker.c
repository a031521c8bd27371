/*
 * worker.c: one provider's source of answers, asked by the core and by nobody else.
 *
 * It holds that source alone (src/provider). Lookups that came in one pass of the loop
 * see one state of the source, and their answers leave together. What the source holds goes to
 * the core and nowhere else: troubles are told by code.
 */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "gateway/gateway.h"
#include "gateway/lookup.h"
#include "proc/papers.h"
#include "provider/provider.h"

#define FOUND_MOST	 (UINT16_MAX + LOOKUP_REASON_MOST + 32)
#define JOURNAL_EVERY_MS 60000 /* a source that fails does so a thousand times a second */
#define TROUBLES_MOST	 16    /* codes that are held apart for that */

struct worker {
	struct process		     *process;
	const struct config_provider *config;
	struct provider		     *provider;
	struct pipe		     *core;
	struct {
		const char *code;
		uint64_t    said_ms;
	} trouble[TROUBLES_MOST];
	struct lookup lookup; /* large: kept off the stack */
	struct found  found;
	uint8_t	      room[FOUND_MOST];
};

static uint64_t clock_ms(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- one answer ---- */

/* Each kind of trouble is said once in a while; of two that take turns, both. */
static bool trouble_is_news(struct worker *w, const char *code)
{
	uint64_t now = clock_ms(CLOCK_MONOTONIC);
	size_t	 i = 0;

	while (i < TROUBLES_MOST - 1 && w->trouble[i].code != NULL && strcmp(w->trouble[i].code, code) != 0)
		i++;
	if (w->trouble[i].code != NULL && now - w->trouble[i].said_ms < JOURNAL_EVERY_MS)
		return false;
	w->trouble[i].code = code;
	w->trouble[i].said_ms = now;
	return true;
}

static void trouble_tell(struct worker *w, const char *code, const char *cause)
{
	w->found.outcome = OUTCOME_ERROR;
	w->found.fields.n = 0;
	w->found.reason = bytes_text(code);
	if (trouble_is_news(w, code))
		journal_about(LEVEL_WARNING, code, &(struct journal_about){.clause = w->config->clause}, "%s: %s", w->config->clause,
			      cause != NULL ? cause : provider_trouble(code));
}

static void found_send(struct worker *w)
{
	struct builder b = builder_on(w->room, sizeof w->room);

	found_write(&b, &w->found);
	if (b.err != ERR_OK) {
		trouble_tell(w, "provider-value", NULL);
		b = builder_on(w->room, sizeof w->room);
		found_write(&b, &w->found);
	}
	if (w->core != NULL && pipe_send(w->core, WORKER_FOUND, builder_bytes(&b), -1) != ERR_OK)
		journal(LEVEL_WARNING, "pipe", "an answer could not be given to the core");
}

static void answered(void *arg, const struct provider_answer *a)
{
	struct worker *w = arg;

	w->found.ticket = a->ticket;
	w->found.reason = BYTES_NONE;
	w->found.fields.n = 0;
	switch (a->outcome) {
	case PROVIDER_HIT:
		w->found.outcome = OUTCOME_HIT;
		w->found.fields = *a->fields;
		break;
	case PROVIDER_NO_HIT:
		w->found.outcome = OUTCOME_NO_HIT;
		break;
	case PROVIDER_REFUSED:
		w->found.outcome = OUTCOME_REFUSED;
		w->found.reason = a->reason;
		break;
	case PROVIDER_FAILED:
		trouble_tell(w, a->code, a->cause);
		break;
	}
	found_send(w);
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

static void look_up(struct worker *w)
{
	struct provider_question q = {
		.ticket = w->lookup.ticket,
		.purpose = w->lookup.purpose,
		.fields = &w->lookup.fields,
		.most_ms = time_left(w, w->lookup.deadline_ms),
	};

	memcpy(q.from, w->lookup.from, sizeof q.from);
	exchange_id_write(w->lookup.mid, q.id);
	provider_ask(w->provider, &q);
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

	provider_turn(w->provider);
	if (w->core != NULL)
		pipe_flush(w->core);
}

/* What this process may still do is not enough to reach the source again: its successor does that before it promises. */
static void source_lost(void *arg)
{
	struct worker *w = arg;

	journal(LEVEL_WARNING, "provider-lost", "%s: the connection to the source is lost: this process ends and its successor connects again",
		w->config->clause);
	process_leave(w->process, EXIT_TROUBLE);
}

static enum err source_open(struct worker *w, struct fault *fault)
{
	struct provider_setup setup = {
		.config = w->process->config,
		.provider = w->config,
		.base = w->process->base,
		.found = answered,
		.lost = source_lost,
		.arg = w,
	};
	struct papers papers = {0};
	char	      file[CONFIG_PATH_MOST];

	/* Papers that do not load are the core's to complain about. */
	if (papers_load(w->process->config, &papers, file, NULL) == ERR_OK)
		setup.agreement = provider_agreement(&papers, w->config->clause);
	if (setup.agreement != NULL)
		setup.clause = agreement_clause_named(setup.agreement, bytes_text(w->config->clause));
	enum err e = provider_open(&setup, &w->provider, fault);
	papers_done(&papers);
	return e;
}

static int setup_failed(const struct worker *w, struct fault *fault)
{
	unsigned at = fault->line != 0 ? fault->line : w->config->line;
	char	 line[640];

	fault->line = 0; /* it stands in front of the file's name already */
	fault_print(fault, w->config->clause, LANG_EN, line, sizeof line);
	journal(LEVEL_ERROR, err_name(fault->err), "mithaq.yaml:%u: %s", at, line);
	return EXIT_SETUP;
}

static int worker_serve(struct worker *w)
{
	struct provider_needs needs;

	provider_needs(w->provider, &needs);
	w->process->ports = needs.ports;
	return process_run(w->process, PROMISE_STDIO | needs.promises, needs.paths);
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
	int code = source_open(w, &fault) == ERR_OK ? worker_serve(w) : setup_failed(w, &fault);
	if (w->core != NULL)
		pipe_flush(w->core); /* the last answers of one that leaves by itself */
	pipe_free(w->core);
	provider_close(w->provider);
	free(w);
	return code;
}
