/* pipe.c: framed messages between processes, with descriptors. */
#include "proc/pipe.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD		 5
#define REST_MOST	 (PIPE_MESSAGE_MOST + 1) /* type and payload */
#define READ_AT_ONCE	 (256u << 10)
#define KEPT_WHEN_EMPTY	 (1u << 20) /* an emptied buffer larger than this is given back */
#define DESCRIPTORS_HELD 2	    /* one of a message still coming, one of the message behind it */

/* A descriptor waiting to leave, with the bytes of the queue that are its message. */
struct parcel {
	struct parcel *next;
	size_t	       begins, ends;
	int	       fd;
};

/* A descriptor that came, and a byte of the input that belongs to its message. */
struct arrival {
	size_t at;
	int    fd;
};

struct pipe {
	struct event	*readable, *writable, *broken;
	pipe_message_fn *on_message;
	pipe_closed_fn	*on_closed;
	void		*arg;
	int		 fd;
	struct buffer	 in, out;
	size_t		 sent; /* bytes at the front of `out` that left */
	struct parcel	*parcels, **parcels_end;
	struct arrival	 arrived[DESCRIPTORS_HELD];
	unsigned	 narrived;
	enum err	 why;	/* ERR_OK while it works */
	bool		 said;	/* on_closed was called */
	bool		 busy;	/* in a callback */
	bool		 freed; /* in that callback */
};

/* ---- ending ---- */

static void parcel_drop(struct pipe *p)
{
	struct parcel *first = p->parcels;

	p->parcels = first->next;
	if (!p->parcels)
		p->parcels_end = &p->parcels;
	close(first->fd);
	free(first);
}

static void pipe_destroy(struct pipe *p)
{
	while (p->parcels)
		parcel_drop(p);
	for (unsigned i = 0; i < p->narrived; i++)
		close(p->arrived[i].fd);
	if (p->readable)
		event_free(p->readable);
	if (p->writable)
		event_free(p->writable);
	if (p->broken)
		event_free(p->broken);
	if (p->fd >= 0)
		close(p->fd);
	buffer_done(&p->in);
	buffer_done(&p->out);
	free(p);
}

void pipe_free(struct pipe *p)
{
	if (!p)
		return;
	p->freed = true;
	if (!p->busy)
		pipe_destroy(p);
}

/* Nothing more is read or written; on_closed speaks from the loop, never from inside pipe_send. */
static void pipe_break(struct pipe *p, enum err why)
{
	if (p->why != ERR_OK)
		return;
	p->why = why;
	event_del(p->readable);
	event_del(p->writable);
	event_active(p->broken, EV_TIMEOUT, 0);
}

/* Ends a callback's protection. False when the pipe is gone. */
static bool pipe_after(struct pipe *p)
{
	p->busy = false;
	if (!p->freed)
		return true;
	pipe_destroy(p);
	return false;
}

static void pipe_say_closed(evutil_socket_t fd unused_arg, short what unused_arg, void *arg)
{
	struct pipe *p = arg;

	if (p->said)
		return;
	p->said = true;
	p->busy = true;
	p->on_closed(p->arg, p->why);
	(void)pipe_after(p);
}

/* ---- reading ---- */

union control {
	struct cmsghdr align;
	char	       room[CMSG_SPACE(sizeof(int))];
};

/* Takes the descriptor out of a received message: -1 when there is none, ERR_PROTOCOL when there is more than one. */
static enum err descriptor_of(struct msghdr *m, int *fd)
{
	int found = -1;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof found))
			memcpy(&found, CMSG_DATA(c), sizeof found);
	}
	if (m->msg_flags & MSG_CTRUNC) {
		if (found >= 0)
			close(found);
		return ERR_PROTOCOL;
	}
	*fd = found;
	return ERR_OK;
}

static enum err arrival_add(struct pipe *p, int fd)
{
	if (p->narrived == DESCRIPTORS_HELD) {
		close(fd);
		return ERR_PROTOCOL;
	}
	p->arrived[p->narrived++] = (struct arrival){.at = p->in.n - 1, .fd = fd};
	return ERR_OK;
}

/* The descriptor of the message that ends at `end`, or -1. */
static int arrival_take(struct pipe *p, size_t end)
{
	if (p->narrived == 0 || p->arrived[0].at >= end)
		return -1;
	int fd = p->arrived[0].fd;
	p->narrived--;
	memmove(p->arrived, p->arrived + 1, p->narrived * sizeof p->arrived[0]);
	return fd;
}

