/* writer.c: our own log of the channel: epochs, entries, checkpoints, delivery (spec/wire.md, rules W). */
#include <stdlib.h>

#include "channel/state.h"

struct own_log *writer_log(const struct channel *ch)
{
	return ch->open ? ch->own[ch->nown - 1] : NULL;
}

struct own_log *writer_find(const struct channel *ch, const struct epoch *epoch)
{
	for (unsigned i = ch->nown; i > 0; i--)
		if (memcmp(ch->own[i - 1]->epoch.b, epoch->b, EPOCH_SIZE) == 0)
			return ch->own[i - 1];
	return NULL;
}

static struct own_log *by_number(const struct channel *ch, uint16_t number)
{
	for (unsigned i = 0; i < ch->nown; i++)
		if (ch->own[i]->number == number)
			return ch->own[i];
	return NULL;
}

uint64_t writer_unreceipted(const struct channel *ch)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < ch->nown; i++)
		n += ch->own[i]->skipped ? 0 : ch->own[i]->frontier.size - ch->own[i]->receipted;
	return n;
}

bool writer_behind(const struct channel *ch)
{
	if (writer_unreceipted(ch) >= CHANNEL_UNRECEIPTED_MOST)
		return true;
	return ch->connected && ch->unreceipted_since_ms != 0 && ch->now_ms > ch->unreceipted_since_ms + CHANNEL_UNRECEIPTED_MS;
}

/* True when every epoch before the open one has left completely in this session. */
static bool older_sent(const struct channel *ch)
{
	for (unsigned i = 0; i + 1 < ch->nown; i++)
		if (ch->own[i]->number != NO_NUMBER && ch->own[i]->sent < ch->own[i]->frontier.size)
			return false;
	return true;
}

/* ---- appending ---- */

static bool leaf_push(struct channel *ch, const struct hash *leaf)
{
	if (ch->nunsigned == ch->room_unsigned) {
		size_t	     room = ch->room_unsigned ? 2 * ch->room_unsigned : 64;
		struct hash *more = realloc(ch->unsigned_leaf, room * sizeof *more);

		if (more == NULL) {
			ch->err = ERR_MEMORY;
			return false;
		}
		ch->unsigned_leaf = more;
		ch->room_unsigned = room;
	}
	ch->unsigned_leaf[ch->nunsigned++] = *leaf;
	return true;
}

/* The latest of the peer's log that is durable here: causality (`seen`). */
static void seen_fill(const struct channel *ch, struct header *h)
{
	const struct peer_log *p = reader_log(ch);

	if (p == NULL)
		return;
	memcpy(h->seen_epoch, p->epoch.b, EPOCH_SIZE);
	h->seen_size = p->durable;
}

static void header_fill(struct channel *ch, const struct own_log *log, const struct draft *d, struct header *h)
{
	if (ch->our_last_time_ms < ch->now_ms)
		ch->our_last_time_ms = ch->now_ms; /* the times of a log never go back */
	h->kind = d->kind;
	h->flags = d->flags;
	h->index = log->frontier.size;
	h->time_ms = ch->our_last_time_ms;
	h->not_after_ms = d->not_after_ms;
	if (d->mid != NULL)
		memcpy(h->mid, d->mid, MID_SIZE);
	h->agreement = d->agreement;
	h->clause = d->clause;
	h->aseq = KIND_IS_CONTROL(d->kind) ? 0 : tally_next(&log->tally, &d->agreement);
	h->status = d->status;
	if (d->re != NULL) {
		h->flags |= FLAG_HAS_RE;
		h->re = *d->re;
	}
	h->nattrs = (uint8_t)d->nattrs;
	memcpy(h->attr, d->attr, sizeof h->attr);
	seen_fill(ch, h);
}

