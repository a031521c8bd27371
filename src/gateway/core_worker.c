/* core_worker.c: lookups at the providers' workers. A lookup that a worker loses is answered with an error. */
#include <stdlib.h>

#include "gateway/core.h"
#include "gateway/lookup.h"

uint32_t core_lookups_out(const struct core *c)
{
	return CORE_LOOKUPS_MOST - c->nlookup_free;
}

static void lookup_free(struct core *c, struct core_lookup *l)
{
	l->channel->partner->lookups--;
	l->channel = NULL;
	c->lookup_free[c->nlookup_free++] = (uint32_t)(l - c->lookup);
}

/* Not now: the channel is in the middle of a step. The turn's beginning steps it. */
static void fail_later(struct core *c, struct core_channel *ch, uint64_t ticket)
{
	struct core_lookup failed = {.channel = ch, .ticket = ticket};

	if (buffer_add(&c->failed, bytes_of(&failed, sizeof failed)) == ERR_OK)
		process_again(c->process);
}

void core_worker_failed(struct core *c)
{
	struct channel_event event = {.type = EVENT_FOUND, .found.outcome = FOUND_ERROR};
	struct core_lookup   failed;

	for (size_t at = 0; at + sizeof failed <= c->failed.n; at += sizeof failed) {
		memcpy(&failed, c->failed.at + at, sizeof failed);
		event.found.ticket = failed.ticket;
		core_step(c, failed.channel, &event);
	}
	c->failed.n = 0;
}

static int provider_of(const struct core *c, const struct core_channel *ch, const char *clause)
{
	char	       name[2 * NAME_MOST + 2];
	struct builder b = builder_on(name, sizeof name - 1);

	build_text(&b, ch->name);
	build_u8(&b, '/');
	build_text(&b, clause);
	if (b.err != ERR_OK)
		return -1;
	name[b.n] = '\0';
	for (unsigned i = 0; i < c->process->config->nproviders; i++)
		if (strcmp(c->process->config->provider[i].clause, name) == 0)
			return (int)i;
	return -1;
}

static enum err lookup_send(struct core *c, const struct core_lookup *l, const struct duty *d, unsigned provider)
{
	uint8_t	       memory[INLINE_MOST + 1024];
	struct builder b = builder_on(memory, sizeof memory);
	struct lookup  lookup = {
		 .ticket = (uint64_t)l->generation << 32 | (uint32_t)(l - c->lookup),
		 .clause = bytes_text(c->process->config->provider[provider].clause),
		 .deadline_ms = d->lookup.deadline_ms,
		 .fields = *d->lookup.fields,
		 .purpose = d->lookup.purpose,
	 };

	memcpy(lookup.mid, d->lookup.mid, MID_SIZE);
	memcpy(lookup.from, l->channel->partner->name, strlen(l->channel->partner->name));

	lookup_write(&b, &lookup);
	if (b.err)
		return ERR_TOO_LONG;
	return pipe_send(c->worker[provider].pipe, WORKER_LOOKUP, builder_bytes(&b), -1);
}

void core_worker_ask(struct core *c, struct core_channel *ch, const struct duty *d)
{
	if (core_house_ask(c, ch, d))
		return;
	const struct clause *clause = agreement_clause(d->lookup.agreement, d->lookup.clause);
	int		     provider = clause ? provider_of(c, ch, clause->name) : -1;

	if (provider < 0)
		journal(LEVEL_WARNING, "no-provider", "clause %u (%s) has no provider in the configuration", d->lookup.clause,
			clause ? clause->name : "?");
	if (provider >= 0 && c->process->config->provider[provider].source == SOURCE_FETCH) {
		if (!core_fetch_ask(c, ch, d, (unsigned)provider))
			fail_later(c, ch, d->lookup.ticket);
		return;
	}
	if (provider < 0 || c->worker[provider].pipe == NULL || c->nlookup_free == 0 || ch->partner->lookups >= CORE_LOOKUPS_EACH) {
		if (provider >= 0)
			c->worker[provider].failed++;
		fail_later(c, ch, d->lookup.ticket);
		return;
	}
	struct core_lookup *l = &c->lookup[c->lookup_free[--c->nlookup_free]];
	*l = (struct core_lookup){ch, d->lookup.ticket, l->generation + 1, (unsigned)provider, {0}};
	memcpy(l->mid, d->lookup.mid, MID_SIZE);
	ch->partner->lookups++;
	if (lookup_send(c, l, d, (unsigned)provider) != ERR_OK) {
		fail_later(c, ch, l->ticket);
		lookup_free(c, l);
	}
}

