/*
 * agreement_spec.c: the examples of spec/agreement.md are true. The first fenced
 * block "yaml ok" is a whole agreement; "yaml ok|refused NAME|differs
 * document|clause" replaces the part of it that begins with the same key.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agreement_help.h"
#include "base/attrs.h"

#define FENCE "```yaml "
#define ROOM  (64u * 1024)

struct block {
	char word[16], name[24], where[16]; /* "refused", "value", "clause" */
	char text[8192];
};

/* The next block after *at; false when there is none. */
static bool next_block(const char **at, struct block *b)
{
	const char *fence = strstr(*at, FENCE);

	if (fence == NULL)
		return false;
	const char *body = strchr(fence, '\n') + 1, *end = strstr(body, "```\n");
	memset(b, 0, sizeof *b);
	if (strncmp(fence + strlen(FENCE), "refused", 7) == 0)
		assert_int_equal(sscanf(fence + strlen(FENCE), "%15s %23s %15s", b->word, b->name, b->where), 3);
	else
		(void)sscanf(fence + strlen(FENCE), "%15s %15[a-z]", b->word, b->where);
	assert_true((size_t)(end - body) < sizeof b->text);
	memcpy(b->text, body, (size_t)(end - body));
	*at = end + 4;
	return true;
}

static size_t spaces(const char *line)
{
	return strspn(line, " ");
}

static const char *line_after(const char *line)
{
	return strchr(line, '\n') + 1;
}

/* The first line of `whole` with this indentation and key, or NULL. */
static const char *find_part(const char *whole, size_t indent, const char *key, size_t n)
{
	for (const char *line = whole; *line != '\0'; line = line_after(line)) {
		if (spaces(line) == indent && strncmp(line + indent, key, n) == 0)
			return line;
	}
	return NULL;
}

/* `whole` with the part that `part` begins replaced, or `part` added at the end. */
static void replace_part(const char *whole, const char *part, size_t indent, char *out)
{
	const char *from = find_part(whole, indent, part, strcspn(part, ":") + 1);
	const char *to = from == NULL ? NULL : line_after(from);
	size_t	    n;

	if (from == NULL)
		from = to = whole + strlen(whole);
	while (*to != '\0' && spaces(to) > indent)
		to = line_after(to);
	n = (size_t)snprintf(out, ROOM, "%.*s", (int)(from - whole), whole);
	for (const char *line = part; *line != '\0'; line = line_after(line))
		n += (size_t)snprintf(out + n, ROOM - n, "%*s%.*s", (int)indent, "", (int)(line_after(line) - line), line);
	(void)snprintf(out + n, ROOM - n, "%s", to);
}

static void check_block(const struct block *b, const char *text)
{
	struct agreement *a = NULL;
	struct fault	  fault = {.err = ERR_OK};
	unsigned	  run = 0;
	enum err	  e = agreement_parse(bytes_text(text), &a, &fault);

	if (strcmp(b->word, "refused") == 0) {
		if (strcmp(err_name(e), b->name) != 0)
			fail_msg("wanted %s, got %s:\n%s", b->name, err_name(e), b->text);
		return;
	}
	if (e != ERR_OK)
		fail_msg("line %u, %s: %s:\n%s", fault.line, fault.at, err_name(e), b->text);
	if (strcmp(b->word, "differs") == 0)
		assert_int_equal(agreement_examples(a, &run, &fault), ERR_VALUE);
	else
		assert_string_equal(b->word, "ok");
	agreement_free(a);
}

static void the_examples_of_the_page_are_true(void **state)
{
	char	    *page = source_file("spec/agreement.md"), *text = calloc(1, ROOM);
	const char  *at = page;
	struct block whole, b;
	unsigned     blocks = 0, run = 0;

	(void)state;
	assert_true(next_block(&at, &whole));
	check_block(&whole, whole.text);
	for (; next_block(&at, &b); blocks++) {
		replace_part(whole.text, b.text, strcmp(b.where, "clause") == 0 ? 4 : 0, text);
		check_block(&b, text);
	}
	assert_true(blocks > 25);
	struct agreement *a = NULL;
	struct fault	  fault;
	assert_int_equal(agreement_parse(bytes_text(whole.text), &a, &fault), ERR_OK);
	assert_int_equal(agreement_examples(a, &run, &fault), ERR_OK);
	assert_int_equal(run, 3);
	agreement_free(a);
	free(text);
	free(page);
}

static int start(void **state)
{
	(void)state;
	return crypto_start() == ERR_OK ? 0 : 1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_examples_of_the_page_are_true),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
