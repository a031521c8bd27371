/* Numbers that tell the time and only grow, ids that people carry, names of types. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "channel/news.h"

#define NOW_MS 1795420800000ull

static void a_number_tells_its_time(void **state unused_arg)
{
	uint64_t n = news_number(0, NOW_MS);

	assert_int_equal(news_time_ms(n), NOW_MS);
	assert_int_equal(n, news_number_from(NOW_MS));
}

static void numbers_only_grow(void **state unused_arg)
{
	uint64_t first = news_number(0, NOW_MS), second = news_number(first, NOW_MS);

	assert_int_equal(second, first + 1);
	/* A clock that was set back gives no number twice; one that goes on is followed. */
	assert_int_equal(news_number(second, NOW_MS - 86400000), second + 1);
	assert_true(news_number(second, NOW_MS + 1) > second + 1);
	/* A clock gone mad still gives a number that a ledger's column holds. */
	assert_true(news_number(0, UINT64_MAX) <= INT64_MAX);
}

static void an_id_comes_back(void **state unused_arg)
{
	static const uint64_t numbers[] = {0, 1, 31, 32, (uint64_t)NOW_MS << 10, INT64_MAX};
	char		      id[NEWS_ID_TEXT + 1];
	uint64_t	      back = 7;

	for (size_t i = 0; i < COUNT_OF(numbers); i++) {
		news_id_write(numbers[i], id);
		assert_int_equal(strlen(id), NEWS_ID_TEXT);
		assert_int_equal(news_id_read(bytes_text(id), &back), ERR_OK);
		assert_int_equal(back, numbers[i]);
	}
	news_id_write(1, id);
	assert_string_equal(id, "e_0000000000001");
}

static void later_ids_sort_later(void **state unused_arg)
{
	char a[NEWS_ID_TEXT + 1], b[NEWS_ID_TEXT + 1];

	news_id_write(news_number(0, NOW_MS), a);
	news_id_write(news_number(0, NOW_MS + 1), b);
	assert_true(strcmp(a, b) < 0);
}

static void what_is_no_id_is_refused(void **state unused_arg)
{
	static const char *const bad[] = {
		"", "e_", "e_1", "q_0000000000001", "e_00000000000001", "e_000000000000U", "e_ZZZZZZZZZZZZZ", "e_8000000000000"};
	uint64_t number = 7;

	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_equal(news_id_read(bytes_text(bad[i]), &number), ERR_MALFORMED);
	assert_int_equal(number, 7);
}

static void every_type_has_a_name_of_its_own(void **state unused_arg)
{
	for (unsigned t = 0; t < NEWS_TYPES; t++) {
		enum news_type back;

		assert_int_equal(news_type_read(bytes_text(news_type_name((enum news_type)t)), &back), ERR_OK);
		assert_int_equal(back, t);
	}
	assert_string_equal(news_type_name(NEWS_TYPES), "unknown");
}

static void a_list_of_types_is_read_strictly(void **state unused_arg)
{
	static const char *const bad[] = {"", ",", "query.answered,", "query", "query.answered,query.answered", "query.answered, partner.up"};
	uint32_t		 set = 5;

	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_equal(news_types_read(bytes_text(bad[i]), &set), ERR_VALUE);
	assert_int_equal(set, 5);
	assert_int_equal(news_types_read(bytes_text("partner.up,query.failed"), &set), ERR_OK);
	assert_int_equal(set, news_bit(NEWS_PARTNER_UP) | news_bit(NEWS_QUERY_FAILED) | news_bit(NEWS_LOST));
}

static void each_end_is_told_by_its_name(void **state unused_arg)
{
	struct exchange x = {.state = EXCHANGE_ANSWERED};

	assert_int_equal(news_of_end(&x), NEWS_QUERY_ANSWERED);
	x.state = EXCHANGE_REFUSED;
	assert_int_equal(news_of_end(&x), NEWS_QUERY_REFUSED);
	x.state = EXCHANGE_EXPIRED;
	assert_int_equal(news_of_end(&x), NEWS_QUERY_EXPIRED);
	x.state = EXCHANGE_FAILED;
	x.reason = bytes_text("provider-failed");
	assert_int_equal(news_of_end(&x), NEWS_QUERY_FAILED);
	x.reason = bytes_text("cancelled");
	assert_int_equal(news_of_end(&x), NEWS_QUERY_CANCELLED);
}

static struct bytes written(uint8_t *memory, size_t room, const struct news *n)
{
	struct builder b = builder_on(memory, room);

	news_write(&b, n);
	assert_int_equal(b.err, ERR_OK);
	return builder_bytes(&b);
}

static void news_come_back_as_they_were(void **state unused_arg)
{
	static const struct news samples[] = {
		{.number = 77, .type = NEWS_QUERY_ANSWERED, .of_exchange = true, .ours = true, .mid = {1, 2}, .clause = 7},
		{.number = 78, .type = NEWS_PARTNER_UP, .subject = "cbp.us.example"},
		{.number = 79, .type = NEWS_LOST},
	};
	uint8_t	    memory[NEWS_WRITTEN_MOST], again[NEWS_WRITTEN_MOST];
	struct news back;

	for (size_t i = 0; i < COUNT_OF(samples); i++) {
		struct bytes  wire = written(memory, sizeof memory, &samples[i]);
		struct cursor c = cursor_on(wire);

		assert_int_equal(news_read(&c, &back), ERR_OK);
		assert_int_equal(cursor_end(&c), ERR_OK);
		assert_true(bytes_equal(wire, written(again, sizeof again, &back)));
		for (size_t n = 0; n < wire.n; n++) {
			c = cursor_on(bytes_of(wire.at, n));
			assert_int_not_equal(news_read(&c, &back), ERR_OK);
		}
	}
}

static void news_of_a_type_that_is_none_are_refused(void **state unused_arg)
{
	struct news n = {.number = 1, .type = NEWS_PARTNER_UP, .subject = "cbp.us.example"}, back = {.number = 9};
	uint8_t	    memory[NEWS_WRITTEN_MOST];

	(void)written(memory, sizeof memory, &n);
	memory[8] = NEWS_TYPES;
	struct cursor c = cursor_on(bytes_of(memory, sizeof memory));
	assert_int_equal(news_read(&c, &back), ERR_MALFORMED);
	assert_int_equal(back.number, 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_tells_its_time),
		cmocka_unit_test(numbers_only_grow),
		cmocka_unit_test(an_id_comes_back),
		cmocka_unit_test(later_ids_sort_later),
		cmocka_unit_test(what_is_no_id_is_refused),
		cmocka_unit_test(every_type_has_a_name_of_its_own),
		cmocka_unit_test(a_list_of_types_is_read_strictly),
		cmocka_unit_test(each_end_is_told_by_its_name),
		cmocka_unit_test(news_come_back_as_they_were),
		cmocka_unit_test(news_of_a_type_that_is_none_are_refused),
	};
	return cmocka_run_group_tests_name("channel/news", tests, NULL, NULL);
}
