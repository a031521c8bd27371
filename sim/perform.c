/* perform.c: the duties of a channel, one row of the switch each, as src/gateway/core_perform.c performs them. */
#include <inttypes.h>
#include <stdlib.h>

#include "world.h"

/* ---- storing ---- */

static struct bytes kept(struct world *w, struct bytes v)
{
	struct bytes copy = v.n > 0 ? arena_copy(&w->memory, v) : BYTES_NONE;

	if (v.n > 0 && copy.at == NULL)
		abort();
	return copy;
}

static void store_trace(struct side *s, const struct stored_entry *e)
{
	struct header h;
	const char   *verb = !e->own ? "takes" : keeper_holds(s, &e->epoch) ? "appends" : "takes in again";

	if (e->kind == KIND_REPLY && e->form != ROW_BARE && header_read(e->header, &h) == ERR_OK)
		world_trace(s, "%s REPLY %" PRIu64 "%s: %s", verb, e->index, world_epoch(s->world, &e->epoch), status_name(h.status));
	else
		world_trace(s, "%s %s %" PRIu64 "%s", verb, kind_name(e->kind), e->index, world_epoch(s->world, &e->epoch));
}

static void entry_store(struct side *s, const struct stored_entry *e)
{
	struct disk_entry *to = arena_take(&s->world->memory, sizeof *to);
	struct disk_log	  *l = disk_log_of(&s->disk, e->own, &e->epoch);

	if (to == NULL)
		abort();
	store_trace(s, e);
	to->at = *e;
	to->at.header = kept(s->world, e->header);
	to->at.body = kept(s->world, e->body);
	to->at.withheld = BYTES_NONE;
	to->leaf = entry_leaf(&e->commitment);
	if (e->form != ROW_BARE && header_read(to->at.header, &to->header) != ERR_OK)
		world_fault(s->world, "%s stored a header that does not parse", s->shown);
	l->opened = l->opened || (e->own && keeper_holds(s, &e->epoch));
	check_entry(s, l, to);
	disk_entry_add(&s->disk, l, to);
	s->dirty = true;
}

static void head_store(struct side *s, const struct duty *d, bool receipt)
{
	struct disk_head h = {d->head.epoch, d->head.own, receipt, d->head.size, d->head.time_s, d->head.root, d->head.sig};

	disk_head_add(&s->disk, &h);
	s->dirty = true;
}

/* As the channel counts: a partner's question counts unless its time has not come, and when the clause exists. */
static int32_t quota_day(const struct side *s, const struct exchange *x)
{
	if (!s->holds_agreement || !hash_equal(&x->agreement, &s->agreement->id) || agreement_clause(s->agreement, x->clause) == NULL ||
	    (!x->ours && x->accepted_ms > side_now(s) + CHANNEL_SKEW_MS))
		return DISK_NO_DAY;
	return (int32_t)(x->accepted_ms / 86400000);
}

static void question_store(struct side *s, const struct exchange *x)
{
	struct disk_exchange to = {.ours = x->ours,
				   .question = x->question,
				   .agreement = x->agreement,
				   .clause = x->clause,
				   .accepted_ms = x->accepted_ms,
				   .not_after_ms = x->not_after_ms,
				   .used = x->used,
				   .day = quota_day(s, x)};

	if (disk_exchange_find(&s->disk, x->ours, x->mid) != NULL)
		world_fault(s->world, "%s began the same exchange twice", s->shown);
	memcpy(to.mid, x->mid, MID_SIZE);
	disk_exchange_add(&s->disk, &to);
	s->dirty = true;
}

/* Why the answering side refuses; a hit and a miss say it all in the REPLY. */
static void answer_trace(struct side *s, const struct exchange *x)
{
	if (x->ours || x->state == EXCHANGE_ANSWERED)
		return;
	world_trace(s, "answers %s: %.*s%s%.*s", status_name(x->status), (int)x->reason.n, (const char *)x->reason.at,
		    x->rule.n > 0 ? " by rule " : "", (int)x->rule.n, (const char *)x->rule.at);
}

static void answer_store(struct side *s, const struct exchange *x)
{
	struct disk_answer to = {.ours = x->ours, .state = x->state, .status = x->status};

	if (disk_answer_find(&s->disk, x->ours, x->mid) != NULL)
		world_fault(s->world, "%s ended the same exchange twice", s->shown);
	if (disk_exchange_find(&s->disk, x->ours, x->mid) == NULL)
		world_fault(s->world, "%s ended an exchange that never began", s->shown);
	memcpy(to.mid, x->mid, MID_SIZE);
	disk_answer_add(&s->disk, &to);
	s->dirty = true;
	answer_trace(s, x);
}

