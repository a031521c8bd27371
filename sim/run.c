/* run.c: draws the schedule: work, misfortunes, and somebody who mends them. */
#include "run.h"

#include "pen.h"

#define ASKS_MOST 60

/* What may happen in this run. */
struct weather {
	bool restores, flips, full, clocks, networks, keys;
};

struct run {
	struct world   world;
	struct weather weather;
	struct pen     pen;
	unsigned       asks, quiets;
};

/* ---- single events ---- */

/* The first of a link asks under clause 7 and, more rarely, the other under clause 9. */
static void ask_draw(struct run *r, struct side *s)
{
	static const char   *declarations[] = {"2026-1", "2026-2", "0-unknown", "2026-3"};
	static const char   *purposes[] = {"duty-assessment", "duty-assessment", "duty-assessment", "marketing"};
	struct world	    *w = &r->world;
	struct side_question ask = {.clause = s->number % 2 ? 9 : 7, .purpose = purposes[world_draw(w, 4)]};

	ask.declaration = world_draw(w, 12) ? declarations[world_draw(w, 4)] : NULL;
	ask.extra_field = world_draw(w, 16) ? NULL : "importer";
	if (s->channel == NULL || s->gateway->committing || r->asks == ASKS_MOST)
		return;
	r->asks++;
	side_ask_with(s, &ask);
}

/* Each clock walks by itself, back as well; within what the rules bear, and sometimes not. */
static void clock_draw(struct run *r, struct gateway *g)
{
	struct world *w = &r->world;

	if (world_draw(w, 3) > 0) {
		w->now_ms += world_draw(w, 20) ? world_draw(w, 500) : world_draw(w, 70000);
		return;
	}
	g->skew_ms = (int64_t)world_draw(w, 20000) - 10000;
	if (!r->weather.clocks || world_draw(w, 2))
		return;
	g->skew_ms = (int64_t)world_draw(w, 2 * 3600000) - 3600000;
	w->clocks_wrong = true;
}

static bool commit_draw(struct run *r, struct gateway *g)
{
	struct world *w = &r->world;

	if (!g->committing)
		return gateway_commit_begin(g);
	gateway_commit_end(g, r->weather.full && world_draw(w, 60) == 0 ? COMMIT_FAILED : COMMIT_DONE);
	return true;
}

#define WORKS 5

/* One step of ordinary work, begun at any of them; false when there is nothing to do here. */
static bool work_draw(struct run *r, struct side *s)
{
	uint64_t first = world_draw(&r->world, WORKS);

	for (uint64_t i = 0; i < WORKS; i++)
		switch ((first + i) % WORKS) {
		case 0:
			if (side_read(s))
				return true;
			break;
		case 1:
			if (side_work(s))
				return true;
			break;
		case 2:
			if (commit_draw(r, s->gateway))
				return true;
			break;
		case 3:
			if (side_greet(s))
				return true;
			break;
		default:
			if (side_notice(s))
				return true;
		}
	return false;
}

static void connect_draw(struct run *r, struct side *s)
{
	struct world *w = &r->world;

	if (s->session != 0 && s->session == s->other->session && world_draw(w, 40) > 0)
		return; /* a session is superseded now and then */
	if (s->other->gateway->hostile || world_draw(w, 2))
		link_dial(s);
	else
		link_connect(s);
}

/* What a network does besides being slow. */
static void network_draw(struct run *r, struct side *s)
{
	switch (world_draw(&r->world, 4)) {
	case 0:
		link_cut(s);
		break;
	case 1:
		if (!s->gateway->committing)
			side_hang_up(s);
		break;
	case 2:
		s->deaf = s->deaf || r->weather.networks;
		break;
	default:
		link_dial(s);
	}
}

static void restore_draw(struct run *r, struct gateway *g)
{
	struct world *w = &r->world;

	if (!r->weather.restores || g->nbackups == 0)
		return;
	gateway_restore(g, (unsigned)world_draw(w, g->nbackups));
}

/*
 * Somebody may have changed a key while it was down. One that is called stolen counts up to the
 * receipts on this disk; after an older copy was put back those would be too few.
 */
static void start_draw(struct run *r, struct gateway *g)
{
	struct world *w = &r->world;

	if (!g->up && !g->hostile && r->weather.keys && world_draw(w, 2) == 0) {
		struct side  *s = g->side[world_draw(w, g->nsides)];
		enum key_kind what = (enum key_kind)world_draw(w, 3);

		side_rotate(s, what, what != KEY_ROOT && !r->weather.restores && !r->weather.flips && world_draw(w, 3) == 0);
	}
	gateway_start(g);
}

static void disk_draw(struct run *r, struct gateway *g)
{
	struct world *w = &r->world;

	if (r->weather.flips && world_draw(w, 3) == 0)
		gateway_flip(g);
	else if (r->weather.full)
		g->full = !g->full && world_draw(w, 3) == 0;
}