/* Commits to each part with a fresh salt; inline ones go into the entry, the others' salts and bodies into `kept`. */
static void parts_fill(struct channel *ch, const struct draft *d, struct entry *e, struct builder *kept)
{
	e->header.nparts = (uint8_t)d->nparts;
	for (unsigned i = 0; i < d->nparts; i++) {
		const struct draft_part *from = &d->part[i];
		struct part_entry	*to = &e->header.part[i];
		struct salt		 salt;

		spring_draw(&ch->spring, salt.b, sizeof salt.b);
		to->type = from->type;
		to->retention = from->retention;
		to->placement = from->placement;
		to->commitment = part_commit(&salt, from->body);
		if (from->placement == PLACED_INLINE) {
			e->part[i].salt = salt;
			e->part[i].body = from->body;
			continue;
		}
		build_copy(kept, salt.b, sizeof salt.b);
		build_bytes16(kept, from->placement == PLACED_WITHHELD ? from->body : BYTES_NONE);
	}
}

/* The room of an ENTRY frame: its fixed parts and the padding's next step. */
static size_t frame_room(const struct entry *e)
{
	static const size_t steps[] = {1024, 4096, 16384, ENTRY_PAYLOAD_MOST};
	size_t		    n = 2 + sizeof e->salt + 2 + e->header_wire.n;
	size_t		    i = 0;

	for (unsigned k = 0; k < e->header.nparts; k++)
		n += e->header.part[k].placement == PLACED_INLINE ? SALT_SIZE + 2 + e->part[k].body.n : 0;
	while (i + 1 < COUNT_OF(steps) && steps[i] < n)
		i++;
	return FRAME_HEAD + (steps[i] > n ? steps[i] : n);
}

static void entry_send(struct channel *ch, struct own_log *log, const struct entry *e)
{
	size_t	 room = frame_room(e);
	uint8_t *memory = step_take(ch, room);

	if (memory == NULL)
		return;
	struct builder b = builder_on(memory, room);
	entry_frame_write(&b, (uint16_t)log->number, e);
	struct duty *send = duty_add(ch, DUTY_SEND);
	if (send == NULL)
		return;
	send->frame = builder_bytes(&b);
	log->sent++;
}

static bool sends_at_once(const struct channel *ch, const struct own_log *log)
{
	uint64_t index = log->frontier.size - 1;

	return ch->connected && log->number != NO_NUMBER && log->sent == index && index < log->credit && older_sent(ch) && !ch->fetch.going;
}

#define HEADER_FIXED 512 /* a header without its attributes */

struct rooms {
	size_t header, body, kept;
};

/* How much memory the three stored forms of a draft take at most. */
static struct rooms rooms_of(const struct draft *d)
{
	struct rooms r = {.header = HEADER_FIXED};

	for (unsigned i = 0; i < d->nattrs; i++)
		r.header += 4 + d->attr[i].value.n;
	for (unsigned i = 0; i < d->nparts; i++) {
		size_t *room = d->part[i].placement == PLACED_INLINE ? &r.body : &r.kept;

		*room += SALT_SIZE + 2 + (d->part[i].placement == PLACED_ATTACHED ? 0 : d->part[i].body.n);
	}
	return r;
}

