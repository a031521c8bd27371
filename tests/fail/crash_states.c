/*
 * crash_states.c: after a power cut at any moment, the real store on the real SQLite opens and
 * holds every turn that was reported committed, whole turns only, and none without those before it.
 *
 * A history is lived once on a recorded disk. At each write and each sync of it, disks are made
 * as a cut could leave them (crash.h), and the store opens each one. Of the many, these are tried always:
 * all that is under way is there; all but one change; one change alone; the last
 * one torn at its sectors in every simple way; and every subset while there are few changes. The others are
 * drawn from a seed:
 *
 *   crash_states [DRAWS [SEED]]     how many are drawn at each point; 6 and 1
 *
 * A disk whose sync lies, and SQLite's synchronous=OFF, must be found out by the same
 * judgement, or it would be worth nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "crash.h"
#include "history.h"
#include "store/inside.h"

#define GONE "a turn whose commit was reported is gone"

#define SUBSETS_MOST   6	  /* changes of which every subset is tried */
#define SEEN_SLOTS     (1u << 20) /* images already judged */
#define THOROUGH_EVERY 16	  /* one image in so many has all counted again, is closed in order and opened once more */

static unsigned long draws = 6, seed = 1;

enum weakness { SOUND, SYNC_LIES, SYNCHRONOUS_OFF };

struct trial {
	struct disk    lived, image;
	struct history history;
	struct hash    state[HISTORY_TURNS_MOST]; /* after turn n */
	struct cut     cut;
	struct picture picture;
	uint64_t       random;
	uint64_t      *seen;
	unsigned long  points, images, distinct, faults;
	bool	       stop, stopped; /* at the first turn that is gone */
	char	       fault[256];
};

static void must(enum err e, const char *what)
{
	if (e != ERR_OK)
		fail_msg("%s: %s", what, err_name(e));
}

/* ---- living ---- */

/* A mark says which turn was begun last, and whether its commit was reported. */
static void mark(struct trial *t)
{
	disk_mark(&t->lived, (uint64_t)t->history.begun << 8 | t->history.committed);
}

static void turns(struct trial *t, unsigned n)
{
	while (n-- > 0) {
		t->history.begun++;
		mark(t);
		t->history.begun--;
		must(history_turn(&t->history), "a turn");
		mark(t);
		must(history_state(t->history.store, &t->state[t->history.committed]), "the state");
		assert_null(history_fault(t->history.store, true));
	}
}

static void opened(struct trial *t, enum weakness weakness)
{
	must(history_open(&t->history), "opening");
	if (weakness == SYNCHRONOUS_OFF)
		assert_int_equal(sqlite3_exec(t->history.store->db, "PRAGMA synchronous = OFF", NULL, NULL, NULL), SQLITE_OK);
}

static bool first_log(void *arg unused_arg, const struct log_row *row unused_arg)
{
	return false;
}

/* A reader that stands in the middle of a snapshot keeps pages from being moved past it. */
static void turns_while_somebody_reads(struct trial *t, unsigned n)
{
	struct store *reader = NULL;
	struct fault  fault;

	must(store_open(HISTORY_PATH, STORE_READ, &reader, &fault), "a reader");
	must(store_begin(reader), "a snapshot");
	must(store_logs(reader, NULL, NULL, first_log, NULL), "a snapshot");
	turns(t, n);
	must(history_tidy(&t->history, false), "tidying beside a reader");
	turns(t, n);
	store_close(reader);
}

static void live(struct trial *t, enum weakness weakness)
{
	t->lived.recording = true;
	t->lived.sync_lies = weakness == SYNC_LIES;
	disk_use(&t->lived);
	opened(t, weakness);
	must(history_state(t->history.store, &t->state[0]), "the first state");
	turns(t, 4);
	must(history_tidy(&t->history, false), "tidying");
	turns(t, 2);
	turns_while_somebody_reads(t, 2);
	must(history_tidy(&t->history, true), "tidying and starting the WAL anew");
	turns(t, 2);
	history_close(&t->history);
	opened(t, weakness);
	turns(t, 2);
	must(history_tidy(&t->history, true), "tidying again");
	turns(t, 3);
	history_close(&t->history);
}

