/* Messages between processes: whole, in order, with their descriptors; broken framing ends the pipe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proc/pipe.h"

#define HEARD_MOST 64

struct heard {
	struct event_base *base;
	unsigned	   n, wanted;
	uint8_t		   type[HEARD_MOST];
	size_t		   size[HEARD_MOST];
	uint8_t		   first[HEARD_MOST];
	int		   fd[HEARD_MOST];
	bool		   closed;
	enum err	   why;
	struct pipe	  *free_me; /* in the callback */
};

static void on_message(void *arg, uint8_t type, struct bytes payload, int fd)
{
	struct heard *h = arg;

	assert_true(h->n < HEARD_MOST);
	h->type[h->n] = type;
	h->size[h->n] = payload.n;
	h->first[h->n] = payload.n ? payload.at[0] : 0;
	h->fd[h->n++] = fd;
	if (h->free_me) {
		pipe_free(h->free_me);
		h->free_me = NULL;
	}
	if (h->n == h->wanted)
		event_base_loopbreak(h->base);
}

static void on_closed(void *arg, enum err why)
{
	struct heard *h = arg;

	assert_false(h->closed);
	h->closed = true;
	h->why = why;
	event_base_loopbreak(h->base);
}

/* One end is a pipe, the other a bare socket or a pipe too. */
struct scene {
	struct event_base *base;
	struct pipe	  *left, *right;
	int		   ends[2];
	int		   bare;
	struct heard	   at_left, at_right;
};

static struct scene scene_new(bool two)
{
	struct scene s = {.base = event_base_new(), .bare = -1};

	assert_non_null(s.base);
	assert_int_equal(pipe_pair(s.ends), ERR_OK);
	s.at_left.base = s.at_right.base = s.base;
	if (!two)
		s.bare = s.ends[0];
	return s;
}

/* The callbacks' argument points into the scene, so pipes are made when it stands still. */
static void scene_open(struct scene *s)
{
	if (s->bare < 0)
		s->left = pipe_new(s->base, s->ends[0], on_message, on_closed, &s->at_left);
	s->right = pipe_new(s->base, s->ends[1], on_message, on_closed, &s->at_right);
	assert_non_null(s->right);
}

static void scene_done(struct scene *s)
{
	pipe_free(s->left);
	pipe_free(s->right);
	if (s->bare >= 0)
		close(s->bare);
	event_base_free(s->base);
}

static void test_messages_come_whole_and_in_order(void **state unused_arg)
{
	struct scene s = scene_new(true);

	scene_open(&s);
	uint8_t *big = calloc(1, PIPE_MESSAGE_MOST);
	assert_non_null(big);
	big[0] = 7;
	s.at_right.wanted = 3;
	assert_int_equal(pipe_send(s.left, 1, bytes_text("one"), -1), ERR_OK);
	assert_int_equal(pipe_send(s.left, 2, bytes_of(big, PIPE_MESSAGE_MOST), -1), ERR_OK); /* larger than any socket buffer */
	assert_int_equal(pipe_send_pieces(s.left, 3, bytes_text("th"), bytes_text("ree"), -1), ERR_OK);
	event_base_dispatch(s.base);
	assert_int_equal(s.at_right.n, 3);
	assert_int_equal(s.at_right.size[0], 3);
	assert_int_equal(s.at_right.size[1], PIPE_MESSAGE_MOST);
	assert_int_equal(s.at_right.first[1], 7);
	assert_int_equal(s.at_right.type[2], 3);
	assert_int_equal(s.at_right.size[2], 5);
	assert_int_equal(pipe_queued(s.left), 0);
	free(big);
	scene_done(&s);
}

static void test_a_message_may_come_byte_by_byte(void **state unused_arg)
{
	static const uint8_t wire[] = {0, 0, 0, 3, 9, 'h', 'i', 0, 0, 0, 1, 8};
	struct scene	     s = scene_new(false);

	scene_open(&s);
	for (size_t i = 0; i < sizeof wire; i++) {
		assert_int_equal(s.at_right.n, i < 7 ? 0 : 1);
		assert_int_equal(write(s.bare, wire + i, 1), 1);
		event_base_loop(s.base, EVLOOP_ONCE);
	}
	assert_int_equal(s.at_right.n, 2);
	assert_int_equal(s.at_right.type[0], 9);
	assert_int_equal(s.at_right.size[0], 2);
	assert_int_equal(s.at_right.type[1], 8);
	assert_int_equal(s.at_right.size[1], 0);
	scene_done(&s);
}

