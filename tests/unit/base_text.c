/* base_text.c: encodings have one spelling; text that reads otherwise than it is gets refused; dates and names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"

/* Bytes that differ from run length to run length; not random, so that a failure comes again. */
static void fill(uint8_t *at, size_t n)
{
	for (size_t i = 0; i < n; i++)
		at[i] = (uint8_t)(i * 73 + n * 41 + (i >> 1));
}

static void hex_goes_round(void **state)
{
	uint8_t in[64], out[64];
	char	text[129];
	(void)state;
	for (size_t n = 0; n <= sizeof in; n++) {
		fill(in, n);
		hex_write(in, n, text);
		assert_int_equal(strlen(text), 2 * n);
		assert_int_equal(hex_read(bytes_text(text), out, n), ERR_OK);
		assert_memory_equal(in, out, n);
	}
}

static void hex_has_one_spelling(void **state)
{
	static const char *const bad[] = {"0", "0A", "0g", "0x", " 0", "000", ""};
	uint8_t			 out = 0x5A;
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_equal(hex_read(bytes_text(bad[i]), &out, 1), ERR_MALFORMED);
	assert_int_equal(out, 0x5A);
}

static void base64_goes_round(void **state)
{
	uint8_t in[100], out[100];
	char	text[BASE64_SIZE(100)];
	(void)state;
	for (size_t n = 0; n <= sizeof in; n++) {
		size_t length = n;
		fill(in, n);
		base64_write(bytes_of(in, n), text);
		assert_int_equal(strlen(text) + 1, BASE64_SIZE(n));
		assert_int_equal(base64_read(bytes_text(text), out, &length), ERR_OK);
		assert_int_equal(length, n);
		assert_memory_equal(in, out, n);
		if (n > 0) {
			length = n - 1;
			assert_int_equal(base64_read(bytes_text(text), out, &length), ERR_NO_SPACE);
			assert_int_equal(length, n - 1);
		}
	}
}

