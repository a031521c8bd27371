/* api_tls.c: the certificate of the local API, and the connections under it. OpenSSL's names stay in this file. */
#include "net/api_tls.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/builder.h"
#include "base/secret.h"

#define CHAIN_MOST 8 /* certificates in a file, ours the first */
#define HOST_MOST  255
#define TICK_MS	   500

/* Forward secrecy and authenticated encryption; TLS 1.3 has no other. */
#define CIPHERS_OF_12 "ECDHE+AESGCM:ECDHE+CHACHA20"

/* One connection; hangs on its SSL object and dies with it. */
struct visitor {
	struct visitor *next, **back;
	struct api_tls *tls;
	SSL	       *ssl;
	uint64_t	deadline_ms; /* of the handshake, monotonic */
	bool		known;	     /* the address was looked at */
	bool		away;
	uint8_t		address[16];
};

struct api_tls {
	SSL_CTX		  *context; /* NULL: no certificate yet */
	X509		  *shown;   /* of it */
	uint64_t	   from_ms, until_ms;
	struct event_base *base;
	struct event	  *tick, *look;
	struct visitor	  *visitors;
	unsigned	   nvisitors;
	uint64_t	   turned_away;
};

static uint64_t clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- visitors ---- */

static void visitor_done(void *parent unused_arg, void *visitor, CRYPTO_EX_DATA *data unused_arg, int index unused_arg, long argl unused_arg,
			 void *argp unused_arg)
{
	struct visitor *v = visitor;

	if (!v)
		return;
	*v->back = v->next;
	if (v->next)
		v->next->back = v->back;
	v->tls->nvisitors--;
	free(v);
}

/* The slot of a visitor on its SSL object, fetched once; one thread per process. */
static int visitor_slot(void)
{
	static int slot = -1;

	if (slot < 0)
		slot = SSL_get_ex_new_index(0, NULL, NULL, NULL, visitor_done);
	return slot;
}

/* The reading end sees the end of the connection and frees it; nothing is freed under its feet. */
static void visitor_away(struct visitor *v)
{
	if (v->away)
		return;
	v->away = true;
	v->tls->turned_away++;
	(void)shutdown(SSL_get_fd(v->ssl), SHUT_RDWR);
}

static void address_of(int fd, uint8_t out[static 16])
{
	struct sockaddr_storage	   a = {0};
	socklen_t		   n = sizeof a;
	const struct sockaddr_in  *four = (const struct sockaddr_in *)&a;
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&a;

	memset(out, 0, 16);
	if (getpeername(fd, (struct sockaddr *)&a, &n) != 0)
		return;
	if (a.ss_family == AF_INET)
		memcpy(out + 12, &four->sin_addr, 4);
	else if (a.ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
		memcpy(out + 12, &six->sin6_addr.s6_addr[12], 4);
	else if (a.ss_family == AF_INET6)
		memcpy(out, &six->sin6_addr, 8); /* a house has a /64, and every address in it */
}

static unsigned visitors_from(const struct api_tls *t, const uint8_t address[static 16])
{
	unsigned n = 0;

	for (const struct visitor *v = t->visitors; v; v = v->next)
		n += v->known && !v->away && memcmp(v->address, address, 16) == 0;
	return n;
}

/* A visitor has no socket yet when it is made: it is looked at as soon as that is over. The new ones stand first. */
static void on_look(evutil_socket_t fd unused_arg, short what unused_arg, void *arg)
{
	struct api_tls *t = arg;

	for (struct visitor *v = t->visitors; v && !v->known; v = v->next) {
		address_of(SSL_get_fd(v->ssl), v->address);
		v->known = true;
		if (t->nvisitors > API_TLS_MOST || visitors_from(t, v->address) > API_TLS_ADDRESS_MOST)
			visitor_away(v);
	}
}

static void on_tick(evutil_socket_t fd unused_arg, short what unused_arg, void *arg)
{
	struct api_tls *t = arg;
	uint64_t	now = clock_ms();

	for (struct visitor *v = t->visitors; v; v = v->next) {
		if (now >= v->deadline_ms && !SSL_is_init_finished(v->ssl))
			visitor_away(v);
	}
	if (t->nvisitors == 0)
		(void)event_del(t->tick);
}

static void tick_start(struct api_tls *t)
{
	const struct timeval every = {.tv_usec = TICK_MS * 1000};

	if (!event_pending(t->tick, EV_TIMEOUT, NULL))
		(void)event_add(t->tick, &every);
}

static enum err visitor_add(struct api_tls *t, SSL *ssl)
{
	struct visitor *v = calloc(1, sizeof *v);

	if (!v || SSL_set_ex_data(ssl, visitor_slot(), v) != 1) {
		free(v);
		return ERR_MEMORY;
	}
	*v = (struct visitor){.next = t->visitors, .back = &t->visitors, .tls = t, .ssl = ssl, .deadline_ms = clock_ms() + API_TLS_HANDSHAKE_MS};
	if (v->next)
		v->next->back = &v->next;
	t->visitors = v;
	t->nvisitors++;
	tick_start(t);
	event_active(t->look, EV_TIMEOUT, 0);
	return ERR_OK;
}

struct bufferevent *api_tls_bufferevent(struct event_base *base, void *arg)
{
	struct api_tls *t = arg;
	SSL	       *ssl = t->context ? SSL_new(t->context) : NULL;

	if (!ssl || visitor_add(t, ssl) != ERR_OK) {
		SSL_free(ssl);
		return NULL;
	}
	/* With this option the library frees the SSL object even when it fails. */
	return bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
}

bool api_tls_carries(struct bufferevent *connection)
{
	return connection && bufferevent_openssl_get_ssl(connection);
}

uint64_t api_tls_turned_away(const struct api_tls *t)
{
	return t->turned_away;
}

/* ---- the context ---- */

/* HTTP/1.1 is what we speak; a client that names only other protocols is told nothing and decides itself. */
static int alpn_select(SSL *ssl unused_arg, const unsigned char **out, unsigned char *n, const unsigned char *offered, unsigned offered_n,
		       void *arg unused_arg)
{
	static const unsigned char ours[] = "\x08http/1.1";
	unsigned char		  *chosen = NULL;

	if (SSL_select_next_proto(&chosen, n, ours, sizeof ours - 1, offered, offered_n) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	*out = ours + 1;
	return SSL_TLSEXT_ERR_OK;
}

/* A key with a passphrase must not make us ask somebody at a terminal. */
static int no_passphrase(char *out unused_arg, int size unused_arg, int writing unused_arg, void *arg unused_arg)
{
	return -1;
}

static SSL_CTX *context_new(void)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());

	if (!context)
		return NULL;
	SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_alpn_select_cb(context, alpn_select, NULL);
	if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 && SSL_CTX_set_cipher_list(context, CIPHERS_OF_12) == 1)
		return context;
	SSL_CTX_free(context);
	return NULL;
}

