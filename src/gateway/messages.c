#include "gateway/messages.h"

#define CLAUSE_NAME_MOST (2 * NAME_MOST + 1)
#define STATED_MOST	 FIELD_VALUE_MOST /* purpose and case as an application wrote them: the decision judges them, not the pipe */

/*
 * ---- ask ----
 *   u32 ticket | bool dry run | u16 length, account | key | body[32]
 *   | u16 length, to | clause | purpose | reference | officer | fields
 */

void ask_write(struct builder *b, const struct ask *a)
{
	build_u32(b, a->ticket);
	piped_bool_write(b, a->dry_run);
	build_bytes16(b, a->account);
	build_bytes16(b, a->key);
	build_copy(b, a->body.b, HASH_SIZE);
	build_bytes16(b, a->to);
	build_bytes16(b, a->clause);
	build_bytes16(b, a->purpose);
	build_bytes16(b, a->reference);
	build_bytes16(b, a->officer);
	piped_fields_write(b, &a->fields);
}

enum err ask_read(struct bytes payload, struct ask *out)
{
	struct cursor c = cursor_on(payload);
	struct ask    a = {.ticket = cursor_u32(&c)};

	a.dry_run = piped_bool_read(&c);
	a.account = cursor_take16(&c, ACCOUNT_MOST);
	a.key = cursor_take16(&c, IDEMPOTENCY_MOST);
	cursor_copy(&c, a.body.b, HASH_SIZE);
	a.to = cursor_take16(&c, PARTY_MOST);
	a.clause = cursor_take16(&c, CLAUSE_NAME_MOST);
	a.purpose = cursor_take16(&c, STATED_MOST);
	a.reference = cursor_take16(&c, STATED_MOST);
	a.officer = cursor_take16(&c, OFFICER_MOST);
	piped_fields_read(&c, &a.fields);
	enum err e = cursor_end(&c);
	if (e != ERR_OK)
		return e;
	*out = a;
	return ERR_OK;
}

/* ---- withdrawal: u32 ticket | u16 length, account | mid[16] ---- */

void withdrawal_write(struct builder *b, const struct withdrawal *w)
{
	build_u32(b, w->ticket);
	build_bytes16(b, w->account);
	build_copy(b, w->mid, MID_SIZE);
}

enum err withdrawal_read(struct bytes payload, struct withdrawal *out)
{
	struct cursor	  c = cursor_on(payload);
	struct withdrawal w = {.ticket = cursor_u32(&c)};

	w.account = cursor_take16(&c, ACCOUNT_MOST);
	cursor_copy(&c, w.mid, MID_SIZE);
	enum err e = cursor_end(&c);
	if (e != ERR_OK)
		return e;
	*out = w;
	return ERR_OK;
}

/* ---- decision: u16 refusal | u16 clause | text rule | text pointer | text found | text allowed ---- */

void decision_write(struct builder *b, const struct decision *d)
{
	build_u16(b, (uint16_t)d->refusal);
	build_u16(b, d->clause);
	piped_text_write(b, d->rule);
	piped_text_write(b, d->pointer);
	piped_text_write(b, d->found);
	piped_text_write(b, d->allowed);
}

static enum refusal refusal_read(struct cursor *c)
{
	uint16_t refusal = cursor_u16(c);

	if (refusal >= REFUSAL_COUNT) {
		cursor_fail(c, ERR_MALFORMED);
		return REFUSAL_COUNT;
	}
	return (enum refusal)refusal;
}

enum err decision_read(struct cursor *c, struct decision *out)
{
	struct decision d = {.refusal = refusal_read(c)};

	d.clause = cursor_u16(c);
	piped_text_read(c, d.rule, sizeof d.rule);
	piped_text_read(c, d.pointer, sizeof d.pointer);
	piped_text_read(c, d.found, sizeof d.found);
	piped_text_read(c, d.allowed, sizeof d.allowed);
	if (cursor_err(c) != ERR_OK)
		return cursor_err(c);
	*out = d;
	return ERR_OK;
}

/* ---- partner state: text name | bool connected | u64 since_ms | text cause | u32 unreceipted | text frozen | fetching | waiting ---- */

