#include "gateway/core.h"

#include <stdlib.h>
#include <time.h>

#include "crypto/random.h"
#include "gateway/gateway.h"

void core_clock(struct core *c)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	c->now_ms = (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* W9: nothing is tried again on a ledger that failed to store; the parent leaves this process down. */
void core_ledger_stopped(struct core *c, enum err e, const char *what)
{
	if (c->stopped)
		return;
	c->stopped = true;
	journal(LEVEL_ERROR, "ledger-stopped", "%s: %s; see mithaq log verify", what, err_text(e, LANG_EN));
	process_leave(c->process, EXIT_LEDGER_STOPPED);
}

void core_step(struct core *c, struct core_channel *ch, struct channel_event *event)
{
	if (c->stopped)
		return;
	event->now_ms = c->now_ms;
	struct duties d = channel_step(ch->channel, event);
	if (d.err == ERR_OK) {
		core_perform(c, ch, &d);
		if (!ch->resuming)
			return;
		ch->resuming = false;
		core_unanswered(c, ch);
		return;
	}
	/* What the channel remembers and what is stored may differ now: nothing of this turn is committed, and the next life reads the ledger. */
	c->stopped = true;
	journal(LEVEL_ERROR, "channel-stopped", "channel %s with %s: %s; this process starts again from its ledger", ch->name, ch->partner->name,
		err_text(d.err, LANG_EN));
	process_leave(c->process, EXIT_TROUBLE);
}

static void timer_start(struct event *timer, long us)
{
	struct timeval t = {us / 1000000, us % 1000000};

	evtimer_add(timer, &t);
}

typedef void each_fn(struct core *c, struct core_channel *ch);

static void each_channel(struct core *c, each_fn *each)
{
	for (unsigned i = 0; i < c->npartners; i++)
		for (unsigned k = 0; k < c->partner[i].nchannels; k++)
			each(c, &c->partner[i].channel[k]);
}

/* ---- the turn ---- */

static void durable_step(struct core *c, struct core_channel *ch)
{
	struct channel_event durable = {.type = EVENT_DURABLE};

	core_step(c, ch, &durable);
	ch->settled = ch->settled || ch->opened != NULL;
}

static void salts_mix(struct core *c unused_arg, struct core_channel *ch)
{
	uint8_t seed[SPRING_SEED];

	random_bytes(seed, sizeof seed);
	channel_mix(ch->channel, seed);
	explicit_bzero(seed, sizeof seed);
}

static void links_flush(struct core *c)
{
	for (unsigned i = 0; i < c->npartners; i++)
		core_out_flush(&c->partner[i]);
}

/* About once a second, and between two turns: under load a turn is open whenever the clock ticks. */
static void tidy(struct core *c)
{
	if (!c->untidy || c->stopped || store_open_turn(c->store))
		return;
	enum err e = store_tidy(c->store, !c->active);
	c->untidy = false;
	if (e != ERR_OK)
		core_ledger_stopped(c, e, "tidy");
}

static void commit(struct core *c)
{
	if (c->stopped || !store_open_turn(c->store))
		return;
	links_flush(c); /* W2: entries may leave while the disk works */
	core_logs_save(c);
	if (c->stopped)
		return;
	enum err e = store_commit(c->store);
	if (e != ERR_OK) {
		core_ledger_stopped(c, e, "commit");
		return;
	}
	c->must_commit = c->has_received = false;
	each_channel(c, salts_mix);
	each_channel(c, durable_step);
	core_desk_flush(c);
	core_news_flush(c);
	tidy(c);
}

/* How long the turn may stay open, in microseconds; 0: commit now. */
static long patience(const struct core *c)
{
	if (c->must_commit || c->stopping)
		return 0;
	if (c->has_received)
		return core_lookups_out(c) > 0 ? CORE_LOOKUP_WAIT_US : 0;
	return CORE_LAZY_US;
}

static bool all_settled(const struct core *c)
{
	for (unsigned i = 0; i < c->npartners; i++)
		for (unsigned k = 0; k < c->partner[i].nchannels; k++)
			if (!channel_settled(c->partner[i].channel[k].channel))
				return false;
	return true;
}

/* The TALLY of every channel is signed: the partners are told whether it is worth dialling again. */
static void end_in_order(struct core *c)
{
	for (unsigned i = 0; i < c->npartners; i++) {
		struct core_partner *p = &c->partner[i];

		if (c->leaving)
			core_session_close(p, CLOSE_RESTART, "this gateway takes up what changed: dial again");
		else
			core_session_close(p, CLOSE_NORMAL, "this gateway stops");
		if (p->link != NULL)
			pipe_flush(p->link);
	}
	c->active = false; /* what the log of the database holds moves into it: who looks at a stopped house finds one file */
	c->untidy = true;
	tidy(c);
	process_stopped(c->process);
}

static void turn(struct process *p)
{
	struct core *c = p->self;

	core_clock(c);
	core_worker_failed(c);
	core_house_answer(c);
	core_held_try(c);
	if (store_open_turn(c->store) && !c->stopped) {
		long us = patience(c);

		if (us == 0)
			commit(c);
		else if (!evtimer_pending(c->wait, NULL))
			timer_start(c->wait, us);
	}
	if (c->stopped)
		return;
	core_fetch_turn(c);
	for (unsigned i = 0; i < c->npartners; i++) {
		core_hello_try(&c->partner[i]);
		core_out_flush(&c->partner[i]);
	}
	if (c->desk != NULL)
		pipe_flush(c->desk);
	if (c->keeper != NULL)
		pipe_flush(c->keeper);
	for (unsigned i = 0; i < p->config->nproviders; i++)
		if (c->worker[i].pipe != NULL)
			pipe_flush(c->worker[i].pipe);
	if (c->stopping && !store_open_turn(c->store) && core_desk_leave(c) && all_settled(c))
		end_in_order(c);
}

static void waited(evutil_socket_t fd unused_arg, short what unused_arg, void *arg)
{
	struct core *c = arg;

	core_clock(c);
	commit(c);
}

/* ---- once a second ---- */

#define KEYS_LIVE_MS (7ull * 24 * 3600 * 1000)

static void tick_step(struct core *c, struct core_channel *ch)
{
	struct channel_event tick = {.type = EVENT_TICK};

	core_step(c, ch, &tick);
}

static void ticked(evutil_socket_t fd unused_arg, short what unused_arg, void *arg)
{
	struct core *c = arg;
	enum err     e = ERR_OK;

	core_clock(c);
	each_channel(c, tick_step);
	core_waiters_expire(c);
	if (c->stopped)
		return;
	if (c->ticks++ % 3600 == 0)
		e = store_keys_expire(c->store, c->now_ms - KEYS_LIVE_MS);
	if (e != ERR_OK)
		core_ledger_stopped(c, e, "tidy");
	c->untidy = true;
	tidy(c);
	core_news_tick(c);
	core_fetch_tick(c);
	c->active = false;
}

/* ---- control ---- */

static void close_step(struct core *c, struct core_channel *ch)
{
	struct channel_event end = {.type = EVENT_CLOSE};

	core_step(c, ch, &end);
}

static void stop_late(evutil_socket_t fd unused_arg, short what unused_arg, void *arg)
{
	struct core *c = arg;

	journal(LEVEL_WARNING, "stop-late", "the last checkpoint was not signed in time; the next epoch covers it");
	process_leave(c->process, EXIT_STOPPED);
}

static void stop_begin(struct process *p, bool leaving)
{
	struct core *c = p->self;

	if (c->stopping)
		return;
	core_clock(c);
	c->stopping = true;
	c->leaving = leaving;
	each_channel(c, close_step);
	timer_start(c->stop, CORE_STOP_US);
	process_again(p);
}

static void on_stop(struct process *p)
{
	stop_begin(p, false);
}

static void on_leave(struct process *p)
{
	stop_begin(p, true);
}

static void on_peer(struct process *p, enum role role, unsigned which, int fd)
{
	struct core *c = p->self;

	core_clock(c);
	switch (role) {
	case ROLE_LINK:
		core_link_peer(c, which, fd);
		return;
	case ROLE_DESK:
		core_desk_peer(c, fd);
		return;
	case ROLE_KEEPER:
		core_keeper_peer(c, fd);
		return;
	case ROLE_WORKER:
		core_worker_peer(c, which, fd);
		return;
	case ROLE_HOOK:
		core_hook_peer(c, fd);
		return;
	case ROLE_PARENT:
	case ROLE_CORE:
	case ROLE_READER:
	case ROLE_TRIAL:
		break;
	}
	evutil_closesocket(fd);
}

static bool memory_take(struct core *c)
{
	c->lookup = calloc(CORE_LOOKUPS_MOST, sizeof *c->lookup);
	c->lookup_free = calloc(CORE_LOOKUPS_MOST, sizeof *c->lookup_free);
	c->waiter = calloc(CORE_WAITERS_MOST, sizeof *c->waiter);
	c->waiter_free = calloc(CORE_WAITERS_MOST, sizeof *c->waiter_free);
	c->tick = event_new(c->process->base, -1, EV_PERSIST, ticked, c);
	c->wait = evtimer_new(c->process->base, waited, c);
	c->stop = evtimer_new(c->process->base, stop_late, c);
	if (!c->lookup || !c->lookup_free || !c->waiter || !c->waiter_free || !c->tick || !c->wait || !c->stop)
		return false;
	for (uint32_t i = 0; i < CORE_LOOKUPS_MOST; i++)
		c->lookup_free[i] = CORE_LOOKUPS_MOST - 1 - i;
	for (uint32_t i = 0; i < CORE_WAITERS_MOST; i++)
		c->waiter_free[i] = CORE_WAITERS_MOST - 1 - i;
	c->nlookup_free = CORE_LOOKUPS_MOST;
	c->nwaiter_free = CORE_WAITERS_MOST;
	timer_start(c->tick, 1000000);
	return true;
}

static enum err ledger_open(struct core *c)
{
	char		  path[CONFIG_PATH_MOST], line[512];
	struct store_look before = {.converts = false};
	struct fault	  fault = {0};
	enum err	  e = config_data_path(c->process->config, "ledger.db", path);

	if (e == ERR_OK && store_look(path, &before, NULL) != ERR_OK)
		before.converts = false; /* one that is not there is made */
	if (e == ERR_OK)
		e = store_open(path, STORE_WRITE, &c->store, &fault);
	if (e != ERR_OK) {
		fault_print(&fault, "ledger", LANG_EN, line, sizeof line);
		journal(LEVEL_ERROR, err_name(e), "%s", line);
	} else if (before.converts) {
		journal(LEVEL_INFO, "converted", "the ledger was of schema %lld and is of schema %d now", before.schema, STORE_SCHEMA);
	}
	return e;
}

static int run(struct core *c)
{
	const struct config *config = c->process->config;
	struct promise_path  paths[] = {{config->data, 1}, {NULL, 0}};

	core_clock(c);
	if (!memory_take(c) || core_papers(c) || core_alarms_recall(c) || core_counts_start(c) || ledger_open(c))
		return EXIT_SETUP;
	enum err e = core_recall(c);
	if (e != ERR_OK) {
		journal(LEVEL_ERROR, err_name(e), "the ledger could not be read at the start: %s", err_text(e, LANG_EN));
		return EXIT_SETUP;
	}
	return process_run(c->process, PROMISE_STDIO | PROMISE_READ | PROMISE_WRITE, paths);
}

int core_main(struct process *p)
{
	struct core *c = calloc(1, sizeof *c);

	if (c == NULL)
		return EXIT_TROUBLE;
	c->process = p;
	c->after.most = c->failed.most = CORE_OUT_MOST;
	p->self = c;
	p->on_peer = on_peer;
	p->on_turn = turn;
	p->on_stop = on_stop;
	p->on_leave = on_leave;
	int code = run(c);
	core_done(c);
	free(c);
	return code;
}
