/* disk.c: tables that grow, are cut by a crash and copied by a backup. */
#include "disk.h"

#include <stdlib.h>

static bool epoch_is(const struct epoch *a, const struct epoch *b)
{
	return memcmp(a->b, b->b, EPOCH_SIZE) == 0;
}

static bool place_is(const struct place *a, const struct place *b)
{
	return a->index == b->index && epoch_is(&a->epoch, &b->epoch);
}

/* ---- as a whole ---- */

static void log_done(struct disk_log *l)
{
	free(l->place);
	free(l->root);
}

void disk_done(struct disk *d)
{
	for (size_t i = 0; i < d->nlogs; i++)
		log_done(&d->log[i]);
	free(d->log);
	free(d->entry);
	free(d->head);
	free(d->exchange);
	free(d->answer);
	free(d->naming);
	free(d->answered);
	memset(d, 0, sizeof *d);
}

void disk_sync(struct disk *d)
{
	d->entries_durable = d->nentries;
	d->heads_durable = d->nheads;
	d->exchanges_durable = d->nexchanges;
	d->answers_durable = d->nanswers;
	d->namings_durable = d->nnamings;
	d->answered_durable = d->nanswered;
	d->logs_durable = d->nlogs;
	for (size_t i = 0; i < d->nlogs; i++)
		d->log[i].durable = d->log[i].n;
}

/* Each log ends where the disk does. */
static void log_cut(struct disk_log *l, size_t nentries)
{
	while (l->n > 0 && l->place[l->n - 1] >= nentries)
		l->n--;
	l->durable = l->n;
	l->checked = l->checked < l->n ? l->checked : l->n;
	if (l->nroots > l->n) {
		l->nroots = 0;
		frontier_init(&l->frontier);
	}
}

void disk_cut(struct disk *d)
{
	d->nentries = d->entries_durable;
	d->nheads = d->heads_durable;
	d->nexchanges = d->exchanges_durable;
	d->nanswers = d->answers_durable;
	d->nnamings = d->namings_durable;
	d->nanswered = d->answered_durable;
	for (; d->nlogs > d->logs_durable; d->nlogs--)
		log_done(&d->log[d->nlogs - 1]);
	for (size_t i = 0; i < d->nlogs; i++)
		log_cut(&d->log[i], d->nentries);
}

static void *table_copy(const void *from, size_t n, size_t size)
{
	void *to = malloc(n * size + 1);

	if (to == NULL)
		abort();
	if (n > 0)
		memcpy(to, from, n * size);
	return to;
}

/* Roots are computed again when they are asked for. */
static void log_copy(struct disk_log *to, const struct disk_log *from)
{
	*to = *from;
	to->place = table_copy(from->place, (size_t)from->n, sizeof *from->place);
	to->room = (size_t)from->n;
	to->root = NULL;
	to->nroots = to->room_roots = 0;
	frontier_init(&to->frontier);
}

void disk_copy(struct disk *to, const struct disk *from)
{
	*to = *from;
	to->nentries = to->room_entries = from->entries_durable;
	to->nheads = to->room_heads = from->heads_durable;
	to->nexchanges = to->room_exchanges = from->exchanges_durable;
	to->nanswers = to->room_answers = from->answers_durable;
	to->nnamings = to->room_namings = from->namings_durable;
	to->nanswered = to->room_answered = from->answered_durable;
	to->nlogs = to->room_logs = from->logs_durable;
	to->entry = table_copy(from->entry, to->nentries, sizeof(struct disk_entry *));
	to->head = table_copy(from->head, to->nheads, sizeof *to->head);
	to->exchange = table_copy(from->exchange, to->nexchanges, sizeof *to->exchange);
	to->answer = table_copy(from->answer, to->nanswers, sizeof *to->answer);
	to->naming = table_copy(from->naming, to->nnamings, sizeof *to->naming);
	to->answered = table_copy(from->answered, to->nanswered, sizeof *to->answered);
	to->log = table_copy(from->log, to->nlogs, sizeof *to->log);
	for (size_t i = 0; i < to->nlogs; i++) {
		log_copy(&to->log[i], &from->log[i]);
		log_cut(&to->log[i], to->nentries);
	}
}

