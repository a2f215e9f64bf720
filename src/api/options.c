/*
 * options.c - asking for options, and changing them.
 *
 * owns: nothing.
 * called from: programs, and the tools.
 */
#include "base/base.h"

#include "hakmem.h"

#include "os/os.h"
#include "os/print.h"
#include "policy/option_value.h"
#include "policy/options.h"
#include "report/profile.h"

#include <errno.h>

/* A row's comments, and the longest value. */
#define ROW_SIZE 3072

HM_EXPORT const char *hak_option_name(unsigned index)
{
	const struct hm_option_info *row = hm_options_info(index);

	return row != NULL ? row->name : NULL;
}

HM_EXPORT int hak_option_get(const char *name, char *buf, size_t size)
{
	int i = hm_options_find(name);
	struct hm_text whole, part;
	char text[ROW_SIZE];

	if (i < 0)
		return EINVAL;
	hm_text_init(&whole, text, sizeof text);
	hm_option_value_format(hm_options_info((unsigned)i), hm_options_value((unsigned)i), &whole);
	hm_text_init(&part, buf, size);
	hm_text_str(&part, text);
	return part.len == whole.len && size > 0 ? 0 : ERANGE;
}

HM_EXPORT int hak_option_set(const char *name, const char *value)
{
	int i = hm_options_find(name);

	if (i < 0)
		return EINVAL;
	switch (hm_options_change((unsigned)i, value)) {
	case HM_OPTION_SET:
		return hm_profile_follow() ? 0 : EPERM;
	case HM_OPTION_CLOSED:
		return EPERM;
	default:
		return EINVAL;
	}
}

HM_EXPORT void hak_option_list(int fd)
{
	char buf[ROW_SIZE];
	struct hm_text t;

	for (unsigned i = 0; hm_options_info(i) != NULL; i++) {
		hm_text_init(&t, buf, sizeof buf);
		if (i > 0)
			hm_text_char(&t, '\n');
		hm_options_list_row(i, &t);
		hm_os_write(fd, t.buf, t.len);
	}
}
