/*
 * test_options.c - the option table: parsing, the environment, what is said.
 *
 * owns: nothing.
 * called from: make check. Each environment is tried in a child.
 */
#include "base/base.h"
#include "policy/config_file.h"
#include "policy/options.h"

#include "suite.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Stands before libc's, so that a test can play the setuid program.
 */
static bool secure_mode;

unsigned long getauxval(unsigned long type)
{
	return type == AT_SECURE ? secure_mode : type == AT_PAGESZ ? 4096 : 0;
}

static struct hm_options *seen; /* the child's, in shared memory */
static char said[4096];         /* its stderr */

static void set_defaults(void)
{
	uint64_t *values = (uint64_t *)&hm_options;

	for (unsigned i = 0; hm_options_info(i) != NULL; i++)
		values[i] = hm_options_info(i)->dflt;
}

static void read_in_child(const char *const *env, int err)
{
	static char *copies[64];
	int n = 0;

	dup2(err, 2);
	for (; env != NULL && env[n] != NULL; n++)
		copies[n] = strdup(env[n]);
	environ = env != NULL ? copies : NULL;
	set_defaults();
	hm_config_system = "/nowhere/hakmem.conf";
	errno = 12345;
	hm_options_read();
	*seen = hm_options;
	_exit(errno == 12345 ? 0 : 1);
}

