/*
 * bundle.c: the reader of evidence bundles. What it accepts proves something and can
 * be told in both languages; what its archive reader accepts is written again
 * identically. The archive, item and place readers are also called alone, because
 * signatures keep a fuzzer from the rooms behind them.
 */
#include <stdlib.h>

#include "evidence/bundle.h"
#include "evidence/place.h"
#include "evidence/tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
	if (!condition)
		abort();
}

/* Every file of an accepted archive, written again, gives the same archive. */
static void archive_again(struct bytes file)
{
	struct buffer	again = {.most = EVIDENCE_MOST};
	struct cursor	c = cursor_on(file);
	struct tar_file next;

	while (tar_next(&c, &next))
		if (tar_add(&again, next.name, next.body) != ERR_OK)
			break;
	if (cursor_end(&c) == ERR_OK && file.n < EVIDENCE_MOST) {
		must(tar_end(&again) == ERR_OK);
		must(bytes_equal(buffer_bytes(&again), file));
	}
	buffer_done(&again);
}

static void read_alone(struct bytes file)
{
	struct bundle b;
	struct fault  fault;

	if (bundle_read(file, &b, &fault) != ERR_OK)
		return;
	must(b.n > 0 && b.n <= EVIDENCE_ITEMS_MOST);
	bundle_done(&b);
}

static void place_again(struct bytes wire)
{
	static uint8_t	      room[64u * 1024];
	struct unsigned_place p;
	struct builder	      b = builder_on(room, sizeof room);

	if (unsigned_place_read(wire, &p) != ERR_OK)
		return;
	unsigned_place_write(&b, &p);
	must(b.err == ERR_OK && bytes_equal(builder_bytes(&b), wire));
}

static void verify_and_tell(struct bytes file)
{
	static struct report report;
	char		     text[1400];

	if (evidence_verify(file, NULL, &report, NULL) != ERR_OK)
		return;
	must(report.n >= 4); /* asked, limits and two roots at least */
	for (unsigned i = 0; i < report.n; i++)
		for (unsigned lang = 0; lang < 2; lang++) {
			claim_text(&report.claim[i], (enum lang)lang, text, sizeof text);
			must(text[0] != '\0');
		}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes file = bytes_of(data, size);

	if (crypto_start() != ERR_OK)
		return 0;
	archive_again(file);
	read_alone(file);
	place_again(file);
	verify_and_tell(file);
	return 0;
}
