/*
 * evidence_world.h: two invented parties with fixed keys, their agreement, cards and
 * logs, and the bundles of a few stories. Every byte follows from this file, so the
 * golden bundles of spec/vectors/ can be made again at any time.
 */
#ifndef MITHAQ_TESTS_EVIDENCE_WORLD_H
#define MITHAQ_TESTS_EVIDENCE_WORLD_H

#include <stdio.h>
#include <stdlib.h>

#include "evidence/evidence.h"
#include "tree/commit.h"

#define NORTH	       0 /* asks; also the index into the agreement's parties */
#define SOUTH	       1 /* answers */
#define LOG_MOST       16
#define NOT_AFTER      60000
#define QUESTION_MS    1796462047112ull /* 2026-12-05, within the agreement and the cards */
#define RECEIPT_S      1796462048ull
#define NORTH_NAME     "customs.north.example"
#define SOUTH_NAME     "customs.south.example"
#define WORLD_CHANNEL  "customs"
#define DECLARATION_NO "2026-0048817"

struct record {
	struct salt	     salt;
	struct header	     header;
	uint8_t		     attr[512];
	uint8_t		     wire[1024];
	size_t		     wire_n;
	uint8_t		     body[HEADER_PARTS_MOST][256];
	struct evidence_part part[HEADER_PARTS_MOST];
};

struct log {
	struct origin origin;
	unsigned      party;
	uint64_t      n;
	uint64_t      aseq; /* of the next entry under the agreement */
	struct hash   leaf[LOG_MOST];
	struct record record[LOG_MOST];
};

struct world {
	struct sign_key	     root[2][2], log_key[2], receipt_key[2];
	char		     text[4096];
	uint8_t		     note[8192];
	size_t		     note_n;
	uint8_t		     card[2][4096];
	size_t		     card_n[2];
	struct hash	     agreement;
	unsigned	     nlogs;
	struct log	     log[6];
	struct evidence_item item[32];
	size_t		     nitems;
	uint32_t	     drawn; /* salts so far */
};

/* ---- keys, agreement, cards ---- */

static inline void world_key(struct sign_key *key, const char *name)
{
	struct hash seed = hash_bytes(bytes_text(name));

	sign_key_from_seed(key, seed.b);
}

static inline void world_keys(struct world *w)
{
	static const char *const names[2][4] = {{"north root a", "north root b", "north log", "north receipt"},
						{"south root a", "south root b", "south log", "south receipt"}};

	for (unsigned p = 0; p < 2; p++) {
		world_key(&w->root[p][0], names[p][0]);
		world_key(&w->root[p][1], names[p][1]);
		world_key(&w->log_key[p], names[p][2]);
		world_key(&w->receipt_key[p], names[p][3]);
	}
}

static inline void world_text(struct world *w)
{
	char hex[2][2][65];

	for (unsigned p = 0; p < 2; p++)
		for (unsigned k = 0; k < 2; k++)
			hex_write(w->root[p][k].pub.b, SIGN_PUBLIC, hex[p][k]);
	snprintf(w->text, sizeof w->text,
		 "mithaq: agreement/1\n"
		 "id: sample-2026\n"
		 "environment: test\n"
		 "sample: not an agreement of any state\n"
		 "languages: [en]\n"
		 "authentic: [en]\n"
		 "title: {en: Sample annex}\n"
		 "in-force:\n"
		 "  from: 2026-12-01\n"
		 "  until: 2031-11-30\n"
		 "parties:\n"
		 "  " NORTH_NAME ":\n"
		 "    name: {en: Customs of the North (sample)}\n"
		 "    working-days: Sunday to Thursday\n"
		 "    time-zone: UTC\n"
		 "    keys: [root-a %s, root-b %s]\n"
		 "  " SOUTH_NAME ":\n"
		 "    name: {en: Customs of the South (sample)}\n"
		 "    working-days: Monday to Friday\n"
		 "    time-zone: UTC\n"
		 "    keys: [root-a %s, root-b %s]\n"
		 "purposes:\n"
		 "  duty-assessment: {en: assessment of customs duties}\n"
		 "clauses:\n"
		 "  - number: 7\n"
		 "    channel: customs\n"
		 "    name: declaration-status\n"
		 "    pattern: query\n"
		 "    title: {en: Status of a declaration}\n"
		 "    basis: {en: Article 3}\n"
		 "    asks: " NORTH_NAME "\n"
		 "    answers: " SOUTH_NAME "\n"
		 "    purposes: [duty-assessment]\n"
		 "    request:\n"
		 "      declaration: {type: document-number, length: 20, required: always, en: Declaration number}\n"
		 "    answer:\n"
		 "      released-on: {type: date, en: Released on}\n"
		 "    limits:\n"
		 "      per-day: 500\n"
		 "      answer-within: 2 seconds\n"
		 "    keep:\n"
		 "      question: until answered\n"
		 "      answer: 180 days\n"
		 "    onward: only with prior authorisation\n"
		 "    refuse-for:\n"
		 "      inquiry-under-way: {en: an inquiry is under way}\n"
		 "    examples:\n"
		 "      - ask: {purpose: duty-assessment, declaration: 2026-0048817}\n"
		 "        answer: {released-on: 2026-11-20}\n"
		 "    must-refuse:\n"
		 "      - ask: {purpose: marketing, declaration: 2026-0048817}\n"
		 "        because: purpose\n",
		 hex[0][0], hex[0][1], hex[1][0], hex[1][1]);
}

