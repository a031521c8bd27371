#include "proc/papers.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "proc/files.h"

/* A paper of another environment than ours must not stand here, whoever put it there. */
static enum err other_environment(struct fault *fault, unsigned line, bool live)
{
	return fault_at(fault, ERR_VALUE, line, "environment", live ? "live" : "test", "test and live never meet: take it away",
			"لا يلتقي الاختبار والتشغيل الفعلي: أزله");
}

/* ---- cards ---- */

enum err papers_card_path(const char *party, uint64_t serial, char out[CONFIG_PATH_MOST])
{
	int n = snprintf(out, CONFIG_PATH_MOST, PAPERS_CARDS_FOLDER "/%s.%llu.card", party, (unsigned long long)serial);

	return n > 0 && n < CONFIG_PATH_MOST ? ERR_OK : ERR_TOO_LONG;
}

enum err papers_card_read_note(const char *path, struct card *out, struct buffer *note, struct fault *fault)
{
	struct buffer file = {.most = CARD_MOST};
	enum err      e = file_read(path, &file);

	if (e == ERR_OK)
		e = card_read(buffer_bytes(&file), out, fault);
	else
		fault_at(fault, e, 0, "", "", "", "");
	if (e == ERR_OK && note != NULL)
		e = buffer_add(note, buffer_bytes(&file));
	buffer_done(&file);
	return e;
}

enum err papers_card_read(const char *path, struct card *out, struct fault *fault)
{
	return papers_card_read_note(path, out, NULL, fault);
}

/* A card as it stands in a file, before it has its place in a ring. */
struct found_card {
	unsigned      ring;
	struct card   card;
	struct buffer note;
	char	      path[CONFIG_PATH_MOST];
};

#define FOUND_CARDS_MOST (2 * PAPERS_CARDS_MOST * KEYRING_CARDS_MOST)

/* One load of everything. `file` is the paper at hand, for whoever must name it. */
struct loading {
	const struct config *config;
	struct papers	    *papers;
	char		    *file;
	struct fault	    *fault;
	unsigned	     nrings, nfound;
	char		     party[PAPERS_CARDS_MOST][PARTY_MOST + 1]; /* of each ring; [0] is ours */
	struct found_card   *found[FOUND_CARDS_MOST];
};

static void found_free(struct found_card *f)
{
	if (f != NULL)
		buffer_done(&f->note);
	free(f);
}

static void loading_free(struct loading *l)
{
	for (unsigned i = 0; l != NULL && i < l->nfound; i++)
		found_free(l->found[i]);
	free(l);
}

static enum err found_read(struct loading *l, const char *path, struct found_card **out)
{
	struct found_card *f = calloc(1, sizeof *f);

	if (f == NULL)
		return fault_at(l->fault, ERR_MEMORY, 0, "", "", "", "");
	f->note.most = CARD_MOST;
	snprintf(f->path, sizeof f->path, "%s", path);
	enum err e = papers_card_read_note(path, &f->card, &f->note, l->fault);
	if (e == ERR_OK)
		*out = f;
	else
		found_free(f);
	return e;
}

static int ring_of(const struct loading *l, const char *party)
{
	for (unsigned i = 0; i < l->nrings; i++)
		if (strcmp(l->party[i], party) == 0)
			return (int)i;
	return -1;
}

/* Takes the card over, or frees it. */
static enum err found_keep(struct loading *l, struct found_card *f, unsigned ring)
{
	if (l->nfound == FOUND_CARDS_MOST) {
		found_free(f);
		return fault_at(l->fault, ERR_TOO_LONG, 0, "", "", "fewer cards", "بطاقات أقل");
	}
	f->ring = ring;
	l->found[l->nfound++] = f;
	/* The first that was found is our own. */
	if (f->card.live != l->found[0]->card.live)
		return other_environment(l->fault, 3, f->card.live);
	return ERR_OK;
}

/* The card that gives a party its ring. It stands under the name of its party, so that nobody's card is taken for another's. */
static enum err ring_begin(struct loading *l, const char *path, const char *party)
{
	struct found_card *f = NULL;
	enum err e = l->nrings == PAPERS_CARDS_MOST ? fault_at(l->fault, ERR_TOO_LONG, 0, "", "", "fewer partners", "عدد أقل من الشركاء")
						    : found_read(l, path, &f);

	if (e != ERR_OK)
		return e;
	assert(f != NULL); /* found_read() made it */
	if (strcmp(f->card.party, party) != 0) {
		e = fault_at(l->fault, ERR_VALUE, 2, "party", f->card.party, "the file's name must be the party's",
			     "يجب أن يكون اسم الملف اسم الطرف");
		found_free(f);
		return e;
	}
	memcpy(l->party[l->nrings], f->card.party, sizeof l->party[0]);
	return found_keep(l, f, l->nrings++);
}

