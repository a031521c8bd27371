/*
 * desk_cause.c: why a partner is not there, in Arabic.
 *
 * Links say their reasons once, in the English of the journal (link_*.c, net/link_tls.c,
 * core_session.c). A person who asks in Arabic reads the same reason by this table: a
 * reason begins as its row does, may have a second part behind a value, and what is left
 * is looked up again. What is in no row, such as a partner's own words or a breach of
 * the protocol that only its specification explains, stays as it was said.
 */
#include <stdio.h>

#include "gateway/desk.h"

#define CAUSE_DEEP 4 /* reasons inside reasons */

struct cause_row {
	const char *en, *ar;
	const char *then, *then_ar; /* behind a value, or NULL */
};

static const struct cause_row rows[] = {
	{"the partner said: ", "قال الشريك: ", NULL, NULL},
	{"the connection failed: ", "أخفق الاتصال: ", NULL, NULL},
	{"Connection refused", "لا أحد يستمع عند العنوان", NULL, NULL},
	{"Connection reset by peer", "قطعه الطرف الآخر", NULL, NULL},
	{"Connection timed out", "انتهت المهلة", NULL, NULL},
	{"No route to host", "لا طريق إلى الجهاز", NULL, NULL},
	{"Network is unreachable", "لا سبيل إلى الشبكة", NULL, NULL},
	{"Broken pipe", "انقطع في أثناء الإرسال", NULL, NULL},
	{"Permission denied", "غير مسموح", NULL, NULL},
	{"the name ", "الاسم ", " has no address: ", " بلا عنوان: "},
	{"Name or service not known", "اسم غير معروف", NULL, NULL},
	{"Temporary failure in name resolution", "تعذر البحث عن الأسماء الآن", NULL, NULL},
	{"the partner's certificate is not the one on its card: card says ", "شهادة الشريك ليست التي على بطاقته: في البطاقة ",
	 " or another, it showed ", " أو غيرها، وأظهر "},
	{"the partner's certificate is not the one on its card: card says ", "شهادة الشريك ليست التي على بطاقته: في البطاقة ", ", it showed ",
	 "، وأظهر "},
	{"the partner refused our certificate: it is not the one on the card of ours that it holds",
	 "رفض الشريك شهادتنا: ليست التي على بطاقتنا المحفوظة عنده", NULL, NULL},
	{"the partner requires a certificate and we showed none", "يطلب الشريك شهادة ولم نُظهر شهادة", NULL, NULL},
	{"the partner showed no certificate of its card", "لم يُظهر الشريك شهادة من بطاقته", NULL, NULL},
	{"the partner showed no certificate", "لم يُظهر الشريك شهادة", NULL, NULL},
	{"the partner's certificate could not be read", "تعذرت قراءة شهادة الشريك", NULL, NULL},
	{"the partner does not speak ALPN ", "لا يتكلم الشريك بروتوكول ALPN ", NULL, NULL},
	{"the partner did not choose ALPN ", "لم يختر الشريك بروتوكول ALPN ", NULL, NULL},
	{"the partner offers other protocols than ALPN ", "يعرض الشريك بروتوكولات غير ALPN ", NULL, NULL},
	{"the partner offers no ALPN, ", "لا يعرض الشريك بروتوكول ALPN، والمطلوب ", " is required", ""},
	{"the partner refuses TLS 1.3", "يرفض الشريك TLS 1.3", NULL, NULL},
	{"the partner offers an older TLS, 1.3 is required", "يعرض الشريك إصدارًا أقدم من TLS، والمطلوب 1.3", NULL, NULL},
	{"the session is ", "الجلسة ", ", TLS 1.3 is required", "، والمطلوب TLS 1.3"},
	{"what the other side speaks is not TLS", "ما يتكلمه الطرف الآخر ليس TLS", NULL, NULL},
	{"TLS failed: ", "أخفق TLS: ", NULL, NULL},
	{"no reason given", "بلا سبب مذكور", NULL, NULL},
	{"the partner did not answer in time", "لم يُجب الشريك في الوقت المحدد", NULL, NULL},
	{"the partner closed the connection", "أغلق الشريك الاتصال", NULL, NULL},
	{"the partner closed the session at once", "أغلق الشريك الجلسة في الحال", NULL, NULL},
	{"the partner was silent for 45 seconds", "صمت الشريك 45 ثانية", NULL, NULL},
	{"the partner reads too slowly: 32 MiB wait for it", "يقرأ الشريك ببطء شديد: تنتظره 32 ميبيبايت", NULL, NULL},
	{"somebody connected and did not finish in time", "اتصل أحد ولم يُتم في الوقت المحدد", NULL, NULL},
	{"a newer session took its place", "حلّت محلها جلسة أحدث", NULL, NULL},
	{"another session between us is up", "بيننا جلسة أخرى قائمة", NULL, NULL},
	{"this gateway stops", "هذه البوابة تتوقف", NULL, NULL},
	{"this gateway takes up what changed: dial again", "تأخذ هذه البوابة بما تغيّر: أعد الاتصال", NULL, NULL},
	{"the core of this gateway ended", "انتهت عملية core في هذه البوابة", NULL, NULL},
	{"HELLO comes once", "تأتي رسالة HELLO مرة واحدة", NULL, NULL},
	{"HELLO is malformed", "رسالة HELLO معيبة", NULL, NULL},
	{"HELLO names another party than the certificate's card", "تسمّي رسالة HELLO طرفًا غير صاحب بطاقة الشهادة", NULL, NULL},
	{"more is queued for this session than its limit", "ينتظر هذه الجلسة أكثر من حدها", NULL, NULL},
	{"no protocol version in common", "لا إصدار مشترك من البروتوكول", NULL, NULL},
	{"the card serial is lower than one shown before", "رقم البطاقة أقل من رقم أُظهر من قبل", NULL, NULL},
	{"the link process ended", "انتهت عملية الوصلة", NULL, NULL},
	{"the link process was restarted", "أُعيد تشغيل عملية الوصلة", NULL, NULL},
	{"no memory for a connection", "لا ذاكرة لاتصال", NULL, NULL},
	{"no socket could be made", "تعذر إنشاء مقبس", NULL, NULL},
};