/* RFC 4648 section 10. */
static void base64_agrees_with_its_standard(void **state)
{
	static const char *const pairs[][2] = {
		{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
	char text[16];
	(void)state;
	for (size_t i = 0; i < COUNT_OF(pairs); i++) {
		base64_write(bytes_text(pairs[i][0]), text);
		assert_string_equal(text, pairs[i][1]);
	}
}

static void base64_has_one_spelling(void **state)
{
	static const struct {
		const char *text;
		enum err    err;
	} bad[] = {
		{"Zg", ERR_MALFORMED},	       {"Zg=", ERR_MALFORMED},	    {"Zg===", ERR_MALFORMED},	 {"Z===", ERR_MALFORMED},
		{"====", ERR_MALFORMED},       {"Zg==Zg==", ERR_MALFORMED}, {"Zm8=\n", ERR_MALFORMED},	 {"Zm 8", ERR_MALFORMED},
		{"Zm-_", ERR_MALFORMED},       {"Zh==", ERR_NOT_CANONICAL}, {"Zm9=", ERR_NOT_CANONICAL}, {"Zm+=", ERR_NOT_CANONICAL},
		{"Zi==", ERR_NOT_CANONICAL},   {"Zk==", ERR_NOT_CANONICAL}, {"Zo==", ERR_NOT_CANONICAL}, {"Zm8=Zm8=", ERR_MALFORMED},
		{"Z\xc3\xa9=", ERR_MALFORMED},
	};
	uint8_t out[16] = {0x5A};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		size_t n = sizeof out;
		assert_int_equal(base64_read(bytes_text(bad[i].text), out, &n), bad[i].err);
		assert_int_equal(n, sizeof out);
	}
	assert_int_equal(out[0], 0x5A);
}

static void ids_go_round(void **state)
{
	uint8_t in[16], out[16];
	char	text[27];
	(void)state;
	for (unsigned round = 0; round < 200; round++) {
		for (unsigned i = 0; i < 16; i++)
			in[i] = (uint8_t)(round * 31 + i * 17 + (round * i) % 251);
		id_write(in, text);
		assert_int_equal(strlen(text), ID_TEXT);
		assert_int_equal(id_read(bytes_text(text), out), ERR_OK);
		assert_memory_equal(in, out, 16);
	}
	memset(in, 0xFF, 16);
	id_write(in, text);
	assert_string_equal(text, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
}

static void ids_forgive_look_alikes_and_nothing_else(void **state)
{
	uint8_t out[16], same[16];
	(void)state;
	assert_int_equal(id_read(bytes_text("01JD8ZK4W7M3P9T2RB5XN6C0EH"), out), ERR_OK);
	assert_int_equal(id_read(bytes_text("oljd8zk4w7m3p9t2rb5xn6cOeh"), same), ERR_OK);
	assert_memory_equal(out, same, 16);
	assert_int_equal(id_read(bytes_text("0IJD8ZK4W7M3P9T2RB5XN6C0EH"), same), ERR_OK);
	assert_memory_equal(out, same, 16);

	memset(same, 0x5A, 16);
	assert_int_equal(id_read(bytes_text("8ZZZZZZZZZZZZZZZZZZZZZZZZZ"), same), ERR_MALFORMED); /* 129 bits */
	assert_int_equal(id_read(bytes_text("U1JD8ZK4W7M3P9T2RB5XN6C0EH"), same), ERR_MALFORMED);
	assert_int_equal(id_read(bytes_text("01JD8ZK4W7M3P9T2RB5XN6C0E"), same), ERR_MALFORMED);
	assert_int_equal(id_read(bytes_text("01JD8ZK4W7M3P9T2RB5XN6C0EHH"), same), ERR_MALFORMED);
	assert_int_equal(id_read(bytes_text("01JD8ZK4-7M3P9T2RB5XN6C0EH"), same), ERR_MALFORMED);
	assert_int_equal(id_read(bytes_of("01JD8ZK4W7M3P9T2RB5XN6C0E\0", 26), same), ERR_MALFORMED);
	assert_int_equal(same[0], 0x5A);
}

static const struct {
	const char *text;
	int	    lines;
	enum err    err;
} texts[] = {
	{"", TEXT_LINE, ERR_OK},
	{"plain words", TEXT_LINE, ERR_OK},
	{"one\ntwo", TEXT_LINES, ERR_OK},
	{"one\ntwo", TEXT_LINE, ERR_CONTROL},
	{"one\r\ntwo", TEXT_LINES, ERR_CONTROL},
	{"tab\there", TEXT_LINES, ERR_CONTROL},
	{"delete\x7f", TEXT_LINE, ERR_CONTROL},
	{"c1 \xc2\x85", TEXT_LINE, ERR_CONTROL},
	{"\xef\xbb\xbfmark", TEXT_LINE, ERR_CONTROL},
	{"line\xe2\x80\xa8sep", TEXT_LINES, ERR_CONTROL},
	{"para\xe2\x80\xa9sep", TEXT_LINES, ERR_CONTROL},
	{"zero\xe2\x80\x8bspace", TEXT_LINE, ERR_CONTROL},
	{"word\xe2\x81\xa0joiner", TEXT_LINE, ERR_CONTROL},
	{"tag\xf3\xa0\x81\x81", TEXT_LINE, ERR_CONTROL},
	{"soft\xc2\xadhyphen", TEXT_LINE, ERR_CONTROL},
	{"اتفاق بين طرفين", TEXT_LINE, ERR_OK},
	{"می\xe2\x80\x8cخواهم", TEXT_LINE, ERR_OK}, /* ZWNJ */
	{"ه\xe2\x80\x8d", TEXT_LINE, ERR_OK},	    /* ZWJ */
	{"right\xe2\x80\x8fmark", TEXT_LINE, ERR_BIDI},
	{"left\xe2\x80\x8emark", TEXT_LINE, ERR_BIDI},
	{"arabic\xd8\x9cmark", TEXT_LINE, ERR_BIDI},
	{"over\xe2\x80\xaeride", TEXT_LINE, ERR_BIDI},
	{"embed\xe2\x80\xaa", TEXT_LINE, ERR_BIDI},
	{"isolate\xe2\x81\xa6", TEXT_LINE, ERR_BIDI},
	{"pop\xe2\x81\xa9", TEXT_LINE, ERR_BIDI},
	{"caf\xc3\xa9", TEXT_LINE, ERR_OK},
	{"cafe\xcc\x81", TEXT_LINE, ERR_NOT_NFC},
	{"\xd8\xa3", TEXT_LINE, ERR_OK},	      /* alef with hamza, one letter */
	{"\xd8\xa7\xd9\x94", TEXT_LINE, ERR_NOT_NFC}, /* the same in two */
	{"\xe2\x84\xab", TEXT_LINE, ERR_NOT_NFC},     /* Angstrom sign */
	{"\xff", TEXT_LINE, ERR_UTF8},
	{"cut\xe2\x80", TEXT_LINE, ERR_UTF8},
	{"long\xc0\xaf", TEXT_LINE, ERR_UTF8},		 /* overlong */
	{"half\xed\xa0\x80", TEXT_LINE, ERR_UTF8},	 /* surrogate */
	{"far\xf4\x90\x80\x80", TEXT_LINE, ERR_UTF8},	 /* beyond U+10FFFF */
	{"\xe2\x80\xae then \xff", TEXT_LINE, ERR_UTF8}, /* what is no text at all is told first */
};

static void text_that_misleads_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		assert_int_equal(text_check(bytes_text(texts[i].text), texts[i].lines), texts[i].err);
	assert_int_equal(text_check(bytes_of("a\0b", 3), TEXT_LINES), ERR_CONTROL);
}

static void decimals_have_one_spelling(void **state)
{
	static const char *const bad[] = {"", "00", "01", "-1", "+1", " 1", "1 ", "1.0", "0x1", "1e3", "\xd9\xa1"};
	uint64_t		 v = 7;
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_equal(decimal_read(bytes_text(bad[i]), &v), ERR_MALFORMED);
	assert_int_equal(decimal_read(bytes_text("18446744073709551616"), &v), ERR_TOO_LONG);
	assert_true(v == 7);
	assert_int_equal(decimal_read(bytes_text("18446744073709551615"), &v), ERR_OK);
	assert_true(v == UINT64_MAX);
	assert_int_equal(decimal_read(bytes_text("0"), &v), ERR_OK);
	assert_true(v == 0);
}

static void dates_that_exist_go_round(void **state)
{
	char	text[11];
	int32_t day = 0;
	(void)state;
	assert_int_equal(date_read(bytes_text("1970-01-01"), &day), ERR_OK);
	assert_int_equal(day, 0);
	assert_int_equal(date_read(bytes_text("2000-02-29"), &day), ERR_OK);
	assert_int_equal(day, 11016);
	for (int32_t d = -719162; d <= 2932896; d += d > -1000 && d < 40000 ? 1 : 97) {
		date_write(d, text);
		assert_int_equal(date_read(bytes_text(text), &day), ERR_OK);
		assert_int_equal(day, d);
	}
	date_write(INT32_MAX, text);
	assert_string_equal(text, "9999-12-31");
	date_write(INT32_MIN, text);
	assert_string_equal(text, "0001-01-01");
}

static void dates_that_do_not_exist_are_refused(void **state)
{
	static const struct {
		const char *text;
		enum err    err;
	} bad[] = {
		{"2026-02-29", ERR_VALUE},    {"1900-02-29", ERR_VALUE},      {"2026-13-01", ERR_VALUE},     {"2026-00-01", ERR_VALUE},
		{"2026-01-00", ERR_VALUE},    {"2026-04-31", ERR_VALUE},      {"0000-01-01", ERR_VALUE},     {"2026-1-1", ERR_MALFORMED},
		{"20260101", ERR_MALFORMED},  {"2026-01-01 ", ERR_MALFORMED}, {"2026/01/01", ERR_MALFORMED}, {"", ERR_MALFORMED},
		{"2026-01-0", ERR_MALFORMED}, {"-026-01-01", ERR_MALFORMED},
	};
	int32_t day = 42;
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_equal(date_read(bytes_text(bad[i].text), &day), bad[i].err);
	assert_int_equal(day, 42);
}

static void times_go_round(void **state)
{
	static const uint64_t times[] = {0, 1, 999, 1000, 86399999, 86400000, UINT64_C(1795414447112), UINT64_C(253402300799999)};
	char		      text[25];
	uint64_t	      ms = 0;
	(void)state;
	for (size_t i = 0; i < COUNT_OF(times); i++) {
		time_write(times[i], text);
		assert_int_equal(strlen(text), 24);
		assert_int_equal(time_read(bytes_text(text), &ms), ERR_OK);
		assert_true(ms == times[i]);
	}
	time_write(UINT64_C(1795414447112), text);
	assert_string_equal(text, "2026-11-23T06:14:07.112Z");
	assert_int_equal(time_read(bytes_text("2026-11-23T06:14:07Z"), &ms), ERR_OK);
	assert_true(ms == UINT64_C(1795414447000));
	time_write(UINT64_MAX, text);
	assert_string_equal(text, "9999-12-31T23:59:59.999Z");
}

static void times_in_other_forms_are_refused(void **state)
{
	static const char *const bad[] = {
		"2026-11-23T06:14:07",	  "2026-11-23T06:14:07+03:00",
		"2026-11-23 06:14:07Z",	  "2026-11-23t06:14:07z",
		"2026-11-23T06:14:07.1Z", "2026-11-23T06:14:07.1123Z",
		"2026-11-23T24:00:00Z",	  "2026-11-23T06:60:00Z",
		"2026-11-23T06:14:60Z",	  "2026-02-30T06:14:07Z",
		"1969-12-31T23:59:59Z",	  "2026-11-23T06:14:07.112ZZ",
		"2026-11-23T06:14:07,1Z", "",
	};
	uint64_t ms = 42;
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_not_equal(time_read(bytes_text(bad[i]), &ms), ERR_OK);
	assert_true(ms == 42);
}

#define L63 "a23456789012345678901234567890123456789012345678901234567890123"

static void party_names_are_dns_like(void **state)
{
	static const char *const good[] = {"north", "customs.north.example", "a.b.c.d", "x--y.example", "4.example", L63, L63 "." L63};
	static const char *const bad[] = {"",	  ".",	 "a.",	".a",	    "a..b",  "a.b.c.d.e", "North",	    "a_b", "-a", "a-",
					  "a-.b", "a b", "a/b", "\xd8\xa3", L63 "4", "a.b.c.d.",  L63 "." L63 ".1", "a\n"};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++)
		assert_int_equal(party_name_check(bytes_text(good[i])), ERR_OK);
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_not_equal(party_name_check(bytes_text(bad[i])), ERR_OK);
	assert_int_equal(party_name_check(bytes_text(L63 "." L63 ".12")), ERR_TOO_LONG);
}

