/* Addresses and bodies with fields in them: what is written, what is encoded, what is refused, and that no value leaves its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "provider/template.h"

static struct fields ask;

static void given(const char *name, const char *value)
{
	assert_int_equal(fields_add(&ask, bytes_text(name), bytes_text(value)), ERR_OK);
}

static enum err fill_into(const struct template *t, char out[9000])
{
	struct builder b = builder_on(out, 8999);
	struct bytes   field = BYTES_NONE;
	enum err       e = template_fill(t, &ask, &b, &field);

	out[b.n] = '\0';
	assert_int_equal(field.n > 0, e == ERR_MISSING || e == ERR_VALUE);
	return e;
}

static void fills(const char *text, const char *expected)
{
	struct template t;
	char out[9000];

	assert_int_equal(template_target_read(text, &t, NULL), ERR_OK);
	assert_int_equal(fill_into(&t, out), ERR_OK);
	assert_string_equal(out, expected);
}

static void body_fills(const char *text, const char *expected)
{
	struct template t;
	char out[9000];

	assert_int_equal(template_body_read(text, &t, NULL), ERR_OK);
	assert_int_equal(fill_into(&t, out), ERR_OK);
	assert_string_equal(out, expected);
}

static enum err fails(const char *text)
{
	struct template t;
	char out[9000];

	assert_int_equal(template_target_read(text, &t, NULL), ERR_OK);
	return fill_into(&t, out);
}

static int fresh(void **state unused_arg)
{
	ask.n = 0;
	return 0;
}

static void addresses_are_filled(void **state unused_arg)
{
	given("declaration", "2026-0048817");
	given("office", "KWSAA");
	fills("/", "/");
	fills("/a/{declaration}", "/a/2026-0048817");
	fills("/a/{declaration}.json", "/a/2026-0048817.json");
	fills("/a/{declaration}/{office}/x", "/a/2026-0048817/KWSAA/x");
	fills("/a?n={declaration}", "/a?n=2026-0048817");
	fills("/a{?office}", "/a?office=KWSAA");
	fills("/a{?port=office}{?declaration}", "/a?port=KWSAA&declaration=2026-0048817");
	fills("/a?x=1{?office}", "/a?x=1&office=KWSAA");
	fills("/a{?nothing}{?office}", "/a?office=KWSAA");
	fills("/a{?nothing}", "/a");
}

static void what_is_needed_must_be_given(void **state unused_arg)
{
	assert_int_equal(fails("/a/{declaration}"), ERR_MISSING);
	assert_int_equal(fails("/a?n={declaration}"), ERR_MISSING);
}

static void values_are_encoded(void **state unused_arg)
{
	given("v", "a b/c?d#e%f&g=h;i+j\"<>\n");
	fills("/{v}", "/a%20b%2Fc%3Fd%23e%25f%26g%3Dh%3Bi%2Bj%22%3C%3E%0A");
	fills("/x?v={v}", "/x?v=a%20b%2Fc%3Fd%23e%25f%26g%3Dh%3Bi%2Bj%22%3C%3E%0A");
	ask.n = 0;
	given("v", "\xd8\xa8\xd9\x8a\xd8\xa7\xd9\x86"); /* Arabic */
	fills("/{v}", "/%D8%A8%D9%8A%D8%A7%D9%86");
	ask.n = 0;
	given("v", "-._~aZ09");
	fills("/{v}", "/-._~aZ09");
}

static void no_value_changes_the_path(void **state unused_arg)
{
	static const char *const bad[] = {"",	  ".",	    "..",    "/",     "a/",    "/a",   "a//b",	 "../b",
					  "a/..", "a/../b", "a/./b", "..\\b", "a\\..", "..;x", "a/.;/b", ";"};
	static const char *const good[] = {"...", "a/b", "a..b", "..a", "a.", "%2e%2e", "2026/17"};

	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		ask.n = 0;
		given("v", bad[i]);
		if (fails("/a/{v}/b") != ERR_VALUE || fails("/a/.{v}") != ERR_VALUE)
			fail_msg("accepted: %s", bad[i]);
	}
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		ask.n = 0;
		given("v", good[i]);
		assert_int_equal(fails("/a/{v}/b"), ERR_OK);
	}
	ask.n = 0;
	given("v", ".."); /* in a query it is a value like any other */
	fills("/a?v={v}", "/a?v=..");
}

