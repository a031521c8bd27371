/* GET and RANGE: a stretch of a log asked for and shown, in the three forms of a row; and each way to say it wrongly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tree/commit.h"
#include "wire/range.h"
#include "wire_help.h"

#define ORIGIN "north.example/mithaq/south.example/customs/00000000000000000000000000000001"
#define ROOM   (FRAME_REST_MOST + FRAME_HEAD + 1024)

static uint8_t		 wire[ROOM], again_wire[ROOM], header_wire[HEADER_MOST], body_wire[ROOM], content[INLINE_MOST];
static const struct salt salt = {{2}};
static struct bytes	 header, body;
static struct hash	 commitment;

/* An entry of index 7 with an inline part of n bytes between two parts that are elsewhere. */
static void entry_made(size_t n)
{
	struct entry   e = {.salt = salt, .header = {.kind = KIND_SEND, .index = 7, .time_ms = 5, .not_after_ms = 6, .nparts = 3}};
	struct builder b = builder_on(header_wire, sizeof header_wire), parts = builder_on(body_wire, sizeof body_wire);

	memset(e.header.mid, 1, MID_SIZE);
	memset(e.header.agreement.b, 4, HASH_SIZE);
	e.header.part[0] = (struct part_entry){.type = PART_ACTOR, .placement = PLACED_WITHHELD};
	e.header.part[1] = (struct part_entry){.type = PART_CONTENT, .placement = PLACED_INLINE};
	e.header.part[2] = (struct part_entry){.type = PART_ATTACHMENT, .placement = PLACED_ATTACHED};
	e.part[1].salt.b[0] = 9;
	e.part[1].body = bytes_of(content, n);
	header_write(&b, &e.header);
	entry_body_write(&parts, &e);
	assert_int_equal(b.err, ERR_OK);
	assert_int_equal(parts.err, ERR_OK);
	header = builder_bytes(&b);
	body = builder_bytes(&parts);
	commitment = header_commit(&salt, header);
}

static struct bytes payload_of(const struct builder *frame, uint8_t type)
{
	struct frame f = {0};
	size_t	     used = 0;

	assert_int_equal(frame->err, ERR_OK);
	assert_int_equal(frame_next(builder_bytes(frame), &f, &used), ERR_OK);
	assert_int_equal(used, frame->n);
	assert_int_equal(f.type, type);
	return f.payload;
}

/* ---- what is read is written again, row by row ---- */

static bool get_again(struct bytes v, struct builder *again)
{
	struct builder	 frame = builder_on(again_wire, sizeof again_wire);
	struct get_frame f;

	if (get_frame_read(v, &f) != ERR_OK)
		return false;
	get_frame_write(&frame, &f);
	build_copy(again, frame.at + FRAME_HEAD, frame.n - FRAME_HEAD);
	return frame.err == ERR_OK;
}

static bool row_again(struct range_frame *f, uint64_t index, struct builder *frame)
{
	static uint8_t parts[ENTRY_PAYLOAD_MOST];
	struct builder b = builder_on(parts, sizeof parts);
	struct entry   e;
	struct hash    c;
	uint8_t	       form;

	if (range_row_next(&f->rows, index, &form, &e, &c) != ERR_OK)
		return false;
	entry_body_write(&b, &e);
	range_row_write(frame, form, &e.salt, e.header_wire, builder_bytes(&b), &c);
	return b.err == ERR_OK;
}

static bool range_again(struct bytes v, struct builder *again)
{
	struct builder	   frame = builder_on(again_wire, sizeof again_wire);
	struct range_frame f;

	if (range_frame_read(v, &f) != ERR_OK)
		return false;
	struct checkpoint_frame checkpoint = {.size = f.size, .root = f.root, .sig = f.sig};
	size_t			begun = range_frame_begin(&frame, f.origin, f.from);
	for (unsigned i = 0; i < f.n; i++)
		if (!row_again(&f, f.from + i, &frame))
			return false;
	range_frame_end(&frame, begun, f.n, f.size > 0 ? &checkpoint : NULL);
	build_copy(again, frame.at + FRAME_HEAD, frame.n - FRAME_HEAD);
	return frame.err == ERR_OK;
}

/* ---- GET ---- */

static enum err get_said(struct bytes origin, uint64_t from, uint64_t to)
{
	struct builder b = builder_on(wire, sizeof wire);

	get_frame_write(&b, &(struct get_frame){origin, from, to});
	return b.err;
}

