/* The header has one encoding: it comes out as it went in, and whatever breaks a rule of spec/entry.md is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire_help.h"

#define TIME_MS 1795420800000ull

static uint8_t wire[HEADER_MOST + 64];

static struct header query(void)
{
	struct header h = {
		.kind = KIND_QUERY, .flags = FLAG_REPEATABLE, .index = 4, .time_ms = TIME_MS, .not_after_ms = TIME_MS + 62000, .clause = 7};

	memset(h.mid, 0x11, sizeof h.mid);
	memset(h.agreement.b, 0x22, HASH_SIZE);
	memset(h.seen_epoch, 0x33, sizeof h.seen_epoch);
	h.seen_size = 3;
	h.nparts = 1;
	h.part[0] = (struct part_entry){.type = PART_CONTENT, .retention = 2};
	return h;
}

static struct header reply(void)
{
	struct header h = query();

	h.kind = KIND_REPLY;
	h.flags = FLAG_HAS_RE;
	memset(&h.re, 0x44, sizeof h.re);
	return h;
}

static struct header tally_entry(void)
{
	return (struct header){.kind = KIND_TALLY, .index = 9, .time_ms = TIME_MS};
}

static struct bytes written(const struct header *h)
{
	struct builder b = builder_on(wire, sizeof wire);

	header_write(&b, h);
	assert_int_equal(b.err, ERR_OK);
	return builder_bytes(&b);
}

static enum err read_back(const struct header *h)
{
	struct header out;

	return header_read(written(h), &out);
}

static bool read_again(struct bytes v, struct builder *again)
{
	struct header h;

	if (header_read(v, &h) != ERR_OK)
		return false;
	header_write(again, &h);
	return true;
}

static void the_fields_stand_where_they_are_drawn(void **state)
{
	(void)state;
	struct header h = reply();
	struct bytes  v = written(&h);

	assert_int_equal(v.n, 111 + 56 + 1 + 36 + 2);
	assert_int_equal(v.at[0], KIND_REPLY);
	assert_int_equal(v.at[2], FLAG_HAS_RE);
	assert_int_equal(v.at[10], 4);
	assert_memory_equal(v.at + 27, h.mid, MID_SIZE);
	assert_memory_equal(v.at + 43, h.agreement.b, HASH_SIZE);
	assert_int_equal(v.at[76], 7);
	assert_memory_equal(v.at + 85, h.seen_epoch, 16);
	assert_int_equal(v.at[108], 3);
	assert_int_equal(v.at[111], 0x44);
	assert_int_equal(v.at[167], 1);
	assert_int_equal(v.at[168], PART_CONTENT);
}

static void random_headers_come_back(void **state)
{
	(void)state;
	struct dice d = {20261123};
	uint8_t	    pool[64] = {7};

	for (int i = 0; i < 3000; i++) {
		struct header h = dice_header(&d, pool), back;
		struct bytes  v = written(&h);
		bool	      same = false;

		assert_int_equal(header_read(v, &back), ERR_OK);
		assert_true(takes(read_again, v, &same) && same);
		assert_int_equal(back.kind, h.kind);
		assert_int_equal(back.nattrs, h.nattrs);
	}
}

static void no_beginning_and_no_flipped_bit_deceives(void **state)
{
	(void)state;
	struct dice d = {42};
	uint8_t	    pool[64] = {7};

	for (int i = 0; i < 12; i++) {
		struct header h = dice_header(&d, pool);
		uint8_t	     *at = exact_copy(written(&h));
		size_t	      n = written(&h).n;

		assert_true(reader_is_strict(read_again, bytes_of(at, n)));
		free(at);
	}
}

static void a_byte_after_the_end_is_refused(void **state)
{
	(void)state;
	struct header h = query(), out;
	size_t	      n = written(&h).n;

	wire[n] = 0;
	assert_int_equal(header_read(bytes_of(wire, n), &out), ERR_OK);
	assert_int_equal(header_read(bytes_of(wire, n + 1), &out), ERR_TRAILING);
}

static void what_fails_leaves_its_output_alone(void **state)
{
	(void)state;
	struct header h = query(), out, before;

	memset(&out, 0x5a, sizeof out);
	memcpy(&before, &out, sizeof out);
	h.status = STATUS_REFUSED;
	assert_int_not_equal(header_read(written(&h), &out), ERR_OK);
	assert_memory_equal(&out, &before, sizeof out);
}

#define REFUSES(base, change)                                                                                                                        \
	do {                                                                                                                                         \
		struct header h = base;                                                                                                              \
		assert_int_equal(read_back(&h), ERR_OK);                                                                                             \
		change;                                                                                                                              \
		assert_int_not_equal(read_back(&h), ERR_OK);                                                                                         \
	} while (0)

static void messages_keep_their_rules(void **state)
{
	(void)state;
	REFUSES(query(), h.flags |= 8);
	REFUSES(query(), h.flags |= 0x8000);
	REFUSES(query(), h.flags |= FLAG_HAS_RE);
	REFUSES(query(), h.status = STATUS_NO_HIT);
	REFUSES(query(), memset(h.mid, 0, sizeof h.mid));
	REFUSES(query(), h.not_after_ms = h.time_ms);
	REFUSES(query(), h.not_after_ms = h.time_ms - 1);
	REFUSES(query(), h.not_after_ms = 0);
	REFUSES(query(), h.not_after_ms = h.time_ms + LIFE_MOST_MS + 1);
	REFUSES(query(), h.time_ms = UINT64_MAX);
	REFUSES(query(), memset(h.seen_epoch, 0, sizeof h.seen_epoch));
	REFUSES(query(), memset(&h.agreement, 0, HASH_SIZE));
	REFUSES(reply(), h.flags = 0);
	REFUSES(query(), h.part[0].retention = 16);
	REFUSES(query(), h.part[0].placement = 3);
}

static void control_entries_keep_theirs(void **state)
{
	(void)state;
	REFUSES(tally_entry(), h.not_after_ms = h.time_ms + 1);
	REFUSES(tally_entry(), h.mid[15] = 1);
	REFUSES(tally_entry(), h.clause = 1);
	REFUSES(tally_entry(), h.aseq = 1);
	REFUSES(tally_entry(), h.status = 1);
	REFUSES(tally_entry(), h.agreement.b[0] = 1);
	REFUSES(tally_entry(), h.flags = FLAG_HAS_RE);
	for (uint8_t kind = KIND_AGREE; kind <= KIND_TERMINATE; kind++) {
		struct header h = tally_entry();

		h.kind = kind;
		h.agreement.b[0] = 1;
		assert_int_equal(read_back(&h), ERR_OK);
	}
}

static void the_unknown_parses_and_is_left_to_policy(void **state)
{
	(void)state;
	struct header h = query();

	h.kind = 77;
	h.part[0].type = 200;
	h.nattrs = 1;
	h.attr[0] = (struct attr){0x0777, bytes_text("new")};
	assert_int_equal(read_back(&h), ERR_OK);
	h = reply();
	h.status = 999;
	assert_int_equal(read_back(&h), ERR_OK);
	assert_string_equal(kind_name(77), "unknown");
	assert_string_equal(status_name(999), "unknown");
	assert_string_equal(kind_name(KIND_QUERY), "QUERY");
	assert_string_equal(status_name(STATUS_NO_HIT), "no-hit");
}

static void the_longest_life_is_thirty_days(void **state)
{
	(void)state;
	struct header h = query();

	h.not_after_ms = h.time_ms + LIFE_MOST_MS;
	assert_int_equal(read_back(&h), ERR_OK);
}

static enum err write_error(const struct header *h)
{
	struct builder b = builder_on(wire, sizeof wire);

	header_write(&b, h);
	return b.err;
}

static void what_cannot_be_read_is_not_written(void **state)
{
	(void)state;
	static const uint8_t large[HEADER_MOST];
	struct header	     h = query();

	h.nattrs = 2;
	h.attr[0] = (struct attr){5, BYTES_NONE};
	h.attr[1] = (struct attr){5, BYTES_NONE};
	assert_int_equal(write_error(&h), ERR_NOT_CANONICAL);
	h.attr[1].type = 6;
	assert_int_equal(write_error(&h), ERR_OK);
	h.attr[1].value = bytes_of(large, HEADER_MOST - 157);
	assert_int_equal(write_error(&h), ERR_TOO_LONG);
	h.nattrs = HEADER_ATTRS_MOST + 1;
	assert_int_equal(write_error(&h), ERR_TOO_LONG);
	h.nattrs = 0;
	h.nparts = HEADER_PARTS_MOST + 1;
	assert_int_equal(write_error(&h), ERR_TOO_LONG);
}

static void nine_attributes_are_too_many_to_read(void **state)
{
	(void)state;
	struct header  h = query(), out;
	struct bytes   v = written(&h);
	struct builder b = builder_on(wire, sizeof wire);

	b.n = v.n - 2;
	build_u16(&b, 9 * 4);
	for (uint16_t i = 1; i <= 9; i++) {
		build_u16(&b, i);
		build_u16(&b, 0);
	}
	assert_int_equal(header_read(builder_bytes(&b), &out), ERR_TOO_LONG);
}

static void attributes_are_found_by_type(void **state)
{
	(void)state;
	struct header h = query();

	h.nattrs = 2;
	h.attr[0] = (struct attr){ATTR_REFERENCE, bytes_text("SAMPLE")};
	h.attr[1] = (struct attr){0x8001, BYTES_NONE};
	assert_ptr_equal(header_attr(&h, 0x8001), &h.attr[1]);
	assert_null(header_attr(&h, ATTR_KEYS));
}

/* ---- the two attributes with an inner form ---- */

