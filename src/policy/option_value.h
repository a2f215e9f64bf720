/*
 * option_value.h - an option's value as text and as a number, by its type.
 *
 * owns: nothing.
 * called from: policy/options.c, and who words a message about a bad value.
 */
#ifndef HM_POLICY_OPTION_VALUE_H
#define HM_POLICY_OPTION_VALUE_H

#include "base/base.h"
#include "os/print.h"
#include "policy/options.h"

/* The text's value, within the row's bounds; of a TEXT it is the text itself. */
bool hm_option_value_parse(const struct hm_option_info *row, const char *text, uint64_t *out);

/* The value as text that would be parsed to it; of a TEXT that was not set, nothing. */
void hm_option_value_format(const struct hm_option_info *row, uint64_t value, struct hm_text *t);

/* What values there are: "a number from 0 to 9", "one of off, on". */
void hm_option_value_expected(const struct hm_option_info *row, struct hm_text *t);

/* A stranger's text, which does to a terminal what a line does; cut where it is long. */
void hm_option_value_quote(struct hm_text *t, const char *s, size_t len);
/* The same of a file that somebody has to find: whole. */
void hm_option_value_quote_path(struct hm_text *t, const char *path);

/* 0, 1, yes, no, on, off, true, false. */
bool hm_option_value_parse_bool(const char *s, uint64_t *out);

#endif
