#include "channel/channel.h"

#include <stdlib.h>

#include "channel/state.h"

/* The largest step covers a whole window: each pending entry is copied twice at most, and leads to one reply. */
#define STEP_MEMORY_MOST (2 * PENDING_MOST + CHANNEL_WINDOW * (32u << 10))

int32_t day_of(uint64_t ms)
{
	return (int32_t)(ms / 86400000);
}

/* The year of a UTC day, by the Gregorian calendar, which repeats itself every 146,097 days. */
int32_t year_of(int32_t day)
{
	int32_t since_march = day + 719468; /* of the year 0 */
	int32_t era = since_march / 146097, of_era = since_march % 146097;
	int32_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int32_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);

	return era * 400 + year_of_era + (of_year >= 306 ? 1 : 0);
}

bool time_near(const struct channel *ch, uint64_t time_ms)
{
	uint64_t apart = time_ms > ch->now_ms ? time_ms - ch->now_ms : ch->now_ms - time_ms;

	return apart <= CHANNEL_SKEW_MS;
}

int agreement_index(const struct channel *ch, const struct hash *id)
{
	for (unsigned i = 0; i < ch->nagreements; i++)
		if (hash_equal(&ch->agreement[i]->id, id))
			return (int)i;
	return -1;
}

static bool name_copy(char *to, size_t room, const char *from)
{
	size_t n = strlen(from);

	if (n >= room)
		return false;
	memcpy(to, from, n + 1);
	return true;
}

struct channel *channel_new(const struct channel_setup *setup)
{
	struct channel *ch = calloc(1, sizeof *ch);
	uint8_t		seed[16];

	if (ch == NULL)
		return NULL;
	spring_init(&ch->spring, setup->seed);
	spring_draw(&ch->spring, seed, sizeof seed);
	arena_init(&ch->arena, STEP_MEMORY_MOST);
	ch->ring[true] = setup->own;
	ch->ring[false] = setup->theirs;
	ch->undelivered = calloc(CHANNEL_LIVE_MOST, sizeof *ch->undelivered);
	if (!name_copy(ch->self, sizeof ch->self, setup->self) || !name_copy(ch->peer_name, sizeof ch->peer_name, setup->peer) ||
	    !name_copy(ch->name, sizeof ch->name, setup->name) || ch->undelivered == NULL || live_init(&ch->asked, seed) ||
	    live_init(&ch->asked_of_us, seed) || table_init(&ch->turn, 2 * CHANNEL_LIVE_MOST, seed) ||
	    table_init(&ch->pending_key, PENDING_MIDS_MOST, seed)) {
		channel_free(ch);
		return NULL;
	}
	return ch;
}

void channel_free(struct channel *ch)
{
	if (ch == NULL)
		return;
	adopt_done(ch);
	for (unsigned i = 0; i < ch->nown; i++)
		free(ch->own[i]);
	for (unsigned i = 0; i < ch->npeer; i++)
		peer_log_free(ch, ch->peer[i]);
	free(ch->brief[0].at);
	free(ch->brief[1].at);
	live_done(&ch->asked);
	live_done(&ch->asked_of_us);
	table_done(&ch->turn);
	table_done(&ch->pending_key);
	arena_done(&ch->arena);
	spring_done(&ch->spring);
	free(ch->undelivered);
	free(ch->unsigned_leaf);
	free(ch->duty);
	free(ch);
}

void channel_mix(struct channel *ch, const uint8_t seed[SPRING_SEED])
{
	spring_mix(&ch->spring, seed);
}

enum err channel_permit(struct channel *ch, const struct agreement *a)
{
	if (ch->nagreements == CHANNEL_AGREEMENTS_MOST)
		return ERR_TOO_LONG;
	ch->agreement[ch->nagreements++] = a;
	return ERR_OK;
}

/* ---- recall ---- */

static void agrees_recall(const struct channel *ch, const struct recalled_log *from, struct agreed *to)
{
	for (unsigned i = 0; i < from->nagree; i++) {
		int with = agreement_index(ch, &from->agree[i].agreement);

		if (with >= 0 && !to[with].known)
			to[with] = (struct agreed){true, from->agree[i].index};
	}
}

static enum err origin_of(const struct channel *ch, const struct epoch *epoch, char out[ORIGIN_MOST])
{
	struct origin o = {.epoch = *epoch};

