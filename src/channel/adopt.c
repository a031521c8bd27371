/*
 * adopt.c: entries of ours that this ledger has lost and the partner still holds
 * (spec/wire.md, W7), and what the partner asks of us in the same need.
 *
 * A ledger put back from an older copy opens a new epoch like any other start. At the
 * first HELLO the partner shows what it holds of our older epochs. While it shows more
 * than our entries since then name, the channel is `fetching`: it asks and answers
 * nothing and gives no credit. The partner's rows are taken in only when our own
 * signature proves them, or an entry of ours that was proved names their size and root.
 * When nothing is missing any more, an ADOPT entry names each epoch that came back, and
 * the session begins anew.
 */
#include <stdlib.h>

#include "channel/state.h"

bool channel_fetching(const struct channel *ch)
{
	return ch->fetch.going;
}

/* ---- which epochs ---- */

static uint64_t wanted(const struct own_log *log)
{
	return log->naming.size > log->shown ? log->naming.size : log->shown;
}

static bool is_open(const struct channel *ch, const struct own_log *log)
{
	return ch->open && log == ch->own[ch->nown - 1];
}

static bool lacks(const struct channel *ch, const struct own_log *log)
{
	return !is_open(ch, log) && wanted(log) > log->frontier.size;
}

/* What is skipped matters only to a partner that has it. */
static bool unsaid(const struct channel *ch, const struct own_log *log)
{
	return !is_open(ch, log) && log->frontier.size > log->naming.said && (!log->skipped || log->shown > 0);
}

bool origin_is_ours(const struct channel *ch, struct bytes text, struct origin *o)
{
	return origin_read(text, o) == ERR_OK && strcmp(o->author, ch->self) == 0 && strcmp(o->reader, ch->peer_name) == 0 &&
	       strcmp(o->channel, ch->name) == 0;
}

/* What is in the ledger only is asked for again; the next session finds it in memory. */
static void brief_shown(struct channel *ch, const struct brief *brief, uint64_t size)
{
	if (size <= brief->said)
		return;
	brief_recall(ch, true, &brief->epoch);
	if (ch->connected)
		duty_close(ch, CLOSE_RESTART, "the partner shows an epoch of ours from long ago: dial again");
}

/* A log of ours that the partner shows: known, made for this session, or NULL when the ledger has it and memory has not. */
static struct own_log *shown_log(struct channel *ch, struct bytes text, uint64_t size)
{
	struct origin	o;
	struct own_log *log;

	if (!origin_is_ours(ch, text, &o))
		return NULL;
	const struct brief *brief = brief_find(ch, true, &o.epoch);
	if (brief != NULL) {
		brief_shown(ch, brief, size);
		return NULL;
	}
	log = writer_find(ch, &o.epoch);
	return log != NULL ? log : writer_log_new(ch, &o.epoch);
}

bool adopt_hello(struct channel *ch, const struct hello *theirs)
{
	bool needed = false;

	for (unsigned i = 0; i < ch->nown; i++) {
		ch->own[i]->shown = 0;
		ch->own[i]->barren = false;
	}
	for (unsigned i = 0; i < theirs->npeer; i++) {
		struct own_log *log = shown_log(ch, theirs->peer[i].origin, theirs->peer[i].size);

		if (log == NULL || is_open(ch, log))
			continue;
		log->shown = theirs->peer[i].size;
		needed = needed || log->shown > log->naming.said;
	}
	for (unsigned i = 0; i < ch->nown; i++)
		needed = needed || lacks(ch, ch->own[i]) || unsaid(ch, ch->own[i]);
	return needed && ch->connected && ch->err == ERR_OK;
}

/* ---- asking ---- */

static void rows_drop(struct channel *ch)
{
	for (size_t i = 0; i < ch->fetch.n; i++)
		pending_free(ch, ch->fetch.row[i]);
	ch->fetch.n = 0;
}

static void get_send(struct channel *ch, struct own_log *log)
{
	uint8_t *memory = step_take(ch, 512);

	if (memory == NULL)
		return;
	struct builder	 b = builder_on(memory, 512);
	struct get_frame f = {.origin = bytes_text(log->origin), .from = ch->fetch.frontier.size, .to = wanted(log)};
	get_frame_write(&b, &f);
	struct duty *send = duty_add(ch, DUTY_SEND);
	if (send == NULL)
		return;
	send->frame = builder_bytes(&b);
	ch->fetch.asked_at = f.from;
}

