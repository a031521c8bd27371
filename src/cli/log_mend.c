/*
 * log_mend.c: what a damaged row of a ledger should be, and putting it there. Nothing is believed here: an offered row
 * is chosen by what still stands at its place, and log_repair.c commits only what verifies as a whole.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "cli/log_repair.h"

#define ENTRY_MEMORY (1u << 17)

/* ---- what is replaced is kept ---- */

static void column_keep(void *arg, const struct store_column *column)
{
	json_t *o = arg, *v = json_null();
	char   *hex = column->kind == COLUMN_BYTES ? malloc(2 * column->bytes.n + 1) : NULL;

	if (hex != NULL) {
		hex_write(column->bytes.at, column->bytes.n, hex);
		v = json_string(hex);
	}
	if (column->kind == COLUMN_INTEGER)
		v = json_integer(column->integer);
	if (column->kind == COLUMN_TEXT)
		v = json_stringn((const char *)column->bytes.at, column->bytes.n);
	json_object_set_new(o, column->name, v == NULL ? json_null() : v);
	free(hex);
}

/* One line: {"table": ..., "log": ..., "index": ..., "row": {column: value or hex}}; row null where there was none. */
static enum err row_keep(struct repairing *r, enum store_table table, uint64_t index)
{
	static const char *const names[] = {"log", "entry", "head", "exchange"};
	json_t			*row = json_object();
	enum err		 e = store_row_dump(r->s, table, r->log, index, column_keep, row);

	if (e != ERR_OK && e != ERR_NOT_FOUND) {
		json_decref(row);
		return e;
	}
	if (e == ERR_NOT_FOUND) {
		json_decref(row);
		row = json_null();
	}
	json_t *o = json_pack("{s:s, s:I, s:I, s:o}", "table", names[table], "log", (json_int_t)r->log, "index", (json_int_t)index, "row", row);
	char   *line = o == NULL ? NULL : json_dumps(o, JSON_COMPACT);
	e = line == NULL ? ERR_MEMORY : buffer_format(&r->pending, "%s\n", line);
	free(line);
	json_decref(o);
	return e;
}

static void done(struct repairing *r, const char *where, const char *what, const char *from)
{
	json_array_append_new(r->doing, json_pack("{s:s, s:s, s:s}", "where", where, "what", what, "from", from));
}

/* ---- entries ---- */

static bool is_entry_damage(const struct hurt *h)
{
	return (h->kind == PLACE_ENTRY || h->kind == PLACE_PART) && h->what != DAMAGE_ASEQ && h->what != DAMAGE_TALLY && h->what != DAMAGE_CHAIN &&
	       h->what != DAMAGE_STRAY;
}

bool mend_wanted(void *arg, int64_t log, uint64_t index)
{
	const struct repairing *r = arg;

	for (size_t i = 0; i < r->first.n; i++)
		if (r->first.at[i].log == log && r->first.at[i].number == index && is_entry_damage(&r->first.at[i]))
			return true;
	return false;
}

/* An entry with what is known of it: the row as it stands, as far as it can be read. */
struct patient {
	struct arena	 arena;
	struct entry_row row;
	struct hash	 derived;     /* C(header, salt) of the row */
	bool		 read, sound; /* sound: header and salt read and name this place, so that `derived` says something */
};

static void patient_read(struct repairing *r, uint64_t index, struct patient *p)
{
	struct header h;

	arena_init(&p->arena, ENTRY_MEMORY);
	p->read = store_entry_get(r->s, r->log, index, &p->arena, &p->row) == ERR_OK;
	if (!p->read || p->row.form > FORM_PURGED)
		return;
	p->derived = header_commit(&p->row.salt, p->row.header);
	p->sound = header_read(p->row.header, &h) == ERR_OK && h.index == index;
}

/* How well an offered row is vouched for by what stands here: 2 the stored commitment, 1 the stored header and salt, 0 nothing. */
static unsigned vouched(const struct patient *p, const struct entry_row *offered)
{
	if (p->read && hash_equal(&p->row.commitment, &offered->commitment))
		return 2;
	return p->sound && hash_equal(&p->derived, &offered->commitment) ? 1 : 0;
}

static const struct offered_row *offer_best(const struct repairing *r, const struct patient *p, uint64_t index, unsigned *how)
{
	const struct offered_row *best = NULL;

	for (size_t i = 0; i < r->offers.nrows; i++) {
		const struct offered_row *o = &r->offers.row[i];
		unsigned		  v = vouched(p, &o->row);
		bool			  better = best == NULL || v > *how || (v == *how && o->row.form < best->row.form);
		if (o->log == r->log && o->row.index == index && better) {
			best = o;
			*how = v;
		}
	}
	return best;
}