	memcpy(o.author, ch->peer_name, sizeof o.author);
	memcpy(o.reader, ch->self, sizeof o.reader);
	memcpy(o.channel, ch->name, sizeof o.channel);
	return origin_write(&o, out);
}

static enum err own_recall(struct channel *ch, const struct recalled_log *from)
{
	struct own_log *log = writer_log_new(ch, &from->epoch);

	if (log == NULL)
		return ch->err;
	log->frontier = log->durable = from->frontier;
	if (from->frontier.size > 0)
		log->tally = from->tally;
	log->receipted = from->receipted;
	log->last_time_ms = from->last_time_ms;
	log->previous = from->previous;
	log->naming = from->naming;
	log->quiet = from->quiet && from->frontier.size > 0;
	log->skipped = ch->open && writer_is_left(log);
	agrees_recall(ch, from, log->agree);
	if (!ch->open && !log->naming.adopted && log->frontier.size > 0)
		ch->tip = log;
	if (from->last_time_ms > ch->our_last_time_ms)
		ch->our_last_time_ms = from->last_time_ms;
	writer_sort(ch);
	return ch->err;
}

static enum err peer_recall(struct channel *ch, const struct recalled_log *from)
{
	struct peer_log *l = calloc(1, sizeof *l);
	size_t		 n = (size_t)(from->frontier.size - from->receipted);

	if (l == NULL)
		return ERR_MEMORY;
	if (ch->npeer == CHANNEL_LOGS_MOST) {
		struct brief old = {.epoch = ch->peer[0]->epoch, .size = ch->peer[0]->frontier.size};
		enum err     e = brief_add(ch, false, &old);

		peer_log_free(ch, ch->peer[0]);
		memmove(&ch->peer[0], &ch->peer[1], --ch->npeer * sizeof ch->peer[0]);
		if (e != ERR_OK) {
			free(l);
			return e;
		}
	}
	unsigned at = ch->open ? 0 : ch->npeer; /* one that comes back later is older than all that are here */
	memmove(&ch->peer[at + 1], &ch->peer[at], (ch->npeer++ - at) * sizeof ch->peer[0]);
	ch->peer[at] = l;
	l->epoch = from->epoch;
	l->frontier = from->frontier;
	l->tally = l->tally_held = from->tally;
	l->durable = from->frontier.size;
	l->number = NO_NUMBER;
	l->last_time_ms = from->last_time_ms;
	l->naming = from->naming;
	agrees_recall(ch, from, l->agree);
	if (from->receipt != NULL) {
		l->has_receipt = true;
		l->receipt = *from->receipt;
	}
	if (from->last_time_ms > ch->their_last_time_ms)
		ch->their_last_time_ms = from->last_time_ms;
	if (n > 0) {
		l->leaf = malloc(n * sizeof *l->leaf);
		if (l->leaf == NULL)
			return ERR_MEMORY;
		memcpy(l->leaf, from->leaves, n * sizeof *l->leaf);
		l->nleaf = l->room_leaf = n;
	}
	return origin_of(ch, &from->epoch, l->origin);
}

static void brief_forget(struct channel *ch, bool own, const struct epoch *epoch)
{
	struct briefs	   *b = &ch->brief[own];
	const struct brief *at = brief_find(ch, own, epoch);

	if (at != NULL)
		b->at[at - b->at] = b->at[--b->n];
}

/* A ledger with a receipt over more entries than it has was cut short: ERR_DISK. */
enum err channel_recall(struct channel *ch, bool own, const struct recalled_log *log)
{
	if (log->receipted > log->frontier.size)
		return ERR_DISK;
	brief_forget(ch, own, &log->epoch);
	return own ? own_recall(ch, log) : peer_recall(ch, log);
}

enum err brief_add(struct channel *ch, bool own, const struct brief *brief)
{
	struct briefs *b = &ch->brief[own];

	if (b->n == b->room) {
		size_t	      room = b->room ? 2 * b->room : 64;
		struct brief *more = realloc(b->at, room * sizeof *more);

		if (more == NULL)
			return ERR_MEMORY;
		b->at = more;
		b->room = room;
	}
	b->at[b->n++] = *brief;
	return ERR_OK;
}

const struct brief *brief_find(const struct channel *ch, bool own, const struct epoch *epoch)
{
	const struct briefs *b = &ch->brief[own];

	for (size_t i = b->n; i > 0; i--)
		if (memcmp(b->at[i - 1].epoch.b, epoch->b, EPOCH_SIZE) == 0)
			return &b->at[i - 1];
	return NULL;
}

