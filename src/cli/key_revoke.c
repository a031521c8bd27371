/*
 * key_revoke.c: the `revoked` lines of a stolen key, read from the ledger.
 *
 * A revoked key counts in the epochs named and up to the sizes named alone. So every epoch in
 * which the honest key signed something that the other side holds should stand there: for a log
 * key our own epochs at the size of the partner's last receipt, for a receipt key the partner's
 * epochs at the size of our last receipt. A card has 32 lines for all its revoked keys: the
 * newest epochs go first.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/key.h"
#include "cli/log.h"

struct named {
	struct card_revoked line;
	int64_t		    log; /* ascending by age: the newest is the largest */
};

struct naming_epochs {
	const char		*self;
	const struct public_key *stolen;
	bool			 receipts;
	struct named		*at;
	size_t			 n, room;
	enum err		 err;
};

/* Did the stolen key sign the head that the other side, or we, hold of this log? */
static bool signed_by_it(const struct naming_epochs *n, const struct log_row *row)
{
	struct checkpoint c = {.size = row->receipt.size, .root = row->receipt.root};

	if (store_log_origin(n->self, row, c.origin) != ERR_OK)
		return false;
	if (n->receipts)
		return receipt_verify(n->stolen, &c, row->receipt.time_s, &row->receipt.sig) == ERR_OK;
	c.size = row->checkpoint.size;
	c.root = row->checkpoint.root;
	return checkpoint_verify(n->stolen, &c, &row->checkpoint.sig) == ERR_OK;
}

static bool epoch_take(void *arg, const struct log_row *row)
{
	struct naming_epochs *n = arg;

	if (row->own == n->receipts || row->receipt.size == 0 || !signed_by_it(n, row))
		return true;
	if (n->n == n->room) {
		size_t	      room = n->room == 0 ? 64 : 2 * n->room;
		struct named *at = reallocarray(n->at, room, sizeof *at);

		if (at == NULL) {
			n->err = ERR_MEMORY;
			return false;
		}
		n->at = at;
		n->room = room;
	}
	n->at[n->n++] = (struct named){.log = row->id, .line = {.key = *n->stolen, .epoch = row->epoch, .size = row->receipt.size}};
	return true;
}

static int newest_first(const void *a, const void *b)
{
	const struct named *x = a, *y = b;

	return x->log < y->log ? 1 : x->log > y->log ? -1 : 0;
}

static unsigned lines_of(const struct card *card, const struct public_key *key)
{
	unsigned n = 0;

	for (unsigned i = 0; i < card->nrevoked; i++)
		n += public_key_equal(&card->revoked[i].key, key);
	return n;
}

/* Takes away the last line (the oldest epoch) of the other key that has the most; false when each has one alone. */
static bool line_drop(struct card *card, const struct public_key *spare)
{
	unsigned most = 1, at = 0;

	for (unsigned i = 0; i < card->nrevoked; i++) {
		unsigned n = lines_of(card, &card->revoked[i].key);

		if (n >= most && n > 1 && !public_key_equal(&card->revoked[i].key, spare)) {
			most = n;
			at = i;
		}
	}
	if (most == 1)
		return false;
	memmove(&card->revoked[at], &card->revoked[at + 1], (card->nrevoked - at - 1) * sizeof card->revoked[0]);
	card->nrevoked--;
	return true;
}

/* New lines until the card is full; then in the place of lines of other keys, until this one has half of the card. */
static int lines_put(struct change *c, const struct named *at, size_t n)
{
	struct card *card = &c->next;

	for (size_t i = 0; i < n; i++) {
		if (card->nrevoked == CARD_KEYS_MOST && (lines_of(card, &at[i].line.key) >= CARD_KEYS_MOST / 2 || !line_drop(card, &at[i].line.key)))
			return i > 0 ? EXIT_DONE
				     : cli_complain(c->cli, EXIT_REFUSED_HERE,
						    cli_text(c->cli, "the card has no line left for another revoked key",
							     "لم يبق في البطاقة سطر لمفتاح ملغى آخر"),
						    NULL, cli_text(c->cli, "rotate both roots and pair anew", "غيّر الجذرين ثم أعد الاقتران"));
		card->revoked[card->nrevoked++] = at[i].line;
		c->nlines++;
	}
	return EXIT_DONE;
}

static int epochs_read(struct change *c, struct naming_epochs *n)
{
	char	      path[CONFIG_PATH_MOST];
	struct store *s = NULL;
	struct fault  fault = {0};

	if (config_data_path(&c->home.config, "ledger.db", path) != ERR_OK)
		return cli_err(c->cli, ERR_TOO_LONG, c->home.config.data, NULL);
	struct store_look look;
	if (store_look(path, &look, NULL) == ERR_FILE)
		return EXIT_DONE; /* no ledger yet: the key signed nothing */
	if (store_open(path, STORE_READ, &s, &fault) != ERR_OK)
		return cli_fault(c->cli, &fault, path);
	enum err e = store_logs(s, NULL, NULL, epoch_take, n);
	store_close(s);
	if (e == ERR_OK)
		e = n->err;
	return e == ERR_OK ? EXIT_DONE : cli_err(c->cli, e, path, NULL);
}

int revoked_lines(struct change *c, const struct public_key *stolen)
{
	struct naming_epochs n = {.self = c->home.config.party, .stolen = stolen, .receipts = c->kind == KEY_RECEIPT};
	int		     code = epochs_read(c, &n);

	if (code == EXIT_DONE && n.n > 0) {
		qsort(n.at, n.n, sizeof *n.at, newest_first);
		code = lines_put(c, n.at, n.n);
	} else if (code == EXIT_DONE) {
		/* It signed nothing: one line of no epoch says that it never will. */
		struct named none = {.line = {.key = *stolen}};

		code = lines_put(c, &none, 1);
		c->nlines = 0;
	}
	free(n.at);
	return code;
}
