/* ask.h: the commands that speak to the running gateway, over its Unix socket data/api.sock. */
#ifndef MITHAQ_CLI_ASK_H
#define MITHAQ_CLI_ASK_H

#include "cli/cli.h"
#include "net/http.h"
#include "net/json.h"

/* What came back: `json` is NULL when the body was a bundle of evidence (reply_done frees it otherwise). */
struct reply {
	struct http_answer http;
	json_t		  *json;
};

/*
 * Fills in socket, token (`token`, else MITHAQ_TOKEN, else <home>/cli.token) and
 * language, asks, and reads the answer. When it returns another code than EXIT_DONE
 * it has complained and there is nothing to free.
 */
int  ask_gateway(struct cli *cli, struct http_question *q, const char *token, struct reply *out);
void reply_done(struct reply *r);

/* The id of an exchange as a person wrote it, written again into `id`; otherwise complains and gives EXIT_USAGE. */
int ask_id(struct cli *cli, const char *word, char id[29]);

/* Prints a problem (RFC 9457) as people would say it and gives the exit code it means. */
int ask_problem(struct cli *cli, const struct reply *r);

/* Prints the body as it came, for --json. */
void ask_print_raw(const struct cli *cli, const struct reply *r);

/* The text of a member, or "" ; the number of one, or 0. */
const char *reply_text(const json_t *object, const char *key);
uint64_t    reply_number(const json_t *object, const char *key);

/* Refused here, refused by the partner, or done? From state and result of an exchange. */
int ask_exit_of(const json_t *exchange, bool exit_hit);

#endif
