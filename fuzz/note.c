/*
 * note.c: signed notes, checkpoints, proofs, origins and frontiers from anybody. What is
 * accepted has one encoding: written again it is the same bytes.
 */
#include <stdlib.h>

#include "tree/note.h"

#define ROOM_MOST (1u << 20)

static uint8_t room[ROOM_MOST];

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void note_again(struct bytes wire)
{
	struct note    n;
	struct builder b = builder_on(room, sizeof room);
	if (note_read(wire, &n) != ERR_OK)
		return;
	must(n.n >= 1 && n.n <= NOTE_SIGNATURES_MOST);
	build_bytes(&b, n.text);
	build_text(&b, "\n");
	for (unsigned i = 0; i < n.n; i++) {
		uint8_t body[76];
		char	base64[BASE64_SIZE(76)];
		must(n.at[i].body_n == 64 || n.at[i].body_n == 72);
		memcpy(body, n.at[i].id, 4);
		memcpy(body + 4, n.at[i].body, n.at[i].body_n);
		base64_write(bytes_of(body, 4 + n.at[i].body_n), base64);
		build_text(&b, "\xe2\x80\x94 ");
		build_bytes(&b, n.at[i].name);
		build_text(&b, " ");
		build_text(&b, base64);
		build_text(&b, "\n");
		/* No key made this signature, whatever its name says. */
		must(!note_signed_by(&n, i, n.at[i].name, &(struct public_key){{9}}));
	}
	must(b.err == ERR_OK && bytes_equal(builder_bytes(&b), wire));
}

static void origin_again(struct bytes text)
{
	struct origin o;
	char	      out[ORIGIN_MOST];
	if (origin_read(text, &o) != ERR_OK)
		return;
	must(origin_write(&o, out) == ERR_OK && bytes_is(text, out));
}

static void checkpoint_again(struct bytes text)
{
	struct checkpoint c;
	struct builder	  b = builder_on(room, sizeof room);
	if (checkpoint_read(text, &c) != ERR_OK)
		return;
	checkpoint_write(&b, &c);
	must(b.err == ERR_OK && bytes_equal(builder_bytes(&b), text));
	origin_again(bytes_text(c.origin));
}

/* The stored form of a tree's right edge, as the ledger has it. */
static void frontier_again(struct bytes wire)
{
	struct frontier f;
	struct builder	b = builder_on(room, sizeof room);
	struct cursor	c = cursor_on(wire);
	frontier_read(&c, &f);
	if (cursor_end(&c) != ERR_OK)
		return;
	frontier_write(&b, &f);
	must(b.err == ERR_OK && bytes_equal(builder_bytes(&b), wire));
}

static void proof_again(struct bytes wire)
{
	struct tlog_proof p;
	struct builder	  b = builder_on(room, sizeof room);
	if (tlog_proof_read(wire, &p) != ERR_OK)
		return;
	tlog_proof_write(&b, &p);
	must(b.err == ERR_OK && bytes_equal(builder_bytes(&b), wire));
	note_again(p.note);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes wire = bytes_of(data, size);
	if (size > ROOM_MOST / 2)
		return 0;
	note_again(wire);
	checkpoint_again(wire);
	proof_again(wire);
	origin_again(wire);
	frontier_again(wire);
	return 0;
}