void brief_recall(struct channel *ch, bool own, const struct epoch *epoch)
{
	struct duty *d = duty_add(ch, DUTY_RECALL);

	if (d == NULL)
		return;
	d->recall.epoch = *epoch;
	d->recall.own = own;
}

enum err channel_recall_brief(struct channel *ch, bool own, const struct brief *brief)
{
	return brief_add(ch, own, brief);
}

void channel_recall_quota(struct channel *ch, bool ours, const struct hash *agreement, uint16_t clause, int32_t day, uint64_t used)
{
	int with = agreement_index(ch, agreement);

	if (with >= 0)
		quota_recall(ch, ours, with, clause, day, used);
}

uint64_t channel_quota_used(const struct channel *ch, bool ours, const struct hash *agreement, uint16_t clause, int32_t day)
{
	int with = agreement_index(ch, agreement);

	return with < 0 ? 0 : quota_used(ch, ours, with, clause, day);
}

enum err channel_recall_question(struct channel *ch, const struct exchange *x, const struct hash *leaf)
{
	struct live *l = live_add(&ch->asked, x->mid, &x->question);

	if (l == NULL)
		return ERR_BUSY;
	l->leaf = *leaf;
	l->agreement = x->agreement;
	l->clause = x->clause;
	l->with = agreement_index(ch, &x->agreement);
	l->accepted_ms = x->accepted_ms;
	l->delivered_ms = x->delivered_ms;
	l->not_after_ms = x->not_after_ms;
	l->used_quota = x->used;
	return ERR_OK;
}

/* ---- HELLO ---- */

static enum err hello_own(struct channel *ch, struct hello *mine)
{
	for (unsigned i = 0; i < ch->nown; i++) {
		struct own_log *log = ch->own[i];

		log->number = NO_NUMBER;
		if (i + 1 < ch->nown && !log->lost && (log->skipped || log->receipted == log->frontier.size))
			continue;
		if (mine->nown == HELLO_LOGS_MOST)
			return ERR_TOO_LONG;
		log->number = mine->nown;
		mine->own[mine->nown++] = (struct hello_log){.origin = bytes_text(log->origin),
							     .state = i + 1 < ch->nown,
							     .size = log->durable.size,
							     .root = frontier_root(&log->durable)};
	}
	return ERR_OK;
}

enum err channel_hello(struct channel *ch, struct hello *mine)
{
	enum err e = hello_own(ch, mine);

	for (unsigned i = 0; e == ERR_OK && i < ch->npeer; i++) {
		struct peer_log *l = ch->peer[i];

		if (l->frontier.size == 0)
			continue;
		if (mine->npeer == HELLO_LOGS_MOST)
			return ERR_TOO_LONG;
		mine->peer[mine->npeer++] =
			(struct hello_log){.origin = bytes_text(l->origin), .size = l->frontier.size, .root = frontier_root(&l->frontier)};
	}
	return e;
}

static void hello_act(struct channel *ch, const struct channel_event *event)
{
	reader_disconnected(ch);
	adopt_disconnected(ch);
	if (ch->frozen)
		return;
	ch->connected = true;
	writer_hello(ch, event->hello);
	if (ch->connected)
		reader_hello(ch, event->hello);
	if (!ch->connected || ch->fetch.going || ch->resumed)
		return;
	ch->resumed = true;
	duty_add(ch, DUTY_UNANSWERED);
}

/* ---- one step ---- */

static void durable_act(struct channel *ch)
{
	ch->dirty = false;
	table_clear(&ch->turn);
	reader_durable(ch); /* the receipt first: who gets an answer then holds the receipt of its question too */
	writer_durable(ch);
}

/* Questions whose worker never came back are answered before they are forgotten. */
static void tick_act(struct channel *ch)
{
	struct channel_event late = {.type = EVENT_FOUND, .found.outcome = FOUND_ERROR};

	ch->gets = 0;
	writer_tick(ch);
	for (uint32_t i = 0; ch->asked_of_us.n > 0 && i < CHANNEL_LIVE_MOST; i++) {
		const struct live *l = &ch->asked_of_us.at[i];

		if (!l->used || ch->now_ms <= l->not_after_ms)
			continue;
		late.found.ticket = (uint64_t)l->generation << 32 | i;
		question_found(ch, &late);
	}
}

