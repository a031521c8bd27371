/*
 * core_fetch.c: questions of partners that wait for a national system (`fetch: true`).
 *
 * Nothing of this is stored: the ledger has each question, and what of it has no answer comes
 * again with the next start (EVENT_UNANSWERED). What is kept here is which they are, in
 * the order they came, and who has taken which until when. A lease that is lost, with the
 * core or with the system that had it, lets its question be offered again.
 *
 * A question is offered when it is durable here, and until nobody takes an answer any more; then
 * it is answered `expired`. How it ends is the channel's to say: core_fetch_end hears of every end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "channel/table.h"
#include "crypto/random.h"
#include "gateway/core.h"
#include "gateway/fetch.h"

#define REQUESTS_MOST	 16384
#define REQUESTS_EACH	 4096 /* of one channel: half of what may be open there, so that other clauses are answered meanwhile */
#define EXPIRE_MOST	 256  /* in one second */
#define JOURNAL_EVERY_MS 60000
#define EXCHANGE_MEMORY	 (1u << 20)
#define OFFERS_MOST	 (PIPE_MESSAGE_MOST - 1024) /* bytes of one answer */

struct core_request {
	TAILQ_ENTRY(core_request) order;
	struct core_channel    *channel;
	uint64_t		ticket; /* of the channel's lookup */
	uint16_t		provider;
	bool			durable;
	const struct agreement *agreement;
	uint16_t		clause;
	uint8_t			mid[MID_SIZE];
	uint64_t		not_after_ms;
	uint64_t		lease_ms; /* when it ends; 0: nobody has it */
	char			holder[ACCOUNT_MOST + 1];
};

TAILQ_HEAD(request_list, core_request);

struct core_fetch {
	struct core_request *at;
	struct request_list  waiting, spare; /* in the order they came */
	struct table	     by_mid;
	uint64_t	     journaled_ms;
	bool		     come[CONFIG_PROVIDERS_MOST]; /* something waits there and is nobody's */
	uint8_t		    *memory;			  /* one answer to the desk */
};

/* ---- its life: only where a clause is fetched ---- */

static struct core_fetch *fetch_new(void)
{
	struct core_fetch *f = calloc(1, sizeof *f);
	uint8_t		   seed[16];

	if (f == NULL)
		return NULL;
	random_bytes(seed, sizeof seed);
	f->at = calloc(REQUESTS_MOST, sizeof *f->at);
	f->memory = malloc(PIPE_MESSAGE_MOST);
	if (f->at == NULL || f->memory == NULL || table_init(&f->by_mid, REQUESTS_MOST, seed) != ERR_OK) {
		free(f->at);
		free(f->memory);
		free(f);
		return NULL;
	}
	TAILQ_INIT(&f->waiting);
	TAILQ_INIT(&f->spare);
	for (unsigned i = 0; i < REQUESTS_MOST; i++)
		TAILQ_INSERT_TAIL(&f->spare, &f->at[i], order);
	return f;
}

void core_fetch_done(struct core *c)
{
	if (c->fetch == NULL)
		return;
	table_done(&c->fetch->by_mid);
	free(c->fetch->at);
	free(c->fetch->memory);
	free(c->fetch);
	c->fetch = NULL;
}

static const char *clause_of(const struct core *c, const struct core_request *r)
{
	return c->process->config->provider[r->provider].clause;
}

static struct core_request *request_of(struct core *c, const uint8_t mid[MID_SIZE])
{
	uint32_t number;

	return c->fetch != NULL && table_get(&c->fetch->by_mid, mid, &number) ? &c->fetch->at[number] : NULL;
}

/* ---- one comes ---- */

static struct core_request *request_add(struct core *c, struct core_channel *ch, const uint8_t mid[MID_SIZE])
{
	struct core_fetch   *f = c->fetch;
	struct core_request *r = TAILQ_FIRST(&f->spare);

