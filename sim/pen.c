/* pen.c: a partner that keeps no rule but the form of what it wants to be read. */
#include "pen.h"

#include <stdlib.h>

static void epoch_begin(struct world *w, struct pen_side *p)
{
	if (p->nlogs == PEN_LOGS_MOST)
		return;
	struct pen_log *l = &p->log[p->nlogs++];

	memset(l, 0, sizeof *l);
	world_draw_bytes(w, l->epoch.b, EPOCH_SIZE);
}

void pen_begin(struct pen *p, struct gateway *g)
{
	memset(p, 0, sizeof *p);
	p->gateway = g;
	if (g == NULL)
		return;
	g->hostile = true;
	for (unsigned i = 0; i < g->nsides; i++) {
		p->side[i].side = g->side[i];
		epoch_begin(g->world, &p->side[i]);
	}
}

/* ---- what it hears ---- */

static struct bytes kept(struct world *w, struct bytes v)
{
	return v.n > 0 ? arena_copy(&w->memory, v) : BYTES_NONE;
}

static bool log_epoch(const struct side *s, uint16_t log, struct epoch *out)
{
	struct origin o;

	if (log >= s->theirs.nown || origin_read(s->theirs.own[log].origin, &o) != ERR_OK)
		return false;
	*out = o.epoch;
	return true;
}

static void entry_hear(struct pen_side *p, struct bytes payload)
{
	static struct entry e;
	static uint8_t	    memory[ENTRY_PAYLOAD_MOST];
	struct world	   *w = p->side->world;
	struct pen_seen	   *to = &p->seen[p->nseen];
	struct builder	    body = builder_on(memory, sizeof memory);
	uint16_t	    log;

	if (p->nseen == PEN_SEEN_MOST || entry_frame_read(payload, &log, &e) != ERR_OK || !log_epoch(p->side, log, &to->epoch))
		return;
	entry_body_write(&body, &e);
	to->is_entry = true;
	to->index = e.header.index;
	to->salt = e.salt;
	to->header = kept(w, e.header_wire);
	to->body = kept(w, builder_bytes(&body));
	to->commitment = header_commit(&e.salt, e.header_wire);
	p->nseen++;
}

static void checkpoint_hear(struct pen_side *p, struct bytes payload)
{
	struct pen_seen *to = &p->seen[p->nseen];

	if (p->nseen == PEN_SEEN_MOST || checkpoint_frame_read(payload, &to->checkpoint) != ERR_OK ||
	    !log_epoch(p->side, to->checkpoint.log, &to->epoch))
		return;
	to->is_entry = false;
	p->nseen++;
}

static void get_hear(struct pen_side *p, struct bytes payload)
{
	struct get_frame g;
	struct origin	 o;

	if (get_frame_read(payload, &g) != ERR_OK || origin_read(g.origin, &o) != ERR_OK)
		return;
	p->asked = o.epoch;
	p->asked_from = g.from;
	p->asked_to = g.to;
	p->asks = true;
}

static void hello_hear(struct side *s, struct bytes payload)
{
	if (payload.n > sizeof s->theirs_bytes)
		return;
	memcpy(s->theirs_bytes, payload.at, payload.n);
	s->heard = hello_frame_read(bytes_of(s->theirs_bytes, payload.n), &s->theirs) == ERR_OK;
}

static void everything_hear(struct pen_side *p)
{
	struct side *s = p->side;
	struct frame f;
	size_t	     used;

	while (s->read < s->inbox.n && frame_next(bytes_of(s->inbox.at + s->read, s->inbox.n - s->read), &f, &used) == ERR_OK) {
		s->read += used;
		if (f.type == FRAME_HELLO)
			hello_hear(s, f.payload);
		else if (f.type == FRAME_ENTRY)
			entry_hear(p, f.payload);
		else if (f.type == FRAME_CHECKPOINT)
			checkpoint_hear(p, f.payload);
		else if (f.type == FRAME_GET)
			get_hear(p, f.payload);
	}
	s->inbox.n = s->read = 0;
}

/* ---- what it says ---- */

