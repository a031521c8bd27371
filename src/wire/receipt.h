/* receipt.h: frame 05 RECEIPT: u16 log | u64 size | root[32] | u64 time_s | signature[64]. The log is the receiver's own. */
#ifndef MITHAQ_WIRE_RECEIPT_H
#define MITHAQ_WIRE_RECEIPT_H

#include "crypto/sign.h"
#include "wire/frame.h"
#include "wire/header.h"

struct receipt_frame {
	uint16_t	 log;
	uint64_t	 size;
	struct hash	 root;
	uint64_t	 time_s;
	struct signature sig;
};

void	 receipt_frame_write(struct builder *b, const struct receipt_frame *f);
enum err receipt_frame_read(struct bytes payload, struct receipt_frame *out) must_use;

#endif
