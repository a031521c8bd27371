#include "wire/flow.h"

void ack_frame_write(struct builder *b, const struct ack_frame *f)
{
	size_t begun = frame_begin(b, FRAME_ACK);

	build_u16(b, f->log);
	build_u64(b, f->size);
	frame_end(b, begun);
}

enum err ack_frame_read(struct bytes payload, struct ack_frame *out)
{
	struct cursor	 c = cursor_on(payload);
	struct ack_frame f = {.log = cursor_u16(&c)};

	f.size = cursor_u64(&c);
	enum err e = cursor_end(&c);
	if (e != ERR_OK)
		return e;
	*out = f;
	return ERR_OK;
}

void credit_frame_write(struct builder *b, const struct credit_frame *f)
{
	size_t begun = frame_begin(b, FRAME_CREDIT);

	build_u16(b, f->log);
	build_u64(b, f->max_size);
	build_u64(b, f->max_inline);
	build_u64(b, f->max_attached);
	frame_end(b, begun);
}

enum err credit_frame_read(struct bytes payload, struct credit_frame *out)
{
	struct cursor	    c = cursor_on(payload);
	struct credit_frame f = {.log = cursor_u16(&c)};

	f.max_size = cursor_u64(&c);
	f.max_inline = cursor_u64(&c);
	f.max_attached = cursor_u64(&c);
	enum err e = cursor_end(&c);
	if (e != ERR_OK)
		return e;
	*out = f;
	return ERR_OK;
}
