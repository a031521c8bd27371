/* agreement_words.c: the two lists, the six words of a card, and what counts as having read them right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agreement/words.h"
#include "agreement_help.h"
#include "base/attrs.h"

static struct card sample(const char *party)
{
	struct card	c = {.serial = 1};
	struct sign_key a = sample_root(party, 'a'), b = sample_root(party, 'b');

	c.root[0] = a.pub;
	c.root[1] = b.pub;
	return c;
}

/* ---- the lists ---- */

static bool vowel(char c)
{
	return strchr("aeiouy", c) != NULL;
}

/* Lower case, four to eight letters, a vowel among them and never more than four consonants in a row. */
static void pronounceable(const char *word)
{
	size_t n = strlen(word), row = 0, vowels = 0;

	assert_true(n >= 4 && n <= 8);
	for (size_t i = 0; i < n; i++) {
		assert_true(word[i] >= 'a' && word[i] <= 'z');
		row = vowel(word[i]) ? 0 : row + 1;
		vowels += vowel(word[i]);
		if (row > 4)
			fail_msg("%s", word);
	}
	assert_true(vowels > 0);
}

static void english_words_differ_in_four_letters(void **state)
{
	(void)state;
	for (unsigned i = 0; i < WORDS_LISTED; i++) {
		pronounceable(words_english[i]);
		if (i > 0 && strncmp(words_english[i - 1], words_english[i], 4) >= 0)
			fail_msg("%s %s", words_english[i - 1], words_english[i]);
	}
}

/* Letters of the Arabic alphabet alone, three to eight of them. */
static void arabic_letters(const char *word)
{
	size_t n = strlen(word);

	assert_true(n % 2 == 0 && n >= 6 && n <= 16);
	for (size_t i = 0; i < n; i += 2) {
		uint8_t high = (uint8_t)word[i], low = (uint8_t)word[i + 1];
		bool	letter = (high == 0xd8 && low >= 0xa1 && low <= 0xba) || (high == 0xd9 && low >= 0x81 && low <= 0x8a);

		if (!letter)
			fail_msg("%s", word);
	}
}

static void arabic_words_are_distinct(void **state)
{
	(void)state;
	for (unsigned i = 0; i < WORDS_LISTED; i++) {
		arabic_letters(words_arabic[i]);
		assert_int_equal(text_check(bytes_text(words_arabic[i]), 0), ERR_OK);
		assert_true(strlen(words_arabic[i]) < WORDS_WORD_MOST && strlen(words_english[i]) < WORDS_WORD_MOST);
		if (i > 0 && strcmp(words_arabic[i - 1], words_arabic[i]) >= 0)
			fail_msg("%s %s", words_arabic[i - 1], words_arabic[i]);
	}
}

/* Their order is part of the specification: whoever changes a word changes what every partner reads aloud. */
static void the_lists_are_the_specified_ones(void **state)
{
	static const char *const expected[2] = {"c6e6993320b4d3f02438653b23463e2c81e277db731bc8b3de1bb8b7d2667ec2",
						"0e54d52d759b76ad4ee8485b473f610bbb3628d17b47ede132a4aab943f0123e"};
	const char *const	*list[2] = {words_english, words_arabic};

	(void)state;
	for (unsigned k = 0; k < 2; k++) {
		struct buffer all = {.most = 64u * 1024};
		char	      hex[2 * HASH_SIZE + 1];

		for (unsigned i = 0; i < WORDS_LISTED; i++)
			assert_int_equal(buffer_format(&all, "%s\n", list[k][i]), ERR_OK);
		struct hash h = hash_bytes(buffer_bytes(&all));
		hex_write(h.b, HASH_SIZE, hex);
		assert_string_equal(hex, expected[k]);
		buffer_done(&all);
	}
}

/* ---- the words of a card ---- */

static void the_words_are_those_of_the_roots(void **state)
{
	struct card card = sample(KUWAIT), other = sample(AMERICA);
	char	    en[WORDS_TEXT_MOST], ar[WORDS_TEXT_MOST], again[WORDS_TEXT_MOST];

	(void)state;
	words_line(&card, LANG_EN, en);
	words_line(&card, LANG_AR, ar);
	assert_string_equal(en, "melody data reptile cheese smell group");
	assert_string_equal(ar, "عقدة حناء لغز جلود مسبار سلطة");
	card.serial = 7;
	card.nlog = 1;
	words_line(&card, LANG_EN, again);
	assert_string_equal(again, en);
	words_line(&other, LANG_EN, again);
	assert_string_not_equal(again, en);
	card.root[1] = other.root[1];
	words_line(&card, LANG_EN, again);
	assert_string_not_equal(again, en);
}

