/* agreement_decide.c: each refusal of a question and of an answer on the sample, with its rule, place and sentence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agreement/decide.h"
#include "agreement_help.h"
#include "base/attrs.h"

#define DAY_MS	     UINT64_C(86400000)
#define TODAY	     UINT64_C(20500) /* 2026-02-16 */
#define AMERICA_ASKS 1
#define KUWAIT_ASKS  0

static struct agreement *sample;

struct asked {
	unsigned    asks;
	uint16_t    clause;
	const char *purpose, *reference;
	const char *fields[8]; /* name, value, ... NULL */
	uint64_t    day, used;
};

static struct request request_of(const struct asked *q)
{
	struct request r = {
		.asks = q->asks,
		.clause = q->clause,
		.purpose = bytes_text(q->purpose),
		.reference = bytes_text(q->reference),
		.time_ms = q->day * DAY_MS + DAY_MS / 2,
		.used = q->used,
	};

	for (size_t i = 0; i + 1 < COUNT_OF(q->fields) && q->fields[i] != NULL; i += 2)
		r.fields.at[r.fields.n++] = (struct field){bytes_text(q->fields[i]), bytes_text(q->fields[i + 1])};
	return r;
}

static void each_question_is_decided(void **state)
{
	static const char long_case[] =
		"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890";
	static const struct {
		struct asked q;
		enum refusal refusal;
		const char  *rule, *pointer, *found, *allowed;
	} cases[] = {
		{{1, 7, "duty-assessment", "", {"declaration", "2026-0048817"}, TODAY, 0}, REFUSAL_NONE, "", "", "", ""},
		{{1, 7, "duty-assessment", "X-1", {"office", "KWSAA", "declaration", "1"}, TODAY, 499}, REFUSAL_NONE, "", "", "", ""},
		{{1, 7, "offence-inquiry", "X-1", {"declaration", "1"}, TODAY, 0}, REFUSAL_NONE, "", "", "", ""},
		{{1, 8, "duty-assessment", "", {NULL}, TODAY, 0},
		 REFUSAL_CLAUSE,
		 "clauses",
		 "/clause",
		 "8",
		 "customs/declaration-status, border/travel-document-status, border/travel-document-status-us, border/designation-record"},
		{{0, 7, "duty-assessment", "", {"declaration", "1"}, TODAY, 0}, REFUSAL_DIRECTION, "7/asks", "/clause", KUWAIT, AMERICA},
		{{1, 10, "border-check", "", {"document", "1"}, TODAY, 0}, REFUSAL_DIRECTION, "10/asks", "/clause", AMERICA, KUWAIT},
		{{2, 7, "duty-assessment", "", {"declaration", "1"}, TODAY, 0}, REFUSAL_DIRECTION, "7/asks", "/clause", "", AMERICA},
		{{1, 7, "duty-assessment", "", {"declaration", "1"}, 20088, 0}, REFUSAL_NOT_IN_FORCE, "in-force", "", "2024-12-31", ""},
		{{1, 7, "duty-assessment", "", {"declaration", "1"}, 20089, 0}, REFUSAL_NONE, "", "", "", ""},
		{{1, 7, "", "", {"declaration", "1"}, TODAY, 0}, REFUSAL_PURPOSE, "7/purposes", "/purpose", "", "duty-assessment, offence-inquiry"},
		{{1, 7, "marketing", "", {"declaration", "1"}, TODAY, 0},
		 REFUSAL_PURPOSE,
		 "7/purposes",
		 "/purpose",
		 "marketing",
		 "duty-assessment, offence-inquiry"},
		{{1, 7, "border-check", "", {"declaration", "1"}, TODAY, 0},
		 REFUSAL_PURPOSE,
		 "7/purposes",
		 "/purpose",
		 "border-check",
		 "duty-assessment, offence-inquiry"},
		{{1, 7, "a\xff\nb", "", {"declaration", "1"}, TODAY, 0},
		 REFUSAL_PURPOSE,
		 "7/purposes",
		 "/purpose",
		 "a??b",
		 "duty-assessment, offence-inquiry"},
		{{1, 7, "offence-inquiry", "", {"declaration", "1"}, TODAY, 0}, REFUSAL_CASE, "7/must-state/case", "/case", "", ""},
		{{1, 7, "offence-inquiry", "a\nb", {"declaration", "1"}, TODAY, 0}, REFUSAL_VALUE, "7/must-state/case", "/case", "a?b", ""},
		{{1, 7, "duty-assessment", long_case, {"declaration", "1"}, TODAY, 0},
		 REFUSAL_VALUE,
		 "7/must-state/case",
		 "/case",
		 "012345678901234567890123456789012345678901234567890123456789012",
		 ""},
		{{1, 7, "duty-assessment", "", {"declaration", "1", "importer", "Noura Al-Sample"}, TODAY, 0},
		 REFUSAL_FIELD,
		 "7/request/importer",
		 "/fields/importer",
		 "importer",
		 "declaration, office"},
		{{1, 7, "duty-assessment", "", {"a/b~c", "1"}, TODAY, 0},
		 REFUSAL_FIELD,
		 "7/request/a/b~c",
		 "/fields/a~1b~0c",
		 "a/b~c",
		 "declaration, office"},
		{{1, 7, "duty-assessment", "", {"declaration", "1", "office", "Shuaiba"}, TODAY, 0},
		 REFUSAL_VALUE,
		 "7/request/office",
		 "/fields/office",
		 "Shuaiba",
		 ""},
		{{1, 7, "duty-assessment", "", {"declaration", ""}, TODAY, 0}, REFUSAL_VALUE, "7/request/declaration", "/fields/declaration", "", ""},
		{{1, 9, "border-check", "", {"document", "1", "country", "KW", "document-type", "visa"}, TODAY, 0},
		 REFUSAL_VALUE,
		 "9/request/document-type",
		 "/fields/document-type",
		 "visa",
		 "passport, identity-card, refugee-document"},
		{{1, 7, "duty-assessment", "", {"office", "KWSAA"}, TODAY, 0},
		 REFUSAL_REQUIRED,
		 "7/request/declaration/required",
		 "/fields/declaration",
		 "",
		 ""},
		{{1, 7, "duty-assessment", "", {"declaration", "1"}, TODAY, 500}, REFUSAL_QUOTA, "7/limits/per-day", "", "500", ""},
		/* Where a question breaks several rules, the first in this order is told. */
		{{0, 7, "marketing", "", {"importer", "1"}, TODAY, 900}, REFUSAL_DIRECTION, "7/asks", "/clause", KUWAIT, AMERICA},
		{{1, 7, "offence-inquiry", "", {"importer", "1"}, TODAY, 900}, REFUSAL_CASE, "7/must-state/case", "/case", "", ""},
		{{1, 7, "duty-assessment", "", {"office", "x"}, TODAY, 900}, REFUSAL_VALUE, "7/request/office", "/fields/office", "x", ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct request	r = request_of(&cases[i].q);
		struct decision d;

		decide_request(sample, &r, &d);
		if (d.refusal != cases[i].refusal)
			fail_msg("case %zu: got %s", i, refusal_rule(d.refusal));
		assert_int_equal(d.clause, cases[i].q.clause);
		assert_string_equal(d.rule, cases[i].rule);
		assert_string_equal(d.pointer, cases[i].pointer);
		assert_string_equal(d.found, cases[i].found);
		assert_string_equal(d.allowed, cases[i].allowed);
	}
}

static void what_was_found_is_cut_between_characters(void **state)
{
	struct asked	q = {AMERICA_ASKS, 7, "", "", {"declaration", "1"}, TODAY, 0};
	struct request	r = request_of(&q);
	struct decision d;
	char		long_purpose[200] = "x";

	(void)state;
	for (size_t i = 1; i + 2 < sizeof long_purpose; i += 2)
		memcpy(long_purpose + i, "\xd8\xb4", 3);
	r.purpose = bytes_text(long_purpose);
	decide_request(sample, &r, &d);
	assert_int_equal(strlen(d.found), sizeof d.found - 1);
	assert_int_equal(text_check(bytes_text(d.found), TEXT_LINE), ERR_OK);
	r.purpose = bytes_of(long_purpose + 1, strlen(long_purpose) - 1);
	decide_request(sample, &r, &d);
	assert_int_equal(strlen(d.found), sizeof d.found - 2);
	assert_int_equal(text_check(bytes_text(d.found), TEXT_LINE), ERR_OK);
}

/* The last day counts, the day after does not, and people are told both. */
static void the_last_day_is_in_force(void **state)
{
	struct asked	  q = {0, 3, "repair", "", {"item", "A-1"}, 20818, 0};
	struct agreement *a = NULL;
	struct fault	  fault;
	struct decision	  d;
	char		  out[200];

	(void)state;
	assert_int_equal(agreement_parse(bytes_text(small_text), &a, &fault), ERR_OK);
	struct request r = request_of(&q);
	decide_request(a, &r, &d);
	assert_int_equal(d.refusal, REFUSAL_NONE);
	r.time_ms = 20819 * DAY_MS - 1;
	decide_request(a, &r, &d);
	assert_int_equal(d.refusal, REFUSAL_NONE);
	r.time_ms++;
	decide_request(a, &r, &d);
	assert_int_equal(d.refusal, REFUSAL_NOT_IN_FORCE);
	decision_because(a, &d, LANG_EN, out, sizeof out);
	assert_string_equal(out, "the agreement is in force from 2026-01-01 until 2026-12-31, and the request is of 2027-01-01");
	decision_because(a, &d, LANG_AR, out, sizeof out);
	assert_string_equal(out, "الاتفاق نافذ من 2026-01-01 إلى 2026-12-31، وتاريخ الطلب 2027-01-01");
	r.time_ms = UINT64_MAX;
	decide_request(a, &r, &d);
	assert_int_equal(d.refusal, REFUSAL_NOT_IN_FORCE);
	agreement_free(a);
}

static struct fields answer_of(const char *const *pairs)
{
	struct fields f = {.n = 0};

	for (; *pairs != NULL; pairs += 2)
		f.at[f.n++] = (struct field){bytes_text(pairs[0]), bytes_text(pairs[1])};
	return f;
}

static void each_answer_is_decided(void **state)
{
	static const struct {
		const char  *fields[8];
		enum refusal refusal;
		const char  *rule, *pointer, *found, *allowed;
	} cases[] = {
		{{"status", "released", "released-on", "2026-11-20"}, REFUSAL_NONE, "", "", "", ""},
		{{"status", "held"}, REFUSAL_NONE, "", "", "", ""},
		{{"status", "held", "national-id", "1"},
		 REFUSAL_FIELD,
		 "7/answer/national-id",
		 "/fields/national-id",
		 "national-id",
		 "status, released-on"},
		{{"declaration", "1"}, REFUSAL_FIELD, "7/answer/declaration", "/fields/declaration", "declaration", "status, released-on"},
		{{"status", "burnt"}, REFUSAL_VALUE, "7/answer/status", "/fields/status", "burnt", "lodged, held, released"},
		{{"released-on", "20.11.2026"}, REFUSAL_VALUE, "7/answer/released-on", "/fields/released-on", "20.11.2026", ""},
		{{"status", ""}, REFUSAL_VALUE, "7/answer/status", "/fields/status", "", "lodged, held, released"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct fields	f = answer_of(cases[i].fields);
		struct decision d;

		decide_answer(sample, agreement_clause(sample, 7), &f, &d);
		assert_int_equal(d.refusal, cases[i].refusal);
		assert_string_equal(d.rule, cases[i].rule);
		assert_string_equal(d.pointer, cases[i].pointer);
		assert_string_equal(d.found, cases[i].found);
		assert_string_equal(d.allowed, cases[i].allowed);
	}
}

static void says(const struct decision *d, enum lang lang, const char *because, const char *remedy)
{
	char out[512];

	decision_because(sample, d, lang, out, sizeof out);
	assert_string_equal(out, because);
	decision_remedy(sample, d, lang, out, sizeof out);
	assert_string_equal(out, remedy);
}

static void tells_people_why_and_what_helps(void **state)
{
	struct asked	q = {AMERICA_ASKS, 7, "marketing", "", {"declaration", "1"}, TODAY, 0};
	struct request	r = request_of(&q);
	struct decision d;

	(void)state;
	decide_request(sample, &r, &d);
	says(&d, LANG_EN, "clause 7 permits duty-assessment and offence-inquiry, not \"marketing\"",
	     "state one of these purposes: duty-assessment, offence-inquiry; or agree a new version with the partner");
	says(&d, LANG_AR,
	     "البند 7 يسمح بغرض «تقدير الرسوم الجمركية» (duty-assessment) و«التحقيق في مخالفة جمركية» (offence-inquiry)، ولا يسمح بالغرض «marketing»",
	     "اذكر أحد هذه الأغراض: duty-assessment, offence-inquiry؛ أو اتفق مع الشريك على نسخة جديدة");
	r.purpose = BYTES_NONE;
	decide_request(sample, &r, &d);
	says(&d, LANG_EN, "clause 7 permits duty-assessment and offence-inquiry, and no purpose was stated",
	     "state one of these purposes: duty-assessment, offence-inquiry; or agree a new version with the partner");
	r.purpose = bytes_text("offence-inquiry");
	decide_request(sample, &r, &d);
	says(&d, LANG_EN, "clause 7 requires a case reference for offence-inquiry", "add \"case\"");
	says(&d, LANG_AR, "البند 7 يشترط ذكر رقم القضية لغرض «التحقيق في مخالفة جمركية» (offence-inquiry)", "أضف \"case\" وفيه رقم القضية");
	r.purpose = bytes_text("duty-assessment");
	r.used = 500;
	decide_request(sample, &r, &d);
	says(&d, LANG_EN, "clause 7 permits 500 questions a day, and all are used up",
	     "ask again after midnight UTC, or agree a higher limit with the partner");
	says(&d, LANG_AR, "البند 7 يسمح بما لا يزيد على 500 استعلام في اليوم، وقد استُنفد هذا الحد",
	     "استعلم بعد منتصف الليل بالتوقيت العالمي، أو اتفق مع الشريك على حد أعلى");
	r.fields.at[0].value = bytes_text("x y");
	decide_request(sample, &r, &d);
	says(&d, LANG_EN,
	     "the field \"declaration\" (Declaration number) of clause 7 is a document number of letters, digits, '-', '/' and '.' of at most 20 "
	     "characters; found \"x y\"",
	     "write a document number of letters, digits, '-', '/' and '.'");
}

/* A refusal by the answering authority is told with the text of its reason. */
static void tells_the_reason_of_the_provider(void **state)
{
	struct decision d = {.refusal = REFUSAL_PROVIDER, .clause = 7, .rule = "7/refuse-for", .found = "inquiry-under-way"};
	char		out[512];

	(void)state;
	decision_because(sample, &d, LANG_EN, out, sizeof out);
	assert_string_equal(out, KUWAIT " refused: an inquiry is under way");
	decision_because(sample, &d, LANG_AR, out, sizeof out);
	assert_string_equal(out, "امتنع عن الإجابة " KUWAIT ": تحقيق جارٍ");
}

/* Whatever the refusal, clause and language, and however small the room: a sentence, never a crash. */
static void every_refusal_has_sentences(void **state)
{
	(void)state;
	for (unsigned i = 0; i < REFUSAL_COUNT; i++) {
		for (unsigned lang = 0; lang < 2; lang++) {
			for (size_t size = 0; size <= 256; size++) {
				struct decision known = {.refusal = (enum refusal)i, .clause = 7},
						unknown = {.refusal = (enum refusal)i, .clause = 99};
				char *out = malloc(size > 0 ? size : 1);

				decision_because(sample, &known, (enum lang)lang, out, size);
				assert_true(size < 2 || out[0] != '\0' || lang == LANG_AR);
				decision_remedy(sample, &known, (enum lang)lang, out, size);
				decision_because(sample, &unknown, (enum lang)lang, out, size);
				decision_remedy(sample, &unknown, (enum lang)lang, out, size);
				if (size > 0)
					assert_int_equal(text_check(bytes_text(out), TEXT_LINE), ERR_OK);
				free(out);
			}
		}
	}
}

static void rules_have_names(void **state)
{
	(void)state;
	assert_int_equal(refusal_by_rule(bytes_text("purpose")), REFUSAL_PURPOSE);
	assert_int_equal(refusal_by_rule(bytes_text("quota")), REFUSAL_QUOTA);
	assert_int_equal(refusal_by_rule(bytes_text("whim")), REFUSAL_COUNT);
	assert_int_equal(refusal_by_rule(BYTES_NONE), REFUSAL_COUNT);
	assert_string_equal(refusal_code(REFUSAL_CASE), "field-missing");
	assert_int_equal(refusal_http(REFUSAL_QUOTA), 429);
	assert_string_equal(refusal_title(REFUSAL_PURPOSE, LANG_AR), "الغرض غير مسموح به");
}

static void each_type_has_its_form(void **state)
{
	static const struct {
		enum field_type type;
		unsigned	length;
		const char     *value;
		enum err	err;
	} values[] = {
		{FIELD_TEXT, 5, "خمسةا", ERR_OK},
		{FIELD_TEXT, 5, "خمسة ا", ERR_TOO_LONG},
		{FIELD_TEXT, 5, "a\nb", ERR_OK},
		{FIELD_TEXT, 5, "a\tb", ERR_CONTROL},
		{FIELD_TEXT, 5,
		 "\xe2\x80\xae"
		 "a",
		 ERR_BIDI},
		{FIELD_TEXT, 5, "", ERR_VALUE},
		{FIELD_NAME, 20, "فلان النموذج", ERR_OK},
		{FIELD_NAME, 20, "a\nb", ERR_CONTROL},
		{FIELD_NAME, 20, "\xc3", ERR_UTF8},
		{FIELD_DATE, 10, "2024-02-29", ERR_OK},
		{FIELD_DATE, 10, "2026-02-29", ERR_VALUE},
		{FIELD_DATE, 10, "2026-1-1", ERR_VALUE},
		{FIELD_TIME, 24, "2026-11-23T06:14:07Z", ERR_OK},
		{FIELD_TIME, 24, "2026-11-23T06:14:07.112Z", ERR_OK},
		{FIELD_TIME, 24, "2026-11-23", ERR_VALUE},
		{FIELD_INTEGER, 4, "0", ERR_OK},
		{FIELD_INTEGER, 4, "-12", ERR_OK},
		{FIELD_INTEGER, 4, "-0", ERR_VALUE},
		{FIELD_INTEGER, 4, "01", ERR_VALUE},
		{FIELD_INTEGER, 4, "+1", ERR_VALUE},
		{FIELD_INTEGER, 4, "1.0", ERR_VALUE},
		{FIELD_INTEGER, 4, "12345", ERR_TOO_LONG},
		{FIELD_INTEGER, 4, "-", ERR_VALUE},
		{FIELD_INTEGER, 4, "1 ", ERR_VALUE},
		{FIELD_DECIMAL, 12, "18450.000", ERR_OK},
		{FIELD_DECIMAL, 12, "-0.5", ERR_OK},
		{FIELD_DECIMAL, 12, "7", ERR_OK},
		{FIELD_DECIMAL, 12, "7.", ERR_VALUE},
		{FIELD_DECIMAL, 12, ".7", ERR_VALUE},
		{FIELD_DECIMAL, 12, "1,250.00", ERR_VALUE},
		{FIELD_DECIMAL, 12, "1e5", ERR_VALUE},
		{FIELD_DECIMAL, 12, "00.5", ERR_VALUE},
		{FIELD_DECIMAL, 12, "1.2.3", ERR_VALUE},
		{FIELD_COUNTRY, 2, "NO", ERR_OK},
		{FIELD_COUNTRY, 2, "no", ERR_VALUE},
		{FIELD_COUNTRY, 2, "NOR", ERR_TOO_LONG},
		{FIELD_DOCUMENT_NUMBER, 12, "2026-0048817", ERR_OK},
		{FIELD_DOCUMENT_NUMBER, 12, "A/1.b", ERR_OK},
		{FIELD_DOCUMENT_NUMBER, 12, "-1", ERR_VALUE},
		{FIELD_DOCUMENT_NUMBER, 12, "1-", ERR_VALUE},
		{FIELD_DOCUMENT_NUMBER, 12, "1 2", ERR_VALUE},
		{FIELD_DOCUMENT_NUMBER, 12, "' OR 1=1", ERR_VALUE},
		{FIELD_UN_LOCODE, 5, "KWSAA", ERR_OK},
		{FIELD_UN_LOCODE, 5, "US2AB", ERR_OK},
		{FIELD_UN_LOCODE, 5, "US1AB", ERR_VALUE},
		{FIELD_UN_LOCODE, 5, "KWSA", ERR_VALUE},
		{FIELD_CODE, 48, "in", ERR_OK},
		{FIELD_CODE, 48, "IN", ERR_VALUE},
		{FIELD_CODE, 48, "gone", ERR_VALUE},
	};
	struct code codes[] = {{.name = "in"}, {.name = "out"}};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(values); i++) {
		struct field_rule rule = {.name = "x", .type = values[i].type, .length = values[i].length, .ncodes = 2, .code = codes};
		enum err	  e = field_check(&rule, bytes_text(values[i].value));

		if (e != values[i].err)
			fail_msg("\"%s\": got %s, wanted %s", values[i].value, err_name(e), err_name(values[i].err));
	}
}

static int start(void **state)
{
	struct fault fault;

	(void)state;
	if (crypto_start() != ERR_OK)
		return 1;
	char	*text = source_file("samples/customs-and-border.yaml");
	enum err e = agreement_parse(bytes_text(text), &sample, &fault);
	free(text);
	return e == ERR_OK ? 0 : 1;
}

static int end(void **state)
{
	(void)state;
	agreement_free(sample);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_question_is_decided),	   cmocka_unit_test(what_was_found_is_cut_between_characters),
		cmocka_unit_test(the_last_day_is_in_force),	   cmocka_unit_test(each_answer_is_decided),
		cmocka_unit_test(tells_people_why_and_what_helps), cmocka_unit_test(tells_the_reason_of_the_provider),
		cmocka_unit_test(every_refusal_has_sentences),	   cmocka_unit_test(rules_have_names),
		cmocka_unit_test(each_type_has_its_form),
	};

	return cmocka_run_group_tests(tests, start, end);
}
