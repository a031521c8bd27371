/* desk_clauses.c: what may be asked of whom. */
#include <stdio.h>

#include "gateway/desk.h"

#define DAY_MS	       ((uint64_t)86400000)
#define CLAUSES_WAIT_S 10

static const char *state_on(const struct agreement *a, int32_t today)
{
	if (today < a->from_day)
		return "not-in-force-yet";
	return today > a->until_day ? "ended" : "in-force";
}

static void purposes_json(struct json_writer *w, const struct clause *c, enum lang lang)
{
	json_member_open(w, "purposes", '[');
	for (unsigned i = 0; i < c->npurposes; i++) {
		json_open(w, '{');
		json_member(w, "code", c->purpose[i]->name);
		json_member(w, "text", texts_in(&c->purpose[i]->text, lang));
		json_close(w, '}');
	}
	json_close(w, ']');
}

static bool quotas_read(struct bytes rows)
{
	struct quota_used row;
	struct cursor	  c = cursor_on(rows);

	while (cursor_left(&c) > 0)
		if (quota_used_read(&c, &row) != ERR_OK)
			return false;
	return true;
}

/* A clause without a row has used none. */
static uint64_t quotas_find(const struct quotas *q, const struct agreement *a, const struct clause *clause)
{
	struct quota_used row;
	struct cursor	  c = cursor_on(q->rows);

	while (cursor_left(&c) > 0 && quota_used_read(&c, &row) == ERR_OK)
		if (row.clause == clause->number && hash_equal(&row.agreement, &a->id))
			return row.used;
	return 0;
}

static void quota_json(struct json_writer *w, const struct clauses *list, const struct agreement *a, const struct clause *c)
{
	char resets[25];

	json_member_open(w, "quota", '{');
	json_member_number(w, "per_day", c->per_day);
	if (list->quotas != NULL) {
		time_write((uint64_t)(list->quotas->day + 1) * DAY_MS, resets);
		json_member_number(w, "used", quotas_find(list->quotas, a, c));
		json_member(w, "resets", resets);
	}
	json_close(w, '}');
}

static void address_json(struct json_writer *w, const char *member, const char *clause, const char *document)
{
	char address[2 * NAME_MOST + 64];

	snprintf(address, sizeof address, "/v1/clauses/%s/%s", clause, document);
	json_member(w, member, address);
}

static void clause_row(struct json_writer *w, const struct clauses *list, const struct agreement *a, const struct clause *c, enum lang lang)
{
	char name[2 * NAME_MOST + 4];

	snprintf(name, sizeof name, "%s/%s", c->channel, c->name);
	json_open(w, '{');
	json_member(w, "clause", name);
	json_member_number(w, "number", c->number);
	json_member(w, "agreement", a->name);
	json_member_number(w, "version", a->version);
	json_member(w, "pattern", "query");
	json_member(w, "from", a->party[c->asks].name);
	json_member(w, "to", a->party[c->answers].name);
	json_member(w, "title", texts_in(&c->title, lang));
	purposes_json(w, c, lang);
	address_json(w, "request_schema", name, "request.schema.json");
	address_json(w, "answer_schema", name, "answer.schema.json");
	if ((int)c->asks == agreement_party(a, bytes_text(list->self)))
		address_json(w, "openapi", name, "openapi.json");
	if (c->per_day > 0)
		quota_json(w, list, a, c);
	json_member(w, "state", state_on(a, list->today));
	json_close(w, '}');
}

static void agreement_rows(struct json_writer *w, const struct clauses *list, const struct agreement *a, enum lang lang)
{
	int us = agreement_party(a, bytes_text(list->self));

	for (unsigned i = 0; i < a->nclauses; i++) {
		bool ours = (int)a->clause[i].asks == us;

		if (list->asks[0] == '\0' || ours == (strcmp(list->asks, "me") == 0))
			clause_row(w, list, a, &a->clause[i], lang);
	}
}

void clauses_json(struct json_writer *w, const struct clauses *list, enum lang lang)
{
	json_open(w, '{');
	json_member_open(w, "data", '[');
	for (unsigned i = 0; i < list->papers->nagreements; i++)
		agreement_rows(w, list, list->papers->agreement[i], lang);
	json_close(w, ']');
	json_key(w, "next");
	json_nothing(w);
	json_close(w, '}');
}

static void clauses_send(struct desk *d, struct evhttp_request *request, const char *asks, const struct quotas *quotas, enum lang lang)
{
	struct json_writer   w = desk_json(d);
	const struct clauses list = {
		.papers = &d->papers, .self = d->process->config->party, .asks = asks, .today = (int32_t)(desk_wall_ms() / DAY_MS), .quotas = quotas};

	clauses_json(&w, &list, lang);
	desk_json_send(d, request, lang, 200, &w);
}

/* The core alone knows what was used today. False: it is not there. */
static bool quotas_ask(struct call *c, const char *asks)
{
	uint8_t		memory[4];
	struct builder	b = builder_on(memory, sizeof memory);
	struct desk    *d = c->desk;
	struct pending *p = desk_core_there(d) ? pending_new(c, ASKED_CLAUSES, CLAUSES_WAIT_S) : NULL;

	if (p == NULL)
		return false;
	p->asks = asks;
	build_u32(&b, p->ticket);
	if (desk_core_send(d, p, DESK_QUOTAS, builder_bytes(&b)) == ERR_OK)
		return true;
	pending_end(d, p);
	return false;
}

void desk_on_quotas(struct desk *d, struct bytes payload)
{
	struct cursor	c = cursor_on(payload);
	struct pending *p = pending_find(d, cursor_u32(&c));
	struct quotas	quotas = {.day = (int32_t)cursor_u32(&c)};

	quotas.rows = cursor_rest(&c);
	if (cursor_err(&c) != ERR_OK || quotas.day < 0 || !quotas_read(quotas.rows)) {
		journal(LEVEL_ERROR, "pipe", "the core's DESK_QUOTAS_ARE does not read");
		return;
	}
	if (p == NULL || p->asked != ASKED_CLAUSES)
		return;
	struct evhttp_request *request = p->request;
	const char	      *asks = p->asks;
	enum lang	       lang = p->lang;
	pending_end(d, p);
	if (request != NULL)
		clauses_send(d, request, asks, &quotas, lang);
}

/* The catalogue is true without the core too; then nobody can say what was used. */
void desk_clauses_get(struct call *c)
{
	static const char *const known[] = {"asks"};
	struct bytes		 asks = desk_parameter(c->query, "asks");
	struct fault		 fault;

	if (!desk_parameters_known(c, known, COUNT_OF(known)))
		return;
	if (asks.n > 0 && !bytes_is(asks, "me") && !bytes_is(asks, "them")) {
		fault_at(&fault, ERR_VALUE, 0, "", "", "asks=me or asks=them", "‏‎asks=me‎ أو ‎asks=them‎");
		desk_problem_fault(c, "malformed", &fault);
		return;
	}
	const char *whose = asks.n == 0 ? "" : bytes_is(asks, "me") ? "me" : "them";
	if (!quotas_ask(c, whose))
		clauses_send(c->desk, c->request, whose, NULL, c->lang);
}
