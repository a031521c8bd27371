/* desk.c: the routes, who may in, what is asked of whom. */
#include "gateway/desk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>

#include "net/http.h"

#define TOKENS_COARSE_MS 50 /* a folder's time may stand still this long: what was read sooner after it is read again */

uint64_t desk_clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t desk_wall_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- answering ---- */

void desk_header(struct evhttp_request *request, const char *name, const char *value)
{
	evhttp_add_header(evhttp_request_get_output_headers(request), name, value);
}

void desk_reply(struct evhttp_request *request, unsigned status, const char *type, struct bytes body)
{
	desk_header(request, "Content-Type", type);
	desk_header(request, "Cache-Control", "no-store");
	desk_header(request, "X-Content-Type-Options", "nosniff");
	if (body.n > 0)
		evbuffer_add(evhttp_request_get_output_buffer(request), body.at, body.n);
	evhttp_send_reply(request, (int)status, NULL, NULL);
}

struct json_writer desk_json(struct desk *d)
{
	d->out.n = 0;
	return json_writer_on(&d->out);
}

void desk_json_send(struct desk *d, struct evhttp_request *request, enum lang lang, unsigned status, const struct json_writer *w)
{
	static const char too_large[] = "{\"type\":\"/v1/problems/internal\",\"code\":\"internal\",\"status\":500}";

	desk_header(request, "Content-Language", lang == LANG_AR ? "ar" : "en");
	desk_header(request, "Vary", "Accept-Language");
	if (w->err != ERR_OK)
		desk_reply(request, 500, "application/problem+json", bytes_text(too_large));
	else
		desk_reply(request, status, status >= 400 ? "application/problem+json" : "application/json", buffer_bytes(&d->out));
}

/* ---- parameters of the address ---- */

/* Cuts the next "name=value" off; false at the end. */
static bool parameter_next(const char **at, struct bytes *name, struct bytes *value)
{
	while (**at == '&')
		(*at)++;
	if (**at == '\0')
		return false;
	size_t n = strcspn(*at, "&");
	size_t equal = strcspn(*at, "=&");
	*name = bytes_of(*at, equal);
	*value = equal < n ? bytes_of(*at + equal + 1, n - equal - 1) : BYTES_NONE;
	*at += n;
	return true;
}

struct bytes desk_parameter(const char *query, const char *name)
{
	const char  *at = query != NULL ? query : "";
	struct bytes key, value;

	while (parameter_next(&at, &key, &value))
		if (bytes_is(key, name))
			return value;
	return BYTES_NONE;
}

/* Known, with a value, and not a second time: `rest` is what follows it in the address. */
static bool parameter_good(struct bytes key, struct bytes value, const char *rest, const char *const *known, size_t n)
{
	struct bytes other, unused;

	while (parameter_next(&rest, &other, &unused))
		if (bytes_equal(key, other))
			return false;
	for (size_t i = 0; i < n; i++)
		if (bytes_is(key, known[i]))
			return value.n > 0;
	return false;
}

/* A misspelt, an empty or a contradicted dry_run must not become a question: what we do not know we refuse. */
bool desk_parameters_known(struct call *c, const char *const *known, size_t n)
{
	const char  *at = c->query != NULL ? c->query : "";
	struct bytes key, value;
	struct fault fault;

	while (parameter_next(&at, &key, &value)) {
		if (parameter_good(key, value, at, known, n))
			continue;
		fault_at(&fault, ERR_UNKNOWN_KEY, 0, "", "", "only parameters that are known, each once and with a value",
			 "لا تُقبل إلا المعاملات المعروفة، كل منها مرة واحدة وبقيمة");
		desk_problem_fault(c, "malformed", &fault);
		return false;
	}
	return true;
}

/* ---- tokens ---- */

