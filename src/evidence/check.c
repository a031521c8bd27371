#include "evidence/check.h"

#include <stdio.h>

#include "evidence/layout.h"

const struct bytes *item_part(const struct item *item, uint8_t type)
{
	for (unsigned i = 0; i < item->header.nparts; i++)
		if (item->header.part[i].type == type && item->header.part[i].placement == PLACED_INLINE)
			return item->disclosed[i] ? &item->part[i] : NULL;
	return NULL;
}

/* ---- agreement and cards ---- */

static enum err agreement_check(struct evidence_case *c, struct fault *fault)
{
	enum err e = agreement_open_unpinned(c->bundle.agreement, &c->agreement, fault);

	if (e != ERR_OK && fault != NULL && fault->at[0] == '\0')
		return bundle_broken(fault, e, "agreement", NULL);
	return e;
}

static bool same_roots(const struct public_key a[static 2], const struct public_key b[static 2])
{
	return public_key_equal(&a[0], &b[0]) && public_key_equal(&a[1], &b[1]);
}

/* A ring is a view here: its cards stand in the arena, its notes in the file. */
static enum err ring_put(struct evidence_case *c, unsigned party, unsigned at, const struct card *card, struct bytes note)
{
	struct keyring *k = &c->ring[party];

	if (k->n == KEYRING_CARDS_MOST)
		return ERR_TOO_LONG;
	struct card *kept = arena_take(&c->bundle.arena, sizeof *kept);
	struct bytes text = arena_copy(&c->bundle.arena, note);
	if (kept == NULL || text.at == NULL)
		return ERR_MEMORY;
	*kept = *card;
	memmove(&k->card[at + 1], &k->card[at], (k->n - at) * sizeof k->card[0]);
	memmove(&k->note[at + 1], &k->note[at], (k->n - at) * sizeof k->note[0]);
	memmove(&k->note_size[at + 1], &k->note_size[at], (k->n - at) * sizeof k->note_size[0]);
	k->card[at] = kept;
	k->note[at] = (uint8_t *)(uintptr_t)text.at;
	k->note_size[at] = text.n;
	k->n++;
	return ERR_OK;
}

/* Of one of the two parties, of the agreement's environment, after the one before it. */
static enum err card_check(struct evidence_case *c, struct bytes note, const struct card *before, struct card *out)
{
	enum err e = card_read(note, out, NULL);
	int	 at;

	if (e != ERR_OK)
		return e;
	at = agreement_party(c->agreement, bytes_text(out->party));
	if (at < 0)
		return ERR_VALUE;
	if (out->live != c->agreement->live)
		return ERR_KEY;
	int by_party = before != NULL ? strcmp(before->party, out->party) : -1;
	if (by_party > 0 || (by_party == 0 && before->serial >= out->serial))
		return ERR_ORDER;
	return ring_put(c, (unsigned)at, c->ring[at].n, out, note);
}

/* A later card vouches for one before it that it names, or that one of its own roots signed. */
static bool vouches(const struct card *later, const struct card *earlier, struct bytes note)
{
	struct note read;
	char	    name[PARTY_MOST + 8];

	if (later->serial == earlier->serial + 1)
		return hash_equal(&later->previous, &earlier->id);
	if (note_read(note, &read) != ERR_OK)
		return false;
	snprintf(name, sizeof name, "%s/root", earlier->party);
	for (unsigned i = 0; i < read.n; i++)
		for (unsigned k = 0; k < 2; k++)
			if (note_signed_by(&read, i, bytes_text(name), &later->root[k]))
				return true;
	return false;
}

/*
 * The roots that the agreement names for a party stand on one of its cards, its anchor.
 * Each later card succeeds the one before it; each earlier one is vouched for as well, because
 * whoever made the file could write a card and put somebody's public root on it.
 */
static enum err ring_check(struct evidence_case *c, unsigned party)
{
	const struct keyring *k = &c->ring[party];
	unsigned	      anchor = 0;

	while (anchor < k->n && !same_roots(k->card[anchor]->root, c->agreement->party[party].root))
		anchor++;
	if (anchor == k->n)
		return k->n == 0 ? ERR_MISSING : ERR_KEY;
	c->anchor[party] = k->card[anchor];
	for (unsigned i = 0; i + 1 < k->n; i++) {
		enum err e = card_succeeds(k->card[i], k->card[i + 1], keyring_note(k, i + 1));

		if (e == ERR_OK && i < anchor && !vouches(k->card[i + 1], k->card[i], keyring_note(k, i)))
			e = ERR_KEY;
		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}

static enum err cards_check(struct evidence_case *c, struct fault *fault)
{
	struct card card, before;
	char	    name[TAR_NAME_MOST + 1];

