/*
 * The kinds `http` and `examples` behind the interface, against a real server on loopback in the same loop: more questions
 * than connections, answers out of order, connections that close, and time that runs out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "agreement_help.h"
#include "provider/http_pool.h"
#include "provider/provider.h"

#define QUESTIONS_MOST 2000

static struct event_base     *base;
static struct evhttp	     *server;
static struct fields	      ask;
static unsigned		      answers, wanted, raw_open, hits, no_hits, failures, requests, holding;
static bool		      answered[QUESTIONS_MOST];
static char		      code[64], url[100];
static struct evhttp_request *held[QUESTIONS_MOST];

/* ---- the service ---- */

static void reply(struct evhttp_request *r)
{
	struct evbuffer *body = evbuffer_new();

	evbuffer_add_printf(body, "{\"state\": \"%s\"}", evhttp_request_get_uri(r) + 1);
	evhttp_add_header(evhttp_request_get_output_headers(r), "Content-Type", "application/json");
	evhttp_send_reply(r, 200, "OK", body);
	evbuffer_free(body);
}

/* /hold... waits until all connections are taken, and is answered last come, first served. */
static void serve(struct evhttp_request *r, void *arg unused_arg)
{
	requests++;
	if (strncmp(evhttp_request_get_uri(r), "/hold", 5) != 0) {
		reply(r);
		return;
	}
	held[holding++] = r;
	while (holding == POOL_CONNECTIONS_MOST || (holding > 0 && requests == wanted))
		reply(held[--holding]);
}

/* ---- the questions ---- */

static void found(void *arg unused_arg, const struct provider_answer *a)
{
	assert_true(a->ticket < QUESTIONS_MOST && !answered[a->ticket]);
	answered[a->ticket] = true;
	hits += a->outcome == PROVIDER_HIT;
	no_hits += a->outcome == PROVIDER_NO_HIT;
	failures += a->outcome == PROVIDER_FAILED;
	if (a->outcome == PROVIDER_FAILED)
		snprintf(code, sizeof code, "%s", a->code);
	if (a->outcome == PROVIDER_HIT) {
		char expected[40];

		snprintf(expected, sizeof expected, "hold-%llu", (unsigned long long)a->ticket);
		assert_true(bytes_is(a->fields->at[0].value, expected) || bytes_is(a->fields->at[0].value, "plain"));
	}
	if (++answers == wanted)
		event_base_loopbreak(base);
}

static struct config	      config;
static struct config_provider provider;

static enum err opens(struct provider **out, const struct agreement *agreement, struct fault *fault)
{
	const struct provider_setup setup = {
		.config = &config,
		.provider = &provider,
		.agreement = agreement,
		.clause = agreement != NULL ? &agreement->clause[0] : NULL,
		.base = base,
		.found = found,
	};

	return provider_open(&setup, out, fault);
}

static struct provider *open_http(const char *method, uint16_t port)
{
	struct provider *p = NULL;
	struct fault	 fault = {0};

	snprintf(url, sizeof url, "http://127.0.0.1:%u/{what}", port);
	provider = (struct config_provider){.clause = "a/b", .source = SOURCE_HTTP, .timeout_ms = 5000, .http = url, .method = method, .nanswers = 1};
	provider.answer[0] = (struct config_answer){.field = "state", .from = "/state"};
	if (opens(&p, NULL, &fault) != ERR_OK)
		fail_msg("%s: %s", fault.at, fault.help);
	return p;
}

static void question(struct provider *p, uint64_t ticket, const char *what, unsigned most_ms)
{
	struct provider_question q = {.ticket = ticket, .from = "north.example", .purpose = bytes_text("audit"), .fields = &ask, .most_ms = most_ms};

	snprintf(q.id, sizeof q.id, "q_00000000000000000000000001");
	ask.n = 0;
	assert_int_equal(fields_add(&ask, bytes_text("what"), bytes_text(what)), ERR_OK);
	provider_ask(p, &q);
}

static void wait_for(unsigned n)
{
	wanted = n;
	if (answers < wanted)
		event_base_dispatch(base);
	assert_int_equal(answers, wanted);
}

static int fresh(void **state unused_arg)
{
	base = event_base_new();
	answers = wanted = hits = no_hits = failures = requests = holding = 0;
	memset(answered, 0, sizeof answered);
	return base == NULL;
}

