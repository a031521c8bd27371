/* Records of named values: one encoding, whatever the order in which they were said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/fields.h"
#include "wire_help.h"

static uint8_t wire[64 * 1024];

static void add(struct fields *f, const char *name, const char *value)
{
	assert_int_equal(fields_add(f, bytes_text(name), bytes_text(value)), ERR_OK);
}

static struct bytes written(const struct fields *f)
{
	struct builder b = builder_on(wire, sizeof wire);

	fields_write(&b, f);
	assert_int_equal(b.err, ERR_OK);
	return builder_bytes(&b);
}

static bool read_again(struct bytes v, struct builder *again)
{
	struct fields f;

	if (fields_read(v, &f) != ERR_OK)
		return false;
	fields_write(again, &f);
	return true;
}

static void the_order_of_saying_does_not_show(void **state)
{
	(void)state;
	struct fields a = {0}, b = {0}, back;
	uint8_t	      first[256];

	add(&a, "office", "KWSAA");
	add(&a, "declaration", "2026-0048817");
	add(&a, "of", "");
	add(&b, "of", "");
	add(&b, "declaration", "2026-0048817");
	add(&b, "office", "KWSAA");
	struct bytes v = written(&a);
	memcpy(first, v.at, v.n);
	assert_true(bytes_equal(bytes_of(first, v.n), written(&b)));
	assert_int_equal(fields_read(bytes_of(first, v.n), &back), ERR_OK);
	assert_true(bytes_is(back.at[0].name, "declaration"));
	assert_true(bytes_is(back.at[1].name, "of"));
	assert_true(bytes_is(back.at[2].name, "office"));
}

static void fields_are_found_by_name(void **state)
{
	(void)state;
	struct fields f = {0};

	add(&f, "status", "released");
	assert_true(bytes_is(fields_find(&f, "status")->value, "released"));
	assert_null(fields_find(&f, "stat"));
	assert_null(fields_find_bytes(&f, bytes_text("importer")));
}

static void what_may_not_stand_is_not_added(void **state)
{
	(void)state;
	static char   long_value[FIELD_VALUE_MOST + 2];
	struct fields f = {0};

	memset(long_value, 'x', FIELD_VALUE_MOST + 1);
	add(&f, "status", "one\ntwo");
	assert_int_equal(fields_add(&f, bytes_text("status"), bytes_text("held")), ERR_DUPLICATE);
	assert_int_equal(fields_add(&f, bytes_text("note"), bytes_text(long_value)), ERR_TOO_LONG);
	assert_int_not_equal(fields_add(&f, bytes_text("Status"), bytes_text("x")), ERR_OK);
	assert_int_not_equal(fields_add(&f, bytes_text(""), bytes_text("x")), ERR_OK);
	assert_int_equal(fields_add(&f, bytes_text("note"), bytes_text("\xff")), ERR_UTF8);
	assert_int_equal(fields_add(&f, bytes_text("note"), bytes_text("a\tb")), ERR_CONTROL);
	assert_int_equal(fields_add(&f, bytes_text("note"), bytes_text("\xe2\x80\xae")), ERR_BIDI);
	assert_int_equal(fields_add(&f, bytes_text("note"), bytes_text("e\xcc\x81")), ERR_NOT_NFC);
	assert_int_equal(f.n, 1);
}

static void there_is_a_limit(void **state)
{
	(void)state;
	static char   names[FIELDS_MOST + 1][8];
	struct fields f = {0};

	for (unsigned i = 0; i < FIELDS_MOST; i++) {
		names[i][0] = (char)('a' + i / 26);
		names[i][1] = (char)('a' + i % 26);
		add(&f, names[i], "v");
	}
	assert_int_equal(fields_add(&f, bytes_text("zz"), bytes_text("v")), ERR_TOO_LONG);
	bool same = false;
	assert_true(takes(read_again, written(&f), &same) && same);
	wire[2] = FIELDS_MOST + 1;
	assert_int_equal(fields_read(bytes_of(wire, 3), &f), ERR_TOO_LONG);
}

static void no_beginning_and_no_flipped_bit_deceives(void **state)
{
	(void)state;
	struct fields f = {0};
	uint8_t	      copy[256];

	add(&f, "name", "نموذج سالم");
	add(&f, "status", "released");
	add(&f, "on", "");
	struct bytes v = written(&f);
	memcpy(copy, v.at, v.n);
	assert_true(reader_is_strict(read_again, bytes_of(copy, v.n)));
}

static enum err read_pair(const char *first, const char *second, uint8_t form)
{
	struct builder b = builder_on(wire, sizeof wire);
	struct fields  f;

	build_u8(&b, 1);
	build_u16(&b, 2);
	build_bytes16(&b, bytes_text(first));
	build_u8(&b, form);
	build_bytes16(&b, bytes_text("v"));
	build_bytes16(&b, bytes_text(second));
	build_u8(&b, 1);
	build_bytes16(&b, bytes_text("v"));
	return fields_read(builder_bytes(&b), &f);
}

static void another_order_is_another_record_and_refused(void **state)
{
	(void)state;
	assert_int_equal(read_pair("a", "b", 1), ERR_OK);
	assert_int_equal(read_pair("a", "aa", 1), ERR_OK);
	assert_int_equal(read_pair("b", "a", 1), ERR_NOT_CANONICAL);
	assert_int_equal(read_pair("aa", "a", 1), ERR_NOT_CANONICAL);
	assert_int_equal(read_pair("a", "a", 1), ERR_NOT_CANONICAL);
	assert_int_equal(read_pair("a", "b", 2), ERR_MALFORMED);
	assert_int_not_equal(read_pair("a", "B", 1), ERR_OK);
}

static void random_records_come_back(void **state)
{
	(void)state;
	struct dice d = {77};

	for (int round = 0; round < 500; round++) {
		struct fields f = {0};
		char	      names[12][9];
		bool	      same = false;

		for (unsigned i = 0; i < 12; i++) {
			for (unsigned j = 0; j < 8; j++)
				names[i][j] = (char)('a' + dice_below(&d, 26));
			names[i][1 + dice_below(&d, 8)] = 0;
			enum err e = fields_add(&f, bytes_text(names[i]), bytes_text(names[dice_below(&d, i + 1)]));
			assert_true(e == ERR_OK || e == ERR_DUPLICATE);
		}
		assert_true(takes(read_again, written(&f), &same) && same);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_order_of_saying_does_not_show),
		cmocka_unit_test(fields_are_found_by_name),
		cmocka_unit_test(what_may_not_stand_is_not_added),
		cmocka_unit_test(there_is_a_limit),
		cmocka_unit_test(no_beginning_and_no_flipped_bit_deceives),
		cmocka_unit_test(another_order_is_another_record_and_refused),
		cmocka_unit_test(random_records_come_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