	for (unsigned i = 0; i < c->bundle.ncards; i++) {
		enum err e = card_check(c, c->bundle.card[i], i > 0 ? &before : NULL, &card);

		card_file_name(i + 1, name);
		if (e != ERR_OK)
			return bundle_broken(fault, e, name, NULL);
		before = card;
	}
	for (unsigned party = 0; party < 2; party++) {
		enum err e = ring_check(c, party);

		if (e != ERR_OK)
			return bundle_broken(fault, e, "cards", c->agreement->party[party].name);
	}
	return ERR_OK;
}

/* ---- what the verifier brought along ---- */

static enum err pin_agreement(struct evidence_case *c, struct bytes pin, struct fault *fault)
{
	if (pin.n == 0)
		return ERR_OK;
	if (!bytes_equal(pin, c->agreement->text) && !bytes_equal(pin, c->bundle.agreement))
		return fault_at(fault, ERR_VALUE, 0, "agreement", "another agreement than the one in the file you gave",
				"compare the two texts; only the one signed on paper counts", "قارن النصين؛ المعوَّل عليه هو الموقَّع على الورق");
	c->agreement_pinned = true;
	return ERR_OK;
}

static bool has_roots_of(const struct keyring *k, const struct card *card)
{
	for (unsigned i = 0; i < k->n; i++)
		if (same_roots(k->card[i]->root, card->root))
			return true;
	return false;
}

/* Where a given card stands among those of the file; false: it is one of them. */
static bool ring_place(const struct keyring *k, const struct card *card, unsigned *at)
{
	*at = 0;
	for (unsigned i = 0; i < k->n; i++) {
		if (hash_equal(&k->card[i]->id, &card->id))
			return false;
		if (k->card[i]->serial <= card->serial)
			*at = i + 1;
	}
	return true;
}

/* Whoever makes a bundle chooses its cards, and might leave out one that revokes: those that the verifier was given count as well. */
static enum err pin_card(struct evidence_case *c, struct bytes pin, struct fault *fault)
{
	struct card card;
	unsigned    place;
	enum err    e;
	int	    at;

	if (pin.n == 0)
		return ERR_OK;
	if ((e = card_read(pin, &card, fault)) != ERR_OK)
		return e;
	at = agreement_party(c->agreement, bytes_text(card.party));
	if (at < 0 || (!has_roots_of(&c->ring[at], &card) && card_succeeds(keyring_card(&c->ring[at]), &card, pin) != ERR_OK))
		return fault_at(fault, ERR_KEY, 0, "cards", "other root keys than those on the card you gave",
				"compare the fingerprints with the paper annex", "قارن البصمات بالملحق الورقي");
	if (same_roots(card.root, c->anchor[at]->root))
		c->card_same[at] = true;
	else
		c->card_on[at] = true;
	if (!ring_place(&c->ring[at], &card, &place))
		return ERR_OK;
	e = ring_put(c, (unsigned)at, place, &card, pin);
	return e == ERR_OK ? ERR_OK : fault_at(fault, e, 0, "cards", "", "give fewer cards", "قدّم بطاقات أقل");
}

static enum err pins_check(struct evidence_case *c, const struct pins *pins, struct fault *fault)
{
	enum err e;

	if (pins == NULL)
		return ERR_OK;
	if ((e = pin_agreement(c, pins->agreement, fault)) != ERR_OK)
		return e;
	for (unsigned i = 0; i < EVIDENCE_GIVEN_MOST && e == ERR_OK; i++)
		e = pin_card(c, pins->card[i], fault);
	return e;
}

/* ---- signatures ---- */

static bool line_is_by(const struct note *note, unsigned i, const char *name, const struct public_key *key, unsigned body_n)
{
	return i < note->n && note->at[i].body_n == body_n && note_signed_by(note, i, bytes_text(name), key);
}

static uint64_t cosignature_time(const struct note_signature *sig)
{
	struct cursor c = cursor_on(bytes_of(sig->body, 8));

	return cursor_u64(&c);
}

/* By which of these keys the line is, and whether it counts here. */
static enum key_word line_judge(const struct keyring *ring, const struct public_key *const *key, unsigned nkeys, const struct note *note, unsigned i,
				const char *name, unsigned body_n, const struct item *item)
{
	for (unsigned k = 0; k < nkeys; k++)
		if (line_is_by(note, i, name, key[k], body_n))
			return keyring_judge(ring, key[k], &item->origin.epoch, item->checkpoint.size);
	return KEY_UNKNOWN;
}

/* The author's line, then the reader's; each may be missing, nothing else may stand there. */
static enum err lines_check(const struct evidence_case *c, struct item *item, unsigned author)
{
	const struct keyring	*authors = &c->ring[author], *readers = &c->ring[1 - author];
	const struct public_key *key[KEYRING_KEYS_MOST];
	struct note		 note;
	char			 name[RECEIPT_NAME_MOST];
	unsigned		 i = 0, n;
	enum err		 e = note_read(item->note, &note);

