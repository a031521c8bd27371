/*
 * heap.h: memory that runs out at the Nth taking.
 *
 * The program is linked so that every malloc, calloc, realloc, reallocarray and strndup of
 * ours comes here first (meson.build), and SQLite asks here too. While the heap is
 * armed each is counted, and the Nth fails; with `for_good` all that follow fail as well. What the
 * other libraries take by themselves, and what a test's own disk takes, is not counted.
 */
#ifndef MITHAQ_TESTS_FAIL_HEAP_H
#define MITHAQ_TESTS_FAIL_HEAP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Before SQLite is used for the first time. */
void heap_start(void);
void heap_fail_at(uint64_t nth, bool for_good); /* not armed yet */
void heap_arm(bool armed);
bool heap_met(void); /* the Nth was asked for */

/* Something that takes memory, told until its end or its first error. */
struct heap_story {
	const char *name;
	enum err (*play)(void);
	const char *(*judge)(enum err e); /* afterwards, with memory again: what is wrong, or NULL; frees what play left. May be NULL. */
	enum err also;			  /* beside ERR_MEMORY this says the same */
	bool	 arms;			  /* the story arms the heap itself */
	unsigned stride;		  /* of N, for a story whose ways another story goes too; 0: 1 */
};

enum err    play_agreement(void), play_show(void), play_bundle(void), play_verify(void), play_papers(void), play_gather(void);
enum err    play_keeper(void), play_pipe(void), play_provider(void), play_store(void), play_store_careless(void), play_channel(void);
const char *judge_pipe(enum err e), *judge_store(enum err e), *judge_channel(enum err e);

/* What the stories share; made once, with memory. */
void world_begin(void), world_end(void);

#endif
