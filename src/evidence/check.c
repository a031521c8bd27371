#include "evidence/check.h"

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

/* A card counts when it is signed by a root and its roots are those that the agreement names for that party. */
static enum err card_check(struct evidence_case *c, struct bytes note, int *party)
{
	struct card card;
	enum err    e = card_read(note, &card, NULL);
	int	    at;

	if (e != ERR_OK)
		return e;
	at = agreement_party(c->agreement, bytes_text(card.party));
	if (at < 0)
		return ERR_VALUE;
	if (!same_roots(card.root, c->agreement->party[at].root) || card.live != c->agreement->live)
		return ERR_KEY;
	c->card[at] = card;
	*party = at;
	return ERR_OK;
}

static enum err cards_check(struct evidence_case *c, struct fault *fault)
{
	static const char *const names[2] = {"cards/1.card", "cards/2.card"};
	int			 at[2] = {0, 0};

	for (unsigned i = 0; i < 2; i++) {
		enum err e = card_check(c, c->bundle.card[i], &at[i]);

		if (e != ERR_OK)
			return bundle_broken(fault, e, names[i], NULL);
	}
	if (strcmp(c->card[at[0]].party, c->card[at[1]].party) >= 0)
		return bundle_broken(fault, ERR_ORDER, names[1], NULL);
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

static enum err pin_card(struct evidence_case *c, struct bytes pin, struct fault *fault)
{
	struct card card;
	enum err    e;
	int	    at;

	if (pin.n == 0)
		return ERR_OK;
	if ((e = card_read(pin, &card, fault)) != ERR_OK)
		return e;
	at = agreement_party(c->agreement, bytes_text(card.party));
	if (at < 0 || !same_roots(card.root, c->card[at].root))
		return fault_at(fault, ERR_KEY, 0, "cards", "other root keys than those on the card you gave",
				"compare the fingerprints with the paper annex", "قارن البصمات بالملحق الورقي");
	c->card_given[at] = card;
	c->card_pinned[at] = true;
	return ERR_OK;
}

static enum err pins_check(struct evidence_case *c, const struct pins *pins, struct fault *fault)
{
	enum err e;

	if (pins == NULL)
		return ERR_OK;
	if ((e = pin_agreement(c, pins->agreement, fault)) != ERR_OK)
		return e;
	if ((e = pin_card(c, pins->card[0], fault)) != ERR_OK)
		return e;
	return pin_card(c, pins->card[1], fault);
}

/* ---- signatures ---- */

/* A revoked key counts only in the epoch and up to the size that the card names. */
static bool card_lets(const struct card *card, const struct public_key *key, const struct item *item)
{
	for (unsigned i = 0; i < card->nrevoked; i++) {
		const struct card_revoked *r = &card->revoked[i];

		if (!public_key_equal(&r->key, key))
			continue;
		if (memcmp(r->epoch.b, item->origin.epoch.b, EPOCH_SIZE) != 0 || item->checkpoint.size > r->size)
			return false;
	}
	return true;
}

/* Whoever makes a bundle chooses its cards, and might choose an old one; the card that the verifier was given is asked as well. */
static bool key_counts(const struct evidence_case *c, unsigned party, const struct public_key *key, const struct item *item)
{
	return card_lets(&c->card[party], key, item) && (!c->card_pinned[party] || card_lets(&c->card_given[party], key, item));
}

static bool line_is_by(const struct note *note, unsigned i, const char *name, const struct public_key *key, unsigned body_n)
{
	return i < note->n && note->at[i].body_n == body_n && note_signed_by(note, i, bytes_text(name), key);
}

static uint64_t cosignature_time(const struct note_signature *sig)
{
	struct cursor c = cursor_on(bytes_of(sig->body, 8));

	return cursor_u64(&c);
}

/* The author's line, then the reader's; each may be missing, nothing else may stand there. */
static enum err lines_check(const struct evidence_case *c, struct item *item, unsigned author)
{
	const struct public_key *log = card_log_key(&c->card[author], item->origin.channel);
	const struct public_key *receipt = card_receipt_key(&c->card[1 - author], item->origin.channel);
	struct note		 note;
	char			 name[RECEIPT_NAME_MOST];
	unsigned		 i = 0;
	enum err		 e = note_read(item->note, &note);

	if (e != ERR_OK)
		return e;
	receipt_key_name(item->origin.reader, name);
	if (log != NULL && key_counts(c, author, log, item) && line_is_by(&note, i, item->checkpoint.origin, log, SIGN_SIZE)) {
		item->has_signature = true;
		i++;
	}
	if (receipt != NULL && key_counts(c, 1 - author, receipt, item) && line_is_by(&note, i, name, receipt, 8 + SIGN_SIZE)) {
		item->has_receipt = true;
		item->receipt_s = cosignature_time(&note.at[i]);
		i++;
	}
	return i == note.n ? ERR_OK : ERR_SIGNATURE;
}

/* Neighbours often share one checkpoint: what was verified once is not verified again. */
static bool lines_known(struct item *item, const struct item *before)
{
	if (before == NULL || !before->has_note || !bytes_equal(before->note, item->note))
		return false;
	item->has_signature = before->has_signature;
	item->has_receipt = before->has_receipt;
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

/* Covers what can be covered; each round goes back one epoch, so it ends. */
static void coverage_spread(struct bundle *b)
{
	bool more = true;

	for (size_t i = 0; i < b->n; i++)
		b->item[i].covered = b->item[i].has_signature;
	while (more) {
		more = false;
		for (size_t i = 0; i < b->n; i++)
			if (!b->item[i].covered && cover(b, &b->item[i]))
				more = true;
	}
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
	coverage_spread(b);
	for (size_t i = 0; i < b->n; i++)
		if (!b->item[i].covered)
			return bundle_broken(fault, ERR_SIGNATURE, b->item[i].at, "no signature of its author leads here");
	return ERR_OK;
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
		if (c->nanswers == EVIDENCE_ANSWERS_MOST)
			return bundle_broken(fault, ERR_TOO_LONG, item->at, "more answers than the limit");
		c->answer[c->nanswers++] = item;
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
