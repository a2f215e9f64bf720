/*
 * environment.c - reading the options at start: the file, then the environment.
 *
 * owns: nothing.
 * called from: the library's constructor (once).
 * A set-user-ID program (AT_SECURE) has the environment of its caller: ignored.
 */
#include "base/base.h"
#include "policy/options.h"

#include "base/str.h"
#include "os/os.h"
#include "os/print.h"
#include "policy/config_file.h"
#include "policy/inherit.h"
#include "policy/option_value.h"

#include <stdlib.h>
#include <unistd.h>

#define PREFIX "HAKMEM_"
/* No option: it names a file. */
#define CONFIG_FILE PREFIX "CONFIG_FILE"

static const struct alias {
	const char *env, *name, *values[2];
} aliases[] = {
#define HM_ALIAS(NAME, name, off, on) { PREFIX #NAME, #name, { off, on } },
#include "policy/aliases.def"
#undef HM_ALIAS
};

#define ALIASES (sizeof(aliases) / sizeof(aliases[0]))

static const struct hm_option_origin from_environment = { .source = HM_FROM_ENVIRONMENT };

static hm_cold void report(struct hm_text *t)
{
	hm_text_char(t, '\n');
	hm_os_write(STDERR_FILENO, t->buf, t->len);
}

/* expected: in words; NULL: as the row's type says. */
static hm_cold void report_bad(const char *env, const char *value, const struct hm_option_info *row,
			       const char *expected)
{
	char buf[256];
	struct hm_text t;

	if (hm_options.verbose == 0)
		return;
	hm_text_init(&t, buf, sizeof(buf));
	hm_text_str(&t, "hakmem: ");
	hm_text_str(&t, env);
	hm_text_char(&t, '=');
	hm_option_value_quote(&t, value, hm_str_length(value));
	hm_text_str(&t, ": not ");
	if (expected != NULL)
		hm_text_str(&t, expected);
	else
		hm_option_value_expected(row, &t);
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
	for (unsigned i = 0; hm_options_info(i) != NULL; i++) {
		if (value_of(e, hm_options_info(i)->env) != NULL)
			return true;
	}
	for (size_t i = 0; i < ALIASES; i++) {
		if (value_of(e, aliases[i].env) != NULL)
			return true;
	}
	return value_of(e, CONFIG_FILE) != NULL;
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
		hm_option_value_quote(&t, *e, len);
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

static void read_alias(const struct alias *a)
{
	const char *value = look_up(a->env);
	int i = hm_options_find(a->name);
	uint64_t on;

	if (value == NULL || i < 0 || hm_options_origin((unsigned)i).source == HM_FROM_ENVIRONMENT)
		return;
	if (hm_option_value_parse_bool(value, &on))
		hm_options_set((unsigned)i, a->values[on], &from_environment);
	else
		/* Of the first row's type, too. */
		report_bad(a->env, value, hm_options_info(0), NULL);
}

static void read_row(unsigned i)
{
	const struct hm_option_info *row = hm_options_info(i);
	const char *value = look_up(row->env);

	if (value != NULL && hm_options_set(i, value, &from_environment) == HM_OPTION_BAD)
		report_bad(row->env, value, row, NULL);
}

/* For what the files have wrong; they may still set it otherwise, for good. */
static void peek_verbose(void)
{
	const char *value = look_up(hm_options_info(0)->env);
	uint64_t v;

	if (value != NULL && hm_option_value_parse_bool(value, &v))
		hm_store_relaxed(&hm_options.verbose, v);
}

static void read_environment(void)
{
	const char *file = look_up(CONFIG_FILE);

	if (file != NULL)
		hm_config_read_user(file);
	for (unsigned i = 0; hm_options_info(i) != NULL; i++)
		read_row(i);
	for (size_t i = 0; i < ALIASES; i++)
		read_alias(&aliases[i]);
	if (hm_options.verbose != 0)
		report_unknown();
}

HM_START_CODE void hm_options_read(void)
{
	bool secure = hm_os_is_secure();
	/* The usual process sets none, and pays one walk instead of one for each row. */
	bool set = !secure && any_set();

	if (set) {
		hm_inherit_end(environ);
		peek_verbose();
	}
	hm_config_read_system(secure);
	if (set)
		read_environment();
	hm_options_apply_preset();
}

void hm_options_refuse(const char *name, const char *expected)
{
	int i = hm_options_find(name);
	const struct hm_option_info *row;

	if (i < 0)
		return;
	row = hm_options_info((unsigned)i);
	report_bad(row->env, hm_option_text(hm_options_value((unsigned)i)), row, expected);
	hm_options_reset((unsigned)i);
}
