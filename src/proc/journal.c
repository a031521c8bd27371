/* journal.c: one line per event, in one write(2), so that lines of several processes never mix. */
#include "proc/journal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"

#define LINE_MOST 2048
#define TEXT_MOST 1024
#define NAME_SIZE 160

static const char *const level_names[] = {"error", "warning", "info", "debug"};

/* Whose lines these are; set once per process. */
static struct {
	char	   process[32];
	char	   partner[NAME_SIZE];
	bool	   json, chosen;
	enum level quietest;
} me = {.process = "", .quietest = LEVEL_INFO};

void journal_open(const char *process, const char *partner)
{
	const char *form = getenv("MITHAQ_LOG");

	(void)snprintf(me.process, sizeof me.process, "%s", process ? process : "");
	(void)snprintf(me.partner, sizeof me.partner, "%s", partner ? partner : "");
	me.json = form && strstr(form, "json") ? true : !isatty(STDERR_FILENO);
	me.json = form && strstr(form, "plain") ? false : me.json;
	me.quietest = form && strstr(form, "debug") ? LEVEL_DEBUG : LEVEL_INFO;
	me.chosen = true;
}

/* A JSON string's inside; bytes that are not printable ASCII or UTF-8 text become '?'. */
static void build_json_text(struct builder *b, const char *text)
{
	for (const char *at = text; *at; at++) {
		unsigned char c = (unsigned char)*at;

		if (c == '"' || c == '\\')
			build_u8(b, '\\');
		build_u8(b, c < 0x20 || c == 0x7f ? '?' : c);
	}
}

static void build_json_member(struct builder *b, const char *name, const char *text)
{
	if (!*text)
		return;
	build_format(b, ",\"%s\":\"", name);
	build_json_text(b, text);
	build_text(b, "\"");
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void line_json(struct builder *b, enum level level, const char *code, const struct journal_about *about, const char *text)
{
	char when[25];

	time_write(now_ms(), when);
	build_format(b, "{\"time\":\"%s\",\"level\":\"%s\"", when, level_names[level]);
	build_json_member(b, "process", me.process);
	build_json_member(b, "partner", about->partner != NULL ? about->partner : me.partner);
	build_json_member(b, "clause", about->clause != NULL ? about->clause : "");
	build_json_member(b, "id", about->id != NULL ? about->id : "");
	build_json_member(b, "code", code);
	build_json_member(b, "text", text);
	build_text(b, "}\n");
}

/* "mithaq: ready, ..." or "mithaq link cbp.us.example: warning: ... [pin]" */
static void line_plain(struct builder *b, enum level level, const char *code, const struct journal_about *about, const char *text)
{
	bool parent = !me.process[0] || strcmp(me.process, "parent") == 0;

	build_text(b, "mithaq");
	if (!parent)
		build_format(b, " %s", me.process);
	if (me.partner[0])
		build_format(b, " %s", me.partner);
	build_text(b, level == LEVEL_ERROR ? ": error: " : level == LEVEL_WARNING ? ": warning: " : ": ");
	for (const char *at = text; *at; at++)
		build_u8(b, (unsigned char)*at < 0x20 || *at == 0x7f ? '?' : (uint8_t)*at);
	if (about->id != NULL && *about->id)
		build_format(b, " (%s)", about->id);
	if (*code && level <= LEVEL_WARNING)
		build_format(b, " [%s]", code);
	build_text(b, "\n");
}

static void line_write(const struct builder *b)
{
	size_t done = 0;

	while (done < b->n) {
		ssize_t n = write(STDERR_FILENO, b->at + done, b->n - done);

		if (n <= 0)
			return; /* nobody reads it; the work goes on */
		done += (size_t)n;
	}
}

static prints(4, 0) void line_make(enum level level, const char *code, const struct journal_about *about, const char *format, va_list values)
{
	char	text[TEXT_MOST];
	uint8_t line[2 * TEXT_MOST + LINE_MOST];

	if (!me.chosen)
		journal_open("", NULL);
	if (level > me.quietest)
		return;
	(void)vsnprintf(text, sizeof text, format, values);

	struct builder b = builder_on(line, sizeof line);
	if (me.json)
		line_json(&b, level, code ? code : "", about, text);
	else
		line_plain(&b, level, code ? code : "", about, text);
	line_write(&b);
}

void journal(enum level level, const char *code, const char *format, ...)
{
	static const struct journal_about nothing;
	va_list				  values;

	va_start(values, format);
	line_make(level, code, &nothing, format, values);
	va_end(values);
}

void journal_about(enum level level, const char *code, const struct journal_about *about, const char *format, ...)
{
	va_list values;

	va_start(values, format);
	line_make(level, code, about, format, values);
	va_end(values);
}
