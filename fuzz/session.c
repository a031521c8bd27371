/*
 * A partner with valid keys says frames in any order to one real channel. Whatever it
 * says: no crash, memory within its limit, nothing acted on that no signed checkpoint
 * covers, no question twice, no quota passed (tests/unit/hostile.h holds what must hold).
 *
 * The input is a stream of frames. Those of the wire (types below 0x80) are said as they
 * stand, after what stream.h leaves open was filled in and signed with the partner's
 * keys. Those from 0x80 are steps: the low four bits of the type say what is done, the
 * payload how: the partner says something that fits what it said before, or something
 * happens in the house.
 */
#define FOE_MIDS_MOST	8192
#define FOE_LEAVES_MOST 8192

#include "../tests/unit/hostile.h"
#include "stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STEPS_MOST 400
#define LOGS_MOST  40
#define LIFE_MS	   60000 /* of messages made by stream.h */
#define DAYS_MOST  4
#define QUOTA	   40

static struct foe	 foe;
static struct agreement *agreement;
static unsigned		 shown_from, shown_to, days;

static uint64_t extreme(struct cursor *c, uint64_t near)
{
	static const uint64_t values[] = {0, 1, UINT64_MAX, UINT64_MAX - 1, INT64_MAX, (uint64_t)INT64_MAX + 1, UINT32_MAX, CHANNEL_WINDOW};
	uint8_t		      which = cursor_u8(c);

	if (which < COUNT_OF(values))
		return values[which];
	return near + which - 128;
}

static unsigned log_drawn(struct cursor *c)
{
	return cursor_u8(c) % foe.nlogs;
}

/* Mostly the number under which the log was shown. */
static uint16_t number_of(struct cursor *c, unsigned log)
{
	uint8_t spoil = cursor_u8(c);

	return spoil < 240 ? (uint16_t)(log - shown_from) : (uint16_t)(spoil * 257);
}

static uint64_t held(unsigned log)
{
	return foe.log[log].stored.size;
}

static void say_hello(struct cursor *c)
{
	unsigned from = cursor_u8(c), to = cursor_u8(c);

	shown_to = foe.nlogs - to % 3 % foe.nlogs;
	shown_from = shown_to > 3 ? shown_to - from % 4 : from % 2;
	for (unsigned i = 0; i < foe.nlogs; i++)
		if (from < 200)
			foe_rewind(&foe, i, held(i)); /* an honest one forgets what was dropped */
	foe_hello(&foe, shown_from, shown_to);
	if (to < 240)
		foe_credit(&foe, UINT64_MAX);
}

static void say_genesis(struct cursor *c)
{
	unsigned	log = log_drawn(c), before = log_drawn(c);
	uint16_t	number = number_of(c, log);
	uint8_t		how = cursor_u8(c);
	struct previous p = {.cause = CAUSE_FIRST};

	if (how < 220 && foe.log[before].n > 0)
		p = foe_previous(&foe, before);
	if (how % 16 == 1)
		p.size = extreme(c, p.size);
	if (how % 16 == 2)
		p.root.b[0] ^= 1;
	if (how % 16 == 3)
		p.root = foe_root(&foe.log[before], p.size = held(before));
	foe_genesis(&foe, log, number, &p);
}

static void say_question(struct cursor *c)
{
	static const uint16_t clauses[] = {7, 7, 7, 7, 10, 10, 8, 9, 0, 65535};
	struct hash	      other = {.b = {cursor_u8(c)}};
	unsigned	      log = log_drawn(c);
	uint16_t	      number = number_of(c, log);
	uint8_t		      how = cursor_u8(c);
	struct foe_draft      d = {.kind = KIND_QUERY, .declaration = "2026-1", .mid = cursor_u8(c), .clause = clauses[cursor_u8(c) % 10]};

	d.flags = how & 1 ? FLAG_REPEATABLE : 0;
	if (how % 16 == 3)
		d.time_ms = foe.now_ms + extreme(c, 0);
	if (how % 16 == 5 && other.b[0] != 0)
		d.agreement = &other;
	if (how % 16 == 7)
		d.declaration = NULL;
	if (how % 16 == 9)
		d.life_ms = 1;
	for (unsigned i = 0; i <= other.b[0] % 8u; i++) {
		foe_say(&foe, log, number, &d);
		d.mid = how & 32 ? 0 : d.mid;
	}
}

