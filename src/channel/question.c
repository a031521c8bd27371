/* question.c: questions and answers: asked here, asked of us, refused by either side (spec/rules.md). */
#include <stdio.h>

#include "channel/state.h"

/* ---- is an agreement agreed? ---- */

static bool own_agree_before(const struct channel *ch, int with, const uint8_t epoch[EPOCH_SIZE], uint64_t size)
{
	const struct own_log *log = writer_find(ch, (const struct epoch *)(const void *)epoch);

	return log != NULL && log->agree[with].known && log->agree[with].index < size && size <= log->durable.size;
}

bool channel_in_force(const struct channel *ch, const struct agreement *a)
{
	int		       with = agreement_index(ch, &a->id);
	const struct own_log  *own = writer_log(ch);
	const struct peer_log *peer = reader_log(ch);

	if (with < 0 || own == NULL || peer == NULL)
		return false;
	return own->agree[with].known && peer->agree[with].known && peer->agree[with].index < peer->durable;
}

/* ---- the records inside parts ---- */

#define RECORD_MOST INLINE_MOST

static struct bytes record_make(struct channel *ch, const struct fields *f)
{
	size_t room = 3;

	for (unsigned i = 0; i < f->n; i++)
		room += 5 + f->at[i].name.n + f->at[i].value.n;
	uint8_t *memory = step_take(ch, room);
	if (memory == NULL)
		return BYTES_NONE;
	struct builder b = builder_on(memory, room);
	fields_write(&b, f);
	if (b.err) {
		ch->err = ERR_INTERNAL;
		return BYTES_NONE;
	}
	return builder_bytes(&b);
}

static struct bytes record_pair(struct channel *ch, const char *n1, struct bytes v1, const char *n2, struct bytes v2)
{
	struct fields f = {0};

	if (v1.n > 0 && fields_add(&f, bytes_text(n1), v1))
		return BYTES_NONE;
	if (v2.n > 0 && fields_add(&f, bytes_text(n2), v2))
		return BYTES_NONE;
	return record_make(ch, &f);
}

/* The record in the first part of this type; false when there is none or it is malformed. Views live for this step. */
static bool record_of(struct channel *ch, const struct entry *e, uint8_t type, struct fields *out)
{
	for (unsigned i = 0; i < e->header.nparts; i++)
		if (e->header.part[i].type == type && e->header.part[i].placement == PLACED_INLINE)
			return fields_read(step_copy(ch, e->part[i].body), out) == ERR_OK;
	return false;
}

static struct bytes value_of(const struct fields *f, const char *name)
{
	const struct field *at = fields_find(f, name);

	return at ? at->value : BYTES_NONE;
}

/* ---- exchanges for the duties ---- */

static struct exchange *exchange_make(struct channel *ch, const struct live *l, bool ours)
{
	struct exchange *x = step_take(ch, sizeof *x);

	if (x == NULL)
		return NULL;
	memcpy(x->mid, l->mid, MID_SIZE);
	x->ours = ours;
	memcpy(x->partner, ch->peer_name, sizeof x->partner);
	memcpy(x->channel, ch->name, sizeof x->channel);
	x->agreement = l->agreement;
	x->clause = l->clause;
	x->state = EXCHANGE_ACCEPTED;
	x->accepted_ms = l->accepted_ms;
	x->delivered_ms = l->delivered_ms;
	x->not_after_ms = l->not_after_ms;
	x->question = l->at;
	x->used = l->used_quota;
	x->purpose = step_copy(ch, bytes_text(l->purpose));
	return x;
}

static void exchange_duty(struct channel *ch, enum duty_type type, const struct exchange *x, uint32_t ticket, bool final)
{
	struct duty *d = duty_add(ch, type);

	if (d == NULL)
		return;
	d->after = type == DUTY_REPORT;
	d->exchange.exchange = x;
	d->exchange.ticket = ticket;
	d->exchange.final = final;
}

static void purpose_keep(struct live *l, struct bytes purpose)
{
	size_t n = purpose.n < NAME_MOST ? purpose.n : NAME_MOST;

	if (n > 0)
		memcpy(l->purpose, purpose.at, n);
	l->purpose[n] = '\0';
}

/* ---- asking ---- */

static void ask_fail(struct channel *ch, uint32_t ticket, enum channel_failure why)
{
	struct duty *d = duty_add(ch, DUTY_FAIL);

	if (d == NULL)
		return;
	d->ask.ticket = ticket;
	d->ask.failure = why;
}

