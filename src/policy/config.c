/*
 * config.c - parsing the lines of a configuration file.
 *
 * owns: nothing.
 * called from: policy/config.h's users.
 */
#include "base/base.h"
#include "policy/config.h"

#include "base/str.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_key(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

static char *skip_blanks(char *s)
{
	while (is_blank(*s))
		s++;
	return s;
}

void hm_config_start(struct hm_config_reader *r, char *text, size_t len)
{
	/* What editors of other systems begin a file with. */
	if (len >= 3 && text[0] == '\xef' && text[1] == '\xbb' && text[2] == '\xbf') {
		text += 3;
		len -= 3;
	}
	*r = (struct hm_config_reader){ .at = text, .end = text + len };
}

/* The next line as a string, its end behind the terminator. */
static char *cut_line(struct hm_config_reader *r, char **end)
{
	char *s = r->at, *e = s;

	while (e < r->end && *e != '\n')
		e++;
	r->at = e < r->end ? e + 1 : e;
	r->number++;
	if (e > s && e[-1] == '\r')
		e--;
	*e = '\0';
	*end = e;
	return s;
}

static bool is_text(const char *s, const char *end)
{
	for (; s < end; s++) {
		if (((unsigned char)*s < ' ' && *s != '\t') || *s == 0x7f)
			return false;
	}
	return true;
}

/* A comment goes to the end of the line, from a # at its start or behind a blank. */
static void cut_comment(char *s)
{
	char *last = s; /* behind the last that is no blank */

	for (char *c = s; *c != '\0'; c++) {
		if (*c == '#' && (c == s || is_blank(c[-1])))
			break;
		if (!is_blank(*c))
			last = c + 1;
	}
	*last = '\0';
}

/* The word at the start of *s, with a blank behind it: taken off. */
static bool take_word(char **s, const char *word)
{
	char *c = *s;

	while (*word != '\0' && *c == *word)
		c++, word++;
	if (*word != '\0' || !is_blank(*c))
		return false;
	*s = skip_blanks(c);
	return true;
}

static bool take_sign(char **s, char sign)
{
	if (**s != sign)
		return false;
	*s = skip_blanks(*s + 1);
	return true;
}

/* One modifier; false: there is no more. The last of a kind counts. */
static bool take_modifier(char **s, struct hm_config_line *line)
{
	if (take_sign(s, '+') || take_word(s, "overridable"))
		line->fixed = false;
	else if (take_sign(s, '-') || take_word(s, "nonoverridable"))
		line->fixed = true;
	else if (take_sign(s, '@') || take_word(s, "onlysecure"))
		line->where = HM_CONFIG_ONLY_SECURE;
	else if (take_sign(s, '$') || take_word(s, "nonsecure"))
		line->where = HM_CONFIG_NOT_SECURE;
	else if (take_word(s, "anysecure"))
		line->where = HM_CONFIG_ANYWHERE;
	else
		return false;
	return true;
}

static void set_bad(struct hm_config_line *line, const char *wrong)
{
	line->kind = HM_CONFIG_BAD;
	line->wrong = wrong;
}

/* Behind the key, if s begins with one, an = and a value; else NULL. */
static char *find_value(char *s, char **key_end)
{
	char *c = s;

	while (is_key(*c))
		c++;
	*key_end = c;
	c = skip_blanks(c);
	if (*key_end == s || *c != '=')
		return NULL;
	c = skip_blanks(c + 1);
	return *c != '\0' ? c : NULL;
}

static void parse_setting(struct hm_config_line *line, char *s)
{
	char *key_end, *value = find_value(s, &key_end);

	if (value == NULL) {
		set_bad(line, "not key = value");
		return;
	}
	*key_end = '\0';
	line->kind = HM_CONFIG_SETTING;
	line->key = s;
	line->value = value;
}

static bool has_slash(const char *s)
{
	while (*s != '\0' && *s != '/')
		s++;
	return *s == '/';
}

/* s behind the bracket. A header that says nothing still ends the section before it. */
static void parse_section(struct hm_config_line *line, char *s)
{
	size_t n = hm_str_length(s);

	line->kind = HM_CONFIG_SECTION;
	line->wrong = "not [proc:name] or [proc:/path]";
	if (n == 0 || s[n - 1] != ']' || !hm_str_starts(s, "proc:"))
		return;
	s[n - 1] = '\0';
	s += sizeof("proc:") - 1;
	if (*s == '\0' || is_blank(*s) || is_blank(s[hm_str_length(s) - 1]) ||
	    (*s != '/' && has_slash(s)))
		return;
	line->value = s;
	line->wrong = NULL;
}

static void parse(struct hm_config_line *line, char *s)
{
	char *rest = s;

	if (take_sign(&s, '[')) {
		parse_section(line, s);
		return;
	}
	if (take_word(&rest, "include") && *rest != '=') {
		line->kind = HM_CONFIG_INCLUDE;
		line->value = rest;
		return;
	}
	while (take_modifier(&s, line))
		;
	parse_setting(line, s);
}

bool hm_config_next(struct hm_config_reader *r, struct hm_config_line *line)
{
	while (r->at < r->end) {
		char *end, *s = cut_line(r, &end);

		*line = (struct hm_config_line){ .number = r->number };
		if (end - s > HM_CONFIG_LINE_MAX) {
			set_bad(line, "longer than 2048 characters");
			return true;
		}
		if (!is_text(s, end)) {
			set_bad(line, "has a control character");
			return true;
		}
		s = skip_blanks(s);
		cut_comment(s);
		if (*s == '\0')
			continue;
		parse(line, s);
		return true;
	}
	return false;
}

bool hm_config_applies(const char *section, const char *name, const char *path)
{
	const char *program = *section == '/' ? path : name;

	return program != NULL && hm_str_equal(section, program);
}

/* The usual walk with one place to go back to: behind the last *, a character further. */
static bool matches(const char *pattern, const char *name)
{
	const char *again = NULL, *from = NULL;

	for (;;) {
		if (*pattern == '*') {
			again = ++pattern;
			from = name;
		} else if (*name != '\0' && *pattern == *name) {
			pattern++, name++;
		} else if (*name == '\0' && *pattern == '\0') {
			return true;
		} else if (again != NULL && *from != '\0') {
			pattern = again;
			name = ++from;
		} else {
			return false;
		}
	}
}

bool hm_config_matches(const char *pattern, const char *name)
{
	return (*name != '.' || *pattern == '.') && matches(pattern, name);
}
