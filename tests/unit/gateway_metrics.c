/* gateway_metrics.c: records of numbers between processes come back as they were, and whatever else is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "gateway/metrics.h"

static struct metric sample(enum metric_kind kind)
{
	struct metric m = {.kind = kind, .is = true};

	if (kind == METRIC_PARTNER || kind == METRIC_LEDGER || kind == METRIC_CLAUSE)
		strcpy(m.partner, "cbp.us.example");
	if (kind == METRIC_LEDGER || kind == METRIC_CLAUSE || kind == METRIC_PROVIDER || kind == METRIC_ALARM)
		strcpy(m.name, "customs/declaration-status");
	if (kind == METRIC_DISK || kind == METRIC_BACKUP)
		m.is = false;
	if (kind != METRIC_LEDGER && kind != METRIC_CLAUSE)
		m.n = 77;
	if (kind == METRIC_PARTNER) {
		m.skew_known = true;
		m.skew_ms = -1234;
	}
	if (kind == METRIC_CLAUSE) {
		m.state[EXCHANGE_ANSWERED] = 5;
		m.bucket[METRIC_BUCKETS] = UINT64_MAX;
		m.sum_ms = 9;
		m.used = 3;
		m.per_day = 500;
	}
	return m;
}

static void test_every_record_comes_back(void **state)
{
	(void)state;
	for (int kind = METRIC_PARTNER; kind <= METRIC_ALARM; kind++) {
		uint8_t	       memory[METRIC_WRITTEN_MOST];
		struct builder b = builder_on(memory, sizeof memory);
		struct metric  before = sample((enum metric_kind)kind), after;

		metric_write(&b, &before);
		assert_int_equal(b.err, ERR_OK);
		struct cursor c = cursor_on(builder_bytes(&b));
		assert_int_equal(metric_read(&c, &after), ERR_OK);
		assert_int_equal(cursor_end(&c), ERR_OK);
		assert_memory_equal(&before, &after, sizeof before);
	}
}

static void test_a_record_cut_short_or_of_no_kind_is_refused(void **state)
{
	(void)state;
	for (int kind = METRIC_PARTNER; kind <= METRIC_ALARM; kind++) {
		uint8_t	       memory[METRIC_WRITTEN_MOST];
		struct builder b = builder_on(memory, sizeof memory);
		struct metric  m = sample((enum metric_kind)kind), out = {.n = 1};

		metric_write(&b, &m);
		for (size_t n = 0; n < b.n; n++) {
			struct cursor c = cursor_on(bytes_of(memory, n));

			assert_int_not_equal(metric_read(&c, &out), ERR_OK);
		}
		memory[0] = METRIC_ALARM + 1;
		struct cursor c = cursor_on(builder_bytes(&b));
		assert_int_not_equal(metric_read(&c, &out), ERR_OK);
		assert_int_equal(out.n, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_record_comes_back),
		cmocka_unit_test(test_a_record_cut_short_or_of_no_kind_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
