/*
 * log_repair.h: what the two rooms of `mithaq log repair` share: log_repair.c decides, log_mend.c puts rows.
 */
#ifndef MITHAQ_CLI_LOG_REPAIR_H
#define MITHAQ_CLI_LOG_REPAIR_H

#include <jansson.h>

#include "cli/log.h"

/* One damaged place. Copies of what struct found says. */
struct hurt {
	enum damage	what;
	enum place_kind kind;
	int64_t		log; /* 0: of none */
	uint64_t	number;
	int		part;
	char		where[LOG_PLACE_TEXT];
};

struct hurts {
	struct hurt *at;
	size_t	     n, room;
	bool	     full;
};

struct repairing {
	struct cli   *cli;
	struct home  *home;
	struct store *s;
	const char   *partner, *channel;
	char	      ledger[CONFIG_PATH_MOST], kept_path[CONFIG_PATH_MOST];
	bool	      dry_run, partly;
	struct offers offers;
	struct hurts  first;		       /* of the scrub before anything */
	struct buffer kept, pending;	       /* lines of rows as they were: of committed logs; of this one */
	json_t	     *repaired, *left, *doing; /* doing: of the log at hand */
	bool	      refused_file;

	/* the log at hand */
	int64_t	 log;
	bool	 own, failed;
	uint64_t loose; /* one more than the largest index put whose commitment nothing stored vouched for */
};

/* The log at hand, as a walk met it. */
const struct held_log  *held(const struct checking *c, int64_t log);
const struct scrub_log *stretch(const struct checking *c, int64_t log);

/*
 * Each puts what it can in the open turn of r->s, into the log at hand, and leaves the rest as it is; what it replaces
 * goes to r->pending first, what it did to r->doing. An error is one of the store or of memory.
 */
enum err mend_entries(struct repairing *r) must_use;
enum err mend_exchanges(struct repairing *r) must_use;
enum err mend_heads(struct repairing *r, const struct checking *c, const struct hurts *now) must_use;
enum err mend_row(struct repairing *r, const struct checking *c, const struct hurts *now) must_use;
enum err mend_sums(struct repairing *r, const struct checking *c, const struct hurts *now) must_use;

/* Is this an offer for a place of an entry that was found damaged? For offers_read. */
bool mend_wanted(void *arg, int64_t log, uint64_t index);
/* Does anything that stands at its place vouch for an offered row? True also where nothing stands there. */
bool mend_vouched(struct repairing *r, const struct offered_row *offered);

#endif
