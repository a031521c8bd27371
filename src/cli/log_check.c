/*
 * log_check.c: the walk along each log in order. What the threads of log_scrub.c found of
 * a block is told here, between what needs the order: every root and what is signed of
 * it, the numbering per agreement, every TALLY, GENESIS against the epoch it names, and
 * what the log's row remembers.
 */
#include <stdlib.h>

#include "cli/log.h"

#define ENTRY_MEMORY (1u << 17)
#define TAIL_MOST    65536 /* missing entries told behind the last one: a size that is itself damaged may be anything */

/* ---- what is found ---- */

static const struct damage_row {
	const char *name, *text[2];
} damages[] = {
#define DAMAGE_ROW(name, en, ar) {#name, {en, ar}},
	DAMAGE_TABLE(DAMAGE_ROW)
#undef DAMAGE_ROW
};

const char *damage_name(enum damage what)
{
	return damages[what].name;
}

const char *damage_text(enum damage what, enum lang lang)
{
	return damages[what].text[lang];
}

static void tell(struct checking *c, struct found found)
{
	if (found.log != NULL && found.origin == NULL)
		found.origin = c->stretch[found.log - c->log].origin;
	if (damage_is_notice(found.what))
		c->notices++;
	else
		c->damages++;
	if (found.log != NULL && !damage_is_notice(found.what))
		found.log->damaged = true;
	c->tell(c->arg, &found);
}

static void tell_at(struct checking *c, enum damage what, enum place_kind kind, uint64_t number)
{
	tell(c, (struct found){.what = what, .kind = kind, .log = &c->log[c->now], .number = number});
}

static void tell_words(struct checking *c, struct held_log *log, const char *words)
{
	tell(c, (struct found){.what = DAMAGE_UNREADABLE, .kind = PLACE_WORDS, .log = log, .words = words});
}

/* ---- counting ---- */

static unsigned tally_place(struct mark *m, const struct hash *agreement)
{
	unsigned i = 0;

	while (i < m->tally.n && !hash_equal(&m->tally.row[i].agreement, agreement))
		i++;
	if (i == m->tally.n && i < TALLY_ROWS_MOST) {
		m->tally.n++;
		m->tally.row[i] = (struct tally_row){.agreement = *agreement};
		m->aseq[i] = 0;
	}
	return i;
}

static void check_aseq(struct checking *c, const struct scrubbed *e, uint64_t index)
{
	struct mark *m = &c->at;
	unsigned     i = tally_place(m, &e->agreement);

	if (i == TALLY_ROWS_MOST) {
		tell_at(c, DAMAGE_ASEQ, PLACE_ENTRY, index);
		return;
	}
	if (e->aseq != m->aseq[i] && !(m->bare && e->aseq > m->aseq[i]))
		tell_at(c, DAMAGE_ASEQ, PLACE_ENTRY, index);
	m->aseq[i] = e->aseq + 1;
	m->tally.row[i].count++;
	m->tally.row[i].last = index;
}

/* Rows of a TALLY ascend by agreement, ours stand in order of appearance. */
static bool tally_same(const struct tally *counted, const struct tally *said)
{
	if (counted->n != said->n)
		return false;
	for (unsigned i = 0; i < said->n; i++) {
		unsigned k = 0;
		while (k < counted->n && !hash_equal(&counted->row[k].agreement, &said->row[i].agreement))
			k++;
		if (k == counted->n || counted->row[k].count != said->row[i].count || counted->row[k].last != said->row[i].last)
			return false;
	}
	return true;
}

static bool same_direction(const struct log_row *a, const struct log_row *b)
{
	return a->own == b->own && strcmp(a->partner, b->partner) == 0 && strcmp(a->channel, b->channel) == 0;
}

/* Another epoch of the direction that is walked, or NULL. */
static struct held_log *log_of_epoch(const struct checking *c, const uint8_t epoch[EPOCH_SIZE])
{
	for (size_t i = 0; i < c->n; i++)
		if (same_direction(&c->log[i].row, &c->log[c->now].row) && memcmp(epoch, c->log[i].row.epoch.b, EPOCH_SIZE) == 0)
			return &c->log[i];
	return NULL;
}

/* ---- a TALLY of the epoch before counts to the size that GENESIS names, which is less than is held after a restore ---- */

struct recount {
	struct mark at;
	bool	    bare;
};

