#include "evidence/judge.h"

#include <stdio.h>

#include "agreement/decide.h"

#define DAY_MS	     (24ull * 3600 * 1000)
#define TIME_MOST_MS 253402300799999ull /* 9999-12-31T23:59:59.999Z: what RFC 3339 can write */

/* ---- claims and their values ---- */

static struct claim *claim_add(struct report *r, enum claim_kind kind, enum verdict verdict)
{
	struct claim *c = &r->claim[r->n];

	c->kind = kind;
	c->verdict = verdict;
	if (r->n < CLAIMS_MOST - 1) /* the case's own limits keep far below; the last one would be overwritten */
		r->n++;
	return c;
}

/* Cuts at a character's start and shows control characters as '?'. */
static void value_bytes(struct claim *c, struct bytes v)
{
	char  *out = c->value[c->n++];
	size_t n = v.n < CLAIM_VALUE_MOST ? v.n : CLAIM_VALUE_MOST - 1;

	while (n < v.n && n > 0 && (v.at[n] & 0xC0) == 0x80)
		n--;
	for (size_t i = 0; i < n; i++)
		out[i] = v.at[i] < 0x20 || v.at[i] == 0x7F ? '?' : (char)v.at[i];
	out[n] = '\0';
}

static void value_text(struct claim *c, const char *text)
{
	value_bytes(c, bytes_text(text));
}

static void value_number(struct claim *c, uint64_t v)
{
	char text[24];

	snprintf(text, sizeof text, "%llu", (unsigned long long)v);
	value_text(c, text);
}

static void value_time(struct claim *c, uint64_t ms)
{
	char text[25] = "beyond the year 9999";

	if (ms <= TIME_MOST_MS)
		time_write(ms, text);
	value_text(c, text);
}

static void value_day(struct claim *c, int32_t day)
{
	char text[11];

	date_write(day, text);
	value_text(c, text);
}

/* ---- the parties ---- */

static const char *asker(const struct evidence_case *c)
{
	return c->agreement->party[c->asker].name;
}

static const char *answerer(const struct evidence_case *c)
{
	return c->agreement->party[1 - c->asker].name;
}

static void claim_party_entry(struct report *r, enum claim_kind kind, const char *party, const struct item *item)
{
	struct claim *claim = claim_add(r, kind, VERDICT_PROVED);

	value_text(claim, party);
	value_number(claim, item->header.index);
}

/* ---- the agreement, in both logs ---- */

static const struct item *agree_find(const struct evidence_case *c, const char *author, const uint8_t epoch[static EPOCH_SIZE], uint64_t before)
{
	for (size_t i = 0; i < c->bundle.n; i++) {
		const struct item *item = &c->bundle.item[i];

		if (item->header.kind == KIND_AGREE && item->covered && strcmp(item->origin.author, author) == 0 &&
		    memcmp(item->origin.epoch.b, epoch, EPOCH_SIZE) == 0 && item->header.index < before)
			return item;
	}
	return NULL;
}

/* The answerer's own record: seen by the question, or made before its answer. */
static const struct item *agree_of_answerer(const struct evidence_case *c)
{
	const struct header *q = &c->question->header;
	const struct item   *found = agree_find(c, answerer(c), q->seen_epoch, q->seen_size);

	for (unsigned i = 0; i < c->nanswers && found == NULL; i++)
		found = agree_find(c, answerer(c), c->answer[i]->origin.epoch.b, c->answer[i]->header.index);
	return found;
}

static void judge_agreed(const struct evidence_case *c, struct report *r)
{
	const struct item *ours = agree_find(c, asker(c), c->question->origin.epoch.b, c->question->header.index);
	const struct item *theirs = agree_of_answerer(c);
	bool		   both = ours != NULL && theirs != NULL;
	struct claim	  *claim = claim_add(r, both ? CLAIM_AGREED : CLAIM_NOT_AGREED, both ? VERDICT_PROVED : VERDICT_NOT_PROVED);

	value_text(claim, c->agreement->name);
	value_text(claim, asker(c));
	value_text(claim, answerer(c));
	if (!both)
		return;
	value_number(claim, ours->header.index);
	value_number(claim, theirs->header.index);
}

/* ---- inside the clause ---- */

