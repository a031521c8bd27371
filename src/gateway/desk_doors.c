/* desk_doors.c: where local applications knock: the Unix socket, and a TCP port, plain on loopback or with the house's certificate. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/listener.h>

#include "gateway/desk.h"
#include "net/http.h"

#define LISTEN_BACKLOG	256
#define LISTEN_PAUSE_MS 100 /* when no descriptor is left */
#define WATCH_S		60
#define DAY_MS		86400000
#define SOON_DAYS	30 /* before its last day the certificate is spoken of */

/* ---- the certificate ---- */

uint64_t desk_certificate_until_ms(const struct desk *d)
{
	return d->tls != NULL ? api_tls_until_ms(d->tls) : 0;
}

/* Whole days left; below zero since the last one. */
static int32_t days_left(const struct desk *d)
{
	int64_t ms = (int64_t)desk_certificate_until_ms(d) - (int64_t)desk_wall_ms();

	return (int32_t)(ms >= 0 ? ms / DAY_MS : ms / DAY_MS - 1);
}

enum certificate_state { CERTIFICATE_GOOD, CERTIFICATE_SOON, CERTIFICATE_EXPIRED, CERTIFICATE_EARLY };

static enum certificate_state certificate_state(const struct desk *d)
{
	int32_t days = days_left(d);

	if (days < 0)
		return CERTIFICATE_EXPIRED;
	if (api_tls_from_ms(d->tls) > desk_wall_ms())
		return CERTIFICATE_EARLY;
	return days < SOON_DAYS ? CERTIFICATE_SOON : CERTIFICATE_GOOD;
}

/* What a person has to know of it; each sentence ends with the moment that it is about. */
static const char *const certificate_words[] = {
	[CERTIFICATE_GOOD] = "the certificate of the api ends",
	[CERTIFICATE_SOON] = "put a new certificate of the api in place and reload, this one ends",
	[CERTIFICATE_EXPIRED] = "put a new certificate of the api in place and reload, applications refuse this one since",
	[CERTIFICATE_EARLY] = "look at this machine's clock, the certificate of the api begins",
};

static void certificate_sentence(const struct desk *d, enum certificate_state state, char *out, size_t size)
{
	char when[25];

	time_write(state == CERTIFICATE_EARLY ? api_tls_from_ms(d->tls) : api_tls_until_ms(d->tls), when);
	(void)snprintf(out, size, "%s %s", certificate_words[state], when);
}

void certificate_line(const struct desk *d, char *out, size_t size)
{
	char sentence[160];

	out[0] = '\0';
	if (d->tls == NULL || certificate_state(d) == CERTIFICATE_GOOD)
		return;
	certificate_sentence(d, certificate_state(d), sentence, sizeof sentence);
	(void)snprintf(out, size, "%s\n", sentence);
}

/* Once a day while there is something to say, and once when it is taken up. The clock is looked at more often: it may be set. */
static void certificate_tell(struct desk *d, bool anew)
{
	enum certificate_state state = certificate_state(d);
	int32_t		       days = days_left(d);
	char		       sentence[160];

	if (!anew && (state == CERTIFICATE_GOOD || days == d->days_told))
		return;
	d->days_told = days;
	certificate_sentence(d, state, sentence, sizeof sentence);
	journal(state == CERTIFICATE_GOOD ? LEVEL_INFO : LEVEL_WARNING, "api-certificate", "%s", sentence);
}

static void crowd_tell(struct desk *d)
{
	uint64_t away = api_tls_turned_away(d->tls);

	if (away == d->away_told)
		return;
	journal(LEVEL_WARNING, "api-crowd",
		"%llu connections to the api were turned away: more than %d of one address or %d in all, or a handshake longer than %d s",
		(unsigned long long)(away - d->away_told), API_TLS_ADDRESS_MOST, API_TLS_MOST, API_TLS_HANDSHAKE_MS / 1000);
	d->away_told = away;
}

static void on_watch(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	certificate_tell(arg, false);
	crowd_tell(arg);
}

static enum err watch_start(struct desk *d)
{
	const struct timeval every = {.tv_sec = WATCH_S};

	d->watch = event_new(d->process->base, -1, EV_PERSIST, on_watch, d);
	return d->watch != NULL && event_add(d->watch, &every) == 0 ? ERR_OK : ERR_MEMORY;
}