/* ---- judging an image ---- */

static unsigned begun(const struct trial *t)
{
	return (unsigned)(t->cut.mark >> 8);
}

static unsigned committed(const struct trial *t)
{
	return (unsigned)(t->cut.mark & 0xff);
}

/* The turn after which a ledger was in this state, or -1. */
static int turn_of(const struct trial *t, const struct hash *state)
{
	for (unsigned i = begun(t) + 1; i > 0; i--)
		if (hash_equal(&t->state[i - 1], state))
			return (int)i - 1;
	return -1;
}

/*
 * The state is a hash over every row of every table, and at each turn of the undisturbed life the
 * frontiers and sums in it were found to be those of its rows. So they are counted again
 * only where there is more to look at, the indexes too.
 */
static const char *store_judged(struct trial *t, struct store *s, bool thorough)
{
	struct hash state;

	if (history_state(s, &state) != ERR_OK)
		return "a table cannot be read";
	int turn = turn_of(t, &state);
	if (turn < 0)
		return "a turn is there in part, or without one before it";
	if (turn < (int)committed(t))
		return GONE;
	return thorough ? history_fault(s, true) : NULL;
}

/* Opens what a cut left; `thorough` closes it in order as well, and opens it again. */
static const char *image_judged(struct trial *t, bool thorough)
{
	struct store *s = NULL;
	struct fault  fault = {0};

	disk_use(&t->image);
	if (store_open(HISTORY_PATH, STORE_WRITE, &s, &fault) != ERR_OK)
		return "the ledger does not open";
	const char *found = store_judged(t, s, thorough);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, !thorough, NULL);
	store_close(s);
	return found != NULL || !thorough ? found : image_judged(t, false);
}

static bool seen_before(struct trial *t, uint64_t number)
{
	uint64_t key = (number ^ t->cut.mark * 0x9e3779b97f4a7c15u) | 1;

	for (size_t i = key % SEEN_SLOTS;; i = (i + 1) % SEEN_SLOTS) {
		if (t->seen[i] == key)
			return true;
		if (t->seen[i] != 0)
			continue;
		if (t->distinct < SEEN_SLOTS / 2)
			t->seen[i] = key;
		return false;
	}
}

static void try(struct trial *t, const char *how)
{
	if (t->stopped)
		return;
	t->images++;
	if (seen_before(t, cut_number(&t->cut, &t->picture)))
		return;
	cut_image(&t->cut, &t->picture, &t->image);
	const char *fault = image_judged(t, ++t->distinct % THOROUGH_EVERY == 0);
	if (fault == NULL)
		return;
	t->stopped = t->stop && strcmp(fault, GONE) == 0;
	if (t->faults++ == 0 || t->stopped)
		snprintf(t->fault, sizeof t->fault, "%s: at record %zu, %s of %u changes under way, turn %u begun, %u reported (seed %lu)", fault,
			 t->cut.at, how, t->cut.n, begun(t), committed(t), seed);
}

/* ---- which images ---- */

static void all_there(struct trial *t)
{
	picture_fill(&t->cut, &t->picture, SECTORS_ALL);
	try(t, "all");
}

static void without_one(struct trial *t)
{
	for (unsigned i = 0; i < t->cut.n; i++) {
		picture_fill(&t->cut, &t->picture, SECTORS_ALL);
		t->picture.sectors[i] = 0;
		try(t, "all but one");
		t->picture.garbage = true;
		try(t, "all but one, and garbage in its place,");
	}
}

static void one_alone(struct trial *t)
{
	for (unsigned i = 0; i < t->cut.n; i++) {
		picture_fill(&t->cut, &t->picture, 0);
		t->picture.sectors[i] = SECTORS_ALL;
		try(t, "one alone");
	}
}

