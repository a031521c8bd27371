#include "store/archive.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORM_1	      "mithaq/backup/1"
#define FORM_2	      "mithaq/backup/2"
#define MANIFEST_NAME "manifest"
#define SUM_LINE      (4 + 2 * HASH_SIZE + 1) /* "sum ", the hash, LF */

/* ---- names: a fixed list ---- */

static const struct name_form {
	const char *before, *after;
	unsigned    digits, most; /* of a number from 1; 0: none */
	bool	    hash;	  /* 64 hex digits instead */
	unsigned    form;	  /* the first that knows it */
	uint64_t    bytes_most;
} forms[ARCHIVE_KINDS] = {
	[ARCHIVE_CONFIG] = {"mithaq.yaml", "", 0, 1, false, 1, ARCHIVE_PAPER_MOST},
	[ARCHIVE_CARD] = {"card", "", 0, 1, false, 1, ARCHIVE_PAPER_MOST},
	[ARCHIVE_PARTNER] = {"partners/", ".card", 2, ARCHIVE_PARTNERS_MOST, false, 1, ARCHIVE_PAPER_MOST},
	[ARCHIVE_CARD_KEPT] = {"cards/", ".card", 4, ARCHIVE_CARDS_MOST, false, 2, ARCHIVE_PAPER_MOST},
	[ARCHIVE_CARD_TAKEN] = {"taken/", ".card", 4, ARCHIVE_CARDS_MOST, false, 2, ARCHIVE_PAPER_MOST},
	[ARCHIVE_AGREEMENT] = {"agreements/", ".agreement", 0, ARCHIVE_AGREEMENTS_MOST, true, 1, ARCHIVE_PAPER_MOST},
	[ARCHIVE_JOINED] = {"joined/", ".agreement", 0, ARCHIVE_AGREEMENTS_MOST, true, 2, ARCHIVE_PAPER_MOST},
	[ARCHIVE_PENDING] = {"pending/", ".signed-by-us", 0, ARCHIVE_AGREEMENTS_MOST, true, 2, ARCHIVE_PAPER_MOST},
	[ARCHIVE_OFFICERS] = {"officers", "", 0, 1, false, 2, ARCHIVE_PAPER_MOST},
	[ARCHIVE_ALARM] = {"alarms/", ".alarm", 4, ARCHIVE_ALARMS_MOST, false, 1, ARCHIVE_PAPER_MOST},
	[ARCHIVE_LEDGER] = {"ledger.db", "", 0, 1, false, 1, ARCHIVE_LEDGER_MOST},
};

static bool is_hash(struct bytes v)
{
	struct hash h;

	return hex_read(v, h.b, HASH_SIZE) == ERR_OK;
}

static void name_write(enum archive_kind kind, unsigned number, const char *hex, char out[static TAR_NAME_MOST + 1])
{
	const struct name_form *f = &forms[kind];

	if (f->digits > 0)
		snprintf(out, TAR_NAME_MOST + 1, "%s%0*u%s", f->before, (int)f->digits, number, f->after);
	else
		snprintf(out, TAR_NAME_MOST + 1, "%s%s%s", f->before, f->hash ? hex : "", f->after);
}

/* What is in it decides the form, so there is one way to write it. */
static const char *first_line(const struct archive_manifest *m)
{
	for (enum archive_kind kind = ARCHIVE_CONFIG; kind <= ARCHIVE_LEDGER; kind++)
		if (forms[kind].form > 1 && m->nof[kind] > 0)
			return FORM_2;
	return FORM_1;
}

/* ---- the manifest in memory ---- */

enum err archive_file_add(struct archive_manifest *m, enum archive_kind kind, unsigned number, const char *hex, struct archive_file **out)
{
	if (m->nfiles == ARCHIVE_FILES_MOST || m->nof[kind] == forms[kind].most)
		return ERR_TOO_LONG;
	if (forms[kind].hash && (hex == NULL || !is_hash(bytes_text(hex))))
		return ERR_VALUE;
	struct archive_file *f = &m->file[m->nfiles++];
	m->nof[kind]++;
	*f = (struct archive_file){.kind = kind};
	name_write(kind, number, hex, f->name);
	*out = f;
	return ERR_OK;
}

