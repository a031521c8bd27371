#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "story.h"

#include <stdlib.h>

/* ---- stories ---- */

void story_begin_silent(struct story *s, bool south_agrees)
{
	s->text = NULL;
	s->trace = NULL;
	world_init(&s->world, 7, 2, NULL, south_agrees);
}

void story_listen(struct story *s)
{
	s->trace = open_memstream(&s->text, &s->n);
	assert_non_null(s->trace);
	s->world.trace = s->trace;
}

void story_listen_again(struct story *s)
{
	fclose(s->trace);
	free(s->text);
	story_listen(s);
}

void story_begin(struct story *s, bool south_agrees)
{
	story_begin_silent(s, south_agrees);
	side_start(&s->world.side[NORTH]);
	side_start(&s->world.side[SOUTH]);
	world_connect(&s->world);
	world_settle(&s->world);
	story_listen(s);
}

/* The first line in which the two differ is shown with all that was traced. */
void story_is_at(struct story *s, const char *expected, const char *file, int line)
{
	fflush(s->trace);
	if (strcmp(s->text, expected) != 0) {
		fprintf(stderr, "expected:\n%s\nfound:\n%s\n", expected, s->text); /* print_error has room for a thousand characters */
		_fail(file, line);
	}
	story_listen_again(s);
}

static void story_free(struct story *s)
{
	world_done(&s->world);
	if (s->trace != NULL)
		fclose(s->trace);
	free(s->text);
}

void story_end(struct story *s)
{
	assert_string_equal(s->world.fault, "");
	story_free(s);
}

void story_end_broken(struct story *s, const char *fault)
{
	assert_string_equal(s->world.fault, fault);
	story_free(s);
}

/* ---- steps of many stories ---- */

void story_ask(struct side *s)
{
	side_ask(s, "duty-assessment", "2026-1", NULL);
}

void story_exchange(struct story *s)
{
	story_ask(&s->world.side[NORTH]);
	world_settle(&s->world);
}

#define SESSIONS_MOST 8

void story_meet(struct story *s)
{
	const struct side *north = &s->world.side[NORTH], *south = &s->world.side[SOUTH];

	for (int i = 0; i < SESSIONS_MOST; i++) {
		world_connect(&s->world);
		world_settle(&s->world);
		if (north->up && south->up)
			return;
	}
	fail_msg("no session lasts");
}

void story_starts_again(struct story *s, int who)
{
	side_crash(&s->world.side[who]);
	side_start(&s->world.side[who]);
	story_meet(s);
}

void story_is_well(struct story *s, unsigned exchanges)
{
	const struct side *north = &s->world.side[NORTH], *south = &s->world.side[SOUTH];

	assert_true(world_check_quiet(&s->world));
	assert_int_equal(north->disk.nexchanges, exchanges);
	assert_int_equal(south->disk.nexchanges, exchanges);
	assert_int_equal(side_unanswered(north, true) + side_unanswered(south, false), 0);
	assert_int_equal(north->alarms + south->alarms, 0);
}

/* ---- the pen ---- */

void pen_epoch(struct pen *p)
{
	assert_true(p->nlogs < PEN_LOGS_MOST);
	struct pen_log *l = &p->log[p->nlogs++];

	memset(l, 0, sizeof *l);
	memset(l->epoch.b, 0xe0 + (int)p->nlogs, EPOCH_SIZE);
}

void pen_begin(struct pen *p, int as)
{
	memset(p, 0, sizeof *p);
	story_begin_silent(&p->story, true);
	p->as = &p->story.world.side[as];
	p->reader = &p->story.world.side[1 - as];
	p->as->gateway->hostile = true;
	p->credit = 4096;
	side_start(p->reader);
	world_settle(&p->story.world);
	pen_epoch(p);
}

void pen_end(struct pen *p)
{
	story_end(&p->story);
}

