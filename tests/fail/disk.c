/* disk.c: SQLite's file system interface over memory. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attrs.h"
#include "disk.h"

#define REGIONS_MOST 16

/* The WAL's index, as processes share it through mapped memory. Here the processes are connections. */
struct shared_memory {
	unsigned users;
	uint8_t *region[REGIONS_MOST];
	unsigned readers[SQLITE_SHM_NLOCK];
	bool	 writer[SQLITE_SHM_NLOCK];
};

struct disk_handle {
	sqlite3_file	    base;
	struct disk_file   *file; /* NULL: a temporary file, which has no name */
	struct disk_file    temporary;
	bool		    sync_folder; /* with the first sync, as SQLite's own file system does */
	int		    lock;
	bool		    mapped;
	uint16_t	    shared, exclusive; /* of the shared memory's locks, a bit each */
	struct disk_handle *next;
};

static struct disk *in_use;

/* SQLite takes and gives memory all the time: short stacks and a small quarantine make that several times as fast. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "malloc_context_size=6:quarantine_size_mb=4";
}

static struct disk_handle *handle_of(sqlite3_file *f)
{
	return (struct disk_handle *)(void *)f;
}

volatile bool disk_allocates;

/* As realloc; new memory is zero only where a caller says so. */
static void *memory(void *old, size_t n)
{
	disk_allocates = true;
	void *p = realloc(old, n);
	disk_allocates = false;
	if (p == NULL)
		abort();
	return p;
}

static void *memory_zero(size_t n)
{
	return memset(memory(NULL, n), 0, n);
}

/* ---- memory ---- */

void disk_file_truncate(struct disk_file *f, uint64_t n)
{
	if (n > f->room) {
		f->room = n + n / 2 + 4096;
		f->at = memory(f->at, f->room);
	}
	if (n > f->n)
		memset(f->at + f->n, 0, n - f->n);
	f->n = n;
}

void disk_file_write(struct disk_file *f, uint64_t at, const void *bytes, size_t n)
{
	if (at + n > f->n)
		disk_file_truncate(f, at + n);
	memcpy(f->at + at, bytes, n);
}

static struct disk_record *record_new(struct disk *d, enum disk_op op, const struct disk_file *f)
{
	static struct disk_record nothing;

	if (!d->recording)
		return &nothing;
	if (d->nrecords == d->room) {
		d->room = d->room ? 2 * d->room : 256;
		d->record = memory(d->record, d->room * sizeof *d->record);
	}
	d->record[d->nrecords] = (struct disk_record){.op = op, .file = f == NULL ? 0 : (unsigned)(f - d->file)};
	return &d->record[d->nrecords++];
}

void disk_mark(struct disk *d, uint64_t value)
{
	record_new(d, OP_MARK, NULL)->at = value;
}

static struct disk_file *file_find(struct disk *d, const char *name)
{
	for (unsigned i = d->nfiles; i > 0; i--)
		if (d->file[i - 1].there && strcmp(d->file[i - 1].name, name) == 0)
			return &d->file[i - 1];
	return NULL;
}

struct disk_file *disk_file(struct disk *d, const char *name)
{
	struct disk_file *f = file_find(d, name);

	if (f != NULL)
		return f;
	if (d->nfiles == DISK_FILES_MOST)
		abort();
	f = &d->file[d->nfiles++];
	f->n = 0;
	snprintf(f->name, sizeof f->name, "%s", name);
	f->there = true;
	record_new(d, OP_CREATE, f);
	return f;
}

void disk_end(struct disk *d)
{
	for (size_t i = 0; i < d->nrecords; i++)
		free(d->record[i].bytes);
	free(d->record);
	for (unsigned i = 0; i < DISK_FILES_MOST; i++)
		free(d->file[i].at);
	*d = (struct disk){.nfiles = 0};
}

uint64_t disk_changes(const struct disk *d)
{
	return d->calls[CALL_WRITE] + d->calls[CALL_TRUNCATE] + d->calls[CALL_REMOVE];
}

/* ---- failing ---- */

/* Counts a call. SQLITE_OK, or the code with which this one fails. */
static int call_counted(enum disk_call call)
{
	const struct disk_failure *f = &in_use->failure;
	uint64_t		   n = ++in_use->calls[call];

	if (f->nth == 0 || f->call != call || n < f->nth || (n > f->nth && !f->for_good))
		return SQLITE_OK;
	in_use->failed = true;
	return f->code;
}

