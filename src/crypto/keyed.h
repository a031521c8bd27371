/*
 * keyed.h: a short keyed hash (SipHash-2-4) for tables whose keys others choose, and a
 * message authentication code (HMAC-SHA256, RFC 2104) for those who share a secret with us.
 */
#ifndef MITHAQ_CRYPTO_KEYED_H
#define MITHAQ_CRYPTO_KEYED_H

#include "crypto/hash.h"

uint64_t keyed_hash(const uint8_t key[static 16], struct bytes v);

/* Over the pieces as if they were one. A key of any length. */
struct hash keyed_mac(struct bytes key, const struct bytes *pieces, size_t n);

#endif
