/*
 * options.c - reading the option table from the environment.
 *
 * owns: hm_options.
 * called from: the library's constructor (once); report/ and tests (listing).
 */
#include "base/base.h"
#include "policy/options.h"

#include "base/str.h"
#include "os/os.h"
#include "os/print.h"
#include "policy/inherit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PREFIX "HAKMEM_"
/* As much of a stranger's text as a message repeats. */
#define QUOTED 64
/* Room for the TEXT values of all options. */
#define TEXTS 4096

struct hm_options hm_options = {
#define HM_OPTION(name, NAME, type, dflt, min, max, text) .name = (dflt),
#include "policy/options.def"
#undef HM_OPTION
};

static const struct hm_option_info table[] = {
#define HM_OPTION(name, NAME, type, dflt, min, max, text)                                          \
	{ #name, PREFIX #NAME, (text), #type, (dflt), (min), (max) },
#include "policy/options.def"
#undef HM_OPTION
};

/* Where the row's value is kept. */
static uint64_t *const values[] = {
#define HM_OPTION(name, NAME, type, dflt, min, max, text) &hm_options.name,
#include "policy/options.def"
#undef HM_OPTION
};

#define ROWS (sizeof(table) / sizeof(table[0]))

/* Read before all others: it decides whether they report. */
_Static_assert(offsetof(struct hm_options, verbose) == 0, "verbose is the first row");

static bool parse_bool(const char *s, uint64_t *out)
{
	static const char words[][2][6] = {
		{ "0", "1" }, { "no", "yes" }, { "off", "on" }, { "false", "true" },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		for (unsigned value = 0; value < 2; value++) {
			if (hm_str_equal(s, words[i][value])) {
				*out = value;
				return true;
			}
		}
	}
	return false;
}

/* The shift that a size suffix stands for; -1 when it is none. */
static int suffix_shift(const char *s)
{
	if (s[0] == '\0')
		return 0;
	if (s[1] != '\0')
		return -1;
	switch (s[0]) {
	case 'k':
	case 'K':
		return 10;
	case 'm':
	case 'M':
		return 20;
	case 'g':
	case 'G':
		return 30;
	default:
		return -1;
	}
}

static bool parse_number(const char *s, uint64_t *out)
{
	uint64_t v = 0;
	int shift;

	if (*s < '0' || *s > '9')
		return false;
	for (; *s >= '0' && *s <= '9'; s++) {
		if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
			return false;
	}
	shift = suffix_shift(s);
	if (shift < 0 || __builtin_mul_overflow(v, (uint64_t)1 << shift, &v))
		return false;
	*out = v;
	return true;
}

/* The words of a row stand in its type: WORD(one|two|three). */
static const char *words_of(const struct hm_option_info *row)
{
	return row->type + sizeof("WORD(") - 1;
}

static bool at_end(const char *word)
{
	return *word == '|' || *word == ')';
}

static bool parse_word(const char *words, const char *s, uint64_t *out)
{
	for (*out = 0; *words != '\0'; words++, ++*out) {
		const char *at = s;

		while (!at_end(words) && *words == *at)
			words++, at++;
		if (at_end(words) && *at == '\0')
			return true;
		while (!at_end(words))
			words++;
	}
	return false;
}

static bool parse_text(const struct hm_option_info *row, const char *s, uint64_t *out)
{
	size_t len = hm_str_length(s);

	*out = (uint64_t)(uintptr_t)s;
	return len >= row->min && len <= row->max;
}

static bool parse_type(const struct hm_option_info *row, const char *value, uint64_t *out)
{
	switch (row->type[0]) {
	case 'B':
		return parse_bool(value, out);
	case 'W':
		return parse_word(words_of(row), value, out);
	default:
		return parse_number(value, out);
	}
}

static bool parse_row(const struct hm_option_info *row, const char *value, uint64_t *out)
{
	uint64_t v = 0;

	if (row->type[0] == 'T')
		return parse_text(row, value, out);
	if (!parse_type(row, value, &v) || v < row->min || v > row->max)
		return false;
	*out = v;
	return true;
}

bool hm_options_parse(const char *name, const char *value, uint64_t *out)
{
	for (size_t i = 0; i < ROWS; i++) {
		if (hm_str_equal(table[i].name, name))
			return parse_row(&table[i], value, out);
	}
	return false;
}

const struct hm_option_info *hm_options_info(unsigned i)
{
	return i < ROWS ? &table[i] : NULL;
}

/* One line stays one line, and does to a terminal what a line does. */
static void add_quoted(struct hm_text *t, const char *s, size_t len)
{
	for (size_t i = 0; i < len && i < QUOTED; i++)
		hm_text_char(t, s[i] >= ' ' && s[i] < 0x7f ? s[i] : '?');
	if (len > QUOTED)
		hm_text_str(t, "...");
}

static hm_cold void report(struct hm_text *t)
{
	hm_text_char(t, '\n');
	hm_os_write(STDERR_FILENO, t->buf, t->len);
}

static void add_expected(struct hm_text *t, const struct hm_option_info *row)
{
	if (row->type[0] == 'B') {
		hm_text_str(t, "one of 0, 1, no, yes, off, on, false, true");
	} else if (row->type[0] == 'W') {
		hm_text_str(t, "one of ");
		for (const char *w = words_of(row); *w != ')'; w++) {
			if (*w == '|')
				hm_text_str(t, ", ");
			else
				hm_text_char(t, *w);
		}
	} else if (row->type[0] == 'T') {
		hm_text_str(t, "a text of ");
		hm_text_dec(t, row->min);
		hm_text_str(t, " to ");
		hm_text_dec(t, row->max);
		hm_text_str(t, " characters");
	} else {
		hm_text_str(t, "a number from ");
		hm_text_dec(t, row->min);
		hm_text_str(t, " to ");
		hm_text_dec(t, row->max);
	}
}

/* expected: in words; NULL: as the row's type says. */
static hm_cold void report_bad(const struct hm_option_info *row, const char *value,
			       const char *expected)
{
	char buf[256];
	struct hm_text t;

	hm_text_init(&t, buf, sizeof(buf));
	hm_text_str(&t, "hakmem: ");
	hm_text_str(&t, row->env);
	hm_text_char(&t, '=');
	add_quoted(&t, value, hm_str_length(value));
	hm_text_str(&t, ": not ");
	if (expected != NULL)
		hm_text_str(&t, expected);
	else
		add_expected(&t, row);
	hm_text_str(&t, "; ignored");
	report(&t);
}

/* The value when e, NAME=value of the environment, is the variable; else NULL. */
static const char *value_of(const char *e, const char *name)
{
	if (!hm_str_starts(e, name))
		return NULL;
	while (*name != '\0')
		e++, name++;
	return *e == '=' ? e + 1 : NULL;
}

static bool known(const char *e)
{
	for (size_t i = 0; i < ROWS; i++) {
		if (value_of(e, table[i].env) != NULL)
			return true;
	}
	return false;
}

static hm_cold void report_unknown(void)
{
	char buf[256];
	struct hm_text t;

	for (char **e = environ; *e != NULL; e++) {
		size_t len = 0;

		if (!hm_str_starts(*e, PREFIX) || known(*e) || hm_inherit_is_asked(*e))
			continue;
		while ((*e)[len] != '\0' && (*e)[len] != '=')
			len++;
		hm_text_init(&t, buf, sizeof(buf));
		hm_text_str(&t, "hakmem: ");
		add_quoted(&t, *e, len);
		hm_text_str(&t, ": no such option; ignored");
		report(&t);
	}
}

static bool any_set(void)
{
	if (environ == NULL)
		return false;
	for (char **e = environ; *e != NULL; e++) {
		if (hm_str_starts(*e, PREFIX))
			return true;
	}
	return false;
}

static const char *look_up(const char *name)
{
	const char *value = NULL;

	for (char **e = environ; value == NULL && *e != NULL; e++)
		value = value_of(*e, name);
	return value;
}

/* The program may change its environment: what is kept of it is a copy. */
static bool keep_text(uint64_t *value)
{
	static char texts[TEXTS];
	static size_t used;
	const char *s = hm_option_text(*value);
	size_t size = hm_str_length(s) + 1;

	if (size > sizeof(texts) - used)
		return false;
	memcpy(texts + used, s, size);
	*value = (uint64_t)(uintptr_t)(texts + used);
	used += size;
	return true;
}

static bool set_row(size_t i, const char *value)
{
	uint64_t v;

	if (!parse_row(&table[i], value, &v) || (table[i].type[0] == 'T' && !keep_text(&v)))
		return false;
	*values[i] = v;
	return true;
}

void hm_options_read_environment(void)
{
	/* The usual process sets none, and pays one walk instead of one for each row. */
	if (!any_set() || hm_os_is_secure())
		return;
	hm_inherit_end(environ);
	for (size_t i = 0; i < ROWS; i++) {
		const char *value = look_up(table[i].env);

		if (value != NULL && !set_row(i, value) && hm_options.verbose != 0)
			report_bad(&table[i], value, NULL);
	}
	if (hm_options.verbose != 0)
		report_unknown();
}

void hm_options_refuse(uint64_t *value, const char *expected)
{
	for (size_t i = 0; i < ROWS; i++) {
		if (values[i] == value && hm_options.verbose != 0)
			report_bad(&table[i], hm_option_text(*value), expected);
	}
	*value = 0;
}
