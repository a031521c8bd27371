/*
 * note.h: signed notes (C2SP signed-note), byte for byte.
 *
 *   text (ends in LF)
 *   LF
 *   EM DASH, SP, key name, SP, base64(key id[4] || signature), LF      one per signature
 *
 * Key id = first 4 bytes of H(name || LF || type || public key); type 0x01 is
 * Ed25519, 0x04 a timestamped cosignature (C2SP tlog-cosignature v1).
 * A parsed note is views into the bytes it was read from.
 */
#ifndef MITHAQ_TREE_NOTE_H
#define MITHAQ_TREE_NOTE_H

#include "base/text.h"
#include "crypto/sign.h"
#include "tree/merkle.h"

#define NOTE_SIGNATURES_MOST  16 /* C2SP signed-note: at least 16 are accepted */
#define NOTE_NAME_MOST	      300
#define NOTE_TYPE_ED25519     0x01
#define NOTE_TYPE_COSIGNATURE 0x04

struct note_signature {
	struct bytes name;
	uint8_t	     id[4];
	uint8_t	     body[72]; /* 64 for Ed25519; 8 of time (seconds, big-endian) and 64 for a cosignature */
	unsigned     body_n;
};

struct note {
	struct bytes	      text; /* with its final LF */
	unsigned	      n;
	struct note_signature at[NOTE_SIGNATURES_MOST];
};

/* Strict: valid UTF-8 without control characters but LF, at least one signature, nothing behind it. */
enum err note_read(struct bytes wire, struct note *out) must_use;

void note_key_id(struct bytes name, uint8_t type, const struct public_key *pub, uint8_t out[4]);

/* Appends one line "EM DASH name base64\n"; the empty line before the first is the caller's to write. ERR_MALFORMED for a name that is none. */
void note_line_ed25519(struct builder *b, struct bytes name, const struct public_key *pub, const struct signature *sig);
void note_line_cosignature(struct builder *b, struct bytes name, const struct public_key *pub, uint64_t time_s, const struct signature *sig);

/* Signs text (with final LF) as type 0x01. */
void note_sign(const struct sign_key *key, struct bytes text, struct signature *out);

/* True when signature i is by this key (name and id agree) and verifies over the note's text. */
bool note_signed_by(const struct note *n, unsigned i, struct bytes name, const struct public_key *pub);

/* ---- checkpoints: C2SP tlog-checkpoint, without extension lines ---- */

#define ORIGIN_MOST 260

struct checkpoint {
	char	    origin[ORIGIN_MOST];
	uint64_t    size;
	struct hash root;
};

/* The three lines "origin\nsize\nbase64(root)\n". */
void checkpoint_write(struct builder *b, const struct checkpoint *c);
/* From the text of a note; ERR_NOT_CANONICAL for extension lines or leading zeros. The origin may be any visible ASCII without '+'. */
enum err checkpoint_read(struct bytes text, struct checkpoint *out) must_use;

void	 checkpoint_sign(const struct sign_key *key, const struct checkpoint *c, struct signature *out);
enum err checkpoint_verify(const struct public_key *log_key, const struct checkpoint *c, const struct signature *sig) must_use;

/* ---- receipts: C2SP tlog-cosignature v1 over the same three lines ----
 * message = "cosignature/v1\ntime " || decimal seconds || "\n" || checkpoint text */
/* Signs nothing (out is zero) for a time above 2^63-1, which the format does not permit. */
void	 receipt_sign(const struct sign_key *key, const struct checkpoint *c, uint64_t time_s, struct signature *out);
enum err receipt_verify(const struct public_key *receipt_key, const struct checkpoint *c, uint64_t time_s, const struct signature *sig) must_use;

/* ---- origins: "<author>/mithaq/<reader>/<channel>/<epoch as 32 hex>" ---- */

#define EPOCH_SIZE 16
#define PARTY_MOST 128
#define NAME_MOST  48

struct epoch {
	uint8_t b[EPOCH_SIZE];
};

struct origin {
	char	     author[PARTY_MOST + 1];
	char	     reader[PARTY_MOST + 1];
	char	     channel[NAME_MOST + 1];
	struct epoch epoch;
};

enum err origin_write(const struct origin *o, char out[ORIGIN_MOST]) must_use; /* ERR_TOO_LONG */
enum err origin_read(struct bytes text, struct origin *out) must_use;

/* ---- one entry's proof: C2SP tlog-proof v1 ---- */

struct tlog_proof {
	uint64_t     index;
	struct proof path;
	struct bytes note; /* the checkpoint's signed note; view into what was read */
};

void	 tlog_proof_write(struct builder *b, const struct tlog_proof *p);
enum err tlog_proof_read(struct bytes wire, struct tlog_proof *out) must_use;

#endif
