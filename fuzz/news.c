/*
 * news.c: what applications write of events: ids, lists of types; and news as another process
 * would write them. Input: u8 which | bytes.
 */
#include <stdlib.h>

#include "channel/news.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* What is accepted names the same number in the one spelling that we write. */
static void id_try(struct bytes text)
{
	char	 id[NEWS_ID_TEXT + 1], again[NEWS_ID_TEXT + 1];
	uint64_t number = 0, same = 1;

	if (news_id_read(text, &number) != ERR_OK)
		return;
	must(number <= INT64_MAX);
	news_id_write(number, id);
	must(news_id_read(bytes_text(id), &same) == ERR_OK && same == number);
	news_id_write(same, again);
	must(strcmp(id, again) == 0);
}

static void types_try(struct bytes text)
{
	uint32_t set = 0;

	if (news_types_read(text, &set) != ERR_OK)
		return;
	must((set & ~NEWS_ALL) == 0 && (set & news_bit(NEWS_LOST)) != 0);
}

static void news_try(struct bytes wire)
{
	uint8_t	       memory[NEWS_WRITTEN_MOST];
	struct builder b = builder_on(memory, sizeof memory);
	struct cursor  c = cursor_on(wire);
	struct news    n;

	if (news_read(&c, &n) != ERR_OK)
		return;
	news_write(&b, &n);
	must(b.err == ERR_OK && b.n == wire.n - cursor_left(&c) && memcmp(memory, wire.at, b.n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const tries[])(struct bytes) = {id_try, types_try, news_try};

	if (size > 0)
		tries[data[0] % COUNT_OF(tries)](bytes_of(data + 1, size - 1));
	return 0;
}
