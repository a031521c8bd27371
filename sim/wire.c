/*
 * wire.c: what lies between two gateways. It delivers whole frames in order, late or
 * never: a session can end at any frame, on both sides or first on one, and a new
 * one supersedes it, so that nothing of the old is read any more.
 */
#include <stdlib.h>

#include "world.h"

/* ---- sending ---- */

void side_deliver(struct side *to, struct bytes frame)
{
	if (buffer_add(&to->inbox, frame) != ERR_OK)
		abort();
}

/* One bit of the payload is another. */
static void spoiled_deliver(struct side *s, struct bytes frame)
{
	static uint8_t copy[FRAME_HEAD + FRAME_REST_MOST];
	size_t	       bit = FRAME_HEAD * 8 + world_draw(s->world, (frame.n - FRAME_HEAD) * 8);

	memcpy(copy, frame.at, frame.n);
	copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
	side_deliver(s->other, bytes_of(copy, frame.n));
}

static bool is_adopt(struct bytes frame)
{
	static struct entry e;
	struct frame	    f;
	size_t		    used;
	uint16_t	    log;

	return frame_next(frame, &f, &used) == ERR_OK && f.type == FRAME_ENTRY && entry_frame_read(f.payload, &log, &e) == ERR_OK &&
	       e.header.kind == KIND_ADOPT;
}

static bool lost(struct side *s, struct bytes frame)
{
	return s->session == 0 || s->other->session != s->session || s->other->deaf ||
	       (s->world->broken == BREAK_DROP && world_draw(s->world, 40) == 0) || (s->world->broken == BREAK_ADOPT && is_adopt(frame));
}

void wire_send(struct side *s, struct bytes frame)
{
	if (!s->up || lost(s, frame))
		return;
	if (s->world->broken == BREAK_SPOIL && world_draw(s->world, 60) == 0) {
		spoiled_deliver(s, frame);
		return;
	}
	side_deliver(s->other, frame);
	if (s->world->broken == BREAK_TWICE && world_draw(s->world, 40) == 0)
		side_deliver(s->other, frame);
}

/* ---- ends ---- */

/* Unread bytes are discarded; the channel hears of it now. */
static void session_end(struct side *s)
{
	struct channel_event down = {.type = EVENT_DISCONNECTED};
	bool		     was_up = s->up;

	s->inbox.n = s->read = 0;
	s->session = 0;
	s->up = s->greeted = s->heard = s->deaf = s->ended = s->closing = false;
	if (was_up && s->channel != NULL)
		side_step(s, &down);
}

bool side_notice(struct side *s)
{
	if (s->session == 0 || s->gateway->committing || (s->ended && s->read < s->inbox.n) || (!s->ended && s->other->session == s->session))
		return false;
	session_end(s);
	return true;
}

void link_cut(struct side *s)
{
	struct side *first = &s->world->side[s->number & ~1];

	if (!s->world->slow) {
		session_end(first);
		session_end(first->other);
		return;
	}
	/* Who notices first is a matter of which event comes next. */
	for (int i = 0; i < 2; i++) {
		struct side *at = &first[i];

		at->inbox.n = at->read = 0;
		if (at->session != 0)
			at->ended = at->deaf = true;
	}
}

void world_cut(struct world *w)
{
	for (unsigned i = 0; i < w->nsides; i += 2)
		link_cut(&w->side[i]);
}

/* In a slow world the other reads what is under way, and then that nobody is there. */
void side_hang_up(struct side *s)
{
	if (!s->world->slow) {
		link_cut(s);
		return;
	}
	if (s->other->session == s->session && s->session != 0)
		s->other->ended = true;
	session_end(s);
}

/* ---- beginnings ---- */

/* As the gateway shows them: all but the first, as far as they go in. */
static struct bytes cards_show(const struct side *s)
{
	static uint8_t memory[HELLO_CARD_MOST];
	struct builder b = builder_on(memory, sizeof memory);
	unsigned       first = s->own.n;

