/* JSON that others wrote is read strictly; JSON that we write is always JSON. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdlib.h>

#include "net/json.h"

static enum err read_err(const char *text)
{
	json_t	    *json = NULL;
	struct fault fault = {0};
	enum err     e = json_read(bytes_text(text), &json, &fault);

	if (e == ERR_OK)
		json_decref(json);
	else
		assert_int_equal(fault.err, e);
	return e;
}

static void strict_reading(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum err    err;
	} cases[] = {
		{"{\"a\": \"b\"}", ERR_OK},
		{"{\"a\": {\"b\": [[[[[[1]]]]]]}}", ERR_OK},
		{"{\"a\": {\"b\": [[[[[[[1]]]]]]]}}", ERR_TOO_DEEP},
		{"{\"a\": \"[[[[[[[[[[[[\"}", ERR_OK},
		{"{\"a\": \"\\\"[[[[[[[[[[[[\"}", ERR_OK},
		{"{\"a\": 1, \"a\": 2}", ERR_DUPLICATE},
		{"{\"a\": 1, \"\\u0061\": 2}", ERR_DUPLICATE},
		{"{\"a\": \"\\u0000\"}", ERR_CONTROL},
		{"{\"a\": \"\xff\"}", ERR_UTF8},
		{"{\"a\": \"\xed\xa0\x80\"}", ERR_UTF8},
		{"{\"a\": 1} x", ERR_MALFORMED},
		{"{\"a\": 1,}", ERR_MALFORMED},
		{"{\"a\"", ERR_MALFORMED},
		{"", ERR_MALFORMED},
		{"{'a': 1}", ERR_MALFORMED},
		{"{\"a\": 1} // note", ERR_MALFORMED},
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_int_equal(read_err(cases[i].text), cases[i].err);
}

static void too_long(void **state)
{
	(void)state;
	static char text[JSON_BODY_MOST + 2];
	json_t	   *json;

	memset(text, ' ', sizeof text);
	text[0] = '{';
	text[1] = '}';
	assert_int_equal(json_read(bytes_of(text, JSON_BODY_MOST), &json, NULL), ERR_OK);
	json_decref(json);
	assert_int_equal(json_read(bytes_of(text, JSON_BODY_MOST + 1), &json, NULL), ERR_TOO_LONG);
}

static void members(void **state)
{
	(void)state;
	static const char *const known[] = {"name", "bidi", "long", "number"};
	json_t			*json;
	struct bytes		 v;
	struct fault		 fault = {0};

	assert_int_equal(json_read(bytes_text(
					   "{\"name\": \"\xd9\x85\", \"bidi\": \"a\xe2\x80\xae\", \"long\": \"12345\", \"number\": 4, \"a/b~c\": 1}"),
				   &json, NULL),
			 ERR_OK);
	assert_int_equal(json_text_of(json, "", "name", 10, &v, &fault), ERR_OK);
	assert_int_equal(v.n, 2);
	assert_int_equal(json_text_of(json, "", "absent", 10, &v, &fault), ERR_OK);
	assert_int_equal(v.n, 0);
	assert_int_equal(json_text_of(json, "", "bidi", 10, &v, &fault), ERR_BIDI);
	assert_string_equal(fault.at, "/bidi");
	assert_int_equal(json_text_of(json, "", "long", 4, &v, &fault), ERR_TOO_LONG);
	assert_int_equal(json_text_of(json, "/x", "number", 4, &v, &fault), ERR_MALFORMED);
	assert_string_equal(fault.at, "/x/number");
	assert_int_equal(json_only(json, "", known, COUNT_OF(known), &fault), ERR_UNKNOWN_KEY);
	assert_string_equal(fault.at, "/a~1b~0c");
	json_decref(json);
}

/* What the writer wrote must be what the library reads back. */
static void writing(void **state)
{
	(void)state;
	static const char  hard[] = "quote \" back \\ line \n tab \t bell \a del \x7f end";
	struct buffer	   out = {.most = 4096};
	struct json_writer w = json_writer_on(&out);
	json_t		  *json;

	json_open(&w, '{');
	json_member(&w, "hard", hard);
	json_member(&w, "arabic", "مُفرَج عنه");
	json_member_text(&w, "broken",
			 bytes_text("a\xff"
				    "b"));
	json_member(&w, "null", NULL);
	json_member_number(&w, "number", UINT32_MAX);
	json_member_open(&w, "list", '[');
	json_bool(&w, true);
	json_bool(&w, false);
	json_close(&w, ']');
	json_close(&w, '}');
	assert_int_equal(w.err, ERR_OK);
	assert_int_equal(json_read(buffer_bytes(&out), &json, NULL), ERR_OK);
	assert_string_equal(json_string_value(json_object_get(json, "hard")), hard);
	assert_string_equal(json_string_value(json_object_get(json, "arabic")), "مُفرَج عنه");
	assert_string_equal(json_string_value(json_object_get(json, "broken")), "a?b");
	assert_true(json_is_null(json_object_get(json, "null")));
	assert_int_equal(json_integer_value(json_object_get(json, "number")), UINT32_MAX);
	assert_int_equal(json_array_size(json_object_get(json, "list")), 2);
	json_decref(json);
	buffer_done(&out);
}

static void writing_fails_once(void **state)
{
	(void)state;
	struct buffer	   out = {.most = 8};
	struct json_writer w = json_writer_on(&out);

	json_open(&w, '{');
	json_member(&w, "too", "long for eight bytes");
	json_close(&w, '}');
	assert_int_equal(w.err, ERR_TOO_LONG);
	buffer_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strict_reading), cmocka_unit_test(too_long),		cmocka_unit_test(members),
		cmocka_unit_test(writing),	  cmocka_unit_test(writing_fails_once),
	};

	json_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
