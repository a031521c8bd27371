/* random.c: random bytes from the kernel, through libsodium. */
#include <sodium.h>

#include "crypto/random.h"

void random_bytes(void *out, size_t n)
{
	randombytes_buf(out, n);
}
