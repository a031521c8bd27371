/*
 * sim.c: the command line of the simulator (sim/README.md). A failing seed is run again with
 * fewer and fewer steps, and how to see the shortest one that fails is printed.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "run.h"

static const struct {
	const char	*name;
	enum world_break what;
} breaks[] = {
	{"disk-loses", BREAK_LOSE},	     {"disk-early", BREAK_EARLY},  {"epoch-again", BREAK_EPOCH_AGAIN},
	{"epoch-counts", BREAK_EPOCH_NEXT},  {"wire-twice", BREAK_TWICE},  {"wire-drops", BREAK_DROP},
	{"answers-forgotten", BREAK_FORGET}, {"range-flips", BREAK_RANGE}, {"answered-ignored", BREAK_ANSWERED},
	{"adopt-suppressed", BREAK_ADOPT},   {"card-ignored", BREAK_CARD}, {"wire-spoils", BREAK_SPOIL},
};

static enum world_break break_named(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(breaks); i++)
		if (strcmp(breaks[i].name, name) == 0)
			return breaks[i].what;
	return BREAK_NOTHING;
}

static int usage(void)
{
	fprintf(stderr, "usage: sim [--seed N] [--count N] [--steps N] [--gateways 2|3] [--honest] [--forward] [--jobs N] [--go-on] [--trace] "
			"[--break NAME]\n"
			"       sim --every-duty | --duty N [--put-back] [--trace]\n"
			"NAME is one of:");
	for (size_t i = 0; i < COUNT_OF(breaks); i++)
		fprintf(stderr, " %s", breaks[i].name);
	fprintf(stderr, "\n");
	return 2;
}

#define JOBS_MOST 64

struct options {
	struct run_options run;
	uint64_t	   count, duty;
	unsigned	   jobs;
	bool		   every_duty, put_back, go_on;
	const char	  *break_name;
};

static bool number_option(struct options *o, const char *name, const char *value)
{
	uint64_t n = strtoull(value, NULL, 10);

	if (strcmp(name, "--seed") == 0)
		o->run.seed = n;
	else if (strcmp(name, "--count") == 0)
		o->count = n;
	else if (strcmp(name, "--steps") == 0)
		o->run.steps = (unsigned)n;
	else if (strcmp(name, "--duty") == 0)
		o->duty = n;
	else if (strcmp(name, "--gateways") == 0 && n >= 2 && n <= GATEWAYS_MOST)
		o->run.gateways = (unsigned)n;
	else if (strcmp(name, "--jobs") == 0 && n >= 1 && n <= JOBS_MOST)
		o->jobs = (unsigned)n;
	else if (strcmp(name, "--break") == 0)
		o->run.broken = break_named(o->break_name = value);
	else
		return false;
	return true;
}

static bool options_read(struct options *o, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--trace") == 0)
			o->run.trace = stdout;
		else if (strcmp(argv[i], "--honest") == 0)
			o->run.honest = true;
		else if (strcmp(argv[i], "--forward") == 0)
			o->run.forward = true;
		else if (strcmp(argv[i], "--put-back") == 0)
			o->put_back = true;
		else if (strcmp(argv[i], "--go-on") == 0)
			o->go_on = true;
		else if (strcmp(argv[i], "--every-duty") == 0)
			o->every_duty = true;
		else if (i + 1 == argc || !number_option(o, argv[i], argv[i + 1]))
			return false;
		else
			i++;
	}
	return o->break_name == NULL || o->run.broken != BREAK_NOTHING;
}

/* ---- every duty ---- */

static int every_duty(void)
{
	uint64_t duties = 0, ignored;
	char	 fault[FAULT_MOST];

	if (!run_story(0, false, NULL, &duties, fault)) {
		printf("the story without a crash: %s\n", fault);
		return 1;
	}
	for (uint64_t at = 1; at <= 2 * duties; at++)
		if (!run_story((at + 1) / 2, at % 2 == 0, NULL, &ignored, fault)) {
			printf("killed before duty %" PRIu64 ": %s\nsee it: sim --duty %" PRIu64 "%s --trace\n", (at + 1) / 2, fault, (at + 1) / 2,
			       at % 2 ? "" : " --put-back");
			return 1;
		}
	printf("%" PRIu64 " duties, killed before each, with and without the disk put back: every invariant held\n", duties);
	return 0;
}

static int one_duty(const struct options *o)
{
	uint64_t duties;
	char	 fault[FAULT_MOST];
	bool	 ok = run_story(o->duty, o->put_back, o->run.trace, &duties, fault);

	printf("%s\n", ok ? "every invariant held" : fault);
	return ok ? 0 : 1;
}

/* ---- many seeds ---- */

