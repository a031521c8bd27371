#include "wire/range.h"

#define ROW_HEAD      (1 + 4)			  /* u8 form | u32 length */
#define RANGE_END     (8 + HASH_SIZE + SIGN_SIZE) /* u64 size | root[32] | signature[64] */
#define ENTRY_VERSION 0x01

static struct bytes origin_read(struct cursor *c)
{
	struct bytes origin = cursor_take16(c, HELLO_ORIGIN_MOST);

	if (origin.n == 0)
		cursor_fail(c, ERR_MALFORMED);
	return origin;
}

static void origin_write(struct builder *b, struct bytes origin)
{
	if (origin.n == 0)
		build_fail(b, ERR_MALFORMED);
	if (origin.n > HELLO_ORIGIN_MOST)
		build_fail(b, ERR_TOO_LONG);
	build_bytes16(b, origin);
}

/* ---- 0B GET: u16 length, origin | u64 from | u64 to ---- */

void get_frame_write(struct builder *b, const struct get_frame *f)
{
	size_t begun = frame_begin(b, FRAME_GET);

	if (f->from >= f->to)
		build_fail(b, ERR_MALFORMED);
	origin_write(b, f->origin);
	build_u64(b, f->from);
	build_u64(b, f->to);
	frame_end(b, begun);
}

enum err get_frame_read(struct bytes payload, struct get_frame *out)
{
	struct cursor	 c = cursor_on(payload);
	struct get_frame f = {.origin = origin_read(&c)};

	f.from = cursor_u64(&c);
	f.to = cursor_u64(&c);
	enum err e = cursor_end(&c);
	if (e == ERR_OK && f.from >= f.to)
		e = ERR_MALFORMED;
	if (e != ERR_OK)
		return e;
	*out = f;
	return ERR_OK;
}

/* ---- 0C RANGE: u16 length, origin | u64 from | u16 n, rows | u64 size | root[32] | signature[64] ---- */

size_t range_frame_begin(struct builder *b, struct bytes origin, uint64_t from)
{
	size_t begun = frame_begin(b, FRAME_RANGE);

	origin_write(b, origin);
	build_u64(b, from);
	build_u16(b, 0);
	return begun;
}

/* Writes n where it was left open, and gives back `from`. */
static uint64_t count_write(struct builder *b, size_t begun, uint16_t n)
{
	struct cursor c = cursor_on(bytes_of(b->at + begun + FRAME_HEAD, b->n - begun - FRAME_HEAD));

	(void)cursor_take16(&c, HELLO_ORIGIN_MOST);
	uint64_t       from = cursor_u64(&c);
	struct builder count = builder_on(b->at + (b->n - cursor_left(&c)), sizeof n);
	build_u16(&count, n);
	return from;
}

void range_frame_end(struct builder *b, size_t begun, uint16_t n, const struct checkpoint_frame *checkpoint)
{
	static const struct checkpoint_frame none;

	if (n > RANGE_ROWS_MOST)
		build_fail(b, ERR_TOO_LONG);
	if (b->err != ERR_OK)
		return;
	uint64_t from = count_write(b, begun, n);
	if (from > UINT64_MAX - n || (checkpoint != NULL && (checkpoint->size == 0 || checkpoint->size != from + n)))
		build_fail(b, ERR_MALFORMED);
	if (checkpoint == NULL)
		checkpoint = &none;
	build_u64(b, checkpoint->size);
	build_copy(b, checkpoint->root.b, HASH_SIZE);
	build_copy(b, checkpoint->sig.b, SIGN_SIZE);
	frame_end(b, begun);
}

/* Where n rows end; what is inside them is for range_row_next. */
static struct bytes rows_read(struct cursor *c, unsigned n)
{
	struct cursor start = *c;

	for (unsigned i = 0; i < n && cursor_err(c) == ERR_OK; i++) {
		if (cursor_u8(c) > ROW_BARE)
			cursor_fail(c, ERR_MALFORMED);
		(void)cursor_take32(c, RANGE_ROW_MOST);
	}
	return cursor_take(&start, cursor_left(&start) - cursor_left(c));
}

/* Without a checkpoint there is nothing of one; with one it is of all that was shown. */
static enum err range_check(const struct range_frame *f)
{
	static const struct hash      no_root;
	static const struct signature no_signature;

	if (f->from > UINT64_MAX - f->n)
		return ERR_MALFORMED;
	if (f->size != 0)
		return f->size == f->from + f->n ? ERR_OK : ERR_MALFORMED;
	if (!hash_equal(&f->root, &no_root) || memcmp(f->sig.b, no_signature.b, SIGN_SIZE) != 0)
		return ERR_NOT_CANONICAL;
	return ERR_OK;
}