static void a_get_comes_back(void **state)
{
	(void)state;
	struct builder b = builder_on(wire, sizeof wire);

	get_frame_write(&b, &(struct get_frame){bytes_text("origin"), 3, 9});
	assert_int_equal(b.n, FRAME_HEAD + 2 + 6 + 8 + 8);
	assert_true(reader_is_strict(get_again, payload_of(&b, FRAME_GET)));
	assert_int_equal(get_said(bytes_of(content, HELLO_ORIGIN_MOST), 0, UINT64_MAX), ERR_OK);
}

static void a_get_of_nothing_is_not_said(void **state)
{
	(void)state;
	assert_int_equal(get_said(bytes_text("origin"), 9, 9), ERR_MALFORMED);
	assert_int_equal(get_said(bytes_text("origin"), 9, 3), ERR_MALFORMED);
	assert_int_equal(get_said(BYTES_NONE, 3, 9), ERR_MALFORMED);
	assert_int_equal(get_said(bytes_of(content, HELLO_ORIGIN_MOST + 1), 3, 9), ERR_TOO_LONG);
}

static void a_get_of_nothing_is_refused(void **state)
{
	(void)state;
	struct builder	 b = builder_on(wire, sizeof wire);
	struct get_frame back = {.from = 77};

	get_frame_write(&b, &(struct get_frame){bytes_text("origin"), 3, 9});
	struct bytes v = payload_of(&b, FRAME_GET);
	wire[b.n - 1] = 3;
	assert_int_equal(get_frame_read(v, &back), ERR_MALFORMED);
	wire[b.n - 1] = 2;
	assert_int_equal(get_frame_read(v, &back), ERR_MALFORMED);
	assert_int_equal(back.from, 77);
}

/* ---- RANGE ---- */

/* A frame of rows of the entry, in the forms given. */
static struct builder range_said(uint64_t from, const uint8_t *forms, unsigned n, const struct checkpoint_frame *checkpoint)
{
	struct builder b = builder_on(wire, sizeof wire);
	size_t	       begun = range_frame_begin(&b, bytes_text(ORIGIN), from);

	for (unsigned i = 0; i < n; i++)
		range_row_write(&b, forms[i], &salt, header, body, &commitment);
	range_frame_end(&b, begun, (uint16_t)n, checkpoint);
	return b;
}

static struct builder row_said(uint8_t form)
{
	struct checkpoint_frame checkpoint = {.log = 3, .size = 8, .root = {{5}}, .sig = {{6}}};

	return range_said(7, &form, 1, &checkpoint);
}

static void each_form_comes_back(void **state)
{
	(void)state;
	entry_made(20);
	for (uint8_t form = ROW_FULL; form <= ROW_BARE; form++) {
		struct builder b = row_said(form);

		assert_int_equal(b.n, FRAME_HEAD + 2 + strlen(ORIGIN) + 8 + 2 + range_row_size(form, header, body) + 8 + 32 + 64);
		assert_true(reader_is_strict(range_again, payload_of(&b, FRAME_RANGE)));
	}
}

static struct range_frame range_back(const struct builder *b)
{
	struct range_frame f;

	assert_int_equal(range_frame_read(payload_of(b, FRAME_RANGE), &f), ERR_OK);
	return f;
}

static void a_row_shows_as_much_as_its_form_says(void **state)
{
	(void)state;
	entry_made(20);
	for (uint8_t wanted = ROW_FULL; wanted <= ROW_BARE; wanted++) {
		struct builder	   b = row_said(wanted);
		struct range_frame f = range_back(&b);
		struct entry	   e;
		struct hash	   c;
		uint8_t		   form = 9;

		assert_int_equal(range_row_next(&f.rows, 7, &form, &e, &c), ERR_OK);
		assert_int_equal(form, wanted);
		assert_true(hash_equal(&c, &commitment));
		assert_int_equal(f.rows.n, 0);
		assert_int_equal(e.header_wire.n, form == ROW_BARE ? 0 : header.n);
		assert_int_equal(e.header.index, form == ROW_BARE ? 0 : 7);
		assert_int_equal(e.part[1].body.n, form == ROW_FULL ? 20 : 0);
	}
}

