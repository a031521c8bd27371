/* What a statement may be, where its parameters stand, and text both ways between UTF-8 and UTF-16. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "provider/bind.h"
#include "provider/wide.h"

static struct bind bound;

static void reads(const char *statement, const char *as, const char *const *names, unsigned n)
{
	struct fault fault = {0};

	if (bind_read(statement, &bound, &fault) != ERR_OK)
		fail_msg("%s: found %s; %s", statement, fault.found, fault.help);
	assert_string_equal(bound.statement, as);
	assert_int_equal(bound.n, n);
	for (unsigned i = 0; i < n; i++)
		assert_string_equal(bound.parameter[i], names[i]);
}

static void names_become_places(void **state unused_arg)
{
	static const char *const two[] = {"registration", "office"}, *const twice[] = {"declaration", "declaration"}, *const one[] = {"released-on"};

	reads("SELECT reg_no, status FROM exporters WHERE reg_no = :registration AND office=:office",
	      "SELECT reg_no, status FROM exporters WHERE reg_no = ? AND office=?", two, 2);
	reads("select a from b where c=:declaration or d=:declaration", "select a from b where c=? or d=?", twice, 2);
	reads("SELECT a FROM b WHERE c = :released_on;", "SELECT a FROM b WHERE c = ?", one, 1);
	reads("SELECT a FROM b WHERE c = cast(:released_on AS date)", "SELECT a FROM b WHERE c = cast(? AS date)", one, 1);
	reads("SELECT a FROM b WHERE c = :released_on::date", "SELECT a FROM b WHERE c = ?::date", one, 1);
}

static void quotes_and_comments_hold_no_parameters(void **state unused_arg)
{
	static const char *const one[] = {"x"};

	reads("SELECT ':a', \"b:c\" FROM t WHERE d = :x", "SELECT ':a', \"b:c\" FROM t WHERE d = ?", one, 1);
	reads("SELECT 'it''s :a; DELETE ?' FROM t WHERE d = :x", "SELECT 'it''s :a; DELETE ?' FROM t WHERE d = ?", one, 1);
	reads("SELECT N'\xd8\xb3 :a' FROM t WHERE d = :x", "SELECT N'\xd8\xb3 :a' FROM t WHERE d = ?", one, 1);
	reads("SELECT a -- :b ? '\n FROM t /* :c ' ; */ WHERE d = :x; -- the end", "SELECT a  \n FROM t   WHERE d = ?  ", one, 1);
	reads("-- first\nSELECT a FROM t", " \nSELECT a FROM t", NULL, 0);
	reads("WITH x AS (SELECT 1 AS a) SELECT a FROM x FETCH FIRST 1 ROW ONLY", "WITH x AS (SELECT 1 AS a) SELECT a FROM x FETCH FIRST 1 ROW ONLY",
	      NULL, 0);
	reads("SELECT \"update\", v$session.sid FROM t", "SELECT \"update\", v$session.sid FROM t", NULL, 0);
}

/* What some database reads otherwise than another, what is not one SELECT, and what changes something. */
static void the_rest_is_refused(void **state unused_arg)
{
	static const char *const bad[] = {
		"",
		"  -- nothing\n",
		";",
		"DELETE FROM t",
		"(SELECT 1)",
		"EXPLAIN SELECT a FROM t",
		"{call p(:a)}",
		"SELECT a FROM t; DROP TABLE t",
		"SELECT a FROM t; SELECT a FROM t",
		"SELECT a FROM t;;",
		"SELECT a FROM t DROP TABLE t",
		"SELECT a FROM t exec p",
		"WITH x AS (DELETE FROM t RETURNING a) SELECT a FROM x",
		"SELECT a INTO u FROM t",
		"SELECT a FROM t FOR UPDATE",
		"SELECT a FROM t WHERE b = ?",
		"SELECT a FROM t WHERE b = :Upper",
		"SELECT a FROM t WHERE b = :9",
		"SELECT a FROM t WHERE b = : x",
		"SELECT a FROM t WHERE b = :x'y'",
		"SELECT a FROM t WHERE b = :a__b",
		"SELECT a := 1",
		"SELECT a FROM t WHERE b = 'open",
		"SELECT a FROM t WHERE b = \"open",
		"SELECT a FROM t WHERE b = 'it\\'s :x'",
		"SELECT a FROM t WHERE b = E'x'",
		"SELECT a FROM t WHERE b = q'[:x]'",
		"SELECT a FROM t WHERE b = 'x'y",
		"SELECT a FROM t WHERE b = $$ :x $$",
		"SELECT a FROM t WHERE b = $tag$ :x $tag$",
		"SELECT [a] FROM t",
		"SELECT `a` FROM t",
		"SELECT a FROM t WHERE b = :x # comment",
		"SELECT a--1 FROM t",
		"SELECT a /* x /* y */ FROM t",
		"SELECT a /* open",
		"SELECT {d '2026-01-01'}",
		"SELECT a\\b",
		"SELECT a\x01",
	};

	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct fault fault = {0};

		memset(&bound, 7, sizeof bound);
		if (bind_read(bad[i], &bound, &fault) == ERR_OK)
			fail_msg("accepted: %s", bad[i]);
		assert_int_equal(bound.n, 0x07070707);
		assert_string_equal(fault.at, "statement");
		assert_true(fault.help[0] != '\0' && fault.help_ar[0] != '\0');
	}
}