/* Reads `env` (NULL: no environment at all) in a child; fills seen and said. */
static void with(const char *const *env)
{
	size_t len = 0;
	int fds[2], status;
	ssize_t n;
	pid_t pid;

	memset(said, 0, sizeof(said));
	ck_assert_int_eq(pipe(fds), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		read_in_child(env, fds[1]);
	close(fds[1]);
	while (len < sizeof(said) - 1 &&
	       (n = read(fds[0], said + len, sizeof(said) - 1 - len)) > 0)
		len += (size_t)n;
	close(fds[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

#define WITH(...) with((const char *const[]){ __VA_ARGS__, NULL })

static void check_defaults(void)
{
	const uint64_t *values = (const uint64_t *)seen;

	for (unsigned i = 0; hm_options_info(i) != NULL; i++)
		ck_assert_msg(values[i] == hm_options_info(i)->dflt, "%s",
			      hm_options_info(i)->name);
}

/* WORD(one|two|three), and bounds as many as there are words. */
static bool is_word_type(const struct hm_option_info *a)
{
	size_t n = strlen(a->type), bars = 0;

	for (const char *c = a->type; *c != '\0'; c++)
		bars += *c == '|';
	return strncmp(a->type, "WORD(", 5) == 0 && a->type[n - 1] == ')' &&
	       strcspn(a->type, " ") == n && a->min == 0 && a->max == bars;
}

START_TEST(table_is_sound)
{
	unsigned n = 0;

	for (; hm_options_info(n) != NULL; n++) {
		const struct hm_option_info *a = hm_options_info(n);
		uint64_t v;

		ck_assert_uint_le(a->min, a->dflt);
		ck_assert_uint_le(a->dflt, a->max);
		ck_assert(strcmp(a->type, "BOOL") == 0 || strcmp(a->type, "NUMBER") == 0 ||
			  strcmp(a->type, "TEXT") == 0 || is_word_type(a));
		ck_assert(strncmp(a->env, "HAKMEM_", 7) == 0);
		ck_assert_int_eq(strcasecmp(a->env + 7, a->name), 0);
		ck_assert_uint_gt(strlen(a->text), 10);
		ck_assert(hm_options_parse(a->name, "1", &v) ==
			  (a->type[0] != 'W' && a->min <= 1 && a->max >= 1));
		ck_assert(a->type[0] != 'T' || a->dflt == 0);
		for (unsigned i = 0; i < n; i++)
			ck_assert_str_ne(a->name, hm_options_info(i)->name);
	}
	ck_assert_uint_eq(n * sizeof(uint64_t), sizeof(struct hm_options));
	ck_assert_ptr_null(hm_options_info(n + 1));
	ck_assert_ptr_null(hm_options_info(~0u));
}
END_TEST

START_TEST(parse_good)
{
	static const struct {
		const char *name, *text;
		uint64_t value;
	} good[] = {
		{ "prewarm", "0", 0 }, { "prewarm", "4096", 4096 }, { "prewarm", "007", 7 },
		{ "prewarm", "4k", 4096 }, { "dirty_max", "1M", 1048576 },
		{ "large_cache", "3G", (uint64_t)3 << 30 }, { "large_cache", "2m", 2 << 20 },
		{ "large_cache", "1024g", (uint64_t)1 << 40 }, { "large_cache", "0G", 0 },
		{ "stats", "1", 1 }, { "stats", "yes", 1 }, { "stats", "on", 1 },
		{ "stats", "true", 1 }, { "stats", "0", 0 }, { "stats", "no", 0 },
		{ "stats", "off", 0 }, { "verbose", "false", 0 },
		{ "thp", "auto", HM_THP_AUTO }, { "thp", "never", HM_THP_NEVER },
		{ "thp", "always", HM_THP_ALWAYS },
		{ "ace", "off", HM_ACE_OFF }, { "ace", "frozen", HM_ACE_FROZEN },
		{ "ace", "on", HM_ACE_ON },
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		uint64_t v = 99;

		ck_assert_msg(hm_options_parse(good[i].name, good[i].text, &v), "%s",
			      good[i].text);
		ck_assert_msg(v == good[i].value, "%s", good[i].text);
	}
}
END_TEST

START_TEST(parse_bad)
{
	static const char *const bad[][2] = {
		{ "prewarm", "" }, { "prewarm", "4097" }, { "prewarm", "-1" },
		{ "prewarm", "+1" }, { "prewarm", " 1" }, { "prewarm", "1 " },
		{ "prewarm", "0x10" }, { "prewarm", "1.5" }, { "prewarm", "5k" },
		{ "prewarm", "k" }, { "prewarm", "1kk" }, { "prewarm", "1KB" },
		{ "prewarm", "18446744073709551616" }, { "prewarm", "18446744073709551615" },
		{ "large_cache", "17179869184G" }, { "large_cache", "18446744073709551615G" },
		{ "large_cache", "99999999999999999999999999999" }, { "large_cache", "1T" },
		{ "prewarm", "36893488147419103240" }, /* 2^65 + 8 */
		{ "stats", "" }, { "stats", "2" }, { "stats", "yess" }, { "stats", "o" },
		{ "stats", "01" }, { "stats", "1k" }, { "nothing", "1" }, { "", "1" },
		{ "prewar", "1" }, { "PREWARM", "1" }, { "thp", "" }, { "thp", "0" },
		{ "thp", "1" }, { "thp", "alway" }, { "thp", "alwayss" }, { "thp", "Auto" },
		{ "thp", "auto|never" }, { "thp", "auto " }, { "thp", "|" }, { "thp", ")" },
		{ "thp", "madvise" }, { "ace", "1" }, { "ace", "yes" }, { "ace", "" },
		{ "ace", "froze" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t v = 99;

		ck_assert_msg(!hm_options_parse(bad[i][0], bad[i][1], &v), "%s=%s", bad[i][0],
			      bad[i][1]);
		ck_assert_uint_eq(v, 99);
	}
}
END_TEST

START_TEST(defaults)
{
	with(NULL);
	check_defaults();
	ck_assert_str_eq(said, "");
	WITH("HOME=/", "HAKME_PREWARM=3", "hakmem_prewarm=3", "XHAKMEM_PREWARM=3");
	check_defaults();
	ck_assert_str_eq(said, "");
}
END_TEST

START_TEST(all_are_read)
{
	WITH("A=b", "HAKMEM_PREWARM=12", "HAKMEM_DIRTY_MAX=5", "HAKMEM_LARGE_CACHE=1M",
	     "HAKMEM_THP=never", "HAKMEM_STATS=yes", "HAKMEM_VERBOSE=1");
	ck_assert_uint_eq(seen->prewarm, 12);
	ck_assert_uint_eq(seen->dirty_max, 5);
	ck_assert_uint_eq(seen->large_cache, 1048576);
	ck_assert_uint_eq(seen->thp, HM_THP_NEVER);
	ck_assert_uint_eq(seen->stats, 1);
	ck_assert_uint_eq(seen->verbose, 1);
	ck_assert_str_eq(said, "");
}
END_TEST

START_TEST(silent_unless_asked)
{
	WITH("HAKMEM_PREWARM=abc", "HAKMEM_NONSENSE=1", "HAKMEM_STATS=maybe");
	check_defaults();
	ck_assert_str_eq(said, "");
	WITH("HAKMEM_VERBOSE=0", "HAKMEM_PREWARM=abc", "HAKMEM_NONSENSE=1");
	ck_assert_str_eq(said, "");
	WITH("HAKMEM_VERBOSE=loud", "HAKMEM_PREWARM=abc");
	check_defaults();
	ck_assert_str_eq(said, "");
}
END_TEST

START_TEST(reported_when_asked)
{
	WITH("HAKMEM_PREWARM=abc", "HAKMEM_NONSENSE=1", "HAKMEM_STATS=maybe", "HAKMEM_VERBOSE=1",
	     "HAKMEM_=x", "HAKMEM_PREWARM2=7", "HAKMEM_DIRTY_MAX=3", "HAKMEM_THP=sometimes");
	ck_assert_uint_eq(seen->thp, HM_THP_AUTO);
	ck_assert_uint_eq(seen->dirty_max, 3);
	ck_assert_uint_eq(seen->stats, 0);
	ck_assert_str_eq(said,
			 "hakmem: HAKMEM_PREWARM=abc: not a number from 0 to 4096; ignored\n"
			 "hakmem: HAKMEM_THP=sometimes: not one of auto, never, always; ignored\n"
			 "hakmem: HAKMEM_STATS=maybe: not one of 0, 1, no, yes, off, on, false, "
			 "true; ignored\n"
			 "hakmem: HAKMEM_NONSENSE: no such option; ignored\n"
			 "hakmem: HAKMEM_: no such option; ignored\n"
			 "hakmem: HAKMEM_PREWARM2: no such option; ignored\n");
}
END_TEST

START_TEST(strangers_text_is_tamed)
{
	char name[1000] = "HAKMEM_", value[1000] = "HAKMEM_PREWARM=a\nb\033[2J\377";
	size_t lines = 0;

	memset(name + 7, 'N', 900);
	memset(value + strlen(value), 'v', 900);
	WITH("HAKMEM_VERBOSE=1", name, value);
	ck_assert_ptr_nonnull(strstr(said, "HAKMEM_PREWARM=a?b?[2J?vvv"));
	ck_assert_ptr_nonnull(strstr(said, "v...: not a number from 0 to 4096; ignored\n"));
	ck_assert_ptr_nonnull(strstr(said, "N...: no such option; ignored\n"));
	for (const char *c = said; *c != '\0'; c++)
		lines += *c == '\n';
	ck_assert_uint_eq(lines, 2);
	ck_assert_uint_lt(strlen(said), 400);
}
END_TEST

START_TEST(setuid_ignores_all)
{
	secure_mode = true;
	WITH("HAKMEM_VERBOSE=1", "HAKMEM_PREWARM=12", "HAKMEM_STATS=1", "HAKMEM_NONSENSE=1");
	check_defaults();
	ck_assert_str_eq(said, "");
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		table_is_sound, parse_good, parse_bad, defaults, all_are_read,
		silent_unless_asked, reported_when_asked, strangers_text_is_tamed,
		setuid_ignores_all,
	};

	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (seen == MAP_FAILED)
		return 99;
	return SUPPORT_RUN("options", tests);
}
