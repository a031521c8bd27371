/*
 * desk_pending.c: tickets. A ticket's low bits are its slot, the high bits a turn,
 * so that an answer that comes too late finds nobody instead of somebody else.
 */
#include "gateway/desk.h"

#define SLOT_MASK (DESK_PENDING_MOST - 1u)
_Static_assert((DESK_PENDING_MOST & SLOT_MASK) == 0 && DESK_PENDING_MOST <= 65536, "slots are the low bits of a ticket");

void pending_start(struct desk *d)
{
	for (unsigned i = 0; i < DESK_PENDING_MOST; i++)
		d->free[i] = (uint16_t)(DESK_PENDING_MOST - 1 - i);
	d->nfree = DESK_PENDING_MOST;
}

static void tick_start(struct desk *d)
{
	const struct timeval every = {.tv_usec = DESK_TICK_MS * 1000};

	if (d->tick != NULL && !event_pending(d->tick, EV_TIMEOUT, NULL))
		event_add(d->tick, &every);
}

struct pending *pending_new(struct call *c, enum asked asked, unsigned wait_s)
{
	struct desk *d = c->desk;

	if (d->nfree == 0)
		return NULL;
	uint16_t	slot = d->free[--d->nfree];
	struct pending *p = &d->pending[slot];

	d->turn += DESK_PENDING_MOST;
	*p = (struct pending){.asked = asked,
			      .ticket = d->turn | slot,
			      .request = c->request,
			      .lang = c->lang,
			      .deadline_ms = desk_clock_ms() + (uint64_t)wait_s * 1000,
			      .place = (uint16_t)d->nactive};
	if (c->token != NULL)
		p->token = c->token->hash;
	d->active[d->nactive++] = slot;
	if (d->nactive == 1)
		tick_start(d);
	return p;
}

struct pending *pending_find(struct desk *d, uint32_t ticket)
{
	struct pending *p = &d->pending[ticket & SLOT_MASK];

	return p->asked != ASKED_NOTHING && p->ticket == ticket ? p : NULL;
}

void pending_end(struct desk *d, struct pending *p)
{
	uint16_t slot = (uint16_t)(p->ticket & SLOT_MASK);
	uint16_t last = d->active[--d->nactive];

	buffer_done(&p->halves[0]);
	buffer_done(&p->halves[1]);
	desk_kept_forget(d, p);
	d->active[p->place] = last;
	d->pending[last].place = p->place;
	p->asked = ASKED_NOTHING;
	p->request = NULL;
	d->free[d->nfree++] = slot;
}

/* A question or a withdrawal may be on its way, or is. */
static bool maybe_left(const struct pending *p)
{
	return p->asked == ASKED_QUERY || p->asked == ASKED_ANSWER || p->accepted || (p->asked == ASKED_CANCEL && p->missing == HALF_CORE);
}

void pending_give_up(struct desk *d, struct pending *p, const char *code)
{
	const struct problem   problem = {.code = code, .retry_s = 1, .maybe_left = maybe_left(p)};
	struct evhttp_request *request = p->request;
	enum lang	       lang = p->lang;

	pending_end(d, p);
	if (request != NULL)
		desk_problem(d, request, lang, &problem);
}

static void pending_due(struct desk *d, struct pending *p, uint64_t now)
{
	bool again = p->asked == ASKED_SHOW && p->parked && now - p->asked_ms >= DESK_AGAIN_MS;

	if (p->asked == ASKED_REQUESTS)
		desk_requests_due(d, p, now);
	else if (p->asked == ASKED_QUERY && now >= p->deadline_ms)
		desk_query_deadline(d, p);
	else if (again || (p->parked && now >= p->deadline_ms))
		desk_show_again(d, p);
	else if (now >= p->deadline_ms + (p->waits ? DESK_GRACE_MS : 0))
		pending_give_up(d, p, "busy");
}

void pending_tick(struct desk *d)
{
	uint64_t now = desk_clock_ms();

	desk_return_tick(d, now);
	/* From the end: one that ends is replaced by the last, which was looked at already. */
	for (unsigned i = d->nactive; i-- > 0;)
		if (i < d->nactive)
			pending_due(d, &d->pending[d->active[i]], now);
	if (d->nactive == 0)
		event_del(d->tick);
}

bool pending_needs(const struct pending *p, enum role role)
{
	if (p->asked == ASKED_STATUS || p->asked == ASKED_METRICS || p->asked == ASKED_CANCEL)
		return (p->missing & (role == ROLE_CORE ? HALF_CORE : HALF_READER)) != 0;
	bool of_reader = p->asked == ASKED_SHOW || p->asked == ASKED_EVIDENCE;
	return of_reader == (role == ROLE_READER);
}

void pending_lost(struct desk *d, enum role role)
{
	const char *code = role == ROLE_CORE && d->ledger_stopped ? "ledger-stopped" : "busy";

	if (role == ROLE_CORE)
		d->core_up = false;
	else
		d->reader_up = false;
	for (unsigned i = d->nactive; i-- > 0;) {
		struct pending *p = &d->pending[d->active[i]];

		if (i < d->nactive && pending_needs(p, role))
			pending_give_up(d, p, code);
	}
}