static void limits_hold(void **state unused_arg)
{
	static char text[BIND_STATEMENT_MOST + 64];
	size_t	    n = (size_t)snprintf(text, sizeof text, "SELECT a FROM t WHERE b IN (");

	for (unsigned i = 0; i < BIND_PARAMETERS_MOST; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s:x", i > 0 ? "," : "");
	snprintf(text + n, sizeof text - n, ")");
	assert_int_equal(bind_read(text, &bound, NULL), ERR_OK);
	assert_int_equal(bound.n, BIND_PARAMETERS_MOST);
	snprintf(text + n, sizeof text - n, ",:x)");
	assert_int_equal(bind_read(text, &bound, NULL), ERR_VALUE);
	memset(text, ' ', sizeof text);
	memcpy(text, "SELECT 1", 8);
	text[BIND_STATEMENT_MOST] = '\0';
	assert_int_equal(bind_read(text, &bound, NULL), ERR_OK);
	text[BIND_STATEMENT_MOST] = ' ';
	text[BIND_STATEMENT_MOST + 1] = '\0';
	assert_int_equal(bind_read(text, &bound, NULL), ERR_TOO_LONG);
}

/* ---- wide text ---- */

static void text_goes_both_ways(void **state unused_arg)
{
	static const char     text[] = "a\xd8\xb3\xe4\xb8\xad\xf0\x9f\x93\x9c";
	static const uint16_t units[] = {'a', 0x0633, 0x4e2d, 0xd83d, 0xdcdc};
	uint16_t	      wide[8];
	uint8_t		      back[32];
	size_t		      n = COUNT_OF(wide);
	struct builder	      b = builder_on(back, sizeof back);

	assert_int_equal(wide_write(bytes_text(text), wide, &n), ERR_OK);
	assert_int_equal(n, COUNT_OF(units));
	assert_memory_equal(wide, units, sizeof units);
	assert_int_equal(wide_read(wide, n, &b), ERR_OK);
	assert_true(bytes_is(builder_bytes(&b), text));
	n = COUNT_OF(units) - 1;
	assert_int_equal(wide_write(bytes_text(text), wide, &n), ERR_NO_SPACE);
	b = builder_on(back, 9);
	assert_int_equal(wide_read(units, COUNT_OF(units), &b), ERR_NO_SPACE);
	assert_int_equal(b.n, 0);
	assert_int_equal(b.err, ERR_OK);
}

static void halves_are_refused(void **state unused_arg)
{
	static const uint16_t	 bad[][2] = {{0xd83d, 'a'}, {'a', 0xd83d}, {0xdcdc, 0xd83d}, {'a', 0}, {0xdfff, 'a'}};
	static const char *const bytes[] = {"\x80", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xd8", "\xf8\x88\x80\x80\x80", "\xe4\xb8"};
	uint8_t			 back[32];
	uint16_t		 wide[8];

	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct builder b = builder_on(back, sizeof back);

		assert_int_equal(wide_read(bad[i], 2, &b), ERR_UTF8);
		assert_int_equal(b.n, 0);
	}
	for (size_t i = 0; i < COUNT_OF(bytes); i++) {
		size_t n = COUNT_OF(wide);

		assert_int_equal(wide_write(bytes_text(bytes[i]), wide, &n), ERR_UTF8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_become_places), cmocka_unit_test(quotes_and_comments_hold_no_parameters),
		cmocka_unit_test(the_rest_is_refused), cmocka_unit_test(limits_hold),
		cmocka_unit_test(text_goes_both_ways), cmocka_unit_test(halves_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
