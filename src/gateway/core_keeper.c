/* core_keeper.c: the core's side of the keeper's pipe. Handles are the core's; the keeper answers in order. */
#include <stdlib.h>

#include "gateway/core.h"

static uint32_t handle_new(struct core *c, struct core_channel *ch, struct core_log *log, bool own)
{
	if (c->nhandles == c->room_handles) {
		uint32_t	    room = c->room_handles ? 2 * c->room_handles : 64;
		struct core_handle *more = realloc(c->handle, room * sizeof *more);

		if (more == NULL)
			return NO_HANDLE;
		c->handle = more;
		c->room_handles = room;
	}
	c->handle[c->nhandles] = (struct core_handle){ch, log, own};
	return c->nhandles++;
}

static void keeper_send(struct core *c, enum message_type type, struct bytes payload)
{
	if (c->keeper == NULL || pipe_send(c->keeper, (uint8_t)type, payload, -1) != ERR_OK)
		journal(LEVEL_ERROR, "keeper", "the keeper cannot be reached");
}

static void epoch_ask(struct core *c, struct core_channel *ch, uint32_t handle)
{
	uint8_t	       memory[1024];
	struct builder b = builder_on(memory, sizeof memory);

	if (handle == NO_HANDLE)
		return;
	build_u32(&b, handle);
	build_bytes16(&b, bytes_text(c->process->config->party));
	build_bytes16(&b, bytes_text(ch->partner->name));
	build_bytes16(&b, bytes_text(ch->name));
	keeper_send(c, KEEPER_OPEN, builder_bytes(&b));
}

/* The keeper puts the new epoch in the place of the old one, and signs that one never again. */
void core_keeper_open(struct core *c, struct core_channel *ch)
{
	uint32_t handle = ch->opened->handle;

	ch->opened->handle = NO_HANDLE;
	ch->opened = NULL;
	ch->settled = false;
	c->handle[handle].log = NULL;
	epoch_ask(c, ch, handle);
}

/* A message of a handle and leaves may be long: its memory is the heap's. */
static void leaves_send(struct core *c, enum message_type type, uint32_t handle, const struct hash *leaves, size_t n)
{
	size_t	       room = 8 + n * HASH_SIZE;
	uint8_t	      *memory = malloc(room);
	struct builder b = builder_on(memory, memory ? room : 0);

	build_u32(&b, handle);
	build_u32(&b, (uint32_t)n);
	build_copy(&b, leaves, n * HASH_SIZE);
	if (b.err == ERR_OK)
		keeper_send(c, type, builder_bytes(&b));
	free(memory);
}

void core_keeper_sign(struct core *c, struct core_log *log, const struct hash *leaves, size_t n)
{
	if (log != NULL)
		leaves_send(c, KEEPER_SIGN, log->handle, leaves, n);
}

/* An epoch that the channel forgot was receipted to its end: the keeper may put the next one in its place. */
static uint32_t handle_inherit(struct core *c, struct core_channel *ch, struct core_log *log)
{
	struct channel_log seen;

	for (size_t i = 0; i < ch->nlogs; i++) {
		struct core_log *old = ch->log[i];
		uint32_t	 handle = old->handle;

		if (old->own || old == log || handle == NO_HANDLE || old->nasked > 0 || channel_log_find(ch->channel, false, &old->epoch, &seen))
			continue;
		old->handle = NO_HANDLE;
		c->handle[handle].log = log;
		return handle;
	}
	return handle_new(c, ch, log, false);
}

static enum err origin_text(struct core *c, const struct core_channel *ch, const struct core_log *log, char out[ORIGIN_MOST])
{
	const char   *self = c->process->config->party, *peer = ch->partner->name;
	struct origin o = {.epoch = log->epoch};

	memcpy(o.author, log->own ? self : peer, strlen(log->own ? self : peer));
	memcpy(o.reader, log->own ? peer : self, strlen(log->own ? peer : self));
	memcpy(o.channel, ch->name, strlen(ch->name));
	return origin_write(&o, out);
}

