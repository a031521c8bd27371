/*
 * desk_return.c: callers outlive core and reader.
 *
 * A core that is replaced says DESK_LEAVING: what it took it has answered, at least with
 * `accepted`; what has had no answer it never took. So until its successor is there
 * (DESK_AWAIT_MS at most) callers are kept: questions that are accepted wait for their end at the
 * reader, as GET with ?wait does; all else is asked again, in the same words. A core that ends
 * without that word has perhaps taken what it did not answer: those callers are told so.
 *
 * A reader writes nothing, so what is asked of it may always be asked again, once.
 */
#include <stdlib.h>

#include "gateway/desk.h"

/* ---- what was asked of the core ---- */

static struct kept *kept_of(struct desk *d, const struct pending *p)
{
	return &d->kept[p->ticket & (DESK_PENDING_MOST - 1u)];
}

static bool is_awaited(uint64_t until_ms)
{
	return until_ms != 0 && desk_clock_ms() < until_ms;
}

bool desk_core_there(const struct desk *d)
{
	return d->core_up || is_awaited(d->core_until_ms);
}

bool desk_reader_there(const struct desk *d)
{
	return d->reader_up || is_awaited(d->reader_until_ms);
}

/* Without a core it waits for the next one. */
enum err desk_core_send(struct desk *d, const struct pending *p, uint8_t type, struct bytes payload)
{
	struct kept *kept = kept_of(d, p);

	kept->type = type;
	kept->message.n = 0;
	kept->message.most = PIPE_MESSAGE_MOST;
	enum err e = buffer_add(&kept->message, payload);
	if (e != ERR_OK)
		return e;
	if (!d->core_up)
		return desk_core_there(d) ? ERR_OK : ERR_BUSY;
	return pipe_send(d->core, type, payload, -1);
}

void desk_kept_forget(struct desk *d, const struct pending *p)
{
	struct kept *kept = kept_of(d, p);

	kept->message.n = 0;
	if (kept->message.room > DESK_KEPT_MOST)
		buffer_done(&kept->message);
}

/* ---- the core ---- */

/* Both of one exchange's ends are in the ledger or will be: the reader shows them. */
static void accepted_wait(struct pending *p)
{
	p->asked = ASKED_SHOW;
	p->waits = p->parked = true;
	p->asked_ms = desk_clock_ms();
}

void desk_on_leaving(struct desk *d, struct bytes payload unused_arg)
{
	d->core_up = false;
	d->core_until_ms = desk_clock_ms() + DESK_AWAIT_MS;
	for (unsigned i = 0; i < d->nactive; i++) {
		struct pending *p = &d->pending[d->active[i]];

		if (p->asked == ASKED_QUERY && p->accepted)
			accepted_wait(p);
	}
	(void)pipe_send(d->core, DESK_LEFT, BYTES_NONE, -1);
	pipe_flush(d->core);
}

void desk_core_gone(struct desk *d)
{
	if (d->core_up || !is_awaited(d->core_until_ms))
		pending_lost(d, ROLE_CORE);
	d->core_up = false;
}

void desk_core_back(struct desk *d)
{
	d->core_until_ms = 0;
	for (unsigned i = 0; i < d->nactive; i++) {
		struct pending	  *p = &d->pending[d->active[i]];
		const struct kept *kept = kept_of(d, p);

		if (pending_needs(p, ROLE_CORE) && kept->message.n > 0 && pipe_send(d->core, kept->type, buffer_bytes(&kept->message), -1) != ERR_OK)
			p->deadline_ms = desk_clock_ms(); /* the tick gives up */
	}
}

/* ---- the reader ---- */

enum err desk_reader_send(struct desk *d, struct pending *p, uint8_t type)
{
	uint8_t	       memory[4 + MID_SIZE];
	struct builder b = builder_on(memory, sizeof memory);

	p->of_reader = type;
	build_u32(&b, p->ticket);
	if (type != READER_STATUS && type != READER_METRICS)
		build_copy(&b, p->mid, MID_SIZE);
	if (!d->reader_up)
		return desk_reader_there(d) ? ERR_OK : ERR_BUSY;
	return pipe_send(d->reader, type, builder_bytes(&b), -1);
}

/* What cost two readers their life is not asked of a third. */
void desk_reader_gone(struct desk *d)
{
	if (!d->reader_up)
		return;
	d->reader_up = false;
	d->reader_until_ms = desk_clock_ms() + DESK_AWAIT_MS;
	for (unsigned i = d->nactive; i-- > 0;) {
		struct pending *p = &d->pending[d->active[i]];

		if (i >= d->nactive || !pending_needs(p, ROLE_READER) || p->parked)
			continue;
		if (p->again)
			pending_give_up(d, p, "busy");
		else
			p->again = true;
	}
}

void desk_reader_back(struct desk *d)
{
	d->reader_until_ms = 0;
	for (unsigned i = 0; i < d->nactive; i++) {
		struct pending *p = &d->pending[d->active[i]];

		if (pending_needs(p, ROLE_READER) && !p->parked && desk_reader_send(d, p, p->of_reader) != ERR_OK)
			p->deadline_ms = desk_clock_ms();
	}
}

/* Patience with processes has an end too. */
void desk_return_tick(struct desk *d, uint64_t now)
{
	if (d->core_until_ms != 0 && now >= d->core_until_ms) {
		d->core_until_ms = 0;
		pending_lost(d, ROLE_CORE);
	}
	if (d->reader_until_ms != 0 && now >= d->reader_until_ms) {
		d->reader_until_ms = 0;
		pending_lost(d, ROLE_READER);
	}
}

/* ---- papers, from a reader that read them at its start ---- */

void desk_on_paper(struct desk *d, struct bytes payload)
{
	struct cursor c = cursor_on(payload);
	uint8_t	      kind = cursor_u8(&c);

	if (d->coming == NULL)
		d->coming = calloc(1, sizeof *d->coming);
	if (d->coming == NULL || d->coming_err != ERR_OK)
		return;
	d->coming_err = papers_note_take(d->coming, (enum paper)kind, cursor_rest(&c));
}

/* Nobody's question loses its agreement, unless it is no longer in force here. */
static void papers_swap(struct desk *d)
{
	for (unsigned i = 0; i < d->nactive; i++) {
		struct pending *p = &d->pending[d->active[i]];

		if (p->agreement != NULL)
			p->agreement = papers_agreement(d->coming, &p->agreement->id);
	}
	papers_done(&d->papers);
	d->papers = *d->coming;
	*d->coming = (struct papers){.ncards = 0};
}

void desk_papers_forget(struct desk *d)
{
	if (d->coming != NULL)
		papers_done(d->coming);
	free(d->coming);
	d->coming = NULL;
	d->coming_err = ERR_OK;
}

void desk_on_papers(struct desk *d, struct bytes payload unused_arg)
{
	if (d->coming != NULL && d->coming_err == ERR_OK && d->coming->ncards > 0)
		papers_swap(d);
	else
		journal(LEVEL_ERROR, "papers", "the reader's papers do not read: %s; those before them stay", err_text(d->coming_err, LANG_EN));
	desk_papers_forget(d);
}
