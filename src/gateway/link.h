/*
 * link.h: the process that holds one partner's sockets and the TLS key. Private to link*.c.
 *
 * It dials, listens or both, lets in only the partner's pinned certificate, cuts
 * the stream into frames, answers PING, and passes whole frames to the core in the
 * batches in which they came. It knows no agreement and no log.
 *
 *	link.c		the process: its pipe to the core, its turn, its end
 *	link_open.c	before the promise: keys, cards, addresses, the listening socket
 *	link_dial.c	when and where to dial, and what is said of failures
 *	link_session.c	connections, from the handshake through frames to CLOSE
 *
 *	DIALLING ---> GREETING ---> UP ---> CLOSING ---> gone        we dialled
 *	ACCEPTED ----------------> UP ---> CLOSING ---> gone        they did
 *
 * GREETING is there because in TLS 1.3 the dialling side finishes first: its PING
 * must be answered, or the other side say something, before the session counts.
 * At most one connection is UP; its number is the session's for the core.
 *
 * The link owns its connections; a connection is freed when it ends, which any
 * function that closes or fails it may do at once.
 */
#ifndef MITHAQ_GATEWAY_LINK_H
#define MITHAQ_GATEWAY_LINK_H

#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/listener.h>

#include "gateway/process.h"
#include "net/link_tls.h"
#include "wire/session.h"

#define LINK_ADDRESSES_MOST 8

enum connection_state {
	CONNECTION_DIALLING,
	CONNECTION_ACCEPTED,
	CONNECTION_GREETING,
	CONNECTION_UP,
	CONNECTION_CLOSING,
};

struct link;

struct connection {
	struct connection    *next;
	struct link	     *link;
	struct bufferevent   *socket;
	enum connection_state state;
	bool		      dialled, paused;
	uint32_t	      number; /* of the session; 0 before it is up */
	uint64_t	      since_ms, heard_ms, pinged_ms;
	uint64_t	      ping_nonce, ping_wall_ms; /* of the PING that has had no PONG; 0: none */
	char		      farewell[LINK_WHY_MOST];	/* what the partner's CLOSE said */
	bool		      comes_back;		/* ... and it was CLOSE_RESTART */
};

struct address {
	struct sockaddr_storage at;
	socklen_t		n;
};

struct link {
	struct process		    *process;
	const struct config_partner *partner;
	struct link_tls		    *tls;
	struct pipe		    *core;
	struct evconnlistener	    *listener;
	struct event		    *dial, *tick, *stop;
	struct connection	    *connections; /* newest first */
	struct connection	    *up;	  /* one of them, or NULL */
	bool			     we_are_first, stopping;
	uint32_t		     sessions;
	unsigned		     wait_ms, failures;
	unsigned		     naddresses, address;
	struct address		     addresses[LINK_ADDRESSES_MOST];
	uint16_t		     port; /* the partner's, 0 when we do not dial */
	bool			     host_is_name;
	char			     unresolved[LINK_WHY_MOST];
	char			     said[LINK_WHY_MOST]; /* the last failure journalled */
	uint64_t		     said_ms;
	uint64_t		     hurried_ms; /* when a partner that said it comes back was dialled at once */
};

/* link.c: words to the core. Without a core they are lost. */
void link_tell_up(struct link *l, const struct connection *c);
void link_tell_down(struct link *l, uint32_t number, const char *why);
void link_tell_state(struct link *l, const char *why);
void link_tell_skew(struct link *l, uint32_t number, int32_t ms); /* the partner's clock is so far ahead */
void link_pass(struct connection *c, struct bytes frames);	  /* a run of whole frames, unchanged */
void link_stop_due(evutil_socket_t fd, short what, void *arg);

/* link_open.c: the last that is done with files and names. What is open after a failure is the caller's to free. */
enum err link_open(struct link *l) must_use;

/* link_dial.c */
void link_timer_set(struct event *timer, unsigned ms);
void link_dial_again(struct link *l);					 /* the partner said that it comes back */
void link_dial_later(struct link *l);					 /* after a wait that doubles each time */
void link_attempt_failed(struct link *l, bool dialled, const char *why); /* says it, and dials again later */
void link_dial_due(evutil_socket_t fd, short what, void *arg);

/* link_session.c; the events take the link as their argument, as those above do */
uint64_t	   link_now_ms(void);
struct connection *connection_new(struct link *l, struct bufferevent *socket, bool dialled); /* takes the socket, also when it fails */
void		   connection_down(struct connection *c, const char *why);		     /* the session is no more, for the core */
void		   connection_drain(struct connection *c);				     /* what is queued leaves, then it ends */
void		   connection_failed(struct connection *c, const char *why);
void		   connection_forget(struct connection *c);
void		   link_pins_changed(struct link *l); /* ends what no pin lets in any more */
void		   link_close_all(struct link *l, enum close_code code, const char *text);
void		   link_came_in(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from, int n, void *arg);
void		   link_tick_due(evutil_socket_t fd, short what, void *arg);

#endif
