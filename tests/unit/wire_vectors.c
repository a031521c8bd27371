/*
 * The published vectors, spec/vectors/entry.txt, whose form stands at its head.
 * tools/check-vectors.py checks the same file with an implementation of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/text.h"
#include "tree/commit.h"
#include "tree/note.h"
#include "wire/entry.h"
#include "wire/fields.h"
#include "wire/range.h"
#include "wire_help.h"

#define FILE_MOST   (1u << 20)
#define LINES_MOST  64
#define VALUES_MOST 8192
#define LEAVES_MOST 64
#define KEPT_MOST   (64u * 1024)

struct line {
	struct bytes key, value;
};

/* One block: what is given, and what is to come out, both in order. */
struct block {
	unsigned    ngiven, nwanted, next;
	struct line given[LINES_MOST], wanted[LINES_MOST];
};

static uint8_t	   file[FILE_MOST];
static struct hash leaves[LEAVES_MOST];
static unsigned	   nleaves, nblocks;
static uint8_t	   values[VALUES_MOST]; /* decoded hexadecimal of one block */
static size_t	   values_used;
static uint8_t	   wire[64 * 1024];

/* An entry that a row of a later block shows; what its views point to lies in `kept_bytes`. */
static struct kept {
	struct bytes name, header, body;
	struct salt  salt;
	struct hash  commitment;
} kept[LEAVES_MOST];
static unsigned nkept;
static uint8_t	kept_bytes[KEPT_MOST];
static size_t	kept_used;

/* ---- reading the form ---- */

static struct bytes word(struct bytes *rest)
{
	size_t n = 0;

	while (n < rest->n && rest->at[n] != ' ')
		n++;
	struct bytes w = bytes_of(rest->at, n);
	size_t	     gap = n < rest->n ? 1 : 0;
	*rest = bytes_of(rest->at + n + gap, rest->n - n - gap);
	return w;
}

static uint64_t number(struct bytes text)
{
	uint64_t v = 0;

	assert_int_equal(decimal_read(text, &v), ERR_OK);
	return v;
}

static struct bytes hexed(struct bytes text)
{
	struct bytes v = bytes_of(values + values_used, bytes_is(text, "-") ? 0 : text.n / 2);

	assert_true(values_used + v.n <= VALUES_MOST);
	if (v.n > 0)
		assert_int_equal(hex_read(text, values + values_used, v.n), ERR_OK);
	values_used += v.n;
	return v;
}

static void hexed_into(struct bytes text, void *out, size_t n)
{
	assert_int_equal(hex_read(text, out, n), ERR_OK);
}

static struct line line_split(struct bytes text)
{
	size_t n = 0;

	while (n + 1 < text.n && !(text.at[n] == ':' && text.at[n + 1] == ' '))
		n++;
	assert_true(n + 2 <= text.n);
	return (struct line){bytes_of(text.at, n), bytes_of(text.at + n + 2, text.n - n - 2)};
}

/* ---- comparing ---- */

static void expect(struct block *b, const char *key, struct bytes value)
{
	assert_true(b->next < b->nwanted);
	const struct line *l = &b->wanted[b->next++];

	if (!bytes_is(l->key, key) || !bytes_equal(l->value, value))
		fail_msg("%.*s: %s should be %.*s", (int)b->given[0].value.n, (const char *)b->given[0].value.at, key, (int)l->value.n,
			 (const char *)l->value.at);
}

static void expect_hex(struct block *b, const char *key, const void *at, size_t n)
{
	static char text[2 * HEADER_MOST + 1];

	hex_write(at, n, text);
	expect(b, key, bytes_text(text));
}

static void expect_hash(struct block *b, const char *key, struct hash h)
{
	expect_hex(b, key, h.b, HASH_SIZE);
}

/* ---- an entry ---- */

struct given_entry {
	struct entry entry;
	struct bytes body[HEADER_PARTS_MOST];
	uint16_t     log;
};

static void re_given(struct header *h, struct bytes v)
{
	if (bytes_is(v, "none"))
		return;
	hexed_into(word(&v), h->re.epoch, sizeof h->re.epoch);
	h->re.index = number(word(&v));
	hexed_into(v, h->re.leaf.b, HASH_SIZE);
}

static void part_given(struct given_entry *g, struct bytes v)
{
	struct header *h = &g->entry.header;
	unsigned       i = h->nparts++;

	assert_true(i < HEADER_PARTS_MOST);
	h->part[i].type = (uint8_t)number(word(&v));
	h->part[i].retention = (uint8_t)number(word(&v));
	h->part[i].placement = (uint8_t)number(word(&v));
	hexed_into(word(&v), g->entry.part[i].salt.b, SALT_SIZE);
	g->body[i] = hexed(v);
	h->part[i].commitment = part_commit(&g->entry.part[i].salt, g->body[i]);
	g->entry.part[i].body = g->body[i];
}