static bool entry_recount(void *arg, const struct entry_row *row)
{
	struct recount *r = arg;
	struct header	h;

	r->bare = r->bare || row->form == FORM_BARE;
	if (row->form == FORM_BARE || header_read(row->header, &h) != ERR_OK || KIND_IS_CONTROL(h.kind))
		return true;
	unsigned i = tally_place(&r->at, &h.agreement);
	if (i < TALLY_ROWS_MOST) {
		r->at.tally.row[i].count++;
		r->at.tally.row[i].last = h.index;
	}
	return true;
}

static bool previous_named(struct checking *c, struct previous *out)
{
	struct entry_row row;
	struct header	 h;
	struct arena	 a;

	arena_init(&a, ENTRY_MEMORY);
	bool		   read = store_entry_get(c->s, c->log[c->now].row.id, 0, &a, &row) == ERR_OK && header_read(row.header, &h) == ERR_OK;
	const struct attr *named = read ? header_attr(&h, ATTR_PREVIOUS) : NULL;
	read = named != NULL && previous_read(named->value, out) == ERR_OK;
	arena_done(&a);
	return read;
}

static bool tally_of_before(struct checking *c, const struct held_log *log, const struct tally *said)
{
	static struct recount r; /* large */
	struct previous	      named;

	if (!previous_named(c, &named) || memcmp(named.epoch, said->epoch, EPOCH_SIZE) != 0)
		return false;
	if (named.size == log->row.frontier.size)
		return log->walked ? log->end.bare || tally_same(&log->end.tally, said) : tally_same(&log->row.tally, said);
	memset(&r, 0, sizeof r);
	return store_entries(c->s, log->row.id, 0, named.size, entry_recount, &r) == ERR_OK && (r.bare || tally_same(&r.at.tally, said));
}

/* A TALLY counts the epoch it stands in, or, behind GENESIS, the one before (spec/rules.md). */
static bool tally_holds(struct checking *c, const struct header *h)
{
	const struct attr *a = header_attr(h, ATTR_TALLY);
	struct tally	   said;

	if (a == NULL || tally_read(a->value, &said) != ERR_OK)
		return false;
	const struct held_log *log = log_of_epoch(c, said.epoch);
	if (log == &c->log[c->now])
		return c->at.bare || tally_same(&c->at.tally, &said);
	return log != NULL && tally_of_before(c, log, &said);
}

/* ---- GENESIS: the epoch it names must be held here to that size, with that root ---- */

/*
 * How far other entries of ours say that this log goes: more than is held when part of it was lost with the disk and is
 * not all fetched back from the partner yet.
 */
static uint64_t size_named(const struct log_row *row)
{
	return row->own ? row->naming.size : 0;
}

static bool root_is(struct checking *c, const struct held_log *log, uint64_t size, const struct hash *root)
{
	struct hash	leaves[256];
	struct frontier f;

	if (log->walked && log->leaves_known && log->end.size == size)
		f = log->end.frontier;
	else
		frontier_init(&f);
	while (f.size < size) {
		uint64_t n = size - f.size < COUNT_OF(leaves) ? size - f.size : COUNT_OF(leaves);
		if (store_leaves(c->s, log->row.id, f.size, f.size + n, leaves) != ERR_OK)
			return false;
		for (uint64_t i = 0; i < n; i++)
			frontier_add(&f, &leaves[i]);
	}
	struct hash computed = frontier_root(&f);
	return hash_equal(&computed, root);
}

static bool chain_holds(struct checking *c, const struct header *h)
{
	const struct attr *a = header_attr(h, ATTR_PREVIOUS);
	struct previous	   p;

	if (a == NULL || previous_read(a->value, &p) != ERR_OK)
		return false;
	if (p.cause == CAUSE_FIRST)
		return true; /* a ledger that was lost whole begins anew, and ADOPT names what was before */
	const struct held_log *before = log_of_epoch(c, p.epoch);
	if (before == NULL || before == &c->log[c->now])
		return false;
	/* Told as what is to be fetched, where that log is walked. */
	if (before->readable && before->row.frontier.size < p.size && p.size <= size_named(&before->row))
		return true;
	return root_is(c, before, p.size, &p.root);
}

