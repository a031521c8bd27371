/* agreement_show.c: the page of the lawyer, word for word, in both languages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agreement_help.h"
#include "base/attrs.h"

static void shows(const struct agreement *a, uint16_t number, enum lang lang, const char *wanted)
{
	struct buffer out = {.most = 64u * 1024};

	assert_int_equal(agreement_show(a, agreement_clause(a, number), lang, &out), ERR_OK);
	assert_int_equal(buffer_add(&out, bytes_of("", 1)), ERR_OK);
	assert_string_equal((const char *)out.at, wanted);
	buffer_done(&out);
}

static struct agreement *parsed(const char *text)
{
	struct agreement *a = NULL;
	struct fault	  fault;

	assert_int_equal(agreement_parse(bytes_text(text), &a, &fault), ERR_OK);
	return a;
}

static void shows_the_sample(void **state)
{
	char		 *text = source_file("samples/customs-and-border.yaml");
	struct agreement *a = parsed(text);

	(void)state;
	shows(a, 7, LANG_EN,
	      "7. Status of a customs declaration (Agreement, Article 3(1))\n"
	      "Customs and Border Protection (sample) may ask General Administration of Customs (sample) under this clause for assessment of customs "
	      "duties or inquiry into a customs offence, and for nothing else.\n"
	      "The question contains Declaration number and, where known, Customs office; for inquiry into a customs offence also the case "
	      "reference.\n"
	      "The answer contains Status (lodged, held for examination or released) and Released on, and nothing else.\n"
	      "At most 500 questions a day. Answered within 2 seconds.\n"
	      "The question is deleted once answered, the answer after 180 days.\n"
	      "The answer may be passed on only with prior authorisation.\n"
	      "It may be refused for one of these reasons: an inquiry is under way; public order.\n");
	shows(a, 7, LANG_AR,
	      "7. حالة البيان الجمركي (المادة 3، الفقرة 1 من الاتفاق)\n"
	      "يجوز للجمارك وحماية الحدود (نموذج) الاستعلام من الإدارة العامة للجمارك (نموذج) بموجب هذا البند لغرض تقدير الرسوم الجمركية أو التحقيق "
	      "في مخالفة جمركية، ولا يجوز ذلك لغرض آخر.\n"
	      "يتضمن الاستعلام رقم البيان، وما كان معلومًا مما يأتي: المركز الجمركي؛ ويتضمن أيضًا رقم القضية إذا كان الغرض التحقيق في مخالفة جمركية.\n"
	      "ولا يتضمن الجواب سوى الحالة (مقدَّم أو محجوز للمعاينة أو مُفرَج عنه) وتاريخ الإفراج.\n"
	      "الحد الأقصى 500 استعلام في اليوم. يُجاب خلال ثانيتين.\n"
	      "يُحذف الاستعلام فور الإجابة عنه، ويُحذف الجواب بعد 180 يومًا.\n"
	      "ولا يُنقل الجواب إلى جهة أخرى إلا بإذن مسبق.\n"
	      "ويجوز الامتناع عن الإجابة لأحد الأسباب الآتية: تحقيق جارٍ؛ النظام العام.\n");
	shows(a, 9, LANG_EN,
	      "9. Status of a Kuwaiti travel document (Agreement, Article 5(2))\n"
	      "Customs and Border Protection (sample) may ask General Administration of Customs (sample) under this clause for a check at the "
	      "border, and for nothing else.\n"
	      "The question contains Document number and Issuing country and, where known, Document type (passport, identity card or travel document "
	      "of a refugee).\n"
	      "The answer contains Status (valid, lost, stolen, revoked or expired) and Date of the status, and nothing else.\n"
	      "At most 20000 questions a day. Answered within 2 seconds.\n"
	      "The question is deleted once answered, the answer after 30 days.\n"
	      "The answer may not be passed on.\n"
	      "It may be refused for this reason: an inquiry is under way.\n");
	shows(a, 9, LANG_AR,
	      "9. حالة وثيقة سفر كويتية (المادة 5، الفقرة 2 من الاتفاق)\n"
	      "يجوز للجمارك وحماية الحدود (نموذج) الاستعلام من الإدارة العامة للجمارك (نموذج) بموجب هذا البند لغرض التحقق عند المنفذ الحدودي، ولا "
	      "يجوز ذلك لغرض آخر.\n"
	      "يتضمن الاستعلام رقم الوثيقة ودولة الإصدار، وما كان معلومًا مما يأتي: نوع الوثيقة (جواز سفر أو بطاقة هوية أو وثيقة سفر لاجئ).\n"
	      "ولا يتضمن الجواب سوى الحالة (سارية أو مفقودة أو مسروقة أو ملغاة أو منتهية) وتاريخ الحالة.\n"
	      "الحد الأقصى 20000 استعلام في اليوم. يُجاب خلال ثانيتين.\n"
	      "يُحذف الاستعلام فور الإجابة عنه، ويُحذف الجواب بعد 30 يومًا.\n"
	      "ولا يجوز نقل الجواب إلى جهة أخرى.\n"
	      "ويجوز الامتناع عن الإجابة للسبب الآتي: تحقيق جارٍ.\n");
	shows(a, 10, LANG_EN,
	      "10. Status of a United States travel document (Agreement, Article 5(3))\n"
	      "General Administration of Customs (sample) may ask Customs and Border Protection (sample) under this clause for a check at the "
	      "border, and for nothing else.\n"
	      "The question contains Document number and Issuing country and, where known, Document type (passport, passport card or travel document "
	      "of a refugee).\n"
	      "The answer contains Status (valid, lost, stolen, revoked or expired) and Date of the status, and nothing else.\n"
	      "At most 20000 questions a day. Answered within 2 seconds.\n"
	      "The question is deleted once answered, the answer after 30 days.\n"
	      "The answer may not be passed on.\n");
	shows(a, 10, LANG_AR,
	      "10. حالة وثيقة سفر أمريكية (المادة 5، الفقرة 3 من الاتفاق)\n"
	      "يجوز للإدارة العامة للجمارك (نموذج) الاستعلام من الجمارك وحماية الحدود (نموذج) بموجب هذا البند لغرض التحقق عند المنفذ الحدودي، ولا "
	      "يجوز ذلك لغرض آخر.\n"
	      "يتضمن الاستعلام رقم الوثيقة ودولة الإصدار، وما كان معلومًا مما يأتي: نوع الوثيقة (جواز سفر أو بطاقة جواز سفر أو وثيقة سفر لاجئ).\n"
	      "ولا يتضمن الجواب سوى الحالة (سارية أو مفقودة أو مسروقة أو ملغاة أو منتهية) وتاريخ الحالة.\n"
	      "الحد الأقصى 20000 استعلام في اليوم. يُجاب خلال ثانيتين.\n"
	      "يُحذف الاستعلام فور الإجابة عنه، ويُحذف الجواب بعد 30 يومًا.\n"
	      "ولا يجوز نقل الجواب إلى جهة أخرى.\n");
	shows(a, 12, LANG_EN,
	      "12. Record of a designation on the consolidated sanctions list (Agreement, Article 8)\n"
	      "Customs and Border Protection (sample) may ask General Administration of Customs (sample) under this clause for a check against the "
	      "sanctions list or inquiry into a customs offence, and for nothing else.\n"
	      "The question contains Permanent reference number; for inquiry into a customs offence also the case reference.\n"
	      "The answer contains Name, Name in its original script, List, Listed on, Nationality and Designation, and nothing else.\n"
	      "At most 1000 questions a day. Answered within 5 seconds.\n"
	      "The question is deleted after 10 days, the answer after 365 days.\n"
	      "The answer may be passed on.\n");
	shows(a, 12, LANG_AR,
	      "12. قيد في قائمة الجزاءات الموحدة (المادة 8 من الاتفاق)\n"
	      "يجوز للجمارك وحماية الحدود (نموذج) الاستعلام من الإدارة العامة للجمارك (نموذج) بموجب هذا البند لغرض التحقق من الإدراج في قائمة "
	      "الجزاءات أو التحقيق في مخالفة جمركية، ولا يجوز ذلك لغرض آخر.\n"
	      "يتضمن الاستعلام الرقم المرجعي الدائم؛ ويتضمن أيضًا رقم القضية إذا كان الغرض التحقيق في مخالفة جمركية.\n"
	      "ولا يتضمن الجواب سوى الاسم والاسم بالكتابة الأصلية والقائمة وتاريخ الإدراج والجنسية والصفة.\n"
	      "الحد الأقصى 1000 استعلام في اليوم. يُجاب خلال 5 ثوانٍ.\n"
	      "يُحذف الاستعلام بعد 10 أيام، ويُحذف الجواب بعد 365 يومًا.\n"
	      "ويجوز نقل الجواب إلى جهة أخرى.\n");
	agreement_free(a);
	free(text);
}

/* Shapes that the sample has not: a case always, one question a day, no purpose beyond one, other units. */
static void shows_other_shapes(void **state)
{
	char		 *one = edited(small_text, "{case: when the purpose is audit}", "{case: always}");
	char		 *two = edited(one, "per-day: 5, answer-within: 2 seconds", "per-day: 1, answer-within: 90 seconds");
	char		 *three = edited(two, "question: until answered, answer: 10 days", "question: 1 day, answer: 2 days");
	char		 *four = edited(three, "required: always, ", "");
	struct agreement *a = parsed(four);

	(void)state;
	shows(a, 3, LANG_EN,
	      "3. Stock (Article 3)\n"
	      "North may ask South under this clause for an audit or a repair, and for nothing else.\n"
	      "The question contains what is known of Item; it also contains the case reference.\n"
	      "The answer contains State (in or out), and nothing else.\n"
	      "At most 1 question a day. Answered within 90 seconds.\n"
	      "The question is deleted after 1 day, the answer after 2 days.\n"
	      "The answer may not be passed on.\n"
	      "It may be refused for this reason: closed.\n");
	agreement_free(a);
	free(one);
	free(two);
	free(three);
	free(four);
}

