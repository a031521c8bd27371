/*
 * http_kind.c: an existing service of the answering authority as a provider.
 *
 * One question is one GET or POST (template.h) with headers that tell who asks and why, on a
 * kept connection (http_pool.h); its answer is read strictly (response.h, service_json.h) and
 * becomes fields (map.h). What the service says goes nowhere else: troubles are told by
 * status, kind or field's name.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/secret.h"
#include "base/text.h"
#include "channel/exchange.h"
#include "net/json.h"
#include "provider/credential.h"
#include "provider/http_pool.h"
#include "provider/map.h"
#include "provider/provider.h"
#include "provider/service_json.h"
#include "provider/template.h"

#define HEAD_MOST  (CREDENTIAL_MOST + 16384u) /* of what is the same in every question */
#define CAUSE_MOST PROVIDER_CAUSE_MOST

struct service {
	const struct config_provider *config;
	provider_found_fn	     *found;
	provider_trace_fn	     *trace;
	provider_lost_fn	     *lost;
	void			     *arg;
	struct pool		     *pool;
	struct map		      map;
	struct template target, body;
	bool	      posts, said_lost;
	uint16_t      port;
	unsigned      refused[CONFIG_STATUSES_MOST];
	struct buffer head; /* header fields that every question has; the credential is among them */
	struct buffer json; /* service_json_read's room */
	struct mapped mapped;
	uint8_t	      filled[TEMPLATE_BODY_MOST];
};

/* ---- what the configuration says, held against the clause ---- */

static enum err refuse(const struct service *s, struct fault *fault, const char *at, const char *found, const char *help, const char *help_ar)
{
	return fault_at(fault, ERR_VALUE, s->config->line, at, found, help, help_ar);
}

static const struct field_rule *rule_of(const struct clause *c, struct bytes field)
{
	for (unsigned i = 0; i < c->nrequest; i++)
		if (bytes_is(field, c->request[i].name))
			return &c->request[i];
	return NULL;
}

static enum err template_fits(const struct service *s, const struct template *t, const struct clause *c, const char *key, struct fault *fault)
{
	char name[NAME_MOST + 1];

	for (unsigned i = 0; i < t->n; i++) {
		const struct template_piece *piece = &t->at[i];
		const struct field_rule	    *rule = rule_of(c, piece->field);

		(void)snprintf(name, sizeof name, "%.*s", (int)piece->field.n, (const char *)piece->field.at);
		if (piece->part != PART_LITERAL && rule == NULL)
			return refuse(s, fault, key, name, "the clause has no such request field", "ليس في البند حقل طلب بهذا الاسم");
		if (template_needs(piece) && !rule->required)
			return refuse(s, fault, key, name,
				      "a question may leave this field out: in an address write {?field}, in a body {field} outside quotes",
				      "قد يخلو السؤال من هذا الحقل: اكتب في العنوان {?field}، وفي النص {field} خارج علامتي الاقتباس");
	}
	return ERR_OK;
}

static bool refusal_known(const struct clause *c, const char *reason)
{
	for (unsigned i = 0; i < c->nrefusals; i++)
		if (strcmp(c->refusal[i].name, reason) == 0)
			return true;
	return false;
}

static bool is_no_hit(const struct service *s, unsigned status)
{
	for (unsigned i = 0; i < s->config->nno_hit; i++)
		if (s->config->no_hit[i] == status)
			return true;
	return false;
}

static enum err refused_read(struct service *s, unsigned i, const struct clause *c, struct fault *fault)
{
	const struct config_pair *pair = &s->config->refused[i];
	uint64_t		  status;

	if (decimal_read(bytes_text(pair->from), &status) != ERR_OK)
		return refuse(s, fault, "refused-on", pair->from, "write an HTTP status", "اكتب حالة HTTP");
	s->refused[i] = (unsigned)status;
	if (is_no_hit(s, s->refused[i]))
		return refuse(s, fault, "refused-on", pair->from, "this status is in no-hit-on already", "هذه الحالة مذكورة في no-hit-on");
	if (c != NULL && !refusal_known(c, pair->to))
		return refuse(s, fault, "refused-on", pair->to, "the clause's refuse-for has no such reason",
			      "ليس في refuse-for في البند سبب بهذا الاسم");
	return ERR_OK;
}

