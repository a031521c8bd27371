/*
 * desk_metrics.c: GET /metrics, in the text format 0.0.4 that Prometheus reads.
 *
 * The core tells what it counts, the reader what files tell, the desk what it knows itself:
 * papers, the certificate, who is there. When core or reader is not there, what it would tell
 * is left out and mithaq_process_up says so: a gateway whose ledger stopped can still be watched.
 *
 *   a family    # HELP and # TYPE once, then one line for each set of labels
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/desk.h"
#include "gateway/metrics.h"

#define METRICS_WAIT_S 5
#define METRICS_MOST   65536 /* records of one reading */
#define DAY_S	       86400.0
#define FORMAT_TEXT    "text/plain; version=0.0.4; charset=utf-8"
#define LABEL_MOST     (2 * METRIC_CLAUSE_MOST)

/* One reading: records of both halves, and the page that is written from them. */
struct page {
	const struct desk *desk;
	struct metric	  *at;
	size_t		   n, room;
	struct buffer	  *out;
	enum err	   err;
	bool		   core, reader; /* did they tell? */
};

/* ---- writing ---- */

static void prints(2, 3) say(struct page *p, const char *format, ...)
{
	char	line[1024];
	va_list values;

	va_start(values, format);
	int n = vsnprintf(line, sizeof line, format, values);
	va_end(values);
	if (n < 0 || (size_t)n >= sizeof line)
		p->err = ERR_TOO_LONG;
	else if (p->err == ERR_OK)
		p->err = buffer_add(p->out, bytes_of(line, (size_t)n));
}

/* In a label's quotes; names have no such character, and a message from another process may have any. */
static const char *label(const char *text, char out[static LABEL_MOST])
{
	size_t n = 0;

	for (; *text != '\0' && n + 3 < LABEL_MOST; text++) {
		if (*text == '"' || *text == '\\' || *text == '\n')
			out[n++] = '\\';
		out[n++] = *text == '\n' ? 'n' : *text;
	}
	out[n] = '\0';
	return out;
}

