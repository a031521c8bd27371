#include "provider/http_pool.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/secret.h"

#define READ_AT_ONCE 16384
#define KEPT_ROOM    (64u << 10) /* a connection that needed more memory gives it back */
#define CAUSE_MOST   160

struct address {
	struct sockaddr_storage at;
	socklen_t		n;
};

enum line_state { LINE_CLOSED, LINE_CONNECTING, LINE_IDLE, LINE_BUSY };

struct pool_line {
	struct pool	 *pool;
	enum line_state	  state;
	int		  fd;
	bool		  kept; /* a response came on it already */
	struct event	 *readable, *writable;
	struct pool_call *call; /* LINE_CONNECTING, LINE_BUSY */
	size_t		  sent;
	struct buffer	  in;
	struct response	  response;
};

struct pool {
	struct event_base *base;
	pool_done_fn	  *done;
	void		  *arg;
	bool		   host_is_name, feeding;
	unsigned	   naddresses, address, failures, nwaiting;
	struct address	   addresses[POOL_ADDRESSES_MOST];
	struct pool_line   line[POOL_CONNECTIONS_MOST];
	struct pool_call  *first, **last; /* those that wait */
	struct pool_call  *spare;
	char		   cause[CAUSE_MOST];
};

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void feed(struct pool *p);
static void on_readable(evutil_socket_t fd, short what, void *arg);
static void on_writable(evutil_socket_t fd, short what, void *arg);

/* ---- calls ---- */

struct pool_call *pool_call_take(struct pool *p)
{
	struct pool_call *call = p->spare;

	if (call != NULL) {
		p->spare = call->next;
		call->next = NULL;
		return call;
	}
	call = calloc(1, sizeof *call);
	if (call == NULL)
		return NULL;
	call->pool = p;
	call->request.most = POOL_REQUEST_MOST;
	return call;
}

void pool_give_back(struct pool_call *call)
{
	struct pool *p = call->pool;

	call->request.n = 0;
	call->again = false;
	call->attempts = 0;
	call->line = NULL;
	call->next = p->spare;
	p->spare = call;
}

static void call_free(struct pool_call *call)
{
	if (call->late != NULL)
		event_free(call->late);
	if (call->request.at != NULL)
		secret_zero(call->request.at, call->request.room); /* the credential stood in it */
	buffer_done(&call->request);
	free(call);
}

static void wait_last(struct pool_call *call)
{
	struct pool *p = call->pool;

	call->next = NULL;
	*p->last = call;
	p->last = &call->next;
	p->nwaiting++;
}

static void wait_first(struct pool_call *call)
{
	struct pool *p = call->pool;

	call->next = p->first;
	p->first = call;
	if (call->next == NULL)
		p->last = &call->next;
	p->nwaiting++;
}

static void wait_leave(struct pool_call *call)
{
	struct pool	  *p = call->pool;
	struct pool_call **at = &p->first;

	while (*at != call)
		at = &(*at)->next;
	*at = call->next;
	if (*at == NULL)
		p->last = at;
	call->next = NULL;
	p->nwaiting--;
}

static void call_end(struct pool_call *call, struct pool_result result)
{
	struct pool *p = call->pool;

	if (call->late != NULL)
		event_del(call->late);
	result.took_us = now_us() - call->begun_us;
	p->done(p->arg, call, &result);
	pool_give_back(call);
}

/* ---- connections ---- */

static void line_close(struct pool_line *l)
{
	if (l->readable != NULL)
		event_free(l->readable);
	if (l->writable != NULL)
		event_free(l->writable);
	l->readable = l->writable = NULL;
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	l->state = LINE_CLOSED;
	buffer_done(&l->in);
}

/* The call leaves the connection, which is closed. */
static struct pool_call *line_abandon(struct pool_line *l)
{
	struct pool_call *call = l->call;

	l->call = NULL;
	if (call != NULL)
		call->line = NULL;
	line_close(l);
	return call;
}