	if (r == NULL || ch->requests >= REQUESTS_EACH || table_put(&f->by_mid, mid, (uint32_t)(r - f->at)) != ERR_OK)
		return NULL;
	TAILQ_REMOVE(&f->spare, r, order);
	*r = (struct core_request){.channel = ch};
	memcpy(r->mid, mid, MID_SIZE);
	TAILQ_INSERT_TAIL(&f->waiting, r, order);
	ch->requests++;
	return r;
}

static void full_tell(struct core *c, const struct core_channel *ch)
{
	if (c->fetch != NULL && c->fetch->journaled_ms != 0 && c->now_ms - c->fetch->journaled_ms < JOURNAL_EVERY_MS)
		return;
	if (c->fetch != NULL)
		c->fetch->journaled_ms = c->now_ms;
	journal(LEVEL_WARNING, "requests-full", "%s with %s: more questions wait to be fetched than are kept: the next is answered with an error",
		ch->name, ch->partner->name);
}

/* A channel that judges its questions again, in a new epoch, names the same one by another ticket. */
bool core_fetch_ask(struct core *c, struct core_channel *ch, const struct duty *d, unsigned provider)
{
	if (c->fetch == NULL)
		c->fetch = fetch_new();
	struct core_request *r = request_of(c, d->lookup.mid);
	bool		     known = r != NULL;

	if (c->fetch != NULL && !known)
		r = request_add(c, ch, d->lookup.mid);
	if (r == NULL || r->channel != ch) {
		full_tell(c, ch);
		return false;
	}
	r->ticket = d->lookup.ticket;
	r->provider = (uint16_t)provider;
	r->agreement = d->lookup.agreement;
	r->clause = d->lookup.clause;
	r->not_after_ms = d->lookup.not_after_ms;
	if (!known && !c->asking_again)
		core_news_mid(c, NEWS_REQUEST_WAITING, d->lookup.mid, false);
	return true;
}

static void come_say(struct core *c)
{
	uint8_t memory[FETCH_CLAUSE_MOST + 2];

	for (unsigned i = 0; i < c->process->config->nproviders; i++) {
		struct builder b = builder_on(memory, sizeof memory);

		if (!c->fetch->come[i])
			continue;
		c->fetch->come[i] = false;
		build_bytes16(&b, bytes_text(c->process->config->provider[i].clause));
		if (b.err == ERR_OK)
			core_desk_send(c, FETCH_COME, builder_bytes(&b));
	}
}

/* Nothing is stored and not committed: what came is on the disk. The newest stand at the end. */
void core_fetch_turn(struct core *c)
{
	struct core_request *r;

	if (c->fetch == NULL || c->stopped || store_open_turn(c->store))
		return;
	TAILQ_FOREACH_REVERSE(r, &c->fetch->waiting, request_list, order)
	{
		if (r->durable)
			break;
		r->durable = c->fetch->come[r->provider] = true;
	}
	come_say(c);
}

/* ---- one ends ---- */

void core_fetch_end(struct core *c, const struct core_channel *ch, const uint8_t mid[MID_SIZE])
{
	struct core_request *r = request_of(c, mid);

	if (r == NULL || r->channel != ch)
		return;
	table_remove(&c->fetch->by_mid, mid);
	r->channel->requests--;
	TAILQ_REMOVE(&c->fetch->waiting, r, order);
	TAILQ_INSERT_TAIL(&c->fetch->spare, r, order);
}

static void found_step(struct core *c, const struct core_request *r, enum lookup_outcome outcome, const struct fetch_answer *a)
{
	struct channel_event event = {.type = EVENT_FOUND,
				      .found = {.ticket = r->ticket, .outcome = outcome, .fields = &a->fields, .reason = a->reason}};

	core_step(c, r->channel, &event);
}

static bool is_free(const struct core *c, const struct core_request *r)
{
	return r->lease_ms == 0 || r->lease_ms <= c->now_ms;
}

/* Nobody answered while it lived. */
static void expire(struct core *c, uint8_t (*mid)[MID_SIZE], size_t n)
{
	static const struct fetch_answer none;

	for (size_t i = 0; i < n && !c->stopped; i++) {
		struct core_request *r = request_of(c, mid[i]);

		if (r != NULL)
			found_step(c, r, FOUND_EXPIRED, &none);
	}
}

