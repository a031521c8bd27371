/* core_start.c: what the core reads before its first event: papers, and what the ledger remembers. */
#include <stdlib.h>

#include "crypto/random.h"
#include "gateway/core.h"

/* ---- papers: partners and their channels ---- */

static struct core_channel *channel_named(struct core_partner *p, const char *name)
{
	for (unsigned i = 0; i < p->nchannels; i++)
		if (strcmp(p->channel[i].name, name) == 0)
			return &p->channel[i];
	return NULL;
}

static enum err channel_make(struct core *c, struct core_partner *p, const char *name, struct core_channel **out)
{
	struct channel_setup setup = {.self = c->process->config->party,
				      .peer = p->name,
				      .name = name,
				      .own = &c->papers.keyring[0],
				      .theirs = papers_keyring(&c->papers, p->name)};

	if (card_log_key(p->card, name) == NULL || card_receipt_key(p->card, name) == NULL) {
		journal(LEVEL_ERROR, "key", "the card of %s names no key for channel %s", p->name, name);
		return ERR_KEY;
	}
	if (card_log_key(c->papers.card[0], name) == NULL) {
		journal(LEVEL_ERROR, "key", "our own card names no key for channel %s", name);
		return ERR_KEY;
	}
	if (p->nchannels == CORE_CHANNELS_MOST)
		return ERR_TOO_LONG;
	random_bytes(setup.seed, sizeof setup.seed);
	struct core_channel *ch = &p->channel[p->nchannels];
	ch->channel = channel_new(&setup);
	explicit_bzero(setup.seed, sizeof setup.seed);
	if (ch->channel == NULL)
		return ERR_MEMORY;
	ch->partner = p;
	ch->name = name;
	p->nchannels++;
	*out = ch;
	return ERR_OK;
}

/* Every channel that a clause of this agreement runs on knows the agreement. */
static enum err agreement_permit(struct core *c, struct core_partner *p, const struct agreement *a)
{
	enum err e = ERR_OK;

	for (unsigned i = 0; i < a->nclauses && e == ERR_OK; i++) {
		const char	    *name = a->clause[i].channel;
		struct core_channel *ch = channel_named(p, name);
		bool		     permitted = false;

		for (unsigned k = 0; k < i; k++)
			permitted = permitted || strcmp(a->clause[k].channel, name) == 0;
		if (permitted)
			continue;
		if (ch == NULL)
			e = channel_make(c, p, name, &ch);
		if (e == ERR_OK)
			e = channel_permit(ch->channel, a);
	}
	return e;
}

static enum err partner_make(struct core *c, struct core_partner *p, const char *name)
{
	const char *self = c->process->config->party;
	enum err    e = ERR_OK;

	p->core = c;
	p->name = name;
	p->card = papers_card(&c->papers, name);
	p->out.most = CORE_OUT_MOST;
	p->since_ms = c->now_ms;
	core_await(p);
	p->mine = calloc(1, sizeof *p->mine);
	p->theirs = calloc(1, sizeof *p->theirs);
	p->theirs_bytes = malloc(FRAME_REST_MOST);
	if (p->mine == NULL || p->theirs == NULL || p->theirs_bytes == NULL)
		return ERR_MEMORY;
	if (p->card == NULL) {
		journal(LEVEL_ERROR, "missing", "no card of partner %s: mithaq partner add CARD", name);
		return ERR_MISSING;
	}
	for (unsigned i = 0; i < c->papers.nagreements && e == ERR_OK; i++) {
		const struct agreement *a = c->papers.agreement[i];

		if (agreement_party(a, bytes_text(name)) >= 0 && agreement_party(a, bytes_text(self)) >= 0)
			e = agreement_permit(c, p, a);
	}
	return e;
}

enum err core_papers(struct core *c)
{
	const struct config *config = c->process->config;
	char		     file[CONFIG_PATH_MOST], line[512];
	struct fault	     fault = {0};
	enum err	     e = papers_load(config, &c->papers, file, &fault);