static void head(struct page *p, const char *name, const char *type, const char *help)
{
	say(p, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* ---- of each kind of record ---- */

typedef void metric_say_fn(struct page *p, const char *name, const struct metric *m);

static void partner_up(struct page *p, const char *name, const struct metric *m)
{
	char partner[LABEL_MOST];

	say(p, "%s{partner=\"%s\"} %d\n", name, label(m->partner, partner), m->is);
}

static void partner_unreceipted(struct page *p, const char *name, const struct metric *m)
{
	char partner[LABEL_MOST];

	say(p, "%s{partner=\"%s\"} %llu\n", name, label(m->partner, partner), (unsigned long long)m->n);
}

static void partner_skew(struct page *p, const char *name, const struct metric *m)
{
	char partner[LABEL_MOST];

	if (m->skew_known)
		say(p, "%s{partner=\"%s\"} %.3f\n", name, label(m->partner, partner), m->skew_ms / 1000.0);
}

static void ledger_equal(struct page *p, const char *name, const struct metric *m)
{
	char partner[LABEL_MOST], channel[LABEL_MOST];

	say(p, "%s{partner=\"%s\",channel=\"%s\"} %d\n", name, label(m->partner, partner), label(m->name, channel), m->is);
}

static void clause_exchanges(struct page *p, const char *name, const struct metric *m)
{
	char partner[LABEL_MOST], clause[LABEL_MOST];

	(void)label(m->partner, partner);
	(void)label(m->name, clause);
	for (unsigned s = EXCHANGE_ACCEPTED; s < METRIC_STATES; s++)
		if (s != EXCHANGE_DELIVERED)
			say(p, "%s{partner=\"%s\",clause=\"%s\",state=\"%s\"} %llu\n", name, partner, clause,
			    exchange_state_name((enum exchange_state)s), (unsigned long long)m->state[s]);
}

static void clause_seconds(struct page *p, const char *name, const struct metric *m)
{
	char		   partner[LABEL_MOST], clause[LABEL_MOST];
	unsigned long long upto = 0;

	if (!m->is)
		return;
	(void)label(m->partner, partner);
	(void)label(m->name, clause);
	for (unsigned i = 0; i < METRIC_BUCKETS; i++) {
		upto += m->bucket[i];
		say(p, "%s_bucket{partner=\"%s\",clause=\"%s\",le=\"%g\"} %llu\n", name, partner, clause, metric_bucket_ms[i] / 1000.0, upto);
	}
	upto += m->bucket[METRIC_BUCKETS];
	say(p, "%s_bucket{partner=\"%s\",clause=\"%s\",le=\"+Inf\"} %llu\n", name, partner, clause, upto);
	say(p, "%s_sum{partner=\"%s\",clause=\"%s\"} %.3f\n", name, partner, clause, (double)m->sum_ms / 1000.0);
	say(p, "%s_count{partner=\"%s\",clause=\"%s\"} %llu\n", name, partner, clause, upto);
}

static void clause_quota(struct page *p, const char *name, const struct metric *m)
{
	char partner[LABEL_MOST], clause[LABEL_MOST];

	if (m->per_day != 0)
		say(p, "%s{partner=\"%s\",clause=\"%s\"} %.4f\n", name, label(m->partner, partner), label(m->name, clause),
		    (double)m->used / (double)m->per_day);
}

static void provider_up(struct page *p, const char *name, const struct metric *m)
{
	char clause[LABEL_MOST];

	say(p, "%s{clause=\"%s\"} %d\n", name, label(m->name, clause), m->is);
}

static void provider_failed(struct page *p, const char *name, const struct metric *m)
{
	char clause[LABEL_MOST];

	say(p, "%s{clause=\"%s\"} %llu\n", name, label(m->name, clause), (unsigned long long)m->n);
}

static void disk_free(struct page *p, const char *name, const struct metric *m)
{
	say(p, "%s %llu\n", name, (unsigned long long)m->n);
}

static void backup_age(struct page *p, const char *name, const struct metric *m)
{
	uint64_t now = desk_wall_ms();

	if (m->n == 0)
		say(p, "%s +Inf\n", name);
	else
		say(p, "%s %.0f\n", name, now > m->n ? (double)(now - m->n) / 1000 : 0.0);
}

static void alarm_stands(struct page *p, const char *name, const struct metric *m)
{
	char code[LABEL_MOST];

	say(p, "%s{code=\"%s\",by=\"%s\"} %llu\n", name, label(m->name, code), m->is ? "us" : "partner", (unsigned long long)m->n);
}

static const struct family {
	enum metric_kind kind;
	const char	*name, *type, *help;
	metric_say_fn	*say;
} families[] = {
	{METRIC_PARTNER, "mithaq_link_up", "gauge", "A session with the partner is up and both sides said HELLO.", partner_up},
	{METRIC_PARTNER, "mithaq_unreceipted", "gauge", "Entries of ours for which the partner has given no receipt.", partner_unreceipted},
	{METRIC_PARTNER, "mithaq_clock_skew_seconds", "gauge", "How far the partner's clock is ahead of ours; only while the link is up.",
	 partner_skew},
	{METRIC_LEDGER, "mithaq_ledgers_equal", "gauge",
	 "The link is up, the partner receipted all of our log, we receipted all that came of its log, and nothing is frozen or being fetched.",
	 ledger_equal},
	{METRIC_CLAUSE, "mithaq_exchanges_total", "counter",
	 "Questions under the clause that were accepted, and their ends, since this core began; the clause says who asks.", clause_exchanges},
	{METRIC_CLAUSE, "mithaq_answer_seconds", "histogram", "Our own questions, from accepted to answered or refused.", clause_seconds},
	{METRIC_CLAUSE, "mithaq_quota_used_ratio", "gauge", "Questions of this UTC day over the clause's limit per day.", clause_quota},
	{METRIC_PROVIDER, "mithaq_provider_up", "gauge", "The process that asks this clause's source is there.", provider_up},
	{METRIC_PROVIDER, "mithaq_provider_failures_total", "counter", "Lookups that the clause's source did not answer, since this core began.",
	 provider_failed},
	{METRIC_DISK, "mithaq_disk_free_bytes", "gauge", "Room for us on the disk of the data folder.", disk_free},
	{METRIC_BACKUP, "mithaq_backup_age_seconds", "gauge", "Since `mithaq backup` last wrote a whole file; +Inf: it never did.", backup_age},
	{METRIC_ALARM, "mithaq_alarm", "gauge", "Alarms that stand: raised by us, which freeze a channel, or said by a partner.", alarm_stands},
};

static void family_say(struct page *p, const struct family *f)
{
	bool begun = false;

	for (size_t i = 0; i < p->n; i++) {
		if (p->at[i].kind != f->kind)
			continue;
		if (!begun)
			head(p, f->name, f->type, f->help);
		begun = true;
		f->say(p, f->name, &p->at[i]);
	}
}

/* ---- what the desk knows itself ---- */

/* A card counts through its last day. */
static void keys_say(struct page *p)
{
	static const char  name[] = "mithaq_key_expires_seconds";
	const struct desk *d = p->desk;
	double		   now_s = (double)desk_wall_ms() / 1000, api_s = (double)desk_certificate_until_ms(d) / 1000;
	char		   party[LABEL_MOST];

	head(p, name, "gauge", "Until the card of a party, or the certificate of the API, ends; below zero since it did.");
	for (unsigned i = 0; i < d->papers.ncards; i++)
		say(p, "%s{key=\"card:%s\"} %.0f\n", name, label(d->papers.card[i]->party, party),
		    ((double)d->papers.card[i]->until_day + 1) * DAY_S - now_s);
	if (api_s > 0)
		say(p, "%s{key=\"api\"} %.0f\n", name, api_s - now_s);
}

static void house_say(struct page *p)
{
	const struct desk *d = p->desk;
	char		   party[LABEL_MOST];

	head(p, "mithaq_build_info", "gauge", "Always 1.");
	say(p, "mithaq_build_info{version=\"%s\",party=\"%s\",environment=\"%s\"} 1\n", MITHAQ_VERSION, label(d->process->config->party, party),
	    d->papers.card[0]->live ? "live" : "test");
	head(p, "mithaq_start_time_seconds", "gauge", "When this gateway's desk began.");
	say(p, "mithaq_start_time_seconds %.3f\n", (double)d->started_ms / 1000);
	head(p, "mithaq_reloads_total", "counter", "Reloads that were taken up since the desk began.");
	say(p, "mithaq_reloads_total %llu\n", (unsigned long long)d->reloads);
	head(p, "mithaq_process_up", "gauge", "This process of the gateway answered.");
	say(p, "mithaq_process_up{process=\"desk\"} 1\nmithaq_process_up{process=\"core\"} %d\nmithaq_process_up{process=\"reader\"} %d\n", p->core,
	    p->reader);
	head(p, "mithaq_ledger_stopped", "gauge", "A write to the ledger failed, and the core stays down until a person starts the gateway again.");
	say(p, "mithaq_ledger_stopped %d\n", d->ledger_stopped);
}

/* ---- reading the halves ---- */

static bool record_keep(struct page *p, const struct metric *m)
{
	if (p->n == p->room) {
		size_t	       room = p->room > 0 ? 2 * p->room : 64;
		struct metric *more = room <= METRICS_MOST ? realloc(p->at, room * sizeof *more) : NULL;

		if (more == NULL)
			return false;
		p->at = more;
		p->room = room;
	}
	p->at[p->n++] = *m;
	return true;
}

static void half_read(struct page *p, struct bytes half)
{
	struct cursor c = cursor_on(half);
	struct metric m;

	while (p->err == ERR_OK && cursor_left(&c) > 0) {
		p->err = metric_read(&c, &m);
		if (p->err == ERR_OK && !record_keep(p, &m))
			p->err = ERR_MEMORY;
	}
}

/* Into desk->out. */
static enum err page_write(struct desk *d, const struct pending *p)
{
	struct page page = {.desk = d, .out = &d->out, .core = p->halves[0].n > 0, .reader = p->halves[1].n > 0};

	d->out.n = 0;
	for (unsigned i = 0; i < 2; i++)
		half_read(&page, buffer_bytes(&p->halves[i]));
	house_say(&page);
	keys_say(&page);
	for (size_t i = 0; i < COUNT_OF(families); i++)
		family_say(&page, &families[i]);
	free(page.at);
	return page.err;
}

/* ---- one request ---- */

static void answer(struct desk *d, struct pending *p)
{
	const struct problem   internal = {.code = "internal"};
	struct evhttp_request *request = p->request;
	enum lang	       lang = p->lang;
	enum err	       e = page_write(d, p);

	pending_end(d, p);
	if (request == NULL)
		return;
	if (e == ERR_OK)
		desk_reply(request, 200, FORMAT_TEXT, buffer_bytes(&d->out));
	else
		desk_problem(d, request, lang, &internal);
}

/* Who does not take the question is not there. */
static void halves_ask(struct desk *d, struct pending *p)
{
	uint8_t	       memory[4];
	struct builder b = builder_on(memory, sizeof memory);

	build_u32(&b, p->ticket);
	if (desk_core_there(d) && desk_core_send(d, p, DESK_METRICS, builder_bytes(&b)) == ERR_OK)
		p->missing |= HALF_CORE;
	if (desk_reader_there(d) && desk_reader_send(d, p, READER_METRICS) == ERR_OK)
		p->missing |= HALF_READER;
}

void desk_metrics_get(struct call *c)
{
	struct pending *p;

	if (!desk_parameters_known(c, NULL, 0))
		return;
	p = pending_new(c, ASKED_METRICS, METRICS_WAIT_S);
	if (p == NULL) {
		desk_problem_code(c, "busy");
		return;
	}
	halves_ask(c->desk, p);
	if (p->missing == 0)
		answer(c->desk, p);
}

static void half_came(struct desk *d, struct bytes payload, unsigned half)
{
	struct cursor	c = cursor_on(payload);
	struct pending *p = pending_find(d, cursor_u32(&c));

	if (cursor_err(&c) != ERR_OK || p == NULL || p->asked != ASKED_METRICS || (p->missing & half) == 0)
		return;
	struct buffer *keep = &p->halves[half == HALF_READER];
	keep->most = DESK_ANSWER_MOST;
	if (buffer_add(keep, cursor_rest(&c)) != ERR_OK) {
		pending_give_up(d, p, "internal");
		return;
	}
	p->missing &= ~half;
	if (p->missing == 0)
		answer(d, p);
}

void desk_on_core_metrics(struct desk *d, struct bytes payload)
{
	half_came(d, payload, HALF_CORE);
}

void desk_on_reader_metrics(struct desk *d, struct bytes payload)
{
	half_came(d, payload, HALF_READER);
}
