#include "pair.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "crypto/hash.h"

#define START_MS     UINT64_C(1795420800000) /* 2026-11-23 */
#define CHANNEL_NAME "customs"

/* ---- small things ---- */

uint64_t pair_draw(struct pair *p, uint64_t below)
{
	uint64_t z = (p->random += 0x9e3779b97f4a7c15ull); /* splitmix64 */

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	z ^= z >> 31;
	return below ? z % below : z;
}

static void draw_bytes(struct pair *p, uint8_t *out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)pair_draw(p, 256);
}

static void fault(struct pair *p, const char *format, ...) prints(2, 3);
static void fault(struct pair *p, const char *format, ...)
{
	va_list args;

	if (p->fault[0] != '\0')
		return;
	va_start(args, format);
	vsnprintf(p->fault, sizeof p->fault, format, args);
	va_end(args);
}

static void trace(struct side *s, const char *format, ...) prints(2, 3);
static void trace(struct side *s, const char *format, ...)
{
	va_list args;

	if (s->pair->trace == NULL)
		return;
	fprintf(s->pair->trace, "[%4" PRIu64 "] %s ", s->pair->now_ms - START_MS, s->shown);
	va_start(args, format);
	vfprintf(s->pair->trace, format, args);
	va_end(args);
	fputc('\n', s->pair->trace);
}

static void *grown(void *at, size_t n, size_t *room, size_t size)
{
	if (n < *room)
		return at;
	*room = *room ? 2 * *room : 64;
	void *more = realloc(at, *room * size);
	if (more == NULL)
		abort();
	return more;
}

static struct side *other(struct side *s)
{
	return &s->pair->side[1 - s->number];
}

static bool epoch_equal(const struct epoch *a, const struct epoch *b)
{
	return memcmp(a->b, b->b, EPOCH_SIZE) == 0;
}

/* ---- the disk ---- */

static void entry_free(struct disk_entry *e)
{
	free(e->memory);
}

/* ---- the index of the disk ---- */

static struct disk_log *log_find(struct disk *d, bool own, const struct epoch *epoch)
{
	for (size_t i = d->nlogs; i > 0; i--)
		if (d->log[i - 1].own == own && epoch_equal(&d->log[i - 1].epoch, epoch))
			return &d->log[i - 1];
	return NULL;
}

const struct disk_log *disk_log_find(const struct disk *d, bool own, const struct epoch *epoch)
{
	return log_find((struct disk *)d, own, epoch);
}

static struct disk_log *log_add(struct disk *d, bool own, const struct epoch *epoch)
{
	d->log = grown(d->log, d->nlogs, &d->room_logs, sizeof *d->log);
	struct disk_log *l = &d->log[d->nlogs++];

	memset(l, 0, sizeof *l);
	l->own = own;
	l->epoch = *epoch;
	return l;
}

static void log_extend(struct disk_log *l, size_t place, const struct hash *leaf)
{
	size_t room = l->room;

	l->place = grown(l->place, l->n, &room, sizeof *l->place);
	room = l->room;
	l->root = grown(l->root, l->n, &room, sizeof *l->root);
	l->room = room;
	frontier_add(&l->frontier, leaf);
	l->place[l->n] = place;
	l->root[l->n++] = frontier_root(&l->frontier);
}

/* After a crash each log ends where the disk does. */
static void log_cut(struct disk *d, struct disk_log *l)
{
	while (l->n > 0 && l->place[l->n - 1] >= d->nentries)
		l->n--;
	frontier_init(&l->frontier);
	for (uint64_t i = 0; i < l->n; i++)
		frontier_add(&l->frontier, &d->entry[l->place[i]].leaf);
	l->durable = l->n;
	l->checked = l->checked < l->n ? l->checked : l->n;
}

static void disk_cut(struct disk *d)
{
	for (size_t i = d->entries_durable; i < d->nentries; i++)
		entry_free(&d->entry[i]);
	d->nentries = d->entries_durable;
	for (size_t i = 0; i < d->nlogs; i++)
		log_cut(d, &d->log[i]);
	d->nheads = d->heads_durable;
	d->heads_checked = d->heads_checked < d->nheads ? d->heads_checked : d->nheads;
	d->nexchanges = d->exchanges_durable;
	d->nanswers = d->answers_durable;
}

static void disk_free(struct disk *d)
{
	for (size_t i = 0; i < d->nentries; i++)
		entry_free(&d->entry[i]);
	for (size_t i = 0; i < d->nlogs; i++) {
		free(d->log[i].place);
		free(d->log[i].root);
	}
	free(d->log);
	free(d->entry);
	free(d->head);
	free(d->exchange);
	free(d->answer);
}

/* An entry names no more of the other log than was on disk when it was appended. */
static void seen_check(struct side *s, const struct disk_entry *e)
{
	struct epoch seen;

	memcpy(seen.b, e->header.seen_epoch, EPOCH_SIZE);
	const struct disk_log *l = disk_log_find(&s->disk, false, &seen);
	if (e->at.own && e->header.seen_size > (l != NULL ? l->durable : 0))
		fault(s->pair, "%s names what it had not on disk as seen", s->shown);
}

static void disk_entry_add(struct side *s, const struct stored_entry *e)
{
	struct disk *d = &s->disk;

	d->entry = grown(d->entry, d->nentries, &d->room_entries, sizeof *d->entry);
	struct disk_entry *to = &d->entry[d->nentries++];
	to->at = *e;
	to->memory = malloc(e->header.n + e->body.n + e->withheld.n + 1);
	if (to->memory == NULL)
		abort();
	memcpy(to->memory, e->header.at, e->header.n);
	if (e->body.n > 0)
		memcpy(to->memory + e->header.n, e->body.at, e->body.n);
	to->at.header = bytes_of(to->memory, e->header.n);
	to->at.body = bytes_of(to->memory + e->header.n, e->body.n);
	to->at.withheld = BYTES_NONE;
	to->leaf = entry_leaf(&e->commitment);
	if (header_read(to->at.header, &to->header) != ERR_OK)
		fault(s->pair, "%s stored a header that does not parse", s->shown);
	seen_check(s, to);
	struct disk_log *l = log_find(d, e->own, &e->epoch);
	if (l == NULL)
		l = log_add(d, e->own, &e->epoch);
	if (e->index != l->n)
		fault(s->pair, "%s stored entry %" PRIu64 " of a log of %" PRIu64, s->shown, e->index, l->n);
	log_extend(l, d->nentries - 1, &to->leaf);
}

static const struct disk_entry *disk_entry_find(const struct disk *d, bool own, const struct epoch *epoch, uint64_t index)
{
	const struct disk_log *l = disk_log_find(d, own, epoch);

	return l != NULL && index < l->n ? &d->entry[l->place[index]] : NULL;
}

