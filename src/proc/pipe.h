/*
 * pipe.h: framed messages between two processes of one gateway.
 *
 *   u32 length of the rest | u8 type | payload
 *
 * over a non-blocking Unix stream socketpair; a message may carry one descriptor.
 * A pipe is owned by its process and freed by pipe_free, which closes its end.
 * Writes are queued and leave when the loop comes round (or at pipe_flush); above
 * PIPE_QUEUE_MOST the pipe is broken and on_closed says so. Callbacks may call
 * pipe_send but not pipe_free.
 */
#ifndef MITHAQ_PROC_PIPE_H
#define MITHAQ_PROC_PIPE_H

#include <event2/event.h>

#include "base/builder.h"
#include "base/cursor.h"

#define PIPE_MESSAGE_MOST (4u << 20)
#define PIPE_QUEUE_MOST	  (64u << 20)

struct pipe;

/* `payload` lives until the callback returns; `fd` is -1 or a descriptor that the callee now owns. */
typedef void pipe_message_fn(void *arg, uint8_t type, struct bytes payload, int fd);
typedef void pipe_closed_fn(void *arg, enum err why); /* once; the peer is gone or broke the framing */

struct pipe *pipe_new(struct event_base *base, int fd, pipe_message_fn *on_message, pipe_closed_fn *on_closed, void *arg);
void	     pipe_free(struct pipe *p); /* accepts NULL */

/* Queues one message; `fd` is -1 or a descriptor that the pipe closes once sent. */
enum err pipe_send(struct pipe *p, uint8_t type, struct bytes payload, int fd);

/* Writes what the socket takes now. Called at the end of a turn so that batches leave at once. */
void pipe_flush(struct pipe *p);

/* A CLOEXEC, non-blocking Unix stream pair. */
enum err pipe_pair(int ends[2]) must_use;

#endif