enum err archive_head_add(struct archive_manifest *m, const struct archive_head *head)
{
	if (m->nheads == ARCHIVE_HEADS_MOST)
		return ERR_TOO_LONG;
	if (m->nheads == m->room_heads) {
		unsigned	     room = m->room_heads ? 2 * m->room_heads : 16;
		struct archive_head *more = reallocarray(m->head, room, sizeof *more);

		if (more == NULL)
			return ERR_MEMORY;
		m->head = more;
		m->room_heads = room;
	}
	m->head[m->nheads++] = *head;
	return ERR_OK;
}

void archive_manifest_done(struct archive_manifest *m)
{
	free(m->head);
	m->head = NULL;
	m->nheads = m->room_heads = m->nfiles = 0;
	memset(m->nof, 0, sizeof m->nof);
}

/* ---- the manifest as text ---- */

static enum err file_write_line(const struct archive_file *f, struct buffer *out)
{
	char hex[2 * HASH_SIZE + 1];

	hex_write(f->hash.b, HASH_SIZE, hex);
	return buffer_format(out, "file %s %llu %s\n", f->name, (unsigned long long)f->size, hex);
}

static enum err head_write_line(const struct archive_head *h, struct buffer *out)
{
	char hex[2 * HASH_SIZE + 1];

	hex_write(h->root.b, HASH_SIZE, hex);
	return buffer_format(out, "log %s %s %llu %s %llu\n", h->own ? "own" : "peer", h->origin, (unsigned long long)h->size, hex,
			     (unsigned long long)h->receipted);
}

static enum err sum_write_line(struct bytes above, struct buffer *out)
{
	struct hash sum = hash_bytes(above);
	char	    hex[2 * HASH_SIZE + 1];

	hex_write(sum.b, HASH_SIZE, hex);
	return buffer_format(out, "sum %s\n", hex);
}

enum err archive_manifest_write(const struct archive_manifest *m, struct buffer *out)
{
	char   made[25];
	size_t before = out->n;

	time_write(m->made_ms, made);
	enum err e = buffer_format(out, "%s\nparty %s\nmade %s\nversion %s\n", first_line(m), m->party, made, m->version);
	for (unsigned i = 0; i < m->nfiles && e == ERR_OK; i++)
		e = file_write_line(&m->file[i], out);
	for (unsigned i = 0; i < m->nheads && e == ERR_OK; i++)
		e = head_write_line(&m->head[i], out);
	if (e == ERR_OK)
		e = sum_write_line(bytes_of(out->at + before, out->n - before), out);
	if (e != ERR_OK)
		out->n = before;
	return e;
}

/* The next word of a line, up to a space or the end. */
static struct bytes word(struct cursor *line)
{
	struct bytes rest = bytes_of(line->at, cursor_left(line));
	const void  *space = rest.n > 0 ? memchr(rest.at, ' ', rest.n) : NULL;
	size_t	     n = space != NULL ? (size_t)((const uint8_t *)space - rest.at) : rest.n;
	struct bytes taken = cursor_take(line, n);

	if (space != NULL)
		cursor_u8(line);
	return taken;
}

static void word_copy(struct cursor *line, char *out, size_t size)
{
	struct bytes v = word(line);

	if (v.n == 0 || v.n >= size || text_check(v, TEXT_LINE) != ERR_OK) {
		cursor_fail(line, ERR_VALUE);
		return;
	}
	memcpy(out, v.at, v.n);
	out[v.n] = '\0';
}

static void word_number(struct cursor *line, uint64_t *out)
{
	enum err e = decimal_read(word(line), out);

	if (e != ERR_OK)
		cursor_fail(line, e);
}