static uint64_t disk_durable(const struct disk *d, bool own, const struct epoch *epoch)
{
	const struct disk_log *l = disk_log_find(d, own, epoch);

	return l != NULL ? l->durable : 0;
}

static const struct disk_exchange *exchange_find(const struct disk *d, bool ours, const uint8_t mid[MID_SIZE])
{
	for (size_t i = 0; i < d->nexchanges; i++)
		if (d->exchange[i].ours == ours && memcmp(d->exchange[i].mid, mid, MID_SIZE) == 0)
			return &d->exchange[i];
	return NULL;
}

static const struct disk_answer *answer_find(const struct disk *d, bool ours, const uint8_t mid[MID_SIZE])
{
	for (size_t i = 0; i < d->nanswers; i++)
		if (d->answer[i].ours == ours && memcmp(d->answer[i].mid, mid, MID_SIZE) == 0)
			return &d->answer[i];
	return NULL;
}

static void entry_of(const struct disk_entry *e, struct entry *out)
{
	memset(out, 0, sizeof *out);
	out->salt = e->at.salt;
	out->header_wire = e->at.header;
	out->header = e->header;
	if (entry_body_read(e->at.body, out) != ERR_OK)
		abort();
}

/* ---- the keeper: draws epochs, extends, never goes back ---- */

static struct keeper_log *keeper_find(struct side *s, bool own, const struct epoch *epoch)
{
	for (unsigned i = 0; i < s->nkeeper; i++)
		if (s->keeper[i].own == own && epoch_equal(&s->keeper[i].epoch, epoch))
			return &s->keeper[i];
	return NULL;
}

static struct keeper_log *keeper_add(struct side *s, bool own, const struct epoch *epoch)
{
	if (s->nkeeper == COUNT_OF(s->keeper))
		abort();
	struct keeper_log *k = &s->keeper[s->nkeeper++];

	memset(k, 0, sizeof *k);
	k->own = own;
	k->epoch = *epoch;
	return k;
}

/* Goes on from our own last durable receipt, as the real one does from the receipt it is shown. */
static void keeper_follow(struct side *s, struct keeper_log *k)
{
	uint64_t size = 0;

	for (size_t i = 0; i < s->disk.nheads; i++)
		if (s->disk.head[i].receipt && !s->disk.head[i].own && epoch_equal(&s->disk.head[i].epoch, &k->epoch))
			size = s->disk.head[i].size;
	for (uint64_t i = 0; i < size; i++) {
		const struct disk_entry *e = disk_entry_find(&s->disk, false, &k->epoch, i);

		if (e == NULL) {
			fault(s->pair, "%s lost an entry that it had receipted", s->shown);
			return;
		}
		frontier_add(&k->frontier, &e->leaf);
	}
}

void side_origin(const struct side *author, const struct epoch *epoch, char out[ORIGIN_MOST])
{
	struct origin o = {.epoch = *epoch};

	snprintf(o.author, sizeof o.author, "%s", author->name);
	snprintf(o.reader, sizeof o.reader, "%s", author->pair->side[1 - author->number].name);
	snprintf(o.channel, sizeof o.channel, CHANNEL_NAME);
	if (origin_write(&o, out) != ERR_OK)
		abort();
}

static struct work *work_add(struct side *s)
{
	if (s->nwork == COUNT_OF(s->work))
		abort();
	struct work *w = &s->work[s->nwork++];

	memset(w, 0, sizeof *w);
	return w;
}

static void keeper_sign(struct side *s, const struct duty *d)
{
	struct keeper_log *k = keeper_find(s, true, &d->leaves.epoch);
	struct work	  *w = work_add(s);
	struct checkpoint  c = {0};

	if (k == NULL) {
		fault(s->pair, "%s asked to sign an old origin", s->shown);
		return;
	}
	for (size_t i = 0; i < d->leaves.n; i++)
		frontier_add(&k->frontier, &d->leaves.leaves[i]);
	if (disk_durable(&s->disk, true, &k->epoch) < k->frontier.size)
		fault(s->pair, "%s asked for a checkpoint over entries that are not durable", s->shown);
	side_origin(s, &k->epoch, c.origin);
	w->event.type = EVENT_SIGNED;
	w->event.signature.size = c.size = k->frontier.size;
	w->event.signature.root = c.root = frontier_root(&k->frontier);
	checkpoint_sign(&s->log_key, &c, &w->event.signature.sig);
}

static void keeper_cosign(struct side *s, const struct duty *d)
{
	struct keeper_log *k = keeper_find(s, false, &d->leaves.epoch);
	struct work	  *w = work_add(s);
	struct checkpoint  c = {0};

	if (k == NULL) {
		k = keeper_add(s, false, &d->leaves.epoch);
		keeper_follow(s, k);
	}
	for (size_t i = 0; i < d->leaves.n; i++)
		frontier_add(&k->frontier, &d->leaves.leaves[i]);
	if (disk_durable(&s->disk, false, &k->epoch) < k->frontier.size)
		fault(s->pair, "%s asked for a receipt over entries that are not durable", s->shown);
	side_origin(other(s), &k->epoch, c.origin);
	w->event.type = EVENT_COSIGNED;
	w->event.cosigned.epoch = k->epoch;
	w->event.cosigned.size = c.size = k->frontier.size;
	w->event.cosigned.root = c.root = frontier_root(&k->frontier);
	w->event.cosigned.time_s = s->pair->now_ms / 1000;
	receipt_sign(&s->receipt_key, &c, w->event.cosigned.time_s, &w->event.cosigned.sig);
}

/* ---- performing ---- */

static void head_add(struct side *s, const struct duty *d, bool receipt)
{
	struct disk *k = &s->disk;

	k->head = grown(k->head, k->nheads, &k->room_heads, sizeof *k->head);
	k->head[k->nheads++] = (struct disk_head){d->head.epoch, d->head.own, receipt, d->head.size, d->head.time_s, d->head.root, d->head.sig};
}

static void question_add(struct side *s, const struct exchange *x)
{
	struct disk *d = &s->disk;

	if (exchange_find(d, x->ours, x->mid) != NULL)
		fault(s->pair, "%s began the same exchange twice", s->shown);
	d->exchange = grown(d->exchange, d->nexchanges, &d->room_exchanges, sizeof *d->exchange);
	struct disk_exchange *to = &d->exchange[d->nexchanges++];
	*to = (struct disk_exchange){.ours = x->ours,
				     .question = x->question,
				     .agreement = x->agreement,
				     .clause = x->clause,
				     .accepted_ms = x->accepted_ms,
				     .not_after_ms = x->not_after_ms,
				     .used = x->used,
				     .day = (int32_t)(x->accepted_ms / 86400000)};
	memcpy(to->mid, x->mid, MID_SIZE);
}

