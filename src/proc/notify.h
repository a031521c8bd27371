/*
 * notify.h: what a service manager is told: sd_notify(3), by hand.
 *
 * One datagram per message to the Unix socket that $NOTIFY_SOCKET names: a path, or
 * '@' and an abstract name. Without the variable nobody is told anything and nothing
 * fails. The socket is made by notify_open, so that it is there before a promise.
 */
#ifndef MITHAQ_PROC_NOTIFY_H
#define MITHAQ_PROC_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct notify {
	bool		   open;
	int		   socket;
	struct sockaddr_un to;
	socklen_t	   n;
	uint64_t	   watchdog_us; /* 0: no watchdog is asked for */
};

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID. */
void notify_open(struct notify *n);
void notify_close(struct notify *n); /* accepts one zeroed */

void notify_ready(const struct notify *n);
void notify_reloading(const struct notify *n);
void notify_stopping(const struct notify *n);
void notify_alive(const struct notify *n); /* WATCHDOG=1 */

#endif
