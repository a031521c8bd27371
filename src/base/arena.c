/* arena.c: pieces cut from blocks; a piece larger than a block gets a block of its own. */
#include <stdlib.h>

#include "base/arena.h"

#define ARENA_BLOCK 4096
#define ARENA_ALIGN _Alignof(max_align_t)

struct arena_block {
	struct arena_block *next;
	size_t		    n;	  /* handed out */
	size_t		    room; /* in all */
	max_align_t	    piece[];
};

void arena_init(struct arena *a, size_t most)
{
	*a = (struct arena){.most = most};
}

void arena_done(struct arena *a)
{
	struct arena_block *next;
	for (struct arena_block *block = a->blocks; block != NULL; block = next) {
		next = block->next;
		free(block);
	}
	*a = (struct arena){.most = a->most};
}

static struct arena_block *block_new(size_t room)
{
	struct arena_block *block = calloc(1, sizeof *block + room);
	if (block != NULL)
		block->room = room;
	return block;
}

/* The first block if n bytes fit there, else a new one; NULL when the heap is empty. */
static struct arena_block *block_with_room(struct arena *a, size_t n)
{
	struct arena_block *first = a->blocks;
	if (first != NULL && n <= first->room - first->n)
		return first;
	struct arena_block *block = block_new(n > ARENA_BLOCK ? n : ARENA_BLOCK);
	if (block == NULL)
		return NULL;
	block->next = first;
	a->blocks = block;
	return block;
}

/* n rounded up to the alignment, at least one step; 0 when that overflows. */
static size_t piece_size(size_t n)
{
	if (n == 0)
		return ARENA_ALIGN;
	if (n > SIZE_MAX - sizeof(struct arena_block) - 2 * ARENA_ALIGN)
		return 0;
	return (n + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
}

void *arena_take(struct arena *a, size_t n)
{
	size_t size = piece_size(n);
	if (a->failed || size == 0 || a->used > a->most || size > a->most - a->used)
		return a->failed = true, NULL;
	struct arena_block *block = block_with_room(a, size);
	if (block == NULL)
		return a->failed = true, NULL;
	void *piece = (uint8_t *)block->piece + block->n;
	block->n += size;
	a->used += size;
	return piece;
}

char *arena_text(struct arena *a, struct bytes v)
{
	char *text = v.n < SIZE_MAX ? arena_take(a, v.n + 1) : NULL;
	if (text != NULL && v.n > 0)
		memcpy(text, v.at, v.n);
	return text;
}

struct bytes arena_copy(struct arena *a, struct bytes v)
{
	uint8_t *at = arena_take(a, v.n);
	if (at == NULL)
		return BYTES_NONE;
	if (v.n > 0)
		memcpy(at, v.at, v.n);
	return bytes_of(at, v.n);
}
