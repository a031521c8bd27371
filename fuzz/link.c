/*
 * link.c: the link between a partner and the core. Input: u16 where the stream is cut in
 * two | a stream of frames. However it comes, the core gets the whole frames, unchanged
 * and in order, without PING and PONG; each PING is answered with its nonce.
 */
#include <stdlib.h>
#include <unistd.h>

#include "stream.h"

/* The room's own functions, of which the one that cuts is not shown to others. */
#include "../src/gateway/link_session.c"

#define INPUT_MOST (64u * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct event_base *base;
static uint8_t		  passed[INPUT_MOST], expected[INPUT_MOST], nonces[INPUT_MOST];
static size_t		  npassed;

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void core_hears(void *arg, uint8_t type, struct bytes payload, int fd)
{
	struct cursor c = cursor_on(payload);

	(void)arg;
	must(type == LINK_FRAMES && fd < 0 && cursor_u32(&c) == 1);
	struct bytes frames = cursor_rest(&c);
	must(frames.n <= sizeof passed - npassed);
	memcpy(passed + npassed, frames.at, frames.n);
	npassed += frames.n;
}

static void core_gone(void *arg, enum err why)
{
	(void)arg;
	(void)why;
}

/* What the core and the partner should hear of a stream that is read as far as it goes. */
static void expect(struct bytes stream, struct builder *core, struct builder *partner)
{
	struct ping_frame ping;
	struct frame	  f;
	size_t		  used;

	while (frame_next(stream, &f, &used) == ERR_OK) {
		bool ours = f.type == FRAME_PING || f.type == FRAME_PONG;

		if (ours && ping_frame_read(f.payload, &ping) != ERR_OK)
			return;
		if (f.type == FRAME_PING)
			build_u64(partner, ping.nonce);
		if (!ours)
			build_bytes(core, bytes_of(stream.at, used));
		stream = bytes_of(stream.at + used, stream.n - used);
	}
}

static void pongs_check(struct evbuffer *output, const struct builder *wanted)
{
	size_t	      n = evbuffer_get_length(output);
	struct bytes  stream = bytes_of(n > 0 ? evbuffer_pullup(output, -1) : NULL, n);
	struct cursor nonce = cursor_on(builder_bytes(wanted));
	struct frame  f;
	size_t	      used;

	while (frame_next(stream, &f, &used) == ERR_OK) {
		struct ping_frame pong;

		must(f.type == FRAME_PONG && ping_frame_read(f.payload, &pong) == ERR_OK && pong.nonce == cursor_u64(&nonce));
		stream = bytes_of(stream.at + used, stream.n - used);
	}
	must(stream.n == 0 && cursor_end(&nonce) == ERR_OK);
}

/* The bytes come in two pieces; what is not used of the first comes again with the second. */
static void cut_in_two(struct connection *c, struct bytes stream, size_t cut)
{
	size_t	 done = 0, more = 0;
	enum err e = frames_cut(c, bytes_of(stream.at, cut < stream.n ? cut : stream.n), &done);

	must(done <= cut);
	if (e == ERR_OK)
		e = frames_cut(c, bytes_of(stream.at + done, stream.n - done), &more);
	must(done + more <= stream.n && (e == ERR_OK || err_blame(e) == BLAME_PARTNER));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor in = cursor_on(bytes_of(data, size));
	size_t	      cut = cursor_u16(&in);
	struct bytes  stream = cursor_rest(&in);
	int	      ends[2];

	if (size < 2 || size > INPUT_MOST || (base == NULL && (base = event_base_new()) == NULL) || pipe_pair(ends) != ERR_OK)
		return 0;
	struct builder	  core = builder_on(expected, sizeof expected), partner = builder_on(nonces, sizeof nonces);
	struct link	  l = {.core = pipe_new(base, ends[0], core_hears, core_gone, NULL)};
	struct pipe	 *hears = pipe_new(base, ends[1], core_hears, core_gone, NULL);
	struct connection c = {.link = &l, .state = CONNECTION_UP, .number = 1, .socket = bufferevent_socket_new(base, -1, 0)};
	must(l.core != NULL && hears != NULL && c.socket != NULL);
	npassed = 0;
	expect(stream, &core, &partner);
	cut_in_two(&c, stream, cut);
	while (npassed < core.n) {
		size_t before = npassed;

		pipe_flush(l.core);
		(void)event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
		if (npassed == before && pipe_queued(l.core) == 0)
			break;
	}
	must(bytes_equal(bytes_of(passed, npassed), builder_bytes(&core)));
	pongs_check(bufferevent_get_output(c.socket), &partner);
	bufferevent_free(c.socket);
	pipe_free(l.core);
	pipe_free(hears);
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
	if (size < 2 || seed % 16 == 0)
		return LLVMFuzzerMutate(data, size, most);
	return 2 + stream_mutate(data + 2, size - 2, most - 2, false, seed);
}
