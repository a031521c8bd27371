/* core_perform.c: the duties of a channel, one row of the switch each. */
#include <stdlib.h>

#include "gateway/core.h"

static void stored(struct core *c, enum err e, const char *what)
{
	if (e == ERR_DUPLICATE)
		journal(LEVEL_WARNING, "duplicate", "%s was there already", what);
	else if (e != ERR_OK)
		core_ledger_stopped(c, e, what);
}

static int64_t log_id(struct core *c, struct core_channel *ch, bool own, const struct epoch *epoch)
{
	struct core_log *log = core_log_of(c, ch, own, epoch);

	return log != NULL ? log->id : 0;
}

static void entry_store(struct core *c, struct core_channel *ch, const struct stored_entry *s)
{
	struct core_log *log = core_log_of(c, ch, s->own, &s->epoch);
	struct entry_row row = {.index = s->index,
				.commitment = s->commitment,
				.form = s->form,
				.salt = s->salt,
				.header = s->header,
				.body = s->body,
				.withheld = s->withheld};

	if (log == NULL)
		return;
	log->dirty = true;
	stored(c, store_entry_add(c->store, log->id, &row), "an entry");
	if (s->own)
		c->must_commit = true;
	else
		c->has_received = true;
}

static void checkpoint_store(struct core *c, struct core_channel *ch, const struct duty *d)
{
	struct checkpoint_head head = {.size = d->head.size, .root = d->head.root, .sig = d->head.sig};

	stored(c, store_checkpoint_add(c->store, log_id(c, ch, d->head.own, &d->head.epoch), &head), "a checkpoint");
}

static void receipt_store(struct core *c, struct core_channel *ch, const struct duty *d)
{
	struct receipt_head head = {.size = d->head.size, .root = d->head.root, .time_s = d->head.time_s, .sig = d->head.sig};

	stored(c, store_receipt_add(c->store, log_id(c, ch, d->head.own, &d->head.epoch), &head), "a receipt");
}

/*
 * The day against whose quota a question counts, as the channel counts: a partner's counts
 * unless its clock is far ahead of ours, and when the clause exists.
 */
static int32_t quota_day(struct core *c, const struct exchange *x)
{
	const struct agreement *a = papers_agreement(&c->papers, &x->agreement);

	if (a == NULL || agreement_clause(a, x->clause) == NULL || (!x->ours && x->accepted_ms > c->now_ms + CHANNEL_SKEW_MS))
		return EXCHANGE_NO_DAY;
	return (int32_t)(x->accepted_ms / 86400000);
}

static struct exchange_row row_of(struct core *c, struct core_channel *ch, const struct exchange *x)
{
	static const struct epoch none;
	struct exchange_row	  row = {.ours = x->ours,
					 .question_index = x->question.index,
					 .answer_index = x->answer.index,
					 .agreement = x->agreement,
					 .clause = x->clause,
					 .state = x->state,
					 .status = x->status,
					 .accepted_ms = x->accepted_ms,
					 .delivered_ms = x->delivered_ms,
					 .answered_ms = x->answered_ms,
					 .not_after_ms = x->not_after_ms,
					 .used = x->used};

	memcpy(row.mid, x->mid, MID_SIZE);
	row.question_log = log_id(c, ch, x->ours, &x->question.epoch);
	if (memcmp(x->answer.epoch.b, none.b, EPOCH_SIZE) != 0)
		row.answer_log = log_id(c, ch, !x->ours, &x->answer.epoch);
	return row;
}

static void question_store(struct core *c, struct core_channel *ch, const struct exchange *x)
{
	struct exchange_row row = row_of(c, ch, x);
	const struct ask   *ask = c->asking;

	row.day = quota_day(c, x);
	stored(c, store_exchange_add(c->store, &row), "a question");
	core_count(c, x);
	if (x->ours && ask != NULL && ask->key.n > 0)
		stored(c, store_key_add(c->store, ask->account, ask->key, x->mid, &ask->body, c->now_ms), "an Idempotency-Key");
}

static void naming_keep(struct core *c, struct core_channel *ch, const struct duty *d)
{
	struct core_log *log = core_log_of(c, ch, d->naming.own, &d->naming.epoch);

	if (log != NULL)
		stored(c, store_naming_save(c->store, log->id, &d->naming.naming), "what is said of a log");
}

static void answer_store(struct core *c, struct core_channel *ch, const struct exchange *x)
{
	struct exchange_row row = row_of(c, ch, x);

	stored(c, store_exchange_answer(c->store, &row), "an answer");
	core_count(c, x);
	if (!x->ours)
		core_fetch_end(c, ch, x->mid);
	if (!x->ours)
		return;
	c->must_commit = true; /* an application waits for it */
	core_news_place(c, news_of_end(x), row.question_log, row.question_index);
}

/* ---- frames ---- */

