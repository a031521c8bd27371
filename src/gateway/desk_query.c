/* desk_query.c: a question in, an answer out. */
#include <stdio.h>

#include <event2/buffer.h>

#include "gateway/desk.h"
#include "net/http.h"

#define DAY_MS	    86400000ull
#define SHOW_WAIT_S 10 /* for core or reader to say anything at all */

static const char *header_of(const struct call *c, const char *name)
{
	return evhttp_find_header(evhttp_request_get_input_headers(c->request), name);
}

/* ---- POST /v1/queries ---- */

static const char no_body[] = "";

static struct bytes body_of(struct call *c)
{
	struct evbuffer *in = evhttp_request_get_input_buffer(c->request);
	size_t		 n = evbuffer_get_length(in);

	return n > 0 ? bytes_of(evbuffer_pullup(in, (ev_ssize_t)n), n) : bytes_of(no_body, 0);
}

/* The key is text of the caller's; it stays at home. */
static bool key_of(struct call *c, struct bytes *out)
{
	const char  *key = header_of(c, "Idempotency-Key");
	struct fault fault;

	*out = key != NULL ? bytes_text(key) : BYTES_NONE;
	if (key == NULL || (out->n > 0 && out->n <= IDEMPOTENCY_MOST && text_check(*out, TEXT_LINE) == ERR_OK))
		return true;
	fault_at(&fault, ERR_MALFORMED, 0, "", "", "an Idempotency-Key of 1 to 200 characters", "مفتاح Idempotency-Key من 1 إلى 200 حرف");
	desk_problem_fault(c, "malformed", &fault);
	return false;
}

static bool dry_run_of(struct call *c, bool *out)
{
	struct bytes v = desk_parameter(c->query, "dry_run");
	struct fault fault;

	*out = bytes_is(v, "true");
	if (v.n == 0 || *out || bytes_is(v, "false"))
		return true;
	fault_at(&fault, ERR_VALUE, 0, "", "", "dry_run=true or dry_run=false", "‏‎dry_run=true‎ أو ‎dry_run=false‎");
	desk_problem_fault(c, "malformed", &fault);
	return false;
}

static enum err ask_send(struct desk *d, const struct pending *p, const struct ask *ask)
{
	struct builder b = builder_on(d->message, sizeof d->message);

	ask_write(&b, ask);
	return b.err == ERR_OK ? desk_core_send(d, p, DESK_ASK, builder_bytes(&b)) : b.err;
}

static bool core_there(struct call *c)
{
	if (desk_core_there(c->desk))
		return true;
	desk_problem_code(c, c->desk->ledger_stopped ? "ledger-stopped" : "busy");
	return false;
}

static void ask_pass_on(struct call *c, struct asked_body *body)
{
	struct desk    *d = c->desk;
	unsigned	wait = body->ask.dry_run ? SHOW_WAIT_S : http_wait(header_of(c, "Prefer"), DESK_WAIT_S);
	struct pending *p = pending_new(c, body->ask.dry_run ? ASKED_DRY_RUN : ASKED_QUERY, wait);

	if (p == NULL) {
		desk_problem_code(c, "busy");
		return;
	}
	p->dashes = body->dashes;
	(void)clause_asked(&d->papers, d->process->config->party, body->ask.to, body->ask.clause, (int32_t)(desk_wall_ms() / DAY_MS), &p->agreement);
	body->ask.ticket = p->ticket;
	body->ask.account = bytes_text(c->token->account);
	if ((body->ask.dry_run && dry_run_keep(p, &body->ask) != ERR_OK) || ask_send(d, p, &body->ask) != ERR_OK) {
		pending_end(d, p);
		desk_problem_code(c, "busy");
	}
}

static void body_judge(struct call *c, struct asked_body *body)
{
	if (!token_permits(c->token, body->ask.clause)) {
		desk_problem_code(c, "account-not-permitted");
		return;
	}
	if (key_of(c, &body->ask.key) && dry_run_of(c, &body->ask.dry_run) && core_there(c))
		ask_pass_on(c, body);
}

