/*
 * provider.c: `mithaq provider test CHANNEL/NAME field=value ...`: asks a source as the gateway would, and
 * shows what it said, what is dropped, and what the partner would receive.
 *
 * It opens the source as a worker does and confines itself as one does. What it prints is content, for the
 * person at this keyboard; nothing is written and nothing leaves the house.
 */
#include <stdlib.h>
#include <string.h>

#include "agreement/decide.h"
#include "channel/exchange.h"
#include "cli/home.h"
#include "crypto/random.h"
#include "net/json.h"
#include "provider/provider.h"

#define FROM_WIDTH 22
#define NAME_WIDTH 12
#define JSON_MOST  (4u << 20)
#define DAY_MS	   86400000u

struct words {
	const char *clause, *purpose, *from;
	char	  **field; /* "name=value" */
	int	    nfields;
};

struct testing {
	struct cli		     *cli;
	const struct words	     *words;
	struct home		      home;
	const struct config_provider *config;
	const struct agreement	     *agreement; /* or NULL */
	const struct clause	     *clause;	 /* or NULL */
	struct event_base	     *base;
	struct provider		     *provider;
	struct fields		      ask;
	struct provider_question      question;
	struct buffer		      text; /* --json */
	struct json_writer	      json;
	bool			      answered;
	int			      code;
};

/* ---- words that a source or a person chose, on a terminal ---- */

static void put(const struct testing *t, struct bytes v)
{
	bool plain = text_check(v, TEXT_LINE) == ERR_OK;

	for (size_t i = 0; i < v.n; i++)
		fputc(plain || (v.at[i] >= 0x20 && v.at[i] < 0x7f) ? v.at[i] : '?', t->cli->out);
}

/* To `width` characters. */
static void put_wide(const struct testing *t, struct bytes v, unsigned width)
{
	unsigned n = 0;

	put(t, v);
	for (size_t i = 0; i < v.n; i++)
		n += (v.at[i] & 0xc0) != 0x80;
	for (; n < width; n++)
		fputc(' ', t->cli->out);
}

/* What sources say of themselves is English for the journal; a person may read Arabic. */
static const struct {
	const char *en, *ar;
} sentences[] = {
	{"the source did not answer in time", "لم يجب المصدر في الوقت المحدد"},
	{"the source gave more than one record", "أعطى المصدر أكثر من سجل واحد"},
	{"a value cannot be sent as the clause wants it", "قيمة لا يمكن إرسالها كما يريدها البند"},
	{"the database reported an error", "أبلغت قاعدة البيانات عن خطأ"},
	{"the service answered with a status that no rule names", "أجابت الخدمة بحالة لا تذكرها أي قاعدة"},
	{"the service cannot be reached", "تعذر الوصول إلى الخدمة"},
	{"the source answered more than its limit", "أجاب المصدر بأكثر من الحد المقرر"},
	{"the source answered what cannot be read", "أجاب المصدر بما لا يُقرأ"},
	{"the source failed", "تعذّر المصدر"},
	{"the service gave an object or a list where one value is expected", "أعطت الخدمة كائنًا أو قائمة حيث تُنتظر قيمة واحدة"},
	{"the service's word is not in the list of codes", "كلمة الخدمة ليست في قائمة الرموز"},
	{"the service's date is not of the form that the configuration names", "تاريخ الخدمة ليس بالصيغة المذكورة في الإعدادات"},
	{"the service's text has control characters or is not in Unicode normal form NFC", "في نص الخدمة حروف تحكم أو ليس بصيغة يونيكود NFC"},
	{"the service's text is longer than a field may be", "نص الخدمة أطول مما يسعه حقل"},
	{"the answer has none of the fields that the configuration names", "ليس في الجواب شيء من الحقول المذكورة في الإعدادات"},
	{"the service's answer is not JSON", "جواب الخدمة ليس JSON"},
	{"the service's JSON is nested too deep", "جواب الخدمة متداخل أعمق من الحد المقرر"},
	{"the service's answer does not say that it is application/json", "لا يذكر جواب الخدمة أنه application/json"},
	{"the service's answer is compressed, which was not asked for", "جواب الخدمة مضغوط ولم يُطلب ضغطه"},
	{"the service could not be connected to in time", "تعذر الاتصال بالخدمة في الوقت المحدد"},
	{"the service closed the connection without an answer", "أغلقت الخدمة الاتصال دون جواب"},
	{"the service broke off in the middle of its answer", "انقطعت الخدمة في منتصف جوابها"},
	{"the connection broke off", "انقطع الاتصال"},
	{"the question does not have this field, which the service is asked with", "ليس في السؤال هذا الحقل، وبه تُسأل الخدمة"},
	{"this value would change the path that the service is asked at", "هذه القيمة تغيّر المسار الذي تُسأل فيه الخدمة"},
	{"redirects are not followed", "لا تُتبع إحالة إلى عنوان آخر"},
	{"no answer in time", "لا جواب في الوقت المحدد"},
	{"no answer", "لا جواب"},
	{"too much", "أكثر من الحد"},
	{"what is not HTTP", "ما ليس HTTP"},
	{"the service answered", "أجابت الخدمة"},
	{"the agreement's examples", "أمثلة الاتفاق"},
	{"one names this question", "أحدها يذكر هذا السؤال"},
	{"none names it", "لا شيء منها يذكره"},
	{"one row", "صف واحد"},
	{"no row", "لا صف"},
};

