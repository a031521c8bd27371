/* core_session.c: the session with a partner: HELLO, then frames to the channel that each is for. */
#include <stdlib.h>

#include "crypto/random.h"
#include "gateway/core.h"
#include "wire/paper.h"

/* ---- ending ---- */

/* A partner or its link wrote this, and people read it in JSON and in journals: one line of text, cut between characters. */
static void cause_set(struct core_partner *p, struct bytes why)
{
	size_t n = why.n < sizeof p->cause - 1 ? why.n : sizeof p->cause - 1;

	while (n > 0 && n < why.n && (why.at[n] & 0xc0) == 0x80)
		n--;
	if (text_check(bytes_of(why.at, n), TEXT_LINE) != ERR_OK)
		n = 0;
	if (n > 0)
		memcpy(p->cause, why.at, n);
	p->cause[n] = '\0';
}

static void session_end(struct core_partner *p, struct bytes why)
{
	struct channel_event down = {.type = EVENT_DISCONNECTED};
	bool		     was_up = p->up;

	if (p->up && p->hello_sent && p->hello_done)
		core_news(p->core, NEWS_PARTNER_DOWN, p->name);
	p->up = p->hello_sent = p->hello_done = p->skew_known = false;
	p->papers = p->refused = 0;
	p->out.n = 0;
	cause_set(p, why);
	if (!was_up)
		return;
	p->since_ms = p->core->now_ms;
	for (unsigned i = 0; i < p->nchannels; i++)
		core_step(p->core, &p->channel[i], &down);
}

void core_session_close(struct core_partner *p, uint16_t code, const char *text)
{
	uint8_t		   memory[1024];
	struct builder	   b = builder_on(memory, sizeof memory);
	struct close_frame f = {.code = code, .text = bytes_text(text)};
	enum level	   level = code == CLOSE_NORMAL || code == CLOSE_RESTART ? LEVEL_INFO : LEVEL_WARNING;

	if (!p->up || p->closing)
		return;
	journal(level, "session-closed", "the session with %s ends: %s", p->name, text);
	p->closing = true;
	if (code == CLOSE_RESTART)
		core_await(p);
	close_frame_write(&b, &f);
	if (buffer_add(&p->out, builder_bytes(&b)) == ERR_OK)
		core_out_flush(p);
	b = builder_on(memory, sizeof memory);
	build_u32(&b, p->session);
	build_bytes16(&b, bytes_text(text));
	if (p->link != NULL && pipe_send(p->link, LINK_CLOSE, builder_bytes(&b), -1) != ERR_OK)
		journal(LEVEL_WARNING, "link", "the link of %s cannot be reached", p->name);
}

bool core_connected(const struct core_partner *p)
{
	return p->up && p->hello_done && !p->closing;
}

/* ---- HELLO ---- */

#define HELLO_FRAME_MOST FRAME_REST_MOST

static bool all_settled(const struct core_partner *p)
{
	for (unsigned i = 0; i < p->nchannels; i++)
		if (!p->channel[i].settled)
			return false;
	return true;
}

static enum err hello_fill(struct core_partner *p)
{
	const struct papers *papers = &p->core->papers;
	struct hello	    *h = p->mine;

	memset(h, 0, sizeof *h);
	h->protocol_min = h->protocol_max = PROTOCOL_VERSION;
	random_bytes(h->session, sizeof h->session);
	h->party = bytes_text(p->core->process->config->party);
	h->card_serial = papers->card[0]->serial;
	h->card = core_hello_cards(p->core);
	for (unsigned i = 0; i < papers->nagreements && h->nagreements < HELLO_AGREEMENTS_MOST; i++)
		if (agreement_party(papers->agreement[i], bytes_text(p->name)) >= 0)
			h->agreement[h->nagreements++] = papers->agreement[i]->id;
	for (unsigned i = 0; i < p->nchannels; i++) {
		unsigned before = h->nown;
		enum err e = channel_hello(p->channel[i].channel, h);

		if (e != ERR_OK)
			return e;
		for (unsigned k = before; k < h->nown; k++)
			p->by_own[k] = &p->channel[i];
	}
	return ERR_OK;
}

