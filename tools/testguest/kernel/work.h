/*
 * A load that dirties memory all the time and knows what must be in it: every word of a page is made from the page's
 * number and the round that wrote it last, and the sum of all words is kept beside.
 */
#ifndef WORK_H
#define WORK_H
#include "lib.h"

/* False for no memory. Between two pages it waits pause_ms; 0 uses the processor fully. */
bool work_start(unsigned long kib, unsigned long pause_ms);
void work_stop(void);
/* Pages written so far. */
unsigned long work_count(void);
/* Whether memory holds what was written; the sum in `sum`. */
bool work_check(unsigned long *sum);
/* Does what is due; gives the time when it wants to be called again. */
uint64_t work_step(void);
#endif