static void tokens_take(struct desk *d)
{
	struct tokens fresh;
	unsigned      skipped = 0;
	enum err      e = tokens_load(d->token_folder, &fresh, &skipped);

	if (e != ERR_OK) {
		/* Nobody in rather than somebody revoked. */
		journal(LEVEL_ERROR, err_name(e), "the tokens could not be read: %s", err_text(e, LANG_EN));
		tokens_done(&d->tokens);
		return;
	}
	tokens_done(&d->tokens);
	d->tokens = fresh;
	if (skipped > 0)
		journal(LEVEL_WARNING, "tokens", "%u files that are no tokens were passed over", skipped);
}

static uint64_t stat_ms(const struct stat *s)
{
	return (uint64_t)s->st_mtim.tv_sec * 1000 + (uint64_t)s->st_mtim.tv_nsec / 1000000;
}

/* Once per request, so that a revoked token is refused by the next one. */
void desk_tokens_refresh(struct desk *d)
{
	struct stat s;

	if (stat(d->token_folder, &s) != 0) {
		tokens_done(&d->tokens);
		return;
	}
	if (s.st_mtim.tv_sec == d->tokens_changed.tv_sec && s.st_mtim.tv_nsec == d->tokens_changed.tv_nsec &&
	    d->tokens_read_ms > stat_ms(&s) + TOKENS_COARSE_MS)
		return;
	d->tokens_changed = s.st_mtim;
	d->tokens_read_ms = desk_wall_ms();
	tokens_take(d);
}

const struct token *desk_token(const struct desk *d, const struct hash *hash)
{
	for (unsigned i = 0; i < d->tokens.n; i++)
		if (hash_equal_secret(&d->tokens.at[i].hash, hash))
			return token_expired(&d->tokens.at[i], desk_wall_ms()) ? NULL : &d->tokens.at[i];
	return NULL;
}

bool desk_token_sees(const struct desk *d, const struct token *token, const struct hash *agreement, uint16_t clause)
{
	const struct agreement *a = papers_agreement(&d->papers, agreement);
	const struct clause    *c = a != NULL ? agreement_clause(a, clause) : NULL;
	char			name[2 * NAME_MOST + 4] = "";

	if (c != NULL)
		snprintf(name, sizeof name, "%s/%s", c->channel, c->name);
	return token_permits(token, bytes_text(name));
}

/* ---- routes ---- */

typedef void handler_fn(struct call *c);

enum entrance {
	WITH_TOKEN,
	NEAR_OPEN, /* without one for who is on this machine, by the Unix socket or loopback */
	OPEN,
};

struct route {
	enum evhttp_cmd_type method;
	const char	    *path; /* '*' stands for one part */
	handler_fn	    *run;
	enum entrance	     entrance;
};

static const struct route routes[] = {
	{EVHTTP_REQ_POST, "/v1/queries", desk_query_post, WITH_TOKEN},
	{EVHTTP_REQ_GET, "/v1/queries/*", desk_query_get, WITH_TOKEN},
	{EVHTTP_REQ_DELETE, "/v1/queries/*", desk_query_delete, WITH_TOKEN},
	{EVHTTP_REQ_GET, "/v1/queries/*/evidence", desk_evidence_get, WITH_TOKEN},
	{EVHTTP_REQ_GET, "/v1/requests", desk_requests_get, WITH_TOKEN},
	{EVHTTP_REQ_POST, "/v1/requests/*/answer", desk_answer_post, WITH_TOKEN},
	{EVHTTP_REQ_GET, "/v1/clauses", desk_clauses_get, WITH_TOKEN},
	{EVHTTP_REQ_GET, "/v1/clauses/*/*/request.schema.json", desk_schema_get, WITH_TOKEN},
	{EVHTTP_REQ_GET, "/v1/clauses/*/*/answer.schema.json", desk_answer_schema_get, WITH_TOKEN},
	{EVHTTP_REQ_GET, "/v1/clauses/*/*/openapi.json", desk_clause_openapi_get, WITH_TOKEN},
	{EVHTTP_REQ_GET, "/v1/status", desk_status_get, WITH_TOKEN},
	{EVHTTP_REQ_GET, "/v1/events", desk_events_get, WITH_TOKEN},
	{EVHTTP_REQ_GET, "/v1/openapi.json", desk_openapi_get, OPEN},
	{EVHTTP_REQ_GET, "/v1/problems/*", desk_problem_get, OPEN},
	{EVHTTP_REQ_GET, "/docs", desk_docs_get, OPEN},
	{EVHTTP_REQ_GET, "/docs/problems/*", desk_problem_page, OPEN},
	{EVHTTP_REQ_GET, "/healthz", desk_health_get, OPEN},
	{EVHTTP_REQ_GET, "/readyz", desk_ready_get, OPEN},
	{EVHTTP_REQ_GET, "/metrics", desk_metrics_get, NEAR_OPEN},
};

