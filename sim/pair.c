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
	fprintf(s->pair->trace, "[%4" PRIu64 "] %s ", s->pair->now_ms - START_MS, s->name);
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

static void disk_cut(struct disk *d)
{
	for (size_t i = d->entries_durable; i < d->nentries; i++)
		entry_free(&d->entry[i]);
	d->nentries = d->entries_durable;
	d->nheads = d->heads_durable;
	d->nexchanges = d->exchanges_durable;
	d->nanswers = d->answers_durable;
}

static void disk_free(struct disk *d)
{
	for (size_t i = 0; i < d->nentries; i++)
		entry_free(&d->entry[i]);
	free(d->entry);
	free(d->head);
	free(d->exchange);
	free(d->answer);
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
	if (header_read(to->at.header, &to->header) != ERR_OK)
		fault(s->pair, "%s stored a header that does not parse", s->name);
}

static const struct disk_entry *disk_entry_find(const struct disk *d, bool own, const struct epoch *epoch, uint64_t index)
{
	for (size_t i = 0; i < d->nentries; i++)
		if (d->entry[i].at.own == own && d->entry[i].at.index == index && epoch_equal(&d->entry[i].at.epoch, epoch))
			return &d->entry[i];
	return NULL;
}

static uint64_t disk_size(const struct disk *d, bool own, const struct epoch *epoch, size_t upto)
{
	uint64_t n = 0;

	for (size_t i = 0; i < upto; i++)
		n += d->entry[i].at.own == own && epoch_equal(&d->entry[i].at.epoch, epoch);
	return n;
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
		struct hash		 leaf = entry_leaf(&e->at.commitment);

		frontier_add(&k->frontier, &leaf);
	}
}

static void origin_text(const struct side *author, const struct epoch *epoch, char out[ORIGIN_MOST])
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
		fault(s->pair, "%s asked to sign an old origin", s->name);
		return;
	}
	for (size_t i = 0; i < d->leaves.n; i++)
		frontier_add(&k->frontier, &d->leaves.leaves[i]);
	if (disk_size(&s->disk, true, &k->epoch, s->disk.entries_durable) < k->frontier.size)
		fault(s->pair, "%s asked for a checkpoint over entries that are not durable", s->name);
	origin_text(s, &k->epoch, c.origin);
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
	if (disk_size(&s->disk, false, &k->epoch, s->disk.entries_durable) < k->frontier.size)
		fault(s->pair, "%s asked for a receipt over entries that are not durable", s->name);
	origin_text(other(s), &k->epoch, c.origin);
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
		fault(s->pair, "%s began the same exchange twice", s->name);
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
		fault(s->pair, "%s ended the same exchange twice", s->name);
	if (exchange_find(d, x->ours, x->mid) == NULL)
		fault(s->pair, "%s ended an exchange that never began", s->name);
	d->answer = grown(d->answer, d->nanswers, &d->room_answers, sizeof *d->answer);
	struct disk_answer *to = &d->answer[d->nanswers++];
	*to = (struct disk_answer){.ours = x->ours, .state = x->state, .status = x->status};
	memcpy(to->mid, x->mid, MID_SIZE);
}

static void report(struct side *s, const struct duty *d)
{
	const struct exchange *x = d->exchange.exchange;

	s->reports++;
	s->finals += d->exchange.final;
	s->last = *x;
	snprintf(s->last_rule, sizeof s->last_rule, "%.*s", (int)x->rule.n, (const char *)x->rule.at);
	snprintf(s->last_reason, sizeof s->last_reason, "%.*s", (int)x->reason.n, (const char *)x->reason.at);
	if (d->exchange.final)
		trace(s, "tells: %s%s%s", exchange_state_name(x->state), x->rule.n ? " by rule " : "", s->last_rule);
}

static void frame_send(struct side *s, struct bytes frame)
{
	if (s->up && buffer_add(&other(s)->inbox, frame) != ERR_OK)
		abort();
}

