/* From a service's JSON to fields: pointers, numbers as they were written, codes, dates; each with its wrong sibling. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "provider/map.h"
#include "provider/service_json.h"

static struct buffer room = {.most = 4u << 20};

static enum err json_of(const char *text, json_t **out)
{
	return service_json_read(bytes_text(text), &room, out);
}

static json_t *json(const char *text)
{
	json_t *out = NULL;

	if (json_of(text, &out) != ERR_OK)
		fail_msg("not read: %s", text);
	return out;
}

/* ---- JSON ---- */

static void numbers_stay_as_they_were_written(void **state unused_arg)
{
	static const char *const numbers[] = {"0", "-0", "18450.000", "20260048817", "123456789012345678901234567890.10", "1e400", "1E-2", "-1.5e+3"};
	char			 text[100];

	for (size_t i = 0; i < COUNT_OF(numbers); i++) {
		snprintf(text, sizeof text, "{\"a\": [%s ,1], \"b\":%s}", numbers[i], numbers[i]);
		json_t *root = json(text);
		assert_string_equal(json_string_value(pointer_find(root, "/a/0")), numbers[i]);
		assert_string_equal(json_string_value(pointer_find(root, "/b")), numbers[i]);
		json_decref(root);
	}
}

static void strings_with_digits_are_left_alone(void **state unused_arg)
{
	json_t *root = json("{\"1\": \"2\\\"3\\\\\", \"-4\": \"\\u0031 5\"}");

	assert_string_equal(json_string_value(pointer_find(root, "/1")), "2\"3\\");
	assert_string_equal(json_string_value(pointer_find(root, "/-4")), "1 5");
	json_decref(root);
}

static void bad_json_is_refused(void **state unused_arg)
{
	static const char *const bad[] = {"",
					  "{",
					  "{1: 2}",
					  "{\"a\": 01}",
					  "{\"a\": 1.}",
					  "{\"a\": .5}",
					  "{\"a\": +1}",
					  "{\"a\": 1e}",
					  "{\"a\": -}",
					  "[1 2]",
					  "[1,]",
					  "[1]x",
					  "[NaN]",
					  "{\"a\":1,\"a\":2}",
					  "[\"\\u0000\"]",
					  "[\"\xff\"]",
					  "[\"\\ud800\"]",
					  "1 2",
					  "[1\"\"]",
					  "[\"\"1]",
					  "nul0",
					  "[1/2]",
					  "\"",
					  "\"\\"};
	json_t			*out = NULL;

	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (json_of(bad[i], &out) != ERR_MALFORMED)
			fail_msg("not refused: %s", bad[i]);
	assert_null(out);
}

static void nesting_has_a_limit(void **state unused_arg)
{
	char	text[2 * SERVICE_DEEP + 8] = "";
	json_t *out = NULL;

	memset(text, '[', SERVICE_DEEP);
	memset(text + SERVICE_DEEP, ']', SERVICE_DEEP);
	json_decref(json(text));
	memset(text, '[', SERVICE_DEEP + 1);
	memset(text + SERVICE_DEEP + 1, ']', SERVICE_DEEP + 1);
	assert_int_equal(json_of(text, &out), ERR_TOO_DEEP);
}

/* ---- pointers: the table of RFC 6901 section 5 ---- */

static void pointers_find(void **state unused_arg)
{
	json_t *root =
		json("{\"foo\": [\"bar\", \"baz\"], \"\": 0, \"a/b\": 1, \"c%d\": 2, \"e^f\": 3, \"g|h\": 4, \"i\\\\j\": 5, \"k\\\"l\": 6, \" \": 7, "
		     "\"m~n\": 8, \"~1\": 9}");
	static const struct {
		const char *pointer, *found;
	} rows[] = {{"/foo/0", "bar"},
		    {"/foo/1", "baz"},
		    {"/", "0"},
		    {"/a~1b", "1"},
		    {"/c%d", "2"},
		    {"/e^f", "3"},
		    {"/g|h", "4"},
		    {"/i\\j", "5"},
		    {"/k\"l", "6"},
		    {"/ ", "7"},
		    {"/m~0n", "8"},
		    {"/~01", "9"},
		    {"/foo/2", NULL},
		    {"/foo/01", NULL},
		    {"/foo/-", NULL},
		    {"/foo/", NULL},
		    {"/foo/0/x", NULL},
		    {"/none", NULL},
		    {"/foo/18446744073709551616", NULL}};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const json_t *v = pointer_find(root, rows[i].pointer);

		assert_int_equal(pointer_check(rows[i].pointer), ERR_OK);
		assert_int_equal(v != NULL, rows[i].found != NULL);
		if (v != NULL)
			assert_string_equal(json_string_value(v), rows[i].found);
	}
	json_decref(root);
}

