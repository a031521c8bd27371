/*
 * nth_write.c: the Nth write, sync, read, truncation, opening or lock fails, for every N until a
 * whole history passes without meeting it.
 *
 * Whatever fails: the store says so with an error of the machine; from then on it changes
 * nothing on the disk and takes nothing, also from a caller who does not listen; a commit that was reported
 * is there after a power cut, and every turn is whole or absent. Then the
 * process starts again on the same disk, as the kernel shows it, goes on to the history's end,
 * and after a power cut everything is there as if nothing had happened. A sync that failed
 * has given its pages up for good, as kernels do: what reads well now may be gone later.
 *
 *   nth_write [EVERY]     tries every EVERYth N only; 1. With 0, every single one in all forms.
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

#define THOROUGH_EVERY 16 /* one ledger in so many has its indexes checked too */
#define TURNS_MORE     2  /* of the life after the failure */

#define CARELESS_STRIDE 5 /* that form is longer, so each fifth N is enough for every day */

static unsigned long every = 1;

/* Every way in which a call can go wrong. */
static const struct {
	const char	   *name;
	struct disk_failure failure;
} ways[] = {
	{"a write", {.call = CALL_WRITE, .code = SQLITE_IOERR_WRITE}},
	{"a write, half way", {.call = CALL_WRITE, .code = SQLITE_IOERR_WRITE, .half = true}},
	{"a full disk", {.call = CALL_WRITE, .code = SQLITE_FULL, .half = true}},
	{"a full disk that stays full", {.call = CALL_WRITE, .code = SQLITE_FULL, .for_good = true}},
	{"a sync", {.call = CALL_SYNC, .code = SQLITE_IOERR_FSYNC}},
	{"every sync", {.call = CALL_SYNC, .code = SQLITE_IOERR_FSYNC, .for_good = true}},
	{"a read", {.call = CALL_READ, .code = SQLITE_IOERR_READ}},
	{"every read", {.call = CALL_READ, .code = SQLITE_IOERR_READ, .for_good = true}},
	{"a truncation", {.call = CALL_TRUNCATE, .code = SQLITE_IOERR_TRUNCATE}},
	{"an opening", {.call = CALL_OPEN, .code = SQLITE_CANTOPEN}},
	{"a size", {.call = CALL_SIZE, .code = SQLITE_IOERR_FSTAT}},
	{"a removal", {.call = CALL_REMOVE, .code = SQLITE_IOERR_DELETE}},
	{"a lock", {.call = CALL_LOCK, .code = SQLITE_IOERR_LOCK}},
	{"shared memory", {.call = CALL_SHARED_MEMORY, .code = SQLITE_IOERR_SHMMAP}},
};

enum step { STEP_TURN, STEP_TIDY, STEP_RESTART, STEP_REOPEN };

static const enum step steps[] = {STEP_TURN, STEP_TURN, STEP_TIDY,   STEP_TURN, STEP_RESTART, STEP_TURN,
				  STEP_TURN, STEP_TURN, STEP_REOPEN, STEP_TURN, STEP_TIDY,    STEP_TURN};

struct trial {
	struct disk    lived, image;
	struct cut     cut;
	struct picture picture;
	struct history history;
	/* What an undisturbed history was after turn n. */
	struct history was[HISTORY_TURNS_MOST];
	struct hash    state[HISTORY_TURNS_MOST];
	unsigned       turns;
	unsigned long  runs, images, unnoticed, judged;
	struct store  *judging; /* open just now, beside the history's own */
	bool	       sync_lies;
	char	       what[96], fault[224]; /* what is tried; what was found wrong */
	jmp_buf	       end;
};

/* Ends the run, and with it the trial. */
static void wrong(struct trial *t, const char *what)
{
	snprintf(t->fault, sizeof t->fault, "%s: %s", t->what, what);
	longjmp(t->end, 1);
}

/* ---- living ---- */

static enum err step(struct history *h, enum step s)
{
	switch (s) {
	case STEP_TURN:
		return history_turn(h);
	case STEP_TIDY:
		return history_tidy(h, false);
	case STEP_RESTART:
		return history_tidy(h, true);
	case STEP_REOPEN:
		history_close(h);
		return history_open(h);
	}
	return ERR_INTERNAL;
}

