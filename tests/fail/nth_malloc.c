/*
 * nth_malloc.c: the Nth taking of memory fails, for every N until a story is told to its
 * end without meeting it; once only the Nth, and once all that follow too.
 *
 * Whatever fails: nothing crashes, nothing leaks (the sanitizers look), and the error is
 * ERR_MEMORY, or the story ends well because it could do without. What each story leaves
 * is judged by its own measure.
 *
 *   nth_malloc [EVERY [NAME]]     tries every EVERYth N only; 1. With 0, every single one. Of the story NAME alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "heap.h"

static const struct heap_story stories[] = {
	{"open an agreement", play_agreement, NULL, ERR_OK, false, 0},
	{"show a clause", play_show, NULL, ERR_OK, false, 0},
	{"build evidence", play_bundle, NULL, ERR_OK, false, 0},
	{"verify evidence", play_verify, NULL, ERR_OK, false, 0},
	{"read configuration and papers", play_papers, NULL, ERR_OK, false, 0},
	{"gather evidence from a ledger", play_gather, NULL, ERR_OK, false, 0},
	{"look up in a database", play_provider, NULL, ERR_STORE, false, 0},
	{"sign and receipt", play_keeper, NULL, ERR_OK, false, 0},
	{"say something through a pipe", play_pipe, judge_pipe, ERR_OK, false, 0},
	{"write a ledger", play_store, judge_store, ERR_DISK, false, 3},
	{"write a ledger and not listen", play_store_careless, judge_store, ERR_DISK, false, 0},
	{"exchange on a channel", play_channel, judge_channel, ERR_OK, true, 0},
};

static unsigned long every = 1;
static const char   *only;

static unsigned long wrongs;

/* Every wrong is told, so that one run shows them all. */
static void ends_well(const struct heap_story *s, enum err e, uint64_t nth, bool for_good)
{
	const char *wrong = s->judge == NULL ? NULL : s->judge(e);

	if (wrong == NULL && e != ERR_OK && !(heap_met() && (e == ERR_MEMORY || e == s->also)))
		wrong = err_name(e);
	if (wrong == NULL)
		return;
	wrongs++;
	printf("%s: taking %llu fails %s: %s\n", s->name, (unsigned long long)nth, for_good ? "and all that follow" : "alone", wrong);
}

/* How many takings the story met; without failure at its end. */
static uint64_t told_with_every_nth(const struct heap_story *s, bool for_good, unsigned long *runs)
{
	uint64_t stride = (s->stride == 0 || every == 0 ? 1 : s->stride) * (every == 0 ? 1 : every);

	for (uint64_t nth = 1;; nth += stride) {
		heap_fail_at(nth, for_good);
		heap_arm(!s->arms);
		enum err e = s->play();
		bool	 met = heap_met();
		heap_arm(false);
		ends_well(s, e, nth, for_good);
		++*runs;
		if (!met)
			return nth;
	}
}

static void every_story_bears_it(void **state unused_arg)
{
	for (size_t i = 0; i < COUNT_OF(stories); i++) {
		unsigned long runs = 0;
		uint64_t      most = 0;

		if (only != NULL && strcmp(only, stories[i].name) != 0)
			continue;
		for (int for_good = 0; for_good < 2; for_good++)
			most = told_with_every_nth(&stories[i], for_good, &runs);
		printf("%-32s %5llu takings, %6lu runs\n", stories[i].name, (unsigned long long)most - 1, runs);
	}
	assert_int_equal(wrongs, 0);
}

/* ---- a story that does not look must be found out ---- */

static void *held;

static enum err play_blind(void)
{
	held = calloc(1, 16);
	return ERR_OK;
}

static const char *judge_blind(enum err e)
{
	bool lost = e == ERR_OK && held == NULL;

	free(held);
	return lost ? "it did not look" : NULL;
}

static void a_story_that_does_not_look_is_found_out(void **state unused_arg)
{
	heap_fail_at(1, false);
	heap_arm(true);
	enum err e = play_blind();
	heap_arm(false);
	assert_non_null(judge_blind(e));
}

static int begin(void **state unused_arg)
{
	world_begin();
	return 0;
}

static int end(void **state unused_arg)
{
	world_end();
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_story_bears_it),
		cmocka_unit_test(a_story_that_does_not_look_is_found_out),
	};

	if (argc > 1)
		every = strtoul(argv[1], NULL, 10);
	if (argc > 2)
		only = argv[2];
	heap_start();
	return cmocka_run_group_tests(tests, begin, end);
}
