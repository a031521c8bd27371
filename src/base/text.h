/*
 * text.h: text that people and machines exchange: hexadecimal, base 64 (RFC 4648
 * section 4, padded, canonical), Crockford base 32 for ids, UTF-8 and its
 * dangers, dates and times (RFC 3339).
 */
#ifndef MITHAQ_BASE_TEXT_H
#define MITHAQ_BASE_TEXT_H

#include "base/builder.h"

/* Lower-case hex. `out` holds 2n+1 bytes and ends in NUL. */
void hex_write(const void *at, size_t n, char *out);
/* Exactly 2n lower-case hex digits, else ERR_MALFORMED. */
enum err hex_read(struct bytes text, void *out, size_t n) must_use;

/* `out` holds 4*((n+2)/3)+1 bytes and ends in NUL. */
#define BASE64_SIZE(n) (4 * (((n) + 2) / 3) + 1)
void base64_write(struct bytes v, char *out);
/* Padded, no white space, zero pad bits. `*n` is the room going in, the length coming out. */
enum err base64_read(struct bytes text, uint8_t *out, size_t *n) must_use;

/* 16 bytes as 26 letters of Crockford base 32 (upper case, 2 leading zero bits). `out` holds 27. */
#define ID_TEXT 26
void id_write(const uint8_t id[16], char out[27]);
/* Accepts lower case and Crockford's look-alikes (O, I, L); ERR_MALFORMED otherwise. */
enum err id_read(struct bytes text, uint8_t id[16]) must_use;

/*
 * ERR_OK when `v` is valid UTF-8 (RFC 3629), in NFC, and has no bidirectional
 * control (U+202A-202E, U+2066-2069, U+200E, U+200F, U+061C) and no control
 * character. TEXT_LINES permits '\n'.
 */
enum { TEXT_LINE = 0, TEXT_LINES = 1 };
enum err text_check(struct bytes v, int lines) must_use;

/* A decimal number without sign, leading zero or space; ERR_MALFORMED or ERR_TOO_LONG. */
enum err decimal_read(struct bytes text, uint64_t *out) must_use;

/* A calendar date YYYY-MM-DD that exists; `*day` is days since 1970-01-01. */
enum err date_read(struct bytes text, int32_t *day) must_use;
void	 date_write(int32_t day, char out[11]);

/* RFC 3339 UTC with milliseconds, "2026-11-23T06:14:07.112Z"; `out` holds 25. */
void	 time_write(uint64_t ms, char out[25]);
enum err time_read(struct bytes text, uint64_t *ms) must_use; /* seconds, optional .mmm, Z */

/* A party name: DNS-like ASCII, 1-4 labels up to 63, at most 128 in all, lower case, no dot at the ends. */
enum err party_name_check(struct bytes v) must_use;
/* A name of our own kind (channel, clause, field, purpose, code): [a-z][a-z0-9-]{0,47}, no "--", no '-' at the end. */
enum err name_check(struct bytes v) must_use;

#endif
