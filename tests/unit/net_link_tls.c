/*
 * Two ends of a link in one process over loopback: the right pins meet; a wrong
 * pin, a wrong or missing ALPN and an older TLS are refused, and both sides know why.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "net/certificate.h"
#include "net/link_tls.h"

static const uint8_t north_seed[SIGN_SEED] = {1}, south_seed[SIGN_SEED] = {2}, east_seed[SIGN_SEED] = {3};

struct party {
	struct sign_key key;
	struct buffer	certificate;
	struct hash	pin;
};

static struct party north, south, east;

static void party_make(struct party *p, const uint8_t seed[SIGN_SEED], const char *name)
{
	struct hash pin;

	p->certificate.most = CERTIFICATE_MOST;
	sign_key_from_seed(&p->key, seed);
	assert_int_equal(certificate_make(seed, name, &p->certificate, &p->pin), ERR_OK);
	assert_int_equal(link_tls_pin(buffer_bytes(&p->certificate), &pin), ERR_OK);
	assert_true(hash_equal(&pin, &p->pin));
}

static int start(void **state unused_arg)
{
	if (crypto_start())
		return -1;
	party_make(&north, north_seed, "north.example");
	party_make(&south, south_seed, "south.example");
	party_make(&east, east_seed, "east.example");
	return 0;
}

static int finish(void **state unused_arg)
{
	buffer_done(&north.certificate);
	buffer_done(&south.certificate);
	buffer_done(&east.certificate);
	return 0;
}

/* ---- the scene: a listener and a dialler ---- */

struct end {
	struct scene	   *scene;
	struct link_tls	   *tls;
	struct bufferevent *socket;
	bool		    over;
	enum err	    checked; /* ERR_BUSY before the handshake ended */
	char		    why[LINK_WHY_MOST];
	char		    heard[64];
};

struct scene {
	struct event_base     *base;
	struct evconnlistener *listener;
	struct end	       accepts, dials;
	SSL_CTX		      *foreign; /* a dialler that is not ours */
};

static void step(struct scene *s)
{
	if (s->accepts.over && s->dials.over)
		event_base_loopbreak(s->base);
}

static void end_over(struct end *e)
{
	e->over = true;
	if (e->socket)
		link_tls_end(e->socket);
	e->socket = NULL;
	step(e->scene);
}

static void on_read(struct bufferevent *socket, void *arg)
{
	struct end *e = arg;
	size_t	    n = strlen(e->heard);

	n += bufferevent_read(socket, e->heard + n, sizeof e->heard - 1 - n);
	e->heard[n] = 0;
	if (strchr(e->heard, '.'))
		e->over = true;
	step(e->scene);
}

/* As a link does it: check, then speak; a failure keeps its reason in words and ends the socket. */
static void on_event(struct bufferevent *socket, short what, void *arg)
{
	struct end *e = arg;

	if ((what & BEV_EVENT_CONNECTED) && !e->scene->foreign) {
		e->checked = link_tls_check(socket);
		if (!e->checked) {
			(void)bufferevent_write(socket, "peace.", 6);
			return;
		}
	} else if ((what & BEV_EVENT_CONNECTED) && e == &e->scene->accepts) {
		e->checked = link_tls_check(socket);
	} else if (what & BEV_EVENT_CONNECTED) {
		return;
	}
	link_tls_why(socket, what, e->why);
	end_over(e);
}

static void socket_open(struct end *e)
{
	assert_non_null(e->socket);
	bufferevent_setcb(e->socket, on_read, NULL, on_event, e);
	bufferevent_enable(e->socket, EV_READ | EV_WRITE);
}

static void on_accept(struct evconnlistener *l unused_arg, evutil_socket_t fd, struct sockaddr *a unused_arg, int n unused_arg, void *arg)
{
	struct scene *s = arg;

	s->accepts.socket = link_tls_accept(s->accepts.tls, s->base, fd);
	socket_open(&s->accepts);
}

static struct bufferevent *foreign_socket(struct scene *s)
{
	SSL *ssl = SSL_new(s->foreign);

