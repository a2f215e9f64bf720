/*
 * start.c - what the library does when the process exits.
 *
 * owns: nothing.
 * called from: the loader.
 */
#include "base/base.h"

#include "api/start.h"

#include "policy/options.h"
#include "heap/checked.h"
#include "heap/passthrough.h"
#include "report/stats.h"

const char hm_start_linked = 1;

__attribute__((destructor(101))) static void finish(void)
{
	if (hm_options.check && !hm_passthrough_is_on())
		hm_checked_finish();
	if (hm_options.stats)
		hm_stats_print(2);
}
