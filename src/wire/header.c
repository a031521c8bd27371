#include "wire/header.h"

#define FLAGS_KNOWN (FLAG_HAS_RE | FLAG_REPEATABLE | FLAG_INTERACTIVE)

/* Whether an entry of a kind answers another one, so whether it carries `re`. */
enum re_rule { RE_MAY, RE_MUST, RE_NEVER };

static const struct kind_row {
	enum kind    kind;
	enum re_rule re;
	const char  *name;
} kind_rows[] = {
	{KIND_GENESIS, RE_NEVER, "GENESIS"},
	{KIND_ADOPT, RE_NEVER, "ADOPT"},
	{KIND_KEYS, RE_NEVER, "KEYS"},
	{KIND_AGREE, RE_NEVER, "AGREE"},
	{KIND_SUSPEND, RE_NEVER, "SUSPEND"},
	{KIND_RESUME, RE_NEVER, "RESUME"},
	{KIND_TERMINATE, RE_NEVER, "TERMINATE"},
	{KIND_PURGED, RE_MAY, "PURGED"},
	{KIND_HOLD, RE_MAY, "HOLD"},
	{KIND_GOT, RE_MAY, "GOT"},
	{KIND_ANCHOR, RE_NEVER, "ANCHOR"},
	{KIND_CORRECT, RE_MAY, "CORRECT"},
	{KIND_TALLY, RE_NEVER, "TALLY"},
	{KIND_QUERY, RE_NEVER, "QUERY"},
	{KIND_REPLY, RE_MUST, "REPLY"},
	{KIND_SEND, RE_MAY, "SEND"},
	{KIND_FEED, RE_NEVER, "FEED"},
	{KIND_MATCH, RE_NEVER, "MATCH"},
	{KIND_CANCEL, RE_MUST, "CANCEL"},
};

static const struct kind_row *kind_row(uint8_t kind)
{
	for (size_t i = 0; i < COUNT_OF(kind_rows); i++)
		if (kind_rows[i].kind == kind)
			return &kind_rows[i];
	return NULL;
}

const char *kind_name(uint8_t kind)
{
	const struct kind_row *row = kind_row(kind);

	return row != NULL ? row->name : "unknown";
}

const char *status_name(uint16_t status)
{
	static const char *const names[] = {
		[STATUS_OK] = "ok",
		[STATUS_NO_HIT] = "no-hit",
		[STATUS_REFUSED] = "refused",
		[STATUS_EXPIRED] = "expired",
		[STATUS_ERROR] = "error",
		[STATUS_UNSUPPORTED] = "unsupported",
		[STATUS_SUSPENDED] = "suspended",
		[STATUS_POSTPONED] = "postponed",
		[STATUS_NEEDS_INFORMATION] = "needs-information",
	};

	return status < COUNT_OF(names) ? names[status] : "unknown";
}

static bool is_zero(const uint8_t *at, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (at[i] != 0)
			return false;
	return true;
}

/* ---- the fixed fields: offset 0 to 110, see header.h ---- */

static void fixed_write(struct builder *b, const struct header *h)
{
	build_u8(b, h->kind);
	build_u16(b, h->flags);
	build_u64(b, h->index);
	build_u64(b, h->time_ms);
	build_u64(b, h->not_after_ms);
	build_copy(b, h->mid, sizeof h->mid);
	build_copy(b, h->agreement.b, sizeof h->agreement.b);
	build_u16(b, h->clause);
	build_u64(b, h->aseq);
	build_copy(b, h->seen_epoch, sizeof h->seen_epoch);
	build_u64(b, h->seen_size);
	build_u16(b, h->status);
}

static void fixed_read(struct cursor *c, struct header *h)
{
	h->kind = cursor_u8(c);
	h->flags = cursor_u16(c);
	h->index = cursor_u64(c);
	h->time_ms = cursor_u64(c);
	h->not_after_ms = cursor_u64(c);
	cursor_copy(c, h->mid, sizeof h->mid);
	cursor_copy(c, h->agreement.b, sizeof h->agreement.b);
	h->clause = cursor_u16(c);
	h->aseq = cursor_u64(c);
	cursor_copy(c, h->seen_epoch, sizeof h->seen_epoch);
	h->seen_size = cursor_u64(c);
	h->status = cursor_u16(c);
}

/* ---- re: epoch(16) | index(8) | leaf(32) ---- */

static void re_write(struct builder *b, const struct re *re)
{
	build_copy(b, re->epoch, sizeof re->epoch);
	build_u64(b, re->index);
	build_copy(b, re->leaf.b, sizeof re->leaf.b);
}

static void re_read(struct cursor *c, struct re *re)
{
	cursor_copy(c, re->epoch, sizeof re->epoch);
	re->index = cursor_u64(c);
	cursor_copy(c, re->leaf.b, sizeof re->leaf.b);
}

/* ---- parts: u8 count, then per part u8 type | u8 retention | u8 placement | 0 | commitment(32) ---- */

