/*
 * layout.h: the files of a bundle in their one order (spec/evidence.md).
 *
 *   manifest                 first line "mithaq/evidence/1", "exchange <mid as 32 hex>",
 *                            then per item "item <NNNN> <role>"
 *   agreement                the signed note
 *   cards/N.card             from 1, by (party name, serial) ascending
 *   items/NNNN/header        from 0001, by (origin, index) ascending
 *   items/NNNN/salt          32 bytes
 *   items/NNNN/part-K        a disclosed part, K its place in the header's table from 0
 *   items/NNNN/part-K.salt
 *   items/NNNN/proof         a C2SP tlog-proof; or, when nobody signed the checkpoint,
 *   items/NNNN/place         what place.h draws
 */
#ifndef MITHAQ_EVIDENCE_LAYOUT_H
#define MITHAQ_EVIDENCE_LAYOUT_H

#include "evidence/tar.h"
#include "tree/note.h"
#include "wire/header.h"

#define MANIFEST_FIRST	"mithaq/evidence/1"
#define PROOF_TEXT_MOST 8192

/* The kinds of entries a bundle may hold, with their word in the manifest; NULL for others. */
const char *role_word(uint8_t kind);

/* "items/0001/part-0.salt": number from 1; `leaf` is the last part of the name. */
void item_file_name(unsigned number, const char *leaf, char out[static TAR_NAME_MOST + 1]);
void part_file_name(unsigned number, unsigned place, bool salt, char out[static TAR_NAME_MOST + 1]);

void card_file_name(unsigned number, char out[static TAR_NAME_MOST + 1]);

/* Written by the builder, and again by the reader to compare. */
enum err manifest_write(struct buffer *out, const uint8_t mid[static MID_SIZE], const uint8_t *kinds, size_t n) must_use;

/* "<reader>/receipt": the key name on receipts of the logs that this party reads. */
#define RECEIPT_NAME_MOST (PARTY_MOST + 16)
void receipt_key_name(const char *reader, char out[static RECEIPT_NAME_MOST]);

/* True when this header's TALLY has a row for the agreement. */
bool tally_counts(const struct header *h, const struct hash *agreement);

#endif
