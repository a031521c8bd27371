#include "evidence/bundle.h"

#include <stdio.h>

#include "evidence/layout.h"
#include "evidence/place.h"
#include "tree/commit.h"

#define ARENA_MOST	    (8u << 20)
#define MANIFEST_MOST	    (64u * 1024)
#define AGREEMENT_NOTE_MOST (AGREEMENT_TEXT_MOST + 4096)
#define ITEM_WORD_AT	    10 /* in "item 0001 question" */

/* The file as a row of files of which one is seen ahead. */
struct shelf {
	struct cursor	cursor;
	struct tar_file next;
	bool		has;
	struct fault   *fault;
};

enum err bundle_broken(struct fault *fault, enum err e, const char *at, const char *found)
{
	return fault_at(fault, e, 0, at, found, "the bundle is not as it was made; ask for the original", "الحزمة ليست كما أُنشئت؛ اطلب الأصل");
}

static void shelf_step(struct shelf *s)
{
	s->has = tar_next(&s->cursor, &s->next);
}

static bool shelf_shows(const struct shelf *s, const char *name)
{
	return s->has && strcmp(s->next.name, name) == 0;
}

static enum err shelf_take(struct shelf *s, const char *name, size_t most, struct bytes *out)
{
	if (cursor_err(&s->cursor) != ERR_OK)
		return bundle_broken(s->fault, cursor_err(&s->cursor), name, NULL);
	if (!shelf_shows(s, name))
		return bundle_broken(s->fault, ERR_MISSING, name, s->has ? s->next.name : "the end of the file");
	if (s->next.body.n > most)
		return bundle_broken(s->fault, ERR_TOO_LONG, name, NULL);
	*out = s->next.body;
	shelf_step(s);
	return ERR_OK;
}

static enum err shelf_take_salt(struct shelf *s, const char *name, struct salt *out)
{
	struct bytes body = BYTES_NONE;
	enum err     e = shelf_take(s, name, SALT_SIZE, &body);

	if (e != ERR_OK)
		return e;
	if (body.n != SALT_SIZE)
		return bundle_broken(s->fault, ERR_SHORT, name, NULL);
	memcpy(out->b, body.at, SALT_SIZE);
	return ERR_OK;
}

/* ---- manifest ---- */

static bool role_kind(struct bytes word, uint8_t *kind)
{
	for (unsigned k = 0; k <= UINT8_MAX; k++) {
		const char *known = role_word((uint8_t)k);

		if (known != NULL && bytes_is(word, known)) {
			*kind = (uint8_t)k;
			return true;
		}
	}
	return false;
}

static enum err manifest_lines(struct cursor *c, uint8_t mid[static MID_SIZE], uint8_t kinds[static EVIDENCE_ITEMS_MOST], size_t *n)
{
	struct cursor exchange;

	if (!bytes_is(cursor_line(c), MANIFEST_FIRST))
		return ERR_VERSION;
	exchange = cursor_on(cursor_line(c));
	cursor_take(&exchange, strlen("exchange "));
	if (hex_read(cursor_rest(&exchange), mid, MID_SIZE) != ERR_OK)
		return ERR_MALFORMED;
	for (*n = 0; cursor_left(c) > 0 && cursor_err(c) == ERR_OK; ++*n) {
		struct cursor line = cursor_on(cursor_line(c));

		if (*n == EVIDENCE_ITEMS_MOST)
			return ERR_TOO_LONG;
		cursor_take(&line, ITEM_WORD_AT);
		if (!role_kind(cursor_rest(&line), &kinds[*n]))
			return ERR_VALUE;
	}
	return cursor_end(c);
}

/* Reads loosely, writes it again and compares: that is strict. */
static enum err manifest_read(struct bytes text, uint8_t mid[static MID_SIZE], uint8_t kinds[static EVIDENCE_ITEMS_MOST], size_t *n)
{
	struct cursor c = cursor_on(text);
	struct buffer again = {.most = MANIFEST_MOST};
	enum err      e = manifest_lines(&c, mid, kinds, n);