static void claim_outside(struct report *r, enum claim_kind kind, uint16_t clause, const char *rule)
{
	struct claim *claim = claim_add(r, kind, VERDICT_PROVED);

	value_number(claim, clause);
	value_text(claim, rule);
}

static void claim_clause(struct report *r, enum claim_kind kind, enum verdict verdict, uint16_t clause)
{
	value_number(claim_add(r, kind, verdict), clause);
}

static struct bytes field_value(const struct fields *f, const char *name)
{
	const struct field *field = fields_find(f, name);

	return field != NULL ? field->value : BYTES_NONE;
}

static void judge_request(const struct evidence_case *c, const struct fields *ask, const struct fields *reason, struct report *r)
{
	const struct header *h = &c->question->header;
	const struct clause *clause = agreement_clause(c->agreement, h->clause);
	struct request	     request = {.asks = c->asker, .clause = h->clause, .fields = *ask, .time_ms = h->time_ms};
	struct decision	     decision;

	request.purpose = field_value(reason, "purpose");
	request.reference = field_value(reason, "case");
	decide_request(c->agreement, &request, &decision);
	if (decision.refusal != REFUSAL_NONE)
		claim_outside(r, CLAIM_OUTSIDE, h->clause, decision.rule);
	else if (clause == NULL || strcmp(clause->channel, c->question->origin.channel) != 0)
		claim_outside(r, CLAIM_OUTSIDE, h->clause, "channel");
	else
		claim_clause(r, CLAIM_INSIDE, VERDICT_PROVED, h->clause);
}

static void judge_inside(const struct evidence_case *c, struct report *r)
{
	const struct bytes *content = item_part(c->question, PART_CONTENT);
	const struct bytes *why = item_part(c->question, PART_REASON);
	struct fields	    ask, reason;

	if (content == NULL || why == NULL)
		claim_clause(r, CLAIM_UNJUDGED, VERDICT_NOT_PROVED, c->question->header.clause);
	else if (fields_read(*content, &ask) != ERR_OK || fields_read(*why, &reason) != ERR_OK)
		claim_outside(r, CLAIM_OUTSIDE, c->question->header.clause, "form");
	else
		judge_request(c, &ask, &reason, r);
}

static void judge_answer_inside(const struct evidence_case *c, const struct item *answer, struct report *r)
{
	const struct bytes  *content = item_part(answer, PART_CONTENT);
	const struct clause *clause = agreement_clause(c->agreement, answer->header.clause);
	struct fields	     got;
	struct decision	     decision;

	if (content == NULL || clause == NULL || answer->header.status != STATUS_OK)
		return;
	if (fields_read(*content, &got) != ERR_OK) {
		claim_outside(r, CLAIM_ANSWER_OUTSIDE, answer->header.clause, "form");
		return;
	}
	decide_answer(c->agreement, clause, &got, &decision);
	if (decision.refusal != REFUSAL_NONE)
		claim_outside(r, CLAIM_ANSWER_OUTSIDE, answer->header.clause, decision.rule);
}

/* ---- received ---- */

/* Its receipt says when; without one, an answer that names the question's leaf proves as much. */
static bool received_ms(const struct evidence_case *c, uint64_t *ms)
{
	if (c->question->has_receipt) {
		*ms = c->question->receipt_s > TIME_MOST_MS / 1000 ? UINT64_MAX : c->question->receipt_s * 1000;
		return true;
	}
	if (c->nanswers == 0)
		return false;
	*ms = c->answer[0]->header.time_ms;
	return true;
}

static void judge_received(const struct evidence_case *c, struct report *r)
{
	uint64_t      ms;
	bool	      yes = received_ms(c, &ms);
	struct claim *claim = claim_add(r, yes ? CLAIM_RECEIVED : CLAIM_NOT_RECEIVED, yes ? VERDICT_PROVED : VERDICT_NOT_PROVED);

	value_text(claim, answerer(c));
	if (yes)
		value_time(claim, ms);
}

/* ---- answered ---- */

static void claim_refused(const struct evidence_case *c, const struct item *answer, struct report *r)
{
	const struct bytes *why = item_part(answer, PART_REASON);
	struct fields	    reason;
	bool		    told = why != NULL && fields_read(*why, &reason) == ERR_OK;

	claim_party_entry(r, told ? CLAIM_REFUSED : CLAIM_REFUSED_BARE, answerer(c), answer);
	if (!told)
		return;
	value_bytes(&r->claim[r->n - 1], field_value(&reason, "reason"));
	value_bytes(&r->claim[r->n - 1], field_value(&reason, "rule"));
}

