/* breach.c: what ends a session or freezes the channel: structure, signatures, roots, chains, tallies, receipts, credit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "story.h"

/* ---- entries whose structure is broken: ALARM, frozen, and no receipt ---- */

static void spoil_index(struct pen *p, struct forged *f)
{
	(void)p;
	f->header.index++;
}

static void spoil_genesis(struct pen *p, struct forged *f)
{
	pen_genesis(p, 0, f);
	f->header.index = 2;
}

static void spoil_aseq(struct pen *p, struct forged *f)
{
	(void)p;
	f->header.aseq++;
}

static void spoil_commitment(struct pen *p, struct forged *f)
{
	(void)p;
	f->spoil_commitment = true;
}

static const struct {
	void (*spoil)(struct pen *p, struct forged *f);
	const char *trace;
} structures[] = {
	{spoil_index, "[   0] south ALARM structure: an entry's index is not the next\n"
		      "[   0] south closes: an entry's index is not the next\n"},
	{spoil_genesis, "[   0] south ALARM structure: GENESIS stands at index 0 and nowhere else\n"
			"[   0] south closes: GENESIS stands at index 0 and nowhere else\n"},
	{spoil_aseq, "[   0] south ALARM structure: the entries of an agreement are not counted without gaps\n"
		     "[   0] south closes: the entries of an agreement are not counted without gaps\n"},
	{spoil_commitment, "[   0] south ALARM structure: an inline part does not match its commitment\n"
			   "[   0] south closes: an inline part does not match its commitment\n"},
};

static void a_broken_structure_freezes(void **state)
{
	static struct pen p;
	struct forged	  f;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(structures); i++) {
		pen_begin(&p, NORTH);
		pen_open(&p);
		pen_question(&p, &f);
		structures[i].spoil(&p, &f);
		pen_say(&p, &f);
		story_is(&p.story, structures[i].trace);
		assert_true(channel_frozen(p.reader->channel));
		assert_int_equal(p.reader->lookups, 0);
		pen_end(&p);
	}
}

static void an_epoch_does_not_begin_with_genesis(void **state)
{
	static struct pen p;
	struct forged	  f;

	(void)state;
	pen_begin(&p, NORTH);
	pen_connect(&p);
	story_listen(&p.story);
	pen_agree(&p, &f);
	pen_say(&p, &f);
	story_is(&p.story, "[   0] south ALARM structure: GENESIS stands at index 0 and nowhere else\n"
			   "[   0] south closes: GENESIS stands at index 0 and nowhere else\n");
	pen_end(&p);
}

/* A frozen channel takes nothing, answers nothing, asks nothing, and a new session does not thaw it. */
static void a_frozen_channel_refuses(void **state)
{
	static struct pen    p;
	struct forged	     f;
	struct side_question back = {.clause = 9, .purpose = "duty-assessment", .declaration = "2026-1"};

	(void)state;
	pen_begin(&p, NORTH);
	pen_open(&p);
	pen_question(&p, &f);
	f.header.index++;
	pen_say(&p, &f);
	story_listen_again(&p.story);
	side_ask_with(p.reader, &back);
	pen_connect(&p);
	p.log[0].n = 2;
	pen_question(&p, &f);
	pen_say(&p, &f);
	story_is(&p.story, "[   0] south asks about 2026-1 for duty-assessment\n"
			   "[   0] south cannot take it now: frozen\n");
	pen_end(&p);
}

static void an_entry_of_a_log_that_was_not_shown(void **state)
{
	static struct pen p;
	struct forged	  f;

	(void)state;
	pen_begin(&p, NORTH);
	pen_open(&p);
	pen_epoch(&p);
	pen_genesis(&p, 1, &f);
	pen_say(&p, &f);
	story_is(&p.story, "[   0] south closes: an ENTRY beyond the credit given, or of a log not shown\n");
	assert_false(channel_frozen(p.reader->channel));
	pen_end(&p);
}

