/*
 * checks.c: what must hold. Cheap things are looked at when they happen (the check_ functions,
 * called from where something is stored, sent or told), disks against each other after
 * each crash and commit, and everything when all is quiet.
 */
#include <inttypes.h>

#include "world.h"

/* ---- as things happen ---- */

/* An entry names no more of the other log than was on disk when it was appended. */
static void seen_check(struct side *s, const struct disk_entry *e)
{
	struct epoch seen;

	memcpy(seen.b, e->header.seen_epoch, EPOCH_SIZE);
	if (e->header.seen_size > disk_durable(&s->disk, false, &seen))
		world_fault(s->world, "%s names what it had not on disk as seen", s->shown);
}

/* An origin has one history: what an honest author appended once, on whichever disk it comes up again. */
void check_entry(struct side *s, struct disk_log *l, const struct disk_entry *e)
{
	struct world *w = s->world;
	struct side  *author = l->own ? s : s->other;
	bool	      appends = l->own && keeper_holds(s, &l->epoch);

	if (e->at.index != l->n)
		world_fault(w, "%s stored entry %" PRIu64 " of a log of %" PRIu64, s->shown, e->at.index, l->n);
	if (appends)
		seen_check(s, e);
	if (l->record == NULL)
		l->record = appends ? record_open(&w->record, author->number, &l->epoch) : record_find(&w->record, author->number, &l->epoch);
	if (l->record == NULL && !author->gateway->hostile && author->gateway->up)
		world_fault(w, "%s stored an entry of a log that %s never wrote", s->shown, author->shown);
	if (l->record == NULL)
		return;
	if (!appends && e->at.index >= l->record->n)
		world_fault(w, "%s stored an entry that %s never wrote", s->shown, author->shown);
	else if (!record_leaf(l->record, e->at.index, &e->leaf))
		world_fault(w, "a fork: %s has another entry %" PRIu64 " of one origin", s->shown, e->at.index);
}

/* Only what was signed, exactly, and over what is on this disk. */
static void head_kept(struct side *s, const struct disk_head *h)
{
	struct side		*author = h->own ? s : s->other;
	const struct hash	*root = disk_root(&s->disk, h->own, &h->epoch, h->size);
	const struct record_log *l = record_find(&s->world->record, author->number, &h->epoch);
	struct record_head	 signed_as = {.receipt = h->receipt, .size = h->size, .time_s = h->time_s, .sig = h->sig};

	if (root == NULL || !hash_equal(root, &h->root))
		world_fault(s->world, "%s stores a %s over entries that it does not hold", s->shown, h->receipt ? "receipt" : "checkpoint");
	if (s->other->gateway->hostile || l == NULL)
		return; /* then its signature was checked by the channel, against keys that nobody else has */
	if (!record_head_is(l, &signed_as))
		world_fault(s->world, "%s stores a %s that nobody signed", s->shown, h->receipt ? "receipt" : "checkpoint");
}

void check_commit(struct side *s)
{
	for (size_t i = s->disk.heads_durable; i < s->disk.nheads; i++)
		head_kept(s, &s->disk.head[i]);
}

/* No checkpoint covers a REPLY before its question is durable. */
static void answers_check(struct side *s, struct disk_log *l, uint64_t size)
{
	for (; l != NULL && l->checked < size && l->checked < l->n; l->checked++) {
		const struct disk_entry *e = s->disk.entry[l->place[l->checked]];
		struct epoch		 epoch;

		if (e->header.kind != KIND_REPLY)
			continue;
		memcpy(epoch.b, e->header.re.epoch, EPOCH_SIZE);
		if (disk_durable(&s->disk, false, &epoch) <= e->header.re.index)
			world_fault(s->world, "%s signs an answer to a question that is not durable", s->shown);
	}
}

static void checkpoint_check(struct side *s, const struct checkpoint_frame *c)
{
	struct channel_log log;

	if (!channel_log(s->channel, true, &log) || disk_durable(&s->disk, true, &log.epoch) < c->size)
		world_fault(s->world, "%s sends a checkpoint of entries that are not durable", s->shown);
	else
		answers_check(s, disk_log_at(&s->disk, true, &log.epoch), c->size);
}

/* A log by its place in the other's HELLO. */
static const char *log_shown(const struct side *s, uint16_t log)
{
	struct origin o;

	return log < s->theirs.nown && origin_read(s->theirs.own[log].origin, &o) == ERR_OK ? world_epoch(s->world, &o.epoch) : "";
}

