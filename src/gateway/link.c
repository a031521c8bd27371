/*
 * link.c: the process that holds one partner's sockets and the TLS key.
 *
 * It dials, listens or both, lets in only the partner's pinned certificate, cuts
 * the stream into frames, answers PING, and passes whole frames to the core in the
 * batches in which they came. It knows no agreement and no log.
 *
 *	DIALLING ---> GREETING ---> UP ---> CLOSING ---> gone        we dialled
 *	ACCEPTED ----------------> UP ---> CLOSING ---> gone        they did
 *
 * GREETING is there because in TLS 1.3 the dialling side finishes first: its PING
 * must be answered, or the other side say something, before the session counts.
 * At most one connection is UP; its number is the session's for the core.
 */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/listener.h>

#include "agreement/card.h"
#include "base/cursor.h"
#include "crypto/random.h"
#include "gateway/gateway.h"
#include "net/link_tls.h"
#include "proc/files.h"
#include "wire/session.h"

#define TICK_MS		    1000
#define HANDSHAKE_MOST_MS   10000
#define PING_AFTER_MS	    15000
#define DEAD_AFTER_MS	    45000
#define CLOSING_MOST_MS	    2000
#define STOP_MS		    200
#define DIAL_FIRST_MS	    100
#define DIAL_MOST_MS	    10000
#define HEALTHY_MS	    10000 /* a session that lasted so long was a good one: dialling begins again at DIAL_FIRST_MS */
#define RACE_MS		    5000  /* two sessions made within this time are two sides dialling at once */
#define ADDRESSES_MOST	    8
#define RESOLVE_AGAIN_AFTER 20 /* failed attempts, after which a host name is looked up again */
#define UNRESOLVED_AGAIN    4  /* the same when it had no address at all */
#define CONNECTIONS_MOST    8  /* above it the oldest that is not up gives way */
#define READ_MOST	    (1u << 20)
#define CORE_QUEUE_MOST	    (8u << 20) /* no more is read from the partner while so much waits for the core */
#define OUTPUT_MOST	    (32u << 20)
#define SAY_AGAIN_MS	    60000 /* the same failure is journalled once in this time */
#define CERTIFICATE_MOST    16384

enum connection_state {
	CONNECTION_DIALLING,
	CONNECTION_ACCEPTED,
	CONNECTION_GREETING,
	CONNECTION_UP,
	CONNECTION_CLOSING,
};

struct link;

struct connection {
	struct connection    *next;
	struct link	     *link;
	struct bufferevent   *socket;
	enum connection_state state;
	bool		      dialled, paused;
	uint32_t	      number; /* of the session; 0 before it is up */
	uint64_t	      since_ms, heard_ms, pinged_ms;
	char		      farewell[LINK_WHY_MOST]; /* what the partner's CLOSE said */
};

struct address {
	struct sockaddr_storage at;
	socklen_t		n;
};

struct link {
	struct process		    *process;
	const struct config_partner *partner;
	struct link_tls		    *tls;
	struct pipe		    *core;
	struct evconnlistener	    *listener;
	struct event		    *dial, *tick, *stop;
	struct connection	    *connections; /* newest first */
	struct connection	    *up;	  /* one of them, or NULL */
	bool			     we_are_first, stopping;
	uint32_t		     sessions;
	unsigned		     wait_ms, failures;
	unsigned		     naddresses, address;
	struct address		     addresses[ADDRESSES_MOST];
	bool			     host_is_name;
	char			     unresolved[LINK_WHY_MOST];
	char			     said[LINK_WHY_MOST]; /* the last failure journalled */
	uint64_t		     said_ms;
};

static uint64_t clock_ms(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t now_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

static void timer_set(struct event *timer, unsigned ms)
{
	struct timeval wait = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};

	(void)evtimer_add(timer, &wait);
}

/* ---- words to the core ---- */

static void core_tell(struct link *l, uint8_t type, const struct builder *b)
{
	if (l->core)
		(void)pipe_send(l->core, type, builder_bytes(b), -1);
}

static void core_tell_up(struct link *l, const struct connection *c)
{
	uint8_t	       payload[8];
	struct builder b = builder_on(payload, sizeof payload);

	build_u32(&b, c->number);
	build_u8(&b, c->dialled ? 1 : 0);
	core_tell(l, LINK_UP, &b);
}

static void core_tell_down(struct link *l, uint32_t number, const char *why)
{
	uint8_t	       payload[8 + CLOSE_TEXT_MOST];
	struct builder b = builder_on(payload, sizeof payload);

	build_u32(&b, number);
	build_bytes16(&b, bytes_text(why));
	core_tell(l, LINK_DOWN, &b);
}

