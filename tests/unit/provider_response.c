/* Responses of a service: what is whole, what is too much, what could be read in two ways; and the same for every cut of the bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "provider/response.h"

static uint8_t raw[3u << 20];

/* Gives the bytes `at_once` at a time, as a network may. */
static enum err reads(const char *text, size_t at_once, struct response *r)
{
	size_t	 n = strlen(text);
	enum err e = ERR_SHORT;

	*r = (struct response){0};
	for (size_t there = 0; there < n && e == ERR_SHORT;) {
		size_t more = n - there < at_once ? n - there : at_once;

		memcpy(raw + there, text + there, more);
		there += more;
		e = response_read(r, raw, there);
	}
	return e;
}

static void is_whole(const char *text, unsigned status, const char *body, bool keeps, bool json)
{
	static const size_t cuts[] = {1, 2, 3, 7, 64, SIZE_MAX};
	struct response	    r;

	for (size_t i = 0; i < COUNT_OF(cuts); i++) {
		assert_int_equal(reads(text, cuts[i], &r), ERR_OK);
		assert_int_equal(r.status, status);
		assert_true(bytes_is(bytes_of(raw + r.body_at, r.body_n), body));
		assert_int_equal(r.keeps, keeps);
		assert_int_equal(r.json, json);
		assert_true(r.used <= strlen(text));
	}
}

static void whole_responses(void **state unused_arg)
{
	is_whole("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", 200, "{}", true, true);
	is_whole("HTTP/1.1 200\r\nCONTENT-LENGTH:2\r\n\r\n{}", 200, "{}", true, false);
	is_whole("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", 404, "", false, false);
	is_whole("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", 200, "{}", false, false);
	is_whole("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\n{}", 200, "{}", true, false);
	is_whole("HTTP/1.1 204 No Content\r\nContent-Length: 99999999999999999999999\r\n\r\n", 204, "", true, false);
	is_whole("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{\"\r\n0A;x=\"y\"\r\n0123456789\r\n1 \r\n}\r\n0\r\nA: b\r\n\r\n", 200,
		 "{\"0123456789}", true, false);
	is_whole("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nContent-Length: 7\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1",
		 200, "1", true, false);
}

static void what_is_behind_is_not_used(void **state unused_arg)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\n";
	struct response	  r;

	assert_int_equal(reads(text, SIZE_MAX, &r), ERR_OK);
	assert_int_equal(r.used, strlen(text) - strlen("HTTP/1.1 200 OK\r\n"));
}

static void types(void **state unused_arg)
{
	static const struct {
		const char *type;
		bool	    json;
	} rows[] = {{"application/json", true},
		    {"Application/JSON; charset=utf-8", true},
		    {"application/json;charset=\"UTF-8\"", true},
		    {"application/json; profile=x", true},
		    {"application/hal+json", true},
		    {"application/json; charset=iso-8859-1", false},
		    {"application/json5", false},
		    {"text/json", false},
		    {"text/html", false},
		    {"application/+json", false},
		    {"", false}};
	struct response r;
	char		text[200];

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: 0\r\n\r\n", rows[i].type);
		assert_int_equal(reads(text, SIZE_MAX, &r), ERR_OK);
		assert_int_equal(r.json, rows[i].json);
	}
	assert_int_equal(reads("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n", SIZE_MAX, &r), ERR_OK);
	assert_true(r.packed);
}

