/*
 * reader.c: shows what the ledger holds, and never writes it.
 *
 * Each question of the desk is answered from one snapshot, within READ_MOST_MS. The
 * signed papers that evidence carries are read before the promise; after it nothing
 * but the ledger can be opened.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "gateway/gateway.h"
#include "gateway/metrics.h"
#include "proc/files.h"
#include "proc/papers.h"
#include "store/bundle.h"

#define READ_MOST_MS	    2000
#define LEDGER_WAIT_MS	    5000 /* the core makes the ledger at its first start; we may be quicker */
#define LEDGER_LOOK_MS	    10
#define CHANNELS_MOST	    256
#define EXCHANGE_MEMORY	    (256u * 1024)
#define STATUS_MESSAGE	    (CHANNELS_MOST * 1200u)
#define EXCHANGE_MESSAGE    (256u * 1024)
#define TICKET_MOST_BYTES   16
#define EVENTS_HEAD_MOST    32
#define READER_METRICS_MOST (64u * METRIC_WRITTEN_MOST)

struct reader {
	struct process *process;
	struct store   *store;
	struct pipe    *desk, *hook;
	struct pipe    *asking; /* of the two: whose question is being answered */
	struct papers	papers;
	struct exchange exchange; /* large: kept off the stack */
	struct log_row	own[CHANNELS_MOST], peer[CHANNELS_MOST];
	bool		has_peer[CHANNELS_MOST];
	unsigned	nchannels;
	struct buffer	message;
};

/* ---- one exchange ---- */

static enum err row_of_mid(struct reader *r, const uint8_t mid[MID_SIZE], struct exchange_row *out)
{
	enum err e = store_exchange_find(r->store, mid, true, out);

	return e == ERR_NOT_FOUND ? store_exchange_find(r->store, mid, false, out) : e;
}

static void message_begin(struct reader *r, uint32_t ticket, size_t most)
{
	uint8_t	       head[4];
	struct builder b = builder_on(head, sizeof head);

	buffer_done(&r->message);
	r->message.most = most;
	build_u32(&b, ticket);
	if (buffer_add(&r->message, builder_bytes(&b)) != ERR_OK)
		r->message.n = 0;
}

static void message_send(struct reader *r, uint8_t type)
{
	if (r->message.n == 0 || pipe_send(r->asking, type, buffer_bytes(&r->message), -1) != ERR_OK)
		journal(LEVEL_WARNING, "pipe", "an answer could not be given");
	buffer_done(&r->message);
}

static void trouble(struct reader *r, const char *what, enum err e)
{
	const struct fault *fault = store_fault(r->store);

	if (e != ERR_OK && e != ERR_NOT_FOUND)
		journal(LEVEL_WARNING, err_name(e), "%s: %s (%s)", what, err_text(e, LANG_EN), fault->at);
}

static enum err exchange_add(struct reader *r, const struct exchange_row *row)
{
	struct arena   a;
	uint8_t	      *room = malloc(EXCHANGE_MESSAGE);
	struct builder b = builder_on(room, EXCHANGE_MESSAGE);

	if (room == NULL)
		return ERR_MEMORY;
	arena_init(&a, EXCHANGE_MEMORY);
	enum err e = store_exchange_load(r->store, row, &a, &r->exchange);
	if (e == ERR_OK) {
		build_u8(&b, 1);
		exchange_write(&b, &r->exchange);
		e = b.err;
	}
	if (e == ERR_OK)
		e = buffer_add(&r->message, builder_bytes(&b));
	arena_done(&a);
	free(room);
	return e;
}

/* READER_SHOW u32 ticket | mid[16]   ->   READER_EXCHANGE u32 ticket | u8 found | exchange */
static void show(struct reader *r, uint32_t ticket, const uint8_t mid[MID_SIZE])
{
	struct exchange_row  row;
	static const uint8_t none = 0;

	message_begin(r, ticket, EXCHANGE_MESSAGE + TICKET_MOST_BYTES);
	enum err e = row_of_mid(r, mid, &row);
	if (e == ERR_OK)
		e = exchange_add(r, &row);
	trouble(r, "showing an exchange", e);
	if (e != ERR_OK && buffer_add(&r->message, bytes_of(&none, 1)) != ERR_OK)
		r->message.n = 0;
	message_send(r, READER_EXCHANGE);
}

