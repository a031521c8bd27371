/* commit.c: salted commitments, byte for byte as tree/commit.h draws them. */
#include "tree/commit.h"

#define ENTRY_VERSION 0x01

struct hash header_commit(const struct salt *salt, struct bytes header)
{
	const struct bytes pieces[] = {bytes_text("mithaq/header/v1\n"), bytes_of(salt->b, SALT_SIZE), header};
	return hash_pieces(pieces, COUNT_OF(pieces));
}

/* The tree over the blocks of a part; the last block may be shorter. */
static struct hash blocks_root(struct bytes part)
{
	if (part.n > 0 && part.n <= PART_BLOCK)
		return leaf_hash(part);
	struct frontier f;
	frontier_init(&f);
	for (size_t at = 0; at < part.n; at += PART_BLOCK) {
		size_t	    n = part.n - at < PART_BLOCK ? part.n - at : PART_BLOCK;
		struct hash leaf = leaf_hash(bytes_of(part.at + at, n));
		frontier_add(&f, &leaf);
	}
	return frontier_root(&f);
}

struct hash part_commit(const struct salt *salt, struct bytes part)
{
	uint8_t	       length[8];
	struct builder b = builder_on(length, sizeof length);
	build_u64(&b, part.n);
	struct hash	   root = blocks_root(part);
	const struct bytes pieces[] = {bytes_text("mithaq/part/v1\n"), bytes_of(salt->b, SALT_SIZE), bytes_of(length, 8),
				       bytes_of(root.b, HASH_SIZE)};
	return hash_pieces(pieces, COUNT_OF(pieces));
}

struct hash entry_leaf(const struct hash *commitment)
{
	uint8_t entry[ENTRY_SIZE];
	entry[0] = ENTRY_VERSION;
	memcpy(entry + 1, commitment->b, HASH_SIZE);
	return leaf_hash(bytes_of(entry, sizeof entry));
}
