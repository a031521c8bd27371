/* parse_parties.c: `parties:` of an agreement: two, each with two root keys. */
#include <stdio.h>

#include "agreement/parse.h"

static const char *const weekdays[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", NULL};

static bool is_weekday(struct bytes v)
{
	for (unsigned i = 0; weekdays[i] != NULL; i++) {
		if (bytes_is(v, weekdays[i]))
			return true;
	}
	return false;
}

/* "Sunday to Thursday". */
static const char *read_working_days(struct schema *s, const struct yaml *node)
{
	const char *text = schema_text(s, node);
	const char *to = strstr(text, " to ");

	if (schema_ok(s) && (to == NULL || !is_weekday(bytes_of(text, (size_t)(to - text))) || !is_weekday(bytes_text(to + 4))))
		schema_fail(s, ERR_VALUE, node, HELP("two days, such as: Sunday to Thursday", "يومان، مثل: Sunday to Thursday"));
	return text;
}

/* A name of the time zone database: a letter first, then letters, digits, '/', '_', '-' and '+'. */
static const char *read_time_zone(struct schema *s, const struct yaml *node)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/_+-";
	const char	 *text = schema_text(s, node);

	if (schema_ok(s) && (text[0] < 'A' || text[strspn(text, letters)] != '\0' || strlen(text) > 48))
		schema_fail(s, ERR_VALUE, node, HELP("a time zone such as Asia/Kuwait or UTC", "منطقة زمنية مثل Asia/Kuwait أو UTC"));
	return text;
}

static void read_key(struct schema *s, const struct yaml *node, const char *word, struct public_key *out)
{
	const char *text = schema_text(s, node);
	size_t	    n = strlen(word);

	if (!schema_ok(s))
		return;
	if (strncmp(text, word, n) != 0 || hex_read(bytes_text(text + n), out->b, sizeof out->b) != ERR_OK)
		schema_fail(s, ERR_VALUE, node,
			    HELP("write: keys: [root-a 64 hex digits, root-b 64 hex digits]",
				 "اكتب: keys: [root-a ثم 64 رقمًا ست عشريًا، root-b كذلك]"));
}

static void read_keys(struct schema *s, const struct yaml *node, struct agreement_party *p)
{
	if (schema_count(s, node, YAML_LIST, 2, 2) == 0)
		return;
	size_t before = schema_enter(s, "keys");
	read_key(s, node->at[0], "root-a ", &p->root[0]);
	read_key(s, node->at[1], "root-b ", &p->root[1]);
	if (public_key_equal(&p->root[0], &p->root[1]))
		schema_fail(s, ERR_DUPLICATE, node->at[1], HELP("the two root keys of a party differ", "المفتاحان الجذريان مختلفان"));
	schema_leave(s, before);
}

static const char *read_party_name(struct schema *s, const struct yaml *member)
{
	struct yaml key = {.kind = YAML_SCALAR, .line = member->key_line, .text = member->key, .key = member->key};

	if (party_name_check(bytes_text(member->key)) != ERR_OK)
		schema_fail(s, ERR_VALUE, &key, HELP("a party's name is like customs.kw.example", "اسم الطرف مثل customs.kw.example"));
	return member->key;
}

static void read_party(struct schema *s, const struct yaml *node, struct agreement_party *p)
{
	static const char *const keys[] = {"name", "working-days", "time-zone", "keys", NULL};

	p->name = read_party_name(s, node);
	size_t before = schema_enter(s, node->key);
	schema_closed(s, node, keys);
	schema_texts(s, schema_need(s, node, "name"), &p->title);
	p->working_days = read_working_days(s, schema_need(s, node, "working-days"));
	p->time_zone = read_time_zone(s, schema_need(s, node, "time-zone"));
	read_keys(s, schema_need(s, node, "keys"), p);
	schema_leave(s, before);
}

/* One key for two parties would let one of them sign for both. */
static void check_keys_apart(struct schema *s, const struct yaml *node, const struct agreement *a)
{
	size_t before = schema_enter(s, a->party[1].name);

	for (unsigned i = 0; i < 4; i++) {
		if (public_key_equal(&a->party[0].root[i / 2], &a->party[1].root[i % 2]))
			schema_fail(s, ERR_DUPLICATE, yaml_get(node->at[1], "keys"),
				    HELP("both parties name the same key", "الطرفان يذكران المفتاح نفسه"));
	}
	schema_leave(s, before);
}

void parties_read(struct schema *s, const struct yaml *node, struct agreement *a)
{
	unsigned n = schema_count(s, node, YAML_MAP, 2, 2);
	size_t	 before = schema_enter(s, "parties");

	for (unsigned i = 0; i < n; i++)
		read_party(s, node->at[i], &a->party[i]);
	if (schema_ok(s))
		check_keys_apart(s, node, a);
	schema_leave(s, before);
}