static bool quiet_time(struct run *r);

/* Of a thousand events: mostly work, now and then a misfortune, and soon after it somebody who mends it. */
static void event_draw(struct run *r)
{
	struct world   *w = &r->world;
	struct gateway *g = &w->gateway[world_draw(w, w->ngateways)];
	struct side    *s = g->side[world_draw(w, g->nsides)];
	uint64_t	what = world_draw(w, 1000);

	if (g->hostile) {
		pen_write(&r->pen, s);
		return;
	}
	if (what < 640) {
		for (unsigned i = 0; i < 3 && !work_draw(r, s); i++)
			s = &w->side[world_draw(w, w->nsides)];
	} else if (what < 780)
		ask_draw(r, s);
	else if (what < 810)
		clock_draw(r, g);
	else if (what < 830)
		side_tick(s);
	else if (what < 840)
		network_draw(r, s);
	else if (what < 850)
		gateway_crash(g);
	else if (what < 853)
		gateway_stop(g);
	else if (what < 900)
		start_draw(r, g);
	else if (what < 980)
		connect_draw(r, s);
	else if (what < 986)
		gateway_backup(g);
	else if (what < 991)
		restore_draw(r, g);
	else if (what < 995)
		disk_draw(r, g);
	else if (what < 998)
		w->outcome = world_draw(w, 2) ? FOUND_HIT : FOUND_ERROR;
	else if (w->broken != BREAK_SPOIL)
		(void)quiet_time(r); /* a spoiled wire freezes channels, which do not come to rest */
}

/* ---- a quiet time: everybody comes back, talks until nothing is left to say, and must agree ---- */

/* A scrub finds what no reading found before; what is damaged is put back to a backup. */
static void gateway_mend(struct gateway *g)
{
	bool damaged = false;

	for (unsigned i = 0; i < g->nsides; i++) {
		damaged = damaged || g->side[i]->damaged || g->side[i]->disk.flipped;
		if (g->side[i]->deaf)
			link_cut(g->side[i]);
	}
	g->full = false;
	g->skew_ms = 0;
	gateway_commit_end(g, COMMIT_DONE);
	if (damaged)
		gateway_restore(g, g->nbackups - 1);
	gateway_start(g);
}

static bool link_rests(const struct side *s)
{
	if (s->gateway->hostile || s->other->gateway->hostile || link_given_up(s))
		return true;
	return s->up && s->other->up && !channel_fetching(s->channel) && !channel_fetching(s->other->channel);
}

#define SESSIONS_MOST 20

static void links_settle(struct world *w)
{
	bool rests = false;

	for (unsigned i = 0; i < SESSIONS_MOST && !rests && w->fault[0] == '\0'; i++) {
		rests = true;
		world_settle(w);
		for (unsigned k = 0; k < w->nsides; k += 2)
			if (!link_rests(&w->side[k])) {
				rests = false;
				link_connect(&w->side[k]);
			}
	}
	if (!rests)
		world_fault(w, "the gateways never come to rest in one session");
}

static void time_passes(struct world *w, uint64_t ms)
{
	w->now_ms += ms;
	for (unsigned i = 0; i < w->nsides; i++)
		side_tick(&w->side[i]);
	links_settle(w);
}

/* Whoever decides by the same rules before asking is never refused: neither by the clock, nor the quota, nor for an agreement. */
static void refusals_check(struct world *w, const struct side *s)
{
	for (size_t k = 0; k < s->disk.nanswers && !w->clocks_wrong && !w->parted[s->number / 2]; k++)
		if (s->disk.answer[k].state == EXCHANGE_REFUSED)
			world_fault(w, "a question that the asking side permitted was refused");
}

static void honest_check(struct world *w, const struct side *s)
{
	if (s->gateway->hostile || s->other->gateway->hostile || link_given_up(s))
		return;
	if (s->alarms > 0 || (s->channel != NULL && channel_frozen(s->channel)))
		world_fault(w, "an honest run raised an alarm at %s", s->shown);
	refusals_check(w, s);
}

static bool quiet_time(struct run *r)
{
	struct world *w = &r->world;

	r->quiets++;
	w->crash_at = 0;
	for (unsigned i = 0; i < w->ngateways; i++)
		gateway_mend(&w->gateway[i]);
	links_settle(w);
	for (unsigned i = 0; i < 2; i++)
		time_passes(w, 70000);
	for (unsigned i = 0; i < w->nsides; i++)
		honest_check(w, &w->side[i]);
	return w->fault[0] == '\0' && world_check_quiet(w);
}

/* ---- a run ---- */

