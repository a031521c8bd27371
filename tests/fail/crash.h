/*
 * crash.h: every disk that a power cut could leave.
 *
 * A cut walks along the record of a disk. At each point it knows what is on the disk for
 * certain and which changes are under way. An image is the certain part with some of
 * these: each change is there, or not, or only some of its sectors are, independently of the
 * others and of the order in which they were asked for. Changes of the folder alone
 * happen in their order.
 */
#ifndef MITHAQ_TESTS_FAIL_CRASH_H
#define MITHAQ_TESTS_FAIL_CRASH_H

#include "disk.h"

#define UNDER_WAY_MOST 1024
#define SECTORS_ALL    UINT64_MAX

struct cut {
	const struct disk *lived;
	size_t		   at; /* records passed */
	struct disk	   certain;
	size_t		   under_way[UNDER_WAY_MOST]; /* places in the record */
	unsigned	   n;
	uint64_t	   mark;  /* the last one passed */
	uint64_t	   syncs; /* passed: what was certain before stays so */
};

/* Which sectors of each change under way are there, a bit each; the last bit stands for all that follow. */
struct picture {
	uint64_t sectors[UNDER_WAY_MOST];
	bool	 garbage; /* where a file grew and its new bytes did not come, there is anything */
};

void cut_begin(struct cut *c, const struct disk *lived);
bool cut_next(struct cut *c); /* passes one record; false at the end */
void cut_done(struct cut *c);

/* Sectors of change i: at least 1. */
unsigned cut_sectors(const struct cut *c, unsigned i);
void	 picture_fill(const struct cut *c, struct picture *p, uint64_t sectors); /* every change alike */

/* Two pictures with one number, at whatever points, are the same disk. */
uint64_t cut_number(const struct cut *c, const struct picture *p);
/* Builds the disk. `out` is reused from image to image. */
void cut_image(const struct cut *c, const struct picture *p, struct disk *out);

#endif