/* What the kernel does when a sync fails: the pages count as clean, and nobody writes them again. */
static void give_up(struct disk *d, unsigned file)
{
	for (size_t i = d->nrecords; i > 0 && !(d->record[i - 1].op == OP_SYNC && d->record[i - 1].file == file); i--)
		if (d->record[i - 1].file == file && (d->record[i - 1].op == OP_WRITE || d->record[i - 1].op == OP_TRUNCATE))
			d->record[i - 1].lost = true;
}

/* ---- a file ---- */

static int file_read(sqlite3_file *base, void *to, int n, sqlite3_int64 at)
{
	struct disk_handle *h = handle_of(base);
	int		    code = call_counted(CALL_READ);
	size_t		    from = (size_t)at, want = (size_t)n;
	size_t		    got = from >= h->file->n ? 0 : h->file->n - from < want ? h->file->n - from : want;

	if (code != SQLITE_OK && !in_use->failure.half)
		return code;
	if (code != SQLITE_OK)
		got /= 2;
	if (got > 0)
		memcpy(to, h->file->at + from, got);
	memset((char *)to + got, 0, want - got);
	return code != SQLITE_OK ? code : got < want ? SQLITE_IOERR_SHORT_READ : SQLITE_OK;
}

static int file_write(sqlite3_file *base, const void *from, int n, sqlite3_int64 at)
{
	struct disk_handle *h = handle_of(base);
	int		    code = call_counted(CALL_WRITE);
	size_t		    size = (size_t)n;

	if (code != SQLITE_OK && !in_use->failure.half)
		return code;
	if (code != SQLITE_OK)
		size /= 2;
	disk_file_write(h->file, (uint64_t)at, from, size);
	if (h->file == &h->temporary || !in_use->recording)
		return code;
	struct disk_record *r = record_new(in_use, OP_WRITE, h->file);
	r->at = (uint64_t)at;
	r->n = size;
	r->bytes = memory(NULL, size + 1);
	memcpy(r->bytes, from, size);
	return code;
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 n)
{
	struct disk_handle *h = handle_of(base);
	int		    code = call_counted(CALL_TRUNCATE);

	if (code != SQLITE_OK)
		return code;
	disk_file_truncate(h->file, (uint64_t)n);
	if (h->file != &h->temporary)
		record_new(in_use, OP_TRUNCATE, h->file)->at = (uint64_t)n;
	return SQLITE_OK;
}

static int file_sync(sqlite3_file *base, int flags unused_arg)
{
	struct disk_handle *h = handle_of(base);
	int		    code = call_counted(CALL_SYNC);

	if (h->file == &h->temporary)
		return code;
	if (code != SQLITE_OK) {
		give_up(in_use, (unsigned)(h->file - in_use->file));
		return code;
	}
	if (in_use->sync_lies)
		return SQLITE_OK;
	record_new(in_use, OP_SYNC, h->file);
	if (h->sync_folder)
		record_new(in_use, OP_SYNC_FOLDER, NULL);
	h->sync_folder = false;
	return SQLITE_OK;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *n)
{
	int code = call_counted(CALL_SIZE);

	if (code == SQLITE_OK)
		*n = (sqlite3_int64)handle_of(base)->file->n;
	return code;
}

static int file_sector(sqlite3_file *base unused_arg)
{
	return DISK_SECTOR;
}