static void both_lists_show_the_same_numbers(void **state)
{
	struct card card = sample(KUWAIT);
	const char *en[WORDS_SPOKEN], *ar[WORDS_SPOKEN];

	(void)state;
	words_of_card(&card, LANG_EN, en);
	words_of_card(&card, LANG_AR, ar);
	for (unsigned i = 0; i < WORDS_SPOKEN; i++) {
		unsigned k = 0;

		while (strcmp(words_english[k], en[i]) != 0)
			k++;
		assert_ptr_equal(words_arabic[k], ar[i]);
	}
}

/* ---- what a person says ---- */

static void what_was_heard_is_compared(void **state)
{
	struct card card = sample(KUWAIT);
	char	    said[WORDS_TEXT_MOST + 32], line[WORDS_TEXT_MOST];
	unsigned    place = 99;
	enum lang   lang = LANG_EN;

	(void)state;
	words_line(&card, LANG_EN, line);
	assert_int_equal(words_compare(&card, bytes_text(line), &place, &lang), ERR_OK);
	line[0] = (char)(line[0] - 'a' + 'A');
	(void)snprintf(said, sizeof said, " %s, ", line);
	assert_int_equal(words_compare(&card, bytes_text(said), &place, &lang), ERR_OK);
	words_line(&card, LANG_AR, line);
	assert_int_equal(words_compare(&card, bytes_text(line), &place, &lang), ERR_OK);
	assert_int_equal(place, 99);

	(void)snprintf(said, sizeof said, "%s more", line);
	assert_int_equal(words_compare(&card, bytes_text(said), &place, &lang), ERR_TRAILING);
	assert_int_equal(words_compare(&card, bytes_text("cobalt walnut"), &place, &lang), ERR_MISSING);
	assert_int_equal(words_compare(&card, BYTES_NONE, &place, &lang), ERR_MISSING);
	assert_int_equal(place, 99);
}

/* One wrong word, each in its turn, in either language. */
static void a_wrong_word_is_named(void **state)
{
	struct card card = sample(KUWAIT), other = sample(AMERICA);

	(void)state;
	for (unsigned wrong = 0; wrong < WORDS_SPOKEN; wrong++) {
		for (int l = 0; l < 2; l++) {
			const char    *ours[WORDS_SPOKEN], *theirs[WORDS_SPOKEN];
			char	       memory[WORDS_TEXT_MOST + 1];
			struct builder said = builder_on(memory, sizeof memory);
			unsigned       place = 99;
			enum lang      lang = LANG_EN;

			words_of_card(&card, l == 0 ? LANG_EN : LANG_AR, ours);
			words_of_card(&other, l == 0 ? LANG_EN : LANG_AR, theirs);
			for (unsigned i = 0; i < WORDS_SPOKEN; i++) {
				build_text(&said, i == wrong ? theirs[i] : ours[i]);
				build_text(&said, " ");
			}
			assert_int_equal(words_compare(&card, builder_bytes(&said), &place, &lang), ERR_VALUE);
			assert_int_equal(place, wrong);
			assert_int_equal(lang, l == 0 ? LANG_EN : LANG_AR);
		}
	}
}

/* A word of the Arabic list as a person may type it: with vowel marks, without hamza, with ha for ta marbuta. */
static void the_writing_of_hamza_does_not_matter(void **state)
{
	struct card card = sample("spelling-8.example");
	unsigned    place;
	enum lang   lang;

	(void)state;
	assert_int_equal(words_compare(&card, bytes_text("حَكم راي لايحه حافه قوقعه مطبخ"), &place, &lang), ERR_OK);
}

static int start(void **state)
{
	(void)state;
	return crypto_start() == ERR_OK ? 0 : 1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(english_words_differ_in_four_letters),
		cmocka_unit_test(arabic_words_are_distinct),
		cmocka_unit_test(the_lists_are_the_specified_ones),
		cmocka_unit_test(the_words_are_those_of_the_roots),
		cmocka_unit_test(both_lists_show_the_same_numbers),
		cmocka_unit_test(what_was_heard_is_compared),
		cmocka_unit_test(a_wrong_word_is_named),
		cmocka_unit_test(the_writing_of_hamza_does_not_matter),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
