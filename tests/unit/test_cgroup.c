/*
 * test_cgroup.c - the control group's limits, from directories of files made up here and, where
 * a group may be made, from the kernel's.
 */
#include "base/base.h"
#include "os/cgroup.h"

#include "support.h"

#include <errno.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define NONE HM_CGROUP_UNLIMITED

static char root[] = "/tmp/hakmem-cgroup-XXXXXX", self[64];

/* A file below the root, and the folders that it is in; content NULL: a folder. */
static void put(const char *name, const char *content, size_t len)
{
	char path[4096];
	FILE *f;

	must(snprintf(path, sizeof path, "%s/%s", root, name) < (int)sizeof path);
	for (char *c = path + sizeof root; *c != '\0'; c++) {
		if (*c != '/')
			continue;
		*c = '\0';
		must(mkdir(path, 0777) == 0 || errno == EEXIST);
		*c = '/';
	}
	if (content == NULL) {
		must(mkdir(path, 0777) == 0 || errno == EEXIST);
		return;
	}
	f = fopen(path, "w");
	must(f != NULL);
	must(fwrite(content, 1, len, f) == len);
	must(fclose(f) == 0);
}

static void put_text(const char *name, const char *text)
{
	put(name, text, strlen(text));
}

static void in_group(const char *text)
{
	put_text("self", text);
}

static void remove_all(void)
{
	char command[128];

	snprintf(command, sizeof command, "rm -rf %s", root);
	must(system(command) == 0);
}

static void setup(void)
{
	must(mkdtemp(root) != NULL);
	snprintf(self, sizeof self, "%s/self", root);
	hm_cgroup_self = self;
	hm_cgroup_root = root;
}

static void expect(uint64_t high, uint64_t max, uint32_t files, uint32_t malformed, bool found)
{
	struct hm_cgroup g;

	errno = 77;
	hm_cgroup_read(&g);
	must(errno == 77);
	must_say(g.high == high && g.max == max && g.files == files && g.malformed == malformed &&
			 g.found == found,
		 "high %" PRIu64 ", max %" PRIu64 ", %u files, %u malformed, found %d", g.high,
		 g.max, g.files, g.malformed, g.found);
}

START_TEST(least_of_the_ancestors)
{
	in_group("0::/a/b/c\n");
	put_text("a/b/c/memory.max", "max\n");
	put_text("a/b/c/memory.high", "max\n");
	expect(NONE, NONE, 2, 0, true);
	put_text("a/b/memory.max", "5000000\n");
	put_text("a/b/memory.high", "max\n");
	expect(NONE, 5000000, 4, 0, true);
	put_text("a/memory.max", "7000000\n");
	put_text("a/memory.high", "4000000\n");
	expect(4000000, 5000000, 6, 0, true);
	/* Of the root of the mount, where a container's own limits are. */
	put_text("memory.max", "3000000\n");
	expect(4000000, 3000000, 7, 0, true);
	/* Not of a sister. */
	put_text("a/bb/memory.max", "1\n");
	expect(4000000, 3000000, 7, 0, true);
}
END_TEST

START_TEST(paths)
{
	put_text("memory.max", "1000\n");
	put_text("a/memory.max", "500\n");
	in_group("0::/\n");
	expect(NONE, 1000, 1, 0, true);
	in_group("0::/a");
	expect(NONE, 500, 2, 0, true);
	in_group("0::/a/\n");
	expect(NONE, 500, 2, 0, true);
	/* The host's path, of which nothing is there; a group that is gone. */
	in_group("0::/system.slice/docker-0123.scope\n");
	expect(NONE, 1000, 1, 0, true);
	in_group("0::/a/gone (deleted)\n");
	expect(NONE, 500, 2, 0, true);
	/* Outside this namespace. */
	in_group("0::/../a\n");
	expect(NONE, 1000, 1, 0, true);
	in_group("0::/a/..\n");
	expect(NONE, 1000, 1, 0, true);
	put_text("a/..b/memory.max", "400\n");
	in_group("0::/a/..b\n");
	expect(NONE, 400, 3, 0, true);
	/* Among hierarchies of version 1, last or not. */
	in_group("10:memory:/x\n1:name=systemd:/0::/\n00::/q\n0::/a\n");
	expect(NONE, 500, 2, 0, true);
	in_group("0::/a\n1:cpu:/x\n");
	expect(NONE, 500, 2, 0, true);
}
END_TEST

START_TEST(no_group)
{
	static const char *const texts[] = {
		"", "\n", "0", "0:", "0:\n:/a\n", "1:name=systemd:/a\n", "4:memory:/a\n3:cpu:/\n",
		"x0::/a\n", "0:x:/a\n", "\n\n\n",
	};

	put_text("a/memory.max", "500\n");
	put_text("memory.max", "1000\n");
	expect(NONE, NONE, 0, 0, false); /* no such file */
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		in_group(texts[i]);
		expect(NONE, NONE, 0, 0, false);
	}
	/* A path that is none. */
	in_group("0::\n");
	expect(NONE, NONE, 0, 1, false);
	in_group("0::a\n");
	expect(NONE, NONE, 0, 1, false);
	/* The folder instead of the file. */
	hm_cgroup_self = root;
	expect(NONE, NONE, 0, 0, false);
	hm_cgroup_self = "/dev/zero";
	expect(NONE, NONE, 0, 0, false);
}
END_TEST

