/*
 * thread.h - what the library's start and its policies need of the threads.
 * owns: nothing.
 * called from: heap/init.c, heap/release.c.
 */
#ifndef HM_HEAP_THREAD_H
#define HM_HEAP_THREAD_H

#include "heap/heap.h"

/* From the constructor: exits of threads are noticed from now on. */
void hm_thread_start(void);

/*
 * From the constructor: the calling thread, and all that come, are checked (checked.h). Threads
 * that have a heap by now keep it.
 */
void hm_thread_start_checked(void);

/* The calling thread gives its heap up and is as one that has none yet (passthrough.h). */
void hm_thread_leave_heap(void);

/* thread.c names this, so that a static link takes the constructor in (init.c). */
extern const char hm_init_linked;

/* Heaps that threads have now. */
unsigned hm_heaps_in_use(void);

#endif
