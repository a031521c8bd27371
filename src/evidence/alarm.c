#include "evidence/alarm.h"

#include <stdio.h>

#define FIRST_LINE "mithaq/alarm/1"
#define TEXT_MOST  2048 /* of the member `alarm` */

/* ---- words ---- */

static const char *const code_words[] = {
	[ALARM_FORK] = "fork", [ALARM_ROOT] = "root", [ALARM_STRUCTURE] = "structure", [ALARM_SIGNATURE] = "signature", [ALARM_TALLY] = "tally",
};

static bool code_known(uint16_t code)
{
	return code < COUNT_OF(code_words) && code_words[code] != NULL;
}

void alarm_code_word(uint16_t code, char out[static ALARM_CODE_MOST])
{
	if (code_known(code))
		snprintf(out, ALARM_CODE_MOST, "%s", code_words[code]);
	else
		snprintf(out, ALARM_CODE_MOST, "%u", (unsigned)code);
}

static enum err code_read(struct bytes word, uint16_t *out)
{
	uint64_t number;

	for (unsigned i = 0; i < COUNT_OF(code_words); i++)
		if (code_known((uint16_t)i) && bytes_is(word, code_words[i])) {
			*out = (uint16_t)i;
			return ERR_OK;
		}
	enum err e = decimal_read(word, &number);
	if (e != ERR_OK || number > UINT16_MAX || code_known((uint16_t)number))
		return ERR_VALUE;
	*out = (uint16_t)number;
	return ERR_OK;
}

static const struct {
	const char *word, *en, *ar;
} findings[] = {
#define FINDING_ROW(name, word, en, ar) {word, en, ar},
	ALARM_FINDING_TABLE(FINDING_ROW)
#undef FINDING_ROW
};

const char *alarm_finding_word(enum alarm_finding f)
{
	return findings[f].word;
}

const char *alarm_finding_text(enum alarm_finding f, enum lang lang)
{
	return lang == LANG_AR ? findings[f].ar : findings[f].en;
}

void alarm_file_name(const struct alarm *a, char out[static ALARM_NAME_MOST])
{
	const char *partner = strcmp(a->said_by, a->kept_by) != 0 ? a->said_by : a->about;
	char	    time[25], code[ALARM_CODE_MOST];

	time_write(a->time_ms, time);
	for (char *at = time; *at != '\0'; at++)
		if (*at == ':' || *at == '.')
			*at = '-';
	alarm_code_word(a->code, code);
	snprintf(out, ALARM_NAME_MOST, "%s_%s_%s_%s.alarm", time, partner, a->channel, code);
}

/* ---- the text ---- */

static void text_write(struct builder *b, const struct alarm *a)
{
	char time[25], code[ALARM_CODE_MOST];

	time_write(a->time_ms, time);
	alarm_code_word(a->code, code);
	build_format(b, FIRST_LINE "\ncode %s\ntime %s\nkept-by %s\nsaid-by %s\nabout %s\nchannel %s\nbecause ", code, time, a->kept_by, a->said_by,
		     a->about, a->channel);
	build_bytes(b, a->because);
	build_text(b, "\n");
}

/* The rest of the next line behind its word and a space. */
static struct bytes field(struct cursor *c, const char *word)
{
	struct cursor line = cursor_on(cursor_line(c));

	if (!bytes_is(cursor_take(&line, strlen(word)), word) || cursor_u8(&line) != ' ' || cursor_err(&line) != ERR_OK)
		cursor_fail(c, ERR_MALFORMED);
	return cursor_rest(&line);
}

static void party_field(struct cursor *c, const char *word, char out[static PARTY_MOST + 1])
{
	struct bytes v = field(c, word);

	if (v.n > PARTY_MOST || party_name_check(v) != ERR_OK) {
		cursor_fail(c, ERR_VALUE);
		return;
	}
	memcpy(out, v.at, v.n);
	out[v.n] = '\0';
}

static void channel_field(struct cursor *c, char out[static NAME_MOST + 1])
{
	struct bytes v = field(c, "channel");

	if (!bytes_is(v, ALARM_CHANNEL_NONE) && (v.n > NAME_MOST || name_check(v) != ERR_OK)) {
		cursor_fail(c, ERR_VALUE);
		return;
	}
	memcpy(out, v.at, v.n);
	out[v.n] = '\0';
}