/* ---- rings ---- */

static int by_ring_and_serial(const void *a, const void *b)
{
	const struct found_card *x = *(struct found_card *const *)a, *y = *(struct found_card *const *)b;

	if (x->ring != y->ring)
		return x->ring < y->ring ? -1 : 1;
	return x->card.serial < y->card.serial ? -1 : x->card.serial > y->card.serial;
}

static enum err ring_add(struct loading *l, const struct found_card *f)
{
	char	 serial[24];
	enum err e = keyring_add(&l->papers->keyring[f->ring], &f->card, buffer_bytes(&f->note));

	if (e == ERR_OK || e == ERR_EXISTS)
		return ERR_OK;
	snprintf(l->file, CONFIG_PATH_MOST, "%s", f->path);
	snprintf(serial, sizeof serial, "serial %llu", (unsigned long long)f->card.serial);
	return fault_at(l->fault, e, 0, "", serial, card_succeeds_text(e, LANG_EN), card_succeeds_text(e, LANG_AR));
}

static enum err rings_make(struct loading *l)
{
	enum err e = ERR_OK;

	qsort(l->found, l->nfound, sizeof l->found[0], by_ring_and_serial);
	for (unsigned i = 0; i < l->nfound && e == ERR_OK; i++)
		e = ring_add(l, l->found[i]);
	l->papers->ncards = l->nrings;
	for (unsigned i = 0; i < l->nrings; i++)
		l->papers->card[i] = keyring_card(&l->papers->keyring[i]);
	return e;
}

/* ---- agreements ---- */

enum err papers_agreement_path(const struct hash *id, char out[CONFIG_PATH_MOST])
{
	char hex[2 * HASH_SIZE + 1];

	hex_write(id->b, HASH_SIZE, hex);
	int n = snprintf(out, CONFIG_PATH_MOST, PAPERS_AGREEMENTS_FOLDER "/%s.agreement", hex);
	return n > 0 && n < CONFIG_PATH_MOST ? ERR_OK : ERR_TOO_LONG;
}

/* Takes the agreement over; one that stands in two places is taken once. */
static enum err agreement_keep(struct loading *l, struct agreement *a)
{
	struct papers *p = l->papers;
	enum err       e = ERR_OK;

	if (a->live != p->card[0]->live)
		e = other_environment(l->fault, 0, a->live);
	else if (p->nagreements == PAPERS_AGREEMENTS_MOST)
		e = fault_at(l->fault, ERR_TOO_LONG, 0, "", "", "fewer agreements", "عدد أقل من الاتفاقات");
	else if (papers_agreement(p, &a->id) == NULL) {
		p->agreement[p->nagreements++] = a;
		return ERR_OK;
	}
	agreement_free(a);
	return e;
}

static enum err agreement_paper(struct loading *l, const char *path, const char *stem)
{
	struct root_key	  roots[PAPERS_ROOTS_MOST];
	struct buffer	  file = {.most = AGREEMENT_NOTE_MOST};
	struct agreement *a = NULL;

	(void)stem;
	size_t	 n = papers_roots(l->papers, roots);
	enum err e = file_read(path, &file);
	if (e != ERR_OK)
		fault_at(l->fault, e, 0, "", "", "", "");
	else
		e = agreement_open(buffer_bytes(&file), roots, n, &a, l->fault);
	buffer_done(&file);
	return e == ERR_OK ? agreement_keep(l, a) : e;
}

/* ---- folders ---- */

typedef enum err paper_fn(struct loading *l, const char *path, const char *stem);
typedef enum err place_fn(const struct config *c, const char *rest, char out[CONFIG_PATH_MOST]);

static enum err partner_paper(struct loading *l, const char *path, const char *stem)
{
	return ring_begin(l, path, stem);
}

/* "<party>.<serial>": a card of a party that has no ring here is nobody's; a person took that partner away. */
static enum err card_paper(struct loading *l, const char *path, const char *stem)
{
	char		   name[PARTY_MOST + 32], party[PARTY_MOST + 1];
	const char	  *dot = strrchr(stem, '.');
	struct found_card *f;

	if (dot == NULL || (size_t)(dot - stem) > PARTY_MOST)
		return fault_at(l->fault, ERR_VALUE, 0, "", stem, "PARTY.SERIAL.card", "PARTY.SERIAL.card");
	snprintf(party, sizeof party, "%.*s", (int)(dot - stem), stem);
	int ring = ring_of(l, party);
	if (ring < 0)
		return ERR_OK;
	enum err e = found_read(l, path, &f);
	if (e != ERR_OK)
		return e;
	snprintf(name, sizeof name, "%s.%llu", f->card.party, (unsigned long long)f->card.serial);
	if (strcmp(name, stem) == 0)
		return found_keep(l, f, (unsigned)ring);
	e = fault_at(l->fault, ERR_VALUE, 0, "party, serial", name, "the file's name must be PARTY.SERIAL.card",
		     "يجب أن يكون اسم الملف PARTY.SERIAL.card");
	found_free(f);
	return e;
}

