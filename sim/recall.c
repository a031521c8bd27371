/* recall.c: what a ledger tells a channel that starts, read back from the simulated disk. */
#include <stdlib.h>

#include "world.h"

/* ---- logs ---- */

static void tally_entry(struct tally *t, const struct header *h, uint64_t at)
{
	unsigned k = 0;

	if (KIND_IS_CONTROL(h->kind))
		return;
	while (k < t->n && !hash_equal(&t->row[k].agreement, &h->agreement))
		k++;
	if (k == t->n)
		t->row[t->n++] = (struct tally_row){.agreement = h->agreement};
	t->row[k].count++;
	t->row[k].last = at;
}

#define AGREES_MOST 8

struct recalling {
	struct recalled_log   log;
	struct recalled_agree agree[AGREES_MOST];
	struct receipt_frame  receipt;
	struct hash	     *leaves;
};

/* Which epoch GENESIS goes on from; zero when it is the first. */
static struct epoch previous_of(const struct header *genesis)
{
	const struct attr *a = header_attr(genesis, ATTR_PREVIOUS);
	struct previous	   previous = {0};
	struct epoch	   epoch;

	if (a != NULL && previous_read(a->value, &previous) != ERR_OK)
		memset(&previous, 0, sizeof previous);
	memcpy(epoch.b, previous.epoch, EPOCH_SIZE);
	return epoch;
}

static void entry_recall(struct recalling *r, const struct disk_log *l, const struct disk_entry *e, uint64_t at)
{
	struct recalled_log *log = &r->log;

	frontier_add(&log->frontier, &e->leaf);
	if (at >= log->receipted)
		r->leaves[at - log->receipted] = e->leaf;
	if (e->header.kind == KIND_AGREE && log->nagree < AGREES_MOST)
		r->agree[log->nagree++] = (struct recalled_agree){e->header.agreement, at};
	if ((l->own || e->header.kind == KIND_QUERY) && e->header.time_ms > log->last_time_ms)
		log->last_time_ms = e->header.time_ms;
	if (l->own && at == 0)
		log->previous = previous_of(&e->header);
	tally_entry(&log->tally, &e->header, at);
}

static struct naming naming_of(const struct disk *d, const struct disk_log *l)
{
	const struct disk_naming *n = disk_naming_find(d, l->own, &l->epoch);

	return n != NULL ? n->naming : (struct naming){0};
}

static void log_recall(struct side *s, const struct disk_log *l)
{
	struct recalling	r = {.log.epoch = l->epoch};
	const struct disk_head *head = disk_head_best(&s->disk, l->own, true, &l->epoch, UINT64_MAX);

	memcpy(r.log.tally.epoch, l->epoch.b, EPOCH_SIZE);
	if (head != NULL) {
		r.receipt = (struct receipt_frame){.size = head->size, .root = head->root, .time_s = head->time_s, .sig = head->sig};
		r.log.receipted = head->size;
		r.log.receipt = l->own ? NULL : &r.receipt;
	}
	r.log.naming = naming_of(&s->disk, l);
	r.leaves = arena_take(&s->world->memory, (size_t)l->n * sizeof *r.leaves + 1);
	if (r.leaves == NULL)
		abort();
	for (uint64_t at = 0; at < l->n; at++)
		entry_recall(&r, l, s->disk.entry[l->place[at]], at);
	r.log.quiet = l->own && disk_log_quiet(&s->disk, l);
	r.log.agree = r.agree;
	r.log.leaves = r.leaves;
	if (channel_recall(s->channel, l->own, &r.log) != ERR_OK)
		world_fault(s->world, "%s could not recall a log", s->shown);
}

static void log_brief(struct side *s, const struct disk_log *l)
{
	struct brief brief = {.epoch = l->epoch, .size = l->n, .said = naming_of(&s->disk, l).said};

	if (channel_recall_brief(s->channel, l->own, &brief) != ERR_OK)
		world_fault(s->world, "%s could not recall an old log", s->shown);
}

/* One more, while the channel lives. */
void log_recall_late(struct side *s, bool own, const struct epoch *epoch)
{
	const struct disk_log *l = disk_log_find(&s->disk, own, epoch);

	if (l == NULL)
		world_fault(s->world, "%s is asked to recall what is not on its disk", s->shown);
	else
		log_recall(s, l);
}

#define LEFT_BEHIND_MOST 16

/* As the gateway chooses: of those that nobody went on from and in which little stands only the newest few. */
static bool is_left_behind(const struct disk *d, const struct disk_log *l)
{
	struct naming naming = naming_of(d, l);

	return l->own && !naming.adopted && naming.said == 0 && disk_log_quiet(d, l);
}

static bool is_recent(const struct disk *d, size_t i)
{
	bool   left = is_left_behind(d, &d->log[i]);
	size_t newer = 0, most = left ? LEFT_BEHIND_MOST : CHANNEL_LOGS_MOST - LEFT_BEHIND_MOST;

	for (size_t k = i + 1; k < d->nlogs && newer < most; k++)
		newer += d->log[k].own == d->log[i].own && is_left_behind(d, &d->log[k]) == left;
	return newer < most;
}

