/*
 * budget.c - the budgets of a thread's lists: growth, and the sweep at the bound.
 *
 * owns: nothing beyond budget.h.
 * called from: the slow paths of the calling thread's heap.
 */
#include "base/base.h"

#include "heap/budget.h"

#include "heap/thread.h"
#include "policy/ace.h"
#include "policy/options.h"

/* Of the classes that wanted more so many times in a row, some may rest by now. */
#define REFUSED_MAX 64

/* Blocks with a span each do not count: they are kept of one class at a time (release.c). */
static size_t bytes_of(unsigned cls, unsigned budget)
{
	return hm_classes[cls].capacity == 1 ? 0 : budget * (size_t)hm_classes[cls].stride;
}

static void set(struct hm_heap *h, unsigned cls, unsigned budget)
{
	struct hm_bin *bin = &h->bins[cls];

	h->budgets += bytes_of(cls, budget) - bytes_of(cls, bin->budget);
	bin->budget = (uint16_t)budget;
}

void hm_budget_reset(struct hm_heap *h)
{
	h->budgets = 0;
	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		h->bins[cls].budget = 0;
		set(h, cls, hm_options.ace ? hm_classes[cls].first : hm_classes[cls].budget);
		h->sll[cls].budget = hm_budget_countdown(h->bins[cls].budget);
	}
}

void hm_budget_sweep(struct hm_heap *h)
{
	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		struct hm_bin *bin = &h->bins[cls];

		if ((bin->rests & HM_RESTS_SWEEP) != 0 && bin->budget > hm_classes[cls].first) {
			set(h, cls, hm_classes[cls].first);
			hm_release_class(h, cls);
		}
		bin->rests |= HM_RESTS_SWEEP;
	}
	h->refused = 0;
}

void hm_budget_double(struct hm_heap *h, unsigned cls)
{
	struct hm_bin *bin = &h->bins[cls];
	size_t max = hm_ace_cache_max(hm_heaps_in_use());
	unsigned want = bin->budget == 0 ? 1 : 2u * bin->budget;

	/* A heap that was made before the options were read. */
	if (hm_unlikely(!hm_options.ace)) {
		set(h, cls, hm_classes[cls].budget);
		return;
	}
	if (want > hm_classes[cls].budget)
		want = hm_classes[cls].budget;
	/* One block may always stay: else each pair of a large one would take and give a span. */
	if (want == 1 || h->budgets + bytes_of(cls, want - bin->budget) <= max)
		set(h, cls, want);
	else if (h->refused++ >= REFUSED_MAX)
		hm_budget_sweep(h);
}