enum err api_tls_new(struct event_base *base, struct api_tls **out)
{
	struct api_tls *t = calloc(1, sizeof *t);

	if (!t)
		return ERR_MEMORY;
	t->base = base;
	t->tick = event_new(base, -1, EV_PERSIST, on_tick, t);
	t->look = event_new(base, -1, 0, on_look, t);
	if (!t->tick || !t->look || visitor_slot() < 0) {
		api_tls_free(t);
		return ERR_MEMORY;
	}
	*out = t;
	return ERR_OK;
}

void api_tls_free(struct api_tls *t)
{
	if (!t)
		return;
	if (t->tick)
		event_free(t->tick);
	if (t->look)
		event_free(t->look);
	X509_free(t->shown);
	SSL_CTX_free(t->context);
	free(t);
}

/* ---- the files ---- */

#define HELP(en, ar) en, ar

static void fd_close(const int *fd)
{
	int kept = errno;

	if (*fd >= 0)
		close(*fd);
	errno = kept;
}

static void bio_done(BIO **bio)
{
	BIO_free(*bio);
}

static void x509_done(X509 **x)
{
	X509_free(*x);
}

static void key_done(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

static void context_done(SSL_CTX **context)
{
	SSL_CTX_free(*context);
}

static void secret_done(struct buffer *b)
{
	if (b->at)
		secret_zero(b->at, b->room);
	buffer_done(b);
}

/* Growing would leave copies of a key behind, so all the room is made at once. */
static enum err file_take(int fd, struct buffer *out, struct fault *fault)
{
	struct stat about;

	if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode))
		return fault_at(fault, ERR_FILE, 0, NULL, S_ISDIR(about.st_mode) ? "a folder" : "no file",
				HELP("name the file itself, in PEM", "اذكر الملف نفسه بصيغة PEM"));
	enum err e = buffer_room(out, API_TLS_FILE_MOST);
	while (e == ERR_OK) {
		ssize_t n = pread(fd, out->at + out->n, API_TLS_FILE_MOST - out->n, (off_t)out->n);

		if (n < 0)
			e = fault_at(fault, ERR_FILE, 0, NULL, strerror(errno), NULL, NULL);
		else if (n == 0)
			return ERR_OK;
		else if ((out->n += (size_t)n) == API_TLS_FILE_MOST)
			e = fault_at(fault, ERR_TOO_LONG, 0, NULL, NULL, HELP("64 KiB is the most", "الحد الأقصى 64 كيلوبايت"));
	}
	return e;
}

