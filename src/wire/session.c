#include "wire/session.h"

#include "base/text.h"

/* ---- 0D PING and 0E PONG: u64 nonce | u64 time_ms ---- */

void ping_frame_write(struct builder *b, uint8_t type, const struct ping_frame *f)
{
	size_t begun = frame_begin(b, type);

	build_u64(b, f->nonce);
	build_u64(b, f->time_ms);
	frame_end(b, begun);
}

enum err ping_frame_read(struct bytes payload, struct ping_frame *out)
{
	struct cursor	  c = cursor_on(payload);
	struct ping_frame f = {.nonce = cursor_u64(&c)};

	f.time_ms = cursor_u64(&c);
	enum err e = cursor_end(&c);
	if (e != ERR_OK)
		return e;
	*out = f;
	return ERR_OK;
}

/* ---- 0F ALARM: u16 code | u32 length, note | u32 length, note ---- */

void alarm_frame_write(struct builder *b, const struct alarm_frame *f)
{
	size_t begun = frame_begin(b, FRAME_ALARM);

	if (f->note[0].n > ALARM_NOTE_MOST || f->note[1].n > ALARM_NOTE_MOST)
		build_fail(b, ERR_TOO_LONG);
	build_u16(b, f->code);
	build_bytes32(b, f->note[0]);
	build_bytes32(b, f->note[1]);
	frame_end(b, begun);
}

enum err alarm_frame_read(struct bytes payload, struct alarm_frame *out)
{
	struct cursor	   c = cursor_on(payload);
	struct alarm_frame f = {.code = cursor_u16(&c)};

	f.note[0] = cursor_take32(&c, ALARM_NOTE_MOST);
	f.note[1] = cursor_take32(&c, ALARM_NOTE_MOST);
	enum err e = cursor_end(&c);
	if (e != ERR_OK)
		return e;
	*out = f;
	return ERR_OK;
}

/* ---- 10 CLOSE: u16 code | u16 length, text. The text goes to logs, so it is one clean line. ---- */

void close_frame_write(struct builder *b, const struct close_frame *f)
{
	size_t begun = frame_begin(b, FRAME_CLOSE);

	if (f->text.n > CLOSE_TEXT_MOST)
		build_fail(b, ERR_TOO_LONG);
	build_u16(b, f->code);
	build_bytes16(b, f->text);
	frame_end(b, begun);
}

enum err close_frame_read(struct bytes payload, struct close_frame *out)
{
	struct cursor	   c = cursor_on(payload);
	struct close_frame f = {.code = cursor_u16(&c)};

	f.text = cursor_take16(&c, CLOSE_TEXT_MOST);
	enum err e = cursor_end(&c);
	if (e == ERR_OK)
		e = text_check(f.text, TEXT_LINE);
	if (e != ERR_OK)
		return e;
	*out = f;
	return ERR_OK;
}
