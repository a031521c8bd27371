/*
 * process.h: what every child of a gateway shares: its control pipe, the pipes
 * to other processes that arrive over it, ready, stop, reload, and the loop.
 *
 * The parent forks without exec, so a child inherits the parsed configuration.
 * Before <role>_main is called, descriptors it does not need are closed, signals
 * are reset, the journal is named, crypto_start() has succeeded, and `base` and
 * `control` exist. A main then reads like this:
 *
 *	int reader_main(struct process *p)
 *	{
 *		struct reader r = {.process = p};
 *
 *		p->self    = &r;
 *		p->on_peer = reader_peer;
 *		... open files ...
 *		int code = process_run(p, PROMISE_STDIO | PROMISE_READ, paths);
 *		... free what was made ...
 *		return code;
 *	}
 *
 * process_run() confines the process (promise), says CONTROL_READY, and turns the
 * loop until process_leave(). When the parent is gone the loop ends with EXIT_ORPHAN.
 */
#ifndef MITHAQ_GATEWAY_PROCESS_H
#define MITHAQ_GATEWAY_PROCESS_H

#include <event2/event.h>

#include "gateway/messages.h"
#include "proc/config.h"
#include "proc/journal.h"
#include "proc/pipe.h"
#include "proc/promise.h"

/* What a child's exit tells the parent. */
enum {
	EXIT_STOPPED = 0,	  /* it was asked to */
	EXIT_TROUBLE = 1,	  /* restarted, with backoff */
	EXIT_SETUP = 70,	  /* it cannot start: key, file or sandbox; before the first ready the whole gateway ends */
	EXIT_ORPHAN = 71,	  /* the parent is gone */
	EXIT_LEDGER_STOPPED = 75, /* core only: a write or fsync failed (W9); never restarted by itself */
};

struct process;

/* A pipe to another process came: the first one, or a fresh one because that process was restarted.
 * The callee owns `fd` (pipe_new takes it) and frees the pipe it had to the same role and number.
 * Whatever was under way on the old pipe is lost; a fresh one begins with nothing. */
typedef void process_peer_fn(struct process *p, enum role role, unsigned which, int fd);
typedef void process_word_fn(struct process *p);
typedef void process_certificate_fn(struct process *p, enum certificate_part part, int fd); /* the callee owns `fd` */

struct process {
	const struct config *config;
	enum role	     role;
	unsigned	     which; /* ROLE_LINK: number of the partner; ROLE_WORKER: of the provider; otherwise 0 */
	struct event_base   *base;
	struct pipe	    *control;

	/* Set by the child's main before process_run. Any but on_peer may be NULL. */
	void		       *self;
	process_peer_fn	       *on_peer;
	process_word_fn	       *on_stop;	   /* CONTROL_STOP; NULL: leaves at once. Whoever sets it calls process_leave when done. */
	process_word_fn	       *on_leave;	   /* CONTROL_LEAVE: as on_stop, and somebody follows; NULL: as CONTROL_STOP (core, link) */
	process_word_fn	       *on_reload;	   /* CONTROL_RELOAD: read the tokens again (desk) */
	process_word_fn	       *on_ledger_stopped; /* CONTROL_LEDGER_STOPPED: the core ended itself and stays down (desk) */
	process_certificate_fn *on_certificate;	   /* CONTROL_CERTIFICATE (desk) */
	process_word_fn	       *on_turn;	   /* after each pass of the loop, before it sleeps: the core's turn */
	const uint16_t	       *ports;		   /* PROMISE_INET: the TCP ports that may be dialled, ended by 0; NULL: none */

	/* process.c's own */
	bool leaving, again;
	int  exit_code;
};

/* promise(), CONTROL_READY, loop. Returns the exit code for main to return. `paths` may be NULL. */
int process_run(struct process *p, unsigned promises, const struct promise_path *paths);

/* Ends the loop after this pass; queued bytes of `control` are flushed. Call it from any callback. */
void process_leave(struct process *p, int exit_code);

/* Core -> parent: papers were stored; `whole`: as if SIGHUP had come, this process's successor reads them. */
void process_papers(struct process *p, bool whole);

/* Core: every epoch is closed in order; sends CONTROL_STOPPED and leaves with EXIT_STOPPED. */
void process_stopped(struct process *p);

/* The event-loop pass is not to sleep: on_turn will be called again at once. */
void process_again(struct process *p);

const char *role_name(enum role role); /* "parent", "link", ... */

#endif