	assert_non_null(ssl);
	return bufferevent_openssl_socket_new(s->base, -1, ssl, BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
}

static void scene_play(struct scene *s)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t	   n = sizeof at;

	s->base = event_base_new();
	s->accepts.scene = s->dials.scene = s;
	s->accepts.checked = s->dials.checked = ERR_BUSY;
	s->listener =
		evconnlistener_new_bind(s->base, on_accept, s, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, -1, (struct sockaddr *)&at, sizeof at);
	assert_non_null(s->listener);
	assert_int_equal(getsockname(evconnlistener_get_fd(s->listener), (struct sockaddr *)&at, &n), 0);
	s->dials.socket = s->foreign ? foreign_socket(s) : link_tls_dial(s->dials.tls, s->base);
	socket_open(&s->dials);
	assert_int_equal(bufferevent_socket_connect(s->dials.socket, (struct sockaddr *)&at, sizeof at), 0);
	event_base_dispatch(s->base);
}

/* The two part; each keeps its identities and pins. */
static void scene_end(struct scene *s)
{
	if (s->accepts.socket)
		link_tls_end(s->accepts.socket);
	if (s->dials.socket)
		link_tls_end(s->dials.socket);
	evconnlistener_free(s->listener);
	/* The farewells read each other's end. */
	event_base_dispatch(s->base);
	event_base_free(s->base);
	s->accepts = (struct end){.tls = s->accepts.tls};
	s->dials = (struct end){.tls = s->dials.tls};
}

static void scene_done(struct scene *s)
{
	scene_end(s);
	link_tls_free(s->accepts.tls);
	link_tls_free(s->dials.tls);
	SSL_CTX_free(s->foreign);
}

static struct link_tls *tls_of(const struct party *own, const struct hash *pin)
{
	struct link_tls *t = NULL;

	assert_int_equal(link_tls_new(&own->key, buffer_bytes(&own->certificate), pin, 1, &t), ERR_OK);
	return t;
}

/* ---- ours with ours ---- */

static void test_the_right_pins_meet(void **state unused_arg)
{
	struct scene s = {.accepts.tls = tls_of(&south, &north.pin), .dials.tls = tls_of(&north, &south.pin)};

	scene_play(&s);
	assert_int_equal(s.accepts.checked, ERR_OK);
	assert_int_equal(s.dials.checked, ERR_OK);
	assert_string_equal(s.accepts.heard, "peace.");
	assert_string_equal(s.dials.heard, "peace.");
	scene_done(&s);
}

static void test_one_of_several_pins_is_enough(void **state unused_arg)
{
	struct hash  pins[2] = {east.pin, north.pin};
	struct scene s = {.dials.tls = tls_of(&north, &south.pin)};

	assert_int_equal(link_tls_new(&south.key, buffer_bytes(&south.certificate), pins, 2, &s.accepts.tls), ERR_OK);
	scene_play(&s);
	assert_int_equal(s.accepts.checked, ERR_OK);
	assert_string_equal(s.dials.heard, "peace.");
	scene_done(&s);
}

/* The listener holds another card of the dialler. */
static void test_a_wrong_dialler_is_refused_and_both_know_why(void **state unused_arg)
{
	struct scene s = {.accepts.tls = tls_of(&south, &north.pin), .dials.tls = tls_of(&east, &south.pin)};

	scene_play(&s);
	assert_non_null(strstr(s.accepts.why, "the partner's certificate is not the one on its card: card says"));
	assert_non_null(strstr(s.dials.why, "the partner refused our certificate"));
	assert_string_equal(s.accepts.heard, "");
	assert_string_equal(s.dials.heard, "");
	scene_done(&s);
}

static void test_a_wrong_listener_is_refused_and_both_know_why(void **state unused_arg)
{
	struct scene s = {.accepts.tls = tls_of(&east, &north.pin), .dials.tls = tls_of(&north, &south.pin)};

	scene_play(&s);
	assert_int_equal(s.dials.checked, ERR_BUSY); /* the handshake never ended */
	assert_non_null(strstr(s.dials.why, "the partner's certificate is not the one on its card: card says"));
	assert_non_null(strstr(s.accepts.why, "the partner refused our certificate"));
	scene_done(&s);
}

