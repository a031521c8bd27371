/*
 * hostile.h: a partner with valid keys and bad intentions, against one real channel.
 *
 * The house is "south.example": a real channel, with a disk and a keeper that are
 * simulated here and keep their rules. The foe is "north.example": it holds the keys
 * of its side and says whatever a test lets it say, through the real frames.
 */
#ifndef MITHAQ_TESTS_HOSTILE_H
#define MITHAQ_TESTS_HOSTILE_H

#include <stdio.h>
#include <stdlib.h>

#include "channel/state.h"
#include "crypto/hash.h"
#include "rings.h"

#define FOE_START_MS  UINT64_C(1795420800000) /* 2026-11-23 */
#define FOE_LOGS_MOST 160
#define FOE_WORK_MOST 64
#ifndef FOE_MIDS_MOST /* a fuzzer needs less, and begins anew some hundred times a second */
#define FOE_MIDS_MOST	65536
#define FOE_LEAVES_MOST 65536
#endif

struct foe_log {
	struct epoch epoch;
	char	     origin[ORIGIN_MOST];
	struct hash *leaf;
	uint64_t     n, room;
	struct hash *agreement; /* of each entry; zero: control */
	struct tally tally;
	/* what the house holds of it */
	struct frontier stored;
	bool		stored_now, proved_now; /* in this step */
};

struct foe_work {
	struct channel_event event;
};

struct foe {
	struct channel	  *channel;
	struct agreement  *agreement;
	struct sign_key	   root[2], log_key, receipt_key, our_log_key, our_receipt_key;
	struct ring_of_one ring[2];
	uint64_t	   now_ms;
	struct foe_log	   log[FOE_LOGS_MOST];
	unsigned	   nlogs;
	/* the house's keeper and disk */
	struct epoch	own;
	char		own_origin[ORIGIN_MOST];
	struct frontier own_signed;
	struct hash	own_leaf[FOE_LEAVES_MOST];
	uint64_t	nown, own_durable;
	struct frontier receipted[FOE_LOGS_MOST];
	struct foe_work work[FOE_WORK_MOST];
	unsigned	nwork;
	uint8_t (*mid)[MID_SIZE]; /* of stored questions, as the ledger would know them */
	size_t	 nmids;
	uint64_t ticket[FOE_MIDS_MOST];
	size_t	 ntickets;
	/* what happened */
	unsigned alarms, closes, lookups, lookups_limited, questions, answers, doubles, replies, sent_entries, receipts, credits, checkpoints;
	struct checkpoint kept[FOE_LOGS_MOST];
	bool		  genesis_now;
	size_t		  covered; /* entries of the foe that were stored */
	uint16_t	  last_status;
	char		  last_rule[96], last_text[256];
	enum err	  err;
	const char	 *fault; /* an invariant that broke */
	/* our HELLO, for the numbers of our logs */
	struct hello theirs, mine;
};

static inline void foe_key(struct sign_key *key, const char *name)
{
	struct hash seed = hash_bytes(bytes_text(name));

	sign_key_from_seed(key, seed.b);
}

#define FOE_CLAUSE(number, channel, asks, answers, limits)                                                                                           \
	"  - number: " number "\n    channel: " channel "\n    name: status-" number "\n    pattern: query\n"                                        \
	"    title: {en: Status}\n    basis: {en: Article 3}\n    asks: " asks "\n    answers: " answers "\n    purposes: [duty-assessment]\n"       \
	"    request:\n      declaration: {type: document-number, length: 20, required: always, en: Declaration number}\n"                           \
	"    answer:\n      status: {type: code, en: Status, codes: {released: {en: released}}}\n"                                                   \
	"    limits: {" limits "answer-within: 2 seconds}\n    keep: {question: until answered, answer: 180 days}\n"                                 \
	"    onward: only with prior authorisation\n    examples:\n"                                                                                 \
	"      - ask: {purpose: duty-assessment, declaration: 2026-1}\n        answer: {status: released}\n"

