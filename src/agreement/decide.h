/*
 * decide.h: may this leave, may this be answered? One function for both sides.
 *
 * A refusal is an answer: it names the clause, the rule and where in the request.
 * decide_request never looks at a clock, a counter or a network of its own: the
 * caller gives the day and what was used, both sides from their logs (spec/rules.md).
 */
#ifndef MITHAQ_AGREEMENT_DECIDE_H
#define MITHAQ_AGREEMENT_DECIDE_H

#include "agreement/agreement.h"

/*
 * Each row: enum name, machine code in API and reply, HTTP status of the local API,
 * short name of the rule (what `because:` in an agreement says), title en, title ar.
 */
#define REFUSAL_TABLE(X)                                                                                                                             \
	X(NONE, "permitted", 200, "", "permitted", "مسموح به")                                                                                       \
	X(AGREEMENT, "agreement-unknown", 403, "agreement", "this agreement is not in force here", "هذا الاتفاق غير نافذ هنا")                       \
	X(CLAUSE, "clause-not-permitted", 403, "clause", "the clause is not permitted", "البند غير مسموح به")                                        \
	X(DIRECTION, "clause-not-permitted", 403, "asks", "this party does not ask under this clause", "هذا الطرف لا يستعلم بموجب هذا البند")        \
	X(NOT_IN_FORCE, "not-in-force-yet", 403, "in-force", "the agreement is not in force on this day", "الاتفاق غير نافذ في هذا اليوم")           \
	X(SUSPENDED, "clause-suspended", 403, "suspended", "the agreement is suspended", "الاتفاق معلَّق")                                             \
	X(PURPOSE, "purpose-not-permitted", 403, "purpose", "the purpose is not permitted", "الغرض غير مسموح به")                                    \
	X(CASE, "field-missing", 400, "case", "a case reference is required", "رقم القضية مطلوب")                                                    \
	X(FIELD, "field-not-permitted", 400, "field", "the field is not in the clause", "الحقل غير وارد في البند")                                   \
	X(REQUIRED, "field-missing", 400, "required", "a required field is missing", "ينقص حقل مطلوب")                                               \
	X(VALUE, "value-out-of-list", 400, "value", "the value does not fit the field", "القيمة لا تناسب الحقل")                                     \
	X(QUOTA, "quota-spent", 429, "quota", "the clause's questions for this day are used up", "استُنفد عدد الاستعلامات المسموح به لهذا اليوم")     \
	X(CLOCK, "clock", 403, "clock", "the time of the request is out of bounds", "وقت الطلب خارج الحدود")                                         \
	X(PROVIDER, "refused-by-provider", 403, "refuse-for", "the answering authority refused", "رفضت الجهة المجيبة")

enum refusal {
#define REFUSAL_ENUM(name, code, http, rule, en, ar) REFUSAL_##name,
	REFUSAL_TABLE(REFUSAL_ENUM)
#undef REFUSAL_ENUM
		REFUSAL_COUNT
};

const char  *refusal_code(enum refusal r);
unsigned     refusal_http(enum refusal r);
const char  *refusal_rule(enum refusal r);
const char  *refusal_title(enum refusal r, enum lang lang);
enum refusal refusal_by_rule(struct bytes rule); /* REFUSAL_COUNT when unknown */

struct request {
	unsigned      asks; /* which party of the agreement asks */
	uint16_t      clause;
	struct bytes  purpose;	 /* empty: not stated */
	struct bytes  reference; /* the case, empty: not stated */
	struct fields fields;
	uint64_t      time_ms; /* the request's time */
	uint64_t      used;    /* questions of this clause and UTC day before this one */
};

#define DECISION_ALLOWED_MOST 400

struct decision {
	enum refusal refusal; /* REFUSAL_NONE: permitted */
	uint16_t     clause;
	char	     rule[96];			     /* "7/must-state/case", "7/purposes", "7/limits/per-day" ... */
	char	     pointer[96];		     /* JSON pointer into the API's request: "/purpose", "/fields/importer" */
	char	     found[64];			     /* what was found, cut, printable UTF-8 */
	char	     allowed[DECISION_ALLOWED_MOST]; /* permitted values separated by ", " where there are any */
};

void decide_request(const struct agreement *a, const struct request *r, struct decision *out);

/* One sentence about the decision, in `lang`, NUL-ended: "clause 7 permits ..., found ...". And what helps. */
void decision_because(const struct agreement *a, const struct decision *d, enum lang lang, char *out, size_t size);
void decision_remedy(const struct agreement *a, const struct decision *d, enum lang lang, char *out, size_t size);

/* May these fields be the answer of this clause (closed, typed)? For the provider's side before it leaves, for the asker's side before it is shown.
 */
void decide_answer(const struct agreement *a, const struct clause *c, const struct fields *answer, struct decision *out);

/* One value against one field's rule; ERR_OK or ERR_VALUE / ERR_TOO_LONG / a text error. */
enum err field_check(const struct field_rule *rule, struct bytes value) must_use;

#endif
