/*
 * core_pairing.c: the connection agreement comes into force by wire. Whoever added a partner with a root key at hand
 * left our half in agreements/pending: the text and our signature. The partner's half is one line in a PAPER frame; both
 * sides computed the same text, so the two halves are a whole note, which is verified like any agreement, kept in
 * data/agreements and taken up by a reload. Nothing but a connection agreement comes into force this way.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

#include "agreement/connection.h"
#include "gateway/core.h"
#include "proc/files.h"
#include "wire/paper.h"

#define PENDING_FOLDER "agreements/pending"
#define PENDING_ENDING ".signed-by-us"
#define PAPERS_EACH    8 /* frames of one session that are looked at: a wrong one costs a whole agreement's reading and a line in the journal */
#define LINE_BEGINS    "\xe2\x80\x94 " /* an em dash */

/* ---- our halves, read at the start ---- */

static bool ends_in(const char *name, const char *ending)
{
	size_t n = strlen(name), m = strlen(ending);

	return n > m && strcmp(name + n - m, ending) == 0;
}

static struct core_partner *partner_in(struct core *c, const struct agreement *a)
{
	if (agreement_party(a, bytes_text(c->process->config->party)) < 0)
		return NULL;
	for (unsigned i = 0; i < c->npartners; i++)
		if (agreement_party(a, bytes_text(c->partner[i].name)) >= 0)
			return &c->partner[i];
	return NULL;
}

static enum err half_keep(struct core *c, struct bytes note)
{
	struct note	  read;
	struct agreement *a = NULL;
	enum err	  e = note_read(note, &read);

	if (e == ERR_OK)
		e = agreement_parse(read.text, &a, NULL);
	if (e != ERR_OK)
		return e;
	struct core_partner *p = connection_is(a) ? partner_in(c, a) : NULL;
	if (p != NULL && papers_agreement(&c->papers, &a->id) == NULL) {
		p->half_id = a->id;
		p->half.n = 0;
		p->half.most = AGREEMENT_NOTE_MOST;
		e = buffer_add(&p->half, note);
	}
	agreement_free(a);
	return e;
}

static void half_read(struct core *c, const char *name)
{
	char	      rest[sizeof PENDING_FOLDER + 256], path[CONFIG_PATH_MOST];
	struct buffer file = {.most = AGREEMENT_NOTE_MOST};

	snprintf(rest, sizeof rest, PENDING_FOLDER "/%s", name);
	enum err e = config_path(c->process->config, rest, path);
	if (e == ERR_OK)
		e = file_read(path, &file);
	if (e == ERR_OK)
		e = half_keep(c, buffer_bytes(&file));
	if (e != ERR_OK)
		journal(LEVEL_WARNING, "paper-refused", "%s cannot be used: %s", rest, err_text(e, LANG_EN));
	buffer_done(&file);
}

/* One that cannot be read hinders nobody: it is said, and the connection agreement waits. */
void core_pairing_read(struct core *c)
{
	char	       path[CONFIG_PATH_MOST];
	struct dirent *entry;
	DIR	      *folder = config_path(c->process->config, PENDING_FOLDER, path) == ERR_OK ? opendir(path) : NULL;

	while (folder != NULL && (entry = readdir(folder)) != NULL)
		if (ends_in(entry->d_name, PENDING_ENDING) && strlen(entry->d_name) < 256)
			half_read(c, entry->d_name);
	if (folder != NULL)
		closedir(folder);
}

/* ---- saying ours ---- */

/* The line that this party signed, with its line feed; empty when there is none. */
static struct bytes line_of(struct bytes note, const char *party)
{
	char	     begin[sizeof LINE_BEGINS + PARTY_MOST + 8];
	struct note  read;
	struct bytes rest = note;

	if (note_read(note, &read) != ERR_OK)
		return BYTES_NONE;
	int n = snprintf(begin, sizeof begin, LINE_BEGINS "%s/root ", party);
	rest.at += read.text.n + 1; /* note_read has seen the empty line */
	rest.n -= read.text.n + 1;
	while (rest.n > 0) {
		const uint8_t *end = memchr(rest.at, '\n', rest.n);
		size_t	       length = end != NULL ? (size_t)(end - rest.at) + 1 : rest.n;

		if (length > (size_t)n && memcmp(rest.at, begin, (size_t)n) == 0)
			return bytes_of(rest.at, length);
		rest.at += length;
		rest.n -= length;
	}
	return BYTES_NONE;
}

