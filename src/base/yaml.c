/* yaml.c: strict YAML over libyaml's events: refuse first, then build plain nodes. */
#include <stdio.h>
#include <yaml.h>

#include "base/attrs.h"
#include "base/cursor.h"
#include "base/text.h"
#include "base/yaml.h"

/* Two texts that always travel together: what helps, in English and in Arabic. */
#define HELP(en, ar) (en), (ar)

struct reading {
	struct arena *arena;
	struct fault *fault;
	yaml_parser_t parser;
	unsigned      nodes;
};

/* A growing list while a mapping or list is being read; lives in the arena. */
struct link {
	struct yaml *node;
	struct link *next;
};

static unsigned line_of(const yaml_event_t *event)
{
	return (unsigned)event->start_mark.line + 1;
}

/* Characters that YAML or a terminal may take for a line break, or that are invisible at the start of a file. */
static bool has_hidden_break(struct bytes v)
{
	static const struct {
		const char *bytes;
		size_t	    n;
	} hidden[] = {
		{"\xc2\x85", 2},     /* U+0085 next line */
		{"\xe2\x80\xa8", 3}, /* U+2028 line separator */
		{"\xe2\x80\xa9", 3}, /* U+2029 paragraph separator */
		{"\xef\xbb\xbf", 3}, /* U+FEFF byte order mark */
	};

	for (size_t i = 0; i < COUNT_OF(hidden); i++) {
		if (v.n > 0 && memmem(v.at, v.n, hidden[i].bytes, hidden[i].n) != NULL)
			return true;
	}
	return false;
}

static enum err text_fault(struct fault *fault, enum err e, unsigned line)
{
	switch ((int)e) {
	case ERR_CONTROL:
		return fault_at(fault, e, line, NULL, NULL,
				HELP("remove it: tabs, carriage returns and other control characters are refused; indent with spaces",
				     "احذفه: لا تُقبل علامات الجدولة ولا حروف التحكم، واجعل الإزاحة بالمسافات"));
	case ERR_BIDI:
		return fault_at(fault, e, line, NULL, NULL,
				HELP("remove it: what is shown must be what is signed", "احذفه: ما يظهر يجب أن يكون هو ما يُوقَّع"));
	case ERR_NOT_NFC:
		return fault_at(fault, e, line, NULL, NULL, HELP("save the text in normal form NFC", "احفظ النص بصيغة NFC"));
	case ERR_UTF8:
		return fault_at(fault, e, line, NULL, NULL, HELP("save the text as UTF-8", "احفظ النص بترميز UTF-8"));
	default:
		return fault_at(fault, e, line, NULL, NULL, NULL, NULL);
	}
}

/* One line of the source, or one value after YAML's own escapes were resolved. */
static enum err check_text(struct fault *fault, struct bytes v, int lines, unsigned line)
{
	enum err e = text_check(v, lines);

	if (e == ERR_OK && has_hidden_break(v))
		e = ERR_CONTROL;
	return e == ERR_OK ? ERR_OK : text_fault(fault, e, line);
}

/* The source is checked line by line before libyaml sees it, so that the fault can name the line. */
static enum err check_lines(struct bytes text, struct fault *fault)
{
	struct cursor c = cursor_on(text);
	unsigned      line = 1;

	while (cursor_left(&c) > 0) {
		struct bytes   rest = bytes_of(c.at, cursor_left(&c));
		const uint8_t *end = memchr(rest.at, '\n', rest.n);
		struct bytes   v = cursor_take(&c, end == NULL ? rest.n : (size_t)(end - rest.at));
		enum err       e = check_text(fault, v, TEXT_LINE, line++);

		if (e != ERR_OK)
			return e;
		if (end != NULL)
			(void)cursor_u8(&c);
	}
	return ERR_OK;
}

static enum err parser_fault(struct reading *r)
{
	unsigned line = (unsigned)r->parser.problem_mark.line + 1;

	if (r->parser.error == YAML_MEMORY_ERROR)
		return fault_at(r->fault, ERR_MEMORY, line, NULL, NULL, NULL, NULL);
	return fault_at(r->fault, ERR_MALFORMED, line, NULL, NULL, r->parser.problem, "راجع صياغة YAML في هذا السطر");
}

static enum err next_event(struct reading *r, yaml_event_t *event)
{
	if (!yaml_parser_parse(&r->parser, event))
		return parser_fault(r);
	return ERR_OK;
}