static void core_tell_state(struct link *l, const char *why)
{
	uint8_t	       payload[8 + CLOSE_TEXT_MOST];
	struct builder b = builder_on(payload, sizeof payload);

	build_bytes16(&b, bytes_text(why));
	core_tell(l, LINK_STATE, &b);
}

/* ---- when to dial ---- */

/* Between three quarters and five quarters of the wait: two gateways that lost each other do not meet in step. */
static unsigned with_jitter(unsigned ms)
{
	uint8_t random;

	random_bytes(&random, sizeof random);
	return ms * 3 / 4 + ms * random / 510;
}

static void dial_later(struct link *l)
{
	if (!l->partner->dial || !l->core || l->up || l->stopping)
		return;
	if (l->wait_ms == 0)
		l->wait_ms = DIAL_FIRST_MS;
	timer_set(l->dial, with_jitter(l->wait_ms));
	l->wait_ms = l->wait_ms * 2 > DIAL_MOST_MS ? DIAL_MOST_MS : l->wait_ms * 2;
}

/* ---- the end of connections ---- */

static void connection_forget(struct connection *c)
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
static void session_down(struct connection *c, const char *why)
{
	struct link *l = c->link;

	if (l->up != c)
		return;
	l->up = NULL;
	if (now_ms() - c->since_ms >= HEALTHY_MS)
		l->wait_ms = 0;
	journal(LEVEL_INFO, "session-down", "session %u ended: %s", c->number, why);
	core_tell_down(l, c->number, why);
	dial_later(l);
}

/* What is queued leaves, then the connection ends; nothing more is read. */
static void connection_drain(struct connection *c)
{
	bufferevent_disable(c->socket, EV_READ);
	c->state = CONNECTION_CLOSING;
	c->since_ms = now_ms();
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
	session_down(c, text);
	if (state == CONNECTION_DIALLING || state == CONNECTION_ACCEPTED) {
		connection_end(c);
		return;
	}
	write_close(c, code, text);
	connection_drain(c);
}

static void close_all(struct link *l, enum close_code code, const char *text)
{
	for (struct connection *c = l->connections, *next; c; c = next) {
		next = c->next;
		connection_close(c, code, text);
	}
}

/* ---- failures ---- */

static void say_failure(struct link *l, const char *why)
{
	uint64_t now = now_ms();

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

static void attempt_failed(struct link *l, bool dialled, const char *why)
{
	say_failure(l, why);
	if (!l->up)
		core_tell_state(l, why);
	if (!dialled)
		return;
	l->failures++;
	dial_later(l);
	resolve_again(l);
}

static void connection_failed(struct connection *c, const char *why)
{
	struct link	     *l = c->link;
	enum connection_state state = c->state;
	bool		      dialled = c->dialled;

	session_down(c, why);
	connection_end(c);
	if (state != CONNECTION_UP && state != CONNECTION_CLOSING)
		attempt_failed(l, dialled, why);
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
	return c->dialled == up->dialled || is_preferred(c) || now_ms() - up->since_ms > RACE_MS;
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
	c->since_ms = c->heard_ms = now_ms();
	journal(LEVEL_INFO, "session-up", "session %u is up, %s", c->number, c->dialled ? "we dialled" : "the partner dialled");
	core_tell_up(l, c);
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

/* ---- PING and PONG ---- */

static void write_ping(struct connection *c, uint8_t type, uint64_t nonce)
{
	uint8_t		  frame[FRAME_HEAD + 16];
	struct builder	  b = builder_on(frame, sizeof frame);
	struct ping_frame f = {.nonce = nonce, .time_ms = clock_ms(CLOCK_REALTIME)};

	ping_frame_write(&b, type, &f);
	(void)bufferevent_write(c->socket, b.at, b.n);
}

static void connection_ping(struct connection *c)
{
	uint64_t nonce;

	random_bytes(&nonce, sizeof nonce);
	c->pinged_ms = now_ms();
	write_ping(c, FRAME_PING, nonce);
}

/* ---- frames from the partner ---- */

static enum err answer_ping(struct connection *c, const struct frame *f)
{
	struct ping_frame ping;
	enum err	  e = ping_frame_read(f->payload, &ping);

	if (!e && f->type == FRAME_PING)
		write_ping(c, FRAME_PONG, ping.nonce);
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

	if (close_frame_read(payload, &f) || f.text.n == 0)
		return;
	int n = snprintf(c->farewell, sizeof c->farewell, "the partner said: %.*s", (int)f.text.n, (const char *)f.text.at);
	if (n >= (int)sizeof c->farewell)
		utf8_trim(c->farewell);
}

/* A run of whole frames, unchanged, behind the session's number. */
static void core_pass(struct connection *c, struct bytes frames)
{
	uint8_t	       head[4];
	struct builder b = builder_on(head, sizeof head);

	build_u32(&b, c->number);
	if (frames.n > 0 && c->link->core)
		(void)pipe_send_pieces(c->link->core, LINK_FRAMES, builder_bytes(&b), frames, -1);
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
			core_pass(c, bytes_of(stream.at + run, at - run));
			run = at + used;
			e = answer_ping(c, &f);
			if (e)
				break;
		}
		at += used;
	}
	if (run < at)
		core_pass(c, bytes_of(stream.at + run, at - run));
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

	c->heard_ms = now_ms();
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

static struct connection *connection_new(struct link *l, struct bufferevent *socket, bool dialled)
{
	struct connection *c = calloc(1, sizeof *c);

	if (!c) {
		bufferevent_free(socket);
		return NULL;
	}
	*c = (struct connection){.next = l->connections, .link = l, .socket = socket, .dialled = dialled};
	c->state = dialled ? CONNECTION_DIALLING : CONNECTION_ACCEPTED;
	c->since_ms = now_ms();
	l->connections = c;
	bufferevent_setcb(socket, socket_readable, socket_drained, socket_event, c);
	bufferevent_setwatermark(socket, EV_READ, 0, READ_MOST);
	(void)bufferevent_enable(socket, EV_READ | EV_WRITE);
	return c;
}

static void came_in(struct evconnlistener *listener unused_arg, evutil_socket_t fd, struct sockaddr *from unused_arg, int n unused_arg, void *arg)
{
	struct link *l = arg;

	make_room(l);
	struct bufferevent *socket = link_tls_accept(l->tls, l->process->base, fd);
	if (socket)
		(void)connection_new(l, socket, false);
}

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
		attempt_failed(l, true, "no memory for a connection");
		return;
	}
	const struct address *to = &l->addresses[l->address++ % l->naddresses];
	/* A refusal may be known at once; it is still said by the event. Below zero there was not even a socket. */
	if (bufferevent_socket_connect(socket, (const struct sockaddr *)&to->at, (int)to->n) != 0)
		connection_failed(c, "no socket could be made");
}

