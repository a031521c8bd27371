/*
 * stream.h: how a fuzzer changes a stream of frames without breaking what cuts it.
 *
 * The input is cut into frames; whole frames are put in, doubled, dropped, moved and
 * spliced, single fields are changed, and every length is written anew. Frames of
 * types from 0x80 mean nothing on the wire: a harness may give them a meaning of its
 * own (fuzz/session.c: what happens around the link), so they are made here too.
 *
 * Numbers around NEAR stand for "what would be right here, and a little beside it";
 * a root, commitment or signature of zeros, and the agreement ANY, stand for the right
 * one. A harness that holds the partner's keys puts them in, so that a hostile partner
 * signs what it says; to other harnesses they are values like any other.
 */
#ifndef MITHAQ_FUZZ_STREAM_H
#define MITHAQ_FUZZ_STREAM_H

#include <stdio.h>

#include "wire/flow.h"
#include "wire/range.h"
#include "wire/receipt.h"
#include "wire/session.h"

#define NEAR		   0xa5a5a5a5a5a5a500u
#define ANY		   0xa5 /* each byte of a hash */
#define STREAM_STEP	   0x80 /* types from here on are the harness's own */
#define STREAM_STEPS	   16
#define STREAM_FRAMES_MOST 512
#define STREAM_ROOM	   (1u << 20)
#define STREAM_MADE_MOST   4096 /* a frame that is made here is small; those that are read may be large */

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t na, const uint8_t *b, size_t nb, uint8_t *out, size_t most, unsigned seed);

struct stream {
	uint64_t     dice;
	bool	     steps; /* frames of the harness's own are made too */
	unsigned     n;
	struct bytes frame[STREAM_FRAMES_MOST];
	uint8_t	    *room; /* STREAM_ROOM bytes, for frames made anew */
	size_t	     used;
};

/* What stands for the right number becomes it; others stay. */
static inline uint64_t near_of(uint64_t v, uint64_t right)
{
	return v - (NEAR - 128) < 256 ? right + (v - NEAR) : v;
}

static inline unsigned stream_below(struct stream *s, unsigned n)
{
	s->dice ^= s->dice << 13;
	s->dice ^= s->dice >> 7;
	s->dice ^= s->dice << 17;
	return (unsigned)((s->dice >> 16) % n);
}

static inline uint64_t stream_number(struct stream *s)
{
	static const uint64_t numbers[] = {0,	 1,    2,	 3,	   NEAR,       NEAR,	  NEAR,	      NEAR,
					   NEAR, NEAR, NEAR + 1, NEAR - 1, UINT64_MAX, INT64_MAX, UINT32_MAX, 1024};
	unsigned	      i = stream_below(s, COUNT_OF(numbers) + 2);

	return i < COUNT_OF(numbers) ? numbers[i] : stream_below(s, 70000);
}

static inline void stream_change(struct stream *s, uint64_t *v)
{
	switch (stream_below(s, 4)) {
	case 0:
		*v += 1;
		break;
	case 1:
		*v -= 1;
		break;
	case 2:
		*v ^= UINT64_C(1) << stream_below(s, 64);
		break;
	default:
		*v = stream_number(s);
	}
}

static inline void stream_change16(struct stream *s, uint16_t *v)
{
	uint64_t wide = *v;

	stream_change(s, &wide);
	*v = (uint16_t)wide;
}

/* Zeros (the right one), one bit away, or something else. */
static inline void stream_change_bytes(struct stream *s, uint8_t *at, size_t n)
{
	switch (stream_below(s, 3)) {
	case 0:
		memset(at, 0, n);
		break;
	case 1:
		at[stream_below(s, (unsigned)n)] ^= (uint8_t)(1u << stream_below(s, 8));
		break;
	default:
		memset(at, 1 + (int)stream_below(s, 255), n);
	}
}

/* ---- frames made of nothing ---- */