static void claim_answer(const struct evidence_case *c, const struct item *answer, struct report *r)
{
	switch (answer->header.status) {
	case STATUS_OK:
		claim_party_entry(r, CLAIM_ANSWERED, answerer(c), answer);
		return;
	case STATUS_NO_HIT:
		claim_party_entry(r, CLAIM_NO_HIT, answerer(c), answer);
		return;
	case STATUS_REFUSED:
		claim_refused(c, answer, r);
		return;
	default: /* a foreign number, so the compiler cannot count */
		claim_party_entry(r, CLAIM_CLOSED, answerer(c), answer);
		value_text(&r->claim[r->n - 1], status_name(answer->header.status));
	}
}

static void judge_answer(const struct evidence_case *c, const struct item *answer, struct report *r)
{
	bool held = answer->has_receipt;

	claim_answer(c, answer, r);
	judge_answer_inside(c, answer, r);
	value_text(claim_add(r, held ? CLAIM_ANSWER_RECEIVED : CLAIM_ANSWER_NOT_RECEIVED, held ? VERDICT_PROVED : VERDICT_NOT_PROVED), asker(c));
}

static void judge_answers(const struct evidence_case *c, struct report *r)
{
	for (unsigned i = 0; i < c->nanswers; i++)
		judge_answer(c, c->answer[i], r);
	if (c->nanswers == 0)
		value_text(claim_add(r, CLAIM_NOT_ANSWERED, VERDICT_NOT_PROVED), answerer(c));
}

/* ---- erased ---- */

static bool part_absent(const struct item *item, unsigned place)
{
	return !item->disclosed[place] && item->header.part[place].placement != PLACED_WITHHELD;
}

static void judge_erased(const struct item *item, struct report *r)
{
	char	       text[64];
	struct builder parts = builder_on(text, sizeof text - 1);
	struct claim  *claim;

	for (unsigned i = 0; i < item->header.nparts; i++)
		if (part_absent(item, i))
			build_format(&parts, "%s%u", parts.n > 0 ? ", " : "", i);
	if (parts.n == 0)
		return;
	claim = claim_add(r, CLAIM_ERASED, VERDICT_NOT_PROVED);
	value_number(claim, item->header.index);
	value_bytes(claim, builder_bytes(&parts));
	value_text(claim, item->origin.author);
}

/* ---- nothing missing ---- */

/* What the bundle says about one party's entries under the agreement in one epoch. */
struct count {
	const char	   *author;
	const struct epoch *epoch;
	uint64_t	    held;     /* entries of kinds >= 16 in the bundle */
	uint64_t	    expected; /* at least so many there are, by aseq and TALLY */
	uint64_t	    last;     /* index of the last one, by the TALLY */
	bool		    complete; /* all that the TALLY counts are here, receipted by the reader */
};

static bool in_log(const struct item *item, const struct count *n)
{
	return strcmp(item->origin.author, n->author) == 0 && memcmp(item->origin.epoch.b, n->epoch->b, EPOCH_SIZE) == 0;
}

static const struct tally_row *tally_row(const struct item *item, const struct count *n, const struct hash *agreement, struct tally *t)
{
	const struct attr *attr = header_attr(&item->header, ATTR_TALLY);

	if (item->header.kind != KIND_TALLY || attr == NULL || !item->covered || strcmp(item->origin.author, n->author) != 0)
		return NULL;
	if (tally_read(attr->value, t) != ERR_OK || memcmp(t->epoch, n->epoch->b, EPOCH_SIZE) != 0)
		return NULL;
	for (unsigned i = 0; i < t->n; i++)
		if (hash_equal(&t->row[i].agreement, agreement))
			return &t->row[i];
	return NULL;
}

/* The entry with this aseq, receipted; NULL when it is not here. */
static const struct item *entry_by_aseq(const struct evidence_case *c, const struct count *n, uint64_t aseq)
{
	for (size_t i = 0; i < c->bundle.n; i++) {
		const struct item *item = &c->bundle.item[i];

		if (!KIND_IS_CONTROL(item->header.kind) && item->header.aseq == aseq && item->covered && item->has_receipt && in_log(item, n))
			return item;
	}
	return NULL;
}

