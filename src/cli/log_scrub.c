/*
 * log_scrub.c: what can be said of an entry, a head or an exchange without walking the
 * log: commitments, parts, signatures. It is most of the work of a scrub and needs no
 * order, so threads take block after block, each with a store of its own.
 *
 * Blocks go round in a ring: a thread fills block n while those before it wait to be
 * taken, in order, by scrub_next. Each thread reads one snapshot of its own. They may
 * differ by what the gateway wrote meanwhile, which is beyond `to` of every stretch, or
 * a receipt that came: what is compared below `to` never changes.
 */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/log.h"

#define THREADS_MOST 16
#define ANSWERS_MOST (4 * SCRUB_BLOCK) /* entries read in one pass for the answers of a block */

struct slot {
	struct scrub_block block;
	bool		   full;
};

struct worker {
	struct scrub *scrub;
	struct store *store;
	pthread_t     thread;
};

struct scrub {
	const struct scrub_log *logs;
	size_t			nlogs;
	struct store	       *store; /* the caller's: there are no threads */
	struct worker		worker[THREADS_MOST];
	unsigned		nthreads, nring;

	pthread_mutex_t lock;
	pthread_cond_t	filled, taken;
	size_t		log;		  /* the next block to hand out, and where it begins */
	uint64_t	from, next, last; /* blocks handed out; blocks done with */
	bool		stop, holding;	  /* holding: scrub_next's caller looks at block `last` */
	struct slot    *ring;
};

/* ---- one entry ---- */

static void find_part(struct scrub_block *b, enum damage what, uint64_t index, int part)
{
	if (!damage_is_notice(what))
		b->at[index - b->from].damaged = true;
	if (b->nfound < SCRUB_FOUND_MOST)
		b->found[b->nfound++] = (struct scrub_found){what, index, part};
}

static void find(struct scrub_block *b, enum damage what, uint64_t index)
{
	find_part(b, what, index, SCRUB_NO_PART);
}

static void check_parts(struct scrub_block *b, const struct entry_row *row, struct entry *entry)
{
	const struct header *h = &entry->header;

	if (entry_body_read(row->body, entry) != ERR_OK) {
		find(b, DAMAGE_BODY, row->index);
		return;
	}
	for (int i = 0; i < h->nparts; i++) {
		if (h->part[i].placement != PLACED_INLINE)
			continue;
		struct hash c = part_commit(&entry->part[i].salt, entry->part[i].body);
		if (!hash_equal(&c, &h->part[i].commitment))
			find_part(b, DAMAGE_PART, row->index, i);
	}
}

static bool has_withheld(const struct header *h)
{
	for (unsigned i = 0; i < h->nparts; i++)
		if (h->part[i].placement != PLACED_INLINE)
			return true;
	return false;
}

/*
 * Own entries keep what is not inline (store/store.h); of an attached part only the salt stands here, its bytes are had
 * elsewhere. Nothing at all is the state of an entry that was repaired from the partner's copy: what was withheld from
 * the partner cannot come back from there, and nothing that was signed needs it.
 */
static void check_withheld(struct scrub_block *b, const struct entry_row *row, const struct header *h)
{
	struct cursor c = cursor_on(row->withheld);

	if (row->withheld.n == 0 && has_withheld(h)) {
		find(b, DAMAGE_WITHHELD_GONE, row->index);
		return;
	}
	for (int i = 0; i < h->nparts; i++) {
		struct salt salt;
		if (h->part[i].placement == PLACED_INLINE)
			continue;
		cursor_copy(&c, salt.b, sizeof salt.b);
		struct bytes body = cursor_take16(&c, INLINE_MOST);
		if (h->part[i].placement == PLACED_ATTACHED && cursor_err(&c) == ERR_OK && body.n == 0)
			continue;
		struct hash commitment = part_commit(&salt, body);
		if (cursor_err(&c) != ERR_OK || !hash_equal(&commitment, &h->part[i].commitment)) {
			find_part(b, DAMAGE_WITHHELD, row->index, i);
			return;
		}
	}
	if (cursor_end(&c) != ERR_OK)
		find(b, DAMAGE_WITHHELD, row->index);
}

static void header_keep(struct scrubbed *out, const struct header *h)
{
	out->header_known = true;
	out->kind = h->kind;
	out->agreement = h->agreement;
	out->aseq = h->aseq;
	out->clause = h->clause;
	memcpy(out->mid, h->mid, MID_SIZE);
}

