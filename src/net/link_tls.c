/* link_tls.c: pinned TLS 1.3 sockets. OpenSSL's names stay in this file. */
#include "net/link_tls.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/text.h"

struct link_tls {
	SSL_CTX	   *context[LINK_IDENTITIES_MOST];
	unsigned    nidentities, shown; /* which of them sockets show from now on */
	unsigned    npins;
	struct hash pin[LINK_PINS_MOST];
};

/* What one socket learned about its partner; hangs on the SSL object and dies with it. */
struct words {
	struct link_tls *of;
	unsigned	 shown; /* the identity that this socket shows */
	char		 why[LINK_WHY_MOST];
	bool		 pinned;
};

/* ALPN's wire form: one length byte before each name (RFC 7301 section 3.1). */
static const uint8_t alpn_wire[] = "\x08" LINK_ALPN;
#define ALPN_WIRE_SIZE (sizeof alpn_wire - 1)

/* ---- words on a socket ---- */

static void words_free(void *parent unused_arg, void *words, CRYPTO_EX_DATA *data unused_arg, int index unused_arg, long argl unused_arg,
		       void *argp unused_arg)
{
	free(words);
}

/* The slot of our words, fetched once; one thread per process. */
static int words_slot(void)
{
	static int slot = -1;

	if (slot < 0)
		slot = SSL_get_ex_new_index(0, NULL, NULL, NULL, words_free);
	return slot;
}

static struct words *words_of(const SSL *ssl)
{
	return ssl ? SSL_get_ex_data(ssl, words_slot()) : NULL;
}

static prints(2, 3) void words_say(const SSL *ssl, const char *format, ...)
{
	struct words *words = words_of(ssl);
	va_list	      values;

	if (!words || words->why[0]) /* the first reason is the reason */
		return;
	va_start(values, format);
	(void)vsnprintf(words->why, sizeof words->why, format, values);
	va_end(values);
}

/* ---- pins ---- */

static enum err certificate_pin(X509 *certificate, struct hash *out)
{
	uint8_t *der = NULL;
	int	 n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);

	if (n <= 0)
		return ERR_MALFORMED;
	*out = hash_bytes(bytes_of(der, (size_t)n));
	OPENSSL_free(der);
	return ERR_OK;
}

/* "5b7e0c..91": enough to compare aloud. */
static void pin_short(const struct hash *pin, char out[16])
{
	char hex[2 * HASH_SIZE + 1];

	hex_write(pin->b, HASH_SIZE, hex);
	(void)snprintf(out, 16, "%.6s..%.2s", hex, hex + 2 * HASH_SIZE - 2);
}

static bool pin_held(const struct link_tls *t, const struct hash *shown)
{
	for (unsigned i = 0; i < t->npins; i++) {
		if (hash_equal(&t->pin[i], shown))
			return true;
	}
	return false;
}

static void say_wrong_pin(const struct link_tls *t, const SSL *ssl, const struct hash *shown)
{
	char expected[16], found[16];

	pin_short(&t->pin[0], expected);
	pin_short(shown, found);
	words_say(ssl, "the partner's certificate is not the one on its card: card says %s%s, it showed %s", expected,
		  t->npins > 1 ? " or another" : "", found);
}

/* In place of OpenSSL's chain check: the pin decides, nothing else. */
static int verify_by_pin(X509_STORE_CTX *store, void *arg)
{
	const struct link_tls *t = arg;
	SSL		      *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	X509		      *certificate = X509_STORE_CTX_get0_cert(store);
	struct words	      *words = words_of(ssl);
	struct hash	       shown;

	if (words && certificate && certificate_pin(certificate, &shown) == ERR_OK) {
		if (pin_held(t, &shown)) {
			words->pinned = true;
			X509_STORE_CTX_set_error(store, X509_V_OK);
			return 1;
		}
		say_wrong_pin(t, ssl, &shown);
	}
	X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED); /* leaves as the alert bad_certificate */
	return 0;
}

/* ---- ALPN ---- */

static int alpn_select(SSL *ssl, const unsigned char **out, unsigned char *n, const unsigned char *offered, unsigned offered_n, void *arg unused_arg)
{
	unsigned char *chosen = NULL;

	if (SSL_select_next_proto(&chosen, n, alpn_wire, ALPN_WIRE_SIZE, offered, offered_n) != OPENSSL_NPN_NEGOTIATED) {
		words_say(ssl, "the partner offers other protocols than ALPN " LINK_ALPN);
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	}
	*out = alpn_wire + 1;
	return SSL_TLSEXT_ERR_OK;
}