static void attr_given(struct header *h, struct bytes v)
{
	uint16_t type = (uint16_t)number(word(&v));

	assert_true(h->nattrs < HEADER_ATTRS_MOST);
	h->attr[h->nattrs++] = (struct attr){type, hexed(v)};
}

static bool number_given(struct header *h, const struct line *l)
{
	if (bytes_is(l->key, "kind"))
		h->kind = (uint8_t)number(l->value);
	else if (bytes_is(l->key, "flags"))
		h->flags = (uint16_t)number(l->value);
	else if (bytes_is(l->key, "index"))
		h->index = number(l->value);
	else if (bytes_is(l->key, "time_ms"))
		h->time_ms = number(l->value);
	else if (bytes_is(l->key, "not_after_ms"))
		h->not_after_ms = number(l->value);
	else if (bytes_is(l->key, "clause"))
		h->clause = (uint16_t)number(l->value);
	else if (bytes_is(l->key, "aseq"))
		h->aseq = number(l->value);
	else if (bytes_is(l->key, "seen_size"))
		h->seen_size = number(l->value);
	else if (bytes_is(l->key, "status"))
		h->status = (uint16_t)number(l->value);
	else
		return false;
	return true;
}

static void line_given(struct given_entry *g, const struct line *l)
{
	struct header *h = &g->entry.header;

	if (number_given(h, l) || bytes_is(l->key, "entry"))
		return;
	if (bytes_is(l->key, "mid"))
		hexed_into(l->value, h->mid, MID_SIZE);
	else if (bytes_is(l->key, "agreement"))
		hexed_into(l->value, h->agreement.b, HASH_SIZE);
	else if (bytes_is(l->key, "seen_epoch"))
		hexed_into(l->value, h->seen_epoch, sizeof h->seen_epoch);
	else if (bytes_is(l->key, "header_salt"))
		hexed_into(l->value, g->entry.salt.b, SALT_SIZE);
	else if (bytes_is(l->key, "log"))
		g->log = (uint16_t)number(l->value);
	else if (bytes_is(l->key, "re"))
		re_given(h, l->value);
	else if (bytes_is(l->key, "part"))
		part_given(g, l->value);
	else if (bytes_is(l->key, "attr"))
		attr_given(h, l->value);
	else
		fail_msg("unknown line");
}

static void frame_check(struct block *b, struct given_entry *g)
{
	struct builder frame = builder_on(wire, sizeof wire);
	struct entry   back;
	uint16_t       log;
	char	       size[24];

	entry_frame_write(&frame, g->log, &g->entry);
	assert_int_equal(frame.err, ERR_OK);
	snprintf(size, sizeof size, "%zu", frame.n);
	expect(b, "frame_size", bytes_text(size));
	expect_hash(b, "frame_hash", hash_bytes(builder_bytes(&frame)));
	assert_int_equal(entry_frame_read(bytes_of(wire + FRAME_HEAD, frame.n - FRAME_HEAD), &log, &back), ERR_OK);
	assert_true(bytes_equal(back.header_wire, g->entry.header_wire));
}

static struct bytes kept_put(struct bytes v)
{
	assert_true(kept_used + v.n <= KEPT_MOST);
	struct bytes at = bytes_of(kept_bytes + kept_used, v.n);
	memcpy(kept_bytes + kept_used, v.at, v.n);
	kept_used += v.n;
	return at;
}

static void entry_keep(struct bytes name, const struct entry *e, const struct hash *commitment)
{
	struct builder body = builder_on(wire, sizeof wire);

	assert_true(nkept < LEAVES_MOST);
	entry_body_write(&body, e);
	kept[nkept++] = (struct kept){kept_put(name), kept_put(e->header_wire), kept_put(builder_bytes(&body)), e->salt, *commitment};
}

static void entry_check(struct block *b)
{
	static uint8_t	   header[HEADER_MOST];
	struct given_entry g = {0};
	struct builder	   built = builder_on(header, sizeof header);
	uint8_t		   stored[ENTRY_SIZE];

	for (unsigned i = 0; i < b->ngiven; i++)
		line_given(&g, &b->given[i]);
	header_write(&built, &g.entry.header);
	assert_int_equal(built.err, ERR_OK);
	g.entry.header_wire = builder_bytes(&built);
	struct hash commitment = header_commit(&g.entry.salt, g.entry.header_wire);
	stored[0] = 1;
	memcpy(stored + 1, commitment.b, HASH_SIZE);

	for (unsigned i = 0; i < g.entry.header.nparts; i++)
		expect_hash(b, "part_commitment", g.entry.header.part[i].commitment);
	expect_hex(b, "header", built.at, built.n);
	expect_hash(b, "header_commitment", commitment);
	expect_hex(b, "entry", stored, ENTRY_SIZE);
	expect_hash(b, "leaf", entry_leaf(&commitment));
	assert_true(nleaves < LEAVES_MOST);
	leaves[nleaves++] = entry_leaf(&commitment);
	frame_check(b, &g);
	entry_keep(b->given[0].value, &g.entry, &commitment);
}

