/* Problems and exchanges as applications see them, in both languages. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdlib.h>

#include "gateway/desk.h"
#include "proc/files.h"

#define KW "customs.kw.example"
#define US "cbp.us.example"

static struct papers papers;

static json_t *read_back(struct buffer *out)
{
	json_t *json = NULL;

	assert_int_equal(json_read(buffer_bytes(out), &json, NULL), ERR_OK);
	buffer_done(out);
	return json;
}

static json_t *problem_of(const struct problem *p, enum lang lang)
{
	struct buffer	   out = {.most = 8192};
	struct json_writer w = json_writer_on(&out);

	problem_json(&w, p, lang);
	assert_int_equal(w.err, ERR_OK);
	return read_back(&out);
}

static const char *text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static struct decision decide(const char *purpose, const char *field, const struct agreement **a)
{
	struct request	r = {.purpose = bytes_text(purpose), .time_ms = 1795420811000ull};
	struct decision d;

	const struct clause *c = clause_asked(&papers, US, BYTES_NONE, bytes_text("customs/declaration-status"), 20780, a);
	assert_non_null(c);
	r.asks = c->asks;
	r.clause = c->number;
	assert_int_equal(fields_add(&r.fields, bytes_text("declaration"), bytes_text("2026-0048817")), ERR_OK);
	if (field != NULL)
		assert_int_equal(fields_add(&r.fields, bytes_text(field), bytes_text("x")), ERR_OK);
	decide_request(*a, &r, &d);
	return d;
}

static void a_purpose_refused(void **state)
{
	(void)state;
	for (int lang = LANG_EN; lang <= LANG_AR; lang++) {
		const struct agreement *a = NULL;
		struct problem_room	room = {.detail = ""};
		struct decision		d = decide("marketing", NULL, &a);
		struct problem		p = problem_of_decision(&d, a, false, (enum lang)lang, &room);
		json_t		       *json = problem_of(&p, (enum lang)lang);

		assert_string_equal(text(json, "code"), "purpose-not-permitted");
		assert_int_equal(json_integer_value(json_object_get(json, "status")), 403);
		assert_string_equal(text(json, "title"), lang == LANG_AR ? "الغرض غير مسموح به" : "the purpose is not permitted");
		assert_string_equal(text(json, "pointer"), "/purpose");
		assert_true(json_array_size(json_object_get(json, "allowed")) >= 2);
		assert_string_equal(text(json_object_get(json, "clause"), "rule"), "7/purposes");
		assert_int_equal(json_integer_value(json_object_get(json_object_get(json, "clause"), "number")), 7);
		assert_non_null(strstr(text(json, "detail"), "marketing"));
		assert_true(json_is_false(json_object_get(json, "left_the_house")));
		json_decref(json);
	}
}

static void a_permitted_question_is_no_problem(void **state)
{
	(void)state;
	const struct agreement *a = NULL;
	struct decision		d = decide("duty-assessment", NULL, &a);

	assert_int_equal(d.refusal, REFUSAL_NONE);
}

/* The pointer follows the caller's way of writing names. */
static void pointers_follow_the_caller(void **state)
{
	(void)state;
	const struct agreement *a = NULL;
	struct problem_room	room = {.detail = ""};
	struct decision		d = decide("duty-assessment", "not-there", &a);

	struct problem p = problem_of_decision(&d, a, false, LANG_EN, &room);
	assert_string_equal(p.pointer, "/fields/not_there");
	p = problem_of_decision(&d, a, true, LANG_EN, &room);
	assert_string_equal(p.pointer, "/fields/not-there");
	p = problem_of_decision(&d, NULL, true, LANG_EN, &room);
	assert_null(p.detail);
}

static void every_refusal_has_a_row(void **state)
{
	(void)state;
	for (unsigned r = 1; r < REFUSAL_COUNT; r++)
		assert_int_equal(problem_status(refusal_code((enum refusal)r)), refusal_http((enum refusal)r));
	assert_int_equal(problem_status("no such code"), 500);
}

static void hostile_words_stay_words(void **state)
{
	(void)state;
	const struct problem p = {.code = "busy", .detail = "\"}, \"x\": {\"", .cause = "line\nbreak \xff", .maybe_left = true};
	json_t		    *json = problem_of(&p, LANG_EN);

	assert_string_equal(text(json, "detail"), "\"}, \"x\": {\"");
	assert_string_equal(text(json, "cause"), "line\nbreak ?");
	assert_true(json_is_null(json_object_get(json, "left_the_house")));
	assert_null(json_object_get(json, "x"));
	json_decref(json);
}