/* One of the epochs that the partner of the session harness begins, in order; some are of another channel or of the house. */
static inline struct bytes stream_origin(struct stream *s)
{
	static char	text[8][HELLO_ORIGIN_MOST + 1];
	static unsigned next;
	const char     *channel = stream_below(s, 16) == 0 ? "border" : "customs";
	bool		ours = stream_below(s, 4) == 0;
	char	       *at = text[next++ % COUNT_OF(text)];

	if (ours)
		(void)snprintf(at, sizeof text[0], "south.example/mithaq/north.example/%s/50505050505050505050505050505050", channel);
	else
		(void)snprintf(at, sizeof text[0], "north.example/mithaq/south.example/%s/e0e0e0e0e0e0e0e0e0e0e0e0e0e000%02x", channel,
			       stream_below(s, 6));
	return bytes_text(at);
}

static inline void stream_hello_log(struct stream *s, struct hello_log *log)
{
	*log = (struct hello_log){.origin = stream_origin(s), .state = (uint8_t)stream_below(s, 2), .size = stream_number(s)};
}

static inline void stream_make_hello(struct stream *s, struct builder *b)
{
	static struct hello h;

	memset(&h, 0, sizeof h);
	h.protocol_min = h.protocol_max = PROTOCOL_VERSION;
	h.party = bytes_text("north.example");
	h.nagreements = stream_below(s, 2);
	memset(h.agreement[0].b, ANY, HASH_SIZE);
	h.nown = stream_below(s, 4);
	h.npeer = stream_below(s, 3);
	for (unsigned i = 0; i < h.nown; i++)
		stream_hello_log(s, &h.own[i]);
	for (unsigned i = 0; i < h.npeer; i++)
		stream_hello_log(s, &h.peer[i]);
	hello_frame_write(b, &h);
}

/* GENESIS that goes on from an epoch the partner began, or from none. */
static inline struct attr stream_previous(struct stream *s, uint8_t value[PREVIOUS_SIZE])
{
	struct previous p = {.cause = (uint8_t)stream_below(s, CAUSE_ROLLOVER + 1)};
	struct builder	b = builder_on(value, PREVIOUS_SIZE);

	if (p.cause != CAUSE_FIRST) {
		memset(p.epoch, 0xe0, 14);
		p.epoch[15] = (uint8_t)stream_below(s, 6);
		p.size = stream_number(s);
	}
	previous_write(&b, &p);
	return (struct attr){ATTR_PREVIOUS, builder_bytes(&b)};
}

static inline void stream_message(struct stream *s, struct header *h)
{
	memset(h->agreement.b, ANY, HASH_SIZE);
	h->not_after_ms = h->time_ms + 60000;
	h->clause = (uint16_t)(7 + stream_below(s, 4));
	h->aseq = stream_number(s);
	h->mid[0] = (uint8_t)(1 + stream_below(s, 8));
	memset(h->seen_epoch, 0x50, sizeof h->seen_epoch);
	h->seen_size = NEAR;
	h->nparts = (uint8_t)(h->kind == KIND_QUERY ? 2 : stream_below(s, 3));
	for (unsigned i = 0; i < h->nparts; i++)
		h->part[i].type = (uint8_t)(PART_CONTENT + i);
	if (h->kind != KIND_REPLY && h->kind != KIND_CANCEL)
		return;
	h->flags |= FLAG_HAS_RE;
	memset(h->re.epoch, 0x50, sizeof h->re.epoch);
	h->re.index = stream_number(s);
	h->status = h->kind == KIND_REPLY ? (uint16_t)stream_below(s, STATUS_NEEDS_INFORMATION + 2) : 0;
}

static inline void stream_part_bodies(struct entry *e)
{
	static const char content[] = "\x01\0\x01\0\x0b"
				      "declaration\x01\0\x06"
				      "2026-1",
			  reason[] = "\x01\0\x01\0\x07"
				     "purpose\x01\0\x0f"
				     "duty-assessment";

	e->part[0].body = bytes_of(content, sizeof content - 1);
	e->part[1].body = bytes_of(reason, sizeof reason - 1);
}

