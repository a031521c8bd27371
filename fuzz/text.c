/*
 * text.c: numbers, times, ids and encodings as others write them. What is accepted and
 * written again is the same text, or says the same where more than one form is taken.
 */
#include <stdio.h>
#include <stdlib.h>

#include "channel/exchange.h"

#define TEXT_MOST 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void numbers_again(struct bytes v)
{
	char	 out[32];
	uint64_t n;

	if (decimal_read(v, &n) != ERR_OK)
		return;
	(void)snprintf(out, sizeof out, "%llu", (unsigned long long)n);
	must(bytes_is(v, out));
}

/* Seconds may come with or without milliseconds; the day and the second are the same again. */
static void times_again(struct bytes v)
{
	char	 out[25];
	uint64_t ms;
	int32_t	 day;

	if (date_read(v, &day) == ERR_OK) {
		date_write(day, out);
		must(bytes_is(v, out));
	}
	if (time_read(v, &ms) != ERR_OK)
		return;
	time_write(ms, out);
	must(v.n <= 24 && memcmp(v.at, out, v.n - 1) == 0);
}

static void encodings_again(struct bytes v)
{
	static uint8_t bytes[TEXT_MOST + 4];
	static char    text[2 * TEXT_MOST + 8];
	size_t	       n = sizeof bytes;

	if (base64_read(v, bytes, &n) == ERR_OK) {
		base64_write(bytes_of(bytes, n), text);
		must(bytes_is(v, text));
	}
	if (v.n % 2 == 0 && hex_read(v, bytes, v.n / 2) == ERR_OK) {
		hex_write(bytes, v.n / 2, text);
		must(bytes_is(v, text));
	}
}

/* People type ids, so small letters and those that look alike are taken too; what is meant stays the same. */
static void ids_again(struct bytes v)
{
	uint8_t id[MID_SIZE], again[MID_SIZE];
	char	out[32];

	if (exchange_id_read(v, id) != ERR_OK)
		return;
	exchange_id_write(id, out);
	must(exchange_id_read(bytes_text(out), again) == ERR_OK && memcmp(id, again, sizeof id) == 0);
}

/* A name is a line of text, and a line of text is text. */
static void names_check(struct bytes v)
{
	if (name_check(v) == ERR_OK || party_name_check(v) == ERR_OK)
		must(text_check(v, TEXT_LINE) == ERR_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes v = bytes_of(data, size);

	if (size > TEXT_MOST)
		return 0;
	numbers_again(v);
	times_again(v);
	encodings_again(v);
	ids_again(v);
	names_check(v);
	return 0;
}