/* As on the file systems people use: a write that is cut off leaves the bytes around it alone. */
static int file_device(sqlite3_file *base unused_arg)
{
	return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static int file_control(sqlite3_file *base unused_arg, int op, void *arg)
{
	if (op != SQLITE_FCNTL_PERSIST_WAL)
		return SQLITE_NOTFOUND;
	*(int *)arg = 1;
	return SQLITE_OK;
}

/* ---- its locks: many may share, one may reserve, one alone may have it for itself ---- */

static int file_lock(sqlite3_file *base, int level)
{
	struct disk_handle *h = handle_of(base);
	int		    code = call_counted(CALL_LOCK);

	if (code != SQLITE_OK)
		return code;
	for (const struct disk_handle *other = h->file->handles; other != NULL && level > h->lock; other = other->next)
		if (other != h && ((level == SQLITE_LOCK_SHARED && other->lock >= SQLITE_LOCK_PENDING) ||
				   (level == SQLITE_LOCK_RESERVED && other->lock >= SQLITE_LOCK_RESERVED) ||
				   (level == SQLITE_LOCK_EXCLUSIVE && other->lock >= SQLITE_LOCK_SHARED)))
			return SQLITE_BUSY;
	if (level > h->lock)
		h->lock = level;
	return SQLITE_OK;
}

static int file_unlock(sqlite3_file *base, int level)
{
	struct disk_handle *h = handle_of(base);

	if (level < h->lock)
		h->lock = level;
	return SQLITE_OK;
}

static int file_reserved(sqlite3_file *base, int *out)
{
	*out = 0;
	for (const struct disk_handle *h = handle_of(base)->file->handles; h != NULL; h = h->next)
		*out |= h->lock >= SQLITE_LOCK_RESERVED;
	return SQLITE_OK;
}

/* ---- shared memory ---- */

static int shared_map(sqlite3_file *base, int region, int size, int extend, void volatile **out)
{
	struct disk_handle *h = handle_of(base);
	int		    code = call_counted(CALL_SHARED_MEMORY);

	*out = NULL;
	if (code != SQLITE_OK || region >= REGIONS_MOST)
		return code == SQLITE_OK ? SQLITE_IOERR_SHMMAP : code;
	if (h->file->shared == NULL)
		h->file->shared = memory_zero(sizeof *h->file->shared);
	h->file->shared->users += !h->mapped;
	h->mapped = true;
	if (h->file->shared->region[region] == NULL && extend)
		h->file->shared->region[region] = memory_zero((size_t)size);
	*out = h->file->shared->region[region];
	return SQLITE_OK;
}

static void shared_unlock(struct disk_handle *h, uint16_t mask)
{
	for (unsigned i = 0; i < SQLITE_SHM_NLOCK; i++) {
		if (mask & h->shared & 1u << i)
			h->file->shared->readers[i]--;
		if (mask & h->exclusive & 1u << i)
			h->file->shared->writer[i] = false;
	}
	h->shared &= (uint16_t)~mask;
	h->exclusive &= (uint16_t)~mask;
}

static bool shared_free(const struct disk_handle *h, uint16_t mask, bool exclusive)
{
	const struct shared_memory *m = h->file->shared;

	for (unsigned i = 0; i < SQLITE_SHM_NLOCK; i++) {
		bool ours = (h->shared | h->exclusive) & 1u << i;

		if ((mask & 1u << i) && !ours && (m->writer[i] || (exclusive && m->readers[i] > 0)))
			return false;
	}
	return true;
}

static int shared_lock(sqlite3_file *base, int offset, int n, int flags)
{
	struct disk_handle *h = handle_of(base);
	uint16_t	    mask = (uint16_t)(((1u << n) - 1) << offset);
	bool		    exclusive = flags & SQLITE_SHM_EXCLUSIVE;

	if (flags & SQLITE_SHM_UNLOCK) {
		shared_unlock(h, mask);
		return SQLITE_OK;
	}
	if (!shared_free(h, mask, exclusive))
		return SQLITE_BUSY;
	for (unsigned i = 0; i < SQLITE_SHM_NLOCK; i++) {
		if (!(mask & 1u << i) || ((h->shared | h->exclusive) & 1u << i))
			continue;
		if (exclusive)
			h->file->shared->writer[i] = true;
		else
			h->file->shared->readers[i]++;
		*(exclusive ? &h->exclusive : &h->shared) |= (uint16_t)(1u << i);
	}
	return SQLITE_OK;
}

static void shared_barrier(sqlite3_file *base unused_arg)
{
}

static int shared_unmap(sqlite3_file *base, int remove unused_arg)
{
	struct disk_handle   *h = handle_of(base);
	struct shared_memory *m = h->file->shared;

	if (!h->mapped)
		return SQLITE_OK;
	shared_unlock(h, UINT16_MAX);
	h->mapped = false;
	if (--m->users > 0)
		return SQLITE_OK;
	for (unsigned i = 0; i < REGIONS_MOST; i++)
		free(m->region[i]);
	free(m);
	h->file->shared = NULL;
	return SQLITE_OK;
}

/* ---- the folder ---- */

static int file_close(sqlite3_file *base)
{
	struct disk_handle  *h = handle_of(base);
	struct disk_handle **at = &h->file->handles;

	shared_unmap(base, 0);
	while (*at != h)
		at = &(*at)->next;
	*at = h->next;
	free(h->temporary.at);
	return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = file_lock,
	.xUnlock = file_unlock,
	.xCheckReservedLock = file_reserved,
	.xFileControl = file_control,
	.xSectorSize = file_sector,
	.xDeviceCharacteristics = file_device,
	.xShmMap = shared_map,
	.xShmLock = shared_lock,
	.xShmBarrier = shared_barrier,
	.xShmUnmap = shared_unmap,
};

static int disk_open(sqlite3_vfs *vfs unused_arg, const char *name, sqlite3_file *base, int flags, int *out_flags)
{
	struct disk_handle *h = handle_of(base);
	int		    code = call_counted(CALL_OPEN);

	*h = (struct disk_handle){.file = NULL};
	if (code != SQLITE_OK)
		return code;
	bool is_new = name != NULL && file_find(in_use, name) == NULL;
	if (is_new && !(flags & SQLITE_OPEN_CREATE))
		return SQLITE_CANTOPEN;
	h->file = name == NULL ? &h->temporary : disk_file(in_use, name);
	h->sync_folder = (flags & SQLITE_OPEN_CREATE) && (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL));
	h->next = h->file->handles;
	h->file->handles = h;
	h->base.pMethods = &methods;
	if (out_flags != NULL)
		*out_flags = flags;
	return SQLITE_OK;
}

