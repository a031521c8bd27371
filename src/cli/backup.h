/* backup.h: what `mithaq backup` and `mithaq restore` tell alike. */
#ifndef MITHAQ_CLI_BACKUP_H
#define MITHAQ_CLI_BACKUP_H

#include <jansson.h>

#include "cli/home.h"
#include "store/backup.h"

/* The logs of a backup: a line each on `to`, or an array for --json. */
void	backup_logs_print(const struct cli *cli, FILE *to, const struct archive_manifest *m);
json_t *backup_logs_json(const struct archive_manifest *m);

/* What is wrong with the file itself ends like broken evidence; what is wrong with this machine does not. */
int backup_exit_of(enum err e);

/* A temporary name beside `path`: "<path>.<16 hex><ending>". */
enum err backup_beside(const char *path, const char *ending, char out[CONFIG_PATH_MOST]) must_use;

#endif