static void ask_refuse(struct channel *ch, uint32_t ticket, const struct decision *decision)
{
	struct decision *kept = step_take(ch, sizeof *kept);
	struct duty	*d = duty_add(ch, DUTY_REFUSE);

	if (kept == NULL || d == NULL)
		return;
	*kept = *decision;
	d->ask.ticket = ticket;
	d->ask.decision = kept;
}

/* When every slot is taken, those whose question has outlived itself make room; an answer that still comes stays in the log. */
static void asked_expire(struct channel *ch)
{
	for (uint32_t i = 0; ch->asked.nfree == 0 && i < CHANNEL_LIVE_MOST; i++)
		if (ch->asked.at[i].used && ch->now_ms > ch->asked.at[i].not_after_ms + CHANNEL_SKEW_MS)
			live_remove(&ch->asked, &ch->asked.at[i]);
}

static bool ask_possible(struct channel *ch, const struct channel_ask *ask)
{
	asked_expire(ch);

	if (ch->frozen)
		ask_fail(ch, ask->ticket, CHANNEL_FROZEN);
	else if (!ask->dry_run && !ch->connected)
		ask_fail(ch, ask->ticket, CHANNEL_UNREACHABLE);
	else if (!ask->dry_run && ch->fetch.going)
		ask_fail(ch, ask->ticket, CHANNEL_FETCHING);
	else if (!ask->dry_run && (ch->closing || !ch->open || writer_behind(ch) || ch->asked.nfree == 0))
		ask_fail(ch, ask->ticket, CHANNEL_BUSY);
	else
		return true;
	return false;
}

/* What waiting does not mend is no reason to wait. */
bool channel_can_ask(const struct channel *ch, const struct agreement *a)
{
	if (ch->frozen || ch->fetch.going)
		return true;
	return ch->connected && ch->open && !ch->closing && !writer_behind(ch) && channel_in_force(ch, a);
}

static uint64_t our_time(const struct channel *ch)
{
	return ch->now_ms > ch->our_last_time_ms ? ch->now_ms : ch->our_last_time_ms;
}

static void ask_decide(struct channel *ch, const struct channel_ask *ask, int with, struct decision *out)
{
	int	       party = agreement_party(ask->agreement, bytes_text(ch->self));
	struct request r = {.asks = party < 0 ? 2 : (unsigned)party,
			    .clause = ask->clause,
			    .purpose = ask->purpose,
			    .reference = ask->reference,
			    .fields = *ask->fields,
			    .time_ms = our_time(ch)};

	r.used = quota_used(ch, true, with, ask->clause, day_of(r.time_ms));
	decide_request(ask->agreement, &r, out);
	if (out->refusal == REFUSAL_NONE && !channel_in_force(ch, ask->agreement)) {
		memset(out, 0, sizeof *out);
		out->refusal = REFUSAL_AGREEMENT;
		out->clause = ask->clause;
		snprintf(out->rule, sizeof out->rule, "agreement");
	}
}

static void mid_make(struct channel *ch, uint64_t time_ms, uint8_t mid[MID_SIZE])
{
	struct builder b = builder_on(mid, MID_SIZE);

	build_u32(&b, (uint32_t)(time_ms / 3600000));
	spring_draw(&ch->spring, mid + 4, MID_SIZE - 4);
}

static bool question_append(struct channel *ch, const struct channel_ask *ask, const uint8_t mid[MID_SIZE], struct appended *at)
{
	const struct clause *c = agreement_clause(ask->agreement, ask->clause);
	struct draft	     d = {
			.kind = KIND_QUERY,
			.flags = FLAG_REPEATABLE | FLAG_INTERACTIVE,
			.not_after_ms = our_time(ch) + c->answer_within_ms + CHANNEL_QUESTION_SLACK_MS,
			.mid = mid,
			.agreement = ask->agreement->id,
			.clause = ask->clause,
			.nparts = 2,
	};

	d.part[0] = (struct draft_part){.type = PART_CONTENT, .placement = PLACED_INLINE, .body = record_make(ch, ask->fields)};
	d.part[1] = (struct draft_part){.type = PART_REASON,
					.placement = PLACED_INLINE,
					.body = record_pair(ch, "purpose", ask->purpose, "case", ask->reference)};
	if (ask->officer.n > 0)
		d.part[d.nparts++] = (struct draft_part){.type = PART_ACTOR, .placement = PLACED_WITHHELD, .body = ask->officer};
	return ch->err == ERR_OK && writer_append(ch, &d, at);
}

