/* desk_docs.c: what a person with a browser on this machine finds: the clauses and how to ask, in both languages. No outside resource. */
#include <stdio.h>

#include "gateway/desk.h"

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
	"4xx: لم يخرج شيء من هنا. 5xx: أعد بالمفتاح Idempotency-Key نفسه.</p>\n"
	"<h2>To try without sending <span lang=\"ar\">تجربة بلا إرسال</span></h2>\n"
	"<p>The same request to <code>/v1/queries?dry_run=true</code> says what would happen, which rule decides and what exactly would be sent. "
	"Nothing is written and nothing is sent. On the command line: <code>mithaq query ... --dry-run</code>.</p>\n"
	"<p lang=\"ar\" dir=\"rtl\">الطلب نفسه إلى <code>/v1/queries?dry_run=true</code> يبيّن ما كان سيحدث والقاعدة التي تقرره وما كان سيُرسل بالضبط. "
	"لا يُكتب شيء ولا يُرسل شيء. وفي سطر الأوامر: <code dir=\"ltr\">mithaq query ... --dry-run</code>.</p>\n"
	"<h2>For a program <span lang=\"ar\">لبرنامج</span></h2>\n"
	"<p>Each clause that we ask under has a description of its own, with its fields, purposes and examples; a client can be generated from it. "
	"It needs a token, as the schemas do: <code>openapi.json</code>, <code>request.schema.json</code>, <code>answer.schema.json</code>, "
	"with <code>Accept-Language: en</code> or <code>ar</code>.</p>\n"
	"<p lang=\"ar\" dir=\"rtl\">لكل بند نستعلم بموجبه وصف خاص به فيه حقوله وأغراضه وأمثلته، ويمكن توليد برنامج عميل منه. "
	"ويلزمه رمز دخول كما يلزم المخططات: <code dir=\"ltr\">openapi.json</code> و<code dir=\"ltr\">request.schema.json</code> "
	"و<code dir=\"ltr\">answer.schema.json</code>، مع <code dir=\"ltr\">Accept-Language: en</code> أو <code dir=\"ltr\">ar</code>.</p>\n"
	"<h2>What happened <span lang=\"ar\">ما جرى</span></h2>\n"
	"<p><code>GET /v1/events</code> tells it by id: a stream of server-sent events (<code>Last-Event-ID</code> goes on where it was), or with "
	"<code>?after=ID&amp;wait=30</code> one answer that waits; a webhook is told the same (<code>webhooks</code> in mithaq.yaml). Types, for "
	"<code>?types=</code>:</p>\n"
	"<p lang=\"ar\" dir=\"rtl\">يخبر <code dir=\"ltr\">GET /v1/events</code> بما جرى بمعرّفه وحده: دفقًا من الأحداث يستأنفه "
	"<code dir=\"ltr\">Last-Event-ID</code> من حيث كان، أو جوابًا واحدًا ينتظر مع <code dir=\"ltr\">?after=ID&amp;wait=30</code>؛ ويُبلَّغ "
	"الخطاف بمثل ذلك (<code>webhooks</code> في mithaq.yaml). والأنواع التي تُذكر في <code dir=\"ltr\">?types=</code>:</p>\n"
	"<pre>query.answered query.refused query.expired query.cancelled query.failed request.waiting\n"
	"partner.up partner.down alarm.raised card.changed agreement.in-force notice.outage notice.incident events.lost</pre>\n"
	"<h2>From another machine <span lang=\"ar\">من جهاز آخر</span></h2>\n"
	"<p>With <code>api: {listen: 10.1.4.9:8443, certificate: FILE}</code> the API speaks TLS 1.2 and 1.3 with the certificate of the house; a "
	"request "
	"names it by a name of that certificate. <code>/readyz</code> says when the certificate has to be renewed.</p>\n"
	"<p lang=\"ar\" dir=\"rtl\">مع <code dir=\"ltr\">api: {listen: 10.1.4.9:8443, certificate: FILE}</code> تتحدث الواجهة TLS 1.2 و1.3 "
	"بشهادة الجهة؛ ويسميها الطلب باسم من أسماء تلك الشهادة. ويبيّن <code>/readyz</code> متى يلزم تجديد الشهادة.</p>\n";

/* No link: it needs a token, which a browser that follows one does not send. */
static void document_name(struct page *p, const struct clause *c, const char *document)
{
	html(p, "<br><code>/v1/clauses/");
	words(p, c->channel);
	html(p, "/");
	words(p, c->name);
	html(p, "/");
	html(p, document);
	html(p, "</code>");
}

static void documents_part(struct page *p, const struct clause *c, bool ours)
{
	html(p, "<small dir=\"ltr\">");
	if (ours)
		document_name(p, c, "openapi.json");
	document_name(p, c, "request.schema.json");
	document_name(p, c, "answer.schema.json");
	html(p, "</small>");
}

static void clause_row(struct page *p, const struct agreement *a, const struct clause *c, int us)
{
	char number[16];

	snprintf(number, sizeof number, "%u", (unsigned)c->number);
	html(p, "<tr><td>");
	html(p, number);
	html(p, "<td><code>");
	words(p, c->channel);
	html(p, "/");
	words(p, c->name);
	html(p, "</code>");
	documents_part(p, c, (int)c->asks == us);
	html(p, "<br><small>");
	words(p, a->party[c->asks].name);
	html(p, " &rarr; ");
	words(p, a->party[c->answers].name);
	html(p, "</small><td lang=\"en\">");
	words(p, texts_in(&c->title, LANG_EN));
	html(p, "<td lang=\"ar\" dir=\"rtl\">");
	words(p, texts_in(&c->title, LANG_AR));
	html(p, "</tr>\n");
}

static void agreement_part(struct page *p, const struct agreement *a, const char *self)
{
	int us = agreement_party(a, bytes_text(self));

	html(p, "<h2>");
	words(p, a->name);
	html(p, "</h2>\n<p lang=\"en\">");
	words(p, texts_in(&a->title, LANG_EN));
	html(p, "</p>\n<p lang=\"ar\" dir=\"rtl\">");
	words(p, texts_in(&a->title, LANG_AR));
	html(p, "</p>\n<table>\n");
	for (unsigned i = 0; i < a->nclauses; i++)
		clause_row(p, a, &a->clause[i], us);
	html(p, "</table>\n");
}

/* Where this gateway listens; with `api: off` there is the socket alone. */
static void address_part(struct page *p, const struct config *config)
{
	char socket[CONFIG_PATH_MOST], address[DESK_ADDRESS_MOST];

	if (config->api_listen != NULL) {
		desk_address(config, address);
		words(p, address);
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
		agreement_part(&p, d->papers.agreement[i], d->process->config->party);
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
