/* keeper.c: epochs, checkpoints and receipts; the only holder of the log and receipt keys. */
#include "gateway/keeper.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/cursor.h"
#include "crypto/random.h"
#include "gateway/gateway.h"
#include "proc/files.h"
#include "proc/papers.h"

enum log_kind { LOG_OWN, LOG_FOLLOWED };

/* What a handle stands for. A followed log names its floor by number: the array of floors may move. */
struct keeper_log {
	enum log_kind	kind;
	uint32_t	handle;
	uint32_t	floor;
	char		origin[ORIGIN_MOST];
	struct frontier frontier;
};

/* The largest receipt given for a partner's origin in this life, and its time. */
struct floor {
	struct hash origin; /* H(origin): a fixed size for a long list */
	struct hash root;
	uint64_t    size;
	uint64_t    time_s;
};

struct keeper {
	char		      party[PARTY_MOST + 1];
	struct sign_key	      log_key, receipt_key;
	const struct keyring *own; /* or NULL */
	unsigned	      nlogs;
	struct keeper_log    *log[KEEPER_LOGS_MOST];
	uint32_t	      nfloors, floors_room;
	struct floor	     *floors;
};

/* ---- making ---- */

struct keeper *keeper_new(const char *party, const struct sign_key *log_key, const struct sign_key *receipt_key)
{
	struct keeper *k = calloc(1, sizeof *k);

	if (!k)
		return NULL;
	(void)snprintf(k->party, sizeof k->party, "%s", party);
	k->log_key = *log_key;
	k->receipt_key = *receipt_key;
	return k;
}

void keeper_cards(struct keeper *k, const struct keyring *own)
{
	k->own = own;
}

void keeper_free(struct keeper *k)
{
	if (!k)
		return;
	for (unsigned i = 0; i < k->nlogs; i++)
		free(k->log[i]);
	free(k->floors);
	sign_key_done(&k->log_key);
	sign_key_done(&k->receipt_key);
	free(k);
}

/* ---- handles ---- */

static struct keeper_log *log_find(struct keeper *k, uint32_t handle)
{
	for (unsigned i = 0; i < k->nlogs; i++) {
		if (k->log[i]->handle == handle)
			return k->log[i];
	}
	return NULL;
}

/* Puts `next` in the place of its handle; what stood there is forgotten for ever. */
static enum err log_put(struct keeper *k, const struct keeper_log *next)
{
	struct keeper_log *log = log_find(k, next->handle);

	if (!log) {
		if (k->nlogs == KEEPER_LOGS_MOST)
			return ERR_BUSY;
		log = calloc(1, sizeof *log);
		if (!log)
			return ERR_MEMORY;
		k->log[k->nlogs++] = log;
	}
	*log = *next;
	return ERR_OK;
}

/* n leaf hashes: u32 n | n x leaf[32], and nothing behind them. */
static struct bytes leaves_read(struct cursor *c, uint32_t *n)
{
	*n = cursor_u32(c);
	struct bytes leaves = cursor_take(c, (size_t)*n * HASH_SIZE);

	if (cursor_left(c) > 0)
		cursor_fail(c, ERR_TRAILING);
	return leaves;
}

static void leaf_add(struct frontier *f, struct bytes leaves, uint32_t i)
{
	struct hash leaf;

	memcpy(leaf.b, leaves.at + (size_t)i * HASH_SIZE, HASH_SIZE);
	frontier_add(f, &leaf);
}

static struct checkpoint checkpoint_of(const struct keeper_log *log, const struct frontier *f)
{
	struct checkpoint c = {.size = f->size, .root = frontier_root(f)};

	memcpy(c.origin, log->origin, sizeof c.origin);
	return c;
}

/* ---- our own logs ---- */

static enum err text_copy(struct bytes text, char *out, size_t size)
{
	if (text.n >= size)
		return ERR_TOO_LONG;
	memcpy(out, text.at, text.n);
	out[text.n] = 0;
	return ERR_OK;
}

/* u16 len, author | u16 len, reader | u16 len, channel */
static enum err names_read(struct cursor *c, struct origin *out)
{
	struct bytes author = cursor_take16(c, PARTY_MOST);
	struct bytes reader = cursor_take16(c, PARTY_MOST);
	struct bytes channel = cursor_take16(c, NAME_MOST);

	if (cursor_end(c))
		return cursor_end(c);
	if (party_name_check(author) || party_name_check(reader) || name_check(channel))
		return ERR_VALUE;
	if (text_copy(author, out->author, sizeof out->author) || text_copy(reader, out->reader, sizeof out->reader))
		return ERR_TOO_LONG;
	return text_copy(channel, out->channel, sizeof out->channel);
}