bool writer_append(struct channel *ch, const struct draft *d, struct appended *out)
{
	struct own_log *log = writer_log(ch);
	struct rooms	room = rooms_of(d);
	struct entry   *e = step_take(ch, sizeof *e);
	uint8_t	       *memory = step_take(ch, room.header + room.body + room.kept);

	if (log == NULL || e == NULL || memory == NULL)
		return false;
	struct builder header = builder_on(memory, room.header);
	struct builder body = builder_on(memory + room.header, room.body);
	struct builder kept = builder_on(memory + room.header + room.body, room.kept);

	header_fill(ch, log, d, &e->header);
	parts_fill(ch, d, e, &kept);
	header_write(&header, &e->header);
	e->header_wire = builder_bytes(&header);
	entry_body_write(&body, e);
	if (header.err || body.err || kept.err) {
		ch->err = ERR_INTERNAL;
		return false;
	}
	spring_draw(&ch->spring, e->salt.b, sizeof e->salt.b);
	struct hash  commitment = header_commit(&e->salt, e->header_wire);
	struct hash  leaf = entry_leaf(&commitment);
	struct duty *store = duty_add(ch, DUTY_STORE_ENTRY);
	if (store == NULL || !leaf_push(ch, &leaf))
		return false;
	store->entry = (struct stored_entry){
		.own = true,
		.epoch = log->epoch,
		.index = log->frontier.size,
		.kind = d->kind,
		.time_ms = e->header.time_ms,
		.commitment = commitment,
		.salt = e->salt,
		.header = e->header_wire,
		.body = builder_bytes(&body),
		.withheld = builder_bytes(&kept),
	};
	if (!KIND_IS_CONTROL(d->kind) && tally_count(&log->tally, &d->agreement, e->header.aseq, log->frontier.size))
		ch->err = ERR_INTERNAL;
	frontier_add(&log->frontier, &leaf);
	log->last_time_ms = e->header.time_ms;
	ch->dirty = true;
	if (ch->unreceipted_since_ms == 0)
		ch->unreceipted_since_ms = ch->now_ms;
	if (out != NULL)
		*out = (struct appended){.at = {log->epoch, log->frontier.size - 1}, .leaf = leaf, .time_ms = e->header.time_ms};
	if (sends_at_once(ch, log))
		entry_send(ch, log, e);
	return true;
}

/* ---- epochs ---- */

void writer_name(struct channel *ch, enum kind kind, const struct previous *what)
{
	uint8_t	       value[PREVIOUS_SIZE];
	struct builder b = builder_on(value, sizeof value);

	previous_write(&b, what);
	struct draft d = {.kind = (uint8_t)kind, .nattrs = 1, .attr = {{ATTR_PREVIOUS, builder_bytes(&b)}}};
	writer_append(ch, &d, NULL);
}

void writer_said(struct channel *ch, struct own_log *log)
{
	log->naming.said = log->frontier.size;
	log->skipped = false;
	if (log->frontier.size >= log->naming.size) {
		log->naming.size = log->frontier.size;
		log->naming.root = frontier_root(&log->frontier);
		log->naming.by = writer_log(ch)->epoch;
	}
	naming_store(ch, true, &log->epoch, &log->naming);
}

static void genesis_append(struct channel *ch, struct own_log *last)
{
	struct previous previous = {.cause = CAUSE_FIRST};

	if (last != NULL) {
		memcpy(previous.epoch, last->epoch.b, EPOCH_SIZE);
		previous.size = last->frontier.size;
		previous.root = frontier_root(&last->frontier);
		previous.cause = ch->rolling ? CAUSE_ROLLOVER : CAUSE_RESTART;
	}
	writer_name(ch, KIND_GENESIS, &previous);
	if (last != NULL)
		writer_said(ch, last);
}

static void tally_append(struct channel *ch, const struct tally *t)
{
	uint8_t	       value[EPOCH_SIZE + TALLY_ROWS_MOST * 48];
	struct builder b = builder_on(value, sizeof value);

	tally_write(&b, t);
	struct draft d = {.kind = KIND_TALLY, .nattrs = 1, .attr = {{ATTR_TALLY, builder_bytes(&b)}}};
	writer_append(ch, &d, NULL);
}

static void agree_append(struct channel *ch, unsigned i)
{
	const struct agreement *a = ch->agreement[i];
	struct appended		at;
	struct draft		d = {
			   .kind = KIND_AGREE,
			   .agreement = a->id,
			   .nattrs = 1,
			   .attr = {{ATTR_AGREEMENT, bytes_of(a->id.b, HASH_SIZE)}},
			   .nparts = 1,
			   .part = {{.type = PART_AGREEMENT, .placement = PLACED_ATTACHED, .body = a->note}},
	   };

	if (writer_append(ch, &d, &at))
		writer_log(ch)->agree[i] = (struct agreed){true, at.at.index};
}