static inline enum err world_agreement(struct world *w, struct fault *fault)
{
	struct builder	  b = builder_on(w->note, sizeof w->note);
	struct agreement *a = NULL;
	enum err	  e = agreement_parse(bytes_text(w->text), &a, fault);

	if (e != ERR_OK)
		return e;
	build_bytes(&b, a->text);
	build_text(&b, "\n");
	for (unsigned p = 0; p < 2 && e == ERR_OK; p++)
		e = agreement_sign(a, p, &w->root[p][p], &b); /* one signs with root a, the other with root b */
	w->note_n = b.n;
	w->agreement = a->id;
	agreement_free(a);
	return e != ERR_OK ? e : b.err;
}

static inline enum err world_card(struct world *w, unsigned p)
{
	static const char *const names[2] = {NORTH_NAME, SOUTH_NAME};
	struct card		 card = {.serial = 1, .from_day = 20700, .until_day = 21200, .ntls = 1, .nlog = 1, .nreceipt = 1};
	struct builder		 b = builder_on(w->card[p], sizeof w->card[p]);
	enum err		 e;

	snprintf(card.party, sizeof card.party, "%s", names[p]);
	card.root[0] = w->root[p][0].pub;
	card.root[1] = w->root[p][1].pub;
	card.tls[0] = hash_bytes(bytes_text(names[p]));
	snprintf(card.log[0].channel, sizeof card.log[0].channel, "*");
	snprintf(card.receipt[0].channel, sizeof card.receipt[0].channel, "*");
	card.log[0].key = w->log_key[p].pub;
	card.receipt[0].key = w->receipt_key[p].pub;
	e = card_sign(&card, &w->root[p][0], &b);
	w->card_n[p] = b.n;
	return e;
}

/* Leaves the logs empty; ERR_OK, or what is wrong with the texts above. */
static inline enum err world_init(struct world *w, struct fault *fault)
{
	enum err e;

	memset(w, 0, sizeof *w);
	world_keys(w);
	world_text(w);
	if ((e = world_agreement(w, fault)) != ERR_OK)
		return e;
	if ((e = world_card(w, NORTH)) != ERR_OK)
		return e;
	return world_card(w, SOUTH);
}

/* ---- logs ---- */

static inline struct salt world_salt(struct world *w)
{
	char	    text[32];
	struct salt salt;

	snprintf(text, sizeof text, "salt %u", w->drawn++);
	memcpy(salt.b, hash_bytes(bytes_text(text)).b, SALT_SIZE);
	return salt;
}

static inline struct hash log_root(const struct log *log)
{
	return tree_root(log->leaf, log->n);
}

