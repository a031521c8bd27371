/* hook.c: the places of webhooks, what the reader shows, what the core keeps. */
#include "gateway/hook.h"

#include <stdlib.h>
#include <unistd.h>

#define SAVE_MS	      250  /* what a webhook took is told to the core at most so often */
#define READ_AGAIN_MS 1000 /* after the reader could not read */

void hook_timer_set(struct event *timer, unsigned ms)
{
	struct timeval wait = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};

	(void)evtimer_add(timer, &wait);
}

/* ---- the core keeps how far each was told ---- */

void hook_save_due(evutil_socket_t fd unused_arg, short what unused_arg, void *arg)
{
	struct hook   *h = arg;
	uint8_t	       memory[HASH_SIZE + 8];
	struct builder b = builder_on(memory, sizeof memory);

	if (!h->known || h->saved == h->told || h->all->core == NULL)
		return;
	build_copy(&b, h->name.b, HASH_SIZE);
	build_u64(&b, h->told);
	if (pipe_send(h->all->core, HOOK_TOLD, builder_bytes(&b), -1) == ERR_OK)
		h->saved = h->told;
}

static void save_soon(struct hook *h)
{
	if (h->known && h->saved != h->told && !evtimer_pending(h->save, NULL))
		hook_timer_set(h->save, SAVE_MS);
}

/* ---- the reader shows what there is ---- */

static void ask(struct hook *h, uint8_t type, struct bytes rest)
{
	uint8_t	       memory[64];
	struct builder b = builder_on(memory, sizeof memory);

	build_u32(&b, h->number);
	build_bytes(&b, rest);
	h->asked = h->all->reader != NULL && pipe_send(h->all->reader, type, builder_bytes(&b), -1) == ERR_OK;
}

static void events_ask(struct hook *h, uint64_t after)
{
	uint8_t	       memory[12];
	struct builder b = builder_on(memory, sizeof memory);

	build_u64(&b, after);
	build_u32(&b, h->types);
	h->asked_newest = h->all->newest;
	ask(h, READER_EVENTS, builder_bytes(&b));
}

void hook_turn(struct hook *h)
{
	save_soon(h);
	if (h->sending || h->asked || evtimer_pending(h->again, NULL))
		return;
	if (h->at < h->n)
		hook_post(h);
	else if (!h->known)
		ask(h, READER_MARK, bytes_of(h->name.b, HASH_SIZE));
	else if (h->fresh || h->looked != h->all->newest)
		events_ask(h, h->read);
}

static void place_take(struct hook *h, uint64_t number)
{
	h->known = true;
	h->told = h->read = number;
	h->saved = NEWS_NOW; /* also a place before all events is kept */
}

/* One that was never told anything begins with what happens from now on. */
static enum err mark_come(struct hook *h, struct cursor *c)
{
	bool	 found = piped_bool_read(c);
	uint64_t number = cursor_u64(c);
	enum err e = cursor_end(c);

	if (e != ERR_OK || number > INT64_MAX)
		return ERR_MALFORMED;
	if (found)
		place_take(h, number);
	else
		events_ask(h, NEWS_NOW);
	return ERR_OK;
}

static enum err events_come(struct hook *h, struct cursor *c)
{
	uint64_t next = cursor_u64(c);
	bool	 more = piped_bool_read(c);
	uint16_t n = cursor_u16(c);

	if (n > READER_EVENTS_MOST || next > INT64_MAX)
		return ERR_MALFORMED;
	for (unsigned i = 0; i < n; i++)
		if (news_read(c, &h->queue[i]) != ERR_OK)
			return ERR_MALFORMED;
	if (cursor_end(c) != ERR_OK)
		return ERR_MALFORMED;
	if (!h->known) {
		place_take(h, next);
		return ERR_OK;
	}
	h->n = n;
	h->at = 0;
	h->read = next;
	h->fresh = more;
	h->looked = h->asked_newest;
	if (n == 0)
		h->told = next; /* what there was is not for this one */
	return ERR_OK;
}

static void answer_come(struct hook *h, uint8_t type, struct cursor *c)
{
	enum err e = ERR_OK;

	h->asked = false;
	if (type == READER_MARK_IS)
		e = mark_come(h, c);
	else if (type == READER_EVENTS_ARE)
		e = events_come(h, c);
	else
		hook_timer_set(h->again, READ_AGAIN_MS);
	if (e != ERR_OK) {
		journal(LEVEL_ERROR, "pipe", "what the reader says does not read");
		h->n = h->at = 0;
		hook_timer_set(h->again, READ_AGAIN_MS);
	}
	hook_turn(h);
}

static void reader_message(void *arg, uint8_t type, struct bytes payload, int fd)
{
	struct hooks *all = arg;
	struct cursor c = cursor_on(payload);
	uint32_t      number = cursor_u32(&c);

	if (fd >= 0)
		close(fd);
	if (number < all->n && all->hook[number].asked)
		answer_come(&all->hook[number], type, &c);
}

static void reader_closed(void *arg, enum err why unused_arg)
{
	struct hooks *all = arg;

	pipe_free(all->reader);
	all->reader = NULL;
}

/* ---- the core says that there is more ---- */

static void all_turn(struct hooks *all)
{
	for (unsigned i = 0; i < all->n; i++)
		hook_turn(&all->hook[i]);
}

static void core_message(void *arg, uint8_t type, struct bytes payload, int fd)
{
	struct hooks *all = arg;
	struct cursor c = cursor_on(payload);

	if (fd >= 0)
		close(fd);
	if (type != HOOK_EVENTS)
		return;
	all->newest = cursor_u64(&c);
	all_turn(all);
}

static void core_closed(void *arg, enum err why unused_arg)
{
	struct hooks *all = arg;

	pipe_free(all->core);
	all->core = NULL;
}

/* A fresh core may have written before anybody could be told, and does not know what was said to the one before it. */
static void hook_peer(struct process *p, enum role role, unsigned which unused_arg, int fd)
{
	struct hooks *all = p->self;

	if (role == ROLE_CORE) {
		pipe_free(all->core);
		all->core = pipe_new(p->base, fd, core_message, core_closed, all);
	} else if (role == ROLE_READER) {
		pipe_free(all->reader);
		all->reader = pipe_new(p->base, fd, reader_message, reader_closed, all);
	} else {
		close(fd);
		return;
	}
	for (unsigned i = 0; i < all->n; i++) {
		struct hook *h = &all->hook[i];

		h->fresh = true;
		h->asked = h->asked && role != ROLE_READER;
		h->saved = role == ROLE_CORE ? NEWS_NOW : h->saved;
	}
	all_turn(all);
}

/* ---- the life of the process ---- */

static int serve(struct hooks *all)
{
	struct process *p = all->process;

	if (hooks_open(all) != ERR_OK)
		return EXIT_SETUP;
	p->self = all;
	p->on_peer = hook_peer;
	p->ports = all->ports;
	return process_run(p, PROMISE_STDIO | PROMISE_INET, NULL);
}

int hook_main(struct process *p)
{
	struct hooks all = {.process = p};
	int	     code = serve(&all);

	pipe_free(all.core);
	pipe_free(all.reader);
	hooks_done(&all);
	return code;
}
