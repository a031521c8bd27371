/* core_desk.c: the core's side of the desk's pipe: asks come in, what became of them goes out. */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/core.h"

#define MESSAGE_MOST (192u * 1024)

void core_desk_send(struct core *c, enum message_type type, struct bytes payload)
{
	if (c->desk != NULL && !c->desk_told && pipe_send(c->desk, (uint8_t)type, payload, -1) != ERR_OK)
		journal(LEVEL_WARNING, "desk", "the desk cannot be reached");
}

/* ---- who waits ---- */

#define NO_WAITER UINT32_MAX

static uint32_t waiter_new(struct core *c, uint32_t desk_ticket)
{
	if (c->nwaiter_free == 0)
		return NO_WAITER;
	uint32_t	    number = c->waiter_free[--c->nwaiter_free];
	struct core_waiter *w = &c->waiter[number];

	*w = (struct core_waiter){.used = true, .generation = w->generation + 1, .ticket = desk_ticket, .desk = c->desk_life, .since_ms = c->now_ms};
	return w->generation << CORE_WAITER_BITS | number;
}

static struct core_waiter *waiter_of(const struct core *c, uint32_t name)
{
	struct core_waiter *w = &c->waiter[name % CORE_WAITERS_MOST];

	return w->used && (w->generation << CORE_WAITER_BITS) == (name & ~(CORE_WAITERS_MOST - 1)) ? w : NULL;
}

static void waiter_done(struct core *c, uint32_t name)
{
	struct core_waiter *w = waiter_of(c, name);

	if (w == NULL)
		return;
	w->used = false;
	c->waiter_free[c->nwaiter_free++] = name % CORE_WAITERS_MOST;
}

/* The desk's ticket, or false when that desk is gone. */
static bool waiter_ticket(const struct core *c, uint32_t name, uint32_t *ticket)
{
	const struct core_waiter *w = waiter_of(c, name);

	if (w == NULL || w->desk != c->desk_life)
		return false;
	*ticket = w->ticket;
	return true;
}

/* Nobody waits longer than the API lets them; what comes later is read from the ledger. */
void core_waiters_expire(struct core *c)
{
	for (uint32_t i = 0; c->nwaiter_free < CORE_WAITERS_MOST && i < CORE_WAITERS_MOST; i++)
		if (c->waiter[i].used && c->now_ms > c->waiter[i].since_ms + CORE_WAIT_MS)
			waiter_done(c, c->waiter[i].generation << CORE_WAITER_BITS | i);
}

/* ---- what goes out ---- */

static size_t state_write(uint8_t *memory, uint32_t ticket, bool final, bool replayed, const struct exchange *x)
{
	struct builder b = builder_on(memory, MESSAGE_MOST);

	build_u32(&b, ticket);
	build_u8(&b, final);
	build_u8(&b, replayed);
	exchange_write(&b, x);
	return b.err == ERR_OK ? b.n : 0;
}

/* u8 type | u32 length | payload, until the commit. */
void core_desk_after(struct core *c, enum message_type type, struct bytes payload)
{
	uint8_t	       head[5];
	struct builder b = builder_on(head, sizeof head);

	build_u8(&b, (uint8_t)type);
	build_u32(&b, (uint32_t)payload.n);
	size_t before = c->after.n;
	if (buffer_add(&c->after, builder_bytes(&b)) == ERR_OK && buffer_add(&c->after, payload) == ERR_OK)
		return;
	c->after.n = before; /* the ledger has it: who asked can ask what became of it */
	c->untold = true;
	journal(LEVEL_WARNING, "desk", "more answers wait for the commit than their limit: one is not told");
}

void core_desk_report(struct core *c, const struct duty *d)
{
	static uint8_t memory[MESSAGE_MOST];
	uint32_t       ticket;
	size_t	       n;

	if (waiter_ticket(c, d->exchange.ticket, &ticket)) {
		n = state_write(memory, ticket, d->exchange.final, false, d->exchange.exchange);
		if (n > 0)
			core_desk_after(c, DESK_STATE, bytes_of(memory, n));
	}
	const struct core_waiter *w = waiter_of(c, d->exchange.ticket);
	if (d->exchange.final || (w != NULL && w->once))
		waiter_done(c, d->exchange.ticket);
}

void core_desk_flush(struct core *c)
{
	struct cursor cur = cursor_on(buffer_bytes(&c->after));

	while (cursor_left(&cur) > 0) {
		uint8_t	     type = cursor_u8(&cur);
		struct bytes payload = cursor_take(&cur, cursor_u32(&cur));

		core_desk_send(c, (enum message_type)type, payload);
	}
	c->after.n = 0;
}

