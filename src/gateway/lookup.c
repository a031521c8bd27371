#include "gateway/lookup.h"

#define RECORD_MOST UINT16_MAX

static void record_write(struct builder *b, const struct fields *f)
{
	uint8_t	      *length = build_reserve(b, 2);
	size_t	       begun = b->n;
	struct builder number;

	fields_write(b, f);
	if (b->err != ERR_OK)
		return;
	if (b->n - begun > RECORD_MOST) {
		build_fail(b, ERR_TOO_LONG);
		return;
	}
	number = builder_on(length, 2);
	build_u16(&number, (uint16_t)(b->n - begun));
}

static void record_read(struct cursor *c, struct fields *out)
{
	struct bytes record = cursor_take16(c, RECORD_MOST);
	enum err     e = cursor_err(c);

	if (e == ERR_OK)
		e = fields_read(record, out);
	if (e != ERR_OK)
		cursor_fail(c, e);
}

/* u64 ticket | u16 length, clause | u64 deadline_ms | u16 length, fields record | u16 length, purpose | mid[16] | u16 length, from */

void lookup_write(struct builder *b, const struct lookup *l)
{
	build_u64(b, l->ticket);
	build_bytes16(b, l->clause);
	build_u64(b, l->deadline_ms);
	record_write(b, &l->fields);
	build_bytes16(b, l->purpose);
	build_copy(b, l->mid, MID_SIZE);
	piped_text_write(b, l->from);
}

enum err lookup_read(struct bytes payload, struct lookup *out)
{
	struct cursor c = cursor_on(payload);
	struct lookup l = {.ticket = cursor_u64(&c)};

	l.clause = cursor_take16(&c, LOOKUP_CLAUSE_MOST);
	l.deadline_ms = cursor_u64(&c);
	record_read(&c, &l.fields);
	l.purpose = cursor_take16(&c, FIELD_VALUE_MOST);
	cursor_copy(&c, l.mid, MID_SIZE);
	piped_text_read(&c, l.from, sizeof l.from);
	enum err e = cursor_end(&c);
	if (e == ERR_OK)
		*out = l;
	return e;
}

/* u64 ticket | u8 outcome | u16 length, fields record | u16 length, reason */

void found_write(struct builder *b, const struct found *f)
{
	build_u64(b, f->ticket);
	build_u8(b, (uint8_t)f->outcome);
	record_write(b, &f->fields);
	build_bytes16(b, f->reason);
}

static enum outcome outcome_read(struct cursor *c)
{
	uint8_t v = cursor_u8(c);

	if (v > OUTCOME_REFUSED && v != OUTCOME_ERROR)
		cursor_fail(c, ERR_MALFORMED);
	return (enum outcome)v;
}

enum err found_read(struct bytes payload, struct found *out)
{
	struct cursor c = cursor_on(payload);
	struct found  f = {.ticket = cursor_u64(&c)};

	f.outcome = outcome_read(&c);
	record_read(&c, &f.fields);
	f.reason = cursor_take16(&c, LOOKUP_REASON_MOST);
	if (f.outcome != OUTCOME_HIT && f.fields.n > 0)
		cursor_fail(&c, ERR_MALFORMED);
	enum err e = cursor_end(&c);
	if (e == ERR_OK)
		*out = f;
	return e;
}