void desk_query_post(struct call *c)
{
	static const char *const known[] = {"dry_run"};
	struct asked_body	 body;
	struct fault		 fault = {0};

	if (!desk_parameters_known(c, known, COUNT_OF(known)))
		return;
	if (!http_is_json(header_of(c, "Content-Type"))) {
		desk_problem_code(c, "not-json");
		return;
	}
	if (body_of(c).n > JSON_BODY_MOST) {
		desk_problem_code(c, "too-large");
		return;
	}
	enum err e = asked_body_read(body_of(c), &body, &fault);
	if (e != ERR_OK) {
		fault.err = e;
		desk_problem_fault(c, "malformed", &fault);
		return;
	}
	body_judge(c, &body);
	asked_body_done(&body);
}

/* ---- what the core says ---- */

/* The withdrawal is durable: what is left is to show the exchange, or to wait for its end. */
static void cancel_written(struct desk *d, struct pending *p)
{
	p->asked = ASKED_SHOW;
	p->accepted = true;
	desk_show_again(d, p);
}

static struct evhttp_request *pending_take(struct desk *d, struct pending *p)
{
	struct evhttp_request *request = p->request;

	pending_end(d, p);
	return request;
}

static bool is_final(enum exchange_state s)
{
	return s != EXCHANGE_ACCEPTED && s != EXCHANGE_DELIVERED;
}

static void exchange_send(struct desk *d, struct evhttp_request *request, enum lang lang, const struct exchange *x, bool replayed)
{
	struct json_writer w = desk_json(d);
	char		   id[29], location[48];

	exchange_id_write(x->mid, id);
	desk_header(request, "Mithaq-Id", id);
	if (replayed)
		desk_header(request, "Idempotent-Replayed", "true");
	if (!is_final(x->state)) {
		snprintf(location, sizeof location, "/v1/queries/%s", id);
		desk_header(request, "Location", location);
	}
	exchange_json(&w, d->process->config->party, &d->papers, x, lang);
	desk_json_send(d, request, lang, is_final(x->state) ? 200 : 202, &w);
}

/* People who wait for this exchange at GET are shown it at once. */
static void wake(struct desk *d, const uint8_t mid[MID_SIZE])
{
	for (unsigned i = 0; i < d->nactive; i++) {
		struct pending *p = &d->pending[d->active[i]];

		if (p->asked == ASKED_SHOW && p->parked && memcmp(p->mid, mid, MID_SIZE) == 0)
			desk_show_again(d, p);
	}
}

/* What comes of a question is told to whoever asked first, and to nobody after a restart. Who repeats it waits as at GET. */
static void replay_wait(struct pending *p)
{
	p->asked = ASKED_SHOW;
	p->waits = p->parked = p->replayed = true;
	p->asked_ms = desk_clock_ms();
}

void desk_on_state(struct desk *d, struct bytes payload)
{
	struct cursor	c = cursor_on(payload);
	uint32_t	ticket = cursor_u32(&c);
	bool		final = cursor_u8(&c) != 0, replayed = cursor_u8(&c) != 0;
	struct exchange x;

	if (exchange_read(&c, &x) != ERR_OK || cursor_end(&c) != ERR_OK) {
		journal(LEVEL_ERROR, "pipe", "the core's DESK_STATE does not read");
		return;
	}
	if (final)
		wake(d, x.mid);
	struct pending *p = pending_find(d, ticket);
	if (p != NULL && p->asked == ASKED_CANCEL)
		cancel_written(d, p);
	if (p == NULL || p->asked != ASKED_QUERY)
		return;
	p->accepted = true;
	memcpy(p->mid, x.mid, MID_SIZE);
	/* Without patience `accepted` is the answer, and so it is when the patience ran out before it came. */
	if (!final && !p->grace && desk_clock_ms() < p->deadline_ms) {
		if (replayed)
			replay_wait(p);
		return;
	}
	enum lang	       lang = p->lang;
	struct evhttp_request *request = pending_take(d, p);
	if (request != NULL)
		exchange_send(d, request, lang, &x, replayed);
}

static unsigned until_midnight_s(void)
{
	return (unsigned)((DAY_MS - desk_wall_ms() % DAY_MS) / 1000) + 1;
}

