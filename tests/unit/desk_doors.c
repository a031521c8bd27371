/*
 * The desk as it runs: a process of its own behind its Unix socket and its TCP
 * port. The test is the parent, the core and the reader at the other ends of its
 * pipes, and the application at the doors.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "cli_run.h"
#include "gateway/gateway.h"
#include "gateway/start.h"
#include "net/http.h"
#include "net/json.h"

#define PATIENCE_S 20
#define HEARD_MOST 8
#define BODY	   "{\"clause\": \"customs/declaration-status\", \"purpose\": \"duty-assessment\", \"fields\": {\"declaration\": \"2026-0048817\"}}"

/* What came to the core or the reader, in order. */
struct heard {
	uint8_t	      type;
	struct buffer payload;
};

static struct event_base *base;
static struct config	  config;
static pid_t		  desk;
static struct pipe	 *control, *core, *reader;
static bool		  ready;
static unsigned		  nheard;
static struct heard	  heard[HEARD_MOST];
static char		  token[64];
static unsigned		  port;

/* ---- the other ends ---- */

static void on_message(void *arg, uint8_t type, struct bytes payload, int fd)
{
	(void)arg;
	assert_int_equal(fd, -1);
	assert_true(nheard < HEARD_MOST);
	struct heard *h = &heard[nheard++];
	buffer_done(&h->payload);
	*h = (struct heard){.type = type, .payload = {.most = PIPE_MESSAGE_MOST}};
	assert_int_equal(buffer_add(&h->payload, payload), ERR_OK);
}

static void on_control(void *arg, uint8_t type, struct bytes payload, int fd)
{
	(void)arg;
	(void)payload;
	(void)fd;
	ready = ready || type == CONTROL_READY;
}

static void on_closed(void *arg, enum err why)
{
	(void)arg;
	(void)why;
}

static void patience_ended(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	fail_msg("nothing happened while waiting for %s", (const char *)arg);
}

#define WAIT_UNTIL(condition)                                                                                                                        \
	do {                                                                                                                                         \
		static char    what_[] = #condition;                                                                                                 \
		struct timeval patience_ = {.tv_sec = PATIENCE_S};                                                                                   \
		struct event  *end_ = evtimer_new(base, patience_ended, what_);                                                                      \
		evtimer_add(end_, &patience_);                                                                                                       \
		while (!(condition))                                                                                                                 \
			event_base_loop(base, EVLOOP_ONCE);                                                                                          \
		event_free(end_);                                                                                                                    \
	} while (0)

static struct pipe *hand_over(enum role role)
{
	int	       ends[2];
	uint8_t	       payload[3];
	struct builder b = builder_on(payload, sizeof payload);

	assert_int_equal(pipe_pair(ends), ERR_OK);
	build_u8(&b, (uint8_t)role);
	build_u16(&b, 0);
	assert_int_equal(pipe_send(control, CONTROL_PIPE, builder_bytes(&b), ends[1]), ERR_OK);
	pipe_flush(control);
	return pipe_new(base, ends[0], on_message, on_closed, NULL);
}

static void say(struct pipe *p, uint8_t type, const struct builder *b)
{
	assert_int_equal(b->err, ERR_OK);
	assert_int_equal(pipe_send(p, type, builder_bytes(b), -1), ERR_OK);
	pipe_flush(p);
}

/* ---- the application ---- */

static int dial_unix(void)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	struct timeval	   wait = {.tv_sec = PATIENCE_S};
	int		   fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(at.sun_path, sizeof at.sun_path, "%s/us/data/api.sock", room);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	return fd;
}

static int dial_tcp(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
	struct timeval	   wait = {.tv_sec = PATIENCE_S};
	int		   fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	return fd;
}

static void request(int fd, const char *line, const char *headers, const char *body)
{
	char text[8192];
	int n = snprintf(text, sizeof text, "%s HTTP/1.1\r\nConnection: close\r\nContent-Length: %zu\r\n%s\r\n%s", line, strlen(body), headers, body);

	assert_int_equal(send(fd, text, (size_t)n, 0), n);
}

static const char *with_token(const char *more)
{
	static char text[512];

	snprintf(text, sizeof text, "Host: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n%s", token, more);
	return text;
}

/* The whole answer; closes the socket. */
struct answered {
	unsigned      status;
	struct buffer raw;
	json_t	     *json;
};

static void answer_read(int fd, struct answered *a)
{
	size_t at, length;

	*a = (struct answered){.raw = {.most = HTTP_ANSWER_MOST}};
	for (;;) {
		assert_int_equal(buffer_room(&a->raw, 4096), ERR_OK);
		ssize_t n = recv(fd, a->raw.at + a->raw.n, 4096, 0);
		assert_true(n >= 0);
		if (n == 0)
			break;
		a->raw.n += (size_t)n;
	}
	close(fd);
	assert_int_equal(http_head_read(buffer_bytes(&a->raw), &a->status, &at, &length), ERR_OK);
	assert_int_equal(a->raw.n - at, length);
	a->json = json_loadb((const char *)a->raw.at + at, length, 0, NULL);
	assert_int_equal(buffer_add(&a->raw, bytes_of("", 1)), ERR_OK);
}

