/*
 * test_config_file.c - configuration files: every option from every source, which source counts,
 * includes and sections, and files that are none. Each is read in a child, with a folder of its
 * own in place of the system's.
 */
#include "base/base.h"
#include "policy/config_file.h"
#include "policy/option_value.h"
#include "policy/options.h"

#include <check.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Stands before libc's, so that a test can play the setuid program, of any name. */
static bool secure_mode;
static const char *called = "/usr/sbin/tester";

unsigned long getauxval(unsigned long type)
{
	if (type == AT_EXECFN)
		return (unsigned long)(uintptr_t)called;
	return type == AT_SECURE ? secure_mode : type == AT_PAGESZ ? 4096 : 0;
}

static struct result {
	struct hm_options values;
	struct {
		uint8_t source;
		bool fixed;
		unsigned line;
		char file[64];
	} origins[sizeof(struct hm_options) / 8];
} *seen; /* the child's, in shared memory */
static char said[8192]; /* its stderr */
static char folder[64], path[128];

static const char *in_folder(const char *name)
{
	static char paths[4][256];
	static unsigned next;
	char *p = paths[next++ % 4];

	snprintf(p, sizeof paths[0], "%s/%s", folder, name);
	return p;
}

static void write_bytes(const char *name, const void *bytes, size_t len)
{
	FILE *f = fopen(in_folder(name), "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(bytes, 1, len, f), len);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(chmod(in_folder(name), 0644), 0);
}

static void write_file(const char *name, const char *text)
{
	write_bytes(name, text, strlen(text));
}

static void read_in_child(char **env, int err)
{
	dup2(err, 2);
	environ = env;
	for (unsigned i = 0; hm_options_info(i) != NULL; i++)
		ck_assert_uint_eq(hm_options_origin(i).source, HM_FROM_DEFAULT);
	errno = 12345;
	hm_options_read();
	seen->values = hm_options;
	for (unsigned i = 0; hm_options_info(i) != NULL; i++) {
		struct hm_option_origin from = hm_options_origin(i);

		seen->origins[i].source = (uint8_t)from.source;
		seen->origins[i].fixed = from.fixed;
		seen->origins[i].line = from.line;
		snprintf(seen->origins[i].file, 64, "%s", from.file != NULL ? from.file : "");
	}
	_exit(errno == 12345 ? 0 : 1);
}

/* Reads the system's file, and this environment, in a child; fills seen and said. */
static void with(const char *const *env)
{
	static char *copies[64];
	size_t len = 0;
	int fds[2], status, n = 0;
	ssize_t got;
	pid_t pid;

	memset(said, 0, sizeof(said));
	memset(seen, 0, sizeof(*seen));
	for (; env[n] != NULL; n++)
		copies[n] = strdup(env[n]);
	copies[n] = NULL;
	ck_assert_int_eq(pipe(fds), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		read_in_child(copies, fds[1]);
	close(fds[1]);
	while (len < sizeof(said) - 1 &&
	       (got = read(fds[0], said + len, sizeof(said) - 1 - len)) > 0)
		len += (size_t)got;
	close(fds[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	while (n > 0)
		free(copies[--n]);
}

#define WITH(...) with((const char *const[]){ __VA_ARGS__, NULL })
#define VERBOSE "HAKMEM_VERBOSE=1"

static uint64_t value_of(const char *name)
{
	return ((uint64_t *)&seen->values)[hm_options_find(name)];
}

static unsigned source_of(const char *name)
{
	return seen->origins[hm_options_find(name)].source;
}

#define IS(name, v) ck_assert_uint_eq(value_of(name), (v))
#define SAID(text) ck_assert_str_eq(said, text)

static void check_defaults(void)
{
	for (unsigned i = 0; hm_options_info(i) != NULL; i++)
		ck_assert_uint_eq(value_of(hm_options_info(i)->name), hm_options_info(i)->dflt);
}

/* What is said begins with a file of the folder. */
static const char *line_of(const char *file, const char *rest)
{
	static char text[512];

	snprintf(text, sizeof text, "hakmem: %s/%s%s\n", folder, file, rest);
	return text;
}

static void remove_all(void)
{
	char command[128];

	snprintf(command, sizeof command, "rm -rf %s", folder);
	ck_assert_int_eq(system(command), 0);
}

static void set_up(void)
{
	secure_mode = false;
	called = "/usr/sbin/tester";
	snprintf(folder, sizeof folder, "/tmp/hakmem-config.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/hakmem.conf", folder);
	hm_config_system = path;
}

/* ---- every option from every source ---- */

/* A value that is not the default, as text. */
static const char *other_value(const struct hm_option_info *row, uint64_t *value)
{
	static char text[64];
	struct hm_text t;

	hm_text_init(&t, text, sizeof text);
	*value = row->dflt != row->max ? row->max : row->min;
	if (row->type[0] == 'T')
		memset(text, 'x', row->min > 0 ? (size_t)row->min : 1);
	else
		hm_option_value_format(row, *value, &t);
	return text;
}

static void check_row(const struct hm_option_info *row, uint64_t value, unsigned source)
{
	if (row->type[0] != 'T')
		ck_assert_msg(value_of(row->name) == value, "%s from %u", row->name, source);
	ck_assert_msg(source_of(row->name) == source, "%s: source %u", row->name,
		      source_of(row->name));
}

START_TEST(each_from_each)
{
	char line[256], user[256];

	snprintf(user, sizeof user, "HAKMEM_CONFIG_FILE=%s/user.conf", folder);
	for (unsigned i = 0; hm_options_info(i) != NULL; i++) {
		const struct hm_option_info *row = hm_options_info(i);
		uint64_t value;
		const char *text = other_value(row, &value);

		snprintf(line, sizeof line, "%s = %s\n", row->name, text);
		write_file("hakmem.conf", line);
		WITH("A=b");
		check_row(row, value, HM_FROM_FILE);
		write_file("user.conf", line);
		write_file("hakmem.conf", "");
		WITH("A=b", user);
		check_row(row, value, HM_FROM_USER_FILE);
		snprintf(line, sizeof line, "[proc:tester]\n%s=%s", row->name, text);
		write_file("hakmem.conf", line);
		WITH("A=b");
		check_row(row, value, HM_FROM_SECTION);
		write_file("hakmem.conf", "");
		snprintf(line, sizeof line, "%s=%s", row->env, text);
		WITH("A=b", line);
		check_row(row, value, HM_FROM_ENVIRONMENT);
		SAID("");
	}
}
END_TEST

/* ---- which counts ---- */

START_TEST(precedence)
{
	char user[256];

	snprintf(user, sizeof user, "HAKMEM_CONFIG_FILE=%s/user.conf", folder);
	write_file("hakmem.conf", "[proc:tester]\ndirty_max=3\n[proc:other]\ndirty_max=9\n");
	WITH("A=b");
	IS("dirty_max", 3);
	/* A section counts more wherever it stands; the last of equals counts. */
	write_file("hakmem.conf", "include s.conf\npreset=small\ndirty_max=1\ndirty_max=2\n");
	write_file("s.conf", "[proc:tester]\ndirty_max=3\ndirty_max=4\n");
	WITH("A=b");
	IS("dirty_max", 4);
	IS("large_cache", 0);
	ck_assert_uint_eq(source_of("large_cache"), HM_FROM_PRESET);
	ck_assert_uint_eq(source_of("dirty_max"), HM_FROM_SECTION);
	write_file("user.conf", "dirty_max=5\n");
	WITH(user);
	IS("dirty_max", 5);
	write_file("user.conf", "dirty_max=5\n[proc:tester]\ndirty_max=6\n[proc:x]\ndirty_max=7\n");
	WITH(user);
	IS("dirty_max", 6);
	WITH(user, "HAKMEM_DIRTY_MAX=8");
	IS("dirty_max", 8);
	/* What is set anywhere is stronger than a preset that is set anywhere. */
	WITH("HAKMEM_PRESET=latency");
	IS("dirty_max", 4);
	IS("prewarm", 16);
	WITH("HAKMEM_PRESET=none");
	IS("large_cache", 268435456);
}
END_TEST

START_TEST(fixed)
{
	char user[256];

	snprintf(user, sizeof user, "HAKMEM_CONFIG_FILE=%s/user.conf", folder);
	write_file("hakmem.conf", "-dirty_max=1\n+thp=never\n- preset = small\n-verbose=off\n");
	write_file("user.conf", "dirty_max=2\nthp=always\npreset=latency\n-purge_delay=7\n");
	WITH("HAKMEM_DIRTY_MAX=3", user, "HAKMEM_PRESET=latency", "HAKMEM_PURGE_DELAY=8", VERBOSE,
	     "HAKMEM_NOSUCH=1");
	IS("dirty_max", 1);
	IS("thp", HM_THP_ALWAYS);
	IS("large_cache", 0);
	IS("prewarm", HM_PREWARM);
	IS("purge_delay", 7);
	IS("verbose", 0);
	SAID("");
	/* A bad value is told of, though it would not have counted. */
	write_file("hakmem.conf", "-dirty_max=1\n");
	WITH("HAKMEM_DIRTY_MAX=many", VERBOSE);
	SAID("hakmem: HAKMEM_DIRTY_MAX=many: not a number from 0 to 1099511627776; ignored\n");
	/* The modifier that counts is that of the line in force. */
	write_file("hakmem.conf", "-dirty_max=1\n[proc:tester]\ndirty_max=2\n");
	WITH("HAKMEM_DIRTY_MAX=3");
	IS("dirty_max", 3);
	write_file("hakmem.conf", "dirty_max=1\n[proc:tester]\n-dirty_max=2\n");
	WITH("HAKMEM_DIRTY_MAX=3");
	IS("dirty_max", 2);
}
END_TEST

static bool am_root(void)
{
	return getuid() == 0;
}

START_TEST(secure)
{
	char user[256];

	write_file("hakmem.conf", "@dirty_max=1\n$purge_delay=2\nlarge_cache=3\n"
				  "anysecure limit_soft=4\n");
	snprintf(user, sizeof user, "HAKMEM_CONFIG_FILE=%s/user.conf", folder);
	write_file("user.conf", "limit_hard=9\n");
	WITH("A=b");
	IS("dirty_max", 33554432);
	IS("purge_delay", 2);
	IS("large_cache", 3);
	IS("limit_soft", 4);
	secure_mode = true;
	WITH("HAKMEM_PURGE_DELAY=8", "HAKMEM_THP=never", VERBOSE, user);
	IS("thp", HM_THP_AUTO);
	IS("limit_hard", 0);
	IS("verbose", 0);
	SAID("");
	if (!am_root()) {
		check_defaults();
		return;
	}
	IS("dirty_max", 1);
	IS("purge_delay", 1000);
	IS("large_cache", 3);
	IS("limit_soft", 4);
	/* Others own it, or may write to it. */
	ck_assert_int_eq(chmod(path, 0664), 0);
	WITH("A=b");
	check_defaults();
	ck_assert_int_eq(chmod(path, 0646), 0);
	WITH("A=b");
	check_defaults();
	ck_assert_int_eq(chmod(path, 0644), 0);
	ck_assert_int_eq(chown(path, 12345, 0), 0);
	WITH("A=b");
	check_defaults();
	secure_mode = false;
	WITH("A=b");
	IS("large_cache", 3);
}
END_TEST

START_TEST(secure_includes)
{
	if (!am_root())
		return;
	secure_mode = true;
	write_file("hakmem.conf", "verbose=on\ninclude other.conf\ndirty_max=1\n");
	write_file("other.conf", "purge_delay=5\n");
	ck_assert_int_eq(chown(in_folder("other.conf"), 12345, 0), 0);
	WITH("A=b");
	IS("purge_delay", 1000);
	IS("dirty_max", 1);
	SAID(line_of("other.conf", ": not owned by root, or others may write to it; skipped"));
}
END_TEST

/* ---- sections ---- */

START_TEST(programs)
{
	char self[256], text[600];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	ck_assert_int_gt(n, 0);
	self[n] = '\0';
	snprintf(text, sizeof text, "[proc:tester]\ndirty_max=1\n[proc:%s]\npurge_delay=2\n"
		 "[proc:/usr/sbin/tester]\nlarge_cache=3\n[proc:%s]\nlimit_soft=4\n",
		 self, strrchr(self, '/') + 1);
	write_file("hakmem.conf", text);
	WITH("A=b");
	IS("dirty_max", 1);
	IS("purge_delay", 2);
	IS("large_cache", 268435456);
	IS("limit_soft", 0);
	called = "tester";
	WITH("A=b");
	IS("dirty_max", 1);
	called = "";
	WITH("A=b");
	IS("dirty_max", 33554432);
	called = NULL;
	WITH("A=b");
	IS("dirty_max", 33554432);
	IS("purge_delay", 2);
	/* The caller's name for it is nothing to a program with rights of its own. */
	called = "/tmp/tester";
	secure_mode = true;
	WITH("A=b");
	IS("dirty_max", 33554432);
	if (am_root()) {
		IS("purge_delay", 2);
		IS("limit_soft", 4);
	}
}
END_TEST

START_TEST(bad_header)
{
	write_file("hakmem.conf", "verbose=1\nprewarm=3\n[proc:tester\ndirty_max=1\n"
				  "include other.conf\n[proc:tester]\npurge_delay=2\n");
	write_file("other.conf", "limit_soft=4\n");
	WITH("A=b");
	/* What stands behind it was meant for some program: for none now. */
	IS("dirty_max", 33554432);
	IS("limit_soft", 0);
	IS("purge_delay", 2);
	SAID(line_of("hakmem.conf", ":3: not [proc:name] or [proc:/path]; skipped"));
}
END_TEST

/* ---- includes ---- */

START_TEST(include_files)
{
	ck_assert_int_eq(mkdir(in_folder("d"), 0755), 0);
	write_file("hakmem.conf", "dirty_max=1\ninclude d/*.conf\nthp=never\n");
	write_file("d/20-b.conf", "dirty_max=3\ninclude deep.inc\n");
	write_file("d/10-a.conf", "dirty_max=2\npurge_delay=5\n");
	write_file("d/30-c.conf~", "dirty_max=9\n");
	write_file("d/.hidden.conf", "dirty_max=9\n");
	write_file("d/deep.inc", "limit_soft=4\n");
	WITH(VERBOSE);
	SAID("");
	IS("dirty_max", 3);
	IS("purge_delay", 5);
	IS("limit_soft", 4);
	IS("thp", HM_THP_NEVER);
	ck_assert_str_eq(seen->origins[hm_options_find("limit_soft")].file,
			 in_folder("d/deep.inc"));
	ck_assert_uint_eq(seen->origins[hm_options_find("limit_soft")].line, 1);
	ck_assert_uint_eq(seen->origins[hm_options_find("thp")].line, 3);
	/* A folder may be empty, or not be there; a file must be. */
	write_file("hakmem.conf", "include e*.conf\ninclude none.d/*.conf\ninclude gone.conf\n");
	WITH("A=b");
	SAID("");
	WITH(VERBOSE);
	ck_assert_ptr_nonnull(strstr(said, "none.d/: the folder cannot be read; skipped\n"));
	ck_assert_ptr_nonnull(strstr(said, "gone.conf: there is no such file; skipped\n"));
}
END_TEST

START_TEST(include_in_section)
{
	write_file("hakmem.conf", "[proc:other]\ninclude a.conf\n[proc:tester]\ninclude b.conf\n"
				  "large_cache=7\n");
	write_file("a.conf", "dirty_max=1\n");
	write_file("b.conf", "purge_delay=2\n[proc:other]\nlimit_soft=3\n");
	WITH("A=b");
	IS("dirty_max", 33554432);
	IS("purge_delay", 2);
	ck_assert_uint_eq(source_of("purge_delay"), HM_FROM_SECTION);
	IS("limit_soft", 0);
	IS("large_cache", 7);
}
END_TEST

START_TEST(include_loops)
{
	char name[32], text[64];

	write_file("hakmem.conf", "include hakmem.conf\ninclude b.conf\ndirty_max=1\n");
	write_file("b.conf", "include hakmem.conf\npurge_delay=2\n");
	WITH("A=b");
	SAID("");
	IS("dirty_max", 1);
	IS("purge_delay", 2);
	WITH(VERBOSE);
	ck_assert_ptr_nonnull(strstr(said, "included too deep"));
	/* Each of many files includes all. */
	write_file("hakmem.conf", "include *.inc\nlimit_soft=7\n");
	for (unsigned i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "%03u.inc", i);
		snprintf(text, sizeof text, "include *.inc\nlarge_cache=%u\n", i + 1);
		write_file(name, text);
	}
	WITH("A=b");
	SAID("");
	/* The bound on all files: nothing but them is lost. */
	IS("limit_soft", 7);
	for (unsigned i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "%03u.inc", i);
		snprintf(text, sizeof text, "large_cache=%u\n", i + 1);
		write_file(name, text);
	}
	WITH(VERBOSE);
	/* The first 64 by their names, whatever order the folder has them in. */
	IS("large_cache", 64);
	ck_assert_ptr_nonnull(strstr(said, "too many files in the folder"));
}
END_TEST

/* ---- files that are none ---- */

START_TEST(no_file)
{
	WITH(VERBOSE);
	IS("verbose", 1);
	SAID("");
	hm_config_system = "/dev/null/hakmem.conf";
	WITH(VERBOSE);
	SAID("");
	WITH(VERBOSE, "HAKMEM_CONFIG_FILE=");
	ck_assert_ptr_nonnull(strstr(said, "there is no such file"));
	WITH("HAKMEM_CONFIG_FILE=/nowhere/at/all");
	SAID("");
}
END_TEST

START_TEST(not_a_file)
{
	ck_assert_int_eq(mkdir(path, 0755), 0);
	WITH("HAKMEM_PURGE_DELAY=5");
	IS("purge_delay", 5);
	SAID("");
	WITH(VERBOSE);
	SAID(line_of("hakmem.conf", ": not a regular file; skipped"));
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_int_eq(mkfifo(path, 0644), 0);
	WITH(VERBOSE);
	SAID(line_of("hakmem.conf", ": not a regular file; skipped"));
	unlink(path);
	ck_assert_int_eq(symlink("/dev/zero", path), 0);
	WITH(VERBOSE);
	SAID(line_of("hakmem.conf", ": not a regular file; skipped"));
	unlink(path);
	ck_assert_int_eq(symlink(path, path), 0);
	WITH(VERBOSE);
	SAID(line_of("hakmem.conf", ": the file cannot be opened; skipped"));
	unlink(path);
	ck_assert_int_eq(symlink("real.conf", path), 0);
	WITH(VERBOSE);
	SAID("");
	write_file("real.conf", "dirty_max=1");
	WITH(VERBOSE);
	IS("dirty_max", 1);
	if (!am_root()) {
		ck_assert_int_eq(chmod(in_folder("real.conf"), 0), 0);
		WITH(VERBOSE);
		SAID(line_of("hakmem.conf", ": the file cannot be opened; skipped"));
	}
}
END_TEST

START_TEST(odd_contents)
{
	static char big[200 << 10];
	size_t len;

	write_file("hakmem.conf", "");
	WITH(VERBOSE);
	SAID("");
	write_file("hakmem.conf",
		   "verbose=on\r\nnosuch=1\r\nthp=ever\r\nrubbish\r\ndirty_max=7\r\n");
	WITH("A=b");
	IS("dirty_max", 7);
	ck_assert_ptr_nonnull(strstr(said, "/hakmem.conf:2: nosuch: no such option; skipped\n"));
	ck_assert_ptr_nonnull(strstr(said, "/hakmem.conf:3: ever: thp is not one of auto, never, "
					   "always; skipped\n"));
	ck_assert_ptr_nonnull(strstr(said, "/hakmem.conf:4: not key = value; skipped\n"));
	/* Too long: what is whole of it counts. */
	len = (size_t)sprintf(big, "dirty_max=5\n");
	memset(big + len, '\n', sizeof big - len);
	memcpy(big + sizeof big - 12, "purge_delay=", 12);
	write_bytes("hakmem.conf", big, sizeof big);
	WITH(VERBOSE);
	IS("dirty_max", 5);
	IS("purge_delay", 1000);
	SAID(line_of("hakmem.conf", ": the file is too long: its end; skipped"));
	/* One line without an end; all NULs; a program. */
	memset(big, 'a', sizeof big);
	write_bytes("hakmem.conf", big, sizeof big);
	WITH("A=b");
	check_defaults();
	memset(big, 0, sizeof big);
	write_bytes("hakmem.conf", big, sizeof big);
	WITH("A=b");
	check_defaults();
	/* Not this one: it has settings in its strings. */
	hm_config_system = "/bin/sh";
	WITH("A=b");
	check_defaults();
	SAID("");
	/* A size of 0 is not to be believed everywhere. */
	hm_config_system = "/proc/self/status";
	WITH(VERBOSE);
	ck_assert_ptr_nonnull(strstr(said, ":1: not key = value"));
}
END_TEST

/* ---- presets and aliases ---- */

START_TEST(each_preset_does_what_it_says)
{
	static const struct {
		const char *preset, *name, *value;
	} rows[] = {
#define HM_PRESET(preset, name, value) { #preset, #name, value },
#include "policy/presets.def"
#undef HM_PRESET
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int row = hm_options_find(rows[i].name);
		char env[64], text[64];
		uint64_t v;

		ck_assert_int_ge(row, 0);
		ck_assert(hm_options_parse(rows[i].name, rows[i].value, &v));
		/* One that says nothing new is not to be there. */
		ck_assert_uint_ne(v, hm_options_info((unsigned)row)->dflt);
		snprintf(text, sizeof text, "preset = %s\n", rows[i].preset);
		write_file("hakmem.conf", text);
		WITH("A=b");
		IS(rows[i].name, v);
		ck_assert_uint_eq(source_of(rows[i].name), HM_FROM_PRESET);
		write_file("hakmem.conf", "");
		snprintf(env, sizeof env, "HAKMEM_PRESET=%s", rows[i].preset);
		WITH(env);
		IS(rows[i].name, v);
	}
}
END_TEST

START_TEST(aliases)
{
	static const struct {
		const char *env, *name, *values[2];
	} rows[] = {
#define HM_ALIAS(NAME, name, off, on) { "HAKMEM_" #NAME, #name, { off, on } },
#include "policy/aliases.def"
#undef HM_ALIAS
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		static const char *const words[] = { "0", "1", "no", "yes" };
		char env[64], own[64];

		for (unsigned k = 0; k < 4; k++) {
			uint64_t v;

			ck_assert(hm_options_parse(rows[i].name, rows[i].values[k % 2], &v));
			snprintf(env, sizeof env, "%s=%s", rows[i].env, words[k]);
			WITH(VERBOSE, env);
			IS(rows[i].name, v);
			ck_assert_uint_eq(source_of(rows[i].name), HM_FROM_ENVIRONMENT);
			SAID("");
			/* The option's own name counts more. */
			snprintf(own, sizeof own, "%s=%s",
				 hm_options_info((unsigned)hm_options_find(rows[i].name))->env,
				 rows[i].values[!(k % 2)]);
			WITH(env, own);
			ck_assert_uint_ne(value_of(rows[i].name), v);
			WITH(own, env);
			ck_assert_uint_ne(value_of(rows[i].name), v);
		}
		snprintf(env, sizeof env, "%s=perhaps", rows[i].env);
		WITH(VERBOSE, env);
		ck_assert_ptr_nonnull(strstr(said, "=perhaps: not one of 0, 1, no,"));
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("config_file");
	TCase *t = tcase_create("config_file");
	SRunner *r = srunner_create(s);
	int failed;

	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (seen == MAP_FAILED)
		return 99;
	tcase_add_checked_fixture(t, set_up, remove_all);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, each_from_each);
	tcase_add_test(t, precedence);
	tcase_add_test(t, fixed);
	tcase_add_test(t, secure);
	tcase_add_test(t, secure_includes);
	tcase_add_test(t, programs);
	tcase_add_test(t, bad_header);
	tcase_add_test(t, include_files);
	tcase_add_test(t, include_in_section);
	tcase_add_test(t, include_loops);
	tcase_add_test(t, no_file);
	tcase_add_test(t, not_a_file);
	tcase_add_test(t, odd_contents);
	tcase_add_test(t, each_preset_does_what_it_says);
	tcase_add_test(t, aliases);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