static uint64_t draw(const struct pen_side *p, uint64_t below)
{
	return world_draw(p->side->world, below);
}

/* One time in `n`. */
static bool rarely(const struct pen_side *p, uint64_t n)
{
	return draw(p, n) == 0;
}

static void say(struct pen_side *p, const struct builder *b)
{
	struct side *s = p->side;

	if (b->err == ERR_OK && s->other->session == s->session && !s->other->deaf)
		side_deliver(s->other, builder_bytes(b));
}

static struct hash log_root(const struct pen_log *l, uint64_t size)
{
	return tree_root(l->leaf, size < l->n ? size : l->n);
}

/* The largest checkpoint of one of the partner's logs that it was sent; NULL: none. */
static const struct checkpoint_frame *seen_best(const struct pen_side *p, const struct epoch *epoch)
{
	const struct checkpoint_frame *best = NULL;

	for (unsigned i = 0; i < p->nseen; i++) {
		const struct pen_seen *s = &p->seen[i];

		if (!s->is_entry && memcmp(s->epoch.b, epoch->b, EPOCH_SIZE) == 0 && (best == NULL || s->checkpoint.size > best->size))
			best = &s->checkpoint;
	}
	return best;
}

#define HELLO_LIE 6 /* one HELLO in so many says something else of a log */

/* It shows its own logs, and what it holds of the partner's; larger, smaller, otherwise or not at all. */
static void hello_say(struct pen_side *p)
{
	static struct hello mine;
	static char	    own[PEN_LOGS_MOST][ORIGIN_MOST], peer[HELLO_LOGS_MOST][ORIGIN_MOST];
	static uint8_t	    memory[sizeof p->side->theirs_bytes];
	struct builder	    b = builder_on(memory, sizeof memory);
	struct side	   *s = p->side;

	memset(&mine, 0, sizeof mine);
	mine.protocol_min = mine.protocol_max = PROTOCOL_VERSION;
	mine.card_serial = 1;
	mine.party = bytes_text(s->name);
	for (unsigned i = 0; i < p->nlogs; i++) {
		if (rarely(p, 20))
			continue;
		side_origin(s, &p->log[i].epoch, own[i]);
		mine.own[mine.nown++] = (struct hello_log){.origin = bytes_text(own[i]), .state = i + 1 < p->nlogs, .size = p->log[i].n};
	}
	for (size_t i = 0; i < s->other->disk.nlogs && mine.npeer < 16; i++) {
		struct epoch		       epoch = s->other->disk.log[i].epoch;
		const struct checkpoint_frame *best = seen_best(p, &epoch);
		struct hello_log	       l = {.size = best ? best->size : 0};

		if (!s->other->disk.log[i].own || (best == NULL && !rarely(p, HELLO_LIE)))
			continue;
		if (best != NULL)
			l.root = best->root;
		if (rarely(p, HELLO_LIE))
			l.size = draw(p, 3) ? l.size + draw(p, 5) - draw(p, 3) : draw(p, UINT64_MAX);
		if (rarely(p, 3 * HELLO_LIE))
			l.root.b[0] ^= 1;
		if (rarely(p, 2 * HELLO_LIE))
			world_draw_bytes(s->world, epoch.b, EPOCH_SIZE);
		side_origin(s->other, &epoch, peer[mine.npeer]);
		l.origin = bytes_text(peer[mine.npeer]);
		mine.peer[mine.npeer++] = l;
	}
	hello_frame_write(&b, &mine);
	say(p, &b);
	s->greeted = true;
}

/* ---- entries ---- */

struct forged {
	struct header header;
	struct bytes  body[2];
	uint8_t	      attr[512], field[2][256];
};

