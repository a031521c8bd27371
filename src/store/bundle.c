#include "store/bundle.h"

#include <stdio.h>
#include <stdlib.h>

#include "wire/entry.h"

#define BUNDLE_LOGS_MOST   40 /* what a revoked key signed leads over each later epoch to one that another key signed */
#define BUNDLE_PLACES_MOST (2 * BUNDLE_COMPLETE_MOST + 64)
#define BUNDLE_MEMORY	   (BUNDLE_LOGS_MOST * (size_t)BUNDLE_LEAVES_MOST * HASH_SIZE)
#define BUNDLE_SCAN_MOST   8192 /* entries of an epoch looked through for completeness */

struct held_log {
	struct log_row row;
	uint64_t       need; /* leaves from the start */
	struct hash   *leaves;
};

/* One entry on its way into the bundle, and the head that covers it. */
struct place_held {
	struct held_log *log;
	uint64_t	 index;
	bool		 disclose;
	uint64_t	 size;
	struct hash	 root;
	bool		 has_signature, has_receipt;
	bool		 revoked; /* the signature counts no more */
	struct signature signature, receipt;
	uint64_t	 receipt_s;
};

struct gather {
	struct store		   *s;
	struct arena		    arena;
	const struct bundle_papers *papers;
	const struct exchange_row  *x;
	unsigned		    nlogs, nplaces;
	struct held_log		    log[BUNDLE_LOGS_MOST];
	struct place_held	    place[BUNDLE_PLACES_MOST];
};

/* ---- which logs and entries ---- */

static struct held_log *log_slot(struct gather *g, int64_t id)
{
	for (unsigned i = 0; i < g->nlogs; i++)
		if (g->log[i].row.id == id)
			return &g->log[i];
	return NULL;
}

static struct held_log *log_hold(struct gather *g, const struct log_row *row)
{
	struct held_log *held = log_slot(g, row->id);

	if (held != NULL || g->nlogs == BUNDLE_LOGS_MOST)
		return held;
	held = &g->log[g->nlogs++];
	*held = (struct held_log){.row = *row};
	return held;
}

struct log_wanted {
	int64_t	       id;
	struct log_row row;
	bool	       found;
};

static bool log_wanted(void *arg, const struct log_row *row)
{
	struct log_wanted *w = arg;

	w->found = row->id == w->id;
	if (w->found)
		w->row = *row;
	return !w->found;
}

static enum err log_by_id(struct gather *g, int64_t id, struct held_log **out)
{
	struct log_wanted w = {.id = id};
	enum err	  e = store_logs(g->s, NULL, NULL, log_wanted, &w);

	if (e != ERR_OK)
		return e;
	*out = w.found ? log_hold(g, &w.row) : NULL;
	return *out == NULL ? ERR_NOT_FOUND : ERR_OK;
}

static enum err place_add(struct gather *g, struct held_log *log, uint64_t index, bool disclose)
{
	for (unsigned i = 0; i < g->nplaces; i++)
		if (g->place[i].log == log && g->place[i].index == index)
			return ERR_OK;
	if (g->nplaces == BUNDLE_PLACES_MOST)
		return ERR_TOO_LONG;
	g->place[g->nplaces++] = (struct place_held){.log = log, .index = index, .disclose = disclose};
	return ERR_OK;
}

/* ---- the AGREE entry that a log has before `before` ---- */

struct agree_wanted {
	const struct hash *agreement;
	uint64_t	   index;
	bool		   found;
};

static bool agree_wanted(void *arg, const struct entry_row *row)
{
	struct agree_wanted *w = arg;
	struct header	     h;

	if (row->form == FORM_BARE || header_read(row->header, &h) != ERR_OK)
		return true;
	w->found = h.kind == KIND_AGREE && hash_equal(&h.agreement, w->agreement);
	w->index = row->index;
	return !w->found;
}

static enum err agree_add(struct gather *g, struct held_log *log, uint64_t before)
{
	struct agree_wanted w = {.agreement = &g->x->agreement};
	enum err	    e = store_entries(g->s, log->row.id, 0, before, agree_wanted, &w);

	return e == ERR_OK && w.found ? place_add(g, log, w.index, false) : e;
}

/* ---- the exchange itself ---- */

static enum err question_header(struct gather *g, const struct held_log *log, struct header *out)
{
	struct entry_row row;
	enum err	 e = store_entry_get(g->s, log->row.id, g->x->question_index, &g->arena, &row);

