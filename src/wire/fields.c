#include "wire/fields.h"

#include "base/text.h"

#define FIELDS_VERSION 1
#define FORM_TEXT      1

/* Bytewise; of two names of which one begins the other, the shorter comes first. */
static int name_order(struct bytes a, struct bytes b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int    order = n > 0 ? memcmp(a.at, b.at, n) : 0;

	if (order != 0)
		return order;
	return a.n < b.n ? -1 : a.n > b.n;
}

static enum err field_check_form(struct bytes name, struct bytes value)
{
	if (value.n > FIELD_VALUE_MOST)
		return ERR_TOO_LONG;
	enum err e = name_check(name);
	if (e != ERR_OK)
		return e;
	return text_check(value, TEXT_LINES);
}

enum err fields_add(struct fields *f, struct bytes name, struct bytes value)
{
	if (f->n >= FIELDS_MOST)
		return ERR_TOO_LONG;
	enum err e = field_check_form(name, value);
	if (e != ERR_OK)
		return e;
	if (fields_find_bytes(f, name) != NULL)
		return ERR_DUPLICATE;
	f->at[f->n++] = (struct field){name, value};
	return ERR_OK;
}

const struct field *fields_find(const struct fields *f, const char *name)
{
	return fields_find_bytes(f, bytes_text(name));
}

const struct field *fields_find_bytes(const struct fields *f, struct bytes name)
{
	for (unsigned i = 0; i < f->n; i++)
		if (bytes_equal(f->at[i].name, name))
			return &f->at[i];
	return NULL;
}

/* Insertion sort: at most FIELDS_MOST rows, nearly always already in order. */
static void fields_sort(struct fields *f)
{
	for (unsigned i = 1; i < f->n; i++) {
		struct field moving = f->at[i];
		unsigned     j = i;

		for (; j > 0 && name_order(f->at[j - 1].name, moving.name) > 0; j--)
			f->at[j] = f->at[j - 1];
		f->at[j] = moving;
	}
}

void fields_write(struct builder *b, const struct fields *f)
{
	if (f->n > FIELDS_MOST) {
		build_fail(b, ERR_TOO_LONG);
		return;
	}
	struct fields sorted = *f;

	fields_sort(&sorted);
	build_u8(b, FIELDS_VERSION);
	build_u16(b, (uint16_t)sorted.n);
	for (unsigned i = 0; i < sorted.n; i++) {
		build_bytes16(b, sorted.at[i].name);
		build_u8(b, FORM_TEXT);
		build_bytes16(b, sorted.at[i].value);
	}
}

static void field_read(struct cursor *c, struct fields *f)
{
	struct bytes name = cursor_take16(c, FIELD_VALUE_MOST);
	uint8_t	     form = cursor_u8(c);
	struct bytes value = cursor_take16(c, FIELD_VALUE_MOST);

	if (cursor_err(c) != ERR_OK)
		return;
	if (form != FORM_TEXT)
		cursor_fail(c, ERR_MALFORMED);
	if (f->n > 0 && name_order(f->at[f->n - 1].name, name) >= 0)
		cursor_fail(c, ERR_NOT_CANONICAL);
	enum err e = field_check_form(name, value);
	if (e != ERR_OK)
		cursor_fail(c, e);
	f->at[f->n++] = (struct field){name, value};
}

enum err fields_read(struct bytes wire, struct fields *out)
{
	struct cursor c = cursor_on(wire);
	struct fields f = {0};
	uint8_t	      version = cursor_u8(&c);
	uint16_t      n = cursor_u16(&c);

	if (version != FIELDS_VERSION)
		cursor_fail(&c, ERR_MALFORMED);
	if (n > FIELDS_MOST)
		cursor_fail(&c, ERR_TOO_LONG);
	while (f.n < n && cursor_err(&c) == ERR_OK)
		field_read(&c, &f);
	enum err e = cursor_end(&c);
	if (e != ERR_OK)
		return e;
	*out = f;
	return ERR_OK;
}