/* By which card this epoch is signed stands in it, where that is not the first card that people compared. */
static void keys_append(struct channel *ch)
{
	const struct keyring *ring = ch->ring[true];
	const struct card    *card = keyring_card(ring);

	if (card == NULL || card->serial == 1)
		return;
	struct draft d = {
		.kind = KIND_KEYS,
		.nattrs = 1,
		.attr = {{ATTR_KEYS, bytes_of(card->id.b, HASH_SIZE)}},
		.nparts = 1,
		.part = {{.type = PART_AGREEMENT, .placement = PLACED_INLINE, .body = keyring_note(ring, ring->n - 1)}},
	};
	writer_append(ch, &d, NULL);
}

/* The oldest epoch leaves memory when there is no room; its entries stay in the ledger. */
static void oldest_forget(struct channel *ch)
{
	unsigned i = 0;

	while (i + 2 < ch->nown && (ch->own[i] == ch->tip || ch->own[i]->durable.size < ch->own[i]->frontier.size))
		i++;
	struct brief brief = {.epoch = ch->own[i]->epoch, .size = ch->own[i]->frontier.size, .said = ch->own[i]->naming.said};
	if (brief.size > 0 && brief_add(ch, true, &brief))
		ch->err = ERR_MEMORY;
	free(ch->own[i]);
	memmove(&ch->own[i], &ch->own[i + 1], (--ch->nown - i) * sizeof ch->own[0]);
}

struct own_log *writer_log_new(struct channel *ch, const struct epoch *epoch)
{
	struct origin	origin = {.epoch = *epoch};
	struct own_log *log = calloc(1, sizeof *log);

	if (log == NULL) {
		ch->err = ERR_MEMORY;
		return NULL;
	}
	if (ch->nown == CHANNEL_LOGS_MOST)
		oldest_forget(ch);
	memcpy(origin.author, ch->self, sizeof origin.author);
	memcpy(origin.reader, ch->peer_name, sizeof origin.reader);
	memcpy(origin.channel, ch->name, sizeof origin.channel);
	log->epoch = *epoch;
	log->number = NO_NUMBER;
	memcpy(log->tally.epoch, epoch->b, EPOCH_SIZE);
	if (origin_write(&origin, log->origin)) {
		ch->err = ERR_INTERNAL;
		free(log);
		return NULL;
	}
	unsigned at = ch->open ? ch->nown - 1 : ch->nown;
	memmove(&ch->own[at + 1], &ch->own[at], (ch->nown - at) * sizeof ch->own[0]);
	ch->own[at] = log;
	ch->nown++;
	return log;
}

static bool stands_among(struct own_log *const *logs, unsigned n, const struct epoch *epoch)
{
	for (unsigned i = 0; i < n; i++)
		if (memcmp(logs[i]->epoch.b, epoch->b, EPOCH_SIZE) == 0)
			return true;
	return false;
}

/* The one that names none of the others: of those the one whose last entry is the oldest. */
static unsigned next_of(struct own_log *const *logs, unsigned n)
{
	unsigned best = n;

	for (unsigned i = 0; i < n; i++)
		if (!stands_among(logs, n, &logs[i]->previous) && (best == n || logs[i]->last_time_ms < logs[best]->last_time_ms))
			best = i;
	return best < n ? best : 0;
}

/*
 * A reader takes epochs in this order. Whoever adopts an epoch is later than its last
 * entry, and times never go back in an honest ledger; where a clock did, what a GENESIS
 * names still stands before it.
 */
void writer_sort(struct channel *ch)
{
	unsigned n = ch->open ? ch->nown - 1 : ch->nown;

	for (unsigned at = 0; at + 1 < n; at++) {
		unsigned	i = at + next_of(ch->own + at, n - at);
		struct own_log *log = ch->own[i];

		memmove(&ch->own[at + 1], &ch->own[at], (i - at) * sizeof ch->own[0]);
		ch->own[at] = log;
	}
}

/* What was signed in the epoch before is not asked for again. */
static void signatures_forget(struct channel *ch)
{
	ch->nsigned = 0;
	ch->sign_asked = 0;
	ch->nunsigned = 0;
}

