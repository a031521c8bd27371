#include "provider/date_form.h"

#include "base/cursor.h"
#include "base/text.h"

#define DAY_MS	   INT64_C(86400000)
#define YEAR_9999  INT64_C(253402300799999) /* its last millisecond */
#define YEAR_1	   (-719162 * DAY_MS)	    /* its first */
#define MINUTE_MS  60000
#define HOURS_MOST 23

static const struct {
	const char	*name;
	struct date_form form;
} named[] = {
	{"RFC3339", {.source = DATE_RFC3339}},
	{"RFC3339-time", {.source = DATE_RFC3339, .time = true}},
	{"epoch-seconds", {.source = DATE_SECONDS}},
	{"epoch-seconds-time", {.source = DATE_SECONDS, .time = true}},
	{"epoch-milliseconds", {.source = DATE_MILLISECONDS}},
	{"epoch-milliseconds-time", {.source = DATE_MILLISECONDS, .time = true}},
};

/* ---- patterns ---- */

/* What a pattern is made of: letters that stand for digits, and where in "YYYY-MM-DDhhmmss" those go. */
static const struct part {
	char   letter;
	size_t n, into;
} parts[] = {{'Y', 4, 0}, {'M', 2, 5}, {'D', 2, 8}, {'h', 2, 10}, {'m', 2, 12}, {'s', 2, 14}};

#define PARTS_NEEDED 3 /* the day; a clock may be there */
#define PARTS_SIZE   16

static const struct part *part_of(char letter)
{
	for (size_t i = 0; i < COUNT_OF(parts); i++)
		if (parts[i].letter == letter)
			return &parts[i];
	return NULL;
}

/* Each part is whole, stands once, and what is between parts is a sign that dates are written with. */
static bool pattern_ok(const char *text)
{
	bool seen[COUNT_OF(parts)] = {false};

	if (strlen(text) > DATE_FORM_MOST)
		return false;
	while (*text != '\0') {
		const struct part *part = part_of(*text);
		size_t		   n = 1;

		if (part == NULL && strchr("-/. :T", *text) == NULL)
			return false;
		if (part != NULL) {
			n = strspn(text, (const char[]){part->letter, '\0'});
			if (n != part->n || seen[part - parts])
				return false;
			seen[part - parts] = true;
		}
		text += n;
	}
	for (size_t i = 0; i < PARTS_NEEDED; i++)
		if (!seen[i])
			return false;
	return true;
}

static enum err clock_check(const char at[PARTS_SIZE])
{
	bool ok = memcmp(at + 10, "24", 2) < 0 && memcmp(at + 12, "60", 2) < 0 && memcmp(at + 14, "60", 2) < 0;

	return ok ? ERR_OK : ERR_VALUE;
}

static enum err pattern_convert(const char *pattern, struct bytes v, char out[static DATE_TEXT_MOST])
{
	char   found[PARTS_SIZE + 1] = "0000-00-00000000";
	size_t filled[COUNT_OF(parts)] = {0};

	if (v.n != strlen(pattern))
		return ERR_VALUE;
	for (size_t i = 0; i < v.n; i++) {
		const struct part *part = part_of(pattern[i]);
		char		   c = (char)v.at[i];

		if (part == NULL ? c != pattern[i] : c < '0' || c > '9')
			return ERR_VALUE;
		if (part != NULL)
			found[part->into + filled[part - parts]++] = c;
	}
	int32_t day;
	if (date_read(bytes_of(found, 10), &day) != ERR_OK || clock_check(found) != ERR_OK)
		return ERR_VALUE;
	date_write(day, out);
	return ERR_OK;
}

/* ---- instants ---- */

static enum err instant_write(int64_t ms, bool time, char out[static DATE_TEXT_MOST])
{
	if (ms < (time ? 0 : YEAR_1) || ms > YEAR_9999)
		return ERR_VALUE;
	if (time)
		time_write((uint64_t)ms, out);
	else
		date_write((int32_t)((ms - YEAR_1) / DAY_MS + YEAR_1 / DAY_MS), out);
	return ERR_OK;
}

static enum err epoch_convert(const struct date_form *form, struct bytes v, char out[static DATE_TEXT_MOST])
{
	bool	 before = v.n > 0 && v.at[0] == '-';
	uint64_t n;

