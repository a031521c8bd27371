/*
 * archive.h: a backup as one file: what stands in it, in which order, written and read in pieces.
 *
 * The file is a ustar archive in the one form of evidence/tar.h. Its members are a
 * fixed list, in this order, and nothing else is ever taken out of one:
 *
 *   manifest                        text, see below
 *   mithaq.yaml                     the configuration
 *   card                            the party's own card
 *   partners/NN.card                from 01: a party's name may be longer than a name in an archive
 *   cards/NNNN.card                 from 0001: earlier cards of either side, that the commands put aside in the home
 *   taken/NNNN.card                 from 0001: later cards of partners, that came over the link
 *   agreements/<64 hex>.agreement   ascending
 *   joined/<64 hex>.agreement       likewise: connection agreements that were joined over the link
 *   pending/<64 hex>.signed-by-us   likewise: our halves of those that are not in force yet
 *   officers                        what the house answers to officer-list, where it stands
 *   alarms/NNNN.alarm               from 0001: those that still freeze a channel
 *   ledger.db                       one committed state of the ledger
 *
 *   mithaq/backup/2                 /1 when nothing of cards, taken, joined, pending and officers is in it
 *   party <name>
 *   made <RFC 3339>                 before the ledger was looked at: whatever was accepted earlier is in it
 *   version <of mithaq>
 *   file <name> <size> <SHA-256 in hex>                            one per member, in order
 *   log own|peer <origin> <size> <root in hex> <receipted>         the newest log of each direction of a channel
 *   sum <SHA-256 in hex>                                           of all lines above
 *
 * The release before wrote form 1 and reads nothing else: it refuses form 2 as made by another version.
 * A house that never changed a key and never paired by wire goes on writing form 1.
 *
 * A hash tells damage. It does not tell who wrote the file: a backup is kept as
 * carefully as what it was made of. Keys are never in one.
 *
 * Memory stays the same however large the ledger is. Descriptors are the caller's.
 */
#ifndef MITHAQ_STORE_ARCHIVE_H
#define MITHAQ_STORE_ARCHIVE_H

#include "agreement/keyring.h"
#include "evidence/tar.h"
#include "tree/note.h"

#define ARCHIVE_PARTNERS_MOST	64
#define ARCHIVE_CARDS_MOST	((1 + ARCHIVE_PARTNERS_MOST) * KEYRING_CARDS_MOST) /* in either place */
#define ARCHIVE_AGREEMENTS_MOST 256						   /* of each of the three sorts */
#define ARCHIVE_ALARMS_MOST	1024
#define ARCHIVE_FILES_MOST	(4 + ARCHIVE_PARTNERS_MOST + 2 * ARCHIVE_CARDS_MOST + 3 * ARCHIVE_AGREEMENTS_MOST + ARCHIVE_ALARMS_MOST)
#define ARCHIVE_HEADS_MOST	8192	   /* two directions of 64 channels with each of 64 partners */
#define ARCHIVE_PAPER_MOST	(1u << 20) /* bytes of any member but manifest and ledger */
#define ARCHIVE_MANIFEST_MOST	(4u << 20)
#define ARCHIVE_LEDGER_MOST	(UINT64_C(1) << 48)
#define ARCHIVE_PIECE		65536
#define ARCHIVE_VERSION_MOST	32

enum archive_kind {
	ARCHIVE_CONFIG,
	ARCHIVE_CARD,
	ARCHIVE_PARTNER,
	ARCHIVE_CARD_KEPT,
	ARCHIVE_CARD_TAKEN,
	ARCHIVE_AGREEMENT,
	ARCHIVE_JOINED,
	ARCHIVE_PENDING,
	ARCHIVE_OFFICERS,
	ARCHIVE_ALARM,
	ARCHIVE_LEDGER,
};
#define ARCHIVE_KINDS (ARCHIVE_LEDGER + 1)

struct archive_file {
	enum archive_kind kind;
	char		  name[TAR_NAME_MOST + 1];
	uint64_t	  size;
	struct hash	  hash;
};

struct archive_head {
	bool	    own;
	char	    origin[ORIGIN_MOST];
	uint64_t    size;
	struct hash root;
	uint64_t    receipted;
};

struct archive_manifest {
	char		     party[PARTY_MOST + 1];
	uint64_t	     made_ms;
	char		     version[ARCHIVE_VERSION_MOST];
	unsigned	     nfiles, nheads;
	unsigned	     nof[ARCHIVE_KINDS]; /* files of each kind */
	struct archive_file  file[ARCHIVE_FILES_MOST];
	struct archive_head *head; /* heap */
	unsigned	     room_heads;
};

/* Both grow the manifest; ERR_TOO_LONG at the limit. `number` is used where a kind's names are numbers, `hex` where they are hashes. */
enum err archive_file_add(struct archive_manifest *m, enum archive_kind kind, unsigned number, const char *hex, struct archive_file **out) must_use;
enum err archive_head_add(struct archive_manifest *m, const struct archive_head *head) must_use;
void	 archive_manifest_done(struct archive_manifest *m); /* accepts one zeroed */

enum err archive_manifest_write(const struct archive_manifest *m, struct buffer *out) must_use;
/* One form only: what is accepted is written again byte for byte. `out` is zeroed or done before; `fault` may be NULL. */
enum err archive_manifest_read(struct bytes text, struct archive_manifest *out, struct fault *fault) must_use;

/* ---- writing: measure every file, then manifest, files in order, end ---- */

/* Size and hash of all that `fd` holds from its beginning. */
enum err archive_measure(int fd, struct archive_file *out) must_use;
enum err archive_put_manifest(int to, const struct archive_manifest *m) must_use;
/* ERR_ORDER when `from` no longer holds what was measured: it was changed meanwhile. */
enum err archive_put(int to, const struct archive_file *file, int from) must_use;
enum err archive_put_end(int to) must_use;

/* ---- reading, front to back ---- */

typedef enum err archive_piece_fn(void *arg, struct bytes piece);

/* Reads the manifest and, where `fd` is a regular file, compares what it tells with the size of the file. */
enum err archive_get_manifest(int fd, struct archive_manifest *out, struct fault *fault) must_use;
/* The next member, which must be this one; its pieces go to `each` before its hash is known to be right. */
enum err archive_get(int fd, const struct archive_file *file, archive_piece_fn *each, void *arg, struct fault *fault) must_use;
enum err archive_get_end(int fd, struct fault *fault) must_use;

#endif