/* The first k sectors of the last change, the last k, and all but one in the middle. */
static void last_torn(struct trial *t)
{
	unsigned last = t->cut.n - 1, sectors = t->cut.n == 0 ? 0 : cut_sectors(&t->cut, last);

	for (unsigned k = 1; k < sectors && k < 63; k++) {
		uint64_t first = (UINT64_C(1) << k) - 1;
		uint64_t torn[] = {first, ~first, ~(UINT64_C(1) << k)};

		for (size_t i = 0; i < COUNT_OF(torn); i++) {
			picture_fill(&t->cut, &t->picture, SECTORS_ALL);
			t->picture.sectors[last] = torn[i];
			try(t, "the last one torn");
		}
	}
}

static void every_subset(struct trial *t)
{
	for (uint64_t set = 0; t->cut.n <= SUBSETS_MOST && set < UINT64_C(1) << t->cut.n; set++) {
		for (unsigned i = 0; i < t->cut.n; i++)
			t->picture.sectors[i] = set >> i & 1 ? SECTORS_ALL : 0;
		t->picture.garbage = false;
		try(t, "a subset");
	}
}

static uint64_t draw(struct trial *t, uint64_t below)
{
	t->random = t->random * 6364136223846793005u + 1442695040888963407u;
	return (t->random >> 33) % below;
}

/* Few, half or nearly all are there; of those one in eight in any of its sectors. */
static void some_drawn(struct trial *t)
{
	static const unsigned of_sixteen[] = {2, 8, 13, 15};

	for (unsigned long k = 0; t->cut.n > 0 && k < draws; k++) {
		unsigned there = of_sixteen[draw(t, COUNT_OF(of_sixteen))];

		t->picture.garbage = draw(t, 4) == 0;
		for (unsigned i = 0; i < t->cut.n; i++) {
			t->picture.sectors[i] = draw(t, 16) < there ? SECTORS_ALL : 0;
			if (t->picture.sectors[i] != 0 && draw(t, 8) == 0)
				t->picture.sectors[i] = draw(t, 256) | draw(t, 2) << 8;
		}
		try(t, "a drawn set");
	}
}

static void point(struct trial *t)
{
	t->points++;
	all_there(t);
	last_torn(t);
	without_one(t);
	one_alone(t);
	every_subset(t);
	some_drawn(t);
}

static void cut_everywhere(struct trial *t)
{
	cut_begin(&t->cut, &t->lived);
	point(t);
	while (!t->stopped && cut_next(&t->cut))
		point(t);
}

/* ---- the three runs ---- */

static struct trial *trial_run(enum weakness weakness)
{
	struct trial *t = calloc(1, sizeof *t);

	assert_non_null(t);
	t->seen = calloc(SEEN_SLOTS, sizeof *t->seen);
	assert_non_null(t->seen);
	t->random = seed;
	t->stop = weakness != SOUND;
	live(t, weakness);
	cut_everywhere(t);
	printf("%lu points, %lu images, %lu of them distinct, %lu with a fault%s%s\n", t->points, t->images, t->distinct, t->faults,
	       t->faults > 0 ? ": " : "", t->fault);
	return t;
}

static void trial_free(struct trial *t)
{
	disk_use(NULL);
	cut_done(&t->cut);
	disk_end(&t->lived);
	disk_end(&t->image);
	free(t->seen);
	free(t);
}

static void every_cut_leaves_whole_turns(void **state unused_arg)
{
	struct trial *t = trial_run(SOUND);

	assert_int_equal(t->faults, 0);
	assert_true(t->distinct > 1000);
	trial_free(t);
}

static void a_sync_that_lies_is_found_out(void **state unused_arg)
{
	struct trial *t = trial_run(SYNC_LIES);

	assert_true(t->stopped);
	trial_free(t);
}

static void synchronous_off_is_found_out(void **state unused_arg)
{
	struct trial *t = trial_run(SYNCHRONOUS_OFF);

	assert_true(t->stopped);
	trial_free(t);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cut_leaves_whole_turns),
		cmocka_unit_test(a_sync_that_lies_is_found_out),
		cmocka_unit_test(synchronous_off_is_found_out),
	};

	if (argc > 1)
		draws = strtoul(argv[1], NULL, 10);
	if (argc > 2)
		seed = strtoul(argv[2], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
