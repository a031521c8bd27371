/*
 * flow.h: frames 04 ACK and 06 CREDIT, which say how far a log may go.
 *
 *   ACK     u16 log | u64 durable size                                        unsigned: trims send buffers only
 *   CREDIT  u16 log | u64 max size | u64 max inline bytes | u64 max open attached bytes
 *
 * CREDIT is absolute (entries with index < max size may be sent) and never lowered
 * within a session.
 */
#ifndef MITHAQ_WIRE_FLOW_H
#define MITHAQ_WIRE_FLOW_H

#include "wire/frame.h"

struct ack_frame {
	uint16_t log;
	uint64_t size;
};

struct credit_frame {
	uint16_t log;
	uint64_t max_size;
	uint64_t max_inline;
	uint64_t max_attached;
};

void	 ack_frame_write(struct builder *b, const struct ack_frame *f);
enum err ack_frame_read(struct bytes payload, struct ack_frame *out) must_use;
void	 credit_frame_write(struct builder *b, const struct credit_frame *f);
enum err credit_frame_read(struct bytes payload, struct credit_frame *out) must_use;

#endif