/* The first sentence of the table that stands in `text`, with what is before and behind it as it is. */
static void say(const struct testing *t, struct bytes text)
{
	for (size_t i = 0; t->cli->lang == LANG_AR && i < COUNT_OF(sentences); i++) {
		size_t	       n = strlen(sentences[i].en);
		const uint8_t *at = memmem(text.at, text.n, sentences[i].en, n);

		if (at == NULL)
			continue;
		put(t, bytes_of(text.at, (size_t)(at - text.at)));
		fputs(sentences[i].ar, t->cli->out);
		say(t, bytes_of(at + n, text.n - (size_t)(at + n - text.at)));
		return;
	}
	put(t, text);
}

/* ---- the steps ---- */

static void print_dropped(const struct testing *t)
{
	if (t->clause != NULL)
		fprintf(t->cli->out, cli_text(t->cli, "not in clause %u: dropped, will never be sent", "ليس في البند %u: يُسقط ولا يُرسل أبدًا"),
			t->clause->number);
	else
		fputs(cli_text(t->cli, "not in the configuration: dropped, will never be sent", "ليس في الإعدادات: يُسقط ولا يُرسل أبدًا"), t->cli->out);
}

static void print_step(const struct testing *t, enum provider_step step, struct bytes from, struct bytes name, struct bytes value)
{
	fputs("  ", t->cli->out);
	switch (step) {
	case STEP_ASKED:
		say(t, name);
		fputs("   ", t->cli->out);
		say(t, value);
		break;
	case STEP_MAPPED:
		put_wide(t, from, FROM_WIDTH);
		fputs(" -> ", t->cli->out);
		put_wide(t, name, NAME_WIDTH);
		fputc(' ', t->cli->out);
		put(t, value);
		break;
	case STEP_DROPPED:
		put_wide(t, from, FROM_WIDTH);
		fputc(' ', t->cli->out);
		print_dropped(t);
		break;
	case STEP_WRONG:
		put_wide(t, from, FROM_WIDTH);
		fputs(" -> ", t->cli->out);
		put_wide(t, name, NAME_WIDTH);
		fputs(cli_text(t->cli, " cannot be sent: ", " لا يُرسل: "), t->cli->out);
		say(t, value);
		break;
	}
	fputc('\n', t->cli->out);
}

static void step(void *arg, enum provider_step what, struct bytes from, struct bytes name, struct bytes value)
{
	static const char *const names[] = {[STEP_ASKED] = "asked", [STEP_MAPPED] = "mapped", [STEP_DROPPED] = "dropped", [STEP_WRONG] = "wrong"};
	struct testing		*t = arg;

	if (!t->cli->json) {
		print_step(t, what, from, name, value);
		return;
	}
	json_open(&t->json, '{');
	json_member(&t->json, "step", names[what]);
	json_member_text(&t->json, "from", from);
	json_member_text(&t->json, "name", name);
	json_member_text(&t->json, "value", value);
	json_close(&t->json, '}');
}