static void names_are_short_words(void **state)
{
	static const char *const good[] = {"a", "customs", "watch-list", "a1-b2", "a23456789012345678901234567890123456789012345678"};
	static const char *const bad[] = {"", "1a", "-a", "a-", "a--b", "A", "a_b", "a.b", "a b", "\xd8\xa3"};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++)
		assert_int_equal(name_check(bytes_text(good[i])), ERR_OK);
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_equal(name_check(bytes_text(bad[i])), ERR_MALFORMED);
	assert_int_equal(name_check(bytes_text("a234567890123456789012345678901234567890123456789")), ERR_TOO_LONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hex_goes_round),
		cmocka_unit_test(hex_has_one_spelling),
		cmocka_unit_test(base64_goes_round),
		cmocka_unit_test(base64_agrees_with_its_standard),
		cmocka_unit_test(base64_has_one_spelling),
		cmocka_unit_test(ids_go_round),
		cmocka_unit_test(ids_forgive_look_alikes_and_nothing_else),
		cmocka_unit_test(text_that_misleads_is_refused),
		cmocka_unit_test(decimals_have_one_spelling),
		cmocka_unit_test(dates_that_exist_go_round),
		cmocka_unit_test(dates_that_do_not_exist_are_refused),
		cmocka_unit_test(times_go_round),
		cmocka_unit_test(times_in_other_forms_are_refused),
		cmocka_unit_test(party_names_are_dns_like),
		cmocka_unit_test(names_are_short_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
