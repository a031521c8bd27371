/* agreement_parse.c: good agreements are read; each rule of the language refuses with its line and place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agreement/decide.h"
#include "agreement_help.h"
#include "base/attrs.h"

static struct agreement *parsed(const char *text)
{
	struct agreement *a = NULL;
	struct fault	  fault = {.err = ERR_OK};

	if (agreement_parse(bytes_text(text), &a, &fault) != ERR_OK)
		fail_msg("line %u, %s: %s: found %s; %s", fault.line, fault.at, err_text(fault.err, LANG_EN), fault.found, fault.help);
	return a;
}

static void reads_the_sample(void **state)
{
	char		 *text = source_file("samples/customs-and-border.yaml");
	struct agreement *a = parsed(text);
	struct hash	  id = hash_bytes(bytes_text(text));

	(void)state;
	assert_true(hash_equal(&a->id, &id));
	assert_true(bytes_is(a->text, text));
	assert_int_equal(a->note.n, 0);
	assert_string_equal(a->name, "customs-and-border-2026");
	assert_false(a->live);
	assert_string_equal(a->sample, "not an agreement of any state");
	assert_true(a->has_lang[LANG_AR] && a->has_lang[LANG_EN] && a->authentic[LANG_AR]);
	assert_int_equal(a->until_day, INT32_MAX); /* renews tacitly */
	assert_string_equal(a->party[0].name, KUWAIT);
	assert_string_equal(a->party[1].time_zone, "America/New_York");
	assert_int_equal(a->nclauses, 4);
	assert_int_equal(a->npurposes, 4);
	const struct clause *c = agreement_clause_named(a, bytes_text("customs/declaration-status"));
	assert_ptr_equal(c, agreement_clause(a, 7));
	assert_string_equal(a->party[c->asks].name, AMERICA);
	assert_int_equal(c->per_day, 500);
	assert_int_equal(c->answer_within_ms, 2000);
	assert_true(c->keep_question_until_answered);
	assert_int_equal(c->keep_answer_days, 180);
	assert_int_equal(c->nrequest, 2);
	assert_true(c->request[0].required);
	assert_int_equal(c->request[0].length, 20);
	assert_int_equal(c->request[1].type, FIELD_UN_LOCODE);
	assert_int_equal(c->request[1].length, 5);
	assert_int_equal(c->answer[0].ncodes, 3);
	assert_string_equal(c->answer[0].code[1].text.in[LANG_AR], "محجوز للمعاينة");
	assert_int_equal(c->nexamples, 8);
	assert_string_equal(c->must[0].purpose, "offence-inquiry");
	assert_null(agreement_clause(a, 8));
	assert_null(agreement_clause_named(a, bytes_text("customs/designation-record")));
	assert_null(agreement_clause_named(a, bytes_text("customs")));
	assert_null(agreement_clause_named(a, BYTES_NONE));
	assert_int_equal(agreement_party(a, bytes_text(AMERICA)), 1);
	assert_int_equal(agreement_party(a, bytes_text("cbp")), -1);
	agreement_free(a);
	free(text);
}

/* The keys in the sample are those of the published seeds. */
static void sample_keys_are_the_published_ones(void **state)
{
	static const char *const samples[] = {"samples/customs-and-border.yaml", "samples/two-banks.yaml", "samples/two-hospitals.yaml",
					      "samples/certificates-ar.yaml"};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(samples); i++) {
		char		 *text = source_file(samples[i]);
		struct agreement *a = parsed(text);

		for (unsigned p = 0; p < 4; p++) {
			struct sign_key key = sample_root(a->party[p / 2].name, p % 2 == 0 ? 'a' : 'b');

			assert_true(public_key_equal(&key.pub, &a->party[p / 2].root[p % 2]));
			sign_key_done(&key);
		}
		agreement_free(a);
		free(text);
	}
}