static void answer_add(struct side *s, const struct exchange *x)
{
	struct disk *d = &s->disk;

	if (answer_find(d, x->ours, x->mid) != NULL)
		fault(s->pair, "%s ended the same exchange twice", s->shown);
	if (exchange_find(d, x->ours, x->mid) == NULL)
		fault(s->pair, "%s ended an exchange that never began", s->shown);
	d->answer = grown(d->answer, d->nanswers, &d->room_answers, sizeof *d->answer);
	struct disk_answer *to = &d->answer[d->nanswers++];
	*to = (struct disk_answer){.ours = x->ours, .state = x->state, .status = x->status};
	memcpy(to->mid, x->mid, MID_SIZE);
}

static void text_copy(char *out, size_t room, struct bytes v)
{
	snprintf(out, room, "%.*s", (int)v.n, (const char *)v.at);
}

static void report_tell(struct side *s, const struct held_report *r)
{
	s->reports++;
	s->finals += r->final;
	s->last = r->exchange;
	memcpy(s->last_rule, r->rule, sizeof s->last_rule);
	memcpy(s->last_reason, r->reason, sizeof s->last_reason);
	memcpy(s->last_got, r->got, sizeof s->last_got);
	if (!r->final)
		return;
	const char *state = exchange_state_name(r->exchange.state);
	if (r->exchange.state == EXCHANGE_ANSWERED)
		trace(s, "tells: %s %s%s%s", state, status_name(r->exchange.status), r->got[0] ? ", status " : "", r->got);
	else
		trace(s, "tells: %s%s%s%s%s", state, r->reason[0] ? ": " : "", r->reason, r->rule[0] ? " by rule " : "", r->rule);
}

static void reports_tell(struct side *s)
{
	unsigned n = s->nheld;

	s->nheld = 0;
	for (unsigned i = 0; i < n; i++)
		report_tell(s, &s->held[i]);
}

/* What is told to people waits until it is on disk; a crash before that loses it. */
static void report_hold(struct side *s, const struct duty *d)
{
	const struct exchange *x = d->exchange.exchange;
	const struct field    *status = fields_find(&x->got, "status");

	if (!d->after)
		fault(s->pair, "%s would tell what is not on disk", s->shown);
	if (s->nheld == HELD_MOST)
		abort();
	struct held_report *r = &s->held[s->nheld++];
	memset(r, 0, sizeof *r);
	r->exchange = *x;
	r->final = d->exchange.final;
	text_copy(r->rule, sizeof r->rule, x->rule);
	text_copy(r->reason, sizeof r->reason, x->reason);
	if (status != NULL)
		text_copy(r->got, sizeof r->got, status->value);
	if (!s->dirty)
		reports_tell(s);
}

void side_deliver(struct side *to, struct bytes frame)
{
	if (buffer_add(&to->inbox, frame) != ERR_OK)
		abort();
}

/* One bit of the payload is another. */
static void spoiled_deliver(struct side *s, struct bytes frame)
{
	static uint8_t copy[FRAME_HEAD + FRAME_REST_MOST];
	size_t	       bit = FRAME_HEAD * 8 + pair_draw(s->pair, (frame.n - FRAME_HEAD) * 8);

	memcpy(copy, frame.at, frame.n);
	copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
	side_deliver(other(s), bytes_of(copy, frame.n));
}

static void frame_send(struct side *s, struct bytes frame)
{
	if (!s->up)
		return;
	if (s->pair->broken == BREAK_DROP && pair_draw(s->pair, 40) == 0)
		return;
	if (s->pair->broken == BREAK_SPOIL && pair_draw(s->pair, 60) == 0) {
		spoiled_deliver(s, frame);
		return;
	}
	side_deliver(other(s), frame);
	if (s->pair->broken == BREAK_TWICE && pair_draw(s->pair, 40) == 0)
		side_deliver(other(s), frame);
}

static void checkpoint_resend(struct side *s, const struct duty *d)
{
	const struct disk_head *best = NULL;
	uint8_t			memory[256];
	struct builder		b = builder_on(memory, sizeof memory);

	for (size_t i = 0; i < s->disk.nheads; i++) {
		const struct disk_head *h = &s->disk.head[i];

		if (h->own && !h->receipt && h->size <= d->resend.to && epoch_equal(&h->epoch, &d->resend.epoch) &&
		    (best == NULL || h->size > best->size))
			best = h;
	}
	if (best == NULL)
		return;
	struct checkpoint_frame f = {.log = d->resend.log, .size = best->size, .root = best->root, .sig = best->sig};
	checkpoint_frame_write(&b, &f);
	frame_send(s, builder_bytes(&b));
}

static void resend(struct side *s, const struct duty *d)
{
	static uint8_t memory[FRAME_HEAD + ENTRY_PAYLOAD_MOST];
	struct entry   e;

	trace(s, "> entries %" PRIu64 " to %" PRIu64 " from the ledger", d->resend.from, d->resend.to - 1);
	for (uint64_t i = d->resend.from; i < d->resend.to; i++) {
		const struct disk_entry *at = disk_entry_find(&s->disk, true, &d->resend.epoch, i);
		struct builder		 b = builder_on(memory, sizeof memory);

		if (at == NULL) {
			fault(s->pair, "%s resends an entry that it does not have", s->shown);
			return;
		}
		entry_of(at, &e);
		entry_frame_write(&b, d->resend.log, &e);
		frame_send(s, builder_bytes(&b));
	}
	if (d->resend.covered)
		checkpoint_resend(s, d);
}

static void lookup(struct side *s, const struct duty *d)
{
	s->lookups++;
	trace(s, "looks up clause %u", d->lookup.clause);
	if (s->pair->silent_worker)
		return;
	struct work	   *w = work_add(s);
	const struct field *asked = fields_find(d->lookup.fields, "declaration");

	w->event.type = EVENT_FOUND;
	w->event.found.ticket = d->lookup.ticket;
	w->event.found.outcome = s->pair->outcome;
	if (s->pair->outcome == FOUND_REFUSED)
		w->event.found.reason = bytes_text(s->pair->reason ? s->pair->reason : "inquiry-under-way");
	if (s->pair->outcome == FOUND_HIT && asked != NULL && asked->value.n > 0 && asked->value.at[0] == '0')
		w->event.found.outcome = FOUND_NO_HIT;
	if (fields_add(&w->fields, bytes_text("status"), bytes_text(s->pair->found ? s->pair->found : "released")) != ERR_OK)
		abort();
}

static void store_trace(struct side *s, const struct stored_entry *e)
{
	struct header h;
	const char   *verb = e->own ? "appends" : "takes";

	if (e->kind == KIND_REPLY && header_read(e->header, &h) == ERR_OK)
		trace(s, "%s REPLY %" PRIu64 ": %s", verb, e->index, status_name(h.status));
	else
		trace(s, "%s %s %" PRIu64, verb, kind_name(e->kind), e->index);
}

