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
#include <sys/wait.h>
#include <time.h>

#include "gateway/gateway.h"
#include "gateway_home.h"

#define PATIENCE_S 20
#define ROLES	   7

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
	return 0;
}

static int teardown(void **state unused_arg)
{
	if (gateway) {
		(void)kill(gateway, SIGKILL); /* and the kernel its children */
		(void)waitpid(gateway, NULL, 0);
		gateway = 0;
	}
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

static void test_reload_reaches_the_desk(void **state unused_arg)
{
	all_up();
	assert_int_equal(kill(gateway, SIGHUP), 0);
	WAIT_UNTIL(atomic_load(&board->reloads) == 1);
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
		TEST(test_reload_reaches_the_desk),
		TEST(test_two_gateways_never_share_a_folder),
		TEST(test_a_process_that_cannot_be_set_up_ends_the_start),
	};

	return cmocka_run_group_tests_name("gateway/parent", tests, NULL, NULL);
}
