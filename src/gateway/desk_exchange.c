/* desk_exchange.c: an exchange as the API shows it. Nothing but what the clause names is ever written. */
#include <stdio.h>

#include "gateway/desk.h"

#define DAY_MS 86400000ull

void api_name(struct bytes name, char *out, size_t size)
{
	size_t n = name.n < size - 1 ? name.n : size - 1;

	for (size_t i = 0; i < n; i++)
		out[i] = name.at[i] == '-' ? '_' : (char)name.at[i];
	out[n] = '\0';
}

/* ---- which clause ---- */

static bool in_force(const struct agreement *a, int32_t today)
{
	return today >= a->from_day && today <= a->until_day;
}

const struct clause *clause_asked(const struct papers *papers, const char *self, struct bytes to, struct bytes name, int32_t today,
				  const struct agreement **agreement)
{
	const struct clause *best = NULL;
	int		     best_rank = -1;

	for (unsigned i = 0; i < papers->nagreements; i++) {
		const struct agreement *a = papers->agreement[i];
		const struct clause    *c = agreement_clause_named(a, name);
		int			us = agreement_party(a, bytes_text(self));

		if (c == NULL || us < 0 || (to.n > 0 && !bytes_is(to, a->party[1 - us].name)))
			continue;
		int rank = 2 * ((int)c->asks == us) + in_force(a, today);
		if (rank <= best_rank)
			continue;
		best = c;
		best_rank = rank;
		*agreement = a;
	}
	return best;
}

/* ---- pieces ---- */

static void time_member(struct json_writer *w, const char *key, uint64_t ms)
{
	char text[25];

	if (ms == 0)
		return;
	time_write(ms, text);
	json_member(w, key, text);
}

static void times_json(struct json_writer *w, const struct exchange *x)
{
	json_member_open(w, "times", '{');
	time_member(w, "accepted", x->accepted_ms);
	time_member(w, "delivered", x->delivered_ms);
	time_member(w, "answered", x->answered_ms);
	json_close(w, '}');
}

static void clause_json(struct json_writer *w, const struct exchange *x, const struct agreement *a, const struct clause *c)
{
	char name[2 * NAME_MOST + 4], id[2 * HASH_SIZE + 1];

	json_member_open(w, "clause", '{');
	if (c != NULL) {
		snprintf(name, sizeof name, "%s/%s", c->channel, c->name);
		json_member(w, "name", name);
	}
	json_member_number(w, "number", x->clause);
	if (a != NULL) {
		json_member(w, "agreement", a->name);
		json_member_number(w, "version", a->version);
	}
	hex_write(x->agreement.b, HASH_SIZE, id);
	json_member(w, "agreement_id", id);
	json_close(w, '}');
}

/* In the clause's order. Only its answer fields are ever looked up, so nothing else can come out. */
static void fields_json(struct json_writer *w, const struct clause *c, const struct fields *fields)
{
	char name[NAME_MOST + 1];

	json_member_open(w, "fields", '{');
	for (unsigned i = 0; c != NULL && i < c->nanswer; i++) {
		const struct field *field = fields_find(fields, c->answer[i].name);

		if (field == NULL)
			continue;
		api_name(field->name, name, sizeof name);
		json_member_text(w, name, field->value);
	}
	json_close(w, '}');
}

static const char *code_text(const struct field_rule *rule, struct bytes value, enum lang lang)
{
	for (unsigned i = 0; rule->type == FIELD_CODE && i < rule->ncodes; i++)
		if (bytes_is(value, rule->code[i].name))
			return texts_in(&rule->code[i].text, lang);
	return NULL;
}

/* What codes mean, or what the fields are called, in the reader's language. */
static void texts_json(struct json_writer *w, const struct clause *c, const struct fields *fields, enum lang lang, bool labels)
{
	char name[NAME_MOST + 1];

	json_member_open(w, labels ? "labels" : "texts", '{');
	for (unsigned i = 0; c != NULL && i < c->nanswer; i++) {
		const struct field_rule *rule = &c->answer[i];
		const struct field	*field = fields_find(fields, rule->name);
		const char		*text = NULL;

		if (field != NULL)
			text = labels ? texts_in(&rule->label, lang) : code_text(rule, field->value, lang);
		if (text == NULL)
			continue;
		api_name(field->name, name, sizeof name);
		json_member(w, name, text);
	}
	json_close(w, '}');
}

static void keep_json(struct json_writer *w, const struct exchange *x, const struct clause *c)
{
	char date[11];

	if (c == NULL || c->keep_answer_days == 0 || x->answered_ms == 0)
		return;
	date_write((int32_t)(x->answered_ms / DAY_MS) + (int32_t)c->keep_answer_days, date);
	json_member(w, "keep_until", date);
}

static void answered_json(struct json_writer *w, const struct exchange *x, const struct clause *c, enum lang lang)
{
	bool hit = x->status == STATUS_OK;

	json_member(w, "result", hit ? "hit" : "no-hit");
	if (!hit) {
		json_key(w, "fields");
		json_nothing(w);
	} else {
		fields_json(w, c, &x->got);
		texts_json(w, c, &x->got, lang, false);
		texts_json(w, c, &x->got, lang, true);
	}
	keep_json(w, x, c);
}

/* ---- places in the two logs ---- */

static bool place_known(const struct place *p)
{
	static const struct epoch none;

	return memcmp(p->epoch.b, none.b, EPOCH_SIZE) != 0;
}

