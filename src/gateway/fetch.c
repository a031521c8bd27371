#include "gateway/fetch.h"

/* A purpose and a case as a partner wrote them. */
#define STATED_MOST FIELD_VALUE_MOST

void fetch_list_write(struct builder *b, const struct fetch_list *f)
{
	build_u32(b, f->ticket);
	build_bytes16(b, f->account);
	build_bytes16(b, f->scope);
	build_bytes16(b, f->clause);
	build_u16(b, f->most);
	build_u32(b, f->lease_s);
}

enum err fetch_list_read(struct bytes payload, struct fetch_list *out)
{
	struct cursor	  c = cursor_on(payload);
	struct fetch_list f = {.ticket = cursor_u32(&c)};

	f.account = cursor_take16(&c, ACCOUNT_MOST);
	f.scope = cursor_take16(&c, TOKEN_CLAUSES_MOST);
	f.clause = cursor_take16(&c, FETCH_CLAUSE_MOST);
	f.most = cursor_u16(&c);
	f.lease_s = cursor_u32(&c);
	if (f.most == 0 || f.most > FETCH_OFFERS_MOST || f.lease_s > FETCH_LEASE_MOST)
		cursor_fail(&c, ERR_MALFORMED);
	enum err e = cursor_end(&c);
	if (e == ERR_OK)
		*out = f;
	return e;
}

void offer_write(struct builder *b, const struct offer *o)
{
	build_copy(b, o->mid, MID_SIZE);
	piped_text_write(b, o->from);
	build_bytes16(b, o->clause);
	build_copy(b, o->agreement.b, HASH_SIZE);
	build_u16(b, o->number);
	build_u64(b, o->asked_ms);
	build_u64(b, o->answer_by_ms);
	build_u64(b, o->expires_ms);
	build_u64(b, o->lease_ms);
	build_bytes16(b, o->holder);
	build_bytes16(b, o->purpose);
	build_bytes16(b, o->reference);
	piped_fields_write(b, &o->fields);
}

enum err offer_read(struct cursor *c, struct offer *out)
{
	struct offer o = {.number = 0};

	cursor_copy(c, o.mid, MID_SIZE);
	piped_text_read(c, o.from, sizeof o.from);
	o.clause = cursor_take16(c, FETCH_CLAUSE_MOST);
	cursor_copy(c, o.agreement.b, HASH_SIZE);
	o.number = cursor_u16(c);
	o.asked_ms = cursor_u64(c);
	o.answer_by_ms = cursor_u64(c);
	o.expires_ms = cursor_u64(c);
	o.lease_ms = cursor_u64(c);
	o.holder = cursor_take16(c, ACCOUNT_MOST);
	o.purpose = cursor_take16(c, STATED_MOST);
	o.reference = cursor_take16(c, STATED_MOST);
	piped_fields_read(c, &o.fields);
	if (cursor_err(c) != ERR_OK)
		return cursor_err(c);
	*out = o;
	return ERR_OK;
}

void fetch_answer_write(struct builder *b, const struct fetch_answer *a)
{
	build_u32(b, a->ticket);
	build_bytes16(b, a->account);
	build_bytes16(b, a->scope);
	build_copy(b, a->mid, MID_SIZE);
	build_u8(b, (uint8_t)a->outcome);
	piped_fields_write(b, &a->fields);
	build_bytes16(b, a->reason);
}

static bool outcome_fits(const struct fetch_answer *a)
{
	if (a->outcome > OUTCOME_REFUSED && a->outcome != OUTCOME_ERROR)
		return false;
	return (a->outcome == OUTCOME_HIT || a->fields.n == 0) && (a->outcome == OUTCOME_REFUSED) == (a->reason.n > 0);
}

enum err fetch_answer_read(struct bytes payload, struct fetch_answer *out)
{
	struct cursor	    c = cursor_on(payload);
	struct fetch_answer a = {.ticket = cursor_u32(&c)};

	a.account = cursor_take16(&c, ACCOUNT_MOST);
	a.scope = cursor_take16(&c, TOKEN_CLAUSES_MOST);
	cursor_copy(&c, a.mid, MID_SIZE);
	a.outcome = (enum outcome)cursor_u8(&c);
	piped_fields_read(&c, &a.fields);
	a.reason = cursor_take16(&c, FETCH_REASON_MOST);
	if (!outcome_fits(&a))
		cursor_fail(&c, ERR_MALFORMED);
	enum err e = cursor_end(&c);
	if (e == ERR_OK)
		*out = a;
	return e;
}
