/*
 * ledger.c: writes a large ledger into a party's home, as two gateways would have filled it.
 *
 *   bench_ledger HOME PARTNER-HOME CHANNEL ENTRIES [HEAD]
 *
 * Both homes were made by `mithaq init` and know each other's card. HOME asks, its partner answers; half of the ENTRIES
 * are QUERYs of the own log, half REPLYs of the partner's, with parts, salts, exchanges and real signatures. HEAD
 * entries, 64 unless told, lie between two checkpoints of a log, each with its receipt: what a busy gateway signs.
 */
#include <stdio.h>
#include <stdlib.h>

#include "proc/config.h"
#include "proc/files.h"
#include "store/store.h"
#include "wire/entry.h"
#include "wire/fields.h"

#define BEGUN_MS     1795420800000ull
#define COMMIT_TURNS 256

static void check(enum err e, const char *what)
{
	if (e == ERR_OK)
		return;
	fprintf(stderr, "bench_ledger: %s: %s\n", what, err_text(e, LANG_EN));
	exit(1);
}

struct side {
	struct config	config;
	struct sign_key log_key, receipt_key;
};

struct direction {
	struct log_row	   row;
	const struct side *author, *reader;
	uint64_t	   aseq;
	char		   origin[ORIGIN_MOST];
	uint8_t		   header[HEADER_MOST], body[2048], withheld[256];
	struct hash	   leaf; /* of the newest */
};

struct ledger {
	struct store	*s;
	const char	*channel;
	struct side	 us, them;
	struct direction own, peer;
	struct hash	 agreement;
	uint64_t	 drawn;
};

static void key_read(const struct config *config, const char *name, struct sign_key *out)
{
	char	     path[CONFIG_PATH_MOST];
	struct fault fault = {0};

	check(config_path(config, name, path), name);
	check(key_file_read(path, out, &fault), path);
}

static void side_read(struct side *side, const char *home)
{
	struct fault fault = {0};

	config_places(&side->config, home);
	check(config_read(&side->config, &fault), home);
	key_read(&side->config, "keys/log.key", &side->log_key);
	key_read(&side->config, "keys/receipt.key", &side->receipt_key);
}

/* Random enough to look like a salt; the same in every run. */
static void draw(struct ledger *l, void *out, size_t n)
{
	struct hash h = hash_bytes(bytes_of(&l->drawn, sizeof l->drawn));

	l->drawn++;
	memcpy(out, h.b, n);
}

static void direction_open(struct ledger *l, struct direction *d, bool own)
{
	struct epoch epoch;
	int64_t	     id;

	draw(l, epoch.b, sizeof epoch.b);
	check(store_log_add(l->s, &(struct log_key){l->them.config.party, l->channel, own, epoch}, &id), "log");
	check(store_log_find(l->s, &epoch, own, &d->row), "log");
	check(store_log_origin(l->us.config.party, &d->row, d->origin), "origin");
	d->author = own ? &l->us : &l->them;
	d->reader = own ? &l->them : &l->us;
}

/* Adds a record as a part, to the body or beside it. */
static void part_add(struct ledger *l, struct header *h, uint8_t type, struct builder *to, uint8_t placement, struct bytes content)
{
	struct salt salt;

	draw(l, salt.b, sizeof salt.b);
	h->part[h->nparts++] = (struct part_entry){type, 0, placement, part_commit(&salt, content)};
	build_copy(to, salt.b, SALT_SIZE);
	build_bytes16(to, content);
}

static struct bytes record(uint8_t room[1024], const char *const pairs[][2], size_t n)
{
	struct fields  f = {.n = 0};
	struct builder b = builder_on(room, 1024);

	for (size_t i = 0; i < n; i++)
		check(fields_add(&f, bytes_text(pairs[i][0]), bytes_text(pairs[i][1])), "field");
	fields_write(&b, &f);
	return builder_bytes(&b);
}

static void append(struct ledger *l, struct direction *d, struct header *h, struct bytes body, struct bytes withheld)
{
	struct builder	 b = builder_on(d->header, sizeof d->header);
	struct entry_row row = {.index = d->row.frontier.size, .form = FORM_FULL, .body = body, .withheld = withheld};
	struct tally	*t = &d->row.tally;

	h->index = row.index;
	h->time_ms = d->row.last_time_ms = BEGUN_MS + row.index;
	if (!KIND_IS_CONTROL(h->kind)) {
		h->aseq = d->aseq++;
		h->agreement = l->agreement;
		h->clause = 7;
		h->not_after_ms = h->time_ms + 60000;
		t->n = 1;
		t->row[0] = (struct tally_row){l->agreement, d->aseq, h->index};
	}
	draw(l, row.salt.b, SALT_SIZE);
	header_write(&b, h);
	check(b.err, "header");
	row.header = builder_bytes(&b);
	row.commitment = header_commit(&row.salt, row.header);
	check(store_entry_add(l->s, d->row.id, &row), "entry");
	d->leaf = entry_leaf(&row.commitment);
	frontier_add(&d->row.frontier, &d->leaf);
}

static void genesis(struct ledger *l, struct direction *d)
{
	uint8_t		room[PREVIOUS_SIZE];
	struct builder	b = builder_on(room, sizeof room);
	struct previous p = {.cause = CAUSE_FIRST};

	previous_write(&b, &p);
	append(l, d, &(struct header){.kind = KIND_GENESIS, .nattrs = 1, .attr = {{ATTR_PREVIOUS, builder_bytes(&b)}}}, BYTES_NONE, BYTES_NONE);
}