enum err range_frame_read(struct bytes payload, struct range_frame *out)
{
	struct cursor	   c = cursor_on(payload);
	struct range_frame f = {.origin = origin_read(&c)};

	f.from = cursor_u64(&c);
	f.n = cursor_u16(&c);
	if (f.n > RANGE_ROWS_MOST)
		cursor_fail(&c, ERR_TOO_LONG);
	if (cursor_err(&c) != ERR_OK)
		return cursor_err(&c);
	f.rows = rows_read(&c, f.n);
	f.size = cursor_u64(&c);
	cursor_copy(&c, f.root.b, HASH_SIZE);
	cursor_copy(&c, f.sig.b, SIGN_SIZE);
	enum err e = cursor_end(&c);
	if (e == ERR_OK)
		e = range_check(&f);
	if (e != ERR_OK)
		return e;
	*out = f;
	return ERR_OK;
}

/* ---- a row: u8 form | u32 length, bytes ---- */

static size_t row_bytes(uint8_t form, struct bytes header, struct bytes body)
{
	if (form == ROW_BARE)
		return RANGE_BARE_SIZE;
	return SALT_SIZE + 2 + header.n + (form == ROW_FULL ? body.n : 0);
}

size_t range_row_size(uint8_t form, struct bytes header, struct bytes body)
{
	return ROW_HEAD + row_bytes(form, header, body);
}

size_t range_rows_room(struct bytes origin)
{
	return FRAME_REST_MOST - (1 + 2 + origin.n + 8 + 2 + RANGE_END);
}

void range_row_write(struct builder *b, uint8_t form, const struct salt *salt, struct bytes header, struct bytes body, const struct hash *commitment)
{
	size_t n = row_bytes(form, header, body);

	if (form > ROW_BARE)
		build_fail(b, ERR_MALFORMED);
	if (n > RANGE_ROW_MOST)
		build_fail(b, ERR_TOO_LONG);
	build_u8(b, form);
	build_u32(b, (uint32_t)n);
	if (form == ROW_BARE) {
		build_u8(b, ENTRY_VERSION);
		build_copy(b, commitment->b, HASH_SIZE);
		return;
	}
	build_copy(b, salt->b, SALT_SIZE);
	build_bytes16(b, header);
	if (form == ROW_FULL)
		build_bytes(b, body);
}

/* 0x01 | commitment[32] */
static enum err bare_read(struct bytes row, struct hash *commitment)
{
	struct cursor c = cursor_on(row);

	if (cursor_u8(&c) != ENTRY_VERSION)
		cursor_fail(&c, ERR_MALFORMED);
	cursor_copy(&c, commitment->b, HASH_SIZE);
	return cursor_end(&c);
}

/* C(header) of spec/entry.md; tree/commit.h has it too, but stands on the same floor. */
static struct hash commitment_of(const struct entry *e)
{
	const struct bytes pieces[] = {bytes_text("mithaq/header/v1\n"), bytes_of(e->salt.b, SALT_SIZE), e->header_wire};

	return hash_pieces(pieces, COUNT_OF(pieces));
}

/* salt[32] | u16 length, header | when full: inline parts */
static enum err opened_read(struct bytes row, uint64_t index, bool full, struct entry *e)
{
	struct cursor c = cursor_on(row);

	cursor_copy(&c, e->salt.b, SALT_SIZE);
	e->header_wire = cursor_take16(&c, HEADER_MOST);
	struct bytes body = cursor_rest(&c);
	if (cursor_err(&c) != ERR_OK)
		return cursor_err(&c);
	enum err err = header_read(e->header_wire, &e->header);
	if (err != ERR_OK)
		return err;
	if (e->header.index != index)
		return ERR_ORDER;
	if (full)
		return entry_body_read(body, e);
	return body.n == 0 ? ERR_OK : ERR_TRAILING;
}

enum err range_row_next(struct bytes *rows, uint64_t index, uint8_t *form, struct entry *entry, struct hash *commitment)
{
	struct cursor c = cursor_on(*rows);
	uint8_t	      how = cursor_u8(&c);
	struct bytes  row = cursor_take32(&c, RANGE_ROW_MOST);
	struct entry  e = {0};
	struct hash   h = {0};

	if (how > ROW_BARE)
		cursor_fail(&c, ERR_MALFORMED);
	enum err err = cursor_err(&c);
	if (err == ERR_OK)
		err = how == ROW_BARE ? bare_read(row, &h) : opened_read(row, index, how == ROW_FULL, &e);
	if (err != ERR_OK)
		return err;
	*commitment = how == ROW_BARE ? h : commitment_of(&e);
	*form = how;
	*entry = e;
	*rows = cursor_rest(&c);
	return ERR_OK;
}
