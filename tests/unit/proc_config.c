/* The configuration: the samples of its header are read; each refusal names line, finding and help in both languages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proc/config.h"
#include "proc/files.h"

static char folder[64], path[128];

static int setup(void **state unused_arg)
{
	(void)snprintf(folder, sizeof folder, "/tmp/mithaq-config-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	(void)snprintf(path, sizeof path, "%s/mithaq.yaml", folder);
	return 0;
}

static int teardown(void **state unused_arg)
{
	(void)unlink(path);
	return rmdir(folder);
}

static enum err reads(const char *text, struct config *c, struct fault *fault)
{
	*fault = (struct fault){.err = ERR_OK};
	config_places(c, folder);
	assert_int_equal(file_write(path, bytes_text(text), 0644), ERR_OK);
	return config_read(c, fault);
}

static void test_three_lines_are_enough(void **state unused_arg)
{
	struct config c;
	struct fault  fault;
	char	      place[CONFIG_PATH_MOST], expected[200];

	assert_int_equal(reads("party: customs.kw.example\npartners:\n  cbp.us.example: gw.cbp.us.example:7443\n", &c, &fault), ERR_OK);
	assert_string_equal(c.party, "customs.kw.example");
	assert_string_equal(c.api_listen, "127.0.0.1:7171");
	assert_int_equal(c.npartners, 1);
	assert_string_equal(c.partner[0].name, "cbp.us.example");
	assert_string_equal(c.partner[0].dial, "gw.cbp.us.example:7443");
	assert_null(c.partner[0].listen);
	assert_int_equal(config_path(&c, "keys/log.key", place), ERR_OK);
	(void)snprintf(expected, sizeof expected, "%s/keys/log.key", folder);
	assert_string_equal(place, expected);
	assert_int_equal(config_data_path(&c, "ledger.db", place), ERR_OK);
	(void)snprintf(expected, sizeof expected, "%s/data/ledger.db", folder);
	assert_string_equal(place, expected);
	config_done(&c);
	config_done(&c); /* accepts one already done */
}

static void test_everything_at_once(void **state unused_arg)
{
	struct config c;
	struct fault  fault;

	assert_int_equal(reads("party: customs.kw.example\n"
			       "api: {listen: '127.0.0.1:7272'}\n"
			       "partners:\n"
			       "  cbp.us.example: '[2001:db8::1]:7443'\n"
			       "  fiu.us.example: {dial: gw.fiu.us.example:7443, listen: '0.0.0.0:7444'}\n"
			       "provide:\n"
			       "  customs/declaration-status:\n"
			       "    sqlite: /srv/customs.db\n"
			       "    statement: SELECT status FROM declarations WHERE number = :declaration\n"
			       "    timeout: 500 ms\n"
			       "  border/travel-document-status:\n"
			       "    sqlite: border.db\n"
			       "    statement: SELECT status FROM documents WHERE number = :document\n",
			       &c, &fault),
			 ERR_OK);
	assert_string_equal(c.api_listen, "127.0.0.1:7272");
	assert_int_equal(c.npartners, 2);
	assert_string_equal(c.partner[1].dial, "gw.fiu.us.example:7443");
	assert_string_equal(c.partner[1].listen, "0.0.0.0:7444");
	assert_int_equal(c.nproviders, 2);
	assert_int_equal(c.provider[0].timeout_ms, 500);
	assert_int_equal(c.provider[0].line, 7);
	assert_int_equal(c.provider[1].timeout_ms, 2000);
	assert_true(strncmp(c.provider[1].sqlite, folder, strlen(folder)) == 0); /* below the home folder */
	config_done(&c);
}