/* A descriptor that leads to a file with these contents. */
static int fd_saying(const char *text)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], text, strlen(text)), (ssize_t)strlen(text));
	close(ends[1]);
	return ends[0];
}

static void assert_fd_says(int fd, const char *text)
{
	char	got[32] = "";
	ssize_t n = read(fd, got, sizeof got - 1);

	assert_int_equal(n, strlen(text));
	assert_string_equal(got, text);
	close(fd);
}

static void test_each_descriptor_comes_with_its_own_message(void **state unused_arg)
{
	struct scene s = scene_new(true);

	scene_open(&s);
	s.at_right.wanted = 6;
	assert_int_equal(pipe_send(s.left, 1, bytes_text("plain"), -1), ERR_OK);
	assert_int_equal(pipe_send(s.left, 2, bytes_text("first"), fd_saying("a")), ERR_OK);
	assert_int_equal(pipe_send(s.left, 3, bytes_text("second"), fd_saying("b")), ERR_OK);
	assert_int_equal(pipe_send(s.left, 4, bytes_text("plain"), -1), ERR_OK);
	assert_int_equal(pipe_send(s.left, 5, BYTES_NONE, fd_saying("c")), ERR_OK);
	assert_int_equal(pipe_send(s.left, 6, bytes_text("plain"), -1), ERR_OK);
	event_base_dispatch(s.base);
	assert_int_equal(s.at_right.n, 6);
	assert_int_equal(s.at_right.fd[0], -1);
	assert_fd_says(s.at_right.fd[1], "a");
	assert_fd_says(s.at_right.fd[2], "b");
	assert_int_equal(s.at_right.fd[3], -1);
	assert_fd_says(s.at_right.fd[4], "c");
	assert_int_equal(s.at_right.fd[5], -1);
	scene_done(&s);
}

/* The queue is full of bytes, then a descriptor: it waits for its place. */
static void test_a_descriptor_waits_behind_a_long_queue(void **state unused_arg)
{
	struct scene s = scene_new(true);

	scene_open(&s);
	uint8_t *big = calloc(1, PIPE_MESSAGE_MOST);
	assert_non_null(big);
	s.at_right.wanted = 3;
	assert_int_equal(pipe_send(s.left, 1, bytes_of(big, PIPE_MESSAGE_MOST), -1), ERR_OK);
	pipe_flush(s.left);
	assert_true(pipe_queued(s.left) > 0);
	assert_int_equal(pipe_send(s.left, 2, bytes_of(big, PIPE_MESSAGE_MOST), fd_saying("late")), ERR_OK);
	assert_int_equal(pipe_send(s.left, 3, BYTES_NONE, -1), ERR_OK);
	event_base_dispatch(s.base);
	assert_int_equal(s.at_right.fd[0], -1);
	assert_fd_says(s.at_right.fd[1], "late");
	assert_int_equal(s.at_right.fd[2], -1);
	free(big);
	scene_done(&s);
}

static void breaks_with(const uint8_t *wire, size_t n, enum err why)
{
	struct scene s = scene_new(false);

	scene_open(&s);
	assert_int_equal(write(s.bare, wire, n), (ssize_t)n);
	event_base_dispatch(s.base);
	assert_true(s.at_right.closed);
	assert_int_equal(s.at_right.why, why);
	assert_int_equal(s.at_right.n, 0);
	assert_int_equal(pipe_send(s.right, 1, BYTES_NONE, -1), why);
	scene_done(&s);
}

static void test_oversize_and_empty_frames_break_the_pipe(void **state unused_arg)
{
	static const uint8_t oversize[] = {0x00, 0x40, 0x00, 0x02, 1};
	static const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff, 1};
	static const uint8_t empty[] = {0, 0, 0, 0, 1};

	breaks_with(oversize, sizeof oversize, ERR_TOO_LONG);
	breaks_with(huge, sizeof huge, ERR_TOO_LONG);
	breaks_with(empty, sizeof empty, ERR_PROTOCOL);
}