static int gone(void **state unused_arg)
{
	event_base_free(base);
	return 0;
}

static uint16_t server_start(void)
{
	struct sockaddr_in at;
	socklen_t	   n = sizeof at;

	server = evhttp_new(base);
	evhttp_set_gencb(server, serve, NULL);
	struct evhttp_bound_socket *bound = evhttp_bind_socket_with_handle(server, "127.0.0.1", 0);
	assert_non_null(bound);
	assert_int_equal(getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&at, &n), 0);
	return ntohs(at.sin_port);
}

/* ---- tests ---- */

static void more_questions_than_connections(void **state unused_arg)
{
	struct provider *p = open_http("GET", server_start());
	char		 what[40];

	wanted = 500;
	for (uint64_t i = 0; i < wanted; i++) {
		snprintf(what, sizeof what, "hold-%llu", (unsigned long long)i);
		question(p, i, what, 5000);
	}
	wait_for(500);
	assert_int_equal(hits, 500);
	assert_int_equal(requests, 500);
	provider_close(p);
	evhttp_free(server);
}

static void closing_with_questions_under_way_leaves_nothing(void **state unused_arg)
{
	struct provider *p = open_http("GET", server_start());

	wanted = QUESTIONS_MOST;
	for (uint64_t i = 0; i < 40; i++)
		question(p, i, "hold", 5000);
	while (requests < POOL_CONNECTIONS_MOST - 1)
		event_base_loop(base, EVLOOP_ONCE);
	provider_close(p);
	assert_int_equal(failures, 0);
	evhttp_free(server);
}

/* One answer per connection, which closes a moment later without having said so. */
static void answer_and_close(struct bufferevent *b, void *arg)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 18\r\n\r\n{\"state\": \"plain\"}";
	struct evbuffer	 *in = bufferevent_get_input(b);
	unsigned	 *seen = arg;

	if (evbuffer_search(in, "\r\n\r\n", 4, NULL).pos < 0)
		return;
	evbuffer_drain(in, evbuffer_get_length(in));
	if (++*seen % 2 == 0) { /* the second question on a connection meets its end */
		bufferevent_free(b);
		raw_open--;
		return;
	}
	bufferevent_write(b, text, sizeof text - 1);
}

static void raw_ended(struct bufferevent *b, short what unused_arg, void *arg unused_arg)
{
	bufferevent_free(b);
	raw_open--;
}

static void accepted(struct evconnlistener *l unused_arg, evutil_socket_t fd, struct sockaddr *at unused_arg, int n unused_arg, void *arg unused_arg)
{
	struct bufferevent *b = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);

	bufferevent_setcb(b, answer_and_close, NULL, raw_ended, arg);
	raw_open++;
	bufferevent_enable(b, EV_READ | EV_WRITE);
}

static struct evconnlistener *raw_start(unsigned *seen, uint16_t *port)
{
	struct sockaddr_in     at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t	       n = sizeof at;
	struct evconnlistener *l = evconnlistener_new_bind(base, accepted, seen, LEV_OPT_CLOSE_ON_FREE, 16, (struct sockaddr *)&at, (int)sizeof at);

	assert_non_null(l);
	assert_int_equal(getsockname(evconnlistener_get_fd(l), (struct sockaddr *)&at, &n), 0);
	*port = ntohs(at.sin_port);
	return l;
}

static void a_get_that_met_a_closed_connection_is_asked_once_more(void **state unused_arg)
{
	unsigned	       seen = 0;
	uint16_t	       port;
	struct evconnlistener *l = raw_start(&seen, &port);
	struct provider	      *p = open_http("GET", port);

	question(p, 0, "x", 5000);
	wait_for(1);
	question(p, 1, "x", 5000);
	wait_for(2);
	assert_int_equal(hits, 2);
	assert_int_equal(seen, 3); /* answered, swallowed, answered */
	provider_close(p);
	while (raw_open > 0)
		event_base_loop(base, EVLOOP_ONCE);
	evconnlistener_free(l);
}

static void a_post_is_not(void **state unused_arg)
{
	unsigned	       seen = 0;
	uint16_t	       port;
	struct evconnlistener *l = raw_start(&seen, &port);
	struct provider	      *p = open_http("POST", port);

	question(p, 0, "x", 5000);
	wait_for(1);
	question(p, 1, "x", 5000);
	wait_for(2);
	assert_int_equal(hits, 1);
	assert_string_equal(code, "provider-unreachable");
	assert_int_equal(seen, 2);
	provider_close(p);
	evconnlistener_free(l);
}