static void bad_pointers_are_refused(void **state unused_arg)
{
	static const char *const bad[] = {"", "a", "/~", "/~2", "/a~", "#/a"};

	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_equal(pointer_check(bad[i]), ERR_VALUE);
}

/* ---- dates ---- */

static const struct {
	const char *form, *text, *expected; /* NULL: refused */
} dates[] = {
	{"DD-MM-YYYY", "20-11-2026", "2026-11-20"},
	{"DD-MM-YYYY", "31-02-2026", NULL},
	{"DD-MM-YYYY", "29-02-2024", "2024-02-29"},
	{"DD-MM-YYYY", "29-02-2026", NULL},
	{"DD-MM-YYYY", "1-2-2026", NULL},
	{"DD-MM-YYYY", "20/11/2026", NULL},
	{"DD-MM-YYYY", "20-11-2026 ", NULL},
	{"DD-MM-YYYY", "00-01-2026", NULL},
	{"DD-MM-YYYY", "01-01-0000", NULL},
	{"DD/MM/YYYY", "02/03/2026", "2026-03-02"},
	{"MM/DD/YYYY", "02/03/2026", "2026-02-03"},
	{"MM/DD/YYYY", "13/01/2026", NULL},
	{"YYYYMMDD", "20261120", "2026-11-20"},
	{"YYYYMMDD", "2026112", NULL},
	{"YYYYMMDD", "2026112x", NULL},
	{"DD.MM.YYYY hh:mm", "20.11.2026 23:59", "2026-11-20"},
	{"DD.MM.YYYY hh:mm", "20.11.2026 24:00", NULL},
	{"YYYY-MM-DDThh:mm:ss", "2026-11-20T09:30:00", "2026-11-20"},
	{"RFC3339", "2026-11-20T23:30:00+03:00", "2026-11-20"},
	{"RFC3339", "2026-11-20T23:30:00.123456789Z", "2026-11-20"},
	{"RFC3339", "2026-11-20t23:30:00z", "2026-11-20"},
	{"RFC3339", "2026-11-20T23:30:00", NULL},
	{"RFC3339", "2026-11-20T24:30:00Z", NULL},
	{"RFC3339", "2026-11-20T23:60:00Z", NULL},
	{"RFC3339", "2026-11-20T23:30:00.Z", NULL},
	{"RFC3339", "2026-11-20T23:30:00+0300", NULL},
	{"RFC3339", "2026-11-20T23:30:00+24:00", NULL},
	{"RFC3339", "2026-11-31T23:30:00Z", NULL},
	{"RFC3339", "2026-11-20", NULL},
	{"RFC3339-time", "2026-11-20T02:30:00.5+03:00", "2026-11-19T23:30:00.500Z"},
	{"RFC3339-time", "2026-12-31T22:30:00-03:30", "2027-01-01T02:00:00.000Z"},
	{"RFC3339-time", "1969-12-31T23:59:59Z", NULL},
	{"epoch-seconds", "0", "1970-01-01"},
	{"epoch-seconds", "1795420811", "2026-11-23"},
	{"epoch-seconds", "-1", "1969-12-31"},
	{"epoch-seconds", "-86400", "1969-12-31"},
	{"epoch-seconds", "-86401", "1969-12-30"},
	{"epoch-seconds", "1e9", NULL},
	{"epoch-seconds", "1795420811.5", NULL},
	{"epoch-seconds", "253402300799", "9999-12-31"},
	{"epoch-seconds", "253402300800", NULL},
	{"epoch-seconds", "99999999999999999999", NULL},
	{"epoch-seconds", "", NULL},
	{"epoch-seconds", "-", NULL},
	{"epoch-seconds-time", "1795420811", "2026-11-23T08:00:11.000Z"},
	{"epoch-seconds-time", "-1", NULL},
	{"epoch-milliseconds", "1795420811112", "2026-11-23"},
	{"epoch-milliseconds-time", "1795420811112", "2026-11-23T08:00:11.112Z"},
};

static void dates_are_converted_strictly(void **state unused_arg)
{
	for (size_t i = 0; i < COUNT_OF(dates); i++) {
		struct date_form form;
		char		 out[DATE_TEXT_MOST] = "untouched";
		enum err	 expected = dates[i].expected != NULL ? ERR_OK : ERR_VALUE;

		assert_int_equal(date_form_read(dates[i].form, &form), ERR_OK);
		if (date_form_convert(&form, bytes_text(dates[i].text), out) != expected)
			fail_msg("%s: %s", dates[i].form, dates[i].text);
		assert_string_equal(out, dates[i].expected != NULL ? dates[i].expected : "untouched");
	}
}