static bool path_matches(const char *pattern, const char *path, struct bytes part[3])
{
	unsigned n = 0;

	while (*pattern != '\0') {
		if (*pattern != '*') {
			if (*pattern++ != *path++)
				return false;
			continue;
		}
		size_t length = strcspn(path, "/");
		if (length == 0 || n == 3)
			return false;
		part[n++] = bytes_of(path, length);
		path += length;
		pattern++;
	}
	return *path == '\0';
}

static const char *method_name(enum evhttp_cmd_type method)
{
	return method == EVHTTP_REQ_POST ? "POST" : method == EVHTTP_REQ_DELETE ? "DELETE" : "GET";
}

/* The route, or NULL after saying 404 or 405. */
static const struct route *route_find(struct call *c, const char *path)
{
	char	       allowed[32];
	struct builder b = builder_on(allowed, sizeof allowed - 1);

	for (size_t i = 0; i < COUNT_OF(routes); i++) {
		if (!path_matches(routes[i].path, path, c->part))
			continue;
		if (evhttp_request_get_command(c->request) == routes[i].method)
			return &routes[i];
		build_text(&b, b.n > 0 ? ", " : "");
		build_text(&b, method_name(routes[i].method));
	}
	allowed[b.n] = '\0';
	if (b.n > 0)
		desk_header(c->request, "Allow", allowed);
	desk_problem_code(c, b.n > 0 ? "method-not-allowed" : "not-found");
	return NULL;
}

static const char *header_of(const struct call *c, const char *name)
{
	return evhttp_find_header(evhttp_request_get_input_headers(c->request), name);
}

static bool may_in(struct call *c)
{
	struct bytes text = http_bearer(header_of(c, "Authorization"));

	if (text.n == 0) {
		desk_header(c->request, "WWW-Authenticate", "Bearer realm=\"mithaq\"");
		desk_problem_code(c, "token-missing");
		return false;
	}
	desk_tokens_refresh(c->desk);
	c->token = tokens_find(&c->desk->tokens, text);
	if (c->token != NULL && !token_expired(c->token, desk_wall_ms()) && token_of_environment(text, c->desk->papers.card[0]->live))
		return true;
	c->token = NULL;
	desk_header(c->request, "WWW-Authenticate", "Bearer realm=\"mithaq\", error=\"invalid_token\"");
	desk_problem_code(c, "token-expired");
	return false;
}

/* A page in somebody's browser can make a foreign name point at this machine; such a request still carries the foreign name. */
static bool host_is_ours(struct call *c, const struct door *door)
{
	if (door_names(door, c->request, header_of(c, "Host")))
		return true;
	desk_problem_code(c, "host-unknown");
	return false;
}

/* Of two such headers one program reads the first and another the last: neither is taken. */
static bool headers_once(struct call *c)
{
	static const char *const once[] = {"Host", "Authorization", "Idempotency-Key", "Content-Type", "Content-Length", "Transfer-Encoding"};
	unsigned		 seen[COUNT_OF(once)] = {0};
	const struct evkeyval	*header;
	struct fault		 fault;

	for (header = TAILQ_FIRST(evhttp_request_get_input_headers(c->request)); header != NULL; header = TAILQ_NEXT(header, next))
		for (size_t i = 0; i < COUNT_OF(once); i++) {
			if (evutil_ascii_strcasecmp(header->key, once[i]) != 0 || ++seen[i] == 1)
				continue;
			fault_at(&fault, ERR_DUPLICATE, 0, "", "", "send this header once", "أرسل هذه الترويسة مرة واحدة");
			desk_problem_fault(c, "malformed", &fault);
			return false;
		}
	return true;
}

