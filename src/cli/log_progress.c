/*
 * log_progress.c: the file `scrub` in the data folder, from which an interrupted scrub goes on.
 *
 *   {"format": "mithaq/scrub/1", "at": "<time>", "logs": {"<origin>": {"frontier": "<hex>", "tally": "<hex>",
 *    "next": ["<aseq expected>", ...], "bare": false}, ...}}
 *
 * It is replaced as a whole and read as a whole; one that does not read is as good as none.
 *
 * It need not be believed. A mark is only ever made at a signed head whose root and signature held, while nothing
 * damaged had been found, and it is only taken when its frontier gives the root of the head stored at that size and a
 * signature on that head verifies by the cards (log_check.c). SHA-256 leaves one tree per root, so what the walk adds
 * behind it is compared with the same signed roots as without it. Not looked at again: salts, headers and parts below
 * the mark, heads below it, exchanges asked below it; and the counts of the mark are only as good as the TALLY and the
 * log's row they are compared with. What decayed there since, or whoever may write into this folder, is seen by
 * `log verify --from-start`.
 */
#include <stdlib.h>
#include <unistd.h>

#include <jansson.h>

#include "cli/log.h"
#include "proc/files.h"

#define FORMAT	      "mithaq/scrub/1"
#define FILE_MOST     (64u << 20)
#define FRONTIER_SIZE (8 + FRONTIER_MOST * HASH_SIZE)
#define TALLY_SIZE    (EPOCH_SIZE + TALLY_ROWS_MOST * 48)

struct progress_file {
	char	path[CONFIG_PATH_MOST];
	json_t *read; /* what another scrub left, or NULL */
	json_t *logs; /* marks of this one, by origin */
};

/* ---- reading ---- */

static json_t *file_load(const char *path)
{
	struct buffer text = {.most = FILE_MOST};
	json_t	     *o = file_read(path, &text) == ERR_OK ? json_loadb((const char *)text.at, text.n, JSON_REJECT_DUPLICATES, NULL) : NULL;
	const char   *format = json_string_value(json_object_get(o, "format"));

	buffer_done(&text);
	if (format != NULL && strcmp(format, FORMAT) == 0)
		return o;
	json_decref(o);
	return NULL;
}

struct progress_file *progress_open(const char *path, bool from_start)
{
	struct progress_file *p = calloc(1, sizeof *p);

	if (p == NULL)
		return NULL;
	snprintf(p->path, sizeof p->path, "%s", path);
	p->read = from_start ? NULL : file_load(path);
	p->logs = json_object();
	return p;
}

const char *progress_when(const struct progress_file *p)
{
	return p == NULL ? NULL : json_string_value(json_object_get(p->read, "at"));
}

/* Bytes written as hex; BYTES_NONE when they are not, or do not fit. */
static struct bytes hex_of(const json_t *o, const char *name, uint8_t *room, size_t most)
{
	const char *text = json_string_value(json_object_get(o, name));
	size_t	    n = text == NULL ? 0 : strlen(text) / 2;

	return text != NULL && n <= most && hex_read(bytes_text(text), room, n) == ERR_OK ? bytes_of(room, n) : BYTES_NONE;
}

/* Rows stand in order of appearance, so tally_read, which wants them ascending, is not for them. */
static bool tally_load(struct bytes stored, struct tally *out)
{
	struct cursor c = cursor_on(stored);

	cursor_copy(&c, out->epoch, EPOCH_SIZE);
	for (out->n = 0; out->n < TALLY_ROWS_MOST && cursor_left(&c) > 0 && cursor_err(&c) == ERR_OK; out->n++) {
		struct tally_row *row = &out->row[out->n];
		cursor_copy(&c, row->agreement.b, HASH_SIZE);
		row->count = cursor_u64(&c);
		row->last = cursor_u64(&c);
	}
	return cursor_end(&c) == ERR_OK;
}

static bool next_load(const json_t *list, struct mark *out)
{
	if (json_array_size(list) != out->tally.n)
		return false;
	for (unsigned i = 0; i < out->tally.n; i++) {
		const char *text = json_string_value(json_array_get(list, i));
		if (text == NULL || decimal_read(bytes_text(text), &out->aseq[i]) != ERR_OK)
			return false;
	}
	return true;
}

bool progress_find(const struct progress_file *p, const char *origin, struct mark *out)
{
	const json_t *o = p == NULL ? NULL : json_object_get(json_object_get(p->read, "logs"), origin);
	uint8_t	      frontier[FRONTIER_SIZE], tally[TALLY_SIZE];
	struct mark   mark = {.bare = json_is_true(json_object_get(o, "bare"))};

	if (o == NULL)
		return false;
	struct cursor c = cursor_on(hex_of(o, "frontier", frontier, sizeof frontier));
	frontier_read(&c, &mark.frontier);
	mark.size = mark.frontier.size;
	if (cursor_end(&c) != ERR_OK || !tally_load(hex_of(o, "tally", tally, sizeof tally), &mark.tally) ||
	    !next_load(json_object_get(o, "next"), &mark))
		return false;
	*out = mark;
	return true;
}

/* ---- writing ---- */

static json_t *hex_json(const struct builder *b)
{
	char text[2 * FRONTIER_SIZE + 2 * TALLY_SIZE];

	hex_write(b->at, b->n, text);
	return json_string(text);
}

static json_t *frontier_json(const struct frontier *f)
{
	uint8_t	       room[FRONTIER_SIZE];
	struct builder b = builder_on(room, sizeof room);

	frontier_write(&b, f);
	return hex_json(&b);
}

static json_t *tally_json(const struct tally *t)
{
	uint8_t	       room[TALLY_SIZE];
	struct builder b = builder_on(room, sizeof room);

	build_copy(&b, t->epoch, EPOCH_SIZE);
	for (unsigned i = 0; i < t->n; i++) {
		build_copy(&b, t->row[i].agreement.b, HASH_SIZE);
		build_u64(&b, t->row[i].count);
		build_u64(&b, t->row[i].last);
	}
	return hex_json(&b);
}

static json_t *next_json(const struct mark *mark)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < mark->tally.n; i++) {
		char text[24];
		snprintf(text, sizeof text, "%llu", (unsigned long long)mark->aseq[i]);
		json_array_append_new(list, json_string(text));
	}
	return list;
}

void progress_put(struct progress_file *p, const char *origin, const struct mark *mark)
{
	if (p == NULL)
		return;
	json_object_set_new(p->logs, origin,
			    json_pack("{s:o, s:o, s:o, s:b}", "frontier", frontier_json(&mark->frontier), "tally", tally_json(&mark->tally), "next",
				      next_json(mark), "bare", mark->bare));
}

void progress_save(struct progress_file *p)
{
	char at[25];

	if (p == NULL)
		return;
	time_write(now_ms(), at);
	json_t *o = json_pack("{s:s, s:s, s:O}", "format", FORMAT, "at", at, "logs", p->logs);
	char   *text = o == NULL ? NULL : json_dumps(o, JSON_COMPACT);
	/* Where this folder may not be written by us, there is no progress to go on from; the scrub itself does not mind. */
	if (text != NULL && file_write(p->path, bytes_text(text), 0600) != ERR_OK)
		p->path[0] = 0;
	free(text);
	json_decref(o);
}

void progress_finish(struct progress_file *p)
{
	if (p != NULL)
		(void)unlink(p->path);
}

void progress_close(struct progress_file *p)
{
	if (p == NULL)
		return;
	json_decref(p->read);
	json_decref(p->logs);
	free(p);
}