static void parts_write(struct builder *b, const struct header *h)
{
	if (h->nparts > HEADER_PARTS_MOST)
		build_fail(b, ERR_TOO_LONG);
	build_u8(b, h->nparts);
	for (unsigned i = 0; i < h->nparts && b->err == ERR_OK; i++) {
		build_u8(b, h->part[i].type);
		build_u8(b, h->part[i].retention);
		build_u8(b, h->part[i].placement);
		build_u8(b, 0);
		build_copy(b, h->part[i].commitment.b, HASH_SIZE);
	}
}

static void part_read(struct cursor *c, struct part_entry *p)
{
	p->type = cursor_u8(c);
	p->retention = cursor_u8(c);
	p->placement = cursor_u8(c);
	uint8_t reserved = cursor_u8(c);
	cursor_copy(c, p->commitment.b, HASH_SIZE);

	if (reserved != 0)
		cursor_fail(c, ERR_NOT_CANONICAL);
	if (p->retention > 15 || p->placement > PLACED_WITHHELD)
		cursor_fail(c, ERR_MALFORMED);
}

static void parts_read(struct cursor *c, struct header *h)
{
	h->nparts = cursor_u8(c);
	if (h->nparts > HEADER_PARTS_MOST)
		cursor_fail(c, ERR_TOO_LONG);
	for (unsigned i = 0; i < h->nparts && cursor_err(c) == ERR_OK; i++)
		part_read(c, &h->part[i]);
}

/* ---- attrs: u16 length of them all, then per attribute u16 type | u16 length | bytes, types ascending ---- */

static void attrs_write(struct builder *b, const struct header *h)
{
	size_t all = 0;

	if (h->nattrs > HEADER_ATTRS_MOST) {
		build_fail(b, ERR_TOO_LONG);
		return;
	}
	for (unsigned i = 0; i < h->nattrs; i++)
		all += 4 + h->attr[i].value.n;
	if (all > HEADER_MOST)
		build_fail(b, ERR_TOO_LONG);

	build_u16(b, (uint16_t)(all & 0xffff));
	for (unsigned i = 0; i < h->nattrs; i++) {
		if (i > 0 && h->attr[i].type <= h->attr[i - 1].type)
			build_fail(b, ERR_NOT_CANONICAL);
		build_u16(b, h->attr[i].type);
		build_bytes16(b, h->attr[i].value);
	}
}

static void attr_read(struct cursor *c, struct header *h)
{
	struct attr a = {.type = cursor_u16(c)};
	a.value = cursor_take16(c, HEADER_MOST);

	if (h->nattrs == HEADER_ATTRS_MOST)
		cursor_fail(c, ERR_TOO_LONG);
	if (h->nattrs > 0 && a.type <= h->attr[h->nattrs - 1].type)
		cursor_fail(c, ERR_NOT_CANONICAL);
	if (cursor_err(c) == ERR_OK)
		h->attr[h->nattrs++] = a;
}

static void attrs_read(struct cursor *c, struct header *h)
{
	struct cursor inner = cursor_on(cursor_take16(c, HEADER_MOST));

	while (cursor_err(&inner) == ERR_OK && cursor_left(&inner) > 0)
		attr_read(&inner, h);
	if (cursor_err(&inner) != ERR_OK)
		cursor_fail(c, cursor_err(&inner));
}

/* ---- the rules of spec/entry.md, "what every reader checks" ---- */

static bool may_name_agreement(uint8_t kind)
{
	return !KIND_IS_CONTROL(kind) || (kind >= KIND_AGREE && kind <= KIND_TERMINATE);
}

/* Control entries have no life, no message id and no place in an agreement's count. */
static enum err control_check(const struct header *h)
{
	if (h->not_after_ms != 0 || h->clause != 0 || h->aseq != 0)
		return ERR_NOT_CANONICAL;
	if (!is_zero(h->mid, sizeof h->mid))
		return ERR_NOT_CANONICAL;
	if (!may_name_agreement(h->kind) && !is_zero(h->agreement.b, HASH_SIZE))
		return ERR_NOT_CANONICAL;
	return ERR_OK;
}

static enum err message_check(const struct header *h)
{
	/* Every message has an id and stands under an agreement, known here or not. */
	if (is_zero(h->mid, sizeof h->mid) || is_zero(h->agreement.b, HASH_SIZE))
		return ERR_MALFORMED;
	if (h->not_after_ms <= h->time_ms || h->not_after_ms - h->time_ms > LIFE_MOST_MS)
		return ERR_MALFORMED;
	return ERR_OK;
}

static enum err re_check(const struct header *h)
{
	const struct kind_row *row = kind_row(h->kind);
	enum re_rule	       rule = row != NULL ? row->re : RE_MAY;
	bool		       has = (h->flags & FLAG_HAS_RE) != 0;

	if ((rule == RE_MUST && !has) || (rule == RE_NEVER && has))
		return ERR_MALFORMED;
	return ERR_OK;
}

