/*
 * assert.h - one way to die.
 *
 * hm_check is always on and for cold places; hm_assert is on in guard builds
 * (HM_GUARDS == 2) and type-checked in all. A broken invariant ends the
 * process with one line: no code path repairs or drops anything in silence.
 * The exit is replaceable, so that a test can look at it.
 * owns: hm_die_hook.
 * called from: every floor.
 */
#ifndef HM_BASE_ASSERT_H
#define HM_BASE_ASSERT_H

#include "base/base.h"

/*
 * Writes "hakmem: <what>: <name>=<hex> ..." in one write(2) to stderr and
 * aborts. `what` and the names are literals. Takes up to three values; pass
 * NULL names for those not used. Allocates nothing, takes no lock.
 */
hm_cold hm_noreturn void hm_die(const char *what, const char *n1, uintptr_t v1, const char *n2,
				uintptr_t v2, const char *n3, uintptr_t v3);

/* The same with one finished text ("hakmem: ...", no newline), for long messages. */
hm_cold hm_noreturn void hm_die_text(const char *text, size_t len);

/* Tests: called instead of write+abort; must not return (longjmp). */
extern void (*hm_die_hook)(const char *text, size_t len);

#define HM_STR2(x) #x
#define HM_STR(x) HM_STR2(x)

#define hm_check(cond)                                                                             \
	do {                                                                                       \
		if (hm_unlikely(!(cond)))                                                          \
			hm_die("broken invariant: " #cond " at " __FILE__ ":" HM_STR(__LINE__),    \
			       NULL, 0, NULL, 0, NULL, 0);                                         \
	} while (0)

#define hm_assert(cond)                                                                            \
	do {                                                                                       \
		if (HM_GUARDS == 2 && hm_unlikely(!(cond)))                                        \
			hm_die("broken invariant: " #cond " at " __FILE__ ":" HM_STR(__LINE__),    \
			       NULL, 0, NULL, 0, NULL, 0);                                         \
	} while (0)

#endif
