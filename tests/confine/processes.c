/* The real keeper, the real link and the real hook, once confined, do the one thing they must never do: and die of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "child.h"
#include "gateway/gateway.h"
#include "gateway_home.h"

static char	   folder[64];
static struct home north, south;

#define PARTNER_PORT 9

static void open_a_file(evutil_socket_t fd unused_arg, short what unused_arg, void *arg unused_arg)
{
	_exit(open("/etc/hostname", O_RDONLY | O_CLOEXEC) >= 0 ? 0 : CODE_REFUSED);
}

static void open_a_socket(evutil_socket_t fd unused_arg, short what unused_arg, void *arg unused_arg)
{
	_exit(socket(AF_INET, SOCK_STREAM, 0) >= 0 ? 0 : CODE_REFUSED);
}

static void do_nothing(void *arg unused_arg, uint8_t type unused_arg, struct bytes payload unused_arg, int fd unused_arg)
{
}

static void ended(void *arg unused_arg, enum err why unused_arg)
{
}

/* Nobody listens there: an answer of any kind but EACCES shows that asking was permitted. */
static enum ending connects_to(uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int		   fd = socket(AF_INET, SOCK_STREAM, 0);

	return connect(fd, (struct sockaddr *)&at, sizeof at) == 0 || errno != EACCES ? ENDED_WELL : ENDED_REFUSED;
}

static void dial_the_partner(evutil_socket_t fd unused_arg, short what unused_arg, void *arg unused_arg)
{
	_exit(connects_to(PARTNER_PORT) == ENDED_WELL ? 0 : CODE_REFUSED);
}

static void dial_another_port(evutil_socket_t fd unused_arg, short what unused_arg, void *arg unused_arg)
{
	_exit(connects_to(PARTNER_PORT + 1) == ENDED_WELL ? 0 : CODE_REFUSED);
}

static void bind_a_port(evutil_socket_t fd unused_arg, short what unused_arg, void *arg unused_arg)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	_exit(bind(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&at, sizeof at) == 0 ? 0 : CODE_REFUSED);
}

/* The deed waits in the loop, which begins to turn when the process has promised. */
static enum ending process_does(enum role role, int (*run)(struct process *), event_callback_fn deed)
{
	int   ends[2];
	pid_t pid;

	assert_int_equal(pipe_pair(ends), ERR_OK);
	pid = fork();
	if (pid == 0) {
		struct process p = {.config = &north.config, .role = role, .base = event_base_new()};
		struct timeval now = {0};

		p.control = pipe_new(p.base, ends[1], do_nothing, ended, NULL);
		(void)event_base_once(p.base, -1, EV_TIMEOUT, deed, &p, &now);
		_exit(run(&p));
	}
	enum ending e = child_ending(pid);
	close(ends[0]);
	close(ends[1]);
	return e;
}

static void test_a_link_that_opens_a_file_dies(void **state unused_arg)
{
	assert_int_equal(process_does(ROLE_LINK, link_main, open_a_file), ENDED_KILLED);
}

static void test_a_link_may_open_a_socket(void **state unused_arg)
{
	assert_int_equal(process_does(ROLE_LINK, link_main, open_a_socket), ENDED_WELL);
}

static void test_a_link_may_dial_its_partner(void **state unused_arg)
{
	assert_int_equal(process_does(ROLE_LINK, link_main, dial_the_partner), ENDED_WELL);
}

static void test_a_link_that_dials_another_port_is_refused(void **state unused_arg)
{
	if (!promise_ports_available())
		skip();
	assert_int_equal(process_does(ROLE_LINK, link_main, dial_another_port), ENDED_REFUSED);
}

/* The partner dials us: then there is no port that this link may dial. */
static void test_a_link_that_only_listens_dials_nobody(void **state unused_arg)
{
	const char *dial = north.config.partner[0].dial;

	if (!promise_ports_available())
		skip();
	north.config.partner[0].dial = NULL;
	enum ending e = process_does(ROLE_LINK, link_main, dial_the_partner);
	north.config.partner[0].dial = dial;
	assert_int_equal(e, ENDED_REFUSED);
}

static void test_a_link_that_binds_dies(void **state unused_arg)
{
	assert_int_equal(process_does(ROLE_LINK, link_main, bind_a_port), ENDED_KILLED);
}

