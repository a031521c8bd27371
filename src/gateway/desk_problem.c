/* desk_problem.c: what went wrong or was refused, said so that a person can act (RFC 9457), in both languages. */
#include <stdio.h>

#include "gateway/desk.h"

/* Each row: code, HTTP status, what it means and what helps, in English and Arabic. */
struct problem_row {
	const char *code;
	unsigned    status;
	const char *text[2];   /* by enum lang */
	const char *remedy[2]; /* by enum lang */
};

static const struct problem_row rows[] = {
	{"malformed",
	 400,
	 {"the request is not of the form described", "صيغة الطلب ليست كما وُصفت"},
	 {"see /docs and /v1/openapi.json", "راجع ‎/docs‎ و‎/v1/openapi.json‎"}},
	{"field-missing",
	 400,
	 {"something that the clause requires is missing", "ينقص ما يشترطه البند"},
	 {"add what \"pointer\" names", "أضف ما يشير إليه ‎\"pointer\"‎"}},
	{"field-not-permitted", 400, {"the field is not in the clause", "الحقل غير وارد في البند"}, {"leave it out", "احذفه"}},
	{"value-out-of-list",
	 400,
	 {"the value does not fit the field", "القيمة لا تناسب الحقل"},
	 {"choose one of \"allowed\"", "اختر مما في ‎\"allowed\"‎"}},
	{"token-missing",
	 401,
	 {"a token is needed", "يلزم رمز دخول"},
	 {"send Authorization: Bearer TOKEN; `mithaq token new ACCOUNT` makes one",
	  "أرسل ‎Authorization: Bearer TOKEN‎؛ وينشئه «mithaq token new ACCOUNT»"}},
	{"token-expired",
	 401,
	 {"the token is not known here, or no longer", "رمز الدخول غير معروف هنا أو لم يعد صالحًا"},
	 {"`mithaq token new ACCOUNT` makes a fresh one", "ينشئ «mithaq token new ACCOUNT» رمزًا جديدًا"}},
	{"account-not-permitted",
	 403,
	 {"this account may not use this clause", "لا يجوز لهذا الحساب استعمال هذا البند"},
	 {"`mithaq token new ACCOUNT --clauses ...` says which it may", "يحدد «mithaq token new ACCOUNT --clauses» ما يجوز له"}},
	{"host-unknown",
	 403,
	 {"the Host header does not name this machine", "ترويسة Host لا تسمي هذا الجهاز"},
	 {"use 127.0.0.1 or localhost; over TLS a name of the certificate",
	  "استعمل ‎127.0.0.1‎ أو localhost؛ وعبر TLS اسمًا من أسماء الشهادة"}},
	{"agreement-unknown",
	 403,
	 {"no agreement in force here has this clause", "لا يرد هذا البند في اتفاق نافذ هنا"},
	 {"GET /v1/clauses lists what may be asked", "يسرد GET /v1/clauses ما يجوز طلبه"}},
	{"clause-not-permitted",
	 403,
	 {"the clause does not permit this question", "البند لا يجيز هذا الاستعلام"},
	 {"GET /v1/clauses?asks=me lists what may be asked", "يسرد GET /v1/clauses?asks=me ما يجوز طلبه"}},
	{"clause-suspended", 403, {"the agreement is suspended", "الاتفاق معلَّق"}, {"speak to the partner", "خاطب الشريك"}},
	{"not-in-force-yet",
	 403,
	 {"the agreement is not in force on this day", "الاتفاق غير نافذ في هذا اليوم"},
	 {"see its dates: `mithaq agreement list`", "انظر تواريخه: «mithaq agreement list»"}},
	{"purpose-not-permitted",
	 403,
	 {"the purpose is not permitted", "الغرض غير مسموح به"},
	 {"choose one of \"allowed\"", "اختر مما في ‎\"allowed\"‎"}},
	{"clock", 403, {"the time of the request is out of bounds", "وقت الطلب خارج الحدود"}, {"set this machine's clock", "اضبط ساعة هذا الجهاز"}},
	{"refused-by-provider",
	 403,
	 {"the answering authority refused", "رفضت الجهة المجيبة"},
	 {"the reason is one of the clause's", "السبب من أسباب البند"}},
	{"not-found", 404, {"there is nothing of this name here", "لا يوجد هنا شيء بهذا الاسم"}, {"see /docs", "راجع ‎/docs‎"}},
	{"method-not-allowed",
	 405,
	 {"this address does not take this method", "لا يقبل هذا العنوان هذه الطريقة"},
	 {"the Allow header names the right one", "تسمي ترويسة Allow الطريقة الصحيحة"}},
	{"key-reused",
	 409,
	 {"this Idempotency-Key was used for another request", "استُعمل هذا المفتاح Idempotency-Key لطلب آخر"},
	 {"use a fresh key for a fresh question", "استعمل مفتاحًا جديدًا للاستعلام الجديد"}},
	{"ended",
	 409,
	 {"the question has its end already, so nothing is withdrawn or answered", "انتهى هذا الاستعلام من قبل فلا يُسحب ولا يُجاب"},
	 {"GET /v1/queries/{id} and `mithaq why` show its end", "يعرض GET /v1/queries/{id}‎ و«mithaq why» ما انتهى إليه"}},
	{"leased",
	 409,
	 {"another account has taken this question and may still answer it", "أخذ حساب آخر هذا الاستعلام وما زال له أن يجيب"},
	 {"repeat when its lease has ended", "أعد بعد انتهاء مهلته"}},
	{"too-late",
	 410,
	 {"the question has expired: nobody takes an answer to it any more", "انتهت صلاحية الاستعلام فلا يُقبل جواب عنه"},
	 {"fetch sooner, and answer by \"answer_by\"", "اجلب الاستعلامات أبكر وأجب قبل ‎\"answer_by\"‎"}},
	{"too-large", 413, {"the body is longer than 64 KiB", "المتن أطول من 64 كيلوبايت"}, {"send less", "أرسل أقل"}},
	{"not-json",
	 415,
	 {"the body must be JSON", "يجب أن يكون المتن JSON"},
	 {"send Content-Type: application/json", "أرسل ‎Content-Type: application/json‎"}},
	{"quota-spent",
	 429,
	 {"the clause's questions for this day are used up", "استُنفد عدد الاستعلامات المسموح به لهذا اليوم"},
	 {"the count begins anew at 00:00 UTC; the two parties may agree on more",
	  "يبدأ العد من جديد عند 00:00 بالتوقيت العالمي؛ وللطرفين الاتفاق على أكثر"}},
	{"internal",
	 500,
	 {"this is a fault of mithaq itself", "خطأ في ميثاق نفسه"},
	 {"repeat with the same Idempotency-Key; report it with the journal", "أعد بالمفتاح نفسه؛ وأبلغ عنه مع السجل"}},
	{"provider-failed",
	 502,
	 {"the data source did not answer", "لم يجب مصدر البيانات"},
	 {"look at the source; then repeat", "افحص المصدر ثم أعد"}},
	{"busy",
	 503,
	 {"the gateway is at a limit or just starting", "البوابة بلغت حدًا أو هي في بدء تشغيلها"},
	 {"repeat shortly with the same Idempotency-Key", "أعد بعد قليل بالمفتاح نفسه"}},
	{"partner-unreachable",
	 503,
	 {"the partner cannot be reached now", "لا يمكن الوصول إلى الشريك الآن"},
	 {"repeat later; `mithaq status` shows the link", "أعد لاحقًا؛ ويعرض «mithaq status» الوصلة"}},
	{"fetching",
	 503,
	 {"entries that this ledger lost are being taken in again from the partner", "تُؤخذ من الشريك مجددًا قيود فقدها هذا السجل"},
	 {"repeat shortly with the same Idempotency-Key; `mithaq status` shows how far it is",
	  "أعد بعد قليل بالمفتاح نفسه؛ ويعرض «mithaq status» ما بلغه"}},
	{"channel-frozen",
	 503,
	 {"an alarm stopped this channel, so nothing is sent on it", "أوقف إنذارٌ هذه القناة فلا يُرسل عليها شيء"},
	 {"`mithaq alarm list` says why and what helps", "يذكر «mithaq alarm list» السبب وما ينفع"}},
	{"ledger-stopped",
	 503,
	 {"the ledger reported a disk error, so nothing is sent", "أبلغ السجل عن خطأ في القرص فلا يُرسل شيء"},
	 {"check the disk, then `mithaq log verify`, then start the gateway again", "افحص القرص ثم «mithaq log verify» ثم أعد تشغيل البوابة"}},
};

