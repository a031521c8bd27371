/* heads.c: signed heads of a log: checkpoints by its author, receipts by its reader. */
#include "store/inside.h"

static bool checkpoint_load(const struct query *q, struct checkpoint_head *out)
{
	out->size = column_u64(q, 0);
	return column_exact(q, 1, out->root.b, HASH_SIZE) && column_exact(q, 2, out->sig.b, SIGN_SIZE);
}

static bool receipt_load(const struct query *q, struct receipt_head *out)
{
	out->size = column_u64(q, 0);
	out->time_s = column_u64(q, 2);
	return column_exact(q, 1, out->root.b, HASH_SIZE) && column_exact(q, 3, out->sig.b, SIGN_SIZE);
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

/* One root per size (spec/entry.md): a head that was there already must be of the same tree. */
static enum err same_or_fork(struct store *s, int64_t log, const struct hash *held, const struct hash *given)
{
	return hash_equal(held, given) ? ERR_OK : store_complain(s, ERR_FORK, "a head", log, 0);
}

enum err store_checkpoint_add(struct store *s, int64_t log, const struct checkpoint_head *c)
{
	struct checkpoint_head held;
	scoped_query	       q = query_take(s, STATEMENT_CHECKPOINT_ADD);

	query_integer(&q, log);
	query_u64(&q, c->size);
	query_bytes(&q, bytes_of(c->root.b, HASH_SIZE));
	query_bytes(&q, bytes_of(c->sig.b, SIGN_SIZE));
	enum err e = query_run(&q);
	if (e != ERR_OK || sqlite3_changes(s->db) == 1)
		return e;
	e = store_checkpoint_covering(s, log, c->size - 1, &held);
	return e == ERR_OK ? same_or_fork(s, log, &held.root, &c->root) : e;
}

enum err store_receipt_add(struct store *s, int64_t log, const struct receipt_head *r)
{
	struct receipt_head held;
	scoped_query	    q = query_take(s, STATEMENT_RECEIPT_ADD);

	query_integer(&q, log);
	query_u64(&q, r->size);
	query_bytes(&q, bytes_of(r->root.b, HASH_SIZE));
	query_u64(&q, r->time_s);
	query_bytes(&q, bytes_of(r->sig.b, SIGN_SIZE));
	enum err e = query_run(&q);
	if (e != ERR_OK || sqlite3_changes(s->db) == 1)
		return e;
	e = store_receipt_covering(s, log, r->size - 1, &held);
	return e == ERR_OK ? same_or_fork(s, log, &held.root, &r->root) : e;
}

enum err store_checkpoint_covering(struct store *s, int64_t log, uint64_t index, struct checkpoint_head *out)
{
	scoped_query q = query_take(s, STATEMENT_CHECKPOINT_COVERING);

	query_integer(&q, log);
	query_u64(&q, index + 1);
	return checkpoint_next(&q, log, out);
}

enum err store_receipt_covering(struct store *s, int64_t log, uint64_t index, struct receipt_head *out)
{
	scoped_query q = query_take(s, STATEMENT_RECEIPT_COVERING);

	query_integer(&q, log);
	query_u64(&q, index + 1);
	return receipt_next(&q, log, out);
}

enum err store_checkpoints(struct store *s, int64_t log, store_checkpoint_fn *each, void *arg)
{
	struct checkpoint_head head;
	enum err	       e;
	scoped_query	       q = query_take(s, STATEMENT_CHECKPOINTS);

	query_integer(&q, log);
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

	query_integer(&q, log);
	while ((e = receipt_next(&q, log, &head)) == ERR_OK)
		if (!each(arg, &head))
			return ERR_OK;
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}
