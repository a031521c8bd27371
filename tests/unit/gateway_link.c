/*
 * Two real link processes on loopback; the test is the parent and both cores. A
 * session comes up, frames cross, and whatever ends it is said in words on both sides.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "gateway/gateway.h"
#include "gateway/start.h"
#include "gateway_home.h"
#include "wire/session.h"

#define PATIENCE_S 20

struct core {
	struct event_base *base;
	const char	  *name;
	struct home	   home;
	pid_t		   pid;
	struct pipe	  *control, *link;
	bool		   ready;
	uint32_t	   up; /* number of the session, 0: none */
	unsigned	   ups, downs;
	char		   why[256]; /* last LINK_DOWN or LINK_STATE */
	uint8_t		   got[4096];
	size_t		   ngot;
};

static char		  folder[64];
static struct event_base *base;
static struct core	  north, south;
static char		  north_address[32], south_address[32];

/* ---- a core's ears ---- */

static void hear(struct core *core, uint8_t type, struct bytes payload)
{
	struct cursor c = cursor_on(payload);
	struct bytes  why = BYTES_NONE;

	if (type == LINK_UP) {
		core->up = cursor_u32(&c);
		core->ups++;
	} else if (type == LINK_DOWN) {
		assert_int_equal(cursor_u32(&c), core->up);
		core->up = 0;
		core->downs++;
		why = cursor_take16(&c, 255);
	} else if (type == LINK_STATE) {
		why = cursor_take16(&c, 255);
	} else if (type == LINK_FRAMES) {
		assert_int_equal(cursor_u32(&c), core->up);
		struct bytes frames = cursor_rest(&c);
		assert_true(core->ngot + frames.n <= sizeof core->got);
		memcpy(core->got + core->ngot, frames.at, frames.n);
		core->ngot += frames.n;
	}
	if (why.n)
		(void)snprintf(core->why, sizeof core->why, "%.*s", (int)why.n, (const char *)why.at);
}

static void on_link(void *arg, uint8_t type, struct bytes payload, int fd)
{
	assert_int_equal(fd, -1);
	hear(arg, type, payload);
}

static void on_control(void *arg, uint8_t type, struct bytes payload unused_arg, int fd unused_arg)
{
	struct core *core = arg;

	core->ready = core->ready || type == CONTROL_READY;
}

static void on_closed(void *arg unused_arg, enum err why unused_arg)
{
}

/* ---- starting and stopping ---- */

static void core_connect(struct core *core)
{
	int	       ends[2];
	uint8_t	       payload[3];
	struct builder b = builder_on(payload, sizeof payload);

	pipe_free(core->link);
	assert_int_equal(pipe_pair(ends), ERR_OK);
	build_u8(&b, ROLE_CORE);
	build_u16(&b, 0);
	assert_int_equal(pipe_send(core->control, CONTROL_PIPE, builder_bytes(&b), ends[1]), ERR_OK);
	core->link = pipe_new(base, ends[0], on_link, on_closed, core);
	core->up = 0;
}

static void core_start(struct core *core)
{
	int ends[2];

	assert_int_equal(pipe_pair(ends), ERR_OK);
	core->pid = fork();
	if (core->pid == 0) {
		struct child_start start = {&core->home.config, ROLE_LINK, 0, ends[1], getppid(), link_main};
		_exit(process_child(&start));
	}
	close(ends[1]);
	core->control = pipe_new(base, ends[0], on_control, on_closed, core);
	core_connect(core);
}

static void core_stop(struct core *core)
{
	int status = 0;

	if (!core->pid)
		return;
	(void)pipe_send(core->control, CONTROL_STOP, BYTES_NONE, -1);
	pipe_flush(core->control);
	assert_int_equal(waitpid(core->pid, &status, 0), core->pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != EXIT_STOPPED)
		fail_msg("the link of %s ended with %x", core->name, (unsigned)status);
	pipe_free(core->link);
	pipe_free(core->control);
	*core = (struct core){.name = core->name};
}

