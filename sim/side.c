/* side.c: the life of a gateway and of its channels: start, turn, crash, stop, backup, restore. */
#include <inttypes.h>
#include <stdlib.h>

#include "world.h"

/* ---- one event ---- */

void side_step(struct side *s, struct channel_event *event)
{
	if (s->channel == NULL)
		return;
	if (s->gateway->committing)
		world_fault(s->world, "the simulator steps %s while it commits", s->shown);
	event->now_ms = side_now(s);
	struct duties d = channel_step(s->channel, event);
	if (d.err != ERR_OK)
		world_fault(s->world, "%s: channel_step: %s", s->shown, err_text(d.err, LANG_EN));
	duties_perform(s, &d);
}

/* The channel's own writer appends it in a step of its own, without the questions that question.c would ask. */
void side_append(struct side *s, const struct draft *draft)
{
	struct channel *ch = s->channel;

	ch->nduties = 0;
	arena_done(&ch->arena);
	arena_init(&ch->arena, 1u << 20);
	ch->now_ms = side_now(s);
	if (!writer_append(ch, draft, NULL))
		abort();
	struct duties d = {.at = ch->duty, .n = ch->nduties};
	duties_perform(s, &d);
}

void side_tick(struct side *s)
{
	struct channel_event event = {.type = EVENT_TICK};

	if (!s->gateway->committing)
		side_step(s, &event);
}

static void field_put(struct fields *f, const char *name, const char *value)
{
	if (name != NULL && value != NULL && fields_add(f, bytes_text(name), bytes_text(value)) != ERR_OK)
		abort();
}

void side_ask_with(struct side *s, const struct side_question *ask)
{
	struct fields	     f = {0};
	struct channel_event event = {.type = EVENT_ASK};

	event.ask.agreement = s->agreement;
	event.ask.clause = ask->clause ? ask->clause : 7;
	event.ask.dry_run = ask->dry_run;
	event.ask.fields = &f;
	event.ask.purpose = ask->purpose ? bytes_text(ask->purpose) : BYTES_NONE;
	event.ask.reference = ask->reference ? bytes_text(ask->reference) : BYTES_NONE;
	field_put(&f, "declaration", ask->declaration);
	field_put(&f, ask->extra_field, "x");
	world_trace(s, "asks about %s for %s", ask->declaration ? ask->declaration : "nothing", ask->purpose ? ask->purpose : "no purpose");
	side_step(s, &event);
}

void side_ask(struct side *s, const char *purpose, const char *declaration, const char *extra_field)
{
	struct side_question ask = {.purpose = purpose, .declaration = declaration, .extra_field = extra_field};

	side_ask_with(s, &ask);
}

void side_cancel(struct side *s, const uint8_t mid[MID_SIZE])
{
	struct channel_event event = {.type = EVENT_CANCEL};

	memcpy(event.cancel.mid, mid, MID_SIZE);
	world_trace(s, "withdraws a question");
	side_step(s, &event);
}

/* A worker is a process of its own and may be overtaken by the keeper; what one process says stays in order. */
bool side_work(struct side *s)
{
	size_t	    at = 0;
	struct work w;

	if (s->nwork == 0 || s->channel == NULL || s->gateway->committing)
		return false;
	if (s->world->slow && world_draw(s->world, 3) == 0)
		while (at + 1 < s->nwork && s->work[at].event.type == EVENT_FOUND)
			at++;
	w = s->work[at];
	memmove(&s->work[at], &s->work[at + 1], (--s->nwork - at) * sizeof s->work[0]);
	if (w.event.type == EVENT_FOUND)
		w.event.found.fields = &w.fields;
	side_step(s, &w.event);
	return true;
}

unsigned side_unanswered(const struct side *s, bool ours)
{
	unsigned n = 0;

	for (size_t i = 0; i < s->disk.nexchanges; i++)
		n += s->disk.exchange[i].ours == ours && disk_answer_find(&s->disk, ours, s->disk.exchange[i].mid) == NULL;
	return n;
}

