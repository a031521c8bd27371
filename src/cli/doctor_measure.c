/*
 * doctor_measure.c: how much this machine carries: questions asked as fast as they
 * are answered, through two whole gateways and two ledgers on its own disk (stage.h),
 * and what they leave on that disk.
 *
 * Both parties share this machine here, so a pair of such machines does better; the
 * source of the answers is the agreement's example, so a slow national system does worse.
 */
#include "cli/doctor.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>

#include "cli/stage.h"

#define OUTSTANDING 16
#define MEASURE_S   5
#define TIMES_MOST  1000000

/* Keys stand here only to be replaced (stage.h): each must be another text. */
static const char text[] = "mithaq: agreement/1\n"
			   "id: measure\n"
			   "version: 1\n"
			   "environment: test\n"
			   "sample: not an agreement of anybody\n"
			   "languages: [en]\n"
			   "authentic: [en]\n"
			   "title: {en: A measurement}\n"
			   "in-force:\n"
			   "  from: 2026-01-01\n"
			   "parties:\n"
			   "  asks.example:\n"
			   "    name: {en: The asking side}\n"
			   "    working-days: Sunday to Thursday\n"
			   "    time-zone: Asia/Kuwait\n"
			   "    keys:\n"
			   "      - root-a c36c48be7efe672f86422405f9baec382e29b0f734744605bcc3cfc71b84a0fc\n"
			   "      - root-b e5d1ad16a355273ba26f2b66e769836633ffd9e7080c3f4c8b56a89f32e4a204\n"
			   "  answers.example:\n"
			   "    name: {en: The answering side}\n"
			   "    working-days: Sunday to Thursday\n"
			   "    time-zone: Asia/Kuwait\n"
			   "    keys:\n"
			   "      - root-a 30d62efe5d90e8929a3729f12fbaae90489b89757dd84fffd6d84213768812b1\n"
			   "      - root-b 2b17624ca2aed0dd5f516d7ddd7382f123db61654cb8fac0c09461c7511f3af8\n"
			   "purposes:\n"
			   "  measuring: {en: measuring}\n"
			   "clauses:\n"
			   "  - number: 1\n"
			   "    channel: customs\n"
			   "    name: declaration-status\n"
			   "    pattern: query\n"
			   "    title: {en: Status of a declaration}\n"
			   "    basis: {en: none}\n"
			   "    asks: asks.example\n"
			   "    answers: answers.example\n"
			   "    purposes: [measuring]\n"
			   "    request:\n"
			   "      declaration: {type: document-number, length: 20, required: always, en: Declaration number}\n"
			   "    answer:\n"
			   "      status: {type: text, en: Status}\n"
			   "      released-on: {type: date, en: Released on}\n"
			   "    limits:\n"
			   "      answer-within: 10 seconds\n"
			   "    keep:\n"
			   "      question: until answered\n"
			   "      answer: 180 days\n"
			   "    onward: no\n"
			   "    examples:\n"
			   "      - ask: {purpose: measuring, declaration: 2026-0048817}\n"
			   "        answer: {status: released, released-on: 2026-11-20}\n";

static const char question[] = "{\"clause\":\"customs/declaration-status\",\"purpose\":\"measuring\",\"fields\":{\"declaration\":\"2026-0048817\"}}";

struct measure {
	struct stage		  stage;
	struct event_base	 *base;
	struct evhttp_connection *connection[OUTSTANDING];
	uint64_t		  began_us[OUTSTANDING];
	uint32_t		 *took_us;
	size_t			  n;
	unsigned		  failed, under_way;
	bool			  over;
};

struct asker {
	struct measure *m;
	unsigned	which;
};

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* ---- asking ---- */

static void ask_again(struct asker *a);

static void answered(struct evhttp_request *request, void *arg)
{
	struct asker   *a = arg;
	struct measure *m = a->m;
	uint64_t	took = now_us() - m->began_us[a->which];

	if (request == NULL || evhttp_request_get_response_code(request) != 200)
		m->failed++;
	else if (m->n < TIMES_MOST)
		m->took_us[m->n++] = (uint32_t)took;
	m->under_way--;
	if (!m->over && m->failed < OUTSTANDING)
		ask_again(a);
	if (m->under_way == 0)
		(void)event_base_loopbreak(m->base); /* connections that are kept would keep the loop */
}

static void ask_again(struct asker *a)
{
	struct measure	      *m = a->m;
	struct evhttp_request *request = evhttp_request_new(answered, a);
	char		       bearer[TOKEN_TEXT + 16];

	if (request == NULL)
		return;
	snprintf(bearer, sizeof bearer, "Bearer %s", m->stage.party[m->stage.us].token);
	struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
	(void)evhttp_add_header(headers, "Host", m->stage.api);
	(void)evhttp_add_header(headers, "Authorization", bearer);
	(void)evhttp_add_header(headers, "Content-Type", "application/json");
	(void)evhttp_add_header(headers, "Prefer", "wait=10");
	(void)evbuffer_add(evhttp_request_get_output_buffer(request), question, sizeof question - 1);
	m->began_us[a->which] = now_us();
	m->under_way++;
	if (evhttp_make_request(m->connection[a->which], request, EVHTTP_REQ_POST, "/v1/queries") != 0) {
		m->under_way--;
		m->failed++;
	}
}