static void resend(struct side *s, const struct duty *d)
{
	static uint8_t memory[FRAME_HEAD + ENTRY_PAYLOAD_MOST];
	struct entry   e;

	trace(s, "> entries %" PRIu64 " to %" PRIu64 " again", d->resend.from, d->resend.to - 1);
	for (uint64_t i = d->resend.from; i < d->resend.to; i++) {
		const struct disk_entry *at = disk_entry_find(&s->disk, true, &d->resend.epoch, i);
		struct builder		 b = builder_on(memory, sizeof memory);

		if (at == NULL) {
			fault(s->pair, "%s resends an entry that it does not have", s->name);
			return;
		}
		entry_of(at, &e);
		entry_frame_write(&b, d->resend.log, &e);
		frame_send(s, builder_bytes(&b));
	}
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
		w->event.found.reason = bytes_text("inquiry-under-way");
	if (s->pair->outcome == FOUND_HIT && asked != NULL && asked->value.n > 0 && asked->value.at[0] == '0')
		w->event.found.outcome = FOUND_NO_HIT;
	if (fields_add(&w->fields, bytes_text("status"), bytes_text("released")) != ERR_OK)
		abort();
}

static void store_trace(struct side *s, const struct stored_entry *e)
{
	if (e->own)
		trace(s, "appends %s %" PRIu64, kind_name(e->kind), e->index);
	else
		trace(s, "takes %s %" PRIu64, kind_name(e->kind), e->index);
}

/* Receipts only for durable sizes; a checkpoint only over durable entries, and a REPLY only with its question durable. */
static void send_check(struct side *s, struct bytes frame_bytes)
{
	struct frame		f;
	size_t			used;
	struct checkpoint_frame c;
	struct receipt_frame	r;

	if (frame_next(frame_bytes, &f, &used) != ERR_OK || used != frame_bytes.n) {
		fault(s->pair, "%s sends what is not one frame", s->name);
		return;
	}
	if (f.type == FRAME_CHECKPOINT && checkpoint_frame_read(f.payload, &c) == ERR_OK)
		trace(s, "> checkpoint %" PRIu64, c.size);
	if (f.type == FRAME_RECEIPT && receipt_frame_read(f.payload, &r) == ERR_OK)
		trace(s, "> receipt %" PRIu64, r.size);
	if (f.type != FRAME_CHECKPOINT || checkpoint_frame_read(f.payload, &c) != ERR_OK)
		return;
	struct channel_log log;
	if (!channel_log(s->channel, true, &log) || disk_size(&s->disk, true, &log.epoch, s->disk.entries_durable) < c.size)
		fault(s->pair, "%s sends a checkpoint of entries that are not durable", s->name);
	for (size_t i = 0; i < s->disk.nentries; i++) {
		const struct disk_entry *e = &s->disk.entry[i];
		struct epoch		 epoch;

		if (!e->at.own || e->header.kind != KIND_REPLY || !epoch_equal(&e->at.epoch, &log.epoch) || e->at.index >= c.size)
			continue;
		memcpy(epoch.b, e->header.re.epoch, EPOCH_SIZE);
		if (disk_size(&s->disk, false, &epoch, s->disk.entries_durable) <= e->header.re.index)
			fault(s->pair, "%s signs an answer to a question that is not durable", s->name);
	}
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
		break;
	case DUTY_REPORT:
		report(s, d);
		break;
	case DUTY_REFUSE:
		s->refusals++;
		s->last_refusal = d->ask.decision->refusal;
		snprintf(s->last_rule, sizeof s->last_rule, "%s", d->ask.decision->rule);
		trace(s, "refuses here, nothing is sent: %s by rule %s", refusal_code(s->last_refusal), s->last_rule);
		break;
	case DUTY_PERMIT:
		s->permits++;
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
		trace(s, "ALARM: %s", d->end.text);
		break;
	case DUTY_CLOSE:
		s->closes++;
		trace(s, "closes: %s", d->end.text);
		pair_cut(s->pair);
		break;
	}
}

