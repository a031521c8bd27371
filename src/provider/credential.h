/*
 * credential.h: the one line of a secret that a source asks for: a bearer token, a
 * password. It stands alone in a file of <home>/credentials that nobody else may read, or
 * where systemd puts it, and is read before the process confines itself.
 */
#ifndef MITHAQ_PROVIDER_CREDENTIAL_H
#define MITHAQ_PROVIDER_CREDENTIAL_H

#include "proc/config.h"

#define CREDENTIAL_MOST 4096

/*
 * Reads the credential `name`: 1 to CREDENTIAL_MOST visible ASCII characters, NUL-ended in
 * `out`, without the newline at its end. ERR_FILE (errno kept), ERR_MODE unless the file is
 * ours with mode 0600 or 0400 (systemd's own are not asked), ERR_VALUE. The caller zeroes `out`.
 */
enum err credential_read(const struct config *config, const char *name, char out[CREDENTIAL_MOST + 1], struct fault *fault) must_use;

#endif
