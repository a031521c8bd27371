/* An event as applications see it, the address of a webhook, and its signature. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/events.h"
#include "gateway/hook.h"

static struct buffer out;

static const char *written(const struct news *news)
{
	out.n = 0;
	out.most = EVENT_JSON_MOST;
	struct json_writer w = json_writer_on(&out);
	event_json(&w, news);
	assert_int_equal(w.err, ERR_OK);
	assert_int_equal(buffer_add(&out, bytes_of("", 1)), ERR_OK);
	return (const char *)out.at;
}

static void an_event_of_a_question_names_it_and_nothing_else(void **state unused_arg)
{
	struct news n = {.number = news_number_from(1795420800123), .type = NEWS_QUERY_REFUSED, .of_exchange = true, .ours = true, .clause = 7};

	memset(n.mid, 1, MID_SIZE);
	assert_string_equal(written(&n),
			    "{\"id\":\"e_001M83PPH3V00\",\"type\":\"query.refused\",\"at\":\"2026-11-23T08:00:00.123Z\","
			    "\"object\":{\"id\":\"q_01040G2081040G2081040G2081\",\"href\":\"/v1/queries/q_01040G2081040G2081040G2081\"}}");
}

static void an_event_of_a_partner_names_it(void **state unused_arg)
{
	struct news n = {.number = 1, .type = NEWS_PARTNER_DOWN, .subject = "cbp.us.example"};

	assert_non_null(strstr(written(&n), "\"object\":{\"id\":\"cbp.us.example\",\"href\":\"/v1/status\"}"));
	n.type = NEWS_AGREEMENT_IN_FORCE;
	assert_non_null(strstr(written(&n), "\"href\":\"/v1/clauses\""));
	n = (struct news){.number = 1, .type = NEWS_LOST};
	assert_non_null(strstr(written(&n), "\"type\":\"events.lost\",\"at\":\"1970-01-01T00:00:00.000Z\",\"object\":null}"));
}

/* The longest there is fits into what a webhook is sent. */
static void the_longest_subject_fits(void **state unused_arg)
{
	struct news n = {.number = INT64_MAX, .type = NEWS_ALARM_RAISED};

	memset(n.subject, 'x', NEWS_SUBJECT_MOST);
	assert_true(strlen(written(&n)) > NEWS_SUBJECT_MOST);
}

/* Computed by another program: HMAC-SHA256 with this key over `1795420811.{"id":"e_1"}`. */
static void a_signature_is_what_others_compute(void **state unused_arg)
{
	char text[HOOK_SIGNATURE_TEXT + 1], other[HOOK_SIGNATURE_TEXT + 1];

	hook_sign(bytes_text("sample-secret-of-a-webhook"), 1795420811, bytes_text("{\"id\":\"e_1\"}"), text);
	assert_string_equal(text, "t=1795420811,v1=3bfeb4cb89ee0344abb8aa96de37eae1566c25e86feea6f6aa8b7098e5b85ed2");
	hook_sign(bytes_text("sample-secret-of-a-webhook"), 1795420812, bytes_text("{\"id\":\"e_1\"}"), other);
	assert_string_not_equal(text + 16, other + 16);
	hook_sign(bytes_text("sample-secret-of-a-webhooc"), 1795420811, bytes_text("{\"id\":\"e_1\"}"), other);
	assert_string_not_equal(text, other);
	hook_sign(bytes_text("s"), UINT64_MAX, BYTES_NONE, text);
	assert_int_equal(strlen(text), 2 + 20 + 4 + 64);
}

static void an_address_is_taken_apart(void **state unused_arg)
{
	static const struct {
		const char *url, *authority, *host;
		uint16_t    port;
		const char *target;
	} good[] = {
		{"http://127.0.0.1:8080/hooks/mithaq", "127.0.0.1:8080", "127.0.0.1", 8080, "/hooks/mithaq"},
		{"http://cases.customs.example/h?key=1", "cases.customs.example", "cases.customs.example", 80, "/h?key=1"},
		{"http://[::1]:8080/", "[::1]:8080", "::1", 8080, "/"},
		{"http://[::1]/x", "[::1]", "::1", 80, "/x"},
	};
	char	    authority[HOOK_HOST_MOST], host[HOOK_HOST_MOST];
	const char *target;
	uint16_t    port;

	for (size_t i = 0; i < COUNT_OF(good); i++) {
		assert_int_equal(hook_url_read(good[i].url, authority, host, &port, &target), ERR_OK);
		assert_string_equal(authority, good[i].authority);
		assert_string_equal(host, good[i].host);
		assert_int_equal(port, good[i].port);
		assert_string_equal(target, good[i].target);
	}
}

static void an_address_that_could_be_another_is_refused(void **state unused_arg)
{
	static const char *const bad[] = {"",
					  "https://127.0.0.1/x",
					  "http://",
					  "http://127.0.0.1:8080",
					  "http:///x",
					  "http://user@127.0.0.1/x",
					  "http://127.0.0.1:0/x",
					  "http://127.0.0.1:99999/x",
					  "http://127.0.0.1/x y",
					  "http://127.0.0.1/x\r\nHost: other",
					  "http://127.0.0.1/x#y"};
	char			 authority[HOOK_HOST_MOST] = "before", host[HOOK_HOST_MOST];
	const char		*target = NULL;
	uint16_t		 port = 7;

	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_equal(hook_url_read(bad[i], authority, host, &port, &target), ERR_VALUE);
	assert_string_equal(authority, "before");
	assert_null(target);
}

static int start(void **state unused_arg)
{
	return crypto_start() == ERR_OK ? 0 : -1;
}

static int end(void **state unused_arg)
{
	buffer_done(&out);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_of_a_question_names_it_and_nothing_else),
		cmocka_unit_test(an_event_of_a_partner_names_it),
		cmocka_unit_test(the_longest_subject_fits),
		cmocka_unit_test(a_signature_is_what_others_compute),
		cmocka_unit_test(an_address_is_taken_apart),
		cmocka_unit_test(an_address_that_could_be_another_is_refused),
	};
	return cmocka_run_group_tests_name("gateway/events", tests, start, end);
}