static void step(struct side *s, struct channel_event *event)
{
	if (s->channel == NULL)
		return;
	event->now_ms = s->pair->now_ms;
	struct duties d = channel_step(s->channel, event);
	if (d.err != ERR_OK)
		fault(s->pair, "%s: channel_step: %s", s->name, err_text(d.err, LANG_EN));
	for (size_t i = 0; i < d.n; i++) {
		if (++s->pair->duties == s->pair->crash_at) {
			s->pair->crashed_side = s->number;
			side_crash(s);
			return;
		}
		perform(s, &d.at[i]);
		if (s->channel == NULL)
			return;
	}
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
		struct hash leaf = entry_leaf(&e->at.commitment);
		frontier_add(&r.frontier, &leaf);
		if (at >= r.receipted)
			leaves[n++] = leaf;
		if (e->header.kind == KIND_AGREE && r.nagree < COUNT_OF(agree))
			agree[r.nagree++] = (struct recalled_agree){e->header.agreement, at};
		if (KIND_IS_CONTROL(e->header.kind))
			continue;
		r.last_time_ms = e->header.time_ms > r.last_time_ms ? e->header.time_ms : r.last_time_ms;
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
		fault(s->pair, "%s could not recall", s->name);
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
		struct hash leaf = entry_leaf(&at->at.commitment);
		if (channel_recall_question(s->channel, &e, &leaf) != ERR_OK)
			fault(s->pair, "%s could not recall a question", s->name);
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
		entry_of(at, &e);
		event.unanswered.leaf = entry_leaf(&at->at.commitment);
		step(s, &event);
	}
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
	draw_bytes(s->pair, opened.opened.b, EPOCH_SIZE);
	keeper_add(s, true, &opened.opened);
	trace(s, "starts");
	step(s, &opened);
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
			step(s, &down);
	}
}

void side_crash(struct side *s)
{
	trace(s, "is killed");
	channel_free(s->channel);
	s->channel = NULL;
	disk_cut(&s->disk);
	s->nkeeper = s->nwork = 0;
	s->dirty = false;
	s->up = false;
	pair_cut(s->pair);
}

void side_stop(struct side *s)
{
	struct channel_event end = {.type = EVENT_CLOSE};

	step(s, &end);
	while (side_commit(s) || side_work(s))
		;
	trace(s, "stops in order");
	if (s->channel != NULL && !channel_settled(s->channel))
		fault(s->pair, "%s stopped without a last checkpoint", s->name);
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
		fault(s->pair, "%s cannot say HELLO", s->name);
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
	for (int i = 0; i < 2; i++) {
		struct channel_event event = {.type = EVENT_HELLO, .hello = &p->side[i].theirs};

		if (p->side[i].up)
			step(&p->side[i], &event);
	}
}

bool side_commit(struct side *s)
{
	struct channel_event durable = {.type = EVENT_DURABLE};
	struct disk	    *d = &s->disk;

	if (!s->dirty || s->channel == NULL)
		return false;
	s->dirty = false;
	d->entries_durable = d->nentries;
	d->heads_durable = d->nheads;
	d->exchanges_durable = d->nexchanges;
	d->answers_durable = d->nanswers;
	step(s, &durable);
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
	step(s, &w.event);
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
	if (err != ERR_OK)
		fault(s->pair, "%s was sent a frame it cannot read: %s", s->name, err_text(err, LANG_EN));
	else
		step(s, &event);
}