static const struct problem_row *row_of(struct bytes code)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (bytes_is(code, rows[i].code))
			return &rows[i];
	return NULL;
}

static const struct problem_row *row_or_internal(const char *code)
{
	const struct problem_row *row = row_of(bytes_text(code));

	return row != NULL ? row : row_of(bytes_text("internal"));
}

unsigned problem_status(const char *code)
{
	return row_or_internal(code)->status;
}

/* ---- the body ---- */

static void clause_json(struct json_writer *w, const struct problem *p)
{
	if (p->agreement == NULL && p->rule == NULL)
		return;
	json_member_open(w, "clause", '{');
	if (p->agreement != NULL) {
		json_member(w, "agreement", p->agreement->name);
		json_member_number(w, "version", p->agreement->version);
	}
	if (p->clause != 0)
		json_member_number(w, "number", p->clause);
	if (p->rule != NULL)
		json_member(w, "rule", p->rule);
	json_close(w, '}');
}

void problem_allowed_json(struct json_writer *w, const char *allowed)
{
	if (allowed == NULL || *allowed == '\0')
		return;
	json_member_open(w, "allowed", '[');
	while (*allowed != '\0') {
		const char *end = strstr(allowed, ", ");
		size_t	    n = end != NULL ? (size_t)(end - allowed) : strlen(allowed);

		json_text(w, bytes_of(allowed, n));
		allowed += n + (end != NULL ? 2 : 0);
	}
	json_close(w, ']');
}

