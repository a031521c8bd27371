/* secret.h: memory that held a secret is zeroed when it is left. */
#ifndef MITHAQ_BASE_SECRET_H
#define MITHAQ_BASE_SECRET_H

#include <stddef.h>
#include <string.h>

static inline void secret_zero(void *at, size_t n)
{
	explicit_bzero(at, n);
}

#endif