static void answered_done(struct answered *a)
{
	json_decref(a->json);
	buffer_done(&a->raw);
}

static const char *text(const json_t *object, const char *key)
{
	const char *v = json_string_value(json_object_get(object, key));

	return v != NULL ? v : "";
}

/* The answer at once, without core or reader. */
static void expect_code(int fd, unsigned status, const char *code)
{
	struct answered a;

	answer_read(fd, &a);
	assert_int_equal(a.status, status);
	assert_string_equal(text(a.json, "code"), code);
	answered_done(&a);
}

/* Posts the question and waits until the core has it. */
static int ask(const char *line, const char *headers, struct ask *out)
{
	int fd = dial_unix();

	nheard = 0;
	request(fd, line, with_token(headers), BODY);
	WAIT_UNTIL(nheard == 1);
	assert_int_equal(heard[0].type, DESK_ASK);
	assert_int_equal(ask_read(buffer_bytes(&heard[0].payload), out), ERR_OK);
	return fd;
}

static struct exchange exchange_made(enum exchange_state state)
{
	struct exchange x = {
		.ours = true, .partner = KW, .channel = "customs", .clause = 7, .state = state, .accepted_ms = 1795420811000ull, .mid = {1, 2, 3}};

	x.question.epoch.b[0] = 1;
	if (state == EXCHANGE_ANSWERED)
		x.answered_ms = 1795420811027ull;
	return x;
}

static void say_state(uint32_t ticket, bool final, const struct exchange *x)
{
	uint8_t	       memory[8192];
	struct builder b = builder_on(memory, sizeof memory);

	build_u32(&b, ticket);
	build_u8(&b, final);
	build_u8(&b, 0);
	exchange_write(&b, x);
	say(core, DESK_STATE, &b);
}

/* ---- the story ---- */

static void an_answer_comes(void **state)
{
	(void)state;
	struct ask	a;
	struct answered got;
	struct exchange accepted = exchange_made(EXCHANGE_ACCEPTED), x = exchange_made(EXCHANGE_ANSWERED);
	int		fd = ask("POST /v1/queries", "Idempotency-Key: k-1\r\nPrefer: wait=20\r\n", &a);

	assert_true(bytes_is(a.account, "app"));
	assert_true(bytes_is(a.key, "k-1"));
	assert_false(a.dry_run);
	say_state(a.ticket, false, &accepted);
	say_state(a.ticket, true, &x);
	answer_read(fd, &got);
	assert_int_equal(got.status, 200);
	assert_string_equal(text(got.json, "state"), "answered");
	assert_non_null(strstr((const char *)got.raw.at, "Mithaq-Id: q_"));
	answered_done(&got);
	/* The same ticket a second time finds nobody, and a payload that does not read harms nobody. */
	say_state(a.ticket, true, &x);
	const struct builder empty = {.n = 0};
	say(core, DESK_STATE, &empty);
	say(core, DESK_REFUSED, &empty);
	say(core, DESK_FAILED, &empty);
}

static void without_patience_accepted_is_the_answer(void **state)
{
	(void)state;
	struct ask	a;
	struct answered got;
	struct exchange accepted = exchange_made(EXCHANGE_ACCEPTED);
	int		fd = ask("POST /v1/queries", "Prefer: wait=0\r\n", &a);

	say_state(a.ticket, false, &accepted);
	answer_read(fd, &got);
	assert_int_equal(got.status, 202);
	assert_string_equal(text(got.json, "state"), "accepted");
	assert_non_null(strstr((const char *)got.raw.at, "Location: /v1/queries/q_"));
	answered_done(&got);
}

static void refusals_and_dry_runs(void **state)
{
	(void)state;
	struct decision d = {
		.refusal = REFUSAL_PURPOSE, .clause = 7, .rule = "7/purposes", .pointer = "/purpose", .found = "marketing", .allowed = "a, b"};
	struct ask	a;
	struct answered got;

	for (int dry = 0; dry <= 1; dry++) {
		uint8_t	       memory[2048];
		struct builder b = builder_on(memory, sizeof memory);
		int	       fd = ask(dry ? "POST /v1/queries?dry_run=true" : "POST /v1/queries", "Accept-Language: ar\r\n", &a);

		assert_int_equal(a.dry_run, dry);
		build_u32(&b, a.ticket);
		decision_write(&b, &d);
		say(core, DESK_REFUSED, &b);
		answer_read(fd, &got);
		assert_int_equal(got.status, dry ? 200 : 403);
		assert_string_equal(text(got.json, "code"), "purpose-not-permitted");
		assert_string_equal(text(got.json, "would"), dry ? "refuse" : "");
		answered_done(&got);
	}
}

