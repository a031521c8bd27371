/*
 * date_form.h: how a source writes its dates, and the one way in which we do. Pure.
 *
 *   DD-MM-YYYY, DD/MM/YYYY, MM/DD/YYYY, YYYYMMDD, "DD.MM.YYYY hh:mm"     any order of DD, MM and YYYY with - / . or nothing
 *                                         between; a clock of hh, mm, ss may stand behind and is dropped
 *   RFC3339                               2026-11-20T23:30:00+03:00: the day that is written there
 *   epoch-seconds, epoch-milliseconds     the day in UTC
 *   RFC3339-time, epoch-seconds-time, epoch-milliseconds-time     the instant, for a field of type time
 *
 * Strict: a day that no calendar has is refused, and so is a digit more or less.
 */
#ifndef MITHAQ_PROVIDER_DATE_FORM_H
#define MITHAQ_PROVIDER_DATE_FORM_H

#include "base/bytes.h"
#include "base/error.h"

#define DATE_FORM_MOST 32 /* characters of a pattern */
#define DATE_TEXT_MOST 25 /* of what comes out, with its NUL */

enum date_source { DATE_PATTERN, DATE_RFC3339, DATE_SECONDS, DATE_MILLISECONDS };

struct date_form {
	enum date_source source;
	bool		 time;	  /* gives an instant, not a day */
	const char	*pattern; /* DATE_PATTERN: points into the text read */
};

/* ERR_VALUE */
enum err date_form_read(const char *text, struct date_form *out) must_use;
/* "2026-11-20", or "2026-11-20T20:30:00.000Z". ERR_VALUE */
enum err date_form_convert(const struct date_form *form, struct bytes v, char out[static DATE_TEXT_MOST]) must_use;

#endif