	if (e != ERR_OK) {
		fault_print(&fault, file, LANG_EN, line, sizeof line);
		journal(LEVEL_ERROR, err_name(e), "%s", line);
		return e;
	}
	c->partner = calloc(config->npartners ? config->npartners : 1, sizeof *c->partner);
	if (c->partner == NULL)
		return ERR_MEMORY;
	for (unsigned i = 0; i < config->npartners && e == ERR_OK; i++) {
		c->npartners++;
		e = partner_make(c, &c->partner[i], config->partner[i].name);
	}
	if (e == ERR_OK) {
		core_pairing_read(c);
		core_house_read(c);
	}
	return e;
}

/* ---- logs ---- */

static struct core_log *log_add(struct core_channel *ch, bool own, const struct epoch *epoch, int64_t id)
{
	if (ch->nlogs == ch->room_logs) {
		size_t		  room = ch->room_logs ? 2 * ch->room_logs : 16;
		struct core_log **more = realloc(ch->log, room * sizeof *more);

		if (more == NULL)
			return NULL;
		ch->log = more;
		ch->room_logs = room;
	}
	struct core_log *log = calloc(1, sizeof *log);
	if (log == NULL)
		return NULL;
	log->epoch = *epoch;
	log->own = own;
	log->id = id;
	log->handle = NO_HANDLE;
	ch->log[ch->nlogs++] = log;
	return log;
}

static struct core_log *log_find(const struct core_channel *ch, bool own, const struct epoch *epoch)
{
	for (size_t i = ch->nlogs; i > 0; i--)
		if (ch->log[i - 1]->own == own && memcmp(ch->log[i - 1]->epoch.b, epoch->b, EPOCH_SIZE) == 0)
			return ch->log[i - 1];
	return NULL;
}

/* An epoch too old to have been recalled is in the ledger all the same. */
static enum err log_in_store(struct core *c, struct core_channel *ch, bool own, const struct epoch *epoch, int64_t *id)
{
	struct log_key key = {.partner = ch->partner->name, .channel = ch->name, .own = own, .epoch = *epoch};
	struct log_row row;
	enum err       e = store_log_find(c->store, epoch, own, &row);

	if (e == ERR_NOT_FOUND)
		return store_log_add(c->store, &key, id);
	if (e == ERR_OK)
		*id = row.id;
	return e;
}

struct core_log *core_log_of(struct core *c, struct core_channel *ch, bool own, const struct epoch *epoch)
{
	int64_t	 id;
	enum err e;

	struct core_log *known = log_find(ch, own, epoch);
	if (known != NULL)
		return known;
	e = log_in_store(c, ch, own, epoch, &id);
	struct core_log *log = e == ERR_OK ? log_add(ch, own, epoch, id) : NULL;
	if (log == NULL)
		core_ledger_stopped(c, e ? e : ERR_MEMORY, "a new epoch");
	return log;
}

/* ---- recall ---- */

struct recall {
	struct core	    *core;
	struct core_channel *channel;
	struct log_row	    *row;
	size_t		     n, room;
	enum err	     err;
};

static bool row_collect(void *arg, const struct log_row *row)
{
	struct recall *r = arg;

	if (r->n == r->room) {
		size_t		room = r->room ? 2 * r->room : 16;
		struct log_row *more = realloc(r->row, room * sizeof *more);

		if (more == NULL) {
			r->err = ERR_MEMORY;
			return false;
		}
		r->row = more;
		r->room = room;
	}
	r->row[r->n++] = *row;
	return true;
}

#define AGREE_SCAN_MOST (3 + CHANNEL_AGREEMENTS_MOST) /* GENESIS, TALLY, KEYS and one AGREE each stand first */

struct agrees {
	struct recalled_agree at[AGREE_SCAN_MOST];
	unsigned	      n;
	struct epoch	      previous; /* that GENESIS names */
	bool		      loud;	/* an entry of another kind than these */
};

static void previous_collect(const struct header *h, struct epoch *out)
{
	const struct attr *a = header_attr(h, ATTR_PREVIOUS);
	struct previous	   p;

	if (a != NULL && previous_read(a->value, &p) == ERR_OK)
		memcpy(out->b, p.epoch, EPOCH_SIZE);
}

