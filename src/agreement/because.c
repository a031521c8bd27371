/* because.c: a decision told to a person, in English and in Arabic: why, and what helps. */
#include <stdio.h>

#include "agreement/decide.h"
#include "agreement/field.h"
#include "agreement/sentence.h"

struct telling {
	const struct agreement	*a;
	const struct decision	*d;
	const struct clause	*c;	/* or NULL */
	const struct field_rule *field; /* the field that the rule names, or NULL */
	char			 name[NAME_MOST + 1];
	enum lang		 lang;
	struct sentence		 s;
};

/* The field in "7/request/importer" or "7/request/declaration/required". */
static void find_field(struct telling *t)
{
	const char *at = strchr(t->d->rule, '/');
	bool	    asked = at != NULL && strncmp(at, "/request/", 9) == 0;
	bool	    answered = at != NULL && strncmp(at, "/answer/", 8) == 0;

	if (!asked && !answered)
		return;
	at += asked ? 9 : 8;
	(void)snprintf(t->name, sizeof t->name, "%.*s", (int)strcspn(at, "/"), at);
	if (t->c != NULL)
		t->field = field_find(asked ? t->c->request : t->c->answer, asked ? t->c->nrequest : t->c->nanswer, bytes_text(t->name));
}

static struct telling telling_of(const struct agreement *a, const struct decision *d, enum lang lang, char *out, size_t size)
{
	struct telling t = {.a = a, .d = d, .c = agreement_clause(a, d->clause), .lang = lang, .s = sentence_on(out, size)};

	find_field(&t);
	return t;
}

/* ---- pieces; %-letters would hide them, so a sentence is a row of pieces ---- */

static void add(struct telling *t, const char *en, const char *ar)
{
	sentence_add(&t->s, t->lang == LANG_EN ? en : ar);
}

static void add_clause(struct telling *t)
{
	add(t, "clause ", "البند ");
	sentence_number(&t->s, t->d->clause);
}

/* What was found, in the quotation marks of the language. */
static void add_quoted(struct telling *t, const char *text)
{
	add(t, "\"", "«");
	sentence_add(&t->s, text);
	add(t, "\"", "»");
}

static void add_date(struct telling *t, int32_t day)
{
	char date[11];

	date_write(day, date);
	sentence_add(&t->s, date);
}

/* English names the purposes by their codes, which are to be typed; Arabic by their texts and codes. */
static void add_purpose(struct telling *t, const struct purpose *p)
{
	if (t->lang == LANG_EN) {
		sentence_add(&t->s, p->name);
		return;
	}
	add_quoted(t, texts_in(&p->text, LANG_AR));
	sentence_add(&t->s, " (");
	sentence_add(&t->s, p->name);
	sentence_add(&t->s, ")");
}

static void add_purposes(struct telling *t)
{
	unsigned n = t->c == NULL ? 0 : t->c->npurposes;

	for (unsigned i = 0; i < n; i++) {
		if (i > 0)
			add(t, i + 1 == n ? " and " : ", ", " و");
		add_purpose(t, t->c->purpose[i]);
	}
}

static void add_label(struct telling *t)
{
	sentence_add(&t->s, " ");
	add_quoted(t, t->name);
	if (t->field == NULL)
		return;
	sentence_add(&t->s, " (");
	sentence_add(&t->s, texts_in(&t->field->label, t->lang));
	sentence_add(&t->s, ")");
}

static bool is_answer(const struct telling *t)
{
	const char *at = strchr(t->d->rule, '/');

	return at != NULL && strncmp(at, "/answer/", 8) == 0;
}

/* ---- one sentence per refusal ---- */

static void because_none(struct telling *t)
{
	add_clause(t);
	add(t, " permits it", " يسمح بذلك");
}

static void because_title(struct telling *t)
{
	sentence_add(&t->s, refusal_title(t->d->refusal, t->lang));
}

static void because_clause(struct telling *t)
{
	add(t, "agreement ", "الاتفاق ");
	sentence_add(&t->s, t->a->name);
	add(t, " has no clause ", " ليس فيه البند ");
	sentence_number(&t->s, t->d->clause);
}

static void because_direction(struct telling *t)
{
	if (t->c == NULL) {
		because_title(t);
		return;
	}
	add(t, "under ", "بموجب ");
	add_clause(t);
	sentence_add(&t->s, " ");
	add(t, "", "يستعلم ");
	sentence_add(&t->s, t->a->party[t->c->asks].name);
	add(t, " asks and ", " ويجيب ");
	sentence_add(&t->s, t->a->party[t->c->answers].name);
	add(t, " answers, not the other way round", "، لا العكس");
}

