/*
 * range.h: frames 0B GET and 0C RANGE: an author asks its partner for a stretch of its own log, and gets it.
 *
 *   GET    u16 length, origin | u64 from | u64 to                          0 <= from < to
 *   RANGE  u16 length, origin | u64 from | u16 n, n x { u8 form | u32 length, bytes } | u64 size | root[32] | signature[64]
 *
 *   form 0 full    salt[32] | u16 length, header | per inline part: salt[32], u16 length, bytes
 *   form 1 purged  salt[32] | u16 length, header
 *   form 2 bare    0x01 | commitment[32]
 *
 * Rows stand for the entries from, from + 1, ... An answer is one RANGE or more, in order; its last one carries a
 * checkpoint of the author, of size from + n, or neither rows nor checkpoint: "no more here". Without a checkpoint size,
 * root and signature are zero. Rows are not padded: the partner sends back what it was sent before.
 */
#ifndef MITHAQ_WIRE_RANGE_H
#define MITHAQ_WIRE_RANGE_H

#include "wire/checkpoint.h"
#include "wire/entry.h"
#include "wire/frame.h"
#include "wire/hello.h"

#define RANGE_ROWS_MOST 1024u
#define RANGE_BARE_SIZE 33u
#define RANGE_ROW_MOST	(SALT_SIZE + 2 + HEADER_MOST + HEADER_PARTS_MOST * (SALT_SIZE + 2) + INLINE_MOST) /* the bytes of a row */

enum { ROW_FULL = 0, ROW_PURGED = 1, ROW_BARE = 2 };

struct get_frame {
	struct bytes origin;
	uint64_t     from, to;
};

struct range_frame {
	struct bytes	 origin;
	uint64_t	 from;
	uint16_t	 n;
	uint64_t	 size; /* of the checkpoint, 0: there is none */
	struct hash	 root;
	struct signature sig;
	struct bytes	 rows; /* for range_row_next */
};

void	 get_frame_write(struct builder *b, const struct get_frame *f);
enum err get_frame_read(struct bytes payload, struct get_frame *out) must_use;

/*
 * A RANGE is begun, its rows are appended one by one, and it is ended with their number: no array of entries is needed.
 * `checkpoint` may be NULL; its size must be from + n, and its log is not written. Limits that are passed fail the builder.
 */
size_t range_frame_begin(struct builder *b, struct bytes origin, uint64_t from);
void   range_frame_end(struct builder *b, size_t begun, uint16_t n, const struct checkpoint_frame *checkpoint);

/* `form` says what is used: salt, header and body (as entry_body_write stores it), salt and header, or the commitment. */
void range_row_write(struct builder *b, uint8_t form, const struct salt *salt, struct bytes header, struct bytes body, const struct hash *commitment);
size_t range_row_size(uint8_t form, struct bytes header, struct bytes body); /* what the row takes of the frame, form and length included */
size_t range_rows_room(struct bytes origin);				     /* what the rows of one frame may take together */

/* All is checked but the insides of the rows, of which there are exactly n. */
enum err range_frame_read(struct bytes payload, struct range_frame *out) must_use;

/*
 * Takes the next row off the front of *rows; `index` is its place in the log, ERR_ORDER when its header says another.
 * A full or purged row is parsed into *entry, whose views point into the rows (purged: no inline part is set), and its
 * commitment is computed; of a bare row there is only the commitment, and *entry is zero.
 */
enum err range_row_next(struct bytes *rows, uint64_t index, uint8_t *form, struct entry *entry, struct hash *commitment) must_use;

#endif
