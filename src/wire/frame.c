#include "wire/frame.h"

#define LENGTH_SIZE   4
#define TYPE_OPTIONAL 0x80 /* unknown types from here on are skipped, not refused */

static const char *const frame_names[] = {
	[FRAME_HELLO] = "HELLO", [FRAME_ENTRY] = "ENTRY",     [FRAME_CHECKPOINT] = "CHECKPOINT",
	[FRAME_ACK] = "ACK",	 [FRAME_RECEIPT] = "RECEIPT", [FRAME_CREDIT] = "CREDIT",
	[FRAME_WANT] = "WANT",	 [FRAME_PART] = "PART",	      [FRAME_CHUNK] = "CHUNK",
	[FRAME_DROP] = "DROP",	 [FRAME_GET] = "GET",	      [FRAME_RANGE] = "RANGE",
	[FRAME_PING] = "PING",	 [FRAME_PONG] = "PONG",	      [FRAME_ALARM] = "ALARM",
	[FRAME_CLOSE] = "CLOSE",
};

const char *frame_name(uint8_t type)
{
	if (type < COUNT_OF(frame_names) && frame_names[type] != NULL)
		return frame_names[type];
	return "unknown";
}

static bool frame_known(uint8_t type)
{
	return type < COUNT_OF(frame_names) && frame_names[type] != NULL;
}

static enum err rest_length(struct bytes stream, uint32_t *out)
{
	struct cursor c = cursor_on(stream);
	uint32_t      n = cursor_u32(&c);

	if (cursor_err(&c) != ERR_OK)
		return ERR_SHORT;
	if (n == 0)
		return ERR_MALFORMED;
	if (n > FRAME_REST_MOST)
		return ERR_TOO_LONG;
	*out = n;
	return ERR_OK;
}

enum err frame_next(struct bytes stream, struct frame *out, size_t *used)
{
	uint32_t rest = 0;
	enum err e = rest_length(stream, &rest);

	if (e == ERR_OK && stream.n - LENGTH_SIZE < rest)
		e = ERR_SHORT;
	if (e != ERR_OK) {
		*used = 0;
		return e;
	}

	struct cursor c = cursor_on(stream);
	(void)cursor_u32(&c);
	struct frame f = {.type = cursor_u8(&c)};
	f.payload = cursor_take(&c, rest - 1);
	if (f.type < TYPE_OPTIONAL && !frame_known(f.type)) {
		*used = 0;
		return ERR_PROTOCOL;
	}
	*out = f;
	*used = LENGTH_SIZE + (size_t)rest;
	return ERR_OK;
}

size_t frame_begin(struct builder *b, uint8_t type)
{
	size_t begun = b->n;

	build_u32(b, 0);
	build_u8(b, type);
	return begun;
}

void frame_end(struct builder *b, size_t begun)
{
	if (b->err != ERR_OK)
		return;
	size_t rest = b->n - begun - LENGTH_SIZE;
	if (rest > FRAME_REST_MOST) {
		build_fail(b, ERR_TOO_LONG);
		return;
	}
	struct builder length = builder_on(b->at + begun, LENGTH_SIZE);
	build_u32(&length, (uint32_t)rest);
}
