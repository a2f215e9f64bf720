/*
 * superslab_map.h - superslabs from the OS and back, with their records.
 *
 * owns: nothing.
 * called from: pool/pool.c.
 */
#ifndef HM_POOL_SUPERSLAB_MAP_H
#define HM_POOL_SUPERSLAB_MAP_H

#include "base/base.h"
#include "space/superslab.h"

/*
 * Maps a superslab, all slabs zero, none free yet, registered, on no list. NULL
 * when the OS refused. Not under the pool's lock. It asks for huge pages when it
 * is expected to be dense, or the option thp says so.
 */
struct hm_superslab *hm_superslab_map(bool dense);

/* The same for an empty superslab of which nothing is in memory. */
void hm_superslab_ask_huge(struct hm_superslab *ss, bool dense);

/* A new one with all its pages in memory. */
struct hm_superslab *hm_superslab_map_populated(void);

/*
 * Was nearly all of it used? What is in memory, as the kernel says; where that may not be asked,
 * what was handed out in tiny blocks, of which a program mostly uses the whole.
 */
bool hm_superslab_is_dense(const struct hm_superslab *ss);

/*
 * Its record stays, and says that there is nothing: no pointer to it can be
 * stale. False when the OS refused. Not under the pool's lock.
 */
bool hm_superslab_unmap(struct hm_superslab *ss);

/*
 * Purges the slabs in `bits`, which nobody else can take, by runs, up to one that the OS
 * refuses; those that it did purge. A superslab of which a part is purged has no huge
 * pages any more.
 */
uint32_t hm_superslab_purge(struct hm_superslab *ss, uint32_t bits);

#endif
