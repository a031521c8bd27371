/* An accepted header is written again byte for byte, and so are the two attributes with an inner form. */
#include "wire/header.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t again[HEADER_MOST];

static void must_equal(const struct builder *b, struct bytes v)
{
	if (b->err != ERR_OK || !bytes_equal(builder_bytes(b), v))
		abort();
}

static void previous_try(struct bytes v)
{
	struct builder	b = builder_on(again, sizeof again);
	struct previous p;

	if (previous_read(v, &p) != ERR_OK)
		return;
	previous_write(&b, &p);
	must_equal(&b, v);
}

static void tally_try(struct bytes v)
{
	static struct tally t;
	struct builder	    b = builder_on(again, sizeof again);

	if (tally_read(v, &t) != ERR_OK)
		return;
	tally_write(&b, &t);
	must_equal(&b, v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes   v = bytes_of(data, size);
	struct builder b = builder_on(again, sizeof again);
	struct header  h;

	if (header_read(v, &h) != ERR_OK)
		return 0;
	header_write(&b, &h);
	must_equal(&b, v);
	for (unsigned i = 0; i < h.nattrs; i++) {
		previous_try(h.attr[i].value);
		tally_try(h.attr[i].value);
	}
	return 0;
}