/* ---- the end ---- */

static void end_json(struct testing *t, const char *outcome)
{
	json_close(&t->json, ']');
	json_member(&t->json, "outcome", outcome);
}

static size_t record_size(const struct fields *f)
{
	static uint8_t memory[UINT16_MAX];
	struct builder b = builder_on(memory, sizeof memory);

	fields_write(&b, f);
	return b.err == ERR_OK ? b.n : 0;
}

static void hit_json(struct testing *t, const struct fields *f)
{
	end_json(t, "hit");
	json_member_open(&t->json, "fields", '{');
	for (unsigned i = 0; i < f->n; i++) {
		json_key_bytes(&t->json, f->at[i].name);
		json_text(&t->json, f->at[i].value);
	}
	json_close(&t->json, '}');
	json_member_number(&t->json, "bytes", record_size(f));
}

static void print_received(const struct testing *t, unsigned n, size_t size)
{
	FILE *out = t->cli->out;

	if (t->cli->lang == LANG_EN)
		fprintf(out, "  the partner would receive %u field%s, %zu bytes\n", n, n == 1 ? "" : "s", size);
	else
		fprintf(out, "  عدد الحقول التي يستلمها الشريك: %u، وحجمها %zu بايت\n", n, size);
}

/* As question.c does before an answer leaves. */
static void hit(struct testing *t, const struct fields *f)
{
	struct decision d = {.refusal = REFUSAL_NONE};
	char		line[512];

	if (t->clause != NULL)
		decide_answer(t->agreement, t->clause, f, &d);
	if (d.refusal != REFUSAL_NONE) {
		decision_because(t->agreement, &d, t->cli->lang, line, sizeof line);
		t->code = cli_complain(t->cli, EXIT_REFUSED_HERE,
				       cli_text(t->cli, "outside the clause: the partner would receive an error and no field",
						"خارج البند: يستلم الشريك خطأً بلا أي حقل"),
				       line, NULL);
		if (t->cli->json) {
			end_json(t, "outside-clause");
			json_member(&t->json, "rule", d.rule);
		}
		return;
	}
	if (t->cli->json)
		hit_json(t, f);
	else
		print_received(t, f->n, record_size(f));
}

static void no_hit(struct testing *t)
{
	if (t->cli->json)
		end_json(t, "no-hit");
	else
		fprintf(t->cli->out, "  %s\n", cli_text(t->cli, "the partner would receive: no hit", "يستلم الشريك: لا نتيجة"));
}

static void refused(struct testing *t, struct bytes reason)
{
	if (t->cli->json) {
		end_json(t, "refused");
		json_member_text(&t->json, "reason", reason);
		return;
	}
	fprintf(t->cli->out, "  %s ", cli_text(t->cli, "the partner would receive a refusal:", "يستلم الشريك رفضًا، سببه:"));
	put(t, reason);
	fputc('\n', t->cli->out);
}

static void failed(struct testing *t, const char *code, const char *cause)
{
	bool away = strcmp(code, "provider-timeout") == 0 || strcmp(code, "provider-unreachable") == 0;

	t->code = away ? EXIT_UNREACHABLE : EXIT_INTERNAL;
	cause = cause != NULL ? cause : provider_trouble(code);
	if (t->cli->json) {
		end_json(t, "failed");
		json_member(&t->json, "code", code);
		json_member(&t->json, "cause", cause);
		return;
	}
	fprintf(t->cli->out, "  %s: ", code);
	say(t, bytes_text(cause));
	fprintf(t->cli->out, "\n  %s\n",
		cli_text(t->cli, "the partner would receive an error, and nothing of its cause", "يستلم الشريك خطأً ولا يعلم من سببه شيئًا"));
}