/* GENESIS and TALLY are rare, so their headers are read once more. */
static void check_special(struct checking *c, const struct scrubbed *e, uint64_t index)
{
	struct entry_row row;
	struct header	 h;
	struct arena	 a;

	arena_init(&a, ENTRY_MEMORY);
	bool read = store_entry_get(c->s, c->log[c->now].row.id, index, &a, &row) == ERR_OK && header_read(row.header, &h) == ERR_OK;
	if (e->kind == KIND_TALLY && (!read || !tally_holds(c, &h)))
		tell_at(c, DAMAGE_TALLY, PLACE_ENTRY, index);
	if (e->kind == KIND_GENESIS && (!read || !chain_holds(c, &h)))
		tell_at(c, DAMAGE_CHAIN, PLACE_ENTRY, index);
	arena_done(&a);
}

/* ---- heads ---- */

static bool frontier_same(const struct frontier *a, const struct frontier *b)
{
	struct hash x = frontier_root(a), y = frontier_root(b);

	return a->size == b->size && hash_equal(&x, &y);
}

/* Behind a damaged leaf every root differs: once is enough. */
static bool root_differs(struct checking *c, const struct scrubbed_head *h)
{
	struct hash root = frontier_root(&c->at.frontier);

	if (!c->log[c->now].leaves_known || hash_equal(&root, &h->head.root))
		return false;
	bool told = c->leaf_damaged && c->root_told;
	c->root_told = true;
	return !told;
}

static void check_checkpoint(struct checking *c, const struct scrubbed_head *h, bool differs)
{
	c->heads++;
	if (!h->head.root_read || !h->head.checkpoint_read)
		tell_at(c, DAMAGE_UNREADABLE, PLACE_CHECKPOINT, h->head.size);
	else if (differs)
		tell_at(c, DAMAGE_CHECKPOINT_ROOT, PLACE_CHECKPOINT, h->head.size);
	else if (!h->checkpoint_verifies && c->stretch[c->now].nlog_keys > 0)
		tell_at(c, DAMAGE_CHECKPOINT_SIGNATURE, PLACE_CHECKPOINT, h->head.size);
}

static void check_receipt(struct checking *c, const struct scrubbed_head *h, bool differs)
{
	struct held_log *log = &c->log[c->now];

	c->heads++;
	if (!h->head.root_read || !h->head.receipt_read)
		tell_at(c, DAMAGE_UNREADABLE, PLACE_RECEIPT, h->head.size);
	else if (differs)
		tell_at(c, DAMAGE_RECEIPT_ROOT, PLACE_RECEIPT, h->head.size);
	else if (!h->receipt_verifies && c->stretch[c->now].nreceipt_keys > 0)
		tell_at(c, DAMAGE_RECEIPT_SIGNATURE, PLACE_RECEIPT, h->head.size);
	if (!log->readable || h->head.size == log->row.receipt.size)
		log->receipt_frontier = c->at.frontier;
	if (!log->row.own && log->readable && h->head.size == log->row.receipt.size && !frontier_same(&c->at.frontier, &log->row.receipt_frontier))
		tell_at(c, DAMAGE_RECEIPT_FRONTIER, PLACE_ROW, (uint64_t)log->row.id);
}

static bool head_is_last(const struct held_log *log, uint64_t size)
{
	return size >= log->row.checkpoint.size && size >= log->row.receipt.size;
}

static void check_head(struct checking *c, const struct scrubbed_head *h)
{
	struct held_log *log = &c->log[c->now];
	struct hash	 root = frontier_root(&c->at.frontier);
	bool		 same = log->leaves_known && h->head.root_read && hash_equal(&root, &h->head.root);
	bool		 differs = h->head.root_read && !same && root_differs(c, h);
	/* Of a root that is not that of the entries for a reason already told, its signature says nothing more. */
	bool judged = same || differs || !h->head.root_read;

	if (log->entry_damaged && !same)
		log->unvouched += (uint64_t)h->head.checkpointed + h->head.receipted;
	if (h->head.checkpointed && judged)
		check_checkpoint(c, h, differs);
	if (h->head.receipted && judged)
		check_receipt(c, h, differs);
	if (!same || (!h->checkpoint_verifies && !h->receipt_verifies))
		return;
	log->confirmed = h->head.size;
	if (c->damages == 0 && c->marked != NULL)
		c->marked(c->arg, &c->stretch[c->now], &c->at, head_is_last(log, h->head.size));
}

/* ---- a block ---- */