static void say_other(struct cursor *c)
{
	unsigned	 log = log_drawn(c);
	uint16_t	 number = number_of(c, log);
	struct re	 re = {.index = extreme(c, foe.nown)};
	struct foe_draft d = {.kind = cursor_u8(c) % 32, .fat = (size_t)cursor_u8(c) * 64, .clause = 9, .declaration = "released"};

	memcpy(re.epoch, foe.own.b, EPOCH_SIZE);
	if (re.index < foe.nown)
		re.leaf = foe.own_leaf[re.index];
	if (d.kind == KIND_REPLY || d.kind == KIND_CANCEL)
		d.re = &re;
	d.status = d.kind == KIND_REPLY ? (uint16_t)(d.fat / 64 % 12) : 0;
	foe_say(&foe, log, number, &d);
}

static void say_tally(struct cursor *c)
{
	unsigned	 log = log_drawn(c), of = log_drawn(c);
	uint16_t	 number = number_of(c, log);
	uint8_t		 value[EPOCH_SIZE + TALLY_ROWS_MOST * 48];
	struct builder	 b = builder_on(value, sizeof value);
	struct tally	 t = foe.log[of].tally;
	uint8_t		 how = cursor_u8(c);
	struct foe_draft d = {.kind = KIND_TALLY};

	if (how > 220 && t.n > 0)
		t.row[0].count = t.row[0].last = extreme(c, t.row[0].count);
	tally_write(&b, &t);
	d.attr = (struct attr){ATTR_TALLY, builder_bytes(&b)};
	foe_say(&foe, log, number, &d);
}

static void say_checkpoint(struct cursor *c)
{
	unsigned log = log_drawn(c);
	uint16_t number = number_of(c, log);
	uint8_t	 how = cursor_u8(c);
	uint64_t size = foe.log[log].n;

	if (how >= 160 && how < 200 && size > 0)
		size = how % size;
	if (how < 200)
		foe_checkpoint(&foe, log, number, size);
	else
		foe_sign_root(&foe, log, number, extreme(c, size), &(struct hash){.b = {how}});
}

static void say_flow(struct cursor *c)
{
	struct channel_event e = {.type = EVENT_CREDIT};
	uint8_t		     how = cursor_u8(c);

	if (how < 128) {
		foe_receipt(&foe, how < 100 ? foe.own_durable : extreme(c, foe.own_durable));
		return;
	}
	e.credit = (struct credit_frame){.log = how % 4, .max_size = extreme(c, foe.nown)};
	foe_step(&foe, &e);
}

/* ---- frames of the wire ---- */

/* The partner's log of a place in its HELLO, or -1. */
static int log_numbered(uint16_t number)
{
	if (number >= foe.theirs.nown)
		return -1;
	for (unsigned i = 0; i < foe.nlogs; i++)
		if (bytes_is(foe.theirs.own[number].origin, foe.log[i].origin))
			return (int)i;
	return -1;
}

/* An epoch that the partner shows without having begun it: from now on it has begun it. */
static void epoch_met(struct bytes text)
{
	struct origin o;

	if (origin_read(text, &o) != ERR_OK || strcmp(o.author, "north.example") != 0 || foe_log_of(&foe, &o.epoch) >= 0 || foe.nlogs >= LOGS_MOST)
		return;
	struct foe_log *l = &foe.log[foe_epoch(&foe)];
	l->epoch = o.epoch;
	memcpy(l->tally.epoch, o.epoch.b, EPOCH_SIZE);
	if (origin_write(&o, l->origin) != ERR_OK)
		abort();
}