static void check_header(struct scrub_block *b, const struct entry_row *row, bool own)
{
	struct hash	 commitment = header_commit(&row->salt, row->header);
	struct scrubbed *out = &b->at[row->index - b->from];
	struct entry	 entry;

	if (!hash_equal(&commitment, &row->commitment)) {
		find(b, DAMAGE_COMMITMENT, row->index);
		return;
	}
	if (header_read(row->header, &entry.header) != ERR_OK) {
		find(b, DAMAGE_HEADER, row->index);
		return;
	}
	header_keep(out, &entry.header);
	if (entry.header.index != row->index)
		find(b, DAMAGE_INDEX, row->index);
	if ((entry.header.kind == KIND_GENESIS) != (row->index == 0))
		find(b, DAMAGE_GENESIS, row->index);
	if (row->form == FORM_FULL)
		check_parts(b, row, &entry);
	if (row->form == FORM_FULL && own)
		check_withheld(b, row, &entry.header);
}

/* ---- the entries of a block ---- */

struct filling {
	struct scrub_block *b;
	bool		    own;
	uint64_t	    index; /* expected next */
};

static bool fill_entry(void *arg, const struct entry_row *row)
{
	struct filling	*f = arg;
	struct scrubbed *out;

	for (; f->index < row->index; f->index++)
		find(f->b, DAMAGE_MISSING, f->index);
	f->index++;
	out = &f->b->at[row->index - f->b->from];
	out->leaf = entry_leaf(&row->commitment);
	out->leaf_known = true;
	out->form = row->form;
	if (row->form > FORM_BARE)
		find(f->b, DAMAGE_FORM, row->index);
	else if (row->form != FORM_BARE)
		check_header(f->b, row, f->own);
	return true;
}

/* A row that cannot be read ends the reading, so it is told and passed over. */
static void fill_entries(struct store *s, const struct scrub_log *log, struct scrub_block *b)
{
	struct filling f = {b, log->own, b->from};
	uint64_t       end = b->from + b->n;

	while (f.index < end) {
		enum err e = store_entries(s, log->id, f.index, end, fill_entry, &f);
		if (e != ERR_OK && f.index < end)
			find(b, DAMAGE_UNREADABLE, f.index++);
		if (e == ERR_OK)
			break;
	}
	for (; f.index < end; f.index++)
		find(b, DAMAGE_MISSING, f.index);
}

/* ---- its heads ---- */

static void head_checkpoint(const struct scrub_log *log, const struct head_row *head, struct checkpoint *out)
{
	memcpy(out->origin, log->origin, sizeof out->origin);
	out->size = head->size;
	out->root = head->root;
}

static bool checkpoint_holds(const struct scrub_log *log, const struct head_row *head)
{
	struct checkpoint c;

	head_checkpoint(log, head, &c);
	for (unsigned i = 0; head->checkpointed && head->checkpoint_read && i < log->nlog_keys; i++)
		if (checkpoint_verify(log->log_key[i], &c, &head->checkpoint) == ERR_OK)
			return true;
	return false;
}

static bool receipt_holds(const struct scrub_log *log, const struct head_row *head)
{
	struct checkpoint c;

	head_checkpoint(log, head, &c);
	for (unsigned i = 0; head->receipted && head->receipt_read && i < log->nreceipt_keys; i++)
		if (receipt_verify(log->receipt_key[i], &c, head->time_s, &head->receipt) == ERR_OK)
			return true;
	return false;
}

bool head_verifies(const struct scrub_log *log, const struct head_row *head)
{
	return head->root_read && (checkpoint_holds(log, head) || receipt_holds(log, head));
}

struct heading {
	const struct scrub_log *log;
	struct scrub_block     *b;
};

static bool fill_head(void *arg, const struct head_row *head)
{
	struct heading	     *h = arg;
	struct scrubbed_head *out = &h->b->head[h->b->nheads++];

	out->head = *head;
	out->checkpoint_verifies = head->root_read && checkpoint_holds(h->log, head);
	out->receipt_verifies = head->root_read && receipt_holds(h->log, head);
	return h->b->nheads < SCRUB_BLOCK;
}

/* ---- its exchanges ---- */

