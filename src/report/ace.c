/*
 * ace.c - what threads have learned by now, as a text.
 *
 * owns: nothing.
 * called from: report/stats.h's users.
 */
#include "base/base.h"
#include "report/stats.h"

#include "policy/ace_state.h"
#include "policy/options.h"

/* Plain words of other threads are read here, on purpose: a figure may be a moment old. */
#define RACY __attribute__((no_sanitize("thread")))

/* What a heap has learned by now, where that is more. */
RACY static void add_learned(struct hm_heap *h, void *arg)
{
	struct hm_ace_state *s = arg;

	if (!h->in_use)
		return;
	for (unsigned i = 0; i < HM_CLASSES; i++) {
		int over = h->bins[i].budget - hm_classes[i].first;

		if (over > s->over[i])
			s->over[i] = (int16_t)over;
	}
	if (h->patience > s->patience)
		s->patience = (uint8_t)h->patience;
}

size_t hm_stats_ace(char *buf, size_t size)
{
	struct hm_ace_state s;

	hm_ace_state_get(&s);
	if (hm_options.ace == HM_ACE_ON)
		hm_heaps_each(add_learned, &s);
	return hm_ace_state_text(&s, buf, size);
}

const char *hm_stats_ace_mode(void)
{
	static const char *const modes[] = {
		[HM_ACE_OFF] = "off", [HM_ACE_FROZEN] = "frozen", [HM_ACE_ON] = "on",
	};

	return modes[hm_options.ace];
}
