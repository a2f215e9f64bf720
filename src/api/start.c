/*
 * start.c - the library's constructor and destructor.
 *
 * owns: nothing. Everything works before the constructor ran: the options hold
 * their defaults, threads get heaps, only their exit is not noticed yet.
 * called from: the loader.
 */
#include "base/base.h"

#include "heap/fork.h"
#include "heap/thread.h"
#include "policy/options.h"
#include "pool/pool.h"
#include "report/stats.h"

__attribute__((constructor(101))) static void start(void)
{
	hm_options_read_environment();
	hm_thread_start();
	hm_fork_start();
	if (hm_options.prewarm > 0)
		hm_pool_prewarm(hm_options.prewarm);
}

__attribute__((destructor(101))) static void finish(void)
{
	if (hm_options.stats)
		hm_stats_print(2);
}
