/*
 * session.h: the frames that keep or end a session.
 *
 *   0D PING   u64 nonce | u64 time_ms        0E PONG  the same, echoed, with the answerer's time
 *   0F ALARM  u16 code | u32 length, note | u32 length, note
 *   10 CLOSE  u16 code | u16 length, text
 */
#ifndef MITHAQ_WIRE_SESSION_H
#define MITHAQ_WIRE_SESSION_H

#include "wire/frame.h"

#define CLOSE_TEXT_MOST 512
#define ALARM_NOTE_MOST 4096

struct ping_frame {
	uint64_t nonce;
	uint64_t time_ms;
};

struct alarm_frame {
	uint16_t     code;
	struct bytes note[2];
};

struct close_frame {
	uint16_t     code;
	struct bytes text;
};

enum close_code {
	CLOSE_NORMAL = 0,
	CLOSE_SUPERSEDED = 1,
	CLOSE_PROTOCOL = 2,
	CLOSE_STRUCTURE = 3,
	CLOSE_CARD = 4,
	CLOSE_VERSION = 5,
	CLOSE_RESTART = 6,
};

enum alarm_code {
	ALARM_FORK = 1,
	ALARM_ROOT = 2,
	ALARM_STRUCTURE = 3,
	ALARM_SIGNATURE = 4,
	ALARM_TALLY = 5,
};

void	 ping_frame_write(struct builder *b, uint8_t type, const struct ping_frame *f); /* FRAME_PING or FRAME_PONG */
enum err ping_frame_read(struct bytes payload, struct ping_frame *out) must_use;
void	 alarm_frame_write(struct builder *b, const struct alarm_frame *f);
enum err alarm_frame_read(struct bytes payload, struct alarm_frame *out) must_use;
void	 close_frame_write(struct builder *b, const struct close_frame *f);
enum err close_frame_read(struct bytes payload, struct close_frame *out) must_use;

#endif
