#include "evidence/place.h"

#define FIRST_LINE "mithaq/place/1"
#define INDEX_WORD "index "

void unsigned_place_write(struct builder *b, const struct unsigned_place *p)
{
	char base64[BASE64_SIZE(HASH_SIZE)];

	build_format(b, FIRST_LINE "\n" INDEX_WORD "%llu\n", (unsigned long long)p->index);
	for (unsigned i = 0; i < p->path.n; i++) {
		base64_write(bytes_of(p->path.at[i].b, HASH_SIZE), base64);
		build_text(b, base64);
		build_text(b, "\n");
	}
	build_text(b, "\n");
	checkpoint_write(b, &p->checkpoint);
}

static enum err index_read(struct bytes line, uint64_t *out)
{
	struct cursor c = cursor_on(line);

	if (!bytes_is(cursor_take(&c, strlen(INDEX_WORD)), INDEX_WORD))
		return ERR_MALFORMED;
	return decimal_read(cursor_rest(&c), out);
}

static enum err step_read(struct bytes line, struct proof *path)
{
	size_t n = HASH_SIZE;

	if (path->n == PROOF_MOST)
		return ERR_TOO_LONG;
	if (line.n != BASE64_SIZE(HASH_SIZE) - 1 || base64_read(line, path->at[path->n].b, &n) != ERR_OK)
		return ERR_MALFORMED;
	path->n++;
	return n == HASH_SIZE ? ERR_OK : ERR_MALFORMED;
}

enum err unsigned_place_read(struct bytes wire, struct unsigned_place *out)
{
	struct unsigned_place read;
	struct cursor	      c = cursor_on(wire);
	enum err	      e;

	memset(&read, 0, sizeof read);
	if (!bytes_is(cursor_line(&c), FIRST_LINE))
		return ERR_MALFORMED;
	e = index_read(cursor_line(&c), &read.index);
	for (struct bytes line = cursor_line(&c); line.n > 0 && e == ERR_OK; line = cursor_line(&c))
		e = step_read(line, &read.path);
	if (e == ERR_OK)
		e = cursor_err(&c);
	if (e == ERR_OK)
		e = checkpoint_read(cursor_rest(&c), &read.checkpoint);
	if (e == ERR_OK)
		*out = read;
	return e;
}