static void test_the_only_partner_takes_the_listen_line(void **state unused_arg)
{
	struct config c;
	struct fault  fault;

	assert_int_equal(reads("party: a.example\nlisten: 0.0.0.0:7443\napi: off\npartners:\n  b.example: {}\n", &c, &fault), ERR_OK);
	assert_string_equal(c.partner[0].listen, "0.0.0.0:7443");
	assert_null(c.partner[0].dial);
	assert_null(c.api_listen);
	config_done(&c);
	assert_int_equal(reads("party: a.example\npartners:\n", &c, &fault), ERR_OK);
	assert_int_equal(c.npartners, 0);
	config_done(&c);
}

#define HEAD	"party: a.example\n"
#define PROVIDE HEAD "provide:\n  customs/status:\n"
#define HTTP	"    http: http://127.0.0.1/{n}\n    answer: {status: /s}\n"

static const struct {
	const char *text;
	enum err    e;
	unsigned    line;
	const char *found;
} refusals[] = {
	{"partners:\n  b.example: h:1\n", ERR_MISSING, 1, ""},
	{"party: Not A Name\n", ERR_VALUE, 1, "Not A Name"},
	{"party: [a.example]\n", ERR_VALUE, 1, "[...]"},
	{HEAD "partner: x\n", ERR_UNKNOWN_KEY, 2, "partner"},
	{HEAD "party: b.example\n", ERR_DUPLICATE, 2, NULL},
	{"- party\n", ERR_VALUE, 1, "[...]"},
	{HEAD "listen: gw.example:7443\n", ERR_VALUE, 2, "gw.example:7443"},
	{HEAD "listen: 0.0.0.0\n", ERR_VALUE, 2, "0.0.0.0"},
	{HEAD "api: on\n", ERR_VALUE, 2, "on"},
	{HEAD "api: {port: 1}\n", ERR_UNKNOWN_KEY, 2, "port"},
	{HEAD "api: {listen: '0.0.0.0:7171'}\n", ERR_MISSING, 2, "0.0.0.0:7171"},
	{HEAD "partners: b.example\n", ERR_VALUE, 2, "b.example"},
	{HEAD "partners:\n  B.example: h:1\n", ERR_VALUE, 3, "B.example"},
	{HEAD "partners:\n  a.example: h:1\n", ERR_VALUE, 3, "a.example"},
	{"partners:\n  a.example: h:1\n" HEAD, ERR_MISSING, 2, "a.example"},
	{HEAD "partners:\n  b.example: h\n", ERR_VALUE, 3, "h"},
	{HEAD "partners:\n  b.example: h:0\n", ERR_VALUE, 3, "h:0"},
	{HEAD "partners:\n  b.example: h:65536\n", ERR_VALUE, 3, "h:65536"},
	{HEAD "partners:\n  b.example: h:07\n", ERR_VALUE, 3, "h:07"},
	{HEAD "partners:\n  b.example: ':7443'\n", ERR_VALUE, 3, ":7443"},
	{HEAD "partners:\n  b.example: '[::1:7443'\n", ERR_VALUE, 3, "[::1:7443"},
	{HEAD "partners:\n  b.example: 'a b:7443'\n", ERR_VALUE, 3, "a b:7443"},
	{HEAD "partners:\n  b.example: {}\n", ERR_MISSING, 3, ""},
	{HEAD "partners:\n  b.example: {dail: 'h:1'}\n", ERR_UNKNOWN_KEY, 3, "dail"},
	{HEAD "partners:\n  b.example: {listen: 'h:1'}\n", ERR_VALUE, 3, "h:1"},
	{HEAD "listen: 0.0.0.0:1\npartners:\n  b.example: h:1\n  c.example: h:1\n", ERR_VALUE, 2, "0.0.0.0:1"},
	{HEAD "listen: 0.0.0.0:1\npartners:\n  b.example: {listen: '0.0.0.0:2'}\n", ERR_DUPLICATE, 2, "0.0.0.0:1"},
	{HEAD "provide: all\n", ERR_VALUE, 2, "all"},
	{HEAD "provide:\n  status: {sqlite: /x, statement: s}\n", ERR_VALUE, 3, "status"},
	{HEAD "provide:\n  a/b/c: {sqlite: /x, statement: s}\n", ERR_VALUE, 3, "a/b/c"},
	{PROVIDE "    htp: http://127.0.0.1/\n", ERR_UNKNOWN_KEY, 4, "htp"},
	{PROVIDE "    http: http://127.0.0.1/\n", ERR_MISSING, 3, ""},
	{PROVIDE "    http: https://127.0.0.1/\n", ERR_VALUE, 4, "https://127.0.0.1/"},
	{PROVIDE "    http: http://127.0.0.1\n", ERR_VALUE, 4, "http://127.0.0.1"},
	{PROVIDE "    http: http://127.0.0.1:0/\n", ERR_VALUE, 4, "http://127.0.0.1:0/"},
	{PROVIDE HTTP "    method: DELETE\n", ERR_VALUE, 6, "DELETE"},
	{PROVIDE HTTP "    body: '{}'\n", ERR_MISSING, 3, ""},
	{PROVIDE HTTP "    statement: SELECT 1\n", ERR_UNKNOWN_KEY, 6, "SELECT 1"},
	{PROVIDE HTTP "    sqlite: /srv/x.db\n", ERR_DUPLICATE, 4, "http://127.0.0.1/{n}"},
	{PROVIDE HTTP "    credential: ../keys/log.key\n", ERR_VALUE, 6, "../keys/log.key"},
	{PROVIDE HTTP "    no-hit-on: [4o4]\n", ERR_VALUE, 6, "[...]"},
	{PROVIDE HTTP "    no-hit-on: 404\n", ERR_VALUE, 6, "404"},
	{PROVIDE HTTP "    refused-on: {700: public-order}\n", ERR_VALUE, 6, "public-order"},
	{PROVIDE HTTP "    headers: {Authorization: x}\n", ERR_VALUE, 6, "x"},
	{PROVIDE HTTP "    headers: {'X Y': x}\n", ERR_VALUE, 6, "x"},
	{PROVIDE "    http: http://127.0.0.1/\n    answer: {status: state}\n", ERR_VALUE, 5, "state"},
	{PROVIDE "    http: http://127.0.0.1/\n    answer: {status: {date: DD-MM-YYYY}}\n", ERR_MISSING, 5, ""},
	{PROVIDE "    http: http://127.0.0.1/\n    answer: {status: {from: /s, value: x}}\n", ERR_MISSING, 5, ""},
	{PROVIDE "    fetch: yes\n", ERR_VALUE, 4, "yes"},
	{PROVIDE "    odbc: DSN=X\n", ERR_MISSING, 3, ""},
	{HEAD "api: {listen: '10.1.4.9:8443'}\n", ERR_MISSING, 2, "10.1.4.9:8443"},
	{HEAD "webhooks: [{url: 'http://h:1/x'}]\n", ERR_MISSING, 2, ""},
	{HEAD "webhooks: [{url: 'ftp://h:1/x', secret: s}]\n", ERR_VALUE, 2, "ftp://h:1/x"},
	{HEAD "webhooks: {url: x}\n", ERR_VALUE, 2, "{...}"},
	{PROVIDE "    statement: SELECT 1\n", ERR_MISSING, 3, ""},
	{PROVIDE "    sqlite: /srv/x.db\n", ERR_MISSING, 3, ""},
	{PROVIDE "    sqlite: /srv/x.db\n    statement: s\n    timeout: 2\n", ERR_VALUE, 6, "2"},
	{PROVIDE "    sqlite: /srv/x.db\n    statement: s\n    timeout: 2 m\n", ERR_VALUE, 6, "2 m"},
	{PROVIDE "    sqlite: /srv/x.db\n    statement: s\n    timeout: 0 s\n", ERR_VALUE, 6, "0 s"},
	{PROVIDE "    sqlite: /srv/x.db\n    statement: s\n    timeout: 61 s\n", ERR_VALUE, 6, "61 s"},
	{PROVIDE "    sqlite: /srv/x.db\n    statement: s\n    timeout: 2s\n", ERR_VALUE, 6, "2s"},
	{PROVIDE "    sqlite: [a]\n    statement: s\n", ERR_VALUE, 4, "[...]"},
};

