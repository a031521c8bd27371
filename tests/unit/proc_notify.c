/* What a service manager hears, over real datagram sockets: one with a path, one in the abstract namespace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proc/notify.h"

#define ROOM 256

static char folder[64];

/* Where a manager listens; `name` is as NOTIFY_SOCKET says it. */
static int manager_listen(const char *name)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	size_t		   n = strlen(name);
	int		   fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	memcpy(at.sun_path, name, n);
	if (name[0] == '@')
		at.sun_path[0] = '\0';
	socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (name[0] == '/' ? 1 : 0));
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, length), 0);
	return fd;
}

static const char *manager_hears(int fd)
{
	static char text[ROOM];
	ssize_t	    n = recv(fd, text, sizeof text - 1, 0);

	if (n < 0)
		return errno == EAGAIN ? "" : NULL;
	text[n] = '\0';
	return text;
}

static void told_at(const char *name)
{
	int	      fd = manager_listen(name);
	struct notify n;

	assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
	notify_open(&n);
	notify_ready(&n);
	assert_string_equal(manager_hears(fd), "READY=1");
	notify_alive(&n);
	assert_string_equal(manager_hears(fd), "WATCHDOG=1");
	notify_stopping(&n);
	assert_string_equal(manager_hears(fd), "STOPPING=1");
	notify_close(&n);
	notify_ready(&n); /* after the end nothing is said */
	assert_string_equal(manager_hears(fd), "");
	close(fd);
}

static void test_a_manager_with_a_path_is_told(void **state)
{
	char name[96];

	(void)state;
	(void)snprintf(name, sizeof name, "%s/notify", folder);
	told_at(name);
}

static void test_a_manager_with_an_abstract_name_is_told(void **state)
{
	char name[96];

	(void)state;
	(void)snprintf(name, sizeof name, "@mithaq-notify-test-%d", (int)getpid());
	told_at(name);
}

static void test_a_reload_carries_the_time_it_began(void **state)
{
	char		   name[96];
	struct notify	   n;
	unsigned long long us = 0;

	(void)state;
	(void)snprintf(name, sizeof name, "%s/reload", folder);
	int fd = manager_listen(name);
	assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
	notify_open(&n);
	notify_reloading(&n);
	assert_int_equal(sscanf(manager_hears(fd), "RELOADING=1\nMONOTONIC_USEC=%llu", &us), 1);
	assert_true(us > 0);
	notify_close(&n);
	close(fd);
}

static uint64_t watchdog_with(const char *usec, const char *pid)
{
	char	      name[96];
	struct notify n;

	(void)snprintf(name, sizeof name, "%s/nobody", folder);
	assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
	assert_int_equal(usec ? setenv("WATCHDOG_USEC", usec, 1) : unsetenv("WATCHDOG_USEC"), 0);
	assert_int_equal(pid ? setenv("WATCHDOG_PID", pid, 1) : unsetenv("WATCHDOG_PID"), 0);
	notify_open(&n);
	notify_ready(&n); /* a manager that is gone is not waited for */
	notify_close(&n);
	return n.watchdog_us;
}

static void test_the_watchdog_is_ours_or_nobodys(void **state)
{
	char pid[32];

	(void)state;
	(void)snprintf(pid, sizeof pid, "%d", (int)getpid());
	assert_int_equal(watchdog_with("30000000", pid), 30000000);
	assert_int_equal(watchdog_with("30000000", NULL), 30000000);
	assert_int_equal(watchdog_with("30000000", "1"), 0);
	assert_int_equal(watchdog_with(NULL, pid), 0);
	assert_int_equal(watchdog_with("soon", pid), 0);
	assert_int_equal(watchdog_with("-1", pid), 0);
}

static void test_what_is_no_address_is_nobodys(void **state)
{
	static const char *const names[] = {"", "/", "@", "relative/notify", "vsock:2:1234"};
	char			 longest[200];
	struct notify		 n;

	(void)state;
	memset(longest, 'x', sizeof longest - 1);
	longest[0] = '/';
	longest[sizeof longest - 1] = '\0';
	for (size_t i = 0; i <= sizeof names / sizeof names[0]; i++) {
		assert_int_equal(setenv("NOTIFY_SOCKET", i < sizeof names / sizeof names[0] ? names[i] : longest, 1), 0);
		notify_open(&n);
		assert_false(n.open);
		notify_ready(&n);
		notify_close(&n);
	}
	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
	notify_open(&n);
	assert_false(n.open);
}

static int setup(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof folder, "/tmp/mithaq-notify-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
	char path[96];

	(void)state;
	(void)snprintf(path, sizeof path, "%s/notify", folder);
	(void)unlink(path);
	(void)snprintf(path, sizeof path, "%s/reload", folder);
	(void)unlink(path);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_manager_with_a_path_is_told),	   cmocka_unit_test(test_a_manager_with_an_abstract_name_is_told),
		cmocka_unit_test(test_a_reload_carries_the_time_it_began), cmocka_unit_test(test_the_watchdog_is_ours_or_nobodys),
		cmocka_unit_test(test_what_is_no_address_is_nobodys),
	};

	return cmocka_run_group_tests_name("proc/notify", tests, setup, teardown);
}