static void failures(void **state)
{
	(void)state;
	static const struct {
		uint8_t	    failure;
		unsigned    status;
		const char *code;
	} cases[] = {
		{FAILURE_BUSY, 503, "busy"},
		{FAILURE_UNREACHABLE, 503, "partner-unreachable"},
		{FAILURE_KEY_REUSED, 409, "key-reused"},
		{FAILURE_FROZEN, 503, "channel-frozen"},
		{FAILURE_FETCHING, 503, "fetching"},
		{FAILURE_INTERNAL, 500, "internal"},
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		uint8_t	       memory[256];
		struct builder b = builder_on(memory, sizeof memory);
		struct ask     a;
		int	       fd = ask("POST /v1/queries", "", &a);

		build_u32(&b, a.ticket);
		build_u8(&b, cases[i].failure);
		build_u64(&b, 1795420811000ull);
		build_bytes16(&b, bytes_text("connection refused"));
		say(core, DESK_FAILED, &b);
		expect_code(fd, cases[i].status, cases[i].code);
	}
}

static void refused_at_the_door(void **state)
{
	(void)state;
	static const struct {
		const char *line, *headers;
		unsigned    status;
		const char *code;
	} cases[] = {
		{"GET /v1/status", "", 401, "token-missing"},
		{"GET /v1/status", "Authorization: Bearer mq_test_00000000000000000000000000000000\r\n", 401, "token-expired"},
		{"GET /v1/nothing", "", 404, "not-found"},
		{"DELETE /v1/queries", "", 405, "method-not-allowed"},
		{"DELETE /v1/queries/q_00000000000000000000000000", "", 401, "token-missing"},
		{"DELETE /v1/queries/q_00000000000000000000000000/evidence", "", 405, "method-not-allowed"},
		{"GET /v1/queries/", "", 404, "not-found"},
		{"GET /v1/problems/nothing", "", 404, "not-found"},
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		int fd = dial_unix();

		request(fd, cases[i].line, cases[i].headers, "");
		expect_code(fd, cases[i].status, cases[i].code);
	}
}

static void refused_with_a_token(void **state)
{
	(void)state;
	static const struct {
		const char *line, *body;
		unsigned    status;
		const char *code;
	} cases[] = {
		{"POST /v1/queries?dryrun=true", BODY, 400, "malformed"},
		{"POST /v1/queries?dry_run=yes", BODY, 400, "malformed"},
		{"POST /v1/queries?dry_run=", BODY, 400, "malformed"},
		{"POST /v1/queries?dry_run", BODY, 400, "malformed"},
		{"POST /v1/queries?dry_run=false&dry_run=true", BODY, 400, "malformed"},
		{"POST /v1/queries", "{\"clause\": \"a/b\", \"clause\": \"a/b\"}", 400, "malformed"},
		{"POST /v1/queries", "", 400, "malformed"},
		{"GET /v1/queries/q_short", "", 404, "not-found"},
		{"GET /v1/queries/q_00000000000000000000000000?wait=x", "", 400, "malformed"},
		{"DELETE /v1/queries/q_short", "", 404, "not-found"},
		{"DELETE /v1/queries/q_00000000000000000000000000?wait=1", "", 400, "malformed"},
		{"GET /v1/clauses?asks=you", "", 400, "malformed"},
		{"GET /v1/clauses/customs/nothing/request.schema.json", "", 404, "not-found"},
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		int fd = dial_unix();

		request(fd, cases[i].line, with_token(""), cases[i].body);
		expect_code(fd, cases[i].status, cases[i].code);
	}
}

/* Two programs on the way could each believe another one. */
static void no_header_twice(void **state)
{
	(void)state;
	static const char *const twice[] = {"Host: evil.example\r\n", "Authorization: Bearer mq_test_other\r\n", "content-type: text/plain\r\n",
					    "Content-Length: 2\r\n", "Idempotency-Key: a\r\nIdempotency-Key: b\r\n"};

	for (size_t i = 0; i < COUNT_OF(twice); i++) {
		int fd = dial_unix();

		request(fd, "POST /v1/queries", with_token(twice[i]), BODY);
		expect_code(fd, 400, "malformed");
	}
}

/* A name that somebody made to point at this machine. */
static void foreign_host(void **state)
{
	(void)state;
	int fd = dial_tcp();

	request(fd, "GET /docs", "Host: evil.example\r\n", "");
	expect_code(fd, 403, "host-unknown");
	fd = dial_tcp();
	request(fd, "GET /docs", "Host: localhost:80@evil.example\r\n", "");
	expect_code(fd, 403, "host-unknown");
	fd = dial_tcp();
	request(fd, "GET /v1/problems/busy", "Host: 127.0.0.1\r\n", "");
	expect_code(fd, 200, "busy");
}

/* What the page says can be copied: it names the port of this gateway. */
static void the_page_names_the_port(void **state)
{
	(void)state;
	struct answered got;
	char		address[64];
	int		fd = dial_tcp();

	request(fd, "GET /docs", "Host: localhost\r\n", "");
	answer_read(fd, &got);
	assert_int_equal(got.status, 200);
	snprintf(address, sizeof address, "curl -s http://127.0.0.1:%u/v1/queries ", port);
	assert_non_null(strstr((const char *)got.raw.at, address));
	assert_null(strstr((const char *)got.raw.at, ":7171"));
	answered_done(&got);
}