static bool previous_again(struct bytes v, struct builder *again)
{
	struct previous p;

	if (previous_read(v, &p) != ERR_OK)
		return false;
	previous_write(again, &p);
	return true;
}

static void previous_comes_back(void **state)
{
	(void)state;
	uint8_t		memory[PREVIOUS_SIZE];
	struct previous p = {.size = 12, .cause = CAUSE_RESTART}, out;
	struct builder	b = builder_on(memory, sizeof memory);

	memset(p.epoch, 9, sizeof p.epoch);
	previous_write(&b, &p);
	assert_int_equal(b.n, PREVIOUS_SIZE);
	assert_true(reader_is_strict(previous_again, builder_bytes(&b)));
	memory[PREVIOUS_SIZE - 1] = CAUSE_FIRST;
	assert_int_equal(previous_read(bytes_of(memory, sizeof memory), &out), ERR_MALFORMED);
	memset(memory, 0, sizeof memory);
	assert_int_equal(previous_read(bytes_of(memory, sizeof memory), &out), ERR_OK);
	memory[23] = 1;
	assert_int_equal(previous_read(bytes_of(memory, sizeof memory), &out), ERR_NOT_CANONICAL);
}

static bool tally_again(struct bytes v, struct builder *again)
{
	struct tally t;

	if (tally_read(v, &t) != ERR_OK)
		return false;
	tally_write(again, &t);
	return true;
}