/* Numbers of days in Arabic: one, two, a few, many, hundreds, and hundreds with a remainder. */
static void arabic_counts(void **state)
{
	static const struct {
		const char *days, *shown;
	} counts[] = {
		{"1 day", "بعد يوم واحد."},    {"2 days", "بعد يومين."},      {"3 days", "بعد 3 أيام."},    {"10 days", "بعد 10 أيام."},
		{"11 days", "بعد 11 يومًا."},   {"99 days", "بعد 99 يومًا."},   {"100 days", "بعد 100 يوم."}, {"102 days", "بعد 102 يوم."},
		{"105 days", "بعد 105 أيام."}, {"111 days", "بعد 111 يومًا."},
	};
	char *text = source_file("samples/customs-and-border.yaml");

	(void)state;
	for (size_t i = 0; i < COUNT_OF(counts); i++) {
		char		 *changed = edited(text, "180 days", counts[i].days);
		struct agreement *a = parsed(changed);
		struct buffer	  out = {.most = 64u * 1024};

		assert_int_equal(agreement_show(a, agreement_clause(a, 7), LANG_AR, &out), ERR_OK);
		assert_non_null(memmem(out.at, out.n, counts[i].shown, strlen(counts[i].shown)));
		buffer_done(&out);
		agreement_free(a);
		free(changed);
	}
	free(text);
}

