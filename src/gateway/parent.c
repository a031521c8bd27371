/*
 * parent.c: starts the others, hands out the pipes between them, starts again what
 * dies, and stops all in order. It reads nothing foreign: configuration and the
 * words of its own children, which carry no payload.
 *
 *   a link, desk, reader or worker that dies is started again alone
 *   core and keeper live and die together: a new pair is a new epoch
 *   a core that ends with EXIT_LEDGER_STOPPED stays down (a failed fsync is never retried);
 *   its keeper sees the closed pipe and may end first, so the core is let to end by itself
 *
 * A child that is started is connected to each of its neighbours that runs; so
 * whoever comes back gets fresh pipes, and so do those that waited for it.
 *
 * When the home changed and a person said so (SIGHUP), parent_reload.c replaces whom
 * that concerns; what is here then sees retired children end and new ones start.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/builder.h"
#include "gateway/parent.h"
#include "gateway/start.h"

#define RESTART_FIRST_MS   50
#define RESTART_MOST_MS	   5000
#define RESTART_HEALTHY_MS 30000 /* a child that lived so long starts again at RESTART_FIRST_MS */
#define STOP_CORE_MS	   5000	 /* for closing its epochs */
#define PAIR_LEAVES_MS	   5000	 /* for a core without keeper to end with a code of its own */
#define STOP_OTHERS_MS	   2000
static int (*const mains[])(struct process *) = {
	[ROLE_LINK] = link_main,     [ROLE_DESK] = desk_main,	  [ROLE_CORE] = core_main,   [ROLE_KEEPER] = keeper_main,
	[ROLE_READER] = reader_main, [ROLE_WORKER] = worker_main, [ROLE_TRIAL] = trial_main, [ROLE_HOOK] = hook_main,
};

/* Who speaks with whom. */
static const struct {
	enum role a, b;
} neighbours[] = {
	{ROLE_LINK, ROLE_CORE},	  {ROLE_DESK, ROLE_CORE}, {ROLE_DESK, ROLE_READER}, {ROLE_CORE, ROLE_KEEPER},
	{ROLE_CORE, ROLE_WORKER}, {ROLE_HOOK, ROLE_CORE}, {ROLE_HOOK, ROLE_READER},
};

uint64_t parent_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

bool child_is_running(const struct child *c)
{
	return c->pid > 0;
}

/* In use, and not on its way out. */
static bool serves(const struct child *c)
{
	return c->state != CHILD_FREE && c->state != CHILD_RETIRED;
}

struct child *child_of(struct parent *p, enum role role)
{
	for (unsigned i = 0; i < p->nchildren; i++) {
		if (p->child[i].role == role && serves(&p->child[i]))
			return &p->child[i];
	}
	return NULL;
}

void child_say(struct child *c, uint8_t type)
{
	if (c && child_is_running(c) && c->control) {
		(void)pipe_send(c->control, type, BYTES_NONE, -1);
		pipe_flush(c->control);
	}
}

static void child_stop(struct child *c)
{
	if (!c->told_to_stop)
		child_say(c, CONTROL_STOP);
	c->told_to_stop = true;
}

/* ---- pipes between children ---- */

static bool are_neighbours(enum role a, enum role b)
{
	for (size_t i = 0; i < COUNT_OF(neighbours); i++) {
		if ((neighbours[i].a == a && neighbours[i].b == b) || (neighbours[i].a == b && neighbours[i].b == a))
			return true;
	}
	return false;
}

/* u8 role at the other end | u16 which */
static void pipe_hand(struct child *to, const struct child *other, int end)
{
	uint8_t	       payload[3];
	struct builder b = builder_on(payload, sizeof payload);

	build_u8(&b, (uint8_t)other->role);
	build_u16(&b, (uint16_t)other->which);
	(void)pipe_send(to->control, CONTROL_PIPE, builder_bytes(&b), end);
	pipe_flush(to->control);
}

