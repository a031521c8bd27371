/* The table from 16-byte keys to numbers: whatever is put and removed, it tells the same as a plain list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "channel/table.h"
#include "wire_help.h"

#define KEYS  64
#define MOST  40
#define MOVES 20000

static const uint8_t seed[16] = {1, 2, 3};

static void key_of(unsigned i, uint8_t key[16])
{
	memset(key, 0, 16);
	key[15] = (uint8_t)i;
}

/* The list that the table is compared with. */
struct model {
	bool	 there[KEYS];
	uint32_t value[KEYS];
	unsigned n;
};

static void all_alike(const struct table *t, const struct model *m)
{
	uint8_t	 key[16];
	uint32_t value = 0;

	assert_int_equal(t->n, m->n);
	for (unsigned i = 0; i < KEYS; i++) {
		key_of(i, key);
		assert_int_equal(table_get(t, key, &value), m->there[i]);
		if (m->there[i])
			assert_int_equal(value, m->value[i]);
	}
}

static void put(struct table *t, struct model *m, unsigned i, uint32_t value)
{
	uint8_t	 key[16];
	enum err expected = m->there[i] ? ERR_DUPLICATE : m->n >= t->room / 2 ? ERR_BUSY : ERR_OK;

	key_of(i, key);
	assert_int_equal(table_put(t, key, value), expected);
	if (expected != ERR_OK)
		return;
	m->there[i] = true;
	m->value[i] = value;
	m->n++;
}

static void take_out(struct table *t, struct model *m, unsigned i)
{
	uint8_t key[16];

	key_of(i, key);
	table_remove(t, key);
	m->n -= m->there[i];
	m->there[i] = false;
}

/* A small room, so that keys stand in each other's way all the time, around its end too. */
static void it_is_like_a_list(void **state)
{
	struct dice  d = {77};
	struct table t;
	struct model m = {.n = 0};

	(void)state;
	assert_int_equal(table_init(&t, MOST, seed), ERR_OK);
	for (unsigned i = 0; i < MOVES; i++) {
		unsigned key = dice_below(&d, KEYS);

		if (dice_below(&d, 100) < 55)
			put(&t, &m, key, (uint32_t)dice_next(&d));
		else
			take_out(&t, &m, key);
		if (i % 16 == 0)
			all_alike(&t, &m);
	}
	all_alike(&t, &m);
	table_clear(&t);
	memset(&m, 0, sizeof m);
	all_alike(&t, &m);
	table_done(&t);
}

/* As many as were asked for always fit; at half of its room it is full and says so, and nothing is lost. */
static void it_has_a_limit(void **state)
{
	struct table t;
	struct model m = {.n = 0};

	(void)state;
	assert_int_equal(table_init(&t, 20, seed), ERR_OK);
	for (unsigned i = 0; i < KEYS; i++)
		put(&t, &m, i, i);
	assert_true(m.n >= 20);
	assert_int_equal(m.n, t.room / 2);
	all_alike(&t, &m);
	take_out(&t, &m, 3);
	put(&t, &m, KEYS - 1, 9);
	all_alike(&t, &m);
	table_done(&t);
}

/* The sibling: a key that differs in one bit is another key. */
static void one_bit_is_another_key(void **state)
{
	struct table t;
	uint8_t	     key[16] = {9};
	uint32_t     value;

	(void)state;
	assert_int_equal(table_init(&t, MOST, seed), ERR_OK);
	assert_int_equal(table_put(&t, key, 5), ERR_OK);
	for (unsigned bit = 0; bit < 128; bit++) {
		key[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(table_get(&t, key, &value));
		table_remove(&t, key); /* nothing */
		key[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_true(table_get(&t, key, &value));
	table_done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_like_a_list),
		cmocka_unit_test(it_has_a_limit),
		cmocka_unit_test(one_bit_is_another_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
