/*
 * ace_state.h - what was learned by threads that ended, and is of use to those that come.
 *
 * owns: the state: for each class the budget (heap/budget.h) that a heap begins
 * with, and the patience (ace.h).
 * A value rises when two heaps in a row ended with a higher one, a budget to the lower of the
 * two, the patience by one; it falls, by half or one, when 32 in a row had no use for it, of a
 * budget not for half of it: so one thread of another kind changes nothing, and a value does
 * not swing. When nothing has moved for 32 heaps one in four is asked about its budgets. Only
 * threads that end count, and what they counted; the clock has no part. Threads that end at
 * the same time may lose each other's word, which is a vote less.
 * As a text the state can be kept and given to a later run, to begin with (option
 * ace_state) or, with ace=frozen, to stay.
 * called from: heap/budget.c, heap/init.c, report/ace.c.
 */
#ifndef HM_POLICY_ACE_STATE_H
#define HM_POLICY_ACE_STATE_H

#include "base/atomic.h"
#include "base/base.h"
#include "policy/options.h"
#include "policy/sizeclass.h"

/* All zero: as at first. */
struct hm_ace_state {
	int16_t over[HM_CLASSES]; /* blocks of the budget above hm_classes[].first */
	uint8_t patience;
};

/* A text of any state, its end included. */
#define HM_ACE_TEXT 1536

/* Of a class, in blocks above its first budget: what heaps begin with; the most that any had. */
struct hm_ace_value {
	_Atomic int16_t over, most;
	_Atomic int16_t least; /* of those who said last that it rises */
	_Atomic int8_t votes;  /* above 0: that it rises */
};

extern struct hm_ace_value hm_ace_values[HM_CLASSES];

/* What a heap that has all that others had would begin with: for a text. */
void hm_ace_state_get(struct hm_ace_state *out);

/*
 * What a heap begins with. Bytes of its budgets above the first ones are bounded: as one of so
 * many it gets this share of the state's.
 */
#define HM_ACE_WHOLE 256
unsigned hm_ace_state_share(unsigned heaps);
unsigned hm_ace_state_patience(void);

hm_inline unsigned hm_ace_state_budget(unsigned cls, unsigned share)
{
	int over = hm_load_relaxed(&hm_ace_values[cls].over);

	if (hm_unlikely(hm_options.ace == HM_ACE_OFF))
		return hm_classes[cls].budget;
	if (share < HM_ACE_WHOLE && over > 0)
		over = (int)(((unsigned)over * share + HM_ACE_WHOLE / 2) / HM_ACE_WHOLE);
	return (unsigned)(hm_classes[cls].first + over);
}

/* Changes with the state: while it is the same, so is what a heap gets. */
uint32_t hm_ace_state_version(void);

/* Bits of classes whose value is above the first one: those of 64 classes. */
uint64_t hm_ace_state_raised(unsigned word);

/* Neither this heap, which ends so, has anything to say nor had the last: most are like that. */
hm_inline bool hm_ace_state_stays(unsigned cls, unsigned budget, bool used)
{
	const struct hm_ace_value *v = &hm_ace_values[cls];
	int over = hm_load_relaxed(&v->over);

	return (int)budget - hm_classes[cls].first <= over && (used || over <= 0) &&
	       hm_load_relaxed(&v->votes) == 0;
}

/* A heap ends: is it asked for its budgets? */
bool hm_ace_state_asks(void);

/*
 * It ends with this budget of the class, which was of use, or half of it would have done. True:
 * the value moved; what heaps get is settled by hm_ace_state_moved, once for all classes.
 */
bool hm_ace_state_learn(unsigned cls, unsigned budget, bool used);
void hm_ace_state_moved(void);

/* One ended with this patience, and looked for holes or did not. */
void hm_ace_state_learn_patience(unsigned ended, bool looked);

/*
 * The state from a text: items "SIZE:BYTES", the size of a class as the statistics show it and
 * the bytes that are kept of it, and "patience:N", with spaces between; what is not
 * named is as at first. False, and nothing changed: an item is none of these, or twice there.
 */
bool hm_ace_state_set(const char *text);

/* The text of a state; its length. size: HM_ACE_TEXT is enough. */
size_t hm_ace_state_text(const struct hm_ace_state *s, char *buf, size_t size);

#endif
