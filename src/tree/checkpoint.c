/*
 * checkpoint.c: the head of a log at one size, as text.
 *
 *   origin LF              visible ASCII without '+', because it is the key's name as well
 *   size LF                decimal, no leading zero
 *   base64(root) LF        44 letters
 */
#include "tree/note.h"

#define CHECKPOINT_TEXT_MOST (ORIGIN_MOST + 20 + BASE64_SIZE(HASH_SIZE) + 3)

void checkpoint_write(struct builder *b, const struct checkpoint *c)
{
	char root[BASE64_SIZE(HASH_SIZE)];
	char size[24];
	base64_write(bytes_of(c->root.b, HASH_SIZE), root);
	struct builder digits = builder_on(size, sizeof size);
	build_format(&digits, "%llu\n", (unsigned long long)c->size);
	build_text(b, c->origin);
	build_text(b, "\n");
	build_bytes(b, builder_bytes(&digits));
	build_text(b, root);
	build_text(b, "\n");
}

static enum err origin_line_check(struct bytes line)
{
	if (line.n >= ORIGIN_MOST)
		return ERR_TOO_LONG;
	for (size_t i = 0; i < line.n; i++)
		if (line.at[i] <= ' ' || line.at[i] > '~' || line.at[i] == '+')
			return ERR_MALFORMED;
	return line.n > 0 ? ERR_OK : ERR_MALFORMED;
}

/* "007" is a number written otherwise; "x7" is none. */
static enum err size_read(struct bytes line, uint64_t *out)
{
	enum err e = decimal_read(line, out);
	if (e != ERR_MALFORMED || line.n < 2 || line.at[0] != '0')
		return e;
	for (size_t i = 0; i < line.n; i++)
		if (line.at[i] < '0' || line.at[i] > '9')
			return e;
	return ERR_NOT_CANONICAL;
}

static enum err root_read(struct bytes line, struct hash *out)
{
	struct hash root;
	size_t	    n = HASH_SIZE;
	enum err    e = base64_read(line, root.b, &n);
	if (e != ERR_OK || n != HASH_SIZE)
		return e == ERR_NOT_CANONICAL ? e : ERR_MALFORMED;
	*out = root;
	return ERR_OK;
}

enum err checkpoint_read(struct bytes text, struct checkpoint *out)
{
	struct checkpoint read;
	struct cursor	  c = cursor_on(text);
	struct bytes	  origin = cursor_line(&c);
	struct bytes	  size = cursor_line(&c);
	struct bytes	  root = cursor_line(&c);
	if (cursor_err(&c) != ERR_OK)
		return cursor_err(&c);
	memset(&read, 0, sizeof read);
	enum err e = origin_line_check(origin);
	if (e == ERR_OK)
		e = size_read(size, &read.size);
	if (e == ERR_OK)
		e = root_read(root, &read.root);
	if (e != ERR_OK)
		return e;
	if (cursor_left(&c) > 0)
		return ERR_NOT_CANONICAL; /* extension lines: permitted by the format, not by us */
	memcpy(read.origin, origin.at, origin.n);
	*out = read;
	return ERR_OK;
}

void checkpoint_sign(const struct sign_key *key, const struct checkpoint *c, struct signature *out)
{
	uint8_t	       text[CHECKPOINT_TEXT_MOST];
	struct builder b = builder_on(text, sizeof text);
	checkpoint_write(&b, c);
	memset(out, 0, sizeof *out);
	if (b.err == ERR_OK)
		sign_bytes(key, builder_bytes(&b), out);
}

enum err checkpoint_verify(const struct public_key *log_key, const struct checkpoint *c, const struct signature *sig)
{
	uint8_t	       text[CHECKPOINT_TEXT_MOST];
	struct builder b = builder_on(text, sizeof text);
	checkpoint_write(&b, c);
	if (b.err != ERR_OK)
		return b.err;
	return sign_verify(log_key, builder_bytes(&b), sig);
}