/* No checkpoint covers a REPLY before its question is durable. */
static void answers_check(struct side *s, struct disk_log *l, uint64_t size)
{
	for (; l != NULL && l->checked < size && l->checked < l->n; l->checked++) {
		const struct disk_entry *e = &s->disk.entry[l->place[l->checked]];
		struct epoch		 epoch;

		if (e->header.kind != KIND_REPLY)
			continue;
		memcpy(epoch.b, e->header.re.epoch, EPOCH_SIZE);
		if (disk_durable(&s->disk, false, &epoch) <= e->header.re.index)
			fault(s->pair, "%s signs an answer to a question that is not durable", s->shown);
	}
}

/* Receipts only for durable sizes; a checkpoint only over durable entries, and a REPLY only with its question durable. */
static void send_check(struct side *s, struct bytes frame_bytes)
{
	struct frame		f;
	size_t			used;
	struct checkpoint_frame c;
	struct receipt_frame	r;

	if (frame_next(frame_bytes, &f, &used) != ERR_OK || used != frame_bytes.n) {
		fault(s->pair, "%s sends what is not one frame", s->shown);
		return;
	}
	if (f.type == FRAME_CHECKPOINT && checkpoint_frame_read(f.payload, &c) == ERR_OK)
		trace(s, "> checkpoint %" PRIu64 " of channel " CHANNEL_NAME, c.size);
	if (f.type == FRAME_RECEIPT && receipt_frame_read(f.payload, &r) == ERR_OK)
		trace(s, "> receipt %" PRIu64 " of channel " CHANNEL_NAME, r.size);
	if (f.type != FRAME_CHECKPOINT || checkpoint_frame_read(f.payload, &c) != ERR_OK)
		return;
	struct channel_log log;
	if (!channel_log(s->channel, true, &log) || disk_durable(&s->disk, true, &log.epoch) < c.size)
		fault(s->pair, "%s sends a checkpoint of entries that are not durable", s->shown);
	answers_check(s, log_find(&s->disk, true, &log.epoch), c.size);
}

/* Why the answering side refuses; a hit and a miss say it all in the REPLY. */
static void answer_trace(struct side *s, const struct exchange *x)
{
	char reason[64], rule[96];

	if (x->ours || x->state == EXCHANGE_ANSWERED)
		return;
	text_copy(reason, sizeof reason, x->reason);
	text_copy(rule, sizeof rule, x->rule);
	trace(s, "answers %s: %s%s%s", status_name(x->status), reason, rule[0] ? " by rule " : "", rule);
}

/* The codes of the frame ALARM; what only a person here must know has none. */
static const char *alarm_word(uint16_t code)
{
	static const char *words[] = {"", " fork", " root", " structure", " signature", " tally"};

	return code < COUNT_OF(words) ? words[code] : " unknown";
}

static void perform(struct side *s, const struct duty *d)
{
	switch (d->type) {
	case DUTY_STORE_ENTRY:
		store_trace(s, &d->entry);
		disk_entry_add(s, &d->entry);
		s->dirty = true;
		break;
	case DUTY_STORE_CHECKPOINT:
	case DUTY_STORE_RECEIPT:
		head_add(s, d, d->type == DUTY_STORE_RECEIPT);
		s->dirty = true;
		break;
	case DUTY_STORE_QUESTION:
		question_add(s, d->exchange.exchange);
		break;
	case DUTY_STORE_ANSWER:
		answer_add(s, d->exchange.exchange);
		answer_trace(s, d->exchange.exchange);
		break;
	case DUTY_REPORT:
		report_hold(s, d);
		break;
	case DUTY_REFUSE:
		s->refusals++;
		s->last_refusal = d->ask.decision->refusal;
		snprintf(s->last_rule, sizeof s->last_rule, "%s", d->ask.decision->rule);
		trace(s, "refuses here, nothing is sent: %s by rule %s", refusal_code(s->last_refusal), s->last_rule);
		break;
	case DUTY_PERMIT:
		s->permits++;
		trace(s, "would permit it: %" PRIu64 " used of this day", d->ask.used);
		break;
	case DUTY_FAIL:
		s->failures++;
		s->last_failure = d->ask.failure;
		trace(s, "cannot take it now: %s",
		      d->ask.failure == CHANNEL_BUSY	      ? "busy"
		      : d->ask.failure == CHANNEL_UNREACHABLE ? "unreachable"
							      : "frozen");
		break;
	case DUTY_SIGN:
		keeper_sign(s, d);
		break;
	case DUTY_COSIGN:
		keeper_cosign(s, d);
		break;
	case DUTY_SEND:
		send_check(s, d->frame);
		frame_send(s, d->frame);
		break;
	case DUTY_RESEND:
		resend(s, d);
		break;
	case DUTY_LOOKUP:
		lookup(s, d);
		break;
	case DUTY_ALARM:
		s->alarms += d->end.frozen;
		trace(s, "ALARM%s: %s", alarm_word(d->end.code), d->end.text);
		break;
	case DUTY_CLOSE:
		s->closes++;
		trace(s, "closes: %s", d->end.text);
		pair_cut(s->pair);
		break;
	}
}

static void duties_perform(struct side *s, const struct duties *d)
{
	for (size_t i = 0; i < d->n; i++) {
		if (++s->pair->duties == s->pair->crash_at) {
			s->pair->crashed_side = s->number;
			side_crash(s);
			return;
		}
		perform(s, &d->at[i]);
		if (s->channel == NULL)
			return;
	}
}

static uint64_t side_now(const struct side *s)
{
	return s->pair->now_ms + (uint64_t)s->skew_ms;
}

void side_step(struct side *s, struct channel_event *event)
{
	if (s->channel == NULL)
		return;
	event->now_ms = side_now(s);
	struct duties d = channel_step(s->channel, event);
	if (d.err != ERR_OK)
		fault(s->pair, "%s: channel_step: %s", s->shown, err_text(d.err, LANG_EN));
	duties_perform(s, &d);
}

/* The channel's own writer appends it in a step of its own, without the questions that question.c would ask. */
void side_append(struct side *s, const struct draft *draft)
{
	struct channel *ch = s->channel;

	ch->nduties = 0;
	arena_done(&ch->arena);
	arena_init(&ch->arena, 1u << 20);
	ch->now_ms = side_now(s);
	if (!writer_append(ch, draft, NULL))
		abort();
	struct duties d = {.at = ch->duty, .n = ch->nduties};
	duties_perform(s, &d);
}

/* ---- life ---- */