/* Ours alone; or of root, who lets our group read it: so an authority of the house hands a service its key. */
static bool mode_is_good(const struct stat *about)
{
	unsigned others = about->st_uid == 0 ? 027 : 077;

	return (about->st_mode & others) == 0 && (about->st_uid == geteuid() || about->st_uid == 0);
}

static enum err mode_check(int fd, struct fault *fault)
{
	struct stat about;
	char	    found[16];

	if (fstat(fd, &about) != 0)
		return fault_at(fault, ERR_FILE, 0, NULL, strerror(errno), NULL, NULL);
	if (mode_is_good(&about))
		return ERR_OK;
	(void)snprintf(found, sizeof found, "%04o", (unsigned)about.st_mode & 07777);
	return fault_at(
		fault, ERR_MODE, 0, NULL, found,
		HELP("chmod 600 FILE and chown it to the user of the gateway; or root's with 640 and the gateway's group",
		     "اجعله ‎chmod 600‎ وملكًا لمستخدم البوابة؛ أو ملكًا لـ root بنمط 640 ومجموعة "
		     "البوابة"));
}

static enum err key_read(struct bytes pem, EVP_PKEY **out, struct fault *fault)
{
	scoped(bio_done) BIO *from = BIO_new_mem_buf(pem.at, (int)pem.n);
	EVP_PKEY	     *key = from ? PEM_read_bio_PrivateKey(from, NULL, no_passphrase, NULL) : NULL;

	ERR_clear_error();
	if (key) {
		*out = key;
		return ERR_OK;
	}
	if (memmem(pem.at, pem.n, "ENCRYPTED", sizeof "ENCRYPTED" - 1))
		return fault_at(fault, ERR_KEY, 0, NULL, "a key with a passphrase",
				HELP("a gateway starts without a person: openssl pkey takes the passphrase away",
				     "تبدأ البوابة بلا شخص: يزيل openssl pkey عبارة المرور"));
	return fault_at(fault, ERR_MISSING, 0, NULL, "no private key in it",
			HELP("api: {key: FILE} names the file of the key when it is another",
			     "يسمي ‎api: {key: FILE}‎ ملف المفتاح إن كان غيره"));
}

/* The first certificate is ours, what follows leads to an authority that the applications know. */
static enum err chain_read(SSL_CTX *context, struct bytes pem, X509 **shown, struct fault *fault)
{
	scoped(bio_done) BIO   *from = BIO_new_mem_buf(pem.at, (int)pem.n);
	scoped(x509_done) X509 *first = from ? PEM_read_bio_X509(from, NULL, no_passphrase, NULL) : NULL;

	if (!first)
		return fault_at(fault, ERR_MALFORMED, 0, NULL, "no certificate in it",
				HELP("a file in PEM: -----BEGIN CERTIFICATE-----", "ملف بصيغة PEM: ‎-----BEGIN CERTIFICATE-----"));
	if (SSL_CTX_use_certificate(context, first) != 1)
		return fault_at(fault, ERR_TLS, 0, NULL, ERR_reason_error_string(ERR_peek_last_error()),
				HELP("a certificate with a key of at least 2048 bits (RSA) or P-256",
				     "شهادة بمفتاح لا يقل عن 2048 بتًا (RSA) أو P-256"));
	for (unsigned n = 1; n < CHAIN_MOST; n++) {
		X509 *more = PEM_read_bio_X509(from, NULL, no_passphrase, NULL);

		if (!more)
			break;
		if (SSL_CTX_add0_chain_cert(context, more) != 1) {
			X509_free(more);
			return fault_at(fault, ERR_MEMORY, 0, NULL, NULL, NULL, NULL);
		}
	}
	*shown = first;
	first = NULL;
	return ERR_OK;
}

/* 0 for a moment that cannot be read, or lies before 1970. */
static uint64_t moment_ms(const ASN1_TIME *at)
{
	struct tm when;

	if (ASN1_TIME_to_tm(at, &when) != 1)
		return 0;
	time_t seconds = timegm(&when);
	return seconds > 0 ? (uint64_t)seconds * 1000 : 0;
}

static void context_swap(struct api_tls *t, SSL_CTX **context, X509 **shown)
{
	SSL_CTX *before = t->context;
	X509	*shown_before = t->shown;

	t->context = *context;
	t->shown = *shown;
	t->from_ms = moment_ms(X509_get0_notBefore(t->shown));
	t->until_ms = moment_ms(X509_get0_notAfter(t->shown));
	*context = before; /* connections under it hold it until they end */
	*shown = shown_before;
}