	if (e != ERR_OK)
		return e;
	return row.form == FORM_BARE ? ERR_NOT_FOUND : header_read(row.header, out);
}

/* The answerer's log that the question had seen, which may be an older epoch than the answer's. */
static enum err seen_add(struct gather *g, const struct held_log *question, const struct header *h)
{
	struct log_row row;
	struct epoch   epoch;

	memcpy(epoch.b, h->seen_epoch, EPOCH_SIZE);
	enum err e = store_log_find(g->s, &epoch, !question->row.own, &row);
	if (e != ERR_OK)
		return e == ERR_NOT_FOUND ? ERR_OK : e;
	struct held_log *log = log_hold(g, &row);
	return log == NULL ? ERR_TOO_LONG : agree_add(g, log, h->seen_size);
}

static enum err question_add(struct gather *g, struct held_log **log)
{
	struct header h;
	enum err      e = log_by_id(g, g->x->question_log, log);

	if (e == ERR_OK)
		e = question_header(g, *log, &h);
	if (e == ERR_OK)
		e = place_add(g, *log, g->x->question_index, true);
	if (e == ERR_OK)
		e = agree_add(g, *log, g->x->question_index);
	return e == ERR_OK ? seen_add(g, *log, &h) : e;
}

static enum err answer_add(struct gather *g, struct held_log **log)
{
	enum err e = log_by_id(g, g->x->answer_log, log);

	if (e == ERR_OK)
		e = place_add(g, *log, g->x->answer_index, true);
	return e == ERR_OK ? agree_add(g, *log, g->x->answer_index) : e;
}

/* ---- completeness, where it fits ---- */

struct complete {
	struct gather	*g;
	struct held_log *log;
	enum err	 err;
};

static bool complete_entry(void *arg, const struct entry_row *row)
{
	struct complete *c = arg;
	struct header	 h;

	if (row->form == FORM_BARE || header_read(row->header, &h) != ERR_OK)
		return true;
	bool counted = !KIND_IS_CONTROL(h.kind) && hash_equal(&h.agreement, &c->g->x->agreement);
	if (counted || h.kind == KIND_TALLY)
		c->err = place_add(c->g, c->log, row->index, false);
	return c->err == ERR_OK;
}

static uint64_t counted_in(const struct gather *g, const struct held_log *log)
{
	for (unsigned i = 0; i < log->row.tally.n; i++)
		if (hash_equal(&log->row.tally.row[i].agreement, &g->x->agreement))
			return log->row.tally.row[i].count;
	return 0;
}

static bool complete_fits(const struct gather *g, const struct held_log *log)
{
	return counted_in(g, log) <= BUNDLE_COMPLETE_MOST && log->row.frontier.size <= BUNDLE_SCAN_MOST;
}

static enum err complete_add(struct gather *g, struct held_log *log)
{
	struct complete c = {g, log, ERR_OK};
	enum err	e = store_entries(g->s, log->row.id, 0, log->row.frontier.size, complete_entry, &c);

	return e != ERR_OK ? e : c.err;
}

/* ---- keys that their party has revoked ---- */

static bool revokes_any(const struct keyring *ring)
{
	for (unsigned i = 0; i < ring->n; i++)
		if (ring->card[i]->nrevoked > 0)
			return true;
	return false;
}

static void origin_fill(const struct gather *g, const struct log_row *row, struct origin *out);

/* Is this checkpoint by a key that counts no more? What verifies by none is not judged here. */
static bool is_revoked(const struct gather *g, const struct log_row *row, const struct checkpoint_head *head)
{
	const struct keyring	*ring = g->papers->ring[row->own];
	const struct public_key *key[KEYRING_KEYS_MOST];
	struct checkpoint	 c = {.size = head->size, .root = head->root};
	struct origin		 o = {.author = ""};

	if (!revokes_any(ring))
		return false;
	origin_fill(g, row, &o);
	if (origin_write(&o, c.origin) != ERR_OK)
		return false;
	unsigned n = keyring_log_keys(ring, row->channel, key);
	for (unsigned i = 0; i < n; i++)
		if (checkpoint_verify(key[i], &c, &head->sig) == ERR_OK)
			return keyring_judge(ring, key[i], &row->epoch, head->size) == KEY_REVOKED;
	return false;
}

/* ---- heads: a receipted checkpoint, else a checkpoint, else the GENESIS of the next epoch ---- */