/* South gave credit for 4,096 entries when it held none. */
static void entries_beyond_the_credit(void **state)
{
	static struct pen p;
	struct forged	  f;

	(void)state;
	pen_begin(&p, NORTH);
	pen_open(&p);
	pen_agree(&p, &f);
	for (f.header.index = 2; f.header.index < CHANNEL_WINDOW; f.header.index++) {
		pen_deliver(&p, &f);
		side_read(p.reader);
	}
	story_is(&p.story, "");
	pen_deliver(&p, &f);
	side_read(p.reader);
	story_is(&p.story, "[   0] south closes: an ENTRY beyond the credit given, or of a log not shown\n");
	pen_end(&p);
}

/* ---- checkpoints ---- */

static void checkpoint_of_a_question(struct pen *p, struct checkpoint_frame *c)
{
	struct forged f;

	pen_begin(p, NORTH);
	pen_open(p);
	pen_question(p, &f);
	pen_write(p, &f);
	pen_checkpoint(p, 0, 0, c);
}

static void a_checkpoint_with_a_bad_signature(void **state)
{
	static struct pen	p;
	struct checkpoint_frame c;

	(void)state;
	checkpoint_of_a_question(&p, &c);
	c.sig.b[7] ^= 1;
	pen_checkpoint_send(&p, &c);
	story_is(&p.story, "[   0] south ALARM signature: a CHECKPOINT whose signature does not verify\n"
			   "[   0] south closes: a CHECKPOINT whose signature does not verify\n");
	pen_end(&p);
}

static void a_checkpoint_with_a_wrong_root(void **state)
{
	static struct pen	p;
	struct checkpoint_frame c;

	(void)state;
	checkpoint_of_a_question(&p, &c);
	c.root.b[0] ^= 1;
	pen_checkpoint_sign(&p, 0, &c);
	pen_checkpoint_send(&p, &c);
	story_is(&p.story, "[   0] south ALARM root: a signed CHECKPOINT contradicts the entries delivered\n"
			   "[   0] south closes: a signed CHECKPOINT contradicts the entries delivered\n");
	assert_true(channel_frozen(p.reader->channel));
	pen_end(&p);
}

/* Signed for another log of the same author: the origin is in what is signed. */
static void a_checkpoint_of_another_epoch(void **state)
{
	static struct pen	p;
	struct checkpoint_frame c;

	(void)state;
	checkpoint_of_a_question(&p, &c);
	pen_epoch(&p);
	pen_checkpoint_sign(&p, 1, &c);
	pen_checkpoint_send(&p, &c);
	story_is(&p.story, "[   0] south ALARM signature: a CHECKPOINT whose signature does not verify\n"
			   "[   0] south closes: a CHECKPOINT whose signature does not verify\n");
	pen_end(&p);
}

static void a_checkpoint_beyond_the_entries(void **state)
{
	static struct pen	p;
	struct checkpoint_frame c;

	(void)state;
	checkpoint_of_a_question(&p, &c);
	c.size++;
	pen_checkpoint_sign(&p, 0, &c);
	pen_checkpoint_send(&p, &c);
	story_is(&p.story, "[   0] south closes: a CHECKPOINT beyond the entries delivered\n");
	assert_false(channel_frozen(p.reader->channel));
	pen_end(&p);
}

static void two_checkpoints_of_one_size(void **state)
{
	static struct pen	p;
	struct checkpoint_frame c;

	(void)state;
	checkpoint_of_a_question(&p, &c);
	pen_checkpoint_send(&p, &c);
	story_listen_again(&p.story);
	pen_checkpoint_send(&p, &c); /* the same again says nothing new */
	story_is(&p.story, "");
	c.root.b[0] ^= 1;
	pen_checkpoint_sign(&p, 0, &c);
	pen_checkpoint_send(&p, &c);
	story_is(&p.story, "[   0] south ALARM fork: a signed CHECKPOINT contradicts the entries delivered\n"
			   "[   0] south closes: a signed CHECKPOINT contradicts the entries delivered\n");
	assert_true(channel_frozen(p.reader->channel));
	pen_end(&p);
}

