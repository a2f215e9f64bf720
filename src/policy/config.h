/*
 * config.h - the lines of a configuration file: what each says. The syntax is
 * hakmem.conf(5)'s.
 *
 * owns: nothing; works on the caller's text, which it cuts into strings. Knows
 * no options and no files, so that it can be fed anything.
 * called from: policy/config_file.c, tests/fuzz/.
 */
#ifndef HM_POLICY_CONFIG_H
#define HM_POLICY_CONFIG_H

#include "base/base.h"

/* No line that means anything is longer, a path's length included. */
#define HM_CONFIG_LINE_MAX 2048

enum hm_config_kind {
	HM_CONFIG_SETTING, /* key = value */
	HM_CONFIG_SECTION, /* [proc:value]; value NULL: a header that says nothing */
	HM_CONFIG_INCLUDE, /* include value */
	HM_CONFIG_BAD,     /* nothing of these */
};

/* In which processes a setting counts: secure execution (AT_SECURE) or not. */
enum hm_config_where { HM_CONFIG_ANYWHERE, HM_CONFIG_ONLY_SECURE, HM_CONFIG_NOT_SECURE };

struct hm_config_line {
	enum hm_config_kind kind;
	unsigned number; /* of the line, from 1 */
	/* Strings of at least one character, without blanks at their ends; NULL where not said. */
	const char *key, *value;
	const char *wrong; /* BAD, and a header that says nothing: what it is not */
	bool fixed;        /* not overridable */
	enum hm_config_where where;
};

struct hm_config_reader {
	char *at, *end;
	unsigned number;
};

/* len bytes of text; one more must be there to write to. */
void hm_config_start(struct hm_config_reader *r, char *text, size_t len);

/* The next line that is not empty and no comment; false: there is none. */
bool hm_config_next(struct hm_config_reader *r, struct hm_config_line *line);

/* Does the program, by its name and its file's path (either may be NULL), have that section? */
bool hm_config_applies(const char *section, const char *name, const char *path);

/* Does the name match the pattern, in which * is any text, and nothing hidden? */
bool hm_config_matches(const char *pattern, const char *name);

#endif
