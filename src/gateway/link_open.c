/* link_open.c: what a link does before its promise: keys and cards are read, names looked up, its socket listens. */
#include "gateway/link.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <unistd.h>

#include "agreement/card.h"
#include "proc/files.h"

#define TICK_MS		 1000
#define CERTIFICATE_MOST 16384

static bool is_numeric(const char *host)
{
	struct addrinfo	 hints = {.ai_flags = AI_NUMERICHOST};
	struct addrinfo *found = NULL;
	int		 failed = getaddrinfo(host, NULL, &hints, &found);

	if (found)
		freeaddrinfo(found);
	return failed == 0;
}

static void addresses_take(struct link *l, const struct addrinfo *found)
{
	for (; found && l->naddresses < LINK_ADDRESSES_MOST; found = found->ai_next) {
		struct address *to = &l->addresses[l->naddresses];

		if (found->ai_addrlen > sizeof to->at)
			continue;
		memcpy(&to->at, found->ai_addr, found->ai_addrlen);
		to->n = found->ai_addrlen;
		l->naddresses++;
	}
}

/* A name that does not resolve is a failed attempt, not an end: it is said, and tried again by a new process. */
static void addresses_find(struct link *l)
{
	char		 host[CONFIG_ADDRESS_MOST], service[8];
	struct addrinfo	 hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	struct addrinfo *found = NULL;

	if (!l->partner->dial || address_split(l->partner->dial, host, &l->port))
		return;
	(void)snprintf(service, sizeof service, "%u", l->port);
	l->host_is_name = !is_numeric(host);
	if (!l->host_is_name)
		hints.ai_flags = AI_NUMERICSERV | AI_NUMERICHOST;
	int failed = getaddrinfo(host, service, &hints, &found);
	if (failed)
		(void)snprintf(l->unresolved, sizeof l->unresolved, "the name %.80s has no address: %.50s", host, gai_strerror(failed));
	addresses_take(l, found);
	if (found)
		freeaddrinfo(found);
}

static enum err say_file(const char *path, const struct fault *fault)
{
	char line[512];

	fault_print(fault, path, LANG_EN, line, sizeof line);
	journal(LEVEL_ERROR, err_name(fault->err), "%s", line);
	return fault->err;
}

static enum err read_below(const struct config *config, const char *name, char path[CONFIG_PATH_MOST], struct buffer *out)
{
	struct fault fault;
	enum err     e = config_path(config, name, path);

	if (!e)
		e = file_read(path, out);
	if (!e)
		return ERR_OK;
	(void)fault_at(&fault, e, 0, NULL, strerror(errno), NULL, NULL);
	return say_file(path, &fault);
}

static enum err card_load(const struct link *l, struct card *out)
{
	char	      name[CONFIG_PATH_MOST], path[CONFIG_PATH_MOST];
	struct buffer text = {.most = CARD_MOST};
	struct fault  fault = {.err = ERR_OK};

	(void)snprintf(name, sizeof name, "partners/%s.card", l->partner->name);
	enum err e = read_below(l->process->config, name, path, &text);
	if (e) {
		journal(LEVEL_ERROR, "card", "the card of %s is needed: mithaq partner add", l->partner->name);
	} else {
		e = card_read(buffer_bytes(&text), out, &fault);
		if (e)
			(void)say_file(path, &fault);
	}
	buffer_done(&text);
	return e;
}

/*
 * What we may show, in this order: the identity in use, the one that comes after it and
 * the one before it. Whoever holds an older card of ours refuses some of them, and is
 * shown the next (net/link_tls.h). The second and third are there while keys change.
 */
static const struct {
	const char *key, *certificate;
} identities[] = {
	{"keys/tls.key", "keys/tls.pem"},
	{"keys/tls.next.key", "keys/tls.next.pem"},
	{"keys/tls.old.key", "keys/tls.old.pem"},
};

static enum err tls_open(struct link *l, const struct card *card, const struct sign_key *key, const char *name)
{
	char	      path[CONFIG_PATH_MOST];
	struct buffer certificate = {.most = CERTIFICATE_MOST};
	enum err      e = read_below(l->process->config, name, path, &certificate);

	if (!e && l->tls)
		e = link_tls_add(l->tls, key, buffer_bytes(&certificate));
	else if (!e)
		e = link_tls_new(key, buffer_bytes(&certificate), card->tls, card->ntls, &l->tls);
	if (e && certificate.n > 0)
		journal(LEVEL_ERROR, err_name(e), "%s does not go with its key: %s", path, err_text(e, LANG_EN));
	buffer_done(&certificate);
	return e;
}

static enum err identity_load(struct link *l, const struct card *card, unsigned i)
{
	char		path[CONFIG_PATH_MOST];
	struct sign_key key = {.secret = {0}};
	struct fault	fault = {.err = ERR_OK};
	enum err	e = config_path(l->process->config, identities[i].key, path);

	if (e)
		return e;
	if (i > 0 && access(path, F_OK) != 0)
		return ERR_OK;
	e = key_file_read(path, &key, &fault);
	if (e)
		(void)say_file(path, &fault);
	else
		e = tls_open(l, card, &key, identities[i].certificate);
	sign_key_done(&key);
	return e;
}

static enum err tls_load(struct link *l)
{
	struct card card;
	enum err    e = card_load(l, &card);

	if (!e)
		e = identity_load(l, &card, 0);
	for (unsigned i = 1; !e && i < COUNT_OF(identities); i++)
		(void)identity_load(l, &card, i); /* it said what is wrong; the first goes without it */
	return e;
}

static enum err listen_open(struct link *l)
{
	struct sockaddr_storage at;
	int			n = (int)sizeof at;
	unsigned		how = LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE | LEV_OPT_DISABLED;

	if (!l->partner->listen)
		return ERR_OK;
	if (evutil_parse_sockaddr_port(l->partner->listen, (struct sockaddr *)&at, &n) != 0)
		return ERR_VALUE;
	l->listener = evconnlistener_new_bind(l->process->base, link_came_in, l, how, -1, (struct sockaddr *)&at, n);
	if (l->listener)
		return ERR_OK;
	journal(LEVEL_ERROR, "listen", "cannot listen on %s: %s", l->partner->listen, strerror(errno));
	return ERR_NETWORK;
}

static enum err timers_open(struct link *l)
{
	struct event_base *base = l->process->base;
	struct timeval	   second = {.tv_sec = TICK_MS / 1000};

	l->dial = evtimer_new(base, link_dial_due, l);
	l->stop = evtimer_new(base, link_stop_due, l);
	l->tick = event_new(base, -1, EV_PERSIST, link_tick_due, l);
	return l->dial && l->stop && l->tick && event_add(l->tick, &second) == 0 ? ERR_OK : ERR_MEMORY;
}

enum err link_open(struct link *l)
{
	enum err e = tls_load(l);

	if (!e)
		e = listen_open(l);
	if (!e)
		e = timers_open(l);
	if (!e)
		addresses_find(l);
	return e;
}
