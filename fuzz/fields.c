/* An accepted record is written again byte for byte. */
#include "wire/fields.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t again[FIELDS_MOST * (FIELD_VALUE_MOST + 64)];
	struct bytes   v = bytes_of(data, size);
	struct builder b = builder_on(again, sizeof again);
	struct fields  f;

	if (fields_read(v, &f) != ERR_OK)
		return 0;
	for (unsigned i = 0; i < f.n; i++)
		if (fields_find_bytes(&f, f.at[i].name) != &f.at[i])
			abort();
	fields_write(&b, &f);
	if (b.err != ERR_OK || !bytes_equal(builder_bytes(&b), v))
		abort();
	return 0;
}
