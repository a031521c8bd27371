/*
 * core_held.c: questions of our applications that cannot be asked in this moment, and can in the next.
 *
 * A partner whose gateway starts again (CLOSE_RESTART), and every partner while this
 * core itself is young, is awaited for CORE_AWAIT_MS: a question to it waits here until
 * its session is up and has shown what is in force, instead of failing. It is not
 * taken: nothing of it is written, and a core that leaves forgets it, for the desk has it still.
 */
#include <stdlib.h>

#include "gateway/core.h"

struct held {
	const struct core_channel *channel;
	const struct agreement	  *agreement;
	uint8_t			  *payload; /* struct ask as the desk sent it */
	size_t			   n;
};

struct core_held {
	unsigned    n;
	size_t	    bytes;
	struct held at[CORE_HELD_MOST];
};

void core_await(struct core_partner *p)
{
	p->awaited_until_ms = p->core->now_ms + CORE_AWAIT_MS;
}

static bool hello_names(const struct hello *h, const struct hash *agreement)
{
	for (unsigned i = 0; i < h->nagreements; i++)
		if (hash_equal(&h->agreement[i], agreement))
			return true;
	return false;
}

/* Would a little patience help? What a session that is up does not have will not come by waiting. */
static bool is_awaited(const struct core_channel *ch, const struct agreement *a)
{
	const struct core_partner *p = ch->partner;

	if (p->core->now_ms >= p->awaited_until_ms || channel_can_ask(ch->channel, a))
		return false;
	return !p->up || p->closing || !p->hello_done || hello_names(p->theirs, &a->id);
}

bool core_hold(struct core *c, const struct core_channel *ch, const struct agreement *a, struct bytes payload)
{
	if (!is_awaited(ch, a))
		return false;
	if (c->held == NULL)
		c->held = calloc(1, sizeof *c->held);
	if (c->held == NULL || c->held->n == CORE_HELD_MOST || c->held->bytes + payload.n > CORE_HELD_BYTES_MOST)
		return false;
	uint8_t *copy = malloc(payload.n);
	if (copy == NULL)
		return false;
	memcpy(copy, payload.at, payload.n);
	c->held->at[c->held->n++] = (struct held){ch, a, copy, payload.n};
	c->held->bytes += payload.n;
	return true;
}

/* Those whose time has come, in the order in which they came; each may make the next one wait on. */
void core_held_try(struct core *c)
{
	unsigned kept = 0, n = c->held != NULL ? c->held->n : 0;

	for (unsigned i = 0; i < n; i++) {
		struct held h = c->held->at[i];

		if (c->stopping || is_awaited(h.channel, h.agreement)) {
			c->held->at[kept++] = h;
			continue;
		}
		c->held->bytes -= h.n;
		core_desk_ask(c, bytes_of(h.payload, h.n), false);
		free(h.payload);
	}
	if (n > 0)
		c->held->n = kept;
}

void core_held_done(struct core *c)
{
	for (unsigned i = 0; c->held != NULL && i < c->held->n; i++)
		free(c->held->at[i].payload);
	free(c->held);
}
