/*
 * stat.h - what an open file is.
 *
 * owns: nothing. As all of os/: keeps errno, allocates nothing, fails by value.
 * called from: os/file.c, os/output.c.
 */
#ifndef HM_OS_STAT_H
#define HM_OS_STAT_H

#include "base/base.h"

struct hm_os_stat {
	uint32_t mode, uid, links;
	uint64_t size;
};

bool hm_os_stat(int fd, struct hm_os_stat *out);

#endif