static void children_connect(struct child *a, struct child *b)
{
	int ends[2];

	if (pipe_pair(ends)) {
		journal(LEVEL_ERROR, "pipe", "no pipe between %s and %s: %s", role_name(a->role), role_name(b->role), strerror(errno));
		return;
	}
	pipe_hand(a, b, ends[0]);
	pipe_hand(b, a, ends[1]);
}

static void child_connect_to(struct child *c, enum role role)
{
	struct parent *p = c->parent;

	for (unsigned i = 0; i < p->nchildren; i++) {
		struct child *other = &p->child[i];

		if (other != c && other->role == role && serves(other) && child_is_running(other) && other->control)
			children_connect(c, other);
	}
}

/* In this order a core meets what it cannot work without before a partner can ask it anything. */
static const enum role meeting_order[] = {ROLE_KEEPER, ROLE_WORKER, ROLE_READER, ROLE_DESK, ROLE_HOOK, ROLE_CORE, ROLE_LINK};

static void child_connect(struct child *c)
{
	for (size_t i = 0; i < COUNT_OF(meeting_order); i++) {
		if (are_neighbours(c->role, meeting_order[i]))
			child_connect_to(c, meeting_order[i]);
	}
}

/* ---- starting ---- */

static void child_message(void *arg, uint8_t type, struct bytes payload, int fd);

/* Its end is seen by SIGCHLD; the pipe alone says nothing new. */
static void child_closed(void *arg unused_arg, enum err why unused_arg)
{
}

static void child_run(struct child *c, int control)
{
	struct child_start start = {
		.config = c->role == ROLE_TRIAL ? c->parent->reload.fresh : c->parent->config,
		.role = c->role,
		.which = c->which,
		.control = control,
		.parent = c->parent->pid,
		.main = mains[c->role],
	};

	/* _exit, so that nothing of the parent's runs twice. */
	_exit(process_child(&start));
}

static enum err child_fork(struct child *c, int ends[2])
{
	c->pid = fork();
	if (c->pid == 0)
		child_run(c, ends[1]);
	close(ends[1]);
	if (c->pid < 0) {
		close(ends[0]);
		c->pid = 0;
		return ERR_INTERNAL;
	}
	c->control = pipe_new(c->parent->base, ends[0], child_message, child_closed, c);
	if (c->control)
		return ERR_OK;
	(void)kill(c->pid, SIGKILL); /* SIGCHLD starts it again */
	return ERR_MEMORY;
}

static void child_wait(struct child *c);

void child_start(struct child *c)
{
	int ends[2];

	enum err e = pipe_pair(ends);
	if (!e)
		e = child_fork(c, ends);
	if (e) {
		journal(LEVEL_ERROR, err_name(e), "%s %s does not start: %s", role_name(c->role), c->subject, strerror(errno));
		if (!child_is_running(c))
			child_wait(c);
		return;
	}
	c->state = CHILD_STARTING;
	c->told_to_stop = c->answered = false;
	c->started_ms = parent_now_ms();
	journal(LEVEL_DEBUG, "start", "%s %s is process %d", role_name(c->role), c->subject, (int)c->pid);
	child_connect(c);
	if (c->role == ROLE_DESK && c->parent->ledger_stopped)
		child_say(c, CONTROL_LEDGER_STOPPED);
}

static void restart_due(evutil_socket_t fd unused_arg, short what unused_arg, void *arg)
{
	struct child *c = arg;

	if (c->parent->state != PARENT_RUNS)
		return;
	if (child_is_running(c)) /* a core that did not end with its keeper */
		(void)kill(c->pid, SIGKILL);
	else if (c->state == CHILD_DOWN)
		child_start(c);
}

void timer_set(struct event *timer, unsigned ms)
{
	struct timeval wait = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};

	(void)evtimer_add(timer, &wait);
}

