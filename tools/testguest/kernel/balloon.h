/* Follows memory/target, as settings allow. */
#ifndef BALLOON_H
#define BALLOON_H
#include "lib.h"

/* After boot, when xenstore is there. */
void balloon_init(void);
/* Does what is due; gives the time when it wants to be called again. */
uint64_t balloon_step(void);
/* A goal in KiB, whatever memory/target says, until that changes again. */
void balloon_set_goal(unsigned long kib);
unsigned long balloon_goal_kib(void);
#endif
