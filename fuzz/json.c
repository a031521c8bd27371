/* json.c: the body of a question as an application sends it. What is accepted crosses the pipe to the core and back unchanged. */
#include <stdlib.h>

#include "gateway/desk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t	  first[256 * 1024], second[256 * 1024];
	struct asked_body body;
	struct fault	  fault = {0};
	struct ask	  again;
	char		  line[1024];

	json_object_seed(1);
	enum err e = asked_body_read(bytes_of(data, size), &body, &fault);
	if (e != ERR_OK) {
		fault_print(&fault, "body", LANG_AR, line, sizeof line);
		return 0;
	}
	struct builder a = builder_on(first, sizeof first), b = builder_on(second, sizeof second);
	ask_write(&a, &body.ask);
	if (a.err == ERR_OK) {
		if (ask_read(builder_bytes(&a), &again) != ERR_OK)
			abort();
		ask_write(&b, &again);
		if (!bytes_equal(builder_bytes(&a), builder_bytes(&b)))
			abort();
	}
	asked_body_done(&body);
	return 0;
}
