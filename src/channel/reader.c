/* reader.c: the peer's log of the channel: structure, coverage, receipts (spec/wire.md, rules R). */
#include <stdlib.h>

#include "channel/state.h"

struct peer_log *reader_find(const struct channel *ch, const struct epoch *epoch)
{
	for (unsigned i = ch->npeer; i > 0; i--)
		if (memcmp(ch->peer[i - 1]->epoch.b, epoch->b, EPOCH_SIZE) == 0)
			return ch->peer[i - 1];
	return NULL;
}

struct peer_log *reader_log(const struct channel *ch)
{
	for (unsigned i = ch->npeer; i > 0; i--)
		if (ch->peer[i - 1]->durable > 0)
			return ch->peer[i - 1];
	return NULL;
}

static struct peer_log *by_number(const struct channel *ch, uint16_t number)
{
	for (unsigned i = 0; i < ch->npeer; i++)
		if (ch->peer[i]->number == number)
			return ch->peer[i];
	return NULL;
}

void pending_free(struct channel *ch, struct pending *p)
{
	if (p->named)
		table_remove(&ch->pending_key, p->key);
	ch->pending_bytes -= p->weight;
	free(p->earlier);
	free(p);
}

bool reader_closed(const struct peer_log *l)
{
	return l->naming.size > 0 && l->frontier.size >= l->naming.size;
}

/* What is held of it is more than any later entry of its author names. */
static bool beyond_named(const struct peer_log *l)
{
	return l->frontier.size > l->naming.size;
}

/* The newest of which anything is covered is the one to go on from; each before it must have been named to all that is held of it. */
bool channel_waiting(const struct channel *ch)
{
	bool newer = false;

	for (unsigned i = ch->npeer; i > 0; i--) {
		const struct peer_log *l = ch->peer[i - 1];

		if (l->frontier.size == 0)
			continue;
		if (newer && beyond_named(l))
			return true;
		newer = true;
	}
	return false;
}

static void pending_drop(struct channel *ch, struct peer_log *l)
{
	for (size_t i = 0; i < l->npending; i++)
		pending_free(ch, l->pending[i]);
	l->npending = 0;
	l->tally_held = l->tally;
}

void peer_log_free(struct channel *ch, struct peer_log *l)
{
	if (l == NULL)
		return;
	pending_drop(ch, l);
	free(l->pending);
	free(l->leaf);
	free(l);
}

/* R8: what no checkpoint covered is dropped; it binds nobody. */
void reader_disconnected(struct channel *ch)
{
	for (unsigned i = 0; i < ch->npeer; i++) {
		pending_drop(ch, ch->peer[i]);
		ch->peer[i]->number = NO_NUMBER;
		ch->peer[i]->inline_taken = 0;
	}
}

/* ---- HELLO ---- */

static void frame_send(struct channel *ch, const struct builder *b)
{
	struct duty *send = duty_add(ch, DUTY_SEND);

	if (send != NULL)
		send->frame = builder_bytes(b);
}

static void credit_send(struct channel *ch, struct peer_log *l)
{
	uint8_t *memory = step_take(ch, 64);

	if (memory == NULL)
		return;
	l->credit_given = l->frontier.size + CHANNEL_WINDOW;
	struct builder	    b = builder_on(memory, 64);
	struct credit_frame f = {.log = (uint16_t)l->number,
				 .max_size = l->credit_given,
				 .max_inline = l->inline_taken + (uint64_t)CHANNEL_WINDOW * INLINE_MOST,
				 .max_attached = 0};
	credit_frame_write(&b, &f);
	frame_send(ch, &b);
}

static void receipt_send(struct channel *ch, struct peer_log *l)
{
	uint8_t *memory = step_take(ch, 256);

	if (memory == NULL || !l->has_receipt || l->number == NO_NUMBER)
		return;
	struct builder b = builder_on(memory, 256);
	l->receipt.log = (uint16_t)l->number;
	receipt_frame_write(&b, &l->receipt);
	frame_send(ch, &b);
}

