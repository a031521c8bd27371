/*
 * backup.h: a ledger copied while it is written, looked at as a copy, and put in the place of another.
 *
 * Of SQLite's two ways the backup API is taken, in steps inside one read transaction:
 *   - the reader's snapshot stays one and the same over all steps, so the copy is one
 *     committed state, however long it takes. In WAL mode a reader stands in no writer's way; only
 *     the WAL cannot begin anew while the copy is made, so it grows by what is written meanwhile;
 *   - it reads pages as they stand and needs nothing but a read-only connection. VACUUM INTO attaches the
 *     new file, which this store forbids (no other file is ever attached), builds each tree
 *     anew and so would hide what a check of the copy should show;
 *   - without the transaction each commit of another connection would make it begin anew, and
 *     under load it would not end.
 * Erased content is not carried along: secure_delete has zeroed it.
 */
#ifndef MITHAQ_STORE_BACKUP_H
#define MITHAQ_STORE_BACKUP_H

#include "store/archive.h"
#include "store/store.h"

typedef void store_progress_fn(void *arg, uint64_t done, uint64_t all);

/* Copies the snapshot of store_begin (STORE_READ) into `to`, an empty file, and makes it durable. `progress` may be NULL. */
enum err store_copy(struct store *s, const char *to, store_progress_fn *progress, void *arg) must_use;

/* Opens a copy that nobody writes, without making any file beside it; schema as for store_open. */
enum err store_open_copy(const char *path, struct store **out, struct fault *fault) must_use;
/* SQLite's own quick check, and that there is nothing in it but tables of ours. */
enum err store_check_copy(struct store *s, struct fault *fault) must_use;

/* Adds the newest log of each direction of each channel. */
enum err store_heads(struct store *s, const char *self, struct archive_manifest *m) must_use;

/* A copy against the manifest it came with: its form, its check, and that it holds the heads that the manifest tells. */
enum err store_examine(const char *path, const struct archive_manifest *m, struct fault *fault) must_use;

/*
 * Before a ledger is moved: ERR_BUSY while anybody has it open for writing or reads it. All of its WAL is
 * then in the file itself, so that the file alone is the ledger, and nobody else may open it
 * until store_lock_free. ERR_STORE: it is damaged, and was left as it is.
 */
struct store_lock {
	void *db;
};
enum err store_lock_take(const char *path, struct store_lock *out) must_use;
void	 store_lock_free(struct store_lock *lock); /* accepts one zeroed */

#endif