/* ---- evidence ---- */

struct log_partner {
	int64_t id;
	char	partner[PARTY_MOST + 1];
	bool	found;
};

static bool log_partner(void *arg, const struct log_row *row)
{
	struct log_partner *w = arg;

	if (row->id != w->id)
		return true;
	memcpy(w->partner, row->partner, sizeof w->partner);
	w->found = true;
	return false;
}

static enum err papers_find(struct reader *r, const struct exchange_row *row, struct bundle_papers *out)
{
	struct log_partner	w = {.id = row->question_log};
	const struct agreement *agreement = papers_agreement(&r->papers, &row->agreement);
	enum err		e = store_logs(r->store, NULL, NULL, log_partner, &w);

	if (e != ERR_OK)
		return e;
	if (!w.found || agreement == NULL)
		return ERR_NOT_FOUND;
	*out = (struct bundle_papers){.self = r->process->config->party,
				      .agreement = agreement->note,
				      .ring = {papers_keyring(&r->papers, w.partner), &r->papers.keyring[0]}};
	return out->ring[0] != NULL ? ERR_OK : ERR_NOT_FOUND;
}

static enum err bundle_make(struct reader *r, const uint8_t mid[MID_SIZE], struct buffer *out)
{
	struct exchange_row  row;
	struct bundle_papers papers;
	enum err	     e = row_of_mid(r, mid, &row);

	if (e == ERR_OK)
		e = papers_find(r, &row, &papers);
	return e == ERR_OK ? store_bundle(r->store, &row, &papers, out) : e;
}

/* READER_EVIDENCE u32 ticket | mid[16]   ->   READER_BUNDLE u32 ticket | u16 err | bundle */
static void evidence(struct reader *r, uint32_t ticket, const uint8_t mid[MID_SIZE])
{
	struct buffer  bundle = {.most = EVIDENCE_MOST};
	uint8_t	       code[2];
	struct builder b = builder_on(code, sizeof code);
	enum err       e = bundle_make(r, mid, &bundle);

	trouble(r, "making evidence", e);
	build_u16(&b, (uint16_t)e);
	message_begin(r, ticket, EVIDENCE_MOST + TICKET_MOST_BYTES);
	if (r->message.n > 0 && buffer_add(&r->message, builder_bytes(&b)) != ERR_OK)
		r->message.n = 0;
	if (r->message.n > 0 && e == ERR_OK && buffer_add(&r->message, buffer_bytes(&bundle)) != ERR_OK)
		r->message.n = 0;
	buffer_done(&bundle);
	message_send(r, READER_BUNDLE);
}

/* ---- status ---- */

static bool same_channel(const struct log_row *a, const struct log_row *b)
{
	return strcmp(a->partner, b->partner) == 0 && strcmp(a->channel, b->channel) == 0;
}

/* Rows come oldest first, so what stays is the newest log of each direction; epochs taken in again came later than they were. */
static bool newest_log(void *arg, const struct log_row *row)
{
	struct reader *r = arg;
	unsigned       i = 0;

	while (i < r->nchannels && !same_channel(&r->own[i], row))
		i++;
	if (i == r->nchannels) {
		if (i == CHANNELS_MOST)
			return false;
		r->nchannels++;
		r->has_peer[i] = false;
		r->own[i] = r->peer[i] = (struct log_row){0};
		memcpy(r->own[i].partner, row->partner, sizeof row->partner);
		memcpy(r->own[i].channel, row->channel, sizeof row->channel);
	}
	if (!row->own)
		r->peer[i] = *row;
	else if (!row->naming.adopted)
		r->own[i] = *row;
	r->has_peer[i] = r->has_peer[i] || !row->own;
	return true;
}

static enum err status_counts(struct reader *r, struct channel_status *out)
{
	struct exchange_counts counts;
	enum err	       e = store_exchange_counts(r->store, out->partner, out->channel, &counts);

	if (e != ERR_OK)
		return e;
	out->asked = counts.asked;
	out->answered = counts.answered;
	out->refused = counts.refused;
	out->unanswered = counts.unanswered;
	return ERR_OK;
}

static enum err status_fill(struct reader *r, unsigned i, struct channel_status *out)
{
	const char	     *self = r->process->config->party;
	const struct log_row *own = &r->own[i], *peer = &r->peer[i];

