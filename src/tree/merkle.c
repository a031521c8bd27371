/* merkle.c: the hash tree of RFC 6962 section 2.1 and the proof checks of RFC 9162 sections 2.1.3.2 and 2.1.4.2. */
#include <assert.h>

#include "tree/merkle.h"

struct hash leaf_hash(struct bytes entry)
{
	static const uint8_t tag = 0x00;
	const struct bytes   pieces[] = {bytes_of(&tag, 1), entry};
	return hash_pieces(pieces, 2);
}

struct hash node_hash(const struct hash *left, const struct hash *right)
{
	uint8_t node[1 + 2 * HASH_SIZE];
	node[0] = 0x01;
	memcpy(node + 1, left->b, HASH_SIZE);
	memcpy(node + 1 + HASH_SIZE, right->b, HASH_SIZE);
	return hash_bytes(bytes_of(node, sizeof node));
}

static unsigned bits_set(uint64_t v)
{
	return (unsigned)__builtin_popcountll(v);
}

/* ---- frontier ---- */

void frontier_init(struct frontier *f)
{
	memset(f, 0, sizeof *f);
}

/* Adding one to `size` carries through its trailing ones; each carry joins two subtrees of equal size. */
void frontier_add(struct frontier *f, const struct hash *leaf)
{
	assert(f->size < UINT64_MAX);
	unsigned    n = bits_set(f->size);
	struct hash carried = *leaf;
	for (uint64_t size = f->size; (size & 1) != 0; size >>= 1)
		carried = node_hash(&f->at[--n], &carried);
	f->at[n] = carried;
	f->size++;
}

struct hash frontier_root(const struct frontier *f)
{
	if (f->size == 0)
		return hash_bytes(BYTES_NONE);
	unsigned    n = bits_set(f->size) - 1;
	struct hash root = f->at[n];
	while (n > 0)
		root = node_hash(&f->at[--n], &root);
	return root;
}

void frontier_write(struct builder *b, const struct frontier *f)
{
	build_u64(b, f->size);
	for (unsigned i = 0; i < bits_set(f->size); i++)
		build_copy(b, f->at[i].b, HASH_SIZE);
}

void frontier_read(struct cursor *c, struct frontier *f)
{
	struct frontier read;
	frontier_init(&read);
	read.size = cursor_u64(c);
	for (unsigned i = 0; i < bits_set(read.size); i++)
		cursor_copy(c, read.at[i].b, HASH_SIZE);
	if (cursor_err(c) == ERR_OK)
		*f = read;
}

/* ---- whole trees ---- */

/* The largest power of two below n; n > 1. */
static uint64_t split_of(uint64_t n)
{
	return UINT64_C(1) << (63 - __builtin_clzll(n - 1));
}

struct hash tree_root(const struct hash *leaves, uint64_t n)
{
	if (n == 0)
		return hash_bytes(BYTES_NONE);
	if (n == 1)
		return leaves[0];
	uint64_t    k = split_of(n);
	struct hash left = tree_root(leaves, k);
	struct hash right = tree_root(leaves + k, n - k);
	return node_hash(&left, &right);
}

static void proof_add(struct proof *p, struct hash h)
{
	assert(p->n < PROOF_MOST);
	p->at[p->n++] = h;
}

/* PATH(m, D[n]) of RFC 6962 section 2.1.1: what is nearest to the leaf comes first. */
static void path_add(const struct hash *leaves, uint64_t n, uint64_t m, struct proof *p)
{
	if (n <= 1)
		return;
	uint64_t k = split_of(n);
	if (m < k) {
		path_add(leaves, k, m, p);
		proof_add(p, tree_root(leaves + k, n - k));
	} else {
		path_add(leaves + k, n - k, m - k, p);
		proof_add(p, tree_root(leaves, k));
	}
}

void inclusion_prove(const struct hash *leaves, uint64_t size, uint64_t index, struct proof *out)
{
	assert(index < size);
	out->n = 0;
	path_add(leaves, size, index, out);
}

