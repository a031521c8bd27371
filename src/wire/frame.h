/*
 * frame.h: what cuts the byte stream of a link into frames (spec/wire.md).
 *
 *   u32 length of the rest (1..131,072) | u8 type | payload
 *
 * Unknown types below 0x80 end the session; those from 0x80 are skipped. Each
 * message has a file of its own beside this one.
 */
#ifndef MITHAQ_WIRE_FRAME_H
#define MITHAQ_WIRE_FRAME_H

#include "base/builder.h"
#include "base/cursor.h"

#define FRAME_REST_MOST 131072u
#define FRAME_HEAD	5

enum frame_type {
	FRAME_HELLO = 0x01,
	FRAME_ENTRY = 0x02,
	FRAME_CHECKPOINT = 0x03,
	FRAME_ACK = 0x04,
	FRAME_RECEIPT = 0x05,
	FRAME_CREDIT = 0x06,
	FRAME_WANT = 0x07,
	FRAME_PART = 0x08,
	FRAME_CHUNK = 0x09,
	FRAME_DROP = 0x0A,
	FRAME_GET = 0x0B,
	FRAME_RANGE = 0x0C,
	FRAME_PING = 0x0D,
	FRAME_PONG = 0x0E,
	FRAME_ALARM = 0x0F,
	FRAME_CLOSE = 0x10,
};

struct frame {
	uint8_t	     type;
	struct bytes payload; /* view */
};

/*
 * Takes the next whole frame off the front of `stream`. ERR_OK: `*out` is set and
 * `*used` is how many bytes it took. ERR_SHORT: not all there yet, `*used` is 0.
 * Anything else (ERR_PROTOCOL: an unknown type below 0x80): the session ends. Unknown types from 0x80 come
 * out like others, for the caller to skip.
 */
enum err frame_next(struct bytes stream, struct frame *out, size_t *used) must_use;

/* Begins a frame in `b` and ends it by writing its length; between them the payload is built. */
size_t frame_begin(struct builder *b, uint8_t type);
void   frame_end(struct builder *b, size_t begun);

const char *frame_name(uint8_t type);

#endif