	memcpy(out->partner, own->partner, sizeof out->partner);
	memcpy(out->channel, own->channel, sizeof out->channel);
	out->own_size = own->frontier.size;
	out->own_receipted = own->receipt.size;
	out->own_root = frontier_root(&own->frontier);
	out->peer_size = peer->frontier.size;
	out->peer_root = frontier_root(&peer->frontier);
	enum err e = own->id == 0 ? ERR_OK : store_log_origin(self, own, out->own_origin);
	if (e == ERR_OK && r->has_peer[i])
		e = store_log_origin(self, peer, out->peer_origin);
	if (e == ERR_OK && own->id != 0 && r->has_peer[i])
		e = store_ledgers_hash(self, own, peer, &out->ledgers);
	return e == ERR_OK ? status_counts(r, out) : e;
}

static enum err status_add(struct reader *r)
{
	uint8_t *room = malloc(STATUS_MESSAGE);
	if (room == NULL)
		return ERR_MEMORY;
	struct builder b = builder_on(room, STATUS_MESSAGE);
	r->nchannels = 0;
	enum err e = store_logs(r->store, NULL, NULL, newest_log, r);
	build_u16(&b, (uint16_t)r->nchannels);
	for (unsigned i = 0; i < r->nchannels && e == ERR_OK; i++) {
		struct channel_status status = {0};
		e = status_fill(r, i, &status);
		channel_status_write(&b, &status);
	}
	if (e == ERR_OK)
		e = b.err;
	if (e == ERR_OK)
		e = buffer_add(&r->message, builder_bytes(&b));
	free(room);
	return e;
}

/* READER_STATUS u32 ticket   ->   READER_STATUS_IS u32 ticket | u16 n | n x channel status */
static void status(struct reader *r, uint32_t ticket)
{
	static const uint8_t none[2] = {0, 0};

	message_begin(r, ticket, STATUS_MESSAGE + TICKET_MOST_BYTES);
	enum err e = status_add(r);
	trouble(r, "reading the status", e);
	if (e != ERR_OK && buffer_add(&r->message, bytes_of(none, sizeof none)) != ERR_OK)
		r->message.n = 0;
	message_send(r, READER_STATUS_IS);
}

/* ---- events ---- */

struct news_list {
	struct builder b;
	unsigned       n;
};

static bool news_list_add(void *arg, const struct news *news)
{
	struct news_list *list = arg;

	if (list->n == READER_EVENTS_MOST)
		return false;
	news_write(&list->b, news);
	list->n++;
	return true;
}

static enum err events_add(struct reader *r, uint64_t after, uint32_t types)
{
	static uint8_t	 room[READER_EVENTS_MOST * NEWS_WRITTEN_MOST];
	uint8_t		 head[8 + 1 + 2];
	struct builder	 b = builder_on(head, sizeof head);
	struct news_list list = {.b = builder_on(room, sizeof room)};
	uint64_t	 next = after;
	bool		 more = false;

	enum err e = after == NEWS_NOW ? store_news_last(r->store, &next) : store_news(r->store, after, types, news_list_add, &list, &next, &more);
	build_u64(&b, next);
	piped_bool_write(&b, more);
	build_u16(&b, (uint16_t)list.n);
	if (e == ERR_OK)
		e = buffer_add(&r->message, builder_bytes(&b));
	return e == ERR_OK ? buffer_add(&r->message, builder_bytes(&list.b)) : e;
}

/* Whoever asks is told nothing when the ledger cannot be read, and asks again. */
static void events(struct reader *r, uint32_t ticket, uint64_t after, uint32_t types)
{
	message_begin(r, ticket, READER_EVENTS_MOST * NEWS_WRITTEN_MOST + EVENTS_HEAD_MOST);
	enum err e = events_add(r, after, types);
	trouble(r, "reading events", e);
	if (e == ERR_OK) {
		message_send(r, READER_EVENTS_ARE);
		return;
	}
	message_begin(r, ticket, TICKET_MOST_BYTES);
	message_send(r, READER_EVENTS_FAILED);
}