/* Every source and everything that may stand beside it. */
static void test_every_source(void **state unused_arg)
{
	static const char text[] = HEAD "api: {listen: '10.1.4.9:8443', certificate: api.pem, key: /srv/api.key}\n"
					"provide:\n"
					"  customs/declaration-status:\n"
					"    http: http://10.1.4.20:8080/api/declarations/{declaration}\n"
					"    method: POST\n"
					"    body: '{\"n\": \"{declaration}\"}'\n"
					"    headers: {X-Office: KWSAA}\n"
					"    credential: declarations-token\n"
					"    no-hit-on: [404, 410]\n"
					"    refused-on: {451: public-order}\n"
					"    answer:\n"
					"      status: {from: /state, codes: {'01': lodged, '04': released}}\n"
					"      released-on: {from: /releaseDate, date: DD-MM-YYYY}\n"
					"      office: /office\n"
					"      source: {value: declarations}\n"
					"  customs/exporter-record: {odbc: DSN=CUSTOMS_RO, statement: SELECT 1, credential: customs-password}\n"
					"  customs/assistance-request: {fetch: true, timeout: 60 s}\n"
					"  border/document-status: {examples: true}\n"
					"webhooks:\n"
					"  - {url: 'http://10.1.4.20:8080/hooks/mithaq', secret: hook-secret, types: [query.answered]}\n";
	struct config	  c;
	struct fault	  fault;

	assert_int_equal(reads(text, &c, &fault), ERR_OK);
	assert_string_equal(c.api_certificate + strlen(c.api_certificate) - 8, "/api.pem");
	assert_string_equal(c.api_key, "/srv/api.key");
	assert_int_equal(c.nproviders, 4);
	const struct config_provider *http = &c.provider[0];
	assert_int_equal(http->source, SOURCE_HTTP);
	assert_int_equal(http->nno_hit, 2);
	assert_int_equal(http->no_hit[1], 410);
	assert_string_equal(http->refused[0].to, "public-order");
	assert_string_equal(http->header[0].from, "X-Office");
	assert_string_equal(http->credential, "declarations-token");
	assert_int_equal(http->nanswers, 4);
	assert_string_equal(http->answer[0].from, "/state");
	assert_int_equal(http->answer[0].ncodes, 2);
	assert_string_equal(http->answer[0].code[1].from, "04");
	assert_string_equal(http->answer[0].code[1].to, "released");
	assert_string_equal(http->answer[1].date, "DD-MM-YYYY");
	assert_string_equal(http->answer[2].from, "/office");
	assert_string_equal(http->answer[3].value, "declarations");
	assert_int_equal(c.provider[1].source, SOURCE_ODBC);
	assert_string_equal(c.provider[1].odbc, "DSN=CUSTOMS_RO");
	assert_int_equal(c.provider[2].source, SOURCE_FETCH);
	assert_int_equal(c.provider[2].timeout_ms, 60000);
	assert_int_equal(c.provider[3].source, SOURCE_EXAMPLES);
	assert_int_equal(c.nwebhooks, 1);
	assert_string_equal(c.webhook[0].secret, "hook-secret");
	assert_string_equal(c.webhook[0].type[0], "query.answered");
	config_done(&c);
}

