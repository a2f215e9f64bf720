/*
 * ace_state.h - what was learned by threads that ended, and is of use to those that come.
 *
 * owns: the state: for each class the budget (heap/budget.h) that a heap begins
 * with, and the patience (ace.h).
 * A value rises when two heaps ended with a higher one, a budget to twice what it was
 * at most, the patience by one; it falls, by half or one, when 32 in a row had no use for
 * it: so one thread of another kind changes nothing, and a value does not swing. Only
 * threads that end count, and what they counted; the clock has no part. Threads that
 * end at the same time may lose each other's word, which is a vote less.
 * As a text the state can be kept and given to a later run, to begin with (option
 * ace_state) or, with ace=frozen, to stay.
 * called from: heap/budget.c, heap/init.c, report/ace.c.
 */
#ifndef HM_POLICY_ACE_STATE_H
#define HM_POLICY_ACE_STATE_H

#include "base/atomic.h"
#include "base/base.h"
#include "policy/sizeclass.h"

/* All zero: as at first. */
struct hm_ace_state {
	int16_t over[HM_CLASSES]; /* blocks of the budget above hm_classes[].first */
	uint8_t patience;
};

/* A text of any state, its end included. */
#define HM_ACE_TEXT 1536

/* What a heap that has all that others had would begin with: for a text. */
void hm_ace_state_get(struct hm_ace_state *out);

/*
 * What a heap begins with. Bytes of the state's budgets above the first ones are bounded:
 * each heap that begins, as one of so many, gets this share of them.
 */
#define HM_ACE_WHOLE 256
unsigned hm_ace_state_share(unsigned heaps);
unsigned hm_ace_state_budget(unsigned cls, unsigned share);
unsigned hm_ace_state_patience(void);

/* Changes with the state: while it is the same, so is what a heap gets. */
uint32_t hm_ace_state_version(void);

/* Bits of classes whose value is above the first one: those of 64 classes. */
uint64_t hm_ace_state_raised(unsigned word);

/*
 * A heap ended with this budget of the class, and spent it once or never; with this patience,
 * and looked for holes or did not.
 */
void hm_ace_state_learn(unsigned cls, unsigned budget, bool spent);
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