static inline void foe_agreement(struct foe *f, const struct sign_key *ours)
{
	static const char text[] =
		"mithaq: agreement/1\nid: north-and-south\nenvironment: test\nsample: not an agreement of any state\nlanguages: [en]\n"
		"title:\n  en: Agreement of the tests\nin-force:\n  from: 2026-01-01\n  until: 2027-12-31\nparties:\n"
		"  north.example:\n    name: {en: North}\n    working-days: Monday to Friday\n    time-zone: Etc/UTC\n    keys: [root-a %s, root-b "
		"%s]\n"
		"  south.example:\n    name: {en: South}\n    working-days: Monday to Friday\n    time-zone: Etc/UTC\n    keys: [root-a %s, root-b "
		"%s]\n"
		"purposes:\n  duty-assessment: {en: assessment of customs duties}\nclauses:\n" FOE_CLAUSE("7", "customs", "north.example",
													  "south.example", "per-day: 40, ")
			FOE_CLAUSE("8", "border", "north.example", "south.example", "")
				FOE_CLAUSE("9", "customs", "south.example", "north.example", "per-day: 5, ")
					FOE_CLAUSE("10", "customs", "north.example", "south.example", "");
	static char	memory[32768];
	struct sign_key keys[4] = {f->root[0], f->root[1], ours[0], ours[1]};
	struct root_key roots[4];
	char		hex[4][65];
	struct builder	b = builder_on(memory, sizeof memory);
	struct fault	fault = {0};

	for (int i = 0; i < 4; i++) {
		hex_write(keys[i].pub.b, SIGN_PUBLIC, hex[i]);
		roots[i] = (struct root_key){i < 2 ? "north.example" : "south.example", keys[i].pub};
	}
	build_format(&b, text, hex[0], hex[1], hex[2], hex[3]);
	struct agreement *draft;
	if (agreement_parse(builder_bytes(&b), &draft, &fault) != ERR_OK) {
		fprintf(stderr, "agreement: line %u %s: %s %s\n", fault.line, fault.at, fault.found, fault.help);
		abort();
	}
	build_text(&b, "\n");
	int north = agreement_party(draft, bytes_text("north.example"));
	if (agreement_sign(draft, (unsigned)north, &keys[0], &b) || agreement_sign(draft, (unsigned)(1 - north), &keys[2], &b))
		abort();
	agreement_free(draft);
	if (agreement_open(builder_bytes(&b), roots, 4, &f->agreement, &fault) != ERR_OK)
		abort();
}

/* ---- the house: performing, keeper, disk ---- */

static inline int foe_log_of(const struct foe *f, const struct epoch *epoch)
{
	for (unsigned i = 0; i < f->nlogs; i++)
		if (memcmp(f->log[i].epoch.b, epoch->b, EPOCH_SIZE) == 0)
			return (int)i;
	return -1;
}

static inline bool foe_knows(const struct foe *f, const uint8_t mid[MID_SIZE])
{
	for (size_t i = f->nmids; i > 0; i--)
		if (memcmp(f->mid[i - 1], mid, MID_SIZE) == 0)
			return true;
	return false;
}

static inline void foe_break(struct foe *f, const char *what)
{
	if (f->fault == NULL)
		f->fault = what;
}

static inline void foe_stored(struct foe *f, const struct stored_entry *e)
{
	if (e->own) {
		struct header h;

		if (f->nown == FOE_LEAVES_MOST || e->index != f->nown || header_read(e->header, &h) != ERR_OK) {
			foe_break(f, "an own entry is out of order");
			return;
		}
		f->own_leaf[f->nown++] = entry_leaf(&e->commitment);
		if (h.kind == KIND_REPLY) {
			f->replies++;
			f->last_status = h.status;
		}
		return;
	}
	int log = foe_log_of(f, &e->epoch);
	if (log < 0 || e->header.n == 0)
		foe_break(f, "an entry of no known log was stored");
	if (log >= 0 && e->index != f->log[log].stored.size)
		foe_break(f, "an entry was stored out of order");
	if (log >= 0) {
		struct hash leaf = entry_leaf(&e->commitment);

		frontier_add(&f->log[log].stored, &leaf);
		f->log[log].stored_now = true;
		f->genesis_now = f->genesis_now || e->kind == KIND_GENESIS;
	}
	f->covered++;
}

/* A checkpoint of the foe that the house keeps: signed by the foe. Its root is compared when the step is over. */
static inline void foe_kept(struct foe *f, const struct duty *d)
{
	int		  log = foe_log_of(f, &d->head.epoch);
	struct checkpoint c = {.size = d->head.size, .root = d->head.root};

	if (d->head.own)
		return;
	if (log >= 0)
		memcpy(c.origin, f->log[log].origin, sizeof c.origin);
	if (log < 0 || checkpoint_verify(&f->log_key.pub, &c, &d->head.sig) != ERR_OK) {
		foe_break(f, "a checkpoint was kept that the foe did not sign");
		return;
	}
	f->log[log].proved_now = true;
	f->kept[log] = c;
}

