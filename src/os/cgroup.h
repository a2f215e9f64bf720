/*
 * cgroup.h - the memory limits of the process's control group (cgroup v2).
 *
 * owns: nothing; the two paths are variables for tests only.
 * Plain system calls, some two for each level of the group's path, some 2 KiB of
 * stack, no allocation, no lock. What is absent, unreadable or makes no sense is
 * no limit. errno is kept.
 * called from: policy/limit.c, once in a process, on a slow path.
 */
#ifndef HM_OS_CGROUP_H
#define HM_OS_CGROUP_H

#include "base/base.h"

#define HM_CGROUP_UNLIMITED UINT64_MAX

struct hm_cgroup {
	/* Bytes: the least of the group's own and of its ancestors' that are visible. */
	uint64_t high, max;
	uint32_t files;     /* limits that were read, `max` (none) among them */
	uint32_t malformed; /* files that hold something else */
	bool found;         /* the process is in a group of version 2 */
};

void hm_cgroup_read(struct hm_cgroup *out);

/* Test hooks: /proc/self/cgroup and /sys/fs/cgroup. */
extern const char *hm_cgroup_self, *hm_cgroup_root;

#endif
