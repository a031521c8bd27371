/* keyed.h: a short keyed hash (SipHash-2-4) for tables whose keys others choose. */
#ifndef MITHAQ_CRYPTO_KEYED_H
#define MITHAQ_CRYPTO_KEYED_H

#include "base/bytes.h"

uint64_t keyed_hash(const uint8_t key[static 16], struct bytes v);

#endif