/* Says in which of the two files the trouble is. */
static enum err fault_in(struct fault *fault, enum err e, const char *part)
{
	if (e != ERR_OK && fault)
		(void)snprintf(fault->at, sizeof fault->at, "%s", part);
	return e;
}

static enum err key_use(SSL_CTX *context, X509 *shown, struct bytes pem, struct fault *fault)
{
	scoped(key_done) EVP_PKEY *own = NULL;

	enum err e = key_read(pem, &own, fault);
	if (e == ERR_OK && (X509_check_private_key(shown, own) != 1 || SSL_CTX_use_PrivateKey(context, own) != 1))
		e = fault_at(fault, ERR_KEY, 0, NULL, "a key that does not belong to the certificate",
			     HELP("put the key and the certificate that were made together in place together",
				  "ضع المفتاح والشهادة اللذين أُنشئا معًا"));
	return e;
}

static enum err pem_use(struct api_tls *t, struct bytes certificate, struct bytes key, const char *key_part, struct fault *fault)
{
	scoped(context_done) SSL_CTX *context = context_new();
	scoped(x509_done) X509	     *shown = NULL;

	if (!context)
		return fault_at(fault, ERR_TLS, 0, API_TLS_CERTIFICATE, NULL, NULL, NULL);
	enum err e = fault_in(fault, chain_read(context, certificate, &shown, fault), API_TLS_CERTIFICATE);
	if (e == ERR_OK)
		e = fault_in(fault, key_use(context, shown, key, fault), key_part);
	ERR_clear_error();
	if (e == ERR_OK)
		context_swap(t, &context, &shown);
	return e;
}

enum err api_tls_take(struct api_tls *t, int certificate, int key, struct fault *fault)
{
	scoped(secret_done) struct buffer shown = {.most = API_TLS_FILE_MOST}, secret = {.most = API_TLS_FILE_MOST};
	const char			 *key_part = key >= 0 ? API_TLS_KEY : API_TLS_CERTIFICATE;

	enum err e = fault_in(fault, file_take(certificate, &shown, fault), API_TLS_CERTIFICATE);
	if (e == ERR_OK && key >= 0)
		e = fault_in(fault, file_take(key, &secret, fault), key_part);
	if (e == ERR_OK)
		e = fault_in(fault, mode_check(key >= 0 ? key : certificate, fault), key_part);
	return e == ERR_OK ? pem_use(t, buffer_bytes(&shown), buffer_bytes(key >= 0 ? &secret : &shown), key_part, fault) : e;
}

/* O_NONBLOCK: a named pipe in the place of a file must not hold us. */
static enum err path_open(const char *path, int *out, struct fault *fault)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return fault_at(fault, ERR_FILE, 0, NULL, strerror(errno),
				HELP("name a file that the user of the gateway can read", "اذكر ملفًا يقرؤه مستخدم البوابة"));
	*out = fd;
	return ERR_OK;
}

enum err api_tls_load(struct api_tls *t, const char *certificate, const char *key, struct fault *fault)
{
	scoped(fd_close) int shown = -1, secret = -1;

	enum err e = fault_in(fault, path_open(certificate, &shown, fault), API_TLS_CERTIFICATE);
	if (e == ERR_OK && key)
		e = fault_in(fault, path_open(key, &secret, fault), API_TLS_KEY);
	return e == ERR_OK ? api_tls_take(t, shown, secret, fault) : e;
}

/* ---- what the certificate says ---- */

uint64_t api_tls_from_ms(const struct api_tls *t)
{
	return t->from_ms;
}

uint64_t api_tls_until_ms(const struct api_tls *t)
{
	return t->until_ms;
}

/* "host:port", "[2001:db8::1]:port" or either without a port; what follows the host must be a port and nothing else. */
static bool host_of(const char *text, char out[HOST_MOST + 1])
{
	bool	    bracketed = *text == '[';
	const char *begin = text + bracketed;
	size_t	    n = strcspn(begin, bracketed ? "]" : ":");
	const char *rest = begin + n + (bracketed && begin[n] == ']');

	if (n == 0 || n > HOST_MOST || (bracketed && begin[n] != ']'))
		return false;
	if (*rest != '\0' && (*rest != ':' || rest[1 + strspn(rest + 1, "0123456789")] != '\0'))
		return false;
	memcpy(out, begin, n);
	out[n] = '\0';
	return true;
}

bool api_tls_names(const struct api_tls *t, const char *host)
{
	char name[HOST_MOST + 1];

	if (!host || !t->shown || !host_of(host, name))
		return false;
	bool named = X509_check_host(t->shown, name, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1 || X509_check_ip_asc(t->shown, name, 0) == 1;
	ERR_clear_error();
	return named;
}