static inline struct record *log_add(struct world *w, struct log *log, struct header h, const struct fields *const parts[2])
{
	struct record *r = &log->record[log->n];
	struct builder b = builder_on(r->wire, sizeof r->wire);
	struct hash    commitment;

	r->salt = world_salt(w);
	h.index = log->n;
	for (unsigned i = 0; i < 2 && parts != NULL && parts[i] != NULL; i++) {
		struct builder body = builder_on(r->body[i], sizeof r->body[i]);

		fields_write(&body, parts[i]);
		r->part[i] = (struct evidence_part){.disclosed = true, .salt = world_salt(w), .body = builder_bytes(&body)};
		h.part[i] = (struct part_entry){.type = i == 0 ? PART_REASON : PART_CONTENT,
						.commitment = part_commit(&r->part[i].salt, r->part[i].body)};
		h.nparts = (uint8_t)(i + 1);
	}
	header_write(&b, &h);
	r->header = h;
	r->wire_n = b.n;
	commitment = header_commit(&r->salt, builder_bytes(&b));
	log->leaf[log->n++] = entry_leaf(&commitment);
	return r;
}

static inline struct header world_header(struct world *w, const struct log *log, uint8_t kind)
{
	struct header h = {.kind = kind, .time_ms = QUESTION_MS + log->n};

	if (!KIND_IS_CONTROL(kind))
		memcpy(h.mid, hash_bytes(bytes_of(&w->drawn, sizeof w->drawn)).b, MID_SIZE);
	return h;
}

/* A new epoch; `previous` is NULL for a first one. GENESIS and AGREE stand in it. */
static inline struct log *log_open(struct world *w, unsigned party, const struct log *previous)
{
	static const char *const names[2] = {NORTH_NAME, SOUTH_NAME};
	struct log		*log = &w->log[w->nlogs];
	struct header		 h;
	struct previous		 p = {.cause = CAUSE_FIRST};
	struct builder		 attr = builder_on(log->record[0].attr, sizeof log->record[0].attr);

	snprintf(log->origin.author, sizeof log->origin.author, "%s", names[party]);
	snprintf(log->origin.reader, sizeof log->origin.reader, "%s", names[1 - party]);
	snprintf(log->origin.channel, sizeof log->origin.channel, WORLD_CHANNEL);
	memset(log->origin.epoch.b, (int)(0x10 * (w->nlogs + 1)), EPOCH_SIZE);
	log->party = party;
	w->nlogs++;
	h = world_header(w, log, KIND_GENESIS);
	if (previous != NULL) {
		memcpy(p.epoch, previous->origin.epoch.b, EPOCH_SIZE);
		p.size = previous->n;
		p.root = log_root(previous);
		p.cause = CAUSE_RESTART;
	}
	previous_write(&attr, &p);
	h.attr[0] = (struct attr){.type = ATTR_PREVIOUS, .value = builder_bytes(&attr)};
	h.nattrs = 1;
	log_add(w, log, h, NULL);
	h = world_header(w, log, KIND_AGREE);
	h.agreement = w->agreement;
	log_add(w, log, h, NULL);
	return log;
}

static inline struct header world_request(struct world *w, struct log *log, uint8_t kind)
{
	struct header h = world_header(w, log, kind);

	h.agreement = w->agreement;
	h.clause = 7;
	h.not_after_ms = h.time_ms + NOT_AFTER;
	h.aseq = log->aseq++;
	return h;
}

static inline struct fields world_fields(const char *a, const char *av, const char *b, const char *bv)
{
	struct fields f = {.n = 0};

	if (fields_add(&f, bytes_text(a), bytes_text(av)) != ERR_OK)
		abort();
	if (b != NULL && fields_add(&f, bytes_text(b), bytes_text(bv)) != ERR_OK)
		abort();
	return f;
}

static inline struct record *log_ask(struct world *w, struct log *log, const struct log *seen, const char *purpose)
{
	struct header h = world_request(w, log, KIND_QUERY);
	struct fields reason = world_fields("purpose", purpose, NULL, NULL);
	struct fields ask = world_fields("declaration", DECLARATION_NO, NULL, NULL);

	memcpy(h.seen_epoch, seen->origin.epoch.b, EPOCH_SIZE);
	h.seen_size = seen->n;
	return log_add(w, log, h, (const struct fields *const[2]){&reason, &ask});
}