/* The name without its ending, or false when it ends otherwise. */
static bool stem_of(const char *name, const char *ending, char *stem, size_t room)
{
	size_t n = strlen(name), m = strlen(ending);

	if (name[0] == '.' || n <= m || n - m >= room || strcmp(name + n - m, ending) != 0)
		return false;
	memcpy(stem, name, n - m);
	stem[n - m] = '\0';
	return true;
}

static enum err each_entry(struct loading *l, DIR *dir, place_fn *place, const char *folder, const char *ending, paper_fn *take)
{
	char	       stem[256], rest[600];
	struct dirent *entry;
	enum err       e = ERR_OK;

	while (e == ERR_OK && (entry = readdir(dir)) != NULL) {
		if (!stem_of(entry->d_name, ending, stem, sizeof stem))
			continue;
		snprintf(rest, sizeof rest, "%s/%s", folder, entry->d_name);
		e = place(l->config, rest, l->file);
		if (e != ERR_OK)
			fault_at(l->fault, e, 0, rest, "", "", "");
		else
			e = take(l, l->file, stem);
	}
	return e;
}

/* Each file of `folder` below the home or the data that ends in `ending`; a folder that is not there holds nothing. */
static enum err each_paper(struct loading *l, place_fn *place, const char *folder, const char *ending, paper_fn *take)
{
	char	 path[CONFIG_PATH_MOST];
	enum err e = place(l->config, folder, path);

	if (e != ERR_OK)
		return fault_at(l->fault, e, 0, folder, "", "", "");
	DIR *dir = opendir(path);
	if (dir == NULL && errno == ENOENT)
		return ERR_OK;
	snprintf(l->file, CONFIG_PATH_MOST, "%s", path);
	if (dir == NULL)
		return fault_at(l->fault, ERR_FILE, 0, "", "", "", "");
	e = each_entry(l, dir, place, folder, ending, take);
	closedir(dir);
	return e;
}

static enum err own_card(struct loading *l)
{
	char	 name[PARTY_MOST + 16];
	enum err e;

	snprintf(name, sizeof name, "%s.card", l->config->party);
	e = config_path(l->config, name, l->file);
	if (e != ERR_OK)
		return fault_at(l->fault, e, 0, name, "", "", "");
	return ring_begin(l, l->file, l->config->party);
}

static int by_id(const void *a, const void *b)
{
	const struct agreement *const *x = a, *const *y = b;

	return memcmp((*x)->id.b, (*y)->id.b, HASH_SIZE);
}

static enum err cards_load(struct loading *l)
{
	enum err e = own_card(l);

	if (e == ERR_OK)
		e = each_paper(l, config_path, "partners", ".card", partner_paper);
	if (e == ERR_OK)
		e = each_paper(l, config_path, PAPERS_CARDS_FOLDER, ".card", card_paper);
	if (e == ERR_OK)
		e = each_paper(l, config_data_path, PAPERS_CARDS_FOLDER, ".card", card_paper);
	return e == ERR_OK ? rings_make(l) : e;
}

static enum err agreements_load(struct loading *l)
{
	enum err e = each_paper(l, config_path, PAPERS_AGREEMENTS_FOLDER, ".agreement", agreement_paper);

	if (e == ERR_OK)
		e = each_paper(l, config_data_path, PAPERS_AGREEMENTS_FOLDER, ".agreement", agreement_paper);
	if (e == ERR_OK)
		qsort(l->papers->agreement, l->papers->nagreements, sizeof l->papers->agreement[0], by_id);
	return e;
}

static enum err load(const struct config *config, bool agreements, struct papers *out, char file[CONFIG_PATH_MOST], struct fault *fault)
{
	struct loading *l = calloc(1, sizeof *l);
	struct papers  *p = calloc(1, sizeof *p);
	enum err	e = ERR_MEMORY;

	file[0] = '\0';
	if (l == NULL || p == NULL) {
		fault_at(fault, e, 0, "", "", "", "");
	} else {
		*l = (struct loading){.config = config, .papers = p, .file = file, .fault = fault};
		e = cards_load(l);
		if (e == ERR_OK && agreements)
			e = agreements_load(l);
	}
	loading_free(l);
	if (e == ERR_OK)
		*out = *p;
	else if (p != NULL)
		papers_done(p);
	free(p);
	return e;
}

