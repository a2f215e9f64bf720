/*
 * prewarm.h - memory and slabs that are there before main (option prewarm).
 * owns: nothing.
 * called from: heap/init.c.
 */
#ifndef HM_HEAP_PREWARM_H
#define HM_HEAP_PREWARM_H

#include "base/base.h"

/*
 * So many superslabs are mapped and populated, and the calling thread has a heap
 * with a slab of each common class. What the OS refuses is left out.
 */
void hm_heap_prewarm(size_t superslabs);

#endif