/* The header is written into `wire`, and the entry's views point there. */
static inline bool stream_header(struct entry *e, uint8_t wire[HEADER_MOST])
{
	struct builder b = builder_on(wire, HEADER_MOST);

	header_write(&b, &e->header);
	e->header_wire = builder_bytes(&b);
	return b.err == ERR_OK;
}

static inline bool stream_entry(struct stream *s, struct entry *e, uint8_t wire[HEADER_MOST])
{
	static const uint8_t kinds[] = {KIND_GENESIS, KIND_AGREE, KIND_QUERY, KIND_QUERY,   KIND_REPLY, KIND_TALLY,
					KIND_CANCEL,  KIND_SEND,  KIND_ADOPT, KIND_SUSPEND, KIND_KEYS};
	static uint8_t	     value[PREVIOUS_SIZE];
	struct header	    *h = &e->header;

	memset(e, 0, sizeof *e);
	h->kind = kinds[stream_below(s, COUNT_OF(kinds))];
	h->index = stream_number(s);
	h->time_ms = NEAR;
	if (!KIND_IS_CONTROL(h->kind))
		stream_message(s, h);
	if (h->kind >= KIND_AGREE && h->kind <= KIND_TERMINATE)
		memset(h->agreement.b, ANY, HASH_SIZE);
	if (h->kind <= KIND_ADOPT) {
		h->attr[0] = stream_previous(s, value);
		h->nattrs = 1;
	}
	if (h->kind == KIND_AGREE) {
		h->attr[0] = (struct attr){ATTR_AGREEMENT, bytes_of(h->agreement.b, HASH_SIZE)};
		h->nattrs = 1;
	}
	if (h->kind == KIND_KEYS) { /* an id, and what is no card: the right one only a party can make */
		h->attr[0] = (struct attr){ATTR_KEYS, bytes_of(h->agreement.b, HASH_SIZE)};
		h->nattrs = h->nparts = 1;
		h->part[0].type = PART_AGREEMENT;
	}
	stream_part_bodies(e);
	return stream_header(e, wire);
}

static inline void stream_make_entry(struct stream *s, struct builder *b)
{
	static struct entry e;
	static uint8_t	    wire[HEADER_MOST];

	if (stream_entry(s, &e, wire))
		entry_frame_write(b, (uint16_t)stream_below(s, 3), &e);
}

static inline void stream_make_row(struct stream *s, struct builder *b)
{
	static struct entry e;
	static uint8_t	    wire[HEADER_MOST], memory[1024];
	struct builder	    body = builder_on(memory, sizeof memory);
	struct hash	    commitment = {{(uint8_t)stream_below(s, 3)}};

	if (!stream_entry(s, &e, wire))
		return;
	entry_body_write(&body, &e);
	range_row_write(b, (uint8_t)stream_below(s, ROW_BARE + 1), &e.salt, e.header_wire, builder_bytes(&body), &commitment);
}

static inline void stream_make_range(struct stream *s, struct builder *b)
{
	struct checkpoint_frame checkpoint = {.size = 0};
	uint64_t		from = stream_number(s);
	uint16_t		n = (uint16_t)stream_below(s, 4);
	size_t			begun = range_frame_begin(b, stream_origin(s), from);

	for (unsigned i = 0; i < n; i++)
		stream_make_row(s, b);
	checkpoint.size = from + n;
	range_frame_end(b, begun, n, checkpoint.size > 0 && stream_below(s, 2) == 0 ? &checkpoint : NULL);
}

static inline void stream_make_step(struct stream *s, struct builder *b)
{
	size_t begun = frame_begin(b, (uint8_t)(STREAM_STEP + stream_below(s, STREAM_STEPS)));

	for (unsigned n = 1 + stream_below(s, 8); n > 0; n--)
		build_u8(b, (uint8_t)stream_below(s, 256));
	frame_end(b, begun);
}