static void recall_epoch(struct side *s, bool own, const struct epoch *epoch)
{
	static struct hash    leaves[65536];
	struct recalled_log   r = {.epoch = *epoch};
	struct recalled_agree agree[8];
	struct receipt_frame  receipt;
	uint64_t	      n = 0;

	memcpy(r.tally.epoch, epoch->b, EPOCH_SIZE);
	r.agree = agree;
	for (size_t i = 0; i < s->disk.nheads; i++) {
		const struct disk_head *h = &s->disk.head[i];

		if (!h->receipt || h->own != own || !epoch_equal(&h->epoch, epoch) || h->size < r.receipted)
			continue;
		r.receipted = h->size;
		receipt = (struct receipt_frame){.size = h->size, .root = h->root, .time_s = h->time_s, .sig = h->sig};
		if (!own)
			r.receipt = &receipt;
	}
	for (uint64_t at = 0;; at++) {
		const struct disk_entry *e = disk_entry_find(&s->disk, own, epoch, at);

		if (e == NULL)
			break;
		frontier_add(&r.frontier, &e->leaf);
		if (at >= r.receipted)
			leaves[n++] = e->leaf;
		if (e->header.kind == KIND_AGREE && r.nagree < COUNT_OF(agree))
			agree[r.nagree++] = (struct recalled_agree){e->header.agreement, at};
		if ((own || e->header.kind == KIND_QUERY) && e->header.time_ms > r.last_time_ms)
			r.last_time_ms = e->header.time_ms;
		if (KIND_IS_CONTROL(e->header.kind))
			continue;
		unsigned k = 0;
		while (k < r.tally.n && !hash_equal(&r.tally.row[k].agreement, &e->header.agreement))
			k++;
		if (k == r.tally.n)
			r.tally.row[r.tally.n++] = (struct tally_row){.agreement = e->header.agreement};
		r.tally.row[k].count++;
		r.tally.row[k].last = at;
	}
	r.leaves = leaves;
	if (channel_recall(s->channel, own, &r) != ERR_OK)
		fault(s->pair, "%s could not recall", s->shown);
}

static void recall_side(struct side *s, bool own)
{
	for (size_t i = 0; i < s->disk.nentries; i++)
		if (s->disk.entry[i].at.own == own && s->disk.entry[i].at.index == 0)
			recall_epoch(s, own, &s->disk.entry[i].at.epoch);
}

static void recall_exchanges(struct side *s)
{
	for (size_t i = 0; i < s->disk.nexchanges; i++) {
		const struct disk_exchange *x = &s->disk.exchange[i];
		struct exchange		    e = {.agreement = x->agreement,
						 .clause = x->clause,
						 .accepted_ms = x->accepted_ms,
						 .not_after_ms = x->not_after_ms,
						 .used = x->used};
		const struct disk_entry	   *at = disk_entry_find(&s->disk, true, &x->question.epoch, x->question.index);
		uint64_t		    used = 0;

		for (size_t k = 0; k < s->disk.nexchanges; k++)
			used += s->disk.exchange[k].ours == x->ours && s->disk.exchange[k].day == x->day && s->disk.exchange[k].clause == x->clause;
		channel_recall_quota(s->channel, x->ours, &x->agreement, x->clause, x->day, used);
		if (!x->ours || answer_find(&s->disk, true, x->mid) != NULL || at == NULL)
			continue;
		memcpy(e.mid, x->mid, MID_SIZE);
		e.question = x->question;
		if (channel_recall_question(s->channel, &e, &at->leaf) != ERR_OK)
			fault(s->pair, "%s could not recall a question", s->shown);
	}
}

static void unanswered(struct side *s)
{
	size_t n = s->disk.nexchanges;

	for (size_t i = 0; i < n && s->channel != NULL; i++) {
		const struct disk_exchange *x = &s->disk.exchange[i];
		struct entry		    e;
		struct channel_event	    event = {.type = EVENT_UNANSWERED, .unanswered = {.entry = &e, .at = x->question, .used = x->used}};

		if (x->ours || answer_find(&s->disk, false, x->mid) != NULL)
			continue;
		const struct disk_entry *at = disk_entry_find(&s->disk, false, &x->question.epoch, x->question.index);
		if (at == NULL) {
			fault(s->pair, "%s lost a question that it had taken", s->shown);
			return;
		}
		entry_of(at, &e);
		event.unanswered.leaf = at->leaf;
		side_step(s, &event);
	}
}

static void epoch_draw(struct side *s, struct epoch *out)
{
	draw_bytes(s->pair, out->b, EPOCH_SIZE);
	for (size_t i = 0; s->pair->broken == BREAK_EPOCH_AGAIN && i < s->disk.nlogs; i++)
		if (s->disk.log[i].own)
			*out = s->disk.log[i].epoch;
}

void side_start(struct side *s)
{
	struct channel_setup setup = {.self = s->name,
				      .peer = other(s)->name,
				      .name = CHANNEL_NAME,
				      .peer_log_key = other(s)->log_key.pub,
				      .peer_receipt_key = other(s)->receipt_key.pub};
	struct channel_event opened = {.type = EVENT_OPENED};

	if (s->channel != NULL)
		return;
	draw_bytes(s->pair, setup.seed, sizeof setup.seed);
	s->channel = channel_new(&setup);
	if (s->channel == NULL)
		abort();
	if (s->holds_agreement && channel_permit(s->channel, s->pair->agreement) != ERR_OK)
		abort();
	recall_side(s, true);
	recall_side(s, false);
	recall_exchanges(s);
	epoch_draw(s, &opened.opened);
	keeper_add(s, true, &opened.opened);
	trace(s, "starts");
	side_step(s, &opened);
	if (s->channel != NULL)
		unanswered(s);
	side_commit(s);
}

void pair_cut(struct pair *p)
{
	struct channel_event down = {.type = EVENT_DISCONNECTED};

	for (int i = 0; i < 2; i++) {
		struct side *s = &p->side[i];

		s->inbox.n = s->read = 0;
		if (!s->up)
			continue;
		s->up = false;
		if (s->channel != NULL)
			side_step(s, &down);
	}
}

void side_crash(struct side *s)
{
	trace(s, "is killed");
	channel_free(s->channel);
	s->channel = NULL;
	if (s->pair->broken == BREAK_LOSE && s->disk.entries_durable > 0)
		s->disk.entries_durable--;
	if (s->pair->broken == BREAK_FORGET)
		s->disk.answers_durable = 0;
	disk_cut(&s->disk);
	s->nkeeper = s->nwork = s->nheld = 0;
	s->dirty = false;
	s->up = false;
	pair_cut(s->pair);
}

void side_stop(struct side *s)
{
	struct channel_event end = {.type = EVENT_CLOSE};

	side_step(s, &end);
	while (side_commit(s) || side_work(s))
		;
	trace(s, "stops in order");
	if (s->channel != NULL && !channel_settled(s->channel))
		fault(s->pair, "%s stopped without a last checkpoint", s->shown);
	side_crash(s);
}

