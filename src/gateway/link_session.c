/* link_session.c: connections, from the handshake through PING and frames to CLOSE. link.h draws their states. */
#include "gateway/link.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "crypto/random.h"

#define HANDSHAKE_MOST_MS 10000
#define PING_AFTER_MS	  15000
#define SKEW_EVERY_MS	  60000 /* the partner's clock is looked at so often, whether it is silent or not */
#define SKEW_TRIP_MOST_MS 10000 /* a PONG that took longer tells too little about a clock */
#define DEAD_AFTER_MS	  45000
#define CLOSING_MOST_MS	  2000
#define HEALTHY_MS	  10000 /* a session that lasted so long was a good one: dialling begins again with the shortest wait */
#define RACE_MS		  5000	/* two sessions made within this time are two sides dialling at once */
#define CONNECTIONS_MOST  8	/* above it the oldest that is not up gives way */
#define READ_MOST	  (1u << 20)

static uint64_t clock_ms(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t link_now_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

/* ---- the end of connections ---- */

void connection_forget(struct connection *c)
{
	struct connection **at = &c->link->connections;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	if (c->link->up == c)
		c->link->up = NULL;
	free(c);
}

/* Now, whatever is unread or unsent. */
static void connection_end(struct connection *c)
{
	link_tls_end(c->socket);
	connection_forget(c);
}

/* The session is no more, for the core; what it did not read yet will never reach it. */
void connection_down(struct connection *c, const char *why)
{
	struct link *l = c->link;

	if (l->up != c)
		return;
	l->up = NULL;
	if (link_now_ms() - c->since_ms >= HEALTHY_MS)
		l->wait_ms = 0;
	journal(LEVEL_INFO, "session-down", "session %u ended: %s", c->number, why);
	link_tell_down(l, c->number, why);
	if (c->comes_back)
		link_dial_again(l);
	else
		link_dial_later(l);
}

/* What is queued leaves, then the connection ends; nothing more is read. */
void connection_drain(struct connection *c)
{
	bufferevent_disable(c->socket, EV_READ);
	c->state = CONNECTION_CLOSING;
	c->since_ms = link_now_ms();
	if (evbuffer_get_length(bufferevent_get_output(c->socket)) == 0)
		connection_end(c);
}

static void write_close(struct connection *c, enum close_code code, const char *text)
{
	uint8_t		   frame[FRAME_HEAD + 8 + CLOSE_TEXT_MOST];
	struct builder	   b = builder_on(frame, sizeof frame);
	struct close_frame f = {.code = (uint16_t)code, .text = bytes_text(text)};

	close_frame_write(&b, &f);
	if (!b.err)
		(void)bufferevent_write(c->socket, b.at, b.n);
}

/* Tells the partner why, as far as there is a session to say it in. */
static void connection_close(struct connection *c, enum close_code code, const char *text)
{
	enum connection_state state = c->state;

	if (state == CONNECTION_CLOSING)
		return;
	connection_down(c, text);
	if (state == CONNECTION_DIALLING || state == CONNECTION_ACCEPTED) {
		connection_end(c);
		return;
	}
	write_close(c, code, text);
	connection_drain(c);
}

void link_close_all(struct link *l, enum close_code code, const char *text)
{
	for (struct connection *c = l->connections, *next; c; c = next) {
		next = c->next;
		connection_close(c, code, text);
	}
}

/* ---- failures ---- */

void connection_failed(struct connection *c, const char *why)
{
	struct link	     *l = c->link;
	enum connection_state state = c->state;
	bool		      dialled = c->dialled;

	connection_down(c, why);
	connection_end(c);
	if (state != CONNECTION_UP && state != CONNECTION_CLOSING)
		link_attempt_failed(l, dialled, why);
}

/* Nothing that waits to be sent is given to it, and it is told nothing. */
void link_pins_changed(struct link *l)
{
	for (struct connection *c = l->connections, *next; c; c = next) {
		next = c->next;
		if (!link_tls_lets(l->tls, c->socket))
			connection_failed(c, "the key that let it in is no longer on the partner's card");
	}
}

/* ---- PING and PONG ---- */

static void write_ping(struct connection *c, uint8_t type, uint64_t nonce, uint64_t wall_ms)
{
	uint8_t		  frame[FRAME_HEAD + 16];
	struct builder	  b = builder_on(frame, sizeof frame);
	struct ping_frame f = {.nonce = nonce, .time_ms = wall_ms};

	ping_frame_write(&b, type, &f);
	(void)bufferevent_write(c->socket, b.at, b.n);
}

static void connection_ping(struct connection *c)
{
	uint64_t nonce;

	random_bytes(&nonce, sizeof nonce);
	c->pinged_ms = link_now_ms();
	c->ping_nonce = nonce;
	c->ping_wall_ms = clock_ms(CLOCK_REALTIME);
	write_ping(c, FRAME_PING, nonce, c->ping_wall_ms);
}

/* ---- sessions ---- */

/* When both sides dial, the connection dialled by the party whose name sorts first is kept. */
static bool is_preferred(const struct connection *c)
{
	return c->dialled == c->link->we_are_first;
}

/*
 * May this connection take the place of the one that is up? A newer one of the same direction may: the partner
 * lost the old one. The preferred direction may. The other may only when the one that is up is no
 * part of the same race: then the partner, who has the preferred one too, would not have begun it unless it were dead.
 */
static bool may_supersede(const struct connection *c, const struct connection *up)
{
	return c->dialled == up->dialled || is_preferred(c) || link_now_ms() - up->since_ms > RACE_MS;
}

/* Old sockets are closed and their unread bytes dropped before the core hears of the new session. */
static void session_begin(struct connection *c)
{
	struct link *l = c->link;

	if (l->up)
		connection_close(l->up, CLOSE_SUPERSEDED, "a newer session took its place");
	evtimer_del(l->dial);
	l->up = c;
	l->failures = 0;
	l->said[0] = 0;
	c->state = CONNECTION_UP;
	c->number = ++l->sessions;
	c->since_ms = c->heard_ms = link_now_ms();
	journal(LEVEL_INFO, "session-up", "session %u is up, %s", c->number, c->dialled ? "we dialled" : "the partner dialled");
	link_tell_up(l, c);
}

/* False when the connection is gone. */
static bool connection_promote(struct connection *c)
{
	struct link *l = c->link;

	if (l->up && !may_supersede(c, l->up)) {
		connection_close(c, CLOSE_SUPERSEDED, "another session between us is up");
		return false;
	}
	session_begin(c);
	return true;
}

/* ---- frames from the partner ---- */

/* The partner looked at its clock somewhere between our PING and now: in the middle, as far as anybody can tell. */
static void skew_measure(struct connection *c, const struct ping_frame *pong)
{
	uint64_t trip = link_now_ms() - c->pinged_ms;
	uint64_t middle = c->ping_wall_ms + trip / 2;

	if (c->ping_wall_ms == 0 || pong->nonce != c->ping_nonce || trip > SKEW_TRIP_MOST_MS)
		return;
	c->ping_wall_ms = 0;
	bool	 ahead = pong->time_ms > middle;
	uint64_t off = ahead ? pong->time_ms - middle : middle - pong->time_ms;
	int32_t	 ms = off > INT32_MAX ? INT32_MAX : (int32_t)off;
	link_tell_skew(c->link, c->number, ahead ? ms : -ms);
}

static enum err answer_ping(struct connection *c, const struct frame *f)
{
	struct ping_frame ping;
	enum err	  e = ping_frame_read(f->payload, &ping);

	if (!e && f->type == FRAME_PING)
		write_ping(c, FRAME_PONG, ping.nonce, clock_ms(CLOCK_REALTIME));
	else if (!e)
		skew_measure(c, &ping);
	return e;
}

/* Drops the last character of a text that was cut, which may be a part of one. */
static void utf8_trim(char *text)
{
	size_t n = strlen(text);

	while (n > 0 && ((unsigned char)text[n - 1] & 0xC0) == 0x80)
		n--;
	text[n > 0 ? n - 1 : 0] = 0;
}

/* The partner's last words become our reason; the frame itself is the core's to judge. */
static void farewell_hear(struct connection *c, struct bytes payload)
{
	struct close_frame f;

	if (close_frame_read(payload, &f))
		return;
	c->comes_back = f.code == CLOSE_RESTART;
	if (f.text.n == 0)
		return;
	int n = snprintf(c->farewell, sizeof c->farewell, "the partner said: %.*s", (int)f.text.n, (const char *)f.text.at);
	if (n >= (int)sizeof c->farewell)
		utf8_trim(c->farewell);
}

/* Cuts `stream`: PING and PONG stay here, runs of other frames go to the core. `*done` is what was used. */
static enum err frames_cut(struct connection *c, struct bytes stream, size_t *done)
{
	size_t	     run = 0; /* where the frames not yet passed begin */
	size_t	     at = 0;
	struct frame f;
	size_t	     used = 0;
	enum err     e = ERR_OK;

	while ((e = frame_next(bytes_of(stream.at + at, stream.n - at), &f, &used)) == ERR_OK) {
		if (f.type == FRAME_CLOSE)
			farewell_hear(c, f.payload);
		if (f.type == FRAME_PING || f.type == FRAME_PONG) {
			link_pass(c, bytes_of(stream.at + run, at - run));
			run = at + used;
			e = answer_ping(c, &f);
			if (e)
				break;
		}
		at += used;
	}
	if (run < at)
		link_pass(c, bytes_of(stream.at + run, at - run));
	*done = at;
	return e == ERR_SHORT ? ERR_OK : e;
}

/* The first words after the handshake. True when the session is up; false: wait on, or the connection is gone. */
static bool greeting_hear(struct connection *c, struct bytes stream)
{
	struct frame f;
	size_t	     used = 0;
	enum err     e = frame_next(stream, &f, &used);

	if (e == ERR_SHORT)
		return false;
	if (e) {
		connection_failed(c, err_text(e, LANG_EN));
		return false;
	}
	if (f.type != FRAME_CLOSE)
		return connection_promote(c);
	farewell_hear(c, f.payload);
	char why[LINK_WHY_MOST];
	(void)snprintf(why, sizeof why, "%s", c->farewell[0] ? c->farewell : "the partner closed the session at once");
	connection_failed(c, why);
	return false;
}

static void socket_readable(struct bufferevent *socket, void *arg)
{
	struct connection *c = arg;
	struct evbuffer	  *input = bufferevent_get_input(socket);
	size_t		   n = evbuffer_get_length(input);
	struct bytes	   stream = bytes_of(n ? evbuffer_pullup(input, -1) : NULL, n);
	size_t		   done = 0;

	c->heard_ms = link_now_ms();
	if (c->state == CONNECTION_GREETING && !greeting_hear(c, stream))
		return;
	if (c->state != CONNECTION_UP)
		return;
	enum err e = frames_cut(c, stream, &done);
	evbuffer_drain(input, done);
	if (e)
		connection_close(c, CLOSE_PROTOCOL, err_text(e, LANG_EN));
}

/* The output is empty. */
static void socket_drained(struct bufferevent *socket unused_arg, void *arg)
{
	struct connection *c = arg;

	if (c->state == CONNECTION_CLOSING)
		connection_end(c);
}

static void connection_ready(struct connection *c)
{
	char why[LINK_WHY_MOST];

	if (link_tls_check(c->socket)) {
		link_tls_why(c->socket, 0, why);
		connection_failed(c, why);
		return;
	}
	if (!c->dialled) {
		(void)connection_promote(c);
		return;
	}
	c->state = CONNECTION_GREETING;
	connection_ping(c);
}

static void socket_event(struct bufferevent *socket, short what, void *arg)
{
	struct connection *c = arg;
	char		   why[LINK_WHY_MOST];

	if (what & BEV_EVENT_CONNECTED) {
		connection_ready(c);
		return;
	}
	link_tls_why(socket, what, why);
	if (c->farewell[0])
		(void)snprintf(why, sizeof why, "%s", c->farewell);
	connection_failed(c, why);
}

/* ---- new connections ---- */

/* Strangers may come in any number; each costs a place for a while, and the oldest stranger gives his up. */
static void make_room(struct link *l)
{
	struct connection *oldest = NULL;
	unsigned	   n = 0;

	for (struct connection *c = l->connections; c; c = c->next) {
		n++;
		if (c != l->up && !c->dialled)
			oldest = c;
	}
	if (n >= CONNECTIONS_MOST && oldest)
		connection_end(oldest);
}

struct connection *connection_new(struct link *l, struct bufferevent *socket, bool dialled)
{
	struct connection *c = calloc(1, sizeof *c);

	if (!c) {
		bufferevent_free(socket);
		return NULL;
	}
	*c = (struct connection){.next = l->connections, .link = l, .socket = socket, .dialled = dialled};
	c->state = dialled ? CONNECTION_DIALLING : CONNECTION_ACCEPTED;
	c->since_ms = link_now_ms();
	l->connections = c;
	bufferevent_setcb(socket, socket_readable, socket_drained, socket_event, c);
	bufferevent_setwatermark(socket, EV_READ, 0, READ_MOST);
	(void)bufferevent_enable(socket, EV_READ | EV_WRITE);
	return c;
}

void link_came_in(struct evconnlistener *listener unused_arg, evutil_socket_t fd, struct sockaddr *from unused_arg, int n unused_arg, void *arg)
{
	struct link *l = arg;

	make_room(l);
	struct bufferevent *socket = link_tls_accept(l->tls, l->process->base, fd);
	if (socket)
		(void)connection_new(l, socket, false);
}

/* ---- once a second ---- */

/* Who accepted the connection sent no PING yet: its first tells the partner's clock. */
static bool clock_is_due(const struct connection *c, uint64_t now)
{
	return c->pinged_ms == 0 || now - c->pinged_ms >= SKEW_EVERY_MS;
}

static void check_up(struct connection *c, uint64_t now)
{
	if (c->paused)
		c->heard_ms = now; /* it is we who do not listen */
	if (now - c->heard_ms >= DEAD_AFTER_MS)
		connection_close(c, CLOSE_NORMAL, "the partner was silent for 45 seconds");
	else if ((now - c->heard_ms >= PING_AFTER_MS && now - c->pinged_ms >= PING_AFTER_MS) || clock_is_due(c, now))
		connection_ping(c);
}

static void connection_check(struct connection *c, uint64_t now)
{
	switch (c->state) {
	case CONNECTION_DIALLING:
	case CONNECTION_ACCEPTED:
	case CONNECTION_GREETING:
		if (now - c->since_ms >= HANDSHAKE_MOST_MS)
			connection_failed(c, c->dialled ? "the partner did not answer in time" : "somebody connected and did not finish in time");
		return;
	case CONNECTION_UP:
		check_up(c, now);
		return;
	case CONNECTION_CLOSING:
		if (now - c->since_ms >= CLOSING_MOST_MS)
			connection_end(c);
		return;
	}
}

void link_tick_due(evutil_socket_t fd unused_arg, short what unused_arg, void *arg)
{
	struct link *l = arg;

	for (struct connection *c = l->connections, *next; c; c = next) {
		next = c->next;
		connection_check(c, link_now_ms());
	}
}