void desk_on_refused(struct desk *d, struct bytes payload)
{
	struct cursor	    c = cursor_on(payload);
	struct pending	   *p = pending_find(d, cursor_u32(&c));
	struct decision	    decision;
	struct problem_room room = {.detail = ""};

	if (decision_read(&c, &decision) != ERR_OK || cursor_end(&c) != ERR_OK) {
		journal(LEVEL_ERROR, "pipe", "the core's DESK_REFUSED does not read");
		return;
	}
	if (p == NULL || (p->asked != ASKED_QUERY && p->asked != ASKED_DRY_RUN))
		return;
	struct problem problem = problem_of_decision(&decision, p->agreement, p->dashes, p->lang, &room);
	bool	       dry = p->asked == ASKED_DRY_RUN;
	enum lang      lang = p->lang;
	if (decision.refusal == REFUSAL_QUOTA)
		problem.retry_s = until_midnight_s();
	struct evhttp_request *request = pending_take(d, p);
	if (request != NULL && dry)
		would_refuse(d, request, lang, &problem);
	else if (request != NULL)
		desk_problem(d, request, lang, &problem);
}

static const struct {
	const char *code;
	unsigned    retry_s;
} failures[] = {
	[FAILURE_BUSY] = {"busy", 1},
	[FAILURE_UNREACHABLE] = {"partner-unreachable", 5},
	[FAILURE_KEY_REUSED] = {"key-reused", 0},
	[FAILURE_FROZEN] = {"channel-frozen", 0},
	[FAILURE_FETCHING] = {"fetching", 5},
	[FAILURE_INTERNAL] = {"internal", 0},
	[FAILURE_NOT_FOUND] = {"not-found", 0},
	[FAILURE_ENDED] = {"ended", 0},
	[FAILURE_LATE] = {"too-late", 0},
	[FAILURE_LEASED] = {"leased", 0},
};

static bool takes_failure(enum asked asked)
{
	return asked == ASKED_QUERY || asked == ASKED_DRY_RUN || asked == ASKED_CANCEL || asked == ASKED_REQUESTS || asked == ASKED_ANSWER;
}

/* The other's lease ends at this time. */
static void lease_end(struct problem *p)
{
	uint64_t now = desk_wall_ms();

	p->retry_s = p->since_ms > now ? (unsigned)((p->since_ms - now) / 1000) + 1 : 1;
	p->since_ms = 0;
}

void desk_on_failed(struct desk *d, struct bytes payload)
{
	char		cause[200];
	struct cursor	c = cursor_on(payload);
	struct pending *p = pending_find(d, cursor_u32(&c));
	uint8_t		failure = cursor_u8(&c);
	struct problem	problem = {.since_ms = cursor_u64(&c), .cause = cause};
	struct bytes	text = cursor_take16(&c, sizeof cause - 1);

	if (cursor_end(&c) != ERR_OK || failure >= COUNT_OF(failures) || failures[failure].code == NULL) {
		journal(LEVEL_ERROR, "pipe", "the core's DESK_FAILED does not read");
		return;
	}
	if (p == NULL || !takes_failure(p->asked))
		return;
	snprintf(cause, sizeof cause, "%.*s", (int)text.n, (const char *)text.at);
	problem.code = failures[failure].code;
	problem.retry_s = failures[failure].retry_s;
	if (failure == FAILURE_LEASED)
		lease_end(&problem);
	problem.maybe_left = failure == FAILURE_INTERNAL;
	enum lang	       lang = p->lang;
	struct evhttp_request *request = pending_take(d, p);
	if (request != NULL)
		desk_problem(d, request, lang, &problem);
}

/* ---- GET /v1/queries/{id} ---- */

static bool mid_of(struct call *c, uint8_t mid[MID_SIZE])
{
	if (exchange_id_read(c->part[0], mid) == ERR_OK)
		return true;
	desk_problem_code(c, "not-found");
	return false;
}

static void show(struct call *c, enum asked asked, uint8_t type, unsigned wait_s)
{
	uint8_t		mid[MID_SIZE];
	struct desk    *d = c->desk;
	struct pending *p;

	if (!mid_of(c, mid))
		return;
	p = desk_reader_there(d) ? pending_new(c, asked, wait_s > 0 ? wait_s : SHOW_WAIT_S) : NULL;
	if (p == NULL) {
		desk_problem_code(c, "busy");
		return;
	}
	memcpy(p->mid, mid, MID_SIZE);
	p->waits = wait_s > 0;
	p->missing = HALF_READER;
	p->asked_ms = desk_clock_ms();
	if (desk_reader_send(d, p, type) != ERR_OK) {
		pending_end(d, p);
		desk_problem_code(c, "busy");
	}
}

