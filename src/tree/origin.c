/* origin.c: the name of one log: "<author>/mithaq/<reader>/<channel>/<epoch as 32 hex>". */
#include "tree/note.h"

#define EPOCH_TEXT (2 * EPOCH_SIZE)

static enum err origin_check(const struct origin *o)
{
	enum err e = party_name_check(bytes_text(o->author));
	if (e == ERR_OK)
		e = party_name_check(bytes_text(o->reader));
	return e != ERR_OK ? e : name_check(bytes_text(o->channel));
}

enum err origin_write(const struct origin *o, char out[ORIGIN_MOST])
{
	char	 epoch[EPOCH_TEXT + 1], text[ORIGIN_MOST];
	enum err e = origin_check(o);
	if (e != ERR_OK)
		return e;
	hex_write(o->epoch.b, EPOCH_SIZE, epoch);
	struct builder b = builder_on(text, sizeof text);
	build_format(&b, "%s/mithaq/%s/%s/%s", o->author, o->reader, o->channel, epoch);
	build_u8(&b, 0);
	if (b.err != ERR_OK)
		return ERR_TOO_LONG;
	memcpy(out, text, b.n);
	return ERR_OK;
}

/* The piece up to the next '/', which is consumed; ERR_MALFORMED without one. */
static struct bytes piece_take(struct cursor *c)
{
	struct cursor  ahead = *c;
	struct bytes   rest = cursor_rest(&ahead);
	const uint8_t *slash = rest.n > 0 ? memchr(rest.at, '/', rest.n) : NULL;
	if (slash == NULL) {
		cursor_fail(c, ERR_MALFORMED);
		return BYTES_NONE;
	}
	struct bytes piece = cursor_take(c, (size_t)(slash - rest.at));
	(void)cursor_take(c, 1);
	return piece;
}

/* Both kinds of names fit their fields once checked: 128 and 48 bytes and a NUL. */
static void name_take(struct cursor *c, enum err (*check)(struct bytes), char *out, size_t size)
{
	struct bytes name = piece_take(c);
	enum err     e = cursor_err(c) == ERR_OK ? check(name) : cursor_err(c);
	if (e == ERR_OK && name.n >= size)
		e = ERR_TOO_LONG;
	if (e != ERR_OK) {
		cursor_fail(c, e);
		return;
	}
	if (name.n > 0)
		memcpy(out, name.at, name.n);
}

enum err origin_read(struct bytes text, struct origin *out)
{
	struct origin read;
	struct cursor c = cursor_on(text);
	if (text.n >= ORIGIN_MOST)
		return ERR_TOO_LONG;
	memset(&read, 0, sizeof read);
	name_take(&c, party_name_check, read.author, sizeof read.author);
	if (!bytes_is(piece_take(&c), "mithaq"))
		cursor_fail(&c, ERR_MALFORMED);
	name_take(&c, party_name_check, read.reader, sizeof read.reader);
	name_take(&c, name_check, read.channel, sizeof read.channel);
	enum err e = cursor_err(&c);
	if (e == ERR_OK)
		e = hex_read(cursor_rest(&c), read.epoch.b, EPOCH_SIZE);
	if (e == ERR_OK)
		*out = read;
	return e;
}