static void both_known(struct core_partner *p)
{
	struct channel_event event = {.type = EVENT_HELLO, .hello = p->theirs};

	if (!p->hello_sent || !p->hello_done)
		return;
	p->since_ms = p->core->now_ms;
	core_news(p->core, NEWS_PARTNER_UP, p->name);
	journal(LEVEL_INFO, "session", "session with %s: %u agreements there, %u here", p->name, p->theirs->nagreements, p->mine->nagreements);
	for (unsigned i = 0; i < p->nchannels && !p->closing; i++)
		core_step(p->core, &p->channel[i], &event);
	if (!p->closing)
		core_pairing_say(p);
}

void core_hello_try(struct core_partner *p)
{
	if (!p->up || p->hello_sent || p->closing || !all_settled(p))
		return;
	uint8_t	      *memory = malloc(HELLO_FRAME_MOST + FRAME_HEAD);
	struct builder b = builder_on(memory, memory ? HELLO_FRAME_MOST + FRAME_HEAD : 0);

	if (hello_fill(p) == ERR_OK)
		hello_frame_write(&b, p->mine);
	if (b.err == ERR_OK && b.n > 0 && buffer_add(&p->out, builder_bytes(&b)) == ERR_OK) {
		p->hello_sent = true;
		both_known(p);
	}
	free(memory);
}

/* The channel that a log of theirs belongs to, by the channel's name in its origin. */
static struct core_channel *channel_of(struct core_partner *p, struct bytes origin)
{
	struct origin o;

	if (origin_read(origin, &o) != ERR_OK || strcmp(o.author, p->name) != 0)
		return NULL;
	for (unsigned i = 0; i < p->nchannels; i++)
		if (strcmp(p->channel[i].name, o.channel) == 0)
			return &p->channel[i];
	return NULL; /* of an agreement not held here: no credit is given, nothing is read */
}

static void hello_come(struct core_partner *p, struct bytes payload)
{
	if (p->hello_done || payload.n > FRAME_REST_MOST) {
		core_session_close(p, CLOSE_PROTOCOL, "HELLO comes once");
		return;
	}
	memcpy(p->theirs_bytes, payload.at, payload.n);
	enum err e = hello_frame_read(bytes_of(p->theirs_bytes, payload.n), p->theirs);
	if (e != ERR_OK || !bytes_is(p->theirs->party, p->name)) {
		core_session_close(p, CLOSE_PROTOCOL, e ? "HELLO is malformed" : "HELLO names another party than the certificate's card");
		return;
	}
	if (p->theirs->protocol_min > PROTOCOL_VERSION || p->theirs->protocol_max < PROTOCOL_VERSION) {
		core_session_close(p, CLOSE_VERSION, "no protocol version in common");
		return;
	}
	if (!core_hello_card(p))
		return;
	memset(p->by_peer, 0, sizeof p->by_peer);
	for (unsigned i = 0; i < p->theirs->nown; i++)
		p->by_peer[i] = channel_of(p, p->theirs->own[i].origin);
	p->hello_done = true;
	both_known(p);
}

/* ---- frames ---- */

static struct core_channel *by_peer(struct core_partner *p, uint16_t log)
{
	return log < p->theirs->nown ? p->by_peer[log] : NULL;
}

static struct core_channel *by_own(struct core_partner *p, uint16_t log)
{
	return log < p->mine->nown ? p->by_own[log] : NULL;
}

static bool mid_known(struct core *c, const struct header *h)
{
	return h->kind == KIND_QUERY && store_exchange_known(c->store, h->mid, false) == ERR_OK;
}

static enum err entry_come(struct core_partner *p, struct bytes payload)
{
	static struct entry  entry; /* large; one frame is read at a time */
	struct earlier	     earlier;
	struct channel_event event = {.type = EVENT_ENTRY};
	enum err	     e = entry_frame_read(payload, &event.entry.log, &entry);

	if (e != ERR_OK)
		return e;
	struct core_channel *ch = by_peer(p, event.entry.log);
	if (ch == NULL)
		return ERR_PROTOCOL;
	event.entry.entry = &entry;
	event.entry.known = mid_known(p->core, &entry.header);
	event.entry.earlier = core_earlier(p->core, ch, p->theirs->own[event.entry.log].origin, &entry.header, &earlier);
	core_step(p->core, ch, &event);
	return ERR_OK;
}

