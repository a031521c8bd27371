/*
 * stage.h: both parties of an agreement on this machine, with test keys, in a folder
 * that goes when they go: what `mithaq try` plays on and `mithaq doctor --measure`
 * measures with. Real gateways, real keys, real ledgers; only the parties are played.
 *
 * The agreement's text is copied with the keys of two roots made here in place of
 * its own, with `environment: test`, and in force today. Nothing of the real home is
 * read, but the providers that a person names.
 */
#ifndef MITHAQ_CLI_STAGE_H
#define MITHAQ_CLI_STAGE_H

#include <sys/types.h>

#include "agreement/agreement.h"
#include "cli/cli.h"
#include "net/http.h"
#include "net/json.h"
#include "proc/tokens.h"

struct stage_party {
	char  home[CONFIG_PATH_MOST], socket[CONFIG_PATH_MOST + 16];
	char  token[TOKEN_TEXT + 1];
	pid_t pid; /* 0: not running */
};

struct stage {
	struct cli	  *cli;
	char		   folder[CONFIG_PATH_MOST / 2];
	struct agreement  *agreement; /* as it is played */
	unsigned	   us;	      /* which party of it the local API is */
	char		   api[32];   /* "127.0.0.1:7171" */
	struct stage_party party[2];  /* as in the agreement */
};

struct stage_words {
	const char  *file;    /* the agreement: signed or not */
	struct bytes text;    /* its text, when it is in no file; `file` is then what to call it */
	const char  *as;      /* the party that we are, or NULL: the one that asks first */
	const char  *provide; /* a mithaq.yaml whose `provide:` answers for us, or NULL: the examples do */
	const char  *api;     /* "127.0.0.1:7171", or NULL: 7171 when it is free, else another port */
};

/* Makes the homes, signs, starts both gateways and waits for the link. On failure it has complained, and nothing is left. */
int  stage_open(struct cli *cli, const struct stage_words *words, struct stage *s) must_use;
void stage_stop(struct stage *s);  /* ends both gateways, by their ids; what they wrote stays */
void stage_close(struct stage *s); /* and takes the folder away */

/* Has one of them ended by itself? */
bool stage_broken(struct stage *s);

/* One request to the gateway of party `who`. ERR_NETWORK and the like as http_ask; the caller frees the answer. */
enum err stage_ask(const struct stage *s, unsigned who, struct http_question *q, struct http_answer *out) must_use;

#endif