static void on_gone(struct evhttp_connection *connection, void *arg)
{
	struct desk *d = arg;

	for (unsigned i = 0; i < d->nactive; i++) {
		struct pending *p = &d->pending[d->active[i]];

		if (p->request != NULL && evhttp_request_get_connection(p->request) == connection)
			p->request = NULL;
	}
	feed_gone(d, connection);
}

void desk_on_request(struct evhttp_request *request, void *arg)
{
	struct door		*door = arg;
	struct call		 c = {.desk = door->desk, .request = request};
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
	const char		*path = uri != NULL ? evhttp_uri_get_path(uri) : NULL;

	evhttp_connection_set_closecb(evhttp_request_get_connection(request), on_gone, c.desk);
	c.lang = http_language(header_of(&c, "Accept-Language"));
	c.query = uri != NULL ? evhttp_uri_get_query(uri) : NULL;
	if (!host_is_ours(&c, door) || !headers_once(&c))
		return;
	const struct route *route = route_find(&c, path != NULL ? path : "");
	bool		    near = !door->tcp || door->loopback;
	if (route == NULL || (route->entrance != OPEN && !(route->entrance == NEAR_OPEN && near) && !may_in(&c)))
		return;
	route->run(&c);
}

/* ---- pipes ---- */

typedef void message_fn(struct desk *d, struct bytes payload);

static message_fn *const from_core[] = {
	[DESK_STATE] = desk_on_state,
	[DESK_REFUSED] = desk_on_refused,
	[DESK_FAILED] = desk_on_failed,
	[DESK_PERMITTED] = desk_on_permitted,
	[DESK_PARTNERS_ARE] = desk_on_partners,
	[DESK_QUOTAS_ARE] = desk_on_quotas,
	[DESK_METRICS_ARE] = desk_on_core_metrics,
	[DESK_LEAVING] = desk_on_leaving,
	[DESK_EVENTS] = desk_on_news,
	[FETCH_OFFERS] = desk_on_offers,
	[FETCH_COME] = desk_on_come,
	[FETCH_ANSWERED] = desk_on_answered,
	[FETCH_NOT_ANSWERED] = desk_on_not_answered,
};

static message_fn *const from_reader[] = {
	[READER_EXCHANGE] = desk_on_exchange, [READER_BUNDLE] = desk_on_bundle,
	[READER_STATUS_IS] = desk_on_status,  [READER_METRICS_ARE] = desk_on_reader_metrics,
	[READER_PAPER] = desk_on_paper,	      [READER_PAPERS] = desk_on_papers,
	[READER_EVENTS_ARE] = desk_on_events, [READER_EVENTS_FAILED] = desk_on_events_failed,
};

static void dispatch(struct desk *d, message_fn *const *table, size_t n, uint8_t type, struct bytes payload, int fd)
{
	if (fd >= 0)
		close(fd); /* nobody has reason to hand us one */
	if (type < n && table[type] != NULL)
		table[type](d, payload);
	else
		journal(LEVEL_WARNING, "pipe", "a message of type %u is not for the desk", type);
}

static void on_core(void *arg, uint8_t type, struct bytes payload, int fd)
{
	dispatch(arg, from_core, COUNT_OF(from_core), type, payload, fd);
}

static void on_reader(void *arg, uint8_t type, struct bytes payload, int fd)
{
	dispatch(arg, from_reader, COUNT_OF(from_reader), type, payload, fd);
}

/* pipe.h forbids pipe_free in here: the ends are freed when the fresh ones come. */
static void on_core_closed(void *arg, enum err why)
{
	(void)why;
	desk_core_gone(arg);
}

static void on_reader_closed(void *arg, enum err why)
{
	(void)why;
	desk_reader_gone(arg);
}