static void place_json(struct json_writer *w, const char *key, const char *author, const char *reader, const struct exchange *x,
		       const struct place *p)
{
	struct origin origin = {.epoch = p->epoch};
	char	      text[ORIGIN_MOST];

	snprintf(origin.author, sizeof origin.author, "%s", author);
	snprintf(origin.reader, sizeof origin.reader, "%s", reader);
	snprintf(origin.channel, sizeof origin.channel, "%s", x->channel);
	if (!place_known(p) || origin_write(&origin, text) != ERR_OK)
		return;
	json_member_open(w, key, '{');
	json_member(w, "origin", text);
	json_member_number(w, "index", p->index);
	json_close(w, '}');
}

static void proof_json(struct json_writer *w, const struct exchange *x, const char *asker, const char *answerer)
{
	json_member_open(w, "proof", '{');
	place_json(w, "question", asker, answerer, x, &x->question);
	place_json(w, "answer", answerer, asker, x, &x->answer);
	json_member(w, "receipt", x->receipt_held ? "held" : "awaited");
	json_close(w, '}');
}

/* ---- a refusal ---- */

/* A reason of the clause in its own words, else a rule of everybody's. */
static const char *reason_text(const struct clause *c, struct bytes reason, enum lang lang)
{
	for (unsigned i = 0; c != NULL && i < c->nrefusals; i++)
		if (bytes_is(reason, c->refusal[i].name))
			return texts_in(&c->refusal[i].text, lang);
	for (unsigned r = 1; r < REFUSAL_COUNT; r++)
		if (bytes_is(reason, refusal_code((enum refusal)r)))
			return refusal_title((enum refusal)r, lang);
	return NULL;
}

static void refusal_json(struct json_writer *w, const struct exchange *x, const struct clause *c, const char *asker, const char *answerer,
			 enum lang lang)
{
	json_member_open(w, "refusal", '{');
	json_member(w, "by", answerer);
	json_member_text(w, "reason", x->reason);
	json_member(w, "text", reason_text(c, x->reason, lang));
	json_member_number(w, "clause", x->clause);
	json_member_text(w, "rule", x->rule);
	place_json(w, "recorded", answerer, asker, x, &x->answer);
	json_close(w, '}');
}

/* ---- a failure ---- */

/* Each row: a reason of spec/rules.md section 7 with status 4 or 5, or one of the asking side, and what it says to people. */
static const struct {
	const char *reason;
	const char *text[2]; /* by enum lang */
} failures[] = {
	{"cancelled", {"who asked withdrew the question before it was answered", "سحب السائل الاستعلام قبل أن يُجاب"}},
	{"provider-failed", {"the data source did not answer", "لم يجب مصدر البيانات"}},
	{"answer-not-permitted", {"the answer was outside the clause and is not shown", "خرج الجواب عن البند فلا يُعرض"}},
	{"busy", {"too many questions were open at the answering side", "كثرت الاستعلامات المفتوحة عند الطرف المجيب"}},
	{"not-adopted", {"the asking side had lost entries and had not yet taken them in again", "فقد الطرف السائل قيودًا ولم يكن قد استعادها بعد"}},
	{"interrupted", {"the answering side was interrupted and may not look twice", "انقطع عمل الطرف المجيب ولا يجوز له أن يبحث مرتين"}},
	{"unsupported", {"the answering side does not serve messages of this kind", "لا يخدم الطرف المجيب هذا النوع من الرسائل"}},
};

static const char *failure_text(struct bytes reason, enum lang lang)
{
	for (size_t i = 0; i < COUNT_OF(failures); i++)
		if (bytes_is(reason, failures[i].reason))
			return failures[i].text[lang];
	return NULL;
}

static void failure_json(struct json_writer *w, const struct exchange *x, const char *asker, const char *answerer, enum lang lang)
{
	bool	     answered = exchange_state_of(x->status) == EXCHANGE_ANSWERED; /* and it was this side that did not take it */
	struct bytes reason = answered ? bytes_text("answer-not-permitted") : x->reason;

	json_member_open(w, "failure", '{');
	json_member_text(w, "reason", reason);
	json_member(w, "text", failure_text(reason, lang));
	if (x->rule.n > 0)
		json_member_text(w, "rule", x->rule);
	place_json(w, "recorded", answerer, asker, x, &x->answer);
	json_close(w, '}');
}

void exchange_json(struct json_writer *w, const char *self, const struct papers *papers, const struct exchange *x, enum lang lang)
{
	const struct agreement *a = papers_agreement(papers, &x->agreement);
	const struct clause    *c = a != NULL ? agreement_clause(a, x->clause) : NULL;
	const char	       *asker = x->ours ? self : x->partner;
	const char	       *answerer = x->ours ? x->partner : self;
	char			id[29], evidence[64];

	exchange_id_write(x->mid, id);
	snprintf(evidence, sizeof evidence, "/v1/queries/%s/evidence", id);
	json_open(w, '{');
	json_member(w, "id", id);
	json_member(w, "object", "query");
	json_member(w, "state", exchange_state_name(x->state));
	if (x->state == EXCHANGE_ANSWERED)
		answered_json(w, x, c, lang);
	if (x->state == EXCHANGE_REFUSED)
		refusal_json(w, x, c, asker, answerer, lang);
	if (x->state == EXCHANGE_FAILED)
		failure_json(w, x, asker, answerer, lang);
	json_member(w, "from", asker);
	json_member(w, "to", answerer);
	clause_json(w, x, a, c);
	if (x->purpose.n > 0)
		json_member_text(w, "purpose", x->purpose);
	times_json(w, x);
	if (c != NULL && c->per_day > 0) {
		json_member_open(w, "quota", '{');
		json_member_number(w, "per_day", c->per_day);
		json_member_number(w, "used", x->used);
		json_close(w, '}');
	}
	proof_json(w, x, asker, answerer);
	json_member_open(w, "links", '{');
	json_member(w, "evidence", evidence);
	json_close(w, '}');
	json_close(w, '}');
}