/* alpn_select is asked only when the client names protocols at all. */
static int hello_has_alpn(SSL *ssl, int *alert, void *arg unused_arg)
{
	const unsigned char *at;
	size_t		     n;

	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &at, &n))
		return SSL_CLIENT_HELLO_SUCCESS;
	words_say(ssl, "the partner offers no ALPN, " LINK_ALPN " is required");
	*alert = SSL_AD_NO_APPLICATION_PROTOCOL;
	return SSL_CLIENT_HELLO_ERROR;
}

/* ---- making ---- */

static void key_free(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

static void certificate_free(X509 **certificate)
{
	X509_free(*certificate);
}

static X509 *certificate_read(struct bytes pem)
{
	BIO  *from = pem.n > 0 && pem.n < INT32_MAX ? BIO_new_mem_buf(pem.at, (int)pem.n) : NULL;
	X509 *certificate = from ? PEM_read_bio_X509(from, NULL, NULL, NULL) : NULL;

	BIO_free(from);
	ERR_clear_error();
	return certificate;
}

enum err link_tls_pin(struct bytes certificate, struct hash *out)
{
	scoped(certificate_free) X509 *read = certificate_read(certificate);

	return read ? certificate_pin(read, out) : ERR_MALFORMED;
}

static enum err identity_set(SSL_CTX *context, const struct sign_key *key, struct bytes certificate)
{
	scoped(certificate_free) X509 *shown = certificate_read(certificate);
	/* The first half of libsodium's expanded secret is the seed, which is what RFC 8410 calls the private key. */
	scoped(key_free) EVP_PKEY *own = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, key->secret, SIGN_SEED);

	if (!shown)
		return ERR_MALFORMED;
	if (!own)
		return ERR_MEMORY;
	/* OpenSSL refuses a certificate and a key that do not belong together. */
	if (SSL_CTX_use_certificate(context, shown) != 1 || SSL_CTX_use_PrivateKey(context, own) != 1 || SSL_CTX_check_private_key(context) != 1) {
		ERR_clear_error();
		return ERR_KEY;
	}
	return ERR_OK;
}

static bool rules_set(SSL_CTX *context)
{
	SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_verify_depth(context, 0);
	return SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 && SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 &&
	       SSL_CTX_set_num_tickets(context, 0) == 1 && SSL_CTX_set_max_early_data(context, 0) == 1 &&
	       SSL_CTX_set_alpn_protos(context, alpn_wire, ALPN_WIRE_SIZE) == 0; /* zero is success, here alone */
}

static enum err context_fill(struct link_tls *t, SSL_CTX *context, const struct sign_key *key, struct bytes certificate)
{
	if (!rules_set(context))
		return ERR_TLS;
	SSL_CTX_set_cert_verify_callback(context, verify_by_pin, t);
	SSL_CTX_set_alpn_select_cb(context, alpn_select, NULL);
	SSL_CTX_set_client_hello_cb(context, hello_has_alpn, NULL);
	return identity_set(context, key, certificate);
}

enum err link_tls_add(struct link_tls *t, const struct sign_key *key, struct bytes certificate)
{
	if (t->nidentities == LINK_IDENTITIES_MOST)
		return ERR_TOO_LONG;
	SSL_CTX *context = words_slot() < 0 ? NULL : SSL_CTX_new(TLS_method());
	if (!context)
		return ERR_MEMORY;
	enum err e = context_fill(t, context, key, certificate);
	if (e)
		SSL_CTX_free(context);
	else
		t->context[t->nidentities++] = context;
	return e;
}

enum err link_tls_pins(struct link_tls *t, const struct hash *pins, unsigned npins)
{
	if (npins < 1 || npins > LINK_PINS_MOST)
		return ERR_VALUE;
	t->npins = npins;
	memcpy(t->pin, pins, npins * sizeof *pins);
	return ERR_OK;
}

enum err link_tls_new(const struct sign_key *key, struct bytes certificate, const struct hash *pins, unsigned npins, struct link_tls **out)
{
	struct link_tls *t = calloc(1, sizeof *t);
	if (!t)
		return ERR_MEMORY;
	enum err e = link_tls_pins(t, pins, npins);
	if (!e)
		e = link_tls_add(t, key, certificate);
	if (e) {
		link_tls_free(t);
		return e;
	}
	*out = t;
	return ERR_OK;
}

