/*
 * bind.c: a statement as an operator, or somebody who has his file, writes it; and wide text
 * as a driver gives it. Input: u8 which | bytes. A statement that is taken has as many places as
 * names, is no longer than it was, and is taken again as it stands once its places have names.
 * Wide text that reads is written again unit for unit.
 */
#include <stdlib.h>

#include "folder.h"
#include "provider/bind.h"
#include "provider/wide.h"

#define TEXT_MOST 16384

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Places outside of quotes: what is left has no comments. */
static unsigned places(const char *statement)
{
	unsigned n = 0;
	char	 quote = '\0';

	for (; *statement != '\0'; statement++) {
		if (quote != '\0')
			quote = *statement == quote ? '\0' : quote;
		else if (*statement == '\'' || *statement == '"')
			quote = *statement;
		else
			n += *statement == '?';
	}
	must(quote == '\0');
	return n;
}

static void statement_try(struct bytes text)
{
	static struct bind was, again;
	struct fault	   fault = {0};
	char		   statement[TEXT_MOST + 1], line[1024];

	memcpy(statement, text.at, text.n);
	statement[text.n] = '\0';
	if (bind_read(statement, &was, &fault) != ERR_OK) {
		must(fault.err != ERR_OK);
		fault_print(&fault, "mithaq.yaml", LANG_AR, line, sizeof line);
		return;
	}
	must(strlen(was.statement) <= strlen(statement));
	must(places(was.statement) == was.n);
	for (unsigned i = 0; i < was.n; i++)
		must(name_check(bytes_text(was.parameter[i])) == ERR_OK);
	if (was.n == 0)
		must(bind_read(was.statement, &again, NULL) == ERR_OK && strcmp(was.statement, again.statement) == 0);
}

static void wide_try(struct bytes text)
{
	uint16_t       units[TEXT_MOST / 2], back[TEXT_MOST / 2];
	uint8_t	       memory[2 * TEXT_MOST];
	size_t	       n = text.n / 2, written = COUNT_OF(back);
	struct builder b = builder_on(memory, sizeof memory);

	memcpy(units, text.at, 2 * n);
	if (wide_read(units, n, &b) == ERR_OK) {
		must(wide_write(builder_bytes(&b), back, &written) == ERR_OK);
		must(written == n && memcmp(units, back, 2 * n) == 0);
	}
	written = COUNT_OF(back);
	b = builder_on(memory, sizeof memory);
	if (wide_write(text, back, &written) == ERR_OK && wide_read(back, written, &b) == ERR_OK)
		must(bytes_equal(builder_bytes(&b), text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0 || size > TEXT_MOST)
		return 0;
	if (data[0] % 2 == 0)
		statement_try(bytes_of(data + 1, size - 1));
	else
		wide_try(bytes_of(data + 1, size - 1));
	return 0;
}
