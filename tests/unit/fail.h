/*
 * fail.h - system calls that fail, from the so many-th on.
 */
#ifndef HM_TESTS_FAIL_H
#define HM_TESTS_FAIL_H

#include "base/base.h"

#include "os/os.h"

#include <string.h>

static const char *fail_call;
static int fail_after; /* let so many through first */

static bool fail_some(const char *call)
{
	return strcmp(call, fail_call) == 0 && fail_after-- <= 0;
}

static inline void fail_from(const char *call, int after)
{
	fail_call = call;
	fail_after = after;
	hm_os_fail_hook = fail_some;
}

#endif
