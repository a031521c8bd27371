/* desk_status.c: partners and links as the core sees them, ledgers as the reader sees them, joined; and two addresses for watchdogs. */
#include <stdio.h>

#include "gateway/desk.h"

#define STATUS_WAIT_S 10

void desk_status_get(struct call *c)
{
	uint8_t		memory[4];
	struct builder	b = builder_on(memory, sizeof memory);
	struct desk    *d = c->desk;
	struct pending *p;

	if (!desk_parameters_known(c, NULL, 0))
		return;
	p = desk_reader_there(d) && desk_core_there(d) ? pending_new(c, ASKED_STATUS, STATUS_WAIT_S) : NULL;
	if (p == NULL) {
		desk_problem_code(c, d->ledger_stopped ? "ledger-stopped" : "busy");
		return;
	}
	p->missing = HALF_CORE | HALF_READER;
	build_u32(&b, p->ticket);
	if (desk_core_send(d, p, DESK_PARTNERS, builder_bytes(&b)) != ERR_OK || desk_reader_send(d, p, READER_STATUS) != ERR_OK) {
		pending_end(d, p);
		desk_problem_code(c, "busy");
	}
}

/* ---- the two halves as JSON; false when a half does not read ---- */

/* Names of channels, as an array. */
static void names_json(struct json_writer *w, const char *member, const char *names)
{
	char name[NAME_MOST + 1];

	json_member_open(w, member, '[');
	while (*names != '\0') {
		size_t n = strcspn(names, ",");

		snprintf(name, sizeof name, "%.*s", (int)n, names);
		json_string_put(w, name);
		names += names[n] == ',' ? n + 1 : n;
	}
	json_close(w, ']');
}

static void partner_json(struct json_writer *w, const struct partner_state *p, enum lang lang)
{
	char since[25];

	json_open(w, '{');
	json_member(w, "name", p->name);
	json_key(w, "connected");
	json_bool(w, p->connected);
	if (p->since_ms != 0) {
		time_write(p->since_ms, since);
		json_member(w, "since", since);
	}
	if (!p->connected)
		cause_json(w, p->cause, lang);
	json_member_number(w, "unreceipted", p->unreceipted);
	json_member_number(w, "in_force", p->in_force);
	if (p->skew_known) {
		json_key(w, "clock_skew_ms");
		json_integer_put(w, p->skew_ms);
	}
	names_json(w, "frozen", p->frozen);
	names_json(w, "fetching", p->fetching);
	names_json(w, "waiting", p->waiting);
	json_close(w, '}');
}

static bool partners_json(struct json_writer *w, struct bytes half, enum lang lang)
{
	struct cursor	     c = cursor_on(half);
	struct partner_state p;

	json_member_open(w, "partners", '[');
	for (uint16_t n = cursor_u16(&c); n > 0 && partner_state_read(&c, &p) == ERR_OK; n--)
		partner_json(w, &p, lang);
	json_close(w, ']');
	return cursor_end(&c) == ERR_OK;
}

static void log_json(struct json_writer *w, const char *key, const char *origin, uint64_t size, const struct hash *root)
{
	char hex[2 * HASH_SIZE + 1];

	hex_write(root->b, HASH_SIZE, hex);
	json_member_open(w, key, '{');
	json_member(w, "origin", origin);
	json_member_number(w, "size", size);
	json_member(w, "root", hex);
}

static void channel_json(struct json_writer *w, const struct channel_status *s)
{
	char hex[2 * HASH_SIZE + 1];

	hex_write(s->ledgers.b, HASH_SIZE, hex);
	json_open(w, '{');
	json_member(w, "partner", s->partner);
	json_member(w, "channel", s->channel);
	log_json(w, "own", s->own_origin, s->own_size, &s->own_root);
	json_member_number(w, "receipted", s->own_receipted);
	json_close(w, '}');
	log_json(w, "peer", s->peer_origin, s->peer_size, &s->peer_root);
	json_close(w, '}');
	json_member(w, "ledgers", hex);
	json_member_number(w, "asked", s->asked);
	json_member_number(w, "answered", s->answered);
	json_member_number(w, "refused", s->refused);
	json_member_number(w, "unanswered", s->unanswered);
	json_close(w, '}');
}

static bool channels_json(struct json_writer *w, struct bytes half)
{
	struct cursor	      c = cursor_on(half);
	struct channel_status s;

	json_member_open(w, "channels", '[');
	for (uint16_t n = cursor_u16(&c); n > 0 && channel_status_read(&c, &s) == ERR_OK; n--)
		channel_json(w, &s);
	json_close(w, ']');
	return cursor_end(&c) == ERR_OK;
}

static bool status_json(struct desk *d, struct json_writer *w, const struct pending *p)
{
	char started[25];

	time_write(d->started_ms, started);
	json_open(w, '{');
	json_member(w, "party", d->process->config->party);
	json_member(w, "version", MITHAQ_VERSION);
	json_member(w, "environment", d->papers.card[0]->live ? "live" : "test");
	json_member(w, "started", started);
	bool whole = partners_json(w, buffer_bytes(&p->halves[0]), p->lang);
	whole = channels_json(w, buffer_bytes(&p->halves[1])) && whole;
	json_close(w, '}');
	return whole;
}

/* One half came; the answer leaves with the second. */
static void half_came(struct desk *d, struct bytes payload, unsigned half)
{
	struct cursor	c = cursor_on(payload);
	struct pending *p = pending_find(d, cursor_u32(&c));

	if (cursor_err(&c) != ERR_OK || p == NULL || p->asked != ASKED_STATUS || (p->missing & half) == 0)
		return;
	struct buffer *keep = &p->halves[half == HALF_READER];
	keep->most = DESK_ANSWER_MOST;
	bool kept = buffer_add(keep, cursor_rest(&c)) == ERR_OK;
	p->missing &= ~half;
	if (kept && p->missing != 0)
		return;
	const struct problem   internal = {.code = "internal"};
	struct json_writer     w = desk_json(d);
	enum lang	       lang = p->lang;
	bool		       whole = kept && status_json(d, &w, p);
	struct evhttp_request *request = p->request;
	pending_end(d, p);
	if (request != NULL && whole)
		desk_json_send(d, request, lang, 200, &w);
	else if (request != NULL)
		desk_problem(d, request, lang, &internal);
}

void desk_on_partners(struct desk *d, struct bytes payload)
{
	half_came(d, payload, HALF_CORE);
}

void desk_on_status(struct desk *d, struct bytes payload)
{
	half_came(d, payload, HALF_READER);
}

/* ---- for watchdogs ---- */

void desk_health_get(struct call *c)
{
	desk_reply(c->request, 200, "text/plain; charset=utf-8", bytes_text("ok\n"));
}

/* The links do not hang on the certificate of the api: what is said of it is for a person, and the status stays. */
void desk_ready_get(struct call *c)
{
	bool ready = desk_core_there(c->desk) && desk_reader_there(c->desk);
	char line[200], text[240];

	certificate_line(c->desk, line, sizeof line);
	(void)snprintf(text, sizeof text, "%s\n%s", ready ? "ready" : "not ready", line);
	desk_reply(c->request, ready ? 200 : 503, "text/plain; charset=utf-8", bytes_text(text));
}