/* What was taken in this step stands under a checkpoint of its log, or under the GENESIS of the next. */
static inline void foe_proved(struct foe *f)
{
	for (unsigned i = 0; i < f->nlogs; i++) {
		struct foe_log *l = &f->log[i];
		struct hash	root;

		if (l->proved_now) {
			root = frontier_root(&l->stored);
			if (l->stored.size != f->kept[i].size || !hash_equal(&root, &f->kept[i].root))
				foe_break(f, "what is held is not what the kept checkpoint says");
		} else if (l->stored_now && !f->genesis_now) {
			foe_break(f, "entries were taken without a checkpoint");
		}
		l->stored_now = l->proved_now = false;
	}
	f->genesis_now = false;
}

static inline struct channel_event *foe_later(struct foe *f, enum event_type type)
{
	if (f->nwork == FOE_WORK_MOST)
		abort();
	struct channel_event *e = &f->work[f->nwork++].event;
	memset(e, 0, sizeof *e);
	e->type = type;
	return e;
}

static inline void foe_keeper_sign(struct foe *f, const struct duty *d)
{
	struct channel_event *e = foe_later(f, EVENT_SIGNED);
	struct checkpoint     c = {0};

	for (size_t i = 0; i < d->leaves.n; i++)
		frontier_add(&f->own_signed, &d->leaves.leaves[i]);
	if (f->own_signed.size > f->own_durable)
		foe_break(f, "a checkpoint was asked for before its entries were durable");
	memcpy(c.origin, f->own_origin, sizeof c.origin);
	c.size = e->signature.size = f->own_signed.size;
	c.root = e->signature.root = frontier_root(&f->own_signed);
	checkpoint_sign(&f->our_log_key, &c, &e->signature.sig);
}

static inline void foe_keeper_cosign(struct foe *f, const struct duty *d)
{
	int log = foe_log_of(f, &d->leaves.epoch);

	if (log < 0) {
		foe_break(f, "a receipt was asked for of no known log");
		return;
	}
	struct frontier	     *at = &f->receipted[log];
	struct channel_event *e = foe_later(f, EVENT_COSIGNED);
	struct checkpoint     c = {0};
	for (size_t i = 0; i < d->leaves.n; i++)
		frontier_add(at, &d->leaves.leaves[i]);
	if (at->size > f->log[log].stored.size)
		foe_break(f, "a receipt was asked for of what is not held");
	memcpy(c.origin, f->log[log].origin, sizeof c.origin);
	e->cosigned.epoch = d->leaves.epoch;
	c.size = e->cosigned.size = at->size;
	c.root = e->cosigned.root = frontier_root(at);
	e->cosigned.time_s = f->now_ms / 1000;
	receipt_sign(&f->our_receipt_key, &c, e->cosigned.time_s, &e->cosigned.sig);
}

static inline void foe_frame(struct foe *f, struct bytes frame)
{
	struct frame at;
	size_t	     used;

	if (frame_next(frame, &at, &used) != ERR_OK || used != frame.n) {
		foe_break(f, "what is sent is not one frame");
		return;
	}
	f->sent_entries += at.type == FRAME_ENTRY;
	f->receipts += at.type == FRAME_RECEIPT;
	f->credits += at.type == FRAME_CREDIT;
	f->checkpoints += at.type == FRAME_CHECKPOINT;
}

static inline void foe_question(struct foe *f, const struct exchange *x)
{
	if (x->ours)
		return;
	f->questions++;
	int log = foe_log_of(f, &x->question.epoch);
	if (log < 0 || x->question.index >= f->log[log].stored.size)
		foe_break(f, "a question was acted on that is not held");
	if (foe_knows(f, x->mid)) {
		f->doubles++;
		foe_break(f, "a question was acted on twice");
	}
	if (f->nmids < FOE_MIDS_MOST)
		memcpy(f->mid[f->nmids++], x->mid, MID_SIZE);
}

