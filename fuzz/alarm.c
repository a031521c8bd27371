/* The reader of ALARM files: what it accepts is written again byte for byte, has a file's name and a finding that can be told. */
#include <stdlib.h>

#include "evidence/alarm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
	if (!condition)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct alarm_proof proof;
	struct buffer		  again = {.most = ALARM_FILE_MOST};
	struct alarm		  a;
	char			  name[ALARM_NAME_MOST];
	struct bytes		  file = bytes_of(data, size);

	if (crypto_start() != ERR_OK || alarm_read(file, &a, NULL) != ERR_OK)
		return 0;
	must(alarm_is(file));
	must(alarm_write(&a, &again) == ERR_OK);
	must(bytes_equal(buffer_bytes(&again), file));
	buffer_done(&again);
	alarm_file_name(&a, name);
	must(strlen(name) > 30 && strchr(name, '/') == NULL);
	if (alarm_verify(&a, BYTES_NONE, &proof, NULL) == ERR_OK)
		must(proof.finding == ALARM_PROVED_FOUND || *alarm_finding_text(proof.finding, LANG_AR) != '\0');
	return 0;
}
