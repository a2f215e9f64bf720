/*
 * addresses.c - what it costs to keep addresses mapped that have no memory (os.h).
 *
 * owns: the system's overcommit mode, once read.
 * called from: pool/range.c.
 */
#include "base/base.h"
#include "os/os.h"

#include "base/atomic.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The system's mode, read once: 0 and 1 promise more memory than there is. */
static bool may_overcommit(void)
{
	static _Atomic int mode; /* the digit; 0: not read yet; 1: not to be had */
	int saved = errno, fd;
	char digit = 1;

	if (hm_load_relaxed(&mode) == 0) {
		fd = hm_os_open_read("/proc/sys/vm/overcommit_memory");
		if (fd < 0 || hm_os_read(fd, &digit, 1) != 1)
			digit = 1;
		if (fd >= 0)
			hm_os_close(fd);
		hm_store_relaxed(&mode, digit);
	}
	errno = saved;
	return hm_load_relaxed(&mode) == '0' || hm_load_relaxed(&mode) == '1';
}

bool hm_os_addresses_are_free(void)
{
	static const int kinds[] = { RLIMIT_AS, RLIMIT_DATA };
	int saved = errno;
	bool are = may_overcommit();

	for (int i = 0; are && i < 2; i++) {
		uint64_t limit[2];

		are = syscall(SYS_prlimit64, 0, kinds[i], NULL, limit) == 0 &&
		      limit[0] == UINT64_MAX;
	}
	errno = saved;
	return are;
}