static void ask(struct ledger *l, struct exchange_row *x)
{
	struct direction *d = &l->own;
	struct header	  h = {.kind = KIND_QUERY, .flags = FLAG_REPEATABLE | FLAG_INTERACTIVE};
	struct builder	  body = builder_on(d->body, sizeof d->body), withheld = builder_on(d->withheld, sizeof d->withheld);
	uint8_t		  content[1024], reason[1024];
	const uint32_t	  hour = __builtin_bswap32((uint32_t)(BEGUN_MS / 3600000));

	draw(l, h.mid, MID_SIZE);
	memcpy(h.mid, &hour, sizeof hour);
	memcpy(h.seen_epoch, l->peer.row.epoch.b, EPOCH_SIZE);
	h.seen_size = l->peer.row.frontier.size;
	part_add(l, &h, PART_CONTENT, &body, PLACED_INLINE, record(content, (const char *const[][2]){{"declaration", "2026-0048817"}}, 1));
	part_add(l, &h, PART_REASON, &body, PLACED_INLINE,
		 record(reason, (const char *const[][2]){{"case", "KW-C-2026-001044"}, {"purpose", "duty-assessment"}}, 2));
	part_add(l, &h, PART_ACTOR, &withheld, PLACED_WITHHELD, bytes_text("r.sample"));
	*x = (struct exchange_row){.ours = true,
				   .question_log = d->row.id,
				   .question_index = d->row.frontier.size,
				   .agreement = l->agreement,
				   .clause = 7,
				   .day = 20780,
				   .state = EXCHANGE_ANSWERED,
				   .accepted_ms = BEGUN_MS,
				   .answered_ms = BEGUN_MS + 30};
	memcpy(x->mid, h.mid, MID_SIZE);
	append(l, d, &h, builder_bytes(&body), builder_bytes(&withheld));
}

static void answer(struct ledger *l, struct exchange_row *x)
{
	struct direction *d = &l->peer;
	struct header  h = {.kind = KIND_REPLY, .flags = FLAG_HAS_RE, .status = STATUS_OK, .re = {.index = x->question_index, .leaf = l->own.leaf}};
	struct builder body = builder_on(d->body, sizeof d->body);
	uint8_t	       content[1024];

	memcpy(h.re.epoch, l->own.row.epoch.b, EPOCH_SIZE);
	memcpy(h.seen_epoch, l->own.row.epoch.b, EPOCH_SIZE);
	h.seen_size = l->own.row.frontier.size;
	draw(l, h.mid, MID_SIZE);
	part_add(l, &h, PART_CONTENT, &body, PLACED_INLINE,
		 record(content, (const char *const[][2]){{"released-on", "2026-11-20"}, {"status", "released"}}, 2));
	x->answer_log = d->row.id;
	x->answer_index = d->row.frontier.size;
	x->status = STATUS_OK;
	append(l, d, &h, builder_bytes(&body), BYTES_NONE);
	check(store_exchange_add(l->s, x), "exchange");
}

static void seal(struct ledger *l, struct direction *d)
{
	struct checkpoint      c = {.size = d->row.frontier.size, .root = frontier_root(&d->row.frontier)};
	struct checkpoint_head head = {.size = c.size, .root = c.root};
	struct receipt_head    receipt = {.size = c.size, .root = c.root, .time_s = BEGUN_MS / 1000};

	memcpy(c.origin, d->origin, sizeof c.origin);
	checkpoint_sign(&d->author->log_key, &c, &head.sig);
	receipt_sign(&d->reader->receipt_key, &c, receipt.time_s, &receipt.sig);
	check(store_checkpoint_add(l->s, d->row.id, &head), "checkpoint");
	check(store_receipt_add(l->s, d->row.id, &receipt), "receipt");
	d->row.receipt_frontier = d->row.frontier;
}

static void commit(struct ledger *l)
{
	check(store_log_save(l->s, &l->own.row), "log");
	check(store_log_save(l->s, &l->peer.row), "log");
	check(store_commit(l->s), "commit");
	check(store_tidy(l->s, true), "tidy");
}

static void ledger_fill(struct ledger *l, uint64_t pairs, uint64_t head)
{
	genesis(l, &l->own);
	genesis(l, &l->peer);
	for (uint64_t i = 1; i <= pairs; i++) {
		struct exchange_row x;
		ask(l, &x);
		answer(l, &x);
		if (i % head == 0 || i == pairs) {
			seal(l, &l->own);
			seal(l, &l->peer);
		}
		if (i % (head * COMMIT_TURNS) == 0 || i == pairs)
			commit(l);
	}
}

int main(int argc, char **argv)
{
	static struct ledger l;
	struct fault	     fault = {0};
	char		     path[CONFIG_PATH_MOST];

	if (argc < 5) {
		fprintf(stderr, "bench_ledger HOME PARTNER-HOME CHANNEL ENTRIES [HEAD]\n");
		return 2;
	}
	check(crypto_start(), "crypto");
	side_read(&l.us, argv[1]);
	side_read(&l.them, argv[2]);
	l.channel = argv[3];
	memset(l.agreement.b, 0x77, sizeof l.agreement.b);
	check(config_data_path(&l.us.config, "ledger.db", path), "path");
	check(store_open(path, STORE_WRITE, &l.s, &fault), path);
	direction_open(&l, &l.own, true);
	direction_open(&l, &l.peer, false);
	ledger_fill(&l, strtoull(argv[4], NULL, 10) / 2, argc > 5 ? strtoull(argv[5], NULL, 10) : 64);
	store_close(l.s);
	config_done(&l.us.config);
	config_done(&l.them.config);
	return 0;
}
