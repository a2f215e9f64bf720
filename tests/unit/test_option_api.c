/*
 * test_option_api.c - hak_option_name, _get, _set and _list: each option through them, what is
 * refused, and that what is set has its effect at once.
 */
#include "base/base.h"

#include "hakmem.h"

#include "policy/config_file.h"
#include "policy/options.h"

#include "suite.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What hak_option_list writes. */
static const char *listing(void)
{
	static char text[32768];
	FILE *f = tmpfile();
	size_t n;

	ck_assert_ptr_nonnull(f);
	hak_option_list(fileno(f));
	rewind(f);
	n = fread(text, 1, sizeof text - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

static const char *get(const char *name)
{
	static char buf[2048];

	errno = 12345;
	ck_assert_int_eq(hak_option_get(name, buf, sizeof buf), 0);
	ck_assert_int_eq(errno, 12345);
	return buf;
}

/* A good value other than the default, and one that is none. */
static const char *other_value(const struct hm_option_info *row, char text[64])
{
	const char *word = strchr(row->type, '|');

	switch (row->type[0]) {
	case 'B':
		return row->dflt ? "off" : "on";
	case 'W':
		snprintf(text, 64, "%.*s", (int)strcspn(word + 1, "|)"), word + 1);
		return text;
	default:
		snprintf(text, 64, "%llu",
			 (unsigned long long)(row->dflt != row->min ? row->min : row->max));
		return text;
	}
}

START_TEST(each_option)
{
	unsigned n = 0;

	for (; hm_options_info(n) != NULL; n++) {
		const struct hm_option_info *row = hm_options_info(n);
		bool runtime = row->when == HM_OPTION_RUNTIME;
		char text[64], before[2048];
		const char *other = other_value(row, text);

		ck_assert_str_eq(hak_option_name(n), row->name);
		strcpy(before, get(row->name));
		if (row->type[0] == 'T') {
			/* What is a text is read once. */
			ck_assert(!runtime);
			continue;
		}
		errno = 12345;
		ck_assert_int_eq(hak_option_set(row->name, other), runtime ? 0 : EPERM);
		ck_assert_str_eq(get(row->name), runtime ? other : before);
		ck_assert_int_eq(hak_option_set(row->name, "nonsense"), EINVAL);
		ck_assert_int_eq(hak_option_set(row->name, ""), EINVAL);
		ck_assert_str_eq(get(row->name), runtime ? other : before);
		ck_assert_uint_eq(hm_options_origin(n).source,
				  runtime ? HM_FROM_PROGRAM : HM_FROM_DEFAULT);
		ck_assert_int_eq(hak_option_set(row->name, before), runtime ? 0 : EPERM);
	}
	ck_assert_ptr_null(hak_option_name(n));
	ck_assert_ptr_null(hak_option_name(UINT32_MAX));
}
END_TEST

START_TEST(refused)
{
	char buf[8];

	ck_assert_int_eq(hak_option_get("nosuch", buf, sizeof buf), EINVAL);
	ck_assert_int_eq(hak_option_get("", buf, sizeof buf), EINVAL);
	ck_assert_int_eq(hak_option_get("HAKMEM_THP", buf, sizeof buf), EINVAL);
	ck_assert_int_eq(hak_option_set("nosuch", "1"), EINVAL);
	ck_assert_int_eq(hak_option_set("dirty_max", "1T"), EINVAL);
	ck_assert_int_eq(hak_option_get("dirty_max", buf, sizeof buf), ERANGE);
	ck_assert_str_eq(buf, "3355443");
	ck_assert_int_eq(hak_option_get("dirty_max", buf, 1), ERANGE);
	ck_assert_str_eq(buf, "");
	buf[0] = 'x';
	ck_assert_int_eq(hak_option_get("dirty_max", buf, 0), ERANGE);
	ck_assert_int_eq(buf[0], 'x');
	ck_assert_int_eq(hak_option_set("dirty_max", "5M"), 0);
	ck_assert_str_eq(get("dirty_max"), "5242880");
}
END_TEST

START_TEST(fixed_by_the_file)
{
	static const struct hm_option_origin file = { HM_FROM_FILE, true, 7, "/etc/some.conf" };
	static const struct hm_option_origin open = { HM_FROM_SECTION, false, 8, "/etc/some.conf" };

	ck_assert_int_eq(hm_options_set((unsigned)hm_options_find("thp"), "never", &file),
			 HM_OPTION_SET);
	ck_assert_int_eq(hm_options_set((unsigned)hm_options_find("dirty_max"), "1", &open),
			 HM_OPTION_SET);
	ck_assert_int_eq(hak_option_set("thp", "always"), EPERM);
	ck_assert_int_eq(hak_option_set("thp", "nonsense"), EINVAL);
	ck_assert_str_eq(get("thp"), "never");
	ck_assert_ptr_nonnull(
		strstr(listing(), "from /etc/some.conf:7, not overridable\nthp = never\n"));
	ck_assert_ptr_nonnull(strstr(listing(), "from /etc/some.conf:8\ndirty_max = 1\n"));
	ck_assert_int_eq(hak_option_set("dirty_max", "2"), 0);
	ck_assert_ptr_nonnull(strstr(listing(), "from hak_option_set\ndirty_max = 2\n"));
}
END_TEST

/* The listing is a configuration file that says what is so. */
START_TEST(listing_is_a_file)
{
	char path[] = "/tmp/hakmem-listing.XXXXXX", text[64];
	int fd = mkstemp(path);
	FILE *f;

	ck_assert_int_ge(fd, 0);
	for (unsigned i = 0; hm_options_info(i) != NULL; i++) {
		char line[128];

		snprintf(line, sizeof line, "\n%s = %s\n", hak_option_name(i),
			 get(hak_option_name(i)));
		ck_assert(hm_options_info(i)->type[0] == 'T' || strstr(listing(), line) != NULL);
		ck_assert_ptr_nonnull(strstr(listing(), hm_options_info(i)->text));
	}
	f = fdopen(fd, "w");
	fputs("verbose = on\n", f);
	/* Other values, to be found again. */
	for (unsigned i = 1; hm_options_info(i) != NULL; i++) {
		const struct hm_option_info *row = hm_options_info(i);

		if (row->type[0] != 'T')
			fprintf(f, "%s = %s\n", row->name, other_value(row, text));
	}
	fclose(f);
	hm_config_system = path;
	hm_options_read();
	strcpy(text, get("dirty_max"));
	ck_assert_str_eq(text, "0");
	f = fopen(path, "w");
	fputs(listing(), f);
	fclose(f);
	hm_options_read();
	for (unsigned i = 1; hm_options_info(i) != NULL; i++) {
		const struct hm_option_info *row = hm_options_info(i);

		if (row->type[0] != 'T')
			ck_assert_str_eq(get(row->name), other_value(row, text));
	}
	unlink(path);
	hm_options.stats = 0;
}
END_TEST

/* The hard limit comes and goes while blocks do. */
START_TEST(limit_at_run_time)
{
	void *p = hak_malloc((size_t)4 << 20), *q;

	ck_assert_int_eq(hak_option_set("limit_hard", "64M"), 0);
	q = hak_malloc((size_t)128 << 20);
	ck_assert_ptr_null(q);
	ck_assert_int_eq(hak_option_set("limit_hard", "0"), 0);
	q = hak_malloc((size_t)128 << 20);
	ck_assert_ptr_nonnull(q);
	ck_assert_int_eq(hak_option_set("limit_hard", "64M"), 0);
	hak_free(q);
	hak_free(p);
	for (unsigned i = 0; i < 100; i++) {
		p = hak_malloc((size_t)48 << 20);
		ck_assert_ptr_nonnull(p);
		hak_free(p);
	}
	ck_assert_int_eq(hak_option_set("limit_hard", "0"), 0);
}
END_TEST

/* Others allocate while options change. */
static _Atomic bool stop;

static void *allocate(void *arg)
{
	size_t n = 0;

	(void)arg;
	while (!hm_load_relaxed(&stop)) {
		char *p = hak_malloc(n * 7919 % 300000), *q;

		ck_assert_ptr_nonnull(p);
		q = hak_realloc(p, n * 104729 % 5000000 + 1);
		ck_assert_ptr_nonnull(q);
		hak_free(q);
		n++;
	}
	return NULL;
}

START_TEST(set_while_others_allocate)
{
	static const char *const settings[][3] = {
		{ "dirty_max", "0", "32M" },	{ "purge_delay", "0", "1000" },
		{ "large_cache", "0", "256M" }, { "thp", "never", "auto" },
		{ "limit_soft", "1M", "0" },	{ "limit_hard", "1G", "0" },
	};
	pthread_t threads[3];

	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, allocate, NULL), 0);
	for (unsigned i = 0; i < 3000; i++) {
		const char *const *s = settings[i % 6];
		char buf[64];

		ck_assert_int_eq(hak_option_set(s[0], s[1 + i / 6 % 2]), 0);
		ck_assert_int_eq(hak_option_get(s[0], buf, sizeof buf), 0);
	}
	hm_store_relaxed(&stop, true);
	for (unsigned i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	/* Nothing of a limit that is gone stays pending. */
	ck_assert_int_eq(hak_option_set("limit_hard", "0"), 0);
	hak_purge();
	ck_assert_int_eq(hak_option_set("limit_hard", "64M"), 0);
	for (unsigned i = 0; i < 10; i++) {
		void *p = hak_malloc((size_t)40 << 20);

		ck_assert_ptr_nonnull(p);
		hak_free(p);
	}
	ck_assert_int_eq(hak_option_set("limit_hard", "0"), 0);
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		each_option, refused, fixed_by_the_file, listing_is_a_file, limit_at_run_time,
		set_while_others_allocate,
	};

	return SUPPORT_RUN("option_api", tests);
}
