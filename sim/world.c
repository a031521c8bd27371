/* world.c: names, keys and agreements; beginning and end. */
#include "world.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "crypto/hash.h"

/* ---- small things ---- */

uint64_t world_draw(struct world *w, uint64_t below)
{
	uint64_t z = (w->random += 0x9e3779b97f4a7c15ull); /* splitmix64 */

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	z ^= z >> 31;
	return below ? z % below : z;
}

void world_draw_bytes(struct world *w, uint8_t *out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)world_draw(w, 256);
}

void world_fault(struct world *w, const char *format, ...)
{
	va_list args;

	if (w->fault[0] != '\0')
		return;
	va_start(args, format);
	vsnprintf(w->fault, sizeof w->fault, format, args);
	va_end(args);
	if (w->trace != NULL)
		fprintf(w->trace, "[%4" PRIu64 "] FAULT %s\n", w->now_ms - START_MS, w->fault);
}

void world_trace(struct side *s, const char *format, ...)
{
	va_list args;

	if (s->world->trace == NULL)
		return;
	fprintf(s->world->trace, "[%4" PRIu64 "] %s ", s->world->now_ms - START_MS, s->shown);
	va_start(args, format);
	vfprintf(s->world->trace, format, args);
	va_end(args);
	fputc('\n', s->world->trace);
}

const char *world_epoch(const struct world *w, const struct epoch *epoch)
{
	static char	text[4][16];
	static unsigned turn;

	if (!w->slow)
		return "";
	turn = (turn + 1) % COUNT_OF(text);
	snprintf(text[turn], sizeof text[turn], " of %02x%02x%02x", epoch->b[0], epoch->b[1], epoch->b[EPOCH_SIZE - 1]);
	return text[turn];
}

uint64_t side_now(const struct side *s)
{
	return s->world->now_ms + (uint64_t)s->gateway->skew_ms;
}

void side_origin(const struct side *author, const struct epoch *epoch, char out[ORIGIN_MOST])
{
	struct origin o = {.epoch = *epoch};

	snprintf(o.author, sizeof o.author, "%s", author->name);
	snprintf(o.reader, sizeof o.reader, "%s", author->other->name);
	snprintf(o.channel, sizeof o.channel, CHANNEL_NAME);
	if (origin_write(&o, out) != ERR_OK)
		abort();
}

/* ---- papers: made once, for all worlds of this process ---- */

static const char *const names[GATEWAYS_MOST] = {"north.example", "south.example", "east.example"};
static const char *const shown[GATEWAYS_MOST] = {"north", "south", "east"};
static const int	 ends[LINKS_MOST][2] = {{NORTH, SOUTH}, {SOUTH, EAST}, {NORTH, EAST}};

static struct {
	bool		  made;
	struct sign_key	  root[GATEWAYS_MOST][2];
	struct sign_key	  log[SIDES_MOST], receipt[SIDES_MOST];
	struct card	  card[SIDES_MOST];
	uint8_t		  note[SIDES_MOST][2048];
	size_t		  note_size[SIDES_MOST];
	struct agreement *agreement[LINKS_MOST];
} papers;

static void key_make(struct sign_key *key, const char *name, const char *what)
{
	char	    text[128];
	struct hash seed;

	snprintf(text, sizeof text, "%s %s", name, what);
	seed = hash_bytes(bytes_text(text));
	sign_key_from_seed(key, seed.b);
}

#define NOTE_ROOM 16384

