/*
 * budget.h - how many freed blocks of a class a thread keeps: learned from what
 * it asks back.
 *
 * owns: the budgets in struct hm_bin and their sum.
 * A class begins with 2 KiB, or with nothing if its blocks are larger: then each
 * freed one goes home. When a class has to refill after it had spilled, what went
 * home was wanted, and its budget doubles, up to what hm_classes says; so it does
 * when a look at the lists was for nothing. The sum is bounded (hm_ace_cache_max):
 * at the bound the budgets of classes that rest go back to the first ones, and their
 * blocks home. So a class that was hot once leaves little behind, and one that is
 * hot has what it needs. (tcmalloc's thread caches grow and steal in the same way,
 * by bytes and by whole lists.)
 * called from: heap/init.c, heap/release.c, heap/refill.c, heap/thread.c.
 */
#ifndef HM_HEAP_BUDGET_H
#define HM_HEAP_BUDGET_H

#include "base/base.h"
#include "heap/heap.h"

/* Doubles the budget, if the sum allows; else a sweep may be due. */
void hm_budget_double(struct hm_heap *h, unsigned cls);

/*
 * All budgets as a heap begins with them: as others have learned (policy/ace_state.h), or as
 * was given; with the option ace off as large as they get. Frozen or off, they stay so.
 */
void hm_budget_reset(struct hm_heap *h);

/* From the constructor: the options are known. */
void hm_budget_start(void);

/* The same for the heap of a thread that ended. */
void hm_budget_begin_again(struct hm_heap *h);

/* The heap's thread ends, and its lists are as it left them: what it learned is for later ones. */
void hm_budget_leave(const struct hm_heap *h);

/*
 * The class wants back what it has spilled or was about to, or mallocs as much as it
 * frees, so that a look was for nothing: its budget grows, if the sum allows.
 */
hm_inline void hm_budget_grow(struct hm_heap *h, unsigned cls)
{
	if (hm_unlikely(h->bins[cls].budget < hm_classes[cls].budget))
		hm_budget_double(h, cls);
}

/* Classes that rested since the last sweep lose their blocks and budgets; others keep theirs. */
void hm_budget_sweep(struct hm_heap *h);

/*
 * So many spills and refills of all classes later, what went home served others:
 * a program that goes from class to class gains nothing by keeping some of each.
 */
#define HM_BUDGET_RECENT 64

/* The class spent its budget, or loses it. */
hm_inline void hm_budget_touch(struct hm_heap *h, unsigned cls)
{
	h->touched[cls / 64] |= HM_CLASS_BIT(cls);
}

/* Blocks of the class go home. */
hm_inline void hm_budget_spilled(struct hm_heap *h, unsigned cls)
{
	struct hm_bin *bin = &h->bins[cls];

	bin->spilled = (uint16_t)++h->events;
	if (bin->spilled == 0)
		bin->spilled = (uint16_t)++h->events;
}

hm_inline bool hm_budget_is_recent(const struct hm_heap *h, const struct hm_bin *bin)
{
	return (uint16_t)(h->events - bin->spilled) <= HM_BUDGET_RECENT;
}

/* The lists are empty: slabs are asked. */
hm_inline void hm_budget_refills(struct hm_heap *h, unsigned cls)
{
	struct hm_bin *bin = &h->bins[cls];

	h->events++;
	bin->rests = 0;
	if (bin->spilled != 0 && hm_budget_is_recent(h, bin))
		hm_budget_grow(h, cls);
	bin->spilled = 0;
}

/* The second list serves, whose blocks would have gone home next. */
hm_inline void hm_budget_takes_back(struct hm_heap *h, unsigned cls)
{
	struct hm_bin *bin = &h->bins[cls];

	bin->rests = 0;
	if (bin->spilled == 0 || hm_budget_is_recent(h, bin))
		hm_budget_grow(h, cls);
}

/* The countdown of a list until the next look. */
hm_inline int32_t hm_budget_countdown(unsigned budget)
{
	return (int32_t)budget - (budget != 0);
}

#endif
