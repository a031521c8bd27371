/*
 * tlog_proof.c: one entry's proof as a file of lines.
 *
 *   c2sp.org/tlog-proof@v1 LF
 *   index SP decimal LF
 *   base64(hash) LF            one per step, leaf's sibling first; at most 64
 *   LF
 *   the signed checkpoint
 */
#include "tree/note.h"

#define FIRST_LINE "c2sp.org/tlog-proof@v1"
#define INDEX_WORD "index "

void tlog_proof_write(struct builder *b, const struct tlog_proof *p)
{
	char	       base64[BASE64_SIZE(HASH_SIZE)];
	char	       index[24];
	struct builder digits = builder_on(index, sizeof index);
	build_format(&digits, "%llu\n", (unsigned long long)p->index);
	build_text(b, FIRST_LINE "\n" INDEX_WORD);
	build_bytes(b, builder_bytes(&digits));
	for (unsigned i = 0; i < p->path.n; i++) {
		base64_write(bytes_of(p->path.at[i].b, HASH_SIZE), base64);
		build_text(b, base64);
		build_text(b, "\n");
	}
	build_text(b, "\n");
	build_bytes(b, p->note);
}

/* An "extra" line, which the format permits, is refused: it would be unsigned bytes inside evidence. */
static enum err index_read(struct bytes line, uint64_t *out)
{
	struct cursor c = cursor_on(line);
	if (!bytes_is(cursor_take(&c, strlen(INDEX_WORD)), INDEX_WORD))
		return ERR_MALFORMED;
	return decimal_read(cursor_rest(&c), out);
}

static enum err step_read(struct bytes line, struct proof *path)
{
	struct hash step;
	size_t	    n = HASH_SIZE;
	if (path->n == PROOF_MOST)
		return ERR_TOO_LONG;
	enum err e = base64_read(line, step.b, &n);
	if (e != ERR_OK || n != HASH_SIZE)
		return e == ERR_NOT_CANONICAL ? e : ERR_MALFORMED;
	path->at[path->n++] = step;
	return ERR_OK;
}

/* The note must be a checkpoint that covers the index. */
static enum err proof_note_check(const struct tlog_proof *p)
{
	struct note	  note;
	struct checkpoint checkpoint;
	enum err	  e = note_read(p->note, &note);
	if (e == ERR_OK)
		e = checkpoint_read(note.text, &checkpoint);
	if (e != ERR_OK)
		return e;
	return p->index < checkpoint.size ? ERR_OK : ERR_PROOF;
}

enum err tlog_proof_read(struct bytes wire, struct tlog_proof *out)
{
	struct tlog_proof read;
	struct cursor	  c = cursor_on(wire);
	memset(&read, 0, sizeof read);
	if (!bytes_is(cursor_line(&c), FIRST_LINE))
		return ERR_MALFORMED;
	struct bytes index = cursor_line(&c);
	enum err     e = cursor_err(&c) == ERR_OK ? index_read(index, &read.index) : cursor_err(&c);
	if (e != ERR_OK)
		return e;
	for (struct bytes line = cursor_line(&c); line.n > 0; line = cursor_line(&c)) {
		e = step_read(line, &read.path);
		if (e != ERR_OK)
			return e;
	}
	read.note = cursor_rest(&c);
	if (cursor_err(&c) != ERR_OK)
		return cursor_err(&c);
	e = proof_note_check(&read);
	if (e == ERR_OK)
		*out = read;
	return e;
}