	if (e != ERR_OK)
		return e;
	n = keyring_log_keys(authors, item->origin.channel, key);
	enum key_word word = line_judge(authors, key, n, &note, i, item->checkpoint.origin, SIGN_SIZE, item);
	item->has_signature = word == KEY_GOOD;
	item->key_revoked = word == KEY_REVOKED;
	i += word != KEY_UNKNOWN;
	receipt_key_name(item->origin.reader, name);
	n = keyring_receipt_keys(readers, item->origin.channel, key);
	word = line_judge(readers, key, n, &note, i, name, 8 + SIGN_SIZE, item);
	item->has_receipt = word == KEY_GOOD;
	item->receipt_revoked = word == KEY_REVOKED;
	if (word == KEY_GOOD)
		item->receipt_s = cosignature_time(&note.at[i]);
	i += word != KEY_UNKNOWN;
	return i == note.n ? ERR_OK : ERR_SIGNATURE;
}

/* Neighbours often share one checkpoint: what was verified once is not verified again. */
static bool lines_known(struct item *item, const struct item *before)
{
	if (before == NULL || !before->has_note || !bytes_equal(before->note, item->note))
		return false;
	item->has_signature = before->has_signature;
	item->key_revoked = before->key_revoked;
	item->has_receipt = before->has_receipt;
	item->receipt_revoked = before->receipt_revoked;
	item->receipt_s = before->receipt_s;
	return true;
}

static enum err signatures_check(const struct evidence_case *c, struct item *item, const struct item *before)
{
	int author = agreement_party(c->agreement, bytes_text(item->origin.author));
	int reader = agreement_party(c->agreement, bytes_text(item->origin.reader));

	if (author < 0 || reader < 0 || author == reader)
		return ERR_VALUE;
	if (!item->has_note || lines_known(item, before))
		return ERR_OK;
	return lines_check(c, item, (unsigned)author);
}

/* One tree has one root: two roots for one size are a fork, and no evidence for anything else. */
static bool forks(const struct item *a, const struct item *b)
{
	return strcmp(a->checkpoint.origin, b->checkpoint.origin) == 0 && a->checkpoint.size == b->checkpoint.size &&
	       !hash_equal(&a->checkpoint.root, &b->checkpoint.root);
}

static enum err forks_check(const struct bundle *b, const struct item *item)
{
	for (const struct item *i = b->item; i < item; i++)
		if (forks(i, item))
			return ERR_FORK;
	return ERR_OK;
}

/* ---- coverage: a signature, or the next epoch's GENESIS that is itself covered ---- */

static bool genesis_names(const struct item *genesis, const struct item *item)
{
	const struct attr *attr = header_attr(&genesis->header, ATTR_PREVIOUS);
	struct previous	   p;

	if (genesis->header.kind != KIND_GENESIS || attr == NULL || previous_read(attr->value, &p) != ERR_OK)
		return false;
	return strcmp(genesis->origin.author, item->origin.author) == 0 && strcmp(genesis->origin.channel, item->origin.channel) == 0 &&
	       memcmp(p.epoch, item->origin.epoch.b, EPOCH_SIZE) == 0 && p.size == item->checkpoint.size &&
	       hash_equal(&p.root, &item->checkpoint.root);
}

static bool cover(const struct bundle *b, struct item *item)
{
	for (size_t i = 0; i < b->n && !item->covered; i++)
		item->covered = b->item[i].covered && genesis_names(&b->item[i], item);
	return item->covered;
}

/*
 * Covers what can be covered; each round goes back one epoch, so it ends. `revoked`: what a
 * revoked key signed covers too, only to tell what leads to such a signature from what leads to none.
 */
static void coverage_spread(struct bundle *b, bool revoked)
{
	bool more = true;

	for (size_t i = 0; i < b->n; i++)
		b->item[i].covered = b->item[i].has_signature || (revoked && b->item[i].key_revoked);
	while (more) {
		more = false;
		for (size_t i = 0; i < b->n; i++)
			if (!b->item[i].covered && cover(b, &b->item[i]))
				more = true;
	}
}

/* Every item leads to a signature of its author; those that lead to none that counts stay uncovered. */
static enum err coverage_check(struct bundle *b, struct fault *fault)
{
	coverage_spread(b, true);
	for (size_t i = 0; i < b->n; i++)
		if (!b->item[i].covered)
			return bundle_broken(fault, ERR_SIGNATURE, b->item[i].at, "no signature of its author leads here");
	coverage_spread(b, false);
	return ERR_OK;
}

/* ---- what each kind must be ---- */

static bool belongs(const struct header *h, const struct hash *agreement)
{
	if (h->kind == KIND_GENESIS)
		return h->index == 0;
	if (h->kind == KIND_TALLY)
		return tally_counts(h, agreement);
	if (h->kind == KIND_REPLY && (h->flags & FLAG_HAS_RE) == 0)
		return false;
	return hash_equal(&h->agreement, agreement);
}

static enum err item_check(struct evidence_case *c, struct item *item, const struct item *before)
{
	enum err e = signatures_check(c, item, before);