static void test_each_refusal_says_where_what_and_how(void **state unused_arg)
{
	for (size_t i = 0; i < COUNT_OF(refusals); i++) {
		struct config c;
		struct fault  fault;
		enum err      e = reads(refusals[i].text, &c, &fault);

		if (e != refusals[i].e || fault.line != refusals[i].line || (refusals[i].found && strcmp(fault.found, refusals[i].found) != 0))
			fail_msg("refusal %zu: %s, line %u, found \"%s\"\n%s", i, err_name(e), fault.line, fault.found, refusals[i].text);
		if (refusals[i].found)
			assert_true(fault.help[0] && fault.help_ar[0]);
		assert_int_equal(c.npartners, 0); /* outputs are untouched */
		assert_null(c.party);
		config_done(&c);
	}
}

static void test_a_missing_file_says_what_makes_one(void **state unused_arg)
{
	struct config c;
	struct fault  fault = {.err = ERR_OK};

	config_places(&c, folder);
	assert_int_equal(config_read(&c, &fault), ERR_FILE);
	assert_non_null(strstr(fault.help, "mithaq init"));
	config_done(&c);
}

static void test_addresses_split(void **state unused_arg)
{
	char	 host[CONFIG_ADDRESS_MOST] = "untouched";
	uint16_t port = 1;

	assert_int_equal(address_split("[::1]", host, &port), ERR_VALUE);
	assert_string_equal(host, "untouched");
	assert_int_equal(address_split("[2001:db8::1]:65535", host, &port), ERR_OK);
	assert_string_equal(host, "2001:db8::1");
	assert_int_equal(port, 65535);
	assert_int_equal(address_split("2001:db8::1:7443", host, &port), ERR_VALUE);
	assert_int_equal(address_split("[gw.example]:1", host, &port), ERR_VALUE);
	assert_int_equal(address_split("[]:1", host, &port), ERR_VALUE);
	assert_int_equal(address_split("[:1", host, &port), ERR_VALUE);
	assert_int_equal(address_split("", host, &port), ERR_VALUE);
}