static void adopt_append(struct channel *ch, struct own_log *log)
{
	struct previous what = {.size = log->frontier.size, .root = frontier_root(&log->frontier), .cause = CAUSE_RESTORE};

	memcpy(what.epoch, log->epoch.b, EPOCH_SIZE);
	writer_name(ch, KIND_ADOPT, &what);
	writer_said(ch, log);
}

/*
 * Every epoch that came back, or was never named by one that this ledger went on with, is
 * named now. By a millisecond at least this is later than all that came back: epochs are
 * sent again in the order of their last times.
 */
static void adopt_say(struct channel *ch)
{
	ch->our_last_time_ms++;
	for (unsigned i = 0; i < ch->nown && ch->err == ERR_OK; i++)
		if (unsaid(ch, ch->own[i]))
			adopt_append(ch, ch->own[i]);
	ch->fetch.said = true;
}

static void fetch_next(struct channel *ch)
{
	struct fetch *f = &ch->fetch;
	bool	      unproved = false;

	rows_drop(ch);
	f->of = NULL;
	for (unsigned i = 0; i < ch->nown; i++) {
		if (!lacks(ch, ch->own[i]))
			continue;
		if (!ch->own[i]->barren) {
			f->of = ch->own[i];
			f->frontier = f->of->frontier;
			get_send(ch, f->of);
			return;
		}
		unproved = true;
	}
	if (unproved)
		duty_alarm(ch, ALARM_ROOT, "the partner shows more of a log of ours than is held here, and cannot prove it");
	else
		adopt_say(ch);
}

void adopt_begin(struct channel *ch)
{
	ch->fetch.going = true;
	ch->fetch.said = ch->fetch.took = false;
	fetch_next(ch);
}

/* ---- taking in ---- */

/* An entry of ours that is proved names an epoch before it: as much of that must be had, too. */
static void named(struct channel *ch, struct own_log *by, const struct header *h)
{
	const struct attr *a = header_attr(h, ATTR_PREVIOUS);
	struct previous	   what;
	struct epoch	   epoch;

	if (a == NULL || previous_read(a->value, &what) || what.cause == CAUSE_FIRST)
		return;
	memcpy(epoch.b, what.epoch, EPOCH_SIZE);
	if (h->kind == KIND_GENESIS)
		by->previous = epoch;
	if (brief_find(ch, true, &epoch) != NULL)
		return;
	struct own_log *log = writer_find(ch, &epoch);
	if (log == NULL)
		log = writer_log_new(ch, &epoch);
	if (log == NULL || what.size <= log->naming.size)
		return;
	log->naming.size = what.size;
	log->naming.root = what.root;
	log->naming.by = by->epoch;
	log->barren = false;
	naming_store(ch, true, &log->epoch, &log->naming);
}

static void agreed_take(struct channel *ch, struct own_log *log, const struct header *h)
{
	int with = agreement_index(ch, &h->agreement);

	if (with >= 0 && !log->agree[with].known)
		log->agree[with] = (struct agreed){true, h->index};
}

static void row_effects(struct channel *ch, struct own_log *log, const struct pending *p)
{
	const struct header *h = &p->entry.header;

	if (h->time_ms > log->last_time_ms)
		log->last_time_ms = h->time_ms;
	if (h->time_ms > ch->our_last_time_ms)
		ch->our_last_time_ms = h->time_ms;
	if (h->kind == KIND_GENESIS || h->kind == KIND_ADOPT)
		named(ch, log, h);
	if (h->kind == KIND_AGREE)
		agreed_take(ch, log, h);
	if (!KIND_IS_CONTROL(h->kind) && tally_count(&log->tally, &h->agreement, h->aseq, h->index))
		ch->err = ERR_INTERNAL;
	if (h->kind == KIND_QUERY)
		question_taken_in(ch, log, p);
	if (h->kind == KIND_REPLY)
		answer_taken_in(ch, log, p);
}

static void row_store(struct channel *ch, const struct own_log *log, const struct pending *p)
{
	struct duty *store = duty_add(ch, DUTY_STORE_ENTRY);

	if (store == NULL)
		return;
	store->entry = (struct stored_entry){
		.own = true,
		.epoch = log->epoch,
		.index = p->entry.header.index,
		.kind = p->entry.header.kind,
		.form = ROW_FULL,
		.time_ms = p->entry.header.time_ms,
		.commitment = p->commitment,
		.salt = p->entry.salt,
		.header = step_copy(ch, p->entry.header_wire),
		.body = pending_body(ch, p),
	};
}

