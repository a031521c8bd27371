/*
 * The real parent with processes that only say what befalls them, in memory shared
 * with the test: who was started how often, who was connected to whom, in which
 * order they were stopped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "gateway/gateway.h"
#include "gateway_home.h"

#define PATIENCE_S 20
#define ROLES	   7

#define WATCHDOG_US 200000

/* What the processes of one gateway tell the test. */
struct board {
	sem_t	    news;
	atomic_int  started[ROLES];
	atomic_int  stopped[ROLES];	   /* the turn in which CONTROL_STOP came */
	atomic_int  met[ROLES][ROLES];	   /* fresh pipes: [me][other] */
	atomic_int  greeted[ROLES][ROLES]; /* greetings heard over them: [me][from] */
	atomic_int  pid[ROLES];
	atomic_int  turn;
	atomic_int  reloads, ledger_stops;
	atomic_bool setup_fails;
	atomic_bool core_is_busy; /* and does not see that its keeper is gone */
};

static struct board *board;
static char	     folder[64];
static struct home   home;
static pid_t	     gateway;

static void tell(atomic_int *what)
{
	atomic_fetch_add(what, 1);
	sem_post(&board->news);
}

/* ---- processes that only report ---- */

#define GREETING 200

static void heard(void *arg, uint8_t type, struct bytes payload, int fd unused_arg)
{
	struct process *p = arg;

	if (type == GREETING && payload.n == 1 && payload.at[0] < ROLES)
		tell(&board->greeted[p->role][payload.at[0]]);
}

static void lost(void *arg unused_arg, enum err why unused_arg)
{
}

static void keeper_lost(void *arg, enum err why unused_arg)
{
	if (!atomic_load(&board->core_is_busy))
		process_leave(arg, EXIT_TROUBLE);
}

/* Pipes of this process; the test's processes keep them all. */
static void meet(struct process *p, enum role role, unsigned which unused_arg, int fd)
{
	uint8_t	     me = (uint8_t)p->role;
	struct pipe *pipe = pipe_new(p->base, fd, heard, role == ROLE_KEEPER ? keeper_lost : lost, p);

	tell(&board->met[p->role][role]);
	(void)pipe_send(pipe, GREETING, bytes_of(&me, 1), -1);
}

static void stop(struct process *p)
{
	atomic_store(&board->stopped[p->role], 1 + atomic_fetch_add(&board->turn, 1));
	sem_post(&board->news);
	if (p->role == ROLE_CORE)
		process_stopped(p);
	else
		process_leave(p, EXIT_STOPPED);
}

static void reload(struct process *p unused_arg)
{
	tell(&board->reloads);
}

static void ledger_stopped(struct process *p unused_arg)
{
	tell(&board->ledger_stops);
}

static void fail_the_ledger(evutil_socket_t fd unused_arg, short what unused_arg, void *arg)
{
	process_leave(arg, EXIT_LEDGER_STOPPED);
}

static int report(struct process *p)
{
	/* The test tells a core with a signal that its disk failed. */
	struct event *failure = evsignal_new(p->base, SIGUSR1, fail_the_ledger, p);

	if (p->role == ROLE_READER && atomic_load(&board->setup_fails))
		return EXIT_SETUP;
	event_add(failure, NULL);
	atomic_store(&board->pid[p->role], getpid());
	p->on_peer = meet;
	p->on_stop = stop;
	p->on_reload = reload;
	p->on_ledger_stopped = ledger_stopped;
	tell(&board->started[p->role]);
	int code = process_run(p, PROMISE_STDIO, NULL);
	event_free(failure);
	return code;
}

int core_main(struct process *p)
{
	return report(p);
}

int keeper_main(struct process *p)
{
	return report(p);
}

int desk_main(struct process *p)
{
	return report(p);
}

int reader_main(struct process *p)
{
	return report(p);
}

int link_main(struct process *p)
{
	return report(p);
}

int worker_main(struct process *p)
{
	return report(p);
}

/* ---- the test's eyes ---- */