static void undelivered_push(struct channel *ch, const struct live *l)
{
	uint32_t at = (ch->undelivered_head + ch->undelivered_n) % CHANNEL_LIVE_MOST;

	if (ch->undelivered_n == CHANNEL_LIVE_MOST)
		return; /* then the time of delivery is told by the receipt alone */
	ch->undelivered[at] = (struct slot_name){live_number(&ch->asked, l), l->generation};
	ch->undelivered_n++;
}

static bool content_fits(const struct channel_ask *ask)
{
	size_t n = 64 + ask->purpose.n + ask->reference.n;

	for (unsigned i = 0; i < ask->fields->n; i++)
		n += 5 + ask->fields->at[i].name.n + ask->fields->at[i].value.n;
	return n <= INLINE_MOST;
}

void question_ask(struct channel *ch, const struct channel_ask *ask)
{
	int		with = agreement_index(ch, &ask->agreement->id);
	struct decision decision;
	struct appended at;
	uint8_t		mid[MID_SIZE];

	if (!ask_possible(ch, ask))
		return;
	ask_decide(ch, ask, with, &decision);
	if (decision.refusal == REFUSAL_NONE && !content_fits(ask)) {
		decision.refusal = REFUSAL_VALUE;
		snprintf(decision.rule, sizeof decision.rule, "%u/request", ask->clause);
		snprintf(decision.pointer, sizeof decision.pointer, "/fields");
	}
	if (decision.refusal != REFUSAL_NONE) {
		ask_refuse(ch, ask->ticket, &decision);
		return;
	}
	if (ask->dry_run) {
		struct duty *d = duty_add(ch, DUTY_PERMIT);

		if (d != NULL) {
			d->ask.ticket = ask->ticket;
			d->ask.clause = ask->clause;
			d->ask.used = quota_used(ch, true, with, ask->clause, day_of(our_time(ch)));
		}
		return;
	}
	mid_make(ch, our_time(ch), mid);
	if (!question_append(ch, ask, mid, &at))
		return;
	struct live *l = live_add(&ch->asked, mid, &at.at);
	if (l == NULL) {
		ch->err = ERR_INTERNAL;
		return;
	}
	l->ticket = ask->ticket;
	l->leaf = at.leaf;
	l->agreement = ask->agreement->id;
	l->clause = ask->clause;
	l->with = with;
	l->accepted_ms = at.time_ms;
	l->not_after_ms = at.time_ms + agreement_clause(ask->agreement, ask->clause)->answer_within_ms + CHANNEL_QUESTION_SLACK_MS;
	l->used_quota = quota_count(ch, true, with, ask->clause, day_of(at.time_ms)) + 1;
	purpose_keep(l, ask->purpose);
	undelivered_push(ch, l);
	struct exchange *x = exchange_make(ch, l, true);
	if (x == NULL)
		return;
	x->reference = ask->reference;
	x->officer = ask->officer;
	x->ask = *ask->fields;
	exchange_duty(ch, DUTY_STORE_QUESTION, x, ask->ticket, false);
	exchange_duty(ch, DUTY_REPORT, x, ask->ticket, false);
}

/* ---- withdrawing ---- */

static bool cancel_append(struct channel *ch, const struct live *l)
{
	struct re    re = {.index = l->at.index, .leaf = l->leaf};
	uint8_t	     mid[MID_SIZE];
	struct draft d = {
		.kind = KIND_CANCEL,
		.not_after_ms = our_time(ch) + CHANNEL_ANSWER_LIFE_MS,
		.mid = mid,
		.agreement = l->agreement,
		.clause = l->clause,
		.re = &re,
	};

	memcpy(re.epoch, l->at.epoch.b, EPOCH_SIZE);
	mid_make(ch, our_time(ch), mid);
	return writer_append(ch, &d, NULL);
}

/* May a withdrawal be written now? Otherwise says why not. */
static bool cancel_possible(struct channel *ch, const struct live *l, uint32_t ticket)
{
	if (ch->frozen)
		ask_fail(ch, ticket, CHANNEL_FROZEN);
	else if (l == NULL)
		ask_fail(ch, ticket, CHANNEL_ENDED);
	else if (ch->fetch.going)
		ask_fail(ch, ticket, CHANNEL_FETCHING);
	else if (ch->closing || !ch->open || writer_behind(ch))
		ask_fail(ch, ticket, CHANNEL_BUSY);
	else
		return true;
	return false;
}