static void follow(struct core *c, struct core_channel *ch, struct core_log *log)
{
	uint8_t	       memory[4096];
	char	       text[ORIGIN_MOST];
	struct builder b = builder_on(memory, sizeof memory);

	log->handle = handle_inherit(c, ch, log);
	if (log->handle == NO_HANDLE || origin_text(c, ch, log, text) != ERR_OK)
		return;
	build_u32(&b, log->handle);
	build_bytes16(&b, bytes_text(text));
	build_u8(&b, log->receipt.size > 0);
	if (log->receipt.size > 0) {
		build_u64(&b, log->receipt.time_s);
		build_copy(&b, log->receipt.sig.b, SIGN_SIZE);
		frontier_write(&b, &log->receipt_frontier);
	}
	keeper_send(c, KEEPER_FOLLOW, builder_bytes(&b));
}

static bool asked_push(struct core_channel *ch, struct core_log *log)
{
	struct channel_log seen;

	if (log->nasked == log->room_asked) {
		size_t		 room = log->room_asked ? 2 * log->room_asked : 2;
		struct frontier *more = realloc(log->asked, room * sizeof *more);

		if (more == NULL)
			return false;
		log->asked = more;
		log->room_asked = room;
	}
	if (!channel_log_find(ch->channel, false, &log->epoch, &seen))
		return false;
	log->asked[log->nasked++] = *seen.frontier;
	return true;
}

void core_keeper_cosign(struct core *c, struct core_channel *ch, struct core_log *log, const struct hash *leaves, size_t n)
{
	if (log == NULL || log->refused)
		return;
	if (log->handle == NO_HANDLE)
		follow(c, ch, log);
	if (log->handle != NO_HANDLE && asked_push(ch, log))
		leaves_send(c, KEEPER_COSIGN, log->handle, leaves, n);
}

/* ---- what the keeper says ---- */

static void opened(struct core *c, struct core_handle *h, uint32_t handle, struct cursor *cur)
{
	struct channel_event event = {.type = EVENT_OPENED};

	cursor_copy(cur, event.opened.b, EPOCH_SIZE);
	if (cursor_end(cur) != ERR_OK || h->channel->opened != NULL)
		return;
	struct core_log *log = core_log_of(c, h->channel, true, &event.opened);
	if (log == NULL)
		return;
	log->handle = handle;
	h->log = log;
	h->channel->opened = log;
	core_step(c, h->channel, &event);
}

/*
 * A key file may be damaged, or another's: what the keeper signs first in each log must
 * verify by our own card, or nothing of it leaves the house.
 */
static void key_is_another(struct core *c, const struct core_handle *h, const char *key)
{
	journal(LEVEL_ERROR, "key", "channel %s with %s: keys/%s.key is not the key on our own card: put the right one back", h->channel->name,
		h->channel->partner->name, key);
	c->stopped = true;
	process_leave(c->process, EXIT_LEDGER_STOPPED); /* and stays down: starting again would not help */
}

static bool signature_proved(struct core *c, const struct core_handle *h, const struct channel_event *event)
{
	const struct public_key *key = card_log_key(c->papers.card[0], h->channel->name);
	struct checkpoint	 at = {.size = event->signature.size, .root = event->signature.root};

	if (!h->log->proved) {
		h->log->proved = key != NULL && origin_text(c, h->channel, h->log, at.origin) == ERR_OK &&
				 checkpoint_verify(key, &at, &event->signature.sig) == ERR_OK;
	}
	if (!h->log->proved)
		key_is_another(c, h, "log");
	return h->log->proved;
}

static bool receipt_proved(struct core *c, const struct core_handle *h, const struct channel_event *event)
{
	const struct public_key *key = card_receipt_key(c->papers.card[0], h->channel->name);
	struct checkpoint	 at = {.size = event->cosigned.size, .root = event->cosigned.root};

	if (!h->log->proved) {
		h->log->proved = key != NULL && origin_text(c, h->channel, h->log, at.origin) == ERR_OK &&
				 receipt_verify(key, &at, event->cosigned.time_s, &event->cosigned.sig) == ERR_OK;
	}
	if (!h->log->proved)
		key_is_another(c, h, "receipt");
	return h->log->proved;
}

static void signature_come(struct core *c, const struct core_handle *h, struct cursor *cur)
{
	struct channel_event event = {.type = EVENT_SIGNED};

	event.signature.size = cursor_u64(cur);
	cursor_copy(cur, event.signature.root.b, HASH_SIZE);
	cursor_copy(cur, event.signature.sig.b, SIGN_SIZE);
	if (cursor_end(cur) == ERR_OK && signature_proved(c, h, &event))
		core_step(c, h->channel, &event);
}