static void found(void *arg, const struct provider_answer *a)
{
	struct testing *t = arg;

	t->answered = true;
	switch (a->outcome) {
	case PROVIDER_HIT:
		hit(t, a->fields);
		break;
	case PROVIDER_NO_HIT:
		no_hit(t);
		break;
	case PROVIDER_REFUSED:
		refused(t, a->reason);
		break;
	case PROVIDER_FAILED:
		failed(t, a->code, a->cause);
		break;
	}
}

/* ---- the question ---- */

static int field_take(struct testing *t, const char *word)
{
	const char  *equals = strchr(word, '=');
	struct bytes name = equals != NULL ? bytes_of(word, (size_t)(equals - word)) : BYTES_NONE;

	if (equals == NULL || name_check(name) != ERR_OK)
		return cli_complain(t->cli, EXIT_USAGE, cli_text(t->cli, "a field is name=value", "الحقل هو name=value"), word, NULL);
	enum err e = fields_add(&t->ask, name, bytes_text(equals + 1));
	return e == ERR_OK ? EXIT_DONE : cli_err(t->cli, e, word, NULL);
}

/* A day on which the agreement is in force: today's, when it is. */
static uint64_t day_in_force(const struct agreement *a)
{
	uint64_t now = now_ms(), day = now / DAY_MS;

	if (day >= (uint64_t)a->from_day && (a->until_day == INT32_MAX || day <= (uint64_t)a->until_day))
		return now;
	return (uint64_t)a->from_day * DAY_MS;
}

/* A question that the gateway would refuse never comes to the source. */
static int question_check(struct testing *t)
{
	struct request r = {
		.asks = t->clause->asks,
		.clause = t->clause->number,
		.purpose = t->question.purpose,
		.reference = bytes_text("test"),
		.fields = t->ask,
		.time_ms = day_in_force(t->agreement),
	};
	struct decision d;
	char		line[512];

	decide_request(t->agreement, &r, &d);
	if (d.refusal == REFUSAL_NONE)
		return EXIT_DONE;
	decision_because(t->agreement, &d, t->cli->lang, line, sizeof line);
	return cli_complain(t->cli, EXIT_REFUSED_HERE,
			    cli_text(t->cli, "such a question is refused before the source is asked", "سؤال كهذا يُرفض قبل أن يُسأل المصدر"), line,
			    NULL);
}

static const char *asking_party(const struct testing *t)
{
	if (t->words->from != NULL)
		return t->words->from;
	return t->clause != NULL ? t->agreement->party[t->clause->asks].name : "partner.example";
}

static int question_make(struct testing *t)
{
	const char *purpose = t->words->purpose != NULL			      ? t->words->purpose
			      : t->clause != NULL && t->clause->npurposes > 0 ? t->clause->purpose[0]->name
									      : "";
	uint8_t	    mid[MID_SIZE];
	int	    code = EXIT_DONE;

	random_bytes(mid, sizeof mid);
	exchange_id_write(mid, t->question.id);
	t->question.purpose = bytes_text(purpose);
	t->question.fields = &t->ask;
	t->question.most_ms = t->config->timeout_ms;
	if (party_name_check(bytes_text(asking_party(t))) != ERR_OK)
		return cli_complain(t->cli, EXIT_USAGE, "--from", asking_party(t), cli_text(t->cli, "a party's name", "اسم طرف"));
	snprintf(t->question.from, sizeof t->question.from, "%s", asking_party(t));
	for (int i = 0; i < t->words->nfields && code == EXIT_DONE; i++)
		code = field_take(t, t->words->field[i]);
	return code == EXIT_DONE && t->clause != NULL ? question_check(t) : code;
}

/* ---- the source ---- */

