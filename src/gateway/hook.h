/*
 * hook.h: the process that tells webhooks what happened. Private to hook*.c.
 *
 * It has two pipes and the sockets it dials: events come from the reader, what was told is
 * said to the core, which keeps it in the ledger. So it opens no file and stores nothing,
 * and a webhook that is down for days grows nothing here: its place stays where it was.
 *
 * Each webhook is told one event after another, the next when it has taken the one before:
 * the order is kept and each is told at least once. What was forgotten meanwhile is told as
 * one `events.lost`, like everything else that comes from the reader.
 *
 * hook.c        the process: places, reader, core
 * hook_open.c   what is read and looked up before the promise
 * hook_post.c   one event on its way: the request, its signature, trying again
 */
#ifndef MITHAQ_GATEWAY_HOOK_H
#define MITHAQ_GATEWAY_HOOK_H

#include <event2/http.h>
#include <sys/socket.h>

#include "gateway/gateway.h"
#include "provider/credential.h"

#define HOOK_SECRET_LEAST   16
#define HOOK_HOST_MOST	    CONFIG_ADDRESS_MOST
#define HOOK_SIGNATURE_TEXT (2 + 20 + 4 + 2 * HASH_SIZE + 1)

struct hooks;

struct hook {
	struct hooks		    *all;
	unsigned		     number; /* in the configuration */
	const struct config_webhook *config;
	struct hash		     name; /* of its mark in the ledger */
	char			     secret[CREDENTIAL_MOST + 1];
	uint32_t		     types;
	/* where it is */
	char			  authority[HOOK_HOST_MOST]; /* as the URL writes it */
	const char		 *target;		     /* the URL from its path on */
	char			  address[64];		     /* numbers; empty: the name was not found */
	uint16_t		  port;
	bool			  host_is_name;
	struct evhttp_connection *connection;
	/* how far it is */
	bool	     known; /* where it was, or began */
	bool	     fresh; /* to be looked up whatever the core says */
	bool	     asked; /* a question is at the reader */
	uint64_t     told;  /* the number of the last event that it took */
	uint64_t     saved; /* the same, as the core was told; NEWS_NOW: nothing yet */
	uint64_t     read;  /* how far the reader showed */
	uint64_t     looked, asked_newest;
	unsigned     n, at; /* of the queue: events not taken yet are at .. n - 1 */
	struct news *queue; /* READER_EVENTS_MOST */
	/* trying */
	bool	      sending;
	struct event *again, *save;
	unsigned      wait_ms, failures;
	char	      said[96]; /* the failure that was journalled last */
};

struct hooks {
	struct process *process;
	struct pipe    *core, *reader;
	uint64_t	newest; /* as the core said last */
	unsigned	n;
	struct hook    *hook;
	uint16_t	ports[CONFIG_WEBHOOKS_MOST + 1];
};

/* hook_open.c */
enum err hooks_open(struct hooks *all) must_use; /* says its trouble in the journal */
void	 hooks_done(struct hooks *all);
/* "http://host:port/path" in its parts; ERR_VALUE. `target` points into `url`. */
enum err hook_url_read(const char *url, char authority[HOOK_HOST_MOST], char host[HOOK_HOST_MOST], uint16_t *port, const char **target) must_use;

/* hook.c */
void hook_turn(struct hook *h); /* the next thing there is to do for it, if any */
void hook_timer_set(struct event *timer, unsigned ms);
void hook_save_due(evutil_socket_t fd, short what, void *arg);

/* hook_post.c */
void hook_post(struct hook *h);
/* "t=SECONDS,v1=HEX": HMAC-SHA256 over "SECONDS.BODY". */
void hook_sign(struct bytes secret, uint64_t seconds, struct bytes body, char out[HOOK_SIGNATURE_TEXT + 1]);

#endif
