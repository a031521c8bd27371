/*
 * pipe.c: what one process reads from another's end of a pipe, which may have been
 * captured. Input: u8 size of the pieces in which it comes | bytes. The messages handed
 * over are the bytes read, in order; after broken framing there are none.
 */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proc/pipe.h"

#define INPUT_MOST (64u * 1024)
#define HEAD	   5

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct event_base *base;
static uint8_t		  heard[INPUT_MOST];
static size_t		  nheard;
static bool		  broken;

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void on_message(void *arg, uint8_t type, struct bytes payload, int fd)
{
	struct builder b = builder_on(heard + nheard, sizeof heard - nheard);

	(void)arg;
	must(!broken && fd < 0);
	build_u32(&b, (uint32_t)payload.n + 1);
	build_u8(&b, type);
	build_bytes(&b, payload);
	must(b.err == ERR_OK);
	nheard += b.n;
}

static void on_closed(void *arg, enum err why)
{
	(void)arg;
	must(!broken && why != ERR_OK);
	broken = true;
}

/* What is left after the messages: too little for one, or a length that may not be. */
static void rest_check(struct bytes rest)
{
	struct cursor c = cursor_on(rest);
	uint32_t      n = cursor_u32(&c);

	must(bytes_equal(bytes_of(heard, nheard), bytes_of(rest.at - nheard, nheard)));
	(void)cursor_u8(&c);
	bool whole = cursor_err(&c) == ERR_OK && n >= 1 && cursor_left(&c) >= n - 1;
	must(broken || !whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int    ends[2];
	size_t piece = size > 0 ? 1 + (size_t)data[0] * 16 : 1;

	if (size == 0 || size > INPUT_MOST || (base == NULL && (base = event_base_new()) == NULL) || pipe_pair(ends) != ERR_OK)
		return 0;
	nheard = 0;
	broken = false;
	struct pipe *p = pipe_new(base, ends[0], on_message, on_closed, NULL);
	must(p != NULL);
	for (size_t at = 1; at < size && !broken;) {
		size_t	n = size - at < piece ? size - at : piece;
		ssize_t sent = send(ends[1], data + at, n, MSG_NOSIGNAL | MSG_DONTWAIT);

		at += sent > 0 ? (size_t)sent : 0;
		(void)event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
	}
	rest_check(bytes_of(data + 1 + nheard, size - 1 - nheard));
	pipe_free(p);
	close(ends[1]);
	return 0;
}