static enum err statuses_read(struct service *s, const struct clause *c, struct fault *fault)
{
	for (unsigned i = 0; i < s->config->nrefused; i++) {
		enum err e = refused_read(s, i, c, fault);

		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}

/* A body that is JSON with one value in it is JSON with any: values are escaped. */
static enum err body_check(struct service *s, struct fault *fault)
{
	struct builder b = builder_on(s->filled, sizeof s->filled);
	struct fields  sample = {0};
	struct bytes   field;
	json_t	      *json = NULL;

	for (unsigned i = 0; i < s->body.n; i++)
		if (s->body.at[i].part != PART_LITERAL && fields_find_bytes(&sample, s->body.at[i].field) == NULL &&
		    fields_add(&sample, s->body.at[i].field, bytes_text("x")) != ERR_OK)
			return refuse(s, fault, "body", "", "at most 64 fields", "64 حقلًا على الأكثر");
	if (template_fill(&s->body, &sample, &b, &field) != ERR_OK || service_json_read(builder_bytes(&b), &s->json, &json) != ERR_OK)
		return refuse(s, fault, "body", "", "write a JSON text with {field} in it, the whole of it in single quotes",
			      "اكتب نص JSON فيه {field}، وضعه كله بين علامتي اقتباس مفردتين");
	json_decref(json);
	return ERR_OK;
}

static enum err templates_read(struct service *s, const char *target, const struct clause *c, struct fault *fault)
{
	enum err e = template_target_read(target, &s->target, fault);

	if (e != ERR_OK)
		return fault_at(fault, e, s->config->line, "http", fault != NULL ? fault->found : "", fault != NULL ? fault->help : "",
				fault != NULL ? fault->help_ar : "");
	if (s->config->body != NULL && template_body_read(s->config->body, &s->body, fault) != ERR_OK)
		return refuse(s, fault, "body", "", "at most 64 pieces", "64 قطعة على الأكثر");
	if (s->config->body != NULL)
		e = body_check(s, fault);
	if (e == ERR_OK && c != NULL)
		e = template_fits(s, &s->target, c, "http", fault);
	if (e == ERR_OK && c != NULL)
		e = template_fits(s, &s->body, c, "body", fault);
	return e;
}

/* ---- what is the same in every question ---- */

static enum err credential_add(struct service *s, const struct config *config, struct fault *fault)
{
	char	 token[CREDENTIAL_MOST + 1];
	enum err e = credential_read(config, s->config->credential, token, fault);

	if (e != ERR_OK)
		return e;
	e = buffer_format(&s->head, "Authorization: Bearer %s\r\n", token);
	secret_zero(token, sizeof token);
	return e;
}

static enum err head_write(struct service *s, const struct config *config, const char *host, int nhost, struct fault *fault)
{
	enum err e = buffer_format(&s->head,
				   " HTTP/1.1\r\nHost: %.*s\r\nUser-Agent: mithaq/" MITHAQ_VERSION
				   "\r\nAccept: application/json\r\nAccept-Encoding: identity\r\n",
				   nhost, host);

	for (unsigned i = 0; e == ERR_OK && i < s->config->nheaders; i++)
		e = buffer_format(&s->head, "%s: %s\r\n", s->config->header[i].from, s->config->header[i].to);
	if (e != ERR_OK)
		return fault_at(fault, e, s->config->line, "headers", "", "shorter headers", "ترويسات أقصر");
	return s->config->credential != NULL ? credential_add(s, config, fault) : ERR_OK;
}

/* ---- opening ---- */

static void done(void *arg, const struct pool_call *call, const struct pool_result *result);

/* "http://host:port/path": the configuration has checked its form; port 80 when none is said. */
static enum err address_read(struct service *s, const char *authority, int n, char host[CONFIG_ADDRESS_MOST], struct fault *fault)
{
	char address[CONFIG_ADDRESS_MOST + 8];

