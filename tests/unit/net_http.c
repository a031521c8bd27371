/* The header fields that we read ourselves, and the head of an answer. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "net/certificate.h"
#include "net/http.h"

static void languages(void **state)
{
	(void)state;
	assert_int_equal(http_language(NULL), LANG_EN);
	assert_int_equal(http_language(""), LANG_EN);
	assert_int_equal(http_language("ar"), LANG_AR);
	assert_int_equal(http_language("AR-KW, en;q=0.8"), LANG_AR);
	assert_int_equal(http_language("en, ar;q=0.9"), LANG_EN);
	assert_int_equal(http_language("en;q=0.3 , ar;q=0.31"), LANG_AR);
	assert_int_equal(http_language("arc"), LANG_EN);
	assert_int_equal(http_language("fr, ar;q=0"), LANG_EN);
	assert_int_equal(http_language(";q=,,;q=ar"), LANG_EN);
}

static void waits(void **state)
{
	(void)state;
	assert_int_equal(http_wait(NULL, 10), 10);
	assert_int_equal(http_wait("wait=3", 10), 3);
	assert_int_equal(http_wait("respond-async, wait=0", 10), 0);
	assert_int_equal(http_wait("wait=99999", 10), HTTP_WAIT_MOST);
	assert_int_equal(http_wait("wait=-1", 10), 10);
	assert_int_equal(http_wait("wait=", 10), 10);
	assert_int_equal(http_wait("wait=1x", 10), 10);
}

static void bearers(void **state)
{
	(void)state;
	assert_true(bytes_is(http_bearer("Bearer abc"), "abc"));
	assert_true(bytes_is(http_bearer("bearer abc"), "abc"));
	assert_int_equal(http_bearer("Basic abc").n, 0);
	assert_int_equal(http_bearer("Bearer").n, 0);
	assert_int_equal(http_bearer(NULL).n, 0);
}

static void types_and_hosts(void **state)
{
	(void)state;
	assert_true(http_is_json("application/json"));
	assert_true(http_is_json("application/json; charset=UTF-8"));
	assert_false(http_is_json("application/json; charset=latin-1"));
	assert_false(http_is_json("application/jsonp"));
	assert_false(http_is_json("text/plain"));
	assert_false(http_is_json(NULL));
	assert_true(http_host_is_local("127.0.0.1:7171"));
	assert_true(http_host_is_local("localhost"));
	assert_true(http_host_is_local("[::1]:7171"));
	assert_false(http_host_is_local("localhost.evil.example"));
	assert_false(http_host_is_local("127.0.0.1.evil.example"));
	assert_false(http_host_is_local(NULL));
}

static enum err head(const char *text, unsigned *status, size_t *at, size_t *length)
{
	return http_head_read(bytes_text(text), status, at, length);
}

static void heads(void **state)
{
	(void)state;
	unsigned status = 0;
	size_t	 at = 0, length = 0;

	assert_int_equal(head("HTTP/1.1 202 Accepted\r\nX: y\r\ncontent-length:  2\r\n\r\n{}", &status, &at, &length), ERR_OK);
	assert_int_equal(status, 202);
	assert_int_equal(length, 2);
	assert_int_equal(at, 51);
	assert_int_equal(head("HTTP/1.1 999 x\r\n\r\n", &status, &at, &length), ERR_MALFORMED);
	assert_int_equal(head("HTTP/1.1 200 x\r\nContent-Length: 9999999999\r\n\r\n", &status, &at, &length), ERR_MALFORMED);
	assert_int_equal(head("HTTP/1.1 200 x\nContent-Length: 1\n\n", &status, &at, &length), ERR_MALFORMED);
	assert_int_equal(head("HTTP/1.1 200 x\r\nContent-Length: 1\r\n", &status, &at, &length), ERR_MALFORMED);
	assert_int_equal(head("SSH-2.0\r\n\r\n", &status, &at, &length), ERR_MALFORMED);
	assert_int_equal(status, 202); /* untouched on failure */
}

static void head_cannot_be_ended_early(void **state)
{
	(void)state;
	struct http_answer   a;
	struct http_question q = {.method = "GET", .target = "/v1/status", .key = "x\r\nHost: other", .patience_s = 1};

	assert_int_equal(http_ask("/nonexistent/api.sock", &q, &a), ERR_VALUE);
	q.key = NULL;
	assert_int_equal(http_ask("/nonexistent/api.sock", &q, &a), ERR_NETWORK);
}

/* Same key, same pin; another key, another pin. */
static void certificates(void **state)
{
	(void)state;
	uint8_t	      seed[SIGN_SEED] = {1};
	struct buffer a = {.most = CERTIFICATE_MOST}, b = {.most = CERTIFICATE_MOST}, c = {.most = CERTIFICATE_MOST};
	struct hash   pin, same, other;

	assert_int_equal(certificate_make(seed, "customs.kw.example", &a, &pin), ERR_OK);
	assert_int_equal(certificate_make(seed, "customs.kw.example", &b, &same), ERR_OK);
	seed[0] = 2;
	assert_int_equal(certificate_make(seed, "customs.kw.example", &c, &other), ERR_OK);
	assert_true(hash_equal(&pin, &same));
	assert_false(hash_equal(&pin, &other));
	assert_memory_equal(a.at, "-----BEGIN CERTIFICATE-----", 27);
	buffer_done(&a);
	buffer_done(&b);
	buffer_done(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(languages),	   cmocka_unit_test(waits), cmocka_unit_test(bearers),
		cmocka_unit_test(types_and_hosts), cmocka_unit_test(heads), cmocka_unit_test(head_cannot_be_ended_early),
		cmocka_unit_test(certificates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