static inline void foe_perform(struct foe *f, const struct duty *d)
{
	switch (d->type) {
	case DUTY_STORE_ENTRY:
		foe_stored(f, &d->entry);
		break;
	case DUTY_STORE_QUESTION:
		foe_question(f, d->exchange.exchange);
		break;
	case DUTY_STORE_ANSWER:
		f->answers++;
		snprintf(f->last_rule, sizeof f->last_rule, "%.*s", (int)d->exchange.exchange->rule.n, (const char *)d->exchange.exchange->rule.at);
		break;
	case DUTY_SIGN:
		foe_keeper_sign(f, d);
		break;
	case DUTY_COSIGN:
		foe_keeper_cosign(f, d);
		break;
	case DUTY_SEND:
		foe_frame(f, d->frame);
		break;
	case DUTY_LOOKUP:
		f->lookups++;
		f->lookups_limited += d->lookup.clause == 7;
		if (d->lookup.clause != 7 && d->lookup.clause != 10)
			foe_break(f, "a clause was looked up that north does not ask here");
		if (f->ntickets < FOE_MIDS_MOST)
			f->ticket[f->ntickets++] = d->lookup.ticket;
		break;
	case DUTY_ALARM:
		f->alarms += d->end.frozen;
		snprintf(f->last_text, sizeof f->last_text, "%s", d->end.text);
		break;
	case DUTY_CLOSE:
		f->closes++;
		snprintf(f->last_text, sizeof f->last_text, "%s", d->end.text);
		break;
	case DUTY_STORE_CHECKPOINT:
		foe_kept(f, d);
		break;
	case DUTY_STORE_RECEIPT:
	case DUTY_CARD:
	case DUTY_REPORT:
	case DUTY_REFUSE:
	case DUTY_PERMIT:
	case DUTY_FAIL:
	case DUTY_RESEND:
	case DUTY_STORE_ANSWERED:
	case DUTY_STORE_NAMING:
	case DUTY_RECALL:
	case DUTY_RECEIPT:
	case DUTY_RANGE:
	case DUTY_UNANSWERED:
	case DUTY_OPEN:
		break;
	}
}

static inline void foe_step(struct foe *f, struct channel_event *event)
{
	event->now_ms = f->now_ms;
	struct duties d = channel_step(f->channel, event);

	if (d.err != ERR_OK) {
		f->err = d.err;
		foe_break(f, "the channel stopped by an inner error");
	}
	for (size_t i = 0; i < d.n; i++)
		foe_perform(f, &d.at[i]);
	foe_proved(f);
	if (f->channel->pending_bytes > PENDING_MOST)
		foe_break(f, "more is pending than the limit");
}

/* The house's commit, and all that its keeper then says. */
static inline void foe_turn(struct foe *f)
{
	struct channel_event durable = {.type = EVENT_DURABLE};

	f->own_durable = f->nown;
	foe_step(f, &durable);
	for (unsigned i = 0; i < f->nwork; i++) {
		struct channel_event e = f->work[i].event;
		foe_step(f, &e);
	}
	f->nwork = 0;
}

/* ---- the foe's logs ---- */

static inline unsigned foe_epoch(struct foe *f)
{
	struct foe_log *l = &f->log[f->nlogs];
	struct origin	o = {.author = "north.example", .reader = "south.example", .channel = "customs"};

	if (f->nlogs == FOE_LOGS_MOST)
		abort();
	memset(l, 0, sizeof *l);
	memset(o.epoch.b, 0xe0, sizeof o.epoch.b);
	o.epoch.b[14] = (uint8_t)(f->nlogs >> 8);
	o.epoch.b[15] = (uint8_t)f->nlogs;
	l->epoch = o.epoch;
	memcpy(l->tally.epoch, o.epoch.b, EPOCH_SIZE);
	if (origin_write(&o, l->origin) != ERR_OK)
		abort();
	return f->nlogs++;
}

static inline struct hash foe_root(const struct foe_log *l, uint64_t size)
{
	struct frontier at;

	frontier_init(&at);
	for (uint64_t i = 0; i < size; i++)
		frontier_add(&at, &l->leaf[i]);
	return frontier_root(&at);
}

