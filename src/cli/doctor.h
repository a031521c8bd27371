/* doctor.h: what the parts of `mithaq doctor` share. Private to src/cli/doctor*.c. */
#ifndef MITHAQ_CLI_DOCTOR_H
#define MITHAQ_CLI_DOCTOR_H

#include "cli/home.h"

enum grade {
	GRADE_OK,
	GRADE_NOTE, /* it works, and somebody should know */
	GRADE_BAD,  /* it does not, or it will not */
};

struct doctor {
	struct cli *cli;
	unsigned    bad;
	bool	    listed; /* --json: one finding stands already */
};

/* The name of a check: `name` in JSON and in English, and its Arabic. */
struct check {
	const char *name, *name_ar;
};

/* One line: the check, what was found, ok or not, and on the next line what helps (`help` may be NULL). */
void doctor_say(struct doctor *d, const struct check *check, enum grade grade, const char *help, const char *format, ...) prints(5, 6);

void doctor_machine(struct doctor *d, const struct config *config);
void doctor_partner(struct doctor *d, struct home *h, const char *name);
int  doctor_measure(struct doctor *d);

#endif
