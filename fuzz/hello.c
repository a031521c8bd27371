/* An accepted HELLO is written again byte for byte. The input is the payload. */
#include <stdlib.h>

#include "stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t	    again[FRAME_REST_MOST + FRAME_HEAD];
	static struct hello h;
	struct builder	    b = builder_on(again, sizeof again);

	if (hello_frame_read(bytes_of(data, size), &h) != ERR_OK)
		return 0;
	hello_frame_write(&b, &h);
	if (b.err != ERR_OK || !bytes_equal(bytes_of(again + FRAME_HEAD, b.n - FRAME_HEAD), bytes_of(data, size)))
		abort();
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
	return stream_mutate_payload(data, size, most, FRAME_HELLO, seed);
}
