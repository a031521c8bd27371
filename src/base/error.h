/*
 * error.h: the one table of errors.
 *
 * Each row is: name, whose fault it is, one English sentence, one Arabic
 * sentence. A refusal is not an error: it is an answer and has its own table
 * (agreement/decide.h). Functions return `enum err`; ERR_OK is zero, and when a
 * function fails its outputs are untouched.
 *
 * Where a person must find a place in a text, the function also fills a
 * `struct fault`: line or JSON pointer, what was found, what helps.
 */
#ifndef MITHAQ_BASE_ERROR_H
#define MITHAQ_BASE_ERROR_H

#include <stddef.h>

#include "base/attrs.h"

enum blame {
	BLAME_NONE,
	BLAME_CALLER,  /* who typed or sent it here */
	BLAME_PARTNER, /* the other party's bytes */
	BLAME_MACHINE, /* disk, memory, kernel, network */
	BLAME_MITHAQ,  /* a bug of ours */
};

#define ERROR_TABLE(X)                                                                                                                               \
	X(OK, NONE, "done", "تم")                                                                                                                    \
	X(SHORT, PARTNER, "the bytes end too early", "البيانات ناقصة")                                                                               \
	X(TRAILING, PARTNER, "there are bytes after the end", "توجد بيانات زائدة بعد النهاية")                                                       \
	X(MALFORMED, PARTNER, "the form is not the one specified", "الصيغة لا تطابق المواصفة")                                                       \
	X(NOT_CANONICAL, PARTNER, "there is only one way to write this, and it was written another way", "كُتب بغير الصيغة الوحيدة المقبولة")         \
	X(TOO_LONG, PARTNER, "it is longer than its named limit", "أطول من الحد المقرر")                                                             \
	X(TOO_DEEP, PARTNER, "it is nested deeper than its named limit", "متداخل أعمق من الحد المقرر")                                               \
	X(UTF8, PARTNER, "the text is not valid UTF-8", "النص ليس UTF-8 صحيحًا")                                                                      \
	X(NOT_NFC, PARTNER, "the text is not in Unicode normal form NFC", "النص ليس بصيغة يونيكود NFC")                                              \
	X(BIDI, PARTNER, "the text has a bidirectional control character", "في النص حرف تحكم باتجاه الكتابة")                                        \
	X(CONTROL, PARTNER, "the text has a control character", "في النص حرف تحكم")                                                                  \
	X(DUPLICATE, CALLER, "the same key appears twice", "المفتاح نفسه مكرر")                                                                      \
	X(UNKNOWN_KEY, CALLER, "this key is not known here", "هذا المفتاح غير معروف هنا")                                                            \
	X(MISSING, CALLER, "something required is missing", "ينقص عنصر مطلوب")                                                                       \
	X(VALUE, CALLER, "the value is not one of those permitted", "القيمة ليست من القيم المسموح بها")                                              \
	X(SIGNATURE, PARTNER, "the signature does not verify", "التوقيع لا يصح")                                                                     \
	X(KEY, PARTNER, "the key is not the expected one", "المفتاح ليس المفتاح المتوقع")                                                            \
	X(ROOT, PARTNER, "the recomputed root differs", "الجذر المعاد حسابه مختلف")                                                                  \
	X(PROOF, PARTNER, "the proof does not lead to the root", "البرهان لا يؤدي إلى الجذر")                                                        \
	X(COMMITMENT, PARTNER, "the bytes do not match their commitment", "البيانات لا تطابق ما التُزم به")                                           \
	X(ORDER, PARTNER, "it came out of order", "ورد في غير ترتيبه")                                                                               \
	X(FORK, PARTNER, "two signed checkpoints of one log contradict each other", "نقطتا تحقق موقعتان من سجل واحد متناقضتان")                      \
	X(OLD_ORIGIN, MITHAQ, "an old origin is never signed again", "لا يوقَّع أصل سجل قديم مرة أخرى")                                                \
	X(NOT_EXTENSION, MITHAQ, "it does not extend what was signed before", "لا يمتد مما وُقّع من قبل")                                              \
	X(PROTOCOL, PARTNER, "the partner departed from the protocol", "خرج الشريك عن البروتوكول")                                                   \
	X(NO_SPACE, MACHINE, "a buffer of fixed size is full", "امتلأ مخزن محدود الحجم")                                                             \
	X(MEMORY, MACHINE, "no memory is left", "نفدت الذاكرة")                                                                                      \
	X(NOT_FOUND, CALLER, "it was not found", "غير موجود")                                                                                        \
	X(EXISTS, CALLER, "it exists already", "موجود من قبل")                                                                                       \
	X(MODE, CALLER, "the file may be read by others: a secret must be 0600", "الملف مقروء لغير صاحبه: السر يجب أن يكون 0600")                    \
	X(FILE, MACHINE, "the file could not be read or written", "تعذرت قراءة الملف أو كتابته")                                                     \
	X(DISK, MACHINE, "the disk did not store it", "لم يحفظه القرص")                                                                              \
	X(STORE, MACHINE, "the ledger's store reported an error", "أبلغ مخزن السجل عن خطأ")                                                          \
	X(VERSION, CALLER, "it was made by another version", "أنشأه إصدار آخر")                                                                      \
	X(SANDBOX, MACHINE, "the process could not be confined, so it does not start", "تعذر تقييد العملية فلم تبدأ")                                \
	X(NETWORK, MACHINE, "the network reported an error", "أبلغت الشبكة عن خطأ")                                                                  \
	X(TLS, PARTNER, "the TLS session could not be agreed", "تعذر الاتفاق على جلسة TLS")                                                          \
	X(PIN, PARTNER, "the certificate is not the one on the partner's card", "الشهادة ليست الواردة في بطاقة الشريك")                              \
	X(BUSY, MACHINE, "a queue is at its named limit", "بلغ الطابور حده المقرر")                                                                  \
	X(USAGE, CALLER, "the command's words are off", "صيغة الأمر غير صحيحة")                                                                      \
	X(INTERNAL, MITHAQ, "this is a fault of mithaq itself", "خطأ في ميثاق نفسه")