/* All rows that wait are proved: they are entries of this ledger again. */
static void rows_take_in(struct channel *ch)
{
	struct fetch   *f = &ch->fetch;
	struct own_log *log = f->of;

	if (log->frontier.size == 0) {
		log->naming.adopted = true;
		naming_store(ch, true, &log->epoch, &log->naming);
	}
	log->quiet = log->skipped = false; /* what was worth fetching is delivered */
	for (size_t i = 0; i < f->n && ch->err == ERR_OK; i++) {
		row_store(ch, log, f->row[i]);
		frontier_add(&log->frontier, &f->row[i]->leaf);
		row_effects(ch, log, f->row[i]);
		ch->dirty = true;
	}
	f->took = true;
	rows_drop(ch);
	writer_sort(ch);
}

static void checkpoint_store(struct channel *ch, const struct own_log *log, const struct range_frame *f)
{
	struct duty *store = duty_add(ch, DUTY_STORE_CHECKPOINT);

	if (store == NULL)
		return;
	store->head.epoch = log->epoch;
	store->head.own = true;
	store->head.size = f->size;
	store->head.root = f->root;
	store->head.sig = f->sig;
}

static void rows_prove(struct channel *ch, const struct range_frame *f)
{
	struct own_log	 *log = ch->fetch.of;
	struct checkpoint c = {.size = f->size, .root = f->root};
	struct hash	  root = frontier_root(&ch->fetch.frontier);

	memcpy(c.origin, log->origin, sizeof c.origin);
	enum key_word word = keys_checkpoint(ch, true, &c, &log->epoch, &f->sig, NULL);
	if (word == KEY_UNKNOWN)
		duty_alarm(ch, ALARM_SIGNATURE, "the partner shows a checkpoint of a log of ours that we did not sign");
	else if (word == KEY_REVOKED)
		log->barren = true; /* a thief may have signed it: only an entry of ours that names these rows proves them now */
	else if (!hash_equal(&root, &f->root))
		duty_alarm(ch, ALARM_ROOT, "the partner's copy of a log of ours has another root than we signed");
	if (ch->frozen || word != KEY_GOOD)
		return;
	rows_take_in(ch);
	checkpoint_store(ch, log, f);
}

static const char *row_fault(const struct fetch *f, uint8_t form, const struct entry *e)
{
	if (form != ROW_FULL)
		return "an entry of ours of which something was erased cannot be taken in again";
	if (entry_parts_check(e))
		return "a part in the partner's copy of an entry of ours is another than the entry commits to";
	if ((f->frontier.size == 0) != (e->header.kind == KIND_GENESIS))
		return "the partner's copy of a log of ours does not begin with GENESIS";
	return NULL;
}

static bool room_for_row(struct channel *ch)
{
	struct fetch *f = &ch->fetch;

	if (f->n < f->room)
		return true;
	size_t		 room = f->room ? 2 * f->room : 64;
	struct pending **more = realloc(f->row, room * sizeof *more);

	if (more == NULL) {
		ch->err = ERR_MEMORY;
		return false;
	}
	f->row = more;
	f->room = room;
	return true;
}

static void row_keep(struct channel *ch, const struct entry *e, const struct hash *commitment)
{
	struct fetch   *f = &ch->fetch;
	struct pending *p = room_for_row(ch) ? pending_make(e) : NULL;

	if (p == NULL) {
		ch->err = ERR_MEMORY;
		return;
	}
	p->commitment = *commitment;
	p->leaf = entry_leaf(commitment);
	ch->pending_bytes += p->weight;
	f->row[f->n++] = p;
	frontier_add(&f->frontier, &p->leaf);
}

/* The size that a proved entry of ours names is proved as well as a checkpoint would. */
static bool reaches_named(const struct fetch *f)
{
	return f->n > 0 && f->frontier.size == f->of->naming.size;
}

static void rows_prove_named(struct channel *ch)
{
	struct hash root = frontier_root(&ch->fetch.frontier);

	if (hash_equal(&root, &ch->fetch.of->naming.root))
		rows_take_in(ch);
	else
		duty_alarm(ch, ALARM_ROOT, "the partner's copy of a log of ours has another root than our own entry names");
}

