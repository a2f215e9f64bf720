/*
 * profile.c - the heap profile, for programs.
 *
 * owns: nothing.
 * called from: programs.
 */
#include "base/base.h"

#include "hakmem.h"

#include "heap/profile.h"
#include "policy/options.h"
#include "report/profile.h"

#include <errno.h>

/* The option tells what is; the administrator's file may have fixed it. */
static bool may(const char *value)
{
	return hm_options_change((unsigned)hm_options_find("profile"), value) == HM_OPTION_SET;
}

HM_EXPORT int hak_profile_start(size_t rate)
{
	if (!may("yes"))
		return EPERM;
	if (hm_profile_start(rate != 0 ? rate : hm_options.profile_rate))
		return 0;
	(void)may("no");
	return ENOTSUP;
}

HM_EXPORT int hak_profile_stop(void)
{
	if (!may("no"))
		return EPERM;
	hm_profile_stop();
	return 0;
}

HM_EXPORT int hak_profile_dump(int fd)
{
	if (!hm_profile_get_state().begun)
		return EINVAL;
	return hm_profile_write(fd) ? 0 : EIO;
}