void desk_query_get(struct call *c)
{
	static const char *const known[] = {"wait"};
	struct bytes		 v = desk_parameter(c->query, "wait");
	uint64_t		 wait = 0;
	struct fault		 fault;

	if (!desk_parameters_known(c, known, COUNT_OF(known)))
		return;
	if (v.n > 0 && (decimal_read(v, &wait) != ERR_OK || wait > HTTP_WAIT_MOST)) {
		fault_at(&fault, ERR_VALUE, 0, "", "", "wait=SECONDS, at most 60", "‏‎wait=SECONDS‎، 60 على الأكثر");
		desk_problem_fault(c, "malformed", &fault);
		return;
	}
	show(c, ASKED_SHOW, READER_SHOW, (unsigned)wait);
}

void desk_evidence_get(struct call *c)
{
	if (!desk_parameters_known(c, NULL, 0))
		return;
	/* Only the exchange tells its clause: a token for some clauses is shown it before the bundle is made. */
	show(c, ASKED_EVIDENCE, strcmp(c->token->clauses, "*") == 0 ? READER_EVIDENCE : READER_SHOW, 0);
}

/* Asks the reader once more; past the deadline its answer is shown as it is. */
void desk_show_again(struct desk *d, struct pending *p)
{
	uint64_t now = desk_clock_ms();

	p->parked = false;
	p->asked_ms = now;
	if (desk_reader_send(d, p, READER_SHOW) != ERR_OK)
		p->deadline_ms = now; /* the next tick gives up */
}

/* May the account that asked see this exchange? */
static bool may_see(const struct desk *d, const struct pending *p, const struct exchange *x)
{
	const struct token *token = desk_token(d, &p->token);

	return token != NULL && desk_token_sees(d, token, &x->agreement, x->clause);
}

static void evidence_permitted(struct desk *d, struct pending *p)
{
	p->asked_ms = desk_clock_ms();
	if (desk_reader_send(d, p, READER_EVIDENCE) != ERR_OK)
		p->deadline_ms = p->asked_ms; /* the next tick gives up */
}

/* ---- DELETE /v1/queries/{id} ---- */

/* Only the exchange tells its clause and whose question it is: it is read first, then withdrawn, then shown as it is now. */
void desk_query_delete(struct call *c)
{
	if (desk_parameters_known(c, NULL, 0) && core_there(c))
		show(c, ASKED_CANCEL, READER_SHOW, http_wait(header_of(c, "Prefer"), 0));
}

static enum err cancel_send(struct desk *d, const struct pending *p)
{
	const struct token *token = desk_token(d, &p->token);
	struct withdrawal   w = {.ticket = p->ticket, .account = bytes_text(token != NULL ? token->account : "")};
	struct builder	    b = builder_on(d->message, sizeof d->message);

	memcpy(w.mid, p->mid, MID_SIZE);
	withdrawal_write(&b, &w);
	return b.err == ERR_OK ? desk_core_send(d, p, DESK_CANCEL, builder_bytes(&b)) : ERR_BUSY;
}

/* What stands in the way of withdrawing this exchange, or a problem without a code. */
static struct problem cancel_problem(const struct exchange *x, enum lang lang)
{
	static const char *const not_ours[] = {"the partner asked this; only who asked withdraws", "سأل الشريك هذا، ولا يسحب السؤال إلا من سأله"};

	if (!x->ours)
		return (struct problem){.code = "not-found", .detail = not_ours[lang]};
	return (struct problem){.code = is_final(x->state) ? "ended" : NULL};
}

static void cancel_permitted(struct desk *d, struct pending *p, const struct exchange *x)
{
	enum lang      lang = p->lang;
	struct problem problem = cancel_problem(x, lang);

	if (problem.code == NULL && cancel_send(d, p) == ERR_OK) {
		p->missing = HALF_CORE;
		return;
	}
	if (problem.code == NULL)
		problem = (struct problem){.code = d->ledger_stopped ? "ledger-stopped" : "busy", .retry_s = 1};
	struct evhttp_request *request = pending_take(d, p);
	if (request != NULL)
		desk_problem(d, request, lang, &problem);
}

/* ---- what the reader shows ---- */