/*
 * Where this ledger goes on. An epoch in which nothing was said, and of which nobody holds
 * anything as far as is known here, need not be delivered: whoever starts a hundred times
 * while its partner is away leaves no chain of a hundred behind. A few are delivered all
 * the same, because a partner may hold one whose receipt is still under way; if it does so
 * after more, that one is adopted like anything else that it shows.
 */
#define QUIET_CHAIN_MOST 8

static struct own_log *last_of_note(struct channel *ch)
{
	struct own_log *log = ch->tip, *before;
	unsigned	quiet = 0;

	while (log != NULL && log->quiet && log->receipted == 0 && (before = writer_find(ch, &log->previous)) != NULL) {
		log = before;
		quiet++;
	}
	return quiet < QUIET_CHAIN_MOST ? ch->tip : log;
}

/* Nothing that will be delivered names those that are passed over. */
static void passed_over(struct channel *ch, struct own_log *log, const struct own_log *until)
{
	for (; log != NULL && log != until; log = writer_find(ch, &log->previous)) {
		log->naming.said = 0;
		naming_store(ch, true, &log->epoch, &log->naming);
	}
}

/* Every epoch that we went on from was named then. */
bool writer_is_left(const struct own_log *log)
{
	return log->quiet && log->naming.said == 0 && !log->naming.adopted;
}

static void skipped_mark(struct channel *ch, struct own_log *last)
{
	for (unsigned i = 0; i < ch->nown; i++)
		ch->own[i]->skipped = writer_is_left(ch->own[i]);
	if (last != NULL)
		last->skipped = false;
}

void writer_opened(struct channel *ch, const struct epoch *epoch)
{
	struct own_log *last = last_of_note(ch);

	passed_over(ch, ch->tip, last);
	skipped_mark(ch, last);
	ch->open = false; /* whatever was open is an older epoch now */
	struct own_log *log = writer_log_new(ch, epoch);
	if (log == NULL)
		return;
	signatures_forget(ch);
	ch->tip = log;
	ch->open = true;
	ch->tally_day = day_of(ch->now_ms);
	genesis_append(ch, last);
	if (last != NULL)
		log->previous = last->epoch;
	if (last != NULL)
		tally_append(ch, &last->tally);
	keys_append(ch);
	for (unsigned i = 0; i < ch->nagreements; i++)
		agree_append(ch, i);
	if (!ch->rolling)
		return;
	ch->rolling = ch->closing = ch->resumed = false;
	questions_forget(ch);
	if (ch->connected)
		duty_close(ch, CLOSE_RESTART, "a new epoch begins: dial again");
}

void writer_close(struct channel *ch)
{
	if (ch->open && !ch->closing && !ch->frozen)
		tally_append(ch, &writer_log(ch)->tally);
	ch->closing = true;
}

void writer_tick(struct channel *ch)
{
	int32_t today = day_of(ch->now_ms);

	if (!ch->open || ch->closing || ch->frozen || today <= ch->tally_day)
		return;
	if (year_of(today) > year_of(ch->tally_day) && !ch->fetch.going) {
		writer_close(ch); /* its TALLY is signed first; then the keeper draws the next epoch */
		ch->rolling = true;
		return;
	}
	ch->tally_day = today;
	if (writer_log(ch)->tally.n > 0)
		tally_append(ch, &writer_log(ch)->tally);
}

/* ---- the keeper ---- */

/* Older epochs grow only by what is taken in again. */
static void older_durable(struct channel *ch)
{
	for (unsigned i = 0; i < ch->nown; i++)
		if (ch->own[i] != writer_log(ch) && ch->own[i]->durable.size < ch->own[i]->frontier.size)
			ch->own[i]->durable = ch->own[i]->frontier;
}