/*
 * Remembers the frontier that belongs to the receipt, so that the keeper's next life
 * can go on from it. False when the receipt says anything else than what was asked
 * for: it must not leave.
 */
static bool receipt_keep(struct core_log *log, const struct channel_event *event)
{
	size_t	    n = 0;
	struct hash root;

	while (n < log->nasked && log->asked[n].size < event->cosigned.size)
		n++;
	if (n == log->nasked || log->asked[n].size != event->cosigned.size)
		return false;
	root = frontier_root(&log->asked[n]);
	if (!hash_equal(&root, &event->cosigned.root))
		return false;
	log->receipt_frontier = log->asked[n];
	log->receipt = (struct receipt_head){.size = event->cosigned.size,
					     .root = event->cosigned.root,
					     .time_s = event->cosigned.time_s,
					     .sig = event->cosigned.sig};
	log->dirty = true;
	log->nasked -= n + 1;
	memmove(log->asked, log->asked + n + 1, log->nasked * sizeof *log->asked);
	return true;
}

/*
 * The leaves that the keeper refused are missing in its tree, so whatever it signed of
 * this log afterwards would be false: the partner gets no more receipts in this life.
 */
static void receipts_end(struct core_log *log)
{
	log->refused = true;
	log->nasked = 0;
}

static void refused(struct core_handle *h, struct cursor *cur)
{
	journal(LEVEL_ERROR, "keeper-refused", "channel %s with %s: %s", h->channel->name, h->channel->partner->name,
		err_text((enum err)cursor_u16(cur), LANG_EN));
	if (!h->own)
		receipts_end(h->log);
}

static void receipt_come(struct core *c, const struct core_handle *h, struct cursor *cur)
{
	struct channel_event event = {.type = EVENT_COSIGNED};

	event.cosigned.epoch = h->log->epoch;
	event.cosigned.size = cursor_u64(cur);
	cursor_copy(cur, event.cosigned.root.b, HASH_SIZE);
	event.cosigned.time_s = cursor_u64(cur);
	cursor_copy(cur, event.cosigned.sig.b, SIGN_SIZE);
	if (cursor_end(cur) != ERR_OK)
		return;
	if (h->log->refused || !receipt_proved(c, h, &event))
		return;
	if (receipt_keep(h->log, &event)) {
		core_step(c, h->channel, &event);
		return;
	}
	journal(LEVEL_ERROR, "keeper", "channel %s with %s: the keeper receipted something else than it was asked for", h->channel->name,
		h->channel->partner->name);
	receipts_end(h->log);
}

static void on_message(void *arg, uint8_t type, struct bytes payload, int fd)
{
	struct core  *c = arg;
	struct cursor cur = cursor_on(payload);
	uint32_t      handle = cursor_u32(&cur);

	if (fd >= 0)
		evutil_closesocket(fd);
	core_clock(c);
	if (handle >= c->nhandles)
		return;
	struct core_handle *h = &c->handle[handle];
	if (type == KEEPER_OPENED && h->own)
		opened(c, h, handle, &cur);
	else if (type == KEEPER_SIGNED && h->own && h->log != NULL)
		signature_come(c, h, &cur);
	else if (type == KEEPER_COSIGNED && !h->own)
		receipt_come(c, h, &cur);
	else if (type == KEEPER_REFUSED)
		refused(h, &cur);
}

/* Its epochs die with it: the parent restarts both of us. */
static void on_closed(void *arg, enum err why unused_arg)
{
	struct core *c = arg;

	journal(LEVEL_WARNING, "keeper", "the keeper is gone: this process leaves with it");
	process_leave(c->process, EXIT_TROUBLE);
}

void core_keeper_peer(struct core *c, int fd)
{
	pipe_free(c->keeper);
	c->keeper = pipe_new(c->process->base, fd, on_message, on_closed, c);
	for (unsigned i = 0; i < c->npartners; i++)
		for (unsigned k = 0; k < c->partner[i].nchannels; k++)
			if (c->partner[i].channel[k].opened == NULL)
				epoch_ask(c, &c->partner[i].channel[k], handle_new(c, &c->partner[i].channel[k], NULL, true));
}
