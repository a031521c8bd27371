/* desk_dry.c: a dry run: what the decision would be, why, and what exactly would leave the house. Nothing is written. */
#include <stdio.h>

#include "gateway/desk.h"

/* {"to": ..., "clause": ..., "purpose": ..., "case": ..., "fields": {...}}, with the names of fields as the caller wrote them. */
static void sends_json(struct json_writer *w, const struct agreement *a, const struct ask *ask, bool dashes)
{
	const struct clause *c = a != NULL ? agreement_clause_named(a, ask->clause) : NULL;
	char		     name[NAME_MOST + 1];

	json_open(w, '{');
	if (c != NULL)
		json_member(w, "to", a->party[c->answers].name);
	json_member_text(w, "clause", ask->clause);
	json_member_text(w, "purpose", ask->purpose);
	if (ask->reference.n > 0)
		json_member_text(w, "case", ask->reference);
	json_member_open(w, "fields", '{');
	for (unsigned i = 0; i < ask->fields.n; i++) {
		if (dashes)
			(void)snprintf(name, sizeof name, "%.*s", (int)ask->fields.at[i].name.n, (const char *)ask->fields.at[i].name.at);
		else
			api_name(ask->fields.at[i].name, name, sizeof name);
		json_member_text(w, name, ask->fields.at[i].value);
	}
	json_close(w, '}');
	json_close(w, '}');
}

/* The core answers with a decision and a number: what was asked is kept until then. */
enum err dry_run_keep(struct pending *p, const struct ask *ask)
{
	p->halves[0] = (struct buffer){.most = DESK_ANSWER_MOST};
	struct json_writer w = json_writer_on(&p->halves[0]);

	sends_json(&w, p->agreement, ask, p->dashes);
	p->officer = ask->officer.n > 0;
	return w.err;
}

static void quota_json(struct json_writer *w, const struct clause *c, uint64_t used)
{
	if (c == NULL || c->per_day == 0)
		return;
	json_member_open(w, "quota", '{');
	json_member_number(w, "per_day", c->per_day);
	json_member_number(w, "used", used);
	json_member_number(w, "left", used < c->per_day ? c->per_day - used : 0);
	json_close(w, '}');
}

static void stays_json(struct json_writer *w, bool officer)
{
	json_member_open(w, "stays", '[');
	if (officer)
		json_string_put(w, "officer");
	json_close(w, ']');
}

static void because_json(struct json_writer *w, uint16_t number, enum lang lang)
{
	static const char *const before[] = {"clause", "البند"};
	static const char *const after[] = {"permits this question", "يجيز هذا الاستعلام"};
	static const char *const remedy[] = {"leave dry_run out to send it", "احذف dry_run لإرساله"};
	char			 text[96];

	(void)snprintf(text, sizeof text, "%s %u %s", before[lang], (unsigned)number, after[lang]);
	json_member(w, "because", text);
	json_member(w, "remedy", remedy[lang]);
}

static void would_send(struct json_writer *w, const struct pending *p, uint16_t number, uint64_t used)
{
	const struct clause *clause = p->agreement != NULL ? agreement_clause(p->agreement, number) : NULL;
	char		     rule[16];

	(void)snprintf(rule, sizeof rule, "%u", (unsigned)number);
	json_open(w, '{');
	json_member(w, "would", "send");
	json_member_number(w, "clause", number);
	json_member(w, "rule", rule);
	because_json(w, number, p->lang);
	json_key(w, "sends");
	json_raw(w, buffer_bytes(&p->halves[0]));
	stays_json(w, p->officer);
	quota_json(w, clause, used);
	json_close(w, '}');
}

void desk_on_permitted(struct desk *d, struct bytes payload)
{
	struct cursor	c = cursor_on(payload);
	struct pending *p = pending_find(d, cursor_u32(&c));
	uint16_t	number = cursor_u16(&c);
	uint64_t	used = cursor_u64(&c);

	if (cursor_end(&c) != ERR_OK || p == NULL || p->asked != ASKED_DRY_RUN)
		return;
	struct json_writer     w = desk_json(d);
	enum lang	       lang = p->lang;
	struct evhttp_request *request = p->request;
	would_send(&w, p, number, used);
	pending_end(d, p);
	if (request != NULL)
		desk_json_send(d, request, lang, 200, &w);
}

/* The answer to a dry run is an answer, not a problem. */
void would_refuse(struct desk *d, struct evhttp_request *request, enum lang lang, const struct problem *p)
{
	struct json_writer w = desk_json(d);

	json_open(&w, '{');
	json_member(&w, "would", "refuse");
	json_member(&w, "code", p->code);
	if (p->clause != 0)
		json_member_number(&w, "clause", p->clause);
	json_member(&w, "rule", p->rule);
	json_member(&w, "because", p->detail != NULL ? p->detail : "");
	json_member(&w, "pointer", p->pointer);
	problem_allowed_json(&w, p->allowed);
	json_member(&w, "remedy", p->remedy != NULL ? p->remedy : "");
	json_close(&w, '}');
	desk_json_send(d, request, lang, 200, &w);
}
