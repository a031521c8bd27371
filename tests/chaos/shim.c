/*
 * shim.c: a disk and a clock that can be broken while a gateway runs, loaded with
 * LD_PRELOAD. The gateway itself is the one that is shipped, confinement and all.
 *
 * Everything is mapped before the first line of main and shared with every child by
 * fork, so that no process needs a system call outside its promise to be broken.
 *
 *   control   what is broken now; the harness writes it (tests/chaos/shim.py has the same layout)
 *   undo      per file of the ledger: what stood there before each write since the last
 *             sync, so that the harness can take unsynced writes back as a power cut does
 *   lookups   the first bytes of what each lookup of a provider was bound to
 */
#undef _FILE_OFFSET_BITS /* meson sets it, and then both names of a call become one */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define CONTROL_SIZE  4096
#define UNDO_SIZE     (16u << 20) /* of one file */
#define LOOKUPS_MOST  (1u << 20)
#define LOOKUP_SIZE   16
#define NAME_MOST_FD  512
#define SUFFIX_LEDGER "/ledger.db"
#define SUFFIX_WAL    "/ledger.db-wal"

enum disk {
	DISK_WELL,
	DISK_FULL,	 /* every write and every growing fails with ENOSPC, until told otherwise */
	DISK_WRITE_FAIL, /* the Nth write fails once with EIO */
	DISK_SYNC_FAIL,	 /* the Nth sync fails once with EIO */
	DISK_SHORT,	 /* the Nth write stores its first half and says so */
	DISK_TORN,	 /* the Nth write stores its first half and the process dies */
	DISK_DIE_WRITE,	 /* the process dies before its Nth write */
	DISK_DIE_SYNC,	 /* the process dies before its Nth sync */
	DISK_DIE_SYNCED, /* the process dies after its Nth sync */
};

enum { FILE_LEDGER, FILE_WAL, FILE_COUNT };

struct control {
	_Atomic int64_t	 clock_ms; /* added to the wall clock */
	_Atomic uint32_t disk, countdown, hits, undo_on;
	_Atomic uint32_t writes, syncs; /* seen so far, of the ledger and its WAL */
	_Atomic uint32_t lookups;
	_Atomic uint32_t undo_overflow[FILE_COUNT];
	_Atomic uint64_t undo_used[FILE_COUNT], durable_size[FILE_COUNT];
	_Atomic uint32_t syncs_lie; /* a sync stores nothing: power cuts must then be found out by the checks */
};

struct undo_head {
	uint64_t offset;
	uint32_t length, old_length; /* what was written; how much of it stood there before */
};

static struct control *control;
static uint8_t	      *undo[FILE_COUNT], *lookups;

static ssize_t (*real_pwrite)(int, const void *, size_t, off64_t);
static int (*real_fsync)(int), (*real_fdatasync)(int), (*real_ftruncate)(int, off64_t);
static int (*real_clock)(clockid_t, struct timespec *);
static int (*real_bind)(void *, int, const char *, uint64_t, void (*)(void *), unsigned char);

/* ---- setting up ---- */

static void *file_map(const char *folder, const char *name, size_t size)
{
	char path[NAME_MOST_FD];

	if (strlen(folder) + strlen(name) + 2 > sizeof path)
		abort();
	strcpy(path, folder);
	strcat(path, "/");
	strcat(path, name);
	int   fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	void *at = fd >= 0 && ftruncate(fd, (off_t)size) == 0 ? mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
	if (fd >= 0)
		close(fd);
	return at;
}

