/* Whatever a list contains: no crash, and every field handed over is one clean line. */
#include <stdlib.h>

#include "base/text.h"
#include "lists/un.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum err look(void *arg, const struct un_record *record)
{
	unsigned *seen = arg;

	if (record->field[UN_REFERENCE].n == 0)
		abort();
	for (size_t i = 0; i < UN_FIELDS; i++)
		if (text_check(record->field[i], TEXT_LINE) != ERR_OK)
			abort();
	(*seen)++;
	return ERR_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct un_report report;
	struct fault	 fault = {0};
	unsigned	 seen = 0;

	if (un_list_read(bytes_of(data, size), look, &seen, &report, &fault) != ERR_OK)
		return 0;
	if (seen + report.without_reference != report.individuals + report.entities)
		abort();
	return 0;
}