void pen_credit(struct pen *p, unsigned log, uint64_t max_size)
{
	uint8_t		    memory[64];
	struct builder	    b = builder_on(memory, sizeof memory);
	struct credit_frame f = {.log = (uint16_t)log, .max_size = max_size, .max_inline = 1u << 24};

	credit_frame_write(&b, &f);
	side_deliver(p->reader, builder_bytes(&b));
}

void pen_connect(struct pen *p)
{
	static struct hello mine, theirs;
	static char	    origin[PEN_LOGS_MOST][ORIGIN_MOST];

	world_cut(&p->story.world);
	memset(&mine, 0, sizeof mine);
	memset(&theirs, 0, sizeof theirs);
	assert_int_equal(channel_hello(p->reader->channel, &theirs), ERR_OK);
	for (unsigned i = 0; i < p->nlogs; i++) {
		side_origin(p->as, &p->log[i].epoch, origin[i]);
		mine.own[mine.nown++] = (struct hello_log){.origin = bytes_text(origin[i]), .state = i + 1 < p->nlogs};
	}
	side_hear(p->reader, &mine);
	for (unsigned i = 0; i < theirs.nown; i++)
		pen_credit(p, i, p->credit);
	world_settle(&p->story.world);
}

void pen_open(struct pen *p)
{
	struct forged f;

	pen_connect(p);
	pen_genesis(p, 0, &f);
	pen_write(p, &f);
	pen_agree(p, &f);
	pen_say(p, &f);
	story_listen(&p->story);
}

/* What every entry of the pen says rightly. */
static void forged_begin(struct pen *p, unsigned log, uint8_t kind, struct forged *f)
{
	struct channel_log seen;

	memset(f, 0, sizeof *f);
	f->log = log;
	f->header.kind = kind;
	f->header.index = p->log[log].n;
	f->header.time_ms = p->story.world.now_ms;
	if (channel_log(p->reader->channel, true, &seen)) {
		memcpy(f->header.seen_epoch, seen.epoch.b, EPOCH_SIZE);
		f->header.seen_size = seen.durable;
	}
	if (KIND_IS_CONTROL(kind))
		return;
	f->header.not_after_ms = f->header.time_ms + 62000;
	f->header.mid[15] = ++p->mids;
	f->header.agreement = p->reader->agreement->id;
	f->header.clause = 7;
	f->header.aseq = p->log[log].aseq;
}

static struct hash log_root(const struct pen_log *l, uint64_t size)
{
	return tree_root(l->leaf, size);
}

void pen_previous(struct forged *f, const struct previous *previous)
{
	struct builder b = builder_on(f->attr, sizeof f->attr);

	previous_write(&b, previous);
	assert_int_equal(b.err, ERR_OK);
	f->header.nattrs = 1;
	f->header.attr[0] = (struct attr){ATTR_PREVIOUS, builder_bytes(&b)};
}

void pen_genesis(struct pen *p, unsigned log, struct forged *out)
{
	struct previous previous = {.cause = CAUSE_FIRST};

	forged_begin(p, log, KIND_GENESIS, out);
	if (log > 0) {
		const struct pen_log *last = &p->log[log - 1];

		memcpy(previous.epoch, last->epoch.b, EPOCH_SIZE);
		previous.size = last->n;
		previous.root = log_root(last, last->n);
		previous.cause = CAUSE_RESTART;
	}
	pen_previous(out, &previous);
}

void pen_agree(struct pen *p, struct forged *out)
{
	const struct agreement *a = p->reader->agreement;

	forged_begin(p, p->nlogs - 1, KIND_AGREE, out);
	out->header.agreement = a->id;
	out->header.nattrs = 1;
	out->header.attr[0] = (struct attr){ATTR_AGREEMENT, bytes_of(a->id.b, HASH_SIZE)};
	out->header.nparts = 1;
	out->header.part[0] = (struct part_entry){.type = PART_AGREEMENT, .placement = PLACED_ATTACHED};
	memset(out->header.part[0].commitment.b, 1, HASH_SIZE);
}

struct bytes pen_record(const char *n1, const char *v1, const char *n2, const char *v2)
{
	static uint8_t	memory[4][1024];
	static unsigned turn;
	struct fields	f = {0};
	struct builder	b = builder_on(memory[turn], sizeof memory[turn]);