static void check_entry(struct checking *c, const struct scrubbed *e)
{
	struct held_log *log = &c->log[c->now];
	uint64_t	 index = c->at.size++;

	if (e->header_known && (e->kind == KIND_QUERY || e->kind == KIND_MATCH))
		log->queries++;
	if (!e->header_known)
		c->at.bare = true;
	else if (e->kind == KIND_GENESIS || e->kind == KIND_TALLY)
		check_special(c, e, index);
	else if (!KIND_IS_CONTROL(e->kind))
		check_aseq(c, e, index);
	if (e->damaged)
		c->leaf_damaged = true;
	if (e->damaged && !log->entry_damaged)
		log->first_damaged = index;
	log->entry_damaged = log->entry_damaged || e->damaged;
	if (!e->leaf_known)
		log->leaves_known = false;
	if (log->leaves_known)
		frontier_add(&c->at.frontier, &e->leaf);
	c->entries++;
}

static void check_block(struct checking *c, const struct scrub_block *b)
{
	unsigned found = 0, head = 0;

	for (unsigned i = 0; i < b->n; i++) {
		uint64_t index = b->from + i;
		for (; found < b->nfound && b->found[found].index == index; found++) {
			const struct scrub_found *f = &b->found[found];
			tell(c, (struct found){f->what, f->part == SCRUB_NO_PART ? PLACE_ENTRY : PLACE_PART, &c->log[c->now], NULL, index, f->part,
					       NULL, NULL});
		}
		check_entry(c, &b->at[i]);
		for (; head < b->nheads && b->head[head].head.size == c->at.size; head++)
			check_head(c, &b->head[head]);
	}
}

static void tell_exchange(struct checking *c, struct held_log *log, const struct scrubbed_exchange *x)
{
	struct found f = {.kind = PLACE_EXCHANGE, .log = log, .number = x->row.question_index, .mid = x->row.mid};

	c->exchanges++;
	if (log != NULL)
		log->asked++;
	f.what = !x->question_matches ? DAMAGE_QUESTION : DAMAGE_ANSWER;
	if (!x->question_matches || !x->answer_matches)
		tell(c, f);
}

static void check_exchanges(struct checking *c, const struct scrub_block *b)
{
	for (unsigned i = 0; i < b->nexchanges; i++)
		tell_exchange(c, &c->log[c->now], &b->exchange[i]);
	if (b->why[0] != 0)
		tell_words(c, &c->log[c->now], b->why);
}

/* ---- one log ---- */

static void log_start(struct checking *c)
{
	struct held_log	       *log = &c->log[c->now];
	const struct scrub_log *stretch = &c->stretch[c->now];

	c->leaf_damaged = c->root_told = false;
	log->leaves_known = true;
	if (!log->readable)
		tell_words(c, log, log->why);
	if (stretch->nlog_keys == 0 || stretch->nreceipt_keys == 0)
		tell_at(c, DAMAGE_KEY, PLACE_LOG, 0);
	c->at = log->end; /* where another walk came to, or the beginning */
	c->entries += stretch->from;
	c->resumed += stretch->from;
}

static bool tell_beyond(void *arg, const struct head_row *head)
{
	struct checking *c = arg;

	if (head->checkpointed)
		tell_at(c, DAMAGE_BEYOND, PLACE_CHECKPOINT, head->size);
	if (head->receipted)
		tell_at(c, DAMAGE_BEYOND, PLACE_RECEIPT, head->size);
	return true;
}

static bool tell_stray(void *arg, const struct entry_row *row)
{
	tell_at(arg, DAMAGE_STRAY, PLACE_ENTRY, row->index);
	return true;
}

/* What stands behind the end of the log, where nothing should. */
static void check_behind(struct checking *c)
{
	struct held_log *log = &c->log[c->now];

	if (store_head_rows(c->s, log->row.id, c->at.size + 1, UINT64_MAX, tell_beyond, c) != ERR_OK)
		tell_words(c, log, store_fault(c->s)->at);
	if (log->extent > c->at.size && store_entries(c->s, log->row.id, c->at.size, UINT64_MAX, tell_stray, c) != ERR_OK)
		tell_words(c, log, store_fault(c->s)->at);
}

