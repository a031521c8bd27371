/*
 * world_home.h: the world of evidence_world.h as North's home folder: configuration,
 * cards, agreement and a ledger that holds both logs, their heads and the exchange.
 */
#ifndef MITHAQ_TESTS_WORLD_HOME_H
#define MITHAQ_TESTS_WORLD_HOME_H

#include <sys/stat.h>
#include <unistd.h>

#include "evidence_world.h"
#include "proc/files.h"
#include "store/store.h"

struct world_home {
	struct world	    world;
	char		    folder[64], ledger[96];
	struct exchange_row exchange;
};

static inline void home_must(enum err e, const char *what)
{
	if (e != ERR_OK)
		fail_msg("%s: %s", what, err_name(e));
}

static inline void home_file(const struct world_home *h, const char *name, struct bytes content)
{
	char path[256];

	snprintf(path, sizeof path, "%s/%s", h->folder, name);
	home_must(file_write_new(path, content, 0600), path);
}

static inline struct bytes home_body(const struct record *r, uint8_t room[1024])
{
	struct builder b = builder_on(room, 1024);

	for (unsigned i = 0; i < r->header.nparts; i++) {
		build_copy(&b, r->part[i].salt.b, SALT_SIZE);
		build_bytes16(&b, r->part[i].body);
	}
	return builder_bytes(&b);
}

static inline void home_entry(struct store *s, struct log_row *row, const struct record *r)
{
	uint8_t		 body[1024];
	struct entry_row e = {.index = row->frontier.size, .form = FORM_FULL, .salt = r->salt, .header = bytes_of(r->wire, r->wire_n)};

	e.commitment = header_commit(&r->salt, e.header);
	e.body = home_body(r, body);
	struct hash leaf = entry_leaf(&e.commitment);
	frontier_add(&row->frontier, &leaf);
	if (!KIND_IS_CONTROL(r->header.kind)) {
		row->tally.n = 1;
		row->tally.row[0].agreement = r->header.agreement;
		row->tally.row[0].count++;
		row->tally.row[0].last = e.index;
	}
	home_must(store_entry_add(s, row->id, &e), "entry");
}

static inline void home_heads(struct world_home *h, struct store *s, const struct log *log, const struct log_row *row)
{
	for (size_t i = 0; i < h->world.nitems; i++) {
		const struct evidence_item *item = &h->world.item[i];
		struct checkpoint_head	    c = {item->size, item->root, item->signature};
		struct receipt_head	    r = {item->size, item->root, item->receipt_s, item->receipt};
		if (memcmp(item->origin.epoch.b, log->origin.epoch.b, EPOCH_SIZE) != 0)
			continue;
		if (item->has_signature)
			home_must(store_checkpoint_add(s, row->id, &c), "checkpoint");
		if (item->has_receipt)
			home_must(store_receipt_add(s, row->id, &r), "receipt");
	}
}

static inline void home_log(struct world_home *h, struct store *s, const struct log *log)
{
	struct log_row row;
	int64_t	       id;

	home_must(store_log_add(s, &(struct log_key){SOUTH_NAME, WORLD_CHANNEL, log->party == NORTH, log->origin.epoch}, &id), "log");
	home_must(store_log_find(s, &log->origin.epoch, log->party == NORTH, &row), "log");
	for (uint64_t i = 0; i < log->n; i++)
		home_entry(s, &row, &log->record[i]);
	home_heads(h, s, log, &row);
	row.receipt_frontier = row.frontier;
	home_must(store_log_save(s, &row), "log");
}

/* Row ids follow the order of the world's logs, from 1. The question is entry 2 of the first, the answer of the second. */
static inline void home_exchange(struct world_home *h, struct store *s)
{
	const struct record *q = &h->world.log[0].record[2], *a = &h->world.log[1].record[2];
	struct exchange_row *x = &h->exchange;

	*x = (struct exchange_row){.ours = true, .question_log = 1, .question_index = 2, .answer_log = 2, .answer_index = 2, .clause = 7};
	memcpy(x->mid, q->header.mid, MID_SIZE);
	x->agreement = h->world.agreement;
	x->state = EXCHANGE_ANSWERED;
	x->status = a->header.status;
	x->accepted_ms = q->header.time_ms;
	x->answered_ms = a->header.time_ms;
	home_must(store_exchange_add(s, x), "exchange");
}

static inline void home_ledger(struct world_home *h)
{
	struct store *s = NULL;
	struct fault  fault;

	snprintf(h->ledger, sizeof h->ledger, "%s/data/ledger.db", h->folder);
	home_must(store_open(h->ledger, STORE_WRITE, &s, &fault), "ledger");
	for (unsigned i = 0; i < h->world.nlogs; i++)
		home_log(h, s, &h->world.log[i]);
	home_exchange(h, s);
	home_must(store_commit(s), "commit");
	store_close(s);
}

static inline void home_papers(struct world_home *h)
{
	char hex[65], name[128];

	hex_write(h->world.agreement.b, HASH_SIZE, hex);
	snprintf(name, sizeof name, "agreements/%s.agreement", hex);
	home_file(h, "mithaq.yaml", bytes_text("party: " NORTH_NAME "\napi: off\npartners:\n  " SOUTH_NAME ": 127.0.0.1:7443\n"));
	home_file(h, NORTH_NAME ".card", bytes_of(h->world.card[NORTH], h->world.card_n[NORTH]));
	home_file(h, "partners/" SOUTH_NAME ".card", bytes_of(h->world.card[SOUTH], h->world.card_n[SOUTH]));
	home_file(h, name, bytes_of(h->world.note, h->world.note_n));
}

static inline void home_make(struct world_home *h, enum story story)
{
	static const char *const folders[] = {"agreements", "partners", "data"};
	struct fault		 fault = {0};
	char			 path[128];

	home_must(crypto_start(), "crypto");
	home_must(world_init(&h->world, &fault), fault.at);
	story_tell(&h->world, story);
	snprintf(h->folder, sizeof h->folder, "/tmp/mithaq-test-XXXXXX");
	assert_non_null(mkdtemp(h->folder));
	for (size_t i = 0; i < COUNT_OF(folders); i++) {
		snprintf(path, sizeof path, "%s/%s", h->folder, folders[i]);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	home_papers(h);
	home_ledger(h);
}

static inline void home_gone(struct world_home *h)
{
	char hex[65], path[256];

	hex_write(h->world.agreement.b, HASH_SIZE, hex);
	const char *const files[] = {"mithaq.yaml",    NORTH_NAME ".card",   "partners/" SOUTH_NAME ".card",
				     "data/ledger.db", "data/ledger.db-wal", "data/ledger.db-shm"};
	for (size_t i = 0; i < COUNT_OF(files); i++) {
		snprintf(path, sizeof path, "%s/%s", h->folder, files[i]);
		unlink(path);
	}
	snprintf(path, sizeof path, "%s/agreements/%s.agreement", h->folder, hex);
	unlink(path);
	const char *const folders[] = {"/agreements", "/partners", "/data", ""};
	for (size_t i = 0; i < COUNT_OF(folders); i++) {
		snprintf(path, sizeof path, "%s%s", h->folder, folders[i]);
		rmdir(path);
	}
}

#endif
