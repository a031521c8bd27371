/* connection.c: the text of the connection agreement, and its clauses found again. */
#include "agreement/connection.h"

/* The side of one party, from its card or from the text. */
struct side {
	const char		*name;
	const struct public_key *root; /* a, b */
};

#define NUMBER_STEP 4u /* clauses per direction */

/* ---- what each clause says ---- */

#define TIME_FIELDS                                                                                                                                  \
	"      from: {type: time, required: always, ar: \"من\", en: From}\n"                                                                       \
	"      until: {type: time, required: when known, ar: \"حتى\", en: Until}\n"                                                               \
	"      text: {type: text, length: 1000, required: always, ar: \"النص\", en: Text}\n"
#define NOTED "      noted: {type: code, ar: \"أُخذ العلم\", en: Noted, codes: {\"yes\": {ar: \"نعم\", en: \"yes\"}}}\n"

struct wording {
	const char *name; /* without "-by-first" or "-by-second" */
	const char *title, *request, *answer, *limits, *ask, *said;
};

/* By enum connection_clause. */
static const struct wording wordings[] = {
	{
		"ping",
		"{ar: \"سؤال عن بقاء الاتصال\", en: Whether the other side is there}",
		"      at: {type: time, required: always, ar: \"وقت السؤال\", en: Time of the question}\n",
		"      at: {type: time, ar: \"وقت الجواب\", en: Time of the answer}\n",
		"    limits: {per-day: 10000, answer-within: 10 seconds}\n    keep: {question: until answered, answer: 1 day}\n",
		"at: \"2026-01-01T08:00:00Z\"",
		"{at: \"2026-01-01T08:00:01Z\"}",
	},
	{
		"outage-notice",
		"{ar: \"إشعار بتوقف مخطط له\", en: Notice of a planned outage}",
		TIME_FIELDS,
		NOTED,
		"    limits: {per-day: 100, answer-within: 10 seconds}\n    keep: {question: 365 days, answer: 365 days}\n",
		"from: \"2026-01-02T08:00:00Z\", until: \"2026-01-02T10:00:00Z\", text: Maintenance",
		"{noted: \"yes\"}",
	},
	{
		"incident-notice",
		"{ar: \"إشعار بحادث\", en: Notice of an incident}",
		TIME_FIELDS,
		NOTED,
		"    limits: {per-day: 100, answer-within: 10 seconds}\n    keep: {question: 365 days, answer: 365 days}\n",
		"from: \"2026-01-01T07:00:00Z\", text: A machine was lost",
		"{noted: \"yes\"}",
	},
	{
		"officer-list",
		"{ar: \"قائمة الموظفين المعيَّنين\", en: List of designated officers}",
		"      day: {type: date, required: always, ar: \"اليوم\", en: Day}\n",
		"      officers: {type: text, length: 2000, ar: \"الموظفون\", en: Officers}\n",
		"    limits: {per-day: 100, answer-within: 10 seconds}\n    keep: {question: until answered, answer: 365 days}\n",
		"day: \"2026-01-01\"",
		"{officers: r.sample}",
	},
};

/* ---- writing ---- */

static enum err head_write(struct buffer *out, const struct side side[2], bool live)
{
	char	     hex[2 * HASH_SIZE + 1];
	struct bytes pieces[] = {bytes_text("mithaq/connection/1\n"), bytes_text(side[0].name), bytes_text("\n"), bytes_text(side[1].name)};
	struct hash  h = hash_pieces(pieces, COUNT_OF(pieces));

	hex_write(h.b, HASH_SIZE, hex);
	return buffer_format(out,
			     "mithaq: agreement/1\n"
			     "# Both gateways compute this text from the two party cards; nobody drafted it.\n"
			     "id: connection-%.12s\n"
			     "environment: %s\n"
			     "languages: [ar, en]\n"
			     "authentic: [ar, en]\n"
			     "title:\n"
			     "  ar: \"اتفاق الاتصال بين %s و%s\"\n"
			     "  en: \"Connection agreement between %s and %s\"\n"
			     "in-force: {from: 2026-01-01}\n",
			     hex, live ? "live" : "test", side[0].name, side[1].name, side[0].name, side[1].name);
}

