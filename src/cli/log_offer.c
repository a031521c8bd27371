/*
 * log_offer.c: files that a partner wrote with `mithaq log export`: RANGE frames one behind another. A file is taken
 * as a whole or not at all, and what does not fit in it is told by file and place. Nothing in it is believed yet:
 * log_repair.c puts an offered row only where the signed roots want exactly that one.
 */
#include <stdlib.h>

#include "cli/log.h"
#include "proc/files.h"
#include "wire/range.h"

#define OFFER_FILE_MOST	 (1u << 30)
#define OFFER_HEADS_MOST (1u << 20)

enum err offer_frames(struct bytes file, offer_frame_fn *each, void *arg, size_t *at)
{
	*at = 0;
	while (*at < file.n) {
		struct cursor c = cursor_on(file);
		struct frame  f;
		size_t	      used = 0;

		(void)cursor_take(&c, *at);
		enum err e = frame_next(cursor_rest(&c), &f, &used);
		if (e == ERR_OK)
			e = each(arg, &f);
		if (e != ERR_OK)
			return e;
		*at += used;
	}
	return ERR_OK;
}

/* ---- what one frame shows ---- */

struct reading {
	struct offers	       *o;
	const char	       *file;
	const struct scrub_log *logs;
	size_t			nlogs;
	char			place[ORIGIN_MOST + 32]; /* where in the file a fault is */
};

static bool offer_grow(void **at, size_t n, size_t *room, size_t size)
{
	if (n < *room)
		return true;
	size_t more = *room == 0 ? 64 : 2 * *room;
	void  *p = reallocarray(*at, more, size);
	if (p == NULL)
		return false;
	*at = p;
	*room = more;
	return true;
}

static const struct scrub_log *log_named(const struct reading *r, struct bytes origin)
{
	for (size_t i = 0; i < r->nlogs; i++)
		if (bytes_is(origin, r->logs[i].origin))
			return &r->logs[i];
	return NULL;
}

/* Inline parts against what the header committed to; a partner's row that is not consistent in itself is no offer. */
static enum err parts_match(const struct entry *e)
{
	for (unsigned i = 0; i < e->header.nparts; i++) {
		if (e->header.part[i].placement != PLACED_INLINE)
			continue;
		struct hash c = part_commit(&e->part[i].salt, e->part[i].body);
		if (!hash_equal(&c, &e->header.part[i].commitment))
			return ERR_COMMITMENT;
	}
	return ERR_OK;
}

/* The stored form of the parts, in memory that lives as long as the offers. */
static enum err body_keep(struct offers *o, const struct entry *e, struct bytes *out)
{
	uint8_t	       room[RANGE_ROW_MOST];
	struct builder b = builder_on(room, sizeof room);

	entry_body_write(&b, e);
	*out = arena_copy(&o->arena, builder_bytes(&b));
	return o->arena.failed ? ERR_MEMORY : b.err;
}

static enum err row_keep(struct reading *r, const struct scrub_log *log, uint64_t index, uint8_t form, const struct entry *e,
			 const struct hash *commitment)
{
	struct offers	*o = r->o;
	struct entry_row row = {.index = index, .commitment = *commitment, .form = form};
	enum err	 err = form == FORM_FULL ? parts_match(e) : ERR_OK;

	if (err == ERR_OK && form == FORM_FULL)
		err = body_keep(o, e, &row.body);
	if (err != ERR_OK)
		return err;
	if (form != FORM_BARE) {
		row.salt = e->salt;
		row.header = e->header_wire;
	}
	if (!offer_grow((void **)&o->row, o->nrows, &o->rows_room, sizeof *o->row))
		return ERR_MEMORY;
	o->row[o->nrows++] = (struct offered_row){r->file, log->id, row};
	return ERR_OK;
}

static enum err rows_read(struct reading *r, const struct scrub_log *log, const struct range_frame *range)
{
	struct bytes rows = range->rows;

	for (uint64_t i = 0; i < range->n; i++) {
		struct entry entry;
		struct hash  commitment;
		uint8_t	     form;
		uint64_t     index = range->from + i;

		snprintf(r->place, sizeof r->place, "%s, entry %llu", log->origin, (unsigned long long)index);
		enum err e = range_row_next(&rows, index, &form, &entry, &commitment);
		if (e == ERR_OK && r->o->wanted(r->o->arg, log->id, index))
			e = row_keep(r, log, index, form, &entry, &commitment);
		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}

static enum err head_keep(struct offers *o, const struct scrub_log *log, const struct range_frame *range)
{
	if (range->size == 0 || o->nheads == OFFER_HEADS_MOST)
		return ERR_OK;
	if (!offer_grow((void **)&o->head, o->nheads, &o->heads_room, sizeof *o->head))
		return ERR_MEMORY;
	o->head[o->nheads++] = (struct offered_head){log->id, {range->size, range->root, range->sig}};
	return ERR_OK;
}

static enum err frame_read(void *arg, const struct frame *f)
{
	struct reading	  *r = arg;
	struct range_frame range;

	snprintf(r->place, sizeof r->place, "%s", frame_name(f->type));
	if (f->type >= 0x80)
		return ERR_OK;
	if (f->type != FRAME_RANGE)
		return ERR_PROTOCOL;
	enum err e = range_frame_read(f->payload, &range);
	if (e != ERR_OK)
		return e;
	const struct scrub_log *log = log_named(r, range.origin);
	snprintf(r->place, sizeof r->place, "%.*s", (int)range.origin.n, (const char *)range.origin.at);
	if (log == NULL)
		return ERR_NOT_FOUND;
	e = head_keep(r->o, log, &range);
	return e == ERR_OK ? rows_read(r, log, &range) : e;
}

/* ---- files ---- */

static void refused(struct cli *cli, const struct reading *r, enum err e, size_t at)
{
	char what[ORIGIN_MOST + 640];

	snprintf(what, sizeof what, "%.300s, %s %zu", r->file, cli_text(cli, "byte", "البايت"), at);
	if (r->place[0] != 0)
		snprintf(what, sizeof what, "%.300s, %s", r->file, r->place);
	(void)cli_complain(cli, EXIT_USAGE, what, err_text(e, cli->lang),
			   cli_text(cli, "nothing of this file is used", "لا يُستعمل شيء من هذا الملف"));
}

int offers_read(struct cli *cli, struct offers *o, const char *path, const struct scrub_log *logs, size_t nlogs)
{
	struct reading r = {.o = o, .file = path, .logs = logs, .nlogs = nlogs};
	size_t	       rows = o->nrows, heads = o->nheads, at = 0;
	struct buffer *file = o->nfiles < OFFER_FILES_MOST ? &o->file[o->nfiles] : NULL;

	if (file == NULL)
		return cli_err(cli, ERR_TOO_LONG, path, NULL);
	*file = (struct buffer){.most = OFFER_FILE_MOST};
	enum err e = file_read(path, file);
	if (e != ERR_OK)
		return cli_err(cli, e, path, NULL);
	o->nfiles++;
	e = offer_frames(buffer_bytes(file), frame_read, &r, &at);
	if (e == ERR_OK)
		return EXIT_DONE;
	if (e == ERR_SHORT)
		r.place[0] = 0;
	o->nrows = rows;
	o->nheads = heads;
	refused(cli, &r, e, at);
	return EXIT_USAGE;
}

void offers_done(struct offers *o)
{
	for (size_t i = 0; i < o->nfiles; i++)
		buffer_done(&o->file[i]);
	free(o->row);
	free(o->head);
	arena_done(&o->arena);
}