/* W1: the keeper draws the epoch, and nobody can ask for a particular one. */
static enum err handle_open(struct keeper *k, uint32_t handle, struct cursor *c, struct builder *b)
{
	struct origin	  origin = {.author = ""};
	struct keeper_log next = {.kind = LOG_OWN, .handle = handle};
	enum err	  e = names_read(c, &origin);

	if (e)
		return e;
	if (strcmp(origin.author, k->party) != 0 || strcmp(origin.reader, k->party) == 0)
		return ERR_VALUE;
	random_bytes(origin.epoch.b, sizeof origin.epoch.b);
	frontier_init(&next.frontier);
	e = origin_write(&origin, next.origin);
	if (!e)
		e = log_put(k, &next);
	if (!e)
		build_copy(b, origin.epoch.b, sizeof origin.epoch.b);
	return e;
}

/* W4: one root per size, sizes grow; so a request without leaves is refused too. */
static enum err handle_sign(struct keeper *k, uint32_t handle, struct cursor *c, struct builder *b)
{
	struct keeper_log *log = log_find(k, handle);
	uint32_t	   n = 0;
	struct bytes	   leaves = leaves_read(c, &n);

	if (!log || log->kind != LOG_OWN)
		return ERR_OLD_ORIGIN;
	if (cursor_end(c))
		return cursor_end(c);
	if (n == 0)
		return ERR_NOT_EXTENSION;
	for (uint32_t i = 0; i < n; i++)
		leaf_add(&log->frontier, leaves, i);

	struct checkpoint checkpoint = checkpoint_of(log, &log->frontier);
	struct signature  signature;
	checkpoint_sign(&k->log_key, &checkpoint, &signature);
	build_u64(b, checkpoint.size);
	build_copy(b, checkpoint.root.b, sizeof checkpoint.root.b);
	build_copy(b, signature.b, sizeof signature.b);
	return ERR_OK;
}

/* ---- partners' logs ---- */

static enum err floor_add(struct keeper *k, const struct floor *floor, uint32_t *number)
{
	if (k->nfloors == KEEPER_FLOORS_MOST)
		return ERR_BUSY;
	if (k->nfloors == k->floors_room) {
		uint32_t      room = k->floors_room ? 2 * k->floors_room : 64;
		struct floor *grown = realloc(k->floors, room * sizeof *grown);

		if (!grown)
			return ERR_MEMORY;
		k->floors = grown;
		k->floors_room = room;
	}
	*number = k->nfloors;
	k->floors[k->nfloors++] = *floor;
	return ERR_OK;
}

static struct floor *floor_find(struct keeper *k, const struct hash *origin)
{
	for (uint32_t i = 0; i < k->nfloors; i++) {
		if (hash_equal(&k->floors[i].origin, origin))
			return &k->floors[i];
	}
	return NULL;
}

/* The floor of this origin in this life; a first FOLLOW makes one from the receipt shown. A receipt of an earlier
 * life that is larger than what this life has signed cannot be compared with it, so both cannot stand. */
static enum err floor_of(struct keeper *k, const struct floor *shown, uint32_t *number)
{
	struct floor *held = floor_find(k, &shown->origin);

	if (!held)
		return floor_add(k, shown, number);
	if (shown->size > held->size && held->size > 0)
		return ERR_NOT_EXTENSION;
	if (shown->size > held->size)
		*held = *shown;
	*number = (uint32_t)(held - k->floors);
	return ERR_OK;
}

/* A log of ours is never cosigned by us, nor is one that was not written for us. */
static enum err followed_origin(const struct keeper *k, struct bytes text, struct keeper_log *next)
{
	struct origin origin;
	enum err      e = origin_read(text, &origin);

	if (e)
		return e;
	if (strcmp(origin.author, k->party) == 0)
		return ERR_OLD_ORIGIN;
	if (strcmp(origin.reader, k->party) != 0)
		return ERR_VALUE;
	return text_copy(text, next->origin, sizeof next->origin);
}

static enum err own_receipt_verify(const struct keeper *k, const struct checkpoint *c, uint64_t time_s, const struct signature *sig)
{
	const struct public_key *key[KEYRING_KEYS_MOST];
	struct origin		 origin;
	enum err		 e = receipt_verify(&k->receipt_key.pub, c, time_s, sig);

	if (!e || !k->own || origin_read(bytes_text(c->origin), &origin))
		return e;
	unsigned n = keyring_receipt_keys(k->own, origin.channel, key);
	for (unsigned i = 0; e && i < n; i++)
		e = receipt_verify(key[i], c, time_s, sig);
	return e;
}

/* if has: u64 time_s | signature[64] | frontier. The signature must be our own, over this very frontier. */
static enum err earlier_receipt(const struct keeper *k, struct cursor *c, struct keeper_log *next, struct floor *shown)
{
	struct signature signature;