/* Receipts and checkpoints only for durable sizes, and everything is one frame. */
void check_send(struct side *s, struct bytes frame)
{
	struct frame		f;
	size_t			used;
	struct checkpoint_frame c;
	struct receipt_frame	r;
	struct get_frame	g;
	struct credit_frame	k;
	struct origin		o;

	if (frame_next(frame, &f, &used) != ERR_OK || used != frame.n) {
		world_fault(s->world, "%s sends what is not one frame", s->shown);
		return;
	}
	if (f.type == FRAME_RECEIPT && receipt_frame_read(f.payload, &r) == ERR_OK)
		world_trace(s, "> receipt %" PRIu64 "%s of channel " CHANNEL_NAME, r.size, log_shown(s, r.log));
	if (f.type == FRAME_GET && get_frame_read(f.payload, &g) == ERR_OK && origin_read(g.origin, &o) == ERR_OK)
		world_trace(s, "> GET %" PRIu64 " to %" PRIu64 "%s", g.from, g.to - 1, world_epoch(s->world, &o.epoch));
	if (s->world->slow && f.type == FRAME_CREDIT && credit_frame_read(f.payload, &k) == ERR_OK)
		world_trace(s, "> credit %" PRIu64 "%s", k.max_size, log_shown(s, k.log));
	if (f.type != FRAME_CHECKPOINT || checkpoint_frame_read(f.payload, &c) != ERR_OK)
		return;
	world_trace(s, "> checkpoint %" PRIu64 " of channel " CHANNEL_NAME, c.size);
	checkpoint_check(s, &c);
}

/* Whoever asked hears of an exchange once how it ended, and never hears otherwise. */
void check_told(struct side *s, const struct held_report *r)
{
	struct record_told *before = record_told_find(&s->world->record, s->number, r->exchange.mid);
	struct record_told  now = {.side = s->number,
				   .final = r->final,
				   .state = r->exchange.state,
				   .status = r->exchange.status,
				   .moment = before ? before->moment : ++s->world->moments,
				   .forgiven = before && before->forgiven,
				   .lives = s->gateway->lives};

	memcpy(now.mid, r->exchange.mid, MID_SIZE);
	snprintf(now.got, sizeof now.got, "%.60s", r->got);
	if (before == NULL) {
		record_told_add(&s->world->record, &now);
		return;
	}
	if (!r->final)
		return;
	if (before->final && before->lives == s->gateway->lives)
		world_fault(s->world, "%s tells the end of one exchange twice", s->shown);
	if (before->final && !s->other->gateway->hostile && !s->world->parted[s->number / 2] &&
	    (before->state != now.state || before->status != now.status || strcmp(before->got, now.got) != 0))
		world_fault(s->world, "%s tells two ends of one exchange", s->shown);
	*before = now;
}

static void told_forgive(struct record *r, const struct side *s, const struct backup *b)
{
	for (size_t k = 0; k < r->ntold; k++)
		if (r->told[k].side == s->number && r->told[k].moment > b->moment)
			r->told[k].forgiven = true;
}

/* What both sides lose together is lost; what one has must come back. */
void check_restored(struct gateway *g, const struct backup *b)
{
	for (unsigned i = 0; i < g->nsides; i++) {
		struct side   *s = g->side[i];
		struct record *r = &g->world->record;

		s->incomplete = true;
		told_forgive(r, s, b);
		if (!s->other->incomplete)
			continue;
		g->world->parted[s->number / 2] = true;
		for (size_t k = 0; k < r->nlogs; k++)
			if (r->log[k]->author / 2 == s->number / 2)
				r->log[k]->receipted = 0;
	}
}

/* ---- at every step ---- */

/* What was signed or receipted stays in its author's log for ever; what was receipted, in the reader's as well. */
static void head_check(struct world *w, struct side *holder, const struct disk_head *h)
{
	struct side	  *author = h->own ? holder : holder->other;
	struct side	  *reader = author->other;
	const struct hash *root = disk_root(&author->disk, true, &h->epoch, h->size);

	if (author->incomplete || reader->incomplete)
		return; /* a copy that was put back may speak of what both have lost */
	if (!author->gateway->hostile && (root == NULL || !hash_equal(root, &h->root)))
		world_fault(w, "%s's log was forked or lost: %s at %" PRIu64, author->shown, h->receipt ? "receipt" : "checkpoint", h->size);
	root = disk_root(&reader->disk, false, &h->epoch, h->size);
	if (h->receipt && !reader->gateway->hostile && (root == NULL || !hash_equal(root, &h->root)))
		world_fault(w, "%s receipted what it does not hold: %" PRIu64 "%s", reader->shown, h->size, world_epoch(w, &h->epoch));
}