/* One more attempt for a question that a dead connection or a dead address swallowed; false: it had its chances. */
static bool call_again(struct pool_call *call, bool stale, bool connected)
{
	if (stale && !call->again) {
		call->again = true;
	} else if (!connected && call->attempts + 1 < call->pool->naddresses) {
		call->attempts++;
	} else {
		return false;
	}
	wait_first(call);
	return true;
}

static void line_failed(struct pool_line *l, const char *what, int error)
{
	struct pool	 *p = l->pool;
	bool		  connected = l->state == LINE_BUSY;
	bool		  stale = connected && l->kept && l->in.n == 0 && (l->call->repeatable || l->sent == 0);
	struct pool_call *call = line_abandon(l);

	if (!connected) {
		p->failures++;
		p->address++;
	}
	(void)snprintf(p->cause, sizeof p->cause, "%s%s%s", what, error != 0 ? ": " : "", error != 0 ? strerror(error) : "");
	if (!call_again(call, stale, connected))
		call_end(call, (struct pool_result){.end = POOL_UNREACHABLE, .cause = p->cause});
	feed(p);
}

static void line_spoilt(struct pool_line *l, enum pool_end end)
{
	struct pool	 *p = l->pool;
	struct pool_call *call = line_abandon(l);

	if (call != NULL)
		call_end(call, (struct pool_result){.end = end});
	feed(p);
}

static bool events_make(struct pool_line *l)
{
	struct event_base *base = l->pool->base;

	l->readable = event_new(base, l->fd, EV_READ | EV_PERSIST, on_readable, l);
	l->writable = event_new(base, l->fd, EV_WRITE, on_writable, l);
	return l->readable != NULL && l->writable != NULL;
}

static void line_send(struct pool_line *l)
{
	const struct buffer *request = &l->call->request;

	while (l->sent < request->n) {
		ssize_t n = send(l->fd, request->at + l->sent, request->n - l->sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			event_add(l->writable, NULL);
			return;
		}
		if (n < 0) {
			line_failed(l, "the connection broke off", errno);
			return;
		}
		l->sent += (size_t)n;
	}
}

static void line_begin(struct pool_line *l)
{
	l->state = LINE_BUSY;
	l->sent = 0;
	l->in.n = 0;
	l->response = (struct response){0};
	line_send(l);
}

static void line_connected(struct pool_line *l)
{
	int on = 1;

	(void)setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	l->pool->failures = 0;
	event_add(l->readable, NULL);
	line_begin(l);
}

/* Whether it is connected or refused is said by the socket when it can be written to, also where that is known at once. */
static void line_dial(struct pool_line *l)
{
	const struct address *to = &l->pool->addresses[l->pool->address % l->pool->naddresses];

	l->state = LINE_CONNECTING;
	l->kept = false;
	l->in = (struct buffer){.most = RESPONSE_MOST};
	l->fd = socket(to->at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd < 0 || !events_make(l)) {
		line_failed(l, "no socket could be made", errno);
		return;
	}
	if (connect(l->fd, (const struct sockaddr *)&to->at, to->n) != 0 && errno != EINPROGRESS) {
		line_failed(l, "the service cannot be reached", errno);
		return;
	}
	event_add(l->writable, NULL);
}

static void on_writable(evutil_socket_t fd, short what unused_arg, void *arg)
{
	struct pool_line *l = arg;
	int		  error = 0;
	socklen_t	  n = sizeof error;

	if (l->state == LINE_BUSY) {
		line_send(l);
		return;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0)
		error = errno;
	if (error != 0)
		line_failed(l, "the service cannot be reached", error);
	else
		line_connected(l);
}

/* ---- responses ---- */

static void line_free_for_next(struct pool_line *l)
{
	bool rest = l->in.n > l->response.used;

	l->call = NULL;
	if (!l->response.keeps || rest) {
		line_close(l);
		return;
	}
	l->state = LINE_IDLE;
	l->kept = true;
	l->in.n = 0;
	if (l->in.room > KEPT_ROOM) {
		buffer_done(&l->in);
		l->in = (struct buffer){.most = RESPONSE_MOST};
	}
}

