/*
 * naming.h: what other entries of the same author say of an epoch (GENESIS, ADOPT).
 *
 * A log of the partner that is held to the largest size named is closed; one of which
 * more is held shows that the partner went on from an older copy of its ledger. A log of
 * ours that is named larger than it is held was lost in part, and is fetched from the
 * partner; `said` is how much of it the epochs that this ledger opened since then name.
 */
#ifndef MITHAQ_CHANNEL_NAMING_H
#define MITHAQ_CHANNEL_NAMING_H

#include "tree/note.h"

struct naming {
	uint64_t     size;    /* the largest named; 0: none */
	struct hash  root;    /* at that size */
	uint64_t     said;    /* own logs */
	struct epoch by;      /* own logs: of the entry that names that size: whoever holds it holds this log to it */
	bool	     adopted; /* own logs: came into this ledger from the partner */
};

#endif