/* ---- exchanges ---- */

static struct exchange exchange_made(void)
{
	struct exchange x = {.ours = true,
			     .partner = KW,
			     .channel = "customs",
			     .clause = 7,
			     .state = EXCHANGE_ANSWERED,
			     .status = STATUS_OK,
			     .accepted_ms = 1795420811000ull,
			     .answered_ms = 1795420811027ull,
			     .used = 3,
			     .receipt_held = true,
			     .purpose = bytes_text("duty-assessment")};

	x.agreement = papers.agreement[0]->id;
	x.question.epoch.b[0] = 1;
	x.question.index = 4817;
	assert_int_equal(fields_add(&x.got, bytes_text("status"), bytes_text("released")), ERR_OK);
	assert_int_equal(fields_add(&x.got, bytes_text("released-on"), bytes_text("2026-11-20")), ERR_OK);
	return x;
}

static json_t *exchange_of(const struct exchange *x, enum lang lang)
{
	struct buffer	   out = {.most = 16384};
	struct json_writer w = json_writer_on(&out);

	exchange_json(&w, US, &papers, x, lang);
	assert_int_equal(w.err, ERR_OK);
	return read_back(&out);
}

static void an_answer(void **state)
{
	(void)state;
	struct exchange x = exchange_made();
	json_t	       *json = exchange_of(&x, LANG_AR);

	assert_string_equal(text(json, "result"), "hit");
	assert_string_equal(text(json_object_get(json, "fields"), "released_on"), "2026-11-20");
	assert_string_equal(text(json_object_get(json, "fields"), "status"), "released");
	assert_string_equal(text(json_object_get(json, "texts"), "status"), "مُفرَج عنه");
	assert_string_equal(text(json_object_get(json, "labels"), "status"), "الحالة");
	assert_string_equal(text(json_object_get(json_object_get(json, "proof"), "question"), "origin"),
			    US "/mithaq/" KW "/customs/01000000000000000000000000000000");
	assert_string_equal(text(json, "to"), KW);
	assert_non_null(text(json, "keep_until"));
	json_decref(json);
}

/* Should a field outside the clause have come this far, it stops here. */
static void nothing_outside_the_clause(void **state)
{
	(void)state;
	struct exchange x = exchange_made();

	assert_int_equal(fields_add(&x.got, bytes_text("importer"), bytes_text("Noura Al-Sample")), ERR_OK);
	json_t *json = exchange_of(&x, LANG_EN);
	assert_int_equal(json_object_size(json_object_get(json, "fields")), 2);
	json_decref(json);
	x.agreement.b[0] ^= 1; /* an agreement that is not here: no clause, so no field */
	json = exchange_of(&x, LANG_EN);
	assert_int_equal(json_object_size(json_object_get(json, "fields")), 0);
	json_decref(json);
}

static void miss_and_refusal(void **state)
{
	(void)state;
	struct exchange x = exchange_made();

	x.status = STATUS_NO_HIT;
	json_t *json = exchange_of(&x, LANG_EN);
	assert_string_equal(text(json, "result"), "no-hit");
	assert_true(json_is_null(json_object_get(json, "fields")));
	json_decref(json);
	x.state = EXCHANGE_REFUSED;
	x.status = STATUS_REFUSED;
	x.reason = bytes_text("inquiry-under-way");
	x.rule = bytes_text("7/refuse-for");
	json = exchange_of(&x, LANG_EN);
	const json_t *refusal = json_object_get(json, "refusal");
	assert_string_equal(text(refusal, "by"), KW);
	assert_string_equal(text(refusal, "reason"), "inquiry-under-way");
	assert_string_equal(text(refusal, "rule"), "7/refuse-for");
	assert_non_null(text(refusal, "text"));
	assert_null(json_object_get(json, "fields"));
	json_decref(json);
}

