/* base_yaml.c: the strict part of YAML is read, everything else is refused with its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/attrs.h"
#include "base/yaml.h"

#define MEMORY (16u * 1024 * 1024)

static void reads_maps_lists_and_texts(void **state)
{
	static const char text[] = "# a comment\n"
				   "country: NO\n"
				   "days: [2026-01-01, 'a ''b''', \"c\\u0644d\"]\n"
				   "nested:\n"
				   "  empty:\n"
				   "  folded: one\n"
				   "    two\n"
				   "  block: |\n"
				   "    x\n"
				   "    y\n";
	struct arena	  a;
	struct yaml	 *doc = NULL;
	struct fault	  fault = {.err = ERR_OK};

	(void)state;
	arena_init(&a, MEMORY);
	assert_int_equal(yaml_read(&a, bytes_text(text), 1000, &doc, &fault), ERR_OK);
	assert_int_equal(doc->kind, YAML_MAP);
	assert_int_equal(doc->n, 3);
	assert_string_equal(yaml_get(doc, "country")->text, "NO");
	assert_int_equal(yaml_get(doc, "country")->line, 2);
	const struct yaml *days = yaml_get(doc, "days");
	assert_int_equal(days->kind, YAML_LIST);
	assert_string_equal(days->at[0]->text, "2026-01-01");
	assert_string_equal(days->at[1]->text, "a 'b'");
	assert_string_equal(days->at[2]->text, "cلd");
	assert_null(days->at[2]->key);
	const struct yaml *nested = yaml_get(doc, "nested");
	assert_int_equal(nested->key_line, 4);
	assert_string_equal(yaml_get(nested, "empty")->text, "");
	assert_string_equal(yaml_get(nested, "folded")->text, "one two");
	assert_string_equal(yaml_get(nested, "block")->text, "x\ny\n");
	assert_null(yaml_get(nested, "absent"));
	assert_null(yaml_get(days, "country"));
	assert_null(yaml_get(NULL, "country"));
	arena_done(&a);
}

static void refuses_what_hides_its_meaning(void **state)
{
	static const struct {
		const char *text;
		enum err    err;
		unsigned    line;
	} bad[] = {
		{"a: &x 1\nb: 2\n", ERR_MALFORMED, 1},
		{"a: 1\nb: *x\n", ERR_MALFORMED, 2},
		{"a: &x 1\nb: *x\n", ERR_MALFORMED, 1},
		{"a: 1\nb: &x [1]\n", ERR_MALFORMED, 2},
		{"a: 1\nb: &x {c: 1}\n", ERR_MALFORMED, 2},
		{"a: 1\nb: !!str 2\n", ERR_MALFORMED, 2},
		{"a: 1\nb: !mine 2\n", ERR_MALFORMED, 2},
		{"a: ! 2\n", ERR_MALFORMED, 1},
		{"!x a: 2\n", ERR_MALFORMED, 1},
		{"a: !!map {b: 1}\n", ERR_MALFORMED, 1},
		{"a: !!seq [1]\n", ERR_MALFORMED, 1},
		{"%YAML 1.1\n---\na: 1\n", ERR_MALFORMED, 1},
		{"%TAG ! tag:example,2000:\n---\na: 1\n", ERR_MALFORMED, 1},
		{"%ODD thing\n---\na: 1\n", ERR_MALFORMED, 1},
		{"a: 1\n---\nb: 2\n", ERR_TRAILING, 2},
		{"a: 1\n...\nb: 2\n", ERR_MALFORMED, 3},
		{"a: 1\n<<: {b: 2}\n", ERR_MALFORMED, 2},
		{"a: 1\n[b]: 2\n", ERR_MALFORMED, 2},
		{"a: 1\n? {b: 2}\n: 3\n", ERR_MALFORMED, 2},
		{"a: 1\nb: 2\na: 3\n", ERR_DUPLICATE, 3},
		{"a: {x: 1,\n x: 2}\n", ERR_DUPLICATE, 2},
		{"a: 1\n\"\\x61\": 3\n", ERR_DUPLICATE, 2},
		{"a: 1\n\tb: 2\n", ERR_CONTROL, 2},
		{"a: 1\nb:\t2\n", ERR_CONTROL, 2},
		{"a: 1\r\nb: 2\r\n", ERR_CONTROL, 1},
		{"a: 1\nb: \x07\n", ERR_CONTROL, 2},
		{"a: 1\nb: \"\\t\"\n", ERR_CONTROL, 2},
		{"a: 1\nb: \"\\0\"\n", ERR_CONTROL, 2},
		{"a: 1\nb: \"\\L\"\n", ERR_CONTROL, 2},
		{"a: 1\nb: x\xc2\x85y\n", ERR_CONTROL, 2},
		{"a: 1\nb: x\xe2\x80\xa8y\n", ERR_CONTROL, 2},
		{"\xef\xbb\xbf"
		 "a: 1\n",
		 ERR_CONTROL, 1},
		{"a: 1\n# \xe2\x80\xae hidden\n", ERR_BIDI, 2},
		{"a: 1\nb: \"\\u202e\"\n", ERR_BIDI, 2},
		{"a: 1\nb: \xd8\x9c\n", ERR_BIDI, 2},
		{"a: 1\nb: e\xcc\x81\n", ERR_NOT_NFC, 2},
		{"a: 1\nb: \"e\\u0301\"\n", ERR_NOT_NFC, 2},
		{"a: 1\nb: \xff\n", ERR_UTF8, 2},
		{"a: 1\nb: \xed\xa0\x80\n", ERR_UTF8, 2},
		{"a: [1\nb: 2\n", ERR_MALFORMED, 0},
		{"a: 'x\n", ERR_MALFORMED, 0},
		{"a: b: c\n", ERR_MALFORMED, 1},
		{"", ERR_MISSING, 0},
		{"# nothing\n", ERR_MISSING, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct arena a;
		struct yaml *doc = NULL;
		struct fault fault = {.err = ERR_OK};

		arena_init(&a, MEMORY);
		enum err e = yaml_read(&a, bytes_text(bad[i].text), 1000, &doc, &fault);
		if (e != bad[i].err || (bad[i].line != 0 && fault.line != bad[i].line))
			fail_msg("%s: got %s at line %u, wanted %s at line %u", bad[i].text, err_name(e), fault.line, err_name(bad[i].err),
				 bad[i].line);
		assert_null(doc);
		assert_int_equal(fault.err, e);
		if (e != ERR_MALFORMED)
			assert_true(fault.help[0] != '\0' && fault.help_ar[0] != '\0');
		arena_done(&a);
	}
}

static enum err read_repeated(const char *piece, size_t times, const char *end, size_t most, size_t memory)
{
	size_t	     n = strlen(piece);
	char	    *text = calloc(1, n * times + strlen(end) + 1);
	struct arena a;
	struct yaml *doc = NULL;
	struct fault fault;

	for (size_t i = 0; i < times; i++)
		memcpy(text + i * n, piece, n);
	memcpy(text + n * times, end, strlen(end));
	arena_init(&a, memory);
	enum err e = yaml_read(&a, bytes_text(text), most, &doc, &fault);
	arena_done(&a);
	free(text);
	return e;
}

static void has_limits(void **state)
{
	(void)state;
	assert_int_equal(read_repeated("[", YAML_DEEP - 1, "x]]]]]]]]]]]", 1000, MEMORY), ERR_OK);
	assert_int_equal(read_repeated("[", YAML_DEEP, "x]]]]]]]]]]]]", 1000, MEMORY), ERR_TOO_DEEP);
	assert_int_equal(read_repeated("[", 500, "", 1000, MEMORY), ERR_TOO_DEEP);
	assert_int_equal(read_repeated("- - - - ", 10, "x", 1000, MEMORY), ERR_TOO_DEEP);
	assert_int_equal(read_repeated("a", 100, "\n", 101, MEMORY), ERR_OK);
	assert_int_equal(read_repeated("a", 101, "\n", 101, MEMORY), ERR_TOO_LONG);
	assert_int_equal(read_repeated("- x\n", YAML_MEMBERS_MOST, "", 100000, MEMORY), ERR_OK);
	assert_int_equal(read_repeated("- x\n", YAML_MEMBERS_MOST + 1, "", 100000, MEMORY), ERR_TOO_LONG);
	assert_int_equal(
		read_repeated(
			"- [x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, "
			"x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x]\n",
			1000, "", 1000000, MEMORY),
		ERR_TOO_LONG);
	assert_int_equal(read_repeated("- x\n", 1000, "", 100000, 1000), ERR_MEMORY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_maps_lists_and_texts),
		cmocka_unit_test(refuses_what_hides_its_meaning),
		cmocka_unit_test(has_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