static bool all_here(const struct evidence_case *c, const struct count *n, const struct tally_row *row)
{
	const struct item *item = NULL;

	if (row->count == 0 || row->count > n->held)
		return false;
	for (uint64_t aseq = 0; aseq < row->count; aseq++)
		if ((item = entry_by_aseq(c, n, aseq)) == NULL)
			return false;
	return item->header.index == row->last;
}

static void count_entries(const struct evidence_case *c, struct count *n)
{
	for (size_t i = 0; i < c->bundle.n; i++) {
		const struct item *item = &c->bundle.item[i];

		if (KIND_IS_CONTROL(item->header.kind) || !item->covered || !in_log(item, n))
			continue;
		n->held++;
		if (item->header.aseq >= n->expected)
			n->expected = item->header.aseq == UINT64_MAX ? UINT64_MAX : item->header.aseq + 1;
	}
}

/* The highest TALLY decides; an author's own count binds only when the reader receipted it. */
static void count_tallies(const struct evidence_case *c, struct count *n)
{
	uint64_t     highest = 0;
	struct tally t;

	for (size_t i = 0; i < c->bundle.n; i++) {
		const struct item      *item = &c->bundle.item[i];
		const struct tally_row *row = tally_row(item, n, &c->agreement->id, &t);

		if (row == NULL || row->count < highest)
			continue;
		highest = row->count;
		n->last = row->last;
		n->complete = item->has_receipt && all_here(c, n, row);
		if (row->count > n->expected)
			n->expected = row->count;
	}
	if (n->held > highest)
		n->complete = false;
}

static struct count count_log(const struct evidence_case *c, const char *author, const struct epoch *epoch)
{
	struct count n = {.author = author, .epoch = epoch};

	count_entries(c, &n);
	count_tallies(c, &n);
	return n;
}

static void claim_incomplete(const struct count *a, const struct count *b, struct report *r)
{
	const struct count *both[2] = {a, b};
	struct claim	   *claim = claim_add(r, CLAIM_INCOMPLETE, VERDICT_NOT_PROVED);

	for (unsigned i = 0; i < 2; i++) {
		value_text(claim, both[i]->author);
		value_number(claim, both[i]->held);
		value_number(claim, both[i]->expected);
	}
}

static void judge_complete(const struct evidence_case *c, struct report *r)
{
	struct epoch  theirs; /* of the last answer, or what the question had seen */
	struct count  a, b;
	struct claim *claim;

	memcpy(theirs.b, c->question->header.seen_epoch, EPOCH_SIZE);
	if (c->nanswers > 0)
		theirs = c->answer[c->nanswers - 1]->origin.epoch;
	a = count_log(c, asker(c), &c->question->origin.epoch);
	b = count_log(c, answerer(c), &theirs);
	if (!a.complete || !b.complete) {
		claim_incomplete(&a, &b, r);
		return;
	}
	claim = claim_add(r, CLAIM_COMPLETE, VERDICT_PROVED);
	value_number(claim, a.last);
	value_number(claim, b.last);
}

/* ---- keys that count no more ---- */

static void claim_revoked(struct report *r, enum claim_kind kind, const char *party, const struct item *item)
{
	struct claim *claim = claim_add(r, kind, VERDICT_NOT_PROVED);

	value_text(claim, party);
	value_number(claim, item->header.index);
}

static void judge_revoked(const struct evidence_case *c, struct report *r)
{
	if (!c->question->covered)
		claim_revoked(r, CLAIM_KEY_REVOKED, asker(c), c->question);
	for (unsigned i = 0; i < c->nrevoked; i++)
		claim_revoked(r, CLAIM_KEY_REVOKED, answerer(c), c->revoked[i]);
	if (c->question->receipt_revoked)
		claim_revoked(r, CLAIM_RECEIPT_REVOKED, answerer(c), c->question);
	for (unsigned i = 0; i < c->nanswers; i++)
		if (c->answer[i]->receipt_revoked)
			claim_revoked(r, CLAIM_RECEIPT_REVOKED, asker(c), c->answer[i]);
}

/* ---- dates, limits, trust ---- */

