/* inspect.c: papers, keys and credentials, one after another; one that is off does not end the look at the others. */
#include "proc/inspect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proc/files.h"
#include "proc/papers.h"

struct inspection {
	const struct config *config;
	inspect_fn	    *say;
	void		    *arg;
	enum err	     first; /* the first error */
};

static void tell(struct inspection *in, const char *file, enum err e, struct fault *fault)
{
	struct inspected seen = {.file = file, .err = e, .fault = fault};

	if (e != ERR_OK && fault->err == ERR_OK)
		fault->err = e;
	if (in->first == ERR_OK)
		in->first = e;
	in->say(in->arg, &seen);
}

/* ---- papers ---- */

static void tell_home(struct inspection *in, const char *rest)
{
	char	     path[CONFIG_PATH_MOST];
	struct fault fault = {.err = ERR_OK};

	if (config_path(in->config, rest, path) == ERR_OK)
		tell(in, path, ERR_OK, &fault);
}

static void partner_card(struct inspection *in, const struct papers *papers, const char *partner)
{
	char	     rest[PARTY_MOST + 32], path[CONFIG_PATH_MOST];
	struct fault fault = {.err = ERR_OK};

	(void)snprintf(rest, sizeof rest, "partners/%s.card", partner);
	if (papers_card(papers, partner) != NULL) {
		tell_home(in, rest);
		return;
	}
	if (config_path(in->config, rest, path) != ERR_OK)
		return;
	fault_at(&fault, ERR_MISSING, 0, "", partner, "mithaq partner add CARD", "mithaq partner add CARD");
	tell(in, path, ERR_MISSING, &fault);
}

static void agreement(struct inspection *in, const struct agreement *a)
{
	char rest[CONFIG_PATH_MOST];

	if (papers_agreement_path(&a->id, rest) == ERR_OK)
		tell_home(in, rest);
}

static void papers_look(struct inspection *in, const struct papers *papers)
{
	char own[PARTY_MOST + 8];

	(void)snprintf(own, sizeof own, "%s.card", in->config->party);
	tell_home(in, own);
	for (unsigned i = 0; i < in->config->npartners; i++)
		partner_card(in, papers, in->config->partner[i].name);
	for (unsigned i = 0; i < papers->nagreements; i++)
		agreement(in, papers->agreement[i]);
}

/* ---- keys ---- */

static bool stands_on(const struct card_key *keys, unsigned n, const struct public_key *key)
{
	for (unsigned i = 0; i < n; i++)
		if (memcmp(keys[i].key.b, key->b, sizeof key->b) == 0)
			return true;
	return false;
}

/* A key that is not on our own card would stop the core at its first signature. */
static enum err key_belongs(const struct card *own, bool receipt, const struct public_key *key, struct fault *fault)
{
	if (receipt ? stands_on(own->receipt, own->nreceipt, key) : stands_on(own->log, own->nlog, key))
		return ERR_OK;
	return fault_at(fault, ERR_KEY, 0, "", "", "it is not on our own card: put the right one back", "ليس على بطاقتنا: أعد المفتاح الصحيح");
}

/* The log or receipt key, as the keeper takes it. */
static void signing_key(struct inspection *in, const struct card *own, bool receipt)
{
	char		path[CONFIG_PATH_MOST] = "";
	struct sign_key key = {.secret = {0}};
	struct fault	fault = {.err = ERR_OK};

	enum err e = papers_key_read(in->config, own, receipt, &key, path, &fault);
	if (e == ERR_OK)
		e = key_belongs(own, receipt, &key.pub, &fault);
	sign_key_done(&key);
	tell(in, path, e, &fault);
}

static void plain_key(struct inspection *in, const char *name)
{
	char		path[CONFIG_PATH_MOST];
	struct sign_key key = {.secret = {0}};
	struct fault	fault = {.err = ERR_OK};

	if (config_path(in->config, name, path) != ERR_OK)
		return;
	enum err e = key_file_read(path, &key, &fault);
	sign_key_done(&key);
	tell(in, path, e, &fault);
}

/* ---- files of which only this is known: they must be there ---- */

static void readable(struct inspection *in, const char *path)
{
	struct fault fault = {.err = ERR_OK};
	int	     fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		close(fd);
		tell(in, path, ERR_OK, &fault);
		return;
	}
	fault_at(&fault, ERR_FILE, 0, "", strerror(errno), "", "");
	tell(in, path, ERR_FILE, &fault);
}

static void credential(struct inspection *in, const char *name)
{
	char path[CONFIG_PATH_MOST];

	if (name != NULL && config_credential_path(in->config, name, path) == ERR_OK)
		readable(in, path);
}

static void credentials_look(struct inspection *in)
{
	const struct config *c = in->config;

	for (unsigned i = 0; i < c->nproviders; i++)
		credential(in, c->provider[i].credential);
	for (unsigned i = 0; i < c->nwebhooks; i++)
		credential(in, c->webhook[i].secret);
	if (c->api_certificate != NULL)
		readable(in, c->api_certificate);
	if (c->api_key != NULL)
		readable(in, c->api_key);
}

/* Without our own card, which has been said, nobody knows which key belongs. */
static void keys_look(struct inspection *in, const struct card *own)
{
	char path[CONFIG_PATH_MOST];

	if (own != NULL) {
		signing_key(in, own, false);
		signing_key(in, own, true);
	} else {
		plain_key(in, "keys/log.key");
		plain_key(in, "keys/receipt.key");
	}
	plain_key(in, "keys/tls.key");
	if (config_path(in->config, "keys/tls.pem", path) == ERR_OK)
		readable(in, path);
}

enum err inspect_home(const struct config *config, inspect_fn *say, void *arg)
{
	struct inspection in = {.config = config, .say = say, .arg = arg};
	struct papers	 *papers = calloc(1, sizeof *papers); /* large: kept off the stack */
	char		  file[CONFIG_PATH_MOST] = "";
	struct fault	  fault = {.err = ERR_OK};

	if (papers == NULL)
		return ERR_MEMORY;
	enum err e = papers_load(config, papers, file, &fault);
	if (e == ERR_OK)
		papers_look(&in, papers);
	else
		tell(&in, file, e, &fault);
	keys_look(&in, e == ERR_OK ? papers->card[0] : NULL);
	credentials_look(&in);
	papers_done(papers);
	free(papers);
	return in.first;
}
