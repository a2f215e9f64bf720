/*
 * fuzz_config.c - any bytes as a configuration file: the parser stays within them, and what it
 * found, written down again, is found again.
 *
 * Its entry is libFuzzer's, which AFL takes, too; driver.c calls it where there is neither.
 */
#include "base/base.h"

#include "os/print.h"
#include "policy/config.h"
#include "policy/option_value.h"
#include "policy/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define must(cond)                                                                                 \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "not so: %s\n", #cond);                                    \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* A string of the text [from, from + len], with no blank at its ends. */
static void check_string(const char *s, const char *from, size_t len)
{
	size_t n;

	if (s == NULL)
		return;
	must(s >= from && s < from + len);
	n = strlen(s);
	must(s + n <= from + len);
	must(n > 0 && n <= HM_CONFIG_LINE_MAX);
	must(!is_blank(s[0]) && !is_blank(s[n - 1]));
	for (size_t i = 0; i < n; i++)
		must(((unsigned char)s[i] >= ' ' || s[i] == '\t') && s[i] != 0x7f);
}

static bool is_same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* The line that says it in the shortest way; 0: there is none for what is bad. */
static size_t render(const struct hm_config_line *line, char *out, size_t size)
{
	const char *where = line->where == HM_CONFIG_ONLY_SECURE ? "@" :
			    line->where == HM_CONFIG_NOT_SECURE	 ? "$" :
								   "";
	int n = 0;

	if (line->kind == HM_CONFIG_SETTING)
		n = snprintf(out, size, "%s%s%s=%s", line->fixed ? "-" : "+", where, line->key,
			     line->value);
	else if (line->kind == HM_CONFIG_SECTION && line->value != NULL)
		n = snprintf(out, size, "[proc:%s]", line->value);
	else if (line->kind == HM_CONFIG_INCLUDE)
		n = snprintf(out, size, "include %s", line->value);
	must(n >= 0 && (size_t)n < size);
	return (size_t)n;
}

static void check_again(const struct hm_config_line *line)
{
	char text[HM_CONFIG_LINE_MAX + 64];
	size_t len = render(line, text, sizeof text);
	struct hm_config_reader r;
	struct hm_config_line again;

	if (len == 0 || len > HM_CONFIG_LINE_MAX)
		return;
	hm_config_start(&r, text, len);
	must(hm_config_next(&r, &again));
	must(again.kind == line->kind && again.number == 1);
	must(is_same(again.key, line->key) && is_same(again.value, line->value));
	must(again.fixed == line->fixed && again.where == line->where);
	must(!hm_config_next(&r, &again));
}

/* A value that an option has is one that it may be given. */
static void check_value(const struct hm_config_line *line)
{
	char text[HM_CONFIG_LINE_MAX + 64];
	const struct hm_option_info *row;
	int i = hm_options_find(line->key);
	uint64_t value, again;
	struct hm_text t;

	if (i < 0)
		return;
	row = hm_options_info((unsigned)i);
	if (!hm_option_value_parse(row, line->value, &value))
		return;
	hm_text_init(&t, text, sizeof text);
	hm_option_value_format(row, value, &t);
	must(hm_option_value_parse(row, text, &again));
	must(row->type[0] == 'T' ? strcmp(text, line->value) == 0 :
				   value == again && value >= row->min && value <= row->max);
}

static void check_line(const struct hm_config_line *line, const char *text, size_t len)
{
	check_string(line->key, text, len);
	check_string(line->value, text, len);
	switch (line->kind) {
	case HM_CONFIG_SETTING:
		must(line->key != NULL && line->value != NULL && line->wrong == NULL);
		(void)hm_config_matches(line->value, line->key);
		check_value(line);
		break;
	case HM_CONFIG_SECTION:
		must((line->value == NULL) == (line->wrong != NULL) && line->key == NULL);
		must(line->value == NULL ||
		     (hm_config_applies(line->value, line->value, line->value) &&
		      (line->value[0] == '/' || strchr(line->value, '/') == NULL)));
		break;
	case HM_CONFIG_INCLUDE:
		must(line->value != NULL && line->key == NULL && line->wrong == NULL);
		/* A name that has no star is its own pattern, and nobody else's. */
		must(strchr(line->value, '*') != NULL ||
		     hm_config_matches(line->value, line->value));
		break;
	default:
		must(line->kind == HM_CONFIG_BAD && line->wrong != NULL);
	}
	check_again(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	/* No byte longer than it may use. */
	char *text = malloc(len + 1);
	struct hm_config_reader r;
	struct hm_config_line line;
	unsigned lines = 1, last = 0;

	if (text == NULL)
		return 0;
	for (size_t i = 0; i < len; i++)
		lines += data[i] == '\n';
	if (len > 0)
		memcpy(text, data, len);
	hm_config_start(&r, text, len);
	while (hm_config_next(&r, &line)) {
		must(line.number > last && line.number <= lines);
		last = line.number;
		check_line(&line, text, len);
	}
	must(!hm_config_next(&r, &line));
	free(text);
	return 0;
}
