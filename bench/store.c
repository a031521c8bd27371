/*
 * store.c: how many rows a second the ledger takes.
 *
 *   bench_store [FOLDER]     default /tmp
 *
 * One turn is like the core's under load: 64 entries, half of them own questions and
 * half a partner's answers, their exchanges, both logs' rows, heads, one commit.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "store/store.h"

#define TURNS	 2000
#define PAIRS	 32 /* questions and answers in a turn */
#define HEADER_N 260
#define BODY_N	 300

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
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

static void measure(const char *folder, bool exchanges, unsigned turns, unsigned pairs)
{
	struct bench b = {.exchanges = exchanges};
	struct fault fault;
	char	     path[512];

	snprintf(path, sizeof path, "%s/mithaq-bench-%d.db", folder, (int)getpid());
	check(store_open(path, STORE_WRITE, &b.s, &fault), "open");
	log_new(&b, &b.own, true);
	log_new(&b, &b.peer, false);
	double begun = now_s();
	for (unsigned i = 0; i < turns; i++)
		turn(&b, pairs);
	double took = now_s() - begun;
	printf("%3u entries a turn%s: %9.0f entries/s, %7.0f us a turn\n", 2 * pairs, exchanges ? " with exchanges" : "               ",
	       (double)b.rows / took, took / turns * 1e6);
	store_close(b.s);
	for (unsigned i = 0; i < 3; i++) {
		char end[600];
		snprintf(end, sizeof end, "%s%s", path, (const char *const[]){"", "-wal", "-shm"}[i]);
		unlink(end);
	}
}

int main(int argc, char **argv)
{
	const char *folder = argc > 1 ? argv[1] : "/tmp";

	check(crypto_start(), "crypto");
	measure(folder, false, TURNS, PAIRS);
	measure(folder, true, TURNS, PAIRS);
	measure(folder, true, TURNS, 1);
	return 0;
}