/* The question may be on this disk already, and has its end now; else its end is remembered until the question comes again. */
static void answered_store(struct side *s, const struct duty *d)
{
	struct disk_answered	    a = {d->answered.question, d->answered.answer, d->answered.status, d->answered.time_ms};
	const struct disk_exchange *x = disk_exchange_at(&s->disk, false, &a.question);
	struct disk_answer	    end = {.state = exchange_state_of(a.status), .status = a.status};

	s->dirty = true;
	if (s->world->broken == BREAK_ANSWERED)
		return;
	if (x == NULL) {
		disk_answered_add(&s->disk, &a);
		return;
	}
	memcpy(end.mid, x->mid, MID_SIZE);
	if (disk_answer_find(&s->disk, false, x->mid) == NULL)
		disk_answer_add(&s->disk, &end);
}

/* A log of which only others speak is in the ledger too. */
static void naming_keep(struct side *s, const struct duty *d)
{
	struct disk_naming n = {d->naming.epoch, d->naming.own, d->naming.naming};

	(void)disk_log_of(&s->disk, n.own, &n.epoch);
	disk_naming_add(&s->disk, &n);
	s->dirty = true;
}

/* ---- telling ---- */

static void text_copy(char *out, size_t room, struct bytes v)
{
	snprintf(out, room, "%.*s", (int)v.n, (const char *)v.at);
}

/* What is told to people waits until it is on disk; a crash before that loses it. */
static void report_hold(struct side *s, const struct duty *d)
{
	const struct exchange *x = d->exchange.exchange;
	const struct field    *status = fields_find(&x->got, "status");

	if (!d->after)
		world_fault(s->world, "%s would tell what is not on disk", s->shown);
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
}

static void refusal_tell(struct side *s, const struct duty *d)
{
	s->refusals++;
	s->last_refusal = d->ask.decision->refusal;
	snprintf(s->last_rule, sizeof s->last_rule, "%s", d->ask.decision->rule);
	world_trace(s, "refuses here, nothing is sent: %s by rule %s", refusal_code(s->last_refusal), s->last_rule);
}

static void failure_tell(struct side *s, enum channel_failure failure)
{
	static const char *words[] = {[CHANNEL_BUSY] = "busy",
				      [CHANNEL_UNREACHABLE] = "unreachable",
				      [CHANNEL_FROZEN] = "frozen",
				      [CHANNEL_FETCHING] = "fetching",
				      [CHANNEL_ENDED] = "it has its end"};

	s->failures++;
	s->last_failure = failure;
	world_trace(s, "cannot take it now: %s", words[failure]);
}

/* ---- sending what was stored ---- */

static void checkpoint_resend(struct side *s, const struct duty *d)
{
	const struct disk_head *best = disk_head_best(&s->disk, true, false, &d->resend.epoch, d->resend.to);
	uint8_t			memory[256];
	struct builder		b = builder_on(memory, sizeof memory);

	if (best == NULL || !channel_may_show(s->channel, &best->epoch, best->size, &best->root, &best->sig))
		return;
	struct checkpoint_frame f = {.log = d->resend.log, .size = best->size, .root = best->root, .sig = best->sig};
	checkpoint_frame_write(&b, &f);
	wire_send(s, builder_bytes(&b));
}

/* Of an epoch of the partner that is no longer in memory. */
static void receipt_resend(struct side *s, const struct duty *d)
{
	const struct disk_head *best = disk_head_best(&s->disk, false, true, &d->receipt.epoch, UINT64_MAX);
	uint8_t			memory[256];
	struct builder		b = builder_on(memory, sizeof memory);

	if (best == NULL)
		return;
	struct receipt_frame f = {.log = d->receipt.log, .size = best->size, .root = best->root, .time_s = best->time_s, .sig = best->sig};
	receipt_frame_write(&b, &f);
	check_send(s, builder_bytes(&b));
	wire_send(s, builder_bytes(&b));
}

static void resend(struct side *s, const struct duty *d)
{
	static uint8_t memory[FRAME_HEAD + ENTRY_PAYLOAD_MOST];
	struct entry   e;

	world_trace(s, "> entries %" PRIu64 " to %" PRIu64 "%s from the ledger", d->resend.from, d->resend.to - 1,
		    world_epoch(s->world, &d->resend.epoch));
	for (uint64_t i = d->resend.from; i < d->resend.to; i++) {
		const struct disk_entry *at = disk_entry_find(&s->disk, true, &d->resend.epoch, i);
		struct builder		 b = builder_on(memory, sizeof memory);

		if (at == NULL) {
			world_fault(s->world, "%s resends an entry that it does not have", s->shown);
			return;
		}
		if (!side_serves(s, at, &e))
			return;
		entry_frame_write(&b, d->resend.log, &e);
		wire_send(s, builder_bytes(&b));
	}
	if (d->resend.covered)
		checkpoint_resend(s, d);
}

