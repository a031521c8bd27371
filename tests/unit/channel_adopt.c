/* Entries of ours that this ledger lost and the partner holds: what it must prove, and what a liar reaches (spec/wire.md, W7). */
#include <stdarg.h>
#include <stddef.h>

#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "channel/state.h"
#include "crypto/hash.h"
#include "crypto/sign.h"
#include "rings.h"

#define NOW_MS	    UINT64_C(1795420800000) /* 2026-11-23 */
#define COPIES_MOST 64
#define MEMORY_COPY 4096

/* An entry as whoever replicated the log holds it. */
struct copy {
	struct salt salt;
	uint8_t	    header[MEMORY_COPY], body[MEMORY_COPY];
	size_t	    nheader, nbody;
	struct hash commitment;
};

/* A house: a channel, its keeper, and the copies of its own log. */
struct house {
	struct channel	  *channel;
	struct sign_key	   log_key;
	struct ring_of_one ring[2];
	struct epoch	   epoch;
	char		   origin[ORIGIN_MOST];
	struct copy	  *copy; /* of the open epoch */
	unsigned	   ncopies;
	struct checkpoint  signed_at;
	struct signature   sig;
	/* what happened */
	unsigned	     gets, alarms, closes, taken, adopts, unanswered, ranges, namings;
	uint16_t	     alarm, close;
	struct get_frame     get;
	char		     get_origin[ORIGIN_MOST];
	struct channel_event later; /* the keeper's word, EVENT_TICK: none */
	enum channel_failure failure;
	unsigned	     failures;
};

static void key_make(struct sign_key *key, const char *name)
{
	struct hash seed = hash_bytes(bytes_text(name));

	sign_key_from_seed(key, seed.b);
}

static void entry_seen(struct house *h, const struct stored_entry *e)
{
	if (memcmp(e->epoch.b, h->epoch.b, EPOCH_SIZE) != 0) {
		h->taken++;
		return;
	}
	struct copy *c = &h->copy[h->ncopies++];

	assert_true(h->ncopies <= COPIES_MOST && e->header.n <= MEMORY_COPY && e->body.n <= MEMORY_COPY);
	h->adopts += e->kind == KIND_ADOPT;
	c->salt = e->salt;
	c->commitment = e->commitment;
	c->nheader = e->header.n;
	c->nbody = e->body.n;
	memcpy(c->header, e->header.at, e->header.n);
	if (e->body.n > 0)
		memcpy(c->body, e->body.at, e->body.n);
}

static void frame_seen(struct house *h, struct bytes frame)
{
	struct frame f;
	size_t	     used;

	assert_int_equal(frame_next(frame, &f, &used), ERR_OK);
	if (f.type != FRAME_GET)
		return;
	h->gets++;
	assert_int_equal(get_frame_read(f.payload, &h->get), ERR_OK);
	memcpy(h->get_origin, h->get.origin.at, h->get.origin.n);
	h->get_origin[h->get.origin.n] = '\0';
}

static struct hash copies_root(const struct house *h, unsigned n)
{
	struct frontier f;

	frontier_init(&f);
	for (unsigned i = 0; i < n; i++) {
		struct hash leaf = entry_leaf(&h->copy[i].commitment);

		frontier_add(&f, &leaf);
	}
	return frontier_root(&f);
}

static void sign(struct house *h)
{
	struct checkpoint c = {.size = h->ncopies, .root = copies_root(h, h->ncopies)};

	memcpy(c.origin, h->origin, sizeof c.origin);
	checkpoint_sign(&h->log_key, &c, &h->sig);
	h->signed_at = c;
	h->later = (struct channel_event){.type = EVENT_SIGNED, .signature = {.size = c.size, .root = c.root, .sig = h->sig}};
}

static void perform(struct house *h, const struct duty *d)
{
	switch (d->type) {
	case DUTY_STORE_ENTRY:
		entry_seen(h, &d->entry);
		break;
	case DUTY_SEND:
		frame_seen(h, d->frame);
		break;
	case DUTY_SIGN:
		sign(h);
		break;
	case DUTY_ALARM:
		h->alarms += d->end.frozen;
		h->alarm = d->end.code;
		break;
	case DUTY_CLOSE:
		h->closes++;
		h->close = d->end.code;
		break;
	case DUTY_FAIL:
		h->failures++;
		h->failure = d->ask.failure;
		break;
	case DUTY_UNANSWERED:
		h->unanswered++;
		break;
	case DUTY_RANGE:
		h->ranges++;
		break;
	case DUTY_STORE_NAMING:
		h->namings++;
		break;
	case DUTY_STORE_CHECKPOINT:
	case DUTY_STORE_RECEIPT:
	case DUTY_STORE_QUESTION:
	case DUTY_STORE_ANSWER:
	case DUTY_STORE_ANSWERED:
	case DUTY_CARD:
	case DUTY_REPORT:
	case DUTY_REFUSE:
	case DUTY_PERMIT:
	case DUTY_COSIGN:
	case DUTY_RESEND:
	case DUTY_RECALL:
	case DUTY_RECEIPT:
	case DUTY_OPEN:
	case DUTY_LOOKUP:
		break;
	}
}