/* News wakes us; the condition decides. */
#define WAIT_UNTIL(condition)                                                                                                                        \
	do {                                                                                                                                         \
		struct timespec end_;                                                                                                                \
		clock_gettime(CLOCK_REALTIME, &end_);                                                                                                \
		end_.tv_sec += PATIENCE_S;                                                                                                           \
		while (!(condition)) {                                                                                                               \
			if (sem_timedwait(&board->news, &end_) != 0 && errno == ETIMEDOUT)                                                           \
				fail_msg("never came: %s", #condition);                                                                              \
		}                                                                                                                                    \
	} while (0)

static int gateway_ends(void)
{
	int status = 0;

	assert_int_equal(waitpid(gateway, &status, 0), gateway);
	gateway = 0;
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void gateway_start(void)
{
	gateway = fork();
	if (gateway == 0)
		_exit(gateway_run(&home.config));
}

/* Every pair of neighbours greeted each other at least `times` times. */
static bool all_greeted(int times)
{
	static const enum role pairs[][2] = {
		{ROLE_LINK, ROLE_CORE}, {ROLE_DESK, ROLE_CORE}, {ROLE_DESK, ROLE_READER}, {ROLE_CORE, ROLE_KEEPER}, {ROLE_CORE, ROLE_WORKER},
	};

	for (size_t i = 0; i < COUNT_OF(pairs); i++) {
		if (atomic_load(&board->greeted[pairs[i][0]][pairs[i][1]]) < times || atomic_load(&board->greeted[pairs[i][1]][pairs[i][0]]) < times)
			return false;
	}
	return true;
}

static void all_up(void)
{
	gateway_start();
	WAIT_UNTIL(all_greeted(1));
}

static void child_kill(enum role role, int number)
{
	assert_int_equal(kill(atomic_load(&board->pid[role]), number), 0);
}

static struct config_provider provider = {.clause = "customs/status"};

/* What a reload reads: the configuration that `home` has, and one more line. */
static void configuration_write(const char *more)
{
	char	       text[512], path[CONFIG_PATH_MOST];
	struct builder b = builder_on(text, sizeof text - 1);

	build_format(&b,
		     "party: north.example\napi: {listen: 127.0.0.1:7171}\npartners:\n  south.example: 127.0.0.1:9\n"
		     "provide:\n  customs/status:\n    sqlite: /nowhere\n    statement: SELECT 1\n%s",
		     more);
	home_must(config_path(&home.config, "mithaq.yaml", path) == ERR_OK, "path");
	home_must(file_write(path, builder_bytes(&b), 0644) == ERR_OK, path);
}

/* Papers and keys that a trial finds in order. */
static void papers_write(void)
{
	static struct home south;

	home_make(&south, folder, "south.example", "north.example", 2);
	home_write_card(&home, &home, "north.example.card");
	home_add_card(&home, &south, "south.example");
}

static int setup(void **state unused_arg)
{
	(void)snprintf(folder, sizeof folder, "/tmp/mithaq-parent-XXXXXX");
	board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (crypto_start() || !mkdtemp(folder) || board == MAP_FAILED || sem_init(&board->news, 1, 0) != 0)
		return -1;
	home_make(&home, folder, "north.example", "south.example", 1);
	home.config.api_listen = "127.0.0.1:7171";
	home.config.nproviders = 1;
	home.config.provider = &provider;
	home.config.partner[0].dial = "127.0.0.1:9";
	configuration_write("");
	papers_write();
	return 0;
}

static int teardown(void **state unused_arg)
{
	if (gateway) {
		(void)kill(gateway, SIGKILL); /* and the kernel its children */
		(void)waitpid(gateway, NULL, 0);
		gateway = 0;
	}
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("WATCHDOG_USEC");
	home_remove(folder);
	return munmap(board, sizeof *board);
}

/* ---- stories ---- */

static void test_all_start_and_meet_their_neighbours_only(void **state unused_arg)
{
	all_up();
	for (unsigned role = ROLE_LINK; role < ROLES; role++)
		assert_int_equal(atomic_load(&board->started[role]), 1);
	assert_int_equal(atomic_load(&board->met[ROLE_LINK][ROLE_DESK]), 0);
	assert_int_equal(atomic_load(&board->met[ROLE_LINK][ROLE_KEEPER]), 0);
	assert_int_equal(atomic_load(&board->met[ROLE_READER][ROLE_CORE]), 0);
	assert_int_equal(atomic_load(&board->met[ROLE_KEEPER][ROLE_CORE]), 1);
}

static void test_stopping_begins_with_the_core(void **state unused_arg)
{
	all_up();
	assert_int_equal(kill(gateway, SIGTERM), 0);
	assert_int_equal(gateway_ends(), EXIT_STOPPED);
	assert_int_equal(atomic_load(&board->stopped[ROLE_CORE]), 1);
	for (unsigned role = ROLE_LINK; role < ROLES; role++) {
		assert_true(atomic_load(&board->stopped[role]) > 0);
		assert_int_equal(kill(atomic_load(&board->pid[role]), 0), -1); /* nobody is left */
	}
}

static void test_a_dead_link_comes_back_alone(void **state unused_arg)
{
	all_up();
	child_kill(ROLE_LINK, SIGKILL);
	WAIT_UNTIL(atomic_load(&board->greeted[ROLE_CORE][ROLE_LINK]) == 2 && atomic_load(&board->greeted[ROLE_LINK][ROLE_CORE]) == 2);
	assert_int_equal(atomic_load(&board->started[ROLE_LINK]), 2);
	assert_int_equal(atomic_load(&board->started[ROLE_CORE]), 1);
	assert_int_equal(atomic_load(&board->met[ROLE_CORE][ROLE_KEEPER]), 1);
}

static void pair_comes_back(enum role dead)
{
	all_up();
	child_kill(dead, SIGKILL);
	WAIT_UNTIL(atomic_load(&board->greeted[ROLE_CORE][ROLE_KEEPER]) == 2 && atomic_load(&board->greeted[ROLE_LINK][ROLE_CORE]) == 2 &&
		   atomic_load(&board->greeted[ROLE_DESK][ROLE_CORE]) == 2 && atomic_load(&board->greeted[ROLE_WORKER][ROLE_CORE]) == 2);
	assert_int_equal(atomic_load(&board->started[ROLE_CORE]), 2);
	assert_int_equal(atomic_load(&board->started[ROLE_KEEPER]), 2);
	assert_int_equal(atomic_load(&board->started[ROLE_LINK]), 1);
	assert_int_equal(atomic_load(&board->started[ROLE_READER]), 1);
}

static void test_core_and_keeper_live_and_die_together(void **state unused_arg)
{
	pair_comes_back(ROLE_CORE);
}

static void test_keeper_and_core_live_and_die_together(void **state unused_arg)
{
	pair_comes_back(ROLE_KEEPER);
}

/* W9: a failed write or fsync; the desk says so, also a desk that comes later. */
static void test_a_core_whose_ledger_failed_stays_down(void **state unused_arg)
{
	all_up();
	child_kill(ROLE_CORE, SIGUSR1);
	WAIT_UNTIL(atomic_load(&board->ledger_stops) == 1 && atomic_load(&board->stopped[ROLE_KEEPER]));
	child_kill(ROLE_DESK, SIGKILL);
	WAIT_UNTIL(atomic_load(&board->started[ROLE_DESK]) == 2 && atomic_load(&board->ledger_stops) == 2);
	assert_int_equal(atomic_load(&board->started[ROLE_CORE]), 1);
	assert_int_equal(atomic_load(&board->started[ROLE_KEEPER]), 1);
	assert_int_equal(kill(gateway, SIGTERM), 0);
	assert_int_equal(gateway_ends(), EXIT_STOPPED);
}

/* The keeper hears of the core's end by their pipe, and the parent may hear of the keeper's end first. */
static void test_a_core_whose_ledger_failed_stays_down_although_its_keeper_ends_first(void **state unused_arg)
{
	atomic_store(&board->core_is_busy, true);
	all_up();
	child_kill(ROLE_CORE, SIGSTOP);
	child_kill(ROLE_KEEPER, SIGKILL);
	while (kill(atomic_load(&board->pid[ROLE_KEEPER]), 0) == 0)
		sched_yield();
	child_kill(ROLE_CORE, SIGUSR1);
	child_kill(ROLE_CORE, SIGCONT);
	WAIT_UNTIL(atomic_load(&board->ledger_stops) == 1);
	assert_int_equal(atomic_load(&board->started[ROLE_CORE]), 1);
	assert_int_equal(atomic_load(&board->started[ROLE_KEEPER]), 1);
	assert_int_equal(kill(gateway, SIGTERM), 0);
	assert_int_equal(gateway_ends(), EXIT_STOPPED);
}

static int started(enum role role)
{
	return atomic_load(&board->started[role]);
}

static void test_a_reload_of_nothing_new_reaches_the_desk_and_replaces_nobody(void **state unused_arg)
{
	all_up();
	assert_int_equal(kill(gateway, SIGHUP), 0);
	WAIT_UNTIL(atomic_load(&board->reloads) == 1);
	for (unsigned role = ROLE_LINK; role <= ROLE_WORKER; role++)
		assert_int_equal(started((enum role)role), 1);
}

static void test_a_reload_replaces_whom_the_change_concerns_beginning_with_the_core(void **state unused_arg)
{
	all_up();
	configuration_write("    timeout: 3 s\n");
	assert_int_equal(kill(gateway, SIGHUP), 0);
	WAIT_UNTIL(atomic_load(&board->reloads) == 1 && atomic_load(&board->greeted[ROLE_CORE][ROLE_KEEPER]) == 2 &&
		   atomic_load(&board->greeted[ROLE_WORKER][ROLE_CORE]) == 2 && atomic_load(&board->greeted[ROLE_LINK][ROLE_CORE]) == 2 &&
		   atomic_load(&board->greeted[ROLE_DESK][ROLE_CORE]) == 2);
	assert_int_equal(atomic_load(&board->stopped[ROLE_CORE]), 1);
	assert_int_equal(started(ROLE_CORE), 2);
	assert_int_equal(started(ROLE_KEEPER), 2);
	assert_int_equal(started(ROLE_WORKER), 2);
	assert_int_equal(started(ROLE_LINK), 1);
	assert_int_equal(started(ROLE_DESK), 1);
	assert_int_equal(started(ROLE_READER), 1);
}

/* ---- the service manager ---- */

static int manager_listen(void)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	struct timeval	   patience = {.tv_sec = PATIENCE_S};
	char		   usec[16];
	int		   fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)snprintf(at.sun_path, sizeof at.sun_path, "%s/notify", folder);
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
	assert_int_equal(setenv("NOTIFY_SOCKET", at.sun_path, 1), 0);
	(void)snprintf(usec, sizeof usec, "%d", WATCHDOG_US);
	assert_int_equal(setenv("WATCHDOG_USEC", usec, 1), 0);
	return fd;
}