static void word_hash(struct cursor *line, struct hash *out)
{
	enum err e = hex_read(word(line), out->b, HASH_SIZE);

	if (e != ERR_OK)
		cursor_fail(line, e);
}

/* Which of the forms a name has; it must then be the next of its kind. */
static enum err file_take(struct archive_manifest *m, const char *name, struct archive_file **out)
{
	for (enum archive_kind kind = ARCHIVE_CONFIG; kind <= ARCHIVE_LEDGER; kind++) {
		const struct name_form *f = &forms[kind];
		size_t			before = strlen(f->before), n = strlen(name);
		char			hex[2 * HASH_SIZE + 1] = "", made[TAR_NAME_MOST + 1];

		if (f->hash && n > before + 2 * HASH_SIZE)
			memcpy(hex, name + before, 2 * HASH_SIZE);
		name_write(kind, m->nof[kind] + 1, hex, made);
		if (strcmp(made, name) == 0)
			return archive_file_add(m, kind, m->nof[kind] + 1, hex, out);
	}
	return ERR_UNKNOWN_KEY;
}

static enum err file_read_line(struct cursor *line, struct archive_manifest *m)
{
	char		    name[TAR_NAME_MOST + 1] = "";
	struct archive_file read = {0}, *f;

	word_copy(line, name, sizeof name);
	word_number(line, &read.size);
	word_hash(line, &read.hash);
	if (cursor_end(line) != ERR_OK)
		return cursor_end(line);
	enum err e = file_take(m, name, &f);
	if (e != ERR_OK)
		return e;
	f->size = read.size;
	f->hash = read.hash;
	if (f->size > forms[f->kind].bytes_most)
		return ERR_TOO_LONG;
	const struct archive_file *last = m->nfiles > 1 ? f - 1 : NULL;
	if (last != NULL && (last->kind > f->kind || (last->kind == f->kind && strcmp(last->name, f->name) >= 0)))
		return ERR_ORDER;
	return ERR_OK;
}

static enum err head_read_line(struct cursor *line, struct archive_manifest *m)
{
	struct archive_head h;
	struct origin	    origin;
	char		    side[8] = "";

	memset(&h, 0, sizeof h);
	word_copy(line, side, sizeof side);
	word_copy(line, h.origin, sizeof h.origin);
	word_number(line, &h.size);
	word_hash(line, &h.root);
	word_number(line, &h.receipted);
	if (cursor_end(line) != ERR_OK)
		return cursor_end(line);
	h.own = strcmp(side, "own") == 0;
	if (origin_read(bytes_text(h.origin), &origin) != ERR_OK || strcmp(h.own ? origin.author : origin.reader, m->party) != 0)
		return ERR_VALUE;
	return archive_head_add(m, &h);
}

/* "word value" as a whole line. */
static struct bytes line_value(struct cursor *c, const char *name)
{
	struct cursor line = cursor_on(cursor_line(c));

	if (!bytes_is(word(&line), name))
		cursor_fail(c, ERR_MALFORMED);
	return cursor_rest(&line);
}

static enum err front_read(struct cursor *c, struct archive_manifest *m)
{
	struct bytes form = cursor_line(c);

	if (!bytes_is(form, FORM_1) && !bytes_is(form, FORM_2))
		return ERR_VERSION;
	struct cursor party = cursor_on(line_value(c, "party"));
	struct bytes  made = line_value(c, "made");
	struct cursor version = cursor_on(line_value(c, "version"));

	word_copy(&party, m->party, sizeof m->party);
	word_copy(&version, m->version, sizeof m->version);
	if (cursor_err(c) != ERR_OK)
		return cursor_err(c);
	if (cursor_end(&party) != ERR_OK || cursor_end(&version) != ERR_OK || party_name_check(bytes_text(m->party)) != ERR_OK)
		return ERR_VALUE;
	return time_read(made, &m->made_ms);
}

