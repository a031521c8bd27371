/*
 * files.h: whole small files, secrets with their mode.
 *
 * Writing is atomic: a temporary file in the same folder, fsync, rename, fsync of
 * the folder; what stood there before stays until the new one is whole.
 *
 * What root makes belongs to whom its folder belongs to: a command typed as root in
 * the home of a service leaves files that the service can read.
 */
#ifndef MITHAQ_PROC_FILES_H
#define MITHAQ_PROC_FILES_H

#include "base/builder.h"
#include "crypto/sign.h"

/* Reads a regular file of at most out->most bytes. ERR_FILE (errno kept), ERR_TOO_LONG. */
enum err file_read(const char *path, struct buffer *out) must_use;
enum err file_write(const char *path, struct bytes content, unsigned mode) must_use;
/* Makes what was done to the names in the folder of `path` durable. */
enum err folder_sync(const char *path) must_use;
enum err file_write_new(const char *path, struct bytes content, unsigned mode) must_use; /* ERR_EXISTS */

/* The open file at `path`, when we are root, to the owner of its folder: for what is not written by file_write. */
void owner_give(int fd, const char *path);

/* mkdir(2) with mode 0700: 0, or -1 and errno. */
int folder_make_private(const char *path) must_use;

/*
 * A 32-byte seed as one line "mithaq-key/1 ed25519 <base64>\n"; refused unless a regular file of mode 0600 (or 0400)
 * owned by us, or, when we are root, by the owner of its folder: ERR_MODE.
 */
enum err key_file_read(const char *path, struct sign_key *out, struct fault *fault) must_use;
enum err key_file_write_new(const char *path, const uint8_t seed[SIGN_SEED]) must_use;

#endif
