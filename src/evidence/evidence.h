/*
 * evidence.h: bundles (spec/evidence.md): build one, verify one, offline.
 *
 * A bundle is one canonical ustar file about one exchange: the agreement, both
 * parties' cards, and items. An item is one log entry with its salt, the parts
 * that are disclosed, and a C2SP tlog-proof of its place in its author's log.
 * Nothing here opens a file or asks the time: bytes come in, bytes or claims go out.
 *
 * Which items belong to a bundle (evidence_build takes them in any order):
 *   QUERY    the question;
 *   REPLY    every answer held to it (at most EVIDENCE_ANSWERS_MOST);
 *   AGREE    of the asker's log in the question's epoch, of the answerer's log in
 *            the epoch that the question's `seen` names and in the answer's epoch;
 *   GENESIS  of the next epoch, for each item that only GENESIS covers (its
 *            checkpoint has no author's signature);
 *   TALLY    of both logs' epochs when held, and for completeness every other
 *            entry under the agreement in these epochs (without parts is enough).
 */
#ifndef MITHAQ_EVIDENCE_EVIDENCE_H
#define MITHAQ_EVIDENCE_EVIDENCE_H

#include "agreement/agreement.h"
#include "agreement/card.h"
#include "tree/note.h"
#include "wire/entry.h"
#include "wire/fields.h"

#define EVIDENCE_MOST	      ((4u << 20) - 4096) /* bytes of a whole bundle: one message between two processes */
#define EVIDENCE_ITEMS_MOST   1024u
#define EVIDENCE_CARDS_MOST   64u /* of both parties together */
#define EVIDENCE_GIVEN_MOST   8u  /* cards that a verifier brings along */
#define EVIDENCE_ANSWERS_MOST 4u  /* answers to the one question: a postponement or two, then the last word */

/* ---- build ---- */

struct evidence_part {
	bool	     disclosed; /* false: erased, or kept back on purpose */
	struct salt  salt;
	struct bytes body; /* at most INLINE_MOST */
};

/* One entry, and how its place is proved. Views are the caller's until evidence_build returns. */
struct evidence_item {
	struct origin	     origin; /* the log it stands in */
	struct salt	     salt;
	struct bytes	     header;		      /* its one encoding */
	struct evidence_part part[HEADER_PARTS_MOST]; /* by place in the header's table */
	uint64_t	     size;		      /* the checkpoint that covers it ... */
	struct hash	     root;		      /* ... and its root */
	struct proof	     path;		      /* inclusion_prove(leaves, size, index) */
	bool		     has_signature;	      /* false: only the next epoch's GENESIS covers it */
	struct signature     signature;		      /* the author's, over the checkpoint */
	bool		     has_receipt;	      /* the reader's cosignature over the same (size, root) */
	uint64_t	     receipt_s;
	struct signature     receipt;
};

struct evidence_input {
	uint8_t			    mid[MID_SIZE];	       /* of the exchange: the QUERY's */
	struct bytes		    agreement;		       /* the whole signed note */
	struct bytes		    card[EVIDENCE_CARDS_MOST]; /* both parties' signed cards in any order; an empty one ends them */
	size_t			    n;
	const struct evidence_item *item;
};

/*
 * Appends the bundle to `out` (give it .most = EVIDENCE_MOST). A TALLY without a row for
 * the agreement is left out: it would tell of other agreements and prove nothing here. The keys whose names
 * and ids stand on signature lines are taken from the cards: where a party had several, that by which the
 * signature verifies. ERR_KEY when no card has one for a log, ERR_DUPLICATE for two items of one place. What
 * was built is not checked here: verify it with evidence_verify.
 */
enum err evidence_build(const struct evidence_input *in, struct buffer *out) must_use;

/* ---- verify ---- */

enum verdict { VERDICT_PROVED, VERDICT_NOT_PROVED, VERDICT_TRUST };

/*
 * Each row: enum name, machine name, sentence en, sentence ar. {0} to {5} are the
 * claim's values, in the same order in both languages.
 */