static inline void stream_make_flow(struct stream *s, struct builder *b)
{
	uint16_t log = (uint16_t)stream_below(s, 3);
	uint64_t size = stream_number(s);

	switch (stream_below(s, 4)) {
	case 0:
		checkpoint_frame_write(b, &(struct checkpoint_frame){.log = log, .size = size});
		break;
	case 1:
		receipt_frame_write(b, &(struct receipt_frame){.log = 0, .size = size, .time_s = NEAR});
		break;
	case 2:
		ack_frame_write(b, &(struct ack_frame){log, size});
		break;
	default:
		credit_frame_write(b, &(struct credit_frame){0, size, stream_number(s), 0});
	}
}

static inline void stream_make_end(struct stream *s, struct builder *b)
{
	switch (stream_below(s, 3)) {
	case 0:
		ping_frame_write(b, stream_below(s, 2) ? FRAME_PING : FRAME_PONG, &(struct ping_frame){stream_number(s), stream_number(s)});
		break;
	case 1:
		alarm_frame_write(b, &(struct alarm_frame){.code = (uint16_t)stream_below(s, 7), .note = {bytes_text("note\n")}});
		break;
	default:
		close_frame_write(b, &(struct close_frame){(uint16_t)stream_below(s, 8), bytes_text("over")});
	}
}

static inline void stream_make(struct stream *s, struct builder *b)
{
	switch (stream_below(s, s->steps ? 16 : 9)) {
	case 0:
		stream_make_hello(s, b);
		break;
	case 1:
	case 2:
	case 3:
		stream_make_entry(s, b);
		break;
	case 4:
	case 5:
		stream_make_flow(s, b);
		break;
	case 6:
		get_frame_write(b, &(struct get_frame){stream_origin(s), 1 + stream_below(s, 4), NEAR});
		break;
	case 7:
		stream_make_range(s, b);
		break;
	case 8:
		stream_make_end(s, b);
		break;
	default:
		stream_make_step(s, b);
	}
}

/* ---- one field of a frame that reads well ---- */

static inline void stream_change_hello(struct stream *s, struct hello *h)
{
	struct hello_log *log = stream_below(s, 2) ? &h->own[stream_below(s, h->nown + 1) % HELLO_LOGS_MOST]
						   : &h->peer[stream_below(s, h->npeer + 1) % HELLO_LOGS_MOST];

	switch (stream_below(s, 8)) {
	case 0:
		stream_change16(s, &h->protocol_max);
		break;
	case 1:
		stream_change(s, &h->card_serial);
		break;
	case 2:
		h->nown = h->nown < HELLO_LOGS_MOST ? h->nown + 1 : 0;
		stream_hello_log(s, &h->own[h->nown > 0 ? h->nown - 1 : 0]);
		break;
	case 3:
		h->npeer = h->npeer < HELLO_LOGS_MOST ? h->npeer + 1 : 0;
		stream_hello_log(s, &h->peer[h->npeer > 0 ? h->npeer - 1 : 0]);
		break;
	case 4:
		log->origin = stream_origin(s);
		break;
	case 5:
		log->state ^= 1;
		break;
	case 6:
		stream_change_bytes(s, log->root.b, HASH_SIZE);
		break;
	default:
		stream_change(s, &log->size);
	}
}

static inline void stream_change_part(struct stream *s, struct entry *e)
{
	static uint8_t body[INLINE_MOST];
	unsigned       i = stream_below(s, e->header.nparts + 1u) % HEADER_PARTS_MOST;
	size_t	       n = e->part[i].body.n < sizeof body / HEADER_PARTS_MOST ? e->part[i].body.n : 0;

	switch (stream_below(s, 6)) {
	case 0:
		e->header.nparts = (uint8_t)(e->header.nparts < HEADER_PARTS_MOST ? e->header.nparts + 1 : 0);
		break;
	case 1:
		e->header.part[i].type = (uint8_t)stream_below(s, 9);
		break;
	case 2:
		e->header.part[i].placement = (uint8_t)stream_below(s, 3);
		break;
	case 3:
		stream_change_bytes(s, e->header.part[i].commitment.b, HASH_SIZE);
		break;
	default:
		if (n > 0)
			memcpy(body, e->part[i].body.at, n);
		e->part[i].body = bytes_of(body, LLVMFuzzerMutate(body, n, n + 64));
		memset(e->header.part[i].commitment.b, 0, HASH_SIZE);
	}
}