static enum err rest_read(struct cursor *c, struct archive_manifest *m, unsigned *number)
{
	enum err e = ERR_OK;

	while (cursor_left(c) > 0 && e == ERR_OK) {
		struct cursor line = cursor_on(cursor_line(c));
		struct bytes  what = word(&line);

		++*number;
		if (bytes_is(what, "file") && m->nheads == 0)
			e = file_read_line(&line, m);
		else
			e = bytes_is(what, "log") ? head_read_line(&line, m) : ERR_UNKNOWN_KEY;
	}
	return e != ERR_OK ? e : cursor_err(c);
}

static enum err whole_check(const struct archive_manifest *m)
{
	if (m->nof[ARCHIVE_CONFIG] != 1 || m->nof[ARCHIVE_CARD] != 1 || m->nof[ARCHIVE_LEDGER] != 1)
		return ERR_MISSING;
	return ERR_OK;
}

static enum err same_again(struct bytes text, const struct archive_manifest *m)
{
	struct buffer again = {.most = ARCHIVE_MANIFEST_MOST};
	enum err      e = archive_manifest_write(m, &again);

	if (e == ERR_OK && !bytes_equal(buffer_bytes(&again), text))
		e = ERR_NOT_CANONICAL;
	buffer_done(&again);
	return e;
}

/* The lines above the sum, once the sum says that they are whole. */
static enum err lines_above(struct bytes text, struct bytes *out)
{
	struct buffer again = {.most = SUM_LINE};
	struct bytes  above, sum;

	if (text.n > ARCHIVE_MANIFEST_MOST)
		return ERR_TOO_LONG;
	if (text.n < SUM_LINE)
		return ERR_SHORT;
	above = bytes_of(text.at, text.n - SUM_LINE);
	sum = bytes_of(text.at + above.n, SUM_LINE);
	enum err e = sum_write_line(above, &again);
	if (e == ERR_OK && !bytes_equal(buffer_bytes(&again), sum))
		e = ERR_COMMITMENT;
	buffer_done(&again);
	if (e == ERR_OK)
		*out = above;
	return e;
}

enum err archive_manifest_read(struct bytes text, struct archive_manifest *out, struct fault *fault)
{
	struct bytes above = BYTES_NONE;
	unsigned     line = 4;
	enum err     e = lines_above(text, &above);

	memset(out, 0, sizeof *out);
	struct cursor c = cursor_on(above);
	if (e == ERR_OK)
		e = front_read(&c, out);
	if (e == ERR_OK)
		e = rest_read(&c, out, &line);
	if (e == ERR_OK)
		e = whole_check(out);
	if (e == ERR_OK)
		e = same_again(text, out);
	if (e == ERR_OK)
		return ERR_OK;
	archive_manifest_done(out);
	return fault_at(fault, e, line, MANIFEST_NAME, "", "", "");
}

/* ---- bytes to and from descriptors ---- */

static enum err put_all(int fd, struct bytes v)
{
	while (v.n > 0) {
		ssize_t n = write(fd, v.at, v.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == ENOSPC || errno == EIO || errno == EDQUOT ? ERR_DISK : ERR_FILE;
		v = bytes_of(v.at + n, v.n - (size_t)n);
	}
	return ERR_OK;
}

/* Up to n bytes; fewer only at the end of the file. */
static enum err get_upto(int fd, uint8_t *at, size_t n, size_t *got)
{
	*got = 0;
	while (*got < n) {
		ssize_t r = read(fd, at + *got, n - *got);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return ERR_FILE;
		if (r == 0)
			return ERR_OK;
		*got += (size_t)r;
	}
	return ERR_OK;
}

static enum err get_all(int fd, uint8_t *at, size_t n)
{
	size_t	 got;
	enum err e = get_upto(fd, at, n, &got);