static void refused_send(struct core *c, uint32_t ticket, const struct decision *decision)
{
	uint8_t	       memory[4096];
	struct builder b = builder_on(memory, sizeof memory);

	build_u32(&b, ticket);
	decision_write(&b, decision);
	if (b.err == ERR_OK)
		core_desk_send(c, DESK_REFUSED, builder_bytes(&b));
}

void core_desk_refuse(struct core *c, const struct duty *d)
{
	uint32_t ticket;

	if (waiter_ticket(c, d->ask.ticket, &ticket))
		refused_send(c, ticket, d->ask.decision);
	waiter_done(c, d->ask.ticket);
}

void core_desk_permit(struct core *c, const struct duty *d)
{
	uint8_t	       memory[32];
	struct builder b = builder_on(memory, sizeof memory);
	uint32_t       ticket;

	if (waiter_ticket(c, d->ask.ticket, &ticket)) {
		build_u32(&b, ticket);
		build_u16(&b, d->ask.clause);
		build_u64(&b, d->ask.used);
		core_desk_send(c, DESK_PERMITTED, builder_bytes(&b));
	}
	waiter_done(c, d->ask.ticket);
}

void core_desk_failed(struct core *c, uint32_t ticket, enum failure failure, uint64_t since_ms, const char *cause)
{
	uint8_t	       memory[512];
	struct builder b = builder_on(memory, sizeof memory);

	build_u32(&b, ticket);
	build_u8(&b, (uint8_t)failure);
	build_u64(&b, since_ms);
	build_bytes16(&b, bytes_text(cause));
	if (b.err == ERR_OK)
		core_desk_send(c, DESK_FAILED, builder_bytes(&b));
}

static enum failure failure_of(enum channel_failure f)
{
	switch (f) {
	case CHANNEL_UNREACHABLE:
		return FAILURE_UNREACHABLE;
	case CHANNEL_FROZEN:
		return FAILURE_FROZEN;
	case CHANNEL_FETCHING:
		return FAILURE_FETCHING;
	case CHANNEL_ENDED:
		return FAILURE_ENDED;
	case CHANNEL_BUSY:
		break;
	}
	return FAILURE_BUSY;
}

void core_desk_fail(struct core *c, struct core_partner *p, const struct duty *d)
{
	uint32_t ticket;

	if (waiter_ticket(c, d->ask.ticket, &ticket))
		core_desk_failed(c, ticket, failure_of(d->ask.failure), p->since_ms, p->cause);
	waiter_done(c, d->ask.ticket);
}

/* ---- an ask ---- */

struct target {
	struct core_channel    *channel;
	const struct agreement *agreement;
	const struct clause    *clause;
};

static struct core_channel *channel_with(struct core *c, const char *partner, const char *channel)
{
	for (unsigned i = 0; i < c->npartners; i++)
		for (unsigned k = 0; k < c->partner[i].nchannels && strcmp(c->partner[i].name, partner) == 0; k++)
			if (strcmp(c->partner[i].channel[k].name, channel) == 0)
				return &c->partner[i].channel[k];
	return NULL;
}

/* Of two agreements with this clause the one that began later, among those begun. */
static bool better(const struct agreement *a, const struct agreement *than, int32_t today)
{
	bool begun = a->from_day <= today, than_begun = than->from_day <= today;

	return begun != than_begun ? begun : a->from_day > than->from_day;
}

static struct target target_find(struct core *c, const struct ask *ask, bool as_asker)
{
	struct target best = {0};
	int32_t	      today = (int32_t)(c->now_ms / 86400000);
	struct bytes  self = bytes_text(c->process->config->party);

	for (unsigned i = 0; i < c->papers.nagreements; i++) {
		const struct agreement *a = c->papers.agreement[i];
		const struct clause    *clause = agreement_clause_named(a, ask->clause);
		int			party = agreement_party(a, self);

		if (clause == NULL || party < 0 || (as_asker && clause->asks != (unsigned)party))
			continue;
		const char	    *partner = a->party[1 - party].name;
		struct core_channel *ch = channel_with(c, partner, clause->channel);
		if (ch == NULL || (ask->to.n > 0 && !bytes_is(ask->to, partner)))
			continue;
		if (best.agreement == NULL || better(a, best.agreement, today))
			best = (struct target){ch, a, clause};
	}
	return best;
}