static void test_what_is_too_long_is_not_sent(void **state unused_arg)
{
	struct scene s = scene_new(true);

	scene_open(&s);
	uint8_t *big = calloc(1, PIPE_MESSAGE_MOST + 1);
	assert_non_null(big);
	assert_int_equal(pipe_send(s.left, 1, bytes_of(big, PIPE_MESSAGE_MOST + 1), -1), ERR_TOO_LONG);
	assert_int_equal(pipe_send_pieces(s.left, 1, bytes_text("x"), bytes_of(big, PIPE_MESSAGE_MOST), -1), ERR_TOO_LONG);
	assert_int_equal(pipe_queued(s.left), 0);
	s.at_right.wanted = 1; /* and the pipe still works */
	assert_int_equal(pipe_send(s.left, 1, bytes_text("x"), -1), ERR_OK);
	event_base_dispatch(s.base);
	assert_int_equal(s.at_right.n, 1);
	free(big);
	scene_done(&s);
}

/* Nobody reads: above its limit the queue breaks the pipe, and says so from the loop. */
static void test_a_queue_above_its_limit_breaks_the_pipe(void **state unused_arg)
{
	int		   ends[2];
	struct event_base *base = event_base_new();
	struct heard	   heard = {.base = base};
	uint8_t		  *big = calloc(1, PIPE_MESSAGE_MOST);
	enum err	   e = ERR_OK;
	unsigned	   sent = 0;

	assert_non_null(big);
	assert_int_equal(pipe_pair(ends), ERR_OK);
	struct pipe *p = pipe_new(base, ends[0], on_message, on_closed, &heard);
	for (; !e && sent < 100; sent++)
		e = pipe_send(p, 1, bytes_of(big, PIPE_MESSAGE_MOST), -1);
	assert_int_equal(e, ERR_BUSY);
	assert_true(sent <= PIPE_QUEUE_MOST / PIPE_MESSAGE_MOST + 1);
	assert_false(heard.closed);
	event_base_dispatch(base);
	assert_true(heard.closed);
	assert_int_equal(heard.why, ERR_BUSY);
	pipe_free(p);
	close(ends[1]);
	event_base_free(base);
	free(big);
}

static void test_the_end_of_the_peer_is_said_once(void **state unused_arg)
{
	struct scene s = scene_new(true);

	scene_open(&s);
	pipe_free(s.left);
	s.left = NULL;
	event_base_dispatch(s.base);
	assert_true(s.at_right.closed);
	assert_int_equal(s.at_right.why, ERR_SHORT);
	scene_done(&s);
}

static void test_a_pipe_may_be_freed_in_its_own_callback(void **state unused_arg)
{
	struct scene s = scene_new(true);

	scene_open(&s);
	s.at_right.free_me = s.right;
	s.at_right.wanted = 1;
	assert_int_equal(pipe_send(s.left, 1, bytes_text("a"), -1), ERR_OK);
	assert_int_equal(pipe_send(s.left, 2, bytes_text("b"), -1), ERR_OK);
	event_base_dispatch(s.base);
	s.right = NULL;
	assert_int_equal(s.at_right.n, 1);
	scene_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages_come_whole_and_in_order),	   cmocka_unit_test(test_a_message_may_come_byte_by_byte),
		cmocka_unit_test(test_each_descriptor_comes_with_its_own_message), cmocka_unit_test(test_a_descriptor_waits_behind_a_long_queue),
		cmocka_unit_test(test_oversize_and_empty_frames_break_the_pipe),   cmocka_unit_test(test_what_is_too_long_is_not_sent),
		cmocka_unit_test(test_a_queue_above_its_limit_breaks_the_pipe),	   cmocka_unit_test(test_the_end_of_the_peer_is_said_once),
		cmocka_unit_test(test_a_pipe_may_be_freed_in_its_own_callback),
	};

	return cmocka_run_group_tests_name("proc/pipe", tests, NULL, NULL);
}