static void weather_draw(struct run *r, const struct run_options *o)
{
	struct world *w = &r->world;

	r->weather.restores = world_draw(w, 3) > 0;
	r->weather.flips = world_draw(w, 4) == 0;
	r->weather.full = world_draw(w, 3) == 0;
	r->weather.clocks = world_draw(w, 8) == 0;
	r->weather.networks = world_draw(w, 2) == 0;
	r->weather.keys = world_draw(w, 4) == 0;
	w->verify = world_draw(w, 16) == 0;
	bool hostile = world_draw(w, 6) == 0 && !o->honest;
	pen_begin(&r->pen, hostile ? &w->gateway[w->ngateways - 1] : NULL);
}

static void sum_add(struct run_sum *sum, const struct run *r)
{
	const struct world *w = &r->world;

	sum->runs++;
	sum->three += w->ngateways > 2;
	sum->hostile += w->gateway[w->ngateways - 1].hostile;
	sum->kills += w->kills;
	sum->restores += w->restores;
	sum->commits += w->commits;
	sum->failed_commits += w->failed_commits;
	sum->flips += w->flips;
	sum->quiets += r->quiets;
	for (unsigned i = 0; i < w->nsides; i++) {
		const struct disk *d = &w->side[i].disk;

		sum->rotations += w->side[i].own.n - 1;
		sum->parted += w->parted[i / 2] && i % 2 == 0;
		sum->given_up += link_given_up(&w->side[i]) && i % 2 == 0;
		for (size_t k = 0; k < d->nexchanges; k++)
			sum->questions += d->exchange[k].ours;
		for (size_t k = 0; k < d->nanswers; k++) {
			sum->answers += d->answer[k].ours;
			sum->hits += d->answer[k].ours && d->answer[k].status == STATUS_OK;
		}
		for (size_t k = 0; k < d->nlogs; k++)
			sum->epochs += d->log[k].own;
		for (size_t k = 0; k < d->nentries; k++)
			sum->adopted += d->entry[k]->at.own && d->entry[k]->at.kind == KIND_ADOPT;
	}
}

static void everybody_begins(struct world *w)
{
	for (unsigned i = 0; i < w->ngateways; i++)
		gateway_start(&w->gateway[i]);
	for (unsigned i = 0; i < w->ngateways; i++)
		if (!w->gateway[i].hostile)
			side_commit(w->gateway[i].side[0]);
	world_connect(w);
	for (unsigned i = 0; i < w->ngateways; i++)
		gateway_backup(&w->gateway[i]);
}

bool run_seed(const struct run_options *o, struct run_sum *sum, char fault[FAULT_MOST])
{
	static struct run r;
	unsigned	  gateways = o->gateways ? o->gateways : o->seed % 4 == 0 ? 3 : 2;

	r.asks = r.quiets = 0;
	world_init(&r.world, o->seed, gateways, o->trace, true);
	r.world.broken = o->broken;
	r.world.slow = true;
	r.world.forward = o->forward;
	weather_draw(&r, o);
	everybody_begins(&r.world);
	bool ok = true;
	for (unsigned i = 0; i < o->steps && ok; i++) {
		event_draw(&r);
		ok = world_check(&r.world);
	}
	ok = ok && (o->broken == BREAK_SPOIL || quiet_time(&r));
	snprintf(fault, FAULT_MOST, "%s", r.world.fault);
	sum_add(sum, &r);
	world_done(&r.world);
	return ok;
}

/* ---- a story without chance ---- */

static void north_asks(struct world *w, const char *declaration)
{
	side_ask(&w->side[NORTH], "duty-assessment", declaration, NULL);
}

bool run_story(uint64_t crash_at, bool put_back, FILE *trace, uint64_t *duties, char fault[FAULT_MOST])
{
	static struct run r;
	struct world	 *w = &r.world;

	world_init(w, 1, 2, trace, true);
	side_start(&w->side[NORTH]);
	side_start(&w->side[SOUTH]);
	gateway_backup(&w->gateway[NORTH]);
	gateway_backup(&w->gateway[SOUTH]);
	w->crash_at = crash_at ? w->duties + crash_at : 0;
	uint64_t before = w->duties;
	world_connect(w);
	world_settle(w);
	north_asks(w, "2026-1");
	world_settle(w);
	north_asks(w, "0-unknown");
	north_asks(w, "2026-2");
	world_settle(w);
	side_stop(&w->side[SOUTH]);
	side_start(&w->side[SOUTH]);
	world_connect(w);
	world_settle(w);
	*duties = w->duties - before;
	w->crash_at = 0;
	for (unsigned i = 0; i < 2 && put_back; i++)
		if (!w->gateway[i].up)
			gateway_restore(&w->gateway[i], 0);
	bool ok = world_check(w) && quiet_time(&r);
	snprintf(fault, FAULT_MOST, "%s", w->fault);
	world_done(w);
	return ok;
}