/* READER_MARK u32 ticket | name[32]   ->   READER_MARK_IS u32 ticket | bool found | u64 */
static void mark(struct reader *r, uint32_t ticket, const struct hash *name)
{
	uint8_t	       memory[1 + 8];
	struct builder b = builder_on(memory, sizeof memory);
	uint64_t       value = 0;

	enum err e = store_mark(r->store, name, &value);
	trouble(r, "reading a mark", e);
	message_begin(r, ticket, TICKET_MOST_BYTES + sizeof memory);
	if (e != ERR_OK && e != ERR_NOT_FOUND) {
		message_send(r, READER_EVENTS_FAILED);
		return;
	}
	piped_bool_write(&b, e == ERR_OK);
	build_u64(&b, value);
	if (r->message.n > 0 && buffer_add(&r->message, builder_bytes(&b)) != ERR_OK)
		r->message.n = 0;
	message_send(r, READER_MARK_IS);
}

/* READER_METRICS u32 ticket   ->   READER_METRICS_ARE u32 ticket | metrics */
static void metrics(struct reader *r, uint32_t ticket)
{
	message_begin(r, ticket, READER_METRICS_MOST);
	reader_metrics_add(r->process->config, &r->message);
	message_send(r, READER_METRICS_ARE);
}

/* ---- who asks ---- */

struct question {
	uint8_t	    type;
	uint32_t    ticket;
	uint8_t	    mid[MID_SIZE]; /* READER_SHOW, READER_EVIDENCE */
	uint64_t    after;	   /* READER_EVENTS */
	uint32_t    types;
	struct hash name; /* READER_MARK */
};

static enum err question_read(uint8_t type, struct bytes payload, struct question *out)
{
	struct cursor	c = cursor_on(payload);
	struct question q = {.type = type, .ticket = cursor_u32(&c)};

	switch (type) {
	case READER_SHOW:
	case READER_EVIDENCE:
		cursor_copy(&c, q.mid, sizeof q.mid);
		break;
	case READER_STATUS:
	case READER_METRICS:
		break;
	case READER_EVENTS:
		q.after = cursor_u64(&c);
		q.types = cursor_u32(&c);
		break;
	case READER_MARK:
		cursor_copy(&c, q.name.b, HASH_SIZE);
		break;
	default:
		return ERR_UNKNOWN_KEY;
	}
	enum err e = cursor_end(&c);
	if (e == ERR_OK)
		*out = q;
	return e;
}

static void answer(struct reader *r, const struct question *q)
{
	switch (q->type) {
	case READER_SHOW:
		show(r, q->ticket, q->mid);
		break;
	case READER_EVIDENCE:
		evidence(r, q->ticket, q->mid);
		break;
	case READER_STATUS:
		status(r, q->ticket);
		break;
	case READER_METRICS:
		metrics(r, q->ticket);
		break;
	case READER_EVENTS:
		events(r, q->ticket, q->after, q->types);
		break;
	case READER_MARK:
		mark(r, q->ticket, &q->name);
		break;
	default:
		break;
	}
}

/* One question, one snapshot, one limit on time. */
static void question_answer(struct reader *r, struct pipe *asking, const struct question *q)
{
	r->asking = asking;
	store_limit(r->store, READ_MOST_MS);
	trouble(r, "opening a snapshot", store_begin(r->store));
	answer(r, q);
	trouble(r, "closing a snapshot", store_commit(r->store));
	store_limit(r->store, 0);
}

static void desk_message(void *arg, uint8_t type, struct bytes payload, int fd)
{
	struct reader  *r = arg;
	struct question q;

	if (fd >= 0)
		close(fd);
	if (type != READER_MARK && question_read(type, payload, &q) == ERR_OK) {
		question_answer(r, r->desk, &q);
		return;
	}
	journal(LEVEL_ERROR, "message", "the desk sent what the reader does not understand");
	pipe_free(r->desk);
	r->desk = NULL;
}

/* It talks to the network, so it is shown no more than events and how far it told them. */
static void hook_message(void *arg, uint8_t type, struct bytes payload, int fd)
{
	struct reader  *r = arg;
	struct question q;

	if (fd >= 0)
		close(fd);
	if ((type == READER_EVENTS || type == READER_MARK) && question_read(type, payload, &q) == ERR_OK) {
		question_answer(r, r->hook, &q);
		return;
	}
	journal(LEVEL_ERROR, "message", "the hook sent what the reader does not understand");
	pipe_free(r->hook);
	r->hook = NULL;
}

static void desk_closed(void *arg, enum err why unused_arg)
{
	struct reader *r = arg;

	pipe_free(r->desk);
	r->desk = NULL;
}

