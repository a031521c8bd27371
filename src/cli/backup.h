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

/* Says what is wrong with the backup, and with which paper in it when `paper` is not empty. */
void backup_fault(struct cli *cli, enum err e, struct fault *fault, const char *backup, const char *paper);

/* A temporary name beside `path`: "<path>.<16 hex><ending>". */
enum err backup_beside(const char *path, const char *ending, char out[CONFIG_PATH_MOST]) must_use;

/* ---- backup_papers.c ---- */

/* Where a member other than the ledger belongs, below the home or the data folder. */
struct backup_place {
	bool	 data;
	unsigned mode;
	char	 rest[CONFIG_PATH_MOST];
};
/* From what was verified, never from the archive's own words. */
enum err backup_place(const struct archive_manifest *m, const struct archive_file *f, struct bytes body, struct backup_place *out) must_use;

/* Makes `folder` anew: a home for the papers alone. What is left of an earlier one goes away. */
enum err backup_lay_begin(const char *folder) must_use;
enum err backup_lay(const char *folder, const struct archive_manifest *m, const struct archive_file *f, struct bytes body,
		    struct fault *fault) must_use;
/* All of them by papers_load. `file` is the place of the one that is wrong, below the home. */
enum err backup_lay_check(const char *folder, const char *party, char file[CONFIG_PATH_MOST], struct fault *fault) must_use;
void	 backup_lay_end(const char *folder);

#endif
