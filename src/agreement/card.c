/* card.c: a party's card, strictly read and written; what is accepted is written back identically. */
#include <stdio.h>

#include "agreement/card.h"
#include "base/cursor.h"

#define FIRST_LINE  "mithaq/keys/1"
#define ROOT_SUFFIX "/root"

#define HELP(en, ar) (en), (ar)

/* ---- writing ---- */

static void write_base64(struct builder *b, const uint8_t v[static 32])
{
	char text[BASE64_SIZE(32)];

	base64_write(bytes_of(v, 32), text);
	build_text(b, text);
}

static void write_keys(struct builder *b, const char *word, const struct card_key *keys, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		build_format(b, "%s %s ", word, keys[i].channel);
		write_base64(b, keys[i].key.b);
		build_text(b, "\n");
	}
}

static void write_revoked(struct builder *b, const struct card *card)
{
	for (unsigned i = 0; i < card->nrevoked; i++) {
		char epoch[2 * EPOCH_SIZE + 1];

		hex_write(card->revoked[i].epoch.b, EPOCH_SIZE, epoch);
		build_text(b, "revoked ");
		write_base64(b, card->revoked[i].key.b);
		build_format(b, " %s %llu\n", epoch, (unsigned long long)card->revoked[i].size);
	}
}

static void write_head(struct builder *b, const struct card *card)
{
	char from[11], until[11];

	date_write(card->from_day, from);
	date_write(card->until_day, until);
	build_format(b, FIRST_LINE "\nparty %s\nenvironment %s\nserial %llu\n", card->party, card->live ? "live" : "test",
		     (unsigned long long)card->serial);
	if (card->serial > 1) {
		build_text(b, "previous ");
		write_base64(b, card->previous.b);
		build_text(b, "\n");
	}
	build_format(b, "valid %s %s\nroot ", from, until);
	write_base64(b, card->root[0].b);
	build_text(b, " ");
	write_base64(b, card->root[1].b);
	build_text(b, "\n");
}

void card_write(struct builder *b, const struct card *card)
{
	write_head(b, card);
	for (unsigned i = 0; i < card->ntls; i++) {
		build_text(b, "tls ");
		write_base64(b, card->tls[i].b);
		build_text(b, "\n");
	}
	write_keys(b, "log", card->log, card->nlog);
	write_keys(b, "receipt", card->receipt, card->nreceipt);
	write_revoked(b, card);
}

static void root_name(const struct card *card, char out[PARTY_MOST + sizeof ROOT_SUFFIX])
{
	(void)snprintf(out, PARTY_MOST + sizeof ROOT_SUFFIX, "%s%s", card->party, ROOT_SUFFIX);
}

static bool is_root(const struct card *card, const struct public_key *key)
{
	return public_key_equal(&card->root[0], key) || public_key_equal(&card->root[1], key);
}

enum err card_sign(const struct card *card, const struct sign_key *root, struct builder *b)
{
	uint8_t		 memory[CARD_MOST];
	struct builder	 text = builder_on(memory, sizeof memory);
	char		 name[PARTY_MOST + sizeof ROOT_SUFFIX];
	struct signature sig;

	if (!is_root(card, &root->pub))
		return ERR_KEY;
	card_write(&text, card);
	if (text.err != ERR_OK)
		return text.err;
	root_name(card, name);
	note_sign(root, builder_bytes(&text), &sig);
	build_bytes(b, builder_bytes(&text));
	build_text(b, "\n");
	note_line_ed25519(b, bytes_text(name), &root->pub, &sig);
	return b->err;
}

/* ---- reading ---- */

/* Reads line by line; fails once and stays failed, and remembers the line of its first failure. */
struct reading {
	struct cursor text;
	struct bytes  line; /* what is left of the present line */
	unsigned      number;
	enum err      err;
};

static void fail(struct reading *r, enum err e)
{
	if (r->err == ERR_OK)
		r->err = e;
}

/* True, and the line is taken, when the next line begins with `word` and a space. */
static bool next_is(struct reading *r, const char *word)
{
	struct cursor peek = r->text;
	size_t	      n = strlen(word);
	struct bytes  line = cursor_line(&peek);

	if (r->err != ERR_OK || cursor_err(&peek) != ERR_OK || line.n <= n || memcmp(line.at, word, n) != 0 || line.at[n] != ' ')
		return false;
	r->text = peek;
	r->line = bytes_of(line.at + n + 1, line.n - n - 1);
	r->number++;
	return true;
}

static void need_line(struct reading *r, const char *word)
{
	if (r->err != ERR_OK || next_is(r, word))
		return;
	r->number++;
	fail(r, ERR_MALFORMED);
}

/* The next word of the present line; the last word ends the line. */
static struct bytes take_word(struct reading *r, bool last)
{
	const uint8_t *space = r->line.n == 0 ? NULL : memchr(r->line.at, ' ', r->line.n);
	struct bytes   word = r->line;

