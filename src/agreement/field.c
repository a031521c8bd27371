/* field.c: one value against one field's rule. */
#include "agreement/field.h"
#include "agreement/decide.h"
#include "base/cursor.h"

const struct field_kind field_kinds[] = {
	[FIELD_TEXT] = {"text", 1000, false, {"a text", "نص"}},
	[FIELD_CODE] = {"code", NAME_MOST, true, {"one of the codes", "أحد الرموز"}},
	[FIELD_DATE] = {"date", 10, true, {"a date such as 2026-11-20", "تاريخ مثل 2026-11-20"}},
	[FIELD_TIME] = {"time", 24, true, {"a time such as 2026-11-20T09:30:00Z", "وقت مثل 2026-11-20T09:30:00Z"}},
	[FIELD_INTEGER] = {"integer", 18, false, {"a whole number such as 42", "عدد صحيح مثل 42"}},
	[FIELD_DECIMAL] = {"decimal", 24, false, {"a decimal number such as 18450.000", "عدد عشري مثل 18450.000"}},
	[FIELD_COUNTRY] = {"country", 2, true, {"a country code of two letters such as KW", "رمز دولة من حرفين مثل KW"}},
	[FIELD_DOCUMENT_NUMBER] = {"document-number",
				   35,
				   false,
				   {"a document number of letters, digits, '-', '/' and '.'", "رقم وثيقة من حروف لاتينية وأرقام و- و/ و."}},
	[FIELD_UN_LOCODE] = {"un-locode", 5, true, {"a UN/LOCODE such as KWSAA", "رمز موقع UN/LOCODE مثل KWSAA"}},
	[FIELD_NAME] = {"name", 200, false, {"a name in one line", "اسم في سطر واحد"}},
};

const char *const field_words[] = {"text", "code", "date", "time", "integer", "decimal", "country", "document-number", "un-locode", "name", NULL};

const struct field_rule *field_find(const struct field_rule *rules, unsigned n, struct bytes name)
{
	for (unsigned i = 0; i < n; i++) {
		if (bytes_is(name, rules[i].name))
			return &rules[i];
	}
	return NULL;
}

const struct code *code_find(const struct code *codes, unsigned n, struct bytes name)
{
	for (unsigned i = 0; i < n; i++) {
		if (bytes_is(name, codes[i].name))
			return &codes[i];
	}
	return NULL;
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_capital(uint8_t c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_letter_or_digit(uint8_t c)
{
	return is_digit(c) || is_capital(c) || (c >= 'a' && c <= 'z');
}

static size_t characters(struct bytes v)
{
	size_t n = 0;

	for (size_t i = 0; i < v.n; i++)
		n += (v.at[i] & 0xc0) != 0x80;
	return n;
}

static enum err value_unless(bool good)
{
	return good ? ERR_OK : ERR_VALUE;
}

static enum err check_text(struct bytes v)
{
	return text_check(v, TEXT_LINES);
}

static enum err check_line(struct bytes v)
{
	return text_check(v, TEXT_LINE);
}

static enum err check_code(struct bytes v)
{
	return name_check(v) == ERR_OK ? ERR_OK : ERR_VALUE;
}

static enum err check_date(struct bytes v)
{
	int32_t day;

	return date_read(v, &day) == ERR_OK ? ERR_OK : ERR_VALUE;
}

static enum err check_time(struct bytes v)
{
	uint64_t ms;

	return time_read(v, &ms) == ERR_OK ? ERR_OK : ERR_VALUE;
}

/* Digits without a leading zero; gives back how many. */
static size_t whole_digits(struct cursor *c)
{
	size_t n = 0;
	bool   zero = cursor_left(c) > 0 && *c->at == '0';

	while (cursor_left(c) > 0 && is_digit(*c->at)) {
		(void)cursor_u8(c);
		n++;
	}
	return zero && n > 1 ? 0 : n;
}

static void skip_minus(struct cursor *c)
{
	if (cursor_left(c) > 1 && *c->at == '-')
		(void)cursor_u8(c);
}

/* One way to write each number: no plus, no leading zero, and zero has no sign. */
static enum err check_integer(struct bytes v)
{
	struct cursor c = cursor_on(v);

	skip_minus(&c);
	if (whole_digits(&c) == 0 || cursor_left(&c) > 0)
		return ERR_VALUE;
	return value_unless(!bytes_is(v, "-0"));
}

/* The places behind the point are kept as written: 18450.000 has three. */
static enum err check_decimal(struct bytes v)
{
	struct cursor c = cursor_on(v);

	skip_minus(&c);
	if (whole_digits(&c) == 0)
		return ERR_VALUE;
	if (cursor_left(&c) == 0)
		return ERR_OK;
	if (cursor_u8(&c) != '.' || cursor_left(&c) == 0)
		return ERR_VALUE;
	while (cursor_left(&c) > 0) {
		if (!is_digit(cursor_u8(&c)))
			return ERR_VALUE;
	}
	return ERR_OK;
}

static enum err check_country(struct bytes v)
{
	return value_unless(v.n == 2 && is_capital(v.at[0]) && is_capital(v.at[1]));
}

static enum err check_document_number(struct bytes v)
{
	for (size_t i = 0; i < v.n; i++) {
		bool inside = i > 0 && i + 1 < v.n && (v.at[i] == '-' || v.at[i] == '/' || v.at[i] == '.');

		if (!inside && !is_letter_or_digit(v.at[i]))
			return ERR_VALUE;
	}
	return ERR_OK;
}

/* Two letters of the country, then three letters or digits 2 to 9 of the place. */
static enum err check_un_locode(struct bytes v)
{
	if (v.n != 5 || !is_capital(v.at[0]) || !is_capital(v.at[1]))
		return ERR_VALUE;
	for (size_t i = 2; i < v.n; i++) {
		if (!is_capital(v.at[i]) && !(is_digit(v.at[i]) && v.at[i] >= '2'))
			return ERR_VALUE;
	}
	return ERR_OK;
}

static enum err (*const check_form[])(struct bytes) = {
	[FIELD_TEXT] = check_text,	     [FIELD_CODE] = check_code,
	[FIELD_DATE] = check_date,	     [FIELD_TIME] = check_time,
	[FIELD_INTEGER] = check_integer,     [FIELD_DECIMAL] = check_decimal,
	[FIELD_COUNTRY] = check_country,     [FIELD_DOCUMENT_NUMBER] = check_document_number,
	[FIELD_UN_LOCODE] = check_un_locode, [FIELD_NAME] = check_line,
};

enum err field_check(const struct field_rule *rule, struct bytes value)
{
	if (value.n == 0)
		return ERR_VALUE;
	if (value.n > FIELD_VALUE_MOST || characters(value) > rule->length)
		return ERR_TOO_LONG;
	enum err e = check_form[rule->type](value);
	if (e != ERR_OK)
		return e;
	if (rule->type == FIELD_CODE && code_find(rule->code, rule->ncodes, value) == NULL)
		return ERR_VALUE;
	return ERR_OK;
}
