/* build.c: lays items out as a bundle. It sorts, names and writes; it signs nothing and checks no signature. */
#include <stdlib.h>

#include "evidence/evidence.h"
#include "evidence/layout.h"
#include "evidence/place.h"

/* One item on its way into the file: the caller's, and what sorting needs. */
struct sorted {
	const struct evidence_item *item;
	char			    origin[ORIGIN_MOST];
	struct header		    header;
};

static int sorted_compare(const void *left, const void *right)
{
	const struct sorted *a = left, *b = right;
	int		     by_origin = strcmp(a->origin, b->origin);

	if (by_origin != 0)
		return by_origin;
	return a->header.index < b->header.index ? -1 : a->header.index > b->header.index;
}

static enum err sorted_fill(struct sorted *out, const struct evidence_item *item)
{
	enum err e = origin_write(&item->origin, out->origin);

	out->item = item;
	return e != ERR_OK ? e : header_read(item->header, &out->header);
}

/* The entries in their order, without a TALLY that does not count this agreement. */
struct shelf {
	struct sorted *item;
	size_t	       n;
};

static enum err shelf_fill(struct shelf *s, const struct evidence_input *in, const struct hash *agreement)
{
	for (size_t i = 0; i < in->n; i++) {
		enum err e = sorted_fill(&s->item[s->n], &in->item[i]);

		if (e != ERR_OK)
			return e;
		if (s->item[s->n].header.kind != KIND_TALLY || tally_counts(&s->item[s->n].header, agreement))
			s->n++;
	}
	return ERR_OK;
}

static enum err shelf_sort(struct shelf *s, const struct evidence_input *in)
{
	struct note note;
	struct hash agreement;
	enum err    e = note_read(in->agreement, &note);

	if (e != ERR_OK)
		return e;
	agreement = hash_bytes(note.text);
	if ((e = shelf_fill(s, in, &agreement)) != ERR_OK)
		return e;
	qsort(s->item, s->n, sizeof *s->item, sorted_compare);
	for (size_t i = 1; i < s->n; i++)
		if (sorted_compare(&s->item[i - 1], &s->item[i]) == 0)
			return ERR_DUPLICATE;
	return ERR_OK;
}

static enum err add_manifest(const struct evidence_input *in, const struct shelf *s, struct buffer *out)
{
	uint8_t	      kinds[EVIDENCE_ITEMS_MOST];
	struct buffer text = {.most = EVIDENCE_MOST};
	enum err      e;

	for (size_t i = 0; i < s->n; i++)
		kinds[i] = s->item[i].header.kind;
	e = manifest_write(&text, in->mid, kinds, s->n);
	if (e == ERR_OK)
		e = tar_add(out, "manifest", buffer_bytes(&text));
	buffer_done(&text);
	return e;
}

/* The cards, read for the keys whose names stand on signature lines, in order of their parties' names and their serials. */
struct held_card {
	struct card  card;
	struct bytes note;
};

struct cards {
	unsigned	 n;
	struct held_card at[EVIDENCE_CARDS_MOST];
};

static int card_compare(const void *left, const void *right)
{
	const struct held_card *a = left, *b = right;
	int			by_party = strcmp(a->card.party, b->card.party);

	if (by_party != 0)
		return by_party;
	return a->card.serial < b->card.serial ? -1 : a->card.serial > b->card.serial;
}

static enum err cards_read(const struct evidence_input *in, struct cards *out)
{
	enum err e = ERR_OK;

	for (out->n = 0; e == ERR_OK && out->n < EVIDENCE_CARDS_MOST && in->card[out->n].n > 0; out->n++) {
		out->at[out->n].note = in->card[out->n];
		e = card_read(in->card[out->n], &out->at[out->n].card, NULL);
	}
	if (e == ERR_OK && out->n < 2)
		e = ERR_MISSING;
	if (e == ERR_OK)
		qsort(out->at, out->n, sizeof out->at[0], card_compare);
	return e;
}

typedef const struct public_key *key_of_card_fn(const struct card *card, const char *channel);
typedef bool			 key_made_fn(const struct public_key *key, const struct checkpoint *c, const struct evidence_item *item);

static bool made_signature(const struct public_key *key, const struct checkpoint *c, const struct evidence_item *item)
{
	return checkpoint_verify(key, c, &item->signature) == ERR_OK;
}

static bool made_receipt(const struct public_key *key, const struct checkpoint *c, const struct evidence_item *item)
{
	return receipt_verify(key, c, item->receipt_s, &item->receipt) == ERR_OK;
}

static bool is_among(const struct public_key *const *keys, unsigned n, const struct public_key *key)
{
	for (unsigned i = 0; i < n; i++)
		if (public_key_equal(keys[i], key))
			return true;
	return false;
}

/* Of a party's keys that by which it verifies, where there are several; the latest when none does. NULL: it has none. */
static const struct public_key *key_find(const struct cards *cards, const char *party, key_of_card_fn *key_of, key_made_fn *made,
					 const struct checkpoint *c, const struct evidence_item *item)
{
	const struct public_key *known[EVIDENCE_CARDS_MOST];
	unsigned		 n = 0;

	for (unsigned i = cards->n; i-- > 0;) {
		const struct card	*card = &cards->at[i].card;
		const struct public_key *key = strcmp(card->party, party) == 0 ? key_of(card, item->origin.channel) : NULL;

		if (key != NULL && !is_among(known, n, key))
			known[n++] = key;
	}
	for (unsigned i = 0; n > 1 && i < n; i++)
		if (made(known[i], c, item))
			return known[i];
	return n > 0 ? known[0] : NULL;
}

