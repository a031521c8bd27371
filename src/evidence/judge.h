/* judge.h: what a verified case proves, and what not, in the order in which a judge reads it. */
#ifndef MITHAQ_EVIDENCE_JUDGE_H
#define MITHAQ_EVIDENCE_JUDGE_H

#include "evidence/check.h"

/* Fills a zeroed report. */
void case_judge(const struct evidence_case *c, struct report *out);

#endif