/* The newest are told whole, and those that still lack something; of older ones only that they are there. */
static void logs_recall(struct side *s)
{
	for (size_t i = 0; i < s->disk.nlogs; i++) {
		const struct disk_log *l = &s->disk.log[i];

		if (is_recent(&s->disk, i) || (l->own && naming_of(&s->disk, l).size > l->n))
			log_recall(s, l);
		else
			log_brief(s, l);
	}
}

/* ---- exchanges ---- */

static void day_recall(struct side *s, const struct disk_exchange *x)
{
	uint64_t used = 0;

	if (x->day == DISK_NO_DAY)
		return;
	for (size_t k = 0; k < s->disk.nexchanges; k++) {
		const struct disk_exchange *y = &s->disk.exchange[k];

		used += y->ours == x->ours && y->day == x->day && y->clause == x->clause && hash_equal(&y->agreement, &x->agreement);
	}
	channel_recall_quota(s->channel, x->ours, &x->agreement, x->clause, x->day, used);
}

static struct exchange exchange_of(const struct disk_exchange *x)
{
	struct exchange e = {.ours = x->ours,
			     .question = x->question,
			     .agreement = x->agreement,
			     .clause = x->clause,
			     .accepted_ms = x->accepted_ms,
			     .not_after_ms = x->not_after_ms,
			     .used = x->used};

	memcpy(e.mid, x->mid, MID_SIZE);
	return e;
}

static void question_recall(struct side *s, const struct disk_exchange *x)
{
	const struct disk_entry *at = disk_entry_find(&s->disk, true, &x->question.epoch, x->question.index);
	struct exchange		 e = exchange_of(x);

	if (at == NULL)
		world_fault(s->world, "%s has an exchange without its question", s->shown);
	else if (channel_recall_question(s->channel, &e, &at->leaf) != ERR_OK)
		world_fault(s->world, "%s could not recall a question", s->shown);
}

/* The ledger is read against its own hashes when it may be damaged; the simulator spares itself the work when it cannot be. */
static bool ledger_vouches(struct side *s)
{
	struct entry unused;

	for (size_t i = 0; s->disk.flipped && i < s->disk.nentries; i++)
		if (!disk_entry_read(s->disk.entry[i], &unused))
			return false;
	return true;
}

void side_recall(struct side *s)
{
	if (!ledger_vouches(s)) {
		(void)side_serves(s, NULL, NULL);
		return;
	}
	logs_recall(s);
	for (size_t i = 0; i < s->disk.nexchanges; i++) {
		const struct disk_exchange *x = &s->disk.exchange[i];

		day_recall(s, x);
		if (x->ours && disk_answer_find(&s->disk, true, x->mid) == NULL)
			question_recall(s, x);
	}
}

/* ---- afterwards ---- */

void questions_again(struct side *s)
{
	size_t n = s->disk.nexchanges;

	for (size_t i = 0; i < n && s->channel != NULL; i++) {
		const struct disk_exchange x = s->disk.exchange[i];
		struct entry		   e;
		struct channel_event	   event = {.type = EVENT_UNANSWERED, .unanswered = {.entry = &e, .at = x.question, .used = x.used}};

		if (x.ours || disk_answer_find(&s->disk, false, x.mid) != NULL)
			continue;
		const struct disk_entry *at = disk_entry_find(&s->disk, false, &x.question.epoch, x.question.index);
		if (at == NULL) {
			world_fault(s->world, "%s lost a question that it had taken", s->shown);
			return;
		}
		if (!side_serves(s, at, &e))
			return;
		event.unanswered.leaf = at->leaf;
		side_step(s, &event);
	}
}

/* A QUERY of the partner that a REPLY of ours, taken in again, answers already. */
static bool query_earlier(struct side *s, const struct place *at, struct earlier *out)
{
	const struct disk_answered *a = disk_answered_find(&s->disk, at);

	if (a == NULL)
		return false;
	out->exchange.answer = a->answer;
	out->exchange.status = a->status;
	out->exchange.answered_ms = a->time_ms;
	return true;
}

/* A REPLY to a question of ours that the channel has no longer in memory. */
static bool reply_earlier(struct side *s, const struct header *h, struct earlier *out)
{
	struct place question = {.index = h->re.index};

	memcpy(question.epoch.b, h->re.epoch, EPOCH_SIZE);
	const struct disk_exchange *x = disk_exchange_at(&s->disk, true, &question);
	const struct disk_entry	   *e = disk_entry_find(&s->disk, true, &question.epoch, question.index);
	if (x == NULL || e == NULL || disk_answer_find(&s->disk, true, x->mid) != NULL || channel_asked(s->channel, &question))
		return false;
	out->exchange = exchange_of(x);
	out->leaf = e->leaf;
	return true;
}

bool earlier_find(struct side *s, uint16_t log, const struct header *h, struct earlier *out)
{
	struct origin o;

	memset(out, 0, sizeof *out);
	if (h->kind == KIND_REPLY)
		return reply_earlier(s, h, out);
	if (h->kind != KIND_QUERY || log >= s->theirs.nown || origin_read(s->theirs.own[log].origin, &o) != ERR_OK)
		return false;
	struct place at = {o.epoch, h->index};
	return query_earlier(s, &at, out);
}
