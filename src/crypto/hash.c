/* hash.c: SHA-256 by OpenSSL. The method is fetched once; each thread keeps one context that already knows it. */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

#include "crypto/hash.h"

static EVP_MD			*method;
static pthread_once_t		 method_once = PTHREAD_ONCE_INIT;
static pthread_key_t		 context_key; /* frees a thread's context when it ends */
static _Thread_local EVP_MD_CTX *context;

static void context_free(void *held)
{
	EVP_MD_CTX_free(held);
}

static void method_fetch(void)
{
	method = EVP_MD_fetch(NULL, "SHA2-256", NULL);
	if (method == NULL || pthread_key_create(&context_key, context_free) != 0)
		abort();
}

/* This thread's context, ready for a new message. The second start of a context reuses its method and is cheap. */
static EVP_MD_CTX *context_ready(void)
{
	const EVP_MD *first = NULL;
	if (context == NULL) {
		(void)pthread_once(&method_once, method_fetch);
		context = EVP_MD_CTX_new();
		(void)pthread_setspecific(context_key, context);
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

enum err hashing_begin(struct hashing *h)
{
	(void)pthread_once(&method_once, method_fetch);
	if (h->context == NULL)
		h->context = EVP_MD_CTX_new();
	if (h->context == NULL)
		return ERR_MEMORY;
	if (EVP_DigestInit_ex2(h->context, method, NULL) != 1)
		abort();
	return ERR_OK;
}

void hashing_add(struct hashing *h, struct bytes piece)
{
	if (piece.n > 0 && EVP_DigestUpdate(h->context, piece.at, piece.n) != 1)
		abort();
}

struct hash hashing_end(struct hashing *h)
{
	struct hash out;
	unsigned    size = 0;

	if (EVP_DigestFinal_ex(h->context, out.b, &size) != 1 || size != HASH_SIZE)
		abort();
	return out;
}

void hashing_done(struct hashing *h)
{
	EVP_MD_CTX_free(h->context);
	h->context = NULL;
}

bool hash_equal_secret(const struct hash *a, const struct hash *b)
{
	return CRYPTO_memcmp(a->b, b->b, HASH_SIZE) == 0;
}
