/* link_dial.c: when and where to dial, and what is said when it fails. */
#include "gateway/link.h"

#include <stdio.h>

#include "crypto/random.h"

#define DIAL_FIRST_MS	    100
#define DIAL_MOST_MS	    10000
#define HURRY_EVERY_MS	    1000
#define RESOLVE_AGAIN_AFTER 20	  /* failed attempts, after which a host name is looked up again */
#define UNRESOLVED_AGAIN    4	  /* the same when it had no address at all */
#define SAY_AGAIN_MS	    60000 /* the same failure is journalled once in this time */

void link_timer_set(struct event *timer, unsigned ms)
{
	struct timeval wait = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};

	(void)evtimer_add(timer, &wait);
}

/* Between three quarters and five quarters of the wait: two gateways that lost each other do not meet in step. */
static unsigned with_jitter(unsigned ms)
{
	uint8_t random;

	random_bytes(&random, sizeof random);
	return ms * 3 / 4 + ms * random / 510;
}

void link_dial_later(struct link *l)
{
	if (!l->partner->dial || !l->core || l->up || l->stopping)
		return;
	if (l->wait_ms == 0)
		l->wait_ms = DIAL_FIRST_MS;
	link_timer_set(l->dial, with_jitter(l->wait_ms));
	l->wait_ms = l->wait_ms * 2 > DIAL_MOST_MS ? DIAL_MOST_MS : l->wait_ms * 2;
}

/* At once, but no partner makes us turn hot by saying so again and again; and how often sessions ended so says nothing of the next one. */
void link_dial_again(struct link *l)
{
	uint64_t now = link_now_ms();

	l->wait_ms = 0;
	link_dial_later(l);
	l->wait_ms = 0;
	if (!l->partner->dial || !l->core || l->up || l->stopping || now - l->hurried_ms < HURRY_EVERY_MS)
		return;
	l->hurried_ms = now;
	link_timer_set(l->dial, 0);
}

/* ---- failures ---- */

static void say_failure(struct link *l, const char *why)
{
	uint64_t now = link_now_ms();

	if (strcmp(l->said, why) == 0 && now - l->said_ms < SAY_AGAIN_MS)
		return;
	(void)snprintf(l->said, sizeof l->said, "%s", why);
	l->said_ms = now;
	journal(LEVEL_WARNING, "no-session", "%s", why);
}

/* Names are looked up before promise(); so looking one up again takes a new process. */
static void resolve_again(struct link *l)
{
	unsigned most = l->naddresses ? RESOLVE_AGAIN_AFTER : UNRESOLVED_AGAIN;

	if (!l->host_is_name || l->failures < most || l->up)
		return;
	journal(LEVEL_INFO, "resolve", "starting again to look up %s", l->partner->dial);
	process_leave(l->process, EXIT_TROUBLE);
}

void link_attempt_failed(struct link *l, bool dialled, const char *why)
{
	say_failure(l, why);
	if (!l->up)
		link_tell_state(l, why);
	if (!dialled)
		return;
	l->failures++;
	link_dial_later(l);
	resolve_again(l);
}

/* ---- dialling ---- */

static bool is_dialling(const struct link *l)
{
	for (const struct connection *c = l->connections; c; c = c->next) {
		if (c->dialled && c->state != CONNECTION_CLOSING)
			return true;
	}
	return false;
}

static void dial_now(struct link *l)
{
	struct bufferevent *socket = link_tls_dial(l->tls, l->process->base);
	struct connection  *c = socket ? connection_new(l, socket, true) : NULL;

	if (!c) {
		link_attempt_failed(l, true, "no memory for a connection");
		return;
	}
	const struct address *to = &l->addresses[l->address++ % l->naddresses];
	/* A refusal may be known at once; it is still said by the event. Below zero there was not even a socket. */
	if (bufferevent_socket_connect(socket, (const struct sockaddr *)&to->at, (int)to->n) != 0)
		connection_failed(c, "no socket could be made");
}

void link_dial_due(evutil_socket_t fd unused_arg, short what unused_arg, void *arg)
{
	struct link *l = arg;

	if (!l->core || l->up || l->stopping || is_dialling(l))
		return;
	if (l->naddresses == 0)
		link_attempt_failed(l, true, l->unresolved);
	else
		dial_now(l);
}
