/* agreement_connection.c: two cards make one text, the same on both sides, that keeps what its own examples promise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agreement/connection.h"
#include "agreement_help.h"
#include "base/attrs.h"

static struct card sample(const char *party)
{
	struct card	c = {.serial = 1};
	struct sign_key a = sample_root(party, 'a'), b = sample_root(party, 'b');

	(void)snprintf(c.party, sizeof c.party, "%s", party);
	c.root[0] = a.pub;
	c.root[1] = b.pub;
	return c;
}

static struct agreement *parsed(const struct buffer *text)
{
	struct agreement *a = NULL;
	struct fault	  fault = {0};

	if (agreement_parse(buffer_bytes(text), &a, &fault) != ERR_OK)
		fail_msg("line %u %s %s: %s", fault.line, fault.at, fault.found, fault.help);
	return a;
}

static void both_sides_compute_one_text(void **state)
{
	struct card   kuwait = sample(KUWAIT), america = sample(AMERICA);
	struct buffer here = {.most = CONNECTION_TEXT_MOST}, there = {.most = CONNECTION_TEXT_MOST};

	(void)state;
	assert_int_equal(connection_write(&kuwait, &america, &here), ERR_OK);
	/* New log keys and a later serial on one side change nothing. */
	kuwait.serial = 9;
	kuwait.nlog = 3;
	kuwait.from_day = 20000;
	assert_int_equal(connection_write(&america, &kuwait, &there), ERR_OK);
	assert_true(bytes_equal(buffer_bytes(&here), buffer_bytes(&there)));
	buffer_done(&here);
	buffer_done(&there);
}

static void it_is_an_agreement_that_keeps_its_examples(void **state)
{
	struct card	       kuwait = sample(KUWAIT), america = sample(AMERICA);
	struct buffer	       text = {.most = CONNECTION_TEXT_MOST};
	struct fault	       fault = {0};
	unsigned	       run = 0;
	enum connection_clause what;

	(void)state;
	assert_int_equal(connection_write(&kuwait, &america, &text), ERR_OK);
	struct agreement *a = parsed(&text);
	assert_int_equal(agreement_examples(a, &run, &fault), ERR_OK);
	assert_int_equal(run, 16);
	assert_string_equal(a->party[0].name, AMERICA);
	assert_true(connection_is(a));
	const struct clause *c = connection_clause(a, 1, CONNECTION_OUTAGE);
	assert_non_null(c);
	assert_string_equal(c->name, "outage-notice-by-second");
	assert_int_equal(c->asks, 1);
	assert_true(connection_clause_read(a, c, &what) && what == CONNECTION_OUTAGE);
	c = connection_clause(a, 0, CONNECTION_OFFICERS);
	assert_string_equal(c->name, "officer-list-by-first");
	assert_int_equal(c->asks, 0);
	agreement_free(a);
	buffer_done(&text);
}

static void both_roots_of_both_sides_may_sign_it(void **state)
{
	struct card	kuwait = sample(KUWAIT), america = sample(AMERICA);
	struct sign_key key[2] = {sample_root(AMERICA, 'b'), sample_root(KUWAIT, 'a')};
	struct root_key roots[2] = {{AMERICA, key[0].pub}, {KUWAIT, key[1].pub}};
	struct buffer	note = {.most = CONNECTION_TEXT_MOST};
	struct fault	fault = {0};

	(void)state;
	assert_int_equal(connection_write(&kuwait, &america, &note), ERR_OK);
	struct agreement *a = parsed(&note), *opened = NULL;
	assert_int_equal(buffer_add(&note, bytes_text("\n")), ERR_OK);
	for (unsigned i = 0; i < 2; i++) {
		uint8_t	       memory[512];
		struct builder line = builder_on(memory, sizeof memory);

		assert_int_equal(agreement_sign(a, i, &key[i], &line), ERR_OK);
		assert_int_equal(buffer_add(&note, builder_bytes(&line)), ERR_OK);
	}
	assert_int_equal(agreement_open(buffer_bytes(&note), roots, 2, &opened, &fault), ERR_OK);
	assert_true(connection_is(opened));
	agreement_free(opened);
	agreement_free(a);
	buffer_done(&note);
}

/* Anything that a person could have drafted is not it, however near. */
static void another_text_is_not_it(void **state)
{
	static const struct {
		const char *find, *replace;
	} edits[] = {{"per-day: 100,", "per-day: 101,"}, {"nobody drafted it", "somebody drafted it"}, {"environment: test", "environment: live"}};
	struct card   kuwait = sample(KUWAIT), america = sample(AMERICA);
	struct buffer text = {.most = CONNECTION_TEXT_MOST};

	(void)state;
	assert_int_equal(connection_write(&kuwait, &america, &text), ERR_OK);
	assert_int_equal(buffer_add(&text, bytes_of("", 1)), ERR_OK);
	for (size_t i = 0; i < COUNT_OF(edits); i++) {
		char		      *other = edited((const char *)text.at, edits[i].find, edits[i].replace);
		struct agreement      *a = NULL;
		enum connection_clause what;

		assert_int_equal(agreement_parse(bytes_text(other), &a, NULL), ERR_OK);
		/* The environment is one of the things that the text is computed from. */
		assert_true(connection_is(a) == (strcmp(edits[i].replace, "environment: live") == 0));
		assert_true((connection_clause(a, 0, CONNECTION_PING) != NULL) == connection_is(a));
		assert_true(connection_clause_read(a, &a->clause[0], &what) == connection_is(a));
		agreement_free(a);
		free(other);
	}
	buffer_done(&text);
}

static void test_and_live_have_no_connection(void **state)
{
	struct card   kuwait = sample(KUWAIT), america = sample(AMERICA);
	struct buffer text = {.most = CONNECTION_TEXT_MOST}, small = {.most = 3000};

	(void)state;
	america.live = true;
	assert_int_equal(connection_write(&kuwait, &america, &text), ERR_VALUE);
	assert_int_equal(connection_write(&kuwait, &kuwait, &text), ERR_VALUE);
	america.live = false;
	assert_int_equal(connection_write(&kuwait, &america, &small), ERR_TOO_LONG);
	assert_int_equal(text.n, 0);
	assert_int_equal(small.n, 0);
	buffer_done(&text);
	buffer_done(&small);
}

/* The longest names that a party may have. */
static void long_names_fit(void **state)
{
	char	      name[2][PARTY_MOST + 1];
	struct buffer text = {.most = CONNECTION_TEXT_MOST};

	(void)state;
	for (int i = 0; i < 2; i++) {
		memset(name[i], 'a' + i, PARTY_MOST);
		name[i][60] = name[i][110] = '.';
		name[i][PARTY_MOST] = '\0';
		assert_int_equal(party_name_check(bytes_text(name[i])), ERR_OK);
	}
	struct card one = sample(name[0]), other = sample(name[1]);
	assert_int_equal(connection_write(&one, &other, &text), ERR_OK);
	struct agreement *a = parsed(&text);
	assert_true(connection_is(a));
	agreement_free(a);
	buffer_done(&text);
}

static int start(void **state)
{
	(void)state;
	return crypto_start() == ERR_OK ? 0 : 1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_sides_compute_one_text),		cmocka_unit_test(it_is_an_agreement_that_keeps_its_examples),
		cmocka_unit_test(both_roots_of_both_sides_may_sign_it), cmocka_unit_test(another_text_is_not_it),
		cmocka_unit_test(test_and_live_have_no_connection),	cmocka_unit_test(long_names_fit),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