	if (e == ERR_OK)
		e = manifest_write(&again, mid, kinds, *n);
	if (e == ERR_OK && !bytes_equal(buffer_bytes(&again), text))
		e = ERR_NOT_CANONICAL;
	buffer_done(&again);
	return e;
}

/* ---- one item ---- */

static enum err part_read(struct shelf *s, struct item *item, unsigned number, unsigned place)
{
	const struct part_entry *entry = &item->header.part[place];
	struct salt		 salt;
	struct hash		 commitment;
	char			 name[TAR_NAME_MOST + 1];
	enum err		 e;

	part_file_name(number, place, false, name);
	if (!shelf_shows(s, name))
		return ERR_OK;
	if ((e = shelf_take(s, name, INLINE_MOST, &item->part[place])) != ERR_OK)
		return e;
	part_file_name(number, place, true, name);
	if ((e = shelf_take_salt(s, name, &salt)) != ERR_OK)
		return e;
	commitment = part_commit(&salt, item->part[place]);
	if (!hash_equal(&commitment, &entry->commitment))
		return bundle_broken(s->fault, ERR_COMMITMENT, name, NULL);
	item->disclosed[place] = true;
	return ERR_OK;
}

static enum err place_check(struct item *item, uint64_t index, const struct proof *path)
{
	enum err e = origin_read(bytes_text(item->checkpoint.origin), &item->origin);

	if (e != ERR_OK)
		return e;
	if (index != item->header.index)
		return ERR_ORDER;
	return inclusion_verify(&item->leaf, index, item->checkpoint.size, path, &item->checkpoint.root);
}

static enum err signed_place_check(struct item *item, struct bytes text)
{
	struct tlog_proof proof;
	struct note	  note;
	enum err	  e;

	if ((e = tlog_proof_read(text, &proof)) != ERR_OK)
		return e;
	if ((e = note_read(proof.note, &note)) != ERR_OK)
		return e;
	if ((e = checkpoint_read(note.text, &item->checkpoint)) != ERR_OK)
		return e;
	item->note = proof.note;
	return place_check(item, proof.index, &proof.path);
}

static enum err unsigned_place_check(struct item *item, struct bytes text)
{
	struct unsigned_place place;
	enum err	      e = unsigned_place_read(text, &place);

	if (e != ERR_OK)
		return e;
	item->checkpoint = place.checkpoint;
	return place_check(item, place.index, &place.path);
}

static enum err proof_read(struct shelf *s, struct item *item, unsigned number)
{
	struct bytes text = BYTES_NONE;
	char	     name[TAR_NAME_MOST + 1];
	enum err     e;

	item_file_name(number, "place", name);
	item->has_note = !shelf_shows(s, name);
	if (item->has_note)
		item_file_name(number, "proof", name);
	if ((e = shelf_take(s, name, PROOF_TEXT_MOST, &text)) != ERR_OK)
		return e;
	e = item->has_note ? signed_place_check(item, text) : unsigned_place_check(item, text);
	return e != ERR_OK ? bundle_broken(s->fault, e, name, NULL) : ERR_OK;
}

static enum err item_read(struct shelf *s, struct item *item, unsigned number, uint8_t kind)
{
	struct bytes wire = BYTES_NONE;
	struct salt  salt;
	struct hash  commitment;
	char	     name[TAR_NAME_MOST + 1];
	enum err     e;

