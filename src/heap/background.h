/*
 * background.h - the helper thread (option background): what is free goes back to the system
 * though nobody calls the library.
 *
 * owns: the thread, and whether there is one. Off, which is the default, nothing is ever made.
 * It has no heap and takes nothing of a thread's: free slabs of the pool, the cache of large
 * blocks, and holes of slabs that wait are what it gives back.
 * called from: heap/init.c, heap/heap.c, heap/fork.c; report/ asks.
 */
#ifndef HM_HEAP_BACKGROUND_H
#define HM_HEAP_BACKGROUND_H

#include "base/atomic.h"
#include "base/base.h"

/* From the constructor, in the process's first thread; else nothing happens. */
void hm_background_start(void);

/* A forked child is to have a helper of its own, and has none yet. */
extern _Atomic bool hm_background_wanted;
void hm_background_restart(void);

/*
 * A block above 128 KiB is asked for, and no lock of ours is held: here a thread can be made
 * (background.c says why).
 */
hm_inline void hm_background_safe_point(void)
{
	if (hm_unlikely(hm_load_relaxed(&hm_background_wanted)))
		hm_background_restart();
}

enum hm_background_state { HM_BACKGROUND_OFF, HM_BACKGROUND_RUNNING, HM_BACKGROUND_FAILED };

/* What the helper does besides, before each look; with no lock held. Set from the constructor. */
void hm_background_set_task(void (*task)(void));
/* It does it soon, if there is a helper and a task; in a signal's handler, too. */
void hm_background_wake(void);

/* *error: why it failed. */
enum hm_background_state hm_background_get_state(int *error);

/* First of all locks; then, when all are free again, the rest of what a child does. */
void hm_background_fork_take(void);
void hm_background_fork_release(bool child);
void hm_background_in_child(void);

#endif