/* Withdrawn twice is withdrawn once. The exchange ends by the partner's REPLY, whatever that still says. */
void question_cancel(struct channel *ch, const struct channel_event *event)
{
	struct live *l = live_by_mid(&ch->asked, event->cancel.mid);

	if (!cancel_possible(ch, l, event->cancel.ticket))
		return;
	if (!l->cancelled && !cancel_append(ch, l))
		return;
	l->cancelled = true;
	struct exchange *x = exchange_make(ch, l, true);
	if (x != NULL)
		exchange_duty(ch, DUTY_REPORT, x, event->cancel.ticket, false);
}

/* ---- answering ---- */

struct answer {
	enum status	     status;
	const struct fields *fields; /* NULL: empty record */
	struct bytes	     reason, rule;
};

static bool reply_append(struct channel *ch, const struct place *at, const struct hash *leaf, const struct hash *agreement, uint16_t clause,
			 const struct answer *a, struct appended *out)
{
	static const struct fields nothing = {0};
	struct re		   re = {.index = at->index, .leaf = *leaf};
	uint8_t			   mid[MID_SIZE];
	struct draft		   d = {
			      .kind = KIND_REPLY,
			      .flags = FLAG_INTERACTIVE,
			      .not_after_ms = our_time(ch) + CHANNEL_ANSWER_LIFE_MS,
			      .mid = mid,
			      .agreement = *agreement,
			      .clause = clause,
			      .status = (uint16_t)a->status,
			      .re = &re,
			      .nparts = 1,
	      };

	memcpy(re.epoch, at->epoch.b, EPOCH_SIZE);
	mid_make(ch, our_time(ch), mid);
	d.part[0] = (struct draft_part){.type = PART_CONTENT, .placement = PLACED_INLINE, .body = record_make(ch, a->fields ? a->fields : &nothing)};
	if (a->status >= STATUS_REFUSED)
		d.part[d.nparts++] = (struct draft_part){.type = PART_REASON,
							 .placement = PLACED_INLINE,
							 .body = record_pair(ch, "reason", a->reason, "rule", a->rule)};
	return ch->err == ERR_OK && writer_append(ch, &d, out);
}

static void answer_store(struct channel *ch, const struct live *l, const struct answer *a, const struct appended *at)
{
	struct exchange *x = exchange_make(ch, l, false);

	if (x == NULL)
		return;
	x->status = (uint16_t)a->status;
	x->state = exchange_state_of(x->status);
	x->answer = at->at;
	x->answered_ms = at->time_ms;
	x->reason = a->reason;
	x->rule = a->rule;
	exchange_duty(ch, DUTY_STORE_ANSWER, x, 0, true);
}

static void reply(struct channel *ch, struct live *l, const struct answer *a)
{
	struct appended at;

	if (!reply_append(ch, &l->at, &l->leaf, &l->agreement, l->clause, a, &at))
		return;
	answer_store(ch, l, a, &at);
	live_remove(&ch->asked_of_us, l);
}

static void reply_refusal(struct channel *ch, struct live *l, enum refusal refusal, const char *rule)
{
	struct answer a = {.status = STATUS_REFUSED, .reason = bytes_text(refusal_code(refusal)), .rule = bytes_text(rule)};

	reply(ch, l, &a);
}

static void reply_error(struct channel *ch, struct live *l, enum status status, const char *reason)
{
	struct answer a = {.status = status, .reason = bytes_text(reason)};

	reply(ch, l, &a);
}

static void lookup(struct channel *ch, const struct live *l, const struct fields *asked)
{
	struct duty   *d = duty_add(ch, DUTY_LOOKUP);
	struct fields *kept = step_take(ch, sizeof *kept);

	if (d == NULL || kept == NULL)
		return;
	*kept = *asked;
	d->lookup.ticket = (uint64_t)l->generation << 32 | live_number(&ch->asked_of_us, l);
	d->lookup.agreement = ch->agreement[l->with];
	d->lookup.clause = l->clause;
	d->lookup.deadline_ms = ch->now_ms + agreement_clause(ch->agreement[l->with], l->clause)->answer_within_ms;
	if (d->lookup.deadline_ms > l->not_after_ms)
		d->lookup.deadline_ms = l->not_after_ms;
	d->lookup.not_after_ms = l->not_after_ms;
	d->lookup.purpose = step_copy(ch, bytes_text(l->purpose));
	memcpy(d->lookup.mid, l->mid, MID_SIZE);
	d->lookup.fields = kept;
}

/* An agreement may have clauses on several channels: each is asked on its own alone, with its own keys and counters. */
static bool clause_here(const struct channel *ch, int with, uint16_t clause)
{
	const struct clause *c = with < 0 ? NULL : agreement_clause(ch->agreement[with], clause);

	return c != NULL && strcmp(c->channel, ch->name) == 0;
}