static void examples_of_the_samples_run(void **state)
{
	static const struct {
		const char *file;
		unsigned    run;
	} samples[] = {{"samples/customs-and-border.yaml", 23},
		       {"samples/two-banks.yaml", 4},
		       {"samples/two-hospitals.yaml", 9},
		       {"samples/certificates-ar.yaml", 9}};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(samples); i++) {
		char		 *text = source_file(samples[i].file);
		struct agreement *a = parsed(text);
		unsigned	  run = 0;
		struct fault	  fault;

		assert_int_equal(agreement_examples(a, &run, &fault), ERR_OK);
		assert_int_equal(run, samples[i].run);
		agreement_free(a);
		free(text);
	}
}

static void a_wrong_example_is_named(void **state)
{
	static const struct {
		const char *find, *replace, *found;
	} wrong[] = {
		{"purpose: repair, item: A-1}, answer", "purpose: audit, item: A-1}, answer", "refused: case (3/must-state/case)"},
		{"answer: {state: in}}", "answer: {state: lost}}", "refused: value (3/answer/state)"},
		{"answer: {state: in}}", "answer: {owner: x}}", "refused: field (3/answer/owner)"},
		{"because: case", "because: purpose", "refused: case (3/must-state/case)"},
		{"{purpose: audit, item: A-1}, because", "{purpose: repair, item: A-1}, because", "permitted"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		char		 *text = edited(small_text, wrong[i].find, wrong[i].replace);
		struct agreement *a = parsed(text);
		unsigned	  run = 99;
		struct fault	  fault;

		assert_int_equal(agreement_examples(a, &run, &fault), ERR_VALUE);
		assert_string_equal(fault.found, wrong[i].found);
		assert_int_equal(fault.line, line_of(text, wrong[i].replace));
		assert_int_equal(run, 99);
		assert_true(fault.help[0] != '\0' && fault.help_ar[0] != '\0');
		agreement_free(a);
		free(text);
	}
}

struct bad_text {
	const char *find, *replace;
	enum err    err;
	const char *at;
	unsigned    below;   /* lines below the edit */
	const char *instead; /* the fault stands where this is, not at the edit */
};

static unsigned bad_line(const struct bad_text *bad)
{
	return line_of(small_text, bad->instead == NULL ? bad->find : bad->instead) + bad->below;
}

static void expect_fault(const char *text, enum err wanted, unsigned line, const char *at)
{
	struct agreement *a = (struct agreement *)1;
	struct fault	  fault = {.err = ERR_OK};
	enum err	  e = agreement_parse(bytes_text(text), &a, &fault);

	if (e != wanted || fault.line != line || strcmp(fault.at, at) != 0)
		fail_msg("got %s at line %u, place \"%s\", found \"%s\" (%s); wanted %s at line %u, place \"%s\"", err_name(e), fault.line, fault.at,
			 fault.found, fault.help, err_name(wanted), line, at);
	assert_null(a);
	assert_true(fault.help[0] != '\0' && fault.help_ar[0] != '\0');
}

static void each_rule_refuses(void **state)
{
	static const struct bad_text bad[] = {
		{"id: small", "idd: small", ERR_UNKNOWN_KEY, "idd", 0, NULL},
		{"id: small-2026\n", "", ERR_MISSING, "id", 0, "mithaq"},
		{"id: small-2026", "id: Small 2026", ERR_VALUE, "id", 0, NULL},
		{"id: small-2026", "id: [small]", ERR_VALUE, "id", 0, NULL},
		{"environment: test", "environment: production", ERR_VALUE, "environment", 0, NULL},
		{"environment: test", "version: 0\nenvironment: test", ERR_VALUE, "version", 0, NULL},
		{"environment: test", "version: 01\nenvironment: test", ERR_VALUE, "version", 0, NULL},
		{"environment: test", "environment: test\nsample: \"\"", ERR_MISSING, "sample", 1, NULL},
		{"environment: test", "environment: test\nabove-this: my will", ERR_VALUE, "above-this", 1, NULL},
		{"[en]", "[]", ERR_VALUE, "languages", 0, NULL},
		{"[en]", "[en, en]", ERR_DUPLICATE, "languages", 0, NULL},
		{"[en]", "[en, fr]", ERR_VALUE, "languages", 0, NULL},
		{"[en]", "[en, ar]", ERR_MISSING, "title/ar", 1, NULL},
		{"[en]", "[en]\nauthentic: [ar]", ERR_VALUE, "authentic", 1, NULL},
		{"{en: A small", "{fr: Un petit, en: A small", ERR_UNKNOWN_KEY, "title/fr", 0, NULL},
		{"{en: A small", "{ar: اتفاق, en: A small", ERR_UNKNOWN_KEY, "title/ar", 0, NULL},
		{"title: {en: A small agreement}", "title: A small agreement", ERR_VALUE, "title", 0, NULL},
		{"title: {en: A small agreement}", "title: {en: \"two\\nlines\"}", ERR_CONTROL, "title/en", 0, NULL},
		{"from: 2026-01-01", "from: 2026-02-30", ERR_VALUE, "in-force/from", 0, NULL},
		{"from: 2026-01-01, ", "", ERR_MISSING, "in-force/from", 0, NULL},
		{"until: 2026-12-31", "until: 2025-12-31", ERR_VALUE, "in-force/until", 0, NULL},
		{"until: 2026-12-31", "renews: for ever", ERR_VALUE, "in-force/renews", 0, NULL},
		{"until: 2026-12-31", "renews: tacitly for 5 moons", ERR_VALUE, "in-force/renews", 0, NULL},
		{"until: 2026-12-31", "notice: some months", ERR_VALUE, "in-force/notice", 0, NULL},
		{"until: 2026-12-31", "ends: 2026-12-31", ERR_UNKNOWN_KEY, "in-force/ends", 0, NULL},
		{"  north.example:", "  North.example:", ERR_VALUE, "parties/North.example", 0, NULL},
		{"working-days: Monday to Friday", "working-days: weekdays", ERR_VALUE, "parties/north.example/working-days", 0, NULL},
		{"working-days: Monday to Friday", "working-days: Monday to Lundi", ERR_VALUE, "parties/north.example/working-days", 0, NULL},
		{"time-zone: UTC", "time-zone: here; there", ERR_VALUE, "parties/north.example/time-zone", 0, NULL},
		{"time-zone: UTC", "time-zone: /etc/hostname", ERR_VALUE, "parties/north.example/time-zone", 0, NULL},
		{"time-zone: UTC", "time-zone: UTC\n    phone: 1", ERR_UNKNOWN_KEY, "parties/north.example/phone", 1, NULL},
		{"root-a 360ab", "root-a 360AB", ERR_VALUE, "parties/north.example/keys", 0, NULL},
		{"root-a 360ab", "root-a 60ab", ERR_VALUE, "parties/north.example/keys", 0, NULL},
		{"root-b 6e292d", "root-c 6e292d", ERR_VALUE, "parties/north.example/keys", 0, NULL},
		{"6e292d5f1388ffe8b9f18e55eb0ef677af9aadd6de139baf837d2ba8620c8a21",
		 "360ab11f19c23b70d025a672bc00fed6c690c3a79a67fed07e7ca794cf1d39aa", ERR_DUPLICATE, "parties/north.example/keys", 0, NULL},
		{"9849e48769d30ad422320c94a79437d61b7e5e04c2d759def94fe2326923774d",
		 "6e292d5f1388ffe8b9f18e55eb0ef677af9aadd6de139baf837d2ba8620c8a21", ERR_DUPLICATE, "parties/south.example/keys", 0, NULL},
		{"  audit: {en: an audit}", "  Audit: {en: an audit}", ERR_VALUE, "purposes/Audit", 0, NULL},
		{"  audit: {en: an audit}", "  audit: {}", ERR_MISSING, "purposes/audit/en", 0, NULL},
		{"number: 3", "number: 0", ERR_VALUE, "clauses/0/number", 0, NULL},
		{"number: 3", "number: 65536", ERR_VALUE, "clauses/(1)/number", 0, NULL},
		{"number: 3", "number: three", ERR_VALUE, "clauses/(1)/number", 0, NULL},
		{"    channel: goods\n", "", ERR_MISSING, "clauses/3/channel", 0, "number: 3"},
		{"channel: goods", "channel: the goods", ERR_VALUE, "clauses/3/channel", 0, NULL},
		{"name: stock", "name: stock_list", ERR_VALUE, "clauses/3/name", 0, NULL},
		{"pattern: query", "pattern: match", ERR_VALUE, "clauses/3/pattern", 0, NULL},
		{"pattern: query", "pattern: query\n    price: 5", ERR_UNKNOWN_KEY, "clauses/3/price", 1, NULL},
		{"basis: {en: Article 3}", "basis: {}", ERR_MISSING, "clauses/3/basis/en", 0, NULL},
		{"asks: north.example", "asks: east.example", ERR_VALUE, "clauses/3/asks", 0, NULL},
		{"answers: south.example", "answers: north.example", ERR_VALUE, "clauses/3/answers", 0, NULL},
		{"purposes: [audit, repair]", "purposes: [audit, gossip]", ERR_VALUE, "clauses/3/purposes", 0, NULL},
		{"purposes: [audit, repair]", "purposes: [audit, audit]", ERR_DUPLICATE, "clauses/3/purposes", 0, NULL},
		{"purposes: [audit, repair]", "purposes: []", ERR_VALUE, "clauses/3/purposes", 0, NULL},
		{"{case: when the purpose is audit}", "{case: sometimes}", ERR_VALUE, "clauses/3/must-state/case", 0, NULL},
		{"{case: when the purpose is audit}", "{case: when the purpose is gossip}", ERR_VALUE, "clauses/3/must-state/case", 0, NULL},
		{"{case: when the purpose is audit}", "{name: always}", ERR_UNKNOWN_KEY, "clauses/3/must-state/name", 0, NULL},
		{"{type: document-number, length: 12", "{type: number, length: 12", ERR_VALUE, "clauses/3/request/item/type", 0, NULL},
		{"{type: document-number, length: 12", "{length: 12", ERR_MISSING, "clauses/3/request/item/type", 0, NULL},
		{"{type: document-number, length: 12", "{type: date, length: 12", ERR_UNKNOWN_KEY, "clauses/3/request/item/length", 0, NULL},
		{"length: 12", "length: 0", ERR_VALUE, "clauses/3/request/item/length", 0, NULL},
		{"length: 12", "length: 2001", ERR_VALUE, "clauses/3/request/item/length", 0, NULL},
		{"required: always", "required: maybe", ERR_VALUE, "clauses/3/request/item/required", 0, NULL},
		{"required: always, en: Item", "required: always", ERR_MISSING, "clauses/3/request/item/en", 0, NULL},
		{"      item: {", "      purpose: {", ERR_VALUE, "clauses/3/request/purpose", 0, NULL},
		{"      item: {", "      case: {", ERR_VALUE, "clauses/3/request/case", 0, NULL},
		{"      item: {", "      Item: {", ERR_VALUE, "clauses/3/request/Item", 0, NULL},
		{"en: Item}", "en: Item, codes: {a: {en: a}}}", ERR_UNKNOWN_KEY, "clauses/3/request/item/codes", 0, NULL},
		{"{type: code, en: State, ", "{type: code, required: always, en: State, ", ERR_UNKNOWN_KEY, "clauses/3/answer/state/required", 0,
		 NULL},
		{", codes: {in: {en: in}, out: {en: out}}", "", ERR_MISSING, "clauses/3/answer/state/codes", 0, NULL},
		{"codes: {in: {en: in}, out: {en: out}}", "codes: {}", ERR_VALUE, "clauses/3/answer/state/codes", 0, NULL},
		{"codes: {in: {en: in}, out: {en: out}}", "codes: {in: {en: in}, OUT: {en: out}}", ERR_VALUE, "clauses/3/answer/state/codes/OUT", 0,
		 NULL},
		{"codes: {in: {en: in}, out: {en: out}}", "codes: {in: {en: in}, in: {en: out}}", ERR_DUPLICATE, "in", 0, NULL},
		{"per-day: 5", "per-day: 0", ERR_VALUE, "clauses/3/limits/per-day", 0, NULL},
		{"answer-within: 2 seconds", "answer-within: 2 second", ERR_VALUE, "clauses/3/limits/answer-within", 0, NULL},
		{"answer-within: 2 seconds", "answer-within: soon", ERR_VALUE, "clauses/3/limits/answer-within", 0, NULL},
		{"answer-within: 2 seconds", "answer-within: 0 seconds", ERR_VALUE, "clauses/3/limits/answer-within", 0, NULL},
		{"answer-within: 2 seconds", "answer-within: 31 days", ERR_VALUE, "clauses/3/limits/answer-within", 0, NULL},
		{", answer-within: 2 seconds", "", ERR_MISSING, "clauses/3/limits/answer-within", 0, NULL},
		{"question: until answered", "question: for ever", ERR_VALUE, "clauses/3/keep/question", 0, NULL},
		{"answer: 10 days", "answer: until answered", ERR_VALUE, "clauses/3/keep/answer", 0, NULL},
		{"answer: 10 days", "answer: 36501 days", ERR_VALUE, "clauses/3/keep/answer", 0, NULL},
		{"    keep: {question: until answered, answer: 10 days}\n", "", ERR_MISSING, "clauses/3/keep", 0, "number: 3"},
		{"onward: no", "onward: perhaps", ERR_VALUE, "clauses/3/onward", 0, NULL},
		{"refuse-for: {closed: {en: closed}}", "refuse-for: [closed]", ERR_VALUE, "clauses/3/refuse-for", 0, NULL},
		{"      - {ask: {purpose: repair, item: A-1}, answer: {state: in}}\n", "      []\n", ERR_VALUE, "clauses/3/examples", 0, NULL},
		{"ask: {purpose: repair, item: A-1}, answer", "ask: {purpose: repair, item: {a: b}}, answer", ERR_VALUE,
		 "clauses/3/examples/1/ask/item", 0, NULL},
		{"ask: {purpose: repair, item: A-1}, answer", "asks: {purpose: repair, item: A-1}, answer", ERR_UNKNOWN_KEY,
		 "clauses/3/examples/1/asks", 0, NULL},
		{"answer: {state: in}", "answer: nothing", ERR_VALUE, "clauses/3/examples/1/answer", 0, NULL},
		{"because: case", "because: quota", ERR_VALUE, "clauses/3/must-refuse/1/because", 0, NULL},
		{"because: case", "because: whim", ERR_VALUE, "clauses/3/must-refuse/1/because", 0, NULL},
		{", because: case", "", ERR_MISSING, "clauses/3/must-refuse/1/because", 0, NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		char *text = edited(small_text, bad[i].find, bad[i].replace);

		expect_fault(text, bad[i].err, bad_line(&bad[i]), bad[i].at);
		free(text);
	}
}

/* A second clause after the small one's first, to be told apart from it. */
static char *with_second_clause(const char *number, const char *channel, const char *name)
{
	const char *clause = strstr(small_text, "  - number");
	char  *one = edited(clause, "number: 3", number), *two = edited(one, "channel: goods", channel), *three = edited(two, "name: stock", name);
	size_t size = strlen(small_text) + strlen(three) + 1;
	char  *text = calloc(1, size);

	(void)snprintf(text, size, "%s%s", small_text, three);
	free(one);
	free(two);
	free(three);
	return text;
}

static void clauses_are_apart(void **state)
{
	static const struct {
		const char *number, *channel, *name;
		enum err    err;
		const char *at;
	} second[] = {
		{"number: 4", "channel: goods", "name: orders", ERR_OK, ""},
		{"number: 4", "channel: people", "name: stock", ERR_OK, ""},
		{"number: 4", "channel: goods", "name: stock", ERR_DUPLICATE, "clauses/4/name"},
		{"number: 3", "channel: goods", "name: orders", ERR_ORDER, "clauses/3/number"},
		{"number: 2", "channel: goods", "name: orders", ERR_ORDER, "clauses/2/number"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(second); i++) {
		char	   *text = with_second_clause(second[i].number, second[i].channel, second[i].name);
		const char *last = second[i].err == ERR_ORDER ? "number" : "name";
		unsigned    line = line_in(text, strstr(text + sizeof small_text - 1, last));

		if (second[i].err == ERR_OK)
			agreement_free(parsed(text));
		else
			expect_fault(text, second[i].err, line, second[i].at);
		free(text);
	}
}

static void the_frame_is_exact(void **state)
{
	static const char long_comment[] = "# 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\n";
	char		 *late = edited(small_text, "mithaq: agreement/1\n", "# first\nmithaq: agreement/1\n");
	char		 *open = edited(small_text, "because: case}\n", "because: case}");
	char		 *other = edited(small_text, "agreement/1", "agreement/2");
	size_t		  n = sizeof long_comment - 1, size = AGREEMENT_TEXT_MOST + 2 * n;
	char		 *large = calloc(1, size + sizeof small_text);

	(void)state;
	memcpy(large, small_text, sizeof small_text - 1);
	for (size_t at = sizeof small_text - 1; at <= AGREEMENT_TEXT_MOST; at += n)
		memcpy(large + at, long_comment, n);
	expect_fault(late, ERR_VALUE, 1, "mithaq");
	expect_fault(other, ERR_VALUE, 1, "mithaq");
	expect_fault("", ERR_VALUE, 1, "mithaq");
	expect_fault(open, ERR_NOT_CANONICAL, 0, "");
	expect_fault(large, ERR_TOO_LONG, 0, "");
	free(late);
	free(open);
	free(other);
	free(large);
}

/* What the YAML reader refuses is refused here too, before any rule of ours is asked. */
static void magic_is_refused(void **state)
{
	static const struct bad_text bad[] = {
		{"id: small-2026", "id: &id small-2026", ERR_MALFORMED, "", 0, NULL},
		{"{en: North}",
		 "{en: \xe2\x80\xae"
		 "North}",
		 ERR_BIDI, "", 0, NULL},
		{"{en: North}", "{en: Cafe\xcc\x81}", ERR_NOT_NFC, "", 0, NULL},
		{"{en: North}", "{en: !!str North}", ERR_MALFORMED, "", 0, NULL},
		{"    onward: no", "\tonward: no", ERR_CONTROL, "", 0, NULL},
		{"because: case}\n", "because: case}\n---\nid: other\n", ERR_TRAILING, "", 1, NULL},
		{"id: small-2026", "id: small-2026\nid: large-2026", ERR_DUPLICATE, "id", 1, NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		char *text = edited(small_text, bad[i].find, bad[i].replace);

		expect_fault(text, bad[i].err, bad_line(&bad[i]), bad[i].at);
		free(text);
	}
}

/* Losing any one line leaves a text that is refused or differs in its id; it never crashes. */
static void any_line_may_be_lost(void **state)
{
	char *text = source_file("samples/customs-and-border.yaml");
	char *less = calloc(1, strlen(text) + 1);

	(void)state;
	for (const char *line = text; *line != '\0';) {
		const char	 *end = strchr(line, '\n') + 1;
		struct agreement *a = NULL;
		struct fault	  fault;

		(void)snprintf(less, strlen(text) + 1, "%.*s%s", (int)(line - text), text, end);
		if (agreement_parse(bytes_text(less), &a, &fault) == ERR_OK) {
			struct hash whole = hash_bytes(bytes_text(text));

			assert_false(hash_equal(&a->id, &whole));
			agreement_free(a);
		}
		line = end;
	}
	free(less);
	free(text);
}

static int start(void **state)
{
	(void)state;
	return crypto_start() == ERR_OK ? 0 : 1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_the_sample),
		cmocka_unit_test(sample_keys_are_the_published_ones),
		cmocka_unit_test(examples_of_the_samples_run),
		cmocka_unit_test(a_wrong_example_is_named),
		cmocka_unit_test(each_rule_refuses),
		cmocka_unit_test(clauses_are_apart),
		cmocka_unit_test(the_frame_is_exact),
		cmocka_unit_test(magic_is_refused),
		cmocka_unit_test(any_line_may_be_lost),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