/* The fewest steps after which the seed still fails: the schedule is the same, and ends sooner. */
static unsigned steps_least(const struct run_options *o, char fault[FAULT_MOST])
{
	struct run_options shorter = *o;
	struct run_sum	   ignored = {0};

	shorter.trace = NULL;
	for (shorter.steps = 1; shorter.steps < o->steps; shorter.steps++)
		if (!run_seed(&shorter, &ignored, fault))
			return shorter.steps;
	(void)run_seed(&shorter, &ignored, fault);
	return o->steps;
}

static void failure_say(const struct options *o, const struct run_options *run, const char *fault)
{
	char	 shortest[FAULT_MOST];
	unsigned steps = run->trace ? run->steps : steps_least(run, shortest);

	printf("seed %" PRIu64 ": %s\n", run->seed, fault);
	if (steps < run->steps)
		printf("after %u steps: %s\n", steps, shortest);
	printf("see it: sim --seed %" PRIu64 " --steps %u", run->seed, steps);
	if (run->gateways)
		printf(" --gateways %u", run->gateways);
	printf("%s%s%s%s --trace\n", run->honest ? " --honest" : "", run->forward ? " --forward" : "", o->break_name ? " --break " : "",
	       o->break_name ? o->break_name : "");
	fflush(stdout);
}

/* Seeds job, job + jobs, ...; 1 when one fails, and then that is the last unless all are to be tried. */
static int job_run(const struct options *o, unsigned job, struct run_sum *sum)
{
	char fault[FAULT_MOST];
	int  bad = 0;

	for (uint64_t i = job; i < o->count; i += o->jobs) {
		struct run_options run = o->run;

		run.seed += i;
		if (run_seed(&run, sum, fault))
			continue;
		bad = 1;
		if (!o->go_on) {
			failure_say(o, &run, fault);
			return bad;
		}
		printf("seed %" PRIu64 ": %s\n", run.seed, fault);
	}
	return bad;
}

/* Each job is a process and counts in its own part of one shared page. */
static int jobs_run(const struct options *o, struct run_sum *sums)
{
	int bad = 0;

	if (o->jobs == 1)
		return job_run(o, 0, &sums[0]);
	fflush(stdout);
	for (unsigned i = 0; i < o->jobs; i++) {
		pid_t pid = fork();

		if (pid < 0)
			return 2;
		if (pid == 0)
			exit(job_run(o, i, &sums[i]));
	}
	for (unsigned i = 0; i < o->jobs; i++) {
		int status = 0;

		if (wait(&status) < 0 || !WIFEXITED(status))
			bad = 2;
		else if (WEXITSTATUS(status) != 0 && bad == 0)
			bad = WEXITSTATUS(status);
	}
	return bad;
}

static struct run_sum sums_add(const struct run_sum *sums, unsigned n)
{
	struct run_sum all = {0};

	for (unsigned i = 0; i < n; i++)
		for (size_t k = 0; k < sizeof all / sizeof(uint64_t); k++)
			((uint64_t *)&all)[k] += ((const uint64_t *)&sums[i])[k];
	return all;
}

static void sum_say(const struct run_sum *s, const struct options *o, double seconds)
{
	printf("%" PRIu64 " seeds of %u steps: every invariant held; %.0f schedules/s\n", o->count, o->run.steps, (double)o->count / seconds);
	printf("%" PRIu64 " with three gateways, %" PRIu64 " with a hostile one; %" PRIu64 " questions, %" PRIu64 " answers, %" PRIu64
	       " of them hits\n",
	       s->three, s->hostile, s->questions, s->answers, s->hits);
	printf("%" PRIu64 " kills, %" PRIu64 " disks put back (%" PRIu64 " links on both sides, %" PRIu64 " of them for good), %" PRIu64
	       " epochs, %" PRIu64 " ADOPT, %" PRIu64 " commits, %" PRIu64 " failed, %" PRIu64 " bits flipped, %" PRIu64 " keys changed, %" PRIu64
	       " quiet times\n",
	       s->kills, s->restores, s->parted, s->given_up, s->epochs, s->adopted, s->commits, s->failed_commits, s->flips, s->rotations,
	       s->quiets);
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int seeds_run(const struct options *o)
{
	size_t		room = o->jobs * sizeof(struct run_sum);
	struct run_sum *sums = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	double		begun = now_s();

	if (sums == MAP_FAILED)
		return 2;
	int	       bad = jobs_run(o, sums);
	struct run_sum all = sums_add(sums, o->jobs);
	munmap(sums, room);
	if (bad != 0)
		return bad;
	sum_say(&all, o, now_s() - begun);
	if (o->count < 100 || (all.answers >= 2 * o->count && all.kills >= o->count))
		return 0;
	printf("too little happened for this to prove anything\n");
	return 1;
}

int main(int argc, char **argv)
{
	struct options o = {.run = {.seed = 1, .steps = 400}, .count = 1, .jobs = 1};

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!options_read(&o, argc, argv))
		return usage();
	if (o.every_duty)
		return every_duty();
	if (o.duty > 0)
		return one_duty(&o);
	return seeds_run(&o);
}
