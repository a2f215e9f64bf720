/*
 * options.h - run-time options: the table in options.def, read once from the
 * environment, afterwards read-only.
 *
 * owns: hm_options. Never read on a fast path.
 * A setuid program ignores the environment (AT_SECURE).
 * called from: the library's constructor; the slow paths that an option steers.
 */
#ifndef HM_POLICY_OPTIONS_H
#define HM_POLICY_OPTIONS_H

#include "base/base.h"

struct hm_options {
#define HM_OPTION(name, NAME, type, dflt, min, max, text) uint64_t name;
#include "policy/options.def"
#undef HM_OPTION
};

/* The words of the options ace, thp and stats_format. */
enum hm_ace { HM_ACE_OFF, HM_ACE_FROZEN, HM_ACE_ON };
enum hm_thp { HM_THP_AUTO, HM_THP_NEVER, HM_THP_ALWAYS };
enum hm_stats_format { HM_STATS_TEXT, HM_STATS_JSON };

/* Holds the defaults from the first instruction on (statically initialised). */
extern struct hm_options hm_options;

/*
 * Reads HAKMEM_* from the environment, once, from the library's constructor. A
 * bad value or an unknown HAKMEM_ name changes nothing and is reported in one
 * line on stderr when HAKMEM_VERBOSE is on, never otherwise.
 */
void hm_options_read_environment(void);

/* The text that a TEXT option was set to; NULL when it was not. It stays as it is. */
hm_inline const char *hm_option_text(uint64_t value)
{
	return (const char *)(uintptr_t)value;
}

/*
 * A TEXT option's value, which is in hm_options, turned out to be none of what is expected: it is
 * taken back, and reported as a bad value is.
 */
void hm_options_refuse(uint64_t *value, const char *expected);

/*
 * Parses `value` for option `name` into *out; of a TEXT that is `value` itself.
 * False when name is unknown or value bad.
 */
bool hm_options_parse(const char *name, const char *value, uint64_t *out);

/* Table access for listings and tests: NULL past the last. */
struct hm_option_info {
	/* type: as in the table; of a WORD with its words. */
	const char *name, *env, *text, *type;
	uint64_t dflt, min, max;
};
const struct hm_option_info *hm_options_info(unsigned i);

#endif