static void dial_due(evutil_socket_t fd unused_arg, short what unused_arg, void *arg)
{
	struct link *l = arg;

	if (!l->core || l->up || l->stopping || is_dialling(l))
		return;
	if (l->naddresses == 0)
		attempt_failed(l, true, l->unresolved);
	else
		dial_now(l);
}

/* ---- once a second ---- */

static void check_up(struct connection *c, uint64_t now)
{
	if (c->paused)
		c->heard_ms = now; /* it is we who do not listen */
	if (now - c->heard_ms >= DEAD_AFTER_MS)
		connection_close(c, CLOSE_NORMAL, "the partner was silent for 45 seconds");
	else if (now - c->heard_ms >= PING_AFTER_MS && now - c->pinged_ms >= PING_AFTER_MS)
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

static void tick_due(evutil_socket_t fd unused_arg, short what unused_arg, void *arg)
{
	struct link *l = arg;

	for (struct connection *c = l->connections, *next; c; c = next) {
		next = c->next;
		connection_check(c, now_ms());
	}
}

/* ---- words from the core ---- */

static struct connection *session_of(struct link *l, uint32_t number)
{
	return l->up && l->up->number == number ? l->up : NULL;
}

static void send_frames(struct connection *c, struct bytes frames)
{
	(void)bufferevent_write(c->socket, frames.at, frames.n);
	if (evbuffer_get_length(bufferevent_get_output(c->socket)) > OUTPUT_MOST)
		connection_failed(c, "the partner reads too slowly: 32 MiB wait for it");
}

/* What is queued leaves first: the core put its CLOSE frame there. */
static void close_asked(struct connection *c, struct bytes why)
{
	char text[CLOSE_TEXT_MOST + 1];

	(void)snprintf(text, sizeof text, "%.*s", (int)(why.n > CLOSE_TEXT_MOST ? CLOSE_TEXT_MOST : why.n), (const char *)why.at);
	session_down(c, text);
	connection_drain(c);
}

static void core_message(void *arg, uint8_t type, struct bytes payload, int fd)
{
	struct link	  *l = arg;
	struct cursor	   in = cursor_on(payload);
	struct connection *c = session_of(l, cursor_u32(&in));

	if (fd >= 0)
		close(fd);
	if (!c || cursor_err(&in)) /* of a session that ended meanwhile */
		return;
	if (type == LINK_FRAMES)
		send_frames(c, cursor_rest(&in));
	else if (type == LINK_CLOSE)
		close_asked(c, cursor_take16(&in, CLOSE_TEXT_MOST));
}

/* Without a core nobody can say HELLO: partners wait in the listening queue and we do not dial. */
static void core_lost(struct link *l)
{
	pipe_free(l->core);
	l->core = NULL;
	evtimer_del(l->dial);
	if (l->listener)
		evconnlistener_disable(l->listener);
	close_all(l, CLOSE_RESTART, "this gateway begins a new epoch");
}

static void core_closed(void *arg, enum err why unused_arg)
{
	core_lost(arg);
}

static void link_peer(struct process *p, enum role role, unsigned which unused_arg, int fd)
{
	struct link *l = p->self;

	if (role != ROLE_CORE) {
		close(fd);
		return;
	}
	core_lost(l);
	l->core = pipe_new(p->base, fd, core_message, core_closed, l);
	if (!l->core) {
		process_leave(p, EXIT_TROUBLE);
		return;
	}
	if (l->listener)
		evconnlistener_enable(l->listener);
	l->wait_ms = 0;
	if (l->partner->dial)
		timer_set(l->dial, 0);
}

/* The core is slower than the partner: let TCP hold the partner back. */
static void pause_or_resume(struct link *l)
{
	struct connection *c = l->up;
	size_t		   queued = pipe_queued(l->core);

	if (!c)
		return;
	if (!c->paused && queued > CORE_QUEUE_MOST) {
		c->paused = true;
		bufferevent_disable(c->socket, EV_READ);
	} else if (c->paused && queued < CORE_QUEUE_MOST / 2) {
		c->paused = false;
		bufferevent_enable(c->socket, EV_READ);
	}
}

static void link_turn(struct process *p)
{
	struct link *l = p->self;

	pipe_flush(l->core);
	pause_or_resume(l);
}

/* ---- stopping ---- */

static void stop_due(evutil_socket_t fd unused_arg, short what unused_arg, void *arg)
{
	struct link *l = arg;

	process_leave(l->process, EXIT_STOPPED);
}

static void link_stop(struct process *p)
{
	struct link *l = p->self;

	l->stopping = true;
	if (l->listener)
		evconnlistener_disable(l->listener);
	close_all(l, CLOSE_NORMAL, "this gateway stops");
	timer_set(l->stop, l->connections ? STOP_MS : 0);
}

/* ---- before the promise: names, keys, cards ---- */

static bool is_numeric(const char *host)
{
	struct addrinfo	 hints = {.ai_flags = AI_NUMERICHOST};
	struct addrinfo *found = NULL;
	int		 failed = getaddrinfo(host, NULL, &hints, &found);

	if (found)
		freeaddrinfo(found);
	return failed == 0;
}

static void addresses_take(struct link *l, const struct addrinfo *found)
{
	for (; found && l->naddresses < ADDRESSES_MOST; found = found->ai_next) {
		struct address *to = &l->addresses[l->naddresses];

		if (found->ai_addrlen > sizeof to->at)
			continue;
		memcpy(&to->at, found->ai_addr, found->ai_addrlen);
		to->n = found->ai_addrlen;
		l->naddresses++;
	}
}

/* A name that does not resolve is a failed attempt, not an end: it is said, and tried again by a new process. */
static void addresses_find(struct link *l)
{
	char		 host[CONFIG_ADDRESS_MOST], service[8];
	uint16_t	 port = 0;
	struct addrinfo	 hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	struct addrinfo *found = NULL;

	if (!l->partner->dial || address_split(l->partner->dial, host, &port))
		return;
	(void)snprintf(service, sizeof service, "%u", port);
	l->host_is_name = !is_numeric(host);
	if (!l->host_is_name)
		hints.ai_flags = AI_NUMERICSERV | AI_NUMERICHOST;
	int failed = getaddrinfo(host, service, &hints, &found);
	if (failed)
		(void)snprintf(l->unresolved, sizeof l->unresolved, "the name %.80s has no address: %.50s", host, gai_strerror(failed));
	addresses_take(l, found);
	if (found)
		freeaddrinfo(found);
}

static enum err say_file(const char *path, const struct fault *fault)
{
	char line[512];

	fault_print(fault, path, LANG_EN, line, sizeof line);
	journal(LEVEL_ERROR, err_name(fault->err), "%s", line);
	return fault->err;
}

static enum err read_below(const struct config *config, const char *name, char path[CONFIG_PATH_MOST], struct buffer *out)
{
	struct fault fault;
	enum err     e = config_path(config, name, path);

	if (!e)
		e = file_read(path, out);
	if (!e)
		return ERR_OK;
	(void)fault_at(&fault, e, 0, NULL, strerror(errno), NULL, NULL);
	return say_file(path, &fault);
}

static enum err card_load(const struct link *l, struct card *out)
{
	char	      name[CONFIG_PATH_MOST], path[CONFIG_PATH_MOST];
	struct buffer text = {.most = CARD_MOST};
	struct fault  fault = {.err = ERR_OK};

	(void)snprintf(name, sizeof name, "partners/%s.card", l->partner->name);
	enum err e = read_below(l->process->config, name, path, &text);
	if (e) {
		journal(LEVEL_ERROR, "card", "the card of %s is needed: mithaq partner add", l->partner->name);
	} else {
		e = card_read(buffer_bytes(&text), out, &fault);
		if (e)
			(void)say_file(path, &fault);
	}
	buffer_done(&text);
	return e;
}

static enum err tls_open(struct link *l, const struct card *card, const struct sign_key *key)
{
	char	      path[CONFIG_PATH_MOST];
	struct buffer certificate = {.most = CERTIFICATE_MOST};
	enum err      e = read_below(l->process->config, "keys/tls.pem", path, &certificate);

	if (!e) {
		e = link_tls_new(key, buffer_bytes(&certificate), card->tls, card->ntls, &l->tls);
		if (e)
			journal(LEVEL_ERROR, err_name(e), "%s does not go with keys/tls.key: %s", path, err_text(e, LANG_EN));
	}
	buffer_done(&certificate);
	return e;
}

static enum err tls_load(struct link *l)
{
	char		path[CONFIG_PATH_MOST];
	struct card	card;
	struct sign_key key = {.secret = {0}};
	struct fault	fault = {.err = ERR_OK};
	enum err	e = card_load(l, &card);

	if (!e)
		e = config_path(l->process->config, "keys/tls.key", path);
	if (e)
		return e;
	e = key_file_read(path, &key, &fault);
	if (e)
		(void)say_file(path, &fault);
	else
		e = tls_open(l, &card, &key);
	sign_key_done(&key);
	return e;
}

static enum err listen_open(struct link *l)
{
	struct sockaddr_storage at;
	int			n = (int)sizeof at;
	unsigned		how = LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE | LEV_OPT_DISABLED;

	if (!l->partner->listen)
		return ERR_OK;
	if (evutil_parse_sockaddr_port(l->partner->listen, (struct sockaddr *)&at, &n) != 0)
		return ERR_VALUE;
	l->listener = evconnlistener_new_bind(l->process->base, came_in, l, how, -1, (struct sockaddr *)&at, n);
	if (l->listener)
		return ERR_OK;
	journal(LEVEL_ERROR, "listen", "cannot listen on %s: %s", l->partner->listen, strerror(errno));
	return ERR_NETWORK;
}

static enum err timers_open(struct link *l)
{
	struct event_base *base = l->process->base;
	struct timeval	   second = {.tv_sec = TICK_MS / 1000};

	l->dial = evtimer_new(base, dial_due, l);
	l->stop = evtimer_new(base, stop_due, l);
	l->tick = event_new(base, -1, EV_PERSIST, tick_due, l);
	return l->dial && l->stop && l->tick && event_add(l->tick, &second) == 0 ? ERR_OK : ERR_MEMORY;
}

static enum err link_open(struct link *l)
{
	enum err e = tls_load(l);

	if (!e)
		e = listen_open(l);
	if (!e)
		e = timers_open(l);
	if (!e)
		addresses_find(l);
	return e;
}

static void link_done(struct link *l)
{
	struct event *timers[] = {l->dial, l->tick, l->stop};

	while (l->connections) {
		bufferevent_free(l->connections->socket);
		connection_forget(l->connections);
	}
	for (size_t i = 0; i < COUNT_OF(timers); i++) {
		if (timers[i])
			event_free(timers[i]);
	}
	if (l->listener)
		evconnlistener_free(l->listener);
	pipe_free(l->core);
	link_tls_free(l->tls);
}

int link_main(struct process *p)
{
	struct link l = {.process = p, .partner = &p->config->partner[p->which]};
	int	    code = EXIT_SETUP;

	l.we_are_first = strcmp(p->config->party, l.partner->name) < 0;
	p->self = &l;
	p->on_peer = link_peer;
	p->on_turn = link_turn;
	p->on_stop = link_stop;
	if (link_open(&l) == ERR_OK)
		code = process_run(p, PROMISE_STDIO | PROMISE_INET, NULL);
	link_done(&l);
	return code;
}