enum err papers_load_cards(const struct config *config, struct papers *out, char file[CONFIG_PATH_MOST], struct fault *fault)
{
	return load(config, false, out, file, fault);
}

enum err papers_load(const struct config *config, struct papers *out, char file[CONFIG_PATH_MOST], struct fault *fault)
{
	return load(config, true, out, file, fault);
}

void papers_done(struct papers *p)
{
	for (unsigned i = 0; i < p->nagreements; i++)
		agreement_free(p->agreement[i]);
	for (unsigned i = 0; i < COUNT_OF(p->keyring); i++)
		keyring_done(&p->keyring[i]);
	*p = (struct papers){0};
}

/* ---- asking ---- */

static int place_of(const struct papers *p, const char *party)
{
	for (unsigned i = 0; i < p->ncards; i++)
		if (strcmp(p->card[i]->party, party) == 0)
			return (int)i;
	return -1;
}

const struct keyring *papers_keyring(const struct papers *p, const char *party)
{
	int i = place_of(p, party);

	return i >= 0 ? &p->keyring[i] : NULL;
}

enum err papers_card_take(struct papers *p, const struct card *card, struct bytes note)
{
	int	 i = place_of(p, card->party);
	enum err e = i >= 0 ? keyring_add(&p->keyring[i], card, note) : ERR_NOT_FOUND;

	if (e == ERR_OK)
		p->card[i] = keyring_card(&p->keyring[i]);
	return e;
}

const struct card *papers_card(const struct papers *p, const char *party)
{
	int i = place_of(p, party);

	return i >= 0 ? p->card[i] : NULL;
}

const struct agreement *papers_agreement(const struct papers *p, const struct hash *id)
{
	for (unsigned i = 0; i < p->nagreements; i++)
		if (hash_equal(&p->agreement[i]->id, id))
			return p->agreement[i];
	return NULL;
}

/* Is this root on an earlier card of the ring? */
static bool root_before(const struct keyring *ring, unsigned n, const struct public_key *root)
{
	for (unsigned i = 0; i < n; i++)
		if (public_key_equal(&ring->card[i]->root[0], root) || public_key_equal(&ring->card[i]->root[1], root))
			return true;
	return false;
}

static size_t ring_roots(const struct keyring *ring, struct root_key *out)
{
	size_t n = 0;

	for (unsigned i = 0; i < ring->n; i++)
		for (unsigned k = 0; k < 2; k++)
			if (!root_before(ring, i, &ring->card[i]->root[k]))
				out[n++] = (struct root_key){.party = ring->card[i]->party, .key = ring->card[i]->root[k]};
	return n;
}

size_t papers_roots(const struct papers *p, struct root_key out[PAPERS_ROOTS_MOST])
{
	size_t n = 0;

	for (unsigned i = 0; i < p->ncards; i++)
		n += ring_roots(&p->keyring[i], out + n);
	return n;
}

/* ---- our own keys ---- */

static bool key_on_card(const struct card *own, bool receipt, const struct public_key *key)
{
	const struct card_key *keys = receipt ? own->receipt : own->log;
	unsigned	       n = receipt ? own->nreceipt : own->nlog;

	for (unsigned i = 0; i < n; i++)
		if (public_key_equal(&keys[i].key, key))
			return true;
	return false;
}

static enum err key_at(const struct config *config, bool receipt, const char *ending, struct sign_key *out, char file[CONFIG_PATH_MOST],
		       struct fault *fault)
{
	char rest[32];

	snprintf(rest, sizeof rest, "keys/%s%s", receipt ? "receipt" : "log", ending);
	enum err e = config_path(config, rest, file);
	return e == ERR_OK ? key_file_read(file, out, fault) : fault_at(fault, e, 0, rest, "", "", "");
}

enum err papers_key_read(const struct config *config, const struct card *own, bool receipt, struct sign_key *out, char file[CONFIG_PATH_MOST],
			 struct fault *fault)
{
	char		other[CONFIG_PATH_MOST];
	struct sign_key key, next;
	enum err	e = key_at(config, receipt, ".key", &key, file, fault);

	if ((e != ERR_OK || !key_on_card(own, receipt, &key.pub)) && key_at(config, receipt, ".next.key", &next, other, NULL) == ERR_OK) {
		bool in_use = key_on_card(own, receipt, &next.pub);

		if (in_use && e == ERR_OK)
			sign_key_done(&key);
		if (in_use) {
			key = next;
			e = ERR_OK;
		}
		sign_key_done(&next);
	}
	if (e != ERR_OK)
		return e;
	*out = key;
	sign_key_done(&key);
	return ERR_OK;
}
