/*
 * run.h: one run: a world and a schedule, both drawn from a seed. What the schedule may hold
 * is drawn first (the weather), so that some seeds are calm and some are terrible.
 */
#ifndef MITHAQ_SIM_RUN_H
#define MITHAQ_SIM_RUN_H

#include "world.h"

struct run_options {
	uint64_t	 seed;
	unsigned	 steps, gateways; /* gateways 0: drawn */
	FILE		*trace;
	enum world_break broken;
	bool		 honest;  /* no pen */
	bool		 forward; /* disks are put back forward, too */
};

/* What all runs together did, so that nobody is content with runs in which nothing happened. */
struct run_sum {
	uint64_t runs, three, hostile, questions, answers, hits, kills, restores, parted, given_up, epochs, adopted, commits, failed_commits, flips,
		quiets, rotations;
};

/* False: `fault` says why. The sum is added to. */
bool run_seed(const struct run_options *o, struct run_sum *sum, char fault[FAULT_MOST]);

/* A short story without chance, in which the gateway is killed before the given duty (0: never) and, with `put_back`, its disk is restored. */
bool run_story(uint64_t crash_at, bool put_back, FILE *trace, uint64_t *duties, char fault[FAULT_MOST]);

#endif
