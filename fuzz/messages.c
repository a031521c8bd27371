/* What one process says to another, read as a captured one would write it. Input: u8 which | bytes. What is accepted is written again byte for byte.
 */
#include <stdlib.h>

#include "gateway/fetch.h"
#include "gateway/lookup.h"

#define ROOM (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static union {
	struct ask	      ask;
	struct withdrawal     withdrawal;
	struct decision	      decision;
	struct exchange	      exchange;
	struct partner_state  partner;
	struct channel_status status;
	struct quota_used     quota;
	struct lookup	      lookup;
	struct found	      found;
	struct fetch_list     fetch_list;
	struct offer	      offer;
	struct fetch_answer   fetch_answer;
} was;

static bool ask_try(struct cursor *c, struct builder *b)
{
	if (ask_read(cursor_rest(c), &was.ask) != ERR_OK)
		return false;
	ask_write(b, &was.ask);
	return true;
}

#define TRY(name, read, write, member)                                                                                                               \
	static bool name(struct cursor *c, struct builder *b)                                                                                        \
	{                                                                                                                                            \
		if (read(c, &was.member) != ERR_OK)                                                                                                  \
			return false;                                                                                                                \
		write(b, &was.member);                                                                                                               \
		return true;                                                                                                                         \
	}
TRY(decision_try, decision_read, decision_write, decision)
TRY(exchange_try, exchange_read, exchange_write, exchange)
TRY(partner_try, partner_state_read, partner_state_write, partner)
TRY(status_try, channel_status_read, channel_status_write, status)
TRY(quota_try, quota_used_read, quota_used_write, quota)
TRY(offer_try, offer_read, offer_write, offer)

/* These read to the end of a message. */
static bool withdrawal_try(struct cursor *c, struct builder *b)
{
	if (withdrawal_read(cursor_rest(c), &was.withdrawal) != ERR_OK)
		return false;
	withdrawal_write(b, &was.withdrawal);
	return true;
}

static bool lookup_try(struct cursor *c, struct builder *b)
{
	if (lookup_read(cursor_rest(c), &was.lookup) != ERR_OK)
		return false;
	lookup_write(b, &was.lookup);
	return true;
}

static bool found_try(struct cursor *c, struct builder *b)
{
	if (found_read(cursor_rest(c), &was.found) != ERR_OK)
		return false;
	found_write(b, &was.found);
	return true;
}

static bool fetch_list_try(struct cursor *c, struct builder *b)
{
	if (fetch_list_read(cursor_rest(c), &was.fetch_list) != ERR_OK)
		return false;
	fetch_list_write(b, &was.fetch_list);
	return true;
}

static bool fetch_answer_try(struct cursor *c, struct builder *b)
{
	if (fetch_answer_read(cursor_rest(c), &was.fetch_answer) != ERR_OK)
		return false;
	fetch_answer_write(b, &was.fetch_answer);
	return true;
}

static bool (*const readers[])(struct cursor *, struct builder *) = {ask_try,	     decision_try,   exchange_try, partner_try,
								     status_try,     quota_try,	     lookup_try,   found_try,
								     withdrawal_try, fetch_list_try, offer_try,	   fetch_answer_try};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t memory[ROOM];
	struct builder b = builder_on(memory, sizeof memory);
	struct cursor  c = cursor_on(bytes_of(data, size));
	unsigned       which = cursor_u8(&c) % COUNT_OF(readers);
	size_t	       before = cursor_left(&c);

	if (size == 0 || !readers[which](&c, &b))
		return 0;
	size_t used = before - cursor_left(&c);
	if (b.err != ERR_OK || b.n != used || memcmp(memory, data + 1, used) != 0)
		abort();
	return 0;
}