static void bad_forms_are_refused(void **state unused_arg)
{
	static const char *const bad[] = {"",
					  "DD",
					  "DD-MM",
					  "DD-MM-YY",
					  "DD-MM-YYYY-DD",
					  "D-M-YYYY",
					  "DDD-MM-YYYY",
					  "DD_MM_YYYY",
					  "rfc3339",
					  "epoch",
					  "DD-MM-YYYY                            "};
	struct date_form	 form;

	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (date_form_read(bad[i], &form) != ERR_VALUE)
			fail_msg("accepted: %s", bad[i]);
}

/* ---- the map ---- */

static struct config_pair codes[] = {{"01", "lodged"}, {"4", "released"}, {"true", "held"}, {"", "lodged"}};

static struct config_provider plan(void)
{
	struct config_provider p = {.nanswers = 4};

	p.answer[0] = (struct config_answer){.field = "status", .line = 5, .from = "/state", .code = codes, .ncodes = COUNT_OF(codes)};
	p.answer[1] = (struct config_answer){.field = "released-on", .line = 6, .from = "/on", .date = "DD-MM-YYYY"};
	p.answer[2] = (struct config_answer){.field = "weight", .line = 7, .from = "/w"};
	p.answer[3] = (struct config_answer){.field = "always", .line = 8, .value = "yes"};
	return p;
}

static enum map_trouble maps(const char *text, struct mapped *out, char shown[400])
{
	struct config_provider p = plan();
	struct map	       m;
	json_t		      *root = json(text);

	assert_int_equal(map_read(&p, NULL, &m, NULL), ERR_OK);
	enum map_trouble trouble = map_answer(&m, root, out, NULL, NULL);
	shown[0] = '\0';
	for (unsigned i = 0; i < out->fields.n; i++)
		snprintf(shown + strlen(shown), 400 - strlen(shown), "%.*s=%.*s ", (int)out->fields.at[i].name.n,
			 (const char *)out->fields.at[i].name.at, (int)out->fields.at[i].value.n, (const char *)out->fields.at[i].value.at);
	json_decref(root);
	return trouble;
}

static void answers_become_fields(void **state unused_arg)
{
	static const struct {
		const char *text, *shown;
	} rows[] = {
		{"{\"state\": \"01\", \"on\": \"20-11-2026\", \"w\": 18450.000}",
		 "status=lodged released-on=2026-11-20 weight=18450.000 always=yes "},
		{"{\"state\": 4}", "status=released always=yes "},
		{"{\"state\": true, \"w\": false}", "status=held weight=false always=yes "},
		{"{\"state\": \"\", \"w\": \"\", \"on\": \"\"}", "status=lodged always=yes "},
		{"{\"state\": null, \"w\": \"1 kg\"}", "weight=1 kg always=yes "},
	};
	static struct mapped out;
	char		     shown[400];

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(maps(rows[i].text, &out, shown), MAP_DONE);
		assert_string_equal(shown, rows[i].shown);
	}
}

static void what_cannot_be_sent_names_its_field(void **state unused_arg)
{
	static const struct {
		const char	*text;
		enum map_trouble trouble;
		const char	*field;
	} rows[] = {
		{"{\"state\": \"02\"}", MAP_CODE, "status"},
		{"{\"state\": 1}", MAP_CODE, "status"},
		{"{\"state\": {}}", MAP_TYPE, "status"},
		{"{\"state\": [\"01\"]}", MAP_TYPE, "status"},
		{"{\"on\": \"31-02-2026\"}", MAP_DATE, "released-on"},
		{"{\"on\": true}", MAP_DATE, "released-on"},
		{"{\"w\": \"a\\u0007\"}", MAP_TEXT, "weight"},
		{"{\"w\": \"e\\u0301\"}", MAP_TEXT, "weight"},
		{"{\"w\": \"\\u202ex\"}", MAP_TEXT, "weight"},
		{"{}", MAP_NOTHING, NULL},
		{"[]", MAP_NOTHING, NULL},
		{"null", MAP_NOTHING, NULL},
		{"\"state\"", MAP_NOTHING, NULL},
		{"{\"state\": null}", MAP_NOTHING, NULL},
	};
	static struct mapped out;
	char		     shown[400];

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (maps(rows[i].text, &out, shown) != rows[i].trouble)
			fail_msg("%s", rows[i].text);
		assert_true((out.field == NULL) == (rows[i].field == NULL));
		if (out.field != NULL)
			assert_string_equal(out.field, rows[i].field);
		assert_true(map_trouble_text(rows[i].trouble)[0] != '\0');
	}
}

