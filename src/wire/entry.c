#include "wire/entry.h"

/* The payload sizes of ENTRY frames whose length would tell a hit from a miss. */
static const size_t padded_sizes[] = {1024, 4096, 16384, ENTRY_PAYLOAD_MOST};

static bool kind_is_padded(uint8_t kind)
{
	return kind == KIND_QUERY || kind == KIND_REPLY || kind == KIND_MATCH;
}

/* The size a payload of n bytes is padded to; 0 when it does not fit at all. */
static size_t padded_size(uint8_t kind, size_t n)
{
	if (!kind_is_padded(kind))
		return n <= ENTRY_PAYLOAD_MOST ? n : 0;
	for (size_t i = 0; i < COUNT_OF(padded_sizes); i++)
		if (n <= padded_sizes[i])
			return padded_sizes[i];
	return 0;
}

/* ---- inline parts, in the order of the header's table: salt[32] | u16 length, bytes ---- */

void entry_body_write(struct builder *b, const struct entry *e)
{
	size_t sum = 0;

	for (unsigned i = 0; i < e->header.nparts && i < HEADER_PARTS_MOST; i++) {
		if (e->header.part[i].placement != PLACED_INLINE)
			continue;
		sum += e->part[i].body.n;
		build_copy(b, e->part[i].salt.b, SALT_SIZE);
		build_bytes16(b, e->part[i].body);
	}
	if (sum > INLINE_MOST)
		build_fail(b, ERR_TOO_LONG);
}

static void parts_read(struct cursor *c, const struct header *h, struct inline_part part[HEADER_PARTS_MOST])
{
	size_t sum = 0;

	for (unsigned i = 0; i < h->nparts; i++) {
		if (h->part[i].placement != PLACED_INLINE)
			continue;
		cursor_copy(c, part[i].salt.b, SALT_SIZE);
		part[i].body = cursor_take16(c, INLINE_MOST - sum);
		sum += part[i].body.n;
	}
}

enum err entry_body_read(struct bytes body, struct entry *out)
{
	struct inline_part part[HEADER_PARTS_MOST] = {0};
	struct cursor	   c = cursor_on(body);

	parts_read(&c, &out->header, part);
	enum err e = cursor_end(&c);
	if (e != ERR_OK)
		return e;
	memcpy(out->part, part, sizeof part);
	return ERR_OK;
}

/* ---- the frame: u16 log | salt[32] | u16 length, header | inline parts | zero padding ---- */

void entry_frame_write(struct builder *b, uint16_t log, const struct entry *e)
{
	size_t begun = frame_begin(b, FRAME_ENTRY);
	size_t start = b->n;

	build_u16(b, log);
	build_copy(b, e->salt.b, SALT_SIZE);
	build_bytes16(b, e->header_wire);
	entry_body_write(b, e);
	if (b->err != ERR_OK)
		return;

	size_t written = b->n - start;
	size_t padded = padded_size(e->header.kind, written);
	if (padded == 0) {
		build_fail(b, ERR_TOO_LONG);
		return;
	}
	build_zero(b, padded - written);
	frame_end(b, begun);
}

static void padding_read(struct cursor *c, uint8_t kind, size_t payload)
{
	struct bytes rest = cursor_rest(c);

	if (cursor_err(c) != ERR_OK)
		return;
	if (padded_size(kind, payload - rest.n) != payload)
		cursor_fail(c, kind_is_padded(kind) ? ERR_NOT_CANONICAL : ERR_TRAILING);
	for (size_t i = 0; i < rest.n; i++)
		if (rest.at[i] != 0)
			cursor_fail(c, ERR_NOT_CANONICAL);
}

enum err entry_frame_read(struct bytes payload, uint16_t *log, struct entry *out)
{
	struct cursor c = cursor_on(payload);
	struct entry  e = {0};
	uint16_t      number = cursor_u16(&c);

	cursor_copy(&c, e.salt.b, SALT_SIZE);
	e.header_wire = cursor_take16(&c, HEADER_MOST);
	if (cursor_err(&c) != ERR_OK)
		return cursor_err(&c);
	enum err err = header_read(e.header_wire, &e.header);
	if (err != ERR_OK)
		return err;
	parts_read(&c, &e.header, e.part);
	padding_read(&c, e.header.kind, payload.n);
	err = cursor_end(&c);
	if (err != ERR_OK)
		return err;
	*log = number;
	*out = e;
	return ERR_OK;
}