static const char agreement_text[] = "mithaq: agreement/1\n"
				     "id: %s-and-%s\n"
				     "environment: test\n"
				     "sample: not an agreement of any state\n"
				     "languages: [en]\n"
				     "title:\n"
				     "  en: Agreement of the tests\n"
				     "in-force:\n"
				     "  from: 2026-01-01\n"
				     "  until: 2027-12-31\n"
				     "parties:\n"
				     "  %s.example:\n"
				     "    name: {en: The one who asks}\n"
				     "    working-days: Monday to Friday\n"
				     "    time-zone: Etc/UTC\n"
				     "    keys: [root-a %s, root-b %s]\n"
				     "  %s.example:\n"
				     "    name: {en: The one who answers}\n"
				     "    working-days: Monday to Friday\n"
				     "    time-zone: Etc/UTC\n"
				     "    keys: [root-a %s, root-b %s]\n"
				     "purposes:\n"
				     "  duty-assessment: {en: assessment of customs duties}\n"
				     "  offence-inquiry: {en: inquiry into a customs offence}\n"
				     "clauses:\n"
				     "  - number: 7\n"
				     "    channel: customs\n"
				     "    name: declaration-status\n"
				     "    pattern: query\n"
				     "    title: {en: Status of a customs declaration}\n"
				     "    basis: {en: Article 3}\n"
				     "    asks: %s.example\n"
				     "    answers: %s.example\n"
				     "    purposes: [duty-assessment, offence-inquiry]\n"
				     "    must-state: {case: when the purpose is offence-inquiry}\n"
				     "    request:\n"
				     "      declaration: {type: document-number, length: 20, required: always, en: Declaration number}\n"
				     "    answer:\n"
				     "      status:\n"
				     "        type: code\n"
				     "        en: Status\n"
				     "        codes:\n"
				     "          released: {en: released}\n"
				     "    limits:\n"
				     "      per-day: 40\n"
				     "      answer-within: 2 seconds\n"
				     "    keep:\n"
				     "      question: until answered\n"
				     "      answer: 180 days\n"
				     "    onward: only with prior authorisation\n"
				     "    refuse-for:\n"
				     "      inquiry-under-way: {en: an inquiry is under way}\n"
				     "    examples:\n"
				     "      - ask: {purpose: duty-assessment, declaration: 2026-1}\n"
				     "        answer: {status: released}\n"
				     "  - number: 9\n"
				     "    channel: customs\n"
				     "    name: the-other-way\n"
				     "    pattern: query\n"
				     "    title: {en: A clause under which the other asks}\n"
				     "    basis: {en: Article 4}\n"
				     "    asks: %s.example\n"
				     "    answers: %s.example\n"
				     "    purposes: [duty-assessment]\n"
				     "    request:\n"
				     "      declaration: {type: document-number, length: 20, required: always, en: Declaration number}\n"
				     "    answer:\n"
				     "      status: {type: code, en: Status, codes: {released: {en: released}}}\n"
				     "    limits: {answer-within: 2 seconds}\n"
				     "    keep: {question: until answered, answer: 180 days}\n"
				     "    onward: only with prior authorisation\n"
				     "    examples:\n"
				     "      - ask: {purpose: duty-assessment, declaration: 2026-1}\n"
				     "        answer: {status: released}\n";

static void agreement_fail(enum err e, const struct fault *f)
{
	fprintf(stderr, "the simulator's agreement: %s, line %u %s: %s %s\n", err_text(e, LANG_EN), f->line, f->at, f->found, f->help);
	abort();
}

static void agreement_make(unsigned link)
{
	char		  memory[NOTE_ROOM], hex[4][65];
	const char	 *a = shown[ends[link][0]], *b = shown[ends[link][1]];
	struct builder	  text = builder_on(memory, sizeof memory);
	struct fault	  f = {0};
	struct agreement *draft;
	struct root_key	  roots[4];

	for (int i = 0; i < 4; i++) {
		const struct sign_key *root = &papers.root[ends[link][i / 2]][i % 2];

		hex_write(root->pub.b, SIGN_PUBLIC, hex[i]);
		roots[i] = (struct root_key){names[ends[link][i / 2]], root->pub};
	}
	build_format(&text, agreement_text, a, b, a, hex[0], hex[1], b, hex[2], hex[3], a, b, b, a);
	enum err e = agreement_parse(builder_bytes(&text), &draft, &f);
	if (e != ERR_OK)
		agreement_fail(e, &f);
	build_text(&text, "\n");
	for (unsigned i = 0; i < 2; i++) {
		int party = agreement_party(draft, bytes_text(names[ends[link][i]]));

		if (agreement_sign(draft, (unsigned)party, &papers.root[ends[link][i]][0], &text) != ERR_OK)
			abort();
	}
	agreement_free(draft);
	e = agreement_open(builder_bytes(&text), roots, 4, &papers.agreement[link], &f);
	if (e != ERR_OK)
		agreement_fail(e, &f);
}

