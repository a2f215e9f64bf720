/*
 * doctor.c - hakmem-doctor: what is wrong with hakmem on this machine, or in a process.
 *
 * owns: nothing.
 * called from: the command line; man/hakmem-doctor.1 says how.
 */
#include "tools/tool.h"
#include "tools/doctor.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
	"usage: hakmem-doctor [OPTION]... [PID]\n"
	"Says what is wrong with hakmem on this machine, or in the process PID, and the cure.\n"
	"\n"
	"      --program FILE  which lines of the configuration count for it (full path)\n"
	"  -l, --library FILE  this file instead of the installed library, by its full path\n"
	"      --root DIR      the system below DIR, its /proc and /sys included\n"
	"      --json          print one JSON object\n"
	"\n"
	"  -h, --help\n"
	"      --version\n"
	"\n"
	"Exits with 0 when nothing is wrong, 1 when a problem was found, 2 when it cannot look.\n";

enum { LONG_PROGRAM = 256, LONG_ROOT, LONG_JSON, LONG_VERSION };

static const struct option options[] = {
	{ "program", required_argument, NULL, LONG_PROGRAM },
	{ "library", required_argument, NULL, 'l' },
	{ "root", required_argument, NULL, LONG_ROOT },
	{ "json", no_argument, NULL, LONG_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, LONG_VERSION },
	{ NULL, 0, NULL, 0 },
};

struct request {
	const char *program, *lib, *subject;
	bool json;
};

bool doctor_is_ours(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash == NULL ? path : slash + 1;

	return strncmp(name, "libhakmem", 9) == 0 && strstr(name, ".so") != NULL;
}

const char *doctor_rival(const char *path)
{
	static const char *const names[][2] = {
		{ "libjemalloc", "jemalloc" },   { "libtcmalloc", "tcmalloc" },
		{ "libmimalloc", "mimalloc" },   { "libtbbmalloc", "tbbmalloc" },
		{ "libasan", "asan" },		 { "libclang_rt.asan", "asan" },
		{ "libtsan", "tsan" },		 { "libclang_rt.tsan", "tsan" },
		{ "libsnmalloc", "snmalloc" },   { "librpmalloc", "rpmalloc" },
		{ "libhardened_malloc", "hardened_malloc" },
	};
	const char *slash = strrchr(path, '/');
	const char *name = slash == NULL ? path : slash + 1;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strncmp(name, names[i][0], strlen(names[i][0])) == 0)
			return names[i][1];
	}
	return NULL;
}

static void set_root(const char *folder)
{
	static char path[PATH_MAX];
	size_t n;

	if (realpath(folder, path) == NULL)
		tool_die(DOCTOR_CANNOT, "%s: %s", folder, strerror(errno));
	n = strlen(path);
	if (path[n - 1] == '/')
		path[n - 1] = '\0';
	look_root = path;
}

static const char *full_path(const char *path)
{
	if (*path != '/')
		tool_die(DOCTOR_CANNOT, "%s: not a full path", path);
	return path;
}

static void take(struct request *r, int option)
{
	switch (option) {
	case LONG_PROGRAM:
		r->program = full_path(optarg);
		break;
	case 'l':
		r->lib = full_path(optarg);
		break;
	case LONG_ROOT:
		set_root(optarg);
		break;
	case LONG_JSON:
		r->json = true;
		break;
	case LONG_VERSION:
		tool_version(DOCTOR_CANNOT);
	case 'h':
		fputs(help, stdout);
		exit(tool_finish(0, DOCTOR_CANNOT));
	default:
		tool_die(DOCTOR_CANNOT, "hakmem-doctor --help says how it is used");
	}
}

/* Its lines of the configuration count though it is not there yet. */
static void look_at_program(const char *path)
{
	enum look why;
	int fd = look_open(path, &why);

	if (fd < 0)
		return;
	doctor_program(fd, path);
	close(fd);
}

int main(int argc, char **argv)
{
	static char installed[PATH_MAX];
	struct request r = { .subject = "machine" };
	int option;
	long pid;

	tool_name = "hakmem-doctor";
	while ((option = getopt_long(argc, argv, "l:h", options, NULL)) != -1)
		take(&r, option);
	if (argc - optind > 1)
		tool_die(DOCTOR_CANNOT, "more than one process: %s", argv[optind + 1]);
	/* The build tree's library is none of another system. */
	if (r.lib == NULL) {
		if (!tool_library(NULL, *look_root == '\0', installed, sizeof(installed)))
			tool_die(DOCTOR_CANNOT, "%s", strerror(ENAMETOOLONG));
		r.lib = installed;
	}
	if (optind < argc) {
		if (r.program != NULL)
			tool_die(DOCTOR_CANNOT, "--program and a process exclude each other");
		if (!tool_number(argv[optind], 1, INT_MAX, &pid))
			tool_die(DOCTOR_CANNOT, "%s: not the number of a process", argv[optind]);
		r.subject = argv[optind];
		doctor_process(pid, r.lib);
	} else {
		doctor_machine(r.lib);
		if (r.program != NULL) {
			look_at_program(r.program);
			doctor_config_program(r.program, false);
		}
	}
	option = finding_print(r.json, r.subject) ? DOCTOR_ILL : DOCTOR_WELL;
	return tool_finish(option, DOCTOR_CANNOT);
}