	if (r->err != ERR_OK)
		return BYTES_NONE;
	if (word.n == 0 || (space == NULL) != last) {
		fail(r, ERR_MALFORMED);
		return BYTES_NONE;
	}
	if (space != NULL) {
		word.n = (size_t)(space - r->line.at);
		r->line = bytes_of(space + 1, r->line.n - word.n - 1);
	}
	return word;
}

static void take_base64(struct reading *r, bool last, uint8_t out[static 32])
{
	struct bytes word = take_word(r, last);
	size_t	     n = 32;

	if (r->err == ERR_OK && (base64_read(word, out, &n) != ERR_OK || n != 32))
		fail(r, ERR_MALFORMED);
}

static uint64_t take_number(struct reading *r, bool last)
{
	struct bytes word = take_word(r, last);
	uint64_t     v = 0;

	if (r->err == ERR_OK)
		fail(r, decimal_read(word, &v));
	return v;
}

static int32_t take_day(struct reading *r, bool last)
{
	struct bytes word = take_word(r, last);
	int32_t	     day = 0;

	if (r->err == ERR_OK)
		fail(r, date_read(word, &day));
	return day;
}

/* A name that `check` accepts, copied with its NUL into `room` bytes. */
static void take_name(struct reading *r, bool last, enum err (*check)(struct bytes), char *out, size_t room)
{
	struct bytes word = take_word(r, last);

	if (r->err == ERR_OK)
		fail(r, word.n < room ? check(word) : ERR_TOO_LONG);
	if (r->err != ERR_OK)
		return;
	memcpy(out, word.at, word.n);
	out[word.n] = '\0';
}

static enum err channel_check(struct bytes v)
{
	return bytes_is(v, "*") ? ERR_OK : name_check(v);
}

static bool take_environment(struct reading *r)
{
	struct bytes word = take_word(r, true);

	if (r->err == ERR_OK && !bytes_is(word, "live") && !bytes_is(word, "test"))
		fail(r, ERR_VALUE);
	return bytes_is(word, "live");
}

static void read_first(struct reading *r)
{
	r->number = 1;
	if (!bytes_is(cursor_line(&r->text), FIRST_LINE))
		fail(r, ERR_VERSION);
}

static void read_head(struct reading *r, struct card *c)
{
	read_first(r);
	need_line(r, "party");
	take_name(r, true, party_name_check, c->party, sizeof c->party);
	need_line(r, "environment");
	c->live = take_environment(r);
	need_line(r, "serial");
	c->serial = take_number(r, true);
	if (c->serial == 0)
		fail(r, ERR_VALUE);
	if (c->serial > 1) {
		need_line(r, "previous");
		take_base64(r, true, c->previous.b);
	}
	need_line(r, "valid");
	c->from_day = take_day(r, false);
	c->until_day = take_day(r, true);
	if (c->until_day < c->from_day)
		fail(r, ERR_VALUE);
}

static void read_roots(struct reading *r, struct card *c)
{
	need_line(r, "root");
	take_base64(r, false, c->root[0].b);
	take_base64(r, true, c->root[1].b);
	if (public_key_equal(&c->root[0], &c->root[1]))
		fail(r, ERR_DUPLICATE);
}

static void read_tls(struct reading *r, struct card *c)
{
	do {
		if (c->ntls == CARD_TLS_MOST) {
			fail(r, ERR_TOO_LONG);
			return;
		}
		if (c->ntls == 0)
			need_line(r, "tls");
		take_base64(r, true, c->tls[c->ntls].b);
		for (unsigned i = 0; i < c->ntls; i++) {
			if (hash_equal(&c->tls[i], &c->tls[c->ntls]))
				fail(r, ERR_DUPLICATE);
		}
		c->ntls++;
	} while (next_is(r, "tls"));
}

static void read_keys(struct reading *r, const char *word, struct card_key *keys, unsigned *n)
{
	do {
		if (*n == CARD_KEYS_MOST) {
			fail(r, ERR_TOO_LONG);
			return;
		}
		if (*n == 0)
			need_line(r, word);
		take_name(r, false, channel_check, keys[*n].channel, sizeof keys[*n].channel);
		take_base64(r, true, keys[*n].key.b);
		for (unsigned i = 0; i < *n; i++) {
			if (strcmp(keys[i].channel, keys[*n].channel) == 0)
				fail(r, ERR_DUPLICATE);
		}
		(*n)++;
	} while (next_is(r, word));
}

static void read_revoked(struct reading *r, struct card *c)
{
	while (next_is(r, "revoked")) {
		if (c->nrevoked == CARD_KEYS_MOST) {
			fail(r, ERR_TOO_LONG);
			return;
		}
		struct card_revoked *v = &c->revoked[c->nrevoked++];
		take_base64(r, false, v->key.b);
		struct bytes epoch = take_word(r, false);
		if (r->err == ERR_OK)
			fail(r, hex_read(epoch, v->epoch.b, EPOCH_SIZE));
		v->size = take_number(r, true);
	}
}