/* A response that came before its request was sent whole is an answer (413, say), and the end of its connection. */
static void line_answered(struct pool_line *l)
{
	struct pool	 *p = l->pool;
	struct pool_call *call = l->call;

	if (l->sent < call->request.n)
		l->response.keeps = false;
	call->line = NULL;
	call_end(call, (struct pool_result){.end = POOL_ANSWERED,
					    .response = &l->response,
					    .body = bytes_of(l->in.at + l->response.body_at, l->response.body_n)});
	line_free_for_next(l);
	feed(p);
}

static void line_look(struct pool_line *l, enum err e)
{
	if (e == ERR_OK)
		line_answered(l);
	else if (e == ERR_TOO_LONG)
		line_spoilt(l, POOL_TOO_MUCH);
	else if (e != ERR_SHORT)
		line_spoilt(l, POOL_MALFORMED);
}

static void line_ended(struct pool_line *l, int error)
{
	if (l->state == LINE_BUSY && error == 0 && response_closed(&l->response) == ERR_OK)
		line_answered(l);
	else if (l->state == LINE_BUSY)
		line_failed(l,
			    l->in.n > 0 ? "the service broke off in the middle of its answer" : "the service closed the connection without an answer",
			    error);
	else
		line_close(l);
}

static void on_readable(evutil_socket_t fd, short what unused_arg, void *arg)
{
	struct pool_line *l = arg;

	if (buffer_room(&l->in, READ_AT_ONCE) != ERR_OK) {
		line_spoilt(l, POOL_TOO_MUCH);
		return;
	}
	ssize_t n = recv(fd, l->in.at + l->in.n, READ_AT_ONCE, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		line_ended(l, n < 0 ? errno : 0);
		return;
	}
	if (l->state != LINE_BUSY) {
		line_close(l); /* nobody asked for these bytes */
		return;
	}
	l->in.n += (size_t)n;
	line_look(l, response_read(&l->response, l->in.at, l->in.n));
}

/* ---- who is asked on which connection ---- */

static struct pool_line *line_in(struct pool *p, enum line_state state)
{
	for (unsigned i = 0; i < POOL_CONNECTIONS_MOST; i++)
		if (p->line[i].state == state)
			return &p->line[i];
	return NULL;
}

/* A question that was swallowed once is not trusted to another connection that was kept. */
static struct pool_line *line_for(struct pool *p, const struct pool_call *call)
{
	struct pool_line *idle = line_in(p, LINE_IDLE), *closed = line_in(p, LINE_CLOSED);

	if (!call->again)
		return idle != NULL ? idle : closed;
	if (closed == NULL && idle != NULL)
		line_close(idle);
	return closed != NULL ? closed : idle;
}

static void call_start(struct pool_call *call, struct pool_line *l)
{
	wait_leave(call);
	l->call = call;
	call->line = l;
	if (l->state == LINE_IDLE)
		line_begin(l);
	else
		line_dial(l);
}

/* What fails at once comes back here: it is left to the loop that is running already. */
static void feed(struct pool *p)
{
	struct pool_line *l;

	if (p->feeding)
		return;
	p->feeding = true;
	while (p->first != NULL && (l = line_for(p, p->first)) != NULL)
		call_start(p->first, l);
	p->feeding = false;
}

static void on_late(evutil_socket_t fd unused_arg, short what unused_arg, void *arg)
{
	struct pool_call *call = arg;
	struct pool	 *p = call->pool;
	const char	 *cause = "the questions before it took all its time";

	if (call->line != NULL) {
		cause = call->line->state == LINE_CONNECTING ? "the service could not be connected to in time" : NULL;
		(void)line_abandon(call->line);
	} else {
		wait_leave(call);
	}
	call_end(call, (struct pool_result){.end = POOL_LATE, .cause = cause});
	feed(p);
}

