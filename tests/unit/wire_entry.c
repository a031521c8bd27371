/* Frames of a link, and the ENTRY frame: what hides whether there was a hit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/entry.h"
#include "wire/fields.h"
#include "wire_help.h"

#define TIME_MS 1795420800000ull
#define ROOM	(64u * 1024)

static uint8_t wire[ROOM], header_wire[HEADER_MOST], body[ROOM];

/* A REPLY with one inline part of n bytes; its header stands in header_wire. */
static struct entry reply(uint8_t kind, uint16_t status, size_t n)
{
	struct entry   e = {.header = {.kind = kind, .index = 5, .time_ms = TIME_MS, .not_after_ms = TIME_MS + 1, .status = status}};
	struct builder b = builder_on(header_wire, sizeof header_wire);

	if (kind == KIND_REPLY)
		e.header.flags = FLAG_HAS_RE;
	memset(e.header.mid, 1, MID_SIZE);
	memset(e.header.agreement.b, 4, HASH_SIZE);
	memset(e.salt.b, 2, SALT_SIZE);
	e.header.nparts = 2;
	e.header.part[0] = (struct part_entry){.type = PART_ACTOR, .placement = PLACED_WITHHELD};
	e.header.part[1] = (struct part_entry){.type = PART_CONTENT, .placement = PLACED_INLINE};
	memset(e.part[1].salt.b, 3, SALT_SIZE);
	e.part[1].body = bytes_of(body, n);
	header_write(&b, &e.header);
	e.header_wire = builder_bytes(&b);
	return e;
}

static enum err written(const struct entry *e, struct bytes *frame)
{
	struct builder b = builder_on(wire, sizeof wire);

	entry_frame_write(&b, 7, e);
	*frame = builder_bytes(&b);
	return b.err;
}

static size_t frame_size(uint8_t kind, uint16_t status, size_t n)
{
	struct entry e = reply(kind, status, n);
	struct bytes frame;

	assert_int_equal(written(&e, &frame), ERR_OK);
	return frame.n;
}

static struct bytes payload_of(struct bytes frame)
{
	struct frame f;
	size_t	     used = 0;

	assert_int_equal(frame_next(frame, &f, &used), ERR_OK);
	assert_int_equal(used, frame.n);
	assert_int_equal(f.type, FRAME_ENTRY);
	return f.payload;
}

static bool read_again(struct bytes v, struct builder *again)
{
	struct entry   e;
	uint16_t       log;
	struct builder frame = builder_on(body + 32768, ROOM - 32768);

	if (entry_frame_read(v, &log, &e) != ERR_OK)
		return false;
	entry_frame_write(&frame, log, &e);
	build_copy(again, frame.at + FRAME_HEAD, frame.n - FRAME_HEAD);
	return frame.err == ERR_OK;
}

static void an_entry_comes_back(void **state)
{
	(void)state;
	struct entry e = reply(KIND_REPLY, STATUS_OK, 20), back;
	struct bytes frame;
	uint16_t     log = 0;

	assert_int_equal(written(&e, &frame), ERR_OK);
	assert_int_equal(entry_frame_read(payload_of(frame), &log, &back), ERR_OK);
	assert_int_equal(log, 7);
	assert_true(bytes_equal(back.header_wire, e.header_wire));
	assert_true(bytes_equal(back.part[1].body, e.part[1].body));
	assert_memory_equal(&back.part[1].salt, &e.part[1].salt, SALT_SIZE);
	assert_int_equal(back.part[0].body.n, 0);
}

static void a_hit_and_a_miss_weigh_the_same(void **state)
{
	(void)state;
	assert_int_equal(frame_size(KIND_REPLY, STATUS_OK, 61), FRAME_HEAD + 1024);
	assert_int_equal(frame_size(KIND_REPLY, STATUS_NO_HIT, 3), FRAME_HEAD + 1024);
	assert_int_equal(frame_size(KIND_REPLY, STATUS_REFUSED, 500), FRAME_HEAD + 1024);
	assert_int_equal(frame_size(KIND_QUERY, 0, 9), FRAME_HEAD + 1024);
	assert_int_equal(frame_size(KIND_MATCH, 0, 5000), FRAME_HEAD + 16384);
	assert_int_equal(frame_size(KIND_REPLY, STATUS_OK, 2000), FRAME_HEAD + 4096);
	assert_int_equal(frame_size(KIND_REPLY, STATUS_OK, INLINE_MOST), FRAME_HEAD + 32768);
}