#define HEADS_LOOKED_BACK 4

/* What a partner may make this side remember has limits. */
static void limits_check(struct side *s)
{
	const struct channel *ch = s->channel;

	if (ch == NULL)
		return;
	if (ch->pending_bytes > PENDING_MOST || ch->nown > CHANNEL_LOGS_MOST || ch->npeer > CHANNEL_LOGS_MOST ||
	    ch->asked_of_us.n > CHANNEL_LIVE_MOST || ch->asked.n > CHANNEL_LIVE_MOST)
		world_fault(s->world, "%s remembers more than its limits permit", s->shown);
}

bool world_check(struct world *w)
{
	for (unsigned i = 0; i < w->nsides; i++) {
		struct side *s = &w->side[i];
		struct disk *d = &s->disk;

		for (size_t k = d->nheads > HEADS_LOOKED_BACK ? d->nheads - HEADS_LOOKED_BACK : 0; k < d->nheads; k++)
			head_check(w, s, &d->head[k]);
		limits_check(s);
	}
	return w->fault[0] == '\0';
}

/* ---- when all is quiet ---- */

/* Both ledgers hold the same entries of each epoch, and every one is receipted. */
static void ledgers_check(struct world *w, struct side *author)
{
	struct side	  *reader = author->other;
	struct channel_log mine, theirs;

	if (!channel_log(author->channel, true, &mine) || !channel_log(reader->channel, false, &theirs)) {
		world_fault(w, "%s's log did not arrive", author->shown);
		return;
	}
	struct hash a = frontier_root(mine.frontier), b = frontier_root(theirs.frontier);
	if (memcmp(mine.epoch.b, theirs.epoch.b, EPOCH_SIZE) != 0 || !hash_equal(&a, &b))
		world_fault(w, "the ledgers differ: %s's log is %" PRIu64 " there and %" PRIu64 " here", author->shown, theirs.frontier->size,
			    mine.frontier->size);
	if (channel_unreceipted(author->channel) != 0)
		world_fault(w, "%s lacks receipts for %" PRIu64 " entries", author->shown, channel_unreceipted(author->channel));
	for (size_t i = 0; i < author->disk.nlogs; i++) {
		const struct disk_log *l = &author->disk.log[i];

		if (l->own && disk_log_quiet(&author->disk, l) && disk_durable(&reader->disk, false, &l->epoch) == 0)
			continue; /* nothing was said in it before the next start, and that did not go on from it */
		if (l->own && disk_durable(&reader->disk, false, &l->epoch) != l->n)
			world_fault(w, "an epoch%s of %s with %" PRIu64 " entries is held to %" PRIu64 " by %s", world_epoch(w, &l->epoch),
				    author->shown, l->n, disk_durable(&reader->disk, false, &l->epoch), reader->shown);
	}
	for (size_t i = 0; i < reader->disk.nlogs; i++) {
		const struct disk_log *l = &reader->disk.log[i];

		if (!l->own && disk_durable(&author->disk, true, &l->epoch) != l->n)
			world_fault(w, "%s holds %" PRIu64 " entries%s of which %s has %" PRIu64, reader->shown, l->n, world_epoch(w, &l->epoch),
				    author->shown, disk_durable(&author->disk, true, &l->epoch));
	}
}

/* What was ever receipted is there, on both disks, unless both were put back together. */
static void receipted_check(struct world *w, const struct record_log *l)
{
	const struct side *author = &w->side[l->author];

	const struct disk_log *here = disk_log_find(&author->disk, true, &l->epoch);

	if (author->gateway->hostile || author->other->gateway->hostile || link_given_up(author))
		return;
	if (here != NULL && disk_log_quiet(&author->disk, here) && disk_durable(&author->other->disk, false, &l->epoch) == 0)
		return; /* the receipt never arrived, and with nothing said in it the author left it behind */
	if (disk_durable(&author->disk, true, &l->epoch) < l->receipted)
		world_fault(w, "%s has lost what was receipted: %" PRIu64 " entries of an epoch, of %" PRIu64, author->shown,
			    disk_durable(&author->disk, true, &l->epoch), l->receipted);
	if (disk_durable(&author->other->disk, false, &l->epoch) < l->receipted)
		world_fault(w, "%s has lost what it receipted: %" PRIu64 " entries of an epoch, of %" PRIu64, author->other->shown,
			    disk_durable(&author->other->disk, false, &l->epoch), l->receipted);
}