static void rows_read(struct channel *ch, const struct range_frame *range)
{
	struct bytes  rows = range->rows;
	struct entry *e = step_take(ch, sizeof *e);
	struct hash   commitment;
	uint8_t	      form;

	for (unsigned i = 0; i < range->n && e != NULL && ch->connected && ch->err == ERR_OK; i++) {
		const char *fault = range_row_next(&rows, range->from + i, &form, e, &commitment) == ERR_OK ? row_fault(&ch->fetch, form, e)
													    : "a row of a RANGE cannot be read";
		if (fault == NULL && ch->pending_bytes + RANGE_ROW_MOST > PENDING_MOST)
			fault = "more entries without a checkpoint than this gateway keeps in memory";
		if (fault != NULL) {
			duty_close(ch, CLOSE_PROTOCOL, fault);
			return;
		}
		row_keep(ch, e, &commitment);
		if (ch->err == ERR_OK && reaches_named(&ch->fetch))
			rows_prove_named(ch);
	}
}

/* The answer ended without a checkpoint: either there is more behind it, or nothing proves the rest. */
static void answer_ended(struct channel *ch)
{
	struct fetch *f = &ch->fetch;

	if (f->frontier.size > f->asked_at && f->frontier.size < wanted(f->of)) {
		get_send(ch, f->of);
		return;
	}
	f->of->barren = f->n > 0 || f->frontier.size == f->asked_at;
	fetch_next(ch);
}

void adopt_range(struct channel *ch, const struct range_frame *range)
{
	struct fetch *f = &ch->fetch;

	if (!f->going || f->of == NULL || !bytes_is(range->origin, f->of->origin) || range->from != f->frontier.size) {
		duty_close(ch, CLOSE_PROTOCOL, "a RANGE that was not asked for");
		return;
	}
	rows_read(ch, range);
	if (!ch->connected || ch->err != ERR_OK)
		return;
	if (range->size > 0) {
		rows_prove(ch, range); /* also when an entry that names them did: the checkpoint is kept for others who lose them */
		if (ch->connected)
			fetch_next(ch);
	} else if (range->n == 0) {
		answer_ended(ch);
	}
}

/* ---- the end ---- */

/* ADOPT is signed: from the next HELLO on everything goes its ordinary way. */
void adopt_signed(struct channel *ch)
{
	if (!ch->fetch.said || !channel_settled(ch))
		return;
	ch->fetch.said = false;
	if (ch->connected)
		duty_close(ch, CLOSE_RESTART, ch->fetch.took ? "entries of ours were taken in again: dial again" : "ADOPT is signed: dial again");
}

/* What was only shown and never proved is forgotten with the session. */
static void shown_forget(struct channel *ch)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < ch->nown; i++) {
		if (ch->own[i]->frontier.size == 0 && ch->own[i]->naming.size == 0)
			free(ch->own[i]);
		else
			ch->own[kept++] = ch->own[i];
	}
	ch->nown = kept;
}

void adopt_disconnected(struct channel *ch)
{
	rows_drop(ch);
	ch->fetch.of = NULL;
	ch->fetch.going = ch->fetch.said = false;
	shown_forget(ch);
}

void adopt_done(struct channel *ch)
{
	rows_drop(ch);
	free(ch->fetch.row);
}

/* ---- what the partner asks ---- */

#define GETS_MOST 256 /* between two ticks */

void partner_gets(struct channel *ch, const struct get_frame *f)
{
	struct origin o;

	if (origin_read(f->origin, &o) || strcmp(o.channel, ch->name) != 0 || ++ch->gets > GETS_MOST) {
		duty_close(ch, CLOSE_PROTOCOL, "a GET of another channel, or more of them than are answered");
		return;
	}
	bool own = strcmp(o.author, ch->self) == 0 && strcmp(o.reader, ch->peer_name) == 0;
	bool theirs = strcmp(o.author, ch->peer_name) == 0 && strcmp(o.reader, ch->self) == 0;
	if (!own && !theirs) {
		duty_close(ch, CLOSE_PROTOCOL, "a GET of a log of other parties");
		return;
	}
	struct duty *d = duty_add(ch, DUTY_RANGE);
	if (d == NULL)
		return;
	d->range.epoch = o.epoch;
	d->range.own = own;
	d->range.from = f->from;
	d->range.to = f->to;
}