static inline void stream_change_attr(struct stream *s, struct header *h)
{
	static uint8_t value[HEADER_MOST];
	unsigned       i = stream_below(s, h->nattrs + 1u) % HEADER_ATTRS_MOST;
	size_t	       n = h->attr[i].value.n < 512 ? h->attr[i].value.n : 0;

	if (i >= h->nattrs) {
		h->nattrs = (uint8_t)(i + 1);
		h->attr[i] = (struct attr){(uint16_t)(1 + stream_below(s, ATTR_TALLY)), BYTES_NONE};
		n = 0;
	}
	if (n > 0)
		memcpy(value, h->attr[i].value.at, n);
	h->attr[i].value = bytes_of(value, LLVMFuzzerMutate(value, n, n + 64));
}

static inline void stream_change_header(struct stream *s, struct header *h)
{
	uint64_t *const numbers[] = {&h->index, &h->time_ms, &h->not_after_ms, &h->aseq, &h->seen_size, &h->re.index};

	switch (stream_below(s, 9)) {
	case 0:
		h->kind = (uint8_t)stream_below(s, KIND_CANCEL + 2);
		break;
	case 1:
		h->flags ^= (uint16_t)(1u << stream_below(s, 3));
		break;
	case 2:
		stream_change16(s, &h->clause);
		break;
	case 3:
		h->mid[0] = (uint8_t)stream_below(s, 8);
		break;
	case 4:
		stream_change_bytes(s, stream_below(s, 2) ? h->re.leaf.b : h->agreement.b, HASH_SIZE);
		break;
	case 5:
		h->seen_epoch[15] ^= 1;
		break;
	case 6:
		h->status = (uint16_t)stream_below(s, STATUS_NEEDS_INFORMATION + 2);
		break;
	default:
		stream_change(s, numbers[stream_below(s, COUNT_OF(numbers))]);
	}
}

static inline void stream_change_entry(struct stream *s, struct entry *e)
{
	switch (stream_below(s, 4)) {
	case 0:
		stream_change_part(s, e);
		break;
	case 1:
		stream_change_attr(s, &e->header);
		break;
	default:
		stream_change_header(s, &e->header);
	}
}

/* The rows stay, the last may go or one may come; the numbers around them change. */
static inline void stream_again_range(struct stream *s, struct range_frame *f, struct builder *b)
{
	struct checkpoint_frame checkpoint = {.size = f->size, .root = f->root, .sig = f->sig};
	unsigned		how = stream_below(s, 6);

	if (how == 0)
		stream_change(s, &f->from);
	if (how == 1)
		stream_change_bytes(s, stream_below(s, 2) ? checkpoint.root.b : checkpoint.sig.b, HASH_SIZE);
	size_t begun = range_frame_begin(b, how == 2 ? stream_origin(s) : f->origin, f->from);
	build_bytes(b, f->rows);
	if (how == 3)
		stream_make_row(s, b);
	uint16_t n = (uint16_t)(f->n + (how == 3));
	checkpoint.size = f->from + n;
	if (checkpoint.size == 0 || (how == 4) == (f->size > 0))
		range_frame_end(b, begun, n, NULL);
	else
		range_frame_end(b, begun, n, &checkpoint);
}