static void a_text_longer_than_a_field_is_not_sent(void **state unused_arg)
{
	static char	     text[FIELD_VALUE_MOST + 32] = "{\"w\": \"";
	static struct mapped out;
	char		     shown[400];
	size_t		     n = strlen(text);

	memset(text + n, 'x', FIELD_VALUE_MOST + 1);
	memcpy(text + n + FIELD_VALUE_MOST + 1, "\"}", 3);
	assert_int_equal(maps(text, &out, shown), MAP_LONG);
	memcpy(text + n + FIELD_VALUE_MOST, "\"}", 3);
	assert_int_equal(maps(text, &out, shown), MAP_DONE);
}

static void the_clause_closes_the_map(void **state unused_arg)
{
	static struct code     clause_codes[] = {{.name = "lodged"}, {.name = "released"}, {.name = "held"}};
	struct field_rule      answer[] = {{.name = "status", .type = FIELD_CODE, .length = 48, .code = clause_codes, .ncodes = 3},
					   {.name = "released-on", .type = FIELD_DATE, .length = 10},
					   {.name = "weight", .type = FIELD_DECIMAL, .length = 24},
					   {.name = "always", .type = FIELD_TEXT, .length = 100}};
	struct clause	       clause = {.nanswer = 4, .answer = answer};
	struct config_provider p = plan();
	struct map	       m = {.n = 99};
	struct fault	       fault;

	assert_int_equal(map_read(&p, &clause, &m, &fault), ERR_OK);
	assert_int_equal(m.n, 4);
	m.n = 99;
	clause.nanswer = 3; /* "always" is outside now */
	assert_int_equal(map_read(&p, &clause, &m, &fault), ERR_VALUE);
	assert_int_equal(fault.line, 8);
	clause.nanswer = 4;
	clause_codes[2].name = "seized";
	assert_int_equal(map_read(&p, &clause, &m, &fault), ERR_VALUE);
	assert_int_equal(fault.line, 5);
	assert_string_equal(fault.found, "held");
	clause_codes[2].name = "held";
	answer[1].type = FIELD_TIME;
	assert_int_equal(map_read(&p, &clause, &m, &fault), ERR_VALUE);
	p.answer[1].date = "RFC3339-time";
	assert_int_equal(map_read(&p, &clause, &m, &fault), ERR_OK);
	p.answer[1].date = "YY";
	m.n = 99;
	assert_int_equal(map_read(&p, &clause, &m, &fault), ERR_VALUE);
	assert_int_equal(m.n, 99);
}

static char told[600];

static void tell(void *arg unused_arg, enum provider_step step, struct bytes from, struct bytes name, struct bytes value)
{
	snprintf(told + strlen(told), sizeof told - strlen(told), "%u %.*s>%.*s>%.*s\n", step, (int)from.n, (const char *)from.at, (int)name.n,
		 (const char *)name.at, (int)value.n, (const char *)value.at);
}

static void a_trace_tells_what_is_taken_and_what_is_dropped(void **state unused_arg)
{
	struct config_provider p = plan();
	struct map	       m;
	static struct mapped   out;
	json_t		      *root = json("{\"state\": \"01\", \"w\": [1, {\"a/b\": 2}], \"x\": {}, \"y\": null}");

	assert_int_equal(map_read(&p, NULL, &m, NULL), ERR_OK);
	assert_int_equal(map_answer(&m, root, &out, tell, NULL), MAP_TYPE);
	assert_string_equal(told, "1 /state \"01\">status>lodged\n"
				  "3 /w>weight>the service gave an object or a list where one value is expected\n"
				  "1 >always>yes\n"
				  "2 /x>>\n"
				  "2 /y>>\n");
	json_decref(root);
}

static int done(void **state unused_arg)
{
	buffer_done(&room);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_stay_as_they_were_written),
		cmocka_unit_test(strings_with_digits_are_left_alone),
		cmocka_unit_test(bad_json_is_refused),
		cmocka_unit_test(nesting_has_a_limit),
		cmocka_unit_test(pointers_find),
		cmocka_unit_test(bad_pointers_are_refused),
		cmocka_unit_test(dates_are_converted_strictly),
		cmocka_unit_test(bad_forms_are_refused),
		cmocka_unit_test(answers_become_fields),
		cmocka_unit_test(what_cannot_be_sent_names_its_field),
		cmocka_unit_test(a_text_longer_than_a_field_is_not_sent),
		cmocka_unit_test(the_clause_closes_the_map),
		cmocka_unit_test(a_trace_tells_what_is_taken_and_what_is_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, done);
}