	return e != ERR_OK ? e : got == n ? ERR_OK : ERR_SHORT;
}

/* Every piece of the next `size` bytes; the hash of them all. */
static enum err pieces(int fd, uint64_t size, archive_piece_fn *each, void *arg, struct hash *out)
{
	static const size_t room = ARCHIVE_PIECE;
	struct hashing	    hash = {0};
	uint8_t		   *piece = malloc(room);
	enum err	    e = piece == NULL ? ERR_MEMORY : hashing_begin(&hash);

	while (e == ERR_OK && size > 0) {
		size_t n = size < room ? (size_t)size : room;

		e = get_all(fd, piece, n);
		if (e == ERR_OK) {
			hashing_add(&hash, bytes_of(piece, n));
			e = each(arg, bytes_of(piece, n));
		}
		size -= n;
	}
	if (e == ERR_OK)
		*out = hashing_end(&hash);
	hashing_done(&hash);
	free(piece);
	return e;
}

/* ---- writing ---- */

static enum err rewind_to_start(int fd)
{
	return lseek(fd, 0, SEEK_SET) == 0 ? ERR_OK : ERR_FILE;
}

static enum err piece_drop(void *arg unused_arg, struct bytes piece unused_arg)
{
	return ERR_OK;
}

enum err archive_measure(int fd, struct archive_file *out)
{
	struct stat about;

	if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode) || about.st_size < 0)
		return ERR_FILE;
	if ((uint64_t)about.st_size > forms[out->kind].bytes_most)
		return ERR_TOO_LONG;
	out->size = (uint64_t)about.st_size;
	enum err e = rewind_to_start(fd);
	return e != ERR_OK ? e : pieces(fd, out->size, piece_drop, NULL, &out->hash);
}

static enum err put_head(int to, const char *name, uint64_t size)
{
	uint8_t block[TAR_BLOCK];

	tar_head_write(block, name, size);
	return put_all(to, bytes_of(block, sizeof block));
}

static enum err put_padding(int to, uint64_t size)
{
	static const uint8_t zero[TAR_BLOCK];

	return put_all(to, bytes_of(zero, tar_padding(size)));
}

enum err archive_put_manifest(int to, const struct archive_manifest *m)
{
	struct buffer text = {.most = ARCHIVE_MANIFEST_MOST};
	enum err      e = archive_manifest_write(m, &text);

	if (e == ERR_OK)
		e = put_head(to, MANIFEST_NAME, text.n);
	if (e == ERR_OK)
		e = put_all(to, buffer_bytes(&text));
	if (e == ERR_OK)
		e = put_padding(to, text.n);
	buffer_done(&text);
	return e;
}

static enum err piece_put(void *arg, struct bytes piece)
{
	return put_all(*(const int *)arg, piece);
}

enum err archive_put(int to, const struct archive_file *file, int from)
{
	struct hash hash;
	enum err    e = rewind_to_start(from);

	if (e == ERR_OK)
		e = put_head(to, file->name, file->size);
	if (e == ERR_OK)
		e = pieces(from, file->size, piece_put, &to, &hash);
	if (e == ERR_SHORT || (e == ERR_OK && !hash_equal(&hash, &file->hash)))
		return ERR_ORDER;
	return e == ERR_OK ? put_padding(to, file->size) : e;
}

enum err archive_put_end(int to)
{
	static const uint8_t zero[2 * TAR_BLOCK];

	return put_all(to, bytes_of(zero, sizeof zero));
}

/* ---- reading ---- */

static enum err get_head(int fd, const char *expected, uint64_t *size)
{
	uint8_t	 block[TAR_BLOCK];
	char	 name[TAR_NAME_MOST + 1];
	enum err e = get_all(fd, block, sizeof block);

	if (e == ERR_OK)
		e = tar_head_read(bytes_of(block, sizeof block), name, size);
	if (e == ERR_OK && strcmp(name, expected) != 0)
		e = ERR_ORDER;
	return e;
}

static enum err get_padding(int fd, uint64_t size)
{
	uint8_t	 block[TAR_BLOCK] = {0};
	enum err e = get_all(fd, block, tar_padding(size));