static void hook_closed(void *arg, enum err why unused_arg)
{
	struct reader *r = arg;

	pipe_free(r->hook);
	r->hook = NULL;
}

static void paper_tell(void *arg, enum paper kind, struct bytes note)
{
	struct reader *r = arg;
	uint8_t	       head = (uint8_t)kind;

	(void)pipe_send_pieces(r->desk, READER_PAPER, bytes_of(&head, 1), note, -1);
}

/* The desk may read no file but tokens, and lives longer than we do. */
static void papers_tell(struct reader *r)
{
	papers_notes(&r->papers, paper_tell, r);
	(void)pipe_send(r->desk, READER_PAPERS, BYTES_NONE, -1);
}

static void reader_peer(struct process *p, enum role role, unsigned which unused_arg, int fd)
{
	struct reader *r = p->self;

	if (role == ROLE_DESK) {
		pipe_free(r->desk);
		r->desk = pipe_new(p->base, fd, desk_message, desk_closed, r);
		if (r->desk != NULL)
			papers_tell(r);
	} else if (role == ROLE_HOOK) {
		pipe_free(r->hook);
		r->hook = pipe_new(p->base, fd, hook_message, hook_closed, r);
	} else {
		close(fd);
	}
}

/* ---- start ---- */

static enum err papers_read(struct reader *r)
{
	char	     file[CONFIG_PATH_MOST] = "", line[900];
	struct fault fault = {0};
	enum err     e = papers_load(r->process->config, &r->papers, file, &fault);

	if (e == ERR_OK)
		return e;
	fault.err = e;
	fault_print(&fault, file, LANG_EN, line, sizeof line);
	journal(LEVEL_ERROR, err_name(e), "%s", line);
	return e;
}

static void wait_ms(long ms)
{
	struct timespec t = {.tv_nsec = ms * 1000000};

	nanosleep(&t, NULL);
}

static enum err ledger_try(const char *path, struct store **out, struct fault *fault)
{
	struct store_look look;
	enum err	  e = store_look(path, &look, fault);

	if (e == ERR_OK && look.converts)
		return fault_at(fault, ERR_BUSY, 0, path, "", "the core has not converted this ledger yet", "لم تحوّل النواة هذا السجل بعد");
	return e == ERR_OK ? store_open(path, STORE_READ, out, fault) : e;
}

/* At a party's first start the ledger is being made, and at a new release's converted, while we look for it. */
static enum err ledger_open(struct reader *r)
{
	char	     path[CONFIG_PATH_MOST], line[900];
	struct fault fault = {0};
	enum err     e = config_data_path(r->process->config, "ledger.db", path);

	for (long waited = 0; e == ERR_OK; waited += LEDGER_LOOK_MS) {
		e = ledger_try(path, &r->store, &fault);
		if (e == ERR_OK || waited >= LEDGER_WAIT_MS)
			break;
		e = ERR_OK;
		wait_ms(LEDGER_LOOK_MS);
	}
	if (e == ERR_OK)
		return e;
	fault_print(&fault, "ledger", LANG_EN, line, sizeof line);
	journal(LEVEL_ERROR, err_name(e), "%s", line);
	return e;
}

/* The -shm file is where readers of a WAL database mark what they read. */
static int reader_serve(struct reader *r)
{
	char		    shm[CONFIG_PATH_MOST];
	struct promise_path paths[] = {{.path = r->process->config->data}, {.path = shm, .write = 1}, {0}};

	if (config_data_path(r->process->config, "ledger.db-shm", shm) != ERR_OK)
		return EXIT_SETUP;
	return process_run(r->process, PROMISE_STDIO | PROMISE_READ | PROMISE_WRITE, paths);
}

static void reader_done(struct reader *r)
{
	pipe_free(r->desk);
	pipe_free(r->hook);
	store_close(r->store);
	papers_done(&r->papers);
	buffer_done(&r->message);
	free(r);
}

int reader_main(struct process *p)
{
	struct reader *r = calloc(1, sizeof *r);

	if (r == NULL)
		return EXIT_TROUBLE;
	r->process = p;
	p->self = r;
	p->on_peer = reader_peer;
	int code = papers_read(r) == ERR_OK && ledger_open(r) == ERR_OK ? reader_serve(r) : EXIT_SETUP;
	reader_done(r);
	return code;
}
