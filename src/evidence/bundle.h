/*
 * bundle.h: a bundle, read: its form, its commitments and its hash trees, but not
 * yet whose signatures stand there (check.h) nor what it proves (judge.h).
 *
 * Everything lives in the bundle's arena or is a view into the file, and dies with
 * bundle_done or with the file.
 */
#ifndef MITHAQ_EVIDENCE_BUNDLE_H
#define MITHAQ_EVIDENCE_BUNDLE_H

#include "evidence/evidence.h"

struct item {
	char		  at[24]; /* "items/0001", for people */
	struct header	  header;
	bool		  disclosed[HEADER_PARTS_MOST];
	struct bytes	  part[HEADER_PARTS_MOST];
	struct hash	  leaf;
	struct origin	  origin;
	struct checkpoint checkpoint; /* recomputed from leaf and path */
	bool		  has_note;   /* false: nobody signed the checkpoint */
	struct bytes	  note;	      /* the signed note */

	/* filled by check.h */
	bool	 has_signature;	  /* the author signed this checkpoint, by a key that counts there */
	bool	 key_revoked;	  /* by one that it has revoked */
	bool	 covered;	  /* signed, or a chain of GENESIS leads to a signature */
	bool	 has_receipt;	  /* by a key that counts there */
	bool	 receipt_revoked; /* by one that the reader has revoked */
	uint64_t receipt_s;
};

struct bundle {
	struct arena arena;
	uint8_t	     mid[MID_SIZE];
	struct bytes agreement;
	unsigned     ncards;
	struct bytes card[EVIDENCE_CARDS_MOST];
	size_t	     n;
	struct item *item; /* by (origin, index) */
};

/* Names the file of the bundle in `fault` and returns `e`. */
enum err bundle_broken(struct fault *fault, enum err e, const char *at, const char *found);

enum err bundle_read(struct bytes file, struct bundle *out, struct fault *fault) must_use;
void	 bundle_done(struct bundle *b);

#endif
