/*
 * tokens.h: who may ask in the name of this house.
 *
 * A token is "mq_test_" or "mq_live_" and 20 random bytes in Crockford base 32
 * (32 characters). It is shown once; the house keeps only its SHA-256, as the name
 * of a small file in <home>/tokens:
 *
 *   tokens/<64 hex digits>      "mithaq-token/1 <account> <created> <clause,...|*>[ <expires>]\n"
 *
 * so that making and revoking one never rewrites another. The folder is 0700, the
 * files 0600. An account may hold several tokens. A token without a last word never
 * expires. Programs from before that word pass such a file over: the token is then unknown.
 */
#ifndef MITHAQ_PROC_TOKENS_H
#define MITHAQ_PROC_TOKENS_H

#include "crypto/hash.h"
#include "proc/config.h"

#define TOKENS_MOST	   1024
#define TOKEN_ACCOUNT_MOST 48
#define TOKEN_CLAUSES_MOST 1000 /* characters */
#define TOKEN_RANDOM	   20
#define TOKEN_TEXT	   (8 + 32)
#define TOKEN_PREFIX_TEST  "mq_test_"
#define TOKEN_PREFIX_LIVE  "mq_live_"

struct token {
	struct hash hash;
	char	    account[TOKEN_ACCOUNT_MOST + 1];
	uint64_t    created_ms, expires_ms;	     /* expires_ms 0: never */
	char	    clauses[TOKEN_CLAUSES_MOST + 1]; /* what it is for, separated by commas: below */
};

struct tokens {
	unsigned      n;
	struct token *at; /* heap */
};

/* Reads the folder anew; one that is not there holds nothing. A file that is not of the form is skipped and counted in *skipped. */
enum err tokens_load(const char *folder, struct tokens *out, unsigned *skipped) must_use;
void	 tokens_done(struct tokens *t);

/* The token whose text this is, or NULL. Compares with every one, each in constant time. */
const struct token *tokens_find(const struct tokens *t, struct bytes text);

/*
 * What a token is for: "channel/name" asks under that clause and sees what is asked under it, "*" does so under every
 * clause; "answer:channel/name" answers in this house's name what a partner asks under it, and sees it, "answer:*" whatever
 * is to be fetched. Asking never includes answering.
 */
bool token_permits(const struct token *t, struct bytes clause);
bool scope_answers(const char *clauses, struct bytes clause);
/* ERR_VALUE unless a list of these. */
enum err scope_check(const char *clauses) must_use;

bool token_expired(const struct token *t, uint64_t now_ms);
/* Is this the text of a token of this environment? A token of the other one is refused even where its file was copied to. */
bool token_of_environment(struct bytes text, bool live);

/* Writes the token's text from its random bytes. */
void token_text(bool live, const uint8_t random[TOKEN_RANDOM], char out[TOKEN_TEXT + 1]);

enum err token_store(const char *folder, const struct token *t) must_use; /* ERR_EXISTS */
enum err token_remove(const char *folder, const struct hash *hash) must_use;

/* ERR_VALUE unless an account's name: letters, digits, '.', '-', '_'. */
enum err token_account_check(struct bytes account) must_use;

#endif