/* One fenced example: the words behind ```yaml, and its text. False at the end of the page. */
static bool example_next(char **page, char **words, char **text)
{
	char *at = strstr(*page, "\n```yaml");

	if (!at)
		return false;
	*words = at + strlen("\n```yaml");
	char *end = strchr(*words, '\n');
	assert_non_null(end);
	*end = 0;
	*text = end + 1;
	char *close = strstr(*text, "\n```\n");
	assert_non_null(close);
	close[1] = 0;
	*page = close + 4;
	return true;
}

static void example_run(const char *words, const char *text)
{
	struct config c;
	struct fault  fault;
	uint64_t      line = 0;
	enum err      e = reads(text, &c, &fault);

	if (strncmp(words, " refused ", 9) == 0) {
		assert_int_equal(decimal_read(bytes_text(words + 9), &line), ERR_OK);
		if (!e || fault.line != line || !fault.help[0] || !fault.help_ar[0])
			fail_msg("%s: %s at line %u\n%s", words, err_name(e), fault.line, text);
	} else if (e) {
		fail_msg("%s at line %u: %s\n%s", err_name(e), fault.line, fault.found, text);
	}
	config_done(&c);
}

static void test_the_examples_of_the_page_are_true(void **state unused_arg)
{
	char	      place[1024], *words = NULL, *text = NULL;
	struct buffer file = {.most = 65536};
	unsigned      n = 0;

	(void)snprintf(place, sizeof place, "%s/docs/configuration.md", getenv("MITHAQ_SOURCE"));
	assert_int_equal(file_read(place, &file), ERR_OK);
	assert_int_equal(buffer_add(&file, bytes_of("", 1)), ERR_OK);
	for (char *page = (char *)file.at; example_next(&page, &words, &text); n++)
		example_run(words, text);
	assert_true(n >= 9);
	buffer_done(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_three_lines_are_enough, setup, teardown),
		cmocka_unit_test_setup_teardown(test_everything_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_only_partner_takes_the_listen_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_every_source, setup, teardown),
		cmocka_unit_test_setup_teardown(test_each_refusal_says_where_what_and_how, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_missing_file_says_what_makes_one, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_examples_of_the_page_are_true, setup, teardown),
		cmocka_unit_test(test_addresses_split),
	};

	return cmocka_run_group_tests_name("proc/config", tests, NULL, NULL);
}