/* ---- keys that change ---- */

static void identity_add(struct link_tls *t, const struct party *more)
{
	assert_int_equal(link_tls_add(t, &more->key, buffer_bytes(&more->certificate)), ERR_OK);
}

/* North and south have both new keys, and neither has the other's new card: the second or third attempt succeeds. */
static void test_a_refused_certificate_gives_way_to_the_one_before(void **state unused_arg)
{
	struct scene s = {.accepts.tls = tls_of(&east, &north.pin), .dials.tls = tls_of(&east, &south.pin)};

	identity_add(s.accepts.tls, &south);
	identity_add(s.dials.tls, &north);
	scene_play(&s); /* north sees another listener */
	assert_non_null(strstr(s.accepts.why, "the partner refused our certificate"));
	scene_end(&s);
	scene_play(&s); /* south sees another dialler */
	assert_non_null(strstr(s.dials.why, "the partner refused our certificate"));
	scene_end(&s);
	scene_play(&s);
	assert_int_equal(s.accepts.checked, ERR_OK);
	assert_string_equal(s.dials.heard, "peace.");
	assert_string_equal(s.accepts.heard, "peace.");
	scene_done(&s);
}

/* Its sibling: without the identity before, it is refused for ever. */
static void test_one_identity_alone_is_refused_again(void **state unused_arg)
{
	struct scene s = {.accepts.tls = tls_of(&east, &north.pin), .dials.tls = tls_of(&north, &south.pin)};

	for (int i = 0; i < 3; i++) {
		scene_play(&s);
		assert_non_null(strstr(s.accepts.why, "the partner refused our certificate"));
		scene_end(&s);
	}
	scene_play(&s);
	scene_done(&s);
}

static void test_the_partner_has_another_card(void **state unused_arg)
{
	struct scene s = {.accepts.tls = tls_of(&south, &east.pin), .dials.tls = tls_of(&north, &south.pin)};

	scene_play(&s);
	assert_non_null(strstr(s.accepts.why, "the partner's certificate is not the one on its card"));
	scene_end(&s);
	assert_int_equal(link_tls_pins(s.accepts.tls, &north.pin, 0), ERR_VALUE);
	assert_int_equal(link_tls_pins(s.accepts.tls, &north.pin, 1), ERR_OK);
	scene_play(&s);
	assert_int_equal(s.accepts.checked, ERR_OK);
	scene_done(&s);
}

/* ---- no memory ---- */

static bool memory_gone;

static void *take(size_t n)
{
	return memory_gone ? NULL : malloc(n);
}

static void *take_again(void *at, size_t n)
{
	return memory_gone ? NULL : realloc(at, n);
}

/* The library has freed the SSL object then; the descriptor is ours. */
static void test_without_memory_there_is_no_socket_and_nothing_is_freed_twice(void **state unused_arg)
{
	struct link_tls	  *t = tls_of(&north, &south.pin);
	struct event_base *base = event_base_new();
	int		   fd = socket(AF_INET, SOCK_STREAM, 0);

	event_set_mem_functions(take, take_again, free);
	memory_gone = true;
	assert_null(link_tls_dial(t, base));
	assert_null(link_tls_accept(t, base, fd));
	memory_gone = false;
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	struct bufferevent *made = link_tls_dial(t, base);
	assert_non_null(made);
	bufferevent_free(made);
	event_base_free(base);
	link_tls_free(t);
}

/* ---- a foreign dialler ---- */

static int accept_any(X509_STORE_CTX *store unused_arg, void *arg unused_arg)
{
	return 1;
}