	(void)snprintf(address, sizeof address, "%.*s%s", n, authority, memchr(authority, ':', (size_t)n) != NULL ? "" : ":80");
	if (address_split(address, host, &s->port) != ERR_OK)
		return refuse(s, fault, "http", s->config->http, "write it as http://host:port/path/{field}",
			      "اكتبه بصيغة http://host:port/path/{field}");
	return ERR_OK;
}

static enum err service_read(struct service *s, const struct provider_setup *setup, struct fault *fault)
{
	const char *authority = s->config->http + sizeof "http://" - 1;
	int	    n = (int)strcspn(authority, "/");
	char	    host[CONFIG_ADDRESS_MOST];
	enum err    e = address_read(s, authority, n, host, fault);

	if (e == ERR_OK)
		e = templates_read(s, authority + n, setup->clause, fault);
	if (e == ERR_OK)
		e = map_read(s->config, setup->clause, &s->map, fault);
	if (e == ERR_OK)
		e = statuses_read(s, setup->clause, fault);
	if (e == ERR_OK)
		e = head_write(s, setup->config, authority, n, fault);
	if (e == ERR_OK)
		e = pool_open(setup->base, host, s->port, done, s, &s->pool, fault);
	return e;
}

static void service_close(void *self)
{
	struct service *s = self;

	pool_close(s->pool);
	if (s->head.at != NULL)
		secret_zero(s->head.at, s->head.room);
	buffer_done(&s->head);
	buffer_done(&s->json);
	free(s);
}

static enum err service_open(const struct provider_setup *setup, void **self, struct fault *fault)
{
	struct service *s = calloc(1, sizeof *s);

	if (s == NULL)
		return fault_at(fault, ERR_MEMORY, 0, "", "", "", "");
	json_start();
	s->config = setup->provider;
	s->found = setup->found;
	s->trace = setup->trace;
	s->lost = setup->lost;
	s->arg = setup->arg;
	s->head.most = HEAD_MOST;
	s->json.most = 2 * RESPONSE_BODY_MOST + 2;
	s->posts = s->config->method != NULL && strcmp(s->config->method, "POST") == 0;
	enum err e = service_read(s, setup, fault);
	if (e != ERR_OK) {
		service_close(s);
		return e;
	}
	*self = s;
	return ERR_OK;
}

static void service_needs(const void *self, struct provider_needs *out)
{
	const struct service *s = self;

	out->promises = PROMISE_INET;
	out->ports[0] = s->port;
}

/* ---- asking ---- */

static void fail(const struct service *s, uint64_t ticket, const char *code, const char *cause)
{
	struct provider_answer a = {.ticket = ticket, .outcome = PROVIDER_FAILED, .code = code, .cause = cause};

	s->found(s->arg, &a);
}

static void fail_field(const struct service *s, uint64_t ticket, const char *what, struct bytes field)
{
	char cause[CAUSE_MOST];

	(void)snprintf(cause, sizeof cause, "%.*s: %s", (int)field.n, (const char *)field.at, what);
	fail(s, ticket, "provider-value", cause);
}

/*
 * W3C Trace Context: version 00, 16 bytes of trace, 8 of the parent's span, sampled. The trace is the
 * exchange's id, so both houses find it; the span its last 8 bytes, which are random.
 */
static enum err trace_write(struct buffer *out, const char *id)
{
	uint8_t mid[MID_SIZE];
	char	trace[2 * MID_SIZE + 1];

	if (exchange_id_read(bytes_text(id), mid) != ERR_OK)
		return ERR_OK;
	hex_write(mid, sizeof mid, trace);
	return buffer_format(out, "traceparent: 00-%s-%s-01\r\n", trace, trace + MID_SIZE);
}

static enum err about_write(struct buffer *out, const struct provider_question *q)
{
	enum err e = buffer_format(out, "Mithaq-Id: %s\r\nMithaq-From: %s\r\n", q->id, q->from);