static bool agree_collect(void *arg, const struct entry_row *row)
{
	struct agrees *a = arg;
	struct header  h;

	if (row->form == FORM_BARE || header_read(row->header, &h) != ERR_OK)
		return true;
	if (h.kind == KIND_GENESIS)
		previous_collect(&h, &a->previous);
	a->loud = a->loud || (h.kind != KIND_GENESIS && h.kind != KIND_TALLY && h.kind != KIND_KEYS && h.kind != KIND_AGREE);
	if (h.kind != KIND_AGREE)
		return true;
	a->at[a->n++] = (struct recalled_agree){h.agreement, h.index};
	return a->n < AGREE_SCAN_MOST;
}

/* The keeper goes on from our last receipt; a crash may have left its frontier behind, then it is made again from the leaves. */
static enum err receipt_frontier_make(struct core *c, const struct log_row *row, struct core_log *log)
{
	struct hash leaf[256];

	log->receipt = row->receipt;
	if (row->receipt_frontier.size == row->receipt.size) {
		log->receipt_frontier = row->receipt_frontier;
		return ERR_OK;
	}
	frontier_init(&log->receipt_frontier);
	for (uint64_t at = 0; at < row->receipt.size;) {
		uint64_t to = row->receipt.size - at > COUNT_OF(leaf) ? at + COUNT_OF(leaf) : row->receipt.size;
		enum err e = store_leaves(c->store, row->id, at, to, leaf);

		if (e != ERR_OK)
			return e;
		for (uint64_t i = at; i < to; i++)
			frontier_add(&log->receipt_frontier, &leaf[i - at]);
		at = to;
	}
	return ERR_OK;
}

static enum err log_recall(struct core *c, struct core_channel *ch, const struct log_row *row)
{
	struct agrees	     agrees = {.n = 0};
	struct hash	    *leaves = NULL;
	uint64_t	     receipted = row->receipt.size;
	struct receipt_frame receipt = {.size = row->receipt.size, .root = row->receipt.root, .time_s = row->receipt.time_s, .sig = row->receipt.sig};
	struct core_log	    *log = log_find(ch, row->own, &row->epoch);
	uint64_t	     scan = row->frontier.size < AGREE_SCAN_MOST ? row->frontier.size : AGREE_SCAN_MOST;

	if (log == NULL)
		log = log_add(ch, row->own, &row->epoch, row->id);
	if (log == NULL)
		return ERR_MEMORY;
	enum err e = store_entries(c->store, row->id, 0, scan, agree_collect, &agrees);
	if (e == ERR_OK && !row->own)
		e = receipt_frontier_make(c, row, log);
	if (e == ERR_OK && !row->own && row->frontier.size > receipted) {
		leaves = calloc((size_t)(row->frontier.size - receipted), sizeof *leaves);
		e = leaves == NULL ? ERR_MEMORY : store_leaves(c->store, row->id, receipted, row->frontier.size, leaves);
	}
	struct recalled_log recalled = {
		.epoch = row->epoch,
		.frontier = row->frontier,
		.tally = row->tally,
		.receipted = receipted,
		.receipt = !row->own && receipted > 0 ? &receipt : NULL,
		.leaves = leaves,
		.agree = agrees.at,
		.nagree = agrees.n,
		.last_time_ms = row->last_time_ms,
		.previous = agrees.previous,
		.naming = row->naming,
		.quiet = !agrees.loud && row->frontier.size <= AGREE_SCAN_MOST,
	};
	if (e == ERR_OK)
		e = channel_recall(ch->channel, row->own, &recalled);
	free(leaves);
	return e;
}

void core_log_recall(struct core *c, struct core_channel *ch, bool own, const struct epoch *epoch)
{
	struct log_row row;
	enum err       e = store_log_find(c->store, epoch, own, &row);

	if (e == ERR_OK)
		e = log_recall(c, ch, &row);
	if (e != ERR_OK)
		journal(LEVEL_ERROR, err_name(e), "an old epoch of channel %s with %s cannot be read: %s", ch->name, ch->partner->name,
			err_text(e, LANG_EN));
}

