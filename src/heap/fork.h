/*
 * fork.h - the library in a process that forks.
 * owns: nothing.
 * called from: heap/init.c.
 */
#ifndef HM_HEAP_FORK_H
#define HM_HEAP_FORK_H

#include "base/base.h"

/* From the constructor: registers the handlers. May allocate. */
void hm_fork_start(void);

#endif