	if (e == ERR_OK && name_check(q->purpose) == ERR_OK)
		e = buffer_format(out, "Mithaq-Purpose: %.*s\r\n", (int)q->purpose.n, (const char *)q->purpose.at);
	return e == ERR_OK ? trace_write(out, q->id) : e;
}

static enum err body_write(struct service *s, const struct provider_question *q, struct buffer *out, struct bytes *field)
{
	struct builder b = builder_on(s->filled, sizeof s->filled);
	enum err       e = s->posts ? template_fill(&s->body, q->fields, &b, field) : ERR_OK;

	if (e == ERR_OK && b.n > 0)
		e = buffer_format(out, "Content-Type: application/json\r\n");
	if (e == ERR_OK && s->posts)
		e = buffer_format(out, "Content-Length: %zu\r\n", b.n);
	if (e == ERR_OK)
		e = buffer_add(out, bytes_text("\r\n"));
	return e == ERR_OK && b.n > 0 ? buffer_add(out, builder_bytes(&b)) : e;
}

static enum err request_write(struct service *s, const struct provider_question *q, struct buffer *out, struct bytes *field)
{
	struct builder b = builder_on(s->filled, TEMPLATE_TARGET_MOST);
	enum err       e = template_fill(&s->target, q->fields, &b, field);