/* Withheld parts stay when they still are what the header committed to. */
static bool withheld_holds(struct bytes withheld, struct bytes header)
{
	struct cursor c = cursor_on(withheld);
	struct header h;

	if (header_read(header, &h) != ERR_OK)
		return false;
	for (unsigned i = 0; i < h.nparts; i++) {
		struct salt salt;
		if (h.part[i].placement == PLACED_INLINE)
			continue;
		cursor_copy(&c, salt.b, sizeof salt.b);
		struct bytes body = cursor_take16(&c, INLINE_MOST);
		struct hash  commitment = part_commit(&salt, body);
		if (!(h.part[i].placement == PLACED_ATTACHED && body.n == 0) && !hash_equal(&commitment, &h.part[i].commitment))
			return false;
	}
	return cursor_end(&c) == ERR_OK;
}

/* Nothing but the commitment column is damaged, or nothing but what was withheld: the row itself says what it should be. */
static bool row_mends_itself(const struct repairing *r, const struct patient *p, uint64_t index, const struct entry_row **out)
{
	bool only_commitment = true, only_withheld = true;

	for (size_t i = 0; i < r->first.n; i++) {
		const struct hurt *h = &r->first.at[i];
		if (h->log != r->log || h->number != index || !is_entry_damage(h))
			continue;
		only_commitment = only_commitment && h->what == DAMAGE_COMMITMENT;
		only_withheld = only_withheld && h->what == DAMAGE_WITHHELD;
	}
	*out = &p->row;
	return p->sound && (only_commitment || only_withheld);
}

static enum err entry_put(struct repairing *r, const struct hurt *h, const struct patient *p, struct entry_row row, const char *file, unsigned how)
{
	struct bytes withheld = p->read ? p->row.withheld : BYTES_NONE;

	if (how < 2 && r->partly)
		return ERR_OK;
	if (how < 2 && r->loose <= h->number)
		r->loose = h->number + 1;
	row.withheld = r->own && row.form == FORM_FULL && withheld_holds(withheld, row.header) ? withheld : BYTES_NONE;
	enum err e = row_keep(r, STORE_TABLE_ENTRY, h->number);
	if (e == ERR_OK)
		e = store_entry_put(r->s, r->log, &row);
	if (e == ERR_OK)
		done(r, h->where, damage_text(h->what, r->cli->lang), file);
	return e;
}

static enum err entry_mend(struct repairing *r, const struct hurt *h)
{
	struct patient		p = {.read = false};
	const struct entry_row *self;
	unsigned		how = 0;
	enum err		e = ERR_OK;

	patient_read(r, h->number, &p);
	const struct offered_row *o = offer_best(r, &p, h->number, &how);
	bool			  by_itself = row_mends_itself(r, &p, h->number, &self);
	if (o != NULL && !(by_itself && how == 0)) {
		e = entry_put(r, h, &p, o->row, o->file, how);
	} else if (by_itself) {
		struct entry_row row = *self;
		how = hash_equal(&row.commitment, &p.derived) ? 2 : 1;
		row.commitment = p.derived;
		e = entry_put(r, h, &p, row, "", how);
	}
	arena_done(&p.arena);
	return e;
}

static bool hurt_before(const struct hurts *hurts, size_t at)
{
	for (size_t i = at; i > 0 && hurts->at[i - 1].log == hurts->at[at].log && hurts->at[i - 1].number == hurts->at[at].number; i--)
		if (is_entry_damage(&hurts->at[i - 1]))
			return true;
	return false;
}

enum err mend_entries(struct repairing *r)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < r->first.n && e == ERR_OK; i++) {
		const struct hurt *h = &r->first.at[i];
		if (h->log != r->log)
			continue;
		if (is_entry_damage(h) && !hurt_before(&r->first, i))
			e = entry_mend(r, h);
		if (h->what != DAMAGE_STRAY)
			continue;
		e = row_keep(r, STORE_TABLE_ENTRY, h->number);
		if (e == ERR_OK)
			e = store_entry_drop(r->s, r->log, h->number);
		if (e == ERR_OK)
			done(r, h->where, damage_text(h->what, r->cli->lang), "");
	}
	return e;
}

/* ---- heads ---- */

/* The root of the first `size` entries as they stand in this turn. */
static bool root_at(struct repairing *r, uint64_t size, struct hash *out)
{
	struct hash	leaves[256];
	struct frontier f;

	frontier_init(&f);
	while (f.size < size) {
		uint64_t n = size - f.size < COUNT_OF(leaves) ? size - f.size : COUNT_OF(leaves);
		if (store_leaves(r->s, r->log, f.size, f.size + n, leaves) != ERR_OK)
			return false;
		for (uint64_t i = 0; i < n; i++)
			frontier_add(&f, &leaves[i]);
	}
	*out = frontier_root(&f);
	return true;
}

