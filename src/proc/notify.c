/* notify.c: datagrams of "NAME=value" lines to the service manager. */
#include "proc/notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"

/* "/run/systemd/notify", or "@name" for one in the abstract namespace; anything else is nobody's address. */
static bool address_of(const char *name, struct notify *n)
{
	size_t length = strlen(name);

	if ((name[0] != '/' && name[0] != '@') || length < 2 || length >= sizeof n->to.sun_path)
		return false;
	n->to = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(n->to.sun_path, name, length);
	n->n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (name[0] == '/' ? 1 : 0));
	if (name[0] == '@')
		n->to.sun_path[0] = '\0';
	return true;
}

/* A watchdog meant for another process is none of ours. */
static uint64_t watchdog_of(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	uint64_t    us = 0, whose = 0;

	if (usec == NULL || decimal_read(bytes_text(usec), &us) != ERR_OK)
		return 0;
	if (pid != NULL && (decimal_read(bytes_text(pid), &whose) != ERR_OK || whose != (uint64_t)getpid()))
		return 0;
	return us;
}

void notify_open(struct notify *n)
{
	const char *name = getenv("NOTIFY_SOCKET");

	*n = (struct notify){.socket = -1};
	if (name == NULL || !address_of(name, n))
		return;
	n->socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	n->open = n->socket >= 0;
	n->watchdog_us = n->open ? watchdog_of() : 0;
}

void notify_close(struct notify *n)
{
	if (n->open)
		close(n->socket);
	n->open = false;
}

/* Who does not listen is not waited for. */
static void say(const struct notify *n, const char *text)
{
	if (n->open)
		(void)sendto(n->socket, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&n->to, n->n);
}

void notify_ready(const struct notify *n)
{
	say(n, "READY=1");
}

/* The time lets the manager tell this reload's READY=1 from an earlier one's. */
void notify_reloading(const struct notify *n)
{
	struct timespec now;
	char		text[64];

	clock_gettime(CLOCK_MONOTONIC, &now);
	(void)snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%llu",
		       (unsigned long long)now.tv_sec * 1000000 + (unsigned long long)now.tv_nsec / 1000);
	say(n, text);
}

void notify_stopping(const struct notify *n)
{
	say(n, "STOPPING=1");
}

void notify_alive(const struct notify *n)
{
	say(n, "WATCHDOG=1");
}