static void step(struct house *h, struct channel_event *event)
{
	event->now_ms = NOW_MS;
	struct duties d = channel_step(h->channel, event);

	assert_int_equal(d.err, ERR_OK);
	for (size_t i = 0; i < d.n; i++)
		perform(h, &d.at[i]);
}

/* What was stored is durable, and the keeper answers. */
static void turn(struct house *h)
{
	struct channel_event durable = {.type = EVENT_DURABLE};

	h->later.type = EVENT_TICK;
	step(h, &durable);
	if (h->later.type == EVENT_SIGNED)
		step(h, &h->later);
}

static struct house *house_new(uint8_t epoch)
{
	struct house	    *h = calloc(1, sizeof *h);
	struct sign_key	     peer_log, peer_receipt;
	struct channel_setup setup = {.self = "south.example", .peer = "north.example", .name = "customs"};
	struct origin	     o = {.author = "south.example", .reader = "north.example", .channel = "customs"};
	struct channel_event opened = {.type = EVENT_OPENED};

	assert_non_null(h);
	assert_int_equal(crypto_start(), ERR_OK);
	h->copy = calloc(COPIES_MOST, sizeof *h->copy);
	assert_non_null(h->copy);
	key_make(&h->log_key, "south log");
	key_make(&peer_log, "north log");
	key_make(&peer_receipt, "north receipt");
	setup.own = ring_make(&h->ring[0], &h->log_key.pub, &peer_receipt.pub);
	setup.theirs = ring_make(&h->ring[1], &peer_log.pub, &peer_receipt.pub);
	h->channel = channel_new(&setup);
	assert_non_null(h->channel);
	memset(o.epoch.b, epoch, EPOCH_SIZE);
	h->epoch = opened.opened = o.epoch;
	assert_int_equal(origin_write(&o, h->origin), ERR_OK);
	step(h, &opened);
	turn(h);
	return h;
}

static void house_free(struct house *h)
{
	channel_free(h->channel);
	free(h->copy);
	free(h);
}

/* The house as it was before: a GENESIS and some more entries under one checkpoint. */
static struct house *past(void)
{
	struct house	    *h = house_new(1);
	struct channel_event end = {.type = EVENT_CLOSE};

	step(h, &end);
	turn(h);
	assert_int_equal(h->signed_at.size, 2);
	return h;
}

/* A HELLO that shows `size` entries of the house's past. */
static void hello(struct house *h, const struct house *of, uint64_t size)
{
	static struct hello  theirs;
	struct channel_event event = {.type = EVENT_HELLO, .hello = &theirs};

	memset(&theirs, 0, sizeof theirs);
	theirs.party = bytes_text("north.example");
	theirs.npeer = 1;
	theirs.peer[0] = (struct hello_log){.origin = bytes_text(of->origin), .size = size};
	if (size <= of->ncopies)
		theirs.peer[0].root = copies_root(of, (unsigned)size);
	step(h, &event);
}

struct answer {
	uint64_t	 from;
	unsigned	 n;
	bool		 checkpoint;
	struct signature sig;
	struct hash	 root;
	bool		 spoil; /* one bit of the last row's salt */
};

static void range(struct house *h, const struct house *of, const struct answer *a)
{
	static uint8_t		memory[FRAME_HEAD + FRAME_REST_MOST];
	struct builder		b = builder_on(memory, sizeof memory);
	struct checkpoint_frame c = {.size = a->from + a->n, .root = a->root, .sig = a->sig};
	struct frame		f;
	struct range_frame	r;
	size_t			used, begun = range_frame_begin(&b, bytes_text(of->origin), a->from);

	for (unsigned i = 0; i < a->n; i++) {
		const struct copy *row = &of->copy[a->from + i];
		struct salt	   salt = row->salt;

		salt.b[0] ^= a->spoil && i + 1 == a->n;
		range_row_write(&b, ROW_FULL, &salt, bytes_of(row->header, row->nheader), bytes_of(row->body, row->nbody), &row->commitment);
	}
	range_frame_end(&b, begun, (uint16_t)a->n, a->checkpoint ? &c : NULL);
	assert_int_equal(b.err, ERR_OK);
	assert_int_equal(frame_next(builder_bytes(&b), &f, &used), ERR_OK);
	assert_int_equal(range_frame_read(f.payload, &r), ERR_OK);
	struct channel_event event = {.type = EVENT_RANGE, .range = &r};
	step(h, &event);
}