void partner_state_write(struct builder *b, const struct partner_state *p)
{
	piped_text_write(b, p->name);
	piped_bool_write(b, p->connected);
	build_u64(b, p->since_ms);
	piped_text_write(b, p->cause);
	build_u32(b, p->unreceipted);
	build_u32(b, p->in_force);
	piped_bool_write(b, p->skew_known);
	build_u32(b, (uint32_t)p->skew_ms);
	piped_text_write(b, p->frozen);
	piped_text_write(b, p->fetching);
	piped_text_write(b, p->waiting);
}

enum err partner_state_read(struct cursor *c, struct partner_state *out)
{
	struct partner_state p = {0};

	piped_text_read(c, p.name, sizeof p.name);
	p.connected = piped_bool_read(c);
	p.since_ms = cursor_u64(c);
	piped_text_read(c, p.cause, sizeof p.cause);
	p.unreceipted = cursor_u32(c);
	p.in_force = cursor_u32(c);
	p.skew_known = piped_bool_read(c);
	p.skew_ms = (int32_t)cursor_u32(c);
	piped_text_read(c, p.frozen, sizeof p.frozen);
	piped_text_read(c, p.fetching, sizeof p.fetching);
	piped_text_read(c, p.waiting, sizeof p.waiting);
	if (cursor_err(c) != ERR_OK)
		return cursor_err(c);
	*out = p;
	return ERR_OK;
}

/* ---- quota used: agreement[32] | u16 clause | u64 used ---- */

void quota_used_write(struct builder *b, const struct quota_used *q)
{
	build_copy(b, q->agreement.b, HASH_SIZE);
	build_u16(b, q->clause);
	build_u64(b, q->used);
}

enum err quota_used_read(struct cursor *c, struct quota_used *out)
{
	struct quota_used q = {0};

	cursor_copy(c, q.agreement.b, HASH_SIZE);
	q.clause = cursor_u16(c);
	q.used = cursor_u64(c);
	if (cursor_err(c) != ERR_OK)
		return cursor_err(c);
	*out = q;
	return ERR_OK;
}

/*
 * ---- channel status ----
 *   text partner | text channel | text own origin | text peer origin | u64 own size, own receipted, peer size
 *   | own root[32] | peer root[32] | ledgers[32] | u64 asked, answered, refused, unanswered
 */

void channel_status_write(struct builder *b, const struct channel_status *s)
{
	piped_text_write(b, s->partner);
	piped_text_write(b, s->channel);
	piped_text_write(b, s->own_origin);
	piped_text_write(b, s->peer_origin);
	build_u64(b, s->own_size);
	build_u64(b, s->own_receipted);
	build_u64(b, s->peer_size);
	build_copy(b, s->own_root.b, HASH_SIZE);
	build_copy(b, s->peer_root.b, HASH_SIZE);
	build_copy(b, s->ledgers.b, HASH_SIZE);
	build_u64(b, s->asked);
	build_u64(b, s->answered);
	build_u64(b, s->refused);
	build_u64(b, s->unanswered);
}

enum err channel_status_read(struct cursor *c, struct channel_status *out)
{
	struct channel_status s = {0};

	piped_text_read(c, s.partner, sizeof s.partner);
	piped_text_read(c, s.channel, sizeof s.channel);
	piped_text_read(c, s.own_origin, sizeof s.own_origin);
	piped_text_read(c, s.peer_origin, sizeof s.peer_origin);
	s.own_size = cursor_u64(c);
	s.own_receipted = cursor_u64(c);
	s.peer_size = cursor_u64(c);
	cursor_copy(c, s.own_root.b, HASH_SIZE);
	cursor_copy(c, s.peer_root.b, HASH_SIZE);
	cursor_copy(c, s.ledgers.b, HASH_SIZE);
	s.asked = cursor_u64(c);
	s.answered = cursor_u64(c);
	s.refused = cursor_u64(c);
	s.unanswered = cursor_u64(c);
	if (cursor_err(c) != ERR_OK)
		return cursor_err(c);
	*out = s;
	return ERR_OK;
}
