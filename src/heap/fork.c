/*
 * fork.c - before fork all locks are taken in their order, after it they are
 * released in the parent and made anew in the child.
 *
 * owns: nothing. The number of locks is fixed, whatever the number of threads.
 * Every lock-free change in the library is one atomic store, so the other
 * threads may be stopped anywhere.
 * called from: heap/init.c; the handlers by fork.
 */
#include "base/base.h"

#include "heap/fork.h"

#include "heap/background.h"
#include "heap/checked.h"
#include "heap/heap.h"
#include "heap/profile.h"
#include "os/lock.h"
#include "os/thread.h"
#include "policy/limit.h"
#include "pool/large.h"
#include "pool/pool.h"
#include "pool/range.h"
#include "pool/waiting.h"
#include "space/registry.h"

static void before(void)
{
	hm_lock_forking(true);
	hm_background_fork_take();
	hm_checked_fork_take();
	hm_profile_fork_take();
	hm_heaps_fork_take();
	hm_waiting_fork_take();
	hm_pool_fork_take();
	hm_large_fork_take();
	hm_range_fork_take();
	hm_registry_fork_take();
}

static void after(bool child)
{
	hm_registry_fork_release(child);
	hm_range_fork_release(child);
	hm_large_fork_release(child);
	hm_pool_fork_release(child);
	hm_waiting_fork_release(child);
	hm_heaps_fork_release(child);
	hm_profile_fork_release(child);
	hm_checked_fork_release(child);
	hm_background_fork_release(child);
	hm_lock_forking(false);
}

static void in_parent(void)
{
	after(false);
}

static void in_child(void)
{
	hm_limit_fork_child();
	after(true);
	hm_background_in_child();
}

HM_START_CODE void hm_fork_start(void)
{
	hm_os_at_fork(before, in_parent, in_child);
}
