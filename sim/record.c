/* record.c: the memory of the simulator itself, outside of all machines. */
#include "record.h"

#include <stdlib.h>

void *grown(void *at, size_t n, size_t *room, size_t size)
{
	if (n < *room)
		return at;
	*room = *room ? 2 * *room : 16;
	void *more = realloc(at, *room * size);
	if (more == NULL)
		abort();
	return more;
}

void record_done(struct record *r)
{
	for (size_t i = 0; i < r->nlogs; i++) {
		free(r->log[i]->leaf);
		free(r->log[i]->root);
		free(r->log[i]->head);
		free(r->log[i]);
	}
	free(r->log);
	free(r->told);
	memset(r, 0, sizeof *r);
}

struct record_log *record_find(const struct record *r, int author, const struct epoch *epoch)
{
	for (size_t i = r->nlogs; i > 0; i--)
		if (r->log[i - 1]->author == author && memcmp(r->log[i - 1]->epoch.b, epoch->b, EPOCH_SIZE) == 0)
			return r->log[i - 1];
	return NULL;
}

struct record_log *record_open(struct record *r, int author, const struct epoch *epoch)
{
	struct record_log *l = record_find(r, author, epoch);

	if (l != NULL)
		return l;
	l = calloc(1, sizeof *l);
	if (l == NULL)
		abort();
	l->author = author;
	l->epoch = *epoch;
	r->log = grown(r->log, r->nlogs, &r->room_logs, sizeof(struct record_log *));
	r->log[r->nlogs++] = l;
	return l;
}

bool record_leaf(struct record_log *l, uint64_t index, const struct hash *leaf)
{
	size_t room = l->room;

	if (index < l->n)
		return hash_equal(&l->leaf[index], leaf);
	if (index > l->n)
		return false;
	l->leaf = grown(l->leaf, l->n, &room, sizeof *l->leaf);
	room = l->room;
	l->root = grown(l->root, l->n, &room, sizeof *l->root);
	l->room = room;
	frontier_add(&l->frontier, leaf);
	l->leaf[l->n] = *leaf;
	l->root[l->n++] = frontier_root(&l->frontier);
	return true;
}

const struct hash *record_root(const struct record_log *l, uint64_t size)
{
	return l != NULL && size > 0 && size <= l->n ? &l->root[size - 1] : NULL;
}

void record_head_add(struct record_log *l, const struct record_head *h)
{
	l->head = grown(l->head, l->nheads, &l->room_heads, sizeof *l->head);
	l->head[l->nheads++] = *h;
}

bool record_head_is(const struct record_log *l, const struct record_head *h)
{
	for (size_t i = l->nheads; i > 0; i--) {
		const struct record_head *at = &l->head[i - 1];

		if (at->receipt == h->receipt && at->size == h->size && (!h->receipt || at->time_s == h->time_s) &&
		    memcmp(at->sig.b, h->sig.b, SIGN_SIZE) == 0)
			return true;
	}
	return false;
}

struct record_told *record_told_find(const struct record *r, int side, const uint8_t mid[MID_SIZE])
{
	for (size_t i = r->ntold; i > 0; i--)
		if (r->told[i - 1].side == side && memcmp(r->told[i - 1].mid, mid, MID_SIZE) == 0)
			return &r->told[i - 1];
	return NULL;
}

void record_told_add(struct record *r, const struct record_told *t)
{
	r->told = grown(r->told, r->ntold, &r->room_told, sizeof *r->told);
	r->told[r->ntold++] = *t;
}