/* The asker's AGREE must stand before the question in its epoch, and its `seen` must cover ours (spec/rules.md). */
static bool agreed_by_both(const struct channel *ch, const struct peer_log *log, const struct header *h, int with)
{
	return log != NULL && log->agree[with].known && log->agree[with].index < h->index && own_agree_before(ch, with, h->seen_epoch, h->seen_size);
}

/* Decides on a covered, unexpired question: refuses with its clause and rule, or asks the worker. */
static void judge(struct channel *ch, struct live *l, const struct peer_log *log, const struct entry *e)
{
	const struct header *h = &e->header;
	struct fields	    *asked = step_take(ch, sizeof *asked);
	struct fields	     reason = {0};
	struct decision	     d;

	if (asked == NULL)
		return;
	if (ch->now_ms > h->not_after_ms) {
		reply_error(ch, l, STATUS_EXPIRED, "expired");
		return;
	}
	if (l->with < 0 || !agreed_by_both(ch, log, h, l->with)) {
		reply_refusal(ch, l, REFUSAL_AGREEMENT, "agreement");
		return;
	}
	if (!record_of(ch, e, PART_CONTENT, asked) || !record_of(ch, e, PART_REASON, &reason)) {
		reply_refusal(ch, l, REFUSAL_FIELD, text_of(ch, "%u/request", l->clause));
		return;
	}
	const struct agreement *a = ch->agreement[l->with];
	struct request		r = {
			 .asks = (unsigned)agreement_party(a, bytes_text(ch->peer_name)),
			 .clause = l->clause,
			 .purpose = value_of(&reason, "purpose"),
			 .reference = value_of(&reason, "case"),
			 .fields = *asked,
			 .time_ms = h->time_ms,
			 .used = l->used_quota - 1,
	 };
	purpose_keep(l, r.purpose);
	decide_request(a, &r, &d);
	if (!clause_here(ch, l->with, l->clause))
		reply_refusal(ch, l, REFUSAL_CLAUSE, "clauses");
	else if (d.refusal != REFUSAL_NONE)
		reply_refusal(ch, l, d.refusal, text_of(ch, "%s", d.rule));
	else
		lookup(ch, l, asked);
}

static void live_say(const struct channel *ch, struct live *l, const struct entry *e, const struct hash *leaf)
{
	l->leaf = *leaf;
	l->agreement = e->header.agreement;
	l->clause = e->header.clause;
	l->with = agreement_index(ch, &l->agreement);
	l->accepted_ms = e->header.time_ms;
	l->not_after_ms = e->header.not_after_ms;
}

/* One that needs no place among those that wait. */
static void live_fill(const struct channel *ch, struct live *l, const struct entry *e, const struct place *at, const struct hash *leaf)
{
	memset(l, 0, sizeof *l);
	memcpy(l->mid, e->header.mid, MID_SIZE);
	l->at = *at;
	live_say(ch, l, e, leaf);
}

static struct live *live_of_question(struct channel *ch, const struct entry *e, const struct place *at, const struct hash *leaf)
{
	struct live *l = live_add(&ch->asked_of_us, e->header.mid, at);

	if (l != NULL)
		live_say(ch, l, e, leaf);
	return l;
}

/*
 * A REPLY stands under the question's agreement, known here or not, and a TALLY counts
 * so many agreements only. What a partner makes up leaves room for those that are real.
 */
static bool reply_countable(struct channel *ch, const struct hash *agreement)
{
	struct tally *t = &writer_log(ch)->tally;

	if (agreement_index(ch, agreement) >= 0 || tally_find(t, agreement) != NULL || t->n < TALLY_ROWS_MOST - CHANNEL_AGREEMENTS_MOST)
		return true;
	duty_close(ch, CLOSE_PROTOCOL, "questions under more unknown agreements than are answered");
	return false;
}

/* Who takes answers and gives no receipts is told no more: each was to prove that it arrived. */
static bool answers_unreceipted(const struct channel *ch)
{
	return writer_unreceipted(ch) >= CHANNEL_UNRECEIPTED_MOST + CHANNEL_LIVE_MOST;
}

/* The question is a new exchange; what remains is to judge it. */
static void question_store(struct channel *ch, const struct live *l)
{
	struct exchange *x = exchange_make(ch, l, false);

	if (x != NULL)
		exchange_duty(ch, DUTY_STORE_QUESTION, x, 0, false);
}