/* Starts it again after a wait that doubles while it keeps dying. */
static void child_wait(struct child *c)
{
	if (parent_now_ms() - c->started_ms >= RESTART_HEALTHY_MS || c->wait_ms == 0)
		c->wait_ms = RESTART_FIRST_MS;
	timer_set(c->restart, c->wait_ms);
	c->wait_ms = c->wait_ms * 2 > RESTART_MOST_MS ? RESTART_MOST_MS : c->wait_ms * 2;
	c->state = CHILD_DOWN;
}

/* ---- ready ---- */

/* A link or worker that cannot be set up (a card or database is missing) must not keep the others from work. */
bool child_settled(const struct child *c)
{
	return !serves(c) || c->state == CHILD_READY || (c->state == CHILD_DOWN && (c->role == ROLE_LINK || c->role == ROLE_WORKER));
}

static void say_ready(struct parent *p)
{
	const struct config *c = p->config;
	char		     api[CONFIG_ADDRESS_MOST + 16] = "off";

	if (p->said_ready)
		return;
	for (unsigned i = 0; i < p->nchildren; i++) {
		if (!child_settled(&p->child[i]))
			return;
	}
	p->said_ready = true;
	notify_ready(&p->notify);
	if (c->api_listen)
		(void)snprintf(api, sizeof api, "%s://%s/v1", c->api_certificate ? "https" : "http", c->api_listen);
	journal(LEVEL_INFO, "ready", "ready, api %s, %s with %u partner%s, %u provider%s", api, c->party, c->npartners, c->npartners == 1 ? "" : "s",
		c->nproviders, c->nproviders == 1 ? "" : "s");
}

static void stop_others(struct parent *p);

static void child_message(void *arg, uint8_t type, struct bytes payload, int fd)
{
	struct child *c = arg;

	if (fd >= 0)
		close(fd);
	if (type == CONTROL_READY && c->state == CHILD_STARTING) {
		c->state = CHILD_READY;
		c->was_ready = true;
		say_ready(c->parent);
		reload_look(c->parent);
	}
	if (type == CONTROL_PONG)
		c->answered = true;
	if (type == CONTROL_PAPERS && c->role == ROLE_CORE)
		reload_ask(c->parent, payload.n == 1 && payload.at[0] == 1);
	if (type == CONTROL_STOPPED && c->role == ROLE_CORE && c->parent->state == PARENT_STOPS_CORE)
		stop_others(c->parent);
}

/* ---- stopping ---- */

static void deadline_set(struct parent *p, unsigned ms)
{
	timer_set(p->deadline, ms);
}

static bool all_gone(const struct parent *p)
{
	for (unsigned i = 0; i < p->nchildren; i++) {
		if (child_is_running(&p->child[i]))
			return false;
	}
	return true;
}

static void leave_when_gone(struct parent *p)
{
	if (p->state != PARENT_RUNS && all_gone(p))
		(void)event_base_loopbreak(p->base);
}

static void kill_all(struct parent *p)
{
	p->state = PARENT_KILLS;
	for (unsigned i = 0; i < p->nchildren; i++) {
		if (child_is_running(&p->child[i]))
			(void)kill(p->child[i].pid, SIGKILL);
	}
	leave_when_gone(p);
}

static void stop_others(struct parent *p)
{
	p->state = PARENT_STOPS_OTHERS;
	for (unsigned i = 0; i < p->nchildren; i++)
		child_stop(&p->child[i]);
	deadline_set(p, STOP_OTHERS_MS);
	leave_when_gone(p);
}

/* The core first, while keeper and links still serve it. */
static void stop_all(struct parent *p)
{
	struct child *core = child_of(p, ROLE_CORE);

	reload_stop(p);
	notify_stopping(&p->notify);
	if (!core || !child_is_running(core)) {
		stop_others(p);
		return;
	}
	p->state = PARENT_STOPS_CORE;
	child_stop(core);
	deadline_set(p, STOP_CORE_MS);
}

static void stop_with(struct parent *p, int exit_code)
{
	if (p->state != PARENT_RUNS)
		return;
	p->exit_code = exit_code;
	stop_all(p);
}

