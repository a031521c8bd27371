/*
 * tar.h: the one way a bundle is laid out as ustar (spec/evidence.md). Bundles stay far below
 * 8 GiB; a backup's ledger may not (store/archive.h), so its heads are written and read here too.
 *
 * offset  size  field      value
 *      0   100  name       1 to 99 bytes of [a-z0-9.-/], rest zero
 *    100     8  mode       "0000644" NUL
 *    108     8  uid        "0000000" NUL
 *    116     8  gid        "0000000" NUL
 *    124    12  size       11 octal digits, NUL; from 8 GiB on 0x80, three zero bytes, u64
 *    136    12  mtime      "00000000000" NUL
 *    148     8  checksum   6 octal digits, NUL, SP
 *    156     1  type       '0'
 *    157   100  linkname   zero
 *    257     8  magic      "ustar" NUL "00"
 *    265    64  uname, gname  zero
 *    329    16  devices    "0000000" NUL, twice
 *    345   167  prefix and rest  zero
 *    512        the file's bytes, padded with zero bytes to 512
 *
 * Two zero blocks end it and nothing follows. A reader writes each block again and
 * compares, so there is exactly one file of these names and contents.
 */
#ifndef MITHAQ_EVIDENCE_TAR_H
#define MITHAQ_EVIDENCE_TAR_H

#include "base/builder.h"
#include "base/cursor.h"

#define TAR_BLOCK     512
#define TAR_NAME_MOST 99

struct tar_file {
	char	     name[TAR_NAME_MOST + 1];
	struct bytes body; /* a view into the file read */
};

/* ---- one block, for archives that are too large for memory ---- */

void tar_head_write(uint8_t block[static TAR_BLOCK], const char *name, uint64_t size);
/* Reads name and size; ERR_NOT_CANONICAL unless writing them gives the same block. */
enum err tar_head_read(struct bytes block, char name[static TAR_NAME_MOST + 1], uint64_t *size) must_use;
bool	 tar_name_good(const char *name);
bool	 tar_block_is_zero(struct bytes block);
/* Zero bytes that follow a file of n bytes. */
size_t tar_padding(uint64_t n);

/* ---- a whole archive in memory ---- */

enum err tar_add(struct buffer *out, const char *name, struct bytes body) must_use;
enum err tar_end(struct buffer *out) must_use;

/* True and fills `out` while files are left; false at the end or after a failure, which cursor_end tells apart. */
bool tar_next(struct cursor *c, struct tar_file *out);

#endif