static void malformed_responses(void **state unused_arg)
{
	static const char *const bad[] = {
		"220 mail ESMTP\r\n",
		"H\n",
		"HTTP/2 200 OK\r\n",
		"HTTP/1.2 200 OK\r\n",
		"HTTP/1.1 99 OK\r\n",
		"HTTP/1.1 600 OK\r\n",
		"HTTP/1.1 2x0 OK\r\n",
		"HTTP/1.1  200 OK\r\n",
		"HTTP/1.1 2000\r\n",
		"HTTP/1.1 101 Switching Protocols\r\n",
		"HTTP/1.1 200 OK\nA: b\r\n",
		"HTTP/1.1 200 OK\r\nA: b\n",
		"HTTP/1.1 200 OK\r\nA b\r\n",
		"HTTP/1.1 200 OK\r\nA : b\r\n",
		"HTTP/1.1 200 OK\r\n: b\r\n",
		"HTTP/1.1 200 OK\r\nA: b\r\n folded: c\r\n",
		"HTTP/1.1 200 OK\r\nA: b\rc\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
		"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\n{}",
		"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\n{}",
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}",
		"HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\n{}",
		"HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n{}",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}}\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2 2\r\n{}\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nno colon\r\n",
	};
	struct response r;

	for (size_t i = 0; i < COUNT_OF(bad); i++)
		for (size_t cut = 1; cut < 100; cut += 49)
			if (reads(bad[i], cut, &r) != ERR_MALFORMED)
				fail_msg("not refused: %s", bad[i]);
}

/* A text that repeats itself, between two others. */
static char *repeated(const char *before, const char *what, size_t times, const char *after)
{
	char *text = malloc(strlen(before) + strlen(what) * times + strlen(after) + 1);

	assert_non_null(text);
	char *at = stpcpy(text, before);
	for (size_t i = 0; i < times; i++)
		at = stpcpy(at, what);
	stpcpy(at, after);
	return text;
}

static void limits(void **state unused_arg)
{
	struct response r;
	char	       *headers = repeated("HTTP/1.1 200 OK\r\n", "A: b\r\n", 4000, "");
	char	       *line = repeated("HTTP/1.1 200 ", "x", 20000, "");
	char	       *chunks = repeated("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "8\r\n01234567\r\n", (1u << 17) + 1, "");
	char	       *interim = repeated("", "HTTP/1.1 100 Continue\r\n\r\n", RESPONSE_INTERIM_MOST + 1, "");
	char	       *open = repeated("HTTP/1.1 200 OK\r\n\r\n", "0123456789abcdef", 65537, "");

	assert_int_equal(reads(headers, 100, &r), ERR_TOO_LONG);
	assert_int_equal(reads(line, 100, &r), ERR_TOO_LONG);
	assert_int_equal(reads(chunks, SIZE_MAX, &r), ERR_TOO_LONG);
	assert_int_equal(reads(interim, SIZE_MAX, &r), ERR_MALFORMED);
	assert_int_equal(reads(open, 65536, &r), ERR_TOO_LONG);
	assert_int_equal(reads("HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n", SIZE_MAX, &r), ERR_TOO_LONG);
	assert_int_equal(reads("HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n", SIZE_MAX, &r), ERR_SHORT);
	assert_int_equal(reads("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffffffff\r\n", SIZE_MAX, &r), ERR_TOO_LONG);
	free(headers);
	free(line);
	free(chunks);
	free(interim);
	free(open);
}

static void the_end_of_the_connection_ends_some(void **state unused_arg)
{
	struct response r;

	assert_int_equal(reads("HTTP/1.1 200 OK\r\n\r\n{\"a\"", 5, &r), ERR_SHORT);
	assert_int_equal(response_closed(&r), ERR_OK);
	assert_false(r.keeps);
	assert_true(bytes_is(bytes_of(raw + r.body_at, r.body_n), "{\"a\""));
	assert_int_equal(reads("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{\"a\"", 5, &r), ERR_SHORT);
	assert_int_equal(response_closed(&r), ERR_SHORT);
	assert_int_equal(reads("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", 5, &r), ERR_SHORT);
	assert_int_equal(response_closed(&r), ERR_SHORT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_responses), cmocka_unit_test(what_is_behind_is_not_used),
		cmocka_unit_test(types),	   cmocka_unit_test(malformed_responses),
		cmocka_unit_test(limits),	   cmocka_unit_test(the_end_of_the_connection_ends_some),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