void pool_ask(struct pool_call *call, unsigned most_ms)
{
	struct pool   *p = call->pool;
	struct timeval wait = {.tv_sec = most_ms / 1000, .tv_usec = (suseconds_t)(most_ms % 1000) * 1000};

	call->begun_us = now_us();
	if (call->late == NULL)
		call->late = evtimer_new(p->base, on_late, call);
	if (most_ms == 0 || p->nwaiting == POOL_WAITING_MOST || call->late == NULL || evtimer_add(call->late, &wait) != 0) {
		call_end(call, (struct pool_result){.end = most_ms == 0 ? POOL_LATE : POOL_FULL});
		return;
	}
	wait_last(call);
	feed(p);
}

/* ---- the whole ---- */

static bool is_numeric(const char *host)
{
	struct addrinfo	 hints = {.ai_flags = AI_NUMERICHOST};
	struct addrinfo *found = NULL;
	int		 failed = getaddrinfo(host, NULL, &hints, &found);

	if (found != NULL)
		freeaddrinfo(found);
	return failed == 0;
}

static void addresses_take(struct pool *p, const struct addrinfo *found)
{
	for (; found != NULL && p->naddresses < POOL_ADDRESSES_MOST; found = found->ai_next) {
		struct address *to = &p->addresses[p->naddresses];

		if (found->ai_addrlen > sizeof to->at)
			continue;
		memcpy(&to->at, found->ai_addr, found->ai_addrlen);
		to->n = found->ai_addrlen;
		p->naddresses++;
	}
}

static enum err addresses_find(struct pool *p, const char *host, uint16_t port, struct fault *fault)
{
	struct addrinfo	 hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	struct addrinfo *found = NULL;
	char		 service[8];

	(void)snprintf(service, sizeof service, "%u", port);
	p->host_is_name = !is_numeric(host);
	if (!p->host_is_name)
		hints.ai_flags |= AI_NUMERICHOST;
	int failed = getaddrinfo(host, service, &hints, &found);
	addresses_take(p, found);
	if (found != NULL)
		freeaddrinfo(found);
	if (p->naddresses > 0)
		return ERR_OK;
	return fault_at(fault, ERR_NETWORK, 0, host, gai_strerror(failed), "the name has no address: is it right, and does this machine resolve it?",
			"ليس لهذا الاسم عنوان: هل هو صحيح، وهل يستطيع هذا الجهاز تحليله؟");
}

enum err pool_open(struct event_base *base, const char *host, uint16_t port, pool_done_fn *done, void *arg, struct pool **out, struct fault *fault)
{
	struct pool *p = calloc(1, sizeof *p);

	if (p == NULL)
		return fault_at(fault, ERR_MEMORY, 0, "", "", "", "");
	p->base = base;
	p->done = done;
	p->arg = arg;
	p->last = &p->first;
	for (unsigned i = 0; i < POOL_CONNECTIONS_MOST; i++) {
		p->line[i].pool = p;
		p->line[i].fd = -1;
	}
	enum err e = addresses_find(p, host, port, fault);
	if (e != ERR_OK) {
		free(p);
		return e;
	}
	*out = p;
	return ERR_OK;
}

void pool_close(struct pool *p)
{
	if (p == NULL)
		return;
	for (unsigned i = 0; i < POOL_CONNECTIONS_MOST; i++) {
		struct pool_call *call = line_abandon(&p->line[i]);

		if (call != NULL)
			call_free(call);
	}
	for (struct pool_call *next; p->first != NULL; p->first = next) {
		next = p->first->next;
		call_free(p->first);
	}
	for (struct pool_call *next; p->spare != NULL; p->spare = next) {
		next = p->spare->next;
		call_free(p->spare);
	}
	free(p);
}

bool pool_worn(const struct pool *p)
{
	return p->host_is_name && p->failures >= POOL_RESOLVE_AFTER;
}
