/*
 * history.h: what happens to a ledger, turn by turn, the same in every run.
 *
 * A turn opens epochs, appends entries, asks and answers, takes heads and ends with store_commit,
 * through the functions of store.h alone. Each returns what the store returned, so that it
 * can be played on a disk that fails. history_state is a hash over every row that there is:
 * two ledgers with the same one hold the same.
 */
#ifndef MITHAQ_TESTS_FAIL_HISTORY_H
#define MITHAQ_TESTS_FAIL_HISTORY_H

#include "store/store.h"

#define HISTORY_PATH	   "/ledger.db"
#define HISTORY_TURNS_MOST 64

struct history {
	struct store  *store;
	unsigned       begun, committed; /* turns; store_commit returned ERR_OK for the latter */
	struct log_row own, peer;
	unsigned       asked, answered;
	bool	       careless;    /* goes on with a turn after a row of it failed */
	bool	       small_cache; /* so that a turn reads and writes the files before its commit */
};

/* ---- as a process lives: each fails with the store's error ---- */
enum err history_open(struct history *h) must_use;
enum err history_turn(struct history *h) must_use;		 /* the next one */
enum err history_tidy(struct history *h, bool restart) must_use; /* moves the WAL's pages however few they are */
void	 history_close(struct history *h);

/* ---- as a judge sees it ---- */
enum err history_state(struct store *s, struct hash *out) must_use;
/* Frontiers are those of the entries, sums those of the rows, the file is sound. NULL, or what is wrong. */
const char *history_fault(struct store *s, bool thorough);

#endif
