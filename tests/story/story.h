/*
 * story.h: what the stories share. A story plays named steps on two simulated sides
 * and compares what they did, line by line, with what is written in the test: the
 * trace is the assertion.
 *
 * A *pen* is a partner that does not keep the rules: it has the keys of its side and
 * writes logs by hand, over the same frames. Each entry it makes is right until the
 * story spoils it, so a story shows one breach and nothing else.
 */
#ifndef MITHAQ_TESTS_STORY_H
#define MITHAQ_TESTS_STORY_H

#include "world.h"

struct story {
	struct world world;
	char	    *text;
	size_t	     n;
	FILE	    *trace;
};

/* Both sides started, connected and at rest; the trace begins after that. */
void story_begin(struct story *s, bool south_agrees);
void story_begin_silent(struct story *s, bool south_agrees); /* nobody has started yet */
void story_listen(struct story *s);			     /* from here on, the trace */
void story_listen_again(struct story *s);		     /* forgets what was traced */
/* What was traced since the last call (or story_listen) is exactly this. */
void story_is_at(struct story *s, const char *expected, const char *file, int line);
#define story_is(s, expected) story_is_at(s, expected, __FILE__, __LINE__)
void story_end(struct story *s); /* no invariant was broken */
void story_end_broken(struct story *s, const char *fault);

/* A question that is answered, and its answer. */
void story_ask(struct side *s);
void story_exchange(struct story *s); /* north's */
/* They connect and come to rest; a session that ends by itself is dialled again, as gateways do. */
void story_meet(struct story *s);
void story_starts_again(struct story *s, int who); /* killed before */
/* All is quiet, with so many exchanges that ended alike on both sides, and no channel is frozen. */
void story_is_well(struct story *s, unsigned exchanges);

/* ---- a partner written by hand ---- */

#define PEN_ENTRIES_MOST 64
#define PEN_LOGS_MOST	 3

struct pen_log {
	struct epoch epoch;
	struct hash  leaf[PEN_ENTRIES_MOST];
	unsigned     n;
	uint64_t     aseq;
};

struct pen {
	struct story   story;
	struct side   *as, *reader; /* whose keys the pen has; who must stand it */
	struct pen_log log[PEN_LOGS_MOST];
	unsigned       nlogs; /* the last is the open one */
	uint8_t	       mids;
	uint64_t       credit; /* what pen_connect gives */
};

/* An entry as the pen will write it. */
struct forged {
	unsigned      log;
	struct header header;
	struct bytes  body[2]; /* of the inline parts */
	bool	      spoil_commitment;
	uint8_t	      attr[512];
};

/* The reader has started; the pen has one epoch, of which nothing is delivered. */
void pen_begin(struct pen *p, int as);
void pen_end(struct pen *p);
/* A session in which the pen shows its logs and gives credit. */
void pen_connect(struct pen *p);
void pen_credit(struct pen *p, unsigned log, uint64_t max_size);
/* GENESIS, AGREE and a checkpoint over them, taken and receipted; then the trace begins. */
void pen_open(struct pen *p);
/* Another epoch, shown from the next pen_connect on. */
void pen_epoch(struct pen *p);

void pen_genesis(struct pen *p, unsigned log, struct forged *out);		 /* the first, or going on from log - 1 */
void pen_previous(struct forged *f, const struct previous *previous);		 /* says otherwise what went before */
void pen_agree(struct pen *p, struct forged *out);				 /* of the open log, as all below */
void pen_question(struct pen *p, struct forged *out);				 /* one that would be answered: clause 7 */
void pen_reply(struct pen *p, uint64_t to, uint16_t status, struct forged *out); /* to the reader's entry at this index */
void pen_tally(struct pen *p, unsigned of, struct forged *out);
void pen_keys(struct pen *p, struct bytes note, const struct hash *id, struct forged *out); /* in the open log */
void pen_tally_say(struct forged *f, const struct tally *t);
/* The record of one or two fields, in static memory that the next four calls share. */
struct bytes pen_record(const char *n1, const char *v1, const char *n2, const char *v2);

void pen_write(struct pen *p, struct forged *f);	 /* counts it and delivers it */
void pen_deliver(struct pen *p, const struct forged *f); /* delivers it without counting it */
/* A checkpoint of the pen's log, signed as it should be; size 0: of all. */
void pen_checkpoint(struct pen *p, unsigned log, uint64_t size, struct checkpoint_frame *out);
void pen_checkpoint_sign(struct pen *p, unsigned log, struct checkpoint_frame *c);
void pen_checkpoint_send(struct pen *p, const struct checkpoint_frame *c);
/* A receipt of the reader's newest log. */
void pen_receipt(struct pen *p, uint64_t size, struct receipt_frame *out);
void pen_receipt_sign(struct pen *p, struct receipt_frame *r);
void pen_receipt_send(struct pen *p, const struct receipt_frame *r);
/* Writes it, signs a checkpoint over everything and lets the reader come to rest. */
void pen_say(struct pen *p, struct forged *f);

#endif