/* One recvmsg into the input. ERR_BUSY: nothing there now. */
static enum err pipe_receive(struct pipe *p)
{
	enum err e = buffer_room(&p->in, READ_AT_ONCE);

	if (e)
		return e;
	union control control;
	struct iovec  piece = {p->in.at + p->in.n, READ_AT_ONCE};
	struct msghdr m = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
	ssize_t	      n = recvmsg(p->fd, &m, MSG_CMSG_CLOEXEC);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? ERR_BUSY : ERR_SHORT;
	if (n == 0)
		return ERR_SHORT;
	p->in.n += (size_t)n;
	int fd = -1;
	e = descriptor_of(&m, &fd);
	if (e || fd < 0)
		return e;
	return arrival_add(p, fd);
}

/* Hands over every whole message. False when the pipe is gone. */
static bool pipe_deliver(struct pipe *p)
{
	size_t done = 0;

	p->busy = true;
	while (p->why == ERR_OK && !p->freed) {
		struct cursor c = cursor_on(bytes_of(p->in.at + done, p->in.n - done));
		uint32_t      rest = cursor_u32(&c);
		uint8_t	      type = cursor_u8(&c);

		if (cursor_err(&c))
			break;
		if (rest < 1 || rest > REST_MOST) {
			pipe_break(p, rest < 1 ? ERR_PROTOCOL : ERR_TOO_LONG);
			break;
		}
		struct bytes payload = cursor_take(&c, rest - 1);
		if (cursor_err(&c))
			break;
		done += HEAD + payload.n;
		p->on_message(p->arg, type, payload, arrival_take(p, done));
	}
	buffer_drop(&p->in, done);
	for (unsigned i = 0; i < p->narrived; i++)
		p->arrived[i].at -= done;
	if (p->in.n == 0 && p->in.room > KEPT_WHEN_EMPTY)
		buffer_done(&p->in);
	return pipe_after(p);
}

static void pipe_read(evutil_socket_t fd unused_arg, short what unused_arg, void *arg)
{
	struct pipe *p = arg;
	enum err     e = pipe_receive(p);

	if (e == ERR_BUSY)
		return;
	if (e)
		pipe_break(p, e);
	else
		(void)pipe_deliver(p);
}

/* ---- writing ---- */

static ssize_t send_with_descriptor(int socket, const uint8_t *at, size_t n, int fd)
{
	union control control = {.room = {0}};
	struct iovec  piece = {(void *)(uintptr_t)at, n};
	struct msghdr m = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};

	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(c), &fd, sizeof fd);
	return sendmsg(socket, &m, MSG_NOSIGNAL);
}

/* Sends the next stretch: up to the next parcel, or that parcel's own message. -1 with errno. */
static ssize_t pipe_send_stretch(struct pipe *p)
{
	const struct parcel *next = p->parcels;
	const uint8_t	    *at = p->out.at + p->sent;

	if (!next)
		return send(p->fd, at, p->out.n - p->sent, MSG_NOSIGNAL);
	if (p->sent < next->begins)
		return send(p->fd, at, next->begins - p->sent, MSG_NOSIGNAL);
	ssize_t n = send_with_descriptor(p->fd, at, next->ends - p->sent, next->fd);
	if (n > 0)
		parcel_drop(p); /* the descriptor left with the first byte; the rest is ordinary */
	return n;
}

/* Forgets what left, without moving a long queue for every few bytes. */
static void pipe_compact(struct pipe *p)
{
	if (p->sent < p->out.n && p->sent < p->out.n / 2)
		return;
	buffer_drop(&p->out, p->sent);
	for (struct parcel *parcel = p->parcels; parcel; parcel = parcel->next) {
		parcel->begins -= p->sent;
		parcel->ends -= p->sent;
	}
	p->sent = 0;
	if (p->out.n == 0 && p->out.room > KEPT_WHEN_EMPTY)
		buffer_done(&p->out);
}

