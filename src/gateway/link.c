/* link.c: the process between one partner and the core: its pipe, its turn, its end. */
#include "gateway/link.h"

#include <stdio.h>
#include <unistd.h>

#include "base/cursor.h"
#include "gateway/gateway.h"

#define STOP_MS		200
#define CORE_QUEUE_MOST (8u << 20) /* no more is read from the partner while so much waits for the core */
#define OUTPUT_MOST	(32u << 20)

/* ---- words to the core ---- */

static void core_tell(struct link *l, uint8_t type, const struct builder *b)
{
	if (l->core)
		(void)pipe_send(l->core, type, builder_bytes(b), -1);
}

void link_tell_up(struct link *l, const struct connection *c)
{
	uint8_t	       payload[8];
	struct builder b = builder_on(payload, sizeof payload);

	build_u32(&b, c->number);
	build_u8(&b, c->dialled ? 1 : 0);
	core_tell(l, LINK_UP, &b);
}

void link_tell_down(struct link *l, uint32_t number, const char *why)
{
	uint8_t	       payload[8 + CLOSE_TEXT_MOST];
	struct builder b = builder_on(payload, sizeof payload);

	build_u32(&b, number);
	build_bytes16(&b, bytes_text(why));
	core_tell(l, LINK_DOWN, &b);
}

void link_tell_state(struct link *l, const char *why)
{
	uint8_t	       payload[8 + CLOSE_TEXT_MOST];
	struct builder b = builder_on(payload, sizeof payload);

	build_bytes16(&b, bytes_text(why));
	core_tell(l, LINK_STATE, &b);
}

void link_tell_skew(struct link *l, uint32_t number, int32_t ms)
{
	uint8_t	       payload[8];
	struct builder b = builder_on(payload, sizeof payload);

	build_u32(&b, number);
	build_u32(&b, (uint32_t)ms);
	core_tell(l, LINK_SKEW, &b);
}

/* A run of whole frames, unchanged, behind the session's number. */
void link_pass(struct connection *c, struct bytes frames)
{
	uint8_t	       head[4];
	struct builder b = builder_on(head, sizeof head);

	build_u32(&b, c->number);
	if (frames.n > 0 && c->link->core)
		(void)pipe_send_pieces(c->link->core, LINK_FRAMES, builder_bytes(&b), frames, -1);
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
	connection_down(c, text);
	connection_drain(c);
}

/* u8 n | n x hash[32]: the partner has another card. Whoever was let in by a key that is not on it may be a thief, and goes. */
static void pins_take(struct link *l, struct bytes payload)
{
	struct cursor in = cursor_on(payload);
	struct hash   pin[LINK_PINS_MOST];
	uint8_t	      n = cursor_u8(&in);

	for (unsigned i = 0; i < n && i < LINK_PINS_MOST; i++)
		cursor_copy(&in, pin[i].b, HASH_SIZE);
	if (cursor_end(&in) || link_tls_pins(l->tls, pin, n))
		journal(LEVEL_ERROR, "link", "the core's word about the partner's card cannot be read");
	else
		link_pins_changed(l);
}

static void core_message(void *arg, uint8_t type, struct bytes payload, int fd)
{
	struct link  *l = arg;
	struct cursor in = cursor_on(payload);

	if (fd >= 0)
		close(fd);
	if (type == LINK_PINS) {
		pins_take(l, payload);
		return;
	}
	struct connection *c = session_of(l, cursor_u32(&in));
	if (!c || cursor_err(&in)) /* of a session that ended meanwhile */
		return;
	if (type == LINK_FRAMES)
		send_frames(c, cursor_rest(&in));
	else if (type == LINK_CLOSE)
		close_asked(c, cursor_take16(&in, CLOSE_TEXT_MOST));
}

/* Without a core nobody can say HELLO: partners wait in the listening queue and we do not dial. Whether it comes back is not known here. */
static void core_lost(struct link *l)
{
	pipe_free(l->core);
	l->core = NULL;
	evtimer_del(l->dial);
	if (l->listener)
		evconnlistener_disable(l->listener);
	link_close_all(l, CLOSE_RESTART, "the core of this gateway ended");
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
		link_timer_set(l->dial, 0);
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

void link_stop_due(evutil_socket_t fd unused_arg, short what unused_arg, void *arg)
{
	struct link *l = arg;

	process_leave(l->process, EXIT_STOPPED);
}

static void stop_saying(struct process *p, enum close_code code, const char *text)
{
	struct link *l = p->self;

	l->stopping = true;
	if (l->listener)
		evconnlistener_disable(l->listener);
	link_close_all(l, code, text);
	link_timer_set(l->stop, l->connections ? STOP_MS : 0);
}

static void link_stop(struct process *p)
{
	stop_saying(p, CLOSE_NORMAL, "this gateway stops");
}

/* Another link takes its place. */
static void link_leave(struct process *p)
{
	stop_saying(p, CLOSE_RESTART, "this gateway takes up what changed: dial again");
}

/* ---- from the first file to the last ---- */

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

/* A captured link may dial the partner's port and no other, and nobody at all where the partner dials us. */
static int link_serve(struct link *l)
{
	const uint16_t ports[] = {l->port, 0};

	l->process->ports = ports;
	int code = process_run(l->process, PROMISE_STDIO | PROMISE_INET, NULL);
	l->process->ports = NULL;
	return code;
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
	p->on_leave = link_leave;
	if (link_open(&l) == ERR_OK)
		code = link_serve(&l);
	link_done(&l);
	return code;
}
