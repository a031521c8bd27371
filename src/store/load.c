/*
 * load.c: an exchange with its contents, from the two entries that hold it.
 *
 * The row says where; what was said is read from the entries' inline parts. What was
 * purged, or is not a record because the partner wrote something else, is empty.
 */
#include "store/inside.h"
#include "wire/entry.h"

struct opened {
	struct entry_row row;
	struct entry	 entry; /* only its header and parts */
	bool		 full;
};

static enum err entry_open(struct store *s, int64_t log, uint64_t index, struct arena *a, struct opened *out)
{
	enum err e = store_entry_get(s, log, index, a, &out->row);
	if (e != ERR_OK || out->row.form != FORM_FULL)
		return e;
	out->full = header_read(out->row.header, &out->entry.header) == ERR_OK && entry_body_read(out->row.body, &out->entry) == ERR_OK;
	return out->full ? ERR_OK : store_complain(s, ERR_STORE, "entry", log, index);
}

static struct bytes part_inline(const struct opened *o, uint8_t type)
{
	const struct header *h = &o->entry.header;

	for (unsigned i = 0; o->full && i < h->nparts; i++)
		if (h->part[i].type == type && h->part[i].placement == PLACED_INLINE)
			return o->entry.part[i].body;
	return BYTES_NONE;
}

/* Own entries keep withheld parts beside the body (store.h). */
static struct bytes part_withheld(const struct opened *o, uint8_t type)
{
	struct cursor	     c = cursor_on(o->row.withheld);
	const struct header *h = &o->entry.header;

	for (unsigned i = 0; o->full && i < h->nparts; i++) {
		if (h->part[i].placement == PLACED_INLINE)
			continue;
		cursor_take(&c, SALT_SIZE);
		struct bytes body = cursor_take16(&c, INLINE_MOST);
		if (h->part[i].type == type && h->part[i].placement == PLACED_WITHHELD)
			return body;
	}
	return BYTES_NONE;
}

static void record_open(struct bytes part, struct fields *out)
{
	if (fields_read(part, out) != ERR_OK)
		out->n = 0;
}

static struct bytes value_of(const struct fields *f, const char *name)
{
	const struct field *field = fields_find(f, name);

	return field == NULL ? BYTES_NONE : field->value;
}

struct log_place {
	char	     partner[PARTY_MOST + 1], channel[NAME_MOST + 1];
	struct epoch epoch;
	uint64_t     receipted;
};

static enum err log_place(struct store *s, int64_t log, struct log_place *out)
{
	enum err e = sums_save(s);

	if (e != ERR_OK)
		return e;
	scoped_query q = query_take(s, STATEMENT_LOG_PLACE);
	query_integer(&q, log);
	e = query_row(&q);
	if (e != ERR_OK)
		return e;
	out->receipted = column_u64(&q, 3);
	bool whole = column_name(&q, 0, out->partner, sizeof out->partner) && column_name(&q, 1, out->channel, sizeof out->channel) &&
		     column_exact(&q, 2, out->epoch.b, EPOCH_SIZE);
	return whole ? ERR_OK : store_complain(s, ERR_STORE, "log", log, 0);
}

static enum err question_load(struct store *s, const struct exchange_row *x, struct arena *a, struct exchange *out)
{
	struct fields	 reason;
	struct log_place place;
	struct opened	 o = {0};

	enum err e = log_place(s, x->question_log, &place);
	if (e == ERR_OK)
		e = entry_open(s, x->question_log, x->question_index, a, &o);
	if (e != ERR_OK)
		return e;
	memcpy(out->partner, place.partner, sizeof out->partner);
	memcpy(out->channel, place.channel, sizeof out->channel);
	out->question = (struct place){.epoch = place.epoch, .index = x->question_index};
	if (x->ours)
		out->receipt_held = place.receipted > x->question_index;
	record_open(part_inline(&o, PART_CONTENT), &out->ask);
	record_open(part_inline(&o, PART_REASON), &reason);
	out->purpose = value_of(&reason, "purpose");
	out->reference = value_of(&reason, "case");
	out->officer = part_withheld(&o, PART_ACTOR);
	return ERR_OK;
}

static enum err answer_load(struct store *s, const struct exchange_row *x, struct arena *a, struct exchange *out)
{
	struct fields	 reason;
	struct log_place place;
	struct opened	 o = {0};

	enum err e = log_place(s, x->answer_log, &place);
	if (e == ERR_OK)
		e = entry_open(s, x->answer_log, x->answer_index, a, &o);
	if (e != ERR_OK)
		return e;
	out->answer = (struct place){.epoch = place.epoch, .index = x->answer_index};
	if (!x->ours)
		out->receipt_held = place.receipted > x->answer_index;
	record_open(part_inline(&o, PART_CONTENT), &out->got);
	record_open(part_inline(&o, PART_REASON), &reason);
	out->reason = value_of(&reason, "reason");
	out->rule = value_of(&reason, "rule");
	return ERR_OK;
}

enum err store_exchange_load(struct store *s, const struct exchange_row *x, struct arena *a, struct exchange *out)
{
	struct exchange got = {.ours = x->ours,
			       .agreement = x->agreement,
			       .clause = x->clause,
			       .state = x->state,
			       .status = x->status,
			       .accepted_ms = x->accepted_ms,
			       .delivered_ms = x->delivered_ms,
			       .answered_ms = x->answered_ms,
			       .not_after_ms = x->not_after_ms,
			       .used = x->used};

	memcpy(got.mid, x->mid, MID_SIZE);
	enum err e = question_load(s, x, a, &got);
	if (e == ERR_OK && x->answer_log != 0)
		e = answer_load(s, x, a, &got);
	if (e == ERR_OK)
		*out = got;
	return e;
}