static void frame_hello(struct bytes payload)
{
	static struct hello  said;
	struct channel_event e = {.type = EVENT_HELLO, .hello = &foe.theirs};

	if (hello_frame_read(payload, &said) != ERR_OK)
		return;
	for (unsigned i = 0; i < said.nown; i++)
		epoch_met(said.own[i].origin);
	memset(&foe.mine, 0, sizeof foe.mine);
	if (channel_hello(foe.channel, &foe.mine) != ERR_OK)
		foe_break(&foe, "the house cannot say HELLO");
	foe.theirs = said;
	foe_step(&foe, &e);
}

static bool is_all(const uint8_t *at, size_t n, uint8_t value)
{
	for (size_t i = 0; i < n; i++)
		if (at[i] != value)
			return false;
	return true;
}

/* What stream.h leaves open in an entry of this log. */
static void entry_fill(struct entry *e, const struct foe_log *l)
{
	struct header *h = &e->header;

	h->index = near_of(h->index, l->n);
	h->time_ms = near_of(h->time_ms, foe.now_ms);
	h->not_after_ms = near_of(h->not_after_ms - LIFE_MS, foe.now_ms) + LIFE_MS;
	h->seen_size = near_of(h->seen_size, foe.own_durable);
	h->re.index = near_of(h->re.index, foe.nown > 0 ? foe.nown - 1 : 0);
	if (is_all(h->agreement.b, HASH_SIZE, ANY))
		h->agreement = foe.agreement->id;
	h->aseq = near_of(h->aseq, tally_next(&l->tally, &h->agreement));
	if (is_all(h->re.leaf.b, HASH_SIZE, 0) && h->re.index < foe.nown)
		h->re.leaf = foe.own_leaf[h->re.index];
	for (unsigned i = 0; i < h->nparts; i++)
		if (is_all(h->part[i].commitment.b, HASH_SIZE, 0))
			h->part[i].commitment = part_commit(&e->part[i].salt, e->part[i].body);
}

/* The agreement of an AGREE stands in an attribute, and what a GENESIS names is filled in there too. */
static void attr_fill(struct header *h, uint8_t value[PREVIOUS_SIZE])
{
	struct previous p;
	struct epoch	epoch;
	struct builder	b = builder_on(value, PREVIOUS_SIZE);

	if (h->nattrs == 0)
		return;
	if (h->attr[0].type == ATTR_AGREEMENT && h->attr[0].value.n == HASH_SIZE && is_all(h->attr[0].value.at, HASH_SIZE, ANY))
		h->attr[0].value = bytes_of(foe.agreement->id.b, HASH_SIZE);
	if (h->attr[0].type != ATTR_PREVIOUS || previous_read(h->attr[0].value, &p) != ERR_OK)
		return;
	memcpy(epoch.b, p.epoch, sizeof epoch.b);
	int before = foe_log_of(&foe, &epoch);
	if (before < 0)
		return;
	const struct foe_log *l = &foe.log[before];
	p.size = near_of(p.size, l->n);
	if (is_all(p.root.b, HASH_SIZE, 0) && p.size <= l->n)
		p.root = foe_root(l, p.size);
	previous_write(&b, &p);
	h->attr[0].value = builder_bytes(&b);
}

/* What is said is in the partner's log, whether the house takes it or not. */
static void entry_said(const struct entry *e, struct foe_log *l)
{
	static const struct hash none;
	bool			 control = KIND_IS_CONTROL(e->header.kind);
	struct hash		 c = header_commit(&e->salt, e->header_wire), leaf = entry_leaf(&c);

	if (!control)
		(void)!tally_count(&l->tally, &e->header.agreement, e->header.aseq, e->header.index);
	foe_leaf(l, &leaf, control ? &none : &e->header.agreement);
}