/* ---- RANGE: the answer to a GET (spec/wire.md) ---- */

/* One answer: which rows, and which checkpoint proves them. */
struct showing {
	struct side	       *side;
	const struct duty      *duty;
	char			origin[ORIGIN_MOST];
	const struct disk_head *proof; /* or NULL */
	uint64_t		from, to;
	size_t			bytes;
};

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/*
 * The smallest checkpoint over all that is asked for, else the largest there is; when that is more
 * than one answer bears, the largest within its bounds.
 */
static void showing_choose(struct showing *v, uint64_t held)
{
	const struct disk *k = &v->side->disk;
	bool		   own = v->duty->range.own;
	uint64_t	   from = v->duty->range.from, to = least(v->duty->range.to, held);

	v->from = from;
	v->proof = disk_head_least(k, own, &v->duty->range.epoch, to);
	if (v->proof == NULL || v->proof->size > held)
		v->proof = disk_head_best(k, own, false, &v->duty->range.epoch, held);
	if (v->proof != NULL && v->proof->size > from + CHANNEL_RANGE_ENTRIES_MOST)
		v->proof = disk_head_best(k, own, false, &v->duty->range.epoch, from + CHANNEL_RANGE_ENTRIES_MOST);
	if (v->proof != NULL && v->proof->size <= from)
		v->proof = NULL;
	v->to = v->proof != NULL ? v->proof->size : least(to, from + CHANNEL_RANGE_ENTRIES_MOST);
}

/* Flipped once written, so that a performer that shows what was never stored is found out. */
static void row_spoil(struct side *s, struct builder *b)
{
	if (s->world->broken == BREAK_RANGE && b->n > 100)
		b->at[b->n - 1] ^= 1;
}

/* As many rows as one frame takes; false when there is no more to show, or nothing that may be shown. */
static bool range_send(struct showing *v)
{
	static uint8_t		memory[FRAME_HEAD + FRAME_REST_MOST];
	struct builder		b = builder_on(memory, sizeof memory);
	size_t			begun = range_frame_begin(&b, bytes_text(v->origin), v->from);
	size_t			room = range_rows_room(bytes_text(v->origin));
	uint16_t		n = 0;
	struct checkpoint_frame c = {0};
	struct entry		unused;

	for (; v->from + n < v->to && n < RANGE_ROWS_MOST && v->bytes <= CHANNEL_RANGE_BYTES_MOST; n++) {
		const struct disk_entry *e = disk_entry_find(&v->side->disk, v->duty->range.own, &v->duty->range.epoch, v->from + n);
		size_t			 size = range_row_size(e->at.form, e->at.header, e->at.body);

		if (size > room)
			break;
		if (!side_serves(v->side, e, &unused))
			return false;
		room -= size;
		v->bytes += size;
		range_row_write(&b, e->at.form, &e->at.salt, e->at.header, e->at.body, &e->at.commitment);
		row_spoil(v->side, &b);
	}
	v->from += n;
	bool last = v->from == v->to && n > 0 && v->proof != NULL;
	if (last)
		c = (struct checkpoint_frame){.size = v->proof->size, .root = v->proof->root, .sig = v->proof->sig};
	range_frame_end(&b, begun, n, last ? &c : NULL);
	if (b.err != ERR_OK)
		world_fault(v->side->world, "%s cannot write a RANGE: %s", v->side->shown, err_text(b.err, LANG_EN));
	wire_send(v->side, builder_bytes(&b));
	return n > 0 && !last;
}

static void range(struct side *s, const struct duty *d)
{
	const struct disk_log *l = disk_log_find(&s->disk, d->range.own, &d->range.epoch);
	struct showing	       v = {.side = s, .duty = d};

	side_origin(d->range.own ? s : s->other, &d->range.epoch, v.origin);
	v.from = v.to = d->range.from;
	if (l != NULL && d->range.from < l->durable)
		showing_choose(&v, l->durable);
	world_trace(s, "> RANGE %" PRIu64 " to %" PRIu64 "%s of %s, %s", d->range.from, v.to, world_epoch(s->world, &d->range.epoch),
		    d->range.own ? "its own log" : "the other's log", v.proof ? "proved" : "not proved");
	while (range_send(&v))
		;
}

/* ---- workers ---- */