static bool question_recall(void *arg, const struct exchange_row *x)
{
	struct recall  *r = arg;
	struct exchange question = {.clause = x->clause, .agreement = x->agreement, .accepted_ms = x->accepted_ms};
	struct hash	leaf;

	for (size_t i = 0; i < r->channel->nlogs; i++)
		if (r->channel->log[i]->id == x->question_log)
			question.question.epoch = r->channel->log[i]->epoch;
	if (store_leaves(r->core->store, x->question_log, x->question_index, x->question_index + 1, &leaf) != ERR_OK)
		return true;
	memcpy(question.mid, x->mid, MID_SIZE);
	question.question.index = x->question_index;
	question.delivered_ms = x->delivered_ms;
	question.not_after_ms = x->not_after_ms;
	question.used = x->used;
	return channel_recall_question(r->channel->channel, &question, &leaf) == ERR_OK;
}

static enum err quota_recall_clause(struct core *c, struct core_channel *ch, const struct agreement *a, const struct clause *clause)
{
	int32_t	 today = (int32_t)(c->now_ms / 86400000);
	uint64_t used;

	for (int ours = 0; ours < 2; ours++)
		for (int32_t day = today - 1; day <= today + 1; day++) {
			enum err e = store_quota_used(c->store, ch->partner->name, ch->name, ours != 0, &a->id, clause->number, day, &used);

			if (e != ERR_OK)
				return e;
			if (used > 0)
				channel_recall_quota(ch->channel, ours != 0, &a->id, clause->number, day, used);
		}
	return ERR_OK;
}

static enum err quotas_recall(struct core *c, struct core_channel *ch)
{
	const char *self = c->process->config->party;

	for (unsigned i = 0; i < c->papers.nagreements; i++) {
		const struct agreement *a = c->papers.agreement[i];

		if (agreement_party(a, bytes_text(ch->partner->name)) < 0 || agreement_party(a, bytes_text(self)) < 0)
			continue;
		for (unsigned k = 0; k < a->nclauses; k++) {
			enum err e = strcmp(a->clause[k].channel, ch->name) ? ERR_OK : quota_recall_clause(c, ch, a, &a->clause[k]);

			if (e != ERR_OK)
				return e;
		}
	}
	return ERR_OK;
}

/* Small, and not gone on from: most likely one in which nothing was said before the next start. Those come last of all. */
static bool is_left_behind(const struct log_row *row)
{
	return row->own && !row->naming.adopted && row->naming.said == 0 && row->frontier.size <= AGREE_SCAN_MOST;
}

#define LEFT_BEHIND_MOST 16

/* Among the newest epochs of its direction and kind: a side that restarts often must not push out what it holds of the other, nor what it has said.
 */
static bool is_recent(const struct recall *r, size_t i)
{
	bool   left = is_left_behind(&r->row[i]);
	size_t newer = 0, most = left ? LEFT_BEHIND_MOST : CHANNEL_LOGS_MOST - LEFT_BEHIND_MOST;

	for (size_t k = i + 1; k < r->n && newer < most; k++)
		newer += r->row[k].own == r->row[i].own && is_left_behind(&r->row[k]) == left;
	return newer < most;
}

static bool is_lacking(const struct log_row *row)
{
	return row->own && row->naming.size > row->frontier.size;
}

static enum err brief_recall(struct core_channel *ch, const struct log_row *row)
{
	struct brief brief = {.epoch = row->epoch, .size = row->frontier.size, .said = row->naming.said};

	return channel_recall_brief(ch->channel, row->own, &brief);
}

static enum err channel_recall_all(struct core *c, struct core_channel *ch)
{
	struct recall r = {.core = c, .channel = ch};
	enum err      e = store_logs(c->store, ch->partner->name, ch->name, row_collect, &r);

	if (e == ERR_OK)
		e = r.err;
	for (size_t i = 0; e == ERR_OK && i < r.n; i++)
		if (is_recent(&r, i) || is_lacking(&r.row[i]))
			e = log_recall(c, ch, &r.row[i]);
		else
			e = brief_recall(ch, &r.row[i]);
	free(r.row);
	if (e == ERR_OK)
		e = store_exchanges_open(c->store, ch->partner->name, ch->name, true, question_recall, &r);
	return e ? e : quotas_recall(c, ch);
}