static void test_a_hook_that_opens_a_file_dies(void **state unused_arg)
{
	assert_int_equal(process_does(ROLE_HOOK, hook_main, open_a_file), ENDED_KILLED);
}

static void test_a_hook_may_dial_its_webhook(void **state unused_arg)
{
	assert_int_equal(process_does(ROLE_HOOK, hook_main, dial_the_partner), ENDED_WELL);
}

static void test_a_hook_that_dials_another_port_is_refused(void **state unused_arg)
{
	if (!promise_ports_available())
		skip();
	assert_int_equal(process_does(ROLE_HOOK, hook_main, dial_another_port), ENDED_REFUSED);
}

static void test_a_hook_that_binds_dies(void **state unused_arg)
{
	assert_int_equal(process_does(ROLE_HOOK, hook_main, bind_a_port), ENDED_KILLED);
}

static void test_a_keeper_that_opens_a_file_dies(void **state unused_arg)
{
	assert_int_equal(process_does(ROLE_KEEPER, keeper_main, open_a_file), ENDED_KILLED);
}

static void test_a_keeper_that_opens_a_socket_dies(void **state unused_arg)
{
	assert_int_equal(process_does(ROLE_KEEPER, keeper_main, open_a_socket), ENDED_KILLED);
}

/* A key that others may read: the keeper does not start. */
static void test_a_keeper_without_its_key_does_not_start(void **state unused_arg)
{
	char path[CONFIG_PATH_MOST];

	home_path(&north, "keys/receipt.key", path);
	assert_int_equal(chmod(path, 0644), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct process p = {.config = &north.config, .role = ROLE_KEEPER};
		_exit(keeper_main(&p) == EXIT_SETUP ? 0 : CODE_REFUSED);
	}
	assert_int_equal(child_ending(pid), ENDED_WELL);
	assert_int_equal(chmod(path, 0600), 0);
}

static void hook_make(void)
{
	char path[CONFIG_PATH_MOST];

	home_folder(&north, "credentials");
	home_path(&north, "credentials/hook-secret", path);
	home_must(file_write(path, bytes_text("sample-secret-of-a-webhook\n"), 0600) == ERR_OK, path);
	north.config.nwebhooks = 1;
	north.config.webhook[0] = (struct config_webhook){.url = "http://127.0.0.1:9/hooks", .secret = "hook-secret"};
}

static int setup(void **state unused_arg)
{
	(void)snprintf(folder, sizeof folder, "/tmp/mithaq-confine-XXXXXX");
	if (crypto_start() || !mkdtemp(folder))
		return -1;
	home_make(&north, folder, "north.example", "south.example", 1);
	home_make(&south, folder, "south.example", "north.example", 2);
	home_write_card(&north, &north, "north.example.card");
	home_add_card(&north, &south, "south.example");
	north.config.partner[0].dial = "127.0.0.1:9";
	hook_make();
	return 0;
}

static int teardown(void **state unused_arg)
{
	home_remove(folder);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_link_that_opens_a_file_dies),
		cmocka_unit_test(test_a_link_may_open_a_socket),
		cmocka_unit_test(test_a_link_may_dial_its_partner),
		cmocka_unit_test(test_a_link_that_dials_another_port_is_refused),
		cmocka_unit_test(test_a_link_that_only_listens_dials_nobody),
		cmocka_unit_test(test_a_link_that_binds_dies),
		cmocka_unit_test(test_a_hook_that_opens_a_file_dies),
		cmocka_unit_test(test_a_hook_may_dial_its_webhook),
		cmocka_unit_test(test_a_hook_that_dials_another_port_is_refused),
		cmocka_unit_test(test_a_hook_that_binds_dies),
		cmocka_unit_test(test_a_keeper_that_opens_a_file_dies),
		cmocka_unit_test(test_a_keeper_that_opens_a_socket_dies),
		cmocka_unit_test(test_a_keeper_without_its_key_does_not_start),
	};

	if (!promise_available()) {
		(void)printf("skipped: this build or this kernel cannot confine a process\n");
		return 77;
	}
	return cmocka_run_group_tests_name("confine/processes", tests, setup, teardown);
}
