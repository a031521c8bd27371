/* config_provide.c: `provide:`, where the answers to each clause come from: one function per key, one table of sources. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "proc/config_inside.h"

#define DEFAULT_TIMEOUT_MS 2000
#define STATEMENT_MOST	   8192

static enum err read_sqlite(struct reading *r, const struct yaml *node, void *into)
{
	struct config_provider *provider = into;

	return config_file(r, node, &provider->sqlite);
}

static enum err read_odbc(struct reading *r, const struct yaml *node, void *into)
{
	struct config_provider *provider = into;

	return config_text(r, node, &provider->odbc);
}

static enum err read_statement(struct reading *r, const struct yaml *node, void *into)
{
	struct config_provider *provider = into;

	if (node->kind == YAML_SCALAR && strlen(node->text) > STATEMENT_MOST)
		return config_refuse(r, node, ERR_TOO_LONG, "make a view in the database and select from it",
				     "أنشئ في قاعدة البيانات عرضًا (view) واستعلم منه");
	return config_text(r, node, &provider->statement);
}

static enum err read_timeout(struct reading *r, const struct yaml *node, void *into)
{
	struct config_provider *provider = into;

	if (node->kind != YAML_SCALAR || duration_read(node->text, &provider->timeout_ms))
		return config_refuse(r, node, ERR_VALUE, "write a number and its unit, such as 500 ms or 2 s; 60 s is the most",
				     "اكتب رقمًا ووحدته مثل 500 ms أو 2 s، والحد الأقصى 60 s");
	return ERR_OK;
}

/* ---- http ---- */

static enum err read_http(struct reading *r, const struct yaml *node, void *into)
{
	struct config_provider *provider = into;

	if (node->kind != YAML_SCALAR || config_url_check(node->text))
		return config_refuse(r, node, ERR_VALUE, "write it as http://host:port/path/{field}", "اكتبه بصيغة http://host:port/path/{field}");
	return config_text(r, node, &provider->http);
}

static enum err read_method(struct reading *r, const struct yaml *node, void *into)
{
	struct config_provider *provider = into;

	if (node->kind != YAML_SCALAR || (strcmp(node->text, "GET") != 0 && strcmp(node->text, "POST") != 0))
		return config_refuse(r, node, ERR_VALUE, "GET or POST", "GET أو POST");
	return config_text(r, node, &provider->method);
}

static enum err read_body(struct reading *r, const struct yaml *node, void *into)
{
	struct config_provider *provider = into;

	if (node->kind == YAML_SCALAR && strlen(node->text) > STATEMENT_MOST)
		return config_refuse(r, node, ERR_TOO_LONG, "a shorter body", "نص أقصر");
	return config_text(r, node, &provider->body);
}

static enum err read_credential(struct reading *r, const struct yaml *node, void *into)
{
	struct config_provider *provider = into;

	return config_credential(r, node, &provider->credential);
}

/* `key: value` lines as pairs. */
static enum err read_pairs(struct reading *r, const struct yaml *node, struct config_pair *out, unsigned most, unsigned *n)
{
	if (node->kind != YAML_MAP || node->n == 0)
		return config_refuse(r, node, ERR_VALUE, "write `from: to` lines here", "اكتب هنا أسطرًا بصيغة «من: إلى»");
	if (node->n > most)
		return config_refuse(r, node, ERR_TOO_LONG, "fewer lines", "أسطر أقل");
	for (unsigned i = 0; i < node->n; i++) {
		out[i].from = arena_text(&r->c->arena, bytes_text(node->at[i]->key));
		if (!out[i].from)
			return config_refuse(r, node, ERR_MEMORY, NULL, NULL);
		enum err e = config_text(r, node->at[i], &out[i].to);
		if (e)
			return e;
	}
	*n = node->n;
	return ERR_OK;
}