/* Once a second. */
void core_fetch_tick(struct core *c)
{
	static uint8_t	     late[EXPIRE_MOST][MID_SIZE];
	struct core_request *r;
	size_t		     n = 0;

	if (c->fetch == NULL)
		return;
	TAILQ_FOREACH(r, &c->fetch->waiting, order)
	{
		if (c->now_ms > r->not_after_ms && n < EXPIRE_MOST && !channel_frozen(r->channel->channel))
			memcpy(late[n++], r->mid, MID_SIZE);
		if (r->lease_ms == 0 || !is_free(c, r))
			continue;
		r->lease_ms = 0;
		c->fetch->come[r->provider] = true;
	}
	expire(c, late, n);
	come_say(c);
}

/* ---- what waits ---- */

static bool is_fetched(const struct core *c, struct bytes clause)
{
	const struct config *config = c->process->config;

	for (unsigned i = 0; i < config->nproviders; i++)
		if (config->provider[i].source == SOURCE_FETCH && bytes_is(clause, config->provider[i].clause))
			return true;
	return false;
}

/* The token's scope as text that ends: it was read with that limit. */
static void scope_text(struct bytes scope, char out[TOKEN_CLAUSES_MOST + 1])
{
	memcpy(out, scope.at, scope.n);
	out[scope.n] = '\0';
}

static bool is_wanted(const struct core *c, const struct core_request *r, const struct fetch_list *f, const char *scope)
{
	struct bytes clause = bytes_text(clause_of(c, r));

	if (!r->durable || c->now_ms > r->not_after_ms || (f->lease_s > 0 && !is_free(c, r)))
		return false;
	return (f->clause.n == 0 || bytes_equal(f->clause, clause)) && scope_answers(scope, clause);
}

static void lease(struct core *c, struct core_request *r, const struct fetch_list *f)
{
	if (f->lease_s == 0)
		return;
	r->lease_ms = c->now_ms + (uint64_t)f->lease_s * 1000;
	if (r->lease_ms > r->not_after_ms)
		r->lease_ms = r->not_after_ms;
	memcpy(r->holder, f->account.at, f->account.n);
	r->holder[f->account.n] = '\0';
}

static uint64_t answer_by(const struct core_request *r, const struct exchange *x)
{
	const struct clause *clause = agreement_clause(r->agreement, r->clause);
	uint64_t	     by = x->accepted_ms + (clause != NULL ? clause->answer_within_ms : 0);

	return by < r->not_after_ms ? by : r->not_after_ms;
}

/* What was asked stands in the ledger and nowhere else. */
static bool offer_add(struct core *c, const struct core_request *r, struct builder *b)
{
	struct exchange_row row;
	struct arena	    arena;
	size_t		    before = b->n;

	arena_init(&arena, EXCHANGE_MEMORY);
	struct exchange *x = arena_take(&arena, sizeof *x);
	struct offer	*o = arena_take(&arena, sizeof *o);
	bool		 read = x != NULL && o != NULL && store_exchange_find(c->store, r->mid, false, &row) == ERR_OK &&
		    store_exchange_load(c->store, &row, &arena, x) == ERR_OK && strcmp(x->partner, r->channel->partner->name) == 0;
	if (read) {
		*o = (struct offer){.clause = bytes_text(clause_of(c, r)),
				    .agreement = r->agreement->id,
				    .number = r->clause,
				    .asked_ms = x->accepted_ms,
				    .answer_by_ms = answer_by(r, x),
				    .expires_ms = r->not_after_ms,
				    .lease_ms = is_free(c, r) ? 0 : r->lease_ms,
				    .holder = is_free(c, r) ? BYTES_NONE : bytes_text(r->holder),
				    .purpose = x->purpose,
				    .reference = x->reference,
				    .fields = x->ask};
		memcpy(o->mid, r->mid, MID_SIZE);
		memcpy(o->from, x->partner, sizeof o->from);
		offer_write(b, o);
	}
	arena_done(&arena);
	if (b->err == ERR_OK)
		return read;
	*b = (struct builder){.at = b->at, .n = before, .room = b->room};
	return false;
}