static bool question_matches(const struct exchange_row *x, const struct scrubbed *q)
{
	return !KIND_IS_CONTROL(q->kind) && memcmp(q->mid, x->mid, MID_SIZE) == 0 && hash_equal(&q->agreement, &x->agreement) &&
	       q->clause == x->clause;
}

static bool answer_says(const struct exchange_row *x, const struct header *h, const struct epoch *epoch, const struct hash *question)
{
	return h->kind == KIND_REPLY && (h->flags & FLAG_HAS_RE) != 0 && h->status == x->status && h->re.index == x->question_index &&
	       memcmp(h->re.epoch, epoch->b, EPOCH_SIZE) == 0 && hash_equal(&h->re.leaf, question);
}

/* A bare answer has no header any more that could say otherwise. */
static bool answer_matches(const struct exchange_row *x, uint8_t form, struct bytes header, const struct epoch *epoch, const struct hash *question)
{
	struct header h;

	return form == FORM_BARE || (header_read(header, &h) == ERR_OK && answer_says(x, &h, epoch, question));
}

struct exchanging {
	const struct scrub_log *log;
	struct scrub_block     *b;
	int64_t			answers; /* the one log that all of them are in; 0: none yet, or several */
	uint64_t		first, last;
	bool			several;
	uint16_t		at[ANSWERS_MOST]; /* by index of the answer from `first`: 1 + place of the exchange */
};

static bool fill_exchange(void *arg, const struct exchange_row *x)
{
	struct exchanging	 *e = arg;
	const struct scrubbed	 *q = &e->b->at[x->question_index - e->b->from];
	struct scrubbed_exchange *out = &e->b->exchange[e->b->nexchanges++];

	out->row = *x;
	out->question_matches = q->leaf_known && (q->form == FORM_BARE || (q->header_known && question_matches(x, q)));
	out->answer_matches = x->answer_log == 0;
	if (x->answer_log != 0) {
		bool none = e->answers == 0 && !e->several;
		e->several = e->several || (!none && e->answers != x->answer_log);
		e->answers = x->answer_log;
		e->first = none || x->answer_index < e->first ? x->answer_index : e->first;
		e->last = none || x->answer_index > e->last ? x->answer_index : e->last;
	}
	return e->b->nexchanges < SCRUB_BLOCK;
}

static const struct hash *question_leaf(const struct scrub_block *b, const struct exchange_row *x)
{
	return &b->at[x->question_index - b->from].leaf;
}

static bool answer_seen(void *arg, uint64_t index, uint8_t form, struct bytes header)
{
	struct exchanging *e = arg;
	unsigned	   at = e->at[index - e->first];

	if (at == 0)
		return true;
	struct scrubbed_exchange *x = &e->b->exchange[at - 1];
	x->answer_matches = answer_matches(&x->row, form, header, &e->log->epoch, question_leaf(e->b, &x->row));
	return true;
}

/* Questions are answered nearly in their order: then one pass over the answers does for all of them. */
static bool answers_read(struct store *s, struct exchanging *e)
{
	if (e->several || e->last - e->first >= ANSWERS_MOST)
		return false;
	memset(e->at, 0, sizeof e->at);
	for (unsigned i = 0; i < e->b->nexchanges; i++) {
		const struct exchange_row *x = &e->b->exchange[i].row;
		if (x->answer_log != 0 && e->at[x->answer_index - e->first] != 0)
			return false;
		if (x->answer_log != 0)
			e->at[x->answer_index - e->first] = (uint16_t)(i + 1);
	}
	return store_entry_headers(s, e->answers, e->first, e->last + 1, answer_seen, e) == ERR_OK;
}

struct answering {
	struct scrubbed_exchange *x;
	const struct epoch	 *epoch;
	const struct hash	 *question;
};

static bool answer_compare(void *arg, uint64_t index unused_arg, uint8_t form, struct bytes header)
{
	struct answering *a = arg;

	a->x->answer_matches = answer_matches(&a->x->row, form, header, a->epoch, a->question);
	return false;
}

static void answer_read(struct store *s, struct scrubbed_exchange *x, const struct epoch *epoch, const struct hash *question)
{
	struct answering a = {x, epoch, question};

	x->answer_matches = x->row.answer_log == 0;
	if (x->row.answer_log != 0 &&
	    store_entry_headers(s, x->row.answer_log, x->row.answer_index, x->row.answer_index + 1, answer_compare, &a) != ERR_OK)
		x->answer_matches = false;
}