/* ---- logs and entries ---- */

struct disk_log *disk_log_at(struct disk *d, bool own, const struct epoch *epoch)
{
	for (size_t i = d->nlogs; i > 0; i--)
		if (d->log[i - 1].own == own && epoch_is(&d->log[i - 1].epoch, epoch))
			return &d->log[i - 1];
	return NULL;
}

const struct disk_log *disk_log_find(const struct disk *d, bool own, const struct epoch *epoch)
{
	return disk_log_at((struct disk *)d, own, epoch);
}

struct disk_log *disk_log_of(struct disk *d, bool own, const struct epoch *epoch)
{
	struct disk_log *l = disk_log_at(d, own, epoch);

	if (l != NULL)
		return l;
	d->log = grown(d->log, d->nlogs, &d->room_logs, sizeof *d->log);
	l = &d->log[d->nlogs++];
	memset(l, 0, sizeof *l);
	l->own = own;
	l->epoch = *epoch;
	return l;
}

void disk_entry_add(struct disk *d, struct disk_log *l, struct disk_entry *e)
{
	d->entry = grown(d->entry, d->nentries, &d->room_entries, sizeof(struct disk_entry *));
	d->entry[d->nentries++] = e;
	l->place = grown(l->place, (size_t)l->n, &l->room, sizeof *l->place);
	l->place[l->n++] = d->nentries - 1;
}

const struct disk_entry *disk_entry_find(const struct disk *d, bool own, const struct epoch *epoch, uint64_t index)
{
	const struct disk_log *l = disk_log_find(d, own, epoch);

	return l != NULL && index < l->n ? d->entry[l->place[index]] : NULL;
}

uint64_t disk_durable(const struct disk *d, bool own, const struct epoch *epoch)
{
	const struct disk_log *l = disk_log_find(d, own, epoch);

	return l != NULL ? l->durable : 0;
}

static void root_compute(const struct disk *d, struct disk_log *l)
{
	l->root = grown(l->root, (size_t)l->nroots, &l->room_roots, sizeof *l->root);
	frontier_add(&l->frontier, &d->entry[l->place[l->nroots]]->leaf);
	l->root[l->nroots++] = frontier_root(&l->frontier);
}

const struct hash *disk_root(struct disk *d, bool own, const struct epoch *epoch, uint64_t size)
{
	struct disk_log *l = disk_log_at(d, own, epoch);

	if (l == NULL || size == 0 || size > l->n)
		return NULL;
	if (l->record != NULL)
		return record_root(l->record, size); /* each leaf was compared with it */
	while (l->nroots < size)
		root_compute(d, l);
	return &l->root[size - 1];
}

bool disk_log_quiet(const struct disk *d, const struct disk_log *l)
{
	for (uint64_t i = 0; i < l->n; i++) {
		uint8_t kind = d->entry[l->place[i]]->at.kind;

		if (kind != KIND_GENESIS && kind != KIND_TALLY && kind != KIND_KEYS && kind != KIND_AGREE)
			return false;
	}
	return true;
}

/* What the ledger's own hashes say: the header under its commitment, each inline part under the header. */
bool disk_entry_read(const struct disk_entry *e, struct entry *out)
{
	struct hash commitment = header_commit(&e->at.salt, e->at.header);

	memset(out, 0, sizeof *out);
	out->salt = e->at.salt;
	out->header_wire = e->at.header;
	if (!hash_equal(&commitment, &e->at.commitment) || header_read(e->at.header, &out->header) != ERR_OK)
		return false;
	if (e->at.form != ROW_FULL)
		return true;
	if (entry_body_read(e->at.body, out) != ERR_OK)
		return false;
	for (unsigned i = 0; i < out->header.nparts; i++) {
		if (out->header.part[i].placement != PLACED_INLINE)
			continue;
		struct hash c = part_commit(&out->part[i].salt, out->part[i].body);
		if (!hash_equal(&c, &out->header.part[i].commitment))
			return false;
	}
	return true;
}