	snprintf(item->at, sizeof item->at, "items/%04u", number);
	item_file_name(number, "header", name);
	if ((e = shelf_take(s, name, HEADER_MOST, &wire)) != ERR_OK)
		return e;
	if ((e = header_read(wire, &item->header)) != ERR_OK)
		return bundle_broken(s->fault, e, name, NULL);
	if (item->header.kind != kind)
		return bundle_broken(s->fault, ERR_VALUE, name, kind_name(item->header.kind));
	item_file_name(number, "salt", name);
	if ((e = shelf_take_salt(s, name, &salt)) != ERR_OK)
		return e;
	commitment = header_commit(&salt, wire);
	item->leaf = entry_leaf(&commitment);
	for (unsigned place = 0; place < item->header.nparts && e == ERR_OK; place++)
		e = part_read(s, item, number, place);
	return e != ERR_OK ? e : proof_read(s, item, number);
}

/* ---- all of it ---- */

static bool items_ascend(const struct item *a, const struct item *b)
{
	int by_origin = strcmp(a->checkpoint.origin, b->checkpoint.origin);

	return by_origin < 0 || (by_origin == 0 && a->header.index < b->header.index);
}

static enum err items_read(struct shelf *s, struct bundle *b, const uint8_t *kinds)
{
	enum err e;

	b->item = arena_take(&b->arena, b->n * sizeof *b->item);
	if (b->item == NULL)
		return ERR_MEMORY;
	for (size_t i = 0; i < b->n; i++) {
		if ((e = item_read(s, &b->item[i], (unsigned)i + 1, kinds[i])) != ERR_OK)
			return e;
		if (i > 0 && !items_ascend(&b->item[i - 1], &b->item[i]))
			return bundle_broken(s->fault, ERR_ORDER, b->item[i].at, NULL);
	}
	return ERR_OK;
}

/* As many as there are; which ones must be there is check.h's. */
static enum err cards_read(struct shelf *s, struct bundle *b)
{
	char	 name[TAR_NAME_MOST + 1];
	enum err e = ERR_OK;

	while (e == ERR_OK && b->ncards < EVIDENCE_CARDS_MOST) {
		card_file_name(b->ncards + 1, name);
		if (b->ncards >= 2 && !shelf_shows(s, name))
			return ERR_OK;
		e = shelf_take(s, name, CARD_MOST, &b->card[b->ncards++]);
	}
	return e;
}

static enum err files_read(struct shelf *s, struct bundle *b)
{
	uint8_t	     kinds[EVIDENCE_ITEMS_MOST];
	struct bytes manifest = BYTES_NONE;
	enum err     e;

	if ((e = shelf_take(s, "manifest", MANIFEST_MOST, &manifest)) != ERR_OK)
		return e;
	if ((e = manifest_read(manifest, b->mid, kinds, &b->n)) != ERR_OK)
		return bundle_broken(s->fault, e, "manifest", NULL);
	if (b->n == 0)
		return bundle_broken(s->fault, ERR_MISSING, "items/0001", NULL);
	if ((e = shelf_take(s, "agreement", AGREEMENT_NOTE_MOST, &b->agreement)) != ERR_OK)
		return e;
	if ((e = cards_read(s, b)) != ERR_OK)
		return e;
	if ((e = items_read(s, b, kinds)) != ERR_OK)
		return e;
	if (s->has)
		return bundle_broken(s->fault, ERR_TRAILING, s->next.name, "a file that nothing uses");
	e = cursor_end(&s->cursor);
	return e != ERR_OK ? bundle_broken(s->fault, e, "the end of the file", NULL) : ERR_OK;
}

enum err bundle_read(struct bytes file, struct bundle *out, struct fault *fault)
{
	struct shelf  s = {.cursor = cursor_on(file), .fault = fault};
	struct bundle b = {.n = 0};
	enum err      e;

	if (file.n > EVIDENCE_MOST)
		return bundle_broken(fault, ERR_TOO_LONG, "the file", NULL);
	arena_init(&b.arena, ARENA_MOST);
	shelf_step(&s);
	e = files_read(&s, &b);
	if (e == ERR_OK)
		*out = b;
	else
		arena_done(&b.arena);
	return e;
}

void bundle_done(struct bundle *b)
{
	arena_done(&b->arena);
}
