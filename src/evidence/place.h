/*
 * place.h: an entry's place in a tree whose checkpoint nobody signed (spec/evidence.md).
 *
 *   mithaq/place/1 LF
 *   index SP decimal LF
 *   base64(hash) LF          one per step of the path, the leaf's sibling first
 *   LF
 *   origin LF size LF base64(root) LF
 *
 * It proves nothing by itself: the GENESIS of the next epoch must name this very
 * (epoch, size, root).
 */
#ifndef MITHAQ_EVIDENCE_PLACE_H
#define MITHAQ_EVIDENCE_PLACE_H

#include "tree/note.h"

struct unsigned_place {
	uint64_t	  index;
	struct proof	  path;
	struct checkpoint checkpoint;
};

void	 unsigned_place_write(struct builder *b, const struct unsigned_place *p);
enum err unsigned_place_read(struct bytes wire, struct unsigned_place *out) must_use;

#endif
