/*
 * usage.h - what the kernel counts of this process: faults, resident memory, mappings.
 *
 * owns: nothing. All keep errno and allocate nothing.
 * called from: report/.
 */
#ifndef HM_OS_USAGE_H
#define HM_OS_USAGE_H

#include "base/base.h"

struct hm_os_faults {
	uint64_t minor, major;
	uint64_t most_resident; /* bytes: the highest that it has been */
};

/* One system call. All 0 where it is refused. */
void hm_os_get_faults(struct hm_os_faults *out);

/* Bytes of the whole process; SIZE_MAX what the kernel did not tell. */
struct hm_os_memory {
	uint64_t resident, anonymous, huge, swapped;
};

/*
 * /proc/self/smaps_rollup: the kernel walks all page tables for it, some 20 ms for each GiB in
 * small pages, 4 ms in huge ones.
 */
void hm_os_get_memory(struct hm_os_memory *out);

/* The lines of /proc/self/maps; UINT64_MAX where it cannot be read. */
uint64_t hm_os_count_mappings(void);

#endif
