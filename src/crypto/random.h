/*
 * random.h: the kernel's random bytes. Only files above the waterline include
 * this header (tools/layers.py checks); below it randomness is an input, spread
 * by `struct spring`.
 */
#ifndef MITHAQ_CRYPTO_RANDOM_H
#define MITHAQ_CRYPTO_RANDOM_H

#include <stddef.h>

void random_bytes(void *out, size_t n);

#endif
