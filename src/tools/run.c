/*
 * run.c - hakmem-run: runs one program on hakmem, or compares it with other allocators.
 *
 * owns: nothing.
 * called from: the command line; man/hakmem-run.1 says how.
 */
#include "tools/tool.h"
#include "tools/compare.h"
#include "tools/option.h"
#include "tools/program.h"
#include "tools/run_profile.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROUNDS 5

static const char help[] =
	"usage: hakmem-run [OPTION]... PROGRAM [ARGUMENT]...\n"
	"Runs PROGRAM with its memory served by hakmem.\n"
	"\n"
	"  -o, --option KEY=VALUE  set an option of the library; -o help lists them\n"
	"  -p, --preset NAME       set the options together that suit a kind of program\n"
	"  -s, --stats[=json]      statistics on standard error when a process exits\n"
	"      --profile FILE      a heap profile of PROGRAM; the suffix says what is made of it:\n"
	"                          .svg .folded .txt .pb.gz .pb, else what hakmem-prof(1) reads\n"
	"  -V, --variant NAME      the library that was built and installed as libhakmem-NAME\n"
	"  -l, --library FILE      this file instead of the installed library\n"
	"      --no-inherit        programs that PROGRAM starts run without hakmem\n"
	"\n"
	"  -c, --compare[=N]       run it N times (5) on glibc's malloc and on hakmem, in turns;\n"
	"                          print medians of time, memory and page faults\n"
	"  -w, --with FILE         with --compare: on this library, too; may be repeated\n"
	"      --output FILE       with --compare: where PROGRAM's output goes, else nowhere;\n"
	"                          - is standard output\n"
	"      --json              with --compare: print JSON\n"
	"\n"
	"  -h, --help\n"
	"      --version\n"
	"\n"
	"Exits as PROGRAM does; 125 when it cannot run on hakmem, 126 when it cannot be executed,\n"
	"127 when it is not found. With --compare: 1 when its runs end differently.\n";

enum { LONG_NO_INHERIT = 256, LONG_PROFILE, LONG_OUTPUT, LONG_JSON, LONG_VERSION };

static const struct option options[] = {
	{ "option", required_argument, NULL, 'o' },
	{ "preset", required_argument, NULL, 'p' },
	{ "stats", optional_argument, NULL, 's' },
	{ "profile", required_argument, NULL, LONG_PROFILE },
	{ "variant", required_argument, NULL, 'V' },
	{ "library", required_argument, NULL, 'l' },
	{ "no-inherit", no_argument, NULL, LONG_NO_INHERIT },
	{ "compare", optional_argument, NULL, 'c' },
	{ "with", required_argument, NULL, 'w' },
	{ "output", required_argument, NULL, LONG_OUTPUT },
	{ "json", no_argument, NULL, LONG_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, LONG_VERSION },
	{ NULL, 0, NULL, 0 },
};

struct request {
	const char *variant, *lib, *profile;
	bool no_inherit, compare, details; /* details: something that needs --compare */
	struct compare what;
};

static hm_noreturn void usage(void)
{
	tool_die(EXIT_CANNOT, "hakmem-run --help says how it is used");
}

/* A part of a file's or variable's name. */
static bool plain_word(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-");

	return n > 0 && n < 64 && s[n] == '\0';
}

static void set(const char *name, const char *value)
{
	if (setenv(name, value, 1) != 0)
		tool_die(EXIT_CANNOT, "%s: %s", name, strerror(errno));
}

static void set_option(const char *setting)
{
	if (strcmp(setting, "help") == 0) {
		option_list();
		exit(tool_finish(0, EXIT_CANNOT));
	}
	if (!option_set(setting))
		exit(EXIT_CANNOT);
}

static void set_preset(const char *name)
{
	char setting[80];

	if (!plain_word(name))
		tool_die(EXIT_CANNOT, "%s: not the name of a preset", name);
	snprintf(setting, sizeof(setting), "preset=%s", name);
	set_option(setting);
}

static void set_stats(const char *how)
{
	if (how != NULL && strcmp(how, "json") != 0 && strcmp(how, "text") != 0)
		tool_die(EXIT_CANNOT, "--stats=%s: not json or text", how);
	set_option("stats=yes");
	if (how != NULL)
		set_option(strcmp(how, "json") == 0 ? "stats_format=json" : "stats_format=text");
}

static void set_compare(struct request *r, const char *rounds)
{
	long n = ROUNDS;

	if (rounds != NULL && !tool_number(rounds, 1, COMPARE_ROUNDS, &n))
		tool_die(EXIT_CANNOT, "--compare=%s: not a number from 1 to %d", rounds,
			 COMPARE_ROUNDS);
	r->compare = true;
	r->what.rounds = (unsigned)n;
}

