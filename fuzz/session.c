/*
 * A partner with valid keys says frames in any order to one real channel. Whatever it
 * says: no crash, memory within its limit, nothing acted on that no signed checkpoint
 * covers, no question twice, no quota passed (tests/unit/hostile.h holds what must hold).
 *
 * The input is a list of steps: u8 what, then the step's own bytes.
 */
#include "../tests/unit/hostile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STEPS_MOST 400
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

/* Bytes as they come, as a captured link would send them: without a signature they bind nobody. */
static void say_bytes(struct cursor *c)
{
	static struct entry	e;
	struct channel_event	event = {.type = EVENT_ENTRY};
	struct bytes		v = cursor_take(c, cursor_u8(c));
	struct checkpoint_frame f;
	struct receipt_frame	r;

	if (entry_frame_read(v, &event.entry.log, &e) == ERR_OK) {
		event.entry.entry = &e;
		foe_step(&foe, &event);
	}
	if (checkpoint_frame_read(v, &f) == ERR_OK) {
		event = (struct channel_event){.type = EVENT_CHECKPOINT, .checkpoint = f};
		foe_step(&foe, &event);
	}
	if (receipt_frame_read(v, &r) == ERR_OK) {
		event = (struct channel_event){.type = EVENT_RECEIPT, .receipt = r};
		foe_step(&foe, &event);
	}
}

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

static void step(struct cursor *c)
{
	switch (cursor_u8(c) % 16) {
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
	case 13:
		say_bytes(c);
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
	struct cursor c = cursor_on(bytes_of(data, size));

	shown_from = 0;
	days = 1;
	foe_open(&foe, agreement);
	agreement = foe.agreement;
	for (unsigned i = 0; i < STEPS_MOST && cursor_left(&c) > 0 && foe.fault == NULL && foe.nwork < FOE_WORK_MOST / 2; i++)
		step(&c);
	if (foe.lookups_limited > QUOTA * (days + 2))
		foe_break(&foe, "the daily limit was passed");
	if (foe.fault != NULL) {
		fprintf(stderr, "%s; %s\n", foe.fault, foe.last_text);
		abort();
	}
	foe_end(&foe);
	return 0;
}