	for (size_t room = sizeof memory; first > 1 && 4 + s->own.note_size[first - 1] <= room; first--)
		room -= 4 + s->own.note_size[first - 1];
	for (unsigned i = first; i < s->own.n; i++)
		hello_card_add(&b, keyring_note(&s->own, i));
	return builder_bytes(&b);
}

/* This side writes its HELLO, through the real frame. */
static struct bytes hello_write(struct side *s)
{
	static struct hello mine;
	struct builder	    b = builder_on(s->mine_bytes, sizeof s->mine_bytes);

	memset(&mine, 0, sizeof mine);
	mine.protocol_min = mine.protocol_max = PROTOCOL_VERSION;
	mine.card_serial = keyring_card(&s->own)->serial;
	mine.card = cards_show(s);
	mine.session[0] = 1;
	mine.party = bytes_text(s->name);
	if (channel_hello(s->channel, &mine) != ERR_OK)
		world_fault(s->world, "%s cannot say HELLO", s->shown);
	hello_frame_write(&b, &mine);
	if (b.err != ERR_OK)
		world_fault(s->world, "%s's HELLO is larger than the simulator bears", s->shown);
	return builder_bytes(&b);
}

/* What the other said is kept as it came, for as long as the session. */
static bool hello_take(struct side *s, struct bytes payload)
{
	if (payload.n > sizeof s->theirs_bytes)
		return false;
	memcpy(s->theirs_bytes, payload.at, payload.n);
	return hello_frame_read(bytes_of(s->theirs_bytes, payload.n), &s->theirs) == ERR_OK;
}

void side_hear(struct side *s, const struct hello *theirs)
{
	struct channel_event event = {.type = EVENT_HELLO, .hello = theirs};

	if (s->session == 0)
		s->session = s->other->session = ++s->world->sessions;
	struct bytes rows = theirs->card, note;
	while (hello_card_next(&rows, &note) == ERR_OK && note.n > 0)
		side_card_come(s, note);
	s->up = s->greeted = s->heard = true;
	side_step(s, &event);
}

static void both_known(struct side *s)
{
	if (s->greeted && s->heard && !s->up)
		side_hear(s, &s->theirs);
}

static bool is_there(const struct side *s)
{
	return s->channel != NULL || s->gateway->hostile;
}

/* Both ends at once, and nothing of any session before is left. */
static bool link_renew(struct side *s)
{
	if (s->gateway->committing || s->other->gateway->committing)
		return false;
	session_end(s);
	session_end(s->other);
	if (!is_there(s) || !is_there(s->other))
		return false;
	s->session = s->other->session = ++s->world->sessions;
	return true;
}

void link_connect(struct side *s)
{
	struct side *two[] = {&s->world->side[s->number & ~1], &s->world->side[s->number | 1]};
	struct frame f;
	size_t	     used;

	if (!link_renew(two[0]))
		return;
	for (int i = 0; i < 2; i++)
		side_commit(two[i]);
	for (int i = 0; i < 2; i++)
		if (two[i]->channel == NULL || two[i]->session == 0)
			return;
	for (int i = 0; i < 2; i++) {
		if (frame_next(hello_write(two[i]), &f, &used) != ERR_OK || !hello_take(two[1 - i], f.payload))
			world_fault(s->world, "%s cannot say HELLO", two[i]->shown);
		two[i]->greeted = two[1 - i]->heard = true;
	}
	for (int i = 0; i < 2; i++)
		two[i]->up = true;
	world_trace(two[0], "and %s connect", two[1]->shown);
	for (int i = 0; i < 2; i++)
		if (two[i]->up)
			side_hear(two[i], &two[i]->theirs);
}

void world_connect(struct world *w)
{
	for (unsigned i = 0; i < w->nsides; i += 2)
		link_connect(&w->side[i]);
}