static void forged_begin(struct pen_side *p, struct pen_log *l, uint8_t kind, struct forged *f)
{
	struct side	  *r = p->side->other;
	struct channel_log seen;

	memset(f, 0, sizeof *f);
	f->header.kind = kind;
	f->header.index = l->n;
	f->header.time_ms = p->side->world->now_ms;
	if (r->channel != NULL && channel_log(r->channel, true, &seen)) {
		memcpy(f->header.seen_epoch, seen.epoch.b, EPOCH_SIZE);
		f->header.seen_size = seen.durable;
	}
	if (KIND_IS_CONTROL(kind))
		return;
	f->header.not_after_ms = f->header.time_ms + 62000;
	f->header.agreement = r->agreement->id;
	f->header.clause = r->number % 2 ? 7 : 9; /* what this party asks */
	f->header.aseq = l->aseq;
	f->header.mid[0] = (uint8_t)(p->side->number + 1);
	f->header.mid[15] = (uint8_t)(rarely(p, 12) ? p->mids : ++p->mids); /* a mid comes twice now and then */
}

static struct bytes record(struct forged *f, unsigned i, const char *name, const char *value)
{
	struct fields  fields = {0};
	struct builder b = builder_on(f->field[i], sizeof f->field[i]);

	if (name != NULL && fields_add(&fields, bytes_text(name), bytes_text(value)) != ERR_OK)
		abort();
	fields_write(&b, &fields);
	return builder_bytes(&b);
}

static void parts_add(struct forged *f, const char *name, const char *value, const char *reason_name, const char *reason)
{
	f->header.nparts = 2;
	f->header.part[0].type = PART_CONTENT;
	f->header.part[1].type = PART_REASON;
	f->body[0] = record(f, 0, name, value);
	f->body[1] = record(f, 1, reason_name, reason);
}

static void previous_add(struct forged *f, const struct previous *what)
{
	struct builder b = builder_on(f->attr, sizeof f->attr);

	previous_write(&b, what);
	f->header.nattrs = 1;
	f->header.attr[0] = (struct attr){ATTR_PREVIOUS, builder_bytes(&b)};
}

/* What a GENESIS or an ADOPT names: mostly a log of its own as it is, else something near it. */
static void naming_forge(struct pen_side *p, unsigned of, uint8_t cause, struct forged *f)
{
	const struct pen_log *l = &p->log[of];
	struct previous	      what = {.size = l->n, .cause = cause};

	memcpy(what.epoch, l->epoch.b, EPOCH_SIZE);
	if (rarely(p, 5))
		what.size = what.size + draw(p, 4) - draw(p, 4);
	what.root = log_root(l, what.size);
	what.root.b[3] ^= rarely(p, 12);
	if (rarely(p, 15))
		what.epoch[0] ^= 1;
	if (what.size == 0)
		what.size = 1;
	previous_add(f, &what);
}

static void genesis_forge(struct pen_side *p, struct pen_log *l, struct forged *f)
{
	struct previous first = {.cause = CAUSE_FIRST};

	forged_begin(p, l, KIND_GENESIS, f);
	if (l == p->log || rarely(p, 10))
		previous_add(f, &first);
	else
		naming_forge(p, (unsigned)draw(p, (uint64_t)(l - p->log)), CAUSE_RESTART, f);
}

static void agree_forge(struct pen_side *p, struct pen_log *l, struct forged *f)
{
	const struct agreement *a = p->side->other->agreement;

	forged_begin(p, l, KIND_AGREE, f);
	f->header.agreement = a->id;
	f->header.nattrs = 1;
	f->header.attr[0] = (struct attr){ATTR_AGREEMENT, bytes_of(a->id.b, HASH_SIZE)};
	f->header.nparts = 1;
	f->header.part[0] = (struct part_entry){.type = PART_AGREEMENT, .placement = PLACED_ATTACHED};
}

/* One rule of the agreement or of the clock is broken now and then. */
static void question_forge(struct pen_side *p, struct pen_log *l, struct forged *f)
{
	forged_begin(p, l, KIND_QUERY, f);
	f->header.flags = (uint16_t)(FLAG_INTERACTIVE | (rarely(p, 6) ? 0 : FLAG_REPEATABLE));
	parts_add(f, rarely(p, 10) ? "importer" : "declaration", "2026-1", "purpose", rarely(p, 10) ? "marketing" : "duty-assessment");
	if (rarely(p, 10))
		f->header.clause = (uint16_t)draw(p, 12);
	if (rarely(p, 10))
		f->header.agreement.b[0] ^= 1;
	if (rarely(p, 8)) {
		f->header.time_ms += draw(p, 4000000) - 2000000;
		f->header.not_after_ms = f->header.time_ms + 1 + draw(p, 100000);
	}
	if (rarely(p, 20))
		f->header.kind = (uint8_t)(KIND_SEND + draw(p, 60));
}