static void frame_entry(struct bytes payload)
{
	static struct entry  e;
	static uint8_t	     wire[HEADER_MOST], value[PREVIOUS_SIZE];
	struct channel_event event = {.type = EVENT_ENTRY};
	struct builder	     b = builder_on(wire, sizeof wire);

	if (entry_frame_read(payload, &event.entry.log, &e) != ERR_OK)
		return;
	int log = log_numbered(event.entry.log);
	if (log >= 0) {
		entry_fill(&e, &foe.log[log]);
		attr_fill(&e.header, value);
		header_write(&b, &e.header);
		e.header_wire = builder_bytes(&b);
		if (b.err != ERR_OK || header_read(e.header_wire, &e.header) != ERR_OK)
			return;
		entry_said(&e, &foe.log[log]);
	}
	event.entry.entry = &e;
	event.entry.known = e.header.kind == KIND_QUERY && foe_knows(&foe, e.header.mid);
	foe_step(&foe, &event);
}

/* A root of zeros is the one of what was said, a signature of zeros is made. */
static void frame_checkpoint(struct bytes payload)
{
	struct channel_event	 e = {.type = EVENT_CHECKPOINT};
	struct checkpoint_frame *f = &e.checkpoint;

	if (checkpoint_frame_read(payload, f) != ERR_OK)
		return;
	int log = log_numbered(f->log);
	if (log >= 0) {
		struct checkpoint c = {.size = f->size = near_of(f->size, foe.log[log].n)};

		if (is_all(f->root.b, HASH_SIZE, 0) && f->size <= foe.log[log].n)
			f->root = foe_root(&foe.log[log], f->size);
		memcpy(c.origin, foe.log[log].origin, sizeof c.origin);
		c.root = f->root;
		if (is_all(f->sig.b, SIGN_SIZE, 0))
			checkpoint_sign(&foe.log_key, &c, &f->sig);
	}
	foe_step(&foe, &e);
}

static struct hash own_root(uint64_t size)
{
	struct frontier at;

	frontier_init(&at);
	for (uint64_t i = 0; i < size && i < foe.nown; i++)
		frontier_add(&at, &foe.own_leaf[i]);
	return frontier_root(&at);
}

static void frame_receipt(struct bytes payload)
{
	struct channel_event  e = {.type = EVENT_RECEIPT};
	struct receipt_frame *f = &e.receipt;
	struct checkpoint     c = {0};

	if (receipt_frame_read(payload, f) != ERR_OK)
		return;
	f->size = near_of(f->size, foe.own_durable);
	f->time_s = near_of(f->time_s, foe.now_ms / 1000);
	if (is_all(f->root.b, HASH_SIZE, 0))
		f->root = own_root(f->size);
	memcpy(c.origin, foe.own_origin, sizeof c.origin);
	c.size = f->size;
	c.root = f->root;
	if (is_all(f->sig.b, SIGN_SIZE, 0))
		receipt_sign(&foe.receipt_key, &c, f->time_s, &f->sig);
	foe_step(&foe, &e);
}

static void frame_credit(struct bytes payload)
{
	struct channel_event e = {.type = EVENT_CREDIT};

	if (credit_frame_read(payload, &e.credit) != ERR_OK)
		return;
	e.credit.max_size = near_of(e.credit.max_size, foe.nown);
	foe_step(&foe, &e);
}

static void frame_get(struct bytes payload)
{
	struct get_frame     f;
	struct channel_event e = {.type = EVENT_GET, .get = &f};

	if (get_frame_read(payload, &f) != ERR_OK)
		return;
	f.from = near_of(f.from, foe.nown);
	f.to = near_of(f.to, foe.nown);
	if (f.from < f.to)
		foe_step(&foe, &e);
}

/* What is shown is the house's own log. The partner has no key of the house, but it has what the house signed. */
static void frame_range(struct bytes payload)
{
	struct range_frame   f;
	struct channel_event e = {.type = EVENT_RANGE, .range = &f};
	struct checkpoint    c = {0};

	if (range_frame_read(payload, &f) != ERR_OK)
		return;
	f.from = near_of(f.from, foe.nown);
	f.size = near_of(f.size, foe.nown);
	c.root = own_root(f.size);
	if (f.size > 0 && f.size <= foe.own_durable && is_all(f.root.b, HASH_SIZE, 0)) {
		f.root = c.root;
		c.size = f.size;
		memcpy(c.origin, foe.own_origin, sizeof c.origin);
		checkpoint_sign(&foe.our_log_key, &c, &f.sig);
	}
	foe_step(&foe, &e);
}

