/*
 * paper.h: frame 80 PAPER: a paper that concerns both sides. A gateway that does not know the
 * frame, or the kind, skips it.
 *
 *   80 PAPER   u16 kind | hash[32] | u16 length, bytes
 *
 *   kind 1     one signature line, with its line feed, of the agreement whose text has this hash
 */
#ifndef MITHAQ_WIRE_PAPER_H
#define MITHAQ_WIRE_PAPER_H

#include "crypto/hash.h"
#include "wire/frame.h"

#define FRAME_PAPER 0x80
#define PAPER_MOST  1024

enum paper_kind {
	PAPER_SIGNATURE = 1,
};

struct paper_frame {
	uint16_t     kind;
	struct hash  of;
	struct bytes content;
};

void	 paper_frame_write(struct builder *b, const struct paper_frame *f);
enum err paper_frame_read(struct bytes payload, struct paper_frame *out) must_use;

#endif