/* A card for each of its ends: their keys differ. */
static void card_make(unsigned side)
{
	const struct sign_key *root = papers.root[ends[side / 2][side % 2]];
	struct card	       card = {.serial = 1, .from_day = 20454, .until_day = 21914, .ntls = 1, .nlog = 1, .nreceipt = 1}; /* 2026 to 2029 */
	struct builder	       note = builder_on(papers.note[side], sizeof papers.note[side]);

	snprintf(card.party, sizeof card.party, "%s", names[ends[side / 2][side % 2]]);
	card.root[0] = root[0].pub;
	card.root[1] = root[1].pub;
	card.tls[0] = hash_bytes(bytes_text(card.party));
	card.log[0] = (struct card_key){CHANNEL_NAME, papers.log[side].pub};
	card.receipt[0] = (struct card_key){CHANNEL_NAME, papers.receipt[side].pub};
	if (card_sign(&card, &root[0], &note) != ERR_OK || card_read(builder_bytes(&note), &papers.card[side], NULL) != ERR_OK)
		abort();
	papers.note_size[side] = note.n;
}

static void papers_done(void)
{
	for (unsigned i = 0; i < LINKS_MOST; i++)
		agreement_free(papers.agreement[i]);
}

static void papers_make(void)
{
	if (papers.made)
		return;
	papers.made = true;
	if (crypto_start() != ERR_OK)
		abort();
	for (int i = 0; i < GATEWAYS_MOST; i++) {
		key_make(&papers.root[i][0], names[i], "root a");
		key_make(&papers.root[i][1], names[i], "root b");
	}
	for (unsigned i = 0; i < SIDES_MOST; i++) {
		const char *partner = shown[ends[i / 2][1 - i % 2]];
		char	    what[64];

		snprintf(what, sizeof what, "log with %s", partner);
		key_make(&papers.log[i], names[ends[i / 2][i % 2]], what);
		snprintf(what, sizeof what, "receipts for %s", partner);
		key_make(&papers.receipt[i], names[ends[i / 2][i % 2]], what);
		card_make(i);
	}
	for (unsigned i = 0; i < LINKS_MOST; i++)
		agreement_make(i);
	atexit(papers_done);
}

/* ---- cards ---- */

static void ring_begin(struct keyring *ring, unsigned side)
{
	if (keyring_add(ring, &papers.card[side], bytes_of(papers.note[side], papers.note_size[side])) != ERR_OK)
		abort();
}

/* Every own epoch that is not too old to be named, at the size that its reader has receipted. */
static void key_revoke(const struct side *s, struct card *card, const struct public_key *key)
{
	for (size_t i = s->disk.nlogs; i > 0 && card->nrevoked < CARD_KEYS_MOST; i--) {
		const struct disk_log  *l = &s->disk.log[i - 1];
		const struct disk_head *receipt = disk_head_best(&s->disk, true, true, &l->epoch, UINT64_MAX);

		if (l->own && receipt != NULL)
			card->revoked[card->nrevoked++] = (struct card_revoked){*key, l->epoch, receipt->size};
	}
	if (card->nrevoked == 0)
		card->revoked[card->nrevoked++] = (struct card_revoked){.key = *key}; /* nothing of it counts */
}

static void receipts_revoke(const struct side *s, struct card *card, const struct public_key *key)
{
	for (size_t i = s->disk.nlogs; i > 0 && card->nrevoked < CARD_KEYS_MOST; i--) {
		const struct disk_log  *l = &s->disk.log[i - 1];
		const struct disk_head *receipt = disk_head_best(&s->disk, false, true, &l->epoch, UINT64_MAX);

		if (!l->own && receipt != NULL)
			card->revoked[card->nrevoked++] = (struct card_revoked){*key, l->epoch, receipt->size};
	}
}

void side_card_next(struct side *s, struct card *next)
{
	uint8_t	       memory[CARD_MOST];
	struct builder note = builder_on(memory, sizeof memory);

	next->previous = keyring_card(&s->own)->id;
	next->serial = keyring_card(&s->own)->serial + 1;
	if (card_sign(next, &s->root[1], &note) != ERR_OK || card_read(builder_bytes(&note), next, NULL) != ERR_OK ||
	    keyring_add(&s->own, next, builder_bytes(&note)) != ERR_OK)
		abort();
}