static void the_padding_begins_exactly_where_a_size_is_full(void **state)
{
	(void)state;
	/* log 2, salt 32, length 2, header 111+56+1+72+2, part salt 32, length 2 */
	const size_t around = 2 + 32 + 2 + 242 + 32 + 2;

	assert_int_equal(frame_size(KIND_REPLY, STATUS_OK, 1024 - around), FRAME_HEAD + 1024);
	assert_int_equal(frame_size(KIND_REPLY, STATUS_OK, 1024 - around + 1), FRAME_HEAD + 4096);
}

static void other_kinds_are_not_padded(void **state)
{
	(void)state;
	assert_int_equal(frame_size(KIND_SEND, 0, 10), FRAME_HEAD + 2 + 32 + 2 + 186 + 32 + 2 + 10);
}

static void wrong_padding_is_refused(void **state)
{
	(void)state;
	struct entry e = reply(KIND_REPLY, STATUS_OK, 20), back;
	struct bytes frame;
	uint16_t     log;

	assert_int_equal(written(&e, &frame), ERR_OK);
	struct bytes payload = payload_of(frame);
	assert_int_not_equal(entry_frame_read(bytes_of(payload.at, 1023), &log, &back), ERR_OK);
	assert_int_not_equal(entry_frame_read(bytes_of(payload.at, 1025), &log, &back), ERR_OK);
	assert_int_not_equal(entry_frame_read(bytes_of(payload.at, 4096), &log, &back), ERR_OK);
	wire[FRAME_HEAD + 1023] = 1;
	assert_int_equal(entry_frame_read(payload, &log, &back), ERR_NOT_CANONICAL);

	e = reply(KIND_SEND, 0, 10);
	assert_int_equal(written(&e, &frame), ERR_OK);
	wire[frame.n] = 0;
	assert_int_equal(entry_frame_read(bytes_of(wire + FRAME_HEAD, frame.n - FRAME_HEAD + 1), &log, &back), ERR_TRAILING);
}

static void no_beginning_and_no_flipped_bit_deceives(void **state)
{
	(void)state;
	struct entry e = reply(KIND_REPLY, STATUS_OK, 20);
	struct bytes frame;

	assert_int_equal(written(&e, &frame), ERR_OK);
	uint8_t *copy = exact_copy(payload_of(frame));
	assert_true(reader_is_strict(read_again, bytes_of(copy, 1024)));
	free(copy);
	e = reply(KIND_SEND, 0, 10);
	assert_int_equal(written(&e, &frame), ERR_OK);
	copy = exact_copy(payload_of(frame));
	assert_true(reader_is_strict(read_again, bytes_of(copy, frame.n - FRAME_HEAD)));
	free(copy);
}

static void inline_parts_have_a_limit(void **state)
{
	(void)state;
	struct entry e = reply(KIND_SEND, 0, INLINE_MOST + 1), back;
	struct bytes frame;
	uint16_t     log;

	assert_int_equal(written(&e, &frame), ERR_TOO_LONG);
	e = reply(KIND_SEND, 0, INLINE_MOST);
	assert_int_equal(written(&e, &frame), ERR_OK);
	assert_int_equal(entry_frame_read(payload_of(frame), &log, &back), ERR_OK);
}

static void random_entries_come_back(void **state)
{
	(void)state;
	struct dice d = {9};
	uint8_t	    pool[64] = {5};

	for (int i = 0; i < 500; i++) {
		struct entry   e = {.header = dice_header(&d, pool)};
		struct builder b = builder_on(header_wire, sizeof header_wire);
		struct bytes   frame;
		bool	       same = false;

		header_write(&b, &e.header);
		e.header_wire = builder_bytes(&b);
		dice_fill(&d, e.salt.b, SALT_SIZE);
		for (unsigned p = 0; p < e.header.nparts; p++)
			if (e.header.part[p].placement == PLACED_INLINE)
				e.part[p].body = bytes_of(body, dice_below(&d, 2000));
		assert_int_equal(written(&e, &frame), ERR_OK);
		assert_true(takes(read_again, payload_of(frame), &same) && same);
	}
}

static void a_stored_body_comes_back(void **state)
{
	(void)state;
	struct entry   e = reply(KIND_REPLY, STATUS_OK, 20), back = e;
	struct builder b = builder_on(wire, sizeof wire);

	entry_body_write(&b, &e);
	assert_int_equal(b.n, 32 + 2 + 20);
	memset(back.part, 0, sizeof back.part);
	assert_int_equal(entry_body_read(builder_bytes(&b), &back), ERR_OK);
	assert_true(bytes_equal(back.part[1].body, e.part[1].body));
	assert_int_equal(entry_body_read(bytes_of(wire, b.n - 1), &back), ERR_SHORT);
	assert_int_equal(entry_body_read(bytes_of(wire, b.n + 1), &back), ERR_TRAILING);
	assert_true(bytes_equal(back.part[1].body, e.part[1].body));
}

