/*
 * keeper.h: the process that signs, as a plain struct that answers messages.
 *
 * It draws every epoch itself and keeps each open tree's frontier in memory only. It
 * signs a checkpoint of one of our logs only for a handle opened in this life, only
 * as an extension of what it signed before; of a partner's log it cosigns only what
 * extends its own last receipt. A keeper that starts again knows no handle, so an
 * old origin is never signed again. Across lives the first FOLLOW of an origin rests
 * on a receipt that bears our own signature; within one life the floor of each
 * origin (its largest receipt) is remembered whatever handle is used.
 *
 * The struct owns copies of both keys until keeper_done, which zeroes them.
 */
#ifndef MITHAQ_GATEWAY_KEEPER_H
#define MITHAQ_GATEWAY_KEEPER_H

#include "agreement/keyring.h"
#include "gateway/messages.h"
#include "tree/note.h"

#define KEEPER_LOGS_MOST   4096	 /* handles of both kinds */
#define KEEPER_FLOORS_MOST 65536 /* partners' origins receipted in this life; above it the keeper wants a new life */
#define KEEPER_REPLY_MOST  128

struct keeper;

struct keeper *keeper_new(const char *party, const struct sign_key *log_key, const struct sign_key *receipt_key); /* NULL: no memory */
void	       keeper_free(struct keeper *k);
/* Our own cards: a receipt by a key of an earlier one is our own, too, to go on from. NULL, as at first: only by the key in use. It outlives the
 * keeper. */
void keeper_cards(struct keeper *k, const struct keyring *own);

/* One answer: KEEPER_OPENED, KEEPER_SIGNED, KEEPER_COSIGNED, KEEPER_REFUSED; FOLLOW that succeeds has none (type 0). */
struct keeper_reply {
	uint8_t type;
	size_t	n;
	uint8_t payload[KEEPER_REPLY_MOST];
};

/* `now_s` is the keeper's own clock, used for receipts. A refusal changes nothing. */
void keeper_handle(struct keeper *k, uint8_t type, struct bytes payload, uint64_t now_s, struct keeper_reply *out);

#endif
