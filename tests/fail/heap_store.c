/* heap_store.c: the ledger's writer without memory, and what it leaves behind. */
#include <stdlib.h>

#include "disk.h"
#include "heap.h"
#include "history.h"

#define TURNS 3

static struct disk    disk;
static struct history history;
static struct hash    state[TURNS + 1]; /* after each turn, with memory */

static enum err live(bool with_states)
{
	enum err e = history_open(&history);

	for (unsigned i = 0; e == ERR_OK && i < TURNS; i++) {
		if (with_states)
			e = history_state(history.store, &state[i]);
		if (e == ERR_OK)
			e = history_turn(&history);
	}
	if (e == ERR_OK && with_states)
		e = history_state(history.store, &state[TURNS]);
	if (e == ERR_OK)
		e = history_tidy(&history, true);
	history_close(&history);
	return e;
}

/* Once with memory, to know how every turn leaves the ledger. */
static void live_undisturbed(void)
{
	static bool done;

	if (done)
		return;
	history = (struct history){.careless = false};
	if (live(true) != ERR_OK)
		abort();
	disk_end(&disk);
	done = true;
}

static enum err play(bool careless)
{
	disk_use(&disk);
	heap_arm(false);
	live_undisturbed();
	history = (struct history){.careless = careless};
	heap_arm(true);
	return live(false);
}

enum err play_store(void)
{
	return play(false);
}

enum err play_store_careless(void)
{
	return play(true);
}

static const char *stands(void)
{
	struct store *s = NULL;
	struct fault  fault;
	struct hash   found;

	if (store_open(HISTORY_PATH, STORE_WRITE, &s, &fault) != ERR_OK)
		return "the ledger does not open any more";
	const char *wrong = history_fault(s, false);
	if (wrong == NULL && history_state(s, &found) != ERR_OK)
		wrong = "a table cannot be read";
	store_close(s);
	for (unsigned i = history.committed; wrong == NULL && i <= history.begun && i <= TURNS; i++)
		if (hash_equal(&state[i], &found))
			return NULL;
	return wrong != NULL ? wrong : "a turn is there in part, or one that was reported is gone";
}

const char *judge_store(enum err e unused_arg)
{
	const char *wrong = stands();

	disk_end(&disk);
	disk_use(NULL);
	return wrong;
}