/*
 * Epochs that are closed, receipted to their end and no longer shown leave memory; the
 * newest stays, and all of them while questions of theirs may have to be judged again.
 */
static void closed_forget(struct channel *ch)
{
	unsigned kept = 0;

	if (!ch->resumed)
		return;
	for (unsigned i = 0; i < ch->npeer; i++) {
		struct peer_log *l = ch->peer[i];
		bool done = l->naming.size == l->frontier.size && l->number == NO_NUMBER && l->has_receipt && l->receipt.size == l->frontier.size;

		if (done && i + 1 < ch->npeer && brief_add(ch, false, &(struct brief){.epoch = l->epoch, .size = l->frontier.size}) == ERR_OK)
			peer_log_free(ch, l);
		else
			ch->peer[kept++] = l;
	}
	ch->npeer = kept;
}

static struct peer_log *log_new(struct channel *ch, const struct epoch *epoch, struct bytes origin)
{
	if (ch->npeer == CHANNEL_LOGS_MOST)
		return NULL;
	struct peer_log *l = calloc(1, sizeof *l);
	if (l == NULL) {
		ch->err = ERR_MEMORY;
		return NULL;
	}
	l->epoch = *epoch;
	l->number = NO_NUMBER;
	memcpy(l->origin, origin.at, origin.n); /* origin_read has bounded it */
	memcpy(l->tally.epoch, epoch->b, EPOCH_SIZE);
	l->tally_held = l->tally;
	ch->peer[ch->npeer++] = l;
	return l;
}

/* An epoch that was never heard of leaves memory when its session showed nothing of it. */
static void empty_forget(struct channel *ch)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < ch->npeer; i++) {
		if (ch->peer[i]->frontier.size == 0)
			peer_log_free(ch, ch->peer[i]);
		else
			ch->peer[kept++] = ch->peer[i];
	}
	ch->npeer = kept;
}

static bool is_ours(const struct channel *ch, struct bytes text, struct origin *o)
{
	return origin_read(text, o) == ERR_OK && strcmp(o->author, ch->peer_name) == 0 && strcmp(o->reader, ch->self) == 0 &&
	       strcmp(o->channel, ch->name) == 0;
}

/* The author asks after an epoch that was held whole long ago: it has lost our receipt, or never had it. */
static void old_receipt(struct channel *ch, const struct epoch *epoch, unsigned number)
{
	struct duty *d = duty_add(ch, DUTY_RECEIPT);

	if (d == NULL)
		return;
	d->receipt.epoch = *epoch;
	d->receipt.log = (uint16_t)number;
}

/* There is more of it than was named when it left memory: its author found a newer copy of its ledger after all. */
static void grown_recall(struct channel *ch, const struct epoch *epoch)
{
	brief_recall(ch, false, epoch);
	duty_close(ch, CLOSE_RESTART, "an older epoch has more entries than were named: dial again");
}

static void new_log(struct channel *ch, const struct epoch *epoch, struct bytes origin, unsigned number)
{
	struct peer_log *l = log_new(ch, epoch, origin);

	if (l == NULL)
		duty_close(ch, CLOSE_PROTOCOL, "more epochs are open than this gateway keeps in memory");
	else
		l->number = number;
}

void reader_hello(struct channel *ch, const struct hello *theirs)
{
	struct origin o;

	empty_forget(ch);
	for (unsigned i = 0; i < theirs->nown; i++) {
		if (!is_ours(ch, theirs->own[i].origin, &o))
			continue;
		struct peer_log *l = reader_find(ch, &o.epoch);
		if (l != NULL)
			l->number = i;
	}
	closed_forget(ch);
	for (unsigned i = 0; i < theirs->nown && ch->connected; i++) {
		if (!is_ours(ch, theirs->own[i].origin, &o) || reader_find(ch, &o.epoch) != NULL)
			continue;
		const struct brief *brief = brief_find(ch, false, &o.epoch);
		if (brief != NULL && brief->size < theirs->own[i].size)
			grown_recall(ch, &o.epoch);
		else if (brief != NULL)
			old_receipt(ch, &o.epoch, i);
		else
			new_log(ch, &o.epoch, theirs->own[i].origin, i);
	}
	for (unsigned i = 0; i < ch->npeer && ch->connected; i++) {
		ch->peer[i]->credit_given = 0;
		if (ch->peer[i]->number == NO_NUMBER)
			continue;
		receipt_send(ch, ch->peer[i]);
		if (!ch->fetch.going)
			credit_send(ch, ch->peer[i]);
	}
}

