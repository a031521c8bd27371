/*
 * desk_openapi.c: the description of the API, whole and clause by clause.
 *
 * spec/openapi.json is the one description; beside each sentence of it stands the same
 * in Arabic, "x-ar-description" beside "description". The one that is served has the
 * language asked for. A clause's own is the part about questions with the clause's
 * fields, purposes and examples in place of what holds for every clause; it refers to
 * nothing outside itself.
 */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/desk.h"

#define OPENAPI_MOST  (1u << 20)
#define SCHEMA_MOST   (512u << 10)
#define CLAUSE_MOST   (1u << 20) /* one clause's description */
#define MEMBER_MOST   64
#define ARABIC_PREFIX "x-ar-"

/* What is about questions; the rest goes with the whole description alone. */
static const char *const of_questions[] = {"/v1/queries", "/v1/queries/{id}", "/v1/queries/{id}/evidence"};

/* ---- the languages ---- */

static void object_translate(json_t *object, enum lang lang)
{
	const char *key;
	json_t	   *value;
	void	   *next;

	json_object_foreach_safe(object, next, key, value)
	{
		if (strncmp(key, ARABIC_PREFIX, sizeof ARABIC_PREFIX - 1) != 0)
			continue;
		if (lang == LANG_AR)
			(void)json_object_set(object, key + sizeof ARABIC_PREFIX - 1, value);
		(void)json_object_del(object, key);
	}
}

/* The document is ours and built in: its depth is known. */
static void translate(json_t *node, enum lang lang)
{
	const char *key;
	json_t	   *value;
	size_t	    i;

	if (json_is_object(node)) {
		object_translate(node, lang);
		json_object_foreach(node, key, value) translate(value, lang);
	}
	json_array_foreach(node, i, value) translate(value, lang);
}

/* ---- the part about questions ---- */

static json_t *at(json_t *node, const char *a, const char *b, const char *c)
{
	node = json_object_get(node, a);
	if (b != NULL)
		node = json_object_get(node, b);
	return c != NULL ? json_object_get(node, c) : node;
}

static bool is_of_questions(const char *path)
{
	for (size_t i = 0; i < COUNT_OF(of_questions); i++)
		if (strcmp(path, of_questions[i]) == 0)
			return true;
	return false;
}

static void paths_prune(json_t *document)
{
	const char *path;
	json_t	   *value;
	void	   *next;

	json_object_foreach_safe(json_object_get(document, "paths"), next, path, value)
	{
		if (!is_of_questions(path))
			(void)json_object_del(json_object_get(document, "paths"), path);
	}
}

/* Does any part still refer to it? */
static bool is_used(const char *document, const char *section, const char *name)
{
	char reference[2 * MEMBER_MOST + 32];

	(void)snprintf(reference, sizeof reference, "\"#/components/%s/%s\"", section, name);
	return strstr(document, reference) != NULL;
}

static bool section_prune(json_t *section, const char *name, const char *document)
{
	const char *key;
	json_t	   *value;
	void	   *next;
	bool	    any = false;

	json_object_foreach_safe(section, next, key, value)
	{
		if (is_used(document, name, key))
			continue;
		(void)json_object_del(section, key);
		any = true;
	}
	return any;
}

/* Once around: what only unused things used is seen the next time. */
static enum err components_prune_once(json_t *document, bool *any)
{
	static const char *const sections[] = {"schemas", "parameters", "responses"};
	char			*text = json_dumps(document, JSON_COMPACT);

	if (text == NULL)
		return ERR_MEMORY;
	*any = false;
	for (size_t i = 0; i < COUNT_OF(sections); i++)
		*any = section_prune(at(document, "components", sections[i], NULL), sections[i], text) || *any;
	free(text);
	return ERR_OK;
}

static enum err questions_of(const json_t *whole, json_t **out)
{
	json_t *document = json_deep_copy(whole);
	bool	any = document != NULL;

	if (document == NULL)
		return ERR_MEMORY;
	paths_prune(document);
	(void)json_object_del(document, "tags");
	(void)json_object_del(document, "webhooks");
	enum err e = ERR_OK;
	while (e == ERR_OK && any)
		e = components_prune_once(document, &any);
	if (e != ERR_OK) {
		json_decref(document);
		return e;
	}
	*out = document;
	return ERR_OK;
}

/* ---- at the start ---- */

static int text_add(const char *text, size_t n, void *out)
{
	return buffer_add(out, bytes_of(text, n)) == ERR_OK ? 0 : -1;
}

static enum err document_write(const json_t *document, struct buffer *out)
{
	return json_dump_callback(document, text_add, out, JSON_COMPACT) == 0 ? ERR_OK : ERR_MEMORY;
}

