/*
 * service.c: what an authority's service answers, byte by byte off its connection.
 * Input: u8 how many bytes come at once (0: all) | the bytes of the connection.
 *
 * However the bytes are cut, the same is read; a body lies inside what came and within its limit;
 * what is mapped from it goes into a record and is read back the same.
 */
#include <stdlib.h>

#include "provider/map.h"
#include "provider/response.h"
#include "provider/service_json.h"

#define INPUT_MOST (2u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct config_pair codes[] = {{"01", "lodged"}, {"4", "released"}, {"true", "held"}};

static const struct config_provider provider = {
	.nanswers = 5,
	.answer =
		{
			{.field = "status", .from = "/state", .code = codes, .ncodes = COUNT_OF(codes)},
			{.field = "released-on", .from = "/on", .date = "DD-MM-YYYY"},
			{.field = "since", .from = "/a/0/b~1c", .date = "RFC3339-time"},
			{.field = "weight", .from = "/w"},
			{.field = "seen", .from = "/t", .date = "epoch-seconds"},
		},
};

static void must(bool v)
{
	if (!v)
		abort();
}

static enum err read_cut(const uint8_t *data, size_t size, size_t at_once, uint8_t *raw, struct response *r)
{
	enum err e = ERR_SHORT;

	*r = (struct response){0};
	for (size_t there = 0; there < size && e == ERR_SHORT;) {
		size_t more = at_once == 0 || size - there < at_once ? size - there : at_once;

		memcpy(raw + there, data + there, more);
		there += more;
		e = response_read(r, raw, there);
		must(r->used <= there && r->body_at + r->body_n <= there && r->body_n <= RESPONSE_BODY_MOST);
	}
	return e == ERR_SHORT ? response_closed(r) : e;
}

static void no_step(void *arg, enum provider_step step, struct bytes from, struct bytes name, struct bytes value)
{
	uint8_t *sum = arg;

	*sum = (uint8_t)(step + (from.n > 0 ? from.at[from.n - 1] : 0) + (name.n > 0 ? name.at[0] : 0) + (value.n > 0 ? value.at[value.n - 1] : 0));
}

static void mapped_check(const struct fields *f)
{
	static uint8_t	     memory[UINT16_MAX];
	static struct fields again;
	struct builder	     b = builder_on(memory, sizeof memory);

	fields_write(&b, f);
	if (b.err != ERR_OK)
		return;
	must(fields_read(builder_bytes(&b), &again) == ERR_OK && again.n == f->n);
	for (unsigned i = 0; i < again.n; i++) {
		const struct field *same = fields_find_bytes(f, again.at[i].name);
		must(same != NULL && bytes_equal(same->value, again.at[i].value));
	}
}

static void content_try(struct bytes body)
{
	static struct mapped quiet, told;
	struct buffer	     room = {.most = 2 * RESPONSE_BODY_MOST + 2};
	struct map	     m;
	json_t		    *json = NULL;
	uint8_t		     sum = 0;

	json_object_seed(1);
	must(map_read(&provider, NULL, &m, NULL) == ERR_OK);
	if (service_json_read(body, &room, &json) == ERR_OK) {
		enum map_trouble trouble = map_answer(&m, json, &quiet, NULL, NULL);

		must(map_answer(&m, json, &told, no_step, &sum) == trouble);
		if (trouble == MAP_DONE)
			mapped_check(&quiet.fields);
		json_decref(json);
	}
	buffer_done(&room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct response whole, cut;

	if (size == 0 || size > INPUT_MOST)
		return 0;
	uint8_t *first = malloc(size), *second = malloc(size);
	must(first != NULL && second != NULL);
	enum err e = read_cut(data + 1, size - 1, 0, first, &whole), f = read_cut(data + 1, size - 1, data[0], second, &cut);
	must(e == f);
	if (e == ERR_OK) {
		struct bytes body = bytes_of(first + whole.body_at, whole.body_n);

		must(whole.status == cut.status && whole.used == cut.used && whole.json == cut.json && whole.keeps == cut.keeps);
		must(bytes_equal(body, bytes_of(second + cut.body_at, cut.body_n)));
		content_try(body);
	}
	free(first);
	free(second);
	return 0;
}