void core_out_flush(struct core_partner *p)
{
	uint8_t	       head[4];
	struct builder b = builder_on(head, sizeof head);

	if (p->out.n == 0)
		return;
	build_u32(&b, p->session);
	if (p->link != NULL && p->up && pipe_send_pieces(p->link, LINK_FRAMES, builder_bytes(&b), buffer_bytes(&p->out), -1) == ERR_OK)
		pipe_flush(p->link);
	p->out.n = 0;
}

void core_frame_send(struct core_channel *ch, struct bytes frame)
{
	struct core_partner *p = ch->partner;

	if (!p->up || p->closing)
		return;
	if (buffer_add(&p->out, frame) != ERR_OK)
		core_session_close(p, CLOSE_PROTOCOL, "more is queued for this session than its limit");
	else if (p->out.n > CORE_OUT_CHUNK)
		core_out_flush(p);
}

bool core_entry_read(const struct entry_row *row, struct entry *out)
{
	out->salt = row->salt;
	out->header_wire = row->header;
	return header_read(row->header, &out->header) == ERR_OK && entry_body_read(row->body, out) == ERR_OK;
}

struct resend {
	struct core_channel *channel;
	uint16_t	     log;
	struct entry	    *entry;
	uint8_t		    *memory;
};

#define ENTRY_FRAME_MOST (FRAME_HEAD + ENTRY_PAYLOAD_MOST)

static bool entry_resend(void *arg, const struct entry_row *row)
{
	struct resend *r = arg;
	struct builder b = builder_on(r->memory, ENTRY_FRAME_MOST);

	if (row->form != FORM_FULL || !core_entry_read(row, r->entry)) {
		journal(LEVEL_ERROR, "resend", "entry %llu cannot be read back in full form", (unsigned long long)row->index);
		return false;
	}
	entry_frame_write(&b, r->log, r->entry);
	if (b.err != ERR_OK)
		return false;
	core_frame_send(r->channel, builder_bytes(&b));
	return true;
}

/* A checkpoint that was signed then is sent again; nothing is signed anew. */
static void checkpoint_resend(struct core *c, struct core_channel *ch, const struct duty *d, int64_t id)
{
	struct checkpoint_head head;
	uint8_t		       memory[256];
	struct builder	       b = builder_on(memory, sizeof memory);
	enum err	       e = store_checkpoint_upto(c->store, id, d->resend.to, &head);

	if (e == ERR_NOT_FOUND)
		return;
	stored(c, e, "a checkpoint to send again");
	if (!channel_may_show(ch->channel, &d->resend.epoch, head.size, &head.root, &head.sig))
		return; /* the key is revoked since: the GENESIS that follows covers these entries */
	struct checkpoint_frame f = {.log = d->resend.log, .size = head.size, .root = head.root, .sig = head.sig};
	checkpoint_frame_write(&b, &f);
	if (e == ERR_OK && b.err == ERR_OK)
		core_frame_send(ch, builder_bytes(&b));
}

/* An old receipt is as good as on its first day. */
static void receipt_resend(struct core *c, struct core_channel *ch, const struct duty *d)
{
	struct log_row row;
	uint8_t	       memory[256];
	struct builder b = builder_on(memory, sizeof memory);

	if (store_log_find(c->store, &d->receipt.epoch, false, &row) != ERR_OK || row.receipt.size == 0)
		return;
	struct receipt_frame f = {
		.log = d->receipt.log, .size = row.receipt.size, .root = row.receipt.root, .time_s = row.receipt.time_s, .sig = row.receipt.sig};
	receipt_frame_write(&b, &f);
	if (b.err == ERR_OK)
		core_frame_send(ch, builder_bytes(&b));
}

static void resend(struct core *c, struct core_channel *ch, const struct duty *d)
{
	struct resend r = {.channel = ch, .log = d->resend.log, .entry = malloc(sizeof *r.entry), .memory = malloc(ENTRY_FRAME_MOST)};
	int64_t	      id = log_id(c, ch, true, &d->resend.epoch);

	if (r.entry != NULL && r.memory != NULL)
		stored(c, store_entries(c->store, id, d->resend.from, d->resend.to, entry_resend, &r), "a resend");
	free(r.entry);
	free(r.memory);
	if (d->resend.covered && !c->stopped)
		checkpoint_resend(c, ch, d, id);
}

/* ---- alarms ---- */

#define ALARM_WORDS "channel %s with %s: %s"

static void notice_say(const struct core_channel *ch, const struct duty *d)
{
	switch (d->end.notice) {
	case NOTICE_PARTNER_RESTORED:
		journal(LEVEL_WARNING, "partner-restored", ALARM_WORDS, ch->name, ch->partner->name, d->end.text);
		return;
	case NOTICE_PROVIDER_OUTSIDE_CLAUSE:
		journal(LEVEL_WARNING, "provider-outside-clause", ALARM_WORDS, ch->name, ch->partner->name, d->end.text);
		return;
	}
}