static void list(struct core *c, const struct fetch_list *f)
{
	struct builder	     number, b = builder_on(c->fetch->memory, OFFERS_MOST);
	char		     scope[TOKEN_CLAUSES_MOST + 1];
	struct core_request *r;
	uint16_t	     n = 0;

	scope_text(f->scope, scope);
	build_u32(&b, f->ticket);
	uint8_t *count = build_reserve(&b, 2);
	TAILQ_FOREACH(r, &c->fetch->waiting, order)
	{
		if (n == f->most)
			break;
		if (!is_wanted(c, r, f, scope))
			continue;
		lease(c, r, f);
		if (offer_add(c, r, &b))
			n++;
		else if (f->lease_s > 0) /* who only looks takes nobody's lease away */
			r->lease_ms = 0;
	}
	number = builder_on(count, 2);
	build_u16(&number, n);
	core_desk_send(c, FETCH_OFFERS, builder_bytes(&b));
}

static void nothing_send(struct core *c, uint32_t ticket)
{
	uint8_t	       memory[6];
	struct builder b = builder_on(memory, sizeof memory);

	build_u32(&b, ticket);
	build_u16(&b, 0);
	core_desk_send(c, FETCH_OFFERS, builder_bytes(&b));
}

void core_fetch_list(struct core *c, struct bytes payload)
{
	struct fetch_list f;

	if (fetch_list_read(payload, &f) != ERR_OK)
		return;
	if (f.clause.n > 0 && !is_fetched(c, f.clause))
		core_desk_failed(c, f.ticket, FAILURE_NOT_FOUND, 0, "");
	else if (c->fetch == NULL)
		nothing_send(c, f.ticket);
	else
		list(c, &f);
}

/* ---- an answer ---- */

static void reason_refuse(const struct clause *clause, struct bytes reason, struct decision *out)
{
	size_t n = 0;

	*out = (struct decision){.refusal = REFUSAL_VALUE, .clause = clause->number};
	snprintf(out->rule, sizeof out->rule, "%u/refuse-for", clause->number);
	snprintf(out->pointer, sizeof out->pointer, "/reason");
	snprintf(out->found, sizeof out->found, "%.*s", (int)reason.n, (const char *)reason.at);
	for (unsigned i = 0; i < clause->nrefusals && n < sizeof out->allowed; i++)
		n += (size_t)snprintf(out->allowed + n, sizeof out->allowed - n, "%s%s", i > 0 ? ", " : "", clause->refusal[i].name);
}

static bool reason_known(const struct clause *clause, struct bytes reason)
{
	for (unsigned i = 0; i < clause->nrefusals; i++)
		if (bytes_is(reason, clause->refusal[i].name))
			return true;
	return false;
}

/* Before anything leaves: is it what the clause permits? */
static bool clause_permits(const struct core_request *r, const struct fetch_answer *a, struct decision *out)
{
	const struct clause *clause = agreement_clause(r->agreement, r->clause);

	*out = (struct decision){.refusal = REFUSAL_NONE};
	if (a->outcome == OUTCOME_HIT)
		decide_answer(r->agreement, clause, &a->fields, out);
	else if (a->outcome == OUTCOME_REFUSED && !reason_known(clause, a->reason))
		reason_refuse(clause, a->reason, out);
	return out->refusal == REFUSAL_NONE;
}

static void refusal_send(struct core *c, const struct core_request *r, uint32_t ticket, const struct decision *d)
{
	uint8_t	       memory[4096];
	struct builder b = builder_on(memory, sizeof memory);

	build_u32(&b, ticket);
	build_copy(&b, r->agreement->id.b, HASH_SIZE);
	decision_write(&b, d);
	if (b.err == ERR_OK)
		core_desk_send(c, FETCH_NOT_ANSWERED, builder_bytes(&b));
}

/* It is told when it is on the disk. */
static void answered_send(struct core *c, uint32_t ticket)
{
	uint8_t	       memory[4];
	struct builder b = builder_on(memory, sizeof memory);

	build_u32(&b, ticket);
	core_desk_after(c, FETCH_ANSWERED, builder_bytes(&b));
}

