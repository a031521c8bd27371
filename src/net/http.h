/*
 * http.h: the little of HTTP that libevent leaves to us: what stands in a few
 * header fields, and a client for our own socket.
 */
#ifndef MITHAQ_NET_HTTP_H
#define MITHAQ_NET_HTTP_H

#include "base/builder.h"
#include "base/error.h"

#define HTTP_HEADERS_MOST 16384
#define HTTP_ANSWER_MOST  (5u << 20)
#define HTTP_WAIT_MOST	  60 /* seconds */

/* ---- header fields; each accepts NULL for one that was not sent ---- */

/* Accept-Language (RFC 9110): the better liked of ar and en; en when neither is named. */
enum lang http_language(const char *accept_language);
/* Prefer (RFC 7240): seconds of `wait=N`, at most HTTP_WAIT_MOST, or `otherwise`. */
unsigned http_wait(const char *prefer, unsigned otherwise);
/* The token of "Bearer TOKEN", empty otherwise. */
struct bytes http_bearer(const char *authorization);
/* True for application/json, with or without charset=utf-8. */
bool http_is_json(const char *content_type);
/* True for the names under which this very machine is called: localhost, 127.0.0.1, [::1], with or without a port. */
bool http_host_is_local(const char *host);

/* ---- the client ---- */

struct http_question {
	const char  *method; /* "GET", "POST" or "DELETE" */
	const char  *target; /* "/v1/status" */
	const char  *token;  /* bearer, or NULL */
	enum lang    lang;
	struct bytes body;	 /* JSON, or empty */
	const char  *key;	 /* Idempotency-Key, or NULL */
	unsigned     wait;	 /* Prefer: wait=N; 0: not said */
	unsigned     patience_s; /* how long to wait for the answer */
};

struct http_answer {
	unsigned      status;
	struct buffer raw; /* head and body, owned */
	struct bytes  body;
};

/*
 * One request over a Unix stream socket, one connection. ERR_NETWORK when nobody
 * listens there (errno kept) or the answer broke off, ERR_MALFORMED when it is not HTTP.
 */
enum err http_ask(const char *socket_path, const struct http_question *q, struct http_answer *out) must_use;
void	 http_answer_done(struct http_answer *a);

/* The client's reader of an answer's head, for the tests: status, length and where the body begins. */
enum err http_head_read(struct bytes raw, unsigned *status, size_t *body_at, size_t *length) must_use;

#endif