/* Header names are tokens (RFC 9110 5.6.2), and those that frame the message are ours. */
static bool header_ok(const struct config_pair *h)
{
	static const char *const ours[] = {"host",	"content-length", "transfer-encoding", "connection",  "authorization",
					   "mithaq-id", "mithaq-from",	  "mithaq-purpose",    "traceparent", "content-type"};

	for (size_t i = 0; i < COUNT_OF(ours); i++)
		if (strcasecmp(ours[i], h->from) == 0)
			return false;
	for (const char *at = h->from; *at; at++)
		if (!isalnum((unsigned char)*at) && *at != '-' && *at != '_')
			return false;
	return *h->from && text_check(bytes_text(h->to), TEXT_LINE) == ERR_OK;
}

static enum err read_headers(struct reading *r, const struct yaml *node, void *into)
{
	struct config_provider *provider = into;
	enum err		e = read_pairs(r, node, provider->header, CONFIG_HEADERS_MOST, &provider->nheaders);

	for (unsigned i = 0; !e && i < provider->nheaders; i++)
		if (!header_ok(&provider->header[i]))
			e = config_refuse(r, node->at[i], ERR_VALUE, "this header is set by mithaq itself, or is not one",
					  "هذه الترويسة تضعها mithaq بنفسها، أو ليست ترويسة");
	return e;
}

static bool status_read(const char *text, unsigned *out)
{
	uint64_t v;

	if (decimal_read(bytes_text(text), &v) || v < 100 || v > 599)
		return false;
	*out = (unsigned)v;
	return true;
}

static enum err read_no_hit(struct reading *r, const struct yaml *node, void *into)
{
	struct config_provider *provider = into;

	if (node->kind != YAML_LIST || node->n == 0 || node->n > CONFIG_STATUSES_MOST)
		return config_refuse(r, node, ERR_VALUE, "write a list of HTTP statuses: [404]", "اكتب قائمة حالات HTTP: [404]");
	for (unsigned i = 0; i < node->n; i++)
		if (node->at[i]->kind != YAML_SCALAR || !status_read(node->at[i]->text, &provider->no_hit[i]))
			return config_refuse(r, node, ERR_VALUE, "write a list of HTTP statuses: [404]", "اكتب قائمة حالات HTTP: [404]");
	provider->nno_hit = node->n;
	return ERR_OK;
}

static enum err read_refused(struct reading *r, const struct yaml *node, void *into)
{
	struct config_provider *provider = into;
	enum err		e = read_pairs(r, node, provider->refused, CONFIG_STATUSES_MOST, &provider->nrefused);
	unsigned		status;

	for (unsigned i = 0; !e && i < provider->nrefused; i++)
		if (!status_read(provider->refused[i].from, &status))
			e = config_refuse(r, node->at[i], ERR_VALUE, "HTTP status: reason of the clause, such as 451: public-order",
					  "حالة HTTP: سبب من البند، مثل 451: public-order");
	return e;
}

/* ---- the fields of an answer ---- */

static enum err read_from(struct reading *r, const struct yaml *node, void *into)
{
	struct config_answer *answer = into;

	if (node->kind != YAML_SCALAR || node->text[0] != '/')
		return config_refuse(r, node, ERR_VALUE, "a JSON pointer begins with a slash: /state", "يبدأ مؤشر JSON بشرطة مائلة: /state");
	return config_text(r, node, &answer->from);
}

static enum err read_value(struct reading *r, const struct yaml *node, void *into)
{
	struct config_answer *answer = into;

	return config_text(r, node, &answer->value);
}

static enum err read_date(struct reading *r, const struct yaml *node, void *into)
{
	struct config_answer *answer = into;

	return config_text(r, node, &answer->date);
}

static enum err read_codes(struct reading *r, const struct yaml *node, void *into)
{
	struct config_answer *answer = into;

	answer->code = node->kind == YAML_MAP && node->n <= CONFIG_CODES_MOST ? arena_take(&r->c->arena, node->n * sizeof *answer->code) : NULL;
	if (!answer->code && node->kind == YAML_MAP && node->n <= CONFIG_CODES_MOST)
		return config_refuse(r, node, ERR_MEMORY, NULL, NULL);
	return read_pairs(r, node, answer->code, CONFIG_CODES_MOST, &answer->ncodes);
}

