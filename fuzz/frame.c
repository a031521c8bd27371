/* A stream is cut into frames, each is read by its own reader, and what is accepted is written again byte for byte. */
#include <stdlib.h>

#include "stream.h"
#include "wire/paper.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static union {
	struct hello		hello;
	struct entry		entry;
	struct checkpoint_frame checkpoint;
	struct receipt_frame	receipt;
	struct ack_frame	ack;
	struct credit_frame	credit;
	struct ping_frame	ping;
	struct alarm_frame	alarm;
	struct close_frame	end;
	struct get_frame	get;
	struct paper_frame	paper;
} was;

static bool entry_try(struct bytes v, struct builder *b)
{
	uint16_t log;

	if (entry_frame_read(v, &log, &was.entry) != ERR_OK)
		return false;
	entry_frame_write(b, log, &was.entry);
	return true;
}

#define TRY(name, member)                                                                                                                            \
	if (name##_frame_read(f->payload, &was.member) != ERR_OK)                                                                                    \
		return false;                                                                                                                        \
	name##_frame_write(b, &was.member);                                                                                                          \
	return true

/* True when the payload was accepted; the whole frame then stands in `b`. */
static bool frame_try(const struct frame *f, struct builder *b)
{
	switch (f->type) {
	case FRAME_HELLO:
		TRY(hello, hello);
	case FRAME_ENTRY:
		return entry_try(f->payload, b);
	case FRAME_CHECKPOINT:
		TRY(checkpoint, checkpoint);
	case FRAME_RECEIPT:
		TRY(receipt, receipt);
	case FRAME_ACK:
		TRY(ack, ack);
	case FRAME_CREDIT:
		TRY(credit, credit);
	case FRAME_PING:
	case FRAME_PONG:
		if (ping_frame_read(f->payload, &was.ping) != ERR_OK)
			return false;
		ping_frame_write(b, f->type, &was.ping);
		return true;
	case FRAME_ALARM:
		TRY(alarm, alarm);
	case FRAME_CLOSE:
		TRY(close, end);
	case FRAME_GET:
		TRY(get, get);
	case FRAME_PAPER:
		TRY(paper, paper);
	default:
		return false;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t again[FRAME_REST_MOST + FRAME_HEAD];
	struct bytes   rest = bytes_of(data, size);
	struct frame   f;
	size_t	       used = 0;

	while (frame_next(rest, &f, &used) == ERR_OK) {
		struct builder b = builder_on(again, sizeof again);

		if (frame_try(&f, &b) && (b.err != ERR_OK || !bytes_equal(builder_bytes(&b), bytes_of(rest.at, used))))
			abort();
		rest = bytes_of(rest.at + used, rest.n - used);
	}
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
	return stream_mutate(data, size, most, false, seed);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t na, const uint8_t *b, size_t nb, uint8_t *out, size_t most, unsigned seed)
{
	return stream_cross(bytes_of(a, na), bytes_of(b, nb), out, most, seed);
}
