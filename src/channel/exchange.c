#include "channel/exchange.h"

#define ID_PREFIX      "q_"
#define ID_PREFIX_SIZE 2
#define TEXT_MOST      FIELD_VALUE_MOST
#define RECORD_MOST    (3u + FIELDS_MOST * (5u + NAME_MOST + FIELD_VALUE_MOST))

const char *exchange_state_name(enum exchange_state s)
{
	switch (s) {
	case EXCHANGE_ACCEPTED:
		return "accepted";
	case EXCHANGE_DELIVERED:
		return "delivered";
	case EXCHANGE_ANSWERED:
		return "answered";
	case EXCHANGE_REFUSED:
		return "refused";
	case EXCHANGE_EXPIRED:
		return "expired";
	case EXCHANGE_FAILED:
		return "failed";
	}
	return "unknown";
}

enum exchange_state exchange_state_of(uint16_t status)
{
	switch (status) {
	case STATUS_OK:
	case STATUS_NO_HIT:
		return EXCHANGE_ANSWERED;
	case STATUS_REFUSED:
	case STATUS_SUSPENDED:
		return EXCHANGE_REFUSED;
	case STATUS_EXPIRED:
		return EXCHANGE_EXPIRED;
	default:
		return EXCHANGE_FAILED;
	}
}

/* ---- the id people see: "q_" and 26 letters of base 32 ---- */

void exchange_id_write(const uint8_t mid[MID_SIZE], char out[29])
{
	memcpy(out, ID_PREFIX, ID_PREFIX_SIZE);
	id_write(mid, out + ID_PREFIX_SIZE);
}

enum err exchange_id_read(struct bytes text, uint8_t mid[MID_SIZE])
{
	struct cursor c = cursor_on(text);
	struct bytes  prefix = cursor_take(&c, ID_PREFIX_SIZE);

	if (cursor_err(&c) != ERR_OK || !bytes_is(prefix, ID_PREFIX))
		return ERR_MALFORMED;
	return id_read(cursor_rest(&c), mid);
}

/* ---- pieces ---- */

void piped_text_write(struct builder *b, const char *text)
{
	build_bytes16(b, bytes_text(text));
}

void piped_text_read(struct cursor *c, char *out, size_t room)
{
	struct bytes v = cursor_take16(c, room - 1);

	if (v.n > 0 && memchr(v.at, 0, v.n) != NULL) {
		cursor_fail(c, ERR_MALFORMED);
		v = BYTES_NONE;
	}
	if (v.n > 0)
		memcpy(out, v.at, v.n);
	out[v.n] = 0;
}

void piped_bool_write(struct builder *b, bool v)
{
	build_u8(b, v ? 1 : 0);
}

bool piped_bool_read(struct cursor *c)
{
	uint8_t v = cursor_u8(c);

	if (v > 1)
		cursor_fail(c, ERR_MALFORMED);
	return v == 1;
}

void piped_fields_write(struct builder *b, const struct fields *f)
{
	size_t at = b->n;

	build_u32(b, 0);
	size_t begun = b->n;
	fields_write(b, f);
	if (b->err != ERR_OK)
		return;
	struct builder length = builder_on(b->at + at, sizeof(uint32_t));
	build_u32(&length, (uint32_t)(b->n - begun));
}

void piped_fields_read(struct cursor *c, struct fields *out)
{
	struct bytes record = cursor_take32(c, RECORD_MOST);

	if (cursor_err(c) != ERR_OK)
		return;
	enum err e = fields_read(record, out);
	if (e != ERR_OK)
		cursor_fail(c, e);
}

/*
 * ---- an exchange ----
 *   mid[16] | bool ours | text partner | text channel | agreement[32] | u16 clause | u8 state | u16 status
 *   | u64 accepted, delivered, answered, not after (ms) | question and answer: epoch[16], u64 index
 *   | bool receipt held | u64 used
 *   | u16 length, purpose | reference | officer | fields ask | fields got | u16 length, reason | rule
 */

static void place_write(struct builder *b, const struct place *p)
{
	build_copy(b, p->epoch.b, EPOCH_SIZE);
	build_u64(b, p->index);
}

static void place_read(struct cursor *c, struct place *p)
{
	cursor_copy(c, p->epoch.b, EPOCH_SIZE);
	p->index = cursor_u64(c);
}

static void facts_write(struct builder *b, const struct exchange *x)
{
	build_copy(b, x->mid, MID_SIZE);
	piped_bool_write(b, x->ours);
	piped_text_write(b, x->partner);
	piped_text_write(b, x->channel);
	build_copy(b, x->agreement.b, HASH_SIZE);
	build_u16(b, x->clause);
	build_u8(b, (uint8_t)x->state);
	build_u16(b, x->status);
	build_u64(b, x->accepted_ms);
	build_u64(b, x->delivered_ms);
	build_u64(b, x->answered_ms);
	build_u64(b, x->not_after_ms);
	place_write(b, &x->question);
	place_write(b, &x->answer);
	piped_bool_write(b, x->receipt_held);
	build_u64(b, x->used);
}

static enum exchange_state state_read(struct cursor *c)
{
	uint8_t state = cursor_u8(c);

	if (state < EXCHANGE_ACCEPTED || state > EXCHANGE_FAILED) {
		cursor_fail(c, ERR_MALFORMED);
		return EXCHANGE_FAILED;
	}
	return (enum exchange_state)state;
}

static void facts_read(struct cursor *c, struct exchange *x)
{
	cursor_copy(c, x->mid, MID_SIZE);
	x->ours = piped_bool_read(c);
	piped_text_read(c, x->partner, sizeof x->partner);
	piped_text_read(c, x->channel, sizeof x->channel);
	cursor_copy(c, x->agreement.b, HASH_SIZE);
	x->clause = cursor_u16(c);
	x->state = state_read(c);
	x->status = cursor_u16(c);
	x->accepted_ms = cursor_u64(c);
	x->delivered_ms = cursor_u64(c);
	x->answered_ms = cursor_u64(c);
	x->not_after_ms = cursor_u64(c);
	place_read(c, &x->question);
	place_read(c, &x->answer);
	x->receipt_held = piped_bool_read(c);
	x->used = cursor_u64(c);
}

void exchange_write(struct builder *b, const struct exchange *x)
{
	facts_write(b, x);
	build_bytes16(b, x->purpose);
	build_bytes16(b, x->reference);
	build_bytes16(b, x->officer);
	piped_fields_write(b, &x->ask);
	piped_fields_write(b, &x->got);
	build_bytes16(b, x->reason);
	build_bytes16(b, x->rule);
}

enum err exchange_read(struct cursor *c, struct exchange *out)
{
	struct exchange x = {0};

	facts_read(c, &x);
	x.purpose = cursor_take16(c, TEXT_MOST);
	x.reference = cursor_take16(c, TEXT_MOST);
	x.officer = cursor_take16(c, TEXT_MOST);
	piped_fields_read(c, &x.ask);
	piped_fields_read(c, &x.got);
	x.reason = cursor_take16(c, TEXT_MOST);
	x.rule = cursor_take16(c, TEXT_MOST);
	if (cursor_err(c) != ERR_OK)
		return cursor_err(c);
	*out = x;
	return ERR_OK;
}
