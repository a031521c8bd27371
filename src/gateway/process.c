/* process.c: what every child shares, from the fork to its exit code. */
#include "gateway/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cursor.h"
#include "gateway/start.h"

const char *role_name(enum role role)
{
	switch (role) {
	case ROLE_PARENT:
		return "parent";
	case ROLE_LINK:
		return "link";
	case ROLE_DESK:
		return "desk";
	case ROLE_CORE:
		return "core";
	case ROLE_KEEPER:
		return "keeper";
	case ROLE_READER:
		return "reader";
	case ROLE_WORKER:
		return "worker";
	case ROLE_TRIAL:
		return "trial";
	case ROLE_HOOK:
		return "hook";
	}
	return "unknown";
}

/* ---- the control pipe ---- */

static void hear_pipe(struct process *p, struct bytes payload, int fd)
{
	struct cursor c = cursor_on(payload);
	uint8_t	      role = cursor_u8(&c);
	uint16_t      which = cursor_u16(&c);

	if (fd < 0 || cursor_end(&c) || role > ROLE_HOOK || !p->on_peer) {
		if (fd >= 0)
			close(fd);
		return;
	}
	p->on_peer(p, (enum role)role, which, fd);
}

static void hear_certificate(struct process *p, struct bytes payload, int fd)
{
	struct cursor c = cursor_on(payload);
	uint8_t	      part = cursor_u8(&c);

	if (fd >= 0 && cursor_end(&c) == ERR_OK && part <= CERTIFICATE_KEY && p->on_certificate)
		p->on_certificate(p, (enum certificate_part)part, fd);
	else if (fd >= 0)
		close(fd);
}

static void hear_word(struct process *p, process_word_fn *word)
{
	if (word)
		word(p);
}

static void hear_stop(struct process *p, process_word_fn *word)
{
	if (word)
		word(p);
	else
		process_leave(p, EXIT_STOPPED);
}

/* That the answer leaves shows that the loop turns. */
static void hear_ping(struct process *p)
{
	(void)pipe_send(p->control, CONTROL_PONG, BYTES_NONE, -1);
	pipe_flush(p->control);
}

static void control_message(void *arg, uint8_t type, struct bytes payload, int fd)
{
	struct process *p = arg;

	if (type == CONTROL_PIPE) {
		hear_pipe(p, payload, fd);
		return;
	}
	if (type == CONTROL_CERTIFICATE) {
		hear_certificate(p, payload, fd);
		return;
	}
	if (fd >= 0)
		close(fd);
	if (type == CONTROL_STOP)
		hear_stop(p, p->on_stop);
	else if (type == CONTROL_LEAVE)
		hear_stop(p, p->on_leave ? p->on_leave : p->on_stop);
	else if (type == CONTROL_PING)
		hear_ping(p);
	else if (type == CONTROL_RELOAD)
		hear_word(p, p->on_reload);
	else if (type == CONTROL_LEDGER_STOPPED)
		hear_word(p, p->on_ledger_stopped);
}

static void control_closed(void *arg, enum err why unused_arg)
{
	process_leave(arg, EXIT_ORPHAN);
}

/* ---- the loop ---- */

void process_leave(struct process *p, int exit_code)
{
	if (!p->leaving)
		p->exit_code = exit_code;
	p->leaving = true;
	p->again = true; /* a pass that has nothing to wait for ends at once */
}

void process_papers(struct process *p, bool whole)
{
	uint8_t payload = whole;

	(void)pipe_send(p->control, CONTROL_PAPERS, bytes_of(&payload, 1), -1);
	pipe_flush(p->control);
}

void process_stopped(struct process *p)
{
	(void)pipe_send(p->control, CONTROL_STOPPED, BYTES_NONE, -1);
	process_leave(p, EXIT_STOPPED);
}

void process_again(struct process *p)
{
	p->again = true;
}

/* One pass handles every event that is there; then the process takes its turn, and only then sleeps. */
static void process_turn(struct process *p)
{
	int flags = EVLOOP_ONCE | (p->again ? EVLOOP_NONBLOCK : 0);

	p->again = false;
	if (event_base_loop(p->base, flags) < 0) {
		journal(LEVEL_ERROR, "loop", "the event loop failed: %s", strerror(errno));
		process_leave(p, EXIT_TROUBLE);
		return;
	}
	if (!p->leaving)
		hear_word(p, p->on_turn);
}