static void shown_by_the_reader(void **state)
{
	(void)state;
	uint8_t		memory[8192], mid[MID_SIZE];
	struct builder	b = builder_on(memory, sizeof memory);
	struct answered got;
	char		line[128], id[29];

	memset(mid, 7, sizeof mid);
	mid[0] = 0;
	exchange_id_write(mid, id);
	snprintf(line, sizeof line, "GET /v1/queries/%s", id);
	int fd = dial_unix();
	nheard = 0;
	request(fd, line, with_token(""), "");
	WAIT_UNTIL(nheard == 1);
	assert_int_equal(heard[0].type, READER_SHOW);
	assert_memory_equal(heard[0].payload.at + 4, mid, MID_SIZE);
	build_copy(&b, heard[0].payload.at, 4);
	build_u8(&b, 0);
	say(reader, READER_EXCHANGE, &b);
	expect_code(fd, 404, "not-found");

	snprintf(line, sizeof line, "GET /v1/queries/%s/evidence", id);
	fd = dial_unix();
	nheard = 0;
	request(fd, line, with_token(""), "");
	WAIT_UNTIL(nheard == 1);
	b = builder_on(memory, sizeof memory);
	build_copy(&b, heard[0].payload.at, 4);
	build_u16(&b, ERR_OK);
	build_text(&b, "a bundle");
	say(reader, READER_BUNDLE, &b);
	answer_read(fd, &got);
	assert_int_equal(got.status, 200);
	assert_non_null(strstr((const char *)got.raw.at, "a bundle"));
	answered_done(&got);
}

/* A patient GET is parked while there is no answer, and woken by the core's word. */
static void a_patient_get(void **state)
{
	(void)state;
	uint8_t		memory[8192];
	struct exchange accepted = exchange_made(EXCHANGE_ACCEPTED), x = exchange_made(EXCHANGE_ANSWERED);
	struct builder	b = builder_on(memory, sizeof memory);
	struct answered got;
	char		line[128], id[29];

	exchange_id_write(x.mid, id);
	snprintf(line, sizeof line, "GET /v1/queries/%s?wait=30", id);
	int fd = dial_unix();
	nheard = 0;
	request(fd, line, with_token(""), "");
	WAIT_UNTIL(nheard == 1);
	build_copy(&b, heard[0].payload.at, 4);
	build_u8(&b, 1);
	exchange_write(&b, &accepted);
	nheard = 0;
	say(reader, READER_EXCHANGE, &b);
	say_state(0xffffffff, true, &x);
	WAIT_UNTIL(nheard >= 1);
	b = builder_on(memory, sizeof memory);
	build_copy(&b, heard[0].payload.at, 4);
	build_u8(&b, 1);
	exchange_write(&b, &x);
	say(reader, READER_EXCHANGE, &b);
	answer_read(fd, &got);
	assert_int_equal(got.status, 200);
	assert_string_equal(text(got.json, "id"), id);
	answered_done(&got);
}

static void status_has_two_halves(void **state)
{
	(void)state;
	uint8_t		      memory[8192];
	struct partner_state  p = {.name = KW, .cause = "connection refused"};
	struct channel_status s = {.partner = KW, .channel = "customs", .own_size = 7};
	struct answered	      got;
	int		      fd = dial_unix();

	nheard = 0;
	request(fd, "GET /v1/status", with_token(""), "");
	WAIT_UNTIL(nheard == 2);
	struct builder b = builder_on(memory, sizeof memory);
	build_copy(&b, heard[0].payload.at, 4);
	build_u16(&b, 1);
	partner_state_write(&b, &p);
	say(core, DESK_PARTNERS_ARE, &b);
	b = builder_on(memory, sizeof memory);
	build_copy(&b, heard[0].payload.at, 4);
	build_u16(&b, 1);
	channel_status_write(&b, &s);
	say(reader, READER_STATUS_IS, &b);
	answer_read(fd, &got);
	assert_int_equal(got.status, 200);
	assert_string_equal(text(got.json, "party"), US);
	assert_string_equal(text(json_array_get(json_object_get(got.json, "partners"), 0), "cause"), "connection refused");
	assert_int_equal(json_array_size(json_object_get(got.json, "channels")), 1);
	answered_done(&got);
}

/* The next request for the catalogue is at the core, which says what was used; `n` bytes of its rows arrive. */
static int catalogue_asked(const struct quota_used *q, size_t cut)
{
	uint8_t	       memory[128];
	struct builder b = builder_on(memory, sizeof memory);
	int	       fd = dial_unix();

	nheard = 0;
	request(fd, "GET /v1/clauses?asks=me", with_token(""), "");
	WAIT_UNTIL(nheard == 1);
	assert_int_equal(heard[0].type, DESK_QUOTAS);
	assert_int_equal(heard[0].payload.n, 4);
	build_copy(&b, heard[0].payload.at, 4);
	build_u32(&b, 20780);
	quota_used_write(&b, q);
	b.n -= cut;
	say(core, DESK_QUOTAS_ARE, &b);
	return fd;
}

static const json_t *first_quota(const struct answered *a)
{
	return json_object_get(json_array_get(json_object_get(a->json, "data"), 0), "quota");
}

static struct quota_used quota_made(uint64_t used)
{
	char		  file[CONFIG_PATH_MOST] = "";
	struct papers	  papers;
	struct fault	  fault;
	struct quota_used q = {.clause = 7, .used = used};

