/* metrics.c: records of numbers between processes. */
#include "gateway/metrics.h"

const uint32_t metric_bucket_ms[METRIC_BUCKETS] = {5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 600000, 3600000};

/* "channel/name" and a party's name of the greatest length, and every number. */
_Static_assert(METRIC_WRITTEN_MOST >= 1 + 2 + PARTY_MOST + 2 + METRIC_CLAUSE_MOST + 8 * (METRIC_STATES + METRIC_BUCKETS + 4) + 1,
	       "a record fits where it is written");

/* ---- a clause ---- */

static void clause_write(struct builder *b, const struct metric *m)
{
	for (unsigned i = 0; i < METRIC_STATES; i++)
		build_u64(b, m->state[i]);
	piped_bool_write(b, m->is);
	for (unsigned i = 0; i <= METRIC_BUCKETS && m->is; i++)
		build_u64(b, m->bucket[i]);
	if (m->is)
		build_u64(b, m->sum_ms);
	build_u64(b, m->used);
	build_u64(b, m->per_day);
}

static void clause_read(struct cursor *c, struct metric *m)
{
	for (unsigned i = 0; i < METRIC_STATES; i++)
		m->state[i] = cursor_u64(c);
	m->is = piped_bool_read(c);
	for (unsigned i = 0; i <= METRIC_BUCKETS && m->is; i++)
		m->bucket[i] = cursor_u64(c);
	if (m->is)
		m->sum_ms = cursor_u64(c);
	m->used = cursor_u64(c);
	m->per_day = cursor_u64(c);
}

/* ---- any ---- */

void metric_write(struct builder *b, const struct metric *m)
{
	build_u8(b, (uint8_t)m->kind);
	if (m->kind == METRIC_PARTNER || m->kind == METRIC_LEDGER || m->kind == METRIC_CLAUSE)
		piped_text_write(b, m->partner);
	if (m->kind == METRIC_LEDGER || m->kind == METRIC_CLAUSE || m->kind == METRIC_PROVIDER || m->kind == METRIC_ALARM)
		piped_text_write(b, m->name);
	switch (m->kind) {
	case METRIC_PARTNER:
		piped_bool_write(b, m->is);
		build_u32(b, (uint32_t)m->n);
		piped_bool_write(b, m->skew_known);
		build_u32(b, (uint32_t)m->skew_ms);
		return;
	case METRIC_LEDGER:
		piped_bool_write(b, m->is);
		return;
	case METRIC_CLAUSE:
		clause_write(b, m);
		return;
	case METRIC_PROVIDER:
		piped_bool_write(b, m->is);
		build_u64(b, m->n);
		return;
	case METRIC_DISK:
	case METRIC_BACKUP:
		build_u64(b, m->n);
		return;
	case METRIC_ALARM:
		piped_bool_write(b, m->is);
		build_u32(b, (uint32_t)m->n);
		return;
	}
}

static void rest_read(struct cursor *c, struct metric *m)
{
	switch (m->kind) {
	case METRIC_PARTNER:
		m->is = piped_bool_read(c);
		m->n = cursor_u32(c);
		m->skew_known = piped_bool_read(c);
		m->skew_ms = (int32_t)cursor_u32(c);
		return;
	case METRIC_LEDGER:
		m->is = piped_bool_read(c);
		return;
	case METRIC_CLAUSE:
		clause_read(c, m);
		return;
	case METRIC_PROVIDER:
		m->is = piped_bool_read(c);
		m->n = cursor_u64(c);
		return;
	case METRIC_DISK:
	case METRIC_BACKUP:
		m->n = cursor_u64(c);
		return;
	case METRIC_ALARM:
		m->is = piped_bool_read(c);
		m->n = cursor_u32(c);
		return;
	}
}

enum err metric_read(struct cursor *c, struct metric *out)
{
	uint8_t	      kind = cursor_u8(c);
	struct metric m = {.kind = (enum metric_kind)kind};

	if (kind < METRIC_PARTNER || kind > METRIC_ALARM)
		cursor_fail(c, ERR_PROTOCOL);
	if (cursor_err(c) != ERR_OK)
		return cursor_err(c);
	if (m.kind == METRIC_PARTNER || m.kind == METRIC_LEDGER || m.kind == METRIC_CLAUSE)
		piped_text_read(c, m.partner, sizeof m.partner);
	if (m.kind == METRIC_LEDGER || m.kind == METRIC_CLAUSE || m.kind == METRIC_PROVIDER || m.kind == METRIC_ALARM)
		piped_text_read(c, m.name, sizeof m.name);
	rest_read(c, &m);
	if (cursor_err(c) != ERR_OK)
		return cursor_err(c);
	*out = m;
	return ERR_OK;
}