static void deadline_due(evutil_socket_t fd unused_arg, short what unused_arg, void *arg)
{
	struct parent *p = arg;

	if (p->state == PARENT_STOPS_CORE) {
		journal(LEVEL_WARNING, "stop", "the core did not close its epochs in time; the next start begins new ones");
		stop_others(p);
	} else {
		kill_all(p);
	}
}

/* ---- deaths ---- */

static void say_death(const struct child *c, int status)
{
	bool	    expected = c->parent->state != PARENT_RUNS || c->state == CHILD_RETIRED || c->role == ROLE_TRIAL;
	enum level  level = expected ? LEVEL_DEBUG : LEVEL_WARNING;
	const char *gap = *c->subject ? " " : "";

	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		journal(LEVEL_ERROR, "promise", "%s%s%s was killed: it made a system call outside its promise", role_name(c->role), gap, c->subject);
	else if (WIFSIGNALED(status))
		journal(level, "died", "%s%s%s was killed by signal %d", role_name(c->role), gap, c->subject, WTERMSIG(status));
	else
		journal(level, "died", "%s%s%s ended with code %d", role_name(c->role), gap, c->subject, WEXITSTATUS(status));
}

/* W9: a writer that lost a write or an fsync stays down until a person has looked. */
static void ledger_stopped(struct parent *p, struct child *core)
{
	p->ledger_stopped = true;
	core->state = CHILD_ENDED;
	journal(LEVEL_ERROR, "ledger-stopped",
		"the core ended itself and stays down: a write failed or a key is wrong, see its last words; then start mithaq again");
	struct child *keeper = child_of(p, ROLE_KEEPER);
	if (keeper) {
		keeper->state = CHILD_ENDED;
		child_stop(keeper);
	}
	child_say(child_of(p, ROLE_DESK), CONTROL_LEDGER_STOPPED);
}

/*
 * A keeper without core has nothing to say. A core without keeper ends by itself, and
 * with which code decides whether it may start again: its keeper may be gone because
 * the core is ending after a failed fsync.
 */
static void survivor_ends(struct child *survivor)
{
	if (survivor->role == ROLE_KEEPER)
		(void)kill(survivor->pid, SIGKILL);
	else
		timer_set(survivor->restart, PAIR_LEAVES_MS);
}

/* Core and keeper: both start when both are gone. */
static void pair_died(struct parent *p, struct child *dead)
{
	struct child *keeper = child_of(p, ROLE_KEEPER), *core = child_of(p, ROLE_CORE);
	struct child *other = dead == core ? keeper : core;

	if (other == NULL) {
		dead->state = CHILD_DOWN; /* the other is retired: the reload starts both */
		return;
	}
	if (child_is_running(other)) {
		dead->state = CHILD_DOWN;
		survivor_ends(other);
		return;
	}
	/* One timer for both: the keeper's wait comes first, and equal waits fire in the order they were added. */
	child_wait(keeper);
	child_wait(core);
}

/* Before the first ready a child that cannot be set up is a message to whoever started us, not a thing to repeat. */
static bool is_start_failure(const struct child *c, int status)
{
	bool needed = c->role != ROLE_WORKER; /* a provider may come later; a key that others may read, or a port in use, does not mend itself */

	return needed && !c->parent->said_ready && !c->was_ready && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SETUP;
}

static bool is_ledger_stop(const struct child *c, int status)
{
	return c->role == ROLE_CORE && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_LEDGER_STOPPED;
}

static void child_died_running(struct child *c, int status)
{
	struct parent *p = c->parent;

	if (c->state == CHILD_ENDED)
		return;
	if (is_ledger_stop(c, status)) {
		ledger_stopped(p, c);
		reload_core_gone(p);
		say_ready(p);
		return;
	}
	if (c->state == CHILD_RETIRED) {
		reload_retired(p, c);
		return;
	}
	if (c->role == ROLE_TRIAL) {
		child_free(c);
		reload_tried(p, status);
		return;
	}
	if (is_start_failure(c, status))
		stop_with(p, EXIT_SETUP);
	else if (c->role == ROLE_CORE || c->role == ROLE_KEEPER)
		pair_died(p, c);
	else
		child_wait(c);
	if (p->state == PARENT_RUNS)
		say_ready(p);
	reload_look(p);
}