/* The preposition joins the article: "الجمارك" becomes "للجمارك", "اللجنة" becomes "للجنة". */
static void arabic_prepositions(void **state)
{
	static const struct {
		const char *name, *shown;
	} names[] = {{"الجمارك", "يجوز للجمارك ا"}, {"اللجنة", "يجوز للجنة ا"}, {"هيئة الحدود", "يجوز لهيئة الحدود ا"}, {"CBP", "يجوز لـCBP ا"}};
	char *text = source_file("samples/customs-and-border.yaml");

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		char		 *changed = edited(text, "الجمارك وحماية الحدود (نموذج)", names[i].name);
		struct agreement *a = parsed(changed);
		struct buffer	  out = {.most = 64u * 1024};

		assert_int_equal(agreement_show(a, agreement_clause(a, 7), LANG_AR, &out), ERR_OK);
		assert_non_null(memmem(out.at, out.n, names[i].shown, strlen(names[i].shown)));
		buffer_done(&out);
		agreement_free(a);
		free(changed);
	}
	free(text);
}

static void a_small_page_is_refused(void **state)
{
	struct agreement *a = parsed(small_text);
	struct buffer	  out = {.most = 100};

	(void)state;
	assert_int_equal(agreement_show(a, agreement_clause(a, 3), LANG_EN, &out), ERR_TOO_LONG);
	buffer_done(&out);
	agreement_free(a);
}

static int start(void **state)
{
	(void)state;
	return crypto_start() == ERR_OK ? 0 : 1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shows_the_sample),    cmocka_unit_test(shows_other_shapes),	  cmocka_unit_test(arabic_counts),
		cmocka_unit_test(arabic_prepositions), cmocka_unit_test(a_small_page_is_refused),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