static enum err note_lines_write(struct builder *b, const struct sorted *s, const struct checkpoint *c, const struct cards *cards)
{
	const struct evidence_item *item = s->item;
	const struct public_key	   *log = key_find(cards, item->origin.author, card_log_key, made_signature, c, item);
	const struct public_key	   *receipt = key_find(cards, item->origin.reader, card_receipt_key, made_receipt, c, item);
	char			    name[RECEIPT_NAME_MOST];

	if (log == NULL || receipt == NULL)
		return ERR_KEY;
	receipt_key_name(item->origin.reader, name);
	build_text(b, "\n");
	if (item->has_signature)
		note_line_ed25519(b, bytes_text(s->origin), log, &item->signature);
	if (item->has_receipt)
		note_line_cosignature(b, bytes_text(name), receipt, item->receipt_s, &item->receipt);
	return b->err;
}

static void proof_write(struct builder *b, const struct sorted *s, const struct checkpoint *c, const struct cards *cards)
{
	uint8_t	       memory[PROOF_TEXT_MOST];
	struct builder note = builder_on(memory, sizeof memory);

	checkpoint_write(&note, c);
	if (note_lines_write(&note, s, c, cards) != ERR_OK)
		b->err = note.err != ERR_OK ? note.err : ERR_KEY;
	tlog_proof_write(b, &(struct tlog_proof){.index = s->header.index, .path = s->item->path, .note = builder_bytes(&note)});
}

static void place_write(struct builder *b, const struct sorted *s, const struct checkpoint *c)
{
	unsigned_place_write(b, &(struct unsigned_place){.index = s->header.index, .path = s->item->path, .checkpoint = *c});
}

static enum err add_proof(const struct sorted *s, unsigned number, const struct cards *cards, struct buffer *out)
{
	uint8_t		  memory[PROOF_TEXT_MOST];
	struct builder	  b = builder_on(memory, sizeof memory);
	struct checkpoint c = {.size = s->item->size, .root = s->item->root};
	bool		  any = s->item->has_signature || s->item->has_receipt;
	char		  name[TAR_NAME_MOST + 1];

	memcpy(c.origin, s->origin, sizeof c.origin);
	if (any)
		proof_write(&b, s, &c, cards);
	else
		place_write(&b, s, &c);
	if (b.err != ERR_OK)
		return b.err;
	item_file_name(number, any ? "proof" : "place", name);
	return tar_add(out, name, builder_bytes(&b));
}

static enum err add_part(const struct evidence_part *part, unsigned number, unsigned place, struct buffer *out)
{
	char	 name[TAR_NAME_MOST + 1];
	enum err e;

	if (!part->disclosed)
		return ERR_OK;
	part_file_name(number, place, false, name);
	if ((e = tar_add(out, name, part->body)) != ERR_OK)
		return e;
	part_file_name(number, place, true, name);
	return tar_add(out, name, bytes_of(part->salt.b, SALT_SIZE));
}

static enum err add_item(const struct sorted *s, unsigned number, const struct cards *cards, struct buffer *out)
{
	char	 name[TAR_NAME_MOST + 1];
	enum err e;

	item_file_name(number, "header", name);
	if ((e = tar_add(out, name, s->item->header)) != ERR_OK)
		return e;
	item_file_name(number, "salt", name);
	if ((e = tar_add(out, name, bytes_of(s->item->salt.b, SALT_SIZE))) != ERR_OK)
		return e;
	for (unsigned place = 0; place < s->header.nparts && e == ERR_OK; place++)
		e = add_part(&s->item->part[place], number, place, out);
	return e != ERR_OK ? e : add_proof(s, number, cards, out);
}

static enum err add_all(const struct evidence_input *in, const struct shelf *s, const struct cards *cards, struct buffer *out)
{
	char	 name[TAR_NAME_MOST + 1];
	enum err e = add_manifest(in, s, out);

	if (e == ERR_OK)
		e = tar_add(out, "agreement", in->agreement);
	for (unsigned i = 0; i < cards->n && e == ERR_OK; i++) {
		card_file_name(i + 1, name);
		e = tar_add(out, name, cards->at[i].note);
	}
	for (size_t i = 0; i < s->n && e == ERR_OK; i++)
		e = add_item(&s->item[i], (unsigned)i + 1, cards, out);
	return e != ERR_OK ? e : tar_end(out);
}

static enum err build_with(const struct evidence_input *in, struct cards *cards, struct shelf *shelf, struct buffer *out)
{
	enum err e = cards_read(in, cards);

	if (e == ERR_OK)
		e = shelf_sort(shelf, in);
	return e == ERR_OK ? add_all(in, shelf, cards, out) : e;
}

enum err evidence_build(const struct evidence_input *in, struct buffer *out)
{
	size_t	     before = out->n;
	struct shelf shelf = {.n = 0};
	enum err     e = ERR_MEMORY;

	if (in->n == 0 || in->n > EVIDENCE_ITEMS_MOST)
		return ERR_TOO_LONG;
	struct cards *cards = calloc(1, sizeof *cards);
	shelf.item = calloc(in->n, sizeof *shelf.item);
	if (cards != NULL && shelf.item != NULL)
		e = build_with(in, cards, &shelf, out);
	free(cards);
	free(shelf.item);
	if (e != ERR_OK)
		out->n = before;
	return e;
}