static void child_died(struct child *c, int status)
{
	struct parent *p = c->parent;

	say_death(c, status);
	c->pid = 0;
	pipe_free(c->control);
	c->control = NULL;
	if (p->state == PARENT_RUNS)
		child_died_running(c, status);
	else if (p->state == PARENT_STOPS_CORE && c->role == ROLE_CORE)
		stop_others(p);
	leave_when_gone(p);
}

/* Only our own children are waited for, one by one. */
static void children_reap(struct parent *p)
{
	for (unsigned i = 0; i < p->nchildren; i++) {
		struct child *c = &p->child[i];
		int	      status = 0;

		if (child_is_running(c) && waitpid(c->pid, &status, WNOHANG) == c->pid)
			child_died(c, status);
	}
}

/* ---- signals ---- */

static void stop_asked(struct parent *p)
{
	if (p->state == PARENT_RUNS) {
		journal(LEVEL_INFO, "stop", "stopping");
		stop_with(p, EXIT_STOPPED);
	} else {
		kill_all(p); /* asked twice */
	}
}

static void signal_came(evutil_socket_t fd, short what unused_arg, void *arg)
{
	struct parent	       *p = arg;
	struct signalfd_siginfo info;

	while (read(fd, &info, sizeof info) == (ssize_t)sizeof info) {
		if (info.ssi_signo == SIGCHLD)
			children_reap(p);
		else if (info.ssi_signo == SIGHUP)
			reload_ask(p, true);
		else
			stop_asked(p);
	}
}

/* Signals become bytes on a descriptor: no handler, nothing inherited by a child but the mask, which it clears. */
static enum err signals_open(struct parent *p, sigset_t *before)
{
	sigset_t	 ours;
	struct sigaction ignored = {.sa_handler = SIG_IGN};

	sigemptyset(&ours);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGHUP);
	sigaddset(&ours, SIGCHLD);
	(void)sigaction(SIGPIPE, &ignored, NULL);
	if (sigprocmask(SIG_BLOCK, &ours, before) != 0)
		return ERR_INTERNAL;
	p->signal_fd = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
	p->signals = p->signal_fd >= 0 ? event_new(p->base, p->signal_fd, EV_READ | EV_PERSIST, signal_came, p) : NULL;
	return p->signals && event_add(p->signals, NULL) == 0 ? ERR_OK : ERR_INTERNAL;
}

/* ---- one gateway per data folder ---- */

static void say_locked(int fd, const char *path)
{
	char	text[32] = "";
	ssize_t n = read(fd, text, sizeof text - 1);

	text[n > 0 ? strcspn(text, "\n") : 0] = 0;
	journal(LEVEL_ERROR, "in-use", "another gateway (process %s) uses this data folder: %s", *text ? text : "unknown", path);
}

static enum err pid_write(int fd, pid_t pid)
{
	char text[32];
	int  n = snprintf(text, sizeof text, "%d\n", (int)pid);

	return ftruncate(fd, 0) == 0 && write(fd, text, (size_t)n) == n ? ERR_OK : ERR_FILE;
}

static enum err folder_lock(struct parent *p)
{
	char path[CONFIG_PATH_MOST];

	if (config_data_path(p->config, "mithaq.pid", path))
		return ERR_TOO_LONG;
	if (mkdir(p->config->data, 0700) != 0 && errno != EEXIST) {
		journal(LEVEL_ERROR, "file", "%s: the data folder cannot be made: %s", p->config->data, strerror(errno));
		return ERR_FILE;
	}
	p->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (p->lock_fd < 0) {
		journal(LEVEL_ERROR, "file", "%s: %s", path, strerror(errno));
		return ERR_FILE;
	}
	if (flock(p->lock_fd, LOCK_EX | LOCK_NB) != 0) {
		say_locked(p->lock_fd, path);
		return ERR_EXISTS;
	}
	return pid_write(p->lock_fd, p->pid);
}