static const struct key_row answer_rows[] = {
	{"from", read_from},
	{"value", read_value},
	{"date", read_date},
	{"codes", read_codes},
};

static enum err read_answer_field(struct reading *r, const struct yaml *node, struct config_answer *out)
{
	struct config_answer answer = {.line = node->key_line};

	if (name_check(bytes_text(node->key)))
		return config_refuse(r, node, ERR_VALUE, "a field is named as the clause names it", "يُسمّى الحقل كما يسميه البند");
	answer.field = arena_text(&r->c->arena, bytes_text(node->key));
	if (!answer.field)
		return config_refuse(r, node, ERR_MEMORY, NULL, NULL);
	enum err e = node->kind == YAML_SCALAR ? read_from(r, node, &answer) : config_map(r, node, answer_rows, COUNT_OF(answer_rows), &answer);
	if (e)
		return e;
	if (!answer.from == !answer.value)
		return config_missing(r, node, "", "say where it comes from: from: /state, or always: value: yes",
				      "اذكر مصدره: from: /state، أو قيمة ثابتة: value: yes");
	*out = answer;
	return ERR_OK;
}

static enum err read_answer(struct reading *r, const struct yaml *node, void *into)
{
	struct config_provider *provider = into;

	if (node->kind != YAML_MAP || node->n == 0 || node->n > CONFIG_ANSWERS_MOST)
		return config_refuse(r, node, ERR_VALUE, "write one line per field of the answer: status: /state",
				     "اكتب سطرًا لكل حقل من الجواب: status: /state");
	for (unsigned i = 0; i < node->n; i++) {
		enum err e = read_answer_field(r, node->at[i], &provider->answer[i]);

		if (e)
			return e;
	}
	provider->nanswers = node->n;
	return ERR_OK;
}

/* ---- fetch, examples ---- */

static enum err read_true(struct reading *r, const struct yaml *node, enum provider_source source, struct config_provider *provider)
{
	if (node->kind != YAML_SCALAR || strcmp(node->text, "true") != 0)
		return config_refuse(r, node, ERR_VALUE, "write true, or leave the line out", "اكتب true أو احذف السطر");
	provider->source = source;
	return ERR_OK;
}

static enum err read_fetch(struct reading *r, const struct yaml *node, void *into)
{
	return read_true(r, node, SOURCE_FETCH, into);
}

static enum err read_examples(struct reading *r, const struct yaml *node, void *into)
{
	return read_true(r, node, SOURCE_EXAMPLES, into);
}

static const struct key_row provider_rows[] = {
	{"sqlite", read_sqlite}, {"odbc", read_odbc},	    {"statement", read_statement},   {"http", read_http},	 {"method", read_method},
	{"body", read_body},	 {"headers", read_headers}, {"credential", read_credential}, {"no-hit-on", read_no_hit}, {"refused-on", read_refused},
	{"answer", read_answer}, {"fetch", read_fetch},	    {"examples", read_examples},     {"timeout", read_timeout},
};

/* ---- the whole of one ---- */

/* Which keys belong to which source: whoever writes `body` beside `sqlite` meant something else than he gets. */
static const struct {
	enum provider_source source;
	const char	    *key, *with; /* the key that names it, and what may stand beside it */
} sources[] = {
	{SOURCE_SQLITE, "sqlite", " statement timeout "},
	{SOURCE_ODBC, "odbc", " statement credential timeout "},
	{SOURCE_HTTP, "http", " method body headers credential no-hit-on refused-on answer timeout "},
	{SOURCE_FETCH, "fetch", " timeout "},
	{SOURCE_EXAMPLES, "examples", " timeout "},
};

static bool key_with(const char *with, const char *key)
{
	char word[64];

	(void)snprintf(word, sizeof word, " %s ", key);
	return strstr(with, word) != NULL;
}

static enum err source_find(struct reading *r, const struct yaml *node, struct config_provider *provider)
{
	size_t found = COUNT_OF(sources);