static enum err head_signed(struct gather *g, struct place_held *p)
{
	struct checkpoint_head c;
	struct receipt_head    r;
	int64_t		       log = p->log->row.id;
	bool		       receipted = store_receipt_covering(g->s, log, p->index, &r) == ERR_OK;
	enum err	       e = store_checkpoint_covering(g->s, log, receipted ? r.size - 1 : p->index, &c);

	if (e == ERR_OK && receipted && c.size != r.size) {
		receipted = false;
		e = store_checkpoint_covering(g->s, log, p->index, &c);
	}
	if (e != ERR_OK)
		return e;
	p->revoked = is_revoked(g, &p->log->row, &c);
	p->size = c.size;
	p->root = c.root;
	p->has_signature = true;
	p->signature = c.sig;
	p->has_receipt = receipted;
	if (receipted) {
		p->receipt_s = r.time_s;
		p->receipt = r.sig;
	}
	return ERR_OK;
}

static enum err genesis_previous(struct gather *g, int64_t log, struct previous *out)
{
	struct entry_row row;
	struct header	 h;
	enum err	 e = store_entry_get(g->s, log, 0, &g->arena, &row);

	if (e == ERR_OK)
		e = header_read(row.header, &h);
	if (e != ERR_OK)
		return e;
	const struct attr *a = header_attr(&h, ATTR_PREVIOUS);
	return a == NULL ? ERR_NOT_FOUND : previous_read(a->value, out);
}

/* The log that went on from this one, far enough to cover an entry. After a restore more than one may have gone on from it. */
struct successor {
	struct gather	      *g;
	const struct held_log *log;
	uint64_t	       index;
	struct previous	       previous;
	struct log_row	       row;
	bool		       found;
};

static bool successor_wanted(void *arg, const struct log_row *row)
{
	struct successor *s = arg;

	s->found = row->own == s->log->row.own && genesis_previous(s->g, row->id, &s->previous) == ERR_OK &&
		   memcmp(s->previous.epoch, s->log->row.epoch.b, EPOCH_SIZE) == 0 && s->previous.size > s->index;
	if (s->found)
		s->row = *row;
	return !s->found;
}

/* The reader may have receipted just as much as the GENESIS names. */
static void receipt_of_named(struct gather *g, struct place_held *p)
{
	struct receipt_head r;

	p->has_signature = p->revoked = false;
	p->has_receipt =
		store_receipt_covering(g->s, p->log->row.id, p->size - 1, &r) == ERR_OK && r.size == p->size && hash_equal(&r.root, &p->root);
	if (!p->has_receipt)
		return;
	p->receipt_s = r.time_s;
	p->receipt = r.sig;
}

static enum err head_of_genesis(struct gather *g, struct place_held *p)
{
	struct successor s = {.g = g, .log = p->log, .index = p->index};
	enum err	 e = store_logs(g->s, p->log->row.partner, p->log->row.channel, successor_wanted, &s);

	if (e != ERR_OK)
		return e;
	struct held_log *next = s.found ? log_hold(g, &s.row) : NULL;
	if (next == NULL)
		return ERR_NOT_FOUND;
	p->size = s.previous.size;
	p->root = s.previous.root;
	receipt_of_named(g, p);
	return place_add(g, next, 0, false);
}

/* Where no GENESIS covers it, the verifier says that its key counts no more. */
static enum err head_replace(struct gather *g, struct place_held *p)
{
	enum err e = head_of_genesis(g, p);

	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* The list may grow by a GENESIS while it is walked. What only serves as a companion and has no head yet is left out. */
static enum err heads_find(struct gather *g)
{
	for (unsigned i = 0; i < g->nplaces; i++) {
		enum err e = head_signed(g, &g->place[i]);
		if (e == ERR_NOT_FOUND)
			e = head_of_genesis(g, &g->place[i]);
		else if (e == ERR_OK && g->place[i].revoked)
			e = head_replace(g, &g->place[i]);
		if (e == ERR_NOT_FOUND && !g->place[i].disclose)
			continue;
		if (e != ERR_OK)
			return e;
		if (g->place[i].size > g->place[i].log->need)
			g->place[i].log->need = g->place[i].size;
	}
	return ERR_OK;
}

static enum err leaves_load(struct gather *g, struct held_log *log)
{
	if (log->need == 0)
		return ERR_OK;
	if (log->need > BUNDLE_LEAVES_MOST)
		return ERR_TOO_LONG;
	log->leaves = arena_take(&g->arena, log->need * sizeof *log->leaves);
	return log->leaves == NULL ? ERR_MEMORY : store_leaves(g->s, log->row.id, 0, log->need, log->leaves);
}

/* ---- items ---- */

static enum err parts_disclose(const struct entry_row *row, struct evidence_item *out)
{
	static const struct entry none;
	struct entry		  entry = none;
	enum err		  e = header_read(row->header, &entry.header);

