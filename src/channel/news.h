/*
 * news.h: what applications are told of: the events of the local API (spec/api.md). Inside
 * they are called news, because libevent and the channel have events of their own.
 *
 * A piece of news names what it is about and never says what is in it. Its number is
 *
 *     milliseconds since 1970 << 10 | count
 *
 * so it tells the time, only grows, and is not given a second time: a ledger that was put
 * back from a copy goes on above whatever it told before. 0 stands before all news.
 */
#ifndef MITHAQ_CHANNEL_NEWS_H
#define MITHAQ_CHANNEL_NEWS_H

#include "channel/exchange.h"

/* Stored in the ledger: a number once given stays. */
enum news_type {
	NEWS_LOST = 0, /* in place of all before it, which are no longer held */
	NEWS_QUERY_ANSWERED = 1,
	NEWS_QUERY_REFUSED = 2,
	NEWS_QUERY_EXPIRED = 3,
	NEWS_QUERY_CANCELLED = 4,
	NEWS_QUERY_FAILED = 5,
	NEWS_REQUEST_WAITING = 6,
	NEWS_PARTNER_UP = 7,
	NEWS_PARTNER_DOWN = 8,
	NEWS_ALARM_RAISED = 9,
	NEWS_CARD_CHANGED = 10,
	NEWS_AGREEMENT_IN_FORCE = 11,
	NEWS_NOTICE_OUTAGE = 12,
	NEWS_NOTICE_INCIDENT = 13,
	NEWS_TYPES,
};

#define NEWS_SUBJECT_MOST 400 /* the longest is the name of an alarm's file */
#define NEWS_ID_TEXT	  15  /* "e_" and 13 letters */
#define NEWS_NOW	  UINT64_MAX
#define NEWS_WRITTEN_MOST (8 + 1 + 1 + MID_SIZE + 1 + HASH_SIZE + 2 + 2 + NEWS_SUBJECT_MOST)

struct news {
	uint64_t       number;
	enum news_type type;
	bool	       of_exchange; /* then the next four say of which, and subject is empty */
	bool	       ours;
	uint8_t	       mid[MID_SIZE];
	struct hash    agreement;
	uint16_t       clause;
	char	       subject[NEWS_SUBJECT_MOST + 1]; /* a party, the name of an alarm, the hash of an agreement */
};

/* One encoding for the pipes and for nothing else. */
void	 news_write(struct builder *b, const struct news *n);
enum err news_read(struct cursor *c, struct news *out) must_use;

/* The number after `last` for what happens now. */
uint64_t news_number(uint64_t last, uint64_t now_ms);
/* The smallest number of news from this time on. */
uint64_t news_number_from(uint64_t ms);
uint64_t news_time_ms(uint64_t number);

/* "e_" and the number in Crockford base 32; `out` holds NEWS_ID_TEXT + 1. */
void	 news_id_write(uint64_t number, char out[NEWS_ID_TEXT + 1]);
enum err news_id_read(struct bytes text, uint64_t *number) must_use;

/* "query.answered", "partner.up", ... */
const char *news_type_name(enum news_type t);
enum err    news_type_read(struct bytes name, enum news_type *out) must_use;

/* Sets of types, one bit each. Who loses news hears of it whatever else is asked for. */
#define NEWS_ALL ((1u << NEWS_TYPES) - 1)
static inline uint32_t news_bit(enum news_type t)
{
	return 1u << t;
}
/* "query.answered,partner.down" and the like; ERR_VALUE for a name that is none, or named twice. */
enum err news_types_read(struct bytes list, uint32_t *out) must_use;

/* What is told of the end of a question of ours. */
enum news_type news_of_end(const struct exchange *x);

#endif