static struct answer whole(const struct house *of)
{
	return (struct answer){.n = of->ncopies, .checkpoint = true, .sig = of->sig, .root = of->signed_at.root};
}

static void ask(struct house *h)
{
	struct channel_event get = {.type = EVENT_CANCEL};

	step(h, &get); /* any wish of an application meets the same door */
}

/* ---- stories ---- */

static void test_what_our_signature_proves_comes_back(void **state)
{
	struct house *before = past(), *h = house_new(2);
	struct answer a = whole(before);

	(void)state;
	hello(h, before, before->ncopies);
	assert_true(channel_fetching(h->channel));
	assert_int_equal(h->unanswered, 0);
	assert_int_equal(h->gets, 1);
	assert_string_equal(h->get_origin, before->origin);
	assert_int_equal(h->get.from, 0);
	assert_int_equal(h->get.to, before->ncopies);
	range(h, before, &a);
	assert_int_equal(h->taken, before->ncopies);
	assert_int_equal(h->adopts, 1);
	assert_int_equal(h->closes, 0);
	turn(h);
	assert_int_equal(h->closes, 1);
	assert_int_equal(h->close, CLOSE_RESTART);
	assert_int_equal(h->alarms, 0);
	/* the next session is like any other */
	struct channel_event down = {.type = EVENT_DISCONNECTED};
	step(h, &down);
	hello(h, before, before->ncopies);
	assert_false(channel_fetching(h->channel));
	assert_int_equal(h->unanswered, 1);
	assert_int_equal(h->gets, 1);
	house_free(before);
	house_free(h);
}

static void test_rows_in_two_answers(void **state)
{
	struct house *before = past(), *h = house_new(2);
	struct answer first = {.n = 1}, end = {.from = 1}, last = whole(before);

	(void)state;
	last.from = 1;
	last.n--;
	hello(h, before, before->ncopies);
	range(h, before, &first);
	range(h, before, &end);
	assert_int_equal(h->gets, 2); /* there was progress: more is asked for, and what came is kept */
	assert_int_equal(h->get.from, 1);
	assert_int_equal(h->taken, 0);
	range(h, before, &last);
	assert_int_equal(h->taken, before->ncopies);
	house_free(before);
	house_free(h);
}

/* ---- liars ---- */

static void liar_end(struct house *before, struct house *h)
{
	assert_int_equal(h->taken, 0);
	assert_int_equal(h->adopts, 0);
	assert_true(h->closes > 0);
	house_free(before);
	house_free(h);
}

static void test_another_row_is_not_taken(void **state)
{
	struct house *before = past(), *h = house_new(2);
	struct answer a = whole(before);

	(void)state;
	a.spoil = true;
	hello(h, before, before->ncopies);
	range(h, before, &a);
	assert_int_equal(h->alarms, 1);
	assert_int_equal(h->alarm, ALARM_ROOT);
	liar_end(before, h);
}

static void test_another_signature_proves_nothing(void **state)
{
	struct house *before = past(), *h = house_new(2);
	struct answer a = whole(before);

	(void)state;
	a.sig.b[7] ^= 1;
	hello(h, before, before->ncopies);
	range(h, before, &a);
	assert_int_equal(h->alarms, 1);
	assert_int_equal(h->alarm, ALARM_SIGNATURE);
	liar_end(before, h);
}

static void test_rows_without_a_proof_are_not_taken(void **state)
{
	struct house *before = past(), *h = house_new(2);
	struct answer rows = {.n = before->ncopies}, end = {.from = before->ncopies};

	(void)state;
	hello(h, before, before->ncopies);
	range(h, before, &rows);
	range(h, before, &end);
	assert_int_equal(h->alarms, 1);
	assert_int_equal(h->alarm, ALARM_ROOT);
	liar_end(before, h);
}

static void test_who_shows_and_gives_nothing(void **state)
{
	struct house *before = past(), *h = house_new(2);
	struct answer end = {.n = 0};

	(void)state;
	hello(h, before, 4711);
	range(h, before, &end);
	assert_int_equal(h->alarms, 1);
	liar_end(before, h);
}