static void patience_ended(evutil_socket_t fd unused_arg, short what unused_arg, void *arg unused_arg)
{
	fail_msg("nothing happened; north: %s; south: %s", north.why, south.why);
}

/* Turns the loop until the condition holds. */
#define WAIT_UNTIL(condition)                                                                                                                        \
	do {                                                                                                                                         \
		struct timeval patience_ = {.tv_sec = PATIENCE_S};                                                                                   \
		struct event  *end_ = evtimer_new(base, patience_ended, NULL);                                                                       \
		evtimer_add(end_, &patience_);                                                                                                       \
		while (!(condition))                                                                                                                 \
			event_base_loop(base, EVLOOP_ONCE);                                                                                          \
		event_free(end_);                                                                                                                    \
	} while (0)

/* A port that was free a moment ago. */
static void free_address(char out[32])
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t	   n = sizeof at;
	int		   fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, n), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
	close(fd);
	(void)snprintf(out, 32, "127.0.0.1:%u", ntohs(at.sin_port));
}

/* South listens, north dials. */
static int setup(void **state unused_arg)
{
	(void)snprintf(folder, sizeof folder, "/tmp/mithaq-link-XXXXXX");
	if (crypto_start() || !mkdtemp(folder))
		return -1;
	base = event_base_new();
	north.name = "north.example";
	south.name = "south.example";
	home_make(&north.home, folder, "north.example", "south.example", 1);
	home_make(&south.home, folder, "south.example", "north.example", 2);
	home_add_card(&north.home, &south.home, "south.example");
	home_add_card(&south.home, &north.home, "north.example");
	free_address(south_address);
	free_address(north_address);
	north.home.config.partner[0].dial = south_address;
	south.home.config.partner[0].listen = south_address;
	return 0;
}

static int teardown(void **state unused_arg)
{
	core_stop(&north);
	core_stop(&south);
	event_base_free(base);
	home_remove(folder);
	return 0;
}

static void both_up(void)
{
	core_start(&south);
	core_start(&north);
	WAIT_UNTIL(north.up && south.up);
	assert_true(north.ready && south.ready);
}

/* ---- words of a core ---- */

static void core_say(struct core *core, uint8_t type, uint32_t session, struct bytes rest)
{
	uint8_t	       head[4];
	struct builder b = builder_on(head, sizeof head);

	build_u32(&b, session);
	assert_int_equal(pipe_send_pieces(core->link, type, builder_bytes(&b), rest, -1), ERR_OK);
}

static size_t two_frames(uint8_t *out, size_t room)
{
	struct builder b = builder_on(out, room);
	size_t	       begun = frame_begin(&b, FRAME_HELLO);

	build_text(&b, "hello");
	frame_end(&b, begun);
	begun = frame_begin(&b, FRAME_ENTRY);
	build_zero(&b, 1000);
	frame_end(&b, begun);
	assert_int_equal(b.err, ERR_OK);
	return b.n;
}

/* ---- stories ---- */

static void test_frames_cross_both_ways(void **state unused_arg)
{
	uint8_t frames[2048];
	size_t	n = two_frames(frames, sizeof frames);

	both_up();
	core_say(&north, LINK_FRAMES, north.up, bytes_of(frames, n));
	core_say(&south, LINK_FRAMES, south.up, bytes_of(frames, n));
	WAIT_UNTIL(north.ngot == n && south.ngot == n);
	assert_memory_equal(north.got, frames, n);
	assert_memory_equal(south.got, frames, n);
}

