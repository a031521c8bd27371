#include "wire/hello.h"

#include "base/text.h"

#define PARTY_NAME_MOST 128
#define LANE_LAST	1
#define STATE_LAST	1

/* ---- cards: u32 length, note, and so on ---- */

void hello_card_add(struct builder *b, struct bytes note)
{
	build_bytes32(b, note);
}

enum err hello_card_next(struct bytes *rows, struct bytes *note)
{
	struct cursor c = cursor_on(*rows);

	if (rows->n == 0) {
		*note = BYTES_NONE;
		return ERR_OK;
	}
	struct bytes found = cursor_take32(&c, HELLO_CARD_MOST);
	if (cursor_err(&c) != ERR_OK)
		return cursor_err(&c);
	if (found.n == 0)
		return ERR_MALFORMED;
	*note = found;
	*rows = cursor_rest(&c);
	return ERR_OK;
}

/* ---- the fixed beginning: versions, features, session, lane, party, card ---- */

static void start_write(struct builder *b, const struct hello *h)
{
	build_u16(b, h->protocol_min);
	build_u16(b, h->protocol_max);
	build_u32(b, h->features);
	build_copy(b, h->session, SESSION_SIZE);
	build_u8(b, h->lane);
	build_bytes16(b, h->party);
	build_u64(b, h->card_serial);
	build_bytes32(b, h->card);
}

static void start_read(struct cursor *c, struct hello *h)
{
	h->protocol_min = cursor_u16(c);
	h->protocol_max = cursor_u16(c);
	h->features = cursor_u32(c);
	cursor_copy(c, h->session, SESSION_SIZE);
	h->lane = cursor_u8(c);
	h->party = cursor_take16(c, PARTY_NAME_MOST);
	h->card_serial = cursor_u64(c);
	h->card = cursor_take32(c, HELLO_CARD_MOST);
}

/* ---- u16 n, n x agreement hash[32] ---- */

static void agreements_write(struct builder *b, const struct hello *h)
{
	if (h->nagreements > HELLO_AGREEMENTS_MOST) {
		build_fail(b, ERR_TOO_LONG);
		return;
	}
	build_u16(b, (uint16_t)h->nagreements);
	for (unsigned i = 0; i < h->nagreements; i++)
		build_copy(b, h->agreement[i].b, HASH_SIZE);
}

static unsigned count_read(struct cursor *c, unsigned most)
{
	unsigned n = cursor_u16(c);

	if (n > most)
		cursor_fail(c, ERR_TOO_LONG);
	return cursor_err(c) == ERR_OK ? n : 0;
}

static void agreements_read(struct cursor *c, struct hello *h)
{
	h->nagreements = count_read(c, HELLO_AGREEMENTS_MOST);
	for (unsigned i = 0; i < h->nagreements && cursor_err(c) == ERR_OK; i++)
		cursor_copy(c, h->agreement[i].b, HASH_SIZE);
}

/* ---- u16 n, n x { u16 length, origin | u8 state (own logs only) | u64 size | root[32] } ---- */

static void logs_write(struct builder *b, unsigned n, const struct hello_log *log, bool own)
{
	if (n > HELLO_LOGS_MOST) {
		build_fail(b, ERR_TOO_LONG);
		return;
	}
	build_u16(b, (uint16_t)n);
	for (unsigned i = 0; i < n; i++) {
		build_bytes16(b, log[i].origin);
		if (own)
			build_u8(b, log[i].state);
		build_u64(b, log[i].size);
		build_copy(b, log[i].root.b, HASH_SIZE);
	}
}

static void log_read(struct cursor *c, struct hello_log *log, bool own)
{
	log->origin = cursor_take16(c, HELLO_ORIGIN_MOST);
	log->state = own ? cursor_u8(c) : 0;
	log->size = cursor_u64(c);
	cursor_copy(c, log->root.b, HASH_SIZE);
	if (log->origin.n == 0 || log->state > STATE_LAST)
		cursor_fail(c, ERR_MALFORMED);
}

static unsigned logs_read(struct cursor *c, struct hello_log *log, bool own)
{
	unsigned n = count_read(c, HELLO_LOGS_MOST);

	for (unsigned i = 0; i < n && cursor_err(c) == ERR_OK; i++)
		log_read(c, &log[i], own);
	return n;
}

void hello_frame_write(struct builder *b, const struct hello *h)
{
	size_t begun = frame_begin(b, FRAME_HELLO);

	start_write(b, h);
	agreements_write(b, h);
	logs_write(b, h->nown, h->own, true);
	logs_write(b, h->npeer, h->peer, false);
	frame_end(b, begun);
}

static enum err hello_check(const struct hello *h)
{
	if (h->protocol_min == 0 || h->protocol_min > h->protocol_max || h->lane > LANE_LAST)
		return ERR_MALFORMED;
	return party_name_check(h->party);
}

enum err hello_frame_read(struct bytes payload, struct hello *out)
{
	struct hello  h = {0}; /* some 25 KiB, once per session */
	struct cursor c = cursor_on(payload);

	start_read(&c, &h);
	agreements_read(&c, &h);
	h.nown = logs_read(&c, h.own, true);
	h.npeer = logs_read(&c, h.peer, false);
	enum err e = cursor_end(&c);
	if (e == ERR_OK)
		e = hello_check(&h);
	if (e != ERR_OK)
		return e;
	*out = h;
	return ERR_OK;
}