/* An old, smaller one says nothing new, as does one over nothing. */
static void a_smaller_checkpoint(void **state)
{
	static struct pen	p;
	struct checkpoint_frame c, small, none = {0};

	(void)state;
	checkpoint_of_a_question(&p, &c);
	pen_checkpoint_send(&p, &c);
	story_listen_again(&p.story);
	pen_checkpoint(&p, 0, 1, &small);
	pen_checkpoint_send(&p, &small);
	none.root = tree_root(NULL, 0);
	pen_checkpoint_sign(&p, 0, &none);
	pen_checkpoint_send(&p, &none);
	story_is(&p.story, "");
	assert_true(channel_connected(p.reader->channel));
	pen_end(&p);
}

/* ---- epochs ---- */

/* Opens a second epoch whose GENESIS says this, and a question in the first that only that GENESIS covers. */
static void second_epoch(struct pen *p, struct previous *named)
{
	struct forged f;

	pen_begin(p, NORTH);
	pen_open(p);
	pen_question(p, &f);
	pen_write(p, &f);
	pen_epoch(p);
	p->story.world.trace = NULL;
	pen_connect(p);
	p->log[0].n = 2; /* what the session dropped is delivered again */
	p->log[0].aseq = 0;
	pen_write(p, &f);
	p->story.world.trace = p->story.trace;
	*named = (struct previous){.size = 3, .root = tree_root(p->log[0].leaf, 3), .cause = CAUSE_RESTART};
	memcpy(named->epoch, p->log[0].epoch.b, EPOCH_SIZE);
}

static void say_genesis(struct pen *p, const struct previous *named)
{
	struct forged f;

	pen_genesis(p, 1, &f);
	pen_previous(&f, named);
	pen_say(p, &f);
}

/* The sibling of all that follow: the checkpoint of the new epoch covers the tail of the old one, which is acted on. */
static void an_epoch_goes_on(void **state)
{
	static struct pen p;
	struct previous	  named;

	(void)state;
	second_epoch(&p, &named);
	say_genesis(&p, &named);
	story_is(&p.story, "[   0] south takes QUERY 2\n"
			   "[   0] south looks up clause 7\n"
			   "[   0] south takes GENESIS 0\n"
			   "[   0] south appends REPLY 2: ok\n"
			   "[   0] south > receipt 3 of channel customs\n"
			   "[   0] south > receipt 1 of channel customs\n"
			   "[   0] south > checkpoint 3 of channel customs\n");
	pen_end(&p);
}

static void genesis_names_a_wrong_root(void **state)
{
	static struct pen p;
	struct previous	  named;

	(void)state;
	second_epoch(&p, &named);
	named.root.b[0] ^= 1;
	say_genesis(&p, &named);
	story_is(&p.story, "[   0] south ALARM root: a GENESIS or ADOPT names another root than the entries have\n"
			   "[   0] south closes: a GENESIS or ADOPT names another root than the entries have\n");
	assert_true(channel_frozen(p.reader->channel));
	pen_end(&p);
}

static void genesis_names_an_unknown_epoch(void **state)
{
	static struct pen p;
	struct previous	  named;

	(void)state;
	second_epoch(&p, &named);
	named.epoch[0] ^= 1;
	say_genesis(&p, &named);
	story_is(&p.story, "[   0] south closes: a GENESIS names an epoch that was not delivered to its named size\n");
	assert_false(channel_frozen(p.reader->channel));
	pen_end(&p);
}

static void genesis_names_itself(void **state)
{
	static struct pen p;
	struct previous	  named;

	(void)state;
	second_epoch(&p, &named);
	memcpy(named.epoch, p.log[1].epoch.b, EPOCH_SIZE);
	named.size = 1;
	say_genesis(&p, &named);
	story_is(&p.story, "[   0] south closes: a GENESIS names an epoch that was not delivered to its named size\n");
	pen_end(&p);
}