int process_run(struct process *p, unsigned promises, const struct promise_path *paths)
{
	enum err e = promise(promises, paths, p->ports);

	if (e) {
		journal(LEVEL_ERROR, err_name(e), "%s: Linux 5.13 or later with Landlock is needed (%s)", err_text(e, LANG_EN), strerror(errno));
		return EXIT_SETUP;
	}
	(void)pipe_send(p->control, CONTROL_READY, BYTES_NONE, -1);
	pipe_flush(p->control);
	while (!p->leaving)
		process_turn(p);
	pipe_flush(p->control);
	return p->exit_code;
}

/* ---- from the fork to main ---- */

/* A core file of a process that holds keys would hold them too; nor may another process of ours look inside. */
static void process_guard(enum role role)
{
	struct rlimit none = {0, 0};

	(void)setrlimit(RLIMIT_CORE, &none);
	if (role == ROLE_KEEPER || role == ROLE_LINK)
		(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

static void signals_reset(void)
{
	struct sigaction plain = {.sa_handler = SIG_DFL};
	struct sigaction ignored = {.sa_handler = SIG_IGN};
	sigset_t	 none;

	for (int number = 1; number < SIGRTMIN; number++)
		(void)sigaction(number, &plain, NULL);
	(void)sigaction(SIGPIPE, &ignored, NULL);
	/* Ctrl-C and a service manager's stop reach the whole group; the parent alone decides the order of stopping. */
	(void)sigaction(SIGINT, &ignored, NULL);
	(void)sigaction(SIGTERM, &ignored, NULL);
	(void)sigaction(SIGHUP, &ignored, NULL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Standard input becomes nothing, standard output and error stay, `control` stays, all else closes. */
static void descriptors_close(int control)
{
	int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (nothing > STDIN_FILENO)
		(void)dup2(nothing, STDIN_FILENO);
	if (control > STDERR_FILENO + 1)
		(void)close_range(STDERR_FILENO + 1, (unsigned)control - 1, 0);
	(void)close_range((unsigned)control + 1, ~0u, 0);
}

/* The parent may die between fork and this line; then nobody would tell us. */
static bool parent_follow(int parent)
{
	return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && getppid() == parent;
}

static void name_set(enum role role)
{
	char name[16];

	(void)snprintf(name, sizeof name, "mq-%s", role_name(role));
	(void)prctl(PR_SET_NAME, name, 0, 0, 0);
}

static const char *journal_partner(const struct child_start *start)
{
	const struct config *c = start->config;

	if (start->role == ROLE_LINK)
		return c->partner[start->which].name;
	return start->role == ROLE_WORKER ? c->provider[start->which].clause : NULL;
}

/* Pipes turn their wish to write on and off within one pass; gathered, most of that costs no system call. */
static struct event_base *base_new(void)
{
	struct event_config *how = event_config_new();

	if (how == NULL)
		return NULL;
	event_config_set_flag(how, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
	struct event_base *base = event_base_new_with_config(how);
	event_config_free(how);
	return base;
}

static int process_main(struct process *p, const struct child_start *start)
{
	umask(077); /* whatever this process makes is its own */
	if (crypto_start()) {
		journal(LEVEL_ERROR, "crypto", "the cryptographic library does not start");
		return EXIT_SETUP;
	}
	p->base = base_new();
	p->control = p->base ? pipe_new(p->base, start->control, control_message, control_closed, p) : NULL;
	if (!p->control) {
		journal(LEVEL_ERROR, "memory", "no memory for the event loop");
		return EXIT_TROUBLE;
	}
	return start->main(p);
}

int process_child(const struct child_start *start)
{
	struct process p = {.config = start->config, .role = start->role, .which = start->which};

	if (!parent_follow(start->parent))
		return EXIT_ORPHAN;
	name_set(start->role);
	process_guard(start->role);
	signals_reset();
	descriptors_close(start->control);
	journal_open(role_name(start->role), journal_partner(start));
	int code = process_main(&p, start);
	pipe_free(p.control);
	if (p.base)
		event_base_free(p.base);
	return code;
}