/* Our REPLY is in our log already, taken in again from the partner: this question had its answer before. */
static void answered_before(struct channel *ch, const struct live *l, const struct exchange *earlier)
{
	struct exchange *x = exchange_make(ch, l, false);

	if (x == NULL)
		return;
	x->status = earlier->status;
	x->state = exchange_state_of(x->status);
	x->answer = earlier->answer;
	x->answered_ms = earlier->answered_ms;
	exchange_duty(ch, DUTY_STORE_ANSWER, x, 0, true);
}

static void time_take(struct channel *ch, const struct header *h)
{
	if (time_near(ch, h->time_ms) && h->time_ms > ch->their_last_time_ms)
		ch->their_last_time_ms = h->time_ms;
}

/*
 * A late question counts as it counted for who asked it. One from the future does not: its
 * day would push out of memory the days that are counted now.
 */
static uint64_t place_in_quota(struct channel *ch, const struct live *l, uint64_t time_ms)
{
	if (time_ms > ch->now_ms + CHANNEL_SKEW_MS || !clause_here(ch, l->with, l->clause))
		return 1;
	uint64_t before = quota_count(ch, false, l->with, l->clause, day_of(time_ms));

	return before == UINT64_MAX ? UINT64_MAX : before + 1;
}

/* R4: once per mid, across epochs. */
static bool question_is_new(struct channel *ch, const struct pending *p)
{
	const struct header *h = &p->entry.header;

	if (p->known || live_by_mid(&ch->asked_of_us, h->mid) != NULL || table_put(&ch->turn, h->mid, 1) == ERR_DUPLICATE)
		return false;
	return reply_countable(ch, &h->agreement);
}

/* It is counted, kept and answered, or had its answer before, and nothing is looked up. */
static void turn_away(struct channel *ch, const struct peer_log *log, const struct pending *p, const char *reason)
{
	const struct header *h = &p->entry.header;
	struct answer	     a = {.status = STATUS_ERROR, .reason = bytes_text(reason)};
	struct appended	     at;
	struct live	     l;

	live_fill(ch, &l, &p->entry, &(struct place){log->epoch, h->index}, &p->leaf);
	l.used_quota = place_in_quota(ch, &l, h->time_ms);
	question_store(ch, &l);
	if (p->earlier != NULL)
		answered_before(ch, &l, &p->earlier->exchange);
	else if (!ch->closing && reply_append(ch, &l.at, &l.leaf, &l.agreement, l.clause, &a, &at))
		answer_store(ch, &l, &a, &at);
}

void question_turn_away(struct channel *ch, const struct peer_log *log, const struct pending *p, const char *reason)
{
	if (question_is_new(ch, p))
		turn_away(ch, log, p, reason);
}

void question_act(struct channel *ch, const struct peer_log *log, const struct pending *p)
{
	const struct header *h = &p->entry.header;
	struct place	     at = {log->epoch, h->index};
	bool		     on_time = time_near(ch, h->time_ms) && h->time_ms >= ch->their_last_time_ms;

	if (!question_is_new(ch, p))
		return;
	struct live *l = p->earlier != NULL || answers_unreceipted(ch) ? NULL : live_of_question(ch, &p->entry, &at, &p->leaf);
	time_take(ch, h);
	if (l == NULL) {
		turn_away(ch, log, p, "busy");
		return;
	}
	l->used_quota = place_in_quota(ch, l, h->time_ms);
	question_store(ch, l);
	if (ch->closing)
		return; /* answered by the next epoch */
	if (!on_time && ch->now_ms <= l->not_after_ms)
		reply_refusal(ch, l, REFUSAL_CLOCK, "clock");
	else
		judge(ch, l, log, &p->entry);
}

/* After a restart: a question that is durable here and has no REPLY. It was counted and stored before. */
void question_again(struct channel *ch, const struct channel_event *event)
{
	const struct entry    *e = event->unanswered.entry;
	const struct peer_log *log = reader_find(ch, &event->unanswered.at.epoch);
	struct live	      *l = live_of_question(ch, e, &event->unanswered.at, &event->unanswered.leaf);

	if (l == NULL)
		return; /* it is being looked up already, or too many are */
	l->used_quota = event->unanswered.used;
	if (!(e->header.flags & FLAG_REPEATABLE))
		reply_error(ch, l, STATUS_ERROR, "interrupted");
	else
		judge(ch, l, log, e);
}

/* A message that has no effect is told so. */
void message_decline(struct channel *ch, const struct peer_log *log, const struct pending *p, enum status status, const char *reason)
{
	const struct header *h = &p->entry.header;
	struct place	     at = {log->epoch, h->index};
	struct answer	     a = {.status = status, .reason = bytes_text(reason)};

	if (!ch->closing && reply_countable(ch, &h->agreement))
		reply_append(ch, &at, &p->leaf, &h->agreement, h->clause, &a, NULL);
}

