/*
 * exchange.h: one question and its answer as both sides, the API, the ledger and
 * the evidence know it. Its id is the mid of the QUERY entry.
 */
#ifndef MITHAQ_CHANNEL_EXCHANGE_H
#define MITHAQ_CHANNEL_EXCHANGE_H

#include "agreement/decide.h"
#include "tree/note.h"
#include "wire/fields.h"
#include "wire/header.h"

enum exchange_state {
	EXCHANGE_ACCEPTED = 1,	/* durable in the asker's ledger */
	EXCHANGE_DELIVERED = 2, /* the partner's receipt is held */
	EXCHANGE_ANSWERED = 3,	/* REPLY ok or no-hit */
	EXCHANGE_REFUSED = 4,	/* REPLY refused or suspended */
	EXCHANGE_EXPIRED = 5,	/* REPLY expired */
	EXCHANGE_FAILED = 6,	/* REPLY error, or an answer outside the clause */
};
enum exchange_state exchange_state_of(uint16_t status);		/* of its REPLY */
const char	   *exchange_state_name(enum exchange_state s); /* "accepted" ... "failed" */

struct place {
	struct epoch epoch;
	uint64_t     index;
};

struct exchange {
	uint8_t		    mid[MID_SIZE];
	bool		    ours; /* we asked */
	char		    partner[PARTY_MOST + 1];
	char		    channel[NAME_MOST + 1];
	struct hash	    agreement;
	uint16_t	    clause;
	enum exchange_state state;
	uint16_t	    status;						  /* of the REPLY; meaningless before one */
	uint64_t	    accepted_ms, delivered_ms, answered_ms, not_after_ms; /* 0: not yet */
	struct place	    question, answer;					  /* answer.epoch all zero: none yet */
	bool		    receipt_held; /* ours: the partner's receipt of the question; theirs: of the answer */
	uint64_t	    used;	  /* questions of the clause and day, this one included */
	/* contents; views, empty when purged or not there */
	struct bytes  purpose, reference, officer;
	struct fields ask, got;
	struct bytes  reason, rule; /* of a refusal: "inquiry-under-way" or a code of decide.h; "7/refuse-for" */
};

/* One encoding for the pipes and for nothing else. */
void	 exchange_write(struct builder *b, const struct exchange *x);
enum err exchange_read(struct cursor *c, struct exchange *out) must_use;

/* "q_" and the id; `out` holds 29. */
void	 exchange_id_write(const uint8_t mid[MID_SIZE], char out[29]);
enum err exchange_id_read(struct bytes text, uint8_t mid[MID_SIZE]) must_use;

/* ---- pieces of messages between processes, shared with gateway/messages.h ----
 *   text    u16 length, bytes without NUL     read into `out`, which holds `room` bytes, NUL-ended
 *   bool    u8, 0 or 1
 *   fields  u32 length, record of wire/fields.h */
void piped_text_write(struct builder *b, const char *text);
void piped_text_read(struct cursor *c, char *out, size_t room);
void piped_bool_write(struct builder *b, bool v);
bool piped_bool_read(struct cursor *c);
void piped_fields_write(struct builder *b, const struct fields *f);
void piped_fields_read(struct cursor *c, struct fields *out);

/* The content of a REASON part of QUERY: purpose and case; of REPLY: reason and rule. These are records of fields.h. */

#endif