static enum err checkpoint_come(struct core_partner *p, struct bytes payload)
{
	struct channel_event event = {.type = EVENT_CHECKPOINT};
	enum err	     e = checkpoint_frame_read(payload, &event.checkpoint);
	struct core_channel *ch = e ? NULL : by_peer(p, event.checkpoint.log);

	if (ch != NULL)
		core_step(p->core, ch, &event);
	return e ? e : ch ? ERR_OK : ERR_PROTOCOL;
}

static enum err receipt_come(struct core_partner *p, struct bytes payload)
{
	struct channel_event event = {.type = EVENT_RECEIPT};
	enum err	     e = receipt_frame_read(payload, &event.receipt);
	struct core_channel *ch = e ? NULL : by_own(p, event.receipt.log);

	if (ch != NULL)
		core_step(p->core, ch, &event);
	return e ? e : ch ? ERR_OK : ERR_PROTOCOL;
}

static enum err credit_come(struct core_partner *p, struct bytes payload)
{
	struct channel_event event = {.type = EVENT_CREDIT};
	enum err	     e = credit_frame_read(payload, &event.credit);
	struct core_channel *ch = e ? NULL : by_own(p, event.credit.log);

	if (ch != NULL)
		core_step(p->core, ch, &event);
	return e ? e : ch ? ERR_OK : ERR_PROTOCOL;
}

/* The channel that a GET or RANGE is about: either party's logs of it have its name. */
static struct core_channel *by_origin(struct core_partner *p, struct bytes origin)
{
	struct origin o;

	for (unsigned i = 0; origin_read(origin, &o) == ERR_OK && i < p->nchannels; i++)
		if (strcmp(p->channel[i].name, o.channel) == 0)
			return &p->channel[i];
	return NULL;
}

static enum err get_come(struct core_partner *p, struct bytes payload)
{
	struct get_frame     f;
	struct channel_event event = {.type = EVENT_GET, .get = &f};
	enum err	     e = get_frame_read(payload, &f);
	struct core_channel *ch = e ? NULL : by_origin(p, f.origin);

	if (ch != NULL)
		core_step(p->core, ch, &event);
	return e ? e : ch ? ERR_OK : ERR_PROTOCOL;
}

static enum err range_come(struct core_partner *p, struct bytes payload)
{
	struct range_frame   f;
	struct channel_event event = {.type = EVENT_RANGE, .range = &f};
	enum err	     e = range_frame_read(payload, &f);
	struct core_channel *ch = e ? NULL : by_origin(p, f.origin);

	if (ch != NULL)
		core_step(p->core, ch, &event);
	return e ? e : ch ? ERR_OK : ERR_PROTOCOL;
}

static enum err ack_come(struct core_partner *p unused_arg, struct bytes payload)
{
	struct ack_frame f;

	return ack_frame_read(payload, &f); /* unsigned: nothing stored depends on it */
}

/* The text goes to the journal of this side: printable bytes only. */
static void said(const struct core_partner *p, enum level level, const char *what, uint16_t code, struct bytes text)
{
	char   line[CLOSE_TEXT_MOST + 1];
	size_t n = text.n < sizeof line - 1 ? text.n : sizeof line - 1;

	for (size_t i = 0; i < n; i++)
		line[i] = text.at[i] >= 0x20 && text.at[i] < 0x7f ? (char)text.at[i] : '?';
	line[n] = '\0';
	journal(level, what, "%s says (%u): %s", p->name, code, line);
}

static enum err close_come(struct core_partner *p, struct bytes payload)
{
	struct close_frame f;
	enum err	   e = close_frame_read(payload, &f);

	if (e != ERR_OK)
		return e;
	said(p, f.code == CLOSE_NORMAL || f.code == CLOSE_SUPERSEDED || f.code == CLOSE_RESTART ? LEVEL_INFO : LEVEL_WARNING, "partner-closed",
	     f.code, f.text);
	cause_set(p, f.text);
	if (f.code == CLOSE_RESTART)
		core_await(p);
	else if (f.code == CLOSE_NORMAL)
		p->awaited_until_ms = 0; /* it said that it goes */
	return ERR_OK;
}

