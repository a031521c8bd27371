/*
 * http_pool.h: a few connections to one service, kept open, and the questions that wait for one.
 *
 * The host is looked up once, by pool_open, before the process confines itself; nobody
 * else is ever connected to, and no redirect is followed. One question is on a connection at a
 * time. A connection with bytes behind its response, or bytes that nobody asked for, is closed: they must
 * not be read as the answer to the next question.
 *
 * A question that finds a kept connection closed before any byte of its response came is asked
 * once more, on a new connection, when it may be repeated (GET).
 */
#ifndef MITHAQ_PROVIDER_HTTP_POOL_H
#define MITHAQ_PROVIDER_HTTP_POOL_H

#include <event2/event.h>

#include "base/builder.h"
#include "provider/response.h"

#define POOL_CONNECTIONS_MOST 16
#define POOL_WAITING_MOST     4096
#define POOL_ADDRESSES_MOST   8
#define POOL_REQUEST_MOST     (128u << 10)
#define POOL_RESOLVE_AFTER    20 /* connections in a row that could not be made: the name is to be looked up again */

struct pool;

enum pool_end {
	POOL_ANSWERED,	  /* `response` is whole */
	POOL_LATE,	  /* not in time */
	POOL_UNREACHABLE, /* no connection, or it broke off */
	POOL_TOO_MUCH,
	POOL_MALFORMED, /* it is not HTTP */
	POOL_FULL,	/* too many wait */
};

struct pool_call {
	uint64_t      ticket;
	struct buffer request; /* filled by the caller, whole */
	bool	      repeatable;

	/* http_pool.c's own */
	struct pool	 *pool;
	struct pool_call *next;
	struct pool_line *line; /* the connection it is on, or NULL: it waits */
	struct event	 *late;
	bool		  again, tried_all;
	unsigned	  attempts;
	uint64_t	  begun_us;
};

/* Each call ends once, in this function; response, body and cause (one sentence, or NULL) live until it returns. */
struct pool_result {
	enum pool_end	       end;
	const struct response *response; /* POOL_ANSWERED */
	struct bytes	       body;
	const char	      *cause;
	uint64_t	       took_us;
};
typedef void pool_done_fn(void *arg, const struct pool_call *call, const struct pool_result *result);

/* ERR_NETWORK: the host has no address; the fault says so. */
enum err pool_open(struct event_base *base, const char *host, uint16_t port, pool_done_fn *done, void *arg, struct pool **out,
		   struct fault *fault) must_use;
void	 pool_close(struct pool *p); /* accepts NULL; calls under way do not end; memory that held requests is zeroed */

/* A call to be filled, its request empty, or NULL without memory. It goes back to the pool with pool_ask or pool_give_back. */
struct pool_call *pool_call_take(struct pool *p);
void		  pool_give_back(struct pool_call *call);
/* May end the call before it returns. */
void pool_ask(struct pool_call *call, unsigned most_ms);

/* The host's name should be looked up again, which a confined process cannot. */
bool pool_worn(const struct pool *p);

#endif