	turn = (turn + 1) % 4;
	if (n1 != NULL)
		assert_int_equal(fields_add(&f, bytes_text(n1), bytes_text(v1)), ERR_OK);
	if (n2 != NULL)
		assert_int_equal(fields_add(&f, bytes_text(n2), bytes_text(v2)), ERR_OK);
	fields_write(&b, &f);
	assert_int_equal(b.err, ERR_OK);
	return builder_bytes(&b);
}

static void parts_set(struct forged *f, struct bytes content, struct bytes reason)
{
	f->header.nparts = 2;
	f->header.part[0].type = PART_CONTENT;
	f->header.part[1].type = PART_REASON;
	f->body[0] = content;
	f->body[1] = reason;
}

void pen_question(struct pen *p, struct forged *out)
{
	forged_begin(p, p->nlogs - 1, KIND_QUERY, out);
	out->header.flags = FLAG_REPEATABLE | FLAG_INTERACTIVE;
	parts_set(out, pen_record("declaration", "2026-1", NULL, NULL), pen_record("purpose", "duty-assessment", NULL, NULL));
}

void pen_reply(struct pen *p, uint64_t to, uint16_t status, struct forged *out)
{
	struct channel_log theirs;

	assert_true(channel_log(p->reader->channel, true, &theirs));
	const struct disk_log *l = disk_log_find(&p->reader->disk, true, &theirs.epoch);
	forged_begin(p, p->nlogs - 1, KIND_REPLY, out);
	out->header.flags = FLAG_HAS_RE | FLAG_INTERACTIVE;
	out->header.status = status;
	out->header.re.index = to;
	memcpy(out->header.re.epoch, theirs.epoch.b, EPOCH_SIZE);
	out->header.re.leaf = p->reader->disk.entry[l->place[to]]->leaf;
	parts_set(out, pen_record(NULL, NULL, NULL, NULL), pen_record(NULL, NULL, NULL, NULL));
	if (status == STATUS_OK)
		out->body[0] = pen_record("status", "released", NULL, NULL);
}

void pen_keys(struct pen *p, struct bytes note, const struct hash *id, struct forged *out)
{
	forged_begin(p, p->nlogs - 1, KIND_KEYS, out);
	out->header.nattrs = 1;
	out->header.attr[0] = (struct attr){ATTR_KEYS, bytes_of(id->b, HASH_SIZE)};
	out->header.nparts = 1;
	out->header.part[0].type = PART_AGREEMENT;
	out->body[0] = note;
}

void pen_tally_say(struct forged *f, const struct tally *t)
{
	struct builder b = builder_on(f->attr, sizeof f->attr);

	tally_write(&b, t);
	assert_int_equal(b.err, ERR_OK);
	f->header.nattrs = 1;
	f->header.attr[0] = (struct attr){ATTR_TALLY, builder_bytes(&b)};
}

/* The pen's messages are all of one agreement and stand at the end, so counting them is easy. */
void pen_tally(struct pen *p, unsigned of, struct forged *out)
{
	const struct pen_log *l = &p->log[of];
	struct tally	      t = {0};

	memcpy(t.epoch, l->epoch.b, EPOCH_SIZE);
	if (l->aseq > 0) {
		t.n = 1;
		t.row[0] = (struct tally_row){.agreement = p->reader->agreement->id, .count = l->aseq, .last = l->n - 1};
	}
	forged_begin(p, p->nlogs - 1, KIND_TALLY, out);
	pen_tally_say(out, &t);
}

static struct hash forged_frame(const struct forged *f, struct builder *out)
{
	static uint8_t memory[HEADER_MOST];
	struct entry   e = {.header = f->header};
	struct builder b = builder_on(memory, sizeof memory);

