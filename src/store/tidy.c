/* tidy.c: moving pages from the WAL into the database, off the path of a commit. */
#include "store/inside.h"

#define WAL_FRAME_HEAD	 24	     /* bytes before each page in a WAL file */
#define TIDY_IDLE_BYTES	 (1u << 20)  /* below this an idle moment is left in peace */
#define TIDY_FORCE_BYTES (64u << 20) /* above this even a busy core stops for it */
#define TIDY_AGAIN_BYTES (16u << 20) /* growth before a forced try that a reader stood in the way of is repeated */

static uint64_t wal_bytes(const struct store *s, uint64_t pages)
{
	return pages * (s->page_size + WAL_FRAME_HEAD);
}

/* A reader in the way is no failure: the next call goes on where this one stopped. */
static enum err checkpoint(struct store *s, int how)
{
	int logged = 0, moved = 0;
	int rc = sqlite3_wal_checkpoint_v2(s->db, "main", how, &logged, &moved);

	s->wal_tried = s->wal_pages;
	if (rc == SQLITE_OK && logged == moved)
		s->wal_pages = s->wal_tried = 0;
	if (rc == SQLITE_OK || (rc & 0xff) == SQLITE_BUSY || (rc & 0xff) == SQLITE_LOCKED)
		return ERR_OK;
	s->broken = true;
	return store_complain(s, ERR_DISK, "moving pages out of the WAL", 0, 0);
}

enum err store_tidy(struct store *s, bool idle)
{
	if (s->broken)
		return ERR_DISK;
	if (s->mode == STORE_READ || s->begun)
		return ERR_OK;
	uint64_t size = wal_bytes(s, s->wal_pages), tried = wal_bytes(s, s->wal_tried);
	if (size > TIDY_FORCE_BYTES && (tried == 0 || size > tried + TIDY_AGAIN_BYTES)) {
		sqlite3_busy_timeout(s->db, 0);
		enum err e = checkpoint(s, SQLITE_CHECKPOINT_RESTART);
		sqlite3_busy_timeout(s->db, STORE_BUSY_MS);
		return e;
	}
	return idle && size > TIDY_IDLE_BYTES && s->wal_pages != s->wal_tried ? checkpoint(s, SQLITE_CHECKPOINT_PASSIVE) : ERR_OK;
}