static void test_a_range_that_nobody_asked_for(void **state)
{
	struct house *before = past(), *h = house_new(2);
	struct answer a = whole(before);

	(void)state;
	hello(h, before, 0);
	assert_false(channel_fetching(h->channel));
	range(h, before, &a);
	assert_int_equal(h->alarms, 0);
	assert_int_equal(h->close, CLOSE_PROTOCOL);
	liar_end(before, h);
}

static void test_a_range_from_elsewhere(void **state)
{
	struct house *before = past(), *h = house_new(2);
	struct answer a = whole(before);

	(void)state;
	hello(h, before, before->ncopies);
	a.from = 1;
	a.n--;
	range(h, before, &a);
	assert_int_equal(h->close, CLOSE_PROTOCOL);
	liar_end(before, h);
}

static void test_more_of_the_open_epoch_is_never_fetched(void **state)
{
	struct house *before = past(), *h = house_new(2);

	(void)state;
	hello(h, h, h->ncopies + 1);
	assert_int_equal(h->gets, 0);
	assert_int_equal(h->alarms, 1);
	liar_end(before, h);
}

static void test_while_nothing_comes_nothing_is_done(void **state)
{
	struct house *before = past(), *h = house_new(2);

	(void)state;
	hello(h, before, before->ncopies);
	ask(h);
	assert_int_equal(h->failures, 1);
	struct channel_event down = {.type = EVENT_DISCONNECTED};
	step(h, &down);
	assert_false(channel_fetching(h->channel));
	hello(h, before, before->ncopies); /* what was only shown is shown again, and asked for again */
	assert_int_equal(h->gets, 2);
	assert_int_equal(h->namings, 0);
	h->closes++;
	liar_end(before, h);
}

/* ---- what the partner may ask ---- */

static void get(struct house *h, const char *origin)
{
	struct get_frame     f = {.origin = bytes_text(origin), .from = 0, .to = 10};
	struct channel_event event = {.type = EVENT_GET, .get = &f};

	step(h, &event);
}

static void test_gets_are_answered_and_counted(void **state)
{
	struct house	    *h = house_new(2);
	struct channel_event tick = {.type = EVENT_TICK};

	(void)state;
	hello(h, h, 1);
	get(h, h->origin);
	assert_int_equal(h->ranges, 1);
	for (unsigned i = 0; i < 300; i++)
		get(h, h->origin);
	assert_int_equal(h->ranges, 256);
	assert_int_equal(h->close, CLOSE_PROTOCOL);
	hello(h, h, 1);
	step(h, &tick);
	get(h, h->origin);
	assert_int_equal(h->ranges, 257);
	house_free(h);
}

static void test_gets_of_others(void **state)
{
	static const char *const origins[] = {
		"south.example/mithaq/east.example/customs/01010101010101010101010101010101",
		"east.example/mithaq/south.example/customs/01010101010101010101010101010101",
		"south.example/mithaq/north.example/border/01010101010101010101010101010101",
		"no origin",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(origins); i++) {
		struct house *h = house_new(2);

		hello(h, h, 1);
		get(h, origins[i]);
		assert_int_equal(h->ranges, 0);
		assert_int_equal(h->close, CLOSE_PROTOCOL);
		house_free(h);
	}
}

/* ---- a year ends ---- */

static void test_years(void **state)
{
	(void)state;
	assert_int_equal(year_of(0), 1970);
	assert_int_equal(year_of(364), 1970);
	assert_int_equal(year_of(365), 1971);
	assert_int_equal(year_of(11016), 2000); /* 2000-02-29 */
	assert_int_equal(year_of(11322), 2000); /* 2000-12-31 */
	assert_int_equal(year_of(11323), 2001);
	assert_int_equal(year_of(20818), 2026); /* 2026-12-31 */
	assert_int_equal(year_of(20819), 2027);
	assert_int_equal(year_of(47481), 2099); /* 2099-12-31 */
	assert_int_equal(year_of(47482), 2100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_our_signature_proves_comes_back),
		cmocka_unit_test(test_rows_in_two_answers),
		cmocka_unit_test(test_another_row_is_not_taken),
		cmocka_unit_test(test_another_signature_proves_nothing),
		cmocka_unit_test(test_rows_without_a_proof_are_not_taken),
		cmocka_unit_test(test_who_shows_and_gives_nothing),
		cmocka_unit_test(test_a_range_that_nobody_asked_for),
		cmocka_unit_test(test_a_range_from_elsewhere),
		cmocka_unit_test(test_more_of_the_open_epoch_is_never_fetched),
		cmocka_unit_test(test_while_nothing_comes_nothing_is_done),
		cmocka_unit_test(test_gets_are_answered_and_counted),
		cmocka_unit_test(test_gets_of_others),
		cmocka_unit_test(test_years),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
