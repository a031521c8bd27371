/*
 * store.c: how many rows a second the ledger takes, and what an exchange costs.
 *
 *   bench_store [FOLDER]     default /tmp
 *
 * Rows: one turn is like the core's under load: 64 entries, half of them own questions
 * and half a partner's answers, their exchanges, both logs' rows, heads, one commit.
 *
 * Exchanges: the turns of either side as the core makes them. The answering side has one
 * turn for question and answer, the asking side one for each; heads are signed after the
 * entries are durable, so a checkpoint or receipt of ours belongs to the turn that follows.
 * The WAL's bytes are what the disk is given; the time is that of everything, fsync included.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/store.h"

#define TURNS	 2000
#define PAIRS	 32 /* questions and answers in a turn */
#define HEADER_N 190
#define BODY_N	 130

#define EXCHANGES  3000 /* of each measurement of a side; the WAL keeps them all */
#define BATCH_MOST 16
#define DAY_MS	   86400000ull

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The processor's time of this process: what other loads on the machine do not disturb. */
static double processor_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void check(enum err e, const char *what)
{
	if (e == ERR_OK)
		return;
	fprintf(stderr, "bench_store: %s: %s\n", what, err_text(e, LANG_EN));
	exit(1);
}

struct bench {
	struct store  *s;
	struct log_row own, peer;
	uint64_t       rows;
	bool	       exchanges;
};

static void log_new(struct bench *b, struct log_row *row, bool own)
{
	struct epoch e;
	int64_t	     id;

	memset(e.b, own ? 1 : 2, sizeof e.b);
	check(store_log_add(b->s, &(struct log_key){"south.example", "customs", own, e}, &id), "log");
	check(store_log_find(b->s, &e, own, row), "log");
}

static void entry_new(struct bench *b, struct log_row *row, const uint8_t mid[MID_SIZE])
{
	uint8_t		 header[HEADER_N] = {0}, body[BODY_N] = {0};
	struct entry_row e = {.index = row->frontier.size, .form = FORM_FULL, .header = bytes_of(header, HEADER_N), .body = bytes_of(body, BODY_N)};

	memcpy(header + 27, mid, MID_SIZE);
	memcpy(e.salt.b, mid, MID_SIZE);
	e.commitment = header_commit(&e.salt, e.header);
	struct hash leaf = entry_leaf(&e.commitment);
	frontier_add(&row->frontier, &leaf);
	check(store_entry_add(b->s, row->id, &e), "entry");
	b->rows++;
}

static void pair_new(struct bench *b, uint32_t hour, uint64_t random)
{
	struct exchange_row x = {
		.ours = true, .question_log = b->own.id, .question_index = b->own.frontier.size, .clause = 7, .day = 1, .state = EXCHANGE_ACCEPTED};

	memcpy(x.mid, &hour, 4);
	memcpy(x.mid + 4, &random, 8);
	entry_new(b, &b->own, x.mid);
	entry_new(b, &b->peer, x.mid);
	if (!b->exchanges)
		return;
	check(store_exchange_add(b->s, &x), "exchange");
	x.answer_log = b->peer.id;
	x.answer_index = b->peer.frontier.size - 1;
	x.state = EXCHANGE_ANSWERED;
	check(store_exchange_answer(b->s, &x), "answer");
}

static void head_new(struct bench *b, struct log_row *row)
{
	struct checkpoint_head c = {.size = row->frontier.size, .root = frontier_root(&row->frontier)};
	struct receipt_head    r = {.size = c.size, .root = c.root};

	check(store_checkpoint_add(b->s, row->id, &c), "checkpoint");
	check(store_receipt_add(b->s, row->id, &r), "receipt");
	check(store_log_save(b->s, row), "log");
}

static void turn(struct bench *b, unsigned pairs)
{
	for (unsigned i = 0; i < pairs; i++)
		pair_new(b, 500000, ((uint64_t)rand() << 32) ^ (uint64_t)rand() ^ b->rows);
	head_new(b, &b->own);
	head_new(b, &b->peer);
	check(store_commit(b->s), "commit");
	check(store_tidy(b->s, false), "tidy");
}

/* ---- the file ---- */

static void file_of(const char *folder, const char *end, char out[600])
{
	snprintf(out, 600, "%s/mithaq-bench-%d.db%s", folder, (int)getpid(), end);
}

static void ledger_open(struct bench *b, const char *folder)
{
	struct fault fault;
	char	     path[600];

	file_of(folder, "", path);
	check(store_open(path, STORE_WRITE, &b->s, &fault), "open");
	log_new(b, &b->own, true);
	log_new(b, &b->peer, false);
	check(store_commit(b->s), "commit");
}

static void ledger_remove(struct bench *b, const char *folder)
{
	char path[600];

	store_close(b->s);
	for (unsigned i = 0; i < 3; i++) {
		file_of(folder, (const char *const[]){"", "-wal", "-shm"}[i], path);
		unlink(path);
	}
}

static double wal_bytes(const char *folder)
{
	char	    path[600];
	struct stat st;

	file_of(folder, "-wal", path);
	return stat(path, &st) == 0 ? (double)st.st_size : 0;
}

static void measure(const char *folder, bool exchanges, unsigned turns, unsigned pairs)
{
	struct bench b = {.exchanges = exchanges};

	ledger_open(&b, folder);
	double begun = now_s();
	for (unsigned i = 0; i < turns; i++)
		turn(&b, pairs);
	double took = now_s() - begun;
	printf("%3u entries a turn%s: %9.0f entries/s, %7.0f us a turn\n", 2 * pairs, exchanges ? " with exchanges" : "               ",
	       (double)b.rows / took, took / turns * 1e6);
	ledger_remove(&b, folder);
}