static int config_find(struct testing *t)
{
	const struct config *c = &t->home.config;

	for (unsigned i = 0; i < c->nproviders; i++)
		if (strcmp(c->provider[i].clause, t->words->clause) == 0)
			t->config = &c->provider[i];
	if (t->config == NULL)
		return cli_complain(t->cli, EXIT_USAGE,
				    cli_text(t->cli, "mithaq.yaml has no such clause under provide:", "ليس تحت provide: في mithaq.yaml بند كهذا"),
				    t->words->clause, NULL);
	if (t->config->source == SOURCE_FETCH)
		return cli_complain(t->cli, EXIT_USAGE,
				    cli_text(t->cli, "this clause is answered by a system that fetches", "يجيب عن هذا البند نظام يأخذ الأسئلة بنفسه"),
				    t->words->clause, "GET /v1/requests");
	t->agreement = provider_agreement(&t->home.papers, t->words->clause);
	if (t->agreement != NULL)
		t->clause = agreement_clause_named(t->agreement, bytes_text(t->words->clause));
	return EXIT_DONE;
}

static int source_open(struct testing *t)
{
	struct provider_setup setup = {
		.config = &t->home.config,
		.provider = t->config,
		.agreement = t->agreement,
		.clause = t->clause,
		.base = t->base = event_base_new(),
		.found = found,
		.trace = step,
		.arg = t,
	};
	char	     path[CONFIG_PATH_MOST];
	struct fault fault = {0};

	if (t->base == NULL)
		return cli_err(t->cli, ERR_MEMORY, t->words->clause, NULL);
	enum err e = provider_open(&setup, &t->provider, &fault);
	if (e == ERR_OK)
		return EXIT_DONE;
	fault.err = e;
	fault.line = fault.line != 0 ? fault.line : t->config->line;
	if (config_path(&t->home.config, "mithaq.yaml", path) != ERR_OK)
		return cli_err(t->cli, e, t->words->clause, NULL);
	return cli_fault(t->cli, &fault, path);
}

static int confine(struct testing *t)
{
	struct provider_needs needs;

	provider_needs(t->provider, &needs);
	enum err e = promise(PROMISE_STDIO | needs.promises, needs.paths, needs.ports);
	return e == ERR_OK ? EXIT_DONE : cli_err(t->cli, e, t->words->clause, NULL);
}

static void ask(struct testing *t)
{
	if (t->cli->json) {
		json_open(&t->json, '{');
		json_member(&t->json, "clause", t->words->clause);
		json_member(&t->json, "id", t->question.id);
		json_member_open(&t->json, "steps", '[');
	}
	provider_ask(t->provider, &t->question);
	provider_turn(t->provider);
	while (!t->answered && event_base_loop(t->base, EVLOOP_ONCE) == 0)
		;
	if (!t->answered)
		failed(t, "provider-timeout", NULL);
	if (!t->cli->json)
		return;
	json_close(&t->json, '}');
	fwrite(t->text.at, 1, t->text.n, t->cli->out);
	fputc('\n', t->cli->out);
}

static int test(struct testing *t)
{
	int code = config_find(t);

	if (code == EXIT_DONE)
		code = question_make(t);
	if (code == EXIT_DONE)
		code = source_open(t);
	if (code == EXIT_DONE)
		code = confine(t);
	if (code != EXIT_DONE)
		return code;
	ask(t);
	return t->code;
}

static int run(struct cli *cli, const struct words *words)
{
	struct testing *t = calloc(1, sizeof *t);

	if (t == NULL)
		return cli_err(cli, ERR_MEMORY, words->clause, NULL);
	t->cli = cli;
	t->words = words;
	t->text.most = JSON_MOST;
	t->json = json_writer_on(&t->text);
	int code = home_open(cli, &t->home);
	if (code == EXIT_DONE) {
		code = test(t);
		provider_close(t->provider);
		if (t->base != NULL)
			event_base_free(t->base);
		home_done(&t->home);
	}
	buffer_done(&t->text);
	free(t);
	return code;
}

int cmd_provider(struct cli *cli, int argc, char **argv)
{
	struct words		w = {0};
	const struct cli_option options[] = {{"--purpose", &w.purpose, NULL}, {"--from", &w.from, NULL}};
	int			n = cli_options(cli, argc, argv, options, COUNT_OF(options));

	if (n < 0)
		return EXIT_USAGE;
	if (n < 2 || strcmp(argv[1], "test") != 0)
		return cli_usage(cli);
	w.clause = argv[2];
	w.field = argv + 3;
	w.nfields = n - 2;
	return run(cli, &w);
}
