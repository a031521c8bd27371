/*
 * certificate.h: the self-signed Ed25519 certificate of a gateway. Partners pin the
 * hash of its public key (SubjectPublicKeyInfo) from our card; names and dates in it
 * are for people who look at it with other tools.
 */
#ifndef MITHAQ_NET_CERTIFICATE_H
#define MITHAQ_NET_CERTIFICATE_H

#include "base/builder.h"
#include "crypto/hash.h"
#include "crypto/sign.h"

#define CERTIFICATE_MOST 4096

/* The certificate as PEM, appended to `pem`, and the pin H(SubjectPublicKeyInfo). */
enum err certificate_make(const uint8_t seed[SIGN_SEED], const char *party, struct buffer *pem, struct hash *pin) must_use;

#endif
