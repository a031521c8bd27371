/*
 * desk_request.c: a national system takes the questions that partners ask of this house, and
 * answers them: GET /v1/requests waits for them, POST /v1/requests/{id}/answer.
 *
 * A GET that waits is parked here. The core says when something came under a clause, and
 * the desk asks again for each that is parked for it, so that nothing is leased to a caller who
 * has gone. What is parked when the core is replaced is asked of its successor.
 */
#include <stdio.h>

#include <event2/buffer.h>

#include "gateway/desk.h"
#include "gateway/fetch.h"
#include "net/http.h"

#define REQUESTS_MOST_DEFAULT 10
#define CORE_WAIT_S	      10		      /* for the core to say anything at all */
#define CLAUSE_WRITTEN_MOST   (FETCH_CLAUSE_MOST + 2) /* with its slash as %2F */

enum { HALF_CLAUSE = 0, HALF_ORDER = 1 }; /* what a parked GET keeps in its halves */

static struct evhttp_request *pending_take(struct desk *d, struct pending *p)
{
	struct evhttp_request *request = p->request;

	pending_end(d, p);
	return request;
}

static bool refuse(struct call *c, enum err e, const char *at, const char *help, const char *help_ar)
{
	struct fault fault;

	fault_at(&fault, e, 0, at, "", help, help_ar);
	desk_problem_fault(c, e == ERR_MISSING ? "field-missing" : "malformed", &fault);
	return false;
}

/* ---- what waits: the order ---- */

struct order {
	char	 clause[CLAUSE_WRITTEN_MOST + 1]; /* empty: whatever the token answers */
	uint64_t wait_s, most, lease_s;
};

/* Some libraries write the slash of a parameter as %2F. */
static bool clause_of(struct call *c, char out[CLAUSE_WRITTEN_MOST + 1])
{
	struct bytes v = desk_parameter(c->query, "clause");
	size_t	     n = 0;

	for (size_t i = 0; i < v.n && n < CLAUSE_WRITTEN_MOST; i++) {
		bool slash = v.n - i >= 3 && v.at[i] == '%' && v.at[i + 1] == '2' && (v.at[i + 2] | 0x20) == 'f';

		out[n++] = slash ? '/' : (char)v.at[i];
		i += slash ? 2 : 0;
	}
	out[n] = '\0';
	if (n <= FETCH_CLAUSE_MOST)
		return true;
	return refuse(c, ERR_TOO_LONG, "", "clause=CHANNEL/NAME", "‏‎clause=CHANNEL/NAME‎");
}

static bool number_of(struct call *c, const char *name, uint64_t least, uint64_t most, uint64_t *out)
{
	struct bytes v = desk_parameter(c->query, name);
	uint64_t     number;

	if (v.n == 0)
		return true;
	if (decimal_read(v, &number) == ERR_OK && number >= least && number <= most) {
		*out = number;
		return true;
	}
	return refuse(c, ERR_VALUE, "", "wait=0..60, most=1..100, lease=0..3600, in seconds; lease=0 only looks",
		      "‏‎wait=0..60‎ و‎most=1..100‎ و‎lease=0..3600‎ بالثواني؛ و‎lease=0‎ للاطلاع فقط");
}

static bool order_read(struct call *c, struct order *out)
{
	static const char *const known[] = {"clause", "wait", "most", "lease"};

	*out = (struct order){.most = REQUESTS_MOST_DEFAULT, .lease_s = FETCH_LEASE_S};
	return desk_parameters_known(c, known, COUNT_OF(known)) && clause_of(c, out->clause) &&
	       number_of(c, "wait", 0, HTTP_WAIT_MOST, &out->wait_s) && number_of(c, "most", 1, FETCH_OFFERS_MOST, &out->most) &&
	       number_of(c, "lease", 0, FETCH_LEASE_MOST, &out->lease_s);
}

/* May this token answer anything, or this? */
static bool may_answer(const struct token *token, const char *clause)
{
	if (clause[0] != '\0')
		return scope_answers(token->clauses, bytes_text(clause));
	return strstr(token->clauses, "answer:") != NULL;
}