static enum err fill_exchanges(struct store *s, const struct scrub_log *log, struct scrub_block *b)
{
	struct exchanging e = {.log = log, .b = b};
	enum err	  err = store_exchanges_between(s, log->id, b->from, log->id, b->from + b->n, fill_exchange, &e);

	if (e.answers == 0 || answers_read(s, &e))
		return err;
	for (unsigned i = 0; i < b->nexchanges; i++)
		answer_read(s, &b->exchange[i], &log->epoch, question_leaf(b, &b->exchange[i].row));
	return err;
}

/* ---- blocks ---- */

static void fill(struct store *s, const struct scrub_log *log, struct scrub_block *b)
{
	struct heading h = {log, b};

	b->nfound = b->nheads = b->nexchanges = 0;
	memset(b->at, 0, b->n * sizeof b->at[0]);
	fill_entries(s, log, b);
	b->why[0] = 0;
	if (store_head_rows(s, log->id, b->from + 1, b->from + b->n + 1, fill_head, &h) != ERR_OK || fill_exchanges(s, log, b) != ERR_OK)
		snprintf(b->why, sizeof b->why, "%s", store_fault(s)->at);
}

/* What is to be filled next; false when nothing is left. */
static bool block_choose(struct scrub *s, struct scrub_block *b)
{
	while (s->log < s->nlogs && s->from >= s->logs[s->log].to) {
		s->log++;
		s->from = s->log < s->nlogs ? s->logs[s->log].from : 0;
	}
	if (s->log == s->nlogs)
		return false;
	uint64_t left = s->logs[s->log].to - s->from;
	b->log = s->log;
	b->from = s->from;
	b->n = left < SCRUB_BLOCK ? (unsigned)left : SCRUB_BLOCK;
	s->from += b->n;
	return true;
}

/* Waits until the next slot of the ring is free; NULL when there is no more work. */
static struct slot *slot_take(struct scrub *s)
{
	struct slot *slot = NULL;

	(void)pthread_mutex_lock(&s->lock);
	while (!s->stop && s->next - s->last >= s->nring)
		(void)pthread_cond_wait(&s->taken, &s->lock);
	if (!s->stop && block_choose(s, &s->ring[s->next % s->nring].block)) {
		slot = &s->ring[s->next++ % s->nring];
		slot->full = false;
	}
	(void)pthread_mutex_unlock(&s->lock);
	return slot;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct slot   *slot;

	while ((slot = slot_take(w->scrub)) != NULL) {
		fill(w->store, &w->scrub->logs[slot->block.log], &slot->block);
		(void)pthread_mutex_lock(&w->scrub->lock);
		slot->full = true;
		(void)pthread_cond_signal(&w->scrub->filled);
		(void)pthread_mutex_unlock(&w->scrub->lock);
	}
	return NULL;
}

/* ---- threads ---- */

static unsigned threads_wanted(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > THREADS_MOST ? THREADS_MOST : (unsigned)n;
}

/* The snapshot is taken here, before the first block: store_begin alone does not read yet, so a name is read too. */
static bool name_first(void *arg unused_arg, const struct log_name *name unused_arg)
{
	return false;
}

static enum err store_add(struct scrub *s, const char *path, struct fault *fault)
{
	struct worker *w = &s->worker[s->nthreads];
	enum err       e = store_open(path, STORE_READ, &w->store, fault);

	if (e != ERR_OK)
		return e;
	e = store_begin(w->store);
	if (e == ERR_OK)
		e = store_log_names(w->store, name_first, NULL);
	w->scrub = s;
	if (e == ERR_OK && pthread_create(&w->thread, NULL, work, w) != 0)
		e = ERR_MEMORY;
	if (e != ERR_OK) {
		store_close(w->store);
		return e;
	}
	s->nthreads++;
	return ERR_OK;
}

/* One thread is enough to go on with; it only takes longer. */
static enum err threads_start(struct scrub *s, const char *path, struct fault *fault)
{
	unsigned wanted = threads_wanted();
	enum err e = ERR_OK;

	for (unsigned i = 0; i < wanted && e == ERR_OK; i++)
		e = store_add(s, path, fault);
	return s->nthreads > 0 ? ERR_OK : e;
}

