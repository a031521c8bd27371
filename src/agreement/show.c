/* show.c: a clause as plain sentences, for the lawyer who compares two languages side by side. */
#include <stdio.h>

#include "agreement/sentence.h"

#define NAME_ROOM 4096 /* a party's title of 2000 characters may have 8000 bytes; a longer one is cut at a character */

/* A page fails once and stays failed, like every writer here. */
struct page {
	const struct agreement *a;
	const struct clause    *c;
	enum lang		lang;
	struct buffer	       *out;
	enum err		err;
};

static void add(struct page *p, const char *text)
{
	if (p->err == ERR_OK)
		p->err = buffer_add(p->out, bytes_text(text));
}

static void add_texts(struct page *p, const struct texts *t)
{
	add(p, texts_in(t, p->lang));
}

static void add_number(struct page *p, uint64_t v)
{
	char text[24];

	(void)snprintf(text, sizeof text, "%llu", (unsigned long long)v);
	add(p, text);
}

/* What stands between item i and the one before it, of n: "A, B or C"; "أ أو ب أو ج". */
static void add_or(struct page *p, unsigned i, unsigned n)
{
	if (i > 0)
		add(p, p->lang == LANG_AR ? " أو " : i + 1 == n ? " or " : ", ");
}

static void add_and(struct page *p, unsigned i, unsigned n)
{
	if (i > 0)
		add(p, p->lang == LANG_AR ? " و" : i + 1 == n ? " and " : ", ");
}

static void add_codes(struct page *p, const struct field_rule *f)
{
	if (f->ncodes == 0)
		return;
	add(p, " (");
	for (unsigned i = 0; i < f->ncodes; i++) {
		add_or(p, i, f->ncodes);
		add_texts(p, &f->code[i].text);
	}
	add(p, ")");
}

static void add_field(struct page *p, const struct field_rule *f)
{
	add_texts(p, &f->label);
	add_codes(p, f);
}

static unsigned count_required(const struct clause *c, bool required)
{
	unsigned n = 0;

	for (unsigned i = 0; i < c->nrequest; i++)
		n += c->request[i].required == required;
	return n;
}

static void add_request_fields(struct page *p, bool required)
{
	unsigned n = count_required(p->c, required);

	for (unsigned i = 0, at = 0; i < p->c->nrequest; i++) {
		if (p->c->request[i].required != required)
			continue;
		add_and(p, at++, n);
		add_field(p, &p->c->request[i]);
	}
}

static void add_answer_fields(struct page *p)
{
	for (unsigned i = 0; i < p->c->nanswer; i++) {
		add_and(p, i, p->c->nanswer);
		add_field(p, &p->c->answer[i]);
	}
}

static void add_purposes(struct page *p)
{
	for (unsigned i = 0; i < p->c->npurposes; i++) {
		add_or(p, i, p->c->npurposes);
		add_texts(p, &p->c->purpose[i]->text);
	}
}

static void add_refusals(struct page *p)
{
	for (unsigned i = 0; i < p->c->nrefusals; i++) {
		if (i > 0)
			add(p, p->lang == LANG_EN ? "; " : "؛ ");
		add_texts(p, &p->c->refusal[i].text);
	}
}

static const struct purpose *case_purpose(const struct page *p)
{
	return p->c->must[0].purpose == NULL ? NULL : agreement_purpose(p->a, p->c->must[0].purpose);
}

/* "7. Status of a customs declaration (Agreement, Article 3(1))" */
static void show_heading(struct page *p)
{
	add_number(p, p->c->number);
	add(p, ". ");
	add_texts(p, &p->c->title);
	add(p, " (");
	add_texts(p, &p->c->basis);
	add(p, ")\n");
}

/* ---- lengths of time ---- */

