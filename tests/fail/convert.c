/*
 * convert.c: a ledger of the release before is opened on a disk that fails at the Nth call, or loses its power
 * at any write: what is left opens, is converted whole, and has every row it had.
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

#define OLD_MOST (1u << 20)

static const struct {
	const char	   *name;
	struct disk_failure failure;
} ways[] = {
	{"a write", {.call = CALL_WRITE, .code = SQLITE_IOERR_WRITE}},
	{"a write, half way", {.call = CALL_WRITE, .code = SQLITE_IOERR_WRITE, .half = true}},
	{"a full disk that stays full", {.call = CALL_WRITE, .code = SQLITE_FULL, .half = true, .for_good = true}},
	{"a sync", {.call = CALL_SYNC, .code = SQLITE_IOERR_FSYNC}},
	{"every sync", {.call = CALL_SYNC, .code = SQLITE_IOERR_FSYNC, .for_good = true}},
	{"a read", {.call = CALL_READ, .code = SQLITE_IOERR_READ}},
	{"every read", {.call = CALL_READ, .code = SQLITE_IOERR_READ, .for_good = true}},
	{"an opening", {.call = CALL_OPEN, .code = SQLITE_CANTOPEN}},
	{"a lock", {.call = CALL_LOCK, .code = SQLITE_IOERR_LOCK}},
	{"shared memory", {.call = CALL_SHARED_MEMORY, .code = SQLITE_IOERR_SHMMAP}},
};

static const uint64_t extremes[] = {0, 1, SECTORS_ALL};

struct trial {
	uint8_t	       old[OLD_MOST];
	size_t	       n;
	struct disk    lived, image;
	struct cut     cut;
	struct picture picture;
	struct hash    converted; /* what an undisturbed opening leaves */
	unsigned long  runs, images;
};

static void disk_fill(struct trial *t, struct disk *d)
{
	disk_file_write(disk_file(d, HISTORY_PATH), 0, t->old, t->n);
}

static void disk_begin(struct trial *t)
{
	disk_end(&t->lived);
	disk_fill(t, &t->lived);
	t->lived.recording = true;
	disk_use(&t->lived);
}

static enum err open_once(void)
{
	struct store *s = NULL;
	struct fault  fault = {0};
	enum err      e = store_open(HISTORY_PATH, STORE_WRITE, &s, &fault);

	store_close(s);
	return e;
}

/* Whoever opens it next finds or makes the same ledger. */
static void opens_whole(struct trial *t, const char *what)
{
	struct store *s = NULL;
	struct fault  fault = {0};
	struct hash   state;

	t->images++;
	if (store_open(HISTORY_PATH, STORE_WRITE, &s, &fault) != ERR_OK)
		fail_msg("%s: it does not open any more: %s %s", what, err_name(fault.err), fault.found);
	if (history_state(s, &state) != ERR_OK || !hash_equal(&state, &t->converted))
		fail_msg("%s: a row is gone, or it is converted in part", what);
	store_close(s);
}

/* The disk as it was before anything was recorded stands below every cut. */
static void cut_start(struct trial *t)
{
	cut_begin(&t->cut, &t->lived);
	t->cut.certain.file[0].there = true;
	disk_file_write(&t->cut.certain.file[0], 0, t->old, t->n);
}

static void power_cut_here(struct trial *t, const char *what)
{
	for (size_t i = 0; i < COUNT_OF(extremes); i++) {
		picture_fill(&t->cut, &t->picture, extremes[i]);
		cut_image(&t->cut, &t->picture, &t->image);
		disk_use(&t->image);
		opens_whole(t, what);
	}
}

static void without_disturbance(struct trial *t)
{
	struct store *s = NULL;
	struct fault  fault = {0};

	disk_begin(t);
	assert_int_equal(store_open(HISTORY_PATH, STORE_WRITE, &s, &fault), ERR_OK);
	assert_int_equal(history_state(s, &t->converted), ERR_OK);
	assert_null(history_fault(s, true));
	store_close(s);
}

static void the_power_may_go_at_any_moment(void **state)
{
	struct trial *t = *state;

	without_disturbance(t);
	cut_start(t);
	while (cut_next(&t->cut))
		power_cut_here(t, "a power cut");
	cut_done(&t->cut);
	assert_true(t->images > 20);
}

/* False when the opening ended without meeting the Nth call. */
static bool run(struct trial *t, const struct disk_failure *failure, const char *what)
{
	t->runs++;
	disk_begin(t);
	t->lived.failure = *failure;
	(void)open_once();
	bool met = t->lived.failed;
	t->lived.failure = (struct disk_failure){.nth = 0};
	cut_start(t);
	while (cut_next(&t->cut))
		;
	power_cut_here(t, what);
	cut_done(&t->cut);
	disk_use(&t->lived);
	opens_whole(t, what); /* the process alone was killed: the disk is as the kernel shows it */
	return met;
}

static void any_call_may_fail(void **state)
{
	struct trial *t = *state;

	without_disturbance(t);
	for (size_t i = 0; i < COUNT_OF(ways); i++) {
		struct disk_failure failure = ways[i].failure;

		failure.nth = 1;
		while (run(t, &failure, ways[i].name))
			failure.nth++;
	}
	printf("%lu runs, %lu disks judged\n", t->runs, t->images);
	assert_true(t->runs > 50);
}

static int begin(void **state)
{
	struct trial *t = calloc(1, sizeof *t);
	char	      path[512];

	if (t == NULL || crypto_start() != ERR_OK)
		return -1;
	snprintf(path, sizeof path, "%s/tests/data/ledger-schema-2.db", getenv("MITHAQ_SOURCE"));
	FILE *f = fopen(path, "rb");
	if (f == NULL)
		return -1;
	t->n = fread(t->old, 1, sizeof t->old, f);
	fclose(f);
	*state = t;
	return t->n > 0 && t->n < sizeof t->old ? 0 : -1;
}

static int end(void **state)
{
	struct trial *t = *state;

	disk_use(NULL);
	disk_end(&t->image);
	disk_end(&t->lived);
	free(t);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_power_may_go_at_any_moment, begin, end),
		cmocka_unit_test_setup_teardown(any_call_may_fail, begin, end),
	};
	return cmocka_run_group_tests_name("fail/convert", tests, NULL, NULL);
}