static int disk_remove(sqlite3_vfs *vfs unused_arg, const char *name, int sync_folder)
{
	struct disk_file *f = file_find(in_use, name);
	int		  code = call_counted(CALL_REMOVE);

	if (code != SQLITE_OK)
		return code;
	if (f == NULL)
		return SQLITE_IOERR_DELETE_NOENT;
	f->there = false;
	record_new(in_use, OP_REMOVE, f);
	if (sync_folder && !in_use->sync_lies)
		record_new(in_use, OP_SYNC_FOLDER, NULL);
	return SQLITE_OK;
}

static int disk_access(sqlite3_vfs *vfs unused_arg, const char *name, int flags, int *out)
{
	const struct disk_file *f = file_find(in_use, name);

	*out = f != NULL && (flags != SQLITE_ACCESS_EXISTS || f->n > 0);
	return SQLITE_OK;
}

static int disk_path(sqlite3_vfs *vfs unused_arg, const char *name, int room, char *out)
{
	return snprintf(out, (size_t)room, "%s", name) < room ? SQLITE_OK : SQLITE_CANTOPEN;
}

/* SQLite draws what it needs here; two runs of one history must write the same bytes. */
static int disk_random(sqlite3_vfs *vfs unused_arg, int n, char *out)
{
	for (int i = 0; i < n; i++) {
		in_use->random = in_use->random * 6364136223846793005u + 1442695040888963407u;
		out[i] = (char)(in_use->random >> 56);
	}
	return n;
}

static int disk_sleep(sqlite3_vfs *vfs unused_arg, int us)
{
	return us;
}

static int disk_time(sqlite3_vfs *vfs unused_arg, sqlite3_int64 *ms)
{
	*ms = INT64_C(212668000000000);
	return SQLITE_OK;
}

static int disk_last_error(sqlite3_vfs *vfs unused_arg, int n unused_arg, char *out unused_arg)
{
	return 0;
}

static sqlite3_vfs vfs = {
	.iVersion = 2,
	.szOsFile = (int)sizeof(struct disk_handle),
	.mxPathname = DISK_NAME_MOST - 1,
	.zName = "mithaq-test-disk",
	.xOpen = disk_open,
	.xDelete = disk_remove,
	.xAccess = disk_access,
	.xFullPathname = disk_path,
	.xRandomness = disk_random,
	.xSleep = disk_sleep,
	.xGetLastError = disk_last_error,
	.xCurrentTimeInt64 = disk_time,
};

void disk_use(struct disk *d)
{
	int rc = d == NULL ? sqlite3_vfs_unregister(&vfs) : sqlite3_vfs_register(&vfs, 1);

	if (rc != SQLITE_OK)
		abort();
	in_use = d;
}