/* Where it is wrong: another partner has this clause, or none has. */
static const char *clause_pointer(struct core *c, const struct ask *ask)
{
	struct ask anybody = *ask;

	anybody.to = BYTES_NONE;
	return target_find(c, &anybody, false).agreement != NULL ? "/to" : "/clause";
}

static void clause_refuse(struct core *c, const struct ask *ask)
{
	struct decision d = {.refusal = REFUSAL_CLAUSE};
	size_t		n = ask->clause.n < sizeof d.found - 1 ? ask->clause.n : sizeof d.found - 1;

	memcpy(d.found, ask->clause.at, n);
	snprintf(d.rule, sizeof d.rule, "clause");
	snprintf(d.pointer, sizeof d.pointer, "%s", clause_pointer(c, ask));
	refused_send(c, ask->ticket, &d);
}

/* The same key again: the same exchange, as far as it has come; never a second entry. */
static bool replayed(struct core *c, const struct ask *ask)
{
	static uint8_t	    memory[MESSAGE_MOST];
	uint8_t		    mid[MID_SIZE];
	struct hash	    body;
	struct exchange_row row;
	struct exchange	   *x;
	struct arena	    arena;

	if (ask->key.n == 0 || ask->dry_run || store_key_find(c->store, ask->account, ask->key, mid, &body) != ERR_OK)
		return false;
	if (!hash_equal(&body, &ask->body)) {
		core_desk_failed(c, ask->ticket, FAILURE_KEY_REUSED, 0, "");
		return true;
	}
	arena_init(&arena, 1u << 20);
	x = arena_take(&arena, sizeof *x);
	if (x != NULL && store_exchange_find(c->store, mid, true, &row) == ERR_OK && store_exchange_load(c->store, &row, &arena, x) == ERR_OK) {
		size_t n = state_write(memory, ask->ticket, x->state > EXCHANGE_DELIVERED, true, x);

		if (n > 0)
			core_desk_after(c, DESK_STATE, bytes_of(memory, n));
		if (!store_open_turn(c->store))
			core_desk_flush(c);
		c->must_commit = store_open_turn(c->store);
	} else {
		core_desk_failed(c, ask->ticket, FAILURE_INTERNAL, 0, "");
	}
	arena_done(&arena);
	return true;
}

/* `held`: what would be kept while its partner comes back; empty: it has waited. */
static void ask_come(struct core *c, const struct ask *ask, struct bytes held)
{
	struct target	     t = target_find(c, ask, true);
	struct channel_event event = {.type = EVENT_ASK};

	if (replayed(c, ask))
		return;
	if (t.agreement == NULL)
		t = target_find(c, ask, false); /* so that the refusal says: this party does not ask here */
	if (t.agreement == NULL) {
		clause_refuse(c, ask);
		return;
	}
	if (!ask->dry_run && held.n > 0 && core_hold(c, t.channel, t.agreement, held))
		return;
	uint32_t waiter = waiter_new(c, ask->ticket);
	if (waiter == NO_WAITER) {
		core_desk_failed(c, ask->ticket, FAILURE_BUSY, 0, "");
		return;
	}
	event.ask = (struct channel_ask){.ticket = waiter,
					 .dry_run = ask->dry_run,
					 .agreement = t.agreement,
					 .clause = t.clause->number,
					 .purpose = ask->purpose,
					 .reference = ask->reference,
					 .officer = ask->officer,
					 .fields = &ask->fields};
	c->asking = ask;
	core_step(c, t.channel, &event);
	c->asking = NULL;
}

void core_desk_ask(struct core *c, struct bytes payload, bool may_wait)
{
	static struct ask ask; /* large; one is read at a time */

	if (ask_read(payload, &ask) == ERR_OK)
		ask_come(c, &ask, may_wait ? payload : BYTES_NONE);
}

/* ---- a withdrawal ---- */

struct asked {
	enum exchange_state  state;
	struct core_channel *channel; /* NULL: of a partner that is no longer configured */
};

static enum err asked_find(struct core *c, const uint8_t mid[MID_SIZE], struct asked *out)
{
	struct exchange_row row;
	struct arena	    arena;
	enum err	    e = store_exchange_find(c->store, mid, true, &row);

	if (e != ERR_OK)
		return e;
	arena_init(&arena, 1u << 20);
	struct exchange *x = arena_take(&arena, sizeof *x);
	e = x != NULL ? store_exchange_load(c->store, &row, &arena, x) : ERR_MEMORY;
	if (e == ERR_OK)
		*out = (struct asked){x->state, channel_with(c, x->partner, x->channel)};
	arena_done(&arena);
	return e;
}