static enum err alarm_come(struct core_partner *p, struct bytes payload)
{
	struct alarm_frame f;
	enum err	   e = alarm_frame_read(payload, &f);

	if (e == ERR_OK)
		core_alarm_said(p, &f);
	return e;
}

static enum err frame_come(struct core_partner *p, const struct frame *f)
{
	if (f->type == FRAME_HELLO) {
		hello_come(p, f->payload);
		return ERR_OK;
	}
	if (f->type == FRAME_CLOSE)
		return close_come(p, f->payload);
	if (!p->hello_done || !p->hello_sent)
		return ERR_ORDER;
	switch (f->type) {
	case FRAME_ENTRY:
		return entry_come(p, f->payload);
	case FRAME_CHECKPOINT:
		return checkpoint_come(p, f->payload);
	case FRAME_RECEIPT:
		return receipt_come(p, f->payload);
	case FRAME_CREDIT:
		return credit_come(p, f->payload);
	case FRAME_GET:
		return get_come(p, f->payload);
	case FRAME_RANGE:
		return range_come(p, f->payload);
	case FRAME_ACK:
		return ack_come(p, f->payload);
	case FRAME_ALARM:
		return alarm_come(p, f->payload);
	case FRAME_PAPER:
		return core_paper_come(p, f->payload);
	default:
		return f->type >= 0x80 ? ERR_OK : ERR_PROTOCOL;
	}
}

static void frames_come(struct core_partner *p, struct bytes stream)
{
	struct frame f = {0};
	size_t	     used;

	p->core->active = true;
	while (stream.n > 0 && p->up && !p->closing && !p->core->stopped) {
		enum err e = frame_next(stream, &f, &used);

		if (e == ERR_OK)
			e = frame_come(p, &f);
		if (e != ERR_OK) {
			char	       text[160];
			struct builder b = builder_on(text, sizeof text - 1);

			build_format(&b, "frame %s: %s", frame_name(f.type), err_text(e, LANG_EN));
			text[b.n] = '\0';
			core_session_close(p, CLOSE_PROTOCOL, text);
			return;
		}
		stream.at += used;
		stream.n -= used;
	}
}

/* ---- what the link says ---- */

static void link_up(struct core_partner *p, uint32_t session)
{
	session_end(p, BYTES_NONE); /* a new session supersedes the old */
	p->session = session;
	p->up = true;
	p->closing = false;
	core_hello_try(p);
}

static void skew_come(struct core_partner *p, int32_t ms)
{
	p->skew_known = true;
	p->skew_ms = ms;
}

static void on_message(void *arg, uint8_t type, struct bytes payload, int fd)
{
	struct core_partner *p = arg;
	struct cursor	     cur = cursor_on(payload);

	if (fd >= 0)
		evutil_closesocket(fd);
	core_clock(p->core);
	if (type == LINK_STATE) {
		struct bytes why = cursor_take16(&cur, CLOSE_TEXT_MOST);

		if (!p->up)
			cause_set(p, why);
		return;
	}
	uint32_t session = cursor_u32(&cur);
	if (type == LINK_UP)
		link_up(p, session);
	else if (session != p->session)
		return; /* of a session that was superseded */
	else if (type == LINK_DOWN)
		session_end(p, cursor_take16(&cur, CLOSE_TEXT_MOST));
	else if (type == LINK_FRAMES)
		frames_come(p, cursor_rest(&cur));
	else if (type == LINK_SKEW)
		skew_come(p, (int32_t)cursor_u32(&cur));
}

static void on_closed(void *arg, enum err why unused_arg)
{
	struct core_partner *p = arg;

	core_clock(p->core);
	if (p->up)
		core_await(p);
	session_end(p, bytes_text("the link process ended"));
	pipe_free(p->link);
	p->link = NULL;
}

void core_link_peer(struct core *c, unsigned which, int fd)
{
	if (which >= c->npartners) {
		evutil_closesocket(fd);
		return;
	}
	struct core_partner *p = &c->partner[which];

	session_end(p, bytes_text("the link process was restarted"));
	pipe_free(p->link);
	p->link = pipe_new(c->process->base, fd, on_message, on_closed, p);
	core_pins_say(p); /* it knows only the card that people put there */
}