static bool head_get(void *arg, const struct head_row *head)
{
	*(struct head_row *)arg = *head;
	return false;
}

static bool verifies(const struct scrub_log *log, const struct head_row *head, bool checkpoint)
{
	struct head_row one = *head;

	one.checkpointed = checkpoint && head->checkpointed;
	one.receipted = !checkpoint && head->receipted;
	return head_verifies(log, &one);
}

/* The author's signature over this root from the files, where the stored one does not verify. */
static bool checkpoint_offered(const struct repairing *r, const struct scrub_log *log, struct head_row *head)
{
	for (size_t i = 0; i < r->offers.nheads; i++) {
		const struct offered_head *o = &r->offers.head[i];
		if (o->log != r->log || o->head.size != head->size)
			continue;
		head->checkpointed = head->checkpoint_read = true;
		head->checkpoint = o->head.sig;
		if (verifies(log, head, true))
			return true;
	}
	return false;
}

/* A receipt that does not verify cannot be had again from a file: it stays as it is, damaged, unless nothing of it is left. */
static enum err head_mend(struct repairing *r, const struct scrub_log *log, uint64_t size, const char *where, enum damage what)
{
	struct head_row head = {.size = size, .receipt_read = true, .checkpoint_read = true};
	struct head_row kept;

	if (store_head_rows(r->s, r->log, size, size + 1, head_get, &head) != ERR_OK)
		return ERR_OK;
	kept = head;
	if (!root_at(r, size, &head.root))
		return ERR_OK;
	head.root_read = true;
	bool by_author = verifies(log, &head, true), by_reader = verifies(log, &head, false);
	bool offered = !by_author && checkpoint_offered(r, log, &head);
	if (!by_author && !offered && !by_reader)
		return ERR_OK;
	if (!offered) {
		head.checkpointed = kept.checkpointed;
		head.checkpoint = kept.checkpoint;
	}
	if (!head.checkpoint_read || !head.receipt_read)
		return ERR_OK; /* putting it would lose what is left of the other signature */
	if (kept.root_read && hash_equal(&kept.root, &head.root) && !offered)
		return ERR_OK;
	enum err e = row_keep(r, STORE_TABLE_HEAD, size);
	if (e == ERR_OK)
		e = store_head_put(r->s, r->log, &head);
	if (e == ERR_OK)
		done(r, where, damage_text(what, r->cli->lang), "");
	return e;
}

static bool is_head_damage(const struct hurt *h)
{
	return (h->kind == PLACE_CHECKPOINT || h->kind == PLACE_RECEIPT) && h->what != DAMAGE_BEYOND;
}

/* Where the row cannot be read for want of a head, those that are offered are tried. */
static enum err heads_add(struct repairing *r, const struct scrub_log *log)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < r->offers.nheads && e == ERR_OK; i++) {
		const struct offered_head *o = &r->offers.head[i];
		char			   where[LOG_PLACE_TEXT];
		if (o->log != r->log || o->head.size > log->to)
			continue;
		snprintf(where, sizeof where, "%s, %" PRIu64, log->origin, o->head.size);
		e = head_mend(r, log, o->head.size, where, DAMAGE_UNREADABLE);
	}
	return e;
}

enum err mend_heads(struct repairing *r, const struct checking *c, const struct hurts *now)
{
	const struct scrub_log *log = stretch(c, r->log);
	enum err		e = ERR_OK;

	for (size_t i = 0; i < now->n && e == ERR_OK; i++)
		if (now->at[i].log == r->log && is_head_damage(&now->at[i]))
			e = head_mend(r, log, now->at[i].number, now->at[i].where, now->at[i].what);
	return e == ERR_OK && !held(c, r->log)->readable ? heads_add(r, log) : e;
}

/* ---- exchanges ---- */

struct seen_header {
	uint8_t	      room[HEADER_MOST];
	struct header header;
	bool	      read;
};

static bool header_see(void *arg, uint64_t index unused_arg, uint8_t form, struct bytes header)
{
	struct seen_header *h = arg;

	if (form == FORM_BARE || header.n > sizeof h->room)
		return false;
	memcpy(h->room, header.at, header.n);
	h->read = header_read(bytes_of(h->room, header.n), &h->header) == ERR_OK;
	return false;
}

static bool header_at(struct repairing *r, int64_t log, uint64_t index, struct seen_header *out)
{
	out->read = false;
	return store_entry_headers(r->s, log, index, index + 1, header_see, out) == ERR_OK && out->read;
}