void writer_durable(struct channel *ch)
{
	struct own_log *log = writer_log(ch);

	older_durable(ch);
	if (log == NULL || ch->nunsigned == 0)
		return;
	struct duty *sign = duty_add(ch, DUTY_SIGN);
	struct bytes leaves = step_copy(ch, bytes_of(ch->unsigned_leaf, ch->nunsigned * sizeof *ch->unsigned_leaf));
	if (sign == NULL || leaves.at == NULL)
		return;
	sign->leaves.epoch = log->epoch;
	sign->leaves.leaves = (const struct hash *)(const void *)leaves.at;
	sign->leaves.n = ch->nunsigned;
	ch->nunsigned = 0;
	log->durable = log->frontier;
	ch->sign_asked = log->durable.size;
	ch->signed_at[ch->nsigned++ % SIGNED_MOST] = (struct size_root){log->durable.size, frontier_root(&log->durable)};
}

/* The root we expect at a size that was given to the keeper, or NULL. */
static const struct hash *root_at(const struct channel *ch, uint64_t size)
{
	unsigned n = ch->nsigned < SIGNED_MOST ? ch->nsigned : SIGNED_MOST;

	for (unsigned i = 1; i <= n; i++) {
		const struct size_root *s = &ch->signed_at[(ch->nsigned - i) % SIGNED_MOST];

		if (s->size == size)
			return &s->root;
		if (s->size < size)
			break;
	}
	return NULL;
}

void writer_signed(struct channel *ch, uint64_t size, const struct hash *root, const struct signature *sig)
{
	struct own_log	  *log = writer_log(ch);
	const struct hash *expected = root_at(ch, size);

	if (log == NULL || size <= log->checkpoint.size)
		return;
	if (expected == NULL || !hash_equal(expected, root)) {
		duty_alarm(ch, ALARM_ROOT, "the keeper signed another root than the ledger has");
		return;
	}
	log->checkpoint = (struct checkpoint_frame){.log = (uint16_t)log->number, .size = size, .root = *root, .sig = *sig};
	struct duty *store = duty_add(ch, DUTY_STORE_CHECKPOINT);
	if (store == NULL)
		return;
	store->head.epoch = log->epoch;
	store->head.own = true;
	store->head.size = size;
	store->head.root = *root;
	store->head.sig = *sig;
	adopt_signed(ch);
	if (ch->rolling && channel_settled(ch))
		duty_add(ch, DUTY_OPEN);
}

/* ---- delivery ---- */

static const struct hello_log *listed(const struct hello_log *logs, unsigned n, const char *origin)
{
	for (unsigned i = 0; i < n; i++)
		if (bytes_is(logs[i].origin, origin))
			return &logs[i];
	return NULL;
}

/* The root we have at a size, where it is still known: of what was signed in this run, and of each epoch's end. */
static const struct hash *root_known(const struct channel *ch, const struct own_log *log, uint64_t size, struct hash *memory)
{
	if (log == writer_log(ch))
		return root_at(ch, size);
	if (size != log->frontier.size)
		return NULL;
	*memory = frontier_root(&log->frontier);
	return memory;
}

/*
 * What a partner says to hold of one of our epochs against what our ledger has: NULL, or
 * what is wrong. More of an older epoch than is held here is fetched (adopt.c); more of
 * the one that is open cannot be: somebody signs with our key, or this machine was put
 * back to a moment in the middle of its life.
 */
static const char *held_fault(const struct channel *ch, const struct own_log *log, const struct hello_log *held)
{
	struct hash memory;

	if (log == writer_log(ch) && held->size > log->durable.size)
		return "the partner holds more of our open epoch than this ledger: was this machine put back to an earlier moment?";
	const struct hash *root = root_known(ch, log, held->size, &memory);
	if (root != NULL && !hash_equal(root, &held->root))
		return "the partner holds an epoch of ours with another root than this ledger";
	return NULL;
}

/* Whoever shows an epoch holds whole what its GENESIS and ADOPT entries name, and what is named there, and so on. */
static bool held_by_naming(const struct channel *ch, const struct own_log *log, const struct hello *theirs)
{
	for (unsigned n = 0; log != NULL && n < ch->nown; n++) {
		log = writer_find(ch, &log->naming.by);
		if (log != NULL && listed(theirs->peer, theirs->npeer, log->origin) != NULL)
			return true;
	}
	return false;
}