static enum err order_keep(struct pending *p, const struct call *c, const struct order *o)
{
	uint8_t		  memory[sizeof(struct order) + TOKEN_CLAUSES_MOST + ACCOUNT_MOST + 64];
	struct builder	  b = builder_on(memory, sizeof memory);
	struct fetch_list f = {.ticket = p->ticket,
			       .account = bytes_text(c->token->account),
			       .scope = bytes_text(c->token->clauses),
			       .clause = bytes_text(o->clause),
			       .most = (uint16_t)o->most,
			       .lease_s = (uint32_t)o->lease_s};

	fetch_list_write(&b, &f);
	p->halves[HALF_CLAUSE].most = p->halves[HALF_ORDER].most = sizeof memory;
	if (b.err != ERR_OK)
		return b.err;
	enum err e = buffer_add(&p->halves[HALF_CLAUSE], bytes_text(o->clause));
	return e == ERR_OK ? buffer_add(&p->halves[HALF_ORDER], builder_bytes(&b)) : e;
}

static enum err order_send(struct desk *d, struct pending *p)
{
	p->parked = false;
	return desk_core_send(d, p, FETCH_LIST, buffer_bytes(&p->halves[HALF_ORDER]));
}

static void core_missing(struct call *c)
{
	desk_problem_code(c, c->desk->ledger_stopped ? "ledger-stopped" : "busy");
}

void desk_requests_get(struct call *c)
{
	struct desk *d = c->desk;
	struct order o;

	if (!order_read(c, &o))
		return;
	if (!may_answer(c->token, o.clause)) {
		desk_problem_code(c, "account-not-permitted");
		return;
	}
	struct pending *p = desk_core_there(d) ? pending_new(c, ASKED_REQUESTS, (unsigned)o.wait_s) : NULL;
	if (p == NULL) {
		core_missing(c);
		return;
	}
	p->waits = true; /* the core has its grace */
	if (order_keep(p, c, &o) == ERR_OK && order_send(d, p) == ERR_OK)
		return;
	pending_end(d, p);
	core_missing(c);
}

/* ---- what waits: the answer ---- */

static void time_member(struct json_writer *w, const char *key, uint64_t ms)
{
	char text[25];

	time_write(ms, text);
	json_member(w, key, text);
}

static void fields_json(struct json_writer *w, const struct fields *f)
{
	char name[NAME_MOST + 1];

	json_member_open(w, "fields", '{');
	for (unsigned i = 0; i < f->n; i++) {
		api_name(f->at[i].name, name, sizeof name);
		json_member_text(w, name, f->at[i].value);
	}
	json_close(w, '}');
}

static void offer_json(struct json_writer *w, const struct desk *d, const struct offer *o)
{
	const struct agreement *a = papers_agreement(&d->papers, &o->agreement);
	char			id[29];

	exchange_id_write(o->mid, id);
	json_open(w, '{');
	json_member(w, "id", id);
	json_member(w, "object", "request");
	json_member(w, "from", o->from);
	json_member_open(w, "clause", '{');
	json_member_text(w, "name", o->clause);
	json_member_number(w, "number", o->number);
	if (a != NULL) {
		json_member(w, "agreement", a->name);
		json_member_number(w, "version", a->version);
	}
	json_close(w, '}');
	json_member_text(w, "purpose", o->purpose);
	if (o->reference.n > 0)
		json_member_text(w, "case", o->reference);
	fields_json(w, &o->fields);
	time_member(w, "asked", o->asked_ms);
	time_member(w, "answer_by", o->answer_by_ms);
	time_member(w, "expires", o->expires_ms);
	json_key(w, "lease");
	if (o->lease_ms == 0) {
		json_nothing(w);
	} else {
		char text[25];

		time_write(o->lease_ms, text);
		json_string_put(w, text);
		json_member_text(w, "account", o->holder);
	}
	json_close(w, '}');
}

/* True: they all read and are written. */
static bool offers_json(struct json_writer *w, const struct desk *d, struct cursor *c, uint16_t n)
{
	static struct offer o; /* large; one is read at a time */

	json_open(w, '{');
	json_member_open(w, "data", '[');
	for (uint16_t i = 0; i < n; i++) {
		if (offer_read(c, &o) != ERR_OK)
			return false;
		offer_json(w, d, &o);
	}
	json_close(w, ']');
	json_close(w, '}');
	return cursor_end(c) == ERR_OK;
}