static void failure_is(const struct exchange *x, enum lang lang, const char *reason, const char *said)
{
	json_t	     *json = exchange_of(x, lang);
	const json_t *failure = json_object_get(json, "failure");

	assert_string_equal(text(json, "state"), "failed");
	assert_string_equal(text(failure, "reason"), reason);
	if (said != NULL)
		assert_string_equal(text(failure, "text"), said);
	else
		assert_true(json_is_null(json_object_get(failure, "text")));
	assert_null(json_object_get(json, "fields"));
	assert_null(json_object_get(json, "refusal"));
	json_decref(json);
}

/* Why there is no answer; what a partner of a later version says stays its own word. */
static void a_failure_says_why(void **state)
{
	(void)state;
	struct exchange x = exchange_made();

	x.state = EXCHANGE_FAILED;
	x.status = STATUS_ERROR;
	x.reason = bytes_text("cancelled");
	failure_is(&x, LANG_EN, "cancelled", "who asked withdrew the question before it was answered");
	failure_is(&x, LANG_AR, "cancelled", "سحب السائل الاستعلام قبل أن يُجاب");
	x.reason = bytes_text("rained-out");
	failure_is(&x, LANG_EN, "rained-out", NULL);
	/* The partner said ok and its answer was outside the clause: no reason of its stands in the entry. */
	x.status = STATUS_OK;
	x.reason = BYTES_NONE;
	failure_is(&x, LANG_EN, "answer-not-permitted", "the answer was outside the clause and is not shown");
}

/* ---- catalogue ---- */

static void catalogue_and_schema(void **state)
{
	(void)state;
	struct buffer	   out = {.most = 65536};
	struct json_writer w = json_writer_on(&out);

	struct clauses list = {.papers = &papers, .self = US, .asks = "me", .today = 20780};
	clauses_json(&w, &list, LANG_EN);
	json_t *json = read_back(&out);
	assert_true(json_array_size(json_object_get(json, "data")) >= 1);
	assert_string_equal(text(json_array_get(json_object_get(json, "data"), 0), "from"), US);
	json_decref(json);

	const struct agreement *a = NULL;
	const struct clause    *c = clause_asked(&papers, US, bytes_text(KW), bytes_text("customs/declaration-status"), 20780, &a);
	out = (struct buffer){.most = 65536};
	w = json_writer_on(&out);
	schema_json(&w, a, c, LANG_EN);
	json = read_back(&out);
	const json_t *fields = json_object_get(json_object_get(json, "properties"), "fields");
	assert_true(json_is_false(json_object_get(fields, "additionalProperties")));
	assert_non_null(json_object_get(json_object_get(fields, "properties"), "declaration"));
	json_decref(json);
	assert_null(clause_asked(&papers, US, bytes_text("other.example"), bytes_text("customs/declaration-status"), 20780, &a));
	assert_null(clause_asked(&papers, US, BYTES_NONE, bytes_text("customs/no-such"), 20780, &a));
}

/* ---- causes ---- */

static void cause_is(const char *cause, const char *expected)
{
	char	       text[CAUSE_TEXT_MOST];
	struct builder b = builder_on(text, sizeof text - 1);

	cause_text(cause, LANG_AR, &b);
	assert_int_equal(b.err, ERR_OK);
	text[b.n] = '\0';
	assert_string_equal(text, expected);
	b = builder_on(text, sizeof text - 1);
	cause_text(cause, LANG_EN, &b);
	text[b.n] = '\0';
	assert_string_equal(text, cause);
}

static void a_cause_is_told_in_arabic(void **state)
{
	(void)state;
	cause_is("the connection failed: Connection refused", "أخفق الاتصال: لا أحد يستمع عند العنوان");
	cause_is("the partner said: this gateway stops", "قال الشريك: هذه البوابة تتوقف");
	cause_is("the partner's certificate is not the one on its card: card says 5b7e0c..91, it showed 90ad41..7c",
		 "شهادة الشريك ليست التي على بطاقته: في البطاقة 5b7e0c..91، وأظهر 90ad41..7c");
	cause_is("the partner's certificate is not the one on its card: card says 5b7e0c..91 or another, it showed 90ad41..7c",
		 "شهادة الشريك ليست التي على بطاقته: في البطاقة 5b7e0c..91 أو غيرها، وأظهر 90ad41..7c");
	cause_is("the partner offers no ALPN, mithaq/1 is required", "لا يعرض الشريك بروتوكول ALPN، والمطلوب mithaq/1");
	cause_is("the name gw.example has no address: Name or service not known", "الاسم gw.example بلا عنوان: اسم غير معروف");
	cause_is("the session is TLSv1.2, TLS 1.3 is required", "الجلسة TLSv1.2، والمطلوب TLS 1.3");
}

