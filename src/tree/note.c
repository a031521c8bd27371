/*
 * note.c: signed notes.
 *
 * The text may hold empty lines, so the signatures are what follows the *last*
 * empty line. A signature's base 64 holds
 *
 *   offset 0   4 bytes    key id
 *   offset 4   64 bytes   Ed25519 signature                       (type 0x01)
 *   offset 4   8 + 64     seconds since 1970, Ed25519 signature   (type 0x04)
 */
#include <utf8proc.h>

#include "tree/note.h"

#define LINE_START     "\xe2\x80\x94 " /* EM DASH, SP */
#define ID_SIZE	       4
#define TIME_SIZE      8
#define SIGNATURE_MOST (ID_SIZE + TIME_SIZE + SIGN_SIZE)

/* ---- reading ---- */

/* The characters with the White_Space property of Unicode beyond ASCII. */
static bool is_unicode_space(utf8proc_int32_t point)
{
	return point == 0x85 || point == 0xA0 || point == 0x1680 || (point >= 0x2000 && point <= 0x200A) || point == 0x2028 || point == 0x2029 ||
	       point == 0x202F || point == 0x205F || point == 0x3000;
}

/* Valid UTF-8 without ASCII control characters but LF. */
static enum err note_bytes_check(struct bytes v)
{
	for (size_t at = 0; at < v.n;) {
		utf8proc_int32_t point = 0;
		utf8proc_ssize_t n = utf8proc_iterate(v.at + at, (utf8proc_ssize_t)(v.n - at), &point);
		if (n < 1)
			return ERR_UTF8;
		if (point < 0x20 && point != '\n')
			return ERR_CONTROL;
		at += (size_t)n;
	}
	return ERR_OK;
}

/* Key names are not empty and have no space, plus or line end. */
static enum err key_name_check(struct bytes name)
{
	if (name.n > NOTE_NAME_MOST)
		return ERR_TOO_LONG;
	if (name.n == 0)
		return ERR_MALFORMED;
	for (size_t at = 0; at < name.n;) {
		utf8proc_int32_t point = 0;
		utf8proc_ssize_t n = utf8proc_iterate(name.at + at, (utf8proc_ssize_t)(name.n - at), &point);
		if (n < 1)
			return ERR_UTF8;
		if (point <= ' ' || point == '+' || is_unicode_space(point))
			return ERR_MALFORMED;
		at += (size_t)n;
	}
	return ERR_OK;
}

static enum err signature_read(struct bytes base64, struct note_signature *out)
{
	uint8_t	 body[SIGNATURE_MOST];
	size_t	 n = sizeof body;
	enum err e = base64_read(base64, body, &n);
	if (e != ERR_OK)
		return e;
	if (n != ID_SIZE + SIGN_SIZE && n != SIGNATURE_MOST)
		return ERR_MALFORMED;
	memcpy(out->id, body, ID_SIZE);
	memcpy(out->body, body + ID_SIZE, n - ID_SIZE);
	out->body_n = (unsigned)(n - ID_SIZE);
	return ERR_OK;
}

/* EM DASH, SP, name, SP, base 64. */
static enum err line_read(struct bytes line, struct note_signature *out)
{
	struct cursor c = cursor_on(line);
	if (!bytes_is(cursor_take(&c, strlen(LINE_START)), LINE_START))
		return ERR_MALFORMED;
	struct bytes   rest = cursor_rest(&c);
	const uint8_t *space = rest.n > 0 ? memchr(rest.at, ' ', rest.n) : NULL;
	if (space == NULL)
		return ERR_MALFORMED;
	struct note_signature read = {.name = bytes_of(rest.at, (size_t)(space - rest.at))};
	enum err	      e = key_name_check(read.name);
	if (e == ERR_OK)
		e = signature_read(bytes_of(space + 1, rest.n - read.name.n - 1), &read);
	if (e == ERR_OK)
		*out = read;
	return e;
}

/* Where the last empty line stands: the length of the text before it, or 0 when there is none. */
static size_t text_length(struct bytes wire)
{
	for (size_t n = wire.n; n > 1; n--)
		if (wire.at[n - 1] == '\n' && wire.at[n - 2] == '\n')
			return n - 1;
	return 0;
}