static void frame_said(const struct frame *f)
{
	switch (f->type) {
	case FRAME_HELLO:
		frame_hello(f->payload);
		break;
	case FRAME_ENTRY:
		frame_entry(f->payload);
		break;
	case FRAME_CHECKPOINT:
		frame_checkpoint(f->payload);
		break;
	case FRAME_RECEIPT:
		frame_receipt(f->payload);
		break;
	case FRAME_CREDIT:
		frame_credit(f->payload);
		break;
	case FRAME_GET:
		frame_get(f->payload);
		break;
	case FRAME_RANGE:
		frame_range(f->payload);
		break;
	default: /* link and core answer the others; a channel never sees them */
		break;
	}
}

/* ---- what happens in the house ---- */

static void house(struct cursor *c)
{
	struct channel_event e = {.type = EVENT_TICK};
	uint8_t		     how = cursor_u8(c);

	if (how < 100 && foe.ntickets > 0)
		foe_found(&foe, foe.ticket[how % foe.ntickets]);
	else if (how < 120)
		foe_found(&foe, extreme(c, 0));
	else if (how < 180)
		foe_asked(&foe);
	else if (how < 200)
		foe.now_ms += how * 1000u;
	else if (how < 202 && days < DAYS_MOST) {
		foe.now_ms += 86400000;
		days++;
	} else if (how == 210)
		e.type = EVENT_CLOSE;
	else if (how < 220)
		e.type = EVENT_DISCONNECTED;
	if (how >= 180)
		foe_step(&foe, &e);
}

static void epoch_more(struct cursor *c)
{
	if (foe.nlogs < 12 && cursor_u8(c) < 200)
		foe_epoch(&foe);
}

static void step(uint8_t what, struct cursor *c)
{
	switch (what % STREAM_STEPS) {
	case 0:
		say_hello(c);
		break;
	case 1:
		epoch_more(c);
		break;
	case 2:
		say_genesis(c);
		break;
	case 3:
		foe_agree(&foe, foe.nlogs - 1, number_of(c, foe.nlogs - 1));
		break;
	case 4:
	case 5:
	case 6:
		say_question(c);
		break;
	case 7:
		say_other(c);
		break;
	case 8:
		say_tally(c);
		break;
	case 9:
	case 10:
		say_checkpoint(c);
		break;
	case 11:
		say_flow(c);
		break;
	case 12:
		house(c);
		break;
	case 14:
		foe_rewind(&foe, log_drawn(c), cursor_u8(c));
		break;
	default:
		foe_turn(&foe);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes rest = bytes_of(data, size);
	struct frame f;
	size_t	     used;

	shown_from = 0;
	days = 1;
	foe_open(&foe, agreement);
	agreement = foe.agreement;
	for (unsigned i = 0; i < STEPS_MOST && foe.fault == NULL && foe.nwork < FOE_WORK_MOST / 2 && frame_next(rest, &f, &used) == ERR_OK; i++) {
		struct cursor c = cursor_on(f.payload);

		if (f.type >= STREAM_STEP)
			step(f.type, &c);
		else
			frame_said(&f);
		rest = bytes_of(rest.at + used, rest.n - used);
	}
	if (foe.lookups_limited > QUOTA * (days + 2))
		foe_break(&foe, "the daily limit was passed");
	if (foe.fault != NULL) {
		fprintf(stderr, "%s; %s\n", foe.fault, foe.last_text);
		abort();
	}
	foe_end(&foe);
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
	return stream_mutate(data, size, most, true, seed);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t na, const uint8_t *b, size_t nb, uint8_t *out, size_t most, unsigned seed)
{
	return stream_cross(bytes_of(a, na), bytes_of(b, nb), out, most, seed);
}