static enum err read_text(struct reading *r, struct card *c)
{
	read_head(r, c);
	read_roots(r, c);
	read_tls(r, c);
	read_keys(r, "log", c->log, &c->nlog);
	read_keys(r, "receipt", c->receipt, &c->nreceipt);
	read_revoked(r, c);
	if (r->err == ERR_OK && cursor_left(&r->text) > 0) {
		r->number++;
		fail(r, ERR_TRAILING);
	}
	return r->err;
}

/* Each signature is by a root on the card, each root signs once at most. */
static enum err check_signatures(const struct note *note, const struct card *c)
{
	bool signed_by[2] = {false, false};
	char name[PARTY_MOST + sizeof ROOT_SUFFIX];

	root_name(c, name);
	for (unsigned i = 0; i < note->n; i++) {
		bool a = note_signed_by(note, i, bytes_text(name), &c->root[0]);

		if (!a && !note_signed_by(note, i, bytes_text(name), &c->root[1]))
			return ERR_SIGNATURE;
		if (signed_by[a ? 0 : 1])
			return ERR_DUPLICATE;
		signed_by[a ? 0 : 1] = true;
	}
	return ERR_OK;
}

static enum err read_into(struct card *c, const struct note *note, struct fault *fault)
{
	struct reading r = {.text = cursor_on(note->text)};
	enum err       e = read_text(&r, c);

	if (e != ERR_OK)
		return fault_at(fault, e, r.number, NULL, NULL, HELP("a card has its lines in one order only", "لسطور البطاقة ترتيب واحد"));
	e = check_signatures(note, c);
	if (e != ERR_OK)
		return fault_at(fault, e, 0, "signatures", NULL,
				HELP("a root key that stands on the card signs it", "يوقّع البطاقة مفتاح جذري وارد فيها"));
	c->id = hash_bytes(note->text);
	return ERR_OK;
}

enum err card_read(struct bytes wire, struct card *out, struct fault *fault)
{
	struct card card = {.serial = 0};
	struct note note;

	if (wire.n > CARD_MOST)
		return fault_at(fault, ERR_TOO_LONG, 0, NULL, NULL, HELP("a card has at most 16384 bytes", "لا تزيد البطاقة على 16384 بايت"));
	enum err e = note_read(wire, &note);
	if (e != ERR_OK)
		return fault_at(fault, e, 0, NULL, NULL,
				HELP("a card is a text, an empty line and the signature of a root", "البطاقة نص ثم سطر فارغ ثم توقيع مفتاح جذري"));
	e = read_into(&card, &note, fault);
	if (e == ERR_OK)
		*out = card;
	return e;
}

/* ---- asking ---- */

static const struct public_key *find_key(const struct card_key *keys, unsigned n, const char *channel)
{
	const struct public_key *every = NULL;

	for (unsigned i = 0; i < n; i++) {
		if (strcmp(keys[i].channel, channel) == 0)
			return &keys[i].key;
		if (strcmp(keys[i].channel, "*") == 0)
			every = &keys[i].key;
	}
	return every;
}

const struct public_key *card_log_key(const struct card *card, const char *channel)
{
	return find_key(card->log, card->nlog, channel);
}

const struct public_key *card_receipt_key(const struct card *card, const char *channel)
{
	return find_key(card->receipt, card->nreceipt, channel);
}

bool card_names_revoked(const struct card *card, const struct public_key *key)
{
	for (unsigned i = 0; i < card->nrevoked; i++)
		if (public_key_equal(&card->revoked[i].key, key))
			return true;
	return false;
}

bool card_revokes(const struct card *card, const struct public_key *key, const struct epoch *epoch, uint64_t size)
{
	for (unsigned i = 0; i < card->nrevoked; i++) {
		const struct card_revoked *line = &card->revoked[i];

		if (public_key_equal(&line->key, key) && memcmp(line->epoch.b, epoch->b, EPOCH_SIZE) == 0 && size <= line->size)
			return false;
	}
	return card_names_revoked(card, key);
}

void card_fingerprint(const struct card *card, char out[80])
{
	struct bytes roots[2] = {bytes_of(card->root[0].b, SIGN_PUBLIC), bytes_of(card->root[1].b, SIGN_PUBLIC)};
	struct hash  h = hash_pieces(roots, 2);
	char	     hex[2 * HASH_SIZE + 1];

	hex_write(h.b, HASH_SIZE, hex);
	for (size_t i = 0; i < 16; i++) {
		memcpy(out + 5 * i, hex + 4 * i, 4);
		out[5 * i + 4] = i < 15 ? ' ' : '\0';
	}
}