/* SUBPROOF(m, D[n], whole) of RFC 6962 section 2.1.2. `whole`: this subtree is the first tree itself, whose root is known. */
static void subproof_add(const struct hash *leaves, uint64_t n, uint64_t m, bool whole, struct proof *p)
{
	if (m == n) {
		if (!whole)
			proof_add(p, tree_root(leaves, n));
		return;
	}
	uint64_t k = split_of(n);
	if (m <= k) {
		subproof_add(leaves, k, m, whole, p);
		proof_add(p, tree_root(leaves + k, n - k));
	} else {
		subproof_add(leaves + k, n - k, m - k, false, p);
		proof_add(p, tree_root(leaves, k));
	}
}

void consistency_prove(const struct hash *leaves, uint64_t second, uint64_t first, struct proof *out)
{
	assert(first > 0 && first <= second);
	out->n = 0;
	subproof_add(leaves, second, first, true, out);
}

/* ---- checks ---- */

/*
 * Both checks climb the same way (RFC 9162 sections 2.1.3.2 and 2.1.4.2, whose names fn, sn, fr, sr these are): fn is
 * where we stand on a level of the tree, sn is the last place of that level. `sr` becomes the root that the path leads
 * to; `fr`, unless NULL, the root of the first tree. False when the path is too long or too short.
 */
static bool climb(uint64_t fn, uint64_t sn, const struct hash *path, unsigned n, struct hash *fr, struct hash *sr)
{
	for (unsigned i = 0; i < n; i++, fn >>= 1, sn >>= 1) {
		if (sn == 0)
			return false;
		if ((fn & 1) == 0 && fn != sn) {
			*sr = node_hash(sr, &path[i]);
			continue;
		}
		if (fr != NULL)
			*fr = node_hash(&path[i], fr);
		*sr = node_hash(&path[i], sr);
		/* A last place without a neighbour rises as it is, until it is a right child. */
		for (; (fn & 1) == 0 && fn != 0; fn >>= 1)
			sn >>= 1;
	}
	return sn == 0;
}

enum err inclusion_verify(const struct hash *leaf, uint64_t index, uint64_t size, const struct proof *proof, const struct hash *root)
{
	if (index >= size || proof->n > PROOF_MOST)
		return ERR_PROOF;
	struct hash reached = *leaf;
	if (!climb(index, size - 1, proof->at, proof->n, NULL, &reached))
		return ERR_PROOF;
	return hash_equal(&reached, root) ? ERR_OK : ERR_PROOF;
}

/* Nothing was there yet, or nothing was added: no hash is needed, and none may stand there. */
static enum err consistency_verify_plain(uint64_t first, const struct hash *first_root, uint64_t second, const struct hash *second_root)
{
	struct hash empty = hash_bytes(BYTES_NONE);
	if (first == 0 && !hash_equal(first_root, &empty))
		return ERR_PROOF;
	if (first == second && !hash_equal(first_root, second_root))
		return ERR_PROOF;
	return ERR_OK;
}

enum err consistency_verify(uint64_t first, const struct hash *first_root, uint64_t second, const struct hash *second_root, const struct proof *proof)
{
	if (first > second || proof->n > PROOF_MOST)
		return ERR_PROOF;
	if (first == 0 || first == second)
		return proof->n == 0 ? consistency_verify_plain(first, first_root, second, second_root) : ERR_PROOF;
	if (proof->n == 0)
		return ERR_PROOF;

	/* A first tree that is complete is a node of the second: the path opens with its root, which the proof leaves out. */
	bool	    complete = (first & (first - 1)) == 0;
	unsigned    skip = complete ? 0 : 1;
	struct hash fr = complete ? *first_root : proof->at[0];
	struct hash sr = fr;
	uint64_t    fn = first - 1, sn = second - 1;
	for (; (fn & 1) == 1; fn >>= 1)
		sn >>= 1;
	if (!climb(fn, sn, proof->at + skip, proof->n - skip, &fr, &sr))
		return ERR_PROOF;
	return hash_equal(&fr, first_root) && hash_equal(&sr, second_root) ? ERR_OK : ERR_PROOF;
}