static void many_rows_come_in_order(void **state)
{
	(void)state;
	static const uint8_t forms[] = {ROW_BARE, ROW_BARE, ROW_PURGED, ROW_BARE, ROW_BARE};
	struct builder	     b;

	entry_made(20);
	b = range_said(5, forms, COUNT_OF(forms), NULL);
	struct range_frame f = range_back(&b);
	assert_int_equal(f.n, COUNT_OF(forms));
	assert_int_equal(f.size, 0);
	bool same = false;
	assert_true(takes(range_again, payload_of(&b, FRAME_RANGE), &same) && same);
}

static void a_row_at_another_place_is_refused(void **state)
{
	(void)state;
	struct builder b;

	entry_made(20);
	b = row_said(ROW_PURGED);
	struct range_frame f = range_back(&b);
	struct bytes	   rows = f.rows;
	struct entry	   e = {.salt = {{77}}};
	struct hash	   c = {{77}};
	uint8_t		   form = 77;

	assert_int_equal(range_row_next(&rows, 8, &form, &e, &c), ERR_ORDER);
	assert_true(rows.at == f.rows.at && rows.n == f.rows.n);
	assert_true(form == 77 && c.b[0] == 77 && e.salt.b[0] == 77);
}

/* The first row of the frame in `wire` is taken under another form: its bytes are of another length then. */
static enum err row_under(const struct builder *b, uint8_t form)
{
	struct range_frame f = range_back(b);
	struct entry	   e;
	struct hash	   c;

	wire[f.rows.at - wire] = form;
	return range_row_next(&f.rows, 7, &form, &e, &c);
}

static void a_row_under_another_form_is_refused(void **state)
{
	(void)state;
	struct builder b;

	entry_made(20);
	b = row_said(ROW_FULL);
	assert_int_equal(row_under(&b, ROW_PURGED), ERR_TRAILING);
	b = row_said(ROW_FULL);
	assert_int_equal(row_under(&b, ROW_BARE), ERR_MALFORMED);
	b = row_said(ROW_PURGED);
	assert_int_equal(row_under(&b, ROW_FULL), ERR_SHORT);
	b = row_said(ROW_BARE);
	assert_int_equal(row_under(&b, ROW_FULL), ERR_SHORT);
	b = row_said(ROW_BARE);
	assert_int_equal(row_under(&b, 3), ERR_MALFORMED);
}

static void a_form_of_a_later_version_is_refused(void **state)
{
	(void)state;
	struct range_frame f;
	struct builder	   b;

	entry_made(20);
	b = row_said(ROW_BARE);
	struct bytes v = payload_of(&b, FRAME_RANGE);
	assert_int_equal(range_frame_read(v, &f), ERR_OK);
	wire[f.rows.at - wire] = ROW_BARE + 1;
	assert_int_equal(range_frame_read(v, &f), ERR_MALFORMED);
	b = range_said(7, (const uint8_t[]){ROW_BARE + 1}, 1, NULL);
	assert_int_equal(b.err, ERR_MALFORMED);
}

static void an_end_says_nothing_more(void **state)
{
	(void)state;
	struct builder b = range_said(7, NULL, 0, NULL);

	assert_int_equal(range_back(&b).n, 0);
	assert_true(reader_is_strict(range_again, payload_of(&b, FRAME_RANGE)));
}

/* Bytes of root or signature without a size are refused, and so is a size that is not the end of the rows. */
static void half_a_checkpoint_is_refused(void **state)
{
	(void)state;
	struct builder	   b = range_said(7, NULL, 0, NULL);
	struct bytes	   v = payload_of(&b, FRAME_RANGE);
	struct range_frame f;

	for (size_t i = 1; i <= HASH_SIZE + SIGN_SIZE; i++) {
		wire[b.n - i] = 1;
		assert_int_equal(range_frame_read(v, &f), ERR_NOT_CANONICAL);
		wire[b.n - i] = 0;
	}
	wire[b.n - HASH_SIZE - SIGN_SIZE - 1] = 8;
	assert_int_equal(range_frame_read(v, &f), ERR_MALFORMED);
	wire[b.n - HASH_SIZE - SIGN_SIZE - 1] = 7;
	assert_int_equal(range_frame_read(v, &f), ERR_OK);
}

static void a_checkpoint_of_another_size_is_not_said(void **state)
{
	(void)state;
	struct builder b;

	entry_made(20);
	b = range_said(7, (const uint8_t[]){ROW_BARE}, 1, &(struct checkpoint_frame){.size = 7});
	assert_int_equal(b.err, ERR_MALFORMED);
	b = range_said(0, NULL, 0, &(struct checkpoint_frame){.size = 0});
	assert_int_equal(b.err, ERR_MALFORMED);
	b = range_said(UINT64_MAX, (const uint8_t[]){ROW_BARE}, 1, NULL);
	assert_int_equal(b.err, ERR_MALFORMED);
	b = range_said(UINT64_MAX, NULL, 0, NULL);
	assert_int_equal(b.err, ERR_OK);
}

