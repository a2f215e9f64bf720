/*
 * option.c - the library's options on a command line: checked by the library's own parser and
 * table, which are linked in.
 *
 * owns: nothing.
 * called from: tools/run.c.
 */
#include "tools/tool.h"
#include "tools/option.h"

#include "policy/options.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct hm_option_info *find(const char *name)
{
	const struct hm_option_info *row;

	for (unsigned i = 0; (row = hm_options_info(i)) != NULL; i++) {
		if (strcmp(row->name, name) == 0)
			return row;
	}
	return NULL;
}

/* "auto, never, always" of WORD(auto|never|always). */
static void words(const char *type, char *out, size_t size)
{
	size_t n = 0;

	for (type += strcspn(type, "("); *type != '\0' && n + 3 < size; type++) {
		if (*type == '|') {
			out[n++] = ',';
			out[n++] = ' ';
		} else if (*type != '(' && *type != ')') {
			out[n++] = *type;
		}
	}
	out[n] = '\0';
}

static void expected(const struct hm_option_info *row, char *out, size_t size)
{
	switch (row->type[0]) {
	case 'B':
		snprintf(out, size, "yes or no");
		break;
	case 'W':
		words(row->type, out, size);
		break;
	case 'N':
		snprintf(out, size, "a number from %" PRIu64 " to %" PRIu64, row->min, row->max);
		break;
	default:
		snprintf(out, size, "a text of %" PRIu64 " to %" PRIu64 " characters", row->min,
			 row->max);
	}
}

bool option_set(const char *setting)
{
	const char *equals = strchr(setting, '=');
	const struct hm_option_info *row;
	char name[64], takes[256];
	uint64_t value;

	if (equals == NULL || equals == setting || (size_t)(equals - setting) >= sizeof(name)) {
		tool_say("%s: not KEY=VALUE", setting);
		return false;
	}
	memcpy(name, setting, (size_t)(equals - setting));
	name[equals - setting] = '\0';
	row = find(name);
	if (row == NULL) {
		tool_say("%s: no such option; -o help lists them", name);
		return false;
	}
	if (!hm_options_parse(name, equals + 1, &value)) {
		expected(row, takes, sizeof(takes));
		tool_say("%s: not %s%s", setting, row->type[0] == 'W' ? "one of " : "", takes);
		return false;
	}
	return setenv(row->env, equals + 1, 1) == 0;
}

void option_list(void)
{
	const struct hm_option_info *row;

	for (unsigned i = 0; (row = hm_options_info(i)) != NULL; i++) {
		char takes[256];

		expected(row, takes, sizeof(takes));
		printf("%s\t%s\t%s\n", row->name, takes, row->text);
	}
}
