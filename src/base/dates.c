/* dates.c: decimal numbers, calendar dates (proleptic Gregorian, years 1 to 9999) and times of RFC 3339. */
#include <stdio.h>

#include "base/cursor.h"
#include "base/text.h"

#define DAY_MS	    86400000u
#define DAY_FIRST   (-719162) /* 0001-01-01 */
#define DAY_LAST    2932896   /* 9999-12-31 */
#define TIME_LAST   253402300799999u
#define YEARS_CYCLE 400
#define DAYS_CYCLE  146097 /* in 400 years */

enum err decimal_read(struct bytes text, uint64_t *out)
{
	uint64_t v = 0;
	if (text.n == 0 || (text.n > 1 && text.at[0] == '0'))
		return ERR_MALFORMED;
	for (size_t i = 0; i < text.n; i++)
		if (text.at[i] < '0' || text.at[i] > '9')
			return ERR_MALFORMED;
	for (size_t i = 0; i < text.n; i++)
		if (__builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, (uint64_t)(text.at[i] - '0'), &v))
			return ERR_TOO_LONG;
	*out = v;
	return ERR_OK;
}

static bool year_is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int month_days(int year, int month)
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	return month == 2 && year_is_leap(year) ? 29 : days[month - 1];
}

/* Days of the years before `year`, counted from 0001-01-01. */
static int32_t years_days(int year)
{
	int past = year - 1;
	return past * 365 + past / 4 - past / 100 + past / 400;
}

/* Exactly n digits; fails the cursor on anything else. */
static int digits(struct cursor *c, size_t n)
{
	struct bytes taken = cursor_take(c, n);
	int	     v = 0;
	for (size_t i = 0; i < taken.n; i++) {
		if (taken.at[i] < '0' || taken.at[i] > '9')
			cursor_fail(c, ERR_MALFORMED);
		else
			v = v * 10 + (taken.at[i] - '0');
	}
	return v;
}

static void letter(struct cursor *c, char wanted)
{
	if (cursor_u8(c) != (uint8_t)wanted)
		cursor_fail(c, ERR_MALFORMED);
}

/* YYYY-MM-DD; fails with ERR_VALUE when the calendar has no such day. */
static int32_t date_on(struct cursor *c)
{
	int year = digits(c, 4);
	letter(c, '-');
	int month = digits(c, 2);
	letter(c, '-');
	int day = digits(c, 2);
	if (cursor_err(c) == ERR_OK && (year < 1 || month < 1 || month > 12 || day < 1 || day > month_days(year, month)))
		cursor_fail(c, ERR_VALUE);
	if (cursor_err(c) != ERR_OK)
		return 0;
	int32_t days = DAY_FIRST + years_days(year) + day - 1;
	for (int before = 1; before < month; before++)
		days += month_days(year, before);
	return days;
}

/* What a person typed too short or too long has the wrong form; nothing more precise helps. */
static enum err form_end(const struct cursor *c)
{
	enum err e = cursor_end(c);
	return e == ERR_SHORT || e == ERR_TRAILING ? ERR_MALFORMED : e;
}

enum err date_read(struct bytes text, int32_t *day)
{
	struct cursor c = cursor_on(text);
	int32_t	      days = date_on(&c);
	enum err      e = form_end(&c);
	if (e == ERR_OK)
		*day = days;
	return e;
}

/* Days outside the years 1 to 9999 are shown as the nearest day inside. */
void date_write(int32_t day, char out[11])
{
	day = day < DAY_FIRST ? DAY_FIRST : day > DAY_LAST ? DAY_LAST : day;
	int32_t rest = day - DAY_FIRST;
	int	year = rest / DAYS_CYCLE * YEARS_CYCLE + rest % DAYS_CYCLE / 366 + 1; /* never too late; corrected below */
	int	month = 1;
	while (year < 9999 && years_days(year + 1) <= rest)
		year++;
	rest -= years_days(year);
	for (; rest >= month_days(year, month); month++)
		rest -= month_days(year, month);
	char text[40];
	(void)snprintf(text, sizeof text, "%04d-%02d-%02d", year, month, (int)rest + 1);
	memcpy(out, text, 11);
}

/* Times after the year 9999 are shown as its last millisecond. */
void time_write(uint64_t ms, char out[25])
{
	char day[11], clock[40];
	if (ms > TIME_LAST)
		ms = TIME_LAST;
	date_write((int32_t)(ms / DAY_MS), day);
	unsigned rest = (unsigned)(ms % DAY_MS);
	(void)snprintf(clock, sizeof clock, "T%02u:%02u:%02u.%03uZ", rest / 3600000, rest / 60000 % 60, rest / 1000 % 60, rest % 1000);
	memcpy(out, day, 10);
	memcpy(out + 10, clock, 15);
}

/* Thh:mm:ss, optional .mmm, Z. A leap second has no place in milliseconds since 1970 and is refused. */
static uint64_t clock_on(struct cursor *c)
{
	letter(c, 'T');
	int hour = digits(c, 2);
	letter(c, ':');
	int minute = digits(c, 2);
	letter(c, ':');
	int second = digits(c, 2);
	int ms = 0;
	if (cursor_left(c) > 1) {
		letter(c, '.');
		ms = digits(c, 3);
	}
	letter(c, 'Z');
	if (cursor_err(c) == ERR_OK && (hour > 23 || minute > 59 || second > 59))
		cursor_fail(c, ERR_VALUE);
	int of_day = ((hour * 60 + minute) * 60 + second) * 1000 + ms;
	return (uint64_t)of_day;
}

enum err time_read(struct bytes text, uint64_t *ms)
{
	struct cursor c = cursor_on(text);
	int32_t	      day = date_on(&c);
	uint64_t      clock = clock_on(&c);
	enum err      e = form_end(&c);
	if (e != ERR_OK)
		return e;
	if (day < 0)
		return ERR_VALUE;
	*ms = (uint64_t)day * DAY_MS + clock;
	return ERR_OK;
}
