/*
 * budget.c - the budgets of a thread's lists: what they begin with, growth, the sweep at
 * the bound, and what is left to later heaps.
 *
 * owns: nothing beyond budget.h.
 * called from: the slow paths of the calling thread's heap.
 */
#include "base/base.h"

#include "heap/budget.h"

#include "base/bits.h"
#include "base/probe.h"
#include "heap/thread.h"
#include "policy/ace.h"
#include "policy/ace_state.h"
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

static unsigned more_of(unsigned budget, unsigned cls)
{
	unsigned more = budget == 0 ? 1 : 2 * budget;

	return more < hm_classes[cls].budget ? more : hm_classes[cls].budget;
}

static void begin(struct hm_heap *h, unsigned cls)
{
	struct hm_bin *bin = &h->bins[cls];
	unsigned budget = hm_ace_state_budget(cls, h->share);

	if (budget != bin->budget)
		set(h, cls, budget);
	h->sll[cls].budget = hm_budget_countdown(bin->budget);
	bin->mark.p = NULL;
	bin->rearmed = 0;
	bin->spilled = 0;
	bin->rests |= HM_RESTS_SWEEP;
}

void hm_budget_reset(struct hm_heap *h)
{
	h->version = hm_ace_state_version();
	h->share = hm_ace_state_share(hm_heaps_in_use());
	h->budgets = 0;
	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		h->bins[cls].budget = 0;
		begin(h, cls);
	}
	memset(h->touched, 0, sizeof(h->touched));
	h->patience = h->rest_patience = hm_ace_state_patience();
}

HM_START_CODE void hm_budget_start(void)
{
	const char *text = hm_option_text(hm_options.ace_state);

	if (hm_likely(text == NULL && hm_options.ace == HM_ACE_ON))
		return;
	if (text != NULL && !hm_ace_state_set(text))
		hm_options_refuse("ace_state", "SIZE:BYTES of classes, patience:N");
	if (!hm_heap_is_static(hm_tls_heap))
		hm_budget_reset(hm_tls_heap);
}

/* What lives for a hundred blocks touches few classes, and the state seldom changes. */
void hm_budget_begin_again(struct hm_heap *h)
{
	if (h->version != hm_ace_state_version() ||
	    h->share != hm_ace_state_share(hm_heaps_in_use())) {
		hm_budget_reset(h);
		return;
	}
	for (unsigned i = 0; i < HM_CLASS_WORDS; i++) {
		for (uint64_t m = h->touched[i]; m != 0; m &= m - 1)
			begin(h, i * 64 + hm_ctz64(m));
		h->touched[i] = 0;
	}
	h->patience = h->rest_patience = hm_ace_state_patience();
}

/* What a heap like this should begin with: what went home of late the next one wants back. */
static unsigned wanted(const struct hm_heap *h, unsigned cls)
{
	const struct hm_bin *bin = &h->bins[cls];

	if (bin->spilled != 0 && hm_budget_is_recent(h, bin))
		return more_of(bin->budget, cls);
	return bin->budget;
}

/* Half of it would have been spent. So what fell by half does not soon rise again. */
static bool is_of_use(const struct hm_heap *h, unsigned cls)
{
	const struct hm_bin *bin = &h->bins[cls];

	return bin->mark.p != NULL || h->sll[cls].budget < bin->budget / 2;
}

/* A short life may have had looks of one kind only. */
static unsigned patience_of(const struct hm_heap *h)
{
	unsigned all = hm_ace_patience(h->patience, h->purged, h->wanted);
	unsigned resting = hm_ace_patience(h->rest_patience, h->rest_purged, h->rest_wanted);

	return all > resting ? all : resting;
}

void hm_budget_leave(const struct hm_heap *h)
{
	bool moved = false;

	if (hm_options.ace != HM_ACE_ON)
		return;
	hm_ace_state_learn_patience(patience_of(h), h->looked);
	if (!hm_ace_state_asks())
		return;
	for (unsigned i = 0; i < HM_CLASS_WORDS; i++) {
		for (uint64_t m = h->touched[i] | hm_ace_state_raised(i); m != 0; m &= m - 1) {
			unsigned cls = i * 64 + hm_ctz64(m), budget = wanted(h, cls);
			bool used = is_of_use(h, cls);

			if (!hm_ace_state_stays(cls, budget, used))
				moved |= hm_ace_state_learn(cls, budget, used);
		}
	}
	if (moved)
		hm_ace_state_moved();
}

void hm_budget_sweep(struct hm_heap *h)
{
	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		struct hm_bin *bin = &h->bins[cls];

		if ((bin->rests & HM_RESTS_SWEEP) != 0 && bin->budget > hm_classes[cls].first) {
			hm_budget_touch(h, cls);
			set(h, cls, hm_classes[cls].first);
			hm_release_class(h, cls);
		}
		bin->rests |= HM_RESTS_SWEEP;
	}
	h->refused = 0;
	hm_count_add(&h->sweeps, 1);
}

void hm_budget_double(struct hm_heap *h, unsigned cls)
{
	struct hm_bin *bin = &h->bins[cls];
	size_t max = hm_ace_cache_max(hm_heaps_in_use());
	unsigned want = more_of(bin->budget, cls);

	/* Off: a heap that was made before the options were read. */
	if (hm_unlikely(hm_options.ace != HM_ACE_ON)) {
		if (hm_options.ace == HM_ACE_OFF)
			set(h, cls, hm_classes[cls].budget);
		return;
	}
	/* One block may always stay: else each pair of a large one would take and give a span. */
	if (want == 1 || h->budgets + bytes_of(cls, want - bin->budget) <= max) {
		set(h, cls, want);
		hm_count_add(&h->doubled, 1);
		hm_probe3(budget, h, cls, want);
	} else if (h->refused++ >= REFUSED_MAX) {
		hm_budget_sweep(h);
	}
}