static inline void stream_again_get(struct stream *s, struct get_frame *f, struct builder *b)
{
	switch (stream_below(s, 3)) {
	case 0:
		f->origin = stream_origin(s);
		break;
	case 1:
		stream_change(s, &f->from);
		break;
	default:
		stream_change(s, &f->to);
	}
	get_frame_write(b, f);
}

static inline void stream_again_checkpoint(struct stream *s, struct checkpoint_frame *f, struct builder *b)
{
	switch (stream_below(s, 4)) {
	case 0:
		stream_change16(s, &f->log);
		break;
	case 1:
		stream_change_bytes(s, f->root.b, HASH_SIZE);
		memset(f->sig.b, 0, SIGN_SIZE);
		break;
	case 2:
		stream_change_bytes(s, f->sig.b, SIGN_SIZE);
		break;
	default:
		stream_change(s, &f->size);
		memset(f->sig.b, 0, SIGN_SIZE);
	}
	checkpoint_frame_write(b, f);
}

static inline void stream_again_receipt(struct stream *s, struct receipt_frame *f, struct builder *b)
{
	switch (stream_below(s, 4)) {
	case 0:
		stream_change16(s, &f->log);
		break;
	case 1:
		stream_change_bytes(s, f->root.b, HASH_SIZE);
		break;
	case 2:
		stream_change(s, &f->time_s);
		break;
	default:
		stream_change(s, &f->size);
	}
	stream_change_bytes(s, f->sig.b, SIGN_SIZE);
	receipt_frame_write(b, f);
}

static inline void stream_again_credit(struct stream *s, struct credit_frame *f, struct builder *b)
{
	uint64_t *const numbers[] = {&f->max_size, &f->max_inline, &f->max_attached};

	if (stream_below(s, 4) == 0)
		stream_change16(s, &f->log);
	else
		stream_change(s, numbers[stream_below(s, COUNT_OF(numbers))]);
	credit_frame_write(b, f);
}

/* Reads the payload as what it is and writes it again with one field changed. Nothing is written when it does not read. */
static inline void stream_again(struct stream *s, const struct frame *f, struct builder *b)
{
	static struct hello	hello;
	static struct entry	entry;
	static uint8_t		wire[HEADER_MOST];
	struct checkpoint_frame checkpoint;
	struct receipt_frame	receipt;
	struct credit_frame	credit;
	struct range_frame	range;
	struct get_frame	get;
	uint16_t		log;

	if (f->type == FRAME_HELLO && hello_frame_read(f->payload, &hello) == ERR_OK) {
		stream_change_hello(s, &hello);
		hello_frame_write(b, &hello);
	} else if (f->type == FRAME_ENTRY && entry_frame_read(f->payload, &log, &entry) == ERR_OK) {
		stream_change_entry(s, &entry);
		if (stream_below(s, 8) == 0)
			stream_change16(s, &log);
		if (stream_header(&entry, wire))
			entry_frame_write(b, log, &entry);
	} else if (f->type == FRAME_CHECKPOINT && checkpoint_frame_read(f->payload, &checkpoint) == ERR_OK)
		stream_again_checkpoint(s, &checkpoint, b);
	else if (f->type == FRAME_RECEIPT && receipt_frame_read(f->payload, &receipt) == ERR_OK)
		stream_again_receipt(s, &receipt, b);
	else if (f->type == FRAME_CREDIT && credit_frame_read(f->payload, &credit) == ERR_OK)
		stream_again_credit(s, &credit, b);
	else if (f->type == FRAME_GET && get_frame_read(f->payload, &get) == ERR_OK)
		stream_again_get(s, &get, b);
	else if (f->type == FRAME_RANGE && range_frame_read(f->payload, &range) == ERR_OK)
		stream_again_range(s, &range, b);
}

/* ---- what is done to a stream ---- */

static inline struct builder stream_builder(const struct stream *s, size_t most)
{
	size_t left = STREAM_ROOM - s->used;

	return builder_on(s->room + s->used, left < most ? left : most);
}

