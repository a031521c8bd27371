/*
 * disk.h: a disk in memory under the real SQLite, which remembers every write and fails on demand.
 *
 * Registered as SQLite's default file system, it serves whatever opens a database next.
 * A process sees each of its writes at once; what a power cut leaves is another
 * matter: what was synced, and of the rest whatever happened to get there. So a disk records what
 * is done to it, and crash.h makes from that record every disk that a cut could leave.
 *
 * Files that are created or removed are so for certain only after their folder was synced, which
 * SQLite asks for with a removal and does with the first sync of a journal or WAL it may create.
 *
 * One disk is in use at a time (disk_use). It owns its memory until disk_end.
 */
#ifndef MITHAQ_TESTS_FAIL_DISK_H
#define MITHAQ_TESTS_FAIL_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DISK_FILES_MOST 32 /* every file that was ever created, each time anew */
#define DISK_NAME_MOST	48
#define DISK_SECTOR	512

/* Calls that may be made to fail; each is counted by itself. */
enum disk_call { CALL_OPEN, CALL_READ, CALL_WRITE, CALL_SYNC, CALL_TRUNCATE, CALL_SIZE, CALL_REMOVE, CALL_LOCK, CALL_SHARED_MEMORY, CALL_COUNT };

enum disk_op { OP_CREATE, OP_REMOVE, OP_WRITE, OP_TRUNCATE, OP_SYNC, OP_SYNC_FOLDER, OP_MARK };

struct disk_record {
	enum disk_op op;
	unsigned     file;
	bool	     lost;  /* a sync that failed gave it up: it will never reach the disk */
	uint64_t     at;    /* offset; new length; value of a mark */
	size_t	     n;	    /* bytes written */
	uint8_t	    *bytes; /* owned */
};

struct shared_memory;

struct disk_file {
	char		      name[DISK_NAME_MOST];
	bool		      there;
	uint8_t		     *at;
	size_t		      n, room;
	struct shared_memory *shared; /* of a database in WAL mode, while somebody has it open */
	struct disk_handle   *handles;
};

/* How a call goes wrong. The Nth of its kind fails; with `for_good` all that follow fail too. */
struct disk_failure {
	enum disk_call call;
	uint64_t       nth; /* from 1; 0: none */
	int	       code;
	bool	       for_good;
	bool	       half; /* a write gets half way, a read is short */
};

struct disk {
	struct disk_file    file[DISK_FILES_MOST];
	unsigned	    nfiles;
	struct disk_record *record;
	size_t		    nrecords, room;
	bool		    recording;
	bool		    sync_lies; /* says OK, and leaves everything as uncertain as it was */
	struct disk_failure failure;
	bool		    failed; /* it did fail once */
	uint64_t	    calls[CALL_COUNT];
	uint64_t	    random;
};

/* All databases opened from now on stand on this disk; NULL: on the machine's own again. */
void disk_use(struct disk *d);
void disk_end(struct disk *d);

/* A place in the record, such as "the third commit was reported". */
void disk_mark(struct disk *d, uint64_t value);

/* The file of this name that is there, or a new one. Never fails. */
struct disk_file *disk_file(struct disk *d, const char *name);
/* Writes to a file's memory, growing it with zeros. */
void disk_file_write(struct disk_file *f, uint64_t at, const void *bytes, size_t n);
void disk_file_truncate(struct disk_file *f, uint64_t n);

/* The disk itself is taking memory: who makes memory fail must not count this. */
extern volatile bool disk_allocates; /* compilers believe that realloc looks at nothing */

/* How often the disk was changed: writes, truncations, removals. */
uint64_t disk_changes(const struct disk *d);

#endif