/* A partner that shows an epoch of ours unknown here is ahead of this ledger; what it lost, if anything, shows when that is taken in. */
static bool is_ahead(const struct channel *ch, const struct hello *theirs)
{
	struct origin o;

	for (unsigned i = 0; i < theirs->npeer; i++)
		if (origin_is_ours(ch, theirs->peer[i].origin, &o) && writer_find(ch, &o.epoch) == NULL && brief_find(ch, true, &o.epoch) == NULL)
			return true;
	return false;
}

static bool is_lost(const struct channel *ch, const struct own_log *log, const struct hello *theirs, bool ahead)
{
	const struct hello_log *held = listed(theirs->peer, theirs->npeer, log->origin);

	if (log->receipted == 0)
		return false;
	return held != NULL ? held->size < log->receipted : !ahead && !held_by_naming(ch, log, theirs);
}

/*
 * True when the partner has lost what it had receipted, and our HELLO did not list all of
 * it: then the next one does. Whatever it has after all it answers with its receipt.
 */
static bool partner_lost(struct channel *ch, const struct hello *theirs)
{
	bool unlisted = false, ahead = is_ahead(ch, theirs);

	for (unsigned i = 0; i + 1 < ch->nown; i++) {
		ch->own[i]->lost = is_lost(ch, ch->own[i], theirs, ahead);
		unlisted = unlisted || (ch->own[i]->lost && ch->own[i]->number == NO_NUMBER);
	}
	return unlisted;
}

void writer_hello(struct channel *ch, const struct hello *theirs)
{
	for (unsigned i = 0; i < ch->nown; i++) {
		struct own_log	       *log = ch->own[i];
		const struct hello_log *held = listed(theirs->peer, theirs->npeer, log->origin);

		log->sent = held != NULL ? held->size : log->number == NO_NUMBER ? log->frontier.size : 0;
		log->credit = 0;
		log->checkpoint_sent = 0;
		const char *fault = held != NULL ? held_fault(ch, log, held) : NULL;
		if (fault != NULL) {
			duty_alarm(ch, ALARM_ROOT, fault);
			return;
		}
	}
	if (writer_unreceipted(ch) > 0)
		ch->unreceipted_since_ms = ch->now_ms;
	if (partner_lost(ch, theirs))
		duty_close(ch, CLOSE_RESTART, "the partner lost what it had receipted: dial again, and it is sent again");
	else if (adopt_hello(ch, theirs))
		adopt_begin(ch);
}

static void checkpoint_send(struct channel *ch, struct own_log *log)
{
	uint8_t *memory = step_take(ch, 256);

	if (memory == NULL)
		return;
	struct builder b = builder_on(memory, 256);
	log->checkpoint.log = (uint16_t)log->number;
	checkpoint_frame_write(&b, &log->checkpoint);
	struct duty *send = duty_add(ch, DUTY_SEND);
	if (send == NULL)
		return;
	send->frame = builder_bytes(&b);
	log->checkpoint_sent = log->checkpoint.size;
}

static void resend(struct channel *ch, struct own_log *log)
{
	uint64_t to = log->credit < log->frontier.size ? log->credit : log->frontier.size;

	if (log->sent >= to)
		return;
	struct duty *d = duty_add(ch, DUTY_RESEND);
	if (d == NULL)
		return;
	d->resend.epoch = log->epoch;
	d->resend.log = (uint16_t)log->number;
	d->resend.from = log->sent;
	d->resend.to = to;
	/*
	 * What is sent must be covered, or no more credit comes. What is behind the last
	 * checkpoint of an older epoch is covered by the GENESIS that follows it, unless that
	 * was written by a ledger that had lost it.
	 */
	d->resend.covered = to < log->frontier.size || log != writer_log(ch);
	log->sent = to;
}

/*
 * True while a part of what was lost came back in an earlier session and the rest is still
 * being fetched: it may name what is not here yet, and the partner could not take it.
 */
static bool half_back(const struct channel *ch)
{
	for (unsigned i = 0; ch->fetch.going && i < ch->nown; i++)
		if (ch->own[i]->naming.adopted && ch->own[i]->number != NO_NUMBER && ch->own[i]->receipted < ch->own[i]->frontier.size)
			return true;
	return false;
}