void problem_json(struct json_writer *w, const struct problem *p, enum lang lang)
{
	const struct problem_row *row = row_or_internal(p->code);
	char			  address[96], since[25];

	json_open(w, '{');
	snprintf(address, sizeof address, "/v1/problems/%s", row->code);
	json_member(w, "type", address);
	json_member(w, "code", row->code);
	json_member_number(w, "status", row->status);
	json_member(w, "title", row->text[lang]);
	json_member(w, "detail", p->detail != NULL ? p->detail : row->text[lang]);
	clause_json(w, p);
	if (p->pointer != NULL && *p->pointer != '\0')
		json_member(w, "pointer", p->pointer);
	problem_allowed_json(w, p->allowed);
	if (p->since_ms != 0) {
		time_write(p->since_ms, since);
		json_member(w, "since", since);
	}
	if (p->cause != NULL && *p->cause != '\0')
		cause_json(w, p->cause, lang);
	json_member(w, "remedy", p->remedy != NULL ? p->remedy : row->remedy[lang]);
	/* After a 5xx nobody here can say; null is the honest answer, and repeating with the same key is safe. */
	json_key(w, "left_the_house");
	if (p->maybe_left)
		json_nothing(w);
	else
		json_bool(w, false);
	snprintf(address, sizeof address, "/docs/problems/%s", row->code);
	json_member(w, "docs", address);
	json_close(w, '}');
}

void desk_problem(struct desk *d, struct evhttp_request *request, enum lang lang, const struct problem *p)
{
	struct json_writer w = desk_json(d);
	char		   seconds[16];

	if (p->retry_s > 0) {
		snprintf(seconds, sizeof seconds, "%u", p->retry_s);
		desk_header(request, "Retry-After", seconds);
	}
	problem_json(&w, p, lang);
	desk_json_send(d, request, lang, problem_status(p->code), &w);
}