/* A row that ends its sentence fits it whole; one that ends in a space or goes on fits its beginning. */
static bool row_fits(const struct cause_row *row, const char *cause)
{
	size_t n = strlen(row->en);

	if (strncmp(cause, row->en, n) != 0)
		return false;
	return row->en[n - 1] == ' ' ? row->then == NULL || strstr(cause + n, row->then) != NULL : cause[n] == '\0';
}

static const struct cause_row *row_of(const char *cause)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (row_fits(&rows[i], cause))
			return &rows[i];
	return NULL;
}

void cause_text(const char *cause, enum lang lang, struct builder *out)
{
	for (unsigned deep = 0; lang == LANG_AR && deep < CAUSE_DEEP; deep++) {
		const struct cause_row *row = row_of(cause);

		if (row == NULL)
			break;
		build_text(out, row->ar);
		cause += strlen(row->en);
		if (row->then == NULL)
			continue;
		const char *then = strstr(cause, row->then);
		build_copy(out, (const uint8_t *)cause, (size_t)(then - cause));
		build_text(out, row->then_ar);
		cause = then + strlen(row->then);
	}
	build_text(out, cause);
}

void cause_json(struct json_writer *w, const char *cause, enum lang lang)
{
	char	       text[CAUSE_TEXT_MOST];
	struct builder b = builder_on(text, sizeof text - 1);

	cause_text(cause, lang, &b);
	text[b.n] = '\0';
	json_member(w, "cause", b.err == ERR_OK ? text : cause);
}