/* The foe says HELLO and shows logs from <= i < to. */
static inline void foe_hello(struct foe *f, unsigned from, unsigned to)
{
	struct channel_event event = {.type = EVENT_HELLO, .hello = &f->theirs};

	memset(&f->mine, 0, sizeof f->mine);
	if (channel_hello(f->channel, &f->mine) != ERR_OK)
		foe_break(f, "the house cannot say HELLO");
	memset(&f->theirs, 0, sizeof f->theirs);
	f->theirs.protocol_min = f->theirs.protocol_max = 1;
	f->theirs.party = bytes_text("north.example");
	for (unsigned i = from; i < to && f->theirs.nown < HELLO_LOGS_MOST; i++)
		f->theirs.own[f->theirs.nown++] = (struct hello_log){.origin = bytes_text(f->log[i].origin)};
	foe_step(f, &event);
}

static inline void foe_credit(struct foe *f, uint64_t most)
{
	struct channel_event e = {.type = EVENT_CREDIT, .credit = {.log = (uint16_t)(f->mine.nown - 1), .max_size = most}};

	foe_step(f, &e);
}

/* What an entry of the foe says; everything else is filled in as it should be. */
struct foe_draft {
	uint8_t		    kind;
	uint16_t	    clause;
	uint32_t	    mid; /* 0: one of its own */
	const struct hash  *agreement;
	uint64_t	    time_ms, life_ms;
	const struct re	   *re;
	uint16_t	    status, flags;
	const char	   *declaration;
	size_t		    fat; /* bytes of an attachment, inline */
	struct attr	    attr;
	const struct tally *tally;
};

static inline struct bytes foe_record(const char *name, const char *value, uint8_t *memory, size_t room)
{
	struct builder b = builder_on(memory, room);
	struct fields  fields = {0};

	if (name != NULL && fields_add(&fields, bytes_text(name), bytes_text(value)) != ERR_OK)
		abort();
	fields_write(&b, &fields);
	return builder_bytes(&b);
}

static inline void foe_part(struct entry *e, uint8_t type, struct bytes body)
{
	unsigned i = e->header.nparts++;

	e->header.part[i].type = type;
	e->header.part[i].placement = PLACED_INLINE;
	e->part[i].body = body;
	e->part[i].salt.b[0] = (uint8_t)(i + 1);
	e->header.part[i].commitment = part_commit(&e->part[i].salt, body);
}

static inline void foe_header(struct foe *f, unsigned log, const struct foe_draft *d, struct header *h)
{
	static uint32_t mids = 0x40000000;
	struct foe_log *l = &f->log[log];
	uint32_t	mid = d->mid ? d->mid : mids++;

	h->kind = d->kind;
	h->flags = d->flags;
	h->index = l->n;
	h->time_ms = d->time_ms ? d->time_ms : f->now_ms;
	h->status = d->status;
	h->nattrs = d->attr.value.n > 0;
	h->attr[0] = d->attr;
	if (d->re != NULL) {
		h->re = *d->re;
		h->flags |= FLAG_HAS_RE;
	}
	if (d->kind == KIND_AGREE || !KIND_IS_CONTROL(d->kind))
		h->agreement = d->agreement ? *d->agreement : f->agreement->id;
	if (KIND_IS_CONTROL(d->kind))
		return;
	h->not_after_ms = h->time_ms + (d->life_ms ? d->life_ms : 60000);
	memcpy(h->mid, &mid, sizeof mid);
	h->mid[15] = 1;
	h->clause = d->clause ? d->clause : 7;
	h->aseq = tally_next(&l->tally, &h->agreement);
	memcpy(h->seen_epoch, f->own.b, EPOCH_SIZE);
	h->seen_size = f->own_durable;
}

static inline void foe_leaf(struct foe_log *l, const struct hash *leaf, const struct hash *agreement)
{
	if (l->n == l->room) {
		l->room = l->room ? 2 * l->room : 64;
		l->leaf = realloc(l->leaf, l->room * sizeof *l->leaf);
		l->agreement = realloc(l->agreement, l->room * sizeof *l->agreement);
		if (l->leaf == NULL || l->agreement == NULL)
			abort();
	}
	l->agreement[l->n] = *agreement;
	l->leaf[l->n++] = *leaf;
}

