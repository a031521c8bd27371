/*
 * parent.h: the process that starts all others. Private to parent*.c.
 *
 *	parent.c	children: starting, connecting, deaths, stopping; signals
 *	parent_reload.c	SIGHUP: what changed in the home, and who is replaced for it
 *	parent_watch.c	what the service manager is told
 *
 * A child stands in a slot that never moves. What it is goes by its role and its
 * `subject` (the partner of a link, the clause of a worker); `which`, its number in
 * the configuration, changes when a reload brings another configuration, and the
 * child itself keeps the configuration with which it was forked.
 */
#ifndef MITHAQ_GATEWAY_PARENT_H
#define MITHAQ_GATEWAY_PARENT_H

#include "crypto/hash.h"
#include "gateway/gateway.h"
#include "proc/notify.h"

#define FIXED_CHILDREN 6 /* keeper, core, reader, desk, hook, trial */
#define WANTED_MOST    (FIXED_CHILDREN + CONFIG_PARTNERS_MOST + CONFIG_PROVIDERS_MOST)
#define CHILDREN_MOST  (2 * WANTED_MOST) /* after a reload the old ones may still be ending */

enum child_state {
	CHILD_FREE,	/* the slot is empty */
	CHILD_DOWN,	/* not started yet, or waiting to be started again */
	CHILD_STARTING, /* forked, not ready */
	CHILD_READY,
	CHILD_ENDED,   /* stays down */
	CHILD_RETIRED, /* told to end; the slot is empty when it did */
};

struct parent;

struct child {
	struct parent	*parent;
	enum role	 role;
	unsigned	 which;
	char		 subject[CONFIG_ADDRESS_MOST];
	struct hash	 mark; /* of the files that it read, or will read, at its start */
	enum child_state state;
	bool		 was_ready;    /* once */
	bool		 told_to_stop; /* saying it twice would confuse a core that is closing */
	bool		 answered;     /* the last CONTROL_PING */
	pid_t		 pid;
	struct pipe	*control;
	struct event	*restart;
	uint64_t	 started_ms;
	unsigned	 wait_ms; /* the next wait before it is started again */
};

enum parent_state { PARENT_RUNS, PARENT_STOPS_CORE, PARENT_STOPS_OTHERS, PARENT_KILLS };

enum reload_phase {
	RELOAD_NONE,
	RELOAD_TRIES,  /* the trial reads the new papers and keys; everybody works */
	RELOAD_LEAVES, /* the core ends its epochs; the desk keeps its callers */
	RELOAD_STARTS, /* who was replaced is starting */
};

struct reload {
	enum reload_phase phase;
	bool		  again;     /* asked once more meanwhile */
	bool		  keep_core; /* CONTROL_PAPERS without `whole`: the core knows the papers, it brought them */
	struct config	 *fresh;     /* until it takes the place of parent.config */
	struct event	 *deadline;
	uint64_t	  began_ms;
};

struct parent {
	const struct config *config;
	struct config	    *owned; /* config, when it came by a reload */
	struct event_base   *base;
	struct event	    *signals, *deadline, *watch;
	enum parent_state    state;
	struct reload	     reload;
	struct notify	     notify;
	bool		     said_ready, ledger_stopped;
	int		     exit_code;
	int		     signal_fd, lock_fd;
	pid_t		     pid;
	unsigned	     nchildren; /* slots that were ever used */
	struct child	     child[CHILDREN_MOST];
};

/* ---- parent.c ---- */

uint64_t parent_now_ms(void);
bool	 child_is_running(const struct child *c);
/* The one that serves in this role, or NULL. */
struct child *child_of(struct parent *p, enum role role);
/* A new child in a slot of its own, not started: NULL when there is no room. */
struct child *child_add(struct parent *p, enum role role, unsigned which, const char *subject);
void	      child_start(struct child *c);
void	      child_say(struct child *c, uint8_t type);
void	      child_free(struct child *c); /* one that does not run */
bool	      child_settled(const struct child *c);
void	      timer_set(struct event *timer, unsigned ms);

/* ---- parent_reload.c ---- */

/* One that a configuration asks for. */
struct wanted {
	enum role   role;
	unsigned    which;
	const char *subject;
};
/* Everybody that this configuration asks for, in the order of the first start. Returns how many. */
unsigned    wanted_list(const struct config *config, struct wanted out[WANTED_MOST]);
struct hash wanted_mark(const struct config *config, const struct wanted *w);

void reload_ask(struct parent *p, bool whole);
void reload_tried(struct parent *p, int status); /* the trial ended */
void reload_core_gone(struct parent *p);
void reload_retired(struct parent *p, struct child *c); /* it ended */
void reload_look(struct parent *p);			/* somebody became ready, or cannot */
void reload_stop(struct parent *p);			/* the gateway stops */
void reload_done(struct parent *p);			/* its memory */
int  trial_main(struct process *p);

/* ---- parent_certificate.c ---- */

/* Hands the desk the files of the api's certificate as they are now; CONTROL_RELOAD follows. */
void certificate_hand(struct child *desk);

/* ---- parent_watch.c ---- */

void watch_open(struct parent *p);
void watch_done(struct parent *p);

#endif