/* ---- what a worker says ---- */

static enum lookup_outcome outcome_of(enum outcome outcome)
{
	switch (outcome) {
	case OUTCOME_HIT:
		return FOUND_HIT;
	case OUTCOME_NO_HIT:
		return FOUND_NO_HIT;
	case OUTCOME_REFUSED:
		return FOUND_REFUSED;
	case OUTCOME_ERROR:
		break;
	}
	return FOUND_ERROR;
}

/* A worker names its cause by a code of its own list; anything else from there is not repeated. */
static bool is_code(struct bytes text)
{
	for (size_t i = 0; i < text.n; i++)
		if ((text.at[i] < 'a' || text.at[i] > 'z') && text.at[i] != '-')
			return false;
	return text.n > 0 && text.n <= 32;
}

/* Which exchange had no answer of its source: the worker's own line says why, once in a while. */
static void failed_tell(struct core *c, unsigned which, const struct core_lookup *l, struct bytes cause)
{
	struct core_worker  *w = &c->worker[which];
	char		     id[29];
	struct journal_about about = {.id = id, .partner = l->channel->partner->name, .clause = c->process->config->provider[which].clause};
	uint64_t	     now_s = c->now_ms / 1000;

	w->failed++;
	w->told = w->told_s == now_s ? w->told + 1 : 1;
	w->told_s = now_s;
	if (w->told > CORE_FAILED_TOLD_MOST)
		return;
	exchange_id_write(l->mid, id);
	const struct bytes why = is_code(cause) ? cause : bytes_text("its process is away");
	journal_about(LEVEL_INFO, "lookup-failed", &about, "the source gave no answer: %.*s", (int)why.n, (const char *)why.at);
}

/* A worker speaks of its own provider's lookups alone. */
static struct core_lookup *lookup_of(struct core *c, unsigned which, uint64_t ticket)
{
	uint32_t number = (uint32_t)ticket;

	if (number >= CORE_LOOKUPS_MOST)
		return NULL;
	struct core_lookup *l = &c->lookup[number];
	return l->channel != NULL && l->provider == which && l->generation == (uint32_t)(ticket >> 32) ? l : NULL;
}

static void on_message(void *arg, uint8_t type, struct bytes payload, int fd)
{
	struct core_worker  *w = arg;
	struct core	    *c = w->core;
	struct cursor	     cur = cursor_on(payload);
	struct core_lookup  *l = lookup_of(c, w->which, cursor_u64(&cur));
	struct channel_event event = {.type = EVENT_FOUND, .found.outcome = FOUND_ERROR};
	struct found	     found = {0};

	if (fd >= 0)
		evutil_closesocket(fd);
	if (type != WORKER_FOUND || l == NULL)
		return;
	if (found_read(payload, &found) == ERR_OK)
		event.found.outcome = outcome_of(found.outcome);
	if (event.found.outcome == FOUND_ERROR)
		failed_tell(c, w->which, l, found.reason);
	event.found.ticket = l->ticket;
	event.found.fields = &found.fields;
	event.found.reason = found.reason;
	struct core_channel *ch = l->channel;
	lookup_free(c, l);
	c->active = true;
	core_clock(c);
	core_step(c, ch, &event);
}

static void lost(struct core *c, unsigned which)
{
	for (uint32_t i = 0; i < CORE_LOOKUPS_MOST && core_lookups_out(c) > 0; i++) {
		struct core_lookup *l = &c->lookup[i];

		if (l->channel == NULL || l->provider != which)
			continue;
		failed_tell(c, which, l, BYTES_NONE);
		fail_later(c, l->channel, l->ticket);
		lookup_free(c, l);
	}
}

static void on_closed(void *arg, enum err why unused_arg)
{
	struct core_worker *w = arg;

	pipe_free(w->pipe);
	w->pipe = NULL;
	lost(w->core, w->which);
}

void core_worker_peer(struct core *c, unsigned which, int fd)
{
	if (which >= c->process->config->nproviders) {
		evutil_closesocket(fd);
		return;
	}
	struct core_worker *w = &c->worker[which];

	lost(c, which);
	pipe_free(w->pipe);
	w->core = c;
	w->which = which;
	w->pipe = pipe_new(c->process->base, fd, on_message, on_closed, w);
}
