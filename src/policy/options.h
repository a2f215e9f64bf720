/*
 * options.h - run-time options: the table in options.def, their values, and
 * where each has its value from.
 *
 * owns: hm_options and the origins. Never read on a fast path.
 * At the constructor they are read from the configuration file and the
 * environment (environment.c); afterwards hak_option_set changes those that the
 * table says RUNTIME of. A value is an atomic cell: who reads it gets the old one
 * or the new one.
 * called from: the library's constructor; the slow paths that an option steers;
 * api/control.c.
 */
#ifndef HM_POLICY_OPTIONS_H
#define HM_POLICY_OPTIONS_H

#include "base/atomic.h"
#include "base/base.h"
#include "os/print.h"
#include "os/stack.h"

struct hm_options {
#define HM_OPTION(name, NAME, type, dflt, min, max, when, text) _Atomic uint64_t name;
#include "policy/options.def"
#undef HM_OPTION
};

/* The words of the options ace, thp, stats_format, mode and preset; profile_stacks: os/stack.h. */
enum hm_ace { HM_ACE_OFF, HM_ACE_FROZEN, HM_ACE_ON };
enum hm_thp { HM_THP_AUTO, HM_THP_NEVER, HM_THP_ALWAYS };
enum hm_stats_format { HM_STATS_TEXT, HM_STATS_JSON };
enum hm_mode { HM_MODE_HAKMEM, HM_MODE_PASSTHROUGH };
enum hm_preset { HM_PRESET_NONE };

/* Holds the defaults from the first instruction on (statically initialised). */
extern struct hm_options hm_options;

/*
 * Where a value is from, the weaker ones first: a section of a file counts more
 * than what is in no section, wherever it stands. By pairs they are the groups
 * that a line of an earlier one may be closed to.
 */
enum hm_option_source {
	HM_FROM_DEFAULT = 0,
	HM_FROM_PRESET = 1,
	HM_FROM_FILE = 2,      /* the system's configuration file */
	HM_FROM_SECTION = 3,   /* a section of it */
	HM_FROM_USER_FILE = 4, /* HAKMEM_CONFIG_FILE */
	HM_FROM_USER_SECTION = 5,
	HM_FROM_ENVIRONMENT = 6,
	HM_FROM_PROGRAM = 8, /* hak_option_set */
};

struct hm_option_origin {
	enum hm_option_source source;
	bool fixed;       /* no later group may change it */
	unsigned line;    /* of a file; 0: none */
	const char *file; /* stays as it is; NULL: none */
};

/* Table access for listings and tests: NULL past the last. */
enum hm_option_when { HM_OPTION_START, HM_OPTION_RUNTIME };
struct hm_option_info {
	/* type: as in the table; of a WORD with its words. */
	const char *name, *env, *text, *type;
	uint64_t dflt, min, max;
	enum hm_option_when when;
};
const struct hm_option_info *hm_options_info(unsigned i);

/* The row of that name; a negative number when there is none. */
int hm_options_find(const char *name);
uint64_t hm_options_value(unsigned i);
struct hm_option_origin hm_options_origin(unsigned i);

enum hm_option_result {
	HM_OPTION_SET,
	HM_OPTION_OVERRULED, /* the value is good, but a stronger or a fixed one is in force */
	HM_OPTION_BAD,
	HM_OPTION_CLOSED, /* it may not change any more */
};

/* At start only, by one thread: gives row i a value. A TEXT is copied. */
enum hm_option_result hm_options_set(unsigned i, const char *value,
				     const struct hm_option_origin *from);
/* What the option preset says, for all rows that have their default. */
void hm_options_apply_preset(void);
/* At any time: what hak_option_set does. */
enum hm_option_result hm_options_change(unsigned i, const char *value);

/* A copy that stays, for origins and TEXT values; NULL when there is no room left. */
const char *hm_options_keep(const char *s);

/* As lines of a configuration file: "name = value", with comments about where it is from. */
void hm_options_list_row(unsigned i, struct hm_text *t);

/*
 * From the library's constructor, once: the configuration file, then HAKMEM_* of
 * the environment, then the preset. A bad value or an unknown name changes
 * nothing and is reported in one line on stderr when verbose is on, never otherwise.
 */
void hm_options_read(void);

/* A number of bytes, or what of it is within reach. */
hm_inline size_t hm_option_bytes(uint64_t value)
{
	return value < SIZE_MAX ? (size_t)value : SIZE_MAX;
}

/* The text that a TEXT option was set to; NULL when it was not. It stays as it is. */
hm_inline const char *hm_option_text(uint64_t value)
{
	return (const char *)(uintptr_t)value;
}

/*
 * A TEXT option's value turned out to be none of what is expected: it is taken back, and reported
 * as a bad value is.
 */
void hm_options_refuse(const char *name, const char *expected);
/* Row i has its default again. */
void hm_options_reset(unsigned i);

/*
 * Parses `value` for option `name` into *out; of a TEXT that is `value` itself.
 * False when name is unknown or value bad.
 */
bool hm_options_parse(const char *name, const char *value, uint64_t *out);

#endif