static void because_not_in_force(struct telling *t)
{
	add(t, "the agreement is in force from ", "الاتفاق نافذ من ");
	add_date(t, t->a->from_day);
	if (t->a->until_day != INT32_MAX) {
		add(t, " until ", " إلى ");
		add_date(t, t->a->until_day);
	}
	add(t, ", and the request is of ", "، وتاريخ الطلب ");
	sentence_add(&t->s, t->d->found);
}

static void because_purpose(struct telling *t)
{
	add_clause(t);
	add(t, " permits ", " يسمح بغرض ");
	add_purposes(t);
	if (t->d->found[0] == '\0') {
		add(t, ", and no purpose was stated", "، ولم يُذكر أي غرض");
		return;
	}
	add(t, ", not ", "، ولا يسمح بالغرض ");
	add_quoted(t, t->d->found);
}

static void because_case(struct telling *t)
{
	const struct purpose *p =
		t->c == NULL || t->c->nmust == 0 || t->c->must[0].purpose == NULL ? NULL : agreement_purpose(t->a, t->c->must[0].purpose);

	add_clause(t);
	add(t, " requires a case reference", " يشترط ذكر رقم القضية");
	if (p == NULL)
		return;
	add(t, " for ", " لغرض ");
	add_purpose(t, p);
}

static void because_field(struct telling *t)
{
	add(t, is_answer(t) ? "the answer of " : "the question of ", is_answer(t) ? "الجواب في " : "الاستعلام في ");
	add_clause(t);
	add(t, " has no field ", " ليس فيه حقل ");
	add_quoted(t, t->d->found);
	add(t, ", only ", "، وحقوله: ");
	sentence_add(&t->s, t->d->allowed);
}

static void because_required(struct telling *t)
{
	add_clause(t);
	add(t, " requires the field", " يشترط الحقل");
	add_label(t);
}

static void add_length(struct telling *t)
{
	add(t, " of at most ", "، لا يتجاوز طوله ");
	sentence_number(&t->s, t->field->length);
	add(t, t->field->length == 1 ? " character" : " characters", "");
}

static void because_value(struct telling *t)
{
	add(t, "the field", "الحقل");
	add_label(t);
	add(t, " of ", " في ");
	add_clause(t);
	if (t->d->allowed[0] != '\0') {
		add(t, " is one of ", " أحد: ");
		sentence_add(&t->s, t->d->allowed);
	} else if (t->field != NULL) {
		add(t, " is ", " هو ");
		sentence_add(&t->s, field_kinds[t->field->type].form[t->lang]);
		if (!field_kinds[t->field->type].fixed)
			add_length(t);
	}
	add(t, "; found ", "، والوارد ");
	add_quoted(t, t->d->found);
}

/* The case reference is no field: its form is its own. */
static void because_value_or_case(struct telling *t)
{
	if (strcmp(t->d->pointer, "/case") != 0) {
		because_value(t);
		return;
	}
	add(t, "the case reference is one line of at most 120 characters; found ", "رقم القضية سطر واحد لا يزيد على 120 حرفًا، والوارد ");
	add_quoted(t, t->d->found);
}

static void because_quota(struct telling *t)
{
	static const struct arabic_noun questions = {"استعلام واحد", "استعلامين", "استعلامات", "استعلامًا", "استعلام"};
	char				count[64];

	if (t->c == NULL) {
		because_title(t);
		return;
	}
	add_clause(t);
	if (t->lang == LANG_AR) {
		arabic_count(t->c->per_day, &questions, count, sizeof count);
		sentence_add(&t->s, " يسمح بما لا يزيد على ");
		sentence_add(&t->s, count);
		sentence_add(&t->s, " في اليوم، وقد استُنفد هذا الحد");
		return;
	}
	sentence_add(&t->s, " permits ");
	sentence_number(&t->s, t->c->per_day);
	sentence_add(&t->s, t->c->per_day == 1 ? " question a day, and it is used up" : " questions a day, and all are used up");
}

static void because_clock(struct telling *t)
{
	add(t, "the time of the request differs by more than 300 seconds from the clock of the answering side, or goes back",
	    "وقت الطلب يختلف بأكثر من 300 ثانية عن ساعة الطرف المجيب، أو يعود إلى الوراء");
}

static void because_provider(struct telling *t)
{
	const struct code *reason = t->c == NULL ? NULL : code_find(t->c->refusal, t->c->nrefusals, bytes_text(t->d->found));

	if (t->c == NULL) {
		because_title(t);
		return;
	}
	add(t, "", "امتنع عن الإجابة ");
	sentence_add(&t->s, t->a->party[t->c->answers].name);
	add(t, " refused", "");
	if (t->d->found[0] == '\0')
		return;
	sentence_add(&t->s, ": ");
	sentence_add(&t->s, reason == NULL ? t->d->found : texts_in(&reason->text, t->lang));
}