/* ---- GET and RANGE ---- */

static struct bytes given(const struct block *b, const char *key)
{
	for (unsigned i = 0; i < b->ngiven; i++)
		if (bytes_is(b->given[i].key, key))
			return b->given[i].value;
	fail_msg("%s is missing", key);
	return BYTES_NONE;
}

static struct bytes payload_of(const struct builder *frame)
{
	assert_int_equal(frame->err, ERR_OK);
	return bytes_of(frame->at + FRAME_HEAD, frame->n - FRAME_HEAD);
}

static void get_check(struct block *b)
{
	struct get_frame f = {given(b, "origin"), number(given(b, "from")), number(given(b, "to"))}, back;
	struct builder	 frame = builder_on(wire, sizeof wire);

	get_frame_write(&frame, &f);
	expect_hex(b, "frame", frame.at, frame.n);
	assert_int_equal(get_frame_read(payload_of(&frame), &back), ERR_OK);
	assert_true(bytes_equal(back.origin, f.origin) && back.from == f.from && back.to == f.to);
}

static const struct kept *kept_named(struct bytes name)
{
	for (unsigned i = 0; i < nkept; i++)
		if (bytes_equal(kept[i].name, name))
			return &kept[i];
	fail_msg("no entry %.*s", (int)name.n, (const char *)name.at);
	return NULL;
}

static uint8_t form_named(struct bytes name)
{
	if (bytes_is(name, "full"))
		return ROW_FULL;
	return bytes_is(name, "purged") ? ROW_PURGED : ROW_BARE;
}

/* "none", or "size root signature", which the log key of checkpoint.txt verifies. */
static const struct checkpoint_frame *checkpoint_given(struct bytes v, struct bytes origin)
{
	static struct checkpoint_frame f;
	struct checkpoint	       c = {0};
	struct sign_key		       key;
	uint8_t			       seed[SIGN_SEED];

	if (bytes_is(v, "none"))
		return NULL;
	f.size = c.size = number(word(&v));
	hexed_into(word(&v), f.root.b, HASH_SIZE);
	hexed_into(v, f.sig.b, SIGN_SIZE);
	c.root = tree_root(leaves, f.size);
	assert_true(hash_equal(&c.root, &f.root));
	assert_true(origin.n < ORIGIN_MOST);
	memcpy(c.origin, origin.at, origin.n);
	memset(seed, 0xa1, sizeof seed);
	sign_key_from_seed(&key, seed);
	assert_int_equal(checkpoint_verify(&key.pub, &c, &f.sig), ERR_OK);
	return &f;
}

/* Each row is taken for what it is; its commitment is that of the entry, whatever its form. */
static void rows_check(const struct block *b, const struct range_frame *f)
{
	struct bytes rows = f->rows;
	uint64_t     index = f->from;

	for (unsigned i = 0; i < b->ngiven; i++) {
		struct bytes v = b->given[i].value;
		struct entry e;
		struct hash  commitment;
		uint8_t	     form;

		if (!bytes_is(b->given[i].key, "row"))
			continue;
		uint8_t		   wanted = form_named(word(&v));
		const struct kept *k = kept_named(v);
		assert_int_equal(range_row_next(&rows, index++, &form, &e, &commitment), ERR_OK);
		assert_int_equal(form, wanted);
		assert_true(hash_equal(&commitment, &k->commitment));
		assert_true(bytes_equal(e.header_wire, form == ROW_BARE ? BYTES_NONE : k->header));
	}
	assert_int_equal(rows.n, 0);
	assert_int_equal(index, f->from + f->n);
}

static void range_vector_check(struct block *b)
{
	struct bytes	   origin = given(b, "origin");
	struct builder	   frame = builder_on(wire, sizeof wire);
	struct range_frame back;
	uint16_t	   n = 0;
	size_t		   begun = range_frame_begin(&frame, origin, number(given(b, "from")));

	for (unsigned i = 0; i < b->ngiven; i++) {
		struct bytes v = b->given[i].value;

		if (!bytes_is(b->given[i].key, "row"))
			continue;
		uint8_t		   form = form_named(word(&v));
		const struct kept *k = kept_named(v);
		range_row_write(&frame, form, &k->salt, k->header, k->body, &k->commitment);
		n++;
	}
	range_frame_end(&frame, begun, n, checkpoint_given(given(b, "checkpoint"), origin));
	expect_hex(b, "frame", frame.at, frame.n);
	assert_int_equal(range_frame_read(payload_of(&frame), &back), ERR_OK);
	assert_int_equal(back.n, n);
	rows_check(b, &back);
}

