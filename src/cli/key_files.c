/* key_files.c: the key files around a change of keys (key.h tells their order). */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/secret.h"
#include "cli/key.h"
#include "crypto/random.h"
#include "net/certificate.h"
#include "proc/files.h"

int key_path(struct cli *cli, const struct config *config, enum key_kind kind, const char *ending, char out[CONFIG_PATH_MOST])
{
	char rest[64];

	snprintf(rest, sizeof rest, "%s%s", key_names[kind].file, ending);
	return home_path(cli, config, rest, out);
}

static int path_of(const struct change *c, const char *ending, char out[CONFIG_PATH_MOST])
{
	return key_path(c->cli, &c->home.config, c->kind, ending, out);
}

static bool stands(const struct change *c, const char *ending)
{
	char path[CONFIG_PATH_MOST];

	return path_of(c, ending, path) == EXIT_DONE && access(path, F_OK) == 0;
}

bool key_files_waiting(const struct change *c)
{
	return stands(c, ".next.key");
}

struct hash key_pin(const struct public_key *key)
{
	/* SEQUENCE { SEQUENCE { OID 1.3.101.112 }, BIT STRING of 32 bytes }. */
	static const uint8_t head[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
	struct bytes	     pieces[2] = {bytes_of(head, sizeof head), bytes_of(key->b, SIGN_PUBLIC)};

	return hash_pieces(pieces, 2);
}

/* ---- small steps, each durable by itself ---- */

static int file_gone(const struct change *c, const char *ending)
{
	char path[CONFIG_PATH_MOST];
	int  code = path_of(c, ending, path);

	if (code != EXIT_DONE)
		return code;
	if ((unlink(path) != 0 && errno != ENOENT) || folder_sync(path) != ERR_OK)
		return cli_err(c->cli, ERR_FILE, path, NULL);
	return EXIT_DONE;
}

static int file_moved(const struct change *c, const char *from_ending, const char *to_ending)
{
	char from[CONFIG_PATH_MOST], to[CONFIG_PATH_MOST];
	int  code = path_of(c, from_ending, from);

	if (code == EXIT_DONE)
		code = path_of(c, to_ending, to);
	if (code != EXIT_DONE)
		return code;
	if (rename(from, to) != 0 || folder_sync(to) != ERR_OK)
		return cli_err(c->cli, ERR_FILE, from, NULL);
	return EXIT_DONE;
}

/* A second copy, so that the first stays in its place until it is replaced. */
static int file_copied(const struct change *c, const char *from_ending, const char *to_ending, unsigned mode)
{
	char				  from[CONFIG_PATH_MOST], to[CONFIG_PATH_MOST];
	scoped(buffer_done) struct buffer file = {.most = CERTIFICATE_MOST};
	int				  code = path_of(c, from_ending, from);

	if (code == EXIT_DONE)
		code = path_of(c, to_ending, to);
	if (code != EXIT_DONE)
		return code;
	/* At once: growing would leave copies of a secret behind. */
	enum err e = buffer_room(&file, CERTIFICATE_MOST);
	if (e == ERR_OK)
		e = file_read(from, &file);
	if (e == ERR_FILE && errno == ENOENT)
		code = EXIT_DONE; /* it was lost: there is nothing to keep */
	else if (e != ERR_OK)
		code = cli_err(c->cli, e, from, NULL);
	else if ((e = file_write(to, buffer_bytes(&file), mode)) != ERR_OK)
		code = cli_err(c->cli, e, to, NULL);
	if (file.at != NULL)
		secret_zero(file.at, file.room);
	return code;
}

/* ---- a new key beside the one in use ---- */

static int certificate_add(struct change *c, struct hash *pin)
{
	char				  path[CONFIG_PATH_MOST];
	scoped(buffer_done) struct buffer pem = {.most = CERTIFICATE_MOST};
	int				  code = path_of(c, ".next.pem", path);

	if (code != EXIT_DONE)
		return code;
	enum err e = certificate_make(c->seed, c->held->party, &pem, pin);
	if (e == ERR_OK)
		e = file_write(path, buffer_bytes(&pem), 0644);
	return e == ERR_OK ? EXIT_DONE : cli_err(c->cli, e, path, NULL);
}

/* The roots may have been taken away, folder and all; what is left of the last change of TLS keys has done its duty. */
static int place_make(struct change *c)
{
	char path[CONFIG_PATH_MOST];

	if (c->kind == KEY_TLS) {
		int code = file_gone(c, ".old.key");
		return code == EXIT_DONE ? file_gone(c, ".old.pem") : code;
	}
	int code = home_path(c->cli, &c->home.config, c->kind == KEY_LOG || c->kind == KEY_RECEIPT ? "keys" : "root", path);
	if (code != EXIT_DONE)
		return code;
	return folder_make_private(path) == 0 || errno == EEXIST ? EXIT_DONE : cli_err(c->cli, ERR_FILE, path, NULL);
}

int key_files_add(struct change *c, struct hash *pin)
{
	char path[CONFIG_PATH_MOST];
	int  code = place_make(c);

	if (code == EXIT_DONE)
		code = path_of(c, ".next.key", path);
	if (code != EXIT_DONE)
		return code;
	random_bytes(c->seed, sizeof c->seed);
	sign_key_from_seed(&c->fresh, c->seed);
	enum err e = key_file_write_new(path, c->seed);
	if (e != ERR_OK)
		return cli_err(c->cli, e, path, NULL);
	return c->kind == KEY_TLS ? certificate_add(c, pin) : EXIT_DONE;
}

/*
 * The certificate follows its key: between the two the pair in use does not fit together,
 * and what stands there then (next.pem without next.key) says so to key_files_settle.
 */
static int tls_swap(struct change *c)
{
	int code = file_copied(c, ".key", ".old.key", 0600);

	if (code == EXIT_DONE)
		code = file_copied(c, ".pem", ".old.pem", 0644);
	if (code == EXIT_DONE)
		code = file_moved(c, ".next.key", ".key");
	return code == EXIT_DONE ? file_moved(c, ".next.pem", ".pem") : code;
}

int key_files_swap(struct change *c)
{
	return c->kind == KEY_TLS ? tls_swap(c) : file_moved(c, ".next.key", ".key");
}

/* ---- after a crash ---- */

static bool on_card(const struct change *c, const struct public_key *key)
{
	const struct card *card = c->held;
	struct hash	   pin = key_pin(key);

	for (unsigned i = 0; i < card->nlog && c->kind == KEY_LOG; i++)
		if (public_key_equal(&card->log[i].key, key))
			return true;
	for (unsigned i = 0; i < card->nreceipt && c->kind == KEY_RECEIPT; i++)
		if (public_key_equal(&card->receipt[i].key, key))
			return true;
	for (unsigned i = 0; i < card->ntls && c->kind == KEY_TLS; i++)
		if (hash_equal(&card->tls[i], &pin))
			return true;
	return (c->kind == KEY_ROOT_A && public_key_equal(&card->root[0], key)) || (c->kind == KEY_ROOT_B && public_key_equal(&card->root[1], key));
}

int key_files_public(const struct change *c, const char *ending, struct public_key *out)
{
	char		path[CONFIG_PATH_MOST];
	struct sign_key key;
	struct fault	fault = {0};
	int		code = path_of(c, ending, path);

	if (code != EXIT_DONE)
		return code;
	enum err e = key_file_read(path, &key, &fault);
	if (e != ERR_OK) {
		fault.err = e;
		return cli_fault(c->cli, &fault, path);
	}
	*out = key.pub;
	sign_key_done(&key);
	return EXIT_DONE;
}

/* A key that no card names was never used. */
static int next_forget(const struct change *c)
{
	int code = file_gone(c, ".next.key");

	return code == EXIT_DONE && c->kind == KEY_TLS ? file_gone(c, ".next.pem") : code;
}

/* Both TLS keys on the card: nothing is half done, a rotation is under way. */
static int tls_settle(struct change *c)
{
	struct public_key in_use;
	int		  code = key_files_public(c, ".key", &in_use);

	if (code != EXIT_DONE || on_card(c, &in_use))
		return code;
	return tls_swap(c);
}

int key_files_settle(struct change *c)
{
	struct public_key next;

	if (!key_files_waiting(c))
		return c->kind == KEY_TLS && stands(c, ".next.pem") ? file_moved(c, ".next.pem", ".pem") : EXIT_DONE;
	int code = key_files_public(c, ".next.key", &next);
	if (code != EXIT_DONE)
		return code;
	if (!on_card(c, &next))
		return next_forget(c);
	return c->kind == KEY_TLS ? tls_settle(c) : key_files_swap(c);
}
