/* hash.c: SHA-256 by OpenSSL. The method is fetched once; each thread keeps one context that already knows it. */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

#include "crypto/hash.h"

static EVP_MD			*method;
static pthread_once_t		 method_once = PTHREAD_ONCE_INIT;
static _Thread_local EVP_MD_CTX *context;

static void method_fetch(void)
{
	method = EVP_MD_fetch(NULL, "SHA2-256", NULL);
	if (method == NULL)
		abort();
}

/* This thread's context, ready for a new message. The second start of a context reuses its method and is cheap. */
static EVP_MD_CTX *context_ready(void)
{
	const EVP_MD *first = NULL;
	if (context == NULL) {
		(void)pthread_once(&method_once, method_fetch);
		context = EVP_MD_CTX_new();
		first = method;
	}
	if (context == NULL || EVP_DigestInit_ex2(context, first, NULL) != 1)
		abort();
	return context;
}

struct hash hash_pieces(const struct bytes *pieces, size_t n)
{
	EVP_MD_CTX *c = context_ready();
	struct hash out;
	unsigned    size = 0;
	for (size_t i = 0; i < n; i++)
		if (pieces[i].n > 0 && EVP_DigestUpdate(c, pieces[i].at, pieces[i].n) != 1)
			abort();
	if (EVP_DigestFinal_ex(c, out.b, &size) != 1 || size != HASH_SIZE)
		abort();
	return out;
}

struct hash hash_bytes(struct bytes v)
{
	return hash_pieces(&v, 1);
}

bool hash_equal_secret(const struct hash *a, const struct hash *b)
{
	return CRYPTO_memcmp(a->b, b->b, HASH_SIZE) == 0;
}