	assert_int_equal(papers_load(&config, &papers, file, &fault), ERR_OK);
	q.agreement = papers.agreement[0]->id;
	papers_done(&papers);
	return q;
}

static void the_catalogue_says_what_was_used(void **state)
{
	(void)state;
	struct quota_used q = quota_made(38);
	struct answered	  got;

	answer_read(catalogue_asked(&q, 0), &got);
	assert_int_equal(got.status, 200);
	assert_int_equal(json_integer_value(json_object_get(first_quota(&got), "used")), 38);
	assert_string_equal(text(first_quota(&got), "resets"), "2026-11-24T00:00:00.000Z");
	answered_done(&got);
}

/* A message that does not read is no answer; the client hears of the core's end, not of a number nobody said. */
static void a_cut_message_of_quotas_is_not_believed(void **state)
{
	(void)state;
	struct quota_used q = quota_made(38);
	int		  fd = catalogue_asked(&q, 1);
	struct answered	  got;

	pipe_free(core);
	expect_code(fd, 503, "busy");
	fd = dial_unix();
	request(fd, "GET /v1/clauses?asks=me", with_token(""), "");
	answer_read(fd, &got); /* without a core the catalogue is still true */
	assert_int_equal(got.status, 200);
	assert_int_equal(json_integer_value(json_object_get(first_quota(&got), "per_day")), 500);
	assert_null(json_object_get(first_quota(&got), "used"));
	answered_done(&got);
	core = hand_over(ROLE_CORE);
}

/* The core goes: who waited is told to repeat; the next one finds the fresh core. */
static void the_core_goes_and_comes(void **state)
{
	(void)state;
	struct ask a;
	int	   fd = ask("POST /v1/queries", "", &a);

	pipe_free(core);
	expect_code(fd, 503, "busy");
	core = hand_over(ROLE_CORE);
	an_answer_comes(state);
}

static void a_revoked_token(void **state)
{
	(void)state;
	char good[64];
	int  fd = dial_unix();

	memcpy(good, token, sizeof good);
	assert_int_equal(run("--home %s/us token new other", room), EXIT_DONE);
	snprintf(token, sizeof token, "%.*s", (int)strcspn(said, "\n"), said);
	request(fd, "GET /v1/clauses/customs/declaration-status/request.schema.json", with_token(""), "");
	expect_code(fd, 200, "");
	assert_int_equal(run("--home %s/us token revoke other", room), EXIT_DONE);
	fd = dial_unix();
	request(fd, "GET /v1/clauses", with_token(""), "");
	expect_code(fd, 401, "token-expired");
	memcpy(token, good, sizeof good);
}

/* What the desk asked of the reader last, answered with this exchange. */
static void say_exchange(const struct exchange *x)
{
	uint8_t	       memory[8192];
	struct builder b = builder_on(memory, sizeof memory);

	build_copy(&b, heard[0].payload.at, 4);
	build_u8(&b, 1);
	exchange_write(&b, x);
	nheard = 0;
	say(reader, READER_EXCHANGE, &b);
}

static struct exchange exchange_of_clause_7(void)
{
	struct exchange x = exchange_made(EXCHANGE_ANSWERED);
	struct papers	papers;
	struct fault	fault;
	char		file[CONFIG_PATH_MOST];

	assert_int_equal(papers_load(&config, &papers, file, &fault), ERR_OK);
	x.agreement = papers.agreement[0]->id;
	papers_done(&papers);
	return x;
}

static int ask_evidence(const struct exchange *x, uint8_t type)
{
	char line[128], id[29];
	int  fd = dial_unix();

	exchange_id_write(x->mid, id);
	snprintf(line, sizeof line, "GET /v1/queries/%s/evidence", id);
	nheard = 0;
	request(fd, line, with_token(""), "");
	WAIT_UNTIL(nheard == 1);
	assert_int_equal(heard[0].type, type);
	return fd;
}

/* A token for some clauses gets the evidence of exchanges of those alone. */
static void evidence_of_another_clause(void **state)
{
	(void)state;
	struct exchange x = exchange_of_clause_7();
	char		good[64];
	int		fd;

	memcpy(good, token, sizeof good);
	assert_int_equal(run("--home %s/us token new narrow --clauses customs/other", room), EXIT_DONE);
	snprintf(token, sizeof token, "%.*s", (int)strcspn(said, "\n"), said);
	fd = ask_evidence(&x, READER_SHOW);
	say_exchange(&x);
	expect_code(fd, 404, "not-found");

	assert_int_equal(run("--home %s/us token new right --clauses customs/declaration-status", room), EXIT_DONE);
	snprintf(token, sizeof token, "%.*s", (int)strcspn(said, "\n"), said);
	fd = ask_evidence(&x, READER_SHOW);
	say_exchange(&x);
	WAIT_UNTIL(nheard == 1);
	assert_int_equal(heard[0].type, READER_EVIDENCE);
	assert_memory_equal(heard[0].payload.at + 4, x.mid, MID_SIZE);
	uint8_t	       memory[64];
	struct builder b = builder_on(memory, sizeof memory);
	build_copy(&b, heard[0].payload.at, 4);
	build_u16(&b, ERR_NOT_FOUND);
	say(reader, READER_BUNDLE, &b);
	expect_code(fd, 404, "not-found");
	memcpy(token, good, sizeof good);
}

