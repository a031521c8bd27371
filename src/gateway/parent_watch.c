/*
 * parent_watch.c: the service manager's watchdog. It is fed only while core, keeper
 * and desk are there and their loops turn: each answers a ping over its control pipe.
 *
 * A core that stays down after a failed write is meant to: a service manager that
 * started the gateway again would try the same disk again (W9), so then the desk alone is asked for.
 */
#include "gateway/parent.h"

#define WATCH_PARTS 4 /* pings in one period: a reload may miss some */

static bool answered(struct parent *p, enum role role)
{
	const struct child *c = child_of(p, role);

	return c != NULL && c->state == CHILD_READY && c->answered;
}

static bool all_answered(struct parent *p)
{
	bool pair = p->ledger_stopped || (answered(p, ROLE_CORE) && answered(p, ROLE_KEEPER));

	return pair && answered(p, ROLE_DESK);
}

static void ping(struct parent *p, enum role role)
{
	struct child *c = child_of(p, role);

	if (c == NULL)
		return;
	c->answered = false;
	child_say(c, CONTROL_PING);
}

static void watch_due(evutil_socket_t fd unused_arg, short what unused_arg, void *arg)
{
	struct parent *p = arg;

	if (p->state == PARENT_RUNS && all_answered(p))
		notify_alive(&p->notify);
	ping(p, ROLE_CORE);
	ping(p, ROLE_KEEPER);
	ping(p, ROLE_DESK);
}

void watch_open(struct parent *p)
{
	uint64_t       us = p->notify.watchdog_us / WATCH_PARTS;
	struct timeval every = {.tv_sec = (time_t)(us / 1000000), .tv_usec = (suseconds_t)(us % 1000000)};

	if (us == 0)
		return;
	p->watch = event_new(p->base, -1, EV_PERSIST, watch_due, p);
	if (p->watch == NULL || event_add(p->watch, &every) != 0)
		journal(LEVEL_ERROR, "memory", "the service manager's watchdog cannot be fed");
}

void watch_done(struct parent *p)
{
	if (p->watch != NULL)
		event_free(p->watch);
}