	if (e == ERR_OK)
		e = forks_check(&c->bundle, item);
	if (e != ERR_OK)
		return e;
	if (strcmp(item->origin.channel, c->bundle.item[0].origin.channel) != 0)
		return ERR_VALUE;
	return belongs(&item->header, &c->agreement->id) ? ERR_OK : ERR_VALUE;
}

static enum err items_check(struct evidence_case *c, struct fault *fault)
{
	struct bundle *b = &c->bundle;

	for (size_t i = 0; i < b->n; i++) {
		enum err e = item_check(c, &b->item[i], i > 0 ? &b->item[i - 1] : NULL);

		if (e != ERR_OK)
			return bundle_broken(fault, e, b->item[i].at, NULL);
	}
	return coverage_check(b, fault);
}

/* ---- the question and its answers ---- */

static enum err question_find(struct evidence_case *c, struct fault *fault)
{
	for (size_t i = 0; i < c->bundle.n; i++) {
		const struct item *item = &c->bundle.item[i];

		if (item->header.kind != KIND_QUERY || memcmp(item->header.mid, c->bundle.mid, MID_SIZE) != 0)
			continue;
		if (c->question != NULL)
			return bundle_broken(fault, ERR_DUPLICATE, item->at, "a second question of this id");
		c->question = item;
	}
	if (c->question == NULL)
		return bundle_broken(fault, ERR_MISSING, "manifest", "no question of this id");
	c->asker = (unsigned)agreement_party(c->agreement, bytes_text(c->question->origin.author));
	return ERR_OK;
}

static bool speaks_of(const struct item *reply, const struct item *question)
{
	return reply->header.kind == KIND_REPLY && reply->header.re.index == question->header.index &&
	       memcmp(reply->header.re.epoch, question->origin.epoch.b, EPOCH_SIZE) == 0;
}

/* An answer names the very leaf, comes from the other party, and stands under the same clause. */
static bool answers(const struct item *reply, const struct item *question)
{
	return hash_equal(&reply->header.re.leaf, &question->leaf) && strcmp(reply->origin.author, question->origin.reader) == 0 &&
	       reply->header.clause == question->header.clause;
}

static enum err answers_find(struct evidence_case *c, struct fault *fault)
{
	for (size_t i = 0; i < c->bundle.n; i++) {
		const struct item *item = &c->bundle.item[i];

		if (!speaks_of(item, c->question))
			continue;
		if (!answers(item, c->question))
			return bundle_broken(fault, ERR_VALUE, item->at, "it answers another question");
		if (c->nanswers + c->nrevoked == EVIDENCE_ANSWERS_MOST)
			return bundle_broken(fault, ERR_TOO_LONG, item->at, "more answers than the limit");
		if (item->covered)
			c->answer[c->nanswers++] = item;
		else
			c->revoked[c->nrevoked++] = item;
	}
	return ERR_OK;
}

/* ---- all of it, cheap before dear ---- */

static enum err all_check(struct evidence_case *c, const struct pins *pins, struct fault *fault)
{
	enum err e;

	if ((e = agreement_check(c, fault)) != ERR_OK)
		return e;
	if ((e = cards_check(c, fault)) != ERR_OK)
		return e;
	if ((e = pins_check(c, pins, fault)) != ERR_OK)
		return e;
	if ((e = items_check(c, fault)) != ERR_OK)
		return e;
	if ((e = question_find(c, fault)) != ERR_OK)
		return e;
	return answers_find(c, fault);
}

enum err case_open(struct bytes file, const struct pins *pins, struct evidence_case *out, struct fault *fault)
{
	enum err e;

	memset(out, 0, sizeof *out);
	if ((e = bundle_read(file, &out->bundle, fault)) != ERR_OK)
		return e;
	if ((e = all_check(out, pins, fault)) != ERR_OK)
		case_close(out);
	return e;
}

void case_close(struct evidence_case *c)
{
	agreement_free(c->agreement);
	c->agreement = NULL;
	bundle_done(&c->bundle);
}