/* ---- withdrawing ---- */

/* DELETE: the reader is asked what the exchange is. */
static int withdraw(const struct exchange *x, const char *headers)
{
	char line[128], id[29];
	int  fd = dial_unix();

	exchange_id_write(x->mid, id);
	snprintf(line, sizeof line, "DELETE /v1/queries/%s", id);
	nheard = 0;
	request(fd, line, with_token(headers), "");
	WAIT_UNTIL(nheard == 1);
	assert_int_equal(heard[0].type, READER_SHOW);
	return fd;
}

/* The reader shows it, so the core is told to withdraw it. */
static void withdrawal_at_core(const struct exchange *x, struct withdrawal *out)
{
	say_exchange(x);
	WAIT_UNTIL(nheard == 1);
	assert_int_equal(heard[0].type, DESK_CANCEL);
	assert_int_equal(withdrawal_read(buffer_bytes(&heard[0].payload), out), ERR_OK);
	assert_memory_equal(out->mid, x->mid, MID_SIZE);
	assert_true(bytes_is(out->account, "app"));
}

static void state_is(int fd, unsigned status, const char *expected)
{
	struct answered got;

	answer_read(fd, &got);
	assert_int_equal(got.status, status);
	assert_string_equal(text(got.json, "state"), expected);
	answered_done(&got);
}

static void a_question_is_withdrawn(void **state)
{
	(void)state;
	struct exchange	  x = exchange_made(EXCHANGE_DELIVERED);
	struct withdrawal w;
	int		  fd = withdraw(&x, "");

	withdrawal_at_core(&x, &w);
	nheard = 0;
	say_state(w.ticket, false, &x);
	WAIT_UNTIL(nheard == 1); /* shown as it is now, by the reader as at GET */
	assert_int_equal(heard[0].type, READER_SHOW);
	say_exchange(&x);
	state_is(fd, 202, "delivered");
}

static void a_patient_withdrawal_is_told_the_end(void **state)
{
	(void)state;
	struct exchange	  x = exchange_made(EXCHANGE_ACCEPTED), end = exchange_made(EXCHANGE_FAILED);
	struct withdrawal w;
	int		  fd = withdraw(&x, "Prefer: wait=20\r\n");

	end.status = STATUS_ERROR;
	end.reason = bytes_text("cancelled");
	withdrawal_at_core(&x, &w);
	nheard = 0;
	say_state(w.ticket, false, &x);
	WAIT_UNTIL(nheard == 1);
	say_exchange(&x); /* parked: it has no end */
	say_state(0xffffffff, true, &end);
	WAIT_UNTIL(nheard >= 1);
	say_exchange(&end);
	state_is(fd, 200, "failed");
}

/* Where nothing can be withdrawn the core is not troubled. */
static void what_is_not_withdrawn(void **state)
{
	(void)state;
	struct exchange answered = exchange_made(EXCHANGE_ANSWERED), theirs = exchange_made(EXCHANGE_ACCEPTED);
	int		fd = withdraw(&answered, "");

	say_exchange(&answered);
	expect_code(fd, 409, "ended");
	theirs.ours = false;
	fd = withdraw(&theirs, "");
	say_exchange(&theirs);
	expect_code(fd, 404, "not-found");
	assert_int_equal(nheard, 0);
}

/* A token for other clauses neither sees the exchange nor withdraws it. */
static void a_withdrawal_under_another_clause(void **state)
{
	(void)state;
	struct exchange x = exchange_of_clause_7();
	char		good[64];

	x.state = EXCHANGE_ACCEPTED;
	memcpy(good, token, sizeof good);
	assert_int_equal(run("--home %s/us token new far --clauses customs/other", room), EXIT_DONE);
	snprintf(token, sizeof token, "%.*s", (int)strcspn(said, "\n"), said);
	int fd = withdraw(&x, "");
	say_exchange(&x);
	expect_code(fd, 404, "not-found");
	assert_int_equal(nheard, 0);
	memcpy(token, good, sizeof good);
}

static void a_withdrawal_fails(void **state)
{
	(void)state;
	static const struct {
		uint8_t	    failure;
		unsigned    status;
		const char *code;
	} cases[] = {
		{FAILURE_ENDED, 409, "ended"},		 {FAILURE_NOT_FOUND, 404, "not-found"}, {FAILURE_BUSY, 503, "busy"},
		{FAILURE_FROZEN, 503, "channel-frozen"}, {FAILURE_FETCHING, 503, "fetching"},
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		uint8_t		  memory[64];
		struct builder	  b = builder_on(memory, sizeof memory);
		struct exchange	  x = exchange_made(EXCHANGE_ACCEPTED);
		struct withdrawal w;
		int		  fd = withdraw(&x, "");

		withdrawal_at_core(&x, &w);
		build_u32(&b, w.ticket);
		build_u8(&b, cases[i].failure);
		build_u64(&b, 0);
		build_bytes16(&b, bytes_text(""));
		say(core, DESK_FAILED, &b);
		expect_code(fd, cases[i].status, cases[i].code);
	}
}

