/* The certificate of the local API: which files are taken, which are refused with what words, and which names it has. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "crypto/sign.h"
#include "net/api_tls.h"
#include "net/certificate.h"

#define NAME "api.customs.example"

static char		  room[] = "/tmp/mithaq-api-tls-XXXXXX";
static char		  certificate[128], key[128], both[128], other[128], words[128];
static struct event_base *base;

static void path_set(char out[128], const char *name)
{
	snprintf(out, 128, "%s/%s", room, name);
}

static void file_make(const char *path, struct bytes text, const char *key_of_seed, mode_t mode)
{
	FILE	 *file = fopen(path, "we");
	EVP_PKEY *own = key_of_seed ? EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, (const uint8_t *)key_of_seed, SIGN_SEED) : NULL;

	assert_non_null(file);
	assert_int_equal(fwrite(text.at, 1, text.n, file), text.n);
	if (own)
		assert_int_equal(PEM_write_PrivateKey(file, own, NULL, NULL, 0, NULL, NULL), 1);
	EVP_PKEY_free(own);
	fclose(file);
	assert_int_equal(chmod(path, mode), 0);
}

static int files_make(void **state)
{
	static const char ours[] = "this is a seed of thirty-two by.", theirs[] = "and this is another of 32 bytes.";
	struct buffer	  pem = {.most = CERTIFICATE_MOST};
	struct hash	  pin;

	(void)state;
	assert_non_null(mkdtemp(room));
	path_set(certificate, "certificate.pem");
	path_set(key, "key.pem");
	path_set(both, "both.pem");
	path_set(other, "other.pem");
	path_set(words, "words.pem");
	assert_int_equal(certificate_make((const uint8_t *)ours, NAME, &pem, &pin), ERR_OK);
	file_make(certificate, buffer_bytes(&pem), NULL, 0644);
	file_make(key, bytes_text("\n"), ours, 0600);
	file_make(both, buffer_bytes(&pem), ours, 0600);
	file_make(other, bytes_text("\n"), theirs, 0600);
	file_make(words, bytes_text("these are words\n"), NULL, 0600);
	buffer_done(&pem);
	base = event_base_new();
	return base ? 0 : -1;
}

static int files_drop(void **state)
{
	const char *const paths[] = {certificate, key, both, other, words};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(paths); i++)
		unlink(paths[i]);
	event_base_free(base);
	return rmdir(room);
}

static struct api_tls *tls_new(void)
{
	struct api_tls *t = NULL;

	assert_int_equal(api_tls_new(base, &t), ERR_OK);
	return t;
}

static void taken_together_and_apart(void **state)
{
	struct api_tls *t = tls_new();
	struct fault	fault = {0};

	(void)state;
	assert_int_equal(api_tls_until_ms(t), 0);
	assert_int_equal(api_tls_load(t, both, NULL, &fault), ERR_OK);
	assert_true(api_tls_until_ms(t) > api_tls_from_ms(t));
	assert_true(api_tls_from_ms(t) > 0);
	assert_int_equal(api_tls_load(t, certificate, key, &fault), ERR_OK);
	api_tls_free(t);
	api_tls_free(NULL);
}

/* What was good before stays when the next is not. */
static void refused_in_words(void **state)
{
	const struct {
		const char *certificate, *key;
		enum err    err;
		const char *at, *found;
	} cases[] = {
		{certificate, other, ERR_KEY, API_TLS_KEY, "does not belong"},
		{certificate, NULL, ERR_MODE, API_TLS_CERTIFICATE, "0644"},
		{certificate, words, ERR_MISSING, API_TLS_KEY, "no private key"},
		{words, NULL, ERR_MALFORMED, API_TLS_CERTIFICATE, "no certificate"},
		{room, NULL, ERR_FILE, API_TLS_CERTIFICATE, "a folder"},
		{certificate, room, ERR_FILE, API_TLS_KEY, "a folder"},
		{"/nowhere/at/all", NULL, ERR_FILE, API_TLS_CERTIFICATE, "No such file"},
	};
	struct api_tls *t = tls_new();
	struct fault	fault = {0};

	(void)state;
	assert_int_equal(api_tls_load(t, both, NULL, &fault), ERR_OK);
	uint64_t until = api_tls_until_ms(t);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		fault = (struct fault){0};
		assert_int_equal(api_tls_load(t, cases[i].certificate, cases[i].key, &fault), cases[i].err);
		assert_string_equal(fault.at, cases[i].at);
		assert_non_null(strstr(fault.found, cases[i].found));
		assert_true(fault.help[0] != '\0' && fault.help_ar[0] != '\0');
		assert_int_equal(api_tls_until_ms(t), until);
		assert_true(api_tls_names(t, NAME));
	}
	assert_int_equal(api_tls_load(t, certificate, other, NULL), ERR_KEY); /* nobody asks why */
	api_tls_free(t);
}

static void only_its_names(void **state)
{
	static const char *const good[] = {NAME, NAME ":8443", NAME ":", "API.customs.EXAMPLE"};
	static const char *const bad[] = {"",	     ":",      ":8443",	  "localhost",	     "127.0.0.1",	  "[::1]",     "[",
					  "[]",	     "[::1",   NAME "x",  "x" NAME,	     NAME ":x",		  NAME ":1:2", NAME ":1@evil",
					  NAME "/a", " " NAME, NAME "\t", "customs.example", "*.customs.example", NAME "."};
	struct api_tls		*t = tls_new();
	struct fault		 fault = {0};
	char			 long_name[600];

	(void)state;
	assert_false(api_tls_names(t, NAME)); /* without a certificate there are no names */
	assert_int_equal(api_tls_load(t, both, NULL, &fault), ERR_OK);
	for (size_t i = 0; i < COUNT_OF(good); i++)
		assert_true(api_tls_names(t, good[i]));
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_false(api_tls_names(t, bad[i]));
	assert_false(api_tls_names(t, NULL));
	memset(long_name, 'a', sizeof long_name - 1);
	long_name[sizeof long_name - 1] = '\0';
	assert_false(api_tls_names(t, long_name));
	api_tls_free(t);
}

/* Without a certificate no connection is made, and a plain one is not taken for one of TLS. */
static void no_certificate_no_connection(void **state)
{
	struct api_tls	   *t = tls_new();
	struct fault	    fault = {0};
	struct bufferevent *plain = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);

	(void)state;
	assert_null(api_tls_bufferevent(base, t));
	assert_false(api_tls_carries(plain));
	assert_false(api_tls_carries(NULL));
	assert_int_equal(api_tls_load(t, both, NULL, &fault), ERR_OK);
	struct bufferevent *made = api_tls_bufferevent(base, t);
	assert_true(api_tls_carries(made));
	assert_int_equal(api_tls_load(t, certificate, key, &fault), ERR_OK); /* one made before the renewal lives on */
	bufferevent_free(made);
	bufferevent_free(plain);
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(api_tls_turned_away(t), 0);
	api_tls_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(taken_together_and_apart),
		cmocka_unit_test(refused_in_words),
		cmocka_unit_test(only_its_names),
		cmocka_unit_test(no_certificate_no_connection),
	};

	return cmocka_run_group_tests(tests, files_make, files_drop);
}