/* Anchors, aliases and tags make a text mean what it does not show. */
static enum err refuse_magic(struct reading *r, const yaml_event_t *event)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;

	if (event->type == YAML_ALIAS_EVENT)
		anchor = event->data.alias.anchor;
	if (event->type == YAML_SCALAR_EVENT) {
		anchor = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
	}
	if (event->type == YAML_SEQUENCE_START_EVENT) {
		anchor = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
	}
	if (event->type == YAML_MAPPING_START_EVENT) {
		anchor = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
	}
	if (anchor != NULL)
		return fault_at(r->fault, ERR_MALFORMED, line_of(event), NULL, (const char *)anchor,
				HELP("write it out: anchors and aliases are refused", "اكتب النص كاملًا: لا تُقبل المراجع"));
	if (tag != NULL)
		return fault_at(r->fault, ERR_MALFORMED, line_of(event), NULL, (const char *)tag,
				HELP("remove the tag: every value is text", "احذف الوسم: كل قيمة نص"));
	return ERR_OK;
}

static enum err scalar_text(struct reading *r, const yaml_event_t *event, const char **out)
{
	struct bytes v = bytes_of(event->data.scalar.value, event->data.scalar.length);
	enum err     e = check_text(r->fault, v, TEXT_LINES, line_of(event));

	if (e != ERR_OK)
		return e;
	char *text = arena_text(r->arena, v);
	if (text == NULL)
		return fault_at(r->fault, ERR_MEMORY, line_of(event), NULL, NULL, NULL, NULL);
	*out = text;
	return ERR_OK;
}

static enum err read_key(struct reading *r, const struct link *members, const yaml_event_t *event, const char **key)
{
	const char *text = "";
	enum err    e = refuse_magic(r, event);

	if (e != ERR_OK)
		return e;
	if (event->type != YAML_SCALAR_EVENT)
		return fault_at(r->fault, ERR_MALFORMED, line_of(event), NULL, NULL, HELP("a key is a plain word", "المفتاح كلمة بسيطة"));
	e = scalar_text(r, event, &text);
	if (e != ERR_OK)
		return e;
	if (strcmp(text, "<<") == 0)
		return fault_at(r->fault, ERR_MALFORMED, line_of(event), NULL, text,
				HELP("write it out: merge keys are refused", "اكتب النص كاملًا: لا يُقبل دمج المفاتيح"));
	for (; members != NULL; members = members->next) {
		if (strcmp(members->node->key, text) == 0)
			return fault_at(r->fault, ERR_DUPLICATE, line_of(event), text, text, HELP("keep one of the two", "أبقِ واحدًا من الاثنين"));
	}
	*key = text;
	return ERR_OK;
}

/* Turns the chain (last read first) into the array of the finished node. */
static enum err close_members(struct reading *r, struct yaml *node, const struct link *last)
{
	if (node->n == 0)
		return ERR_OK;
	node->at = arena_take(r->arena, node->n * sizeof(struct yaml *));
	if (node->at == NULL)
		return fault_at(r->fault, ERR_MEMORY, node->line, NULL, NULL, NULL, NULL);
	for (unsigned i = node->n; i > 0 && last != NULL; i--, last = last->next)
		node->at[i - 1] = last->node;
	return ERR_OK;
}

static enum err read_node(struct reading *r, const yaml_event_t *event, unsigned depth, struct yaml **out);

static enum err read_member(struct reading *r, struct yaml *node, const yaml_event_t *first, unsigned depth, struct link **members)
{
	scoped(yaml_event_delete) yaml_event_t value = {0};
	const yaml_event_t		      *event = first;
	const char			      *key = NULL;
	struct yaml			      *child = NULL;
	enum err			       e = ERR_OK;

	if (node->n >= YAML_MEMBERS_MOST)
		return fault_at(r->fault, ERR_TOO_LONG, line_of(first), NULL, NULL,
				HELP("a mapping or list has at most 1024 members", "لا يزيد عدد العناصر على 1024"));
	if (node->kind == YAML_MAP) {
		e = read_key(r, *members, first, &key);
		if (e == ERR_OK)
			e = next_event(r, &value);
		event = &value;
	}
	if (e == ERR_OK)
		e = read_node(r, event, depth, &child);
	if (e != ERR_OK)
		return e;
	struct link *link = arena_take(r->arena, sizeof *link);
	if (link == NULL)
		return fault_at(r->fault, ERR_MEMORY, child->line, NULL, NULL, NULL, NULL);
	child->key = key;
	child->key_line = key == NULL ? 0 : line_of(first);
	*link = (struct link){child, *members};
	*members = link;
	node->n++;
	return ERR_OK;
}

static enum err read_members(struct reading *r, struct yaml *node, unsigned depth)
{
	struct link *members = NULL;

	for (;;) {
		scoped(yaml_event_delete) yaml_event_t event = {0};
		enum err			       e = next_event(r, &event);

		if (e != ERR_OK)
			return e;
		if (event.type == YAML_MAPPING_END_EVENT || event.type == YAML_SEQUENCE_END_EVENT)
			return close_members(r, node, members);
		e = read_member(r, node, &event, depth, &members);
		if (e != ERR_OK)
			return e;
	}
}