static void nothing_answer(struct desk *d, struct pending *p)
{
	enum lang	       lang = p->lang;
	struct evhttp_request *request = pending_take(d, p);
	struct cursor	       none = cursor_on(BYTES_NONE);

	if (request == NULL)
		return;
	struct json_writer w = desk_json(d);
	(void)offers_json(&w, d, &none, 0);
	desk_json_send(d, request, lang, 200, &w);
}

void desk_on_offers(struct desk *d, struct bytes payload)
{
	struct cursor	c = cursor_on(payload);
	struct pending *p = pending_find(d, cursor_u32(&c));
	uint16_t	n = cursor_u16(&c);

	if (cursor_err(&c) != ERR_OK || p == NULL || p->asked != ASKED_REQUESTS)
		return;
	if (n == 0) {
		p->parked = true;
		if (desk_clock_ms() >= p->deadline_ms)
			nothing_answer(d, p);
		return;
	}
	enum lang	       lang = p->lang;
	struct evhttp_request *request = pending_take(d, p);
	if (request == NULL)
		return; /* it has gone; the lease ends by itself */
	struct json_writer w = desk_json(d);
	if (offers_json(&w, d, &c, n))
		desk_json_send(d, request, lang, 200, &w);
	else
		desk_problem(d, request, lang, &(struct problem){.code = "internal"});
}

/* For each that is parked for this clause; for one that has gone nothing is taken. */
void desk_on_come(struct desk *d, struct bytes payload)
{
	struct cursor c = cursor_on(payload);
	struct bytes  clause = cursor_take16(&c, FETCH_CLAUSE_MOST);

	if (cursor_end(&c) != ERR_OK)
		return;
	for (unsigned i = d->nactive; i-- > 0;) {
		struct pending *p = &d->pending[d->active[i]];
		struct bytes	wanted = buffer_bytes(&p->halves[HALF_CLAUSE]);

		if (p->asked != ASKED_REQUESTS || !p->parked || (wanted.n > 0 && !bytes_equal(wanted, clause)))
			continue;
		if (p->request == NULL)
			pending_end(d, p);
		else if (order_send(d, p) != ERR_OK)
			p->deadline_ms = desk_clock_ms(); /* the tick gives up */
	}
}

void desk_requests_due(struct desk *d, struct pending *p, uint64_t now)
{
	if (now < p->deadline_ms)
		return;
	if (p->parked)
		nothing_answer(d, p);
	else if (now >= p->deadline_ms + DESK_GRACE_MS)
		pending_give_up(d, p, "busy");
}

/* ---- an answer ---- */

static const struct {
	const char  *name;
	enum outcome outcome;
} results[] = {{"hit", OUTCOME_HIT}, {"no-hit", OUTCOME_NO_HIT}, {"refused", OUTCOME_REFUSED}, {"error", OUTCOME_ERROR}};

static bool result_of(struct call *c, struct bytes text, enum outcome *out)
{
	for (size_t i = 0; i < COUNT_OF(results); i++)
		if (bytes_is(text, results[i].name)) {
			*out = results[i].outcome;
			return true;
		}
	return refuse(c, text.n == 0 ? ERR_MISSING : ERR_VALUE, "/result", "hit, no-hit, refused or error",
		      "‏hit أو no-hit أو refused أو error");
}

static bool members_fit(struct call *c, const struct asked_body *body, const struct fetch_answer *a)
{
	bool fields = json_object_get(body->json, "fields") != NULL;

	if (fields != (a->outcome == OUTCOME_HIT))
		return refuse(c, fields ? ERR_VALUE : ERR_MISSING, "/fields", "a hit has fields, and nothing else has",
			      "للنتيجة hit حقول، وليس لغيرها حقول");
	if ((a->reason.n > 0) != (a->outcome == OUTCOME_REFUSED))
		return refuse(c, a->reason.n > 0 ? ERR_VALUE : ERR_MISSING, "/reason", "refused has a reason of the clause, and nothing else has",
			      "للنتيجة refused سبب من أسباب البند، وليس لغيرها سبب");
	return true;
}

/* The views of `out` live as long as the body. */
static bool answer_read(struct call *c, struct asked_body *body, struct fetch_answer *out)
{
	static const char *const members[] = {"result", "fields", "reason"};
	struct bytes		 result = BYTES_NONE;
	struct fault		 fault = {0};
	enum err		 e = json_only(body->json, "", members, COUNT_OF(members), &fault);

	if (e == ERR_OK)
		e = json_text_of(body->json, "", "result", NAME_MOST, &result, &fault);
	if (e == ERR_OK)
		e = json_text_of(body->json, "", "reason", FETCH_REASON_MOST, &out->reason, &fault);
	if (e == ERR_OK)
		e = asked_fields_read(body, &fault);
	if (e != ERR_OK) {
		fault.err = e;
		desk_problem_fault(c, "malformed", &fault);
		return false;
	}
	return result_of(c, result, &out->outcome) && members_fit(c, body, out);
}