static SSL_CTX *foreign_of(const struct party *own, int newest, const char *alpn)
{
	SSL_CTX	 *c = SSL_CTX_new(TLS_client_method());
	BIO	 *pem = BIO_new_mem_buf(own->certificate.at, (int)own->certificate.n);
	X509	 *certificate = PEM_read_bio_X509(pem, NULL, NULL, NULL);
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, own->key.secret, SIGN_SEED);

	assert_int_equal(SSL_CTX_use_certificate(c, certificate), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(c, key), 1);
	assert_int_equal(SSL_CTX_set_max_proto_version(c, newest), 1);
	SSL_CTX_set_cert_verify_callback(c, accept_any, NULL);
	if (alpn)
		assert_int_equal(SSL_CTX_set_alpn_protos(c, (const uint8_t *)alpn, (unsigned)strlen(alpn)), 0);
	EVP_PKEY_free(key);
	X509_free(certificate);
	BIO_free(pem);
	return c;
}

static void refused(SSL_CTX *foreign, const char *ours, const char *theirs)
{
	struct scene s = {.accepts.tls = tls_of(&south, &north.pin), .foreign = foreign};

	scene_play(&s);
	assert_int_not_equal(s.accepts.checked, ERR_OK);
	if (!strstr(s.accepts.why, ours) || !strstr(s.dials.why, theirs))
		fail_msg("we say: %s\nthey see: %s", s.accepts.why, s.dials.why);
	scene_done(&s);
}

static void test_without_our_alpn_nobody_comes_in(void **state unused_arg)
{
	refused(foreign_of(&north, TLS1_3_VERSION, NULL), "offers no ALPN, mithaq/1 is required", "does not speak ALPN");
	refused(foreign_of(&north, TLS1_3_VERSION, "\x08http/1.1"), "other protocols than ALPN mithaq/1", "does not speak ALPN");
	refused(foreign_of(&north, TLS1_3_VERSION, "\x08mithaq/2"), "other protocols than ALPN mithaq/1", "does not speak ALPN");
}

static void test_older_tls_is_refused(void **state unused_arg)
{
	refused(foreign_of(&north, TLS1_2_VERSION, "\x08mithaq/1"), "older TLS, 1.3 is required", "the partner refuses");
}

static void test_a_dialler_without_certificate_is_refused(void **state unused_arg)
{
	SSL_CTX *bare = SSL_CTX_new(TLS_client_method());

	assert_int_equal(SSL_CTX_set_alpn_protos(bare, (const uint8_t *)"\x08mithaq/1", 9), 0);
	SSL_CTX_set_cert_verify_callback(bare, accept_any, NULL);
	refused(bare, "showed no certificate", "requires a certificate");
}

static void test_key_and_certificate_must_belong_together(void **state unused_arg)
{
	struct link_tls *t = NULL;

	assert_int_equal(link_tls_new(&north.key, buffer_bytes(&south.certificate), &south.pin, 1, &t), ERR_KEY);
	assert_int_equal(link_tls_new(&north.key, bytes_text("no certificate"), &south.pin, 1, &t), ERR_MALFORMED);
	assert_int_equal(link_tls_new(&north.key, buffer_bytes(&north.certificate), &south.pin, 0, &t), ERR_VALUE);
	assert_null(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_right_pins_meet),
		cmocka_unit_test(test_one_of_several_pins_is_enough),
		cmocka_unit_test(test_a_wrong_dialler_is_refused_and_both_know_why),
		cmocka_unit_test(test_a_wrong_listener_is_refused_and_both_know_why),
		cmocka_unit_test(test_a_refused_certificate_gives_way_to_the_one_before),
		cmocka_unit_test(test_one_identity_alone_is_refused_again),
		cmocka_unit_test(test_the_partner_has_another_card),
		cmocka_unit_test(test_without_memory_there_is_no_socket_and_nothing_is_freed_twice),
		cmocka_unit_test(test_without_our_alpn_nobody_comes_in),
		cmocka_unit_test(test_older_tls_is_refused),
		cmocka_unit_test(test_a_dialler_without_certificate_is_refused),
		cmocka_unit_test(test_key_and_certificate_must_belong_together),
	};

	return cmocka_run_group_tests_name("net/link_tls", tests, start, finish);
}
