/*
 * range.h - ranges of addresses for superslabs and large blocks: mapped, and kept without
 * memory when they are free.
 *
 * owns: the retained ranges: whole units (2 MiB) that are mapped and purged, and that nobody
 * has. An unmapped block would leave a hole, and the kernel one mapping more on its other
 * side; a retained range is one mapping with its neighbours, and a new block there needs no
 * system call. What is said of it is in the records of its first and last unit, not in it.
 * Bounded by what else is mapped. None where addresses cost something (os.h), and all of
 * them go when the system refuses a mapping, and for a while none is.
 * Those with the advice for huge pages are kept apart from those with the contrary.
 * called from: pool/large.c, pool/superslab_map.c.
 */
#ifndef HM_POOL_RANGE_H
#define HM_POOL_RANGE_H

#include "base/base.h"

/*
 * `size` bytes, page multiples, at a unit's base, that read as zero. *huge: shall it ask for
 * huge pages, and does it? Nothing is touched. NULL when the system refuses.
 */
void *hm_range_map(size_t size, bool *huge);

/* The advice for what was mapped otherwise. Does it have huge pages? */
bool hm_range_advise(void *p, size_t size, bool huge);

/*
 * A mapping that begins with a unit goes: retained, if it shall be kept and may be, or
 * unmapped. moved: by mremap, so that to the kernel it is of another kind than its
 * neighbours. False when the kernel refused; it is then as it was.
 */
bool hm_range_unmap(void *p, size_t size, bool huge, bool moved, bool keep);

/*
 * Of the retained ones: whole units with their advice, which read as zero; or NULL. What was
 * mapped there and is no more may become one.
 */
void *hm_range_take(size_t size, bool huge);
void hm_range_fill(void *p, size_t size, bool huge);

/*
 * Makes a mapping of whole units that ends at `end` longer by `more` bytes, whole units, if
 * what is behind it is retained and of its kind.
 */
bool hm_range_extend(void *end, size_t more, bool huge);

/* Unmaps all that is retained; bytes. */
size_t hm_range_drop(void);

/* Bytes retained, as of some moment. */
size_t hm_range_retained(void);

void hm_range_fork_take(void);
void hm_range_fork_release(bool child);

#endif
