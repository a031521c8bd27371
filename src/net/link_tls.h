/*
 * link_tls.h: TLS 1.3 between two gateways over libevent's sockets.
 *
 * TLS 1.3 only, ALPN `mithaq/1` required at both ends, a certificate required from
 * both, each counted by one thing alone: H(SubjectPublicKeyInfo) stands on the
 * partner's card (a pin). Names, dates and issuers in certificates are not looked
 * at. No tickets, no resumption, no 0-RTT. TCP_NODELAY; TCP_NOTSENT_LOWAT 16 KiB, so
 * that a query never waits behind what the kernel already took.
 *
 * A `struct link_tls` is one end's identities and its partner's pins; sockets made
 * from it must be freed before it. link_tls_new reads no file afterwards, so it is
 * called before promise(). An end whose key was changed keeps the one before it: a
 * partner that refuses what it is shown, because it holds an older card, is shown the
 * next at the next attempt. The reason of a refusal is kept on the socket in words
 * (link_tls_why), and TLS alerts tell the other side.
 */
#ifndef MITHAQ_NET_LINK_TLS_H
#define MITHAQ_NET_LINK_TLS_H

#include <event2/bufferevent.h>

#include "crypto/hash.h"
#include "crypto/sign.h"

#define LINK_ALPN	     "mithaq/1"
#define LINK_PINS_MOST	     4
#define LINK_IDENTITIES_MOST 3
#define LINK_WHY_MOST	     160
#define LINK_LOWAT	     (16 << 10)
#define LINK_LINGER_S	     2
#define LINK_LINGER_MOST     (1u << 20)
#define LINK_FAREWELLS_MOST  64 /* above it a socket is closed at once */

struct link_tls;

/* The key must be the certificate's (ERR_KEY). `certificate` is PEM, ERR_MALFORMED when it is not. */
enum err link_tls_new(const struct sign_key *key, struct bytes certificate, const struct hash *pins, unsigned npins, struct link_tls **out) must_use;
void	 link_tls_free(struct link_tls *t); /* accepts NULL */
/* One more identity of this end, shown when the partner refused those before it; ERR_TOO_LONG above the limit. */
enum err link_tls_add(struct link_tls *t, const struct sign_key *key, struct bytes certificate) must_use;
/* The partner has another card now: from the next handshake on. ERR_VALUE unless there is one pin at least, and not too many. */
enum err link_tls_pins(struct link_tls *t, const struct hash *pins, unsigned npins) must_use;

/*
 * A socket that closes its descriptor when freed. Dialling: `fd` is -1 and
 * bufferevent_socket_connect comes next. Accepted: `fd` is the connection. NULL: no
 * memory (fd is closed). After BEV_EVENT_CONNECTED call link_tls_check.
 */
struct bufferevent *link_tls_dial(struct link_tls *t, struct event_base *base);
struct bufferevent *link_tls_accept(struct link_tls *t, struct event_base *base, int fd);

/* Is this the session it must be: TLS 1.3, ALPN, a pinned certificate? Also sets the socket's options. ERR_TLS or ERR_PIN. */
enum err link_tls_check(struct bufferevent *socket) must_use;

/* What the partner's certificate is, as a pin; false when it showed none. */
bool link_tls_shown(struct bufferevent *socket, struct hash *out);

/* False when what the partner showed on this socket is no longer among the pins: they changed after it was let in. */
bool link_tls_lets(const struct link_tls *t, struct bufferevent *socket);

/* Why a socket failed, in words for the journal. `what` is the event's. Asked once: a refused certificate gives way to the next. */
void link_tls_why(struct bufferevent *socket, short what, char out[LINK_WHY_MOST]);

/* Ends a session so that the other side reads our last words: close_notify, half-close, read and drop until it
 * closes too or LINK_LINGER_S passed. Takes the socket over and frees it. */
void link_tls_end(struct bufferevent *socket);

/* H(SubjectPublicKeyInfo) of a certificate in PEM: what a card pins. */
enum err link_tls_pin(struct bytes certificate, struct hash *out) must_use;

#endif
