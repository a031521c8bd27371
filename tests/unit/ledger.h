/*
 * ledger.h: a small ledger of two invented customs services, with real keys, for the
 * tests of what stores, shows and verifies ledgers.
 *
 * North (customs.north.example) is at home here and asks; south answers. The logs are
 * made by the functions of the house: salted commitments, tree, signed heads.
 */
#ifndef MITHAQ_TESTS_LEDGER_H
#define MITHAQ_TESTS_LEDGER_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/store.h"
#include "wire/entry.h"

#define NORTH	       "customs.north.example"
#define SOUTH	       "customs.south.example"
#define LEDGER_CHANNEL "customs"
#define LEDGER_NOW_MS  1795420800000ull

#define must(call)                                                                                                                                   \
	do {                                                                                                                                         \
		enum err must_err = (call);                                                                                                          \
		if (must_err != ERR_OK)                                                                                                              \
			fail_msg("%s:%d: %s: %s", __FILE__, __LINE__, #call, err_name(must_err));                                                    \
	} while (0)

/* One direction while it is being written. */
struct writing {
	struct log_row	row;
	struct sign_key log_key, receipt_key; /* of the author; of the reader */
	const char     *author, *reader;
	uint64_t	aseq;
	struct hash	leaf[4096];
};

struct ledger {
	char	       folder[64], path[96];
	struct store  *store;
	struct writing own, peer;
	struct hash    agreement;
};

static inline void ledger_key(struct sign_key *key, uint8_t n)
{
	uint8_t seed[SIGN_SEED];

	memset(seed, n, sizeof seed);
	sign_key_from_seed(key, seed);
}

/* Salts only need to differ here. */
static inline struct salt ledger_salt(const struct writing *w, uint64_t what)
{
	struct bytes pieces[] = {bytes_of(w->row.epoch.b, EPOCH_SIZE), bytes_of(&w->row.frontier.size, 8), bytes_of(&what, 8)};
	struct hash  h = hash_pieces(pieces, 3);
	struct salt  s;

	memcpy(s.b, h.b, SALT_SIZE);
	return s;
}

static inline void writing_open(struct ledger *l, struct writing *w, bool own, uint8_t epoch)
{
	int64_t	     id;
	struct epoch e;

	memset(e.b, epoch, EPOCH_SIZE);
	must(store_log_add(l->store, &(struct log_key){SOUTH, LEDGER_CHANNEL, own, e}, &id));
	memset(&w->row, 0, sizeof w->row);
	must(store_log_find(l->store, &e, own, &w->row));
	assert_int_equal(w->row.id, id);
	w->author = own ? NORTH : SOUTH;
	w->reader = own ? SOUTH : NORTH;
	w->aseq = 0;
	ledger_key(&w->log_key, own ? 1 : 2);
	ledger_key(&w->receipt_key, own ? 3 : 4);
}

struct writing_part {
	uint8_t	     type, placement;
	struct bytes body;
};

static inline void tally_count(struct tally *t, const struct hash *agreement, uint64_t index)
{
	for (unsigned i = 0; i < t->n; i++) {
		if (hash_equal(&t->row[i].agreement, agreement)) {
			t->row[i].count++;
			t->row[i].last = index;
			return;
		}
	}
	t->row[t->n++] = (struct tally_row){*agreement, 1, index};
}

/* Appends one entry, completing index, aseq and commitments; returns its index. */
static inline uint64_t writing_append(struct ledger *l, struct writing *w, struct header h, const struct writing_part *parts, uint8_t n)
{
	uint8_t		 header[HEADER_MOST], body[INLINE_MOST + 1024], withheld[1024];
	struct builder	 hb = builder_on(header, sizeof header), bb = builder_on(body, sizeof body), wb = builder_on(withheld, sizeof withheld);
	struct entry_row row = {.form = FORM_FULL};

	h.index = w->row.frontier.size;
	h.time_ms = h.time_ms == 0 ? LEDGER_NOW_MS + h.index : h.time_ms;
	if (!KIND_IS_CONTROL(h.kind)) {
		h.aseq = w->aseq++;
		h.not_after_ms = h.time_ms + 60000;
		tally_count(&w->row.tally, &h.agreement, h.index);
		w->row.last_time_ms = h.time_ms;
	}
	h.nparts = n;
	for (uint8_t i = 0; i < n; i++) {
		struct salt salt = ledger_salt(w, 100u + i);
		h.part[i] = (struct part_entry){parts[i].type, 0, parts[i].placement, part_commit(&salt, parts[i].body)};
		struct builder *to = parts[i].placement == PLACED_INLINE ? &bb : &wb;
		build_copy(to, salt.b, SALT_SIZE);
		build_bytes16(to, parts[i].body);
	}
	header_write(&hb, &h);
	assert_int_equal(hb.err, ERR_OK);
	row.index = h.index;
	row.salt = ledger_salt(w, 1);
	row.header = builder_bytes(&hb);
	row.body = builder_bytes(&bb);
	row.withheld = builder_bytes(&wb);
	row.commitment = header_commit(&row.salt, row.header);
	must(store_entry_add(l->store, w->row.id, &row));
	struct hash leaf = entry_leaf(&row.commitment);
	w->leaf[h.index] = leaf;
	frontier_add(&w->row.frontier, &leaf);
	return h.index;
}

static inline void writing_head(const struct writing *w, struct checkpoint *out)
{
	struct origin o = {.epoch = w->row.epoch};

	snprintf(o.author, sizeof o.author, "%s", w->author);
	snprintf(o.reader, sizeof o.reader, "%s", w->reader);
	snprintf(o.channel, sizeof o.channel, "%s", LEDGER_CHANNEL);
	must(origin_write(&o, out->origin));
	out->size = w->row.frontier.size;
	out->root = frontier_root(&w->row.frontier);
}

/* Signs what is there, takes the reader's receipt, and saves the log's row. */
static inline void writing_seal(struct ledger *l, struct writing *w)
{
	struct checkpoint      c;
	struct checkpoint_head head;
	struct receipt_head    receipt;

	writing_head(w, &c);
	head.size = receipt.size = c.size;
	head.root = receipt.root = c.root;
	receipt.time_s = LEDGER_NOW_MS / 1000 + 1;
	checkpoint_sign(&w->log_key, &c, &head.sig);
	receipt_sign(&w->receipt_key, &c, receipt.time_s, &receipt.sig);
	must(store_checkpoint_add(l->store, w->row.id, &head));
	must(store_receipt_add(l->store, w->row.id, &receipt));
	w->row.receipt_frontier = w->row.frontier;
	must(store_log_save(l->store, &w->row));
}

/* GENESIS of a first epoch, or one that chains to `last`. */
static inline void writing_genesis(struct ledger *l, struct writing *w, const struct log_row *last)
{
	uint8_t		room[PREVIOUS_SIZE];
	struct builder	b = builder_on(room, sizeof room);
	struct previous p = {.cause = last == NULL ? CAUSE_FIRST : CAUSE_RESTART};

	if (last != NULL) {
		memcpy(p.epoch, last->epoch.b, EPOCH_SIZE);
		p.size = last->frontier.size;
		p.root = frontier_root(&last->frontier);
	}
	previous_write(&b, &p);
	writing_append(l, w, (struct header){.kind = KIND_GENESIS, .nattrs = 1, .attr = {{ATTR_PREVIOUS, builder_bytes(&b)}}}, NULL, 0);
}

static inline void writing_tally(struct ledger *l, struct writing *w)
{
	uint8_t	       room[EPOCH_SIZE + TALLY_ROWS_MOST * 48];
	struct builder b = builder_on(room, sizeof room);

	tally_write(&b, &w->row.tally);
	writing_append(l, w, (struct header){.kind = KIND_TALLY, .nattrs = 1, .attr = {{ATTR_TALLY, builder_bytes(&b)}}}, NULL, 0);
}

/* ---- one exchange ---- */

static inline void ledger_mid(uint8_t mid[MID_SIZE], uint32_t n)
{
	memset(mid, 0x5a, MID_SIZE);
	mid[0] = mid[1] = 0;
	mid[2] = 7;
	mid[3] = 8;
	mid[12] = (uint8_t)(n >> 24);
	mid[13] = (uint8_t)(n >> 16);
	mid[14] = (uint8_t)(n >> 8);
	mid[15] = (uint8_t)n;
}

static inline struct bytes ledger_record(uint8_t room[512], const char *const pairs[][2], size_t n)
{
	static struct fields f;
	struct builder	     b = builder_on(room, 512);

	f.n = 0;
	for (size_t i = 0; i < n; i++)
		must(fields_add(&f, bytes_text(pairs[i][0]), bytes_text(pairs[i][1])));
	fields_write(&b, &f);
	assert_int_equal(b.err, ERR_OK);
	return builder_bytes(&b);
}

static inline struct exchange_row ledger_ask(struct ledger *l, uint32_t n)
{
	uint8_t		    content[512], reason[512];
	struct header	    h = {.kind = KIND_QUERY, .agreement = l->agreement, .clause = 7};
	struct writing_part parts[] = {
		{PART_CONTENT, PLACED_INLINE, ledger_record(content, (const char *const[][2]){{"declaration", "2026-0048817"}}, 1)},
		{PART_REASON, PLACED_INLINE,
		 ledger_record(reason, (const char *const[][2]){{"purpose", "duty-assessment"}, {"case", "N-C-1044"}}, 2)},
		{PART_ACTOR, PLACED_WITHHELD, bytes_text("r.sample")},
	};

	ledger_mid(h.mid, n);
	uint64_t	    index = writing_append(l, &l->own, h, parts, 3);
	struct exchange_row x = {.ours = true,
				 .question_log = l->own.row.id,
				 .question_index = index,
				 .agreement = l->agreement,
				 .clause = 7,
				 .day = 20780,
				 .state = EXCHANGE_ACCEPTED,
				 .accepted_ms = LEDGER_NOW_MS,
				 .not_after_ms = LEDGER_NOW_MS + 60000,
				 .used = n};
	memcpy(x.mid, h.mid, MID_SIZE);
	must(store_exchange_add(l->store, &x));
	return x;
}

static inline void ledger_answer(struct ledger *l, struct exchange_row *x)
{
	uint8_t		    content[512];
	struct header	    h = {.kind = KIND_REPLY,
				 .flags = FLAG_HAS_RE,
				 .agreement = l->agreement,
				 .clause = 7,
				 .status = STATUS_OK,
				 .re = {.index = x->question_index, .leaf = l->own.leaf[x->question_index]}};
	struct writing_part part = {PART_CONTENT, PLACED_INLINE,
				    ledger_record(content, (const char *const[][2]){{"status", "released"}, {"released-on", "2026-11-20"}}, 2)};

	memcpy(h.re.epoch, l->own.row.epoch.b, EPOCH_SIZE);
	memset(h.mid, 0xa5, MID_SIZE);
	memcpy(h.mid + 12, x->mid + 12, 4);
	x->answer_index = writing_append(l, &l->peer, h, &part, 1);
	x->answer_log = l->peer.row.id;
	x->state = EXCHANGE_ANSWERED;
	x->delivered_ms = LEDGER_NOW_MS + 20;
	x->answered_ms = LEDGER_NOW_MS + 30;
	must(store_exchange_answer(l->store, x));
}

/* ---- the file ---- */

static inline void ledger_open(struct ledger *l)
{
	struct fault fault;

	must(crypto_start());
	snprintf(l->folder, sizeof l->folder, "/tmp/mithaq-test-XXXXXX");
	assert_non_null(mkdtemp(l->folder));
	snprintf(l->path, sizeof l->path, "%s/ledger.db", l->folder);
	must(store_open(l->path, STORE_WRITE, &l->store, &fault));
	memset(l->agreement.b, 0x77, HASH_SIZE);
}

static inline void ledger_close(struct ledger *l)
{
	static const char *const ends[] = {"", "-wal", "-shm"};
	char			 path[128];

	store_close(l->store);
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof path, "%s%s", l->path, ends[i]);
		unlink(path);
	}
	rmdir(l->folder);
}

/* Both logs opened, `n` questions asked and answered, tallied, sealed and durable. */
static inline void ledger_fill(struct ledger *l, uint32_t n)
{
	must(store_begin(l->store));
	writing_open(l, &l->own, true, 0x11);
	writing_open(l, &l->peer, false, 0x22);
	writing_genesis(l, &l->own, NULL);
	writing_genesis(l, &l->peer, NULL);
	writing_seal(l, &l->own);
	for (uint32_t i = 0; i < n; i++) {
		struct exchange_row x = ledger_ask(l, i + 1);
		ledger_answer(l, &x);
	}
	writing_tally(l, &l->own);
	writing_tally(l, &l->peer);
	writing_seal(l, &l->own);
	writing_seal(l, &l->peer);
	must(store_commit(l->store));
}

#endif
