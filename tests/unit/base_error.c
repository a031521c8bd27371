/* base_error.c: every error has a name, a culprit and a sentence in both languages; faults stay readable when cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/text.h"

static const char *const written[] = {
#define WRITTEN(name, blame, en, ar) #name,
	ERROR_TABLE(WRITTEN)
#undef WRITTEN
};

/* NOT_CANONICAL is "not-canonical" to programs. */
static void machine_names_follow_the_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < ERR_COUNT; i++) {
		const char *name = err_name((enum err)i);
		assert_int_equal(strlen(name), strlen(written[i]));
		for (size_t k = 0; name[k] != '\0'; k++) {
			char c = written[i][k];
			char lower = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
			assert_int_equal(name[k], c == '_' ? '-' : lower);
		}
	}
}

static void every_sentence_exists_in_both_languages(void **state)
{
	(void)state;
	for (size_t i = 0; i < ERR_COUNT; i++) {
		const char *en = err_text((enum err)i, LANG_EN), *ar = err_text((enum err)i, LANG_AR);
		assert_true(strlen(en) > 2 && strlen(ar) > 2);
		assert_int_equal(text_check(bytes_text(ar), TEXT_LINE), ERR_OK);
		assert_int_equal(text_check(bytes_text(en), TEXT_LINE), ERR_OK);
		assert_string_not_equal(en, ar);
	}
	assert_int_equal(err_blame(ERR_OK), BLAME_NONE);
	assert_int_equal(err_blame(ERR_SIGNATURE), BLAME_PARTNER);
	assert_int_equal(err_blame(ERR_DISK), BLAME_MACHINE);
}

static void a_number_that_is_no_error_is_ours(void **state)
{
	(void)state;
	assert_string_equal(err_name((enum err)4711), "internal");
	assert_int_equal(err_blame((enum err)4711), BLAME_MITHAQ);
}

static void a_fault_reads_as_one_line(void **state)
{
	struct fault f;
	char	     line[400];
	(void)state;
	assert_int_equal(fault_at(&f, ERR_VALUE, 14, NULL, "watch-list", "use one of: hit, no-hit", "استعمل hit أو no-hit"), ERR_VALUE);
	fault_print(&f, "samples/customs.yaml", LANG_EN, line, sizeof line);
	assert_string_equal(line, "samples/customs.yaml:14: the value is not one of those permitted: found watch-list; use one of: hit, no-hit");
	fault_print(&f, "samples/customs.yaml", LANG_AR, line, sizeof line);
	assert_string_equal(line, "samples/customs.yaml:14: القيمة ليست من القيم المسموح بها: وُجد watch-list؛ استعمل hit أو no-hit");
	assert_int_equal(fault_at(&f, ERR_MISSING, 0, "clauses/7", NULL, NULL, NULL), ERR_MISSING);
	fault_print(&f, "request.json", LANG_EN, line, sizeof line);
	assert_string_equal(line, "request.json: clauses/7: something required is missing");
}

static void what_was_found_cannot_move_the_cursor(void **state)
{
	struct fault f;
	(void)state;
	assert_int_equal(fault_at(&f, ERR_CONTROL, 1, NULL,
				  "a\x1b[2Jb\xff\xe2\x80\xae"
				  "c \xd8\xb9",
				  NULL, NULL),
			 ERR_CONTROL);
	assert_string_equal(f.found, "a?[2Jb??c ع");
	assert_int_equal(fault_at(NULL, ERR_CONTROL, 1, NULL, NULL, NULL, NULL), ERR_CONTROL);
}

static void long_texts_are_cut_between_letters(void **state)
{
	struct fault f;
	char	     letters[400], line[12];
	(void)state;
	for (size_t i = 0; i + 2 < sizeof letters; i += 2)
		memcpy(letters + i, "ع", 3);
	assert_int_equal(fault_at(&f, ERR_VALUE, 3, NULL, letters, letters, NULL), ERR_VALUE);
	assert_int_equal(strlen(f.found), 94);
	assert_int_equal(text_check(bytes_text(f.found), TEXT_LINE), ERR_OK);
	fault_print(&f, "عع", LANG_AR, line, sizeof line);
	assert_int_equal(text_check(bytes_text(line), TEXT_LINE), ERR_OK);
	fault_print(&f, "x", LANG_EN, line, 1);
	assert_string_equal(line, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(machine_names_follow_the_table),	 cmocka_unit_test(every_sentence_exists_in_both_languages),
		cmocka_unit_test(a_number_that_is_no_error_is_ours),	 cmocka_unit_test(a_fault_reads_as_one_line),
		cmocka_unit_test(what_was_found_cannot_move_the_cursor), cmocka_unit_test(long_texts_are_cut_between_letters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
