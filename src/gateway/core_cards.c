/*
 * core_cards.c: cards that come by wire. A partner's later card takes the place of the one held without a person, when
 * a root on the one held signed it; it is kept in data/cards, counts for the channels from then on, and is told to the link
 * and to the parent. Earlier cards stay: what they signed stays.
 */
#include <errno.h>
#include <sys/stat.h>

#include "gateway/core.h"
#include "proc/files.h"

/* ---- keeping ---- */

static enum err folder_make(const struct core *c, const char *name)
{
	char	 path[CONFIG_PATH_MOST];
	enum err e = config_data_path(c->process->config, name, path);

	if (e == ERR_OK && mkdir(path, 0700) != 0 && errno != EEXIST)
		e = ERR_FILE;
	return e == ERR_OK ? folder_sync(path) : e; /* the folder's own name is durable when its parent is */
}

/* What lay there before under the same name was never taken, or is the same. */
enum err core_paper_write(const struct core *c, const char *folder, const char *rest, struct bytes content)
{
	char	 path[CONFIG_PATH_MOST];
	enum err e = folder_make(c, folder);

	if (e == ERR_OK)
		e = config_data_path(c->process->config, rest, path);
	return e == ERR_OK ? file_write(path, content, 0600) : e;
}

static enum err card_keep(const struct core *c, const struct card *card, struct bytes note)
{
	char	 rest[CONFIG_PATH_MOST];
	enum err e = papers_card_path(card->party, card->serial, rest);

	return e == ERR_OK ? core_paper_write(c, PAPERS_CARDS_FOLDER, rest, note) : e;
}

/* ---- taking ---- */

void core_pins_say(struct core_partner *p)
{
	uint8_t	       memory[1 + CARD_TLS_MOST * HASH_SIZE];
	struct builder b = builder_on(memory, sizeof memory);

	build_u8(&b, (uint8_t)p->card->ntls);
	for (unsigned i = 0; i < p->card->ntls; i++)
		build_copy(&b, p->card->tls[i].b, HASH_SIZE);
	if (p->link != NULL && pipe_send(p->link, LINK_PINS, builder_bytes(&b), -1) != ERR_OK)
		journal(LEVEL_WARNING, "link", "the link of %s cannot be reached", p->name);
}

static void card_taken(struct core_partner *p)
{
	p->card = papers_card(&p->core->papers, p->name);
	journal(LEVEL_INFO, "card-taken", "%s has a new card, serial %llu, signed by a root of the one held: it counts from now on", p->name,
		(unsigned long long)p->card->serial);
	core_news(p->core, NEWS_CARD_CHANGED, p->name);
	core_pins_say(p);
	process_papers(p->core->process, false);
}

enum err core_card_come(struct core_partner *p, struct bytes note)
{
	struct core *c = p->core;
	struct card  card;
	enum err     e = card_read(note, &card, NULL);

	const struct keyring *ring = papers_keyring(&c->papers, p->name);
	if (e == ERR_OK)
		e = ring != NULL ? keyring_takes(ring, &card, note) : ERR_NOT_FOUND;
	if (e == ERR_OK)
		e = card_keep(c, &card, note);
	if (e == ERR_OK)
		e = papers_card_take(&c->papers, &card, note);
	if (e == ERR_OK)
		card_taken(p);
	return e;
}

/* ---- HELLO ---- */

static void refused(struct core_partner *p, const char *why)
{
	journal(LEVEL_ERROR, "card-refused", "%s shows a card with serial %llu that is not taken, held is %llu: %s", p->name,
		(unsigned long long)p->theirs->card_serial, (unsigned long long)p->card->serial, why);
	core_session_close(p, CLOSE_CARD, why);
}

/* Of one serial there is one card. */
static bool is_the_one_held(const struct core_partner *p, struct bytes rows)
{
	struct bytes next, last = BYTES_NONE;
	struct note  note;
	enum err     e;

	while ((e = hello_card_next(&rows, &next)) == ERR_OK && next.n > 0)
		last = next;
	if (e != ERR_OK || note_read(last, &note) != ERR_OK)
		return false;
	struct hash id = hash_bytes(note.text);
	return hash_equal(&id, &p->card->id);
}

/*
 * The partner may have been away while we changed keys more than once, and must know each of
 * them: what an epoch between two changes signed is proved by the card between them.
 */
struct bytes core_hello_cards(struct core *c)
{
	const struct keyring *ring = &c->papers.keyring[0];
	struct builder	      b = builder_on(c->cards, sizeof c->cards);
	unsigned	      first = ring->n;

	for (size_t room = sizeof c->cards; first > 0 && ring->card[first - 1]->serial > 1; first--) {
		if (4 + ring->note_size[first - 1] > room)
			break;
		room -= 4 + ring->note_size[first - 1];
	}
	for (unsigned i = first; i < ring->n; i++)
		hello_card_add(&b, keyring_note(ring, i));
	return builder_bytes(&b);
}

/* Each that is later than the one held takes its place, one after another. */
static enum err rows_take(struct core_partner *p, struct bytes rows)
{
	struct bytes note;
	enum err     e;

	while ((e = hello_card_next(&rows, &note)) == ERR_OK && note.n > 0) {
		e = core_card_come(p, note);
		if (e != ERR_OK && e != ERR_ORDER && e != ERR_EXISTS)
			return e;
	}
	return e;
}

static bool later_take(struct core_partner *p)
{
	struct bytes shown = p->theirs->card;

	if (shown.n == 0) {
		journal(LEVEL_WARNING, "card", "%s uses card serial %llu and does not show it, held here is %llu", p->name,
			(unsigned long long)p->theirs->card_serial, (unsigned long long)p->card->serial);
		return true;
	}
	enum err e = rows_take(p, shown);
	if (e == ERR_OK && p->card->serial == p->theirs->card_serial)
		return true;
	refused(p, e == ERR_OK ? "the card has another serial than HELLO says" : card_succeeds_text(e, LANG_EN));
	return false;
}

bool core_hello_card(struct core_partner *p)
{
	uint64_t serial = p->theirs->card_serial;

	if (serial > p->card->serial)
		return later_take(p);
	if (serial == p->card->serial && (p->theirs->card.n == 0 || is_the_one_held(p, p->theirs->card)))
		return true;
	refused(p, serial < p->card->serial ? "the card serial is lower than one shown before" : "another card of this serial is held here");
	return false;
}