/* This side writes its HELLO and the other reads it, through the real frame. */
static void hello_exchange(struct side *s)
{
	static struct hello mine;
	struct builder	    b = builder_on(s->hello_bytes, sizeof s->hello_bytes);
	struct frame	    f;
	size_t		    used;

	memset(&mine, 0, sizeof mine);
	mine.protocol_min = mine.protocol_max = PROTOCOL_VERSION;
	mine.card_serial = 1;
	mine.session[0] = 1;
	mine.party = bytes_text(s->name);
	enum err e = channel_hello(s->channel, &mine);
	hello_frame_write(&b, &mine);
	if (e != ERR_OK || frame_next(builder_bytes(&b), &f, &used) != ERR_OK || hello_frame_read(f.payload, &other(s)->theirs) != ERR_OK)
		fault(s->pair, "%s cannot say HELLO", s->shown);
}

void side_hear(struct side *s, const struct hello *theirs)
{
	struct channel_event event = {.type = EVENT_HELLO, .hello = theirs};

	s->up = true;
	side_step(s, &event);
}

void pair_connect(struct pair *p)
{
	struct side *n = &p->side[NORTH], *s = &p->side[SOUTH];

	pair_cut(p);
	if (n->channel == NULL || s->channel == NULL)
		return;
	side_commit(n);
	side_commit(s);
	for (int i = 0; i < 2; i++) {
		hello_exchange(&p->side[i]);
		p->side[i].up = true;
	}
	trace(n, "and south connect");
	for (int i = 0; i < 2; i++)
		if (p->side[i].up)
			side_hear(&p->side[i], &p->side[i].theirs);
}

static void disk_sync(struct disk *d)
{
	d->entries_durable = d->nentries;
	d->heads_durable = d->nheads;
	d->exchanges_durable = d->nexchanges;
	d->answers_durable = d->nanswers;
	for (size_t i = 0; i < d->nlogs; i++)
		d->log[i].durable = d->log[i].n;
}

bool side_commit(struct side *s)
{
	struct channel_event durable = {.type = EVENT_DURABLE};
	struct disk	    *d = &s->disk;

	if (!s->dirty || s->channel == NULL)
		return false;
	s->dirty = false;
	if (s->pair->broken != BREAK_EARLY)
		disk_sync(d);
	reports_tell(s);
	side_step(s, &durable);
	return true;
}

bool side_work(struct side *s)
{
	struct work w;

	if (s->nwork == 0 || s->channel == NULL)
		return false;
	w = s->work[0];
	memmove(&s->work[0], &s->work[1], --s->nwork * sizeof s->work[0]);
	if (w.event.type == EVENT_FOUND)
		w.event.found.fields = &w.fields;
	side_step(s, &w.event);
	return true;
}

static void frame_act(struct side *s, const struct frame *f)
{
	struct channel_event event = {0};
	struct entry	     e;
	enum err	     err = ERR_OK;

	switch (f->type) {
	case FRAME_ENTRY:
		event.type = EVENT_ENTRY;
		err = entry_frame_read(f->payload, &event.entry.log, &e);
		event.entry.entry = &e;
		event.entry.known = err == ERR_OK && exchange_find(&s->disk, false, e.header.mid) != NULL;
		break;
	case FRAME_CHECKPOINT:
		event.type = EVENT_CHECKPOINT;
		err = checkpoint_frame_read(f->payload, &event.checkpoint);
		break;
	case FRAME_RECEIPT:
		event.type = EVENT_RECEIPT;
		err = receipt_frame_read(f->payload, &event.receipt);
		break;
	case FRAME_CREDIT:
		event.type = EVENT_CREDIT;
		err = credit_frame_read(f->payload, &event.credit);
		break;
	default:
		err = ERR_PROTOCOL;
	}
	if (err != ERR_OK && s->pair->broken == BREAK_SPOIL)
		pair_cut(s->pair);
	else if (err != ERR_OK)
		fault(s->pair, "%s was sent a frame it cannot read: %s", s->shown, err_text(err, LANG_EN));
	else
		side_step(s, &event);
}

bool side_read(struct side *s)
{
	static uint8_t copy[FRAME_HEAD + FRAME_REST_MOST];
	struct frame   f;
	size_t	       used;

	if (s->channel == NULL || !s->up || s->read == s->inbox.n)
		return false;
	if (frame_next(bytes_of(s->inbox.at + s->read, s->inbox.n - s->read), &f, &used) != ERR_OK) {
		fault(s->pair, "the wire to %s carries no frame", s->shown);
		return false;
	}
	memcpy(copy, s->inbox.at + s->read, used); /* acting may cut the wire and its memory */
	s->read += used;
	if (s->read == s->inbox.n)
		s->inbox.n = s->read = 0;
	f.payload = bytes_of(copy + FRAME_HEAD, used - FRAME_HEAD);
	frame_act(s, &f);
	return true;
}

void side_tick(struct side *s)
{
	struct channel_event event = {.type = EVENT_TICK};

	side_step(s, &event);
}

static void field_put(struct fields *f, const char *name, const char *value)
{
	if (name != NULL && value != NULL && fields_add(f, bytes_text(name), bytes_text(value)) != ERR_OK)
		abort();
}

void side_ask_with(struct side *s, const struct pair_ask *ask)
{
	struct fields	     f = {0};
	struct channel_event event = {.type = EVENT_ASK};

	event.ask.agreement = s->pair->agreement;
	event.ask.clause = ask->clause ? ask->clause : 7;
	event.ask.dry_run = ask->dry_run;
	event.ask.fields = &f;
	event.ask.purpose = ask->purpose ? bytes_text(ask->purpose) : BYTES_NONE;
	event.ask.reference = ask->reference ? bytes_text(ask->reference) : BYTES_NONE;
	field_put(&f, "declaration", ask->declaration);
	field_put(&f, ask->extra_field, "x");
	trace(s, "asks about %s for %s", ask->declaration ? ask->declaration : "nothing", ask->purpose ? ask->purpose : "no purpose");
	side_step(s, &event);
}

void side_ask(struct side *s, const char *purpose, const char *declaration, const char *extra_field)
{
	struct pair_ask ask = {.purpose = purpose, .declaration = declaration, .extra_field = extra_field};

	side_ask_with(s, &ask);
}

unsigned side_unanswered(const struct side *s, bool ours)
{
	unsigned n = 0;

	for (size_t i = 0; i < s->disk.nexchanges; i++)
		n += s->disk.exchange[i].ours == ours && answer_find(&s->disk, ours, s->disk.exchange[i].mid) == NULL;
	return n;
}

void pair_settle(struct pair *p)
{
	bool more = true;

	for (unsigned guard = 0; more && guard < 100000; guard++) {
		more = false;
		for (int i = 0; i < 2; i++) {
			struct side *s = &p->side[i];

			while (side_read(s))
				more = true;
			while (side_work(s))
				more = true;
			more = side_commit(s) || more;
		}
	}
	if (more)
		fault(p, "the two never come to rest");
}