static enum err language_start(struct openapi *o, enum lang lang)
{
	json_t *whole = json_loadb((const char *)openapi_json, openapi_json_size, JSON_REJECT_DUPLICATES, NULL);

	if (whole == NULL)
		return ERR_INTERNAL;
	translate(whole, lang);
	o->whole[lang] = (struct buffer){.most = OPENAPI_MOST};
	enum err e = document_write(whole, &o->whole[lang]);
	if (e == ERR_OK)
		e = questions_of(whole, &o->questions[lang]);
	json_decref(whole);
	return e;
}

enum err openapi_start(struct openapi *o)
{
	enum err e = language_start(o, LANG_EN);

	return e == ERR_OK ? language_start(o, LANG_AR) : e;
}

void openapi_done(struct openapi *o)
{
	for (size_t i = 0; i < COUNT_OF(o->whole); i++) {
		buffer_done(&o->whole[i]);
		json_decref(o->questions[i]);
		o->questions[i] = NULL;
	}
}

/* ---- a clause's own ---- */

/* What is written by `desk_schema.c`, as a tree; its dialect is that of OpenAPI 3.1 without saying so. NULL: no memory. */
static json_t *schema_tree(struct buffer *text)
{
	json_t *schema = json_loadb((const char *)text->at, text->n, 0, NULL);

	(void)json_object_del(schema, "$schema");
	text->n = 0;
	return schema;
}

static enum err set(json_t *object, const char *key, json_t *value)
{
	return value != NULL && json_object_set_new(object, key, value) == 0 ? ERR_OK : ERR_MEMORY;
}

static enum err schemas_set(json_t *document, const struct clause_page *page)
{
	scoped(buffer_done) struct buffer text = {.most = SCHEMA_MOST};
	json_t				 *schemas = at(document, "components", "schemas", NULL);
	struct json_writer		  w = json_writer_on(&text);

	schema_json(&w, page->agreement, page->clause, page->lang);
	enum err e = w.err == ERR_OK ? set(schemas, "Question", schema_tree(&text)) : w.err;
	w = json_writer_on(&text);
	answer_schema_json(&w, page->clause, page->lang);
	return e == ERR_OK && w.err == ERR_OK ? set(schemas, "Answer", schema_tree(&text)) : e;
}

/* "fields" of an exchange under this clause is its answer, or null. */
static enum err exchange_set(json_t *document, const struct clause_page *page)
{
	json_t *properties = at(at(document, "components", "schemas", "Exchange"), "properties", NULL, NULL);
	json_t *clause = at(properties, "clause", "properties", NULL);
	char	name[2 * NAME_MOST + 4];

	(void)snprintf(name, sizeof name, "%s/%s", page->clause->channel, page->clause->name);
	enum err e = set(properties, "fields", json_pack("{s:[{s:s},{s:s}]}", "oneOf", "$ref", "#/components/schemas/Answer", "type", "null"));
	if (e == ERR_OK)
		e = set(clause, "name", json_pack("{s:s}", "const", name));
	return e == ERR_OK ? set(clause, "number", json_pack("{s:i}", "const", (int)page->clause->number)) : e;
}

static enum err example_add(json_t *examples, const struct clause_page *page, const struct example *example, unsigned number)
{
	scoped(buffer_done) struct buffer text = {.most = SCHEMA_MOST};
	struct json_writer		  w = json_writer_on(&text);
	char				  name[32];

	example_json(&w, page->agreement, page->clause, example);
	(void)snprintf(name, sizeof name, "example-%u", number);
	return w.err == ERR_OK ? set(examples, name, json_pack("{s:o}", "value", schema_tree(&text))) : w.err;
}

static enum err examples_set(json_t *content, const struct clause_page *page)
{
	json_t	*examples = json_object();
	unsigned number = 0;
	enum err e = examples != NULL ? ERR_OK : ERR_MEMORY;

	for (unsigned i = 0; e == ERR_OK && i < page->clause->nexamples; i++)
		if (page->clause->example[i].expect != EXPECT_REFUSED)
			e = example_add(examples, page, &page->clause->example[i], ++number);
	if (e != ERR_OK) {
		json_decref(examples);
		return e;
	}
	return set(content, "examples", examples);
}

/* The clause as the lawyer reads it is what the operation does. */
static enum err texts_set(json_t *document, const struct clause_page *page)
{
	scoped(buffer_done) struct buffer sentences = {.most = SCHEMA_MOST};
	json_t				 *info = json_object_get(document, "info");
	const char			 *title = texts_in(&page->clause->title, page->lang);
	char				  version[16];

