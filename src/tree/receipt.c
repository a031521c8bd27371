/*
 * receipt.c: a reader's timestamped signature over the author's checkpoint.
 *
 *   cosignature/v1 LF
 *   time SP seconds LF         decimal, no leading zero, at most 2^63 - 1
 *   the checkpoint's three lines
 */
#include "tree/note.h"

#define RECEIPT_TEXT_MOST 512
#define TIME_MOST	  ((uint64_t)INT64_MAX)

static void receipt_write(struct builder *b, const struct checkpoint *c, uint64_t time_s)
{
	if (time_s > TIME_MOST)
		build_fail(b, ERR_VALUE);
	build_format(b, "cosignature/v1\ntime %llu\n", (unsigned long long)time_s);
	checkpoint_write(b, c);
}

void receipt_sign(const struct sign_key *key, const struct checkpoint *c, uint64_t time_s, struct signature *out)
{
	uint8_t	       text[RECEIPT_TEXT_MOST];
	struct builder b = builder_on(text, sizeof text);
	receipt_write(&b, c, time_s);
	memset(out, 0, sizeof *out);
	if (b.err == ERR_OK)
		sign_bytes(key, builder_bytes(&b), out);
}

enum err receipt_verify(const struct public_key *receipt_key, const struct checkpoint *c, uint64_t time_s, const struct signature *sig)
{
	uint8_t	       text[RECEIPT_TEXT_MOST];
	struct builder b = builder_on(text, sizeof text);
	receipt_write(&b, c, time_s);
	if (b.err != ERR_OK)
		return b.err;
	return sign_verify(receipt_key, builder_bytes(&b), sig);
}