static enum err check_bounds(struct reading *r, const yaml_event_t *event, unsigned depth)
{
	if (depth > YAML_DEEP)
		return fault_at(r->fault, ERR_TOO_DEEP, line_of(event), NULL, NULL, HELP("at most 12 levels are read", "لا تُقرأ أكثر من 12 مستوى"));
	if (++r->nodes > YAML_NODES_MOST)
		return fault_at(r->fault, ERR_TOO_LONG, line_of(event), NULL, NULL,
				HELP("at most 65536 values are read", "لا تُقرأ أكثر من 65536 قيمة"));
	return ERR_OK;
}

static enum err read_node(struct reading *r, const yaml_event_t *event, unsigned depth, struct yaml **out)
{
	enum err e = check_bounds(r, event, depth);

	if (e == ERR_OK)
		e = refuse_magic(r, event);
	if (e != ERR_OK)
		return e;
	struct yaml *node = arena_take(r->arena, sizeof *node);
	if (node == NULL)
		return fault_at(r->fault, ERR_MEMORY, line_of(event), NULL, NULL, NULL, NULL);
	node->line = line_of(event);
	if (event->type == YAML_SCALAR_EVENT) {
		node->kind = YAML_SCALAR;
		e = scalar_text(r, event, &node->text);
	} else {
		node->kind = event->type == YAML_MAPPING_START_EVENT ? YAML_MAP : YAML_LIST;
		e = read_members(r, node, depth + 1);
	}
	if (e == ERR_OK)
		*out = node;
	return e;
}

/* Stream start, then one document start without directives. */
static enum err read_start(struct reading *r, yaml_event_t *event)
{
	enum err e = next_event(r, event); /* the stream's start */

	if (e != ERR_OK)
		return e;
	yaml_event_delete(event);
	e = next_event(r, event);
	if (e != ERR_OK)
		return e;
	if (event->type != YAML_DOCUMENT_START_EVENT)
		return fault_at(r->fault, ERR_MISSING, line_of(event), NULL, NULL, HELP("the text is empty", "النص فارغ"));
	if (event->data.document_start.version_directive != NULL ||
	    event->data.document_start.tag_directives.start != event->data.document_start.tag_directives.end)
		return fault_at(r->fault, ERR_MALFORMED, line_of(event), NULL, NULL,
				HELP("remove the line that starts with %", "احذف السطر الذي يبدأ بعلامة %"));
	return ERR_OK;
}

/* The document's end, then nothing. */
static enum err read_end(struct reading *r)
{
	for (int i = 0; i < 2; i++) {
		scoped(yaml_event_delete) yaml_event_t event = {0};
		enum err			       e = next_event(r, &event);

		if (e != ERR_OK)
			return e;
		if (event.type == YAML_DOCUMENT_START_EVENT)
			return fault_at(r->fault, ERR_TRAILING, line_of(&event), NULL, NULL,
					HELP("one file holds one document", "الملف الواحد وثيقة واحدة"));
	}
	return ERR_OK;
}

static enum err read_document(struct reading *r, struct yaml **out)
{
	scoped(yaml_event_delete) yaml_event_t start = {0}, root = {0};
	struct yaml			      *node = NULL;
	enum err			       e = read_start(r, &start);

	if (e == ERR_OK)
		e = next_event(r, &root);
	if (e == ERR_OK)
		e = read_node(r, &root, 1, &node);
	if (e == ERR_OK)
		e = read_end(r);
	if (e == ERR_OK)
		*out = node;
	return e;
}

enum err yaml_read(struct arena *a, struct bytes text, size_t most, struct yaml **out, struct fault *fault)
{
	struct reading r = {.arena = a, .fault = fault};

	if (text.n > most)
		return fault_at(fault, ERR_TOO_LONG, 0, NULL, NULL, HELP("split it or shorten it", "قسّمه أو اختصره"));
	enum err e = check_lines(text, fault);
	if (e != ERR_OK)
		return e;
	if (!yaml_parser_initialize(&r.parser))
		return fault_at(fault, ERR_MEMORY, 0, NULL, NULL, NULL, NULL);
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, text.n > 0 ? text.at : (const uint8_t *)"", text.n);
	e = read_document(&r, out);
	yaml_parser_delete(&r.parser);
	return e;
}

struct yaml *yaml_get(const struct yaml *map, const char *key)
{
	if (map == NULL || map->kind != YAML_MAP)
		return NULL;
	for (unsigned i = 0; i < map->n; i++) {
		if (strcmp(map->at[i]->key, key) == 0)
			return map->at[i];
	}
	return NULL;
}