static enum err live(struct history *h)
{
	enum err e = history_open(h);

	for (size_t i = 0; e == ERR_OK && i < COUNT_OF(steps); i++)
		e = step(h, steps[i]);
	return e;
}

/* Once without disturbance, to know how every turn leaves the ledger. */
static void live_undisturbed(struct trial *t)
{
	struct history *h = &t->history;

	disk_use(&t->lived);
	assert_int_equal(history_open(h), ERR_OK);
	do {
		t->was[h->committed] = *h;
		assert_int_equal(history_state(h->store, &t->state[h->committed]), ERR_OK);
		assert_int_equal(history_turn(h), ERR_OK);
	} while (h->committed < COUNT_OF(steps) + TURNS_MORE);
	t->turns = h->committed - 1;
	history_close(h);
	disk_end(&t->lived);
}

/* ---- judging ---- */

static unsigned turn_of(struct trial *t, struct store *s)
{
	struct hash state;
	const char *fault = history_fault(s, ++t->judged % THOROUGH_EVERY == 0);

	if (fault != NULL)
		wrong(t, fault);
	if (history_state(s, &state) != ERR_OK)
		wrong(t, "a table cannot be read");
	for (unsigned i = 0; i <= t->turns; i++)
		if (hash_equal(&t->state[i], &state))
			return i;
	wrong(t, "a turn is there in part, or without one before it");
	return 0;
}

static void stands_between(struct trial *t, struct disk *d, unsigned least, unsigned most)
{
	struct fault fault = {0};

	disk_use(d);
	t->images++;
	if (store_open(HISTORY_PATH, STORE_WRITE, &t->judging, &fault) != ERR_OK)
		wrong(t, "the ledger does not open any more");
	unsigned turn = turn_of(t, t->judging);
	store_close(t->judging);
	t->judging = NULL;
	if (turn < least)
		wrong(t, "a turn whose commit was reported is gone");
	if (turn > most)
		wrong(t, "a turn is there that nobody began");
}

/* The power goes: only what is certain is there, or all that a kernel still had to write as well. */
static void power_cut(struct trial *t, unsigned least, unsigned most)
{
	static const uint64_t extremes[] = {0, SECTORS_ALL};

	cut_begin(&t->cut, &t->lived);
	while (cut_next(&t->cut))
		;
	for (size_t i = 0; i < COUNT_OF(extremes); i++) {
		picture_fill(&t->cut, &t->picture, extremes[i]);
		cut_image(&t->cut, &t->picture, &t->image);
		stands_between(t, &t->image, least, most);
	}
	cut_done(&t->cut);
	disk_use(&t->lived);
}

/* ---- after a failure ---- */

static uint64_t touched(const struct disk *d)
{
	return disk_changes(d) + d->calls[CALL_SYNC];
}

/* No call that writes is taken, and none reaches the disk: not even a second try of the commit. */
static void is_stopped(struct trial *t)
{
	struct store	*s = t->history.store;
	struct entry_row entry = {.index = 12345, .form = FORM_BARE};
	uint64_t	 before = touched(&t->lived);

	if (store_commit(s) != ERR_DISK || store_begin(s) != ERR_DISK || store_entry_add(s, 1, &entry) != ERR_DISK ||
	    store_log_save(s, &t->history.own) != ERR_DISK || store_tidy(s, true) != ERR_DISK || store_commit(s) != ERR_DISK)
		wrong(t, "a broken store takes more");
	history_close(&t->history);
	if (touched(&t->lived) != before)
		wrong(t, "a broken store still wrote to the disk");
}

static bool is_of_the_machine(enum err e)
{
	return e == ERR_DISK || e == ERR_FILE || e == ERR_STORE || e == ERR_BUSY || e == ERR_MEMORY;
}

static void after_failure(struct trial *t, enum err e)
{
	if (!t->lived.failed)
		wrong(t, "it failed though nothing was wrong");
	if (!is_of_the_machine(e))
		wrong(t, err_name(e));
	if (t->history.store != NULL)
		is_stopped(t);
}