static inline struct record *log_answer(struct world *w, struct log *log, const struct log *asked, uint64_t index, uint16_t status)
{
	struct header h = world_request(w, log, KIND_REPLY);
	struct fields reason = world_fields("reason", "inquiry-under-way", "rule", "7/refuse-for");
	struct fields got = world_fields("released-on", "2026-11-20", NULL, NULL);
	struct fields none = {.n = 0};

	h.flags = FLAG_HAS_RE;
	h.status = status;
	memcpy(h.re.epoch, asked->origin.epoch.b, EPOCH_SIZE);
	h.re.index = index;
	h.re.leaf = asked->leaf[index];
	memcpy(h.seen_epoch, asked->origin.epoch.b, EPOCH_SIZE);
	h.seen_size = asked->n;
	return log_add(w, log, h, (const struct fields *const[2]){status == STATUS_REFUSED ? &reason : &none, status == STATUS_OK ? &got : &none});
}

static inline void log_tally(struct world *w, struct log *log, uint64_t count, uint64_t last)
{
	struct header  h = world_header(w, log, KIND_TALLY);
	struct tally   t = {.n = 1};
	struct builder attr = builder_on(log->record[log->n].attr, sizeof log->record[log->n].attr);

	memcpy(t.epoch, log->origin.epoch.b, EPOCH_SIZE);
	t.row[0] = (struct tally_row){.agreement = w->agreement, .count = count, .last = last};
	tally_write(&attr, &t);
	h.attr[0] = (struct attr){.type = ATTR_TALLY, .value = builder_bytes(&attr)};
	h.nattrs = 1;
	log_add(w, log, h, NULL);
}

/* ---- items ---- */

enum proven { BY_NOBODY = 0, BY_AUTHOR = 1, BY_READER = 2, BY_BOTH = 3 };

static inline struct evidence_item *item_add(struct world *w, const struct log *log, uint64_t index, enum proven by)
{
	const struct record  *r = &log->record[index];
	struct evidence_item *item = &w->item[w->nitems++];
	struct checkpoint     c = {.size = log->n, .root = log_root(log)};

	if (origin_write(&log->origin, c.origin) != ERR_OK)
		abort();
	*item = (struct evidence_item){
		.origin = log->origin, .salt = r->salt, .header = bytes_of(r->wire, r->wire_n), .size = c.size, .root = c.root};
	memcpy(item->part, r->part, sizeof item->part);
	inclusion_prove(log->leaf, log->n, index, &item->path);
	item->has_signature = (by & BY_AUTHOR) != 0;
	item->has_receipt = (by & BY_READER) != 0;
	item->receipt_s = RECEIPT_S;
	checkpoint_sign(&w->log_key[log->party], &c, &item->signature);
	receipt_sign(&w->receipt_key[1 - log->party], &c, RECEIPT_S, &item->receipt);
	return item;
}

static inline void items_add_all(struct world *w, const struct log *log, uint64_t from, enum proven by)
{
	for (uint64_t i = from; i < log->n; i++)
		item_add(w, log, i, by);
}

static inline void item_erase(struct evidence_item *item)
{
	for (unsigned i = 0; i < HEADER_PARTS_MOST; i++)
		item->part[i].disclosed = false;
}

/* ---- stories: each fills the items and says which entry is the question ---- */

enum story {
	STORY_HIT,
	STORY_NO_HIT,
	STORY_REFUSED,
	STORY_OUTSIDE,	  /* asked for a purpose that clause 7 does not know, and refused */
	STORY_ERASED,	  /* all contents gone on both sides */
	STORY_UNANSWERED, /* not even a receipt */
	STORY_NO_RECEIPT, /* answered, but neither side's receipt is held */
	STORY_GAP,	  /* one of two exchanges */
	STORY_TAIL,	  /* the question stands in an old epoch's tail, receipted */
	STORY_PLACE,	  /* the same, and nobody signed anything of that epoch */
	STORY_CHAIN,	  /* two epochs passed before the next signature */
	STORY_COUNT
};

static const char *const story_names[STORY_COUNT] = {"hit",	   "no-hit", "refused", "outside", "erased", "unanswered",
						     "no-receipt", "gap",    "tail",	"place",   "chain"};