/* ---- ENTRY: structure only (R1) ---- */

enum err entry_parts_check(const struct entry *e)
{
	for (unsigned i = 0; i < e->header.nparts; i++) {
		if (e->header.part[i].placement != PLACED_INLINE)
			continue;
		struct hash c = part_commit(&e->part[i].salt, e->part[i].body);
		if (!hash_equal(&c, &e->header.part[i].commitment))
			return ERR_COMMITMENT;
	}
	return ERR_OK;
}

static size_t entry_weight(const struct entry *e)
{
	size_t n = e->header_wire.n;

	for (unsigned i = 0; i < e->header.nparts; i++)
		n += e->header.part[i].placement == PLACED_INLINE ? e->part[i].body.n : 0;
	return n;
}

/* One heap block holds the header and every inline part; NULL: no memory. */
struct pending *pending_make(const struct entry *e)
{
	size_t		weight = entry_weight(e);
	struct pending *p = calloc(1, sizeof *p + weight);

	if (p == NULL)
		return NULL;
	struct builder b = builder_on(p->memory, weight);
	p->weight = sizeof *p + weight;
	p->entry = *e;
	p->entry.header_wire = bytes_of(p->memory, e->header_wire.n);
	build_bytes(&b, e->header_wire);
	for (unsigned i = 0; i < e->header.nparts; i++) {
		if (e->header.part[i].placement != PLACED_INLINE)
			continue;
		p->entry.part[i].body = bytes_of(p->memory + b.n, e->part[i].body.n);
		build_bytes(&b, e->part[i].body);
	}
	if (header_read(p->entry.header_wire, &p->entry.header) == ERR_OK)
		return p; /* its views now point into the copy */
	free(p);
	return NULL;
}

static bool pending_room(struct peer_log *l)
{
	if (l->npending < l->room_pending)
		return true;
	size_t		 room = l->room_pending ? 2 * l->room_pending : 16;
	struct pending **more = realloc(l->pending, room * sizeof *more);

	if (more == NULL)
		return false;
	l->pending = more;
	l->room_pending = room;
	return true;
}

/*
 * Of two pending questions with one mid the second is known already, and of two pending
 * answers to one question the second has none: the ledger hears of the first only when
 * it is covered.
 */
static void exchange_name(struct channel *ch, struct pending *p)
{
	const struct header *h = &p->entry.header;
	struct place	     re = {.index = h->re.index};
	bool		     late = h->kind == KIND_REPLY && p->earlier != NULL;

	if (p->known || (h->kind != KIND_QUERY && !late))
		return;
	memcpy(re.epoch.b, h->re.epoch, EPOCH_SIZE);
	if (late)
		place_key(&re, p->key);
	else
		memcpy(p->key, h->mid, MID_SIZE);
	p->named = table_put(&ch->pending_key, p->key, 1) == ERR_OK;
	if (p->named)
		return;
	p->known = true;
	free(p->earlier);
	p->earlier = NULL;
}

static struct earlier *earlier_copy(struct channel *ch, const struct earlier *from)
{
	struct earlier *to = malloc(sizeof *to);

	if (to == NULL)
		ch->err = ERR_MEMORY;
	else
		*to = *from;
	return to;
}