static void genesis_names_more_than_was_delivered(void **state)
{
	static struct pen p;
	struct previous	  named;

	(void)state;
	second_epoch(&p, &named);
	named.size = 4;
	say_genesis(&p, &named);
	story_is(&p.story, "[   0] south closes: a GENESIS names an epoch that was not delivered to its named size\n");
	assert_false(channel_frozen(p.reader->channel));
	pen_end(&p);
}

/* No fork: its own ledger was put back. The epoch is read and receipted, and no message in it counts. */
#define OLDER_COPY                                                                                                                                   \
	"[   0] south ALARM: the partner went on from an older copy of its ledger than is held here: nothing it says is acted on before it has "     \
	"taken in the rest\n"

static void genesis_names_less_than_is_held(void **state)
{
	static struct pen p;
	struct previous	  named;

	(void)state;
	second_epoch(&p, &named);
	named.size = 1;
	named.root = tree_root(p.log[0].leaf, 1);
	say_genesis(&p, &named);
	story_is(&p.story, OLDER_COPY "[   0] south takes GENESIS 0\n"
				      "[   0] south > receipt 1 of channel customs\n");
	assert_true(channel_waiting(p.reader->channel));
	assert_false(channel_frozen(p.reader->channel));
	pen_end(&p);
}

static void genesis_says_first_again(void **state)
{
	static struct pen p;
	struct previous	  named;

	(void)state;
	second_epoch(&p, &named);
	named = (struct previous){.cause = CAUSE_FIRST};
	say_genesis(&p, &named);
	story_is(&p.story, OLDER_COPY "[   0] south takes GENESIS 0\n"
				      "[   0] south > receipt 1 of channel customs\n");
	assert_true(channel_waiting(p.reader->channel));
	assert_false(channel_frozen(p.reader->channel));
	pen_end(&p);
}

/* An epoch that was shown and of which not one entry came: size zero, and the root of nothing. */
static void genesis_names_an_empty_epoch(void **state)
{
	static struct pen p;
	struct previous	  named;
	struct forged	  f;

	(void)state;
	pen_begin(&p, NORTH);
	pen_epoch(&p);
	pen_connect(&p);
	story_listen(&p.story);
	named = (struct previous){.root = tree_root(NULL, 0), .cause = CAUSE_RESTART};
	memcpy(named.epoch, p.log[0].epoch.b, EPOCH_SIZE);
	pen_genesis(&p, 0, &f); /* of no use: it belongs to the first log, and is not sent */
	say_genesis(&p, &named);
	story_is(&p.story, "[   0] south closes: a GENESIS names an epoch that was not delivered to its named size\n");
	pen_end(&p);
}

/* Two epochs go on from the same one: the partner was started twice from one copy. */
static void two_epochs_go_on_from_one(void **state)
{
	static struct pen p;
	struct previous	  named;
	struct forged	  f;

	(void)state;
	second_epoch(&p, &named);
	say_genesis(&p, &named);
	pen_epoch(&p);
	pen_connect(&p);
	story_listen_again(&p.story);
	pen_genesis(&p, 2, &f);
	pen_previous(&f, &named);
	pen_say(&p, &f);
	story_is(&p.story, OLDER_COPY "[   0] south takes GENESIS 0\n"
				      "[   0] south > receipt 1 of channel customs\n");
	assert_true(channel_waiting(p.reader->channel));
	assert_false(channel_frozen(p.reader->channel));
	pen_end(&p);
}

/* ---- tallies ---- */

static void say_tally(uint64_t more, uint64_t later, const char *expected)
{
	static struct pen p;
	struct forged	  f;
	struct tally	  t = {.n = 1};

	pen_begin(&p, NORTH);
	pen_open(&p);
	pen_question(&p, &f);
	pen_say(&p, &f);
	story_listen_again(&p.story);
	memcpy(t.epoch, p.log[0].epoch.b, EPOCH_SIZE);
	t.row[0] = (struct tally_row){.agreement = p.reader->agreement->id, .count = 1 + more, .last = 2 + later};
	pen_tally(&p, 0, &f);
	pen_tally_say(&f, &t);
	pen_say(&p, &f);
	story_is(&p.story, expected);
	assert_int_equal(channel_frozen(p.reader->channel), more + later > 0);
	pen_end(&p);
}