/* Only the one form passes, because what was read is written again and compared. */
static enum err text_read(struct bytes text, struct alarm *out)
{
	uint8_t	       memory[TEXT_MOST];
	struct builder again = builder_on(memory, sizeof memory);
	struct cursor  c = cursor_on(text);
	enum err       code, time;

	if (!bytes_is(cursor_line(&c), FIRST_LINE))
		return ERR_VERSION;
	code = code_read(field(&c, "code"), &out->code);
	time = time_read(field(&c, "time"), &out->time_ms);
	party_field(&c, "kept-by", out->kept_by);
	party_field(&c, "said-by", out->said_by);
	party_field(&c, "about", out->about);
	channel_field(&c, out->channel);
	out->because = field(&c, "because");
	if (cursor_end(&c) != ERR_OK || code != ERR_OK || time != ERR_OK)
		return cursor_end(&c) ? cursor_end(&c) : code ? code : time;
	if (out->because.n > ALARM_TEXT_MOST || text_check(out->because, TEXT_LINE) != ERR_OK)
		return ERR_VALUE;
	text_write(&again, out);
	if (again.err != ERR_OK)
		return again.err;
	return bytes_equal(builder_bytes(&again), text) ? ERR_OK : ERR_NOT_CANONICAL;
}

/* What only a partner may say, and what its own words must be about. */
static enum err alarm_check(const struct alarm *a)
{
	bool own = strcmp(a->said_by, a->kept_by) == 0;

	if (own && (!code_known(a->code) || strcmp(a->channel, ALARM_CHANNEL_NONE) == 0))
		return ERR_VALUE;
	if (a->because.n > ALARM_TEXT_MOST || a->note[0].n > ALARM_NOTE_MOST || a->note[1].n > ALARM_NOTE_MOST || a->card.n > CARD_MOST)
		return ERR_TOO_LONG;
	return a->card.n > 0 ? ERR_OK : ERR_MISSING;
}

/* ---- the file ---- */

static const char *const member_names[] = {"alarm", "note/1", "note/2", "card"};
enum { MEMBER_ALARM, MEMBER_NOTE_1, MEMBER_NOTE_2, MEMBER_CARD, MEMBERS };

enum err alarm_write(const struct alarm *a, struct buffer *out)
{
	uint8_t	       memory[TEXT_MOST];
	struct builder b = builder_on(memory, sizeof memory);
	enum err       e = alarm_check(a);

	text_write(&b, a);
	if (e == ERR_OK)
		e = b.err;
	struct bytes member[MEMBERS] = {builder_bytes(&b), a->note[0], a->note[1], a->card};
	size_t	     before = out->n;
	for (unsigned i = 0; i < MEMBERS && e == ERR_OK; i++)
		if (member[i].n > 0)
			e = tar_add(out, member_names[i], member[i]);
	if (e == ERR_OK)
		e = tar_end(out);
	if (e != ERR_OK)
		out->n = before;
	return e;
}

bool alarm_is(struct bytes file)
{
	struct cursor c = cursor_on(file);
	size_t	      n = strlen(member_names[MEMBER_ALARM]) + 1; /* with its NUL */

	return bytes_equal(cursor_take(&c, n), bytes_of(member_names[MEMBER_ALARM], n));
}

/* Members in their order; one that is no note may not be missing. */
static enum err members_read(struct bytes file, struct bytes member[static MEMBERS], struct fault *fault)
{
	struct cursor	c = cursor_on(file);
	struct tar_file next;
	unsigned	at = 0;

	while (tar_next(&c, &next)) {
		while (at < MEMBERS && strcmp(next.name, member_names[at]) != 0)
			at++;
		if (at == MEMBERS || next.body.n == 0)
			return fault_at(fault, ERR_ORDER, 0, next.name, "", "a file that is not expected here", "ملف لا ينتظر هنا");
		member[at++] = next.body;
	}
	enum err e = cursor_end(&c);
	if (e == ERR_OK && (member[MEMBER_ALARM].n == 0 || member[MEMBER_CARD].n == 0))
		e = ERR_MISSING;
	return e == ERR_OK ? ERR_OK : fault_at(fault, e, 0, "the archive", "", "", "");
}

enum err alarm_read(struct bytes file, struct alarm *out, struct fault *fault)
{
	struct bytes member[MEMBERS] = {{0}};
	struct alarm a;

