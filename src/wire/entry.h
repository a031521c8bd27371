/*
 * entry.h: frame 02 ENTRY (spec/wire.md).
 *
 *   u16 log | salt[32] | u16 length, header | per inline part: salt[32], u16 length, bytes | zero padding
 *
 * Inline parts follow the order of the header's part table (only those placed
 * inline), together at most 16,384 bytes. The frames of QUERY, REPLY and MATCH are
 * padded with zero bytes until the payload is 1, 4, 16 or 32 KiB (the smallest that
 * fits), so that a hit and a miss look alike on the wire; other kinds carry no
 * padding. Padding of another size, or a padding byte other than zero, is malformed.
 */
#ifndef MITHAQ_WIRE_ENTRY_H
#define MITHAQ_WIRE_ENTRY_H

#include "wire/frame.h"
#include "wire/header.h"

#define INLINE_MOST	   16384u
#define ENTRY_PAYLOAD_MOST 32768u

struct inline_part {
	struct salt  salt;
	struct bytes body;
};

/* An entry in full form. Views point into what it was read from or was built over. */
struct entry {
	struct salt	   salt;
	struct bytes	   header_wire;		    /* the header's one encoding */
	struct header	   header;		    /* the same, parsed */
	struct inline_part part[HEADER_PARTS_MOST]; /* by place in the header's table; unset unless inline */
};

/* The whole frame, padding included. entry->header_wire must be set; log is the index in the author's HELLO table. */
void	 entry_frame_write(struct builder *b, uint16_t log, const struct entry *e);
enum err entry_frame_read(struct bytes payload, uint16_t *log, struct entry *out) must_use;

/*
 * The stored form of the inline parts: per inline part in order salt[32], u16 length, bytes.
 * entry_body_read fills out->part from it, with out->header already read.
 */
void	 entry_body_write(struct builder *b, const struct entry *e);
enum err entry_body_read(struct bytes body, struct entry *out) must_use;

#endif
