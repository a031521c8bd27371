/* error.c: the table of errors in memory, and faults as people read them. */
#include <stdio.h>
#include <utf8proc.h>

#include "base/error.h"
#include "base/text.h"

struct error_row {
	enum blame  blame;
	const char *text[2]; /* by enum lang */
};

static const struct error_row rows[] = {
#define ERROR_ROW(name, whose, en, ar) [ERR_##name] = {BLAME_##whose, {[LANG_EN] = en, [LANG_AR] = ar}},
	ERROR_TABLE(ERROR_ROW)
#undef ERROR_ROW
};

/* Written by hand, because these names are a promise to programs: renaming an enum must not rename them. */
static const char *const names[] = {
	[ERR_OK] = "ok",
	[ERR_SHORT] = "short",
	[ERR_TRAILING] = "trailing",
	[ERR_MALFORMED] = "malformed",
	[ERR_NOT_CANONICAL] = "not-canonical",
	[ERR_TOO_LONG] = "too-long",
	[ERR_TOO_DEEP] = "too-deep",
	[ERR_UTF8] = "utf8",
	[ERR_NOT_NFC] = "not-nfc",
	[ERR_BIDI] = "bidi",
	[ERR_CONTROL] = "control",
	[ERR_DUPLICATE] = "duplicate",
	[ERR_UNKNOWN_KEY] = "unknown-key",
	[ERR_MISSING] = "missing",
	[ERR_VALUE] = "value",
	[ERR_SIGNATURE] = "signature",
	[ERR_KEY] = "key",
	[ERR_ROOT] = "root",
	[ERR_PROOF] = "proof",
	[ERR_COMMITMENT] = "commitment",
	[ERR_ORDER] = "order",
	[ERR_FORK] = "fork",
	[ERR_OLD_ORIGIN] = "old-origin",
	[ERR_NOT_EXTENSION] = "not-extension",
	[ERR_PROTOCOL] = "protocol",
	[ERR_NO_SPACE] = "no-space",
	[ERR_MEMORY] = "memory",
	[ERR_NOT_FOUND] = "not-found",
	[ERR_EXISTS] = "exists",
	[ERR_MODE] = "mode",
	[ERR_FILE] = "file",
	[ERR_DISK] = "disk",
	[ERR_STORE] = "store",
	[ERR_VERSION] = "version",
	[ERR_SANDBOX] = "sandbox",
	[ERR_NETWORK] = "network",
	[ERR_TLS] = "tls",
	[ERR_PIN] = "pin",
	[ERR_BUSY] = "busy",
	[ERR_USAGE] = "usage",
	[ERR_INTERNAL] = "internal",
};

_Static_assert(COUNT_OF(rows) == ERR_COUNT, "each error has a row");
_Static_assert(COUNT_OF(names) == ERR_COUNT, "each error has a name");

/* A number that is no error, from a bug or another version, reads as a fault of ours. */
static enum err err_known(enum err e)
{
	return (unsigned)e < ERR_COUNT ? e : ERR_INTERNAL;
}

const char *err_text(enum err e, enum lang lang)
{
	return rows[err_known(e)].text[lang == LANG_AR ? LANG_AR : LANG_EN];
}

const char *err_name(enum err e)
{
	return names[err_known(e)] != NULL ? names[err_known(e)] : "internal";
}

enum blame err_blame(enum err e)
{
	return rows[err_known(e)].blame;
}

/* The length of the code point at the front of `v`, and whether it may be shown; 1 and false for a byte that is not UTF-8. */
static size_t code_point_show(struct bytes v, bool *printable)
{
	utf8proc_int32_t point = 0;
	utf8proc_ssize_t n = utf8proc_iterate(v.at, (utf8proc_ssize_t)v.n, &point);
	if (n < 1) {
		*printable = false;
		return 1;
	}
	enum err e = text_check(bytes_of(v.at, (size_t)n), TEXT_LINE);
	*printable = e == ERR_OK || e == ERR_NOT_NFC;
	return (size_t)n;
}

/* Copies whole code points while they fit; what cannot be shown becomes '?'. */
static void fault_copy(char *out, size_t size, const char *text)
{
	struct bytes left = bytes_text(text != NULL ? text : "");
	size_t	     n = 0;
	while (left.n > 0) {
		bool   printable = false;
		size_t taken = code_point_show(left, &printable);
		size_t written = printable ? taken : 1;
		if (written >= size - n)
			break;
		if (printable)
			memcpy(out + n, left.at, taken);
		else
			out[n] = '?';
		n += written;
		left = bytes_of(left.at + taken, left.n - taken);
	}
	out[n] = '\0';
}

enum err fault_at(struct fault *fault, enum err e, unsigned line, const char *at, const char *found, const char *help, const char *help_ar)
{
	if (fault == NULL)
		return e;
	/* Filled aside first, so that a reader may pass the fault's own texts back in. */
	struct fault f = {.err = e, .line = line};
	fault_copy(f.at, sizeof f.at, at);
	fault_copy(f.found, sizeof f.found, found);
	fault_copy(f.help, sizeof f.help, help);
	fault_copy(f.help_ar, sizeof f.help_ar, help_ar);
	*fault = f;
	return e;
}

/* Ends `out` at n bytes, or earlier when that would split a code point. */
static void cut_whole(char *out, size_t n)
{
	while (n > 0 && ((unsigned char)out[n] & 0xC0) == 0x80)
		n--;
	out[n] = '\0';
}

void fault_print(const struct fault *fault, const char *file, enum lang lang, char *out, size_t size)
{
	bool	    arabic = lang == LANG_AR;
	const char *help = arabic && fault->help_ar[0] != '\0' ? fault->help_ar : fault->help;
	const char *found_word = fault->found[0] == '\0' ? "" : (arabic ? ": وُجد " : ": found ");
	const char *help_mark = help[0] == '\0' ? "" : (arabic ? "؛ " : "; ");
	const char *at_mark = fault->at[0] == '\0' ? "" : ": ";
	char	    line[16] = "";
	char	    whole[1280];
	if (size == 0)
		return;
	if (fault->line > 0)
		(void)snprintf(line, sizeof line, ":%u", fault->line);
	int    n = snprintf(whole, sizeof whole, "%.400s%s%s%s: %s%s%s%s%s", file != NULL ? file : "", line, at_mark, fault->at,
			    err_text(fault->err, lang), found_word, fault->found, help_mark, help);
	size_t length = n < 0 ? 0 : strnlen(whole, sizeof whole - 1);
	size_t kept = length < size ? length : size - 1;
	memcpy(out, whole, kept);
	out[kept] = whole[kept];
	cut_whole(out, kept);
}