/* Only what its two entries say; where it points to none, it is left. */
static enum err exchange_mend(struct repairing *r, const struct hurt *h)
{
	struct exchange_row x;
	struct seen_header  q, a;

	if (store_exchange_at(r->s, r->log, h->number, &x) != ERR_OK || !header_at(r, r->log, h->number, &q))
		return ERR_OK;
	if (q.header.kind != KIND_QUERY && q.header.kind != KIND_MATCH)
		return ERR_OK;
	const struct exchange_row was = x;
	memcpy(x.mid, q.header.mid, MID_SIZE);
	x.agreement = q.header.agreement;
	x.clause = q.header.clause;
	if (x.answer_log != 0 && header_at(r, x.answer_log, x.answer_index, &a) && a.header.kind == KIND_REPLY && a.header.re.index == h->number)
		x.status = a.header.status;
	/* It may only have missed an entry that stands there again. */
	if (memcmp(was.mid, x.mid, MID_SIZE) == 0 && hash_equal(&was.agreement, &x.agreement) && was.clause == x.clause && was.status == x.status)
		return ERR_OK;
	enum err e = row_keep(r, STORE_TABLE_EXCHANGE, h->number);
	if (e == ERR_OK)
		e = store_exchange_put(r->s, &x);
	if (e == ERR_OK)
		done(r, h->where, damage_text(h->what, r->cli->lang), "");
	return e;
}

enum err mend_exchanges(struct repairing *r)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < r->first.n && e == ERR_OK; i++)
		if (r->first.at[i].log == r->log && r->first.at[i].kind == PLACE_EXCHANGE)
			e = exchange_mend(r, &r->first.at[i]);
	return e;
}

/* ---- the log's row ---- */

static void tally_sort(struct tally *t)
{
	for (unsigned i = 1; i < t->n; i++)
		for (unsigned k = i; k > 0 && memcmp(t->row[k - 1].agreement.b, t->row[k].agreement.b, HASH_SIZE) > 0; k--) {
			struct tally_row swapped = t->row[k];
			t->row[k] = t->row[k - 1];
			t->row[k - 1] = swapped;
		}
}

static const struct hurt *hurt_of(const struct hurts *hurts, int64_t log, enum place_kind kind, bool sums)
{
	for (size_t i = 0; i < hurts->n; i++)
		if (hurts->at[i].log == log && hurts->at[i].kind == kind && (hurts->at[i].what == DAMAGE_SUMS) == sums)
			return &hurts->at[i];
	return NULL;
}

/* What the row remembers is remade when every entry is known, and what was put without a voucher lies under a signed root. */
enum err mend_row(struct repairing *r, const struct checking *c, const struct hurts *now)
{
	const struct held_log *log = held(c, r->log);
	struct tally	       tally = log->end.tally;
	const struct hurt     *h = hurt_of(now, r->log, log->readable ? PLACE_ROW : PLACE_WORDS, false);

	if (h == NULL || !log->leaves_known || log->end.bare || r->loose > log->confirmed)
		return ERR_OK;
	memcpy(tally.epoch, log->row.epoch.b, EPOCH_SIZE);
	tally_sort(&tally);
	enum err e = row_keep(r, STORE_TABLE_LOG, 0);
	if (e == ERR_OK)
		e = store_log_put(r->s, r->log, &log->end.frontier, &tally, &log->receipt_frontier);
	if (e == ERR_OK)
		done(r, h->where, damage_text(h->what, r->cli->lang), "");
	return e;
}

/* Sums are added up again only when no exchange is missing: each question has one. */
enum err mend_sums(struct repairing *r, const struct checking *c, const struct hurts *now)
{
	const struct held_log *log = held(c, r->log);
	const struct hurt     *h = hurt_of(now, r->log, PLACE_ROW, true);

	if (h == NULL)
		h = hurt_of(now, r->log, PLACE_WORDS, false);
	if (h == NULL || log->end.bare || log->queries != log->asked)
		return ERR_OK;
	enum err e = row_keep(r, STORE_TABLE_LOG, 0);
	if (e == ERR_OK)
		e = store_sums_remake(r->s, r->log);
	if (e == ERR_OK)
		done(r, h->where, damage_text(h->what, r->cli->lang), "");
	return e;
}

bool mend_vouched(struct repairing *r, const struct offered_row *offered)
{
	struct patient p = {.read = false};

	r->log = offered->log;
	patient_read(r, offered->row.index, &p);
	bool vouches = !p.read || vouched(&p, &offered->row) > 0;
	arena_done(&p.arena);
	return vouches;
}