/* ---- reports ---- */

static void report_tell(struct side *s, const struct held_report *r)
{
	s->reports++;
	s->finals += r->final;
	s->last = r->exchange;
	memcpy(s->last_rule, r->rule, sizeof s->last_rule);
	memcpy(s->last_reason, r->reason, sizeof s->last_reason);
	memcpy(s->last_got, r->got, sizeof s->last_got);
	check_told(s, r);
	if (!r->final)
		return;
	const char *state = exchange_state_name(r->exchange.state);
	if (r->exchange.state == EXCHANGE_ANSWERED)
		world_trace(s, "tells: %s %s%s%s", state, status_name(r->exchange.status), r->got[0] ? ", status " : "", r->got);
	else
		world_trace(s, "tells: %s%s%s%s%s", state, r->reason[0] ? ": " : "", r->reason, r->rule[0] ? " by rule " : "", r->rule);
}

void reports_tell(struct side *s)
{
	unsigned n = s->nheld;

	s->nheld = 0;
	for (unsigned i = 0; i < n; i++)
		report_tell(s, &s->held[i]);
}

/* ---- the turn ---- */

bool gateway_commit_begin(struct gateway *g)
{
	bool dirty = false;

	for (unsigned i = 0; i < g->nsides; i++)
		dirty = dirty || g->side[i]->dirty;
	if (!g->up || g->committing || !dirty)
		return false;
	g->committing = true;
	return true;
}

static void durable_say(struct gateway *g)
{
	struct channel_event durable = {.type = EVENT_DURABLE};

	for (unsigned i = 0; i < g->nsides && g->up; i++) {
		struct side *s = g->side[i];

		s->settled = s->settled || s->dirty;
		s->dirty = false;
		reports_tell(s);
		side_step(s, &durable);
	}
}

/* After an error nobody knows what is on disk, so the gateway stops and reads it again (W9). */
static void commit_fail(struct gateway *g)
{
	bool written = !g->full && world_draw(g->world, 2) == 0;

	g->world->failed_commits++;
	for (unsigned i = 0; written && i < g->nsides; i++)
		disk_sync(&g->side[i]->disk);
	world_trace(g->side[0], "cannot write its disk%s", g->full ? ", which is full" : "");
	g->committing = false;
	gateway_crash(g);
}

void gateway_commit_end(struct gateway *g, enum commit_end how)
{
	if (!g->committing)
		return;
	if (how == COMMIT_FAILED || g->full) {
		commit_fail(g);
		return;
	}
	g->committing = false;
	g->world->commits++;
	for (unsigned i = 0; i < g->nsides; i++) {
		check_commit(g->side[i]);
		if (g->world->broken != BREAK_EARLY)
			disk_sync(&g->side[i]->disk);
	}
	durable_say(g);
}

bool side_commit(struct side *s)
{
	if (!gateway_commit_begin(s->gateway))
		return false;
	gateway_commit_end(s->gateway, COMMIT_DONE);
	return true;
}

/* ---- start ---- */

static void channel_open(struct side *s)
{
	struct channel_setup setup = {.self = s->name, .peer = s->other->name, .name = CHANNEL_NAME, .own = &s->own, .theirs = &s->theirs_held};
	struct channel_event opened = {.type = EVENT_OPENED};

	world_draw_bytes(s->world, setup.seed, sizeof setup.seed);
	s->channel = channel_new(&setup);
	if (s->channel == NULL)
		abort();
	if (s->holds_agreement && channel_permit(s->channel, s->agreement) != ERR_OK)
		abort();
	side_recall(s);
	if (s->channel == NULL)
		return;
	keeper_open(s, &opened.opened);
	world_trace(s, "starts");
	side_step(s, &opened);
}