/* What the builder holds becomes a frame of the stream, at `place`; a builder that failed or stayed empty changes nothing. */
static inline void stream_set(struct stream *s, unsigned place, const struct builder *b)
{
	if (b->err != ERR_OK || b->n == 0)
		return;
	s->used += b->n;
	s->frame[place] = builder_bytes(b);
}

static inline void stream_open(struct stream *s, unsigned place)
{
	memmove(s->frame + place + 1, s->frame + place, (s->n - place) * sizeof s->frame[0]);
	s->frame[place] = BYTES_NONE;
	s->n++;
}

static inline void stream_insert(struct stream *s)
{
	struct builder b = stream_builder(s, STREAM_MADE_MOST);
	unsigned       place = stream_below(s, s->n + 1);

	if (s->n == STREAM_FRAMES_MOST)
		return;
	stream_open(s, place);
	stream_make(s, &b);
	stream_set(s, place, &b);
}

static inline void stream_double(struct stream *s)
{
	unsigned from = stream_below(s, s->n), place = stream_below(s, s->n + 1);

	if (s->n == STREAM_FRAMES_MOST)
		return;
	struct bytes frame = s->frame[from];
	stream_open(s, place);
	s->frame[place] = frame;
}

static inline void stream_drop(struct stream *s)
{
	unsigned place = stream_below(s, s->n);

	s->n--;
	memmove(s->frame + place, s->frame + place + 1, (s->n - place) * sizeof s->frame[0]);
}

static inline void stream_swap(struct stream *s)
{
	unsigned     a = stream_below(s, s->n), b = stream_below(s, s->n);
	struct bytes frame = s->frame[a];

	s->frame[a] = s->frame[b];
	s->frame[b] = frame;
}

static inline void stream_field(struct stream *s)
{
	unsigned       place = stream_below(s, s->n);
	struct builder b = stream_builder(s, FRAME_HEAD + FRAME_REST_MOST);
	struct frame   f;
	size_t	       used;

	if (frame_next(s->frame[place], &f, &used) != ERR_OK)
		return;
	stream_again(s, &f, &b);
	stream_set(s, place, &b);
}

/* A payload becomes another by the fuzzer's own means; its length is right again afterwards. */
static inline void stream_payload(struct stream *s)
{
	unsigned       place = stream_below(s, s->n);
	struct builder b = stream_builder(s, FRAME_HEAD + FRAME_REST_MOST);
	struct frame   f;
	size_t	       used;

	if (frame_next(s->frame[place], &f, &used) != ERR_OK)
		return;
	size_t begun = frame_begin(&b, f.type);
	build_bytes(&b, f.payload);
	if (b.err != ERR_OK || b.room - b.n < 64)
		return;
	b.n = begun + FRAME_HEAD + LLVMFuzzerMutate(b.at + begun + FRAME_HEAD, f.payload.n, f.payload.n + 64);
	frame_end(&b, begun);
	stream_set(s, place, &b);
}

/* The beginning of one payload and the end of another. */
static inline void stream_splice(struct stream *s)
{
	unsigned       place = stream_below(s, s->n), other = stream_below(s, s->n);
	struct builder b = stream_builder(s, FRAME_HEAD + FRAME_REST_MOST);
	struct frame   f, g;
	size_t	       used;

	if (frame_next(s->frame[place], &f, &used) != ERR_OK || frame_next(s->frame[other], &g, &used) != ERR_OK)
		return;
	size_t most = f.payload.n < g.payload.n ? f.payload.n : g.payload.n, cut = stream_below(s, (unsigned)most + 1);
	size_t begun = frame_begin(&b, f.type);
	build_bytes(&b, bytes_of(f.payload.at, cut));
	build_bytes(&b, bytes_of(g.payload.at + cut, g.payload.n - cut));
	frame_end(&b, begun);
	stream_set(s, place, &b);
}

