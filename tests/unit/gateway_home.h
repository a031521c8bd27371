/* gateway_home.h: homes of invented parties in a temporary folder, with keys, certificate and the partner's card. */
#ifndef TESTS_GATEWAY_HOME_H
#define TESTS_GATEWAY_HOME_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agreement/card.h"
#include "net/certificate.h"
#include "proc/config.h"
#include "proc/files.h"

struct home {
	struct config config;
	struct card   card;
	uint8_t	      mark; /* seeds all of its keys */
};

static inline void home_must(int ok, const char *what)
{
	if (ok)
		return;
	(void)fprintf(stderr, "test home: %s failed\n", what);
	abort();
}

static inline void home_seed(const struct home *h, uint8_t which, uint8_t seed[SIGN_SEED])
{
	memset(seed, h->mark, SIGN_SEED);
	seed[0] = which;
}

static inline void home_path(const struct home *h, const char *rest, char out[CONFIG_PATH_MOST])
{
	home_must(config_path(&h->config, rest, out) == ERR_OK, rest);
}

static inline void home_key(const struct home *h, const char *name, uint8_t which)
{
	char	path[CONFIG_PATH_MOST];
	uint8_t seed[SIGN_SEED];

	home_seed(h, which, seed);
	home_path(h, name, path);
	home_must(key_file_write_new(path, seed) == ERR_OK, path);
}

static inline struct public_key home_public(const struct home *h, uint8_t which)
{
	struct sign_key key;
	uint8_t		seed[SIGN_SEED];

	home_seed(h, which, seed);
	sign_key_from_seed(&key, seed);
	return key.pub;
}

static inline void home_certificate(struct home *h, const char *party)
{
	struct buffer pem = {.most = CERTIFICATE_MOST};
	char	      path[CONFIG_PATH_MOST];
	uint8_t	      seed[SIGN_SEED];

	home_seed(h, 3, seed);
	home_path(h, "keys/tls.pem", path);
	home_must(certificate_make(seed, party, &pem, &h->card.tls[0]) == ERR_OK, "certificate");
	home_must(file_write(path, buffer_bytes(&pem), 0644) == ERR_OK, path);
	buffer_done(&pem);
}

static inline void home_folder(const struct home *h, const char *name)
{
	char path[CONFIG_PATH_MOST];

	home_path(h, name, path);
	home_must(mkdir(path, 0700) == 0, path);
}

/* A home below `folder`; `party` and `partner` live as long as it. */
static inline void home_make(struct home *h, const char *folder, const char *party, const char *partner, uint8_t mark)
{
	char path[CONFIG_PATH_MOST];

	*h = (struct home){.mark = mark};
	(void)snprintf(path, sizeof path, "%s/%s", folder, party);
	home_must(mkdir(path, 0700) == 0, path);
	config_places(&h->config, path);
	h->config.party = party;
	h->config.npartners = 1;
	h->config.partner[0].name = partner;
	home_folder(h, "keys");
	home_folder(h, "partners");
	home_key(h, "keys/log.key", 1);
	home_key(h, "keys/receipt.key", 2);
	home_key(h, "keys/tls.key", 3);
	home_certificate(h, party);

	(void)snprintf(h->card.party, sizeof h->card.party, "%s", party);
	h->card.serial = 1;
	h->card.from_day = 20000;
	h->card.until_day = 30000;
	h->card.ntls = h->card.nlog = h->card.nreceipt = 1;
	h->card.root[0] = home_public(h, 4);
	h->card.root[1] = home_public(h, 5);
	(void)snprintf(h->card.log[0].channel, sizeof h->card.log[0].channel, "*");
	(void)snprintf(h->card.receipt[0].channel, sizeof h->card.receipt[0].channel, "*");
	h->card.log[0].key = home_public(h, 1);
	h->card.receipt[0].key = home_public(h, 2);
}

/* Writes `of`'s card into `rest` of `h`. */
static inline void home_write_card(const struct home *h, const struct home *of, const char *rest)
{
	static uint8_t	note[CARD_MOST];
	struct builder	b = builder_on(note, sizeof note);
	struct sign_key root;
	uint8_t		seed[SIGN_SEED];
	char		path[CONFIG_PATH_MOST];

	home_seed(of, 4, seed);
	sign_key_from_seed(&root, seed);
	home_must(card_sign(&of->card, &root, &b) == ERR_OK, "card");
	home_path(h, rest, path);
	home_must(file_write(path, builder_bytes(&b), 0644) == ERR_OK, path);
}

/* Writes `of`'s card into partners/<name>.card of `h`. */
static inline void home_add_card(const struct home *h, const struct home *of, const char *name)
{
	char rest[200];

	(void)snprintf(rest, sizeof rest, "partners/%s.card", name);
	home_write_card(h, of, rest);
}

static inline int home_remove_one(const char *path, const struct stat *about unused_arg, int kind unused_arg, struct FTW *where unused_arg)
{
	return remove(path);
}

static inline void home_remove(const char *folder)
{
	(void)nftw(folder, home_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
