/*
 * gateway.h: the processes of one gateway. `mithaq serve` calls gateway_run; the
 * parent forks and each child runs one of the mains below, which return the
 * process's exit code (process.h).
 *
 * Who is connected to whom (the parent hands out the ends):
 *   link[i] - core    desk - core    desk - reader    core - keeper    core - worker[j]   core - hook    reader - hook
 */
#ifndef MITHAQ_GATEWAY_GATEWAY_H
#define MITHAQ_GATEWAY_GATEWAY_H

#include "gateway/process.h"

/* Runs until SIGTERM or SIGINT; returns the exit code for the program. Says its troubles in the journal. */
int gateway_run(const struct config *config);

int core_main(struct process *p);
int keeper_main(struct process *p);
int desk_main(struct process *p);
int reader_main(struct process *p);
int link_main(struct process *p);   /* p->which: the partner's number in the configuration */
int hook_main(struct process *p);   /* one for all webhooks */
int worker_main(struct process *p); /* p->which: the provider's number in the configuration */

#endif