void desk_on_exchange(struct desk *d, struct bytes payload)
{
	struct cursor	c = cursor_on(payload);
	struct pending *p = pending_find(d, cursor_u32(&c));
	bool		found = cursor_u8(&c) != 0;
	struct exchange x = {.ours = false};

	if (found && (exchange_read(&c, &x) != ERR_OK || cursor_end(&c) != ERR_OK)) {
		journal(LEVEL_ERROR, "pipe", "the reader's READER_EXCHANGE does not read");
		return;
	}
	if (p == NULL || (p->asked != ASKED_SHOW && p->asked != ASKED_EVIDENCE && p->asked != ASKED_CANCEL))
		return;
	bool seen = found && may_see(d, p, &x);
	if (seen && p->asked == ASKED_CANCEL) {
		cancel_permitted(d, p, &x);
		return;
	}
	if (seen && p->asked == ASKED_EVIDENCE) {
		evidence_permitted(d, p);
		return;
	}
	if (seen && p->waits && !is_final(x.state) && desk_clock_ms() < p->deadline_ms) {
		p->parked = true;
		return;
	}
	const struct problem   nothing = {.code = "not-found"};
	enum lang	       lang = p->lang;
	bool		       replayed = p->replayed;
	struct evhttp_request *request = pending_take(d, p);
	if (request == NULL)
		return;
	if (seen)
		exchange_send(d, request, lang, &x, replayed);
	else
		desk_problem(d, request, lang, &nothing);
}

/* ---- evidence ---- */

void desk_on_bundle(struct desk *d, struct bytes payload)
{
	struct cursor	c = cursor_on(payload);
	struct pending *p = pending_find(d, cursor_u32(&c));
	uint16_t	e = cursor_u16(&c);
	struct bytes	bundle = cursor_rest(&c);
	char		id[29], name[96];

	if (cursor_err(&c) != ERR_OK || p == NULL || p->asked != ASKED_EVIDENCE)
		return;
	const struct problem problem = {.code = e == ERR_NOT_FOUND ? "not-found" : e == ERR_BUSY ? "busy" : "internal"};
	enum lang	     lang = p->lang;
	exchange_id_write(p->mid, id);
	struct evhttp_request *request = pending_take(d, p);
	if (request == NULL)
		return;
	if (e != ERR_OK) {
		desk_problem(d, request, lang, &problem);
		return;
	}
	snprintf(name, sizeof name, "attachment; filename=\"%s.mithaq\"", id);
	desk_header(request, "Mithaq-Id", id);
	desk_header(request, "Content-Disposition", name);
	desk_reply(request, 200, "application/x-tar", bundle);
}

/* ---- the patience ran out ---- */

static void accepted_send(struct desk *d, struct evhttp_request *request, enum lang lang, const uint8_t mid[MID_SIZE])
{
	struct json_writer w = desk_json(d);
	char		   id[29], location[48];

	exchange_id_write(mid, id);
	snprintf(location, sizeof location, "/v1/queries/%s", id);
	desk_header(request, "Mithaq-Id", id);
	desk_header(request, "Location", location);
	json_open(&w, '{');
	json_member(&w, "id", id);
	json_member(&w, "object", "query");
	json_member(&w, "state", exchange_state_name(EXCHANGE_ACCEPTED));
	json_member_open(&w, "links", '{');
	json_member(&w, "self", location);
	json_close(&w, '}');
	json_close(&w, '}');
	desk_json_send(d, request, lang, 202, &w);
}

/*
 * With an entry the answer is 202 and its address. Without one nobody knows yet
 * whether there will be one: we wait a little longer, then 503, and a repeat with
 * the same Idempotency-Key finds out.
 */
void desk_query_deadline(struct desk *d, struct pending *p)
{
	const struct problem busy = {.code = "busy", .retry_s = 1, .maybe_left = true};
	uint8_t		     mid[MID_SIZE];
	bool		     accepted = p->accepted;

	if (!accepted && !p->grace) {
		p->grace = true;
		p->deadline_ms += DESK_GRACE_MS;
		return;
	}
	memcpy(mid, p->mid, MID_SIZE);
	enum lang	       lang = p->lang;
	struct evhttp_request *request = pending_take(d, p);
	if (request == NULL)
		return;
	if (accepted)
		accepted_send(d, request, lang, mid);
	else
		desk_problem(d, request, lang, &busy);
}