/* What nobody here wrote stays whole: half a reason known, a beginning cut, reasons nested without end. */
static void a_cause_that_no_table_knows_stays(void **state)
{
	(void)state;
	cause_is("", "");
	cause_is("the moon is in the way", "the moon is in the way");
	cause_is("the name gw.example", "the name gw.example");
	cause_is("this gateway stops now", "this gateway stops now");
	cause_is("the partner said: bonjour", "قال الشريك: bonjour");
	cause_is("the partner said: the partner said: the partner said: the partner said: the partner said: x",
		 "قال الشريك: قال الشريك: قال الشريك: قال الشريك: the partner said: x");
}

static json_t *quota_of(const struct quotas *quotas, const char *asks)
{
	struct buffer	     out = {.most = 65536};
	struct json_writer   w = json_writer_on(&out);
	const struct clauses list = {.papers = &papers, .self = US, .asks = asks, .today = 20780, .quotas = quotas};

	clauses_json(&w, &list, LANG_EN);
	json_t *json = read_back(&out);
	json_t *quota = json_incref(json_object_get(json_array_get(json_object_get(json, "data"), 0), "quota"));
	json_decref(json);
	return quota;
}

/* The row is of our clause only when number and agreement both are. */
static void a_quota_has_the_number_of_its_own_clause(void **state)
{
	(void)state;
	uint8_t		  memory[256];
	struct builder	  b = builder_on(memory, sizeof memory);
	struct quota_used q = {.agreement = papers.agreement[0]->id, .clause = 7, .used = 38};

	quota_used_write(&b, &(struct quota_used){.agreement = q.agreement, .clause = 8, .used = 1});
	quota_used_write(&b, &(struct quota_used){.clause = 7, .used = 2});
	const struct quotas others = {.day = 20780, .rows = bytes_of(memory, b.n)};
	json_t		   *quota = quota_of(&others, "me");
	assert_int_equal(json_integer_value(json_object_get(quota, "used")), 0);
	json_decref(quota);
	quota_used_write(&b, &q);
	const struct quotas ours = {.day = 20780, .rows = bytes_of(memory, b.n)};
	quota = quota_of(&ours, "me");
	assert_int_equal(json_integer_value(json_object_get(quota, "per_day")), 500);
	assert_int_equal(json_integer_value(json_object_get(quota, "used")), 38);
	assert_string_equal(text(quota, "resets"), "2026-11-24T00:00:00.000Z");
	json_decref(quota);
	quota = quota_of(NULL, "me");
	assert_int_equal(json_integer_value(json_object_get(quota, "per_day")), 500);
	assert_null(json_object_get(quota, "used"));
	assert_null(json_object_get(quota, "resets"));
	json_decref(quota);
}

static int papers_make(void **state)
{
	(void)state;
	struct buffer file = {.most = AGREEMENT_TEXT_MOST};
	char	      path[1024];

	snprintf(path, sizeof path, "%s/samples/customs-and-border.yaml", getenv("MITHAQ_SOURCE"));
	if (file_read(path, &file) != ERR_OK || agreement_parse(buffer_bytes(&file), &papers.agreement[0], NULL) != ERR_OK)
		return -1;
	papers.nagreements = 1;
	buffer_done(&file);
	return 0;
}

static int papers_drop(void **state)
{
	(void)state;
	papers_done(&papers);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_purpose_refused),
		cmocka_unit_test(a_permitted_question_is_no_problem),
		cmocka_unit_test(pointers_follow_the_caller),
		cmocka_unit_test(every_refusal_has_a_row),
		cmocka_unit_test(hostile_words_stay_words),
		cmocka_unit_test(an_answer),
		cmocka_unit_test(nothing_outside_the_clause),
		cmocka_unit_test(miss_and_refusal),
		cmocka_unit_test(a_failure_says_why),
		cmocka_unit_test(catalogue_and_schema),
		cmocka_unit_test(a_cause_is_told_in_arabic),
		cmocka_unit_test(a_cause_that_no_table_knows_stays),
		cmocka_unit_test(a_quota_has_the_number_of_its_own_clause),
	};

	json_start();
	return cmocka_run_group_tests(tests, papers_make, papers_drop);
}