static enum err party_write(struct buffer *out, const struct side *side)
{
	char a[2 * SIGN_PUBLIC + 1], b[2 * SIGN_PUBLIC + 1];

	hex_write(side->root[0].b, SIGN_PUBLIC, a);
	hex_write(side->root[1].b, SIGN_PUBLIC, b);
	return buffer_format(out,
			     "  %s:\n"
			     "    name: {ar: \"%s\", en: \"%s\"}\n"
			     "    working-days: Sunday to Saturday\n"
			     "    time-zone: UTC\n"
			     "    keys:\n"
			     "      - root-a %s\n"
			     "      - root-b %s\n",
			     side->name, side->name, side->name, a, b);
}

static enum err clause_write(struct buffer *out, const struct side side[2], unsigned asks, unsigned what)
{
	const struct wording *w = &wordings[what];

	return buffer_format(out,
			     "  - number: %u\n"
			     "    channel: " CONNECTION_CHANNEL "\n"
			     "    name: %s-by-%s\n"
			     "    pattern: query\n"
			     "    title: %s\n"
			     "    basis: {ar: \"هذا الاتفاق\", en: This agreement}\n"
			     "    asks: %s\n"
			     "    answers: %s\n"
			     "    purposes: [operation]\n"
			     "    request:\n%s"
			     "    answer:\n%s"
			     "%s"
			     "    onward: no\n"
			     "    examples:\n"
			     "      - {ask: {purpose: operation, %s}, answer: %s}\n"
			     "    must-refuse:\n"
			     "      - {ask: {purpose: curiosity, %s}, because: purpose}\n",
			     asks * NUMBER_STEP + what + 1, w->name, asks == 0 ? "first" : "second", w->title, side[asks].name, side[1 - asks].name,
			     w->request, w->answer, w->limits, w->ask, w->said, w->ask);
}

static enum err text_write(struct buffer *out, const struct side side[2], bool live)
{
	enum err e = head_write(out, side, live);

	if (e == ERR_OK)
		e = buffer_format(out, "parties:\n");
	for (unsigned i = 0; i < 2 && e == ERR_OK; i++)
		e = party_write(out, &side[i]);
	if (e == ERR_OK)
		e = buffer_format(out, "purposes:\n  operation: {ar: \"تشغيل الاتصال\", en: operation of the connection}\nclauses:\n");
	for (unsigned asks = 0; asks < 2; asks++)
		for (unsigned what = 0; what < COUNT_OF(wordings) && e == ERR_OK; what++)
			e = clause_write(out, side, asks, what);
	return e;
}

enum err connection_write(const struct card *one, const struct card *other, struct buffer *out)
{
	int		   order = strcmp(one->party, other->party);
	const struct card *first = order < 0 ? one : other, *second = order < 0 ? other : one;
	const struct side  side[2] = {{first->party, first->root}, {second->party, second->root}};
	size_t		   before = out->n;

	if (order == 0 || one->live != other->live)
		return ERR_VALUE;
	enum err e = text_write(out, side, one->live);
	if (e != ERR_OK)
		out->n = before;
	return e;
}

/* ---- found again ---- */

bool connection_is(const struct agreement *a)
{
	const struct side side[2] = {{a->party[0].name, a->party[0].root}, {a->party[1].name, a->party[1].root}};
	struct buffer	  text = {.most = CONNECTION_TEXT_MOST};
	bool same = strcmp(side[0].name, side[1].name) < 0 && text_write(&text, side, a->live) == ERR_OK && bytes_equal(buffer_bytes(&text), a->text);

	buffer_done(&text);
	return same;
}

const struct clause *connection_clause(const struct agreement *a, unsigned asks, enum connection_clause what)
{
	return connection_is(a) ? agreement_clause(a, (uint16_t)(asks * NUMBER_STEP + (unsigned)what + 1)) : NULL;
}

bool connection_clause_read(const struct agreement *a, const struct clause *c, enum connection_clause *out)
{
	if (c->number < 1 || c->number > 2 * NUMBER_STEP || !connection_is(a))
		return false;
	*out = (enum connection_clause)((c->number - 1u) % NUMBER_STEP);
	return true;
}