static void judge_card_date(const struct evidence_case *c, const struct item *item, struct report *r)
{
	const struct keyring *ring = &c->ring[agreement_party(c->agreement, bytes_text(item->origin.author))];
	const struct card    *card = keyring_card(ring);
	uint64_t	      day = item->header.time_ms / DAY_MS;
	struct claim	     *claim;

	for (unsigned i = 0; i < ring->n && day <= INT32_MAX; i++)
		if ((int32_t)day >= ring->card[i]->from_day && (int32_t)day <= ring->card[i]->until_day)
			return;
	claim = claim_add(r, CLAIM_CARD_DATE, VERDICT_NOT_PROVED);
	value_text(claim, card->party);
	value_time(claim, item->header.time_ms);
	value_day(claim, card->from_day);
	value_day(claim, card->until_day);
}

static void judge_pins(const struct evidence_case *c, struct report *r)
{
	if (c->agreement_pinned)
		claim_add(r, CLAIM_SAME_AGREEMENT, VERDICT_PROVED);
	for (unsigned i = 0; i < 2; i++)
		if (c->card_same[i])
			value_text(claim_add(r, CLAIM_SAME_CARD, VERDICT_PROVED), c->anchor[i]->party);
	for (unsigned i = 0; i < 2; i++)
		if (c->card_on[i])
			value_text(claim_add(r, CLAIM_CARD_GOES_ON, VERDICT_PROVED), c->anchor[i]->party);
}

static void judge_roots(const struct evidence_case *c, struct report *r)
{
	for (unsigned i = 0; i < 2; i++) {
		struct claim *claim = claim_add(r, CLAIM_ROOTS, VERDICT_TRUST);
		char	      fingerprint[80];

		card_fingerprint(c->anchor[i], fingerprint);
		value_text(claim, c->anchor[i]->party);
		value_text(claim, fingerprint);
	}
}

/* ---- what was said ---- */

static void show_part(struct report *r, enum shown_in in, const struct bytes *part)
{
	struct fields f;

	if (part == NULL || fields_read(*part, &f) != ERR_OK)
		return;
	for (unsigned i = 0; i < f.n && r->nshown < SHOWN_MOST; i++)
		r->shown[r->nshown++] = (struct shown){.in = in, .name = f.at[i].name, .value = f.at[i].value};
}

static void show(const struct evidence_case *c, struct report *r)
{
	show_part(r, SHOWN_QUESTION, item_part(c->question, PART_REASON));
	show_part(r, SHOWN_QUESTION, item_part(c->question, PART_CONTENT));
	for (unsigned i = 0; i < c->nanswers; i++)
		show_part(r, SHOWN_ANSWER, item_part(c->answer[i], PART_CONTENT));
}

/* ---- all of it: proved first, then what is not, then what it rests on ---- */

/* Nothing is said of a question that nobody may have asked, but what the other party said to it. */
static void judge_question(const struct evidence_case *c, struct report *r)
{
	if (!c->question->covered)
		return;
	judge_agreed(c, r);
	claim_party_entry(r, CLAIM_ASKED, asker(c), c->question);
	judge_inside(c, r);
	judge_received(c, r);
}

static void judge_all(const struct evidence_case *c, struct report *r)
{
	judge_question(c, r);
	judge_answers(c, r);
	judge_complete(c, r);
	judge_revoked(c, r);
	judge_erased(c->question, r);
	judge_card_date(c, c->question, r);
	for (unsigned i = 0; i < c->nanswers; i++) {
		judge_erased(c->answer[i], r);
		judge_card_date(c, c->answer[i], r);
	}
	judge_pins(c, r);
	claim_add(r, CLAIM_LIMITS, VERDICT_NOT_PROVED);
	judge_roots(c, r);
}

/* A stable sort by verdict; at most CLAIMS_MOST rows, so the plain one will do. */
static void claims_sort(struct report *r)
{
	for (unsigned i = 1; i < r->n; i++)
		for (unsigned k = i; k > 0 && r->claim[k - 1].verdict > r->claim[k].verdict; k--) {
			struct claim swap = r->claim[k];

			r->claim[k] = r->claim[k - 1];
			r->claim[k - 1] = swap;
		}
}

void case_judge(const struct evidence_case *c, struct report *out)
{
	memcpy(out->mid, c->bundle.mid, MID_SIZE);
	judge_all(c, out);
	claims_sort(out);
	show(c, out);
}
