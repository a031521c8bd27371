/* keys.c: Idempotency-Keys of local accounts; they never leave the house. */
#include "store/inside.h"

enum err store_key_find(struct store *s, struct bytes account, struct bytes key, uint8_t mid[MID_SIZE], struct hash *body)
{
	uint8_t	     found[MID_SIZE];
	scoped_query q = query_take(s, STATEMENT_KEY_FIND);

	query_bytes(&q, account);
	query_bytes(&q, key);
	enum err e = query_row(&q);
	if (e != ERR_OK)
		return e;
	if (!column_exact(&q, 0, found, MID_SIZE) || !column_exact(&q, 1, body->b, HASH_SIZE))
		return store_complain(s, ERR_STORE, "idempotency key", 0, 0);
	memcpy(mid, found, MID_SIZE);
	return ERR_OK;
}

enum err store_key_add(struct store *s, struct bytes account, struct bytes key, const uint8_t mid[MID_SIZE], const struct hash *body, uint64_t now_ms)
{
	scoped_query q = query_take(s, STATEMENT_KEY_ADD);

	query_bytes(&q, account);
	query_bytes(&q, key);
	query_bytes(&q, bytes_of(mid, MID_SIZE));
	query_bytes(&q, bytes_of(body->b, HASH_SIZE));
	query_u64(&q, now_ms);
	return query_run(&q);
}

enum err store_keys_expire(struct store *s, uint64_t before_ms)
{
	scoped_query q = query_take(s, STATEMENT_KEYS_EXPIRE);

	query_u64(&q, before_ms);
	return query_run(&q);
}