#define CLAIM_TABLE(X)                                                                                                                                                                                                                   \
	X(AGREED, "agreed", "{1} and {2} both put the agreement {0} in force in their own logs (entries {3} and {4})",                                                                                                                   \
	  "وضعت كل من {1} و{2} الاتفاق {0} موضع النفاذ في سجلها (القيدان {3} و{4})")                                                                                                                                                     \
	X(NOT_AGREED, "not-agreed", "that {1} and {2} both put the agreement {0} in force in their own logs",                                                                                                                            \
	  "أن كلًّا من {1} و{2} وضعت الاتفاق {0} موضع النفاذ في سجلها")                                                                                                                                                                    \
	X(ASKED, "asked", "{0} asked this (entry {1})", "طلبت {0} هذا الاستعلام (القيد {1})")                                                                                                                                            \
	X(INSIDE, "inside", "the question was inside clause {0} (its daily limit aside)", "كان الاستعلام ضمن البند {0} (دون النظر في حده اليومي)")                                                                                       \
	X(OUTSIDE, "outside", "the question was outside clause {0}, by rule {1}", "كان الاستعلام خارج البند {0} بموجب القاعدة {1}")                                                                                                      \
	X(UNJUDGED, "unjudged", "that the question was inside clause {0}: its content is not in this file",                                                                                                                              \
	  "أن الاستعلام كان ضمن البند {0}: مضمونه ليس في هذا الملف")                                                                                                                                                                     \
	X(RECEIVED, "received", "{0} received it at the latest at {1} by its own clock", "تسلمته {0} في موعد أقصاه {1} بساعتها هي")                                                                                                      \
	X(NOT_RECEIVED, "not-received", "that {0} received it: no receipt and no answer is in this file",                                                                                                                                \
	  "أن {0} تسلمته: لا إيصال ولا جواب في هذا الملف")                                                                                                                                                                               \
	X(ANSWERED, "answered", "{0} answered this to that (entry {1})", "أجابت {0} بهذا عن ذاك (القيد {1})")                                                                                                                            \
	X(NO_HIT, "no-hit", "{0} answered to that: no such record (entry {1})", "أجابت {0} عن ذاك: لا يوجد سجل مطابق (القيد {1})")                                                                                                       \
	X(REFUSED, "refused", "{0} refused this, for reason {2} under rule {3} (entry {1})",                                                                                                                                             \
	  "امتنعت {0} عن الإجابة للسبب {2} بموجب القاعدة {3} (القيد {1})")                                                                                                                                                               \
	X(REFUSED_BARE, "refused-bare", "{0} refused this (entry {1})", "امتنعت {0} عن الإجابة (القيد {1})")                                                                                                                             \
	X(CLOSED, "closed", "{0} closed this with status {2} (entry {1})", "أنهت {0} هذا بالحالة {2} (القيد {1})")                                                                                                                       \
	X(ANSWER_OUTSIDE, "answer-outside", "the answer was outside clause {0}, by rule {1}", "كان الجواب خارج البند {0} بموجب القاعدة {1}")                                                                                             \
	X(NOT_ANSWERED, "not-answered", "that {0} answered: no answer is in this file", "أن {0} أجابت: لا جواب في هذا الملف")                                                                                                            \
	X(ANSWER_RECEIVED, "answer-received", "{0} received the answer", "تسلمت {0} الجواب")                                                                                                                                             \
	X(ANSWER_NOT_RECEIVED, "answer-not-received", "that {0} received the answer: its receipt is not in this file",                                                                                                                   \
	  "أن {0} تسلمت الجواب: إيصالها ليس في هذا الملف")                                                                                                                                                                               \
	X(ERASED, "erased", "what part {1} of entry {0} of {2} said: the content was erased or withheld; that it existed and when stays proved",                                                                                         \
	  "مضمون الجزء {1} من القيد {0} في سجل {2}: مُحي المضمون أو حُجب؛ أما وجوده ووقته فيبقيان ثابتين")                                                                                                                                 \
	X(COMPLETE, "complete", "nothing is missing under this agreement up to entry {0} / {1} in these epochs",                                                                                                                         \
	  "لا ينقص شيء بموجب هذا الاتفاق حتى القيد {0} / {1} في هاتين الحقبتين")                                                                                                                                                         \
	X(INCOMPLETE, "incomplete",                                                                                                                                                                                                      \
	  "that nothing is missing under this agreement: this file holds {1} of at least {2} entries of {0}, and {4} of at least {5} of {3}, in "                                                                                        \
	  "these epochs; equal numbers prove it once a TALLY that the other party receipted counts them",                                                                                                                                \
	  "أنه لا ينقص شيء بموجب هذا الاتفاق: في هذا الملف {1} من {2} على الأقل من قيود {0} و{4} من {5} على الأقل من قيود {3} في هاتين الحقبتين؛ " \
	  "وتساوي العددين يثبت ذلك متى عدّها قيد TALLY عليه إيصال الطرف الآخر")                                                                                                                                                           \
	X(CARD_DATE, "card-date", "that the card of {0} was valid at {1}: it says from {2} until {3}",                                                                                                                                   \
	  "أن بطاقة {0} كانت صالحة في {1}: مدتها من {2} إلى {3}")                                                                                                                                                                        \
	X(KEY_REVOKED, "key-revoked", "that {0} said entry {1}: {0} has revoked the key that signed it, and it counts no more there",                                                                                                    \
	  "أن {0} قالت ما في القيد {1}: أبطلت {0} المفتاح الذي وقّعه فلا يُعتد به هناك")                                                                                                                                                   \
	X(RECEIPT_REVOKED, "receipt-revoked", "that {0} gave the receipt for entry {1}: {0} has revoked the key of it, and it counts no more there",                                                                                     \
	  "أن {0} أعطت إيصال القيد {1}: أبطلت {0} مفتاح الإيصال فلا يُعتد به هناك")                                                                                                                                                       \
	X(LIMITS, "limits",                                                                                                                                                                                                              \
	  "that the content is true; that nothing passed by another way; that nobody suspended the agreement meanwhile; the hour by a third clock "                                                                                      \
	  "(no anchor in this file)",                                                                                                                                                                                                    \
	  "أن المضمون صحيح؛ أن شيئًا لم يمر بطريق آخر؛ أن الاتفاق لم يُعلَّق في أثناء ذلك؛ الساعة بتوقيت طرف ثالث (لا مرساة في هذا الملف)")                                                                                                  \
	X(SAME_AGREEMENT, "same-agreement", "the agreement is the one in the file you gave", "الاتفاق هو نفسه الذي في الملف المقدَّم")                                                                                                     \
	X(SAME_CARD, "same-card", "the root keys of {0} are those on the card you gave", "مفاتيح {0} الجذرية هي الواردة في البطاقة المقدَّمة")                                                                                             \
	X(CARD_GOES_ON, "card-goes-on", "the card of {0} that you gave goes on from the root keys of this file, card after card",                                                                                                        \
	  "البطاقة المقدَّمة لـ {0} خَلَفٌ لمفاتيح هذا الملف الجذرية، بطاقةً بعد بطاقة")                                                                                                                                                       \
	X(ROOTS, "roots", "all of this rests on the root keys of {0}, {1}: compare them with the paper annex",                                                                                                                           \
	  "كل ما سبق يقوم على مفتاحي {0} الجذريين، {1}: قارنهما بالملحق الورقي")

