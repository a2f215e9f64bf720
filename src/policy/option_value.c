/*
 * option_value.c - parsing and writing the values of options.
 *
 * owns: nothing.
 * called from: policy/option_value.h's users.
 */
#include "base/base.h"
#include "policy/option_value.h"

#include "base/str.h"

/* As much of a stranger's text as a message repeats. */
#define QUOTED 64

bool hm_option_value_parse_bool(const char *s, uint64_t *out)
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

	if (len < row->min || len > row->max)
		return false;
	*out = (uint64_t)(uintptr_t)s;
	return true;
}

static bool parse_type(const struct hm_option_info *row, const char *value, uint64_t *out)
{
	switch (row->type[0]) {
	case 'B':
		return hm_option_value_parse_bool(value, out);
	case 'W':
		return parse_word(words_of(row), value, out);
	default:
		return parse_number(value, out);
	}
}

bool hm_option_value_parse(const struct hm_option_info *row, const char *text, uint64_t *out)
{
	uint64_t v = 0;

	if (row->type[0] == 'T')
		return parse_text(row, text, out);
	if (!parse_type(row, text, &v) || v < row->min || v > row->max)
		return false;
	*out = v;
	return true;
}

static void format_word(const char *words, uint64_t value, struct hm_text *t)
{
	for (; value > 0; words++)
		value -= *words == '|';
	for (; !at_end(words); words++)
		hm_text_char(t, *words);
}

void hm_option_value_format(const struct hm_option_info *row, uint64_t value, struct hm_text *t)
{
	switch (row->type[0]) {
	case 'B':
		hm_text_str(t, value != 0 ? "on" : "off");
		break;
	case 'W':
		format_word(words_of(row), value, t);
		break;
	case 'T':
		if (hm_option_text(value) != NULL)
			hm_text_str(t, hm_option_text(value));
		break;
	default:
		hm_text_dec(t, value);
	}
}

void hm_option_value_expected(const struct hm_option_info *row, struct hm_text *t)
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

static void quote(struct hm_text *t, const char *s, size_t len, size_t most)
{
	for (size_t i = 0; i < len && i < most; i++)
		hm_text_char(t, s[i] >= ' ' && s[i] < 0x7f ? s[i] : '?');
	if (len > most)
		hm_text_str(t, "...");
}

void hm_option_value_quote(struct hm_text *t, const char *s, size_t len)
{
	quote(t, s, len, QUOTED);
}

void hm_option_value_quote_path(struct hm_text *t, const char *path)
{
	quote(t, path, hm_str_length(path), SIZE_MAX);
}