static void check_row(struct checking *c)
{
	struct held_log *log = &c->log[c->now];
	uint64_t	 id = (uint64_t)log->row.id;

	for (uint64_t i = log->extent; i < log->row.frontier.size && i < log->extent + TAIL_MOST; i++)
		tell_at(c, DAMAGE_MISSING, PLACE_ENTRY, i);
	if (!log->leaves_known || !frontier_same(&c->at.frontier, &log->row.frontier))
		tell_at(c, DAMAGE_FRONTIER, PLACE_ROW, id);
	if (!c->at.bare && !tally_same(&c->at.tally, &log->row.tally))
		tell_at(c, DAMAGE_TALLY_ROW, PLACE_ROW, id);
	if (size_named(&log->row) > log->row.frontier.size)
		tell_at(c, DAMAGE_FETCH, PLACE_LOG, 0);
}

static void check_sums(struct checking *c)
{
	struct held_log *log = &c->log[c->now];
	bool		 same = true;

	if (store_sums_check(c->s, log->row.id, &same) != ERR_OK)
		tell_words(c, log, store_fault(c->s)->at);
	else if (!same)
		tell_at(c, DAMAGE_SUMS, PLACE_ROW, (uint64_t)log->row.id);
}

static void log_end(struct checking *c)
{
	struct held_log *log = &c->log[c->now];

	check_behind(c);
	if (log->readable)
		check_row(c);
	check_sums(c);
	log->end = c->at;
	log->walked = true;
}

static void walk(struct checking *c, struct scrub *scrub)
{
	for (c->now = 0; c->now < c->n; c->now++) {
		if (c->only != 0 && c->only != c->log[c->now].row.id)
			continue;
		log_start(c);
		while (c->at.size < c->stretch[c->now].to) {
			const struct scrub_block *b = scrub_next(scrub);
			check_block(c, b);
			check_exchanges(c, b);
			if (c->step != NULL)
				c->step(c->arg);
		}
		log_end(c);
	}
}

/* ---- exchanges whose questions stand in no stretch ---- */

static bool exchange_outside(void *arg, const struct exchange_row *x)
{
	struct checking		*c = arg;
	struct scrubbed_exchange out;
	struct held_log		*log = NULL;

	for (size_t i = 0; i < c->n; i++)
		if (c->log[i].row.id == x->question_log)
			log = &c->log[i];
	scrub_exchange(c->s, c->stretch, c->n, x, &out);
	tell_exchange(c, log, &out);
	return true;
}

/* Behind the last entry of each log, up to the next one. Of one channel alone, what belongs to no log at all is not asked. */
static void check_outside(struct checking *c)
{
	bool	 all = c->partner == NULL && c->channel == NULL;
	enum err e = ERR_OK;

	if (all)
		e = store_exchanges_between(c->s, 0, 0, c->n > 0 ? c->log[0].row.id : 0, 0, exchange_outside, c);
	for (size_t i = 0; i < c->n && e == ERR_OK; i++) {
		bool	last = all && i + 1 == c->n;
		int64_t to = last ? 0 : all ? c->log[i + 1].row.id : c->log[i].row.id + 1;
		e = store_exchanges_between(c->s, c->log[i].row.id, c->stretch[i].to, to, 0, exchange_outside, c);
	}
	if (e != ERR_OK)
		tell_words(c, NULL, store_fault(c->s)->at);
}

/* ---- the logs ---- */

static bool log_name_add(void *arg, const struct log_name *name)
{
	struct checking *c = arg;

	if ((c->partner != NULL && strcmp(c->partner, name->partner) != 0) || (c->channel != NULL && strcmp(c->channel, name->channel) != 0))
		return true;
	if (c->n == LOG_ROWS_MOST) {
		c->err = ERR_TOO_LONG;
		return false;
	}
	if (c->n == c->room) {
		size_t		 room = c->room == 0 ? 16 : 2 * c->room;
		struct held_log *log = reallocarray(c->log, room, sizeof *log);
		if (log == NULL) {
			c->err = ERR_MEMORY;
			return false;
		}
		c->log = log;
		c->room = room;
	}
	struct held_log *log = &c->log[c->n++];
	memset(log, 0, sizeof *log);
	log->row.id = name->id;
	log->row.own = name->own;
	log->row.epoch = name->epoch;
	memcpy(log->row.partner, name->partner, sizeof log->row.partner);
	memcpy(log->row.channel, name->channel, sizeof log->row.channel);
	return true;
}