enum claim_kind {
#define CLAIM_ENUM(name, word, en, ar) CLAIM_##name,
	CLAIM_TABLE(CLAIM_ENUM)
#undef CLAIM_ENUM
		CLAIM_COUNT
};

#define CLAIMS_MOST	  64
#define CLAIM_VALUES_MOST 6
#define CLAIM_VALUE_MOST  160

struct claim {
	enum claim_kind kind;
	enum verdict	verdict;
	unsigned	n;
	char		value[CLAIM_VALUES_MOST][CLAIM_VALUE_MOST]; /* printable UTF-8, NUL-ended */
};

const char *claim_name(enum claim_kind kind);
/* "PROVED", "NOT PROVED", "TRUST" and their Arabic words. */
const char *verdict_word(enum verdict v, enum lang lang);
/* The sentence with its values, NUL-ended, cut to fit. */
void claim_text(const struct claim *c, enum lang lang, char *out, size_t size);

/* What the question and the answer said, where it is disclosed: "this" and "that" of the claims. */
#define SHOWN_MOST ((2 + EVIDENCE_ANSWERS_MOST) * FIELDS_MOST) /* reason, content, answers: nothing pushes anything out */
enum shown_in { SHOWN_QUESTION, SHOWN_ANSWER };
struct shown {
	enum shown_in in;
	struct bytes  name;  /* views into the bundle */
	struct bytes  value; /* text of base/text.h TEXT_LINES */
};

struct report {
	uint8_t	     mid[MID_SIZE];
	unsigned     n;
	struct claim claim[CLAIMS_MOST];
	unsigned     nshown;
	struct shown shown[SHOWN_MOST];
};

/* What the verifier knows from elsewhere; every member may be empty. */
struct pins {
	struct bytes agreement;			/* a signed note, or its text alone */
	struct bytes card[EVIDENCE_GIVEN_MOST]; /* root-signed cards */
};

/*
 * Verifies a bundle. ERR_OK: the file is sound and `out` says what it proves and what
 * not. Anything else: broken, `out` is untouched, and `fault` says which file and why.
 * `pins` may be NULL. Views in `out` live as long as `bundle`.
 */
enum err evidence_verify(struct bytes bundle, const struct pins *pins, struct report *out, struct fault *fault) must_use;

#endif