static void lookup(struct side *s, const struct duty *d)
{
	const struct world *w = s->world;

	s->lookups++;
	world_trace(s, "looks up clause %u", d->lookup.clause);
	if (w->silent_worker)
		return;
	struct work	   *k = work_add(s);
	const struct field *asked = fields_find(d->lookup.fields, "declaration");

	k->event.type = EVENT_FOUND;
	k->event.found.ticket = d->lookup.ticket;
	k->event.found.outcome = w->outcome;
	if (w->outcome == FOUND_REFUSED)
		k->event.found.reason = bytes_text(w->reason ? w->reason : "inquiry-under-way");
	if (w->outcome == FOUND_HIT && asked != NULL && asked->value.n > 0 && asked->value.at[0] == '0')
		k->event.found.outcome = FOUND_NO_HIT;
	if (fields_add(&k->fields, bytes_text("status"), bytes_text(w->found ? w->found : "released")) != ERR_OK)
		abort();
}

static void epoch_open(struct side *s)
{
	struct epoch epoch;

	keeper_open(s, &epoch);
	work_add(s)->event = (struct channel_event){.type = EVENT_OPENED, .opened = epoch};
}

/* ---- ends ---- */

/* The codes of the frame ALARM; what only a person here must know has none. */
static const char *alarm_word(uint16_t code)
{
	static const char *words[] = {"", " fork", " root", " structure", " signature", " tally"};

	return code < COUNT_OF(words) ? words[code] : " unknown";
}

/* Where both were put back without a quiet time between, an alarm may be right: see link_given_up. */
static void alarm(struct side *s, const struct duty *d)
{
	s->alarms += d->end.frozen && !s->world->parted[s->number / 2];
	world_trace(s, "ALARM%s: %s", alarm_word(d->end.code), d->end.text);
}

static void session_close(struct side *s, const struct duty *d)
{
	s->closes++;
	s->restarts += d->end.code == CLOSE_RESTART;
	s->closing = true;
	world_trace(s, "closes: %s", d->end.text);
}

/* ---- the switch ---- */

static void perform(struct side *s, const struct duty *d)
{
	switch (d->type) {
	case DUTY_STORE_ENTRY:
		entry_store(s, &d->entry);
		break;
	case DUTY_STORE_CHECKPOINT:
	case DUTY_STORE_RECEIPT:
		head_store(s, d, d->type == DUTY_STORE_RECEIPT);
		break;
	case DUTY_STORE_QUESTION:
		question_store(s, d->exchange.exchange);
		break;
	case DUTY_STORE_ANSWER:
		answer_store(s, d->exchange.exchange);
		break;
	case DUTY_STORE_ANSWERED:
		answered_store(s, d);
		break;
	case DUTY_STORE_NAMING:
		naming_keep(s, d);
		break;
	case DUTY_REPORT:
		report_hold(s, d);
		break;
	case DUTY_REFUSE:
		refusal_tell(s, d);
		break;
	case DUTY_PERMIT:
		s->permits++;
		world_trace(s, "would permit it: %" PRIu64 " used of this day", d->ask.used);
		break;
	case DUTY_FAIL:
		failure_tell(s, d->ask.failure);
		break;
	case DUTY_SIGN:
		keeper_sign(s, d);
		break;
	case DUTY_COSIGN:
		keeper_cosign(s, d);
		break;
	case DUTY_SEND:
		check_send(s, d->frame);
		wire_send(s, d->frame);
		break;
	case DUTY_RESEND:
		resend(s, d);
		break;
	case DUTY_RECALL:
		log_recall_late(s, d->recall.own, &d->recall.epoch);
		break;
	case DUTY_RECEIPT:
		receipt_resend(s, d);
		break;
	case DUTY_RANGE:
		range(s, d);
		break;
	case DUTY_UNANSWERED:
		s->again = true;
		break;
	case DUTY_OPEN:
		epoch_open(s);
		break;
	case DUTY_LOOKUP:
		lookup(s, d);
		break;
	case DUTY_CARD:
		side_card_come(s, d->card);
		break;
	case DUTY_ALARM:
		alarm(s, d);
		break;
	case DUTY_CLOSE:
		session_close(s, d);
		break;
	}
}

/* What needs another step of the channel waits until these duties are performed. */
void duties_perform(struct side *s, const struct duties *d)
{
	struct world *w = s->world;

	for (size_t i = 0; i < d->n && s->channel != NULL; i++) {
		if (++w->duties == w->crash_at) {
			side_crash(s);
			return;
		}
		perform(s, &d->at[i]);
	}
	if (s->channel != NULL && s->closing) {
		s->closing = false;
		side_hang_up(s);
	}
	if (s->channel != NULL && s->again) {
		s->again = false;
		questions_again(s);
	}
	if (!s->dirty)
		reports_tell(s);
}
