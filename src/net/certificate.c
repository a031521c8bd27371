#include "net/certificate.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#define CERTIFICATE_DAYS 3650 /* the card says how long the key is valid, not the certificate */
#define SPKI_MOST	 128

static void key_done(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

static void x509_done(X509 **x)
{
	X509_free(*x);
}

static void bio_done(BIO **bio)
{
	BIO_free(*bio);
}

static enum err pin_of(EVP_PKEY *key, struct hash *pin)
{
	unsigned char  spki[SPKI_MOST];
	unsigned char *at = spki;
	int	       n = i2d_PUBKEY(key, NULL);

	if (n <= 0 || n > SPKI_MOST || i2d_PUBKEY(key, &at) != n)
		return ERR_INTERNAL;
	*pin = hash_bytes(bytes_of(spki, (size_t)n));
	return ERR_OK;
}

/* A common name holds 64 characters at most; a party's name may be longer, and nobody relies on it here. */
static bool name_set(X509 *x, const char *party)
{
	char	   name[65];
	X509_NAME *subject = X509_get_subject_name(x);

	snprintf(name, sizeof name, "%s", party);
	return X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0) == 1 &&
	       X509_set_issuer_name(x, subject) == 1;
}

static bool fill_and_sign(X509 *x, EVP_PKEY *key, const char *party)
{
	return X509_set_version(x, 2) == 1 && ASN1_INTEGER_set(X509_get_serialNumber(x), 1) == 1 &&
	       X509_gmtime_adj(X509_getm_notBefore(x), -24 * 3600) != NULL &&
	       X509_time_adj_ex(X509_getm_notAfter(x), CERTIFICATE_DAYS, 0, NULL) != NULL && X509_set_pubkey(x, key) == 1 && name_set(x, party) &&
	       X509_sign(x, key, NULL) > 0;
}

enum err certificate_make(const uint8_t seed[SIGN_SEED], const char *party, struct buffer *pem, struct hash *pin)
{
	scoped(key_done) EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, SIGN_SEED);
	scoped(x509_done) X509	  *x = X509_new();
	scoped(bio_done) BIO	  *bio = BIO_new(BIO_s_mem());
	struct hash		   found;
	char			  *text;

	if (key == NULL || x == NULL || bio == NULL)
		return ERR_MEMORY;
	if (!fill_and_sign(x, key, party) || PEM_write_bio_X509(bio, x) != 1)
		return ERR_INTERNAL;
	enum err e = pin_of(key, &found);
	if (e != ERR_OK)
		return e;
	long n = BIO_get_mem_data(bio, &text);
	e = buffer_add(pem, bytes_of(text, n > 0 ? (size_t)n : 0));
	if (e == ERR_OK)
		*pin = found;
	return e;
}
