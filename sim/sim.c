/*
 * sim.c: `dev sim [--seed N] [--count N] [--steps N] [--trace] [--break NAME]`: two
 * cores, their disks, keepers and the wire, scheduled from a seed, with crashes, cuts
 * and orderly stops at any duty. A failing seed prints how to see it again. With
 * --break the harness itself misbehaves in one named way: such a run must fail, or the
 * simulator would be worth nothing. Only under wire-spoils, which flips bits on the
 * wire, must it hold: sessions end and channels freeze, but nothing false is kept.
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

/* What all runs together did, so that nobody is content with runs in which nothing happened. */
struct sum {
	uint64_t questions, answers, hits, kills, epochs;
};

static struct sum sum;

/* North asks under clause 7 and, more rarely, south under clause 9. */
static void ask_draw(struct run *r)
{
	static const char *declarations[] = {"2026-1", "2026-2", "0-unknown", "2026-3"};
	static const char *purposes[] = {"duty-assessment", "duty-assessment", "duty-assessment", "marketing"};
	struct pair	  *p = &r->pair;
	bool		   back = pair_draw(p, 4) == 0;
	struct side	  *s = &p->side[back ? SOUTH : NORTH];
	struct pair_ask	   ask = {.clause = back ? 9 : 7, .purpose = purposes[pair_draw(p, 4)]};

	ask.declaration = pair_draw(p, 12) ? declarations[pair_draw(p, 4)] : NULL;
	ask.extra_field = pair_draw(p, 16) ? NULL : "importer";
	if (s->channel == NULL || r->asks == ASKS_MOST)
		return;
	r->asks++;
	side_ask_with(s, &ask);
}

/* Each side's clock walks by itself, back as well, within what the rules bear. */
static void clock_draw(struct run *r)
{
	struct pair *p = &r->pair;

	if (pair_draw(p, 3) > 0)
		p->now_ms += pair_draw(p, 500);
	else
		p->side[pair_draw(p, 2)].skew_ms = (int64_t)pair_draw(p, 20000) - 10000;
}

/* Of a thousand events: mostly work, now and then a misfortune, and soon after it somebody who mends it. */
static void event_draw(struct run *r)
{
	struct pair *p = &r->pair;
	struct side *s = &p->side[pair_draw(p, 2)];
	uint64_t     what = pair_draw(p, 1000);

	if (what < 330)
		side_read(s);
	else if (what < 560)
		side_work(s);
	else if (what < 760)
		side_commit(s);
	else if (what < 830)
		ask_draw(r);
	else if (what < 870)
		clock_draw(r);
	else if (what < 890)
		side_tick(s);
	else if (what < 897)
		pair_cut(p);
	else if (what < 907 && s->channel != NULL) {
		sum.kills++;
		side_crash(s);
	} else if (what < 910 && s->channel != NULL)
		side_stop(s);
	else if (what < 950)
		side_start(s);
	else if (!p->side[NORTH].up || pair_draw(p, 40) == 0)
		pair_connect(p);
}

/* Who decides by the same rules before asking is never refused: neither by the clock, nor the quota, nor for an agreement. */
static void refusals_check(struct pair *p)
{
	for (int i = 0; i < 2; i++) {
		const struct disk *d = &p->side[i].disk;

		for (size_t k = 0; k < d->nanswers; k++)
			if (d->answer[k].state == EXCHANGE_REFUSED)
				snprintf(p->fault, sizeof p->fault, "a question that the asking side permitted was refused");
	}
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
	refusals_check(p);
	return p->fault[0] == '\0' && pair_check_quiet(p);
}

static void sum_add(const struct pair *p)
{
	const struct disk *north = &p->side[NORTH].disk;

	sum.questions += north->nexchanges;
	sum.answers += north->nanswers;
	for (size_t i = 0; i < north->nanswers; i++)
		sum.hits += north->answer[i].status == STATUS_OK;
	for (size_t i = 0; i < north->nlogs; i++)
		sum.epochs += north->log[i].own;
}

