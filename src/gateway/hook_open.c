/* hook_open.c: what the hook process reads and looks up before its promise. */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/secret.h"
#include "gateway/hook.h"

#define ANSWER_TIMEOUT_S 10
#define ANSWER_HEAD_MOST 16384
#define ANSWER_BODY_MOST 65536 /* it is not looked at */
#define MARK_WORD	 "mithaq/hook/v1\n"

/* ---- the address ---- */

static bool visible(const char *v)
{
	for (; *v != '\0'; v++)
		if (*v < 0x21 || *v > 0x7e)
			return false;
	return true;
}

enum err hook_url_read(const char *url, char authority[HOOK_HOST_MOST], char host[HOOK_HOST_MOST], uint16_t *port, const char **target)
{
	static const char scheme[] = "http://";
	char		  text[HOOK_HOST_MOST], address[HOOK_HOST_MOST + 4];

	if (strncmp(url, scheme, sizeof scheme - 1) != 0 || !visible(url) || strchr(url, '#') != NULL)
		return ERR_VALUE;
	const char *at = url + sizeof scheme - 1;
	size_t	    n = strcspn(at, "/");
	if (at[n] != '/' || n == 0 || n >= sizeof text || memchr(at, '@', n) != NULL)
		return ERR_VALUE;
	memcpy(text, at, n);
	text[n] = '\0';
	const char *bracket = strrchr(text, ']'), *colon = strrchr(text, ':');
	bool	    has_port = colon != NULL && (bracket == NULL || colon > bracket);
	(void)snprintf(address, sizeof address, "%s%s", text, has_port ? "" : ":80");
	enum err e = strlen(address) < CONFIG_ADDRESS_MOST ? address_split(address, host, port) : ERR_VALUE;
	if (e != ERR_OK)
		return e;
	memcpy(authority, text, n + 1);
	*target = at + n;
	return ERR_OK;
}

static bool address_take(struct hook *h, const char *host, int flags)
{
	struct addrinfo	 hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags};
	struct addrinfo *found = NULL;

	if (getaddrinfo(host, NULL, &hints, &found) != 0)
		return false;
	if (getnameinfo(found->ai_addr, found->ai_addrlen, h->address, sizeof h->address, NULL, 0, NI_NUMERICHOST) != 0)
		h->address[0] = '\0';
	freeaddrinfo(found);
	return h->address[0] != '\0';
}

/* A name that is not found is a failed attempt, not an end: it is said, and tried again by a new process. */
static enum err place_find(struct hook *h)
{
	char	 host[HOOK_HOST_MOST];
	enum err e = hook_url_read(h->config->url, h->authority, host, &h->port, &h->target);

	if (e != ERR_OK) {
		journal(LEVEL_ERROR, err_name(e), "mithaq.yaml:%u: a webhook is http://host:port/path, without user, fragment or spaces",
			h->config->line);
		return e;
	}
	h->host_is_name = !address_take(h, host, AI_NUMERICHOST);
	if (h->host_is_name && !address_take(h, host, 0))
		return ERR_OK;
	h->connection = evhttp_connection_base_new(h->all->process->base, NULL, h->address, h->port);
	if (h->connection == NULL)
		return ERR_MEMORY;
	evhttp_connection_set_family(h->connection, strchr(h->address, ':') != NULL ? AF_INET6 : AF_INET);
	evhttp_connection_set_timeout(h->connection, ANSWER_TIMEOUT_S);
	evhttp_connection_set_max_headers_size(h->connection, ANSWER_HEAD_MOST);
	evhttp_connection_set_max_body_size(h->connection, ANSWER_BODY_MOST);
	return ERR_OK;
}

/* ---- what it is told, and by which secret ---- */

static enum err types_find(struct hook *h)
{
	h->types = h->config->ntypes == 0 ? NEWS_ALL : news_bit(NEWS_LOST);
	for (unsigned i = 0; i < h->config->ntypes; i++) {
		enum news_type type;
		enum err       e = news_type_read(bytes_text(h->config->type[i]), &type);

		if (e != ERR_OK) {
			journal(LEVEL_ERROR, err_name(e), "mithaq.yaml:%u: no event is called %s", h->config->line, h->config->type[i]);
			return e;
		}
		h->types |= news_bit(type);
	}
	return ERR_OK;
}

static enum err secret_find(struct hook *h)
{
	struct fault fault = {.err = ERR_OK};
	char	     line[900];
	enum err     e = credential_read(h->all->process->config, h->config->secret, h->secret, &fault);

	if (e == ERR_OK && strlen(h->secret) < HOOK_SECRET_LEAST)
		e = fault_at(&fault, ERR_VALUE, 0, h->config->secret, "", "a webhook's secret has 16 characters or more",
			     "سر الخطاف 16 حرفًا على الأقل");
	if (e == ERR_OK)
		return ERR_OK;
	fault_print(&fault, "credentials", LANG_EN, line, sizeof line);
	journal(LEVEL_ERROR, err_name(e), "%s", line);
	return e;
}

/* The mark is found again when the list is put in another order, and not by who reads the ledger alone: a URL may hold a key. */
static struct hash mark_name(const char *url)
{
	struct bytes pieces[] = {bytes_text(MARK_WORD), bytes_text(url)};

	return hash_pieces(pieces, COUNT_OF(pieces));
}

/* ---- all of them ---- */

static void again_due(evutil_socket_t fd unused_arg, short what unused_arg, void *arg)
{
	hook_turn(arg);
}

static enum err hook_open(struct hook *h)
{
	struct event_base *base = h->all->process->base;

	h->name = mark_name(h->config->url);
	h->fresh = true;
	h->again = evtimer_new(base, again_due, h);
	h->save = evtimer_new(base, hook_save_due, h);
	h->queue = calloc(READER_EVENTS_MOST, sizeof *h->queue);
	if (h->again == NULL || h->save == NULL || h->queue == NULL)
		return ERR_MEMORY;
	enum err e = types_find(h);
	if (e == ERR_OK)
		e = secret_find(h);
	return e == ERR_OK ? place_find(h) : e;
}

static void port_add(struct hooks *all, uint16_t port)
{
	unsigned i = 0;

	while (all->ports[i] != 0 && all->ports[i] != port)
		i++;
	all->ports[i] = port;
}

enum err hooks_open(struct hooks *all)
{
	const struct config *config = all->process->config;

	all->hook = calloc(config->nwebhooks + 1u, sizeof *all->hook);
	if (all->hook == NULL)
		return ERR_MEMORY;
	for (unsigned i = 0; i < config->nwebhooks; i++) {
		struct hook *h = &all->hook[all->n++];

		h->all = all;
		h->number = i;
		h->config = &config->webhook[i];
		enum err e = hook_open(h);
		if (e != ERR_OK)
			return e;
		if (h->connection != NULL)
			port_add(all, h->port);
	}
	return ERR_OK;
}

static void hook_done(struct hook *h)
{
	if (h->connection != NULL)
		evhttp_connection_free(h->connection);
	if (h->again != NULL)
		event_free(h->again);
	if (h->save != NULL)
		event_free(h->save);
	free(h->queue);
	secret_zero(h->secret, sizeof h->secret);
}

void hooks_done(struct hooks *all)
{
	for (unsigned i = 0; i < all->n; i++)
		hook_done(&all->hook[i]);
	free(all->hook);
}