static void alarm_raise(struct core *c, struct core_channel *ch, const struct duty *d)
{
	if (!d->end.frozen) {
		notice_say(ch, d);
		return;
	}
	journal(LEVEL_ERROR, "alarm", ALARM_WORDS "; the channel is frozen, the others go on", ch->name, ch->partner->name, d->end.text);
	core_alarm_keep(c, ch, d);
}

#define CARDS_REFUSED_TOLD 8 /* in one session: a partner may put any number of cards into its log */

/* The card of a KEYS entry was shown in HELLO before; one that comes here first counts as well. */
static void card_come(struct core_partner *p, struct bytes note)
{
	enum err e = core_card_come(p, note);

	if (e != ERR_OK && e != ERR_EXISTS && e != ERR_ORDER && p->refused++ < CARDS_REFUSED_TOLD)
		journal(LEVEL_ERROR, "card-refused", "%s put a card into its log that is not taken: %s", p->name, card_succeeds_text(e, LANG_EN));
}

/* ---- the switch ---- */

static void perform(struct core *c, struct core_channel *ch, const struct duty *d)
{
	switch (d->type) {
	case DUTY_STORE_ENTRY:
		entry_store(c, ch, &d->entry);
		break;
	case DUTY_STORE_CHECKPOINT:
		checkpoint_store(c, ch, d);
		break;
	case DUTY_STORE_RECEIPT:
		receipt_store(c, ch, d);
		break;
	case DUTY_STORE_QUESTION:
		question_store(c, ch, d->exchange.exchange);
		break;
	case DUTY_STORE_ANSWER:
		answer_store(c, ch, d->exchange.exchange);
		break;
	case DUTY_STORE_ANSWERED:
		core_answered_keep(c, ch, d);
		break;
	case DUTY_STORE_NAMING:
		naming_keep(c, ch, d);
		break;
	case DUTY_REPORT:
		core_desk_report(c, d);
		break;
	case DUTY_REFUSE:
		core_desk_refuse(c, d);
		break;
	case DUTY_PERMIT:
		core_desk_permit(c, d);
		break;
	case DUTY_FAIL:
		core_desk_fail(c, ch->partner, d);
		break;
	case DUTY_SIGN:
		core_keeper_sign(c, ch->opened, d->leaves.leaves, d->leaves.n);
		break;
	case DUTY_COSIGN:
		core_keeper_cosign(c, ch, core_log_of(c, ch, false, &d->leaves.epoch), d->leaves.leaves, d->leaves.n);
		break;
	case DUTY_SEND:
		core_frame_send(ch, d->frame);
		break;
	case DUTY_RESEND:
		resend(c, ch, d);
		break;
	case DUTY_RECALL:
		core_log_recall(c, ch, d->recall.own, &d->recall.epoch);
		break;
	case DUTY_RECEIPT:
		receipt_resend(c, ch, d);
		break;
	case DUTY_RANGE:
		core_range_answer(c, ch, d);
		break;
	case DUTY_UNANSWERED:
		ch->resuming = true; /* not amid the duties of another step */
		break;
	case DUTY_OPEN:
		core_keeper_open(c, ch);
		break;
	case DUTY_LOOKUP:
		core_worker_ask(c, ch, d);
		break;
	case DUTY_CARD:
		card_come(ch->partner, d->card);
		break;
	case DUTY_ALARM:
		alarm_raise(c, ch, d);
		break;
	case DUTY_CLOSE:
		core_session_close(ch->partner, d->end.code, d->end.text);
		break;
	}
}

void core_perform(struct core *c, struct core_channel *ch, const struct duties *d)
{
	for (size_t i = 0; i < d->n && !c->stopped; i++)
		perform(c, ch, &d->at[i]);
}

/* ---- the rows of logs that changed ---- */

static void log_save(struct core *c, struct core_channel *ch, struct core_log *log)
{
	struct channel_log seen;
	struct log_row	   row = {.id = log->id, .own = log->own, .epoch = log->epoch, .receipt_frontier = log->receipt_frontier};

	log->dirty = false;
	if (!channel_log_find(ch->channel, log->own, &log->epoch, &seen))
		return;
	row.frontier = *seen.frontier;
	row.tally = *seen.tally;
	row.last_time_ms = seen.last_time_ms;
	stored(c, store_log_save(c->store, &row), "a log's head");
}

void core_logs_save(struct core *c)
{
	for (unsigned i = 0; i < c->npartners; i++)
		for (unsigned k = 0; k < c->partner[i].nchannels; k++) {
			struct core_channel *ch = &c->partner[i].channel[k];

			for (size_t n = ch->nlogs; n > 0; n--)
				if (ch->log[n - 1]->dirty)
					log_save(c, ch, ch->log[n - 1]);
		}
}
