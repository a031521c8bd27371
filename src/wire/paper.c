#include "wire/paper.h"

/* ---- 80 PAPER: u16 kind | hash[32] | u16 length, bytes ---- */

void paper_frame_write(struct builder *b, const struct paper_frame *f)
{
	size_t begun = frame_begin(b, FRAME_PAPER);

	if (f->content.n > PAPER_MOST)
		build_fail(b, ERR_TOO_LONG);
	build_u16(b, f->kind);
	build_copy(b, f->of.b, HASH_SIZE);
	build_bytes16(b, f->content);
	frame_end(b, begun);
}

enum err paper_frame_read(struct bytes payload, struct paper_frame *out)
{
	struct cursor	   c = cursor_on(payload);
	struct paper_frame f = {.kind = cursor_u16(&c)};

	cursor_copy(&c, f.of.b, HASH_SIZE);
	f.content = cursor_take16(&c, PAPER_MOST);
	enum err e = cursor_end(&c);
	if (e != ERR_OK)
		return e;
	*out = f;
	return ERR_OK;
}
