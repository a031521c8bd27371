#include "wire/checkpoint.h"

void checkpoint_frame_write(struct builder *b, const struct checkpoint_frame *f)
{
	size_t begun = frame_begin(b, FRAME_CHECKPOINT);

	build_u16(b, f->log);
	build_u64(b, f->size);
	build_copy(b, f->root.b, HASH_SIZE);
	build_copy(b, f->sig.b, SIGN_SIZE);
	frame_end(b, begun);
}

enum err checkpoint_frame_read(struct bytes payload, struct checkpoint_frame *out)
{
	struct cursor		c = cursor_on(payload);
	struct checkpoint_frame f = {.log = cursor_u16(&c)};

	f.size = cursor_u64(&c);
	cursor_copy(&c, f.root.b, HASH_SIZE);
	cursor_copy(&c, f.sig.b, SIGN_SIZE);
	enum err e = cursor_end(&c);
	if (e != ERR_OK)
		return e;
	*out = f;
	return ERR_OK;
}
