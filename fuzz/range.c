/*
 * range.c: the answer to a question for a stretch of a log, and the question. An
 * accepted frame, taken row by row, is written again byte for byte; each row stands at
 * its place and shows no more than its form says. The input is a payload, tried as both.
 */
#include <stdlib.h>

#include "stream.h"
#include "tree/commit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t again[FRAME_REST_MOST + FRAME_HEAD];

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void must_be(const struct builder *b, struct bytes payload)
{
	must(b->err == ERR_OK && bytes_equal(bytes_of(b->at + FRAME_HEAD, b->n - FRAME_HEAD), payload));
}

static void get_try(struct bytes payload)
{
	struct builder	 b = builder_on(again, sizeof again);
	struct get_frame f;

	if (get_frame_read(payload, &f) != ERR_OK)
		return;
	must(f.origin.n > 0 && f.from < f.to);
	get_frame_write(&b, &f);
	must_be(&b, payload);
}

/* What a row says of itself is so. */
static void row_check(uint8_t form, uint64_t index, const struct entry *e, const struct hash *commitment)
{
	struct hash own = header_commit(&e->salt, e->header_wire);

	must(form <= ROW_BARE);
	must((form == ROW_BARE) == (e->header_wire.n == 0));
	must(form == ROW_BARE || (e->header.index == index && hash_equal(&own, commitment)));
	for (unsigned i = 0; form != ROW_FULL && i < HEADER_PARTS_MOST; i++)
		must(e->part[i].body.n == 0);
}

static bool row_again(struct range_frame *f, uint64_t index, struct builder *b)
{
	static uint8_t memory[ENTRY_PAYLOAD_MOST];
	struct builder body = builder_on(memory, sizeof memory);
	struct entry   e;
	struct hash    commitment;
	uint8_t	       form;
	size_t	       before = f->rows.n;

	if (range_row_next(&f->rows, index, &form, &e, &commitment) != ERR_OK)
		return false;
	row_check(form, index, &e, &commitment);
	if (form == ROW_FULL)
		entry_body_write(&body, &e);
	must(body.err == ERR_OK);
	must(before - f->rows.n == range_row_size(form, e.header_wire, builder_bytes(&body)));
	range_row_write(b, form, &e.salt, e.header_wire, builder_bytes(&body), &commitment);
	return true;
}

static void range_try(struct bytes payload)
{
	struct builder	   b = builder_on(again, sizeof again);
	struct range_frame f;

	if (range_frame_read(payload, &f) != ERR_OK)
		return;
	must(f.n <= RANGE_ROWS_MOST && f.rows.n <= range_rows_room(f.origin));
	struct checkpoint_frame checkpoint = {.size = f.size, .root = f.root, .sig = f.sig};
	size_t			begun = range_frame_begin(&b, f.origin, f.from);
	for (unsigned i = 0; i < f.n; i++)
		if (!row_again(&f, f.from + i, &b))
			return;
	must(f.rows.n == 0);
	range_frame_end(&b, begun, f.n, f.size > 0 ? &checkpoint : NULL);
	must_be(&b, payload);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes payload = bytes_of(data, size);

	if (size >= FRAME_REST_MOST) /* no frame holds so much */
		return 0;
	get_try(payload);
	range_try(payload);
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
	return stream_mutate_payload(data, size, most, seed % 4 == 0 ? FRAME_GET : FRAME_RANGE, seed);
}