static void cancel_step(struct core *c, struct core_channel *ch, const struct withdrawal *w)
{
	struct channel_event event = {.type = EVENT_CANCEL};
	char		     id[29];
	uint32_t	     waiter = waiter_new(c, w->ticket);

	if (waiter == NO_WAITER) {
		core_desk_failed(c, w->ticket, FAILURE_BUSY, 0, "");
		return;
	}
	waiter_of(c, waiter)->once = true;
	exchange_id_write(w->mid, id);
	const struct journal_about about = {.id = id, .partner = ch->partner->name};
	journal_about(LEVEL_INFO, "cancel", &about, "account %.*s withdraws %s", (int)w->account.n, (const char *)w->account.at, id);
	event.cancel.ticket = waiter;
	memcpy(event.cancel.mid, w->mid, MID_SIZE);
	core_step(c, ch, &event);
	if (!store_open_turn(c->store))
		core_desk_flush(c); /* withdrawn before: nothing is stored that it would wait for */
}

static void cancel_come(struct core *c, const struct withdrawal *w)
{
	struct asked asked;
	enum err     e = asked_find(c, w->mid, &asked);

	if (e != ERR_OK)
		core_desk_failed(c, w->ticket, e == ERR_NOT_FOUND ? FAILURE_NOT_FOUND : FAILURE_INTERNAL, 0, "");
	else if (asked.state > EXCHANGE_DELIVERED)
		core_desk_failed(c, w->ticket, FAILURE_ENDED, 0, "");
	else if (asked.channel == NULL)
		core_desk_failed(c, w->ticket, FAILURE_UNREACHABLE, 0, "");
	else
		cancel_step(c, asked.channel, w);
}

/* ---- partners ---- */

typedef bool channel_is(const struct channel *ch);

/* The names of a partner's channels of which this is so, with commas between. */
static void channels_that(const struct core_partner *p, channel_is *is, char *out, size_t size)
{
	size_t n = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < p->nchannels; i++)
		if (is(p->channel[i].channel) && n < size)
			n += (size_t)snprintf(out + n, size - n, "%s%s", n > 0 ? "," : "", p->channel[i].name);
}

/* In force: agreed in both logs of every channel that the agreement has clauses for. */
static bool in_force(const struct core_partner *p, const struct agreement *a)
{
	unsigned n = 0;

	for (unsigned k = 0; k < p->nchannels; k++) {
		bool has = false;

		for (unsigned i = 0; i < a->nclauses && !has; i++)
			has = strcmp(a->clause[i].channel, p->channel[k].name) == 0;
		if (has && !channel_in_force(p->channel[k].channel, a))
			return false;
		n += has;
	}
	return n > 0;
}

static uint32_t in_force_with(const struct core_partner *p)
{
	const struct papers *papers = &p->core->papers;
	uint32_t	     n = 0;

	for (unsigned i = 0; i < papers->nagreements; i++)
		if (agreement_party(papers->agreement[i], bytes_text(p->name)) >= 0)
			n += in_force(p, papers->agreement[i]);
	return n;
}

static void partners_send(struct core *c, uint32_t ticket)
{
	static uint8_t memory[CONFIG_PARTNERS_MOST * (sizeof(struct partner_state) + 16)];
	struct builder b = builder_on(memory, sizeof memory);

	build_u32(&b, ticket);
	build_u16(&b, (uint16_t)c->npartners);
	for (unsigned i = 0; i < c->npartners; i++) {
		const struct core_partner *p = &c->partner[i];
		struct partner_state	   s = {.connected = core_connected(p),
						.since_ms = p->since_ms,
						.in_force = in_force_with(p),
						.skew_known = p->skew_known,
						.skew_ms = p->skew_ms};

		snprintf(s.name, sizeof s.name, "%s", p->name);
		snprintf(s.cause, sizeof s.cause, "%s", p->cause);
		for (unsigned k = 0; k < p->nchannels; k++)
			s.unreceipted += (uint32_t)channel_unreceipted(p->channel[k].channel);
		channels_that(p, channel_frozen, s.frozen, sizeof s.frozen);
		channels_that(p, channel_fetching, s.fetching, sizeof s.fetching);
		channels_that(p, channel_waiting, s.waiting, sizeof s.waiting);
		partner_state_write(&b, &s);
	}
	if (b.err == ERR_OK)
		core_desk_send(c, DESK_PARTNERS_ARE, builder_bytes(&b));
}