void gateway_start(struct gateway *g)
{
	if (g->up || g->hostile)
		return;
	g->up = true;
	for (unsigned i = 0; i < g->nsides && g->up; i++)
		if (!g->side[i]->damaged)
			channel_open(g->side[i]);
}

void side_start(struct side *s)
{
	if (s->gateway->up)
		return;
	gateway_start(s->gateway);
	if (!s->world->slow)
		side_commit(s);
}

/* The channel is not served until the disk is put back; the others go on. */
bool side_serves(struct side *s, const struct disk_entry *e, struct entry *out)
{
	if (e != NULL && disk_entry_read(e, out))
		return true;
	if (!s->disk.flipped)
		world_fault(s->world, "%s cannot read back what it stored", s->shown);
	world_trace(s, "will not serve this channel: its ledger is damaged");
	s->damaged = true;
	side_hang_up(s);
	channel_free(s->channel);
	s->channel = NULL;
	disk_cut(&s->disk);
	s->nwork = s->nkeeper = s->nheld = 0;
	s->dirty = s->settled = s->again = false;
	return false;
}

/* ---- end ---- */

static void side_kill(struct side *s)
{
	channel_free(s->channel);
	s->channel = NULL;
	if (s->world->broken == BREAK_LOSE && s->disk.entries_durable > 0)
		s->disk.entries_durable--;
	if (s->world->broken == BREAK_FORGET)
		s->disk.answers_durable = 0;
	disk_cut(&s->disk);
	s->nkeeper = s->nwork = s->nheld = 0;
	s->dirty = s->settled = s->again = false;
}

/* The partners may still read what had left, or not even that. */
static void side_vanish(struct side *s)
{
	if (s->world->slow && world_draw(s->world, 2) == 0)
		side_hang_up(s);
	else
		link_cut(s);
	s->session = 0;
	s->up = s->greeted = s->heard = s->deaf = s->ended = s->closing = false;
	s->inbox.n = s->read = 0;
}

void gateway_crash(struct gateway *g)
{
	if (!g->up)
		return;
	if (g->committing && world_draw(g->world, 2) == 0)
		for (unsigned i = 0; i < g->nsides; i++)
			disk_sync(&g->side[i]->disk);
	g->up = g->committing = false;
	g->world->kills++;
	for (unsigned i = 0; i < g->nsides; i++) {
		world_trace(g->side[i], "is killed");
		side_kill(g->side[i]);
	}
	for (unsigned i = 0; i < g->nsides; i++)
		side_vanish(g->side[i]);
}

void side_crash(struct side *s)
{
	gateway_crash(s->gateway);
}

static void gateway_drain(struct gateway *g)
{
	for (bool more = true; more && g->up;) {
		more = side_commit(g->side[0]);
		for (unsigned i = 0; i < g->nsides; i++)
			more = side_work(g->side[i]) || more;
	}
}

void gateway_stop(struct gateway *g)
{
	struct channel_event end = {.type = EVENT_CLOSE};

	if (!g->up || g->committing)
		return;
	for (unsigned i = 0; i < g->nsides && g->up; i++)
		side_step(g->side[i], &end);
	gateway_drain(g);
	for (unsigned i = 0; i < g->nsides && g->up; i++) {
		struct side *s = g->side[i];

		world_trace(s, "stops in order");
		if (s->channel != NULL && !channel_settled(s->channel))
			world_fault(g->world, "%s stopped without a last checkpoint", s->shown);
	}
	gateway_crash(g);
}

void side_stop(struct side *s)
{
	gateway_stop(s->gateway);
}

/* ---- backup and restore ---- */