/* The core goes with the withdrawal in its hands: nobody can say whether it was written. */
static void the_core_goes_with_a_withdrawal(void **state)
{
	(void)state;
	struct exchange	  x = exchange_made(EXCHANGE_ACCEPTED);
	struct withdrawal w;
	struct answered	  got;
	int		  fd = withdraw(&x, "");

	withdrawal_at_core(&x, &w);
	pipe_free(core);
	answer_read(fd, &got);
	assert_int_equal(got.status, 503);
	assert_string_equal(text(got.json, "code"), "busy");
	assert_true(json_is_null(json_object_get(got.json, "left_the_house")));
	answered_done(&got);
	fd = dial_unix();
	request(fd, "DELETE /v1/queries/q_00000000000000000000000000", with_token(""), "");
	expect_code(fd, 503, "busy");
	core = hand_over(ROLE_CORE);
	an_answer_comes(state);
}

/* Last: the ledger does not come back by itself. */
static void the_ledger_stopped(void **state)
{
	(void)state;
	struct ask a;
	int	   fd = ask("POST /v1/queries", "", &a);

	assert_int_equal(pipe_send(control, CONTROL_LEDGER_STOPPED, BYTES_NONE, -1), ERR_OK);
	pipe_flush(control);
	expect_code(fd, 503, "ledger-stopped");
	fd = dial_unix();
	request(fd, "POST /v1/queries", with_token(""), BODY);
	expect_code(fd, 503, "ledger-stopped");
}

/* ---- before and after ---- */

static unsigned free_port(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t	   n = sizeof at;
	int		   fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, n), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
	close(fd);
	return ntohs(at.sin_port);
}

static bool home_built(void)
{
	sample_copy();
	if (init_sample("kw", KW) || init_sample("us", US) || run("--home %s/us partner add %s/kw/%s.card", room, room, KW) ||
	    run("agreement sign %s/a.yaml --root %s/kw/root/root-a.key", room, room) ||
	    run("agreement sign %s/a.yaml.signed --root %s/us/root/root-a.key", room, room) ||
	    run("--home %s/us agreement activate %s/a.yaml.signed", room, room) || run("--home %s/us token new app", room))
		return false;
	snprintf(token, sizeof token, "%.*s", (int)strcspn(said, "\n"), said);
	return true;
}

static int start(void **state)
{
	char listen_at[64], yaml[256];
	int  ends[2];

	(void)state;
	if (!room_make() || !home_built())
		return -1;
	port = free_port();
	snprintf(listen_at, sizeof listen_at, "127.0.0.1:%u", port);
	snprintf(yaml, sizeof yaml, "party: " US "\napi: {listen: \"%s\"}\npartners: {}\n", listen_at);
	write_text("us/mithaq.yaml", yaml);
	config_places(&config, in_room("us"));
	base = event_base_new();
	if (config_read(&config, NULL) != ERR_OK || base == NULL || pipe_pair(ends) != ERR_OK)
		return -1;
	desk = fork();
	if (desk == 0) {
		struct child_start child = {&config, ROLE_DESK, 0, ends[1], getppid(), desk_main};
		_exit(process_child(&child));
	}
	close(ends[1]);
	control = pipe_new(base, ends[0], on_control, on_closed, NULL);
	core = hand_over(ROLE_CORE);
	reader = hand_over(ROLE_READER);
	WAIT_UNTIL(ready);
	return 0;
}

static int stop(void **state)
{
	int status = 0;

	(void)state;
	(void)pipe_send(control, CONTROL_STOP, BYTES_NONE, -1);
	pipe_flush(control);
	waitpid(desk, &status, 0);
	pipe_free(core);
	pipe_free(reader);
	pipe_free(control);
	for (unsigned i = 0; i < HEARD_MOST; i++)
		buffer_done(&heard[i].payload);
	event_base_free(base);
	config_done(&config);
	room_drop();
	return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_STOPPED ? 0 : -1;
}

/* The first message of this type that came, or NULL. */
static const struct heard *heard_of(uint8_t type)
{
	for (unsigned i = 0; i < nheard; i++)
		if (heard[i].type == type)
			return &heard[i];
	return NULL;
}

static void core_leaves(void)
{
	const struct builder empty = {.n = 0};

	nheard = 0;
	say(core, DESK_LEAVING, &empty);
	WAIT_UNTIL(heard_of(DESK_LEFT) != NULL);
	pipe_free(core);
	core = NULL;
}

static void answer_kept(const struct heard *h, const char *key)
{
	struct exchange x = exchange_made(EXCHANGE_ANSWERED);
	struct ask	a;

	assert_int_equal(h->type, DESK_ASK);
	assert_int_equal(ask_read(buffer_bytes(&h->payload), &a), ERR_OK);
	assert_true(bytes_is(a.key, key));
	say_state(a.ticket, true, &x);
}

static void expect_answered(int fd)
{
	struct answered got;

	answer_read(fd, &got);
	assert_int_equal(got.status, 200);
	assert_string_equal(text(got.json, "state"), "answered");
	answered_done(&got);
}