static const struct span {
	uint64_t	   ms;
	const char	  *one, *many;
	struct arabic_noun ar;
} spans[] = {
	{24 * 3600 * 1000, "day", "days", {"يوم واحد", "يومين", "أيام", "يومًا", "يوم"}},
	{3600 * 1000, "hour", "hours", {"ساعة واحدة", "ساعتين", "ساعات", "ساعة", "ساعة"}},
	{60 * 1000, "minute", "minutes", {"دقيقة واحدة", "دقيقتين", "دقائق", "دقيقة", "دقيقة"}},
	{1000, "second", "seconds", {"ثانية واحدة", "ثانيتين", "ثوانٍ", "ثانية", "ثانية"}},
	{1,
	 "millisecond",
	 "milliseconds",
	 {"جزء واحد من ألف من الثانية", "جزأين من ألف من الثانية", "أجزاء من ألف من الثانية", "جزءًا من ألف من الثانية", "جزء من ألف من الثانية"}},
};
#define SPAN_DAY (&spans[0])

static void add_span_of(struct page *p, uint64_t n, const struct span *span)
{
	char text[96];

	if (p->lang == LANG_AR)
		arabic_count(n, &span->ar, text, sizeof text);
	else
		(void)snprintf(text, sizeof text, "%llu %s", (unsigned long long)n, n == 1 ? span->one : span->many);
	add(p, text);
}

/* In the largest unit that needs no fraction. */
static void add_span(struct page *p, uint64_t ms)
{
	const struct span *span = spans;

	while (ms % span->ms != 0)
		span++;
	add_span_of(p, ms / span->ms, span);
}

/* ---- English ---- */

static void english_asks(struct page *p)
{
	add_texts(p, &p->a->party[p->c->asks].title);
	add(p, " may ask ");
	add_texts(p, &p->a->party[p->c->answers].title);
	add(p, " under this clause for ");
	add_purposes(p);
	add(p, ", and for nothing else.\n");
}

static void english_question(struct page *p)
{
	bool some = count_required(p->c, true) > 0;

	add(p, "The question contains ");
	add_request_fields(p, true);
	if (count_required(p->c, false) > 0) {
		add(p, some ? " and, where known, " : "what is known of ");
		add_request_fields(p, false);
	}
	if (p->c->nmust > 0 && case_purpose(p) == NULL)
		add(p, "; it also contains the case reference");
	if (p->c->nmust > 0 && case_purpose(p) != NULL) {
		add(p, "; for ");
		add_texts(p, &case_purpose(p)->text);
		add(p, " also the case reference");
	}
	add(p, ".\n");
}

static void english_answer(struct page *p)
{
	add(p, "The answer contains ");
	add_answer_fields(p);
	add(p, ", and nothing else.\n");
}

static void english_limits(struct page *p)
{
	if (p->c->per_day > 0) {
		add(p, "At most ");
		add_number(p, p->c->per_day);
		add(p, p->c->per_day == 1 ? " question a day. " : " questions a day. ");
	}
	add(p, "Answered within ");
	add_span(p, p->c->answer_within_ms);
	add(p, ".\n");
}

static void english_keep(struct page *p)
{
	add(p, "The question is deleted ");
	if (p->c->keep_question_until_answered) {
		add(p, "once answered");
	} else {
		add(p, "after ");
		add_span_of(p, p->c->keep_question_days, SPAN_DAY);
	}
	add(p, ", the answer after ");
	add_span_of(p, p->c->keep_answer_days, SPAN_DAY);
	add(p, ".\n");
}

static void english_onward(struct page *p)
{
	if (strcmp(p->c->onward, "no") == 0)
		add(p, "The answer may not be passed on.\n");
	else if (strcmp(p->c->onward, "yes") == 0)
		add(p, "The answer may be passed on.\n");
	else
		add(p, "The answer may be passed on only with prior authorisation.\n");
}

static void english_refusals(struct page *p)
{
	if (p->c->nrefusals == 0)
		return;
	add(p, p->c->nrefusals == 1 ? "It may be refused for this reason: " : "It may be refused for one of these reasons: ");
	add_refusals(p);
	add(p, ".\n");
}

/* ---- Arabic ---- */

