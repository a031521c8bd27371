/*
 * designations.h: the table `designation` of an SQLite database, which a provider
 * answers from. A list replaces the whole table in one transaction: whoever is no
 * longer on the list is no longer in the table, and until designations_commit has
 * returned ERR_OK the database stands as it was.
 */
#ifndef MITHAQ_LISTS_DESIGNATIONS_H
#define MITHAQ_LISTS_DESIGNATIONS_H

#include "lists/un.h"

#define DESIGNATIONS_DUPLICATES_MOST 8 /* named; more are only counted */

struct designations_report {
	unsigned loaded;
	unsigned fresh; /* references that were not in the table before */
	unsigned gone;	/* references that were, and no longer are */
	unsigned duplicates, nduplicates;
	char	 duplicate[DESIGNATIONS_DUPLICATES_MOST][64];
	unsigned duplicate_line[DESIGNATIONS_DUPLICATES_MOST];
};

struct designations;

/* Opens or creates the database at `path` and begins. ERR_STORE fills the fault with SQLite's words. */
enum err designations_begin(const char *path, struct designations **out, struct fault *fault) must_use;
/* A un_record_fn with the designations as its argument. Of a reference that comes twice the first record stays. */
enum err designations_add(void *designations, const struct un_record *record) must_use;
enum err designations_commit(struct designations *d, struct designations_report *report, struct fault *fault) must_use;
void	 designations_close(struct designations *d); /* undoes what was not committed; accepts NULL */

#endif