static void tally_comes_back(void **state)
{
	(void)state;
	struct tally   t = {.n = 2, .row = {{.count = 3, .last = 9}, {.count = 1, .last = 4}}};
	struct builder b = builder_on(wire, sizeof wire);
	bool	       same = false;

	memset(t.row[1].agreement.b, 1, HASH_SIZE);
	tally_write(&b, &t);
	assert_int_equal(b.n, 16 + 2 * 48);
	assert_true(takes(tally_again, builder_bytes(&b), &same) && same);
	/* A tally without its last row is a tally as well; any other beginning is none. */
	for (size_t n = 0; n < b.n; n++)
		assert_int_equal(takes(tally_again, bytes_of(wire, n), &same), n == 16 || n == 64);
	wire[16 + 39] = 0; /* count */
	assert_false(takes(tally_again, builder_bytes(&b), &same));
}

static void tally_rows_ascend_and_have_a_limit(void **state)
{
	(void)state;
	struct tally   t = {.n = TALLY_ROWS_MOST};
	struct builder b = builder_on(wire, sizeof wire);
	bool	       same = false;

	for (unsigned i = 0; i < t.n; i++)
		t.row[i] = (struct tally_row){{{(uint8_t)i}}, 1, 1};
	tally_write(&b, &t);
	assert_true(takes(tally_again, builder_bytes(&b), &same));
	wire[16] = 1; /* the first row's agreement equals the second's */
	assert_false(takes(tally_again, builder_bytes(&b), &same));
	wire[16] = 0;
	build_copy(&b, (uint8_t[HASH_SIZE]){0xff}, HASH_SIZE);
	build_u64(&b, 1);
	build_u64(&b, 1);
	assert_false(takes(tally_again, builder_bytes(&b), &same));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_fields_stand_where_they_are_drawn),
		cmocka_unit_test(random_headers_come_back),
		cmocka_unit_test(no_beginning_and_no_flipped_bit_deceives),
		cmocka_unit_test(a_byte_after_the_end_is_refused),
		cmocka_unit_test(what_fails_leaves_its_output_alone),
		cmocka_unit_test(messages_keep_their_rules),
		cmocka_unit_test(control_entries_keep_theirs),
		cmocka_unit_test(the_unknown_parses_and_is_left_to_policy),
		cmocka_unit_test(the_longest_life_is_thirty_days),
		cmocka_unit_test(what_cannot_be_read_is_not_written),
		cmocka_unit_test(nine_attributes_are_too_many_to_read),
		cmocka_unit_test(attributes_are_found_by_type),
		cmocka_unit_test(previous_comes_back),
		cmocka_unit_test(tally_comes_back),
		cmocka_unit_test(tally_rows_ascend_and_have_a_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