/* The process starts anew on what the kernel shows, and goes on from the turn it finds. */
static void life_goes_on(struct trial *t, unsigned least, unsigned most)
{
	struct history *h = &t->history;

	t->lived.failure.nth = 0;
	*h = (struct history){.careless = false};
	if (history_open(h) != ERR_OK)
		wrong(t, "the next life cannot open the ledger");
	unsigned      turn = turn_of(t, h->store);
	struct store *store = h->store;
	if (turn < least || turn > most)
		wrong(t, "the next life finds another turn than the last one left");
	*h = t->was[turn];
	h->store = store;
	for (unsigned i = 0; i < TURNS_MORE; i++)
		if (history_turn(h) != ERR_OK)
			wrong(t, "the next life cannot go on");
	power_cut(t, turn + TURNS_MORE, turn + TURNS_MORE);
	history_close(h);
}

/* ---- one run ---- */

static void run_failing(struct trial *t)
{
	enum err e = live(&t->history);

	if (e != ERR_OK)
		after_failure(t, e);
	else
		history_close(&t->history);
	t->unnoticed += e == ERR_OK && t->lived.failed;
	unsigned committed = t->history.committed, begun = t->history.begun;
	power_cut(t, committed, begun);
	life_goes_on(t, committed, begun);
}

/* False when the history ended without meeting the Nth call, or when something was found wrong. */
static bool run(struct trial *t, const struct disk_failure *failure, bool careless)
{
	t->runs++;
	t->history = (struct history){.careless = careless, .small_cache = careless};
	t->lived = (struct disk){.recording = true, .failure = *failure, .sync_lies = t->sync_lies};
	disk_use(&t->lived);
	if (setjmp(t->end) == 0)
		run_failing(t);
	bool met = t->lived.failed && t->fault[0] == '\0';
	store_close(t->judging);
	t->judging = NULL;
	disk_use(&t->lived);
	history_close(&t->history);
	cut_done(&t->cut);
	disk_end(&t->lived);
	return met;
}

static void every_nth(struct trial *t, size_t way, bool careless, unsigned long stride)
{
	struct disk_failure failure = ways[way].failure;
	bool		    met = true;

	for (failure.nth = 1; met; failure.nth += stride) {
		snprintf(t->what, sizeof t->what, "%s, number %llu%s", ways[way].name, (unsigned long long)failure.nth,
			 careless ? ", and nobody listens" : "");
		met = run(t, &failure, careless);
	}
}

static void whatever_fails(struct trial *t, bool careless, unsigned long stride)
{
	live_undisturbed(t);
	for (size_t i = 0; i < COUNT_OF(ways) && t->fault[0] == '\0'; i++) {
		unsigned long runs = t->runs;

		every_nth(t, i, careless, stride);
		printf("%-28s %5lu runs\n", ways[i].name, t->runs - runs);
	}
	printf("%lu runs, %lu disks judged, %lu failures met that needed no word\n", t->runs, t->images, t->unnoticed);
	if (t->fault[0] != '\0')
		printf("found: %s\n", t->fault);
}

/* ---- the tests ---- */

static int begin(void **state)
{
	*state = calloc(1, sizeof(struct trial));
	return *state == NULL ? -1 : 0;
}

static int end(void **state)
{
	struct trial *t = *state;

	disk_use(NULL);
	disk_end(&t->image);
	free(t);
	return 0;
}

static void whatever_fails_no_turn_is_torn(void **state)
{
	struct trial *t = *state;

	whatever_fails(t, false, every == 0 ? 1 : every);
	assert_string_equal(t->fault, "");
}

/* With a small cache, a turn reads and writes the files all the time, so that most failures come before its commit. */
static void nor_when_the_caller_does_not_listen(void **state)
{
	struct trial *t = *state;

	whatever_fails(t, true, every == 0 ? 1 : every * CARELESS_STRIDE);
	assert_string_equal(t->fault, "");
}

static void a_sync_that_lies_is_found_out(void **state)
{
	struct trial *t = *state;

	t->sync_lies = true;
	whatever_fails(t, false, every == 0 ? 1 : every);
	assert_non_null(strstr(t->fault, "gone"));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(whatever_fails_no_turn_is_torn, begin, end),
		cmocka_unit_test_setup_teardown(nor_when_the_caller_does_not_listen, begin, end),
		cmocka_unit_test_setup_teardown(a_sync_that_lies_is_found_out, begin, end),
	};

	if (argc > 1)
		every = strtoul(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