static void arabic_asks(struct page *p)
{
	char asks[NAME_ROOM];

	arabic_for(texts_in(&p->a->party[p->c->asks].title, LANG_AR), asks, sizeof asks);
	add(p, "يجوز ");
	add(p, asks);
	add(p, " الاستعلام من ");
	add_texts(p, &p->a->party[p->c->answers].title);
	add(p, " بموجب هذا البند لغرض ");
	add_purposes(p);
	add(p, "، ولا يجوز ذلك لغرض آخر.\n");
}

static void arabic_question(struct page *p)
{
	bool some = count_required(p->c, true) > 0;

	add(p, "يتضمن الاستعلام ");
	add_request_fields(p, true);
	if (count_required(p->c, false) > 0) {
		add(p, some ? "، وما كان معلومًا مما يأتي: " : "ما كان معلومًا مما يأتي: ");
		add_request_fields(p, false);
	}
	if (p->c->nmust > 0 && case_purpose(p) == NULL)
		add(p, "؛ ويتضمن أيضًا رقم القضية");
	if (p->c->nmust > 0 && case_purpose(p) != NULL) {
		add(p, "؛ ويتضمن أيضًا رقم القضية إذا كان الغرض ");
		add_texts(p, &case_purpose(p)->text);
	}
	add(p, ".\n");
}

static void arabic_answer(struct page *p)
{
	add(p, "ولا يتضمن الجواب سوى ");
	add_answer_fields(p);
	add(p, ".\n");
}

static void arabic_limits(struct page *p)
{
	static const struct arabic_noun questions = {"استعلام واحد", "استعلامان", "استعلامات", "استعلامًا", "استعلام"};
	char				count[64];

	if (p->c->per_day > 0) {
		arabic_count(p->c->per_day, &questions, count, sizeof count);
		add(p, "الحد الأقصى ");
		add(p, count);
		add(p, " في اليوم. ");
	}
	add(p, "يُجاب خلال ");
	add_span(p, p->c->answer_within_ms);
	add(p, ".\n");
}

static void arabic_keep(struct page *p)
{
	add(p, "يُحذف الاستعلام ");
	if (p->c->keep_question_until_answered) {
		add(p, "فور الإجابة عنه");
	} else {
		add(p, "بعد ");
		add_span_of(p, p->c->keep_question_days, SPAN_DAY);
	}
	add(p, "، ويُحذف الجواب بعد ");
	add_span_of(p, p->c->keep_answer_days, SPAN_DAY);
	add(p, ".\n");
}

static void arabic_onward(struct page *p)
{
	if (strcmp(p->c->onward, "no") == 0)
		add(p, "ولا يجوز نقل الجواب إلى جهة أخرى.\n");
	else if (strcmp(p->c->onward, "yes") == 0)
		add(p, "ويجوز نقل الجواب إلى جهة أخرى.\n");
	else
		add(p, "ولا يُنقل الجواب إلى جهة أخرى إلا بإذن مسبق.\n");
}

static void arabic_refusals(struct page *p)
{
	if (p->c->nrefusals == 0)
		return;
	add(p, p->c->nrefusals == 1 ? "ويجوز الامتناع عن الإجابة للسبب الآتي: " : "ويجوز الامتناع عن الإجابة لأحد الأسباب الآتية: ");
	add_refusals(p);
	add(p, ".\n");
}

/* ---- the page ---- */

typedef void sentence_writer(struct page *);

static sentence_writer *const sentences[2][8] = {
	[LANG_EN] = {show_heading, english_asks, english_question, english_answer, english_limits, english_keep, english_onward, english_refusals},
	[LANG_AR] = {show_heading, arabic_asks, arabic_question, arabic_answer, arabic_limits, arabic_keep, arabic_onward, arabic_refusals},
};

enum err agreement_show(const struct agreement *a, const struct clause *c, enum lang lang, struct buffer *out)
{
	struct page p = {.a = a, .c = c, .lang = lang, .out = out, .err = ERR_OK};

	for (unsigned i = 0; i < COUNT_OF(sentences[lang]); i++)
		sentences[lang][i](&p);
	return p.err;
}