/* To any entry of the partner, whether it asks or not, has been answered or not. */
static void reply_forge(struct pen_side *p, struct pen_log *l, struct forged *f)
{
	const struct disk	*d = &p->side->other->disk;
	const struct disk_entry *to = d->nentries > 0 ? d->entry[d->nentries - 1 - draw(p, d->nentries < 8 ? d->nentries : 8)] : NULL;

	forged_begin(p, l, KIND_REPLY, f);
	if (to == NULL)
		return;
	f->header.clause = to->header.clause;
	f->header.flags = FLAG_HAS_RE | FLAG_INTERACTIVE;
	f->header.status = (uint16_t)(rarely(p, 3) ? draw(p, 9) : STATUS_OK);
	f->header.re.index = to->at.index;
	f->header.re.leaf = to->leaf;
	f->header.re.leaf.b[0] ^= rarely(p, 12);
	memcpy(f->header.re.epoch, to->at.epoch.b, EPOCH_SIZE);
	parts_add(f, rarely(p, 6) ? "colour" : "status", "released", NULL, NULL);
}

static void tally_forge(struct pen_side *p, struct pen_log *l, struct forged *f)
{
	const struct pen_log *of = &p->log[draw(p, p->nlogs)];
	struct tally	      t = {0};
	struct builder	      b = builder_on(f->attr, sizeof f->attr);

	forged_begin(p, l, KIND_TALLY, f);
	memcpy(t.epoch, of->epoch.b, EPOCH_SIZE);
	t.n = of->aseq > 0;
	t.row[0] = (struct tally_row){.agreement = p->side->other->agreement->id, .count = of->aseq, .last = of->n > 0 ? of->n - 1u : 0u};
	tally_write(&b, &t);
	f->header.nattrs = b.err == ERR_OK;
	f->header.attr[0] = (struct attr){ATTR_TALLY, builder_bytes(&b)};
}

/* The frame, and the leaf that it adds; a bit of it is flipped when it is to be spoiled. */
static struct hash entry_frame(const struct forged *f, uint16_t log, struct builder *out)
{
	static uint8_t memory[HEADER_MOST];
	struct entry   e = {.header = f->header};
	struct builder b = builder_on(memory, sizeof memory);

	for (unsigned i = 0; i < f->header.nparts && i < COUNT_OF(f->body); i++) {
		if (f->header.part[i].placement != PLACED_INLINE)
			continue;
		e.part[i].body = f->body[i];
		e.header.part[i].commitment = part_commit(&e.part[i].salt, f->body[i]);
	}
	header_write(&b, &e.header);
	e.header_wire = builder_bytes(&b);
	entry_frame_write(out, log, &e);
	struct hash commitment = header_commit(&e.salt, e.header_wire);
	return entry_leaf(&commitment);
}

static void frame_spoil(struct pen_side *p, struct builder *b)
{
	size_t bit = FRAME_HEAD * 8 + (size_t)draw(p, (b->n - FRAME_HEAD) * 8);

	b->at[bit / 8] ^= (uint8_t)(1u << bit % 8);
}

static void forge(struct pen_side *p, struct pen_log *l, struct forged *f)
{
	static void (*const kinds[])(struct pen_side *, struct pen_log *, struct forged *) = {question_forge, question_forge, reply_forge,
											      reply_forge, tally_forge};

	if (l->n == 0 && !rarely(p, 25))
		genesis_forge(p, l, f);
	else if (l->n == 1 && !rarely(p, 6))
		agree_forge(p, l, f);
	else if (rarely(p, 10)) {
		forged_begin(p, l, KIND_ADOPT, f);
		naming_forge(p, (unsigned)draw(p, p->nlogs), CAUSE_RESTORE, f);
	} else
		kinds[draw(p, COUNT_OF(kinds))](p, l, f);
}