enum err {
#define ERROR_ENUM(name, blame, en, ar) ERR_##name,
	ERROR_TABLE(ERROR_ENUM)
#undef ERROR_ENUM
		ERR_COUNT
};

enum lang { LANG_EN, LANG_AR };

/* The sentence of an error in `lang`; static text, never NULL. */
const char *err_text(enum err e, enum lang lang);

/* The stable machine name, such as "not-canonical"; static text. */
const char *err_name(enum err e);

enum blame err_blame(enum err e);

/*
 * Where something went wrong, for a person. Plain memory, owned by the caller;
 * every text is cut to fit and ends in NUL. Fields that do not apply are empty.
 */
struct fault {
	enum err err;
	unsigned line;	       /* 1-based line of a text file, 0: not a line */
	char	 at[160];      /* JSON pointer or dotted place, such as "clauses/7/answer/status" */
	char	 found[96];    /* what was found, printable */
	char	 help[192];    /* what helps, in English */
	char	 help_ar[256]; /* the same in Arabic */
};

/* Fills `fault` (which may be NULL) and returns `e`, so that a reader can say
 * `return fault_at(f, ERR_VALUE, line, place, found, help, help_ar)`. NULL texts
 * become empty; unprintable bytes in `found` become '?'. */
enum err fault_at(struct fault *fault, enum err e, unsigned line, const char *at, const char *found, const char *help, const char *help_ar);

/* Prints one line into `out` (always NUL-ended): "FILE:LINE: sentence: found X; help". */
void fault_print(const struct fault *fault, const char *file, enum lang lang, char *out, size_t size);

#endif
