/* face.c: the public face of this room, include/mithaq/verify.h, over evidence.h. */
#include <stdlib.h>

#include "evidence/evidence.h"
#include "mithaq/verify.h"

#define SENTENCE_MOST 1400 /* the longest sentence with all its values */
#define BROKEN_MOST   768

struct mithaq_evidence {
	struct report report; /* its views are dropped: they point into the caller's bundle */
	char	      id[2 + ID_TEXT + 1];
	char	      broken[2][BROKEN_MOST];
	char	      text[CLAIMS_MOST][2][SENTENCE_MOST];
};

int mithaq_start(void)
{
	return crypto_start() == ERR_OK ? 0 : MITHAQ_FAILED;
}

static void fill_sound(struct mithaq_evidence *e)
{
	e->id[0] = 'q';
	e->id[1] = '_';
	id_write(e->report.mid, e->id + 2);
	for (unsigned i = 0; i < e->report.n; i++)
		for (unsigned lang = 0; lang < 2; lang++)
			claim_text(&e->report.claim[i], (enum lang)lang, e->text[i][lang], SENTENCE_MOST);
	e->report.nshown = 0;
}

static void fill_broken(struct mithaq_evidence *e, const struct fault *fault)
{
	e->report.n = 0;
	for (unsigned lang = 0; lang < 2; lang++)
		fault_print(fault, "bundle", (enum lang)lang, e->broken[lang], BROKEN_MOST);
}

static struct pins pins_of(const struct mithaq_pins *from)
{
	struct pins to = {.agreement = BYTES_NONE};

	if (from == NULL)
		return to;
	to.agreement = bytes_of(from->agreement, from->agreement_size);
	for (unsigned i = 0; i < 2; i++)
		to.card[i] = bytes_of(from->card[i], from->card_size[i]);
	return to;
}

enum mithaq_result mithaq_verify(const void *bundle, size_t size, const struct mithaq_pins *pins, struct mithaq_evidence **out)
{
	struct mithaq_evidence *e = calloc(1, sizeof *e);
	struct pins		known = pins_of(pins);
	struct fault		fault = {.err = ERR_OK};
	enum err		err;

	*out = NULL;
	if (e == NULL)
		return MITHAQ_FAILED;
	err = evidence_verify(bytes_of(bundle, size), &known, &e->report, &fault);
	if (err == ERR_MEMORY) {
		free(e);
		return MITHAQ_FAILED;
	}
	*out = e;
	if (err != ERR_OK) {
		fill_broken(e, &fault);
		return MITHAQ_BROKEN;
	}
	fill_sound(e);
	return MITHAQ_SOUND;
}

void mithaq_evidence_free(struct mithaq_evidence *evidence)
{
	free(evidence);
}

const char *mithaq_broken(const struct mithaq_evidence *evidence, enum mithaq_language language)
{
	return evidence->broken[language];
}

const char *mithaq_id(const struct mithaq_evidence *evidence)
{
	return evidence->id;
}

size_t mithaq_claims(const struct mithaq_evidence *evidence)
{
	return evidence->report.n;
}

enum mithaq_verdict mithaq_claim_verdict(const struct mithaq_evidence *evidence, size_t claim)
{
	/* The two enums are the same numbers; past the end nothing is proved. */
	return claim < evidence->report.n ? (enum mithaq_verdict)evidence->report.claim[claim].verdict : MITHAQ_NOT_PROVED;
}

const char *mithaq_claim_name(const struct mithaq_evidence *evidence, size_t claim)
{
	return claim < evidence->report.n ? claim_name(evidence->report.claim[claim].kind) : NULL;
}

const char *mithaq_claim_text(const struct mithaq_evidence *evidence, size_t claim, enum mithaq_language language)
{
	return claim < evidence->report.n ? evidence->text[claim][language] : NULL;
}

const char *mithaq_claim_value(const struct mithaq_evidence *evidence, size_t claim, size_t value)
{
	if (claim >= evidence->report.n || value >= evidence->report.claim[claim].n)
		return NULL;
	return evidence->report.claim[claim].value[value];
}
