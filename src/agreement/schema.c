/* schema.c: the closed reader of YAML trees. */
#include <stdio.h>

#include "agreement/schema.h"

const char *const schema_lang[2] = {[LANG_EN] = "en", [LANG_AR] = "ar"};

/* Appends to a NUL-ended text and cuts at the end of its room. */
static void append(char *out, size_t size, const char *more)
{
	size_t n = strnlen(out, size - 1);

	(void)snprintf(out + n, size - n, "%s", more);
}

static void descend(char *place, size_t size, const char *name)
{
	if (place[0] != '\0')
		append(place, size, "/");
	append(place, size, name);
}

size_t schema_enter(struct schema *s, const char *name)
{
	size_t before = strlen(s->place);

	if (schema_ok(s))
		descend(s->place, sizeof s->place, name);
	return before;
}

void schema_leave(struct schema *s, size_t before)
{
	if (schema_ok(s))
		s->place[before] = '\0';
}

static const char *kind_word(const struct yaml *node)
{
	static const char *const words[] = {[YAML_SCALAR] = "", [YAML_MAP] = "a mapping", [YAML_LIST] = "a list"};

	return node->kind == YAML_SCALAR ? node->text : words[node->kind];
}

void schema_fail(struct schema *s, enum err e, const struct yaml *node, const char *help, const char *help_ar)
{
	char place[sizeof s->place];

	if (!schema_ok(s))
		return;
	memcpy(place, s->place, sizeof place);
	if (node != NULL && node->key != NULL)
		descend(place, sizeof place, node->key);
	s->err = fault_at(s->fault, e, node == NULL ? 0 : node->line, place, node == NULL ? NULL : kind_word(node), help, help_ar);
}

void *schema_take(struct schema *s, size_t n, size_t size)
{
	if (!schema_ok(s) || n == 0)
		return NULL;
	void *at = arena_take(s->arena, n * size); /* counts are below named limits: no overflow */
	if (at == NULL)
		schema_fail(s, ERR_MEMORY, NULL, NULL, NULL);
	return at;
}

static bool known(word_list words, const char *word)
{
	for (; *words != NULL; words++) {
		if (strcmp(*words, word) == 0)
			return true;
	}
	return false;
}

/* "WHAT: a, b, c" in a help text. */
static void list_words(char *out, size_t size, const char *what, word_list words)
{
	(void)snprintf(out, size, "%s: ", what);
	for (unsigned i = 0; words[i] != NULL; i++) {
		append(out, size, i == 0 ? "" : ", ");
		append(out, size, words[i]);
	}
}

static void fail_words(struct schema *s, enum err e, const struct yaml *node, const char *what, const char *what_ar, word_list words)
{
	char en[192], ar[256];

	list_words(en, sizeof en, what, words);
	list_words(ar, sizeof ar, what_ar, words);
	schema_fail(s, e, node, en, ar);
}

/* The fault of an unknown key stands at the key's own line and names the key. */
static void fail_unknown(struct schema *s, const struct yaml *member, word_list keys)
{
	struct yaml key = {.kind = YAML_SCALAR, .line = member->key_line, .text = member->key, .key = member->key};

	fail_words(s, ERR_UNKNOWN_KEY, &key, "known here", "المعروف هنا", keys);
}

void schema_closed(struct schema *s, const struct yaml *node, word_list keys)
{
	if (!schema_ok(s))
		return;
	if (node == NULL || node->kind != YAML_MAP) {
		struct yaml here = {.kind = YAML_SCALAR, .line = node == NULL ? 0 : node->line, .text = node == NULL ? "" : kind_word(node)};

		fail_words(s, ERR_VALUE, &here, "a mapping with these keys is needed", "المطلوب مفاتيح من هذه", keys);
		return;
	}
	for (unsigned i = 0; i < node->n && schema_ok(s); i++) {
		if (!known(keys, node->at[i]->key))
			fail_unknown(s, node->at[i], keys);
	}
}

const struct yaml *schema_may(struct schema *s, const struct yaml *map, const char *key)
{
	return schema_ok(s) ? yaml_get(map, key) : NULL;
}

const struct yaml *schema_need(struct schema *s, const struct yaml *map, const char *key)
{
	const struct yaml *node = schema_may(s, map, key);
	struct yaml	   missing = {.kind = YAML_SCALAR, .line = map == NULL ? 0 : map->line, .text = "", .key = key};

	if (node == NULL)
		schema_fail(s, ERR_MISSING, &missing, HELP("add it", "أضفه"));
	return node;
}

unsigned schema_count(struct schema *s, const struct yaml *node, enum yaml_kind kind, unsigned least, unsigned most)
{
	char en[64], ar[96];

	if (!schema_ok(s))
		return 0;
	(void)snprintf(en, sizeof en, "a %s of %u to %u members is needed", kind == YAML_MAP ? "mapping" : "list", least, most);
	(void)snprintf(ar, sizeof ar, "المطلوب من %u إلى %u من العناصر", least, most);
	if (node == NULL || node->kind != kind || node->n < least || node->n > most) {
		schema_fail(s, ERR_VALUE, node, en, ar);
		return 0;
	}
	return node->n;
}