	if (before)
		v = bytes_of(v.at + 1, v.n - 1);
	if (decimal_read(v, &n) != ERR_OK || n > (uint64_t)YEAR_9999)
		return ERR_VALUE;
	int64_t ms = form->source == DATE_SECONDS ? (int64_t)n * 1000 : (int64_t)n;
	return instant_write(before ? -ms : ms, form->time, out);
}

/* Exactly two digits, at most `most`. */
static int two(struct cursor *c, int most)
{
	struct bytes v = cursor_take(c, 2);

	if (v.n != 2 || v.at[0] < '0' || v.at[0] > '9' || v.at[1] < '0' || v.at[1] > '9') {
		cursor_fail(c, ERR_VALUE);
		return 0;
	}
	int n = (v.at[0] - '0') * 10 + v.at[1] - '0';
	if (n > most)
		cursor_fail(c, ERR_VALUE);
	return n;
}

static void one_of(struct cursor *c, const char *letters)
{
	uint8_t v = cursor_u8(c);

	if (v == 0 || strchr(letters, v) == NULL)
		cursor_fail(c, ERR_VALUE);
}

/* Milliseconds of "[.digits]"; finer ones are dropped. */
static int fraction(struct cursor *c)
{
	int ms = 0, weight = 100;

	if (cursor_left(c) == 0 || *c->at != '.')
		return 0;
	(void)cursor_u8(c);
	if (cursor_left(c) == 0 || *c->at < '0' || *c->at > '9')
		cursor_fail(c, ERR_VALUE);
	while (cursor_left(c) > 0 && *c->at >= '0' && *c->at <= '9') {
		ms += (cursor_u8(c) - '0') * weight;
		weight /= 10;
	}
	return ms;
}

/* "Z" or "+03:00", in minutes. */
static int offset(struct cursor *c)
{
	uint8_t sign = cursor_u8(c);

	if (sign == 'Z' || sign == 'z')
		return 0;
	if (sign != '+' && sign != '-')
		cursor_fail(c, ERR_VALUE);
	int hours = two(c, HOURS_MOST);
	one_of(c, ":");
	int minutes = hours * 60 + two(c, 59);
	return sign == '-' ? -minutes : minutes;
}

/* date "T" hh:mm:ss [.fraction] offset, RFC 3339 section 5.6. A leap second has no place in ours. */
static enum err rfc3339_convert(bool time, struct bytes v, char out[static DATE_TEXT_MOST])
{
	struct cursor c = cursor_on(v);
	struct bytes  date = cursor_take(&c, 10);
	int32_t	      day = 0;

	one_of(&c, "Tt ");
	int64_t ms = two(&c, HOURS_MOST) * 60 * MINUTE_MS;
	one_of(&c, ":");
	ms += two(&c, 59) * MINUTE_MS;
	one_of(&c, ":");
	ms += two(&c, 59) * 1000;
	ms += fraction(&c);
	ms -= offset(&c) * MINUTE_MS;
	if (cursor_end(&c) != ERR_OK || date_read(date, &day) != ERR_OK)
		return ERR_VALUE;
	return instant_write(time ? day * DAY_MS + ms : day * DAY_MS, time, out);
}

/* ---- both ---- */

enum err date_form_read(const char *text, struct date_form *out)
{
	for (size_t i = 0; i < COUNT_OF(named); i++) {
		if (strcmp(named[i].name, text) == 0) {
			*out = named[i].form;
			return ERR_OK;
		}
	}
	if (!pattern_ok(text))
		return ERR_VALUE;
	*out = (struct date_form){.source = DATE_PATTERN, .pattern = text};
	return ERR_OK;
}

enum err date_form_convert(const struct date_form *form, struct bytes v, char out[static DATE_TEXT_MOST])
{
	switch (form->source) {
	case DATE_PATTERN:
		return pattern_convert(form->pattern, v, out);
	case DATE_RFC3339:
		return rfc3339_convert(form->time, v, out);
	case DATE_SECONDS:
	case DATE_MILLISECONDS:
		return epoch_convert(form, v, out);
	}
	return ERR_VALUE;
}