/* Two places may be mixed into one key of the table: what is found by it is compared. */
static bool re_names(const struct re *re, const struct live *l)
{
	return memcmp(re->epoch, l->at.epoch.b, EPOCH_SIZE) == 0 && re->index == l->at.index && hash_equal(&re->leaf, &l->leaf);
}

/* A question that is being looked up ends here; one that has its REPLY keeps it. */
void question_cancelled(struct channel *ch, const struct pending *p)
{
	const struct re *re = &p->entry.header.re;
	struct place	 at = {.index = re->index};

	memcpy(at.epoch.b, re->epoch, EPOCH_SIZE);
	struct live *l = live_by_place(&ch->asked_of_us, &at);
	if (l != NULL && re_names(re, l) && !ch->closing)
		reply_error(ch, l, STATUS_ERROR, "cancelled");
}

void questions_forget(struct channel *ch)
{
	for (uint32_t i = 0; ch->asked_of_us.n > 0 && i < CHANNEL_LIVE_MOST; i++)
		if (ch->asked_of_us.at[i].used)
			live_remove(&ch->asked_of_us, &ch->asked_of_us.at[i]);
}

static bool reason_permitted(const struct clause *c, struct bytes reason)
{
	for (unsigned i = 0; i < c->nrefusals; i++)
		if (bytes_is(reason, c->refusal[i].name))
			return true;
	return false;
}

void question_found(struct channel *ch, const struct channel_event *event)
{
	uint64_t	ticket = event->found.ticket;
	struct live    *l = live_by_number(&ch->asked_of_us, (uint32_t)ticket, (uint32_t)(ticket >> 32));
	struct answer	a = {0};
	struct decision d = {0};

	if (l == NULL || ch->closing || ch->frozen)
		return;
	const struct clause *c = agreement_clause(ch->agreement[l->with], l->clause);
	switch (event->found.outcome) {
	case FOUND_HIT:
		decide_answer(ch->agreement[l->with], c, event->found.fields, &d);
		if (d.refusal != REFUSAL_NONE) {
			struct duty *alarm = duty_add(ch, DUTY_ALARM);

			if (alarm != NULL) {
				alarm->end.notice = NOTICE_PROVIDER_OUTSIDE_CLAUSE;
				alarm->end.text =
					text_of(ch, "the provider of clause %u answered outside the clause (%s): not sent", l->clause, d.rule);
			}
			a = (struct answer){.status = STATUS_ERROR,
					    .reason = bytes_text("provider-failed"),
					    .rule = bytes_text(text_of(ch, "%s", d.rule))};
			break;
		}
		a = (struct answer){.status = STATUS_OK, .fields = event->found.fields};
		break;
	case FOUND_NO_HIT:
		a = (struct answer){.status = STATUS_NO_HIT};
		break;
	case FOUND_REFUSED:
		if (reason_permitted(c, event->found.reason))
			a = (struct answer){.status = STATUS_REFUSED,
					    .reason = event->found.reason,
					    .rule = bytes_text(text_of(ch, "%u/refuse-for", l->clause))};
		else
			a = (struct answer){.status = STATUS_ERROR, .reason = bytes_text("provider-failed")};
		break;
	case FOUND_EXPIRED:
		a = (struct answer){.status = STATUS_EXPIRED, .reason = bytes_text("expired")};
		break;
	case FOUND_ERROR:
		a = (struct answer){.status = STATUS_ERROR, .reason = bytes_text("provider-failed")};
		break;
	}
	reply(ch, l, &a);
}

/* ---- the answer arrives ---- */

static bool answer_fits(const struct live *l, const struct header *h)
{
	return re_names(&h->re, l) && hash_equal(&h->agreement, &l->agreement) && h->clause == l->clause;
}

/* What the partner answered, into x; an answer outside the clause is not shown to anybody. */
static void answer_read(struct channel *ch, const struct live *l, const struct entry *e, struct exchange *x)
{
	struct fields	reason = {0};
	struct decision d = {0};

	x->status = e->header.status;
	x->state = exchange_state_of(x->status);
	if (record_of(ch, e, PART_REASON, &reason)) {
		x->reason = value_of(&reason, "reason");
		x->rule = value_of(&reason, "rule");
	}
	if (x->state != EXCHANGE_ANSWERED)
		return;
	bool read = record_of(ch, e, PART_CONTENT, &x->got);
	if (read && x->status == STATUS_OK && l->with >= 0)
		decide_answer(ch->agreement[l->with], agreement_clause(ch->agreement[l->with], l->clause), &x->got, &d);
	if (read && l->with >= 0 && d.refusal == REFUSAL_NONE && (x->status == STATUS_OK || x->got.n == 0))
		return;
	x->state = EXCHANGE_FAILED;
	x->reason = bytes_text("answer-not-permitted");
	x->rule = bytes_text(text_of(ch, "%s", d.rule));
	memset(&x->got, 0, sizeof x->got);
}