/* Said and not counted, or counted and not said: then it has two histories to sign. */
static void entry_say(struct pen_side *p)
{
	static uint8_t	     memory[FRAME_HEAD + ENTRY_PAYLOAD_MOST];
	static struct forged f;
	struct builder	     b = builder_on(memory, sizeof memory);
	unsigned	     at = rarely(p, 6) ? (unsigned)draw(p, p->nlogs) : p->nlogs - 1;
	struct pen_log	    *l = &p->log[at];

	if (l->n == PEN_ENTRIES_MOST)
		return;
	forge(p, l, &f);
	struct hash leaf = entry_frame(&f, (uint16_t)at, &b);
	if (b.err != ERR_OK)
		return;
	if (rarely(p, 25))
		frame_spoil(p, &b);
	if (!rarely(p, 30))
		say(p, &b);
	if (rarely(p, 30))
		return;
	l->leaf[l->n++] = leaf;
	l->aseq += !KIND_IS_CONTROL(f.header.kind);
}

/* ---- heads ---- */

static void checkpoint_say(struct pen_side *p)
{
	uint8_t			memory[256];
	struct builder		b = builder_on(memory, sizeof memory);
	unsigned		at = rarely(p, 6) ? (unsigned)draw(p, p->nlogs) : p->nlogs - 1;
	struct pen_log	       *l = &p->log[at];
	struct checkpoint_frame f = {.log = (uint16_t)at, .size = rarely(p, 8) ? draw(p, l->n + 3u) : l->n};
	struct checkpoint	c = {.size = f.size};

	f.root = c.root = log_root(l, f.size);
	c.root.b[0] ^= rarely(p, 30); /* then the signature is over another root */
	if (rarely(p, 30))
		f.root.b[0] ^= 1, c.root = f.root; /* a second history, signed */
	side_origin(p->side, &l->epoch, c.origin);
	checkpoint_sign(&p->side->log_key, &c, &f.sig);
	checkpoint_frame_write(&b, &f);
	say(p, &b);
}

static void receipt_say(struct pen_side *p)
{
	uint8_t		     memory[256];
	struct builder	     b = builder_on(memory, sizeof memory);
	const struct side   *s = p->side;
	struct receipt_frame f = {.log = (uint16_t)draw(p, s->theirs.nown + 1u), .time_s = s->world->now_ms / 1000};
	struct checkpoint    c = {0};
	struct epoch	     epoch;

	if (!log_epoch(s, f.log, &epoch))
		return;
	const struct checkpoint_frame *best = seen_best(p, &epoch);
	f.size = c.size = rarely(p, 10) ? draw(p, 20) : best ? best->size : 1;
	if (best != NULL)
		f.root = c.root = best->root;
	f.root.b[1] ^= rarely(p, 15);
	side_origin(s->other, &epoch, c.origin);
	receipt_sign(&s->receipt_key, &c, f.time_s, &f.sig);
	receipt_frame_write(&b, &f);
	say(p, &b);
}

static void credit_say(struct pen_side *p)
{
	uint8_t		    memory[64];
	struct builder	    b = builder_on(memory, sizeof memory);
	struct credit_frame f = {.log = (uint16_t)draw(p, p->side->theirs.nown + (rarely(p, 10) ? 3u : 0u)), .max_inline = 1u << 24};

	f.max_size = rarely(p, 6) ? draw(p, 20) : rarely(p, 10) ? UINT64_MAX : 4096;
	credit_frame_write(&b, &f);
	say(p, &b);
}

/* ---- GET and RANGE ---- */

static void get_say(struct pen_side *p)
{
	uint8_t		 memory[512];
	char		 origin[ORIGIN_MOST];
	struct builder	 b = builder_on(memory, sizeof memory);
	struct side	*r = p->side->other;
	struct epoch	 epoch = p->log[draw(p, p->nlogs)].epoch;
	struct get_frame f = {.from = draw(p, 6)};

	if (r->disk.nlogs > 0 && draw(p, 2))
		epoch = r->disk.log[draw(p, r->disk.nlogs)].epoch;
	side_origin(draw(p, 2) ? p->side : r, &epoch, origin);
	f.origin = rarely(p, 12) ? bytes_text("nobody.example/mithaq/x/y/z") : bytes_text(origin);
	f.to = f.from + 1 + (rarely(p, 6) ? UINT64_MAX / 2 : draw(p, 10));
	get_frame_write(&b, &f);
	say(p, &b);
}