START_TEST(values)
{
	static const struct {
		const char *text;
		uint64_t max;
	} good[] = {
		{ "0\n", 0 }, { "1", 1 }, { "007\n", 7 }, { "max", NONE }, { "max\n", NONE },
		{ "9223372036854771712\n", 9223372036854771712u },
		{ "18446744073709551615\n", NONE }, { "18446744073709551616\n", NONE },
		{ "99999999999999999999999999\n", NONE },
	};
	static const char *const bad[] = {
		"", "\n", "-1\n", "+1\n", " 1\n", "1 \n", "1K\n", "MAX\n", "maxx\n", "ma\n",
		"0x10\n", "1\n2\n", "\n1", "1.5\n",
		"99999999999999999999999999999999999999999999\n",
		"\377\376",
	};

	in_group("0::/a\n");
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		put_text("a/memory.max", good[i].text);
		expect(NONE, good[i].max, 1, 0, true);
	}
	put_text("memory.high", "5\n");
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		put_text("a/memory.max", bad[i]);
		expect(5, NONE, 1, 1, true);
	}
	put("a/memory.max", "5\0\n", 3);
	expect(5, NONE, 1, 1, true);
	/* A folder of that name; what nobody may read. */
	put("a/memory.high", NULL, 0);
	put_text("a/memory.max", "3\n");
	expect(5, 3, 2, 1, true);
}
END_TEST

START_TEST(long_paths)
{
	char name[3000], text[3100];
	uint64_t seed = support_seed;

	put_text("memory.max", "1000\n");
	put_text("xx/memory.max", "900\n");
	/* At each length about the room that there is, and one component that is longer. */
	for (size_t len = 900; len < 1100; len++) {
		memset(name, 'y', len);
		memcpy(name, "/xx/", 4);
		name[len] = '\0';
		snprintf(text, sizeof text, "0::%s\n", name);
		in_group(text);
		expect(NONE, 900, 2, 0, true);
	}
	memset(name, 'z', sizeof name);
	name[0] = '/';
	name[sizeof name - 1] = '\0';
	snprintf(text, sizeof text, "0::%s\n", name);
	in_group(text);
	expect(NONE, 1000, 1, 0, true);
	/* Anything at all: it ends, and nothing is written beyond (sanitizers). */
	for (unsigned i = 0; i < 300; i++) {
		static const char alphabet[] = "0:/.a\n1:x0::/";
		struct hm_cgroup g;
		size_t len = support_below(&seed, sizeof text - 1);

		for (size_t k = 0; k < len; k++)
			text[k] = alphabet[support_below(&seed, sizeof alphabet - 1)];
		text[len] = '\0';
		in_group(text);
		hm_cgroup_read(&g);
	}
	memset(text, '/', sizeof text - 1);
	memcpy(text, "0::", 3);
	text[sizeof text - 1] = '\0';
	in_group(text);
	expect(NONE, 1000, 1, 0, true);
	/* The root itself is too long. */
	memset(name, 'r', sizeof name - 1);
	hm_cgroup_root = name;
	expect(NONE, NONE, 0, 0, false);
}
END_TEST

static bool write_text(const char *folder, const char *name, const char *text)
{
	char path[128];
	bool done;
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	f = fopen(path, "r+");
	if (f == NULL)
		return false;
	done = fputs(text, f) >= 0;
	return fclose(f) == 0 && done;
}

/* In a group of our own, where the kernel lets us make one. */
START_TEST(for_real)
{
	static const char group[] = "/sys/fs/cgroup/hakmem-test";
	struct hm_cgroup g;
	struct statfs fs;
	int status = 0;
	pid_t pid;

	hm_cgroup_self = "/proc/self/cgroup";
	hm_cgroup_root = "/sys/fs/cgroup";
	hm_cgroup_read(&g); /* whatever there is */
	printf("here: %u files, high %" PRIu64 ", max %" PRIu64 "\n", g.files, g.high, g.max);
	if (statfs(hm_cgroup_root, &fs) != 0 || fs.f_type != CGROUP2_SUPER_MAGIC ||
	    mkdir(group, 0755) != 0) {
		printf("no group can be made here\n");
		return;
	}
	fflush(stdout);
	pid = fork();
	must(pid >= 0);
	if (pid == 0) {
		if (!write_text(group, "memory.max", "268435456") ||
		    !write_text(group, "cgroup.procs", "0"))
			_exit(77);
		hm_cgroup_read(&g);
		_exit(g.found && g.max <= 268435456 && g.malformed == 0 ? 0 : 1);
	}
	must(waitpid(pid, &status, 0) == pid);
	(void)rmdir(group);
	must_say(status == 0 || WEXITSTATUS(status) == 77, "status %#x", (unsigned)status);
	printf("a group of our own: %s\n", status == 0 ? "read" : "without memory.max");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		least_of_the_ancestors, paths, no_group, values, long_paths, for_real,
	};

	return support_run_between("cgroup", tests, sizeof tests / sizeof tests[0], setup,
				   remove_all);
}