	memset(&a, 0, sizeof a);
	if (file.n > ALARM_FILE_MOST)
		return fault_at(fault, ERR_TOO_LONG, 0, "the file", "", "", "");
	enum err e = members_read(file, member, fault);
	if (e != ERR_OK)
		return e;
	e = text_read(member[MEMBER_ALARM], &a);
	a.note[0] = member[MEMBER_NOTE_1];
	a.note[1] = member[MEMBER_NOTE_2];
	a.card = member[MEMBER_CARD];
	if (e == ERR_OK)
		e = alarm_check(&a);
	if (e != ERR_OK)
		return fault_at(fault, e, 0, "alarm", "", "", "");
	*out = a;
	return ERR_OK;
}

/* ---- what it proves ---- */

/* The checkpoint of a note, and its text for the signature; false when it is none. */
static bool shown_read(struct bytes wire, struct note *note, struct checkpoint *c, struct origin *o)
{
	return wire.n > 0 && note_read(wire, note) == ERR_OK && checkpoint_read(note->text, c) == ERR_OK &&
	       origin_read(bytes_text(c->origin), o) == ERR_OK;
}

static bool signed_by_log_key(const struct note *note, const struct checkpoint *c, const struct public_key *key)
{
	for (unsigned i = 0; i < note->n; i++)
		if (note->at[i].body_n == SIGN_SIZE && note_signed_by(note, i, bytes_text(c->origin), key))
			return true;
	return false;
}

static enum alarm_finding judge(const struct alarm *a, const struct card *pinned, struct alarm_proof *out)
{
	struct note	  note[2];
	struct checkpoint c[2];
	struct origin	  o[2];

	if (a->code != ALARM_FORK)
		return ALARM_CODE_FOUND;
	if (!shown_read(a->note[0], &note[0], &c[0], &o[0]) || !shown_read(a->note[1], &note[1], &c[1], &o[1]))
		return ALARM_NOTES_FOUND;
	if (strcmp(c[0].origin, c[1].origin) != 0 || strcmp(o[0].author, a->about) != 0)
		return ALARM_AUTHOR_FOUND;
	const struct public_key *key = card_log_key(&out->card, o[0].channel);
	if (key == NULL || !signed_by_log_key(&note[0], &c[0], key) || !signed_by_log_key(&note[1], &c[1], key))
		return ALARM_SIGNATURE_FOUND;
	if (card_revokes(&out->card, key, &o[0].epoch, c[0].size) || (pinned != NULL && card_revokes(pinned, key, &o[0].epoch, c[0].size)))
		return ALARM_REVOKED_FOUND;
	if (c[0].size != c[1].size || hash_equal(&c[0].root, &c[1].root))
		return ALARM_AGREEING_FOUND;
	memcpy(out->origin, c[0].origin, sizeof out->origin);
	out->size = c[0].size;
	out->root[0] = c[0].root;
	out->root[1] = c[1].root;
	return ALARM_PROVED_FOUND;
}

/* The same roots, or a later card that goes on from the one in the file, or an earlier one that it goes on from. */
static enum err card_pinned(struct bytes wire, const struct card *of, struct bytes of_note, struct card *out, struct fault *fault)
{
	enum err e = card_read(wire, out, fault);

	if (e != ERR_OK)
		return e;
	if (strcmp(out->party, of->party) == 0 && memcmp(out->root, of->root, sizeof out->root) == 0)
		return ERR_OK;
	if (card_succeeds(of, out, wire) == ERR_OK || card_succeeds(out, of, of_note) == ERR_OK)
		return ERR_OK;
	return fault_at(fault, ERR_KEY, 0, "card", of->party, "the card given is another party's, or has other root keys",
			"البطاقة المقدمة لطرف آخر أو فيها مفاتيح جذرية أخرى");
}

enum err alarm_verify(const struct alarm *a, struct bytes pinned, struct alarm_proof *out, struct fault *fault)
{
	struct alarm_proof p;
	struct card	   given;

	memset(&p, 0, sizeof p);
	enum err e = card_read(a->card, &p.card, fault);
	if (e != ERR_OK)
		return e;
	if (strcmp(p.card.party, a->about) != 0)
		return fault_at(fault, ERR_KEY, 0, "card", p.card.party, "it is not the card of the party that the alarm is about",
				"ليست بطاقة الطرف الذي يخصه الإنذار");
	if (pinned.n > 0 && (e = card_pinned(pinned, &p.card, a->card, &given, fault)) != ERR_OK)
		return e;
	p.finding = judge(a, pinned.n > 0 ? &given : NULL, &p);
	card_fingerprint(&p.card, p.fingerprint);
	*out = p;
	return ERR_OK;
}