static const struct pen_seen *seen_entry(const struct pen_side *p, uint64_t index)
{
	for (unsigned i = 0; i < p->nseen; i++)
		if (p->seen[i].is_entry && p->seen[i].index == index && memcmp(p->seen[i].epoch.b, p->asked.b, EPOCH_SIZE) == 0)
			return &p->seen[i];
	return NULL;
}

/* What the partner asked for, as it was sent; or a row is another, or goes on too far, or its proof is none; or never. */
static void range_say(struct pen_side *p)
{
	static uint8_t		       memory[FRAME_HEAD + FRAME_REST_MOST];
	char			       origin[ORIGIN_MOST];
	struct builder		       b = builder_on(memory, sizeof memory);
	const struct checkpoint_frame *proof = seen_best(p, &p->asked);
	uint64_t		       from = p->asked_from + rarely(p, 12), to = proof ? proof->size : p->asked_to;
	uint16_t		       n = 0;

	side_origin(p->side->other, &p->asked, origin);
	size_t begun = range_frame_begin(&b, bytes_text(origin), from);
	for (const struct pen_seen *s; from + n < to && n < 64 && (s = seen_entry(p, from + n)) != NULL; n++) {
		uint8_t form = (uint8_t)(rarely(p, 40) ? draw(p, 3) : ROW_FULL);

		range_row_write(&b, form, &s->salt, s->header, s->body, &s->commitment);
		b.at[b.n - 1] ^= rarely(p, 40);
	}
	struct checkpoint_frame c = proof ? *proof : (struct checkpoint_frame){0};
	c.sig.b[5] ^= rarely(p, 15);
	c.root.b[5] ^= rarely(p, 15);
	range_frame_end(&b, begun, n, proof != NULL && c.size == from + n && !rarely(p, 6) ? &c : NULL);
	say(p, &b);
	p->asked_from += n;
	p->asks = n > 0 && c.size != p->asked_from; /* then it says "no more" in its next turn */
}

/* ---- ends and noise ---- */

static void noise_say(struct pen_side *p)
{
	uint8_t	       memory[FRAME_HEAD + 200];
	struct builder b = builder_on(memory, sizeof memory);
	size_t	       begun = frame_begin(&b, (uint8_t)draw(p, 20)), n = (size_t)draw(p, 150);
	uint8_t	      *at = build_reserve(&b, n);

	if (at != NULL)
		world_draw_bytes(p->side->world, at, n);
	frame_end(&b, begun);
	say(p, &b);
}

static void epoch_say(struct pen_side *p)
{
	epoch_begin(p->side->world, p);
	side_hang_up(p->side);
}

static void flood(struct pen_side *p)
{
	for (unsigned i = 0; i < 12; i++)
		entry_say(p);
}

static void leave(struct pen_side *p)
{
	side_hang_up(p->side);
}

static void (*const acts[])(struct pen_side *) = {
	entry_say,  entry_say,	entry_say,  entry_say, checkpoint_say, checkpoint_say, checkpoint_say, receipt_say, receipt_say,
	credit_say, credit_say, credit_say, get_say,   range_say,      noise_say,      epoch_say,      flood,	    leave,
};

void pen_write(struct pen *p, struct side *s)
{
	struct pen_side *at = p->gateway->side[0] == s ? &p->side[0] : &p->side[1];

	everything_hear(at);
	if (s->session == 0 || s->other->session != s->session) {
		link_dial(s);
		return;
	}
	if (!s->greeted)
		hello_say(at);
	else if (s->heard && at->asks && rarely(at, 2))
		range_say(at);
	else if (s->heard)
		acts[draw(at, COUNT_OF(acts) - (rarely(at, 6) ? 0 : 4))](at);
}
