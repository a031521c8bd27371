/*
 * pipe.h: framed messages between two processes of one gateway.
 *
 *   u32 length of the rest | u8 type | payload
 *
 * over a non-blocking Unix stream socketpair; a message may carry one descriptor.
 * A pipe is owned by its process and freed by pipe_free, which closes its end.
 * Writes are queued and leave when the loop comes round (or at pipe_flush); above
 * PIPE_QUEUE_MOST the pipe is broken and on_closed says so. Callbacks may call
 * pipe_send and pipe_free; a pipe freed in its own callback goes when that returns.
 *
 * A descriptor travels with the first bytes of its message, which then share a
 * sendmsg with no other message; the kernel ends a read behind such bytes, so the
 * message that holds the last byte read is the one the descriptor belongs to.
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
/* Once. ERR_SHORT: the peer is gone; ERR_BUSY: it read too slowly and the queue is full; else it broke the framing. */
typedef void pipe_closed_fn(void *arg, enum err why);

struct pipe *pipe_new(struct event_base *base, int fd, pipe_message_fn *on_message, pipe_closed_fn *on_closed, void *arg);
void	     pipe_free(struct pipe *p); /* accepts NULL */

/* Queues one message; `fd` is -1 or a descriptor that the pipe closes once sent. */
enum err pipe_send(struct pipe *p, uint8_t type, struct bytes payload, int fd);

/* The same with a payload in two pieces, so that a number need not be copied in front of a batch. */
enum err pipe_send_pieces(struct pipe *p, uint8_t type, struct bytes head, struct bytes rest, int fd);

/* Bytes queued and not yet taken by the kernel: what a process looks at to stop reading its own source. */
size_t pipe_queued(const struct pipe *p);

/* Writes what the socket takes now. Called at the end of a turn so that batches leave at once. */
void pipe_flush(struct pipe *p);

/* A CLOEXEC, non-blocking Unix stream pair. */
enum err pipe_pair(int ends[2]) must_use;

#endif