	if (e == ERR_OK)
		e = buffer_add(out, bytes_text(s->posts ? "POST " : "GET "));
	if (e == ERR_OK)
		e = buffer_add(out, builder_bytes(&b));
	if (e == ERR_OK)
		e = buffer_add(out, buffer_bytes(&s->head));
	if (e == ERR_OK)
		e = about_write(out, q);
	return e == ERR_OK ? body_write(s, q, out, field) : e;
}

static void request_failed(const struct service *s, uint64_t ticket, enum err e, struct bytes field)
{
	if (e == ERR_MISSING)
		fail_field(s, ticket, "the question does not have this field, which the service is asked with", field);
	else if (e == ERR_VALUE)
		fail_field(s, ticket, "this value would change the path that the service is asked at", field);
	else
		fail(s, ticket, "provider-value", "the question is longer than a request to the service may be");
}

static void service_ask(void *self, const struct provider_question *q)
{
	struct service	 *s = self;
	struct pool_call *call = pool_call_take(s->pool);
	struct bytes	  field = BYTES_NONE;

	if (call == NULL) {
		fail(s, q->ticket, "provider-unreachable", "no memory is left");
		return;
	}
	call->ticket = q->ticket;
	call->repeatable = !s->posts;
	enum err e = request_write(s, q, &call->request, &field);
	if (e == ERR_OK) {
		pool_ask(call, q->most_ms);
		return;
	}
	pool_give_back(call);
	request_failed(s, q->ticket, e, field);
}

/* ---- what the service said ---- */

static const char *refusal_of(const struct service *s, unsigned status)
{
	for (unsigned i = 0; i < s->config->nrefused; i++)
		if (s->refused[i] == status)
			return s->config->refused[i].to;
	return NULL;
}

static void map_failed(const struct service *s, uint64_t ticket, enum map_trouble trouble)
{
	if (s->mapped.field != NULL)
		fail_field(s, ticket, map_trouble_text(trouble), bytes_text(s->mapped.field));
	else
		fail(s, ticket, "provider-value", map_trouble_text(trouble));
}

static void content_take(struct service *s, uint64_t ticket, struct bytes body)
{
	struct provider_answer a = {.ticket = ticket, .outcome = PROVIDER_HIT, .fields = &s->mapped.fields};
	json_t		      *json = NULL;
	enum err	       e = service_json_read(body, &s->json, &json);

	if (e != ERR_OK) {
		fail(s, ticket, "provider-malformed",
		     e == ERR_TOO_DEEP ? "the service's JSON is nested too deep" : "the service's answer is not JSON");
		return;
	}
	enum map_trouble trouble = map_answer(&s->map, json, &s->mapped, s->trace, s->arg);
	if (trouble == MAP_DONE)
		s->found(s->arg, &a);
	else
		map_failed(s, ticket, trouble);
	json_decref(json);
}

static void status_failed(const struct service *s, uint64_t ticket, unsigned status)
{
	char cause[CAUSE_MOST];

	(void)snprintf(cause, sizeof cause, "the service answered %u%s", status, status / 100 == 3 ? "; redirects are not followed" : "");
	fail(s, ticket, "provider-status", cause);
}

static void answer_take(struct service *s, uint64_t ticket, const struct response *r, struct bytes body)
{
	struct provider_answer a = {.ticket = ticket, .outcome = PROVIDER_NO_HIT};
	const char	      *reason = refusal_of(s, r->status);

	if (reason != NULL) {
		a.outcome = PROVIDER_REFUSED;
		a.reason = bytes_text(reason);
	}
	if (reason != NULL || is_no_hit(s, r->status))
		s->found(s->arg, &a);
	else if (r->status / 100 != 2 || r->status == 206)
		status_failed(s, ticket, r->status);
	else if (!r->json)
		fail(s, ticket, "provider-malformed", "the service's answer does not say that it is application/json");
	else if (r->packed)
		fail(s, ticket, "provider-malformed", "the service's answer is compressed, which was not asked for");
	else
		content_take(s, ticket, body);
}

static const struct {
	enum pool_end end;
	const char   *code, *word;
} ends[] = {
	{POOL_LATE, "provider-timeout", "no answer in time"},
	{POOL_UNREACHABLE, "provider-unreachable", "no answer"},
	{POOL_TOO_MUCH, "provider-too-much", "too much"},
	{POOL_MALFORMED, "provider-malformed", "what is not HTTP"},
	{POOL_FULL, "provider-timeout", "not asked: too many questions wait"},
};

static size_t end_row(enum pool_end end)
{
	for (size_t i = 0; i < COUNT_OF(ends); i++)
		if (ends[i].end == end)
			return i;
	return 0;
}

/* "GET http://host:port/target", "200 in 12 ms": the target is read back from the request's first line. */
static void tell_asked(const struct service *s, const struct pool_call *call, const struct pool_result *result)
{
	char	    asked[TEMPLATE_TARGET_MOST + CONFIG_ADDRESS_MOST + 16], how[64];
	const char *line = (const char *)call->request.at, *authority = s->config->http + sizeof "http://" - 1;

	if (s->trace == NULL)
		return;
	/* Both spaces are there: we wrote them. */
	const char *target = memchr(line, ' ', call->request.n);
	const char *end = memchr(target + 1, ' ', call->request.n - (size_t)(target + 1 - line));
	(void)snprintf(asked, sizeof asked, "%.*s http://%.*s%.*s", (int)(target - line), line, (int)strcspn(authority, "/"), authority,
		       (int)(end - target - 1), target + 1);
	if (result->end == POOL_ANSWERED)
		(void)snprintf(how, sizeof how, "%u in %llu ms", result->response->status, (unsigned long long)result->took_us / 1000);
	else
		(void)snprintf(how, sizeof how, "%s", ends[end_row(result->end)].word);
	s->trace(s->arg, STEP_ASKED, BYTES_NONE, bytes_text(asked), bytes_text(how));
}

/* Its name may have another address by now, and only a new process can look it up. */
static void lost_tell(struct service *s)
{
	if (s->said_lost || s->lost == NULL || !pool_worn(s->pool))
		return;
	s->said_lost = true;
	s->lost(s->arg);
}

static void done(void *arg, const struct pool_call *call, const struct pool_result *result)
{
	struct service *s = arg;

	tell_asked(s, call, result);
	if (result->end == POOL_ANSWERED)
		answer_take(s, call->ticket, result->response, result->body);
	else
		fail(s, call->ticket, ends[end_row(result->end)].code, result->cause);
	lost_tell(s);
}

const struct provider_kind provider_http = {
	.source = SOURCE_HTTP,
	.open = service_open,
	.needs = service_needs,
	.ask = service_ask,
	.close = service_close,
};
