/*
 * core_metrics.c: what the core counts, where it happens, and tells the desk when it is asked.
 *
 * The counters live in memory and begin at zero with each core: those who read them expect that.
 * Nothing here touches the ledger or the disk.
 */
#include <stdlib.h>

#include "gateway/core.h"
#include "gateway/metrics.h"

/* One clause, by its name, with one partner: two versions of an agreement count as one. */
struct core_count {
	unsigned partner;
	char	 clause[METRIC_CLAUSE_MOST];
	bool	 ours; /* we ask */
	uint64_t state[METRIC_STATES];
	uint64_t bucket[METRIC_BUCKETS + 1], sum_ms;
};

struct core_counts {
	unsigned	   n;
	struct core_count *at;
	/* Of agreement i of the papers: the count of clause k is at[of[first[i] + k]]. */
	unsigned  first[PAPERS_AGREEMENTS_MOST];
	unsigned *of;
};
#define NOT_COUNTED UINT32_MAX

/* ---- at the start: the papers of a core do not change while it lives ---- */

static unsigned partner_number(const struct core *c, const char *name)
{
	unsigned i = 0;

	while (i < c->npartners && strcmp(c->partner[i].name, name) != 0)
		i++;
	return i;
}

static unsigned count_of_name(struct core_counts *counts, const struct core_count *sought)
{
	for (unsigned i = 0; i < counts->n; i++)
		if (counts->at[i].partner == sought->partner && strcmp(counts->at[i].clause, sought->clause) == 0)
			return i;
	counts->at[counts->n] = *sought;
	return counts->n++;
}

static void agreement_count(struct core *c, unsigned i)
{
	const struct agreement *a = c->papers.agreement[i];
	int			self = agreement_party(a, bytes_text(c->process->config->party));
	unsigned		partner = self >= 0 ? partner_number(c, a->party[1 - self].name) : c->npartners;

	for (unsigned k = 0; k < a->nclauses; k++) {
		struct core_count count = {.partner = partner, .ours = a->clause[k].asks == (unsigned)self};

		(void)snprintf(count.clause, sizeof count.clause, "%s/%s", a->clause[k].channel, a->clause[k].name);
		c->counts->of[c->counts->first[i] + k] = partner < c->npartners ? count_of_name(c->counts, &count) : NOT_COUNTED;
	}
}

enum err core_counts_start(struct core *c)
{
	unsigned clauses = 0;

	c->counts = calloc(1, sizeof *c->counts);
	if (c->counts == NULL)
		return ERR_MEMORY;
	for (unsigned i = 0; i < c->papers.nagreements; i++) {
		c->counts->first[i] = clauses;
		clauses += c->papers.agreement[i]->nclauses;
	}
	c->counts->at = calloc(clauses + 1, sizeof *c->counts->at);
	c->counts->of = calloc(clauses + 1, sizeof *c->counts->of);
	if (c->counts->at == NULL || c->counts->of == NULL)
		return ERR_MEMORY;
	for (unsigned i = 0; i < c->papers.nagreements; i++)
		agreement_count(c, i);
	return ERR_OK;
}

void core_counts_done(struct core *c)
{
	if (c->counts == NULL)
		return;
	free(c->counts->at);
	free(c->counts->of);
	free(c->counts);
	c->counts = NULL;
}

/* ---- when it happens ---- */

static struct core_count *count_of(struct core *c, const struct exchange *x)
{
	const struct agreement *a = papers_agreement(&c->papers, &x->agreement);
	const struct clause    *clause = a != NULL ? agreement_clause(a, x->clause) : NULL;

	for (unsigned i = 0; clause != NULL && i < c->papers.nagreements; i++) {
		if (c->papers.agreement[i] != a)
			continue;
		unsigned number = c->counts->of[c->counts->first[i] + (unsigned)(clause - a->clause)];
		return number != NOT_COUNTED ? &c->counts->at[number] : NULL;
	}
	return NULL;
}

static void time_count(struct core_count *count, uint64_t ms)
{
	unsigned i = 0;

	while (i < METRIC_BUCKETS && ms > metric_bucket_ms[i])
		i++;
	count->bucket[i]++;
	count->sum_ms += ms;
}