/* ---- quotas ---- */

/* By either side, whoever asks under the clause. */
uint64_t core_quota_used(const struct core *c, const struct core_partner *p, const struct agreement *a, const struct clause *clause, int32_t day)
{
	int party = agreement_party(a, bytes_text(c->process->config->party));

	for (unsigned k = 0; k < p->nchannels; k++)
		if (strcmp(p->channel[k].name, clause->channel) == 0)
			return channel_quota_used(p->channel[k].channel, clause->asks == (unsigned)party, &a->id, clause->number, day);
	return 0;
}

static bool quota_add(struct buffer *out, const struct quota_used *q)
{
	uint8_t	       row[HASH_SIZE + 2 + 8];
	struct builder b = builder_on(row, sizeof row);

	quota_used_write(&b, q);
	return b.err == ERR_OK && buffer_add(out, builder_bytes(&b)) == ERR_OK;
}

/* The clauses of one agreement with a limit, as far as some of it is used. */
static bool quotas_add(struct core *c, struct buffer *out, const struct agreement *a, int32_t day)
{
	int party = agreement_party(a, bytes_text(c->process->config->party));

	for (unsigned i = 0; i < a->nclauses && party >= 0; i++) {
		const struct clause	  *clause = &a->clause[i];
		const struct core_channel *ch = channel_with(c, a->party[1 - party].name, clause->channel);
		struct quota_used	   q = {.agreement = a->id, .clause = clause->number};

		if (ch == NULL || clause->per_day == 0)
			continue;
		q.used = channel_quota_used(ch->channel, clause->asks == (unsigned)party, &a->id, clause->number, day);
		if (q.used > 0 && !quota_add(out, &q))
			return false;
	}
	return true;
}

static void quotas_send(struct core *c, uint32_t ticket)
{
	int32_t	       today = (int32_t)(c->now_ms / 86400000);
	struct buffer  out = {.most = PIPE_MESSAGE_MOST};
	uint8_t	       head[8];
	struct builder b = builder_on(head, sizeof head);

	build_u32(&b, ticket);
	build_u32(&b, (uint32_t)today);
	bool whole = buffer_add(&out, builder_bytes(&b)) == ERR_OK;
	for (unsigned i = 0; i < c->papers.nagreements && whole; i++)
		whole = quotas_add(c, &out, c->papers.agreement[i], today);
	if (whole)
		core_desk_send(c, DESK_QUOTAS_ARE, buffer_bytes(&out));
	buffer_done(&out);
}

static void on_message(void *arg, uint8_t type, struct bytes payload, int fd)
{
	struct core	 *c = arg;
	struct cursor	  cur = cursor_on(payload);
	struct withdrawal withdrawal;

	if (fd >= 0)
		evutil_closesocket(fd);
	c->desk_left = c->desk_left || type == DESK_LEFT;
	if (c->leaving)
		return; /* the next core is asked */
	core_clock(c);
	c->active = true;
	if (type == DESK_ASK)
		core_desk_ask(c, payload, true);
	else if (type == DESK_CANCEL && withdrawal_read(payload, &withdrawal) == ERR_OK)
		cancel_come(c, &withdrawal);
	else if (type == DESK_PARTNERS)
		partners_send(c, cursor_u32(&cur));
	else if (type == DESK_QUOTAS)
		quotas_send(c, cursor_u32(&cur));
	else if (type == DESK_METRICS)
		core_metrics_send(c, cursor_u32(&cur));
	else if (type == FETCH_LIST)
		core_fetch_list(c, payload);
	else if (type == FETCH_ANSWER)
		core_fetch_answer(c, payload);
}

static void on_closed(void *arg, enum err why unused_arg)
{
	struct core *c = arg;

	pipe_free(c->desk);
	c->desk = NULL;
	c->desk_life++;
}

void core_desk_peer(struct core *c, int fd)
{
	pipe_free(c->desk);
	c->desk_life++;
	c->desk = pipe_new(c->process->base, fd, on_message, on_closed, c);
}

/* What was taken was answered with this turn's commit, at least with `accepted`. When somebody could not be told, the desk must not ask again. */
bool core_desk_leave(struct core *c)
{
	if (!c->leaving || c->untold || c->desk == NULL)
		return true;
	if (!c->desk_told)
		core_desk_send(c, DESK_LEAVING, BYTES_NONE);
	c->desk_told = true;
	pipe_flush(c->desk);
	return c->desk_left;
}