void desk_problem_code(struct call *c, const char *code)
{
	const struct problem p = {.code = code, .retry_s = problem_status(code) == 503 ? 1 : 0};

	desk_problem(c->desk, c->request, c->lang, &p);
}

void desk_problem_fault(struct call *c, const char *code, const struct fault *fault)
{
	const char    *help = c->lang == LANG_AR && fault->help_ar[0] != '\0' ? fault->help_ar : fault->help;
	struct problem p = {.code = code, .detail = err_text(fault->err, c->lang), .pointer = fault->at};

	if (help[0] != '\0')
		p.remedy = help;
	desk_problem(c->desk, c->request, c->lang, &p);
}

/* ---- from a decision ---- */

/* The rule book writes names with '-', the caller perhaps with '_': the pointer follows the caller. */
static void pointer_of(const char *pointer, bool dashes, char *out, size_t size)
{
	static const char under[] = "/fields/";

	snprintf(out, size, "%s", pointer);
	if (dashes || strncmp(out, under, sizeof under - 1) != 0)
		return;
	for (char *at = out + sizeof under - 1; *at != '\0'; at++)
		if (*at == '-')
			*at = '_';
}

struct problem problem_of_decision(const struct decision *d, const struct agreement *a, bool dashes, enum lang lang, struct problem_room *room)
{
	struct problem p = {.code = refusal_code(d->refusal),
			    .agreement = a,
			    .clause = d->clause,
			    .rule = d->rule,
			    .pointer = room->pointer,
			    .allowed = d->allowed};

	pointer_of(d->pointer, dashes, room->pointer, sizeof room->pointer);
	if (a == NULL)
		return p; /* the table's own sentences */
	decision_because(a, d, lang, room->detail, sizeof room->detail);
	decision_remedy(a, d, lang, room->remedy, sizeof room->remedy);
	p.detail = room->detail[0] != '\0' ? room->detail : NULL;
	p.remedy = room->remedy[0] != '\0' ? room->remedy : NULL;
	return p;
}

/* ---- what the code means, for machines and for people ---- */

void desk_problem_get(struct call *c)
{
	const struct problem_row *row = row_of(c->part[0]);

	if (row == NULL) {
		desk_problem_code(c, "not-found");
		return;
	}
	struct json_writer w = desk_json(c->desk);
	json_open(&w, '{');
	json_member(&w, "code", row->code);
	json_member_number(&w, "status", row->status);
	json_member(&w, "title", row->text[c->lang]);
	json_member(&w, "remedy", row->remedy[c->lang]);
	json_close(&w, '}');
	desk_json_send(c->desk, c->request, c->lang, 200, &w);
}

void desk_problem_page(struct call *c)
{
	const struct problem_row *row = row_of(c->part[0]);

	if (row == NULL) {
		desk_problem_code(c, "not-found");
		return;
	}
	/* Every text here is a constant of ours without '<' or '&'. */
	c->desk->out.n = 0;
	enum err e =
		buffer_format(&c->desk->out,
			      "<!doctype html><meta charset=\"utf-8\"><title>%s</title><h1>%s <small>%u</small></h1>"
			      "<p lang=\"en\">%s.</p><p lang=\"en\">%s.</p><p lang=\"ar\" dir=\"rtl\">%s.</p><p lang=\"ar\" dir=\"rtl\">%s.</p>"
			      "<p><a href=\"/docs\">/docs</a></p>\n",
			      row->code, row->code, row->status, row->text[LANG_EN], row->remedy[LANG_EN], row->text[LANG_AR], row->remedy[LANG_AR]);
	if (e != ERR_OK) {
		desk_problem_code(c, "internal");
		return;
	}
	desk_header(c->request, "Content-Security-Policy", "default-src 'none'");
	desk_reply(c->request, 200, "text/html; charset=utf-8", buffer_bytes(&c->desk->out));
}
