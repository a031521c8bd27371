/* papers_notes.c: papers as signed notes, one after another, from a process that read the files to one that may not. */
#include <stdlib.h>

#include "proc/papers.h"

void papers_notes(const struct papers *p, papers_note_fn *take, void *arg)
{
	for (unsigned i = 0; i < p->ncards; i++)
		for (unsigned k = 0; k < p->keyring[i].n; k++)
			take(arg, PAPER_CARD, keyring_note(&p->keyring[i], k));
	for (unsigned i = 0; i < p->nagreements; i++)
		take(arg, PAPER_AGREEMENT, p->agreement[i]->note);
}

/* A party's first card makes its ring; the later ones follow it. */
static enum err card_take(struct papers *p, struct bytes note)
{
	struct card card;
	unsigned    at = 0;
	enum err    e = card_read(note, &card, NULL);

	if (e != ERR_OK)
		return e;
	while (at < p->ncards && strcmp(p->card[at]->party, card.party) != 0)
		at++;
	if (at == PAPERS_CARDS_MOST)
		return ERR_TOO_LONG;
	e = keyring_add(&p->keyring[at], &card, note);
	if (e != ERR_OK)
		return e;
	p->card[at] = keyring_card(&p->keyring[at]);
	p->ncards += at == p->ncards;
	return ERR_OK;
}

static enum err agreement_take(struct papers *p, struct bytes note)
{
	struct root_key *roots = calloc(PAPERS_ROOTS_MOST, sizeof *roots); /* large: kept off the stack */
	enum err	 e = roots == NULL ? ERR_MEMORY : p->nagreements == PAPERS_AGREEMENTS_MOST ? ERR_TOO_LONG : ERR_OK;

	if (e == ERR_OK)
		e = agreement_open(note, roots, papers_roots(p, roots), &p->agreement[p->nagreements], NULL);
	if (e == ERR_OK)
		p->nagreements++;
	free(roots);
	return e;
}

enum err papers_note_take(struct papers *p, enum paper kind, struct bytes note)
{
	switch (kind) {
	case PAPER_CARD:
		return card_take(p, note);
	case PAPER_AGREEMENT:
		return agreement_take(p, note);
	}
	return ERR_UNKNOWN_KEY;
}
