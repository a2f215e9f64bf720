/*
 * control.c - what can be asked of the allocator as a whole, and of a block.
 *
 * owns: nothing.
 * called from: programs, and api/override_libc.c.
 */
#include "base/base.h"

#include "hakmem.h"

#include "heap/heap.h"
#include "heap/room.h"
#include "policy/ace_state.h"
#include "report/stats.h"
#include "api/api.h"

_Static_assert(HAKMEM_VERSION_MAJOR == HM_VERSION_MAJOR &&
		       HAKMEM_VERSION_MINOR == HM_VERSION_MINOR &&
		       HAKMEM_VERSION_PATCH == HM_VERSION_PATCH,
	       "include/hakmem.h and configure.ac have one version");
_Static_assert(sizeof(HAKMEM_VERSION_STRING) == sizeof(PACKAGE_VERSION), "and write it alike");

hm_cold void *hm_api_too_large(size_t n)
{
	hm_failure_count(HM_FAILURE_THRESHOLD, n);
	return NULL;
}

size_t hm_api_good_size(size_t n)
{
	return n > PTRDIFF_MAX ? n : hm_heap_good_size(n);
}

HM_EXPORT size_t hak_good_size(size_t size)
{
	return hm_api_good_size(size);
}

HM_EXPORT size_t hak_usable_size(const void *p)
{
	return hm_heap_usable(p);
}

HM_EXPORT const char *hak_version(void)
{
	return PACKAGE_VERSION;
}

HM_EXPORT size_t hak_purge(void)
{
	return hm_heap_purge();
}

HM_EXPORT hak_limit_handler hak_set_limit_handler(hak_limit_handler handler)
{
	return hm_room_set_handler(handler);
}

HM_EXPORT size_t hak_ace_state(char *buf, size_t size)
{
	char text[HM_ACE_TEXT];
	size_t len = hm_stats_ace(text, sizeof text), n = len;

	if (size == 0)
		return len;
	if (n > size - 1)
		n = size - 1;
	memcpy(buf, text, n);
	buf[n] = '\0';
	return len;
}

HM_EXPORT void hak_stats_print(int fd)
{
	hm_stats_print(fd);
}

HM_EXPORT void hak_stats_json(int fd)
{
	hm_stats_json(fd);
}
