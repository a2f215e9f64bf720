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
#include "heap/prewarm.h"
#include "policy/options.h"

const char hm_init_linked = 1;

__attribute__((constructor(101))) static void init(void)
{
	hm_options_read_environment();
	hm_budget_start();
	if (hm_options.check)
		hm_thread_start_checked();
	hm_thread_start();
	hm_fork_start();
	if (hm_options.prewarm > 0)
		hm_heap_prewarm(hm_options.prewarm);
	if (hm_options.background)
		hm_background_start();
}