enum err note_read(struct bytes wire, struct note *out)
{
	if (wire.n > INT32_MAX)
		return ERR_TOO_LONG;
	enum err e = note_bytes_check(wire);
	if (e != ERR_OK)
		return e;
	struct note   note = {.n = 0};
	struct cursor c = cursor_on(wire);
	note.text = cursor_take(&c, text_length(wire));
	(void)cursor_take(&c, 1);
	if (note.text.n == 0 || cursor_left(&c) == 0)
		return ERR_MALFORMED;
	while (cursor_left(&c) > 0) {
		struct bytes line = cursor_line(&c);
		if (cursor_err(&c) != ERR_OK)
			return cursor_err(&c);
		if (note.n == NOTE_SIGNATURES_MOST)
			return ERR_TOO_LONG;
		e = line_read(line, &note.at[note.n]);
		if (e != ERR_OK)
			return e;
		note.n++;
	}
	*out = note;
	return ERR_OK;
}

/* ---- writing ---- */

void note_key_id(struct bytes name, uint8_t type, const struct public_key *pub, uint8_t out[4])
{
	const struct bytes pieces[] = {name, bytes_text("\n"), bytes_of(&type, 1), bytes_of(pub->b, SIGN_PUBLIC)};
	struct hash	   h = hash_pieces(pieces, COUNT_OF(pieces));
	memcpy(out, h.b, ID_SIZE);
}

static void line_write(struct builder *b, struct bytes name, struct bytes signature)
{
	char	 base64[BASE64_SIZE(SIGNATURE_MOST)];
	enum err e = key_name_check(name);
	if (e != ERR_OK)
		build_fail(b, e);
	base64_write(signature, base64);
	build_text(b, LINE_START);
	build_bytes(b, name);
	build_text(b, " ");
	build_text(b, base64);
	build_text(b, "\n");
}

void note_line_ed25519(struct builder *b, struct bytes name, const struct public_key *pub, const struct signature *sig)
{
	uint8_t body[ID_SIZE + SIGN_SIZE];
	note_key_id(name, NOTE_TYPE_ED25519, pub, body);
	memcpy(body + ID_SIZE, sig->b, SIGN_SIZE);
	line_write(b, name, bytes_of(body, sizeof body));
}

void note_line_cosignature(struct builder *b, struct bytes name, const struct public_key *pub, uint64_t time_s, const struct signature *sig)
{
	uint8_t	       body[SIGNATURE_MOST], id[ID_SIZE];
	struct builder inner = builder_on(body, sizeof body);
	note_key_id(name, NOTE_TYPE_COSIGNATURE, pub, id);
	build_copy(&inner, id, ID_SIZE);
	build_u64(&inner, time_s);
	build_copy(&inner, sig->b, SIGN_SIZE);
	line_write(b, name, builder_bytes(&inner));
}

void note_sign(const struct sign_key *key, struct bytes text, struct signature *out)
{
	sign_bytes(key, text, out);
}

/* ---- verifying ---- */

static bool signed_ed25519(const struct note *n, const struct note_signature *s, const struct public_key *pub)
{
	struct signature sig;
	memcpy(sig.b, s->body, SIGN_SIZE);
	return sign_verify(pub, n->text, &sig) == ERR_OK;
}

/* Only checkpoints are cosigned: any other text under a cosignature counts for nothing. */
static bool signed_cosignature(const struct note *n, const struct note_signature *s, const struct public_key *pub)
{
	struct checkpoint checkpoint;
	struct signature  sig;
	struct cursor	  c = cursor_on(bytes_of(s->body, s->body_n));
	uint64_t	  time_s = cursor_u64(&c);
	cursor_copy(&c, sig.b, SIGN_SIZE);
	if (cursor_end(&c) != ERR_OK || checkpoint_read(n->text, &checkpoint) != ERR_OK)
		return false;
	return receipt_verify(pub, &checkpoint, time_s, &sig) == ERR_OK;
}

bool note_signed_by(const struct note *n, unsigned i, struct bytes name, const struct public_key *pub)
{
	if (i >= n->n || !bytes_equal(n->at[i].name, name))
		return false;
	const struct note_signature *s = &n->at[i];
	bool			     plain = s->body_n == SIGN_SIZE;
	uint8_t			     id[ID_SIZE];
	note_key_id(name, plain ? NOTE_TYPE_ED25519 : NOTE_TYPE_COSIGNATURE, pub, id);
	if (memcmp(id, s->id, ID_SIZE) != 0)
		return false;
	return plain ? signed_ed25519(n, s, pub) : signed_cosignature(n, s, pub);
}