static size_t characters(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static bool is_scalar(struct schema *s, const struct yaml *node)
{
	if (!schema_ok(s))
		return false;
	if (node != NULL && node->kind == YAML_SCALAR)
		return true;
	schema_fail(s, ERR_VALUE, node, HELP("a plain text is needed here", "المطلوب هنا نص"));
	return false;
}

const char *schema_text(struct schema *s, const struct yaml *node)
{
	if (!is_scalar(s, node))
		return "";
	size_t n = characters(node->text);
	if (n == 0 || n > SCHEMA_TEXT_MOST)
		schema_fail(s, n == 0 ? ERR_MISSING : ERR_TOO_LONG, node, HELP("a text of 1 to 2000 characters", "نص من حرف إلى 2000 حرف"));
	else if (text_check(bytes_text(node->text), TEXT_LINE) != ERR_OK)
		schema_fail(s, ERR_CONTROL, node, HELP("write it in one line", "اكتبه في سطر واحد"));
	return schema_ok(s) ? node->text : "";
}

const char *schema_name(struct schema *s, const struct yaml *node)
{
	if (!is_scalar(s, node))
		return "";
	if (name_check(bytes_text(node->text)) != ERR_OK)
		schema_fail(s, ERR_VALUE, node,
			    HELP("a name is a letter, then lower-case letters, digits and single hyphens, 48 at most",
				 "الاسم حرف لاتيني صغير تليه حروف صغيرة وأرقام وشرطات مفردة، 48 على الأكثر"));
	return schema_ok(s) ? node->text : "";
}

unsigned schema_word(struct schema *s, const struct yaml *node, word_list words)
{
	if (!is_scalar(s, node))
		return 0;
	for (unsigned i = 0; words[i] != NULL; i++) {
		if (strcmp(words[i], node->text) == 0)
			return i;
	}
	fail_words(s, ERR_VALUE, node, "permitted", "المسموح به", words);
	return 0;
}

uint64_t schema_number(struct schema *s, const struct yaml *node, uint64_t least, uint64_t most)
{
	uint64_t v = 0;
	char	 en[96], ar[128];

	if (!is_scalar(s, node))
		return 0;
	if (decimal_read(bytes_text(node->text), &v) == ERR_OK && v >= least && v <= most)
		return v;
	(void)snprintf(en, sizeof en, "a number from %llu to %llu", (unsigned long long)least, (unsigned long long)most);
	(void)snprintf(ar, sizeof ar, "عدد من %llu إلى %llu", (unsigned long long)least, (unsigned long long)most);
	schema_fail(s, ERR_VALUE, node, en, ar);
	return 0;
}

int32_t schema_day(struct schema *s, const struct yaml *node)
{
	int32_t day = 0;

	if (is_scalar(s, node) && date_read(bytes_text(node->text), &day) != ERR_OK)
		schema_fail(s, ERR_VALUE, node, HELP("a date that exists, such as 2026-12-01", "تاريخ موجود، مثل 2026-12-01"));
	return day;
}

static void read_lang(struct schema *s, const struct yaml *map, enum lang lang, struct texts *out)
{
	const struct yaml *node = schema_may(s, map, schema_lang[lang]);

	if (s->has_lang[lang])
		out->in[lang] = schema_text(s, schema_need(s, map, schema_lang[lang]));
	else if (node != NULL)
		schema_fail(s, ERR_UNKNOWN_KEY, node,
			    HELP("this language is not in `languages`: add it there or remove the text",
				 "هذه اللغة ليست في languages: أضفها هناك أو احذف النص"));
}

void schema_texts_among(struct schema *s, const struct yaml *map, struct texts *out)
{
	read_lang(s, map, LANG_AR, out);
	read_lang(s, map, LANG_EN, out);
}

void schema_texts(struct schema *s, const struct yaml *node, struct texts *out)
{
	static const char *const keys[] = {"ar", "en", NULL};

	if (!schema_ok(s))
		return;
	size_t before = schema_enter(s, node == NULL || node->key == NULL ? "" : node->key);
	if (node != NULL && node->kind == YAML_MAP)
		schema_closed(s, node, keys);
	else
		schema_fail(s, ERR_VALUE,
			    &(struct yaml){.kind = YAML_SCALAR, .line = node == NULL ? 0 : node->line, .text = node == NULL ? "" : kind_word(node)},
			    HELP("write the text in each language: {ar: ..., en: ...}", "اكتب النص بكل لغة: {ar: ..., en: ...}"));
	schema_texts_among(s, node, out);
	schema_leave(s, before);
}

static bool unit_read(const char *word, uint64_t v, const struct schema_unit *units, size_t n, size_t *unit)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(word, v == 1 ? units[i].one : units[i].many) == 0) {
			*unit = i;
			return true;
		}
	}
	return false;
}

uint64_t schema_amount(struct schema *s, const struct yaml *node, const struct schema_unit *units, size_t n, size_t *unit)
{
	char	 en[160] = "a number and a unit: ", ar[200] = "عدد ووحدة: ";
	uint64_t v = 0;

	if (!is_scalar(s, node))
		return 0;
	const char *space = strchr(node->text, ' ');
	if (space != NULL && decimal_read(bytes_of(node->text, (size_t)(space - node->text)), &v) == ERR_OK && v > 0 &&
	    unit_read(space + 1, v, units, n, unit))
		return v;
	for (size_t i = 0; i < n; i++) {
		append(en, sizeof en, i == 0 ? "2 " : ", 2 ");
		append(en, sizeof en, units[i].many);
		append(ar, sizeof ar, i == 0 ? "2 " : ", 2 ");
		append(ar, sizeof ar, units[i].many);
	}
	schema_fail(s, ERR_VALUE, node, en, ar);
	return 0;
}