#define TALLY_ALARM                                                                                                                                  \
	"[   0] south takes TALLY 3\n"                                                                                                               \
	"[   0] south ALARM tally: the partner's TALLY does not agree with the entries held\n"                                                       \
	"[   0] south closes: the partner's TALLY does not agree with the entries held\n"

static void a_tally_is_compared(void **state)
{
	(void)state;
	say_tally(0, 0, "[   0] south takes TALLY 3\n[   0] south > receipt 4 of channel customs\n");
	say_tally(1, 0, TALLY_ALARM);
	say_tally(0, 1, TALLY_ALARM);
}

/* The new epoch counts the one before it: the question that only GENESIS covered is counted. */
static void say_tally_of_the_last(bool wrong, const char *expected)
{
	static struct pen p;
	struct previous	  named;
	struct forged	  f;
	struct tally	  nothing = {0};

	second_epoch(&p, &named);
	say_genesis(&p, &named);
	story_listen_again(&p.story);
	pen_tally(&p, 0, &f);
	memcpy(nothing.epoch, p.log[0].epoch.b, EPOCH_SIZE);
	if (wrong)
		pen_tally_say(&f, &nothing);
	pen_say(&p, &f);
	story_is(&p.story, expected);
	pen_end(&p);
}

static void a_tally_of_the_last_epoch_is_compared(void **state)
{
	(void)state;
	say_tally_of_the_last(false, "[   0] south takes TALLY 1\n[   0] south > receipt 2 of channel customs\n");
	say_tally_of_the_last(true, "[   0] south takes TALLY 1\n"
				    "[   0] south ALARM tally: the partner's TALLY does not agree with the entries held\n"
				    "[   0] south closes: the partner's TALLY does not agree with the entries held\n");
}

/* ---- receipts, credit and HELLO: what the author checks ---- */

/* North has asked, its checkpoint is signed, and the pen in the south has the receipt ready. */
static void receipt_of_a_question(struct pen *p, struct receipt_frame *r)
{
	pen_begin(p, SOUTH);
	pen_open(p);
	side_ask(p->reader, "duty-assessment", "2026-1", NULL);
	world_settle(&p->story.world);
	story_is(&p->story, "[   0] north asks about 2026-1 for duty-assessment\n"
			    "[   0] north appends QUERY 2\n"
			    "[   0] north > checkpoint 3 of channel customs\n");
	pen_receipt(p, 3, r);
}

static void a_receipt_arrives(void **state)
{
	static struct pen    p;
	struct receipt_frame r;

	(void)state;
	receipt_of_a_question(&p, &r);
	pen_receipt_send(&p, &r);
	story_is(&p.story, "");
	assert_int_equal(channel_unreceipted(p.reader->channel), 0);
	pen_receipt(&p, 2, &r); /* a smaller one says nothing new and takes nothing back */
	pen_receipt_send(&p, &r);
	story_is(&p.story, "");
	assert_int_equal(channel_unreceipted(p.reader->channel), 0);
	pen_end(&p);
}

static void a_receipt_with_a_bad_signature(void **state)
{
	static struct pen    p;
	struct receipt_frame r;

	(void)state;
	receipt_of_a_question(&p, &r);
	r.time_s++;
	pen_receipt_send(&p, &r);
	story_is(&p.story, "[   0] north closes: a RECEIPT whose signature does not verify\n");
	assert_int_equal(channel_unreceipted(p.reader->channel), 3);
	pen_end(&p);
}

static void a_receipt_with_another_root(void **state)
{
	static struct pen    p;
	struct receipt_frame r;

	(void)state;
	receipt_of_a_question(&p, &r);
	r.root.b[0] ^= 1;
	pen_receipt_sign(&p, &r);
	pen_receipt_send(&p, &r);
	story_is(&p.story, "[   0] north ALARM fork: the partner receipted another root than the one we signed\n"
			   "[   0] north closes: the partner receipted another root than the one we signed\n");
	assert_true(channel_frozen(p.reader->channel));
	pen_end(&p);
}