/* What a GENESIS names of the epoch before; false when it cannot be read. */
static bool genesis_read(const struct side *author, const struct disk_log *l, struct previous *previous)
{
	const struct attr *a = header_attr(&author->disk.entry[l->place[0]]->header, ATTR_PREVIOUS);

	return a != NULL && previous_read(a->value, previous) == ERR_OK;
}

/*
 * An epoch goes on from the one that this ledger opened before it, as it was held then. Between them stand only
 * epochs in which nothing was said.
 */
static bool goes_on(struct side *author, size_t from, size_t to, const struct previous *previous)
{
	const struct disk_log *before = &author->disk.log[from], *l = &author->disk.log[to];
	const struct hash     *root = disk_root(&author->disk, true, &before->epoch, previous->size);

	for (size_t i = from + 1; i < to && author->gateway->lives == 0; i++) /* what was taken in again since was not there then */
		if (author->disk.log[i].own && author->disk.log[i].opened && !disk_log_quiet(&author->disk, &author->disk.log[i]))
			return false;
	return l->opened && before->opened && root != NULL && hash_equal(root, &previous->root) &&
	       (author->gateway->lives > 0 || previous->size == before->n);
}

/* The chain of GENESIS has no gap. */
static void chain_check(struct world *w, struct side *author)
{
	bool first = true;

	for (size_t i = 0; i < author->disk.nlogs; i++) {
		const struct disk_log *l = &author->disk.log[i];
		struct previous	       previous;
		struct epoch	       epoch;
		bool		       found = false;

		if (!l->own || !l->opened || l->n == 0)
			continue;
		if (!genesis_read(author, l, &previous)) {
			world_fault(w, "a GENESIS of %s says nothing of what went before", author->shown);
			return;
		}
		memcpy(epoch.b, previous.epoch, EPOCH_SIZE);
		for (size_t k = 0; k < i; k++)
			found = found || (author->disk.log[k].own && memcmp(author->disk.log[k].epoch.b, epoch.b, EPOCH_SIZE) == 0 &&
					  goes_on(author, k, i, &previous));
		if (first ? previous.cause != CAUSE_FIRST : !found)
			world_fault(w, "a GENESIS of %s does not go on from an epoch before%s", author->shown, world_epoch(w, &l->epoch));
		first = false;
	}
}

/* No question is answered twice, and no time of a log goes back. */
static void log_check(struct world *w, const struct side *author, const struct disk_log *l)
{
	uint64_t time_ms = 0;

	for (uint64_t i = 0; i < l->n; i++) {
		const struct disk_entry *e = author->disk.entry[l->place[i]];

		if (e->header.time_ms < time_ms)
			world_fault(w, "the times of %s's log go back", author->shown);
		time_ms = e->header.time_ms;
	}
}

static void replies_check(struct world *w, const struct side *author)
{
	for (size_t i = 0; i < author->disk.nentries; i++) {
		const struct disk_entry *e = author->disk.entry[i];

		for (size_t k = 0; e->at.own && e->header.kind == KIND_REPLY && k < i; k++) {
			const struct disk_entry *before = author->disk.entry[k];

			if (before->at.own && before->header.kind == KIND_REPLY && hash_equal(&before->header.re.leaf, &e->header.re.leaf))
				world_fault(w, "%s answered the same question twice", author->shown);
		}
	}
}

static const char *end_name(const struct disk_answer *a)
{
	return a != NULL ? exchange_state_name(a->state) : "nothing";
}