/* A question of ours that memory has no longer: the ledger had it when its answer came. */
static void live_of_earlier(const struct channel *ch, const struct earlier *earlier, struct live *l)
{
	const struct exchange *x = &earlier->exchange;

	memset(l, 0, sizeof *l);
	memcpy(l->mid, x->mid, MID_SIZE);
	l->at = x->question;
	l->leaf = earlier->leaf;
	l->agreement = x->agreement;
	l->clause = x->clause;
	l->with = agreement_index(ch, &x->agreement);
	l->accepted_ms = x->accepted_ms;
	l->delivered_ms = x->delivered_ms;
	l->not_after_ms = x->not_after_ms;
	l->used_quota = x->used;
}

void answer_act(struct channel *ch, const struct peer_log *log, const struct pending *p)
{
	const struct entry *e = &p->entry;
	struct place	    at = {.index = e->header.re.index};
	struct live	    old;

	memcpy(at.epoch.b, e->header.re.epoch, EPOCH_SIZE);
	struct live *l = live_by_place(&ch->asked, &at), *kept = l;
	if (l == NULL && p->earlier != NULL) {
		live_of_earlier(ch, p->earlier, &old);
		l = &old;
	}
	if (l == NULL || !answer_fits(l, &e->header))
		return; /* answered before, or not a question of ours: the entry stays, without effect */
	struct exchange *x = exchange_make(ch, l, true);
	if (x == NULL)
		return;
	const struct own_log *asked = writer_find(ch, &l->at.epoch);

	answer_read(ch, l, e, x);
	x->answer = (struct place){log->epoch, e->header.index};
	x->answered_ms = ch->now_ms;
	if (x->delivered_ms == 0)
		x->delivered_ms = ch->now_ms;
	x->receipt_held = asked == NULL || asked->receipted > l->at.index;
	exchange_duty(ch, DUTY_STORE_ANSWER, x, l->ticket, true);
	exchange_duty(ch, DUTY_REPORT, x, l->ticket, true);
	if (kept != NULL)
		live_remove(&ch->asked, kept);
}

/* ---- our own, come back from the partner's copy ---- */

/* The question stands in our ledger again; its answer comes with the partner's log, or did. */
void question_taken_in(struct channel *ch, const struct own_log *log, const struct pending *p)
{
	const struct header *h = &p->entry.header;
	struct live	     l = {.at = {log->epoch, h->index},
				  .agreement = h->agreement,
				  .clause = h->clause,
				  .accepted_ms = h->time_ms,
				  .delivered_ms = ch->now_ms,
				  .not_after_ms = h->not_after_ms};

	memcpy(l.mid, h->mid, MID_SIZE);
	l.with = agreement_index(ch, &h->agreement);
	l.used_quota = clause_here(ch, l.with, l.clause) ? quota_count(ch, true, l.with, l.clause, day_of(h->time_ms)) + 1 : 1;
	struct exchange *x = exchange_make(ch, &l, true);
	if (x != NULL)
		exchange_duty(ch, DUTY_STORE_QUESTION, x, 0, false);
}

/* Whoever asked has this answer: the question is not answered again, whether it is here or comes again. */
void answer_taken_in(struct channel *ch, const struct own_log *log, const struct pending *p)
{
	const struct header *h = &p->entry.header;
	struct duty	    *d = duty_add(ch, DUTY_STORE_ANSWERED);
	struct place	     question = {.index = h->re.index};

	memcpy(question.epoch.b, h->re.epoch, EPOCH_SIZE);
	struct live *l = live_by_place(&ch->asked_of_us, &question);
	if (l != NULL)
		live_remove(&ch->asked_of_us, l);
	if (d == NULL)
		return;
	d->answered.question = question;
	d->answered.answer = (struct place){log->epoch, h->index};
	d->answered.status = h->status;
	d->answered.time_ms = h->time_ms;
}

bool channel_asked(const struct channel *ch, const struct place *question)
{
	return live_by_place((struct live_set *)&ch->asked, question) != NULL;
}
