/*
 * commit.h: salted commitments, and the 33 bytes that a log keeps for ever
 * (spec/entry.md).
 *
 *   C(header) = H("mithaq/header/v1\n" || salt[32] || header)
 *   entry     = 0x01 || C(header)                            33 bytes
 *   C(part)   = H("mithaq/part/v1\n" || salt[32] || u64 length || R)
 *   R         = RFC 6962 tree hash over 1 MiB blocks of the part; H("") when empty
 */
#ifndef MITHAQ_TREE_COMMIT_H
#define MITHAQ_TREE_COMMIT_H

#include "tree/merkle.h"

#define ENTRY_SIZE 33
#define PART_BLOCK (1u << 20)

struct hash header_commit(const struct salt *salt, struct bytes header);
struct hash part_commit(const struct salt *salt, struct bytes part);

/* entry = 0x01 || commitment, and its leaf hash. */
struct hash entry_leaf(const struct hash *commitment);

#endif