static void pending_add(struct channel *ch, struct peer_log *l, const struct channel_event *event)
{
	const struct entry *e = event->entry.entry;
	struct pending	   *p = pending_room(l) ? pending_make(e) : NULL;

	if (p == NULL) {
		ch->err = ERR_MEMORY;
		return;
	}
	p->known = event->entry.known;
	p->commitment = header_commit(&e->salt, e->header_wire);
	p->leaf = entry_leaf(&p->commitment);
	if (event->entry.earlier != NULL)
		p->earlier = earlier_copy(ch, event->entry.earlier);
	exchange_name(ch, p);
	ch->pending_bytes += p->weight;
	l->pending[l->npending++] = p;
}

/* What a partner may leave uncovered is bounded over all its epochs, not only in each. */
static bool pending_fits(const struct channel *ch, const struct entry *e)
{
	return ch->pending_bytes + sizeof(struct pending) + entry_weight(e) <= PENDING_MOST && ch->pending_key.n < PENDING_MIDS_MOST;
}

static const char *structure_fault(const struct channel *ch, const struct peer_log *l, const struct entry *e)
{
	uint64_t next = l->frontier.size + l->npending;

	if (e->header.index != next)
		return "an entry's index is not the next";
	if ((next == 0) != (e->header.kind == KIND_GENESIS))
		return "GENESIS stands at index 0 and nowhere else";
	if (entry_parts_check(e))
		return "an inline part does not match its commitment";
	if (e->header.kind == KIND_KEYS && keys_entry_check(ch, e))
		return "a KEYS entry without a card of its author";
	return NULL;
}

void reader_entry(struct channel *ch, const struct channel_event *event)
{
	const struct entry *e = event->entry.entry;
	struct peer_log	   *l = by_number(ch, event->entry.log);

	if (l == NULL || l->frontier.size + l->npending >= l->credit_given) {
		duty_close(ch, CLOSE_PROTOCOL, "an ENTRY beyond the credit given, or of a log not shown");
		return;
	}
	const char *fault = structure_fault(ch, l, e);
	if (fault == NULL && !KIND_IS_CONTROL(e->header.kind) && tally_count(&l->tally_held, &e->header.agreement, e->header.aseq, e->header.index))
		fault = "the entries of an agreement are not counted without gaps";
	if (fault != NULL) {
		duty_alarm(ch, ALARM_STRUCTURE, fault);
		return;
	}
	if (pending_fits(ch, e))
		pending_add(ch, l, event);
	else
		duty_close(ch, CLOSE_PROTOCOL, "more entries without a checkpoint than this gateway keeps in memory");
}

/* ---- acting on covered entries ---- */

static bool leaf_keep(struct channel *ch, struct peer_log *l, const struct hash *leaf)
{
	if (l->nleaf == l->room_leaf) {
		size_t	     room = l->room_leaf ? 2 * l->room_leaf : 64;
		struct hash *more = realloc(l->leaf, room * sizeof *more);

		if (more == NULL) {
			ch->err = ERR_MEMORY;
			return false;
		}
		l->leaf = more;
		l->room_leaf = room;
	}
	l->leaf[l->nleaf++] = *leaf;
	return true;
}

struct bytes pending_body(struct channel *ch, const struct pending *p)
{
	size_t	 room = entry_weight(&p->entry) + HEADER_PARTS_MOST * (SALT_SIZE + 2);
	uint8_t *memory = step_take(ch, room);

	if (memory == NULL)
		return BYTES_NONE;
	struct builder body = builder_on(memory, room);
	entry_body_write(&body, &p->entry);
	return builder_bytes(&body);
}