static bool is_active_there(const struct core_partner *p, const struct hash *id)
{
	for (unsigned i = 0; i < p->theirs->nagreements; i++)
		if (hash_equal(&p->theirs->agreement[i], id))
			return true;
	return false;
}

static void half_send(struct core_partner *p, const struct hash *id, struct bytes note)
{
	uint8_t		   memory[FRAME_HEAD + PAPER_MOST + 64];
	struct builder	   b = builder_on(memory, sizeof memory);
	struct paper_frame f = {.kind = PAPER_SIGNATURE, .of = *id, .content = line_of(note, p->core->process->config->party)};

	if (f.content.n == 0 || is_active_there(p, id))
		return;
	paper_frame_write(&b, &f);
	if (b.err != ERR_OK || buffer_add(&p->out, builder_bytes(&b)) != ERR_OK)
		journal(LEVEL_WARNING, "paper", "%s could not be shown our signature of the connection agreement", p->name);
}

/* After both HELLOs. One that is in force here is said on as long as it is not there: our word may have been lost. */
void core_pairing_say(struct core_partner *p)
{
	const struct papers *papers = &p->core->papers;

	if (p->half.n > 0)
		half_send(p, &p->half_id, buffer_bytes(&p->half));
	for (unsigned i = 0; i < papers->nagreements; i++)
		if (agreement_party(papers->agreement[i], bytes_text(p->name)) >= 0 && connection_is(papers->agreement[i]))
			half_send(p, &papers->agreement[i]->id, papers->agreement[i]->note);
}

/* ---- hearing theirs ---- */

static enum err whole_keep(struct core *c, const struct hash *id, struct bytes note)
{
	struct root_key	 *roots = calloc(PAPERS_ROOTS_MOST, sizeof *roots);
	struct agreement *a = NULL;
	char		  rest[CONFIG_PATH_MOST];
	enum err	  e = roots == NULL ? ERR_MEMORY : agreement_open(note, roots, papers_roots(&c->papers, roots), &a, NULL);

	if (e == ERR_OK && !hash_equal(&a->id, id))
		e = ERR_VALUE;
	if (e == ERR_OK)
		e = papers_agreement_path(id, rest);
	if (e == ERR_OK)
		e = core_paper_write(c, PAPERS_AGREEMENTS_FOLDER, rest, note);
	agreement_free(a);
	free(roots);
	return e;
}

static enum err halves_join(struct core_partner *p, struct bytes line)
{
	struct buffer whole = {.most = AGREEMENT_NOTE_MOST};
	enum err      e = buffer_add(&whole, buffer_bytes(&p->half));

	if (e == ERR_OK)
		e = buffer_add(&whole, line);
	if (e == ERR_OK)
		e = whole_keep(p->core, &p->half_id, buffer_bytes(&whole));
	buffer_done(&whole);
	return e;
}

static void signature_come(struct core_partner *p, const struct paper_frame *f)
{
	if (papers_agreement(&p->core->papers, &f->of) != NULL)
		return; /* it is in force here already */
	if (p->half.n == 0 || !hash_equal(&p->half_id, &f->of)) {
		journal(LEVEL_INFO, "paper-waits",
			"%s has signed a connection agreement that nobody has signed here: mithaq partner add CARD --root FILE", p->name);
		return;
	}
	enum err e = halves_join(p, f->content);
	if (e != ERR_OK) {
		journal(LEVEL_WARNING, "paper-refused", "what %s signed of the connection agreement does not verify: %s", p->name,
			err_text(e, LANG_EN));
		return;
	}
	buffer_done(&p->half); /* joined: asked once */
	journal(LEVEL_INFO, "agreement-joined", "the connection agreement with %s is signed by both sides and is taken up", p->name);
	process_papers(p->core->process, true);
}

enum err core_paper_come(struct core_partner *p, struct bytes payload)
{
	struct paper_frame f;
	enum err	   e = paper_frame_read(payload, &f);

	if (e == ERR_OK && f.kind == PAPER_SIGNATURE && p->papers++ < PAPERS_EACH)
		signature_come(p, &f);
	return e;
}
