/*
 * fetch.h: questions of partners that a national system takes and answers: the messages
 * FETCH_* of messages.h, written and read side by side.
 *
 * The desk knows who asks and what the token is for; the core knows what waits. So each
 * order carries the account and the token's scope (proc/tokens.h), and the core gives out and takes
 * in what that scope answers, and nothing else.
 */
#ifndef MITHAQ_GATEWAY_FETCH_H
#define MITHAQ_GATEWAY_FETCH_H

#include "gateway/messages.h"
#include "proc/tokens.h"

#define FETCH_CLAUSE_MOST (2 * NAME_MOST + 1) /* "channel/name" */
#define FETCH_REASON_MOST NAME_MOST
#define FETCH_OFFERS_MOST 100  /* in one answer */
#define FETCH_LEASE_S	  60   /* when not said */
#define FETCH_LEASE_MOST  3600 /* seconds */

/* u32 ticket | u16 len, account | u16 len, scope | u16 len, clause or nothing | u16 most | u32 lease, seconds; 0: only look */
struct fetch_list {
	uint32_t     ticket;
	struct bytes account, scope, clause;
	uint16_t     most;
	uint32_t     lease_s;
};
void	 fetch_list_write(struct builder *b, const struct fetch_list *f);
enum err fetch_list_read(struct bytes payload, struct fetch_list *out) must_use;

/*
 * mid[16] | text from | u16 len, clause | agreement[32] | u16 clause | u64 asked, answer by, expires, lease ends (0: nobody's)
 *   | u16 len, who has it | u16 len, purpose | u16 len, case | fields
 */
struct offer {
	uint8_t	      mid[MID_SIZE];
	char	      from[PARTY_MOST + 1];
	struct bytes  clause;
	struct hash   agreement;
	uint16_t      number;
	uint64_t      asked_ms, answer_by_ms, expires_ms, lease_ms;
	struct bytes  holder, purpose, reference;
	struct fields fields;
};
void	 offer_write(struct builder *b, const struct offer *o);
enum err offer_read(struct cursor *c, struct offer *out) must_use;

/* u32 ticket | u16 len, account | u16 len, scope | mid[16] | u8 enum outcome | fields | u16 len, reason */
struct fetch_answer {
	uint32_t      ticket;
	struct bytes  account, scope;
	uint8_t	      mid[MID_SIZE];
	enum outcome  outcome;
	struct fields fields; /* OUTCOME_HIT; otherwise none */
	struct bytes  reason; /* OUTCOME_REFUSED; otherwise empty */
};
void	 fetch_answer_write(struct builder *b, const struct fetch_answer *a);
enum err fetch_answer_read(struct bytes payload, struct fetch_answer *out) must_use;

#endif
