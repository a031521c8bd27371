/* agreement.c: finding things in an agreement, opening a signed one, signing. */
#include <assert.h>
#include <stdio.h>

#include "agreement/schema.h"

#define ROOT_SUFFIX "/root"

/* Keys that a text may show to a verifier without cards; four are meant to be there. */
#define CANDIDATES_MOST 16

#define ROOT_NAME_ROOM (PARTY_MOST + sizeof ROOT_SUFFIX)

const char *texts_in(const struct texts *t, enum lang lang)
{
	if (t->in[lang] != NULL)
		return t->in[lang];
	return t->in[!lang] != NULL ? t->in[!lang] : "";
}

const struct clause *agreement_clause(const struct agreement *a, uint16_t number)
{
	for (unsigned i = 0; i < a->nclauses; i++) {
		if (a->clause[i].number == number)
			return &a->clause[i];
	}
	return NULL;
}

const struct clause *agreement_clause_named(const struct agreement *a, struct bytes channel_and_name)
{
	struct bytes   v = channel_and_name;
	const uint8_t *slash = v.n == 0 ? NULL : memchr(v.at, '/', v.n);

	if (slash == NULL)
		return NULL;
	struct bytes channel = bytes_of(v.at, (size_t)(slash - v.at));
	struct bytes name = bytes_of(slash + 1, v.n - channel.n - 1);
	for (unsigned i = 0; i < a->nclauses; i++) {
		if (bytes_is(channel, a->clause[i].channel) && bytes_is(name, a->clause[i].name))
			return &a->clause[i];
	}
	return NULL;
}

const struct purpose *agreement_purpose(const struct agreement *a, const char *name)
{
	for (unsigned i = 0; i < a->npurposes; i++) {
		if (strcmp(a->purpose[i].name, name) == 0)
			return &a->purpose[i];
	}
	return NULL;
}

int agreement_party(const struct agreement *a, struct bytes name)
{
	for (int i = 0; i < 2; i++) {
		if (bytes_is(name, a->party[i].name))
			return i;
	}
	return -1;
}

/* ---- opening a signed agreement ---- */

/* The key name of a root, "<party>/root"; false when it is longer than a party's name may make it. */
static bool root_name(const char *party, char out[ROOT_NAME_ROOM])
{
	int n = snprintf(out, ROOT_NAME_ROOM, "%s%s", party, ROOT_SUFFIX);

	return n > 0 && (size_t)n < ROOT_NAME_ROOM;
}

/* Signature i stands this many lines into the note: behind the text and the blank line. */
static unsigned signature_line(const struct note *note, unsigned i)
{
	unsigned lines = 0;

	for (size_t at = 0; at < note->text.n; at++)
		lines += note->text.at[at] == '\n';
	return lines + 2 + i;
}

static enum err signature_fault(const struct note *note, unsigned i, enum err e, struct fault *fault, const char *help, const char *help_ar)
{
	char   name[96];
	size_t n = note->at[i].name.n < sizeof name - 1 ? note->at[i].name.n : sizeof name - 1;

	if (n > 0)
		memcpy(name, note->at[i].name.at, n);
	name[n] = '\0';
	return fault_at(fault, e, signature_line(note, i), "signatures", name, help, help_ar);
}

/* The candidate whose valid signature is signature i, or NULL. */
static const struct root_key *find_signer(const struct note *note, unsigned i, const struct root_key *roots, size_t n)
{
	for (size_t k = 0; k < n; k++) {
		char name[ROOT_NAME_ROOM];

		if (root_name(roots[k].party, name) && note_signed_by(note, i, bytes_text(name), &roots[k].key))
			return &roots[k];
	}
	return NULL;
}

/* Exactly two signatures, each valid, of two different parties. */
static enum err check_signatures(const struct note *note, const struct root_key *roots, size_t n, const struct root_key *by[2], struct fault *fault)
{
	if (note->n != 2)
		return fault_at(fault, ERR_SIGNATURE, signature_line(note, 0), "signatures", NULL,
				HELP("exactly one root of each party signs, and nobody else", "يوقّع مفتاح جذري واحد لكل طرف ولا أحد غيرهما"));
	for (unsigned i = 0; i < 2; i++) {
		by[i] = find_signer(note, i, roots, n);
		if (by[i] == NULL)
			return signature_fault(note, i, ERR_SIGNATURE, fault,
					       HELP("no known root key of this name made this signature over this text",
						    "لم يوقّع هذا النص أي مفتاح جذري معروف بهذا الاسم"));
	}
	if (strcmp(by[0]->party, by[1]->party) == 0)
		return signature_fault(note, 1, ERR_DUPLICATE, fault, HELP("one signature of each party", "توقيع واحد لكل طرف"));
	return ERR_OK;
}

static bool is_root_of(const struct agreement_party *p, const struct public_key *key)
{
	return public_key_equal(&p->root[0], key) || public_key_equal(&p->root[1], key);
}