	shown->time_s = cursor_u64(c);
	cursor_copy(c, signature.b, sizeof signature.b);
	frontier_read(c, &next->frontier);
	if (cursor_end(c))
		return cursor_end(c);
	struct checkpoint checkpoint = checkpoint_of(next, &next->frontier);
	shown->size = checkpoint.size;
	shown->root = checkpoint.root;
	return own_receipt_verify(k, &checkpoint, shown->time_s, &signature);
}

/* u16 len, peer origin | u8 has | if has: u64 time_s, signature[64], frontier */
static enum err handle_follow(struct keeper *k, uint32_t handle, struct cursor *c)
{
	struct keeper_log next = {.kind = LOG_FOLLOWED, .handle = handle};
	struct floor	  shown = {.size = 0};
	struct bytes	  text = cursor_take16(c, ORIGIN_MOST - 1);
	uint8_t		  has = cursor_u8(c);

	if (cursor_err(c))
		return cursor_err(c);
	if (has > 1)
		return ERR_NOT_CANONICAL;
	enum err e = followed_origin(k, text, &next);
	if (e)
		return e;
	frontier_init(&next.frontier);
	shown.origin = hash_bytes(text);
	shown.root = frontier_root(&next.frontier);
	e = has ? earlier_receipt(k, c, &next, &shown) : cursor_end(c);
	if (!e)
		e = floor_of(k, &shown, &next.floor);
	return e ? e : log_put(k, &next);
}

/* Appends the leaves to a copy of the frontier; passing the floor's size with another root is no extension. */
static enum err frontier_extend(const struct floor *floor, struct frontier *f, struct bytes leaves, uint32_t n)
{
	for (uint32_t i = 0; i <= n; i++) {
		if (f->size == floor->size) {
			struct hash root = frontier_root(f);
			if (!hash_equal(&root, &floor->root))
				return ERR_NOT_EXTENSION;
		}
		if (i < n)
			leaf_add(f, leaves, i);
	}
	return f->size < floor->size || f->size == 0 ? ERR_NOT_EXTENSION : ERR_OK;
}

/* Receipts of one origin never go back in time (C2SP tlog-cosignature): a clock set back repeats the last one's until it is past it. */
static uint64_t receipt_time(const struct floor *floor, uint64_t now_s)
{
	return now_s > floor->time_s ? now_s : floor->time_s;
}

static enum err handle_cosign(struct keeper *k, uint32_t handle, struct cursor *c, uint64_t now_s, struct builder *b)
{
	struct keeper_log *log = log_find(k, handle);
	uint32_t	   n = 0;
	struct bytes	   leaves = leaves_read(c, &n);

	if (!log || log->kind != LOG_FOLLOWED)
		return ERR_OLD_ORIGIN;
	if (cursor_end(c))
		return cursor_end(c);
	struct floor   *floor = &k->floors[log->floor];
	struct frontier next = log->frontier;
	uint64_t	time_s = receipt_time(floor, now_s);
	enum err	e = frontier_extend(floor, &next, leaves, n);
	if (e)
		return e;

	struct checkpoint checkpoint = checkpoint_of(log, &next);
	struct signature  signature;
	receipt_sign(&k->receipt_key, &checkpoint, time_s, &signature);
	log->frontier = next;
	floor->size = checkpoint.size;
	floor->root = checkpoint.root;
	floor->time_s = time_s;
	build_u64(b, checkpoint.size);
	build_copy(b, checkpoint.root.b, sizeof checkpoint.root.b);
	build_u64(b, time_s);
	build_copy(b, signature.b, sizeof signature.b);
	return ERR_OK;
}

/* ---- one message, one answer ---- */

static enum err handle_one(struct keeper *k, uint8_t type, struct bytes payload, uint64_t now_s, struct builder *b, uint8_t *answer)
{
	struct cursor c = cursor_on(payload);
	uint32_t      handle = cursor_u32(&c);

	build_u32(b, handle);
	if (cursor_err(&c))
		return cursor_err(&c);
	switch (type) {
	case KEEPER_OPEN:
		*answer = KEEPER_OPENED;
		return handle_open(k, handle, &c, b);
	case KEEPER_SIGN:
		*answer = KEEPER_SIGNED;
		return handle_sign(k, handle, &c, b);
	case KEEPER_FOLLOW:
		*answer = 0;
		return handle_follow(k, handle, &c);
	case KEEPER_COSIGN:
		*answer = KEEPER_COSIGNED;
		return handle_cosign(k, handle, &c, now_s, b);
	default:
		return ERR_PROTOCOL;
	}
}