/* Sends what may be sent now: older epochs whole and first, then the open one, then its checkpoint. */
void writer_pump(struct channel *ch)
{
	if (half_back(ch))
		return;
	for (unsigned i = 0; ch->connected && i < ch->nown; i++) {
		struct own_log *log = ch->own[i];

		if (log->number == NO_NUMBER)
			continue;
		resend(ch, log);
		if (i + 1 < ch->nown && log->sent < log->frontier.size)
			return;
		if (i + 1 == ch->nown && log->credit > 0 && log->checkpoint.size > log->checkpoint_sent && log->checkpoint.size <= log->sent)
			checkpoint_send(ch, log);
	}
}

void writer_credit(struct channel *ch, const struct credit_frame *f)
{
	struct own_log *log = by_number(ch, f->log);

	if (log == NULL || f->max_size < log->credit) {
		duty_close(ch, CLOSE_PROTOCOL, "CREDIT for an unknown log, or lowered");
		return;
	}
	log->credit = f->max_size;
}

/* ---- receipts ---- */

static void delivered_mark(struct channel *ch, const struct own_log *log)
{
	while (ch->undelivered_n > 0) {
		struct slot_name *s = &ch->undelivered[ch->undelivered_head];
		struct live	 *l = live_by_number(&ch->asked, s->number, s->generation);

		if (l != NULL) {
			if (memcmp(l->at.epoch.b, log->epoch.b, EPOCH_SIZE) != 0 || l->at.index >= log->receipted)
				return;
			if (l->delivered_ms == 0)
				l->delivered_ms = ch->now_ms;
		}
		ch->undelivered_head = (ch->undelivered_head + 1) % CHANNEL_LIVE_MOST;
		ch->undelivered_n--;
	}
}

static void receipt_store(struct channel *ch, const struct own_log *log, const struct receipt_frame *f)
{
	struct duty *store = duty_add(ch, DUTY_STORE_RECEIPT);

	if (store == NULL)
		return;
	store->head.epoch = log->epoch;
	store->head.own = true;
	store->head.size = f->size;
	store->head.root = f->root;
	store->head.sig = f->sig;
	store->head.time_s = f->time_s;
}

void writer_receipt(struct channel *ch, const struct receipt_frame *f)
{
	struct own_log	 *log = by_number(ch, f->log);
	struct checkpoint c = {.size = f->size, .root = f->root};
	struct hash	  memory;

	if (log == NULL || (f->size > log->durable.size && log == writer_log(ch))) {
		duty_close(ch, CLOSE_PROTOCOL, "RECEIPT for a log or a size that was not shown");
		return;
	}
	if (f->size > log->durable.size)
		return; /* of an older epoch that is not whole here: it comes again in the next session */
	memcpy(c.origin, log->origin, sizeof c.origin);
	if (f->size == log->frontier.size)
		log->lost = false;
	if (log->sent < f->size)
		log->sent = f->size; /* it is held there, shown or not */
	if (f->size <= log->receipted)
		return;
	const struct hash *root = root_known(ch, log, f->size, &memory);
	if (root == NULL)
		return; /* of a size between two checkpoints of an older epoch: a later one will come */
	enum key_word word = keys_receipt(ch, &log->epoch, &c, f->time_s, &f->sig);
	if (word == KEY_UNKNOWN)
		duty_close(ch, CLOSE_PROTOCOL, "a RECEIPT whose signature does not verify");
	if (word != KEY_GOOD)
		return; /* by a revoked key: nothing is receipted by it, and nothing is wrong */
	if (!hash_equal(root, &f->root)) {
		duty_alarm(ch, ALARM_FORK, "the partner receipted another root than the one we signed");
		return;
	}
	log->receipted = f->size;
	ch->unreceipted_since_ms = writer_unreceipted(ch) > 0 ? ch->now_ms : 0;
	receipt_store(ch, log, f);
	delivered_mark(ch, log);
}