/* The keys that signed must be roots that the text itself names for that party. */
static enum err bind_signers(struct agreement *a, const struct note *note, const struct root_key *const by[2], struct fault *fault)
{
	for (unsigned i = 0; i < 2; i++) {
		assert(by[i] != NULL); /* check_signatures() found both */
		int p = agreement_party(a, bytes_text(by[i]->party));

		if (p < 0 || !is_root_of(&a->party[p], &by[i]->key))
			return signature_fault(note, i, ERR_KEY, fault,
					       HELP("the text does not name this root key for this party",
						    "لا يذكر النص هذا المفتاح الجذري لهذا الطرف"));
		a->signer[p] = by[i]->key;
	}
	return ERR_OK;
}

static enum err keep_note(struct agreement *a, struct bytes wire, struct fault *fault)
{
	a->note = arena_copy(&a->arena, wire);
	return a->arena.failed ? fault_at(fault, ERR_MEMORY, 0, NULL, NULL, NULL, NULL) : ERR_OK;
}

static enum err open_note(const struct note *note, struct bytes wire, const struct root_key *roots, size_t n, struct agreement **out,
			  struct fault *fault)
{
	const struct root_key *by[2] = {NULL, NULL};
	struct agreement      *a = NULL;
	enum err	       e = check_signatures(note, roots, n, by, fault);

	if (e == ERR_OK)
		e = agreement_parse(note->text, &a, fault);
	if (e == ERR_OK)
		e = bind_signers(a, note, by, fault);
	if (e == ERR_OK)
		e = keep_note(a, wire, fault);
	if (e == ERR_OK)
		*out = a;
	else
		agreement_free(a);
	return e;
}

static enum err read_note(struct bytes wire, struct note *note, struct fault *fault)
{
	/* Two signature lines with the longest names are well below a kilobyte. */
	if (wire.n > AGREEMENT_TEXT_MOST + 1024)
		return fault_at(fault, ERR_TOO_LONG, 0, NULL, NULL, HELP("an agreement has at most 262144 bytes", "لا يزيد الاتفاق على 262144 بايت"));
	enum err e = note_read(wire, note);
	if (e != ERR_OK)
		return fault_at(fault, e, 0, "signatures", NULL,
				HELP("this is not a signed agreement: a text, an empty line, two signature lines",
				     "ليس هذا اتفاقًا موقَّعًا: نص ثم سطر فارغ ثم سطرا توقيع"));
	return ERR_OK;
}

enum err agreement_open(struct bytes wire, const struct root_key *roots, size_t n, struct agreement **out, struct fault *fault)
{
	struct note note = {.n = 0};
	enum err    e = read_note(wire, &note, fault);

	*out = NULL;
	return e != ERR_OK ? e : open_note(&note, wire, roots, n, out, fault);
}

/* ---- for a verifier without cards ---- */

struct candidates {
	char		party[2][ROOT_NAME_ROOM];
	size_t		n;
	struct root_key key[2 * CANDIDATES_MOST];
};

/* "customs.kw.example/root" names the party customs.kw.example. */
static bool party_of_signature(struct bytes name, char out[ROOT_NAME_ROOM])
{
	size_t suffix = strlen(ROOT_SUFFIX);

	if (name.n <= suffix || name.n >= ROOT_NAME_ROOM || memcmp(name.at + name.n - suffix, ROOT_SUFFIX, suffix) != 0)
		return false;
	memcpy(out, name.at, name.n - suffix);
	out[name.n - suffix] = '\0';
	return true;
}

/* Every "root-a " or "root-b " that 64 hex digits follow; a plain search, no YAML. */
static void scan_keys(struct bytes text, struct candidates *c)
{
	static const char word[] = "root-";
	const uint8_t	 *at = text.at, *end = text.at + text.n;
	struct public_key key;

	if (text.n == 0)
		return;
	while (c->n + 2 <= COUNT_OF(c->key) && (at = memmem(at, (size_t)(end - at), word, strlen(word))) != NULL) {
		at += strlen(word);
		if (end - at < 2 + 64 || (at[0] != 'a' && at[0] != 'b') || at[1] != ' ' ||
		    hex_read(bytes_of(at + 2, 64), key.b, sizeof key.b) != ERR_OK)
			continue;
		c->key[c->n++] = (struct root_key){c->party[0], key};
		c->key[c->n++] = (struct root_key){c->party[1], key};
	}
}

enum err agreement_open_unpinned(struct bytes wire, struct agreement **out, struct fault *fault)
{
	struct candidates c = {.n = 0};
	struct note	  note = {.n = 0};
	enum err	  e = read_note(wire, &note, fault);

	*out = NULL;
	if (e != ERR_OK)
		return e;
	for (unsigned i = 0; i < 2 && i < note.n; i++) {
		if (!party_of_signature(note.at[i].name, c.party[i]))
			return signature_fault(&note, i, ERR_KEY, fault,
					       HELP("a signature's name is PARTY/root", "اسم التوقيع هو اسم الطرف ثم /root"));
	}
	scan_keys(note.text, &c);
	return open_note(&note, wire, c.key, c.n, out, fault);
}

/* ---- signing ---- */

enum err agreement_sign(const struct agreement *a, unsigned party, const struct sign_key *key, struct builder *b)
{
	char		 name[ROOT_NAME_ROOM];
	struct signature sig;

	if (party > 1 || !is_root_of(&a->party[party], &key->pub) || !root_name(a->party[party].name, name))
		return ERR_KEY;
	note_sign(key, a->text, &sig);
	note_line_ed25519(b, bytes_text(name), &key->pub, &sig);
	return b->err;
}