static void a_receipt_for_more_than_there_is(void **state)
{
	static struct pen    p;
	struct receipt_frame r;

	(void)state;
	receipt_of_a_question(&p, &r);
	pen_receipt(&p, 4, &r);
	pen_receipt_send(&p, &r);
	story_is(&p.story, "[   0] north closes: RECEIPT for a log or a size that was not shown\n");
	pen_end(&p);
}

/* Credit for two entries: the third waits, and so does the checkpoint that covers it. */
static void credit_is_used_up(void **state)
{
	static struct pen p;

	(void)state;
	pen_begin(&p, SOUTH);
	p.credit = 2;
	pen_open(&p);
	side_ask(p.reader, "duty-assessment", "2026-1", NULL);
	world_settle(&p.story.world);
	pen_credit(&p, 0, 3);
	world_settle(&p.story.world);
	story_is(&p.story, "[   0] north asks about 2026-1 for duty-assessment\n"
			   "[   0] north appends QUERY 2\n"
			   "[   0] north > entries 2 to 2 from the ledger\n"
			   "[   0] north > checkpoint 3 of channel customs\n");
	side_ask(p.reader, "duty-assessment", "2026-1", NULL);
	world_settle(&p.story.world);
	story_is(&p.story, "[   0] north asks about 2026-1 for duty-assessment\n"
			   "[   0] north appends QUERY 3\n");
	pen_end(&p);
}

static void credit_is_lowered(void **state)
{
	static struct pen   p;
	uint8_t		    memory[64];
	struct builder	    b = builder_on(memory, sizeof memory);
	struct credit_frame less = {.max_size = 4095, .max_inline = 1u << 24};

	(void)state;
	pen_begin(&p, SOUTH);
	pen_open(&p);
	credit_frame_write(&b, &less);
	side_deliver(p.reader, builder_bytes(&b));
	world_settle(&p.story.world);
	story_is(&p.story, "[   0] north closes: CREDIT for an unknown log, or lowered\n");
	pen_end(&p);
}

/* A HELLO in which the pen says how much of the reader's log it holds, and with which root. */
static void hello_says(uint64_t size, uint8_t spoil, bool unknown_epoch, const char *expected)
{
	static struct pen   p;
	static struct hello mine;
	struct channel_log  theirs;
	struct hash	    root;
	char		    origin[ORIGIN_MOST];

	pen_begin(&p, SOUTH);
	pen_open(&p);
	side_ask(p.reader, "duty-assessment", "2026-1", NULL);
	world_settle(&p.story.world);
	assert_true(channel_log(p.reader->channel, true, &theirs));
	const struct disk_log *l = disk_log_find(&p.reader->disk, true, &theirs.epoch);
	root = *disk_root(&p.reader->disk, true, &l->epoch, size <= l->n ? size : l->n);
	root.b[0] ^= spoil;
	theirs.epoch.b[0] ^= unknown_epoch;
	side_origin(p.reader, &theirs.epoch, origin);
	world_cut(&p.story.world);
	memset(&mine, 0, sizeof mine);
	assert_int_equal(channel_hello(p.reader->channel, &mine), ERR_OK);
	memset(&mine, 0, sizeof mine);
	mine.npeer = 1;
	mine.peer[0] = (struct hello_log){.origin = bytes_text(origin), .size = size, .root = root};
	story_listen_again(&p.story);
	side_hear(p.reader, &mine);
	world_settle(&p.story.world);
	story_is(&p.story, expected);
	pen_end(&p);
}

static void the_partner_says_what_it_holds(void **state)
{
	static const char more[] =
		"[   0] north ALARM root: the partner holds more of our open epoch than this ledger: was this machine put back to an earlier "
		"moment?\n"
		"[   0] north closes: the partner holds more of our open epoch than this ledger: was this machine put back to an earlier moment?\n";
	static const char root[] = "[   0] north ALARM root: the partner holds an epoch of ours with another root than this ledger\n"
				   "[   0] north closes: the partner holds an epoch of ours with another root than this ledger\n";

	(void)state;
	hello_says(2, 0, false, "");
	hello_says(3, 0, false, "");
	hello_says(4, 0, false, more);
	hello_says(3, 1, false, root);
	hello_says(2, 1, false, root);
	hello_says(2, 0, true, "[   0] north > GET 0 to 1\n"); /* an older one that this ledger does not know: it was put back */
}

