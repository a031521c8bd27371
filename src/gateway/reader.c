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
#include "proc/files.h"
#include "proc/papers.h"
#include "store/bundle.h"

#define READ_MOST_MS	  2000
#define LEDGER_WAIT_MS	  5000 /* the core makes the ledger at its first start; we may be quicker */
#define LEDGER_LOOK_MS	  10
#define CHANNELS_MOST	  256
#define EXCHANGE_MEMORY	  (256u * 1024)
#define STATUS_MESSAGE	  (CHANNELS_MOST * 1200u)
#define EXCHANGE_MESSAGE  (256u * 1024)
#define TICKET_MOST_BYTES 16

struct reader {
	struct process *process;
	struct store   *store;
	struct pipe    *desk;
	struct papers	papers;
	struct buffer	card[PAPERS_CARDS_MOST]; /* the signed notes, in the order of papers.card */
	struct exchange exchange;		 /* large: kept off the stack */
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
	if (r->message.n == 0 || pipe_send(r->desk, type, buffer_bytes(&r->message), -1) != ERR_OK)
		journal(LEVEL_WARNING, "pipe", "an answer could not be given to the desk");
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

static struct bytes card_note(const struct reader *r, const char *party)
{
	for (unsigned i = 0; i < r->papers.ncards; i++)
		if (strcmp(r->papers.card[i]->party, party) == 0)
			return buffer_bytes(&r->card[i]);
	return BYTES_NONE;
}

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
				      .card = {card_note(r, r->process->config->party), card_note(r, w.partner)}};
	return out->card[0].n > 0 && out->card[1].n > 0 ? ERR_OK : ERR_NOT_FOUND;
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

/* ---- the desk ---- */

struct question {
	uint32_t ticket;
	uint8_t	 mid[MID_SIZE];
};

static enum err question_read(uint8_t type, struct bytes payload, struct question *out)
{
	struct cursor	c = cursor_on(payload);
	struct question q = {.ticket = cursor_u32(&c)};

	if (type != READER_STATUS)
		cursor_copy(&c, q.mid, sizeof q.mid);
	enum err e = cursor_end(&c);
	if (e == ERR_OK)
		*out = q;
	return e;
}

static bool answer(struct reader *r, uint8_t type, const struct question *q)
{
	switch (type) {
	case READER_SHOW:
		show(r, q->ticket, q->mid);
		return true;
	case READER_EVIDENCE:
		evidence(r, q->ticket, q->mid);
		return true;
	case READER_STATUS:
		status(r, q->ticket);
		return true;
	default:
		return false;
	}
}

/* One question, one snapshot, one limit on time. */
static void desk_message(void *arg, uint8_t type, struct bytes payload, int fd)
{
	struct reader  *r = arg;
	struct question q;

	if (fd >= 0)
		close(fd);
	bool known = question_read(type, payload, &q) == ERR_OK;
	if (known) {
		store_limit(r->store, READ_MOST_MS);
		trouble(r, "opening a snapshot", store_begin(r->store));
		known = answer(r, type, &q);
		trouble(r, "closing a snapshot", store_commit(r->store));
		store_limit(r->store, 0);
	}
	if (known)
		return;
	journal(LEVEL_ERROR, "message", "the desk sent what the reader does not understand");
	pipe_free(r->desk);
	r->desk = NULL;
}

static void desk_closed(void *arg, enum err why unused_arg)
{
	struct reader *r = arg;

	pipe_free(r->desk);
	r->desk = NULL;
}

static void reader_peer(struct process *p, enum role role, unsigned which unused_arg, int fd)
{
	struct reader *r = p->self;

	if (role != ROLE_DESK) {
		close(fd);
		return;
	}
	pipe_free(r->desk);
	r->desk = pipe_new(p->base, fd, desk_message, desk_closed, r);
}

/* ---- start ---- */

static enum err card_read_note(struct reader *r, unsigned i)
{
	char		     path[CONFIG_PATH_MOST], name[PARTY_MOST + 32];
	const struct config *config = r->process->config;
	struct builder	     b = builder_on(name, sizeof name - 1);

	build_format(&b, i == 0 ? "%s.card" : "partners/%s.card", r->papers.card[i]->party);
	name[b.n] = '\0';
	r->card[i].most = CARD_MOST;
	enum err e = b.err != ERR_OK ? b.err : config_path(config, name, path);
	return e == ERR_OK ? file_read(path, &r->card[i]) : e;
}

static enum err papers_read(struct reader *r)
{
	char	     file[CONFIG_PATH_MOST] = "", line[900];
	struct fault fault = {0};
	enum err     e = papers_load(r->process->config, &r->papers, file, &fault);

	for (unsigned i = 0; e == ERR_OK && i < r->papers.ncards; i++)
		e = card_read_note(r, i);
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

/* At a party's first start the ledger is being made while we look for it. */
static enum err ledger_open(struct reader *r)
{
	char	     path[CONFIG_PATH_MOST], line[900];
	struct fault fault = {0};
	enum err     e = config_data_path(r->process->config, "ledger.db", path);

	for (long waited = 0; e == ERR_OK; waited += LEDGER_LOOK_MS) {
		e = store_open(path, STORE_READ, &r->store, &fault);
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
	store_close(r->store);
	for (unsigned i = 0; i < r->papers.ncards; i++)
		buffer_done(&r->card[i]);
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