static bool range_is_taken(struct bytes payload)
{
	struct range_frame f;
	struct entry	   e;
	struct hash	   commitment;
	uint8_t		   form;

	if (range_frame_read(payload, &f) != ERR_OK)
		return false;
	for (unsigned i = 0; i < f.n; i++)
		if (range_row_next(&f.rows, f.from + i, &form, &e, &commitment) != ERR_OK)
			return false;
	return true;
}

/* ---- the other sorts ---- */

static void record_check(struct block *b)
{
	struct fields  f = {0};
	struct builder built = builder_on(wire, sizeof wire);

	for (unsigned i = 1; i < b->ngiven; i++) {
		struct bytes value = b->given[i].value;
		struct bytes name = word(&value);

		assert_int_equal(fields_add(&f, name, value), ERR_OK);
	}
	fields_write(&built, &f);
	expect_hex(b, "record", built.at, built.n);
	assert_int_equal(fields_read(builder_bytes(&built), &f), ERR_OK);
}

static void tree_check(struct block *b)
{
	uint64_t n = number(b->given[0].value);

	assert_true(n <= nleaves);
	expect_hash(b, "root", tree_root(leaves, n));
}

static bool is_taken(const struct line *l)
{
	struct header	 h;
	struct get_frame get;

	if (bytes_is(l->key, "range"))
		return range_is_taken(hexed(l->value));
	if (bytes_is(l->key, "get"))
		return get_frame_read(hexed(l->value), &get) == ERR_OK;
	return header_read(hexed(l->value), &h) == ERR_OK;
}

static void reject_check(struct block *b)
{
	assert_int_equal(b->ngiven, 2);
	if (is_taken(&b->given[1]))
		fail_msg("%.*s was accepted", (int)b->given[0].value.n, (const char *)b->given[0].value.at);
}

static void block_check(struct block *b)
{
	if (b->ngiven == 0)
		return;
	if (bytes_is(b->given[0].key, "entry"))
		entry_check(b);
	else if (bytes_is(b->given[0].key, "record"))
		record_check(b);
	else if (bytes_is(b->given[0].key, "tree"))
		tree_check(b);
	else if (bytes_is(b->given[0].key, "get"))
		get_check(b);
	else if (bytes_is(b->given[0].key, "range"))
		range_vector_check(b);
	else if (bytes_is(b->given[0].key, "reject"))
		reject_check(b);
	else
		fail_msg("unknown block");
	assert_int_equal(b->next, b->nwanted);
	nblocks++;
}

static void line_add(struct block *b, struct bytes text)
{
	if (text.at[0] == '#')
		return;
	bool wanted = text.at[0] == '=';
	assert_true(b->ngiven < LINES_MOST && b->nwanted < LINES_MOST);
	if (wanted)
		b->wanted[b->nwanted++] = line_split(bytes_of(text.at + 2, text.n - 2));
	else
		b->given[b->ngiven++] = line_split(text);
}

static void the_vectors_come_out(void **state)
{
	(void)state;
	char	     path[4096];
	struct block b = {0};

	assert_int_equal(crypto_start(), ERR_OK);
	snprintf(path, sizeof path, "%s/spec/vectors/entry.txt", getenv("MITHAQ_SOURCE"));
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	struct cursor c = cursor_on(bytes_of(file, fread(file, 1, sizeof file, f)));
	fclose(f);

	while (cursor_left(&c) > 0) {
		struct bytes text = cursor_line(&c);

		assert_int_equal(cursor_err(&c), ERR_OK);
		if (text.n > 0) {
			line_add(&b, text);
			continue;
		}
		block_check(&b);
		b = (struct block){0};
		values_used = 0;
	}
	block_check(&b);
	assert_true(nblocks > 60);
}

/* Another salt, commitment or length is another digest: the vectors cannot agree by accident. */
static void another_input_is_another_digest(void **state)
{
	(void)state;
	struct hash commitment = {{1}}, other = {{2}};
	struct salt salt = {{3}}, other_salt = {{4}};
	struct hash a = header_commit(&salt, bytes_text("header")), b = header_commit(&other_salt, bytes_text("header"));

	assert_false(hash_equal(&a, &b));
	a = entry_leaf(&commitment);
	b = entry_leaf(&other);
	assert_false(hash_equal(&a, &b));
	a = part_commit(&salt, bytes_text(""));
	b = part_commit(&salt, bytes_of("\0", 1));
	assert_false(hash_equal(&a, &b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors_come_out),
		cmocka_unit_test(another_input_is_another_digest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