	enum err e = agreement_show(page->agreement, page->clause, page->lang, &sentences);
	if (e != ERR_OK)
		return e;
	(void)snprintf(version, sizeof version, "%u", page->agreement->version);
	(void)json_object_del(info, "summary");
	e = set(info, "title", json_string(title));
	if (e == ERR_OK)
		e = set(info, "description", json_stringn((const char *)sentences.at, sentences.n));
	if (e == ERR_OK)
		e = set(info, "version", json_string(version));
	return e == ERR_OK ? set(at(document, "paths", "/v1/queries", "post"), "summary", json_string(title)) : e;
}

static enum err server_set(json_t *document, const char *address)
{
	return set(document, "servers", json_pack("[{s:s}]", "url", address));
}

enum err openapi_clause(const struct openapi *o, const struct clause_page *page, struct buffer *out)
{
	json_t *document = json_deep_copy(o->questions[page->lang]);
	json_t *body = at(at(document, "paths", "/v1/queries", "post"), "requestBody", "content", "application/json");

	enum err e = document != NULL ? texts_set(document, page) : ERR_MEMORY;
	if (e == ERR_OK)
		e = server_set(document, page->address);
	if (e == ERR_OK)
		e = schemas_set(document, page);
	if (e == ERR_OK)
		e = exchange_set(document, page);
	if (e == ERR_OK)
		e = examples_set(body, page);
	if (e == ERR_OK)
		e = document_write(document, out);
	json_decref(document);
	return e;
}

/* ---- what is served ---- */

void desk_address(const struct config *config, char out[DESK_ADDRESS_MOST])
{
	(void)snprintf(out, DESK_ADDRESS_MOST, "%s://%s", config->api_certificate != NULL && config->api_listen != NULL ? "https" : "http",
		       config->api_listen != NULL ? config->api_listen : "localhost");
}

static void document_send(struct call *c, struct bytes text)
{
	desk_header(c->request, "Content-Language", c->lang == LANG_AR ? "ar" : "en");
	desk_header(c->request, "Vary", "Accept-Language");
	desk_reply(c->request, 200, "application/json", text);
}

void desk_openapi_get(struct call *c)
{
	document_send(c, buffer_bytes(&c->desk->openapi.whole[c->lang]));
}

/* The clause that the address names; false after saying 404. */
static bool clause_of(struct call *c, struct clause_page *page)
{
	char	     name[2 * NAME_MOST + 4];
	struct desk *d = c->desk;
	struct bytes channel = c->part[0], clause = c->part[1];

	if (!desk_parameters_known(c, NULL, 0))
		return false;
	if (channel.n <= NAME_MOST && clause.n <= NAME_MOST) {
		(void)snprintf(name, sizeof name, "%.*s/%.*s", (int)channel.n, (const char *)channel.at, (int)clause.n, (const char *)clause.at);
		page->clause = clause_asked(&d->papers, d->process->config->party, BYTES_NONE, bytes_text(name), (int32_t)(desk_wall_ms() / 86400000),
					    &page->agreement);
	}
	page->lang = c->lang;
	if (page->clause == NULL)
		desk_problem_code(c, "not-found");
	return page->clause != NULL;
}

static bool is_asked_by_us(const struct call *c, const struct clause_page *page)
{
	return agreement_party(page->agreement, bytes_text(c->desk->process->config->party)) == (int)page->clause->asks;
}

void desk_clause_openapi_get(struct call *c)
{
	static const char *const theirs[] = {"the partner asks under this clause; answer.schema.json says what we may answer",
					     "الشريك هو السائل بموجب هذا البند؛ ويبيّن answer.schema.json ما يجوز أن نجيب به"};
	struct clause_page	 page = {.clause = NULL};
	const struct problem	 not_asked = {.code = "not-found", .detail = theirs[c->lang]};
	struct buffer		*out = &c->desk->out;

	if (!clause_of(c, &page))
		return;
	if (!is_asked_by_us(c, &page)) {
		desk_problem(c->desk, c->request, c->lang, &not_asked);
		return;
	}
	desk_address(c->desk->process->config, page.address);
	out->n = 0;
	if (openapi_clause(&c->desk->openapi, &page, out) == ERR_OK)
		document_send(c, buffer_bytes(out));
	else
		desk_problem_code(c, "internal");
}

void desk_schema_get(struct call *c)
{
	struct clause_page page = {.clause = NULL};

	if (!clause_of(c, &page))
		return;
	struct json_writer w = desk_json(c->desk);
	schema_json(&w, page.agreement, page.clause, c->lang);
	desk_json_send(c->desk, c->request, c->lang, 200, &w);
}

void desk_answer_schema_get(struct call *c)
{
	struct clause_page page = {.clause = NULL};

	if (!clause_of(c, &page))
		return;
	struct json_writer w = desk_json(c->desk);
	answer_schema_json(&w, page.clause, c->lang);
	desk_json_send(c->desk, c->request, c->lang, 200, &w);
}