bool side_read(struct side *s)
{
	static uint8_t copy[FRAME_HEAD + FRAME_REST_MOST];
	struct frame   f;
	size_t	       used;

	if (s->channel == NULL || !s->up || s->read == s->inbox.n)
		return false;
	if (frame_next(bytes_of(s->inbox.at + s->read, s->inbox.n - s->read), &f, &used) != ERR_OK) {
		fault(s->pair, "the wire to %s carries no frame", s->name);
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

	step(s, &event);
}

void side_ask(struct side *s, const char *purpose, const char *declaration, const char *extra_field)
{
	struct fields	     f = {0};
	struct channel_event event = {.type = EVENT_ASK, .ask = {.agreement = s->pair->agreement, .clause = 7, .fields = &f}};

	event.ask.purpose = purpose ? bytes_text(purpose) : BYTES_NONE;
	if (declaration != NULL && fields_add(&f, bytes_text("declaration"), bytes_text(declaration)) != ERR_OK)
		abort();
	if (extra_field != NULL && fields_add(&f, bytes_text(extra_field), bytes_text("x")) != ERR_OK)
		abort();
	trace(s, "asks about %s for %s", declaration ? declaration : "nothing", purpose ? purpose : "no purpose");
	step(s, &event);
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

static struct hash disk_root(const struct disk *d, bool own, const struct epoch *epoch, uint64_t size, bool *whole)
{
	struct frontier f;

	frontier_init(&f);
	for (uint64_t i = 0; i < size; i++) {
		const struct disk_entry *e = disk_entry_find(d, own, epoch, i);

		if (e == NULL) {
			*whole = false;
			return frontier_root(&f);
		}
		struct hash leaf = entry_leaf(&e->at.commitment);
		frontier_add(&f, &leaf);
	}
	*whole = true;
	return frontier_root(&f);
}

/* Every checkpoint that either side holds of an author is signed by it and matches the author's own durable log. */
static void head_check(struct pair *p, const struct side *holder, const struct disk_head *h)
{
	struct side	 *author = &p->side[h->own ? holder->number : 1 - holder->number];
	struct side	 *signer = h->receipt ? other(author) : author;
	struct checkpoint c = {.size = h->size, .root = h->root};
	bool		  whole;

	origin_text(author, &h->epoch, c.origin);
	if (!h->receipt && checkpoint_verify(&signer->log_key.pub, &c, &h->sig) != ERR_OK)
		fault(p, "%s holds a checkpoint that does not verify", holder->name);
	if (h->receipt && receipt_verify(&signer->receipt_key.pub, &c, h->time_s, &h->sig) != ERR_OK)
		fault(p, "%s holds a receipt that does not verify", holder->name);
	struct hash root = disk_root(&author->disk, true, &h->epoch, h->size, &whole);
	if (!whole || !hash_equal(&root, &h->root))
		fault(p, "%s's log was forked or lost: %s at %" PRIu64, author->name, h->receipt ? "receipt" : "checkpoint", h->size);
	if (!h->receipt)
		return;
	root = disk_root(&signer->disk, false, &h->epoch, h->size, &whole);
	if (!whole || !hash_equal(&root, &h->root))
		fault(p, "%s receipted what it does not hold", signer->name);
}

bool pair_check(struct pair *p)
{
	for (int i = 0; i < 2; i++)
		for (size_t k = p->side[i].disk.nheads > 6 ? p->side[i].disk.nheads - 6 : 0; k < p->side[i].disk.nheads; k++)
			head_check(p, &p->side[i], &p->side[i].disk.head[k]);
	return p->fault[0] == '\0';
}

bool pair_check_quiet(struct pair *p)
{
	for (int i = 0; i < 2; i++) {
		struct side	  *author = &p->side[i];
		struct channel_log mine, theirs;

		for (size_t k = 0; k < author->disk.nheads; k++)
			head_check(p, author, &author->disk.head[k]);
		if (!channel_log(author->channel, true, &mine) || !channel_log(other(author)->channel, false, &theirs)) {
			fault(p, "%s's log did not arrive", author->name);
			continue;
		}
		struct hash a = frontier_root(mine.frontier), b = frontier_root(theirs.frontier);
		if (!epoch_equal(&mine.epoch, &theirs.epoch) || !hash_equal(&a, &b))
			fault(p, "the ledgers differ: %s's log is %" PRIu64 " there and %" PRIu64 " here", author->name, mine.frontier->size,
			      theirs.frontier->size);
		if (channel_unreceipted(author->channel) != 0)
			fault(p, "%s lacks receipts for %" PRIu64 " entries", author->name, channel_unreceipted(author->channel));
		for (size_t k = 0; k < author->disk.nexchanges; k++) {
			const struct disk_exchange *x = &author->disk.exchange[k];

			if (answer_find(&author->disk, x->ours, x->mid) == NULL)
				fault(p, "%s has a question without an answer", author->name);
			if (exchange_find(&other(author)->disk, !x->ours, x->mid) == NULL)
				fault(p, "%s has an exchange that the other does not know", author->name);
		}
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
				   "clauses:\n"
				   "  - number: 7\n"
				   "    channel: customs\n"
				   "    name: declaration-status\n"
				   "    pattern: query\n"
				   "    title: {en: Status of a customs declaration}\n"
				   "    basis: {en: Article 3}\n"
				   "    asks: north.example\n"
				   "    answers: south.example\n"
				   "    purposes: [duty-assessment]\n"
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
