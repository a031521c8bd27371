/*
 * The keeper against a captured core: any messages in any order. Input: u8 type |
 * u16 length | payload, again and again. Of each handle the signed sizes must grow
 * until it is opened again.
 */
#include "gateway/keeper.h"
#include "base/cursor.h"

#define HANDLES 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct sign_key key;

static void check_grows(const struct keeper_reply *r, uint64_t size[HANDLES])
{
	struct cursor c = cursor_on(bytes_of(r->payload, r->n));
	uint32_t      handle = cursor_u32(&c);

	if (handle >= HANDLES)
		return;
	if (r->type == KEEPER_OPENED)
		size[handle] = 0;
	if (r->type != KEEPER_SIGNED)
		return;
	uint64_t signed_size = cursor_u64(&c);
	if (signed_size <= size[handle])
		__builtin_trap();
	size[handle] = signed_size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const uint8_t seed[SIGN_SEED] = {1};
	struct cursor	     c = cursor_on(bytes_of(data, n));
	uint64_t	     size[HANDLES] = {0};

	if (crypto_start())
		return 0;
	sign_key_from_seed(&key, seed);
	struct keeper *k = keeper_new("north.example", &key, &key);
	for (unsigned i = 0; k && i < 64 && cursor_left(&c) > 0; i++) {
		uint8_t		    type = cursor_u8(&c);
		struct bytes	    payload = cursor_take16(&c, UINT16_MAX);
		struct keeper_reply r;

		if (cursor_err(&c))
			break;
		keeper_handle(k, type, payload, 1790000000 + i, &r);
		if (r.n > KEEPER_REPLY_MOST)
			__builtin_trap();
		check_grows(&r, size);
	}
	keeper_free(k);
	return 0;
}
