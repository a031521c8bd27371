/*
 * arena.h: memory that dies together.
 *
 * An arena hands out zeroed pieces that all live until arena_done(). It has a
 * named limit; above it, or when the heap is empty, NULL is returned and
 * arena.failed stays set, so a reader may check once at its end.
 */
#ifndef MITHAQ_BASE_ARENA_H
#define MITHAQ_BASE_ARENA_H

#include <stdbool.h>

#include "base/bytes.h"

struct arena_block;

struct arena {
	struct arena_block *blocks;
	size_t		    used;
	size_t		    most; /* bytes in all */
	bool		    failed;
};

void arena_init(struct arena *a, size_t most);
void arena_done(struct arena *a); /* frees everything; accepts one already done */

void	    *arena_take(struct arena *a, size_t n);	  /* zeroed, aligned for any type */
char	    *arena_text(struct arena *a, struct bytes v); /* copy with a NUL behind it */
struct bytes arena_copy(struct arena *a, struct bytes v);

#endif
