/* child.h: runs something in a forked child and says how it ended. */
#ifndef TESTS_CONFINE_CHILD_H
#define TESTS_CONFINE_CHILD_H

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum ending { ENDED_WELL, ENDED_REFUSED, ENDED_KILLED, ENDED_OTHERWISE };

#define CODE_REFUSED 33

static inline enum ending ending_of(int status)
{
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGSYS ? ENDED_KILLED : ENDED_OTHERWISE;
	if (WEXITSTATUS(status) == 0)
		return ENDED_WELL;
	return WEXITSTATUS(status) == CODE_REFUSED ? ENDED_REFUSED : ENDED_OTHERWISE;
}

static inline enum ending child_ending(pid_t pid)
{
	int status = 0;

	if (waitpid(pid, &status, 0) != pid)
		return ENDED_OTHERWISE;
	enum ending e = ending_of(status);
	if (e == ENDED_OTHERWISE)
		(void)fprintf(stderr, "child ended with status %x\n", (unsigned)status);
	return e;
}

#endif
