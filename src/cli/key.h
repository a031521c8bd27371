/*
 * key.h: what the rooms of `mithaq key` share, and nobody else includes.
 *
 *   key.c         the command's words; list
 *   key_change.c  a new card in the place of the one in use, with the key that goes with it
 *   key_files.c   the key files around a change, and putting right what a crash left
 *   key_revoke.c  the lines that say up to where a stolen key counts
 *   key_sheet.c   the printable page for the paper annex
 *
 * The order of a change, so that a crash between any two steps leaves a house that starts:
 *
 *   1  NAME.next.key (tls: and NAME.next.pem)      the new key; nobody names it yet
 *   2  cards/<party>.<serial>.card                 a copy of the card in use
 *   3  <party>.card                                the next card, signed by a root
 *   4  NAME.next.key -> NAME.key                   the old key is gone
 *
 * Between 3 and 4 the card names the key in NAME.next.key: the gateway takes whichever of the
 * two stands on the card (proc/papers.h), and the next `mithaq key` finishes.
 */
#ifndef MITHAQ_CLI_KEY_H
#define MITHAQ_CLI_KEY_H

#include "cli/home.h"

enum key_kind { KEY_LOG, KEY_RECEIPT, KEY_TLS, KEY_ROOT_A, KEY_ROOT_B };

struct key_name {
	const char *word; /* as people type it */
	const char *file; /* below the home, without its ending */
	const char *text, *text_ar;
};
extern const struct key_name key_names[]; /* by enum key_kind */

/* One change under way. Owned by key_change.c; secrets in it are zeroed by change_done. */
struct change {
	struct cli	  *cli;
	struct home	   home;
	enum key_kind	   kind;
	const struct card *held; /* our card in use */
	struct card	   next;
	struct sign_key	   root; /* signs the next card */
	const char	  *root_file;
	uint8_t		   seed[32];
	struct sign_key	   fresh;
	unsigned	   nlines; /* `revoked` lines written for this key */
	char		   card_path[CONFIG_PATH_MOST];
};

int change_begin(struct change *c, struct cli *cli, enum key_kind kind, const char *root_file);
/* Steps 2 and 3. */
int  change_commit(struct change *c);
void change_done(struct change *c);

int key_rotate(struct cli *cli, enum key_kind kind, const char *root_file);
int key_revoke(struct cli *cli, enum key_kind kind, const char *root_file);
int key_retire_tls(struct cli *cli, const char *root_file);
int key_sheet(struct cli *cli, bool html);

/* ---- key_files.c ---- */

/* "<home>/<file><ending>" as in ("keys/tls", ".next.key"). */
int key_path(struct cli *cli, const struct config *config, enum key_kind kind, const char *ending, char out[CONFIG_PATH_MOST]);
/* Writes the new seed (tls: and its certificate, whose pin it gives) beside the key in use. */
int key_files_add(struct change *c, struct hash *pin);
/* Puts NAME.next in the place of NAME; tls: NAME becomes NAME.old first. */
int key_files_swap(struct change *c);
/* Finishes or takes away what an earlier change left half done, as the card says. */
int key_files_settle(struct change *c);
/* Is there a NAME.next? */
bool key_files_waiting(const struct change *c);
/* The public half of NAME.key, NAME.next.key ...; has complained unless EXIT_DONE. */
int key_files_public(const struct change *c, const char *ending, struct public_key *out);
/* The pin of a TLS key: H(SubjectPublicKeyInfo) of an Ed25519 key (RFC 8410). */
struct hash key_pin(const struct public_key *key);

/* ---- key_revoke.c ---- */

/* Adds the lines for `stolen` to c->next and counts them; reads the ledger. */
int revoked_lines(struct change *c, const struct public_key *stolen);

#endif