static void certificate_complain(const struct desk *d, struct fault *fault, const char *end)
{
	const struct config *config = d->process->config;
	bool		     of_key = strcmp(fault->at, API_TLS_KEY) == 0;
	char		     line[1024];

	fault_print(fault, of_key ? config->api_key : config->api_certificate, LANG_EN, line, sizeof line);
	journal(LEVEL_ERROR, "api-certificate", "%s%s", line, end);
}

static enum err certificate_open(struct desk *d)
{
	const struct config *config = d->process->config;
	struct fault	     fault = {0};

	if (config->api_certificate == NULL || config->api_listen == NULL)
		return ERR_OK;
	enum err e = api_tls_new(d->process->base, &d->tls);
	if (e == ERR_OK)
		e = api_tls_load(d->tls, config->api_certificate, config->api_key, &fault);
	if (e != ERR_OK) {
		fault.err = e;
		certificate_complain(d, &fault, "");
		return e;
	}
	certificate_tell(d, true);
	return watch_start(d);
}

static void renewed_close(struct desk *d)
{
	for (size_t i = 0; i < COUNT_OF(d->renewed); i++) {
		if (d->renewed[i] >= 0)
			close(d->renewed[i]);
		d->renewed[i] = -1;
	}
}

void certificate_came(struct process *p, enum certificate_part part, int fd)
{
	struct desk *d = p->self;

	if (d->renewed[part] >= 0)
		close(d->renewed[part]);
	d->renewed[part] = fd;
}

void certificate_renew(struct desk *d)
{
	struct fault fault = {0};

	if (d->tls == NULL || d->renewed[CERTIFICATE_CHAIN] < 0) {
		renewed_close(d);
		return;
	}
	enum err e = api_tls_take(d->tls, d->renewed[CERTIFICATE_CHAIN], d->renewed[CERTIFICATE_KEY], &fault);
	renewed_close(d);
	if (e == ERR_OK) {
		certificate_tell(d, true);
		return;
	}
	fault.err = e;
	certificate_complain(d, &fault, "; the certificate before it stays in use");
}

/* ---- sockets ---- */

static enum err unix_socket(const struct config *config, int *out)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char		   path[CONFIG_PATH_MOST];
	enum err	   e = config_data_path(config, "api.sock", path);

	if (e != ERR_OK || strlen(path) >= sizeof address.sun_path)
		return ERR_TOO_LONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (unlink(path) != 0 && errno != ENOENT)
		return ERR_FILE;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return ERR_NETWORK;
	if (bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 || chmod(path, 0660) != 0 || listen(fd, LISTEN_BACKLOG) != 0) {
		close(fd);
		return ERR_NETWORK;
	}
	*out = fd;
	return ERR_OK;
}

static bool is_loopback(const struct sockaddr_storage *a)
{
	if (a->ss_family == AF_INET)
		return (ntohl(((const struct sockaddr_in *)a)->sin_addr.s_addr) >> 24) == 127;
	return a->ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)a)->sin6_addr);
}

/* Why nobody can listen there, and what helps; by errno. */
static const char *listen_help(int cause)
{
	switch (cause) {
	case EADDRINUSE:
		return "another program listens there: ss -ltnp shows which; end it, or choose another port";
	case EADDRNOTAVAIL:
		return "this machine has no such address: ip address shows those it has";
	case EACCES:
		return "ports below 1024 are for root: choose one above";
	default:
		return "choose another address or port";
	}
}

static enum err tcp_listen(int fd, const struct sockaddr_storage *address, int n)
{
	int on = 1;

	/* An answer of more than one write must not wait for the client's delayed ACK; accepted sockets inherit it. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 && bind(fd, (const struct sockaddr *)address, (socklen_t)n) == 0 &&
			       listen(fd, LISTEN_BACKLOG) == 0
		       ? ERR_OK
		       : ERR_NETWORK;
}

/* The configuration has seen to it that what is beyond loopback has a certificate; without one nothing listens there even so. */
static enum err tcp_socket(struct desk *d, const char *listen_at, int *out)
{
	struct sockaddr_storage address = {0};
	int			n = sizeof address;