/* ---- what helps ---- */

static void remedy_none(struct telling *t)
{
	add(t, "nothing needs to be done", "لا يلزم شيء");
}

static void remedy_agreement(struct telling *t)
{
	add(t, "both parties activate the same signed agreement: mithaq agreement activate",
	    "يفعّل الطرفان الاتفاق الموقَّع نفسه: mithaq agreement activate");
}

static void remedy_clause(struct telling *t)
{
	add(t, "choose a clause of the agreement: ", "اختر بندًا من الاتفاق: ");
	sentence_add(&t->s, t->d->allowed);
}

static void remedy_direction(struct telling *t)
{
	add(t, "choose a clause under which your side asks, or agree a new version with the partner",
	    "اختر بندًا تستعلم بموجبه، أو اتفق مع الشريك على نسخة جديدة");
}

static void remedy_not_in_force(struct telling *t)
{
	add(t, "ask on a day on which the agreement is in force, or agree a new version with the partner",
	    "استعلم في يوم يكون فيه الاتفاق نافذًا، أو اتفق مع الشريك على نسخة جديدة");
}

static void remedy_suspended(struct telling *t)
{
	add(t, "wait until the party that suspended it resumes it", "انتظر حتى يستأنفه الطرف الذي علّقه");
}

static void remedy_purpose(struct telling *t)
{
	add(t, "state one of these purposes: ", "اذكر أحد هذه الأغراض: ");
	sentence_add(&t->s, t->d->allowed);
	add(t, "; or agree a new version with the partner", "؛ أو اتفق مع الشريك على نسخة جديدة");
}

static void remedy_case(struct telling *t)
{
	add(t, "add \"case\"", "أضف \"case\" وفيه رقم القضية");
}

static void remedy_field(struct telling *t)
{
	add(t, "leave out the field ", "احذف الحقل ");
	add_quoted(t, t->d->found);
}

static void remedy_required(struct telling *t)
{
	add(t, "add the field", "أضف الحقل");
	add_label(t);
}

static void remedy_value(struct telling *t)
{
	if (t->d->allowed[0] != '\0') {
		add(t, "write one of: ", "اكتب أحد: ");
		sentence_add(&t->s, t->d->allowed);
	} else if (t->field != NULL) {
		add(t, "write ", "اكتب: ");
		sentence_add(&t->s, field_kinds[t->field->type].form[t->lang]);
	} else {
		add(t, "correct the value", "صحّح القيمة");
	}
}

static void remedy_quota(struct telling *t)
{
	add(t, "ask again after midnight UTC, or agree a higher limit with the partner",
	    "استعلم بعد منتصف الليل بالتوقيت العالمي، أو اتفق مع الشريك على حد أعلى");
}

static void remedy_clock(struct telling *t)
{
	add(t, "set the clocks of both sides right and ask again", "اضبط ساعتي الطرفين ثم استعلم من جديد");
}

static void remedy_provider(struct telling *t)
{
	add(t, "speak with the answering authority; the refusal is on record with its clause", "تواصل مع الجهة المجيبة، فالرفض مسجَّل مع بنده");
}

static const struct teller {
	void (*because)(struct telling *);
	void (*remedy)(struct telling *);
} tellers[REFUSAL_COUNT] = {
	[REFUSAL_NONE] = {because_none, remedy_none},
	[REFUSAL_AGREEMENT] = {because_title, remedy_agreement},
	[REFUSAL_CLAUSE] = {because_clause, remedy_clause},
	[REFUSAL_DIRECTION] = {because_direction, remedy_direction},
	[REFUSAL_NOT_IN_FORCE] = {because_not_in_force, remedy_not_in_force},
	[REFUSAL_SUSPENDED] = {because_title, remedy_suspended},
	[REFUSAL_PURPOSE] = {because_purpose, remedy_purpose},
	[REFUSAL_CASE] = {because_case, remedy_case},
	[REFUSAL_FIELD] = {because_field, remedy_field},
	[REFUSAL_REQUIRED] = {because_required, remedy_required},
	[REFUSAL_VALUE] = {because_value_or_case, remedy_value},
	[REFUSAL_QUOTA] = {because_quota, remedy_quota},
	[REFUSAL_CLOCK] = {because_clock, remedy_clock},
	[REFUSAL_PROVIDER] = {because_provider, remedy_provider},
};

void decision_because(const struct agreement *a, const struct decision *d, enum lang lang, char *out, size_t size)
{
	struct telling t = telling_of(a, d, lang, out, size);

	tellers[d->refusal].because(&t);
}

void decision_remedy(const struct agreement *a, const struct decision *d, enum lang lang, char *out, size_t size)
{
	struct telling t = telling_of(a, d, lang, out, size);

	tellers[d->refusal].remedy(&t);
}