/* Its state is what it has come to: once `accepted`, and once its end. */
void core_count(struct core *c, const struct exchange *x)
{
	struct core_count *count = count_of(c, x);
	bool		   answered = x->state == EXCHANGE_ANSWERED || x->state == EXCHANGE_REFUSED;

	if (count == NULL || (unsigned)x->state >= METRIC_STATES)
		return;
	count->state[x->state]++;
	if (x->ours && answered && x->answered_ms >= x->accepted_ms)
		time_count(count, x->answered_ms - x->accepted_ms);
}

/* ---- when it is asked ---- */

static bool add(struct buffer *out, const struct metric *m)
{
	uint8_t	       memory[METRIC_WRITTEN_MOST];
	struct builder b = builder_on(memory, sizeof memory);

	metric_write(&b, m);
	return b.err == ERR_OK && buffer_add(out, builder_bytes(&b)) == ERR_OK;
}

static bool partner_add(const struct core_partner *p, struct buffer *out)
{
	struct metric m = {.kind = METRIC_PARTNER, .is = core_connected(p), .skew_known = p->skew_known, .skew_ms = p->skew_ms};

	(void)snprintf(m.partner, sizeof m.partner, "%s", p->name);
	for (unsigned k = 0; k < p->nchannels; k++)
		m.n += channel_unreceipted(p->channel[k].channel);
	bool whole = add(out, &m);
	for (unsigned k = 0; k < p->nchannels && whole; k++) {
		m.kind = METRIC_LEDGER;
		m.is = core_connected(p) && channel_equal(p->channel[k].channel);
		(void)snprintf(m.name, sizeof m.name, "%s", p->channel[k].name);
		whole = add(out, &m);
	}
	return whole;
}

/* Each agreement has a quota of its own: of two versions the one that is nearer to its end. */
static void quota_fill(const struct core *c, const struct core_count *count, unsigned number, struct metric *m)
{
	int32_t today = (int32_t)(c->now_ms / 86400000);

	for (unsigned i = 0; i < c->papers.nagreements; i++) {
		const struct agreement *a = c->papers.agreement[i];

		for (unsigned k = 0; k < a->nclauses; k++) {
			const struct clause *clause = &a->clause[k];

			if (c->counts->of[c->counts->first[i] + k] != number || clause->per_day == 0)
				continue;
			uint64_t used = core_quota_used(c, &c->partner[count->partner], a, clause, today);
			if (m->per_day != 0 && used * m->per_day <= m->used * clause->per_day)
				continue;
			m->used = used;
			m->per_day = clause->per_day;
		}
	}
}

static bool clause_add(const struct core *c, unsigned number, struct buffer *out)
{
	const struct core_count *count = &c->counts->at[number];
	struct metric		 m = {.kind = METRIC_CLAUSE, .is = count->ours, .sum_ms = count->sum_ms};

	(void)snprintf(m.partner, sizeof m.partner, "%s", c->partner[count->partner].name);
	(void)snprintf(m.name, sizeof m.name, "%s", count->clause);
	memcpy(m.state, count->state, sizeof m.state);
	memcpy(m.bucket, count->bucket, sizeof m.bucket);
	quota_fill(c, count, number, &m);
	return add(out, &m);
}

static bool provider_add(const struct core *c, unsigned i, struct buffer *out)
{
	const struct config_provider *p = &c->process->config->provider[i];
	struct metric		      m = {.kind = METRIC_PROVIDER, .n = c->worker[i].failed};

	m.is = c->worker[i].pipe != NULL || p->source == SOURCE_FETCH; /* who fetches has no process here */
	(void)snprintf(m.name, sizeof m.name, "%s", p->clause);
	return add(out, &m);
}

void core_metrics_send(struct core *c, uint32_t ticket)
{
	struct buffer  out = {.most = PIPE_MESSAGE_MOST};
	uint8_t	       head[4];
	struct builder b = builder_on(head, sizeof head);

	build_u32(&b, ticket);
	bool whole = buffer_add(&out, builder_bytes(&b)) == ERR_OK;
	for (unsigned i = 0; i < c->npartners && whole; i++)
		whole = partner_add(&c->partner[i], &out);
	for (unsigned i = 0; i < c->counts->n && whole; i++)
		whole = clause_add(c, i, &out);
	for (unsigned i = 0; i < c->process->config->nproviders && whole; i++)
		whole = provider_add(c, i, &out);
	if (whole)
		core_desk_send(c, DESK_METRICS_ARE, buffer_bytes(&out));
	buffer_done(&out);
}