void link_tls_free(struct link_tls *t)
{
	if (!t)
		return;
	for (unsigned i = 0; i < t->nidentities; i++)
		SSL_CTX_free(t->context[i]);
	free(t);
}

/* ---- sockets ---- */

static SSL *ssl_make(struct link_tls *t)
{
	SSL	     *ssl = SSL_new(t->context[t->shown]);
	struct words *words = calloc(1, sizeof *words);

	if (words)
		*words = (struct words){.of = t, .shown = t->shown};
	if (ssl && words && SSL_set_ex_data(ssl, words_slot(), words) == 1)
		return ssl;
	free(words);
	SSL_free(ssl);
	return NULL;
}

static struct bufferevent *socket_make(struct link_tls *t, struct event_base *base, int fd, enum bufferevent_ssl_state state)
{
	SSL		   *ssl = ssl_make(t);
	struct bufferevent *made = ssl ? bufferevent_openssl_socket_new(base, fd, ssl, state, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS) : NULL;

	/* With this option the library frees the SSL object even when it fails, and leaves the descriptor open. */
	if (!made && fd >= 0)
		close(fd);
	return made;
}

struct bufferevent *link_tls_dial(struct link_tls *t, struct event_base *base)
{
	return socket_make(t, base, -1, BUFFEREVENT_SSL_CONNECTING);
}

struct bufferevent *link_tls_accept(struct link_tls *t, struct event_base *base, int fd)
{
	return socket_make(t, base, fd, BUFFEREVENT_SSL_ACCEPTING);
}