static inline const struct record *story_plain(struct world *w, const char *purpose, uint16_t status, enum proven by)
{
	struct log *north = log_open(w, NORTH, NULL), *south = log_open(w, SOUTH, NULL);

	log_ask(w, north, south, purpose);
	log_answer(w, south, north, 2, status);
	log_tally(w, north, 1, 2);
	log_tally(w, south, 1, 2);
	items_add_all(w, north, 1, by);
	items_add_all(w, south, 1, by);
	return &north->record[2];
}

static inline const struct record *story_erased(struct world *w)
{
	const struct record *question = story_plain(w, "duty-assessment", STATUS_OK, BY_BOTH);

	for (size_t i = 0; i < w->nitems; i++)
		item_erase(&w->item[i]);
	return question;
}

static inline const struct record *story_unanswered(struct world *w)
{
	struct log *north = log_open(w, NORTH, NULL), *south = log_open(w, SOUTH, NULL);

	log_ask(w, north, south, "duty-assessment");
	items_add_all(w, north, 1, BY_AUTHOR);
	item_add(w, south, 1, BY_BOTH);
	return &north->record[2];
}

static inline const struct record *story_gap(struct world *w)
{
	struct log *north = log_open(w, NORTH, NULL), *south = log_open(w, SOUTH, NULL);

	log_ask(w, north, south, "duty-assessment");
	log_ask(w, north, south, "duty-assessment");
	log_answer(w, south, north, 2, STATUS_OK);
	log_answer(w, south, north, 3, STATUS_OK);
	log_tally(w, north, 2, 3);
	log_tally(w, south, 2, 3);
	for (uint64_t i = 1; i < 5; i++)
		if (i != 3) {
			item_add(w, north, i, BY_BOTH);
			item_add(w, south, i, BY_BOTH);
		}
	return &north->record[2];
}

/* North restarts `restarts` times before anything of the question's epoch is signed. */
static inline const struct record *story_restart(struct world *w, unsigned restarts, enum proven by)
{
	struct log *first = log_open(w, NORTH, NULL), *south = log_open(w, SOUTH, NULL), *last = first;

	log_ask(w, first, south, "duty-assessment");
	log_answer(w, south, first, 2, STATUS_OK);
	for (unsigned i = 0; i < restarts; i++) {
		items_add_all(w, last, last == first ? 1 : 0, by);
		last = log_open(w, NORTH, last);
	}
	item_add(w, last, 0, BY_BOTH);
	items_add_all(w, south, 1, BY_BOTH);
	return &first->record[2];
}

static inline const struct record *story_tell(struct world *w, enum story story)
{
	switch (story) {
	case STORY_HIT:
		return story_plain(w, "duty-assessment", STATUS_OK, BY_BOTH);
	case STORY_NO_HIT:
		return story_plain(w, "duty-assessment", STATUS_NO_HIT, BY_BOTH);
	case STORY_REFUSED:
		return story_plain(w, "duty-assessment", STATUS_REFUSED, BY_BOTH);
	case STORY_OUTSIDE:
		return story_plain(w, "marketing", STATUS_REFUSED, BY_BOTH);
	case STORY_ERASED:
		return story_erased(w);
	case STORY_UNANSWERED:
		return story_unanswered(w);
	case STORY_NO_RECEIPT:
		return story_plain(w, "duty-assessment", STATUS_OK, BY_AUTHOR);
	case STORY_GAP:
		return story_gap(w);
	case STORY_TAIL:
		return story_restart(w, 1, BY_READER);
	case STORY_PLACE:
		return story_restart(w, 1, BY_NOBODY);
	case STORY_CHAIN:
		return story_restart(w, 2, BY_NOBODY);
	case STORY_COUNT:
		break;
	}
	abort();
}

static inline enum err world_bundle(struct world *w, const struct record *question, struct buffer *out)
{
	struct evidence_input in = {.agreement = bytes_of(w->note, w->note_n), .n = w->nitems, .item = w->item};

	memcpy(in.mid, question->header.mid, MID_SIZE);
	in.card[0] = bytes_of(w->card[SOUTH], w->card_n[SOUTH]); /* the builder puts them in order */
	in.card[1] = bytes_of(w->card[NORTH], w->card_n[NORTH]);
	return evidence_build(&in, out);
}

#endif