static void log_read(struct checking *c, struct held_log *log)
{
	struct log_row row;

	log->readable = store_log_find(c->s, &log->row.epoch, log->row.own, &row) == ERR_OK;
	if (log->readable)
		log->row = row;
	else
		snprintf(log->why, sizeof log->why, "%s", store_fault(c->s)->at);
	if (store_log_extent(c->s, log->row.id, &log->extent) != ERR_OK)
		log->extent = 0;
}

/* Signed heads say how long a log is where its row says less, or cannot be read. */
static uint64_t log_size(const struct held_log *log)
{
	uint64_t size = log->row.frontier.size;

	if (!log->readable)
		return log->extent;
	if (size < log->row.checkpoint.size)
		size = log->row.checkpoint.size;
	if (size < log->row.receipt.size)
		size = log->row.receipt.size;
	return size < log->extent ? size : log->extent;
}

static void stretch_make(struct checking *c, const struct held_log *log, struct scrub_log *out)
{
	const struct log_row *row = &log->row;

	*out = (struct scrub_log){.id = row->id, .own = row->own, .to = log_size(log), .epoch = row->epoch};
	if (store_log_origin(c->self, row, out->origin) != ERR_OK)
		snprintf(out->origin, sizeof out->origin, "%.100s/%s", row->partner, row->channel);
	const struct keyring *authors = papers_keyring(c->papers, row->own ? c->self : row->partner);
	const struct keyring *readers = papers_keyring(c->papers, row->own ? row->partner : c->self);
	if (authors != NULL)
		out->nlog_keys = keyring_log_keys(authors, row->channel, out->log_key);
	if (readers != NULL)
		out->nreceipt_keys = keyring_receipt_keys(readers, row->channel, out->receipt_key);
}

struct resumed_head {
	const struct scrub_log *log;
	const struct mark      *mark;
	bool			same;
};

static bool mark_compare(void *arg, const struct head_row *head)
{
	struct resumed_head *r = arg;
	struct hash	     root = frontier_root(&r->mark->frontier);

	r->same = head_verifies(r->log, head) && hash_equal(&root, &head->root);
	return false;
}

/*
 * What another walk left is taken when its root is one that was signed, by a signature that verifies now: then it is
 * the tree of the entries before it, whoever wrote the file. Their salts, headers and parts are not read again, and the
 * counts are taken as they stand; TALLY and the log's row are compared with them.
 */
static void stretch_resume(struct checking *c, struct held_log *log, struct scrub_log *stretch)
{
	struct mark	    m;
	struct resumed_head r = {stretch, &m, false};

	if (c->resume == NULL || !log->readable || !c->resume(c->arg, stretch, &m))
		return;
	if (m.size == 0 || m.size != m.frontier.size || m.size > stretch->to)
		return;
	if (store_head_rows(c->s, stretch->id, m.size, m.size + 1, mark_compare, &r) != ERR_OK || !r.same)
		return;
	stretch->from = m.size;
	log->end = m;
	if (m.size == log->row.receipt.size)
		log->receipt_frontier = m.frontier;
}

static enum err logs_read(struct checking *c)
{
	if (store_log_names(c->s, log_name_add, c) != ERR_OK)
		tell_words(c, NULL, store_fault(c->s)->at);
	if (c->err != ERR_OK)
		return c->err;
	c->stretch = calloc(c->n == 0 ? 1 : c->n, sizeof *c->stretch);
	if (c->stretch == NULL)
		return ERR_MEMORY;
	for (size_t i = 0; i < c->n; i++) {
		log_read(c, &c->log[i]);
		stretch_make(c, &c->log[i], &c->stretch[i]);
		stretch_resume(c, &c->log[i], &c->stretch[i]);
		if (c->only != 0 && c->only != c->log[i].row.id)
			c->stretch[i].to = c->stretch[i].from = 0;
		c->entries_all += c->stretch[i].to;
	}
	return ERR_OK;
}

enum err check_all(struct checking *c, struct fault *fault)
{
	struct scrub *scrub = NULL;
	enum err      e = logs_read(c);

	if (e == ERR_OK)
		e = scrub_begin(c->path, c->path == NULL ? c->s : NULL, c->stretch, c->n, &scrub, fault);
	if (e != ERR_OK)
		return e;
	walk(c, scrub);
	scrub_end(scrub);
	check_outside(c);
	return ERR_OK;
}

void check_done(struct checking *c)
{
	free(c->log);
	free(c->stretch);
	c->log = NULL;
	c->stretch = NULL;
}
