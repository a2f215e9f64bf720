/*
 * init.c - the library's constructor.
 *
 * owns: nothing. Everything works before it ran: the options hold their
 * defaults, threads get heaps, only their exit is not noticed yet.
 * called from: the loader.
 */
#include "base/base.h"

#include "heap/thread.h"

#include "heap/background.h"
#include "heap/budget.h"
#include "heap/fork.h"
#include "heap/passthrough.h"
#include "heap/prewarm.h"
#include "os/filter.h"
#include "os/os.h"
#include "policy/options.h"

#include <unistd.h>

const char hm_init_linked = 1;

/* Blocks of ours from before may still be freed, so fork concerns us; nothing else does. */
static bool step_aside(void)
{
	static const char line[] =
		"hakmem: mode=passthrough: there is no malloc but this one; ignored\n";

	if (hm_passthrough_start()) {
		hm_fork_start();
		return true;
	}
	if (hm_options.verbose)
		hm_os_write(STDERR_FILENO, line, sizeof line - 1);
	return false;
}

__attribute__((constructor(101))) static void init(void)
{
	hm_os_filter_start();
	hm_options_read();
	if (hm_options.mode == HM_MODE_PASSTHROUGH && step_aside())
		return;
	hm_budget_start();
	if (hm_options.check)
		hm_thread_start_checked();
	hm_thread_start();
	hm_fork_start();
	if (hm_options.prewarm > 0)
		hm_heap_prewarm((size_t)hm_options.prewarm);
	if (hm_options.background || hm_options.expose)
		hm_background_start();
}
