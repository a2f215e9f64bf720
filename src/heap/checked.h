/*
 * checked.h - run-time checks, option HAKMEM_CHECK: every block ends in a word
 * that tells its exact size, a freed one waits and is looked at again.
 *
 * owns: hm_checked_owner, the one heap that all checked threads share, under
 * one lock. A checked thread's TLS pointer is the static hm_checked_heap, on
 * which every fast path misses: a process that is not checked pays nothing.
 *
 *   block:  [ user: n bytes ][ slack: a pattern ][ word: 8 bytes ]
 *           the word is made of the block's address and the slack's length
 *
 * Slabs of the checked heap are its own until they are free: none is adopted
 * and none waits for adoption, so a block with a word is told by its slab's
 * owner. Large blocks, and blocks of before the constructor, are ordinary.
 * called from: heap/, api/start.c, report/.
 */
#ifndef HM_HEAP_CHECKED_H
#define HM_HEAP_CHECKED_H

#include "base/base.h"
#include "heap/heap.h"
#include "policy/failure.h"
#include "slab/slab.h"

/* No size was given. */
#define HM_CHECKED_ANY SIZE_MAX

extern struct hm_heap hm_checked_owner;

/* Do the blocks of the slab have a word? */
hm_inline bool hm_checked_has(const struct hm_slab *s)
{
	return hm_slab_owner(s) == &hm_checked_owner;
}

/* Once, before the first checked thread: the heap is on the list of all. */
void hm_checked_init(void);

/* n bytes at a multiple of align, filled with junk; NULL is out of memory, *why says of what. */
void *hm_checked_alloc(size_t align, size_t n, enum hm_failure *why);

/*
 * p lies in the checked span s: it is freed, or it is not a live block of n
 * bytes and the process ends with one line that begins with the entry's name.
 */
void hm_checked_free(struct hm_slab *s, void *p, size_t n, const char *entry);

/* The size that was asked for. What is not a live, whole block ends the process. */
size_t hm_checked_size(struct hm_slab *s, const void *p, const char *entry);
/* The same, but 0 when p is not a live block; only an overrun ends the process. */
size_t hm_checked_usable(struct hm_slab *s, const void *p, const char *entry);

/* Would a realloc to n bytes find the class that the block has? */
bool hm_checked_stays(const struct hm_slab *s, size_t n);
/* The live block of old bytes has n from now on; false: it has no room for them. */
bool hm_checked_resize(struct hm_slab *s, void *p, size_t old, size_t n);

/* Freed blocks that wait are looked at and go to their slabs, as does what is on lists. */
void hm_checked_purge(void);
/* At exit: the freed blocks that still wait are looked at. */
void hm_checked_finish(void);

/* Bytes of all live blocks of the class that are behind the size asked for. Any thread. */
size_t hm_checked_slack(unsigned cls);

/* The heap with its lock held; the blocks of each class that are freed and wait. */
struct hm_heap *hm_checked_take(uint32_t held[HM_CLASSES]);
void hm_checked_release(void);

void hm_checked_fork_take(void);
void hm_checked_fork_release(bool child);

#endif
