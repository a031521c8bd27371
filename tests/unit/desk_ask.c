/* The body of a question: what is taken, what is refused, and where the pointer points. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "gateway/desk.h"

static void a_whole_question(void **state)
{
	(void)state;
	static const char text[] =
		"{\"to\": \"customs.kw.example\", \"clause\": \"customs/declaration-status\", \"purpose\": \"duty-assessment\", \"case\": \"K-1\","
		" \"officer\": \"r.sample\", \"fields\": {\"released_on\": \"2026-11-20\", \"office\": \"KWSAA\"}}";
	struct asked_body b;

	assert_int_equal(asked_body_read(bytes_text(text), &b, NULL), ERR_OK);
	assert_true(bytes_is(b.ask.to, "customs.kw.example"));
	assert_true(bytes_is(b.ask.clause, "customs/declaration-status"));
	assert_true(bytes_is(b.ask.reference, "K-1"));
	assert_true(bytes_is(b.ask.officer, "r.sample"));
	assert_int_equal(b.ask.fields.n, 2);
	assert_true(bytes_is(fields_find(&b.ask.fields, "released-on")->value, "2026-11-20"));
	assert_false(b.dashes);
	struct hash hash = hash_bytes(bytes_text(text));
	assert_true(hash_equal(&hash, &b.ask.body));
	asked_body_done(&b);
}

static void refused_bodies(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum err    err;
		const char *pointer;
	} cases[] = {
		{"[]", ERR_MALFORMED, ""},
		{"{\"fields\": {}}", ERR_MISSING, "/clause"},
		{"{\"clause\": \"a/b\", \"Fields\": {}}", ERR_UNKNOWN_KEY, "/Fields"},
		{"{\"clause\": 7}", ERR_MALFORMED, "/clause"},
		{"{\"clause\": \"a/b\", \"purpose\": null}", ERR_MALFORMED, "/purpose"},
		{"{\"clause\": \"a/b\", \"case\": \"x\\ny\"}", ERR_CONTROL, "/case"},
		{"{\"clause\": \"a/b\", \"officer\": \"\xe2\x81\xa6x\"}", ERR_BIDI, "/officer"},
		{"{\"clause\": \"a/b\", \"fields\": []}", ERR_MALFORMED, "/fields"},
		{"{\"clause\": \"a/b\", \"fields\": {\"n\": 1}}", ERR_MALFORMED, "/fields/n"},
		{"{\"clause\": \"a/b\", \"fields\": {\"n\": {\"m\": \"x\"}}}", ERR_MALFORMED, "/fields/n"},
		{"{\"clause\": \"a/b\", \"fields\": {\"a-b\": \"1\", \"a_b\": \"2\"}}", ERR_DUPLICATE, "/fields/a_b"},
		{"{\"clause\": \"a/b\", \"fields\": {\"n\": \"x\\u202e\"}}", ERR_BIDI, "/fields/n"},
		{"{\"clause\": \"a/b\", \"fields\": {\"n\": \"e\\u0301\"}}", ERR_NOT_NFC, "/fields/n"},
		{"{\"clause\": \"a/b\", \"fields\": {\"\": \"x\"}}", ERR_MALFORMED, "/fields/"},
		{"{\"clause\": \"a/b\", \"fields\": {\"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn\": \"x\"}}", ERR_MALFORMED,
		 "/fields/nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"},
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct asked_body b;
		struct fault	  fault = {0};

		assert_int_equal(asked_body_read(bytes_text(cases[i].text), &b, &fault), cases[i].err);
		assert_string_equal(fault.at, cases[i].pointer);
	}
}

/* 64 fields are taken, 65 are not. */
static void too_many_fields(void **state)
{
	(void)state;
	for (unsigned n = FIELDS_MOST; n <= FIELDS_MOST + 1; n++) {
		struct buffer	  text = {.most = 8192};
		struct asked_body b;

		assert_int_equal(buffer_format(&text, "{\"clause\": \"a/b\", \"fields\": {"), ERR_OK);
		for (unsigned i = 0; i < n; i++)
			assert_int_equal(buffer_format(&text, "%s\"f%u\": \"x\"", i > 0 ? "," : "", i), ERR_OK);
		assert_int_equal(buffer_format(&text, "}}"), ERR_OK);
		enum err e = asked_body_read(buffer_bytes(&text), &b, NULL);
		assert_int_equal(e, n == FIELDS_MOST ? ERR_OK : ERR_TOO_LONG);
		if (e == ERR_OK)
			asked_body_done(&b);
		buffer_done(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_whole_question), cmocka_unit_test(refused_bodies), cmocka_unit_test(too_many_fields)};

	json_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
