/* start.h: what the parent hands a child across the fork; parent.c and process.c alone include it. */
#ifndef MITHAQ_GATEWAY_START_H
#define MITHAQ_GATEWAY_START_H

#include "gateway/process.h"

struct child_start {
	const struct config *config;
	enum role	     role;
	unsigned	     which;
	int		     control; /* this child's end */
	int		     parent;  /* process id of the parent */
	int (*main)(struct process *p);
};

/* In the child, right after the fork: makes it a process of its own and runs its main; returns the exit code. */
int process_child(const struct child_start *start);

#endif
