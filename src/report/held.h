/*
 * held.h - the blocks that threads keep on their lists for their next malloc.
 *
 * owns: nothing.
 * called from: report/.
 */
#ifndef HM_REPORT_HELD_H
#define HM_REPORT_HELD_H

#include "base/base.h"
#include "heap/heap.h"

/*
 * Blocks of the class on both lists of heap h. Of the calling thread's, or one whose lock is
 * held (`own`), exactly; of another's exactly if that thread rests. Else it may be any number
 * up to a bound; whatever other threads do, nothing is read but mapped superslabs. For others
 * it takes the pool's lock, for a part of a list at a time.
 */
size_t hm_held_on_lists(const struct hm_heap *h, unsigned cls, bool own);

#endif
