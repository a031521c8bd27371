/* core_range.c: answering GET from the ledger, and what only the ledger knows of an entry's exchange. */
#include <stdlib.h>

#include "gateway/core.h"

/* ---- RANGE: rows of a log, frame by frame ---- */

struct answer {
	struct core_channel    *channel;
	struct bytes		origin;
	struct builder		b;
	size_t			begun;
	uint64_t		from, next; /* of the frame being built */
	size_t			room;	    /* for rows in that frame */
	size_t			bytes;	    /* of rows, in all frames */
	struct checkpoint_frame checkpoint; /* size 0: none */
	bool			broken;
};

static void frame_open(struct answer *a)
{
	a->b.n = 0;
	a->from = a->next;
	a->room = range_rows_room(a->origin);
	a->begun = range_frame_begin(&a->b, a->origin, a->from);
}

static void frame_close(struct answer *a)
{
	bool last = a->checkpoint.size > 0 && a->next == a->checkpoint.size;

	range_frame_end(&a->b, a->begun, (uint16_t)(a->next - a->from), last ? &a->checkpoint : NULL);
	if (a->b.err == ERR_OK)
		core_frame_send(a->channel, builder_bytes(&a->b));
}

static bool row_add(void *arg, const struct entry_row *row)
{
	struct answer *a = arg;
	size_t	       n = range_row_size(row->form, row->header, row->body);

	if (row->index != a->next || a->bytes + n > CHANNEL_RANGE_BYTES_MOST)
		return false;
	if (n > a->room || a->next - a->from == RANGE_ROWS_MOST) {
		frame_close(a);
		frame_open(a);
	}
	range_row_write(&a->b, row->form, &row->salt, row->header, row->body, &row->commitment);
	a->room -= n;
	a->bytes += n;
	a->next++;
	return a->b.err == ERR_OK;
}

/* The checkpoint that an answer ends with: the smallest that covers what was asked for, if that is near enough, else the largest that is. */
static enum err checkpoint_choose(struct core *c, int64_t log, uint64_t from, uint64_t to, struct checkpoint_head *out)
{
	enum err e = store_checkpoint_covering(c->store, log, to - 1, out);

	if (e == ERR_OK && out->size - from <= CHANNEL_RANGE_ENTRIES_MOST)
		return ERR_OK;
	if (e == ERR_OK || e == ERR_NOT_FOUND)
		e = store_checkpoint_upto(c->store, log, from + CHANNEL_RANGE_ENTRIES_MOST, out);
	return e == ERR_OK && out->size <= from ? ERR_NOT_FOUND : e;
}

static void rows_send(struct core *c, struct answer *a, const struct log_row *log, uint64_t to)
{
	struct checkpoint_head head;
	uint64_t	       most = a->next + CHANNEL_RANGE_ENTRIES_MOST;
	enum err	       e = checkpoint_choose(c, log->id, a->next, to, &head);
	uint64_t	       end = to < most ? to : most;

	if (e == ERR_OK) {
		a->checkpoint = (struct checkpoint_frame){.size = head.size, .root = head.root, .sig = head.sig};
		end = head.size;
	}
	if (e == ERR_OK || e == ERR_NOT_FOUND)
		e = store_entries(c->store, log->id, a->next, end, row_add, a);
	if (e != ERR_OK)
		journal(LEVEL_ERROR, err_name(e), "a stretch of %.*s cannot be read for %s: mithaq log verify says more", (int)a->origin.n,
			(const char *)a->origin.at, a->channel->partner->name);
}

/* What is durable of a log, of either party. */
static uint64_t held_of(const struct core_channel *ch, const struct log_row *log)
{
	struct channel_log seen;

	return channel_log_find(ch->channel, log->own, &log->epoch, &seen) ? seen.durable : log->frontier.size;
}

void core_range_answer(struct core *c, struct core_channel *ch, const struct duty *d)
{
	char	       origin[ORIGIN_MOST];
	struct log_row log = {.own = d->range.own, .epoch = d->range.epoch};
	uint8_t	      *memory = malloc(FRAME_HEAD + FRAME_REST_MOST);
	struct answer  a = {.channel = ch, .next = d->range.from, .b = builder_on(memory, memory ? FRAME_HEAD + FRAME_REST_MOST : 0)};
	enum err       e = store_log_find(c->store, &d->range.epoch, d->range.own, &log);

	memcpy(log.partner, ch->partner->name, strlen(ch->partner->name) + 1);
	memcpy(log.channel, ch->name, strlen(ch->name) + 1);
	if (memory == NULL || store_log_origin(c->process->config->party, &log, origin) != ERR_OK) {
		free(memory);
		return;
	}
	a.origin = bytes_text(origin);
	uint64_t held = e == ERR_OK ? held_of(ch, &log) : 0;
	frame_open(&a);
	if (d->range.from < held)
		rows_send(c, &a, &log, d->range.to < held ? d->range.to : held);
	bool ended = a.next == a.from || (a.checkpoint.size > 0 && a.next == a.checkpoint.size);
	frame_close(&a);
	if (!ended) { /* "no more here" */
		frame_open(&a);
		frame_close(&a);
	}
	free(memory);
}

