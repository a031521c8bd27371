/*
 * yaml.c: YAML from anybody. What is accepted is a tree of texts in which nothing
 * is deeper, more, or other than yaml.h promises.
 */
#include <stdlib.h>

#include "base/text.h"
#include "base/yaml.h"

#define TEXT_MOST   (64u * 1024)
#define MEMORY_MOST (32u * 1024 * 1024)

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check_text(const char *text)
{
	must(text != NULL && text_check(bytes_text(text), TEXT_LINES) == ERR_OK);
}

static unsigned check_node(const struct yaml *node, unsigned depth)
{
	unsigned count = 1;

	must(depth <= YAML_DEEP && node->line > 0 && node->n <= YAML_MEMBERS_MOST);
	if (node->kind == YAML_SCALAR) {
		must(node->n == 0);
		check_text(node->text);
		return count;
	}
	for (unsigned i = 0; i < node->n; i++) {
		const struct yaml *member = node->at[i];

		must((node->kind == YAML_MAP) == (member->key != NULL));
		if (member->key != NULL) {
			check_text(member->key);
			must(yaml_get(node, member->key) == member); /* no key twice */
		}
		count += check_node(member, depth + 1);
	}
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a;
	struct yaml *doc = NULL;
	struct fault fault = {.err = ERR_OK};

	arena_init(&a, MEMORY_MOST);
	enum err e = yaml_read(&a, bytes_of(data, size), TEXT_MOST, &doc, &fault);
	if (e == ERR_OK)
		must(check_node(doc, 1) <= YAML_NODES_MOST);
	else
		must(doc == NULL && fault.err == e);
	arena_done(&a);
	return 0;
}
