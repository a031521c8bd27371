/*
 * promise.h: what a process may still do, said once, before it reads a foreign byte.
 *
 * promise() applies no_new_privs, a Landlock rule set (files and, where the kernel
 * has it, TCP ports) and a seccomp table, in that order, and fails closed: when
 * any of them cannot be applied it returns ERR_SANDBOX and the caller exits. A
 * forbidden call kills the process. It cannot be taken back.
 */
#ifndef MITHAQ_PROC_PROMISE_H
#define MITHAQ_PROC_PROMISE_H

#include <stdint.h>

#include "base/error.h"

enum promise {
	PROMISE_STDIO = 1 << 0,	   /* memory, clocks, read and write on what is open, event loop, pass descriptors */
	PROMISE_READ = 1 << 1,	   /* open the paths named, for reading */
	PROMISE_WRITE = 1 << 2,	   /* open, create, rename, unlink, lock and sync below the paths named for writing */
	PROMISE_INET = 1 << 3,	   /* create TCP sockets, connect to the ports named, accept on sockets already listening; bind nothing */
	PROMISE_ACCEPT = 1 << 4,   /* accept on sockets already listening */
	PROMISE_CHILDREN = 1 << 5, /* fork, wait, kill: the parent only */
};

struct promise_path {
	const char *path; /* a file or a folder that exists now; NULL ends the list */
	int	    write;
};

/*
 * `paths` and `ports` may be NULL: none. `ports` are the TCP ports that may be connected
 * to, ended by 0. Before Linux 6.7 (Landlock 4) there is no rule for ports: there the
 * promise is made all the same, and every port can be connected to. A gateway that did
 * not run there would protect nobody, and nothing else of the promise depends on it.
 *
 * Sanitizer builds (MITHAQ_SANITIZED) do nothing and return ERR_OK.
 */
enum err promise(unsigned what, const struct promise_path *paths, const uint16_t *ports) must_use;

/* True when this build can confine (so that tests can say why they skip). */
int promise_available(void);
int promise_ports_available(void); /* and can tell one port from another */

#endif
