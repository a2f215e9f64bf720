/*
 * target.c - the files that reports go to.
 *
 * owns: nothing.
 * called from: report/target.h's users.
 */
#include "base/base.h"
#include "report/target.h"

#include "os/os.h"
#include "os/output.h"
#include "os/print.h"
#include "os/thread.h"
#include "policy/options.h"

#define STDERR 2

/* False: the name is too long. */
static bool expand(const char *name, struct hm_text *t)
{
	for (const char *s = name; *s != '\0'; s++) {
		if (s[0] == '%' && s[1] == 'p') {
			hm_text_dec(t, (uint64_t)hm_os_process());
			s++;
		} else {
			s += s[0] == '%' && s[1] == '%';
			hm_text_char(t, *s);
		}
	}
	return t->len + 1 < t->cap;
}

hm_cold void hm_report_say(const char *what, const char *why)
{
	char line[HM_TARGET_NAME / 4];
	struct hm_text t;

	if (!hm_options.verbose)
		return;
	hm_text_init(&t, line, sizeof line);
	hm_text_str(&t, "hakmem: ");
	hm_text_str(&t, what);
	hm_text_str(&t, why);
	hm_text_char(&t, '\n');
	hm_os_write(STDERR, line, t.len);
}

/* In a program with others' rights, the name came from a configuration, and is not for it. */
int hm_report_open(const char *name, const char *variable, bool anew)
{
	char path[HM_TARGET_NAME];
	struct hm_text t;
	int fd = -1;

	hm_text_init(&t, path, sizeof path);
	if (!hm_os_is_secure() && expand(name, &t))
		fd = anew ? hm_os_open_anew(path) : hm_os_open_append(path);
	if (fd < 0)
		hm_report_say(variable, ": cannot be opened, or is no file of this user's");
	return fd;
}
