/*
 * dirty.c - word for the helper that memory became dirty.
 *
 * owns: the word, and which thread is the helper.
 * called from: policy/dirty.h's users.
 * A note that comes just when the helper sets the word anew may be missed. It is none the worse:
 * the helper then looks at everything twice more before it sleeps (heap/background.c).
 */
#include "base/base.h"
#include "policy/dirty.h"

#include "os/os.h"
#include "os/thread.h"

_Atomic uint32_t hm_dirty_word;
_Atomic uint32_t hm_dirty_bell;
static _Atomic(const void *) helper;

void hm_dirty_ring(void)
{
	hm_add_release(&hm_dirty_bell, 1);
	hm_os_futex_wake((uint32_t *)&hm_dirty_bell, 1);
}

void hm_dirty_tell(void)
{
	if (hm_load_relaxed(&helper) == hm_os_thread_self())
		return;
	if (hm_swap_acq_rel(&hm_dirty_word, HM_DIRTY_KNOWN) == HM_DIRTY_WAKE)
		hm_dirty_ring();
}

void hm_dirty_attach(void)
{
	hm_store_relaxed(&helper, hm_os_thread_self());
}

bool hm_dirty_noted(void)
{
	return hm_swap_acq_rel(&hm_dirty_word, HM_DIRTY_TELL) == HM_DIRTY_KNOWN;
}

bool hm_dirty_is_asleep(void)
{
	return hm_load_acquire(&hm_dirty_word) == HM_DIRTY_WAKE;
}

bool hm_dirty_sleep(uint32_t bell)
{
	uint32_t old = HM_DIRTY_TELL;
	bool can = true;

	if (!hm_cas_acq_rel(&hm_dirty_word, &old, HM_DIRTY_WAKE) && old != HM_DIRTY_WAKE)
		return true;
	/* A signal that libc keeps for itself may end it early. */
	while (can && hm_dirty_is_asleep() && hm_load_acquire(&hm_dirty_bell) == bell)
		can = hm_os_futex_wait_ms((uint32_t *)&hm_dirty_bell, bell, HM_FOREVER);
	return can;
}

void hm_dirty_stop(void)
{
	hm_store_relaxed(&helper, NULL);
	hm_store_release(&hm_dirty_word, HM_DIRTY_KNOWN);
	hm_dirty_ring();
}