/* ---- answers ---- */

/* The pen answers north's question; `spoil` spoils the answer. */
static void answer_with(uint16_t status, void (*spoil)(struct forged *f), const char *expected)
{
	static struct pen    p;
	struct receipt_frame r;
	struct forged	     f;

	receipt_of_a_question(&p, &r);
	pen_receipt_send(&p, &r);
	pen_reply(&p, 2, status, &f);
	if (spoil != NULL)
		spoil(&f);
	pen_say(&p, &f);
	story_is(&p.story, expected);
	pen_end(&p);
}

static void spoil_answer(struct forged *f)
{
	f->body[0] = pen_record("status", "confiscated", NULL, NULL);
}

static void spoil_answer_field(struct forged *f)
{
	f->body[0] = pen_record("status", "released", "owner", "Sample Trading");
}

static void spoil_no_hit(struct forged *f)
{
	f->body[0] = pen_record("status", "released", NULL, NULL);
}

static void spoil_record(struct forged *f)
{
	f->body[0] = bytes_text("released");
}

static void spoil_re_index(struct forged *f)
{
	f->header.re.index = 1;
}

static void spoil_re_epoch(struct forged *f)
{
	f->header.re.epoch[0] ^= 1;
}

static void spoil_re_leaf(struct forged *f)
{
	f->header.re.leaf.b[0] ^= 1;
}

static void spoil_re_clause(struct forged *f)
{
	f->header.clause = 9;
}

static void refusal_reason(struct forged *f)
{
	f->body[1] = pen_record("reason", "inquiry-under-way", "rule", "7/refuse-for");
}

#define ARRIVES(status) "[   0] north takes REPLY 2: " status "\n"
#define RECEIPT		"[   0] north > receipt 3 of channel customs\n"
#define NOT_SHOWN	"[   0] north tells: failed: answer-not-permitted"

static void an_answer_is_checked_before_it_is_shown(void **state)
{
	(void)state;
	answer_with(STATUS_OK, NULL, ARRIVES("ok") "[   0] north tells: answered ok, status released\n" RECEIPT);
	answer_with(STATUS_OK, spoil_answer, ARRIVES("ok") NOT_SHOWN " by rule 7/answer/status\n" RECEIPT);
	answer_with(STATUS_OK, spoil_answer_field, ARRIVES("ok") NOT_SHOWN " by rule 7/answer/owner\n" RECEIPT);
	answer_with(STATUS_OK, spoil_record, ARRIVES("ok") NOT_SHOWN "\n" RECEIPT);
	answer_with(STATUS_NO_HIT, NULL, ARRIVES("no-hit") "[   0] north tells: answered no-hit\n" RECEIPT);
	answer_with(STATUS_NO_HIT, spoil_no_hit, ARRIVES("no-hit") NOT_SHOWN "\n" RECEIPT);
	answer_with(STATUS_REFUSED, refusal_reason,
		    ARRIVES("refused") "[   0] north tells: refused: inquiry-under-way by rule 7/refuse-for\n" RECEIPT);
	answer_with(STATUS_SUSPENDED, NULL, ARRIVES("suspended") "[   0] north tells: refused\n" RECEIPT);
	answer_with(STATUS_EXPIRED, NULL, ARRIVES("expired") "[   0] north tells: expired\n" RECEIPT);
	answer_with(STATUS_ERROR, NULL, ARRIVES("error") "[   0] north tells: failed\n" RECEIPT);
	answer_with(STATUS_UNSUPPORTED, NULL, ARRIVES("unsupported") "[   0] north tells: failed\n" RECEIPT);
}