void pipe_flush(struct pipe *p)
{
	if (!p || p->why != ERR_OK)
		return;
	while (p->sent < p->out.n) {
		ssize_t n = pipe_send_stretch(p);

		if (n < 0 && errno == EINTR)
			continue;
		/* ETOOMANYREFS: too many descriptors are on their way; they drain. */
		if (n < 0 && errno != EAGAIN && errno != ETOOMANYREFS) {
			pipe_break(p, ERR_SHORT);
			return;
		}
		if (n < 0)
			break;
		p->sent += (size_t)n;
	}
	pipe_compact(p);
	if (p->out.n == 0)
		event_del(p->writable);
	else
		event_add(p->writable, NULL);
}

static void pipe_write(evutil_socket_t fd unused_arg, short what unused_arg, void *arg)
{
	pipe_flush(arg);
}

static enum err parcel_add(struct pipe *p, size_t begins, size_t ends, int fd)
{
	struct parcel *parcel = malloc(sizeof *parcel);

	if (!parcel)
		return ERR_MEMORY;
	*parcel = (struct parcel){.begins = begins, .ends = ends, .fd = fd};
	*p->parcels_end = parcel;
	p->parcels_end = &parcel->next;
	return ERR_OK;
}

/* Length, type and both pieces behind the queue; on failure nothing was added. */
static enum err queue_message(struct pipe *p, uint8_t type, struct bytes head, struct bytes rest)
{
	size_t n = head.n + rest.n;

	if (head.n > PIPE_MESSAGE_MOST || rest.n > PIPE_MESSAGE_MOST || n > PIPE_MESSAGE_MOST)
		return ERR_TOO_LONG;
	if (p->out.n - p->sent + HEAD + n > PIPE_QUEUE_MOST)
		return ERR_BUSY;
	enum err e = buffer_room(&p->out, HEAD + n);
	if (e)
		return e == ERR_TOO_LONG ? ERR_BUSY : e;
	struct builder b = builder_on(p->out.at + p->out.n, HEAD + n);
	build_u32(&b, (uint32_t)(n + 1));
	build_u8(&b, type);
	build_bytes(&b, head);
	build_bytes(&b, rest);
	p->out.n += b.n;
	return b.err;
}

static enum err pipe_queue(struct pipe *p, uint8_t type, struct bytes head, struct bytes rest, int fd)
{
	if (p->why != ERR_OK)
		return p->why;
	size_t	 begins = p->out.n;
	enum err e = queue_message(p, type, head, rest);

	if (!e && fd >= 0)
		e = parcel_add(p, begins, p->out.n, fd);
	if (e)
		p->out.n = begins;
	if (e == ERR_BUSY || e == ERR_MEMORY)
		pipe_break(p, e);
	if (!e)
		event_add(p->writable, NULL);
	return e;
}

enum err pipe_send_pieces(struct pipe *p, uint8_t type, struct bytes head, struct bytes rest, int fd)
{
	enum err e = pipe_queue(p, type, head, rest, fd);

	if (e && fd >= 0)
		close(fd);
	return e;
}

enum err pipe_send(struct pipe *p, uint8_t type, struct bytes payload, int fd)
{
	return pipe_send_pieces(p, type, payload, BYTES_NONE, fd);
}

size_t pipe_queued(const struct pipe *p)
{
	return p ? p->out.n - p->sent : 0;
}

/* ---- making ---- */

struct pipe *pipe_new(struct event_base *base, int fd, pipe_message_fn *on_message, pipe_closed_fn *on_closed, void *arg)
{
	struct pipe *p = calloc(1, sizeof *p);

	if (!p) {
		close(fd);
		return NULL;
	}
	*p = (struct pipe){.fd = fd, .on_message = on_message, .on_closed = on_closed, .arg = arg};
	p->parcels_end = &p->parcels;
	p->in.most = HEAD + PIPE_MESSAGE_MOST + READ_AT_ONCE;
	p->out.most = 2 * (size_t)PIPE_QUEUE_MOST; /* what left stands in front until it is half of it */
	p->readable = event_new(base, fd, EV_READ | EV_PERSIST, pipe_read, p);
	p->writable = event_new(base, fd, EV_WRITE | EV_PERSIST, pipe_write, p);
	p->broken = event_new(base, -1, 0, pipe_say_closed, p);
	if (!p->readable || !p->writable || !p->broken || event_add(p->readable, NULL) != 0) {
		pipe_destroy(p);
		return NULL;
	}
	return p;
}

enum err pipe_pair(int ends[2])
{
	int made[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, made) != 0)
		return ERR_NETWORK;
	ends[0] = made[0];
	ends[1] = made[1];
	return ERR_OK;
}
