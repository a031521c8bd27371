/*
 * merkle.h: the hash tree of RFC 6962 section 2.1, arithmetic only.
 *
 *   leaf = H(0x00 || entry)      node = H(0x01 || left || right)      empty = H("")
 *
 * A frontier is what a writer must remember to go on: the roots of the complete
 * subtrees of a tree of `size` leaves, largest first, one per set bit of size.
 * Proofs over a whole log are made from an array of leaf hashes.
 */
#ifndef MITHAQ_TREE_MERKLE_H
#define MITHAQ_TREE_MERKLE_H

#include "base/builder.h"
#include "base/cursor.h"
#include "crypto/hash.h"

#define FRONTIER_MOST 64
#define PROOF_MOST    64

struct frontier {
	uint64_t    size;
	struct hash at[FRONTIER_MOST]; /* popcount(size) of them, largest subtree first */
};

struct hash leaf_hash(struct bytes entry);
struct hash node_hash(const struct hash *left, const struct hash *right);

void	    frontier_init(struct frontier *f);
void	    frontier_add(struct frontier *f, const struct hash *leaf);
struct hash frontier_root(const struct frontier *f);

/* Stored form: u64 size, then the hashes. Reading checks that their count is popcount(size). */
void frontier_write(struct builder *b, const struct frontier *f);
void frontier_read(struct cursor *c, struct frontier *f);

/* The root over an array of leaf hashes. */
struct hash tree_root(const struct hash *leaves, uint64_t n);

struct proof {
	unsigned    n;
	struct hash at[PROOF_MOST];
};

/* RFC 6962 section 2.1.1 (PATH) and 2.1.2 (PROOF); index < size, 0 < first <= second. */
void inclusion_prove(const struct hash *leaves, uint64_t size, uint64_t index, struct proof *out);
void consistency_prove(const struct hash *leaves, uint64_t second, uint64_t first, struct proof *out);

/* RFC 9162 sections 2.1.3.2 and 2.1.4.2. ERR_PROOF unless the proof is exactly right (length too). */
enum err inclusion_verify(const struct hash *leaf, uint64_t index, uint64_t size, const struct proof *proof, const struct hash *root) must_use;
enum err consistency_verify(uint64_t first, const struct hash *first_root, uint64_t second, const struct hash *second_root,
			    const struct proof *proof) must_use;

#endif