static void bad_addresses_are_refused(void **state unused_arg)
{
	static const char *const bad[] = {"",	  "a",	     "{a}",	 "/{",	     "/{a",	  "/}",	    "/{A}",  "/{a b}",	  "/{}",
					  "/{?}", "/{?=a}",  "/{?a=}",	 "/{?a=B}",  "/{?a b=c}", "/a b",   "/a#b",  "/\xd8\xa8", "/a\"b",
					  "/a\n", "/{?a}/b", "/{?a}{b}", "/{?a}x=1", "/{&a}",	  "/{{a}}", "/{a}{", "/{?a=b=c}"};
	struct template t = {.n = 77};
	struct fault fault;

	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		if (template_target_read(bad[i], &t, &fault) != ERR_VALUE)
			fail_msg("accepted: %s", bad[i]);
		assert_true(fault.help[0] != '\0' && fault.help_ar[0] != '\0');
	}
	assert_int_equal(t.n, 77);
}

static void too_many_pieces_are_refused(void **state unused_arg)
{
	struct template t;
	char text[3 * TEMPLATE_PIECES_MOST + 8] = "/";

	for (unsigned i = 0; i < TEMPLATE_PIECES_MOST; i++)
		strcat(text, "{a}");
	assert_int_equal(template_target_read(text, &t, NULL), ERR_TOO_LONG);
	text[1 + 3 * (TEMPLATE_PIECES_MOST - 1)] = '\0';
	assert_int_equal(template_target_read(text, &t, NULL), ERR_OK);
}

static void a_full_builder_is_told(void **state unused_arg)
{
	struct template t;
	uint8_t	       small[8];
	struct builder b = builder_on(small, sizeof small);
	struct bytes   field;

	given("a", "123456789");
	assert_int_equal(template_target_read("/{a}", &t, NULL), ERR_OK);
	assert_int_equal(template_fill(&t, &ask, &b, &field), ERR_NO_SPACE);
}

static void bodies_are_filled(void **state unused_arg)
{
	given("a", "2026-1");
	given("b", "\"x\\\n\xd8\xa8");
	body_fills("{}", "{}");
	body_fills("{\"n\": {a}}", "{\"n\": \"2026-1\"}");
	body_fills("{\"n\": \"{a}\", \"m\": [{b}]}", "{\"n\": \"2026-1\", \"m\": [\"\\\"x\\\\\\u000a\xd8\xa8\"]}");
	body_fills("{\"n\": \"of {b}!\"}", "{\"n\": \"of \\\"x\\\\\\u000a\xd8\xa8!\"}");
	body_fills("{\"n\": {c}}", "{\"n\": null}");
	body_fills("{\"\\\"{a}\": {\"q\": 1}}", "{\"\\\"2026-1\": {\"q\": 1}}");
	struct template t;
	char out[9000];
	assert_int_equal(template_body_read("{\"n\": \"{c}\"}", &t, NULL), ERR_OK);
	assert_int_equal(fill_into(&t, out), ERR_MISSING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(addresses_are_filled, fresh),	  cmocka_unit_test_setup(what_is_needed_must_be_given, fresh),
		cmocka_unit_test_setup(values_are_encoded, fresh),	  cmocka_unit_test_setup(no_value_changes_the_path, fresh),
		cmocka_unit_test_setup(bad_addresses_are_refused, fresh), cmocka_unit_test_setup(too_many_pieces_are_refused, fresh),
		cmocka_unit_test_setup(a_full_builder_is_told, fresh),	  cmocka_unit_test_setup(bodies_are_filled, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