/* ---- cutting the stream ---- */

static size_t two_frames(void)
{
	struct builder b = builder_on(wire, sizeof wire);

	for (uint8_t i = 0; i < 2; i++) {
		size_t begun = frame_begin(&b, FRAME_PING);
		build_u8(&b, i);
		frame_end(&b, begun);
	}
	assert_int_equal(b.err, ERR_OK);
	return b.n;
}

static void a_stream_is_cut_into_its_frames(void **state)
{
	(void)state;
	struct bytes stream = bytes_of(wire, two_frames());
	struct frame f;
	size_t	     used = 9;

	for (size_t n = 0; n < 6; n++) {
		assert_int_equal(frame_next(bytes_of(wire, n), &f, &used), ERR_SHORT);
		assert_int_equal(used, 0);
	}
	assert_int_equal(frame_next(stream, &f, &used), ERR_OK);
	assert_int_equal(used, 6);
	assert_int_equal(f.type, FRAME_PING);
	assert_int_equal(f.payload.n, 1);
	assert_int_equal(frame_next(bytes_of(wire + 6, stream.n - 6), &f, &used), ERR_OK);
	assert_int_equal(f.payload.at[0], 1);
}

static enum err next_of(const uint8_t *at, size_t n)
{
	struct frame f;
	size_t	     used;

	return frame_next(bytes_of(at, n), &f, &used);
}

static void a_broken_stream_ends(void **state)
{
	(void)state;
	assert_int_equal(next_of((uint8_t[]){0, 0, 0, 0, 0}, 5), ERR_MALFORMED);
	assert_int_equal(next_of((uint8_t[]){0, 2, 0, 1}, 4), ERR_TOO_LONG);
	assert_int_equal(next_of((uint8_t[]){0, 2, 0, 0, 1}, 5), ERR_SHORT);
	assert_int_equal(next_of((uint8_t[]){0, 0, 0, 1, 0x00}, 5), ERR_PROTOCOL);
	assert_int_equal(next_of((uint8_t[]){0, 0, 0, 1, 0x11}, 5), ERR_PROTOCOL);
	assert_int_equal(next_of((uint8_t[]){0, 0, 0, 1, 0x7f}, 5), ERR_PROTOCOL);
	assert_int_equal(next_of((uint8_t[]){0, 0, 0, 1, 0x80}, 5), ERR_OK);
	assert_int_equal(next_of((uint8_t[]){0, 0, 0, 1, 0x10}, 5), ERR_OK);
}

static void a_frame_too_long_is_not_written(void **state)
{
	(void)state;
	static uint8_t memory[FRAME_REST_MOST + 16];
	struct builder b = builder_on(memory, sizeof memory);
	size_t	       begun = frame_begin(&b, FRAME_HELLO);

	build_zero(&b, FRAME_REST_MOST - 1);
	frame_end(&b, begun);
	assert_int_equal(b.err, ERR_OK);
	assert_int_equal(next_of(memory, b.n), ERR_OK);
	b = builder_on(memory, sizeof memory);
	begun = frame_begin(&b, FRAME_HELLO);
	build_zero(&b, FRAME_REST_MOST);
	frame_end(&b, begun);
	assert_int_equal(b.err, ERR_TOO_LONG);
}

static void frames_have_names(void **state)
{
	(void)state;
	assert_string_equal(frame_name(FRAME_HELLO), "HELLO");
	assert_string_equal(frame_name(FRAME_CLOSE), "CLOSE");
	assert_string_equal(frame_name(0), "unknown");
	assert_string_equal(frame_name(0x80), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_entry_comes_back),
		cmocka_unit_test(a_hit_and_a_miss_weigh_the_same),
		cmocka_unit_test(the_padding_begins_exactly_where_a_size_is_full),
		cmocka_unit_test(other_kinds_are_not_padded),
		cmocka_unit_test(wrong_padding_is_refused),
		cmocka_unit_test(no_beginning_and_no_flipped_bit_deceives),
		cmocka_unit_test(inline_parts_have_a_limit),
		cmocka_unit_test(random_entries_come_back),
		cmocka_unit_test(a_stored_body_comes_back),
		cmocka_unit_test(a_stream_is_cut_into_its_frames),
		cmocka_unit_test(a_broken_stream_ends),
		cmocka_unit_test(a_frame_too_long_is_not_written),
		cmocka_unit_test(frames_have_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
