/* verify.c: the whole of it: read, check, judge. */
#include <stdlib.h>

#include "evidence/judge.h"

static enum err verify_into(struct bytes bundle, const struct pins *pins, struct evidence_case *c, struct report *out, struct fault *fault)
{
	enum err e = case_open(bundle, pins, c, fault);

	if (e != ERR_OK)
		return e;
	memset(out, 0, sizeof *out);
	case_judge(c, out);
	case_close(c);
	return ERR_OK;
}

enum err evidence_verify(struct bytes bundle, const struct pins *pins, struct report *out, struct fault *fault)
{
	/* Two cards and what hangs on them: too much for a stack that others share. */
	struct evidence_case *c = calloc(1, sizeof *c);
	enum err	      e;

	if (c == NULL)
		return ERR_MEMORY;
	e = verify_into(bundle, pins, c, out, fault);
	free(c);
	return e;
}