/* PING stays between the links; what stands around it arrives, in order. */
static void test_ping_is_answered_by_the_link(void **state unused_arg)
{
	uint8_t		  frames[4096], expected[2048];
	size_t		  n = two_frames(frames, sizeof frames);
	struct builder	  b = builder_on(frames + n, sizeof frames - n);
	struct ping_frame ping = {.nonce = 7};

	memcpy(expected, frames, n);
	ping_frame_write(&b, FRAME_PING, &ping);
	build_copy(&b, expected, n > 10 ? 10 : n); /* the first frame again */
	both_up();
	core_say(&north, LINK_FRAMES, north.up, bytes_of(frames, n + b.n));
	WAIT_UNTIL(south.ngot == n + 10);
	assert_memory_equal(south.got, expected, n);
	assert_memory_equal(south.got + n, expected, 10);
	assert_int_equal(north.ngot, 0); /* the PONG was heard by the link */
}

static void test_a_closed_session_is_followed_by_another(void **state unused_arg)
{
	uint8_t	       why[32];
	struct builder b = builder_on(why, sizeof why);

	both_up();
	uint32_t first = north.up;
	build_bytes16(&b, bytes_text("that was all"));
	core_say(&north, LINK_CLOSE, north.up, builder_bytes(&b));
	WAIT_UNTIL(north.ups == 2 && south.ups == 2);
	assert_int_equal(north.downs, 1);
	assert_int_equal(south.downs, 1);
	assert_string_equal(north.why, "that was all");
	assert_int_not_equal(north.up, first);
	core_say(&north, LINK_CLOSE, first, builder_bytes(&b)); /* words for a session that is over mean nothing */
	core_say(&north, LINK_FRAMES, first, bytes_text("nonsense"));
	uint8_t frames[2048];
	size_t	n = two_frames(frames, sizeof frames);
	core_say(&north, LINK_FRAMES, north.up, bytes_of(frames, n));
	WAIT_UNTIL(south.ngot == n);
	assert_int_equal(south.ups, 2);
}

static void test_what_is_no_frame_ends_the_session(void **state unused_arg)
{
	static const uint8_t unknown[] = {0, 0, 0, 2, 0x50, 0};

	both_up();
	core_say(&north, LINK_FRAMES, north.up, bytes_of(unknown, sizeof unknown));
	WAIT_UNTIL(south.downs == 1 && north.downs == 1);
	assert_string_equal(south.why, err_text(ERR_PROTOCOL, LANG_EN));
	assert_non_null(strstr(north.why, "the partner said: the partner departed from the protocol"));
	assert_int_equal(south.ngot, 0);
}

static void test_a_new_core_gets_a_new_session(void **state unused_arg)
{
	both_up();
	core_connect(&north); /* as the parent does when the core was started again */
	WAIT_UNTIL(south.ups == 2 && north.up);
	assert_string_equal(south.why, "the partner said: the core of this gateway ended");
	assert_int_equal(south.downs, 1);
}

static void test_both_dial_and_one_session_stays(void **state unused_arg)
{
	uint8_t frames[2048];
	size_t	n = two_frames(frames, sizeof frames);

	north.home.config.partner[0].listen = north_address;
	south.home.config.partner[0].dial = north_address;
	both_up();
	core_say(&north, LINK_FRAMES, north.up, bytes_of(frames, n));
	core_say(&south, LINK_FRAMES, south.up, bytes_of(frames, n));
	WAIT_UNTIL((north.ngot >= n && south.ngot >= n) || north.downs || south.downs);
	/* Whoever won, the frames of the session that stays cross; one side may hear of it later than the other, and then says them again. */
	do {
		WAIT_UNTIL(north.up && south.up);
		uint32_t at_north = north.up, at_south = south.up;
		north.ngot = south.ngot = 0;
		core_say(&north, LINK_FRAMES, at_north, bytes_of(frames, n));
		core_say(&south, LINK_FRAMES, at_south, bytes_of(frames, n));
		WAIT_UNTIL((north.ngot >= n && south.ngot >= n) || north.up != at_north || south.up != at_south);
	} while (north.ngot < n || south.ngot < n);
}