static void manager_hears(int fd, const char *expected)
{
	char text[128];

	for (;;) {
		ssize_t n = recv(fd, text, sizeof text - 1, 0);
		text[n < 0 ? 0 : n] = '\0';
		if (n < 0)
			fail_msg("the manager never heard %s", expected);
		if (strncmp(text, expected, strlen(expected)) == 0)
			return;
	}
}

/* What was on its way is heard first; then silence for ten periods. */
static void manager_hears_no_more(int fd)
{
	struct timeval long_enough = {.tv_sec = 10 * WATCHDOG_US / 1000000};
	char	       text[128];

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &long_enough, sizeof long_enough), 0);
	for (int on_its_way = 0; recv(fd, text, sizeof text, 0) >= 0; on_its_way++)
		assert_true(on_its_way < 2);
}

/* The end of a reload, good or refused, is told like its beginning. */
static void reload_to_its_end(int fd)
{
	assert_int_equal(kill(gateway, SIGHUP), 0);
	manager_hears(fd, "RELOADING=1\nMONOTONIC_USEC=");
	manager_hears(fd, "READY=1");
}

static void nobody_was_told(void)
{
	for (unsigned role = ROLE_LINK; role <= ROLE_WORKER; role++)
		assert_int_equal(started((enum role)role), 1);
	assert_int_equal(atomic_load(&board->reloads), 0);
}

