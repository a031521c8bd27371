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

/* One that ends and one that does not, as they come back from their files. */
static void a_token_ends_when_its_file_says(void **state)
{
	(void)state;
	static const char *const texts[2] = {"mq_test_00000000000000000000000000000001", "mq_test_00000000000000000000000000000002"};
	struct tokens		 tokens;
	unsigned		 skipped = 9;

	for (int i = 0; i < 2; i++) {
		struct token t = token_of(texts[i], "portal", "*");

		t.expires_ms = i == 0 ? t.created_ms + 5000 : 0;
		assert_int_equal(token_store(folder, &t), ERR_OK);
	}
	assert_int_equal(tokens_load(folder, &tokens, &skipped), ERR_OK);
	assert_int_equal(tokens.n, 2);
	assert_int_equal(skipped, 0);
	const struct token *ends = tokens_find(&tokens, bytes_text(texts[0])), *stays = tokens_find(&tokens, bytes_text(texts[1]));
	assert_non_null(ends);
	assert_non_null(stays);
	assert_false(token_expired(ends, ends->created_ms + 4999));
	assert_true(token_expired(ends, ends->created_ms + 5000));
	assert_false(token_expired(stays, UINT64_MAX));
	for (int i = 0; i < 2; i++) {
		struct hash hash = hash_bytes(bytes_text(texts[i]));
		assert_int_equal(token_remove(folder, &hash), ERR_OK);
	}
	tokens_done(&tokens);
}

static void a_token_says_where_it_works(void **state)
{
	(void)state;
	static const uint8_t random[TOKEN_RANDOM] = {1};
	char		     text[TOKEN_TEXT + 1];

	for (int live = 0; live < 2; live++) {
		token_text(live == 1, random, text);
		assert_true(token_of_environment(bytes_text(text), live == 1));
		assert_false(token_of_environment(bytes_text(text), live == 0));
		text[TOKEN_TEXT - 1] = '\0';
		assert_false(token_of_environment(bytes_text(text), live == 1));
	}
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
		"mithaq-token/1 a 2026-11-23T00:00:00.000Z * 2026-11-24T00:00:00.000Z more\n",
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

/* Whoever may ask may not answer; whoever answers sees what it answers. */
static void asking_never_includes_answering(void **state unused_arg)
{
	static const struct {
		const char *clauses, *clause;
		bool	    permits, answers;
	} rows[] = {
		{"*", "customs/a", true, false},
		{"customs/a", "customs/a", true, false},
		{"answer:customs/a", "customs/a", true, true},
		{"answer:customs/a", "customs/b", false, false},
		{"answer:*", "customs/a", true, true},
		{"*,answer:customs/a", "customs/b", true, false},
		{"customs/b,answer:customs/a", "customs/a", true, true},
		{"customs/b,answer:customs/a", "answer:customs/a", false, false},
		{"answer:customs/ab", "customs/a", false, false},
		{"answer:customs/a", "", false, false},
	};
	static const char *const bad[] = {"",	      "answer:",	   "answer",   "a",	"a/b,", ",a/b",
					  "a/b,,a/c", "answer:answer:a/b", "answer:a", "a/b c", "A/b",	"**"};
	struct token		 token = {.account = "x"};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		snprintf(token.clauses, sizeof token.clauses, "%s", rows[i].clauses);
		assert_int_equal(scope_check(rows[i].clauses), ERR_OK);
		assert_int_equal(token_permits(&token, bytes_text(rows[i].clause)), rows[i].permits);
		assert_int_equal(scope_answers(rows[i].clauses, bytes_text(rows[i].clause)), rows[i].answers);
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_equal(scope_check(bad[i]), ERR_VALUE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(asking_never_includes_answering),
					   cmocka_unit_test(forms),
					   cmocka_unit_test(kept_found_revoked),
					   cmocka_unit_test(a_token_ends_when_its_file_says),
					   cmocka_unit_test(a_token_says_where_it_works),
					   cmocka_unit_test(other_files_are_passed_over)};

	if (mkdtemp(folder) == NULL)
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(folder);
	return failed;
}