static void entry_store(struct channel *ch, const struct peer_log *l, const struct pending *p)
{
	struct duty *store = duty_add(ch, DUTY_STORE_ENTRY);

	if (store == NULL)
		return;
	store->entry = (struct stored_entry){
		.own = false,
		.epoch = l->epoch,
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

static void agree_act(struct channel *ch, struct peer_log *l, const struct header *h)
{
	int with = agreement_index(ch, &h->agreement);

	if (with >= 0 && !l->agree[with].known)
		l->agree[with] = (struct agreed){true, h->index};
}

/*
 * A TALLY that counts otherwise than we do is proof that something is missing (W4a). One
 * of an earlier epoch counts to the size that GENESIS names, and is compared only where
 * that is all that is held.
 */
static void tally_act(struct channel *ch, const struct peer_log *l, const struct header *h)
{
	const struct attr     *a = header_attr(h, ATTR_TALLY);
	struct tally	       t;
	const struct peer_log *of;

	if (a == NULL || tally_read(a->value, &t)) {
		duty_alarm(ch, ALARM_TALLY, "a TALLY entry without a readable tally");
		return;
	}
	of = reader_find(ch, (const struct epoch *)(const void *)t.epoch);
	if (of == NULL)
		return; /* of an epoch that left memory, whose own TALLY was compared then */
	if (of != l && of->frontier.size != l->previous_size)
		return;
	if (!tally_equal(&of->tally, &t))
		duty_alarm(ch, ALARM_TALLY, "the partner's TALLY does not agree with the entries held");
}

/* An entry of the author names an epoch before it: as much of it as was named binds, and when that is all there is, it is closed. */
static void log_named(struct channel *ch, struct peer_log *of, uint64_t size, const struct hash *root)
{
	if (size <= of->naming.size)
		return;
	of->naming.size = size;
	of->naming.root = *root;
	naming_store(ch, false, &of->epoch, &of->naming);
}

static void adopt_act(struct channel *ch, const struct peer_log *l, const struct header *h);

static void message_act(struct channel *ch, struct peer_log *l, const struct pending *p)
{
	const struct header *h = &p->entry.header;

	switch (h->kind) {
	case KIND_QUERY:
		question_act(ch, l, p);
		return;
	case KIND_REPLY:
		answer_act(ch, l, p);
		return;
	case KIND_CANCEL:
		question_cancelled(ch, p);
		return;
	default:
		message_decline(ch, l, p, STATUS_UNSUPPORTED, "unsupported");
	}
}

static void entry_act(struct channel *ch, struct peer_log *l, const struct pending *p)
{
	const struct header *h = &p->entry.header;

	if (h->kind == KIND_AGREE)
		agree_act(ch, l, h);
	else if (h->kind == KIND_TALLY)
		tally_act(ch, l, h);
	else if (h->kind == KIND_ADOPT)
		adopt_act(ch, l, h);
	else if (h->kind == KIND_KEYS)
		keys_act(ch, &p->entry);
	else if (KIND_IS_CONTROL(h->kind))
		return;
	else if (h->kind == KIND_REPLY || !channel_waiting(ch))
		message_act(ch, l, p); /* an answer only ends a question of ours that has no end */
	else if (h->kind == KIND_QUERY)
		question_turn_away(ch, l, p, "not-adopted"); /* it stands where no question may stand */
}

/* Takes the first pending entries, up to `size`, into the log. Their root was compared before. */
static void cover(struct channel *ch, struct peer_log *l, uint64_t size)
{
	size_t n = (size_t)(size - l->frontier.size);

	for (size_t i = 0; i < n && ch->err == ERR_OK; i++) {
		struct pending *p = l->pending[i];

		entry_store(ch, l, p);
		frontier_add(&l->frontier, &p->leaf);
		if (!KIND_IS_CONTROL(p->entry.header.kind)) {
			if (tally_count(&l->tally, &p->entry.header.agreement, p->entry.header.aseq, p->entry.header.index))
				ch->err = ERR_INTERNAL;
		}
		if (p->entry.header.kind == KIND_QUERY && time_near(ch, p->entry.header.time_ms) && p->entry.header.time_ms > l->last_time_ms)
			l->last_time_ms = p->entry.header.time_ms;
		if (!leaf_keep(ch, l, &p->leaf))
			return;
		ch->dirty = true;
		l->inline_taken += entry_weight(&p->entry) - p->entry.header_wire.n;
		if (!ch->frozen)
			entry_act(ch, l, p); /* after an alarm what is signed is still held, and nothing is done about it */
	}
	for (size_t i = 0; i < n; i++)
		pending_free(ch, l->pending[i]);
	l->covered_at[l->ncovered++ % COVERED_MOST] = (struct size_root){l->frontier.size, frontier_root(&l->frontier)};
	if (n > 0)
		memmove(l->pending, l->pending + n, (l->npending - n) * sizeof *l->pending);
	l->npending -= n;
}

static struct hash root_with(const struct peer_log *l, uint64_t size)
{
	struct frontier f = l->frontier;

	for (size_t i = 0; f.size < size; i++)
		frontier_add(&f, &l->pending[i]->leaf);
	return frontier_root(&f);
}

static bool any_covered(const struct channel *ch)
{
	for (unsigned i = 0; i < ch->npeer; i++)
		if (ch->peer[i]->frontier.size > 0)
			return true;
	return false;
}

/* Is any epoch but this one covered and not named to its end? Then this one does not go on from all that is held. */
static bool others_open(const struct channel *ch, const struct peer_log *but)
{
	for (unsigned i = 0; i < ch->npeer; i++)
		if (ch->peer[i] != but && beyond_named(ch->peer[i]))
			return true;
	return false;
}

/* A person should know, though nothing is broken: the partner's ledger was put back to an older copy, or it says so. */
static void older_copy_tell(struct channel *ch)
{
	struct duty *d = duty_add(ch, DUTY_ALARM);

	if (d == NULL)
		return;
	d->end.notice = NOTICE_PARTNER_RESTORED;
	d->end.text = "the partner went on from an older copy of its ledger than is held here: "
		      "nothing it says is acted on before it has taken in the rest";
}

/* The root of the peer's log at a size, where it is still known, or NULL. */
static const struct hash *covered_root(const struct peer_log *l, uint64_t size, struct hash *memory)
{
	unsigned n = l->ncovered < COVERED_MOST ? l->ncovered : COVERED_MOST;

	if (size == l->frontier.size) {
		*memory = frontier_root(&l->frontier);
		return memory;
	}
	for (unsigned i = 1; i <= n; i++) {
		const struct size_root *at = &l->covered_at[(l->ncovered - i) % COVERED_MOST];

		if (at->size == size)
			return &at->root;
	}
	return NULL;
}

/*
 * Before the first entry of an epoch is acted on: the epoch that its GENESIS names
 * must be held to the named size with the named root; the signed checkpoint of the
 * new epoch thereby covers the old one's tail, which is taken first. Depth is
 * bounded by the epochs in memory. When it names less than is held, or an epoch that
 * others came after, the author has lost entries (spec/wire.md, W7): see channel_waiting.
 */
static bool epoch_begin(struct channel *ch, struct peer_log *l);

static bool named_root_differs(const struct peer_log *old, const struct previous *previous)
{
	struct hash	   memory;
	const struct hash *root = &memory;

	if (previous->size > old->frontier.size)
		memory = root_with(old, previous->size);
	else
		root = covered_root(old, previous->size, &memory);
	return root != NULL && !hash_equal(root, &previous->root);
}

static bool named_take(struct channel *ch, struct peer_log *old, const struct previous *previous)
{
	if (named_root_differs(old, previous)) {
		duty_alarm(ch, ALARM_ROOT, "a GENESIS or ADOPT names another root than the entries have");
		return false;
	}
	if (old->frontier.size == 0 && !epoch_begin(ch, old))
		return false;
	if (previous->size > old->frontier.size)
		cover(ch, old, previous->size);
	pending_drop(ch, old);
	log_named(ch, old, previous->size, &previous->root);
	return !ch->frozen && ch->err == ERR_OK;
}

/*
 * Who went on from an older copy takes in what is held here. Less than all of it changes
 * nothing. To one who lost it too, an ADOPT proves the tail that is sent again as well as
 * a GENESIS does.
 */
static void adopt_act(struct channel *ch, const struct peer_log *l, const struct header *h)
{
	const struct attr *a = header_attr(h, ATTR_PREVIOUS);
	struct previous	   what;
	struct epoch	   epoch;

	if (a == NULL || previous_read(a->value, &what) || what.cause == CAUSE_FIRST)
		return;
	memcpy(epoch.b, what.epoch, EPOCH_SIZE);
	struct peer_log *of = reader_find(ch, &epoch);
	if (of == NULL || of == l || what.size < of->frontier.size)
		return;
	if (what.size <= of->frontier.size + of->npending)
		named_take(ch, of, &what);
	else
		log_named(ch, of, what.size, &what.root);
}

static bool previous_settle(struct channel *ch, struct peer_log *l)
{
	const struct attr *a = header_attr(&l->pending[0]->entry.header, ATTR_PREVIOUS);
	struct previous	   previous;
	struct epoch	   epoch;

	if (a == NULL || previous_read(a->value, &previous)) {
		duty_alarm(ch, ALARM_STRUCTURE, "a GENESIS that does not name what went before");
		return false;
	}
	if (previous.cause == CAUSE_FIRST) {
		if (any_covered(ch))
			older_copy_tell(ch);
		return true;
	}
	memcpy(epoch.b, previous.epoch, EPOCH_SIZE);
	const struct brief *brief = brief_find(ch, false, &epoch);
	struct peer_log	   *old = reader_find(ch, &epoch);
	bool held = old != NULL ? old != l && previous.size <= old->frontier.size + old->npending : brief != NULL && previous.size <= brief->size;
	if (!held || previous.size == 0) {
		duty_close(ch, CLOSE_PROTOCOL, "a GENESIS names an epoch that was not delivered to its named size");
		return false;
	}
	l->previous_size = previous.size;
	if (old != NULL && !named_take(ch, old, &previous))
		return false;
	if (others_open(ch, l))
		older_copy_tell(ch);
	return true;
}

/*
 * A new epoch costs this side a place in its ledger, its keeper and its memory for
 * good, so they come in a burst only up to a limit, and then at the pace at which
 * gateways restart.
 */
static bool epoch_begin(struct channel *ch, struct peer_log *l)
{
	const uint64_t burst_ms = (uint64_t)CHANNEL_EPOCHS_BURST * CHANNEL_EPOCH_MS;
	uint64_t       full_ms = ch->epochs_full_ms > ch->now_ms ? ch->epochs_full_ms : ch->now_ms;

	if (full_ms + CHANNEL_EPOCH_MS > ch->now_ms + burst_ms) {
		duty_close(ch, CLOSE_PROTOCOL, "epochs are opened more often than gateways restart");
		return false;
	}
	if (!previous_settle(ch, l))
		return false;
	ch->epochs_full_ms = full_ms + CHANNEL_EPOCH_MS;
	return true;
}

/* R2: the author contradicts itself under its own signature, which is kept. */
static void contradicted(struct channel *ch, enum alarm_code code, const struct peer_log *l, const struct checkpoint_frame *f)
{
	struct contradiction *against = step_take(ch, sizeof *against);
	size_t		      at = ch->nduties;

	duty_alarm(ch, code, "a signed CHECKPOINT contradicts the entries delivered");
	if (against == NULL || at == ch->nduties)
		return;
	*against = (struct contradiction){l->origin, *f};
	ch->duty[at].end.against = against;
}

static void checkpoint_store(struct channel *ch, const struct peer_log *l, const struct checkpoint_frame *f)
{
	struct duty *store = duty_add(ch, DUTY_STORE_CHECKPOINT);

	if (store == NULL)
		return;
	store->head.epoch = l->epoch;
	store->head.own = false;
	store->head.size = f->size;
	store->head.root = f->root;
	store->head.sig = f->sig;
}

/* Sizes grow: one that is not beyond what is covered matters only when it says otherwise. Told before its signature costs anything. */
static bool nothing_new(const struct peer_log *l, const struct checkpoint_frame *f)
{
	struct hash	   memory;
	const struct hash *covered = f->size <= l->frontier.size ? covered_root(l, f->size, &memory) : NULL;

	return f->size == 0 || (f->size <= l->frontier.size && (covered == NULL || hash_equal(covered, &f->root)));
}

static const char *signature_fault(enum key_word word)
{
	switch (word) {
	case KEY_UNKNOWN:
		return "a CHECKPOINT whose signature does not verify";
	case KEY_REVOKED:
		return "a CHECKPOINT by a key that its author has revoked, beyond what the card names";
	case KEY_GOOD:
		break;
	}
	return NULL;
}

void reader_checkpoint(struct channel *ch, const struct checkpoint_frame *f)
{
	struct peer_log	 *l = by_number(ch, f->log);
	struct checkpoint c = {.size = f->size, .root = f->root};
	struct hash	  root;

	if (l == NULL || f->size > l->frontier.size + l->npending) {
		duty_close(ch, CLOSE_PROTOCOL, "a CHECKPOINT beyond the entries delivered");
		return;
	}
	if (nothing_new(l, f))
		return;
	memcpy(c.origin, l->origin, sizeof c.origin);
	const char *fault = signature_fault(keys_pinned(ch, l, &c, &f->sig));
	if (fault != NULL) {
		duty_alarm(ch, ALARM_SIGNATURE, fault);
		return;
	}
	if (f->size <= l->frontier.size) {
		contradicted(ch, ALARM_FORK, l, f);
		return;
	}
	root = root_with(l, f->size);
	if (!hash_equal(&root, &f->root)) {
		contradicted(ch, ALARM_ROOT, l, f);
		return;
	}
	if (l->frontier.size == 0 && !epoch_begin(ch, l))
		return;
	checkpoint_store(ch, l, f);
	cover(ch, l, f->size);
}

/* ---- receipts (R6) ---- */

void reader_durable(struct channel *ch)
{
	for (unsigned i = 0; i < ch->npeer; i++) {
		struct peer_log *l = ch->peer[i];

		l->durable = l->frontier.size;
		if (l->nleaf == 0)
			continue;
		struct duty *cosign = duty_add(ch, DUTY_COSIGN);
		struct bytes leaves = step_copy(ch, bytes_of(l->leaf, l->nleaf * sizeof *l->leaf));
		if (cosign == NULL || leaves.at == NULL)
			return;
		cosign->leaves.epoch = l->epoch;
		cosign->leaves.leaves = (const struct hash *)(const void *)leaves.at;
		cosign->leaves.n = l->nleaf;
		l->nleaf = 0;
	}
}

void reader_cosigned(struct channel *ch, const struct channel_event *event)
{
	struct peer_log *l = reader_find(ch, &event->cosigned.epoch);
	struct hash	 memory;

	if (l == NULL || event->cosigned.size > l->durable)
		return;
	const struct hash *root = covered_root(l, event->cosigned.size, &memory);
	if (root == NULL)
		return; /* many checkpoints ago: a later receipt comes */
	if (!hash_equal(root, &event->cosigned.root)) {
		duty_alarm(ch, ALARM_ROOT, "the keeper receipted another root than the ledger has");
		return;
	}
	l->has_receipt = true;
	l->receipt = (struct receipt_frame){.size = event->cosigned.size,
					    .root = event->cosigned.root,
					    .time_s = event->cosigned.time_s,
					    .sig = event->cosigned.sig};
	struct duty *store = duty_add(ch, DUTY_STORE_RECEIPT);
	if (store == NULL)
		return;
	store->head.epoch = l->epoch;
	store->head.own = false;
	store->head.size = l->receipt.size;
	store->head.root = l->receipt.root;
	store->head.time_s = l->receipt.time_s;
	store->head.sig = l->receipt.sig;
	if (!ch->connected || l->number == NO_NUMBER)
		return;
	receipt_send(ch, l);
	if (!reader_closed(l) && l->credit_given > 0 && l->credit_given - l->frontier.size < CHANNEL_WINDOW / 2)
		credit_send(ch, l);
}