static void event_act(struct channel *ch, const struct channel_event *event)
{
	switch (event->type) {
	case EVENT_OPENED:
		writer_opened(ch, &event->opened);
		break;
	case EVENT_HELLO:
		hello_act(ch, event);
		break;
	case EVENT_DISCONNECTED:
		ch->connected = false;
		reader_disconnected(ch);
		adopt_disconnected(ch);
		break;
	case EVENT_ENTRY:
		if (ch->connected)
			reader_entry(ch, event);
		break;
	case EVENT_GET:
		if (ch->connected)
			partner_gets(ch, event->get);
		break;
	case EVENT_RANGE:
		if (ch->connected)
			adopt_range(ch, event->range);
		break;
	case EVENT_CHECKPOINT:
		if (ch->connected)
			reader_checkpoint(ch, &event->checkpoint);
		break;
	case EVENT_RECEIPT:
		if (ch->connected)
			writer_receipt(ch, &event->receipt);
		break;
	case EVENT_CREDIT:
		if (ch->connected)
			writer_credit(ch, &event->credit);
		break;
	case EVENT_ASK:
		question_ask(ch, &event->ask);
		break;
	case EVENT_CANCEL:
		question_cancel(ch, event);
		break;
	case EVENT_FOUND:
		question_found(ch, event);
		break;
	case EVENT_UNANSWERED:
		question_again(ch, event);
		break;
	case EVENT_DURABLE:
		durable_act(ch);
		break;
	case EVENT_SIGNED:
		writer_signed(ch, event->signature.size, &event->signature.root, &event->signature.sig);
		break;
	case EVENT_COSIGNED:
		reader_cosigned(ch, event);
		break;
	case EVENT_TICK:
		tick_act(ch);
		break;
	case EVENT_CLOSE:
		writer_close(ch);
		break;
	}
}

struct duties channel_step(struct channel *ch, const struct channel_event *event)
{
	ch->nduties = 0;
	arena_done(&ch->arena);
	arena_init(&ch->arena, STEP_MEMORY_MOST);
	ch->now_ms = event->now_ms;
	event_act(ch, event);
	if (ch->connected && !ch->frozen)
		writer_pump(ch);
	if (ch->err != ERR_OK)
		ch->frozen = true;
	return (struct duties){.at = ch->duty, .n = ch->nduties, .err = ch->err};
}

/* ---- looking ---- */

bool channel_log(const struct channel *ch, bool own, struct channel_log *out)
{
	const struct peer_log *peer = reader_log(ch);

	if (own && ch->nown > 0)
		return channel_log_find(ch, true, &ch->own[ch->nown - 1]->epoch, out);
	return !own && peer != NULL && channel_log_find(ch, false, &peer->epoch, out);
}

bool channel_log_find(const struct channel *ch, bool own, const struct epoch *epoch, struct channel_log *out)
{
	const struct own_log  *mine = own ? writer_find(ch, epoch) : NULL;
	const struct peer_log *theirs = own ? NULL : reader_find(ch, epoch);

	if (mine != NULL)
		*out = (struct channel_log){mine->epoch, &mine->frontier, &mine->tally, mine->receipted, mine->durable.size, mine->last_time_ms};
	if (theirs != NULL)
		*out = (struct channel_log){theirs->epoch,   &theirs->frontier,	  &theirs->tally, theirs->has_receipt ? theirs->receipt.size : 0,
					    theirs->durable, theirs->last_time_ms};
	return mine != NULL || theirs != NULL;
}

bool channel_connected(const struct channel *ch)
{
	return ch->connected;
}

bool channel_settled(const struct channel *ch)
{
	const struct own_log *log = writer_log(ch);

	return log == NULL || log->checkpoint.size == log->frontier.size;
}

bool channel_frozen(const struct channel *ch)
{
	return ch->frozen;
}

void channel_freeze(struct channel *ch)
{
	ch->frozen = true;
}

/* Of the partner's side this knows what its receipts say, and that what came of its log is whole so far. */
bool channel_equal(const struct channel *ch)
{
	const struct peer_log *peer = reader_log(ch);

	if (!ch->connected || ch->frozen || channel_fetching(ch) || channel_waiting(ch) || writer_log(ch) == NULL || peer == NULL)
		return false;
	for (unsigned i = 0; i < ch->npeer; i++)
		if (ch->peer[i]->npending > 0)
			return false;
	return writer_unreceipted(ch) == 0 && peer->has_receipt && peer->receipt.size == peer->frontier.size;
}

uint64_t channel_unreceipted(const struct channel *ch)
{
	return writer_unreceipted(ch);
}