static void answer_send(struct call *c, const struct asked_body *body, struct fetch_answer *a)
{
	struct desk    *d = c->desk;
	struct builder	b = builder_on(d->message, sizeof d->message);
	struct pending *p = desk_core_there(d) ? pending_new(c, ASKED_ANSWER, CORE_WAIT_S) : NULL;

	if (p == NULL) {
		core_missing(c);
		return;
	}
	memcpy(p->mid, a->mid, MID_SIZE);
	p->dashes = body->dashes;
	a->ticket = p->ticket;
	a->account = bytes_text(c->token->account);
	a->scope = bytes_text(c->token->clauses);
	a->fields = body->ask.fields;
	fetch_answer_write(&b, a);
	if (b.err == ERR_OK && desk_core_send(d, p, FETCH_ANSWER, builder_bytes(&b)) == ERR_OK)
		return;
	pending_end(d, p);
	core_missing(c);
}

static struct bytes body_bytes(struct call *c)
{
	struct evbuffer *in = evhttp_request_get_input_buffer(c->request);
	size_t		 n = evbuffer_get_length(in);

	return n > 0 ? bytes_of(evbuffer_pullup(in, (ev_ssize_t)n), n) : bytes_text("");
}

static bool body_may_be(struct call *c)
{
	if (!http_is_json(evhttp_find_header(evhttp_request_get_input_headers(c->request), "Content-Type")))
		desk_problem_code(c, "not-json");
	else if (body_bytes(c).n > JSON_BODY_MOST)
		desk_problem_code(c, "too-large");
	else
		return true;
	return false;
}

void desk_answer_post(struct call *c)
{
	static struct asked_body body; /* large; one is read at a time */
	struct fetch_answer	 a = {.outcome = OUTCOME_ERROR};
	struct fault		 fault = {0};

	if (!desk_parameters_known(c, NULL, 0))
		return;
	if (!may_answer(c->token, "")) {
		desk_problem_code(c, "account-not-permitted");
		return;
	}
	if (exchange_id_read(c->part[0], a.mid) != ERR_OK) {
		desk_problem_code(c, "not-found");
		return;
	}
	if (!body_may_be(c))
		return;
	body = (struct asked_body){.json = NULL};
	enum err e = json_read(body_bytes(c), &body.json, &fault);
	if (e != ERR_OK) {
		fault.err = e;
		desk_problem_fault(c, "malformed", &fault);
		return;
	}
	if (answer_read(c, &body, &a))
		answer_send(c, &body, &a);
	asked_body_done(&body);
}

/* It is written: the exchange as it is now is the answer, as at GET /v1/queries/{id}. */
void desk_on_answered(struct desk *d, struct bytes payload)
{
	struct cursor	c = cursor_on(payload);
	struct pending *p = pending_find(d, cursor_u32(&c));

	if (cursor_end(&c) != ERR_OK || p == NULL || p->asked != ASKED_ANSWER)
		return;
	p->asked = ASKED_SHOW;
	p->accepted = true;
	desk_show_again(d, p);
}

void desk_on_not_answered(struct desk *d, struct bytes payload)
{
	struct cursor	    c = cursor_on(payload);
	struct pending	   *p = pending_find(d, cursor_u32(&c));
	struct hash	    agreement;
	struct decision	    decision;
	struct problem_room room = {.detail = ""};

	cursor_copy(&c, agreement.b, HASH_SIZE);
	if (decision_read(&c, &decision) != ERR_OK || cursor_end(&c) != ERR_OK || p == NULL || p->asked != ASKED_ANSWER)
		return;
	const struct agreement *a = papers_agreement(&d->papers, &agreement);
	struct problem		problem = problem_of_decision(&decision, a, p->dashes, p->lang, &room);
	enum lang		lang = p->lang;
	struct evhttp_request  *request = pending_take(d, p);
	if (request != NULL)
		desk_problem(d, request, lang, &problem);
}