	for (size_t i = 0; i < COUNT_OF(sources); i++) {
		if (!yaml_get(node, sources[i].key))
			continue;
		if (found != COUNT_OF(sources))
			return config_refuse(r, yaml_get(node, sources[i].key), ERR_DUPLICATE, "a clause has one source", "للبند مصدر واحد");
		found = i;
	}
	if (found == COUNT_OF(sources))
		return config_missing(r, node, "", "say where answers come from: sqlite, odbc, http, fetch or examples",
				      "اذكر مصدر الأجوبة: sqlite أو odbc أو http أو fetch أو examples");
	provider->source = sources[found].source;
	for (unsigned i = 0; i < node->n; i++)
		if (strcmp(node->at[i]->key, sources[found].key) != 0 && !key_with(sources[found].with, node->at[i]->key))
			return config_refuse(r, node->at[i], ERR_UNKNOWN_KEY, "this key belongs to another kind of source",
					     "هذا المفتاح لنوع آخر من المصادر");
	return ERR_OK;
}

static enum err source_check(struct reading *r, const struct yaml *node, const struct config_provider *p)
{
	if ((p->source == SOURCE_SQLITE || p->source == SOURCE_ODBC) && !p->statement)
		return config_missing(r, node, "", "say which SELECT answers it: statement: SELECT ...",
				      "اذكر الاستعلام الذي يجيب: statement: SELECT ...");
	if (p->source == SOURCE_HTTP && p->nanswers == 0)
		return config_missing(r, node, "", "say where each field is found: answer: {status: /state}",
				      "اذكر موضع كل حقل: answer: {status: /state}");
	if (p->body && (!p->method || strcmp(p->method, "POST") != 0))
		return config_missing(r, node, "", "a body goes with method: POST", "النص يُرسل مع method: POST");
	return ERR_OK;
}

/* "channel/name" */
static bool is_clause(const char *text)
{
	const char *slash = strchr(text, '/');

	return slash && !name_check(bytes_of(text, (size_t)(slash - text))) && !name_check(bytes_text(slash + 1));
}

static enum err read_provider(struct reading *r, const struct yaml *node, struct config_provider *out)
{
	struct config	       *c = r->c;
	struct config_provider *p = out;

	*p = (struct config_provider){.line = node->key_line, .timeout_ms = DEFAULT_TIMEOUT_MS};
	if (!is_clause(node->key))
		return fault_at(r->fault, ERR_VALUE, node->key_line, "provide", node->key,
				"name the clause as channel/name, such as customs/declaration-status",
				"سمِّ البند بصيغة channel/name مثل customs/declaration-status");
	p->clause = arena_text(&c->arena, bytes_text(node->key));
	if (!p->clause)
		return config_refuse(r, node, ERR_MEMORY, NULL, NULL);
	enum err e = config_map(r, node, provider_rows, COUNT_OF(provider_rows), p);
	if (!e)
		e = source_find(r, node, p);
	return e ? e : source_check(r, node, p);
}

enum err config_provide(struct reading *r, const struct yaml *node, void *into unused_arg)
{
	struct config *c = r->c;

	if (node->kind == YAML_SCALAR && !*node->text)
		return ERR_OK;
	if (node->kind != YAML_MAP)
		return config_refuse(r, node, ERR_VALUE, "write one entry per clause: channel/name:", "اكتب مدخلًا لكل بند: channel/name:");
	if (node->n > CONFIG_PROVIDERS_MOST)
		return config_refuse(r, node, ERR_TOO_LONG, "200 providers are the most", "الحد الأقصى 200 مزوّد");
	c->provider = arena_take(&c->arena, node->n * sizeof *c->provider);
	if (!c->provider)
		return config_refuse(r, node, ERR_MEMORY, NULL, NULL);
	for (unsigned i = 0; i < node->n; i++) {
		enum err e = read_provider(r, node->at[i], &c->provider[i]);

		if (e)
			return e;
		c->nproviders++;
	}
	return ERR_OK;
}
