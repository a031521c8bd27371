#include "proc/papers.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "proc/files.h"

enum err papers_card_read(const char *path, struct card *out, struct fault *fault)
{
	struct buffer file = {.most = CARD_MOST};
	enum err      e = file_read(path, &file);

	if (e == ERR_OK)
		e = card_read(buffer_bytes(&file), out, fault);
	else
		fault_at(fault, e, 0, "", "", "", "");
	buffer_done(&file);
	return e;
}

static enum err card_add(struct papers *p, const char *path, struct fault *fault)
{
	if (p->ncards == PAPERS_CARDS_MOST)
		return fault_at(fault, ERR_TOO_LONG, 0, "", "", "fewer partners", "عدد أقل من الشركاء");
	struct card *card = calloc(1, sizeof *card);
	if (card == NULL)
		return fault_at(fault, ERR_MEMORY, 0, "", "", "", "");
	enum err e = papers_card_read(path, card, fault);
	if (e != ERR_OK) {
		free(card);
		return e;
	}
	p->card[p->ncards++] = card;
	return ERR_OK;
}

/* A card must stand under the name of its party, so that nobody's card is taken for another's. */
static enum err card_add_named(struct papers *p, const char *path, const char *party, struct fault *fault)
{
	enum err e = card_add(p, path, fault);

	if (e != ERR_OK)
		return e;
	assert(p->ncards > 0); /* card_add() added it */
	if (strcmp(p->card[p->ncards - 1]->party, party) != 0)
		return fault_at(fault, ERR_VALUE, 2, "party", p->card[p->ncards - 1]->party, "the file's name must be the party's",
				"يجب أن يكون اسم الملف اسم الطرف");
	return ERR_OK;
}

static enum err agreement_add(struct papers *p, const char *path, struct fault *fault)
{
	struct root_key roots[PAPERS_ROOTS_MOST];
	struct buffer	file = {.most = AGREEMENT_NOTE_MOST};

	if (p->nagreements == PAPERS_AGREEMENTS_MOST)
		return fault_at(fault, ERR_TOO_LONG, 0, "", "", "fewer agreements", "عدد أقل من الاتفاقات");
	size_t	 n = papers_roots(p, roots);
	enum err e = file_read(path, &file);
	if (e != ERR_OK)
		fault_at(fault, e, 0, "", "", "", "");
	else
		e = agreement_open(buffer_bytes(&file), roots, n, &p->agreement[p->nagreements], fault);
	if (e == ERR_OK)
		p->nagreements++;
	buffer_done(&file);
	return e;
}

/* ---- folders ---- */

typedef enum err paper_fn(struct papers *p, const char *path, const char *stem, struct fault *fault);

static enum err partner_paper(struct papers *p, const char *path, const char *stem, struct fault *fault)
{
	return card_add_named(p, path, stem, fault);
}

static enum err agreement_paper(struct papers *p, const char *path, const char *stem, struct fault *fault)
{
	(void)stem;
	return agreement_add(p, path, fault);
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

/* Each file of `folder` below the home that ends in `ending`; a folder that is not there holds nothing. */
static enum err each_paper(const struct config *config, const char *folder, const char *ending, paper_fn *take, struct papers *p,
			   char file[CONFIG_PATH_MOST], struct fault *fault)
{
	char	       path[CONFIG_PATH_MOST], stem[256], rest[600];
	struct dirent *entry;
	enum err       e = config_path(config, folder, path);

	if (e != ERR_OK)
		return fault_at(fault, e, 0, folder, "", "", "");
	DIR *dir = opendir(path);
	if (dir == NULL && errno == ENOENT)
		return ERR_OK;
	snprintf(file, CONFIG_PATH_MOST, "%s", path);
	if (dir == NULL)
		return fault_at(fault, ERR_FILE, 0, "", "", "", "");
	while (e == ERR_OK && (entry = readdir(dir)) != NULL) {
		if (!stem_of(entry->d_name, ending, stem, sizeof stem))
			continue;
		snprintf(rest, sizeof rest, "%s/%s", folder, entry->d_name);
		e = config_path(config, rest, file);
		if (e != ERR_OK)
			fault_at(fault, e, 0, rest, "", "", "");
		else
			e = take(p, file, stem, fault);
	}
	closedir(dir);
	return e;
}

static enum err own_card(const struct config *config, struct papers *p, char file[CONFIG_PATH_MOST], struct fault *fault)
{
	char name[PARTY_MOST + 16];

	snprintf(name, sizeof name, "%s.card", config->party);
	enum err e = config_path(config, name, file);
	if (e != ERR_OK)
		return fault_at(fault, e, 0, name, "", "", "");
	return card_add_named(p, file, config->party, fault);
}

static int by_id(const void *a, const void *b)
{
	const struct agreement *const *x = a, *const *y = b;

	return memcmp((*x)->id.b, (*y)->id.b, HASH_SIZE);
}

enum err papers_load_cards(const struct config *config, struct papers *out, char file[CONFIG_PATH_MOST], struct fault *fault)
{
	struct papers p = {0};

	file[0] = '\0';
	enum err e = own_card(config, &p, file, fault);
	if (e == ERR_OK)
		e = each_paper(config, "partners", ".card", partner_paper, &p, file, fault);
	if (e != ERR_OK) {
		papers_done(&p);
		return e;
	}
	*out = p;
	return ERR_OK;
}

enum err papers_load(const struct config *config, struct papers *out, char file[CONFIG_PATH_MOST], struct fault *fault)
{
	struct papers p;
	enum err      e = papers_load_cards(config, &p, file, fault);

	if (e != ERR_OK)
		return e;
	e = each_paper(config, "agreements", ".agreement", agreement_paper, &p, file, fault);
	if (e != ERR_OK) {
		papers_done(&p);
		return e;
	}
	qsort(p.agreement, p.nagreements, sizeof p.agreement[0], by_id);
	*out = p;
	return ERR_OK;
}

void papers_done(struct papers *p)
{
	for (unsigned i = 0; i < p->nagreements; i++)
		agreement_free(p->agreement[i]);
	for (unsigned i = 0; i < p->ncards; i++)
		free(p->card[i]);
	*p = (struct papers){0};
}

const struct card *papers_card(const struct papers *p, const char *party)
{
	for (unsigned i = 0; i < p->ncards; i++)
		if (strcmp(p->card[i]->party, party) == 0)
			return p->card[i];
	return NULL;
}

const struct agreement *papers_agreement(const struct papers *p, const struct hash *id)
{
	for (unsigned i = 0; i < p->nagreements; i++)
		if (hash_equal(&p->agreement[i]->id, id))
			return p->agreement[i];
	return NULL;
}

size_t papers_roots(const struct papers *p, struct root_key out[PAPERS_ROOTS_MOST])
{
	size_t n = 0;

	for (unsigned i = 0; i < p->ncards; i++)
		for (unsigned k = 0; k < 2; k++)
			out[n++] = (struct root_key){.party = p->card[i]->party, .key = p->card[i]->root[k]};
	return n;
}
