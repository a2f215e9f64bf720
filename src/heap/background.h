/*
 * background.h - the helper thread (options background and expose): what is free goes back to the
 * system though nobody calls the library, and what other programs ask for is done.
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
extern _Atomic uint32_t hm_background_wanted; /* a bool */
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

/* What the helper does besides, when it wakes; with no lock held. Set from the constructor. */
void hm_background_set_task(void (*task)(void));
/* It does it soon, if there is a helper and a task; in a signal's handler, too. */
void hm_background_wake(void);

/*
 * The same for another part: serve is called when the helper begins, and after each ring of the
 * bell (policy/dirty.h); end when it ends.
 */
struct hm_background_service {
	void (*serve)(void);
	void (*end)(void);
};
void hm_background_set_service(const struct hm_background_service *service);

/*
 * For the helper itself: whether what it opens takes no number of the program's files; and all
 * that can go goes back, as hak_purge does it.
 */
bool hm_background_has_files(void);
size_t hm_background_purge(void);

/* *error: why it failed. */
enum hm_background_state hm_background_get_state(int *error);

/* First of all locks; then, when all are free again, the rest of what a child does. */
void hm_background_fork_take(void);
void hm_background_fork_release(bool child);
void hm_background_in_child(void);

#endif