static void time_over(evutil_socket_t fd unused_arg, short what unused_arg, void *arg)
{
	struct measure *m = arg;

	m->over = true;
}

/* Returns the seconds it took. The loop ends when every connection has its last answer. */
static double questions_ask(struct measure *m)
{
	struct asker   asker[OUTSTANDING];
	struct timeval wait = {.tv_sec = MEASURE_S};
	char	       host[CONFIG_ADDRESS_MOST];
	uint16_t       port = 0;

	if (address_split(m->stage.api, host, &port) != ERR_OK)
		return 0;
	uint64_t begun = now_us();
	for (unsigned i = 0; i < OUTSTANDING; i++) {
		asker[i] = (struct asker){m, i};
		m->connection[i] = evhttp_connection_base_new(m->base, NULL, host, port);
		if (m->connection[i] != NULL)
			ask_again(&asker[i]);
	}
	(void)event_base_once(m->base, -1, EV_TIMEOUT, time_over, m, &wait);
	(void)event_base_dispatch(m->base);
	for (unsigned i = 0; i < OUTSTANDING; i++)
		if (m->connection[i] != NULL)
			evhttp_connection_free(m->connection[i]);
	return (double)(now_us() - begun) / 1e6;
}

/* ---- the ledgers ---- */

/* The database alone: its log is written over and over. */
static uint64_t ledger_bytes(const struct measure *m, unsigned who)
{
	char	    path[CONFIG_PATH_MOST + 32];
	struct stat s;

	snprintf(path, sizeof path, "%s/data/ledger.db", m->stage.party[who].home);
	return stat(path, &s) == 0 ? (uint64_t)s.st_size : 0;
}

static int by_size(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* ---- telling ---- */

static void say_rate(struct doctor *d, struct measure *m, double seconds)
{
	static const struct check check = {"exchanges", "التبادلات"};

	size_t half = m->n / 2, late = m->n * 99 / 100;

	qsort(m->took_us, m->n, sizeof m->took_us[0], by_size);
	doctor_say(d, &check, m->failed > 0 ? GRADE_BAD : GRADE_OK, NULL,
		   cli_text(d->cli, "%.0f/s at %u outstanding, both gateways on this machine; half within %.1f ms, 99 of 100 within %.1f ms",
			    "%.0f في الثانية مع %u معلقة، والبوابتان على هذا الجهاز؛ نصفها خلال %.1f مللي ثانية، و99 من 100 خلال %.1f"),
		   (double)m->n / seconds, OUTSTANDING, (double)m->took_us[half] / 1000, (double)m->took_us[late] / 1000);
}

static void say_year(struct doctor *d, const char *name, const char *name_ar, uint64_t bytes_each)
{
	static const uint64_t a_day[] = {1000, 100000, 10000000};
	const struct check    check = {name, name_ar};
	double		      gigabytes[3];

	for (unsigned i = 0; i < 3; i++)
		gigabytes[i] = (double)bytes_each * (double)a_day[i] * 365 / 1e9;
	doctor_say(d, &check, GRADE_OK, NULL,
		   cli_text(d->cli, "%llu bytes an exchange; a year of 1 k a day: %.1f GB, 100 k: %.0f GB, 10 M: %.0f GB",
			    "%llu بايت للتبادل؛ السنة عند ألف يوميًا: %.1f غيغابايت، ومئة ألف: %.0f، وعشرة ملايين: %.0f"),
		   (unsigned long long)bytes_each, gigabytes[0], gigabytes[1], gigabytes[2]);
}

static int measured(struct doctor *d, struct measure *m)
{
	unsigned asks = m->stage.us;
	double	 seconds = questions_ask(m);

	if (m->n == 0 || m->failed > 0)
		return cli_complain(d->cli, EXIT_INTERNAL, cli_text(d->cli, "questions were not answered", "لم تُجب الأسئلة"), m->stage.folder, NULL);
	say_rate(d, m, seconds);
	/* Ending in order brings everything into the database. */
	stage_stop(&m->stage);
	say_year(d, "disk, asking", "قرص السائل", ledger_bytes(m, asks) / m->n);
	say_year(d, "disk, answering", "قرص المجيب", ledger_bytes(m, 1 - asks) / m->n);
	return EXIT_DONE;
}

static void measure_free(struct measure *m)
{
	if (m == NULL)
		return;
	if (m->base != NULL)
		event_base_free(m->base);
	free(m->took_us);
	free(m);
}

static struct measure *measure_new(void)
{
	struct measure *m = calloc(1, sizeof *m);

	if (m == NULL)
		return NULL;
	m->took_us = malloc(TIMES_MOST * sizeof *m->took_us);
	m->base = event_base_new();
	if (m->took_us != NULL && m->base != NULL)
		return m;
	measure_free(m);
	return NULL;
}

int doctor_measure(struct doctor *d)
{
	struct stage_words words = {.file = "measure", .text = bytes_of(text, sizeof text - 1)};
	struct measure	  *m = measure_new();

	if (m == NULL)
		return cli_err(d->cli, ERR_MEMORY, "doctor", NULL);
	int code = stage_open(d->cli, &words, &m->stage);
	if (code == EXIT_DONE) {
		code = measured(d, m);
		stage_close(&m->stage);
	}
	measure_free(m);
	return code;
}