/* A core that leaves in order: what it did not answer, and what came without a core, is asked of the next one. */
static void the_core_is_followed_by_another(void **state)
{
	(void)state;
	struct ask a;
	int	   first = ask("POST /v1/queries", "Idempotency-Key: k-first\r\nPrefer: wait=20\r\n", &a);

	core_leaves();
	int second = dial_unix(), ready_asked = dial_unix();
	request(second, "POST /v1/queries", with_token("Idempotency-Key: k-second\r\nPrefer: wait=20\r\n"), BODY);
	request(ready_asked, "GET /readyz", "Host: localhost\r\n", "");
	expect_code(ready_asked, 200, "");
	nheard = 0;
	core = hand_over(ROLE_CORE);
	WAIT_UNTIL(nheard == 2);
	bool in_order = memcmp(heard[0].payload.at, &(uint32_t){htonl(a.ticket)}, 4) == 0;
	answer_kept(&heard[in_order ? 0 : 1], "k-first");
	answer_kept(&heard[in_order ? 1 : 0], "k-second");
	expect_answered(first);
	expect_answered(second);
}

/* What a core that leaves had accepted is not asked again: its end is read from the ledger. */
static void what_was_accepted_waits_at_the_reader(void **state)
{
	(void)state;
	struct exchange accepted = exchange_made(EXCHANGE_ACCEPTED), x = exchange_of_clause_7();
	struct ask	a;
	int		fd = ask("POST /v1/queries", "Prefer: wait=20\r\n", &a);

	say_state(a.ticket, false, &accepted);
	core_leaves();
	nheard = 0;
	core = hand_over(ROLE_CORE);
	WAIT_UNTIL(heard_of(READER_SHOW) != NULL);
	assert_null(heard_of(DESK_ASK));
	assert_memory_equal(heard_of(READER_SHOW)->payload.at + 4, accepted.mid, MID_SIZE);
	assert_ptr_equal(heard_of(READER_SHOW), &heard[0]);
	say_exchange(&x);
	expect_answered(fd);
}

static void reader_followed(void)
{
	nheard = 0;
	pipe_free(reader);
	reader = hand_over(ROLE_READER);
}

/* A reader writes nothing: what it did not answer is asked of the next one, and not of a third. */
static void the_reader_is_followed_by_another(void **state)
{
	(void)state;
	struct exchange x = exchange_of_clause_7();
	char		line[128], id[29];

	exchange_id_write(x.mid, id);
	snprintf(line, sizeof line, "GET /v1/queries/%s", id);
	for (int lost = 1; lost <= 2; lost++) {
		int fd = dial_unix();

		nheard = 0;
		request(fd, line, with_token(""), "");
		WAIT_UNTIL(nheard == 1);
		for (int i = 0; i < lost && i < 2; i++) {
			reader_followed();
			if (i == 0)
				WAIT_UNTIL(nheard == 1);
		}
		if (lost == 1) {
			say_exchange(&x);
			expect_answered(fd);
		} else {
			expect_code(fd, 503, "busy");
		}
	}
}

/* Papers that do not read change nothing. */
static void papers_that_do_not_read(void **state)
{
	uint8_t	       memory[32];
	struct builder b = builder_on(memory, sizeof memory);

	build_u8(&b, PAPER_CARD);
	build_text(&b, "mithaq/keys/1\n");
	say(reader, READER_PAPER, &b);
	b.n = 0;
	say(reader, READER_PAPERS, &b);
	an_answer_comes(state);
	evidence_of_another_clause(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_comes),
		cmocka_unit_test(without_patience_accepted_is_the_answer),
		cmocka_unit_test(refusals_and_dry_runs),
		cmocka_unit_test(failures),
		cmocka_unit_test(refused_at_the_door),
		cmocka_unit_test(refused_with_a_token),
		cmocka_unit_test(no_header_twice),
		cmocka_unit_test(foreign_host),
		cmocka_unit_test(the_page_names_the_port),
		cmocka_unit_test(shown_by_the_reader),
		cmocka_unit_test(a_patient_get),
		cmocka_unit_test(status_has_two_halves),
		cmocka_unit_test(the_catalogue_says_what_was_used),
		cmocka_unit_test(a_cut_message_of_quotas_is_not_believed),
		cmocka_unit_test(the_core_goes_and_comes),
		cmocka_unit_test(the_core_is_followed_by_another),
		cmocka_unit_test(what_was_accepted_waits_at_the_reader),
		cmocka_unit_test(the_reader_is_followed_by_another),
		cmocka_unit_test(papers_that_do_not_read),
		cmocka_unit_test(a_revoked_token),
		cmocka_unit_test(evidence_of_another_clause),
		cmocka_unit_test(a_question_is_withdrawn),
		cmocka_unit_test(a_patient_withdrawal_is_told_the_end),
		cmocka_unit_test(what_is_not_withdrawn),
		cmocka_unit_test(a_withdrawal_under_another_clause),
		cmocka_unit_test(a_withdrawal_fails),
		cmocka_unit_test(the_core_goes_with_a_withdrawal),
		cmocka_unit_test(the_ledger_stopped),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