/* ---- exchanges of which memory knows nothing ---- */

static bool epoch_of_log(const struct core_channel *ch, bool own, int64_t id, struct epoch *out)
{
	for (size_t i = 0; i < ch->nlogs; i++)
		if (ch->log[i]->own == own && ch->log[i]->id == id) {
			*out = ch->log[i]->epoch;
			return true;
		}
	return false;
}

static const struct earlier *answered_earlier(struct core *c, struct core_channel *ch, struct bytes origin, const struct header *h,
					      struct earlier *memory)
{
	struct origin	    o;
	struct answered_row a;

	if (origin_read(origin, &o) != ERR_OK || store_answered_find(c->store, &o.epoch, h->index, &a) != ERR_OK)
		return NULL;
	*memory = (struct earlier){.exchange = {.status = a.status, .answered_ms = a.time_ms, .answer.index = a.answer_index}};
	return epoch_of_log(ch, true, a.answer_log, &memory->exchange.answer.epoch) ? memory : NULL;
}

static const struct earlier *asked_earlier(struct core *c, struct core_channel *ch, const struct header *h, struct earlier *memory)
{
	struct place	    re = {.index = h->re.index};
	struct log_row	    log;
	struct exchange_row x;

	memcpy(re.epoch.b, h->re.epoch, EPOCH_SIZE);
	if (channel_asked(ch->channel, &re) || store_log_find(c->store, &re.epoch, true, &log) != ERR_OK)
		return NULL;
	if (strcmp(log.partner, ch->partner->name) != 0 || strcmp(log.channel, ch->name) != 0)
		return NULL;
	if (store_exchange_at(c->store, log.id, re.index, &x) != ERR_OK || !x.ours || x.state > EXCHANGE_DELIVERED)
		return NULL;
	*memory = (struct earlier){.exchange = {.ours = true,
						.agreement = x.agreement,
						.clause = x.clause,
						.accepted_ms = x.accepted_ms,
						.delivered_ms = x.delivered_ms,
						.not_after_ms = x.not_after_ms,
						.used = x.used,
						.question = re}};
	memcpy(memory->exchange.mid, x.mid, MID_SIZE);
	return store_leaves(c->store, log.id, re.index, re.index + 1, &memory->leaf) == ERR_OK ? memory : NULL;
}

const struct earlier *core_earlier(struct core *c, struct core_channel *ch, struct bytes origin, const struct header *h, struct earlier *memory)
{
	if (h->kind == KIND_QUERY)
		return answered_earlier(c, ch, origin, h, memory);
	return h->kind == KIND_REPLY ? asked_earlier(c, ch, h, memory) : NULL;
}

/* The end of a question that is here, or kept until it comes again. */
void core_answered_keep(struct core *c, struct core_channel *ch, const struct duty *d)
{
	struct core_log	   *question = NULL, *answer = core_log_of(c, ch, true, &d->answered.answer.epoch);
	struct log_row	    row;
	struct exchange_row x;

	if (answer == NULL)
		return;
	enum err e = store_log_find(c->store, &d->answered.question.epoch, false, &row);
	if (e == ERR_OK)
		question = core_log_of(c, ch, false, &d->answered.question.epoch);
	if (question != NULL && store_exchange_at(c->store, question->id, d->answered.question.index, &x) == ERR_OK) {
		if (x.state > EXCHANGE_DELIVERED)
			return; /* answered again since: both answers stand in the log */
		x.answer_log = answer->id;
		x.answer_index = d->answered.answer.index;
		x.status = d->answered.status;
		x.state = exchange_state_of(x.status);
		x.answered_ms = d->answered.time_ms;
		e = store_exchange_answer(c->store, &x);
	} else {
		struct answered_row a = {.question_epoch = d->answered.question.epoch,
					 .question_index = d->answered.question.index,
					 .answer_log = answer->id,
					 .answer_index = d->answered.answer.index,
					 .status = d->answered.status,
					 .time_ms = d->answered.time_ms};
		e = store_answered_add(c->store, &a);
	}
	if (e != ERR_OK)
		core_ledger_stopped(c, e, "an answer taken in again");
}