	if (evutil_parse_sockaddr_port(listen_at, (struct sockaddr *)&address, &n) != 0)
		return ERR_MALFORMED;
	d->tcp.loopback = is_loopback(&address);
	if (!d->tcp.loopback && d->tls == NULL)
		return ERR_VALUE;
	int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return ERR_NETWORK;
	if (tcp_listen(fd, &address, n) != ERR_OK) {
		int saved = errno;
		close(fd);
		errno = saved;
		return ERR_NETWORK;
	}
	*out = fd;
	return ERR_OK;
}

static void listen_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	evconnlistener_enable(arg);
}

/* No descriptor is left: connections wait in the kernel's queue instead of turning our loop hot. */
static void listen_failed(struct evconnlistener *listener, void *arg)
{
	const struct timeval pause = {.tv_usec = LISTEN_PAUSE_MS * 1000};

	(void)arg;
	evconnlistener_disable(listener);
	event_base_once(evconnlistener_get_base(listener), -1, EV_TIMEOUT, listen_again, listener, &pause);
}

static enum err door_open(struct desk *d, struct door *door, int fd, bool tcp)
{
	struct event_base     *base = d->process->base;
	unsigned	       flags = LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC;
	struct evconnlistener *listener = evconnlistener_new(base, NULL, NULL, flags, 0, fd);

	if (listener == NULL) {
		close(fd);
		return ERR_MEMORY;
	}
	door->http = evhttp_new(base);
	if (door->http == NULL || evhttp_bind_listener(door->http, listener) == NULL) {
		evconnlistener_free(listener);
		return ERR_MEMORY;
	}
	evconnlistener_set_error_cb(listener, listen_failed);
	door->desk = d;
	door->tcp = tcp;
	evhttp_set_max_headers_size(door->http, HTTP_HEADERS_MOST);
	evhttp_set_max_body_size(door->http, DESK_BODY_MOST);
	evhttp_set_timeout(door->http, DESK_IDLE_S);
	evhttp_set_allowed_methods(door->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
						       EVHTTP_REQ_PATCH | EVHTTP_REQ_OPTIONS);
	evhttp_set_gencb(door->http, desk_on_request, door);
	if (tcp && d->tls != NULL)
		evhttp_set_bevcb(door->http, api_tls_bufferevent, d->tls);
	return ERR_OK;
}

static enum err local_open(struct desk *d)
{
	const struct config *config = d->process->config;
	int		     fd = -1;
	enum err	     e = unix_socket(config, &fd);

	if (e == ERR_OK)
		e = door_open(d, &d->local, fd, false);
	if (e != ERR_OK)
		journal(LEVEL_ERROR, err_name(e), "the socket %s/api.sock: %s", config->data, err_text(e, LANG_EN));
	return e;
}

static enum err tcp_open(struct desk *d)
{
	const char *at = d->process->config->api_listen;
	int	    fd = -1;
	enum err    e = tcp_socket(d, at, &fd);
	int	    cause = errno;

	if (e == ERR_OK)
		e = door_open(d, &d->tcp, fd, true);
	if (e == ERR_NETWORK)
		journal(LEVEL_ERROR, err_name(e), "api: listen: %s: %s: %s", at, strerror(cause), listen_help(cause));
	else if (e != ERR_OK)
		journal(LEVEL_ERROR, err_name(e), "api: listen: %s: %s", at,
			e == ERR_VALUE ? "beyond loopback a certificate is needed" : err_text(e, LANG_EN));
	return e;
}

enum err doors_open(struct desk *d)
{
	enum err e = certificate_open(d);

	if (e == ERR_OK)
		e = local_open(d);
	return e == ERR_OK && d->process->config->api_listen != NULL ? tcp_open(d) : e;
}

void doors_close(struct desk *d)
{
	if (d->tcp.http != NULL)
		evhttp_free(d->tcp.http);
	if (d->local.http != NULL)
		evhttp_free(d->local.http);
	if (d->watch != NULL)
		event_free(d->watch);
	renewed_close(d);
	api_tls_free(d->tls);
}

bool door_names(const struct door *door, struct evhttp_request *request, const char *host)
{
	const struct api_tls *tls = door->desk->tls;

	if (!door->tcp)
		return true;
	if (tls != NULL && !api_tls_carries(evhttp_connection_get_bufferevent(evhttp_request_get_connection(request))))
		return false;
	return (door->loopback && http_host_is_local(host)) || (tls != NULL && api_tls_names(tls, host));
}