/* Every exchange has ended, alike on both sides. */
static void exchange_check(struct world *w, struct side *s, const struct disk_exchange *x)
{
	const struct disk	   *there = &s->other->disk;
	const struct disk_answer   *a = disk_answer_find(&s->disk, x->ours, x->mid);
	const struct disk_answer   *b = disk_answer_find(there, !x->ours, x->mid);
	const struct disk_exchange *same = disk_exchange_find(there, !x->ours, x->mid);
	const char		   *epoch = world_epoch(w, &x->question.epoch);
	uint64_t		    at = x->question.index;

	if (a == NULL)
		world_fault(w, "%s has a question without an answer: %" PRIu64 "%s", s->shown, at, epoch);
	else if (same == NULL)
		world_fault(w, "%s has an exchange that the other does not know: %" PRIu64 "%s", s->shown, at, epoch);
	else if (b == NULL || (!w->parted[s->number / 2] && (b->status != a->status || b->state != a->state)))
		world_fault(w, "the two do not tell the same answer to %" PRIu64 "%s: %s has %s %s, the other %s %s", at, epoch, s->shown,
			    end_name(a), status_name(a->status), end_name(b), b ? status_name(b->status) : "");
	else if (same->used != x->used && s->gateway->lives + s->other->gateway->lives == 0 && !w->clocks_wrong)
		world_fault(w, "the two count the quota apart: %" PRIu64 " and %" PRIu64, x->used, same->used);
}

/* Every question in a log is an exchange, those too that came back with it. */
static void questions_check(struct world *w, const struct side *s)
{
	for (size_t i = 0; i < s->disk.nentries; i++) {
		const struct disk_entry *e = s->disk.entry[i];

		if (e->header.kind == KIND_QUERY && disk_exchange_find(&s->disk, e->at.own, e->header.mid) == NULL)
			world_fault(w, "%s holds a question and knows nothing of its exchange", s->shown);
	}
}

/* Whoever was told `accepted` finds the exchange, unless a disk from before it was put back: then it is visibly lost. */
static void told_check(struct world *w, const struct record_told *t)
{
	const struct side *s = &w->side[t->side];

	if (disk_exchange_find(&s->disk, true, t->mid) == NULL && !t->forgiven)
		world_fault(w, "%s lost an exchange that it had accepted", s->shown);
}

/* Both count the same questions against the same days. */
static void quota_check(struct world *w, const struct side *asks)
{
	for (size_t i = 0; i < asks->disk.nexchanges; i++) {
		const struct disk_exchange *x = &asks->disk.exchange[i];

		if (!x->ours || x->day == DISK_NO_DAY)
			continue;
		uint64_t here = channel_quota_used(asks->channel, true, &x->agreement, x->clause, x->day);
		uint64_t there = channel_quota_used(asks->other->channel, false, &x->agreement, x->clause, x->day);
		if (here != there)
			world_fault(w, "the two count the quota of a day apart: %" PRIu64 " and %" PRIu64, here, there);
	}
}

bool link_given_up(const struct side *s)
{
	const struct channel *a = s->channel, *b = s->other->channel;

	return s->world->parted[s->number / 2] && ((a != NULL && channel_frozen(a)) || (b != NULL && channel_frozen(b)));
}

static void side_check(struct world *w, struct side *s)
{
	if (s->channel == NULL || s->other->channel == NULL) {
		world_fault(w, "%s does not serve when all is quiet", s->shown);
		return;
	}
	if (channel_fetching(s->channel))
		world_fault(w, "%s still fetches entries of its own", s->shown);
	if (channel_waiting(s->channel))
		world_fault(w, "%s still waits for the other to adopt", s->shown);
	for (size_t k = 0; k < s->disk.nheads; k++)
		head_check(w, s, &s->disk.head[k]);
	ledgers_check(w, s);
	chain_check(w, s);
	for (size_t i = 0; i < s->disk.nlogs; i++)
		log_check(w, s, &s->disk.log[i]);
	if (!w->parted[s->number / 2])
		replies_check(w, s);
	questions_check(w, s);
	for (size_t i = 0; i < s->disk.nexchanges; i++)
		exchange_check(w, s, &s->disk.exchange[i]);
	if (!w->clocks_wrong)
		quota_check(w, s);
}

bool world_check_quiet(struct world *w)
{
	world_check(w);
	for (unsigned i = 0; i < w->nsides; i++)
		w->side[i].incomplete = w->side[i].incomplete && link_given_up(&w->side[i]);
	for (unsigned i = 0; i < w->nsides; i++)
		if (!w->side[i].gateway->hostile && !w->side[i].other->gateway->hostile && !link_given_up(&w->side[i]))
			side_check(w, &w->side[i]);
	for (size_t i = 0; i < w->record.nlogs; i++)
		receipted_check(w, w->record.log[i]);
	for (size_t i = 0; i < w->record.ntold; i++)
		told_check(w, &w->record.told[i]);
	return w->fault[0] == '\0';
}