/* The one that is bad changes nothing, and the good one after it is taken up. */
static void test_a_bad_configuration_is_refused_whole(void **state unused_arg)
{
	int fd = manager_listen();

	all_up();
	manager_hears(fd, "READY=1");
	configuration_write("watchword: open\n");
	reload_to_its_end(fd);
	nobody_was_told();
	configuration_write("    timeout: 3 s\n");
	reload_to_its_end(fd);
	assert_int_equal(started(ROLE_CORE), 2);
	close(fd);
}

/* A card that no root signed is found by the trial, and the core works on. */
static void test_a_bad_paper_is_refused_before_anybody_leaves(void **state unused_arg)
{
	int  fd = manager_listen();
	char path[CONFIG_PATH_MOST];

	all_up();
	manager_hears(fd, "READY=1");
	home_path(&home, "partners/south.example.card", path);
	assert_int_equal(file_write(path, bytes_text("mithaq/keys/1\nparty south.example\n"), 0644), ERR_OK);
	reload_to_its_end(fd);
	nobody_was_told();
	close(fd);
}

static void watched(enum role hangs)
{
	int fd = manager_listen();

	all_up();
	manager_hears(fd, "READY=1");
	manager_hears(fd, "WATCHDOG=1");
	child_kill(hangs, SIGSTOP);
	manager_hears_no_more(fd);
	child_kill(hangs, SIGCONT);
	manager_hears(fd, "WATCHDOG=1");
	assert_int_equal(kill(gateway, SIGTERM), 0);
	manager_hears(fd, "STOPPING=1");
	assert_int_equal(gateway_ends(), EXIT_STOPPED);
	close(fd);
}