static void options_set(int fd)
{
	int on = 1, lowat = LINK_LOWAT;

	/* They make it faster, not right: a kernel without one of them still carries the session. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &lowat, sizeof lowat);
}

enum err link_tls_check(struct bufferevent *socket)
{
	SSL		    *ssl = bufferevent_openssl_get_ssl(socket);
	const struct words  *words = words_of(ssl);
	const unsigned char *alpn = NULL;
	unsigned	     n = 0;

	SSL_get0_alpn_selected(ssl, &alpn, &n);
	if (SSL_version(ssl) != TLS1_3_VERSION) {
		words_say(ssl, "the session is %s, TLS 1.3 is required", SSL_get_version(ssl));
		return ERR_TLS;
	}
	if (!bytes_is(bytes_of(alpn, n), LINK_ALPN)) {
		words_say(ssl, "the partner did not choose ALPN " LINK_ALPN);
		return ERR_TLS;
	}
	if (!words || !words->pinned) {
		words_say(ssl, "the partner showed no certificate of its card");
		return ERR_PIN;
	}
	options_set(bufferevent_getfd(socket));
	return ERR_OK;
}

/* ---- words for failures ---- */

struct reason {
	int	    reason; /* of OpenSSL's error */
	const char *text;
};

/* What the other side's alert means here. It is our certificate and our offer that they judged. */
static const struct reason reasons[] = {
	{SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, "the partner refused our certificate: it is not the one on the card of ours that it holds"},
	{SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, "the partner requires a certificate and we showed none"},
	{SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, "the partner showed no certificate"},
	{SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL, "the partner does not speak ALPN " LINK_ALPN},
	{SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, "the partner refuses TLS 1.3"},
	{SSL_R_UNSUPPORTED_PROTOCOL, "the partner offers an older TLS, 1.3 is required"},
	{SSL_R_WRONG_VERSION_NUMBER, "what the other side speaks is not TLS"},
	{SSL_R_HTTP_REQUEST, "what the other side speaks is not TLS"},
	{SSL_R_UNEXPECTED_EOF_WHILE_READING, "the partner closed the connection"},
	{SSL_R_CERTIFICATE_VERIFY_FAILED, "the partner's certificate could not be read"},
};

static const char *reason_text(unsigned long error)
{
	for (size_t i = 0; i < COUNT_OF(reasons); i++) {
		if (ERR_GET_REASON(error) == reasons[i].reason)
			return reasons[i].text;
	}
	return NULL;
}

static void why_of_tls(unsigned long error, char out[LINK_WHY_MOST])
{
	const char *text = reason_text(error);
	const char *theirs = ERR_reason_error_string(error);

	if (ERR_SYSTEM_ERROR(error))
		(void)snprintf(out, LINK_WHY_MOST, "the connection failed: %s", strerror(ERR_GET_REASON(error)));
	else if (text)
		(void)snprintf(out, LINK_WHY_MOST, "%s", text);
	else
		(void)snprintf(out, LINK_WHY_MOST, "TLS failed: %s", theirs ? theirs : "no reason given");
}

/* libevent's list mixes OpenSSL's errors with the kind of failure, a bare number of no library: that one says nothing. */
static unsigned long tls_error(struct bufferevent *socket)
{
	unsigned long error;

	do {
		error = bufferevent_get_openssl_error(socket);
	} while (error && ERR_GET_LIB(error) == 0);
	return error;
}

bool link_tls_shown(struct bufferevent *socket, struct hash *out)
{
	SSL			      *ssl = bufferevent_openssl_get_ssl(socket);
	scoped(certificate_free) X509 *shown = ssl ? SSL_get1_peer_certificate(ssl) : NULL;

	return shown && certificate_pin(shown, out) == ERR_OK;
}

bool link_tls_lets(const struct link_tls *t, struct bufferevent *socket)
{
	struct hash shown;

	return !link_tls_shown(socket, &shown) || pin_held(t, &shown);
}

/* Another socket may have been refused meanwhile and given way already. */
static void next_shown(const struct words *words, unsigned long error)
{
	struct link_tls *t = words ? words->of : NULL;

	if (t && ERR_GET_REASON(error) == SSL_R_SSLV3_ALERT_BAD_CERTIFICATE && t->shown == words->shown)
		t->shown = (t->shown + 1) % t->nidentities;
}

void link_tls_why(struct bufferevent *socket, short what, char out[LINK_WHY_MOST])
{
	const struct words *words = words_of(bufferevent_openssl_get_ssl(socket));
	int		    cause = EVUTIL_SOCKET_ERROR();
	unsigned long	    error = tls_error(socket);

	next_shown(words, error);
	if (words && words->why[0])
		(void)snprintf(out, LINK_WHY_MOST, "%s", words->why);
	else if (error)
		why_of_tls(error, out);
	else if (what & BEV_EVENT_TIMEOUT)
		(void)snprintf(out, LINK_WHY_MOST, "the partner did not answer in time");
	else if ((what & BEV_EVENT_ERROR) && cause && cause != EAGAIN && cause != EINPROGRESS)
		(void)snprintf(out, LINK_WHY_MOST, "the connection failed: %s", evutil_socket_error_to_string(cause));
	else
		(void)snprintf(out, LINK_WHY_MOST, "the partner closed the connection");
	ERR_clear_error();
}

/* ---- ending ---- */

/* A socket whose session is over, read until the partner has closed too: closing with bytes unread
 * would reset the connection and take our alert or CLOSE from the partner's hands. */
struct farewell {
	struct event *event;
	size_t	      dropped;
	int	      fd;
};

/* How many there are; one thread per process. */
static unsigned farewells;

static void farewell_free(struct farewell *f)
{
	farewells--;
	if (f->event)
		event_free(f->event);
	close(f->fd);
	free(f);
}

static void farewell_read(evutil_socket_t fd, short what, void *arg)
{
	struct farewell *f = arg;
	uint8_t		 piece[16384];

	if (what & EV_TIMEOUT) {
		farewell_free(f);
		return;
	}
	ssize_t n = read(fd, piece, sizeof piece);
	if (n > 0)
		f->dropped += (size_t)n;
	if (n == 0 || (n < 0 && errno != EAGAIN) || f->dropped > LINK_LINGER_MOST)
		farewell_free(f);
}

static void farewell_begin(struct event_base *base, int fd)
{
	struct farewell *f = farewells < LINK_FAREWELLS_MOST ? calloc(1, sizeof *f) : NULL;
	struct timeval	 patience = {.tv_sec = LINK_LINGER_S};

	if (!f) {
		close(fd);
		return;
	}
	farewells++;
	f->fd = fd;
	f->event = event_new(base, fd, EV_READ | EV_PERSIST, farewell_read, f);
	if (!f->event || event_add(f->event, &patience) != 0)
		farewell_free(f);
}

void link_tls_end(struct bufferevent *socket)
{
	struct event_base *base = bufferevent_get_base(socket);
	SSL		  *ssl = bufferevent_openssl_get_ssl(socket);
	int		   fd = bufferevent_getfd(socket);
	int		   kept = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;

	bufferevent_disable(socket, EV_READ | EV_WRITE);
	bufferevent_setcb(socket, NULL, NULL, NULL, NULL);
	if (SSL_is_init_finished(ssl))
		(void)SSL_shutdown(ssl);
	ERR_clear_error();
	bufferevent_free(socket);
	if (kept < 0)
		return;
	(void)shutdown(kept, SHUT_WR);
	farewell_begin(base, kept);
}
