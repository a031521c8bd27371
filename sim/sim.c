/*
 * sim.c: `dev sim [--seed N] [--count N] [--steps N] [--trace]`: two cores, their
 * disks, keepers and the wire, scheduled from a seed, with crashes, cuts and
 * orderly stops at any duty. A failing seed prints how to see it again.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "pair.h"

#define ASKS_MOST 60

struct run {
	struct pair pair;
	unsigned    asks;
};

static void ask_draw(struct run *r)
{
	static const char *declarations[] = {"2026-1", "2026-2", "0-unknown", NULL};
	static const char *purposes[] = {"duty-assessment", "duty-assessment", "duty-assessment", "marketing"};
	struct side	  *north = &r->pair.side[NORTH];

	if (north->channel == NULL || r->asks == ASKS_MOST)
		return;
	r->asks++;
	side_ask(north, purposes[pair_draw(&r->pair, 4)], declarations[pair_draw(&r->pair, 12) % 4], pair_draw(&r->pair, 16) ? NULL : "importer");
}

static void event_draw(struct run *r)
{
	struct pair *p = &r->pair;
	struct side *s = &p->side[pair_draw(p, 2)];
	uint64_t     what = pair_draw(p, 100);

	if (what < 30)
		side_read(s);
	else if (what < 50)
		side_work(s);
	else if (what < 70)
		side_commit(s);
	else if (what < 84)
		ask_draw(r);
	else if (what < 90)
		p->now_ms += pair_draw(p, 500);
	else if (what < 92)
		side_tick(s);
	else if (what < 93)
		pair_cut(p);
	else if (what < 94)
		side_crash(s);
	else if (what < 95 && s->channel != NULL)
		side_stop(s);
	else if (what < 98)
		side_start(s);
	else if (!p->side[NORTH].up || pair_draw(p, 20) == 0)
		pair_connect(p);
}

/* At the end everybody comes back, talks until nothing is left to say, and must agree. */
static bool quiet_end(struct run *r)
{
	struct pair *p = &r->pair;

	p->crash_at = 0;
	for (int i = 0; i < 2; i++)
		side_start(&p->side[i]);
	pair_connect(p);
	pair_settle(p);
	p->now_ms += 120000;
	for (int i = 0; i < 2; i++)
		side_tick(&p->side[i]);
	pair_settle(p);
	for (int i = 0; i < 2; i++)
		if (p->side[i].alarms > 0 || (p->side[i].channel != NULL && channel_frozen(p->side[i].channel)))
			snprintf(p->fault, sizeof p->fault, "an honest run raised an alarm at %s", p->side[i].name);
	return p->fault[0] == '\0' && pair_check_quiet(p);
}

static bool run_seed(uint64_t seed, unsigned steps, FILE *trace, uint64_t crash_at, uint64_t *duties, char *fault)
{
	static struct run r;

	r.asks = 0;
	pair_init(&r.pair, seed, trace, true);
	r.pair.crash_at = crash_at;
	side_start(&r.pair.side[NORTH]);
	side_start(&r.pair.side[SOUTH]);
	pair_connect(&r.pair);
	bool ok = true;
	for (unsigned i = 0; i < steps && ok; i++) {
		event_draw(&r);
		ok = pair_check(&r.pair);
	}
	*duties = r.pair.duties;
	ok = ok && quiet_end(&r);
	snprintf(fault, PAIR_FAULT_MOST, "%s", r.pair.fault);
	pair_done(&r.pair);
	return ok;
}

/* A short story without chance, killed before each of its duties in turn. */
static bool story(uint64_t crash_at, FILE *trace, uint64_t *duties, char *fault)
{
	static struct run r;
	struct pair	 *p = &r.pair;

	r.asks = 0;
	pair_init(p, 1, trace, true);
	p->crash_at = crash_at;
	side_start(&p->side[NORTH]);
	side_start(&p->side[SOUTH]);
	pair_connect(p);
	pair_settle(p);
	side_ask(&p->side[NORTH], "duty-assessment", "2026-1", NULL);
	pair_settle(p);
	side_ask(&p->side[NORTH], "duty-assessment", "0-unknown", NULL);
	side_ask(&p->side[NORTH], "duty-assessment", "2026-2", NULL);
	pair_settle(p);
	side_stop(&p->side[SOUTH]);
	side_start(&p->side[SOUTH]);
	pair_connect(p);
	pair_settle(p);
	bool ok = pair_check(p);
	*duties = p->duties;
	ok = ok && quiet_end(&r);
	snprintf(fault, PAIR_FAULT_MOST, "%s", p->fault);
	pair_done(p);
	return ok;
}

static int every_duty(void)
{
	uint64_t duties = 0, ignored;
	char	 fault[PAIR_FAULT_MOST];

	if (!story(0, NULL, &duties, fault)) {
		printf("the story without a crash: %s\n", fault);
		return 1;
	}
	for (uint64_t at = 1; at <= duties; at++)
		if (!story(at, NULL, &ignored, fault)) {
			printf("killed before duty %" PRIu64 ": %s\nsee it: sim --duty %" PRIu64 " --trace\n", at, fault, at);
			return 1;
		}
	printf("%" PRIu64 " duties, killed before each: every invariant held\n", duties);
	return 0;
}

int main(int argc, char **argv)
{
	uint64_t seed = 1, count = 1, duty = 0, duties;
	unsigned steps = 600;
	FILE	*trace = NULL;
	char	 fault[PAIR_FAULT_MOST];

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--trace") == 0)
			trace = stdout;
		else if (strcmp(argv[i], "--every-duty") == 0)
			return every_duty();
		else if (i + 1 < argc && strcmp(argv[i], "--seed") == 0)
			seed = strtoull(argv[++i], NULL, 10);
		else if (i + 1 < argc && strcmp(argv[i], "--count") == 0)
			count = strtoull(argv[++i], NULL, 10);
		else if (i + 1 < argc && strcmp(argv[i], "--steps") == 0)
			steps = (unsigned)strtoul(argv[++i], NULL, 10);
		else if (i + 1 < argc && strcmp(argv[i], "--duty") == 0)
			duty = strtoull(argv[++i], NULL, 10);
		else {
			fprintf(stderr, "usage: sim [--seed N] [--count N] [--steps N] [--trace] | --every-duty | --duty N\n");
			return 2;
		}
	}
	if (duty > 0) {
		bool ok = story(duty, trace, &duties, fault);

		printf("%s\n", ok ? "held" : fault);
		return ok ? 0 : 1;
	}
	for (uint64_t i = 0; i < count; i++)
		if (!run_seed(seed + i, steps, trace, 0, &duties, fault)) {
			printf("seed %" PRIu64 ": %s\nsee it: sim --seed %" PRIu64 " --steps %u --trace\n", seed + i, fault, seed + i, steps);
			return 1;
		}
	printf("%" PRIu64 " seeds of %u steps: every invariant held\n", count, steps);
	return 0;
}
