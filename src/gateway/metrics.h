/*
 * metrics.h: what core and reader tell the desk for one reading of GET /metrics:
 * records one after another, to the end of the message. desk_metrics.c writes them as text.
 *
 * They hold numbers and names of parties, channels, clauses: never what was asked or answered.
 */
#ifndef MITHAQ_GATEWAY_METRICS_H
#define MITHAQ_GATEWAY_METRICS_H

#include "agreement/agreement.h"
#include "channel/exchange.h"
#include "proc/config.h"

#define METRIC_STATES	   (EXCHANGE_FAILED + 1) /* by enum exchange_state; EXCHANGE_DELIVERED is not counted */
#define METRIC_BUCKETS	   15
#define METRIC_CLAUSE_MOST (2 * NAME_MOST + 2) /* "channel/name" with its NUL */

extern const uint32_t metric_bucket_ms[METRIC_BUCKETS]; /* an answer falls into the first that is not shorter */

enum metric_kind { METRIC_PARTNER = 1, METRIC_LEDGER, METRIC_CLAUSE, METRIC_PROVIDER, METRIC_DISK, METRIC_BACKUP, METRIC_ALARM };

/*
 *   u8 kind, then
 *   partner   text name | bool up | u32 unreceipted | bool skew known | u32 skew, ms, two's complement
 *   ledger    text partner | text channel | bool equal
 *   clause    text partner | text "channel/name" | states x u64 | bool ours | if ours: (buckets + 1) x u64 | u64 sum of ms
 *             | u64 used today | u64 per day, 0: no limit
 *   provider  text "channel/name" | bool up | u64 lookups that failed
 *   disk      u64 bytes free
 *   backup    u64 when it was made, ms; 0: never
 *   alarm     text code | bool raised by us | u32 how many stand
 */
struct metric {
	enum metric_kind kind;
	char		 partner[PARTY_MOST + 1];
	char		 name[METRIC_CLAUSE_MOST]; /* of the channel, the clause, the alarm's code */
	bool		 is;			   /* up, equal, ours, by us */
	bool		 skew_known;
	int32_t		 skew_ms;
	uint64_t	 n; /* unreceipted, failed, bytes, when, how many */
	uint64_t	 state[METRIC_STATES];
	uint64_t	 bucket[METRIC_BUCKETS + 1], sum_ms; /* each bucket alone; the last holds what is longer than all */
	uint64_t	 used, per_day;
};
void	 metric_write(struct builder *b, const struct metric *m);
enum err metric_read(struct cursor *c, struct metric *out) must_use;

#define METRIC_WRITTEN_MOST 640 /* bytes of one record */

/* What the files in the data folder tell: room on the disk, the last backup, the alarms that stand. Appended; what does not fit is left out. */
void reader_metrics_add(const struct config *config, struct buffer *out);

#endif