static void *next_of(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

#define NEXT(into, name) *(void **)&(into) = next_of(name)

__attribute__((constructor)) static void shim_open(void)
{
	const char *folder = getenv("MITHAQ_CHAOS_FOLDER");

	NEXT(real_pwrite, "pwrite64");
	NEXT(real_fsync, "fsync");
	NEXT(real_fdatasync, "fdatasync");
	NEXT(real_ftruncate, "ftruncate64");
	NEXT(real_clock, "clock_gettime");
	NEXT(real_bind, "sqlite3_bind_text64");
	if (folder == NULL)
		return;
	void *at = file_map(folder, "control", CONTROL_SIZE);
	undo[FILE_LEDGER] = file_map(folder, "undo-ledger", UNDO_SIZE);
	undo[FILE_WAL] = file_map(folder, "undo-wal", UNDO_SIZE);
	lookups = file_map(folder, "lookups", (size_t)LOOKUPS_MOST * LOOKUP_SIZE);
	if (at == MAP_FAILED || undo[FILE_LEDGER] == MAP_FAILED || undo[FILE_WAL] == MAP_FAILED || lookups == MAP_FAILED)
		abort();
	control = at;
}

/* ---- which file ---- */

static bool ends_with(const char *text, size_t n, const char *end)
{
	size_t m = strlen(end);

	return n >= m && memcmp(text + n - m, end, m) == 0;
}

/* FILE_COUNT: none of ours. Only processes that may write files come here, and those may read links. */
static unsigned file_of(int fd)
{
	char   link[32] = "/proc/self/fd/", name[NAME_MOST_FD];
	size_t at = strlen(link);
	char   digits[12];
	int    n = 0, rest = fd;

	do
		digits[n++] = (char)('0' + rest % 10);
	while ((rest /= 10) > 0);
	while (n > 0)
		link[at++] = digits[--n];
	link[at] = '\0';
	ssize_t length = readlink(link, name, sizeof name);
	if (length <= 0)
		return FILE_COUNT;
	if (ends_with(name, (size_t)length, SUFFIX_WAL))
		return FILE_WAL;
	return ends_with(name, (size_t)length, SUFFIX_LEDGER) ? FILE_LEDGER : FILE_COUNT;
}

static unsigned watched(int fd)
{
	int kept = errno;

	if (control == NULL || (control->disk == DISK_WELL && !control->undo_on))
		return FILE_COUNT;
	unsigned file = file_of(fd);
	errno = kept;
	return file;
}

/* ---- what fails ---- */

/* True once, at the Nth call of this kind. */
static bool due(enum disk a, enum disk b)
{
	uint32_t disk = control->disk;

	if (disk != a && disk != b)
		return false;
	if (atomic_fetch_sub(&control->countdown, 1) != 1)
		return false;
	control->disk = DISK_WELL;
	control->hits++;
	return true;
}

static void die(void)
{
	raise(SIGKILL);
}

static int fails_with(int error)
{
	errno = error;
	return -1;
}

/* ---- what an unsynced write replaced ---- */

static void undo_keep(unsigned file, int fd, const uint8_t *data, size_t n, off64_t at)
{
	uint64_t	 used = control->undo_used[file];
	struct undo_head head = {.offset = (uint64_t)at, .length = (uint32_t)n};

	if (!control->undo_on)
		return;
	if (used + sizeof head + 2 * n > UNDO_SIZE) {
		control->undo_overflow[file] = 1;
		return;
	}
	uint8_t *to = undo[file] + used;
	ssize_t	 old = pread(fd, to + sizeof head, n, at);
	head.old_length = old > 0 ? (uint32_t)old : 0;
	memcpy(to, &head, sizeof head);
	memcpy(to + sizeof head + n, data, n);
	control->undo_used[file] = used + sizeof head + 2 * n;
}

static void undo_forget(unsigned file, int fd)
{
	struct stat about;

	if (!control->undo_on)
		return;
	if (fstat(fd, &about) == 0)
		control->durable_size[file] = (uint64_t)about.st_size;
	control->undo_used[file] = 0;
	control->undo_overflow[file] = 0;
}

/* ---- writes ---- */

static ssize_t write_broken(int fd, const void *data, size_t n, off64_t at, unsigned file)
{
	if (due(DISK_WRITE_FAIL, DISK_WRITE_FAIL))
		return fails_with(EIO);
	if (due(DISK_DIE_WRITE, DISK_DIE_WRITE))
		die();
	if (due(DISK_SHORT, DISK_SHORT))
		n /= 2;
	if (due(DISK_TORN, DISK_TORN)) {
		undo_keep(file, fd, data, n / 2, at);
		(void)!real_pwrite(fd, data, n / 2, at);
		die();
	}
	undo_keep(file, fd, data, n, at);
	return real_pwrite(fd, data, n, at);
}

ssize_t pwrite64(int fd, const void *data, size_t n, off64_t at)
{
	unsigned file = watched(fd);

	if (file == FILE_COUNT)
		return real_pwrite(fd, data, n, at);
	control->writes++;
	if (control->disk == DISK_FULL) {
		control->hits++;
		return fails_with(ENOSPC);
	}
	return write_broken(fd, data, n, at, file);
}

ssize_t pwrite(int fd, const void *data, size_t n, off_t at)
{
	return pwrite64(fd, data, n, at);
}

int ftruncate64(int fd, off64_t size)
{
	unsigned file = watched(fd);
	int	 rc = real_ftruncate(fd, size);

	/* A shorter file is taken as durable at once: the kinder of two guesses, and the ledger is rarely cut. */
	if (rc == 0 && file != FILE_COUNT)
		undo_forget(file, fd);
	return rc;
}

int ftruncate(int fd, off_t size)
{
	return ftruncate64(fd, size);
}

/* ---- syncs ---- */

static int sync_broken(int fd, int (*real)(int))
{
	unsigned file = watched(fd);

	if (file == FILE_COUNT)
		return real(fd);
	control->syncs++;
	if (due(DISK_SYNC_FAIL, DISK_SYNC_FAIL))
		return fails_with(EIO);
	if (due(DISK_DIE_SYNC, DISK_DIE_SYNC))
		die();
	int rc = real(fd);
	if (rc == 0 && !control->syncs_lie)
		undo_forget(file, fd);
	if (due(DISK_DIE_SYNCED, DISK_DIE_SYNCED))
		die();
	return rc;
}

int fsync(int fd)
{
	return sync_broken(fd, real_fsync);
}

int fdatasync(int fd)
{
	return sync_broken(fd, real_fdatasync);
}

/* ---- the clock ---- */

int clock_gettime(clockid_t clock, struct timespec *out)
{
	int	rc = real_clock(clock, out);
	int64_t ms = control != NULL ? control->clock_ms : 0;

	if (rc == 0 && ms != 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		out->tv_sec += (time_t)(ms / 1000);
	return rc;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
	struct timespec now;

	(void)zone;
	if (clock_gettime(CLOCK_REALTIME, &now) != 0)
		return -1;
	out->tv_sec = now.tv_sec;
	out->tv_usec = (suseconds_t)(now.tv_nsec / 1000);
	return 0;
}

time_t time(time_t *out)
{
	struct timespec now = {0};

	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (out != NULL)
		*out = now.tv_sec;
	return now.tv_sec;
}

/* ---- lookups: providers alone bind text with a length of 64 bits ---- */

int sqlite3_bind_text64(void *statement, int which, const char *text, uint64_t n, void (*done)(void *), unsigned char encoding);
int sqlite3_bind_text64(void *statement, int which, const char *text, uint64_t n, void (*done)(void *), unsigned char encoding)
{
	uint32_t at = control != NULL ? atomic_fetch_add(&control->lookups, 1) : LOOKUPS_MOST;

	if (at < LOOKUPS_MOST && text != NULL)
		memcpy(lookups + (size_t)at * LOOKUP_SIZE, text, n < LOOKUP_SIZE ? (size_t)n : LOOKUP_SIZE);
	return real_bind(statement, which, text, n, done, encoding);
}