/* Writes an entry into the log and delivers it under the number the HELLO gave the log. */
static inline void foe_say(struct foe *f, unsigned log, uint16_t number, const struct foe_draft *d)
{
	static const struct hash none;
	static uint8_t		 wire[HEADER_MOST], frame[FRAME_HEAD + ENTRY_PAYLOAD_MOST], content[256], reason[256], fat[INLINE_MOST];
	static struct entry	 e, read;
	struct channel_event	 event = {.type = EVENT_ENTRY};
	struct builder		 w = builder_on(wire, sizeof wire), b = builder_on(frame, sizeof frame);
	struct frame		 at;
	size_t			 used;

	memset(&e, 0, sizeof e);
	foe_header(f, log, d, &e.header);
	if (d->kind == KIND_QUERY || d->kind == KIND_REPLY)
		foe_part(&e, PART_CONTENT,
			 foe_record(d->declaration ? (d->kind == KIND_QUERY ? "declaration" : "status") : NULL, d->declaration, content,
				    sizeof content));
	if (d->kind == KIND_QUERY)
		foe_part(&e, PART_REASON, foe_record("purpose", "duty-assessment", reason, sizeof reason));
	if (d->fat > 0)
		foe_part(&e, PART_ATTACHMENT, bytes_of(fat, d->fat));
	header_write(&w, &e.header);
	e.header_wire = builder_bytes(&w);
	entry_frame_write(&b, number, &e);
	if (w.err || b.err)
		return;
	struct hash c = header_commit(&e.salt, e.header_wire), leaf = entry_leaf(&c);
	if (!KIND_IS_CONTROL(d->kind))
		(void)!tally_count(&f->log[log].tally, &e.header.agreement, e.header.aseq, e.header.index);
	foe_leaf(&f->log[log], &leaf, KIND_IS_CONTROL(d->kind) ? &none : &e.header.agreement);
	if (frame_next(builder_bytes(&b), &at, &used) != ERR_OK || entry_frame_read(at.payload, &event.entry.log, &read) != ERR_OK)
		return;
	event.entry.entry = &read;
	event.entry.known = d->kind == KIND_QUERY && foe_knows(f, e.header.mid);
	foe_step(f, &event);
}

/* The foe goes back to an earlier state of a log, and may go on differently from there. */
static inline void foe_rewind(struct foe *f, unsigned log, uint64_t n)
{
	static const struct hash none;
	struct foe_log		*l = &f->log[log];

	l->n = n < l->n ? n : l->n;
	l->tally.n = 0;
	for (uint64_t i = 0; i < l->n; i++)
		if (!hash_equal(&l->agreement[i], &none))
			(void)!tally_count(&l->tally, &l->agreement[i], tally_next(&l->tally, &l->agreement[i]), i);
}

static inline void foe_genesis(struct foe *f, unsigned log, uint16_t number, const struct previous *p)
{
	uint8_t		 value[PREVIOUS_SIZE];
	struct builder	 b = builder_on(value, sizeof value);
	struct foe_draft d = {.kind = KIND_GENESIS};

	previous_write(&b, p);
	d.attr = (struct attr){ATTR_PREVIOUS, builder_bytes(&b)};
	foe_say(f, log, number, &d);
}

static inline struct previous foe_previous(const struct foe *f, unsigned log)
{
	struct previous p = {.cause = CAUSE_RESTART, .size = f->log[log].n, .root = foe_root(&f->log[log], f->log[log].n)};

	memcpy(p.epoch, f->log[log].epoch.b, EPOCH_SIZE);
	return p;
}

static inline void foe_agree(struct foe *f, unsigned log, uint16_t number)
{
	struct foe_draft d = {.kind = KIND_AGREE, .attr = {ATTR_AGREEMENT, bytes_of(f->agreement->id.b, HASH_SIZE)}};

	foe_say(f, log, number, &d);
}

static inline void foe_sign_root(struct foe *f, unsigned log, uint16_t number, uint64_t size, const struct hash *root)
{
	struct channel_event e = {.type = EVENT_CHECKPOINT};
	struct checkpoint    c = {.size = size, .root = *root};

	memcpy(c.origin, f->log[log].origin, sizeof c.origin);
	e.checkpoint = (struct checkpoint_frame){.log = number, .size = size, .root = *root};
	checkpoint_sign(&f->log_key, &c, &e.checkpoint.sig);
	foe_step(f, &e);
}

static inline void foe_checkpoint(struct foe *f, unsigned log, uint16_t number, uint64_t size)
{
	struct hash root = foe_root(&f->log[log], size);

	foe_sign_root(f, log, number, size, &root);
}

