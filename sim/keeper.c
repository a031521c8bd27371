/*
 * keeper.c: the process that signs. It draws epochs, extends what it signed before and
 * never goes back; a crash makes it forget everything. What it says comes later, as work.
 */
#include <stdlib.h>

#include "world.h"

struct work *work_add(struct side *s)
{
	s->work = grown(s->work, s->nwork, &s->room_work, sizeof *s->work);
	struct work *w = &s->work[s->nwork++];

	memset(w, 0, sizeof *w);
	return w;
}

void keeper_done(struct side *s)
{
	free(s->keeper);
	s->keeper = NULL;
	s->nkeeper = s->room_keeper = 0;
}

static struct keeper_log *log_find(const struct side *s, bool own, const struct epoch *epoch)
{
	for (size_t i = s->nkeeper; i > 0; i--)
		if (s->keeper[i - 1].own == own && memcmp(s->keeper[i - 1].epoch.b, epoch->b, EPOCH_SIZE) == 0)
			return &s->keeper[i - 1];
	return NULL;
}

static struct keeper_log *log_add(struct side *s, bool own, const struct epoch *epoch)
{
	s->keeper = grown(s->keeper, s->nkeeper, &s->room_keeper, sizeof *s->keeper);
	struct keeper_log *k = &s->keeper[s->nkeeper++];

	memset(k, 0, sizeof *k);
	k->own = own;
	k->epoch = *epoch;
	return k;
}

bool keeper_holds(const struct side *s, const struct epoch *epoch)
{
	return log_find(s, true, epoch) != NULL;
}

/* An epoch is random and never used again; two ways of not keeping to that must be found out. */
static void epoch_draw(struct side *s, struct epoch *out)
{
	uint8_t number = 1;

	world_draw_bytes(s->world, out->b, EPOCH_SIZE);
	for (size_t i = 0; i < s->disk.nlogs; i++) {
		number += s->disk.log[i].own;
		if (s->world->broken == BREAK_EPOCH_AGAIN && s->disk.log[i].own)
			*out = s->disk.log[i].epoch;
	}
	if (s->world->broken == BREAK_EPOCH_NEXT) {
		memset(out->b, 0, EPOCH_SIZE);
		out->b[0] = (uint8_t)(s->number + 1);
		out->b[EPOCH_SIZE - 1] = number;
	}
}

/* The one before is forgotten for good. */
void keeper_open(struct side *s, struct epoch *out)
{
	for (size_t i = 0; i < s->nkeeper; i++)
		if (s->keeper[i].own)
			s->keeper[i] = s->keeper[--s->nkeeper];
	epoch_draw(s, out);
	log_add(s, true, out);
}

/* Goes on from our own last durable receipt, as the real one does from the receipt it is shown. */
static void follow(struct side *s, struct keeper_log *k)
{
	const struct disk_head *receipt = disk_head_best(&s->disk, false, true, &k->epoch, UINT64_MAX);

	for (uint64_t i = 0; receipt != NULL && i < receipt->size; i++) {
		const struct disk_entry *e = disk_entry_find(&s->disk, false, &k->epoch, i);

		if (e == NULL) {
			world_fault(s->world, "%s lost an entry that it had receipted", s->shown);
			return;
		}
		frontier_add(&k->frontier, &e->leaf);
	}
}

static void extend(struct keeper_log *k, const struct duty *d)
{
	for (size_t i = 0; i < d->leaves.n; i++)
		frontier_add(&k->frontier, &d->leaves.leaves[i]);
}

/* The author is honest when it has a record; a pen's log is none of ours. */
static void record_sign(struct side *s, struct side *author, const struct keeper_log *k, const struct checkpoint *c, const struct record_head *h)
{
	struct record_log *l = record_find(&s->world->record, author->number, &k->epoch);
	const struct hash *root = record_root(l, c->size);

	if (l == NULL && h->receipt)
		return;
	if (root == NULL || !hash_equal(root, &c->root)) {
		world_fault(s->world, "%s signed a second history of one origin, at %llu", s->shown, (unsigned long long)c->size);
		return;
	}
	record_head_add(l, h);
	if (h->receipt && h->size > l->receipted)
		l->receipted = h->size;
	if (s->world->verify &&
	    (h->receipt ? receipt_verify(&s->receipt_key.pub, c, h->time_s, &h->sig) : checkpoint_verify(&s->log_key.pub, c, &h->sig)))
		world_fault(s->world, "%s signed what does not verify", s->shown);
}

void keeper_sign(struct side *s, const struct duty *d)
{
	struct keeper_log *k = log_find(s, true, &d->leaves.epoch);
	struct work	  *w = work_add(s);
	struct checkpoint  c = {0};

	if (k == NULL) {
		world_fault(s->world, "%s asked to sign an old origin", s->shown);
		return;
	}
	extend(k, d);
	if (disk_durable(&s->disk, true, &k->epoch) < k->frontier.size)
		world_fault(s->world, "%s asked for a checkpoint over entries that are not durable", s->shown);
	side_origin(s, &k->epoch, c.origin);
	w->event.type = EVENT_SIGNED;
	w->event.signature.size = c.size = k->frontier.size;
	w->event.signature.root = c.root = frontier_root(&k->frontier);
	checkpoint_sign(&s->log_key, &c, &w->event.signature.sig);
	record_sign(s, s, k, &c, &(struct record_head){.size = c.size, .sig = w->event.signature.sig});
}

void keeper_cosign(struct side *s, const struct duty *d)
{
	struct keeper_log *k = log_find(s, false, &d->leaves.epoch);
	struct work	  *w = work_add(s);
	struct checkpoint  c = {0};

	if (k == NULL) {
		k = log_add(s, false, &d->leaves.epoch);
		follow(s, k);
	}
	extend(k, d);
	if (disk_durable(&s->disk, false, &k->epoch) < k->frontier.size)
		world_fault(s->world, "%s asked for a receipt over entries that are not durable", s->shown);
	side_origin(s->other, &k->epoch, c.origin);
	w->event.type = EVENT_COSIGNED;
	w->event.cosigned.epoch = k->epoch;
	w->event.cosigned.size = c.size = k->frontier.size;
	w->event.cosigned.root = c.root = frontier_root(&k->frontier);
	w->event.cosigned.time_s = s->world->now_ms / 1000;
	receipt_sign(&s->receipt_key, &c, w->event.cosigned.time_s, &w->event.cosigned.sig);
	record_sign(s, s->other, k, &c,
		    &(struct record_head){.receipt = true, .size = c.size, .time_s = w->event.cosigned.time_s, .sig = w->event.cosigned.sig});
}
