/*
 * header.h: the header of an entry (spec/entry.md), one encoding only.
 *
 * offset  size  field
 *      0     1  kind
 *      1     2  flags          bit0 has_re, bit1 repeatable, bit2 interactive; others 0
 *      3     8  index          the leaf index
 *     11     8  time_ms        author's clock, a claim
 *     19     8  not_after_ms   kinds >= 16: > time_ms, at most 30 days after it; kinds < 16: 0
 *     27    16  mid            u32 hours since 1970, 12 random bytes
 *     43    32  agreement      kinds >= 16: not zero; kinds < 16 except 3..6: zero
 *     75     2  clause         0 for kinds < 16
 *     77     8  aseq
 *     85    16  seen_epoch
 *    101     8  seen_size
 *    109     2  status         0 unless REPLY
 *    111    56  re             epoch(16) index(8) leaf(32), only with has_re
 *      .     1  nparts         at most 8
 *      .   36n  parts          type, retention class, placement, 0, commitment(32)
 *      .   2+n  attrs          u16 length, then (u16 type, u16 length, bytes), types ascending
 *
 * At most 4,096 bytes, no trailing bytes. No name, number or free text of a person
 * stands here: those go in parts.
 */
#ifndef MITHAQ_WIRE_HEADER_H
#define MITHAQ_WIRE_HEADER_H

#include "base/builder.h"
#include "base/cursor.h"
#include "crypto/hash.h"

#define HEADER_MOST	  4096
#define HEADER_PARTS_MOST 8
#define HEADER_ATTRS_MOST 8
#define MID_SIZE	  16
#define LIFE_MOST_MS	  (30ull * 24 * 3600 * 1000)

enum kind {
	KIND_GENESIS = 0,
	KIND_ADOPT = 1,
	KIND_KEYS = 2,
	KIND_AGREE = 3,
	KIND_SUSPEND = 4,
	KIND_RESUME = 5,
	KIND_TERMINATE = 6,
	KIND_PURGED = 7,
	KIND_HOLD = 8,
	KIND_GOT = 9,
	KIND_ANCHOR = 10,
	KIND_CORRECT = 11,
	KIND_TALLY = 12,
	KIND_QUERY = 16,
	KIND_REPLY = 17,
	KIND_SEND = 18,
	KIND_FEED = 19,
	KIND_MATCH = 20,
	KIND_CANCEL = 21,
};
#define KIND_IS_CONTROL(k) ((k) < 16)

enum {
	FLAG_HAS_RE = 1,
	FLAG_REPEATABLE = 2,
	FLAG_INTERACTIVE = 4,
};

enum status {
	STATUS_OK = 0,
	STATUS_NO_HIT = 1,
	STATUS_REFUSED = 2,
	STATUS_EXPIRED = 3,
	STATUS_ERROR = 4,
	STATUS_UNSUPPORTED = 5,
	STATUS_SUSPENDED = 6,
	STATUS_POSTPONED = 7,
	STATUS_NEEDS_INFORMATION = 8,
};

enum part_type {
	PART_CONTENT = 1,
	PART_REASON = 2,
	PART_ATTACHMENT = 3,
	PART_AGREEMENT = 4,
	PART_SIGNATURE = 5,
	PART_ACTOR = 6,
};

enum placement {
	PLACED_INLINE = 0,
	PLACED_ATTACHED = 1,
	PLACED_WITHHELD = 2,
};

enum {
	ATTR_PREVIOUS = 1,  /* GENESIS: epoch(16) size(8) root(32) cause(1) */
	ATTR_KEYS = 2,	    /* H(card) */
	ATTR_AGREEMENT = 3, /* H(agreement) */
	ATTR_REFERENCE = 4,
	ATTR_EFFECTIVE = 5, /* u64 ms */
	ATTR_TALLY = 6,	    /* epoch(16), then per agreement ascending: agreement(32) count(8) last index(8) */
};

enum cause {
	CAUSE_FIRST = 0,
	CAUSE_RESTART = 1,
	CAUSE_FAILOVER = 2,
	CAUSE_RESTORE = 3,
	CAUSE_KEYS = 4,
	CAUSE_ROLLOVER = 5,
};

struct re {
	uint8_t	    epoch[16];
	uint64_t    index;
	struct hash leaf;
};

struct part_entry {
	uint8_t	    type;      /* enum part_type; unknown types are policy, not form */
	uint8_t	    retention; /* class 0..15 of the clause */
	uint8_t	    placement;
	struct hash commitment;
};

struct attr {
	uint16_t     type;
	struct bytes value; /* a view: into the wire when read, of the caller's when written */
};

struct header {
	uint8_t		  kind;
	uint16_t	  flags;
	uint64_t	  index;
	uint64_t	  time_ms;
	uint64_t	  not_after_ms;
	uint8_t		  mid[MID_SIZE];
	struct hash	  agreement;
	uint16_t	  clause;
	uint64_t	  aseq;
	uint8_t		  seen_epoch[16];
	uint64_t	  seen_size;
	uint16_t	  status;
	struct re	  re;
	uint8_t		  nparts;
	struct part_entry part[HEADER_PARTS_MOST];
	uint8_t		  nattrs;
	struct attr	  attr[HEADER_ATTRS_MOST];
};

void header_write(struct builder *b, const struct header *h);

/*
 * Structural checks only (canonical, limits, fields that must be zero): a failure
 * is the partner's breach. Unknown kinds, part types and attributes parse; they
 * are refused by policy later. More than HEADER_ATTRS_MOST attributes is ERR_TOO_LONG.
 */
enum err header_read(struct bytes wire, struct header *out) must_use;

const struct attr *header_attr(const struct header *h, uint16_t type); /* or NULL */

/* ---- the two attributes with an inner form ---- */
struct previous {
	uint8_t	    epoch[16];
	uint64_t    size;
	struct hash root;
	uint8_t	    cause;
};
#define PREVIOUS_SIZE 57
/* CAUSE_FIRST goes with a zero epoch, size 0 and a zero root, and only with them. */
void	 previous_write(struct builder *b, const struct previous *p);
enum err previous_read(struct bytes value, struct previous *out) must_use;

/* A TALLY has a row for each agreement with at least one entry in the epoch; count >= 1, last >= count (index 0 is GENESIS). */
struct tally_row {
	struct hash agreement;
	uint64_t    count;
	uint64_t    last; /* index of the last entry under it */
};
#define TALLY_ROWS_MOST 64
struct tally {
	uint8_t		 epoch[16];
	unsigned	 n;
	struct tally_row row[TALLY_ROWS_MOST];
};
void	 tally_write(struct builder *b, const struct tally *t);
enum err tally_read(struct bytes value, struct tally *out) must_use;

const char *kind_name(uint8_t kind);	  /* "QUERY", or "unknown" */
const char *status_name(uint16_t status); /* "no-hit", or "unknown" */

#endif
