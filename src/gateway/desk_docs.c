/* desk_docs.c: what a person with a browser on this machine finds: the clauses and how to ask, in both languages. No outside resource. */
#include <stdio.h>

#include "gateway/desk.h"

void desk_openapi_get(struct call *c)
{
	desk_reply(c->request, 200, "application/json", bytes_of(openapi_json, openapi_json_size));
}

/* ---- HTML ---- */

struct page {
	struct buffer *out;
	enum err       err;
};

static void put(struct page *p, struct bytes v)
{
	if (p->err == ERR_OK && v.n > 0)
		p->err = buffer_add(p->out, v);
}

/* Markup of ours. */
static void html(struct page *p, const char *text)
{
	put(p, bytes_text(text));
}

/* Words of the agreement: they become text and nothing else. */
static void words(struct page *p, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '<')
			html(p, "&lt;");
		else if (*text == '>')
			html(p, "&gt;");
		else if (*text == '&')
			html(p, "&amp;");
		else if (*text == '"')
			html(p, "&quot;");
		else
			put(p, bytes_of(text, 1));
	}
}

static const char head[] =
	"<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>mithaq ميثاق</title>\n"
	"<style>body{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 "
	"1rem}pre{background:#eee;padding:.7rem;overflow:auto;direction:ltr;text-align:left}"
	"table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #ccc;padding:.3rem;text-align:start}</style>\n"
	"<h1>mithaq <span lang=\"ar\">ميثاق</span></h1>\n"
	"<p>Nothing crosses but what an agreement that both parties signed permits. The API is described in "
	"<a href=\"/v1/openapi.json\">/v1/openapi.json</a>.</p>\n"
	"<p lang=\"ar\" dir=\"rtl\">لا يعبر إلا ما يجيزه اتفاق وقّعه الطرفان. وصف الواجهة في <a href=\"/v1/openapi.json\">/v1/openapi.json</a>.</p>\n";

static const char how[] = "<h2>How to ask <span lang=\"ar\">كيف تستعلم</span></h2>\n<pre>"
			  "mithaq token new my-application          # shown once / يظهر مرة واحدة\n\n"
			  "curl -s ";

static const char how_then[] =
	"/v1/queries \\\n  -H \"Authorization: Bearer $TOKEN\" -H \"Content-Type: application/json\" \\\n"
	"  -H \"Idempotency-Key: my-request-1\" -H \"Prefer: wait=10\" -H \"Accept-Language: ar\" \\\n"
	"  -d '{\"clause\": \"channel/name\", \"purpose\": \"...\", \"fields\": {\"...\": \"...\"}}'</pre>\n"
	"<p>200: the body is the exchange; a partner's refusal is an answer too. 202: not answered yet, ask again at Location. "
	"4xx: nothing left the house. 5xx: repeat with the same Idempotency-Key.</p>\n"
	"<p lang=\"ar\" dir=\"rtl\">200: المتن هو التبادل، ورفض الشريك جواب أيضًا. 202: لا جواب بعد، فاسأل العنوان الوارد في Location. "
	"4xx: لم يخرج شيء من هنا. 5xx: أعد بالمفتاح Idempotency-Key نفسه.</p>\n";

static void clause_row(struct page *p, const struct agreement *a, const struct clause *c)
{
	char number[16];

	snprintf(number, sizeof number, "%u", (unsigned)c->number);
	html(p, "<tr><td>");
	html(p, number);
	html(p, "<td><code>");
	words(p, c->channel);
	html(p, "/");
	words(p, c->name);
	html(p, "</code><br><small>");
	words(p, a->party[c->asks].name);
	html(p, " &rarr; ");
	words(p, a->party[c->answers].name);
	html(p, "</small><td lang=\"en\">");
	words(p, texts_in(&c->title, LANG_EN));
	html(p, "<td lang=\"ar\" dir=\"rtl\">");
	words(p, texts_in(&c->title, LANG_AR));
	html(p, "</tr>\n");
}

static void agreement_part(struct page *p, const struct agreement *a)
{
	html(p, "<h2>");
	words(p, a->name);
	html(p, "</h2>\n<p lang=\"en\">");
	words(p, texts_in(&a->title, LANG_EN));
	html(p, "</p>\n<p lang=\"ar\" dir=\"rtl\">");
	words(p, texts_in(&a->title, LANG_AR));
	html(p, "</p>\n<table>\n");
	for (unsigned i = 0; i < a->nclauses; i++)
		clause_row(p, a, &a->clause[i]);
	html(p, "</table>\n");
}

/* Where this gateway listens; with `api: off` there is the socket alone. */
static void address_part(struct page *p, const struct config *config)
{
	char socket[CONFIG_PATH_MOST];

	if (config->api_listen != NULL) {
		html(p, "http://");
		words(p, config->api_listen);
	} else if (config_data_path(config, "api.sock", socket) == ERR_OK) {
		html(p, "--unix-socket ");
		words(p, socket);
		html(p, " http://localhost");
	}
}

void desk_docs_get(struct call *c)
{
	struct desk *d = c->desk;
	struct page  p = {.out = &d->out};

	d->out.n = 0;
	html(&p, head);
	for (unsigned i = 0; i < d->papers.nagreements; i++)
		agreement_part(&p, d->papers.agreement[i]);
	html(&p, how);
	address_part(&p, d->process->config);
	html(&p, how_then);
	if (p.err != ERR_OK) {
		desk_problem_code(c, "internal");
		return;
	}
	desk_header(c->request, "Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'");
	desk_reply(c->request, 200, "text/html; charset=utf-8", buffer_bytes(&d->out));
}