	memset(e.salt.b, 5, sizeof e.salt.b);
	for (unsigned i = 0; i < f->header.nparts && i < COUNT_OF(f->body); i++) {
		if (f->header.part[i].placement != PLACED_INLINE)
			continue;
		memset(e.part[i].salt.b, 6, sizeof e.part[i].salt.b);
		e.part[i].body = f->body[i];
		e.header.part[i].commitment = part_commit(&e.part[i].salt, f->body[i]);
		e.header.part[i].commitment.b[0] ^= f->spoil_commitment;
	}
	header_write(&b, &e.header);
	e.header_wire = builder_bytes(&b);
	entry_frame_write(out, (uint16_t)f->log, &e);
	assert_int_equal(b.err, ERR_OK);
	assert_int_equal(out->err, ERR_OK);
	struct hash commitment = header_commit(&e.salt, e.header_wire);
	return entry_leaf(&commitment);
}

void pen_write(struct pen *p, struct forged *f)
{
	static uint8_t	memory[FRAME_HEAD + ENTRY_PAYLOAD_MOST];
	struct builder	b = builder_on(memory, sizeof memory);
	struct pen_log *l = &p->log[f->log];

	assert_true(l->n < PEN_ENTRIES_MOST);
	l->leaf[l->n++] = forged_frame(f, &b);
	l->aseq += !KIND_IS_CONTROL(f->header.kind);
	side_deliver(p->reader, builder_bytes(&b));
}

void pen_deliver(struct pen *p, const struct forged *f)
{
	static uint8_t memory[FRAME_HEAD + ENTRY_PAYLOAD_MOST];
	struct builder b = builder_on(memory, sizeof memory);

	forged_frame(f, &b);
	side_deliver(p->reader, builder_bytes(&b));
}

void pen_checkpoint_sign(struct pen *p, unsigned log, struct checkpoint_frame *c)
{
	struct checkpoint text = {.size = c->size, .root = c->root};

	side_origin(p->as, &p->log[log].epoch, text.origin);
	checkpoint_sign(&p->as->log_key, &text, &c->sig);
}

void pen_checkpoint(struct pen *p, unsigned log, uint64_t size, struct checkpoint_frame *out)
{
	*out = (struct checkpoint_frame){.log = (uint16_t)log, .size = size ? size : p->log[log].n};
	out->root = log_root(&p->log[log], out->size);
	pen_checkpoint_sign(p, log, out);
}

void pen_checkpoint_send(struct pen *p, const struct checkpoint_frame *c)
{
	uint8_t	       memory[128];
	struct builder b = builder_on(memory, sizeof memory);

	checkpoint_frame_write(&b, c);
	side_deliver(p->reader, builder_bytes(&b));
	world_settle(&p->story.world);
}

void pen_receipt_sign(struct pen *p, struct receipt_frame *r)
{
	struct checkpoint  text = {.size = r->size, .root = r->root};
	struct channel_log theirs;

	assert_true(channel_log(p->reader->channel, true, &theirs));
	side_origin(p->reader, &theirs.epoch, text.origin);
	receipt_sign(&p->as->receipt_key, &text, r->time_s, &r->sig);
}

void pen_receipt(struct pen *p, uint64_t size, struct receipt_frame *out)
{
	struct channel_log theirs;

	assert_true(channel_log(p->reader->channel, true, &theirs));
	const struct disk_log *l = disk_log_find(&p->reader->disk, true, &theirs.epoch);
	*out = (struct receipt_frame){.size = size,
				      .time_s = p->story.world.now_ms / 1000,
				      .root = *disk_root(&p->reader->disk, true, &theirs.epoch, size <= l->n ? size : l->n)};
	pen_receipt_sign(p, out);
}

void pen_receipt_send(struct pen *p, const struct receipt_frame *r)
{
	uint8_t	       memory[128];
	struct builder b = builder_on(memory, sizeof memory);

	receipt_frame_write(&b, r);
	side_deliver(p->reader, builder_bytes(&b));
	world_settle(&p->story.world);
}

void pen_say(struct pen *p, struct forged *f)
{
	struct checkpoint_frame c;

	pen_write(p, f);
	pen_checkpoint(p, f->log, 0, &c);
	pen_checkpoint_send(p, &c);
}