/* Taken, receipted, and without any effect. */
static void an_answer_to_something_else(void **state)
{
	(void)state;
	answer_with(STATUS_OK, spoil_re_index, ARRIVES("ok") RECEIPT);
	answer_with(STATUS_OK, spoil_re_epoch, ARRIVES("ok") RECEIPT);
	answer_with(STATUS_OK, spoil_re_leaf, ARRIVES("ok") RECEIPT);
	answer_with(STATUS_OK, spoil_re_clause, ARRIVES("ok") RECEIPT);
}

static void the_first_answer_counts(void **state)
{
	static struct pen    p;
	struct receipt_frame r;
	struct forged	     f;

	(void)state;
	receipt_of_a_question(&p, &r);
	pen_reply(&p, 2, STATUS_NO_HIT, &f);
	pen_write(&p, &f);
	pen_reply(&p, 2, STATUS_OK, &f);
	pen_say(&p, &f);
	pen_reply(&p, 2, STATUS_REFUSED, &f);
	pen_say(&p, &f);
	story_is(&p.story, "[   0] north takes REPLY 2: no-hit\n"
			   "[   0] north takes REPLY 3: ok\n"
			   "[   0] north tells: answered no-hit\n"
			   "[   0] north > receipt 4 of channel customs\n"
			   "[   0] north takes REPLY 4: refused\n"
			   "[   0] north > receipt 5 of channel customs\n");
	pen_end(&p);
}

/* No checkpoint, no effect: what is not covered binds nobody. */
static void an_answer_without_a_checkpoint(void **state)
{
	static struct pen    p;
	struct receipt_frame r;
	struct forged	     f;

	(void)state;
	receipt_of_a_question(&p, &r);
	pen_reply(&p, 2, STATUS_OK, &f);
	pen_write(&p, &f);
	world_settle(&p.story.world);
	story_is(&p.story, "");
	world_cut(&p.story.world);
	assert_int_equal(p.reader->disk.nanswers, 0);
	pen_end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_broken_structure_freezes),
		cmocka_unit_test(an_epoch_does_not_begin_with_genesis),
		cmocka_unit_test(a_frozen_channel_refuses),
		cmocka_unit_test(an_entry_of_a_log_that_was_not_shown),
		cmocka_unit_test(entries_beyond_the_credit),
		cmocka_unit_test(a_checkpoint_with_a_bad_signature),
		cmocka_unit_test(a_checkpoint_with_a_wrong_root),
		cmocka_unit_test(a_checkpoint_of_another_epoch),
		cmocka_unit_test(a_checkpoint_beyond_the_entries),
		cmocka_unit_test(two_checkpoints_of_one_size),
		cmocka_unit_test(a_smaller_checkpoint),
		cmocka_unit_test(an_epoch_goes_on),
		cmocka_unit_test(genesis_names_a_wrong_root),
		cmocka_unit_test(genesis_names_an_unknown_epoch),
		cmocka_unit_test(genesis_names_itself),
		cmocka_unit_test(genesis_names_more_than_was_delivered),
		cmocka_unit_test(genesis_names_less_than_is_held),
		cmocka_unit_test(genesis_says_first_again),
		cmocka_unit_test(two_epochs_go_on_from_one),
		cmocka_unit_test(a_tally_is_compared),
		cmocka_unit_test(a_tally_of_the_last_epoch_is_compared),
		cmocka_unit_test(a_receipt_arrives),
		cmocka_unit_test(a_receipt_with_a_bad_signature),
		cmocka_unit_test(a_receipt_with_another_root),
		cmocka_unit_test(a_receipt_for_more_than_there_is),
		cmocka_unit_test(credit_is_used_up),
		cmocka_unit_test(credit_is_lowered),
		cmocka_unit_test(the_partner_says_what_it_holds),
		cmocka_unit_test(an_answer_is_checked_before_it_is_shown),
		cmocka_unit_test(an_answer_to_something_else),
		cmocka_unit_test(the_first_answer_counts),
		cmocka_unit_test(an_answer_without_a_checkpoint),
		cmocka_unit_test(genesis_names_an_empty_epoch),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