static void desk_peer(struct process *p, enum role role, unsigned which, int fd)
{
	struct desk *d = p->self;

	(void)which;
	if (role == ROLE_CORE) {
		desk_core_gone(d);
		pipe_free(d->core);
		d->core = pipe_new(p->base, fd, on_core, on_core_closed, d);
		d->core_up = d->core != NULL;
		desk_core_back(d);
		feed_again(d);
	} else if (role == ROLE_READER) {
		desk_reader_gone(d);
		pipe_free(d->reader);
		d->reader = pipe_new(p->base, fd, on_reader, on_reader_closed, d);
		d->reader_up = d->reader != NULL;
		desk_reader_back(d);
		feed_again(d);
	} else {
		close(fd);
	}
}

static void desk_reload(struct process *p)
{
	struct desk *d = p->self;

	d->reloads++;
	certificate_renew(p->self);
	tokens_take(p->self);
}

static void desk_ledger_stopped(struct process *p)
{
	struct desk *d = p->self;

	d->ledger_stopped = true;
	d->core_until_ms = 0;
	pending_lost(d, ROLE_CORE);
}

/* ---- the life of the process ---- */

/* What libraries would open later, when it is forbidden: the time zone, a source of randomness. */
static void libraries_warm(void)
{
	struct rlimit files;

	tzset();
	json_start();
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur > DESK_FILES_MOST) {
		files.rlim_cur = DESK_FILES_MOST;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
}

static enum err papers_open(struct desk *d)
{
	const struct config *config = d->process->config;
	char		     file[CONFIG_PATH_MOST], line[1024];
	struct fault	     fault = {0};
	enum err	     e = papers_load(config, &d->papers, file, &fault);

	if (e != ERR_OK) {
		fault_print(&fault, file, LANG_EN, line, sizeof line);
		journal(LEVEL_ERROR, err_name(e), "%s", line);
		return e;
	}
	e = config_path(config, "tokens", d->token_folder);
	if (e == ERR_OK && mkdir(d->token_folder, 0700) != 0 && errno != EEXIST)
		e = ERR_FILE;
	if (e != ERR_OK)
		journal(LEVEL_ERROR, err_name(e), "%s: %s", d->token_folder, err_text(e, LANG_EN));
	return e;
}

static void desk_free(struct desk *d)
{
	if (d->tick != NULL)
		event_free(d->tick);
	doors_close(d);
	pipe_free(d->core);
	pipe_free(d->reader);
	for (unsigned i = 0; i < DESK_PENDING_MOST; i++)
		if (d->pending[i].asked != ASKED_NOTHING)
			pending_end(d, &d->pending[i]);
	feed_done(d); /* after its followers' connections */
	tokens_done(&d->tokens);
	papers_done(&d->papers);
	openapi_done(&d->openapi);
	buffer_done(&d->out);
	free(d);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	pending_tick(arg);
}

int desk_main(struct process *p)
{
	struct desk *d = calloc(1, sizeof *d);

	if (d == NULL)
		return EXIT_TROUBLE;
	d->process = p;
	d->started_ms = desk_wall_ms();
	d->out.most = DESK_ANSWER_MOST;
	d->renewed[CERTIFICATE_CHAIN] = d->renewed[CERTIFICATE_KEY] = -1;
	d->tick = event_new(p->base, -1, EV_PERSIST, on_tick, d);
	pending_start(d);
	libraries_warm();
	if (d->tick == NULL || openapi_start(&d->openapi) != ERR_OK || feed_open(d) != ERR_OK || papers_open(d) != ERR_OK ||
	    doors_open(d) != ERR_OK) {
		desk_free(d);
		return EXIT_SETUP;
	}
	p->self = d;
	p->on_peer = desk_peer;
	p->on_reload = desk_reload;
	p->on_certificate = certificate_came;
	p->on_ledger_stopped = desk_ledger_stopped;
	tokens_take(d);
	const struct promise_path paths[] = {{d->token_folder, 0}, {NULL, 0}};
	int			  code = process_run(p, PROMISE_STDIO | PROMISE_ACCEPT | PROMISE_READ, paths);
	desk_free(d);
	return code;
}
