/*
 * core_news.c: what applications are told of, written in the turn of what it tells.
 *
 * After the commit the desk and the hook process are told that there is more to read; they
 * read it from the reader, so that the core keeps nothing for anybody.
 */
#include "gateway/core.h"

#define NEWS_LIVE_MS (7ull * 24 * 3600 * 1000)

static void row_add(struct core *c, const struct news_row *row)
{
	uint64_t number;

	if (c->stopped)
		return;
	enum err e = store_news_add(c->store, row, c->now_ms, &number);
	if (e != ERR_OK)
		core_ledger_stopped(c, e, "an event");
	else
		c->news = number;
}

void core_news(struct core *c, enum news_type type, const char *subject)
{
	row_add(c, &(struct news_row){.type = type, .subject = subject});
}

void core_news_place(struct core *c, enum news_type type, int64_t question_log, uint64_t question_index)
{
	row_add(c, &(struct news_row){.type = type, .question_log = question_log, .question_index = question_index});
}

void core_news_mid(struct core *c, enum news_type type, const uint8_t mid[MID_SIZE], bool ours)
{
	struct exchange_row x;

	if (!c->stopped && store_exchange_find(c->store, mid, ours, &x) == ERR_OK)
		core_news_place(c, type, x.question_log, x.question_index);
}

/* ---- agreements: the first time that both sides hold one, and its day has come ---- */

static bool in_force_anywhere(const struct core *c, const struct agreement *a)
{
	if (a->from_day > (int32_t)(c->now_ms / 86400000))
		return false;
	for (unsigned i = 0; i < c->npartners; i++)
		for (unsigned k = 0; k < c->partner[i].nchannels; k++)
			if (agreement_party(a, bytes_text(c->partner[i].name)) >= 0 && channel_in_force(c->partner[i].channel[k].channel, a))
				return true;
	return false;
}

static bool is_told(const struct core *c, const struct hash *id)
{
	for (unsigned i = 0; i < c->nnews_told; i++)
		if (hash_equal(&c->news_told[i], id))
			return true;
	return false;
}

/* Only saves reading the mark again: forgetting it repeats nothing. */
static void told_keep(struct core *c, const struct hash *id)
{
	if (c->nnews_told == PAPERS_AGREEMENTS_MOST)
		c->nnews_told = 0;
	c->news_told[c->nnews_told++] = *id;
}

/* Each start agrees anew; the mark remembers that it was told. */
static void in_force_tell(struct core *c, const struct hash *agreement)
{
	char	 id[2 * HASH_SIZE + 1];
	uint64_t number;
	enum err e = store_mark(c->store, agreement, &number);

	if (e == ERR_NOT_FOUND) {
		hex_write(agreement->b, HASH_SIZE, id);
		core_news(c, NEWS_AGREEMENT_IN_FORCE, id);
		e = c->stopped ? ERR_OK : store_mark_set(c->store, agreement, c->news);
	}
	if (e != ERR_OK)
		core_ledger_stopped(c, e, "an agreement's mark");
	told_keep(c, agreement);
}

static void agreements_look(struct core *c)
{
	for (unsigned i = 0; i < c->papers.nagreements && !c->stopped; i++) {
		const struct agreement *a = c->papers.agreement[i];

		if (!is_told(c, &a->id) && in_force_anywhere(c, a))
			in_force_tell(c, &a->id);
	}
}

/* Once a second. What is forgotten is a turn of its own, or goes with the next. */
void core_news_tick(struct core *c)
{
	if (c->stopped)
		return;
	agreements_look(c);
	if (c->stopped)
		return;
	enum err e = store_news_forget(c->store, c->now_ms - NEWS_LIVE_MS, STORE_NEWS_MOST);
	if (e != ERR_OK)
		core_ledger_stopped(c, e, "forgetting events");
}

/* ---- who is told that there is more ---- */

static void number_send(struct pipe *to, enum message_type type, uint64_t number)
{
	uint8_t	       memory[8];
	struct builder b = builder_on(memory, sizeof memory);

	build_u64(&b, number);
	if (to != NULL && pipe_send(to, (uint8_t)type, builder_bytes(&b), -1) != ERR_OK)
		journal(LEVEL_WARNING, "pipe", "an event could not be announced");
}

void core_news_flush(struct core *c)
{
	if (c->news == c->news_said)
		return;
	c->news_said = c->news;
	number_send(c->desk, DESK_EVENTS, c->news);
	number_send(c->hook, HOOK_EVENTS, c->news);
	if (c->hook != NULL)
		pipe_flush(c->hook);
}

/* ---- the hook process: how far each webhook was told ---- */

static void on_message(void *arg, uint8_t type, struct bytes payload, int fd)
{
	struct core  *c = arg;
	struct cursor cur = cursor_on(payload);
	struct hash   hook;

	if (fd >= 0)
		evutil_closesocket(fd);
	cursor_copy(&cur, hook.b, HASH_SIZE);
	uint64_t number = cursor_u64(&cur);
	if (type != HOOK_TOLD || cursor_end(&cur) != ERR_OK || number > INT64_MAX || c->stopped)
		return;
	core_clock(c);
	enum err e = store_mark_set(c->store, &hook, number);
	if (e != ERR_OK)
		core_ledger_stopped(c, e, "a webhook's mark");
}

static void on_closed(void *arg, enum err why unused_arg)
{
	struct core *c = arg;

	pipe_free(c->hook);
	c->hook = NULL;
}

void core_hook_peer(struct core *c, int fd)
{
	pipe_free(c->hook);
	c->hook = pipe_new(c->process->base, fd, on_message, on_closed, c);
}