	if (e == ERR_OK)
		e = entry_body_read(row->body, &entry);
	if (e != ERR_OK)
		return e;
	for (unsigned i = 0; i < entry.header.nparts; i++)
		if (entry.header.part[i].placement == PLACED_INLINE)
			out->part[i] = (struct evidence_part){true, entry.part[i].salt, entry.part[i].body};
	return ERR_OK;
}

static void origin_fill(const struct gather *g, const struct log_row *row, struct origin *out)
{
	snprintf(out->author, sizeof out->author, "%s", row->own ? g->papers->self : row->partner);
	snprintf(out->reader, sizeof out->reader, "%s", row->own ? row->partner : g->papers->self);
	memcpy(out->channel, row->channel, sizeof out->channel);
	out->epoch = row->epoch;
}

static enum err item_fill(struct gather *g, const struct place_held *p, struct evidence_item *out)
{
	struct entry_row row;
	enum err	 e = store_entry_get(g->s, p->log->row.id, p->index, &g->arena, &row);

	if (e != ERR_OK)
		return e;
	if (row.form == FORM_BARE)
		return ERR_NOT_FOUND;
	origin_fill(g, &p->log->row, &out->origin);
	out->salt = row.salt;
	out->header = row.header;
	out->size = p->size;
	out->root = p->root;
	inclusion_prove(p->log->leaves, p->size, p->index, &out->path);
	out->has_signature = p->has_signature;
	out->signature = p->signature;
	out->has_receipt = p->has_receipt;
	out->receipt_s = p->receipt_s;
	out->receipt = p->receipt;
	return p->disclose && row.form == FORM_FULL ? parts_disclose(&row, out) : ERR_OK;
}

static enum err items_build(struct gather *g, struct buffer *out)
{
	struct evidence_input in = {.agreement = g->papers->agreement};
	struct evidence_item *item = arena_take(&g->arena, g->nplaces * sizeof *item);
	enum err	      e = item == NULL ? ERR_MEMORY : ERR_OK;

	for (unsigned i = 0, n = 0; i < 2; i++)
		for (unsigned k = 0; k < g->papers->ring[i]->n && n < EVIDENCE_CARDS_MOST; k++)
			in.card[n++] = keyring_note(g->papers->ring[i], k);
	memcpy(in.mid, g->x->mid, MID_SIZE);
	in.item = item;
	for (unsigned i = 0; i < g->nlogs && e == ERR_OK; i++)
		e = leaves_load(g, &g->log[i]);
	for (unsigned i = 0; i < g->nplaces && e == ERR_OK; i++)
		if (g->place[i].size > 0)
			e = item_fill(g, &g->place[i], &item[in.n++]);
	return e == ERR_OK ? evidence_build(&in, out) : e;
}

static enum err gather_all(struct gather *g)
{
	struct held_log *question = NULL, *answer = NULL;
	enum err	 e = question_add(g, &question);

	if (e == ERR_OK && g->x->answer_log != 0)
		e = answer_add(g, &answer);
	if (e != ERR_OK)
		return e;
	if (complete_fits(g, question) && (answer == NULL || complete_fits(g, answer))) {
		e = complete_add(g, question);
		if (e == ERR_OK && answer != NULL)
			e = complete_add(g, answer);
	}
	return e == ERR_OK ? heads_find(g) : e;
}

enum err store_bundle(struct store *s, const struct exchange_row *x, const struct bundle_papers *papers, struct buffer *out)
{
	struct gather *g = calloc(1, sizeof *g);

	if (g == NULL)
		return ERR_MEMORY;
	g->s = s;
	g->x = x;
	g->papers = papers;
	arena_init(&g->arena, BUNDLE_MEMORY);
	enum err e = gather_all(g);
	if (e == ERR_OK)
		e = items_build(g, out);
	arena_done(&g->arena);
	free(g);
	return e;
}