static inline void stream_act(struct stream *s)
{
	static void (*const acts[])(struct stream *) = {stream_insert, stream_insert, stream_double, stream_drop,    stream_swap,
							stream_field,  stream_field,  stream_field,  stream_payload, stream_splice};
	unsigned i = stream_below(s, COUNT_OF(acts));

	acts[s->n == 0 ? 0 : i](s);
}

/* Whole frames of `v`; what does not cut into frames is left behind. */
static inline void stream_take(struct stream *s, struct bytes v, unsigned most)
{
	struct frame f;
	size_t	     used;

	for (unsigned i = 0; i < most && s->n < STREAM_FRAMES_MOST && frame_next(v, &f, &used) == ERR_OK; i++) {
		s->frame[s->n++] = bytes_of(v.at, used);
		v = bytes_of(v.at + used, v.n - used);
	}
}

static inline size_t stream_put(const struct stream *s, uint8_t *out, size_t most)
{
	struct builder b = builder_on(out, most);

	for (unsigned i = 0; i < s->n && s->frame[i].n <= b.room - b.n; i++)
		build_bytes(&b, s->frame[i]);
	return b.n;
}

static uint8_t stream_room[STREAM_ROOM], stream_was[STREAM_ROOM];

static inline void stream_begin(struct stream *s, bool steps, unsigned seed)
{
	memset(s, 0, sizeof *s);
	s->dice = (seed + UINT64_C(1)) * UINT64_C(0x9e3779b97f4a7c15);
	s->steps = steps;
	s->room = stream_room;
}

/* `steps`: the harness gives types from 0x80 a meaning. One time in 32 the bytes are changed without regard to frames. */
static inline size_t stream_mutate(uint8_t *data, size_t size, size_t most, bool steps, unsigned seed)
{
	static struct stream s;

	stream_begin(&s, steps, seed);
	if (size > sizeof stream_was || stream_below(&s, 32) == 0)
		return LLVMFuzzerMutate(data, size, most);
	if (size > 0)
		memcpy(stream_was, data, size);
	stream_take(&s, bytes_of(stream_was, size), STREAM_FRAMES_MOST);
	for (unsigned n = 1 + stream_below(&s, 4); n > 0; n--)
		stream_act(&s);
	return stream_put(&s, data, most);
}

/* The same for a harness whose input is the payload of one frame. */
static inline size_t stream_mutate_payload(uint8_t *data, size_t size, size_t most, uint8_t type, unsigned seed)
{
	static struct stream s;
	struct frame	     f;
	size_t		     used;

	stream_begin(&s, false, seed);
	struct builder b = builder_on(stream_was, sizeof stream_was);
	size_t	       begun = frame_begin(&b, type);
	build_bytes(&b, bytes_of(data, size));
	frame_end(&b, begun);
	stream_take(&s, builder_bytes(&b), 1);
	if (s.n == 0 || stream_below(&s, 4) == 0)
		return LLVMFuzzerMutate(data, size, most);
	for (unsigned n = 1 + stream_below(&s, 4); n > 0; n--)
		stream_field(&s);
	if (frame_next(s.frame[0], &f, &used) != ERR_OK || f.payload.n > most)
		return size;
	if (f.payload.n > 0)
		memcpy(data, f.payload.at, f.payload.n);
	return f.payload.n;
}

/* Some frames of one stream, then some of the other. */
static inline size_t stream_cross(struct bytes a, struct bytes b, uint8_t *out, size_t most, unsigned seed)
{
	static struct stream s;

	stream_begin(&s, false, seed);
	stream_take(&s, a, 1 + stream_below(&s, 32));
	for (unsigned skip = stream_below(&s, 4), n = s.n; skip > 0 && s.n == n; skip--) {
		stream_take(&s, b, 1);
		if (s.n == n)
			break;
		b = bytes_of(b.at + s.frame[n].n, b.n - s.frame[n].n);
		s.n = n;
	}
	stream_take(&s, b, STREAM_FRAMES_MOST);
	return stream_put(&s, out, most);
}

#endif