static void test_a_core_that_hangs_stops_the_watchdog(void **state unused_arg)
{
	watched(ROLE_CORE);
}

static void test_a_keeper_that_hangs_stops_the_watchdog(void **state unused_arg)
{
	watched(ROLE_KEEPER);
}

static void test_a_desk_that_hangs_stops_the_watchdog(void **state unused_arg)
{
	watched(ROLE_DESK);
}

/* A reader that hangs is no reason to end a gateway that answers. */
static void test_a_stopped_ledger_does_not_stop_the_watchdog(void **state unused_arg)
{
	int fd = manager_listen();

	all_up();
	child_kill(ROLE_CORE, SIGUSR1);
	WAIT_UNTIL(atomic_load(&board->ledger_stops) == 1);
	manager_hears(fd, "WATCHDOG=1");
	manager_hears(fd, "WATCHDOG=1");
	manager_hears(fd, "WATCHDOG=1");
	close(fd);
}

static void test_two_gateways_never_share_a_folder(void **state unused_arg)
{
	struct buffer pid = {.most = 64};
	char	      path[CONFIG_PATH_MOST], expected[32];

	all_up();
	pid_t first = gateway;
	gateway_start();
	assert_int_equal(gateway_ends(), EXIT_SETUP);
	gateway = first;
	assert_int_equal(atomic_load(&board->started[ROLE_CORE]), 1);
	assert_int_equal(config_data_path(&home.config, "mithaq.pid", path), ERR_OK);
	assert_int_equal(file_read(path, &pid), ERR_OK);
	(void)snprintf(expected, sizeof expected, "%d\n", (int)first);
	assert_true(bytes_is(buffer_bytes(&pid), expected));
	buffer_done(&pid);

	assert_int_equal(kill(gateway, SIGTERM), 0);
	assert_int_equal(gateway_ends(), EXIT_STOPPED);
	gateway_start(); /* when the first is gone it may */
	WAIT_UNTIL(atomic_load(&board->started[ROLE_CORE]) == 2);
}

static void test_a_process_that_cannot_be_set_up_ends_the_start(void **state unused_arg)
{
	atomic_store(&board->setup_fails, true);
	gateway_start();
	assert_int_equal(gateway_ends(), EXIT_SETUP);
	assert_int_equal(atomic_load(&board->started[ROLE_READER]), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_all_start_and_meet_their_neighbours_only),
		TEST(test_stopping_begins_with_the_core),
		TEST(test_a_dead_link_comes_back_alone),
		TEST(test_core_and_keeper_live_and_die_together),
		TEST(test_keeper_and_core_live_and_die_together),
		TEST(test_a_core_whose_ledger_failed_stays_down),
		TEST(test_a_core_whose_ledger_failed_stays_down_although_its_keeper_ends_first),
		TEST(test_a_reload_of_nothing_new_reaches_the_desk_and_replaces_nobody),
		TEST(test_a_reload_replaces_whom_the_change_concerns_beginning_with_the_core),
		TEST(test_a_bad_configuration_is_refused_whole),
		TEST(test_a_bad_paper_is_refused_before_anybody_leaves),
		TEST(test_a_core_that_hangs_stops_the_watchdog),
		TEST(test_a_keeper_that_hangs_stops_the_watchdog),
		TEST(test_a_desk_that_hangs_stops_the_watchdog),
		TEST(test_a_stopped_ledger_does_not_stop_the_watchdog),
		TEST(test_two_gateways_never_share_a_folder),
		TEST(test_a_process_that_cannot_be_set_up_ends_the_start),
	};

	return cmocka_run_group_tests_name("gateway/parent", tests, NULL, NULL);
}
