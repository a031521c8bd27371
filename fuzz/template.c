/*
 * template.c: what an operator writes of a service (address, body, pointer, form of dates), and what a partner asks with.
 * Input: text | 0 | text: the first is the template, pointer or form; the second a value.
 *
 * No value leaves its place: an address that was filled has the slashes and question marks that its template
 * has, and a body that is JSON with one value is JSON with any.
 */
#include <stdlib.h>

#include "provider/date_form.h"
#include "provider/map.h"
#include "provider/service_json.h"
#include "provider/template.h"

#define TEXT_MOST 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool v)
{
	if (!v)
		abort();
}

static size_t count(struct bytes v, uint8_t wanted)
{
	size_t n = 0;

	for (size_t i = 0; i < v.n; i++)
		n += v.at[i] == wanted;
	return n;
}

/* Every field of the template has the one value. */
static bool fill(const struct template *t, struct bytes value, struct builder *b)
{
	struct fields f = {0};
	struct bytes  field;

	for (unsigned i = 0; i < t->n; i++)
		if (t->at[i].part != PART_LITERAL && fields_find_bytes(&f, t->at[i].field) == NULL && fields_add(&f, t->at[i].field, value) != ERR_OK)
			return false;
	return template_fill(t, &f, b, &field) == ERR_OK;
}

static void target_try(const char *text, struct bytes value)
{
	static uint8_t plain[65536], filled[65536];
	struct template t;
	struct builder a = builder_on(plain, sizeof plain), b = builder_on(filled, sizeof filled);

	if (template_target_read(text, &t, NULL) != ERR_OK)
		return;
	must(text[0] == '/');
	if (!fill(&t, bytes_text("x"), &a) || !fill(&t, value, &b))
		return;
	struct bytes	  with_x = builder_bytes(&a), with_value = builder_bytes(&b);
	static const char signs[] = "/?&=#;\\ \r\n";
	for (size_t i = 0; i < sizeof signs; i++)
		must(count(with_x, (uint8_t)signs[i]) == count(with_value, (uint8_t)signs[i]));
}

static void body_try(const char *text, struct bytes value)
{
	static uint8_t plain[65536], filled[65536];
	struct template t;
	struct buffer  room = {.most = 2 * sizeof plain};
	struct builder a = builder_on(plain, sizeof plain), b = builder_on(filled, sizeof filled);
	json_t	      *json = NULL;

	if (template_body_read(text, &t, NULL) != ERR_OK || !fill(&t, bytes_text("x"), &a) || !fill(&t, value, &b))
		return;
	if (service_json_read(builder_bytes(&a), &room, &json) == ERR_OK) {
		json_decref(json);
		json = NULL;
		/* Two fields in keys of one object may become the same key; nothing else may go wrong. */
		if (service_json_read(builder_bytes(&b), &room, &json) == ERR_OK)
			json_decref(json);
		else
			must(strchr(text, ':') != NULL);
	}
	buffer_done(&room);
}

static void pointer_try(const char *pointer, struct bytes text)
{
	struct buffer room = {.most = 2 * TEXT_MOST + 2};
	json_t	     *json = NULL;

	if (pointer_check(pointer) == ERR_OK && service_json_read(text, &room, &json) == ERR_OK) {
		const json_t *found = pointer_find(json, pointer);

		must(found == NULL || found != json);
		json_decref(json);
	}
	buffer_done(&room);
}

static void date_try(const char *text, struct bytes value)
{
	struct date_form form;
	char		 out[DATE_TEXT_MOST];
	int32_t		 day;
	uint64_t	 ms;

	if (date_form_read(text, &form) != ERR_OK || date_form_convert(&form, value, out) != ERR_OK)
		return;
	must(form.time ? time_read(bytes_text(out), &ms) == ERR_OK : date_read(bytes_text(out), &day) == ERR_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *zero = size > 0 ? memchr(data, 0, size) : NULL;

	if (zero == NULL || size > TEXT_MOST)
		return 0;
	const char  *text = (const char *)data;
	struct bytes value = bytes_of(zero + 1, size - (size_t)(zero + 1 - data));

	json_object_seed(1);
	target_try(text, value);
	body_try(text, value);
	pointer_try(text, value);
	date_try(text, value);
	return 0;
}
