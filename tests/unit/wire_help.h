/*
 * wire_help.h: what the tests of src/wire share: numbers that look random and come
 * out the same in every run, headers made of them, and two properties that every
 * reader of foreign bytes keeps.
 */
#ifndef MITHAQ_TESTS_WIRE_HELP_H
#define MITHAQ_TESTS_WIRE_HELP_H

#include <stdlib.h>

#include "wire/header.h"

struct dice {
	uint64_t state; /* never zero */
};

static inline uint64_t dice_next(struct dice *d)
{
	d->state ^= d->state << 13;
	d->state ^= d->state >> 7;
	d->state ^= d->state << 17;
	return d->state;
}

static inline unsigned dice_below(struct dice *d, unsigned n)
{
	return (unsigned)(dice_next(d) % n);
}

static inline void dice_fill(struct dice *d, void *at, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((uint8_t *)at)[i] = (uint8_t)(1 + dice_below(d, 255));
}

/* A header that keeps every rule. Attribute values point into `pool`, of 64 bytes. */
static inline struct header dice_header(struct dice *d, const uint8_t pool[64])
{
	static const uint8_t kinds[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16, 17, 18, 19, 20, 21, 40, 255};
	struct header	     h = {.kind = kinds[dice_below(d, COUNT_OF(kinds))]};
	bool		     control = KIND_IS_CONTROL(h.kind), must = h.kind == KIND_REPLY || h.kind == KIND_CANCEL;
	bool may = must || h.kind == KIND_PURGED || h.kind == KIND_HOLD || h.kind == KIND_GOT || h.kind == KIND_CORRECT || h.kind == KIND_SEND ||
		   h.kind > 21 || h.kind == 14;
	h.index = dice_next(d);
	h.time_ms = dice_next(d) >> 20;
	h.flags = (uint16_t)(dice_below(d, 4) << 1);
	if (must || (may && dice_below(d, 2) == 0)) {
		h.flags |= FLAG_HAS_RE;
		dice_fill(d, &h.re.epoch, sizeof h.re.epoch);
		h.re.index = dice_next(d);
		dice_fill(d, &h.re.leaf, sizeof h.re.leaf);
	}
	if (!control || (h.kind >= 3 && h.kind <= 6))
		dice_fill(d, h.agreement.b, HASH_SIZE);
	if (!control) {
		h.not_after_ms = h.time_ms + 1 + dice_next(d) % LIFE_MOST_MS;
		h.clause = (uint16_t)dice_below(d, 65536);
		h.aseq = dice_next(d);
		dice_fill(d, h.mid, MID_SIZE);
	}
	if (dice_below(d, 2) == 0) {
		dice_fill(d, h.seen_epoch, sizeof h.seen_epoch);
		h.seen_size = dice_next(d);
	}
	if (h.kind == KIND_REPLY)
		h.status = (uint16_t)dice_below(d, 12);
	h.nparts = (uint8_t)dice_below(d, HEADER_PARTS_MOST + 1);
	for (unsigned i = 0; i < h.nparts; i++) {
		h.part[i].type = (uint8_t)dice_below(d, 256);
		h.part[i].retention = (uint8_t)dice_below(d, 16);
		h.part[i].placement = (uint8_t)dice_below(d, 3);
		dice_fill(d, h.part[i].commitment.b, HASH_SIZE);
	}
	h.nattrs = (uint8_t)dice_below(d, HEADER_ATTRS_MOST + 1);
	for (unsigned i = 0; i < h.nattrs; i++)
		h.attr[i] = (struct attr){(uint16_t)(1 + i * 7000 + dice_below(d, 6999)), {pool, dice_below(d, 65)}};
	return h;
}

/* An exact copy on the heap, so that the sanitizer sees a read one byte past the end. The caller frees `at`. */
static inline uint8_t *exact_copy(struct bytes v)
{
	uint8_t *at = malloc(v.n > 0 ? v.n : 1);

	if (at == NULL)
		abort();
	if (v.n > 0)
		memcpy(at, v.at, v.n);
	return at;
}

/* A reader that says whether it takes `v`; when it does it writes what it read into `again`. */
typedef bool (*reader_fn)(struct bytes v, struct builder *again);

#define AGAIN_ROOM (256u * 1024)

static inline bool takes(reader_fn reader, struct bytes v, bool *same)
{
	uint8_t	      *exact = exact_copy(v), *memory = malloc(AGAIN_ROOM);
	struct builder again = builder_on(memory, AGAIN_ROOM);
	bool	       taken = reader(bytes_of(exact, v.n), &again);

	*same = taken && again.err == ERR_OK && bytes_equal(builder_bytes(&again), v);
	free(exact);
	free(memory);
	return taken;
}

/* Accepted bytes come out the same; no beginning of them is accepted; a flipped bit is refused or kept. */
static inline bool reader_is_strict(reader_fn reader, struct bytes v)
{
	bool same = false;

	if (!takes(reader, v, &same) || !same)
		return false;
	for (size_t n = 0; n < v.n; n++)
		if (takes(reader, bytes_of(v.at, n), &same))
			return false;
	uint8_t *flipped = exact_copy(v);
	bool	 strict = true;
	for (size_t bit = 0; bit < 8 * v.n && strict; bit++) {
		flipped[bit / 8] ^= (uint8_t)(1u << bit % 8);
		strict = !takes(reader, bytes_of(flipped, v.n), &same) || same;
		flipped[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	free(flipped);
	return strict;
}

#endif