static char *full_path(const char *file)
{
	char *path = realpath(file, NULL);

	if (path == NULL)
		tool_die(EXIT_CANNOT, "%s: no library: %s", file, strerror(errno));
	return path;
}

static void add_side(struct request *r, const char *file)
{
	/* One place stays for hakmem itself. */
	if (r->what.nr_libraries + 2 >= COMPARE_SIDES)
		tool_die(EXIT_CANNOT, "%s: more than %d libraries", file, COMPARE_SIDES - 2);
	r->what.libraries[++r->what.nr_libraries] = full_path(file);
	r->details = true;
}

static void take(struct request *r, int option)
{
	switch (option) {
	case 'o':
		set_option(optarg);
		break;
	case 'p':
		set_preset(optarg);
		break;
	case 's':
		set_stats(optarg);
		break;
	case 'V':
		if (!plain_word(optarg))
			tool_die(EXIT_CANNOT, "%s: not the name of a variant", optarg);
		r->variant = optarg;
		break;
	case 'l':
		r->lib = optarg;
		break;
	case LONG_PROFILE:
		r->profile = optarg;
		break;
	case LONG_NO_INHERIT:
		r->no_inherit = true;
		break;
	case 'c':
		set_compare(r, optarg);
		break;
	case 'w':
		add_side(r, optarg);
		break;
	case LONG_OUTPUT:
		r->what.output = optarg;
		r->details = true;
		break;
	case LONG_JSON:
		r->what.json = true;
		r->details = true;
		break;
	case LONG_VERSION:
		tool_version(EXIT_CANNOT);
	case 'h':
		fputs(help, stdout);
		exit(tool_finish(0, EXIT_CANNOT));
	default:
		usage();
	}
}

/* The library's full path: a relative one would not outlive a change of folder. */
static const char *library_of(const struct request *r)
{
	static char path[4096];

	if (r->lib != NULL && r->variant != NULL)
		tool_die(EXIT_CANNOT, "--library and --variant exclude each other");
	if (r->lib != NULL)
		return full_path(r->lib);
	if (!tool_library(r->variant, true, path, sizeof(path)))
		tool_die(EXIT_CANNOT, "%s", strerror(ENAMETOOLONG));
	return path;
}

/* Told by number whom it concerns: children have others. See policy/inherit.h. */
static void set_no_inherit(void)
{
	char number[32];

	snprintf(number, sizeof(number), "%ld", (long)getpid());
	set("HAKMEM_NO_INHERIT", number);
}

struct start {
	struct program *program;
	char **arguments;
	bool no_inherit;
};

/* Becomes the program. */
static hm_noreturn void start_program(void *arg)
{
	const struct start *s = arg;

	if (s->no_inherit) {
		program_skip_env(s->program);
		set_no_inherit();
	}
	program_exec(s->program, s->arguments);
	tool_die(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE, "%s: %s",
		 s->program->path, strerror(errno));
}

static void check_request(const struct request *r)
{
	if (r->details && !r->compare)
		tool_die(EXIT_CANNOT, "--with, --output and --json need --compare");
	if (r->compare && (r->no_inherit || r->profile != NULL))
		tool_die(EXIT_CANNOT, "--compare and --%s exclude each other",
			 r->no_inherit ? "no-inherit" : "profile");
}

int main(int argc, char **argv)
{
	struct request r = { .what = { .rounds = ROUNDS } };
	struct elf_file elf;
	struct program program = { .without_env = false };
	struct start start = { .program = &program };
	static struct run_profile profile;
	const char *library;
	int option;

	tool_name = "hakmem-run";
	while ((option = getopt_long(argc, argv, "+o:p:s::V:l:c::w:h", options, NULL)) != -1)
		take(&r, option);
	if (optind == argc) {
		tool_say("no program to run");
		usage();
	}
	check_request(&r);
	library = library_of(&r);
	program_library(library, &elf);
	program_find(argv[optind], &elf, &program);
	if (r.compare) {
		r.what.program = &program;
		r.what.arguments = argv + optind;
		r.what.libraries[0] = library;
		r.what.nr_libraries++;
		return compare_run(&r.what);
	}
	if (r.profile != NULL)
		run_profile_prepare(&profile, r.profile);
	program_preload(library);
	start.arguments = argv + optind;
	start.no_inherit = r.no_inherit;
	if (r.profile == NULL)
		start_program(&start);
	return run_profile_finish(&profile, start_program, &start);
}