/* ---- limits ---- */

static struct builder bare_rows(unsigned n)
{
	static uint8_t forms[RANGE_ROWS_MOST + 1];

	memset(forms, ROW_BARE, sizeof forms);
	return range_said(0, forms, n, NULL);
}

static void a_frame_bears_its_rows_and_no_more(void **state)
{
	(void)state;
	bool	       same = false;
	struct builder b = bare_rows(RANGE_ROWS_MOST);

	assert_true(takes(range_again, payload_of(&b, FRAME_RANGE), &same) && same);
	b = bare_rows(RANGE_ROWS_MOST + 1);
	assert_int_equal(b.err, ERR_TOO_LONG);
}

static void the_reader_counts_no_further_either(void **state)
{
	(void)state;
	struct builder	   b = bare_rows(RANGE_ROWS_MOST);
	struct bytes	   v = payload_of(&b, FRAME_RANGE);
	struct range_frame f;

	wire[FRAME_HEAD + 2 + strlen(ORIGIN) + 8 + 1]++;
	assert_int_equal(range_frame_read(v, &f), ERR_TOO_LONG);
}

/* Full rows as long as range_rows_room says they fit, then one row that is long by exactly what is left, and `more`. */
static enum err range_filled(size_t more)
{
	struct builder b = builder_on(wire, sizeof wire);
	size_t	       begun = range_frame_begin(&b, bytes_text(ORIGIN), 7), left = range_rows_room(bytes_text(ORIGIN));
	uint16_t       n = 1;

	for (; left >= 2 * RANGE_ROW_MOST; n++) {
		range_row_write(&b, ROW_FULL, &salt, header, body, &commitment);
		left -= range_row_size(ROW_FULL, header, body);
	}
	left -= range_row_size(ROW_FULL, header, BYTES_NONE);
	range_row_write(&b, ROW_FULL, &salt, header, bytes_of(body_wire, left / 2), &commitment);
	left -= left / 2 + range_row_size(ROW_FULL, header, BYTES_NONE);
	range_row_write(&b, ROW_FULL, &salt, header, bytes_of(body_wire, left + more), &commitment);
	assert_int_equal(b.err, ERR_OK);
	range_frame_end(&b, begun, (uint16_t)(n + 1), NULL);
	return b.err;
}

static void a_frame_is_filled_to_its_room(void **state)
{
	(void)state;
	entry_made(INLINE_MOST);
	assert_int_equal(range_filled(0), ERR_OK);
	assert_int_equal(range_filled(1), ERR_TOO_LONG);
}

static void a_row_of_the_largest_entry_fits(void **state)
{
	(void)state;
	bool	       same = false;
	struct builder b;

	entry_made(INLINE_MOST);
	b = row_said(ROW_FULL);
	assert_true(takes(range_again, payload_of(&b, FRAME_RANGE), &same) && same);
	b = builder_on(wire, sizeof wire);
	range_row_write(&b, ROW_FULL, &salt, header, bytes_of(body_wire, RANGE_ROW_MOST), &commitment);
	assert_int_equal(b.err, ERR_TOO_LONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_get_comes_back),
		cmocka_unit_test(a_get_of_nothing_is_not_said),
		cmocka_unit_test(a_get_of_nothing_is_refused),
		cmocka_unit_test(each_form_comes_back),
		cmocka_unit_test(a_row_shows_as_much_as_its_form_says),
		cmocka_unit_test(many_rows_come_in_order),
		cmocka_unit_test(a_row_at_another_place_is_refused),
		cmocka_unit_test(a_row_under_another_form_is_refused),
		cmocka_unit_test(a_form_of_a_later_version_is_refused),
		cmocka_unit_test(an_end_says_nothing_more),
		cmocka_unit_test(half_a_checkpoint_is_refused),
		cmocka_unit_test(a_checkpoint_of_another_size_is_not_said),
		cmocka_unit_test(a_frame_bears_its_rows_and_no_more),
		cmocka_unit_test(the_reader_counts_no_further_either),
		cmocka_unit_test(a_frame_is_filled_to_its_room),
		cmocka_unit_test(a_row_of_the_largest_entry_fits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