void gateway_backup(struct gateway *g)
{
	for (unsigned i = 0; i < g->nsides; i++)
		if (g->side[i]->disk.flipped || g->side[i]->disk.entries_durable == 0)
			return; /* a backup verifies what it copies */
	if (g->nbackups == BACKUPS_MOST) {
		unsigned gone = 1 + (unsigned)world_draw(g->world, BACKUPS_MOST - 1);

		for (unsigned i = 0; i < g->nsides; i++)
			disk_done(&g->backup[gone].disk[i]);
		memmove(&g->backup[gone], &g->backup[gone + 1], (BACKUPS_MOST - 1 - gone) * sizeof g->backup[0]);
		g->nbackups--;
	}
	struct backup *b = &g->backup[g->nbackups];
	memset(b, 0, sizeof *b);
	b->at_ms = g->world->now_ms;
	b->moment = ++g->world->moments;
	for (unsigned i = 0; i < g->nsides; i++)
		disk_copy(&b->disk[i], &g->side[i]->disk);
	world_trace(g->side[0], "is copied: backup %u", g->nbackups++);
}

/* What was copied in the time that is undone now is not kept, unless it may be put back one day. */
static void backups_undo(struct gateway *g, unsigned backup)
{
	while (!g->world->forward && g->nbackups > backup + 1)
		for (unsigned i = 0, last = --g->nbackups; i < g->nsides; i++)
			disk_done(&g->backup[last].disk[i]);
}

void gateway_restore(struct gateway *g, unsigned backup)
{
	if (backup >= g->nbackups)
		return;
	gateway_crash(g);
	world_trace(g->side[0], "is put back to backup %u of %" PRIu64, backup, g->backup[backup].at_ms - START_MS);
	g->lives++;
	g->world->restores++;
	for (unsigned i = 0; i < g->nsides; i++) {
		disk_done(&g->side[i]->disk);
		disk_copy(&g->side[i]->disk, &g->backup[backup].disk[i]);
		g->side[i]->damaged = false;
	}
	check_restored(g, &g->backup[backup]);
	backups_undo(g, backup);
}

/* The backups keep the entry as it was: what is damaged is a copy of it. */
void gateway_flip(struct gateway *g)
{
	struct world	  *w = g->world;
	struct side	  *s = g->side[world_draw(w, g->nsides)];
	size_t		   at = s->disk.entries_durable > 0 ? (size_t)world_draw(w, s->disk.entries_durable) : 0;
	struct disk_entry *e = arena_take(&w->memory, sizeof *e);

	if (s->disk.entries_durable == 0 || s->damaged)
		return;
	if (e == NULL)
		abort();
	*e = *s->disk.entry[at];
	uint8_t *copy = arena_take(&w->memory, e->at.header.n);
	if (copy == NULL)
		abort();
	memcpy(copy, e->at.header.at, e->at.header.n);
	copy[world_draw(w, e->at.header.n)] ^= (uint8_t)(1u << world_draw(w, 8));
	e->at.header.at = copy;
	s->disk.entry[at] = e;
	s->disk.flipped = true;
	w->flips++;
	world_trace(s, "has a bit flipped in %s %" PRIu64, kind_name(e->at.kind), e->at.index);
}

/* ---- rest ---- */

static bool gateway_goes(struct gateway *g)
{
	bool more = false;

	for (unsigned i = 0; i < g->nsides; i++) {
		while (side_read(g->side[i]))
			more = true;
		while (side_work(g->side[i]))
			more = true;
		more = side_notice(g->side[i]) || more;
		more = side_greet(g->side[i]) || more;
	}
	if (g->committing) {
		gateway_commit_end(g, COMMIT_DONE);
		more = true;
	}
	return side_commit(g->side[0]) || more;
}

#define ROUNDS_MOST 100000

void world_settle(struct world *w)
{
	bool more = true;

	for (unsigned guard = 0; more && guard < ROUNDS_MOST; guard++) {
		more = false;
		for (unsigned i = 0; i < w->ngateways; i++)
			more = (!w->gateway[i].hostile && gateway_goes(&w->gateway[i])) || more;
	}
	if (more)
		world_fault(w, "the gateways never come to rest");
}