/* A receipt of the house's open log. */
static inline void foe_receipt(struct foe *f, uint64_t size)
{
	struct channel_event e = {.type = EVENT_RECEIPT};
	struct checkpoint    c = {.size = size};
	struct frontier	     at;

	frontier_init(&at);
	for (uint64_t i = 0; i < size && i < f->nown; i++)
		frontier_add(&at, &f->own_leaf[i]);
	c.root = frontier_root(&at);
	memcpy(c.origin, f->own_origin, sizeof c.origin);
	e.receipt = (struct receipt_frame){.log = (uint16_t)(f->mine.nown - 1), .size = size, .root = c.root, .time_s = f->now_ms / 1000};
	receipt_sign(&f->receipt_key, &c, e.receipt.time_s, &e.receipt.sig);
	foe_step(f, &e);
}

static inline void foe_found(struct foe *f, uint64_t ticket)
{
	struct fields	     fields = {0};
	struct channel_event e = {.type = EVENT_FOUND, .found = {.ticket = ticket, .outcome = FOUND_HIT, .fields = &fields}};

	if (fields_add(&fields, bytes_text("status"), bytes_text("released")) != ERR_OK)
		abort();
	foe_step(f, &e);
}

/* The house asks under clause 9. */
static inline void foe_asked(struct foe *f)
{
	struct fields	     fields = {0};
	struct channel_event e = {.type = EVENT_ASK};

	if (fields_add(&fields, bytes_text("declaration"), bytes_text("2026-1")) != ERR_OK)
		abort();
	e.ask = (struct channel_ask){.agreement = f->agreement, .clause = 9, .purpose = bytes_text("duty-assessment"), .fields = &fields};
	foe_step(f, &e);
}

/* ---- beginning and end ---- */

/* `held`: an agreement made before, or NULL. */
static inline void foe_begin(struct foe *f, struct agreement *held)
{
	struct sign_key	     ours[2];
	struct channel_setup setup = {.self = "south.example", .peer = "north.example", .name = "customs"};
	struct channel_event opened = {.type = EVENT_OPENED};
	struct origin	     o = {.author = "south.example", .reader = "north.example", .channel = "customs"};

	memset(f, 0, sizeof *f);
	if (crypto_start() != ERR_OK || (f->mid = malloc(sizeof *f->mid * FOE_MIDS_MOST)) == NULL)
		abort();
	f->now_ms = FOE_START_MS;
	foe_key(&f->root[0], "north root a");
	foe_key(&f->root[1], "north root b");
	foe_key(&ours[0], "south root a");
	foe_key(&ours[1], "south root b");
	foe_key(&f->log_key, "north log");
	foe_key(&f->receipt_key, "north receipt");
	foe_key(&f->our_log_key, "south log");
	foe_key(&f->our_receipt_key, "south receipt");
	f->agreement = held;
	if (held == NULL)
		foe_agreement(f, ours);
	setup.own = ring_make(&f->ring[0], &f->our_log_key.pub, &f->our_receipt_key.pub);
	setup.theirs = ring_make(&f->ring[1], &f->log_key.pub, &f->receipt_key.pub);
	f->channel = channel_new(&setup);
	if (f->channel == NULL || channel_permit(f->channel, f->agreement) != ERR_OK)
		abort();
	memset(opened.opened.b, 0x50, EPOCH_SIZE);
	f->own = o.epoch = opened.opened;
	if (origin_write(&o, f->own_origin) != ERR_OK)
		abort();
	foe_step(f, &opened);
	foe_turn(f);
}

/* GENESIS and AGREE of a first epoch are taken and receipted; the house gave and got credit. */
static inline void foe_open(struct foe *f, struct agreement *held)
{
	struct previous first = {.cause = CAUSE_FIRST};

	foe_begin(f, held);
	foe_epoch(f);
	foe_hello(f, 0, 1);
	foe_credit(f, UINT64_MAX);
	foe_genesis(f, 0, 0, &first);
	foe_agree(f, 0, 0);
	foe_checkpoint(f, 0, 0, 2);
	foe_turn(f);
}

static inline void foe_end(struct foe *f)
{
	channel_free(f->channel);
	for (unsigned i = 0; i < f->nlogs; i++) {
		free(f->log[i].leaf);
		free(f->log[i].agreement);
	}
	free(f->mid);
}

#endif
