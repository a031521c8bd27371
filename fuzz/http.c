/*
 * http.c: what we read of HTTP ourselves: header fields of anybody on this machine, and
 * the head of an answer from our own socket. Input: u8 which | text.
 */
#include <stdlib.h>

#include "net/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void head_try(struct bytes raw)
{
	unsigned status = 0;
	size_t	 body_at = 0, length = 0;

	if (http_head_read(raw, &status, &body_at, &length) != ERR_OK)
		return;
	must(status >= 100 && status <= 599 && body_at <= raw.n && length <= HTTP_ANSWER_MOST);
	/* Nothing of the body was needed to read the head. */
	must(http_head_read(bytes_of(raw.at, body_at), &status, &body_at, &length) == ERR_OK);
	must(http_head_read(bytes_of(raw.at, body_at - 1), &status, &body_at, &length) != ERR_OK);
}

static void fields_try(const char *text, size_t n)
{
	struct bytes bearer = http_bearer(text);

	must(http_language(text) == LANG_EN || http_language(text) == LANG_AR);
	must(http_wait(text, 7) <= HTTP_WAIT_MOST);
	must(bearer.n == 0 || ((const char *)bearer.at >= text && (const char *)bearer.at + bearer.n <= text + n));
	(void)http_is_json(text);
	(void)http_host_is_local(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] % 2 == 0) {
		head_try(bytes_of(data + 1, size - 1));
		return 0;
	}
	/* libevent hands header fields over as texts that end in NUL. */
	char *text = malloc(size);
	if (text == NULL)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = 0;
	fields_try(text, strlen(text));
	free(text);
	return 0;
}