/* ---- the other tables ---- */

void disk_head_add(struct disk *d, const struct disk_head *h)
{
	d->head = grown(d->head, d->nheads, &d->room_heads, sizeof *d->head);
	d->head[d->nheads++] = *h;
}

const struct disk_head *disk_head_best(const struct disk *d, bool own, bool receipt, const struct epoch *epoch, uint64_t most)
{
	const struct disk_head *best = NULL;

	for (size_t i = 0; i < d->nheads; i++) {
		const struct disk_head *h = &d->head[i];

		if (h->own == own && h->receipt == receipt && h->size <= most && epoch_is(&h->epoch, epoch) &&
		    (best == NULL || h->size >= best->size))
			best = h;
	}
	return best;
}

const struct disk_head *disk_head_least(const struct disk *d, bool own, const struct epoch *epoch, uint64_t least)
{
	const struct disk_head *best = NULL;

	for (size_t i = 0; i < d->nheads; i++) {
		const struct disk_head *h = &d->head[i];

		if (h->own == own && !h->receipt && h->size >= least && epoch_is(&h->epoch, epoch) && (best == NULL || h->size < best->size))
			best = h;
	}
	return best;
}

void disk_exchange_add(struct disk *d, const struct disk_exchange *x)
{
	d->exchange = grown(d->exchange, d->nexchanges, &d->room_exchanges, sizeof *d->exchange);
	d->exchange[d->nexchanges++] = *x;
}

void disk_answer_add(struct disk *d, const struct disk_answer *a)
{
	d->answer = grown(d->answer, d->nanswers, &d->room_answers, sizeof *d->answer);
	d->answer[d->nanswers++] = *a;
}

void disk_naming_add(struct disk *d, const struct disk_naming *n)
{
	d->naming = grown(d->naming, d->nnamings, &d->room_namings, sizeof *d->naming);
	d->naming[d->nnamings++] = *n;
}

void disk_answered_add(struct disk *d, const struct disk_answered *a)
{
	d->answered = grown(d->answered, d->nanswered, &d->room_answered, sizeof *d->answered);
	d->answered[d->nanswered++] = *a;
}

const struct disk_exchange *disk_exchange_find(const struct disk *d, bool ours, const uint8_t mid[MID_SIZE])
{
	for (size_t i = d->nexchanges; i > 0; i--)
		if (d->exchange[i - 1].ours == ours && memcmp(d->exchange[i - 1].mid, mid, MID_SIZE) == 0)
			return &d->exchange[i - 1];
	return NULL;
}

const struct disk_exchange *disk_exchange_at(const struct disk *d, bool ours, const struct place *question)
{
	for (size_t i = d->nexchanges; i > 0; i--)
		if (d->exchange[i - 1].ours == ours && place_is(&d->exchange[i - 1].question, question))
			return &d->exchange[i - 1];
	return NULL;
}

const struct disk_answer *disk_answer_find(const struct disk *d, bool ours, const uint8_t mid[MID_SIZE])
{
	for (size_t i = d->nanswers; i > 0; i--)
		if (d->answer[i - 1].ours == ours && memcmp(d->answer[i - 1].mid, mid, MID_SIZE) == 0)
			return &d->answer[i - 1];
	return NULL;
}

const struct disk_naming *disk_naming_find(const struct disk *d, bool own, const struct epoch *epoch)
{
	for (size_t i = d->nnamings; i > 0; i--)
		if (d->naming[i - 1].own == own && epoch_is(&d->naming[i - 1].epoch, epoch))
			return &d->naming[i - 1];
	return NULL;
}

const struct disk_answered *disk_answered_find(const struct disk *d, const struct place *question)
{
	for (size_t i = d->nanswered; i > 0; i--)
		if (place_is(&d->answered[i - 1].question, question))
			return &d->answered[i - 1];
	return NULL;
}