static void answer_step(struct core *c, const struct core_request *r, const struct fetch_answer *a)
{
	static const enum lookup_outcome outcomes[] = {
		[OUTCOME_HIT] = FOUND_HIT, [OUTCOME_NO_HIT] = FOUND_NO_HIT, [OUTCOME_REFUSED] = FOUND_REFUSED, [OUTCOME_ERROR] = FOUND_ERROR};

	found_step(c, r, outcomes[a->outcome], a);
	if (request_of(c, a->mid) == NULL)
		answered_send(c, a->ticket);
	else if (!c->stopped) /* it is judged again soon, or this core is about to end */
		core_desk_failed(c, a->ticket, FAILURE_BUSY, 0, "");
}

static void answer_judge(struct core *c, const struct core_request *r, const struct fetch_answer *a)
{
	struct decision d;

	if (c->now_ms > r->not_after_ms)
		core_desk_failed(c, a->ticket, FAILURE_LATE, 0, "");
	else if (!is_free(c, r) && !bytes_is(a->account, r->holder))
		core_desk_failed(c, a->ticket, FAILURE_LEASED, r->lease_ms, "");
	else if (channel_frozen(r->channel->channel))
		core_desk_failed(c, a->ticket, FAILURE_FROZEN, 0, "");
	else if (!r->durable)
		core_desk_failed(c, a->ticket, FAILURE_BUSY, 0, "");
	else if (!clause_permits(r, a, &d))
		refusal_send(c, r, a->ticket, &d);
	else
		answer_step(c, r, a);
}

/* Why it does not wait here, as the ledger has it. A question that nobody has answered is taken up when its partner is heard again. */
static enum failure why_not(const struct core *c, const struct exchange *x, const char *scope)
{
	const struct agreement *agreement = papers_agreement(&c->papers, &x->agreement);
	const struct clause    *clause = agreement != NULL ? agreement_clause(agreement, x->clause) : NULL;
	char			name[FETCH_CLAUSE_MOST + 1];

	if (clause == NULL)
		return FAILURE_NOT_FOUND;
	snprintf(name, sizeof name, "%s/%s", clause->channel, clause->name);
	if (!scope_answers(scope, bytes_text(name)))
		return FAILURE_NOT_FOUND;
	if (x->state == EXCHANGE_EXPIRED || (x->state <= EXCHANGE_DELIVERED && c->now_ms > x->not_after_ms))
		return FAILURE_LATE;
	if (x->state > EXCHANGE_DELIVERED)
		return FAILURE_ENDED;
	return is_fetched(c, bytes_text(name)) ? FAILURE_BUSY : FAILURE_NOT_FOUND;
}

static enum failure why_absent(struct core *c, const uint8_t mid[MID_SIZE], const char *scope)
{
	enum failure	    why = FAILURE_NOT_FOUND;
	struct exchange_row row;
	struct arena	    arena;

	arena_init(&arena, EXCHANGE_MEMORY);
	struct exchange *x = arena_take(&arena, sizeof *x);
	if (x == NULL)
		why = FAILURE_INTERNAL;
	else if (store_exchange_find(c->store, mid, false, &row) == ERR_OK && store_exchange_load(c->store, &row, &arena, x) == ERR_OK)
		why = why_not(c, x, scope);
	arena_done(&arena);
	return why;
}

void core_fetch_answer(struct core *c, struct bytes payload)
{
	static struct fetch_answer a; /* large; one is read at a time */
	char			   scope[TOKEN_CLAUSES_MOST + 1];

	if (fetch_answer_read(payload, &a) != ERR_OK)
		return;
	scope_text(a.scope, scope);
	const struct core_request *r = request_of(c, a.mid);
	if (r == NULL)
		core_desk_failed(c, a.ticket, why_absent(c, a.mid, scope), 0, "");
	else if (!scope_answers(scope, bytes_text(clause_of(c, r))))
		core_desk_failed(c, a.ticket, FAILURE_NOT_FOUND, 0, "");
	else
		answer_judge(c, r, &a);
}
