/* checkpoint.h: frame 03 CHECKPOINT: u16 log | u64 size | root[32] | signature[64]. */
#ifndef MITHAQ_WIRE_CHECKPOINT_H
#define MITHAQ_WIRE_CHECKPOINT_H

#include "crypto/sign.h"
#include "wire/frame.h"
#include "wire/header.h"

struct checkpoint_frame {
	uint16_t	 log;
	uint64_t	 size;
	struct hash	 root;
	struct signature sig;
};

void	 checkpoint_frame_write(struct builder *b, const struct checkpoint_frame *f);
enum err checkpoint_frame_read(struct bytes payload, struct checkpoint_frame *out) must_use;

#endif