void link_dial(struct side *s)
{
	if (link_renew(s))
		world_trace(s, "dials %s", s->other->shown);
}

bool side_greet(struct side *s)
{
	if (s->session == 0 || s->greeted || s->gateway->committing || s->channel == NULL || !s->settled)
		return false;
	struct bytes hello = hello_write(s);
	s->greeted = true;
	world_trace(s, "> HELLO");
	if (s->other->session == s->session && !s->other->deaf)
		side_deliver(s->other, hello);
	both_known(s);
	return true;
}

/* ---- reading ---- */

static void entry_read(struct side *s, struct bytes payload, struct channel_event *event, enum err *err)
{
	static struct entry   e; /* large; one frame is read at a time */
	static struct earlier earlier;

	event->type = EVENT_ENTRY;
	*err = entry_frame_read(payload, &event->entry.log, &e);
	if (*err != ERR_OK)
		return;
	event->entry.entry = &e;
	event->entry.known = e.header.kind == KIND_QUERY && disk_exchange_find(&s->disk, false, e.header.mid) != NULL;
	if (earlier_find(s, event->entry.log, &e.header, &earlier))
		event->entry.earlier = &earlier;
}

static enum err frame_read(struct side *s, const struct frame *f, struct channel_event *event)
{
	static struct get_frame	  get;
	static struct range_frame range;
	enum err		  err = ERR_OK;

	switch (f->type) {
	case FRAME_ENTRY:
		entry_read(s, f->payload, event, &err);
		return err;
	case FRAME_CHECKPOINT:
		event->type = EVENT_CHECKPOINT;
		return checkpoint_frame_read(f->payload, &event->checkpoint);
	case FRAME_RECEIPT:
		event->type = EVENT_RECEIPT;
		return receipt_frame_read(f->payload, &event->receipt);
	case FRAME_CREDIT:
		event->type = EVENT_CREDIT;
		return credit_frame_read(f->payload, &event->credit);
	case FRAME_GET:
		event->type = EVENT_GET;
		event->get = &get;
		return get_frame_read(f->payload, &get);
	case FRAME_RANGE:
		event->type = EVENT_RANGE;
		event->range = &range;
		return range_frame_read(f->payload, &range);
	default:
		return ERR_PROTOCOL;
	}
}

static void frame_act(struct side *s, const struct frame *f)
{
	struct channel_event event = {0};

	if (f->type == FRAME_HELLO && !s->heard && hello_take(s, f->payload)) {
		s->heard = true;
		both_known(s);
		return;
	}
	enum err err = f->type == FRAME_HELLO || !s->up ? ERR_PROTOCOL : frame_read(s, f, &event);
	if (err == ERR_OK)
		side_step(s, &event);
	else if (s->world->broken == BREAK_SPOIL || s->other->gateway->hostile)
		side_hang_up(s);
	else
		world_fault(s->world, "%s was sent a frame it cannot read: %s", s->shown, err_text(err, LANG_EN));
}

bool side_read(struct side *s)
{
	static uint8_t copy[FRAME_HEAD + FRAME_REST_MOST];
	struct frame   f;
	size_t	       used;

	if (s->channel == NULL || s->session == 0 || s->gateway->committing || s->read == s->inbox.n)
		return false;
	if (frame_next(bytes_of(s->inbox.at + s->read, s->inbox.n - s->read), &f, &used) != ERR_OK) {
		if (s->other->gateway->hostile)
			side_hang_up(s);
		else
			world_fault(s->world, "the wire to %s carries no frame", s->shown);
		return false;
	}
	memcpy(copy, s->inbox.at + s->read, used); /* acting may cut the wire and its memory */
	s->read += used;
	if (s->read == s->inbox.n)
		s->inbox.n = s->read = 0;
	f.payload = bytes_of(copy + FRAME_HEAD, used - FRAME_HEAD);
	frame_act(s, &f);
	return true;
}