/* ---- the whole ---- */

static struct child *slot_find(struct parent *p)
{
	for (unsigned i = 0; i < p->nchildren; i++) {
		if (p->child[i].state == CHILD_FREE)
			return &p->child[i];
	}
	return p->nchildren < CHILDREN_MOST ? &p->child[p->nchildren++] : NULL;
}

struct child *child_add(struct parent *p, enum role role, unsigned which, const char *subject)
{
	struct child *c = slot_find(p);

	if (!c)
		return NULL;
	*c = (struct child){.parent = p, .role = role, .which = which};
	c->restart = evtimer_new(p->base, restart_due, c);
	if (!c->restart)
		return NULL; /* the slot stays free */
	(void)snprintf(c->subject, sizeof c->subject, "%s", subject);
	c->state = CHILD_DOWN;
	return c;
}

void child_free(struct child *c)
{
	pipe_free(c->control);
	if (c->restart)
		event_free(c->restart);
	*c = (struct child){.state = CHILD_FREE};
}

static enum err children_list(struct parent *p)
{
	static struct wanted wanted[WANTED_MOST];
	unsigned	     n = wanted_list(p->config, wanted);

	for (unsigned i = 0; i < n; i++) {
		struct child *c = child_add(p, wanted[i].role, wanted[i].which, wanted[i].subject);

		if (!c)
			return ERR_MEMORY;
		c->mark = wanted_mark(p->config, &wanted[i]);
	}
	return ERR_OK;
}

static enum err parent_open(struct parent *p, sigset_t *before)
{
	p->base = event_base_new();
	if (!p->base)
		return ERR_MEMORY;
	enum err e = folder_lock(p);
	if (e)
		return e;
	p->deadline = evtimer_new(p->base, deadline_due, p);
	if (!p->deadline)
		return ERR_MEMORY;
	e = signals_open(p, before);
	return e ? e : children_list(p);
}

static void parent_done(struct parent *p)
{
	for (unsigned i = 0; i < p->nchildren; i++)
		child_free(&p->child[i]);
	watch_done(p);
	reload_done(p);
	notify_close(&p->notify);
	if (p->signals)
		event_free(p->signals);
	if (p->deadline)
		event_free(p->deadline);
	if (p->base)
		event_base_free(p->base);
	if (p->signal_fd >= 0)
		close(p->signal_fd);
	if (p->lock_fd >= 0)
		close(p->lock_fd); /* and the lock with it; the file stays, empty of a living process */
	free(p);
}

#define PARENT_PROMISE (PROMISE_STDIO | PROMISE_READ | PROMISE_WRITE | PROMISE_INET | PROMISE_ACCEPT | PROMISE_CHILDREN)

static int parent_run(struct parent *p)
{
	enum err e = promise(PARENT_PROMISE, NULL, NULL);

	if (e) {
		journal(LEVEL_ERROR, err_name(e), "%s", err_text(e, LANG_EN));
		return EXIT_SETUP;
	}
	for (unsigned i = 0; i < p->nchildren; i++)
		child_start(&p->child[i]);
	watch_open(p);
	(void)event_base_dispatch(p->base);
	return p->exit_code;
}

int gateway_run(const struct config *config)
{
	sigset_t       before;
	struct parent *p = calloc(1, sizeof *p);

	journal_open("parent", NULL);
	if (!p)
		return EXIT_TROUBLE;
	p->config = config;
	p->pid = getpid();
	notify_open(&p->notify);
	p->signal_fd = p->lock_fd = -1;
	(void)sigprocmask(SIG_SETMASK, NULL, &before);
	enum err e = parent_open(p, &before);
	int	 code = e ? EXIT_SETUP : parent_run(p);
	parent_done(p);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return code;
}