/* South holds the card of somebody else under north's name. */
static void test_a_wrong_card_is_said_on_both_sides(void **state unused_arg)
{
	struct home east;

	home_make(&east, folder, "east.example", "south.example", 3);
	home_add_card(&south.home, &east, "north.example");
	core_start(&south);
	core_start(&north);
	/* North may have knocked before south listened; that was another reason. */
	WAIT_UNTIL(strstr(north.why, "certificate") && south.why[0]);
	assert_non_null(strstr(south.why, "the partner's certificate is not the one on its card: card says"));
	assert_non_null(strstr(north.why, "the partner refused our certificate"));
	assert_int_equal(north.ups, 0);
	assert_int_equal(south.ups, 0);
	config_done(&east.config);
}

static void pins_say(struct core *core, const struct hash *pin)
{
	uint8_t	       payload[1 + HASH_SIZE];
	struct builder b = builder_on(payload, sizeof payload);

	build_u8(&b, 1);
	build_copy(&b, pin->b, HASH_SIZE);
	assert_int_equal(pipe_send(core->link, LINK_PINS, builder_bytes(&b), -1), ERR_OK);
}

/* South hears of a card of north's without the key that north showed: as when that key was stolen. */
static void test_a_session_ends_with_the_key_that_let_it_in(void **state unused_arg)
{
	struct hash held = north.home.card.tls[0], other = {{9}};

	both_up();
	pins_say(&south, &held);
	uint8_t frames[2048];
	size_t	n = two_frames(frames, sizeof frames);
	core_say(&south, LINK_FRAMES, south.up, bytes_of(frames, n));
	WAIT_UNTIL(north.ngot == n);
	assert_int_equal(south.downs, 0);
	pins_say(&south, &other);
	WAIT_UNTIL(south.downs == 1 && north.downs == 1);
	WAIT_UNTIL(strstr(north.why, "the partner refused our certificate"));
	assert_int_equal(south.ups, 1);
	pins_say(&south, &held);
	WAIT_UNTIL(south.ups == 2);
}

static void test_nobody_there_is_said(void **state unused_arg)
{
	core_start(&north);
	WAIT_UNTIL(north.why[0]);
	assert_non_null(strstr(north.why, "Connection refused"));
}

/* A stranger who speaks something else, or nothing, is in nobody's way. */
static void test_strangers_do_not_disturb(void **state unused_arg)
{
	uint8_t		   frames[2048];
	size_t		   n = two_frames(frames, sizeof frames);
	struct sockaddr_in at;
	int		   size = sizeof at, strangers[12];

	both_up();
	assert_int_equal(evutil_parse_sockaddr_port(south_address, (struct sockaddr *)&at, &size), 0);
	for (size_t i = 0; i < COUNT_OF(strangers); i++) {
		strangers[i] = socket(AF_INET, SOCK_STREAM, 0);
		assert_int_equal(connect(strangers[i], (struct sockaddr *)&at, sizeof at), 0);
		if (i % 2)
			assert_int_equal(write(strangers[i], "GET / HTTP/1.1\r\n\r\n", 18), 18);
	}
	core_say(&north, LINK_FRAMES, north.up, bytes_of(frames, n));
	WAIT_UNTIL(south.ngot == n);
	assert_int_equal(south.downs, 0);
	for (size_t i = 0; i < COUNT_OF(strangers); i++)
		close(strangers[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_frames_cross_both_ways),
		TEST(test_ping_is_answered_by_the_link),
		TEST(test_a_closed_session_is_followed_by_another),
		TEST(test_what_is_no_frame_ends_the_session),
		TEST(test_a_new_core_gets_a_new_session),
		TEST(test_both_dial_and_one_session_stays),
		TEST(test_a_wrong_card_is_said_on_both_sides),
		TEST(test_a_session_ends_with_the_key_that_let_it_in),
		TEST(test_nobody_there_is_said),
		TEST(test_strangers_do_not_disturb),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("gateway/link", tests, NULL, NULL);
}