enum err scrub_begin(const char *path, struct store *store, const struct scrub_log *logs, size_t n, struct scrub **out, struct fault *fault)
{
	struct scrub *s = calloc(1, sizeof *s);

	if (s == NULL)
		return ERR_MEMORY;
	(void)pthread_mutex_init(&s->lock, NULL);
	(void)pthread_cond_init(&s->filled, NULL);
	(void)pthread_cond_init(&s->taken, NULL);
	s->logs = logs;
	s->nlogs = n;
	s->from = n > 0 ? logs[0].from : 0;
	s->store = store;
	s->nring = store != NULL ? 1 : 4 * threads_wanted();
	s->ring = calloc(s->nring, sizeof *s->ring);
	enum err e = s->ring == NULL ? ERR_MEMORY : store != NULL ? ERR_OK : threads_start(s, path, fault);
	if (e != ERR_OK) {
		scrub_end(s);
		return e;
	}
	*out = s;
	return ERR_OK;
}

/* Alone, or at the end of the work. */
static const struct scrub_block *next_alone(struct scrub *s)
{
	struct scrub_block *b = &s->ring[0].block;

	if (!block_choose(s, b))
		return NULL;
	fill(s->store, &s->logs[b->log], b);
	return b;
}

static bool work_is_left(const struct scrub *s)
{
	for (size_t i = s->log; i < s->nlogs; i++)
		if ((i == s->log ? s->from : s->logs[i].from) < s->logs[i].to)
			return true;
	return false;
}

const struct scrub_block *scrub_next(struct scrub *s)
{
	const struct scrub_block *out = NULL;

	if (s->store != NULL)
		return next_alone(s);
	(void)pthread_mutex_lock(&s->lock);
	if (s->holding) {
		s->last++;
		(void)pthread_cond_signal(&s->taken);
	}
	while (s->last < s->next || work_is_left(s)) {
		struct slot *slot = &s->ring[s->last % s->nring];
		if (s->last < s->next && slot->full) {
			out = &slot->block;
			break;
		}
		(void)pthread_cond_wait(&s->filled, &s->lock);
	}
	s->holding = out != NULL;
	(void)pthread_mutex_unlock(&s->lock);
	return out;
}

void scrub_end(struct scrub *s)
{
	if (s == NULL)
		return;
	(void)pthread_mutex_lock(&s->lock);
	s->stop = true;
	(void)pthread_cond_broadcast(&s->taken);
	(void)pthread_mutex_unlock(&s->lock);
	for (unsigned i = 0; i < s->nthreads; i++) {
		(void)pthread_join(s->worker[i].thread, NULL);
		store_close(s->worker[i].store);
	}
	(void)pthread_cond_destroy(&s->taken);
	(void)pthread_cond_destroy(&s->filled);
	(void)pthread_mutex_destroy(&s->lock);
	free(s->ring);
	free(s);
}

/* ---- an exchange of no block: its question stands in no stretch ---- */

static const struct scrub_log *log_of(const struct scrub_log *logs, size_t n, int64_t id)
{
	for (size_t i = 0; i < n; i++)
		if (logs[i].id == id)
			return &logs[i];
	return NULL;
}

static bool question_keep(void *arg, uint64_t index unused_arg, uint8_t form, struct bytes header)
{
	struct scrubbed *q = arg;
	struct header	 h;

	q->form = form;
	q->leaf_known = true;
	if (form != FORM_BARE && header_read(header, &h) == ERR_OK)
		header_keep(q, &h);
	return false;
}

void scrub_exchange(struct store *s, const struct scrub_log *logs, size_t n, const struct exchange_row *x, struct scrubbed_exchange *out)
{
	const struct scrub_log *log = log_of(logs, n, x->question_log);
	struct scrubbed		q = {.form = FORM_FULL};

	*out = (struct scrubbed_exchange){.row = *x};
	if (log == NULL || store_entry_headers(s, log->id, x->question_index, x->question_index + 1, question_keep, &q) != ERR_OK ||
	    store_leaves(s, log->id, x->question_index, x->question_index + 1, &q.leaf) != ERR_OK)
		return;
	out->question_matches = q.form == FORM_BARE || (q.header_known && question_matches(x, &q));
	answer_read(s, out, &log->epoch, &q.leaf);
}
