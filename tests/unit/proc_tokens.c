/* Tokens: shown once, kept as a hash, refused when off by one letter or revoked. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proc/files.h"
#include "proc/tokens.h"

static char folder[] = "/tmp/mithaq-tokens-XXXXXX";

static struct token token_of(const char *text, const char *account, const char *clauses)
{
	struct token t = {.hash = hash_bytes(bytes_text(text)), .created_ms = 1795420811000ull};

	snprintf(t.account, sizeof t.account, "%s", account);
	snprintf(t.clauses, sizeof t.clauses, "%s", clauses);
	return t;
}

static void forms(void **state)
{
	(void)state;
	static const uint8_t zero[TOKEN_RANDOM], full[TOKEN_RANDOM] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
								       0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	char		     text[TOKEN_TEXT + 1];

	token_text(false, zero, text);
	assert_string_equal(text, "mq_test_00000000000000000000000000000000");
	token_text(true, full, text);
	assert_string_equal(text, "mq_live_ZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ");
	assert_int_equal(token_account_check(bytes_text("front.desk-1_A")), ERR_OK);
	assert_int_equal(token_account_check(bytes_text("")), ERR_VALUE);
	assert_int_equal(token_account_check(bytes_text("a b")), ERR_VALUE);
	assert_int_equal(token_account_check(bytes_text("../x")), ERR_VALUE);
}

static void kept_found_revoked(void **state)
{
	(void)state;
	static const uint8_t random[TOKEN_RANDOM] = {7, 8, 9};
	struct tokens	     tokens;
	struct stat	     s;
	unsigned	     skipped = 0;
	char		     text[TOKEN_TEXT + 1], path[200], hex[2 * HASH_SIZE + 1];

	token_text(false, random, text);
	struct token made = token_of(text, "portal", "customs/declaration-status,border/watch");
	assert_int_equal(token_store(folder, &made), ERR_OK);
	assert_int_equal(token_store(folder, &made), ERR_EXISTS);
	hex_write(made.hash.b, HASH_SIZE, hex);
	snprintf(path, sizeof path, "%s/%s", folder, hex);
	assert_int_equal(stat(path, &s), 0);
	assert_int_equal(s.st_mode & 0777, 0600);
	assert_int_equal(tokens_load(folder, &tokens, &skipped), ERR_OK);
	assert_int_equal(tokens.n, 1);
	const struct token *found = tokens_find(&tokens, bytes_text(text));
	assert_non_null(found);
	assert_string_equal(found->account, "portal");
	assert_int_equal(found->created_ms, 1795420811000ull);
	assert_true(token_permits(found, bytes_text("border/watch")));
	assert_false(token_permits(found, bytes_text("border/watc")));
	assert_false(token_permits(found, bytes_text("border/watch,")));
	assert_false(token_permits(found, bytes_text("")));
	text[TOKEN_TEXT - 1] = text[TOKEN_TEXT - 1] == '0' ? '1' : '0';
	assert_null(tokens_find(&tokens, bytes_text(text)));
	assert_null(tokens_find(&tokens, bytes_text("")));
	tokens_done(&tokens);
	assert_int_equal(token_remove(folder, &made.hash), ERR_OK);
	assert_int_equal(token_remove(folder, &made.hash), ERR_NOT_FOUND);
	assert_int_equal(tokens_load(folder, &tokens, &skipped), ERR_OK);
	assert_int_equal(tokens.n, 0);
	tokens_done(&tokens);
}

static void other_files_are_passed_over(void **state)
{
	(void)state;
	static const char *const contents[] = {
		"",
		"mithaq-token/1 a 2026-11-23T00:00:00.000Z *",
		"mithaq-token/2 a 2026-11-23T00:00:00.000Z *\n",
		"mithaq-token/1 a yesterday *\n",
		"mithaq-token/1 a 2026-11-23T00:00:00.000Z\n",
		"mithaq-token/1 a 2026-11-23T00:00:00.000Z * more\n",
	};
	struct tokens tokens;
	char	      path[200];
	unsigned      skipped = 0;

	for (unsigned i = 0; i < COUNT_OF(contents); i++) {
		snprintf(path, sizeof path, "%s/%064u", folder, i);
		assert_int_equal(file_write(path, bytes_text(contents[i]), 0600), ERR_OK);
	}
	assert_int_equal(tokens_load(folder, &tokens, &skipped), ERR_OK);
	assert_int_equal(tokens.n, 0);
	assert_int_equal(skipped, COUNT_OF(contents));
	tokens_done(&tokens);
	for (unsigned i = 0; i < COUNT_OF(contents); i++) {
		snprintf(path, sizeof path, "%s/%064u", folder, i);
		unlink(path);
	}
	assert_int_equal(tokens_load("/nonexistent/folder", &tokens, &skipped), ERR_OK);
	assert_int_equal(tokens.n, 0);
	tokens_done(&tokens);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(forms), cmocka_unit_test(kept_found_revoked),
					   cmocka_unit_test(other_files_are_passed_over)};

	if (mkdtemp(folder) == NULL)
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(folder);
	return failed;
}