static void time_runs_out_on_a_connection_and_in_the_queue(void **state unused_arg)
{
	struct provider *p = open_http("GET", server_start());

	wanted = QUESTIONS_MOST;
	for (uint64_t i = 0; i < POOL_CONNECTIONS_MOST - 1; i++)
		question(p, i, "hold", 50);
	question(p, 100, "hold-100", 0);
	assert_int_equal(answers, 1);
	assert_string_equal(code, "provider-timeout");
	wait_for(POOL_CONNECTIONS_MOST);
	assert_int_equal(failures, POOL_CONNECTIONS_MOST);
	provider_close(p);
	evhttp_free(server);
}

static void nobody_listens(void **state unused_arg)
{
	unsigned	       seen = 0;
	uint16_t	       port;
	struct evconnlistener *l = raw_start(&seen, &port);

	evconnlistener_free(l);
	struct provider *p = open_http("GET", port);
	for (uint64_t i = 0; i < 1000; i++)
		question(p, i, "x", 5000);
	wait_for(1000);
	assert_int_equal(failures, 1000);
	assert_string_equal(code, "provider-unreachable");
	provider_close(p);
}

static void a_value_that_would_change_the_path_is_not_asked(void **state unused_arg)
{
	struct provider *p = open_http("GET", server_start());

	question(p, 0, "../admin", 5000);
	assert_int_equal(failures, 1);
	assert_string_equal(code, "provider-value");
	assert_int_equal(requests, 0);
	provider_close(p);
	evhttp_free(server);
}

static void a_name_without_address_is_said(void **state unused_arg)
{
	struct provider *p = NULL;
	struct fault	 fault = {0};

	provider = (struct config_provider){.clause = "a/b", .source = SOURCE_HTTP, .http = "http://no-such-host.invalid/x", .nanswers = 1};
	provider.answer[0] = (struct config_answer){.field = "state", .from = "/state"};
	assert_int_equal(opens(&p, NULL, &fault), ERR_NETWORK);
	assert_string_equal(fault.at, "no-such-host.invalid");
	assert_null(p);
}

/* ---- examples ---- */

static struct agreement *sample(void)
{
	struct agreement *a = NULL;
	struct fault	  fault = {0};

	if (agreement_parse(bytes_text(small_text), &a, &fault) != ERR_OK)
		fail_msg("%s: %s", fault.at, fault.help);
	return a;
}

static void examples_need_a_test_agreement(void **state unused_arg)
{
	struct agreement *a = sample();
	struct provider	 *p = NULL;
	struct fault	  fault = {0};

	provider = (struct config_provider){.clause = "a/b", .source = SOURCE_EXAMPLES};
	assert_int_equal(opens(&p, NULL, &fault), ERR_NOT_FOUND);
	a->live = true;
	assert_int_equal(opens(&p, a, &fault), ERR_VALUE);
	assert_null(p);
	a->live = false;
	assert_int_equal(opens(&p, a, &fault), ERR_OK);
	agreement_free(a); /* it is not looked at later */
	wanted = QUESTIONS_MOST;
	question(p, 0, "nobody-asks-this", 1000);
	assert_int_equal(no_hits, 1);
	provider_close(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(more_questions_than_connections, fresh, gone),
		cmocka_unit_test_setup_teardown(closing_with_questions_under_way_leaves_nothing, fresh, gone),
		cmocka_unit_test_setup_teardown(a_get_that_met_a_closed_connection_is_asked_once_more, fresh, gone),
		cmocka_unit_test_setup_teardown(a_post_is_not, fresh, gone),
		cmocka_unit_test_setup_teardown(time_runs_out_on_a_connection_and_in_the_queue, fresh, gone),
		cmocka_unit_test_setup_teardown(nobody_listens, fresh, gone),
		cmocka_unit_test_setup_teardown(a_value_that_would_change_the_path_is_not_asked, fresh, gone),
		cmocka_unit_test_setup_teardown(a_name_without_address_is_said, fresh, gone),
		cmocka_unit_test_setup_teardown(examples_need_a_test_agreement, fresh, gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