/* ---- invariants ---- */

/* The root of the first `size` entries on this disk; NULL when it has not so many. */
static const struct hash *disk_root(const struct disk *d, bool own, const struct epoch *epoch, uint64_t size)
{
	const struct disk_log *l = disk_log_find(d, own, epoch);

	return l != NULL && size > 0 && size <= l->n ? &l->root[size - 1] : NULL;
}

static bool root_is(const struct hash *root, const struct hash *expected)
{
	return root != NULL && hash_equal(root, expected);
}

/* A stored checkpoint or receipt verifies under the key of whoever gave it. */
static void head_verify(struct pair *p, const struct side *holder, const struct disk_head *h)
{
	struct side	 *author = &p->side[h->own ? holder->number : 1 - holder->number];
	struct checkpoint c = {.size = h->size, .root = h->root};

	side_origin(author, &h->epoch, c.origin);
	if (!h->receipt && checkpoint_verify(&author->log_key.pub, &c, &h->sig) != ERR_OK)
		fault(p, "%s holds a checkpoint that does not verify", holder->shown);
	if (h->receipt && receipt_verify(&other(author)->receipt_key.pub, &c, h->time_s, &h->sig) != ERR_OK)
		fault(p, "%s holds a receipt that does not verify", holder->shown);
}

/* What was signed or receipted stays in its author's log for ever; what was receipted, in the reader's as well. */
static void head_check(struct pair *p, const struct side *holder, const struct disk_head *h)
{
	struct side *author = &p->side[h->own ? holder->number : 1 - holder->number];
	struct side *reader = other(author);

	if (!root_is(disk_root(&author->disk, true, &h->epoch, h->size), &h->root))
		fault(p, "%s's log was forked or lost: %s at %" PRIu64, author->shown, h->receipt ? "receipt" : "checkpoint", h->size);
	if (h->receipt && !root_is(disk_root(&reader->disk, false, &h->epoch, h->size), &h->root))
		fault(p, "%s receipted what it does not hold", reader->shown);
}

#define HEADS_LOOKED_BACK 6

bool pair_check(struct pair *p)
{
	for (int i = 0; i < 2; i++) {
		struct disk *d = &p->side[i].disk;

		for (; d->heads_checked < d->nheads; d->heads_checked++)
			head_verify(p, &p->side[i], &d->head[d->heads_checked]);
		for (size_t k = d->nheads > HEADS_LOOKED_BACK ? d->nheads - HEADS_LOOKED_BACK : 0; k < d->nheads; k++)
			head_check(p, &p->side[i], &d->head[k]);
	}
	return p->fault[0] == '\0';
}

/* Both ledgers hold the same newest log, and every older one of which anything was receipted. */
static void ledgers_check(struct pair *p, struct side *author)
{
	struct channel_log mine, theirs;

	if (!channel_log(author->channel, true, &mine) || !channel_log(other(author)->channel, false, &theirs)) {
		fault(p, "%s's log did not arrive", author->shown);
		return;
	}
	struct hash a = frontier_root(mine.frontier), b = frontier_root(theirs.frontier);
	if (!epoch_equal(&mine.epoch, &theirs.epoch) || !hash_equal(&a, &b))
		fault(p, "the ledgers differ: %s's log is %" PRIu64 " there and %" PRIu64 " here", author->shown, mine.frontier->size,
		      theirs.frontier->size);
	if (channel_unreceipted(author->channel) != 0)
		fault(p, "%s lacks receipts for %" PRIu64 " entries", author->shown, channel_unreceipted(author->channel));
	for (size_t i = 0; i < author->disk.nlogs; i++) {
		const struct disk_log *l = &author->disk.log[i];

		if (l->own && l->n > 0 && !root_is(disk_root(&other(author)->disk, false, &l->epoch, l->n), &l->root[l->n - 1]))
			fault(p, "an epoch of %s with %" PRIu64 " entries is not held whole", author->shown, l->n);
	}
}

/* Each epoch but the first goes on from the end of the one before it. */
static void chain_check(struct pair *p, const struct side *author)
{
	const struct disk_log *last = NULL;

	for (size_t i = 0; i < author->disk.nlogs; i++) {
		const struct disk_log *l = &author->disk.log[i];
		struct previous	       previous;

		if (!l->own || l->n == 0)
			continue;
		const struct attr *a = header_attr(&author->disk.entry[l->place[0]].header, ATTR_PREVIOUS);
		if (a == NULL || previous_read(a->value, &previous) != ERR_OK)
			fault(p, "a GENESIS of %s says nothing of what went before", author->shown);
		else if (last == NULL ? previous.cause != CAUSE_FIRST
				      : previous.size != last->n || memcmp(previous.epoch, last->epoch.b, EPOCH_SIZE) != 0 ||
						!root_is(&last->root[last->n - 1], &previous.root))
			fault(p, "a GENESIS of %s does not go on from the epoch before", author->shown);
		last = l;
	}
}

/* No question is answered twice, and no time of an author's log goes back. */
static void entries_check(struct pair *p, const struct side *author)
{
	uint64_t time_ms = 0;

	for (size_t i = 0; i < author->disk.nentries; i++) {
		const struct disk_entry *e = &author->disk.entry[i];

		if (!e->at.own)
			continue;
		if (e->header.time_ms < time_ms)
			fault(p, "the times of %s's log go back", author->shown);
		time_ms = e->header.time_ms;
		for (size_t k = 0; e->header.kind == KIND_REPLY && k < i; k++) {
			const struct disk_entry *before = &author->disk.entry[k];

			if (before->at.own && before->header.kind == KIND_REPLY && hash_equal(&before->header.re.leaf, &e->header.re.leaf))
				fault(p, "%s answered the same question twice", author->shown);
		}
	}
}

static void exchanges_check(struct pair *p, struct side *s)
{
	for (size_t k = 0; k < s->disk.nexchanges; k++) {
		const struct disk_exchange *x = &s->disk.exchange[k];
		const struct disk_answer   *here = answer_find(&s->disk, x->ours, x->mid);
		const struct disk_answer   *there = answer_find(&other(s)->disk, !x->ours, x->mid);
		const struct disk_exchange *same = exchange_find(&other(s)->disk, !x->ours, x->mid);

		if (here == NULL)
			fault(p, "%s has a question without an answer", s->shown);
		else if (same == NULL)
			fault(p, "%s has an exchange that the other does not know", s->shown);
		else if (there == NULL || there->status != here->status || there->state != here->state)
			fault(p, "the two do not tell the same answer");
		else if (same->used != x->used)
			fault(p, "the two count the quota apart: %" PRIu64 " and %" PRIu64, x->used, same->used);
	}
}