	return e != ERR_OK ? e : tar_block_is_zero(bytes_of(block, sizeof block)) ? ERR_OK : ERR_NOT_CANONICAL;
}

static enum err get_fault(struct fault *fault, enum err e, const char *name)
{
	return e == ERR_OK ? ERR_OK
			   : fault_at(fault, e, 0, name, "", "this backup is damaged: take another", "هذه النسخة الاحتياطية متضررة: خذ غيرها");
}

static enum err piece_keep(void *arg, struct bytes piece)
{
	return buffer_add(arg, piece);
}

/* What the whole file must measure. Sizes are limited, so the sum cannot overflow. */
static uint64_t whole_size(const struct archive_manifest *m, size_t manifest)
{
	uint64_t n = TAR_BLOCK + manifest + tar_padding(manifest) + 2 * TAR_BLOCK;

	for (unsigned i = 0; i < m->nfiles; i++)
		n += TAR_BLOCK + m->file[i].size + tar_padding(m->file[i].size);
	return n;
}

static enum err size_check(int fd, const struct archive_manifest *m, size_t manifest)
{
	struct stat about;

	if (fstat(fd, &about) != 0)
		return ERR_FILE;
	if (!S_ISREG(about.st_mode))
		return ERR_OK;
	uint64_t there = (uint64_t)about.st_size, told = whole_size(m, manifest);
	return there == told ? ERR_OK : there < told ? ERR_SHORT : ERR_TRAILING;
}

enum err archive_get_manifest(int fd, struct archive_manifest *out, struct fault *fault)
{
	struct buffer text = {.most = ARCHIVE_MANIFEST_MOST};
	struct hash   unused;
	uint64_t      size = 0;

	memset(out, 0, sizeof *out);
	enum err e = get_head(fd, MANIFEST_NAME, &size);
	if (e == ERR_OK && size > ARCHIVE_MANIFEST_MOST)
		e = ERR_TOO_LONG;
	if (e == ERR_OK)
		e = pieces(fd, size, piece_keep, &text, &unused);
	if (e == ERR_OK)
		e = get_padding(fd, size);
	e = get_fault(fault, e, MANIFEST_NAME);
	if (e == ERR_OK)
		e = archive_manifest_read(buffer_bytes(&text), out, fault);
	if (e == ERR_OK && (e = size_check(fd, out, text.n)) != ERR_OK) {
		archive_manifest_done(out);
		e = get_fault(fault, e, "the file as a whole");
	}
	buffer_done(&text);
	return e;
}

enum err archive_get(int fd, const struct archive_file *file, archive_piece_fn *each, void *arg, struct fault *fault)
{
	struct hash hash;
	uint64_t    size = 0;
	enum err    e = get_head(fd, file->name, &size);

	if (e == ERR_OK && size != file->size)
		e = ERR_ORDER;
	if (e == ERR_OK)
		e = pieces(fd, size, each, arg, &hash);
	if (e == ERR_OK && !hash_equal(&hash, &file->hash))
		e = ERR_COMMITMENT;
	if (e == ERR_OK)
		e = get_padding(fd, size);
	return get_fault(fault, e, file->name);
}

enum err archive_get_end(int fd, struct fault *fault)
{
	uint8_t	 block[2 * TAR_BLOCK + 1];
	size_t	 got;
	enum err e = get_upto(fd, block, sizeof block, &got);

	if (e == ERR_OK && got < 2 * TAR_BLOCK)
		e = ERR_SHORT;
	if (e == ERR_OK && (!tar_block_is_zero(bytes_of(block, TAR_BLOCK)) || !tar_block_is_zero(bytes_of(block + TAR_BLOCK, TAR_BLOCK))))
		e = ERR_NOT_CANONICAL;
	if (e == ERR_OK && got > 2 * TAR_BLOCK)
		e = ERR_TRAILING;
	return get_fault(fault, e, "the end");
}
