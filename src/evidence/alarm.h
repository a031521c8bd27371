/*
 * alarm.h: what froze a channel, kept as one file (spec/evidence.md, section 7).
 *
 * The file is a small archive in the one form of tar.h, with these members in this
 * order; a note that is missing is not there:
 *
 *   alarm      text, one line per field, see below
 *   note/1     the checkpoint held, a signed note
 *   note/2     the checkpoint that contradicts it, a signed note
 *   card       the card of the party that the alarm is about
 *
 *   mithaq/alarm/1
 *   code <word of the table, or the number that a partner's frame named>
 *   time <RFC 3339>
 *   kept-by <party>     who wrote the file
 *   said-by <party>     who raised the alarm: kept-by itself, or the partner that sent an ALARM frame
 *   about <party>       the author of what is shown
 *   channel <name, or "-" when a partner's frame had no note to tell it by>
 *   because <one line of text>
 *
 * Two notes of code `fork` prove by themselves that their author signed two histories.
 * Everything else is a record by whoever kept it. Nothing here opens a file.
 */
#ifndef MITHAQ_EVIDENCE_ALARM_H
#define MITHAQ_EVIDENCE_ALARM_H

#include "agreement/keyring.h"
#include "evidence/tar.h"
#include "wire/session.h"

#define ALARM_TEXT_MOST	   512 /* of `because` */
#define ALARM_FILE_MOST	   (64u << 10)
#define ALARM_CODE_MOST	   16 /* a word or a number, with its NUL */
#define ALARM_NAME_MOST	   (24 + 2 * (PARTY_MOST + NAME_MOST))
#define ALARM_CHANNEL_NONE "-"

struct alarm {
	uint16_t     code; /* enum alarm_code; another number only where said_by is not kept_by */
	uint64_t     time_ms;
	char	     kept_by[PARTY_MOST + 1], said_by[PARTY_MOST + 1], about[PARTY_MOST + 1];
	char	     channel[NAME_MOST + 1];
	struct bytes because; /* views: of the caller, or into the file read */
	struct bytes note[2]; /* either may be empty */
	struct bytes card;
};

/* "fork"; the number in decimal for a code without a word. */
void alarm_code_word(uint16_t code, char out[static ALARM_CODE_MOST]);

enum err alarm_write(const struct alarm *a, struct buffer *out) must_use;
/* True when these bytes mean to be an ALARM file, sound or not. */
bool alarm_is(struct bytes file);
/* Reads it; one form only. `fault` may be NULL. Views live as long as `file`. */
enum err alarm_read(struct bytes file, struct alarm *out, struct fault *fault) must_use;

/* "2026-11-23T06-14-07-112Z_<said-by or about>_<channel>_<code>.alarm": '_' stands in no party's and no channel's name. */
void alarm_file_name(const struct alarm *a, char out[static ALARM_NAME_MOST]);

/* Why a file is a record and not a proof; ALARM_PROVED when it is one. */
#define ALARM_FINDING_TABLE(X)                                                                                                                       \
	X(PROVED, "proved", "two signed checkpoints of one log contradict each other", "نقطتا تحقق موقعتان من سجل واحد متناقضتان")                   \
	X(CODE, "not-by-code", "an alarm of this kind shows what came here; from it alone nobody can tell who is at fault",                          \
	  "إنذار من هذا النوع يبيّن ما وصل إلى هنا، ولا يُعرف منه وحده من المخطئ")                                                                     \
	X(NOTES, "notes", "it does not hold two signed checkpoints", "ليس فيه نقطتا تحقق موقعتان")                                                   \
	X(AUTHOR, "author", "the checkpoints are not of one log of the party on the card", "ليست النقطتان من سجل واحد للطرف صاحب البطاقة")           \
	X(SIGNATURE, "signature", "a checkpoint is not signed by the log key on the card", "إحدى النقطتين ليست بتوقيع مفتاح السجل الذي في البطاقة")  \
	X(REVOKED, "revoked", "the card revokes the log key for that place", "تبطل البطاقة مفتاح السجل في ذلك الموضع")                               \
	X(AGREEING, "agreeing", "the two checkpoints do not contradict each other", "لا تناقض بين النقطتين")

enum alarm_finding {
#define ALARM_FINDING_ENUM(name, word, en, ar) ALARM_##name##_FOUND,
	ALARM_FINDING_TABLE(ALARM_FINDING_ENUM)
#undef ALARM_FINDING_ENUM
};
const char *alarm_finding_word(enum alarm_finding f);
const char *alarm_finding_text(enum alarm_finding f, enum lang lang);

struct alarm_proof {
	enum alarm_finding finding;
	struct card	   card;	    /* of a.about */
	char		   fingerprint[80]; /* of its roots: trust in them is the reader's */
	/* where PROVED */
	char	    origin[ORIGIN_MOST];
	uint64_t    size;
	struct hash root[2]; /* of the checkpoint held, and of the other */
};

/*
 * What an alarm proves. ERR_OK with a finding; an error when its card does not verify, is
 * not of the party that the alarm is about, or has other roots than `pinned`, a root-signed card
 * that the reader brought along (empty: none; its revocations count too).
 */
enum err alarm_verify(const struct alarm *a, struct bytes pinned, struct alarm_proof *out, struct fault *fault) must_use;

#endif
