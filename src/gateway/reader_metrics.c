/* reader_metrics.c: numbers about files, taken by the one process that may wait for the disk while people wait for it. */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "evidence/alarm.h"
#include "gateway/metrics.h"
#include "proc/files.h"

#define CODES_MOST 16 /* that alarms may have; a partner may name others */

static void add(struct buffer *out, const struct metric *m)
{
	uint8_t	       memory[METRIC_WRITTEN_MOST];
	struct builder b = builder_on(memory, sizeof memory);

	metric_write(&b, m);
	if (b.err == ERR_OK)
		(void)!buffer_add(out, builder_bytes(&b));
}

static void disk_add(const struct config *config, struct buffer *out)
{
	struct metric  m = {.kind = METRIC_DISK};
	struct statvfs disk;
	int	       fd = open(config->data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0 && fstatvfs(fd, &disk) == 0) {
		m.n = (uint64_t)disk.f_bavail * disk.f_frsize;
		add(out, &m);
	}
	if (fd >= 0)
		close(fd);
}

/* A marker that does not read is no backup. */
static void backup_add(const struct config *config, struct buffer *out)
{
	char	      path[CONFIG_PATH_MOST];
	struct buffer text = {.most = 64};
	struct metric m = {.kind = METRIC_BACKUP};
	uint64_t      made_ms;

	if (config_data_path(config, CONFIG_BACKUP_MADE, path) == ERR_OK && file_read(path, &text) == ERR_OK && text.n > 0 &&
	    time_read(bytes_of(text.at, text.n - 1), &made_ms) == ERR_OK)
		m.n = made_ms;
	buffer_done(&text);
	add(out, &m);
}

/* ---- alarms, by the names of their files ---- */

struct codes {
	struct metric at[CODES_MOST];
	unsigned      n;
};

static struct metric *code_of(struct codes *codes, const char *name, size_t n, bool by_us)
{
	for (unsigned i = 0; i < codes->n; i++)
		if (codes->at[i].is == by_us && strlen(codes->at[i].name) == n && strncmp(codes->at[i].name, name, n) == 0)
			return &codes->at[i];
	if (codes->n == CODES_MOST || n == 0 || n >= ALARM_CODE_MOST)
		return NULL;
	struct metric *m = &codes->at[codes->n++];
	*m = (struct metric){.kind = METRIC_ALARM, .is = by_us};
	memcpy(m->name, name, n);
	return m;
}

/* The codes that we raise are told even when there is none of them: who watches sees 0, and not nothing. */
static void codes_start(struct codes *codes)
{
	char word[ALARM_CODE_MOST];

	codes->n = 0;
	for (unsigned code = ALARM_FORK; code <= ALARM_TALLY; code++) {
		alarm_code_word((uint16_t)code, word);
		(void)code_of(codes, word, strlen(word), true);
	}
}

/* "<time>_<party>_<channel>_<code>.alarm", and ".said" behind it for what a partner said; released ones end otherwise. */
static void alarm_count(struct codes *codes, const char *name)
{
	const char *code = strrchr(name, '_');
	const char *end = code != NULL ? strstr(code, ".alarm") : NULL;

	if (end == NULL || (end[6] != '\0' && strcmp(end + 6, ".said") != 0))
		return;
	struct metric *m = code_of(codes, code + 1, (size_t)(end - code - 1), end[6] == '\0');
	if (m != NULL)
		m->n++;
}

static void alarms_add(const struct config *config, struct buffer *out)
{
	char	       path[CONFIG_PATH_MOST];
	struct codes   codes;
	struct dirent *entry;
	DIR	      *folder = config_data_path(config, "alarms", path) == ERR_OK ? opendir(path) : NULL;

	codes_start(&codes);
	while (folder != NULL && (entry = readdir(folder)) != NULL)
		alarm_count(&codes, entry->d_name);
	if (folder != NULL)
		closedir(folder);
	for (unsigned i = 0; i < codes.n; i++)
		add(out, &codes.at[i]);
}

void reader_metrics_add(const struct config *config, struct buffer *out)
{
	disk_add(config, out);
	backup_add(config, out);
	alarms_add(config, out);
}
