/*
 * response.h: one HTTP/1.1 response of a service, read strictly (RFC 9110, RFC 9112). Pure.
 *
 * libevent has a client for HTTP, but bytes left over behind one response are the next one's to it:
 * one surplus answer of a service, and every later question on that connection gets the answer to
 * the one before it. It also takes what could be read in two ways. So the little that a client needs
 * stands here: a status, a length or chunks, and whether the connection may be used again. Two lengths, a
 * length beside chunks, folded lines and lines that do not end in CR LF are malformed.
 *
 *   struct response r = {0};
 *   ... append what came to `raw` ...
 *   enum err e = response_read(&r, raw, n);      again and again with the same bytes and more behind them
 *
 * ERR_SHORT: more is needed. ERR_OK: whole; the body stands at raw + r.body_at, r.body_n bytes,
 * and r.used bytes of raw belong to the response. Chunks are moved together inside raw.
 * Anything else: the connection is of no use any more.
 */
#ifndef MITHAQ_PROVIDER_RESPONSE_H
#define MITHAQ_PROVIDER_RESPONSE_H

#include "base/bytes.h"
#include "base/error.h"

#define RESPONSE_HEAD_MOST    16384u	 /* status line and header fields, and what may stand behind the last chunk */
#define RESPONSE_BODY_MOST    (1u << 20) /* what a service may say to one question */
#define RESPONSE_MOST	      (3u << 19) /* bytes of one response, its chunks' sizes among them */
#define RESPONSE_INTERIM_MOST 8		 /* 1xx before the response itself */

enum response_state {
	RESPONSE_STATUS,
	RESPONSE_HEADERS,
	RESPONSE_LENGTH,  /* a body of `left` bytes */
	RESPONSE_CLOSE,	  /* a body that ends with the connection */
	RESPONSE_SIZE,	  /* a chunk's size */
	RESPONSE_CHUNK,	  /* `left` bytes of a chunk */
	RESPONSE_TRAILER, /* lines behind the last chunk */
	RESPONSE_WHOLE,
};

struct response {
	enum response_state state;
	unsigned	    status;
	bool		    json;   /* its content type is JSON in UTF-8 */
	bool		    keeps;  /* the connection may be used again */
	bool		    packed; /* it is encoded (compressed), which nobody asked for */
	size_t		    body_at, body_n;
	size_t		    used; /* bytes of raw understood so far */

	/* response.c's own */
	bool	 old, has_length, chunked;
	size_t	 seen, head, left;
	unsigned interim;
};

enum err response_read(struct response *r, uint8_t *raw, size_t n) must_use;
/* The service closed: ERR_OK when that is how this response ends (it is whole now), else ERR_SHORT. */
enum err response_closed(struct response *r) must_use;

#endif