bool pair_check_quiet(struct pair *p)
{
	pair_check(p);
	for (int i = 0; i < 2; i++) {
		struct side *s = &p->side[i];

		for (size_t k = 0; k < s->disk.nheads; k++)
			head_check(p, s, &s->disk.head[k]);
		ledgers_check(p, s);
		chain_check(p, s);
		entries_check(p, s);
		exchanges_check(p, s);
	}
	return p->fault[0] == '\0';
}

/* ---- beginning and end ---- */

static void key_make(struct sign_key *key, const char *name)
{
	struct hash seed = hash_bytes(bytes_text(name));

	sign_key_from_seed(key, seed.b);
}

static void hex_key(const struct sign_key *key, char out[65])
{
	hex_write(key->pub.b, SIGN_PUBLIC, out);
}

#define NOTE_ROOM 16384

static void agreement_make(struct pair *p)
{
	static const char text[] = "mithaq: agreement/1\n"
				   "id: north-and-south\n"
				   "environment: test\n"
				   "sample: not an agreement of any state\n"
				   "languages: [en]\n"
				   "title:\n"
				   "  en: Agreement of the tests\n"
				   "in-force:\n"
				   "  from: 2026-01-01\n"
				   "  until: 2027-12-31\n"
				   "parties:\n"
				   "  north.example:\n"
				   "    name: {en: North}\n"
				   "    working-days: Monday to Friday\n"
				   "    time-zone: Etc/UTC\n"
				   "    keys: [root-a %s, root-b %s]\n"
				   "  south.example:\n"
				   "    name: {en: South}\n"
				   "    working-days: Monday to Friday\n"
				   "    time-zone: Etc/UTC\n"
				   "    keys: [root-a %s, root-b %s]\n"
				   "purposes:\n"
				   "  duty-assessment: {en: assessment of customs duties}\n"
				   "  offence-inquiry: {en: inquiry into a customs offence}\n"
				   "clauses:\n"
				   "  - number: 7\n"
				   "    channel: customs\n"
				   "    name: declaration-status\n"
				   "    pattern: query\n"
				   "    title: {en: Status of a customs declaration}\n"
				   "    basis: {en: Article 3}\n"
				   "    asks: north.example\n"
				   "    answers: south.example\n"
				   "    purposes: [duty-assessment, offence-inquiry]\n"
				   "    must-state: {case: when the purpose is offence-inquiry}\n"
				   "    request:\n"
				   "      declaration: {type: document-number, length: 20, required: always, en: Declaration number}\n"
				   "    answer:\n"
				   "      status:\n"
				   "        type: code\n"
				   "        en: Status\n"
				   "        codes:\n"
				   "          released: {en: released}\n"
				   "    limits:\n"
				   "      per-day: 40\n"
				   "      answer-within: 2 seconds\n"
				   "    keep:\n"
				   "      question: until answered\n"
				   "      answer: 180 days\n"
				   "    onward: only with prior authorisation\n"
				   "    refuse-for:\n"
				   "      inquiry-under-way: {en: an inquiry is under way}\n"
				   "    examples:\n"
				   "      - ask: {purpose: duty-assessment, declaration: 2026-1}\n"
				   "        answer: {status: released}\n"
				   "  - number: 9\n"
				   "    channel: customs\n"
				   "    name: the-other-way\n"
				   "    pattern: query\n"
				   "    title: {en: A clause under which south asks}\n"
				   "    basis: {en: Article 4}\n"
				   "    asks: south.example\n"
				   "    answers: north.example\n"
				   "    purposes: [duty-assessment]\n"
				   "    request:\n"
				   "      declaration: {type: document-number, length: 20, required: always, en: Declaration number}\n"
				   "    answer:\n"
				   "      status: {type: code, en: Status, codes: {released: {en: released}}}\n"
				   "    limits: {answer-within: 2 seconds}\n"
				   "    keep: {question: until answered, answer: 180 days}\n"
				   "    onward: only with prior authorisation\n"
				   "    examples:\n"
				   "      - ask: {purpose: duty-assessment, declaration: 2026-1}\n"
				   "        answer: {status: released}\n";
	static char	  memory[NOTE_ROOM];
	char		  hex[4][65];
	struct builder	  b = builder_on(memory, sizeof memory);
	struct fault	  f = {0};
	struct agreement *draft;
	struct root_key	  roots[4];

	for (int i = 0; i < 4; i++) {
		hex_key(&p->side[i / 2].root[i % 2], hex[i]);
		roots[i] = (struct root_key){p->side[i / 2].name, p->side[i / 2].root[i % 2].pub};
	}
	build_format(&b, text, hex[0], hex[1], hex[2], hex[3]);
	enum err e = agreement_parse(builder_bytes(&b), &draft, &f);
	if (e != ERR_OK) {
		fprintf(stderr, "the tests' agreement: line %u %s: %s %s\n", f.line, f.at, f.found, f.help);
		abort();
	}
	build_text(&b, "\n");
	for (unsigned i = 0; i < 2; i++) {
		int party = agreement_party(draft, bytes_text(p->side[i].name));

		if (agreement_sign(draft, (unsigned)party, &p->side[i].root[0], &b) != ERR_OK)
			abort();
	}
	agreement_free(draft);
	e = agreement_open(builder_bytes(&b), roots, 4, &p->agreement, &f);
	if (e != ERR_OK) {
		fprintf(stderr, "the tests' agreement: %s line %u %s\n", err_text(e, LANG_EN), f.line, f.at);
		abort();
	}
}

void pair_init(struct pair *p, uint64_t seed, FILE *to, bool south_agrees)
{
	static const char *names[] = {"north.example", "south.example"};

	memset(p, 0, sizeof *p);
	if (crypto_start() != ERR_OK)
		abort();
	p->random = seed;
	p->now_ms = START_MS;
	p->trace = to;
	p->crashed_side = -1;
	for (int i = 0; i < 2; i++) {
		struct side *s = &p->side[i];
		char	     name[64];

		s->pair = p;
		s->number = i;
		s->name = names[i];
		s->shown = i == NORTH ? "north" : "south";
		s->inbox.most = 64u << 20;
		snprintf(name, sizeof name, "%s root a", names[i]);
		key_make(&s->root[0], name);
		snprintf(name, sizeof name, "%s root b", names[i]);
		key_make(&s->root[1], name);
		snprintf(name, sizeof name, "%s log", names[i]);
		key_make(&s->log_key, name);
		snprintf(name, sizeof name, "%s receipt", names[i]);
		key_make(&s->receipt_key, name);
	}
	p->side[NORTH].holds_agreement = true;
	p->side[SOUTH].holds_agreement = south_agrees;
	agreement_make(p);
}

void pair_done(struct pair *p)
{
	for (int i = 0; i < 2; i++) {
		channel_free(p->side[i].channel);
		disk_free(&p->side[i].disk);
		buffer_done(&p->side[i].inbox);
	}
	agreement_free(p->agreement);
}
