/*
 * api_tls.h: the local API over TLS 1.2 and 1.3, for applications on other machines
 * of the house. The certificate is the house's own, from files of PEM; the names in
 * it are the names under which a request may ask for us.
 *
 * Whoever only connects, or speaks slowly, costs nobody else anything: a handshake
 * has a deadline, an address has a number of connections, and all addresses together
 * have one that leaves room for the other doors.
 */
#ifndef MITHAQ_NET_API_TLS_H
#define MITHAQ_NET_API_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include <event2/bufferevent.h>
#include <event2/event.h>

#include "base/error.h"

#define API_TLS_MOST	     512   /* connections at once */
#define API_TLS_ADDRESS_MOST 64	   /* of one address; of one /64 in IPv6 */
#define API_TLS_HANDSHAKE_MS 10000 /* from the first byte of TCP to the last of the handshake */
#define API_TLS_FILE_MOST    65536

/* `at` of a fault: in which of the two files it is. */
#define API_TLS_CERTIFICATE "certificate"
#define API_TLS_KEY	    "key"

struct api_tls;

/* ERR_MEMORY, ERR_TLS. It has no certificate yet. */
enum err api_tls_new(struct event_base *base, struct api_tls **out) must_use;
void	 api_tls_free(struct api_tls *t); /* accepts NULL; after every connection made of it */

/*
 * Opens the two files, NULL for a key that stands in the file of the certificate. What
 * held before holds until both are read and fit together. The fault says in which of the
 * two files what is wrong, and what helps.
 */
enum err api_tls_load(struct api_tls *t, const char *certificate, const char *key, struct fault *fault) must_use;
/* The same of open descriptors, which stay the caller's; `key` is -1 when it stands in the file of the certificate. */
enum err api_tls_take(struct api_tls *t, int certificate, int key, struct fault *fault) must_use;

/* The first and the last moment of the certificate, in milliseconds since 1970; 0 while there is none. */
uint64_t api_tls_from_ms(const struct api_tls *t);
uint64_t api_tls_until_ms(const struct api_tls *t);

/* Does the certificate name this host of a Host header, with or without a port? */
bool api_tls_names(const struct api_tls *t, const char *host);

/* For evhttp_set_bevcb; `arg` is a struct api_tls. */
struct bufferevent *api_tls_bufferevent(struct event_base *base, void *arg);
/* False for a connection that is not of TLS: the library makes a plain one when it got none from us. */
bool api_tls_carries(struct bufferevent *connection);

/* How many connections were turned away or given up since the start: above a limit, or with a handshake too slow. */
uint64_t api_tls_turned_away(const struct api_tls *t);

#endif