/* ---- one side of exchanges ---- */

struct batch {
	struct exchange_row x[BATCH_MOST];
	unsigned	    n;
};

static void batch_new(struct bench *b, struct batch *batch, unsigned n, bool ours)
{
	static uint64_t number;

	batch->n = n;
	for (unsigned i = 0; i < n; i++) {
		uint64_t random = ((uint64_t)rand() << 32) ^ (uint64_t)rand() ^ number++;
		uint32_t hour = 500000;

		batch->x[i] = (struct exchange_row){.ours = ours,
						    .question_log = ours ? b->own.id : b->peer.id,
						    .clause = 7,
						    .day = 20780,
						    .state = EXCHANGE_ACCEPTED,
						    .accepted_ms = 20780 * DAY_MS,
						    .not_after_ms = 20781 * DAY_MS};
		memcpy(batch->x[i].mid, &hour, 4);
		memcpy(batch->x[i].mid + 4, &random, 8);
	}
}

static void batch_ask(struct bench *b, struct batch *batch)
{
	for (unsigned i = 0; i < batch->n; i++) {
		struct exchange_row *x = &batch->x[i];
		struct log_row	    *log = x->ours ? &b->own : &b->peer;
		x->question_index = log->frontier.size;
		entry_new(b, log, x->mid);
		check(store_exchange_add(b->s, x), "exchange");
	}
}

static void batch_answer(struct bench *b, struct batch *batch)
{
	for (unsigned i = 0; i < batch->n; i++) {
		struct exchange_row *x = &batch->x[i];
		struct log_row	    *log = x->ours ? &b->peer : &b->own;
		x->answer_log = log->id;
		x->answer_index = log->frontier.size;
		x->state = EXCHANGE_ANSWERED;
		x->delivered_ms = x->answered_ms = x->accepted_ms + 20;
		entry_new(b, log, x->mid);
		check(store_exchange_answer(b->s, x), "answer");
	}
}

static struct checkpoint_head head_of(const struct log_row *row)
{
	struct checkpoint_head head = {.size = row->frontier.size, .root = frontier_root(&row->frontier)};

	memset(head.sig.b, 7, sizeof head.sig.b);
	return head;
}

static void head_sign(struct bench *b, const struct log_row *row, const struct checkpoint_head *head)
{
	if (head->size > 0)
		check(store_checkpoint_add(b->s, row->id, head), "checkpoint");
}

static void head_receipt(struct bench *b, const struct log_row *row, const struct checkpoint_head *head)
{
	struct receipt_head r = {.size = head->size, .root = head->root, .time_s = 20780 * DAY_MS / 1000, .sig = head->sig};

	if (head->size > 0)
		check(store_receipt_add(b->s, row->id, &r), "receipt");
}

static void logs_commit(struct bench *b)
{
	b->peer.receipt_frontier = b->peer.frontier;
	check(store_log_save(b->s, &b->own), "log");
	check(store_log_save(b->s, &b->peer), "log");
	check(store_commit(b->s), "commit");
}

static void side_answers(struct bench *b, struct batch *batch)
{
	struct checkpoint_head own = head_of(&b->own), peer = head_of(&b->peer);

	head_sign(b, &b->own, &own);
	head_receipt(b, &b->own, &own);
	head_receipt(b, &b->peer, &peer);
	batch_ask(b, batch);
	peer = head_of(&b->peer);
	head_sign(b, &b->peer, &peer);
	batch_answer(b, batch);
	logs_commit(b);
}

static void side_asks(struct bench *b, struct batch *batch)
{
	struct checkpoint_head peer = head_of(&b->peer);

	head_receipt(b, &b->peer, &peer);
	batch_ask(b, batch);
	logs_commit(b);
	struct checkpoint_head own = head_of(&b->own);
	head_sign(b, &b->own, &own);
	head_receipt(b, &b->own, &own);
	batch_answer(b, batch);
	peer = head_of(&b->peer);
	head_sign(b, &b->peer, &peer);
	logs_commit(b);
}

static void measure_side(const char *folder, bool asks, unsigned n)
{
	struct bench b = {.exchanges = true};
	struct batch batch;

	ledger_open(&b, folder);
	double begun = now_s(), worked = processor_s(), before = wal_bytes(folder);
	for (unsigned i = 0; i < EXCHANGES / n; i++) {
		batch_new(&b, &batch, n, asks);
		if (asks)
			side_asks(&b, &batch);
		else
			side_answers(&b, &batch);
	}
	double took = now_s() - begun, done = EXCHANGES / n * n, commits = EXCHANGES / n * (asks ? 2.0 : 1.0);
	worked = processor_s() - worked;
	printf("%-9s %2u exchanges a turn: %7.0f bytes of WAL an exchange, %6.0f us a commit, %6.0f us an exchange, of the processor %4.0f us\n",
	       asks ? "asking" : "answering", n, (wal_bytes(folder) - before) / done, took / commits * 1e6, took / done * 1e6, worked / done * 1e6);
	ledger_remove(&b, folder);
}

int main(int argc, char **argv)
{
	const char *folder = argc > 1 ? argv[1] : "/tmp";

	check(crypto_start(), "crypto");
	measure(folder, false, TURNS, PAIRS);
	measure(folder, true, TURNS, PAIRS);
	measure(folder, true, TURNS, 1);
	for (int asks = 0; asks < 2; asks++) {
		measure_side(folder, asks != 0, 1);
		measure_side(folder, asks != 0, BATCH_MOST);
	}
	return 0;
}