void side_rotate(struct side *s, enum key_kind what, bool stolen)
{
	static const char *const words[] = {[KEY_LOG] = "log", [KEY_RECEIPT] = "receipt", [KEY_ROOT] = "root"};
	struct card		 next = *keyring_card(&s->own);
	char			 name[64];

	if (s->gateway->up || s->own.n == KEYRING_CARDS_MOST)
		return;
	next.nrevoked = 0;
	snprintf(name, sizeof name, "%s %s %u", s->shown, words[what], s->own.n);
	if (stolen && what == KEY_LOG)
		key_revoke(s, &next, &s->log_key.pub);
	if (stolen && what == KEY_RECEIPT)
		receipts_revoke(s, &next, &s->receipt_key.pub);
	key_make(what == KEY_LOG ? &s->log_key : what == KEY_RECEIPT ? &s->receipt_key : &s->root[0], s->name, name);
	next.root[0] = s->root[0].pub;
	next.log[0].key = s->log_key.pub;
	next.receipt[0].key = s->receipt_key.pub;
	side_card_next(s, &next);
	world_trace(s, "has a new %s key%s: card %llu", words[what], stolen ? ", the old one was stolen" : "", (unsigned long long)next.serial);
}

void side_card_come(struct side *s, struct bytes note)
{
	struct card card;
	enum err    e = card_read(note, &card, NULL);

	if (s->world->broken == BREAK_CARD)
		return;
	if (e == ERR_OK)
		e = keyring_add(&s->theirs_held, &card, note);
	if (e == ERR_OK)
		world_trace(s, "takes card %llu of %s", (unsigned long long)card.serial, s->other->shown);
	else if (e != ERR_EXISTS && e != ERR_ORDER)
		world_trace(s, "refuses a card: %s", err_text(e, LANG_EN));
	if (e != ERR_OK && e != ERR_EXISTS && e != ERR_ORDER && !s->other->gateway->hostile && s->world->broken != BREAK_SPOIL)
		world_fault(s->world, "%s refuses a card of an honest partner: %s", s->shown, err_text(e, LANG_EN));
}

/* ---- beginning and end ---- */

static void side_init(struct world *w, unsigned number)
{
	struct side    *s = &w->side[number];
	struct gateway *g = &w->gateway[ends[number / 2][number % 2]];

	s->world = w;
	s->gateway = g;
	s->other = &w->side[number ^ 1];
	s->number = (int)number;
	s->name = names[g->number];
	snprintf(s->shown, sizeof s->shown, w->ngateways > 2 ? "%s/%s" : "%s", g->shown, shown[ends[number / 2][1 - number % 2]]);
	memcpy(s->root, papers.root[g->number], sizeof s->root);
	ring_begin(&s->own, number);
	ring_begin(&s->theirs_held, number ^ 1);
	s->log_key = papers.log[number];
	s->receipt_key = papers.receipt[number];
	s->agreement = papers.agreement[number / 2];
	s->holds_agreement = true;
	s->inbox.most = 64u << 20;
	g->side[g->nsides++] = s;
}

void world_init(struct world *w, uint64_t seed, unsigned ngateways, FILE *trace, bool south_agrees)
{
	memset(w, 0, sizeof *w);
	papers_make();
	w->random = seed;
	w->now_ms = START_MS;
	w->trace = trace;
	w->ngateways = ngateways;
	w->nsides = ngateways > 2 ? SIDES_MOST : 2;
	arena_init(&w->memory, 256u << 20);
	for (unsigned i = 0; i < ngateways; i++) {
		w->gateway[i].world = w;
		w->gateway[i].number = (int)i;
		w->gateway[i].name = names[i];
		w->gateway[i].shown = shown[i];
	}
	for (unsigned i = 0; i < w->nsides; i++)
		side_init(w, i);
	w->side[SOUTH].holds_agreement = south_agrees;
}

static void backup_done(struct backup *b)
{
	for (unsigned i = 0; i < GATEWAYS_MOST - 1; i++)
		disk_done(&b->disk[i]);
}

void world_done(struct world *w)
{
	for (unsigned i = 0; i < w->nsides; i++) {
		struct side *s = &w->side[i];

		channel_free(s->channel);
		disk_done(&s->disk);
		keeper_done(s);
		keyring_done(&s->own);
		keyring_done(&s->theirs_held);
		free(s->work);
		buffer_done(&s->inbox);
	}
	for (unsigned i = 0; i < w->ngateways; i++)
		for (unsigned k = 0; k < w->gateway[i].nbackups; k++)
			backup_done(&w->gateway[i].backup[k]);
	record_done(&w->record);
	arena_done(&w->memory);
}
