/* heads.c: signed heads of a log: checkpoints by its author, receipts by its reader. */
#include <assert.h>

#include "store/inside.h"

static bool checkpoint_load(const struct query *q, struct checkpoint_head *out)
{
	out->size = place_index((int64_t)column_u64(q, 0));
	return column_exact(q, 1, out->root.b, HASH_SIZE) && column_exact(q, 2, out->sig.b, SIGN_SIZE);
}

static bool receipt_load(const struct query *q, struct receipt_head *out)
{
	out->size = place_index((int64_t)column_u64(q, 0));
	out->time_s = column_u64(q, 3);
	return column_exact(q, 1, out->root.b, HASH_SIZE) && column_exact(q, 2, out->sig.b, SIGN_SIZE);
}

static enum err checkpoint_next(struct query *q, int64_t log, struct checkpoint_head *out)
{
	struct checkpoint_head head;

	enum err e = query_row(q);
	if (e != ERR_OK)
		return e;
	if (!checkpoint_load(q, &head))
		return store_complain(q->s, ERR_STORE, "checkpoint", log, head.size);
	*out = head;
	return ERR_OK;
}

static enum err receipt_next(struct query *q, int64_t log, struct receipt_head *out)
{
	struct receipt_head head;

	enum err e = query_row(q);
	if (e != ERR_OK)
		return e;
	if (!receipt_load(q, &head))
		return store_complain(q->s, ERR_STORE, "receipt", log, head.size);
	*out = head;
	return ERR_OK;
}

/* One root per size (spec/entry.md): a half that was there already must be of the same tree. */
static enum err same_or_fork(struct store *s, int64_t log, uint64_t size, const struct hash *given)
{
	struct hash  held;
	scoped_query q = query_take(s, STATEMENT_HEAD_ROOT);

	query_place(&q, log, size);
	enum err e = query_row(&q);
	if (e != ERR_OK)
		return e;
	if (!column_exact(&q, 0, held.b, HASH_SIZE))
		return store_complain(s, ERR_STORE, "a head", log, size);
	return hash_equal(&held, given) ? ERR_OK : store_complain(s, ERR_FORK, "a head", log, size);
}

enum err store_checkpoint_add(struct store *s, int64_t log, const struct checkpoint_head *c)
{
	struct sums *sums;
	scoped_query q = query_take(s, STATEMENT_CHECKPOINT_ADD);

	assert(c->size < PLACE_MOST);
	query_place(&q, log, c->size);
	query_bytes(&q, bytes_of(c->root.b, HASH_SIZE));
	query_bytes(&q, bytes_of(c->sig.b, SIGN_SIZE));
	enum err e = query_run(&q);
	if (e != ERR_OK)
		return e;
	if (sqlite3_changes(s->db) == 0)
		return same_or_fork(s, log, c->size, &c->root);
	e = sums_take(s, log, &sums);
	if (e != ERR_OK || c->size <= sums->checkpointed)
		return e;
	sums->checkpointed = c->size;
	sums->changed = true;
	return ERR_OK;
}

enum err store_receipt_add(struct store *s, int64_t log, const struct receipt_head *r)
{
	struct sums *sums;
	scoped_query q = query_take(s, STATEMENT_RECEIPT_ADD);

	assert(r->size < PLACE_MOST);
	query_place(&q, log, r->size);
	query_bytes(&q, bytes_of(r->root.b, HASH_SIZE));
	query_bytes(&q, bytes_of(r->sig.b, SIGN_SIZE));
	query_u64(&q, r->time_s);
	enum err e = query_run(&q);
	if (e != ERR_OK)
		return e;
	if (sqlite3_changes(s->db) == 0)
		return same_or_fork(s, log, r->size, &r->root);
	e = sums_take(s, log, &sums);
	if (e != ERR_OK || r->size <= sums->receipted)
		return e;
	sums->receipted = r->size;
	sums->changed = true;
	return ERR_OK;
}

enum err store_checkpoint_covering(struct store *s, int64_t log, uint64_t index, struct checkpoint_head *out)
{
	scoped_query q = query_take(s, STATEMENT_CHECKPOINT_COVERING);

	query_range(&q, log, index + 1, PLACE_MOST);
	return checkpoint_next(&q, log, out);
}

enum err store_checkpoint_upto(struct store *s, int64_t log, uint64_t size, struct checkpoint_head *out)
{
	scoped_query q = query_take(s, STATEMENT_CHECKPOINT_UPTO);

	query_range(&q, log, 0, size + 1);
	return checkpoint_next(&q, log, out);
}

enum err store_receipt_covering(struct store *s, int64_t log, uint64_t index, struct receipt_head *out)
{
	scoped_query q = query_take(s, STATEMENT_RECEIPT_COVERING);

	query_range(&q, log, index + 1, PLACE_MOST);
	return receipt_next(&q, log, out);
}

enum err store_checkpoints(struct store *s, int64_t log, store_checkpoint_fn *each, void *arg)
{
	struct checkpoint_head head;
	enum err	       e;
	scoped_query	       q = query_take(s, STATEMENT_CHECKPOINTS);

	query_range(&q, log, 0, PLACE_MOST);
	while ((e = checkpoint_next(&q, log, &head)) == ERR_OK)
		if (!each(arg, &head))
			return ERR_OK;
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err store_receipts(struct store *s, int64_t log, store_receipt_fn *each, void *arg)
{
	struct receipt_head head;
	enum err	    e;
	scoped_query	    q = query_take(s, STATEMENT_RECEIPTS);

	query_range(&q, log, 0, PLACE_MOST);
	while ((e = receipt_next(&q, log, &head)) == ERR_OK)
		if (!each(arg, &head))
			return ERR_OK;
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}
