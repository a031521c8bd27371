/*
 * folder.h: a folder of a harness's own, for readers that want the name of a file. It
 * stands in memory where the machine has such a place, and goes when the harness ends.
 */
#ifndef MITHAQ_FUZZ_FOLDER_H
#define MITHAQ_FUZZ_FOLDER_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"

#define FOLDER_PATH_MOST  256
#define FOLDER_NAMES_MOST 8

static struct {
	char	    path[FOLDER_PATH_MOST];
	const char *name[FOLDER_NAMES_MOST]; /* files that are swept away at the end */
	unsigned    n;
} folder;

static inline void must(bool holds)
{
	if (!holds)
		abort();
}

/* "<folder>/<name>", until the fourth call after this one. */
static inline const char *folder_path(const char *name)
{
	static char	text[4][2 * FOLDER_PATH_MOST];
	static unsigned next;
	char	       *at = text[next++ % 4];

	(void)snprintf(at, sizeof text[0], "%s/%s", folder.path, name);
	return at;
}

static inline void folder_sweep(void)
{
	for (unsigned i = 0; i < folder.n; i++)
		if (unlink(folder_path(folder.name[i])) != 0)
			(void)rmdir(folder_path(folder.name[i]));
	(void)rmdir(folder.path);
}

/* Once per process. `names`: every file and folder that will be made there, what is inside first. */
static inline void folder_open(const char *const *names, unsigned n)
{
	if (folder.n > 0)
		return;
	must(n <= FOLDER_NAMES_MOST);
	(void)snprintf(folder.path, sizeof folder.path, "%s/mithaq-fuzz-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	must(mkdtemp(folder.path) != NULL);
	memcpy(folder.name, names, n * sizeof names[0]);
	folder.n = n;
	must(atexit(folder_sweep) == 0);
}

static inline void folder_put(const char *name, struct bytes content)
{
	int fd = open(folder_path(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	must(fd >= 0 && write(fd, content.at, content.n) == (ssize_t)content.n);
	must(close(fd) == 0);
}

static inline bool folder_has(const char *name, struct bytes content)
{
	static uint8_t found[1u << 20];
	int	       fd = open(folder_path(name), O_RDONLY | O_CLOEXEC);

	must(fd >= 0);
	ssize_t n = read(fd, found, sizeof found);
	must(close(fd) == 0);
	return n >= 0 && bytes_equal(bytes_of(found, (size_t)n), content);
}

#endif