static bool run_seed(uint64_t seed, unsigned steps, FILE *trace, enum pair_break broken, char *fault)
{
	static struct run r;

	r.asks = 0;
	pair_init(&r.pair, seed, trace, true);
	r.pair.broken = broken;
	side_start(&r.pair.side[NORTH]);
	side_start(&r.pair.side[SOUTH]);
	pair_connect(&r.pair);
	bool ok = true;
	for (unsigned i = 0; i < steps && ok; i++) {
		event_draw(&r);
		ok = pair_check(&r.pair);
	}
	ok = ok && (broken == BREAK_SPOIL || quiet_end(&r));
	snprintf(fault, PAIR_FAULT_MOST, "%s", r.pair.fault);
	sum_add(&r.pair);
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

static const struct {
	const char     *name;
	enum pair_break what;
} breaks[] = {
	{"disk-loses", BREAK_LOSE}, {"disk-early", BREAK_EARLY},	 {"epoch-again", BREAK_EPOCH_AGAIN}, {"wire-twice", BREAK_TWICE},
	{"wire-drops", BREAK_DROP}, {"answers-forgotten", BREAK_FORGET}, {"wire-spoils", BREAK_SPOIL},
};

static enum pair_break break_named(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(breaks); i++)
		if (strcmp(breaks[i].name, name) == 0)
			return breaks[i].what;
	return BREAK_NOTHING;
}

static int usage(void)
{
	fprintf(stderr,
		"usage: sim [--seed N] [--count N] [--steps N] [--trace] [--break NAME] | --every-duty | --duty N [--trace]\nNAME is one of:");
	for (size_t i = 0; i < COUNT_OF(breaks); i++)
		fprintf(stderr, " %s", breaks[i].name);
	fprintf(stderr, "\n");
	return 2;
}

struct options {
	uint64_t	seed, count, duty;
	unsigned	steps;
	FILE	       *trace;
	bool		every_duty;
	const char     *break_name;
	enum pair_break broken;
};

static bool options_read(struct options *o, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		bool more = i + 1 < argc;

		if (strcmp(argv[i], "--trace") == 0)
			o->trace = stdout;
		else if (strcmp(argv[i], "--every-duty") == 0)
			o->every_duty = true;
		else if (more && strcmp(argv[i], "--seed") == 0)
			o->seed = strtoull(argv[++i], NULL, 10);
		else if (more && strcmp(argv[i], "--count") == 0)
			o->count = strtoull(argv[++i], NULL, 10);
		else if (more && strcmp(argv[i], "--steps") == 0)
			o->steps = (unsigned)strtoul(argv[++i], NULL, 10);
		else if (more && strcmp(argv[i], "--duty") == 0)
			o->duty = strtoull(argv[++i], NULL, 10);
		else if (more && strcmp(argv[i], "--break") == 0)
			o->broken = break_named(o->break_name = argv[++i]);
		else
			return false;
	}
	return o->break_name == NULL || o->broken != BREAK_NOTHING;
}

static int one_duty(const struct options *o)
{
	uint64_t duties;
	char	 fault[PAIR_FAULT_MOST];
	bool	 ok = story(o->duty, o->trace, &duties, fault);

	printf("%s\n", ok ? "every invariant held" : fault);
	return ok ? 0 : 1;
}

static void failure_say(const struct options *o, uint64_t seed, const char *fault)
{
	printf("seed %" PRIu64 ": %s\nsee it: sim --seed %" PRIu64 " --steps %u%s%s --trace\n", seed, fault, seed, o->steps,
	       o->break_name ? " --break " : "", o->break_name ? o->break_name : "");
}

int main(int argc, char **argv)
{
	struct options o = {.seed = 1, .count = 1, .steps = 600};
	char	       fault[PAIR_FAULT_MOST];

	if (!options_read(&o, argc, argv))
		return usage();
	if (o.every_duty)
		return every_duty();
	if (o.duty > 0)
		return one_duty(&o);
	for (uint64_t i = 0; i < o.count; i++)
		if (!run_seed(o.seed + i, o.steps, o.trace, o.broken, fault)) {
			failure_say(&o, o.seed + i, fault);
			return 1;
		}
	printf("%" PRIu64 " seeds of %u steps: every invariant held\n", o.count, o.steps);
	printf("%" PRIu64 " questions, %" PRIu64 " answers, %" PRIu64 " of them hits; %" PRIu64 " kills, %" PRIu64 " epochs in the north\n",
	       sum.questions, sum.answers, sum.hits, sum.kills, sum.epochs);
	if (o.count >= 100 && sum.answers < 5 * o.count) {
		printf("too little happened for this to prove anything\n");
		return 1;
	}
	return 0;
}