enum err core_recall(struct core *c)
{
	enum err e = store_begin(c->store);

	for (unsigned i = 0; i < c->npartners && e == ERR_OK; i++)
		for (unsigned k = 0; k < c->partner[i].nchannels && e == ERR_OK; k++)
			e = channel_recall_all(c, &c->partner[i].channel[k]);
	return e ? e : store_commit(c->store);
}

/* ---- questions of the partner that were durable here and have no answer ---- */

struct open_questions {
	struct exchange_row *at;
	size_t		     n, room;
};

static bool open_collect(void *arg, const struct exchange_row *x)
{
	struct open_questions *o = arg;

	if (o->n == o->room) {
		size_t		     room = o->room ? 2 * o->room : 64;
		struct exchange_row *more = realloc(o->at, room * sizeof *more);

		if (more == NULL)
			return false;
		o->at = more;
		o->room = room;
	}
	o->at[o->n++] = *x;
	return o->n < CHANNEL_LIVE_MOST;
}

static void unanswered_step(struct core *c, struct core_channel *ch, const struct exchange_row *x)
{
	struct arena	     arena;
	struct entry_row     row;
	struct entry	    *entry = calloc(1, sizeof *entry);
	struct channel_event event = {.type = EVENT_UNANSWERED, .unanswered = {.entry = entry, .used = x->used, .at.index = x->question_index}};

	arena_init(&arena, 256u * 1024);
	for (size_t i = 0; i < ch->nlogs; i++)
		if (ch->log[i]->id == x->question_log)
			event.unanswered.at.epoch = ch->log[i]->epoch;
	if (entry != NULL && store_entry_get(c->store, x->question_log, x->question_index, &arena, &row) == ERR_OK && row.form == FORM_FULL &&
	    core_entry_read(&row, entry)) {
		event.unanswered.leaf = entry_leaf(&row.commitment);
		core_step(c, ch, &event);
	}
	arena_done(&arena);
	free(entry);
}

void core_unanswered(struct core *c, struct core_channel *ch)
{
	struct open_questions o = {0};
	enum err	      e = store_exchanges_open(c->store, ch->partner->name, ch->name, false, open_collect, &o);

	c->asking_again = true;
	for (size_t i = 0; e == ERR_OK && i < o.n; i++)
		unanswered_step(c, ch, &o.at[i]);
	c->asking_again = false;
	free(o.at);
}

/* ---- the end ---- */

static void channel_done(struct core_channel *ch)
{
	for (size_t i = 0; i < ch->nlogs; i++) {
		free(ch->log[i]->asked);
		free(ch->log[i]);
	}
	free(ch->log);
	channel_free(ch->channel);
}

static void partner_done(struct core_partner *p)
{
	for (unsigned k = 0; k < p->nchannels; k++)
		channel_done(&p->channel[k]);
	pipe_free(p->link);
	buffer_done(&p->out);
	buffer_done(&p->half);
	free(p->mine);
	free(p->theirs);
	free(p->theirs_bytes);
}

static void event_done(struct event *e)
{
	if (e != NULL)
		event_free(e);
}

void core_done(struct core *c)
{
	for (unsigned i = 0; i < c->npartners; i++)
		partner_done(&c->partner[i]);
	free(c->partner);
	pipe_free(c->keeper);
	pipe_free(c->desk);
	for (unsigned i = 0; i < CONFIG_PROVIDERS_MOST; i++)
		pipe_free(c->worker[i].pipe);
	core_fetch_done(c);
	store_close(c->store);
	papers_done(&c->papers);
	event_done(c->tick);
	event_done(c->wait);
	event_done(c->stop);
	core_held_done(c);
	core_counts_done(c);
	buffer_done(&c->after);
	buffer_done(&c->failed);
	buffer_done(&c->house);
	buffer_done(&c->officers);
	free(c->handle);
	free(c->lookup);
	free(c->lookup_free);
	free(c->waiter);
	free(c->waiter_free);
}