static enum err header_check(const struct header *h)
{
	if ((h->flags & ~FLAGS_KNOWN) != 0)
		return ERR_NOT_CANONICAL;
	if (h->status != 0 && h->kind != KIND_REPLY)
		return ERR_NOT_CANONICAL;
	if (h->seen_size != 0 && is_zero(h->seen_epoch, sizeof h->seen_epoch))
		return ERR_NOT_CANONICAL;
	enum err e = re_check(h);
	if (e != ERR_OK)
		return e;
	return KIND_IS_CONTROL(h->kind) ? control_check(h) : message_check(h);
}

void header_write(struct builder *b, const struct header *h)
{
	size_t begun = b->n;

	fixed_write(b, h);
	if ((h->flags & FLAG_HAS_RE) != 0)
		re_write(b, &h->re);
	parts_write(b, h);
	attrs_write(b, h);
	if (b->err == ERR_OK && b->n - begun > HEADER_MOST)
		build_fail(b, ERR_TOO_LONG);
}

enum err header_read(struct bytes wire, struct header *out)
{
	struct cursor c = cursor_on(wire);
	struct header h = {0};

	if (wire.n > HEADER_MOST)
		return ERR_TOO_LONG;
	fixed_read(&c, &h);
	if ((h.flags & FLAG_HAS_RE) != 0)
		re_read(&c, &h.re);
	parts_read(&c, &h);
	attrs_read(&c, &h);
	enum err e = cursor_end(&c);
	if (e == ERR_OK)
		e = header_check(&h);
	if (e != ERR_OK)
		return e;
	*out = h;
	return ERR_OK;
}

const struct attr *header_attr(const struct header *h, uint16_t type)
{
	for (unsigned i = 0; i < h->nattrs; i++)
		if (h->attr[i].type == type)
			return &h->attr[i];
	return NULL;
}

/* ---- attribute 1, PREVIOUS: epoch(16) | u64 size | root(32) | u8 cause ---- */

void previous_write(struct builder *b, const struct previous *p)
{
	build_copy(b, p->epoch, sizeof p->epoch);
	build_u64(b, p->size);
	build_copy(b, p->root.b, HASH_SIZE);
	build_u8(b, p->cause);
}

/* The first epoch of all names nothing: epoch, size and root are zero then, and only then. */
static enum err previous_check(const struct previous *p)
{
	bool first = p->cause == CAUSE_FIRST;

	if (p->cause > CAUSE_ROLLOVER || first != is_zero(p->epoch, sizeof p->epoch))
		return ERR_MALFORMED;
	if (first && (p->size != 0 || !is_zero(p->root.b, HASH_SIZE)))
		return ERR_NOT_CANONICAL;
	return ERR_OK;
}

enum err previous_read(struct bytes value, struct previous *out)
{
	struct cursor	c = cursor_on(value);
	struct previous p = {0};

	cursor_copy(&c, p.epoch, sizeof p.epoch);
	p.size = cursor_u64(&c);
	cursor_copy(&c, p.root.b, HASH_SIZE);
	p.cause = cursor_u8(&c);
	enum err e = cursor_end(&c);
	if (e == ERR_OK)
		e = previous_check(&p);
	if (e != ERR_OK)
		return e;
	*out = p;
	return ERR_OK;
}

/* ---- attribute 6, TALLY: epoch(16), then rows agreement(32) | u64 count | u64 last, agreements ascending ---- */

void tally_write(struct builder *b, const struct tally *t)
{
	if (t->n > TALLY_ROWS_MOST) {
		build_fail(b, ERR_TOO_LONG);
		return;
	}
	build_copy(b, t->epoch, sizeof t->epoch);
	for (unsigned i = 0; i < t->n; i++) {
		build_copy(b, t->row[i].agreement.b, HASH_SIZE);
		build_u64(b, t->row[i].count);
		build_u64(b, t->row[i].last);
	}
}

static void tally_row_read(struct cursor *c, struct tally *t)
{
	struct tally_row row = {0};

	cursor_copy(c, row.agreement.b, HASH_SIZE);
	row.count = cursor_u64(c);
	row.last = cursor_u64(c);

	if (t->n == TALLY_ROWS_MOST)
		cursor_fail(c, ERR_TOO_LONG);
	if (t->n > 0 && memcmp(row.agreement.b, t->row[t->n - 1].agreement.b, HASH_SIZE) <= 0)
		cursor_fail(c, ERR_NOT_CANONICAL);
	/* An agreement without entries has no row; index 0 is GENESIS, so `count` entries end at `count` or later. */
	if (row.count == 0 || row.last < row.count)
		cursor_fail(c, ERR_MALFORMED);
	if (cursor_err(c) == ERR_OK)
		t->row[t->n++] = row;
}

enum err tally_read(struct bytes value, struct tally *out)
{
	struct cursor c = cursor_on(value);
	struct tally  t = {0};

	cursor_copy(&c, t.epoch, sizeof t.epoch);
	while (cursor_err(&c) == ERR_OK && cursor_left(&c) > 0)
		tally_row_read(&c, &t);
	enum err e = cursor_end(&c);
	if (e != ERR_OK)
		return e;
	*out = t;
	return ERR_OK;
}