void keeper_handle(struct keeper *k, uint8_t type, struct bytes payload, uint64_t now_s, struct keeper_reply *out)
{
	struct builder b = builder_on(out->payload, sizeof out->payload);
	uint8_t	       answer = 0;
	enum err       e = handle_one(k, type, payload, now_s, &b, &answer);

	if (e) {
		answer = KEEPER_REFUSED;
		b = builder_on(out->payload, sizeof out->payload);
		struct cursor c = cursor_on(payload);
		build_u32(&b, cursor_u32(&c));
		build_u16(&b, (uint16_t)e);
	}
	out->type = answer;
	out->n = b.n;
}

/* ---- the process ---- */

struct keeper_process {
	struct process *process;
	struct keeper  *keeper;
	struct pipe    *core;
};

static void core_message(void *arg, uint8_t type, struct bytes payload, int fd)
{
	struct keeper_process *self = arg;
	struct keeper_reply    reply;
	struct timespec	       now;

	if (fd >= 0)
		close(fd);
	clock_gettime(CLOCK_REALTIME, &now);
	keeper_handle(self->keeper, type, payload, (uint64_t)now.tv_sec, &reply);
	if (reply.type == KEEPER_REFUSED) {
		struct cursor c = cursor_on(bytes_of(reply.payload, reply.n));
		uint32_t      handle = cursor_u32(&c);
		journal(LEVEL_WARNING, err_name((enum err)cursor_u16(&c)), "refused message %u for handle %u", type, handle);
	}
	if (reply.type)
		(void)pipe_send(self->core, reply.type, bytes_of(reply.payload, reply.n), -1);
}

/* A keeper outlives no core: what a next core may sign is decided by a keeper that knows no handle. */
static void core_closed(void *arg, enum err why unused_arg)
{
	struct keeper_process *self = arg;

	process_leave(self->process, EXIT_TROUBLE);
}

static void keeper_peer(struct process *p, enum role role, unsigned which unused_arg, int fd)
{
	struct keeper_process *self = p->self;

	if (role != ROLE_CORE || self->core) { /* one core in a keeper's life */
		close(fd);
		return;
	}
	self->core = pipe_new(p->base, fd, core_message, core_closed, self);
	if (!self->core)
		process_leave(p, EXIT_TROUBLE);
}

static void keeper_turn(struct process *p)
{
	struct keeper_process *self = p->self;

	pipe_flush(self->core);
}

static enum err say_file(const char *file, const struct fault *fault)
{
	char line[512];

	fault_print(fault, file, LANG_EN, line, sizeof line);
	journal(LEVEL_ERROR, err_name(fault->err), "%s", line);
	return fault->err;
}

static enum err keys_load(const struct config *config, const struct card *own, struct sign_key *log_key, struct sign_key *receipt_key)
{
	char	     file[CONFIG_PATH_MOST] = "";
	struct fault fault = {.err = ERR_OK};
	enum err     e = papers_key_read(config, own, false, log_key, file, &fault);

	if (!e)
		e = papers_key_read(config, own, true, receipt_key, file, &fault);
	fault.err = e;
	return e ? say_file(file, &fault) : ERR_OK;
}

/* Cards are read, and checked, before any secret is here. */
static enum err cards_load(const struct config *config, struct papers *out)
{
	char	     file[CONFIG_PATH_MOST] = "";
	struct fault fault = {.err = ERR_OK};
	enum err     e = papers_load_cards(config, out, file, &fault);

	fault.err = e;
	return e ? say_file(file, &fault) : ERR_OK;
}

static enum err keeper_load(const struct config *config, const struct card *own, struct keeper **out)
{
	struct sign_key log_key = {.secret = {0}}, receipt_key = {.secret = {0}};
	enum err	e = keys_load(config, own, &log_key, &receipt_key);

	if (!e) {
		*out = keeper_new(config->party, &log_key, &receipt_key);
		e = *out ? ERR_OK : ERR_MEMORY;
	}
	sign_key_done(&log_key);
	sign_key_done(&receipt_key);
	return e;
}

static int keeper_run(struct keeper_process *self, const struct keyring *own)
{
	struct process *p = self->process;

	if (keeper_load(p->config, keyring_card(own), &self->keeper))
		return EXIT_SETUP;
	keeper_cards(self->keeper, own);
	p->self = self;
	p->on_peer = keeper_peer;
	p->on_turn = keeper_turn;
	int code = process_run(p, PROMISE_STDIO, NULL);
	pipe_free(self->core);
	keeper_free(self->keeper);
	return code;
}

int keeper_main(struct process *p)
{
	struct keeper_process self = {.process = p};
	struct papers	     *papers = calloc(1, sizeof *papers);

	if (!papers)
		return EXIT_SETUP;
	int code = cards_load(p->config, papers) ? EXIT_SETUP : keeper_run(&self, &papers->keyring[0]);
	papers_done(papers);
	free(papers);
	return code;
}
